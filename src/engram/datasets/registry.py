"""What one source of data must offer to be loaded by name or by path.

A module of this folder that defines ``SOURCE`` is found by itself: to add a format, add a file.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engram.datasets.base import Dataset
from engram.datasets.options import Options, Progress


@dataclass(frozen=True)
class CheckedItem:
    """The outcome of checking one file or array of a data set.

    Parameters
    ----------
    item : str
        What was checked.
    ok : bool
        Whether it is sound.
    message : str
        The hash where it is sound, else what is wrong and what to do.
    """

    item: str
    ok: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class NamedSource:
    """A data set that has a name and a known content.

    Parameters
    ----------
    name : str
        The name to load it by.
    description : str
        One sentence for lists.
    n_train, n_test : int
        Numbers of images.
    find : callable
        ``find() -> str or None``: where the data lie, None where they are not on this machine. Fast.
    load : callable
        ``load() -> Dataset``.
    check : callable
        ``check() -> tuple of CheckedItem``.
    fetch : callable, optional
        ``fetch(progress=None) -> Path``: download the data and tell where they are;
        None where they need no download.
    """

    name: str
    description: str
    n_train: int
    n_test: int
    find: Callable[[], str | None]
    load: Callable[[], Dataset]
    check: Callable[[], tuple[CheckedItem, ...]]
    fetch: Callable[..., Path] | None = None


@dataclass(frozen=True, kw_only=True)
class PathSource:
    """A kind of file or folder that a user's own data may come in.

    Parameters
    ----------
    description : str
        What to give, as it fits into "give …".
    recognises : callable
        ``recognises(path) -> bool``: whether this source shall read it, judged quickly.
    load : callable
        ``load(path, options, progress) -> Dataset``; `progress` may be None.
    options : tuple of str, optional
        The names of those of `Options` that it goes by.
    why_not : callable, optional
        ``why_not(path) -> str``: what is missing where a path is nearly such a thing, as it follows after its name;
        empty where it is not.
    """

    description: str
    recognises: Callable[[Path], bool]
    load: Callable[[Path, Options, Progress | None], Dataset]
    options: tuple[str, ...] = ()
    why_not: Callable[[Path], str] = lambda path: ""


@cache
def _sources() -> tuple[NamedSource | PathSource, ...]:
    folder = importlib.import_module("engram.datasets")
    modules = (
        importlib.import_module(f"engram.datasets.{found.name}") for found in pkgutil.iter_modules(folder.__path__)
    )
    return tuple(module.SOURCE for module in modules if hasattr(module, "SOURCE"))


def named_sources() -> dict[str, NamedSource]:
    """All sources that have a name.

    Returns
    -------
    dict
        From name to source, sorted by name.
    """
    return {source.name: source for source in _sources() if isinstance(source, NamedSource)}


def path_sources() -> tuple[PathSource, ...]:
    """All kinds of files and folders that can be loaded.

    Returns
    -------
    tuple of PathSource
        In the order in which they are asked.
    """
    return tuple(source for source in _sources() if isinstance(source, PathSource))
