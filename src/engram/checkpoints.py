"""Checkpoints: everything of a training that a resumed run needs, as tensors and metadata.

A checkpoint is a model file with more in it: what reads models reads it as the network that it was.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from engram._version import __version__
from engram.config import TrainingConfig
from engram.errors import ConfigError, EngramError, ModelFileError
from engram.model_file import model_content
from engram.networks.catalogue import DESCRIBED_IN_CODE, NETWORKS
from engram.networks.record import part_name, parts_of
from engram.plasticity.records import is_record_of
from engram.readout import RunningAccuracy
from engram.sources.records import POISSON, source_record
from engram.user_code import digest_of

if TYPE_CHECKING:
    from engram.training import Training

_RUNNING_TENSORS = ("responses", "seen", "hits")


def snapshot(training: Training) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Everything that a resumed run needs, as tensors and metadata."""
    tensors, metadata = model_content(training.model())
    tensors |= {f"state.{name}": array for name, array in training.simulator.state.tensors().items()}
    if training.running is not None:
        tensors |= {f"running.{name}": getattr(training.running, name) for name in _RUNNING_TENSORS}
    metadata["checkpoint"] = {
        "dataset": training.dataset_hash,
        "digests": _digests(training),
        "examples": training.examples,
        "total": training.total,
        "silent_images": training.silent_images,
        "seconds": training.seconds,
        "processor_seconds": training.processor_seconds,
        "overshot": training.simulator.overshot,
        "stopped": training.stop_reason,
        "metrics": training.metrics,
        "since": [training.spikes_since, training.images_since],
        "health": training.health.to_dict(),
    }
    return tensors, metadata


def restore(training: Training, tensors: dict[str, np.ndarray], metadata: dict[str, Any], name: str) -> None:
    """Go on from a snapshot; a training that it does not fit is left as it was.

    Raises
    ------
    ModelFileError
        If it is of another version of engram, or lacks something.
    ConfigError
        If it is of another configuration, rule or dataset.
    """
    try:
        _check_same_run(training, tensors, metadata, name)
        _restore(training, tensors, metadata, name)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, EngramError):
            raise
        raise ModelFileError(f"{name} is no checkpoint of this run ({error}); start again with --overwrite.") from None


def _digests(training: Training) -> dict[str, str]:
    """What the user's own files were when they were run, by the class that is taken from them."""
    kinds = [*parts_of(training.simulator.described), type(training.simulator.source)]
    return {part_name(kind): digest for kind in kinds if (digest := digest_of(kind)) is not None}


def _is_same_network(training: Training, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> bool:
    """Whether a snapshot is of the network that the training has; of the usual one its configuration tells."""
    if training.network_record is None:
        return metadata["network"].get("kind") != "network"
    record, arrays = training.network_record
    return metadata["network"] == record and all(
        f"network.{name}" in tensors and np.array_equal(tensors[f"network.{name}"], values)
        for name, values in arrays.items()
    )


def _other_network(training: Training, name: str) -> str:
    """What to say where a run's network is not what its name stands for now."""
    described = training.config.network_name
    if described == DESCRIBED_IN_CODE:
        return f"{name} has another network than the one given; resume with the one that it began with."
    way = "resume with the engram that began it" if described in NETWORKS else "put the file back as it was"
    return f"{described} describes another network now than {name} has; {way}, or start again with --overwrite."


def _check_same_run(training: Training, tensors: dict[str, np.ndarray], metadata: dict[str, Any], name: str) -> None:
    if metadata.get("version") != __version__:
        raise ModelFileError(
            f"{name} is of engram {metadata.get('version')}, this is {__version__}; resume with the version that"
            " wrote it."
        )
    if "checkpoint" not in metadata and "config" in metadata:
        raise ModelFileError(f"{name} is of an earlier build of engram; resume with the build that wrote it.")
    same_config = TrainingConfig.from_dict(metadata["config"]) == training.config
    if same_config and not _is_same_network(training, tensors, metadata):
        raise ConfigError(_other_network(training, name))
    same_rule = is_record_of(metadata["rule"], training.rule)
    if not (same_config and same_rule and metadata.get("source", POISSON) == source_record(training.simulator.source)):
        raise ConfigError(f"{name} is of another configuration; resume with the options of that run.")
    kept, now = metadata["checkpoint"]["digests"], _digests(training)
    if changed := sorted(part for part in {*kept, *now} if kept.get(part) != now.get(part)):
        part = changed[0]
        raise ConfigError(
            f"The file of {part} is not the one that {name} was made with: its SHA-256 was {kept.get(part)}, now"
            f" {now.get(part)}; put the file back as it was, or start again with --overwrite."
        )
    if metadata["checkpoint"]["dataset"] != training.dataset_hash:
        raise ConfigError(
            f"{name} was made with another content of the dataset {training.dataset.name}; resume with the same images."
        )


def _restore(training: Training, tensors: dict[str, np.ndarray], metadata: dict[str, Any], name: str) -> None:
    """Read and check all, then take it over."""
    kept = metadata["checkpoint"]
    targets = {f"state.{name}": array for name, array in training.simulator.state.tensors().items()}
    if training.running is not None:
        targets |= {f"running.{key}": getattr(training.running, key) for key in ("responses", "seen")}
    for key, target in targets.items():
        if key not in tensors or tensors[key].shape != target.shape or tensors[key].dtype != target.dtype:
            raise ModelFileError(f"{name} lacks a fitting {key!r}; start again with --overwrite.")
    examples, silent_images, presentations = map(
        _count, (kept["examples"], kept["silent_images"], metadata["presentations"])
    )
    spikes, images = map(_count, kept["since"])
    seconds, overshot, stopped = float(kept["seconds"]), bool(kept["overshot"]), str(kept["stopped"])
    processor_seconds = kept.get("processor_seconds")  # earlier builds did not count it
    processor_seconds = None if processor_seconds is None else float(processor_seconds)
    metrics = [dict(record) for record in kept["metrics"]]
    health = copy.copy(training.health)
    health.restore(kept["health"])
    running, hits = training.running, None if training.running is None else _hits(tensors, name)

    training.simulator.state.unfollow_columns()
    for key, target in targets.items():
        target[...] = tensors[key]
    if running is not None and hits is not None:
        running.hits = hits
    training.simulator.presentations, training.simulator.overshot = presentations, overshot
    training.examples, training.silent_images = examples, silent_images
    training.seconds, training.processor_seconds = seconds, processor_seconds
    training.metrics, training.health, training.stop_reason = metrics, health, stopped
    training.spikes_since, training.images_since = spikes, images


def _hits(tensors: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Which of the last images were answered rightly."""
    hits = tensors["running.hits"]
    if hits.dtype != np.bool_ or hits.ndim != 1 or len(hits) > RunningAccuracy.WINDOW:
        raise ModelFileError(f"{name} lacks a fitting 'running.hits'; start again with --overwrite.")
    return hits


def _count(value) -> int:
    """A whole number from a file."""
    if type(value) is not int or not 0 <= value < 2**62:
        raise TypeError(f"expected a count, got {value!r}")
    return value
