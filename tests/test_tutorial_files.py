"""The tutorial's JSON parameters: what is written comes back, and what is wrong is told in one sentence."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engram import tutorial_files
from engram.errors import DataError, ModelFileError
from engram.tutorial_files import TutorialParameters, read_tutorial_parameters, write_tutorial_parameters


def some(n_inputs=6, n_neurons=4):
    random = np.random.default_rng(0)
    return TutorialParameters(
        random.random((n_inputs, n_neurons), np.float32), random.random(n_neurons), np.arange(n_neurons) - 1
    )


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements=st.floats(-(2.0**99), 2.0**99, width=32),
    ),
    st.data(),
)
def test_what_is_written_is_read_back_exactly(tmp_path, weights, data):
    n = weights.shape[1]
    theta = data.draw(hnp.arrays(np.float64, n, elements=st.floats(-1e30, 1e30)))
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(-1, 2**31)))
    write_tutorial_parameters(tmp_path, TutorialParameters(weights, theta, labels))
    again = read_tutorial_parameters(tmp_path)
    for before, after in zip((weights, theta, labels), again, strict=True):
        assert np.array_equal(before, after)
        assert before.dtype == after.dtype


def test_rounded_weights_make_smaller_files_and_stay_close(tmp_path):
    write_tutorial_parameters(tmp_path / "exact", some(50, 20))
    write_tutorial_parameters(tmp_path / "rounded", some(50, 20), decimals=3)
    sizes = [(tmp_path / kind / "xeae.json").stat().st_size for kind in ("exact", "rounded")]
    assert sizes[1] < 0.7 * sizes[0]
    again = read_tutorial_parameters(tmp_path / "rounded")
    assert np.abs(again.weights - some(50, 20).weights).max() <= 0.00051
    assert np.abs(again.theta - some(50, 20).theta).max() <= 0.00051


def test_files_are_plain_json_of_the_tutorials_form(tmp_path):
    write_tutorial_parameters(tmp_path, some())
    contents = {
        name: json.loads((tmp_path / name).read_text()) for name in ("xeae.json", "theta.json", "neuron_labels.json")
    }
    assert np.shape(contents["xeae.json"]) == (6, 4)
    assert contents["neuron_labels.json"] == [-1, 0, 1, 2]
    assert all(type(label) is int for label in contents["neuron_labels.json"])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("xeae.json", None, r"xeae.json cannot be read \(No such file"),
        ("theta.json", None, "theta.json cannot be read"),
        ("xeae.json", "[[1, 2", "xeae.json is not JSON"),
        ("xeae.json", "\udcff", "xeae.json is not JSON"),
        ("xeae.json", "[" * 100_000, "xeae.json is not JSON"),
        ("xeae.json", "[]", "xeae.json must hold a list of rows"),
        ("xeae.json", "[[]]", "xeae.json must hold a list of rows"),
        ("xeae.json", "[1, 2]", "xeae.json must hold a list of rows"),
        ("xeae.json", "[[1, 2, 3, 4], [1, 2, 3]]", "xeae.json holds rows of different lengths"),
        ("xeae.json", '[["a", 2, 3, 4]]', "nothing but lists of numbers"),
        ("xeae.json", "[[NaN, 2, 3, 4]]", "xeae.json holds values that are not finite"),
        ("xeae.json", "[[1e300, 2, 3, 4]]", "xeae.json holds values that are not finite"),
        ("xeae.json", f"[[1{'0' * 400}, 2, 3, 4]]", "xeae.json holds values that are not finite"),
        ("xeae.json", "[[true, 2, 3, 4]]", "xeae.json must hold a list of rows"),
        ("theta.json", "[1, 2, 3]", "theta.json must hold 4 values, one per neuron of xeae.json, got 3"),
        ("theta.json", "[[1, 2, 3, 4]]", "theta.json must hold a list of numbers"),
        ("theta.json", "3", "theta.json must hold a list of numbers"),
        ("neuron_labels.json", "[0, 1, 2, 0.5]", "neuron_labels.json must hold whole numbers"),
        ("neuron_labels.json", "[0, 1, 2, 1e20]", "neuron_labels.json must hold whole numbers"),
        ("neuron_labels.json", '{"0": 1}', "nothing but lists of numbers"),
    ],
)
def test_unusable_files_are_refused_in_one_sentence(tmp_path, file, text, message):
    write_tutorial_parameters(tmp_path, some())
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelFileError, match=message) as caught:
        read_tutorial_parameters(tmp_path)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_than_asked_are_refused(tmp_path):
    write_tutorial_parameters(tmp_path, some())
    read_tutorial_parameters(tmp_path, n_inputs=6, n_neurons=4)
    with pytest.raises(ModelFileError, match="must have 784 rows, one per input, got 6"):
        read_tutorial_parameters(tmp_path, n_inputs=784)
    with pytest.raises(ModelFileError, match="must have 400 columns, one per neuron, got 4"):
        read_tutorial_parameters(tmp_path, n_neurons=400)


def test_files_beyond_the_limit_are_not_read(tmp_path, monkeypatch):
    write_tutorial_parameters(tmp_path, some())
    monkeypatch.setattr(tutorial_files, "MAX_BYTES", 100)
    with pytest.raises(ModelFileError, match=r"xeae.json is larger than 100 bytes"):
        read_tutorial_parameters(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theta": np.zeros(3)}, "must have the shapes"),
        ({"weights": np.zeros((0, 4))}, "must have the shapes"),
        ({"weights": np.full((6, 4), np.nan)}, "must be finite"),
        ({"labels": np.zeros(4)}, "labels must be whole numbers"),
    ],
)
def test_parameters_that_do_not_fit_are_not_written(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        write_tutorial_parameters(tmp_path, some()._replace(**changes))
    assert not list(tmp_path.iterdir())
