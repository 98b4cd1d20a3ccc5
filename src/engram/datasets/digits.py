"""Handwritten digits that need no download: scikit-learn's 1,797 images, enlarged to the size of MNIST's."""

import gzip
import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from engram.datasets.base import Dataset
from engram.datasets.registry import CheckedItem, NamedSource
from engram.datasets.splits import stratified_split
from engram.errors import DataError

N_IMAGES, SMALL, LARGE, N_TEST = 1797, 8, 28, 500
DIGITS_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
"""SHA-256 of the table of 1,797 rows, 64 pixels (0–16) and the label in each, as bytes."""

_DESCRIPTION = "1,797 handwritten digits that come with scikit-learn, enlarged from 8×8 to 28×28."


def load_digits() -> Dataset:
    """Load scikit-learn's handwritten digits [1]_, enlarged to 28×28 pixels and the scale 0–255.

    Pixels between the known ones come from cubic convolution [2]_, clipped at 0 and 255: strokes stay smooth
    and as dark as they were. 500 images, chosen by `stratified_split`, are the test set; 1,297 are for
    training. The file does not tell who wrote which digit, so both parts hold digits of the same writers.

    The pixels are computed in whole numbers and are the same on every machine.

    Returns
    -------
    Dataset
        ``n_inputs`` is 784, the labels are 0–9.

    Raises
    ------
    DataError
        If the installed scikit-learn does not hold the known images.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository (1998).
    .. [2] R. G. Keys, IEEE Trans. Acoust. Speech Signal Process. 29:1153 (1981), eq. 15 (a = −1/2).

    Examples
    --------
    >>> from engram.datasets import load
    >>> load("digits")
    Dataset('digits': 1,297 training and 500 test images of 28×28, 10 classes)
    """
    table = _read_table()
    images, labels = enlarge(table[:, :-1].reshape(-1, SMALL, SMALL)), table[:, -1].astype(np.int64)
    train, test = stratified_split(labels, N_TEST)
    return Dataset(
        name="digits",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        image_shape=(LARGE, LARGE),
        description=f"{_DESCRIPTION} {N_TEST} images, stratified, are held out for testing.",
    )


def enlarge(small: np.ndarray) -> np.ndarray:
    """Enlarge images of 8×8 pixels (0–16) to 28×28 (0–255); the corners keep their places.

    Parameters
    ----------
    small : ndarray of shape (n_images, 8, 8), uint8
        Pixels from 0 to 16.

    Returns
    -------
    ndarray of shape (n_images, 784), uint8
        Pixels from 0 to 255.
    """
    weights, scale = _cubic_weights()
    # Whole numbers below 2**53 throughout, so the float64 sums are exact in whatever order they are taken.
    large = weights @ (small.astype(np.float64) @ weights.T)
    large = np.rint(large * 255 / (16 * scale**2))
    return large.clip(0, 255).astype(np.uint8).reshape(len(small), LARGE * LARGE)


def _cubic_weights():
    """The (28, 8) matrix of Keys' cubic convolution times `scale`, in whole numbers.

    Large pixel p lies at p · 7/27 = k + r/27 on the small grid; with t = r/27, eq. 15 gives the four
    neighbours' weights as cubic polynomials in t over 2. Beyond the edge the edge pixel is repeated.
    """
    steps = LARGE - 1
    weights = np.zeros((LARGE, SMALL))
    for p in range(LARGE):
        k, r = divmod(p * (SMALL - 1), steps)
        neighbours = (
            -(r**3) + 2 * r**2 * steps - r * steps**2,
            3 * r**3 - 5 * r**2 * steps + 2 * steps**3,
            -3 * r**3 + 4 * r**2 * steps + r * steps**2,
            r**3 - r**2 * steps,
        )
        for offset, weight in enumerate(neighbours, start=-1):
            weights[p, min(max(k + offset, 0), SMALL - 1)] += weight
    return weights, 2 * steps**3


def _read_table():
    """Pixels and labels as uint8 of shape (1797, 65), read from scikit-learn's file where that can be found.

    Importing scikit-learn costs twenty times as much as reading the file, hence the shortcut.
    """
    table = _from_file(_file())
    if table is None or _hash(table) != DIGITS_SHA256:
        table = _from_scikit_learn()
    if _hash(table) != DIGITS_SHA256:
        raise DataError(
            f"scikit-learn's digits are not the known 1,797 images (SHA-256 {_hash(table)[:12]}…, "
            f"expected {DIGITS_SHA256[:12]}…); reinstall scikit-learn."
        )
    return table


def _file() -> Path | None:
    """Where scikit-learn keeps its digits, without importing it."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    return path if path.is_file() else None


def _from_file(path):
    """The table in the file, or None where it is not what it was when this was written."""
    if path is None:
        return None
    try:
        values = np.array(gzip.decompress(path.read_bytes()).replace(b"\n", b",").rstrip(b",").split(b","), np.uint8)
        return values.reshape(N_IMAGES, SMALL * SMALL + 1)
    except (OSError, EOFError, ValueError):
        return None


def _from_scikit_learn():
    from sklearn.datasets import load_digits as load_small_digits

    small = load_small_digits()
    return np.column_stack([small.data, small.target]).astype(np.uint8)


def _hash(table):
    return hashlib.sha256(table.tobytes()).hexdigest()


def _find():
    return "scikit-learn" if importlib.util.find_spec("sklearn") else None


def _check():
    try:
        _read_table()
    except DataError as error:
        return (CheckedItem("digits", False, str(error)),)
    return (CheckedItem("digits", True, DIGITS_SHA256),)


SOURCE = NamedSource(
    name="digits",
    description=_DESCRIPTION,
    n_train=N_IMAGES - N_TEST,
    n_test=N_TEST,
    find=_find,
    load=load_digits,
    check=_check,
)
