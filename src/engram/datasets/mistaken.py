"""What of engram's own is given as data, or lies among them: single pictures, models, runs, figures that it drew."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from engram.datasets.pictures import is_picture
from engram.files import open_regular

_DRAWN = b"tEXtSoftware\0engram"
"""How a PNG that engram drew begins, see :mod:`engram.figures.files`."""

_HEAD_BYTES, _LOOKED_AT = 1 << 10, 3


def is_drawn(path: Path) -> bool:
    """Whether engram drew a picture."""
    try:
        with open_regular(path) as file:
            return _DRAWN in file.read(_HEAD_BYTES)
    except OSError:
        return False


def holds_figures(folder: Path) -> bool:
    """Whether the pictures of a folder are figures that engram drew, judged quickly."""
    try:
        pictures = sorted(entry for entry in folder.iterdir() if entry.name.lower().endswith(".png"))
    except OSError:
        return False
    looked_at = list(itertools.islice(pictures, _LOOKED_AT))
    return bool(looked_at) and all(map(is_drawn, looked_at))


def what_else(source: str, path: Path) -> str:
    """What to say where a data set is wanted and a path is something else that engram knows; else nothing."""
    return next(filter(None, (tell(source, path) for tell in _KINDS)), "")


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
    if not (path / "config.toml").is_file():
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
