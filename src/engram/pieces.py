"""One run of a comparison or a sweep, begun or gone on with wherever there is a free worker.

All that passes between a worker and whoever handed out the piece lies in the run's folder, which both must see: the
checkpoints from which another worker goes on, how far the piece is, and what came out.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engram._version import __version__
from engram.callbacks import Callback
from engram.config import TrainingConfig, code_named
from engram.datasets.base import Dataset
from engram.errors import ConfigError, Interrupted
from engram.files import exists, read_regular, to_json, write_atomically
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run
from engram.training import Training

PROGRESS, STOP = ".progress.json", ".stop"
"""Where a piece tells how far it is, in its folder; and what, in the folder above, asks all pieces to stop."""

_SECONDS = 0.5
_MAX_BYTES = 1 << 12


@dataclass(frozen=True)
class Piece:
    """A run to be done, in a form that travels.

    Parameters
    ----------
    folder : str
        The run's folder, an absolute path.
    options : dict
        The run's configuration, see :meth:`engram.config.TrainingConfig.to_dict`.
    threads : int, optional
        As many as there are processors by default.
    figures : bool
        Whether to draw the run's figures.
    batch : str
        Pieces of one batch share the images that a worker has read.
    """

    folder: str
    options: dict = field(hash=False)
    threads: int | None = None
    figures: bool = False
    batch: str = ""
    checkpoint_seconds: float = 30.0

    @property
    def config(self) -> TrainingConfig:
        """The run's configuration."""
        return TrainingConfig.from_dict(self.options)

    @property
    def run(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.folder)

    @property
    def is_done(self) -> bool:
        """Whether the run was trained and tested."""
        return "accuracy" in self.run.read_summary()

    def check(self) -> None:
        """Raise ConfigError where the folder holds another run, or one that another version made."""
        if not self.run.holds_run:
            return
        if self.run.read_config() != self.config:
            raise ConfigError(f"{self.folder} holds a run with other options; choose another folder with --out.")
        version = self.run.read_summary().get("version", __version__)
        if version != __version__:
            raise ConfigError(
                f"{self.folder} holds a run of engram {version}, this is {__version__}, in which the same options may"
                " stand for other constants; choose another folder with --out, or go on with that version."
            )


@dataclass(frozen=True)
class Standing:
    """How far a piece is.

    Attributes
    ----------
    stage : str
        "training", "labelling" or "testing".
    done, total : int
        Images.
    accuracy : float or None
        While it learns.
    worker : str
        Host and process.
    """

    stage: str
    done: int
    total: int
    accuracy: float | None
    worker: str

    @classmethod
    def of(cls, piece: Piece) -> Standing | None:
        """What a piece last told of itself; None before it did."""
        try:
            told = json.loads(read_regular(Path(piece.folder) / PROGRESS, _MAX_BYTES))
            accuracy = None if told["accuracy"] is None else float(told["accuracy"])
            return cls(str(told["stage"]), int(told["done"]), int(told["total"]), accuracy, str(told["worker"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


class Told(Callback):
    """Writes how far a piece is into its folder, and stops it, saved, where the folder above says so."""

    def __init__(self, folder: str | Path):
        self.file, self.stop_file = Path(folder) / PROGRESS, Path(folder).parent / STOP
        self._next = 0.0

    def on_progress(self, progress, training) -> None:
        """Tell of learning."""
        self._tell("training", progress.examples, progress.total, progress.accuracy)

    def on_count(self, what: str, done: int, total: int) -> None:
        """Tell of labelling and testing."""
        self._tell(what, done, total, None)

    def _tell(self, stage: str, done: int, total: int, accuracy: float | None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        if exists(self.stop_file):
            raise Interrupted(f"Asked to stop by {self.stop_file}.")
        told = {"stage": stage, "done": done, "total": total, "accuracy": accuracy, "worker": worker_name()}
        write_atomically(self.file, to_json(told), durable=False)


def worker_name() -> str:
    """Host and process."""
    return f"{platform.node()}:{os.getpid()}"


def work(piece: Piece) -> str:
    """Bring a piece to its end, in a process that does nothing else; return who did it."""
    finish(piece, functools.partial(_kept_data, piece.batch), [Told(piece.folder)])
    return worker_name()


def finish(piece: Piece, load: Callable[[TrainingConfig], Dataset], callbacks: Iterable[Callback] = ()) -> None:
    """Train and test a run, from its last checkpoint if it has one.

    Parameters
    ----------
    piece : Piece
    load : callable
        Loads a configuration's images.
    callbacks : iterable of Callback

    Raises
    ------
    Interrupted
        Once the state is saved.
    """
    run, config = piece.run, piece.config
    data = load(config)
    if run.holds_run:
        rule, network, source = (code_named(piece.options, part) or None for part in ("rule", "network", "source"))
        training = resume_run(run, dataset=data, rule=rule, network=network, source=source, threads=piece.threads)
    else:
        training = Training(config, data, threads=piece.threads)
        start_run(run, config, overwrite=False)
    options = RunOptions(threads=piece.threads, figures=piece.figures, checkpoint_seconds=piece.checkpoint_seconds)
    try:
        run_training(run, training, options, callbacks)
    finally:
        with contextlib.suppress(OSError):
            (run.path / PROGRESS).unlink(missing_ok=True)
        run.release()


def data_loader() -> Callable[[TrainingConfig], Dataset]:
    """What loads each set of images once."""
    loaded: dict[str, Dataset] = {}

    def load(config: TrainingConfig) -> Dataset:
        key = json.dumps([config.dataset, config.data, config.validation_examples], sort_keys=True)
        if key not in loaded:
            loaded.clear()  # sets may be large, and runs of one set come together
            loaded[key] = config.load_data()
        return loaded[key]

    return load


@functools.lru_cache(maxsize=1)
def _batch_loader(batch: str) -> Callable[[TrainingConfig], Dataset]:
    return data_loader()


def _kept_data(batch: str, config: TrainingConfig) -> Dataset:
    """The images of a batch, read once by each process."""
    return _batch_loader(batch)(config)
