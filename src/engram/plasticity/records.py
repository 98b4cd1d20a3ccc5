"""What a model file remembers of its rule, and the rule made from that again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields

from engram import user_code
from engram.errors import RuleError
from engram.parts import constants_of
from engram.plasticity.base import BITS, LearningRule
from engram.plasticity.fixed_point import is_fixed
from engram.plasticity.registry import RULES, build_rule
from engram.plasticity.user_rules import load_rule_class
from engram.user_code import is_own

FIXED_POINT = (*BITS, "rounding")
"""The constants of every rule that say how its numbers are held."""


def rule_record(rule: LearningRule) -> dict:
    """A rule as JSON can hold it.

    Returns
    -------
    dict
        ``rule``: the name, or ``file.py:Class`` of a user's rule; ``constants``: every field by name, with
        infinity as the text ``"inf"``, which JSON's numbers lack. Those of fixed point are there only if it is used.
    """
    unused = () if is_fixed(rule) else FIXED_POINT  # so the record of a rule in floating point is what it always was
    return {"rule": recorded_name(type(rule)), "constants": constants_of(rule, without=unused)}


def rule_from_record(record: Mapping, rule: type[LearningRule] | str | None = None) -> LearningRule:
    """The rule of a record.

    Nothing that a record names is ever run: a user's rule has to be given by the caller.

    Parameters
    ----------
    record : mapping
        As :func:`rule_record` makes it.
    rule : type or str, optional
        The user's class, or ``path.py:Class`` for it, whose file is then run. Only for models made by a
        user's rule.

    Raises
    ------
    RuleError
        If the record is damaged, needs a user's rule that was not given, or another one was given.
    ConfigError
        If a constant is unknown or cannot be used.
    """
    name, constants = record.get("rule"), record.get("constants")
    if not isinstance(name, str) or not isinstance(constants, Mapping):
        raise RuleError("The record of the learning rule is damaged: it lacks a name or its constants.")
    return build_rule(_class_for(name, rule), dict(constants))


def is_record_of(record: Mapping, rule: LearningRule) -> bool:
    """Whether a record is of this rule; constants that came later have, where it lacks them, their usual values."""
    ours = rule_record(rule)
    usual = {field.name: field.default for field in fields(rule) if field.default is not MISSING}
    absent = {name: usual.get(name) for name in ours["constants"] if name not in record.get("constants", {})}
    return {**record, "constants": {**absent, **record.get("constants", {})}} == ours


def recorded_name(rule: type) -> str:
    """The name of a class in a record: a rule's own, or of a user's file its last part, not where it lies."""
    if RULES.get(getattr(rule, "name", None)) is rule:
        return rule.name
    return user_code.recorded_name(rule)


def _class_for(name: str, rule: type[LearningRule] | str | None) -> type[LearningRule]:
    if isinstance(rule, str):
        rule = load_rule_class(rule) if is_own(rule) else _built_in(rule)
    if rule is None:
        if is_own(name):
            raise RuleError(f"This model was made with the rule {name}; give that file and class, path/to/{name}.")
        return _built_in(name)
    if recorded_name(rule).rpartition(":")[2] != name.rpartition(":")[2]:
        raise RuleError(f"This model was made with the rule {name}, not with {recorded_name(rule)}; give that one.")
    return rule


def _built_in(name: str) -> type[LearningRule]:
    if name not in RULES:
        raise RuleError(f"This model was made with the rule {name!r}, which this version of engram does not have.")
    return RULES[name]
