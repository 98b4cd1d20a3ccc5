"""What the arithmetic of an equation means: every operation in the precision of the simulation, by NumPy.

An equation is a plain function of numbers: a learning rule's, a neuron's. It is computed in one precision, `real`:

- An operation on numbers of which at least one is a float converts all of them to `real` first: whole numbers, truths,
  counts, floats of another precision. Its result is rounded once, to `real`.
- Whole numbers and truths among themselves stay whole, with 64 bits, for ``+ - * // %``, comparisons, `abs`, `min` and
  `max`; whole ``x // 0`` and ``x % 0`` are 0. ``/`` and ``**`` convert them to `real`.
- ``x ** 2``, ``x ** 3`` and ``x ** 4`` are products; any other power is the C library's.
- `exp` is :func:`engram.arithmetic.exp`, so that a loop over synapses becomes vector instructions; `sqrt` is exact; the
  remaining functions are the C library's of that precision, the same ones in every kernel.
- Sums over a column, and what else :mod:`engram.equations.reductions` holds, go from the first element to the last.

An equation may use

- ``+ - * / // % **``, comparisons, ``and or not``, ``if``, loops, columns and their parts as NumPy has them;
- functions of the user's own, which are equations too, and numbers, tuples and arrays from outside;
- ``abs min max sum any all round float int bool pow range len enumerate zip``, and of a column ``.sum() .mean() .min()
  .max() .any() .all() .dot() .copy()``;
- of `math` and NumPy ``exp exp2 expm1 log log2 log10 log1p sqrt cbrt pow hypot fmod copysign``, trigonometric and
  hyperbolic functions, ``floor ceil trunc rint sign clip where minimum maximum isnan isfinite isinf``, and of NumPy
  ``sum mean min max dot linalg.norm count_nonzero zeros ones full zeros_like ones_like``.

Anything else is refused, with its file and line, in every kernel: random numbers, for one, would differ between two.
An equation is read from its source, so that must be at hand: a file, a notebook, a recent Python's prompt.

This is the reference's side; :mod:`engram.kernels.precision` makes processor instructions of the same functions.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from engram.equations.operations import CHOICE, MEANINGS, NUMBERS, REALS, TRUTH, TRUTHS, WHOLE
from engram.equations.reductions import REDUCTIONS
from engram.equations.rewriting import Helper, Number, Operation, Rewritten, rewrite
from engram.equations.text import plain_function
from engram.equations.ways import each_way, is_many, of_each, one_by_one
from engram.typing import Function


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


def exact(function: Function) -> Function:
    """Mark an equation of ours whose arithmetic is in one precision as it is written, by :mod:`engram.arithmetic`.

    Such an equation may use what others cannot (fused products, series whose coefficients come as constants); the
    kernels take it as it is.
    """
    vars(function)["is_exact"] = True
    return function


def in_the_reference(function: Callable, dtype) -> Callable:
    """An equation as the reference kernel calls it."""
    return function if getattr(function, "is_exact", False) else reference_equation(function, dtype)


def for_each(function: Callable, dtype) -> Callable:
    """An equation of single numbers as the reference kernel calls it for many elements: each has the bits that it would
    have alone, and goes its own way through the branches.

    Parameters
    ----------
    function : callable
        A plain function of numbers.
    dtype : dtype-like
        Of the simulation: float32 or float64.

    Returns
    -------
    callable
        With the same arguments, of which those that are arrays have a number for each element.
    """
    return in_the_reference(function, dtype) if getattr(function, "is_exact", False) else _for_each(function, dtype)


@functools.lru_cache(maxsize=512)
def _for_each(function: Callable, dtype) -> Callable:
    alone, together = reference_equation(function, dtype), None
    plain = plain_function(function)
    if not _makes_columns(plain):
        together = _reference(plain, np.dtype(dtype), {}, operation_of_each)

    @functools.wraps(function)
    def equation(*arguments):
        if not any(map(is_many, arguments)):
            return alone(*arguments)
        if together is not None:
            with np.errstate(all="ignore"), contextlib.suppress(Exception):  # whatever is wrong is told by one alone
                return each_way(together, arguments)
        return one_by_one(alone, arguments)

    return equation


def _makes_columns(function: FunctionType) -> bool:
    """Whether an equation of numbers has columns of its own."""
    for meaning in rewrite(function).meanings.values():
        if isinstance(meaning, Operation) and (meaning.name in REDUCTIONS or meaning.name in ("zeros", "zero_of")):
            return True
        if isinstance(meaning, Helper) and _makes_columns(meaning.function):
            return True
        if isinstance(meaning, Number) and _is_column(meaning.value):
            return True
    return False


def _is_column(value) -> bool:
    return any(map(_is_column, value)) if isinstance(value, tuple) else is_many(value)


@functools.lru_cache(maxsize=512)
def _reference_equation(function: Callable, dtype: np.dtype) -> Callable:
    plain = _reference(plain_function(function), dtype, {}, numpy_operation)

    @functools.wraps(function)
    def equation(*arguments):
        with np.errstate(all="ignore"):  # compiled code does not warn either
            return plain(*arguments)

    return equation


def _reference(function: FunctionType, dtype: np.dtype, done: dict, operation_in: Callable) -> FunctionType:
    if function not in done:
        rewritten, scope = rewrite(function), {"__builtins__": builtins}
        done[function] = assembled(function, rewritten, scope, dtype)
        operation = functools.partial(operation_in, dtype=dtype)
        scope |= bound(rewritten, dtype, operation, lambda helper: _reference(helper, dtype, done, operation_in))
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
        if takes in (NUMBERS, REALS) and all([type(x) is real for x in operands]):
            result = function(*operands)
            return bool(result) if as_truth else result
        if takes == NUMBERS and all([type(x) is int or type(x) is bool for x in operands]):
            result = of_whole(*[int(x) for x in operands])
            return bool(result) if as_truth else int(result)
        is_whole = takes == NUMBERS and all(_is_whole(name, x) for x in operands)
        is_whole |= takes == CHOICE and all(_is_whole(name, x) for x in operands[1:])
        converted = [_to_kind(name, x, dtype, k, takes, is_whole) for k, x in enumerate(operands)]
        result = (of_whole if is_whole else function)(*converted)
        kind = {TRUTH: np.dtype(bool), WHOLE: np.dtype(np.int64)}.get(gives, np.dtype(np.int64) if is_whole else dtype)
        return _as(kind, result)

    operate.__name__ = name
    return operate


@functools.cache
def operation_of_each(name: str, dtype: np.dtype) -> Callable:
    """An operation in a precision on numbers of which there is one for each element."""
    if name == "into":
        return lambda target, value: value  # a number is no place
    return of_each(numpy_operation(name, dtype))


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
    if kind == np.bool_:
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
