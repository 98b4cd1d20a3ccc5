"""Files as they are and no other: read within bounds, written so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from engram.errors import RunFolderError

PART = ".part"
"""How the names of files end that are still being written."""

_HELP = {
    errno.ENOSPC: "free some space or choose another folder with --out",
    errno.EDQUOT: "free some space or choose another folder with --out",
    errno.EIO: "check the disk or choose another folder with --out",
    errno.ENAMETOOLONG: "choose a shorter name",
}

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL)

_PIECE = 1 << 20

_LONGEST_NAME = 255  # bytes of a file's name, on every system in use


def write_atomically(path: Path, content: bytes, *, durable: bool = True, private: bool = False) -> None:
    """Write a whole file or nothing: to a temporary file in the same folder, flushed, then renamed.

    Parameters
    ----------
    path : Path
    content : bytes
    durable : bool
        Whether it is to outlast a power cut.
    private : bool
        Whether nobody else may read it.

    Raises
    ------
    RunFolderError
        If the folder cannot be written or the disk is full; what was there before stands.
    """
    try:
        while not _is_put(os.replace, path, content, durable=durable, private=private):
            pass
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise RunFolderError(f"Cannot write {path}: {why_not_written(path, error)}.") from error


def write_new(path: Path, content: bytes) -> bool:
    """Write a whole file where nothing lies; where something does it stays, and False is returned.

    Where files cannot have two names, what another process writes there in the same moment may be replaced.

    Raises
    ------
    RunFolderError
        See :func:`write_atomically`.
    """
    try:
        while not _is_put(_link, path, content, durable=False):
            pass
    except FileExistsError:
        return False
    except OSError as error:
        raise RunFolderError(f"Cannot write {path}: {why_not_written(path, error)}.") from error
    return True


def why_not_written(path: Path, error: OSError) -> str:
    """The true cause of a failed write, and what to do about it."""
    folder = path.parent
    found = is_folder(folder)
    if found is None:
        return f"its folder {folder} was moved or removed meanwhile; leave it where it is and begin there again"
    if not found:
        return f"{folder} is a file, not a folder; move it away"
    return f"{error.strerror or error}; {_HELP.get(error.errno, 'choose another folder with --out')}"


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there.

    Raises
    ------
    RunFolderError
        If it cannot be made; a file that stands in its place is named.
    """
    check_may_be_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        help_ = _HELP.get(error.errno, "choose another folder with --out")
        raise RunFolderError(f"Cannot make the folder {folder}: {error.strerror or error}; {help_}.") from error


def check_may_be_folder(folder: Path, option: str = "") -> None:
    """Raise RunFolderError where a folder is wanted and a file lies, or a folder in which it is to be is one.

    Parameters
    ----------
    folder : Path
    option : str, optional
        Of the command line, that names the folder.
    """
    by = f" with {option}" if option else ""
    for place in (folder, *folder.parents):
        found = is_folder(place)
        if found:
            return
        if found is not None:
            where = "" if place == folder else f", so {folder} cannot be made in it"
            raise RunFolderError(f"{place} is a file, not a folder{where}; move it away, or choose another folder{by}.")


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file, or of one that a link leads to, of at most `most` bytes.

    Raises
    ------
    OSError
        If it cannot be read; devices, pipes and folders are none, and never opened for long.
    ValueError
        If it is larger; no more than `most` bytes were read.
    """
    with open_regular(path) as file:
        content = read_at_most(file, most + 1)
    if len(content) > most:
        raise ValueError(f"larger than {most:,} bytes")
    return content


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """So many bytes of a file, or all if it has fewer; memory is taken for what is there, not for what may be.

    A file's own ``read(most)`` takes memory for all of `most` first, which an address space may not have.
    """
    parts, left, piece = [], most, _PIECE
    while left and (part := file.read(min(left, piece))):
        parts.append(part)
        left -= len(part)
        piece = most - left  # as much again as was there so far
    return parts[0] if len(parts) == 1 else b"".join(parts)


def open_regular(path: Path):
    """A regular file, opened to read bytes; see :func:`read_regular`."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def exists(path: Path) -> bool:
    """Whether something lies there; nothing does where the name itself is impossible.

    Raises
    ------
    RunFolderError
        If the system does not tell: what cannot be seen is not taken for gone, nor written anew.
    """
    return mode_of(path) is not None


def is_folder(path: Path) -> bool | None:
    """Whether a folder lies there, or a link to one; None where nothing does.

    That is one look: of two, the second may see what somebody else made since the first.

    Raises
    ------
    RunFolderError
        See :func:`exists`.
    """
    mode = mode_of(path)
    if mode is not None and stat.S_ISLNK(mode):
        return os.path.isdir(path)  # noqa: PTH112 - Path's own raises where a name is too long
    return None if mode is None else stat.S_ISDIR(mode)


def mode_of(path: Path) -> int | None:
    """What lies there, as the mode that :mod:`stat` reads, of a link its own; None for nothing.

    Raises
    ------
    RunFolderError
        See :func:`exists`.
    """
    try:
        return os.lstat(path).st_mode
    except ValueError:
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise RunFolderError(f"Cannot look at {path}: {error.strerror or error}; look at its permissions.") from None


def to_json(value) -> bytes:
    """JSON with sorted keys, one trailing newline, and no NaN."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _is_put(put: Callable, path: Path, content: bytes, *, durable: bool, private: bool = False) -> bool:
    """Write a temporary file and put it in its place; False where another process took it for what a killed one had
    left, and cleared it away."""
    temporary, descriptor = _new_part(path, 0o600 if private else 0o666)
    try:
        try:
            _write_all(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        put(temporary, path)
    except FileNotFoundError:
        if os.path.lexists(temporary):
            raise
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
    return True


def _link(temporary: str, path: Path) -> None:
    """Give a file a further name, that nothing may have; where files cannot have two, rename it."""
    try:
        os.link(temporary, path)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(temporary, path)  # noqa: PTH105


def _new_part(path: Path, mode: int) -> tuple[str, int]:
    """A new file beside another, of a mode less what the user's umask takes; its name and descriptor."""
    while True:
        end = f".{secrets.token_hex(4)}{PART}"
        stem = os.fsdecode(os.fsencode(path.name)[: _LONGEST_NAME - len(end) - 1])
        name = str(path.with_name(f".{stem}{end}"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with contextlib.suppress(FileExistsError):
            return name, os.open(name, flags, mode)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def runs_in(folder: Path) -> list[str]:
    """The run folders that lie in a folder, a few of them, for advice."""
    try:
        found = sorted(str(path.parent) for path in folder.glob("*/config.toml"))
    except OSError:
        return []
    return found[:3] + ["…"] * (len(found) > 3)
