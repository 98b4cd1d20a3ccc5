"""Networks as data: what a file keeps of a description, and the description made from that again.

Nothing that a record names is ever run: neurons, projections and rules of a user's own have to be given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from engram.errors import ConfigError, ModelFileError
from engram.networks.network import AdaptiveThreshold, Input, Network, Population
from engram.neurons import ALIF, IF, LIF, AdEx, ConductanceLIF, GatedIF
from engram.neurons.base import Neuron
from engram.plasticity.base import LearningRule
from engram.plasticity.records import recorded_name, rule_from_record, rule_record
from engram.projections import AllButOwn, Convolution, Dense, Local, OneToOne, Pooling, Sparse, Uniform
from engram.projections.base import Projection
from engram.user_code import is_own
from engram.validation import plain_number

_NEURONS = ConductanceLIF, IF, GatedIF, LIF, ALIF, AdEx
_PROJECTIONS = Dense, OneToOne, AllButOwn, Sparse, Convolution, Local, Pooling
PARTS = {kind.__name__: kind for kind in (*_NEURONS, *_PROJECTIONS)}
"""The neurons and projections that come with engram, by the name that a record has for them."""

_MAX_SHAPE = 1 << 31


def network_record(network: Network, state) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A network as JSON and arrays can hold it.

    Parameters
    ----------
    network : Network
    state : NetworkState
        Where weights or delays were not given as numbers, its own are kept instead.

    Returns
    -------
    record : dict
    arrays : dict of str to ndarray
        Those that belong to the description, such as who is connected with whom; weights are not among them, for they
        are learned.
    """
    arrays: dict[str, np.ndarray] = {}
    populations = {
        name: {
            "shape": list(p.shape), "neuron": _part(p.neuron), "threshold": _fields(p.threshold),
            **({"one_wins": p.one_wins} if p.one_wins else {}),
        }
        for name, p in network.populations.items()
    }  # fmt: skip
    record = {
        "kind": "network",
        "inputs": {name: list(i.shape) for name, i in network.inputs.items()},
        "order": list(populations),
        "populations": populations,
        "projections": [_projection(network, p, state, arrays) for p in network.projections],
        **{name: getattr(network, name) for name in ("dt", "integrator", "dtype", "readout")},
    }
    return record, arrays


def network_from_record(
    record: Mapping, arrays: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray], parts: Iterable[type] = ()
) -> Network:
    """The network of a record.

    Parameters
    ----------
    record, arrays : mapping
        As :func:`network_record` makes them.
    weights : mapping of str to ndarray
        By projection, for those whose weights are no single number.
    parts : iterable of type
        The classes of neurons, projections and rules of the user's own.

    Raises
    ------
    ConfigError
        If the parameters of a part cannot be used.
    ModelFileError
        If a part is not engram's own and was not given.
    """
    known = {kind.__name__: kind for kind in parts}
    order = list(record.get("order", record["populations"]))
    inputs = {name: Input(_shape(shape)) for name, shape in _table(record["inputs"]).items()}
    populations = {
        name: Population(
            _shape(p["shape"]),
            _make(p["neuron"], known),
            None if p["threshold"] is None else AdaptiveThreshold(**_numbers(p["threshold"])),
            p.get("one_wins", False),
        )
        for name, p in sorted(_table(record["populations"]).items(), key=lambda item: order.index(item[0]))
    }
    projections = [_projection_from(p, arrays, weights, known) for p in record["projections"]]
    rest = {name: record[name] for name in ("dt", "integrator", "dtype", "readout")}
    return Network(inputs=inputs, populations=populations, projections=projections, **rest)


def parts_of(network: Network) -> list[type]:
    """The classes that a network is made of."""
    neurons = [type(p.neuron) for p in network.populations.values()]
    return [*neurons, *map(type, network.projections), *(type(p.rule) for p in network.plastic)]


def part_name(kind: type) -> str:
    """What a record calls a class; of a user's file only the last part, not where it lies."""
    return kind.__name__ if PARTS.get(kind.__name__) is kind else recorded_name(kind)


def _projection(network: Network, p: Projection, state, arrays: dict) -> dict[str, Any]:
    own = state.projections[p.name]
    record = {"kind": part_name(type(p)), "fields": {}}
    for field in fields(p):
        value = getattr(p, field.name)
        if field.name == "rule":
            value = None if value is None else rule_record(value)
        elif field.name == "weights":
            value = float(value) if isinstance(value, (int, float)) else _uniform(value)
        elif field.name == "delay" and not p.has_one_delay and not isinstance(value, Uniform):
            arrays[f"{p.name}.delay"] = _by_receiver(p, own, network) * network.dt
            value = {"array": f"{p.name}.delay"}
        else:
            value = _value(value, f"{p.name}.{field.name}", arrays)
        record["fields"][field.name] = value
    return record


def _by_receiver(p: Projection, own, network: Network) -> np.ndarray:
    """A projection's delays in steps, in the order in which it takes them."""
    if own.listing is None:
        return own.delays.astype(np.float64)
    numbers = own.listing.by_sender(np.arange(len(own.listing.who)))
    delays = np.empty(len(numbers))
    delays[numbers] = own.delays
    return delays


def _uniform(value) -> dict | None:
    """How weights were drawn; None for such as only their values tell."""
    return {"uniform": [value.low, value.high]} if isinstance(value, Uniform) else None


def _value(value, name: str, arrays: dict):
    """A field as JSON can hold it, arrays apart."""
    if isinstance(value, Uniform):
        return _uniform(value)
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return {"tuple": [_value(np.asarray(part), f"{name}.{k}", arrays) for k, part in enumerate(value)]}
    number = plain_number(value)
    if number is not None:
        return number if math.isfinite(number) else str(number)
    if value is None or isinstance(value, (str, bool)):
        return value
    raise ConfigError(f"{name} cannot be kept in a file: {value!r:.100}; give a number, a text or an array.")


def _part(part) -> dict[str, Any]:
    return {"kind": part_name(type(part)), "fields": _fields(part)}


def _fields(part) -> dict[str, Any] | None:
    if part is None:
        return None
    return {f.name: _value(getattr(part, f.name), f.name, {}) for f in fields(part) if f.init}


def _make(record: Mapping, known: Mapping[str, type]) -> Neuron:
    return _class_of(record["kind"], known, Neuron)(**_numbers(record["fields"]))


def _class_of(name: str, known: Mapping[str, type], base: type) -> type:
    kind = PARTS.get(name) or known.get(str(name).rpartition(":")[2])
    if kind is None or not issubclass(kind, base):
        raise _not_given(f"part {name}", "")
    return kind


def _not_given(part: str, or_else: str) -> ModelFileError:
    return ModelFileError(
        f"This model has the {part}, which is not engram's own; name the file that described the network again,"
        f" --network path/to/file.py:function, {or_else}or give parts=[...] in Python."
    )


def _projection_from(record: Mapping, arrays: Mapping, weights: Mapping, known: Mapping) -> Projection:
    kind, values = _class_of(record["kind"], known, Projection), dict(_table(record["fields"]))
    rule = values.pop("rule")
    if rule is not None:
        rule = _rule(_table(rule), known)
    options = {name: _value_from(value, arrays) for name, value in values.items()}
    if options["weights"] is None:
        options["weights"] = weights[str(options["name"])]
    return kind(**options, rule=rule)


def _rule(record: Mapping, known: Mapping[str, type]) -> LearningRule:
    name = str(record["rule"])
    given = known.get(name.rpartition(":")[2])
    ours = given is None or not issubclass(given, LearningRule)
    if ours and is_own(name):
        raise _not_given(f"rule {name}", f"or its own, --rule path/to/{name}, ")
    return rule_from_record(record, None if ours else given)


def _value_from(value, arrays: Mapping):
    if isinstance(value, Mapping):
        if "uniform" in value:
            return Uniform(*value["uniform"])
        return arrays[value["array"]] if "array" in value else tuple(arrays[part["array"]] for part in value["tuple"])
    return float(value) if value in ("inf", "-inf") else value


def _numbers(values) -> dict[str, Any]:
    return {name: _value_from(value, {}) for name, value in _table(values).items()}


def _shape(value) -> tuple[int, ...]:
    shape = tuple(value)
    if not all(type(n) is int and n > 0 for n in shape) or math.prod(shape) > _MAX_SHAPE:
        raise ConfigError(f"it claims a population or input of shape {value!r:.100}")
    return shape


def _table(value) -> Mapping:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a table, got {value!r:.100}")
    return value
