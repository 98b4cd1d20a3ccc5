"""Synapses from everybody to everybody: a row of weights for each sender, whose spike adds the row.

Rows have a length of whole lanes, and a row of zeros follows the last one, so that they are always added in threes or
fours. The last three rows of a step can be left to the neurons' loop, which adds them on the way.
"""

from __future__ import annotations

from engram.kernels.memory import AT_ONCE, GROUP
from engram.kernels.parts import BYTES, I4, I8, REAL, part, pointer, record, whole
from engram.kernels.projections.spikes import arrivals, over, row_to_add_to
from engram.kernels.records import POPULATION, PROJECTION

SPARSE = 2
"""Up to so many input spikes in a group, it is faster to add up all of them before."""


@part
def gather(address, s, first, n, now):
    """Add up what arrives in n steps from s on, at the places from `first` on of a group."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    may_leave = p.leaves_rows and not now
    if may_leave and n > 1:
        total = I8(0)
        for k in range(n):
            total += arrivals(p, s + k, now)[1]
        may_leave = total > SPARSE
    for k in range(n):
        spikes, count = arrivals(p, s + k, now)
        if count > 0:
            left = I8(0)
            if may_leave:
                left = min(count, I8(AT_ONCE))
                _leave_rows(p, after, spikes + 4 * (count - left), left, first + k)
            if count > left:
                row, filled = row_to_add_to(p, after, first + k)
                _add_rows(p, row, filled, spikes, count - left, after.n_lanes)
        if first + k == 0:
            over(p, s)
    return 0


@part
def _leave_rows(p, after, spikes, n, k):
    """Leave some rows of weights to be added in the course of the step at place k of a group."""
    index, arriving = pointer(spikes, I4), pointer(after.arriving, I8)
    at = after.n_channels * GROUP + AT_ONCE * k
    for i in range(n):
        arriving[at + i] = p.weights + (I8(index[i]) * p.stride + p.begin_after) * BYTES
    pointer(after.arrives, I8)[p.channel] = 1
    after.lively = 1


@part
def _add_rows(p, row, filled, spikes, count, n_lanes):
    """Add the rows of some senders, in their order."""
    index = pointer(spikes, I4)
    weights, nothing = p.weights + p.begin_after * BYTES, p.n_before
    for k in range(0, count, 4):
        a = pointer(weights + I8(index[k]) * p.stride * BYTES, REAL)
        b = pointer(weights + (I8(index[k + 1]) if k + 1 < count else nothing) * p.stride * BYTES, REAL)
        c = pointer(weights + (I8(index[k + 2]) if k + 2 < count else nothing) * p.stride * BYTES, REAL)
        d = pointer(weights + (I8(index[k + 3]) if k + 3 < count else nothing) * p.stride * BYTES, REAL)
        if filled or k > 0:
            _add_four(row, a, b, c, d, n_lanes)
        elif count <= 2:
            _set_two(row, a, b, n_lanes)
        else:
            _set_four(row, a, b, c, d, n_lanes)


@part(apart=True)
def _set_two(row, a, b, n):
    for j in range(whole(n)):
        row[j] = a[j] + b[j]


@part(apart=True)
def _set_four(row, a, b, c, d, n):
    for j in range(whole(n)):
        row[j] = ((a[j] + b[j]) + c[j]) + d[j]


@part(apart=True)
def _add_four(row, a, b, c, d, n):
    for j in range(whole(n)):
        row[j] = (((row[j] + a[j]) + b[j]) + c[j]) + d[j]
