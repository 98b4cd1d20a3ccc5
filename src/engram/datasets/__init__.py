"""Data sets: by name, from folders and files of many kinds, or from a user's own arrays.

>>> from engram import datasets
>>> datasets.load("digits").train_images.shape
(1297, 784)
"""

from dataclasses import dataclass
from pathlib import Path

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset, check_images, check_labels
from engram.datasets.events import from_recordings
from engram.datasets.idx import read_idx, write_idx
from engram.datasets.idx_folder import write_idx_folder
from engram.datasets.mistaken import what_else
from engram.datasets.mnist import MNIST
from engram.datasets.options import Options, Progress
from engram.datasets.places import data_folder, in_data_folder, trouble
from engram.datasets.registry import CheckedItem, PathSource, named_sources, path_sources
from engram.datasets.splits import stratified_split
from engram.errors import ConfigError, DataError
from engram.validation import did_you_mean

__all__ = [
    "CheckedItem",
    "Dataset",
    "DatasetRecord",
    "Options",
    "available",
    "check",
    "check_images",
    "check_labels",
    "fetch",
    "fetch_mnist",
    "from_arrays",
    "from_recordings",
    "load",
    "load_with",
    "read_idx",
    "stratified_split",
    "write_idx",
    "write_idx_folder",
]

fetch_mnist = MNIST.fetch


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
    n_train, n_test : int or None
        Numbers of images; None where only loading would tell.
    """

    name: str
    description: str
    location: str | None
    n_train: int | None = None
    n_test: int | None = None


def load(
    source: str | Path,
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    image_shape: tuple[int, int] | None = None,
    value_range=None,
    label_column: str | int | None = None,
    window: tuple[float, float] | None = None,
    speed: float | None = None,
    channels: str | None = None,
    sensor_shape: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    source : str or Path
        A name ("digits", "mnist", "fashion-mnist", "kmnist"), the path of a folder or file of a known kind, or the name
        of one in ``$ENGRAM_DATA``. A text that is a name is always taken as one: write ``./mnist`` for a folder of that
        name.
    n_train, n_test : int, optional
        Keep only the first images of each part.
    image_shape, value_range, label_column, window, speed, channels, sensor_shape
        What cannot be found out, see :class:`Options`.
    progress : callable, optional
        Called as ``progress(what, done, total)`` while much is read.

    Returns
    -------
    Dataset
        Checked images and labels.

    Raises
    ------
    DataError
        If there is no such set, or its files are missing, damaged or unusable.
    ConfigError
        If an option cannot be used, or is none of that kind of data.

    Examples
    --------
    >>> from engram import datasets
    >>> datasets.load("digits", n_train=100)
    Dataset('digits': 100 training and 500 test images of 28×28, 10 classes)
    """
    options = Options(
        image_shape=image_shape,
        value_range=value_range,
        label_column=label_column,
        window=window,
        speed=speed,
        channels=channels,
        sensor_shape=sensor_shape,
    )
    return load_with(source, options, progress).first(n_train, n_test)


def load_with(source: str | Path, options: Options | dict | None = None, progress: Progress | None = None) -> Dataset:
    """`load` with its options in one object or table, as a configuration file holds them."""
    options = options if isinstance(options, Options) else Options.from_dict(options or {})
    names = named_sources()
    if source in names:
        _check_options(options, (), f"'{source}'")
        return names[source].load()
    path_source, path = find_source(source)
    _check_options(options, path_source.options, f"{path_source.description}")
    return path_source.load(path, options, progress)


def find_source(source: str | Path) -> tuple[PathSource, Path]:
    """What reads a path, or what ``$ENGRAM_DATA`` holds under that name.

    Raises
    ------
    DataError
        If there is no such path, or nothing reads it.
    """
    for path in _candidates(source):
        found = _reader(path)
        if found is not None:
            return found, path
    else_ = next(filter(None, (what_else(str(source), path) for path in _candidates(source))), "")
    if else_:
        raise DataError(else_)
    for path in filter(_exists, _candidates(source)):
        missing = next(filter(None, (candidate.why_not(path) for candidate in path_sources())), "")
        if missing:
            raise DataError(f"{path} {missing}{'' if missing.endswith('?') else '.'}")
    names = ", ".join(f"'{name}'" for name in named_sources())
    what = (
        "is neither a file nor a folder of a known kind"
        if any(_exists(path) for path in _candidates(source))
        else "is neither a data set nor an existing path"
    )
    kinds = "; or ".join(candidate.description for candidate in path_sources())
    meant = did_you_mean(str(source), named_sources())
    wrong = f"; {trouble()}" if trouble() else ""
    raise DataError(f"'{source}' {what}{meant}{wrong}; give {names}; or {kinds}.")


def _candidates(source):
    try:
        path = Path(source).expanduser()
    except RuntimeError:  # of a user that there is not
        path = Path(source)
    kept = in_data_folder(str(source))
    return [path] if kept is None or not _exists(kept) else [path, kept]


def _exists(path):
    """Whether there is such a file or folder; a name that no system takes is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _check_options(options, known, what):
    for name in options.given:
        if name not in known:
            has = f"has {', '.join(known)}" if known else "has none"
            raise ConfigError(f"the option {name} is not for {what}, which {has}.")


def available() -> list[DatasetRecord]:
    """List the data sets that have a name, and what else ``$ENGRAM_DATA`` holds; looks where they are, loads nothing.

    Returns
    -------
    list of DatasetRecord
        Those with a name, then those of the data folder, each sorted by name.
    """
    named = [
        DatasetRecord(source.name, source.description, source.find(), source.n_train, source.n_test)
        for source in named_sources().values()
    ]
    return named + _in_data_folder({record.location for record in named})


def _in_data_folder(taken):
    """What the data folder holds, or the folders in it, but for the official sets."""
    root = data_folder()
    if root is None or not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir()):
        if any(Path(place).is_relative_to(path) for place in taken if place):
            continue
        within = sorted(path.iterdir()) if path.is_dir() and _reader(path) is None else [path]
        readers = ((candidate, _reader(candidate)) for candidate in within)
        found += [
            DatasetRecord(candidate.relative_to(root).as_posix(), reader.description, str(candidate))
            for candidate, reader in readers
            if reader is not None
        ]
    return found


def _reader(path):
    """The first source that reads what lies at a path, None where there is none."""
    try:
        return next((candidate for candidate in path_sources() if candidate.recognises(path)), None)
    except (OSError, ValueError):
        return None


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
    path_source, path = find_source(source)
    try:
        return (CheckedItem(str(path), True, path_source.load(path, Options(), None).content_hash()),)
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
        raise DataError(
            f"there is no data set '{name}' to fetch; choose from {', '.join(names)}, or"
            " download it yourself and name its folder wherever a dataset is named."
        )
    source = names[name]
    return source.fetch(progress) if source.fetch is not None else None
