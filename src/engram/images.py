"""Turn a user's picture into an image like those that a network was trained on."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.datasets.arrays import to_full_scale
from engram.datasets.npy import NPY_MAGIC, ZIP_MAGIC, npz_keys, read_npy, read_npz
from engram.errors import ConfigError, DataError

FILL = 20 / 28
"""Share of the frame's sides that the ink is fitted into: MNIST's digits fill 20 of 28 pixels."""

MIN_CONTRAST = 20
"""A picture whose darkest and brightest pixels differ by less, on the scale 0–255, counts as blank."""

DARK = 32
"""A background up to this brightness, 1/8 of the scale, counts as dark."""

INK_FLOOR = 0.2
"""Pixels with less than this share of the strongest ink are background: paper grain, shadows, JPEG noise."""

_MAX_WORKING_SIDE = 2048  # pixels; larger pictures are first averaged down, which does not show at 28×28


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
    """

    pixels: np.ndarray
    image_shape: tuple[int, int]
    steps: tuple[str, ...]


def read_image(path: str | Path, image_shape: tuple[int, int] = (28, 28), *, fill: float = FILL) -> PreparedImage:
    """Read a picture and make it look like one of MNIST's [1]_.

    A picture that has exactly `image_shape` and a dark background is left as it is. Any other becomes grey,
    is inverted if its ink is darker than its border, cropped to its ink, fitted with its aspect into `fill`
    of the frame's sides, stretched to full contrast, and placed with its centre of mass in the middle.

    Parameters
    ----------
    path : str or Path
        A picture in any format that Pillow reads, or an ``.npy`` or ``.npz`` file with one image in it.
    image_shape : tuple of int, optional
        Height and width that the network was trained with.
    fill : float, optional
        Share of the frame's height and width that the ink may take, above 0 and at most 1.

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
    grey = _read_grey(path, image_shape, steps)
    contrast = float(grey.max() - grey.min())
    if contrast < MIN_CONTRAST:
        raise DataError(
            f"{path.name} is blank: its darkest and brightest pixels differ by {contrast:.0f} of 255; "
            "give a picture with visible ink."
        )
    background = _background(grey)
    dark_ink = background - grey.min() > grey.max() - background
    if grey.shape == image_shape and not dark_ink and background <= DARK:
        steps.append(f"left as it is: {_size(grey)} on a dark background already")
        return PreparedImage(_to_uint8(grey).ravel(), image_shape, tuple(steps))
    ink = _ink(grey, background, dark_ink, steps)
    ink = _crop(ink, steps)
    ink = _fit(ink, image_shape, fill, steps)
    return PreparedImage(_centre(ink, image_shape, steps).ravel(), image_shape, tuple(steps))


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


def _read_grey(path, image_shape, steps):
    """The picture as float32 of shape (height, width) on the scale 0–255."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(NPY_MAGIC))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check its place and permissions."
        ) from None
    if magic == NPY_MAGIC or path.suffix == ".npy":
        return _grey_from_array(read_npy(path), path, image_shape, steps)
    if path.suffix == ".npz" or magic.startswith(ZIP_MAGIC):
        return _grey_from_array(_only_array(path), path, image_shape, steps)
    return _read_with_pillow(path, steps)


def _only_array(path):
    keys = npz_keys(path)
    key = "image" if "image" in keys else keys[0] if len(keys) == 1 else None
    if key is None:
        raise DataError(f"{path.name} holds {len(keys)} arrays; give one image, alone or under the key 'image'.")
    return read_npz(path, (key,))[key]


def _grey_from_array(array, path, image_shape, steps):
    """An array of shape (n_inputs,) or (height, width), perhaps as a set of one image or with channels."""
    shape = array.shape
    height, width = image_shape
    if array.dtype.kind not in "buif" or array.size == 0:
        raise DataError(
            f"{path.name} holds {array.dtype} values of shape {shape}; give an image as an array of numbers."
        )
    # NaN passes through min and max
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= 255:
        raise DataError(f"{path.name} holds values from {low:g} to {high:g}; give pixels on the scale 0–255 or 0–1.")
    if len(array) == 1 and (array.ndim == 3 or shape == (1, height * width)):
        array = array[0]
    if array.shape == (height * width,):
        array = array.reshape(image_shape)
    array = to_full_scale(array, high)
    if array.ndim == 3 and array.shape[2] in (1, 2, 3, 4):
        return _grey_from_channels(array.astype(np.float32), steps)
    if array.ndim != 2:
        raise DataError(
            f"{path.name} holds an array of shape {shape}; give one image of shape (height, width), with "
            f"colours as a third dimension, or {height * width:,} pixels in a row."
        )
    return array.astype(np.float32)


def _grey_from_channels(array, steps):
    """Grey of an image with 1 (grey), 2 (grey, alpha), 3 (colour) or 4 (colour, alpha) channels."""
    n_channels = array.shape[2]
    if n_channels >= 3:
        steps.append("turned grey")
    grey = array[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32) if n_channels >= 3 else array[..., 0]
    return _lay_on_paper(grey, array[..., -1], steps) if n_channels in (2, 4) else grey


def _lay_on_paper(grey, alpha, steps):
    """Put what is not transparent on white paper if it is dark, on black if it is bright."""
    opacity = alpha / np.float32(255)
    if opacity.min() == 1:
        return grey
    visible = float(opacity.sum())
    dark = visible == 0 or float((grey * opacity).sum()) / visible < 128
    paper = np.float32(255 if dark else 0)
    steps.append(f"laid on {'white' if dark else 'black'}: transparent background")
    return grey * opacity + paper * (1 - opacity)


def _read_with_pillow(path, steps):
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            # Pillow only warns of a suspicious size, and raises at twice of it; here both are refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if getattr(picture, "n_frames", 1) > 1:
                    steps.append(f"took the first of {picture.n_frames} frames")
                picture.load()
                if picture.getexif().get(_EXIF_ORIENTATION, 1) != 1:
                    picture = ImageOps.exif_transpose(picture)
                    steps.append("turned upright: the camera's orientation")
                return _grey_from_picture(picture, steps)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(
            f"{path.name} has more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}; give a smaller picture."
        ) from None
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path.name} is too large for this machine's memory; give a smaller picture.") from None
    except Exception as error:  # Pillow's many decoders raise many kinds of errors on damaged files
        raise DataError(f"{path.name} cannot be read as a picture ({error}); give a PNG, JPEG, or .npy file.") from None


_EXIF_ORIENTATION = 0x0112


def _grey_from_picture(picture, steps):
    mode = picture.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return _grey_from_deep(np.asarray(picture, np.float32), mode, steps)
    transparent = "transparency" in picture.info or "A" in picture.getbands() or "a" in picture.getbands()
    colour = mode not in ("1", "L", "LA", "La")
    picture = picture.convert("RGBA" if transparent else "RGB" if colour else "L")
    factor = -(-max(picture.size) // _MAX_WORKING_SIDE)
    if factor > 1:
        steps.append(f"averaged down from {picture.width}×{picture.height} pixels")
        picture = picture.reduce(factor)
    array = np.asarray(picture, np.float32)
    if array.ndim == 2:
        return array
    quiet = [] if not colour or _is_grey(array) else steps
    grey = _grey_from_channels(array[..., :3], quiet)
    return _lay_on_paper(grey, array[..., 3], steps) if transparent else grey


def _is_grey(array):
    """Whether a colour image has no colour in it."""
    return (array[..., 0] == array[..., 1]).all() and (array[..., 0] == array[..., 2]).all()


def _grey_from_deep(array, mode, steps):
    """Pictures of more than 8 bits: 16-bit ones by mode or range, floating-point ones on 0–1 or 0–255."""
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= 65535:
        raise DataError(f"the picture holds values from {low:g} to {high:g}; save it with 8 or 16 bits per pixel.")
    if high > 255 or mode.startswith("I"):
        steps.append("scaled from 16 to 8 bits")
        return array / np.float32(257)
    return to_full_scale(array, high)


def _background(grey):
    """Brightness of the border: the median of the outermost pixels, which a touching stroke does not move."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return float(np.median(border))


def _ink(grey, background, dark_ink, steps):
    """How much each pixel differs from the background towards the ink, 0 to 1, without faint traces."""
    if dark_ink:
        steps.append("inverted: dark ink on light paper")
    ink = (background - grey if dark_ink else grey - background).clip(0)
    ink /= ink.max()
    ink[ink < INK_FLOOR] = 0
    return ink


def _crop(ink, steps):
    """The smallest rectangle with all ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if cropped.shape != ink.shape:
        steps.append(f"cropped {_size(ink)} to the ink's {_size(cropped)}")
    return cropped


def _fit(ink, image_shape, fill, steps):
    """Scaled with its aspect into `fill` of the frame, at full contrast: scaling makes thin strokes faint."""
    from PIL import Image

    box = [max(1, round(side * fill)) for side in image_shape]
    factor = min(room / side for room, side in zip(box, ink.shape, strict=True))
    height, width = (min(room, max(1, round(side * factor))) for room, side in zip(box, ink.shape, strict=True))
    if (height, width) != ink.shape:
        steps.append(f"scaled {_size(ink)} to {width}×{height}")
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


def _size(array):
    """Width × height, as pictures are spoken of."""
    return f"{array.shape[1]}×{array.shape[0]}"
