"""Networks: parts put together."""

from engram.networks.diehl_cook import DiehlCook, Protocol
from engram.networks.network import AdaptiveThreshold, Input, Network, Population
from engram.networks.tutorial import MORE_EVIDENCE, TEXT, TutorialNetwork, TutorialReader

__all__ = [
    "MORE_EVIDENCE",
    "TEXT",
    "AdaptiveThreshold",
    "DiehlCook",
    "Input",
    "Network",
    "Population",
    "Protocol",
    "TutorialNetwork",
    "TutorialReader",
]
