"""``--to nest``: a script that reruns the network in NEST, whose adaptive solver gives other last digits."""

from __future__ import annotations

import math

import numpy as np

from engram.errors import ConfigError
from engram.exchange.arrays import NETWORK, PRESENTATIONS, network_arrays, presentation_arrays
from engram.exchange.formats import LEARNING_LOST, Format
from engram.exchange.frozen import FrozenNetwork
from engram.exchange.text import from_template

SCRIPT = "nest_network.py"

EXACT = (
    "Weights, thresholds, time constants and refractory periods; the integral of each conductance over each step.",
)
LOST = (
    LEARNING_LOST,
    "Drawing input spikes from images: they are given.",
    "Bits: an adaptive solver integrates what engram holds over a step, so spikes can fall a step away.",
    "Delays below two steps: no spike arrives sooner than a step after it was fired, and there are two on the way from"
    " an excitatory neuron over its inhibitory one to the others; all longer ones are kept.",
)


def held_factor(tau: float, dt: float, integrator: str) -> float:
    r"""By what a spike's weight is multiplied so that its conductance has engram's integral.

    engram holds a conductance over a step, and it then decays: over all steps a spike of height 1 comes to
    :math:`dt / (1 - e^{-dt/\tau})`; left to decay freely it comes to :math:`\tau`. Step by step the ratio is the same.
    By forward Euler the conductance falls by :math:`1 - dt/\tau` a step, and comes to :math:`\tau`.
    """
    return 1.0 if integrator == "euler" else dt / tau / -math.expm1(-dt / tau)


def check_positive_weights(frozen: FrozenNetwork, title: str) -> None:
    """Raise ConfigError where a weight is negative: others take its sign for the kind of synapse."""
    if np.any(frozen.weights < 0):
        raise ConfigError(
            f"{title} takes the sign of a weight for the kind of its synapse, and this network has negative weights;"
            " export it to brian2, numpy or c."
        )


def network_numbers(frozen: FrozenNetwork) -> dict[str, float]:
    """What such a script needs besides the constants."""
    network = frozen.network
    exc, inh, dt = frozen.excitatory, frozen.inhibitory, network.dt

    def factor(tau):
        return held_factor(tau, dt, network.integrator)

    return {
        "exc_refractory_steps": max(round(exc.t_ref / dt) - 1, 0),
        "inh_refractory_steps": max(round(inh.t_ref / dt) - 1, 0),
        "exc_factor": factor(exc.tau_exc),
        "inh_factor": factor(exc.tau_inh),
        "inh_exc_factor": factor(inh.tau_exc),
        "quiet_steps": int(frozen.delays.max(initial=0)) + round(max(exc.t_ref, inh.t_ref) / dt) + 4,
    }


def _files(frozen, presentations, form):
    check_positive_weights(frozen, form.title)
    return {
        SCRIPT: from_template(f"{SCRIPT}.in", frozen, form, **network_numbers(frozen)),
        NETWORK: network_arrays(frozen, form),
        PRESENTATIONS: presentation_arrays(presentations, form),
    }


FORMAT = Format(
    name="nest",
    title="NEST",
    exact=EXACT,
    lost=LOST,
    files=_files,
    run="python nest_network.py, where NEST is installed (pip install nest-simulator).",
    needs=("nest-simulator",),
)
