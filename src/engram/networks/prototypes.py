"""Whole patterns above a spiking convolution: neurons that compete for images by what the filters found in them."""

from __future__ import annotations

import math
from dataclasses import replace

from engram.networks.conv import conv
from engram.networks.network import AdaptiveThreshold, Network, Population
from engram.neurons import IF
from engram.plasticity import SelfNormalizing
from engram.plasticity.base import LearningRule
from engram.projections import AllButOwn, Dense, Uniform

_SHOWN = 20.0
"""For how long the preset shows an image, ms; the decay of thresholds counts in images."""
_IMAGES_PER_NEURON = 5
"""The time constant of the thresholds, in images for each neuron, as in the preset "sharp"."""
_REFRACTORY = 2.0
"""Of pooled neurons, ms: their neighbours' few spikes say as much as many, and cost less."""
_ONCE = 1000.0
"""Refractoriness of a prototype, ms: longer than any image is shown, so that it answers each once."""
_SURPLUS = 1.5
"""The norm of weights to begin with, as a multiple of what learning leaves."""
_THRESHOLD = 2.2
"""Of a neuron, per root of pooled neurons: most images reach it when two thirds of their time are over."""
_BARRED = -1e6
"""What the first spike of an image takes from all other neurons while they learn: they stay silent for this image."""
_RIVALRY = 0.35
"""The same while they read, as a share of the threshold: about three neurons answer an image, one after another."""


def conv_prototypes(
    shape, neurons: int, rule: LearningRule, dt: float, integrator: str, dtype: str, *,
    maps: int = 64, size: int = 7, padding: int = 1, pool: int = 8, pool_stride: int = 4,
) -> Network:  # fmt: skip
    """The network :func:`~engram.networks.conv.conv`, and a layer of neurons that each learn a kind of image.

    Made for the preset ``"conv-prototypes"``, whose layers learn in turn. A neuron of the last layer hears all pooled
    neurons and adds up their spikes without a leak. The first to reach its threshold learns the image, by
    self-normalizing STDP, and silences the others; where several do in the same step, the one furthest above its
    threshold is the first. Neurons begin with more weight than they will keep, so that one that has learned nothing
    answers whatever resembles no other's pattern. While the network reads, a spike holds the others back instead of
    silencing them: an image is answered by the few neurons that resemble it most, one after another.

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
    pooled = below.populations["pooled"]
    n = pooled.n
    threshold = _THRESHOLD * math.sqrt(n)
    judge = AdaptiveThreshold(
        start=0.0, plus=0.01 * threshold, plus_decay=0.002, tau=_IMAGES_PER_NEURON * _SHOWN * neurons
    )
    learned = SelfNormalizing(
        norm="l2", count="current", eta=0.3, a_tar=1.0 / math.sqrt(8.0 * n), x_tar=0.9, tau_pre=20.0
    )
    start = Uniform(0.0, _SURPLUS * math.sqrt(3.0 / n))
    return below.replace(
        populations={
            **below.populations,
            "pooled": replace(pooled, neuron=IF(v_thresh=0.5, t_ref=_REFRACTORY)),
            "prototypes": Population(neurons, IF(v_thresh=threshold, t_ref=_ONCE), judge, one_wins=True),
        },
        projections=[
            *below.projections,
            Dense(before="pooled", after="prototypes", channel="pulse", weights=start, rule=learned),
            AllButOwn(
                before="prototypes", after="prototypes", channel="pulse", weights=_BARRED,
                reading=-_RIVALRY * threshold / _BARRED,
            ),
        ],
        readout="prototypes",
    )  # fmt: skip
