"""Where data sets lie on this machine."""

import os
from pathlib import Path

from engram.folders import user_cache_folder


def data_folder() -> Path | None:
    """The folder that ``$ENGRAM_DATA`` names, None where it names none."""
    root = os.environ.get("ENGRAM_DATA")
    return Path(root).expanduser() if root else None


def trouble() -> str:
    """What is wrong with ``$ENGRAM_DATA``, empty where nothing is."""
    root = data_folder()
    if root is None or root.is_dir():
        return ""
    return f"$ENGRAM_DATA names {root}, which is {'no folder' if root.exists() else 'not there'}"


def cache_folder() -> Path:
    """Where downloaded sets are kept, one folder each."""
    return user_cache_folder() / "data"


def in_data_folder(name: str) -> Path | None:
    """Where ``$ENGRAM_DATA`` would hold what has a name; None without that variable, or beyond that folder."""
    root = data_folder()
    if root is None or not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    return root / name
