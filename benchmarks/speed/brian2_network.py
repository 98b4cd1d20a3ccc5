"""The Diehl & Cook network in Brian 2, written for speed; both of Brian's modes run this one.

The equations are those of ``tests/references``, where Brian 2 and engram fire the same spikes, the constants those that
the task brings; here the input is Brian's own Poisson process, whose rates come from a :class:`TimedArray`, so that
many images make one run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from brian2 import Clock, Hz, Network, NeuronGroup, SpikeMonitor, Synapses, TimedArray, ms

MEMBRANE = """
dv/dt = ((v_rest - v) - g_exc*v + g_inh*(e_inh - v)) / tau_m : 1 (unless refractory)
dg_exc/dt = -g_exc / (tau_exc*ms) : 1
dg_inh/dt = -g_inh / (tau_inh*ms) : 1
"""


@dataclass(frozen=True)
class Rule:
    """A learning rule as Brian code; its traces are the neurons' own, of which there are fewer than of synapses."""

    on_pre: str
    on_post: dict[str, str]
    neuron_equations: str = ""
    neuron_reset: str = ""
    neuron_start: dict[str, float] = field(default_factory=dict)


def triplet(constants: dict) -> Rule:
    """The rule of Diehl and Cook's published code."""
    return Rule(
        on_pre="w = clip(w - eta_pre * x_post1_post, 0, 1)",
        on_post={"learn": "w = clip(w + eta_post * x_in_pre * x_post2_post, 0, 1)"},
        neuron_equations="""
        dx_post1/dt = -x_post1 / (tau_post1*ms) : 1
        dx_post2/dt = -x_post2 / (tau_post2*ms) : 1
        """,
        neuron_reset="""
        x_post1 = 1
        x_post2 = 1
        """,
    )


def exponential(constants: dict) -> Rule:
    """Gains and losses that depend exponentially on the weight."""
    change = "eta * (x_in_pre * exp(-beta*w) - x_tar * exp(-beta*(1 - w)))"
    return Rule(on_pre="", on_post={"learn": f"w = clip(w + {change}, 0, 1)"})


def self_normalizing(constants: dict) -> Rule:
    """The self-normalizing rule with weights of one sign; what a spike counts sets the bound for the next."""
    counted = {"l1": "n_active_post += int(x_in_pre >= x_tar)", "l2": "n_active_post += int(x_in_pre >= x_tar) * w"}
    kept = {"l1": "a_tar * n_inputs", "l2": "8 * a_tar**2 * n_inputs"}[constants["norm"]]
    return Rule(
        on_pre="",
        on_post={
            "count": counted[constants["norm"]],
            "learn": "w += eta * (int(x_in_pre >= x_tar)*s_max_post - w)",
        },
        neuron_equations="s_max : 1\nn_active : 1\n",
        neuron_reset=f"""
        s_max = int(n_active > 0) * {kept} / clip(n_active, 1e-9, inf) + int(n_active == 0) * s_max
        n_active = 0
        """,
        neuron_start={"s_max": 8 * constants["a_tar"]},
    )


RULES = {"triplet": triplet, "exponential": exponential, "self_normalizing": self_normalizing}


def neuron_constants(neuron: dict) -> dict:
    """A neuron's constants by the names in its equations; its time constant has a unit."""
    return {name: value for name, value in neuron.items() if name != "t_ref"} | {"tau_m": neuron["tau_m"] * ms}


@dataclass(frozen=True)
class Parts:
    """The network and those of its parts that a measurement touches."""

    network: Network
    input_exc: Synapses
    counts: SpikeMonitor

    def normalize(self, norm: dict) -> None:
        """Scale each neuron's weights to their norm from Python."""
        weights = np.asarray(self.input_exc.w).reshape(norm["n_inputs"], -1)
        length = weights.sum(axis=0) if norm["kind"] == "l1" else np.sqrt((weights * weights).sum(axis=0))
        self.input_exc.w[:] = (weights * (norm["target"] / length)).ravel()


def input_rates(images: np.ndarray, shown: float, blank: float, hz_per_value: float) -> TimedArray:
    """The inputs' rates over all images, each shown and then blank."""
    slot = math.gcd(round(shown), round(blank))
    n_shown, n_blank = round(shown) // slot, round(blank) // slot
    rates = np.zeros((len(images), n_shown + n_blank, images.shape[1]))
    rates[:, :n_shown] = images[:, np.newaxis] * hz_per_value
    return TimedArray(rates.reshape(-1, images.shape[1]) * Hz, dt=slot * ms)


def build(task: dict, images: np.ndarray, state, *, learn: bool, normalize_inside: bool = False) -> Parts:
    """The network for a task.

    Parameters
    ----------
    task : dict
        ``rule``, ``dt``, ``shown``, ``blank``, and the ``constants`` of the network, the rule and the protocol.
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
    constants = task["constants"]
    network, norm = constants["network"], constants["norm"]
    rule = RULES[task["rule"]](constants["rule"])
    learned = {name: value for name, value in constants["rule"].items() if isinstance(value, (int, float))}
    learned |= {"n_inputs": n_inputs, "theta_plus": network["theta_plus"], "tau_theta": network["tau_theta"]}
    dt, image = task["dt"] * ms, (task["shown"] + task["blank"]) * ms
    stimulus = input_rates(images, task["shown"], task["blank"], constants["hz_per_value"])
    source = NeuronGroup(
        n_inputs,
        "dx_in/dt = -x_in / (tau_pre*ms) : 1\n" if learn else "x_in : 1\n",
        threshold="rand() < stimulus(t, i) * dt",
        reset="x_in = 1" if learn else "",
        method="exact",
        dt=dt,
        namespace={"stimulus": stimulus} | learned,
        name="input",
    )
    if learn:
        source.resetter["spike"].when = "before_synapses"  # a spike of this step finds the trace at 1
    theta = "dtheta/dt = -theta / (tau_theta*ms) : 1\n" if learn else "theta : 1\n"
    equations = theta + (rule.neuron_equations if learn else "") + ("norm : 1\n" if normalize_inside else "")
    exc = NeuronGroup(
        n,
        MEMBRANE + equations,
        threshold="v > theta + v_thresh",
        reset="v = v_reset\n" + ("theta += theta_plus\n" + rule.neuron_reset if learn else ""),
        refractory=network["excitatory"]["t_ref"] * ms,
        method="exponential_euler",
        dt=dt,
        namespace=neuron_constants(network["excitatory"]) | learned,
        name="exc",
    )
    inh = NeuronGroup(
        n, MEMBRANE, threshold="v > v_thresh", reset="v = v_reset", refractory=network["inhibitory"]["t_ref"] * ms,
        method="exponential_euler", dt=dt, namespace=neuron_constants(network["inhibitory"]), name="inh",
    )  # fmt: skip
    exc.v, inh.v = network["excitatory"]["v_rest"], network["inhibitory"]["v_rest"]
    exc.theta = state["theta"]
    for variable, value in rule.neuron_start.items() if learn else ():
        setattr(exc, variable, value)

    term = "w" if norm["kind"] == "l1" else "w**2"
    summed = f"norm_post = {term} : 1 (summed)\n" if normalize_inside else ""
    input_exc = Synapses(
        source,
        exc,
        "w : 1\n" + summed,
        on_pre=(rule.on_pre if learn else "") + "\ng_exc_post += w",
        on_post=dict(rule.on_post) if learn else None,
        namespace=learned | {"norm_target": norm["target"]},
        dt=dt,
        name="input_exc",
    )
    input_exc.connect()
    input_exc.w = state["weights"].ravel()
    exc_inh = Synapses(exc, inh, on_pre=f"g_exc_post += {network['w_exc_inh']}", dt=dt, name="exc_inh")
    exc_inh.connect(j="i")
    inh_exc = Synapses(inh, exc, on_pre=f"g_inh_post += {network['w_inh_exc']}", dt=dt, name="inh_exc")
    inh_exc.connect(condition="i != j")
    if network["max_delay"]:
        inh_exc.pre.delay = f"rand() * {network['max_delay']}*ms"
    for order, pathway in enumerate([input_exc.pre, *(getattr(input_exc, name) for name in rule.on_post if learn)]):
        pathway.order = order
    exc_inh.pre.order, inh_exc.pre.order = 4, 5

    if normalize_inside:
        input_exc.summed_updaters["norm_post"]._clock = Clock(image)  # Brian would sum all weights in every step
        length = "norm_post" if norm["kind"] == "l1" else "sqrt(norm_post)"
        input_exc.run_regularly(f"w = w * norm_target / {length}", dt=image, when="before_synapses")
    if constants["at_rest"] or not learn:
        exc.run_regularly("v = v_rest\ng_exc = 0\ng_inh = 0", dt=image, when="start")
        inh.run_regularly("v = v_rest\ng_exc = 0\ng_inh = 0", dt=image, when="start")
    counts = SpikeMonitor(exc, record=False, name="counts")
    return Parts(Network(source, exc, inh, input_exc, exc_inh, inh_exc, counts), input_exc, counts)
