"""Where machine code lies: shipped with a wheel, and kept for this user.

Shipped code is named by what its routine means and nothing else: bits depend on neither the version of Python nor that
of the compiler, since neither may regroup or fuse what a routine computes, so a wheel's code serves all of them. Kept
code is named by these versions and the processor too: a user's own equations are known by their bytecode, and a mended
compiler compiles anew.

A kept file is a digest of 32 bytes and the object file that it is of. Nothing of a file is used before its digest was
compared, and only files in a folder that nobody else may write to are looked at; anything else is as if there were no
file, and the code is compiled again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import secrets
import shutil
import stat
import sys
import warnings
from collections.abc import Generator
from pathlib import Path

from engram.files import open_regular, read_at_most
from engram.folders import user_cache_folder

SHIPPED = Path(__file__).parent / "machine_code"
"""Machine code that came with the installation, for :data:`SHIPPED_FOR`."""

SHIPPED_FOR = "x86-64-v3"
"""The least processor that shipped code is made for: with AVX2 and fused multiply-add, as made since 2013."""

_NEEDED = ("avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe")
_SUFFIX = ".code"
_MOST_BYTES = 1 << 24
_FILES_KEPT = 2_000
_PATIENCE_SECONDS = 60.0


class CacheWarning(UserWarning):
    """Compiled code cannot be kept, so that it is compiled again in every process."""


def cache_folder() -> Path:
    """Where compiled kernels are kept; ``ENGRAM_CACHE`` moves it."""
    root = os.environ.get("ENGRAM_CACHE")
    if root:
        return Path(root) / "kernels"
    return user_cache_folder() / "kernels"


def find(routine, target: tuple[str, str]) -> bytes | None:
    """The machine code of a routine, if it was shipped or kept for this processor."""
    shipped = _shipped()
    if shipped is not None and (code := _read(shipped / f"{routine.digest}{_SUFFIX}", _owner_of_package())) is not None:
        return code
    folder = _folder()
    return None if folder is None else _read(folder / _file_name(routine, target))


def keep(routine, target: tuple[str, str], code: bytes) -> None:
    """Keep a routine's machine code for the next process."""
    folder = _folder()
    if folder is not None:
        _write(folder / _file_name(routine, target), code)
        _forget_oldest(folder)


@contextlib.contextmanager
def alone(routine) -> Generator[None]:
    """While one process compiles a routine and others after it, another that wants it first waits, and finds it then.

    It waits for a minute at most, and not where files cannot be locked.
    """
    folder, held = _folder(), contextlib.ExitStack()
    if folder is not None:
        from filelock import FileLock

        with contextlib.suppress(OSError, NotImplementedError):  # a time-out is one
            held.enter_context(FileLock(folder / f".lock-{routine.digest[:1]}", timeout=_PATIENCE_SECONDS))
    with held:
        yield


def ship(routine, code: bytes, folder: Path = SHIPPED) -> Path:
    """Put a routine's machine code beside the package's sources, for a wheel."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{routine.digest}{_SUFFIX}"
    _write(path, code)
    return path


@functools.cache
def _shipped() -> Path | None:
    """Where shipped code lies, if there is any and this processor understands it.

    ``ENGRAM_SHIPPED_CODE`` names another folder, or with 0 none; a processor that the user names means to have code of
    its own.
    """
    named = os.environ.get("ENGRAM_SHIPPED_CODE", "")
    folder = Path(named) if named else SHIPPED
    if os.environ.get("NUMBA_CPU_NAME") or named == "0" or not folder.is_dir():
        return None
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return folder if all(features.get(name) for name in _NEEDED) else None


@functools.cache
def _owner_of_package() -> int | None:
    """Who owns the sources, and so may own code that was shipped with them."""
    return Path(__file__).stat().st_uid if hasattr(os, "getuid") else None


def _file_name(routine, target: tuple[str, str]) -> str:
    name = hashlib.sha256(f"{routine.digest} {target} {_versions()}".encode()).hexdigest()
    return f"{routine.function.__name__.strip('_')}-{name[:40]}{_SUFFIX}"


@functools.cache
def _versions() -> str:
    """Of what compiles here: a mended compiler compiles anew."""
    return f"{sys.version_info[:2]} {[importlib.metadata.version(name) for name in ('numba', 'llvmlite', 'numpy')]}"


def _folder() -> Path | None:
    """The user's own folder, made if need be; None, told once, where there cannot be one."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = folder.stat()
    except OSError as error:
        return _without(f"{folder} cannot be used ({error.strerror})")
    if hasattr(os, "getuid"):
        if about.st_uid != os.getuid():
            return _without(f"{folder} belongs to somebody else")
        if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return _without(f"others may write to {folder}")
    return folder


_TOLD: set[str] = set()


def _without(why: str) -> None:
    if why not in _TOLD:
        _TOLD.add(why)
        warnings.warn(
            f"Compiled code is not kept, since {why}; set ENGRAM_CACHE to a folder of your own.",
            CacheWarning,
            stacklevel=2,
        )


def _read(path: Path, owner: int | None = None) -> bytes | None:
    """The code in a file, if it is whole and belongs to the user, the system or a further owner."""
    try:
        with open_regular(path) as file:
            about = os.fstat(file.fileno())
            if about.st_size > _MOST_BYTES:
                return None
            if hasattr(os, "getuid") and about.st_uid not in (os.getuid(), 0, owner):
                return None
            content = read_at_most(file, _MOST_BYTES)
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")  # machines that share a folder share numbers
    try:
        part.write_bytes(hashlib.sha256(code).digest() + code)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        _without(f"{path.parent} cannot be written to ({error.strerror})")


def _time_of(path: Path) -> float:
    """When a file was written; 0 where another process has cleared it away meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _forget_oldest(folder: Path) -> None:
    """Keep a cache from growing without end, and clear away those of earlier versions."""
    files = [path for path in folder.iterdir() if path.suffix == _SUFFIX]
    if len(files) > _FILES_KEPT:
        files.sort(key=_time_of)
        for path in files[: len(files) - _FILES_KEPT]:
            path.unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
