"""Labels as people have them: whole numbers, names, one column per class."""

import warnings
from collections.abc import Mapping

import numpy as np

from engram.datasets.base import check_labels
from engram.errors import DataError, DataWarning

_FEW = 8  # samples of which each may well be of its own class


def read_labels(*parts, name: str = "labels") -> tuple[list[np.ndarray], dict[int, str]]:
    """Bring labels to whole numbers, and keep the names where they had some.

    Parameters
    ----------
    *parts : array-like of shape (n_images,), (n_images, 1) or (n_images, n_classes)
        Labels of the training part, of the test part and so on, which share their classes: whole numbers, names, or
        one-hot rows. Names that are all whole numbers are those numbers.
    name : str, optional
        How to call them in an error message.

    Returns
    -------
    labels : list of ndarray of shape (n_images,), int64
    class_names : dict of int to str
        From number to name; empty where the labels were numbers.

    Raises
    ------
    DataError
        If they are anything else.

    Examples
    --------
    >>> read_labels(["dog", "cat", "dog"], ["cat"])
    ([array([1, 0, 1]), array([0])], {0: 'cat', 1: 'dog'})
    >>> read_labels([[0, 0, 1], [1, 0, 0]])
    ([array([2, 0])], {})
    """
    arrays = [_one_each(part, name) for part in parts]
    if not any(_is_text(array) for array in arrays):
        return [check_labels(array, name=name) for array in arrays], {}
    texts = [np.array([_text(value) for value in array.tolist()], dtype=str) for array in arrays]
    names = sorted({text for part in texts for text in part.tolist()})
    if all(_is_whole(text) for text in names):
        return [np.array([int(text) for text in part.tolist()], np.int64) for part in texts], {}
    if any(text == "" for text in names):
        raise DataError(f"{name} hold an empty name; give every image the name of its class.")
    return [np.searchsorted(names, part).astype(np.int64) for part in texts], dict(enumerate(names))


def warn_of_labels(train: np.ndarray, test: np.ndarray, names: Mapping[int, str], what: str, stacklevel=3) -> None:
    """Warn of labels that can hardly be classes, and of classes that only the test part has.

    Parameters
    ----------
    train, test : ndarray of shape (n_images,)
        Whole numbers.
    names : mapping of int to str
        Of classes that have one.
    what : str
        What to call the data.
    """
    seen, n_labels = np.unique(train), len(train) + len(test)
    n_classes = len(np.union1d(seen, test))
    if n_labels > _FEW and n_classes > 0.75 * n_labels:
        warnings.warn(
            f"the labels of {what} are {n_classes:,} different ones for {n_labels:,} samples, as quantities or numbers"
            " of rows are; give classes, or name their column with label_column.",
            DataWarning,
            stacklevel=stacklevel,
        )
    strangers = np.setdiff1d(test, seen).tolist()
    if strangers:
        told = ", ".join(str(names.get(label, label)) for label in strangers[:5])
        warnings.warn(
            f"the test part of {what} has classes that training lacks, so that it is never right on them: {told}"
            f"{' …' if len(strangers) > 5 else ''}; give both the same classes.",
            DataWarning,
            stacklevel=stacklevel,
        )


def _one_each(labels, name):
    """One-hot rows and columns of one as a plain row of labels."""
    try:
        array = np.asarray(labels)
    except ValueError:
        return labels  # of different lengths: the check of plain labels tells so
    if array.ndim != 2 or (array.dtype.kind not in "buif" and array.shape[1] != 1):
        return array
    if array.shape[1] == 1:
        return array[:, 0]
    if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
        raise DataError(
            f"{name} must hold one label per image or one-hot rows, got shape {array.shape} with other values;"
            " an image of several classes cannot be used."
        )
    return array.argmax(axis=1)


def _is_text(array):
    kind = array.dtype.kind if isinstance(array, np.ndarray) else "f"
    return kind in "USO" and len(array) > 0 and all(isinstance(value, (str, bytes)) for value in array.tolist())


def _text(value):
    return value.decode(errors="replace").strip() if isinstance(value, bytes) else str(value).strip()


def _is_whole(text):
    return text.removeprefix("-").isdecimal() and len(text) < 18
