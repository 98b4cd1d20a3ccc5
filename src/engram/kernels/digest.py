"""What of a function shapes its compiled code, as a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

import numpy as np


def equation_digest(function: Callable | None) -> str:
    """A digest of a function's code and of everything that it uses from outside: constants, helpers, modules."""
    digest = hashlib.sha256()
    for part in _reached(function, set()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _reached(value, seen: set, names: tuple[str, ...] = ()):
    value = getattr(value, "py_func", value)
    if isinstance(value, (FunctionType, CodeType, ModuleType)):
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, FunctionType):
        yield from _reached(value.__code__, seen)
        for cell in value.__closure__ or ():
            yield from _reached(cell.cell_contents, seen)
        for name in _names_in(value.__code__):
            if name in value.__globals__:
                yield name
                yield from _reached(value.__globals__[name], seen, _names_in(value.__code__))
    elif isinstance(value, CodeType):
        yield f"{value.co_code.hex()} {value.co_names} {value.co_varnames} {value.co_freevars}"
        for constant in value.co_consts:
            yield from _reached(constant, seen)
    elif isinstance(value, ModuleType):
        yield value.__name__
        for name in names:
            if isinstance(getattr(value, name, None), (FunctionType, int, float)):
                yield name
                yield from _reached(getattr(value, name), seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, (type, BuiltinFunctionType)):
        yield f"{value.__module__}.{value.__qualname__}"
    else:
        yield f"{type(value).__qualname__} {value!r}"


def _names_in(code: CodeType) -> tuple[str, ...]:
    inner = (name for part in code.co_consts if isinstance(part, CodeType) for name in _names_in(part))
    return (*code.co_names, *inner)
