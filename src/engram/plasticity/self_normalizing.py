"""Self-normalizing STDP: weights that keep their own norm without any normalisation pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from engram.errors import ConfigError
from engram.plasticity.base import Equations, LearningRule, Trace
from engram.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class SelfNormalizing(LearningRule):
    r"""Linear self-normalizing STDP [1]_: each postsynaptic spike draws weights towards one of two bounds.

    On a spike of neuron j, for each of its :math:`n` inputs,

    .. math::
        w \leftarrow w + \eta (s_{max} - w) \text{ where } x_{pre} \ge x_{tar}, \qquad
        w \leftarrow w - \eta (w - s_{min}) \text{ elsewhere}

    and the bounds satisfy :math:`L_0 s_{max} + (n - L_0) s_{min} = L_{tar} = a_{tar} n`, where :math:`L_0`
    counts the inputs with :math:`x_{pre} \ge x_{tar}`. Summed over the inputs :math:`\Delta L = \eta (L_{tar}
    - L)`: the sum of the weights closes in on its target by :math:`1 - \eta` a spike, whatever the input.

    Parameters
    ----------
    variant : {"smax", "smin"}
        ``"smax"``: weights stay positive, :math:`s_{min} = 0` and :math:`s_{max} = L_{tar} / L_0`.
        ``"smin"``: weights of both signs, :math:`s_{max}` is the constant `bound` and
        :math:`s_{min} = (L_{tar} - s_{max} L_0) / (n - L_0)`.
    count : {"previous", "current"}
        Which spike's :math:`L_0` sets the bounds. A synapse of a chip cannot know the count while it is being
        made, so the previous one is the default; it settles about 1 % above the target.
    norm : {"l1", "l2"}
        Which norm of the weights is kept the same whatever the pattern. ``"l1"`` is the paper's, the sum. ``"l2"`` is
        the Euclidean norm, so that neurons compete by angle, not by ink. In ``"smax"`` :math:`s_{max} = N^2 /
        \sum_{active} w` with :math:`N = a_{tar} \sqrt{8 n}`, so that the square of the norm closes in on :math:`N^2` as
        the sum does on its target, by :math:`1 - 2 \eta` a spike; a neuron that holds one pattern of :math:`L_0 = n /
        8` inputs has the same bound with either norm. In ``"smin"`` :math:`s_{max} = a_{tar} \sqrt{n (n - L_0) / L_0}`
        and :math:`s_{min} = -a_{tar} \sqrt{n L_0 / (n - L_0)}`: the sum is zero, so that even light moves no neuron,
        and the norm
        :math:`a_{tar} n`.
    division : {"exact", "table", "shift"}
        How the bounds' quotients of ``"l1"`` are formed. ``"table"`` multiplies by a reciprocal from a table of 16
        numbers, at most 3 % off; ``"shift"`` by the nearest power of two, 30 % too little to 40 % too much and right on
        average, so that nothing is multiplied at all. The sum then settles off its target by as much as the
        reciprocals of a neuron's patterns are.
    eta : float
        Fraction of the way to its bound that a weight moves per postsynaptic spike.
    x_tar : float
        Trace from which an input counts as active.
    tau_pre : float
        Decay of the input trace, ms.
    a_tar : float
        Target of the mean weight: the sum settles at ``a_tar · n_inputs``.
    bound : float
        The constant upper bound of the ``"smin"`` variant.

    Notes
    -----
    Before a neuron's first spike :math:`L_0 = n / 8` is assumed. A count for which a bound would divide by
    zero keeps the last bounds. The papers' text that defines the bounds was not at hand; the two variants are
    the readings that give each its name and the target as its fixed point.

    References
    ----------
    .. [1] Fahey, Ippolito, Matthews, A linear self-normalizing spike-timing-dependent plasticity rule for online
       learning in spiking neural networks, Neurocomputing (2026), doi:10.1016/j.neucom.2026.133419.

    Examples
    --------
    >>> from engram.plasticity import SelfNormalizing
    >>> SelfNormalizing().initial_state(784)
    {'s_max': 0.8, 's_min': 0.0}
    """

    variant: Literal["smax", "smin"] = "smax"
    count: Literal["previous", "current"] = "previous"
    norm: Literal["l1", "l2"] = "l1"
    division: Literal["exact", "table", "shift"] = "exact"
    eta: float = 0.02
    x_tar: float = 0.2
    tau_pre: float = 20.0
    a_tar: float = 0.1
    bound: float = 1.0
    w_min: float = -math.inf
    w_max: float = math.inf
    eta_decay: float = 0.1

    name = "self_normalizing"
    equation = (
        "w += eta (s_max − w) where x_pre ≥ x_tar, w −= eta (w − s_min) elsewhere, on a neuron's spike;"
        " L_0 s_max + (n − L_0) s_min = a_tar n, or with norm l2 s_max Σ_active w = 8 a_tar² n"
    )
    source = "Fahey, Ippolito & Matthews (2026), doi:10.1016/j.neucom.2026.133419"

    def __post_init__(self):
        super().__post_init__()
        for parameter in ("eta", "x_tar", "a_tar", "bound"):
            check_positive(parameter, getattr(self, parameter))
        if self.norm == "l2" and self.division != "exact":
            raise ConfigError(
                f"division={self.division!r} is for the bounds of norm='l1', which are quotients; those of norm='l2'"
                " take square roots: choose norm='l1' or division='exact'."
            )

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes."""
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def weight_range(self, n_inputs: int) -> tuple[float, float]:
        """The bounds for patterns of a tenth of all inputs; those of still fewer are cut off."""
        if self.variant == "smax":
            return 0.0, 10.0 * self.a_tar
        largest = 3.0 * self.a_tar * math.sqrt(n_inputs) if self.norm == "l2" else self.bound
        return -largest, largest

    def initial_state(self, n_inputs: int) -> dict[str, float]:
        """The bounds for a neuron's first spike."""
        l_0 = n_inputs / 8
        if self.variant == "smax":
            return {"s_max": self.a_tar * n_inputs / l_0, "s_min": 0.0}
        if self.norm == "l2":
            return {"s_max": self.a_tar * math.sqrt(7.0 * n_inputs), "s_min": -self.a_tar * math.sqrt(n_inputs / 7.0)}
        return {"s_max": self.bound, "s_min": (self.a_tar * n_inputs - self.bound * l_0) / (n_inputs - l_0)}

    def target(self, n_inputs: int) -> float:
        """Where the norm of a neuron's weights settles: their sum, or with ``norm="l2"`` their Euclidean norm.

        The latter to first order in eta, and with signed weights for a neuron that meets one pattern.
        """
        if self.norm == "l1":
            return self.a_tar * n_inputs
        return self.a_tar * (math.sqrt(8.0 * n_inputs) if self.variant == "smax" else n_inputs)

    def equations(self) -> Equations:
        """The bounds by variant, norm and division, set before or after the weights by count."""
        bounds = BOUNDS[self.variant, self.norm, self.division]
        if self.count == "current":
            return Equations(on_pre=None, on_post=towards_bounds, before_post=bounds, after_post=None)
        return Equations(on_pre=None, on_post=towards_bounds, before_post=None, after_post=bounds)


def towards_bounds(w, x_pre, s_max, s_min, eta, x_tar):
    """A weight moves towards the upper bound if its input was active, else towards the lower."""
    if x_pre >= x_tar:
        return w + eta * (s_max - w)
    return w - eta * (w - s_min)


def smax_bounds(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """The bounds that put the fixed point of the sum at its target with a lower bound of zero."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == 0:
        return s_max, s_min
    return a_tar * n_inputs / l_0, s_min


def smax_bounds_l2(w, x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """The bounds that put the fixed point of the Euclidean norm at its target with a lower bound of zero.

    To first order in eta the squared norm changes by ``2 eta (s_max Σ_active w − Σ w²)``. Of a pattern that is far from
    all that the neuron knows, the sum is small; the bound is at most three times that of a neuron that knows nothing
    else, lest a single spike overwrite it.
    """
    l_0 = 0
    drive = w[0] - w[0]
    for i in range(x_pre.shape[0]):
        if x_pre[i] >= x_tar:
            l_0 += 1
            drive += w[i]
    if l_0 == 0:
        return s_max, s_min
    square = 8.0 * a_tar * a_tar * n_inputs
    largest = 3.0 * math.sqrt(square / l_0)
    if drive * largest <= square:
        return largest, s_min
    return square / drive, s_min


def smin_bounds(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """The bounds that put the fixed point of the sum at its target with a constant upper bound."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == x_pre.shape[0]:
        return s_max, s_min
    return s_max, (a_tar * n_inputs - s_max * l_0) / (n_inputs - l_0)


def smin_bounds_l2(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """The bounds at which patterns of any number of active inputs have a sum of zero and the same Euclidean norm."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    others = x_pre.shape[0] - l_0
    if l_0 == 0 or others == 0:  # what is alike everywhere has no contrast
        return 0.0, 0.0
    return a_tar * math.sqrt(n_inputs * others / l_0), -a_tar * math.sqrt(n_inputs * l_0 / others)


def mantissa_of(x):
    """A positive number as one from 1 to 2 and the reciprocal of the power of two that it was divided by: in hardware,
    the place of its first bit."""
    mantissa, scale = 1.0 * x, 1.0
    while mantissa >= 2.0:
        mantissa, scale = 0.5 * mantissa, 0.5 * scale
    return mantissa, scale


def reciprocal_by_table(x):
    """About 1 / x for a count x of at least 1: the reciprocal of the middle of its sixteenth of an octave."""
    mantissa, scale = mantissa_of(x)
    return RECIPROCALS[int(16.0 * mantissa) - 16] * scale


def reciprocal_by_shift(x):
    """The power of two that is nearest to 1 / x, for a count x of at least 1; multiplying by it is a shift.

    From 45/32, close to the square root of two, the lower one is taken: its errors cancel over an octave.
    """
    mantissa, scale = mantissa_of(x)
    if mantissa >= 1.40625:
        return 0.5 * scale
    return scale


RECIPROCALS = tuple(32.0 / (2 * k + 33) for k in range(16))
"""Of the middles of the sixteenths from 1 to 2."""


def smax_bounds_by_table(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """:func:`smax_bounds` without a division."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == 0:
        return s_max, s_min
    return a_tar * n_inputs * reciprocal_by_table(l_0), s_min


def smax_bounds_by_shift(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """:func:`smax_bounds` without a division."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == 0:
        return s_max, s_min
    return a_tar * n_inputs * reciprocal_by_shift(l_0), s_min


def smin_bounds_by_table(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """:func:`smin_bounds` without a division."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == x_pre.shape[0]:
        return s_max, s_min
    return s_max, (a_tar * n_inputs - s_max * l_0) * reciprocal_by_table(n_inputs - l_0)


def smin_bounds_by_shift(x_pre, s_max, s_min, x_tar, a_tar, n_inputs):
    """:func:`smin_bounds` without a division."""
    l_0 = 0
    for i in range(x_pre.shape[0]):
        l_0 += x_pre[i] >= x_tar
    if l_0 == x_pre.shape[0]:
        return s_max, s_min
    return s_max, (a_tar * n_inputs - s_max * l_0) * reciprocal_by_shift(n_inputs - l_0)


BOUNDS = {
    ("smax", "l1", "exact"): smax_bounds,
    ("smax", "l1", "table"): smax_bounds_by_table,
    ("smax", "l1", "shift"): smax_bounds_by_shift,
    ("smax", "l2", "exact"): smax_bounds_l2,
    ("smin", "l1", "exact"): smin_bounds,
    ("smin", "l1", "table"): smin_bounds_by_table,
    ("smin", "l1", "shift"): smin_bounds_by_shift,
    ("smin", "l2", "exact"): smin_bounds_l2,
}
"""What sets a neuron's bounds, by variant, norm and division."""
