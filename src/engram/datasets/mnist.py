"""MNIST: find the four official files, check their content on every load, fetch them where missing."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engram.datasets.base import Dataset
from engram.datasets.files import write_atomically
from engram.datasets.idx import idx_bytes, parse_idx, read_idx
from engram.datasets.registry import CheckedItem, NamedSource, Progress
from engram.errors import DataError


class MnistFile(NamedTuple):
    """One of the four files: its name without ``.gz``, its array's shape and its uncompressed SHA-256."""

    name: str
    shape: tuple[int, ...]
    sha256: str


FILES = (
    MnistFile(
        "train-images-idx3-ubyte",
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

_MAX_DOWNLOAD = 64 * 2**20  # bytes; the largest file has 9.9 million, uncompressed 47 million
_TIMEOUT = 30  # seconds without an answer


def mnist_folders() -> tuple[Path, ...]:
    """Where MNIST is looked for, in order.

    Returns
    -------
    tuple of Path
        ``$ENGRAM_DATA/mnist`` where that variable is set, then the user's cache folder.
    """
    root = os.environ.get("ENGRAM_DATA")
    return (*([Path(root).expanduser() / "mnist"] if root else []), _cache_folder())


def load_mnist(files: tuple[MnistFile, ...] = FILES) -> Dataset:
    """Load MNIST [1]_, 60,000 training and 10,000 test images of 28×28 pixels.

    The SHA-256 of every uncompressed file is compared with the official one on every load.

    Parameters
    ----------
    files : tuple of MnistFile, optional
        What the training images, training labels, test images and test labels must be.

    Returns
    -------
    Dataset
        ``n_inputs`` is 784, the labels are 0–9.

    Raises
    ------
    DataError
        If files are missing or not the official ones.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86:2278 (1998).
    """
    folder = _folder_or_error(files)
    train_images, train_labels, test_images, test_labels = (_read(folder, file) for file in files)
    return Dataset(
        name="mnist",
        train_images=train_images.reshape(len(train_images), -1),
        train_labels=train_labels,
        test_images=test_images.reshape(len(test_images), -1),
        test_labels=test_labels,
        image_shape=train_images.shape[1:],
        description=_DESCRIPTION,
    )


def fetch_mnist(
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    mirrors: Iterable[str] = MIRRORS,
    files: tuple[MnistFile, ...] = FILES,
) -> Path:
    """Download MNIST into the user's cache folder; files that are there and sound are kept.

    Each file is taken from the first mirror that has it with the official content. It is checked in memory
    and written, uncompressed, in one step, so that an interrupted or damaged download leaves nothing behind.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(file name, bytes received, bytes in all or None)`` again and again.
    folder : Path, optional
        Where to put the files, the cache folder by default.
    mirrors : iterable of str, optional
        Addresses of folders that hold the gzipped files, in the order to try them.
    files : tuple of MnistFile, optional
        What to fetch.

    Returns
    -------
    Path
        The folder with the files.

    Raises
    ------
    DataError
        If a file cannot be had from any mirror, or cannot be written.
    """
    folder = Path(folder) if folder is not None else _cache_folder()
    mirrors = tuple(mirrors)
    for file in files:
        if not _is_sound(folder, file):
            content = idx_bytes(_download(file, mirrors, folder, progress))
            try:
                write_atomically(folder / file.name, content)
            except OSError as error:
                raise DataError(
                    f"{folder / file.name} cannot be written ({error.strerror or error}); "
                    "make room there, or set ENGRAM_DATA to a folder that holds mnist/."
                ) from None
    return folder


def _cache_folder():
    import platformdirs

    return platformdirs.user_cache_path("engram") / "data" / "mnist"


def _path(folder, file):
    """The file in the folder, plain or gzipped, or None."""
    return next((path for path in (folder / file.name, folder / f"{file.name}.gz") if path.is_file()), None)


def _find_folder(files=FILES):
    """The first folder that holds all files, or None."""
    return next((folder for folder in mnist_folders() if all(_path(folder, file) for file in files)), None)


def _folder_or_error(files):
    folder = _find_folder(files)
    if folder is not None:
        return folder
    places = " or ".join(str(folder) for folder in mnist_folders())
    partial = [
        f"{folder} lacks {' and '.join(file.name for file in files if not _path(folder, file))}"
        for folder in mnist_folders()
        if any(_path(folder, file) for file in files)
    ]
    what = f"MNIST is incomplete ({'; '.join(partial)})" if partial else "MNIST is not on this machine"
    raise DataError(f"{what}; run 'engram data fetch mnist', or place its four files, gzipped or not, in {places}.")


def _read(folder, file):
    path = _path(folder, file)
    if folder == _cache_folder():
        advice = "download it again with 'engram data fetch mnist'"
    else:
        # fetch writes to the cache, which is looked at only after this folder
        advice = f"replace {path}, or remove it and run 'engram data fetch mnist'"
    return read_idx(path, shape=file.shape, sha256=file.sha256, advice=advice)


def _is_sound(folder, file):
    path = _path(folder, file)
    if path is None:
        return False
    try:
        read_idx(path, shape=file.shape, sha256=file.sha256)
    except DataError:
        return False
    return True


def _download(file, mirrors, folder, progress) -> np.ndarray:
    """The array of one file from the first mirror that gives it with the right content."""
    refusals = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}.gz"
        try:
            received = _receive(url, file.name, progress)
            return parse_idx(
                io.BytesIO(received),
                len(received),
                name=file.name,
                shape=file.shape,
                sha256=file.sha256,
                advice="trying on",
            )
        except DataError as error:
            refusals.append(f"{url}: {str(error).removesuffix('; trying on.')}")
        except OSError as error:  # every error of requests is one
            refusals.append(f"{url}: {_brief(error)}")
    raise DataError(
        f"{file.name} could not be downloaded ({'; '.join(refusals)}); try again later, or get the four "
        f"MNIST files elsewhere and place them, gzipped or not, in {folder}."
    )


def _receive(url, name, progress):
    """The bytes at an address, in memory."""
    import pooch

    sink = _Sink(name, progress)
    # The sink also poses as the progress bar: that is how the downloader tells it the size in advance.
    pooch.HTTPDownloader(progressbar=sink, chunk_size=2**16, timeout=_TIMEOUT)(url, sink, None)
    return sink.received


class _Sink:
    """A file in memory that takes a bounded number of bytes and reports progress."""

    def __init__(self, name, progress):
        self.received = bytearray()
        self.total = 0
        self._name, self._progress = name, progress

    def write(self, piece):
        """Take a piece, as a file does."""
        if len(self.received) + len(piece) > _MAX_DOWNLOAD:
            raise DataError(f"more than {_MAX_DOWNLOAD:,} bytes were sent; trying on.")
        self.received += piece
        if self._progress is not None:
            self._progress(self._name, len(self.received), self.total or None)

    def flush(self):
        """Do nothing: there is no disk behind this file."""

    def update(self, n):
        """Do nothing: `write` reports what really came."""

    def reset(self):
        """Do nothing."""

    def close(self):
        """Do nothing: the content is still needed."""


def _brief(error):
    """The innermost reason of a network error, without the layers around it."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"status {response.status_code}"
    return type(error).__name__


def _find():
    folder = _find_folder()
    return None if folder is None else str(folder)


def _check():
    folder = _folder_or_error(FILES)
    items = []
    for file in FILES:
        try:
            _read(folder, file)
        except DataError as error:
            items.append(CheckedItem(str(_path(folder, file)), False, str(error)))
        else:
            items.append(CheckedItem(str(_path(folder, file)), True, file.sha256))
    return tuple(items)


_DESCRIPTION = "MNIST, 70,000 handwritten digits of 28×28 pixels."

SOURCE = NamedSource(
    name="mnist",
    description=_DESCRIPTION,
    n_train=60_000,
    n_test=10_000,
    find=_find,
    load=load_mnist,
    check=_check,
    fetch=fetch_mnist,
)
