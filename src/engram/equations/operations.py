"""Every operation on single numbers, once, as a plain function.

NumPy computes them as they stand; the compiler makes processor instructions by calling them with registers. Only the
few functions at the beginning are spelled differently there.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram import arithmetic
from engram.arithmetic import select

NUMBERS, REALS, TRUTHS, CHOICE = "numbers", "reals", "truths", "choice"
SAME, WHOLE, TRUTH = "same", "whole", "truth"


class Meaning(NamedTuple):
    """What an operation does."""

    function: Callable  # of operands that are all real, or all whole, or truths
    takes: str  # NUMBERS: real if one of them is, else whole; REALS; TRUTHS; CHOICE: a truth, then NUMBERS
    gives: str  # SAME kind as it takes, WHOLE, TRUTH
    whole: Callable  # the function of whole numbers


MEANINGS: dict[str, Meaning] = {}
"""Every operation on single numbers by name; on columns they are done element by element."""


def _meaning(takes: str, gives: str = SAME, *, name: str | None = None, whole: Callable | None = None):
    def note(function):
        MEANINGS[name or function.__name__] = Meaning(function, takes, gives, whole or function)
        return function

    return note


# The few operations that numbers of NumPy and numbers in a processor's registers spell differently --------------------

sqrt, floor, ceil, trunc, rint = np.sqrt, np.floor, np.ceil, np.trunc, np.rint
absolute_real, copysign_real, fused = np.abs, np.copysign, arithmetic.fma


def floor_divide_whole(a, b):
    """The whole quotient, rounded down; 0 for a divisor of 0."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.floor_divide(a, b)
    return a // b if b else 0


def remainder_whole(a, b):
    """What the whole quotient leaves over; 0 for a divisor of 0."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.remainder(a, b)
    return a % b if b else 0


def to_whole(x):
    """A whole-numbered real as a whole number, the nearest of 64 bits; 0 for NaN."""
    if isinstance(x, np.ndarray):
        return np.array([to_whole(each) for each in x], np.int64)
    if x != x:
        return 0
    if abs(x) < 2.0**63:
        return int(x)
    return 2**63 - 1 if x > 0 else -(2**63)


def library(name, *operands):
    """A function of the C library, in the precision of its operands."""
    single = operands[0].dtype == np.float32
    function = library_function(f"{name}f" if single else name, len(operands))
    if all(np.ndim(x) == 0 for x in operands):
        return operands[0].dtype.type(function(*operands))
    rows = np.broadcast_arrays(*operands)
    return np.array([function(*row) for row in zip(*rows, strict=True)], operands[0].dtype)


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)


@functools.cache
def library_function(name: str, n_operands: int):
    """A function of the C library; single precision if its name ends in ``f``, as C has it."""
    kind = ctypes.c_float if name in _SINGLE else ctypes.c_double
    if os.name == "nt" and name == "hypotf":
        name = "_hypotf"  # as that system calls it
    function = _c_library()[name]  # a copy of its own, with types of its own
    function.argtypes, function.restype = [kind] * n_operands, kind
    return function


# Arithmetic -----------------------------------------------------------------------------------------------------------


@_meaning(NUMBERS)
def add(a, b):
    """``a + b``."""
    return a + b


@_meaning(NUMBERS)
def subtract(a, b):
    """``a - b``."""
    return a - b


@_meaning(NUMBERS)
def multiply(a, b):
    """``a * b``."""
    return a * b


@_meaning(REALS)
def divide(a, b):
    """``a / b``."""
    return a / b


@_meaning(NUMBERS, whole=lambda a, b: remainder_whole(a, b))
def remainder(a, b):
    """``a % b``, of the divisor's sign as in Python."""
    rest = library("fmod", a, b)
    rest = select((rest != 0) & ((b < 0) != (rest < 0)), rest + b, rest)
    return select(rest == 0, copysign_real(rest, b), rest)


@_meaning(NUMBERS, whole=lambda a, b: floor_divide_whole(a, b))
def floor_divide(a, b):
    """``a // b``."""
    rest = library("fmod", a, b)
    quotient = (a - rest) / b
    quotient = select((rest != 0) & ((b < 0) != (rest < 0)), quotient - 1, quotient)
    lower = floor(quotient)
    return select(b == 0, a / b, select(quotient - lower > 0.5, lower + 1, lower))


@_meaning(NUMBERS)
def negative(a):
    """``-a``."""
    return -a


@_meaning(NUMBERS, whole=lambda a: select(a < 0, -a, a))
def absolute(a):
    """``abs(a)``."""
    return absolute_real(a)


@_meaning(REALS)
def square(a):
    """``a ** 2``."""
    return a * a


@_meaning(REALS)
def cube(a):
    """``a ** 3``."""
    return a * a * a


@_meaning(REALS)
def fourth_power(a):
    """``a ** 4``."""
    return (a * a) * (a * a)


@_meaning(REALS)
def fma(a, b, c):
    """``a * b + c``, rounded once."""
    return fused(a, b, c)


@_meaning(REALS)
def reciprocal(a):
    """``1 / a``."""
    return 1 / a


@_meaning(NUMBERS)
def sign(a):
    """1, -1 or 0; NaN for NaN."""
    return select(a > 0, a - a + 1, select(a < 0, a - a - 1, a))


# Comparisons and choices ----------------------------------------------------------------------------------------------


@_meaning(NUMBERS, TRUTH)
def less(a, b):
    """``a < b``."""
    return a < b


@_meaning(NUMBERS, TRUTH)
def less_equal(a, b):
    """``a <= b``."""
    return a <= b


@_meaning(NUMBERS, TRUTH)
def greater(a, b):
    """``a > b``."""
    return a > b


@_meaning(NUMBERS, TRUTH)
def greater_equal(a, b):
    """``a >= b``."""
    return a >= b


@_meaning(NUMBERS, TRUTH)
def equal(a, b):
    """``a == b``."""
    return a == b


@_meaning(NUMBERS, TRUTH)
def not_equal(a, b):
    """``a != b``."""
    return a != b


@_meaning(NUMBERS, name="min")
def python_min(a, b):
    """The first unless the second is smaller."""
    return select(b < a, b, a)


@_meaning(NUMBERS, name="max")
def python_max(a, b):
    """The first unless the second is larger."""
    return select(b > a, b, a)


@_meaning(NUMBERS)
def minimum(a, b):
    """The smaller; NaN if one is."""
    return select((a < b) | (a != a), a, b)


@_meaning(NUMBERS)
def maximum(a, b):
    """The larger; NaN if one is."""
    return select((a > b) | (a != a), a, b)


@_meaning(NUMBERS)
def fmin(a, b):
    """The smaller; a number before NaN."""
    return select((a < b) | (b != b), a, b)


@_meaning(NUMBERS)
def fmax(a, b):
    """The larger; a number before NaN."""
    return select((a > b) | (b != b), a, b)


@_meaning(NUMBERS)
def clip(a, low, high):
    """`a` within its bounds; NaN stays NaN."""
    return select(a < low, low, select(a > high, high, a))


@_meaning(CHOICE)
def where(condition, yes, no):
    """`yes` where the condition holds, else `no`."""
    return select(condition, yes, no)


@_meaning(TRUTHS, TRUTH)
def logical_not(a):
    """Whether `a` is zero."""
    return a ^ True


@_meaning(TRUTHS, TRUTH)
def logical_and(a, b):
    """Whether both are not zero."""
    return a & b


@_meaning(TRUTHS, TRUTH)
def logical_or(a, b):
    """Whether one is not zero."""
    return a | b


@_meaning(REALS, TRUTH)
def isnan(a):
    """Whether it is not a number."""
    return a != a


@_meaning(REALS, TRUTH)
def isfinite(a):
    """Whether it is neither infinite nor NaN."""
    return a - a == 0


@_meaning(REALS, TRUTH)
def isinf(a):
    """Whether it is infinite."""
    return (a == a) & (a - a != 0)


# From one kind to another ---------------------------------------------------------------------------------------------


@_meaning(REALS)
def real(a):
    """``float(a)``: a number of the simulation's precision."""
    return a


@_meaning(TRUTHS, TRUTH)
def truth(a):
    """``bool(a)``."""
    return a


@_meaning(NUMBERS, WHOLE, whole=lambda a: a)
def whole(a):
    """``int(a)``, towards zero."""
    return to_whole(trunc(a))


@_meaning(NUMBERS, WHOLE, whole=lambda a: a)
def whole_floor(a):
    """``math.floor(a)``."""
    return to_whole(floor(a))


@_meaning(NUMBERS, WHOLE, whole=lambda a: a)
def whole_ceil(a):
    """``math.ceil(a)``."""
    return to_whole(ceil(a))


@_meaning(NUMBERS, WHOLE, whole=lambda a: a)
def whole_round(a):
    """``round(a)``: halves to the even neighbour."""
    return to_whole(rint(a))


# Functions ------------------------------------------------------------------------------------------------------------


@_meaning(REALS)
def exp(a):
    """The exponential, by :func:`engram.arithmetic.exp`."""
    return arithmetic_exp(a)


def arithmetic_exp(a):
    """The exponential with the coefficients of the number's precision."""
    return arithmetic.exp(a, exp_coefficients(a.dtype))


exp_coefficients = functools.cache(arithmetic.exp_coefficients)


def _elementary(name: str, function: Callable) -> None:
    """Of a real number, by one of the spellings above: looked up when it is called, since the compiler has its own."""
    MEANINGS[name] = Meaning(function, REALS, SAME, function)


_elementary("sqrt", lambda a: sqrt(a))
_elementary("floor", lambda a: floor(a))
_elementary("ceil", lambda a: ceil(a))
_elementary("trunc", lambda a: trunc(a))
_elementary("rint", lambda a: rint(a))
_elementary("copysign", lambda a, b: copysign_real(a, b))


LIBRARY = {
    **dict.fromkeys(("exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "sinh", "cosh", "tanh"), 1),
    **dict.fromkeys(("asin", "acos", "atan", "asinh", "acosh", "atanh"), 1),
    **dict.fromkeys(("pow", "fmod", "hypot", "atan2"), 2),
}
"""Functions of the C library, and how many numbers they take."""
_SINGLE = {f"{name}f" for name in LIBRARY}


def _from_library(name: str) -> Callable:
    return lambda *operands: library(name, *operands)


for _name in LIBRARY:
    _elementary("power" if _name == "pow" else _name, _from_library(_name))
