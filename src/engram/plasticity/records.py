"""What a model file remembers of its rule, and the rule made from that again."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from engram.errors import RuleError
from engram.plasticity.base import LearningRule
from engram.plasticity.registry import RULES, build_rule
from engram.plasticity.user_rules import is_file_rule, load_rule_class
from engram.validation import plain_number


def rule_record(rule: LearningRule) -> dict:
    """A rule as JSON can hold it.

    Returns
    -------
    dict
        ``rule``: the name, or ``file.py:Class`` of a user's rule; ``constants``: every field by name, with
        infinity as the text ``"inf"``, which JSON's numbers lack.
    """
    constants = {field.name: getattr(rule, field.name) for field in fields(rule) if field.init}
    return {"rule": recorded_name(type(rule)), "constants": {n: _to_json(v) for n, v in constants.items()}}


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


def recorded_name(rule: type) -> str:
    """The name of a class in a record: a rule's own, or of a user's file its last part, not where it lies."""
    if RULES.get(getattr(rule, "name", None)) is rule:
        return rule.name
    path = getattr(sys.modules.get(rule.__module__), "__file__", None)
    file = Path(path).name if path else rule.__module__
    return f"{file}:{rule.__qualname__}"


def _class_for(name: str, rule: type[LearningRule] | str | None) -> type[LearningRule]:
    if isinstance(rule, str):
        rule = load_rule_class(rule) if is_file_rule(rule) else _built_in(rule)
    if rule is None:
        if is_file_rule(name):
            raise RuleError(f"This model was made with the rule {name}; give that file and class, path/to/{name}.")
        return _built_in(name)
    if recorded_name(rule).rpartition(":")[2] != name.rpartition(":")[2]:
        raise RuleError(f"This model was made with the rule {name}, not with {recorded_name(rule)}; give that one.")
    return rule


def _built_in(name: str) -> type[LearningRule]:
    if name not in RULES:
        raise RuleError(f"This model was made with the rule {name!r}, which this version of engram does not have.")
    return RULES[name]


def _to_json(value):
    number = plain_number(value)
    if number is None:
        return value
    return float(number) if math.isfinite(number) else str(float(number))
