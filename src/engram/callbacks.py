"""What is told of a run while it goes: progress bars, metrics, early stops, snapshots.

The command line and the estimators call the same methods; a class of one's own overrides those it needs. Callbacks
watch: they may read the training, save it, or ask it to stop, and change nothing else, so a run computes the same
with and without them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from engram.bars import Bars, NotebookBar, bars_on, in_notebook
from engram.errors import ConfigError
from engram.named import NamedParameters
from engram.validation import check_count, check_finite

if TYPE_CHECKING:
    from engram.training import Progress, Training


class Callback(NamedParameters):
    """Base of everything that follows a run; its methods do nothing.

    Attributes
    ----------
    every : int
        Images between two calls of :meth:`on_progress`, rounded up to whole blocks of
        :data:`engram.training.BLOCK` images. The last block is always told.
    """

    every: int = 1

    def on_start(self, training: Training) -> None:
        """Training begins, or goes on."""

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Some images were learned from; ``training.stop(reason)`` ends the run here."""

    def on_count(self, what: str, done: int, total: int) -> None:
        """So many images were shown with learning off, or so many figures drawn."""

    def on_wait(self, what: str) -> None:
        """Something begins that may take more than a second, and of which no steps are told."""

    def on_figure(self, paths: list[Path]) -> None:
        """A figure was drawn."""

    def on_end(self, training: Training) -> None:
        """Nothing more will be learned, or an error ended the run."""


class Callbacks(Callback):
    """Several callbacks as one, each called as often as it wants.

    Parameters
    ----------
    callbacks : iterable of Callback or callable, optional
        A plain function is called with the progress and the training after every block.
    """

    def __init__(self, callbacks: Iterable[Callback | Callable] | Callback | Callable | None = None):
        if callbacks is None:
            callbacks = ()
        elif isinstance(callbacks, Callback) or callable(callbacks):
            callbacks = (callbacks,)
        if not isinstance(callbacks, Iterable) or isinstance(callbacks, str):
            raise ConfigError(f"callbacks must be a Callback, a function, or a list of these, got {callbacks!r:.100}.")
        self.callbacks = [_as_callback(callback) for callback in callbacks]
        self._before = 0

    def on_start(self, training: Training) -> None:
        """Tell all."""
        self._before = training.examples
        for callback in self.callbacks:
            callback.on_start(training)

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Tell those whose turn it is."""
        for callback in self.callbacks:
            if training.done or progress.examples // callback.every > self._before // callback.every:
                callback.on_progress(progress, training)
        self._before = progress.examples

    def on_count(self, what: str, done: int, total: int) -> None:
        """Tell all."""
        for callback in self.callbacks:
            callback.on_count(what, done, total)

    def on_wait(self, what: str) -> None:
        """Tell all."""
        for callback in self.callbacks:
            callback.on_wait(what)

    def on_figure(self, paths: list[Path]) -> None:
        """Tell all."""
        for callback in self.callbacks:
            callback.on_figure(paths)

    def on_end(self, training: Training) -> None:
        """Tell all."""
        for callback in self.callbacks:
            callback.on_end(training)


class Metrics(Callback):
    """Keeps the progress of a run, and whatever else is to be measured on the way.

    Parameters
    ----------
    every : int
        Images between two records.
    measure : callable, optional
        Called with the training; the dict that it returns joins the record.

    Attributes
    ----------
    records : list of dict
        One per call: the fields of :class:`engram.training.Progress` and what `measure` returned.

    Examples
    --------
    >>> from engram.callbacks import Metrics
    >>> largest = Metrics(every=500, measure=lambda training: {"w": float(training.simulator.state.weights.max())})
    """

    def __init__(self, every: int = 1000, measure: Callable[[Training], dict] | None = None):
        check_count("every", every)
        self.every, self.measure = every, measure
        self.records: list[dict] = []

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Add a record."""
        self.records.append(asdict(progress) | (self.measure(training) if self.measure else {}))


class EarlyStopping(Callback):
    """Ends a run whose neurons answer no better than before.

    Parameters
    ----------
    every : int
        Images between two looks at the running accuracy, which is of the last 1,000 images.
    patience : int
        Looks without a rise after which the run ends.
    min_rise : float
        A smaller rise of the accuracy counts as none.

    Notes
    -----
    The learning rates of most rules fall towards the planned end; a run that stops early ends with a higher one.
    """

    def __init__(self, every: int = 1000, patience: int = 5, min_rise: float = 0.0):
        check_count("every", every)
        check_count("patience", patience)
        check_finite("min_rise", min_rise)
        self.every, self.patience, self.min_rise = every, patience, min_rise
        self.on_start(None)

    def on_start(self, training: Training | None) -> None:
        """Forget the run before."""
        self.best, self.looks = -math.inf, 0  # the first look always counts as a rise

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Look whether the accuracy rose."""
        if progress.accuracy is None:
            raise ConfigError("EarlyStopping watches the accuracy, which needs labels; fit with y.")
        if progress.accuracy > self.best + self.min_rise:
            self.best, self.looks = progress.accuracy, 0
            return
        self.looks += 1
        if self.looks >= self.patience:
            training.stop(f"the accuracy did not rise over {self.looks * self.every:,} images")


class Snapshot(Callback):
    """Saves the network, not yet labelled, while it learns.

    Parameters
    ----------
    path : str or Path
        A model file; ``{examples}`` in its name becomes the number of images learned from. Without it, each snapshot
        replaces the one before.
    every : int
        Images between two snapshots.

    Examples
    --------
    >>> from engram.callbacks import Snapshot
    >>> callback = Snapshot("snapshots/{examples}.safetensors", every=1000)
    """

    def __init__(self, path: str | Path, every: int = 1000):
        check_count("every", every)
        self.path, self.every = path, every

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Save the network."""
        from engram.files import make_folder
        from engram.model_file import save_model

        path = Path(str(self.path).replace("{examples}", str(progress.examples)))
        make_folder(path.parent)
        save_model(training.model(), path)


class ProgressBar(Callback):
    """Shows how far a run is: in a notebook as part of its page, else on standard error.

    A terminal has bars; a pipe or the log of a cluster gets a line every few per cent, with the time that is left.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw; standard error by default.
    quiet : bool
        Show nothing.
    """

    def __init__(self, console=None, *, quiet: bool = False):
        self.console, self.quiet = console, quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, int] = {}

    def on_start(self, training: Training) -> None:
        """Open the bar."""
        self.close()
        self._tasks = {}
        self._bars = NotebookBar() if in_notebook() and not self.quiet else bars_on(self.console, quiet=self.quiet)
        self._tasks["training"] = self._bars.add_task("training", training.total, training.examples)

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Move the bar."""
        if self._bars is not None:
            self._bars.update(self._tasks["training"], completed=progress.examples, note=describe(progress, training))

    def on_count(self, what: str, done: int, total: int) -> None:
        """Move the bar of labelling, testing or drawing."""
        if self._bars is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total)
        self._bars.update(self._tasks[what], completed=done)

    def on_wait(self, what: str) -> None:
        """Say what is waited for."""
        if self._bars is not None:
            self._bars.wait(what)

    def on_end(self, training: Training) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Close the bar."""
        if self._bars is not None:
            self._bars.close()
        self._bars = None

    def __getstate__(self):
        """A copy starts with no bar open."""
        return {**self.__dict__, "_bars": None, "_tasks": {}}


def describe(progress: Progress, training: Training) -> str:
    """Where training stands, in one line: speed, accuracy, weights, and what ails it."""
    parts = [f"{training.examples / max(training.seconds, 1e-9):,.0f} {training.dataset.noun}s/s"]
    if progress.accuracy is not None:
        parts.append(f"accuracy {100 * progress.accuracy:.1f} %")
    parts.append(f"L1 norm {progress.l1_norm_mean:.1f} ± {progress.l1_norm_sd:.1f}")
    parts += [f"[bold red]{kind}[/]" for kind in progress.health]
    return ", ".join(parts)


class _Function(Callback):
    """A plain function as a callback."""

    def __init__(self, function: Callable):
        self.function = function

    def on_progress(self, progress: Progress, training: Training) -> None:
        self.function(progress, training)


def _as_callback(callback: Callback | Callable) -> Callback:
    if isinstance(callback, Callback):
        return callback
    if not callable(callback) or isinstance(callback, type):
        raise ConfigError(f"callbacks must be engram.Callback objects or functions, got {callback!r}.")
    try:
        inspect.signature(callback).bind(None, None)
    except TypeError:
        name = getattr(callback, "__name__", repr(callback))
        raise ConfigError(
            f"A callback function is called with two arguments, (progress, training); {name} takes"
            f" {inspect.signature(callback)}."
        ) from None
    except ValueError:
        pass  # written in C: Python does not know what it takes
    return _Function(callback)
