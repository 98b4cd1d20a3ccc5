"""Files of events: N-MNIST's five bytes an event, AEDAT4, and NumPy arrays."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from engram.datasets.files import open_regular
from engram.datasets.npy import read_npy, read_npz
from engram.datasets.recordings import Events
from engram.errors import DataError
from engram.files import read_at_most

SUFFIXES = (".bin", ".aedat4", ".npy", ".npz")
"""What a recording's file may be called."""

MAX_EVENTS = 2**26
"""No recording of more events is read (67 million; N-MNIST's have some thousand)."""

MAX_BIN_BYTES = 5 * MAX_EVENTS

NMNIST_SIDE = 34
"""Height and width of N-MNIST's frame, pixels."""

_OVERFLOW_ROW = 240  # marks in N-MNIST's files that the sensor's clock went round
_OVERFLOW = 2**13  # µs
_FIELDS = {
    "t": ("t", "ts", "time", "timestamp", "timestamps"),
    "x": ("x",),
    "y": ("y",),
    "polarity": ("p", "polarity", "pol", "on"),
}


def is_recording(name: str) -> bool:
    """Whether a file's name is that of a recording."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read_events(path: str | Path) -> Events:
    """Read a recording from a file of any of these kinds.

    Parameters
    ----------
    path : str or Path
        ``.bin`` as N-MNIST has them, ``.aedat4``, ``.npy`` of shape (n_events, 4) with t, x, y and polarity in its
        columns or with fields of these names, or ``.npz`` with these four keys or one such array.

    Returns
    -------
    Events

    Raises
    ------
    DataError
        If the file is damaged, too large, or of no such kind; the message has its path.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".aedat4":
        return read_aedat4(path)
    try:
        if suffix == ".npz":
            arrays = read_npz(path, max_bytes=32 * MAX_EVENTS, fields=True)
            return as_events(*arrays.values() if len(arrays) == 1 else (arrays,))
        if suffix == ".npy":
            return as_events(read_npy(path, max_bytes=32 * MAX_EVENTS, fields=True))
        with open_regular(path)[0] as file:
            return parse_nmnist(file, str(path))
    except DataError as error:
        raise DataError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check its permissions.") from None


def parse_nmnist(file: BinaryIO, name: str) -> Events:
    """Parse N-MNIST's format [1]_: x, y, and three bytes with the polarity in the top bit and the time below, µs.

    Parameters
    ----------
    file : binary file
    name : str
        How to call the file in an error message.

    Raises
    ------
    DataError
        If there is no whole number of events, or too many.

    References
    ----------
    .. [1] G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, Front. Neurosci. 9:437 (2015).
    """
    content = read_at_most(file, MAX_BIN_BYTES + 1)
    if len(content) > MAX_BIN_BYTES:
        raise DataError(f"{name} holds more than {MAX_EVENTS:,} events, the limit; split the recording.")
    if len(content) % 5:
        raise DataError(
            f"{name} holds {len(content):,} bytes, no whole number of events of 5 bytes; get a fresh copy of it."
        )
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 5).astype(np.int64).T
    time = ((high & 127) << 16) + (middle << 8) + low
    marks = y == _OVERFLOW_ROW
    time += _OVERFLOW * np.cumsum(marks)
    kept = ~marks
    return Events(time[kept], x[kept], y[kept], (high >> 7)[kept])


def read_aedat4(path: str | Path) -> Events:
    """Read the events of an AEDAT4 file; times count from the first one.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DataError
        If the package ``aedat`` is not installed, or the file is damaged or too large.
    """
    path = Path(path)
    open_regular(path)[0].close()
    try:
        import aedat
    except ImportError:
        raise DataError(f"{path} needs the package aedat; install it with 'pip install engram[events]'.") from None
    parts, n_events = [], 0
    try:
        for packet in aedat.Decoder(str(path)):
            if "events" in packet:
                parts.append(packet["events"])
                n_events += len(parts[-1])
            if n_events > MAX_EVENTS:
                raise DataError(f"{path} holds more than {MAX_EVENTS:,} events, the limit; split the recording.")
    except DataError:
        raise
    except Exception as error:  # the decoder raises errors of several kinds on damaged files
        raise DataError(f"{path} is damaged or no AEDAT4 file ({error}); get a fresh copy of it.") from None
    if not parts:
        raise DataError(f"{path} holds no events; give a recording with some.")
    events = as_events(np.concatenate(parts))
    return Events(events.t - events.t[0] if len(events.t) else events.t, events.x, events.y, events.polarity)


def as_events(recording) -> Events:
    """Events from whatever holds times, columns, rows and polarities.

    Parameters
    ----------
    recording : Events, structured ndarray, mapping, ndarray of shape (n_events, 4), or sequence of four arrays
        With the fields or keys t, x, y, p (or ts, timestamp; polarity, on), or with these in columns or in order.
        Times are µs, polarities above zero for on.

    Returns
    -------
    Events

    Raises
    ------
    DataError
        If it is none of these.

    Examples
    --------
    >>> as_events([[0, 3, 4, 1], [25, 3, 5, 0]]).t
    array([ 0, 25])
    """
    if isinstance(recording, Events):
        return recording
    names = getattr(getattr(recording, "dtype", None), "names", None) or (
        tuple(recording) if hasattr(recording, "keys") else None
    )
    if names:
        spelled = {name.lower(): name for name in names}
        found = {
            field: next((spelled[name] for name in choices if name in spelled), None)
            for field, choices in _FIELDS.items()
        }
        missing = [field for field, name in found.items() if name is None]
        if missing:
            raise DataError(f"events need t, x, y and p, got {', '.join(map(str, names))}; name them so.")
        return Events(*(np.asarray(recording[name]) for name in found.values()))
    try:
        array = np.asarray(recording)
    except ValueError:
        array = np.zeros((0, 0))
    if array.ndim == 2 and array.shape[1] == 4:
        return Events(*array.T)
    if array.ndim == 2 and array.shape[0] == 4:
        return Events(*array)
    raise DataError(
        f"events must be an array with the columns t, x, y and polarity, or have fields of these names; got shape"
        f" {array.shape}."
    )
