"""What a network is shown, while it is shown: the spikes of its inputs in slices of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_image_shape
from engram.figures.spikes import check_spikes
from engram.figures.style import AMOUNTS, SMALL, in_house_style, new_figure, picture_frame
from engram.validation import check_count, check_positive
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = 1.1  # of the longer side of a picture


@in_house_style
def input_slices(
    input_spikes,
    image_shape: tuple[int, int],
    *,
    dt: float,
    shown_ms: float,
    n_slices: int = 6,
    title: str | None = None,
) -> Figure:
    """Draw how often each input spikes, in slices of a presentation and in all of it, the more the darker.

    Parameters
    ----------
    input_spikes : array_like of shape (n_spikes, 2), int
        Spikes as (input, step), steps counted from the start of the presentation.
    image_shape : tuple of int
        Height and width in which the inputs lie.
    dt : float
        Length of a step, ms.
    shown_ms : float
        How long the sample was shown, ms.
    n_slices : int
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each slice, then one for the whole.

    Raises
    ------
    DataError
        If spikes are not pairs of whole numbers, or lie outside the presentation or the image.
    ConfigError
        If a duration or number is not positive.

    Examples
    --------
    >>> figure = input_slices([[0, 0], [3, 9], [3, 8]], (2, 2), dt=1.0, shown_ms=10.0, n_slices=2)
    >>> [axes.get_title() for axes in figure.axes]
    ['0–5 ms\\n1 spike', '5–10 ms\\n2 spikes', 'in all\\n3 spikes']
    """
    check_positive("dt", dt, "ms")
    check_positive("shown_ms", shown_ms, "ms")
    check_count("n_slices", n_slices)
    height, width = check_image_shape(image_shape, int(np.prod(image_shape)))
    spikes = check_spikes("input_spikes", input_spikes, dt, shown_ms)
    if len(spikes) and spikes[:, 0].max() >= height * width:
        raise DataError(
            f"A spike is of input {spikes[:, 0].max():,}, but {height}×{width} pixels have {height * width:,}."
        )
    counts = _counts(spikes, height * width, float(dt), shown_ms, n_slices)
    pictures = [*counts, counts.sum(axis=0)]
    names = [f"{a:g}–{b:g} ms" for a, b in zip(*_borders(shown_ms, n_slices), strict=True)] + ["in all"]
    scale = _INCHES / max(height, width)
    columns = min(len(pictures), 7 if width <= 1.5 * height else 4)
    rows = -(-len(pictures) // columns)
    figure = new_figure(columns * (width * scale + 0.12) + 0.3, rows * (height * scale + 0.5) + 0.5)
    for place, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        axes = figure.add_subplot(rows, columns, place + 1)
        most = counts.max() if place < n_slices else picture.max()
        axes.imshow(picture.reshape(height, width), cmap=AMOUNTS, vmin=0, vmax=max(1, most))
        axes.set_title(f"{name}\n{plural(int(picture.sum()), 'spike')}", fontsize=SMALL, loc="center")
        picture_frame(axes)
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _borders(shown_ms: float, n_slices: int) -> tuple[list[float], list[float]]:
    borders = [round(shown_ms * k / n_slices, 1) for k in range(n_slices + 1)]
    return borders[:-1], borders[1:]


def _counts(spikes: np.ndarray, n_inputs: int, dt: float, shown_ms: float, n_slices: int) -> np.ndarray:
    """Spikes of each input in each slice; shape (n_slices, n_inputs)."""
    counts = np.zeros((n_slices, n_inputs), np.int64)
    number = np.minimum(spikes[:, 1] * dt * n_slices // shown_ms, n_slices - 1).astype(np.int64)
    np.add.at(counts, (number, spikes[:, 0]), 1)
    return counts
