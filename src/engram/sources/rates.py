"""Sources whose inputs spike at a rate: evenly, or at random and ever faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.encoders import RATE_PER_PIXEL
from engram.errors import ConfigError
from engram.sources.base import Source
from engram.validation import check_finite, check_positive

_MOST_GROWTH = 600.0  # its exponential is still a number, and far more than any chance of a spike


@dataclass(frozen=True, kw_only=True)
class Regular(Source):
    """Each input spikes evenly, at the rate at which :class:`Poisson` would on average, beginning after one interval.

    Parameters
    ----------
    gain : float
        Factor on pixel values.
    """

    name: ClassVar[str] = "regular"
    at_rates: ClassVar[bool] = True
    is_random: ClassVar[bool] = False

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random):
        """See :meth:`Source.encode`; nothing is random."""
        per_step = np.asarray(sample, np.float64) * (self.gain * intensity * RATE_PER_PIXEL * dt / 1000.0)
        phase = np.minimum(per_step, 1.0)[np.newaxis] * np.arange(n_steps + 1)[:, np.newaxis]
        return np.diff(np.floor(phase + 1e-9), axis=0) > 0

    def rate_of_white(self, n_steps: int, dt: float, intensity: float) -> np.ndarray:
        """See :meth:`Source.rate_of_white`."""
        return np.full(n_steps, 255.0 * self.gain * intensity * RATE_PER_PIXEL)


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

    name: ClassVar[str] = "ramp"
    at_rates: ClassVar[bool] = True

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
        return random.random((n_steps, len(chance))) < chance[np.newaxis] * self._louder(n_steps, dt)[:, np.newaxis]

    def rate_of_white(self, n_steps: int, dt: float, intensity: float) -> np.ndarray:
        """See :meth:`Source.rate_of_white`; at most one spike a step."""
        rate = 255.0 * self.gain * intensity * RATE_PER_PIXEL * self._louder(n_steps, dt)
        return np.minimum(rate, 1000.0 / dt)

    def _louder(self, n_steps: int, dt: float) -> np.ndarray:
        return self.start * np.exp(np.minimum(np.log(self.growth) * dt * np.arange(n_steps), _MOST_GROWTH))
