"""Finding an equation's text and writing it anew; what cannot mean the same in every kernel is refused."""

from __future__ import annotations

import linecache
import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.special

from engram import DiehlCook, LearningRule, simulate
from engram.equations.rewriting import rewrite
from engram.errors import RuleError
from engram.plasticity import load_rule
from engram.precision import reference_equation

SLOPE = 0.1


def draws(w):
    if w > 50.0:
        w += random.random()
    return w


def draws_by_numpy(w):
    return w + 0.1 * np.random.normal()


def borrows(w):
    return scipy.special.expit(w)


def opens(w):
    return w + os.getpid()


def fills(w, x_pre):
    w.fill(0.0)


def spreads(w):
    return np.max(w, axis=0)


def chooses(w):
    return np.where(w)


def prints(w):
    print(w)
    return w


def lists(w):
    return sum([w, 1.0])


def looks_up(w):
    return {"a": w}["a"]


def comprehends(w):
    return sum(x for x in (w, 1.0))


def keeps(w):
    global SLOPE
    SLOPE = w
    return w


def names(w):
    return (y := 2.0 * w) + y


def misspells(w):
    return np.expp(w)


def halves(w):
    return halves(w - 1.0) if w > 1.0 else 0.5 * w


@pytest.mark.parametrize(
    ("equation", "line", "message"),
    [
        (draws, 2, r"draws random numbers of its own \(random.random\), which no two kernels would draw alike"),
        (draws_by_numpy, 1, r"draws random numbers of its own \(np.random.normal\)"),
        (borrows, 1, r"calls scipy.special.expit, which cannot be an equation: "),
        (opens, 1, r"uses os.getpid, which need not give the same bits in every kernel"),
        (fills, 1, r"calls .fill\(\) in a way that has no meaning here"),
        (spreads, 1, r"calls np.max with a name or a star; give its numbers alone"),
        (chooses, 1, r"calls np.where without two values to choose from"),
        (prints, 1, r"prints, which compiled code cannot; leave it out"),
        (lists, 1, r"makes a list or the like; write a tuple or a loop"),
        (looks_up, 1, r"makes a list or the like"),
        (comprehends, 1, r"makes a list or the like"),
        (keeps, 1, r"changes names outside of it; return what it finds instead"),
        (names, 1, r"names y within an expression; give it a line of its own"),
        (halves, 1, r"calls halves, which calls itself; write a loop"),
        (misspells, 1, r"asks for np.expp, which does not exist"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_mean_the_same_in_every_kernel_is_refused_with_its_line(equation, line, message):
    with pytest.raises(RuleError, match=message) as caught:
        rewrite(equation)
    told = str(caught.value)
    assert told.startswith(f"{__file__}:{equation.__code__.co_firstlineno + line}: {equation.__name__} ")
    assert "\n" not in told


@dataclass(frozen=True, kw_only=True)
class Noisy(LearningRule):
    def on_post(w):
        return w + 0.01 * np.random.standard_normal()


@pytest.mark.parametrize("kernel", ["reference", "compiled"])
def test_rule_that_draws_random_numbers_is_refused_before_anything_is_compiled(kernel):
    with pytest.raises(RuleError, match="on_post of Noisy draws random numbers of its own"):
        simulate(DiehlCook(n_inputs=3, n_neurons=2), Noisy(), spikes=([], []), n_steps=1, kernel=kernel)


def scaled(x):
    return SLOPE * x + 0.3


def equation(w, x):
    if x > 0.1:
        return w - 0.2 * scaled(w)
    return w


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_literals_globals_and_helpers_take_the_precision_of_the_simulation(dtype):
    computed = reference_equation(equation, dtype)
    w = np.linspace(0.0, 1.0, 101).astype(dtype)
    expected = w - dtype(0.2) * (dtype(0.1) * w + dtype(0.3))
    np.testing.assert_array_equal([computed(each, 0.5) for each in w], expected)
    # 0.1 is above its own rounding to single precision
    assert computed(dtype(1.0), dtype(0.1)) == 1.0


def test_original_equation_is_left_alone():
    before = equation.__code__
    reference_equation(equation, np.float32)
    assert equation.__code__ is before
    assert type(SLOPE) is float
    assert equation(1.0, 0.5) == 1.0 - 0.2 * (0.1 * 1.0 + 0.3)


first, second = lambda w: w + 0.25, lambda w: w - 0.25


def test_lambdas_of_one_line_are_told_apart():
    assert reference_equation(first, "float64")(1.0) == 1.25
    assert reference_equation(second, "float64")(1.0) == 0.75


def test_constants_of_an_enclosing_function_and_defaults_take_part():
    def make(loss):
        def decays(w, gain=0.5):
            """With a docstring."""
            return gain * w - loss

        return decays

    single = reference_equation(make(0.1), "float32")
    assert single(1.0) == np.float32(0.5) - np.float32(0.1)
    assert reference_equation(make(0.2), "float32")(1.0) == np.float32(0.5) - np.float32(0.2)


def test_text_that_is_not_kept_is_told():
    scope = {}
    exec("def lost(w):\n    return w", scope)
    with pytest.raises(RuleError, match="lost cannot be read, since its text is not kept; put it into a file"):
        rewrite(scope["lost"])


HEAD = """from dataclasses import dataclass
from engram import LearningRule

@dataclass(frozen=True, kw_only=True)
class Mine(LearningRule):
    def on_post(w):
        return 0.5 * w
"""


def test_rule_keeps_the_text_it_was_loaded_with(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD)
    rule = load_rule(f"{path}:Mine")
    path.write_text("# a line more\n" + HEAD.replace("0.5", "0.7"))
    linecache.checkcache()
    assert reference_equation(type(rule).on_post, "float64")(1.0) == 0.5
    again = load_rule(f"{path}:Mine")
    assert reference_equation(type(again).on_post, "float64")(1.0) == 0.7


def test_function_whose_file_was_edited_after_its_import_is_told(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("def change(w):\n    return 0.5 * w\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    path.write_text("def change(w):\n    return 0.75 * w\n")
    with pytest.raises(RuleError, match=f"{path}:1: change was edited after it was imported; import it again"):
        rewrite(scope["change"])
