"""A parameter that a part does not have is told by name, with the one that was meant."""

import copy
import inspect
import pickle
from dataclasses import dataclass, replace

import pytest

from engram import DiehlCook, LearningRule, Protocol, STDPClassifier, Training, TrainingConfig, Triplet
from engram.callbacks import EarlyStopping
from engram.datasets.options import Options
from engram.errors import ConfigError
from engram.networks import Input, Network, Population
from engram.networks.tutorial import TutorialNetwork
from engram.neurons import AdEx
from engram.projections import Convolution, Dense, Uniform
from engram.runs import RunOptions
from engram.simulator import Simulator
from engram.sources import Latency
from engram.sweep import SweepOptions


@dataclass(frozen=True, kw_only=True)
class Mine(LearningRule):
    eta: float = 0.1


@pytest.mark.parametrize(
    ("kind", "wrong", "meant"),
    [
        (TrainingConfig, "neuron", "neurons"), (Protocol, "min_spike", "min_spikes"),
        (DiehlCook, "neurons", "n_neurons"), (Triplet, "eta_pst", "eta_post"), (Mine, "etta", "eta"),
        (AdEx, "tau_mm", "tau_m"), (Population, "shap", "shape"), (Network, "input", "inputs"),
        (Dense, "chanel", "channel"), (Convolution, "strides", "stride"), (Uniform, "hi", "high"),
        (Latency, "bin", "bins"), (STDPClassifier, "n_neuron", "n_neurons"), (RunOptions, "thread", "threads"),
        (SweepOptions, "seed", "seeds"), (Options, "window_", "window"), (TutorialNetwork, "dtt", "dt"),
        (Simulator, "kernels", "kernel"), (Training, "rules", "rule"), (EarlyStopping, "patients", "patience"),
    ],
)  # fmt: skip
def test_an_unknown_parameter_is_told_with_the_one_that_was_meant(kind, wrong, meant):
    with pytest.raises(ConfigError, match=rf"^{kind.__name__} has no parameter '{wrong}' \(did you mean {meant}\?\);"):
        kind(**{wrong: 1})


def test_parameters_that_need_their_names_are_told():
    with pytest.raises(ConfigError, match=r"DiehlCook takes none of its parameters without their names, got 2; write"):
        DiehlCook(784, 400)
    with pytest.raises(ConfigError, match=r"Training takes 2 at most of its parameters without their names, got 3"):
        Training(1, 2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Input(), r"Input needs shape; write Input\(shape=\.\.\.\)\."),
        (lambda: Population(), r"Population needs shape and neuron; write Population\(shape=\.\.\., neuron=\.\.\.\)\."),
        (lambda: Population(20), r"Population needs neuron; write Population\(neuron=\.\.\.\)\."),
        (lambda: Population(neuron=AdEx()), r"Population needs shape; write Population\(shape=\.\.\.\)\."),
        (lambda: Network(inputs={}), r"Network needs populations; write Network\(populations=\.\.\.\)\."),
        (lambda: Dense(after="exc"), r"Dense needs before; write Dense\(before=\.\.\.\)\."),
        (lambda: Training(), r"Training needs config and dataset; write Training\("),
        (lambda: Simulator(), r"Simulator needs network; write Simulator\("),
    ],
)
def test_a_parameter_that_is_missing_is_told(make, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        make()


def test_a_changed_copy_is_told_alike():
    with pytest.raises(ConfigError, match=r"Triplet has no parameter 'eta'"):
        replace(Triplet(), eta=0.1)


@pytest.mark.parametrize(
    "part",
    [Triplet(eta_post=0.02), Mine(eta=0.2), Protocol(shown=9.0), TrainingConfig(), Input(9), Population(2, AdEx())],
)
def test_copies_and_pickles_are_made_as_ever(part):
    for same in (copy.deepcopy(part), pickle.loads(pickle.dumps(part)), replace(part)):
        assert same == part


def test_what_a_part_is_made_from_is_told_as_before():
    assert list(inspect.signature(Mine).parameters)[-1] == "eta"
    assert list(inspect.signature(Population).parameters)[:2] == ["shape", "neuron"]
    assert "n_neurons" in STDPClassifier().get_params()
