"""Type hints: those of the package hold, and a user's program is checked against them."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import engram
from engram import Network, Population, TrainingConfig
from engram.networks import Input
from engram.projections import Sparse

ROOT = Path(__file__).parents[1]
PROGRAM = """
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from engram import (
    Callback, DiehlCook, LearningRule, Model, Network, Population, Protocol, SelfNormalizing, Simulation, Simulator,
    STDPClassifier, STDPFeatures, Trace, Training, TrainingConfig, Triplet, datasets, figures, load_model, save_model,
    simulate,
)
from engram.callbacks import ProgressBar
from engram.networks import AdaptiveThreshold, Input
from engram.neurons import EXCITATORY, AdEx, Neuron
from engram.projections import AllButOwn, Convolution, Dense, OneToOne, Sparse, Uniform
from engram.readout import fit_readout
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run
from engram.sources import Latency, Poisson
from engram.training import Progress


@dataclass(frozen=True, kw_only=True)
class Own(LearningRule):
    eta: float = 0.01
    tau: float = 20.0

    def traces(self) -> tuple[Trace, ...]:
        return (Trace("x_pre", "pre", self.tau),)

    def on_post(w, x_pre, eta):
        return w + eta * x_pre


@dataclass(frozen=True, kw_only=True)
class Izhikevich(Neuron):
    a: float = 0.02
    v_thresh: float = 30.0

    channels: ClassVar[dict[str, str]] = {"exc": "i", "inh": "i"}

    def variables(self) -> dict[str, float]:
        return {"v": -65.0, "u": -13.0, "i": 0.0}

    @staticmethod
    def step(v, u, i, a, dt):
        return v + dt * (0.04 * v * v + 5.0 * v + 140.0 - u + i), u + dt * a * (0.2 * v - u), 0.0

    @staticmethod
    def on_spike(v, u):
        return -65.0, u + 8.0


class Told(Callback):
    def on_progress(self, progress: Progress, training: Training) -> None:
        print(progress.examples, progress.accuracy, training.total)


digits = datasets.load("digits")
classifier = STDPClassifier(
    n_neurons=100, rule=Own(eta=0.02), epochs=2, random_state=0, callbacks=[Told(), ProgressBar()],
    network={"w_inh_exc": 20.0}, protocol=Protocol(shown=200.0),
).fit(digits.train_images, digits.train_labels)
score: float = classifier.score(digits.test_images, digits.test_labels)
shape: tuple[int, ...] = classifier.model_.weights.shape
print(classifier.classes_.tolist(), classifier.n_features_in_, classifier.history_[-1]["accuracy"])
features: np.ndarray = STDPFeatures(50).fit(digits.train_images).transform(digits.test_images)

model: Model = load_model("mnist-400")
print(model.weights.shape, model.theta.mean(), [layer.weights.shape for layer in model.layers])
answers: np.ndarray = model.predict(digits.test_images)
profile: np.ndarray = model.fitted_readout.profile
save_model(model, Path("x.safetensors"))
counts, attempts = model.simulator().count_spikes(digits.test_images)
print(fit_readout(counts, digits.test_labels).predict(counts, "mean"), model.to_estimator())

network = DiehlCook(n_inputs=100, n_neurons=20, dt=0.5, theta_start=0.0, excitatory=AdEx())
result: Simulation = simulate(network, Triplet(), spikes=([0], [1]), n_steps=1000, record=[0, 1])
n: int = len(result.exc_spikes)
print(result.weights[0, 0], result.recording["v"].mean(), result.to_dataframe())
own = Network(
    inputs={"image": (10, 10), "more": 5, "other": Input(3)},
    populations={
        "cells": Population(20, Izhikevich()),
        "maps": Population((4, 8, 8), EXCITATORY, AdaptiveThreshold(start=1.0, shared=True), one_wins=True),
    },
    projections=[
        Dense(before="image", after="cells", weights=Uniform(0.0, 0.3), rule=Own()),
        Convolution(before="image", after="maps", size=3, rule=SelfNormalizing()),
        AllButOwn(before="cells", after="cells", weights=-1.0, channel="inh", delay=1.0),
        Sparse(before="more", after="cells", synapses=([0, 1], [1, 2]), weights=[0.5, 0.2]),
        Sparse(before="other", after="cells", synapses=np.eye(3, 20), delay=np.ones(3)),
        OneToOne(before="cells", after="cells", name="self", weights=lambda random, shape: random.random(shape)),
    ],
)
found = simulate(own, spikes={"image": np.zeros((10, 100), bool)}, n_steps=10, record={"cells": ["v", "u"]})
print(found.weights["image_cells"].shape, found.theta["cells"], found.spikes["cells"][:, 0])
n = own.frozen().populations["cells"].n + own.inputs["image"].shape[0] + len(own.projections)
simulator = Simulator(network, SelfNormalizing(), protocol=Protocol(shown=100.0), source=Latency(), kernel="reference")
simulator.train(digits.train_images[:10])

config = TrainingConfig(
    neurons=36, examples=1000, protocol=Protocol(shown=100.0), rule=SelfNormalizing(eta=0.1), network=network
)
preset: str = config.preset
table: dict = config.network
training = Training(config, digits, rule=Own(), source=Poisson())
for progress in training.blocks():
    print(progress.examples, progress.accuracy, progress.health)
folder = RunFolder("runs/x")
start_run(folder, config, overwrite=True)
learned, summary = run_training(folder, training, RunOptions(figures=False), [Told()])
resume_run(folder, dataset=digits)
figures.receptive_fields(learned.weights, (8, 8), learned.fitted_readout.assigned).savefig("x.png")
print(TrainingConfig.from_model(learned, epochs=1).replace(neurons=100).to_toml())
"""


def checked(path: Path | str, *options: str) -> subprocess.CompletedProcess:
    ty = shutil.which("ty", path=str(Path(sys.executable).parent)) or shutil.which("ty")
    assert ty, "the extra 'test' installs ty"
    where = ("--python", sys.prefix, "--output-format", "concise", *options)
    return subprocess.run([ty, "check", *where, path], capture_output=True, text=True, cwd=ROOT)


def test_hints_hold():
    result = checked("src/engram")
    assert result.returncode == 0, result.stdout


def test_a_line_that_is_let_off_names_the_rule():
    lines = [(file, line) for file in (ROOT / "src").rglob("*.py") for line in file.read_text("utf-8").splitlines()]
    let_off = [(file.name, line) for file, line in lines if "ty: ignore" in line or "type: ignore" in line]
    assert 0 < len(let_off) < 20
    assert [pair for pair in let_off if not re.search(r"# ty: ignore\[[a-z-]+\]", pair[1])] == []


def test_a_user_s_program_has_the_types_that_it_should(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    result = checked(tmp_path / "program.py")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("mistake", "kind"),
    [
        ("from engram import Triplet; Triplet(eta_post='fast')", "invalid-argument-type"),
        ("from engram import STDPClassifier; STDPClassifier(neurons=5)", "unknown-argument"),
        ("from engram import load_model; load_model('mnist-400').weigths", "missing-attribute"),
        ("from engram import TrainingConfig; TrainingConfig(network=5)", "invalid-argument-type"),
        ("from engram.networks import Input; Input('28x28')", "invalid-argument-type"),
        ("from engram.projections import Sparse; Sparse(before='a', after='b')", "missing-argument"),
    ],
)
def test_a_user_s_mistakes_are_found(tmp_path, mistake, kind):
    (tmp_path / "program.py").write_text(mistake)
    assert f"error[{kind}]" in checked(tmp_path / "program.py").stdout


@pytest.mark.parametrize("kind", [Input, Population, Network, Sparse, TrainingConfig], ids=lambda kind: kind.__name__)
def test_what_checkers_know_of_a_constructor_is_what_it_takes(kind):
    tree = ast.parse(inspect.cleandoc(inspect.getsource(kind)))
    block = next(part for part in tree.body[0].body if isinstance(part, ast.If))
    asked = next(part for part in block.body if isinstance(part, ast.FunctionDef)).args
    told = [*asked.args[1:], *asked.kwonlyargs]
    defaults = dict(zip([a.arg for a in asked.args][-len(asked.defaults) :], asked.defaults, strict=False))
    defaults |= {a.arg: value for a, value in zip(asked.kwonlyargs, asked.kw_defaults, strict=True) if value}
    taken = inspect.signature(kind).parameters
    assert {argument.arg for argument in told} == set(taken)
    for name, parameter in taken.items():
        assert (name in defaults) == (parameter.default is not parameter.empty), name
        written = ast.literal_eval(defaults[name]) if name in defaults else ...
        assert written is ... or written == parameter.default, name


def test_checkers_know_every_name_that_is_imported_when_it_is_used():
    tree = ast.parse(Path(engram.__file__).read_text(encoding="utf-8"))
    block = next(part for part in tree.body if isinstance(part, ast.If))
    known = {alias.name: line.module for line in block.body for alias in line.names}
    assert known == engram._HOMES
