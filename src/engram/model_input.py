"""Data that come to a trained network, brought to the form that its training data had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engram.datasets import find_source, load_with, named_sources
from engram.datasets.base import Dataset
from engram.datasets.csv_file import is_csv, read_csv
from engram.datasets.event_files import is_recording, read_events
from engram.datasets.npy import npz_keys, read_npy, read_npz
from engram.datasets.options import Options, Progress
from engram.datasets.recordings import Recordings
from engram.datasets.scale import find_ground, n_columns, plain_range, range_for, to_pixels
from engram.errors import DataError
from engram.images import PreparedImage, read_image
from engram.model import Model
from engram.wording import in_sizes

_ARRAYS = (".npy", ".npz")


def load_for(model: Model, source: str | Path | None = None, progress: Progress | None = None) -> Dataset:
    """Load a data set as a model was trained on one: of its image size, its sensor, its numbers for classes.

    Parameters
    ----------
    model : Model
    source : str or Path, optional
        A name or path as for :func:`engram.datasets.load`; what the model was trained on by default.
    progress : callable, optional

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If it cannot be loaded.
    """
    trained_on = model.config.get("dataset", model.dataset)
    if source is None or str(source) == trained_on:
        return renumbered(load_with(trained_on, model.config.get("data", {}), progress), model)
    if source in named_sources():
        return load_with(source)
    known = find_source(source)[0].options
    options = {name: value for name, value in _of_model(model).items() if name in known and value is not None}
    return renumbered(_not_inverted(load_with(source, Options(**options), progress), model), model)


def _not_inverted(dataset: Dataset, model: Model) -> Dataset:
    """The data set with its light ground left light, where the model's training images were left as they are."""
    ends = plain_range(dataset.value_range)
    if model.framing != "photo" or ends is None or ends[0] <= ends[1]:
        return dataset
    black, white = ends
    negatives = {part: 255 - getattr(dataset, part) for part in ("train_images", "test_images")}
    told = f"{dataset.description} Light ground is left light, as in training."
    return replace(dataset, **negatives, value_range=(white, black), framing="photo", description=told)


def renumbered(dataset: Dataset, model: Model) -> Dataset:
    """The data set with the model's numbers for classes of the same name; other classes get numbers behind them."""
    if not (model.class_names and dataset.class_names) or dataset.class_names == model.class_names:
        return dataset
    numbers = {name: number for number, name in model.class_names.items()}
    for name in sorted(dataset.class_names.values()):
        numbers.setdefault(name, 1 + max(numbers.values()))
    new = {old: numbers[name] for old, name in dataset.class_names.items()}
    train, test = (
        np.array([new.get(int(label), int(label)) for label in labels], np.int64)
        for labels in (dataset.train_labels, dataset.test_labels)
    )
    names = {number: name for name, number in numbers.items()}
    return replace(dataset, train_labels=train, test_labels=test, class_names=names)


def samples(model: Model, path: Path) -> Iterator[tuple[int | None, PreparedImage]]:
    """What a file holds for a model to read: a picture, a recording, or the rows of a table.

    Parameters
    ----------
    model : Model
    path : Path
        A picture or array for a model of images, a recording for one of events, and for any a CSV file, with labels or
        without.

    Yields
    ------
    row : int or None
        Which row of a table, from 1; None where the file holds one sample.
    sample : PreparedImage

    Raises
    ------
    DataError
        If the file is no such thing, or of another size than the model reads.
    """
    path = Path(path)
    if is_csv(path):
        yield from enumerate(_from_csv(model, path), start=1)
    elif model.image_shape is not None:
        yield None, sample_in(model, path)
    else:
        rows = _rows(model, path)
        numbers = [None] if len(rows) == 1 else range(1, len(rows) + 1)
        yield from zip(numbers, _prepared(model, rows, path, []), strict=True)


def sample_in(model: Model, path: Path) -> PreparedImage:
    """The one picture or recording that a file holds, as the network was shown such.

    Raises
    ------
    DataError
        If the file is no such thing.
    """
    if model.event_layout is not None:
        return _from_recording(model, path)
    if model.image_shape is None:
        raise DataError(
            f"{path} cannot be read: the model takes rows of {model.network.n_inputs:,} numbers, no pictures."
        )
    return read_image(
        path, model.image_shape, fill=model.ink_fill, value_range=model.value_range, framing=model.framing
    )


def _of_model(model):
    """Options by which further data become like the training data."""
    layout = model.event_layout
    if layout is None:
        return {"image_shape": model.image_shape}
    return {
        "sensor_shape": layout.sensor_shape,
        "channels": layout.channels,
        "window": layout.window,
        "speed": layout.speed,
    }


def _from_recording(model, path):
    """A recording as the frame that the network was shown such as."""
    if not is_recording(path.name):
        raise DataError(
            f"{path} is no recording of events, which the model was trained on; give a .bin, .aedat4, .npy or .npz"
            " file."
        )
    layout = model.event_layout
    recordings = Recordings.of(layout, [read_events(path)])
    if len(recordings.events(0)[0]) == 0:
        raise DataError(f"{path} holds no events in what is shown of it; give another window when training.")
    step = in_sizes(f"{len(recordings.time):,} events of {{}} pixels", layout.sensor_shape)
    frame = recordings.frames(model.value_range[1])[0]
    return PreparedImage(frame, model.image_shape, (step,), recordings.samples[0])


def _from_csv(model, path):
    asked = model.config.get("data", {}).get("label_column")
    table = read_csv(path, asked, n_inputs=n_columns(model.value_range, model.network.n_inputs))
    return _prepared(model, table.values, path, list(table.steps))


def _rows(model, path):
    """The array of a file as rows of the model's inputs."""
    if path.suffix.lower() not in _ARRAYS:
        raise DataError(
            f"{path} is no table, and the model was trained on data without an image shape; give a .csv, .npy or .npz"
            " file of its columns."
        )
    if path.suffix.lower() == ".npz":
        keys = npz_keys(path)
        key = next((key for key in ("data", "X", "images") if key in keys), keys[0] if keys else None)
        if key is None:
            raise DataError(f"{path} holds no arrays; give one with the model's columns.")
        array = read_npz(path, (key,))[key]
    else:
        array = read_npy(path)
    rows = array[np.newaxis] if array.ndim == 1 else array
    wanted = n_columns(model.value_range, model.network.n_inputs)
    if rows.ndim != 2 or rows.shape[1] != wanted or rows.dtype.kind not in "buif":
        raise DataError(f"{path} holds {array.dtype} values of shape {array.shape}; give rows of {wanted:,} numbers.")
    return rows


def _prepared(model, rows, path, steps):
    """Rows as the network reads them, on the scale of its training data."""
    if not np.isfinite([rows.min(), rows.max()]).all():
        raise DataError(f"{path} holds values that are not finite; replace or remove them.")
    value_range = range_for(rows, model.value_range, path.name, steps)
    if model.framing != "photo" and find_ground(rows, model.image_shape, value_range) == "light":
        steps.append("inverted: dark ink on light paper")
        value_range = value_range[::-1]
    pixels = np.rint(to_pixels(rows, value_range)).astype(np.uint8)
    return [PreparedImage(row, model.image_shape, tuple(steps)) for row in pixels]
