"""Neurons: leaky integrate-and-fire, and one whose threshold adapts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engram.blocks.base import Block, State, as_input, over_time, step_count, step_ends
from engram.blocks.equations import (
    MS_PER_S,
    NeuronConstants,
    active_time,
    crossing_time,
    decay_over,
    membrane_potential,
    neuron_constants,
)
from engram.blocks.recordings import FICurve, NeuronRun
from engram.errors import ConfigError
from engram.validation import check_finite, check_positive


def fire(v, refractory, current, inh, c):
    """One time step of LIF or ALIF neurons.

    Parameters
    ----------
    v, refractory : ndarray
        Potential, and when refractoriness ends, ms after the beginning of the step before.
    current : ndarray
        Held over the step.
    inh : ndarray or float
        What the threshold has above `v_th` at the end of the step; 0 for LIF neurons.
    c : NeuronConstants

    Returns
    -------
    v, refractory : ndarray
        At the end of the step; `refractory` from the beginning of this step.
    fired : ndarray of bool
    spike_time : ndarray of shape (n_fired,)
        From the beginning of the step, ms.
    """
    refractory = refractory - c.dt
    active = active_time(refractory, c.dt)
    v = np.asarray(membrane_potential(v, current, decay_over(active, c.exponent)))
    fired = v > c.v_th + inh
    columns = (part[fired].tolist() for part in np.broadcast_arrays(v, current, inh, active))
    spike_time = np.array([crossing_time(*numbers, c) for numbers in zip(*columns, strict=True)])
    refractory = np.array(np.broadcast_to(refractory, v.shape))
    refractory[fired] = c.tau_ref + spike_time
    return np.where(fired, 0.0, v), refractory, fired, spike_time


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(Block):
    r"""Leaky integrate-and-fire neuron driven by a current.

    .. math:: \tau_{rc} \frac{dv}{dt} = I - v

    solved exactly over each step: :math:`v \leftarrow I + (v - I) e^{-\delta / \tau_{rc}}`, with :math:`\delta` the
    part of the step outside refractoriness. Above the threshold the neuron spikes; it crossed at
    :math:`dt + \tau_{rc} \ln\frac{v - I}{v_{th} - I}` within the step, from when on refractoriness counts, and
    :math:`v \leftarrow 0`. That is why the rate does not depend on the step.

    Parameters
    ----------
    tau_rc : float
        Membrane time constant, ms.
    tau_ref : float
        Refractory period, ms: the potential stays 0.
    v_th : float
        Threshold.
    dt : float
        Time step, ms. Up to `tau_ref` the timing is exact; with a longer one the end of refractoriness within the
        step of the spike is overlooked.

    Attributes
    ----------
    v : ndarray
        Membrane potential.
    refractory : ndarray
        When refractoriness ends, ms after the beginning of the last step.

    Examples
    --------
    >>> from engram.blocks import LIF
    >>> neuron = LIF()
    >>> run = neuron.run(2.0, duration=100)
    >>> len(run.spike_time), float(run.intervals()[0].round(3)), float(round(1000 / neuron.rate(2.0), 3))
    (6, 15.863, 15.863)
    """

    tau_rc: float = 20.0
    tau_ref: float = 2.0
    v_th: float = 1.0

    v = State[np.ndarray]()
    refractory = State[np.ndarray]()
    _spike_time = State[np.ndarray]()
    _constants = State[NeuronConstants]()

    def __post_init__(self):
        check_positive("tau_rc", self.tau_rc, "ms")
        check_positive("tau_ref", self.tau_ref, "ms", or_zero=True)
        check_positive("v_th", self.v_th)
        constants = neuron_constants(
            tau_rc=self.tau_rc, tau_ref=self.tau_ref, v_th=self.v_th, dt=self.dt, tau_inh=self._tau_inh
        )
        object.__setattr__(self, "_constants", constants)
        super().__post_init__()

    @property
    def threshold(self) -> np.ndarray:
        """The threshold as it stands."""
        return np.asarray(float(self.v_th))

    def reset(self) -> None:
        """Return to a potential of 0, out of refractoriness."""
        self._set(v=np.asarray(0.0), refractory=np.asarray(0.0), _spike_time=np.zeros(0))

    def step(self, current) -> np.ndarray:
        """Advance by one time step.

        Parameters
        ----------
        current : array-like
            Held over the step.

        Returns
        -------
        ndarray of bool
            Which neurons fired, in the shape of the current.
        """
        current = as_input("current", current, self.v.shape)
        v, refractory, fired, spike_time = fire(self.v, self.refractory, current, self._inh, self._constants)
        self._set(v=v, refractory=refractory, _spike_time=spike_time)
        return fired

    def run(self, current, duration: float | None = None) -> NeuronRun:
        """Drive the neuron over time, going on from its present state.

        Parameters
        ----------
        current : array-like
            With a duration, the current to hold; without, one row per time step.
        duration : float, optional
            How long to hold the current, ms.

        Returns
        -------
        NeuronRun
        """
        current = over_time("current", current, duration, self.dt)
        v, thresholds, spikes, neurons, times = [], [], [], [], []
        for step, row in enumerate(current):
            fired = self.step(row)
            v.append(self.v)
            spikes.append(fired)
            thresholds.append(np.broadcast_to(self._compared, self.v.shape))
            if len(self._spike_time):
                neurons.append(np.flatnonzero(fired))
                times.append(step * self.dt + self._spike_time)
        neuron = np.concatenate(neurons) if neurons else np.zeros(0, np.int64)
        time = np.concatenate(times) if times else np.zeros(0)
        order = np.argsort(time, kind="stable")
        return NeuronRun(
            time=step_ends(len(current), self.dt),
            spikes=np.array(spikes),
            current=np.array(current, np.float64),
            v=np.array(v),
            threshold=np.array(thresholds),
            neuron=neuron[order],
            spike_time=time[order],
        )

    def rate(self, current) -> np.ndarray | float:
        r"""Firing rate, Hz, at a constant current: :math:`1 / (\tau_{ref} + \tau_{rc} \ln\frac{I}{I - v_{th}})`."""
        current = as_input("current", current)
        above = np.where(current > self.v_th, current, 2.0 * self.v_th)
        interval = self.tau_ref + self.tau_rc * np.log(above / (above - self.v_th))
        return np.where(current > self.v_th, MS_PER_S / interval, 0.0)[()]

    def fi_curve(self, currents=None, *, n_intervals: int = 20) -> FICurve:
        """Measure the firing rate over the current.

        Parameters
        ----------
        currents : array-like of shape (n_currents,), optional
            40 values from 0 to 4 times the threshold if not given.
        n_intervals : int
            How many intervals the slowest neuron shall show, half of them after the neuron has settled.

        Returns
        -------
        FICurve
        """
        currents = np.linspace(0.0, 4.0 * self.v_th, 40) if currents is None else as_input("currents", currents)
        if currents.ndim != 1:
            raise ConfigError(f"currents must have one dimension, got shape {currents.shape}.")
        predicted = np.asarray(self.rate(currents))
        firing = predicted > 0
        slowest = MS_PER_S / predicted[firing].min() if firing.any() else self.tau_rc
        duration = (n_intervals + 1) * slowest + self._settling_time
        run = replace(self).run(currents, duration)
        rate = np.array([_settled_rate(run, neuron, duration) for neuron in range(len(currents))])
        return FICurve(currents, rate, predicted)

    def step_response(self, current: float = 1.5, duration: float = 200.0, onset: float = 20.0) -> NeuronRun:
        """The response to a current that is switched on.

        Parameters
        ----------
        current : float
        duration, onset : float
            Length of the run and when in it the current begins, ms.

        Returns
        -------
        NeuronRun
        """
        check_positive("onset", onset, "ms", or_zero=True)
        times = step_ends(step_count(duration, self.dt), self.dt)
        return replace(self).run(np.where(times > onset, current, 0.0))

    _tau_inh = np.inf
    _inh = 0.0
    _settling_time = 0.0

    @property
    def _compared(self) -> np.ndarray:
        """The threshold that the last step compared the potential with."""
        return self.threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class ALIF(LIF):
    r"""Adaptive LIF neuron: each spike raises the threshold for a while.

    The threshold is :math:`v_{th} + inh`, with :math:`inh \leftarrow inh\, e^{-dt / \tau_{inh}}` in each step, plus
    :math:`inc_{inh}` at a spike, less what decays of it from the spike to the end of the step. The spike is where
    membrane and falling threshold meet within the step, so that here too the rate does not depend on the step. All
    else is as in :class:`LIF`.

    Parameters
    ----------
    tau_rc, tau_ref, v_th, dt : float
        See :class:`LIF`.
    tau_inh : float
        Decay of the adaptation, ms.
    inc_inh : float
        What a spike adds to the threshold.
    inh_start : float or array-like
        Adaptation at time 0, of all neurons or of each.

    Attributes
    ----------
    v, refractory : ndarray
        See :class:`LIF`.
    inh : ndarray
        What the threshold has above `v_th`.

    Examples
    --------
    >>> from engram.blocks import ALIF
    >>> intervals = ALIF(tau_inh=100, inc_inh=0.2).run(3.0, duration=500).intervals()
    >>> bool(intervals[-1] > 1.4 * intervals[0])
    True
    """

    tau_inh: float = 100.0
    inc_inh: float = 0.1
    inh_start: float | np.ndarray = 0.0

    inh = State[np.ndarray]()
    _last_threshold = State[np.ndarray]()

    def __post_init__(self):
        check_positive("tau_inh", self.tau_inh, "ms")
        check_finite("inc_inh", self.inc_inh)
        check_positive("inc_inh", self.inc_inh, or_zero=True)
        as_input("inh_start", self.inh_start)
        super().__post_init__()

    @property
    def threshold(self) -> np.ndarray:
        """The threshold as it stands: `v_th` and what adaptation adds to it."""
        return self.v_th + self.inh

    def reset(self) -> None:
        """Return to a potential of 0, out of refractoriness, with the adaptation of time 0."""
        super().reset()
        self._set(inh=as_input("inh_start", self.inh_start))
        self._set(_last_threshold=self.threshold)

    def step(self, current) -> np.ndarray:
        """Advance by one time step.

        Parameters
        ----------
        current : array-like
            Held over the step.

        Returns
        -------
        ndarray of bool
            Which neurons fired, in the shape of the current.
        """
        current = as_input("current", current, np.broadcast_shapes(self.inh.shape, self.v.shape))
        current = np.broadcast_to(current, np.broadcast_shapes(current.shape, self.inh.shape))
        self._set(inh=self.inh * self._constants.inh_decay)
        self._set(_last_threshold=self.threshold)
        fired = super().step(current)
        inh = np.array(np.broadcast_to(self.inh, fired.shape))
        inh[fired] += self.inc_inh * decay_over(self.dt - self._spike_time, self._constants.inh_exponent)
        self._set(inh=inh)
        return fired

    def rate(self, current) -> np.ndarray | float:
        r"""Firing rate, Hz, at a constant current, once adaptation has settled.

        The interval :math:`T` is the one after which the membrane meets the threshold that its own spikes keep up:
        :math:`I (1 - e^{-(T - \tau_{ref}) / \tau_{rc}}) = v_{th} + inc_{inh} / (e^{T / \tau_{inh}} - 1)`.
        """
        current = as_input("current", current)
        above = np.where(current > self.v_th, current, 2.0 * self.v_th)
        low = np.full(current.shape, float(self.tau_ref))
        high = low + self.tau_rc * np.log(above / (above - self.v_th))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            while np.any(short := self._shortfall(high, above) > 0):
                high = np.where(short, 2.0 * high, high)
            for _ in range(100):
                middle = 0.5 * (low + high)
                short = self._shortfall(middle, above) > 0
                low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.where(current > self.v_th, MS_PER_S / high, 0.0)[()]

    def _shortfall(self, interval, current):
        """How far below its threshold the membrane is after an interval between spikes."""
        v = current * -np.expm1((self.tau_ref - interval) / self.tau_rc)
        # An increment of zero over an interval of zero is zero, not NaN.
        kept_up = self.inc_inh / np.expm1(interval / self.tau_inh) if self.inc_inh > 0 else 0.0
        return self.v_th + kept_up - v

    @property
    def _compared(self) -> np.ndarray:
        return self._last_threshold

    @property
    def _settling_time(self) -> float:
        return 10.0 * self.tau_inh

    @property
    def _tau_inh(self) -> float:
        return self.tau_inh

    @property
    def _inh(self) -> np.ndarray:
        return self.inh


def _settled_rate(run: NeuronRun, neuron: int, duration: float) -> float:
    """The rate, Hz, over the second half of a run, from its first to its last spike there."""
    times = run.spike_time[(run.neuron == neuron) & (run.spike_time > 0.5 * duration)]
    return MS_PER_S * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
