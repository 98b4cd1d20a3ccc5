"""A user's own images: arrays in memory, .npz files, and .npy files with their labels beside them."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engram.datasets.base import Dataset, check_images
from engram.datasets.labels import read_labels, warn_of_labels
from engram.datasets.npy import NPY_MAGIC, npz_keys, read_npy, read_npz
from engram.datasets.options import DEFAULTS, Options
from engram.datasets.registry import PathSource
from engram.datasets.scale import (
    SMALLEST_SIDE,
    ValueRange,
    check_value_range,
    describe_range,
    find_column_ranges,
    find_ground,
    find_value_range,
    on_scale,
    standardised,
    to_pixels,
    wrapped_around,
)
from engram.datasets.shapes import as_rows
from engram.datasets.splits import stratified_split
from engram.errors import DataError, DataWarning

TEST_FRACTION = 1 / 6
"""Share of the images that is held out where only one set is given; MNIST's own share is 1/7."""

_ONE_SET = (("images", "labels"), ("data", "target"), ("data", "labels"), ("features", "labels"), ("x", "y"))
_TWO_SETS = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)
_EXPECTED_KEYS = "; ".join(", ".join(keys) for keys in (*_ONE_SET, *_TWO_SETS))


def from_arrays(
    images,
    labels,
    test_images=None,
    test_labels=None,
    *,
    name: str = "arrays",
    image_shape: tuple[int, int] | None = None,
    test_fraction: float = TEST_FRACTION,
    value_range: ValueRange | None = None,
    class_names: Mapping[int, str] | None = None,
    table: bool = False,
    framing: str = "ink",
    description: str = "",
) -> Dataset:
    """Make a data set of arrays, as lenient about their form as can be without guessing.

    - Images may be flat or of shape (n_images, height, width), also with one channel or three colours before or after.
      Flat images of a square number of pixels, at least 7×7, are taken as squares where no shape is given; fewer values
      are rows of a table, each column on a scale of its own, with an input for large and one for small values.
    - Values are brought to 0–255 from the scale that the training images are on, see
      :func:`engram.datasets.scale.find_value_range`; dark ink on light ground is inverted.
    - Labels may be whole numbers, names, or one-hot rows.
    - Without test images, a share of each class is held out by `stratified_split`, always the same one.

    Parameters
    ----------
    images : array-like of shape (n_images, n_inputs) or (n_images, height, width) or with colours
        Training images, or all images where there is no test set.
    labels : array-like of shape (n_images,) or (n_images, n_classes)
        Their classes.
    test_images, test_labels : array-like, optional
        The test set; both or neither.
    name : str, optional
        What to call the set.
    image_shape : tuple of int, optional
        Height and width of flat images.
    test_fraction : float, optional
        Share to hold out where no test set is given, from 0 up to but not including 1.
    value_range : ValueRange, optional
        The values that stand for black and white, where they are known; white below black inverts.
    class_names : mapping of int to str, optional
        Names of classes that are given by number.
    table : bool, optional
        Whether the columns are no pixels, whatever their number.
    framing : {"ink", "whole"}, optional
        See :class:`engram.datasets.Dataset`; images on no dark ground are framed as photographs in any case.
    description : str, optional
        Where the images come from.

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
    steps = [description.rstrip(".")] if description else []
    images, shape = as_rows(images, image_shape, "images", steps, table=table)
    _warn_of_standardised(images, shape)
    if test_images is None:
        (labels,), names = read_labels(labels)
        if len(labels) != len(images):
            raise DataError(
                f"labels must hold one label per image, got {len(labels):,} labels for {len(images):,} images; "
                "give as many of each."
            )
        train, test = stratified_split(labels, round(len(labels) * test_fraction))
        steps.append(f"{len(test):,} of {len(labels):,} {_kind(shape)}, stratified, are held out for testing")
        images, test_images, labels, test_labels = images[train], images[test], labels[train], labels[test]
    else:
        test_images, _ = as_rows(test_images, image_shape, "test_images", [], table=table)
        (labels, test_labels), names = read_labels(labels, test_labels)
    warn_of_labels(labels, test_labels, names or class_names or {}, name)
    _check_finite(images, "images")
    _check_finite(test_images, "test_images")
    asked = value_range is not None
    if not asked:
        value_range = _found_range(images, shape, table, steps)
    else:
        value_range = check_value_range(value_range, 2 * images.shape[1])
        steps.append(f"values are taken as {describe_range(value_range)}, as asked for")
    ground = find_ground(images, shape, value_range)
    if ground == "light" and not asked:
        value_range, ground = value_range[::-1], "dark"
        steps.append("dark ink on light ground is inverted")
    _warn_of_one_value(images, name)
    _warn_of_test_scale(images, test_images, value_range, name)
    return Dataset(
        name=name,
        train_images=to_pixels(images, value_range),
        train_labels=labels,
        test_images=to_pixels(test_images, value_range),
        test_labels=test_labels,
        image_shape=shape,
        description=_sentence(steps),
        class_names=names or class_names or {},
        value_range=value_range,
        framing=framing if ground == "dark" else "photo",
    )


def load_npz(path: str | Path, options: Options = DEFAULTS) -> Dataset:
    """Load a data set from an ``.npz`` file; `from_arrays` tells how its arrays are taken.

    Parameters
    ----------
    path : str or Path
        A file with the keys ``images, labels``, or ``train_images, train_labels, test_images, test_labels``,
        or ``x_train, y_train, x_test, y_test``, or ``data, target`` or ``X, y``. Other keys are ignored.
    options : Options, optional

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
    spelled = {key.lower(): key for key in reversed(present)}
    keys = next((keys for keys in (*_TWO_SETS, *_ONE_SET) if set(keys) <= set(spelled)), None)
    if keys is None:
        raise DataError(
            f"{path.name} holds the keys {', '.join(present) or 'none'}; "
            f"name them in one of these ways: {_EXPECTED_KEYS}."
        )
    keys = tuple(spelled[key] for key in keys)
    arrays = read_npz(path, keys)
    return from_arrays(*(arrays[key] for key in keys), name=path.stem, **_for_arrays(options))


def load_npy(path: str | Path, options: Options = DEFAULTS) -> Dataset:
    """Load images from ``NAME.npy``, labels from ``NAME-labels.npy`` or ``NAME_labels.npy`` beside it.

    Parameters
    ----------
    path : str or Path
        The file with the images; `from_arrays` tells how they are taken.
    options : Options, optional

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
    return from_arrays(read_npy(path), read_npy(labels), name=path.stem, **_for_arrays(options))


def _kind(shape):
    return "rows" if shape is None else "images"


def _check_finite(values, name):
    """Raise DataError for what is no number, before its scale is judged."""
    if values.dtype.kind not in "buif" or (values.size and not np.isfinite([values.min(), values.max()]).all()):
        check_images(values, name=name)


def _found_range(images, shape, table, steps):
    """The scale of the training images, told where it is not that of 8-bit pixels."""
    if images.size == 0:
        return 0.0, 255.0
    if wrapped_around(images):
        raise DataError(
            "images are int8 with negative values: pixels above 127 have wrapped around, or all were shifted; give"
            " images.view('uint8') in the first case, value_range=(-128, 127) in the second."
        )
    if shape is None and (table or images.shape[1] < SMALLEST_SIDE**2):
        steps.append(
            "each column is scaled from its own smallest and largest value to 0–255, and enters twice, the second time"
            " turned round"
        )
        return find_column_ranges(images)
    if images.max() < 0 or (images.min() < 0 and images.max() == 0):
        check_images(images, name="images")  # tells that they are negative
    value_range = find_value_range(images)
    if value_range != (0.0, 255.0):
        steps.append(f"pixels are scaled from {describe_range(value_range)} to 0–255")
    if images.dtype.kind == "f" and value_range[1] not in (1.0, 255.0) and value_range[0] == 0:
        steps[-1] += ", the largest value taken as white"
    return value_range


def _warn_of_standardised(images, shape):
    if shape is not None and standardised(images):
        warnings.warn(
            "images are standardised: every pixel has mean 0 and variance 1, which makes noise of the border as strong"
            " as ink; give them as they were before.",
            DataWarning,
            stacklevel=3,
        )


def _warn_of_one_value(images, name):
    if images.size and images.min() == images.max():
        warnings.warn(
            f"every pixel of the images of {name} is {images.flat[0]:g}, so that there is nothing to learn; look at how"
            " they were made.",
            DataWarning,
            stacklevel=3,
        )


def _warn_of_test_scale(images, test_images, value_range, name):
    trouble = on_scale(test_images, value_range)
    if trouble and trouble != on_scale(images, value_range):
        warnings.warn(
            f"the test images of {name} are too {trouble} for the scale of the training images,"
            f" {describe_range(value_range)}; bring both to one scale.",
            DataWarning,
            stacklevel=3,
        )


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


def _load(path, options=DEFAULTS, progress=None):
    return load_npy(path, options) if _is_npy(path) else load_npz(path, options)


def _for_arrays(options):
    """The options that arrays take."""
    return {"image_shape": options.image_shape, "value_range": options.value_range}


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
    options=("image_shape", "value_range"),
)
