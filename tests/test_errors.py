"""Mistakes are told in engram's words where they are made: what is wrong, what was given, what to do."""

import numpy as np
import pytest

from engram import (
    Callback,
    DiehlCook,
    SelfNormalizing,
    Simulator,
    STDPFeatures,
    Training,
    TrainingConfig,
    Triplet,
    load_model,
    simulate,
)
from engram.callbacks import Callbacks
from engram.datasets import load
from engram.errors import ConfigError, DataError, EngramError, ModelFileError, RuleError
from engram.training import TrainingSet
from engram.validation import did_you_mean
from tiny import CONFIG, tiny_dataset

NETWORK = DiehlCook(n_inputs=4, n_neurons=3)
SILENT = ([], [])


def run(**options):
    return simulate(NETWORK, Triplet(), n_steps=5, kernel="reference", **{"spikes": SILENT, **options})


def run_described(**options):
    return simulate(NETWORK.describe(Triplet()), n_steps=5, kernel="reference", spikes=SILENT, **options)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda: simulate(NETWORK, "triplet", spikes=SILENT, n_steps=5), "make_rule('triplet')"),
        (lambda: simulate("diehl-cook", spikes=SILENT, n_steps=5), "network must be a DiehlCook or a Network"),
        (lambda: run(spikes=np.zeros((6, 4), bool)), "spikes must be for 5 steps, got an array of shape (6, 4)"),
        (lambda: run(spikes=np.zeros((5, 3), bool)), "spikes must be of 4 inputs, got an array of shape (5, 3)"),
        (lambda: run(spikes=np.zeros((5, 4))), "spikes must be two lists (inputs, steps)"),
        (lambda: run(spikes=None), "spikes must be two lists (inputs, steps)"),
        (lambda: run(record="v"), "record must be numbers of neurons of exc"),
        (lambda: run(record={"exc": True}), "record of exc must name variables"),
        (lambda: run(record={"exk": ["v"]}), "record names 'exk' (did you mean exc?)"),
        (lambda: run_described(record=True), "record must be a dict"),
        (lambda: run_described(record=slice(0, 2)), "record must be a dict"),
        (lambda: run_described(record="exc"), "record must be a dict"),
        (lambda: run_described(record={"exc": ["g_ex"]}), "has no 'g_ex' to record (did you mean g_exc?)"),
        (lambda: Training(CONFIG, (np.zeros((2, 9)), [0, 1])), "dataset must be a data set, got tuple"),
        (lambda: Training(CONFIG, np.zeros((2, 9))), "TrainingSet(images, labels)"),
        (lambda: Training({"neurons": 3}, tiny_dataset()), "config must be a TrainingConfig"),
        (lambda: Training(CONFIG, tiny_dataset(), rule="triplet"), "rule must be a learning rule"),
        (lambda: Training(CONFIG, tiny_dataset(), network="two-layers"), "network must be a Network"),
        (lambda: TrainingSet(np.zeros((2, 3, 3, 1))), "images.reshape(len(images), -1)"),
        (lambda: TrainingSet(np.zeros((2, 9)), np.zeros(3, int)), "one label for each of 2 images"),
        (lambda: Simulator(NETWORK, Triplet(), kernel="reference").count_spikes(np.zeros((1, 2, 2, 1))), "Images must"),
        (lambda: STDPFeatures(3).fit(np.zeros((2, 3, 3, 3, 1))), "one image a row, of up to three dimensions"),
        (lambda: Callbacks(lambda progress: None), "called with two arguments, (progress, training)"),
        (lambda: Callbacks(3), "callbacks must be a Callback, a function, or a list of these, got 3"),
        (lambda: Callbacks(Callback), "callbacks must be engram.Callback objects or functions"),
        (lambda: SelfNormalizing(eta=np.array([0.1, 0.2])), "eta must be a finite number, got array([0.1, 0.2])"),
        (lambda: DiehlCook(n_neurons=np.array([3, 4])), "n_neurons must be a whole number"),
        (lambda: TrainingConfig(network={"theta_plus": [1, 2]}), "network.theta_plus must be a finite number"),
        (lambda: load_model("mnist-4000"), "mnist-conv (did you mean mnist-400?)"),
        (lambda: load("minst"), "'minst' is neither a data set nor an existing path (did you mean mnist?)"),
        (lambda: TrainingConfig(rule="tripplet").make_rule(), "no learning rule 'tripplet' (did you mean triplet?)"),
        (lambda: TrainingConfig(constants={"etta": 1}).make_rule(), "has no constant 'etta' (did you mean eta?)"),
        (lambda: TrainingConfig(preset="shrap"), "(did you mean sharp?)"),
        (lambda: TrainingConfig.from_dict({"neuron": 3}), "has no option 'neuron' (did you mean neurons?)"),
        (lambda: TrainingConfig(protocol={"min_spike": 1}), "has no option 'min_spike' (did you mean min_spikes?)"),
        (lambda: TrainingConfig(network={"excitatory": {"tau-m": 1}}), "has no option 'tau-m' (did you mean tau_m?)"),
        (lambda: TrainingConfig(network={"excitatory": 3}), "network.excitatory must be a table of tau_m"),
        (lambda: TrainingConfig(network="two_layers"), "(did you mean two-layers?)"),
    ],
)  # fmt: skip
def test_mistake_is_told_where_it_is(mistake, told):
    with pytest.raises(EngramError) as error:
        mistake()
    assert isinstance(error.value, (ConfigError, DataError, ModelFileError, RuleError))
    assert told in str(error.value)


def test_all_neurons_and_slices_of_them_are_recorded():
    assert run(record=True).recording["v"].shape == (5, 3)
    assert run(record=slice(1, None)).recording["v"].shape == (5, 2)
    recording = run_described(record={"exc": {"v": slice(0, 2), "theta": True}}).recording
    assert (recording["exc.v"].shape, recording["exc.theta"].shape) == ((5, 2), (5, 3))


@pytest.mark.parametrize("name", ["", "something else", 5, None])
def test_what_is_near_nothing_is_not_guessed_at(name):
    assert did_you_mean(name, ["tau_m", "theta_plus"]) == ""


def test_constant_of_a_neuron_is_set_from_the_command_line():
    from engram.cli.train import with_settings

    options = with_settings(
        {"network": {"theta_plus": 0.1}}, ["network.excitatory.tau_m=50", "network.excitatory.t_ref=2"]
    )
    assert options == {"network": {"theta_plus": 0.1, "excitatory": {"tau_m": 50, "t_ref": 2}}}
    assert TrainingConfig(**options).make_network(4).excitatory.tau_m == 50.0
    with pytest.raises(ConfigError, match=r"got 'netwrok.tau_m' \(did you mean network\?\)"):
        with_settings({}, ["netwrok.tau_m=50"])
