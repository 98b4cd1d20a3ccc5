"""A population's part of a run: from its state between runs into lanes, through steps and groups of steps, and back.

Neurons act on others only by their spikes, and what arrives in a step moves a membrane in the next one. So a
population can be taken through a whole group of steps with its state in registers, as long as nobody fires in them:
`group` computes them from `here` to `there`, and `keep` makes the two change places. A group is not kept

- if a membrane comes near its threshold, since its spike would have to be heard by others;
- if a quick equation does not hold, since the result is wrong then;
- if another population's group was not.

Then nothing has happened, and the steps are taken one by one. "Near" is above `low`, a bound below which the threshold
does not fall until the next look at it, 32 steps later: theta decays by the same factor for all, so that the threshold
lies between its values now and at the next look, and ``1 - 1e-9`` covers the rounding of that factor's powers. A lane
beyond the last neuron has an infinite theta and stays at rest.

What a population keeps of its neurons that may be refractory is a list; their held variables are put back after a
step. So the loops need not know of refractoriness.
"""

from __future__ import annotations

import numpy as np

from engram.kernels.memory import GROUP
from engram.kernels.parts import F8, I4, I8, PLACEHOLDER, REAL, part, pointer, record, whole
from engram.kernels.records import POPULATION
from engram.synapses import CLOSING_INTERVAL

_group = _step = _hold_group = _fired = _reset_one = _receive = _tidy = PLACEHOLDER
"""Placeholders: the neuron's own, see :mod:`engram.kernels.neuron_code`."""

_STRAINED, _NEAR, _OVERSHOT = 2, 1, 4


@part
def begin(address, learn):
    """Take a share of the neurons over from between runs, and fill the idle lanes."""
    p = record(address, POPULATION)
    here, values, rest, n_all = pointer(p.here, REAL), pointer(p.values, REAL), pointer(p.rest, REAL), p.n_all
    for k in range(p.n_variables):
        for j in range(p.n):
            here[k * p.stride + j] = values[k * n_all + p.first + j]
        for j in range(p.n, p.stride):
            here[k * p.stride + j] = rest[k]
    theta, theta_now = pointer(p.theta, F8), pointer(p.theta_now, REAL)
    p.learning = learn and p.learns
    p.factor = 1.0 if p.learning else p.reading
    for j in range(p.stride):
        theta_now[j] = REAL(np.inf) if j >= p.n else REAL(theta[p.first + j] * p.factor) if p.has_theta else REAL(0.0)
    _begin_held(p)
    opened = pointer(p.open, I8)
    for c in range(p.n_channels):
        opened[c] = 1
    p.scale, p.large, p.n_fired, p.n_fired_all = 1.0, 0, 0, 0
    p.decay_now, p.plus_now = (p.decay, p.plus) if learn else (1.0, 0.0)
    p.until_look = 1.0
    for _ in range(CLOSING_INTERVAL):
        p.until_look *= p.decay_now
    clear_arrivals(p, 0)
    return 0


@part
def _begin_held(p):
    hold, until = pointer(p.hold, I4), pointer(p.until, I4)
    p.n_held = 0
    for j in range(p.n):
        until[j] = hold[p.first + j]
        if until[j] > 0 and p.n_held_variables > 0:
            _note_held(p, j)


@part
def _note_held(p, j):
    """Keep what neuron j of the share holds while it is refractory."""
    here, kept = pointer(p.here, REAL), pointer(p.values_held, REAL)
    which, held = pointer(p.held_variables, I8), pointer(p.held, I4)
    held[p.n_held] = j
    for v in range(p.n_held_variables):
        kept[v * p.n + p.n_held] = here[which[v] * p.stride + j]
    p.n_held += 1


@part
def clear_arrivals(p, first):
    """Nothing arrives in the steps of a group from place `first` on."""
    arriving, arrives = pointer(p.arriving, I8), pointer(p.arrives, I8)
    if first == 0:
        for k in range(p.n_channels):
            arrives[k] = 0
        for k in range((p.n_channels + 3) * GROUP):
            arriving[k] = p.rows
        p.lively = 0
        return
    for c in range(p.n_channels):
        for k in range(first, GROUP):
            arriving[c * GROUP + k] = p.rows
    for k in range(p.n_channels * GROUP + 3 * first, (p.n_channels + 3) * GROUP):
        arriving[k] = p.rows


@part(apart=True)
def _lowest(low, theta, scale, later, v_thresh, n):
    for j in range(whole(n)):
        now, then = theta[j] * scale + v_thresh, theta[j] * later + v_thresh
        low[j] = now if now < then else then


@part
def look(address, t):
    """The lowest that each threshold gets until the next look."""
    p = record(address, POPULATION)
    p.later = p.scale * p.until_look * (1.0 - 1e-9)
    low, theta = pointer(p.low, REAL), pointer(p.theta_now, REAL)
    _lowest(low, theta, REAL(p.scale), REAL(p.later), REAL(p.v_thresh), p.n_lanes)
    return 0


@part
def _note_open(p):
    opened, arrives = pointer(p.open, I8), pointer(p.arrives, I8)
    for c in range(p.n_channels):
        opened[c] |= arrives[c]


@part
def _exchange(p):
    before = p.here
    p.here = p.there
    p.there = before


@part
def group(address, t):
    """Take the share through a group of steps, put aside; whether they have to be taken one by one."""
    p = record(address, POPULATION)
    if p.large:
        return 1
    stopped = _group(p) != 0
    _note_open(p)
    if p.n_held > 0 and not stopped:
        stopped = _hold_group(p, t)
    return I8(stopped)


@part
def keep(address, t):
    """Go where :func:`group` led."""
    p = record(address, POPULATION)
    _exchange(p)
    for _ in range(GROUP):
        p.scale *= p.decay_now
    p.n_fired = p.n_fired_all = 0
    return 0


@part
def step(address, t):
    """One step of the share; return how many fired."""
    p = record(address, POPULATION)
    p.scale *= p.decay_now
    flags = _step(p)
    if flags & _STRAINED and not p.large:
        p.large = 1
        flags = _step(p)
    p.large = I8((flags & _STRAINED) > 0)
    p.overshot |= I8((flags & _OVERSHOT) > 0)
    _note_open(p)
    _exchange(p)
    if p.n_held > 0:
        _put_back_held(p, t)
    p.n_fired = _fired(p, t) if flags & _NEAR else 0
    p.n_fired_all = p.n_fired
    return p.n_fired


@part
def _put_back_held(p, t):
    """What refractory neurons hold is put back; those that are free again leave the list."""
    here, kept, until = pointer(p.here, REAL), pointer(p.values_held, REAL), pointer(p.until, I4)
    which, held = pointer(p.held_variables, I8), pointer(p.held, I4)
    for h in range(p.n_held - 1, -1, -1):
        j = held[h]
        if until[j] > t:
            for v in range(p.n_held_variables):
                here[which[v] * p.stride + j] = kept[v * p.n + h]
        else:
            p.n_held -= 1
            held[h] = held[p.n_held]
            for v in range(p.n_held_variables):
                kept[v * p.n + h] = kept[v * p.n + p.n_held]


@part
def reset(address, t):
    """What their spikes do to the neurons of the share that fired."""
    p = record(address, POPULATION)
    fired, until = pointer(p.fired, I4), pointer(p.until, I4)
    for f in range(p.n_fired):
        j = I8(fired[f]) - p.first
        _reset_one(p, j)
        until[j] = t + p.t_ref
        if p.t_ref > 0 and p.n_held_variables > 0:
            _note_held(p, j)
        if p.has_theta and p.plus_now != 0.0:
            first = j - j % p.n_sharing
            for k in range(first, first + p.n_sharing):
                _raise_theta(p, k)
    return 0


@part
def _raise_theta(p, j):
    theta, theta_now, low = pointer(p.theta, F8), pointer(p.theta_now, REAL), pointer(p.low, REAL)
    theta[p.first + j] += p.plus_now / p.scale
    theta_now[j] = REAL(theta[p.first + j] * p.factor)
    now = theta_now[j] * REAL(p.scale) + REAL(p.v_thresh)
    then = theta_now[j] * REAL(p.later) + REAL(p.v_thresh)
    low[j] = now if now < then else then


@part
def receive(address, t):
    """Add what arrived in step t at its end, instead of at the beginning of the next."""
    p = record(address, POPULATION)
    arrives = pointer(p.arrives, I8)
    anything = 0
    for c in range(p.n_channels):
        anything |= arrives[c]
    if anything:
        _note_open(p)
        _receive(p)
    clear_arrivals(p, 0)
    return 0


@part
def tidy(address, t):
    """What is too small to matter becomes zero; whether a channel is still open."""
    _tidy(record(address, POPULATION))
    return 0


@part
def show(address, n_steps):
    """Write the share's state where it lies between runs, but for theta, which is shown as it is now less its scale."""
    p = record(address, POPULATION)
    here, values, n_all = pointer(p.here, REAL), pointer(p.values, REAL), p.n_all
    for k in range(p.n_variables):
        for j in range(p.n):
            values[k * n_all + p.first + j] = here[k * p.stride + j]
    hold, until = pointer(p.hold, I4), pointer(p.until, I4)
    for j in range(p.n):
        hold[p.first + j] = max(until[j] - I4(n_steps), I4(0))
    return 0


@part
def end(address, n_steps):
    """Give the share back to between runs."""
    show(address, n_steps)
    p = record(address, POPULATION)
    theta = pointer(p.theta, F8)
    if p.has_theta:
        for j in range(p.first, p.first + p.n):
            theta[j] *= p.scale
    return 0


@part
def to_rest(address, t):
    """Put the share at rest, between runs."""
    p = record(address, POPULATION)
    values, rest, hold = pointer(p.values, REAL), pointer(p.rest, REAL), pointer(p.hold, I4)
    for k in range(p.n_variables):
        for j in range(p.first, p.first + p.n):
            values[k * p.n_all + j] = rest[k]
    for j in range(p.first, p.first + p.n):
        hold[j] = 0
    return 0
