"""Checks of the arrays that figures are drawn from, each with the one sentence that a user reads."""

from __future__ import annotations

import numpy as np

from engram.errors import ConfigError, DataError
from engram.validation import check_count


def check_numbers(name: str, values, ndim: int, *, nan: bool = False) -> np.ndarray:
    """Return `values` as a real array of `ndim` dimensions, finite (or NaN, if allowed)."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be an array of numbers, got {type(values).__name__}.") from None
    if array.ndim != ndim:
        wanted = {1: "one dimension", 2: "two dimensions"}[ndim]
        raise DataError(f"{name} must have {wanted}, got an array of shape {array.shape}.")
    if array.dtype.kind == "f" and (np.isinf(array).any() or (not nan and np.isnan(array).any())):
        raise DataError(f"{name} must hold finite numbers, got NaN or infinite ones.")
    return array


def check_length(name: str, array: np.ndarray, length: int, of: str) -> None:
    """Raise DataError unless the array has one entry for each of `of`."""
    if len(array) != length:
        raise DataError(f"{name} must have one entry for each of {length:,} {of}, got {len(array):,}.")


def check_whole(name: str, values, ndim: int, *, at_least: int = 0) -> np.ndarray:
    """Return `values` as whole numbers of at least `at_least`."""
    array = check_numbers(name, values, ndim)
    if array.size and ((array != np.floor(array)).any() or array.min() < at_least):
        raise DataError(f"{name} must hold whole numbers of at least {at_least}.")
    return array.astype(np.int64)


def check_image_shape(image_shape, n_inputs: int) -> tuple[int, int]:
    """Return height and width of an image with so many inputs."""
    try:
        height, width = image_shape
    except (TypeError, ValueError):
        raise ConfigError(f"image_shape must be height and width, got {image_shape!r}.") from None
    check_count("image height", height)
    check_count("image width", width)
    if height * width != n_inputs:
        raise DataError(
            f"An image of {height}×{width} pixels has {height * width:,} inputs, got {n_inputs:,}; "
            "give the image_shape that the network was trained with."
        )
    return int(height), int(width)


def check_weights(weights, image_shape) -> tuple[np.ndarray, tuple[int, int]]:
    """Return weights of shape (n_inputs, n_neurons), and height and width of a field."""
    weights = check_numbers("weights", weights, 2)
    if weights.size == 0:
        raise DataError(f"weights must hold at least one neuron, got an array of shape {weights.shape}.")
    return weights, check_image_shape(image_shape, weights.shape[0])


def check_image(image, image_shape) -> np.ndarray:
    """Return an image as height × width, from pixels that may be flattened."""
    pixels = check_numbers("image", image, np.ndim(image) if np.ndim(image) == 2 else 1)
    if image_shape is None:
        if pixels.ndim != 2:
            raise DataError("A flattened image needs its image_shape: give height and width.")
        return pixels
    return pixels.reshape(check_image_shape(image_shape, pixels.size))


def check_classes(classes, n_classes: int | None = None) -> list[str]:
    """Return the classes' names as text, one for each class."""
    names = [str(name) for name in classes]
    if n_classes is not None and len(names) != n_classes:
        raise DataError(f"classes must name each of {n_classes:,} classes, got {len(names):,} names.")
    if not names:
        raise DataError("classes must name at least one class, got none.")
    return names
