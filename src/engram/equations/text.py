"""The text of a function as a syntax tree, and the error about something in it."""

from __future__ import annotations

import ast
import functools
import linecache
import traceback
from collections.abc import Callable, Iterator
from types import CodeType

from engram.errors import RuleError


def refusal(function: Callable, line: int, what: str) -> RuleError:
    """The error about something in an equation's text."""
    *_, owner, name = ["<locals>", *function.__qualname__.split(".")]
    whose = "" if owner == "<locals>" else f" of {owner}"
    return RuleError(f"{function.__code__.co_filename}:{line}: {name}{whose} {what}.")


def where(function: Callable) -> str:
    """File and line of a function, for messages."""
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def line_raised(error: Exception, function: Callable) -> str:
    """The innermost line of an equation's own file that an exception passed through."""
    file = function.__code__.co_filename
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else where(function)


def node_of(function: Callable) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function, a fresh one."""
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


def _holds(body: ast.AST, code: CodeType) -> bool:
    """Whether what a code does lies within a piece of text, so that it belongs to this of several lambdas."""
    begin, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [p for p in code.co_positions() if None not in p and (p[0], p[2]) < (p[1], p[3])]
    return bool(places) and all(begin <= (p[0], p[2]) and (p[1], p[3]) <= end for p in places)
