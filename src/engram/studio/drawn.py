"""A picture from the page, read by a network: the answer, who gave it, every spike, and the leaders' membranes."""

from __future__ import annotations

import base64
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.errors import ConfigError
from engram.model import Model
from engram.networks import DiehlCook
from engram.neurons.base import firing_threshold
from engram.reading import DigitReading, read_digit, tutorial_reader
from engram.receptive_fields import fields_of
from engram.simulation import simulate
from engram.sources.records import POISSON
from engram.studio import maps
from engram.studio.desk import Desk
from engram.studio.sheets import in_bytes

LEADERS = 10
"""So many of the neurons that fired most are shown."""

MEMBRANES = 4
"""So many of them with their membrane."""


@dataclass(frozen=True, eq=False)
class Membranes:
    """Potentials of the neurons that lead.

    Attributes
    ----------
    neurons : ndarray of shape (n,)
    time : ndarray of shape (n_steps,)
        ms.
    v, threshold : ndarray of shape (n_steps, n)
    unit : {"mV", "v_th"}
        What both are in.
    """

    neurons: np.ndarray
    time: np.ndarray
    v: np.ndarray
    threshold: np.ndarray
    unit: str


def read_drawing(desk: Desk, content: bytes, of: str, network: str) -> dict:
    """Read a picture's file.

    Parameters
    ----------
    desk : Desk
    content : bytes
        A PNG, JPEG or other picture.
    of : str
        Which model: ``current``, a shipped one's name, or a path.
    network : {"own", "tutorial"} or str
        Which network reads: the one that learned, or the tutorial's, into which its weights are put.

    Raises
    ------
    DataError
        If it is no picture, or blank.
    ConfigError
        If the model cannot read pictures.
    """
    model = desk.model_of(of)
    if model.readout is None:
        raise ConfigError("These neurons have no labels yet: let the network learn from some images first.")
    with tempfile.TemporaryDirectory(prefix="engram-") as folder:
        path = Path(folder) / "drawing.png"
        path.write_bytes(content)
        reading = read_digit(model, path, network=network, kernel="reference" if network == "tutorial" else "compiled")
    membranes = membranes_of(model, reading)
    key = secrets.token_hex(8)
    desk.remember(key, (model, reading, membranes))
    return {"key": key, "of": of, **as_json(model, reading, membranes)}


def leaders_of(reading: DigitReading, most: int = LEADERS) -> list[int]:
    """The neurons that fired most, in the order in which they fired first."""
    order = np.argsort(-reading.counts, kind="stable")[:most]
    firsts = {}
    for neuron, step in reading.exc_spikes:
        firsts.setdefault(int(neuron), int(step))
    return sorted((int(n) for n in order if reading.counts[n] > 0), key=lambda n: firsts.get(n, np.inf))


def membranes_of(model: Model, reading: DigitReading) -> Membranes:
    """The potentials behind a reading: the same input spikes to the same network, once more and recorded; of none where
    a network has more layers than one."""
    if not isinstance(model.network, DiehlCook):
        none = np.zeros((0, 0))
        return Membranes(np.zeros(0, np.int64), np.zeros(0), none, none, "mV")
    order = np.argsort(-reading.counts, kind="stable")[:MEMBRANES]
    if reading.network == "tutorial":
        v, threshold = tutorial_reader(model, seed=model.seed).potentials(reading.picture.pixels)
        return Membranes(order, (1 + np.arange(len(v))) * reading.dt, v[:, order], threshold[:, order], "v_th")
    shown = simulate(
        model.network,
        model.rule,
        spikes=(reading.input_spikes[:, 0], reading.input_spikes[:, 1]),
        n_steps=len(reading.rate),
        weights=model.weights,
        theta=model.theta,
        learn=False,
        seed=model.seed,
        record=[int(n) for n in order],
        at_rest=True,
    )
    v = shown.recording["v"]
    network = model.network
    fixed = firing_threshold(network.excitatory, network.dt, network.integrator, network.dtype) or 0.0
    threshold = np.broadcast_to(fixed + model.theta[order], v.shape)  # they stand still
    return Membranes(order, shown.recorded_steps * model.network.dt, v, threshold, "mV")


def scores_of(model: Model, reading: DigitReading) -> np.ndarray:
    """Each class's share of the votes, in order of the readout's classes; of a regression its probability."""
    if reading.network == "tutorial" or model.scheme != "logistic":
        scores = model.fitted_readout.scores(reading.counts[np.newaxis], "proportion")[0]
    else:
        scores = model.fitted_readout.scores(reading.counts[np.newaxis], "logistic")[0]
        scores = np.exp(scores - scores.max())
    return scores / (scores.sum() or 1.0)


def as_json(model: Model, reading: DigitReading, membranes: Membranes) -> dict:
    """A reading as a page draws it."""
    shares, classes, fields = scores_of(model, reading), model.fitted_readout.classes, fields_of(model)
    firsts = {int(n): int(step) for n, step in reversed(reading.exc_spikes)}
    return {
        "network": reading.network,
        "source": POISSON if reading.network == "tutorial" else model.source_record["source"],
        "answer": None if reading.answer is None else model.class_name(reading.answer),
        "why_none": reading.why_none,
        "scores": [
            {"name": model.class_name(label), "share": share} for label, share in zip(classes, shares, strict=True)
        ],
        "pixels": base64.b64encode(reading.picture.pixels.tobytes()).decode(),
        "shape": list(reading.picture.image_shape),
        "steps": list(reading.picture.steps),
        "leaders": [_leader(model, reading, n, firsts[n], fields) for n in leaders_of(reading)],
        "layers": maps.layers_in(model, reading),
        "n_fired": int(np.count_nonzero(reading.counts)),
        "dt": reading.dt,
        "shown": reading.shown,
        "total": len(reading.rate) * reading.dt,
        "repeats": reading.repeats,
        "n_inputs": model.network.n_inputs,
        "n_neurons": model.network.n_neurons,
        "input_spikes": _packed(reading.input_spikes),
        "exc_spikes": _packed(reading.exc_spikes),
        "rows": _packed(np.argsort(np.argsort(reading.assigned, kind="stable"), kind="stable")),
        "groups": _groups(reading),
        "membranes": _membranes(membranes),
    }


def _groups(reading: DigitReading) -> list:
    """The rows of the neurons, sorted by label, that each label has: its name, first row and the row after its last."""
    assigned, counts = np.unique(reading.assigned, return_counts=True)
    ends = np.cumsum(counts)
    names = ["?" if k < 0 else reading.class_names[k] for k in assigned]
    return [[name, end - count, end] for name, end, count in zip(names, ends, counts, strict=True)]


def _leader(model: Model, reading: DigitReading, n: int, first: int, fields: np.ndarray) -> dict:
    weights = fields[:, n]
    signed = bool((fields < 0).any())
    field = in_bytes(weights, float(np.abs(weights).max()) or 1.0, signed=signed)
    readout = model.fitted_readout
    label = readout.assigned[n]
    return {
        "neuron": n,
        "label": None if label < 0 else model.class_name(readout.classes[label]),
        "spikes": int(reading.counts[n]),
        "first": first * reading.dt,
        "field": base64.b64encode(field.tobytes()).decode(),
        "signed": signed,
        "place": _place(model, n),
    }


def _place(model: Model, n: int) -> list[int] | None:
    """Map, row and column of a neuron where the neurons that are read lie in maps."""
    if isinstance(model.network, DiehlCook):
        return None
    shape = model.network.shape_of(model.network.readout)
    return [int(k) for k in np.unravel_index(n, shape)] if len(shape) == 3 else None


def _membranes(membranes: Membranes) -> dict:
    return {
        "neurons": membranes.neurons,
        "unit": membranes.unit,
        "time": membranes.time,
        "v": np.round(membranes.v.T.astype(np.float64), 3),
        "threshold": np.round(membranes.threshold.T.astype(np.float64), 3),
    }


def _packed(array) -> str:
    return base64.b64encode(np.ascontiguousarray(array, "<i4").tobytes()).decode()
