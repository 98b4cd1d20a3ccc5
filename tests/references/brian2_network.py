"""The Diehl & Cook network written in Brian 2, driven by given input spikes.

An independent model to hold the simulator against, spike for spike, in float64. Every mechanism is
Brian's own: ``unless refractory``, delayed synapses, event-driven traces, integrators and schedule.

How Brian's schedule (``groups``, ``thresholds``, ``synapses``, ``resets``) orders step k, ``t = k * dt``:

1. All state is integrated from ``t`` to ``t + dt`` with the values at ``t``. A conductance raised in step k
   therefore moves a membrane in step k + 1, at its full height, and decays in that step too. A refractory
   neuron holds its ``v``; its ``theta`` and conductances go on.
2. Thresholds. A neuron that fired in step k is integrated, and can fire, again from step ``k + t_ref / dt``.
   Given input spikes belong to this slot too, so a spike given for step k acts in step k.
3. Synapses, in the order of the ``ORDER_*`` constants: input spikes (trace, weight, new weight into
   ``g_exc``), the clamp of ``g_exc`` at 0 from below, postsynaptic learning, excitatory to inhibitory,
   inhibitory to excitatory. An excitatory spike of step k raises its partner's ``g_exc`` in step k; an
   inhibitory spike of step k with a delay of d steps acts in step k + d, in the same step when d is 0.
4. Resets: ``v``, the increment of ``theta``, the self-normalizing bounds for the neuron's next spike.

Brian truncates ``t_ref / dt`` (after adding 0.001) where engram rounds it: take time steps that divide both
refractory times. Traces are exact under either integrator, since they only decay between events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from brian2 import (
    Clock,
    Network,
    NeuronGroup,
    Quantity,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
    prefs,
)

prefs.codegen.target = "numpy"  # from the making of synapses on: C++ takes longer to compile than any run here takes

ORDER_INPUT_PRE, ORDER_CLAMP, ORDER_INPUT_POST, ORDER_EXC_INH, ORDER_INH_EXC = 0, 1, 2, 4, 5

MEMBRANE = """
dv/dt = ((v_rest - v) + g_exc*(e_exc - v) + g_inh*(e_inh - v)) / tau_m : 1 (unless refractory)
dg_exc/dt = -g_exc / tau_g_exc : 1
dg_inh/dt = -g_inh / tau_g_inh : 1
"""


@dataclass(frozen=True, kw_only=True)
class Brian2Run:
    """What a run of the Brian 2 network leaves behind; spikes are sorted by step, then by neuron.

    Attributes
    ----------
    exc_neuron, exc_step : ndarray of shape (n_exc_spikes,), int64
        Neuron and time step of every excitatory spike.
    inh_neuron, inh_step : ndarray of shape (n_inh_spikes,), int64
        Neuron and time step of every inhibitory spike.
    weights : ndarray of shape (n_inputs, n_neurons), float64
        Final input weights.
    theta : ndarray of shape (n_neurons,), float64
        Final adaptive thresholds, in mV.
    s_max, s_min : ndarray of shape (n_neurons,), float64, or None
        Final bounds of the self-normalizing rule, None for the other rules.
    v_exc, v_inh : ndarray of shape (n_neurons,), float64
        Final membrane potentials, in mV.
    g_exc, g_inh : ndarray of shape (n_neurons,), float64
        Final conductances of the excitatory neurons.
    """

    exc_neuron: np.ndarray
    exc_step: np.ndarray
    inh_neuron: np.ndarray
    inh_step: np.ndarray
    weights: np.ndarray
    theta: np.ndarray
    s_max: np.ndarray | None
    s_min: np.ndarray | None
    v_exc: np.ndarray
    v_inh: np.ndarray
    g_exc: np.ndarray
    g_inh: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _RuleModel:
    """One learning rule as Brian code for the input synapses and the excitatory neurons.

    Brian keeps names ending in ``_pre`` and ``_post`` for the two neurons of a synapse, hence ``x_in`` and
    ``x_out`` for its traces; ``s_max_post`` is the postsynaptic neuron's.
    """

    constants: Mapping[str, float | Quantity]
    traces: str = "dx_in/dt = -x_in / tau_in : 1 (event-driven)\n"
    on_pre: str = "x_in = 1"
    on_post: Mapping[str, str]
    neuron_equations: str = ""
    neuron_start: Mapping[str, float] = field(default_factory=dict)
    neuron_reset: str = ""


def _triplet(
    *, n_inputs, eta_pre=1e-4, eta_post=1e-2, tau_pre=20.0, tau_post1=20.0, tau_post2=40.0, w_max=1.0
) -> _RuleModel:
    """Triplet rule: potentiation reads ``x_out2`` from before this spike, then both are set to 1."""
    return _RuleModel(
        constants={
            "eta_in": eta_pre,
            "eta_out": eta_post,
            "tau_in": tau_pre * ms,
            "tau_out1": tau_post1 * ms,
            "tau_out2": tau_post2 * ms,
            "w_max": w_max,
        },
        traces="""
        dx_in/dt = -x_in / tau_in : 1 (event-driven)
        dx_out1/dt = -x_out1 / tau_out1 : 1 (event-driven)
        dx_out2/dt = -x_out2 / tau_out2 : 1 (event-driven)
        """,
        on_pre="""
        x_in = 1
        w = clip(w - eta_in * x_out1, 0, w_max)
        """,
        on_post={
            "learn": """
            w = clip(w + eta_out * x_in * x_out2, 0, w_max)
            x_out1 = 1
            x_out2 = 1
            """
        },
    )


def _power_law(*, n_inputs, eta, x_tar, mu, tau_pre=20.0, w_max=1.0) -> _RuleModel:
    """Power-law weight dependence."""
    return _RuleModel(
        constants={"eta": eta, "x_tar": x_tar, "mu": mu, "tau_in": tau_pre * ms, "w_max": w_max},
        on_post={"learn": "w = clip(w + eta * (x_in - x_tar) * (w_max - w)**mu, 0, w_max)"},
    )


def _exponential(*, n_inputs, eta, x_tar, beta, tau_pre=20.0, w_max=1.0) -> _RuleModel:
    """Exponential weight dependence."""
    return _RuleModel(
        constants={"eta": eta, "x_tar": x_tar, "beta": beta, "tau_in": tau_pre * ms, "w_max": w_max},
        on_post={
            "learn": """
            w = clip(w + eta * (x_in*exp(-beta*w) - x_tar*exp(-beta*(w_max - w))), 0, w_max)
            """
        },
    )


def _symmetric(*, n_inputs, eta_pre, eta_post, x_tar, mu, tau_pre=20.0, tau_post=20.0, w_max=1.0) -> _RuleModel:
    """Weight changes at both spikes; each spike sets its own trace to 1 and reads the other's."""
    return _RuleModel(
        constants={
            "eta_in": eta_pre,
            "eta_out": eta_post,
            "x_tar": x_tar,
            "mu": mu,
            "tau_in": tau_pre * ms,
            "tau_out": tau_post * ms,
            "w_max": w_max,
        },
        traces="""
        dx_in/dt = -x_in / tau_in : 1 (event-driven)
        dx_out/dt = -x_out / tau_out : 1 (event-driven)
        """,
        on_pre="""
        x_in = 1
        w = clip(w - eta_in * x_out * w**mu, 0, w_max)
        """,
        on_post={
            "learn": """
            w = clip(w + eta_out * (x_in - x_tar) * (w_max - w)**mu, 0, w_max)
            x_out = 1
            """
        },
    )


def _pair(*, n_inputs, g_min=0.0, g_max=1.0, tau_pre=30.0, tau_post=30.0, a_pre=0.1, a_post=0.11) -> _RuleModel:
    """Pair rule: each spike reads the other side's trace, then steps its own by ``+a_pre`` or ``-a_post``.

    Both changes are clipped to [g_min, g_max]. In a step with both spikes the presynaptic event comes first,
    so it misses that step's ``-a_post`` while the postsynaptic event sees that step's ``+a_pre``.
    """
    return _RuleModel(
        constants={
            "g_min": g_min,
            "g_max": g_max,
            "tau_in": tau_pre * ms,
            "tau_out": tau_post * ms,
            "a_in": a_pre,
            "a_out": a_post,
        },
        traces="""
        dx_in/dt = -x_in / tau_in : 1 (event-driven)
        dx_out/dt = -x_out / tau_out : 1 (event-driven)
        """,
        on_pre="""
        w = clip(w + (g_max - g_min) * x_out, g_min, g_max)
        x_in += a_in
        """,
        on_post={
            "learn": """
            w = clip(w + (g_max - g_min) * x_in, g_min, g_max)
            x_out -= a_out
            """
        },
    )


def _self_normalizing(
    *,
    n_inputs,
    eta,
    x_tar=0.2,
    tau_pre=20.0,
    a_tar=0.1,
    variant="smax",
    s_max=1.0,
    count="previous",
    initial_count=None,
) -> _RuleModel:
    """Self-normalizing rule: ``w`` moves toward ``s_max`` where ``x_in >= x_tar``, else toward ``s_min``.

    A first postsynaptic pathway counts the active synapses into the neuron's ``n_active``, a second one
    learns, and the neuron's reset turns the count into the bounds for its next spike. With
    ``count="current"`` the second pathway reads the bounds that the reset is about to store. A bound whose
    denominator is 0 keeps its last value. No clipping.
    """
    if variant not in ("smax", "smin") or count not in ("previous", "current"):
        raise ValueError(f"unknown self-normalizing variant {variant!r} or count {count!r}")
    first_count = n_inputs / 8 if initial_count is None else initial_count
    l_tar = a_tar * n_inputs
    if variant == "smax":
        bounds = """
        s_max_next = int(n_active > 0) * l_tar / clip(n_active, 1, inf) + int(n_active == 0) * s_max : 1
        s_min_next = s_min : 1
        """
        start = {"s_max": l_tar / first_count, "s_min": 0.0}
    else:
        bounds = """
        n_silent = n_all - n_active : 1
        s_max_next = s_max : 1
        s_min_next = (int(n_silent > 0) * (l_tar - s_max*n_active) / clip(n_silent, 1, inf)
                      + int(n_silent == 0) * s_min) : 1
        """
        start = {"s_max": s_max, "s_min": (l_tar - s_max * first_count) / (n_inputs - first_count)}
    now = "" if count == "previous" else "_next"
    return _RuleModel(
        constants={"eta": eta, "x_tar": x_tar, "tau_in": tau_pre * ms, "l_tar": l_tar, "n_all": n_inputs},
        on_post={
            "count": "n_active_post += int(x_in >= x_tar)",
            "learn": f"""
            w += eta * (int(x_in >= x_tar)*s_max{now}_post + int(x_in < x_tar)*s_min{now}_post - w)
            """,
        },
        neuron_equations=f"""
        s_max : 1
        s_min : 1
        n_active : 1
        {bounds}
        """,
        neuron_start=start,
        neuron_reset="""
        s_max = s_max_next
        s_min = s_min_next
        n_active = 0
        """,
    )


_RULES = {
    "triplet": _triplet,
    "power_law": _power_law,
    "exponential": _exponential,
    "symmetric": _symmetric,
    "pair": _pair,
    "self_normalizing": _self_normalizing,
}


def _input_synapses(source, exc, weights: np.ndarray, model: _RuleModel, learn: bool, clock: Clock) -> Synapses:
    """All-to-all plastic synapses; without learning they only deliver their weight."""
    synapses = Synapses(
        source,
        exc,
        model="w : 1\n" + (model.traces if learn else ""),
        on_pre={"pre": (model.on_pre if learn else "") + "\ng_exc_post += w"},
        on_post=dict(model.on_post) if learn else None,
        namespace=dict(model.constants),
        clock=clock,
        name="input_exc",
    )
    synapses.connect()
    synapses.w[:] = weights[np.asarray(synapses.i), np.asarray(synapses.j)]
    synapses.pre.order = ORDER_INPUT_PRE
    for offset, pathway in enumerate(model.on_post if learn else ()):
        getattr(synapses, pathway).order = ORDER_INPUT_POST + offset
    return synapses


def _one_to_one(exc, inh, weight: float, clock: Clock) -> Synapses:
    """Excitatory j to inhibitory j, without delay."""
    synapses = Synapses(
        exc, inh, on_pre="g_exc_post += weight", namespace={"weight": weight}, clock=clock, name="exc_inh"
    )
    synapses.connect(j="i")
    synapses.pre.order = ORDER_EXC_INH
    return synapses


def _lateral(inh, exc, weight: float, delays: np.ndarray, dt: float, clock: Clock) -> Synapses:
    """Inhibitory j to every excitatory k other than j, after ``delays[j, k]`` steps."""
    synapses = Synapses(
        inh, exc, on_pre="g_inh_post += weight", namespace={"weight": weight}, clock=clock, name="inh_exc"
    )
    synapses.connect(condition="i != j")
    synapses.pre.delay = delays[np.asarray(synapses.i), np.asarray(synapses.j)] * dt * ms
    synapses.pre.order = ORDER_INH_EXC
    return synapses


def _spikes(monitor: SpikeMonitor, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Neuron and step of every recorded spike, by step and then by neuron."""
    neuron = np.array(monitor.i, dtype=np.int64)
    step = np.rint(np.array(monitor.t / ms) / dt).astype(np.int64)
    order = np.lexsort((neuron, step))
    return neuron[order], step[order]


def simulate_brian2(
    *,
    spike_index: np.ndarray,
    spike_step: np.ndarray,
    n_steps: int,
    weights: np.ndarray,
    theta: np.ndarray,
    delays: np.ndarray,
    rule: Mapping[str, object],
    dt: float = 0.5,
    integrator: str = "exponential_euler",
    learn: bool = True,
    theta_plus: float = 0.05,
    tau_theta: float = 1e7,
    w_exc_inh: float = 10.4,
    w_inh_exc: float = 17.0,
    v_thresh_exc: float = -52.0,
    offset: float = 20.0,
    v_thresh_inh: float = -40.0,
    v_rest_exc: float = -65.0,
    v_rest_inh: float = -60.0,
    v_reset_exc: float = -65.0,
    v_reset_inh: float = -45.0,
    v_start_exc: float = -105.0,
    v_start_inh: float = -100.0,
    tau_m_exc: float = 100.0,
    tau_m_inh: float = 10.0,
    t_ref_exc: float = 5.0,
    t_ref_inh: float = 2.0,
    e_exc: float = 0.0,
    e_inh_exc: float = -100.0,
    e_inh_inh: float = -85.0,
    tau_g_exc: float = 1.0,
    tau_g_inh: float = 2.0,
) -> Brian2Run:
    r"""Run the Diehl & Cook network in Brian 2 on given input spikes.

    Both populations follow
    :math:`\tau_m \dot v = (v_{rest} - v) + g_{exc} (e_{exc} - v) + g_{inh} (e_{inh} - v)`; the module's
    docstring gives the order inside a step. Times are in ms, potentials in mV, weights dimensionless.

    Parameters
    ----------
    spike_index, spike_step : array-like of shape (n_spikes,), int
        Input and time step of every input spike, in any order, at most one per input and step.
    n_steps : int
        Number of time steps to run.
    weights : array-like of shape (n_inputs, n_neurons)
        Initial input weights. They may be negative: ``g_exc`` is clamped at 0 after each step's input.
    theta : array-like of shape (n_neurons,)
        Initial adaptive thresholds, in mV.
    delays : array-like of shape (n_neurons, n_neurons), int
        ``delays[j, k]``, in steps, from inhibitory neuron j to excitatory neuron k. The diagonal is ignored.
    rule : mapping
        ``"name"`` is one of triplet, power_law, exponential, symmetric, pair, self_normalizing; the other
        entries are the rule's constants. Those without published values must be given.
    dt : float
        Time step in ms; it should divide both refractory times.
    integrator : {'exponential_euler', 'euler'}
        Brian's method for ``v``, ``g_exc``, ``g_inh`` and ``theta``.
    learn : bool
        False freezes weights, bounds and thresholds (no increment, no decay).
    theta_plus, tau_theta : float
        Increment of ``theta`` per spike in mV and its decay time in ms.
    w_exc_inh, w_inh_exc : float
        Weights from excitatory to inhibitory neurons and back.
    v_thresh_exc, offset, v_thresh_inh : float
        An excitatory neuron fires at ``v > theta + v_thresh_exc - offset``, an inhibitory one at
        ``v > v_thresh_inh``. In mV.
    v_rest_exc, v_rest_inh, v_reset_exc, v_reset_inh, v_start_exc, v_start_inh : float
        Resting, reset and initial potentials in mV.
    tau_m_exc, tau_m_inh, t_ref_exc, t_ref_inh, tau_g_exc, tau_g_inh : float
        Membrane, refractory and conductance times in ms.
    e_exc, e_inh_exc, e_inh_inh : float
        Reversal potentials in mV: excitation, and inhibition of either population.

    Returns
    -------
    Brian2Run
        Spikes and final state.

    Raises
    ------
    ValueError
        If the rule, a rule's variant or the integrator is unknown.
    TypeError
        If a constant of the rule is unknown, or one without a published value is missing.
    brian2.core.base.BrianObjectException
        If an input spikes twice in one step.
    """
    if integrator not in ("exponential_euler", "euler"):
        raise ValueError(f"unknown integrator {integrator!r}")
    weights = np.asarray(weights, dtype=np.float64)
    n_inputs, n_neurons = weights.shape
    constants = dict(rule)
    name = constants.pop("name")
    if name not in _RULES:
        raise ValueError(f"unknown rule {name!r}")
    model = _RULES[name](n_inputs=n_inputs, **constants)

    # Fixed names: they appear in the generated code, whose compiled form Brian caches.
    clock = Clock(dt=dt * ms, name="network_clock")
    source = SpikeGeneratorGroup(
        n_inputs,
        np.asarray(spike_index, dtype=np.int64),
        np.asarray(spike_step) * dt * ms,
        clock=clock,
        name="input",
    )
    shared = {"e_exc": e_exc, "tau_g_exc": tau_g_exc * ms, "tau_g_inh": tau_g_inh * ms}
    exc = NeuronGroup(
        n_neurons,
        MEMBRANE + ("dtheta/dt = -theta / tau_theta : 1\n" if learn else "theta : 1\n") + model.neuron_equations,
        threshold="v > theta + v_thresh - offset",
        reset="v = v_reset" + ("\ntheta += theta_plus\n" + model.neuron_reset if learn else ""),
        refractory=t_ref_exc * ms,
        method=integrator,
        namespace={
            **model.constants,
            **shared,
            "v_rest": v_rest_exc,
            "v_reset": v_reset_exc,
            "v_thresh": v_thresh_exc,
            "offset": offset,
            "e_inh": e_inh_exc,
            "tau_m": tau_m_exc * ms,
            "theta_plus": theta_plus,
            "tau_theta": tau_theta * ms,
        },
        clock=clock,
        name="exc",
    )
    inh = NeuronGroup(
        n_neurons,
        MEMBRANE,
        threshold="v > v_thresh",
        reset="v = v_reset",
        refractory=t_ref_inh * ms,
        method=integrator,
        namespace={
            **shared,
            "v_rest": v_rest_inh,
            "v_reset": v_reset_inh,
            "v_thresh": v_thresh_inh,
            "e_inh": e_inh_inh,
            "tau_m": tau_m_inh * ms,
        },
        clock=clock,
        name="inh",
    )
    exc.v = v_start_exc
    exc.theta = np.asarray(theta, dtype=np.float64)
    inh.v = v_start_inh
    for variable, value in model.neuron_start.items():
        setattr(exc, variable, value)
    clamp = exc.run_regularly(
        "g_exc = clip(g_exc, 0, inf)", clock=clock, when="synapses", order=ORDER_CLAMP, name="exc_clamp"
    )

    input_exc = _input_synapses(source, exc, weights, model, learn, clock)
    exc_inh = _one_to_one(exc, inh, w_exc_inh, clock)
    inh_exc = _lateral(inh, exc, w_inh_exc, np.asarray(delays), dt, clock)
    exc_spikes = SpikeMonitor(exc, name="exc_spikes")
    inh_spikes = SpikeMonitor(inh, name="inh_spikes")

    network = Network(source, exc, inh, clamp, input_exc, exc_inh, inh_exc, exc_spikes, inh_spikes)
    network.run(n_steps * dt * ms, namespace={})

    learned = np.empty_like(weights)
    learned[np.asarray(input_exc.i), np.asarray(input_exc.j)] = np.asarray(input_exc.w)
    exc_neuron, exc_step = _spikes(exc_spikes, dt)
    inh_neuron, inh_step = _spikes(inh_spikes, dt)
    bounded = bool(model.neuron_start)
    return Brian2Run(
        exc_neuron=exc_neuron,
        exc_step=exc_step,
        inh_neuron=inh_neuron,
        inh_step=inh_step,
        weights=learned,
        theta=np.array(exc.theta),
        s_max=np.array(exc.s_max) if bounded else None,
        s_min=np.array(exc.s_min) if bounded else None,
        v_exc=np.array(exc.v),
        v_inh=np.array(inh.v),
        g_exc=np.array(exc.g_exc),
        g_inh=np.array(exc.g_inh),
    )
