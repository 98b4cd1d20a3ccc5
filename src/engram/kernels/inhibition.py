"""The inhibitory neurons that are not at rest, packed so that their step runs in whole vectors.

Each one leaves its rest when its excitatory partner fires, and is laid down again once nothing moves in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engram.kernels.compile import compiled
from engram.kernels.loops import GROUP
from engram.kernels.protocol import NEVER
from engram.kernels.state import LANES
from engram.neurons import membrane_euler, membrane_exponential_euler, membrane_small_conductance
from engram.synapses import open_conductance

_loop = functools.partial(compiled, allocates=False)
_part = functools.partial(compiled, allocates=False, expand=True)  # handing over its arguments would take longer


@_loop
def start_awake(awake, inh, c):
    """Find the inhibitory neurons that are not at rest at the beginning of a run."""
    awake.n[0] = 0
    for j in range(inh.v.shape[0]):
        awake.place[j] = -1
        fires = inh.v[j] > c.inh.v_thresh
        if fires or inh.g_exc[j] > 0 or inh.hold[j] > 0 or leaked(inh.v[j], c) != inh.v[j]:
            wake(awake, inh, j)
    for a in range(awake.n[0], awake.v.shape[0]):
        awake.v[a], awake.g_exc[a], awake.hold[a] = 0, 0, NEVER


@_part
def step_awake(awake, t, c):
    """One step of the awake inhibitory neurons; those that are refractory are held."""
    v, g_exc, hold, n = awake.v, awake.g_exc, awake.hold, awake_lanes(awake)
    if c.euler:
        step_euler(v, g_exc, hold, n, t, c.inh, c.exp2)
    elif any_large(g_exc, n, c.inh.flow.g_leak, c.inh.g_small):
        step_any(v, g_exc, hold, n, t, c.inh, c.exp2)
    else:
        step_small(v, g_exc, hold, n, t, c.inh.flow)


@_loop
def any_large(g_exc, n, g_leak, g_small):
    """Whether any conductance is too large for :func:`step_small`."""
    large = False
    for a in range(n):
        large |= g_leak + g_exc[a] > g_small
    return large


@_loop
def step_small(v, g_exc, hold, n, t, f):
    """One step where no conductance is large."""
    closed = f.g_leak - f.g_leak
    for a in range(n):
        v_next = membrane_small_conductance(v[a], g_exc[a], closed, f)
        v[a] = v_next if hold[a] <= t else v[a]
        g_exc[a] = g_exc[a] * f.exc_decay


def make_step_any(membrane: Callable) -> Callable:
    """:func:`step_small` for conductances of any size, and for either integrator."""

    def step_any(v, g_exc, hold, n, t, p, coefficients):
        closed = p.flow.g_leak - p.flow.g_leak
        for a in range(n):
            v_next = membrane(v[a], g_exc[a], closed, p, coefficients)
            v[a] = v_next if hold[a] <= t else v[a]
            g_exc[a] = g_exc[a] * p.flow.exc_decay

    return _loop(step_any, identity=f"inhibitory {membrane.py_func.__name__}")


step_any = make_step_any(_loop(membrane_exponential_euler))
step_euler = make_step_any(_loop(membrane_euler))


@_part
def step_ahead(awake, t, p):
    """A group of steps of the awake inhibitory neurons, put aside; whether it has to be taken step by step instead,
    because one fires or a conductance is too large."""
    n = awake_lanes(awake)
    return step_four(
        awake.v, awake.g_exc, awake.hold, awake.v_ahead, awake.g_ahead, n, t, p.v_thresh, p.g_small, p.flow
    )


@_loop
def step_four(v, g_exc, hold, v_ahead, g_ahead, n, t, v_thresh, g_small, f):
    """A group of steps; whether a neuron fires or a conductance is too large."""
    closed = f.g_leak - f.g_leak
    stop = False
    for a in range(n):
        u, g, free = v[a], g_exc[a], np.int32(hold[a] - t)
        stop |= f.g_leak + g > g_small
        for k in range(GROUP):
            u_next = membrane_small_conductance(u, g, closed, f)
            u = u_next if free <= k else u
            stop |= (free <= k) & (u > v_thresh)
            g = g * f.exc_decay
        v_ahead[a], g_ahead[a] = u, g
    return stop


@_part
def take_ahead(awake):
    """Go where :func:`step_ahead` led."""
    for a in range(awake_lanes(awake)):
        awake.v[a], awake.g_exc[a] = awake.v_ahead[a], awake.g_ahead[a]


@_part
def awake_lanes(awake):
    """The places that are computed: up to a whole vector, some of them empty."""
    return (awake.n[0] + LANES - 1) // LANES * LANES


@_part
def wake(awake, inh, j):
    """Take an inhibitory neuron among the awake ones, if it is not; return its place."""
    a = awake.place[j]
    if a < 0:
        a = awake.n[0]
        awake.n[0] += 1
        awake.place[j] = a
        awake.neuron[a] = j
        awake.v[a], awake.g_exc[a], awake.hold[a] = inh.v[j], inh.g_exc[j], inh.hold[j]
    return a


@_loop
def leaked(v, c):
    """The potential of an inhibitory neuron one step later when nothing reaches it."""
    closed = c.inh.flow.g_leak - c.inh.flow.g_leak
    if c.euler:
        return membrane_euler(v, closed, closed, c.inh, c.exp2)
    return membrane_exponential_euler(v, closed, closed, c.inh, c.exp2)


@_part
def inhibitory_spikes(awake, t, c, fired):
    """Collect and reset the inhibitory neurons that fire."""
    n_fired = 0
    for a in range(awake.n[0]):
        if awake.v[a] > c.inh.v_thresh and awake.hold[a] <= t:
            fired[n_fired] = awake.neuron[a]
            n_fired += 1
            awake.v[a] = c.inh.v_reset
            awake.hold[a] = t + c.inh.t_ref
    return n_fired


@_loop
def close_inhibitory(awake, inh, t, c):
    """Close conductances too small to matter, and lay down the neurons that have come to rest."""
    for a in range(awake.n[0] - 1, -1, -1):
        awake.g_exc[a] = open_conductance(awake.g_exc[a], c.inh.tiny)
        moves = awake.g_exc[a] > 0 or awake.hold[a] > t or awake.v[a] > c.inh.v_thresh
        if not moves and awake.v[a] == leaked(awake.v[a], c):
            lay_down(awake, inh, a)


@_loop
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
    awake.g_exc[last], awake.hold[last] = 0, NEVER


@_loop
def end_awake(awake, inh, n_steps):
    """Write the awake inhibitory neurons back at the end of a run."""
    for a in range(awake.n[0]):
        j = awake.neuron[a]
        inh.v[j], inh.g_exc[j], inh.hold[j] = awake.v[a], awake.g_exc[a], max(awake.hold[a] - n_steps, 0)
