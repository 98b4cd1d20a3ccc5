"""The loops over neurons that take the time: one pass over contiguous arrays each, compiled to vector instructions.

Neurons are computed in whole groups of :data:`engram.kernels.state.LANES`, so that no loop has a rest; the lanes beyond
the last neuron stay without input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.kernels.compile import compiled, pointer, rows_at
from engram.kernels.state import LANES
from engram.neurons import membrane_euler, membrane_exponential_euler, membrane_small_conductance
from engram.synapses import drive_conductance, open_conductance

V, G_EXC, G_INH = range(3)
"""Rows of a state, shape (3, n_lanes): the excitatory neurons of a share before a step (`here`) or after it (`there`).
The two change places."""

LOW, THETA = 0, 1
"""Rows of `cells`, shape (7, n_lanes). LOW lies below a neuron's threshold until the next look at it; THETA is infinite
in a lane without a neuron."""

DRIVE, NOTHING = 2, 6
"""Rows of `cells`: the input that arrives in each step of a group, and none."""

GROUP = 4
"""Steps that are taken together where nothing happens in them that another neuron would hear of."""

AT_ONCE = 3
"""Rows of weights that are added up in the course of a step; more are before."""

SPARSE = 2
"""Up to so many input spikes in a group, it is faster to add up all of them before."""

_SLOTS_IN_WHOLE_VECTORS = 16
"""Up to so many slots, a pass over all of them in vectors is faster than a store per synapse."""


class Places(NamedTuple):
    """Where the loops over neurons read and write: pointers, of which fewer words are handed on than of arrays."""

    here: object  # (3, n_lanes): a state
    there: object  # (3, n_lanes)
    cells: object  # (7, n_lanes)
    rows: object  # (n_inputs + 1, n_lanes_rows): the weights from the share's first column on, then none
    due: object  # (n_slots + 1, n_lanes_due)
    n_lanes: int
    n_lanes_rows: int
    n_lanes_due: int


_apart = functools.partial(compiled, allocates=False, apart=True)
_lane = functools.partial(compiled, allocates=False, expand=True)


@functools.partial(compiled, allocates=False, inline=True)
def arrays(at):
    """The arrays that begin at some places."""
    here, there, cells = rows_at(at.here, at.n_lanes), rows_at(at.there, at.n_lanes), rows_at(at.cells, at.n_lanes)
    rows, due = rows_at(at.rows, at.n_lanes_rows), rows_at(at.due, at.n_lanes_due)
    return here, there, cells, rows, due


@_lane
def places(here, there, cells, rows, begin, due):
    """Where a share of the neurons lies, from column `begin` of the weights on."""
    return Places(
        pointer(here), pointer(there), pointer(cells), pointer(rows[0][begin:]), pointer(due), cells.shape[1],
        rows.shape[1], due.shape[1],
    )  # fmt: skip


@_lane
def small_step(v, g_exc, g_inh, drive, due, f, weight):
    """One neuron, one step, where no conductance is large: its membrane, then what arrives at it."""
    return (
        membrane_small_conductance(v, g_exc, g_inh, f),
        drive_conductance(g_exc * f.exc_decay, drive),
        g_inh * f.inh_decay + weight * due,
    )


@_lane
def undue_step(v, g_exc, g_inh, drive, due, f, weight):
    """:func:`small_step` where no inhibition arrives."""
    return (
        membrane_small_conductance(v, g_exc, g_inh, f),
        drive_conductance(g_exc * f.exc_decay, drive),
        g_inh * f.inh_decay,
    )


def make_step(step: Callable) -> Callable:
    """A function for one step of all neurons of a share, for one of the steps above."""

    def step_all(at, drive, r, slot, f, g_small, weight):
        """One step, from one state to the other.

        The input is a row of `cells` and three of `rows`, added up in this order; `drive` and `r` say which. The
        inhibition is a row of `due`; `slot` says which.

        Returns
        -------
        near : bool
            Whether any membrane comes near its threshold.
        large : bool
            Whether any conductance is too large for this function; then the other state is wrong.
        """
        here, there, cells, rows, due = arrays(at)
        real = cells.dtype.type
        v, g_exc, g_inh = here[V], here[G_EXC], here[G_INH]
        v_next, g_exc_next, g_inh_next = there[V], there[G_EXC], there[G_INH]
        low, d, due = cells[LOW], cells[drive], due[slot]
        a, b, c = rows[r[0]], rows[r[1]], rows[r[2]]
        near = large = False
        for j in range(whole_lanes(cells)):
            large |= f.g_leak + g_exc[j] + g_inh[j] > g_small
            arriving = ((d[j] + a[j]) + b[j]) + c[j]
            u, g, h = step(v[j], g_exc[j], g_inh[j], arriving, real(due[j]), f, weight)
            v_next[j], g_exc_next[j], g_inh_next[j] = u, g, h
            near |= u > low[j]
        return near, large

    return _apart(step_all, identity=step.py_func.__name__)


step_inhibited = make_step(small_step)
step_undue = make_step(undue_step)


def make_step_any(membrane: Callable) -> Callable:
    """A function for one step with conductances of any size, all input in a row of `cells`, for either integrator."""

    def step_any(here, there, cells, drive, due, slot, p, weight, coefficients):
        v, g_exc, g_inh = here[V], here[G_EXC], here[G_INH]
        v_next, g_exc_next, g_inh_next = there[V], there[G_EXC], there[G_INH]
        low, drive, due = cells[LOW], cells[drive], due[slot]
        near = large = False
        for j in range(whole_lanes(cells)):
            large |= p.flow.g_leak + g_exc[j] + g_inh[j] > p.g_small
            v_new = membrane(v[j], g_exc[j], g_inh[j], p, coefficients)
            v_next[j] = v_new
            g_exc_next[j] = drive_conductance(g_exc[j] * p.flow.exc_decay, drive[j])
            g_inh_next[j] = g_inh[j] * p.flow.inh_decay + weight * cells.dtype.type(due[j])
            near |= v_new > low[j]
        return near, large

    return _apart(step_any, identity=membrane.py_func.__name__)


step_any = make_step_any(_apart(membrane_exponential_euler))
step_euler = make_step_any(_apart(membrane_euler))


@_apart
def fired_neurons(v, hold, cells, t, scale, v_thresh, first, fired):
    """Collect the neurons that fire, numbered from `first` on; return how many.

    Only where one of a whole group of lanes is near its threshold are they looked at one by one.
    """
    low, theta = cells[LOW], cells[THETA]
    n_fired = 0
    for begin in range(0, whole_lanes(cells), LANES):
        near = False
        for j in range(begin, begin + LANES):
            near |= v[j] > low[j]
        if near:
            for j in range(begin, min(begin + LANES, hold.shape[0])):
                if v[j] > low[j] and hold[j] <= t and v[j] > theta[j] * scale + v_thresh:
                    fired[n_fired] = first + j
                    n_fired += 1
    return n_fired


def make_group(step: Callable, *, adds_rows: bool = True) -> Callable:
    """A function for a group of steps, for one of the steps above, with input from rows of weights or without."""

    def group(at, d, r, s, f, g_small, weight):
        """A group of steps, input and inhibition of each given as in :func:`make_step`.

        Returns
        -------
        bool
            Whether the group has to be taken step by step instead, because a membrane comes near its threshold or a
            conductance is too large.
        """
        here, there, cells, rows, due = arrays(at)
        real = cells.dtype.type
        v, g_exc, g_inh = here[V], here[G_EXC], here[G_INH]
        v_next, g_exc_next, g_inh_next = there[V], there[G_EXC], there[G_INH]
        low, d0, d1, d2, d3 = cells[LOW], cells[d[0]], cells[d[1]], cells[d[2]], cells[d[3]]
        a0, b0, c0, a1, b1, c1 = rows[r[0]], rows[r[1]], rows[r[2]], rows[r[3]], rows[r[4]], rows[r[5]]
        a2, b2, c2, a3, b3, c3 = rows[r[6]], rows[r[7]], rows[r[8]], rows[r[9]], rows[r[10]], rows[r[11]]
        s0, s1, s2, s3 = due[s[0]], due[s[1]], due[s[2]], due[s[3]]
        stop = False
        for j in range(whole_lanes(cells)):
            u, g, h = v[j], g_exc[j], g_inh[j]
            i0, i1, i2, i3 = d0[j], d1[j], d2[j], d3[j]
            if adds_rows:
                i0, i1 = ((i0 + a0[j]) + b0[j]) + c0[j], ((i1 + a1[j]) + b1[j]) + c1[j]
                i2, i3 = ((i2 + a2[j]) + b2[j]) + c2[j], ((i3 + a3[j]) + b3[j]) + c3[j]
            stop |= f.g_leak + g + h > g_small
            u, g, h = step(u, g, h, i0, real(s0[j]), f, weight)
            stop |= (u > low[j]) | (f.g_leak + g + h > g_small)
            u, g, h = step(u, g, h, i1, real(s1[j]), f, weight)
            stop |= (u > low[j]) | (f.g_leak + g + h > g_small)
            u, g, h = step(u, g, h, i2, real(s2[j]), f, weight)
            stop |= (u > low[j]) | (f.g_leak + g + h > g_small)
            u, g, h = step(u, g, h, i3, real(s3[j]), f, weight)
            stop |= u > low[j]
            v_next[j], g_exc_next[j], g_inh_next[j] = u, g, h
        return stop

    return _apart(group, identity=f"{step.py_func.__name__} {adds_rows}")


group_inhibited = make_group(small_step)
group_undue = make_group(undue_step)
group_undue_sparse = make_group(undue_step, adds_rows=False)


@_apart
def group_closed(at, f):
    """A group of steps where no conductance is open and no input comes; see :func:`make_group`."""
    here, there, cells, _, _ = arrays(at)
    v, low = here[V], cells[LOW]
    v_next, g_exc_next, g_inh_next = there[V], there[G_EXC], there[G_INH]
    closed = f.g_leak - f.g_leak
    stop = False
    for j in range(whole_lanes(cells)):
        u = membrane_small_conductance(v[j], closed, closed, f)
        stop |= u > low[j]
        u = membrane_small_conductance(u, closed, closed, f)
        stop |= u > low[j]
        u = membrane_small_conductance(u, closed, closed, f)
        stop |= u > low[j]
        u = membrane_small_conductance(u, closed, closed, f)
        stop |= u > low[j]
        v_next[j], g_exc_next[j], g_inh_next[j] = u, closed, closed
    return stop


@_apart
def overshoots(here, p):
    """Whether forward Euler overshoots in some neuron."""
    g_exc, g_inh = here[G_EXC], here[G_INH]
    any_does = False
    for j in range(whole_lanes(here)):
        any_does |= p.dt_over_tau * (p.flow.g_leak + g_exc[j] + g_inh[j]) > p.flow.g_leak
    return any_does


@_lane
def whole_lanes(rows):
    """How many lanes are computed: whole groups of them, without those that only keep rows apart."""
    return rows.shape[1] // LANES * LANES


@_apart
def close_conductances(here, tiny):
    """Close what is too small to matter; whether any excitatory and any inhibitory conductance is left open."""
    g_exc, g_inh = here[G_EXC], here[G_INH]
    driven = inhibited = False
    for j in range(whole_lanes(here)):
        g_exc[j], g_inh[j] = open_conductance(g_exc[j], tiny), open_conductance(g_inh[j], tiny)
        driven |= g_exc[j] > 0
        inhibited |= g_inh[j] > 0
    return driven, inhibited


@_apart
def lowest_thresholds(cells, scale, later, v_thresh):
    """The lowest that each threshold gets while theta is scaled by `scale` falling to `later`."""
    theta, low = cells[THETA], cells[LOW]
    for j in range(whole_lanes(cells)):
        now, then = theta[j] * scale + v_thresh, theta[j] * later + v_thresh
        low[j] = now if now < then else then


@_apart
def drive_row(cells, to, rows, begin, index, first, last):
    """Add up the weights of the inputs that spike in a step, from column `begin` on, into a row of `cells`."""
    drive, nothing = cells[to], rows.shape[0] - 1
    for s in range(first, last, 4):
        a = rows[index[s]][begin:]
        b = rows[np.int64(index[s + 1]) if last - s > 1 else nothing][begin:]
        c = rows[np.int64(index[s + 2]) if last - s > 2 else nothing][begin:]
        d = rows[np.int64(index[s + 3]) if last - s > 3 else nothing][begin:]
        if last - first <= 2:
            for j in range(whole_lanes(cells)):
                drive[j] = a[j] + b[j]
        elif s == first:
            for j in range(whole_lanes(cells)):
                drive[j] = ((a[j] + b[j]) + c[j]) + d[j]
        else:
            for j in range(whole_lanes(cells)):
                drive[j] = (((drive[j] + a[j]) + b[j]) + c[j]) + d[j]


@_apart
def delay_rows(cells, to, slots, rows, delays, index, first, last, step):
    """:func:`drive_row` with a delay per synapse: the weights of the inputs that spike are put off, and what is due
    now arrives."""
    drive = cells[to]
    n_slots, n = slots.shape
    for s in range(first, last):
        i = index[s]
        for j in range(n):
            slots[(step + np.int64(delays[i, j])) % n_slots, j] += rows[i, j]
    for j in range(n):
        drive[j] = slots[step % n_slots, j]
        slots[step % n_slots, j] = 0


@_apart
def start_due(due, is_due, pending, begin, n):
    """Take over the inhibitory spikes that are under way at the beginning of a run."""
    for slot in range(pending.shape[0]):
        row, under_way = due[slot], pending[slot][begin : begin + n]
        n_due = 0
        for k in range(n):
            n_due += under_way[k]
            row[k] = np.uint16(under_way[k])
        is_due[slot] = n_due > 0


@_apart
def end_due(due, pending, begin, n, n_steps):
    """Put back what is under way at the end of a run, that of the next step first."""
    n_slots = pending.shape[0]
    for slot in range(n_slots):
        row, under_way = due[(n_steps + slot) % n_slots], pending[slot][begin : begin + n]
        for k in range(n):
            under_way[k] = np.int32(row[k])


@_apart
def arrived(due, is_due, slot):
    """Inhibitory spikes that were due in a slot have arrived."""
    is_due[slot] = False
    due = due[slot]
    for k in range(due.shape[0]):
        due[k] = 0


@_apart
def send_inhibition(due, is_due, delays, j, slot, begin, n):
    """Put a spike of inhibitory neuron j under way to every excitatory neuron of a share but j."""
    n_slots = due.shape[0] - 1
    delay = delays[j][begin : begin + n]
    if n_slots > _SLOTS_IN_WHOLE_VECTORS:
        for k in range(n):
            at = slot + np.int64(delay[k])
            due[at - n_slots if at >= n_slots else at, k] += np.uint16(1)
    else:
        for d in range(n_slots):
            at = slot + d
            row = due[at - n_slots if at >= n_slots else at]
            for k in range(n):
                row[k] += np.uint16(delay[k] == delays.dtype.type(d))
    if begin <= j < begin + n:
        due[(slot + np.int64(delays[j, j])) % n_slots, j - begin] -= np.uint16(1)
    for s in range(n_slots):
        is_due[s] = True


@_apart
def rotate(slots, n_steps, begin, n):
    """Turn a ring of slots so that the one of the next step comes first, for the columns of a share."""
    n_slots = slots.shape[0]
    shift = n_steps % n_slots if n_slots > 1 else 0
    if shift > 0:  # turning round both parts and then the whole exchanges the parts
        turn_round(slots, 0, shift, begin, n)
        turn_round(slots, shift, n_slots, begin, n)
        turn_round(slots, 0, n_slots, begin, n)


@_apart
def turn_round(slots, first, last, begin, n):
    """Turn the order of some slots round."""
    for k in range((last - first) // 2):
        for j in range(begin, begin + n):
            one, other = slots[first + k, j], slots[last - 1 - k, j]
            slots[first + k, j], slots[last - 1 - k, j] = other, one
