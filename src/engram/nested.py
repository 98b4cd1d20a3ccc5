"""Constants of a network and a protocol as parameters of an estimator, named ``network__NAME`` as scikit-learn does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

from engram.config import TrainingConfig
from engram.errors import ConfigError
from engram.networks import DiehlCook, Network, Protocol
from engram.networks.catalogue import DIEHL_COOK
from engram.objects import constants_of
from engram.validation import check_known

PARTS = ("network", "protocol")


def part_params(config: TrainingConfig) -> dict[str, Any]:
    """Every constant of a configuration's network and protocol by its nested name, neurons' within the network's."""
    made = config.make_network(1) if config.network_name == DIEHL_COOK else None
    own = {name: value for name, value in config.network.items() if name != "kind"}
    network = constants_of(made) if isinstance(made, DiehlCook) else own
    return _flat("network", network) | _flat("protocol", asdict(config.make_protocol()))


def with_part_params(part: str, present, changes: Mapping[str, Any]):
    """What an estimator's parameter is once constants in it are changed.

    Parameters
    ----------
    part : {"network", "protocol"}
    present : dict, str, DiehlCook, Protocol or None
        The parameter as it is.
    changes : mapping
        By nested name without the part, such as ``theta_plus`` or ``excitatory__tau_m``.

    Raises
    ------
    ConfigError
        If the part has no such constant.
    """
    if isinstance(present, Network):
        raise ConfigError("A Network described in code has no constants by name; describe another one.")
    kind = Protocol if part == "protocol" else DiehlCook
    if is_dataclass(present):
        return _replaced(part, present, changes)
    table = {"kind": present} if isinstance(present, str) else dict(present or {})
    usual = table.get("kind", DIEHL_COOK) == DIEHL_COOK
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        if usual or part == "protocol":
            check_known(f"The {part}", outer, [f.name for f in fields(kind)])
        table[outer] = {**(table.get(outer) or {}), inner: value} if inner else value
    return table


def _replaced(part: str, present, changes: Mapping[str, Any]):
    """A dataclass with fields changed, and fields of its fields."""
    new: dict[str, Any] = {}
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        check_known(f"The {part}", outer, [f.name for f in fields(present)])
        new[outer] = replace(new.get(outer, getattr(present, outer)), **{inner: value}) if inner else value
    return replace(present, **new)


def _flat(prefix: str, table: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for name, value in table.items():
        full = f"{prefix}__{name}"
        result |= _flat(full, value) if isinstance(value, Mapping) else {full: value}
    return result
