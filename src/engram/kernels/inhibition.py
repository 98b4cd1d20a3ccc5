"""The inhibitory neurons that are not at rest, packed so that their step runs in whole vectors.

Each one leaves its rest when its excitatory partner fires, and is laid down again once nothing moves in it.
"""

from __future__ import annotations

import functools

from engram.kernels.compile import compiled
from engram.kernels.protocol import NEVER
from engram.neurons import membrane_euler, membrane_exponential_euler
from engram.synapses import CLOSING_INTERVAL, open_conductance

_loop = functools.partial(compiled, allocates=False)


@_loop
def start_awake(awake, inh, c):
    """Find the inhibitory neurons that are not at rest at the beginning of a run."""
    awake.n[0] = 0
    for j in range(inh.v.shape[0]):
        awake.place[j] = -1
        if inh.g_exc[j] > 0 or inh.hold[j] > 0 or leaked(inh.v[j], c) != inh.v[j]:
            wake(awake, inh, j)
    for a in range(awake.n[0], awake.v.shape[0]):
        awake.v[a], awake.g_exc[a], awake.hold[a] = 0, 0, NEVER


@_loop
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


@_loop
def inhibitory_spikes(awake, t, c, fired):
    """Collect the inhibitory neurons that fire."""
    n_fired = 0
    for a in range(awake.n[0]):
        if awake.v[a] > c.inh.v_thresh and awake.hold[a] <= t:
            fired[n_fired] = awake.neuron[a]
            n_fired += 1
    return n_fired


@_loop
def close_inhibitory(awake, inh, t, c):
    """Close conductances too small to matter, and lay down the neurons that have come to rest."""
    if t % CLOSING_INTERVAL != 0:
        return
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
