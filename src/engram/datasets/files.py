"""Read files without trusting what they claim, write them without leaving half of one behind."""

import os
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO

from engram import files
from engram.errors import DataError

MAX_BYTES = 8 * 2**30
"""No array larger than this is read from a file, whatever its header says (8 GiB)."""

DEFLATE_RATIO = 1032
"""Deflate never shrinks data by more than this factor (its longest match is 258 bytes in 2 bits)."""

UNPACKED_FREELY = 64 * 2**20
"""Compressed content is followed to this size whatever the file's own size (64 MiB)."""

MAX_EXPANSION = 100
"""Beyond that, to so many times the file's size: pictures that people have shrink less (MNIST 5 times)."""

_GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 2**20


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """Open a file for reading and tell its size; pipes, devices and folders, also behind links, are refused.

    Raises
    ------
    DataError
        If there is no such file, or it is none with an end.
    """
    try:
        file = files.open_regular(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read ({reason}); check its place and permissions.") from None
    return file, os.fstat(file.fileno()).st_size


def most_unpacked(size: int) -> int:
    """Bytes that a compressed file of `size` bytes may unpack to before it is refused."""
    return min(MAX_BYTES, max(UNPACKED_FREELY, MAX_EXPANSION * size))


def check_unpacked(name: str, claimed: int, size: int) -> None:
    """Raise DataError where compressed content is larger than its file justifies."""
    limit = most_unpacked(size)
    if claimed > limit:
        raise DataError(
            f"{name} would unpack from {size:,} to {claimed:,} bytes, the limit is {limit:,}; unpack it yourself first"
            " if that is what you expect."
        )


class Content:
    """The uncompressed content of a file, gzipped or not as its first bytes tell, read up to a limit.

    Parameters
    ----------
    file : binary file
        At its beginning; must be able to seek.
    size : int
        Bytes that the file holds as it is.

    Attributes
    ----------
    most : int
        Bytes that the content can have at most, known before anything is read.
    gzipped : bool
        Whether the file is compressed, so that `most` is only a bound.
    cut_short : bool
        Whether a gzip stream ended before its own end mark.
    """

    def __init__(self, file: BinaryIO, size: int):
        """Tell by the first bytes whether the file is gzipped."""
        self._file = file
        gzipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        self._inflater = _new_inflater() if gzipped else None
        self._pending = b""
        self.gzipped = gzipped
        self.most = size * DEFLATE_RATIO if gzipped else size
        self.cut_short = False

    def read(self, n_bytes: int) -> bytearray:
        """Read up to `n_bytes`; fewer come only at the end of the content.

        Memory grows with what is found, not with what is asked for.

        Raises
        ------
        zlib.error
            If a gzip stream is damaged.
        """
        found = bytearray()
        while len(found) < n_bytes:
            piece = self._next_piece(n_bytes - len(found))
            if piece is None:
                break
            found += piece
        return found

    def read_into(self, target: memoryview) -> int:
        """Fill `target` as far as the content goes; return how many bytes were found.

        Raises
        ------
        zlib.error
            If a gzip stream is damaged.
        """
        found = 0
        while found < len(target):
            piece = self._next_piece(min(len(target) - found, _PIECE))
            if piece is None:
                break
            target[found : found + len(piece)] = piece
            found += len(piece)
        return found

    def _next_piece(self, n_bytes):
        """Some bytes, perhaps none for now, or None at the end."""
        if self._inflater is None:
            return self._file.read(min(n_bytes, _PIECE)) or None
        if self._inflater.eof:
            return self._next_member(self._inflater)
        packed = self._pending or self._file.read(_PIECE)
        piece = self._inflater.decompress(packed, n_bytes)
        self._pending = self._inflater.unconsumed_tail
        if not packed and not piece and not self._inflater.eof:
            self.cut_short = True
            return None
        return piece

    def _next_member(self, ended):
        """Go on to the next of several gzip members; zero bytes between or after them are padding."""
        rest = ended.unused_data or self._pending or self._file.read(_PIECE)
        if not rest:
            return None
        self._pending = rest.lstrip(b"\0")
        self._inflater = _new_inflater() if self._pending else _ended_inflater()
        return b""


def _new_inflater():
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: a gzip wrapper, with its checksum verified


def _ended_inflater():
    """An inflater at its end, to go on looking for a further member after padding."""
    inflater = _new_inflater()
    inflater.decompress(_EMPTY_GZIP)
    return inflater


def _empty_gzip():
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return packer.compress(b"") + packer.flush()


_EMPTY_GZIP = _empty_gzip()


def write_atomically(path: Path, content) -> None:
    """Write a file so that it appears complete or not at all, and create its folder.

    Parameters
    ----------
    path : Path
        Where the file shall be.
    content : bytes-like
        What it shall hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; a shared data folder must stay readable
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
