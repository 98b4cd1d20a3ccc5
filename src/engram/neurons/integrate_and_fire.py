"""The neuron of latency codes: it integrates without a leak what flows in since an input's one spike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from engram.neurons.base import Neuron
from engram.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class IF(Neuron):
    r"""Integrate-and-fire neuron without leak, for inputs that spike once [1]_.

    .. math:: \frac{dv}{dt} = i

    A spike on the channel ``current`` adds its weight to the current i, which then flows until the neuron is put to
    rest; one on ``pulse`` adds its weight to v in the next step. With inputs that spike the earlier the brighter they
    are (:class:`~engram.sources.Latency`), v at time T is :math:`\sum_k w_k (T - t_k)`: the product of weights and
    intensities. A neuron that is reset to zero fires at a rate in proportion to it, so that one spike of an input is
    enough for a graded answer.

    Parameters
    ----------
    v_thresh : float
        Threshold; the potential rests at 0, to which a spike resets it.
    t_ref : float
        Refractory period, ms: the potential is held and no spike is fired.

    Notes
    -----
    Inhibition is a negative weight. Show images to a network at rest (``Protocol(at_rest=True)``): nothing else ends
    the current.

    References
    ----------
    .. [1] H. Mostafa, Supervised learning based on temporal coding in spiking neural networks, *IEEE Trans. Neural
       Netw. Learn. Syst.* 29:3227 (2018), whose synaptic currents decay; here they stay.

    Examples
    --------
    >>> from engram.neurons import IF
    >>> IF(v_thresh=2.0).variables()
    {'v': 0.0, 'i': 0.0, 'pulse': 0.0}
    """

    v_thresh: float = 1.0
    t_ref: float = 0.0

    channels: ClassVar[dict[str, str]] = {"current": "i", "pulse": "pulse"}
    in_groups: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_positive("v_thresh", self.v_thresh)
        check_positive("t_ref", self.t_ref, "ms", or_zero=True)

    @property
    def shortest_time_constant(self) -> float:
        """It has none, ms."""
        return math.inf

    def variables(self) -> dict[str, float]:
        """The potential, the current, and what pulses add in the next step."""
        return {"v": 0.0, "i": 0.0, "pulse": 0.0}

    def step(v, i, pulse, dt):
        """Exact for a current held over the step."""
        return v + dt * i + pulse, i, 0.0

    def on_spike(v):
        """Reset to zero."""
        return 0.0
