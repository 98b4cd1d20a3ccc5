"""The rules by name, and making one from a name and constants."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields, replace

from engram.errors import ConfigError, RuleError
from engram.plasticity.base import LearningRule, check_rule
from engram.plasticity.exponential import Exponential
from engram.plasticity.pair import Pair
from engram.plasticity.power_law import PowerLaw
from engram.plasticity.self_normalizing import SelfNormalizing
from engram.plasticity.symmetric import Symmetric
from engram.plasticity.triplet import Triplet
from engram.plasticity.user_rules import is_file_rule, load_rule_class
from engram.validation import check_known, did_you_mean, plain_number

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
    if is_file_rule(name):
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
    known = {field.name: field for field in fields(rule) if field.init}
    values = {}
    for name, value in (constants or {}).items():
        check_known(rule.__name__, name, known, "constant")
        values[name] = _like(known[name].default, value, f"{name} of {rule.__name__}")
    missing = [name for name, field in known.items() if name not in values and _is_required(field)]
    if missing:
        raise ConfigError(f"{rule.__name__} needs a value for {missing[0]}.")
    return rule(**values)


def settled_rule(rule: LearningRule) -> LearningRule:
    """A rule whose numbers are Python's, whatever type they were given in; the rule itself if they are already."""
    numbers = {field.name: plain_number(getattr(rule, field.name)) for field in fields(rule) if field.init}
    plain = {name: float(number) for name, number in numbers.items() if number is not None}
    other = {name: number for name, number in plain.items() if type(getattr(rule, name)) is not float}
    return replace(rule, **other) if other else rule


def _is_required(field) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _like(default, value, name: str):
    """A value, perhaps typed by a user, in the type of the default it replaces."""
    if isinstance(default, str):
        return str(value)
    if isinstance(default, bool):
        choices = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if str(value).lower() not in choices:
            raise ConfigError(f"{name} must be true or false, got {value!r}.")
        return choices[str(value).lower()]
    number = plain_number(value)
    if number is None and isinstance(value, str):
        number = _parsed(value)
    if number is None:
        raise ConfigError(f"{name} must be a number, got {value!r}.")
    return _as_float(number)


def _parsed(text: str) -> float | None:
    """A number from its text; None where it is none."""
    try:
        return float(text) + 0.0  # there is but one zero
    except ValueError:
        return None


def _as_float(number: int | float) -> float:
    """A number as ``float``; whole ones beyond every float are infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)
