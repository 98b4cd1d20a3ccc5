"""Poisson spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.encoders import RATE_PER_PIXEL, poisson_spikes
from engram.sources.base import Source


@dataclass(frozen=True, kw_only=True)
class Poisson(Source):
    """Each input spikes independently, at a rate in proportion to its value [1]_.

    A pixel of value p (0-255) spikes at ``p / 8 · intensity · gain`` Hz.

    Parameters
    ----------
    gain : float
        Factor on pixel values.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015).
    """

    name: ClassVar[str] = "poisson"
    is_compiled: ClassVar[bool] = True
    at_rates: ClassVar[bool] = True

    def chance_per_value(self, dt: float) -> float:
        """The chance of a spike in a step of `dt` ms, per unit of value, intensity and gain."""
        return RATE_PER_PIXEL * dt / 1000.0

    def spikes(self, sample, n_steps: int, dt: float, intensity: float, key, counter, attempt):
        """See :meth:`Source.spikes`; drawn by :func:`engram.encoders.poisson_spikes`."""
        factor = self.gain * intensity * self.chance_per_value(dt)
        probability = np.asarray(sample, np.float32) * np.float64(factor)
        return poisson_spikes(probability, n_steps, key, np.uint64(counter), int(attempt))

    def rate_of_white(self, n_steps: int, dt: float, intensity: float) -> np.ndarray:
        """See :meth:`Source.rate_of_white`."""
        return np.full(n_steps, 255.0 * self.gain * intensity * RATE_PER_PIXEL)
