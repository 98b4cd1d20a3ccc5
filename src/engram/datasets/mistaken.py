"""What of engram's own is given as data, or lies among them: single pictures, models, runs, figures that it drew."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from engram.datasets.pictures import is_picture
from engram.files import open_regular

_DRAWN = b"tEXtSoftware\0engram"
"""How a PNG that engram drew begins, see :mod:`engram.figures.files`."""

_HEAD_BYTES = 1 << 10

_LOOKED_AT, _DRAWINGS = 50, 3
"""Entries of a folder, and pictures in it, from which is told what it holds."""

_CONFIG = "config.toml"


def is_drawn(path: Path) -> bool:
    """Whether engram drew a picture."""
    try:
        with open_regular(path) as file:
            return _DRAWN in file.read(_HEAD_BYTES)
    except OSError:
        return False


def holds_figures(folder: Path) -> bool:
    """Whether the pictures of a folder are figures that engram drew, judged quickly."""
    pictures = [entry for entry in _some_of(folder) if entry.name.lower().endswith(".png")]
    return bool(pictures) and all(is_drawn(Path(entry.path)) for entry in pictures[:_DRAWINGS])


def is_made_here(folder: Path) -> bool:
    """Whether a folder is engram's own, and no class of a data set: of figures, a run, or runs; judged quickly."""
    runs = (Path(entry.path) / _CONFIG for entry in _some_of(folder) if entry.is_dir())
    return (folder / _CONFIG).is_file() or any(run.is_file() for run in runs) or holds_figures(folder)


def _some_of(folder: Path) -> list[os.DirEntry]:
    """The first entries of a folder, as the system has them; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, _LOOKED_AT))
    except OSError:
        return []


def what_else(source: str, path: Path) -> str:
    """What to say where a data set is wanted and a path is something else that engram knows; else nothing."""
    try:
        return next(filter(None, (tell(source, path) for tell in _KINDS)), "")
    except (OSError, ValueError):  # where nothing can lie, or be looked at
        return ""


def _picture(source: str, path: Path) -> str:
    if not is_picture(path.name) or path.is_dir():
        return ""
    return (
        f"'{source}' is the name of a picture, and no data set; read it with 'engram read {source}' or 'engram predict"
        f" MODEL {source}', and to learn from pictures give a folder with a subfolder of them for each class."
    )


def _model(source: str, path: Path) -> str:
    from engram.models import shipped_model

    if path.suffix != ".safetensors" and (path.exists() or shipped_model(source) is None):
        return ""
    return f"'{source}' is a trained model, and no data set; go on learning from it with --from {source}."


def _run(source: str, path: Path) -> str:
    if not (path / _CONFIG).is_file():
        return ""
    return (
        f"'{source}' is the folder of a run, and no data set; finish it with 'engram train --resume {source}', or go on"
        f" learning from it with --from {source}."
    )


def _figures(source: str, path: Path) -> str:
    if not path.is_dir() or not holds_figures(path):
        return ""
    return f"'{source}' holds figures that engram drew, and no data; give a folder with your own pictures."


_KINDS: tuple[Callable[[str, Path], str], ...] = (_picture, _model, _run, _figures)
