"""How kernels are compiled: one decorator, one cache, and NumPy's words translated for the compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.extending import intrinsic, overload
from platformdirs import user_cache_path

import engram
from engram import arithmetic, encoders, neurons, randomness, synapses
from engram.kernels import protocol
from engram.plasticity import normalization

_SOURCES = (
    "arithmetic.py",
    "neurons.py",
    "synapses.py",
    "encoders.py",
    "randomness.py",
    "blocks",
    "plasticity",
    "kernels",
)
_CACHES_KEPT = 6


def compiled(function: Callable, *, inline: bool = False, from_python: bool = False):
    """Compile a plain function for use inside kernels, or to be called from Python as well.

    ``error_model="numpy"`` drops the zero-division test, which keeps loops from vectorising; ``nogil`` lets images
    run on threads; no wrappers for Python unless asked for, which take
    seconds to compile; without them a call from Python crashes. No ``fastmath``: bits must
    not depend on how the machine groups a sum or fuses a product, and the reference kernel has to reach the same ones.
    """
    wrappers = {"no_cpython_wrapper": not from_python, "no_cfunc_wrapper": True}
    inlining = "always" if inline else "never"
    return numba.njit(nogil=True, error_model="numpy", inline=inlining, **wrappers)(function)


def entry_point(function: Callable, identity: str):
    """Compile a function that Python calls, keeping the machine code between runs.

    Parameters
    ----------
    function : callable
    identity : str
        What it was built from besides engram's own sources: precision, rule, the source of a user's rule.
    """
    dispatcher = compiled(function, from_python=True)
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


@overload(arithmetic.select)
def _select(condition, yes, no):
    return lambda condition, yes, no: yes if condition else no


@overload(arithmetic.polynomial)
def _polynomial(r, c):
    if c.instance_class is arithmetic.Exp2CoefficientsDouble:
        return arithmetic.polynomial_double
    return arithmetic.polynomial_single


def compile_when_called(function: Callable) -> None:
    """Let kernels call a plain function as it is, with the options of :func:`compiled`."""

    def choose(*_, **__):
        return function

    overload(function, jit_options={"error_model": "numpy"}, strict=False)(choose)


for _function in (
    arithmetic.exp2,
    neurons.membrane_exponential_euler,
    neurons.membrane_euler,
    synapses.conductance_decay,
    synapses.drive_conductance,
    synapses.trace_now,
    synapses.clip_weight,
    randomness.philox4x32,
    encoders.grown,
    encoders.poisson_spikes,
    normalization.normalize,
    protocol.fill,
    protocol.rest,
    protocol.scale,
    protocol.total,
):
    compile_when_called(_function)


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


@overload(arithmetic.scale_by_power_of_two)
def _scale_by_power_of_two(x, n):
    return lambda x, n: _add_to_exponent(x, n)
