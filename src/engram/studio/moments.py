"""A network as it stands at one moment, in arrays of its own: what is drawn while the next images are learned from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from engram.errors import ConfigError
from engram.figures.fields import common_limit, drawn_neurons
from engram.model import Model
from engram.networks import DiehlCook
from engram.readout import UNASSIGNED
from engram.training import Training

MOST_FIELDS = 400
"""So many fields are drawn at once, as in the figures; of more neurons an even sample."""


def check_shown(model: Model) -> None:
    """Raise ConfigError where a model is not of the one network that the studio draws."""
    if not isinstance(model.network, DiehlCook):
        raise ConfigError(
            "The studio shows the network of Diehl and Cook; 'engram read' and 'engram figures' draw every other."
        )


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

    def __post_init__(self):
        check_shown(self.model)

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
        """Height and width of a field; one row where the inputs are no picture."""
        return self.model.image_shape or (1, self.model.network.n_inputs)


def moment_of(training: Training, labelled: Model | None = None) -> Moment:
    """How a training stands between two blocks.

    Parameters
    ----------
    training : Training
    labelled : Model, optional
        Its network once it is done and its neurons are labelled; before, they have the labels so far.
    """
    model = labelled or _model_so_far(training)
    image = int(training.last_shown[-1]) if len(training.last_shown) else None
    labels = training.dataset.train_labels
    return Moment(
        model=model,
        examples=training.examples,
        image=None if image is None else np.asarray(training.dataset.train_images[image]),
        label=None if image is None or labels is None else int(labels[image]),
        counts=training.last_counts[-1].copy() if len(training.last_counts) else np.zeros(0, np.int32),
    )


def _model_so_far(training: Training) -> Model:
    model = training.model()
    is_labelled = training.running is not None and training.examples > 0
    return replace(
        model,
        weights=model.weights.copy(),
        theta=model.theta.copy(),
        rule_state={},
        readout=training.running.readout() if is_labelled else None,
    )


def field_arrays(moment: Moment, order: str = "index", most: int = MOST_FIELDS) -> tuple[dict, dict[str, np.ndarray]]:
    """The fields as a page draws them: the figures' neurons, order and scale, in bytes.

    Parameters
    ----------
    moment : Moment
    order : {"index", "label"}
    most : int

    Returns
    -------
    scale : dict
        ``limit``, where the scale ends, whether it is ``signed``, and the ``shape`` of a field.
    arrays : dict of str to ndarray
        ``fields`` of shape (n_drawn, n_inputs), uint8, from 0 or minus the limit to the limit; ``neurons``, ``labels``,
        ``theta``, ``norms`` and ``counts`` of those that are drawn.
    """
    weights = moment.model.weights
    assigned = moment.assigned
    by_label = order == "label" and moment.model.readout is not None
    drawn = drawn_neurons(weights, assigned if by_label else None, most)
    limit = common_limit(weights) or 1.0
    chosen = weights if len(drawn) == weights.shape[1] and not by_label else weights[:, drawn]
    signed = bool(chosen.min() < 0)
    counts = moment.counts[drawn] if len(moment.counts) else np.zeros(len(drawn))
    arrays = {
        "fields": np.ascontiguousarray(in_bytes(chosen, limit, signed=signed).T),
        "neurons": drawn.astype(np.int32),
        "labels": assigned[drawn].astype(np.int32),
        "theta": moment.model.theta[drawn].astype(np.float32),
        "norms": (np.abs(chosen) if signed else chosen).sum(axis=0, dtype=np.float32),
        "counts": counts.astype(np.int32),
    }
    return {"limit": float(limit), "signed": signed, "shape": list(moment.shape)}, arrays


def in_bytes(values: np.ndarray, limit: float, *, signed: bool) -> np.ndarray:
    """Values from 0, or minus the limit, to the limit as 0 to 255."""
    low, span = (-limit, 2 * limit) if signed else (0.0, limit)
    scale = 255.0 / (span or 1.0)
    scaled = np.multiply(values, np.float32(scale), dtype=np.float32)
    scaled += np.float32(0.5 - low * scale)  # whole numbers are cut off below
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
