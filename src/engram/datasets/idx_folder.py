"""Any folder with the four IDX files that MNIST has: EMNIST, QMNIST, a torchvision root, or one's own."""

import re
from pathlib import Path

import numpy as np

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset
from engram.datasets.idx import read_idx, write_idx
from engram.datasets.options import DEFAULTS, Options
from engram.datasets.registry import PathSource
from engram.errors import DataError

_NAME = re.compile(r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[1234]-(ubyte|int)(\.gz)?")
_PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def load_idx_folder(path: str | Path, options: Options = DEFAULTS) -> Dataset:
    """Load a data set from four IDX files, gzipped or not.

    The names end in ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with ``t10k`` or
    ``test``, perhaps with ``.gz``. They may begin with a prefix that they share (``emnist-letters-``); where
    a folder holds several such sets, give the prefix as the last part of the path. They may also lie in ``raw``, or in
    ``NAME/raw``, as torchvision keeps them. EMNIST's images, which are stored lying on their side, are turned upright;
    of QMNIST's labels, which have eight columns, the first is taken.

    Parameters
    ----------
    path : str or Path
        The folder, or the folder and the prefix.
    options : Options, optional

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
    train_images = _images(files["train-images"])
    test_images = _images(files["t10k-images"])
    if train_images.shape[1:] != test_images.shape[1:]:
        sizes = " and ".join("×".join(map(str, images.shape[1:])) for images in (train_images, test_images))
        raise DataError(f"{folder} holds training and test images of different sizes, {sizes}; give both one size.")
    described = f"Four IDX files in {folder}"
    if prefix.startswith("emnist"):
        train_images, test_images = (np.swapaxes(images, 1, 2) for images in (train_images, test_images))
        described += ", which lay on their side and are turned upright"
    return from_arrays(
        train_images,
        _labels(files["train-labels"]),
        test_images,
        _labels(files["t10k-labels"]),
        name=prefix.rstrip("-_. ") or _folder_name(folder),
        value_range=options.value_range,
        description=described,
    )


def _images(path):
    images = read_idx(path)
    if images.ndim not in (3, 4):
        raise DataError(
            f"{path.name} holds an array of {images.ndim} dimensions, images need 3; check that the file has its right"
            " name."
        )
    return images


def _labels(path):
    """Labels, of rows of several columns the first, as QMNIST has them."""
    labels = read_idx(path)
    if labels.ndim == 2 and labels.dtype == np.int32:
        return labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"{path.name} holds an array of {labels.ndim} dimensions, labels need 1; check that the file has its right"
            " name."
        )
    return labels


def _folder_name(folder):
    """The folder's name, torchvision's ``raw`` aside."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "raw" else folder.name


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
    folders = _folders(path)
    if len(folders) > 1:
        names = ", ".join(f"'{folder.relative_to(path)}'" for folder in folders)
        raise DataError(f"{path} holds {len(folders)} sets of IDX files, in {names}; add one of these to the path.")
    prefixes = sorted(_files(folders[0]))
    if len(prefixes) > 1:
        names = ", ".join(f"'{prefix.rstrip('-_. ')}'" for prefix in prefixes)
        raise DataError(
            f"{folders[0]} holds {len(prefixes)} sets of IDX files ({names}); add one of these names to the path."
        )
    return folders[0], prefixes[0]


def _folders(path):
    """Where the files lie: in the folder, else in ``raw``, else in ``NAME/raw`` of any name."""
    if _files(path):
        return [path]
    if _files(path / "raw"):
        return [path / "raw"]
    return [raw for raw in sorted(path.glob("*/raw")) if _files(raw)]


def _recognises(path):
    if path.is_dir():
        return bool(_folders(path))
    return not path.exists() and any(prefix.rstrip("-_. ") == path.name for prefix in _files(path.parent))


def _load(path, options=DEFAULTS, progress=None):
    return load_idx_folder(path, options)


SOURCE = PathSource(
    description="a folder with the four IDX files of a set like MNIST",
    recognises=_recognises,
    load=_load,
    options=("value_range",),
)
