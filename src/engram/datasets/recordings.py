"""Recordings of event cameras: times, places and polarities, as input spikes per step and as frames to look at.

Every event is a change of brightness at one pixel: brighter (on) or darker (off). Both polarities have inputs of their
own, which lie side by side: a frame shows off events in its left half, on events in its right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engram.datasets.options import CHANNELS
from engram.errors import DataError
from engram.sources.events import events_in_steps
from engram.validation import check_choice, check_count, check_positive
from engram.wording import in_sizes

US_PER_MS = 1000

WHITE_QUANTILE = 0.995
"""The count of events that is drawn white: few inputs have more, and what they have more is mostly noise."""

_FRAMES_LOOKED_AT = 1000
_LONG_BEFORE = 10_000_000  # µs; nothing is presented for so long


@dataclass(frozen=True)
class Layout:
    """How recordings become input: which input an event belongs to, and when it comes.

    Parameters
    ----------
    sensor_shape : tuple of int
        Height and width of the sensor, pixels.
    channels : {"both", "merged"}
        Whether events of either polarity have inputs of their own.
    window : tuple of float, optional
        Begin and end, ms, of what is shown of each recording; all of it by default.
    speed : float, optional
        How many ms of a recording pass in one ms of presentation.
    """

    sensor_shape: tuple[int, int]
    channels: str = "both"
    window: tuple[float, float] | None = None
    speed: float = 1.0

    def __post_init__(self):
        """Check the values, which may come from a file."""
        check_choice("channels", self.channels, CHANNELS)
        check_positive("speed", self.speed)
        height, width = self.sensor_shape
        for side in (height, width):
            check_count("sensor_shape", side)
        object.__setattr__(self, "sensor_shape", (height, width))
        if self.window is not None:
            begin, end = self.window
            check_positive("window", begin, "ms", or_zero=True)
            check_positive("window", end - begin, "ms")
            object.__setattr__(self, "window", (float(begin), float(end)))

    @classmethod
    def from_dict(cls, values: dict) -> "Layout":
        """The layout that :meth:`to_dict` wrote."""
        options: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        return cls(**options)

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of a frame with the channels side by side."""
        height, width = self.sensor_shape
        return height, width * (2 if self.channels == "both" else 1)

    @property
    def n_inputs(self) -> int:
        """Pixels times channels."""
        return self.image_shape[0] * self.image_shape[1]

    def addresses(self, x, y, polarity) -> np.ndarray:
        """The input of each event, int32.

        Raises
        ------
        DataError
            If an event lies outside of the sensor.
        """
        height, width = self.sensor_shape
        x, y = np.asarray(x, np.int64), np.asarray(y, np.int64)
        if len(x) and (x.min() < 0 or y.min() < 0 or x.max() >= width or y.max() >= height):
            sensor = in_sizes("{} pixels", self.sensor_shape)
            raise DataError(
                f"events reach from x, y = {x.min()}, {y.min()} to {x.max()}, {y.max()}, the sensor has"
                f" {sensor}; give the right sensor_shape (height, width)."
            )
        on = np.asarray(polarity) > 0 if self.channels == "both" else np.zeros(len(x), bool)
        return (y * self.image_shape[1] + x + on * width).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Events:
    """The events of one recording as they come from a file.

    Parameters
    ----------
    t : ndarray of shape (n_events,), int64
        Times, µs, from the start of the recording; rising.
    x, y : ndarray of shape (n_events,), int
        Column and row.
    polarity : ndarray of shape (n_events,)
        Above zero for on events.
    """

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    polarity: np.ndarray

    def __post_init__(self):
        """Check that there is one of each for every event, and bring them in order of time."""
        parts = {name: np.asarray(getattr(self, name)) for name in ("t", "x", "y", "polarity")}
        for name, part in parts.items():
            if part.ndim != 1 or len(part) != len(parts["t"]) or part.dtype.kind not in "buif":
                raise DataError(
                    f"events need one number of t, x, y and polarity each, got {name} of shape {part.shape} and type"
                    f" {part.dtype} beside {len(parts['t']):,} times."
                )
        times = parts["t"].astype(np.int64)
        if len(times) and (np.any(times < 0) or not np.isfinite(parts["t"]).all()):
            raise DataError(f"times of events must be µs from the start, zero or positive; got {parts['t'].min()}.")
        for name in ("x", "y"):
            _check_places(parts[name], name)
        order = np.argsort(times, kind="stable") if np.any(np.diff(times) < 0) else slice(None)
        for name, part in (parts | {"t": times}).items():
            object.__setattr__(self, name, part[order])


def _check_places(places, name):
    """Raise DataError for columns or rows that are no pixels."""
    if len(places) and not (np.isfinite(places).all() and places.min() >= 0 and (places == np.rint(places)).all()):
        raise DataError(
            f"{name} of events must be whole numbers of pixels, zero or positive; got {places.min():g} to"
            f" {places.max():g}."
        )


def from_start(times: np.ndarray) -> np.ndarray:
    """Times from a clock that began long before a recording, 10 s and longer than it lasts, from its first event on."""
    if len(times) and times[0] > max(_LONG_BEFORE, times[-1] - times[0]):
        return times - times[0]
    return times


@dataclass(frozen=True, eq=False)
class Recordings(Sequence):
    """Many recordings, one after the other in flat arrays.

    Parameters
    ----------
    layout : Layout
    time : ndarray of shape (n_events,), int32 or int64
        µs from the start of each event's recording.
    address : ndarray of shape (n_events,), uint16 or int32
        The input of each event.
    offset : ndarray of shape (n_recordings + 1,), int64
        Events of recording k are those from ``offset[k]`` to ``offset[k + 1]``.
    """

    layout: Layout
    time: np.ndarray
    address: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, layout: Layout, recordings) -> "Recordings":
        """Recordings from the events of each.

        Parameters
        ----------
        layout : Layout
        recordings : iterable of Events
            Times of a clock that began long before are counted from the first event, see :func:`from_start`.
        """
        narrow = np.uint16 if layout.n_inputs <= 2**16 else np.int32
        times, addresses = [], []
        for events in recordings:
            addresses.append(layout.addresses(events.x, events.y, events.polarity).astype(narrow))
            times.append(from_start(events.t))
        longest = max((int(t[-1]) for t in times if len(t)), default=0)
        short = np.int32 if longest < 2**31 else np.int64
        offset = np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64)
        return cls(
            layout,
            np.concatenate([t.astype(short) for t in times]) if times else np.zeros(0, short),
            np.concatenate(addresses) if addresses else np.zeros(0, narrow),
            offset,
        )

    def __len__(self) -> int:
        """How many recordings there are."""
        return len(self.offset) - 1

    def __getitem__(self, chosen) -> "Recordings":
        """Some of the recordings, by number, slice, mask or numbers; always Recordings, also of one."""
        numbers = np.atleast_1d(np.arange(len(self))[chosen])
        lengths = np.diff(self.offset)[numbers]
        parts = [slice(self.offset[k], self.offset[k + 1]) for k in numbers]
        return Recordings(
            self.layout,
            np.concatenate([self.time[part] for part in parts]) if parts else self.time[:0],
            np.concatenate([self.address[part] for part in parts]) if parts else self.address[:0],
            np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        )

    def followed_by(self, later: "Recordings") -> "Recordings":
        """These recordings and then others of the same layout."""
        return Recordings(
            self.layout,
            np.concatenate((self.time, later.time)),
            np.concatenate((self.address, later.address)),
            np.concatenate((self.offset, self.offset[-1] + later.offset[1:])),
        )

    def __iter__(self) -> Iterator["Recordings"]:
        """Each recording on its own."""
        return (self[k] for k in range(len(self)))

    def events(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """What is shown of a recording: times in ms from the window's begin, and inputs."""
        part = slice(self.offset[number], self.offset[number + 1])
        time, address = self.time[part] / US_PER_MS, self.address[part]
        if self.layout.window is not None:
            begin, end = self.layout.window
            inside = (time >= begin) & (time < end)
            time, address = time[inside] - begin, address[inside]
        return time / self.layout.speed, address

    def spikes(self, number: int, n_steps: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """A recording as input spikes, in the form that :meth:`engram.simulator.Simulator.run` takes.

        An input spikes at most once a step, however many events fall into it. What lies beyond the last step is not
        shown.

        Parameters
        ----------
        number : int
            Which recording.
        n_steps : int
            Steps of the presentation.
        dt : float
            Length of a step, ms.

        Returns
        -------
        index : ndarray of shape (n_spikes,), int32
            The inputs that spike, in order of step, then of input.
        offset : ndarray of shape (n_steps + 1,), int64
            Spikes of step t are ``index[offset[t]:offset[t + 1]]``.

        Examples
        --------
        >>> layout = Layout((1, 2))
        >>> recording = Recordings.of(layout, [Events([0, 400, 600, 1200], [0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1])])
        >>> recording.spikes(0, n_steps=2, dt=1.0)
        (array([0, 3, 2], dtype=int32), array([0, 2, 3]))
        """
        check_count("n_steps", n_steps)
        check_positive("dt", dt, "ms")
        time, address = self.events(number)
        index, step = events_in_steps(address, time, n_steps, dt)
        offset = np.searchsorted(step, np.arange(n_steps + 1)).astype(np.int64)
        return index.astype(np.int32), offset

    @property
    def samples(self) -> "Samples":
        """The recordings as :class:`engram.sources.StoredEvents` takes them."""
        return Samples(self)

    def add_to(self, digest) -> None:
        """Let a hash depend on the events and on what is shown of them."""
        digest.update(f"{self.layout}".encode())
        for array, kind in ((self.time, "<i8"), (self.address, "<i4"), (self.offset, "<i8")):
            digest.update(np.ascontiguousarray(array, kind).data)

    def counts(self, number: int) -> np.ndarray:
        """How many events each input has in what is shown of a recording; shape (n_inputs,), int64."""
        return np.bincount(self.events(number)[1], minlength=self.layout.n_inputs)

    def white(self) -> float:
        """The count of events that stands for white in frames."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(len(self), _FRAMES_LOOKED_AT)).astype(int))
        inked = np.concatenate([counts[counts > 0] for counts in map(self.counts, chosen)] or [np.ones(1)])
        return float(max(1.0, np.quantile(inked, WHITE_QUANTILE))) if len(inked) else 1.0

    def frames(self, white: float) -> np.ndarray:
        """Each recording as one picture: event counts on 0–255; shape (n_recordings, n_inputs), uint8."""
        frames = np.empty((len(self), self.layout.n_inputs), np.uint8)
        for number, frame in enumerate(frames):
            frame[:] = np.rint(np.minimum(self.counts(number) * (255.0 / white), 255.0))
        return frames


@dataclass(frozen=True, eq=False)
class Samples(Sequence):
    """Recordings as what a network is shown: of each, the inputs of its events, and their times in ms.

    Parameters
    ----------
    recordings : Recordings
    """

    recordings: Recordings

    def __len__(self) -> int:
        """How many recordings there are."""
        return len(self.recordings)

    def __getitem__(self, chosen):
        """One recording's inputs and times by its number; samples of some by slice, mask or numbers."""
        if isinstance(chosen, (int, np.integer)):
            time, address = self.recordings.events(range(len(self))[chosen])
            return address.astype(np.int64), time
        return Samples(self.recordings[chosen])
