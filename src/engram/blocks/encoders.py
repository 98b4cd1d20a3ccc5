"""Encoders: from values, say pixels, to spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engram.blocks.base import Block, State, as_input, over_time, step_ends
from engram.blocks.draws import uniform_words
from engram.blocks.equations import firing_rate, is_below, spike_height, spike_probability
from engram.blocks.recordings import SpikeTrains
from engram.errors import ConfigError, DataError
from engram.randomness import Stream, stream_key
from engram.validation import check_count, check_finite, check_positive


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoder(Block):
    """Base of the encoders: values between two ends, spikes in steps.

    Parameters
    ----------
    min_value, max_value : float
        The smallest and the largest value there can be.
    """

    min_value: float = 0.0
    max_value: float = 255.0

    def __post_init__(self):
        check_finite("min_value", self.min_value)
        check_finite("max_value", self.max_value)
        if not self.min_value < self.max_value:
            raise ConfigError(
                f"max_value must exceed min_value, got min_value={self.min_value!r} and max_value={self.max_value!r}."
            )
        super().__post_init__()

    def step(self, values, *, rate_factor: float = 1.0) -> np.ndarray:
        """The spikes of the next time step; see each encoder."""
        raise NotImplementedError

    def run(self, values, duration: float | None = None) -> SpikeTrains:
        """Encode values over time, going on from the present state.

        Parameters
        ----------
        values : array-like
            With a duration, the values to hold; without, one row per time step, such as ``[[0, 64]]`` for a step of two
            inputs.
        duration : float, optional
            How long to hold the values, ms.

        Returns
        -------
        SpikeTrains

        Raises
        ------
        ConfigError
            If values in a single row have no duration: they could be an image, or one input at several times.
        """
        if duration is None and np.ndim(values) == 1:
            raise ConfigError(
                "values in a single row need a duration in ms, for which they are held; values that change have a row"
                " for each time step, [[0], [64]] for one input."
            )
        values = over_time("values", values, duration, self.dt)
        spikes = np.array([self.step(row) for row in values])
        return SpikeTrains(step_ends(len(values), self.dt), spikes)

    def _values(self, values, shape=()) -> np.ndarray:
        values = as_input("values", values, shape)
        if values.size and (values.min() < self.min_value or values.max() > self.max_value):
            raise DataError(
                f"values must lie between min_value {self.min_value!r} and max_value {self.max_value!r}, got"
                f" {values.min():g} to {values.max():g}; scale them or widen the ends."
            )
        return values


@dataclass(frozen=True, kw_only=True, eq=False)
class RateEncoder(Encoder):
    """Base of the encoders whose rate stands for the value.

    Parameters
    ----------
    min_value, max_value : float
        The values that spike at `min_rate` and `max_rate`.
    min_rate, max_rate : float
        Firing rates, Hz; between them the rate is linear in the value. At most one spike a step: 1 / dt.
    dt : float
        Time step, ms.
    """

    min_rate: float = 0.0
    max_rate: float = 10.0

    def __post_init__(self):
        check_positive("min_rate", self.min_rate, "Hz", or_zero=True)
        check_positive("max_rate", self.max_rate, "Hz", or_zero=True)
        if self.max_rate < self.min_rate:
            raise ConfigError(
                f"max_rate must be at least min_rate, got min_rate={self.min_rate!r} and max_rate={self.max_rate!r} Hz."
            )
        super().__post_init__()
        if self.max_rate > spike_height(self.dt):
            raise ConfigError(
                f"max_rate must be at most one spike a step, {spike_height(self.dt):,.6g} Hz, got {self.max_rate!r} Hz;"
                " choose a smaller rate or dt."
            )

    def rate(self, values) -> np.ndarray:
        """The firing rate, Hz, that stands for each value."""
        values = self._values(values)
        return firing_rate(values, self.min_value, self.max_value, self.min_rate, self.max_rate)

    def _probability(self, values, rate_factor, shape=()) -> np.ndarray:
        """Spikes expected of each input in one step; never more than 1."""
        check_positive("rate_factor", rate_factor, or_zero=True)
        values = self._values(values, shape)
        rate = firing_rate(values, self.min_value, self.max_value, self.min_rate, self.max_rate)
        return np.asarray(spike_probability(rate * rate_factor, self.dt))


@dataclass(frozen=True, kw_only=True, eq=False)
class PoissonEncoder(RateEncoder):
    r"""Spikes at random times, at a rate that is linear in the value.

    In each step an input spikes if a uniform number falls below :math:`r\,dt`, with

    .. math:: r = r_{min} + \frac{p - p_{min}}{p_{max} - p_{min}} (r_{max} - r_{min}).

    Parameters
    ----------
    min_value, max_value : float
        The values that spike at `min_rate` and `max_rate`.
    min_rate, max_rate : float
        Firing rates, Hz; at most one spike a step, 1 / dt.
    dt : float
        Time step, ms.
    seed, counter : int
        Equal seed and counter give equal spikes, whatever was drawn elsewhere; encoders of one seed with different
        counters are independent.

    Attributes
    ----------
    n_steps : int
        Steps since the last reset.

    Notes
    -----
    With the chance per step instead of the interval drawn, two spikes never share a step: the count's variance is
    :math:`n p (1 - p)`, a Poisson process only for :math:`r\,dt \ll 1`.

    Examples
    --------
    >>> from engram.blocks import PoissonEncoder
    >>> encoder = PoissonEncoder(max_rate=100, seed=1)
    >>> trains = encoder.run([0, 128, 255], duration=10_000)
    >>> [round(float(rate), -1) for rate in trains.rates]
    [0.0, 50.0, 100.0]
    """

    seed: int = 0
    counter: int = 0

    n_steps = State[int]()
    _key = State[np.ndarray]()

    def __post_init__(self):
        check_count("seed", self.seed, at_least=-(2**63))
        check_count("counter", self.counter, at_least=0)
        if self.counter >= 2**64:
            raise ConfigError(f"counter must be below 2**64, got {self.counter!r}.")
        object.__setattr__(self, "_key", stream_key(self.seed, Stream.PREDICTION))
        super().__post_init__()

    def reset(self) -> None:
        """Go back to the first draw."""
        self._set(n_steps=0)

    def step(self, values, *, rate_factor: float = 1.0) -> np.ndarray:
        """The spikes of the next time step.

        Parameters
        ----------
        values : array-like
        rate_factor : float
            Factor on every rate; the chance of a spike stops at 1.

        Returns
        -------
        ndarray of bool
            In the shape of the values.
        """
        probability = self._probability(values, rate_factor)
        words = uniform_words(probability.size, self.n_steps, 0, self.counter, self._key)
        self._set(n_steps=self.n_steps + 1)
        return is_below(words.reshape(probability.shape), probability)


@dataclass(frozen=True, kw_only=True, eq=False)
class RegularEncoder(RateEncoder):
    r"""Evenly spaced spikes, at a rate that is linear in the value.

    A phase grows by :math:`r\,dt` a step; on reaching 1 it gives a spike and loses 1.

    Parameters
    ----------
    min_value, max_value : float
        The values that spike at `min_rate` and `max_rate`.
    min_rate, max_rate : float
        Firing rates, Hz; at most one spike a step, 1 / dt.
    dt : float
        Time step, ms.
    start_phase : float
        The phase at time 0, from 0 (a whole interval to wait) up to but not including 1.

    Attributes
    ----------
    phase : ndarray
        Fraction of the interval that has passed.

    Examples
    --------
    >>> from engram.blocks import RegularEncoder
    >>> RegularEncoder(max_rate=100).run(255, duration=50).time[[9, 19]]
    array([10., 20.])
    >>> RegularEncoder(max_rate=100).run([51, 255], duration=1000).counts.tolist()
    [20, 100]
    """

    start_phase: float = 0.0

    phase = State[np.ndarray]()

    def __post_init__(self):
        check_finite("start_phase", self.start_phase)
        if not 0 <= self.start_phase < 1:
            raise ConfigError(f"start_phase must be at least 0 and below 1, got {self.start_phase!r}.")
        super().__post_init__()

    def reset(self) -> None:
        """Return to the phase at time 0."""
        self._set(phase=np.asarray(float(self.start_phase)))

    def step(self, values, *, rate_factor: float = 1.0) -> np.ndarray:
        """The spikes of the next time step.

        Parameters
        ----------
        values : array-like
        rate_factor : float
            Factor on every rate; there is never more than one spike a step.

        Returns
        -------
        ndarray of bool
            In the shape of the values.
        """
        phase = self.phase + self._probability(values, rate_factor, self.phase.shape)
        spikes = phase > 1.0 - 1e-9  # ten steps of 0.1 add up to a little less than 1
        self._set(phase=phase - spikes)
        return spikes


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstSpikeEncoder(Encoder):
    r"""One spike per input, the earlier the larger the value.

    The latency is :math:`T\,(p_{max} - p) / (p_{max} - p_{min})`; the smallest value never spikes.

    Parameters
    ----------
    min_value, max_value : float
        The value that never spikes and the one that spikes at once.
    window : float
        The time :math:`T` by which every value above the smallest has spiked, ms.
    dt : float
        Time step, ms.

    Attributes
    ----------
    n_steps : int
        Steps since the last reset.
    fired : ndarray of bool
        Which inputs have spiked.

    Examples
    --------
    >>> from engram.blocks import FirstSpikeEncoder
    >>> trains = FirstSpikeEncoder(window=100).run([0, 51, 255], duration=100)
    >>> trains.counts.tolist(), trains.spikes.argmax(axis=0).tolist()
    ([0, 1, 1], [0, 80, 0])
    """

    window: float = 100.0

    n_steps = State[int]()
    fired = State[np.ndarray]()

    def __post_init__(self):
        check_positive("window", self.window, "ms")
        super().__post_init__()

    def reset(self) -> None:
        """Let every input spike again."""
        self._set(n_steps=0, fired=np.asarray(False))

    def latency(self, values) -> np.ndarray:
        """When each value spikes, ms; infinite for the smallest."""
        values = self._values(values)
        latency = self.window * (self.max_value - values) / (self.max_value - self.min_value)
        return np.where(values > self.min_value, latency, np.inf)

    def step(self, values, *, rate_factor: float = 1.0) -> np.ndarray:
        """The spikes of the next time step.

        Parameters
        ----------
        values : array-like
        rate_factor : float
            Divides every latency.

        Returns
        -------
        ndarray of bool
            In the shape of the values.
        """
        check_positive("rate_factor", rate_factor)
        values = self._values(values, self.fired.shape)
        end = (self.n_steps + 1) * self.dt
        spikes = (self.latency(values) / rate_factor < end * (1 - 1e-12)) & ~self.fired
        self._set(n_steps=self.n_steps + 1, fired=self.fired | spikes)
        return spikes
