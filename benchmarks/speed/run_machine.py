"""Measure what one core can do: vector arithmetic in its first cache, and reading from each level of memory."""

from __future__ import annotations

import numba
import numpy as np
from child import measured, timed

import engram.kernels.compiler  # noqa: F401  (what compiles fma)
from engram.arithmetic import fma

IN_CACHE = 2_048  # single-precision numbers that leave room in a first cache of 32 KiB
READ_BYTES = 4 * 1024**3  # by each measurement of bandwidth
LINE = 16  # single-precision numbers in a cache line
SIZES_KIB = (16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144)


def strict(function):
    """Compile under the options of engram's kernels: products fused only where it is said, no regrouped sums."""
    return numba.njit(nogil=True, error_model="numpy")(function)


@strict
def arithmetic(x, y, repeats):
    """32 multiplications and additions a number: four independent polynomials of fourth order."""
    a, b, c = np.float32(0.5), np.float32(0.25), np.float32(0.125)
    for _ in range(repeats):
        for j in range(x.shape[0]):
            r = x[j]
            p = (((a * r + b) * r + c) * r + a) * r + b
            q = (((b * r + c) * r + a) * r + b) * r + c
            s = (((c * r + a) * r + b) * r + c) * r + a
            t = (((a * r + c) * r + b) * r + a) * r + c
            y[j] = p * q + s * t
            x[j] = r


@strict
def fused(x, y, repeats):
    """Fused products and sums: four independent polynomials of fourth order."""
    a, b, c = np.float32(0.5), np.float32(0.25), np.float32(0.125)
    for _ in range(repeats):
        for j in range(x.shape[0]):
            r = x[j]
            p = fma(fma(fma(fma(a, r, b), r, c), r, a), r, b)
            q = fma(fma(fma(fma(b, r, c), r, a), r, b), r, c)
            s = fma(fma(fma(fma(c, r, a), r, b), r, c), r, a)
            t = fma(fma(fma(fma(a, r, c), r, b), r, a), r, c)
            y[j] = fma(p, q, fma(s, t, r))


@strict
def divisions(x, y, repeats):
    """One division a number."""
    one = np.float32(1.5)
    for _ in range(repeats):
        for j in range(x.shape[0]):
            y[j] = one / (x[j] + y[j])


@strict
def read(values, repeats):
    """Read an array over and over; whole numbers, whose sum may be regrouped into vectors."""
    total = 0
    for s in range(repeats):
        for j in range(values.shape[0]):
            total += values[j] ^ s
    return total


@strict
def scattered(values, repeats):
    """Read and write one number in each of many cache lines, as a column of a matrix asks for it."""
    step = np.float32(0.5)
    for s in range(repeats):
        j = s % LINE
        for i in range(values.shape[0]):
            values[i, j] = values[i, j] * step


def best(work, repeats: int = 7) -> float:
    """The shortest of several runs, in seconds."""
    work()
    return min(timed(work) for _ in range(repeats))


def measure(task: dict) -> dict:
    """Operations and bytes a second."""
    x, y = np.full(IN_CACHE, 0.5, np.float32), np.full(IN_CACHE, 0.5, np.float32)
    repeats = 20_000
    n_operations, n_fused = 4 * 8 + 3, 4 * 4 + 2
    rates = {
        "operations_per_s": n_operations * IN_CACHE * repeats / best(lambda: arithmetic(x, y, repeats)),
        "fused_per_s": n_fused * IN_CACHE * repeats / best(lambda: fused(x, y, repeats)),
        "divisions_per_s": IN_CACHE * repeats / best(lambda: divisions(x, y, repeats)),
    }
    bytes_per_s, lines_per_s = [], []
    for kib in SIZES_KIB:
        passes = max(1, READ_BYTES // (kib * 1024))
        numbers = np.ones(kib * 1024 // 8, np.int64)
        seconds = best(lambda x=numbers, p=passes: read(x, p), 3)
        bytes_per_s.append(kib * 1024 * passes / seconds)
        matrix = np.full((kib * 1024 // LINE // 4, LINE), 0.5, np.float32)
        columns = max(1, 2_000_000 // len(matrix))
        lines_per_s.append(len(matrix) * columns / best(lambda m=matrix, c=columns: scattered(m, c), 3))
    return rates | {"sizes_kib": SIZES_KIB, "bytes_per_s": bytes_per_s, "lines_per_s": lines_per_s}


if __name__ == "__main__":
    measured(measure)
