"""Networks, protocols and rules that are given as objects, as the options that a configuration holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

from engram.errors import ConfigError
from engram.networks import DiehlCook, Network, Protocol
from engram.networks.catalogue import DESCRIBED_IN_CODE
from engram.neurons import ConductanceLIF
from engram.plasticity.base import LearningRule
from engram.plasticity.records import recorded_name
from engram.plasticity.registry import RULES, settled_rule

SHARED = {"n_neurons": "neurons", "dt": "dt", "integrator": "integrator", "dtype": "dtype"}
"""Fields of a network that are options of a run of their own."""


def without_objects(options: Mapping, defaults: Mapping) -> dict:
    """The options with tables of constants in place of objects, which have them all: a preset changes none.

    Parameters
    ----------
    options : mapping
        By name; ``network`` may be a :class:`~engram.DiehlCook`, ``protocol`` a :class:`~engram.Protocol`, ``rule`` a
        learning rule that comes with engram.
    defaults : mapping
        What options are that nobody gave: the network's own size and step then count.

    Raises
    ------
    ConfigError
        If an option says something else than the network does, or an object cannot be written down.
    """
    result = dict(options)
    if isinstance(result.get("network"), DiehlCook):
        result |= _of_network(result["network"], result, defaults)
    if isinstance(result.get("network"), Network):
        raise ConfigError(
            f"A Network is given to Training(config, dataset, network=...) or to an estimator; here stands its name,"
            f" such as {DESCRIBED_IN_CODE!r}."
        )
    if isinstance(result.get("protocol"), Protocol):
        result["protocol"] = asdict(result["protocol"])
    if isinstance(result.get("rule"), LearningRule):
        result |= _of_rule(result["rule"], result.get("constants") or {})
    return result


def constants_of(network: DiehlCook) -> dict:
    """The fields of a network as a table, neurons as tables in it, without those that are options of the run."""
    table = {f.name: getattr(network, f.name) for f in fields(network) if f.name not in (*SHARED, "n_inputs")}
    for name in ("excitatory", "inhibitory"):
        if type(table[name]) is not ConductanceLIF:
            raise ConfigError(
                f"A run's {name} neurons are ConductanceLIF, got {type(table[name]).__name__}; describe the network"
                " with network.describe(rule) and give that."
            )
        table[name] = asdict(table[name])
    return table


def _of_network(network: DiehlCook, options: Mapping, defaults: Mapping) -> dict:
    found = {"network": constants_of(network)}
    for field, option in SHARED.items():
        own, given = getattr(network, field), options.get(option, defaults[option])
        if given not in (own, defaults[option]):
            raise ConfigError(f"{option} is {given!r}, and that of the network is {own!r}; give it once.")
        found[option] = own
    return found


def _of_rule(rule: LearningRule, constants: Mapping) -> dict:
    if type(rule) not in RULES.values():
        raise ConfigError(
            f"{recorded_name(type(rule))} is a rule of your own; give it to Training(config, dataset, rule=...), or its"
            " name, file.py:Class."
        )
    if constants:
        raise ConfigError(f"The rule {rule!r} has its constants already; give them in one place, not both.")
    rule = settled_rule(rule)
    return {"rule": rule.name, "constants": {f.name: getattr(rule, f.name) for f in fields(rule) if f.init}}
