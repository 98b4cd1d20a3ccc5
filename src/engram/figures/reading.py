"""How a network read a digit: the image, the fields of all neurons, those that answered, and every spike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import (
    check_classes,
    check_image,
    check_length,
    check_numbers,
    check_weights,
    check_whole,
)
from engram.figures.fields import UNASSIGNED, common_limit, draw_fields, drawing_order, mosaic
from engram.figures.spikes import check_spikes, draw_spikes
from engram.figures.style import (
    AMOUNTS,
    BLUE,
    INK,
    MUTED,
    SHADE,
    SMALL,
    VERMILLION,
    count_axis,
    in_house_style,
    log_axis,
    new_figure,
    note,
    picture_frame,
)
from engram.validation import check_count, check_positive
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRED = "hot"
"""Colour map of the fields of the neurons that fired most."""

RATE_OF_WHITE = "input rate of white"
"""Whose rate is drawn where it is known: that of the brightest pixel."""

_LABEL_LETTERS = 9
_MOST_DRAWN = 400
_DENSE = 1_000  # spikes; more are drawn as dots
_COLUMNS = 5  # of the neurons that fired most, drawn once more and larger


@in_house_style
def reading(
    image,
    image_shape: tuple[int, int],
    weights,
    counts,
    exc_spikes,
    input_spikes,
    rate,
    *,
    dt: float,
    shown_ms: float,
    labels=None,
    classes: Sequence | None = None,
    rate_title: str = RATE_OF_WHITE,
    layer: str = "excitatory",
    title: str | None = None,
    top: int = 10,
) -> Figure:
    """Draw how a network read an image: what it saw, which neurons know it, and every spike on the way.

    On the left the image, and the fields of the neurons that fired most with their labels; in the middle every field
    in grey, those neurons in *hot*; on the right the input rate, the input's spikes and the neurons' spikes.

    Parameters
    ----------
    image : array_like of shape (n_inputs,) or image_shape
        The image as it was shown to the network.
    image_shape : tuple of int
        Height and width of the image.
    weights : array_like of shape (n_inputs, n_neurons)
        Weights onto the excitatory neurons. Of more than 400 neurons, 400 are drawn: those that fired most and an even
        sample of the others.
    counts : array_like of shape (n_neurons,), int
        Spikes of each excitatory neuron while the image was shown.
    exc_spikes, input_spikes : array_like of shape (n_spikes, 2), int
        Spikes as (neuron or input, step), steps counted from the start of the presentation.
    rate : array_like of shape (n_steps,)
        Input rate of white in each step, Hz; 0 where the input is blank. Or what `rate_title` says.
    dt : float
        Length of a step, ms.
    shown_ms : float
        How long the image was shown, ms; what is left is blank.
    labels : array_like of shape (n_neurons,), int, optional
        Each neuron's class, -1 for none.
    classes : sequence of str or int, optional
        What the classes 0, 1, … are called.
    rate_title : str, optional
        Whose rate it is.
    layer : str, optional
        What the neurons are called.
    title : str, optional
        Title of the figure, such as the answer.
    top : int, optional
        How many of the neurons that fired most stand out.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If the arrays are not finite or do not fit together.
    ConfigError
        If a duration or `top` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> spikes = [[0, 12], [0, 15], [2, 15]]
    >>> weights, rate = np.ones((16, 3)), np.ones(20)
    >>> figure = reading(np.eye(4), (4, 4), weights, [2, 0, 1], spikes, [[5, 3]], rate, dt=1, shown_ms=20)
    >>> figure.axes[1].get_title(loc="left")
    '2 neurons that fired'
    """
    weights, image_shape = check_weights(weights, image_shape)
    n_inputs, n_neurons = weights.shape
    pixels = check_image(image, image_shape)
    counts = check_whole("counts", counts, 1)
    check_length("counts", counts, n_neurons, "neurons")
    check_positive("dt", dt, "ms")
    check_positive("shown_ms", shown_ms, "ms")
    check_count("top", top)
    rate = check_numbers("rate", rate, 1)
    total_ms = max(len(rate) * dt, shown_ms)
    exc_spikes = check_spikes("exc_spikes", exc_spikes, dt, total_ms)
    input_spikes = check_spikes("input_spikes", input_spikes, dt, total_ms)
    if labels is not None:
        labels = check_whole("labels", labels, 1, at_least=-1)
        check_length("labels", labels, n_neurons, "neurons")
    names = _names(labels, classes)
    if (rate < 0).any():
        raise DataError("rate must not be negative.")

    winners = np.argsort(-counts, kind="stable")[:top]
    winners = winners[counts[winners] > 0]
    figure = new_figure(11.6, 5.2)
    left, middle, right = figure.subfigures(1, 3, width_ratios=(2.7, 4.9, 4.0))
    _draw_image_and_winners(left, pixels, weights, image_shape, counts, winners, labels, names)
    _draw_all_fields(middle, weights, image_shape, winners, labels)
    _draw_spikes_over_time(
        right, rate, input_spikes, exc_spikes, winners, labels, names, rate_title, layer, float(dt), shown_ms,
        total_ms, n_inputs, n_neurons,
    )  # fmt: skip
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _names(labels, classes) -> dict[int, str]:
    """What stands for each class, and for none."""
    if labels is None:
        return {}
    if classes is None:
        return {int(label): str(label) for label in np.unique(labels)} | {-1: UNASSIGNED}
    names = check_classes(list(classes))
    if labels.max() >= len(names):
        raise DataError(f"labels name the class {labels.max()}, but there are names for {len(names)}.")
    return dict(enumerate(names)) | {-1: UNASSIGNED}


def _draw_image_and_winners(figure, pixels, weights, image_shape, counts, winners, labels, names) -> None:
    rows = max(1, math.ceil(len(winners) / _COLUMNS))
    above, below = figure.subplots(2, 1, height_ratios=(1.25, 0.62 * rows))
    above.imshow(pixels, cmap=AMOUNTS, vmin=0, vmax=float(pixels.max()) or 1.0)
    above.set_title("image as shown")
    above.set_anchor("NW")
    picture_frame(above)
    below.set_axis_off()
    below.set_anchor("NW")
    fired = int(np.count_nonzero(counts))
    if not fired:
        note(below, "no neuron fired")
        return
    height, width = image_shape
    room = round(0.75 * max(height, 0.7 * width))  # for two lines under each field
    columns = min(_COLUMNS, len(winners))
    gap = max(1, round(0.08 * width))
    rows_of_fields = []
    for start in range(0, len(winners), columns):
        row = [np.pad(_hot(weights[:, neuron], image_shape), ((0, room), (0, gap), (0, 0)), constant_values=1.0)
               for neuron in winners[start : start + columns]]  # fmt: skip
        row += [np.ones_like(row[0])] * (columns - len(row))
        rows_of_fields.append(np.concatenate(row, axis=1))
    below.imshow(np.concatenate(rows_of_fields))
    for place, neuron in enumerate(winners):
        row, column = divmod(place, columns)
        label = "" if labels is None else names[int(labels[neuron])][:_LABEL_LETTERS]
        x, y = column * (width + gap) + width / 2 - 0.5, row * (height + room) + height + 0.1 * room
        below.text(x, y, label, size=SMALL + 1, weight="bold", color=VERMILLION, ha="center", va="top")
        spikes = plural(int(counts[neuron]), "spike") if columns < _COLUMNS else f"{counts[neuron]:,}×"
        below.text(x, y + (0.45 * room if label else 0), spikes, size=SMALL - 1.5, color=MUTED, ha="center", va="top")
    some = f"{len(winners)} of {plural(fired, 'neuron')}" if fired > len(winners) else plural(fired, "neuron")
    below.set_title(f"{some} that fired", size=SMALL + 1)


def _draw_all_fields(figure, weights, image_shape, winners, labels) -> None:
    """Every field in grey, those of the winners in their own place in *hot*."""
    n_neurons = weights.shape[1]
    drawn = np.arange(n_neurons)
    title = f"fields of all {plural(n_neurons, 'neuron')}"
    if n_neurons > _MOST_DRAWN:
        others = np.setdiff1d(drawn, winners)
        sample = others[np.linspace(0, len(others) - 1, _MOST_DRAWN - len(winners)).round().astype(int)]
        drawn = np.sort(np.concatenate((winners, sample)))
        labels = None if labels is None else labels[drawn]
        title = f"fields of {_MOST_DRAWN:,} of {plural(n_neurons, 'neuron')}"
    if labels is not None:
        drawn = drawn[drawing_order(weights[:, drawn], labels)]
        title += ", by label"
    height, width = image_shape
    columns = max(1, math.ceil(math.sqrt(len(drawn) * height / width)))
    axes = figure.add_subplot()
    draw_fields(axes, weights[:, drawn], image_shape, columns, common_limit(weights))
    hot = np.zeros((*mosaic(weights[:, drawn], image_shape, columns).shape, 4))  # clear but for the winners
    for neuron in winners:
        row, column = divmod(int(np.flatnonzero(drawn == neuron)[0]), columns)
        top, start = row * (height + 1) + 1, column * (width + 1) + 1
        hot[top - 1 : top + height + 1, start - 1 : start + width + 1] = (0.0, 0.0, 0.0, 1.0)
        hot[top : top + height, start : start + width, :3] = _hot(weights[:, neuron], image_shape)
        hot[top : top + height, start : start + width, 3] = 1.0
    axes.imshow(hot)
    axes.set_anchor("NW")
    axes.set_title(title + (f", the {len(winners)} that fired most in {FIRED}" if len(winners) else ""), size=SMALL + 1)


def _hot(field: np.ndarray, image_shape) -> np.ndarray:
    """One field in *hot*, black at no weight and white at its own strongest; shape (height, width, 3)."""
    import matplotlib

    strength = np.clip(field / (field.max() or 1.0), 0.0, 1.0)
    return matplotlib.colormaps[FIRED](strength.reshape(image_shape))[..., :3]


def _draw_spikes_over_time(
    figure,
    rate,
    input_spikes,
    exc_spikes,
    winners,
    labels,
    names,
    rate_title,
    layer,
    dt,
    shown_ms,
    total_ms,
    n_inputs,
    n_neurons,
) -> None:
    rates, inputs, neurons = figure.subplots(3, 1, sharex=True, height_ratios=(0.8, 1.3, 1.3))
    time = dt * np.arange(len(rate))
    on = rate > 0
    rates.plot(time[on], rate[on], color=VERMILLION)
    if rate_title == RATE_OF_WHITE and on.any() and rate[on].max() > 3 * rate[on].min():
        log_axis(rates.yaxis)
        rates.minorticks_off()
    elif on.any():
        rates.set_ylim(0, 1.3 * rate.max())
    rates.set_ylabel("rate (Hz)")
    rates.set_title(rate_title, size=SMALL + 1)
    draw_spikes(inputs, input_spikes, dt, n_inputs, INK, thin=True)
    inputs.invert_yaxis()
    inputs.set_ylabel("pixel")
    inputs.set_title(f"input: {plural(len(input_spikes), 'spike')}", size=SMALL + 1)
    leads = np.isin(exc_spikes[:, 0], winners[:1])
    row = np.arange(n_neurons) if labels is None else np.argsort(np.argsort(labels, kind="stable"), kind="stable")
    placed = np.column_stack((row[exc_spikes[:, 0]], exc_spikes[:, 1])).reshape(-1, 2)
    draw_spikes(neurons, placed[~leads], dt, n_neurons, BLUE, thin=len(placed) > _DENSE)
    draw_spikes(neurons, placed[leads], dt, n_neurons, VERMILLION, thin=False)
    neurons.set_ylabel("neuron" if labels is None else "neuron, by label")
    if labels is not None:
        _mark_labels(neurons, np.sort(labels), names)
    spikes = f"{layer}: {plural(len(exc_spikes), 'spike')}"
    neurons.set_title(spikes + (f", neuron {winners[0]:,} in orange" if len(winners) else ""), size=SMALL + 1)
    for axes in (rates, inputs, neurons):
        if total_ms > shown_ms:
            axes.axvspan(shown_ms, total_ms, color=SHADE, linewidth=0, zorder=0)
    if total_ms > shown_ms:
        middle = (shown_ms + total_ms) / 2
        inputs.text(middle, 0.5, "blank", transform=inputs.get_xaxis_transform(), ha="center", va="center", color=MUTED)
    neurons.set(xlim=(0.0, total_ms), xlabel="time (ms)")
    count_axis(neurons.xaxis)
    figure.align_ylabels()


def _mark_labels(axes, ascending: np.ndarray, names: dict[int, str]) -> None:
    """Write each label beside its stretch of the rows, with a fine line between two."""
    found, start = np.unique(ascending, return_index=True)
    ends = np.append(start[1:], len(ascending))
    shown = [names[int(label)][:_LABEL_LETTERS] for label in found]
    axes.set_yticks((start + ends - 1) / 2, shown, size=6.5)
    axes.tick_params(axis="y", length=0)
    for place in start[1:]:
        axes.axhline(place - 0.5, color=SHADE, linewidth=0.6, zorder=0)
