"""A network's state between runs: what every neuron and synapse is at, as plain arrays.

Both kernels read and change these arrays. A state always stands at a boundary between presentations; whatever counts
steps counts from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from engram import randomness
from engram.errors import DataError
from engram.kernels.followed_columns import FollowedColumns, count_at_bounds
from engram.kernels.memory import EVERYBODY, GROUP, padded_rows
from engram.networks.network import Network, Population
from engram.plasticity.base import LearningRule, known_names
from engram.plasticity.fixed_point import on_the_grid, state_grids
from engram.projections.base import Listing, Projection, column_norms
from engram.randomness import Stream
from engram.validation import did_you_mean


@dataclass
class PopulationState:
    """The state of one population.

    Attributes
    ----------
    names : tuple of str
        Its neuron's state variables.
    values : ndarray of shape (n_variables, n)
        Their values, in the precision of the network; also as attributes by name.
    hold : ndarray of shape (n,), int32
        Steps until a neuron is integrated again.
    theta : ndarray of shape (n,), float64
        What adaptive thresholds have above the neuron's own, mV; zero without them.
    """

    names: tuple[str, ...]
    values: np.ndarray
    hold: np.ndarray
    theta: np.ndarray

    def __getattr__(self, name: str) -> np.ndarray:
        names = self.__dict__.get("names", ())
        if name in names:
            return self.values[names.index(name)]
        raise AttributeError(f"this population has no {name!r}; it has {', '.join(names)}, hold and theta")

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array by name."""
        return {**dict(zip(self.names, self.values, strict=True)), "hold": self.hold, "theta": self.theta}


@dataclass
class Memory:
    """What a learning rule remembers of a projection.

    Attributes
    ----------
    x_pre : ndarray of shape (n_pre_traces, n_before)
        Value at the last spike.
    pre_step : ndarray of shape (n_before,), int32
        The step of that spike.
    x_post : ndarray of shape (n_post_traces, n_after)
        Value after the last spike.
    post_step : ndarray of shape (n_after,), int32
    neuron : ndarray of shape (n_state, n_columns)
        The rule's state variables.
    synapse : ndarray of shape (n_synapse_traces, n_synapses)
        Value at the synapse's last event.
    synapse_step : ndarray of shape (n_synapses,), int32
    changed : ndarray of shape (n_columns,), bool
        Whose weights may have changed since they were last normalised.
    touched : ndarray of shape (n_columns,), uint8
        The same since somebody looked, who has a bit of it, see :mod:`engram.kernels.followed_columns`.
    """

    x_pre: np.ndarray
    pre_step: np.ndarray
    x_post: np.ndarray
    post_step: np.ndarray
    neuron: np.ndarray
    synapse: np.ndarray
    synapse_step: np.ndarray
    changed: np.ndarray
    touched: np.ndarray

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array by name that is part of what is remembered."""
        return {name: values for name, values in vars(self).items() if name != "touched"}

    def touch(self, columns) -> None:
        """Note that the weights of some columns may change."""
        self.changed[columns], self.touched[columns] = True, EVERYBODY

    def forget_times(self) -> None:
        """Stand before the first step, with the values as they are."""
        self.pre_step[...] = 0
        self.post_step[...] = 0
        self.synapse_step[...] = 0
        self.changed[...] = True


@dataclass
class ProjectionState:
    """The state of one projection.

    Attributes
    ----------
    stored : ndarray
        The weights as they lie in memory.
    weights : ndarray
        The same in the shape that the projection gives them: a view.
    delays : ndarray
        Steps, for each synapse; empty if all have the same.
    pending : ndarray of shape (n_slots, n_after)
        What is under way to each neuron, by steps from now, where synapses have delays of their own.
    events, n_events : ndarray of shape (n_slots, n_before), int32, and (n_slots,), int64
        The spikes under way by steps from now, where all synapses have the same delay.
    memory : Memory or None
    listing : Listing or None
    bounds : tuple of float
        The lowest and the highest weight that its rule allows.
    followed : FollowedColumns or None
        Its columns, as long as their weights are changed by their rule alone.
    """

    stored: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    pending: np.ndarray
    events: np.ndarray
    n_events: np.ndarray
    memory: Memory | None
    listing: Listing | None = field(default=None, repr=False)
    bounds: tuple[float, float] = (-math.inf, math.inf)
    followed: FollowedColumns | None = field(default=None, repr=False)

    @property
    def learned(self) -> Memory:
        """The memory of a projection that learns."""
        if self.memory is None:
            raise ValueError("a projection that does not learn has no memory")
        return self.memory

    @property
    def norms(self) -> np.ndarray:
        """The L1 norm of each neuron's weights, or of each filter's; float64."""
        return column_norms(self.weights, self.listing) if self.followed is None else self.followed.norms

    @property
    def is_finite(self) -> bool:
        """Whether all weights are finite numbers."""
        total = self.stored.sum() if self.followed is None else self.followed.norms.sum()
        return bool(np.isfinite(total) or np.isfinite(self.stored).all())  # a sum takes less, and may overflow

    @property
    def at_bounds(self) -> tuple[int, int]:
        """How many weights are at the lower and the upper bound; none at a bound that is infinite."""
        if self.followed is not None:
            return self.followed.at_bounds
        lower, upper = count_at_bounds(self.weights, self.bounds)
        return int(lower), int(upper)

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array that changes, by name."""
        own = {"weights": self.weights, "pending": self.pending, "events": self.events, "n_events": self.n_events}
        memory = {} if self.memory is None else {f"memory.{n}": a for n, a in self.memory.tensors().items()}
        return own | memory


@dataclass
class NetworkState:
    """The state of a network: by name, its populations and its projections; also as attributes."""

    populations: dict[str, PopulationState]
    projections: dict[str, ProjectionState]

    def __getattr__(self, name: str):
        for parts in (self.__dict__.get("populations", {}), self.__dict__.get("projections", {})):
            if name in parts:
                return parts[name]
        raise AttributeError(f"this network has no population or projection {name!r}")

    @property
    def weights(self) -> np.ndarray:
        """The weights of the first projection: in a network of one layer, what is learned."""
        return next(iter(self.projections.values())).weights

    @property
    def theta(self) -> np.ndarray:
        """The adaptive thresholds of the first population, mV."""
        return next(iter(self.populations.values())).theta

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array that changes in a run, by a name of its own: what a checkpoint keeps."""
        parts = {**self.populations, **self.projections}
        return {f"{name}.{key}": array for name, part in parts.items() for key, array in part.tensors().items()}

    def part(self, network: Network) -> NetworkState:
        """The state of those parts that a smaller network has too; the arrays are the same."""
        return NetworkState(
            {name: self.populations[name] for name in network.populations},
            {p.name: self.projections[p.name] for p in network.projections},
        )

    def follow_columns(self, network: Network) -> None:
        """Look from here on only at columns that rules change, as long as nobody else changes weights."""
        for p in network.plastic:
            state = self.projections[p.name]
            if state.followed is None:
                state.followed = FollowedColumns(state)

    def unfollow_columns(self) -> None:
        """Look at all columns again, since somebody else may change weights."""
        for state in self.projections.values():
            state.followed = None

    def begin_again(self, network: Network) -> None:
        """Forget, in place, all but weights, thresholds and delays: the rest is as :func:`new_state` makes it."""
        self.come_to_rest(network)
        for p in network.projections:
            state = self.projections[p.name]
            if p.rule is not None:
                sizes = network.size_of(p.before), network.size_of(p.after)
                fresh = new_memory(p.rule, *sizes, state.listing, network.dtype)
                for name, values in state.learned.tensors().items():
                    values[...] = fresh.tensors()[name]

    def come_to_rest(self, network: Network) -> None:
        """As :meth:`begin_again`, but keep what rules remember, as if it was of the beginning."""
        for name, population in network.populations.items():
            state = self.populations[name]
            start = np.array(list(population.neuron.variables().values()), state.values.dtype)
            state.values[...], state.hold[...] = start[:, np.newaxis], 0
        for p in network.projections:
            state = self.projections[p.name]
            state.pending[...], state.events[...], state.n_events[...] = 0, 0, 0
            if state.memory is not None:
                state.memory.forget_times()

    def own_dynamics(self) -> NetworkState:
        """A network with the same weights, thresholds and delays, whose dynamics are its own and which has no rule."""
        populations = {
            name: PopulationState(p.names, p.values.copy(), p.hold.copy(), p.theta.copy())
            for name, p in self.populations.items()
        }
        projections = {
            name: ProjectionState(
                p.stored, p.weights, p.delays, np.zeros_like(p.pending), p.events.copy(), np.zeros_like(p.n_events),
                None, p.listing,
            )
            for name, p in self.projections.items()
        }  # fmt: skip
        return NetworkState(populations, projections)


def new_state(network: Network, seed: int, *, weights=None, theta=None, delays=None) -> NetworkState:
    """The state of a network at time 0; whatever is not given is drawn from the seed.

    Parameters
    ----------
    network : Network
    seed : int
    weights, delays : dict of str to array-like, optional
        By projection; delays in steps.
    theta : dict of str to array-like, optional
        By population, mV.

    Raises
    ------
    DataError
        If an array is of another shape than it must be, or not of finite numbers.
    """
    weights, theta, delays = dict(weights or {}), dict(theta or {}), dict(delays or {})
    for given, known, what in (
        (weights, network.named, "projection"),
        (delays, network.named, "projection"),
        (theta, network.populations, "population"),
    ):
        for name in given:
            if name not in known:
                raise DataError(
                    f"There is no {what} {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}."
                )
    populations = {n: _new_population(network, n, p, theta.get(n)) for n, p in network.populations.items()}
    projections = {
        p.name: _new_projection(network, k, p, seed, weights.get(p.name), delays.get(p.name))
        for k, p in enumerate(network.projections)
    }
    return NetworkState(populations, projections)


def _new_population(network: Network, name: str, population: Population, theta) -> PopulationState:
    start = population.neuron.variables()
    values = np.repeat(np.array(list(start.values()), network.dtype)[:, np.newaxis], population.n, axis=1)
    above = population.threshold.start if population.threshold is not None else 0.0
    if theta is None:
        theta = np.full(population.n, above)
    theta = np.array(checked(f"theta of {name}", theta, (population.n,)), np.float64)
    return PopulationState(tuple(start), np.ascontiguousarray(values), np.zeros(population.n, np.int32), theta)


def _new_projection(network: Network, k: int, p: Projection, seed: int, weights, delays) -> ProjectionState:
    shapes = network.shape_of(p.before), network.shape_of(p.after)
    n_before, n_after = network.size_of(p.before), network.size_of(p.after)
    listing = p.listing(*shapes) if p.layout == "listed" else None
    if listing is not None:
        listing.check(p.name, n_before, n_after)
    if weights is None:
        weights = p.initial_weights(randomness.generator(seed, Stream.WEIGHTS, k), *shapes, network.dtype)
    weights = np.asarray(checked(f"weights of {p.name}", weights, p.weight_shape(*shapes)), network.dtype)
    weights = held_weights(p.rule, weights, listing)
    if p.layout == "dense":
        stored = padded_rows(weights)
        weights = stored[:n_before, :n_after]
    else:
        stored = weights = np.array(weights)
    if p.has_one_delay and delays is None and p.layout != "all_but_own":
        n_slots = uniform_delay(network, p) and uniform_delay(network, p) + 1 + GROUP
        steps, pending = np.zeros(0, np.uint8), np.zeros((0, 0), network.dtype)
    else:
        n_slots = 0
        steps = _delays(network, k, p, seed, delays, shapes)
        if listing is not None:
            steps = listing.by_sender(steps)
        further = GROUP if p.before in network.inputs else 0
        kind = np.int32 if p.layout == "all_but_own" else network.dtype
        pending = np.zeros((int(steps.max(initial=0)) + 1 + further, n_after), kind)
    return ProjectionState(
        stored, weights, steps, pending, np.zeros((n_slots, n_before), np.int32), np.zeros(n_slots, np.int64),
        None if p.rule is None else new_memory(p.rule, n_before, n_after, listing, network.dtype), listing,
        (-math.inf, math.inf) if p.rule is None else (p.rule.w_min, p.rule.w_max),
    )  # fmt: skip


def held_weights(rule: LearningRule | None, weights: np.ndarray, listing: Listing | None) -> np.ndarray:
    """The weights of a projection as its rule holds them: in fixed point, the nearest of its grid."""
    return on_the_grid(rule, weights, len(weights) if listing is None else max(1, listing.longest))


def _delays(network: Network, k: int, p: Projection, seed: int, delays, shapes) -> np.ndarray:
    if delays is None:
        return p.delay_steps(randomness.generator(seed, Stream.DELAYS, k), *shapes, network.dt)
    delays = checked(f"delays of {p.name}", delays, p.delay_shape(*shapes))
    if delays.size and (delays.min() < 0 or delays.max() > np.iinfo(np.uint16).max - 1 or np.any(delays % 1)):
        raise DataError(f"delays of {p.name} must be whole steps from 0 to 65,534.")
    return np.ascontiguousarray(delays, np.uint8 if delays.max(initial=0) < 256 else np.uint16)


def uniform_delay(network: Network, p: Projection) -> int:
    """The delay of all synapses of a projection, in steps."""
    return round((p.one_delay or 0.0) / network.dt)


def new_memory(rule: LearningRule, n_before: int, n_after: int, listing: Listing | None, dtype) -> Memory:
    """A rule's memory of a projection before the first spike."""
    names = known_names(rule)
    n_columns = n_after if listing is None else listing.n_columns
    n_inputs = n_before if listing is None else listing.longest
    start, grids = rule.initial_state(n_inputs), state_grids(rule, n_inputs)
    start = [grids[name].nearest(value) if name in grids else value for name, value in start.items()]
    initial = np.array(start, dtype).reshape(-1, 1)
    n_synapses = (n_before * n_after if listing is None else listing.n_weights) if names["synapse"] else 0
    return Memory(
        x_pre=np.zeros((len(names["pre"]), n_before), dtype),
        pre_step=np.zeros(n_before, np.int32),
        x_post=np.zeros((len(names["post"]), n_after), dtype),
        post_step=np.zeros(n_after, np.int32),
        neuron=np.repeat(initial, n_columns, axis=1),
        synapse=np.zeros((len(names["synapse"]), n_synapses), dtype),
        synapse_step=np.zeros(n_synapses, np.int32),
        changed=np.ones(n_columns, np.bool_),
        touched=np.full(n_columns, EVERYBODY),
    )


def checked(name: str, array, shape) -> np.ndarray:
    """An array of the shape that it must have, of finite numbers."""
    array = np.asarray(array)
    if array.shape != tuple(shape):
        raise DataError(f"{name} must have shape {tuple(shape)}, got {array.shape}.")
    if not np.issubdtype(array.dtype, np.number):
        raise DataError(f"{name} must be numbers, got {array.dtype}.")
    if not np.all(np.isfinite(array)):
        raise DataError(f"{name} holds values that are not finite; mend them first.")
    return array
