"""What the network did while it looked at one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_image, check_length, check_whole
from engram.figures.fields import class_marks
from engram.figures.style import (
    AMOUNTS,
    BLUE,
    COLOURS,
    GREEN,
    INK,
    MUTED,
    SHADE,
    SMALL,
    VERMILLION,
    count_axis,
    in_house_style,
    new_figure,
    picture_frame,
)
from engram.validation import check_count, check_positive
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_NAME = 10
_MANY = 20_000  # spikes; more are drawn as a bitmap inside an SVG, which would grow past a few MB


@in_house_style
def raster(
    exc_spikes,
    inh_spikes,
    input_spikes,
    *,
    dt: float,
    shown_ms: float,
    blank_ms: float = 150.0,
    n_inputs: int | None = None,
    n_neurons: int | None = None,
    image=None,
    image_shape: tuple[int, int] | None = None,
    title: str | None = None,
    labels=None,
    classes: Sequence | None = None,
    membranes: Sequence[Membrane] = (),
) -> Figure:
    """Draw one presentation: the image's spikes, the neurons that answer, and how the first of them wins.

    Inputs run from top to bottom like the image's rows, neurons from bottom to top, by label where they have any. The
    neuron that fired most is drawn in orange; below, its membrane and that of the runner-up rise to their thresholds.
    What is blank is shaded.

    Parameters
    ----------
    exc_spikes, inh_spikes, input_spikes : array_like of shape (n_spikes, 2), int
        Spikes as (neuron or input, step), steps counted from the start of the presentation.
    dt : float
        Length of a step, in ms.
    shown_ms, blank_ms : float
        How long the image, and then nothing, was shown, in ms.
    n_inputs, n_neurons : int, optional
        Sizes of the populations; by default as large as the spikes and the image tell.
    image : array_like of shape (n_inputs,) or image_shape, optional
        The image that was shown.
    image_shape : tuple of int, optional
        Height and width of a flattened image.
    title : str, optional
        Title of the figure, such as the image's label and the network's answer.
    labels : array_like of shape (n_neurons,), int, optional
        Each neuron's class, as its place in `classes` where these are given; -1 for none.
    classes : sequence of str or int, optional
        Names of the classes.
    membranes : sequence of Membrane, optional
        Potentials to draw, that of the winner first.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If spikes are not pairs of whole numbers, or lie outside the presentation or the population.
    ConfigError
        If a duration or size is not positive.

    Examples
    --------
    >>> figure = raster([[3, 40]], [[3, 42]], [[5, 7], [9, 30]], dt=0.5, shown_ms=350.0)
    >>> figure.axes[1].lines[0].get_xdata()
    array([20.])
    """
    spikes = {"input_spikes": input_spikes, "exc_spikes": exc_spikes, "inh_spikes": inh_spikes}
    spikes = _checked_spikes(spikes, dt, shown_ms, blank_ms)
    if image is not None:
        image = check_image(image, image_shape)
        n_inputs = image.size if n_inputs is None else n_inputs
    n_inputs = _check_size("n_inputs", n_inputs, spikes["input_spikes"])
    n_neurons = _check_size("n_neurons", n_neurons, spikes["exc_spikes"], spikes["inh_spikes"])
    rows = None
    if labels is not None:
        labels = check_whole("labels", labels, 1, at_least=-1)
        check_length("labels", labels, n_neurons, "neurons")
        rows = Rows(labels, class_marks(labels, classes, longest=_LONGEST_NAME))
    panels = (
        ("input", spikes["input_spikes"], n_inputs, INK),
        ("excitatory", spikes["exc_spikes"], n_neurons, BLUE),
        ("inhibitory", spikes["inh_spikes"], n_neurons, GREEN),
    )
    winner = _winner(spikes["exc_spikes"], dt, shown_ms)
    return _draw_panels(
        panels, (1.5, 1.8, 1.0), dt, shown_ms, blank_ms, image, title, rows=rows, winner=winner, membranes=membranes
    )


@in_house_style
def network_raster(
    spikes: dict,
    input_spikes,
    sizes: dict[str, int],
    *,
    dt: float,
    shown_ms: float,
    blank_ms: float = 150.0,
    n_inputs: int | None = None,
    image=None,
    image_shape: tuple[int, int] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw all spikes of one presentation of a network of any populations, from the input upwards.

    Parameters
    ----------
    spikes : dict of str to array_like of shape (n_spikes, 2), int
        By population, spikes as (neuron, step), steps counted from the start of the presentation.
    input_spikes : array_like of shape (n_spikes, 2), int
    sizes : dict of str to int
        How many neurons each population has.
    dt, shown_ms, blank_ms, n_inputs, image, image_shape, title
        See :func:`raster`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If spikes are not pairs of whole numbers, or lie outside the presentation or the population.
    ConfigError
        If a duration or size is not positive.

    Examples
    --------
    >>> figure = network_raster({"first": [[3, 40]], "second": []}, [[5, 7]], {"first": 9, "second": 4}, dt=0.5,
    ...                         shown_ms=350.0)
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['input: 1 spike', 'first: 1 spike', 'second: 0 spikes']
    """
    checked = _checked_spikes({"input": input_spikes, **spikes}, dt, shown_ms, blank_ms)
    if image is not None:
        image = check_image(image, image_shape)
        n_inputs = image.size if n_inputs is None else n_inputs
    colours = (INK, *(COLOURS[k % len(COLOURS)] for k in range(len(spikes))))
    given: dict[str, int | None] = {"input": n_inputs, **sizes}
    panels = [
        (name, pairs, _check_size(f"the size of {name}", given[name], pairs), colour)
        for (name, pairs), colour in zip(checked.items(), colours, strict=True)
    ]
    return _draw_panels(panels, [1.0] * len(panels), dt, shown_ms, blank_ms, image, title)


def _checked_spikes(spikes: dict, dt: float, shown_ms: float, blank_ms: float) -> dict[str, np.ndarray]:
    check_positive("dt", dt, "ms")
    check_positive("shown_ms", shown_ms, "ms")
    check_positive("blank_ms", blank_ms, "ms", or_zero=True)
    return {name: check_spikes(name, pairs, dt, shown_ms + blank_ms) for name, pairs in spikes.items()}


def _winner(exc_spikes: np.ndarray, dt: float, shown_ms: float) -> int | None:
    """The neuron that fired most while the image was shown; None where several did."""
    fired = exc_spikes[exc_spikes[:, 1] * dt < shown_ms, 0]
    counts = np.bincount(fired) if len(fired) else np.zeros(0)
    return int(np.argmax(counts)) if (counts == counts.max(initial=0)).sum() == 1 else None


class Membrane(NamedTuple):
    """A neuron's potential over a presentation.

    Attributes
    ----------
    neuron : int
    v : ndarray of shape (n_steps,)
        After each step, mV.
    threshold : float
        mV.
    """

    neuron: int
    v: np.ndarray
    threshold: float


class Rows:
    """Where neurons stand when they are sorted by label.

    Parameters
    ----------
    labels : ndarray of shape (n_neurons,), int
        -1 for none; these stand last.
    names : list of str
        What each neuron's label is called.
    """

    def __init__(self, labels: np.ndarray, names: list[str]):
        order = np.argsort(labels % (labels.max(initial=-1) + 2), kind="stable")
        self.of = np.argsort(order, kind="stable")
        found = labels[order]
        self.starts = np.flatnonzero(np.diff(found, prepend=found[:1] - 1))
        self.names = [names[order[start]] for start in self.starts]
        self.middles = (self.starts + np.append(self.starts[1:], len(found)) - 1) / 2

    def placed(self, pairs: np.ndarray) -> np.ndarray:
        """Spikes of neurons, in the rows where they stand."""
        return np.column_stack((self.of[pairs[:, 0]], pairs[:, 1])).reshape(-1, 2)

    def mark(self, axes) -> None:
        """Write each label beside its stretch of the rows, with a fine line between two."""
        axes.set_yticks(self.middles, self.names, size=6.5)
        axes.tick_params(axis="y", length=0)
        for start in self.starts[1:]:
            axes.axhline(start - 0.5, color=SHADE, linewidth=0.6, zorder=0)


def _draw_membranes(axes, membranes: Sequence[Membrane], dt: float) -> None:
    """Potentials as lines, each with its threshold."""
    told = []
    roles = ("winner, neuron {}, in orange", "runner-up, neuron {}, in blue")
    for membrane, colour, role in zip(membranes, (VERMILLION, BLUE), roles, strict=False):
        time = dt * np.arange(1, len(membrane.v) + 1)
        axes.plot(time, membrane.v, color=colour, linewidth=0.9)
        axes.axhline(membrane.threshold, color=colour, linewidth=0.8, linestyle=(0, (4, 2)))
        told.append(role.format(f"{membrane.neuron:,}"))
    axes.set_ylabel("v (mV)")
    axes.set_title(f"membranes: {'; '.join(told)}; thresholds dashed", fontsize=SMALL)


def _draw_panels(
    panels,
    heights,
    dt: float,
    shown_ms: float,
    blank_ms: float,
    image,
    title: str | None,
    *,
    rows: Rows | None = None,
    winner: int | None = None,
    membranes: Sequence[Membrane] = (),
) -> Figure:
    """One above the other, (name, spikes, size, colour) with the input first, and the image beside it."""
    total_ms = shown_ms + blank_ms
    n_rows = len(panels) + bool(membranes)
    heights = (*heights, *([1.5] if membranes else []))
    figure = new_figure(8.4 if image is not None else 6.8, 5.6 / 3 * n_rows)
    grid = figure.add_gridspec(n_rows, 2 if image is not None else 1, height_ratios=heights)
    if image is not None:
        grid.set_width_ratios((4.2, 1.0))
    axes = None
    for row, (name, pairs, size, colour) in enumerate(panels):
        axes = figure.add_subplot(grid[row, 0], sharex=axes)
        by_label = rows if row > 0 else None
        placed = pairs if by_label is None else by_label.placed(pairs)
        wins = (pairs[:, 0] == winner) & (row == 1) if winner is not None else np.zeros(len(pairs), bool)
        draw_spikes(axes, placed, dt, size, colour, thin=row == 0)
        if wins.any():
            draw_spikes(axes, placed[wins], dt, size, VERMILLION, thin=False)
        if by_label is not None and row == 1:
            by_label.mark(axes)
        elif by_label is not None:
            axes.set_yticks([])
        won = f", neuron {winner:,} in orange" if wins.any() else ""
        axes.set_title(f"{name}: {plural(len(pairs), 'spike')}{won}", fontsize=SMALL)
        first = "input" if image is None else "pixel"
        axes.set_ylabel(first if row == 0 else "neuron, by label" if by_label is not None and row == 1 else "neuron")
    if membranes:
        axes = figure.add_subplot(grid[len(panels), 0], sharex=axes)
        _draw_membranes(axes, membranes, dt)
    lowest = figure.axes[-1]
    for panel in figure.axes:
        if blank_ms:
            panel.axvspan(shown_ms, total_ms, color=SHADE, linewidth=0, zorder=0)
        panel.tick_params(labelbottom=panel is lowest)
    first = figure.axes[0]
    first.invert_yaxis()
    if blank_ms:
        middle = shown_ms + blank_ms / 2
        first.text(middle, 0.5, "blank", transform=first.get_xaxis_transform(), ha="center", color=MUTED)
    lowest.set(xlim=(0.0, total_ms), xlabel="time (ms)")
    count_axis(lowest.xaxis)
    figure.align_ylabels()
    if image is not None:
        beside = figure.add_subplot(grid[0, 1])
        beside.imshow(image, cmap=AMOUNTS, vmin=0, vmax=float(image.max()) or 1.0)
        beside.set_title("image", fontsize=SMALL)
        picture_frame(beside)
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def check_spikes(name: str, pairs, dt: float, total_ms: float) -> np.ndarray:
    """Return spikes as (neuron, step) rows that lie within the presentation."""
    pairs = np.asarray(pairs)
    pairs = np.zeros((0, 2), np.int64) if pairs.size == 0 else check_whole(name, pairs, 2)
    if pairs.shape[1] != 2:
        raise DataError(f"{name} must have two columns, neuron and step, got {pairs.shape[1]}.")
    if len(pairs) and pairs[:, 1].max() * dt > total_ms:
        raise DataError(
            f"{name} go on until {pairs[:, 1].max() * dt:,.6g} ms, but the presentation lasts "
            f"{total_ms:,.6g} ms; count steps from its start."
        )
    return pairs


def _check_size(name: str, size: int | None, *spikes: np.ndarray) -> int:
    highest = max((int(pairs[:, 0].max()) for pairs in spikes if len(pairs)), default=0)
    if size is None:
        return highest + 1
    check_count(name, size)
    if highest >= size:
        raise DataError(f"A spike has index {highest:,}, but {name} is {size:,}.")
    return size


def draw_spikes(axes, pairs: np.ndarray, dt: float, size: int, colour: str, *, thin: bool) -> None:
    """Draw spikes of a population of that size as dots or, not `thin`, as strokes."""
    axes.plot(
        pairs[:, 1] * float(dt),
        pairs[:, 0],
        linestyle="",
        color=colour,
        marker="." if thin else "|",
        markersize=2.0 if thin else 6.0,
        markeredgewidth=0.0 if thin else 1.0,
        rasterized=len(pairs) > _MANY,
    )
    margin = max(0.5, 0.03 * size)
    axes.set_ylim(-margin, size - 1 + margin)
    count_axis(axes.yaxis)
