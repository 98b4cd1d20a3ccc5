"""The rules by name, and making one from a name and constants."""

from __future__ import annotations

from dataclasses import fields, replace

from engram.errors import RuleError
from engram.parts import build_part
from engram.plasticity.base import BITS, LearningRule, check_rule
from engram.plasticity.exponential import Exponential
from engram.plasticity.pair import Pair
from engram.plasticity.power_law import PowerLaw
from engram.plasticity.self_normalizing import SelfNormalizing
from engram.plasticity.symmetric import Symmetric
from engram.plasticity.triplet import Triplet
from engram.plasticity.user_rules import load_rule_class
from engram.user_code import is_own
from engram.validation import did_you_mean, plain_number

RULES: dict[str, type[LearningRule]] = {
    rule.name: rule for rule in (SelfNormalizing, Triplet, PowerLaw, Exponential, Symmetric, Pair)
}
"""Every built-in rule by the name that users type."""


def make_rule(name: str, constants: dict | None = None) -> LearningRule:
    """The rule of that name with some of its constants changed.

    Parameters
    ----------
    name : str
        One of :data:`RULES`, or ``path.py:Class`` for a rule of the user's own, whose file is then run.
    constants : dict of str to float or str, optional
        Values by the name of the rule's field; numbers may be given as text.

    Raises
    ------
    RuleError
        If there is no such rule, or the user's cannot work.
    ConfigError
        If it has no such constant, or the value cannot be used.
    """
    if is_own(name):
        return load_rule(name, constants)
    if name not in RULES:
        raise RuleError(
            f"There is no learning rule {name!r}{did_you_mean(name, RULES)}; choose one of {', '.join(RULES)}, or"
            " path.py:Class for your own."
        )
    return build_rule(RULES[name], constants)


def load_rule(name: str, constants: dict | None = None) -> LearningRule:
    """A rule from the user's own file, named ``path.py:Class``, checked; see :func:`make_rule`."""
    rule = build_rule(load_rule_class(name), constants)
    check_rule(rule)
    return rule


def build_rule(rule: type[LearningRule], constants: dict | None = None) -> LearningRule:
    """An instance of a rule class, with its constants checked by name and type."""
    return build_part(rule, constants)


def settled_rule(rule: LearningRule) -> LearningRule:
    """A rule whose numbers are Python's, whatever type they were given in; the rule itself if they are already."""
    numbers = {field.name: plain_number(getattr(rule, field.name)) for field in fields(rule) if field.init}
    plain = {name: float(number) for name, number in numbers.items() if number is not None}
    other = {n: x for n, x in plain.items() if n not in BITS and type(getattr(rule, n)) is not float}
    return replace(rule, **other) if other else rule
