"""Model files: what was saved is loaded, bit for bit; what is damaged or hostile is refused."""

import json
import random
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from engram import STDPClassifier, load_model, save_model
from engram._version import __version__
from engram.errors import EngramError, ModelFileError, RunFolderError
from engram.model_file import FORMAT, decode, encode, model_content, model_from, read_bytes
from engram.neurons import EXCITATORY
from tiny import so_small


@pytest.fixture(scope="module")
def model():
    images = np.arange(320).reshape(20, 16) % 23
    classifier = STDPClassifier(6, epochs=1, image_shape=(4, 4), protocol={"max_intensity": 4.0}, rule="triplet")
    with so_small():
        return classifier.fit(images, np.arange(20) % 3).model_


@pytest.fixture
def content(model):
    return encode(*model_content(model))


def assert_same_model(one, other):
    for name in ("network", "rule", "rule_record", "protocol", "seed", "input_gain", "image_shape", "ink_fill",
                 "dataset", "examples", "presentations", "config", "version"):  # fmt: skip
        assert getattr(one, name) == getattr(other, name), name
    arrays = [
        (m.weights, m.theta, *(m.rule_state[k] for k in sorted(m.rule_state)), *vars(m.readout).values())
        for m in (one, other)
    ]
    for array, same in zip(*arrays, strict=True):
        np.testing.assert_array_equal(array, same)
        assert np.asarray(array).dtype == np.asarray(same).dtype


def signed(model, change):
    """A file of the model with its metadata changed and a digest that fits."""
    tensors, metadata = model_content(model)
    metadata = json.loads(json.dumps(metadata))
    change(tensors, metadata)
    return encode(tensors, metadata)


def test_loaded_model_is_the_one_that_was_saved(model, tmp_path):
    save_model(model, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert_same_model(loaded, model)
    images = np.random.default_rng(0).integers(0, 255, (5, 16))
    np.testing.assert_array_equal(loaded.simulator().count_spikes(images)[0], model.simulator().count_spikes(images)[0])


def test_model_without_labels_and_without_a_shape(model, tmp_path):
    bare = replace(model, readout=None, image_shape=None)
    save_model(bare, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.readout is None
    assert loaded.image_shape is None


def test_neurons_of_one_s_own_are_kept(model, tmp_path):
    network = replace(model.network, excitatory=replace(EXCITATORY, tau_m=80.0))
    save_model(replace(model, network=network), tmp_path / "m")
    assert load_model(tmp_path / "m").network == network


def test_same_content_makes_the_same_bytes(model, tmp_path, content):
    assert encode(*model_content(model)) == content
    save_model(model, tmp_path / "m")
    save_model(load_model(tmp_path / "m"), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == content


def test_other_content_makes_another_digest(model, content):
    weights = model.weights.copy()
    weights[0, 0] = np.nextafter(weights[0, 0], np.float32(1))
    assert encode(*model_content(replace(model, weights=weights))) != content


def test_safetensors_reads_the_file(content):
    from safetensors.numpy import load

    assert load(content)["weights"].shape == (16, 6)


def test_every_single_bit_flip_is_refused(content):
    dice = random.Random(0)
    for _ in range(1000):
        spoiled = bytearray(content)
        spoiled[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        with pytest.raises(ModelFileError):
            decode(bytes(spoiled), "m")


def test_every_bit_of_the_header_and_the_digest_is_covered(content):
    start = content.index(b'"sha256":"') + len(b'"sha256":"')
    for place in (*range(8), *range(start - 12, start + 66), len(content) - 1):
        for bit in range(8):
            spoiled = bytearray(content)
            spoiled[place] ^= 1 << bit
            with pytest.raises(ModelFileError):
                decode(bytes(spoiled), "m")


def test_truncated_files_are_refused(content):
    for length in (0, 1, 7, 8, 9, 10, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(ModelFileError):
            decode(content[:length], "m")
    with pytest.raises(ModelFileError):
        decode(content + b"\0", "m")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"hello, this is text", "is not a model file"),
        (b"", "is not a model file"),
        (b"\x89PNG\r\n\x1a\n" * 9, "is not a model"),
    ],
)
def test_what_is_no_model_is_told(tmp_path, written, message):
    (tmp_path / "m").write_bytes(written)
    with pytest.raises(ModelFileError, match=message):
        load_model(tmp_path / "m")


def test_other_safetensors_are_told_to_be_no_engram_models(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weights": np.zeros(3)}, tmp_path / "m", metadata={"made": "elsewhere"})
    with pytest.raises(ModelFileError, match="m is not an engram model; give a run folder"):
        load_model(tmp_path / "m")


def test_missing_files_are_told(tmp_path):
    with pytest.raises(ModelFileError, match=r"Cannot read .*absent: No such file or directory"):
        load_model(tmp_path / "absent")
    with pytest.raises(ModelFileError, match=r"holds no model\.safetensors; train with"):
        load_model(tmp_path)


def test_a_small_file_is_read_in_little_memory(model, tmp_path):
    save_model(model, tmp_path / "m.safetensors")
    tracemalloc.start()
    read_bytes(tmp_path / "m.safetensors")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (4 << 20) + 3 * (tmp_path / "m.safetensors").stat().st_size


def test_another_format_is_told_before_anything_else(content):
    later = content.replace(f'"format":"{FORMAT}"'.encode(), b'"format":"engram-9"')
    with pytest.raises(ModelFileError, match=rf"has the file format 'engram-9', this engram \({__version__}\) reads"):
        decode(later, "m")


def test_an_unwritable_place_is_told(model, tmp_path):
    with pytest.raises(RunFolderError, match="Cannot write"):
        save_model(model, tmp_path / "absent" / "m")


def test_loading_never_imports_a_user_s_rule(model, tmp_path, monkeypatch):
    trap = tmp_path / "trap.py"
    trap.write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("trap.py:Rule", f"{trap}:Rule", "trap:Rule", ":", "os:system"):
        record = {**model.rule_record, "rule": name}
        (tmp_path / "m").write_bytes(encode(*model_content(replace(model, rule_record=record))))
        loaded = load_model(tmp_path / "m")
        assert loaded.rule is None
        assert loaded.rule_record == record
        loaded.simulator().count_spikes(np.zeros((1, 16)))
    assert "trap" not in sys.modules


def change_of(path, value):
    def change(tensors, metadata):
        parent = metadata
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value

    return change


HOSTILE = [
    (("network", "n_neurons"), 10**12),
    (("network", "n_inputs"), 10**12),
    (("network", "n_neurons"), -1),
    (("network", "dtype"), "float128"),
    (("network", "dt"), 1e-300),
    (("network", "max_delay"), 1e9),
    (("network", "excitatory"), "strong"),
    (("network", "inhibitory"), {"t_ref": 1e300}),
    (("network", "surprise"), 1),
    (("protocol", "shown"), 1e15),
    (("protocol", "max_intensity"), 1e300),
    (("protocol", "min_spikes"), 10**30),
    (("seed",), 10**40),
    (("seed",), "zero"),
    (("input_gain",), -1.0),
    (("examples",), [1]),
    (("image_shape",), [10**9, 10**9]),
    (("image_shape",), "28x28"),
    (("n_label",), -5),
    (("rule",), 7),
    (("rule", "rule"), "unheard_of"),
    (("rule", "constants"), {"eta_pre": "much"}),
    (("config",), 3),
    (("network",), [1, 2]),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda v: str(v)[:30])
def test_hostile_metadata_is_refused(model, path, value):
    with pytest.raises(EngramError):
        model_from(*decode(signed(model, change_of(path, value)), "m"), "m")


def spoil(name, array):
    def change(tensors, metadata):
        tensors[name] = array

    return change


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights", np.zeros((16, 5), np.float32)),
        ("weights", np.zeros((16, 6), np.uint8)),
        ("weights", np.full((16, 6), np.nan, np.float32)),
        ("theta", np.zeros(6, np.float32)),
        ("rule.x_pre", np.zeros(99, np.float32)),
        ("readout.assigned", np.full(6, 99)),
        ("readout.classes", np.array([2, 1, 0])),
        ("readout.profile", np.zeros((3, 7))),
        ("readout.coefficients", np.full((3, 6), np.inf)),
    ],
    ids=lambda v: v if isinstance(v, str) else f"{v.dtype}{v.shape}",
)
def test_hostile_tensors_are_refused(model, name, array):
    with pytest.raises(ModelFileError, match="is not a model that this engram"):
        model_from(*decode(signed(model, spoil(name, array)), "m"), "m")


def test_a_small_file_that_claims_a_trillion_weights_takes_no_memory(model, content):
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["weights"]["shape"] = [10**6, 10**6]
    huge = json.dumps(header).encode()
    files = [
        signed(model, change_of(("network", "n_neurons"), 10**12)),
        len(huge).to_bytes(8, "little") + huge + content[8 + size :],
        (10**12).to_bytes(8, "little") + content[8:],
    ]
    tracemalloc.start()
    for file in files:
        with pytest.raises(ModelFileError):
            model_from(*decode(file, "m"), "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
