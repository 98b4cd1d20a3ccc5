"""One training run from beginning to end: learn, keep checkpoints, label, test, draw."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engram._version import __version__
from engram.callbacks import Callback, Callbacks
from engram.config import TrainingConfig
from engram.errors import HealthError, Interrupted, RuleError, RunFolderError
from engram.evaluation import label_neurons, measure_accuracy
from engram.model import Model
from engram.model_file import save_model
from engram.run_folder import RunFolder
from engram.training import BLOCK, Training


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run is kept and ended, none of which changes what it computes.

    Parameters
    ----------
    checkpoint_seconds : float
        At least this often a checkpoint is written.
    checkpoint_examples : int, optional
        Also after each this many images.
    checkpoint : Path, optional
        The checkpoint to resume from, instead of the newest.
    evaluate, figures : bool
        Whether to label and test, and to draw, at the end.
    threads : int, optional
        For labelling and testing; as many as there are processors by default.
    strict : bool
        Whether to stop as soon as the network is found ill, see :mod:`engram.health`.
    """

    checkpoint_seconds: float = 30.0
    checkpoint_examples: int | None = None
    checkpoint: Path | None = None
    evaluate: bool = True
    figures: bool = True
    threads: int | None = None
    strict: bool = False


def start_run(folder: RunFolder, config: TrainingConfig, *, overwrite: bool) -> None:
    """Take a folder for a new run; it is held until released.

    Raises
    ------
    RunFolderError
        If it already holds a run, and that is not to be overwritten.
    """
    if folder.holds_run and not overwrite:
        raise RunFolderError(
            f"{folder.path} already holds a run; continue it with --resume, replace it with --overwrite, or choose"
            " another folder with --out."
        )
    existed = folder.path.exists()
    if not folder.holds_run and folder.path.is_dir() and any(p.name[0] != "." for p in folder.path.iterdir()):
        raise RunFolderError(f"{folder.path} holds other files and no run; choose an empty or new folder with --out.")
    folder.acquire()
    try:
        if folder.holds_run:
            folder.clear()
        folder.write_config(config)
    except BaseException:
        folder.release()
        if not existed:
            _remove_if_empty(folder.path)
        raise


def run_training(
    folder: RunFolder,
    training: Training,
    options: RunOptions | None = None,
    callbacks: Iterable[Callback | Callable] = (),
) -> tuple[Model, dict]:
    """Train to the end, then label, test and draw.

    Parameters
    ----------
    folder : RunFolder
        Held, with its configuration written.
    training : Training
        New, or restored from a checkpoint.
    options : RunOptions, optional
    callbacks : iterable of Callback or callable

    Returns
    -------
    model : Model
    summary : dict
        What ``summary.json`` says.

    Raises
    ------
    Interrupted
        After Ctrl-C, once the state is saved.
    HealthError
        If the options are strict and the network is ill; the state is saved.
    RuleError
        If the rule made weights that are not numbers; the last checkpoint stands.
    RunFolderError
        If the disk is full or the folder cannot be written; the last checkpoint stands, and the training in memory
        can be saved elsewhere with ``save_model(training.model(), path)`` or go on.
    """
    options, callbacks = options or RunOptions(), Callbacks(callbacks)
    try:
        return _run(folder, training, options, callbacks)
    except (RuleError, HealthError):
        folder.write_summary(summarize(training))
        raise
    finally:
        callbacks.on_end(training)


def _run(folder: RunFolder, training: Training, options: RunOptions, callbacks: Callbacks) -> tuple[Model, dict]:
    with deferred_interrupt() as interrupted:
        training.prepare()
        _compile_counting_meanwhile(training, options)
        callbacks.on_start(training)
        last_save = time.monotonic()
        while not training.done:
            progress = training.learn_block()
            callbacks.on_progress(progress, training)
            ill = options.strict and training.health.findings
            due = time.monotonic() - last_save >= options.checkpoint_seconds
            every = options.checkpoint_examples
            due |= every is not None and progress.examples // every > (progress.examples - BLOCK) // every
            if due or interrupted() or ill or training.done:
                save_checkpoint(folder, training)
                last_save = time.monotonic()
            if interrupted():
                raise Interrupted
            if ill:
                raise HealthError(". ".join(map(str, training.health.findings)))
    model = training.model()
    summary = summarize(training)
    save_model(model, folder.model_file)
    folder.write_summary(summary)
    evaluation = None
    if options.evaluate:
        simulator = training.simulator
        readout = label_neurons(
            simulator,
            training.dataset,
            training.config.label_examples,
            threads=options.threads,
            on_progress=callbacks.on_count,
        )
        model = replace(model, readout=readout)
        save_model(model, folder.model_file)
        n_test = training.config.test_examples
        evaluation = measure_accuracy(
            simulator,
            readout,
            training.dataset.test_images[:n_test],
            training.dataset.test_labels[:n_test],
            threads=options.threads,
            on_progress=callbacks.on_count,
        )
        summary |= {"evaluation": evaluation.to_dict(), "accuracy": evaluation.accuracy}
        folder.write_summary(summary)
    if options.figures:
        from engram.run_figures import draw_run

        callbacks.on_figure(draw_run(folder, model, training.dataset, training.metrics, evaluation))
    return model, summary


def save_checkpoint(folder: RunFolder, training: Training) -> None:
    """Write the state and the learning curve so far."""
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.write_metrics(training.metrics)


def summarize(training: Training) -> dict:
    """A run's figures, before evaluation."""
    simulator = training.simulator
    norm = np.abs(simulator.state.weights).sum(axis=0, dtype=np.float64)
    return {
        "version": __version__,
        "seconds": training.seconds,
        "examples": training.examples,
        "presentations": simulator.presentations,
        "examples_per_second": training.examples / training.seconds if training.seconds else 0.0,
        "ms_per_example": 1000 * training.seconds / training.examples if training.examples else 0.0,
        "l1_norm": _mean_and_sd(norm),
        "theta": _mean_and_sd(simulator.state.theta),
        "silent_images": training.silent_images,
        "stopped": training.stop_reason or None,
        "health": [finding.to_dict() for finding in training.health.findings],
        "euler_overshot": simulator.overshot,
        "input_gain": simulator.input_gain,
        "dataset": training.dataset.name,
    }


def _mean_and_sd(values: np.ndarray) -> dict[str, float | None]:
    """As JSON can hold them: None for what is not finite."""
    pair = {"mean": float(values.mean()), "sd": float(values.std())}
    return {name: value if np.isfinite(value) else None for name, value in pair.items()}


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for a good moment: yields a function that tells whether it came; a second one acts at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def note(signum, frame):
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _compile_counting_meanwhile(training: Training, options: RunOptions) -> None:
    """Compile the kernel that labels and tests on another thread while training runs, which leaves it the time."""
    if not options.evaluate or training.simulator.kernel != "compiled":
        return

    def compile_counting():
        training.small_simulator().count_spikes(np.zeros((1, 1), np.float32))

    threading.Thread(target=compile_counting, daemon=True).start()


def _remove_if_empty(path: Path) -> None:
    for name in (".lock", ".holder.json"):
        (path / name).unlink(missing_ok=True)
    try:
        path.rmdir()
    except OSError:
        return
