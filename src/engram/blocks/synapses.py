"""Synapses: from spikes to a current that outlasts them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from engram.blocks.base import Block, State, as_input, over_time, step_count, step_ends
from engram.blocks.equations import filtered, spike_height
from engram.blocks.recordings import SynapseRun
from engram.validation import check_positive


@dataclass(frozen=True, kw_only=True, eq=False)
class ExponentialSynapse(Block):
    r"""A postsynaptic potential that jumps at each spike and decays exponentially.

    .. math:: v \leftarrow a v + (1 - a) s, \qquad a = e^{-dt / \tau}

    A spike is a pulse one step long and :math:`1 / dt` high, so its area is one and :math:`v` of a spike train is an
    estimate of its rate in Hz: one spike adds :math:`(1 - a) / dt \approx 1 / \tau`.

    Parameters
    ----------
    tau : float
        Decay of the potential, ms.
    dt : float
        Time step, ms.

    Attributes
    ----------
    v : ndarray
        The potential, in the unit of the input; Hz for spikes.

    Examples
    --------
    >>> from engram.blocks import ExponentialSynapse
    >>> synapse = ExponentialSynapse(tau=100)
    >>> round(float(synapse.step(True)), 3)
    9.95
    >>> round(float(synapse.step(False)), 3)
    9.851
    """

    tau: float = 50.0

    v = State[np.ndarray]()

    def __post_init__(self):
        check_positive("tau", self.tau, "ms")
        super().__post_init__()

    @property
    def decay(self) -> float:
        """What is left of the potential after one step."""
        return math.exp(-self.dt / self.tau)

    def reset(self) -> None:
        """Return to a potential of 0."""
        self._set(v=np.asarray(0.0))

    def step(self, inputs) -> np.ndarray:
        """The potential one step later.

        Parameters
        ----------
        inputs : array-like
            Spikes as booleans, or any signal as numbers.

        Returns
        -------
        ndarray
            In the shape of the inputs.
        """
        self._set(v=np.asarray(filtered(self.v, self._signal(inputs, self.v.shape), self.decay)))
        return self.v

    def run(self, inputs, duration: float | None = None) -> SynapseRun:
        """Filter an input over time, going on from the present state.

        Parameters
        ----------
        inputs : array-like
            With a duration, the input to hold; without, one row per time step. Booleans are spikes.
        duration : float, optional
            How long to hold the input, ms.

        Returns
        -------
        SynapseRun
        """
        inputs = over_time("inputs", inputs, duration, self.dt)
        v = np.array([self.step(row) for row in inputs])
        return SynapseRun(step_ends(len(inputs), self.dt), self._signal(inputs), v)

    def step_response(self, duration: float | None = None) -> SynapseRun:
        """The response to an input that rises from 0 to 1 at time 0: :math:`1 - e^{-t / \\tau}`.

        Parameters
        ----------
        duration : float, optional
            ms; five time constants if not given.
        """
        return replace(self).run(1.0, 5 * self.tau if duration is None else duration)

    def spike_response(self, duration: float | None = None) -> SynapseRun:
        """The response to one spike in the first step.

        Parameters
        ----------
        duration : float, optional
            ms; five time constants if not given.
        """
        spikes = np.zeros(step_count(5 * self.tau if duration is None else duration, self.dt), bool)
        spikes[0] = True
        return replace(self).run(spikes)

    def _signal(self, inputs, shape=()) -> np.ndarray:
        """Numbers as they are, spikes as pulses of area one."""
        inputs = np.asarray(inputs)
        height = spike_height(self.dt) if inputs.dtype.kind == "b" else 1.0
        return as_input("inputs", inputs, shape) * height
