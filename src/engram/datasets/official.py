"""Published sets of four IDX files: find them, check their content on every load, fetch them where missing."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engram.datasets import download
from engram.datasets.base import Dataset
from engram.datasets.files import open_regular, write_atomically
from engram.datasets.idx import idx_bytes, parse_idx, read_idx
from engram.datasets.options import Progress
from engram.datasets.places import cache_folder, data_folder, trouble
from engram.datasets.registry import CheckedItem, NamedSource
from engram.errors import DataError


@dataclass(frozen=True)
class IdxFile:
    """One of the four files.

    Parameters
    ----------
    name : str
        Without ``.gz``.
    shape : tuple of int
        Its array's.
    sha256 : str, optional
        Of the unpacked content, which is compared on every load.
    md5 : str, optional
        Of the gzipped file as published; compared where no SHA-256 of the content is known.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True, kw_only=True)
class OfficialSet:
    """A published set.

    Parameters
    ----------
    name : str
        What it is called on the command line.
    title : str
        What it is called in sentences.
    description : str
    files : tuple of IdxFile
        Training images, training labels, test images, test labels.
    mirrors : tuple of str
        Addresses of folders that hold the gzipped files, in the order to try them.
    folders : tuple of str
        What the folder may be called in ``$ENGRAM_DATA``, the first one also in the cache.
    class_names : mapping of int to str, optional
    """

    name: str
    title: str
    description: str
    files: tuple[IdxFile, ...]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]
    class_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """Where it is downloaded to."""
        return cache_folder() / self.folders[0]

    @property
    def places(self) -> tuple[Path, ...]:
        """Where it is looked for, in order: in ``$ENGRAM_DATA`` where that is set, then in the user's cache."""
        root = data_folder()
        return (*([root / name for name in self.folders] if root else []), self.cache)

    def find(self) -> Path | None:
        """The first folder that holds all files, or None."""
        return next((folder for folder in self.places if all(_path(folder, file) for file in self.files)), None)

    def load(self) -> Dataset:
        """Load the set, every file checked.

        Raises
        ------
        DataError
            If files are missing or not the official ones.
        """
        folder = self._folder_or_error()
        train_images, train_labels, test_images, test_labels = (self._read(folder, file) for file in self.files)
        return Dataset(
            name=self.name,
            train_images=train_images.reshape(len(train_images), -1),
            train_labels=train_labels,
            test_images=test_images.reshape(len(test_images), -1),
            test_labels=test_labels,
            image_shape=train_images.shape[1:],
            description=self.description,
            class_names=self.class_names,
        )

    def check(self) -> tuple[CheckedItem, ...]:
        """What each file's hash says."""
        folder = self._folder_or_error()
        return tuple(self._checked(folder, file) for file in self.files)

    def fetch(self, progress: Progress | None = None, *, folder: Path | None = None) -> Path:
        """Download what is missing or damaged; a whole set that is on this machine is left where it is.

        Each file is taken from the first mirror that has it with the official content. It is checked in memory and
        written in one step, so that an interrupted or damaged download leaves nothing behind.

        Parameters
        ----------
        progress : callable, optional
            Called as ``progress(file name, bytes received, bytes in all or None)`` again and again.
        folder : Path, optional
            Where to put the files; the cache by default.

        Returns
        -------
        Path
            The folder with the files.

        Raises
        ------
        DataError
            If a file cannot be had from any mirror, or cannot be written.
        """
        if folder is None:
            whole = next((place for place in self.places if self._is_whole(place)), None)
            if whole is not None:
                return whole
        folder = self.cache if folder is None else Path(folder)
        for file in self.files:
            if not self._is_sound(folder, file):
                self._write(folder, file, self._download(file, folder, progress))
        return folder

    def source(self) -> NamedSource:
        """The set as the registry lists it."""
        return NamedSource(
            name=self.name,
            description=self.description,
            n_train=self.files[0].shape[0],
            n_test=self.files[2].shape[0],
            find=lambda: None if self.find() is None else str(self.find()),
            load=self.load,
            check=self.check,
            fetch=self.fetch,
        )

    def _folder_or_error(self):
        lacking = {place: [file.name for file in self.files if not _path(place, file)] for place in self.places}
        for place, names in lacking.items():
            if not names:
                return place
        root = data_folder()
        places = ([str(root / self.folders[0])] if root else []) + [str(self.cache)]
        partial = [
            f"{place} lacks {' and '.join(names)}" for place, names in lacking.items() if len(names) < len(self.files)
        ]
        what = (
            f"{self.title} is incomplete ({'; '.join(partial)})" if partial else f"{self.title} is not on this machine"
        )
        if trouble():
            what += f"; {trouble()}"
        raise DataError(
            f"{what}; run 'engram data fetch {self.name}', or place its four files, gzipped or not, in"
            f" {' or '.join(places)}."
        )

    def _read(self, folder, file):
        path = _path(folder, file)
        if folder == self.cache:
            advice = f"download it again with 'engram data fetch {self.name}'"
        else:
            # fetch writes to the cache, which is looked at only after this folder
            advice = f"replace {path}, or remove it and run 'engram data fetch {self.name}'"
        if file.sha256 is None and path.suffix == ".gz":
            _check_md5(path, file.md5, advice)
        return read_idx(path, shape=file.shape, sha256=file.sha256, advice=advice)

    def _checked(self, folder, file):
        path = _path(folder, file)
        try:
            self._read(folder, file)
        except DataError as error:
            return CheckedItem(str(path), False, str(error))
        if file.sha256 is not None:
            return CheckedItem(str(path), True, file.sha256)
        packed = path.suffix == ".gz"
        return CheckedItem(str(path), True, f"md5 {file.md5}" if packed else "only its size: the hash is of the .gz")

    def _is_sound(self, folder, file) -> bool:
        if _path(folder, file) is None:
            return False
        try:
            self._read(folder, file)
        except DataError:
            return False
        return True

    def _is_whole(self, folder) -> bool:
        return all(_path(folder, file) for file in self.files) and all(self._is_sound(folder, f) for f in self.files)

    def _write(self, folder, file, received):
        """Write a file unpacked; packed as it came where that is what its hash is of."""
        name, content = (f"{file.name}.gz", received)
        if file.sha256 is not None:
            name, content = file.name, idx_bytes(_parsed(file, received))
        try:
            write_atomically(folder / name, content)
            if name != file.name:
                (folder / file.name).unlink(missing_ok=True)  # a damaged one would be found first
        except OSError as error:
            raise DataError(
                f"{folder / file.name} cannot be written ({error.strerror or error}); "
                f"make room there, or set ENGRAM_DATA to a folder that holds {self.folders[0]}/."
            ) from None

    def _download(self, file, folder, progress) -> bytearray:
        """The bytes of one file from the first mirror that gives it with the right content."""
        refusals = []
        for mirror in self.mirrors:
            url = f"{mirror.rstrip('/')}/{file.name}.gz"
            try:
                received = download.receive(url, file.name, progress)
                if file.sha256 is None and hashlib.md5(received, usedforsecurity=False).hexdigest() != file.md5:
                    raise DataError(f"{file.name}.gz is not the official file; trying on.")
                _parsed(file, received)
                return received
            except DataError as error:
                refusals.append(f"{url}: {str(error).removesuffix('; trying on.')}")
            except OSError as error:  # every error of requests is one
                refusals.append(f"{url}: {download.brief(error)}")
        raise DataError(
            f"{file.name} could not be downloaded ({'; '.join(refusals)}); try again later, or get the four "
            f"{self.title} files elsewhere and place them, gzipped or not, in {folder}."
        )


def _path(folder, file):
    """The file in the folder, plain or gzipped, or None."""
    return next((path for path in (folder / file.name, folder / f"{file.name}.gz") if path.is_file()), None)


def _parsed(file, received) -> np.ndarray:
    return parse_idx(
        io.BytesIO(received),
        len(received),
        name=file.name,
        shape=file.shape,
        sha256=file.sha256,
        advice="trying on",
    )


def _check_md5(path, expected, advice):
    digest = hashlib.md5(usedforsecurity=False)
    with open_regular(path)[0] as file:
        while piece := file.read(2**20):
            digest.update(piece)
    if digest.hexdigest() != expected:
        raise DataError(
            f"{path.name} is not the official file (md5 {digest.hexdigest()[:12]}…, expected {expected[:12]}…);"
            f" {advice}."
        )
