"""``engram read``, ``engram models`` and shipped models by name, as a user meets them."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engram import load_model
from engram.datasets import load
from engram.errors import DataError
from engram.figures import reading as reading_figure
from engram.images import read_image
from engram.reading import draw_reading, read_digit
from engram.readout import SCHEMES, UNITS
from forked import finished


def draw_seven(path, *, ink, paper):
    picture = Image.new("L", (200, 300), paper)
    ImageDraw.Draw(picture).line([(45, 60), (155, 60), (90, 250)], fill=ink, width=22, joint="curve")
    picture.save(path)
    return path


@pytest.fixture
def seven(tmp_path):
    return draw_seven(tmp_path / "seven.png", ink=255, paper=0)


@pytest.mark.parametrize("network", ["tutorial", "own"])
def test_a_drawn_digit_is_read_in_either_polarity(engram, seven, tmp_path, network):
    black = draw_seven(tmp_path / "black.png", ink=0, paper=255)
    code, out, _ = engram("read", seven, black, "--network", network, "--out", tmp_path / "drawn", "--json")
    first, second = json.loads(out)
    assert code == 0
    assert first["answer"] == second["answer"] == 7
    assert first["winners"] == second["winners"]
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"read-seven.png", "read-black.png"}
    with Image.open(first["figure"]) as picture:
        assert picture.width > 1000


def test_a_convolution_reads_and_is_drawn_layer_by_layer(engram, seven, tmp_path):
    code, out, _ = engram("read", seven, "--network", "conv", "--out", tmp_path / "drawn", "--json")
    (told,) = json.loads(out)
    assert code == 0
    assert (told["answer"], told["network"]) == (7, "conv")
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"read-seven.png", "read-seven-layers.png"}
    with Image.open(told["layers"]) as picture:
        assert picture.width > 1000


def test_quiet_prints_the_answer_alone(seven, tmp_path):
    code, out, _ = finished("read", seven, "--out", tmp_path, "--quiet")
    assert (code, out) == (0, "7\n")


def test_what_is_printed_tells_answer_evidence_and_figure(engram, seven, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = engram("read", seven, "--model", "mnist-100")
    assert code == 0
    assert "seven.png: 7" in out
    for part in ("cropped", "input spikes", "(7)", "readings/read-seven.png"):
        assert part in out


def test_no_answer_is_told_as_such(engram, tmp_path):
    Image.fromarray(np.eye(28, dtype=np.uint8) * 40).save(tmp_path / "faint.png")
    code, out, _ = engram("read", tmp_path / "faint.png", "--preset", "text", "--json", "--out", tmp_path)
    told = json.loads(out)[0]
    assert code == 0
    assert (told["answer"] is None) == bool(told["why_none"])


def test_both_networks_tell_of_the_presentation_that_predict_counts(seven):
    model = load_model("mnist-100")
    pixels = read_image(seven, model.image_shape, fill=model.ink_fill).pixels
    reading = read_digit(model, seven, network="own")
    counts, attempts = model.simulator("reference").count_spikes(pixels[np.newaxis])
    assert np.array_equal(reading.counts, counts[0])
    assert reading.repeats == attempts[0] - 1
    tutorial = read_digit(model, seven)
    shown = tutorial.exc_spikes[tutorial.exc_spikes[:, 1] * tutorial.dt < tutorial.shown, 0]
    assert np.array_equal(np.bincount(shown, minlength=100), tutorial.counts)


def test_the_figure_names_what_it_shows(seven):
    model = load_model("mnist-100")
    reading = read_digit(model, seven)
    figure = reading_figure(
        reading.picture.pixels, (28, 28), model.weights, reading.counts, reading.exc_spikes, reading.input_spikes,
        reading.rate, dt=reading.dt, shown_ms=reading.shown, labels=reading.assigned,
    )  # fmt: skip
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "image as shown"
    assert titles[2].startswith("fields of all 100 neurons, by label, the 10 that fired most in hot")
    assert f"input: {len(reading.input_spikes):,} spikes" in titles


def test_a_silent_network_and_many_neurons_can_be_drawn():
    weights = np.random.default_rng(0).random((16, 450))
    figure = reading_figure(np.eye(4), (4, 4), weights, np.zeros(450), [], [], np.zeros(5), dt=1.0, shown_ms=5.0)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "fields of 400 of 450 neurons" in titles
    counts = np.zeros(450, int)
    counts[449] = 3
    reading_figure(np.eye(4), (4, 4), weights, counts, [[449, 1]], [], np.ones(5), dt=1.0, shown_ms=5.0)


def test_options_that_do_not_exist_are_told(engram, seven, tmp_path):
    for arguments, message in {
        ("--network", "other"): "tutorial",
        ("--preset", "other"): "--preset must be one of more-evidence, text",
        ("--preset", "text", "--network", "own"): "--preset text is of the tutorial's network, which",
        ("--model", tmp_path / "absent"): "Cannot read",
    }.items():
        code, _, err = engram("read", seven, *arguments, "--out", tmp_path)
        assert code in (1, 2)
        assert message in err


def test_models_are_listed(engram):
    code, out, _ = engram("models")
    assert code == 0
    assert "mnist-400" in out
    listed = json.loads(engram("models", "--json")[1])
    assert [model["name"] for model in listed] == ["mnist-100", "mnist-400", "mnist-conv"]
    assert all(max(model["accuracy"].values()) > 0.8 and model["bytes"] < 700_000 for model in listed)


def test_a_shipped_models_name_stands_where_a_model_is_asked_for(engram, seven):
    for arguments in (("mnist-100", seven), ("--model", "mnist-100", seven), (seven, "--model", "mnist-100")):
        code, out, _ = engram("predict", *arguments, "--quiet")
        assert (code, out) == (0, "7\n")
    assert "784 inputs, 100 neurons" in engram("info", "mnist-100")[1]
    assert engram("predict", "mnist-100")[0] == 2


def test_a_zip_of_the_tutorials_format_evaluates(engram, tmp_path):
    from engram.datasets.zip_json import write_zip

    try:
        mnist = load("mnist")
    except DataError:
        pytest.skip("MNIST is not on this machine; engram data fetch mnist")
    write_zip(tmp_path / "test.zip", mnist.test_images, mnist.test_labels, images_per_file=1000)
    code, out, _ = engram("evaluate", "mnist-100", "--dataset", tmp_path / "test.zip", "--json")
    result = json.loads(out)
    assert code == 0
    assert result["n_test"] >= 1_000  # what is held out of 10,000
    assert result["accuracy"]["proportion"] > 0.8


def test_one_bad_picture_costs_its_own_reading_alone(engram, seven, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    code, out, err = engram(
        "read", tmp_path / "bad.png", seven, "--model", "mnist-100", "--out", tmp_path / "drawn", "--quiet"
    )
    assert (code, out) == (1, "7\n")
    assert "bad.png" in err


def test_a_reading_by_other_constants_is_not_replaced(tmp_path, seven):
    model = load_model("mnist-100")
    by = [read_digit(model, seven, network="tutorial", preset=preset) for preset in ("more_evidence", "text")]
    drawn = [draw_reading(model, reading, tmp_path / "drawn")[0].name for reading in (*by, by[0])]
    assert drawn == ["read-seven.png", "read-seven-2.png", "read-seven.png"]


def test_one_picture_without_a_model_is_told_what_to_type(engram):
    code, _, err = engram("predict", "seven.png")
    assert code == 2
    assert "engram predict mnist-400 seven.png" in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scores_say_what_they_count(engram, seven, scheme):
    assert f"({UNITS[scheme]})" in engram("predict", "mnist-100", seven, "--scheme", scheme)[1]
