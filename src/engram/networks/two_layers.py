"""Two plastic layers: the first learns from the image, the second which neurons of the first fire together."""

from __future__ import annotations

from dataclasses import replace

from engram.networks.network import AdaptiveThreshold, Network, Population
from engram.neurons import EXCITATORY
from engram.plasticity import SelfNormalizing
from engram.plasticity.base import LearningRule
from engram.projections import AllButOwn, Dense, Uniform


def two_layers(
    shape, neurons: int, rule: LearningRule, dt: float, integrator: str, dtype: str, *, hidden: int = 100
) -> Network:
    """A layer that learns what is in images, and one that learns which of its neurons fire for the same image.

    Parameters
    ----------
    shape : tuple of int
        Of the images.
    neurons : int
        In the second layer.
    rule : LearningRule
        By which the first layer learns. The second learns by self-normalizing STDP that remembers for longer.
    dt : float
        ms.
    integrator, dtype : str
    hidden : int
        Neurons in the first layer.

    Returns
    -------
    Network
        With the input ``image`` and the populations ``first`` and ``second``.
    """
    slow = replace(EXCITATORY, tau_m=1000.0)
    second_rule = SelfNormalizing(eta=0.05, a_tar=5.0, tau_pre=100.0)
    return Network(
        inputs={"image": shape},
        populations={
            "first": Population(hidden, EXCITATORY, AdaptiveThreshold(start=20.0, plus=0.2)),
            "second": Population(neurons, slow, AdaptiveThreshold(start=20.0, plus=0.05)),
        },
        projections=[
            Dense(before="image", after="first", weights=Uniform(0.0, 0.3), rule=rule),
            AllButOwn(before="first", after="first", channel="inh", weights=17.0, delay=Uniform(0.0, 5.0)),
            Dense(before="first", after="second", weights=Uniform(0.0, 10.0), rule=second_rule),
            AllButOwn(before="second", after="second", channel="inh", weights=100.0, delay=Uniform(0.0, 5.0)),
        ],
        dt=dt,
        integrator=integrator,
        dtype=dtype,
        readout="second",
    )
