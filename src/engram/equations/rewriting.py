"""Writes an equation anew so that every operation of its arithmetic is a call that can be given a meaning.

``w + eta * x`` becomes ``add(w, multiply(eta, x))``, ``math.exp(x)`` and ``np.exp(x)`` become ``exp(x)``, a number that
is written down or comes from outside becomes a name. What these names mean, the kernels choose: :mod:`engram.precision`
gives them NumPy's operations in one precision, :mod:`engram.kernels.precision` the processor's. So both run one text.
What has no meaning that both could share is refused here, with the line where it stands.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable
from numbers import Real
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from engram.equations.text import node_of, plain_function, refusal
from engram.equations.vocabulary import (
    METHODS,
    OF_MANY,
    OPERATORS,
    UNTOUCHED,
    WHOLE_POWERS,
    is_exception,
    is_foreign,
    is_random,
    operation_of,
)
from engram.errors import RuleError

_Placed = ast.expr | ast.stmt
"""What stands in a line of its text."""


class Operation(NamedTuple):
    """A name's meaning: an operation of the table."""

    name: str


class Number(NamedTuple):
    """A name's meaning: a number from the text or from outside, or an array or tuple of them."""

    value: Any


class Helper(NamedTuple):
    """A name's meaning: a function that is an equation itself."""

    function: FunctionType


class AsItIs(NamedTuple):
    """A name's meaning: a value that takes no part in the arithmetic."""

    value: Any


CONTAINERS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""What takes memory of its own, which compiled equations do not."""


class Rewritten(NamedTuple):
    """An equation written anew."""

    code: CodeType
    meanings: dict[str, Operation | Number | Helper | AsItIs]


def rewrite(function: Callable) -> Rewritten:
    """An equation's code with every operation called by name, and what those names stand for.

    Raises
    ------
    RuleError
        If its source cannot be found, or it uses something that cannot mean the same in every kernel.
    """
    return _rewrite(plain_function(function), set())


def _rewrite(function: FunctionType, callers: set[FunctionType]) -> Rewritten:
    node = node_of(function)
    rewriter = _Rewriter(function, _stored_names(node), callers | {function})
    name = function.__code__.co_name
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.Return(rewriter.visit(node.body))]
        name = "_lambda"
    else:
        body = rewriter.visit_all(node.body)
    arguments = _bare(node.args)
    definition = ast.FunctionDef(name=name, args=arguments, body=body, decorator_list=[], type_params=[])
    module = ast.Module(body=[ast.copy_location(definition, node)], type_ignores=[])
    ast.fix_missing_locations(module)
    outer = compile(module, function.__code__.co_filename, "exec", dont_inherit=True)
    code = next(part for part in outer.co_consts if isinstance(part, CodeType))
    return Rewritten(code.replace(co_firstlineno=function.__code__.co_firstlineno), rewriter.meanings)


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Arguments without the defaults and annotations, which belong to where the function is defined."""
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    arguments.defaults, arguments.kw_defaults = [], [None] * len(arguments.kwonlyargs)
    return arguments


def _stored_names(node: ast.AST) -> set[str]:
    """Every name that the function itself gives a value to."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    stored |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    inner = (n for n in ast.walk(node) if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n is not node)
    return stored | {n.name for n in inner}


class _Rewriter(ast.NodeTransformer):
    """Walks over an equation's syntax tree; collects what its new names mean."""

    def __init__(self, function: FunctionType, stored: set[str], callers: set[FunctionType]):
        self.function, self.stored, self.callers = function, stored, callers
        self.meanings: dict[str, Operation | Number | Helper | AsItIs] = {}
        self.cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        self.n_parts = 0

    def visit_all(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """A body; its docstring stays out."""
        if ast.get_docstring(ast.Module(body=statements, type_ignores=[]), clean=False) is not None:
            statements = statements[1:] or [ast.Pass()]
        body = []
        for statement in statements:
            new = self.visit(statement)
            body += new if isinstance(new, list) else [new]
        return body

    def refuse(self, node: _Placed, what: str) -> RuleError:
        return refusal(self.function, node.lineno, what)

    # Names

    def visit_Name(self, node: ast.Name):
        if not isinstance(node.ctx, ast.Load) or node.id in self.stored:
            return node
        return self._named(self._value(node), node, node.id)

    def visit_Attribute(self, node: ast.Attribute):
        """What a module or a tuple of constants has by that name, or an attribute of a value of the equation's own."""
        if isinstance(node.ctx, ast.Load) and self._from_outside(node):
            return self._named(self._value(node), node, ast.unparse(node))
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant):
        return self._number(node.value, node) if type(node.value) is float else node

    def _from_outside(self, node: ast.AST) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id not in self.stored

    def _value(self, node: ast.expr):
        """What a name or dotted name from outside the function stands for."""
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value)
            try:
                return getattr(owner, node.attr)
            except AttributeError:
                raise self.refuse(node, f"asks for {ast.unparse(node)}, which does not exist") from None
        name = ast.unparse(node)
        if name in self.cells:
            try:
                return self.cells[name].cell_contents
            except ValueError:
                raise self.refuse(node, f"uses {name}, which has no value yet") from None
        scope = self.function.__globals__
        built_in = scope.get("__builtins__", {})
        built_in = vars(built_in) if isinstance(built_in, ModuleType) else built_in
        if name in scope:
            return scope[name]
        if name in built_in:
            return built_in[name]
        raise self.refuse(node, f"uses the name {name!r}, which is not defined")

    def _named(self, value, node: _Placed, text: str):
        """A value from outside as a name with a meaning."""
        value = getattr(value, "py_func", value)
        operation = operation_of(value)
        if operation is not None:
            return self._operation(operation, node)
        if isinstance(value, (Real, np.bool_, np.ndarray, tuple)):
            return self._number(value, node)
        if isinstance(value, FunctionType) and not is_foreign(value):
            self._check_helper(value, node, text)
            return self._bound(Helper(value), f"{value.__name__}_of_equation", node)
        if value is None or isinstance(value, str) or any(value is name for name in UNTOUCHED) or is_exception(value):
            return self._bound(AsItIs(value), text.replace(".", "_"), node)
        if value is print:
            raise self.refuse(
                node, "prints, which compiled code cannot; leave it out, and call the equation by hand to look"
            )
        if is_random(value):
            raise self.refuse(
                node, f"draws random numbers of its own ({text}), which no two kernels would draw alike; leave them out"
            )
        raise self.refuse(
            node,
            f"uses {text}, which need not give the same bits in every kernel; engram.precision lists what does",
        )

    def _check_helper(self, helper: FunctionType, node: _Placed, text: str) -> None:
        """A function of another file is refused where it is called, not in a file that the user never saw."""
        if helper in self.callers:
            raise self.refuse(node, f"calls {text}, which calls itself; write a loop")
        try:
            _rewrite(helper, self.callers)
        except RuleError as error:
            if helper.__code__.co_filename == self.function.__code__.co_filename:
                raise
            raise self.refuse(node, f"calls {text}, which cannot be an equation: {str(error).rstrip('.')}") from None

    def _operation(self, name: str, node: ast.AST) -> ast.Name:
        return self._bound(Operation(name), name, node)

    def _number(self, value, node: ast.AST) -> ast.expr:
        if type(value) in (bool, int):
            return ast.copy_location(ast.Constant(value), node)
        return self._bound(Number(value), "number", node)

    def _bound(self, meaning, name: str, node: ast.AST) -> ast.Name:
        """A name that nothing else has, with that meaning."""
        base = name = f"_{name.strip('<>')}"
        count = 0
        while not _same_meaning(self.meanings.setdefault(name, meaning), meaning) or name in self.stored:
            count += 1
            name = f"{base}_{count}"
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    # Operations

    def _call(self, name: str, node: ast.AST, *operands: ast.expr) -> ast.Call:
        return ast.copy_location(ast.Call(self._operation(name, node), list(operands), []), node)

    def visit_BinOp(self, node: ast.BinOp):
        if type(node.op) not in OPERATORS:
            return self.generic_visit(node)
        return self._binary(node.op, self.visit(node.left), node.right, node)

    def _binary(self, op: ast.operator, left: ast.expr, right: ast.expr, node: ast.AST) -> ast.Call:
        exponent = right.value if isinstance(right, ast.Constant) else None
        if isinstance(op, ast.Pow) and type(exponent) is int and exponent in WHOLE_POWERS:
            return self._call(WHOLE_POWERS[exponent], node, left)
        return self._call(OPERATORS[type(op)], node, left, self.visit(right))

    def visit_UnaryOp(self, node: ast.UnaryOp):
        if not isinstance(node.op, ast.USub):
            return self.generic_visit(node)
        value = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._number(-value, node)
        return self._call("negative", node, self.visit(node.operand))

    def visit_Compare(self, node: ast.Compare):
        left, parts = self.visit(node.left), []
        for op, right in zip(node.ops, node.comparators, strict=True):
            right = self.visit(right)
            if type(op) in OPERATORS:
                parts.append(self._call(OPERATORS[type(op)], node, left, right))
            else:
                parts.append(ast.copy_location(ast.Compare(left, [op], [right]), node))
            left = copy.deepcopy(right)  # computed again, since the compiler has no word for keeping it
        return parts[0] if len(parts) == 1 else ast.copy_location(ast.BoolOp(ast.And(), parts), node)

    def _new_name(self) -> str:
        self.n_parts += 1
        return f"_part_{self.n_parts}"

    def visit_AugAssign(self, node: ast.AugAssign):
        if type(node.op) not in OPERATORS:
            return self.generic_visit(node)
        target, before = node.target, []
        if isinstance(target, ast.Name):
            now = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            value = self._binary(node.op, now, node.value, node)
            into = self._call("into", node, now, value)
            return ast.copy_location(ast.Assign([target], into), node)
        if not isinstance(target, ast.Subscript):
            raise self.refuse(node, f"changes {ast.unparse(target)}; it may change its own names and columns only")
        target = self.visit(target)
        if not isinstance(target.slice, (ast.Name, ast.Constant)) and not _is_plain_slice(target.slice):
            index = self._new_name()
            before = [ast.copy_location(ast.Assign([ast.Name(index, ast.Store())], target.slice), node)]
            target.slice = ast.Name(index, ast.Load())
        now = ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), node)
        return [*before, ast.copy_location(ast.Assign([target], self._binary(node.op, now, node.value, node)), node)]

    def visit_AnnAssign(self, node: ast.AnnAssign):
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)

    def visit_Call(self, node: ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and not self._from_outside(function):
            return self._method(node, function)
        outside = isinstance(function, (ast.Name, ast.Attribute)) and self._from_outside(function)
        value = self._value(function) if outside else None
        arguments = [self.visit(argument) for argument in node.args]
        if outside and operation_of(value) is not None:
            if node.keywords or any(isinstance(argument, ast.Starred) for argument in arguments):
                raise self.refuse(node, f"calls {ast.unparse(function)} with a name or a star; give its numbers alone")
            if value is np.where and len(arguments) != 3:
                raise self.refuse(node, "calls np.where without two values to choose from; give all three")
            if (many := OF_MANY.get(value)) and len(arguments) > 1:
                return functools.reduce(lambda a, b: self._call(many, node, a, b), arguments)
        keywords = [ast.keyword(part.arg, self.visit(part.value)) for part in node.keywords]
        return ast.copy_location(ast.Call(self.visit(function), arguments, keywords), node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> ast.Call:
        if function.attr not in METHODS or node.keywords:
            raise self.refuse(
                node, f"calls .{function.attr}() in a way that has no meaning here; write it with NumPy or as a loop"
            )
        arguments = [self.visit(part) for part in (function.value, *node.args)]
        return self._call(METHODS[function.attr], node, *arguments)

    # What a function of numbers does not do

    def visit_Import(self, node):
        raise self.refuse(node, "cannot import; import at the top of the file")

    def visit_ImportFrom(self, node):
        self.visit_Import(node)

    def visit_NamedExpr(self, node):
        raise self.refuse(node, f"names {node.target.id} within an expression; give it a line of its own")

    def visit(self, node):
        if isinstance(node, CONTAINERS) and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
            raise self.refuse(node, "makes a list or the like; write a tuple or a loop")
        return super().visit(node)

    def visit_Global(self, node):
        raise self.refuse(node, "changes names outside of it; return what it finds instead")

    def visit_Nonlocal(self, node):
        self.visit_Global(node)


def _is_plain_slice(index: ast.AST) -> bool:
    return isinstance(index, ast.Slice) and not (index.lower or index.upper or index.step)


def _same_meaning(one, other) -> bool:
    """Whether two meanings are one; numbers only if their bits are."""
    return type(one) is type(other) and type(one[0]) is type(other[0]) and _bits(one[0]) == _bits(other[0])


def _bits(value):
    return repr(value) if isinstance(value, (Real, np.bool_)) else value if isinstance(value, str) else id(value)
