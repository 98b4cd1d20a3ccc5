"""The tutorial's neurons, driven by a current: leaky integrate-and-fire, plain and with an adaptive threshold.

Spikes fall between the ends of a time step: the refractory period begins where the membrane met its threshold. They are
the neurons of :class:`engram.blocks.LIF` and :class:`engram.blocks.ALIF`, behind the contract of networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.neurons.base import Neuron, NeuronEquations
from engram.validation import check_positive, settle_floats


@dataclass(frozen=True, kw_only=True)
class LIF(Neuron):
    r"""Leaky integrate-and-fire neuron driven by a current [1]_.

    .. math:: \tau_{rc} \frac{dv}{dt} = i - v

    Spikes arrive on the channel ``current``, through an exponential synapse: a spike of weight w adds
    :math:`w (1 - a) / dt`, dt in seconds, to the current, which falls by :math:`a = e^{-dt / \tau_{syn}}` a step.

    Parameters
    ----------
    tau_rc : float
        Membrane time constant, ms.
    tau_ref : float
        Refractory period, ms, from where in a step the threshold was met.
    v_thresh : float
        Threshold; the potential rests at 0, to which a spike resets it.
    tau_syn : float
        Decay of the current, ms.

    References
    ----------
    .. [1] *Research Replication: Unsupervised Learning of Digit Recognition Using STDP*, tutorial, part 1.

    Examples
    --------
    >>> from engram.neurons import LIF
    >>> LIF(tau_rc=10.0).variables()
    {'v': 0.0, 'refractory': 0.0, 'i': 0.0, 'current': 0.0}
    """

    tau_rc: float = 20.0
    tau_ref: float = 2.0
    v_thresh: float = 1.0
    tau_syn: float = 5.0

    channels: ClassVar[dict[str, str]] = {"current": "i"}
    held: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        check_positive("tau_ref", self.tau_ref, "ms", or_zero=True)
        for name in ("tau_rc", "tau_syn"):
            check_positive(name, getattr(self, name), "ms")
        check_positive("v_thresh", self.v_thresh)
        settle_floats(self)

    @property
    def shortest_time_constant(self) -> float:
        """Every step is exact, so that none is too long, ms."""
        return math.inf

    def variables(self) -> dict[str, float]:
        """The potential; what was left of refractoriness at the beginning of the step, ms; the synaptic current, and
        what it was in the step."""
        return {"v": 0.0, "refractory": 0.0, "i": 0.0, "current": 0.0}

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
        """The synapse's decay over a step, and what it adds of a spike's weight."""
        decay = math.exp(-dt / self.tau_syn)
        return {"syn_decay": decay, "syn_gain": (1.0 - decay) * 1000.0 / dt}

    def equations(self, integrator: str) -> NeuronEquations:
        """What arrives is scaled, so that a weight is the area under the current that it draws."""
        return super().equations(integrator)._replace(arrive={"current": add_scaled})

    def step(v, refractory, i, current, dt, tau_rc, syn_decay):
        """Exact for a current held over the step, from where refractoriness ends."""
        refractory = refractory - dt
        active = np.clip(dt - refractory, 0.0, dt)
        return i + (v - i) * np.exp(-active / tau_rc), refractory, i * syn_decay, i

    def on_spike(v, refractory, current, dt, tau_rc, tau_ref, v_thresh):
        """Reset; the refractory period begins where the threshold was met."""
        earliest = dt - min(max(dt - refractory, 0.0), dt)
        time = max(dt + tau_rc * math.log((v - current) / (v_thresh - current)), earliest)
        return 0.0, tau_ref + time, current


@dataclass(frozen=True, kw_only=True)
class ALIF(LIF):
    r"""LIF neuron whose threshold rises by `inc_inh` at each spike and falls back with `tau_inh` [1]_.

    Parameters
    ----------
    tau_rc, tau_ref, v_thresh, tau_syn : float
        See :class:`LIF`.
    tau_inh : float
        Decay of what the threshold has above `v_thresh`, ms.
    inc_inh : float
        What a spike adds to it.

    Notes
    -----
    The threshold is ``v_thresh + inh``; ``inh`` is one of its :meth:`variables`, and can be recorded. There is one
    channel, ``current``: inhibition is a negative weight.

    References
    ----------
    .. [1] *Research Replication: Unsupervised Learning of Digit Recognition Using STDP*, tutorial, part 1.
    """

    tau_inh: float = 100.0
    inc_inh: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        check_positive("tau_inh", self.tau_inh, "ms")
        check_positive("inc_inh", self.inc_inh, or_zero=True)

    def variables(self) -> dict[str, float]:
        """Those of :class:`LIF`, and what the threshold has above `v_thresh`."""
        return {**super().variables(), "inh": 0.0}

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
        """Those of :class:`LIF`, and the threshold's decay over a step."""
        return {**super().constants(dt, integrator, dtype), "inh_decay": math.exp(-dt / self.tau_inh)}

    # These functions are called by what they ask for, never as methods of the other class.
    def step(v, refractory, i, current, inh, dt, tau_rc, syn_decay, inh_decay):  # ty: ignore[incompatible-method-override]
        """As :meth:`LIF.step`; the threshold falls."""
        refractory = refractory - dt
        active = np.clip(dt - refractory, 0.0, dt)
        return i + (v - i) * np.exp(-active / tau_rc), refractory, i * syn_decay, i, inh * inh_decay

    def fires(v, inh, v_thresh):
        """Whether the membrane is above its threshold."""
        return v > v_thresh + inh

    def on_spike(  # ty: ignore[incompatible-method-override]
        v, refractory, current, inh, dt, tau_rc, tau_ref, v_thresh, tau_inh, inc_inh
    ):
        """Reset; the threshold rises where it was met, and falls for the rest of the step."""
        earliest = dt - min(max(dt - refractory, 0.0), dt)
        time = meeting_time(v, current, inh, earliest, dt, tau_rc, v_thresh, tau_inh)
        return 0.0, tau_ref + time, current, inh + inc_inh * math.exp((time - dt) / tau_inh)


def meeting_time(v, current, inh, earliest, dt, tau_rc, v_thresh, tau_inh):
    """When, in ms from a step's beginning, the membrane met its falling threshold: Newton's method, from the end.

    See :func:`engram.blocks.equations.crossing_time`, which says why it closes in.
    """
    if inh == 0.0:
        return max(dt + tau_rc * math.log((v - current) / (v_thresh - current)), earliest)
    time = dt
    for _ in range(20):
        below = (v - current) * math.exp((dt - time) / tau_rc)
        above = inh * math.exp((dt - time) / tau_inh)
        slope = above / tau_inh - below / tau_rc
        if not slope > 0.0:
            break
        last = time
        time = min(max(time - (current + below - v_thresh - above) / slope, earliest), dt)
        if abs(time - last) < 1e-12:
            break
    return time


def add_scaled(i, arriving, syn_gain):
    """A current after what arrives."""
    return i + syn_gain * arriving
