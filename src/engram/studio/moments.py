"""A network as it stands at one moment, in arrays of its own: what is drawn while the next images are learned from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from engram.figures.fields import drawing_order
from engram.model import Model
from engram.networks import DiehlCook
from engram.neurons.base import firing_threshold
from engram.readout import UNASSIGNED, RunningAccuracy
from engram.receptive_fields import fields_of, filters_of
from engram.studio.sheets import MOST_FIELDS, Sheet, sheet_of
from engram.training import Training


@dataclass(frozen=True, eq=False)
class Glimpse:
    """As much of a network that learns as a page shows in passing: its fields in bytes, in the network's order.

    Attributes
    ----------
    examples : int
        Images learned from.
    image : ndarray of shape (n_inputs,), or None
        The last image that it learned from.
    label : int or None
        Its class.
    is_labelled : bool
        Whether its neurons have labels, be it those so far.
    drawn : Sheet
    """

    examples: int
    image: np.ndarray | None
    label: int | None
    is_labelled: bool
    drawn: Sheet

    def sheet(self, layer: str = "", *, by_label: bool = False) -> Sheet:
        """The fields; there is one layer, and one order."""
        return self.drawn


@dataclass(frozen=True, eq=False)
class Moment:
    """A network as it stands.

    Attributes
    ----------
    model : Model
        With a readout where its neurons have labels, be it those so far.
    examples : int
        Images learned from.
    image : ndarray of shape (n_inputs,), or None
        The last image that it learned from.
    label : int or None
        Its class.
    counts : ndarray of shape (n_neurons,)
        The spikes that it drew.
    """

    model: Model
    examples: int
    image: np.ndarray | None = None
    label: int | None = None
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    _kept: dict = field(default_factory=dict, repr=False)

    @property
    def is_labelled(self) -> bool:
        """Whether its neurons have labels."""
        return self.model.readout is not None

    @property
    def assigned(self) -> np.ndarray:
        """Position of each neuron's class in the readout's classes, -1 for none."""
        if self.model.readout is None:
            return np.full(self.model.network.n_neurons, UNASSIGNED)
        return self.model.readout.assigned

    @property
    def classes(self) -> list[str]:
        """The names of the readout's classes."""
        return [] if self.model.readout is None else [self.model.class_name(k) for k in self.model.readout.classes]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image; one row where the inputs are no picture."""
        return self.model.image_shape or (1, self.model.network.n_inputs)

    @property
    def layers(self) -> list[str]:
        """The populations that learned, from the image up."""
        return layers_of(self.model)

    def layer(self, name: str = "") -> Layer:
        """One of the populations that learned, by default the last."""
        name = name if name in self.layers else self.layers[-1]
        if name not in self._kept:
            self._kept[name] = _layer(self, name)
        return self._kept[name]

    def threshold_of(self, layer: Layer, j: int) -> float | None:
        """Where a neuron fires, in the unit of its membrane; None where all places of a map share it,
        or where the neuron has another rule than a threshold."""
        network = self.model.network
        if layer.kind == "filters":
            return None
        neuron = network.excitatory if isinstance(network, DiehlCook) else network.populations[layer.name].neuron
        threshold = firing_threshold(neuron, network.dt, network.integrator, network.dtype)
        return None if threshold is None else float(threshold + layer.theta[j])

    def sheet(self, layer: str = "", *, by_label: bool = False) -> Sheet:
        """A layer's fields in bytes."""
        found = self.layer(layer)
        key = (found.name, by_label and found.is_read)
        if key not in self._kept:
            parts = (found.fields, found.shape, found.assigned, found.theta, found.counts)
            self._kept[key] = sheet_of(*parts, kind=found.kind, by_label=key[1])
        return self._kept[key]

    def places(self) -> np.ndarray | None:
        """In which order, by label, to draw what is drawn of the last layer, shape (n_drawn,); None where its neurons
        have no labels."""
        found = self.layer()
        if not found.is_read:
            return None
        key = (found.name, "places")
        if key not in self._kept:
            drawn = self.sheet().neurons
            self._kept[key] = drawing_order(found.fields[:, drawn], found.assigned[drawn]).astype(np.int32)
        return self._kept[key]


@dataclass(frozen=True, eq=False)
class Layer:
    """What a population's neurons listen to.

    Attributes
    ----------
    name : str
    kind : {"weights", "filters", "through"}
        Its weights from the image; the filters that its maps share; or, above other layers, the sum of the fields
        below, each as much as its weight.
    fields : ndarray of shape (n_pixels, n_neurons)
    shape : tuple of int
        Height and width of a field.
    assigned, theta : ndarray of shape (n_neurons,)
        Position of each neuron's class, -1 for none, and its threshold above rest, mV.
    counts : ndarray of shape (n_neurons,), or empty
        The spikes of the last image.
    is_read : bool
        Whether its spikes are read, so that its neurons may have labels.
    """

    name: str
    kind: str
    fields: np.ndarray
    shape: tuple[int, int]
    assigned: np.ndarray
    theta: np.ndarray
    counts: np.ndarray
    is_read: bool


def layers_of(model: Model) -> list[str]:
    """The populations that learned, from the image up."""
    network = model.network
    return ["exc"] if isinstance(network, DiehlCook) else list(dict.fromkeys(p.after for p in network.plastic))


def moment_of(training: Training, labelled: Model | None = None) -> Moment:
    """How a training stands between two blocks.

    Parameters
    ----------
    training : Training
    labelled : Model, optional
        Its network once it is done and its neurons are labelled; before, they have the labels so far.
    """
    model = labelled or _model_so_far(training)
    return Moment(model, training.examples, *_last_image(training), _last_counts(training))


def glimpse_of(training: Training) -> Glimpse | None:
    """What a page shows in passing of a training between two blocks; None of networks of several layers."""
    state = training.simulator.state
    if not isinstance(training.simulator.network, DiehlCook):
        return None
    labels = _labels_so_far(training)
    assigned = np.full(state.theta.shape, UNASSIGNED) if labels is None else labels.assigned
    shape = training.dataset.image_shape or (1, training.dataset.n_inputs)
    drawn = sheet_of(state.weights, shape, assigned, state.theta, _last_counts(training), most=MOST_FIELDS)
    return Glimpse(training.examples, *_last_image(training), labels is not None, drawn)


def _labels_so_far(training: Training) -> RunningAccuracy | None:
    return training.running if training.examples > 0 else None


def _last_image(training: Training) -> tuple[np.ndarray | None, int | None]:
    if not len(training.last_shown):
        return None, None
    image, labels = int(training.last_shown[-1]), training.dataset.train_labels
    return np.asarray(training.dataset.train_images[image]), None if labels is None else int(labels[image])


def _last_counts(training: Training) -> np.ndarray:
    return training.last_counts[-1].copy() if len(training.last_counts) else np.zeros(0, np.int32)


def _model_so_far(training: Training) -> Model:
    model, labels = training.model(), _labels_so_far(training)
    return replace(
        model,
        weights=_copied(model.weights),
        theta=_copied(model.theta),
        rule_state={},
        readout=None if labels is None else labels.readout(),
    )


def _copied(values):
    return {name: one.copy() for name, one in values.items()} if isinstance(values, dict) else values.copy()


def _layer(moment: Moment, name: str) -> Layer:
    model = moment.model
    if isinstance(model.network, DiehlCook):
        parts = (model.weights, moment.shape, moment.assigned, model.theta, moment.counts, True)
        return Layer(name, "weights", *parts)
    is_read, theta = name == model.network.readout, np.asarray(model.theta[name])
    filters = filters_of(model, name)
    if filters is not None:
        side, n_maps = round(len(filters) ** 0.5), filters.shape[1]
        shared = theta.reshape(n_maps, -1).mean(axis=1)
        return Layer(name, "filters", filters, (side, side), _none(n_maps), shared, np.zeros(0, np.int32), False)
    fields = fields_of(model, name)
    sees_image = any(p.before in model.network.inputs and p.after == name for p in model.network.plastic)
    kind = "weights" if sees_image else "through"
    assigned = moment.assigned if is_read else _none(fields.shape[1])
    counts = moment.counts if is_read else np.zeros(0, np.int32)
    return Layer(name, kind, fields, moment.shape, assigned, theta, counts, is_read)


def _none(n: int) -> np.ndarray:
    return np.full(n, UNASSIGNED)
