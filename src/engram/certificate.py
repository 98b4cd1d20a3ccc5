r"""Whether a spike train depends on rounding: the distance of every potential from its threshold against a bound.

The network with frozen weights is a recurrence. In exact arithmetic, with the parameters, weights and thresholds that
the computer holds, it fires certain spikes; computed numbers differ from the exact ones by rounding. As long as no
spike differs, the difference has a bound that is carried along with the state; and as long as each potential is farther
from its threshold than its bound, no spike differs. So by induction over the steps the computed spikes are the exact
ones, whatever the order of sums, the library or the processor.

Let u be the unit roundoff, :math:`2^{-24}` or :math:`2^{-53}`, and h = dt / tau_m. One step takes
:math:`G = 1 + g_{exc} + g_{inh}` and moves the potential by :math:`R(G) (v_{rest} + g_{inh} e_{inh} - G v)`, where
:math:`R(G) = (1 - D) / G` and :math:`D = e^{-hG}`.

*Conductances.* One decays by a factor d, which is itself rounded, and then takes what arrives, a sum of n terms of
sizes that add up to S:

.. math:: \epsilon_g \leftarrow d \epsilon_g + 2u \, d g + n u S + u g',

with g' the new value; every 32nd step those below u/8 are closed, which adds as much.

*Potentials.* The exact step contracts a difference of potentials by D. To a difference of conductances its sensitivity
is the solution of :math:`\tau s' = -G s - v`, or with :math:`e_{inh} - v` instead of :math:`-v`, so at most R times the
largest size V of what drives it. With the roundings of G (two), of the inner and the outer fused product, of R
(relative error :math:`\rho`), and of the last sum,

.. math::
    \epsilon_v \leftarrow D \epsilon_v + R V (\epsilon_{exc} + \epsilon_{inh})
    + u \left[ 4 V (1 - D) + |v' - v| + |v'| \right] + \rho |v' - v|.

A reset forgets the past: :math:`\epsilon_v = 0`. The threshold is theta rounded, plus a constant: :math:`u (|\theta| +
|\theta + v_{thresh}|)`. The bound itself is computed in double precision and made larger by a thousandth, which is far
more than its own rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import ConfigError
from engram.neurons import ConductanceLIF
from engram.synapses import CLOSING_INTERVAL

if TYPE_CHECKING:
    from engram.networks import DiehlCook

RELAXATION_ERROR = {"float32": 1.6e-6, "float64": 4e-15}
"""Relative error of the computed R(G): of its polynomial, 1e-7 and 2e-17, and twice of a dozen roundings."""

_SLACK = 1.001

RECORDED = ("v", "g_exc", "g_inh")


@dataclass(frozen=True)
class Certificate:
    """Whether the spikes of a simulation are those of exact arithmetic.

    Attributes
    ----------
    certified : bool
        Whether each potential was farther from its threshold than rounding can have moved it.
    distance : float
        Where it was closest, measured by its bound: the potential's distance from its threshold, mV.
    bound : float
        The bound of rounding error there, mV.
    population : str
    neuron, step : int
        Where that was.
    n_decisions : int
        How many potentials were held against their threshold.
    n_uncertain : int
        How many of them lay within their bound.
    """

    certified: bool
    distance: float
    bound: float
    population: str
    neuron: int
    step: int
    n_decisions: int
    n_uncertain: int

    def __str__(self) -> str:
        where = f"{self.population}[{self.neuron}] in step {self.step}"
        if self.certified:
            return (
                f"No spike depends on rounding: the closest potential, of {where}, lay {self.distance:.2g} mV from its"
                f" threshold, and rounding moves it by {self.bound:.2g} mV at most."
            )
        return (
            f"{self.n_uncertain} of {self.n_decisions:,} decisions may depend on rounding: the potential of {where} lay"
            f" {self.distance:.2g} mV from its threshold, and rounding may have moved it by {self.bound:.2g} mV."
        )


def check_certifiable(network, *, learn: bool, record) -> None:
    """Raise ConfigError where there is no bound for a simulation."""
    from engram.networks import DiehlCook

    parts = [getattr(network, name, None) for name in ("excitatory", "inhibitory")]
    if not isinstance(network, DiehlCook) or any(type(neuron) is not ConductanceLIF for neuron in parts):
        raise ConfigError("certify needs a DiehlCook network of ConductanceLIF; leave it out for others.")
    if learn:
        raise ConfigError("certify needs a network that does not learn; pass learn=False.")
    if network.integrator != "exponential_euler":
        raise ConfigError(f"certify needs the integrator 'exponential_euler', got {network.integrator!r}.")
    if record if isinstance(record, dict) else np.size(record):
        raise ConfigError("certify records all neurons itself; leave out record, or simulate twice.")


def certify(network: DiehlCook, weights, theta, given, found, states) -> Certificate:
    """The certificate of a simulation whose states are known.

    Parameters
    ----------
    network : DiehlCook
    weights : ndarray of shape (n_inputs, n_neurons)
    theta : ndarray of shape (n_neurons,)
    given : pair of ndarray
        Input spikes as (index, offset).
    found : dict of str to ndarray of shape (n_spikes, 2)
        Spikes of ``exc`` and ``inh``.
    states : dict of str to dict of str to ndarray of shape (n_steps + 1, n_neurons)
        By population ``v``, ``g_exc`` and ``g_inh`` before each step, and after the last.

    Returns
    -------
    Certificate
    """
    real = np.dtype(network.dtype).type
    n_steps = len(states["exc"]["v"]) - 1
    thresholds = {
        "exc": theta.astype(real).astype(np.float64) + float(real(network.excitatory.parameters()["v_thresh"])),
        "inh": np.full(network.n_neurons, float(real(network.inhibitory.parameters()["v_thresh"]))),
    }
    sizes = {"exc": np.abs(theta), "inh": np.zeros(network.n_neurons)}
    arriving = {"exc": _arriving(weights, given, n_steps), "inh": _one_by_one(found["exc"], network, n_steps)}
    worst = [
        _Population(network, name, thresholds[name], sizes[name], arriving[name], found[name]).worst(states[name])
        for name in ("exc", "inh")
    ]
    least = min(worst, key=lambda w: w.distance / w.bound if w.bound else np.inf)
    n_uncertain = sum(w.n_uncertain for w in worst)
    n_decisions = sum(w.n_decisions for w in worst)
    return Certificate(
        n_uncertain == 0, least.distance, least.bound, least.population, least.neuron, least.step, n_decisions,
        n_uncertain,
    )  # fmt: skip


def _arriving(weights, given, n_steps):
    """In each step, how many input spikes arrive, and the summed sizes of their weights at each neuron."""
    index, offset = given
    sizes = np.abs(np.asarray(weights, np.float64))
    for t in range(n_steps):
        now = index[offset[t] : offset[t + 1]] if t + 1 < len(offset) else index[:0]
        yield len(now), sizes[now].sum(axis=0)


def _one_by_one(spikes, network, n_steps):
    """The same of inhibitory neurons, each of which hears one excitatory neuron."""
    by_step = np.searchsorted(spikes[:, 1], np.arange(n_steps + 1))
    for t in range(n_steps):
        size = np.zeros(network.n_neurons)
        size[spikes[by_step[t] : by_step[t + 1], 0]] = network.w_exc_inh
        yield 1, size


class _Population:
    """One population's bounds, carried along with its computed states."""

    def __init__(self, network, name, thresholds, theta_sizes, arriving, spikes):
        self.name, self.arriving, self.spikes = name, arriving, spikes
        self.neuron = network.excitatory if name == "exc" else network.inhibitory
        self.u = float(np.finfo(network.dtype).eps) / 2
        self.rho = RELAXATION_ERROR[network.dtype]
        self.h = network.dt / self.neuron.tau_m
        self.v_rest, self.e_inh = np.array([self.neuron.v_rest, self.neuron.e_inh], network.dtype).astype(np.float64)
        self.decays = [float(np.exp(-network.dt / tau)) for tau in (self.neuron.tau_exc, self.neuron.tau_inh)]
        self.t_ref = round(self.neuron.t_ref / network.dt)
        self.thresholds = thresholds
        self.threshold_error = self.u * (theta_sizes + np.abs(thresholds))
        potentials = (self.neuron.v_rest, self.neuron.v_start, self.neuron.v_reset, self.neuron.e_inh, 0.0)
        self.largest = max(abs(a - b) for a in (0.0, self.neuron.e_inh) for b in potentials)

    def worst(self, states) -> Certificate:
        """Where the population's potentials came closest to their thresholds, measured by their bounds."""
        least, closest = np.inf, (np.inf, 1.0, 0, 0)
        n_decisions = n_uncertain = 0
        for t, neurons, v, bound in self.decisions(states):
            distance = np.abs(v - self.thresholds[neurons])
            ratio = distance / bound
            n_decisions += len(neurons)
            n_uncertain += int(np.sum(distance <= bound))
            k = int(np.argmin(ratio)) if len(neurons) else -1
            if k >= 0 and ratio[k] < least:
                least, closest = ratio[k], (float(distance[k]), float(bound[k]), int(neurons[k]), t)
        distance, bound, neuron, step = closest
        return Certificate(
            n_uncertain == 0, distance, bound, self.name, neuron, step, n_decisions, n_uncertain
        )  # fmt: skip

    def decisions(self, states):
        """By step, the neurons that may fire, their potentials before any reset, and the bounds of these."""
        n = len(self.thresholds)
        error_v, errors_g, hold = np.zeros(n), [np.zeros(n), np.zeros(n)], np.zeros(n, np.int64)
        wide = {name: np.asarray(values, np.float64) for name, values in states.items()}
        by_step = np.searchsorted(self.spikes[:, 1], np.arange(len(wide["v"])))
        for t, (count, size) in zip(range(len(wide["v"]) - 1), self.arriving, strict=False):
            before, after = ({name: values[k] for name, values in wide.items()} for k in (t, t + 1))
            v, error = self._step(before, error_v, errors_g)
            free = np.flatnonzero(hold <= t)
            error_v[free] = error[free]
            yield t, free, v[free], (error_v + self.threshold_error)[free] * _SLACK
            errors_g = self._conductances(before, after, errors_g, count, size, t)
            fired = self.spikes[by_step[t] : by_step[t + 1], 0]
            hold[fired], error_v[fired] = t + self.t_ref, 0.0

    def _step(self, before, error_v, errors_g):
        """Potentials a step later, and the bound of their error."""
        v = before["v"]
        g = 1.0 + before["g_exc"] + before["g_inh"]
        decay = np.exp(-self.h * g)
        relaxation = -np.expm1(-self.h * g) / g
        later = v + relaxation * (self.v_rest + before["g_inh"] * self.e_inh - g * v)
        moved = np.abs(later - v)
        least_g = np.maximum(g - errors_g[0] - errors_g[1], 1.0)
        contraction, sensitivity = np.exp(-self.h * least_g), -np.expm1(-self.h * least_g) / least_g
        rounding = self.u * (4 * self.largest * (1 - decay) + moved + np.abs(later)) + self.rho * moved
        recomputed = 2.0**-50 * (np.abs(later) + self.largest)
        return later, (
            contraction * error_v + sensitivity * self.largest * (errors_g[0] + errors_g[1]) + rounding + recomputed
        )

    def _conductances(self, before, after, errors, count, size, t):
        """The bounds of both conductances at the end of a step."""
        closed = self.u / 8 if (t + 1) % CLOSING_INTERVAL == 0 else 0.0
        terms = (count * self.u * size, 2 * self.u * np.maximum(after["g_inh"], 0.0))
        return [
            decay * error + self.u * (2 * decay * before[name] + np.abs(after[name])) + term + closed
            for decay, error, name, term in zip(self.decays, errors, ("g_exc", "g_inh"), terms, strict=True)
        ]
