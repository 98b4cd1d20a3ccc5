"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from engram.errors import RunFolderError


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a whole file or nothing: to a temporary file in the same folder, flushed, then renamed.

    Raises
    ------
    RunFolderError
        If the folder cannot be written or the disk is full; what was there before stands.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        raise RunFolderError(
            f"Cannot write {path}: {error.strerror or error}; free some space or choose another folder with --out."
        ) from error


def to_json(value) -> bytes:
    """JSON with sorted keys, one trailing newline, and no NaN."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
