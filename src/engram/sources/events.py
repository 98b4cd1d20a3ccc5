"""Spikes that were recorded: an event camera's, or another network's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.errors import DataError
from engram.sources.base import Source
from engram.validation import check_positive

_BORDER = 1e-9
"""The share of a step that is added to a time, so that an event on the border of two steps belongs to the later one
although the border is not exact in binary."""


@dataclass(frozen=True, kw_only=True)
class StoredEvents(Source):
    """A sample is a recording: which inputs spiked, and when. It is the same however loud it is to be.

    Parameters
    ----------
    gain : float
        Not used.
    scale : float
        How many ms of a presentation a ms of the recording takes.

    Examples
    --------
    >>> from engram.sources import StoredEvents
    >>> StoredEvents(scale=2.0).encode(([3, 1, 3], [0.0, 0.7, 40.0]), 10, 0.5, 2.0, None)
    (array([3, 1]), array([0, 2]))
    """

    name: ClassVar[str] = "events"
    takes_pixels: ClassVar[bool] = False
    takes_events: ClassVar[bool] = True
    is_random: ClassVar[bool] = False

    scale: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check_positive("scale", self.scale)

    @property
    def grows_louder(self) -> bool:
        """See :attr:`Source.grows_louder`."""
        return False

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random):
        """The events that fall into the presentation; of several of an input in a step, the first.

        Parameters
        ----------
        sample : pair of array-like of shape (n_events,)
            Inputs, and times in ms from the beginning of the recording.
        n_steps, dt, intensity, random
            See :meth:`Source.encode`; nothing is random, and the intensity plays no part.
        """
        index, time = (np.asarray(part) for part in sample)
        if index.shape != time.shape or index.ndim != 1:
            raise DataError(
                f"A recording must be inputs and times of equal number, got {index.shape} and {time.shape}."
            )
        return events_in_steps(index, np.asarray(time, np.float64) * self.scale, n_steps, dt)


def events_in_steps(index: np.ndarray, time: np.ndarray, n_steps: int, dt: float):
    """Events as spikes: an input spikes once in a step, however many of its events fall into it.

    Parameters
    ----------
    index : ndarray of shape (n_events,), int
    time : ndarray of shape (n_events,), float
        ms from the beginning of the presentation; what lies outside of it is left out.
    n_steps : int
    dt : float
        Length of a step, ms.

    Returns
    -------
    index, step : ndarray of shape (n_spikes,), int64
        In order of step, then of input.
    """
    inside = (time >= 0) & (time < (n_steps + 1) * dt)  # before whole numbers are made of what may not fit into them
    index, step = index[inside].astype(np.int64), np.floor(time[inside] / dt + _BORDER).astype(np.int64)
    index, step = index[step < n_steps], step[step < n_steps]
    if not index.size:
        return index, step
    n_inputs = int(index.max()) + 1
    step, index = np.divmod(np.unique(step * n_inputs + index), n_inputs)
    return index, step
