"""What is open in the studio now, and who looks at it."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig, names_code
from engram.datasets import named_sources
from engram.errors import ConfigError, DataError, HeldError
from engram.model import Model
from engram.model_file import load_model
from engram.model_input import load_for
from engram.models import FOLDER, shipped_models
from engram.networks.catalogue import DIEHL_COOK
from engram.plasticity.records import rule_record
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run
from engram.studio.learner import LEARNING, Learner
from engram.studio.moments import Glimpse, Moment
from engram.studio.watching import Still, Watched
from engram.training import Training

MOST_NEURONS = 6400
"""A page may ask for so many, which learn at some ten images a second; more on the command line."""

MOST_PARTS = 1024
"""Filters, or neurons of a first layer, that a page may ask for."""

MOST_WEIGHTS = 1 << 26
"""Neurons times inputs that a page may ask for: 256 MiB in single precision."""

WANTS = ("", "glimpse", "moment")
"""What a page may want of a network that learns, in order of what it costs."""

DRAWINGS_KEPT = 16
"""Readings of drawn pictures that can still be downloaded."""


class Desk:
    """What is open: one network that learns, is watched, or is looked into, and models that read.

    Parameters
    ----------
    folder : str or Path
        Runs, models and data outside it cannot be reached.
    allow_code : bool
        Whether a rule's text may be run.
    options : RunOptions, optional
        How runs are kept and ended.
    """

    def __init__(self, folder: str | Path = ".", *, allow_code: bool = False, options: RunOptions | None = None):
        self.folder, self.allow_code, self.options = Path(folder).resolve(), allow_code, options
        self.subject: Learner | Watched | Still | None = None
        self.version = 0
        self.drawings: OrderedDict[str, tuple] = OrderedDict()
        self.kept_answers = None
        self.lock, self._counting, self._loading = threading.RLock(), threading.Lock(), threading.Lock()
        self._listeners: list[tuple[Callable[[], None], Callable[[], str]]] = []
        self._datasets: dict[str, object] = {}
        self._readers: OrderedDict[str, Model] = OrderedDict()

    # who looks

    def listen(self, ring: Callable[[], None], wants: Callable[[], str]) -> Callable[[], None]:
        """Have a page told of changes, and let it say what it wants of them, see :class:`Learner`; returns what ends
        it."""
        listener = (ring, wants)
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def n_pages(self) -> int:
        """Pages that are open."""
        return len(self._listeners)

    def wanted(self) -> str:
        """The most that any page wants which is on a screen and has drawn what it got before; empty for nothing."""
        return max((wants() for _, wants in list(self._listeners)), key=WANTS.index, default="")

    def changed(self) -> None:
        """There is something new to see; from any thread."""
        with self._counting:
            self.version += 1
        for ring, _ in list(self._listeners):
            ring()

    # what is open

    def new(self, options: dict) -> None:
        """Put a new network on the desk, not yet learning.

        Raises
        ------
        ConfigError, DataError
            If an option cannot be used, or the images are not here.
        """
        config = TrainingConfig.from_dict(self._checked(options))
        dataset = self._dataset(config)
        if config.neurons * dataset.n_inputs > MOST_WEIGHTS:
            raise ConfigError(f"{config.neurons:,} neurons on {dataset.n_inputs:,} pixels are too many for a page.")
        self._put(self._learner(Training(config, dataset)))

    def open(self, name: str) -> None:
        """Open a run or a model: gone on with if it is not finished, watched if another process is doing it.

        Raises
        ------
        EngramError
            If there is none, or it cannot be read.
        """
        if name in {model.name for model in shipped_models()}:
            self._put(Still(load_model(FOLDER / f"{name}.safetensors"), name))
            return
        path, subject = self.within(name), self.subject
        folder = RunFolder(path)
        if not folder.config_file.is_file():
            self._put(Still(load_model(path), path))
        elif isinstance(subject, Learner) and subject.path == path and subject.phase in _OPEN:
            return
        else:
            self._put(self._run(folder))

    def close(self) -> None:
        """Save and let go of what is open."""
        with self.lock:
            if self.subject is not None:
                self.subject.close()

    def model_of(self, name: str) -> Model:
        """The network that is to read: ``current`` for the one that is open, else a shipped model or a path."""
        if name == "current":
            return self.moment(fresh=True).model
        with self.lock:
            if name not in self._readers:
                shipped = {model.name: model.path for model in shipped_models()}
                model = load_model(shipped.get(name) or self.within(name))
                self._readers[name] = model
                while len(self._readers) > 3:
                    self._readers.popitem(last=False)
            return self._readers[name]

    def moment(self, *, fresh: bool = False) -> Moment:
        """How the network that is open stands."""
        if self.subject is None:
            raise ConfigError("Nothing is open; start a new network or open a run.")
        return self.subject.moment(fresh=fresh)

    def glimpse(self) -> Glimpse | Moment | None:
        """What pages show of the network that is open."""
        return None if self.subject is None else self.subject.glimpse()

    def dataset(self):
        """The images of the network that is open.

        Raises
        ------
        DataError
            If they are not here.
        """
        subject = self.subject
        if isinstance(subject, Learner):
            return subject.training.dataset
        return self._images_of(self.moment().model)

    def images_for(self, model: Model):
        """Images for a model to read: those it was trained on, else digits, which come with engram, if they fit.

        Raises
        ------
        DataError
            If neither is here.
        """
        subject = self.subject
        if isinstance(subject, Learner) and subject.training.dataset.name == model.dataset:
            return subject.training.dataset
        try:
            return self._images_of(model)
        except DataError:
            digits = self._dataset(TrainingConfig(dataset="digits"))
            if digits.image_shape != model.image_shape:
                raise
            return digits

    def remember(self, key: str, drawing: tuple) -> None:
        """Keep a reading for downloads; the oldest go."""
        with self.lock:
            self.drawings[key] = drawing
            while len(self.drawings) > DRAWINGS_KEPT:
                self.drawings.popitem(last=False)

    def within(self, name: str | Path) -> Path:
        """A path below the folder that the studio was started in.

        Raises
        ------
        ConfigError
            If it leads out of it.
        """
        path = None if "\0" in str(name) else (self.folder / str(name)).resolve()
        if path is None or not path.is_relative_to(self.folder):
            raise ConfigError(
                f"{str(name)[:200]!r} lies outside the folder that the studio was opened in, {self.folder}."
            )
        return path

    # as JSON

    def state(self) -> dict:
        """Everything that a page says in words and numbers of what is open."""
        subject = self.subject
        if subject is None:
            return {"version": self.version, "kind": "none", "phase": "ready", "message": ""}
        seen = subject.glimpse()
        common = {
            "version": self.version,
            "kind": subject.kind,
            "phase": subject.phase,
            "message": subject.message,
            "path": self._shown_path(subject.path),
            "examples": seen.examples,
            "is_labelled": seen.is_labelled,
            "pages": self.n_pages,
        }
        if isinstance(subject, Learner):
            known = {"classes": seen.classes} if isinstance(seen, Moment) else {}
            return common | _state_of_learner(subject) | known
        accuracy = None if subject.evaluation is None else subject.evaluation.accuracy
        last = subject.metrics[-1] if subject.metrics else {}
        return (
            common
            | _state_of_model(subject.glimpse())
            | {"total": subject.total, "test_accuracy": accuracy, "accuracy": last.get("accuracy")}
        )

    def metrics(self) -> list[dict]:
        """The learning curve of what is open."""
        subject = self.subject
        if subject is None:
            return []
        return subject.training.metrics if isinstance(subject, Learner) else subject.metrics

    def thetas(self) -> tuple[list[int], np.ndarray]:
        """The thresholds over the time of what is open; see :meth:`Learner.thetas`."""
        if self.subject is None:
            raise ConfigError("Nothing is open; start a new network or open a run.")
        return self.subject.thetas()

    def runs(self) -> list[str]:
        """The runs and models in the folder and in its ``runs``."""
        places = [self.folder, *self.folder.glob("*/"), *self.folder.glob("runs/*/")][:500]
        found = {p for p in places if (p / "config.toml").is_file() or (p / "model.safetensors").is_file()}
        found |= set(list(self.folder.glob("*.safetensors"))[:100])
        return sorted(str(self._shown_path(path)) for path in found)

    # within

    def _put(self, subject) -> None:
        with self.lock:
            if isinstance(self.subject, Learner) and self.subject.phase in LEARNING:
                subject.close()
                raise ConfigError("A network is learning; pause or finish it first.")
            if self.subject is not None:
                self.subject.close()
            self.subject, self.kept_answers = subject, None
            if isinstance(subject, Learner):
                subject.prepare_ahead()
        self.changed()

    def _learner(self, training: Training, folder: RunFolder | None = None) -> Learner:
        return Learner(
            training,
            self.folder / "runs",
            folder,
            on_change=self.changed,
            wanted=self.wanted,
            options=self.options,
        )

    def _run(self, folder: RunFolder):
        """A run, as far as it is."""
        is_held = folder.is_held  # before whether it is finished: it may come to its end meanwhile
        if folder.is_finished:
            return Still(load_model(folder.path), folder.path, folder.read_metrics(), folder.read_evaluation())
        if not is_held:
            with contextlib.suppress(HeldError):  # by a process that took it since
                return self._unfinished(folder)
        return Watched(folder)

    def _unfinished(self, folder: RunFolder):
        """A run that nobody is doing, to be gone on with; without the means for that, to be looked at."""
        config = folder.read_config()
        try:
            if names_code(config.to_dict()):
                raise DataError("Code of one's own is only run where it is named on the command line.")
            return self._learner(resume_run(folder, load=self._dataset), folder)
        except DataError:
            model, metrics, *_ = folder.read_unfinished()
            return Still(model, folder.path, metrics)

    def _images_of(self, model: Model):
        """The images that a model was trained on; the last two sets are kept."""
        name = model.config.get("dataset", model.dataset)
        if name not in named_sources():
            self.within(name)
        return self._kept(f"{name} {model.config.get('data', {})} as {model.class_names}", lambda: load_for(model))

    def _kept(self, key: str, load: Callable):
        """A set of images, loaded once by whoever asks for it first while it is among the last two."""
        with self._loading:
            if key not in self._datasets:
                self._datasets[key] = load()
            found = self._datasets[key]
            while len(self._datasets) > 2:
                self._datasets.pop(next(iter(self._datasets)))
            return found

    def _dataset(self, config: TrainingConfig):
        """The images of a configuration; only named sets and what lies in the folder."""
        if config.dataset not in named_sources():
            path = self.within(config.dataset)
            if not path.exists():
                raise DataError(f"There is no data set {config.dataset!r} and no such file in {self.folder}.")
            config = config.replace(dataset=str(path))
        return self._kept(f"{config.dataset} {config.data} {config.validation_examples}", config.load_data)

    def _checked(self, options: dict) -> dict:
        """Options that a page may give."""
        if not isinstance(options, dict):
            raise ConfigError(f"The options of a network must be a table, got {type(options).__name__}.")
        if names_code(options) or "start" in options:
            raise ConfigError("Code of one's own is trained on the command line: engram train --rule file.py:Class.")
        _check_parts(options.get("network", {}))
        neurons = options.get("neurons", 400)
        if not isinstance(neurons, int) or not 1 <= neurons <= MOST_NEURONS:
            raise ConfigError(f"neurons must be 1 to {MOST_NEURONS:,} in the studio, got {neurons!r}.")
        return options

    def _shown_path(self, path) -> str | None:
        if path is None or isinstance(path, str):
            return path
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)


_OPEN = ("ready", "compiling", "learning", "paused", "labelling", "testing", "drawing")


def _check_parts(network) -> None:
    """Raise ConfigError where a page asks for more of a network's parts than are sensible for one."""
    for name in ("maps", "hidden"):
        value = network.get(name, 1) if isinstance(network, dict) else 1
        if isinstance(value, (int, float)) and not 1 <= value <= MOST_PARTS:
            raise ConfigError(f"network.{name} must be 1 to {MOST_PARTS:,} in the studio, got {value!r}.")


def _state_of_model(moment: Moment) -> dict:
    model = moment.model
    return {
        "neurons": model.network.n_neurons,
        "shape": moment.shape,
        "dataset": model.dataset,
        "rule": model.rule_record["rule"],
        "classes": moment.classes,
        "layers": moment.layers,
        "network_name": model.config.get("network", {}).get("kind", DIEHL_COOK),
    }


def _state_of_learner(learner: Learner) -> dict:
    training, progress = learner.training, learner.progress
    simulator = training.simulator
    return {
        **learner.about,
        "total": training.total,
        "seconds": training.seconds,
        "rate": learner.rate,
        "speed": learner.speed,
        "accuracy": None if progress is None else progress.accuracy,
        "l1_norm": None if progress is None else [progress.l1_norm_mean, progress.l1_norm_sd],
        "spikes": None if progress is None else progress.spikes_per_image,
        "silent_images": training.silent_images,
        "ailing": list(training.health.active),
        "health": [finding.to_dict() for finding in training.health.findings],
        "counted": list(learner.counted),
        "changes": list(learner.changes),
        "preset": training.config.preset,
        "constants": rule_record(training.rule)["constants"],
        "network": {name: getattr(simulator.network, name) for name in _CHANGED if hasattr(simulator.network, name)},
        "label": _name(training.dataset, learner.glimpse().label),
    }


def _name(dataset, label: int | None) -> str | None:
    """What a class is called."""
    return None if label is None else dataset.class_names.get(label, str(label))


_CHANGED = ("theta_plus", "w_inh_exc")
"""Constants of the network that a page changes while it learns."""
