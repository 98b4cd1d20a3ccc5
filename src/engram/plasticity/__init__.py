"""Learning rules: a contract, one rule per file, and the user's own."""

from engram.plasticity.base import LearningRule, Trace
from engram.plasticity.exponential import Exponential
from engram.plasticity.operations import Cost, Operations, operations_of
from engram.plasticity.pair import Pair
from engram.plasticity.power_law import PowerLaw
from engram.plasticity.records import rule_from_record, rule_record
from engram.plasticity.registry import RULES, load_rule, make_rule
from engram.plasticity.self_normalizing import SelfNormalizing
from engram.plasticity.symmetric import Symmetric
from engram.plasticity.triplet import Triplet

__all__ = [
    "RULES",
    "Cost",
    "Exponential",
    "LearningRule",
    "Operations",
    "Pair",
    "PowerLaw",
    "SelfNormalizing",
    "Symmetric",
    "Trace",
    "Triplet",
    "load_rule",
    "make_rule",
    "operations_of",
    "rule_from_record",
    "rule_record",
]
