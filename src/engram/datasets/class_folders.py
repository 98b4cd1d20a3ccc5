"""Folders whose subfolders are the classes, with ``train/`` and ``test/`` above them or not."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engram.datasets.mistaken import is_made_here
from engram.errors import DataError

TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")

_LOOKED_AT = 50  # entries of a folder, to tell quickly what it holds

IsWanted = Callable[[str], bool]


@dataclass(frozen=True)
class Part:
    """The files of one part of a data set.

    Parameters
    ----------
    files : list of Path
        In order of their names, whatever their class: so the first of them are of all classes.
    labels : list of str
        The names of the folders that they lie in.
    """

    files: list[Path]
    labels: list[str]


def find_parts(root: Path, is_wanted: IsWanted) -> tuple[Part, Part | None]:
    """The training part and, where there is one, the test part.

    Parameters
    ----------
    root : Path
    is_wanted : callable
        Tells by a name whether a file belongs.

    Raises
    ------
    DataError
        If a folder cannot be read, or the test part has classes that the training part lacks.
    """
    train, test = part_folders(root)
    found = _part(train or root, is_wanted)
    if test is None:
        return found, None
    held_out = _part(test, is_wanted)
    strangers = sorted(set(held_out.labels) - set(found.labels))
    if strangers:
        raise DataError(f"{test} has the class {strangers[0]!r}, which {train} lacks; give both the same folders.")
    return found, held_out


def holds_classes(root: Path, is_wanted: IsWanted) -> bool:
    """Whether at least two classes of such files lie in a folder, judged quickly."""
    if not root.is_dir():
        return False
    folder = part_folders(root)[0] or root
    with_files = (child for child in _subfolders(folder) if _holds(child, is_wanted))
    return len(list(itertools.islice(with_files, 2))) == 2


def part_folders(root: Path) -> tuple[Path | None, Path | None]:
    """The folders of the training and the test part, None where there are none."""
    children = {child.name.lower(): child for child in _subfolders(root)}
    train = next((children[name] for name in TRAIN if name in children), None)
    test = next((children[name] for name in TEST if name in children), None)
    return (train, test) if train is not None else (None, None)


def _part(folder, is_wanted):
    try:
        found = [
            (entry.name, child.name, Path(entry.path))
            for child in _subfolders(folder)
            for entry in _entries(child)
            if is_wanted(entry.name) and not entry.is_dir()
        ]
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror or error}); check its permissions.") from None
    found.sort(key=lambda item: item[:2])
    return Part([path for _, _, path in found], [label for _, label, _ in found])


def _subfolders(folder):
    """The folders in a folder, but for hidden ones and those that engram made."""
    try:
        found = sorted(Path(entry.path) for entry in _entries(folder) if entry.is_dir() and entry.name[0] not in "._")
    except OSError:
        return []
    return [child for child in found if not is_made_here(child)]


def _entries(folder):
    """What lies in a folder, one after the other."""
    with os.scandir(folder) as entries:
        yield from entries


def _holds(folder, is_wanted):
    try:
        with os.scandir(folder) as entries:
            return any(is_wanted(entry.name) for entry in itertools.islice(entries, _LOOKED_AT))
    except OSError:
        return False


def left_aside(root: Path) -> list[str]:
    """The names of further folders that may be meant as a part: of several test parts one is taken."""
    taken = part_folders(root)
    return [child.name for child in _subfolders(root) if child.name.lower() in TRAIN + TEST and child not in taken]


def without_files(root: Path, is_wanted: IsWanted) -> list[str]:
    """The names of folders that lie where those of classes do and hold no such file."""
    parts = [part for part in part_folders(root) if part is not None] or [root]
    return [
        child.name
        for part in parts
        for child in _subfolders(part)
        if not any(is_wanted(entry.name) for entry in _entries(child))
    ]


def why_no_classes(root: Path, is_wanted: IsWanted, what: str) -> str:
    """What is missing for a folder to hold classes of such files; empty where there is no such file near by.

    Parameters
    ----------
    root : Path
    is_wanted : callable
        Tells by a name whether a file belongs.
    what : str
        What such files are called.
    """
    train = part_folders(root)[0]
    of_one = [child.name for child in _subfolders(train or root) if _holds(child, is_wanted)]
    if len(of_one) == 1:
        return f"holds {what} of one class only, {of_one[0]!r}; give a subfolder for each of at least two classes"
    if _holds(root, is_wanted):
        return f"holds {what} that lie in no folder of a class; put those of each class into a subfolder of its name"
    below = next((folder for folder in _folders_below(root) if holds_classes(folder, is_wanted)), None)
    return "" if below is None else f"holds no classes of {what} itself; did you mean {below}?"


def _folders_below(root):
    """Folders in a folder and in these, no more than are looked at quickly."""
    for number, (folder, children, _) in enumerate(os.walk(root)):
        children.sort()
        if number == _LOOKED_AT:
            return
        if number:
            yield Path(folder)
