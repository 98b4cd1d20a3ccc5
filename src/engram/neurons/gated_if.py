"""The neuron that first gathers and then decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.neurons.base import Neuron
from engram.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class GatedIF(Neuron):
    r"""Integrate-and-fire neuron without leak, whose membrane hears nothing before a gate opens.

    .. math::
        \Delta g = \sum_k w_k \text{ before the gate opens, at which } v \leftarrow g; \qquad
        \Delta v = \sum_k w_k \text{ afterwards}

    A neuron that fires as soon as it reaches its threshold decides by the first spikes that it hears. This one gathers
    its inputs' weights, and they reach the membrane together, `gate` ms after the neuron was at rest. Where
    the gates of a population open in the same step, the neuron with the most evidence is the one furthest above its
    threshold (``Population(one_wins=True)``), however low that threshold is. In a brain such gates are the work of
    rhythms, in whose inhibited half neurons listen and stay silent.

    Parameters
    ----------
    v_thresh : float
        Threshold; the potential rests at 0, to which a spike resets it.
    gate : float
        From rest until the gate opens, ms; it lasts the nearest whole number of time steps, and the gate stays open
        until the neuron is put to rest.
    t_ref : float
        Refractory period, ms: the potential is held and no spike is fired.

    Notes
    -----
    Spikes arrive on the channel ``pulse``; inhibition is a negative weight. Show images to a network at rest
    (``Protocol(at_rest=True)``): nothing else closes the gate.

    Examples
    --------
    >>> from engram.neurons import GatedIF
    >>> GatedIF(gate=5.0).variables()
    {'v': 0.0, 'gathered': 0.0, 'clock': 0.0}
    """

    v_thresh: float = 1.0
    gate: float = 10.0
    t_ref: float = 0.0

    channels: ClassVar[dict[str, str]] = {"pulse": "gathered"}
    in_groups: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_positive("v_thresh", self.v_thresh)
        check_positive("gate", self.gate, "ms", or_zero=True)
        check_positive("t_ref", self.t_ref, "ms", or_zero=True)

    @property
    def shortest_time_constant(self) -> float:
        """It has none, ms."""
        return math.inf

    @property
    def listens(self) -> float:
        """Until its gate opens, ms."""
        return self.gate

    def variables(self) -> dict[str, float]:
        """The potential, what waits before the gate, and the steps since rest."""
        return {"v": 0.0, "gathered": 0.0, "clock": 0.0}

    def step(v, gathered, clock, dt, gate):
        """Through an open gate what has been gathered reaches the membrane."""
        is_open = (clock + 0.5) * dt > gate
        return v + np.where(is_open, gathered, 0.0), np.where(is_open, 0.0, gathered), clock + 1.0

    def on_spike(v):
        """Reset to zero."""
        return 0.0
