"""What a data set looks like: some images of each class on one sheet."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from engram.figures.checks import check_classes, check_image_shape, check_length, check_numbers
from engram.figures.fields import mosaic
from engram.figures.style import AMOUNTS, GAP, in_house_style, new_figure
from engram.validation import check_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = 0.55  # of the longer side of an image
_MOST_CLASSES = 30
_TITLE = 120  # characters of its longest line
_NAME = 40  # characters of a class
_CHARACTER = 0.085  # inches, of a title's


@in_house_style
def contact_sheet(images, image_shape: tuple[int, int], labels, title: str = "", *, per_class: int = 10) -> Figure:
    """Draw some images of each class, a class a row, as a network is shown them: what is bright there is drawn dark.

    Parameters
    ----------
    images : array_like of shape (n_images, n_inputs)
        Pixels on 0–255.
    image_shape : tuple of int
        Height and width of an image.
    labels : sequence of shape (n_images,), str or int
        What the class of each image is called. Of more than thirty classes the first are drawn.
    title : str, optional
        Title of the figure.
    per_class : int, optional
        The first so many images of each class are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    DataError
        If the arrays do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> figure = contact_sheet(np.eye(4), (2, 2), ["a", "b", "a", "b"], "two classes")
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['a', 'b']
    """
    images = check_numbers("images", images, 2)
    height, width = check_image_shape(image_shape, images.shape[1])
    check_count("per_class", per_class)
    names = np.array(check_classes(list(labels)))
    check_length("labels", names, len(images), "images")
    classes = sorted(set(names.tolist()), key=_in_order)[:_MOST_CLASSES]
    chosen = [np.flatnonzero(names == name)[:per_class] for name in classes]
    columns = max(map(len, chosen))
    sheet = np.full((images.shape[1], len(classes) * columns), np.nan)
    for row, numbers in enumerate(chosen):
        sheet[:, row * columns : row * columns + len(numbers)] = images[numbers].T
    tall, wide = len(classes) * (height + 1), columns * (width + 1)
    scale = min(_INCHES / max(height, width), 14.0 / max(tall, wide))  # inches per pixel
    title = "\n".join(wrap(title, _TITLE)) if len(title) > _TITLE else title
    widest = max(map(len, title.split("\n")))
    lines = title.count("\n")
    called = [name if len(name) <= _NAME else f"{name[: _NAME - 1]}…" for name in map(str, classes)]
    room = max(1.4, 0.4 + max(map(len, called)) * _CHARACTER)
    figure = new_figure(max(wide * scale, 3.0, widest * _CHARACTER) + room, tall * scale + 0.7 + 0.17 * lines)
    axes = figure.add_subplot(anchor="W")
    _draw(axes, mosaic(sheet, (height, width), columns), float(images.max()) or 1.0)
    axes.set_yticks([row * (height + 1) + height / 2 for row in range(len(classes))], called)
    axes.set_title(title)
    return figure


def _draw(axes, picture, white) -> None:
    import matplotlib

    colours = matplotlib.colormaps[AMOUNTS].with_extremes(bad=GAP)
    axes.imshow(picture, cmap=colours, vmin=0.0, vmax=white)
    axes.set_xticks([])
    axes.tick_params(left=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _in_order(name: str):
    """Numbers by size, and before names."""
    return (0, float(name), name) if name.lstrip("-").isdecimal() else (1, 0.0, name)
