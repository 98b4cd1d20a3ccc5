"""How kernels are compiled: one decorator, one cache, and NumPy's words translated for the compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.cpu import CPUTargetOptions
from numba.core.options import TargetOptions
from numba.extending import intrinsic, overload
from numba.np.arrayobj import populate_array
from platformdirs import user_cache_path

import engram
from engram import arithmetic, encoders, neurons, randomness, synapses
from engram.kernels import protocol
from engram.plasticity import normalization

CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")  # the compiler has it, but no word for it

_SOURCES = (
    "arithmetic.py",
    "precision.py",
    "equations",
    "neurons.py",
    "synapses.py",
    "encoders.py",
    "randomness.py",
    "blocks",
    "plasticity",
    "kernels",
)
_CACHES_KEPT = 6


def compiled(
    function: Callable,
    *,
    identity: str = "",
    inline: bool = False,
    from_python: bool = False,
    allocates: bool = True,
    apart: bool = False,
    expand: bool = False,
):
    """Compile a plain function for use inside kernels, or to be called from Python as well.

    ``error_model="numpy"`` drops the zero-division test, which keeps loops from vectorising; ``nogil`` lets images
    run on threads; no wrappers for Python unless asked for, which take seconds to compile; without them a call from
    Python crashes. No ``fastmath``: bits must not depend on how the machine groups a sum or fuses a product; what
    is fused says so (:func:`engram.arithmetic.fma`), and the reference kernel reaches the same ones.

    Parameters
    ----------
    function : callable
    identity : str
        What distinguishes it from other functions of its name: it must be given for functions that are made inside
        others. Machine code from the cache and code made now are linked by name, and of two functions with the same
        one, whichever comes first would be called.
    inline : bool
        Put the source in place of every call.
    from_python : bool
        Whether Python calls it.
    allocates : bool
        A function that neither makes nor returns arrays can do without counting references to them, which costs more
        than a short loop.
    apart : bool
        Whether nothing that it writes to through one of its arrays is reached through another; otherwise every loop
        begins with tests for that, and comes in two versions.
    expand : bool
        Put the machine code in place of every call.
    """
    if identity:
        function = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        function.__qualname__ = f"{function.__name__}_{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    options = {"no_cpython_wrapper": not from_python, "no_cfunc_wrapper": True, "_nrt": allocates, "noalias": apart}
    inlining = "always" if inline else "never"
    return numba.njit(nogil=True, error_model="numpy", inline=inlining, forceinline=expand, **options)(function)


def entry_point(function: Callable, identity: str):
    """Compile a function that Python calls, keeping the machine code between runs.

    Parameters
    ----------
    function : callable
    identity : str
        What it was built from besides engram's own sources: precision, rule, the source of a user's rule.
    """
    dispatcher = compiled(function, identity=identity, from_python=True)
    dispatcher._cache = _KernelCache(function, identity)
    return dispatcher


def cache_folder() -> Path:
    """Where compiled kernels are kept; ``ENGRAM_CACHE`` moves it."""
    root = os.environ.get("ENGRAM_CACHE")
    return (Path(root) if root else user_cache_path("engram", appauthor=False)) / "kernels"


def source_stamp() -> str:
    """A digest of every source file that a kernel is compiled from, and of the compiler's version.

    Numba's own stamp is that of one file: it would go on serving old code after an edit in another.
    """
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for file in _source_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:20]


def _source_files() -> list[Path]:
    package = Path(arithmetic.__file__).parent
    paths = [package / name for name in _SOURCES]
    return [file for path in paths for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])]


_STAMP = source_stamp()


def _edited_since_import() -> bool:
    """Whether a source was edited after this process began to import them: its code would get the wrong stamp."""
    return any(file.stat().st_mtime > engram.IMPORTED_AT for file in _source_files())


class _Locator(_CacheLocator):
    """Puts a kernel's code under the digest of its sources, so that it cannot go stale."""

    def __init__(self, name: str, identity: str):
        self._folder = cache_folder() / _STAMP
        self._py_file = name  # what Numba names in a warning
        self._name = f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return _STAMP

    def get_disambiguator(self) -> str:
        return self._name


class _KernelCacheImpl(CompileResultCacheImpl):
    def __init__(self, function: Callable, identity: str):
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator(function.__name__, identity)
        self._filename_base = self._locator.get_disambiguator()


class _KernelCache(FunctionCache):
    """Numba's function cache with the locator above; a cache that cannot be read or written is done without."""

    def __init__(self, function: Callable, identity: str):
        self._impl_class = functools.partial(_KernelCacheImpl, identity=identity)
        super().__init__(function)

    def _index_key(self, sig, codegen):
        return sig, codegen.magic_tuple()

    def load_overload(self, sig, target_context):
        if _edited_since_import():
            return None
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.PickleError, ValueError, RuntimeError, AttributeError, ImportError):
            return None

    def save_overload(self, sig, data):
        if _edited_since_import():
            return
        try:
            super().save_overload(sig, data)
            _forget_old_caches()
        except OSError:
            self.disable()


def _forget_old_caches() -> None:
    folders = [path for path in cache_folder().iterdir() if path.is_dir()]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in folders[_CACHES_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


_overload = functools.partial(overload, jit_options={"no_cpython_wrapper": True, "no_cfunc_wrapper": True})


@_overload(arithmetic.select)
def _select(condition, yes, no):
    return lambda condition, yes, no: yes if condition else no


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


def compile_when_called(function: Callable, *, allocates: bool) -> None:
    """Let kernels call a plain function as it is, with the options of :func:`compiled`."""

    def choose(*_, **__):
        return function

    options = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": allocates}
    overload(function, jit_options=options, strict=False)(choose)


for _function in (
    arithmetic.exp2,
    arithmetic.log2,
    neurons.membrane_exponential_euler,
    neurons.membrane_small_conductance,
    neurons.membrane_euler,
    synapses.open_conductance,
    synapses.drive_conductance,
    synapses.trace_now,
    synapses.clip_weight,
    randomness.philox4x32,
    randomness.philox_round,
    randomness.philox_in_place,
    encoders.draw_gaps,
    encoders.set_counter,
    encoders.walk,
    normalization.normalize,
    protocol.fill,
    protocol.go_to_rest,
    protocol.rest,
    protocol.scale,
    protocol.total,
):
    compile_when_called(_function, allocates=False)
compile_when_called(encoders.poisson_spikes, allocates=True)


@intrinsic
def _fma(typing_context, a, b, c):
    """The processor's own instruction, where it has one; all numbers in one precision."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return (a(a, a, a), generate) if isinstance(a, types.Float) and a == b == c else None


@_overload(arithmetic.fma)
def _fused(a, b, c):
    return lambda a, b, c: _fma(a, b, c)


@intrinsic
def pointer(typing_context, array):
    """Where an array begins: handed on in one word, of which an array of rows has nine."""

    def generate(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def rows_at(typing_context, place, length):
    """The array of rows of a length that begins at a pointer; how many there are, it does not know: ``shape[0]`` is
    only larger than any of their numbers."""
    rows = types.Array(place.dtype, 2, "C")

    def generate(context, builder, signature, arguments):
        array = context.make_array(rows)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(place.dtype)))
        data, length = arguments
        strides = [builder.mul(length, size), size]
        many = context.get_constant(types.intp, 2**31)
        populate_array(array, data, shape=[many, length], strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()

    return rows(place, types.intp), generate


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
    return lambda x: _split(x)


@_overload(arithmetic.scale_by_power_of_two)
def _scale_by_power_of_two(x, n):
    return lambda x, n: _add_to_exponent(x, n)
