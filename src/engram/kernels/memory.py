"""How arrays lie in memory: whole groups of lanes, whole cache lines."""

from __future__ import annotations

import math

import numpy as np

LINE_BYTES = 64
"""Length of a cache line."""

LINE_WORDS = 8
"""64-bit words of a cache line; no two threads write to the same one."""

LANES = 32
"""Neurons are computed, and shared out, in groups of this many: two of the widest vectors in single precision."""

FEW = 16
"""Where only some neurons are computed, packed side by side, so many at once: the widest vector in single precision."""

GROUP = 4
"""Steps that are taken together where nothing happens in them that another neuron would hear of."""

AT_ONCE = 3
"""Rows of weights that are added up in the course of a step; more are before."""

NEVER = np.int32(2**31 - 1)
"""A number of steps or spikes that is not reached."""


EVERYBODY = np.uint8(255)
"""The mark of a column whose weights may have changed: a bit for each who wants to know of it."""


def whole_lanes(n: int) -> int:
    """So many neurons in whole groups of lanes, so that loops have no rest."""
    return -(-n // LANES) * LANES


def padded_lanes(n: int, dtype) -> int:
    """Whole groups of lanes for so many neurons, and one cache line more.

    That makes the number of lines odd: a column of rows that are a power of two apart would fall on the same few
    places of a cache.
    """
    return whole_lanes(n) + LINE_BYTES // np.dtype(dtype).itemsize


def aligned_zeros(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Zeros that begin with a cache line, which vectors then never straddle."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(n_bytes + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return room[begin : begin + n_bytes].view(dtype).reshape(shape)


def padded_rows(weights: np.ndarray) -> np.ndarray:
    """Weights in rows of an odd number of cache lines, and a row of zeros after the last one.

    The zeros, so that rows can always be added by threes.
    """
    n_inputs, n = weights.shape
    rows = aligned_zeros((n_inputs + 1, padded_lanes(n, weights.dtype)), weights.dtype)
    rows[:n_inputs, :n] = weights
    return rows
