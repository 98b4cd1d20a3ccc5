"""What the kernels work on: the network's state, its constants, and the input of one presentation.

Named tuples of arrays and typed numbers, which the compiled kernel takes as they are. A state always stands at a
boundary between presentations; whatever counts steps counts from there.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.encoders import RATE_PER_PIXEL
from engram.neurons import MembraneConstants, membrane_constants
from engram.plasticity.base import LearningRule, known_names
from engram.plasticity.normalization import KINDS, target_norm

LINE_BYTES = 64
"""Length of a cache line."""

LINE_WORDS = 8
"""64-bit words of a cache line; no two threads write to the same one."""

LANES = 32
"""Neurons are computed, and shared out, in groups of this many: two of the widest vectors in single precision."""


_COLUMNS = 64
"""So many neurons can have their weights side by side at once."""


class Layer(NamedTuple):
    """The dynamic state of one population; arrays of shape (n_neurons,)."""

    v: np.ndarray  # mV
    g_exc: np.ndarray
    g_inh: np.ndarray
    hold: np.ndarray  # int32: steps until the neuron is integrated again


class NetworkState(NamedTuple):
    """Everything that a presentation reads and changes, but for the rule's own memory."""

    rows: np.ndarray  # (n_inputs + 1, n_lanes): the weights, filled up with zeros; see padded_rows
    theta: np.ndarray  # (n_neurons,) mV, always float64: its decay within a step is below single precision
    exc: Layer
    inh: Layer
    delays: np.ndarray  # (n_neurons, n_neurons) steps, unsigned: from inhibitory j to excitatory k
    pending: np.ndarray  # (n_slots, n_neurons) int32: inhibitory spikes due at each neuron, by steps from now
    input_delays: np.ndarray  # (n_inputs, n_neurons) steps, unsigned; shape (0, 0) for none
    input_pending: np.ndarray  # (n_input_slots, n_neurons): delayed input drive, by steps from now

    @property
    def weights(self) -> np.ndarray:
        """The weights alone, shape (n_inputs, n_neurons): a view."""
        return self.rows[:-1, : self.theta.shape[0]]


class RuleState(NamedTuple):
    """A learning rule's memory."""

    x_pre: np.ndarray  # (n_pre_traces, n_inputs): value at the input's last spike
    pre_step: np.ndarray  # (n_inputs,) int32: the step of that spike
    x_post: np.ndarray  # (n_post_traces, n_neurons): value after the neuron's last spike
    post_step: np.ndarray  # (n_neurons,) int32
    neuron: np.ndarray  # (n_state, n_neurons): the rule's state variables
    synapse: np.ndarray  # (n_synapse_traces, n_inputs, n_neurons): value at the synapse's last event
    synapse_step: np.ndarray  # (n_inputs, n_neurons) int32; shape (0, 0) without such traces
    changed: np.ndarray  # (n_neurons,) bool: whose weights may have changed since they were last normalised


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
    at_rest: bool


class Awake(NamedTuple):
    """The inhibitory neurons that are not at rest, packed."""

    n: np.ndarray  # (1,) int64: how many
    neuron: np.ndarray  # int32
    place: np.ndarray  # (n_neurons,) int32: where a neuron stands here, -1 for one at rest
    v: np.ndarray
    g_exc: np.ndarray
    hold: np.ndarray
    v_ahead: np.ndarray
    g_ahead: np.ndarray


class Moving(NamedTuple):
    """The excitatory neurons with a postsynaptic trace left, which presynaptic spikes can change."""

    n: np.ndarray  # (1,) int64: how many
    neuron: np.ndarray  # int32
    place: np.ndarray  # (n,) int32: where a neuron of the share stands here, -1 for one without traces
    x: np.ndarray  # (n_traces, n): the traces that on_pre asks for, after the neuron's last spike
    since: np.ndarray  # (n,) int32: the step of that spike
    now: np.ndarray  # (n_traces, n): the traces at the present step


class Columns(NamedTuple):
    """The weights of some neurons side by side; see :mod:`engram.kernels.columns`."""

    n: np.ndarray  # (1,) int64: of how many
    neuron: np.ndarray  # int32, counted from the first of the share
    place: np.ndarray  # (n,) int32: where a neuron of the share stands here, or -1
    weights: np.ndarray  # (n_places, n_inputs)
    spikes: np.ndarray  # (n_inputs,) bool: whether an input spikes in this run
    spiking: np.ndarray  # int32: the inputs that do
    silent: np.ndarray  # int32: those that do not
    n_inputs: np.ndarray  # (2,) int64: how many do, and how many do not


class Work(NamedTuple):
    """What a run writes to besides the state; nothing in it outlasts the run."""

    states: np.ndarray  # (2, 3, n_lanes): a share of the excitatory neurons, twice; see engram.kernels.loops
    cells: np.ndarray  # (7, n_lanes): their thresholds and input
    hold: np.ndarray  # the step from which a neuron is integrated again
    held: np.ndarray  # the neurons that may be refractory
    v_held: np.ndarray
    fired: np.ndarray
    fired_all: np.ndarray
    fired_inh: np.ndarray
    due: (
        np.ndarray
    )  # (n_slots + 1, n_lanes) uint16: inhibitory spikes due at each neuron, a ring; the last row is empty
    is_due: np.ndarray  # (n_slots + 1,) bool: whether any may be due in a slot
    x_pre: np.ndarray
    columns: Columns
    probability: np.ndarray  # (n_inputs,) float64
    awake: Awake
    moving: Moving


class Recorder(NamedTuple):
    """What to keep of a run besides its counts."""

    spikes: bool
    neurons: np.ndarray  # (n_recorded,) int64
    values: np.ndarray  # (4, n_steps, n_recorded): v, g_exc, g_inh, theta at the end of each step
    exc_spikes: np.ndarray  # (enough, 2) int32: neuron and step of each spike; (0, 2) without
    inh_spikes: np.ndarray


class Team(NamedTuple):
    """What the threads see of each other."""

    clock: np.ndarray  # (n_threads, 8) int64: how often each has spoken
    n_fired: np.ndarray  # (2, n_threads, 16) int32: what it said at an even and at an odd time
    fired: np.ndarray  # (2, n_threads, n_neurons) int32


class Share(NamedTuple):
    """One thread's part of the network."""

    thread: int
    n_threads: int
    first: int  # neuron
    n: int
    team: Team


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
        changed=np.ones(n_neurons, np.bool_),
    )


def padded_rows(weights: np.ndarray) -> np.ndarray:
    """Weights in rows of an odd number of cache lines, and a row of zeros after the last one.

    The zeros, so that rows can always be added by fours.
    """
    n_inputs, n = weights.shape
    n_lanes = padded_lanes(n, weights.dtype)
    rows = aligned_zeros((n_inputs + 1, n_lanes), weights.dtype)
    rows[:n_inputs, :n] = weights
    return rows


def padded_lanes(n: int, dtype) -> int:
    """Whole groups of lanes for so many neurons, so that loops have no rest, and one cache line more.

    That makes the number of lines odd: a column of rows that are a power of two apart would fall on the same few
    places of a cache.
    """
    return -(-n // LANES) * LANES + LINE_BYTES // np.dtype(dtype).itemsize


def aligned_zeros(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Zeros that begin with a cache line, which vectors then never straddle."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(n_bytes + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return room[begin : begin + n_bytes].view(dtype).reshape(shape)


def new_recorder(network, n_steps: int, neurons=()) -> Recorder:
    """A recorder of all spikes of a run, and of the variables of some excitatory neurons."""
    neurons = np.asarray(neurons, np.int64)
    most = [
        network.n_neurons * (n_steps // max(1, round(neuron.t_ref / network.dt)) + 1)
        for neuron in (network.excitatory, network.inhibitory)
    ]
    tables = [np.empty((n, 2), np.int32) for n in most]
    return Recorder(True, neurons, np.zeros((4, n_steps, len(neurons))), *tables)


def no_recorder() -> Recorder:
    """One that records nothing."""
    return Recorder(
        False, np.zeros(0, np.int64), np.zeros((4, 0, 0)), np.zeros((0, 2), np.int32), np.zeros((0, 2), np.int32)
    )


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
        at_rest=protocol.at_rest,
    )


def no_rule_state(dtype) -> RuleState:
    """The memory of no rule, for runs in which nothing learns."""
    nothing, no_steps = np.zeros((0, 0), dtype), np.zeros(0, np.int32)
    return RuleState(
        nothing, no_steps, nothing, no_steps, nothing, np.zeros((0, 0, 0), dtype), np.zeros((0, 0), np.int32),
        np.zeros(0, np.bool_),
    )  # fmt: skip


def no_rule_constants(dtype) -> RuleConstants:
    """The constants of no rule."""
    nothing, zero = np.zeros(0, dtype), np.dtype(dtype).type(0)
    return RuleConstants(nothing, nothing, nothing, nothing, nothing, nothing, zero, zero, zero, 0, zero)


def shares(n_neurons: int, n_threads: int) -> list[Share]:
    """The network shared out evenly."""
    team = Team(
        clock=np.zeros((n_threads, LINE_WORDS), np.int64),
        n_fired=np.zeros((2, n_threads, 2 * LINE_WORDS), np.int32),
        fired=np.zeros((2, n_threads, n_neurons), np.int32),
    )
    n_groups = -(-n_neurons // LANES)
    borders = [min(LANES * (n_groups * k // n_threads), n_neurons) for k in range(n_threads + 1)]
    return [
        Share(k, n_threads, first, last - first, team) for k, (first, last) in enumerate(itertools.pairwise(borders))
    ]


def of_share(state: NetworkState, memory: RuleState, share: Share) -> tuple[NetworkState, RuleState]:
    """What a thread works on: the network itself, but its own copy of what every thread follows.

    Those are the inhibitory neurons and the inputs' traces; the first thread keeps the network's.
    """
    if share.thread == 0:
        return state, memory
    inh = Layer(*(values.copy() for values in state.inh))
    memory = memory._replace(x_pre=memory.x_pre.copy(), pre_step=memory.pre_step.copy())
    return state._replace(inh=inh), memory


def own_dynamics(state: NetworkState) -> NetworkState:
    """A network with the same weights, thresholds and delays, whose dynamics are its own."""
    exc, inh = (Layer(*(np.zeros_like(values) for values in layer)) for layer in (state.exc, state.inh))
    theta, pending, input_pending = state.theta.copy(), np.zeros_like(state.pending), np.zeros_like(state.input_pending)
    return state._replace(theta=theta, exc=exc, inh=inh, pending=pending, input_pending=input_pending)


def new_work(state: NetworkState, memory: RuleState, share: Share) -> Work:
    """Room for a run of a share of the neurons."""
    n, n_all, n_inputs = share.n, state.theta.shape[0], state.rows.shape[0] - 1
    n_traces, real = memory.x_post.shape[0], state.rows.dtype
    n_lanes, n_lanes_all = padded_lanes(n, real), padded_lanes(n_all, real)
    n_slots, n_columns = state.pending.shape[0], min(n, _COLUMNS) if memory.changed.size else 0
    return Work(
        states=aligned_zeros((2, 3, n_lanes), real),
        cells=aligned_zeros((7, n_lanes), real),
        hold=np.zeros(n, np.int32),
        held=np.zeros(n, np.int32),
        v_held=np.zeros(n, real),
        fired=np.zeros(n, np.int32),
        fired_all=np.zeros(n_all, np.int32),
        fired_inh=np.zeros(n_all, np.int32),
        due=aligned_zeros((n_slots + 1, padded_lanes(n, np.uint16)), np.uint16),
        is_due=np.zeros(n_slots + 1, np.bool_),
        x_pre=np.zeros(memory.x_pre.shape, real),
        columns=Columns(
            n=np.zeros(1, np.int64),
            neuron=np.zeros(n_columns, np.int32),
            place=np.full(n, -1, np.int32),
            weights=aligned_zeros((n_columns, n_inputs), real),
            spikes=np.zeros(n_inputs, np.bool_),
            spiking=np.zeros(n_inputs + 1, np.int32),
            silent=np.zeros(n_inputs + 1, np.int32),
            n_inputs=np.zeros(2, np.int64),
        ),
        probability=np.zeros(n_inputs),
        awake=Awake(
            n=np.zeros(1, np.int64),
            neuron=np.zeros(n_all, np.int32),
            place=np.zeros(n_all, np.int32),
            v=aligned_zeros((n_lanes_all,), real),
            g_exc=aligned_zeros((n_lanes_all,), real),
            hold=np.zeros(n_lanes_all, np.int32),
            v_ahead=aligned_zeros((n_lanes_all,), real),
            g_ahead=aligned_zeros((n_lanes_all,), real),
        ),
        moving=Moving(
            n=np.zeros(1, np.int64),
            neuron=np.zeros(n, np.int32),
            place=np.zeros(n, np.int32),
            x=np.zeros((n_traces, n), real),
            since=np.zeros(n, np.int32),
            now=np.zeros((n_traces, n), real),
        ),
    )
