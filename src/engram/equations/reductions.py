"""Sums and the like over a column of numbers, in the order of its synapses.

They are written as equations are, and go the same way: so a sum has one order and one rounding in every kernel, while
NumPy's adds in blocks.
"""

from __future__ import annotations

import math

import numpy as np


def zero_of(x):
    """Zero, of the kind of a column's elements: a number, or a whole number if they are whole or truths."""
    return x.dtype.type(0)


def column_sum(x):
    """The sum, added up from the first element to the last."""
    total = zero_of(x)
    for i in range(len(x)):
        total += x[i]
    return total


def column_mean(x):
    """The sum over the number of elements."""
    return column_sum(x) / len(x)


def column_min(x):
    """The smallest element; NaN if there is one."""
    smallest = x[0] + zero_of(x)
    for i in range(1, len(x)):
        smallest = np.minimum(smallest, x[i])
    return smallest


def column_max(x):
    """The largest element; NaN if there is one."""
    largest = x[0] + zero_of(x)
    for i in range(1, len(x)):
        largest = np.maximum(largest, x[i])
    return largest


def column_count(x):
    """How many elements are not zero."""
    count = 0
    for i in range(len(x)):
        count += x[i] != 0
    return count


def column_any(x):
    """Whether an element is not zero."""
    return column_count(x) > 0


def column_all(x):
    """Whether no element is zero."""
    return column_count(x) == len(x)


def dot(x, y):
    """The sum of products, added up from the first to the last."""
    total = zero_of(x) * zero_of(y)
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


def column_norm(x):
    """The Euclidean norm."""
    return math.sqrt(dot(x, x))


def copy(x):
    """A new column with the same numbers."""
    return x + zero_of(x)


def ones(n):
    """A new column of ones."""
    return np.zeros(n) + 1.0


def full(n, value):
    """A new column of one value."""
    return np.zeros(n) + value


def zeros_like(x):
    """A new column of zeros, as long as `x`."""
    return np.zeros(len(x))


def ones_like(x):
    """A new column of ones, as long as `x`."""
    return np.zeros(len(x)) + 1.0


REDUCTIONS = {
    function.__name__: function
    for function in (
        *(column_sum, column_mean, column_min, column_max, column_count, column_any, column_all, dot, column_norm),
        *(copy, ones, full, zeros_like, ones_like),
    )
}
"""By the name that :data:`engram.rewriting.MEANT` gives them."""
