"""The contract: what a data set is, and the checks that every array of images or labels passes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from engram.datasets.recordings import Recordings
from engram.datasets.scale import PIXELS, ValueRange, check_value_range, n_columns
from engram.datasets.splits import stratified_split
from engram.errors import DataError
from engram.named import NamedParameters
from engram.wording import example_noun, in_sizes

FRAMINGS = ("ink", "whole", "photo")
"""How a picture is brought to the size of the images, see `Dataset`."""


@dataclass(frozen=True, eq=False)
class Dataset(NamedParameters):
    """Labelled images for training and for testing, checked when created.

    Pixels are on the scale 0–255, whether stored as uint8 or as float32; labels are kept as they are.

    Parameters
    ----------
    name : str
        What the set is called in messages and run folders.
    train_images : ndarray of shape (n_train, n_inputs), uint8 or float32
        Images to learn from, one flattened image per row.
    train_labels : ndarray of shape (n_train,), int64
        Their classes; at least two different ones.
    test_images : ndarray of shape (n_test, n_inputs), uint8 or float32
        Held-out images, never used for weights or for labelling neurons. There may be none.
    test_labels : ndarray of shape (n_test,), int64
        Their classes.
    image_shape : tuple of int, optional
        Height and width of an image, where its rows and columns are known.
    description : str, optional
        One sentence: where the images come from and how they were prepared or split.
    class_names : mapping of int to str, optional
        Names of the classes, where they have any.
    value_range : ValueRange, optional
        What black and white were before, see :mod:`engram.datasets.scale`: a network keeps it, to read further arrays.
    framing : {"ink", "whole", "photo"}, optional
        How a picture from elsewhere becomes such an image: cropped to its ink, which is centred; as a whole, dark ink
        turned bright; or as a whole as it is, since there is no ground to tell ink from.
    train_recordings, test_recordings : Recordings, optional
        The events that the images show the counts of, where they are recordings of an event camera.

    Attributes
    ----------
    classes : tuple of int
        The labels that occur in either part, sorted.

    Raises
    ------
    DataError
        If images or labels cannot be used; the message says which, and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from engram.datasets import Dataset
    >>> images = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    >>> Dataset("two", images, np.array([3, 7]), images[:1], np.array([3])).classes
    (3, 7)
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    image_shape: tuple[int, int] | None = None
    description: str = ""
    class_names: Mapping[int, str] = field(default_factory=dict)
    value_range: ValueRange = PIXELS
    framing: str = "ink"
    train_recordings: Recordings | None = None
    test_recordings: Recordings | None = None
    classes: tuple[int, ...] = field(init=False)

    def __post_init__(self):
        """Check every part and bring it to its form."""
        train_images = check_images(self.train_images, name="train_images")
        if len(train_images) == 0:
            raise DataError(
                f"the training set of '{self.name}' holds no images; give at least two of different classes."
            )
        n_inputs = train_images.shape[1]
        test_images = check_images(self.test_images, n_inputs, name="test_images")
        train_labels = check_labels(self.train_labels, len(train_images), name="train_labels")
        test_labels = check_labels(self.test_labels, len(test_images), name="test_labels")
        for recordings, images in ((self.train_recordings, train_images), (self.test_recordings, test_images)):
            if recordings is not None and (len(recordings), recordings.layout.n_inputs) != images.shape:
                raise DataError(
                    f"the recordings of '{self.name}' must be as many as its images and have their inputs, got"
                    f" {len(recordings):,} of {recordings.layout.n_inputs:,} for images of shape {images.shape}."
                )
        if self.framing not in FRAMINGS:
            raise DataError(f"framing must be one of {', '.join(FRAMINGS)}, got {self.framing!r}.")
        found = np.unique(train_labels)
        if len(found) < 2:
            raise DataError(
                f"the training labels of '{self.name}' hold only one class, {found[0]}; "
                "give images of at least two classes."
            )
        # A frozen dataclass can set its own checked values only this way.
        for key, value in {
            "train_images": train_images,
            "train_labels": train_labels,
            "test_images": test_images,
            "test_labels": test_labels,
            "image_shape": _check_image_shape(self.image_shape, n_inputs),
            "class_names": {int(label): str(name) for label, name in dict(self.class_names).items()},
            "value_range": check_value_range(self.value_range, n_inputs),
            "classes": tuple(np.union1d(found, test_labels).tolist()),
        }.items():
            object.__setattr__(self, key, value)

    def __repr__(self):
        """Tell what the set holds, not its pixels."""
        return (
            f"Dataset('{self.name}': {len(self.train_images):,} training and "
            f"{len(self.test_images):,} test {self._kind} of {self._size}, {len(self.classes)} classes)"
        )

    @property
    def title(self) -> str:
        """The name with size and numbers, which tells sets of one name apart."""
        return f"{self.name}, {self._size}, {len(self.train_images):,} + {len(self.test_images):,} {self._kind}"

    @property
    def noun(self) -> str:
        """What one of its examples is called: an image, a recording, or a row of a table."""
        return example_noun(self.image_shape, self.train_recordings is not None)

    @property
    def _kind(self) -> str:
        return f"{self.noun}s"

    @property
    def _size(self) -> str:
        shape = self.image_shape if self.train_recordings is None else self.train_recordings.layout.sensor_shape
        if isinstance(self.value_range[0], tuple):
            return f"{n_columns(self.value_range, self.n_inputs)} columns"
        return in_sizes("{}", shape) if shape else f"{self.n_inputs} inputs"

    def class_name(self, label: int) -> str:
        """What a class is called: its name, or its number where it has none."""
        return self.class_names.get(int(label), str(int(label)))

    @property
    def n_inputs(self) -> int:
        """Pixels per image."""
        return self.train_images.shape[1]

    def content_hash(self) -> str:
        """SHA-256 over pixels, labels and image shape: tells a resumed run that its data are the same.

        The name and the description do not enter: a moved or renamed file is still the same data.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        digest = hashlib.sha256(f"image_shape {self.image_shape}".encode())
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{little_endian.dtype.str} {array.shape}".encode())
            digest.update(little_endian.data if array.size else b"")
        for recordings in (self.train_recordings, self.test_recordings):
            if recordings is not None:
                recordings.add_to(digest)
        return digest.hexdigest()

    def first(self, n_train: int | None = None, n_test: int | None = None) -> "Dataset":
        """The same data cut to the first images of each part.

        Parameters
        ----------
        n_train, n_test : int, optional
            How many training and test images to keep, in stored order; all where not given.

        Returns
        -------
        Dataset
            The smaller set; its description tells of the cut.

        Raises
        ------
        DataError
            If more images are asked for than there are.
        """
        for asked, images, part in (
            (n_train, self.train_images, "training"),
            (n_test, self.test_images, "test"),
        ):
            if asked is not None and not 0 <= asked <= len(images):
                raise DataError(
                    f"'{self.name}' has {len(images):,} {part} images, {asked:,} were asked for; "
                    f"ask for a number from 0 to {len(images):,}."
                )
        cuts = [f"first {n:,} {part} images" for n, part in ((n_train, "training"), (n_test, "test")) if n is not None]
        if not cuts:
            return self
        return replace(
            self,
            train_images=self.train_images[:n_train],
            train_labels=self.train_labels[:n_train],
            test_images=self.test_images[:n_test],
            test_labels=self.test_labels[:n_test],
            train_recordings=None if self.train_recordings is None else self.train_recordings[:n_train],
            test_recordings=None if self.test_recordings is None else self.test_recordings[:n_test],
            description=f"{self.description} Cut to the {' and the '.join(cuts)}.".strip(),
        )

    def held_out(self, n: int) -> "Dataset":
        """The same data with some training images, drawn once, in place of the test images.

        Parameters
        ----------
        n : int
            How many, of each class in proportion; see :func:`engram.datasets.stratified_split`.

        Returns
        -------
        Dataset
            Its training part lacks them.

        Raises
        ------
        DataError
            If there are not so many that each class keeps some to learn from.
        """
        if not 0 < n < len(self.train_images):
            raise DataError(
                f"'{self.name}' has {len(self.train_images):,} training images, {n:,} were to be held out; hold out a"
                " smaller number."
            )
        train, test = stratified_split(self.train_labels, n)
        recordings = self.train_recordings
        return replace(
            self,
            train_images=self.train_images[train],
            train_labels=self.train_labels[train],
            test_images=self.train_images[test],
            test_labels=self.train_labels[test],
            train_recordings=None if recordings is None else recordings[train],
            test_recordings=None if recordings is None else recordings[test],
            description=f"{self.description} {len(test):,} training images stand in place of the test images.".strip(),
        )


def check_images(images, n_inputs: int | None = None, name: str = "images") -> np.ndarray:
    """Check an array of images and bring it to the form that the kernels take.

    Values stay as they are; only the type changes: booleans and whole numbers up to 255 become uint8,
    everything else float32.

    Parameters
    ----------
    images : array-like of shape (n_images, n_inputs)
        Pixel values, zero or positive.
    n_inputs : int, optional
        Number of pixels that every image must have.
    name : str, optional
        How to call the array in an error message.

    Returns
    -------
    ndarray of shape (n_images, n_inputs), uint8 or float32
        In C order; the given array itself where it already fits.

    Raises
    ------
    DataError
        If the array is not two-dimensional and numeric, has another number of pixels than asked, or
        holds negative, NaN or infinite values.
    """
    try:
        array = np.asarray(images)
    except ValueError:
        raise DataError(
            f"{name} must be a rectangular array, got rows of different lengths; give every image the same size."
        ) from None
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name} must hold numbers, got values of type {array.dtype}; convert them to uint8 or float32."
        )
    if array.ndim != 2:
        raise DataError(
            f"{name} must have two dimensions (n_images, n_inputs), got shape {array.shape}; "
            "flatten each image into one row."
        )
    if array.shape[1] == 0 or (n_inputs is not None and array.shape[1] != n_inputs):
        expected = f"{n_inputs:,}" if n_inputs is not None else "at least 1"
        raise DataError(
            f"{name} must have {expected} pixels per image, got {array.shape[1]:,}; "
            "give images of the size that the others have."
        )
    if len(array) == 0:
        return np.zeros(array.shape, np.uint8 if array.dtype.kind in "bui" else np.float32)
    if array.dtype.kind == "u" and array.dtype.itemsize == 1:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite and is told below
        array = np.ascontiguousarray(array, dtype=np.uint8 if _fits_uint8(array) else np.float32)
    # NaN passes through min and max, so no temporary array of flags is needed.
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        first = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise DataError(
            f"{name} must be finite, got NaN or an infinite value in image {first}; replace or remove such images."
        )
    if low < 0:
        first = int(np.flatnonzero((array < 0).any(axis=1))[0])
        raise DataError(
            f"{name} must not be negative, got {low:g} (first in image {first}); shift pixels to the scale 0–255."
        )
    return array


def check_labels(labels, n_images: int | None = None, name: str = "labels") -> np.ndarray:
    """Check an array of labels.

    Parameters
    ----------
    labels : array-like of shape (n_images,)
        Whole numbers, one per image; a float that is whole is accepted.
    n_images : int, optional
        Number of images that the labels belong to.
    name : str, optional
        How to call the array in an error message.

    Returns
    -------
    ndarray of shape (n_images,), int64
        The labels.

    Raises
    ------
    DataError
        If labels are not whole numbers, or not one per image.
    """
    try:
        array = np.asarray(labels)
    except ValueError:
        raise DataError(
            f"{name} must have one dimension, got rows of different lengths; give one label per image."
        ) from None
    if array.ndim != 1:
        raise DataError(f"{name} must have one dimension, got shape {array.shape}; give one label per image.")
    if n_images is not None and len(array) != n_images:
        raise DataError(
            f"{name} must hold one label per image, got {len(array):,} labels for {n_images:,} images; "
            "give as many of each."
        )
    if len(array) == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "buif":
        raise DataError(f"{name} must be whole numbers, got {array.flat[0]!r}; number the classes 0, 1, 2 ….")
    limit = 2**62
    whole = np.isfinite(array) & (array == np.round(array)) & (array > -limit) & (array < limit)
    if not whole.all():
        raise DataError(f"{name} must be whole numbers, got {array[~whole][0]:g}; number the classes 0, 1, 2 ….")
    return np.ascontiguousarray(array, dtype=np.int64)


def _fits_uint8(array):
    """Whether whole numbers lie on the scale 0–255."""
    return array.dtype.kind == "b" or (array.dtype.kind in "ui" and array.min() >= 0 and array.max() <= 255)


def _check_image_shape(image_shape, n_inputs):
    """Height and width as plain ints, their product equal to the number of pixels."""
    if image_shape is None:
        return None
    shape = tuple(int(side) for side in image_shape)
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != n_inputs:
        raise DataError(
            f"image_shape must be (height, width) with height × width = {n_inputs:,} pixels, "
            f"got {image_shape}; give the shape that the images had before they were flattened."
        )
    return shape
