"""The two operations that NumPy arrays and compiled scalars spell differently, and the exponential built on them.

Both spellings round alike, so the reference kernel and the compiled kernel agree to the last bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Exp2Coefficients(NamedTuple):
    """Taylor coefficients of 2**r for \\|r\\| <= 1/2 and the smallest exponent, in one precision."""

    lowest: float
    c0: float
    c1: float
    c2: float
    c3: float
    c4: float
    c5: float
    c6: float


class Exp2CoefficientsDouble(NamedTuple):
    """As :class:`Exp2Coefficients`, to the 13th order that double precision needs."""

    lowest: float
    c0: float
    c1: float
    c2: float
    c3: float
    c4: float
    c5: float
    c6: float
    c7: float
    c8: float
    c9: float
    c10: float
    c11: float
    c12: float
    c13: float


def exp2_coefficients(dtype):
    """The constants of :func:`exp2` for a precision."""
    real = np.dtype(dtype).type
    kind = Exp2Coefficients if real is np.float32 else Exp2CoefficientsDouble
    orders = len(kind._fields) - 1
    return kind(real(-126.0), *(real(math.log(2.0) ** k / math.factorial(k)) for k in range(orders)))


def select(condition, yes, no):
    """`yes` where the condition holds, else `no`; for arrays and numbers."""
    return np.where(condition, yes, no)[()]


def scale_by_power_of_two(x, n):
    """``x · 2**n`` for whole-numbered floats `n` that keep the product normal."""
    return np.ldexp(x, np.asarray(n).astype(np.int32))[()]


def polynomial(r, c):
    """2**r for \\|r\\| <= 1/2 by its Taylor series, of the order of the coefficients given."""
    if isinstance(c, Exp2CoefficientsDouble):
        return polynomial_double(r, c)
    return polynomial_single(r, c)


def polynomial_single(r, c):
    """To the 6th order: relative error below 2e-7."""
    return ((((((c.c6 * r + c.c5) * r + c.c4) * r + c.c3) * r + c.c2) * r) + c.c1) * r + c.c0


def polynomial_double(r, c):
    """To the 13th order: relative error below 1e-17 before rounding."""
    high = ((((((c.c13 * r + c.c12) * r + c.c11) * r + c.c10) * r + c.c9) * r) + c.c8) * r + c.c7
    return (((((((high * r + c.c6) * r + c.c5) * r + c.c4) * r + c.c3) * r) + c.c2) * r + c.c1) * r + c.c0


def exp2(y, c):
    """2**y for y <= 0 in the precision of the coefficients `c`; at most 2**-126 for anything lower."""
    y = select(y > c.lowest, y, c.lowest)
    n = np.rint(y)
    return scale_by_power_of_two(polynomial(y - n, c), n)
