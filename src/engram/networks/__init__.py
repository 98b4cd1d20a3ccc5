"""Networks: parts put together."""

from engram.networks.diehl_cook import DiehlCook, Protocol

__all__ = ["DiehlCook", "Protocol"]
