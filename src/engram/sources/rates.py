"""Sources whose inputs spike at a rate: evenly, or at random and ever faster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engram.encoders import RATE_PER_PIXEL
from engram.errors import ConfigError
from engram.sources.base import Source
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class Regular(Source):
    """Each input spikes evenly, at the rate at which :class:`Poisson` would on average, beginning after one interval.

    Parameters
    ----------
    gain : float
        Factor on pixel values.
    """

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random):
        """See :meth:`Source.encode`; nothing is random."""
        per_step = np.asarray(sample, np.float64) * (self.gain * intensity * RATE_PER_PIXEL * dt / 1000.0)
        phase = np.minimum(per_step, 1.0)[np.newaxis] * np.arange(n_steps + 1)[:, np.newaxis]
        return np.diff(np.floor(phase + 1e-9), axis=0) > 0


@dataclass(frozen=True, kw_only=True)
class Ramp(Source):
    """Each input spikes at random, at a rate that grows by a factor in every step: an image is heard before it is loud.

    Parameters
    ----------
    gain : float
        Factor on pixel values.
    start : float
        What the rates of :class:`Poisson` are multiplied by in the first step.
    growth : float
        Factor on the rates per ms.
    """

    start: float = 0.01
    growth: float = 1.02

    def __post_init__(self):
        super().__post_init__()
        check_positive("start", self.start)
        check_finite("growth", self.growth)
        if self.growth < 1:
            raise ConfigError(f"growth must be at least 1 per ms, got {self.growth!r}.")

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random):
        """See :meth:`Source.encode`; chances of a spike stop at 1."""
        chance = np.asarray(sample, np.float64) * (self.gain * intensity * RATE_PER_PIXEL * dt / 1000.0)
        louder = self.start * np.exp(np.log(self.growth) * dt * np.arange(n_steps))
        return random.random((n_steps, len(chance))) < chance[np.newaxis] * louder[:, np.newaxis]
