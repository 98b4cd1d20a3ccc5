"""The compiled kernel: the same steps as :mod:`engram.kernels.reference`, for speed.

What makes it fast and leaves every bit as it is: one pass over contiguous arrays per step, with the spike test kept
out of the arithmetic; traces that are evaluated only where a spike asks for them; presynaptic changes only at
neurons that fired lately; inhibitory neurons only from their partner's spike until they have come to rest;
inhibitory spikes counted, not added one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.kernels.compile import compiled, entry_point
from engram.kernels.protocol import NEVER, Kernels, make_count, make_train
from engram.kernels.rule_code import NO_RULE, RuleFunctions, rule_functions, rule_identity
from engram.neurons import membrane_euler, membrane_exponential_euler
from engram.plasticity.base import LearningRule
from engram.synapses import conductance_decay, drive_conductance, trace_now

_LANES = 32
"""Inhibitory neurons are kept in groups of this many, so that their loop runs in whole vectors."""


def kernels_for(rule: LearningRule | None, dtype: str, integrator: str) -> Kernels:
    """The kernels of a rule in a precision, or, without a rule, those in which nothing learns.

    Each is compiled on its first call, or read from the cache.
    """
    key = (type(rule), None if rule is None else rule_identity(rule), dtype, integrator)
    if key not in _BUILT:
        identity = f"{dtype} {integrator} {key[1]}"
        functions = NO_RULE if rule is None else rule_functions(rule, dtype)
        normalizes = rule is not None and rule.normalization != "none"
        inner = compiled(make_run(functions, dtype, integrator, recording=False))
        _BUILT[key] = Kernels(
            run=entry_point(make_run(functions, dtype, integrator, recording=True), identity),
            train=entry_point(make_train(inner, normalizes=normalizes), identity),
            count=entry_point(make_count(inner), identity),
        )
    return _BUILT[key]


_BUILT: dict[tuple, Kernels] = {}


class Awake(NamedTuple):
    """The inhibitory neurons that are not at rest, packed so that their step runs in whole vectors."""

    n: np.ndarray  # (1,) int64: how many
    neuron: np.ndarray  # int32
    place: np.ndarray  # (n_neurons,) int32: where a neuron stands here, -1 for one at rest
    v: np.ndarray
    g_exc: np.ndarray
    g_inh: np.ndarray  # nothing inhibits them
    hold: np.ndarray


class Moving(NamedTuple):
    """The excitatory neurons with a postsynaptic trace left, which presynaptic spikes can change."""

    n: np.ndarray  # (1,) int64: how many
    neuron: np.ndarray  # int32
    place: np.ndarray  # (n_neurons,) int32: where a neuron stands here, -1 for one without traces
    x: np.ndarray  # (n_traces, n_neurons): the traces that on_pre asks for, after the neuron's last spike
    since: np.ndarray  # (n_neurons,) int32: the step of that spike
    now: np.ndarray  # (n_traces, n_neurons): the traces at the present step


def make_run(rule: RuleFunctions, dtype: str, integrator: str, *, recording: bool) -> Callable:
    """The function that advances a network by a number of steps, for a rule in a precision.

    What a kernel does without is left out of it, which halves the time that it takes to compile.
    """
    real = np.dtype(dtype).type
    euler = integrator == "euler"
    frozen = rule is NO_RULE
    step_membranes = advance_euler if euler else advance
    mark_input, on_pre, on_post, has_on_pre, pre_everywhere, has_synapse, _ = rule
    asked = np.array(rule.asked, np.int64)
    n_asked = len(asked)

    @compiled
    def start_moving(memory, n):
        """The moving neurons at the beginning of a run."""
        if not has_on_pre:
            return None
        shape = (n_asked, n)
        nowhere = np.full(n, -1, np.int32)
        moving = Moving(
            np.zeros(1, np.int64), np.zeros(n, np.int32), nowhere, np.zeros(shape, real), np.zeros(n, np.int32),
            np.zeros(shape, real),
        )  # fmt: skip
        for j in range(n):
            left = pre_everywhere
            for k in range(n_asked):
                left |= memory.x_post[asked[k], j] != 0
            if left:
                note_spike(moving, memory, j, np.int32(0))
        return moving

    @compiled
    def note_spike(moving, memory, j, t):
        """A neuron's traces were just set."""
        m = moving.place[j]
        if m < 0:
            m = moving.n[0]
            moving.n[0] += 1
            moving.place[j] = m
            moving.neuron[m] = j
        moving.since[m] = t
        for k in range(n_asked):
            moving.x[k, m] = memory.x_post[asked[k], j]

    @compiled
    def evaluate_traces(moving, t, rule_c, coefficients):
        """Traces at step t; neurons that have none left are dropped."""
        n = moving.n[0]
        for k in range(n_asked):
            for m in range(n):
                moving.now[k, m] = trace_now(
                    moving.x[k, m],
                    rule_c.post_rate[asked[k]],
                    real(t - moving.since[m]),
                    rule_c.trace_floor,
                    coefficients,
                )
        if pre_everywhere:
            return
        for m in range(n - 1, -1, -1):
            left = False
            for k in range(n_asked):
                left |= moving.now[k, m] != 0
            if not left:
                last = moving.n[0] - 1
                moving.n[0] = last
                moving.place[moving.neuron[m]] = -1
                if m < last:
                    moving.neuron[m] = moving.neuron[last]
                    moving.since[m] = moving.since[last]
                    moving.place[moving.neuron[m]] = m
                    for k in range(n_asked):
                        moving.x[k, m] = moving.x[k, last]
                        moving.now[k, m] = moving.now[k, last]

    @compiled
    def presynaptic_spikes(weights, moving, memory, parameters, rule_c, coefficients, index, first, last, t):
        """The learning part of this step's input spikes."""
        if has_on_pre and moving.n[0] > 0:
            evaluate_traces(moving, t, rule_c, coefficients)
        for s in range(first, last):
            i = index[s]
            mark_input(i, t, memory, rule_c)
            if has_on_pre:
                for m in range(moving.n[0]):
                    on_pre(weights, i, moving.neuron[m], t, moving.now[:, m], memory, parameters, rule_c)

    @compiled
    def postsynaptic_spikes(weights, moving, memory, parameters, rule_c, coefficients, x_pre, fired, n_fired, t):
        """The learning part of this step's excitatory spikes."""
        for k in range(x_pre.shape[0]):
            for i in range(x_pre.shape[1]):
                x_pre[k, i] = trace_now(
                    memory.x_pre[k, i],
                    rule_c.pre_rate[k],
                    real(t - memory.pre_step[i]),
                    rule_c.trace_floor,
                    coefficients,
                )
        for f in range(n_fired):
            on_post(weights, fired[f], t, x_pre, memory, parameters, rule_c)
            if has_on_pre:
                note_spike(moving, memory, fired[f], t)

    @compiled
    def settle_traces(x, since, rate, n_steps, floor, coefficients):
        """Bring traces to the end of the run, from which the next one counts."""
        for j in range(since.shape[0]):
            for k in range(x.shape[0]):
                x[k, j] = trace_now(x[k, j], rate[k], real(n_steps - since[j]), floor, coefficients)
            since[j] = 0

    @compiled
    def settle_memory(memory, rule_c, n_steps, coefficients):
        """Bring all of a rule's traces to the end of the run."""
        floor = rule_c.trace_floor
        settle_traces(memory.x_pre, memory.pre_step, rule_c.pre_rate, n_steps, floor, coefficients)
        settle_traces(memory.x_post, memory.post_step, rule_c.post_rate, n_steps, floor, coefficients)
        if has_synapse:
            for i in range(memory.synapse_step.shape[0]):
                synapse, since = memory.synapse[:, i], memory.synapse_step[i]
                settle_traces(synapse, since, rule_c.synapse_rate, n_steps, floor, coefficients)

    def run(state, memory, parameters, c, rule_c, index, offset, n_steps, learn, counts, n_counted, stop, recorder):
        """Advance `state` and `memory` in place; return the recorded spikes and whether Euler overshot.

        Spikes of input at step t are ``index[offset[t]:offset[t + 1]]``; steps beyond `offset` are blank. Excitatory
        spikes of the first `n_counted` steps are added to `counts`; as soon as they are `stop`, the rest of those
        steps is left out and the blank ones follow.
        """
        weights = state.weights
        n = weights.shape[1]
        v, g_exc, g_inh, hold = state.exc.v, state.exc.g_exc, state.exc.g_inh, state.exc.hold
        n_slots = state.pending.shape[0]
        due_in_slot = count_pending(state.pending)
        has_input_delays = frozen and state.input_pending.shape[0] > 0

        theta_decay = c.theta_decay if learn else 1.0
        theta_plus = c.theta_plus if learn else 0.0
        theta_scale = 1.0  # theta at step t is state.theta · theta_scale until the end of the run
        theta = np.empty(n, real)
        for j in range(n):
            theta[j] = real(state.theta[j])

        awake = start_awake(state.inh, c)
        moving = start_moving(memory, n if learn else 0)
        x_pre = np.zeros(memory.x_pre.shape, real)
        drive = np.zeros(n, real)
        fired = np.empty(n, np.int32)
        fired_inh = np.empty(n, np.int32)
        exc_spikes = np.empty((64 if recorder.spikes else 0, 2), np.int32)
        inh_spikes = np.empty((64 if recorder.spikes else 0, 2), np.int32)
        n_exc_spikes = 0
        n_inh_spikes = 0
        overshot = False
        quiet = False  # whether no conductance is open, so that membranes only leak
        n_driven = offset.shape[0] - 1
        n_spikes = 0
        end = n_steps

        for step in range(n_steps):
            if step == end:
                break
            t = np.int32(step)
            slot = step % n_slots
            theta_scale *= theta_decay
            scale = real(theta_scale)

            # 1. integrate
            if euler:
                overshot |= overshoots(g_exc, g_inh, c.exc)
            if quiet:
                leak(v, hold, n, t, c.exc, c.exp2)
            else:
                step_membranes(v, g_exc, g_inh, hold, n, t, c.exc, c.exp2)
                quiet = not euler and step % _LANES == 0 and all_closed(g_exc, g_inh)
            n_awake = (awake.n[0] + _LANES - 1) // _LANES * _LANES  # up to a whole vector, places that are empty
            if n_awake > 0:
                step_membranes(awake.v, awake.g_exc, awake.g_inh, awake.hold, n_awake, t, c.inh, c.exp2)

            # 2. thresholds
            n_fired = 0
            if any_above(v, theta, scale, c.exc.v_thresh):
                for j in range(n):
                    if hold[j] <= t and v[j] > theta[j] * scale + c.exc.v_thresh:
                        fired[n_fired] = j
                        n_fired += 1
            n_fired_inh = inhibitory_spikes(awake, state.inh, t, c, fired_inh) if n_awake > 0 else 0

            # 3. synapses: input, learning, excitatory to inhibitory, inhibitory to excitatory
            first = offset[step] if step < n_driven else 0
            last = offset[step + 1] if step < n_driven else 0
            if last > first and learn:
                presynaptic_spikes(weights, moving, memory, parameters, rule_c, c.exp2, index, first, last, t)
            if frozen and has_input_delays:
                delay_rows(state.input_pending, weights, state.input_delays, index, first, last, step, drive)
            elif last > first:
                add_rows(drive, weights, index, first, last)
            if last > first or has_input_delays:
                quiet = False
                for j in range(n):
                    g_exc[j] = drive_conductance(g_exc[j], drive[j])
            if n_fired > 0:
                if learn:
                    postsynaptic_spikes(weights, moving, memory, parameters, rule_c, c.exp2, x_pre, fired, n_fired, t)
                for f in range(n_fired):
                    wake(awake, state.inh, fired[f])
                    awake.g_exc[awake.place[fired[f]]] += c.w_exc_inh
                    if step < n_counted:
                        counts[fired[f]] += 1
                        n_spikes += 1
            for f in range(n_fired_inh):
                send_inhibition(state.pending, due_in_slot, state.delays, fired_inh[f], slot)
            if due_in_slot[slot] > 0:
                quiet = False
                due_in_slot[slot] = 0
                for k in range(n):
                    g_inh[k] += c.w_inh_exc * real(state.pending[slot, k])
                    state.pending[slot, k] = 0

            if n_spikes >= stop and step < n_counted:
                end = step + 1 + n_steps - n_counted
                n_driven = n_counted = step + 1

            # 4. resets
            for f in range(n_fired):
                j = fired[f]
                v[j] = c.exc.v_reset
                hold[j] = t + c.exc.t_ref
                state.theta[j] += theta_plus / theta_scale
                theta[j] = real(state.theta[j])
            for f in range(n_fired_inh):
                a = awake.place[fired_inh[f]]
                awake.v[a] = c.inh.v_reset
                awake.hold[a] = t + c.inh.t_ref

            if recording and recorder.spikes:
                exc_spikes = append_spikes(exc_spikes, n_exc_spikes, fired, n_fired, t)
                n_exc_spikes += n_fired
                inh_spikes = append_spikes(inh_spikes, n_inh_spikes, fired_inh, n_fired_inh, t)
                n_inh_spikes += n_fired_inh
            if recording:
                for r in range(recorder.neurons.shape[0]):
                    j = recorder.neurons[r]
                    recorder.values[0, step, r] = v[j]
                    recorder.values[1, step, r] = g_exc[j]
                    recorder.values[2, step, r] = g_inh[j]
                    recorder.values[3, step, r] = state.theta[j] * theta_scale

        for j in range(n):
            state.theta[j] *= theta_scale
            hold[j] = max(hold[j] - end, 0)
        end_awake(awake, state.inh, end)
        rotate(state.pending, end)
        if frozen:
            rotate(state.input_pending, end)
        if learn:
            settle_memory(memory, rule_c, end, c.exp2)
        return exc_spikes[:n_exc_spikes], inh_spikes[:n_inh_spikes], overshot

    return run


def make_advance(membrane: Callable) -> Callable:
    """One step of a population's membranes and conductances, in one pass that compiles to vector instructions."""

    def advance(v, g_exc, g_inh, hold, n, t, p, coefficients):
        for j in range(n):
            v_next = membrane(v[j], g_exc[j], g_inh[j], p, coefficients)
            v[j] = v_next if hold[j] <= t else v[j]
            g_exc[j] = conductance_decay(g_exc[j], p.exc_decay, p.tiny)
            g_inh[j] = conductance_decay(g_inh[j], p.inh_decay, p.tiny)

    return compiled(advance)


advance = make_advance(compiled(membrane_exponential_euler))
advance_euler = make_advance(compiled(membrane_euler))


@compiled
def leak(v, hold, n, t, p, coefficients):
    """:func:`advance` for a population without an open conductance."""
    closed = p.g_leak - p.g_leak
    for j in range(n):
        v_next = membrane_exponential_euler(v[j], closed, closed, p, coefficients)
        v[j] = v_next if hold[j] <= t else v[j]


@compiled
def all_closed(g_exc, g_inh):
    """Whether no conductance is open."""
    open_one = np.int32(0)
    for j in range(g_exc.shape[0]):
        open_one |= np.int32((g_exc[j] > 0) | (g_inh[j] > 0))
    return open_one == 0


@compiled
def any_above(v, theta, scale, v_thresh):
    """Whether any neuron stands above its threshold, refractory or not; apart from the arithmetic, which would not
    vectorise as well with it."""
    above = np.int32(0)
    for j in range(v.shape[0]):
        above |= np.int32(v[j] > theta[j] * scale + v_thresh)
    return above != 0


@compiled
def overshoots(g_exc, g_inh, p):
    """Whether forward Euler overshoots at any neuron: dt / tau_m (1 + g_exc + g_inh) > 1."""
    largest = p.g_leak
    for j in range(g_exc.shape[0]):
        largest = max(largest, p.g_leak + g_exc[j] + g_inh[j])
    return p.dt_over_tau * largest > p.g_leak


@compiled
def add_rows(drive, weights, index, first, last):
    """The summed weights of the inputs that spike; two rows a pass, added one after the other."""
    n = drive.shape[0]
    row = weights[index[first]]
    for j in range(n):
        drive[j] = row[j]
    s = first + 1
    while s + 1 < last:
        row, next_row = weights[index[s]], weights[index[s + 1]]
        for j in range(n):
            drive[j] = (drive[j] + row[j]) + next_row[j]
        s += 2
    if s < last:
        row = weights[index[s]]
        for j in range(n):
            drive[j] += row[j]


@compiled
def delay_rows(slots, weights, delays, index, first, last, step, drive):
    """As :func:`add_rows` with a delay per synapse: what is due now is the drive."""
    n_slots, n = slots.shape
    for s in range(first, last):
        i = index[s]
        for j in range(n):
            slots[(step + np.int64(delays[i, j])) % n_slots, j] += weights[i, j]
    for j in range(n):
        drive[j] = slots[step % n_slots, j]
        slots[step % n_slots, j] = 0


@compiled
def start_awake(inh, c):
    """The inhibitory neurons that are not at rest at the beginning of a run."""
    n = inh.v.shape[0]
    room = (n + _LANES) // _LANES * _LANES
    awake = Awake(
        np.zeros(1, np.int64), np.zeros(n, np.int32), np.full(n, -1, np.int32), np.zeros(room, inh.v.dtype),
        np.zeros(room, inh.v.dtype), np.zeros(room, inh.v.dtype), np.full(room, NEVER, np.int32),
    )  # fmt: skip
    for j in range(n):
        if inh.g_exc[j] > 0 or inh.hold[j] > 0 or leaked(inh.v[j], c) != inh.v[j]:
            wake(awake, inh, j)
    return awake


@compiled
def wake(awake, inh, j):
    """Take an inhibitory neuron among the awake ones, if it is not."""
    if awake.place[j] < 0:
        a = awake.n[0]
        awake.n[0] += 1
        awake.place[j] = a
        awake.neuron[a] = j
        awake.v[a], awake.g_exc[a], awake.hold[a] = inh.v[j], inh.g_exc[j], inh.hold[j]


@compiled
def leaked(v, c):
    """The potential of an inhibitory neuron one step later when nothing reaches it."""
    closed = c.inh.g_leak - c.inh.g_leak
    if c.euler:
        return membrane_euler(v, closed, closed, c.inh, c.exp2)
    return membrane_exponential_euler(v, closed, closed, c.inh, c.exp2)


@compiled
def inhibitory_spikes(awake, inh, t, c, fired):
    """Collect the inhibitory neurons that fire; now and then, lay down those that have come to rest."""
    n_fired = 0
    n = awake.n[0]
    for a in range(n):
        if awake.v[a] > c.inh.v_thresh and awake.hold[a] <= t:
            fired[n_fired] = awake.neuron[a]
            n_fired += 1
    if t % _LANES == 0:
        for a in range(n - 1, -1, -1):
            moves = awake.g_exc[a] > 0 or awake.hold[a] > t or awake.v[a] > c.inh.v_thresh
            if not moves and awake.v[a] == leaked(awake.v[a], c):
                lay_down(awake, inh, a)
    return n_fired


@compiled
def lay_down(awake, inh, a):
    """Put the inhibitory neuron at place `a` to rest; the last one takes its place."""
    j = awake.neuron[a]
    inh.v[j], inh.g_exc[j], inh.hold[j] = awake.v[a], 0, 0
    awake.place[j] = -1
    last = awake.n[0] - 1
    awake.n[0] = last
    if a < last:
        awake.neuron[a] = awake.neuron[last]
        awake.place[awake.neuron[a]] = a
        awake.v[a], awake.g_exc[a], awake.hold[a] = awake.v[last], awake.g_exc[last], awake.hold[last]
    awake.hold[last] = NEVER


@compiled
def end_awake(awake, inh, n_steps):
    """Write the awake inhibitory neurons back at the end of a run."""
    for a in range(awake.n[0]):
        j = awake.neuron[a]
        inh.v[j], inh.g_exc[j], inh.hold[j] = awake.v[a], awake.g_exc[a], max(awake.hold[a] - n_steps, 0)


@compiled
def count_pending(pending):
    """How many inhibitory spikes are due in each slot."""
    due = np.zeros(pending.shape[0], np.int64)
    for s in range(pending.shape[0]):
        for k in range(pending.shape[1]):
            due[s] += pending[s, k]
    return due


@compiled
def send_inhibition(pending, due_in_slot, delays, j, slot):
    """Put a spike of inhibitory neuron j under way to every excitatory neuron but j."""
    n_slots, n = pending.shape
    for k in range(n):
        due = slot + np.int64(delays[j, k])
        due = due - n_slots if due >= n_slots else due
        pending[due, k] += k != j
        due_in_slot[due] += k != j


@compiled
def rotate(slots, n_steps):
    """Turn a ring of slots so that the one of the next step comes first."""
    n_slots, n = slots.shape
    shift = n_steps % n_slots if n_slots > 1 else 0
    if shift == 0:
        return
    turned = np.empty_like(slots)
    for s in range(n_slots):
        for j in range(n):
            turned[s, j] = slots[(s + shift) % n_slots, j]
    for s in range(n_slots):
        for j in range(n):
            slots[s, j] = turned[s, j]


@compiled
def append_spikes(spikes, n_spikes, neurons, n_new, step):
    """Add this step's spikes, in order of neuron, to a table of (neuron, step) that grows as needed."""
    if n_spikes + n_new > spikes.shape[0]:
        larger = np.empty((2 * (n_spikes + n_new), 2), np.int32)
        for s in range(n_spikes):
            larger[s, 0], larger[s, 1] = spikes[s, 0], spikes[s, 1]
        spikes = larger
    for f in range(n_new):
        place = n_spikes + f
        while place > n_spikes and spikes[place - 1, 0] > neurons[f]:
            spikes[place, 0] = spikes[place - 1, 0]
            place -= 1
        spikes[place, 0] = neurons[f]
        spikes[n_spikes + f, 1] = step
    return spikes
