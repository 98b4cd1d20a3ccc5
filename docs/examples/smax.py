"""Self-normalizing STDP with positive weights, as an example of a rule with a state of its own."""

import math
from dataclasses import dataclass

from engram import LearningRule, Trace


@dataclass(frozen=True, kw_only=True)
class Smax(LearningRule):
    """Active inputs are drawn towards a bound that each neuron sets after its spike, all others towards zero."""

    eta: float = 0.02
    x_tar: float = 0.2
    a_tar: float = 0.1
    tau_pre: float = 20.0
    eta_decay: float = 0.1
    w_max: float = math.inf

    def traces(self):
        """A memory of each input's last spike."""
        return (Trace("x_pre", of="pre", tau=self.tau_pre),)

    def initial_state(self, n_inputs):
        """The bound for a neuron's first spike, as if an eighth of the inputs were active."""
        return {"s_max": 8.0 * self.a_tar}

    def on_post(w, x_pre, s_max, eta, x_tar):
        """Towards the bound where the input was active, towards zero elsewhere."""
        return w + eta * (s_max - w) if x_pre >= x_tar else w - eta * w

    def after_post(x_pre, s_max, x_tar, a_tar, n_inputs):
        """The bound that keeps the sum of the weights, from the number of active inputs."""
        active = 0
        for i in range(x_pre.shape[0]):
            active += x_pre[i] >= x_tar
        return a_tar * n_inputs / active if active else s_max
