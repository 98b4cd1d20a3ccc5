"""The power-law rule: potentiation shrinks as a weight nears its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engram.plasticity.base import LearningRule, Trace
from engram.validation import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class PowerLaw(LearningRule):
    r"""Power-law weight dependence: changes shrink as a weight nears its upper bound [1]_.

    On a postsynaptic spike :math:`w \leftarrow w + \eta (x_{pre} - x_{tar}) (w_{max} - w)^\mu`. Inputs that
    spiked lately gain, the others lose: :math:`x_{tar}` disconnects the inputs that rarely lead to a spike.

    Parameters
    ----------
    eta : float
        Learning rate, in units of weight per postsynaptic spike.
    x_tar : float
        Trace at which a weight stays as it is.
    mu : float
        Exponent of the weight dependence; 0 for none.
    tau_pre : float
        Decay of the input trace, ms.

    Notes
    -----
    The paper gives no constants; these are engram's.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015), eq. 3.

    Examples
    --------
    >>> from engram.plasticity import PowerLaw
    >>> PowerLaw.on_post(w=0.5, x_pre=1.0, eta=0.1, x_tar=0.5, w_max=1.0, mu=1.0)
    0.525
    """

    eta: float = 0.01
    x_tar: float = 0.2
    mu: float = 1.0
    tau_pre: float = 20.0
    normalization: Literal["none", "l1", "l2"] = "l1"

    name = "power_law"
    equation = "w += eta (x_pre − x_tar) (w_max − w)^mu on a neuron's spike"
    source = "Diehl & Cook (2015)"

    def __post_init__(self):
        super().__post_init__()
        check_positive("eta", self.eta)
        check_positive("mu", self.mu, or_zero=True)
        check_finite("w_max", self.w_max)

    def traces(self) -> tuple[Trace, ...]:
        """One trace of the inputs' spikes."""
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def on_post(w, x_pre, eta, x_tar, w_max, mu):
        """Towards the bound where the input was active, away from it elsewhere."""
        return w + eta * (x_pre - x_tar) * (w_max - w) ** mu
