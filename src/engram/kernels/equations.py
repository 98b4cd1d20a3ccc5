"""Equations before they are compiled: what the compiler has against them, in their own terms."""

from __future__ import annotations

import re
from collections.abc import Callable

import numba
import numpy as np
from numba import types

from engram.equations.text import plain_function
from engram.errors import NeuronError, RuleError
from engram.kernels.precision import compiled_equation
from engram.neurons.base import Neuron, asked_by
from engram.neurons.base import functions_of as neuron_functions
from engram.neurons.base import wrong_return as wrong_neuron_return
from engram.plasticity.base import (
    EQUATIONS,
    LearningRule,
    arguments_of,
    expected_numbers,
    is_column,
    known_names,
    where,
    wrong_return,
)


def check_compiles(rule: LearningRule, dtype) -> None:
    """Compile each equation by itself and raise RuleError where one fails or may return the wrong thing."""
    for equation, function in zip(EQUATIONS, rule.equations(), strict=True):
        if function is not None:
            _check_equation(rule, equation, function, dtype)


def check_neuron_compiles(neuron: Neuron, integrator: str, dtype) -> None:
    """Compile each equation of a neuron by itself and raise NeuronError where one fails or returns no numbers."""
    number = numba.from_dtype(np.dtype(dtype))
    for equation, function in neuron_functions(neuron, integrator):
        if getattr(function, "is_exact", False):
            continue
        signature = (number,) * len(asked_by(function))
        dispatcher = compiled_equation(function, dtype)
        try:
            dispatcher.compile(signature)
        except Exception as error:
            raise NeuronError(str(_told(error, neuron, equation, function))) from error
        returned = dispatcher.overloads[signature].signature.return_type
        parts = tuple(returned) if isinstance(returned, types.BaseTuple) else (returned,)
        if not all(isinstance(part, (types.Number, types.Boolean)) for part in parts):
            raise wrong_neuron_return(neuron, equation, function, _kind(returned))


def _check_equation(rule: LearningRule, equation: str, function: Callable, dtype) -> None:
    number = numba.from_dtype(np.dtype(dtype))
    names = known_names(rule)
    kinds = dict.fromkeys((name for kind in names.values() for name in kind), number)
    if is_column(equation):
        kinds["w"] = types.Array(number, 1, "C")
        kinds |= dict.fromkeys(names["pre"], types.Array(number, 1, "C"))
    dispatcher = compiled_equation(function, dtype)
    signature = tuple(kinds[name] for name in arguments_of(function))
    try:
        dispatcher.compile(signature)
    except Exception as error:  # the compiler lets some of Python's own errors through
        raise _told(error, rule, equation, function) from error
    returned = dispatcher.overloads[signature].signature.return_type
    expected = expected_numbers(rule, equation)
    if not expected:
        return
    parts = tuple(returned) if isinstance(returned, types.BaseTuple) else (returned,)
    if len(parts) != len(expected) or (len(parts) == 1) == isinstance(returned, types.BaseTuple):
        raise wrong_return(rule, equation, function, _kind(returned))
    for part in parts:
        if not isinstance(part, (types.Number, types.Boolean)):
            raise wrong_return(rule, equation, function, _kind(part))


_CAUSES = (
    (r"NameError: name '(.*?)' is not defined", r"the name '\1' is not defined"),
    (r"Unknown attribute '(.*?)' of type (\S+)", r"\2 has no '\1' that can be compiled"),
    (r">>> (.*)", r"there is no compiled form of \1"),
    (r"Cannot unify (.*?) and (.*?) for '(\w+)", r"'\3' would be \1 on one path and \2 on another"),
    (r"Can't unify return type from the following types: (.*)", r"it would return one of these, by path: \1"),
    (
        r"Untyped global name '(.*?)'",
        r"'\1' is nothing that can be compiled; use numbers, NumPy, math and functions",
    ),
    (r"unsupported opcode \(IMPORT_NAME\)", "an equation cannot import; import at the top of the file"),
    (r"variable '(\w+)' referenced before assignment", r"'\1' may be used before it has a value"),
)
"""The compiler's words, and ours."""

_KINDS = (
    (r"Literal\[(\w+)\]\((.*?)\)", r"\1"),
    (r"OptionalType\((\w+)\)", r"sometimes nothing, sometimes \1"),
    (r"unicode_type|Literal\[str\]", "str"),
    (r"\bnone\b", "nothing"),
    (r"<iv=.*?>", ""),
    (r"array\((\w+), 1d, \w+\)", r"array of \1"),
    (r"<object type:(\w+)>", r"\1"),
)
"""The compiler's names of kinds, and ours."""


def _told(error: Exception, owner: LearningRule | Neuron, equation: str, function: Callable) -> RuleError:
    """A compiler's error in terms of the equation, its file and its line."""
    text = str(error)
    cause = next((match.expand(ours) for theirs, ours in _CAUSES if (match := re.search(theirs, text))), None)
    if cause is None:
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("Failed in", "During:", "File "))]
        cause = lines[0] if lines else type(error).__name__
    what = f"{equation} of {type(owner).__name__} does not compile"
    return RuleError(f"{_line_of(error, function)}: {what}: {_plain(cause).rstrip('.')}.")


def _line_of(error: Exception, function: Callable) -> str:
    file = plain_function(function).__code__.co_filename
    place = getattr(error, "loc", None)
    if place is not None and place.filename == file:
        return f"{file}:{place.line}"
    raised = re.search(re.escape(file) + r" \((\d+)\)", str(error))
    return f"{file}:{raised.group(1)}" if raised else where(function)


def _kind(returned) -> str:
    if isinstance(returned, types.BaseTuple):
        return f"{len(returned)} values"
    if isinstance(returned, types.Number):
        return "one number"
    return _plain(str(returned))


def _plain(text: str) -> str:
    for theirs, ours in _KINDS:
        text = re.sub(theirs, ours, text)
    return text
