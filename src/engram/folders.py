"""The folder that is the user's own, where engram keeps what it can make or fetch again."""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from pathlib import Path


@functools.cache
def user_cache_folder() -> Path:
    """The user's cache folder for engram; where there is no home folder, as in some containers, one of our own.

    Returns
    -------
    Path
        By the system's conventions if the user has a home. Else a folder under the temporary one, which nobody else
        may read or write: kept from one process to the next, unless somebody else has put something in its place.
    """
    from platformdirs import user_cache_path

    try:
        return user_cache_path("engram", appauthor=False)
    except (RuntimeError, KeyError):  # neither HOME nor an entry for the user
        return _private_folder()


def _private_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"engram-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="engram-"))
