"""Feed damaged and hostile files to every reader: only engram's own errors may come out.

Half of the inputs are valid files with a few mutations; where a format carries a digest, most of these are signed
anew, or nothing behind the digest would ever be met. The rest are random bytes behind the right first ones. A reader
may refuse or accept; anything but an `EngramError`, more than 2 GiB of memory, or ten seconds is a failure.

    python benchmarks/fuzz.py                     100,000 inputs for each reader
    python benchmarks/fuzz.py --inputs 2000 idx   fewer, for one of them
    python benchmarks/fuzz.py --replay idx:0:17   an input again, as a failure names it: reader, seed, number
"""

from __future__ import annotations

import argparse
import copy
import gzip
import io
import json
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tomli_w

from engram import STDPClassifier, Training, TrainingConfig
from engram.datasets.idx import idx_bytes, parse_idx
from engram.datasets.npy import read_npy, read_npz
from engram.datasets.zip_json import load_zip, write_zip
from engram.errors import EngramError
from engram.exchange.bindsnet_file import read_bindsnet_file
from engram.exchange.diehl_cook_files import read_diehl_cook_files
from engram.model_file import decode, encode, model_bytes, model_content, model_from
from engram.networks import AdaptiveThreshold, Network, Population
from engram.neurons import ALIF, EXCITATORY
from engram.plasticity import SelfNormalizing, Triplet
from engram.projections import AllButOwn, Convolution, Dense, Sparse, Uniform
from engram.readout import SCHEMES
from engram.run_folder import RunFolder
from engram.training import TrainingSet

ODD_NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30)
ODD_VALUES = (
    *ODD_NUMBERS, None, True, False, 0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan"), "", "x", "inf", "a:b",
    "\0", "é" * 9, [], {}, [[]], {"a": {}}, [1, 2], ["x"], "9" * 400, [None] * 50,
)  # fmt: skip
MAX_SECONDS = 10.0
MAX_MEMORY = 2 << 30
MOST_WORK = 20_000
"""Neurons times steps for which an accepted model or configuration is run: what is larger is accepted, and not run."""


@dataclass(frozen=True)
class Reader:
    """A reader and where its inputs come from.

    Attributes
    ----------
    make : callable
        From a source of randomness to the bytes of one input.
    read : callable
        Reads bytes.
    """

    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], object]


@dataclass(frozen=True)
class Failure:
    """An input that a reader failed on: its number, its bytes, and what came out."""

    number: int
    content: bytes
    report: str


@dataclass
class Outcome:
    """What became of the inputs of one reader."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    failures: list[Failure] = None


def fuzz(reader: Reader, inputs: int, seed: int = 0, *, first: int = 0, seconds: float = float("inf")) -> Outcome:
    """Try a reader on a number of inputs, from the `first` on, or for some seconds."""
    outcome, begin = Outcome(failures=[]), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(first, first + inputs):
            if time.perf_counter() - begin >= seconds:
                break
            _try(reader, number, reader.make(random.Random(f"{seed} {number}")), outcome)
    return outcome


def _try(reader: Reader, number: int, content: bytes, outcome: Outcome) -> None:
    outcome.inputs += 1
    start = time.process_time()  # others who use the machine meanwhile are not the reader's fault
    try:
        reader.read(content)
        outcome.accepted += 1
    except EngramError:
        outcome.refused += 1
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome.failures.append(Failure(number, content, traceback.format_exc()))
    took = time.process_time() - start
    outcome.slowest = max(outcome.slowest, took)
    if took > MAX_SECONDS:
        outcome.failures.append(Failure(number, content, f"took {took:.1f} s"))


def readers(folder: Path) -> dict[str, Reader]:
    """Every reader by name; `folder` is for those that read from files."""
    return {
        "idx": _idx(),
        "idx.gz": _idx_gz(),
        "npy": _npy(folder),
        "npz": _npz(folder),
        "zip-json": _zip_json(folder),
        "torch": _torch(folder),
        "diehl-cook": _diehl_cook(folder),
        "toml": _toml(folder),
        "toml-run": _toml_run(folder),
        "model": _model(),
        "model-run": _model_run(),
        "layers-run": _model_run(_layers()),
        "checkpoint": _checkpoint(),
        "estimator": _estimator(folder),
        "summary": _summary(folder),
        "metrics": _metrics(folder),
    }


def mutated(content: bytes, dice: random.Random) -> bytes:
    """A file with one to eight damages."""
    content = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        if not content:
            break
        at = dice.randrange(min(len(content), dice.choice((16, 128, 1 << 30))))
        match dice.randrange(7):
            case 0:
                content[at] ^= 1 << dice.randrange(8)
            case 1:
                content[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            case 2:
                width = dice.choice((2, 4, 8))
                number = (dice.choice(ODD_NUMBERS) % (1 << (8 * width))).to_bytes(width, dice.choice(("big", "little")))
                content[at : at + width] = number
            case 3:
                del content[at:]
            case 4:
                del content[at : at + dice.randrange(1, 40)]
            case 5:
                content[at:at] = dice.randbytes(dice.randrange(1, 40))
            case 6:
                start = dice.randrange(len(content))
                content[at:at] = content[start : start + dice.randrange(1, 200)]
    return bytes(content)


def random_bytes(dice: random.Random, beginning: bytes) -> bytes:
    """Random bytes, mostly behind the right first ones."""
    return (beginning if dice.random() < 0.8 else b"") + dice.randbytes(dice.randrange(200))


def with_odd_values(value, dice: random.Random):
    """A copy of nested dicts and lists in which one to three things are not as they should be."""
    value = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            break
        parent, key = dice.choice(places)
        match dice.randrange(4):
            case 0 if isinstance(parent, dict):
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[dice.choice(("", "x", "n_neurons", "excitatory", str(key)))] = copy.deepcopy(
                    dice.choice(ODD_VALUES)
                )
            case _:
                parent[key] = copy.deepcopy(dice.choice(ODD_VALUES))
    return value


def with_odd_tensors(tensors: dict[str, np.ndarray], dice: random.Random) -> dict[str, np.ndarray]:
    """The same tensors, one of them of another shape, type or content, or gone."""
    tensors = dict(tensors)
    name = dice.choice(sorted(tensors))
    array = tensors[name]
    match dice.randrange(7):
        case 0:
            del tensors[name]
        case 1:
            tensors[name] = array[: dice.randrange(len(array) + 1)]
        case 2:
            tensors[name] = array.reshape(-1)
        case 3:
            tensors[name] = array.astype(dice.choice(("bool", "int8", "uint64", "int32", "float16", "float64")))
        case 4:
            tensors[name] = np.zeros((0,) * dice.randrange(4), array.dtype)
        case 5 if array.size:
            array = array.copy()
            whole = array.dtype.kind in "iub"
            odd = dice.choice((0, 1, -1, 2**31 - 1, -(2**31), 255) if whole else (np.nan, np.inf, -1e30))
            array.reshape(-1)[dice.randrange(array.size)] = np.array(odd).astype(array.dtype)
            tensors[name] = array
        case _:
            tensors[dice.choice(("x", "rule.x", "evidence.labels", "readout.classes", "weights"))] = array
    return tensors


def _places(value):
    """Every place in nested dicts and lists as (parent, key)."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield value, key
        yield from _places(child)


def _from_file(folder: Path, name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = folder / name

    def read_bytes(content: bytes):
        path.write_bytes(content)
        return read(path)

    return read_bytes


def _bytes_reader(valid: list[bytes], beginning: bytes, read: Callable[[bytes], object]) -> Reader:
    def make(dice: random.Random) -> bytes:
        return mutated(dice.choice(valid), dice) if dice.random() < 0.8 else random_bytes(dice, beginning)

    return Reader(make, read)


def _idx() -> Reader:
    arrays = (np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.arange(5, dtype=np.uint8), np.ones((2, 2)))
    valid = [idx_bytes(array) for array in arrays]
    return _bytes_reader(valid, valid[0][:4], lambda content: parse_idx(io.BytesIO(content), len(content), name="x"))


def _idx_gz() -> Reader:
    """Half of the damages are done before packing, half after."""
    plain = _idx()

    def make(dice: random.Random) -> bytes:
        content = gzip.compress(plain.make(dice), mtime=0)
        return content if dice.random() < 0.5 else mutated(content, dice)

    return Reader(make, plain.read)


def _npy(folder: Path) -> Reader:
    valid = []
    for array in (np.arange(12.0).reshape(3, 4), np.arange(5, dtype=np.uint8), np.asfortranarray(np.ones((2, 3)))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        valid.append(buffer.getvalue())
    return _bytes_reader(valid, b"\x93NUMPY\x01\x00", _from_file(folder, "fuzz.npy", read_npy))


def _npz(folder: Path) -> Reader:
    valid = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, images=np.arange(32, dtype=np.uint8).reshape(2, 16), labels=np.arange(2))
        valid.append(buffer.getvalue())
    return _bytes_reader(valid, b"PK\x03\x04", _from_file(folder, "fuzz.npz", read_npz))


def _zip_json(folder: Path) -> Reader:
    """Half are damaged archives, half sound archives of damaged JSON."""
    import zipfile

    path = folder / "valid.zip"
    write_zip(path, np.arange(64, dtype=np.uint8).reshape(16, 4), np.arange(16) % 2, images_per_file=8)
    valid = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: json.loads(archive.read(name)) for name in archive.namelist()}

    def make(dice: random.Random) -> bytes:
        if dice.random() < 0.5:
            return mutated(valid, dice) if dice.random() < 0.8 else random_bytes(dice, b"PK\x03\x04")
        buffer = io.BytesIO()
        damaged = dice.choice(sorted(members))
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                if name == damaged and dice.random() < 0.5:
                    text = mutated(json.dumps(content).encode(), dice)
                else:
                    text = json.dumps(with_odd_values(content, dice) if name == damaged else content).encode()
                archive.writestr(name, text)
        return buffer.getvalue()

    return Reader(make, _from_file(folder, "fuzz.zip", load_zip))


def _torch(folder: Path) -> Reader:
    """Half are damaged archives, half sound archives of a damaged pickle."""
    import zipfile

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def numbers(*values: int) -> bytes:
        return b"(" + b"".join(b"K" + bytes([value]) for value in values) + b"t"

    def tensor(key: str, n: int, size: bytes, stride: bytes) -> bytes:
        storage = text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"K" + bytes([n])
        end = b"\x89ccollections\nOrderedDict\n)RtR"
        return b"ctorch._utils\n_rebuild_tensor_v2\n((" + storage + b"tQK\x00" + size + stride + end

    weights = text("X_to_Ae.w") + tensor("0", 6, numbers(3, 2), numbers(2, 1))
    pickled = b"\x80\x02}(" + weights + text("Ae.theta") + tensor("1", 2, numbers(2), numbers(1)) + b"u."

    def packed(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/data/0", np.arange(6, dtype=np.float32).tobytes())
            archive.writestr("archive/data/1", np.arange(2, dtype=np.float32).tobytes())
        return buffer.getvalue()

    read = _from_file(folder, "fuzz.pt", read_bindsnet_file)
    read(packed(pickled))

    def make(dice: random.Random) -> bytes:
        if dice.random() < 0.5:
            return packed(mutated(pickled, dice) if dice.random() < 0.8 else random_bytes(dice, b"\x80\x02"))
        return mutated(packed(pickled), dice)

    return Reader(make, read)


def _diehl_cook(folder: Path) -> Reader:
    """Lists of synapses beside sound thresholds."""
    (folder / "weights").mkdir(exist_ok=True)
    np.save(folder / "weights/theta_A.npy", np.full(4, 0.02))
    valid = []
    for array in (np.array([[0, 1, 0.5], [2, 3, 0.25]]), np.ones((3, 4))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        valid.append(buffer.getvalue())

    def read(path: Path):
        return read_diehl_cook_files(path.parent)

    return _bytes_reader(valid, b"\x93NUMPY\x01\x00", _from_file(folder / "weights", "XeAe.npy", read))


def _toml(folder: Path, **changes) -> Reader:
    options = {
        "dataset": "digits", "rule": "triplet", "neurons": 30, "epochs": 2, "order": "file", "seed": 7, "dt": 0.5,
        "integrator": "euler", "dtype": "float64", "input_gain": 0.4, "label_examples": 10, "test_examples": 5,
        "constants": {"eta_pre": 1e-3, "w_max": 2.0}, "network": {"w_inh_exc": 12.0, "max_delay": 1.0},
        "protocol": {"shown": 100.0, "min_spikes": 3},
    }  # fmt: skip
    options |= changes
    valid = tomli_w.dumps(options).encode()

    def make(dice: random.Random) -> bytes:
        if dice.random() < 0.5:
            try:
                return tomli_w.dumps(with_odd_values(options, dice)).encode()
            except (TypeError, ValueError):  # None, which TOML does not have
                return b"neurons = "
        if dice.random() < 0.7:
            return mutated(valid, dice)
        words = (
            b"neurons", b"=", b"[", b"]", b"{", b"}", b"[[", b'"', b"'''", b"\n", b"1e9", b"0x", b"inf", b"1979-05-27",
            b".", b",", b"#", b"\\u", b"9" * 5000,
        )  # fmt: skip
        return b" ".join(dice.choice(words) for _ in range(dice.randrange(30)))

    def read(path: Path):
        config = TrainingConfig.from_toml(path)
        if ":" not in config.rule:
            config.make_rule()
        return config.to_toml()

    return Reader(make, _from_file(folder, "fuzz.toml", read))


def _small_training() -> Training:
    images = np.random.default_rng(0).integers(0, 255, (30, 9)).astype(np.uint8)
    data = TrainingSet(images, np.arange(30) % 2, (0, 1), (3, 3))
    config = TrainingConfig(
        neurons=4, preset="paper", epochs=1, protocol={"shown": 20.0, "blank": 5.0, "max_intensity": 2.0}
    )
    training = Training(config, data, kernel="reference")
    training.learn_block()
    return training


def _signed_reader(tensors: dict, metadata: dict, read: Callable[[bytes], object]) -> Reader:
    """Inputs of a format with a digest: damaged, or hostile and signed."""
    valid = encode(tensors, metadata)

    def make(dice: random.Random) -> bytes:
        choice = dice.random()
        if choice < 0.2:
            return mutated(valid, dice)
        if choice < 0.3:
            return random_bytes(dice, valid[:60])
        odd_tensors = with_odd_tensors(tensors, dice) if choice < 0.6 else tensors
        odd = metadata if 0.3 < choice < 0.5 else with_odd_values(metadata, dice)
        try:
            return encode(odd_tensors, odd)
        except ValueError:  # NaN, which the writer refuses
            return mutated(valid, dice)

    return Reader(make, read)


def _model() -> Reader:
    classifier = STDPClassifier(4, preset="paper", epochs=1, protocol={"max_intensity": 2.0})
    model = classifier.fit(np.arange(90).reshape(10, 9) % 17, np.arange(10) % 2).model_

    def read(content: bytes):
        model = model_from(*decode(content, "x"), "x")
        model.simulator()
        if model.readout is not None:
            for scheme in SCHEMES:
                model.readout.predict(np.ones((1, model.network.n_neurons)), scheme)

    return _signed_reader(*model_content(model), read)


def _layers() -> Network:
    """A network with every way in which synapses lie, and arrays that belong to its description."""
    neuron, threshold = replace(EXCITATORY, v_start=-65.0), AdaptiveThreshold(start=8.0)
    synapses, delays = (np.arange(8) % 2, np.arange(8) // 2), np.arange(8) % 3 * 0.5
    return Network(
        inputs={"image": (3, 3)},
        populations={"maps": Population((2, 2, 2), neuron, threshold), "read": Population(4, ALIF())},
        projections=[
            Convolution(before="image", after="maps", size=2, weights=Uniform(0.0, 4.0), rule=SelfNormalizing()),
            AllButOwn(before="maps", after="maps", channel="inh", weights=3.0, delay=Uniform(0.0, 2.0)),
            Dense(before="maps", after="read", weights=Uniform(0.0, 0.1), rule=Triplet()),
            Sparse(before="maps", after="read", synapses=synapses, weights=-0.1, delay=delays, name="s"),
        ],
    )


def _model_run(network=None) -> Reader:
    """Models that pass every check are run: an image is shown for as long as they say, if that is not for long."""
    protocol = {"max_intensity": 2.0, "shown": 8.0, "blank": 2.0}
    classifier = STDPClassifier(
        4, preset="paper", epochs=1, network=network, protocol=protocol, image_shape=network and (3, 3)
    )
    model = classifier.fit(np.arange(90).reshape(10, 9) % 17, np.arange(10) % 2).model_

    def read(content: bytes):
        model = model_from(*decode(content, "x"), "x")
        protocol, network = model.protocol, model.network
        attempts = protocol.max_intensity - protocol.start_intensity + 1
        n_neurons = sum(p.n for p in model.simulator("reference").described.populations.values())
        if protocol.shown / network.dt * attempts * n_neurons > MOST_WORK:
            return
        image = np.full((1, network.n_inputs), 200.0)
        counts, _ = model.simulator("reference").count_spikes(image, threads=1)
        assert counts.min() >= 0
        if model.readout is not None:
            for scheme in SCHEMES:
                assert model.readout.predict(counts, scheme)[0] in model.readout.classes
        again = model_bytes(model)
        assert model_bytes(model_from(*decode(again, "y"), "y")) == again

    return _signed_reader(*model_content(model), read)


def _toml_run(folder: Path) -> Reader:
    """Configurations that are accepted train, are saved, are read again, and give the same in any type of number."""
    short = {"shown": 5.0, "blank": 1.0, "max_intensity": 3.0, "min_spikes": 2, "start_intensity": 2}
    plain = _toml(folder, neurons=3, protocol=short)
    images = np.random.default_rng(0).integers(0, 255, (4, 9)).astype(np.uint8)
    data = TrainingSet(images, np.arange(4) % 2, (0, 1), (3, 3))

    def read(content: bytes):
        path = folder / "fuzz-run.toml"
        path.write_bytes(content)
        config = TrainingConfig.from_toml(path)
        path.write_text(config.to_toml())
        assert TrainingConfig.from_toml(path) == config
        other = TrainingConfig.from_dict(_other_types(config.to_dict()))
        assert (other.to_toml(), repr(other)) == (config.to_toml(), repr(config))
        network, protocol = config.make_network(9), config.make_protocol()
        attempts = protocol.max_intensity - protocol.start_intensity + 1
        if (protocol.shown + protocol.blank) / network.dt * attempts * config.neurons > MOST_WORK:
            return
        training = Training(config.replace(examples=2, epochs=None), data, kernel="reference")
        training.learn_block()
        saved = model_bytes(training.model())
        assert model_bytes(model_from(*decode(saved, "x"), "x")) == saved

    return Reader(plain.make, read)


def _other_types(value):
    """The same options with every number of another type."""
    if isinstance(value, dict):
        return {name: _other_types(part) for name, part in value.items()}
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if isinstance(value, int):
        return np.array(value) if value < 2**63 else value
    return int(value) if value == int(value) and abs(value) < 2**53 else np.float64(value)


def _summary(folder: Path) -> Reader:
    """Half damaged texts, half sound JSON of odd content; what is accepted is used as the command line uses it."""
    counts = {"mean": [[3, 0], [1, 2]], "proportion": [[3, 0], [1, 2]]}
    evaluation = {
        "accuracy": {"mean": 0.5, "proportion": 0.75}, "per_class": {"proportion": {"0": 1.0, "1": 0.5}},
        "confusion": counts, "classes": [0, 1], "n_label": 20, "n_test": 6, "silent_images": 1,
        "unassigned_neurons": 0, "seconds": 0.5,
    }  # fmt: skip
    spread = {"mean": 1.5, "sd": None}
    finding = {"kind": "silence", "first": 25, "last": 50, "what": "silence", "advice": "listen"}
    summary = {
        "version": "0.1.0", "seconds": 1.5, "examples": 75, "presentations": 80, "examples_per_second": 50.0,
        "ms_per_example": 20.0, "processor_seconds": 1.25, "l1_norm": spread, "theta": spread, "silent_images": 1,
        "stopped": None, "health": [finding], "euler_overshot": False, "input_gain": 0.5, "dataset": "digits",
        "finished": True,
        "evaluation": evaluation, "accuracy": evaluation["accuracy"],
    }  # fmt: skip

    def read(path: Path):
        run = RunFolder(path.parent)
        found, evaluation = run.read_summary(), run.read_evaluation()
        if evaluation is not None:
            json.dumps(evaluation.to_dict(), allow_nan=False)
        " ".join(f"{100 * value:.2f} {scheme}" for scheme, value in found.get("accuracy", {}).items())
        f"{found.get('examples', 0):,} {found.get('seconds', 0):.1f}"

    return _json_reader(summary, _from_file(folder, "summary.json", read), lambda value: json.dumps(value).encode())


def _metrics(folder: Path) -> Reader:
    """As the summary, with one object a line."""
    spread = {"mean": 1.5, "sd": 0.5}
    points = [
        {"examples": k, "presentations": k, "accuracy": 0.5, "l1_norm": spread, "theta": spread,
         "spikes_per_image": 3.5, "silent_images": 0}
        for k in (25, 50, 75)
    ]  # fmt: skip

    def read(path: Path):
        for record in RunFolder(path.parent).read_metrics():
            f"{record['examples']:,} {record['l1_norm']['mean']:.1f} {record['theta']['sd']:.1f}"

    def as_lines(value) -> bytes:
        return "\n".join(map(json.dumps, value)).encode()

    return _json_reader(points, _from_file(folder, "metrics.jsonl", read), as_lines)


def _json_reader(valid, read: Callable[[bytes], object], write: Callable[[object], bytes]) -> Reader:
    def make(dice: random.Random) -> bytes:
        choice = dice.random()
        if choice < 0.3:
            return mutated(write(valid), dice)
        if choice < 0.4:
            return random_bytes(dice, write(valid)[:20])
        return write(with_odd_values(valid, dice))

    return Reader(make, read)


def _checkpoint() -> Reader:
    training = _small_training()

    def read(content: bytes):
        training.restore(*decode(content, "x"))
        training.model()

    return _signed_reader(*training.snapshot(), read)


def _estimator(folder: Path) -> Reader:
    classifier = STDPClassifier(4, preset="paper", epochs=1, protocol={"max_intensity": 2.0})
    classifier.fit(np.arange(90).reshape(10, 9) % 17, np.array(["a", "b"] * 5)).save(folder / "valid.safetensors")
    content = decode((folder / "valid.safetensors").read_bytes(), "x")
    return _signed_reader(*content, _from_file(folder, "fuzz.safetensors", STDPClassifier.load))


def main() -> int:
    """Fuzz and print a table; 1 if anything but an EngramError came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="which; all by default")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each reader, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", metavar="READER:SEED:NUMBER", help="one input again")
    options = parser.parse_args()
    if options.replay:
        name, seed, number = options.replay.split(":")
        options.readers, options.seed, options.first, options.inputs = [name], int(seed), int(number), 1
    status = 0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        known = readers(Path(folder))
        _limit_memory()
        print(f"{'reader':<12} {'inputs':>8} {'refused':>8} {'accepted':>8} {'failures':>8} {'slowest':>9} {'time':>7}")
        for name in options.readers or known:
            begin = time.perf_counter()
            amount = {"first": options.first, "seconds": options.seconds}
            outcome = fuzz(known[name], options.inputs, options.seed, **amount)
            took = time.perf_counter() - begin
            print(
                f"{name:<12} {outcome.inputs:>8,} {outcome.refused:>8,} {outcome.accepted:>8,}"
                f" {len(outcome.failures):>8,} {1000 * outcome.slowest:>6.0f} ms {took:>5.0f} s",
                flush=True,
            )
            for failure in outcome.failures:
                status = 1
                again = f"--replay {name}:{options.seed}:{failure.number}"
                print(f"\n{again}\n{failure.content[:300]!r}\n{failure.report}", file=sys.stderr)
    return status


def _limit_memory() -> None:
    """No more address space than is in use now and MAX_MEMORY."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main())
