"""The words that an equation may use, and which operation each of them means."""

from __future__ import annotations

import ast
import math
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from engram.arithmetic import fma, select
from engram.equations.reductions import zero_of

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "power",
    ast.MatMult: "dot",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.USub: "negative",
}
"""What an operator is called as an operation; those that are missing work on truths and stay as they are."""

WHOLE_POWERS = {2: "square", 3: "cube", 4: "fourth_power"}
"""Exponents that, written as whole numbers, are products."""

_OF_MATH = {
    "fabs": "absolute",
    "pow": "power",
    "fmod": "fmod",
    "fma": "fma",
    "floor": "whole_floor",
    "ceil": "whole_ceil",
    "trunc": "whole",
    "isnan": "isnan",
    "isinf": "isinf",
    "isfinite": "isfinite",
}
_OF_NUMPY = {
    **{name: name for name in OPERATORS.values() if name != "dot"},
    "true_divide": "divide",
    "mod": "remainder",
    "pow": "power",
    "float_power": "power",
    "abs": "absolute",
    "absolute": "absolute",
    "fabs": "absolute",
    "square": "square",
    "reciprocal": "reciprocal",
    "fmod": "fmod",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "rint": "rint",
    "sign": "sign",
    "minimum": "minimum",
    "maximum": "maximum",
    "fmin": "fmin",
    "fmax": "fmax",
    "clip": "clip",
    "where": "where",
    "isnan": "isnan",
    "isinf": "isinf",
    "isfinite": "isfinite",
    "logical_not": "logical_not",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "atan2": "atan2",
    "arctan2": "atan2",
    "sum": "column_sum",
    "mean": "column_mean",
    "min": "column_min",
    "max": "column_max",
    "amin": "column_min",
    "amax": "column_max",
    "any": "column_any",
    "all": "column_all",
    "dot": "dot",
    "count_nonzero": "column_count",
    "zeros": "zeros",
    "ones": "ones",
    "full": "full",
    "zeros_like": "zeros_like",
    "ones_like": "ones_like",
    "float32": "real",
    "float64": "real",
    "int32": "whole",
    "int64": "whole",
    "bool_": "truth",
}
_OF_BOTH = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "hypot", "copysign"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
)
_BUILT_IN = {
    abs: "absolute",
    pow: "power",
    min: "column_min",
    max: "column_max",
    sum: "column_sum",
    any: "column_any",
    all: "column_all",
    round: "whole_round",
    float: "real",
    int: "whole",
    bool: "truth",
}
OF_MANY: dict[object, str] = {min: "min", max: "max"}
"""Functions of any number of numbers, and the operation on two of them."""

METHODS = {name: _OF_NUMPY[name] for name in ("sum", "mean", "min", "max", "any", "all", "dot", "clip")} | {
    "copy": "copy"
}
"""What may be asked of a column after a dot."""

UNTOUCHED = (range, len, enumerate, zip, reversed, tuple)
"""Builtins that do no arithmetic."""

_RANDOM = ("random", "secrets")


def _table() -> dict[Any, str]:
    """The operation that each function of Python, math and NumPy stands for."""
    table = dict(_BUILT_IN)
    for module, names in ((math, _OF_MATH), (np, _OF_NUMPY)):
        names = names | {name: name for name in _OF_BOTH}
        table |= {getattr(module, name): operation for name, operation in names.items() if hasattr(module, name)}
    for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"):
        table[getattr(math, name)] = name
    return table | {np.linalg.norm: "column_norm", zero_of: "zero_of", select: "where", fma: "fma"}


MEANT = _table()


def operation_of(value) -> str | None:
    """The name of the operation that a function means, if it means one."""
    try:
        return MEANT.get(value)
    except TypeError:  # an array, a list
        return None


def is_foreign(function: FunctionType) -> bool:
    """Whether a function belongs to a library that is compiled in its own way."""
    return str(function.__module__).partition(".")[0] in ("numpy", "numba", "math", *_RANDOM)


def is_exception(value) -> bool:
    """Whether a value is a kind of error."""
    return isinstance(value, type) and issubclass(value, BaseException)


def is_random(value) -> bool:
    """Whether a value belongs to a library that draws random numbers."""
    owner = getattr(value, "__self__", value)
    module = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
    names = (str(module), str(getattr(value, "__module__", "")))
    return any(part in _RANDOM for name in names for part in name.split("."))
