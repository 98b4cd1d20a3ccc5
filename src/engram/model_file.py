"""Model and checkpoint files: safetensors with a digest over every byte, no pickle, nothing ever executed.

A file holds the tensors and one JSON text of metadata. The digest, part of the metadata, is the SHA-256 of the whole
file with the digest's own 64 characters replaced by zeros: no bit of the file can change unseen.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from engram._version import __version__
from engram.config import TrainingConfig, own_options, read_options
from engram.datasets.base import FRAMINGS
from engram.datasets.recordings import Layout
from engram.datasets.scale import PIXELS, ValueRange, check_value_range
from engram.errors import ConfigError, EngramError, ModelFileError
from engram.files import exists, open_regular, read_at_most, runs_in, write_atomically
from engram.model import Model
from engram.models import find_model, shipped_models
from engram.networks import DiehlCook, Network, Protocol
from engram.networks.network import PRECISIONS
from engram.networks.record import network_from_record
from engram.neurons import ConductanceLIF
from engram.plasticity.records import rule_from_record
from engram.readout import Readout
from engram.sources.records import POISSON, source_from_record
from engram.user_code import classes_from, is_own
from engram.validation import check_choice, check_presentation, did_you_mean, settled, settled_fields

FORMAT = "engram-1"
"""The layout of the files; a file of another one is refused."""

MODEL_NAME, CHECKPOINTS = "model.safetensors", "checkpoints"
"""Where a run's folder has its network, and the states from which it can be resumed."""

Parts = str | Iterable[type | str]
"""Whose classes a network may have: classes, or files of a user's own, as ``file.py:name``."""

MAX_BYTES = 1 << 32
_NO_DIGEST = "0" * 64
_READOUT_TENSORS = ("classes", "profile", "assigned", "coefficients", "intercepts")

_MAX_HEADER = 1 << 24
"""No header is longer (16 MiB): JSON takes many times its size in memory."""

_MAX_DELAYS = 1 << 34
"""No file may claim more delayed synapses than this: they are drawn anew, so its size does not vouch for them."""

_CHECKPOINT_NAME = re.compile(r"^\d{12}\.safetensors$")

_HALVED = ("weights", "readout.profile", "readout.coefficients")
"""What a compact file holds in half precision."""

_MAX_NEURONS = 1 << 20
"""No network of a file has more."""


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
        tensors, metadata = load(content), _strict_json(text["engram"])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{name} is damaged: {error}.") from None
    if not isinstance(metadata, dict):
        raise ModelFileError(f"{name} is damaged: its metadata is no table.")
    return tensors, metadata


def read_bytes(path: Path) -> bytes:
    """The content of a model's file, whose first bytes are looked at before the rest is read."""
    try:
        with open_regular(path) as file:
            start = read_at_most(file, 8 + _MAX_HEADER)
            _header(start, str(path), whole=False)
            rest = read_at_most(file, MAX_BYTES - len(start) + 1)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(f"Cannot read {path}: {reason}; give a run folder or {_other_models(path)}.") from error
    if len(start) + len(rest) > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than {MAX_BYTES >> 30} GiB and no engram model.")
    return start + rest


def model_content(model: Model) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A model as tensors and metadata."""
    tensors, network = _learned_content(model)
    tensors |= {f"rule.{name}": values for name, values in model.rule_state.items()}
    metadata = {
        "version": __version__,
        "network": network,
        "protocol": settled_fields(asdict(model.protocol)),
        "rule": model.rule_record,
        "seed": int(model.seed),
        "input_gain": float(model.input_gain),
        "source": model.source_record,
        "image_shape": model.image_shape,
        "ink_fill": model.ink_fill,
        "value_range": model.value_range,
        "framing": model.framing,
        "class_names": {str(label): name for label, name in model.class_names.items()},
        "event_layout": None if model.event_layout is None else model.event_layout.to_dict(),
        "dataset": model.dataset,
        "examples": int(model.examples),
        "presentations": int(model.presentations),
        "config": model.config,
        "n_label": None,
    }
    if model.readout is not None:
        tensors |= {f"readout.{name}": getattr(model.readout, name) for name in _READOUT_TENSORS}
        tensors["labels"] = model.readout.labels
        metadata["n_label"] = model.readout.n_label
        if model.readout.balanced:
            metadata["balanced"] = True
    return tensors, metadata


def _learned_content(model: Model) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Weights, thresholds and what belongs to the description as tensors, and the description."""
    if isinstance(model.network, DiehlCook) or model.network_record is None:
        return {"weights": model.weights, "theta": model.theta}, settled_fields(asdict(model.network))
    record, arrays = model.network_record
    tensors = {f"weights.{name}": values for name, values in model.weights.items()}
    tensors |= {f"theta.{name}": values for name, values in model.theta.items()}
    return tensors | {f"network.{name}": values for name, values in arrays.items()}, record


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
    write_atomically(Path(path), model_bytes(model, extra=extra, compact=compact))


def model_bytes(model: Model, *, extra: dict[str, np.ndarray] | None = None, compact: bool = False) -> bytes:
    """What :func:`save_model` writes."""
    tensors, metadata = model_content(model)
    if compact:
        tensors = _compacted(tensors)
    return encode({**(extra or {}), **tensors}, metadata)


def load_model(path: str | Path, *, rule=None, parts: Parts | None = None, source=None) -> Model:
    """Read a model from its file or its run folder, or one that comes with engram by its name.

    Parameters
    ----------
    path : str or Path
        Of a run that was interrupted, the last checkpoint is read. The name of a shipped model, see
        :mod:`engram.models`, counts where no such path exists.
    rule : type or str, optional
        The class, or ``file.py:Class``, of the user's rule that made the model; a :class:`~engram.DiehlCook` needs it
        only to go on learning. Loading never runs code that the file names.
    parts : str, or iterable of type or str, optional
        The classes of neurons, projections and rules of the user's own that a :class:`~engram.Network` has; or
        ``file.py:function``, the file that described it, which is then run.
    source : type or str, optional
        The class, or ``file.py:Class``, of the user's source of spikes that the model learned by; needed to read.

    Raises
    ------
    ModelFileError
        If there is no model, or it is damaged or of another version.
    """
    return model_from(*read_model_file(path), rule=rule, parts=parts, source=source)


def describes_network(metadata: Mapping) -> bool:
    """Whether a file is of a :class:`~engram.Network`, and not of the usual one."""
    return _table(metadata["network"]).get("kind") == "network"


def own_classes(parts: Parts | None, rule=None) -> list[type]:
    """The classes of a user's own that a network may have: given, or of files that are named, which are then run."""
    named = [parts] if isinstance(parts, str) else [*(parts or ())]
    if rule is not None and not (isinstance(rule, str) and not is_own(rule)):
        named.append(rule)
    classes = []
    for part in named:
        classes += classes_from(part, "network", ConfigError) if isinstance(part, str) else [part]
    return classes


def read_model_file(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """The tensors and metadata of a model's file or run folder, and the file's name for messages.

    Of a run that was interrupted, those of the last good checkpoint.
    """
    path = find_model(path)
    folder = os.path.isdir(path)  # noqa: PTH112 - Path's own raises where a name is too long
    if folder and not exists(path / MODEL_NAME):
        return read_last_checkpoint(path)
    file = path / MODEL_NAME if folder else path
    return *decode(read_bytes(file), str(file)), str(file)


def _other_models(path: Path) -> str:
    """What could have been meant by a path where nothing lies."""
    if exists(path) or path.name != str(path):
        return "a model file"
    names = [model.name for model in shipped_models()]
    return f"a model file, or one of those that come with engram: {', '.join(names)}{did_you_mean(path.name, names)}"


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, oldest first."""
    try:
        return sorted(path for path in (folder / CHECKPOINTS).iterdir() if _CHECKPOINT_NAME.match(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        path = folder / CHECKPOINTS
        raise ModelFileError(f"Cannot read {path}: {error.strerror}; look at its permissions.") from None


def read_last_checkpoint(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """The newest checkpoint in a run's folder that is whole, as :func:`read_model_file` reads models."""
    failure, looked_at = None, None
    while (files := checkpoint_files(folder)) != looked_at:  # a run that goes on replaces them while they are read
        failure, looked_at = None, files
        for file in reversed(files):
            try:
                return *decode(read_bytes(file), str(file)), str(file)
            except ModelFileError as error:
                failure = failure or error
    if failure is None:
        failure = ModelFileError(f"{folder} holds no {MODEL_NAME}{_what_then(folder)}.")
    raise failure


def _what_then(folder: Path) -> str:
    """What to do where there is no model."""
    if exists(folder / "config.toml"):
        own = own_options(read_options(folder / "config.toml"), "path/to/")
        return f" and no checkpoint yet; finish it with 'engram train --resume {folder}{own}'"
    if inside := runs_in(folder):
        return f"; give one of its runs: {', '.join(inside)}"
    return f"; train with 'engram train --out {folder}'"


def model_from(
    tensors: dict[str, np.ndarray],
    metadata: dict[str, Any],
    name: str,
    *,
    rule=None,
    parts: Parts | None = None,
    source=None,
) -> Model:
    """A model from tensors and metadata whose digest was right; what they say is checked all the same."""
    try:
        described = describes_network(metadata)
        dtype = metadata["network"]["dtype"]
        check_choice("dtype", dtype, PRECISIONS)
        tensors = _widened(tensors, dtype)
        network = (
            _described(metadata["network"], tensors, own_classes(parts, rule))
            if described
            else _network(metadata["network"])
        )
        protocol = Protocol(**settled_fields(_table(metadata["protocol"])))
        _check_bounds(network, protocol)
        record, shown_by = dict(metadata["rule"]), dict(_table(metadata.get("source", POISSON)))
        gain = settled("input_gain", metadata["input_gain"])
        if isinstance(network, Network):
            known_rule, learned = network.plastic[0].rule, _learned_by_part(tensors, network)
        else:
            known_rule = None if ":" in record["rule"] and rule is None else rule_from_record(record, rule)
            _check_array(tensors, "weights", (network.n_inputs, network.n_neurons), network.dtype)
            _check_array(tensors, "theta", (network.n_neurons,), "float64")
            learned = {"weights": tensors["weights"], "theta": tensors["theta"]}
        return Model(
            network=network,
            rule=known_rule,
            rule_record=record,
            protocol=protocol,
            seed=_whole(metadata, "seed"),
            input_gain=gain,
            source=source_from_record(shown_by, gain, source),
            source_record=shown_by,
            **learned,
            network_record=(dict(metadata["network"]), _starting_with("network.", tensors)) if described else None,
            rule_state=_rule_state(tensors, network),
            readout=_readout(tensors, metadata, network.n_neurons),
            image_shape=_image_shape(metadata["image_shape"], network.n_inputs),
            ink_fill=_share(metadata, "ink_fill"),
            value_range=_value_range(metadata.get("value_range", PIXELS), network.n_inputs),
            framing=_framing(metadata.get("framing", "ink")),
            class_names=_class_names(metadata.get("class_names", {})),
            event_layout=_event_layout(metadata.get("event_layout"), network.n_inputs),
            dataset=_text(metadata, "dataset"),
            examples=_whole(metadata, "examples"),
            presentations=_whole(metadata, "presentations"),
            config=_config(metadata["config"]),
            version=_text(metadata, "version"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, EngramError) and not isinstance(error, ConfigError):
            raise
        raise ModelFileError(f"{name} is not a model that this engram ({__version__}) understands: {error}.") from None


def _described(record: Mapping, tensors: dict[str, np.ndarray], parts: Iterable[type]) -> Network:
    """A network of any parts; what its arrays say is checked as a user's would be."""
    network = network_from_record(
        record, _starting_with("network.", tensors), _starting_with("weights.", tensors), parts
    )
    if not network.plastic or len(network.inputs) != 1:
        raise ValueError("its network has nothing that learns, or not one input")
    if sum(p.n for p in [*network.populations.values(), *network.inputs.values()]) > _MAX_NEURONS:
        raise ValueError("it claims more neurons than any network has")
    return network


def _learned_by_part(tensors: dict[str, np.ndarray], network: Network) -> dict[str, dict[str, np.ndarray]]:
    """The weights of every projection and the thresholds of every population."""
    for p in network.projections:
        shape = p.weight_shape(network.shape_of(p.before), network.shape_of(p.after))
        _check_array(tensors, f"weights.{p.name}", tuple(shape), network.dtype)
    for name, population in network.populations.items():
        _check_array(tensors, f"theta.{name}", (population.n,), "float64")
    return {"weights": _starting_with("weights.", tensors), "theta": _starting_with("theta.", tensors)}


def _starting_with(prefix: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}


def _compacted(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors in half precision where that is enough, without what only learning needs."""
    kept = {name: values for name, values in tensors.items() if not name.startswith("rule.")}
    return kept | {name: values.astype(np.float16) for name, values in kept.items() if _is_halved(name)}


def _widened(tensors: dict[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    """The tensors of a compact file in the precision that they are computed with."""
    halved = [name for name, values in tensors.items() if _is_halved(name) and values.dtype == np.float16]
    return tensors | {
        name: tensors[name].astype("float64" if name.startswith("readout.") else dtype) for name in halved
    }


def _is_halved(name: str) -> bool:
    """Whether a compact file holds a tensor in half precision."""
    return name.startswith(("weights.", *_HALVED))


def _digest_field(digest: str) -> bytes:
    """The digest as the header spells it; within other metadata its quotes would be escaped."""
    return f'"sha256":"{digest}"'.encode()


def _network(values) -> DiehlCook:
    values = settled_fields(_table(values))
    neurons = {name: _neuron(_table(values[name])) for name in ("excitatory", "inhibitory")}
    options: dict[str, Any] = {**values, **neurons}
    return DiehlCook(**options)


def _neuron(constants: Mapping[str, Any]) -> ConductanceLIF:
    """A neuron of which the file has every constant: what is lacking does not become today's default."""
    return ConductanceLIF(**{field.name: constants[field.name] for field in fields(ConductanceLIF)} | dict(constants))


def _config(options) -> dict[str, Any]:
    """The options of the run, which must be such as a run could have; of an estimator's, its own part stays."""
    options = dict(_table(options))
    estimator = options.pop("estimator", None)
    if options:
        options = TrainingConfig.from_dict(options).to_dict()
    return options if estimator is None else {**options, "estimator": dict(_table(estimator))}


def _check_bounds(network: DiehlCook | Network, protocol: Protocol) -> None:
    """Raise ConfigError where a few bytes ask for more memory or time than any real network takes."""
    if isinstance(network, DiehlCook):
        _check_size(network)
    else:
        for p in network.projections:
            if not p.has_one_delay and network.size_of(p.before) * network.size_of(p.after) > _MAX_DELAYS:
                raise ConfigError(f"it claims {network.size_of(p.after):,} neurons with delayed synapses")
    check_presentation(network, protocol)


def _check_size(network: DiehlCook) -> None:
    if network.n_neurons**2 > _MAX_DELAYS:
        raise ConfigError(f"it claims {network.n_neurons:,} neurons")
    if network.max_input_delay and network.n_inputs * network.n_neurons > _MAX_DELAYS:
        raise ConfigError(f"it claims {network.n_inputs * network.n_neurons:,} delayed synapses")


def _table(value) -> Mapping:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a table, got {value!r:.100}")
    return value


def _check_array(tensors, name: str, shape: tuple[int, ...], dtype: str, *, finite: bool = True) -> None:
    array = tensors[name]
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"it holds {name} of shape {array.shape} and type {array.dtype}, not {shape} and {dtype}")
    if finite and not np.all(np.isfinite(array)):
        raise ValueError(f"it holds {name} that are not finite")


def _rule_state(tensors, network: DiehlCook | Network) -> dict[str, np.ndarray]:
    """Rules' traces and state variables: each of one value per input, neuron or synapse."""
    state = _starting_with("rule.", tensors)
    if isinstance(network, Network):
        for key, values in state.items():
            if values.dtype != network.dtype:
                raise ValueError(f"it holds rule.{key} of type {values.dtype}")
        return state  # the shapes are those of the rules' memories, which are compared where learning goes on
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
    parts = (tensors[f"readout.{name}"] for name in _READOUT_TENSORS)
    return Readout(*parts, n_label=_whole(metadata, "n_label"), balanced=metadata.get("balanced", False) is True)


def _image_shape(value, n_inputs: int) -> tuple[int, int] | None:
    if value is None:
        return None
    height, width = value
    if type(height) is not int or type(width) is not int or height < 1 or height * width != n_inputs:
        raise ValueError(f"its image_shape is {value!r}")
    return height, width


def _whole(metadata, name: str) -> int:
    value = metadata[name]
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"its {name} is {value!r}")
    return value


def _value_range(value, n_inputs: int) -> ValueRange:
    if any(type(number) not in (int, float) for end in value for number in (end if isinstance(end, list) else [end])):
        raise ValueError("its value_range holds what is no number")
    return check_value_range(value, n_inputs)


def _framing(value) -> str:
    if value not in FRAMINGS:
        raise ValueError(f"its framing is {value!r:.100}")
    return value


def _class_names(value) -> dict[int, str]:
    if not all(isinstance(name, str) for name in _table(value).values()):
        raise ValueError("its class names are no text")
    return {int(label): name for label, name in value.items()}


def _event_layout(value, n_inputs: int) -> Layout | None:
    if value is None:
        return None
    layout = Layout.from_dict(dict(_table(value)))
    if layout.n_inputs != n_inputs:
        raise ValueError(f"its sensor of {layout.sensor_shape} does not have its {n_inputs:,} inputs")
    return layout


def _share(metadata, name: str) -> float:
    value = metadata[name]
    if type(value) not in (int, float) or not 0 < value <= 1:
        raise ValueError(f"its {name} is {value!r:.100}")
    return float(value)


def _text(metadata, name: str) -> str:
    value = metadata[name]
    if not isinstance(value, str):
        raise ValueError(f"its {name} is {value!r:.100}")
    return value


def _strict_json(text: str):
    """JSON as the standard has it: every number finite."""
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it holds the number {text:.40}")
    return number


def _header(content: bytes, name: str, *, whole: bool = True) -> dict:
    """The JSON header of a safetensors file, within the bytes that are there.

    Where only the first bytes of a file are there, it must be as far as its beginning tells.
    """
    size = int.from_bytes(content[:8], "little")
    if len(content) < 10 or size > len(content) - 8:
        raise ModelFileError(f"{name} is not a model file or was cut short; give a run folder or a whole model file.")
    if content[8:9] != b"{" or size > _MAX_HEADER:
        raise ModelFileError(f"{name} is not a model file; give a run folder or its model.safetensors.")
    if not whole:
        return {}
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
