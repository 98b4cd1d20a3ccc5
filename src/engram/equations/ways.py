"""Equations of single numbers for many at once: whoever goes the same way through the branches is computed together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class WaysPartError(Exception):
    """Some of the elements go one way from here, the others another.

    Parameters
    ----------
    truths : ndarray of bool
        Who goes the one way.
    """

    def __init__(self, truths):
        super().__init__("an equation branches")
        self.truths = truths


class Each(np.ndarray):
    """A number that is another one for each element: true only where it is for all, and no column."""

    def __bool__(self):
        truths = np.asarray(self) != 0
        if truths.all():
            return True
        if truths.any():
            raise WaysPartError(truths)
        return False

    def _refuse(self, *_):
        raise TypeError("a number is no column")

    __len__ = __iter__ = __getitem__ = __setitem__ = _refuse


def is_many(x) -> bool:
    """Whether an argument has a number for each element."""
    return isinstance(x, np.ndarray) and x.ndim > 0


def of_each(operation: Callable) -> Callable:
    """An operation that knows its own results again."""

    def operate(*operands):
        result = operation(*(np.asarray(x) if isinstance(x, Each) else x for x in operands))
        return result.view(Each) if is_many(result) else result

    return operate


def each_way(equation: Callable, arguments) -> np.ndarray | tuple[np.ndarray, ...]:
    """What an equation of operations by :func:`of_each` makes of each element, way by way."""
    n = max(len(x) for x in arguments if is_many(x))
    found, waiting = [], [np.arange(n)]
    while waiting:
        these = waiting.pop()
        try:
            result = equation(*(x[these].view(Each) if is_many(x) else x for x in arguments))
        except WaysPartError as parting:
            waiting += [these[parting.truths], these[~parting.truths]]
        else:
            found.append((these, result))
    return _together(found, n)


def one_by_one(equation: Callable, arguments) -> np.ndarray | tuple[np.ndarray, ...]:
    """What an equation makes of each element alone."""
    n = max(len(x) for x in arguments if is_many(x))
    alone = ([x[k] if is_many(x) else x for x in arguments] for k in range(n))
    return _together([(np.array([k]), equation(*numbers)) for k, numbers in enumerate(alone)], n)


def _together(found, n: int):
    if not found:
        return np.empty(0)
    if not isinstance(found[0][1], tuple):
        return _column(found, n)
    n_results = len(found[0][1])
    return tuple(_column([(these, result[k]) for these, result in found], n) for k in range(n_results))


def _column(found, n: int) -> np.ndarray:
    values = [np.asarray(value) for _, value in found]
    column = np.empty(n, np.result_type(*{value.dtype for value in values}))
    for (these, _), value in zip(found, values, strict=True):
        column[these] = value
    return column
