"""The symmetric rule: weights change at presynaptic and at postsynaptic spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engram.plasticity.base import LearningRule, Trace
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class Symmetric(LearningRule):
    r"""Power-law weight dependence with depression at presynaptic spikes as well [1]_.

    On a presynaptic spike :math:`w \leftarrow w - \eta_{pre}\, x_{post}\, w^\mu`; on a postsynaptic spike
    :math:`w \leftarrow w + \eta_{post} (x_{pre} - x_{tar}) (w_{max} - w)^\mu`. Spikes set the traces to 1.

    Parameters
    ----------
    eta_pre, eta_post : float
        Learning rates, in units of weight per spike.
    x_tar : float
        Trace at which a weight stays as it is at a postsynaptic spike.
    mu : float
        Exponent of the weight dependence; 0 for none.
    tau_pre, tau_post : float
        Decay of the traces, ms.

    Notes
    -----
    The paper gives no constants; these are engram's.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), the rule called "pre and post".

    Examples
    --------
    >>> from engram.plasticity import Symmetric
    >>> Symmetric.on_pre(w=0.5, x_post=1.0, eta_pre=0.1, mu=1.0)
    0.45
    """

    eta_pre: float = 1e-4
    eta_post: float = 1e-2
    x_tar: float = 0.2
    mu: float = 1.0
    tau_pre: float = 20.0
    tau_post: float = 20.0
    normalization: Literal["none", "l1", "l2"] = "l1"

    name = "symmetric"
    equation = (
        "w −= eta_pre · x_post · w^mu on an input spike;"
        " w += eta_post (x_pre − x_tar) (w_max − w)^mu on a neuron's spike"
    )
    source = "Diehl & Cook (2015)"

    def __post_init__(self):
        super().__post_init__()
        for parameter in ("eta_pre", "eta_post", "mu"):
            check_positive(parameter, getattr(self, parameter), or_zero=True)
        check_positive("w_min", self.w_min, or_zero=True)
        check_finite("w_max", self.w_max)

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes, one of the neurons' own."""
        return (
            Trace("x_pre", of="pre", tau=self.tau_pre),
            Trace("x_post", of="post", tau=self.tau_post),
        )

    def on_pre(w, x_post, eta_pre, mu):
        """Depression by how recently the neuron fired; it vanishes with the weight."""
        return w - eta_pre * x_post * w**mu

    def on_post(w, x_pre, eta_post, x_tar, w_max, mu):
        """Towards the bound where the input was active, away from it elsewhere."""
        return w + eta_post * (x_pre - x_tar) * (w_max - w) ** mu
