"""Parts and equations into machine code.

Each function that a routine reaches goes through Numba's front end once (:mod:`engram.kernels.front_end`); all are
linked into one module, in which everything but the routine itself is private, and optimised once. Numba by itself would
optimise and translate each function alone and again in every one that calls it.

No ``fastmath``: bits must not depend on how the machine groups a sum or fuses a product; what is fused says so
(:func:`engram.arithmetic.fma`), and the reference kernel reaches the same ones. ``error_model="numpy"`` drops the
zero-division test, which keeps loops from vectorising.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, compiler_lock
from numba.core.cpu import CPUTargetOptions
from numba.core.options import TargetOptions
from numba.extending import intrinsic, overload
from numba.np.arrayobj import populate_array

from engram import arithmetic
from engram.equations.text import plain_function
from engram.kernels.front_end import Pipeline, front_end
from engram.kernels.machine import LIBRARY_PREFIX, Equation, Routine, names_in
from engram.kernels.precision import compiled_equation

CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")  # the compiler has it, but no word for it


_PLAIN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False, "error_model": "numpy", "nogil": True,
          "pipeline_class": Pipeline}  # fmt: skip


def object_code(routine: Routine, target: tuple[str, str]) -> bytes:
    """The object file of a routine for a processor and its features."""
    with compiler_lock.global_compiler_lock, front_end():
        function = _taken(routine.function, dict(routine.scope), _TAKEN.setdefault(routine.scope, _Made(_SHARED)))
        n_arguments = routine.function.__code__.co_argcount
        n_bounds = 2 if routine.bounds else 0
        signature = (types.int64,) * (n_arguments - n_bounds) + (types.float64,) * n_bounds
        function.compile(types.int64(*signature))
        result = function.overloads[signature]
        module = _with_entry(result, routine.symbol, n_arguments - n_bounds, n_bounds)
    return _translated(module, routine.symbol, target)


def _linked(library):
    """One module of all that a library reaches."""
    module, seen, left = library._final_module.clone(), {library}, list(library._linking_libraries)
    while left:
        other = left.pop(0)
        if other not in seen:
            seen.add(other)
            module.link_in(other._final_module, preserve=True)
            left += other._linking_libraries
    return module


def _with_entry(result, symbol: str, n_whole: int, n_doubles: int):
    """The linked module with the function of C that calls the compiled one."""
    whole, double, word = ir.IntType(64), ir.DoubleType(), ir.IntType(8).as_pointer()
    arguments = [whole] * n_whole + [double] * n_doubles
    module = ir.Module(symbol)
    inner = ir.Function(
        module, ir.FunctionType(ir.IntType(32), [whole.as_pointer(), word.as_pointer(), *arguments]),
        result.fndesc.llvm_func_name,
    )  # fmt: skip
    outer = ir.Function(module, ir.FunctionType(whole, arguments), symbol)
    builder = ir.IRBuilder(outer.append_basic_block())
    returned, excuse = builder.alloca(whole), builder.alloca(word)
    builder.call(inner, [returned, excuse, *outer.args])
    builder.ret(builder.load(returned))
    linked = _linked(result.library)
    added = llvm.parse_assembly(str(module))
    added.data_layout, added.triple = linked.data_layout, linked.triple
    linked.link_in(added)
    for function in linked.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = llvm.Linkage.internal
    for variable in linked.global_variables:
        if variable.linkage in (llvm.Linkage.common, llvm.Linkage.external) and variable.name.startswith(
            "_ZN08NumbaEnv"
        ):
            variable.linkage = llvm.Linkage.internal
    return linked


_WIDE = "-prefer-256-bit"
"""Where a processor has vectors of 512 bits they are used, although the compiler would spare them on many: our loops do
little else than arithmetic, and take a quarter less time."""


def _translated(module, symbol: str, target: tuple[str, str]) -> bytes:
    """An optimised module as an object file."""
    name, features = target
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=name, features=f"{features},{_WIDE}".lstrip(","), opt=3, reloc="static", codemodel="jitdefault", jit=True
    )
    for cheap in (True, False):  # Numba's own order: cheap first, so that loops are of a form that vectorises
        options = llvm.create_pipeline_tuning_options(speed_level=0 if cheap else 3)
        options.loop_vectorization, options.slp_vectorization = not cheap, False
        builder = llvm.create_pass_builder(machine, options)
        manager = builder.getModulePassManager()
        if cheap:
            manager.add_loop_rotate_pass()
            manager.add_instruction_combine_pass()
            manager.add_jump_threading_pass()
        manager.run(module, builder)
    undefined = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    strange = [n for n in undefined if n not in _FROM_C and not n.startswith((LIBRARY_PREFIX, "NRT_"))]
    if strange:
        raise RuntimeError(f"{symbol} reaches {', '.join(strange)}, which no object file has")
    return machine.emit_object(module)


_MATHS = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos", "cosh", "erf",
    "erfc", "exp", "exp2", "expm1", "fabs", "floor", "fma", "fmod", "hypot", "ldexp", "lgamma", "log", "log10", "log1p",
    "log2", "nearbyint", "pow", "rint", "round", "sin", "sinh", "sqrt", "tan", "tanh", "tgamma", "trunc",
)  # fmt: skip
_FROM_C = {"engram_reallocate", "sched_yield", "memset", "memcpy", "memmove", *_MATHS, *(f"{n}f" for n in _MATHS)}
"""What object files take from C's library."""


def compiled(function: FunctionType, scope: tuple = (), **options):
    """A part as a function that Python calls with numbers and arrays: to try out, or to test, what routines reach."""
    return _taken(function, dict(scope), _Made({}), {**_PLAIN, "no_cpython_wrapper": False, "_nrt": True, **options})


class _Made(dict):
    """What the front end has made of functions in a scope, and what it has made of them in all scopes."""

    def __init__(self, shared: dict):
        super().__init__()
        self.shared = shared


def _taken(function: FunctionType, scope: dict, done: _Made, options: dict | None = None):
    """A part as the compiler takes it: what it reaches compiled likewise, its placeholders replaced."""
    if function in done:
        return done[function]
    key = (function, frozenset(_stands_for(function, scope, set())))
    if key in done.shared:
        done[function] = done.shared[key]
        return done[function]
    own = dict(function.__globals__)
    copy = FunctionType(function.__code__, own, function.__name__, function.__defaults__, function.__closure__)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    vars(copy)["is_part"] = True
    how = getattr(function, "compiled_as", {"apart": False, "expand": False})
    options = {"noalias": how["apart"], "forceinline": how["expand"], **(options or _PLAIN)}
    dispatcher = numba.njit(**options)(copy)  # ty: ignore[no-matching-overload]  # its stubs know few options
    done[function] = done.shared[key] = dispatcher
    for name in names_in(function.__code__):
        if name in scope or name in own:
            own[name] = _meaning(scope[name] if name in scope else own[name], scope, done)
    return dispatcher


def _stands_for(function: FunctionType, scope: dict, seen: set) -> set:
    """The placeholders that a part reaches, and what they stand for: others of its scope change nothing."""
    found = set()
    seen.add(function)
    for name in names_in(function.__code__):
        value = scope[name] if name in scope else function.__globals__.get(name)
        if name in scope:
            found.add((name, type(value), value))
        if isinstance(value, FunctionType) and value not in seen and value.__module__.startswith("engram."):
            found |= _stands_for(value, scope, seen)
    return found


def _meaning(value, scope: dict, done: _Made):
    """What a name stands for in compiled code."""
    if isinstance(value, Equation):
        key = (value.function, value.dtype)
        if key not in done:
            exact = getattr(value.function, "is_exact", False)
            done[key] = (
                _taken(plain_function(value.function), {"REAL": np.dtype(value.dtype).type}, done)
                if exact
                else compiled_equation(value.function, value.dtype)
            )
        return done[key]
    if getattr(value, "is_word", False):
        return _WORDS[value.__name__]
    if isinstance(value, FunctionType) and value not in _OVERLOADED and value.__module__.startswith("engram."):
        return _taken(value, scope, done)
    return value


_TAKEN: dict[tuple, _Made] = {}
"""What the front end has made of functions, by scope: routines share what they reach."""

_SHARED: dict[tuple, object] = {}
"""The same by function and by what the placeholders that it reaches stand for: scopes share what means the same."""

_OVERLOADED = set()
"""Functions of which the compiler knows by itself what they mean."""


_WITHOUT_WRAPPERS: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False,
                          "pipeline_class": Pipeline}  # fmt: skip
"""Options that the compiler's stubs do not know."""


def _overload(function: Callable):
    _OVERLOADED.add(function)
    return overload(function, jit_options=_WITHOUT_WRAPPERS)


@_overload(arithmetic.select)
def _select(condition, yes, no):
    return lambda condition, yes, no: yes if condition else no


@_overload(arithmetic.not_negative)
def _not_negative(x):
    zero = np.float32(0.0) if x == types.float32 else 0.0
    return lambda x: zero if x < zero else x


@_overload(arithmetic.polynomial)
def _polynomial(r, c):
    if c.instance_class is arithmetic.Exp2CoefficientsDouble:
        return arithmetic.polynomial_double
    return arithmetic.polynomial_single


@_overload(arithmetic.relaxation)
def _relaxation(g, c):
    if c.instance_class is arithmetic.RelaxationCoefficientsDouble:
        return arithmetic.relaxation_double
    return arithmetic.relaxation_single


@intrinsic
def _fma(typing_context, a, b, c):
    """The processor's own instruction, where it has one; all numbers in one precision."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return (a(a, a, a), generate) if isinstance(a, types.Float) and a == b == c else None


@_overload(arithmetic.fma)
def _fused(a, b, c):
    return lambda a, b, c: _fma(a, b, c)  # ty: ignore[missing-argument]  # the context is the compiler's own


@intrinsic
def _add_to_exponent(typing_context, x, n):
    """``x · 2**n`` by integer addition to the exponent's bits; `n` is a whole-numbered float."""
    bits, mantissa = (32, 23) if x == types.float32 else (64, 52)

    def generate(context, builder, signature, arguments):
        x_value, n_value = arguments
        integer = ir.IntType(bits)
        shifted = builder.shl(builder.fptosi(n_value, integer), ir.Constant(integer, mantissa))
        return builder.bitcast(builder.add(builder.bitcast(x_value, integer), shifted), x_value.type)

    return x(x, n), generate


@intrinsic
def _split(typing_context, x):
    """Mantissa in [1, 2) and exponent of a positive normal double, from its bits."""

    def generate(context, builder, signature, arguments):
        integer, double = ir.IntType(64), ir.DoubleType()
        bits = builder.bitcast(arguments[0], integer)
        exponent = builder.sub(builder.lshr(bits, ir.Constant(integer, 52)), ir.Constant(integer, 1023))
        fraction = builder.and_(bits, ir.Constant(integer, (1 << 52) - 1))
        mantissa = builder.bitcast(builder.or_(fraction, ir.Constant(integer, 1023 << 52)), double)
        return context.make_tuple(builder, signature.return_type, (mantissa, builder.sitofp(exponent, double)))

    return types.UniTuple(types.float64, 2)(types.float64), generate


@_overload(arithmetic.mantissa_and_exponent)
def _mantissa_and_exponent(x):
    return lambda x: _split(x)  # ty: ignore[missing-argument]


@_overload(arithmetic.scale_by_power_of_two)
def _scale_by_power_of_two(x, n):
    return lambda x, n: _add_to_exponent(x, n)  # ty: ignore[missing-argument]


# The words of engram.kernels.parts.


def _kind(kind):
    """The type that a word's argument names: a number's or a record's."""
    return kind.instance_type if isinstance(kind, types.NumberClass) else kind.dtype


@intrinsic
def _record(typing_context, address, kind):
    wanted = _kind(kind)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(wanted))

    return wanted(types.int64, kind), generate


@intrinsic
def _pointer(typing_context, address, kind):
    wanted = types.CPointer(_kind(kind))

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(wanted))

    return wanted(types.int64, kind), generate


@intrinsic
def _vector(typing_context, address, kind, n):
    number = _kind(kind)
    wanted = types.Array(number, 1, "C")

    def generate(context, builder, signature, arguments):
        array = context.make_array(wanted)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(number)))
        data = builder.inttoptr(arguments[0], context.get_data_type(number).as_pointer())
        populate_array(array, data, shape=[arguments[2]], strides=[size], itemsize=size, meminfo=None)
        return array._getvalue()

    return wanted(types.int64, kind, types.int64), generate


@intrinsic
def _table(typing_context, address, kind, n_rows, n_columns):
    number = _kind(kind)
    wanted = types.Array(number, 2, "C")

    def generate(context, builder, signature, arguments):
        array = context.make_array(wanted)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(number)))
        data = builder.inttoptr(arguments[0], context.get_data_type(number).as_pointer())
        strides = [builder.mul(arguments[3], size), size]
        populate_array(array, data, shape=list(arguments[2:]), strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()

    return wanted(types.int64, kind, types.int64, types.int64), generate


@intrinsic
def _marked(typing_context, marks, a, b):
    def generate(context, builder, signature, arguments):
        marks, a, b = arguments
        return builder.or_(marks, builder.xor(builder.bitcast(a, marks.type), builder.bitcast(b, marks.type)))

    kinds = {types.float32: types.int32, types.float64: types.int64}
    return (marks(marks, a, b), generate) if a == b and kinds.get(a) == marks else None


@intrinsic
def _call(typing_context, address, arguments):
    def generate(context, builder, signature, values):
        given = [builder.extract_value(values[1], k) for k in range(len(arguments))]
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)] * len(given))
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)

    whole = all(isinstance(kind, types.Integer) and kind.bitwidth == 64 for kind in arguments)
    return (types.int64(types.int64, arguments), generate) if whole else None


@intrinsic
def _call_rule(typing_context, address, arguments, w_min, w_max):
    def generate(context, builder, signature, values):
        given = [builder.extract_value(values[1], k) for k in range(len(arguments))] + list(values[2:])
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)] * len(arguments) + [ir.DoubleType()] * 2)
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)

    return types.int64(types.int64, arguments, types.float64, types.float64), generate


@intrinsic
def _resized(typing_context, address, n_bytes):
    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64), ir.IntType(64)])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "engram_reallocate"), arguments)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _publish(typing_context, address, value):
    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store_atomic(arguments[1], place, "release", 8)

    return types.void(types.int64, types.int64), generate


@intrinsic
def _observe(typing_context, address):
    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _give_way(typing_context):
    def generate(context, builder, signature, arguments):
        if os.name == "posix":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])

    return types.void(), generate


_WORDS = {
    "record": _record, "pointer": _pointer, "vector": _vector, "table": _table, "marked": _marked, "call": _call,
    "call_rule": _call_rule, "resized": _resized, "publish": _publish, "observe": _observe, "give_way": _give_way,
}  # fmt: skip
