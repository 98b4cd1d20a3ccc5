"""What a page can choose from: data, networks with their presets and rules, models and runs."""

from __future__ import annotations

from dataclasses import fields

from engram._version import __version__
from engram.config import TrainingConfig, merged
from engram.datasets import named_sources
from engram.errors import EngramError
from engram.models import shipped_models
from engram.networks.catalogue import DIEHL_COOK, NETWORKS
from engram.plasticity import RULES
from engram.presets import OF_NETWORK, PRESETS, preset_of
from engram.studio.desk import Desk

_SIZES = {"conv": {"maps": 64}, "two-layers": {"neurons": 100, "hidden": 100}}
"""What says how large a network is, and what a page proposes."""


def choices(desk: Desk) -> dict:
    """Everything that a page offers."""
    return {
        "version": __version__,
        "folder": str(desk.folder),
        "allow_code": desk.allow_code,
        "rules": [_rule(name, kind()) for name, kind in RULES.items()],
        "networks": [_network(name) for name in (DIEHL_COOK, *NETWORKS)],
        "datasets": [
            {"name": s.name, "description": s.description, "here": _is_here(s)} for s in named_sources().values()
        ],
        "models": [
            {"name": m.name, "neurons": m.neurons, "dataset": m.dataset, "network": m.network} for m in shipped_models()
        ],
        "runs": desk.runs(),
        "defaults": merged(TrainingConfig().to_dict(), {"dataset": "digits"}),
    }


def _rule(name: str, rule) -> dict:
    numbers = {f.name: getattr(rule, f.name) for f in fields(rule) if f.type in ("float", float)}
    return {"name": name, "equation": rule.equation, "source": rule.source, "constants": numbers}


def _network(name: str) -> dict:
    """A network with the presets that are made for it, its own first, and the rules that these know."""
    presets = sorted((preset for preset in PRESETS if _suits(preset, name)), key=lambda p: p != preset_of(name))
    knows_some = name in OF_NETWORK and name != DIEHL_COOK
    return {
        "name": name,
        "presets": presets,
        "rules": sorted(PRESETS[presets[0]].rules) if knows_some else list(RULES),
        "sizes": _SIZES.get(name, {"neurons": TrainingConfig().neurons}),
    }


def _suits(preset: str, network: str) -> bool:
    if network == DIEHL_COOK:
        return preset not in OF_NETWORK.values() or OF_NETWORK[network] == preset
    return preset == preset_of(network)


def _is_here(source) -> bool:
    try:
        return source.find() is not None
    except (EngramError, OSError):
        return False
