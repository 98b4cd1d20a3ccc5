"""Images as spikes, with what engram answers: what an export is compared by, wherever it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engram.encoders import MEAN_INK
from engram.errors import DataError
from engram.exchange.frozen import FrozenNetwork
from engram.model import Model


@dataclass(frozen=True, eq=False)
class Presentations:
    """Input spikes of some images, and every spike that the network answers with in double precision.

    Attributes
    ----------
    n_steps : int
        How long each image is shown; each meets a network at rest.
    inputs, exc, inh : ndarray of shape (n_spikes, 3), int64
        Spikes as (image, neuron, step), in order of image and step.
    classes : ndarray of shape (n_images,), int64
        The images' classes where they are known, else -1.
    """

    n_steps: int
    inputs: np.ndarray
    exc: np.ndarray
    inh: np.ndarray
    classes: np.ndarray

    @property
    def n_images(self) -> int:
        """How many images."""
        return len(self.classes)

    def input_spikes(self, image: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and steps of an image's spikes."""
        chosen = self.inputs[self.inputs[:, 0] == image]
        return chosen[:, 1], chosen[:, 2]

    def counts(self, n_neurons: int) -> np.ndarray:
        """Excitatory spikes of each neuron for each image; shape (n_images, n_neurons), int64."""
        counts = np.zeros((self.n_images, n_neurons), np.int64)
        np.add.at(counts, (self.exc[:, 0], self.exc[:, 1]), 1)
        return counts

    def arrays(self) -> dict[str, np.ndarray]:
        """As they stand in ``presentations.npz``."""
        return {
            "n_steps": np.array(self.n_steps, np.int64),
            "input_spikes": self.inputs,
            "exc_spikes": self.exc,
            "inh_spikes": self.inh,
            "classes": self.classes,
        }


def example_images(model: Model, n_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Images to show an export: the first to test on of what the model was trained on, where that is here.

    Else digits, if they have its size; else noise of as much ink as an image has.

    Returns
    -------
    images : ndarray of shape (n_images, n_inputs)
    classes : ndarray of shape (n_images,), int64
        -1 where there are none.
    """
    from engram.datasets import load
    from engram.model_input import load_for

    n_inputs = model.network.n_inputs
    try:
        dataset = load_for(model)
    except DataError:
        dataset = load("digits")
    images = np.asarray(dataset.test_images[:n_images])
    images = images.reshape(len(images), math.prod(images.shape[1:]))
    if images.shape[1] == n_inputs:
        return images, np.asarray(dataset.test_labels[:n_images], np.int64)
    noise = np.random.default_rng(0).random((n_images, n_inputs)) * (2 * 255 * MEAN_INK)
    return noise, np.full(n_images, -1)


def present(frozen: FrozenNetwork, images, classes, *, on_progress=None) -> Presentations:
    """The spikes of images as the model draws them, and the frozen network's answers.

    Parameters
    ----------
    frozen : FrozenNetwork
    images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255.
    classes : ndarray of shape (n_images,), int
    on_progress : callable, optional
        Called with the number of images done.

    Returns
    -------
    Presentations
        Of an image that drew too few spikes and was shown again, the last showing.
    """
    simulator = frozen.model.simulator()
    parts = {"inputs": [], "exc": [], "inh": []}
    n_steps = simulator.schedule["n_shown"]
    for k, image in enumerate(np.asarray(images)):
        spikes = simulator.presentation_of(image).input_spikes
        answer = frozen.simulate((spikes[:, 0], spikes[:, 1]), n_steps).spikes
        for name, found in (("inputs", spikes), ("exc", answer["exc"]), ("inh", answer["inh"])):
            parts[name].append(np.column_stack((np.full(len(found), k), found)).astype(np.int64))
        if on_progress is not None:
            on_progress(k + 1)
    joined = {name: np.concatenate([np.zeros((0, 3), np.int64), *rows]) for name, rows in parts.items()}
    return Presentations(n_steps=n_steps, classes=np.asarray(classes, np.int64), **joined)
