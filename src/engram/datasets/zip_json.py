"""Images as JSON in a zip file, the format of the tutorial: an index, and files of images with their labels.

``index.json`` holds ``{"files": ["images-0.json", ...], "N": 10000}``, each file
``{"images": [[0, 0, 255, ...], ...], "labels": [7, ...]}``.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset, check_images, check_labels
from engram.datasets.files import DEFLATE_RATIO, check_unpacked, open_regular, write_atomically
from engram.datasets.options import DEFAULTS, Options
from engram.datasets.registry import PathSource
from engram.errors import DataError

INDEX = "index.json"

MAX_FILE_BYTES = 128 * 2**20
"""No single file of JSON larger than this is read (128 MiB); one of 10,000 MNIST images has 20 to 40."""

MAX_IMAGES = 10_000_000

MAX_FILES = 65_536
"""No index may name more files; one of 10 million images has ten thousand."""

_MAX_INDEX_BYTES = 16 * 2**20

_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
_ENCRYPTED = 0x1


def iterate_zip(path: str | Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read one file of images after the other, so that never more than one lies in memory.

    Parameters
    ----------
    path : str or Path
        The zip file.

    Yields
    ------
    images : ndarray of shape (n_images, n_inputs), uint8
    labels : ndarray of shape (n_images,), int64

    Raises
    ------
    DataError
        If the zip file or a file in it is missing, damaged, too large, no JSON, or does not hold what the index says.
        What is only known at the end, the number of images, is told there.
    """
    path = Path(path)
    try:
        with open_regular(path)[0] as file, zipfile.ZipFile(file) as archive:
            yield from _iterate(archive, path.name)
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{path.name} is damaged or not a zip file ({error}); make it again.") from None


def load_zip(path: str | Path, options: Options = DEFAULTS) -> Dataset:
    """Load a zip file of JSON images as a data set.

    Parameters
    ----------
    path : str or Path
        The zip file.
    options : Options, optional

    Returns
    -------
    Dataset
        Named after the file; a share of each class is held out for testing, as by `from_arrays`.

    Raises
    ------
    DataError
        See `iterate_zip`.
    """
    path = Path(path)
    parts = list(iterate_zip(path))
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return from_arrays(images, labels, name=path.stem, value_range=options.value_range)


def write_zip(path: str | Path, images, labels, *, images_per_file: int = 1000) -> None:
    """Write images as JSON into a zip file.

    Parameters
    ----------
    path : str or Path
        The file, made anew.
    images : array-like of shape (n_images, n_inputs), uint8
    labels : array-like of shape (n_images,)
    images_per_file : int

    Raises
    ------
    DataError
        If there are no images, or they are not whole numbers up to 255.

    Examples
    --------
    >>> import tempfile
    >>> from engram import datasets
    >>> from engram.datasets.zip_json import write_zip
    >>> digits = datasets.load("digits")
    >>> path = tempfile.mkdtemp() + "/digits.zip"
    >>> write_zip(path, digits.test_images.round().astype("uint8"), digits.test_labels)
    >>> datasets.load(path)
    Dataset('digits': 417 training and 83 test images of 28×28, 10 classes)
    """
    images = check_images(images)
    labels = check_labels(labels, len(images))
    if images.dtype != np.uint8 or not len(images):
        raise DataError("images must be whole numbers 0-255 and at least one; round and scale them first.")
    if images_per_file < 1:
        raise DataError(f"images_per_file must be at least 1, got {images_per_file!r}.")
    starts = range(0, len(images), images_per_file)
    names = [f"images-{number}.json" for number in range(len(starts))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(INDEX, json.dumps({"files": names, "N": len(images)}))
        for name, start in zip(names, starts, strict=True):
            part = slice(start, start + images_per_file)
            content = {"images": images[part].tolist(), "labels": labels[part].tolist()}
            archive.writestr(name, json.dumps(content, separators=(",", ":")))
    write_atomically(Path(path), buffer.getbuffer())


def _iterate(archive, zip_name):
    index = _read_json(archive, INDEX, zip_name, n_brackets=1)
    names, n_images = _check_index(index, zip_name)
    n_found, n_inputs = 0, None
    for name in names:
        content = _read_json(archive, name, zip_name, n_brackets=n_images - n_found + 2)
        where = f"{name} in {zip_name}"
        if not (isinstance(content, dict) and all(isinstance(content.get(k), list) for k in ("images", "labels"))):
            raise DataError(f'{where} must hold {{"images": [[...], ...], "labels": [...]}}; make it again.')
        images = _images(content["images"], n_inputs, n_found, where)
        labels = check_labels(_whole_numbers(content["labels"], f"labels of {where}"), name=f"labels of {where}")
        if len(labels) != len(images):
            raise DataError(f"{where} holds {len(images):,} images but {len(labels):,} labels; make it again.")
        n_inputs = images.shape[1] if len(images) else n_inputs
        n_found += len(images)
        if len(images):
            yield images, labels
    if n_found != n_images:
        raise DataError(
            f"{zip_name} holds {n_found:,} images, its index says N = {n_images:,}; make it again or correct the index."
        )


def _check_index(index, zip_name):
    """The names of the files and the number of images that an index promises."""
    names, n_images = (index.get("files"), index.get("N")) if isinstance(index, dict) else (None, None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or type(n_images) is not int:
        raise DataError(f'{INDEX} in {zip_name} must hold {{"files": [names], "N": number of images}}; make it again.')
    if not names or not 0 < n_images <= MAX_IMAGES:
        raise DataError(
            f"{INDEX} in {zip_name} must name at least one file and 1 to {MAX_IMAGES:,} images, got"
            f" {len(names):,} files and N = {n_images:,}."
        )
    if len(names) > MAX_FILES:
        raise DataError(
            f"{INDEX} in {zip_name} names {len(names):,} files, the limit is {MAX_FILES:,}; use larger ones."
        )
    known = set()
    for name in names:
        if name in known:
            raise DataError(f"{INDEX} in {zip_name} names {name[:80]!r} twice; name each file once.")
        known.add(name)
        parts = PurePosixPath(name).parts
        if not name or name.startswith("/") or "\\" in name or ":" in name or ".." in parts:
            raise DataError(f"{INDEX} in {zip_name} names {name[:80]!r}, which is no plain name of a file in it.")
    return names, n_images


def _read_json(archive, name, zip_name, n_brackets):
    """A member's content, its size and structure bounded before they take memory."""
    where = f"{name} in {zip_name}"
    try:
        member = archive.getinfo(name)
    except KeyError:
        if name == INDEX:
            raise DataError(f"{zip_name} has no {INDEX}; see the tutorial's format in the documentation.") from None
        raise DataError(f"{zip_name} lacks {name[:80]!r}, which its {INDEX} names; make it again.") from None
    if member.flag_bits & _ENCRYPTED:
        raise DataError(f"{where} is encrypted; make it again without a password.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{where} is compressed by another method than deflate; make it again.")
    limit = _MAX_INDEX_BYTES if name == INDEX else MAX_FILE_BYTES
    if member.file_size > limit:
        raise DataError(
            f"{where} claims {member.file_size:,} bytes, the limit is {limit:,}; spread the images over more files."
        )
    if member.file_size > DEFLATE_RATIO * (member.compress_size + 1):
        raise DataError(
            f"{where} claims {member.file_size:,} bytes, more than its {member.compress_size:,} compressed bytes can"
            " hold; make it again."
        )
    check_unpacked(where, member.file_size, member.compress_size)
    with archive.open(member) as file:
        raw = file.read(limit + 1)
    # Empty lists, objects and texts take up to 30 times their size in memory: not more of them than belong here.
    if name == INDEX and (raw.count(b"{") > 1 or raw.count(b"[") > 1 or raw.count(b",") > MAX_FILES + 8):
        raise DataError(f"{where} holds more than the names of files and their number; make it again.")
    if name != INDEX and (raw.count(b"{") > 1 or raw.count(b'"') > 64 or raw.count(b"[") > n_brackets):
        raise DataError(f"{where} holds more than the images and labels that {INDEX} announces; make it again.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}); make it again.") from None


def _images(rows, n_inputs, n_before, where):
    """Rows of pixels as uint8, each as long as those before."""
    if not rows:
        return np.zeros((0, n_inputs or 0), np.uint8)
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise DataError(f"image {n_before + number} ({where}) must be a list of pixels; make the file again.")
        n_inputs = len(row) if n_inputs is None else n_inputs
        if len(row) != n_inputs or round(n_inputs**0.5) ** 2 != n_inputs or n_inputs == 0:
            wanted = "a square number, such as 784," if n_before + number == 0 else f"{n_inputs:,}"
            raise DataError(
                f"image {n_before + number} ({where}) must have {wanted} pixels, got {len(row):,}; give every image the"
                " same square size."
            )
    pixels = _whole_numbers(rows, f"images of {where}")
    if pixels.min() < 0 or pixels.max() > 255:
        raise DataError(
            f"images of {where} must hold pixel values 0-255, got {pixels.min()} to {pixels.max()}; scale them."
        )
    return pixels.astype(np.uint8)


def _whole_numbers(values, name):
    """Nested lists as an array of whole numbers."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        array = np.array("unequal")
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise DataError(f"{name} must be whole numbers, got values of type {array.dtype}; make the file again.")
    return array


def _recognises(path):
    """A zip file that holds an index, or nothing that another source knows: damage is told here."""
    return path.is_file() and path.suffix.lower() == ".zip"


def _load(path, options=DEFAULTS, progress=None):
    return load_zip(path, options)


SOURCE = PathSource(
    description="a .zip file with index.json and JSON files of images and labels",
    recognises=_recognises,
    load=_load,
    options=("value_range",),
)
