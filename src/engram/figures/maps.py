"""What an image becomes on its way through a network whose populations lie in maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_image
from engram.figures.fields import mosaic
from engram.figures.style import AMOUNTS, GAP, MAX_INCHES, SMALL, in_house_style, new_figure, picture_frame
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_DRAWN = 100
_INCHES = 4.2  # side of a layer's panel
_IMAGE_INCHES = 2.0


@in_house_style
def spike_maps(
    image, image_shape: tuple[int, int], counts: Mapping[str, np.ndarray], *, title: str | None = None
) -> Figure:
    """Draw how often the neurons of each layer spiked, where they lie, from the image to the last layer.

    Parameters
    ----------
    image : array_like of shape (n_inputs,) or image_shape
        The image as it was shown to the network.
    image_shape : tuple of int
        Height and width of the image.
    counts : mapping of str to array_like of shape (n_maps, height, width), int
        Spikes of each neuron, by population, from the input upwards. Of more than a hundred maps those with the most
        spikes are drawn.
    title : str, optional
        Title of the figure, such as the answer.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If there are no maps, or they are of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> figure = spike_maps(np.eye(6), (6, 6), {"maps": np.ones((4, 2, 2), int)})
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['image', 'maps: 16 spikes in 4 maps of 2 × 2']
    """
    image = check_image(image, image_shape)
    layers = {name: _maps(name, values) for name, values in counts.items()}
    if not layers:
        raise DataError("There are no maps to draw; give the counts of a population of shape (maps, height, width).")
    side = min(_INCHES, (MAX_INCHES - _IMAGE_INCHES) / len(layers))
    figure = new_figure(_IMAGE_INCHES + side * len(layers), side + 0.5)
    grid = figure.add_gridspec(1, 1 + len(layers), width_ratios=[_IMAGE_INCHES, *[side] * len(layers)])
    axes = figure.add_subplot(grid[0, 0])
    axes.imshow(image, cmap=AMOUNTS, vmin=0, vmax=float(image.max()) or 1.0)
    axes.set_title("image", fontsize=SMALL)
    picture_frame(axes)
    for column, (name, values) in enumerate(layers.items(), start=1):
        _draw_layer(figure, figure.add_subplot(grid[0, column]), name, values)
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _maps(name: str, values) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "iu":
        raise DataError(
            f"counts of {name} must be whole numbers of shape (maps, height, width), got {array.dtype} of shape"
            f" {array.shape}."
        )
    return array


def _draw_layer(figure, axes, name: str, counts: np.ndarray) -> None:
    import matplotlib

    n_maps, height, width = counts.shape
    chosen = np.sort(np.argsort(-counts.sum(axis=(1, 2)), kind="stable")[:_MOST_DRAWN])
    columns = math.ceil(math.sqrt(len(chosen)))
    sheet = counts[chosen].reshape(len(chosen), -1).T.astype(np.float64)
    colours = matplotlib.colormaps[AMOUNTS].with_extremes(bad=GAP)
    drawn = axes.imshow(mosaic(sheet, (height, width), columns), cmap=colours, vmin=0, vmax=max(int(counts.max()), 1))
    axes.set_title(
        f"{name}: {plural(int(counts.sum()), 'spike')} in {n_maps:,} maps of {height} × {width}", fontsize=SMALL
    )
    if len(chosen) < n_maps:
        axes.set_xlabel(f"the {len(chosen)} maps that spiked most", fontsize=SMALL)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.colorbar(drawn, ax=axes, shrink=0.6, label="spikes of a neuron")
