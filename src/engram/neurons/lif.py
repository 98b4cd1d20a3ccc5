"""The tutorial's neurons, driven by a current: leaky integrate-and-fire, plain and with an adaptive threshold.

Spikes fall between the ends of a time step: the refractory period begins where the membrane met its threshold. The
equations are those of :class:`engram.blocks.LIF` and :class:`engram.blocks.ALIF`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from engram.blocks.equations import (
    active_time,
    adaptive_crossing,
    decay_exponent,
    decay_over,
    membrane_potential,
    plain_crossing,
    spike_height,
)
from engram.neurons.base import Neuron
from engram.validation import check_positive


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
    """

    tau_rc: float = 20.0
    tau_ref: float = 2.0
    v_thresh: float = 1.0
    tau_syn: float = 5.0

    channels: ClassVar = {"current": "i"}
    held: ClassVar = ()

    def __post_init__(self):
        check_positive("tau_ref", self.tau_ref, "ms", or_zero=True)
        for name in ("tau_rc", "tau_syn"):
            check_positive(name, getattr(self, name), "ms")
        check_positive("v_thresh", self.v_thresh)

    @property
    def shortest_time_constant(self) -> float:
        """Every step is exact, so that none is too long, ms."""
        return math.inf

    def variables(self) -> dict[str, float]:
        """The potential; what was left of refractoriness at the beginning of the step, ms; the synaptic current, and
        what it was in the step."""
        return {"v": 0.0, "refractory": 0.0, "i": 0.0, "current": 0.0}

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float]:
        """The membrane's exponent of decay, and the synapse's decay and gain over a step."""
        decay = math.exp(-dt / self.tau_syn)
        return {
            "exponent": decay_exponent(self.tau_rc),
            "syn_decay": decay,
            "syn_gain": (1.0 - decay) * spike_height(dt),
        }

    def equations(self, integrator: str):
        """What arrives is scaled, so that a weight is the area under the current that it draws."""
        return super().equations(integrator)._replace(arrive={"current": add_scaled})

    def step(v, refractory, i, current, dt, exponent, syn_decay):
        """Exact for a current held over the step, from where refractoriness ends."""
        refractory = refractory - dt
        v = membrane_potential(v, i, decay_over(active_time(refractory, dt), exponent))
        return v, refractory, i * syn_decay, i

    def on_spike(v, refractory, current, dt, tau_rc, tau_ref, v_thresh):
        """Reset; the refractory period begins where the threshold was met."""
        time = plain_crossing(v, current, active_time(refractory, dt), dt, tau_rc, v_thresh)
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

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float]:
        """Those of :class:`LIF`, and the threshold's decay."""
        exponent = decay_exponent(self.tau_inh)
        return {
            **super().constants(dt, integrator, dtype),
            "inh_exponent": exponent,
            "inh_decay": float(decay_over(dt, exponent)),
        }

    def step(v, refractory, i, current, inh, dt, exponent, syn_decay, inh_decay):
        """As :meth:`LIF.step`; the threshold falls."""
        refractory = refractory - dt
        v = membrane_potential(v, i, decay_over(active_time(refractory, dt), exponent))
        return v, refractory, i * syn_decay, i, inh * inh_decay

    def fires(v, inh, v_thresh):
        """Whether the membrane is above its threshold."""
        return v > v_thresh + inh

    def on_spike(v, refractory, current, inh, dt, tau_rc, tau_ref, v_thresh, tau_inh, inc_inh, exponent, inh_exponent):
        """Reset; the threshold rises where it was met, and falls for the rest of the step."""
        active = active_time(refractory, dt)
        time = adaptive_crossing(v, current, inh, active, dt, tau_rc, v_thresh, tau_inh, exponent, inh_exponent)
        return 0.0, tau_ref + time, current, inh + inc_inh * decay_over(dt - time, inh_exponent)


def add_scaled(i, arriving, syn_gain):
    """A current after what arrives."""
    return i + syn_gain * arriving
