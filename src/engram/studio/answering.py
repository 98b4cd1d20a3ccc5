"""Test images and what the network that is open says to them: for neurons, and for the confusion matrix."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError
from engram.evaluation import check_fits, count_images
from engram.readout import UNASSIGNED
from engram.studio.desk import Desk
from engram.studio.moments import Moment
from engram.studio.sheets import in_bytes

IMAGES = 500
"""So many test images are shown to the network, from the first on."""

SHOWN = 24
"""So many pictures are sent of any group."""


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
    """

    moment: Moment
    images: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    answers: np.ndarray | None


def answers_of(desk: Desk) -> Answers:
    """What the network that is open says to the first test images; kept until it has changed."""
    moment = desk.moment(fresh=True)
    kept = desk.kept_answers
    if kept is not None and kept.moment.examples == moment.examples and kept.moment.model.config == moment.model.config:
        return kept
    dataset, model = desk.dataset(), moment.model
    check_fits(model, dataset)
    images, labels = dataset.test_images[:IMAGES], dataset.test_labels[:IMAGES]
    counts, _ = count_images(model.simulator(), images)
    answers = None if model.readout is None else model.readout.predict(counts, model.scheme)
    desk.kept_answers = Answers(moment, images, labels, counts, answers)
    return desk.kept_answers


def neuron(desk: Desk, j: int) -> dict:
    """Everything about one neuron: field, label profile, thresholds over time, the images that it answers to."""
    found = desk.moment(fresh=True)
    model = found.model
    if not 0 <= j < model.network.n_neurons:
        raise ConfigError(f"neuron must be 0 to {model.network.n_neurons - 1:,}, got {j}.")
    examples, thetas = desk.subject.thetas()
    weights = model.weights[:, j]
    return {
        "neuron": j,
        "label": _name(found, found.assigned[j]),
        "field": _picture(weights, float(np.abs(weights).max()) or 1.0, signed=bool((weights < 0).any())),
        "strongest": float(np.abs(weights).max()),
        "norm": float(np.abs(weights).sum()),
        "theta": float(model.theta[j]),
        "threshold": float(model.network.excitatory.v_thresh + model.theta[j]),
        "profile": [] if model.readout is None else model.readout.profile[:, j],
        "theta_examples": examples,
        "theta_history": thetas[:, j],
        "theta_mean": thetas.mean(axis=1),
    }


def images_of_neuron(desk: Desk, j: int) -> dict:
    """The test images that one neuron answers most."""
    found = answers_of(desk)
    if not 0 <= j < found.counts.shape[1]:
        raise ConfigError(f"neuron must be 0 to {found.counts.shape[1] - 1:,}, got {j}.")
    best = np.argsort(-found.counts[:, j].astype(np.int64), kind="stable")[:SHOWN]
    best = best[found.counts[best, j] > 0]
    return {"n_images": len(found.images), "images": [_image(found, k, spikes=found.counts[k, j]) for k in best]}


def pixel(desk: Desk, i: int) -> dict:
    """Whom a pixel feeds: its weight onto every neuron."""
    moment = desk.moment(fresh=True)
    n_inputs = moment.model.network.n_inputs
    if not 0 <= i < n_inputs:
        raise ConfigError(f"pixel must be 0 to {n_inputs - 1:,}, got {i}.")
    weights = moment.model.weights[i]
    order = np.argsort(-np.abs(weights), kind="stable")[:12]
    return {
        "pixel": i,
        "row": i // moment.shape[1],
        "column": i % moment.shape[1],
        "sum": float(weights.sum()),
        "neurons": [{"neuron": j, "weight": weights[j], "label": _name(moment, moment.assigned[j])} for j in order],
        "weights": weights,
    }


def confusion(desk: Desk) -> dict:
    """How many test images of each class were read as which."""
    found = answers_of(desk)
    if found.answers is None:
        raise ConfigError("The neurons have no labels yet; let the network learn from some images first.")
    classes = np.union1d(found.labels, found.moment.model.readout.classes)
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (np.searchsorted(classes, found.labels), np.searchsorted(classes, found.answers)), 1)
    return {
        "matrix": matrix,
        "classes": [found.moment.model.class_name(label) for label in classes],
        "labels": classes,
        "n_images": len(found.labels),
        "accuracy": float(np.mean(found.answers == found.labels)),
    }


def cell(desk: Desk, label: int, answer: int) -> dict:
    """The test images of one class that were read as another."""
    found = answers_of(desk)
    if found.answers is None:
        raise ConfigError("The neurons have no labels yet; let the network learn from some images first.")
    chosen = np.flatnonzero((found.labels == label) & (found.answers == answer))
    return {"n": len(chosen), "images": [_image(found, k) for k in chosen[:SHOWN]]}


def sample(desk: Desk, model, number: int) -> dict:
    """One test image of the data set that a model was trained on, or of the digits that come with engram."""
    dataset = desk.images_for(model)
    k = number % max(1, len(dataset.test_images))
    return {
        "number": k,
        "dataset": dataset.name,
        "label": model.class_name(dataset.test_labels[k]),
        "pixels": _picture(dataset.test_images[k]),
    }


def _image(found: Answers, k: int, **more) -> dict:
    name = found.moment.model.class_name
    answer = None if found.answers is None else name(found.answers[k])
    return {"number": k, "label": name(found.labels[k]), "answer": answer, "pixels": _picture(found.images[k]), **more}


def _name(moment: Moment, position) -> str | None:
    return None if position == UNASSIGNED or not moment.classes else moment.classes[position]


def _picture(values, limit: float = 255.0, *, signed: bool = False) -> str:
    return base64.b64encode(in_bytes(values, limit, signed=signed).tobytes()).decode()
