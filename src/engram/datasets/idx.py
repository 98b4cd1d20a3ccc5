"""The IDX format of MNIST: four bytes of magic, the shape as big-endian integers, then the values."""

import gzip
import hashlib
import io
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engram.datasets.files import MAX_BYTES, Content, check_unpacked, open_regular, write_atomically
from engram.errors import DataError

_TYPES = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MAX_DIMENSIONS = 8


def read_idx(
    path: str | Path,
    *,
    shape: tuple[int | None, ...] | None = None,
    sha256: str | None = None,
    advice: str | None = None,
) -> np.ndarray:
    """Read an IDX file, gzipped or not as its content tells.

    The header is compared with what the file can hold before memory is taken, and a gzip stream is never
    followed beyond what the header announces.

    Parameters
    ----------
    path : str or Path
        The file.
    shape : tuple of int or None, optional
        The shape that the array must have; None leaves the length of that dimension open.
    sha256 : str, optional
        SHA-256 that the uncompressed file must have, in hexadecimal digits.
    advice : str, optional
        What to do about a damaged file, to end the error message with.

    Returns
    -------
    ndarray
        The values, in the byte order of this machine, writable.

    Raises
    ------
    DataError
        If the file is missing, not an IDX file, damaged, or not what was asked for.
    """
    path = Path(path)
    advice = advice or f"get a fresh copy of {path}"
    file, size = open_regular(path)
    try:
        with file:
            return parse_idx(file, size, name=path.name, shape=shape, sha256=sha256, advice=advice)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); check its place and permissions."
        ) from None


def parse_idx(
    file: BinaryIO,
    size: int,
    *,
    name: str,
    shape: tuple[int | None, ...] | None = None,
    sha256: str | None = None,
    advice: str = "get a fresh copy of it",
) -> np.ndarray:
    """Read IDX content from an open binary file of `size` bytes; otherwise as `read_idx`.

    Parameters
    ----------
    file : binary file
        At its beginning; must be able to seek.
    size : int
        Bytes that the file holds as it is.
    name : str
        How to call the file in an error message.
    shape, sha256, advice
        As in `read_idx`.

    Returns
    -------
    ndarray
        The values, in the byte order of this machine, writable.

    Raises
    ------
    DataError
        As in `read_idx`.
    """
    try:
        return _parse(Content(file, size), size, name, shape, sha256, advice)
    except zlib.error as error:
        raise DataError(f"{name} is a damaged gzip file ({error}); {advice}.") from None


def _parse(content, size, name, shape, sha256, advice):
    header, dtype, found_shape = _read_header(content, name, advice)
    _check_shape(found_shape, shape, name, advice)
    n_bytes = math.prod(found_shape) * dtype.itemsize
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"the header of {name} announces {n_bytes:,} bytes, the limit is {MAX_BYTES:,}; split the file or {advice}."
        )
    item_bytes = n_bytes // found_shape[0]
    if len(header) + n_bytes > content.most:
        # Nothing is read: the claim alone is impossible. What a gzip file holds is known only as a bound.
        at_most = "at most " if content.gzipped else ""
        held = max(0, content.most - len(header)) // item_bytes
        raise _too_short(name, f"{at_most}{held:,}", found_shape, advice)
    if content.gzipped:
        check_unpacked(name, n_bytes, size)
    # The array itself is filled, which takes memory only as content arrives, and no second copy of it.
    values = np.empty(found_shape, dtype)
    body = values.data.cast("B")
    found = content.read_into(body)
    if found < n_bytes:
        raise _too_short(name, f"{found // item_bytes:,}", found_shape, advice)
    if content.read(1):
        raise DataError(f"{name} holds more than the {_counted(found_shape)} that its header announces; {advice}.")
    if content.cut_short:
        raise DataError(f"{name} is cut short within its gzip checksum; {advice}.")
    if sha256 is not None:
        _check_hash(header, body, sha256, name, advice)
    native = dtype.newbyteorder("=")
    return values if native == dtype else values.byteswap(inplace=True).view(native)


def _read_header(content, name, advice):
    """The header's bytes, the type and the shape that it announces."""
    magic = content.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= _MAX_DIMENSIONS:
        begins = f"it begins with {magic.hex(' ')}" if magic else "it is empty"
        raise DataError(f"{name} is not an IDX file ({begins}); {advice}.")
    lengths = content.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"{name} ends within its header; {advice}.")
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
    if 0 in shape:
        raise DataError(f"the header of {name} announces an empty array of {_times(shape)}; {advice}.")
    return magic + lengths, _TYPES[magic[2]], shape


def _check_shape(found, expected, name, advice):
    if expected is None:
        return
    if len(found) != len(expected):
        raise DataError(
            f"{name} holds an array of {len(found)} dimensions, {_kind(expected)} need {len(expected)}; "
            "check that the file has its right name."
        )
    if any(length is not None and length != other for other, length in zip(found, expected, strict=True)):
        raise DataError(f"{name} announces {_times(found)} values, {_times(expected)} are expected; {advice}.")


def _check_hash(header, body, expected, name, advice):
    digest = hashlib.sha256(header)
    digest.update(body)
    if digest.hexdigest() != expected:
        raise DataError(
            f"{name} is not the official file (SHA-256 {digest.hexdigest()[:12]}…, "
            f"expected {expected[:12]}…); {advice}."
        )


def _too_short(name, held, shape, advice):
    return DataError(f"{name} holds {held} {_kind(shape)}, its header says {shape[0]:,}; {advice}.")


def _kind(shape):
    return {1: "labels", 3: "images"}.get(len(shape), "entries")


def _counted(shape):
    return f"{shape[0]:,} {_kind(shape)}"


def _times(shape):
    return "×".join("any" if length is None else f"{length}" for length in shape)


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Write an array as an IDX file, gzipped if the name ends in ``.gz``; it appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where to write; an existing file is replaced.
    array : ndarray, uint8, int8, int16, int32, float32 or float64
        Values to write, of 1 to 8 dimensions, not empty.

    Raises
    ------
    DataError
        If IDX cannot hold the array.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels-idx1-ubyte.gz"
    >>> write_idx(path, np.array([5, 0, 4], dtype=np.uint8))
    >>> read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path, array = Path(path), np.asarray(array)
    content = idx_bytes(array)
    if path.name.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as file:  # no time, no name: same data, same bytes
            file.write(content)
        content = packed.getvalue()
    write_atomically(path, content)


def idx_bytes(array: np.ndarray) -> bytes:
    """An array in the IDX format, uncompressed.

    Parameters
    ----------
    array : ndarray
        As in `write_idx`.

    Returns
    -------
    bytes
        Header and values.

    Raises
    ------
    DataError
        If IDX cannot hold the array.
    """
    dtype = array.dtype.newbyteorder(">")
    code = next((code for code, known in _TYPES.items() if known == dtype), None)
    if code is None:
        raise DataError(
            f"IDX files hold uint8, int8, int16, int32, float32 or float64, got {array.dtype}; convert the array first."
        )
    if not 1 <= array.ndim <= _MAX_DIMENSIONS or 0 in array.shape or max(array.shape) >= 2**32:
        raise DataError(
            f"IDX files hold arrays of 1 to {_MAX_DIMENSIONS} dimensions that are not empty, "
            f"got shape {array.shape}; reshape it."
        )
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(dtype, copy=False).tobytes()
