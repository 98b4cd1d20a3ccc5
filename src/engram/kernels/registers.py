"""Numbers in a processor's registers: Python's operators write down instructions.

Called with registers instead of numbers, a plain function of :mod:`engram.equations.operations` becomes machine code in
the place where it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from engram import arithmetic
from engram.equations import operations
from engram.equations.operations import MEANINGS
from engram.equations.text import plain_function
from engram.kernels.machine import LIBRARY_PREFIX, provide_library

_WHOLE, TRUTH_BIT = ir.IntType(64), ir.IntType(1)


class Register:
    """A number in a register: what Python's operators do to it is written down as instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.NamedValue | ir.Constant):
        self.builder, self.value, self.kind = builder, value, value.type
        self.is_real = isinstance(value.type, (ir.FloatType, ir.DoubleType))

    @property
    def dtype(self) -> np.dtype:
        """The precision of a real one."""
        return np.dtype(np.float32 if isinstance(self.kind, ir.FloatType) else np.float64)

    def like(self, other) -> ir.NamedValue | ir.Constant:
        """Another operand: a register, or a number as a constant of this one's kind."""
        if isinstance(other, Register):
            return other.value
        return ir.Constant(self.kind, float(other) if self.is_real else int(other))

    def new(self, value: ir.NamedValue | ir.Constant) -> Register:
        """What an instruction gave."""
        return Register(self.builder, value)

    def _do(self, other, real: str, whole: str) -> Register:
        return self.new(getattr(self.builder, real if self.is_real else whole)(self.value, self.like(other)))

    def _compare(self, sign: str, other) -> Register:
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


def _select(condition: Register, yes, no) -> Register:
    one = yes if isinstance(yes, Register) else no
    return one.new(one.builder.select(condition.value, one.like(yes), one.like(no)))


def _of_processor(name: str) -> Callable:
    """One instruction of the processor, or a function of the compiler's that is as exact."""

    def write(*operands):
        x = operands[0]
        kind = ir.FunctionType(x.kind, [x.kind] * len(operands))
        function = x.builder.module.declare_intrinsic(f"llvm.{name}", [x.kind], kind)
        return x.new(x.builder.call(function, [y.value for y in operands]))

    return write


def _floor_divide_whole(a: Register, b: Register) -> Register:
    quotient, rest = _divided(a, b)
    lower = (rest != 0) & ((rest < 0) ^ (b < 0))
    return _select(b == 0, 0, _select(lower, quotient - 1, quotient))


def _remainder_whole(a: Register, b: Register) -> Register:
    _, rest = _divided(a, b)
    lower = (rest != 0) & ((rest < 0) ^ (b < 0))
    return _select(b == 0, 0, _select(lower, rest + b, rest))


def _divided(a: Register, b: Register) -> tuple[Register, Register]:
    """Quotient towards zero and rest, for divisors that a processor refuses as well."""
    by_one = _select((b == 0) | (b == -1), 1, b)
    quotient = a.new(a.builder.sdiv(a.value, by_one.value))
    rest = a - quotient * by_one
    return _select(b == -1, -a, quotient), rest


def _to_whole(x: Register) -> Register:
    """The nearest whole number of 64 bits; 0 for NaN."""
    name = f"llvm.fptosi.sat.i64.{'f32' if isinstance(x.kind, ir.FloatType) else 'f64'}"
    function = cgutils.get_or_insert_function(x.builder.module, ir.FunctionType(_WHOLE, [x.kind]), name)
    return x.new(x.builder.call(function, [x.value]))


def _library(name: str, *operands: Register) -> Register:
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


def _power(x: Register, y: Register) -> Register:
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
    return f"{LIBRARY_PREFIX}{name}"


def _scale_by_power_of_two(x: Register, n: Register) -> Register:
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


def over_registers(function: Callable) -> Callable:
    """A plain function of those files that works on registers."""
    function = plain_function(function)
    scope = function.__globals__ | _SPELLED
    if function is MEANINGS["power"].function:
        return _power
    if function is MEANINGS["exp"].function:
        exp = over_registers(arithmetic.exp)
        scope["arithmetic_exp"] = lambda x: exp(x, operations.exp_coefficients(x.dtype))
    return FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)


provide_library()
