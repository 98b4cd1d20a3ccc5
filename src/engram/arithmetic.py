"""The few operations that NumPy arrays and compiled scalars spell differently, and the functions built on them.

Both spellings round alike, so the reference kernel and the compiled kernel agree to the last bit.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
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
    if isinstance(condition, (bool, np.bool_)):
        return yes if condition else no
    return np.where(condition, yes, no)[()]


def not_negative(x):
    """A number, or zero if it is less; NaN stays NaN."""
    return np.where(x < 0, np.zeros_like(x), x)[()]


def fma(a, b, c):
    """``a · b + c``, rounded once.

    A processor does it in one instruction, but NumPy has no word for it: here the product is taken exactly, and added
    in double precision rounded to odd, from which one more rounding gives the nearest number [BM08]_. That holds in
    single precision, and in double unless a factor or product comes within 2**53 of the smallest or the largest double.

    References
    ----------
    .. [BM08] S. Boldo, G. Melquiond: Emulation of a FMA and correctly rounded sums: proved algorithms using rounding
       to odd. IEEE Transactions on Computers 57 (2008), 462-471.
    """
    kind = np.result_type(a, b, c)
    a, b, c = (np.asarray(x, kind) for x in (a, b, c))
    with np.errstate(all="ignore"):
        return (_fma_single(a, b, c) if kind == np.float32 else _fma_double(a, b, c))[()]


_BELOW, _ABOVE = 1.0 - 2.0**-51, 1.0 + 2.0**-51
"""What a double is multiplied by to have all numbers between that it may be the rounding of."""


def _fma_single(a, b, c):
    """In most cases the double that the sum is rounded to is near no middle of two neighbours in single precision."""
    product = np.multiply(a, b, dtype=np.float64)
    plain = product + c
    result = (plain * _BELOW).astype(np.float32)
    if (result == (plain * _ABOVE).astype(np.float32)).all():
        return result
    result = _sum_to_odd(product, c.astype(np.float64))
    return np.where(np.isfinite(result), result, plain).astype(np.float32)


def _fma_double(a, b, c):
    """In most cases it does not matter how the sum of the two rests is rounded."""
    product, rest = _exact_product(a, b)
    total, middle = _exact_sum(c, product)
    rests = middle + rest
    result, upper = total + rests * _BELOW, total + rests * _ABOVE
    if (result == upper).all():
        return result
    if ((result == upper) | ((rest == 0) & np.isfinite(rests))).all():
        return total + rests
    smaller, rest = _exact_sum(c, rest)
    larger, middle = _exact_sum(product, smaller)
    result, plain = larger + _sum_to_odd(middle, rest), a * b + c
    return np.where(np.isfinite(result), result, plain)


def _exact_sum(x, y):
    """The sum of two doubles, and what rounding took from it."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _exact_product(x, y):
    """The product of two doubles, and what rounding took from it."""
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    product = x * y
    return product, x_low * y_low - (((product - x_high * y_high) - x_low * y_high) - x_high * y_low)


def _halves(x):
    """A double as the sum of two with 26 bits each."""
    scaled = x * (2.0**27 + 1.0)
    high = scaled - (scaled - x)
    return high, x - high


def _sum_to_odd(x, y):
    """The sum of two doubles; where it is not exact, the one of its two neighbours that ends in an odd bit."""
    total, rest = _exact_sum(x, y)
    even = np.asarray(total).view(np.int64) & 1 == 0
    return np.where((rest != 0) & even, np.nextafter(total, np.copysign(np.inf, rest)), total)


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


class ExpCoefficients(NamedTuple):
    """Constants of :func:`exp` in one precision."""

    lowest: float
    highest: float
    log2_e: float
    ln_2_high: float  # few bits, so that its product with a whole number is exact
    ln_2_low: float  # what it lacks
    zero: float
    infinite: float
    orders: tuple  # of the Taylor series, the highest first


def exp_coefficients(dtype) -> ExpCoefficients:
    """The constants of :func:`exp` for a precision."""
    real = np.dtype(dtype).type
    single = real is np.float32
    lowest, highest, order, bits = (-87.33, 88.72283, 7, 13) if single else (-708.39, 709.78271289, 13, 32)
    ln_2 = Fraction(_LN_2)
    high = Fraction(math.floor(ln_2 * 2**bits), 2**bits)
    numbers = (lowest, highest, 1 / math.log(2.0), float(high), float(ln_2 - high), 0.0, math.inf)
    return ExpCoefficients(*map(real, numbers), tuple(real(1 / math.factorial(k)) for k in range(order, -1, -1)))


_LN_2 = "0.693147180559945309417232121458176568075500134360255254120680009493393622"


def exp(x, c):
    """e**x in the precision of the coefficients `c`, within 1.2 units in the last place.

    Zero for results below the smallest normal number, about 1.2e-38 in single and 2.2e-308 in double precision;
    infinite for those too large; NaN for NaN. There is no branch, so that a loop over many x becomes vector
    instructions.
    """
    y = select(x > c.lowest, x, c.lowest)
    y = select(y < c.highest, y, c.highest)
    n = np.rint(y * c.log2_e)
    r = (y - n * c.ln_2_high) - n * c.ln_2_low
    series = c.orders[0]
    for coefficient in c.orders[1:]:
        series = series * r + coefficient
    value = scale_by_power_of_two(series, n)
    value = select(x < c.lowest, c.zero, value)
    value = select(x > c.highest, c.infinite, value)
    return select(x != x, x, value)


class RelaxationCoefficients(NamedTuple):
    """Of :func:`relaxation`, in single precision."""

    c0: float
    c1: float
    c2: float
    c3: float
    c4: float
    c5: float


class RelaxationCoefficientsDouble(NamedTuple):
    """Of :func:`relaxation`, in double precision."""

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


@functools.lru_cache(maxsize=256)
def relaxation_coefficients(dtype, h: float):
    """The coefficients of ``(1 − exp(−h g)) / g`` in powers of g, for ``0 <= h g <= 1``."""
    real = np.dtype(dtype).type
    kind = RelaxationCoefficients if real is np.float32 else RelaxationCoefficientsDouble
    step = Fraction(h)
    return kind(*(real(float(c * step ** (k + 1))) for k, c in enumerate(_relaxation_series(len(kind._fields)))))


@functools.cache
def _relaxation_series(n: int) -> tuple[Fraction, ...]:
    """The first n coefficients of ``(1 − exp(−x)) / x`` in powers of x.

    The Taylor series, its high orders traded for Chebyshev polynomials on [0, 1] so that the error is spread evenly;
    before rounding, below 1e-7 of the value in single precision, 2e-17 in double precision.
    """
    series = [Fraction((-1) ** k, math.factorial(k + 1)) for k in range(2 * n + 8)]
    for chebyshev in reversed(_chebyshev(len(series))[n:]):
        share = series.pop() / chebyshev[-1]
        series = [s - share * c for s, c in zip(series, chebyshev[:-1], strict=True)]
    return tuple(series)


def _chebyshev(n: int) -> list[list[int]]:
    """The coefficients of the first n Chebyshev polynomials, moved to [0, 1]."""
    found = [[1], [-1, 2]]
    while len(found) < n:
        before, now = found[-2:]
        terms = zip([0, *now], [*now, 0], [*before, 0, 0], strict=True)
        found.append([4 * higher - 2 * same - earlier for higher, same, earlier in terms])
    return found


def relaxation(g, c):
    """``(1 − exp(−h g)) / g`` for ``0 <= h g <= 1`` and the `h` of the coefficients."""
    if isinstance(g, np.ndarray):
        return _relaxation_of_many(g, c)
    if isinstance(c, RelaxationCoefficientsDouble):
        return relaxation_double(g, c)
    return relaxation_single(g, c)


def _relaxation_of_many(g, c):
    """What the two below do to a number, with the steps that wait for none of the others taken at once."""
    c = np.array(c, g.dtype).reshape(-1, *(1 for _ in g.shape))
    terms, power = fma(c[1::2], g, c[::2]), g * g
    if len(c) == 12:
        terms, power = fma(power, terms[1::2], terms[::2]), power * power
    return fma(power, fma(power, terms[2], terms[1]), terms[0])


def relaxation_single(g, c):
    """In an order of few dependent steps, for which a processor need not wait."""
    g2 = g * g
    return fma(g2, fma(g2, fma(c.c5, g, c.c4), fma(c.c3, g, c.c2)), fma(c.c1, g, c.c0))


def relaxation_double(g, c):
    """As :func:`relaxation_single`, of higher order."""
    g2 = g * g
    g4 = g2 * g2
    low = fma(g2, fma(c.c3, g, c.c2), fma(c.c1, g, c.c0))
    middle = fma(g2, fma(c.c7, g, c.c6), fma(c.c5, g, c.c4))
    high = fma(g2, fma(c.c11, g, c.c10), fma(c.c9, g, c.c8))
    return fma(g4, fma(g4, high, middle), low)


_ROOT_TWO = math.sqrt(2.0)
_TWO_OVER_LN_TWO = 2.0 / math.log(2.0)


def mantissa_and_exponent(x):
    """A positive double as ``(m, n)`` with ``x = m · 2**n`` and m in [1, 2); n as a double."""
    m, n = math.frexp(x)
    return 2.0 * m, float(n - 1)


def log2(x):
    """The binary logarithm of a positive double: relative error below 1e-15, next to 1 as well."""
    m, n = mantissa_and_exponent(x)
    above = m > _ROOT_TWO
    m = 0.5 * m if above else m
    n = n + 1.0 if above else n
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    low = (1.0 + z * (1.0 / 3.0)) + (z * z) * (1.0 / 5.0 + z * (1.0 / 7.0))
    high = (1.0 / 9.0 + z * (1.0 / 11.0)) + (z * z) * (1.0 / 13.0 + z * (1.0 / 15.0))
    highest = 1.0 / 17.0 + z * (1.0 / 19.0)
    z4 = (z * z) * (z * z)
    return n + (_TWO_OVER_LN_TWO * s) * (low + z4 * (high + z4 * highest))
