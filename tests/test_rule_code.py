"""How a rule's equations are compiled: names, identity, and what is said when they cannot be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from engram.errors import RuleError
from engram.kernels.digest import equation_digest
from engram.kernels.rule_code import rule_functions, rule_identity
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


def test_identity_knows_everything_that_the_code_is_made_of():
    identities = [
        rule_identity(rule)
        for rule in (
            rule_with(0.5),
            rule_with(0.6),
            SelfNormalizing(),
            SelfNormalizing(count="current"),
            SelfNormalizing(variant="smin"),
            Clashing(),
        )
    ]
    assert len(set(identities)) == len(identities)


def test_identity_leaves_numbers_out():
    assert rule_identity(PowerLaw(eta=0.01)) == rule_identity(PowerLaw(eta=0.02, mu=3.0))
    assert rule_identity(rule_with(0.5)) == rule_identity(rule_with(0.5))


def test_digest_reaches_constants_and_helpers(monkeypatch):
    before = equation_digest(equation)
    monkeypatch.setitem(globals(), "SLOPE", 0.2)
    changed = equation_digest(equation)
    monkeypatch.setitem(globals(), "scaled", lambda x: x)
    assert len({before, changed, equation_digest(equation)}) == 3


DIGEST = (
    "from engram.kernels.rule_code import rule_identity; from engram.plasticity import {0}; print(rule_identity({0}()))"
)


def test_identity_is_the_same_in_another_process():
    there = subprocess.run(
        [sys.executable, "-c", DIGEST.format("Exponential")], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == rule_identity(RULES["exponential"]())


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
        rule_functions(load_rule(f"{path}:Mine"), "float64")
    told = str(caught.value)
    assert told.startswith(f"{path}:{LINE + at}: ")
    assert "\n" not in told
    assert "numba" not in told.lower()
    assert len(told) < len(str(path)) + 200


def test_equations_that_compiled_are_not_tried_again(tmp_path, monkeypatch):
    rule = rule_with(0.7)
    rule_functions(rule, "float32")
    monkeypatch.setattr("engram.kernels.equations._check_equation", None)
    rule_functions(rule, "float32")
    with pytest.raises(TypeError):
        rule_functions(rule, "float64")


def test_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path / "file"))
    assert not rule_functions(rule_with(0.7), "float32").has_on_pre
