"""The trained models that come with engram: there, small, whole, and as good as their list says."""

import doctest
import functools
import importlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engram import load_model, save_model
from engram.datasets import load
from engram.errors import ConfigError, DataError, ModelFileError
from engram.evaluation import measure_accuracy as measure
from engram.models import FOLDER, find_model, shipped_models
from engram.networks.tutorial import MORE_EVIDENCE, TEXT
from engram.neurons import AdEx
from engram.reading import tutorial_reader

NAMES = [model.name for model in shipped_models()]
REPOSITORY = Path(__file__).parents[1]


@functools.cache
def dataset(name):
    try:
        return load(name)
    except DataError:
        pytest.skip(f"{name} is not on this machine; engram data fetch {name}")


@pytest.fixture(scope="module")
def mnist():
    return dataset("mnist")


@pytest.mark.parametrize("module", ["engram.models", "engram.reading", "engram.figures.reading"])
def test_examples_in_the_documentation_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_every_listed_model_is_there_and_every_file_is_listed():
    assert NAMES == ["fashion-400", "mnist-100", "mnist-100-paper", "mnist-1600", "mnist-400", "mnist-conv"]
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(NAMES)


def test_shipped_models_are_small_together():
    assert sum(model.size for model in shipped_models()) <= 5_000_000


@pytest.mark.parametrize("entry", shipped_models(), ids=NAMES)
def test_a_shipped_model_is_what_its_entry_says(entry):
    model = load_model(entry.name)
    assert model.network.n_neurons == entry.neurons
    assert (model.dataset, model.examples, model.version) == (entry.dataset, entry.examples, entry.version)
    assert model.rule_record["rule"] == entry.rule
    assert model.readout is not None
    cost = {scheme: entry.before_rounding.get(scheme, value) - value for scheme, value in entry.accuracy.items()}
    assert all(lost < 0.001 for lost in cost.values())
    assert all(abs(lost) < 0.001 for scheme, lost in cost.items() if scheme != "logistic")  # which is learned anew


@pytest.mark.parametrize("entry", shipped_models(), ids=NAMES)
def test_the_command_that_made_a_model_is_one_of_this_repository(entry):
    program, script, *_ = entry.command.split()
    assert program == "python"
    assert (REPOSITORY / script).exists()


@pytest.mark.parametrize("entry", shipped_models(), ids=NAMES)
def test_a_shipped_model_reads_as_well_as_its_entry_says(entry):
    model, data = load_model(entry.name), dataset(entry.dataset)
    images, labels = data.test_images[::10], data.test_labels[::10]  # of both of MNIST's halves, by different writers
    accuracy = measure(model.simulator(), model.readout, images, labels, threads=os.cpu_count()).accuracy
    spread = 3 * (0.25 / 1000) ** 0.5  # three standard deviations of a share of 1,000 images, at most
    for scheme, value in entry.accuracy.items():
        assert accuracy[scheme] == pytest.approx(value, abs=spread)


def test_the_tutorials_network_reads_test_images_with_either_set_of_constants(mnist):
    images, labels = mnist.test_images[:1000], mnist.test_labels[:1000]
    model = load_model("mnist-400")
    ours = tutorial_reader(model, MORE_EVIDENCE).read_all(images).accuracy(labels)
    texts = tutorial_reader(model, TEXT).read_all(images).accuracy(labels)
    assert ours >= 0.85
    assert 0.2 < texts < 0.7  # "often inaccurate"
    table = json.loads((REPOSITORY / "docs/measured/read_digits.json").read_text())
    assert ours == pytest.approx(table["presets"]["more_evidence"][0]["accuracy"], abs=0.005)
    assert texts == pytest.approx(table["presets"]["text"][0]["accuracy"], abs=0.005)


def test_a_path_comes_before_a_shipped_models_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_model("mnist-100") == FOLDER / "mnist-100.safetensors"
    assert find_model("somewhere/mnist-100") == Path("somewhere/mnist-100")
    assert find_model("mnist-101") == Path("mnist-101")
    Path("mnist-100").write_bytes(b"a file of that name")
    assert find_model("mnist-100") == Path("mnist-100")
    with pytest.raises(ModelFileError, match="mnist-100 is not a model file"):
        load_model("mnist-100")


def test_a_compact_file_holds_what_it_is_read_back_as(tmp_path):
    model = load_model("mnist-100")
    save_model(model, tmp_path / "again.safetensors", compact=True)
    again = load_model(tmp_path / "again.safetensors")
    assert again.weights.dtype == np.float32
    assert np.array_equal(again.weights, model.weights)
    assert np.array_equal(again.readout.profile, model.readout.profile)
    save_model(again, tmp_path / "third.safetensors", compact=True)
    assert (tmp_path / "third.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    save_model(model, tmp_path / "full.safetensors")
    assert np.array_equal(load_model(tmp_path / "full.safetensors").weights, model.weights)


def test_the_tutorial_s_network_takes_conductance_neurons_only():
    model = load_model("mnist-100")
    other = replace(model, network=replace(model.network, excitatory=AdEx()))
    with pytest.raises(ConfigError, match="takes thresholds of ConductanceLIF, got AdEx; read with --network own"):
        tutorial_reader(other)
