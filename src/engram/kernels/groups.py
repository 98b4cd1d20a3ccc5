"""Groups of steps that are taken together, because nothing happens in them that another neuron would hear of.

A neuron acts on others only by its spikes. So a share of the neurons is first taken through a group of steps as if
none would fire, each neuron's state staying in registers. If one did come near its threshold, or a conductance got too
large for the functions used, that result is left alone and the steps are taken one by one.
"""

from __future__ import annotations

import functools

import numpy as np

from engram.kernels import loops
from engram.kernels.compile import compiled
from engram.kernels.inhibition import step_ahead, take_ahead
from engram.kernels.loops import AT_ONCE, DRIVE, G_EXC, G_INH, GROUP, LOW, NOTHING, SPARSE, V, small_step

_loop = functools.partial(compiled, allocates=False)
_part = functools.partial(compiled, allocates=False, expand=True)  # handing over their arguments would take longer


@_part
def arriving(state, work, begin, index, first, last, step, ready):
    """The row of `cells` in which the input of a step is added up; delayed input was, before step `ready`."""
    cells, to = work.cells, DRIVE + step % GROUP
    if state.input_pending.shape[0] > 0:
        if step >= ready:
            loops.delay_rows(
                cells, to, state.input_pending, state.rows, state.input_delays, index, first, last, step
            )  # fmt: skip
    elif last > first:
        loops.drive_row(cells, to, state.rows, begin, index, first, last)
    else:
        to = NOTHING
    return to


@_part
def first_inputs(state, work, begin, index, offset, n_driven, step, ready, all_before):
    """All input of a step, or all but its last spikes: its row of `cells`, the first spike left, and their end."""
    first = offset[step] if step < n_driven else 0
    last = offset[step + 1] if step < n_driven else 0
    left = last
    if not all_before:
        left = last - AT_ONCE if last - first > AT_ONCE else first
    return arriving(state, work, begin, index, first, left, step, ready), left, last


@_part
def rows_at_once(index, s, last, nothing):
    """The rows of weights of three spikes, or of no weights beyond the last."""
    return (
        np.int64(index[s]) if s < last else nothing,
        np.int64(index[s + 1]) if s + 1 < last else nothing,
        np.int64(index[s + 2]) if s + 2 < last else nothing,
    )


@_part
def due_in(is_due, slot, ahead):
    """The row of inhibitory spikes that arrive some steps ahead of the one of `slot`, if no more are sent."""
    n_slots = is_due.shape[0] - 1
    if ahead >= n_slots:
        return n_slots
    slot += ahead
    slot = slot if slot < n_slots else slot - n_slots
    return slot if is_due[slot] else n_slots


@_part
def try_group(
    state, share, work, at, index, offset, n_driven, step, slot, n_held, p, weight, driven, inhibited
):  # fmt: skip
    """Take a share of the excitatory neurons through a group of steps, from one state to the other.

    Returns
    -------
    stopped : bool
        Whether these steps have to be taken one by one instead.
    driven, inhibited : bool
        Whether an excitatory or inhibitory conductance may be open.
    """
    is_due, begin = work.is_due, share.first
    nothing = state.rows.shape[0] - 1
    n_spikes = offset[min(step + GROUP, n_driven)] - offset[step] if step < n_driven else 0
    sparse = n_spikes <= SPARSE or state.input_pending.shape[0] > 0
    d0, i0, e0 = first_inputs(state, work, begin, index, offset, n_driven, step, step, sparse)
    d1, i1, e1 = first_inputs(state, work, begin, index, offset, n_driven, step + 1, step, sparse)
    d2, i2, e2 = first_inputs(state, work, begin, index, offset, n_driven, step + 2, step, sparse)
    d3, i3, e3 = first_inputs(state, work, begin, index, offset, n_driven, step + 3, step, sparse)
    d = d0, d1, d2, d3
    r = (
        *rows_at_once(index, i0, e0, nothing), *rows_at_once(index, i1, e1, nothing),
        *rows_at_once(index, i2, e2, nothing), *rows_at_once(index, i3, e3, nothing),
    )  # fmt: skip
    zero = step - step
    s = (
        due_in(is_due, slot, zero), due_in(is_due, slot, zero + 1),
        due_in(is_due, slot, zero + 2), due_in(is_due, slot, zero + 3),
    )  # fmt: skip
    any_due = False
    for k in range(GROUP):
        driven |= (d[k] != NOTHING) | (r[AT_ONCE * k] != nothing)
        any_due |= s[k] < is_due.shape[0] - 1
    inhibited |= any_due
    if any_due:
        stopped = loops.group_inhibited(at, d, r, s, p.flow, p.g_small, weight)
    elif sparse and (driven or inhibited):
        stopped = loops.group_undue_sparse(at, d, r, s, p.flow, p.g_small, weight)
    elif driven or inhibited:
        stopped = loops.group_undue(at, d, r, s, p.flow, p.g_small, weight)
    else:
        stopped = loops.group_closed(at, p.flow)
    if n_held > 0 and not stopped:
        stopped = hold_group(at, work.hold, work.held, work.v_held, n_held, step, d, r, s, p.flow, weight)
    return stopped, driven, inhibited


@_loop
def hold_group(at, hold, held, v_held, n_held, step, d, r, s, f, weight):
    """Put right the neurons that are refractory in a group of steps; whether one comes near its threshold after."""
    here, there, cells, rows, due = loops.arrays(at)
    stopped = False
    for h in range(n_held):
        j, v = held[h], v_held[h]
        free = np.int64(hold[j]) - step  # so many steps from now
        if 0 < free < GROUP:
            g_exc, g_inh = here[G_EXC, j], here[G_INH, j]
            for k in range(GROUP):
                drive = cells[d[k], j]
                for i in range(AT_ONCE * k, AT_ONCE * (k + 1)):
                    drive += rows[r[i], j]
                moved, g_exc, g_inh = small_step(v, g_exc, g_inh, drive, cells.dtype.type(due[s[k], j]), f, weight)
                v = moved if k >= free else v
                stopped |= v > cells[LOW, j]
        if free > 0:
            there[V, j] = v
    return stopped


@_part
def finish_group(work, slot):
    """After a group was taken: the inhibition that was due has arrived, the inhibitory neurons have gone on."""
    is_due = work.is_due
    for ahead in range(GROUP):
        at = due_in(is_due, slot, ahead)
        if at < is_due.shape[0] - 1:
            loops.arrived(work.due, is_due, at)
    if work.awake.n[0] > 0:
        take_ahead(work.awake)


@_part
def hold_refractory(v, work, n_held, t):
    """Put back the potentials of the neurons that were refractory at step t; return how many are left."""
    hold, held, v_held = work.hold, work.held, work.v_held
    for h in range(n_held - 1, -1, -1):
        if hold[held[h]] > t:
            v[held[h]] = v_held[h]
        else:
            n_held -= 1
            held[h], v_held[h] = held[n_held], v_held[n_held]
    return n_held


@_part
def calm(awake, t, p):
    """Whether no inhibitory neuron fires in the group of steps from t on."""
    return awake.n[0] == 0 or not step_ahead(awake, t, p)
