"""Routines as bytes, for a process of engram that shares no memory with this one.

Functions and classes of engram's modules are named, as pickle does it. Functions that were written here, as text,
travel as that text and what its names stand for. What a user's own rule or neuron is made of is not sent, since another
process would have to run the file that it is from; it is compiled here.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engram.kernels.machine import Routine


def can_be_sent(routine: Routine) -> bool:
    """Whether it is made of nothing but engram's own."""
    try:
        packed(routine)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def packed(value: object) -> bytes:
    """What holds routines, as bytes."""
    content = io.BytesIO()
    _Pickler(content, pickle.HIGHEST_PROTOCOL).dump(value)
    return content.getvalue()


def unpacked(content: bytes) -> Any:
    """What :func:`packed` made bytes of; only ever a parent's."""
    return pickle.loads(content)


class _Pickler(pickle.Pickler):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._texts: dict[int, _Text] = {}

    def reducer_override(self, value):
        """A function that was written here, by the text that it is from."""
        if isinstance(value, (FunctionType, type)) and value.__module__.partition(".")[0] not in _KNOWN:
            raise pickle.PicklingError(f"{value.__qualname__} is a user's own")
        if not hasattr(value, "written"):
            return NotImplemented
        text = self._texts.setdefault(id(value.__globals__), _Text(value))
        return _named, (text, value.__name__, vars(value))


_KNOWN = ("builtins", "engram", "numpy")


class _Text:
    """Text that defines functions, and what its further names stand for."""

    def __init__(self, function: FunctionType):
        meanings = {
            name: value
            for name, value in function.__globals__.items()
            if name != "__builtins__" and not hasattr(value, "written")
        }
        code = function.__code__
        self.parts = vars(function)["written"], code.co_filename, meanings | {"__name__": function.__module__}

    def __reduce__(self):
        return _defined, self.parts


def _defined(text: str, file: str, meanings: dict) -> dict:
    space = dict(meanings)
    exec(compile(text, file, "exec"), space)
    return space


def _named(space: dict, name: str, attributes: dict) -> FunctionType:
    function = space[name]
    vars(function).update(attributes)
    return function
