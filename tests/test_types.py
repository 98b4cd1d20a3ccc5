"""Type hints: those of the package hold, and a user's program is checked against them."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import engram

ROOT = Path(__file__).parents[1]
PROGRAM = """
import numpy as np
from engram import (
    DiehlCook, Network, Population, Protocol, SelfNormalizing, STDPClassifier, Training, TrainingConfig, datasets,
    load_model, simulate,
)
from engram.neurons import AdEx
from engram.projections import Dense, Uniform

digits = datasets.load("digits")
classifier = STDPClassifier(n_neurons=100, epochs=2, random_state=0).fit(digits.train_images, digits.train_labels)
score: float = classifier.score(digits.test_images, digits.test_labels)
answers: np.ndarray = load_model("mnist-400").predict(digits.test_images)
network = DiehlCook(n_inputs=100, n_neurons=20, dt=0.5, theta_start=0.0)
result = simulate(network, SelfNormalizing(eta=0.01), spikes=([0], [1]), n_steps=1000, record=[0, 1])
n: int = len(result.exc_spikes)
own = Network(
    inputs={"image": 100},
    populations={"cells": Population(20, AdEx())},
    projections=[Dense(before="image", after="cells", weights=Uniform(0.0, 0.3), rule=SelfNormalizing())],
)
simulate(own, spikes=np.zeros((10, 100), bool), n_steps=10, record={"cells": ["v", "w"]})
training = Training(TrainingConfig(neurons=36, examples=1000, protocol=Protocol(shown=100.0)), digits)
for progress in training.blocks():
    print(progress.examples, progress.accuracy)
"""


def checked(path: Path | str, *options: str) -> subprocess.CompletedProcess:
    ty = shutil.which("ty", path=str(Path(sys.executable).parent)) or shutil.which("ty")
    assert ty, "the extra 'test' installs ty"
    where = ("--python", sys.prefix, "--output-format", "concise", *options)
    return subprocess.run([ty, "check", *where, path], capture_output=True, text=True, cwd=ROOT)


def test_hints_hold_but_for_what_is_listed(tmp_path):
    (tmp_path / "nothing.toml").touch()
    told = checked("src/engram", "--config-file", str(tmp_path / "nothing.toml")).stdout
    lists = tomllib.loads((ROOT / "ty.toml").read_text())["overrides"]
    listed = {(file, rule) for part in lists for file in part["include"] for rule in part["rules"]}
    finding = re.compile(r"(src/\S+?):\d+:\d+: \w+\[([\w-]+)\]")
    found = [(line, match.groups()) for line in told.splitlines() if (match := finding.match(line))]
    assert len(found) > len(listed) > 0, told[-500:]
    assert [line for line, pair in found if pair not in listed] == [], "mend it, or list it in ty.toml"


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
    ],
)
def test_a_user_s_mistakes_are_found(tmp_path, mistake, kind):
    (tmp_path / "program.py").write_text(mistake)
    assert f"error[{kind}]" in checked(tmp_path / "program.py").stdout


def test_checkers_know_every_name_that_is_imported_when_it_is_used():
    tree = ast.parse(Path(engram.__file__).read_text(encoding="utf-8"))
    block = next(part for part in tree.body if isinstance(part, ast.If))
    known = {alias.name: line.module for line in block.body for alias in line.names}
    assert known == engram._HOMES
