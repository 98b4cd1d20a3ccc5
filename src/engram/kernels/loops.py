"""The loops over neurons that take the time: one pass over contiguous arrays each, compiled to vector instructions.

Every array holds whole groups of :data:`engram.kernels.state.LANES` neurons, so that no loop has a rest; the places
beyond the last neuron stay without input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engram.kernels.compile import compiled
from engram.neurons import membrane_euler, membrane_exponential_euler, membrane_small_conductance
from engram.synapses import drive_conductance, open_conductance

V, G_EXC, G_INH, LOW, DRIVE, THETA = range(6)
"""The rows of `cells`, shape (6, n_lanes): a share of the excitatory neurons in one array, which is handed on faster
than six are. LOW lies below a neuron's threshold until the next look at it; THETA is infinite in a lane without a
neuron."""

_SLOTS_IN_WHOLE_VECTORS = 16
"""Up to so many slots, a pass over all of them in vectors is faster than a store per synapse."""

_loop = functools.partial(compiled, allocates=False)


@_loop
def advance(cells, f):
    """One step of membranes and conductances, none of which is large; whether any membrane comes near its threshold."""
    v, g_exc, g_inh, low = cells[V], cells[G_EXC], cells[G_INH], cells[LOW]
    near = False
    for j in range(cells.shape[1]):
        v_next = membrane_small_conductance(v[j], g_exc[j], g_inh[j], f)
        v[j] = v_next
        g_exc[j] = g_exc[j] * f.exc_decay
        g_inh[j] = g_inh[j] * f.inh_decay
        near |= v_next > low[j]
    return near


@_loop
def advance_uninhibited(cells, f):
    """:func:`advance` where no inhibitory conductance is open."""
    v, g_exc, low = cells[V], cells[G_EXC], cells[LOW]
    near = False
    closed = f.g_leak - f.g_leak
    for j in range(cells.shape[1]):
        v_next = membrane_small_conductance(v[j], g_exc[j], closed, f)
        v[j] = v_next
        g_exc[j] = g_exc[j] * f.exc_decay
        near |= v_next > low[j]
    return near


@_loop
def leak(cells, f):
    """:func:`advance` where no conductance is open."""
    v, low = cells[V], cells[LOW]
    near = False
    closed = f.g_leak - f.g_leak
    for j in range(cells.shape[1]):
        v_next = membrane_small_conductance(v[j], closed, closed, f)
        v[j] = v_next
        near |= v_next > low[j]
    return near


def make_advance_any(membrane: Callable) -> Callable:
    """:func:`advance` for conductances of any size, and for either integrator."""

    def advance_any(cells, p, coefficients):
        v, g_exc, g_inh, low = cells[V], cells[G_EXC], cells[G_INH], cells[LOW]
        near = False
        for j in range(cells.shape[1]):
            v_next = membrane(v[j], g_exc[j], g_inh[j], p, coefficients)
            v[j] = v_next
            g_exc[j] = g_exc[j] * p.flow.exc_decay
            g_inh[j] = g_inh[j] * p.flow.inh_decay
            near |= v_next > low[j]
        return near

    return _loop(advance_any, identity=membrane.py_func.__name__)


advance_any = make_advance_any(_loop(membrane_exponential_euler))
advance_euler = make_advance_any(_loop(membrane_euler))


def make_advance_some(membrane: Callable) -> Callable:
    """One step of the first `n` of a population of which some are held."""

    def advance_some(v, g_exc, g_inh, hold, n, t, p, coefficients):
        for j in range(n):
            v_next = membrane(v[j], g_exc[j], g_inh[j], p, coefficients)
            v[j] = v_next if hold[j] <= t else v[j]
            g_exc[j] = g_exc[j] * p.flow.exc_decay

    return _loop(advance_some, identity=membrane.py_func.__name__)


advance_some = make_advance_some(_loop(membrane_exponential_euler))
advance_some_euler = make_advance_some(_loop(membrane_euler))


@_loop
def close_conductances(cells, which, tiny):
    """Close what is too small to matter; whether anything is left open."""
    g = cells[which]
    any_open = False
    for j in range(cells.shape[1]):
        g[j] = open_conductance(g[j], tiny)
        any_open |= g[j] > 0
    return any_open


@_loop
def any_large(cells, exc_bound, inh_bound):
    """Whether any conductance exceeds its bound."""
    g_exc, g_inh = cells[G_EXC], cells[G_INH]
    large = False
    for j in range(cells.shape[1]):
        large |= (g_exc[j] > exc_bound) | (g_inh[j] > inh_bound)
    return large


@_loop
def lowest_thresholds(cells, scale, later, v_thresh):
    """The lowest that each threshold gets while theta is scaled by `scale` falling to `later`."""
    theta, low = cells[THETA], cells[LOW]
    for j in range(cells.shape[1]):
        now, then = theta[j] * scale + v_thresh, theta[j] * later + v_thresh
        low[j] = now if now < then else then


@_loop
def add_four(cells, rows, begin, a, b, c, d):
    """Add four rows to the drive, one after the other."""
    drive, end = cells[DRIVE], begin + cells.shape[1]
    row_a, row_b, row_c, row_d = rows[a][begin:end], rows[b][begin:end], rows[c][begin:end], rows[d][begin:end]
    for j in range(cells.shape[1]):
        drive[j] = (((drive[j] + row_a[j]) + row_b[j]) + row_c[j]) + row_d[j]


@_loop
def drive_by_four(cells, rows, begin, a, b, c, d, bound):
    """Add four rows and the drive so far to the conductances; whether any exceeds `bound`."""
    g_exc, drive, end = cells[G_EXC], cells[DRIVE], begin + cells.shape[1]
    row_a, row_b, row_c, row_d = rows[a][begin:end], rows[b][begin:end], rows[c][begin:end], rows[d][begin:end]
    large = False
    for j in range(cells.shape[1]):
        g = drive_conductance(g_exc[j], (((drive[j] + row_a[j]) + row_b[j]) + row_c[j]) + row_d[j])
        g_exc[j] = g
        large |= g > bound
    return large


@_loop
def drive_rows(cells, rows, begin, index, first, last, bound):
    """Add to the conductances the weights of the inputs that spike, from column `begin` on; whether any exceeds
    `bound`. The drive is zero before and after."""
    s = first
    while last - s > 4:
        add_four(cells, rows, begin, index[s], index[s + 1], index[s + 2], index[s + 3])
        s += 4
    nothing = rows.shape[0] - 1
    b = np.int64(index[s + 1]) if last - s > 1 else nothing
    c = np.int64(index[s + 2]) if last - s > 2 else nothing
    d = np.int64(index[s + 3]) if last - s > 3 else nothing
    large = drive_by_four(cells, rows, begin, index[s], b, c, d, bound)
    if s > first:
        drive = cells[DRIVE]
        for j in range(cells.shape[1]):
            drive[j] = 0
    return large


@_loop
def delay_rows(cells, slots, rows, delays, index, first, last, step):
    """The weights of the inputs that spike, put off by a delay per synapse; what is due now is the drive."""
    drive = cells[DRIVE]
    n_slots, n = slots.shape
    for s in range(first, last):
        i = index[s]
        for j in range(n):
            slots[(step + np.int64(delays[i, j])) % n_slots, j] += rows[i, j]
    for j in range(n):
        drive[j] = slots[step % n_slots, j]
        slots[step % n_slots, j] = 0


@_loop
def inhibit(cells, due, begin, n, weight, bound):
    """Let the inhibitory spikes arrive that are due; whether any conductance exceeds `bound`."""
    g_inh, due = cells[G_INH], due[begin : begin + n]
    large = False
    for k in range(n):
        g = g_inh[k] + weight * cells.dtype.type(due[k])
        g_inh[k] = g
        due[k] = 0
        large |= g > bound
    return large


@_loop
def send_inhibition(pending, delays, j, slot, begin, n):
    """Put a spike of inhibitory neuron j under way to every excitatory neuron of a share but j."""
    n_slots = pending.shape[0]
    delay = delays[j][begin : begin + n]
    if n_slots > _SLOTS_IN_WHOLE_VECTORS:
        for k in range(n):
            due = slot + np.int64(delay[k])
            pending[due - n_slots if due >= n_slots else due, begin + k] += 1
    else:
        for d in range(n_slots):
            due = slot + d
            row = pending[due - n_slots if due >= n_slots else due][begin : begin + n]
            for k in range(n):
                row[k] += np.int32(delay[k] == d)
    if begin <= j < begin + n:
        pending[(slot + np.int64(delays[j, j])) % n_slots, j] -= 1


@_loop
def get_column(rows, j, column):
    """A neuron's weights, side by side."""
    for i in range(column.shape[0]):
        column[i] = rows[i, j]


@_loop
def set_column(rows, j, column):
    """A neuron's weights, back in their rows."""
    for i in range(column.shape[0]):
        rows[i, j] = column[i]


@_loop
def rotate(slots, n_steps, begin, n):
    """Turn a ring of slots so that the one of the next step comes first, for the columns of a share."""
    n_slots = slots.shape[0]
    shift = n_steps % n_slots if n_slots > 1 else 0
    if shift > 0:  # turning round both parts and then the whole exchanges the parts
        turn_round(slots, 0, shift, begin, n)
        turn_round(slots, shift, n_slots, begin, n)
        turn_round(slots, 0, n_slots, begin, n)


@_loop
def turn_round(slots, first, last, begin, n):
    """Turn the order of some slots round."""
    for k in range((last - first) // 2):
        for j in range(begin, begin + n):
            one, other = slots[first + k, j], slots[last - 1 - k, j]
            slots[first + k, j], slots[last - 1 - k, j] = other, one
