"""The places by label of neurons that learn, found now and then and kept between."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from engram.studio.moments import Moment

SORT_SECONDS = 4.0
"""So long, at least, neurons keep their places among those of a label: nobody reads fields that jump."""

SHARE = 0.05
"""Of a processor, no more is spent on sorting: many fields of one label take long."""


class Sorting:
    """Where the neurons of a network that learns are drawn, kept for a while."""

    def __init__(self):
        self._places: np.ndarray | None = None
        self._subject, self._moment, self._next = None, None, -np.inf

    def knows(self, subject) -> bool:
        """Whether the places of its neurons have been found, or are being."""
        return subject is self._subject

    def is_due(self, subject) -> bool:
        """Whether its neurons are to be sorted anew."""
        return not self.knows(subject) or time.monotonic() > self._next

    def begin(self, moment: Moment, subject) -> None:
        """Say how a network stands that is going to be sorted; the places so far are kept meanwhile."""
        if not self.knows(subject):
            self._places, self._subject = None, subject
        self._moment, self._next = moment, np.inf

    def finish(self, moment: Moment) -> None:
        """Sort it, which takes its time; in vain where a later moment has come meanwhile."""
        places, seconds = timed(moment.places)
        if moment is self._moment:
            self._places, self._next = places, time.monotonic() + max(SORT_SECONDS, seconds / SHARE)

    def places(self, subject, n: int) -> np.ndarray | None:
        """Those of so many neurons; None where they are not known."""
        places = self._places
        return places if self.knows(subject) and places is not None and len(places) == n else None


def timed(function: Callable):
    """What it returns, and the processor time that it took, s."""
    begin = time.thread_time()
    return function(), time.thread_time() - begin
