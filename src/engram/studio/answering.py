"""Test images and what the network that is open says to them: for neurons, and for the confusion matrix."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError
from engram.evaluation import check_fits, count_images
from engram.readout import UNASSIGNED
from engram.samples import samples_of
from engram.studio.desk import Desk
from engram.studio.moments import Moment
from engram.studio.sheets import in_bytes

IMAGES = 500
"""So many test images are shown to the network, from the first on."""

SHOWN = 24
"""So many pictures are sent of any group."""

NO_ANSWER = "none"
"""In place of a class: no neuron that has one fired, see :meth:`engram.Readout.answered`."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network said to test images.

    Attributes
    ----------
    images : ndarray of shape (n_images, n_inputs)
    labels : ndarray of shape (n_images,)
    counts : ndarray of shape (n_images, n_neurons)
    answers : ndarray of shape (n_images,), int64, or None
        None where the neurons have no labels.
    answered : ndarray of shape (n_images,), bool
        Whether there is an answer; without, what `answers` says is none.
    """

    moment: Moment
    images: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    answers: np.ndarray | None
    answered: np.ndarray

    @property
    def names(self) -> list[str | None]:
        """What each image was read as."""
        if self.answers is None:
            return [None] * len(self.labels)
        name = self.moment.model.class_name
        pairs = zip(self.answers, self.answered, strict=True)
        return [name(answer) if answered else NO_ANSWER for answer, answered in pairs]


def answers_of(desk: Desk) -> Answers:
    """What the network that is open says to the first test images; kept until it has changed."""
    moment = desk.moment(fresh=True)
    kept = desk.kept_answers
    if kept is not None and kept.moment.examples == moment.examples and kept.moment.model.config == moment.model.config:
        return kept
    dataset, model = desk.dataset(), moment.model
    check_fits(model, dataset)
    simulator = model.simulator()
    counts, _ = count_images(simulator, samples_of(dataset, simulator.source, "test")[:IMAGES])
    images, labels, read = dataset.test_images[: len(counts)], dataset.test_labels[: len(counts)], model.readout
    answers = None if read is None else read.predict(counts, model.scheme)
    answered = np.zeros(len(counts), bool) if read is None else read.answered(counts)
    found = desk.kept_answers = Answers(moment, images, labels, counts, answers, answered)
    return found


def neuron(desk: Desk, j: int, layer: str = "") -> dict:
    """Everything about one neuron: field, label profile, thresholds over time."""
    found = desk.moment(fresh=True)
    model, shown = found.model, found.layer(layer)
    _check_place("neuron", j, shown.fields.shape[1])
    weights = shown.fields[:, j]
    examples, thetas = desk.thetas()
    has_history = thetas.shape[1] == len(shown.theta) and layer in ("", found.layers[-1])
    return {
        "neuron": j,
        "layer": shown.name,
        "kind": shown.kind,
        "is_read": shown.is_read,
        "label": _name(found, shown.assigned[j]),
        "shape": shown.shape,
        "field": _picture(weights, float(np.abs(weights).max()) or 1.0, signed=bool((weights < 0).any())),
        "signed": bool((weights < 0).any()),
        "strongest": float(np.abs(weights).max()),
        "norm": float(np.abs(weights).sum()),
        "theta": float(shown.theta[j]),
        "threshold": found.threshold_of(shown, j),
        "profile": [] if model.readout is None or not shown.is_read else model.readout.profile[:, j],
        "theta_examples": examples if has_history else [],
        "theta_history": thetas[:, j] if has_history else [],
        "theta_mean": thetas.mean(axis=1) if has_history else [],
    }


def images_of_neuron(desk: Desk, j: int) -> dict:
    """The test images that one neuron answers most, of the layer that is read."""
    found = answers_of(desk)
    _check_place("neuron", j, found.counts.shape[1])
    best = np.argsort(-found.counts[:, j].astype(np.int64), kind="stable")[:SHOWN]
    best = best[found.counts[best, j] > 0]
    return {"n_images": len(found.images), "images": [_image(found, k, spikes=found.counts[k, j]) for k in best]}


def pixel(desk: Desk, i: int, layer: str = "") -> dict:
    """Whom a pixel feeds: its weight onto every neuron, or in every filter."""
    moment = desk.moment(fresh=True)
    shown = moment.layer(layer)
    _check_place("pixel", i, len(shown.fields))
    weights = shown.fields[i]
    order = np.argsort(-np.abs(weights), kind="stable")[:12]
    return {
        "pixel": i,
        "shape": shown.shape,
        "row": i // shown.shape[1],
        "column": i % shown.shape[1],
        "sum": float(weights.sum()),
        "neurons": [{"neuron": j, "weight": weights[j], "label": _name(moment, shown.assigned[j])} for j in order],
        "weights": weights,
    }


def confusion(desk: Desk) -> dict:
    """How many test images of each class were read as which; a last column counts those without an answer."""
    found, answers = _read(desk)
    classes = np.union1d(found.labels, found.moment.model.fitted_readout.classes)
    matrix = np.zeros((len(classes), len(classes) + 1), np.int64)
    columns = np.where(found.answered, np.searchsorted(classes, answers), len(classes))
    np.add.at(matrix, (np.searchsorted(classes, found.labels), columns), 1)
    return {
        "matrix": matrix,
        "classes": [found.moment.model.class_name(label) for label in classes],
        "labels": classes,
        "n_images": len(found.labels),
        "accuracy": float(np.mean((answers == found.labels) & found.answered)),
        "scheme": found.moment.model.scheme,
    }


def cell(desk: Desk, label: str, answer: str) -> dict:
    """The test images of one class that were read as another, or as none."""
    found, answers = _read(desk)
    read_so = ~found.answered if answer == NO_ANSWER else found.answered & (answers == _number(answer))
    chosen = np.flatnonzero((found.labels == _number(label)) & read_so)
    return {"n": len(chosen), "images": [_image(found, k) for k in chosen[:SHOWN]]}


def sample(desk: Desk, model, number: int) -> dict:
    """One test image of the data set that a model was trained on, or of the digits that come with engram."""
    dataset = desk.images_for(model)
    k = number % max(1, len(dataset.test_images))
    return {
        "number": k,
        "dataset": dataset.name,
        "label": model.class_name(dataset.test_labels[k]),
        "shape": dataset.image_shape or (1, dataset.n_inputs),
        "pixels": _picture(dataset.test_images[k]),
    }


def _read(desk: Desk) -> tuple[Answers, np.ndarray]:
    """What the network says to test images, and the class that it says of each."""
    found = answers_of(desk)
    if found.answers is None:
        raise ConfigError("The neurons have no labels yet; let the network learn from some images first.")
    return found, found.answers


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise ConfigError(f"A class is named by its number, and no answer by {NO_ANSWER}; got {text[:100]!r}.")
    return int(text)


def _check_place(what: str, place: int, n: int) -> None:
    if not 0 <= place < n:
        raise ConfigError(f"{what} must be 0 to {n - 1:,}, got {place}.")


def _image(found: Answers, k: int, **more) -> dict:
    label = found.moment.model.class_name(found.labels[k])
    return {"number": k, "label": label, "answer": found.names[k], "pixels": _picture(found.images[k]), **more}


def _name(moment: Moment, position) -> str | None:
    return None if position == UNASSIGNED or not moment.classes else moment.classes[position]


def _picture(values, limit: float = 255.0, *, signed: bool = False) -> str:
    return base64.b64encode(in_bytes(np.asarray(values), limit, signed=signed).tobytes()).decode()
