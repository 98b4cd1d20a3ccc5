"""What the network did while it looked at one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_image, check_whole
from engram.figures.style import (
    AMOUNTS,
    BLUE,
    COLOURS,
    INK,
    MUTED,
    SHADE,
    SMALL,
    VERMILLION,
    count_axis,
    in_house_style,
    new_figure,
    picture_frame,
    plural,
)
from engram.validation import check_count, check_positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
) -> Figure:
    """Draw all spikes of one presentation, the blank period shaded, the image beside its input.

    Inputs run from top to bottom like the image's rows, neurons from bottom to top.

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
    panels = (
        ("input", spikes["input_spikes"], n_inputs, INK),
        ("excitatory", spikes["exc_spikes"], n_neurons, BLUE),
        ("inhibitory", spikes["inh_spikes"], n_neurons, VERMILLION),
    )
    return _draw_panels(panels, (1.5, 1.5, 1.0), dt, shown_ms, blank_ms, image, title)


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
    sizes = {"input": n_inputs, **sizes}
    panels = [
        (name, pairs, _check_size(f"the size of {name}", sizes[name], pairs), colour)
        for (name, pairs), colour in zip(checked.items(), colours, strict=True)
    ]
    return _draw_panels(panels, [1.0] * len(panels), dt, shown_ms, blank_ms, image, title)


def _checked_spikes(spikes: dict, dt: float, shown_ms: float, blank_ms: float) -> dict[str, np.ndarray]:
    check_positive("dt", dt, "ms")
    check_positive("shown_ms", shown_ms, "ms")
    check_positive("blank_ms", blank_ms, "ms", or_zero=True)
    return {name: check_spikes(name, pairs, dt, shown_ms + blank_ms) for name, pairs in spikes.items()}


def _draw_panels(panels, heights, dt: float, shown_ms: float, blank_ms: float, image, title: str | None) -> Figure:
    """One above the other, (name, spikes, size, colour) with the input first, and the image beside it."""
    total_ms = shown_ms + blank_ms
    figure = new_figure(8.4 if image is not None else 6.8, 5.6 / 3 * len(panels))
    grid = figure.add_gridspec(len(panels), 2 if image is not None else 1, height_ratios=heights)
    if image is not None:
        grid.set_width_ratios((4.2, 1.0))
    axes = None
    for row, (name, pairs, size, colour) in enumerate(panels):
        axes = figure.add_subplot(grid[row, 0], sharex=axes)
        draw_spikes(axes, pairs, dt, size, colour, thin=row == 0)
        if blank_ms:
            axes.axvspan(shown_ms, total_ms, color=SHADE, linewidth=0, zorder=0)
        axes.set_title(f"{name}: {plural(len(pairs), 'spike')}", fontsize=SMALL)
        axes.set_ylabel("pixel" if row == 0 else "neuron")
        axes.tick_params(labelbottom=row == len(panels) - 1)
    first = figure.axes[0]
    first.invert_yaxis()
    if blank_ms:
        middle = shown_ms + blank_ms / 2
        first.text(middle, 0.5, "blank", transform=first.get_xaxis_transform(), ha="center", color=MUTED)
    axes.set(xlim=(0.0, total_ms), xlabel="time (ms)")
    count_axis(axes.xaxis)
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
