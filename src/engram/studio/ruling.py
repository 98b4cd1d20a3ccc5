"""A learning rule by itself: its STDP window, and where a neuron's weights settle from a bad start."""

from __future__ import annotations

import functools
import hashlib
import re
import tempfile
from pathlib import Path

import numpy as np

from engram.errors import ConfigError, RuleError
from engram.plasticity import SelfNormalizing, make_rule
from engram.plasticity.base import LearningRule
from engram.plasticity.registry import RULES
from engram.rule_probes import earlier_post_for, norm_convergence, stdp_window
from engram.user_code import is_own

DELAYS = np.concatenate((np.linspace(-80, -1, 40), np.linspace(0, 80, 41)))
WEIGHTS = (0.1, 0.5, 0.9)

NORM_INPUTS, NORM_SPIKES = 100, 250
"""Of the neuron whose weights settle: enough to see it, few enough to follow a slider."""

LONGEST_TEXT = 1 << 16

_CLASS = re.compile(r"^class\s+([A-Za-z_]\w*)\s*\(", re.MULTILINE)


@functools.lru_cache(maxsize=16)
def window(rule: LearningRule) -> dict:
    """The change of a weight against the time between two spikes, for three weights."""
    earlier = earlier_post_for(rule)
    return {
        "rule": rule.name,
        "equation": rule.equation,
        "source": rule.source,
        "earlier_post": earlier,
        "delays": DELAYS,
        "weights": list(WEIGHTS),
        "changes": stdp_window(rule, DELAYS, WEIGHTS, earlier_post=earlier),
    }


@functools.lru_cache(maxsize=16)
def convergence(rule: LearningRule) -> dict | None:
    """The sum of a neuron's weights, spike by spike, from nothing, too little and too much; None without a target."""
    if not isinstance(rule, SelfNormalizing):
        return None
    target = rule.target(NORM_INPUTS)
    random = np.random.default_rng(0).random(NORM_INPUTS)
    starts = np.column_stack((np.zeros(NORM_INPUTS), 0.5 * target * random / random.sum(), np.full(NORM_INPUTS, 0.3)))
    sums = norm_convergence(rule, starts, n_spikes=NORM_SPIKES, rate=20.0)
    return {"target": target, "starts": ["no weight", "half the target", "three times the target"], "sums": sums.T}


def chosen_rule(name: str, constants: dict) -> LearningRule:
    """A built-in rule with constants of the page's.

    Raises
    ------
    RuleError
        If there is no such rule; files of rules are not named by pages.
    """
    if is_own(name) or name not in RULES:
        raise RuleError(f"There is no rule {name!r} in the studio; choose one of {', '.join(RULES)}.")
    return make_rule(name, constants)


def rule_from_text(text: str, *, allow_code: bool) -> LearningRule:
    """The rule that a text of Python defines, which is run.

    Raises
    ------
    ConfigError
        If the studio was not started so that it may.
    RuleError
        If it holds no rule that works.
    """
    if not allow_code:
        raise ConfigError(
            "A text is not run in this studio; start it with 'engram studio --allow-code' if you trust it."
        )
    if len(text) > LONGEST_TEXT:
        raise RuleError(f"A rule's text may have {LONGEST_TEXT:,} characters, got {len(text):,}.")
    found = _CLASS.findall(text)
    if not found:
        raise RuleError("The text defines no class; begin with 'class MyRule(LearningRule):'.")
    with tempfile.TemporaryDirectory(prefix="engram-rule-") as folder:
        path = Path(folder) / f"rule_{hashlib.sha256(text.encode()).hexdigest()[:12]}.py"
        path.write_text(text, encoding="utf-8")
        try:
            return make_rule(f"{path}:{found[-1]}")
        except RuleError as error:
            raise RuleError(str(error).replace(str(path), "your rule")) from None
