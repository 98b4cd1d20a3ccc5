"""The neuron of Diehl and Cook: a leaky membrane driven through conductances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.arithmetic import exp2, exp2_coefficients, fma, relaxation, relaxation_coefficients, select
from engram.neurons.base import Neuron, NeuronEquations
from engram.precision import exact
from engram.synapses import drive_conductance, open_conductance
from engram.validation import check_finite, check_positive, settle


@dataclass(frozen=True, kw_only=True)
class ConductanceLIF(Neuron):
    r"""Leaky integrate-and-fire neuron with conductance synapses [1]_.

    .. math::
        \tau_m \frac{dv}{dt} = (v_{rest} - v) + g_{exc} (0 - v) + g_{inh} (e_{inh} - v)

    Conductances are relative to the leak; the excitatory reversal potential is 0 mV. Spikes arrive on the channels
    ``exc`` and ``inh``. The defaults are the excitatory neuron of [1]_, whose threshold lies below its rest, since an
    adaptive threshold that starts at 20 mV belongs to it.

    Parameters
    ----------
    tau_m : float
        Membrane time constant, ms.
    v_rest, v_reset, v_thresh, v_start : float
        Resting potential, potential after a spike, threshold, potential at time 0; mV.
    e_inh : float
        Inhibitory reversal potential, mV.
    t_ref : float
        Refractory period, ms: the potential is held and no spike is fired. It lasts the nearest whole number of time
        steps.
    tau_exc, tau_inh : float
        Decay of the excitatory and inhibitory conductance, ms.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), eq. 1.

    Examples
    --------
    >>> ConductanceLIF(tau_m=50.0).v_rest
    -65.0
    """

    tau_m: float = 100.0
    v_rest: float = -65.0
    v_reset: float = -65.0
    v_thresh: float = -72.0
    v_start: float = -105.0
    e_inh: float = -100.0
    t_ref: float = 5.0
    tau_exc: float = 1.0
    tau_inh: float = 2.0

    channels: ClassVar = {"exc": "g_exc", "inh": "g_inh"}
    quiet: ClassVar = True

    def __post_init__(self):
        settle(self)
        for name in ("tau_m", "tau_exc", "tau_inh"):
            check_positive(name, getattr(self, name), "ms")
        check_positive("t_ref", self.t_ref, "ms", or_zero=True)
        for name in ("v_rest", "v_reset", "v_thresh", "v_start", "e_inh"):
            check_finite(name, getattr(self, name), "mV")

    def variables(self) -> dict[str, float]:
        """The potential, mV, and two conductances, closed."""
        return {"v": self.v_start, "g_exc": 0.0, "g_inh": 0.0}

    def resting(self) -> dict[str, float]:
        """At the resting potential, synapses closed."""
        return {"v": self.v_rest, "g_exc": 0.0, "g_inh": 0.0}

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
        """Decays over a step, and what the membrane's relaxation is computed from."""
        decay = {"exponential_euler": lambda tau: math.exp(-dt / tau), "euler": lambda tau: 1.0 - dt / tau}[integrator]
        return {
            "one": 1.0,
            "exc_decay": decay(self.tau_exc),
            "inh_decay": decay(self.tau_inh),
            "rate": -dt / self.tau_m * math.log2(math.e),
            "g_small": self.tau_m / dt,
            "dt_over_tau": dt / self.tau_m,
            "tiny": float(np.finfo(dtype).eps / 16),
            "relaxation_of": relaxation_coefficients(dtype, dt / self.tau_m),
            "exp2_of": exp2_coefficients(dtype),
        }

    def equations(self, integrator: str) -> NeuronEquations:
        """Exact in the potential for conductances held over a step, or forward Euler."""
        exact_step = NeuronEquations(
            step=exponential_euler,
            on_spike=reset,
            arrive={"exc": drive_conductance},
            quick=exponential_euler_of_small,
            strain=total_conductance,
            bearable="g_small",
            tidy=close_conductances,
        )
        if integrator == "euler":
            return exact_step._replace(step=euler, quick=None, strain=None, bearable="", overshoots=overshoots)
        return exact_step


@exact
def exponential_euler(v, g_exc, g_inh, one, v_rest, e_inh, exc_decay, inh_decay, rate, g_small, relaxation_of, exp2_of):
    """One step, exact while the conductances are held, which then decay."""
    g = one + g_exc + g_inh
    current = fma(-g, v, fma(g_inh, e_inh, v_rest))
    large = (one - exp2(rate * g, exp2_of)) / g
    v = fma(current, select(g <= g_small, relaxation(g, relaxation_of), large), v)
    return v, g_exc * exc_decay, g_inh * inh_decay


@exact
def exponential_euler_of_small(v, g_exc, g_inh, one, v_rest, e_inh, exc_decay, inh_decay, relaxation_of):
    """:func:`exponential_euler` where no total conductance is large: the same bits in half the time."""
    g = one + g_exc + g_inh
    current = fma(-g, v, fma(g_inh, e_inh, v_rest))
    return fma(current, relaxation(g, relaxation_of), v), g_exc * exc_decay, g_inh * inh_decay


@exact
def total_conductance(g_exc, g_inh, one):
    """That of the leak included, up to `g_small` of which the coefficients of the relaxation hold."""
    return one + g_exc + g_inh


@exact
def euler(v, g_exc, g_inh, v_rest, e_inh, exc_decay, inh_decay, dt_over_tau):
    """One step by forward Euler."""
    v = v + dt_over_tau * ((v_rest - v) - g_exc * v + g_inh * (e_inh - v))
    return v, g_exc * exc_decay, g_inh * inh_decay


@exact
def overshoots(g_exc, g_inh, one, dt_over_tau):
    """Whether forward Euler passes the bound beyond which it overshoots."""
    return dt_over_tau * (one + g_exc + g_inh) > one


@exact
def reset(v, v_reset):
    """The potential after a spike."""
    return v_reset


@exact
def close_conductances(g_exc, g_inh, tiny):
    """Conductances too small to change a bit beside the leak of 1 are closed."""
    return open_conductance(g_exc, tiny), open_conductance(g_inh, tiny)


EXCITATORY = ConductanceLIF()
"""The excitatory neuron of [DC15]; its threshold of -52 mV less the offset of 20 mV, to which theta adds."""

INHIBITORY = ConductanceLIF(
    tau_m=10.0, v_rest=-60.0, v_reset=-45.0, v_thresh=-40.0, v_start=-100.0, e_inh=-85.0, t_ref=2.0
)
"""The inhibitory neuron of [DC15]."""
