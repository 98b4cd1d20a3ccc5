"""Scale and polarity: which values of an array mean black and which white, and pixels on 0–255 from them.

A value range is the pair (black, white): the values that become 0 and 255. White below black means dark ink on light
ground. For tables, whose columns have units of their own, each of the pair is a tuple of one value per input, and every
column has two inputs: one that fires the more the larger its value is, one the smaller.
"""

import math

import numpy as np

from engram.errors import DataError

ValueRange = tuple[float, float] | tuple[tuple[float, ...], tuple[float, ...]]

PIXELS: ValueRange = (0.0, 255.0)
"""The range of pixels that need no change."""

SMALLEST_SIDE = 7
"""Rows of fewer values than 7×7 are taken as tables, not as pictures, unless a shape is given."""

_DEPTHS = (1023, 4095, 16383, 65535)  # 10, 12, 14 and 16 bits
_FEW_LEVELS = 16  # 4 bits; no set of 8-bit pictures ends there
_OVERSHOOT = 0.1  # of the largest value: smaller negative values are the overshoot of resampling
_LIGHT, _DARK = 0.75, 0.25  # of the range
_MOST_LOOKED_AT = 1000
_VALUES_AT_ONCE = 2**22


def find_value_range(values: np.ndarray) -> tuple[float, float]:
    """Which values stand for black and white, judged by their type and extremes.

    - Booleans, and whole numbers up to 1: 0–1.
    - Whole numbers, also where stored as floats: up to 16 as far as they go; up to 255, 0–255; beyond, the full scale
      of 10, 12, 14 or 16 bits where they fill more than half of it.
    - Other floats: above 0.5 and up to 1, 0–1; above 127.5 and up to 255, 0–255; any other as far as they go.
    - Negative values: from the smallest; those of less than a tenth of the largest are overshoot and black is 0.

    Parameters
    ----------
    values : ndarray
        Finite numbers or booleans.

    Returns
    -------
    black, white : float
        Black is the lower; `find_ground` tells whether they are to change places.

    Examples
    --------
    >>> import numpy as np
    >>> find_value_range(np.array([0.0, 3.0, 16.0]))
    (0.0, 16.0)
    >>> find_value_range(np.array([0.0, 0.2, 1.0]))
    (0.0, 1.0)
    """
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    black = low if low < 0 and low < -_OVERSHOOT * high else 0.0
    if black < 0:
        return black, high if high > black else black + 1.0
    return 0.0, _white(values, high)


def _white(values, high):
    if high <= 0:
        return 1.0
    if values.dtype.kind == "b" or 0.5 < high <= 1:
        return 1.0
    if high <= _FEW_LEVELS or high > _DEPTHS[-1]:
        return high
    if high <= 255:
        return 255.0 if high > 127.5 or _all_whole(values) else high
    full = next(depth for depth in _DEPTHS if high <= depth)
    return float(full) if values.dtype.kind in "ui" and high > full / 2 else high


def _all_whole(values):
    return values.dtype.kind in "ui" or bool((values == np.rint(values)).all())


def find_column_ranges(table: np.ndarray) -> ValueRange:
    """The smallest and the largest value of each column, and then the same turned round.

    A small value is as much of a fact as a large one, but only what is large fires: of Fisher's irises, four columns,
    50 neurons read 68 % with one input a column and 96 % with two.

    Parameters
    ----------
    table : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    black, white : tuple of float
        One of each per input, of which there are two per column; a constant column is black in both.
    """
    low, high = table.min(axis=0).astype(np.float64), table.max(axis=0).astype(np.float64)
    constant = high <= low
    high = np.where(constant, low + 1.0, high)
    black_again, white_again = np.where(constant, low, high), np.where(constant, high, low)
    return (*low.tolist(), *black_again.tolist()), (*high.tolist(), *white_again.tolist())


def n_columns(value_range: ValueRange, n_inputs: int) -> int:
    """How many values a sample has before it is brought to inputs: half as many where each column has two inputs."""
    return n_inputs // 2 if isinstance(value_range[0], tuple) else n_inputs


def find_ground(images: np.ndarray, image_shape: tuple[int, int] | None, value_range: ValueRange) -> str:
    """Whether ink lies on dark ground, on light ground, or there is no such ground, as in photographs.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_inputs)
    image_shape : tuple of int or None
        Height and width; without them, and for images of less than 5×5 pixels, the ground counts as dark.
    value_range : ValueRange

    Returns
    -------
    {"dark", "light", "varied"}
        What the median of an image's outermost pixels says of three images in four.
    """
    if image_shape is None or min(image_shape) < 5 or len(images) == 0:
        return "dark"
    height, width = image_shape
    if len(images) > _MOST_LOOKED_AT:
        images = images[np.linspace(0, len(images) - 1, _MOST_LOOKED_AT).astype(np.int64)]
    some = images.reshape(-1, height, width)
    sides = (some[:, 0], some[:, -1], some[:, 1:-1, 0], some[:, 1:-1, -1])
    outermost = np.sort(to_pixels(np.concatenate(sides, axis=1), value_range), axis=1)
    middle = outermost.shape[1] // 2  # there is an even number of them
    ground = (outermost[:, middle - 1] / 255.0 + outermost[:, middle] / 255.0) / 2.0
    if np.count_nonzero(ground >= _LIGHT) >= 0.75 * len(ground):
        return "light"
    return "dark" if np.count_nonzero(ground <= _DARK) >= 0.75 * len(ground) else "varied"


def to_pixels(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Values on the scale 0–255; what lies outside the range is clipped.

    Parameters
    ----------
    values : ndarray of shape (n_images, ...)
        Numbers or booleans.
    value_range : ValueRange

    Returns
    -------
    ndarray, uint8 or float32
        Of the same shape, or of two inputs for each column of a table. uint8 where nothing is lost by it; the given
        array itself where nothing changes.
    """
    black, white = (np.asarray(end, np.float64) for end in value_range)
    if values.dtype == np.uint8 and black.ndim == 0 and {float(black), float(white)} == {0.0, 255.0}:
        return values if white > black else np.uint8(255) - values
    if values.dtype.kind in "bui" and black.ndim == 0 and {float(black), float(white)} == {0.0, 1.0}:
        ones = np.clip(values, 0, 1).astype(np.uint8)
        return (ones if white > black else np.uint8(1) - ones) * np.uint8(255)
    if black.ndim:
        values = np.concatenate((values, values), axis=1)
    pixels = np.empty(values.shape, np.float32)
    rows = max(1, _VALUES_AT_ONCE // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        part = np.subtract(
            values[start : start + rows], black, dtype=np.float32 if values.dtype == np.float32 else np.float64
        )
        part *= 255.0 / (white - black)
        np.clip(part, 0.0, 255.0, out=part)
        pixels[start : start + rows] = part
    return pixels


def check_value_range(value_range, n_inputs: int | None = None) -> ValueRange:
    """A pair of two different finite numbers, or of one such pair per input, as plain floats.

    Raises
    ------
    DataError
        If it is anything else.
    """
    try:
        black, white = (np.asarray(end, np.float64) for end in value_range)
        fits = black.shape == white.shape and black.shape in ((), (n_inputs,))
        if not (fits and np.isfinite(black).all() and np.isfinite(white).all() and (black != white).all()):
            raise ValueError
    except (TypeError, ValueError):
        raise DataError(
            f"value_range must be (black, white), two different finite numbers, got {value_range!r};"
            " (0, 255) are 8-bit pixels, (1, 0) dark ink on light ground of 1."
        ) from None
    return (float(black), float(white)) if black.ndim == 0 else (tuple(black.tolist()), tuple(white.tolist()))


def plain_range(value_range: ValueRange) -> tuple[float, float] | None:
    """Black and white where they are the same for all values; None where each column has a range of its own."""
    black, white = value_range
    return None if isinstance(black, tuple) or isinstance(white, tuple) else (black, white)


def describe_range(value_range: ValueRange) -> str:
    """A range in words: ``0–16``, or ``−1 to 1`` where a sign would be confusing."""
    ends = plain_range(value_range)
    if ends is None:
        return "each column's own"
    low, high = min(ends), max(ends)
    return f"{low:g}–{high:g}" if low >= 0 else f"{low:g} to {high:g}".replace("-", "−")


def on_scale(values: np.ndarray, value_range: ValueRange) -> str:
    """Whether values may well lie on a scale, or are too ``"dark"`` or too ``"bright"`` for it; empty if they may.

    Too dark is what fills less than an eighth of the scale, too bright what is clipped at its end for more than one
    inked value in twenty, or ends at exactly 0 where black is below: such values are on a scale from 0, as black as it
    gets there. All black fits any scale.
    """
    ends = plain_range(value_range)
    if values.size == 0 or ends is None:
        return ""
    low, high = min(ends), max(ends)
    reach = float(values.max())
    if low < reach < low + (high - low) / 8 and (low >= 0 or float(values.min()) > low / 8):
        return "dark"
    if low < 0 < reach and values.min() == 0:
        return "bright"
    clipped = high * (1 + 1e-6)
    if reach <= clipped:
        return ""
    return "bright" if np.count_nonzero(values > clipped) > np.count_nonzero(values > low) / 20 else ""


def range_for(values: np.ndarray, value_range: ValueRange, name: str, steps: list[str]) -> ValueRange:
    """The scale of an array that comes to a trained network: the network's, unless the values speak against it.

    Parameters
    ----------
    values : ndarray
        Finite numbers or booleans.
    value_range : ValueRange
        Of the training images.
    name : str
        How to call the array in an error message.
    steps : list of str
        A scale that nobody told is added to it.

    Raises
    ------
    DataError
        If pixels wrapped around, or all are negative.
    """
    ends = plain_range(value_range)
    if ends is None:
        return value_range
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    fits = not on_scale(values, value_range) and low >= min(ends)
    if fits and value_range != PIXELS and (values.dtype != np.uint8 or high <= max(ends)):
        return value_range
    if wrapped_around(values):
        raise DataError(f"{name} holds int8 values from {low:g}: pixels above 127 wrapped around; give uint8.")
    if low < 0 and high <= 0:
        raise DataError(f"{name} holds values from {low:g} to {high:g}; give pixels on the scale 0–255 or 0–1.")
    found = find_value_range(values)
    if found == (0.0, 1.0) and min(ends) < 0:
        steps.append(f"values taken as 0–1, not as {describe_range(value_range)}: none is below 0")
    elif found not in (PIXELS, (0.0, 1.0)):
        steps.append(f"values taken as {describe_range(found)}: no other scale is known")
    return found


def wrapped_around(values: np.ndarray) -> bool:
    """Whether 8-bit pixels seem to have been turned into int8, so that the brighter half became negative."""
    return values.dtype == np.int8 and values.size > 0 and int(values.min()) < 0


def standardised(table: np.ndarray) -> bool:
    """Whether each column has mean 0 and variance 1, which makes faint pixels as strong as bright ones."""
    if table.dtype.kind != "f" or len(table) < 8 or table.size == 0 or table.min() >= 0:
        return False
    some = table[:, :: max(1, table.shape[1] // 256)].astype(np.float64)
    mean, sd = some.mean(axis=0), some.std(axis=0)
    varied = sd > 1e-6
    as_such = (np.abs(mean[varied]) < 0.2) & (np.abs(sd[varied] - 1) < 0.3)  # a part of what was standardised
    return bool(np.count_nonzero(varied) >= 2 and as_such.mean() > 0.8)
