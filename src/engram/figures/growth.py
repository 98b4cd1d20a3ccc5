"""Receptive fields as they grow, as an animated picture."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_weights
from engram.figures.fields import common_limit, drawing_order, mosaic
from engram.validation import check_count, check_positive
from engram.wording import plural

_LEVELS = 16  # of grey: more make the file larger, and nobody sees them in fields of a few pixels
_GAP_LEVEL = 0.11
_MOST_DRAWN = 400
_LAST_MS = 2500
_CAPTION = 22  # pixels


def growing_fields(
    frames: Sequence[tuple[int, np.ndarray]],
    image_shape: tuple[int, int],
    labels=None,
    *,
    ms: float = 150.0,
    width: int = 480,
) -> bytes:
    """Draw fields over the course of training as a GIF; below them, how many images were learned from.

    Parameters
    ----------
    frames : sequence of (int, ndarray of shape (n_inputs, n_neurons))
        Images learned from, and the weights by then. The last decides colours and order for all.
    image_shape : tuple of int
    labels : ndarray of shape (n_neurons,), int, optional
        Each neuron's class, by which they are sorted; -1 for none.
    ms : float, optional
        For how long each frame is shown; the last stays longer.
    width : int, optional
        Of the picture in pixels, about: a pixel of a field is a whole number of them.

    Returns
    -------
    bytes
        Of a GIF that plays on and on.

    Raises
    ------
    DataError
        If there is no frame, or the arrays do not fit together.
    """
    if not frames:
        raise DataError("There is no frame to draw; give weights.")
    check_positive("ms", ms, "ms")
    check_count("width", width)
    last, image_shape = check_weights(frames[-1][1], image_shape)
    order = np.arange(last.shape[1]) if labels is None else drawing_order(last, np.asarray(labels))
    if len(order) > _MOST_DRAWN:
        order = order[np.linspace(0, len(order) - 1, _MOST_DRAWN).round().astype(int)]
    limit = common_limit(last) or 1.0
    pictures = [_frame(weights[:, order], image_shape, limit, examples, width) for examples, weights in frames]
    content = BytesIO()
    pictures[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[ms] * (len(pictures) - 1) + [_LAST_MS],
        loop=0,
        optimize=True,
    )
    return content.getvalue()


def _frame(weights: np.ndarray, image_shape: tuple[int, int], limit: float, examples: int, width: int):
    """One picture: white is no weight, black the limit and above."""
    from PIL import Image, ImageDraw, ImageFont

    columns = max(1, int(np.ceil(np.sqrt(weights.shape[1] * image_shape[0] / image_shape[1]))))
    share = mosaic(np.abs(weights).astype(np.float64) / limit, image_shape, columns)
    share = np.where(np.isnan(share), _GAP_LEVEL, share.clip(0.0, 1.0))
    grey = 255 - np.rint(np.rint(share * (_LEVELS - 1)) * 255 / (_LEVELS - 1)).astype(np.uint8)
    factor = max(1, round(width / grey.shape[1]))
    grey = grey.repeat(factor, axis=0).repeat(factor, axis=1)
    picture = Image.fromarray(np.pad(grey, ((0, _CAPTION), (0, 0)), constant_values=255))
    told = f"after {plural(examples, 'image')}"
    ImageDraw.Draw(picture).text((4, len(grey) + 3), told, fill=64, font=ImageFont.load_default(size=14))
    return picture
