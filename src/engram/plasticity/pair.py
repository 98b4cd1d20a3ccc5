"""Pair STDP as the tutorial has it: traces that add up, changes in proportion to the range of weights."""

from __future__ import annotations

from dataclasses import dataclass

from engram.plasticity.base import LearningRule, Trace
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class Pair(LearningRule):
    r"""Pair STDP: pre before post potentiates, post before pre depresses, all pairs count [1]_.

    On a presynaptic spike :math:`w \leftarrow w + (w_{max} - w_{min})\, x_{post}`, on a postsynaptic spike
    :math:`w \leftarrow w + (w_{max} - w_{min})\, x_{pre}`. Afterwards a spike adds :math:`a_{pre}` to
    :math:`x_{pre}`, or takes :math:`a_{post}` from :math:`x_{post}`, which is never positive.

    Parameters
    ----------
    a_pre, a_post : float
        Size of the step of a trace, as a fraction of the range of weights: a pair's change at no delay.
    tau_pre, tau_post : float
        Decay of the traces, ms.

    Notes
    -----
    The tutorial calls the bounds `w_min` and `w_max` ``g_min`` and ``g_max``, and the postsynaptic trace
    ``y``.

    References
    ----------
    .. [1] *Research Replication: Unsupervised Learning of Digit Recognition Using STDP*, tutorial, parts 1
       and 2.

    Examples
    --------
    >>> from engram.plasticity import Pair
    >>> Pair.on_post(w=0.5, x_pre=0.1, w_min=0.0, w_max=1.0)
    0.6
    """

    a_pre: float = 0.1
    a_post: float = 0.11
    tau_pre: float = 30.0
    tau_post: float = 30.0

    name = "pair"
    equation = "w += (w_max − w_min) y on an input spike; w += (w_max − w_min) x on a neuron's spike"
    source = "pair-based STDP of the digit-reading tutorial"

    def __post_init__(self):
        super().__post_init__()
        check_finite("w_min", self.w_min)
        check_finite("w_max", self.w_max)
        for parameter in ("a_pre", "a_post"):
            check_positive(parameter, getattr(self, parameter), or_zero=True)

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes, and a negative one of the neurons' own."""
        return (
            Trace("x_pre", of="pre", tau=self.tau_pre, add=self.a_pre),
            Trace("x_post", of="post", tau=self.tau_post, add=-self.a_post),
        )

    def on_pre(w, x_post, w_min, w_max):
        """Depression by how recently and how often the neuron fired."""
        return w + (w_max - w_min) * x_post

    def on_post(w, x_pre, w_min, w_max):
        """Potentiation by how recently and how often the input spiked."""
        return w + (w_max - w_min) * x_pre
