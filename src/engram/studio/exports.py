"""Every picture of the studio as PNG and SVG, drawn by :mod:`engram.figures`, and every number as CSV."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from engram import figures
from engram.errors import ConfigError
from engram.networks import DiehlCook
from engram.plasticity.normalization import target_norm
from engram.reading import layers_figure, reading_figure
from engram.readout import RunningAccuracy
from engram.run_figures import draw_presentation
from engram.studio import answering, drawn, ruling
from engram.studio.desk import Desk

FORMATS = {"png": "image/png", "svg": "image/svg+xml"}


def picture(desk: Desk, name: str, form: str, asked: dict) -> bytes:
    """A picture's file.

    Parameters
    ----------
    desk : Desk
    name : str
        One of :data:`PICTURES`.
    form : {"png", "svg"}
    asked : dict of str to str
        What it is of, such as ``key`` of a drawing, ``rule`` of a window.

    Raises
    ------
    ConfigError
        If there is no such picture, or nothing to draw.
    """
    if name not in PICTURES or form not in FORMATS:
        raise ConfigError(f"There is no picture {name}.{form}; there are {', '.join(PICTURES)} as png and svg.")
    with tempfile.TemporaryDirectory(prefix="engram-") as folder:
        return figures.save(PICTURES[name](desk, asked), Path(folder) / name, (form,))[0].read_bytes()


def table(desk: Desk, name: str, asked: dict) -> str:
    """A table as CSV, with a line of names.

    Raises
    ------
    ConfigError
        If there is no such table, or nothing to tell.
    """
    if name not in TABLES:
        raise ConfigError(f"There is no table {name}; there are {', '.join(TABLES)}.")
    header, rows = TABLES[name](desk, asked)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


# pictures


def _fields(desk: Desk, asked: dict):
    moment = desk.moment(fresh=True)
    layer = moment.layer(asked.get("layer", ""))
    if not layer.is_read or not moment.is_labelled:
        return figures.receptive_fields(layer.fields, layer.shape)
    order = "label" if asked.get("order") == "label" else "index"
    return figures.receptive_fields(layer.fields, layer.shape, layer.assigned, classes=moment.classes, order=order)


def _curve(desk: Desk, asked: dict):
    metrics = desk.metrics()
    evaluation = getattr(desk.subject, "evaluation", None)
    return figures.learning_curve(
        [record["examples"] for record in metrics],
        [np.nan if record["accuracy"] is None else record["accuracy"] for record in metrics],
        test_accuracy=None if evaluation is None else evaluation.accuracy,
        window=RunningAccuracy.WINDOW,
    )


def _weights_and_theta(desk: Desk, asked: dict):
    metrics = desk.metrics()
    parts = [[record[name][key] for record in metrics] for name in ("l1_norm", "theta") for key in ("mean", "sd")]
    network = desk.moment().model.network
    target = target_norm("l1", network.n_inputs) if isinstance(network, DiehlCook) else None
    return figures.weights_and_theta([record["examples"] for record in metrics], *parts, target=target)


def _confusion(desk: Desk, asked: dict):
    found = answering.confusion(desk)
    return figures.confusion(found["matrix"], found["classes"], found["accuracy"], scheme=found["scheme"])


def _raster(desk: Desk, asked: dict):
    found = answering.answers_of(desk)
    k = _whole(asked, "image") % len(found.images)
    return draw_presentation(found.moment.model, desk.dataset(), k)["raster"]


def _reading(desk: Desk, asked: dict):
    model, reading, _ = _drawing(desk, asked)
    return reading_figure(model, reading)


def _layers(desk: Desk, asked: dict):
    model, reading, _ = _drawing(desk, asked)
    if not reading.spike_maps:
        raise ConfigError("This network has no layers of maps; a network 'conv' has.")
    return layers_figure(model, reading)


def _window(desk: Desk, asked: dict):
    rule = _rule(asked)
    found, norm = ruling.window(rule), ruling.convergence(rule)
    return figures.stdp_window(
        found["delays"],
        found["weights"],
        found["changes"],
        title=rule.name,
        sums=None if norm is None else norm["sums"].T,
        target=None if norm is None else norm["target"],
        norm=getattr(rule, "norm", "l1"),
    )


PICTURES: dict[str, Callable] = {
    "fields": _fields,
    "curve": _curve,
    "weights-and-theta": _weights_and_theta,
    "confusion": _confusion,
    "raster": _raster,
    "layers": _layers,
    "reading": _reading,
    "window": _window,
}
"""By name, what draws it."""


# tables


def _curve_table(desk: Desk, asked: dict):
    names = ("examples", "presentations", "accuracy", "spikes_per_image", "silent_images")
    pairs = [(name, key) for name in ("l1_norm", "theta") for key in ("mean", "sd")]
    header = (*names, *(f"{name}_{key}" for name, key in pairs))
    return header, ([r[name] for name in names] + [r[name][key] for name, key in pairs] for r in desk.metrics())


def _field_table(desk: Desk, asked: dict):
    weights = desk.moment(fresh=True).layer(asked.get("layer", "")).fields
    return ["neuron", *(f"pixel_{i}" for i in range(len(weights)))], (
        [j, *column] for j, column in enumerate(weights.T)
    )


def _neuron_table(desk: Desk, asked: dict):
    moment = desk.moment(fresh=True)
    layer = moment.layer(asked.get("layer", ""))
    is_told = layer.is_read and moment.is_labelled
    profile = moment.model.fitted_readout.profile if is_told else np.zeros((0, len(layer.theta)))
    header = ["neuron", "label", "l1_norm", "theta_mV", *(f"mean_spikes_{name}" for name in moment.classes if is_told)]
    labels = ["" if k < 0 else moment.classes[k] for k in layer.assigned]
    norms = np.abs(layer.fields).sum(axis=0)
    return header, ([j, labels[j], norms[j], layer.theta[j], *profile[:, j]] for j in range(len(labels)))


def _theta_table(desk: Desk, asked: dict):
    examples, thetas = desk.thetas()
    header = ["examples", *(f"theta_mV_{j}" for j in range(thetas.shape[1]))]
    return header, ([n, *theta] for n, theta in zip(examples, thetas, strict=True))


def _pixel_table(desk: Desk, asked: dict):
    found = answering.pixel(desk, _whole(asked, "pixel"), asked.get("layer", ""))
    return ["neuron", "weight"], enumerate(found["weights"])


def _confusion_table(desk: Desk, asked: dict):
    found = answering.confusion(desk)
    rows = ([name, *row] for name, row in zip(found["classes"], found["matrix"], strict=True))
    return ["class", *(f"read_as_{name}" for name in found["classes"]), "no_answer"], rows


def _answer_table(desk: Desk, asked: dict):
    found = answering.answers_of(desk)
    answers = [""] * len(found.labels)
    if found.answers is not None:
        answers = [a if answered else "" for a, answered in zip(found.answers, found.answered, strict=True)]
    header = ["image", "label", "answer", *(f"spikes_{j}" for j in range(found.counts.shape[1]))]
    return header, ([k, found.labels[k], answers[k], *found.counts[k]] for k in range(len(found.labels)))


def _score_table(desk: Desk, asked: dict):
    model, reading, _ = _drawing(desk, asked)
    names = [model.class_name(label) for label in model.readout.classes]
    return ["class", "share_of_votes"], zip(names, drawn.scores_of(model, reading), strict=True)


def _spike_table(desk: Desk, asked: dict):
    _, reading, _ = _drawing(desk, asked)
    spikes = [("input", *spike) for spike in reading.input_spikes] + [
        ("neuron", *spike) for spike in reading.exc_spikes
    ]
    return ["population", "number", "time_ms"], ([kind, n, step * reading.dt] for kind, n, step in spikes)


def _membrane_table(desk: Desk, asked: dict):
    _, _, found = _drawing(desk, asked)
    header = ["time_ms", *(f"{name}_{found.unit}_{n}" for name in ("v", "threshold") for n in found.neurons)]
    return header, ([t, *v, *threshold] for t, v, threshold in zip(found.time, found.v, found.threshold, strict=True))


def _window_table(desk: Desk, asked: dict):
    found = ruling.window(_rule(asked))
    rows = zip(found["delays"], *found["changes"], strict=True)
    return ["delay_ms", *(f"change_at_w_{w:g}" for w in found["weights"])], rows


def _norm_table(desk: Desk, asked: dict):
    found = ruling.convergence(_rule(asked))
    if found is None:
        raise ConfigError("Only self_normalizing has a norm of its own.")
    return ["spike", *(f"sum_from_{name.replace(' ', '_')}" for name in found["starts"])], (
        [k, *sums] for k, sums in enumerate(found["sums"].T)
    )


TABLES: dict[str, Callable[[Desk, dict], tuple[Iterable, Iterable]]] = {
    "answers": _answer_table,
    "confusion": _confusion_table,
    "curve": _curve_table,
    "fields": _field_table,
    "membranes": _membrane_table,
    "neurons": _neuron_table,
    "norm": _norm_table,
    "pixel": _pixel_table,
    "scores": _score_table,
    "spikes": _spike_table,
    "theta": _theta_table,
    "window": _window_table,
}
"""By name, what makes its header and rows."""


def _whole(asked: dict, name: str) -> int:
    text = str(asked.get(name, 0))
    if not text.isdecimal():
        raise ConfigError(f"{name} must be a whole number, got {text[:100]!r}.")
    return int(text)


def _drawing(desk: Desk, asked: dict) -> tuple:
    drawing = desk.drawings.get(asked.get("key", ""))
    if drawing is None:
        raise ConfigError("That drawing is not kept any more; let it be read again.")
    return drawing


def _rule(asked: dict):
    constants = {name[2:]: value for name, value in asked.items() if name.startswith("c.")}
    return ruling.chosen_rule(asked.get("rule", ""), constants)
