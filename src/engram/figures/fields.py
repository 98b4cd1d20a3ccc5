"""Receptive fields: each neuron's incoming weights, laid out like the image they look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_classes, check_length, check_weights, check_whole
from engram.figures.style import (
    AMOUNTS,
    DPI,
    GAP,
    MAX_INCHES,
    MUTED,
    SIGNED,
    VERMILLION,
    colour_bar,
    in_house_style,
    new_figure,
)
from engram.validation import check_choice, check_count
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDERS = ("label", "index")

UNASSIGNED = "?"
"""What stands in the corner of a neuron without a class."""

_GAP = 1  # pixels between fields
_FIELD_INCHES = 0.36  # side of one field, so that its label can be read
_TITLE_LETTERS = 13  # letters of a title per inch
_MOST_WELL_ORDERED = 700  # fields; of more, which branch of two stands first is left to chance: it takes long to find
_LABEL_LENGTH = 2  # characters that fit into a field's corner


@in_house_style
def receptive_fields(
    weights,
    image_shape: tuple[int, int],
    labels=None,
    *,
    classes: Sequence | None = None,
    max_neurons: int = 400,
    order: str = "label",
    title: str | None = None,
) -> Figure:
    """Draw each neuron's receptive field in one tight grid, on a common colour scale.

    The scale ends where nine of ten fields lie within it; the colour bar ends in an arrow if stronger weights
    exist.

    Parameters
    ----------
    weights : array_like of shape (n_inputs, n_neurons)
        Weights onto the excitatory neurons, relative to the leak. If any is negative the colours diverge
        from white at zero.
    image_shape : tuple of int
        Height and width of the image; their product is `n_inputs`.
    labels : array_like of shape (n_neurons,), int, optional
        Each neuron's class, -1 for unassigned; written into the field's lower left corner, the latter as "?".
    classes : sequence of str, optional
        Names of the classes, which `labels` then counts from 0; written into the corners if none is longer
        than two characters.
    max_neurons : int, optional
        Draw at most so many neurons, sampled evenly in drawing order; the title says so.
    order : {"label", "index"}, optional
        Sort the neurons by label (unassigned last) and those of one label so that similar fields stand side by side,
        or leave them in the network's order.
    title : str, optional
        What is drawn, in place of "Receptive fields of 100 neurons".

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If the arrays are empty, not finite, or do not fit together.
    ConfigError
        If an option is not usable.

    Examples
    --------
    >>> import numpy as np
    >>> figure = receptive_fields(np.random.default_rng(0).random((784, 100)), (28, 28))
    >>> figure.axes[0].get_title(loc="left")
    'Receptive fields of 100 neurons'
    """
    weights, image_shape = check_weights(weights, image_shape)
    check_count("max_neurons", max_neurons)
    check_choice("order", order, ORDERS)
    n_neurons = weights.shape[1]
    if labels is not None:
        labels = check_whole("labels", labels, 1, at_least=-1)
        check_length("labels", labels, n_neurons, "neurons")

    by_label = labels is not None and order == "label"
    drawn = drawn_neurons(weights, labels if by_label else None, max_neurons)
    title = title or f"Receptive fields of {plural(n_neurons, 'neuron')}"
    if n_neurons > max_neurons:
        title += f", {max_neurons:,} of them evenly sampled"
    if by_label:
        title += ", sorted by label"

    height, width = image_shape
    columns = min(len(drawn), max(1, math.ceil(math.sqrt(len(drawn) * height / width))))
    rows = math.ceil(len(drawn) / columns)
    across, down = columns * (width + _GAP), rows * (height + _GAP)
    longest = max(_FIELD_INCHES * max(columns, rows), max(across, down) / DPI, 3.6)
    scale = min(longest, MAX_INCHES - 1.3) / max(across, down)  # inches per pixel
    figure = new_figure(max(across * scale, 2.0) + 1.2, max(down * scale, 1.0) + 0.6)
    axes = figure.add_subplot()
    limit = common_limit(weights)
    picture = draw_fields(axes, weights[:, drawn], image_shape, columns, limit)
    extend = ("both" if (weights < 0).any() else "max") if np.abs(weights).max() > limit else "neither"
    colour_bar(axes, picture, "weight", across * scale, extend=extend)
    axes.set_title(fill(title, int(_TITLE_LETTERS * figure.get_figwidth())))
    if labels is not None:
        _write_labels(axes, class_marks(labels[drawn], classes), image_shape, columns, 72 * scale * width)
    return figure


def drawn_neurons(weights: np.ndarray, labels=None, max_neurons: int = 400) -> np.ndarray:
    """Which neurons are drawn, in their order, see :func:`drawing_order`; of too many an even sample."""
    n_neurons = weights.shape[1]
    order = np.arange(n_neurons) if labels is None else drawing_order(weights, labels)
    if n_neurons > max_neurons:
        order = order[np.linspace(0, n_neurons - 1, max_neurons).round().astype(int)]
    return order


def drawing_order(weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The neurons by label, those without one last; within a label similar fields side by side.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs, n_neurons)
    labels : ndarray of shape (n_neurons,), int
        -1 for none.

    Returns
    -------
    ndarray of shape (n_neurons,), int
    """
    places = labels % (labels.max() + 2)
    groups = [np.flatnonzero(places == place) for place in np.unique(places)]
    return np.concatenate([group[_by_similarity(weights[:, group])] for group in groups])


def _by_similarity(fields: np.ndarray) -> np.ndarray:
    """An order of fields in which neighbours are alike: the leaves of a tree that joins the most similar first."""
    n = fields.shape[1]
    norms = np.linalg.norm(fields, axis=0)
    if n < 3 or not norms.any():
        return np.arange(n)
    from scipy.cluster.hierarchy import leaves_list, linkage

    directions = (fields / np.where(norms > 0, norms, 1.0)).T.astype(np.float64)
    tree = linkage(directions, method="average", optimal_ordering=n <= _MOST_WELL_ORDERED)
    return leaves_list(tree)


def common_limit(weights: np.ndarray) -> float:
    """Return where the common colour scale ends: nine of ten fields lie within it.

    Under a fixed norm a neuron for a thin stroke has weights several times larger than all others.
    """
    return float(np.quantile(np.abs(weights).max(axis=0), 0.9, method="higher"))


def draw_fields(axes, weights: np.ndarray, image_shape: tuple[int, int], columns: int, limit: float):
    """Draw fields side by side as one picture, colours from `limit`, and return the picture."""
    import matplotlib

    signed = bool((weights < 0).any())
    limit = float(limit) or 1.0
    colours = matplotlib.colormaps[SIGNED if signed else AMOUNTS].with_extremes(bad=GAP)
    picture = axes.imshow(
        mosaic(weights, image_shape, columns), cmap=colours, vmin=-limit if signed else 0.0, vmax=limit
    )
    axes.set_axis_off()
    return picture


def mosaic(weights: np.ndarray, image_shape: tuple[int, int], columns: int) -> np.ndarray:
    """Lay fields out row by row, with gaps of NaN between and around them.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs, n_neurons)
        One field per column.
    image_shape : tuple of int
        Height and width of a field.
    columns : int
        Fields per row.

    Returns
    -------
    ndarray of shape (rows * (height + 1) + 1, columns * (width + 1) + 1), float
        The picture.
    """
    height, width = image_shape
    n_neurons = weights.shape[1]
    rows = math.ceil(n_neurons / columns)
    cells = np.full((rows * columns, height + _GAP, width + _GAP), np.nan)
    cells[:n_neurons, _GAP:, _GAP:] = weights.T.reshape(n_neurons, height, width)
    cells[n_neurons:, _GAP:] = 0.0  # what is left of the last row is blank, not one large gap
    cells[n_neurons : n_neurons + 1, :, :_GAP] = np.nan
    cells = cells.reshape(rows, columns, height + _GAP, width + _GAP).swapaxes(1, 2)
    picture = cells.reshape(rows * (height + _GAP), columns * (width + _GAP))
    return np.pad(picture, ((0, _GAP), (0, _GAP)), constant_values=np.nan)


def _write_labels(axes, marks: list[str], image_shape, columns: int, points: float) -> None:
    """Write each field's mark into its corner, all equal marks as one artist: thousands stay quick."""
    from matplotlib.collections import PathCollection
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    height, width = image_shape
    row, column = np.divmod(np.arange(len(marks)), columns)
    x = column * (width + _GAP) + _GAP + 0.04 * width - 0.5
    y = (row + 1) * (height + _GAP) - 0.06 * height - 0.5
    size = min(max(0.3 * points, 3.0), 10.0)
    to_points = Affine2D().scale(1 / 72) + axes.figure.dpi_scale_trans
    for mark in dict.fromkeys(marks):
        here = np.array([other == mark for other in marks])
        glyphs = [TextPath((0, 0), mark, size=size)]
        place = {"offsets": np.column_stack([x[here], y[here]]), "offset_transform": axes.transData}
        halo = PathCollection(glyphs, facecolor="none", edgecolor="white", linewidth=size / 6, **place)
        colour = MUTED if mark == UNASSIGNED else VERMILLION
        text = PathCollection(glyphs, facecolor=colour, edgecolor="none", label=mark, **place)
        for artist in (halo, text):
            artist.set_transform(to_points)
            artist.set_in_layout(False)
            axes.add_collection(artist, autolim=False)


def class_marks(labels, classes, *, longest: int = _LABEL_LENGTH) -> list[str]:
    """Return a mark for each label: the class's name if none is longer than so many letters, else its number."""
    names = None if classes is None else check_classes(classes)
    if names is not None and np.max(labels, initial=-1) >= len(names):
        raise DataError(f"labels go up to {np.max(labels)}, but classes name only {len(names):,} classes.")
    if names is None or max(map(len, names)) > longest:
        return [UNASSIGNED if label < 0 else str(label) for label in labels]
    return [UNASSIGNED if label < 0 else names[label] for label in labels]
