"""The compiled kernel: the same steps as :mod:`engram.kernels.reference`, for speed.

What makes it fast and leaves every bit as it is: one pass over contiguous arrays per step, with everything rare kept
out of the arithmetic (:mod:`~engram.kernels.loops`); exact thresholds and refractory periods looked at only where a
membrane comes near a threshold; passes of their own for the times when no conductance is open; inhibitory neurons
followed only from their partner's spike until they have come to rest (:mod:`~engram.kernels.inhibition`); learning
only where spikes ask for it (:mod:`~engram.kernels.learning`); neurons shared out to threads
(:mod:`~engram.kernels.team`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engram.kernels import loops
from engram.kernels.compile import compiled, entry_point
from engram.kernels.inhibition import (
    close_inhibitory,
    end_awake,
    inhibitory_spikes,
    start_awake,
    wake,
)
from engram.kernels.learning import Learning, make_learning
from engram.kernels.loops import G_EXC, G_INH, LOW, THETA, V
from engram.kernels.protocol import Kernels, make_count, make_train
from engram.kernels.rule_code import NO_RULE, RuleFunctions, rule_functions, rule_identity
from engram.kernels.state import LANES
from engram.kernels.team import tell
from engram.plasticity.base import LearningRule
from engram.synapses import CLOSING_INTERVAL


def kernels_for(rule: LearningRule | None, dtype: str, integrator: str) -> Kernels:
    """The kernels of a rule in a precision, or, without a rule, those in which nothing learns.

    Each is compiled on its first call, or read from the cache.
    """
    key = (type(rule), None if rule is None else rule_identity(rule), dtype, integrator)
    if key not in _BUILT:
        identity = f"{dtype} {integrator} {key[1]}"
        rule_code = NO_RULE if rule is None else rule_functions(rule, dtype)
        normalizes = rule is not None and rule.normalization != "none"
        make = functools.partial(make_run, rule_code, make_learning(rule_code, dtype, identity), dtype, integrator)
        run = functools.partial(compiled, allocates=False)
        alone = run(make(), identity=f"alone {identity}")
        together = run(make(together=True), identity=f"together {identity}")
        _BUILT[key] = Kernels(
            run=entry_point(make(recording=True), identity),
            train=entry_point(make_train(alone, normalizes=normalizes), identity),
            train_together=entry_point(make_train(together, tell, normalizes=normalizes), f"together {identity}"),
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
    advance_any = loops.advance_euler if euler else loops.advance_any
    advance_some = loops.advance_some_euler if euler else loops.advance_some
    # no total conductance is large while the excitatory and the inhibitory part stay below these shares of the bound
    exc_share, inh_share = real(0.1), real(0.85)

    advance, advance_uninhibited, leak = loops.advance, loops.advance_uninhibited, loops.leak
    close_conductances, any_large, drive_rows = loops.close_conductances, loops.any_large, loops.drive_rows
    delay_rows, inhibit, send_inhibition = loops.delay_rows, loops.inhibit, loops.send_inhibition
    lowest_thresholds, rotate, drive_by_four = loops.lowest_thresholds, loops.rotate, loops.drive_by_four
    mark_input, has_on_pre = rule.mark_input, rule.has_on_pre
    start_moving, settle = learning.start, learning.settle
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
        rows, pending, delays, inh = state.rows, state.pending, state.delays, state.inh
        begin, n, p = share.first, share.n, c.exc
        n_slots = pending.shape[0]
        due_in_slot, awake, moving = work.due, work.awake, work.moving
        for s in range(n_slots):
            due_in_slot[s] = True
        start_awake(awake, inh, c)
        if learn and has_on_pre:
            start_moving(moving, memory, share)
        has_input_delays = frozen and state.input_pending.shape[0] > 0

        cells = work.cells
        v, g_exc, g_inh, theta, low = cells[V], cells[G_EXC], cells[G_INH], cells[THETA], cells[LOW]
        for j in range(n, cells.shape[1]):
            v[j], theta[j] = p.flow.v_rest, real(np.inf)
        hold, held, v_held = work.hold, work.held, work.v_held
        fired, fired_inh = work.fired, work.fired_inh
        exc = state.exc
        n_held = 0
        for j in range(n):
            v[j], g_exc[j], g_inh[j] = exc.v[begin + j], exc.g_exc[begin + j], exc.g_inh[begin + j]
            hold[j] = exc.hold[begin + j]
            theta[j] = real(state.theta[begin + j])
            if hold[j] > 0:
                held[n_held] = j
                v_held[n_held] = v[j]
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
        exc_bound, inh_bound = exc_share * p.g_small, inh_share * p.g_small
        driven = inhibited = large = True  # whether a conductance may be open, and whether one may be large
        n_driven = offset.shape[0] - 1
        n_spikes = 0
        slot = -1
        end = n_steps

        for step in range(n_steps):
            if step == end:
                break
            t = np.int32(step)
            slot = slot + 1 if slot + 1 < n_slots else 0
            look = step % CLOSING_INTERVAL == 0
            theta_scale *= theta_decay
            scale = real(theta_scale)
            if look:
                later = real(theta_scale * until_next_look * (1.0 - 1e-9))
                lowest_thresholds(cells, scale, later, p.v_thresh)

            # 1. integrate; v is held while refractory
            if euler:
                for j in range(n):
                    overshot |= p.dt_over_tau * (p.flow.g_leak + g_exc[j] + g_inh[j]) > p.flow.g_leak
                near = advance_any(cells, p, c.exp2)
            elif large:
                near = advance_any(cells, p, c.exp2)
                large = any_large(cells, exc_bound, inh_bound)
            elif inhibited:
                near = advance(cells, p.flow)
            elif driven:
                near = advance_uninhibited(cells, p.flow)
            else:
                near = leak(cells, p.flow)
            if look:
                driven = close_conductances(cells, G_EXC, p.tiny)
                inhibited = close_conductances(cells, G_INH, p.tiny)
            for h in range(n_held - 1, -1, -1):
                if hold[held[h]] > t:
                    v[held[h]] = v_held[h]
                else:
                    n_held -= 1
                    held[h], v_held[h] = held[n_held], v_held[n_held]
            n_awake = (awake.n[0] + LANES - 1) // LANES * LANES  # up to a whole vector, places that are empty
            if n_awake > 0:
                advance_some(awake.v, awake.g_exc, awake.g_inh, awake.hold, n_awake, t, c.inh, c.exp2)

            # 2. thresholds
            n_own = 0
            if near:
                for j in range(n):
                    if v[j] > low[j] and hold[j] <= t and v[j] > theta[j] * scale + p.v_thresh:
                        fired[n_own] = begin + j
                        n_own += 1
            if together:
                fired_all = work.fired_all
                n_fired = tell(share, fired, n_own, fired_all)
            else:
                fired_all, n_fired = fired, n_own
            n_fired_inh = 0
            if n_awake > 0:
                n_fired_inh = inhibitory_spikes(awake, t, c, fired_inh)
                close_inhibitory(awake, inh, t, c)

            # 3. synapses: input, learning, excitatory to inhibitory, inhibitory to excitatory
            first = offset[step] if step < n_driven else 0
            last = offset[step + 1] if step < n_driven else 0
            if learn and has_on_pre and last > first:
                presynaptic_spikes(rows, moving, memory, parameters, rule_c, c.exp2, share, index, first, last, t)
            elif learn:
                for s in range(first, last):
                    mark_input(index[s], t, memory, rule_c)
            if frozen and has_input_delays:
                delay_rows(cells, state.input_pending, rows, state.input_delays, index, first, last, step)
                nothing = rows.shape[0] - 1
                large |= drive_by_four(cells, rows, begin, nothing, nothing, nothing, nothing, exc_bound)
                driven = True
            elif last > first:
                large |= drive_rows(cells, rows, begin, index, first, last, exc_bound)
                driven = True
            if n_own > 0 and learn:
                postsynaptic_spikes(
                    rows, moving, memory, parameters, rule_c, c.exp2, share, work.x_pre, work.column, fired, n_own, t
                )
            for f in range(n_fired):
                awake.g_exc[wake(awake, inh, fired_all[f])] += c.w_exc_inh
            for f in range(n_fired_inh):
                send_inhibition(pending, delays, fired_inh[f], slot, begin, n)
                for s in range(n_slots):
                    due_in_slot[s] = True
            if due_in_slot[slot]:
                inhibited = True
                due_in_slot[slot] = False
                large |= inhibit(cells, pending[slot], begin, n, c.w_inh_exc, inh_bound)

            if step < n_counted:
                n_spikes += n_fired
                for f in range(n_own):
                    counts[fired[f]] += 1
                if n_spikes >= stop:
                    end = step + 1 + n_steps - n_counted
                    n_driven = n_counted = step + 1

            # 4. resets
            for f in range(n_own):
                j = fired[f] - begin
                v[j] = p.v_reset
                hold[j] = t + p.t_ref
                held[n_held] = j
                v_held[n_held] = p.v_reset
                n_held += 1
                state.theta[begin + j] += theta_plus / theta_scale
                theta[j] = real(state.theta[begin + j])
                now, then = theta[j] * scale + p.v_thresh, theta[j] * later + p.v_thresh
                low[j] = now if now < then else then
            for f in range(n_fired_inh):
                a = awake.place[fired_inh[f]]
                awake.v[a] = c.inh.v_reset
                awake.hold[a] = t + c.inh.t_ref

            if recording and recorder.spikes:
                note_spikes(recorder.exc_spikes, n_exc_spikes, fired_all, n_fired, t)
                n_exc_spikes += n_fired
                note_spikes(recorder.inh_spikes, n_inh_spikes, fired_inh, n_fired_inh, t)
                n_inh_spikes += n_fired_inh
            if recording:
                for r in range(recorder.neurons.shape[0]):
                    j = recorder.neurons[r]
                    recorder.values[0, step, r] = v[j]
                    recorder.values[1, step, r] = g_exc[j]
                    recorder.values[2, step, r] = g_inh[j]
                    recorder.values[3, step, r] = state.theta[j] * theta_scale

        for j in range(n):
            state.theta[begin + j] *= theta_scale
            exc.v[begin + j], exc.g_exc[begin + j], exc.g_inh[begin + j] = v[j], g_exc[j], g_inh[j]
            exc.hold[begin + j] = max(hold[j] - end, 0)
        end_awake(awake, inh, end)
        rotate(pending, end, begin, n)
        if frozen:
            rotate(state.input_pending, end, 0, state.input_pending.shape[1])
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
