"""The arithmetic of an equation as processor instructions: the same text and the same operations as the reference's.

Each operation of :mod:`engram.precision` becomes one function for the compiler. Its code is made by calling the
operation's plain Python with registers (:class:`_Register`) instead of numbers: each ``a + b`` in it writes an
instruction. So nothing is compiled twice, calls vanish, and loops over synapses become vector instructions.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import inspect
from collections.abc import Callable
from types import FunctionType

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from engram import arithmetic, precision
from engram.kernels.compile import compiled
from engram.kernels.digest import equation_digest
from engram.precision import CHOICE, LIBRARY, MEANINGS, NUMBERS, REALS, TRUTH, TRUTHS, WHOLE, assembled, bound
from engram.rewriting import rewrite


def compiled_equation(function: Callable, dtype, identity: str):
    """An equation compiled in a precision, to be called by other compiled code.

    Parameters
    ----------
    function : callable
        A plain function of numbers.
    dtype : dtype-like
        Of the simulation: float32 or float64.
    identity : str
        What distinguishes it from other functions of its name, see :func:`engram.kernels.compile.compiled`; the
        precision need not be part of it.

    Returns
    -------
    Dispatcher
        Equal to :func:`engram.precision.reference_equation` to the last bit.

    Raises
    ------
    RuleError
        If the equation uses something that cannot mean the same in every kernel, or its source is not to be found.
    """
    function = getattr(function, "py_func", function)
    dtype = np.dtype(dtype)
    return compiled(_rewritten(function, dtype, {}), identity=f"{dtype} {identity}", expand=True)


def _rewritten(function: FunctionType, dtype: np.dtype, done: dict) -> FunctionType:
    rewritten, scope = rewrite(function), {"__builtins__": builtins}
    new = assembled(function, rewritten, scope, dtype)

    def helper(function):
        if function not in done:
            plain = _rewritten(function, dtype, done)
            done[function] = compiled(plain, identity=f"{dtype} {equation_digest(function)}", expand=True)
        return done[function]

    scope |= bound(rewritten, dtype, functools.partial(operation, dtype=dtype), helper)
    return new


# Registers ------------------------------------------------------------------------------------------------------------

_WHOLE, _TRUTH = ir.IntType(64), ir.IntType(1)


class _Register:
    """A number in a register: what Python's operators do to it is written down as instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.value, self.kind = builder, value, value.type
        self.is_real = isinstance(value.type, (ir.FloatType, ir.DoubleType))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32 if isinstance(self.kind, ir.FloatType) else np.float64)

    def like(self, other) -> ir.Value:
        """Another operand: a register, or a number as a constant of this one's kind."""
        if isinstance(other, _Register):
            return other.value
        return ir.Constant(self.kind, float(other) if self.is_real else int(other))

    def new(self, value: ir.Value) -> _Register:
        return _Register(self.builder, value)

    def _do(self, other, real: str, whole: str) -> _Register:
        return self.new(getattr(self.builder, real if self.is_real else whole)(self.value, self.like(other)))

    def _compare(self, sign: str, other) -> _Register:
        b = self.builder
        compare = b.icmp_signed if not self.is_real else b.fcmp_unordered if sign == "!=" else b.fcmp_ordered
        return self.new(compare(sign, self.value, self.like(other)))

    def __add__(self, other):
        return self._do(other, "fadd", "add")

    def __sub__(self, other):
        return self._do(other, "fsub", "sub")

    def __mul__(self, other):
        return self._do(other, "fmul", "mul")

    __radd__, __rmul__ = __add__, __mul__  # of which the order does not matter

    def __truediv__(self, other):
        return self.new(self.builder.fdiv(self.value, self.like(other)))

    def __rtruediv__(self, other):
        return self.new(self.builder.fdiv(self.like(other), self.value))

    def __neg__(self):
        return self.new(self.builder.fneg(self.value) if self.is_real else self.builder.neg(self.value))

    def __lt__(self, other):
        return self._compare("<", other)

    def __le__(self, other):
        return self._compare("<=", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def __ge__(self, other):
        return self._compare(">=", other)

    def __eq__(self, other):
        return self._compare("==", other)

    def __ne__(self, other):
        return self._compare("!=", other)

    __hash__ = None

    def __and__(self, other):
        return self.new(self.builder.and_(self.value, self.like(other)))

    def __or__(self, other):
        return self.new(self.builder.or_(self.value, self.like(other)))

    def __xor__(self, other):
        return self.new(self.builder.xor(self.value, self.like(other)))


def _select(condition: _Register, yes, no) -> _Register:
    one = yes if isinstance(yes, _Register) else no
    return one.new(one.builder.select(condition.value, one.like(yes), one.like(no)))


def _of_processor(name: str) -> Callable:
    """One instruction of the processor, or a function of the compiler's that is as exact."""

    def write(*operands):
        x = operands[0]
        kind = ir.FunctionType(x.kind, [x.kind] * len(operands))
        function = x.builder.module.declare_intrinsic(f"llvm.{name}", [x.kind], kind)
        return x.new(x.builder.call(function, [y.value for y in operands]))

    return write


def _floor_divide_whole(a: _Register, b: _Register) -> _Register:
    quotient, rest = _divided(a, b)
    lower = (rest != 0) & ((rest < 0) ^ (b < 0))
    return _select(b == 0, 0, _select(lower, quotient - 1, quotient))


def _remainder_whole(a: _Register, b: _Register) -> _Register:
    _, rest = _divided(a, b)
    lower = (rest != 0) & ((rest < 0) ^ (b < 0))
    return _select(b == 0, 0, _select(lower, rest + b, rest))


def _divided(a: _Register, b: _Register) -> tuple[_Register, _Register]:
    """Quotient towards zero and rest, for divisors that a processor refuses as well."""
    by_one = _select((b == 0) | (b == -1), 1, b)
    quotient = a.new(a.builder.sdiv(a.value, by_one.value))
    rest = a - quotient * by_one
    return _select(b == -1, -a, quotient), rest


def _to_whole(x: _Register) -> _Register:
    """The nearest whole number of 64 bits; 0 for NaN."""
    name = f"llvm.fptosi.sat.i64.{'f32' if isinstance(x.kind, ir.FloatType) else 'f64'}"
    function = cgutils.get_or_insert_function(x.builder.module, ir.FunctionType(_WHOLE, [x.kind]), name)
    return x.new(x.builder.call(function, [x.value]))


def _library(name: str, *operands: _Register) -> _Register:
    """A call of the C library's function by the address that the reference calls as well.

    Under a name of its own: the compiler replaces those functions that it knows by what is nearly the same.
    """
    x = operands[0]
    if isinstance(x.kind, ir.FloatType):
        name += "f"
    kind = ir.FunctionType(x.kind, [x.kind] * len(operands))
    function = cgutils.get_or_insert_function(x.builder.module, kind, _symbol(name))
    function.attributes.add("readnone")
    function.attributes.add("nounwind")
    return x.new(x.builder.call(function, [y.value for y in operands]))


def _power(x: _Register, y: _Register) -> _Register:
    """The C library's power; to the power of one, the usual, nothing need be called."""
    b = x.builder
    begin = b.block
    with b.if_then((y != 1).value):
        power, called = _library("pow", x, y), b.block
    result = b.phi(x.kind)
    result.add_incoming(x.value, begin)
    result.add_incoming(power.value, called)
    return x.new(result)


def _symbol(name: str) -> str:
    return f"engram_library_{name}"


def _scale_by_power_of_two(x: _Register, n: _Register) -> _Register:
    """By integer addition to the exponent's bits.

    Beside 1.5 · 2**(bits of the mantissa) a whole number stands in the lowest bits, from where it is shifted to its
    place: not every processor turns columns of doubles into whole numbers.
    """
    bits, mantissa = (32, 23) if isinstance(x.kind, ir.FloatType) else (64, 52)
    integer, b = ir.IntType(bits), x.builder
    whole = b.bitcast((n + 1.5 * 2.0**mantissa).value, integer)
    shifted = b.shl(whole, ir.Constant(integer, mantissa))
    return x.new(b.bitcast(b.add(b.bitcast(x.value, integer), shifted), x.kind))


class _NumPy:
    """The one function that :func:`engram.arithmetic.exp` asks NumPy for."""

    rint = staticmethod(_of_processor("rint"))


_SPELLED = {
    "select": _select,
    "sqrt": _of_processor("sqrt"),
    "floor": _of_processor("floor"),
    "ceil": _of_processor("ceil"),
    "trunc": _of_processor("trunc"),
    "rint": _of_processor("rint"),
    "absolute_real": _of_processor("fabs"),
    "copysign_real": _of_processor("copysign"),
    "fused": _of_processor("fma"),
    "floor_divide_whole": _floor_divide_whole,
    "remainder_whole": _remainder_whole,
    "to_whole": _to_whole,
    "library": _library,
    "scale_by_power_of_two": _scale_by_power_of_two,
    "np": _NumPy,
}
"""The compiler's spelling of what :mod:`engram.precision` and :mod:`engram.arithmetic` spell for NumPy."""


def _over_registers(function: Callable) -> Callable:
    """A plain function of those files that works on registers."""
    scope = function.__globals__ | _SPELLED
    if function is MEANINGS["power"].function:
        return _power
    if function is MEANINGS["exp"].function:
        exp = _over_registers(arithmetic.exp)
        scope["arithmetic_exp"] = lambda x: exp(x, precision.exp_coefficients(x.dtype))
    return FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)


def _announce_library() -> None:
    """Tell the compiler's linker where the C library's functions are, for code from the cache as well."""
    for name, n_operands in LIBRARY.items():
        for exact in (name, f"{name}f"):
            function = precision.library_function(exact, n_operands)
            llvmlite.binding.add_symbol(_symbol(exact), ctypes.cast(function, ctypes.c_void_p).value)


_announce_library()


# Operations -----------------------------------------------------------------------------------------------------------


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
    overload(function, strict=False, jit_options=_BARE)(_over_columns(function, name, n_operands, dtype))
    return function


def _n_operands(name: str, meaning: precision.Meaning) -> int:
    return LIBRARY.get(name.replace("power", "pow")) or meaning.function.__code__.co_argcount


def _told(function: Callable, name: str, n_operands: int) -> Callable:
    """A function of the typing context and any operands, with a name and a number of operands told."""
    parameters = [
        inspect.Parameter(x, inspect.Parameter.POSITIONAL_OR_KEYWORD) for x in ("context", *"abc"[:n_operands])
    ]
    function.__signature__ = inspect.Signature(parameters)
    function.__name__ = name
    return function


_BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}


def _typed(meaning: precision.Meaning, real: types.Float, operands: tuple):
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
    function = _over_registers(meaning.whole if is_whole else meaning.function)

    def generate(context, builder, signature, arguments):
        registers = [_Register(builder, argument) for argument in arguments]
        if meaning.takes in (TRUTHS, CHOICE):
            n = len(registers) if meaning.takes == TRUTHS else 1
            registers[:n] = [x if x.kind == _TRUTH else x != 0 for x in registers[:n]]
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

    choose.__signature__ = inspect.Signature(
        [inspect.Parameter(x, inspect.Parameter.POSITIONAL_OR_KEYWORD) for x in letters]
    )
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
    scope = {"operate": function, "empty": np.empty, "given": given}
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
