"""The brighter, the earlier: one spike for each input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.sources.base import Source
from engram.validation import check_choice, check_positive


@dataclass(frozen=True, kw_only=True)
class Latency(Source):
    """Each input spikes once, the earlier the larger its value; zero does not spike.

    Parameters
    ----------
    gain : float
        Factor on values; ``value · gain · intensity / 2`` of `white` or more spikes in the first step, and intensity
        starts at 2 by default.
    white : float
        The value that spikes first.
    order : {"value", "rank"}
        By ``"value"`` the latency falls linearly to zero at `white`. By ``"rank"`` the inputs spike one after another
        in order of value, evenly over the time shown, as many in each of `bins`.
    bins : int
        Of rank order.

    Examples
    --------
    >>> import numpy as np
    >>> from engram.sources import Latency
    >>> Latency().encode(np.float32([255, 0, 127.5]), 11, 1.0, 2.0, None)
    (array([0, 2]), array([0, 5]))
    """

    name: ClassVar[str] = "latency"
    is_random: ClassVar[bool] = False

    white: float = 255.0
    order: str = "value"
    bins: int = 15

    def __post_init__(self):
        super().__post_init__()
        check_positive("white", self.white)
        check_choice("order", self.order, ("value", "rank"))
        check_positive("bins", self.bins)

    @property
    def grows_louder(self) -> bool:
        """See :attr:`Source.grows_louder`; ranks stay the same."""
        return self.order == "value"

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random):
        """See :meth:`Source.encode`; nothing is random."""
        values = np.asarray(sample, np.float64)
        spiking = np.flatnonzero(values > 0)
        if self.order == "rank":
            ranked = spiking[np.argsort(-values[spiking], kind="stable")]
            bins = np.arange(len(ranked)) * self.bins // max(1, len(ranked))
            return ranked, bins * n_steps // self.bins
        part = np.minimum(values[spiking] * self.gain * intensity / (2.0 * self.white), 1.0)
        return spiking, np.rint((1.0 - part) * (n_steps - 1)).astype(np.int64)
