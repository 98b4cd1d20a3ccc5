"""Whether machine code can be used here, and what computes where it cannot: the reference kernel, to the same bits."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TypeVar

_Made = TypeVar("_Made")


class KernelWarning(UserWarning):
    """The reference kernel computes instead of the compiled one."""


class NoCompilerError(ImportError):
    """Something must be compiled, and there is no compiler that works."""


def load_compiler():
    """The module that compiles; raises NoCompilerError where it cannot be imported."""
    try:
        from engram.kernels import compiler
    except (ImportError, OSError) as error:
        raise NoCompilerError(f"the compiler cannot be loaded ({error})") from error
    return compiler


def compiled_or_reference(compiled: Callable[[], _Made], reference: Callable[[], _Made]) -> _Made:
    """What one kernel or, where nothing can be compiled, the other makes; that is told once."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        _tell("NUMBA_DISABLE_JIT is set")
        return reference()
    try:
        return compiled()
    except NoCompilerError as error:
        _tell(str(error))
        return reference()


_TOLD: set[str] = set()


def _tell(why: str) -> None:
    if why not in _TOLD:
        _TOLD.add(why)
        warnings.warn(
            f"The reference kernel computes, to the same bits but hundreds of times slower, since {why}.",
            KernelWarning,
            stacklevel=4,
        )
