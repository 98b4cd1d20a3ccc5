"""A source of spikes of one's own: bright pixels spike in bursts."""

from dataclasses import dataclass

import numpy as np

from engram.sources import Source


@dataclass(frozen=True, kw_only=True)
class Bursts(Source):
    """Each pixel brighter than a threshold spikes a few steps in a row, beginning at a random time."""

    threshold: float = 128.0
    length: int = 5

    def encode(self, sample, n_steps, dt, intensity, random):
        """Inputs, and the step of each of their spikes."""
        bright = np.flatnonzero(sample * self.gain > self.threshold)
        begin = random.integers(0, n_steps - self.length, len(bright))
        steps = begin[:, np.newaxis] + np.arange(self.length)
        return np.repeat(bright, self.length), steps.ravel()
