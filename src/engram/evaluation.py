"""Labels for the neurons from training images, and accuracy on test images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engram import randomness
from engram.config import label_images
from engram.datasets.base import Dataset
from engram.datasets.recordings import Recordings
from engram.errors import ConfigError, DataError
from engram.model import Model
from engram.networks import DiehlCook
from engram.processors import default_threads
from engram.randomness import Stream
from engram.readout import SCHEMES, Readout, fit_readout
from engram.samples import samples_of
from engram.simulator import Simulator
from engram.training import Training, TrainingSet

OnProgress = Callable[[str, int, int], None]
"""Called with what is being counted, images done and images in all."""


@dataclass(frozen=True)
class Evaluation:
    """How well a labelled network reads test images.

    Attributes
    ----------
    accuracy : dict of str to float
        By scheme, see :class:`engram.readout.Readout`: the share of images that were answered, and rightly.
    per_class : dict of str to dict of str to float
        By scheme and class; classes without test images are left out.
    confusion : dict of str to ndarray of shape (n_classes, n_classes + 1)
        By scheme: images of class (row) answered as class (column); the last column counts those without an answer.
    classes : ndarray of shape (n_classes,)
    n_label, n_test : int
    silent_images : int
        Test images that drew too few spikes at any intensity.
    unanswered_images : int
        Test images that drew no spike of a neuron that has a class: wrong in every accuracy.
    unassigned_neurons : int
    seconds : float
    """

    accuracy: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: dict[str, np.ndarray]
    classes: np.ndarray
    n_label: int
    n_test: int
    silent_images: int
    unassigned_neurons: int
    seconds: float
    unanswered_images: int = 0

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {
            "accuracy": self.accuracy,
            "per_class": self.per_class,
            "confusion": {scheme: matrix.tolist() for scheme, matrix in self.confusion.items()},
            "classes": self.classes.tolist(),
            "n_label": self.n_label,
            "n_test": self.n_test,
            "silent_images": self.silent_images,
            "unanswered_images": self.unanswered_images,
            "unassigned_neurons": self.unassigned_neurons,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, values: dict) -> Evaluation:
        """The evaluation that :meth:`to_dict` wrote."""
        confusion = {scheme: np.array(matrix) for scheme, matrix in values["confusion"].items()}
        read: dict[str, Any] = {**values, "confusion": confusion, "classes": np.array(values["classes"])}
        return cls(**read)


def label_neurons(
    simulator: Simulator,
    dataset: Dataset | TrainingSet,
    n_images: int,
    *,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Readout:
    """Learn what a network's spikes mean, from training images alone, shown with learning off.

    Parameters
    ----------
    simulator : Simulator
    dataset : Dataset or TrainingSet
    n_images : int
        How many, drawn from the training images by the network's seed; all, if there are no more.
    threads : int, optional
        As many as there are processors by default; the result does not depend on it.
    on_progress, on_wait : callable, optional
        The latter is told what is done once all are shown.
    """
    counts, labels = label_spikes(simulator, dataset, n_images, threads=threads, on_progress=on_progress)
    if on_wait is not None:
        on_wait("learning what the neurons' spikes mean")
    return fit_readout(counts, labels)


def label_spikes(
    simulator: Simulator,
    dataset: Dataset | TrainingSet,
    n_images: int,
    *,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What :func:`label_neurons` goes by: the spike counts of those training images, and their labels."""
    chosen = images_to_label_from(simulator.seed, len(dataset.train_images), n_images)
    images = samples_of(dataset, simulator.source)[chosen]
    counts, _ = count_images(simulator, images, "labelling", threads, on_progress)
    return counts, labels_of(dataset)[chosen]


def images_to_label_from(seed: int, n_train: int, n_images: int) -> np.ndarray:
    """Which training images the labels come from, in ascending order; shape (min(n_images, n_train),)."""
    return np.sort(randomness.generator(seed, Stream.LABELS).permutation(n_train)[:n_images])


def labels_of(dataset: Dataset | TrainingSet) -> np.ndarray:
    """The classes of the training images; of some that have none, no neuron can be labelled."""
    if dataset.train_labels is None:
        raise DataError("The training images have no labels, so that no neuron gets one; train without, --no-evaluate.")
    return dataset.train_labels


def check_label_images(training: Training) -> None:
    """Raise ConfigError where the neurons cannot be labelled in the end, before anything is learned."""
    labels, config = labels_of(training.dataset), training.config
    n_images = config.total_label_examples(len(labels), training.simulator.network.n_neurons)
    chosen = images_to_label_from(config.seed, len(labels), n_images)
    found = len(np.unique(labels[chosen]))
    if found < 2:
        raise ConfigError(
            f"Labels for the neurons need images of two classes or more, and the {len(chosen):,} chosen of"
            f" {len(labels):,} training images are of {found}; raise label_examples ({n_images:,}), or"
            " train without labels, --no-evaluate."
        )


def measure_accuracy(
    simulator: Simulator,
    readout: Readout,
    images,
    labels,
    *,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Accuracy on images that took no part in weights or labels.

    Parameters
    ----------
    simulator : Simulator
    readout : Readout
    images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255, or what the simulator's source takes.
    labels : ndarray of shape (n_images,), int

    Raises
    ------
    DataError
        If there are no images.
    """
    if len(images) == 0:
        raise DataError("There are no test images; give a dataset with a test part, or train with --no-evaluate.")
    begin = time.perf_counter()
    counts, _ = count_images(simulator, images, "testing", threads, on_progress)
    classes, answered = np.union1d(readout.classes, labels), readout.answered(counts)
    accuracy, per_class, confusion = {}, {}, {}
    for scheme in SCHEMES:
        answers = readout.predict(counts, scheme)
        matrix = np.zeros((len(classes), len(classes) + 1), np.int64)
        columns = np.where(answered, np.searchsorted(classes, answers), len(classes))
        np.add.at(matrix, (np.searchsorted(classes, labels), columns), 1)
        shown = matrix.sum(axis=1)
        accuracy[scheme] = float(np.mean((answers == labels) & answered))
        per_class[scheme] = {
            str(label): float(matrix[k, k] / shown[k]) for k, label in enumerate(classes) if shown[k] > 0
        }
        confusion[scheme] = matrix
    return Evaluation(
        accuracy=accuracy,
        per_class=per_class,
        confusion=confusion,
        classes=classes,
        n_label=readout.n_label,
        n_test=len(labels),
        silent_images=int(np.sum(counts.sum(axis=1) < simulator.protocol.min_spikes)),
        unanswered_images=int(np.sum(~answered)),
        unassigned_neurons=readout.unassigned_neurons,
        seconds=time.perf_counter() - begin,
    )


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    label_examples: int | None = None,
    test_examples: int | None = None,
    input_delay: float = 0.0,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Model, Evaluation]:
    """Test a model, labelling its neurons first if it has no labels yet or a number of label images is given.

    Parameters
    ----------
    model : Model
    dataset : Dataset
    label_examples, test_examples : int, optional
    input_delay : float
        Input synapses delay their spikes by up to this many ms, as in [DC15]'s testing.
    threads : int, optional
    on_progress : callable, optional

    Returns
    -------
    model : Model
        With its readout.
    evaluation : Evaluation
    """
    check_fits(model, dataset)
    if isinstance(model.network, DiehlCook):
        model_shown = replace(model, network=replace(model.network, max_input_delay=input_delay))
    elif input_delay:
        raise ConfigError("Only the network of Diehl and Cook takes an input delay; leave --input-delay out.")
    else:
        model_shown = model
    simulator = model_shown.simulator()
    readout = model.readout
    if readout is None or label_examples is not None:
        n_images = label_examples or label_images(model.network.n_neurons)
        readout = label_neurons(simulator, dataset, n_images, threads=threads, on_progress=on_progress)
        model = replace(model, readout=readout)
    images = samples_of(dataset, simulator.source, "test")[:test_examples]
    labels = dataset.test_labels[:test_examples]
    return model, measure_accuracy(simulator, readout, images, labels, threads=threads, on_progress=on_progress)


def check_fits(model: Model, dataset: Dataset) -> None:
    """Raise ConfigError where a dataset's images are not of the model's size."""
    if dataset.n_inputs != model.network.n_inputs:
        raise ConfigError(
            f"The model reads {model.noun}s of {model.network.n_inputs:,} inputs, those of {dataset.name} have"
            f" {dataset.n_inputs:,}; give a dataset of the same size."
        )


def all_as_test(model: Model, dataset: Dataset) -> Dataset:
    """A dataset with all of its images to test on.

    Raises
    ------
    ConfigError
        If the model was trained on it.
    """
    if dataset.name in (model.dataset, model.config.get("dataset")):
        raise ConfigError(
            f"The model was trained on {dataset.name}; test on its held-out images, without --all-images."
        )
    train, test = dataset.train_recordings, dataset.test_recordings
    return replace(
        dataset,
        test_recordings=_one_after_the_other(train, test),
        test_images=np.concatenate((dataset.train_images, dataset.test_images)),
        test_labels=np.concatenate((dataset.train_labels, dataset.test_labels)),
    )


def _one_after_the_other(train: Recordings | None, test: Recordings | None) -> Recordings | None:
    return test if train is None else train if test is None else train.followed_by(test)


def count_images(
    simulator: Simulator,
    images,
    what: str = "reading",
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """:meth:`Simulator.count_spikes` on as many threads as there are processors, telling what it is for."""

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(what, done, len(images))

    return simulator.count_spikes(images, threads=threads or default_threads(), on_progress=report)
