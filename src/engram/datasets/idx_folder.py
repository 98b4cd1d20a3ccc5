"""Any folder with the four IDX files that MNIST has: Fashion-MNIST, EMNIST, KMNIST, or one's own."""

import re
from pathlib import Path

import numpy as np

from engram.datasets.base import Dataset
from engram.datasets.idx import read_idx, write_idx
from engram.datasets.registry import PathSource
from engram.errors import DataError

_NAME = re.compile(r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[13]-(ubyte|int)(\.gz)?")
_PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def load_idx_folder(path: str | Path) -> Dataset:
    """Load a data set from four IDX files, gzipped or not.

    The names end in ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with ``t10k`` or
    ``test``, perhaps with ``.gz``. They may begin with a prefix that they share (``emnist-letters-``); where
    a folder holds several such sets, give the prefix as the last part of the path. Images are taken as they
    are stored: EMNIST's are transposed.

    Parameters
    ----------
    path : str or Path
        The folder, or the folder and the prefix.

    Returns
    -------
    Dataset
        Named after the prefix, or else the folder.

    Raises
    ------
    DataError
        If one of the four files is missing or damaged; the message says which.
    """
    path = Path(path)
    folder, prefix = _choose(path)
    files = _files(folder)[prefix]
    missing = [part for part in _PARTS if part not in files]
    if missing:
        names = " and ".join(f"{prefix}{part}-idx{3 if part.endswith('images') else 1}-ubyte" for part in missing)
        raise DataError(f"{folder} lacks {names}, gzipped or not; place all four IDX files there.")
    images, labels = (None, None, None), (None,)
    train_images = read_idx(files["train-images"], shape=images)
    test_images = read_idx(files["t10k-images"], shape=(None, *train_images.shape[1:]))
    return Dataset(
        name=prefix.rstrip("-_. ") or folder.resolve().name,
        train_images=train_images.reshape(len(train_images), -1),
        train_labels=read_idx(files["train-labels"], shape=labels),
        test_images=test_images.reshape(len(test_images), -1),
        test_labels=read_idx(files["t10k-labels"], shape=labels),
        image_shape=train_images.shape[1:],
        description=f"Four IDX files in {folder}.",
    )


def write_idx_folder(dataset: Dataset, folder: str | Path) -> None:
    """Write a data set as four gzipped IDX files, named like MNIST's.

    Parameters
    ----------
    dataset : Dataset
        With an image shape, test images, and labels from 0 to 255.
    folder : str or Path
        Where to write; created where it is missing.

    Raises
    ------
    DataError
        If the set has no image shape or its labels do not fit into a byte.
    OSError
        If a file cannot be written.
    """
    if dataset.image_shape is None:
        raise DataError(
            f"'{dataset.name}' has no image_shape, which IDX image files need; create it with its height and width."
        )
    if min(dataset.classes) < 0 or max(dataset.classes) > 255:
        raise DataError(f"IDX label files hold labels from 0 to 255, got {dataset.classes}; renumber the classes.")
    arrays = (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels)
    for part, array in zip(_PARTS, arrays, strict=True):
        if part.endswith("images"):
            write_idx(Path(folder) / f"{part}-idx3-ubyte.gz", array.reshape(-1, *dataset.image_shape))
        else:
            write_idx(Path(folder) / f"{part}-idx1-ubyte.gz", array.astype(np.uint8))


def _files(folder) -> dict[str, dict[str, Path]]:
    """From prefix to part to file; a plain file goes before a gzipped one."""
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(file.name)
        if match and file.is_file():
            part = f"{'t10k' if match['part'] == 'test' else match['part']}-{match['kind']}"
            found.setdefault(match["prefix"], {}).setdefault(part, file)
    return found


def _choose(path):
    """The folder and the prefix that a path stands for."""
    if not path.is_dir():
        prefixes = _files(path.parent)
        return path.parent, next(prefix for prefix in prefixes if prefix.rstrip("-_. ") == path.name)
    prefixes = sorted(_files(path))
    if len(prefixes) > 1:
        names = ", ".join(f"'{prefix.rstrip('-_. ')}'" for prefix in prefixes)
        raise DataError(
            f"{path} holds {len(prefixes)} sets of IDX files ({names}); add one of these names to the path."
        )
    return path, prefixes[0]


def _recognises(path):
    if path.is_dir():
        return bool(_files(path))
    return not path.exists() and any(prefix.rstrip("-_. ") == path.name for prefix in _files(path.parent))


SOURCE = PathSource(
    description="a folder with the four IDX files of a set like MNIST",
    recognises=_recognises,
    load=load_idx_folder,
)
