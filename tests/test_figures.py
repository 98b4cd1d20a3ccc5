"""Figures hold the data they were given, say their units, stay bounded, and come out the same every time."""

import doctest
import importlib
import re
import subprocess
import sys
import threading
from base64 import b64decode
from io import BytesIO
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from engram import DiehlCook, SelfNormalizing, Triplet, figures, load_model
from engram.datasets import load
from engram.errors import ConfigError, DataError, RunFolderError
from engram.figures import files
from engram.figures.curves import spread
from engram.figures.fields import drawing_order, mosaic
from engram.figures.style import BLUE, GREEN, MAX_INCHES, VERMILLION, house_style
from engram.networks.conv import conv


def title(axes):
    return axes.get_title(loc="left")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def drawn_size(figure):
    """Draw the figure as a bitmap and return its size in inches."""
    figure.savefig(BytesIO(), format="png", dpi=20)
    return figure.get_size_inches()


def parts_inside(figure):
    """Whether every title, label and tick stays within the figure."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    slack = 0.05
    return box.x0 > -slack and box.y0 > -slack and box.x1 < width + slack and box.y1 < height + slack


@pytest.fixture
def weights():
    return np.random.default_rng(0).random((12, 7)).astype(np.float32)


@pytest.fixture
def some_figure():
    def make():
        return figures.learning_curve([100, 200, 300], [0.2, 0.5, 0.7], test_accuracy={"mean": 0.75})

    return make


# -- receptive fields


def test_each_receptive_field_is_one_neurons_weights(weights):
    picture = figures.receptive_fields(weights, (3, 4)).axes[0].images[0].get_array()
    columns = 3  # 3 × 3 fields of 3 × 4 pixels
    for neuron in range(7):
        row, column = divmod(neuron, columns)
        field = picture[1 + row * 4 : 4 + row * 4, 1 + column * 5 : 5 + column * 5]
        np.testing.assert_array_equal(field, weights[:, neuron].reshape(3, 4))


def test_mosaic_has_gaps_around_every_field_and_blanks_after_the_last():
    picture = mosaic(np.ones((4, 3)), (2, 2), columns=2)
    gap = np.nan
    expected = [
        [gap, gap, gap, gap, gap, gap, gap],
        [gap, 1, 1, gap, 1, 1, gap],
        [gap, 1, 1, gap, 1, 1, gap],
        [gap, gap, gap, gap, gap, gap, gap],
        [gap, 1, 1, gap, 0, 0, gap],
        [gap, 1, 1, gap, 0, 0, gap],
        [gap, gap, gap, gap, gap, gap, gap],
    ]
    np.testing.assert_array_equal(picture, expected)


def test_receptive_fields_are_sorted_by_label_with_unassigned_last(weights):
    labels = [1, -1, 0, 1, 0, -1, 2]
    figure = figures.receptive_fields(weights, (3, 4), labels)
    picture = figure.axes[0].images[0].get_array()
    corners = picture[1::4, 1::5].ravel()[:7]
    np.testing.assert_array_equal(corners, weights[0, [2, 4, 0, 3, 6, 1, 5]])
    assert title(figure.axes[0]) == "Receptive fields of 7 neurons, sorted by label"


def test_receptive_fields_in_index_order_keep_the_networks_order(weights):
    figure = figures.receptive_fields(weights, (3, 4), [1, -1, 0, 1, 0, -1, 2], order="index")
    corners = figure.axes[0].images[0].get_array()[1::4, 1::5].ravel()[:7]
    np.testing.assert_array_equal(corners, weights[0])


def test_every_label_stands_in_its_neurons_field(weights):
    labels = np.array([1, -1, 0, 1, 0, -1, 2])
    figure = figures.receptive_fields(weights, (3, 4), labels, order="index")
    for mark, label in {"0": 0, "1": 1, "2": 2, "?": -1}.items():
        (collection,) = [c for c in figure.axes[0].collections if c.get_label() == mark]
        x, y = collection.get_offsets().T
        fields = (y // 4) * 3 + x // 5
        np.testing.assert_array_equal(fields, np.flatnonzero(labels == label))


def test_short_class_names_stand_in_the_corners_and_long_ones_do_not(weights):
    labels = [0, 1, 0, 1, 0, 1, 0]
    short = figures.receptive_fields(weights, (3, 4), labels, classes=["A", "B"]).axes[0].collections
    long = figures.receptive_fields(weights, (3, 4), labels, classes=["Shirt", "Bag"]).axes[0].collections
    assert {"A", "B"} <= {c.get_label() for c in short}
    assert {"0", "1"} <= {c.get_label() for c in long}


def test_positive_weights_start_at_white_and_signed_ones_diverge_from_it(weights):
    positive = figures.receptive_fields(weights, (3, 4)).axes[0].images[0]
    signed = figures.receptive_fields(weights - 0.5, (3, 4)).axes[0].images[0]
    assert positive.norm.vmin == 0
    assert signed.norm.vmin == -signed.norm.vmax < 0
    np.testing.assert_allclose(signed.cmap(signed.norm(0.0)), 1.0, atol=0.05)


def test_a_few_strong_fields_do_not_fade_the_others():
    weights = np.full((4, 100), 0.5)
    weights[0, :5] = 3.0
    figure = figures.receptive_fields(weights, (2, 2))
    assert figure.axes[0].images[0].norm.vmax == 0.5
    (bar,) = figure.axes[0].child_axes
    assert bar.get_ylabel() == "weight"
    assert bar._colorbar.extend == "max"


@pytest.mark.parametrize("n_neurons", [1, 2, 401, 6400])
@pytest.mark.parametrize("image_shape", [(28, 28), (1, 12), (12, 1)])
def test_receptive_fields_of_any_number_stay_bounded(n_neurons, image_shape):
    weights = np.ones((np.prod(image_shape), n_neurons), dtype=np.float32)
    figure = figures.receptive_fields(weights, image_shape, np.arange(n_neurons) % 10)
    assert drawn_size(figure).max() <= MAX_INCHES


def test_sampled_receptive_fields_say_so_and_cover_all_labels():
    labels = np.repeat(np.arange(10), 640)
    figure = figures.receptive_fields(np.ones((4, 6400)), (2, 2), labels, max_neurons=100)
    shown = {c.get_label(): len(c.get_offsets()) for c in figure.axes[0].collections if c.get_label().isdigit()}
    assert shown == {str(k): 10 for k in range(10)}
    assert "6,400 neurons, 100 of them evenly sampled" in title(figure.axes[0]).replace("\n", " ")


def test_all_6400_receptive_fields_fit_into_one_bounded_figure():
    figure = figures.receptive_fields(np.ones((784, 6400), np.float32), (28, 28), max_neurons=6400)
    assert drawn_size(figure).max() <= MAX_INCHES


def test_silent_weights_are_drawn_white():
    picture = figures.receptive_fields(np.zeros((4, 2)), (2, 2)).axes[0].images[0]
    assert (picture.norm.vmin, picture.norm.vmax) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((4, 0)), (2, 2)), DataError, "at least one neuron"),
        ((np.ones(4), (2, 2)), DataError, r"weights must have two dimensions, got an array of shape \(4,\)"),
        ((np.full((4, 2), np.nan), (2, 2)), DataError, "weights must hold finite numbers"),
        ((np.ones((4, 2)), (3, 2)), DataError, "3×2 pixels has 6 inputs, got 4"),
        ((np.ones((4, 2)), 4), ConfigError, "image_shape must be height and width, got 4"),
        ((np.ones((4, 2)), (2, 2), [0]), DataError, "one entry for each of 2 neurons, got 1"),
        ((np.ones((4, 2)), (2, 2), [0, 0.5]), DataError, "labels must hold whole numbers of at least -1"),
        ((np.ones((4, 2)), (2, 2), ["a", "b"]), DataError, "labels must be an array of numbers"),
        (("weights", (2, 2)), DataError, "weights must be an array of numbers, got str"),
    ],
)
def test_unusable_weights_are_told_in_one_sentence(arguments, error, message):
    with pytest.raises(error, match=message):
        figures.receptive_fields(*arguments)


def test_unusable_options_of_receptive_fields_are_told(weights):
    with pytest.raises(ConfigError, match="max_neurons must be a whole number of at least 1, got 0"):
        figures.receptive_fields(weights, (3, 4), max_neurons=0)
    with pytest.raises(ConfigError, match="order must be one of label, index, got 'size'"):
        figures.receptive_fields(weights, (3, 4), order="size")
    with pytest.raises(DataError, match="labels go up to 6, but classes name only 2 classes"):
        figures.receptive_fields(weights, (3, 4), np.arange(7), classes=["a", "b"])


# -- learning curve


def test_learning_curve_shows_percent_over_examples():
    figure = figures.learning_curve([0, 1000, 2000], [np.nan, 0.5, 0.8], window=500)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, np.nan], [1000, 50], [2000, 80]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training examples", "accuracy (%)")
    assert title(axes) == "Running accuracy over the latest 500 examples"
    figure.draw_without_rendering()
    assert "1,000" in [label.get_text() for label in axes.get_xticklabels()]


def test_test_accuracies_are_labelled_marks_at_their_height():
    marks = {"mean": 0.877, "proportion": 0.890, "logistic": 0.893}
    figure = figures.learning_curve([1, 2], [0.5, 0.9], test_accuracy=marks)
    axes = figure.axes[0]
    assert [line.get_ydata()[0] for line in axes.lines[1:]] == pytest.approx([87.7, 89.0, 89.3])
    assert texts(axes)[:3] == ["mean 87.7 %", "proportion 89.0 %", "logistic 89.3 %"]
    assert parts_inside(figure)


def test_labels_of_equal_test_accuracies_do_not_overlap():
    marks = {name: 1.0 for name in ("mean", "proportion", "logistic")}
    axes = figures.learning_curve([1, 2], [0.5, 0.9], test_accuracy=marks).axes[0]
    axes.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # an Annotation's own includes its line
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=6))
def test_spread_values_keep_order_distance_and_bounds(values):
    placed = spread(np.sort(values), gap=5.0, low=0.0, high=100.0)
    assert (np.diff(placed) >= 5.0 - 1e-6).all()
    assert ((placed >= -1e-6) & (placed <= 100 + 1e-6)).all()


def test_values_far_enough_apart_stay_where_they_are():
    np.testing.assert_allclose(spread(np.array([10.0, 20.0]), 5.0, 0.0, 100.0), [10, 20])


@pytest.mark.parametrize("accuracy", [[], [np.nan]])
def test_a_learning_curve_without_points_says_so(accuracy):
    axes = figures.learning_curve(range(len(accuracy)), accuracy).axes[0]
    assert texts(axes) == ["no running accuracy was recorded"]


def test_points_without_an_accuracy_yet_may_be_none():
    line = figures.learning_curve([100, 200], [None, 0.5]).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 50])


def test_a_single_point_is_visible():
    line = figures.learning_curve([200], [0.3]).axes[0].lines[0]
    assert line.get_marker() == "o"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 2], [0.5]), {}, "accuracy must have one entry for each of 2 points, got 1"),
        (([1, 2], [50.0, 60.0]), {}, "accuracy must lie between 0 and 1; divide percentages by 100"),
        (([2, 1], [0.5, 0.6]), {}, "examples must not decrease"),
        (([1, 2], [0.5, np.inf]), {}, "accuracy must hold finite numbers"),
        (
            ([1], [0.5]),
            {"test_accuracy": {"mean": 87.0}},
            "test accuracy 'mean' must lie between 0 and 1, got 87",
        ),
    ],
)
def test_unusable_learning_curves_are_told_in_one_sentence(arguments, options, message):
    with pytest.raises(DataError, match=message):
        figures.learning_curve(*arguments, **options)


# -- weights and theta


def test_weights_and_theta_show_means_bands_and_target():
    figure = figures.weights_and_theta([0, 500], [120, 79], [9, 0.5], [20, 31], [0, 1.5], target=78.4)
    top, bottom = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), [120, 79])
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), [20, 31])
    assert {111.0, 129.0, 78.5, 79.5} <= set(top.collections[0].get_paths()[0].vertices[:, 1])
    assert {29.5, 32.5} <= set(bottom.collections[0].get_paths()[0].vertices[:, 1])
    np.testing.assert_array_equal(top.lines[1].get_ydata(), [78.4, 78.4])
    assert texts(top) == ["target 78.4"]
    assert (top.get_ylabel(), bottom.get_ylabel()) == ("L1 norm of weights", "adaptive threshold θ (mV)")
    assert bottom.get_xlabel() == "training examples"
    assert top.get_shared_x_axes().joined(top, bottom)
    assert parts_inside(figure)


@pytest.mark.parametrize("norm", [78.0, 20.0, 500.0])
def test_the_target_is_always_in_view(norm):
    top = figures.weights_and_theta([0, 1], [norm] * 2, [0, 0], [20, 20], [0, 0], target=78.0).axes[0]
    low, high = top.get_ylim()
    assert low < 78.0 < high
    assert low < norm < high


@pytest.mark.parametrize("n_points", [0, 1])
def test_weights_and_theta_of_few_points_are_drawn(n_points):
    figure = figures.weights_and_theta(*[np.arange(n_points)] * 5, target=78.0)
    assert parts_inside(figure)
    assert ("nothing was recorded" in texts(figure.axes[0])) == (n_points == 0)


def test_unusable_weight_statistics_are_told_in_one_sentence():
    with pytest.raises(DataError, match="norm_sd must not be negative"):
        figures.weights_and_theta([1], [1], [-1], [1], [1])
    with pytest.raises(DataError, match="theta_mean must have one entry for each of 1 points, got 2"):
        figures.weights_and_theta([1], [1], [1], [1, 2], [1])
    with pytest.raises(ConfigError, match="target must be a finite number"):
        figures.weights_and_theta([1], [1], [1], [1], [1], target=np.nan)


def test_curve_begins_where_its_window_is_full():
    figure = figures.learning_curve([500, 1000, 1500], [0.1, 0.6, 0.7], window=1000)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [np.nan, 60.0, 70.0])
    short = figures.learning_curve([250, 500], [0.1, 0.3], window=1000).axes[0]
    np.testing.assert_array_equal(short.lines[0].get_ydata(), [10.0, 30.0])
    assert short.lines[0].get_linestyle() == ":"
    assert title(short) == "Running accuracy over all examples so far"


def test_curve_of_layers_that_learn_in_turn_marks_where_each_begins():
    examples, accuracy = [500, 1000, 1500, 2000], [np.nan, np.nan, 0.3, 0.6]
    turns = {"low": 0, "high": 1000}
    axes = figures.learning_curve(examples, accuracy, window=1000, turns=turns).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [1000]
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [(" low learns", 0), (" high learns", 1000)]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [np.nan, np.nan, np.nan, 60.0])
    both = figures.weights_and_theta([1, 2], [1, 1], [0, 0], [1, 1], [0, 0], turns={"low": 0, "high": 1}, layer="low")
    assert [axes.lines[-1].get_xdata()[0] for axes in both.axes] == [1, 1]
    assert title(both.axes[0]) == "Over the neurons of low, mean ± standard deviation"


def test_test_results_are_marks_at_the_end():
    axes = figures.learning_curve([1, 2], [0.5, 0.9], test_accuracy={"mean": 0.8, "logistic": 0.95}).axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "D"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(1.0, 80.0), (1.0, 95.0)]


# -- fields in order, diagrams


def test_fields_of_a_class_stand_beside_those_they_resemble():
    angles = np.array([0.0, 1.2, 0.4, 0.8, 0.2, 1.0, 0.6])
    weights = np.stack((np.cos(angles), np.sin(angles)))
    order = drawing_order(weights, np.zeros(7, int))
    steps = np.abs(np.diff(angles[order]))
    np.testing.assert_allclose(steps, 0.2)  # each beside its neighbour
    labels = np.array([1, 0, 1, -1, 0, 1, -1])
    by_label = labels[drawing_order(weights, labels)]
    assert by_label.tolist() == [0, 0, 1, 1, 1, -1, -1]


@pytest.mark.parametrize("weights", [np.zeros((4, 5)), np.ones((4, 1)), np.ones((4, 5))])
def test_fields_that_do_not_differ_keep_all_of_them(weights):
    n = weights.shape[1]
    assert sorted(drawing_order(weights, np.zeros(n, int))) == list(range(n))


def test_diagram_has_a_box_for_each_population_and_an_arrow_for_each_projection():
    network = DiehlCook(n_inputs=9, n_neurons=4).describe(Triplet())
    figure = figures.network_diagram(network)
    (axes,) = figure.axes
    shown = texts(axes)
    assert {"input", "exc", "inh", "read out", "9 inputs", "4 neurons\nConductanceLIF"} <= set(shown)
    assert "input_exc\ndense, learns by triplet" in shown
    kinds = [type(patch).__name__ for patch in axes.patches]
    assert (kinds.count("FancyBboxPatch"), kinds.count("FancyArrowPatch")) == (3, 3)
    assert parts_inside(figure)
    with pytest.raises(ConfigError, match="network must be a DiehlCook or a Network"):
        figures.network_diagram("diehl-cook")


def test_diagram_tells_what_excites_from_what_holds_back():
    figure = figures.network_diagram(conv((28, 28), SelfNormalizing(), 0.5, "euler", "float32"))
    (axes,) = figure.axes
    arrows = [patch for patch in axes.patches if type(patch).__name__ == "FancyArrowPatch"]
    colours = [to_hex(arrow.get_edgecolor()) for arrow in arrows]
    assert colours == [to_hex(VERMILLION), to_hex(GREEN), to_hex(BLUE)]  # filters learn, rivals inhibit, windows excite
    assert [type(arrow.get_arrowstyle()).__name__ for arrow in arrows] == ["CurveFilledB", "BarAB", "CurveFilledB"]
    assert "image_maps\nconvolution\nlearns by self_normalizing" in texts(axes)


# -- raster


def test_raster_is_sorted_by_label_and_marks_the_winner():
    spikes = [[0, 10], [2, 20], [2, 30]]
    membranes = [
        figures.Membrane(2, np.linspace(-65, -52, 100), -50.0),
        figures.Membrane(0, np.full(100, -65.0), -48.0),
    ]
    figure = figures.raster(
        spikes, spikes, [], dt=1.0, shown_ms=80.0, blank_ms=20.0, n_inputs=4, n_neurons=3, labels=[1, -1, 0],
        classes=["cat", "dog"], membranes=membranes,
    )  # fmt: skip
    exc, membrane = figure.axes[1], figure.axes[3]
    assert exc.lines[0].get_xydata().tolist() == [[10, 1], [20, 0], [30, 0]]  # dog stands after cat
    assert exc.lines[1].get_xydata().tolist() == [[20, 0], [30, 0]]
    assert [tick.get_text() for tick in exc.get_yticklabels()] == ["cat", "dog", "?"]
    assert title(exc) == "excitatory: 3 spikes, neuron 2 in orange"
    assert title(membrane) == "membranes: winner, neuron 2, in orange; runner-up, neuron 0, in blue; thresholds dashed"
    assert [line.get_ydata()[0] for line in membrane.lines] == [-65.0, -50.0, -65.0, -48.0]


def test_membranes_are_those_of_the_presentation_that_was_read():
    from engram.run_figures import _membranes

    model = load_model("mnist-100")
    shown = model.simulator().presentation_of(load("digits").test_images[3].astype(np.float32))
    winner = _membranes(model, shown)[0]
    assert winner.neuron == np.argmax(shown.counts)
    steps = shown.spikes["exc"][shown.spikes["exc"][:, 0] == winner.neuron, 1]
    resets = np.flatnonzero((winner.v[1:] == -65.0) & (winner.v[:-1] > -60.0)) + 1
    np.testing.assert_array_equal(resets, steps)


SPIKES = {
    "exc_spikes": [[3, 40], [5, 90]],
    "inh_spikes": [[3, 42]],
    "input_spikes": [[0, 1], [8, 30], [8, 44]],
}


def test_raster_shows_every_spike_at_its_time_in_ms():
    figure = figures.raster(**SPIKES, dt=0.5, shown_ms=350.0, blank_ms=150.0, n_neurons=10)
    shown = [axes.lines[0].get_xydata().tolist() for axes in figure.axes]
    assert shown == [[[0.5, 0], [15, 8], [22, 8]], [[20, 3], [45, 5]], [[21, 3]]]
    assert [title(axes) for axes in figure.axes] == [
        "input: 3 spikes",
        "excitatory: 2 spikes",
        "inhibitory: 1 spike",
    ]
    assert figure.axes[2].get_xlabel() == "time (ms)"
    assert figure.axes[2].get_xlim() == (0, 500)


def test_raster_shades_the_blank_period():
    figure = figures.raster(**SPIKES, dt=0.5, shown_ms=350.0, blank_ms=150.0)
    for axes in figure.axes:
        (shade,) = axes.patches
        assert (shade.get_x(), shade.get_width()) == (350, 150)
    assert texts(figure.axes[0]) == ["blank"]


def test_raster_without_a_blank_period_shades_nothing():
    figure = figures.raster(**SPIKES, dt=0.5, shown_ms=350.0, blank_ms=0.0)
    assert texts(figure.axes[0]) == []
    assert not any(axes.patches for axes in figure.axes)


def test_raster_shows_the_image_beside_its_input():
    image = np.arange(9)
    figure = figures.raster(**SPIKES, dt=0.5, shown_ms=350.0, image=image, image_shape=(3, 3), title="a 7")
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), image.reshape(3, 3))
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > 8 > 0 > top  # inputs run down the page like the image's rows
    assert figure.get_suptitle() == "a 7"
    assert parts_inside(figure)


@pytest.mark.parametrize("none", [[], np.zeros((0, 2), int)])
def test_raster_of_a_silent_network_is_drawn(none):
    figure = figures.raster(none, none, none, dt=0.5, shown_ms=350.0, image=np.zeros((2, 2)))
    assert [title(axes) for axes in figure.axes[:2]] == ["input: 0 spikes", "excitatory: 0 spikes"]
    assert parts_inside(figure)


def test_inputs_are_pixels_where_there_is_a_picture_alone():
    spikes = [[0, 4]]
    drawn = {"pixel": np.zeros((2, 2)), "input": None}
    for word, image in drawn.items():
        figure = figures.raster(spikes, spikes, spikes, dt=0.5, shown_ms=350.0, image=image)
        assert figure.axes[0].get_ylabel() == word


def test_a_runaway_raster_stays_small_as_svg(tmp_path):
    spikes = np.stack(np.divmod(np.arange(200_000), 500), axis=1)
    figure = figures.raster(spikes, spikes, spikes, dt=0.5, shown_ms=350.0)
    (path,) = figures.save(figure, tmp_path / "raster", ["svg"])
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"exc_spikes": [[1, 2, 3]]}, DataError, "exc_spikes must have two columns, neuron and step, got 3"),
        ({"exc_spikes": [1, 2]}, DataError, "exc_spikes must have two dimensions"),
        ({"inh_spikes": [[0, -1]]}, DataError, "inh_spikes must hold whole numbers of at least 0"),
        ({"input_spikes": [[0, 1001]]}, DataError, "go on until 500.5 ms, but the presentation lasts 500 ms"),
        ({"n_neurons": 4}, DataError, "A spike has index 5, but n_neurons is 4"),
        ({"image": np.zeros(9)}, DataError, "A flattened image needs its image_shape"),
        ({"dt": 0.0}, ConfigError, "dt must be positive, got 0.0 ms"),
        ({"shown_ms": -1}, ConfigError, "shown_ms must be positive, got -1 ms"),
    ],
)
def test_unusable_spikes_are_told_in_one_sentence(changes, error, message):
    with pytest.raises(error, match=message):
        figures.raster(**{**SPIKES, "dt": 0.5, "shown_ms": 350.0, **changes})


# -- confusion


def test_confusion_colours_are_row_shares_and_numbers_are_counts():
    axes = figures.confusion([[30, 10], [0, 5]], ["cat", "dog"], accuracy=7 / 9).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[75, 25], [0, 100]])
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), "30"),
        ((1, 0), "10"),
        ((1, 1), "5"),
    }
    assert title(axes) == "77.8 % of 45 examples correct"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_confusion_tells_each_classs_accuracy():
    axes = figures.confusion([[3, 1, 0], [0, 0, 0], [0, 0, 5]], "abc").axes[0]
    own = axes.child_axes[-1]
    assert [label.get_text() for label in own.get_yticklabels()] == ["75 %", "–", "100 %"]


def test_confusion_names_its_scheme():
    axes = figures.confusion([[3, 1], [0, 4]], "ab", accuracy=7 / 8, scheme="proportion").axes[0]
    assert title(axes) == "87.5 % of 8 examples correct (proportion)"


def test_confusion_has_a_column_for_what_was_not_answered():
    axes = figures.confusion([[3, 0, 1], [0, 5, 0]], ["cat", "dog"], accuracy=8 / 9).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog", "none"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[75, 0, 25], [0, 100, 0]])
    assert {text.get_text() for text in axes.texts} == {"3", "1", "5"}
    assert [label.get_text() for label in axes.child_axes[-1].get_yticklabels()] == ["75 %", "100 %"]


def test_confusion_of_large_counts_has_separators():
    axes = figures.confusion(np.diag([12345, 2]), range(2)).axes[0]
    assert "12,345" in texts(axes)


@pytest.mark.parametrize("n_classes", [1, 2, 10, 47, 130])
@pytest.mark.parametrize("name", ["", "T-shirt/top "])
def test_confusion_of_any_number_of_classes_stays_bounded_and_complete(n_classes, name):
    figure = figures.confusion(np.eye(n_classes) * 1000, [f"{name}{k}" for k in range(n_classes)])
    assert figure.get_size_inches().max() <= MAX_INCHES
    assert parts_inside(figure)


@pytest.mark.parametrize("n_classes", [2, 10, 47])
def test_counts_fit_into_their_cells(n_classes):
    figure = figures.confusion(np.full((n_classes, n_classes), 1000), range(n_classes))
    axes = figure.axes[0]
    figure.draw_without_rendering()
    cell = axes.get_window_extent().width / n_classes
    for text in axes.texts[:n_classes]:
        assert text.get_window_extent().width <= cell
        assert text.get_fontsize() >= 4


@pytest.mark.parametrize(
    ("matrix", "classes", "message"),
    [
        ([[1, 2, 3]], ["a"], r"matrix must be square, .* a column for no answer, got shape \(1, 3\)"),
        ([[1.5]], ["a"], "matrix must hold whole numbers"),
        ([[-1]], ["a"], "matrix must hold whole numbers of at least 0"),
        ([[1]], ["a", "b"], "classes must name each of 1 classes, got 2 names"),
        (np.zeros((0, 0)), [], "classes must name at least one class"),
    ],
)
def test_unusable_confusions_are_told_in_one_sentence(matrix, classes, message):
    with pytest.raises(DataError, match=message):
        figures.confusion(matrix, classes)


# -- prediction


def predicted(**changes):
    arguments = {
        "image": np.arange(12),
        "image_shape": (3, 4),
        "scores": {"mean": [0.5, 2.0, 0.0], "proportion": [0.7, 0.3, 0.0]},
        "classes": ["a", "b", "c"],
        "weights": np.random.default_rng(0).random((12, 7)),
        "counts": [0, 4, 1, 0, 9, 0, 0],
        "labels": [0, 1, 2, 0, 1, -1, 0],
    }
    return figures.prediction(**{**arguments, **changes})


def test_prediction_shows_the_image_the_scores_and_the_winners():
    figure = predicted(score_units={"proportion": "share"})
    image, mean, proportion, winners = figure.axes
    np.testing.assert_array_equal(image.images[0].get_array(), np.arange(12).reshape(3, 4))
    assert [bar.get_width() for bar in mean.patches] == [0.5, 2.0, 0.0]
    assert [bar.get_width() for bar in proportion.patches] == [0.7, 0.3, 0.0]
    assert (title(mean), title(proportion)) == ("mean: b", "proportion: a")
    assert (mean.get_xlabel(), proportion.get_xlabel()) == ("spikes per neuron", "share")
    assert texts(winners) == ["b\n9 spikes\nneuron 4", "b\n4 spikes\nneuron 1", "c\n1 spike\nneuron 2"]
    weights = np.random.default_rng(0).random((12, 7))
    np.testing.assert_array_equal(winners.images[0].get_array()[1, 1::5][:3], weights[0, [4, 1, 2]])
    assert parts_inside(figure)


def test_only_the_answer_is_coloured():
    mean = predicted().axes[1]
    colours = [bar.get_facecolor() for bar in mean.patches]
    assert colours[0] == colours[2] != colours[1]


def test_negative_scores_hang_from_a_zero_line():
    logistic = predicted(scores={"logistic": [-2.0, 1.0, -3.0]}).axes[1]
    assert [bar.get_width() for bar in logistic.patches] == [-2.0, 1.0, -3.0]
    assert logistic.lines[0].get_xdata()[0] == 0
    assert logistic.get_xlabel() == "log-odds"


def test_at_most_top_winners_are_drawn():
    winners = predicted(top=2, labels=None).axes[-1]
    assert texts(winners) == ["9 spikes\nneuron 4", "4 spikes\nneuron 1"]
    assert title(winners) == "2 neurons that fired most, of 3 that fired"


def test_prediction_of_a_silent_network_says_so():
    figure = predicted(counts=np.zeros(7, int), scores={"mean": np.zeros(3)})
    assert title(figure.axes[1]) == "mean: no answer"
    assert texts(figure.axes[-1]) == ["no neuron fired"]
    assert parts_inside(figure)


def test_of_many_classes_the_best_are_drawn():
    scores = np.arange(47.0)
    mean = predicted(scores={"mean": scores}, classes=range(47)).axes[1]
    assert sorted(bar.get_width() for bar in mean.patches) == list(range(37, 47))
    assert mean.get_ylabel() == "best 10 of 47 classes"


def test_prediction_of_one_neuron_and_one_class_is_drawn():
    figure = predicted(scores={"mean": [3.0]}, classes=["a"], weights=np.ones((12, 1)), counts=[3], labels=[0])
    assert title(figure.axes[1]) == "mean: a"
    assert parts_inside(figure)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros(5)}, "An image of 3×4 pixels has 12 inputs, got 5"),
        ({"scores": {}}, "scores must hold at least one readout scheme, got none"),
        ({"scores": {"mean": [1.0]}}, "The scores 'mean' must have one entry for each of 3 classes, got 1"),
        ({"scores": {"mean": [1.0, np.nan, 0]}}, "The scores 'mean' must hold finite numbers"),
        ({"counts": [1, 2]}, "counts must have one entry for each of 7 neurons, got 2"),
        ({"labels": [9] * 7}, "labels go up to 9, but classes name only 3 classes"),
    ],
)
def test_unusable_predictions_are_told_in_one_sentence(changes, message):
    with pytest.raises(DataError, match=message):
        predicted(**changes)


# -- files


def test_saved_figures_are_complete_and_named_by_their_format(tmp_path, some_figure):
    paths = figures.save(some_figure(), tmp_path / "figures" / "curve.v1")
    assert [path.name for path in paths] == ["curve.v1.png", "curve.v1.svg"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().rstrip().endswith(b"</svg>")
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths)  # no temporary file is left


@pytest.mark.parametrize("make", ["curve", "fields", "prediction"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, make):
    def draw():
        if make == "curve":
            return figures.learning_curve([1, 2], [0.5, 0.7], test_accuracy={"mean": 0.8})
        if make == "fields":
            return figures.receptive_fields(np.eye(4), (2, 2), [0, 1, 0, 1])
        return predicted()

    formats = ("png", "svg", "pdf")
    once = figures.save(draw(), tmp_path / "once", formats)
    again = figures.save(draw(), tmp_path / "again", formats)
    for first, second in zip(once, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_an_svg_does_not_depend_on_what_else_was_saved(tmp_path, some_figure):
    (alone,) = figures.save(some_figure(), tmp_path / "alone", ["svg"])
    figure = some_figure()
    figures.save(figure, tmp_path / "first")
    (second,) = figures.save(figure, tmp_path / "second", "svg")
    assert alone.read_bytes() == second.read_bytes()


def test_an_svg_names_no_date(tmp_path, some_figure):
    (path,) = figures.save(some_figure(), tmp_path / "curve", ["svg"])
    assert b"dc:date" not in path.read_bytes()


def test_an_svg_holds_the_pixels_of_an_image_as_they_are(tmp_path):
    figure = figures.receptive_fields(np.random.default_rng(0).random((784, 4)), (28, 28))
    (path,) = figures.save(figure, tmp_path / "fields", ["svg"])
    fields = re.search(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", path.read_text())[1]
    assert Image.open(BytesIO(b64decode(fields))).size == (2 * 29 + 1, 2 * 29 + 1)
    assert figure.axes[0].images[0].get_interpolation() != "none"  # as it is drawn in pixels, afterwards too


def test_an_older_figure_is_replaced(tmp_path, some_figure):
    (tmp_path / "curve.png").write_text("old")
    (path,) = figures.save(some_figure(), tmp_path / "curve", ["png"])
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_cannot_be_written_is_told_in_one_sentence(tmp_path, some_figure):
    (tmp_path / "figures").write_text("a file where the folder should be")
    with pytest.raises(RunFolderError, match=r"figures is a file, not a folder; move it away"):
        figures.save(some_figure(), tmp_path / "figures" / "curve")


def test_a_failed_write_leaves_the_older_figure_and_no_scraps(tmp_path, some_figure, monkeypatch):
    (tmp_path / "curve.png").write_text("old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        figures.save(some_figure(), tmp_path / "curve", ["png"])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_an_unknown_format_is_told_before_anything_is_written(tmp_path, some_figure):
    with pytest.raises(ConfigError, match="format must be one of png, svg, pdf, got 'bmp'"):
        figures.save(some_figure(), tmp_path / "curve", ["png", "bmp"])
    assert list(tmp_path.iterdir()) == []


def test_figure_that_another_process_draws_meanwhile_is_not_replaced(tmp_path, some_figure, monkeypatch):
    free, kinds = files._free, ["png", "svg"]

    def free_until_another_draws(path, *wanted):
        found = free(path, *wanted)
        monkeypatch.setattr(files, "_free", free)
        figures.save(some_figure(), path, kinds, drawn_of="another network")
        return found

    monkeypatch.setattr(files, "_free", free_until_another_draws)
    paths = figures.save(some_figure(), tmp_path / "fields", kinds, drawn_of="this network")
    assert [path.name for path in paths] == ["fields-2.png", "fields-2.svg"]
    for name, network in (("fields", b"another network"), ("fields-2", b"this network")):
        assert all(network in (tmp_path / f"{name}.{kind}").read_bytes() for kind in kinds)
    assert figures.save(some_figure(), tmp_path / "fields", kinds, drawn_of="this network") == paths


# -- style


def test_threads_that_draw_at_once_have_the_house_style_until_each_is_done():
    begun, left, seen = threading.Event(), threading.Event(), []

    def draw():
        with house_style():
            begun.set()
            left.wait(300)
            seen.append(matplotlib.rcParams["font.size"])

    other = threading.Thread(target=draw)
    with matplotlib.rc_context({"font.size": 30}):
        with house_style():
            other.start()
            begun.wait(0.1)
            ours = matplotlib.rcParams["font.size"]
        left.set()
        other.join()
        assert (seen, matplotlib.rcParams["font.size"]) == ([ours], 30)


def test_figures_look_the_same_whatever_the_users_settings(tmp_path, some_figure):
    plain = figures.save(some_figure(), tmp_path / "plain")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "xtick.direction": "in"}):
        styled = figures.save(some_figure(), tmp_path / "styled")
        assert matplotlib.rcParams["font.size"] == 30
    for first, second in zip(plain, styled, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_figure_shows_itself_in_a_notebook(some_figure):
    assert some_figure()._repr_png_().startswith(b"\x89PNG")


def test_importing_figures_imports_no_matplotlib_and_drawing_no_pyplot():
    code = (
        "import sys; from engram import figures; assert 'matplotlib' not in sys.modules; "
        "figures.learning_curve([1], [0.5])._repr_png_(); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["curves", "fields", "results", "spikes"])
def test_the_examples_in_the_docstrings_run(module):
    results = doctest.testmod(importlib.import_module(f"engram.figures.{module}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_learning_curves_share_one_panel_with_their_names_at_the_ends():
    curves = {"a": ([100, 1000], [0.5, 0.8]), "b": ([100, 1000], [0.4, 0.95])}
    axes = figures.learning_curves(curves).axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[50.0, 80.0], [40.0, 95.0]]
    assert [text.get_text() for text in axes.texts] == ["a  80.0 %", "b  95.0 %"]
    with pytest.raises(DataError, match="no learning curve to draw"):
        figures.learning_curves({})


def test_a_sweep_has_a_panel_for_each_option_and_joins_the_best_of_repeated_values():
    tried = {"eta": [0.01, 0.1, 0.01, 0.1], "rule": ["pair", "pair", "triplet", "triplet"]}
    numbers, texts = figures.sweep(tried, [0.5, 0.6, 0.7, 0.4], scheme="mean").axes
    assert numbers.lines[1].get_ydata().tolist() == [70.0, 60.0]
    assert len(texts.lines) == 1
    assert [label.get_text() for label in texts.get_xticklabels()] == ["pair", "triplet"]
    assert len(figures.sweep({"eta": [0.11, 0.12, 0.13]}, [0.5, 0.6, 0.7]).axes[0].lines) == 1
    with pytest.raises(DataError, match="eta must have a value for each of 2 trials"):
        figures.sweep({"eta": [0.1]}, [0.5, 0.6])


@pytest.mark.parametrize(
    ("columns", "title", "name"),
    [
        (1, "a_name_like_kaggle_s_train_small, 28×28, 16 + 3 images", "0"),
        (1, "words " * 45, "Käse und Brot " * 4),
        (10, "short", "Käse und Brot " * 2),
    ],
)
def test_a_contact_sheet_has_room_for_its_title_and_names(columns, title, name):
    images, labels = np.eye(16)[np.arange(3 * columns) % 16], [f"{name}{k}" for k in range(3)] * columns
    figure = figures.contact_sheet(images, (4, 4), labels, title.strip())
    assert parts_inside(figure)
    assert figure.axes[0].get_title("left").replace("\n", " ") == title.strip()


def logarithmic_window():
    delays, weights = np.array([-5.0, 5.0]), np.array([0.3, 0.6])
    sums = np.array([[20.0, 30.0], [40.0, 45.0]])
    figure = figures.stdp_window(delays, weights, np.zeros((2, 2)), sums=sums, target=45.0)
    return figure, figure.axes[1].yaxis


def logarithmic_curves():
    figure = figures.learning_curves({"a": ([100, 200, 10_000], [0.1, 0.5, 0.9])})
    return figure, figure.axes[0].xaxis


def logarithmic_sweep():
    figure = figures.sweep({"eta": [0.01, 0.03, 0.1, 0.2]}, [0.5, 0.6, 0.7, 0.4])
    return figure, figure.axes[0].xaxis


def logarithmic_reading():
    spikes, ramp = np.zeros((0, 2), int), np.geomspace(1.0, 1000.0, 100)
    given = {"dt": 1.0, "shown_ms": 100.0}
    figure = figures.reading(np.arange(4.0), (2, 2), np.eye(4), np.zeros(4, int), spikes, spikes, ramp, **given)
    return figure, next(axes.yaxis for axes in figure.axes if axes.get_yscale() == "log")


LOGARITHMIC = [logarithmic_window, logarithmic_curves, logarithmic_sweep, logarithmic_reading]
"""A figure with a logarithmic axis of each kind, and the axis."""


@pytest.mark.parametrize("drawn", LOGARITHMIC, ids=["window", "curves", "sweep", "reading"])
def test_ticks_of_logarithmic_axes_are_numbers_to_be_read(drawn):
    figure, axis = drawn()
    drawn_size(figure)
    low, high = axis.get_view_interval()
    told = [label.get_text() for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels())]
    values = [float(text.replace(",", "")) for text in told if text]
    assert any(low <= value <= high for value in values)


@pytest.mark.parametrize("accuracy", ["0.9", None, 1.2, True])
def test_an_accuracy_that_is_none_is_refused_in_one_sentence(accuracy):
    with pytest.raises(DataError, match="The test accuracy 'mean' must lie between 0 and 1"):
        figures.learning_curve([100, 200], [0.2, 0.5], test_accuracy={"mean": accuracy})
