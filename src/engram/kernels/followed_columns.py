"""What the columns of weights come to, looked at again only where learning has touched them.

A stream of single images changes a column or two at a time, and asking all weights after each image what their norms
are takes longer than the image. Kernels mark the columns whose weights they may have changed; everybody who wants to
know of them has a bit of the mark, and takes it away when they have looked.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from engram.projections.base import column_norms

if TYPE_CHECKING:
    from engram.kernels.state import ProjectionState

SUMS, COPY = np.uint8(1), np.uint8(2)
"""The bits of those who want to know: of what columns come to, and of a copy of the weights."""

_MANY = 8
"""Where more than one column in so many was touched, all are looked at: rows are read faster than columns."""


class FollowedColumns:
    """The columns of a projection that learns, followed as long as nothing but its rule changes its weights.

    Each answer is of the weights as they are when it is asked for.

    Parameters
    ----------
    state : ProjectionState

    Attributes
    ----------
    norms : ndarray of shape (n_columns,), float64
        See :func:`engram.projections.base.column_norms`.
    at_bounds : tuple of int
        How many weights are at the lower and the upper bound.
    """

    def __init__(self, state: ProjectionState):
        self._weights, self._listing, self._touched = state.weights, state.listing, state.learned.touched
        self._bounds = state.bounds
        self._is_dense = self._weights.ndim == 2 and self._listing is None
        self._at_bounds = np.zeros((2, len(self._touched)), np.int64)
        self._norms = np.zeros(len(self._touched))
        self._touched |= SUMS | COPY

    @property
    def norms(self) -> np.ndarray:
        """The L1 norm of each column; an array that was handed out stays as it is."""
        self._renew()
        return self._norms

    @property
    def at_bounds(self) -> tuple[int, int]:
        """Weights at the lower and the upper bound."""
        self._renew()
        lower, upper = self._at_bounds.sum(axis=1).tolist()
        return lower, upper

    def copy_to(self, weights: np.ndarray) -> None:
        """Bring an earlier copy of the weights, always the same, up to date."""
        with self._touched_for(COPY) as columns:
            if columns is None:
                weights[...] = self._weights
            elif len(columns):
                weights[:, columns] = self._weights[:, columns]

    def _renew(self) -> None:
        """Look at the columns that were touched since."""
        with self._touched_for(SUMS) as columns:
            if columns is None:
                self._norms = column_norms(self._weights, self._listing)
                self._count(self._weights, slice(None) if self._is_dense else 0)
            elif len(columns):
                some = self._weights[:, columns]
                self._norms = self._norms.copy()
                # One after another, as whole rows are added, to the same bits; the sum of a single column is not.
                self._norms[columns] = np.cumsum(np.abs(some), axis=0, dtype=np.float64)[-1]
                self._count(some, columns)

    @contextlib.contextmanager
    def _touched_for(self, who: np.uint8) -> Generator[np.ndarray | None]:
        """The columns that were touched since somebody looked, who looks now; None if that is best done for all.

        They count as looked at in the end: what Ctrl-C cuts short is begun again.
        """
        columns = (self._touched & who).nonzero()[0]
        few = self._is_dense and _MANY * len(columns) <= len(self._touched)
        yield columns if few or not len(columns) else None
        self._touched[columns] &= ~who

    def _count(self, weights: np.ndarray, columns) -> None:
        """Count the weights at bounds of some columns; of listed synapses, all in the first place."""
        axis = 0 if self._is_dense else None
        for k, there in enumerate(count_at_bounds(weights, self._bounds, axis)):
            self._at_bounds[k, columns] = there


def count_at_bounds(weights: np.ndarray, bounds: tuple[float, float], axis: int | None = None):
    """How many weights are at the lower and the upper bound, all or along an axis; none at a bound that is infinite."""
    lower, upper = bounds
    return (
        (weights <= lower).sum(axis) if math.isfinite(lower) else 0,
        (weights >= upper).sum(axis) if math.isfinite(upper) else 0,
    )
