"""The text of a function as a syntax tree, and the error about something in it."""

from __future__ import annotations

import ast
import functools
import linecache
import traceback
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

from engram.errors import RuleError


def plain_function(function: Callable) -> FunctionType:
    """The function that an equation is, or that a function compiled by Numba was made of.

    Raises
    ------
    RuleError
        If it is neither, such as a ``functools.partial``: there is no text to read.
    """
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, FunctionType):
        raise RuleError(f"{plain!r:.100} is no plain function, whose text can be read; write it with def.")
    return plain


def refusal(function: Callable, line: int, what: str) -> RuleError:
    """The error about something in an equation's text."""
    function = plain_function(function)
    *_, owner, name = ["<locals>", *function.__qualname__.split(".")]
    whose = "" if owner == "<locals>" else f" of {owner}"
    return RuleError(f"{function.__code__.co_filename}:{line}: {name}{whose} {what}.")


def where(function: Callable) -> str:
    """File and line of a function, for messages."""
    code = plain_function(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def line_raised(error: BaseException, function: Callable) -> str:
    """The innermost line of an equation's own file that an exception passed through."""
    file = plain_function(function).__code__.co_filename
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else where(function)


def node_of(function: Callable) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function, a fresh one."""
    function = plain_function(function)
    code = function.__code__
    file = code.co_filename
    for refresh in (False, True):
        if refresh:
            linecache.checkcache(file)
        text = "".join(linecache.getlines(file, function.__globals__))
        try:
            tree = ast.parse(text, file)
            known = any(_same_code(code, other) for other in _codes_in(text, file))
        except (SyntaxError, ValueError):
            continue
        node = next(_nodes_at(tree, code), None) if known else None
        if node is not None:
            return node
    if not text:
        why = "cannot be read, since its text is not kept; put it into a file"
    else:
        why = "was edited after it was imported; import it again"
    raise refusal(function, code.co_firstlineno, why)


@functools.lru_cache(maxsize=32)
def _codes_in(text: str, file: str) -> tuple[CodeType, ...]:
    """The code of every function in a file."""
    return tuple(_codes(compile(text, file, "exec", dont_inherit=True)))


def _codes(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _codes(part)


def _same_code(code: CodeType, other: CodeType) -> bool:
    """Whether two functions stand at the same line and do the same."""
    if isinstance(code, CodeType) and isinstance(other, CodeType):
        same = all(
            getattr(code, name) == getattr(other, name)
            for name in ("co_name", "co_firstlineno", "co_code", "co_names", "co_varnames", "co_freevars")
        )
        pairs = zip(code.co_consts, other.co_consts, strict=False)
        return same and len(code.co_consts) == len(other.co_consts) and all(_same_code(a, b) for a, b in pairs)
    return type(code) is type(other) and repr(code) == repr(other)


def _nodes_at(tree: ast.AST, code: CodeType) -> Iterator[ast.FunctionDef | ast.Lambda]:
    """The definitions in a file that a code may be compiled from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min((part.lineno for part in node.decorator_list), default=node.lineno)
            if node.name == code.co_name and first == code.co_firstlineno:
                yield node
        elif isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and _holds(node.body, code):
            yield node


def _holds(body: ast.expr, code: CodeType) -> bool:
    """Whether what a code does lies within a piece of text, so that it belongs to this of several lambdas."""
    begin, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    places = list(_places(code))
    return bool(places) and all(begin <= first and last <= end for first, last in places)


def _places(code: CodeType) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where in a file what a code does stands, line and column, from and to, as far as it is told."""
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if (line, column) < (end_line, end_column):
            yield (line, column), (end_line, end_column)
