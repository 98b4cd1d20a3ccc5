"""The figures of a run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engram import figures
from engram.datasets.base import Dataset
from engram.errors import ConfigError, DataError
from engram.evaluation import Evaluation
from engram.files import exists, make_folder
from engram.model import Model
from engram.model_file import load_model
from engram.model_input import load_for
from engram.networks import DiehlCook
from engram.plasticity.normalization import target_norm
from engram.readout import HEADLINE, RunningAccuracy
from engram.receptive_fields import fields_of, filters_of
from engram.run_folder import RunFolder


def draw_again(folder: RunFolder) -> list[Path]:
    """Draw a run's figures from what it left, be it finished or not; return the files.

    Raises
    ------
    ModelFileError, RunFolderError
        If there is no network yet, a record is damaged, or a figure cannot be written.
    """
    if exists(folder.model_file):
        model, metrics = load_model(folder.path), folder.read_metrics()
    else:
        model, metrics, *_ = folder.read_unfinished()
    evaluation = folder.read_evaluation()
    try:
        dataset = load_for(model)
    except DataError:
        dataset = None  # it is not here, and only the raster needs it
    running = folder.is_held
    if not running:
        folder.acquire()
        folder.sweep()
    try:
        return draw_run(folder, model, dataset, metrics, evaluation)
    finally:
        if not running:
            folder.release()


def draw_run(
    folder: RunFolder,
    model: Model,
    dataset: Dataset | None,
    metrics: list[dict],
    evaluation: Evaluation | None = None,
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
    """
    make_folder(folder.figures)
    drawn = {}
    if model.image_shape is not None and dataset is not None and dataset.train_recordings is not None:
        names = [model.class_name(label) for label in dataset.train_labels]
        drawn["contact_sheet"] = figures.contact_sheet(dataset.train_images, model.image_shape, names, dataset.title)
    if model.image_shape is not None:
        drawn |= _fields(model)
    if metrics:
        examples = [record["examples"] for record in metrics]
        accuracy = None if evaluation is None else evaluation.accuracy
        drawn["learning_curve"] = figures.learning_curve(
            examples,
            [record["accuracy"] for record in metrics],
            test_accuracy=accuracy,
            window=RunningAccuracy.WINDOW,
        )
        drawn |= _weights_and_theta(model, metrics, examples)
    if dataset is not None and len(dataset.test_images):
        drawn["raster"] = draw_raster(model, dataset.test_images[0], dataset.test_labels[0])
    if evaluation is not None:
        matrix = evaluation.confusion[HEADLINE]
        classes = [model.class_name(label) for label in evaluation.classes]
        drawn["confusion"] = figures.confusion(matrix, classes, evaluation.accuracy[HEADLINE])
    return [path for name, figure in drawn.items() for path in figures.save(figure, folder.figures / name)]


def _fields(model: Model) -> dict:
    """What each layer's neurons want to see; of a convolution its filters."""
    layers = list(dict.fromkeys(layer.population for layer in model.layers))
    drawn = {}
    for layer in layers:
        name = f"receptive_fields{_suffix(layer, layers)}"
        if (filters := filters_of(model, layer)) is not None:
            side = round(len(filters) ** 0.5)
            drawn[f"filters{_suffix(layer, layers)}"] = figures.receptive_fields(filters, (side, side))
            continue
        try:
            fields = fields_of(model, layer)
        except ConfigError:
            continue  # nothing leads to it from the image, or far too much
        labelled = model.readout is not None and len(model.readout.assigned) == fields.shape[1] and layer == layers[-1]
        drawn[name] = figures.receptive_fields(
            fields,
            model.image_shape,
            model.readout.assigned if labelled else None,
            classes=[model.class_name(label) for label in model.readout.classes] if labelled else None,
        )
    return drawn


def _weights_and_theta(model: Model, metrics: list[dict], examples: list[int]) -> dict:
    """Norms and thresholds over training, of each layer that learned."""
    layers = list(metrics[0].get("layers", [""]))
    drawn = {}
    for layer in layers:
        points = [record["layers"][layer] if layer else record for record in metrics]
        drawn[f"weights_and_theta{_suffix(layer, layers)}"] = figures.weights_and_theta(
            examples,
            *([p[what][part] for p in points] for what in ("l1_norm", "theta") for part in ("mean", "sd")),
            target=target_norm("l1", model.network.n_inputs) if isinstance(model.network, DiehlCook) else None,
        )
    return drawn


def _suffix(layer: str, layers: list[str]) -> str:
    """What tells the figures of several layers apart."""
    return f"-{layer}" if len(layers) > 1 else ""


def draw_raster(model: Model, image, label=None):
    """All spikes of one presentation with learning off, as a figure."""
    pixels = np.asarray(image, np.float32)
    shown = model.simulator().presentation_of(pixels)
    title = None
    if label is not None and model.readout is not None:
        counts = shown.counts[np.newaxis]
        answer = model.class_name(model.readout.predict(counts, HEADLINE)[0])
        read_as = f"read as {answer}" if model.readout.answered(counts)[0] else "without an answer"
        title = f"test image of class {model.class_name(label)}, {read_as}"
    how = {
        "dt": model.network.dt,
        "shown_ms": model.protocol.shown,
        "blank_ms": model.protocol.blank,
        "n_inputs": model.network.n_inputs,
        "image": pixels if model.image_shape else None,
        "image_shape": model.image_shape,
        "title": title,
    }
    if isinstance(model.network, DiehlCook):
        exc, inh = shown.spikes["exc"], shown.spikes["inh"]
        return figures.raster(exc, inh, shown.input_spikes, n_neurons=model.network.n_neurons, **how)
    sizes = {name: population.n for name, population in model.network.populations.items()}
    return figures.network_raster(shown.spikes, shown.input_spikes, sizes, **how)
