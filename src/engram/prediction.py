"""Reading pictures, recordings and rows of tables from files with a trained network."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.datasets.csv_file import is_csv
from engram.datasets.event_files import is_recording
from engram.datasets.pictures import is_picture
from engram.errors import ConfigError, DataError, EngramError
from engram.files import exists, make_folder
from engram.model import Model
from engram.model_input import samples
from engram.processors import default_threads
from engram.readout import SCHEMES, UNASSIGNED
from engram.receptive_fields import fields_of

WINNERS = 5


@dataclass(frozen=True)
class Answer:
    """What a network says to a picture, a recording or a row.

    Attributes
    ----------
    path : Path
    row : int or None
        Which row of the file, from 1, where it is a table.
    label : int or None
        None where no neuron that has a class fired.
    name : str
        What the class is called.
    scores : dict of int to float
        By class, of the scheme that was asked for.
    winners : list of (neuron, its label, spikes)
        The neurons that fired most; the label is None where a neuron has none.
    steps : tuple of str
        What was done to the picture.
    pixels : ndarray of shape (n_inputs,), uint8
        The picture as the network met it.
    counts : ndarray of shape (n_neurons,), int32
    """

    path: Path
    row: int | None
    label: int | None
    name: str
    scores: dict[int, float]
    winners: list[tuple[int, int | None, int]]
    steps: tuple[str, ...]
    pixels: np.ndarray
    counts: np.ndarray

    @property
    def what(self) -> str:
        """The file, and the row where it is a table."""
        return str(self.path) if self.row is None else f"{self.path}, row {self.row}"

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {
            "image": str(self.path),
            **({} if self.row is None else {"row": self.row}),
            "label": self.label,
            "name": self.name,
            "scores": {str(label): score for label, score in self.scores.items()},
            "winners": [{"neuron": n, "label": label, "spikes": spikes} for n, label, spikes in self.winners],
            "prepared": list(self.steps),
        }


@dataclass(frozen=True)
class Unread:
    """A file that could not be read.

    Attributes
    ----------
    path : Path
    error : EngramError
        Why.
    """

    path: Path
    error: EngramError

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {"image": str(self.path), "error": {"kind": type(self.error).__name__, "message": str(self.error)}}


def read_pictures(model: Model, paths: Sequence[Path], scheme: str | None = None) -> list[Answer]:
    """Prepare files as the model's training data were, and read them.

    Parameters
    ----------
    model : Model
    paths : sequence of Path
        Pictures, arrays, recordings or tables, see :func:`engram.model_input.samples`.
    scheme : {"proportion", "mean", "logistic"}, optional
        By default what suits the model.

    Returns
    -------
    list of Answer
        One for each file, of a table one for each row.

    Raises
    ------
    DataError
        If a file is none of these, or blank.
    """
    answers = []
    for answer in read_each(model, paths, scheme):
        if isinstance(answer, Unread):
            raise answer.error
        answers.append(answer)
    return answers


def read_each(model: Model, paths: Sequence[Path], scheme: str | None = None) -> list[Answer | Unread]:
    """Like :func:`read_pictures`, but a file that cannot be read costs its own answer alone.

    Returns
    -------
    list of Answer or Unread
        In the order of the files.
    """
    found: list[tuple] = []
    results: list = []
    for path in map(Path, paths):
        try:
            new = [(path, row, sample) for row, sample in samples(model, path)]
        except EngramError as error:
            results.append(Unread(path, error))
            continue
        found += new
        results += [None] * len(new)
    answers = iter(_answers(model, found, scheme) if found else ())
    return [next(answers) if result is None else result for result in results]


def files_of(patterns: Sequence[str | Path]) -> list[Path]:
    """The files that are meant by paths, folders and patterns such as ``*.png``, each folder's in natural order.

    Of a folder, notes and other files that are called like no data are left aside, if there are some that are.
    A path that exists is meant as it is, also if it has ``[`` or ``*`` in it; so is a pattern that matches nothing.

    Raises
    ------
    DataError
        If a folder is empty.
    """
    found: list[Path] = []
    for pattern in map(Path, patterns):
        if pattern.is_dir():
            inside = _readable([path for path in pattern.iterdir() if path.is_file() and path.name[0] != "."])
        elif exists(pattern) or not glob.has_magic(str(pattern)):
            inside = [pattern]
        else:
            matching = map(Path, glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - Path's takes no absolute ones
            inside = [path for path in matching if path.is_file()]
        if not inside and pattern.is_dir():
            raise DataError(f"{pattern} holds no files; give pictures, recordings or tables.")
        found += sorted(inside, key=_natural) or [pattern]
    return found


def _readable(paths: list[Path]) -> list[Path]:
    """Those called like pictures, arrays, recordings or tables; all where none is."""
    return [path for path in paths if is_picture(path.name) or is_recording(path.name) or is_csv(path)] or paths


def _natural(path: Path) -> list:
    """So that 10.png comes after 9.png."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _answers(model: Model, found: list, scheme: str | None) -> list[Answer]:
    """The answers to samples, which are read together."""
    simulator = model.simulator()
    shown = [sample.shown_by(simulator.source) for _, _, sample in found]
    counts, _ = simulator.count_spikes(shown, threads=default_threads())
    scores = model.fitted_readout.scores(counts, scheme or model.scheme)
    return [
        _answer(model, path, row, sample, count, score)
        for (path, row, sample), count, score in zip(found, counts, scores, strict=True)
    ]


def _answer(model, path, row, sample, counts, scores) -> Answer:
    readout = model.fitted_readout
    label = int(readout.classes[np.argmax(scores)]) if readout.answered(counts[np.newaxis])[0] else None
    order = np.argsort(-counts.astype(np.int64), kind="stable")[:WINNERS]
    return Answer(
        path=path,
        row=row,
        label=label,
        name=model.class_name(label),
        scores=dict(zip(readout.classes.tolist(), scores.tolist(), strict=True)),
        winners=[(int(n), _label_of(readout, n), int(counts[n])) for n in order if counts[n] > 0],
        steps=sample.steps,
        pixels=sample.pixels,
        counts=counts,
    )


def _label_of(readout, neuron) -> int | None:
    """A neuron's class; a class may be called -1, so that number does not tell that there is none."""
    position = readout.assigned[neuron]
    return None if position == UNASSIGNED else int(readout.classes[position])


def draw_answer(model: Model, answer: Answer, folder: Path) -> list[Path]:
    """Draw a picture with its scores and winning neurons; return the files, which replace none of another network.

    Raises
    ------
    ConfigError
        If the model does not read pictures.
    """
    from engram import figures

    if model.image_shape is None:
        raise ConfigError("The model was trained on data that are no pictures, so there is none to draw.")
    make_folder(folder)
    readout = model.fitted_readout
    scores = {scheme: readout.scores(answer.counts[np.newaxis], scheme)[0] for scheme in SCHEMES}
    figure = figures.prediction(
        answer.pixels,
        model.image_shape,
        scores,
        [model.class_name(label) for label in readout.classes],
        fields_of(model),
        answer.counts,
        labels=readout.assigned,
    )
    row = "" if answer.row is None else f"-{answer.row}"
    drawn_of = model.digest("prediction", str(answer.path.resolve()), answer.row)
    return figures.save(figure, folder / f"prediction-{answer.path.stem}{row}", drawn_of=drawn_of)
