"""The compiled kernel: the same steps as :mod:`engram.kernels.reference`, for speed.

What makes it fast and leaves every bit as it is: one pass over contiguous arrays per step, with the spike test kept
out of the arithmetic; traces that are evaluated only where a spike asks for them; presynaptic changes only at
neurons that fired lately; inhibitory neurons only from their partner's spike until they have come to rest;
inhibitory spikes counted, not added one by one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engram.kernels.compile import compiled, entry_point
from engram.kernels.protocol import Kernels, make_count, make_train
from engram.kernels.rule_code import NO_RULE, RuleFunctions, rule_functions, rule_identity
from engram.neurons import membrane_euler, membrane_exponential_euler
from engram.plasticity.base import LearningRule
from engram.synapses import conductance_decay, drive_conductance, trace_now

_LANES = 32
"""Inhibitory neurons are kept in groups of this many, so that their loop runs in whole vectors."""

_NEVER = np.int32(2**31 - 1)


def kernels_for(rule: LearningRule | None, dtype: str) -> Kernels:
    """The kernels of a rule in a precision, or, without a rule, those in which nothing learns.

    Each is compiled on its first call, or read from the cache.
    """
    key = (type(rule), None if rule is None else rule_identity(rule), dtype)
    if key not in _BUILT:
        identity = f"{dtype} {key[1]}"
        run = make_run(NO_RULE if rule is None else rule_functions(rule, dtype), dtype)
        inner = compiled(run)
        _BUILT[key] = Kernels(
            run=entry_point(run, identity),
            train=entry_point(make_train(inner), identity),
            count=entry_point(make_count(inner), identity),
        )
    return _BUILT[key]


_BUILT: dict[tuple, Kernels] = {}


def make_run(rule: RuleFunctions, dtype: str) -> Callable:
    """The function that advances a network by a number of steps, for a rule in a precision."""
    real = np.dtype(dtype).type
    zero = real(0.0)
    mark_input, on_pre, on_post, has_on_pre, pre_everywhere = rule

    @compiled
    def one_step(v, c):
        """The potential of an inhibitory neuron one step later when nothing reaches it."""
        if c.euler:
            return membrane_euler(v, zero, zero, c.inh, c.exp2)
        return membrane_exponential_euler(v, zero, zero, c.inh, c.exp2)

    @compiled
    def settle_traces(x, since, rate, n_steps, floor, coefficients):
        """Bring traces to the end of the run, from which the next one counts."""
        for j in range(since.shape[0]):
            for k in range(x.shape[0]):
                x[k, j] = trace_now(x[k, j], rate[k], real(n_steps - since[j]), floor, coefficients)
            since[j] = 0

    def run(state, memory, parameters, c, rule_c, index, offset, n_steps, learn, counts, n_counted, recorder):
        """Advance `state` and `memory` in place; return the recorded spikes and whether Euler overshot.

        Spikes of input at step t are ``index[offset[t]:offset[t + 1]]``; steps beyond `offset` are blank. Excitatory
        spikes of the first `n_counted` steps are added to `counts`.
        """
        weights, delays = state.weights, state.delays
        n_inputs, n = weights.shape
        v, g_exc, g_inh, hold = state.exc.v, state.exc.g_exc, state.exc.g_inh, state.exc.hold
        n_slots = state.pending.shape[0]
        pending = state.pending
        pending_total = np.zeros(n_slots, np.int64)
        for s in range(n_slots):
            for k in range(n):
                pending_total[s] += pending[s, k]
        n_input_slots = state.input_pending.shape[0]

        theta_decay = c.theta_decay if learn else 1.0
        theta_plus = c.theta_plus if learn else 0.0
        theta_scale = 1.0  # theta at step t is theta_unscaled · theta_scale
        theta_unscaled = state.theta
        theta = np.empty(n, real)
        for j in range(n):
            theta[j] = real(theta_unscaled[j])

        place_inh = np.full(n, -1, np.int32)  # where an inhibitory neuron stands among the awake ones
        room = (n + _LANES) // _LANES * _LANES
        no_inhibition = np.zeros(room, real)
        awake = np.empty(n, np.int32)
        v_awake = np.full(room, c.inh.v_rest, real)
        g_awake = np.zeros(room, real)
        hold_awake = np.full(room, _NEVER, np.int32)
        n_awake = 0
        for j in range(n):
            settled = state.inh.v[j] == one_step(state.inh.v[j], c)
            if not (settled and state.inh.g_exc[j] == zero and state.inh.hold[j] == 0):
                place_inh[j] = n_awake
                awake[n_awake] = j
                v_awake[n_awake] = state.inh.v[j]
                g_awake[n_awake] = state.inh.g_exc[j]
                hold_awake[n_awake] = state.inh.hold[j]
                n_awake += 1

        moving = np.empty(n, np.int32)  # neurons with a postsynaptic trace left
        is_moving = np.zeros(n, np.bool_)
        n_moving = 0
        if learn and has_on_pre:
            for j in range(n):
                for k in range(memory.x_post.shape[0]):
                    is_moving[j] |= memory.x_post[k, j] != zero
                is_moving[j] |= pre_everywhere
                if is_moving[j]:
                    moving[n_moving] = j
                    n_moving += 1
        x_post = np.zeros((n, memory.x_post.shape[0]), real)
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

        for step in range(n_steps):
            t = np.int32(step)
            slot = step % n_slots
            theta_scale *= theta_decay
            scale = real(theta_scale)

            # 1. integrate
            n_lanes = (n_awake + _LANES - 1) // _LANES * _LANES
            if c.euler:
                overshot |= overshoots(g_exc, g_inh, c.exc)
                advance_euler(v, g_exc, g_inh, hold, n, t, c.exc, c.exp2)
                advance_euler(v_awake, g_awake, no_inhibition, hold_awake, n_lanes, t, c.inh, c.exp2)
            else:
                if quiet:
                    leak(v, hold, n, t, c.exc, c.exp2)
                else:
                    advance(v, g_exc, g_inh, hold, n, t, c.exc, c.exp2)
                    quiet = step % _LANES == 0 and all_closed(g_exc, g_inh)
                advance(v_awake, g_awake, no_inhibition, hold_awake, n_lanes, t, c.inh, c.exp2)
            event = any_above(v, theta, scale, c.exc.v_thresh)
            event_inh = step % _LANES == 0
            for a in range(n_awake):
                event_inh |= (v_awake[a] > c.inh.v_thresh) & (hold_awake[a] <= t)

            # 2. thresholds
            n_fired = 0
            if event:
                for j in range(n):
                    if hold[j] <= t and v[j] > theta[j] * scale + c.exc.v_thresh:
                        fired[n_fired] = j
                        n_fired += 1
            n_fired_inh = 0
            if event_inh:
                for a in range(n_awake - 1, -1, -1):
                    if hold_awake[a] > t:
                        continue
                    j = awake[a]
                    if v_awake[a] > c.inh.v_thresh:
                        fired_inh[n_fired_inh] = j
                        n_fired_inh += 1
                    elif g_awake[a] == zero and v_awake[a] == one_step(v_awake[a], c):
                        state.inh.v[j] = v_awake[a]
                        place_inh[j] = -1
                        n_awake -= 1
                        moved = awake[n_awake]
                        awake[a] = moved
                        v_awake[a] = v_awake[n_awake]
                        g_awake[a] = g_awake[n_awake]
                        hold_awake[a] = hold_awake[n_awake]
                        if a < n_awake:
                            place_inh[moved] = a
                        hold_awake[n_awake] = _NEVER

            # 3. synapses: input, learning, excitatory to inhibitory, inhibitory to excitatory
            first = offset[step] if step < n_driven else 0
            last = offset[step + 1] if step < n_driven else 0
            if last > first:
                quiet = False
                if learn and has_on_pre and n_moving > 0:
                    n_left = 0
                    for m in range(n_moving):
                        j = moving[m]
                        any_trace = pre_everywhere
                        for k in range(memory.x_post.shape[0]):
                            x_post[n_left, k] = trace_now(
                                memory.x_post[k, j],
                                rule_c.post_rate[k],
                                real(t - memory.post_step[j]),
                                rule_c.trace_floor,
                                c.exp2,
                            )
                            any_trace |= x_post[n_left, k] != zero
                        is_moving[j] = any_trace
                        if any_trace:
                            moving[n_left] = j
                            n_left += 1
                    n_moving = n_left
                for j in range(n):
                    drive[j] = zero
                for s in range(first, last):
                    i = index[s]
                    if learn:
                        mark_input(i, t, memory, rule_c)
                        if has_on_pre:
                            for m in range(n_moving):
                                on_pre(weights, i, moving[m], t, x_post[m], memory, parameters, rule_c)
                    if n_input_slots == 0:
                        for j in range(n):
                            drive[j] += weights[i, j]
                    else:
                        for j in range(n):
                            due = (step + np.int64(state.input_delays[i, j])) % n_input_slots
                            state.input_pending[due, j] += weights[i, j]
                if n_input_slots == 0:
                    for j in range(n):
                        g_exc[j] = drive_conductance(g_exc[j], drive[j])
            if n_input_slots > 0:
                quiet = False
                due = step % n_input_slots
                for j in range(n):
                    g_exc[j] = drive_conductance(g_exc[j], state.input_pending[due, j])
                    state.input_pending[due, j] = zero

            if n_fired > 0:
                if learn:
                    for k in range(memory.x_pre.shape[0]):
                        for i in range(n_inputs):
                            x_pre[k, i] = trace_now(
                                memory.x_pre[k, i],
                                rule_c.pre_rate[k],
                                real(t - memory.pre_step[i]),
                                rule_c.trace_floor,
                                c.exp2,
                            )
                for f in range(n_fired):
                    j = fired[f]
                    if learn:
                        on_post(weights, j, t, x_pre, memory, parameters, rule_c)
                        if has_on_pre and not is_moving[j]:
                            is_moving[j] = True
                            moving[n_moving] = j
                            n_moving += 1
                    if step < n_counted:
                        counts[j] += 1
                    if place_inh[j] < 0:
                        place_inh[j] = n_awake
                        awake[n_awake] = j
                        v_awake[n_awake] = state.inh.v[j]
                        g_awake[n_awake] = zero
                        hold_awake[n_awake] = 0
                        n_awake += 1
                    g_awake[place_inh[j]] += c.w_exc_inh
            for f in range(n_fired_inh):
                j = fired_inh[f]
                for k in range(n):
                    due = slot + np.int64(delays[j, k])
                    due = due - n_slots if due >= n_slots else due
                    pending[due, k] += 1
                    pending_total[due] += 1
                due = slot + np.int64(delays[j, j])
                due = due - n_slots if due >= n_slots else due
                pending[due, j] -= 1
                pending_total[due] -= 1
            if pending_total[slot] > 0:
                quiet = False
                for k in range(n):
                    g_inh[k] += c.w_inh_exc * real(pending[slot, k])
                    pending[slot, k] = 0
                pending_total[slot] = 0

            # 4. resets
            for f in range(n_fired):
                j = fired[f]
                v[j] = c.exc.v_reset
                hold[j] = t + c.exc.t_ref
                theta_unscaled[j] += theta_plus / theta_scale
                theta[j] = real(theta_unscaled[j])
            for f in range(n_fired_inh):
                a = place_inh[fired_inh[f]]
                v_awake[a] = c.inh.v_reset
                hold_awake[a] = t + c.inh.t_ref

            if recorder.spikes:
                exc_spikes = append_spikes(exc_spikes, n_exc_spikes, fired, n_fired, t)
                n_exc_spikes += n_fired
                inh_spikes = append_spikes(inh_spikes, n_inh_spikes, fired_inh, n_fired_inh, t)
                n_inh_spikes += n_fired_inh
            for r in range(recorder.neurons.shape[0]):
                j = recorder.neurons[r]
                recorder.values[0, step, r] = v[j]
                recorder.values[1, step, r] = g_exc[j]
                recorder.values[2, step, r] = g_inh[j]
                recorder.values[3, step, r] = theta_unscaled[j] * theta_scale

        for j in range(n):
            theta_unscaled[j] *= theta_scale
            hold[j] = max(hold[j] - n_steps, 0)
        for a in range(n_awake):
            j = awake[a]
            state.inh.v[j] = v_awake[a]
            state.inh.g_exc[j] = g_awake[a]
            state.inh.hold[j] = max(hold_awake[a] - n_steps, 0)
        for j in range(n):
            if place_inh[j] < 0:
                state.inh.g_exc[j] = zero
                state.inh.hold[j] = 0
        rotate(pending, n_steps)
        rotate(state.input_pending, n_steps)
        if learn:
            settle_traces(memory.x_pre, memory.pre_step, rule_c.pre_rate, n_steps, rule_c.trace_floor, c.exp2)
            settle_traces(memory.x_post, memory.post_step, rule_c.post_rate, n_steps, rule_c.trace_floor, c.exp2)
            if memory.synapse.shape[0] > 0:
                for i in range(n_inputs):
                    synapse, step_of = memory.synapse[:, i], memory.synapse_step[i]
                    settle_traces(synapse, step_of, rule_c.synapse_rate, n_steps, rule_c.trace_floor, c.exp2)
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
    """Whether any neuron stands above its threshold, refractory or not."""
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
