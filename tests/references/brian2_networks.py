"""Networks of any parts written in Brian 2, to hold descriptions of :class:`engram.Network` against.

Every mechanism is Brian's own, as in :mod:`references.brian2_network`, which tells the order of a step: here all
presynaptic pathways come first, in the order in which projections are made, then all postsynaptic ones. Times are in
ms, potentials in mV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from brian2 import (
    Clock,
    Function,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
)

from references.brian2_network import _RULES, MEMBRANE, _RuleModel, _spikes

BRIAN_NAMES = {
    "self_normalizing": ("eta", "x_tar", "tau_pre", "a_tar", "variant", "count"),
    "triplet": ("eta_pre", "eta_post", "tau_pre", "tau_post1", "tau_post2", "w_max"),
    "power_law": ("eta", "x_tar", "mu", "tau_pre", "w_max"),
    "exponential": ("eta", "x_tar", "beta", "tau_pre", "w_max"),
    "symmetric": ("eta_pre", "eta_post", "x_tar", "mu", "tau_pre", "tau_post", "w_max"),
    "pair": ("tau_pre", "tau_post", "a_pre", "a_post"),
}

ORDER_POST = 1000


def in_brian(rule) -> dict:
    """The constants of a rule of engram's by the names of the model in Brian."""
    constants = {name: getattr(rule, name) for name in BRIAN_NAMES[rule.name]}
    if rule.name == "pair":
        constants |= {"g_min": rule.w_min, "g_max": rule.w_max}
    if rule.name == "self_normalizing":
        constants["s_max"] = rule.bound
    return {"name": rule.name, **constants}


def rule_model(rule, n_inputs: int) -> _RuleModel:
    """A rule of engram's as Brian code."""
    constants = in_brian(rule)
    return _RULES[constants.pop("name")](n_inputs=n_inputs, **constants)


def vogels_model(*, eta: float, rho: float, tau: float, w_max: float) -> _RuleModel:
    """Inhibitory plasticity of Vogels et al. (2011); `rho` in Hz."""
    return _RuleModel(
        constants={"eta": eta, "alpha": 2.0 * rho * tau / 1000.0, "tau": tau * ms, "w_max": w_max},
        traces="""
        dx_in/dt = -x_in / tau : 1 (event-driven)
        dx_out/dt = -x_out / tau : 1 (event-driven)
        """,
        on_pre="""
        x_in += 1
        w = clip(w + eta * (x_out - alpha), 0, w_max)
        """,
        on_post={
            "learn": """
            x_out += 1
            w = clip(w + eta * x_in, 0, w_max)
            """
        },
    )


@dataclass(frozen=True, kw_only=True)
class NeuronModel:
    """A neuron as Brian code.

    Attributes
    ----------
    equations, threshold, reset : str
    constants : mapping
    start : mapping
        Values at time 0.
    refractory : float
        ms.
    method : str
    regularly, then : str
        What else is done in every step, after the integration; instead of it for a neuron without equations of motion.
        In one block, Brian's code for NumPy may let two variables share an array.
    """

    equations: str
    threshold: str
    reset: str
    constants: Mapping
    start: Mapping = field(default_factory=dict)
    refractory: float = 0.0
    method: str = "exponential_euler"
    regularly: str = ""
    then: str = ""


def _numbers(neuron, units: Mapping[str, object]) -> dict:
    numbers = {f.name: getattr(neuron, f.name) for f in fields(neuron)}
    return {name: value * ms if name.startswith("tau") or name in units else value for name, value in numbers.items()}


def conductance_lif(neuron, threshold=None) -> NeuronModel:
    """The neuron of Diehl and Cook; `threshold` as engram's AdaptiveThreshold."""
    constants = _numbers(neuron, {}) | {
        "e_exc": 0.0,
        "tau_g_exc": neuron.tau_exc * ms,
        "tau_g_inh": neuron.tau_inh * ms,
    }
    adaptive = {"theta_plus": threshold.plus, "tau_theta": threshold.tau * ms} if threshold else {}
    return NeuronModel(
        equations=MEMBRANE + ("dtheta/dt = -theta / tau_theta : 1\n" if threshold else ""),
        threshold="v > theta + v_thresh" if threshold else "v > v_thresh",
        reset="v = v_reset" + ("\ntheta += theta_plus" if threshold else ""),
        constants=constants | adaptive,
        start={"v": neuron.v_start} | ({"theta": threshold.start} if threshold else {}),
        refractory=neuron.t_ref,
    )


def adex(neuron) -> NeuronModel:
    """Brette and Gerstner's neuron by forward Euler, its conductances exact."""
    return NeuronModel(
        equations="""
        dv/dt = ((v_rest - v) + delta_t*exp((v - v_t)/delta_t) - adapted - g_exc*v + g_inh*(e_inh - v))
                / tau_m : 1 (unless refractory)
        dadapted/dt = (a*(v - v_rest) - adapted) / tau_w : 1
        g_exc : 1
        g_inh : 1
        """,
        regularly="""
        g_exc *= exp(-dt / tau_exc)
        g_inh *= exp(-dt / tau_inh)
        """,
        threshold="v > v_thresh",
        reset="""
        v = v_reset
        adapted += b
        """,
        constants=_numbers(neuron, {}),
        start={"v": neuron.v_rest},
        refractory=neuron.t_ref,
        method="euler",
    )


def gated_if(neuron, dt: float) -> NeuronModel:
    """The neuron that listens before it decides, without a refractory period."""
    assert neuron.t_ref == 0
    return NeuronModel(
        equations="""
        v : 1
        gathered : 1
        since : 1
        """,
        regularly="v += int(since + step_ms / 2 > gate) * gathered",
        then="""
        gathered *= int(since + step_ms / 2 <= gate)
        since += step_ms
        """,
        threshold="v > v_thresh",
        reset="v = 0",
        constants={"v_thresh": neuron.v_thresh, "gate": neuron.gate, "step_ms": dt},
    )


def alif(neuron, dt: float) -> NeuronModel:
    """The tutorial's neuron with an adaptive threshold; where it was met is found by bisection."""
    return NeuronModel(
        equations="""
        v : 1
        left : 1
        i_syn : 1
        current : 1
        above : 1
        """,
        regularly="""
        left -= step_ms
        v = i_syn + (v - i_syn) * exp(-clip(step_ms - left, 0, step_ms) / tau_rc)
        current = i_syn
        """,
        then="""
        i_syn *= exp(-step_ms / tau_syn)
        above *= exp(-step_ms / tau_inh)
        """,
        threshold="v > v_thresh + above",
        reset="""
        met = meeting(v, current, above, left)
        v = 0
        left = tau_ref + met
        above += inc_inh * exp((met - step_ms) / tau_inh)
        """,
        constants={f.name: getattr(neuron, f.name) for f in fields(neuron)}
        | {"step_ms": dt, "meeting": _meeting(neuron, dt)},
    )


def _meeting(neuron, dt: float) -> Function:
    def meeting(v, current, above, left):
        low, high = np.minimum(np.maximum(left, 0.0), dt), np.full(np.shape(v), dt)
        for _ in range(80):
            middle = (low + high) / 2.0
            over = current + (v - current) * np.exp((dt - middle) / neuron.tau_rc)
            passed = over > neuron.v_thresh + above * np.exp((dt - middle) / neuron.tau_inh)
            low, high = np.where(passed, low, middle), np.where(passed, middle, high)
        return high

    return Function(meeting, arg_units=[1, 1, 1, 1], return_unit=1)


class BrianNetwork:
    """A network in Brian 2, made part by part.

    Parameters
    ----------
    dt : float
        Time step, ms; it should divide all refractory times.
    """

    def __init__(self, dt: float):
        self.dt = dt
        self.clock = Clock(dt=dt * ms)
        self.network = Network()
        self.groups: dict = {}
        self.monitors: dict = {}
        self.synapses: dict = {}

    def input(self, name: str, spikes: np.ndarray) -> None:
        """An input that spikes where an array of shape (n_steps, n) is true."""
        step, index = np.nonzero(spikes)
        self.groups[name] = SpikeGeneratorGroup(spikes.shape[1], index, step * self.dt * ms, clock=self.clock)
        self.network.add(self.groups[name])

    def population(self, name: str, n: int, model: NeuronModel, rule: _RuleModel | None = None) -> None:
        """Neurons of a kind; `rule` is that of a projection to them which keeps something in them."""
        group = NeuronGroup(
            n,
            model.equations + (rule.neuron_equations if rule else ""),
            threshold=model.threshold,
            reset=model.reset + ("\n" + rule.neuron_reset if rule else ""),
            refractory=model.refractory * ms if model.refractory else False,
            method=model.method,
            namespace={**model.constants, **(rule.constants if rule else {})},
            clock=self.clock,
        )
        for variable, value in {**model.start, **(rule.neuron_start if rule else {})}.items():
            setattr(group, variable, value)
        for order, block in enumerate((model.regularly, model.then), start=1):
            if block:
                self.network.add(group.run_regularly(block, when="groups", order=order, clock=self.clock))
        self.groups[name], self.monitors[name] = group, SpikeMonitor(group)
        self.network.add(group, self.monitors[name])

    def projection(self, name, before, after, variable, weights, *, rule=None, delay=0, gain=1.0, pairs=None) -> None:
        """Synapses from everybody to everybody, or of some `pairs` (senders, receivers) with a list of weights.

        Parameters
        ----------
        variable : str
            To which a spike adds its weight times `gain`.
        weights : ndarray of shape (n_before, n_after) or (n_synapses,)
        rule : _RuleModel, optional
        delay : int or ndarray
            Steps, of all or of each synapse.
        """
        synapses = Synapses(
            self.groups[before],
            self.groups[after],
            model="w : 1\n" + (rule.traces if rule else ""),
            on_pre={"pre": (rule.on_pre if rule else "") + f"\n{variable}_post += gain * w"},
            on_post=dict(rule.on_post) if rule else None,
            namespace={"gain": gain, **(rule.constants if rule else {})},
            clock=self.clock,
        )
        i, j = np.indices(np.shape(weights)).reshape(2, -1) if pairs is None else pairs
        synapses.connect(i=i, j=j)
        synapses.w = np.ravel(weights)
        synapses.pre.delay = np.ravel(delay) * self.dt * ms if np.size(delay) > 1 else float(delay) * self.dt * ms
        self._order(synapses, rule)
        self.synapses[name] = (synapses, np.shape(weights))
        self.network.add(synapses)

    def shared_projection(self, name, before, after, variable, weights, where, pairs, *, x_tar, eta, mu, tau, w_max):
        """Synapses that share their weights, which learn by a power law: synapse s has the weight ``where[s]``.

        The weights lie in an array of NumPy's; Brian's synapses reach them through functions, in their order.
        """
        shared = np.array(weights)

        def now(k):
            return shared[k.astype(int)]

        def learned(k, x):
            for at, trace in zip(k.astype(int), x, strict=True):
                w = shared[at]
                shared[at] = min(max(w + eta * (trace - x_tar) * (w_max - w) ** mu, 0.0), w_max)
            return 0.0 * x

        functions = {
            "now": Function(now, arg_units=[1], return_unit=1),
            "learned": Function(learned, arg_units=[1, 1], return_unit=1, stateless=False),
        }
        synapses = Synapses(
            self.groups[before],
            self.groups[after],
            model="number : 1\nunused : 1\ndx_in/dt = -x_in / tau_in : 1 (event-driven)",
            on_pre=f"x_in = 1\n{variable}_post += now(number)",
            on_post={"learn": "unused = learned(number, x_in)"},
            namespace={"tau_in": tau * ms, **functions},
            clock=self.clock,
        )
        synapses.connect(i=pairs[0], j=pairs[1])
        synapses.number = where
        self._order(synapses, _RuleModel(constants={}, on_post={"learn": ""}))
        self.synapses[name] = (shared, np.shape(weights))
        self.network.add(synapses)

    def _order(self, synapses, rule) -> None:
        k = len(self.synapses)
        synapses.pre.order = k
        for offset, pathway in enumerate(rule.on_post if rule else ()):
            getattr(synapses, pathway).order = ORDER_POST + 10 * k + offset

    def scale(self, name: str, target: float) -> None:
        """Scale each receiver's weights of a projection to a sum."""
        synapses, _ = self.synapses[name]
        w, j = np.array(synapses.w), np.array(synapses.j)
        synapses.w = w * (target / np.bincount(j, weights=w))[j]

    def run(self, n_steps: int) -> None:
        """Go on for some steps."""
        self.network.run(n_steps * self.dt * ms, namespace={})

    def spikes(self, name: str) -> np.ndarray:
        """Every spike of a population as (neuron, step)."""
        return np.column_stack(_spikes(self.monitors[name], self.dt))

    def weights(self, name: str) -> np.ndarray:
        """The weights of a projection, in the shape in which they were given."""
        synapses, shape = self.synapses[name]
        return np.reshape(synapses if isinstance(synapses, np.ndarray) else np.array(synapses.w), shape)


def brian_of(simulator, spikes: Mapping[str, np.ndarray]) -> BrianNetwork:
    """The network of a simulator of engram's, in its present state but for its membranes, which start anew.

    Parameters
    ----------
    simulator : Simulator
    spikes : mapping of str to ndarray of shape (n_steps, n), bool
        Of each input.
    """
    network, state = simulator.described, simulator.state
    made = BrianNetwork(network.dt)
    rules = {p.name: _model_of(p.rule, network.size_of(p.before)) for p in network.plastic}
    for name in network.inputs:
        made.input(name, spikes[name])
    for name, population in network.populations.items():
        keeping = [rules[p.name] for p in network.plastic if p.after == name and rules[p.name].neuron_start]
        made.population(name, population.n, _neuron_model(population, network.dt), *keeping)
    for p in network.projections:
        _add_projection(made, network, p, state.projections[p.name], rules.get(p.name))
    return made


def _model_of(rule, n_inputs: int) -> _RuleModel:
    if rule.name in BRIAN_NAMES:
        return rule_model(rule, n_inputs)
    return vogels_model(eta=rule.eta, rho=rule.rho, tau=rule.tau, w_max=rule.w_max)


def _neuron_model(population, dt: float) -> NeuronModel:
    kind = type(population.neuron).__name__
    if kind == "ConductanceLIF":
        return conductance_lif(population.neuron, population.threshold)
    if kind == "GatedIF":
        return gated_if(population.neuron, dt)
    return adex(population.neuron) if kind == "AdEx" else alif(population.neuron, dt)


def _add_projection(made: BrianNetwork, network, p, state, rule) -> None:
    after = network.populations[p.after]
    variable = after.neuron.channels[p.channel or next(iter(after.neuron.channels))]
    gain = 1.0
    if variable == "i":
        variable, gain = "i_syn", (1.0 - np.exp(-network.dt / after.neuron.tau_syn)) * 1000.0 / network.dt
    pairs, weights = _synapses(network, p, state)
    delay = p.delay / network.dt if p.has_one_delay and not state.delays.size else _delays(p, state, network.dt)
    if state.listing is not None and len(weights) < len(pairs[0]):
        where, constants = _places(state.listing), in_brian(p.rule)
        made.shared_projection(
            p.name, p.before, p.after, variable, weights, where, pairs, x_tar=constants["x_tar"],
            eta=constants["eta"], mu=constants["mu"], tau=constants["tau_pre"], w_max=constants["w_max"],
        )  # fmt: skip
        return
    made.projection(p.name, p.before, p.after, variable, weights, rule=rule, delay=delay, gain=gain, pairs=pairs)


def _synapses(network, p, state):
    """Who sends to whom (None for everybody to everybody), and the weights."""
    n = network.size_of(p.after)
    if p.layout == "dense":
        return None, np.array(state.weights)
    if p.layout == "one_to_one":
        return (np.arange(n), np.arange(n)), np.array(state.weights)
    if p.layout == "all_but_own":
        pairs = np.nonzero(~np.eye(n, dtype=bool))
        return pairs, np.full(len(pairs[0]), float(p.weights))
    starts = state.listing.column_starts
    pairs = state.listing.column_before, np.repeat(np.arange(n), np.diff(starts))
    weights = np.array(state.weights)
    return pairs, weights if len(weights) < len(pairs[0]) else weights[state.listing.column_where]


def _places(listing) -> np.ndarray:
    return listing.column_where


def _delays(p, state, dt: float) -> np.ndarray:
    """The delay of each synapse in steps, in the order of :func:`_synapses`."""
    if isinstance(p.delay, np.ndarray):
        return np.rint(p.delay / dt)
    if p.layout == "all_but_own":
        return state.delays[~np.eye(len(state.delays), dtype=bool)]
    if p.layout == "dense":
        return np.array(state.delays)
    listing, n_before = state.listing, len(state.listing.starts) - 1
    before = np.repeat(np.arange(n_before), np.diff(listing.starts))
    return state.delays[np.lexsort((before, listing.who))]
