"""Constants changed while a network learns: what was learned so far stays, what comes after goes by the new ones."""

from __future__ import annotations

from collections.abc import Mapping

from engram.config import TrainingConfig, merged
from engram.errors import ConfigError
from engram.networks import DiehlCook
from engram.plasticity.records import rule_record
from engram.training import Training

FIXED = ("dataset", "data", "rule", "neurons", "seed", "dtype", "dt", "order", "epochs", "examples", "start")
"""What makes a run the one it is, and stays."""


def retune(training: Training, changes: Mapping) -> list[dict]:
    """Go on by other constants of the rule, the network or the protocol.

    The training is afterwards as one that was resumed from this image with the new options; its configuration says
    them, so a checkpoint of it can be resumed, but does not reproduce what came before.

    Parameters
    ----------
    training : Training
        Between two blocks.
    changes : mapping
        Options as :meth:`TrainingConfig.from_dict` takes them, such as ``{"constants": {"eta": 0.05}}`` or
        ``{"network": {"w_inh_exc": 0.0}}``.

    Returns
    -------
    list of dict
        What changed: ``examples``, ``name``, ``from`` and ``to``, in which None stands for what the preset says.

    Raises
    ------
    ConfigError
        If a constant is not known, cannot be used, or makes another network of it; the training is as it was.

    Examples
    --------
    >>> from engram import Training, TrainingConfig
    >>> from engram.datasets import load
    >>> from engram.retuning import retune
    >>> training = Training(TrainingConfig(neurons=10), load("digits"), kernel="reference")
    >>> retune(training, {"constants": {"eta": 0.05}})
    [{'examples': 0, 'name': 'constants.eta', 'from': 0.02, 'to': 0.05}]
    >>> training.simulator.rule.eta
    0.05
    """
    for name in changes:
        if name in FIXED:
            raise ConfigError(f"{name} cannot change while a network learns; start a new run.")
    if not isinstance(training.simulator.network, DiehlCook):
        raise ConfigError("Only the network of Diehl and Cook is changed while it learns; start a new run.")
    before = training.config
    config = TrainingConfig.from_dict(merged(before.to_dict(), changes))
    rule = _changed_rule(training, config)
    fresh = Training(
        config.replace(input_gain=training.simulator.input_gain),
        training.dataset,
        kernel=training.simulator.kernel,
        rule=rule,
        learning_rate_at=training.learning_rate_at,
        threads=training.threads,
    )
    fresh.config = config
    tensors, metadata = training.snapshot()
    found = _differences(training, fresh)
    metadata |= {"config": config.to_dict(), "rule": rule_record(fresh.rule)}
    fresh.dataset_hash = training.dataset_hash  # the images are the same
    fresh.restore(tensors, metadata, "the training")
    kept = ("_examples_before", "_ink_fill", "at_most", "last_shown", "last_counts", "total")
    vars(training).update(vars(fresh) | {name: vars(training)[name] for name in kept})
    return found


def _changed_rule(training: Training, config: TrainingConfig):
    """The rule with its new constants; one of the user's own is made from its class, nothing is run again."""
    from engram.plasticity.registry import build_rule

    named = rule_record(training.rule)["constants"]
    return build_rule(type(training.rule), {**named, **config.constants})


def _differences(old: Training, new: Training) -> list[dict]:
    before, after = _values(old), _values(new)
    return [
        {"examples": old.examples, "name": name, "from": before.get(name), "to": after.get(name)}
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _values(training: Training) -> dict:
    """Every constant in force, by a name with a point in it."""
    from dataclasses import asdict

    values = {f"constants.{k}": v for k, v in rule_record(training.rule)["constants"].items()}
    for part in ("network", "protocol"):
        for name, value in asdict(getattr(training.simulator, part)).items():
            inner = value if isinstance(value, dict) else {"": value}
            values |= {f"{part}.{name}{'.' if key else ''}{key}": one for key, one in inner.items()}
    return values
