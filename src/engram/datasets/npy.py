"""Read arrays from .npy and .npz files without pickles, and without believing the sizes they claim."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from engram.datasets.files import DEFLATE_RATIO, MAX_BYTES, check_unpacked, open_regular
from engram.errors import DataError

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK"
MAX_DIMENSIONS = 32
"""No array of more is read; NumPy itself ends at 64."""

_PIECE = 2**20
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def read_npy(path: str | Path, *, max_bytes: int = MAX_BYTES, fields: bool = False) -> np.ndarray:
    """Read a ``.npy`` file.

    Parameters
    ----------
    path : str or Path
        The file.
    max_bytes : int, optional
        No larger array is read.
    fields : bool, optional
        Whether values may have named fields.

    Returns
    -------
    ndarray
        Its array.

    Raises
    ------
    DataError
        If the file is missing, damaged, too large, or holds Python objects.
    """
    path = Path(path)
    file, size = open_regular(path)
    try:
        with file:
            return _read_array(file, size, path.name, max_bytes, fields)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check its place and permissions."
        ) from None


def read_npz(
    path: str | Path, keys: tuple[str, ...] | None = None, *, max_bytes: int = MAX_BYTES, fields: bool = False
) -> dict[str, np.ndarray]:
    """Read arrays from a ``.npz`` file, compressed or not.

    Parameters
    ----------
    path : str or Path
        The file.
    keys : tuple of str, optional
        Read only these, where they are there; all by default.
    max_bytes : int, optional
        No larger array is read.
    fields : bool, optional
        Whether values may have named fields.

    Returns
    -------
    dict
        From key to array, in the order of the file.

    Raises
    ------
    DataError
        If the file is missing, damaged, too large, or holds Python objects.
    """
    path = Path(path)
    arrays = {}
    try:
        with open_regular(path)[0] as file, zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                key = member.filename.removesuffix(".npy")
                if key != member.filename and (keys is None or key in keys):
                    arrays[key] = _read_member(archive, member, f"'{key}' in {path.name}", max_bytes, fields)
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(
            f"{path.name} is damaged or not an .npz file ({error}); save it again with numpy.savez."
        ) from None
    return arrays


def npz_keys(path: str | Path) -> tuple[str, ...]:
    """The names of the arrays in a ``.npz`` file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    tuple of str
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    path = Path(path)
    try:
        with open_regular(path)[0] as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(
            f"{path.name} is damaged or not an .npz file ({error}); save it again with numpy.savez."
        ) from None
    return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def _read_member(archive, member, name, max_bytes, fields):
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{name} is compressed by another method than deflate; save it again with numpy.savez_compressed."
        )
    # DEFLATE_RATIO once more as a sum, since a stream of a few bytes has no ratio worth the name
    if member.file_size > DEFLATE_RATIO * (member.compress_size + 1):
        raise DataError(
            f"{name} claims {member.file_size:,} bytes, more than its {member.compress_size:,} compressed "
            "bytes can hold; save it again with numpy.savez."
        )
    if member.compress_type != zipfile.ZIP_STORED:
        check_unpacked(name, member.file_size, member.compress_size)
    with archive.open(member) as file:
        return _read_array(file, member.file_size, name, max_bytes, fields)


def _read_array(file, size, name, max_bytes, fields=False):
    """The array of an .npy stream of `size` bytes, compared with its header before memory is taken."""
    shape, fortran_order, dtype, header_bytes = _read_header(file, name)
    if dtype.hasobject:
        raise DataError(f"{name} holds Python objects, which are never loaded; save a plain array of numbers.")
    if (dtype.names is not None and not fields) or dtype.itemsize == 0:
        raise DataError(f"{name} holds values of type {dtype}; save a plain array of numbers.")
    if len(shape) > MAX_DIMENSIONS:
        raise DataError(f"{name} has {len(shape)} dimensions, the limit is {MAX_DIMENSIONS}; reshape the array.")
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > max_bytes:
        raise DataError(f"{name} announces {n_bytes:,} bytes, the limit is {max_bytes:,}; split the file.")
    held = size - header_bytes
    if held == n_bytes:
        found = _read_up_to(file, n_bytes)
        held = len(found)
    if held != n_bytes:
        raise DataError(
            f"{name} holds {held:,} bytes of values, its header of shape {shape} announces {n_bytes:,}; "
            "save it again with NumPy."
        )
    return np.frombuffer(found, dtype).reshape(shape, order="F" if fortran_order else "C")


def _read_header(file, name):
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"format version {version}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(file)
        if any(length < 0 for length in shape):
            raise ValueError(f"shape {shape}")
        return shape, fortran_order, dtype, file.tell()
    except MemoryError:
        raise
    except Exception as error:  # NumPy evaluates the header as Python text, and damage there can raise almost anything
        raise DataError(f"{name} has no valid .npy header ({error}); save it again with numpy.save.") from None


def _read_up_to(file, n_bytes):
    found = bytearray()
    while len(found) < n_bytes:
        piece = file.read(min(_PIECE, n_bytes - len(found)))
        if not piece:
            break
        found += piece
    return found
