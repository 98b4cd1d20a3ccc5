"""Turn a user's picture into an image like those that a network was trained on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.datasets.files import open_regular
from engram.datasets.npy import NPY_MAGIC, ZIP_MAGIC, npz_keys, read_npy, read_npz
from engram.datasets.pictures import (
    DEEP,
    MAX_PIXELS,
    border_brightness,
    frame_whole,
    grey_from_channels,
    read_grey,
)
from engram.datasets.scale import PIXELS, ValueRange, describe_range, range_for, to_pixels
from engram.errors import ConfigError, DataError
from engram.sources import Source
from engram.wording import in_sizes

FILL = 20 / 28
"""Share of the frame's sides that the ink is fitted into: MNIST's digits fill 20 of 28 pixels."""

MIN_CONTRAST = 20
"""A picture whose darkest and brightest pixels differ by less, on the scale 0–255, counts as blank."""

DARK = 32
"""A background up to this brightness, 1/8 of the scale, counts as dark."""

LIKE_FILL = 1 / 14
"""A picture counts as framed already if its ink spans `fill` of the frame but for this: two pixels of 28.

Own drawings of that size seldom do; of 5,000 images each of MNIST, Fashion-MNIST and scikit-learn's digits, 98.9 % and
more do.
"""

INK_FLOOR = 0.2
"""Pixels with less than this share of the strongest ink are background: paper grain, shadows, JPEG noise."""

_EIGHT_OF_16 = 255 / 257 + 1e-6
_MAX_ARRAY_BYTES = 8 * MAX_PIXELS


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """A picture made ready for a network.

    Parameters
    ----------
    pixels : ndarray of shape (n_inputs,), uint8
        White ink on black, 0–255, flattened.
    image_shape : tuple of int
        Height and width.
    steps : tuple of str
        What was done to the picture, in order.
    events : pair of ndarray, optional
        Of a recording, whose picture is a frame of event counts: the inputs, and times in ms.
    """

    pixels: np.ndarray
    image_shape: tuple[int, int]
    steps: tuple[str, ...]
    events: tuple[np.ndarray, np.ndarray] | None = None

    def shown_by(self, source: Source):
        """What a source makes spikes of.

        Raises
        ------
        DataError
            If it takes events, and this is no recording.
        """
        if not source.takes_events:
            return self.pixels
        if self.events is None:
            raise DataError(
                f"The source {source.name} shows recordings of events; give such files instead of pictures."
            )
        return self.events


def read_image(
    path: str | Path,
    image_shape: tuple[int, int] = (28, 28),
    *,
    fill: float = FILL,
    value_range: ValueRange = PIXELS,
    framing: str = "ink",
) -> PreparedImage:
    """Read a picture and make it look like those that a network learned from, MNIST's [1]_ by default.

    A picture that has exactly `image_shape` and a dark background is left as it is; and so, once inverted, is its
    negative, if its ink spans about `fill` of the frame as in training images. Any other becomes grey, is inverted if
    its ink is darker than its border, cropped to its ink, fitted with its aspect into `fill` of the frame's sides,
    stretched to full contrast, and placed with its centre of mass in the middle.

    Parameters
    ----------
    path : str or Path
        A picture (PNG, JPEG, BMP, GIF, TIFF, WebP, PPM), or an ``.npy`` or ``.npz`` file with one image in it.
    image_shape : tuple of int, optional
        Height and width that the network was trained with.
    fill : float, optional
        Share of the frame's height and width that the ink may take, above 0 and at most 1.
    value_range : ValueRange, optional
        Black and white of the training images: the scale of arrays, where their values fit it; and if white is below
        black, a picture of exactly `image_shape` with dark ink is inverted and otherwise left as it is.
    framing : {"ink", "whole", "photo"}, optional
        "whole" scales the whole picture instead of its ink, "photo" leaves light and dark as they are, too.

    Returns
    -------
    PreparedImage
        Pixels and what was done to get them.

    Raises
    ------
    DataError
        If the file cannot be read, is too large, or shows nothing.
    ConfigError
        If `image_shape` or `fill` is not usable.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86:2278 (1998), section III.A.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image, ImageDraw
    >>> picture = Image.new("L", (200, 300), "white")
    >>> ImageDraw.Draw(picture).line([(100, 50), (100, 250)], fill="black", width=21)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "one.png"
    >>> picture.save(path)
    >>> read_image(path).steps[0]
    'inverted: dark ink on light paper'
    """
    image_shape = _check_shape(image_shape)
    if not 0 < fill <= 1:
        raise ConfigError(f"fill must be above 0 and at most 1, got {fill}; MNIST's is 20/28.")
    path = Path(path)
    steps: list[str] = []
    grey = _read_grey(path, image_shape, value_range, steps)
    contrast = float(grey.max() - grey.min())
    if contrast < MIN_CONTRAST:
        raise DataError(
            f"{path} is blank: its darkest and brightest pixels differ by {contrast:.0f} of 255; "
            "give a picture with visible ink."
        )
    if framing == "photo":
        return _prepared(frame_whole(grey, image_shape, steps), steps)
    background = border_brightness(grey)
    dark_ink = background - grey.min() > grey.max() - background
    if framing == "whole" or (dark_ink and grey.shape == image_shape and _is_inverted(value_range)):
        if dark_ink:
            steps.append("inverted: dark ink on light paper")
            grey = 255 - grey
        return _prepared(frame_whole(grey, image_shape, steps), steps)
    if grey.shape == image_shape and not dark_ink and background <= DARK:
        steps.append(in_sizes("left as it is: {} on a dark background already", grey.shape))
        return _prepared(grey, steps)
    ink = _ink(grey, background, dark_ink, steps)
    if grey.shape == image_shape and dark_ink and background >= 255 - DARK and _is_framed(ink, fill):
        steps.append(in_sizes("otherwise left as it is: its ink spans as much of {} as in training images", grey.shape))
        return _prepared(255 - grey, steps)
    ink = _crop(ink, steps)
    ink = _fit(ink, image_shape, fill, steps)
    return _prepared(_centre(ink, image_shape, steps), steps)


def _prepared(grey, steps):
    return PreparedImage(_to_uint8(grey).ravel(), grey.shape, tuple(steps))


def _is_inverted(value_range):
    black, white = value_range
    return not isinstance(black, tuple) and white < black


def _check_shape(image_shape):
    try:
        height, width = (int(side) for side in image_shape)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise ConfigError(
            f"image_shape must be (height, width), both positive, got {image_shape!r}; MNIST's is (28, 28)."
        )
    return height, width


def _read_grey(path, image_shape, value_range, steps):
    """The picture as float32 of shape (height, width) on the scale 0–255."""
    with open_regular(path)[0] as file:
        magic = file.read(len(NPY_MAGIC))
    if magic == NPY_MAGIC or path.suffix == ".npy":
        return _grey_from_array(read_npy(path, max_bytes=_MAX_ARRAY_BYTES), path, image_shape, value_range, steps)
    if path.suffix == ".npz" or magic.startswith(ZIP_MAGIC):
        return _grey_from_array(_only_array(path), path, image_shape, value_range, steps)
    return _on_training_scale(read_grey(path, steps), value_range, steps)


def _on_training_scale(grey, value_range, steps):
    """A picture's values on 0–255, where they fill no more than the small scale that the training images had.

    Nor are values of 8 bits in a picture of 16 nearly black: programs that keep whole numbers write such.
    """
    white = max(value_range) if not isinstance(value_range[0], tuple) else 255.0
    if min(value_range) == 0 and white < 255 and 0 < grey.max() <= white * (1 + 1e-6):
        steps.append(f"values taken as {describe_range(value_range)}, as in training")
        return to_pixels(grey, (0.0, white))
    if DEEP in steps and 0 < grey.max() <= _EIGHT_OF_16:
        steps[steps.index(DEEP)] = "values of 8 bits in a picture of 16"
        return grey * np.float32(255 / _EIGHT_OF_16)
    return grey


def _only_array(path):
    keys = npz_keys(path)
    key = "image" if "image" in keys else keys[0] if len(keys) == 1 else None
    if key is None:
        raise DataError(f"{path} holds {len(keys)} arrays; give one image, alone or under the key 'image'.")
    return read_npz(path, (key,), max_bytes=_MAX_ARRAY_BYTES)[key]


def _grey_from_array(array, path, image_shape, value_range, steps):
    """An array of shape (n_inputs,) or (height, width), perhaps as a set of one image or with channels."""
    shape = array.shape
    height, width = image_shape
    if array.dtype.kind not in "buif" or array.size == 0:
        raise DataError(f"{path} holds {array.dtype} values of shape {shape}; give an image as an array of numbers.")
    # NaN passes through min and max
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise DataError(f"{path} holds values from {low:g} to {high:g}; give finite pixels.")
    if array.ndim > 0 and len(array) == 1 and (array.ndim == 3 or shape == (1, height * width)):
        array = array[0]
    if array.shape == (height * width,):
        array = array.reshape(image_shape)
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 2, 3, 4))):
        raise DataError(
            f"{path} holds an array of shape {shape}; give one image of shape (height, width), with "
            f"colours as a third dimension, or {height * width:,} pixels in a row."
        )
    if array.size > 4 * MAX_PIXELS:
        raise DataError(f"{path} has more pixels than the limit of {MAX_PIXELS:,}; give a smaller picture.")
    array = to_pixels(array, range_for(array, value_range, path.name, steps)).astype(np.float32)
    return grey_from_channels(array, steps) if array.ndim == 3 else array


def _ink(grey, background, dark_ink, steps):
    """How much each pixel differs from the background towards the ink, 0 to 1, without faint traces."""
    if dark_ink:
        steps.append("inverted: dark ink on light paper")
    ink = (background - grey if dark_ink else grey - background).clip(0)
    ink /= ink.max()
    ink[ink < INK_FLOOR] = 0
    return ink


def _is_framed(ink, fill):
    """Whether ink spans about that share of the frame's longer side."""
    return abs(max(_box(ink).shape) / max(ink.shape) - fill) <= LIKE_FILL


def _box(ink):
    """The smallest rectangle with all ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _crop(ink, steps):
    cropped = _box(ink)
    if cropped.shape != ink.shape:
        steps.append(in_sizes("cropped {} to the ink's {}", ink.shape, cropped.shape))
    return cropped


def _fit(ink, image_shape, fill, steps):
    """Scaled with its aspect into `fill` of the frame, at full contrast: scaling makes thin strokes faint."""
    from PIL import Image

    box = [max(1, round(side * fill)) for side in image_shape]
    factor = min(room / side for room, side in zip(box, ink.shape, strict=True))
    height, width = (min(room, max(1, round(side * factor))) for room, side in zip(box, ink.shape, strict=True))
    if (height, width) != ink.shape:
        steps.append(in_sizes("scaled {} to {}", ink.shape, (height, width)))
        ink = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR))
    return ink / ink.max()


def _centre(ink, image_shape, steps):
    """Placed in the frame so that the centre of mass lies on pixel (height/2, width/2) if it fits."""
    frame = np.zeros(image_shape, np.uint8)
    corner = []
    for axis, (side, length) in enumerate(zip(image_shape, ink.shape, strict=True)):
        mass = ink.sum(axis=1 - axis)
        centre = float(mass @ np.arange(length)) / float(mass.sum())
        # MNIST's centres of mass are at 14.0 of 0–27, not at 13.5 (measured on its training images).
        corner.append(min(max(0, round(side / 2 - centre)), side - length))
    top, left = corner
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = _to_uint8(ink * 255)
    steps.append("centred by mass")
    return frame


def _to_uint8(pixels):
    return np.rint(pixels).clip(0, 255).astype(np.uint8)
