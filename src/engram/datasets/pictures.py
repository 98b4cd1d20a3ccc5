"""Pictures from files, as grey values: formats that are named, sizes that are bounded."""

import math
import warnings
from pathlib import Path

import numpy as np

from engram.datasets.files import open_regular
from engram.datasets.shapes import GREY
from engram.errors import DataError
from engram.wording import in_sizes

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What is read, whatever a file is called. Others that Pillow knows may start programs (EPS starts Ghostscript)."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")

MAX_PIXELS = 64 * 2**20
"""No larger picture is decoded (67 million pixels; a telephone's have 12 to 50)."""

MAX_WORKING_SIDE = 2048
"""Pixels; larger pictures are first averaged down, which does not show at 28×28."""

DEEP = "scaled from 16 to 8 bits"
"""What is told of pictures of more than 8 bits."""

_EXIF_ORIENTATION = 0x0112


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a picture."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_grey(path: Path, steps: list[str] | None = None) -> np.ndarray:
    """Decode a picture.

    Parameters
    ----------
    path : Path
    steps : list of str, optional
        What is done is added to it.

    Returns
    -------
    ndarray of shape (height, width), float32
        Brightness on the scale 0–255.

    Raises
    ------
    DataError
        If the file is no such picture, is damaged, or too large.
    """
    from PIL import Image, ImageOps

    steps = [] if steps is None else steps
    file, _ = open_regular(path)
    try:
        with file, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as picture:
                if math.prod(picture.size) > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if (n_frames := getattr(picture, "n_frames", 1)) > 1:
                    steps.append(f"took the first of {n_frames} frames")
                picture.load()
                if picture.getexif().get(_EXIF_ORIENTATION, 1) != 1:
                    picture = ImageOps.exif_transpose(picture)
                    steps.append("turned upright: the camera's orientation")
                return _grey_from_picture(picture, steps)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path} has more pixels than the limit of {MAX_PIXELS:,}; give a smaller picture.") from None
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path} is too large for this machine's memory; give a smaller picture.") from None
    except Image.UnidentifiedImageError:
        raise DataError(
            f"{path} cannot be read as a picture (it is none of {', '.join(FORMATS)}); give a PNG, JPEG, or .npy file."
        ) from None
    except Exception as error:  # Pillow's many decoders raise many kinds of errors on damaged files
        raise DataError(f"{path} cannot be read as a picture ({error}); give a PNG, JPEG, or .npy file.") from None


def grey_from_channels(array: np.ndarray, steps: list[str]) -> np.ndarray:
    """Grey of an image with 1 (grey), 2 (grey, alpha), 3 (colour) or 4 (colour, alpha) channels on 0–255."""
    n_channels = array.shape[2]
    if n_channels >= 3:
        steps.append("turned grey")
    grey = array[..., :3] @ np.array(GREY, np.float32) if n_channels >= 3 else array[..., 0]
    return _lay_on_paper(grey, array[..., -1], steps) if n_channels in (2, 4) else grey


def frame_whole(grey: np.ndarray, image_shape: tuple[int, int], steps: list[str] | None = None) -> np.ndarray:
    """A picture as a whole in another size, with its aspect; what is left of the frame gets its border's brightness.

    Parameters
    ----------
    grey : ndarray of shape (height, width), float32
    image_shape : tuple of int
        Height and width of the frame.
    steps : list of str, optional
        What is done is added to it.

    Returns
    -------
    ndarray of shape image_shape, float32
    """
    from PIL import Image

    if grey.shape == tuple(image_shape):
        return grey
    factor = min(frame / side for frame, side in zip(image_shape, grey.shape, strict=True))
    height, width = (
        min(frame, max(1, round(side * factor))) for frame, side in zip(image_shape, grey.shape, strict=True)
    )
    frame = np.full(image_shape, border_brightness(grey), np.float32)
    top, left = (image_shape[0] - height) // 2, (image_shape[1] - width) // 2
    small = Image.fromarray(np.ascontiguousarray(grey, np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    frame[top : top + height, left : left + width] = np.asarray(small)
    if steps is not None:
        steps.append(in_sizes("scaled {} to {} as a whole", grey.shape, image_shape))
    return frame


def border_brightness(grey: np.ndarray) -> float:
    """The median of the outermost pixels, which a touching stroke does not move."""
    return float(np.median(np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])))


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


def _grey_from_picture(picture, steps):
    mode = picture.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return _grey_from_deep(np.asarray(picture, np.float32), mode, steps)
    transparent = "transparency" in picture.info or "A" in picture.getbands() or "a" in picture.getbands()
    colour = mode not in ("1", "L", "LA", "La")
    picture = picture.convert("RGBA" if transparent else "RGB" if colour else "L")
    factor = -(-max(picture.size) // MAX_WORKING_SIDE)
    if factor > 1:
        steps.append(in_sizes("averaged down from {} pixels", (picture.height, picture.width)))
        picture = picture.reduce(factor)
    array = np.asarray(picture, np.float32)
    if array.ndim == 2:
        return array
    quiet = [] if not colour or _is_grey(array) else steps
    grey = grey_from_channels(array[..., :3], quiet)
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
        steps.append(DEEP)
        return array / np.float32(257)
    return array * np.float32(255) if 0 < high <= 1 else array
