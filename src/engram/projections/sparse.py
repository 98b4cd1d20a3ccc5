"""Projections whose synapses are listed: any list or matrix, at random, or by distance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import ConfigError
from engram.projections.base import Listing, Numbers, Projection, listed
from engram.validation import check_positive

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import sparray, spmatrix

    from engram.plasticity.base import LearningRule


@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse(Projection):
    """Some synapses, in the order of the neuron that receives and then of the one that sends.

    Parameters
    ----------
    synapses : pair of array-like of int, or array-like of shape (n_before, n_after)
        Who sends to whom, synapse by synapse; or a matrix that is true, or not zero, where there is a synapse. A matrix
        of numbers gives the weights too, if `weights` is left at 1.
    before, after, weights, channel, delay, rule, name
        See :class:`Projection`; arrays have one number for each synapse, in the order of `synapses`, or are matrices
        like it.

    Attributes
    ----------
    synapses : pair of ndarray of shape (n_synapses,), int64
        Who sends and who receives, in the order of the weights that a simulation holds and returns. So
        ``matrix[projection.synapses] = weights`` draws them up as a matrix.

    Examples
    --------
    >>> from engram.projections import Sparse
    >>> Sparse(before="exc", after="exc", synapses=([0, 1], [1, 2]), weights=[0.5, 0.2]).name
    'exc_exc'
    """

    synapses: tuple[np.ndarray, np.ndarray]

    if TYPE_CHECKING:  # what may be given, where it is more than what becomes of it

        def __init__(
            self,
            *,
            before: str,
            after: str,
            weights: Numbers = 1.0,
            channel: str = "",
            delay: Numbers = 0.0,
            rule: LearningRule | None = None,
            name: str = "",
            reading: float = 1.0,
            synapses: tuple[npt.ArrayLike, npt.ArrayLike] | npt.ArrayLike | spmatrix | sparray,
        ) -> None: ...

    def __post_init__(self):
        before, after, weights = _pairs(self.name or f"{self.before}_{self.after}", self.synapses)
        order = np.lexsort((before, after))
        given = self.weights
        if weights is not None and isinstance(given, (int, float)) and given == 1.0:
            given = weights
        is_matrix = not isinstance(self.synapses, tuple)
        for field, value in (("weights", given), ("delay", self.delay)):
            if is_matrix and not callable(value) and np.ndim(value) == 2 and np.shape(value) == np.shape(self.synapses):
                value = np.asarray(value)[before, after]
            if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 and len(value) == len(order):
                object.__setattr__(self, field, np.asarray(value, np.float64)[order])
            elif field == "weights":
                object.__setattr__(self, field, value)
        object.__setattr__(self, "synapses", (before[order], after[order]))
        super().__post_init__()

    def check(self, before_shape, after_shape) -> None:
        """Nobody may be named who does not exist, and no pair twice."""
        before, after = self.synapses
        for numbers, shape, what in ((before, before_shape, self.before), (after, after_shape, self.after)):
            if len(numbers) and not (numbers.min() >= 0 and numbers.max() < math.prod(shape)):
                raise ConfigError(
                    f"{self.name} names neurons of {what} from {numbers.min()} to {numbers.max()}, which has"
                    f" {math.prod(shape)}; count from 0."
                )
        if np.any((np.diff(before) == 0) & (np.diff(after) == 0)):
            raise ConfigError(f"{self.name} names a synapse twice; add their weights up.")

    def listing(self, before_shape, after_shape) -> Listing:
        """Each neuron's weights lie one after another."""
        before, after = self.synapses
        n_before, n_after = math.prod(before_shape), math.prod(after_shape)
        starts = np.searchsorted(after, np.arange(n_after + 1))
        return listed(before, after, np.arange(len(after)), n_before, n_after, np.arange(n_after), starts)


def _pairs(name: str, synapses):
    """Sender, receiver and weight of each synapse; no weights without a matrix of numbers."""
    if isinstance(synapses, tuple) and len(synapses) == 2:
        before, after = (np.asarray(part) for part in synapses)
        if before.ndim != 1 or before.shape != after.shape:
            raise ConfigError(
                f"synapses of {name} must be two lists of equal length, got {before.shape}, {after.shape}."
            )
        if before.size and not all(np.issubdtype(part.dtype, np.integer) for part in (before, after)):
            raise ConfigError(f"synapses of {name} must be whole numbers of neurons.")
        return before.astype(np.int64), after.astype(np.int64), None
    if hasattr(synapses, "tocoo"):
        matrix = synapses.tocoo()
        return matrix.row.astype(np.int64), matrix.col.astype(np.int64), np.asarray(matrix.data, np.float64)
    matrix = np.asarray(synapses)
    if matrix.ndim != 2:
        raise ConfigError(f"synapses of {name} must be two lists or a matrix, got an array of shape {matrix.shape}.")
    before, after = np.nonzero(matrix)
    return before, after, None if matrix.dtype == bool else matrix[before, after].astype(np.float64)


def random_synapses(n_before: int, n_after: int, probability: float, seed: int, *, to_itself: bool = True):
    """Each possible synapse with the same chance.

    Parameters
    ----------
    n_before, n_after : int
        How many neurons there are to send and to receive.
    probability : float
    seed : int
    to_itself : bool
        Whether a neuron may send to the one of its own number.

    Returns
    -------
    pair of ndarray of int
        For :class:`Sparse`.
    """
    if not 0 <= probability <= 1:
        raise ConfigError(f"probability must be from 0 to 1, got {probability!r}.")
    chosen = np.random.default_rng(seed).random((n_before, n_after)) < probability
    if not to_itself:
        np.fill_diagonal(chosen, False)
    return np.nonzero(chosen)


def synapses_by_distance(before, after, probability: float | Callable, seed: int = 0, *, radius: float = math.inf):
    """Synapses between places, the more likely the nearer.

    Parameters
    ----------
    before, after : array-like of shape (n, n_dimensions)
        Where the neurons are.
    probability : float or callable
        The chance of a synapse, or a function that gives it for an array of distances.
    seed : int
    radius : float
        No synapse is longer.

    Returns
    -------
    pair of ndarray of int
        For :class:`Sparse`.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.ndim != 2 or after.ndim != 2 or before.shape[1] != after.shape[1]:
        raise ConfigError(f"places must have shape (n, n_dimensions) alike, got {before.shape} and {after.shape}.")
    if math.isfinite(radius):
        check_positive("radius", radius)
    distance = np.linalg.norm(before[:, np.newaxis] - after[np.newaxis], axis=2)
    chance = probability(distance) if callable(probability) else np.full(distance.shape, float(probability))
    return np.nonzero((np.random.default_rng(seed).random(distance.shape) < chance) & (distance <= radius))
