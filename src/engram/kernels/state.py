"""What the kernels work on: the network's state, its constants, and the input of one presentation.

Named tuples of arrays and typed numbers, which the compiled kernel takes as they are. A state always stands at a
boundary between presentations; whatever counts steps counts from there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.encoders import RATE_PER_PIXEL
from engram.neurons import MembraneConstants, membrane_constants
from engram.plasticity.base import LearningRule, known_names
from engram.plasticity.normalization import KINDS, target_norm


class Layer(NamedTuple):
    """The dynamic state of one population; arrays of shape (n_neurons,)."""

    v: np.ndarray  # mV
    g_exc: np.ndarray
    g_inh: np.ndarray
    hold: np.ndarray  # int32: steps until the neuron is integrated again


class NetworkState(NamedTuple):
    """Everything that a presentation reads and changes, but for the rule's own memory."""

    weights: np.ndarray  # (n_inputs, n_neurons)
    theta: np.ndarray  # (n_neurons,) mV, always float64: its decay within a step is below single precision
    exc: Layer
    inh: Layer
    delays: np.ndarray  # (n_neurons, n_neurons) steps, unsigned: from inhibitory j to excitatory k
    pending: np.ndarray  # (n_slots, n_neurons) int32: inhibitory spikes due at each neuron, by steps from now
    input_delays: np.ndarray  # (n_inputs, n_neurons) steps, unsigned; shape (0, 0) for none
    input_pending: np.ndarray  # (n_input_slots, n_neurons): delayed input drive, by steps from now


class RuleState(NamedTuple):
    """A learning rule's memory."""

    x_pre: np.ndarray  # (n_pre_traces, n_inputs): value at the input's last spike
    pre_step: np.ndarray  # (n_inputs,) int32: the step of that spike
    x_post: np.ndarray  # (n_post_traces, n_neurons): value after the neuron's last spike
    post_step: np.ndarray  # (n_neurons,) int32
    neuron: np.ndarray  # (n_state, n_neurons): the rule's state variables
    synapse: np.ndarray  # (n_synapse_traces, n_inputs, n_neurons): value at the synapse's last event
    synapse_step: np.ndarray  # (n_inputs, n_neurons) int32; shape (0, 0) without such traces


class RuleConstants(NamedTuple):
    """A learning rule's numbers in the precision of the simulation."""

    parameters: np.ndarray  # in the order of LearningRule.parameters(), then n_inputs
    pre_rate: np.ndarray  # -dt / tau · log2(e) per trace
    post_rate: np.ndarray
    synapse_rate: np.ndarray
    pre_add: np.ndarray  # what a spike adds; NaN where it sets the trace to 1
    post_add: np.ndarray
    trace_floor: float  # a smaller trace is zero
    w_min: float
    w_max: float
    norm_kind: int
    norm_target: float


class NetworkConstants(NamedTuple):
    """A network's numbers for one time step, in the precision of the simulation."""

    exc: MembraneConstants
    inh: MembraneConstants
    exp2: tuple
    euler: bool
    w_exc_inh: float
    w_inh_exc: float
    theta_plus: float
    theta_decay: float  # float64


class Schedule(NamedTuple):
    """How one image is presented, in steps; see :class:`engram.networks.Protocol`."""

    n_shown: int
    n_blank: int
    probability_per_pixel: float  # of a spike in one step, per unit of pixel value and intensity
    start_intensity: float
    max_intensity: float
    min_spikes: int
    stop_spikes: int


class Recorder(NamedTuple):
    """What to keep of a run besides its counts."""

    spikes: bool
    neurons: np.ndarray  # (n_recorded,) int64
    values: np.ndarray  # (4, n_steps, n_recorded): v, g_exc, g_inh, theta at the end of each step


def network_constants(network) -> NetworkConstants:
    """The constants of a :class:`engram.networks.DiehlCook`."""
    real = np.dtype(network.dtype).type
    return NetworkConstants(
        exc=membrane_constants(network.excitatory, network.dt, network.integrator, network.dtype),
        inh=membrane_constants(network.inhibitory, network.dt, network.integrator, network.dtype),
        exp2=exp2_coefficients(network.dtype),
        euler=network.integrator == "euler",
        w_exc_inh=real(network.w_exc_inh),
        w_inh_exc=real(network.w_inh_exc),
        theta_plus=float(network.theta_plus),
        theta_decay=float(np.exp(-network.dt / network.tau_theta)),
    )


def rule_constants(rule: LearningRule, network) -> RuleConstants:
    """A rule's constants on a network."""
    dtype = np.dtype(network.dtype)
    by_kind = {kind: [trace for trace in rule.traces() if trace.of == kind] for kind in ("pre", "post", "synapse")}
    rates = {
        kind: np.array([-network.dt / trace.tau * np.log2(np.e) for trace in traces], dtype)
        for kind, traces in by_kind.items()
    }
    adds = {
        kind: np.array([np.nan if trace.add is None else trace.add for trace in traces], dtype)
        for kind, traces in by_kind.items()
    }
    return RuleConstants(
        parameters=np.array([*rule.parameters().values(), network.n_inputs], dtype),
        pre_rate=rates["pre"],
        post_rate=rates["post"],
        synapse_rate=rates["synapse"],
        pre_add=adds["pre"],
        post_add=adds["post"],
        trace_floor=dtype.type(np.finfo(dtype).eps),
        w_min=dtype.type(rule.w_min),
        w_max=dtype.type(rule.w_max),
        norm_kind=KINDS[rule.normalization],
        norm_target=dtype.type(target_norm(rule.normalization, network.n_inputs)),
    )


def resting_layer(n: int, v: float, dtype) -> Layer:
    """A population at potential `v` with closed synapses."""
    return Layer(np.full(n, v, dtype), np.zeros(n, dtype), np.zeros(n, dtype), np.zeros(n, np.int32))


def new_rule_state(rule: LearningRule, network) -> RuleState:
    """A rule's memory before the first spike."""
    dtype = network.dtype
    names = known_names(rule)
    n_inputs, n_neurons = network.n_inputs, network.n_neurons
    initial = np.array(list(rule.initial_state(n_inputs).values()), dtype).reshape(-1, 1)
    synaptic_shape = (n_inputs, n_neurons) if names["synapse"] else (0, 0)
    return RuleState(
        x_pre=np.zeros((len(names["pre"]), n_inputs), dtype),
        pre_step=np.zeros(n_inputs, np.int32),
        x_post=np.zeros((len(names["post"]), n_neurons), dtype),
        post_step=np.zeros(n_neurons, np.int32),
        neuron=np.repeat(initial, n_neurons, axis=1),
        synapse=np.zeros((len(names["synapse"]), *synaptic_shape), dtype),
        synapse_step=np.zeros(synaptic_shape, np.int32),
    )


def new_recorder(spikes: bool, neurons=(), n_steps: int = 0) -> Recorder:
    """A recorder of all spikes, and of the variables of some excitatory neurons."""
    neurons = np.asarray(neurons, np.int64)
    return Recorder(spikes, neurons, np.zeros((4, n_steps, len(neurons))))


def schedule_steps(protocol, dt: float) -> Schedule:
    """A :class:`engram.networks.Protocol` in steps of `dt` ms."""
    return Schedule(
        n_shown=round(protocol.shown / dt),
        n_blank=round(protocol.blank / dt),
        probability_per_pixel=RATE_PER_PIXEL * dt / 1000.0,
        start_intensity=float(protocol.start_intensity),
        max_intensity=float(protocol.max_intensity),
        min_spikes=protocol.min_spikes,
        stop_spikes=protocol.stop_spikes or 2**31 - 1,
    )


def no_rule_state(dtype) -> RuleState:
    """The memory of no rule, for runs in which nothing learns."""
    nothing, no_steps = np.zeros((0, 0), dtype), np.zeros(0, np.int32)
    return RuleState(
        nothing, no_steps, nothing, no_steps, nothing, np.zeros((0, 0, 0), dtype), np.zeros((0, 0), np.int32)
    )


def no_rule_constants(dtype) -> RuleConstants:
    """The constants of no rule."""
    nothing, zero = np.zeros(0, dtype), np.dtype(dtype).type(0)
    return RuleConstants(nothing, nothing, nothing, nothing, nothing, nothing, zero, zero, zero, 0, zero)
