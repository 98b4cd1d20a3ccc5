"""What kernels are written in: plain Python functions, and the few words that only a compiled one can say.

A *part* is a function that the compiler takes into a routine (:mod:`engram.kernels.machine`); nothing here imports the
compiler, so that a process whose machine code is at hand never loads it. Parts name what differs between routines
(the precision ``REAL``, a neuron's equations) by placeholders in capitals, which a routine's scope replaces.

Arrays are handed about by address: a record's field says where they begin. The words below make something of an
address; their meaning is in :mod:`engram.kernels.compiler`, and called from Python they raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numpy as np

from engram.kernels.memory import FEW, LANES
from engram.typing import Function

REAL = np.float32
"""Placeholder: the precision of the simulation, as a type."""

BYTES = 4
"""Placeholder: the length of such a number."""

I8, I4, U8, U2, U1, F8 = np.int64, np.int32, np.uint64, np.uint16, np.uint8, np.float64


PLACEHOLDER: Any = None
"""What a routine's scope replaces by a function."""


@overload
def part(function: Function, *, apart: bool = False, expand: bool = False) -> Function: ...
@overload
def part(*, apart: bool = False, expand: bool = False) -> Callable[[Function], Function]: ...
def part(function=None, *, apart: bool = False, expand: bool = False):
    """Mark how the compiler takes a function into others.

    Parameters
    ----------
    function : callable
    apart : bool
        Nothing that it writes to through one of its pointers is reached through another: otherwise each of its loops
        begins with tests for that, and comes in two versions.
    expand : bool
        Put its machine code in place of every call, where handing over its arguments would take longer than it does.
    """
    if function is None:
        return lambda function: part(function, apart=apart, expand=expand)
    vars(function)["compiled_as"] = {"apart": apart, "expand": expand}
    return function


def _word(function: Function) -> Function:
    vars(function)["is_word"] = True
    return function


@_word
def record(address, kind):
    """The record of a kind (a structured dtype) at an address."""
    raise TypeError("only compiled code reads memory by address")


@_word
def pointer(address, kind):
    """The numbers of a kind from an address on, to be indexed."""
    raise TypeError("only compiled code reads memory by address")


@_word
def vector(address, kind, n):
    """An array of `n` numbers of a kind at an address."""
    raise TypeError("only compiled code reads memory by address")


@_word
def table(address, kind, n_rows, n_columns):
    """An array of rows of numbers of a kind at an address."""
    raise TypeError("only compiled code reads memory by address")


@_word
def marked(marks, a, b):
    """A whole number as long as two real ones, with further bits where these differ.

    A loop that asks whether anything holds for any of its lanes keeps it as it keeps its numbers; a truth it would pack
    into a bit a lane, in every round.
    """
    raise TypeError("only compiled code has marks")


@_word
def call(address, arguments):
    """Call the routine at an address with a tuple of whole numbers; a whole number comes back."""
    raise TypeError("only compiled code calls by address")


@_word
def call_rule(address, arguments, w_min, w_max):
    """Call a learning rule's routine: a tuple of whole numbers, and its two bounds as doubles."""
    raise TypeError("only compiled code calls by address")


@_word
def resized(address, n_bytes):
    """Memory of another size with the same content, as C's ``realloc``; whoever owns it frees it."""
    raise TypeError("only compiled code asks for memory")


@_word
def publish(address, value):
    """Store a whole number after everything stored before it."""
    raise TypeError("only compiled code has threads of its own")


@_word
def observe(address):
    """Load a whole number before everything loaded after it."""
    raise TypeError("only compiled code has threads of its own")


@_word
def give_way():
    """Let other threads run."""
    raise TypeError("only compiled code has threads of its own")


@part
def whole(n):
    """A number of lanes that is whole groups of them anyway; the compiler knows then, and its loops have no rest."""
    return n & -LANES


@part
def whole_few(n):
    """The places that are computed for some neurons side by side: up to a whole vector, some of them empty."""
    return (n + (FEW - 1)) & -FEW


def words_of_text(real: type) -> dict[str, object]:
    """What written text calls by name, in a precision: with an underscore, so that users' names cannot clash."""
    words = {"pointer": pointer, "vector": vector, "marked": marked, "range": range, "min": min, "whole": whole,
             "whole_few": whole_few}  # fmt: skip
    kinds = {"REAL": real, "BYTES": real().itemsize, "MARKS": I4 if real().itemsize == 4 else I8, "I8": I8, "I4": I4,
             "U2": U2}  # fmt: skip
    return {f"_{name}": value for name, value in (words | kinds).items()}
