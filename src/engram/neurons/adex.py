"""The adaptive exponential integrate-and-fire neuron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.neurons.base import Neuron, NeuronEquations
from engram.synapses import drive_conductance


@dataclass(frozen=True, kw_only=True)
class AdEx(Neuron):
    r"""Adaptive exponential integrate-and-fire neuron with conductance synapses [1]_.

    .. math::
        \tau_m \frac{dv}{dt} &= (v_{rest} - v) + \Delta_T e^{(v - v_T) / \Delta_T} - w
        + g_{exc} (0 - v) + g_{inh} (e_{inh} - v) \\
        \tau_w \frac{dw}{dt} &= a (v - v_{rest}) - w

    Everything is relative to the leak conductance: `a` has no unit, the adaptation `w` and its step `b` are in mV,
    conductances are dimensionless. A neuron spikes when the potential passes `v_thresh`, well above :math:`v_T`, from
    where the exponential carries it off; then :math:`v \leftarrow v_{reset}`, :math:`w \leftarrow w + b`. Potential and
    adaptation are advanced by forward Euler, conductances exactly. Spikes arrive on the channels ``exc`` and ``inh``.

    Parameters
    ----------
    tau_m, tau_w : float
        Membrane and adaptation time constants, ms.
    v_rest, v_reset, v_t, v_thresh : float
        Resting potential, potential after a spike, where the exponential takes over, and where a spike is counted; mV.
    delta_t : float
        Slope factor, mV.
    a : float
        Subthreshold adaptation.
    b : float
        Adaptation added by a spike, mV.
    e_inh : float
        Inhibitory reversal potential, mV.
    t_ref : float
        Refractory period, ms.
    tau_exc, tau_inh : float
        Decay of the conductances, ms.

    References
    ----------
    .. [1] R. Brette, W. Gerstner, J. Neurophysiol. 94:3637 (2005). Defaults are its table 1 divided by the leak of
       30 nS, with the membrane's time constant 281 pF / 30 nS.

    Examples
    --------
    >>> from engram.neurons import AdEx
    >>> AdEx(b=0.0).tau_w
    144.0
    """

    tau_m: float = 281.0 / 30.0
    tau_w: float = 144.0
    v_rest: float = -70.6
    v_reset: float = -70.6
    v_t: float = -50.4
    v_thresh: float = -30.4
    delta_t: float = 2.0
    a: float = 4.0 / 30.0
    b: float = 80.5 / 30.0
    e_inh: float = -80.0
    t_ref: float = 0.0
    tau_exc: float = 5.0
    tau_inh: float = 10.0

    channels: ClassVar = {"exc": "g_exc", "inh": "g_inh"}

    def variables(self) -> dict[str, float]:
        """The potential, mV, the adaptation, mV, and two conductances, closed."""
        return {"v": self.v_rest, "w": 0.0, "g_exc": 0.0, "g_inh": 0.0}

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
        """Decays of the conductances over a step."""
        return {"exc_decay": math.exp(-dt / self.tau_exc), "inh_decay": math.exp(-dt / self.tau_inh)}

    def equations(self, integrator: str) -> NeuronEquations:
        """Excitatory conductances cannot be driven below zero by weights of negative sign."""
        return super().equations(integrator)._replace(arrive={"exc": drive_conductance})

    def step(v, w, g_exc, g_inh, dt, tau_m, tau_w, v_rest, v_t, delta_t, a, e_inh, exc_decay, inh_decay):
        """One step of forward Euler; conductances decay exactly."""
        spike = delta_t * np.exp((v - v_t) / delta_t)
        v_next = v + dt * ((v_rest - v) + spike - w - g_exc * v + g_inh * (e_inh - v)) / tau_m
        w_next = w + dt * (a * (v - v_rest) - w) / tau_w
        return v_next, w_next, g_exc * exc_decay, g_inh * inh_decay

    def on_spike(v, w, v_reset, b):
        """The potential falls, the adaptation grows."""
        return v_reset, w + b
