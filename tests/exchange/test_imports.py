"""Networks that other programs trained: read as they are, and nothing in them is ever executed."""

import json
import os
import pickle
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from engram import load_model, tutorial_files
from engram.cli import main
from engram.errors import ConfigError, ModelFileError
from engram.exchange import export_model, import_model
from engram.exchange.bindsnet_file import read_bindsnet_file
from engram.exchange.diehl_cook_files import read_diehl_cook_files
from engram.exchange.torch_archive import read_torch_archive
from engram.readout import origin_of_labels
from exchange import torch_files
from exchange.small import small_images, small_model
from exchange.torch_files import Global, made

WEIGHTS = np.random.default_rng(0).random((16, 5))
THETA = np.linspace(20.0, 60.0, 5)


def original_files(folder, ending="", weights=WEIGHTS, theta=THETA / 1000):
    """As Diehl & Cook's program saves them: a list of synapses, and volts."""
    i, j = np.indices(weights.shape)
    np.save(folder / f"XeAe{ending}.npy", np.column_stack((i.ravel(), j.ravel(), weights.ravel())))
    np.save(folder / f"theta_A{ending}.npy", theta)
    return folder


def bindsnet_network(weights=WEIGHTS, theta=THETA, since="0.3.4"):
    """A DiehlAndCook2015 as its pickle describes it."""
    value = weights.astype(np.float32)
    if since == "0.3.4":
        feature = made("bindsnet.network.topology_features", "Weight", {"name": "weight", "value": value})
        connection = {"_parameters": {}, "pipeline": [feature], "dt": 1.0}
    else:
        connection = {"_parameters": {"w": value}, "dt": 1.0}
    layer = {"_buffers": {"theta": theta.astype(np.float32), "v": np.zeros((1, 5), np.float32)}, "n": 5}
    modules = {
        "X": made("bindsnet.network.nodes", "Input", {"n": 16, "shape": (4, 4)}),
        "Ae": made("bindsnet.network.nodes", "DiehlAndCookNodes", layer),
        "X_to_Ae": made("bindsnet.network.topology", "MulticompartmentConnection", connection),
    }
    return made("bindsnet.models.models", "DiehlAndCook2015", {"training": True, "_modules": modules})


@pytest.mark.parametrize("ending", ["", "10000"])
def test_the_original_files_give_their_weights_and_thresholds_in_mv(ending, tmp_path):
    model = import_model(original_files(tmp_path, ending))
    np.testing.assert_array_equal(model.weights, WEIGHTS.astype(np.float32))
    np.testing.assert_allclose(model.theta, THETA)
    assert (model.network.n_inputs, model.network.n_neurons, model.image_shape) == (16, 5, (4, 4))
    assert model.rule.name == "triplet"
    assert model.readout is None


def test_an_imported_network_answers_as_before_with_its_own_factor_on_pixels(tmp_path):
    images, model = small_images(), small_model()
    files = original_files(tmp_path, weights=model.weights, theta=model.theta / 1000)
    again = import_model(files, input_gain=model.input_gain)
    again = replace(again, network=model.network, protocol=model.protocol, seed=model.seed)
    np.testing.assert_array_equal(again.simulator().count_spikes(images)[0], model.simulator().count_spikes(images)[0])
    with pytest.raises(ConfigError, match=r"input_gain must be positive, got 0"):
        import_model(files, input_gain=0.0)


def test_the_command_keeps_the_factor_on_pixels_and_says_that_it_is_lost_otherwise(tmp_path, capsys):
    command = ["import", str(original_files(tmp_path)), "--out", str(tmp_path / "m.safetensors"), "--input-gain", "0.4"]
    with pytest.raises(SystemExit, match="0"):
        main(command)
    assert "--input-gain" in capsys.readouterr().out
    assert load_model(tmp_path / "m.safetensors").input_gain == 0.4


def test_ports_may_hold_a_matrix_and_mv_and_sparse_lists(tmp_path):
    np.save(tmp_path / "XeAe.npy", WEIGHTS)
    np.save(tmp_path / "theta_A.npy", THETA)
    weights, theta, _ = read_diehl_cook_files(tmp_path)
    np.testing.assert_array_equal(weights, WEIGHTS)
    np.testing.assert_array_equal(theta, THETA)
    np.save(tmp_path / "XeAe.npy", [[0, 1, 0.5], [3, 4, 0.25]])
    weights, _, _ = read_diehl_cook_files(tmp_path, n_inputs=16)
    assert weights.shape == (16, 5)
    assert (weights[0, 1], weights[3, 4], weights.sum()) == (0.5, 0.25, 0.75)


def test_of_several_files_the_last_one_is_read(tmp_path):
    for ending, factor in (("9000", 1.0), ("10000", 2.0)):
        original_files(tmp_path, ending, weights=WEIGHTS * factor)
    assert read_diehl_cook_files(tmp_path)[2] == "10000"
    np.testing.assert_array_equal(read_diehl_cook_files(tmp_path)[0], 2 * WEIGHTS)
    np.testing.assert_array_equal(read_diehl_cook_files(tmp_path, ending="9000")[0], WEIGHTS)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("XeAe", np.array([[0, 9, 1.0]]), "names inputs or neurons that there are not"),
        ("XeAe", np.array([[0.5, 1, 1.0]]), "names inputs or neurons that there are not"),
        ("XeAe", np.array([[1e9, 1, 1.0]]), "names inputs or neurons that there are not"),
        ("XeAe", np.zeros((7, 4)), "must hold rows of"),
        ("XeAe", np.array([[0, 1, np.nan]]), "not finite"),
        ("theta_A", np.array([np.inf] * 5), "finite threshold"),
        ("theta_A", np.array(["a"] * 5), "must hold numbers"),
        ("XeAe", np.array([zip], dtype=object), "Python objects"),
    ],
)
def test_files_that_do_not_fit_are_told(name, array, message, tmp_path):
    original_files(tmp_path)
    np.save(tmp_path / f"{name}.npy", array, allow_pickle=True)
    with pytest.raises(ModelFileError, match=message):
        read_diehl_cook_files(tmp_path)


@pytest.mark.parametrize("since", ["0.3.4", "0.3.2"])
def test_a_saved_bindsnet_network_gives_weights_and_thresholds(since, tmp_path):
    torch_files.save(tmp_path / "network.pt", bindsnet_network(since=since))
    model = import_model(tmp_path / "network.pt")
    np.testing.assert_array_equal(model.weights, WEIGHTS.astype(np.float32))
    np.testing.assert_allclose(model.theta, 20.0 + THETA.astype(np.float32))


def test_a_state_dict_is_read_where_it_holds_weights(tmp_path):
    state = {"X_to_Ae.w": WEIGHTS.astype(np.float32), "Ae.theta": THETA.astype(np.float32)}
    torch_files.save(tmp_path / "state.pt", state)
    np.testing.assert_array_equal(read_bindsnet_file(tmp_path / "state.pt")[0], WEIGHTS.astype(np.float32))
    del state["X_to_Ae.w"]
    torch_files.save(tmp_path / "state.pt", state)
    with pytest.raises(ModelFileError, match="holds no weights from X to Ae"):
        read_bindsnet_file(tmp_path / "state.pt")


class Evil:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    evil = Evil()
    evil.path = str(tmp_path / "made")
    torch_files.save(tmp_path / "evil.pt", None, pickled=pickle.dumps({"Ae.theta": evil}, protocol=2))
    record = read_torch_archive(tmp_path / "evil.pt")["Ae.theta"]
    assert record.maker.text.endswith(" mkdir")
    assert record.arguments == (evil.path,)
    with pytest.raises(ModelFileError, match="holds no weights"):
        import_model(tmp_path / "evil.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02(ios\nmkdir\n.", "instruction INST"),
        (b"\x80\x02]q\x00h\x05.", "damaged or no network"),
        (b"\x80\x02t.", "damaged or no network"),
        (b"\x80\x02", "damaged or no network"),
        (pickle.dumps([1], protocol=0), "which no saved network needs"),
    ],
)
def test_damaged_and_odd_pickles_are_refused(pickled, message, tmp_path):
    torch_files.save(tmp_path / "odd.pt", None, pickled=pickled)
    with pytest.raises(ModelFileError, match=message):
        import_model(tmp_path / "odd.pt")


def test_a_tensor_beyond_its_storage_and_compressed_storages_are_refused(tmp_path):
    torch_files.save(tmp_path / "state.pt", {"X_to_Ae.w": WEIGHTS})
    with zipfile.ZipFile(tmp_path / "state.pt") as archive:
        content = archive.read("archive/data.pkl")
    with zipfile.ZipFile(tmp_path / "short.pt", "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", b"\0" * 64)
    with pytest.raises(ModelFileError, match="reaches beyond its storage"):
        read_torch_archive(tmp_path / "short.pt")
    torch_files.save(tmp_path / "packed.pt", {"X_to_Ae.w": WEIGHTS}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match=r"torch\.save does not write"):
        read_torch_archive(tmp_path / "packed.pt")


def test_an_order_of_bytes_that_unpacks_to_gigabytes_takes_no_memory(tmp_path):
    torch_files.save(tmp_path / "state.pt", {"X_to_Ae.w": WEIGHTS})
    with zipfile.ZipFile(tmp_path / "state.pt") as archive:
        content = archive.read("archive/data.pkl")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", bytes(1 << 26), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "bomb.pt").stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=r"byteorder in a form that torch\.save does not write"):
        read_torch_archive(tmp_path / "bomb.pt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_an_encrypted_archive_is_refused(tmp_path):
    torch_files.save(tmp_path / "state.pt", {"X_to_Ae.w": WEIGHTS})
    content = bytearray((tmp_path / "state.pt").read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption, in both headers
        content[content.index(signature) + place] |= 1
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(ModelFileError, match="encrypted"):
        read_torch_archive(tmp_path / "state.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files of this system")
def test_a_pipe_in_place_of_json_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "weights.json")
    with pytest.raises(ModelFileError, match="cannot be read"):
        tutorial_files._numbers(tmp_path / "weights.json", 2)


def test_an_old_or_missing_file_is_told(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    with pytest.raises(ModelFileError, match=r"no file of PyTorch 1\.6 or later"):
        import_model(tmp_path / "old.pt")
    with pytest.raises(ModelFileError, match=r"There is no .*give a folder with XeAe"):
        import_model(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match="nothing that can be imported"):
        import_model(tmp_path)
    with pytest.raises(ConfigError, match="choose one of diehl-cook, bindsnet, json"):
        import_model(tmp_path, "nengo")


def test_an_unknown_class_is_a_name_and_no_more(tmp_path):
    torch_files.save(tmp_path / "other.pt", made("mypackage.secret", "Thing", {"a": Global("os", "system")}))
    record = read_torch_archive(tmp_path / "other.pt")
    assert record.maker.text == "mypackage.secret Thing"
    assert record.state["a"].text == "os system"


def test_an_exported_tutorial_folder_comes_back_with_its_labels(tmp_path):
    export_model(small_model(), "json", tmp_path, images=small_images()[:1])
    model = import_model(tmp_path)
    np.testing.assert_array_equal(model.weights, small_model().weights)
    np.testing.assert_array_equal(model.readout.labels, small_model().readout.labels)
    assert origin_of_labels(model.readout.n_label) == "that were imported with it"
    assert origin_of_labels(1) == "from 1 training image"


def test_the_command_writes_a_model_and_says_what_is_lost(tmp_path, capsys):
    original_files(tmp_path)
    out = tmp_path / "dc.safetensors"
    for expected in (0, 1):  # the second time it is there already
        with pytest.raises(SystemExit) as end:
            main(["import", str(tmp_path), "--out", str(out), "--json"])
        assert (end.value.code or 0) == expected
        told = json.loads(capsys.readouterr().out)
    assert "there already" in told["error"]["message"]
    np.testing.assert_array_equal(load_model(out).weights, WEIGHTS.astype(np.float32))
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path), "--out", str(out), "--overwrite"])
    told = capsys.readouterr().out
    assert "Labels of neurons" in told
    assert f"engram evaluate {out}" in told
