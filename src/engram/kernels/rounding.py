"""A rule's part of a step in fixed point, where it is more than in floating point.

The rule's own routine rounds what it writes (:mod:`engram.kernels.rule_code`). Rounding by chance has to know which
step of which presentation it is, and which neuron fired; that is noted here, in front of what
:mod:`engram.kernels.learning` does. Weights that were scaled to a norm are rounded here.
"""

from __future__ import annotations

from engram.kernels.learning import before_post, fire, fire_listed
from engram.kernels.learning import begin as begin_dense
from engram.kernels.learning import begin_listed as begin_list
from engram.kernels.learning import pre as pre_dense
from engram.kernels.learning import pre_listed as pre_list
from engram.kernels.memory import EVERYBODY
from engram.kernels.parts import F8, I4, I8, REAL, U1, U8, part, pointer, record
from engram.kernels.records import LEARNING, POPULATION, PROJECTION
from engram.plasticity.fixed_point import NORM, by_chance, chance, nearest
from engram.plasticity.normalization import scale_to_norm

DRAWN = False
"""Placeholder: whether rounding is by chance."""

KEY_0, KEY_1, RUN, STEP, WHO = range(5)
"""Places among the draws."""


@part
def begin(address, t):
    """Before a run in which a dense projection learns: its draws are new ones."""
    _note_run(address)
    return begin_dense(address, t)


@part
def begin_listed(address, t):
    """The same of listed synapses."""
    _note_run(address)
    return begin_list(address, t)


@part
def pre(address, t):
    """The learning part of the spikes that arrive in step t at dense synapses."""
    _note(address, STEP, t)
    return pre_dense(address, t)


@part
def pre_listed(address, t):
    """The same of listed synapses."""
    _note(address, STEP, t)
    return pre_list(address, t)


@part
def post(address, t):
    """The learning part of the spikes of the neurons of the share, at dense synapses."""
    p = record(address, PROJECTION)
    rule, after = record(p.learning, LEARNING), record(p.after, POPULATION)
    if after.n_fired == 0:
        return 0
    before_post(p, rule, t)
    _note(address, STEP, t)
    fired = pointer(after.fired, I4)
    for f in range(after.n_fired):
        _note(address, WHO, I8(fired[f]))
        fire(p, rule, I8(fired[f]), t)
    return 0


@part
def post_listed(address, t):
    """The same of listed synapses."""
    p = record(address, PROJECTION)
    rule, after = record(p.learning, LEARNING), record(p.after, POPULATION)
    if after.n_fired == 0:
        return 0
    before_post(p, rule, t)
    _note(address, STEP, t)
    fired = pointer(after.fired, I4)
    for f in range(after.n_fired):
        _note(address, WHO, I8(fired[f]))
        fire_listed(p, rule, I8(fired[f]), t)
    return 0


@part
def _note(address, place, number):
    rule = record(record(address, PROJECTION).learning, LEARNING)
    pointer(rule.draws, U8)[place] = U8(number)


@part
def _note_run(address):
    rule = record(record(address, PROJECTION).learning, LEARNING)
    pointer(rule.draws, U8)[RUN] += U8(1)


@part
def normalize(address, t):
    """Scale the weights of the share's neurons that may have changed to the rule's norm, and round them."""
    p = record(address, PROJECTION)
    rule = record(p.learning, LEARNING)
    changed, touched, weights = pointer(rule.changed, U1), pointer(rule.touched, U1), pointer(p.weights, REAL)
    for j in range(p.begin_after, p.begin_after + p.n_after):
        if changed[j]:
            changed[j] = 0
            touched[j] = EVERYBODY
            scale_to_norm(weights, j, p.stride, p.n_before, rule.norm_kind, REAL(rule.norm_target))
            _round(rule, weights, j, p.stride, p.n_before, j)
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
            _round(rule, weights, starts[c], 1, starts[c + 1] - starts[c], c)
    return 0


@part
def _round(rule, weights, first, step, n, c):
    """The weights of column c."""
    draws, numbers = pointer(rule.draws, U8), pointer(rule.grid, REAL)
    grid = (numbers[0], numbers[1], numbers[2], numbers[3])
    for i in range(n):
        at = first + i * step
        if DRAWN:
            luck = chance(draws[KEY_0], draws[KEY_1], draws[RUN], U8(0), U8(NORM), U8(c), U8(i))
            weights[at] = by_chance(weights[at], luck, grid)
        else:
            weights[at] = nearest(weights[at], grid)
