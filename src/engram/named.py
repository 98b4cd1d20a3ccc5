"""Parts that are made from parameters with names: one that a part does not have is told in one sentence."""

from __future__ import annotations

import inspect
from types import CodeType
from typing import Any, Self

from engram.errors import ConfigError
from engram.validation import check_known

_TAKES_ANY_NUMBER, _TAKES_ANY_NAME = inspect.CO_VARARGS, inspect.CO_VARKEYWORDS


class _Signature:
    """What a part is made from, as its ``__init__`` has it: Python's own answer would be that of ``__new__``."""

    def __get__(self, part: object, kind: type) -> inspect.Signature:
        signature = inspect.signature(kind.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class NamedParameters:
    """Base of what users make from parameters, ours and their own classes alike.

    It adds no field; it looks at the names before ``__init__`` does, which is Python's to write.
    """

    __signature__ = _Signature()

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """A part without its parameters yet.

        Raises
        ------
        ConfigError
            If it has no parameter of that name, is given more without names than it takes, or lacks one.
        """
        if not (len(args) == 1 and args[0] is ...):
            _check_names(cls, args, options)
        return super().__new__(cls)

    def __getnewargs__(self) -> tuple:
        """What copies and pickles make a part with, to which they then give the parameters of another."""
        return (...,)


def _check_names(kind: type, args: tuple, options: dict[str, Any]) -> None:
    code = getattr(kind.__init__, "__code__", None)
    if code is None:
        return
    n_by_place = code.co_argcount - 1
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    if not code.co_flags & _TAKES_ANY_NAME:
        for name in options:
            check_known(kind.__name__, name, names, "parameter")
    if len(args) > n_by_place and not code.co_flags & _TAKES_ANY_NUMBER:
        some = f"{n_by_place} at most" if n_by_place else "none"
        example = names[n_by_place] if len(names) > n_by_place else "name"
        raise ConfigError(
            f"{kind.__name__} takes {some} of its parameters without their names, got {len(args)}; write"
            f" {kind.__name__}({example}=...)."
        )
    lacking = [name for name in _needed(kind, code) if name not in (*names[: len(args)], *options)]
    if lacking:
        raise ConfigError(f"{kind.__name__} needs {' and '.join(lacking)}; write {_written(kind, lacking)}.")


def _needed(kind: type, code: CodeType) -> tuple[str, ...]:
    """The parameters without a default."""
    with_default = len(kind.__init__.__defaults__ or ())
    by_place = code.co_varnames[1 : code.co_argcount - with_default]
    by_name = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return (*by_place, *(name for name in by_name if name not in (kind.__init__.__kwdefaults__ or {})))


def _written(kind: type, names: list[str]) -> str:
    return f"{kind.__name__}({', '.join(f'{name}=...' for name in names)})"
