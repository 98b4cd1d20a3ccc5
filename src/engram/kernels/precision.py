"""The arithmetic of an equation as processor instructions: the same text and the same operations as the reference's.

Each operation of :mod:`engram.equations.operations` becomes one function for the compiler, whose code is made by
calling the operation with registers. So nothing is compiled twice, calls vanish, and loops over synapses become vector
instructions.
"""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from engram.equations.operations import CHOICE, LIBRARY, MEANINGS, NUMBERS, TRUTH, TRUTHS, WHOLE, Meaning
from engram.equations.rewriting import rewrite
from engram.equations.text import plain_function
from engram.kernels.front_end import Pipeline
from engram.kernels.registers import TRUTH_BIT, Register, over_registers
from engram.precision import assembled, bound


def compiled_equation(function: Callable, dtype):
    """An equation compiled in a precision, to be called by other compiled code.

    Parameters
    ----------
    function : callable
        A plain function of numbers.
    dtype : dtype-like
        Of the simulation: float32 or float64.

    Returns
    -------
    Dispatcher
        Equal to :func:`engram.precision.reference_equation` to the last bit.

    Raises
    ------
    RuleError
        If the equation uses something that cannot mean the same in every kernel, or its source is not to be found.
    """
    return _expanded(_rewritten(plain_function(function), np.dtype(dtype), {}))


def _expanded(function: FunctionType):
    """A function for the compiler, whose code is put in place of every call."""
    options = {"nogil": True, "forceinline": True, **_BARE}
    return numba.njit(**options)(function)  # ty: ignore[no-matching-overload]  # its stubs know few options


def _rewritten(function: FunctionType, dtype: np.dtype, done: dict) -> FunctionType:
    rewritten, scope = rewrite(function), {"__builtins__": builtins}
    new = assembled(function, rewritten, scope, dtype)

    def helper(function):
        if function not in done:
            plain = _rewritten(function, dtype, done)
            done[function] = _expanded(plain)
        return done[function]

    scope |= bound(rewritten, dtype, functools.partial(operation, dtype=dtype), helper)
    return new


@functools.cache
def operation(name: str, dtype: np.dtype):
    """An operation in a precision, as a function that compiled code calls."""
    if name in _SPECIAL:
        return _SPECIAL[name](dtype)
    real = numba.from_dtype(dtype)
    meaning = MEANINGS[name]
    n_operands = _n_operands(name, meaning)

    def typed(typing_context, *operands):
        return _typed(meaning, real, operands)

    function = intrinsic(_told(typed, name, n_operands))
    loops = _over_columns(function, name, n_operands, dtype)
    overload(function, strict=False, jit_options=_BARE_LOOP)(loops)
    return function


def _n_operands(name: str, meaning: Meaning) -> int:
    return LIBRARY.get(name.replace("power", "pow")) or plain_function(meaning.function).__code__.co_argcount


def _told(function: FunctionType, name: str, n_operands: int) -> FunctionType:
    """A function of the typing context and any operands, with a name and a number of operands told."""
    vars(function)["__signature__"] = _signature("context", *"abc"[:n_operands])
    function.__name__ = name
    return function


def _signature(*names: str) -> inspect.Signature:
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])


_BARE: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
_BARE_LOOP: Any = {**_BARE, "pipeline_class": Pipeline}


def _typed(meaning: Meaning, real: types.Float, operands: tuple):
    """The signature and the code for operands of some types; None if they are not single numbers."""
    operands = tuple(types.unliteral(operand) for operand in operands)
    if not all(isinstance(operand, (types.Float, types.Integer, types.Boolean)) for operand in operands):
        return None
    numbers = operands[1:] if meaning.takes == CHOICE else operands
    is_whole = meaning.takes in (NUMBERS, CHOICE) and not any(isinstance(x, types.Float) for x in numbers)
    kind = types.int64 if is_whole else real
    given = {TRUTH: types.boolean, WHOLE: types.int64}.get(meaning.gives, kind)
    taken = [kind] * len(operands)
    if meaning.takes == TRUTHS:
        taken = list(operands)
    elif meaning.takes == CHOICE:
        taken[0] = operands[0]
    function = over_registers(meaning.whole if is_whole else meaning.function)

    def generate(context, builder, signature, arguments):
        registers = [Register(builder, argument) for argument in arguments]
        if meaning.takes in (TRUTHS, CHOICE):
            n = len(registers) if meaning.takes == TRUTHS else 1
            registers[:n] = [x if x.kind == TRUTH_BIT else x != 0 for x in registers[:n]]
        return function(*registers).value

    return given(*taken), generate


def _over_columns(function: Callable, name: str, n_operands: int, dtype: np.dtype) -> Callable:
    """Chooses the loop that does an operation element by element, if an operand is a column."""
    letters = "abc"[:n_operands]

    def choose(*operands):
        elements = tuple(x.dtype if _is_column(x) else x for x in operands)
        is_column = [_is_column(x) for x in operands]
        result = _typed(MEANINGS[name], numba.from_dtype(dtype), elements) if any(is_column) else None
        if result is None:
            return None
        given = {types.boolean: np.bool_, types.int64: np.int64}.get(result[0].return_type, dtype.type)
        return _loop(function, letters, is_column, given, f"{name}_{dtype}_{''.join(map(str, map(int, is_column)))}")

    vars(choose)["__signature__"] = _signature(*letters)
    return choose


def _is_column(kind) -> bool:
    return isinstance(kind, types.Array) and kind.ndim == 1


def _loop(function: Callable, letters: str, is_column: list[bool], given: type, name: str) -> Callable:
    """The loop as text: one operand beside the other, a new column for the result."""
    lengths = ", ".join(f"len({x})" for x, column in zip(letters, is_column, strict=True) if column)
    elements = ", ".join(f"{x}[i]" if column else x for x, column in zip(letters, is_column, strict=True))
    lines = [
        f"def loop({', '.join(letters)}):",
        f"    result = empty(min({lengths}, {2**62}), given)",
        "    for i in range(result.shape[0]):",
        f"        result[i] = operate({elements})",
        "    return result",
    ]
    scope: dict[str, Any] = {"operate": function, "empty": np.empty, "given": given}
    exec(compile("\n".join(lines), f"<{name}>", "exec"), scope)
    loop = scope["loop"]
    loop.__qualname__ = f"loop_{name}"
    return loop


def _zeros(dtype: np.dtype):
    real = dtype.type

    def zeros(n):
        """A new column of zeros."""

    overload(zeros, jit_options=_BARE)(lambda n: lambda n: np.zeros(n, real))
    return zeros


def _zero_of(dtype: np.dtype):
    real = numba.from_dtype(dtype)

    @intrinsic
    def zero_of(typing_context, x):
        if not isinstance(x, types.Array):
            return None
        kind = real if isinstance(x.dtype, types.Float) else types.int64
        return kind(x), lambda context, builder, signature, arguments: context.get_constant(kind, 0)

    return zero_of


def _into(dtype: np.dtype):
    @intrinsic
    def into(typing_context, target, value):
        if isinstance(target, types.Array) or isinstance(value, types.Array):
            return None
        value = types.unliteral(value)
        return value(target, value), lambda context, builder, signature, arguments: arguments[1]

    def fill(target, value):
        if not isinstance(target, types.Array):
            return lambda target, value: value

        def into_column(target, value):
            target[:] = value
            return target

        return into_column

    overload(into, jit_options=_BARE)(fill)
    return into


_SPECIAL = {"zeros": _zeros, "zero_of": _zero_of, "into": _into}
"""Operations on columns that are none on numbers."""
