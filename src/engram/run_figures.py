"""The figures of a run folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from engram import figures
from engram.datasets.base import Dataset
from engram.errors import ConfigError, DataError, HeldError
from engram.evaluation import Evaluation, OnProgress
from engram.files import exists, make_folder
from engram.model import Model
from engram.model_file import Parts, load_model
from engram.model_input import load_for
from engram.networks import DiehlCook
from engram.neurons import ConductanceLIF
from engram.plasticity import SelfNormalizing
from engram.plasticity.normalization import target_norm
from engram.readout import RunningAccuracy
from engram.receptive_fields import fields_of, filters_of
from engram.run_folder import RunFolder
from engram.samples import samples_of
from engram.simulation import simulate
from engram.simulator import PresentedImage
from engram.wording import plural

Plans = dict[str, Callable]
"""Figures by name, each to be drawn when it is its turn."""


def draw_again(
    folder: RunFolder,
    on_progress: OnProgress | None = None,
    *,
    source: str | None = None,
    parts: Parts | None = None,
) -> list[Path]:
    """Draw a run's figures from what it left, be it finished or not; return the files.

    Parameters
    ----------
    folder : RunFolder
    source : str, optional
        ``file.py:Class``, for a run whose source of spikes is the user's own.
    parts : str, or iterable of type or str, optional
        ``file.py:function``, for a run whose network has parts of the user's own; see :func:`engram.load_model`.

    Raises
    ------
    ModelFileError, RunFolderError
        If there is no network yet, a record is damaged, or a figure cannot be written.
    """
    if exists(folder.model_file):
        model, metrics = load_model(folder.path, source=source, parts=parts), folder.read_metrics()
    else:
        model, metrics, *_ = folder.read_unfinished(source=source, parts=parts)
    evaluation = folder.read_evaluation()
    try:
        dataset = load_for(model)
    except DataError:
        dataset = None  # it is not here, and only the raster needs it
    try:
        folder.acquire()
    except HeldError:  # the run goes on
        return draw_run(folder, model, dataset, metrics, evaluation, on_progress)
    try:
        folder.sweep()
        return draw_run(folder, model, dataset, metrics, evaluation, on_progress)
    finally:
        folder.release()


def draw_run(
    folder: RunFolder,
    model: Model,
    dataset: Dataset | None,
    metrics: list[dict],
    evaluation: Evaluation | None = None,
    on_progress: OnProgress | None = None,
) -> list[Path]:
    """Draw everything that a run has to show, as PNG and SVG; return the files.

    Parameters
    ----------
    folder : RunFolder
    model : Model
    dataset : Dataset or None
        For the raster of one test image; left out without it.
    metrics : list of dict
        The learning curve.
    evaluation : Evaluation, optional
        For the confusion matrix and the marks of the learning curve.
    on_progress : callable, optional
    """
    make_folder(folder.figures)
    plans = {
        "network": partial(figures.network_diagram, model.simulator().described),
        **_pictures_of(model, dataset),
        **_curves_of(model, metrics, evaluation),
        **_answers_of(model, dataset, evaluation),
    }
    paths = []
    for done, (name, draw) in enumerate(plans.items()):
        if on_progress is not None:
            on_progress("drawing", done, len(plans))
        paths += figures.save(draw(), folder.figures / name)
    if on_progress is not None:
        on_progress("drawing", len(plans), len(plans))
    return paths


def _pictures_of(model: Model, dataset: Dataset | None) -> Plans:
    """What a network learned from, where that is not plain to see, and what its neurons want to see."""
    plans = {}
    if model.image_shape is None:
        return plans
    if dataset is not None and dataset.train_recordings is not None:
        names = [model.class_name(label) for label in dataset.train_labels]
        plans["contact_sheet"] = partial(
            figures.contact_sheet, dataset.train_images, model.image_shape, names, dataset.title
        )
    return plans | field_plans(model)


def _curves_of(model: Model, metrics: list[dict], evaluation: Evaluation | None) -> Plans:
    """How a network learned."""
    if not metrics:
        return {}
    examples = [record["examples"] for record in metrics]
    curve = partial(
        figures.learning_curve,
        examples,
        [record["accuracy"] for record in metrics],
        test_accuracy=None if evaluation is None else evaluation.accuracy,
        window=RunningAccuracy.WINDOW,
        turns=turns_of(metrics),
    )
    return {"learning_curve": curve, **_weights_and_theta(model, metrics, examples)}


def _answers_of(model: Model, dataset: Dataset | None, evaluation: Evaluation | None) -> Plans:
    """How a network answers."""
    plans = {}
    if dataset is not None and len(dataset.test_images):
        drawn = cache(partial(draw_presentation, model, dataset))
        names = ["raster"] if model.image_shape is None else ["raster", "input"]
        plans |= {name: partial(_one_of, drawn, name) for name in names}
    if evaluation is not None:
        classes = [model.class_name(label) for label in evaluation.classes]
        plans["confusion"] = partial(
            figures.confusion,
            evaluation.confusion[model.scheme],
            classes,
            evaluation.accuracy[model.scheme],
            scheme=model.scheme,
        )
    return plans


def field_plans(model: Model) -> Plans:
    """What each layer's neurons want to see; of a convolution its filters."""
    layers = list(dict.fromkeys(layer.population for layer in model.layers))
    plans = {}
    for layer in layers:
        name = f"receptive_fields{_suffix(layer, layers)}"
        if (filters := filters_of(model, layer)) is not None:
            side = round(len(filters) ** 0.5)
            title = f"{plural(filters.shape[1], 'filter')} of {layer}, {side} × {side} pixels"
            plans[f"filters{_suffix(layer, layers)}"] = partial(
                figures.receptive_fields, filters, (side, side), title=title
            )
            continue
        try:
            fields = fields_of(model, layer)
        except ConfigError:
            continue  # nothing leads to it from the image, or far too much
        labelled = model.readout is not None and len(model.readout.assigned) == fields.shape[1] and layer == layers[-1]
        plans[name] = partial(
            figures.receptive_fields,
            fields,
            model.image_shape,
            model.readout.assigned if labelled else None,
            classes=[model.class_name(label) for label in model.readout.classes] if labelled else None,
            title=_title_of(model, layer, fields.shape[1]) if len(layers) > 1 else None,
        )
    return plans


def _title_of(model: Model, layer: str, n_neurons: int) -> str:
    """Whose fields they are, and whether they are seen through other layers."""
    network = model.network
    sees = isinstance(network, DiehlCook) or any(
        p.before in network.inputs for p in network.projections if p.after == layer
    )
    through = "" if sees else ", through the layers below"
    return f"Receptive fields of {plural(n_neurons, 'neuron')} of {layer}{through}"


def turns_of(metrics: list[dict]) -> dict[str, int]:
    """After how many images each layer began to learn, where they learn in turn."""
    begun: dict[str, int] = {}
    for before, record in zip([{"examples": 0}, *metrics], metrics, strict=False):
        if "layer" in record:
            begun.setdefault(record["layer"], before["examples"])
    return begun


def _weights_and_theta(model: Model, metrics: list[dict], examples: list[int]) -> Plans:
    """Norms and thresholds over training, of each layer that learned."""
    layers = list(metrics[0].get("layers", [""]))
    plans = {}
    for layer in layers:
        points = [record["layers"][layer] if layer else record for record in metrics]
        shown = ("l1_norm", "theta") if model.has_threshold(layer) else ("l1_norm",)
        plans[f"weights_and_theta{_suffix(layer, layers)}"] = partial(
            figures.weights_and_theta,
            examples,
            *([p[what][part] for p in points] for what in shown for part in ("mean", "sd")),
            target=_kept_sum(model),
            turns=turns_of(metrics),
            layer=layer,
        )
    return plans


def _kept_sum(model: Model) -> float | None:
    """The sum of weights that the rule keeps; None where it keeps another norm, or none."""
    rule, n_inputs = model.rule, model.network.n_inputs
    if not isinstance(model.network, DiehlCook):
        return None
    if model.rule_record["constants"].get("normalization") == "l1":  # of a rule of one's own there may be no more
        return target_norm("l1", n_inputs)
    return rule.target(n_inputs) if isinstance(rule, SelfNormalizing) and rule.norm == "l1" else None


def _suffix(layer: str, layers: list[str]) -> str:
    """What tells the figures of several layers apart."""
    return f"-{layer}" if len(layers) > 1 else ""


def _one_of(drawn: Callable[[], dict], name: str):
    """One of several figures that are drawn together."""
    return drawn()[name]


def draw_presentation(model: Model, dataset: Dataset, number: int = 0) -> dict:
    """One presentation of a test image with learning off, as figures: all of its spikes, and where those of the input
    come while it lasts."""
    simulator = model.simulator()
    shown = simulator.presentation_of(samples_of(dataset, simulator.source, "test")[number])
    what = f"test image of class {model.class_name(dataset.test_labels[number])}"
    title = None
    if model.readout is not None:
        counts = shown.counts[np.newaxis]
        answer = model.class_name(model.readout.predict(counts, model.scheme)[0])
        title = f"{what}, {f'read as {answer}' if model.readout.answered(counts)[0] else 'without an answer'}"
    drawn = {"raster": _raster(model, shown, dataset.test_images[number], title)}
    if model.image_shape is not None:
        drawn["input"] = figures.input_slices(
            shown.input_spikes,
            model.image_shape,
            dt=model.network.dt,
            shown_ms=model.protocol.shown,
            title=f"{what} as the network is shown it, source {model.source_record['source']}",
        )
    return drawn


def _raster(model: Model, shown, image, title: str | None):
    how: dict[str, Any] = {
        "dt": model.network.dt,
        "shown_ms": model.protocol.shown,
        "blank_ms": model.protocol.blank,
        "n_inputs": model.network.n_inputs,
        "image": np.asarray(image, np.float32) if model.image_shape else None,
        "image_shape": model.image_shape,
        "title": title,
    }
    if isinstance(model.network, DiehlCook):
        exc, inh = shown.spikes["exc"], shown.spikes["inh"]
        if model.readout is not None:
            names = [model.class_name(label) for label in model.readout.classes]
            how |= {"labels": model.readout.assigned, "classes": names}
        how["membranes"] = _membranes(model, shown)
        return figures.raster(exc, inh, shown.input_spikes, n_neurons=model.network.n_neurons, **how)
    sizes = {name: population.n for name, population in model.network.populations.items()}
    return figures.network_raster(shown.spikes, shown.input_spikes, sizes, **how)


def _membranes(model: Model, shown: PresentedImage) -> list[figures.Membrane]:
    """How the potentials of the two neurons that fired most went, in the same presentation once more."""
    network, theta = model.network, model.theta
    if not isinstance(network, DiehlCook) or {type(n) for n in network.neurons} != {ConductanceLIF}:
        return []
    first = np.argsort(-shown.counts, kind="stable")[:2]
    first = first[shown.counts[first] > 0]
    if not len(first):
        return []
    found = simulate(
        network,
        spikes=tuple(shown.input_spikes.T),
        n_steps=shown.n_shown + shown.n_blank,
        weights=model.weights,
        theta=theta,
        learn=False,
        seed=model.seed,
        record=first,
        at_rest=True,  # as every image is met that is read
    )
    thresholds = network.excitatory.parameters()["v_thresh"] + theta[first]
    return [
        figures.Membrane(int(neuron), found.recording["v"][:, k], float(thresholds[k]))
        for k, neuron in enumerate(first)
    ]
