"""The one contract of every projection: who sends, who receives, on which channel, how late, and what learns.

A projection is a description; it holds no state. Its synapses lie in memory in one of a few ways (`layout`), for each
of which the kernels have a room; a projection of one's own lists its synapses (:meth:`Projection.listing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from engram.errors import ConfigError
from engram.named import NamedParameters
from engram.plasticity.base import LearningRule
from engram.validation import check_finite, check_positive, plain_number

MOST_STEPS = np.iinfo(np.uint16).max - 1
"""The longest delay, in time steps."""


@dataclass(frozen=True)
class Uniform(NamedParameters):
    """Numbers drawn from an interval, once, from the seed.

    Parameters
    ----------
    low, high : float
    """

    low: float
    high: float

    def __post_init__(self):
        check_finite("low", self.low)
        check_finite("high", self.high)
        if self.high < self.low:
            raise ConfigError(f"high must be at least low, got low={self.low!r} and high={self.high!r}.")

    def __call__(self, random: np.random.Generator, shape) -> np.ndarray:
        """Numbers of a shape."""
        return self.low + (self.high - self.low) * random.random(shape)


Numbers = npt.ArrayLike | Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
"""One number for all, an array, or a function of a random generator and a shape that gives one."""


class Listing(NamedTuple):
    """Synapses one by one, by who sends and by who receives.

    Attributes
    ----------
    starts : ndarray of shape (n_before + 1,), int64
    who, where : ndarray of shape (n_synapses,), int32
        Those of neuron i before: ``who[starts[i]:starts[i + 1]]`` receive, with weights of the numbers `where`.
    column_starts : ndarray of shape (n_after + 1,), int64
    column_before, column_where : ndarray of shape (n_synapses,), int32
        The same by neuron after.
    column_of : ndarray of shape (n_after,), int32
        Whose weights a neuron has: its own number, or that of the filter which it shares with others.
    weight_starts : ndarray of shape (n_columns + 1,), int64
        Where the weights of each such column lie.
    """

    starts: np.ndarray
    who: np.ndarray
    where: np.ndarray
    column_starts: np.ndarray
    column_before: np.ndarray
    column_where: np.ndarray
    column_of: np.ndarray
    weight_starts: np.ndarray

    @property
    def n_weights(self) -> int:
        """How many numbers the weights are."""
        return int(self.weight_starts[-1])

    @property
    def n_columns(self) -> int:
        """How many neurons or filters have weights of their own."""
        return len(self.weight_starts) - 1

    @property
    def longest(self) -> int:
        """The most synapses of a neuron after."""
        return int(np.diff(self.column_starts).max(initial=0))

    def by_sender(self, values: np.ndarray) -> np.ndarray:
        """A number for each synapse in the order of `who`, from the order of `column_before`, by neuron after."""
        before = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        sorted_values = np.empty_like(values)
        sorted_values[np.lexsort((self.where, before, self.who))] = values
        return sorted_values

    def check(self, name: str, n_before: int, n_after: int) -> None:
        """Raise ConfigError if it lists what is not there, or a synapse or a sender's weight twice."""
        n_synapses, n_columns = len(self.who), self.n_columns
        before = np.repeat(np.arange(n_before), np.diff(self.starts)) if len(self.starts) == n_before + 1 else []
        fits = (
            len(before) == n_synapses == len(self.where) == len(self.column_before) == len(self.column_where)
            and len(self.column_starts) == n_after + 1
            and self.column_starts[-1] == n_synapses
            and len(self.column_of) == n_after
            and _within(self.who, n_after)
            and _within(self.column_before, n_before)
            and _within(self.column_of, n_columns)
            and _within(self.where, self.n_weights)
            and _within(self.column_where, self.n_weights)
        )
        if not fits:
            raise ConfigError(f"{name} lists synapses that are not there; make its listing with listed(...).")
        for what, numbers in (("a synapse", self.who), ("a weight of a sender", self.where)):
            pairs = np.sort(before * np.int64(numbers.max(initial=0) + 1) + numbers)
            if (pairs[1:] == pairs[:-1]).any():
                raise ConfigError(f"{name} lists {what} twice.")


def column_norms(weights: np.ndarray, listing: Listing | None) -> np.ndarray:
    """The L1 norm of the weights onto each neuron, or of each filter that neurons share.

    Parameters
    ----------
    weights : ndarray
        As a projection has them: (n_before, n_after), or those of its listing.
    listing : Listing or None

    Returns
    -------
    ndarray of shape (n_columns,), float64
    """
    sizes = np.abs(weights)
    if listing is None:
        return sizes.sum(axis=0, dtype=np.float64) if sizes.ndim == 2 else sizes.astype(np.float64)
    sums = np.concatenate(([0.0], np.cumsum(sizes, dtype=np.float64)))
    return np.diff(sums[listing.weight_starts])


def _within(numbers: np.ndarray, n: int) -> bool:
    return not len(numbers) or (numbers.min() >= 0 and numbers.max() < n)


def listed(before, after, where, n_before: int, n_after: int, column_of, weight_starts) -> Listing:
    """The listing of synapses given as arrays of equal length: sender, receiver, number of the weight."""
    before, after, where = (np.asarray(x, np.int64) for x in (before, after, where))
    # each pair occurs once, so that one number says its place; sorting by that takes a tenth of a sort by three
    by_before = np.argsort(before * np.int64(n_after) + after, kind="stable")
    by_after = np.argsort(after * np.int64(n_before) + before, kind="stable")
    return Listing(
        starts=np.searchsorted(before[by_before], np.arange(n_before + 1)).astype(np.int64),
        who=after[by_before].astype(np.int32),
        where=where[by_before].astype(np.int32),
        column_starts=np.searchsorted(after[by_after], np.arange(n_after + 1)).astype(np.int64),
        column_before=before[by_after].astype(np.int32),
        column_where=where[by_after].astype(np.int32),
        column_of=np.asarray(column_of, np.int32),
        weight_starts=np.asarray(weight_starts, np.int64),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection(NamedParameters):
    """Base of every projection.

    Parameters
    ----------
    before, after : str
        The names of the input or population that sends, and of the population that receives.
    weights : float, array-like or callable
        What a spike adds to the target's variable: one number for all, an array, or a function of a random generator
        and a shape, such as :class:`Uniform`.
    channel : str
        On which of the receiving neuron's channels; its first by default.
    delay : float, array-like or callable
        From a spike to its arrival, ms: one number for all, or one for each synapse, as for `weights`.
    rule : LearningRule or None
        By which the weights learn; None for fixed ones. A plastic projection has one delay for all its synapses.
    name : str
        By which its weights are known; ``before_after`` by default.
    reading : float
        What fixed weights are multiplied by while the neurons that they reach do not learn: competition that is to
        leave one winner in learning may leave several in reading.
    """

    before: str
    after: str
    weights: Numbers = 1.0
    channel: str = ""
    delay: Numbers = 0.0
    rule: LearningRule | None = None
    name: str = ""
    reading: float = 1.0

    layout: ClassVar[str] = "listed"

    def __post_init__(self):
        if not self.name:
            object.__setattr__(self, "name", f"{self.before}_{self.after}")
        if isinstance(self.delay, (list, tuple)):
            object.__setattr__(self, "delay", np.asarray(self.delay, np.float64))
        if self.has_one_delay:
            check_positive(f"delay of {self.name}", self.delay, "ms", or_zero=True)
        check_finite(f"reading of {self.name}", self.reading)
        if self.rule is not None and self.reading != 1.0:
            raise ConfigError(f"{self.name} learns and reads by the same weights; leave reading={self.reading!r} out.")
        can_differ = self.layout == "all_but_own" or (self.layout == "listed" and self.has_one_delay)
        if self.reading != 1.0 and not can_differ:
            raise ConfigError(
                f"{self.name} cannot have other weights while reading; use AllButOwn, or a Sparse with one delay, or"
                f" leave reading={self.reading!r} out."
            )
        if self.rule is not None and not isinstance(self.rule, LearningRule):
            raise ConfigError(f"rule of {self.name} must be a rule, such as Triplet(), got {self.rule!r}.")
        if self.rule is not None and not self.has_one_delay:
            raise ConfigError(
                f"{self.name} learns and has a delay for each synapse; give all of them the same delay, or no rule."
            )

    @property
    def one_weight(self) -> float | None:
        """The weight of all synapses at time 0; None where each has its own."""
        number = plain_number(self.weights)
        return None if number is None else float(number)

    @property
    def one_delay(self) -> float | None:
        """The delay of all synapses, ms; None where each has its own."""
        number = plain_number(self.delay) if self.has_one_delay else None
        return None if number is None else float(number)

    @property
    def has_one_delay(self) -> bool:
        """Whether all synapses have the same delay."""
        return not isinstance(self.delay, np.ndarray) and not callable(self.delay)

    @property
    def learning_rule(self) -> LearningRule:
        """The rule of a projection that learns.

        Raises
        ------
        ConfigError
            If it does not.
        """
        if self.rule is None:
            raise ConfigError(f"{self.name} does not learn; give it a rule, such as Triplet().")
        return self.rule

    def listing(self, before_shape: tuple[int, ...], after_shape: tuple[int, ...]) -> Listing:
        """Its synapses, for populations of given shapes."""
        raise NotImplementedError(f"{type(self).__name__} does not list its synapses")

    def check(self, before_shape: tuple[int, ...], after_shape: tuple[int, ...]) -> None:
        """Raise ConfigError if it does not fit between populations of given shapes."""

    def weight_shape(self, before_shape, after_shape) -> tuple[int, ...]:
        """The shape of its weights."""
        return (self.listing(before_shape, after_shape).n_weights,)

    def delay_shape(self, before_shape, after_shape) -> tuple[int, ...]:
        """The shape of its delays, if each synapse has one: by neuron after, then by neuron before."""
        return (len(self.listing(before_shape, after_shape).who),)

    def initial_weights(self, random: np.random.Generator, before_shape, after_shape, dtype) -> np.ndarray:
        """The weights at time 0."""
        shape = self.weight_shape(before_shape, after_shape)
        return _filled(f"weights of {self.name}", self.weights, random, shape).astype(dtype)

    def delay_steps(self, random: np.random.Generator, before_shape, after_shape, dt: float) -> np.ndarray:
        """The synapses' delays in steps of `dt` ms, in the smallest type that holds them."""
        delays = _filled(f"delay of {self.name}", self.delay, random, self.delay_shape(before_shape, after_shape))
        return steps_of(f"delay of {self.name}", delays / dt)


def steps_of(name: str, steps: np.ndarray) -> np.ndarray:
    """Delays in steps, rounded, in the smallest type that holds them."""
    steps = np.rint(steps)
    if steps.size and not (steps.min() >= 0 and steps.max() <= MOST_STEPS):
        raise ConfigError(
            f"{name} must be from 0 to {MOST_STEPS:,} time steps, got {steps.min():g} to {steps.max():g}."
        )
    return steps.astype(np.uint8 if steps.max(initial=0) < 256 else np.uint16)


def _filled(name: str, value, random: np.random.Generator, shape) -> np.ndarray:
    """An array of a shape from one number, an array, or a function that makes it."""
    array = np.asarray(value(random, shape) if callable(value) else value, np.float64)
    if array.ndim == 0:
        array = np.full(shape, float(array))
    if array.shape != tuple(shape):
        raise ConfigError(f"{name} must have shape {tuple(shape)}, got {array.shape}.")
    if not np.isfinite(array).all():
        raise ConfigError(f"{name} must be finite numbers; look for NaN and infinity in them.")
    return array
