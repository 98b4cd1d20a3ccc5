"""The exponential rule: a weight's change depends exponentially on the weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from engram.plasticity.base import LearningRule, Trace
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class Exponential(LearningRule):
    r"""Exponential weight dependence: large weights gain less, small weights lose less [1]_.

    On a postsynaptic spike
    :math:`w \leftarrow w + \eta (x_{pre} e^{-\beta w} - x_{tar} e^{-\beta (w_{max} - w)})`.

    Parameters
    ----------
    eta : float
        Learning rate, in units of weight per postsynaptic spike.
    x_tar : float
        Trace at which a weight of :math:`w_{max} / 2` stays as it is.
    beta : float
        Strength of the weight dependence, per unit of weight; 0 for none.
    tau_pre : float
        Decay of the input trace, ms.

    Notes
    -----
    The paper gives no constants; these are engram's.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), eq. 4.

    Examples
    --------
    >>> from engram.plasticity import Exponential
    >>> Exponential.on_post(w=0.5, x_pre=0.7, eta=0.1, x_tar=0.2, beta=0.0, w_max=1.0)
    0.55
    """

    eta: float = 0.01
    x_tar: float = 0.2
    beta: float = 1.0
    tau_pre: float = 20.0
    normalization: Literal["none", "l1", "l2"] = "l1"

    name = "exponential"
    equation = "w += eta (x_pre e^(−beta w) − x_tar e^(−beta (w_max − w))) on a neuron's spike"
    source = "Diehl & Cook (2015)"

    def __post_init__(self):
        super().__post_init__()
        check_positive("eta", self.eta)
        check_positive("beta", self.beta, or_zero=True)
        check_finite("w_max", self.w_max)

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes."""
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def on_post(w, x_pre, eta, x_tar, beta, w_max):
        """A gain by how recently the input spiked less a constant loss, each weighed by the weight."""
        return w + eta * (x_pre * math.exp(-beta * w) - x_tar * math.exp(-beta * (w_max - w)))
