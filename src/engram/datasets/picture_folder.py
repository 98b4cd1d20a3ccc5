"""A folder with a subfolder of pictures for each class, with ``train/`` and ``test/`` above them or not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset
from engram.datasets.class_folders import find_parts, holds_classes, left_aside, why_no_classes, without_files
from engram.datasets.files import MAX_BYTES
from engram.datasets.options import DEFAULTS, Options, Progress
from engram.datasets.pictures import DEEP, frame_whole, is_picture, read_grey
from engram.datasets.registry import PathSource
from engram.errors import DataError
from engram.wording import in_sizes, plural

LARGEST_KEPT = 64 * 64
"""Pixels of pictures that keep their size, if they all have the same; larger ones cost a network too much."""

AREA = 28 * 28
"""About as many pixels have those that are scaled."""

_SIZES_LOOKED_AT = 64


def load_picture_folder(path: str | Path, options: Options = DEFAULTS, progress: Progress | None = None) -> Dataset:
    """Load a folder of pictures, one subfolder a class.

    Pictures of one size of at most 64×64 pixels keep it. Others are scaled as a whole, with their aspect: of one size
    to about 784 pixels, of several sizes to 28×28, unless `options` has an ``image_shape``. Colours are turned grey.

    Parameters
    ----------
    path : str or Path
        Holds ``CLASS/*.png`` and so on, or ``train/CLASS/…`` and ``test/CLASS/…``.
    options : Options, optional
    progress : callable, optional

    Returns
    -------
    Dataset
        Named after the folder; its description tells what was done.

    Raises
    ------
    DataError
        If there are no pictures, or one is damaged: the message has its path.
    """
    path = Path(path)
    train, test = find_parts(path, is_picture)
    files = train.files + (test.files if test else [])
    if not train.files:
        raise DataError(f"{path} holds no pictures in folders of classes; see 'Your own data' in the documentation.")
    shapes = {read_grey(file).shape for file in _spread(files)}
    image_shape = options.image_shape or _shape_for(shapes)
    if len(files) * image_shape[0] * image_shape[1] > MAX_BYTES:
        raise DataError(
            f"{len(files):,} pictures of {image_shape[0]}×{image_shape[1]} pixels need more than {MAX_BYTES:,} bytes;"
            " give a smaller image_shape."
        )
    steps: dict[str, int] = {}
    images = _read_all(files, image_shape, path.name, steps, progress)
    n_train = len(train.files)
    return from_arrays(
        images[:n_train].reshape(n_train, *image_shape),
        train.labels,
        *((images[n_train:].reshape(-1, *image_shape), test.labels) if test else ()),
        name=path.resolve().name,
        value_range=options.value_range,
        framing="whole" if "scaled" in steps else "ink",
        description=_description(len(files), image_shape, steps, _left_out(path)),
    )


def _read_all(files: Sequence[Path], image_shape, name, counts, progress):
    """Every picture as a row of bytes, one after the other, so that only one is decoded at a time.

    From the first of more than 8 bits on as floats, since what has 12 bits fills but a sixteenth of the scale.
    """
    rows = np.empty((len(files), image_shape[0] * image_shape[1]), np.uint8)
    for number, file in enumerate(files):
        steps: list[str] = []
        grey = read_grey(file, steps)
        if grey.shape != image_shape:
            steps.append("scaled")
            grey = frame_whole(grey, image_shape)
        if DEEP in steps and rows.dtype == np.uint8:
            rows = _widened(rows, number)
        rows[number] = (np.rint(grey) if rows.dtype == np.uint8 else grey).clip(0, 255).ravel()
        for step in {step.split(" ")[0] if step.startswith(("laid", "took", "averaged")) else step for step in steps}:
            counts[step] = counts.get(step, 0) + 1
        if progress is not None and (number % 64 == 63 or number + 1 == len(files)):
            progress(f"reading {name}", number + 1, len(files))
    return rows


def _widened(rows, n_done):
    if 4 * rows.size > MAX_BYTES:
        raise DataError(
            f"{len(rows):,} pictures of more than 8 bits need more than {MAX_BYTES:,} bytes; give a smaller"
            " image_shape."
        )
    wide = np.empty(rows.shape, np.float32)
    wide[:n_done] = rows[:n_done]
    return wide


def _spread(files):
    """A few of many files, evenly."""
    chosen = np.linspace(0, len(files) - 1, min(len(files), _SIZES_LOOKED_AT)).astype(int)
    return [files[k] for k in np.unique(chosen)]


def _shape_for(shapes):
    """The size that pictures of these sizes are brought to."""
    if len(shapes) > 1:
        return (28, 28)
    ((height, width),) = shapes
    if height * width <= LARGEST_KEPT:
        return (height, width)
    new_height = min(AREA, max(1, round((AREA * height / width) ** 0.5)))
    return (new_height, max(1, AREA // new_height))


_TOLD = {
    "turned grey": "{} turned grey",
    "scaled": "{} brought to one size as a whole",
    "laid": "{} with a transparent background laid on paper",
    "took": "{} with several frames, of which the first was taken",
    "averaged": "{} averaged down first",
}


def _left_out(folder):
    """What of a folder is not taken, as it is told."""
    told = [f"the folder {name!r} beside the test part is left aside" for name in left_aside(folder)]
    told += [f"the folder {name!r} holds no pictures" for name in without_files(folder, is_picture)]
    n_loose = sum(is_picture(file.name) for file in folder.iterdir())
    return [*told, f"{plural(n_loose, 'picture')} in no folder of a class left aside"] if n_loose else told


def _description(n_files, image_shape, counts, left_out):
    told = [
        _TOLD.get(step, "{} " + step).format(f"{count:,}" if count < n_files else "all")
        for step, count in sorted(counts.items())
    ]
    return "; ".join([in_sizes(f"{n_files:,} pictures of {{}} pixels", image_shape), *told, *left_out])


def _recognises(path):
    return holds_classes(path, is_picture)


def _why_not(path):
    return why_no_classes(path, is_picture, "pictures") if path.is_dir() else ""


SOURCE = PathSource(
    description="a folder with a subfolder of PNG or JPEG pictures for each class",
    recognises=_recognises,
    load=load_picture_folder,
    options=("image_shape", "value_range"),
    why_not=_why_not,
)
