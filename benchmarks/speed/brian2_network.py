"""The Diehl & Cook network in Brian 2, written for speed; both of Brian's modes run this one.

The equations and constants are those of ``tests/references``, where Brian 2 and engram fire the same spikes; here the
input is Brian's own Poisson process, whose rates come from a :class:`TimedArray`, so that many images make one run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from brian2 import Clock, Hz, Network, NeuronGroup, SpikeMonitor, Synapses, TimedArray, ms

L1_PER_INPUT = 0.1

MEMBRANE = """
dv/dt = ((v_rest - v) - g_exc*v + g_inh*(e_inh - v)) / tau_m : 1 (unless refractory)
dg_exc/dt = -g_exc / (1*ms) : 1
dg_inh/dt = -g_inh / (2*ms) : 1
"""
EXCITATORY = {"v_rest": -65.0, "e_inh": -100.0, "tau_m": 100 * ms, "theta_plus": 0.05, "tau_theta": 1e7 * ms}
INHIBITORY = {"v_rest": -60.0, "e_inh": -85.0, "tau_m": 10 * ms}


@dataclass(frozen=True)
class Rule:
    """A learning rule as Brian code; its traces are the neurons' own, of which there are fewer than of synapses."""

    constants: dict
    on_pre: str
    on_post: dict[str, str]
    neuron_equations: str
    neuron_reset: str
    neuron_start: dict[str, float] = field(default_factory=dict)
    normalizes: bool = False


def triplet(n_inputs: int) -> Rule:
    """The rule of Diehl and Cook's published code, whose weights are scaled before each image."""
    return Rule(
        constants={"eta_in": 1e-4, "eta_out": 1e-2},
        on_pre="w = clip(w - eta_in * x_out1_post, 0, 1)",
        on_post={"learn": "w = clip(w + eta_out * x_in_pre * x_out2_post, 0, 1)"},
        neuron_equations="""
        dx_out1/dt = -x_out1 / (20*ms) : 1
        dx_out2/dt = -x_out2 / (40*ms) : 1
        """,
        neuron_reset="""
        x_out1 = 1
        x_out2 = 1
        """,
        normalizes=True,
    )


def self_normalizing(n_inputs: int) -> Rule:
    """The self-normalizing rule with weights of one sign; the count of a spike sets the bound for the next."""
    return Rule(
        constants={"eta": 0.02, "x_tar": 0.2, "l_tar": L1_PER_INPUT * n_inputs},
        on_pre="",
        on_post={
            "count": "n_active_post += int(x_in_pre >= x_tar)",
            "learn": "w += eta * (int(x_in_pre >= x_tar)*s_max_post - w)",
        },
        neuron_equations="s_max : 1\nn_active : 1\n",
        neuron_reset="""
        s_max = int(n_active > 0) * l_tar / clip(n_active, 1, inf) + int(n_active == 0) * s_max
        n_active = 0
        """,
        neuron_start={"s_max": 8 * L1_PER_INPUT},
    )


RULES = {"triplet": triplet, "self_normalizing": self_normalizing}


@dataclass(frozen=True)
class Parts:
    """The network and those of its parts that a measurement touches."""

    network: Network
    input_exc: Synapses
    counts: SpikeMonitor

    def normalize(self, n_inputs: int) -> None:
        """Scale each neuron's weights to their sum from Python."""
        weights = np.asarray(self.input_exc.w).reshape(n_inputs, -1)
        self.input_exc.w[:] = (weights * (L1_PER_INPUT * n_inputs / weights.sum(axis=0))).ravel()


def input_rates(images: np.ndarray, shown: float, blank: float) -> TimedArray:
    """The inputs' rates over all images, each shown and then blank; pixel p at intensity 2 makes p / 4 Hz."""
    slot = math.gcd(round(shown), round(blank))
    n_shown, n_blank = round(shown) // slot, round(blank) // slot
    rates = np.zeros((len(images), n_shown + n_blank, images.shape[1]))
    rates[:, :n_shown] = images[:, np.newaxis] / 4
    return TimedArray(rates.reshape(-1, images.shape[1]) * Hz, dt=slot * ms)


def build(task: dict, images: np.ndarray, state, *, learn: bool, normalize_inside: bool = False) -> Parts:
    """The network for a task.

    Parameters
    ----------
    task : dict
        ``rule``, ``dt``, ``shown`` and ``blank``.
    images : ndarray of shape (n_images, n_inputs)
        What the input shows, one after the other.
    state : mapping
        ``weights`` of shape (n_inputs, n_neurons) and ``theta`` of shape (n_neurons,) to start from.
    learn : bool
        Without learning nothing moves, and every image meets the network at rest.
    normalize_inside : bool
        Scale the weights before each image within the run, by a summed variable.
    """
    n_inputs, n = state["weights"].shape
    rule = RULES[task["rule"]](n_inputs)
    dt, image = task["dt"] * ms, (task["shown"] + task["blank"]) * ms
    stimulus = input_rates(images, task["shown"], task["blank"])
    source = NeuronGroup(
        n_inputs,
        "dx_in/dt = -x_in / (20*ms) : 1\n" if learn else "x_in : 1\n",
        threshold="rand() < stimulus(t, i) * dt",
        reset="x_in = 1" if learn else "",
        method="exact",
        dt=dt,
        namespace={"stimulus": stimulus},
        name="input",
    )
    if learn:
        source.resetter["spike"].when = "before_synapses"  # a spike of this step finds the trace at 1
    theta = "dtheta/dt = -theta / tau_theta : 1\n" if learn else "theta : 1\n"
    learned = theta + (rule.neuron_equations if learn else "") + ("l1 : 1\n" if normalize_inside else "")
    exc = NeuronGroup(
        n,
        MEMBRANE + learned,
        threshold="v > theta - 72",
        reset="v = -65\n" + ("theta += theta_plus\n" + rule.neuron_reset if learn else ""),
        refractory=5 * ms,
        method="exponential_euler",
        dt=dt,
        namespace=EXCITATORY | rule.constants,
        name="exc",
    )
    inh = NeuronGroup(
        n, MEMBRANE, threshold="v > -40", reset="v = -45", refractory=2 * ms, method="exponential_euler", dt=dt,
        namespace=INHIBITORY, name="inh",
    )  # fmt: skip
    exc.v, inh.v = -65.0, -60.0
    exc.theta = state["theta"]
    for variable, value in rule.neuron_start.items() if learn else ():
        setattr(exc, variable, value)

    summed = "l1_post = w : 1 (summed)\n" if normalize_inside else ""
    input_exc = Synapses(
        source,
        exc,
        "w : 1\n" + summed,
        on_pre=(rule.on_pre if learn else "") + "\ng_exc_post += w",
        on_post=dict(rule.on_post) if learn else None,
        namespace=rule.constants | {"l1_target": L1_PER_INPUT * n_inputs},
        dt=dt,
        name="input_exc",
    )
    input_exc.connect()
    input_exc.w = state["weights"].ravel()
    exc_inh = Synapses(exc, inh, on_pre="g_exc_post += 10.4", dt=dt, name="exc_inh")
    exc_inh.connect(j="i")
    inh_exc = Synapses(inh, exc, on_pre="g_inh_post += 17", dt=dt, name="inh_exc")
    inh_exc.connect(condition="i != j")
    inh_exc.pre.delay = "rand() * 5*ms"
    for order, pathway in enumerate([input_exc.pre, *(getattr(input_exc, name) for name in rule.on_post if learn)]):
        pathway.order = order
    exc_inh.pre.order, inh_exc.pre.order = 4, 5

    if normalize_inside:
        input_exc.summed_updaters["l1_post"]._clock = Clock(image)  # Brian would sum all weights in every step
        input_exc.run_regularly("w = w * l1_target / l1_post", dt=image, when="before_synapses")
    if not learn:
        exc.run_regularly("v = v_rest\ng_exc = 0\ng_inh = 0", dt=image, when="start")
        inh.run_regularly("v = v_rest\ng_exc = 0\ng_inh = 0", dt=image, when="start")
    counts = SpikeMonitor(exc, record=False, name="counts")
    return Parts(Network(source, exc, inh, input_exc, exc_inh, inh_exc, counts), input_exc, counts)
