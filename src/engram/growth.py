"""The fields of a run as they grew: it is computed once more, which gives the same bits, and watched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engram import figures
from engram.datasets.base import Dataset
from engram.errors import ConfigError
from engram.evaluation import OnProgress
from engram.files import make_folder, write_atomically
from engram.model import Model
from engram.model_file import load_model
from engram.receptive_fields import fields_of, filters_of
from engram.run_folder import RunFolder
from engram.runs import training_of
from engram.training import BLOCK, Training
from engram.user_code import own_names

FRAMES = 48
"""At most so many pictures, close together in the beginning, when fields change most."""


def animate(
    folder: RunFolder,
    *,
    rule: str | None = None,
    source: str | None = None,
    network: str | None = None,
    dataset: Dataset | None = None,
    kernel: str = "compiled",
    on_progress: OnProgress | None = None,
) -> Path:
    """Draw how a run's receptive fields grew, as ``figures/growing_fields.gif``.

    A run keeps its last checkpoints, not every weight that it ever had: it learns once more, as long as it did then.

    Parameters
    ----------
    folder : RunFolder
        Finished or not.
    rule, source, network : str, optional
        The user's own files, as for :func:`engram.runs.resume_run`.
    dataset : Dataset, optional
        The run's images; loaded by their name if not given.
    kernel : {"compiled", "reference"}
    on_progress : callable, optional

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If the network has no fields to draw, or learns something else here than it did then: other images, another
        rule, another version.
    """
    model = load_model(folder.path, source=source, parts=own_names(network, rule))
    if model.image_shape is None:
        raise ConfigError("The run learned from data that are no pictures, so there are no fields to draw.")
    training = training_of(folder, rule=rule, source=source, network=network, dataset=dataset, kernel=kernel)
    total = min(training.total, model.examples - training.model().examples)
    frames = frames_of(training, total, on_progress=on_progress)
    _check_same(training.model(), model, folder)
    shape = _fields(model)[1] or model.image_shape
    labels = model.readout.assigned if model.readout is not None else None
    fits = labels is not None and len(labels) == frames[-1][1].shape[1] and len(model.layers) == 1
    content = figures.growing_fields(frames, shape, labels if fits else None)
    make_folder(folder.figures)
    path = folder.figures / "growing_fields.gif"
    write_atomically(path, content, durable=False)
    return path


def frames_of(
    training: Training, total: int, *, most: int = FRAMES, on_progress: OnProgress | None = None
) -> list[tuple[int, np.ndarray]]:
    """Train, and return the fields of the first layer that learns, at most so often, close together in the beginning.

    Parameters
    ----------
    training : Training
        At its beginning.
    total : int
        How many images to learn from.
    most : int, optional
    on_progress : callable, optional

    Returns
    -------
    list of (int, ndarray of shape (n_inputs, n_neurons))
        As :func:`engram.figures.growing_fields` takes them.
    """
    wanted = set((BLOCK * np.rint(np.geomspace(BLOCK, max(total, BLOCK), most - 1) / BLOCK)).astype(int).tolist())
    frames = [(0, _fields(training.model())[0])]
    training.prepare()
    while training.examples < total:
        training.learn_block()
        if training.examples in wanted or training.examples >= total:
            frames.append((training.examples, _fields(training.model())[0]))
        if on_progress is not None:
            on_progress("learning once more", training.examples, total)
    return frames


def _fields(model: Model) -> tuple[np.ndarray, tuple[int, int] | None]:
    """What the first layer's neurons want to see, or its filters, and their shape."""
    layer = model.layers[0].population
    if (filters := filters_of(model, layer)) is not None:
        side = round(len(filters) ** 0.5)
        return filters.astype(np.float16), (side, side)
    return fields_of(model, layer).astype(np.float16), model.image_shape


def _check_same(learned: Model, model: Model, folder: RunFolder) -> None:
    if learned.digest() != replace(model, readout=None).digest():
        raise ConfigError(
            f"{folder.path} learns something else now than it did then: it needs the same images, rule and version of"
            f" engram ({model.version})."
        )
