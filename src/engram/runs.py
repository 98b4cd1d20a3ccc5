"""One training run from beginning to end: learn, keep checkpoints, label, test, draw."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engram._version import __version__
from engram.callbacks import Callback, Callbacks
from engram.config import TrainingConfig, renamed_network
from engram.datasets.base import Dataset
from engram.digests import learned_digest
from engram.errors import ConfigError, HealthError, Interrupted, ModelFileError, RuleError, RunFolderError
from engram.evaluation import Evaluation, check_label_images, label_neurons, measure_accuracy
from engram.files import check_may_be_folder, exists, make_folder
from engram.interrupts import deferred_interrupt, immediate_interrupt
from engram.model import Model
from engram.model_file import load_model
from engram.named import NamedParameters
from engram.networks import Network
from engram.networks.catalogue import DESCRIBED_IN_CODE
from engram.networks.record import parts_of
from engram.presets import scheme_of
from engram.run_folder import RunFolder
from engram.samples import samples_of
from engram.training import BLOCK, Training, norm_and_theta
from engram.user_code import is_own, kind_of

_WATCHED_EVERY, _WATCHED_COST = 0.5, 20.0
"""Of a run that is watched a checkpoint is written every half a second, or so seldom that it costs 5 % of the time."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(NamedParameters):
    """How a run is kept and ended, none of which changes what it computes.

    Parameters
    ----------
    checkpoint_seconds : float
        At least this often a checkpoint is written.
    checkpoint_examples : int, optional
        Also after each this many images.
    evaluate, figures : bool
        Whether to label and test, and to draw, at the end.
    threads : int, optional
        For labelling and testing; as many as there are processors by default.
    strict : bool
        Whether to stop as soon as the network is found ill, see :mod:`engram.health`.
    """

    checkpoint_seconds: float = 30.0
    checkpoint_examples: int | None = None
    evaluate: bool = True
    figures: bool = True
    threads: int | None = None
    strict: bool = False


RUNS = Path("runs")
"""Where runs lie that were given no folder."""


def next_folder(dataset: str, within: str | Path = RUNS) -> Path:
    """A new folder for a run on a dataset; of several that begin at once each gets its own."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(dataset).name or "run")[:100]
    number = 1
    make_folder(Path(within))
    while True:
        folder = Path(within) / f"{name}-{number}"
        try:
            folder.mkdir()  # whoever makes it has it
        except FileExistsError:
            number += 1
        else:
            return folder


def check_place(folder: RunFolder, *, overwrite: bool) -> None:
    """Raise RunFolderError where a new run cannot have a folder: a file lies there, other files, or another run."""
    check_may_be_folder(folder.path, "--out")
    if folder.holds_run and not overwrite:
        raise RunFolderError(
            f"{folder.path} already holds a run; continue it with --resume, replace it with --overwrite, or choose"
            " another folder with --out."
        )
    if _holds_other_files(folder):
        raise RunFolderError(f"{folder.path} holds other files and no run; choose an empty or new folder with --out.")


def start_run(folder: RunFolder, config: TrainingConfig, *, overwrite: bool, start: Model | None = None) -> None:
    """Take a folder for a new run; it is held until released.

    Parameters
    ----------
    folder : RunFolder
    config : TrainingConfig
    overwrite : bool
        Whether a run that the folder holds may be replaced.
    start : Model, optional
        What the training goes on from; a copy is kept in the folder.

    Raises
    ------
    RunFolderError
        If it already holds a run, and that is not to be overwritten.
    """
    check_place(folder, overwrite=overwrite)
    existed = exists(folder.path)
    folder.acquire()
    try:
        if folder.holds_run:
            if not overwrite:  # another process began one since
                raise RunFolderError(f"{folder.path} already holds a run; choose another folder with --out.")
            folder.clear()
        folder.sweep()
        if start is not None:
            folder.write_start(start)
        folder.write_config(config)
    except BaseException:
        folder.release() if existed else folder.abandon()
        raise


def resume_run(
    folder: RunFolder,
    *,
    dataset: Dataset | None = None,
    load: Callable[[TrainingConfig], Dataset] | None = None,
    rule: str | None = None,
    source: str | None = None,
    network: str | Network | None = None,
    checkpoint: str | Path | None = None,
    threads: int | None = None,
    kernel: str = "compiled",
) -> Training:
    """The training of an interrupted run as its last checkpoint has it, or at its beginning where there is none yet.

    Parameters
    ----------
    folder : RunFolder
        It is held from here on, until released.
    dataset : Dataset, optional
        The run's images; loaded by the name that the run has for them if not given.
    load : callable, optional
        Loads them from the run's options instead, to tell of it.
    rule, source : str, optional
        ``file.py:Class``, for a run whose rule or source of spikes is the user's own: what the folder names is never
        run.
    network : str or Network, optional
        Likewise ``file.py:function``, for a run whose network the user's own file describes, or the network that was
        described in code.
    checkpoint : str or Path, optional
        The checkpoint to go on from, instead of the newest.
    threads : int, optional
    kernel : {"compiled", "reference"}

    Raises
    ------
    RunFolderError
        If the folder holds no run, or another process holds it.
    ConfigError
        If the rule or source is not given, or it, the options or the images are not those of the run.
    ModelFileError
        If the checkpoint is damaged.
    """
    config = folder.read_config()
    trusted = _trusted_config(config, rule, source, network, folder)
    described = network if isinstance(network, Network) else None
    folder.acquire()
    try:
        folder.sweep()
        trusted.make_rule(), trusted.make_source()  # what is wrong with them is told before anything is loaded
        start = _start_of(folder, trusted, described)
        kept = folder.read_checkpoint(checkpoint) if checkpoint is not None or folder.checkpoint_files() else None
        data = dataset or (config.load_data() if load is None else load(config))
        training = _training(config, trusted, data, network=described, start=start, threads=threads, kernel=kernel)
        if kept is not None:
            training.restore(*kept, name=str(checkpoint or folder.path))
    except BaseException:
        folder.release()
        raise
    return training


def training_of(
    folder: RunFolder,
    *,
    rule: str | None = None,
    source: str | None = None,
    network: str | None = None,
    dataset: Dataset | None = None,
    kernel: str = "compiled",
) -> Training:
    """The training of a run at its beginning, to be watched once more; the folder stays as it is.

    Parameters and errors are those of :func:`resume_run`.
    """
    config = folder.read_config()
    trusted = _trusted_config(config, rule, source, network, folder)
    start = _start_of(folder, trusted)
    return _training(config, trusted, dataset or config.load_data(), start=start, kernel=kernel)


def _training(config: TrainingConfig, trusted: TrainingConfig, data: Dataset, **options) -> Training:
    """The training of a run by the files that the user names; where these lie by now is no part of the run."""
    training = Training(trusted, data, **options)
    training.config = config
    return training


def _start_of(folder: RunFolder, trusted: TrainingConfig, described: Network | None = None) -> Model | None:
    """The network that a run goes on from, if it does."""
    if not trusted.start:
        return None
    parts = trusted.own_files() if described is None else [*trusted.own_files(), *parts_of(described)]
    return load_model(folder.start_file, parts=parts)


_DOES = {"rule": "learns by the rule", "source": "gets its spikes from the source"}


def _trusted_config(
    config: TrainingConfig, rule: str | None, source: str | None, network: str | Network | None, folder: RunFolder
) -> TrainingConfig:
    """A run's options with the user's own files as the user names them."""
    given = {"rule": rule, "source": source}
    trusted = config.replace(**{part: _trusted(part, config, named, folder) for part, named in given.items()})
    if isinstance(network, Network):
        return trusted
    return trusted.replace(network=renamed_network(config.network, _trusted_network(config, network, folder)))


def _trusted(part: str, config: TrainingConfig, named: str | None, folder: RunFolder) -> str:
    """The rule or source of a run where it is the user's own, as the user names it; else the run's, by its name."""
    own, does = getattr(config, part), f"{folder.path} {_DOES[part]} {getattr(config, part)}"
    if not is_own(own):
        if named is not None and named != own:
            raise ConfigError(f"{does}, not {named}; resume it without --{part}.")
        return own
    if named is None:
        raise ConfigError(
            f"{does}, a file that would be run; if you trust that file, name it again: engram train --resume"
            f" {folder.path} --{part} {own}"
        )
    if kind_of(named) != kind_of(own) or not is_own(named):
        raise ConfigError(f"{does}, not {named}; give path/to/file.py:{kind_of(own)}.")
    return named


def _trusted_network(config: TrainingConfig, named: str | None, folder: RunFolder) -> str:
    """The name of a run's network; that of a file of the user's own as the user names it."""
    own = config.network_name
    if own == DESCRIBED_IN_CODE:
        raise ConfigError(
            f"The network of {folder.path} was described in code; resume it there, with"
            " resume_run(folder, network=...)."
        )
    if named is None and is_own(own):
        raise ConfigError(
            f"{folder.path} has the network {own}, a file that would be run; if you trust that file, name it again:"
            f" engram train --resume {folder.path} --network {own}"
        )
    if named is not None and not (named == own or (is_own(own) and is_own(named) and kind_of(own) == kind_of(named))):
        raise ConfigError(f"{folder.path} has the network {own}, not {named}; give that one.")
    return named or own


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
        New, or from :func:`resume_run`.
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
        After Ctrl-C, or as a terminal closes or the system asks to end, once the state is saved.
    HealthError
        If the options are strict and the network is ill; the state is saved.
    RuleError
        If the rule made weights that are not numbers; the last checkpoint stands.
    RunFolderError
        If the disk is full or the folder cannot be written; the last checkpoint stands, and the training in memory
        can be saved elsewhere with ``save_model(training.model(), path)`` or go on.
    """
    options, told = options or RunOptions(), Callbacks(callbacks)
    if options.evaluate and not training.done:
        _test_part(training)
        check_label_images(training)
    try:
        return _run(folder, training, options, told)
    except (RuleError, HealthError):
        folder.write_summary(summarize(training))
        raise
    finally:
        told.on_end(training)


def _run(folder: RunFolder, training: Training, options: RunOptions, callbacks: Callbacks) -> tuple[Model, dict]:
    try:
        with immediate_interrupt():  # nothing is lost while code is compiled
            training.prepare()
    except KeyboardInterrupt:
        raise Interrupted from None
    with deferred_interrupt() as interrupted:
        callbacks.on_start(training)
        callbacks.on_wait(f"taking the digest of the {training.dataset.noun}s")
        _ = training.dataset_hash  # kept for the checkpoints
        if training.examples:
            folder.write_metrics(training.metrics)  # a kill may have come between the checkpoint's and this
        _learn(folder, training, options, callbacks, interrupted)
    try:
        with immediate_interrupt():
            return _finish(folder, training, options, callbacks)
    except KeyboardInterrupt:
        raise Interrupted from None


def _learn(
    folder: RunFolder, training: Training, options: RunOptions, callbacks: Callbacks, interrupted: Callable[[], bool]
) -> None:
    """Train to the end, with checkpoints on the way."""
    last_save, cost = time.monotonic(), 0.0
    while not training.done and not interrupted():
        progress = training.learn_block()
        try:
            callbacks.on_progress(progress, training)
        except BaseException:  # a callback's error, or a terminal that is gone, costs nothing that was learned
            save_checkpoint(folder, training)
            raise
        ill = options.strict and training.health.serious
        due = time.monotonic() - last_save >= options.checkpoint_seconds
        every = options.checkpoint_examples
        due |= every is not None and progress.examples // every > (progress.examples - BLOCK) // every
        due = due or (time.monotonic() - last_save >= max(_WATCHED_EVERY, _WATCHED_COST * cost) and folder.is_watched)
        if due or interrupted() or ill or training.done:
            begin = time.monotonic()
            save_checkpoint(folder, training)
            last_save = time.monotonic()
            cost = last_save - begin
        if ill:
            raise HealthError(". ".join(map(str, training.health.serious)))
    if interrupted():
        raise Interrupted


def _finish(folder: RunFolder, training: Training, options: RunOptions, callbacks: Callbacks) -> tuple[Model, dict]:
    """Label, test and draw, but for what an earlier process did; what it left is never made worse."""
    model, summary = training.model(), summarize(training)
    found = _model_of(folder, model, parts_of(training.simulator.described))
    if found is None:
        folder.write_model(model)
    before = folder.read_summary()
    evaluation = None
    if found is not None and found.readout is not None and "evaluation" in before:
        model, evaluation = replace(model, readout=found.readout), folder.read_evaluation()
    elif options.evaluate:
        folder.write_summary(summary)
        model, evaluation = _evaluate(folder, training, model, options, callbacks)
    if evaluation is not None:
        _note_answers(training, model, evaluation)
        summary["health"] = [finding.to_dict() for finding in training.health.findings]
        summary |= {"evaluation": evaluation.to_dict(), "accuracy": evaluation.accuracy}
    summary["digest"] = learned_digest(model)
    folder.write_summary(summary)
    if options.figures:
        from engram.run_figures import draw_run

        dataset = training.dataset if isinstance(training.dataset, Dataset) else None  # which has images to show
        drawn = draw_run(folder, model, dataset, training.metrics, evaluation, callbacks.on_count)
        callbacks.on_figure(drawn)
    folder.sweep()
    summary["finished"] = True
    folder.write_summary(summary)
    return model, summary


def _model_of(folder: RunFolder, model: Model, parts: list[type]) -> Model | None:
    """The folder's model, if it is this one, perhaps labelled already."""
    try:
        found = load_model(folder.model_file, parts=parts) if exists(folder.model_file) else None
    except ModelFileError as error:
        if getattr(error.__cause__, "errno", None):  # it is not damaged: the system refuses it, perhaps for now
            raise
        return None
    same = found is not None and (found.presentations, found.config) == (model.presentations, model.config)
    if not same:
        return None
    pairs = zip(found.layers, model.layers, strict=True)
    return found if all(np.array_equal(one.weights, other.weights) for one, other in pairs) else None


def _test_part(training: Training) -> Dataset:
    """The images to test on; a training set alone has none."""
    if not isinstance(training.dataset, Dataset):
        raise ConfigError(
            "There are no images to test on in a TrainingSet; give a Dataset, or train without an evaluation:"
            " RunOptions(evaluate=False)."
        )
    return training.dataset


def _evaluate(
    folder: RunFolder, training: Training, model: Model, options: RunOptions, callbacks: Callbacks
) -> tuple[Model, Evaluation]:
    """Label the neurons, keep the labelled model, and test it."""
    simulator, dataset, config = training.simulator, _test_part(training), training.config
    told: dict[str, Any] = {"threads": options.threads, "on_progress": callbacks.on_count}
    n_images = config.total_label_examples(len(dataset.train_images), simulator.network.n_neurons)
    readout = label_neurons(simulator, dataset, n_images, **told, on_wait=callbacks.on_wait)
    model = replace(model, readout=readout)
    folder.write_model(model)
    images = samples_of(dataset, simulator.source, "test")[: config.test_examples]
    return model, measure_accuracy(simulator, readout, images, dataset.test_labels[: config.test_examples], **told)


def _note_answers(training: Training, model: Model, evaluation: Evaluation) -> None:
    """Tell the health of what labelling and testing found."""
    training.health.note_labels(training.examples, evaluation.unassigned_neurons, len(model.fitted_readout.assigned))
    labels = _test_part(training).test_labels[: training.config.test_examples]
    training.health.note_accuracy(training.examples, evaluation.accuracy[scheme_of(vars(training.config))], labels)


def save_checkpoint(folder: RunFolder, training: Training) -> None:
    """Write the state and the learning curve so far."""
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.write_metrics(training.metrics)


def summarize(training: Training) -> dict:
    """A run's figures, before evaluation."""
    simulator = training.simulator
    return {
        "version": __version__,
        "seconds": training.seconds,
        **({} if training.processor_seconds is None else {"processor_seconds": training.processor_seconds}),
        "examples": training.examples,
        "presentations": simulator.presentations,
        "examples_per_second": training.examples / training.seconds if training.seconds else 0.0,
        "ms_per_example": 1000 * training.seconds / training.examples if training.examples else 0.0,
        **norm_and_theta(*training.layer_state()),
        "silent_images": training.silent_images,
        "stopped": training.stop_reason or None,
        "health": [finding.to_dict() for finding in training.health.findings],
        "euler_overshot": simulator.overshot,
        "input_gain": simulator.input_gain,
        "dataset": training.dataset.name,
    }


def _holds_other_files(folder: RunFolder) -> bool:
    """Whether a folder holds what is no run's; what cannot be read is told when it is taken.

    That is one look: of two, the second may see what a run has that began since the first.
    """
    try:
        names = {entry.name for entry in folder.path.iterdir()}
    except OSError:
        return False
    return any(name[0] != "." for name in names) and names.isdisjoint(folder.own_names)
