"""The arithmetic of equations: one meaning, the same bits by NumPy and compiled."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from itertools import count

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engram import arithmetic
from engram.arithmetic import exp, exp_coefficients
from engram.equations.operations import LIBRARY, MEANINGS
from engram.equations.vocabulary import MEANT
from engram.kernels.compiler import compiled
from engram.kernels.machine import Equation, Routine, callable_routine
from engram.kernels.parts import vector
from engram.kernels.precision import compiled_equation
from engram.plasticity import RULES
from engram.precision import for_each, reference_equation

THIRD, FIVE, PAIR = 0.3, 5, (0.1, 2)
both_precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])
NUMBERED = count()


def function_of(text: str, **scope) -> Callable:
    """A function from its text, which is kept as a file's would be."""
    file = f"<equation {next(NUMBERED)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {"math": math, "np": np, "THIRD": THIRD, "FIVE": FIVE, "PAIR": PAIR, "arithmetic": arithmetic, **scope}
    exec(compile(text, file, "exec"), scope)
    return scope["equation"]


def compiled_function(equation: Callable, dtype: str, n_arguments: int):
    """The compiled equation as a function that Python can call."""
    call = compiled_equation(equation, dtype)
    names = ", ".join("abcdef"[:n_arguments])
    scope = {"call": call}
    exec(f"def {equation.__name__}_called({names}):\n    return call({names})", scope)
    return compiled(scope[f"{equation.__name__}_called"])


_TAKEN = {"number": "vector({}, REAL, 1)[0]", "whole": "{}", "truth": "{} != 0"}
"""How a routine takes an argument of each kind from a whole number, be it an address."""


def in_a_routine(equation: Callable, dtype: str, n_found: int, *kinds: str):
    """The equation in a routine, as networks run it, called with what it takes: what it finds, as doubles."""
    names = [f"a{k}" for k in range(len(kinds))]
    taken = ", ".join(_TAKEN[kind].format(name) for kind, name in zip(kinds, names, strict=True))
    lines = [f"def called(found, {', '.join(names)}):", f"    result = EQUATION({taken})"]
    lines += [f"    vector(found, DOUBLE, {n_found})[{k}] = result[{k}]" for k in range(n_found)]
    scope = {"__name__": __name__, "vector": vector, "DOUBLE": np.float64}
    exec("\n".join([*lines, "    return 0"]), scope)
    placeholders = {"EQUATION": Equation(equation, dtype), "REAL": np.dtype(dtype).type}
    routine = callable_routine(Routine(scope["called"], tuple(placeholders.items())), 1 + len(kinds))

    def call(*arguments):
        found, held = np.full(n_found, np.nan), [np.asarray(x, dtype) for x in arguments]
        given = zip(kinds, arguments, held, strict=True)
        routine(found.ctypes.data, *(x.ctypes.data if kind == "number" else int(n) for kind, n, x in given))
        return found

    return call


def assert_same_bits(ours, theirs):
    """Equal numbers; zeros of one sign; NaN where there is NaN."""
    ours, theirs = (np.asarray(x, np.float64) for x in (ours, theirs))
    np.testing.assert_array_equal(ours, theirs)
    kept = ~np.isnan(ours)
    np.testing.assert_array_equal(np.signbit(ours[kept]), np.signbit(theirs[kept]))


# Random expressions

_LEAVES = [
    "x",
    "y",
    "n",
    "m",
    "(x > y)",
    "0.1",
    "2.5",
    "3",
    "-2",
    "0",
    "1",
    "THIRD",
    "FIVE",
    "PAIR[0]",
    "np.pi",
    "True",
]
_BINARY = [f"({{}} {sign} {{}})" for sign in ("+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "!=")]
_BINARY += ["min({}, {})", "max({}, {})", "np.minimum({}, {})", "np.hypot({}, {})", "np.where({} > 0, {}, 1)"]
_UNARY = [
    *("(-{})", "abs({})", "({} ** 2)", "({} ** 3)", "({} ** -1)", "({} ** 0.5)", "math.exp({})", "np.exp(-abs({}))"),
    *("np.sqrt({})", "np.log({})", "np.tanh({})", "math.sin({})", "np.floor({})", "np.sign({})", "float({})"),
    *("helper({})", "min(max(math.floor({}), -9), 9)", "min(max(round({}), -9), 9)", "np.clip({}, 0.2, FIVE)"),
]


def _larger(inner):
    of_two = st.tuples(st.sampled_from(_BINARY), inner, inner).map(lambda t: t[0].format(*t[1:]))
    of_one = st.tuples(st.sampled_from(_UNARY), inner).map(lambda t: t[0].format(t[1]))
    choice = st.tuples(inner, inner, inner).map(lambda t: "(({}) * 1 if {} > 0.5 else ({}) * 1)".format(*t))
    return of_two | of_one | choice


EXPRESSIONS = st.recursive(st.sampled_from(_LEAVES), _larger, max_leaves=8)
HELPER = """
def helper(z, step=0.1):
    total = 0
    for k in range(3):
        total += z * THIRD - k / 7 + step
    return total
"""
VALUES = [0.0, -0.0, 0.1, 0.7, -1.3, 3.0, 88.8, -90.0, 1e-40, 3e30, math.inf, -math.inf, math.nan]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(EXPRESSIONS, min_size=6, max_size=6))
def test_any_expression_has_the_same_bits_by_numpy_and_compiled(expressions):
    body = "".join(f"    r{k} = {expression}\n" for k, expression in enumerate(expressions))
    text = f"{HELPER}\ndef equation(x, y, n, m):\n{body}    return {', '.join(f'r{k} * 1' for k in range(6))}\n"
    equation = function_of(text)
    for dtype in ("float32", "float64"):
        real = np.dtype(dtype).type
        ours = in_a_routine(equation, dtype, 6, "number", "number", "whole", "truth")
        theirs = reference_equation(equation, dtype)
        for x, y in zip(VALUES, [0.25, *VALUES[:0:-1]], strict=True):
            for n, m in ((4, True), (-3, False), (0, True)):
                with np.errstate(all="ignore"):
                    arguments = real(x), real(y), n, m
                assert_same_bits(ours(*arguments), theirs(*arguments))


@both_precisions
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(EXPRESSIONS)
def test_each_of_many_numbers_has_the_bits_that_it_has_alone(dtype, expression):
    equation = function_of(f"{HELPER}\ndef equation(x, y, n, m):\n    return {expression} * 1\n")
    computed = reference_equation(equation, dtype)
    with np.errstate(all="ignore"):
        x, y = np.array([VALUES, [0.25, *VALUES[:0:-1]]]).astype(dtype)
    alone = [computed(*numbers, 4, True) for numbers in zip(x, y, strict=True)]
    assert_same_bits(np.broadcast_to(for_each(equation, dtype)(x, y, 4, True), len(x)), alone)


def ways_of_its_own(x, y):
    before, count = x, 0
    while x < y and x > 0.01:
        x *= 2.0
        count += 1
    if not count:
        return before, False
    return (x - before if count in (1, 3) or x == y else -x), y > 1.0


def with_a_column(x, y):
    parts = np.zeros(2)
    parts[0], parts[1] = x, y
    return parts.sum(), x > y


def with_numbers_from_outside(x, y):
    return x + (WEIGHED * y).sum(), x > y


WEIGHED = np.array([0.5, 0.25, 2.0])


def counted_by_whole_numbers(x, y):
    total = 0.0
    for _ in range(int(min(x, 9.0))):
        total += y
    return total, x > y


@both_precisions
@pytest.mark.parametrize(
    "equation", [ways_of_its_own, with_a_column, with_numbers_from_outside, counted_by_whole_numbers]
)
def test_each_of_many_numbers_goes_its_own_way(dtype, equation):
    x, y = np.array([[0.1, 0.9, 1.0, 0.0, 5.0, 0.5, -3.0], [0.8, 0.9, 1.5, 2.0, 4.0, 4.0, 1.0]]).astype(dtype)
    of_one = reference_equation(equation, dtype)
    alone = [of_one(*numbers) for numbers in zip(x, y, strict=True)]
    for n in (7, 3):  # as many as there are numbers outside, too
        many = for_each(equation, dtype)(x[:n], y[:n])
        for found, expected in zip(many, zip(*alone[:n], strict=True), strict=True):
            assert_same_bits(found, expected)
    assert x.tolist() == np.array([0.1, 0.9, 1.0, 0.0, 5.0, 0.5, -3.0]).astype(dtype).tolist()


def test_what_is_wrong_with_one_of_many_is_told():
    def equation(x):
        if x > 1.0:
            raise ValueError("too much")
        return x

    assert for_each(equation, "float64")(np.array([0.5, 1.0])).tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="too much"):
        for_each(equation, "float64")(np.array([0.5, 2.0]))


# Every function that an equation may use

OF_NUMBERS = sorted(
    {operation for operation in MEANT.values() if operation in MEANINGS} | {"min", "max"},
)


def _written(operation: str) -> tuple[str, int]:
    """How a user writes an operation, and of how many numbers."""
    function = next(
        (f for f, name in MEANT.items() if name == operation and getattr(f, "__name__", "") != "where"), None
    )
    n = LIBRARY.get(operation.replace("power", "pow")) or MEANINGS[operation].function.__code__.co_argcount
    if operation in ("min", "max"):
        return operation, 2
    if function is None:
        return f"np.{operation}", n
    if isinstance(function, type):
        return (function.__name__ if function.__module__ == "builtins" else f"np.{function.__name__}"), n
    owners = {"math": "math.", "builtins": "", "engram.arithmetic": "arithmetic."}
    return f"{owners.get(getattr(function, '__module__', None), 'np.')}{function.__name__}", n


@both_precisions
def test_every_function_that_may_be_used_has_the_same_bits_by_numpy_and_compiled(dtype):
    calls = []
    for operation in OF_NUMBERS:
        name, n = _written(operation)
        given = ", ".join(("x", "y", "z")[:n]) if operation != "where" else "x > y, x, y"
        calls.append(f"float({name}({given}))")
    assert len(calls) > 60
    equation = function_of(f"def equation(x, y, z):\n    return ({', '.join(calls)})\n")
    ours, theirs = compiled_function(equation, dtype, 3), reference_equation(equation, dtype)
    random = np.random.default_rng(0)
    rows = [*random.normal(0, 2, (40, 3)), *random.uniform(0, 1, (40, 3)), *random.choice(VALUES, (80, 3))]
    for row in np.array(rows):
        with np.errstate(all="ignore"):
            numbers = row.astype(dtype)
        assert_same_bits(ours(*numbers), theirs(*numbers))


# Columns


def whole_column(w, x):
    w *= 0.9
    w[:] = w + 0.1 * np.exp(-x) * (1 - w) ** 2
    w[2:5] -= THIRD * x[2:5]
    w[x > 0.5] += 1 / 3
    w[:] = np.clip(np.where(x > 0.3, w, 0.5 * w), 0, 0.9)


def sums(w, x):
    active = x >= 0.3
    inner = np.dot(w, x) + (w @ x) + np.linalg.norm(w)
    return w.sum(), sum(w), np.sum(w * x) / 7, w.mean(), inner, active.sum() / len(x), (active * w).sum()


def extremes(w, x):
    return w.min(), max(w), np.max(x - w), np.count_nonzero(x > 0.5), 1 * np.any(x > 2), 1 * (x < 2).all()


def new_columns(w, x):
    kept = w.copy()
    w[:] = np.zeros(len(w)) + np.full(len(w), 0.1) * x
    return (kept - np.ones_like(w) * w).sum()


def loops(w, x):
    total, largest = 0.0, w[0]
    for value in w:
        total += value
        largest = max(largest, value)
    for i, value in enumerate(x):
        w[i] += value / total - largest % 0.1
    return total


@both_precisions
@pytest.mark.parametrize("equation", [whole_column, sums, extremes, new_columns, loops], ids=lambda f: f.__name__)
def test_columns_have_the_same_bits_by_numpy_and_compiled(equation, dtype):
    w, x = np.random.default_rng(1).uniform(0, 1, (2, 50)).astype(dtype)
    columns = [(w.copy(), x.copy()) for _ in range(2)]
    ours = compiled_function(equation, dtype, 2)(*columns[0])
    theirs = reference_equation(equation, dtype)(*columns[1])
    if theirs is not None:
        assert_same_bits(ours, theirs)
    for one, other in zip(*columns, strict=True):
        assert_same_bits(one, other)
    assert theirs is not None or not np.array_equal(columns[0][0], w)


def test_sum_adds_from_the_first_to_the_last():
    def equation(w):
        return w.sum()

    w = np.random.default_rng(0).uniform(0, 1, 1000).astype(np.float32)
    total = np.float32(0)
    for value in w:
        total += value
    assert total != np.sum(w)
    assert reference_equation(equation, "float32")(w) == total


# Worked out by hand

EXACT = [
    ("1 - x", 1 - np.float32(0.1)),
    ("x * THIRD", np.float32(0.1) * np.float32(0.3)),
    ("(0.1 + 0.2) * x", (np.float32(0.1) + np.float32(0.2)) * np.float32(0.1)),
    ("PAIR[0] + FIVE", np.float32(0.1) + np.float32(5)),
    ("n / 3", np.float32(7) / np.float32(3)),
    ("n / 3 * 3 / 7", np.float32(7) / np.float32(3) * np.float32(3) / np.float32(7)),
    ("16777217 + x", np.float32(16777216)),
    ("16777217 + n", 16777224),
    ("-n // 2", -4),
    ("-n % 4", 1),
    ("n // 0", 0),
    ("n / 0", math.inf),
    ("2 ** n", np.float32(128)),
    ("x ** 2", np.float32(0.1) * np.float32(0.1)),
    ("round(2.5) + math.floor(-0.5) + int(-1.9)", 0),
    ("(x > 0) + (n > 0)", 2),
    ("int(math.inf)", 2**63 - 1),
    ("n if 0.0 < x < n else 0", 7),
]


@pytest.mark.parametrize(("expression", "expected"), EXACT, ids=[expression for expression, _ in EXACT])
def test_single_precision_worked_out_by_hand(expression, expected):
    equation = function_of(f"def equation(x, n):\n    return {expression}\n")
    value = reference_equation(equation, "float32")(np.float32(0.1), 7)
    assert value == expected
    assert isinstance(value, np.float32) == isinstance(expected, (np.float32, float))
    assert compiled_function(equation, "float32", 2)(np.float32(0.1), 7) == expected


def test_equation_called_with_doubles_is_computed_in_single_precision():
    def equation(w, eta):
        return w + eta

    assert reference_equation(equation, np.float32)(0.1, 0.2) == np.float32(0.1) + np.float32(0.2)


def test_equation_keeps_its_name_and_arguments():
    def decay(w, tau=20.0):
        """Of a weight."""
        return w / tau

    computed = reference_equation(decay, "float32")
    assert computed.__name__ == "decay"
    assert computed(1.0) == np.float32(1) / np.float32(20)
    assert decay(1.0) == 0.05


# The exponential


@pytest.mark.parametrize(("dtype", "low", "high"), [("float32", -87.3, 88.7), ("float64", -708.3, 709.7)])
def test_exponential_is_right_to_about_a_unit_in_the_last_place(dtype, low, high):
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(low, high, 1500), random.normal(0, 1, 1500), [0.0]]).astype(dtype)
    with mpmath.workprec(120):
        true = [mpmath.exp(mpmath.mpf(float(each))) for each in x]
        ours = exp(x, exp_coefficients(dtype))
        errors = [
            abs(mpmath.mpf(float(e)) - t) / mpmath.mpf(float(np.spacing(e))) for e, t in zip(ours, true, strict=True)
        ]
    assert max(errors) < 1.2
    assert exp(np.dtype(dtype).type(0), exp_coefficients(dtype)) == 1.0


@both_precisions
def test_exponential_beyond_the_range_of_its_precision(dtype):
    c, real = exp_coefficients(dtype), np.dtype(dtype).type
    limits = np.finfo(dtype)
    assert exp(real(-np.inf), c) == exp(c.lowest - real(1), c) == 0.0
    assert exp(real(np.inf), c) == exp(c.highest + real(1), c) == np.inf
    assert np.isnan(exp(real(np.nan), c))
    assert limits.tiny < exp(c.lowest, c) < 1.02 * limits.tiny
    assert 0.999 * limits.max < exp(c.highest, c) < limits.max


# Machine code


@both_precisions
@pytest.mark.parametrize("name", RULES)
def test_changing_a_column_takes_vector_instructions(name, dtype):
    on_post = RULES[name]().equations().on_post
    call = compiled_equation(on_post, dtype)
    names = ", ".join(f"a{k}" for k in range(2, on_post.__code__.co_argcount))
    given = ["w[i]", "x[i]", names] if names else ["w[i]", "x[i]"]
    scope = {"call": call}
    text = f"def change(w, x{', ' if names else ''}{names}):\n    for i in range(w.shape[0]):\n"
    exec(f"{text}        w[i] = call({', '.join(given)})\n", scope)
    change = compiled(scope["change"], noalias=True)
    number = numba.from_dtype(np.dtype(dtype))
    column = numba.types.Array(number, 1, "C")
    signature = (column, column, *[number] * (on_post.__code__.co_argcount - 2))
    change.compile(signature)
    code = "\n".join(change.inspect_llvm(signature).splitlines())
    kind = {"float32": "float", "float64": "double"}[dtype]
    assert any(f"fadd <{lanes} x {kind}>" in code for lanes in (2, 4, 8, 16))


def test_not_tells_of_each_number_of_a_column_whether_it_is_zero():
    equation = function_of("def equation(x):\n    return x + (not x)\n")
    assert for_each(equation, "float32")(np.array([0.0, 2.0], np.float32)).tolist() == [1.0, 2.0]
    assert [reference_equation(equation, "float32")(x) for x in (0.0, 2.0)] == [1.0, 2.0]
