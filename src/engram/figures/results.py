"""What the network answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from engram.figures.fields import draw_fields
from engram.figures.style import (
    AMOUNTS,
    BLUE,
    FAINT,
    INK,
    MUTED,
    SHARES,
    SMALL,
    colour_bar,
    in_house_style,
    new_figure,
    note,
    picture_frame,
)
from engram.validation import check_count, check_finite
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NO_ANSWER = "none"
_SMALLEST = 3.0  # points; type below that cannot be read
_SCORE_UNITS = {"mean": "spikes per neuron", "proportion": "weighted spikes", "logistic": "log-odds"}
_MAX_BARS = 10  # classes whose scores are drawn


@in_house_style
def confusion(matrix, classes: Sequence, accuracy: float | None = None, *, scheme: str | None = None) -> Figure:
    """Draw which classes are taken for which: colours are shares of the true class, numbers are counts.

    The colour scale follows the square root of the share, so that confusions of a few percent show. Pairs
    that never occurred stay empty. Where cells are too small for legible counts, none is written.

    Parameters
    ----------
    matrix : array_like of shape (n_classes, n_classes) or (n_classes, n_classes + 1), int
        How many examples of the row's class were read as the column's; a further column counts those without an
        answer.
    classes : sequence of str or int
        Names of the classes.
    accuracy : float, optional
        Overall accuracy, 0 to 1, for the title.
    scheme : str, optional
        How the spikes were read, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; at its right edge each class's own accuracy.

    Raises
    ------
    DataError
        If the matrix is not of such a shape, not of counts, or does not fit the classes.
    ConfigError
        If `accuracy` is not a number.

    Examples
    --------
    >>> figure = confusion([[9, 1], [0, 10]], ["cat", "dog"], accuracy=0.95)
    >>> figure.axes[0].get_title(loc="left")
    '95.0 % of 20 examples correct'
    """
    matrix = check_whole("matrix", matrix, 2)
    names = check_classes(classes, matrix.shape[0])
    if matrix.shape[1] - matrix.shape[0] not in (0, 1):
        raise DataError(
            f"matrix must be square, true by predicted class, with at most a column for no answer, got shape"
            f" {matrix.shape}."
        )
    columns = [*names, _NO_ANSWER][: matrix.shape[1]]
    if accuracy is not None:
        check_finite("accuracy", accuracy)
        if not 0 <= accuracy <= 1:
            raise DataError(f"accuracy must lie between 0 and 1, got {accuracy!r}.")
    from matplotlib.colors import PowerNorm

    n_classes = len(names)
    totals = matrix.sum(axis=1)
    shares = 100.0 * matrix / np.maximum(totals, 1)[:, None]
    cell = max(min(0.5, 12.7 / n_classes), 2.4 / n_classes)  # inches
    side = cell * n_classes
    size = max(min(9.0, 0.62 * 72 * cell), _SMALLEST)
    name_points = 0.6 * size * max(map(len, names))  # about what the longest name takes
    width = cell * len(columns)
    below = 0.6 * size * max(map(len, columns))
    figure = new_figure(width + 1.9 + name_points / 72, side + 0.8 + 0.7 * below / 72)
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap=SHARES, norm=PowerNorm(0.5, 0.0, 100.0))
    bar = colour_bar(axes, picture, "share of the true class (%)", width, gap_inches=0.55)
    if len(columns) > n_classes:
        axes.axvline(n_classes - 0.5, color=MUTED, linewidth=0.8)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    _write_counts(axes, matrix, shares, points=72 * cell)
    axes.set_xticks(range(len(columns)), columns, size=size)
    if below > 0.9 * 72 * cell:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n_classes), names, size=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class")
    own = axes.secondary_yaxis("right")
    own.set_yticks(range(n_classes), _own_accuracy(shares, totals), size=min(size, SMALL), color=MUTED)
    own.tick_params(length=0)
    own.spines[:].set_visible(False)
    examples = plural(int(totals.sum()), "example")
    title = examples if accuracy is None else f"{100 * accuracy:.1f} % of {examples} correct"
    axes.set_title(title + (f" ({scheme})" if scheme else ""))
    return figure


@in_house_style
def prediction(
    image,
    image_shape: tuple[int, int],
    scores: Mapping[str, Sequence[float]],
    classes: Sequence,
    weights,
    counts,
    *,
    labels=None,
    top: int = 8,
    score_units: Mapping[str, str] | None = None,
) -> Figure:
    """Draw an image, the score that each readout scheme gives the classes, and the neurons that answered.

    Parameters
    ----------
    image : array_like of shape (n_inputs,) or image_shape
        The image as it was shown to the network; what is bright there is drawn dark, like ink.
    image_shape : tuple of int
        Height and width of the image.
    scores : mapping of str to array_like of shape (n_classes,)
        Class scores by readout scheme; the highest is the answer. Of more than ten classes, the ten that
        rank best are drawn.
    classes : sequence of str or int
        Names of the classes.
    weights : array_like of shape (n_inputs, n_neurons)
        Weights onto the excitatory neurons.
    counts : array_like of shape (n_neurons,), int
        Spikes of each excitatory neuron during the presentation.
    labels : array_like of shape (n_neurons,), int, optional
        Position in `classes` of each neuron's class, -1 for unassigned.
    top : int, optional
        How many of the neurons that fired most are drawn.
    score_units : mapping of str to str, optional
        What a scheme's scores are, for its axis label; by default spikes or log-odds, else "score".

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If the arrays are not finite or do not fit together.
    ConfigError
        If `top` is not a positive whole number.

    Examples
    --------
    >>> import numpy as np
    >>> figure = prediction(np.eye(4), (4, 4), {"mean": [0.5, 2.0]}, ["a", "b"], np.ones((16, 3)), [0, 4, 1])
    >>> figure.axes[1].get_title(loc="left")
    'mean: b'
    """
    weights, image_shape = check_weights(weights, image_shape)
    pixels = check_image(image, image_shape)
    names = check_classes(classes)
    counts = check_whole("counts", counts, 1)
    check_length("counts", counts, weights.shape[1], "neurons")
    check_count("top", top)
    checked = {name: check_numbers(f"The scores '{name}'", values, 1) for name, values in scores.items()}
    if not checked:
        raise DataError("scores must hold at least one readout scheme, got none.")
    for name, values in checked.items():
        check_length(f"The scores '{name}'", values, len(names), "classes")
    if labels is not None:
        labels = check_whole("labels", labels, 1, at_least=-1)
        check_length("labels", labels, len(counts), "neurons")
        if labels.max() >= len(names):
            raise DataError(f"labels go up to {labels.max()}, but classes name only {len(names):,} classes.")

    figure = new_figure(max(2.6 + 2.1 * len(checked), 7.2), 5.2)
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.55, 1.0))
    panels = upper.subplots(1, 1 + len(checked), width_ratios=(1.1, *[1.0] * len(checked)))
    panels[0].imshow(pixels, cmap=AMOUNTS, vmin=0, vmax=float(pixels.max()) or 1.0)
    panels[0].set_title("image as shown")
    panels[0].set_anchor("N")  # its title in line with the others
    picture_frame(panels[0])
    _draw_scores(panels[1:], checked, names, {**_SCORE_UNITS, **(score_units or {})})
    _draw_winners(lower, weights, image_shape, counts, labels, names, top)
    return figure


def _write_counts(axes, matrix, shares, points: float) -> None:
    """Write the counts into their cells, light on dark, as large as the longest allows."""
    digits = len(f"{matrix.max(initial=0):,}")
    size = min(9.0, 1.35 * points / max(digits, 2))
    if size < _SMALLEST:
        return
    for true, read in zip(*np.nonzero(matrix + np.eye(*matrix.shape, dtype=int)), strict=True):
        colour = "white" if shares[true, read] > 30 else INK
        text = axes.text(read, true, f"{matrix[true, read]:,}", size=size, color=colour, ha="center", va="center")
        text.set_in_layout(False)


def _own_accuracy(shares, totals) -> list[str]:
    """Write each class's accuracy in %, a dash for a class without examples."""
    own = np.diag(shares)
    return [f"{value:.0f} %" if total else "–" for value, total in zip(own, totals, strict=True)]


def _draw_scores(panels, scores, names, units) -> None:
    """Draw one bar panel per scheme, the answer in colour, all with the same classes."""
    ranks = np.min([np.argsort(np.argsort(-values, kind="stable")) for values in scores.values()], axis=0)
    shown = np.sort(np.argsort(ranks, kind="stable")[:_MAX_BARS])
    for panel, (scheme, values) in zip(panels, scores.items(), strict=True):
        answer = int(values.argmax())
        silent = values.min() == values.max() and len(values) > 1
        colours = [BLUE if k == answer and not silent else FAINT for k in shown]
        panel.barh(range(len(shown)), values[shown], color=colours, height=0.75)
        panel.set_yticks(range(len(shown)), [names[k] for k in shown])
        panel.set_ylim(len(shown) - 0.5, -0.5)
        panel.tick_params(axis="y", length=0, labelleft=panel is panels[0])
        panel.locator_params(axis="x", nbins=4)
        if values.min() < 0:
            panel.axvline(0.0, color=MUTED, linewidth=0.8)
            panel.spines.left.set_visible(False)
        if not values.any():
            panel.set_xlim(0.0, 1.0)
        panel.set_xlabel(units.get(scheme, "score"))
        panel.set_title(f"{scheme}: {'no answer' if silent else names[answer]}")
    if len(shown) < len(names):
        panels[0].set_ylabel(f"best {len(shown)} of {len(names)} classes")


def _draw_winners(figure, weights, image_shape, counts, labels, names, top: int) -> None:
    """Draw the receptive fields of the neurons that fired most, most first."""
    axes = figure.add_subplot()
    winners = np.argsort(-counts, kind="stable")[:top]
    winners = winners[counts[winners] > 0]
    if len(winners) == 0:
        axes.set_axis_off()
        note(axes, "no neuron fired")
        return
    fields = weights[:, winners]
    picture = draw_fields(axes, fields, image_shape, len(winners), limit=np.abs(fields).max())
    axes.set_anchor("W")
    colour_bar(axes, picture, "weight", 0.8 * len(winners))
    fired = np.count_nonzero(counts)
    rest = f" most, of {fired:,} that fired" if fired > len(winners) else ""
    axes.set_title(f"{plural(len(winners), 'neuron')} that fired{rest}")
    height, width = image_shape
    for place, neuron in enumerate(winners):
        lines = [plural(int(counts[neuron]), "spike"), f"neuron {neuron:,}"]
        if labels is not None:
            lines.insert(0, "unassigned" if labels[neuron] < 0 else names[labels[neuron]])
        middle = (place + 0.5) * (width + 1)
        axes.text(middle, height + 2, "\n".join(lines), size=SMALL, ha="center", va="top")
