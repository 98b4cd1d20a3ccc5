"""A user's own images: arrays in memory, .npz files, and .npy files with their labels beside them."""

from pathlib import Path

import numpy as np

from engram.datasets.base import Dataset, check_labels
from engram.datasets.npy import NPY_MAGIC, npz_keys, read_npy, read_npz
from engram.datasets.registry import PathSource
from engram.datasets.splits import stratified_split
from engram.errors import DataError

TEST_FRACTION = 1 / 6
"""Share of the images that is held out where only one set is given; MNIST's own share is 1/7."""

_ONE_SET = ("images", "labels")
_TWO_SETS = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)
_EXPECTED_KEYS = "; ".join(", ".join(keys) for keys in (_ONE_SET, *_TWO_SETS))


def from_arrays(
    images,
    labels,
    test_images=None,
    test_labels=None,
    *,
    name: str = "arrays",
    image_shape: tuple[int, int] | None = None,
    test_fraction: float = TEST_FRACTION,
) -> Dataset:
    """Make a data set of arrays, as lenient about their form as can be without guessing.

    - Images may be flat or of shape (n_images, height, width), also with one channel before or after. Flat
      images of a square number of pixels are taken as squares where no shape is given.
    - If no training image exceeds 1, all images are scaled by 255. Any other range stays as it is:
      ``input_gain="auto"`` equalises the ink later, so that a scale of 0–16 serves as well as 0–255.
    - Without test images, a share of each class is held out by `stratified_split`, always the same one.

    Parameters
    ----------
    images : array-like of shape (n_images, n_inputs) or (n_images, height, width)
        Training images, or all images where there is no test set.
    labels : array-like of shape (n_images,)
        Their classes, whole numbers.
    test_images, test_labels : array-like, optional
        The test set; both or neither.
    name : str, optional
        What to call the set.
    image_shape : tuple of int, optional
        Height and width of flat images.
    test_fraction : float, optional
        Share to hold out where no test set is given, from 0 up to but not including 1.

    Returns
    -------
    Dataset
        Its description tells what was done.

    Raises
    ------
    DataError
        If images or labels cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from engram.datasets import from_arrays
    >>> from_arrays(np.random.rand(12, 8, 8), [0, 1] * 6, name="noise")
    Dataset('noise': 10 training and 2 test images of 8×8, 2 classes)
    """
    if (test_images is None) != (test_labels is None):
        missing = "test_labels" if test_labels is None else "test_images"
        raise DataError(f"a test set needs images and labels, {missing} are missing; give both or neither.")
    if not 0 <= test_fraction < 1:
        raise DataError(f"test_fraction must be at least 0 and below 1, got {test_fraction}; the default is 1/6.")
    steps = []
    images, shape = _flatten(images, image_shape, "images", steps)
    if test_images is None:
        labels = check_labels(labels, len(images), name="labels")
        train, test = stratified_split(labels, round(len(labels) * test_fraction))
        steps.append(f"{len(test):,} of {len(labels):,} images, stratified, are held out for testing")
        images, test_images, labels, test_labels = images[train], images[test], labels[train], labels[test]
    else:
        test_images, _ = _flatten(test_images, image_shape, "test_images", [])
    images, test_images = _scale(images, test_images, steps)
    return Dataset(
        name=name,
        train_images=images,
        train_labels=labels,
        test_images=test_images,
        test_labels=test_labels,
        image_shape=shape,
        description=_sentence(steps),
    )


def load_npz(path: str | Path) -> Dataset:
    """Load a data set from an ``.npz`` file; `from_arrays` tells how its arrays are taken.

    Parameters
    ----------
    path : str or Path
        A file with the keys ``images, labels``, or ``train_images, train_labels, test_images, test_labels``,
        or ``x_train, y_train, x_test, y_test``. Other keys are ignored.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataError
        If keys are missing, the file is damaged, or its arrays cannot be used.
    """
    path = Path(path)
    present = npz_keys(path)
    keys = next((keys for keys in (*_TWO_SETS, _ONE_SET) if set(keys) <= set(present)), None)
    if keys is None:
        raise DataError(
            f"{path.name} holds the keys {', '.join(present) or 'none'}; "
            f"name them in one of these ways: {_EXPECTED_KEYS}."
        )
    arrays = read_npz(path, keys)
    return from_arrays(*(arrays[key] for key in keys), name=path.stem)


def load_npy(path: str | Path) -> Dataset:
    """Load images from ``NAME.npy``, labels from ``NAME-labels.npy`` or ``NAME_labels.npy`` beside it.

    Parameters
    ----------
    path : str or Path
        The file with the images; `from_arrays` tells how they are taken.

    Returns
    -------
    Dataset
        Named after the file, a share of each class held out for testing.

    Raises
    ------
    DataError
        If the labels are missing, a file is damaged, or its array cannot be used.
    """
    path = Path(path)
    candidates = [path.with_name(f"{path.stem}{joint}labels.npy") for joint in "-_"]
    labels = next((candidate for candidate in candidates if candidate.is_file()), None)
    if labels is None:
        names = " or ".join(candidate.name for candidate in candidates)
        raise DataError(
            f"{path.name} has no labels beside it; save one whole number per image as {names} "
            f"in {path.parent}, or images and labels together in one .npz file."
        )
    return from_arrays(read_npy(path), read_npy(labels), name=path.stem)


def to_full_scale(images: np.ndarray, largest: float) -> np.ndarray:
    """Bring images on the scale 0–1 to 0–255; others stay as they are.

    Parameters
    ----------
    images : ndarray
        Numbers or booleans.
    largest : float
        The largest value, which tells the scale.

    Returns
    -------
    ndarray
        uint8 where the values are whole numbers, else float32; or the given array.
    """
    if not 0 < largest <= 1:
        return images
    return (
        images.astype(np.uint8) * np.uint8(255)
        if images.dtype.kind in "bui"
        else images.astype(np.float32) * np.float32(255)
    )


def _flatten(images, image_shape, name, steps):
    """Images as rows, and their shape where it is known or can be told from a square number of pixels."""
    try:
        images = np.asarray(images)
    except ValueError:
        raise DataError(
            f"{name} must be a rectangular array, got images of different sizes; give every image the same size."
        ) from None
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images[..., 0] if images.shape[3] == 1 else images[:, 0]
    if images.ndim == 3:
        return images.reshape(len(images), images.shape[1] * images.shape[2]), images.shape[1:]
    if images.ndim != 2:
        raise DataError(
            f"{name} must have the shape (n_images, n_inputs) or (n_images, height, width), "
            f"got {images.shape}; turn colours into grey and keep one row or rectangle per image."
        )
    side = round(images.shape[1] ** 0.5)
    if image_shape is None and side > 0 and side * side == images.shape[1]:
        steps.append(f"rows of {images.shape[1]:,} pixels are taken as {side}×{side}")
        return images, (side, side)
    return images, image_shape


def _scale(images, test_images, steps):
    """Both parts on the scale 0–255 where the training images are on 0–1."""
    if images.dtype.kind not in "buif" or images.size == 0:
        return images, test_images  # the data set's own checks tell what is wrong
    largest = images.max()
    if 0 < largest <= 1 and images.min() >= 0 and test_images.dtype.kind in "buif":
        steps.append("pixels are scaled from 0–1 to 0–255")
        return to_full_scale(images, largest), to_full_scale(test_images, largest)
    return images, test_images


def _sentence(steps):
    text = "; ".join(steps)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _begins_with(path, magic):
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False


def _load(path):
    return load_npy(path) if _is_npy(path) else load_npz(path)


def _is_npy(path):
    return path.suffix == ".npy" or (path.suffix != ".npz" and _begins_with(path, NPY_MAGIC))


def _recognises(path):
    # By name as well as by content, so that a damaged file is told to be damaged. A zip file of another
    # name may belong to another source.
    return path.is_file() and path.suffix in (".npy", ".npz")


SOURCE = PathSource(
    description="an .npz file with images and labels, or an .npy file with NAME-labels.npy beside it",
    recognises=_recognises,
    load=_load,
)
