"""Data sets of event recordings: from folders and zip files of classes, and from anything that yields recordings."""

import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from engram.datasets.base import Dataset
from engram.datasets.class_folders import TEST, TRAIN, find_parts, holds_classes, left_aside, why_no_classes
from engram.datasets.event_files import (
    MAX_BIN_BYTES,
    MAX_EVENTS,
    NMNIST_SIDE,
    as_events,
    is_recording,
    parse_nmnist,
    read_events,
)
from engram.datasets.files import MAX_BYTES, check_unpacked, open_regular
from engram.datasets.labels import read_labels, warn_of_labels
from engram.datasets.options import DEFAULTS, Options, Progress
from engram.datasets.recordings import Events, Layout, Recordings, from_start
from engram.datasets.registry import PathSource
from engram.datasets.splits import stratified_split
from engram.errors import DataError, DataWarning
from engram.wording import in_sizes

TEST_FRACTION = 1 / 6
"""Share of the recordings that is held out where there is no test part."""

MAX_EVENTS_IN_ALL = 2**30
"""No set of more events is read; the whole of N-MNIST has a quarter of that."""

LARGEST_SENSOR = 4096
"""Pixels of a side that is taken as far as events reach; cameras of today have up to 1,280."""

_SHORTEST = 1000  # µs; a set of shorter recordings has its times in another unit
_ONLY_EVENTS = (".bin", ".aedat4")
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def from_recordings(
    recordings: Iterable,
    test_recordings: Iterable | None = None,
    *,
    name: str = "recordings",
    sensor_shape: tuple[int, int] | None = None,
    window: tuple[float, float] | None = None,
    speed: float = 1.0,
    channels: str = "both",
    test_fraction: float = TEST_FRACTION,
    description: str = "",
) -> Dataset:
    """Make a data set of event recordings, whatever yields them.

    Parameters
    ----------
    recordings : iterable of (events, label)
        For training, or all; each `events` as :func:`engram.datasets.event_files.as_events` takes them, times in µs. A
        data set of the package tonic is such an iterable, and tells the size of its sensor.
    test_recordings : iterable of (events, label), optional
        For testing; a share of each class of `recordings` by default.
    name : str, optional
        What to call the set.
    sensor_shape : tuple of int, optional
        Height and width, pixels; as far as the events reach by default, up to 4,096.
    window : tuple of float, optional
        Begin and end, ms, of what is shown of each recording; all of it by default.
    speed : float, optional
        How many ms of a recording pass in one ms of presentation.
    channels : {"both", "merged"}, optional
        Whether events of either polarity have inputs of their own.
    test_fraction : float, optional
        Share to hold out where no test set is given, from 0 up to but not including 1.
    description : str, optional
        Where they come from.

    Returns
    -------
    Dataset
        Its images are frames of event counts, off events on the left and on events on the right; the recordings are in
        ``train_recordings`` and ``test_recordings``.

    Raises
    ------
    DataError
        If there are none, or one cannot be used: the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> def recording():
    ...     t = np.sort(random.integers(0, 300_000, 500))
    ...     return np.column_stack((t, random.integers(0, 8, (500, 2)), random.integers(0, 2, 500)))
    >>> from_recordings([(recording(), label % 2) for label in range(12)], name="noise")
    Dataset('noise': 10 training and 2 test recordings of 8×8, 2 classes)
    """
    sensor_shape = sensor_shape or _sensor_of(recordings)
    train, labels = _taken(recordings, "training")
    if not train:
        raise DataError(f"'{name}' holds no recordings; give at least two of different classes.")
    if test_recordings is None:
        (labels,), names = read_labels(labels)
        chosen, held_out = stratified_split(labels, round(len(labels) * test_fraction))
        test, test_labels = [train[k] for k in held_out], labels[held_out]
        train, labels = [train[k] for k in chosen], labels[chosen]
        told = f"{len(held_out):,} of {len(held_out) + len(chosen):,} recordings, stratified, are held out for testing"
    else:
        test, test_labels = _taken(test_recordings, "test")
        (labels, test_labels), names = read_labels(labels, test_labels)
        told = ""
    warn_of_labels(labels, test_labels, names, name)
    layout = Layout(tuple(sensor_shape or _reach(train + test)), channels, window, speed)
    if (len(train) + len(test)) * layout.n_inputs > MAX_BYTES:
        raise DataError(
            f"frames of {len(train) + len(test):,} recordings with {layout.n_inputs:,} inputs need more than"
            f" {MAX_BYTES:,} bytes; give the sensor_shape that it is, fewer recordings, or channels='merged'."
        )
    _warn_of_unit(train + test, name)
    parts = [Recordings.of(layout, part) for part in (train, test)]
    white = parts[0].white()
    shown = "all" if window is None else f"{window[0]:g} to {window[1]:g} ms"
    sentence = [
        description.rstrip("."),
        in_sizes("events of a sensor of {} pixels", layout.sensor_shape)
        + (", off and on side by side" if channels == "both" else ", off and on together"),
        f"{shown} of each recording is shown, at speed {speed:g}",
        "times count from the first event" if any(from_start(one.t) is not one.t for one in train) else "",
        told,
    ]
    text = "; ".join(part for part in sentence if part)
    return Dataset(
        name=name,
        train_images=parts[0].frames(white),
        train_labels=labels,
        test_images=parts[1].frames(white),
        test_labels=test_labels,
        image_shape=layout.image_shape,
        description=f"{text[0].upper()}{text[1:]}.",
        class_names=names,
        value_range=(0.0, white),
        train_recordings=parts[0],
        test_recordings=parts[1],
    )


def load_event_folder(path: str | Path, options: Options = DEFAULTS, progress: Progress | None = None) -> Dataset:
    """Load recordings, a folder a class, from a folder or from zip files.

    Parameters
    ----------
    path : str or Path
        Holds ``CLASS/*.bin`` (or ``.aedat4``, ``.npy``, ``.npz``), or ``Train/CLASS/…`` and ``Test/CLASS/…``, or
        ``Train.zip`` and ``Test.zip`` with ``.bin`` files in such folders; or is such a zip file.
    options : Options, optional
    progress : callable, optional

    Returns
    -------
    Dataset
        See :func:`from_recordings`.

    Raises
    ------
    DataError
        If a file is damaged; the message has its path.
    """
    path = Path(path)
    archives, aside = _archives(path), []
    if archives is not None:
        readers = [_from_zip(archive, progress) for archive in archives]
        name = path.name.removesuffix(".zip")
    else:
        parts = [part for part in find_parts(path, is_recording) if part is not None]
        readers = [_from_files(part, path.name, progress) for part in parts]
        name, aside = path.resolve().name, left_aside(path)
    train, test = (list(readers[0]), list(readers[1]) if len(readers) == 2 else None)
    sensor_shape = options.sensor_shape
    if sensor_shape is None:
        reach = _reach([events for events, _ in train + (test or [])])
        sensor_shape = (NMNIST_SIDE, NMNIST_SIDE) if max(reach) <= NMNIST_SIDE and _is_nmnist(path) else reach
    return from_recordings(
        train,
        test,
        name=name,
        sensor_shape=sensor_shape,
        window=options.window,
        speed=options.speed or 1.0,
        channels=options.channels or "both",
        description="; ".join(
            [f"recordings in {path}", *(f"the folder {name!r} beside the test part is left aside" for name in aside)]
        ),
    )


def _taken(recordings, part):
    """The events and the labels of an iterable of both, counted against the limit."""
    found, labels, n_events = [], [], 0
    for number, item in enumerate(recordings):
        try:
            events, label = item
        except (TypeError, ValueError):
            raise DataError(
                f"{part} recording {number} must be a pair of events and label, got {type(item).__name__}."
            ) from None
        try:
            found.append(as_events(events))
        except DataError as error:
            raise DataError(f"{part} recording {number}: {error}") from None
        labels.append(label)
        n_events += len(found[-1].t)
        if n_events > MAX_EVENTS_IN_ALL:
            raise DataError(f"there are more than {MAX_EVENTS_IN_ALL:,} events, the limit; give fewer recordings.")
    return found, labels


def _sensor_of(recordings):
    """Height and width that a data set of tonic tells as ``sensor_size``: width, height, polarities."""
    size = getattr(recordings, "sensor_size", None)
    return None if size is None else (int(size[1]), int(size[0]))


def _reach(recordings: list[Events]):
    """Height and width as far as events reach."""
    inhabited = [events for events in recordings if len(events.t)]
    if not inhabited:
        raise DataError("the recordings hold no events; give some, or their sensor_shape.")
    height, width = (1 + max(int(getattr(events, axis).max()) for events in inhabited) for axis in ("y", "x"))
    if max(height, width) > LARGEST_SENSOR:
        raise DataError(
            f"events reach to column {width - 1:,} and row {height - 1:,}, farther than on any sensor; give them in the"
            " order t, x, y, polarity, or the sensor_shape (height, width) if that is right."
        )
    return height, width


def _warn_of_unit(recordings, name):
    longest = max((int(events.t[-1] - events.t[0]) for events in recordings if len(events.t)), default=_SHORTEST)
    if longest < _SHORTEST:
        warnings.warn(
            f"the longest recording of {name} lasts {longest:,} µs; times are µs: multiply seconds by a million,"
            " milliseconds by a thousand.",
            DataWarning,
            stacklevel=3,
        )


def _is_nmnist(path):
    """Whether recordings are in N-MNIST's format, whose frame is known."""
    return _archives(path) is not None or any(path.rglob("*.bin"))


def _from_files(part, name, progress):
    """Pairs of events and label from files, one after the other."""
    for number, (file, label) in enumerate(zip(part.files, part.labels, strict=True)):
        yield read_events(file), label
        if progress is not None and (number % 64 == 63 or number + 1 == len(part.files)):
            progress(f"reading {name}", number + 1, len(part.files))


def _from_zip(path, progress):
    """Pairs of events and label from the ``.bin`` files of a zip file, one after the other."""
    try:
        with open_regular(path)[0] as file, zipfile.ZipFile(file) as archive:
            members = sorted(
                (PurePosixPath(m.filename).name, PurePosixPath(m.filename).parent.name, m)
                for m in _recordings_in(archive)
            )
            for number, (_, label, member) in enumerate(members):
                yield _read_member(archive, member, path), label
                if progress is not None and (number % 64 == 63 or number + 1 == len(members)):
                    progress(f"reading {path.name}", number + 1, len(members))
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{path} is damaged or not a zip file ({error}); get a fresh copy of it.") from None


def _read_member(archive, member, path):
    where = f"{member.filename} in {path}"
    if member.flag_bits & 1:
        raise DataError(f"{where} is encrypted; make it again without a password.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{where} is compressed by another method than deflate; make it again.")
    if member.file_size > MAX_BIN_BYTES:
        raise DataError(f"{where} holds more than {MAX_EVENTS:,} events, the limit; split the recording.")
    check_unpacked(where, member.file_size, member.compress_size)
    try:
        with archive.open(member) as file:
            return parse_nmnist(file, where)
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{where} is damaged ({error}); get a fresh copy of the file.") from None


def _recordings_in(archive):
    return [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".bin")
        and len(PurePosixPath(member.filename).parts) >= 2
        and "__MACOSX" not in member.filename
    ]


def _archives(path):
    """The zip files of the training and perhaps the test part that a path stands for, None where it is no such."""
    if path.is_file():
        return (path,) if _holds_recordings(path) else None
    children = {child.name.lower(): child for child in path.iterdir() if child.is_file()} if path.is_dir() else {}
    train = next((children[f"{name}.zip"] for name in TRAIN if f"{name}.zip" in children), None)
    test = next((children[f"{name}.zip"] for name in TEST if f"{name}.zip" in children), None)
    if train is None or not _holds_recordings(train):
        return None
    return (train,) if test is None else (train, test)


def _holds_recordings(path):
    """Whether a zip file has recordings in it; what is damaged is left to others to tell."""
    if path.suffix.lower() != ".zip":
        return False
    try:
        with open_regular(path)[0] as file, zipfile.ZipFile(file) as archive:
            return bool(_recordings_in(archive))
    except (DataError, *_DAMAGE):
        return False


def _recognises(path):
    if path.is_dir() and holds_classes(path, is_recording):
        return True
    return _archives(path) is not None


def _why_not(path):
    """Of files that may be nothing else than recordings."""
    return why_no_classes(path, lambda name: name.lower().endswith(_ONLY_EVENTS), "recordings") if path.is_dir() else ""


SOURCE = PathSource(
    description="a folder of event recordings (.bin, .aedat4, .npy), or Train.zip and Test.zip of N-MNIST",
    recognises=_recognises,
    load=load_event_folder,
    options=("window", "speed", "channels", "sensor_shape"),
    why_not=_why_not,
)
