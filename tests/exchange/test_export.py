"""What ``engram export`` writes, says and refuses, whatever the format."""

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from engram import DiehlCook, SelfNormalizing, load_model, save_model
from engram.cli import main
from engram.errors import ConfigError, DataError, RunFolderError
from engram.exchange import FORMATS, example_images, export_model, format_named, freeze, present
from engram.exchange.nest_script import held_factor
from engram.neurons import AdEx
from engram.tutorial_files import read_tutorial_parameters
from exchange.small import SIDE, small_images, small_model

N_IMAGES = 2


def written(tmp_path, to, **options):
    return export_model(small_model(), to, tmp_path / to, images=small_images()[:N_IMAGES], **options)


@pytest.mark.parametrize("to", FORMATS)
def test_each_export_says_what_is_exact_and_what_is_lost_beside_its_files(to, tmp_path):
    pytest.importorskip("nir") if to == "nir" else None
    export = written(tmp_path, to)
    told = " ".join((export.folder / "README.txt").read_text().split())
    for sentence in (*export.format.exact, *export.format.lost):
        assert " ".join(sentence.split()) in told
    assert all(path.stat().st_size > 0 for path in export.files)
    assert {path.name for path in export.files} == {path.name for path in export.folder.iterdir()}


def test_the_command_says_what_is_exact_and_lost_and_how_to_run_it(tmp_path, capsys):
    model = tmp_path / "strokes.safetensors"
    save_model(small_model(), model)
    folder = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["export", str(model), "--to", "numpy", "--out", str(folder), "--images", "1"])
    told = capsys.readouterr().out
    form = format_named("numpy")
    assert not end.value.code
    for sentence in (*form.exact, *form.lost, form.run):
        assert sentence in told


def test_numpy_export_holds_names_units_and_the_models_own_numbers(tmp_path):
    export = written(tmp_path, "numpy")
    stored = np.load(export.folder / "network.npz")
    about = json.loads(str(stored["about"]))
    model = small_model()
    assert set(about["units"]) == set(stored) - {"about"} == set(about["meaning"])
    assert about["units"]["theta"] == "mV"
    assert about["constants"]["exc_tau_m"] == 100.0
    np.testing.assert_array_equal(stored["weights"], model.weights.astype(np.float64))
    np.testing.assert_array_equal(stored["theta"], model.theta)
    np.testing.assert_array_equal(stored["delays"], model.network.new_delays(model.seed))
    np.testing.assert_array_equal(stored["labels"], model.readout.labels)


def test_json_export_is_read_back_to_the_same_digits(tmp_path):
    parameters = read_tutorial_parameters(written(tmp_path, "json").folder)
    model = small_model()
    np.testing.assert_array_equal(parameters.weights, model.weights)
    np.testing.assert_array_equal(parameters.theta, model.theta)
    np.testing.assert_array_equal(parameters.labels, model.readout.labels)


def test_presentations_hold_the_spikes_that_the_model_draws_and_answers():
    model, images = small_model(), small_images()[:3]
    shown = present(freeze(model), images, np.arange(3))
    counts, _ = model.simulator().count_spikes(images)
    ours = np.zeros_like(counts, np.int64)
    np.add.at(ours, (shown.exc[:, 0], shown.exc[:, 1]), 1)
    np.testing.assert_array_equal(ours, counts)
    assert len(shown.input_spikes(1)[0]) == np.sum(shown.inputs[:, 0] == 1) > 0


def test_a_held_conductance_has_the_integral_of_a_free_one_times_the_factor():
    dt, tau = 0.5, 2.0
    held = sum(math.exp(-k * dt / tau) * dt for k in range(2000))
    assert held == pytest.approx(held_factor(tau, dt, "exponential_euler") * tau)
    assert sum((1 - dt / tau) ** k * dt for k in range(2000)) == pytest.approx(held_factor(tau, dt, "euler") * tau)


@pytest.mark.parametrize("dataset", ["strokes", "digits"])
@pytest.mark.parametrize("to", FORMATS)
def test_a_network_can_be_exported_without_images(to, dataset, tmp_path):
    pytest.importorskip("nir") if to == "nir" else None
    export = export_model(replace(small_model(), dataset=dataset), to, tmp_path, n_images=0)
    assert export.files
    if "presentations.npz" in {path.name for path in export.files}:
        with np.load(tmp_path / "presentations.npz") as given:
            assert given["input_spikes"].shape == given["exc_spikes"].shape == (0, 3)


def test_export_replaces_nothing_unless_told_to(tmp_path):
    written(tmp_path, "json")
    with pytest.raises(RunFolderError, match=r"holds README\.txt already"):
        written(tmp_path, "json", on_progress=pytest.fail)  # told before images are shown
    (tmp_path / "json/README.txt").unlink()
    with pytest.raises(RunFolderError, match=r"holds xeae\.json already"):
        written(tmp_path, "json")
    assert written(tmp_path, "json", overwrite=True).files


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (replace(small_model().network, max_input_delay=3.0), "max_input_delay"),
        (
            replace(small_model().network, inhibitory=AdEx()),
            "Only networks of ConductanceLIF",
        ),
        (small_model().network.describe(SelfNormalizing()), "Only the network of Diehl and Cook can be exported"),
    ],
)
def test_networks_that_others_do_not_have_are_refused(network: DiehlCook, message):
    with pytest.raises(ConfigError, match=message):
        freeze(replace(small_model(), network=network))


def test_wrong_formats_bits_and_images_are_told(tmp_path):
    with pytest.raises(
        ConfigError, match=r"There is no format 'nestml' to export to \(did you mean nest\?\); choose one of brian2"
    ):
        export_model(small_model(), "nestml", tmp_path)
    with pytest.raises(ConfigError, match="has no choice of weight_bits"):
        written(tmp_path, "numpy", weight_bits=4)
    with pytest.raises(ConfigError, match="weight_bits must be 2 to 16, got 17"):
        written(tmp_path, "c", weight_bits=17)
    with pytest.raises(DataError, match="flatten each one"):
        export_model(small_model(), "numpy", tmp_path, images=np.zeros((2, SIDE, SIDE)))
    assert not list(tmp_path.iterdir())


def test_an_export_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ConfigError, match="pip install nir"):
        written(tmp_path, "nir")


def test_weights_learned_in_more_bits_than_a_header_has_are_said_to_be_rounded(tmp_path):
    model = replace(small_model(), rule=SelfNormalizing(weight_bits=20, w_max=1.0))
    export = export_model(model, "c", tmp_path, images=small_images()[:1])
    assert "Weights were learned in 20 bits and are rounded to 8; 16 are the most." in export.format.lost


@pytest.mark.parametrize("to", ["nest", "pynn", "nir"])
def test_negative_weights_are_refused_where_their_sign_means_something_else(to, tmp_path):
    pytest.importorskip("nir") if to == "nir" else None
    model = small_model()
    signed = replace(model, weights=model.weights - np.float32(0.01))
    with pytest.raises(ConfigError, match="negative weights"):
        export_model(signed, to, tmp_path, images=small_images()[:1])


def test_another_time_step_keeps_the_delays_in_ms():
    model = small_model()
    coarse, fine = freeze(model), freeze(model, dt=0.1)
    assert fine.network.dt == fine.model.network.dt == 0.1
    assert np.max(np.abs(fine.delays * 0.1 - coarse.delays * 0.5)) <= 0.3


def test_example_images_are_of_the_models_size_whatever_it_was_trained_on():
    images, classes = example_images(small_model(), 3)
    assert images.shape == (3, SIDE**2)
    assert list(classes) == [-1, -1, -1]
    images, classes = example_images(replace(load_model("mnist-100"), dataset="nowhere", config={}), 4)
    assert images.shape == (4, 784)
    assert classes.min() >= 0
