"""Neurons: their parameters, and one time step of their equations.

The step functions are plain functions of numbers or arrays, written once: the reference kernel calls them on
whole arrays, the compiled kernel one neuron at a time. All constants arrive typed, through a named tuple, so
that single precision stays single and both kernels round alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engram.arithmetic import exp2, fma, relaxation, relaxation_coefficients, select
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class ConductanceLIF:
    r"""Leaky integrate-and-fire neuron with conductance synapses [1]_.

    .. math::
        \tau_m \frac{dv}{dt} = (v_{rest} - v) + g_{exc} (0 - v) + g_{inh} (e_{inh} - v)

    Conductances are relative to the leak; the excitatory reversal potential is 0 mV.

    Parameters
    ----------
    tau_m : float
        Membrane time constant, ms.
    v_rest, v_reset, v_thresh, v_start : float
        Resting potential, potential after a spike, threshold, potential at time 0; mV.
    e_inh : float
        Inhibitory reversal potential, mV.
    t_ref : float
        Refractory period, ms: the potential is held and no spike is fired.
    tau_exc, tau_inh : float
        Decay of the excitatory and inhibitory conductance, ms.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), eq. 1.
    """

    tau_m: float
    v_rest: float
    v_reset: float
    v_thresh: float
    v_start: float
    e_inh: float
    t_ref: float
    tau_exc: float = 1.0
    tau_inh: float = 2.0

    def __post_init__(self):
        for name in ("tau_m", "tau_exc", "tau_inh"):
            check_positive(name, getattr(self, name), "ms")
        check_positive("t_ref", self.t_ref, "ms", or_zero=True)
        for name in ("v_rest", "v_reset", "v_thresh", "v_start", "e_inh"):
            check_finite(name, getattr(self, name), "mV")

    @property
    def shortest_time_constant(self) -> float:
        """The fastest of its three time constants, ms; a time step may not exceed it."""
        return min(self.tau_m, self.tau_exc, self.tau_inh)


EXCITATORY = ConductanceLIF(
    tau_m=100.0, v_rest=-65.0, v_reset=-65.0, v_thresh=-72.0, v_start=-105.0, e_inh=-100.0, t_ref=5.0
)
"""The excitatory neuron of [DC15]; its threshold of -52 mV less the offset of 20 mV, to which theta adds."""

INHIBITORY = ConductanceLIF(
    tau_m=10.0, v_rest=-60.0, v_reset=-45.0, v_thresh=-40.0, v_start=-100.0, e_inh=-85.0, t_ref=2.0
)
"""The inhibitory neuron of [DC15]."""


class FlowConstants(NamedTuple):
    """What a membrane's step takes while no conductance is large; few, since they are handed on in every step."""

    g_leak: float
    v_rest: float
    e_inh: float
    exc_decay: float
    inh_decay: float
    relaxation: tuple  # coefficients of (1 - exp(-dt / tau_m · g)) / g


class MembraneConstants(NamedTuple):
    """A neuron's constants for one time step, each in the precision of the simulation."""

    flow: FlowConstants
    v_reset: float
    v_thresh: float
    rate: float  # -dt / tau_m · log2(e): exponent of the membrane's decay per unit of conductance
    g_small: float  # the largest total conductance for which the coefficients of the relaxation hold
    dt_over_tau: float
    tiny: float  # a smaller conductance changes no bit beside the leak of 1
    t_ref: np.int32  # steps


def membrane_constants(neuron: ConductanceLIF, dt: float, integrator: str, dtype) -> MembraneConstants:
    """The neuron's constants for steps of `dt` ms under an integrator."""
    real = np.dtype(dtype).type
    decay = {"exponential_euler": lambda tau: math.exp(-dt / tau), "euler": lambda tau: 1.0 - dt / tau}[integrator]
    return MembraneConstants(
        flow=FlowConstants(
            g_leak=real(1.0),
            v_rest=real(neuron.v_rest),
            e_inh=real(neuron.e_inh),
            exc_decay=real(decay(neuron.tau_exc)),
            inh_decay=real(decay(neuron.tau_inh)),
            relaxation=relaxation_coefficients(dtype, dt / neuron.tau_m),
        ),
        v_reset=real(neuron.v_reset),
        v_thresh=real(neuron.v_thresh),
        rate=real(-dt / neuron.tau_m * math.log2(math.e)),
        g_small=real(neuron.tau_m / dt),
        dt_over_tau=real(dt / neuron.tau_m),
        tiny=np.finfo(dtype).eps / real(16),
        t_ref=np.int32(round(neuron.t_ref / dt)),
    )


def membrane_exponential_euler(v, g_exc, g_inh, p, coefficients):
    """The potential one step later: exact while the conductances are held."""
    f = p.flow
    g = f.g_leak + g_exc + g_inh
    current = fma(-g, v, fma(g_inh, f.e_inh, f.v_rest))
    large = (f.g_leak - exp2(p.rate * g, coefficients)) / g
    return fma(current, select(g <= p.g_small, relaxation(g, f.relaxation), large), v)


def membrane_small_conductance(v, g_exc, g_inh, f):
    """:func:`membrane_exponential_euler` where no total conductance is large: the same bits in half the time."""
    g = f.g_leak + g_exc + g_inh
    current = fma(-g, v, fma(g_inh, f.e_inh, f.v_rest))
    return fma(current, relaxation(g, f.relaxation), v)


def membrane_euler(v, g_exc, g_inh, p, coefficients):
    """The potential one step later by forward Euler; overshoots once dt/tau_m (1 + g_exc + g_inh) > 1."""
    f = p.flow
    return v + p.dt_over_tau * ((f.v_rest - v) - g_exc * v + g_inh * (f.e_inh - v))
