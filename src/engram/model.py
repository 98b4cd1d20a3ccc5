"""A trained network as one thing: what it is, what it learned, and what its neurons mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NamedTuple

import numpy as np

from engram.datasets.recordings import Layout
from engram.datasets.scale import PIXELS, ValueRange
from engram.errors import ConfigError
from engram.networks import DiehlCook, Network, Protocol
from engram.plasticity.base import LearningRule
from engram.presets import scheme_of
from engram.projections.base import column_norms
from engram.readout import Readout
from engram.simulator import Simulator
from engram.sources import Poisson, Source
from engram.sources.records import POISSON
from engram.typing import Arrays
from engram.wording import example_noun

if TYPE_CHECKING:
    from engram.estimator import STDPClassifier, STDPFeatures


class Layer(NamedTuple):
    """A plastic projection as it learned.

    Attributes
    ----------
    population : str
        To which it leads.
    projection : str
    weights : ndarray
        In the shape that the projection gives them.
    norms : ndarray of shape (n_columns,), float64
        The L1 norm of each neuron's weights, or of each filter's.
    theta : ndarray of shape (n_neurons,), float64
        Adaptive thresholds of the population, mV.
    """

    population: str
    projection: str
    weights: np.ndarray
    norms: np.ndarray
    theta: np.ndarray


@dataclass(frozen=True)
class Model(Generic[Arrays]):
    """What training leaves behind.

    Attributes
    ----------
    network : DiehlCook or Network
    rule : LearningRule or None
        Of several, the first. None where the model was made by a user's rule whose file was not given.
    rule_record : dict
        The rule's name and constants.
    protocol : Protocol
    seed : int
    input_gain : float
        The gain of its source.
    weights : ndarray of shape (n_inputs, n_neurons), or dict of str to ndarray
        Of the input; of a :class:`~engram.Network` by projection.
    theta : ndarray of shape (n_neurons,), float64, or dict of str to ndarray
        Adaptive thresholds, mV; of a :class:`~engram.Network` by population.
    rule_state : dict of str to ndarray
        The rule's traces and state variables; of a :class:`~engram.Network` as ``projection.name``.
    readout : Readout or None
        None before the neurons were labelled.
    image_shape : tuple of int or None
    ink_fill : float
        Share of the frame's side that the training images' ink spans, for pictures from elsewhere.
    value_range : ValueRange
        What black and white were in the training images as they were given, see :mod:`engram.datasets.scale`: further
        arrays are on that scale. White below black: dark ink on light ground.
    framing : {"ink", "whole", "photo"}
        How pictures are brought to the size of the training images, see :class:`engram.datasets.Dataset`.
    class_names : dict of int to str
        Names of the classes, where they have any.
    event_layout : Layout or None
        How recordings of an event camera become input, where it was trained on such.
    dataset : str
        What it was trained on.
    examples, presentations : int
        How much it has seen.
    source : Source or None
        What makes spikes of what is shown; None where it is a user's whose file was not given.
    source_record : dict
        The source's name and constants.
    config : dict
        The options of the run.
    version : str
        The engram that wrote it.
    network_record : tuple of dict, or None
        A :class:`~engram.Network` as a file holds it, see :mod:`engram.networks.record`.
    """

    network: DiehlCook | Network
    rule: LearningRule | None
    rule_record: dict
    protocol: Protocol
    seed: int
    input_gain: float
    weights: Arrays
    theta: Arrays
    rule_state: dict[str, np.ndarray]
    readout: Readout | None = None
    image_shape: tuple[int, int] | None = None
    ink_fill: float = 20 / 28
    value_range: ValueRange = PIXELS
    framing: str = "ink"
    class_names: dict[int, str] = field(default_factory=dict)
    event_layout: Layout | None = None
    dataset: str = ""
    examples: int = 0
    presentations: int = 0
    source: Source | None = field(default_factory=Poisson)
    source_record: dict = field(default_factory=lambda: dict(POISSON))
    config: dict = field(default_factory=dict)
    version: str = ""
    network_record: tuple[dict, dict[str, np.ndarray]] | None = field(default=None, repr=False, compare=False)

    def class_name(self, label: int | None) -> str:
        """What a class is called: its name, or its number where it has none; "none" for no class."""
        return "none" if label is None else self.class_names.get(int(label), str(int(label)))

    @property
    def noun(self) -> str:
        """What it learned from is called, one of it: an image, a recording, or a row of a table."""
        return example_noun(self.image_shape, self.event_layout is not None)

    @property
    def fitted_readout(self) -> Readout:
        """The readout of a model whose neurons have labels.

        Raises
        ------
        ConfigError
            If they have none.
        """
        if self.readout is None:
            raise ConfigError("The model's neurons have no labels; train without --no-evaluate, or label_neurons.")
        return self.readout

    def to_estimator(self) -> STDPClassifier | STDPFeatures:
        """The network as a fitted scikit-learn estimator.

        Returns
        -------
        STDPClassifier or STDPFeatures
            A classifier where the neurons have labels.

        Examples
        --------
        >>> from engram import load_model
        >>> load_model("mnist-100").to_estimator().n_neurons
        100
        """
        from engram.estimator import STDPClassifier, STDPFeatures

        return STDPFeatures.from_model(self) if self.readout is None else STDPClassifier.from_model(self)

    def predict(self, images, scheme: str | None = None) -> np.ndarray:
        """The class of each image, as :meth:`engram.STDPClassifier.predict` tells it.

        Parameters
        ----------
        images : array-like of shape (n_images, n_inputs) or (n_images, height, width)
            On the scale of the training images; or a single image, of shape (n_inputs,) or (height, width).
        scheme : {"proportion", "mean", "logistic"}, optional
            By default what suits the model, as everywhere else.

        Returns
        -------
        ndarray of shape (n_images,)

        Raises
        ------
        ConfigError
            If the neurons have no labels.

        Examples
        --------
        >>> from engram import load_model
        >>> from engram.datasets import load
        >>> load_model("mnist-100").predict(load("digits").test_images[:3]).shape
        (3,)
        """
        from engram.estimator import STDPClassifier

        _ = self.fitted_readout
        images = np.asarray(images)
        single = images.shape in (self.image_shape, (self.network.n_inputs,))
        classifier = STDPClassifier.from_model(self)
        if scheme is not None:
            classifier.set_params(scheme=scheme)
        return classifier.predict(images[np.newaxis] if single else images)

    def has_threshold(self, population: str = "") -> bool:
        """Whether a population, by default the last that learns, has an adaptive threshold."""
        network = self.network
        return (
            isinstance(network, DiehlCook)
            or network.populations[population or network.layers[-1]].threshold is not None
        )

    def digest(self, *further: object) -> str:
        """Tells the network from others: SHA-256 of weights, thresholds, labels and the text of what else is given."""
        content = hashlib.sha256(repr(further).encode())
        parts = [self.weights, self.theta] + ([self.readout.assigned] if self.readout is not None else [])
        for part in parts:
            for name, values in sorted(part.items()) if isinstance(part, dict) else [("", part)]:
                content.update(
                    f"{name} {values.dtype.str} {values.shape}".encode() + np.ascontiguousarray(values).tobytes()
                )
        return content.hexdigest()

    @property
    def scheme(self) -> str:
        """The way to read a class from its spike counts that suits it: that of its preset."""
        return scheme_of(self.config)

    @property
    def layers(self) -> list[Layer]:
        """What learned, layer by layer."""
        return _layers(self)

    def simulator(self, kernel: str = "compiled") -> Simulator:
        """A simulator with the model's weights and thresholds, to count spikes with learning off.

        Raises
        ------
        ConfigError
            If its source of spikes is a user's file that was not given.
        """
        if self.source is None:
            name = self.source_record["source"]
            raise ConfigError(
                f"The model reads by the source of spikes {name}, a file that would be run; if you trust that file,"
                f" name it: --source path/to/{name}, or load_model(..., source=...) in Python."
            )
        return Simulator(
            self.network,
            self.rule if isinstance(self.network, DiehlCook) else None,
            seed=self.seed,
            protocol=self.protocol,
            source=replace(self.source, gain=self.input_gain),
            kernel=kernel,
            weights=self.weights,
            theta=self.theta,
        )


def _layers(model: Model) -> list[Layer]:
    network, found = model.network, []
    if isinstance(network, DiehlCook):
        return [Layer("exc", "input_exc", model.weights, column_norms(model.weights, None), model.theta)]
    for p in network.plastic:
        weights = model.weights[p.name]
        listing = p.listing(network.shape_of(p.before), network.shape_of(p.after)) if p.layout == "listed" else None
        found.append(Layer(p.after, p.name, weights, column_norms(weights, listing), model.theta[p.after]))
    return found
