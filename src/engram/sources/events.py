"""Spikes that were recorded: an event camera's, or another network's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engram.errors import DataError
from engram.sources.base import Source
from engram.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class StoredEvents(Source):
    """A sample is a recording: which inputs spiked, and when. It is the same however loud it is to be.

    Parameters
    ----------
    gain : float
        Not used.
    scale : float
        How many ms of a presentation a ms of the recording takes.
    """

    scale: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check_positive("scale", self.scale)

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
        step = np.floor(np.asarray(time, np.float64) * self.scale / dt).astype(np.int64)
        inside = (step >= 0) & (step < n_steps)
        pairs = np.unique(np.column_stack((step[inside], index[inside].astype(np.int64))), axis=0)
        return pairs[:, 1], pairs[:, 0]
