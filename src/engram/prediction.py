"""Reading pictures from files with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.errors import ConfigError
from engram.images import read_image
from engram.model import Model
from engram.readout import SCHEMES
from engram.simulator import default_threads

WINNERS = 5


@dataclass(frozen=True)
class Answer:
    """What a network says to a picture.

    Attributes
    ----------
    path : Path
    label : int or None
        None where no neuron fired.
    scores : dict of int to float
        By class, of the scheme that was asked for.
    winners : list of (neuron, its label, spikes)
        The neurons that fired most.
    steps : tuple of str
        What was done to the picture.
    pixels : ndarray of shape (n_inputs,), uint8
        The picture as the network met it.
    counts : ndarray of shape (n_neurons,), int32
    """

    path: Path
    label: int | None
    scores: dict[int, float]
    winners: list[tuple[int, int, int]]
    steps: tuple[str, ...]
    pixels: np.ndarray
    counts: np.ndarray

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {
            "image": str(self.path),
            "label": self.label,
            "scores": {str(label): score for label, score in self.scores.items()},
            "winners": [{"neuron": n, "label": label, "spikes": spikes} for n, label, spikes in self.winners],
            "prepared": list(self.steps),
        }


def read_pictures(model: Model, paths: Sequence[Path], scheme: str = "proportion") -> list[Answer]:
    """Prepare pictures as the model's training images were, and read them.

    Raises
    ------
    DataError
        If a file is no picture, or blank.
    ConfigError
        If the model was not trained on images of known shape.
    """
    if model.image_shape is None:
        raise ConfigError("The model was trained on data without an image shape and cannot read pictures.")
    prepared = [read_image(path, model.image_shape, fill=model.ink_fill) for path in paths]
    pixels = np.array([picture.pixels for picture in prepared])
    counts, _ = model.simulator().count_spikes(pixels, threads=default_threads())
    scores = model.readout.scores(counts, scheme)
    labels = model.readout.labels
    answers = []
    for path, picture, count, score in zip(paths, prepared, counts, scores, strict=True):
        order = np.argsort(-count.astype(np.int64), kind="stable")[:WINNERS]
        answers.append(
            Answer(
                path=Path(path),
                label=int(model.readout.classes[np.argmax(score)]) if count.any() else None,
                scores=dict(zip(model.readout.classes.tolist(), score.tolist(), strict=True)),
                winners=[(int(n), int(labels[n]), int(count[n])) for n in order if count[n] > 0],
                steps=picture.steps,
                pixels=picture.pixels,
                counts=count,
            )
        )
    return answers


def draw_answer(model: Model, answer: Answer, folder: Path) -> list[Path]:
    """Draw a picture with its scores and winning neurons; return the files."""
    from engram import figures

    folder.mkdir(parents=True, exist_ok=True)
    scores = {scheme: model.readout.scores(answer.counts[np.newaxis], scheme)[0] for scheme in SCHEMES}
    figure = figures.prediction(
        answer.pixels,
        model.image_shape,
        scores,
        model.readout.classes.tolist(),
        model.weights,
        answer.counts,
        labels=model.readout.assigned,
    )
    return figures.save(figure, folder / f"prediction-{answer.path.stem}")
