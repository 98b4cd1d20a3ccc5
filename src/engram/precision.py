"""What the arithmetic of an equation means: every operation in the precision of the simulation, by NumPy.

An equation is a plain function of numbers: a learning rule's, a neuron's. It is computed in one precision, `real`:

- An operation on numbers of which at least one is a float converts all of them to `real` first: whole numbers, truths,
  counts, floats of another precision. Its result is rounded once, to `real`.
- Whole numbers and truths among themselves stay whole, with 64 bits, for ``+ - * // %``, comparisons, `abs`, `min` and
  `max`; whole ``x // 0`` and ``x % 0`` are 0. ``/`` and ``**`` convert them to `real`.
- ``x ** 2``, ``x ** 3`` and ``x ** 4`` are products; any other power is the C library's.
- `exp` is :func:`engram.arithmetic.exp`, so that a loop over synapses becomes vector instructions; `sqrt` is exact; the
  remaining functions are the C library's of that precision, the same ones in every kernel.
- Sums over a column, and what else :mod:`engram.reductions` holds, go from the first element to the last.

This is the reference's side; :mod:`engram.kernels.precision` makes processor instructions of the same functions.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import os
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from engram import arithmetic
from engram.arithmetic import select
from engram.reductions import REDUCTIONS
from engram.rewriting import AsItIs, Helper, Number, Operation, Rewritten, rewrite

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
def library_function(name: str, n_operands: int) -> Callable:
    """A function of the C library; single precision if its name ends in ``f``, as C has it."""
    kind = ctypes.c_float if name in _SINGLE else ctypes.c_double
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


# NumPy's side ---------------------------------------------------------------------------------------------------------


def reference_equation(function: Callable, dtype) -> Callable:
    """An equation computed in a precision by NumPy, for single numbers and for columns.

    Parameters
    ----------
    function : callable
        A plain function of numbers.
    dtype : dtype-like
        Of the simulation: float32 or float64.

    Returns
    -------
    callable
        With the same arguments. What it returns are numbers of that precision, whole numbers or truths.

    Raises
    ------
    RuleError
        If the equation uses something that cannot mean the same in every kernel, or its source is not to be found.

    Examples
    --------
    >>> def decay(w): return w - w / 3
    >>> reference_equation(decay, "float32")(1.0)
    np.float32(0.6666666)
    """
    return _reference_equation(function, np.dtype(dtype))


@functools.lru_cache(maxsize=512)
def _reference_equation(function: Callable, dtype: np.dtype) -> Callable:
    plain = _reference(getattr(function, "py_func", function), dtype, {})

    @functools.wraps(function)
    def equation(*arguments):
        with np.errstate(all="ignore"):  # compiled code does not warn either
            return plain(*arguments)

    return equation


def _reference(function: FunctionType, dtype: np.dtype, done: dict) -> FunctionType:
    if function not in done:
        rewritten, scope = rewrite(function), {"__builtins__": builtins}
        done[function] = assembled(function, rewritten, scope, dtype)
        operation = functools.partial(numpy_operation, dtype=dtype)
        scope |= bound(rewritten, dtype, operation, lambda helper: _reference(helper, dtype, done))
    return done[function]


def assembled(function: FunctionType, rewritten: Rewritten, scope: dict, dtype: np.dtype) -> FunctionType:
    """A rewritten equation as a function over the meanings of a scope."""
    defaults = in_precision(function.__defaults__, dtype)
    new = FunctionType(rewritten.code, scope, function.__name__.strip("<>"), defaults)
    new.__kwdefaults__ = {k: in_precision(v, dtype) for k, v in (function.__kwdefaults__ or {}).items()} or None
    new.__qualname__, new.__module__ = function.__qualname__.replace("<lambda>", "lambda"), function.__module__
    return new


def bound(rewritten: Rewritten, dtype: np.dtype, operation: Callable, helper: Callable) -> dict[str, Any]:
    """What each name of a rewritten equation stands for, given how to make operations and helpers."""

    def value_of(meaning):
        if isinstance(meaning, Operation):
            return helper(REDUCTIONS[meaning.name]) if meaning.name in REDUCTIONS else operation(meaning.name)
        if isinstance(meaning, Helper):
            return helper(meaning.function)
        return in_precision(meaning.value, dtype) if isinstance(meaning, Number) else meaning.value

    assert all(isinstance(m, (Operation, Helper, Number, AsItIs)) for m in rewritten.meanings.values())
    return {name: value_of(meaning) for name, meaning in rewritten.meanings.items()}


def in_precision(value, dtype: np.dtype):
    """A number, or the numbers of an array or tuple, as an equation of that precision knows them."""
    if isinstance(value, tuple):
        parts = (in_precision(part, dtype) for part in value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    return dtype.type(value) if isinstance(value, (float, np.floating)) else value


@functools.cache
def numpy_operation(name: str, dtype: np.dtype) -> Callable:
    """An operation in a precision, for NumPy's numbers and columns."""
    if name in _SPECIAL:
        return functools.partial(_SPECIAL[name], dtype=dtype)
    function, takes, gives, of_whole = MEANINGS[name]
    real, as_truth = dtype.type, gives == TRUTH

    def operate(*operands):
        if takes in (NUMBERS, REALS) and all([type(x) is real for x in operands]):  # noqa: C419 (faster so)
            result = function(*operands)
            return bool(result) if as_truth else result
        is_whole = takes == NUMBERS and all(_is_whole(name, x) for x in operands)
        is_whole |= takes == CHOICE and all(_is_whole(name, x) for x in operands[1:])
        converted = [_to_kind(name, x, dtype, k, takes, is_whole) for k, x in enumerate(operands)]
        result = (of_whole if is_whole else function)(*converted)
        kind = {TRUTH: np.dtype(bool), WHOLE: np.dtype(np.int64)}.get(gives, np.dtype(np.int64) if is_whole else dtype)
        return _as(kind, result)

    operate.__name__ = name
    return operate


def _is_whole(name: str, x) -> bool:
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "biu"
    if isinstance(x, (int, np.integer, np.bool_)):
        return True
    if isinstance(x, (float, np.floating)):
        return False
    raise TypeError(f"{name} needs numbers, got {type(x).__name__}")


def _to_kind(name: str, x, dtype: np.dtype, place: int, takes: str, is_whole: bool):
    _is_whole(name, x)
    if takes == TRUTHS or (takes == CHOICE and place == 0):
        return x != 0 if isinstance(x, np.ndarray) else bool(x != 0)
    return _as(np.dtype(np.int64) if is_whole else dtype, x)


def _as(kind: np.dtype, x):
    if isinstance(x, np.ndarray) and x.ndim:
        return x.astype(kind, copy=False)
    if kind == bool:
        return bool(x)
    if kind == np.int64:
        return int(x)
    return kind.type(x if abs(x) < 2**53 or not isinstance(x, int) else np.int64(x))


def _zeros(n, dtype):
    return np.zeros(n, dtype)


def _zero_of(x, dtype):
    if not isinstance(x, np.ndarray):
        raise TypeError(f"a sum and the like need a column, got {type(x).__name__}")
    return dtype.type(0) if x.dtype.kind == "f" else 0


def _into(target, value, dtype):
    if not isinstance(target, np.ndarray):
        return value
    target[...] = value
    return target


_SPECIAL = {"zeros": _zeros, "zero_of": _zero_of, "into": _into}
"""Operations on columns that are none on numbers."""
