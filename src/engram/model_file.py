"""Model and checkpoint files: safetensors with a digest over every byte, no pickle, nothing ever executed.

A file holds the tensors and one JSON text of metadata. The digest, part of the metadata, is the SHA-256 of the whole
file with the digest's own 64 characters replaced by zeros: no bit of the file can change unseen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from engram._version import __version__
from engram.errors import ConfigError, EngramError, ModelFileError
from engram.files import write_atomically
from engram.model import Model
from engram.networks import DiehlCook, Protocol
from engram.plasticity.records import rule_from_record
from engram.readout import Readout

FORMAT = "engram-1"
"""The layout of the files; a file of another one is refused."""

MAX_BYTES = 1 << 32
_NO_DIGEST = "0" * 64
_READOUT_TENSORS = ("classes", "profile", "assigned", "coefficients", "intercepts")
_NETWORK_FIELDS = tuple(f.name for f in fields(DiehlCook) if f.name not in ("excitatory", "inhibitory"))


def encode(tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> bytes:
    """The bytes of a file with these tensors and this JSON-able metadata; the same for the same content."""
    from safetensors.numpy import save

    text = {
        "engram": json.dumps(metadata, sort_keys=True, allow_nan=False),
        "format": FORMAT,
        "sha256": _NO_DIGEST,
    }
    content = save({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, metadata=text)
    content = _with_ordered_header(content)
    return content.replace(_digest_field(_NO_DIGEST), _digest_field(hashlib.sha256(content).hexdigest()), 1)


def decode(content: bytes, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and metadata of a file's bytes, checked.

    Raises
    ------
    ModelFileError
        If the bytes are no such file, of another version, or not the ones that were written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    header = _header(content, name)
    text = header.get("__metadata__")
    if not isinstance(text, dict) or "engram" not in text or "format" not in text:
        raise ModelFileError(f"{name} is not an engram model; give a run folder or its model.safetensors.")
    if text["format"] != FORMAT:
        raise ModelFileError(
            f"{name} has the file format {text['format']!r}, this engram ({__version__}) reads {FORMAT!r}; read it"
            " with the version that wrote it."
        )
    digest = str(text.get("sha256", ""))
    blank = content.replace(_digest_field(digest), _digest_field(_NO_DIGEST), 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise ModelFileError(f"{name} is damaged: its content does not match its digest; take another copy of it.")
    try:
        return load(content), json.loads(text["engram"])
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} is damaged: {error}.") from None


def read_bytes(path: Path) -> bytes:
    """A file's content, within bounds."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelFileError(f"{path} is larger than {MAX_BYTES >> 30} GiB and no engram model.")
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read {path}: {error.strerror}; give a run folder or a model file.") from None


def model_content(model: Model) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A model as tensors and metadata."""
    tensors = {"weights": model.weights, "theta": model.theta}
    tensors |= {f"rule.{name}": values for name, values in model.rule_state.items()}
    metadata = {
        "version": __version__,
        "network": {name: getattr(model.network, name) for name in _NETWORK_FIELDS},
        "protocol": asdict(model.protocol),
        "rule": model.rule_record,
        "seed": model.seed,
        "input_gain": model.input_gain,
        "image_shape": model.image_shape,
        "ink_fill": model.ink_fill,
        "dataset": model.dataset,
        "examples": model.examples,
        "presentations": model.presentations,
        "config": model.config,
        "n_label": None,
    }
    if model.readout is not None:
        tensors |= {f"readout.{name}": getattr(model.readout, name) for name in _READOUT_TENSORS}
        tensors["labels"] = model.readout.labels
        metadata["n_label"] = model.readout.n_label
    return tensors, metadata


def save_model(model: Model, path: str | Path) -> None:
    """Write a model to one file, whole or not at all.

    Raises
    ------
    RunFolderError
        If the file cannot be written.
    """
    write_atomically(Path(path), encode(*model_content(model)))


def load_model(path: str | Path, *, rule=None) -> Model:
    """Read a model from its file or its run folder.

    Parameters
    ----------
    path : str or Path
    rule : type or str, optional
        The class, or ``file.py:Class``, of the user's rule that made the model; only needed to go on learning. Loading
        never runs code that the file names.

    Raises
    ------
    ModelFileError
        If there is no model, or it is damaged or of another version.
    """
    path = Path(path)
    file = path / "model.safetensors" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise ModelFileError(f"{path} holds no model.safetensors; train with 'engram train --out {path}'.")
    tensors, metadata = decode(read_bytes(file), str(file))
    return model_from(tensors, metadata, str(file), rule=rule)


def model_from(tensors: dict[str, np.ndarray], metadata: dict[str, Any], name: str, *, rule=None) -> Model:
    """A model from tensors and metadata whose digest was right; what they say is checked all the same."""
    try:
        network = DiehlCook(**metadata["network"])
        record = metadata["rule"]
        known_rule = None if ":" in record["rule"] and rule is None else rule_from_record(record, rule)
        _check_shapes(tensors, network, name)
        return Model(
            network=network,
            rule=known_rule,
            rule_record=record,
            protocol=Protocol(**metadata["protocol"]),
            seed=metadata["seed"],
            input_gain=float(metadata["input_gain"]),
            weights=tensors["weights"],
            theta=tensors["theta"],
            rule_state={key[5:]: values for key, values in tensors.items() if key.startswith("rule.")},
            readout=_readout(tensors, metadata),
            image_shape=tuple(metadata["image_shape"]) if metadata["image_shape"] else None,
            ink_fill=float(metadata["ink_fill"]),
            dataset=metadata["dataset"],
            examples=metadata["examples"],
            presentations=metadata["presentations"],
            config=metadata["config"],
            version=metadata["version"],
        )
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        if isinstance(error, EngramError) and not isinstance(error, ConfigError):
            raise
        raise ModelFileError(f"{name} is not a model that this engram ({__version__}) understands: {error}.") from None


def _digest_field(digest: str) -> bytes:
    """The digest as the header spells it; within other metadata its quotes would be escaped."""
    return f'"sha256":"{digest}"'.encode()


def _readout(tensors, metadata) -> Readout | None:
    if metadata["n_label"] is None:
        return None
    return Readout(*(tensors[f"readout.{name}"] for name in _READOUT_TENSORS), n_label=metadata["n_label"])


def _check_shapes(tensors, network: DiehlCook, name: str) -> None:
    shapes = {"weights": (network.n_inputs, network.n_neurons), "theta": (network.n_neurons,)}
    for tensor, shape in shapes.items():
        if tensors[tensor].shape != shape:
            raise ModelFileError(f"{name} holds {tensor} of shape {tensors[tensor].shape}, its network needs {shape}.")


def _header(content: bytes, name: str) -> dict:
    """The JSON header of a safetensors file, within the bytes that are there."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 10 or size > len(content) - 8:
        raise ModelFileError(f"{name} is not a model file or was cut short; give a run folder or a whole model file.")
    try:
        header = json.loads(content[8 : 8 + size])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ModelFileError(f"{name} is not a model file; give a run folder or its model.safetensors.")
    return header


def _with_ordered_header(content: bytes) -> bytes:
    """The same file with its header's keys in a fixed order: the library writes them in a random one."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]
