"""A rule's part of a step: traces evaluated only where a spike asks for them, presynaptic changes only at neurons
that fired lately, a fired neuron's weights changed side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.kernels.columns import fetch, get_column, set_column, update_rows
from engram.kernels.compile import compiled
from engram.kernels.rule_code import RuleFunctions
from engram.synapses import trace_now


class Learning(NamedTuple):
    """The compiled functions of :func:`make_learning`."""

    start: Callable
    mark_inputs: Callable
    presynaptic_spikes: Callable
    postsynaptic_spikes: Callable
    settle: Callable


def make_learning(rule: RuleFunctions, dtype: str, identity: str) -> Learning:
    """The functions for a rule in a precision; what the rule does without is left out of them."""
    real = np.dtype(dtype).type
    mark_input, on_pre, on_post, has_on_pre, pre_everywhere, has_synapse, _ = rule
    asked = np.array(rule.asked, np.int64)
    n_asked = len(asked)
    loop = functools.partial(compiled, allocates=False, identity=identity)

    @loop
    def start(moving, memory, share):
        """Find the moving neurons of a share at the beginning of a run."""
        moving.n[0] = 0
        for j in range(share.first, share.first + share.n):
            moving.place[j - share.first] = -1
            left = pre_everywhere
            for k in range(n_asked):
                left |= memory.x_post[asked[k], j] != 0
            if left:
                note_spike(moving, memory, j, share.first, np.int32(0))

    @loop
    def note_spike(moving, memory, j, first, t):
        """A neuron's traces were just set."""
        memory.changed[j] = True
        m = moving.place[j - first]
        if m < 0:
            m = moving.n[0]
            moving.n[0] += 1
            moving.place[j - first] = m
            moving.neuron[m] = j
        moving.since[m] = t
        for k in range(n_asked):
            moving.x[k, m] = memory.x_post[asked[k], j]

    @functools.partial(loop, expand=True)
    def evaluate_traces(moving, first, t, rule_c, coefficients):
        """Traces at step t; neurons that have none left are dropped."""
        n = moving.n[0]
        for k in range(n_asked):
            x, now, since, rate = moving.x[k], moving.now[k], moving.since, rule_c.post_rate[asked[k]]
            for m in range(n):
                now[m] = trace_now(x[m], rate, real(t - since[m]), rule_c.trace_floor, coefficients)
        if pre_everywhere:
            return
        for m in range(n - 1, -1, -1):
            left = False
            for k in range(n_asked):
                left |= moving.now[k, m] != 0
            if not left:
                last = moving.n[0] - 1
                moving.n[0] = last
                moving.place[moving.neuron[m] - first] = -1
                if m < last:
                    moving.neuron[m] = moving.neuron[last]
                    moving.since[m] = moving.since[last]
                    moving.place[moving.neuron[m] - first] = m
                    for k in range(n_asked):
                        moving.x[k, m] = moving.x[k, last]
                        moving.now[k, m] = moving.now[k, last]

    @loop
    def mark_inputs(memory, rule_c, index, offset, begin, end):
        """Note the input spikes of some steps; for a rule to which they mean nothing before a neuron fires."""
        for t in range(begin, end):
            for s in range(offset[t], offset[t + 1]):
                mark_input(index[s], np.int32(t), memory, rule_c)

    @functools.partial(loop, expand=True)
    def presynaptic_spikes(rows, moving, memory, parameters, rule_c, coefficients, share, index, first, last, t):
        """The learning part of this step's input spikes, for a rule that changes weights by them."""
        if moving.n[0] > 0:
            evaluate_traces(moving, share.first, t, rule_c, coefficients)
        for s in range(first, last):
            i = index[s]
            mark_input(i, t, memory, rule_c)
            for m in range(moving.n[0]):
                on_pre(rows, i, moving.neuron[m], t, moving.now[:, m], memory, parameters, rule_c)

    @loop
    def postsynaptic_spikes(
        rows, moving, memory, parameters, rule_c, coefficients, share, x_pre, columns, fired, n_fired, t
    ):
        """The learning part of this step's excitatory spikes."""
        since = memory.pre_step
        for k in range(x_pre.shape[0]):
            x, now, rate = memory.x_pre[k], x_pre[k], rule_c.pre_rate[k]
            for i in range(now.shape[0]):
                now[i] = trace_now(x[i], rate, real(t - since[i]), rule_c.trace_floor, coefficients)
        for f in range(n_fired):
            j = fired[f]
            memory.changed[j] = True
            if has_on_pre:  # which changes weights in their rows
                column = columns.weights[0]
                get_column(rows, j, column)
                on_post(column, j, t, x_pre, memory, parameters, rule_c)
                set_column(rows, j, column)
                note_spike(moving, memory, j, share.first, t)
            else:
                place = fetch(columns, rows, j, j - share.first)
                on_post(columns.weights[place], j, t, x_pre, memory, parameters, rule_c)
                update_rows(columns, rows, j, place)

    @functools.partial(loop, apart=True)
    def settle_traces(x, since, rate, begin, end, n_steps, floor, coefficients):
        """Bring some traces to the end of the run, from which the next one counts."""
        for k in range(x.shape[0]):
            for j in range(begin, end):
                x[k, j] = trace_now(x[k, j], rate[k], real(n_steps - since[j]), floor, coefficients)
        for j in range(begin, end):
            since[j] = 0

    @loop
    def settle(memory, rule_c, share, n_steps, coefficients):
        """Bring a rule's traces to the end of the run: all inputs' and those of a share of the neurons."""
        floor = rule_c.trace_floor
        begin, end = share.first, share.first + share.n
        n_inputs = memory.pre_step.shape[0]
        settle_traces(memory.x_pre, memory.pre_step, rule_c.pre_rate, 0, n_inputs, n_steps, floor, coefficients)
        settle_traces(memory.x_post, memory.post_step, rule_c.post_rate, begin, end, n_steps, floor, coefficients)
        if has_synapse:
            for i in range(n_inputs):
                synapse, since = memory.synapse[:, i], memory.synapse_step[i]
                settle_traces(synapse, since, rule_c.synapse_rate, begin, end, n_steps, floor, coefficients)

    return Learning(start, mark_inputs, presynaptic_spikes, postsynaptic_spikes, settle)
