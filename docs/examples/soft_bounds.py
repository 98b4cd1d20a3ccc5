"""STDP with soft bounds, as an example of a learning rule of one's own."""

from dataclasses import dataclass

from engram import LearningRule, Trace


@dataclass(frozen=True, kw_only=True)
class SoftBounds(LearningRule):
    """Inputs that spiked lately gain in proportion to what is missing, all lose in proportion to what is there.

    Parameters
    ----------
    eta : float
        Learning rate, per postsynaptic spike.
    loss : float
        Strength of the loss against the gain.
    tau_pre : float
        Decay of the presynaptic trace, ms.
    """

    eta: float = 0.02
    loss: float = 0.3
    tau_pre: float = 20.0
    normalization: str = "l1"

    def traces(self):
        """A memory of each input's last spike."""
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def on_post(w, x_pre, eta, loss, w_max):
        """Gain towards the upper bound, loss towards zero."""
        return w + eta * (x_pre * (w_max - w) - loss * w)
