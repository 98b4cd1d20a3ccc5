"""Arrays of images as rows of grey values, whatever their dimensions."""

import numpy as np

from engram.datasets.scale import SMALLEST_SIDE
from engram.errors import DataError

GREY = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (ITU-R BT.601)."""

_VALUES_AT_ONCE = 2**22


def as_rows(images, image_shape=None, name: str = "images", steps: list[str] | None = None, *, table: bool = False):
    """Images as rows of grey values, and their shape where it is known or can be told.

    Parameters
    ----------
    images : array-like of shape (n_images, n_inputs), (n_images, height, width), or with channels before or after these
    image_shape : tuple of int, optional
        Height and width of flat images.
    name : str, optional
        How to call the array in an error message.
    steps : list of str, optional
        What is done is added to it.
    table : bool, optional
        Whether rows are no images, whatever their length.

    Returns
    -------
    rows : ndarray of shape (n_images, n_inputs)
    image_shape : tuple of int or None

    Raises
    ------
    DataError
        If the array has no such shape.
    """
    steps = [] if steps is None else steps
    try:
        images = np.asarray(images)
    except ValueError:
        raise DataError(
            f"{name} must be a rectangular array, got images of different sizes; give every image the same size."
        ) from None
    if images.ndim == 4:
        images = _without_channels(images, steps)
    if images.ndim == 3:
        return images.reshape(len(images), images.shape[1] * images.shape[2]), images.shape[1:]
    if images.ndim != 2:
        raise DataError(
            f"{name} must have the shape (n_images, n_inputs) or (n_images, height, width), "
            f"got {images.shape}; turn colours into grey and keep one row or rectangle per image."
        )
    side = None if table else square_side(images.shape[1])
    if image_shape is None and side:
        steps.append(f"rows of {images.shape[1]:,} pixels are taken as {side}×{side}")
        return images, (side, side)
    return images, image_shape


def square_side(n_inputs: int) -> int | None:
    """The side of a square picture of so many pixels, None where they make none."""
    side = round(n_inputs**0.5)
    return side if side >= SMALLEST_SIDE and side * side == n_inputs else None


def _without_channels(images, steps):
    """One channel as it is, three colours turned grey; other arrays as they are."""
    last, first = images.shape[3], images.shape[1]
    if last == 1 or first == 1:
        return images[..., 0] if last == 1 else images[:, 0]
    if (last != 3 and first != 3) or images.dtype.kind not in "buif":
        return images
    steps.append("colours are turned grey")
    return to_grey(images if last == 3 else np.moveaxis(images, 1, 3))


def to_grey(images: np.ndarray) -> np.ndarray:
    """Brightness of colours on the last axis; uint8 stays uint8, rounded."""
    grey = np.empty(images.shape[:-1], np.uint8 if images.dtype == np.uint8 else np.float32)
    rows = max(1, _VALUES_AT_ONCE // max(1, images[:1].size))
    for start in range(0, len(images), rows):
        part = images[start : start + rows].astype(np.float64) @ np.array(GREY)
        grey[start : start + rows] = np.rint(part) if grey.dtype == np.uint8 else part
    return grey
