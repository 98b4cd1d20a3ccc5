"""Whole patterns above a spiking convolution: neurons that compete for images by what the filters found in them."""

from __future__ import annotations

import math
from dataclasses import replace

from engram.networks.conv import conv, read_by
from engram.networks.network import AdaptiveThreshold, Network, Population
from engram.neurons import IF, GatedIF
from engram.plasticity import SelfNormalizing
from engram.plasticity.base import LearningRule
from engram.projections import AllButOwn, Dense, Uniform

_SHOWN = 20.0
"""For how long the preset shows an image, ms; the decay of thresholds counts in images."""
_ONCE = 1000.0
"""Refractoriness, ms, longer than any image is shown: a pooled neuron says that its map found something in its window,
not how often, and a prototype answers once."""
_IMAGES_PER_NEURON = 5
"""The time constant of the thresholds, in images for each neuron, as in the preset "sharp"."""
_SURPLUS = 1.5
"""The norm of weights to begin with, as a multiple of what learning leaves."""
_THRESHOLD, _PLUS, _RIVALRY = 0.003, 0.03, 0.18
"""Of prototypes, per root of pooled neurons: a threshold that all evidence exceeds, so that every image is answered;
what a spike raises it by; what an answer takes from the others while they read, so that two to four answer, the best
first."""
_BARRED = -1e6
"""What the first spike of an image takes from all other neurons while they learn: they stay silent for this image."""
_MAPS_READING, _MAPS_RIVALRY = 0.05, 3.0
"""Of the maps below while they read: the share of their thresholds, and what a spike takes from all at its place. So
nearly every patch is answered, by the filter that fits best and seldom by a second one."""


def conv_prototypes(
    shape, neurons: int, rule: LearningRule, dt: float, integrator: str, dtype: str, *,
    maps: int = 64, size: int = 7, padding: int = 1, pool: int = 8, pool_stride: int = 4,
    gate: float = 18.0,
) -> Network:  # fmt: skip
    """The network :func:`~engram.networks.conv.conv`, and a layer of neurons that each learn a kind of image.

    Made for the preset ``"conv-prototypes"``, whose layers learn in turn. A patch is answered by the filter that fits
    best, and a pooled neuron spikes once, as soon as its map answers in its window. A neuron of the last layer adds up
    what it hears (:class:`~engram.neurons.GatedIF`); when the image is nearly over the one furthest above its adaptive
    threshold fires, learns the image by self-normalizing STDP, and silences the others. Neurons begin with more weight
    than they will keep, so that one that has learned nothing answers whatever resembles no other's pattern. While the
    network reads, a spike holds the others back instead of silencing them: an image is answered by the few neurons that
    resemble it most, one after another.

    Parameters
    ----------
    shape : tuple of int
        Of the images: (height, width).
    neurons : int
        In the last layer.
    rule : LearningRule
        By which the filters learn.
    dt : float
        ms.
    integrator, dtype : str
    maps, size, padding, pool, pool_stride : int
        See :func:`~engram.networks.conv.conv`.
    gate : float
        How long prototypes only listen, ms. The preset shows an image for 20 ms, and in the first 18 nearly everything
        is found that will be. Afterwards one prototype answers in each step, as long as any is above its threshold.

    Returns
    -------
    Network
        With the input ``image`` and the populations ``maps``, ``pooled`` and ``prototypes``.

    Raises
    ------
    ConfigError
        If filters or windows do not fit the image.
    """
    below = conv(
        shape, rule, dt, integrator, dtype, maps=maps, size=size, padding=padding, pool=pool, pool_stride=pool_stride
    )
    below = read_by(below, _MAPS_READING, _MAPS_RIVALRY)
    pooled = below.populations["pooled"]
    root = math.sqrt(pooled.n)
    judge = AdaptiveThreshold(start=0.0, plus=_PLUS * root, plus_decay=0.002, tau=_IMAGES_PER_NEURON * _SHOWN * neurons)
    learned = SelfNormalizing(
        norm="l2", count="current", eta=0.5, a_tar=1.0 / math.sqrt(8.0 * pooled.n), x_tar=0.01, tau_pre=1000.0
    )
    decider = GatedIF(v_thresh=_THRESHOLD * root, gate=gate, t_ref=_ONCE)
    return below.replace(
        populations={
            **below.populations,
            "pooled": replace(pooled, neuron=IF(v_thresh=0.5, t_ref=_ONCE)),
            "prototypes": Population(neurons, decider, judge, one_wins=True),
        },
        projections=[
            *below.projections,
            Dense(
                before="pooled", after="prototypes", channel="pulse", rule=learned,
                weights=Uniform(0.0, _SURPLUS * math.sqrt(3.0) / root),
            ),
            AllButOwn(
                before="prototypes", after="prototypes", channel="pulse", weights=_BARRED,
                reading=-_RIVALRY * root / _BARRED,
            ),
        ],
        readout="prototypes",
    )  # fmt: skip
