"""A rule's part of a step, for any rule: it is data here, and two routines that are called by address.

Everything lazy is one idea: a trace is kept as its value at its last event, and evaluated where a spike asks for it.
Presynaptic spikes change only the weights of neurons with a trace left (*moving* ones); for a rule to which they mean
nothing before a neuron fires, they are noted only then; a fired neuron's weights are changed side by side.
"""

from __future__ import annotations

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.kernels.columns import column_at, fetch, get_column, put_back, set_column, start_columns, update_rows
from engram.kernels.memory import EVERYBODY, GROUP
from engram.kernels.parts import BYTES, F8, I4, I8, REAL, U1, call_rule, part, pointer, record, whole_few
from engram.kernels.projections.spikes import EVERY_STEP, NOW, arrivals
from engram.kernels.records import INPUT, LEARNING, POPULATION, PROJECTION
from engram.plasticity.normalization import scale_to_norm
from engram.synapses import trace_now

EXP2 = exp2_coefficients("float32")
"""Placeholder: the coefficients of the exponential in the precision of the simulation."""

ROOM = 64
"""The most traces or state variables of a rule, of each kind."""


@part
def begin(address, t):
    """Before a run in which a dense projection learns."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    rule.marked = 0
    if rule.on_pre:
        _start_moving(p, rule)
    else:
        start_columns(p, rule)
    return 0


@part
def begin_listed(address, t):
    """Before a run in which a projection of listed synapses learns."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    rule.marked = 0
    if rule.on_pre:
        _start_moving(p, rule)
    return 0


@part
def _start_moving(p, rule):
    """Find the neurons of the share with a trace left."""
    place, x_post, asked = pointer(rule.moving_place, I4), pointer(rule.x_post, REAL), pointer(rule.asked, I8)
    x = pointer(rule.moving_x, REAL)
    rule.n_moving = 0
    for k in range(rule.n_asked * rule.stride_moving):
        x[k] = REAL(np.inf)
    for k in range(p.n_after):
        place[k] = -1
        left = rule.pre_everywhere != 0
        for a in range(rule.n_asked):
            left |= x_post[asked[a] * p.n_after_all + p.begin_after + k] != REAL(0.0)
        if left:
            _note_moving(p, rule, p.begin_after + k, I4(0))


@part
def _note_moving(p, rule, j, t):
    """A neuron's traces were just set."""
    place, moving, since = pointer(rule.moving_place, I4), pointer(rule.moving, I4), pointer(rule.moving_since, I4)
    x, x_post, asked = pointer(rule.moving_x, REAL), pointer(rule.x_post, REAL), pointer(rule.asked, I8)
    _note_changed(p, rule, j)
    m = I8(place[j - p.begin_after])
    if m < 0:
        m = rule.n_moving
        rule.n_moving += 1
        place[j - p.begin_after], moving[m] = m, j
    since[m] = t
    for k in range(rule.n_asked):
        x[k * rule.stride_moving + m] = x_post[asked[k] * p.n_after_all + j]


@part
def _note_changed(p, rule, j):
    c = _column_of(p, j)
    pointer(rule.changed, U1)[c] = 1
    pointer(rule.touched, U1)[c] = EVERYBODY


@part
def _column_of(p, j):
    """Whose weights neuron j's are."""
    return I8(pointer(p.column_of, I4)[j]) if p.column_of else j


@part(apart=True)
def _decay(now, x, since, rate, t, floor, n):
    """Some traces at step t."""
    for k in range(n):
        now[k] = trace_now(x[k], rate, REAL(I4(t - since[k])), floor, EXP2)


@part(apart=True)
def _decay_few(now, x, since, rate, t, floor, n):
    """The same in whole vectors; whether any trace is zero, which none is at an empty place: there it is infinite."""
    found = False
    for k in range(whole_few(n)):
        now[k] = trace_now(x[k], rate, REAL(I4(t - since[k])), floor, EXP2)
        found |= now[k] == REAL(0.0)
    return found


@part
def _evaluate_moving(p, rule, t):
    """The traces of moving neurons at step t; those that have none left are dropped."""
    asked, rate, floor = pointer(rule.asked, I8), pointer(rule.post_rate, REAL), REAL(rule.floor)
    since, any_zero = pointer(rule.moving_since, I4), rule.n_asked == 0
    for k in range(rule.n_asked):
        at = k * rule.stride_moving * BYTES
        x, now = pointer(rule.moving_x + at, REAL), pointer(rule.moving_now + at, REAL)
        any_zero |= _decay_few(now, x, since, rate[asked[k]], I4(t), floor, rule.n_moving)
    if any_zero and not rule.pre_everywhere:
        now = pointer(rule.moving_now, REAL)
        for m in range(rule.n_moving - 1, -1, -1):
            left = False
            for k in range(rule.n_asked):
                left |= now[k * rule.stride_moving + m] != REAL(0.0)
            if not left:
                _drop(p, rule, m)


@part
def _drop(p, rule, m):
    """A neuron moves no longer; the last one takes its place."""
    place, moving, since = pointer(rule.moving_place, I4), pointer(rule.moving, I4), pointer(rule.moving_since, I4)
    x, now = pointer(rule.moving_x, REAL), pointer(rule.moving_now, REAL)
    rule.n_moving -= 1
    last = rule.n_moving
    place[moving[m] - p.begin_after] = -1
    if m < last:
        moving[m], since[m] = moving[last], since[last]
        place[moving[m] - p.begin_after] = m
    for k in range(rule.n_asked):
        at = k * rule.stride_moving
        x[at + m], now[at + m] = x[at + last], now[at + last]
        x[at + last] = REAL(np.inf)


@part
def _mark(p, rule, spikes, count, t):
    """The traces of some neurons before, after their spikes in a step: set to 1, or decayed and added to."""
    index, step, add, rate = pointer(spikes, I4), pointer(rule.pre_step, I4), pointer(rule.pre_add, REAL), rule.pre_rate
    for k in range(rule.n_pre):
        x, more, floor = pointer(rule.x_pre + k * p.n_before * BYTES, REAL), add[k], REAL(rule.floor)
        if np.isnan(more):
            _set_to_one(x, index, count)
        else:
            _add_to(x, step, index, pointer(rate, REAL)[k], I4(t), floor, more, count)
    for s in range(count):
        step[index[s]] = I4(t)


@part(apart=True)
def _set_to_one(x, index, count):
    for s in range(count):
        x[index[s]] = REAL(1.0)


@part(apart=True)
def _add_to(x, step, index, rate, t, floor, more, count):
    for s in range(count):
        i = index[s]
        x[i] = trace_now(x[i], rate, REAL(I4(t - step[i])), floor, EXP2) + more


@part
def _mark_until(p, rule, until):
    """Note the input spikes of steps before `until`, for a rule to which they mean nothing before a neuron fires."""
    source = record(p.before, INPUT)
    offset = pointer(source.offset, I8)
    until = min(until, source.n_driven)
    for t in range(rule.marked, until):
        _mark(p, rule, source.index + 4 * offset[t], offset[t + 1] - offset[t], t)
    rule.marked = max(until, rule.marked)


@part
def restless(address, t):
    """Whether a spike arrives in the group of steps from t on of which the rule has to know at once."""
    p = record(address, PROJECTION)
    for s in range(t, t + GROUP):
        if arrivals(p, s, EVERY_STEP)[1] > 0:
            return 1
    return 0


@part
def pre(address, t):
    """The learning part of the spikes that arrive in step t at dense synapses."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    spikes, count = arrivals(p, t, NOW)
    if count == 0:
        return 0
    _mark(p, rule, spikes, count, t)
    if rule.n_moving > 0 and rule.on_pre:
        _evaluate_moving(p, rule, t)
        if rule.n_synapse:
            for s in range(count):
                _change_rows_and_traces(p, rule, spikes + 4 * s, t)
        else:
            _change_rows(p, rule, spikes, count)
    return 0


@part
def _change_rows(p, rule, spikes, count):
    """Let the rule change the weights from the neurons before that spike to the moving ones."""
    call_rule(
        rule.on_pre,
        (p.weights, p.stride, spikes, count, rule.moving, rule.moving, rule.n_moving, rule.x_pre, p.n_before,
         rule.moving_now, rule.synapse_now, rule.stride_moving, rule.state, p.n_columns, rule.parameters),
        rule.w_min, rule.w_max,
    )  # fmt: skip


@part
def _change_rows_and_traces(p, rule, spike, t):
    """The same of one spike, where synapses have traces of their own."""
    first = I8(pointer(spike, I4)[0]) * p.n_after_all
    _get_synapses(p, rule, first, rule.moving, rule.n_moving, rule.stride_moving, t)
    _change_rows(p, rule, spike, 1)
    _set_synapses(p, rule, first, rule.moving, rule.n_moving, rule.stride_moving, t)


@part
def _get_synapses(p, rule, first, which, n, stride, t):
    """The traces at step t of the synapses ``first + which[m]``; of consecutive ones if `which` is 0."""
    x, step, now = pointer(rule.synapse, REAL), pointer(rule.synapse_step, I4), pointer(rule.synapse_now, REAL)
    rate, floor = pointer(rule.synapse_rate, REAL), REAL(rule.floor)
    for m in range(n):
        at = first + I8(pointer(which, I4)[m])
        for k in range(rule.n_synapse):
            age = REAL(t - step[at])
            now[k * stride + m] = trace_now(x[k * rule.n_synapses + at], rate[k], age, floor, EXP2)


@part
def _set_synapses(p, rule, first, which, n, stride, t):
    """Put those traces back."""
    x, step, now = pointer(rule.synapse, REAL), pointer(rule.synapse_step, I4), pointer(rule.synapse_now, REAL)
    for m in range(n):
        at = first + I8(pointer(which, I4)[m])
        for k in range(rule.n_synapse):
            x[k * rule.n_synapses + at] = now[k * stride + m]
        step[at] = t


@part
def pre_listed(address, t):
    """The learning part of the spikes that arrive in step t at listed synapses."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    spikes, count = arrivals(p, t, NOW)
    if count == 0:
        return 0
    _mark(p, rule, spikes, count, t)
    if rule.n_moving > 0 and rule.on_pre:
        _evaluate_moving(p, rule, t)
        for s in range(count):
            _change_list(p, rule, spikes + 4 * s, t)
    return 0


@part
def _change_list(p, rule, spike, t):
    """Let the rule change the listed weights from a neuron that spikes to the moving ones."""
    i = I8(pointer(spike, I4)[0])
    starts, who, where = pointer(p.starts, I8), pointer(p.who, I4), pointer(p.where, I4)
    place, now, x = pointer(rule.moving_place, I4), pointer(rule.moving_now, REAL), pointer(rule.chosen_x, REAL)
    weights_of, columns_of = pointer(rule.chosen, I4), pointer(rule.chosen + 4 * p.n_after, I4)
    n = 0
    for at in range(starts[i], starts[i + 1]):
        m = I8(place[who[at] - p.begin_after])
        if m >= 0:
            weights_of[n], columns_of[n] = where[at], _column_of(p, I8(who[at]))
            for k in range(rule.n_asked):
                x[k * rule.stride_moving + n] = now[k * rule.stride_moving + m]
            n += 1
    if n == 0:
        return
    if rule.n_synapse:
        _get_synapses(p, rule, 0, rule.chosen, n, rule.stride_moving, t)
    call_rule(
        rule.on_pre,
        (p.weights, 0, spike, 1, rule.chosen, rule.chosen + 4 * p.n_after, n, rule.x_pre, p.n_before, rule.chosen_x,
         rule.synapse_now, rule.stride_moving, rule.state, p.n_columns, rule.parameters), rule.w_min, rule.w_max,
    )  # fmt: skip
    if rule.n_synapse:
        _set_synapses(p, rule, 0, rule.chosen, n, rule.stride_moving, t)


@part
def _evaluate_before(p, rule, t):
    """The traces of all neurons before, at step t."""
    rate, floor, n = pointer(rule.pre_rate, REAL), REAL(rule.floor), p.n_before
    for k in range(rule.n_pre):
        now, x = pointer(rule.x_all + k * n * BYTES, REAL), pointer(rule.x_pre + k * n * BYTES, REAL)
        _decay(now, x, pointer(rule.pre_step, I4), rate[k], I4(t), floor, n)


@part
def post(address, t):
    """The learning part of the spikes of the neurons of the share, at dense synapses."""
    p = record(address, PROJECTION)
    rule, after = record(p.learning, LEARNING), record(p.after, POPULATION)
    if after.n_fired == 0:
        return 0
    before_post(p, rule, t)
    fired = pointer(after.fired, I4)
    for f in range(after.n_fired):
        fire(p, rule, I8(fired[f]), t)
    return 0


@part(expand=True)
def before_post(p, rule, t):
    """What any neuron that fires in step t needs to know."""
    if rule.lazy:
        _mark_until(p, rule, t + 1)
    _evaluate_before(p, rule, t)


@part(expand=True)
def fire(p, rule, j, t):
    """A neuron fired: its weights, then its traces."""
    _note_changed(p, rule, j)
    if rule.on_pre:  # which changes weights in their rows
        column = column_at(rule, 0)
        get_column(p, j, column)
        _get_column_synapses(p, rule, j, t)
        _fire_one(p, rule, j, t, rule.columns, p.n_before, rule.x_all)
        _set_column_synapses(p, rule, j, t)
        set_column(p, j, column)
        _note_moving(p, rule, j, I4(t))
    else:
        place = fetch(p, rule, j)
        _get_column_synapses(p, rule, j, t)
        _fire_one(p, rule, j, t, rule.columns + place * rule.n_longest * BYTES, p.n_before, rule.x_all)
        _set_column_synapses(p, rule, j, t)
        update_rows(p, rule, j, place)


@part
def _get_column_synapses(p, rule, j, t):
    x, step, now = pointer(rule.synapse, REAL), pointer(rule.synapse_step, I4), pointer(rule.synapse_now, REAL)
    rate, floor = pointer(rule.synapse_rate, REAL), REAL(rule.floor)
    for k in range(rule.n_synapse):
        for i in range(p.n_before):
            at = i * p.n_after_all + j
            age = REAL(t - step[at])
            now[k * p.n_before + i] = trace_now(x[k * rule.n_synapses + at], rate[k], age, floor, EXP2)


@part
def _set_column_synapses(p, rule, j, t):
    x, step, now = pointer(rule.synapse, REAL), pointer(rule.synapse_step, I4), pointer(rule.synapse_now, REAL)
    for k in range(rule.n_synapse):
        for i in range(p.n_before):
            at = i * p.n_after_all + j
            x[k * rule.n_synapses + at] = now[k * p.n_before + i]
            step[at] = t


@part
def post_listed(address, t):
    """The same at listed synapses: each fired neuron's weights are gathered, and put back where they were."""
    p = record(address, PROJECTION)
    rule, after = record(p.learning, LEARNING), record(p.after, POPULATION)
    if after.n_fired == 0:
        return 0
    before_post(p, rule, t)
    fired = pointer(after.fired, I4)
    for f in range(after.n_fired):
        fire_listed(p, rule, I8(fired[f]), t)
    return 0


@part(expand=True)
def fire_listed(p, rule, j, t):
    """The same at listed synapses."""
    starts = pointer(p.column_starts, I8)
    _note_changed(p, rule, j)
    first, n = starts[j], starts[j + 1] - starts[j]
    _get_list(p, rule, first, n)
    if rule.n_synapse:
        _get_synapses(p, rule, 0, p.column_where + 4 * first, n, n, t)
    _fire_one(p, rule, j, t, rule.columns, n, rule.x_now)
    if rule.n_synapse:
        _set_synapses(p, rule, 0, p.column_where + 4 * first, n, n, t)
    _set_list(p, rule, first, n)
    if rule.on_pre:
        _note_moving(p, rule, j, I4(t))


@part
def _get_list(p, rule, first, n):
    """A neuron's listed weights, and the traces of those that send to it, side by side."""
    before, where = pointer(p.column_before, I4), pointer(p.column_where, I4)
    weights, column = pointer(p.weights, REAL), pointer(rule.columns, REAL)
    x_all, x_now = pointer(rule.x_all, REAL), pointer(rule.x_now, REAL)
    for m in range(n):
        column[m] = weights[where[first + m]]
    for k in range(rule.n_pre):
        for m in range(n):
            x_now[k * n + m] = x_all[k * p.n_before + before[first + m]]


@part
def _set_list(p, rule, first, n):
    where, weights, column = pointer(p.column_where, I4), pointer(p.weights, REAL), pointer(rule.columns, REAL)
    for m in range(n):
        weights[where[first + m]] = column[m]


@part
def _fire_one(p, rule, j, t, column, n, x_pre):
    """A fired neuron: its weights by the rule, then its traces."""
    x_post, step, state = pointer(rule.x_post, REAL), pointer(rule.post_step, I4), pointer(rule.state, REAL)
    one = pointer(rule.one, REAL)
    rate, add, c = pointer(rule.post_rate, REAL), pointer(rule.post_add, REAL), _column_of(p, j)
    age = REAL(t - step[j])
    for k in range(rule.n_post):
        one[k] = trace_now(x_post[k * p.n_after_all + j], rate[k], age, REAL(rule.floor), EXP2)
    for k in range(rule.n_state):
        one[ROOM + k] = state[k * p.n_columns + c]
    call_rule(
        rule.on_post,
        (column, n, x_pre, rule.one, rule.synapse_now, rule.one + ROOM * BYTES, rule.parameters),
        rule.w_min, rule.w_max,
    )  # fmt: skip
    for k in range(rule.n_state):
        state[k * p.n_columns + c] = one[ROOM + k]
    for k in range(rule.n_post):
        x_post[k * p.n_after_all + j] = REAL(1.0) if np.isnan(add[k]) else one[k] + add[k]
    step[j] = t


@part
def expose(address, t):
    """Bring the rows of weights up to date, as they are seen from outside."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    if rule.lazy:
        _mark_until(p, rule, t)
    if not rule.on_pre:
        put_back(p, rule)
        start_columns(p, rule)
    return 0


@part
def expose_listed(address, t):
    """The same of listed synapses, whose weights always lie in their place."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    if rule.lazy:
        _mark_until(p, rule, t)
    return 0


@part
def end(address, n_steps):
    """Bring weights and traces of dense synapses to the end of the run, from which the next one counts."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    if rule.lazy:
        _mark_until(p, rule, n_steps)
    if not rule.on_pre:
        put_back(p, rule)
    _settle(p, rule, n_steps)
    for k in range(rule.n_synapse):
        for i in range(p.n_before):
            first = i * p.n_after_all + p.begin_after
            _settle_some(
                rule.synapse,
                rule.synapse_step,
                k * rule.n_synapses,
                first,
                p.n_after,
                rule.synapse_rate,
                k,
                rule,
                n_steps,
            )
    if rule.n_synapse:
        step = pointer(rule.synapse_step, I4)
        for i in range(p.n_before):
            for j in range(p.n_after):
                step[i * p.n_after_all + p.begin_after + j] = 0
    return 0


@part
def end_listed(address, n_steps):
    """The same of listed synapses."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    if rule.lazy:
        _mark_until(p, rule, n_steps)
    _settle(p, rule, n_steps)
    for k in range(rule.n_synapse):
        _settle_some(
            rule.synapse,
            rule.synapse_step,
            k * rule.n_synapses,
            0,
            rule.n_synapses,
            rule.synapse_rate,
            k,
            rule,
            n_steps,
        )
    if rule.n_synapse:
        step = pointer(rule.synapse_step, I4)
        for at in range(rule.n_synapses):
            step[at] = 0
    return 0


@part
def _settle(p, rule, n_steps):
    """All traces before, and those of the share after, at the end of the run."""
    for k in range(rule.n_pre):
        _settle_some(rule.x_pre, rule.pre_step, k * p.n_before, 0, p.n_before, rule.pre_rate, k, rule, n_steps)
    for k in range(rule.n_post):
        at = k * p.n_after_all
        _settle_some(rule.x_post, rule.post_step, at, p.begin_after, p.n_after, rule.post_rate, k, rule, n_steps)
    before, after = pointer(rule.pre_step, I4), pointer(rule.post_step, I4)
    for i in range(p.n_before):
        before[i] = 0
    for j in range(p.begin_after, p.begin_after + p.n_after):
        after[j] = 0


@part
def _settle_some(x, since, row, first, n, rates, k, rule, n_steps):
    values = pointer(x + (row + first) * BYTES, REAL)
    _decay_in_place(
        values, pointer(since + first * 4, I4), pointer(rates, REAL)[k], I4(n_steps), REAL(rule.floor), n
    )  # fmt: skip


@part(apart=True)
def _decay_in_place(x, since, rate, t, floor, n):
    for k in range(n):
        x[k] = trace_now(x[k], rate, REAL(I4(t - since[k])), floor, EXP2)


@part
def clear(address, t):
    """Forget all spikes, between runs: the traces before, and of the share's neurons and synapses, are zero."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    for k in range(rule.n_pre):
        _zero(pointer(rule.x_pre + k * p.n_before * BYTES, REAL), 0, p.n_before)
    for k in range(rule.n_post):
        _zero(pointer(rule.x_post + k * p.n_after_all * BYTES, REAL), p.begin_after, p.n_after)
    if rule.n_synapse:
        _clear_synapses(p, rule)
    return 0


@part
def _clear_synapses(p, rule):
    """The share's part of each row of dense synapses, or all of those that are listed."""
    x = pointer(rule.synapse, REAL)
    for k in range(rule.n_synapse):
        if p.column_of:
            _zero(x, k * rule.n_synapses, rule.n_synapses)
        else:
            for i in range(p.n_before):
                _zero(x, k * rule.n_synapses + i * p.n_after_all + p.begin_after, p.n_after)


@part(apart=True)
def _zero(x, first, n):
    for k in range(first, first + n):
        x[k] = REAL(0.0)


@part
def normalize(address, t):
    """Scale the weights of the share's neurons that may have changed to the rule's norm."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    changed, touched, weights = pointer(rule.changed, U1), pointer(rule.touched, U1), pointer(p.weights, REAL)
    for j in range(p.begin_after, p.begin_after + p.n_after):
        if changed[j]:
            changed[j] = 0
            touched[j] = EVERYBODY
            scale_to_norm(weights, j, p.stride, p.n_before, rule.norm_kind, REAL(rule.norm_target))
    return 0


@part
def normalize_listed(address, t):
    """The same where a column's weights lie one after another."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    changed, touched = pointer(rule.changed, U1), pointer(rule.touched, U1)
    weights, starts, targets = pointer(p.weights, REAL), pointer(p.weight_starts, I8), pointer(rule.norm_targets, F8)
    for c in range(p.n_columns):
        if changed[c]:
            changed[c] = 0
            touched[c] = EVERYBODY
            scale_to_norm(weights, starts[c], 1, starts[c + 1] - starts[c], rule.norm_kind, REAL(targets[c]))
    return 0
