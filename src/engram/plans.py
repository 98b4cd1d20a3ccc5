"""A plan: which runs are asked for, as options of ``engram train`` in which a list stands for each of its values.

::

    dataset = "mnist"
    epochs = 1

    [[runs]]
    rule = ["self_normalizing", "exponential"]
    neurons = [100, 400]
    seed = [0, 1, 2]

What stands before the first ``[[runs]]`` holds for all of them; without any, it is the one block. In a search, a table
with ``low`` and ``high`` stands for all numbers between.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from engram.config import TrainingConfig, code_named, merged, read_options, renamed_network, with_source
from engram.errors import ConfigError
from engram.named import NamedParameters
from engram.validation import plain_number


@dataclass(frozen=True)
class Range(NamedParameters):
    """All numbers between two, which a search draws from.

    Parameters
    ----------
    low, high : int or float
        Whole numbers are drawn where both are whole.
    log : bool
        Whether equal factors count as equally far apart, rather than equal differences.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        low, high = plain_number(self.low), plain_number(self.high)
        if low is None or high is None or not -math.inf < low < high < math.inf:
            raise ConfigError(f"A range must be from a number to a larger one, got {self.low!r} to {self.high!r}.")
        if self.log and not low > 0:
            raise ConfigError(f"A logarithmic range must begin above 0, got {self.low!r}.")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @classmethod
    def of(cls, value) -> Range | None:
        """The range that a table stands for; None if it is none."""
        if isinstance(value, Range):
            return value
        if not isinstance(value, Mapping) or not {"low", "high"} <= set(value) <= {"low", "high", "log"}:
            return None
        return cls(value["low"], value["high"], bool(value.get("log", False)))


def read_plan(path: str | Path, trusted: Sequence[str | None] = ()) -> list[dict]:
    """The blocks of a plan file.

    Parameters
    ----------
    path : str or Path
    trusted : sequence of str, optional
        Files of Python code that the user names besides, as ``file.py:name``.

    Returns
    -------
    list of dict
        Options of ``engram train``, in which lists and ranges stand for several values.

    Raises
    ------
    ConfigError
        If the file cannot be used, or names a file of Python code as a rule, network or source: such a file would be
        run, so it is given on the command line.
    """
    options = read_options(path)
    blocks = options.pop("runs", [{}])
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, Mapping) for block in blocks):
        raise ConfigError(f"{path}: runs must be tables, each headed [[runs]].")
    blocks = [merged(_in_tables(options), _in_tables(block)) for block in blocks]
    for block in blocks:
        for what, name in _named(block):
            if (code := code_named({what: name}, what)) and code not in trusted:
                again = f"--{what} {code}{' (--rules of compare)' if what == 'rule' else ''}"
                raise ConfigError(
                    f"{path} names the {what} {code}, a file that would be run; if you trust that file, name it again"
                    f" with {again}, or leave it out of the plan and give --vary {what}={code} to 'engram sweep'."
                )
    return blocks


def changed(block: Mapping, options: Mapping) -> dict:
    """A block with options that win; those of its own network or source stay only with one of the same kind."""
    block, options = _in_tables(block), dict(options)
    kind = options.get("source")
    if isinstance(kind, str) and isinstance(block.get("source"), str):
        block = with_source(block, kind)
    network = options.get("network")
    if isinstance(network, str):
        own = block.pop("network", {})
        options["network"] = {"kind": network} if isinstance(own.get("kind"), list) else renamed_network(own, network)
    return merged(block, options)


def vary(block: Mapping, name: str, values) -> dict:
    """A block in which an option, or a constant of the rule, takes further values.

    Parameters
    ----------
    block : mapping
    name : str
        An option's name, ``network.…``, ``protocol.…``, ``source.…``, or the name of a constant of the rule.
    values : list or Range
    """
    known = [field.name for field in fields(TrainingConfig)]
    path = name.split(".")
    if path[0] not in known:
        path = ["constants", *path]
    return merged(_in_tables(block), _in_tables(_nested(path, values)))


def grid(block: Mapping) -> list[TrainingConfig]:
    """The configurations of a block: every value of each list with every value of the others.

    Raises
    ------
    ConfigError
        If an option cannot be used, or there is a range, which has no grid.
    """
    varied: dict[str, list] = {}
    for name, values in varied_options(block):
        if isinstance(values, Range):
            raise ConfigError(
                f"{name} is a range, which has no grid; give a list of values, or search with --search tpe."
            )
        if not values:
            raise ConfigError(f"{name} must have at least one value, got an empty list.")
        varied[name] = values
    return [filled(block, dict(zip(varied, values, strict=True))) for values in itertools.product(*varied.values())]


def filled(block: Mapping, values: Mapping) -> TrainingConfig:
    """The configuration that a block is with these values in place of its lists and ranges."""
    block = _in_tables(block)
    for name, value in values.items():
        block = merged(block, _nested(name.split("."), value))
    config = TrainingConfig.from_dict(block)
    config.make_rule()
    config.make_source()
    return config


def varied_options(block: Mapping) -> Iterator[tuple[str, list | Range]]:
    """What a block varies: names with dots, and the values."""
    return _varied(_in_tables(block), ())


def differing(configs: Sequence[TrainingConfig]) -> list[str]:
    """The options, seeds apart, in which configurations differ: names with dots, in the order of the first."""
    flat = [flat_options(config) for config in configs]
    names = dict.fromkeys(itertools.chain.from_iterable(flat))
    return [name for name in names if name != "seed" and any(f.get(name) != flat[0].get(name) for f in flat)]


def flat_options(config: TrainingConfig) -> dict:
    """A configuration's options with the tables' fields by names with dots."""
    return dict(_flat(config.to_dict(), ()))


def short_name(name: str) -> str:
    """An option's name as it is typed: constants of the rule by their own name."""
    return name.replace("source_constants.", "source.").removeprefix("constants.")


def without_seed(config: TrainingConfig) -> str:
    """What runs have in common that differ in nothing but the seed."""
    return json.dumps({**config.to_dict(), "seed": None}, sort_keys=True)


def run_name(config: TrainingConfig) -> str:
    """The folder of one configuration within a comparison of rules, sizes and seeds."""
    rule = Path(config.rule.partition(":")[0]).stem if ":" in config.rule else config.rule
    kind = f"-{config.rule.partition(':')[2]}" if ":" in config.rule else ""
    return f"{rule}{kind}-{config.neurons}-seed{config.seed}"


def full_name(config: TrainingConfig) -> str:
    """The folder of one configuration within any plan: the same for the same options, whatever else is planned."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()
    return f"{run_name(config)}-{digest[:8]}"


def _in_tables(block: Mapping) -> dict:
    """A block in which a network's name is a field of its table, and a source's constants have a table of their own."""
    block = dict(block)
    if isinstance(block.get("network"), str | list):
        block["network"] = {"kind": block["network"]}
    if isinstance(block.get("source"), Mapping):
        constants = dict(block.pop("source"))
        if "kind" in constants:
            block["source"] = constants.pop("kind")
        block["source_constants"] = merged(constants, block.get("source_constants", {}))
    return block


def _named(block: Mapping) -> Iterator[tuple[str, str | None]]:
    """The rules, networks and sources that a block names."""
    network = block.get("network", {})
    named = {"rule": block.get("rule"), "network": network.get("kind"), "source": block.get("source")}
    for what, values in named.items():
        for value in values if isinstance(values, list) else [values]:
            yield what, value


def _nested(path: Sequence[str], value) -> dict:
    """A value within tables."""
    for name in reversed(path):
        value = {name: value}
    return value


def _varied(table: Mapping, path: tuple[str, ...]) -> Iterator[tuple[str, list | Range]]:
    for name, value in table.items():
        if name == "data" and not path:  # pairs, such as an image's shape, are values there
            continue
        found = Range.of(value)
        if found is not None or isinstance(value, list):
            yield ".".join((*path, name)), value if found is None else found
        elif isinstance(value, Mapping):
            yield from _varied(value, (*path, name))


def _flat(table: Mapping, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*path, name))
        else:
            yield ".".join((*path, name)), value
