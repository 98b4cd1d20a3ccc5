"""Model and checkpoint files: safetensors with a digest over every byte, no pickle, nothing ever executed.

A file holds the tensors and one JSON text of metadata. The digest, part of the metadata, is the SHA-256 of the whole
file with the digest's own 64 characters replaced by zeros: no bit of the file can change unseen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engram._version import __version__
from engram.datasets.base import FRAMINGS
from engram.datasets.recordings import Layout
from engram.datasets.scale import PIXELS, ValueRange, check_value_range
from engram.errors import ConfigError, EngramError, ModelFileError
from engram.files import write_atomically
from engram.model import Model
from engram.models import find_model
from engram.networks import DiehlCook, Protocol
from engram.neurons import ConductanceLIF
from engram.plasticity.records import rule_from_record
from engram.readout import Readout
from engram.validation import check_positive

FORMAT = "engram-1"
"""The layout of the files; a file of another one is refused."""

MAX_BYTES = 1 << 32
_NO_DIGEST = "0" * 64
_READOUT_TENSORS = ("classes", "profile", "assigned", "coefficients", "intercepts")

_MAX_STEPS = 1 << 22
"""No file may ask for presentations longer than this: they would take hours, or more memory than there is."""

_MAX_ATTEMPTS = 10_000
_MAX_DELAYS = 1 << 34

_HALVED = ("weights", "readout.profile", "readout.coefficients")
"""What a compact file holds in half precision."""


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
        tensors, metadata = load(content), json.loads(text["engram"])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{name} is damaged: {error}.") from None
    if not isinstance(metadata, dict):
        raise ModelFileError(f"{name} is damaged: its metadata is no table.")
    return tensors, metadata


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
        "network": asdict(model.network),
        "protocol": asdict(model.protocol),
        "rule": model.rule_record,
        "seed": model.seed,
        "input_gain": model.input_gain,
        "image_shape": model.image_shape,
        "ink_fill": model.ink_fill,
        "value_range": model.value_range,
        "framing": model.framing,
        "class_names": {str(label): name for label, name in model.class_names.items()},
        "event_layout": None if model.event_layout is None else model.event_layout.to_dict(),
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


def save_model(
    model: Model, path: str | Path, *, extra: dict[str, np.ndarray] | None = None, compact: bool = False
) -> None:
    """Write a model to one file, whole or not at all.

    Parameters
    ----------
    model : Model
    path : str or Path
    extra : dict of str to ndarray, optional
        Further tensors to keep in the file; :func:`load_model` leaves them aside.
    compact : bool, optional
        Keep weights and readout in half precision, which rounds them to three digits, and leave out the rule's
        traces: half the size, for reading rather than for going on learning.

    Raises
    ------
    RunFolderError
        If the file cannot be written.
    """
    tensors, metadata = model_content(model)
    if compact:
        tensors = _compacted(tensors)
    write_atomically(Path(path), encode({**(extra or {}), **tensors}, metadata))


def load_model(path: str | Path, *, rule=None) -> Model:
    """Read a model from its file or its run folder, or one that comes with engram by its name.

    Parameters
    ----------
    path : str or Path
        The name of a shipped model, see :mod:`engram.models`, counts where no such path exists.
    rule : type or str, optional
        The class, or ``file.py:Class``, of the user's rule that made the model; only needed to go on learning. Loading
        never runs code that the file names.

    Raises
    ------
    ModelFileError
        If there is no model, or it is damaged or of another version.
    """
    return model_from(*read_model_file(path), rule=rule)


def read_model_file(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """The tensors and metadata of a model's file or run folder, and the file's name for messages."""
    path = find_model(path)
    file = path / "model.safetensors" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise ModelFileError(f"{path} holds no model.safetensors; train with 'engram train --out {path}'.")
    return *decode(read_bytes(file), str(file)), str(file)


def model_from(tensors: dict[str, np.ndarray], metadata: dict[str, Any], name: str, *, rule=None) -> Model:
    """A model from tensors and metadata whose digest was right; what they say is checked all the same."""
    try:
        network = _network(metadata["network"])
        tensors = _widened(tensors, network.dtype)
        protocol = Protocol(**metadata["protocol"])
        _check_bounds(network, protocol)
        record = dict(metadata["rule"])
        known_rule = None if ":" in record["rule"] and rule is None else rule_from_record(record, rule)
        _check_array(tensors, "weights", (network.n_inputs, network.n_neurons), network.dtype)
        _check_array(tensors, "theta", (network.n_neurons,), "float64")
        return Model(
            network=network,
            rule=known_rule,
            rule_record=record,
            protocol=protocol,
            seed=_whole(metadata, "seed"),
            input_gain=_positive(metadata, "input_gain"),
            weights=tensors["weights"],
            theta=tensors["theta"],
            rule_state=_rule_state(tensors, network),
            readout=_readout(tensors, metadata, network.n_neurons),
            image_shape=_image_shape(metadata["image_shape"], network.n_inputs),
            ink_fill=_positive(metadata, "ink_fill"),
            value_range=_value_range(metadata.get("value_range", PIXELS), network.n_inputs),
            framing=_framing(metadata.get("framing", "ink")),
            class_names=_class_names(metadata.get("class_names", {})),
            event_layout=_event_layout(metadata.get("event_layout"), network.n_inputs),
            dataset=str(metadata["dataset"]),
            examples=_whole(metadata, "examples"),
            presentations=_whole(metadata, "presentations"),
            config=dict(metadata["config"]),
            version=str(metadata["version"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, EngramError) and not isinstance(error, ConfigError):
            raise
        raise ModelFileError(f"{name} is not a model that this engram ({__version__}) understands: {error}.") from None


def _compacted(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors in half precision where that is enough, without what only learning needs."""
    kept = {name: values for name, values in tensors.items() if not name.startswith("rule.")}
    return kept | {name: kept[name].astype(np.float16) for name in _HALVED if name in kept}


def _widened(tensors: dict[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    """The tensors of a compact file in the precision that they are computed with."""
    wide = {name: dtype if name == "weights" else "float64" for name in _HALVED}
    halved = [name for name in _HALVED if name in tensors and tensors[name].dtype == np.float16]
    return tensors | {name: tensors[name].astype(wide[name]) for name in halved}


def _digest_field(digest: str) -> bytes:
    """The digest as the header spells it; within other metadata its quotes would be escaped."""
    return f'"sha256":"{digest}"'.encode()


def _network(values: dict[str, Any]) -> DiehlCook:
    neurons = {name: ConductanceLIF(**values[name]) for name in ("excitatory", "inhibitory")}
    return DiehlCook(**{**values, **neurons})


def _check_bounds(network: DiehlCook, protocol: Protocol) -> None:
    """Raise ConfigError where a few bytes ask for more memory or time than any real network takes."""
    if network.n_neurons**2 > _MAX_DELAYS:
        raise ConfigError(f"it claims {network.n_neurons:,} neurons")
    if network.max_input_delay and network.n_inputs * network.n_neurons > _MAX_DELAYS:
        raise ConfigError(f"it claims {network.n_inputs * network.n_neurons:,} delayed synapses")
    if (protocol.shown + protocol.blank) / network.dt > _MAX_STEPS:
        raise ConfigError(f"it shows an image for {protocol.shown + protocol.blank:g} ms in steps of {network.dt:g} ms")
    if protocol.max_intensity - protocol.start_intensity > _MAX_ATTEMPTS or protocol.min_spikes >= 2**31:
        raise ConfigError("it shows an image without end")
    if max(network.excitatory.t_ref, network.inhibitory.t_ref) / network.dt > _MAX_STEPS:
        raise ConfigError("its neurons stay refractory without end")


def _check_array(tensors, name: str, shape: tuple[int, ...], dtype: str, *, finite: bool = True) -> None:
    array = tensors[name]
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"it holds {name} of shape {array.shape} and type {array.dtype}, not {shape} and {dtype}")
    if finite and not np.all(np.isfinite(array)):
        raise ValueError(f"it holds {name} that are not finite")


def _rule_state(tensors, network: DiehlCook) -> dict[str, np.ndarray]:
    """A rule's traces and state variables: each of one value per input, neuron or synapse."""
    state = {key[5:]: values for key, values in tensors.items() if key.startswith("rule.")}
    n_inputs, n = network.n_inputs, network.n_neurons
    for key, values in state.items():
        if values.shape not in ((n_inputs,), (n,), (n_inputs, n)) or values.dtype != network.dtype:
            raise ValueError(f"it holds rule.{key} of shape {values.shape} and type {values.dtype}")
    return state


def _readout(tensors, metadata, n_neurons: int) -> Readout | None:
    if metadata["n_label"] is None:
        return None
    n_classes = tensors["readout.classes"].size
    shapes = {
        "classes": ((n_classes,), "int64"),
        "profile": ((n_classes, n_neurons), "float64"),
        "assigned": ((n_neurons,), "int64"),
        "coefficients": ((n_classes, n_neurons), "float64"),
        "intercepts": ((n_classes,), "float64"),
    }
    for name, (shape, dtype) in shapes.items():
        _check_array(tensors, f"readout.{name}", shape, dtype)
    assigned, classes = tensors["readout.assigned"], tensors["readout.classes"]
    if n_classes == 0 or assigned.min() < -1 or assigned.max() >= n_classes or np.any(np.diff(classes) <= 0):
        raise ValueError("its neurons' labels name classes that it does not have")
    return Readout(*(tensors[f"readout.{name}"] for name in _READOUT_TENSORS), n_label=_whole(metadata, "n_label"))


def _image_shape(value, n_inputs: int) -> tuple[int, int] | None:
    if value is None:
        return None
    height, width = value
    if type(height) is not int or type(width) is not int or height < 1 or height * width != n_inputs:
        raise ValueError(f"its image_shape is {value!r}")
    return height, width


def _value_range(value, n_inputs: int) -> ValueRange:
    if any(type(number) not in (int, float) for end in value for number in (end if isinstance(end, list) else [end])):
        raise ValueError("its value_range holds what is no number")
    return check_value_range(value, n_inputs)


def _framing(value) -> str:
    if value not in FRAMINGS:
        raise ValueError(f"its framing is {value!r}")
    return value


def _class_names(value) -> dict[int, str]:
    if not all(isinstance(name, str) for name in value.values()):
        raise ValueError("its class names are no text")
    return {int(label): name for label, name in value.items()}


def _event_layout(value, n_inputs: int) -> Layout | None:
    if value is None:
        return None
    layout = Layout.from_dict(value)
    if layout.n_inputs != n_inputs:
        raise ValueError(f"its sensor of {layout.sensor_shape} does not have its {n_inputs:,} inputs")
    return layout


def _whole(metadata, name: str) -> int:
    value = metadata[name]
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"its {name} is {value!r}")
    return value


def _positive(metadata, name: str) -> float:
    check_positive(f"its {name}", metadata[name])
    return float(metadata[name])


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
