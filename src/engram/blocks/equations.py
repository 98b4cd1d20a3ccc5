"""The equations of the building blocks, each written once as a plain function of numbers.

The blocks call them on whole arrays, the compiled kernel of the tutorial's network one neuron at a time. Time is in
ms, rates are in Hz; currents and membrane potentials have no unit, since the threshold is 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from engram.arithmetic import exp2, exp2_coefficients, select

MS_PER_S = 1000.0

EXP2 = exp2_coefficients("float64")
"""Constants of the exponential, in double precision."""

_TWO_TO_MINUS_32 = 2.0**-32


class NeuronConstants(NamedTuple):
    """A LIF or ALIF neuron's constants for one time step."""

    dt: float
    tau_rc: float
    tau_ref: float
    v_th: float
    tau_inh: float
    exponent: float  # of two, of the membrane's decay per ms
    inh_exponent: float  # and of the adaptation's
    decay: float  # of the membrane over a whole step
    inh_decay: float  # and of the adaptation


def neuron_constants(*, tau_rc, tau_ref, v_th, dt, tau_inh=math.inf) -> NeuronConstants:
    """The constants of the equations of LIF neurons, or with `tau_inh` of adaptive ones."""
    exponent, inh_exponent = decay_exponent(tau_rc), decay_exponent(tau_inh)
    return NeuronConstants(
        dt=float(dt),
        tau_rc=float(tau_rc),
        tau_ref=float(tau_ref),
        v_th=float(v_th),
        tau_inh=float(tau_inh),
        exponent=exponent,
        inh_exponent=inh_exponent,
        decay=float(decay_over(dt, exponent)),
        inh_decay=float(decay_over(dt, inh_exponent)),
    )


def decay_exponent(tau: float) -> float:
    """The exponent of two by which something decays per ms."""
    return -math.log2(math.e) / tau


def spike_height(dt: float) -> float:
    """How high a spike of one time step is for its area to be one: 1 / dt in Hz."""
    return MS_PER_S / dt


def firing_rate(value, min_value, max_value, min_rate, max_rate):
    """The rate, Hz, that stands for a value: linear between the two ends."""
    return min_rate + (value - min_value) / (max_value - min_value) * (max_rate - min_rate)


def spike_probability(rate, dt):
    """The chance of a spike in one step, never more than 1."""
    probability = rate * dt / MS_PER_S
    return select(probability < 1.0, probability, 1.0)


def is_below(word, probability):
    """Whether a uniform 32-bit word, taken as a number in [0, 1), falls below a probability."""
    return word * _TWO_TO_MINUS_32 < probability


def filtered(v, signal, decay):
    """An exponential synapse one step later: ``v ← a v + (1 − a) signal``."""
    return decay * v + (1.0 - decay) * signal


def active_time(refractory, dt):
    """The part of a step, ms, that is left when refractoriness ends `refractory` ms after the step's beginning."""
    active = dt - refractory
    return select(active < 0.0, 0.0, select(active > dt, dt, active))


def decay_over(time, exponent):
    """The decay over `time` ms of what decays by ``2**exponent`` per ms."""
    return exp2(exponent * time, EXP2)


def membrane_potential(v, current, decay):
    """The potential after a time over which it decays by `decay`: exact for a constant current."""
    return current + (v - current) * decay


def crossing_time(v, current, inh, active, c):
    """When, in ms from a step's beginning, a membrane that ends the step at `v` met its threshold.

    Without adaptation ``v(t) = I + (v_end − I) exp((dt − t) / tau_rc)``, set equal to `v_th`, gives the closed form.
    With it the threshold falls meanwhile, ``v_th + inh exp((dt − t) / tau_inh)``, and Newton's method finds where
    they meet: their difference is concave, so that after one step it closes in from one side.

    A function of single numbers: NumPy's logarithm of an array differs from that of the compiled kernel in the last
    bit, and ``math.log`` does not.
    """
    earliest = c.dt - active
    if inh == 0.0:
        return max(c.dt + c.tau_rc * math.log((v - current) / (c.v_th - current)), earliest)
    time = c.dt
    for _ in range(20):
        below = (v - current) / decay_over(c.dt - time, c.exponent)
        above = inh / decay_over(c.dt - time, c.inh_exponent)
        slope = above / c.tau_inh - below / c.tau_rc
        if not slope > 0.0:
            break
        last = time
        time = min(max(time - (current + below - c.v_th - above) / slope, earliest), c.dt)
        if abs(time - last) < 1e-12:
            break
    return time
