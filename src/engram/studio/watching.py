"""Networks that learn elsewhere, or not at all: a run of another process, seen from its folder, and a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engram.errors import EngramError
from engram.evaluation import Evaluation
from engram.files import exists
from engram.model import Model
from engram.model_file import load_model, read_last_checkpoint
from engram.readout import RunningAccuracy
from engram.run_folder import RunFolder, unfinished_in
from engram.studio.moments import Moment

FIRST_SECONDS = 10.0
"""So long a run that has just begun is waited for."""


class Still:
    """A network that does not learn: a model, or a run that is done.

    Parameters
    ----------
    model : Model
    path : Path or str
        Where it lies, or a shipped model's name.
    metrics : list of dict
        The learning curve, where there is one.
    evaluation : Evaluation or None
    """

    kind, phase, message = "model", "finished", ""

    def __init__(self, model: Model, path, metrics: Sequence[dict] = (), evaluation: Evaluation | None = None):
        self.model, self.path, self.metrics, self.evaluation = model, path, list(metrics), evaluation
        self._kept = Moment(model=model, examples=model.examples)

    @property
    def total(self) -> int:
        """Images it was to learn from."""
        return self.model.examples

    def moment(self, *, fresh: bool = False) -> Moment:
        """The network."""
        return self._kept

    def glimpse(self) -> Moment:
        """The network."""
        return self._kept

    def thetas(self) -> tuple[list[int], np.ndarray]:
        """The thresholds at the end; no file keeps those on the way."""
        return [self.model.examples], self._kept.layer().theta[np.newaxis].astype(np.float32)

    def close(self) -> None:
        """Nothing is held."""


class Watched:
    """A run that another process is doing, as its last checkpoint has it.

    While somebody looks, the run is told so and saves its state more often, see :meth:`RunFolder.watch`. Its phase is
    ``watched``, ``left`` where the other process has stopped before the end, or ``finished``.

    Parameters
    ----------
    folder : RunFolder

    Raises
    ------
    EngramError
        If there is nothing to see yet, or it cannot be read.
    """

    kind, message = "watched", ""

    def __init__(self, folder: RunFolder):
        self.folder, self.path, self.phase = folder, folder.path, "watched"
        self.metrics: list[dict] = []
        self.total = 0
        self.evaluation: Evaluation | None = None
        self._looking = threading.Lock()
        self._seen: Path | None = None
        self._kept: Moment | None = None
        self._thetas: list[tuple[int, np.ndarray]] = []
        self._wait_for_something()

    def _wait_for_something(self) -> None:
        """A run that has just begun saves its state soon, once it knows that it is watched."""
        end = time.monotonic() + FIRST_SECONDS
        while True:
            try:
                self.refresh()
                return
            except EngramError:
                if time.monotonic() > end or not self.folder.is_held:
                    raise
                time.sleep(0.2)

    def moment(self, *, fresh: bool = False) -> Moment:
        """The network as last read."""
        return self.glimpse()

    def glimpse(self) -> Moment:
        """The network as last read."""
        if self._kept is None:
            raise EngramError(f"{self.path} has nothing to show yet: its first images are being learned from.")
        return self._kept

    def thetas(self) -> tuple[list[int], np.ndarray]:
        """The thresholds of each checkpoint that was seen."""
        return [n for n, _ in self._thetas], np.array([theta for _, theta in self._thetas], np.float32)

    def refresh(self) -> bool:
        """Read what is new; whether anything is. Of several pages that look at once, one is told."""
        with self._looking:
            return self._refresh()

    def _refresh(self) -> bool:
        if self.phase == "finished":
            return False
        self.folder.watch()
        before, self.phase = self.phase, "watched" if self.folder.is_held else "left"
        files = self.folder.checkpoint_files()
        if files and files[-1] != self._seen and self._read(files[-1]):
            return True
        if exists(self.folder.model_file) and self.folder.is_finished:
            return self._end()
        self.glimpse()  # raises where there is none
        return self.phase != before

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, newest: Path) -> bool:
        try:
            tensors, metadata, name = read_last_checkpoint(self.path)
            model, metrics, done, total = unfinished_in(tensors, metadata, name)
        except EngramError:
            if self._kept is None:
                raise
            return False  # it was replaced meanwhile; the next look finds another
        self._seen, self.metrics, self.total = max(newest, Path(name)), metrics, total  # the newest may be damaged
        self._kept = Moment(model=replace(model, readout=_readout_in(tensors, model)), examples=done)
        self._thetas = [*self._thetas[-499:], (done, self._kept.layer().theta.astype(np.float32))]
        return True

    def _end(self) -> bool:
        model = load_model(self.folder.model_file)
        self.metrics, self.evaluation = self.folder.read_metrics(), self.folder.read_evaluation()
        self._kept, self.phase = Moment(model=model, examples=model.examples), "finished"
        return True


def _readout_in(tensors: dict, model: Model):
    """What the neurons mean so far, by the answers that a checkpoint keeps."""
    if model.readout is not None or "running.responses" not in tensors:
        return model.readout
    responses, seen = tensors["running.responses"], tensors["running.seen"]
    classes = sorted(model.class_names) if len(model.class_names) == len(seen) else range(len(seen))
    running = RunningAccuracy(list(classes), responses.shape[1])
    running.responses, running.seen = responses, seen
    return running.readout()
