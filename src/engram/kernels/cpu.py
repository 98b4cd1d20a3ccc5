"""The compiled kernel: the same steps as :mod:`engram.kernels.reference`, for speed.

What makes it fast and leaves every bit as it is: one pass over contiguous arrays per step, with everything rare kept
out of the arithmetic (:mod:`~engram.kernels.loops`), or per group of steps in which nothing happens
(:mod:`~engram.kernels.groups`); exact thresholds and refractory periods looked at only where a membrane comes near a
threshold; passes of their own for the times when no conductance is open; inhibitory neurons followed only from their
partner's spike until they have come to rest (:mod:`~engram.kernels.inhibition`); learning only where spikes ask for it
(:mod:`~engram.kernels.learning`), on weights kept side by side (:mod:`~engram.kernels.columns`); neurons shared out to
threads (:mod:`~engram.kernels.team`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engram.kernels import loops
from engram.kernels.columns import put_back, start_columns
from engram.kernels.compile import compiled, entry_point
from engram.kernels.groups import (
    arriving,
    calm,
    due_in,
    finish_group,
    first_inputs,
    hold_refractory,
    rows_at_once,
    try_group,
)
from engram.kernels.inhibition import close_inhibitory, end_awake, inhibitory_spikes, start_awake, step_awake, wake
from engram.kernels.learning import Learning, make_learning
from engram.kernels.loops import G_EXC, G_INH, GROUP, LOW, THETA, V
from engram.kernels.protocol import Kernels, make_count, make_train
from engram.kernels.rule_code import NO_RULE, RuleFunctions, rule_functions, rule_identity
from engram.kernels.team import tell
from engram.plasticity.base import LearningRule
from engram.synapses import CLOSING_INTERVAL


def kernels_for(rule: LearningRule | None, dtype: str, integrator: str) -> Kernels:
    """The kernels of a rule in a precision, or, without a rule, those in which nothing learns.

    Each is compiled on its first call, or read from the cache.
    """
    normalizes = rule is not None and rule.normalization != "none"
    key = (type(rule), None if rule is None else rule_identity(rule), normalizes, dtype, integrator)
    if key not in _BUILT:
        identity = f"{dtype} {integrator} {key[1]}"
        protocol = f"{identity}, weights are normalised: {normalizes}"
        rule_code = NO_RULE if rule is None else rule_functions(rule, dtype)
        make = functools.partial(make_run, rule_code, make_learning(rule_code, dtype, identity), dtype, integrator)
        run = functools.partial(compiled, allocates=False)
        alone = run(make(), identity=f"alone {identity}")
        together = run(make(together=True), identity=f"together {identity}")
        _BUILT[key] = Kernels(
            run=entry_point(make(recording=True), identity),
            train=entry_point(make_train(alone, normalizes=normalizes), protocol),
            train_together=entry_point(make_train(together, tell, normalizes=normalizes), f"together {protocol}"),
            count=entry_point(make_count(alone), identity),
        )
    return _BUILT[key]


_BUILT: dict[tuple, Kernels] = {}


def make_run(
    rule: RuleFunctions,
    learning: Learning,
    dtype: str,
    integrator: str,
    *,
    recording: bool = False,
    together: bool = False,
) -> Callable:
    """The function that advances a network by a number of steps, for a rule in a precision.

    What a kernel does without is left out of it, which halves the time that it takes to compile: recording, and the
    other threads with which it goes `together`.
    """
    real = np.dtype(dtype).type
    euler = integrator == "euler"
    frozen = rule is NO_RULE
    step_any = loops.step_euler if euler else loops.step_any
    has_on_pre = rule.has_on_pre
    in_groups = not (euler or recording)

    step_inhibited, step_undue, fired_neurons = loops.step_inhibited, loops.step_undue, loops.fired_neurons
    places, lowest_thresholds = loops.places, loops.lowest_thresholds
    close_conductances, overshoots, rotate = loops.close_conductances, loops.overshoots, loops.rotate
    start_due, end_due, arrived, send_inhibition = loops.start_due, loops.end_due, loops.arrived, loops.send_inhibition
    start_moving, mark_inputs, settle = learning.start, learning.mark_inputs, learning.settle
    presynaptic_spikes, postsynaptic_spikes = learning.presynaptic_spikes, learning.postsynaptic_spikes

    def run(
        state, memory, parameters, theta_plus, c, rule_c, index, offset, n_steps, learn, counts, n_counted, stop,
        recorder, share, work,
    ):  # fmt: skip
        """Advance a share of the neurons of `state` and `memory` in place; return whether Euler overshot, and how many
        excitatory and inhibitory spikes were recorded.

        Spikes of input at step t are ``index[offset[t]:offset[t + 1]]``; steps beyond `offset` are blank. Excitatory
        spikes of the first `n_counted` steps are added to `counts`; as soon as they are `stop`, the rest of those
        steps is left out and the blank ones follow.
        """
        rows, delays, inh, exc = state.rows, state.delays, state.inh, state.exc
        begin, n, p = share.first, share.n, c.exc
        states, cells = work.states, work.cells
        due, is_due, awake, moving = work.due, work.is_due, work.awake, work.moving
        fired, fired_inh, hold, held, v_held = work.fired, work.fired_inh, work.hold, work.held, work.v_held
        columns, n_slots = work.columns, state.pending.shape[0]
        start_due(due, is_due, state.pending, begin, n)
        start_awake(awake, inh, c)
        if learn and has_on_pre:
            start_moving(moving, memory, share)
        elif learn:
            start_columns(columns, index)

        # typed, since a function is compiled once for a literal and once more for a number
        zero = np.int64(0)
        here, there = zero, zero + 1  # the state before a step and after it
        theta, low = cells[THETA], cells[LOW]
        for j in range(n, cells.shape[1]):
            states[here, V, j], theta[j] = p.flow.v_rest, real(np.inf)
        n_held = zero
        for k in range(n):
            j = begin + k
            states[here, V, k], states[here, G_EXC, k], states[here, G_INH, k] = exc.v[j], exc.g_exc[j], exc.g_inh[j]
            hold[k], theta[k] = exc.hold[j], real(state.theta[j])
            if hold[k] > 0:
                held[n_held], v_held[n_held] = k, exc.v[j]
                n_held += 1

        theta_decay = c.theta_decay if learn else 1.0
        theta_plus = theta_plus if learn else 0.0
        theta_scale = 1.0  # theta at step t is state.theta · theta_scale until the end of the run
        until_next_look = 1.0
        for _ in range(CLOSING_INTERVAL):
            until_next_look *= theta_decay
        later = real(0)

        n_exc_spikes = 0
        n_inh_spikes = 0
        overshot = False
        driven = inhibited = zero == 0  # whether a conductance may be open
        large = zero != 0  # whether one was too large for the usual functions
        n_driven = offset.shape[0] - 1
        n_spikes = 0
        slot = step = zero
        end = n_steps
        ready = zero  # the delayed input of steps before this one was added up
        marked = zero  # the input spikes of steps before this one were noted by the rule

        while step < end:
            t = np.int32(step)
            if step % CLOSING_INTERVAL == 0:
                later = real(theta_scale * until_next_look * (1.0 - 1e-9))
                lowest_thresholds(cells, real(theta_scale), later, p.v_thresh)

            in_group = in_groups and step % GROUP == 0 and step + GROUP <= end
            if has_on_pre and in_group:  # input spikes change weights, on which the next step depends
                in_group = step >= n_driven or offset[min(step + GROUP, n_driven)] == offset[step]
            if in_group and calm(awake, t, c.inh):
                stopped = large
                if not large:
                    stopped, driven, inhibited = try_group(
                        state, share, work, places(states[here], states[there], cells, rows, begin, due), index,
                        offset, n_driven, step, slot, n_held, p, c.w_inh_exc, driven, inhibited,
                    )  # fmt: skip
                    ready = step + GROUP
                if together:
                    stopped = tell(share, fired, np.int64(stopped), work.fired_all) > 0
                if not stopped:
                    here, there = there, here
                    finish_group(work, slot)
                    for _ in range(GROUP):
                        theta_scale *= theta_decay
                        step += 1
                        slot = slot + 1 if slot + 1 < n_slots else 0
                    if step % CLOSING_INTERVAL == 0:
                        driven, inhibited = close_conductances(states[here], p.tiny)
                        close_inhibitory(awake, inh, np.int32(step - 1), c)
                    continue

            theta_scale *= theta_decay
            scale = real(theta_scale)

            # 1. inhibitory neurons, whose spikes may arrive in the same step
            n_fired_inh = zero
            if awake.n[0] > 0:
                step_awake(awake, t, c)
                n_fired_inh = inhibitory_spikes(awake, t, c, fired_inh)
            for f in range(n_fired_inh):
                send_inhibition(due, is_due, delays, fired_inh[f], slot, begin, n)

            # 2. input spikes
            first = offset[step] if step < n_driven else zero
            last = offset[step + 1] if step < n_driven else zero
            if learn and has_on_pre and last > first:
                presynaptic_spikes(rows, moving, memory, parameters, rule_c, c.exp2, share, index, first, last, t)
            delayed = state.input_pending.shape[0] > 0
            driven |= delayed or last > first

            # 3. excitatory neurons; v is held while refractory
            due_row = due_in(is_due, slot, zero)
            inhibited |= due_row < n_slots
            if euler:
                overshot |= overshoots(states[here], p)
            near = False
            if not (euler or large):
                drive, left, _ = first_inputs(state, work, begin, index, offset, n_driven, step, ready, delayed)
                ready = max(ready, step + 1)
                r = rows_at_once(index, left, last, rows.shape[0] - 1)
                at = places(states[here], states[there], cells, rows, begin, due)
                if due_row < n_slots:
                    near, large = step_inhibited(at, drive, r, due_row, p.flow, p.g_small, c.w_inh_exc)
                else:
                    near, large = step_undue(at, drive, r, due_row, p.flow, p.g_small, c.w_inh_exc)
            if euler or large:
                drive = arriving(state, work, begin, index, first, last, step, ready)
                near, large = step_any(states[here], states[there], cells, drive, due, due_row, p, c.w_inh_exc, c.exp2)
            here, there = there, here
            v = states[here, V]
            n_held = hold_refractory(v, work, n_held, t)
            if due_row < n_slots:
                arrived(due, is_due, due_row)

            n_own = zero
            if near:
                n_own = fired_neurons(v, hold, cells, t, scale, p.v_thresh, begin, fired)
            if together:
                fired_all = work.fired_all
                n_fired = tell(share, fired, n_own, fired_all)
            else:
                fired_all, n_fired = fired, n_own

            # 4. what their spikes do
            if n_own > 0 and learn:
                if not has_on_pre:
                    until = min(step + 1, n_driven)
                    mark_inputs(memory, rule_c, index, offset, marked, until)
                    marked = until
                postsynaptic_spikes(
                    rows, moving, memory, parameters, rule_c, c.exp2, share, work.x_pre, columns, fired, n_own, t
                )
            for f in range(n_fired):
                awake.g_exc[wake(awake, inh, fired_all[f])] += c.w_exc_inh
            if step < n_counted:
                n_spikes += n_fired
                for f in range(n_own):
                    counts[fired[f]] += 1
                if n_spikes >= stop:
                    end = step + 1 + n_steps - n_counted
                    n_driven = n_counted = step + 1
            for f in range(n_own):
                j = fired[f] - begin
                v[j] = p.v_reset
                hold[j] = t + p.t_ref
                held[n_held], v_held[n_held] = j, p.v_reset
                n_held += 1
                state.theta[begin + j] += theta_plus / theta_scale
                theta[j] = real(state.theta[begin + j])
                now, then = theta[j] * scale + p.v_thresh, theta[j] * later + p.v_thresh
                low[j] = now if now < then else then

            step += 1
            slot = slot + 1 if slot + 1 < n_slots else 0
            if step % CLOSING_INTERVAL == 0:
                driven, inhibited = close_conductances(states[here], p.tiny)
                close_inhibitory(awake, inh, t, c)

            if recording and recorder.spikes:
                note_spikes(recorder.exc_spikes, n_exc_spikes, fired_all, n_fired, t)
                n_exc_spikes += n_fired
                note_spikes(recorder.inh_spikes, n_inh_spikes, fired_inh, n_fired_inh, t)
                n_inh_spikes += n_fired_inh
            if recording:
                for r in range(recorder.neurons.shape[0]):
                    j = recorder.neurons[r]
                    for k in range(3):
                        recorder.values[k, t, r] = states[here, k, j]
                    recorder.values[3, t, r] = state.theta[j] * theta_scale

        for k in range(n):
            j = begin + k
            exc.v[j], exc.g_exc[j], exc.g_inh[j] = states[here, V, k], states[here, G_EXC, k], states[here, G_INH, k]
            exc.hold[j] = max(hold[k] - end, 0)
            state.theta[j] *= theta_scale
        end_awake(awake, inh, end)
        end_due(due, state.pending, begin, n, end)
        if frozen:
            rotate(state.input_pending, end, 0, state.input_pending.shape[1])
        if learn and not has_on_pre:
            mark_inputs(memory, rule_c, index, offset, marked, min(n_driven, end))
            put_back(columns, rows, begin)
        if learn:
            settle(memory, rule_c, share, end, c.exp2)
        return overshot, n_exc_spikes, n_inh_spikes

    return run


@functools.partial(compiled, allocates=False)
def note_spikes(table, n_spikes, neurons, n_new, step):
    """Add this step's spikes, in order of neuron, to a table of (neuron, step)."""
    for f in range(n_new):
        place = n_spikes + f
        while place > n_spikes and table[place - 1, 0] > neurons[f]:
            table[place, 0] = table[place - 1, 0]
            place -= 1
        table[place, 0] = neurons[f]
        table[n_spikes + f, 1] = step
