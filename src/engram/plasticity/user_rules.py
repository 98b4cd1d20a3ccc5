"""Learning rules from a user's own file, named as ``path.py:Class``; see :mod:`engram.user_code`."""

from __future__ import annotations

from engram.errors import RuleError
from engram.plasticity.base import LearningRule
from engram.user_code import OwnPart, load_class

OWN_RULE = OwnPart(LearningRule, "learning rule", "learning rules", "rule", "engram.LearningRule", RuleError)


def load_rule_class(name: str) -> type[LearningRule]:
    """The class that ``path.py:Class`` names; the file is run.

    Raises
    ------
    RuleError
        If there is no such file or class, the file does not run, or the class is no learning rule.
    """
    return load_class(name, OWN_RULE)
