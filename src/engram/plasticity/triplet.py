"""The triplet rule of Diehl and Cook's published code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engram.plasticity.base import LearningRule, Trace


@dataclass(frozen=True, kw_only=True)
class Triplet(LearningRule):
    r"""Triplet STDP: a postsynaptic spike potentiates only if the neuron had fired before [1]_, [2]_.

    On a presynaptic spike :math:`w \leftarrow w - \eta_{pre}\, x_{post1}`; on a postsynaptic spike
    :math:`w \leftarrow w + \eta_{post}\, x_{pre}\, x_{post2}`, with :math:`x_{post2}` as it was before this
    spike. Spikes set the traces to 1.

    Parameters
    ----------
    eta_pre, eta_post : float
        Learning rates, in units of weight per spike.
    tau_pre, tau_post1, tau_post2 : float
        Decay of the traces, ms.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), and the code published with it.
    .. [2] J.-P. Pfister, W. Gerstner, J. Neurosci. 26:9673 (2006).

    Examples
    --------
    >>> from engram.plasticity import Triplet
    >>> Triplet(eta_post=0.02).eta_post
    0.02
    """

    eta_pre: float = 1e-4
    eta_post: float = 1e-2
    tau_pre: float = 20.0
    tau_post1: float = 20.0
    tau_post2: float = 40.0
    normalization: Literal["none", "l1", "l2"] = "l1"

    name = "triplet"
    equation = "w −= eta_pre · x_post1 on an input spike; w += eta_post · x_pre · x_post2 on a neuron's spike"
    source = "Diehl & Cook (2015), published code; Pfister & Gerstner (2006)"

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes, a fast and a slow one of the neurons' own."""
        return (
            Trace("x_pre", of="pre", tau=self.tau_pre),
            Trace("x_post1", of="post", tau=self.tau_post1),
            Trace("x_post2", of="post", tau=self.tau_post2),
        )

    def on_pre(w, x_post1, eta_pre):
        """Depression by how recently the neuron fired."""
        return w - eta_pre * x_post1

    def on_post(w, x_pre, x_post2, eta_post):
        """Potentiation by how recently the input and, before, the neuron fired."""
        return w + eta_post * x_pre * x_post2
