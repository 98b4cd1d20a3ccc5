"""Data sets: by name, from a folder of IDX files, or from a user's own arrays.

>>> from engram import datasets
>>> datasets.load("digits").train_images.shape
(1297, 784)
"""

from dataclasses import dataclass
from pathlib import Path

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset, check_images, check_labels
from engram.datasets.idx import read_idx, write_idx
from engram.datasets.idx_folder import write_idx_folder
from engram.datasets.mnist import fetch_mnist
from engram.datasets.registry import CheckedItem, Progress, named_sources, path_sources
from engram.datasets.splits import stratified_split
from engram.errors import DataError

__all__ = [
    "CheckedItem",
    "Dataset",
    "DatasetRecord",
    "available",
    "check",
    "check_images",
    "check_labels",
    "fetch",
    "fetch_mnist",
    "from_arrays",
    "load",
    "read_idx",
    "stratified_split",
    "write_idx",
    "write_idx_folder",
]


@dataclass(frozen=True)
class DatasetRecord:
    """One line of a list of data sets.

    Parameters
    ----------
    name : str
        The name to load it by.
    description : str
        What it is, in one sentence.
    location : str or None
        Where it lies on this machine, None where it must be fetched first.
    n_train, n_test : int
        Numbers of images.
    """

    name: str
    description: str
    location: str | None
    n_train: int
    n_test: int


def load(source: str | Path, *, n_train: int | None = None, n_test: int | None = None) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    source : str or Path
        A name ("digits", "mnist"), or the path of a folder with IDX files, an ``.npz`` or an ``.npy`` file.
        A text that is a name is always taken as one: write ``./mnist`` for a folder of that name.
    n_train, n_test : int, optional
        Keep only the first images of each part.

    Returns
    -------
    Dataset
        Checked images and labels.

    Raises
    ------
    DataError
        If there is no such set, or its files are missing, damaged or unusable.

    Examples
    --------
    >>> from engram import datasets
    >>> datasets.load("digits", n_train=100)
    Dataset('digits': 100 training and 500 test images of 28×28, 10 classes)
    """
    names = named_sources()
    dataset = names[source].load() if source in names else _load_path(source)
    return dataset.first(n_train, n_test)


def available() -> list[DatasetRecord]:
    """List the data sets that have a name; only looks where they are, does not load them.

    Returns
    -------
    list of DatasetRecord
        Sorted by name.
    """
    return [
        DatasetRecord(source.name, source.description, source.find(), source.n_train, source.n_test)
        for source in named_sources().values()
    ]


def check(source: str | Path) -> tuple[CheckedItem, ...]:
    """Verify that a data set is complete and sound.

    Parameters
    ----------
    source : str or Path
        A name or a path, as for `load`.

    Returns
    -------
    tuple of CheckedItem
        One for each file of a named set, with its hash or with what is wrong. For a path, one with
        the content hash of the loaded set: there is no official hash to compare with.

    Raises
    ------
    DataError
        If there is no such set, or it is not on this machine.
    """
    names = named_sources()
    if source in names:
        return names[source].check()
    path_source = _path_source(source)
    path = Path(source).expanduser()
    try:
        return (CheckedItem(str(path), True, path_source.load(path).content_hash()),)
    except DataError as error:
        return (CheckedItem(str(path), False, str(error)),)


def fetch(name: str, progress: Progress | None = None) -> Path | None:
    """Download a data set by name, every file checked by its hash.

    Parameters
    ----------
    name : str
        Name of the set.
    progress : callable, optional
        Called as ``progress(file name, bytes received, bytes in all or None)`` again and again.

    Returns
    -------
    Path or None
        The folder with the files; None where the set comes with the installation.

    Raises
    ------
    DataError
        If there is no such set, or no mirror has it.
    """
    names = named_sources()
    if name not in names:
        raise DataError(f"there is no data set '{name}' to fetch; choose from {', '.join(names)}.")
    source = names[name]
    return source.fetch(progress) if source.fetch is not None else None


def _load_path(source):
    return _path_source(source).load(Path(source).expanduser())


def _path_source(source):
    """The first source that reads what lies at a path."""
    path = Path(source).expanduser()
    found = next((candidate for candidate in path_sources() if candidate.recognises(path)), None)
    if found is not None:
        return found
    names = ", ".join(f"'{name}'" for name in named_sources())
    what = (
        "is neither a file nor a folder of a known kind"
        if path.exists()
        else "is neither a data set nor an existing path"
    )
    kinds = "; or ".join(candidate.description for candidate in path_sources())
    raise DataError(f"'{source}' {what}; give {names}; or {kinds}.")
