"""A frozen network in whole numbers, as a processor without floating point runs it.

Potentials and conductances have 16 bits behind the point, weights as many bits as asked for. A membrane relaxes by a
table of :math:`(1 - e^{-x}) / x` with straight lines between its entries, so there is neither a division nor an
exponential. The C program that is exported does the same whole-number operations in the same order: its spikes are
these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError
from engram.exchange.frozen import FrozenNetwork
from engram.model import Model
from engram.networks import DiehlCook
from engram.neurons import ConductanceLIF
from engram.plasticity.fixed_point import Grid, weight_grid

POINT = 16
"""Bits behind the point of potentials (mV) and conductances."""

ONE = 1 << POINT

STEP_BITS = 24
"""Bits behind the point of a step's share of a membrane time constant, which is small."""

SCALE_BITS = 24
"""Bits more that a weight's scale has, so that its rounding does not show."""

RELAXATION_BITS, RELAXATION_RANGE = 9, 8
"""The table has entries at x = 0, 1/64 ... 8."""

PLACE_SHIFT = POINT + RELAXATION_RANGE.bit_length() - 1 - RELAXATION_BITS
"""From x to its place in the table."""

MOST_CONDUCTANCE = 2047
"""Where conductances saturate, relative to the leak."""


@dataclass(frozen=True, eq=False)
class FixedNeuron:
    """A population's numbers, scaled by 2**16 unless they count something.

    Attributes
    ----------
    v_rest, v_reset, e_inh : int
        mV.
    exc_decay, inh_decay : int
        What is left of a conductance after a step.
    step_over_tau : int
        ``dt / tau_m`` times 2**24.
    refractory_steps : int
    relaxation : ndarray of shape (513,), int32
        :math:`(1 - e^{-x}) / x` at x = 0, 1/64 ... 8.
    """

    v_rest: int
    v_reset: int
    e_inh: int
    exc_decay: int
    inh_decay: int
    step_over_tau: int
    refractory_steps: int
    relaxation: np.ndarray

    @classmethod
    def of(cls, neuron: ConductanceLIF, network: DiehlCook) -> FixedNeuron:
        """A neuron of a network."""
        dt, euler = network.dt, network.integrator == "euler"
        decays = [1 - dt / tau if euler else math.exp(-dt / tau) for tau in (neuron.tau_exc, neuron.tau_inh)]
        return cls(
            v_rest=fixed(neuron.v_rest),
            v_reset=fixed(neuron.v_reset),
            e_inh=fixed(neuron.e_inh),
            exc_decay=fixed(decays[0]),
            inh_decay=fixed(decays[1]),
            step_over_tau=round(dt / neuron.tau_m * (1 << STEP_BITS)),
            refractory_steps=round(neuron.t_ref / dt),
            relaxation=_relaxation(euler),
        )

    def advanced(self, v, g_exc, g_inh):
        """Potentials and conductances a step later."""
        g = ONE + g_exc + g_inh
        current = shifted(g_inh * self.e_inh - g * v, POINT) + self.v_rest
        x = shifted(g * self.step_over_tau, STEP_BITS)
        place = np.minimum(x >> PLACE_SHIFT, (1 << RELAXATION_BITS) - 1)
        beyond = np.minimum(x - (place << PLACE_SHIFT), 1 << PLACE_SHIFT)
        table = self.relaxation.astype(np.int64)
        relaxation = table[place] + shifted((table[place + 1] - table[place]) * beyond, PLACE_SHIFT)
        share = shifted(relaxation * self.step_over_tau, POINT)
        v = v + shifted(current * share, STEP_BITS)
        return v, shifted(g_exc * self.exc_decay, POINT), shifted(g_inh * self.inh_decay, POINT)


@dataclass(frozen=True, eq=False)
class FixedPointNetwork:
    """A network in whole numbers.

    Attributes
    ----------
    weights : ndarray of shape (n_inputs, n_neurons), int
        Of so many bits; a sign only if the network has negative weights.
    weight_scale : int
        What a weight of 1 adds to ``g_exc``, times 2**40.
    weight_bits : int
    thresholds : ndarray of shape (n_neurons,), int32
        Of excitatory neurons, mV times 2**16, as is `inh_threshold`.
    inh_threshold : int
    w_exc_inh, w_inh_exc : int
        What a spike adds to a conductance, times 2**16.
    delays : ndarray of shape (n_neurons, n_neurons), int
        In steps.
    labels : ndarray of shape (n_neurons,), int64
        Each neuron's class, -1 for none.
    exc, inh : FixedNeuron
    """

    weights: np.ndarray
    weight_scale: int
    weight_bits: int
    thresholds: np.ndarray
    inh_threshold: int
    w_exc_inh: int
    w_inh_exc: int
    delays: np.ndarray
    labels: np.ndarray
    exc: FixedNeuron
    inh: FixedNeuron

    @classmethod
    def of(cls, frozen: FrozenNetwork, weight_bits: int = 8) -> FixedPointNetwork:
        """A frozen network, its weights rounded to the nearest of 2**`weight_bits`.

        Weights that were learned in so many bits are taken as they are, see :func:`learned_grid`.

        Raises
        ------
        ConfigError
            If a number does not fit.
        """
        network, grid, rule = frozen.network, learned_grid(frozen.model), frozen.model.rule
        if grid is not None and rule is not None and rule.weight_bits == weight_bits:
            scale = grid.step
        else:
            signed = bool(np.any(frozen.weights < 0))
            scale = (float(np.abs(frozen.weights).max(initial=0.0)) or 1.0) / ((1 << (weight_bits - signed)) - 1)
        largest_threshold = float(np.abs(frozen.thresholds).max())
        if not largest_threshold < MOST_CONDUCTANCE:
            raise ConfigError(
                f"Thresholds must be below {MOST_CONDUCTANCE} mV to be held in fixed point, got {largest_threshold!r}."
            )
        exc, inh = (FixedNeuron.of(neuron, network) for neuron in (frozen.excitatory, frozen.inhibitory))
        return cls(
            weights=np.rint(frozen.weights / scale).astype(np.int64),
            weight_scale=max(1, round(scale * (ONE << SCALE_BITS))),
            weight_bits=weight_bits,
            thresholds=np.rint(frozen.thresholds * ONE).astype(np.int64),
            inh_threshold=fixed(frozen.inhibitory.v_thresh),
            w_exc_inh=fixed(network.w_exc_inh),
            w_inh_exc=fixed(min(network.w_inh_exc, MOST_CONDUCTANCE)),
            delays=frozen.delays,
            labels=frozen.labels,
            exc=exc,
            inh=inh,
        )

    @property
    def signed(self) -> bool:
        """Whether weights have a sign."""
        return bool(np.any(self.weights < 0))

    def count_spikes(self, spikes: np.ndarray, n_images: int, n_steps: int) -> np.ndarray:
        """Excitatory spikes of each neuron for images, each shown from rest; shape (n_images, n_neurons), int64.

        Parameters
        ----------
        spikes : ndarray of shape (n_spikes, 3), int
            Rows of (image, input, step).
        n_images, n_steps : int
        """
        n_inputs, n = self.weights.shape
        counts, state = np.zeros((n_images, n), np.int64), _State.at_rest(self, n_images)
        by_step = spikes[np.argsort(spikes[:, 2], kind="stable")]
        bounds = np.searchsorted(by_step[:, 2], np.arange(n_steps + 1))
        columns = self.weights.astype(np.float64)
        for t in range(n_steps):
            now = by_step[bounds[t] : bounds[t + 1]]
            arriving = np.zeros((n_images, n_inputs))
            arriving[now[:, 0], now[:, 1]] = 1.0
            counts += state.step(self, (arriving @ columns).astype(np.int64), t)
        return counts


class _State:
    """Populations of several images at once; arrays of shape (n_images, n_neurons)."""

    def __init__(self, exc, inh, hold, pending, others):
        self.exc, self.inh, self.hold, self.pending, self.others = exc, inh, hold, pending, others

    @classmethod
    def at_rest(cls, network: FixedPointNetwork, n_images: int) -> _State:
        n = len(network.thresholds)
        exc, inh = ([np.full((n_images, n), p.v_rest, np.int64), 0, 0] for p in (network.exc, network.inh))
        for part in (exc, inh):
            part[1:] = np.zeros((2, n_images, n), np.int64)
        hold = np.zeros((2, n_images, n), np.int64)
        pending = np.zeros((int(network.delays.max(initial=0)) + 1, n_images, n), np.int64)
        return cls(exc, inh, hold, pending, ~np.eye(n, dtype=bool))

    def step(self, network: FixedPointNetwork, arriving, t: int):
        """One time step; whether each excitatory neuron fired."""
        fired = []
        for k, (part, of, threshold) in enumerate(
            ((self.exc, network.exc, network.thresholds), (self.inh, network.inh, network.inh_threshold))
        ):
            v, g_exc, g_inh = of.advanced(*part)
            free = self.hold[k] <= t
            part[:] = np.where(free, v, part[0]), g_exc, g_inh
            fired.append(free & (part[0] > threshold))
        self._deliver(network, arriving, fired, t)
        for k, (part, of) in enumerate(((self.exc, network.exc), (self.inh, network.inh))):
            part[0] = np.where(fired[k], of.v_reset, part[0])
            self.hold[k] = np.where(fired[k], t + of.refractory_steps, self.hold[k])
        return fired[0]

    def _deliver(self, network: FixedPointNetwork, arriving, fired, t: int) -> None:
        """Spikes of the inputs, of excitatory neurons, and of inhibitory ones that are due."""
        g_exc = self.exc[1] + shifted(arriving * network.weight_scale, SCALE_BITS)
        self.exc[1] = np.clip(g_exc, 0, MOST_CONDUCTANCE * ONE)
        self.inh[1] = np.minimum(self.inh[1] + fired[0] * network.w_exc_inh, MOST_CONDUCTANCE * ONE)
        n_slots = len(self.pending)
        for image, j in zip(*np.nonzero(fired[1]), strict=True):
            after = np.flatnonzero(self.others[j])
            self.pending[(t + network.delays[j, after]) % n_slots, image, after] += 1
        due = self.pending[t % n_slots]
        self.exc[2] = np.minimum(self.exc[2] + due * network.w_inh_exc, MOST_CONDUCTANCE * ONE)
        due[:] = 0


def learned_grid(model: Model) -> Grid | None:
    """The grid on which a model's weights were learned; None where they were learned in floating point, or by a rule
    whose file was not given."""
    return weight_grid(model.rule, model.network.n_inputs)


def fixed(value: float) -> int:
    """A number times 2**16, rounded to the nearest."""
    return round(value * ONE)


def shifted(x, bits: int):
    """Whole numbers divided by 2**bits, rounded to the nearest, halves up."""
    return (x + (1 << (bits - 1))) >> bits


def _relaxation(euler: bool) -> np.ndarray:
    """The table of a membrane's relaxation; forward Euler goes the whole way that its speed tells."""
    n = 1 << RELAXATION_BITS
    x = np.arange(n + 1) * (RELAXATION_RANGE / n)
    shares = np.ones(n + 1) if euler else np.append(1.0, -np.expm1(-x[1:]) / x[1:])
    return np.rint(shares * ONE).astype(np.int32)
