"""A network of ten neurons that answers strokes, small enough to be rerun anywhere in a moment."""

from __future__ import annotations

import functools

import numpy as np

from engram import DiehlCook
from engram.model import Model
from engram.networks import Protocol
from engram.plasticity import SelfNormalizing
from engram.plasticity.records import rule_record
from engram.readout import fit_readout
from scenes import stroke_images

SIDE, N_NEURONS = 14, 10


@functools.cache
def small_images() -> np.ndarray:
    return stroke_images(N_NEURONS, seed=3, side=SIDE)


@functools.cache
def small_model(**network) -> Model:
    """Each neuron's weights are one image, its class the image's number modulo 5."""
    images = small_images()
    described = DiehlCook(n_inputs=SIDE**2, n_neurons=N_NEURONS, **network)
    weights = (images / images.sum(axis=1, keepdims=True) * 0.1 * SIDE**2).T
    rule = SelfNormalizing()
    model = Model(
        network=described,
        rule=rule,
        rule_record=rule_record(rule),
        protocol=Protocol(shown=150.0),
        seed=3,
        input_gain=2.0,
        weights=weights.astype(described.dtype),
        theta=np.linspace(20.0, 24.0, N_NEURONS),
        rule_state={},
        image_shape=(SIDE, SIDE),
        dataset="strokes",
    )
    return Model(**{**vars(model), "readout": fit_readout(np.eye(N_NEURONS, dtype=int) * 9, np.arange(N_NEURONS) % 5)})
