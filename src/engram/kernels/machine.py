"""Machine code by routine: found where it was shipped or kept, else compiled once for this machine.

A routine is a part (:mod:`engram.kernels.parts`) with all that it reaches, compiled on its own into a function of C
that takes whole numbers, most of them addresses of records (:mod:`engram.kernels.records`), and returns one. Routines
know each other only by address; so a learning rule or a neuron is compiled by itself, in a moment, and machine code
that is at hand is loaded by a process that never imports the compiler.

A routine is named by a digest of everything that it means: itself and every function that it reaches, its placeholders,
the records' layout, and the files of ours that turn them into machine code. An edit anywhere there gives another name,
and what is kept cannot go stale. Functions of engram's own go in as text, so that a digest is the same for every
version of Python; those of users as bytecode, with Python's version. Code that is kept on a machine is named by the
versions of the compiler and by the processor too, see :mod:`engram.kernels.code_store`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numpy as np

from engram.kernels import code_store
from engram.kernels.availability import NoCompilerError, load_compiler
from engram.kernels.progress import Watcher, told


@dataclass(frozen=True)
class Equation:
    """A plain function of numbers, the user's or ours, to be compiled in a precision."""

    function: Callable
    dtype: str


@dataclass(frozen=True)
class Routine:
    """What becomes one function of machine code.

    Parameters
    ----------
    function : callable
        A part.
    scope : tuple of (str, object)
        What its placeholders, and those of all that it reaches, stand for.
    bounds : bool
        Whether two doubles follow its whole numbers, as a learning rule's bounds do.
    label : str
        What is being compiled, in a user's words.
    """

    function: FunctionType
    scope: tuple[tuple[str, object], ...] = ()
    bounds: bool = False
    label: str = ""

    @functools.cached_property
    def digest(self) -> str:
        """What its machine code is named by, less the processor."""
        return routine_digest(self)

    @property
    def symbol(self) -> str:
        """The name of its function in the object file."""
        return f"engram_{self.function.__name__.strip('_')}_{self.digest[:24]}"


def address(routine: Routine) -> int:
    """Where a routine's machine code begins; it is compiled if it is nowhere at hand."""
    if routine.digest not in _ADDRESSES:
        with _LOCK:
            if routine.digest not in _ADDRESSES:
                _place(routine, code_store.find(routine, target()) or _compile(routine))
    return _ADDRESSES[routine.digest]


_ADDRESSES: dict[str, int] = {}
_NAMES: dict[str, str] = {}
_LOCK = threading.RLock()


def callable_routine(routine: Routine, n_arguments: int) -> Callable:
    """A routine as Python calls it, with whole numbers; others may run meanwhile."""
    kinds = [ctypes.c_int64] * n_arguments + [ctypes.c_double] * (2 if routine.bounds else 0)
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address(routine))


def missing(routines: Iterable[Routine]) -> list[Routine]:
    """Those of some routines that would have to be compiled, each once."""
    distinct = {routine.digest: routine for routine in routines if routine.digest not in _ADDRESSES}
    return [routine for routine in distinct.values() if code_store.find(routine, target()) is None]


def prepare(routines: Iterable[Routine], watch: Watcher | None = None) -> None:
    """Have the machine code of some routines at hand.

    Parameters
    ----------
    routines : iterable of Routine
    watch : callable, optional
        Told how many are done, of how many that have to be compiled, and what comes next, before the first, after each
        and at the end; by default whoever :func:`engram.kernels.progress.watch_compiling` named.
    """
    routines = list(routines)
    if not missing(routines):
        return
    with _LOCK, told(watch) as tell:
        absent = missing(routines)  # another thread may have been at it
        if absent:
            tell(0, len(absent), absent[0].label)
            with code_store.alone(absent[0]):
                _compile_all(absent, tell)


def _compile_all(absent: list[Routine], tell: Watcher) -> None:
    left = missing(absent)  # another process may have been at it
    from engram.kernels.workers import compiled

    with contextlib.closing(compiled(left, target())) as finished:
        for done, (routine, code) in enumerate(finished, 1 + len(absent) - len(left)):
            code_store.keep(routine, target(), code)
            _place(routine, code)
            tell(done, len(absent), "" if done == len(absent) else absent[done].label)
    if not left:
        tell(len(absent), len(absent), "")


def _place(routine: Routine, code: bytes) -> None:
    _ADDRESSES[routine.digest] = _load(routine, code)
    _NAMES[routine.digest] = routine.function.__module__.split(".")[-1] + "." + routine.function.__name__


def _compile(routine: Routine) -> bytes:
    code = load_compiler().object_code(routine, target())
    code_store.keep(routine, target(), code)
    return code


@functools.cache
def target() -> tuple[str, str]:
    """The processor that code is made for, and its features; ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` name another
    one that this machine understands."""
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        raise NoCompilerError(f"llvmlite, which loads machine code, cannot be imported ({error})") from error
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = "" if os.environ.get("NUMBA_CPU_NAME") else llvm.get_host_cpu_features().flatten()
    return name, features


@functools.cache
def _engine():
    """What loads object files, and finds the few functions of C that they call."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    reallocate = ctypes.cast(ctypes.pythonapi.PyMem_RawRealloc, ctypes.c_void_p).value
    llvm.add_symbol("engram_reallocate", reallocate)
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _load(routine: Routine, code: bytes) -> int:
    import llvmlite.binding as llvm

    engine = _engine()
    if LIBRARY_PREFIX.encode() in code:
        provide_library()
    if b"NRT_" in code:  # an equation that makes columns of its own; only users' rules do
        _provide_columns()
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    return engine.get_function_address(routine.symbol)


LIBRARY_PREFIX = "engram_library_"
"""Of the names by which machine code calls the functions of C's library that equations may use."""


@functools.cache
def provide_library() -> None:
    """Let machine code find the very functions of C's library that the reference kernel calls."""
    import llvmlite.binding as llvm

    from engram.equations.operations import LIBRARY, library_function

    for name, n_operands in LIBRARY.items():
        for precise in (name, f"{name}f"):
            function = library_function(precise, n_operands)
            llvm.add_symbol(f"{LIBRARY_PREFIX}{precise}", ctypes.cast(function, ctypes.c_void_p).value)


@functools.cache
def _provide_columns() -> None:
    """Let machine code find what the compiler's own arrays need."""
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    rtsys.initialize(cpu_target.target_context)


def free(address: int) -> None:
    """Give back memory that compiled code asked for by :func:`engram.kernels.parts.resized`."""
    if address:
        ctypes.pythonapi.PyMem_RawFree(ctypes.c_void_p(address))


def routine_digest(routine: Routine) -> str:
    """A digest of a routine, of everything that it reaches, and of what of ours compiles it."""
    digest = hashlib.sha256(_translators().encode())
    digest.update(f"bounds {routine.bounds}".encode())
    scope = dict(routine.scope)
    for piece in _reached(routine.function, scope, set()):
        digest.update(piece.encode() + b"\0")
    return digest.hexdigest()


_PACKAGE = Path(__file__).parents[1]
_IMPORTED = time.time()


@functools.cache
def _translators() -> str:
    """The files of ours that turn parts and equations into machine code."""
    files = [_PACKAGE / "precision.py", _PACKAGE / "arithmetic.py", *sorted((_PACKAGE / "equations").glob("*.py"))]
    files += [_PACKAGE / "kernels" / f"{name}.py" for name in ("compiler", "front_end", "precision", "registers")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _text_of(function: FunctionType) -> str | None:
    """What tells a function of ours from every other, whatever Python runs it; None of other functions."""
    if hasattr(function, "written"):
        return f"{function.__qualname__} in {function.written}"
    code = function.__code__
    if code.co_name == "<lambda>":  # a line may hold several
        return None
    file = _digest_of_file(code.co_filename)
    return None if file is None else f"{code.co_qualname} at {code.co_firstlineno} in {file}"


@functools.cache
def _digest_of_file(path: str) -> str | None:
    """A file of the package as it was imported; None of other files, and if it may have been edited since."""
    file = Path(path)
    if not file.is_relative_to(_PACKAGE):
        return None
    try:
        return None if file.stat().st_mtime > _IMPORTED else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _reached(value, scope: dict, seen: set):
    """Pieces of text that together tell a value, and what it reaches, from every other."""
    value = getattr(value, "py_func", value)
    if isinstance(value, Equation):
        yield f"equation in {value.dtype}"
        scope, value = {}, value.function
    if isinstance(value, FunctionType):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _of_function(value, scope, seen)
    elif isinstance(value, CodeType):
        yield f"{value.co_code.hex()} {value.co_names} {value.co_varnames} {value.co_freevars}"
        for constant in value.co_consts:
            yield from _reached(constant, scope, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, np.dtype):
        yield f"{value.fields or value.str}"
    elif isinstance(value, type) or callable(value):
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', repr(value))}"
    else:
        yield f"{type(value).__qualname__} {value!r}"


def _of_function(function: FunctionType, scope: dict, seen: set):
    """As :func:`_reached`, of a function: itself, what it closes over, and the global names that it uses."""
    yield f"{getattr(function, 'compiled_as', '')}"
    text = _text_of(function)
    if text is None:
        yield f"Python {sys.version_info[:2]}"
        yield from _reached(function.__code__, scope, seen)
    else:
        yield text
    for cell in function.__closure__ or ():
        yield from _reached(cell.cell_contents, scope, seen)
    for name in sorted(set(names_in(function.__code__))):
        if name in scope or name in function.__globals__:
            yield name
            found = scope[name] if name in scope else function.__globals__[name]
            yield from _of_module(found, function.__code__, scope, seen)


def _of_module(value, code: CodeType, scope: dict, seen: set):
    """As :func:`_reached`; of a module, what the code takes from it."""
    if not isinstance(value, ModuleType):
        yield from _reached(value, scope, seen)
        return
    yield value.__name__
    for name in sorted(set(names_in(code))):
        found = getattr(value, name, None)
        if isinstance(found, (FunctionType, int, float)):
            yield name
            yield from _reached(found, scope, seen)


def names_in(code: CodeType) -> tuple[str, ...]:
    """The global names and attributes that a function uses, those inside it included."""
    inner = (name for part in code.co_consts if isinstance(part, CodeType) for name in names_in(part))
    return (*code.co_names, *inner)
