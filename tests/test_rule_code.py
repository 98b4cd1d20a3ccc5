"""How a rule's equations are compiled: names, identity, and what is said when they cannot be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from engram.errors import RuleError
from engram.kernels.code_store import CacheWarning
from engram.kernels.machine import Equation, Routine
from engram.kernels.rule_code import ready_rule, rule_code
from engram.plasticity import RULES, LearningRule, PowerLaw, SelfNormalizing, Trace, load_rule
from scenes import forced_run

SLOPE = 0.1


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing compiled before must hide a mistake."""
    monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path / "cache"))


def scaled(x):
    return SLOPE * x + 0.3


def equation(w, x):
    if x > 0.1:
        return w - 0.2 * scaled(w)
    return w


@dataclass(frozen=True, kw_only=True)
class Clashing(LearningRule):
    """Names that the generated code might use for itself."""

    eta: float = 0.1
    real: float = 0.5
    range: float = 2.0
    coefficients: float = 3.0
    trace_now: float = 1.0
    on_post_: float = 1.0

    def traces(self):
        return (Trace("i", of="pre", tau=20.0), Trace("t", of="post", tau=20.0))

    def initial_state(self, n_inputs):
        return {"memory": 1.0, "parameters": 0.0}

    def on_pre(w, t, i, eta, memory):
        return w - eta * t * i * memory

    def on_post(w, i, real, range, coefficients, trace_now, on_post_):
        return w + 0.01 * i * real * range * coefficients * trace_now * on_post_

    def after_post(w, i, memory, parameters):
        return memory * 0.9, parameters + 1.0


@pytest.mark.parametrize("rule", [Clashing(), PowerLaw(mu=0.6), RULES["triplet"]()], ids=lambda rule: rule.name)
def test_generated_code_equals_the_reference(rule):
    (weights, memory), (expected, expected_memory) = forced_run(rule)
    assert np.all(np.isfinite(weights))
    np.testing.assert_array_equal(weights, expected)
    for ours, theirs in zip(memory, expected_memory, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def rule_with(constant):
    @dataclass(frozen=True, kw_only=True)
    class Local(LearningRule):
        def on_post(w):
            return w * constant

    return Local()


def digests(rule):
    return [routine.digest for routine in rule_code(rule, "float32").routines]


def test_digest_knows_everything_that_the_code_is_made_of():
    rules = (
        rule_with(0.5),
        rule_with(0.6),
        SelfNormalizing(),
        SelfNormalizing(count="current"),
        SelfNormalizing(variant="smin"),
        Clashing(),
    )
    found = [digest for rule in rules for digest in digests(rule)]
    assert len(set(found)) == len(found)


def test_digest_leaves_numbers_out():
    assert digests(PowerLaw(eta=0.01)) == digests(PowerLaw(eta=0.02, mu=3.0))
    assert digests(rule_with(0.5)) == digests(rule_with(0.5))


def digest_of_equation():
    return Routine(changed, (("_equation", Equation(equation, "float32")),)).digest


def changed(address):
    return _equation(address, address)  # noqa: F821


def test_digest_reaches_constants_and_helpers(monkeypatch):
    before = digest_of_equation()
    monkeypatch.setitem(globals(), "SLOPE", 0.2)
    other = digest_of_equation()
    monkeypatch.setitem(globals(), "scaled", lambda x: x)
    assert len({before, other, digest_of_equation()}) == 3


DIGEST = (
    "from engram.kernels.rule_code import rule_code; from engram.plasticity import {0};"
    " print([routine.digest for routine in rule_code({0}(), 'float32').routines])"
)


def test_digest_is_the_same_in_another_process():
    there = subprocess.run(
        [sys.executable, "-c", DIGEST.format("Exponential")], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == str(digests(RULES["exponential"]()))


HEAD = """from dataclasses import dataclass
import numpy as np
from engram import LearningRule, Trace

@dataclass(frozen=True, kw_only=True)
class Mine(LearningRule):
    eta: float = 0.1

    def traces(self):
        return (Trace("x_pre", of="pre", tau=20.0),)

"""
LINE = len(HEAD.splitlines()) + 1


@pytest.mark.parametrize(
    ("lines", "at", "message"),
    [
        (
            ["def on_post(w):", "    if w > 50.0:", "        return None", "    return w"],
            0,
            "on_post of Mine must return the number w, but returns sometimes nothing, sometimes float",
        ),
        (
            ["def on_post(w):", "    if w > 50.0:", "        return w + 'a'", "    return w"],
            2,
            r"on_post of Mine does not compile: there is no compiled form of add\(float64, str\)\.",
        ),
        (
            ["def on_post(w):", "    y = w.mean()", "    return y"],
            1,
            "on_post of Mine raises TypeError: a sum and the like need a column, got float64",
        ),
        (
            ["def on_post(w):", "    import math", "    return math.exp(w)"],
            1,
            "on_post of Mine cannot import; import at the top of the file",
        ),
        (
            ["def on_post(w):", "    if w > 50.0:", "        return w + never_defined", "    return w"],
            2,
            "on_post of Mine uses the name 'never_defined', which is not defined",
        ),
        (
            ["def on_post(w):", "    y = 'a' if w > 50.0 else w", "    return 1.0 * y"],
            1,
            "on_post of Mine does not compile",
        ),
        (
            ["def on_post(w):", "    with np.errstate(all='ignore'):", "        return w"],
            1,
            "on_post of Mine uses np.errstate, which need not give the same bits in every kernel",
        ),
        (
            ["def before_post(w, x_pre):", "    w[0] = np.linalg.norm(x_pre, 'nuc') if w[0] > 50.0 else 0.0"],
            1,
            "before_post of Mine does not compile",
        ),
    ],
)
def test_equation_that_does_not_compile_is_told_in_its_own_terms(tmp_path, lines, at, message):
    path = tmp_path / "my_rule.py"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    with pytest.raises(RuleError, match=message) as caught:
        ready_rule(load_rule(f"{path}:Mine"), "float64")
    told = str(caught.value)
    assert told.startswith(f"{path}:{LINE + at}: ")
    assert "\n" not in told
    assert "numba" not in told.lower()
    assert len(told) < len(str(path)) + 200


def test_equations_that_compiled_are_not_tried_again(monkeypatch):
    rule = rule_with(0.7)
    ready_rule(rule, "float32")
    monkeypatch.setattr("engram.kernels.equations._check_equation", None)
    ready_rule(rule, "float32")
    with pytest.raises(TypeError):
        ready_rule(rule, "float64")


def test_cache_that_cannot_be_written_is_done_without_and_told_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("engram.kernels.code_store._TOLD", set())
    with pytest.warns(CacheWarning, match="set ENGRAM_CACHE to a folder of your own") as told:
        assert ready_rule(rule_with(0.8), "float32").on_pre is None
    assert len(told) == 1
