"""Rings of what is due, by step of arrival: for synapses each of which has a delay of its own.

A ring lasts from run to run as `pending`, in which the next step's slot comes first.
"""

from __future__ import annotations

from engram.kernels.memory import GROUP
from engram.kernels.parts import BYTES, I4, I8, REAL, U1, U2, part, pointer, record
from engram.kernels.projections.spikes import row_to_add_to, sent
from engram.kernels.records import POPULATION, PROJECTION

DUE = REAL
"""Placeholder: what a slot holds, sums of weights (REAL) or numbers of spikes (U2)."""
DUE_BYTES = BYTES
PENDING = REAL
"""Placeholder: the same between runs."""

_SLOTS_IN_WHOLE_VECTORS = 16
"""Up to so many slots, a pass over all of them in vectors is faster than a store per synapse."""


@part
def begin(address, t):
    """Take over what is under way at the beginning of a run."""
    p = record(address, PROJECTION)
    ring, pending, due = pointer(p.ring, DUE), pointer(p.pending, PENDING), pointer(p.due, U1)
    for slot in range(p.n_slots):
        anything = False
        for k in range(p.n_after):
            value = pending[slot * p.n_after_all + p.begin_after + k]
            ring[slot * p.ring_stride + k] = DUE(value)
            anything |= value != PENDING(0)
        due[slot] = anything
    p.sent = 0
    return 0


@part
def end(address, n_steps):
    """Put back what is under way at the end of a run, that of the next step first."""
    p = record(address, PROJECTION)
    ring, pending = pointer(p.ring, DUE), pointer(p.pending, PENDING)
    for slot in range(p.n_slots):
        at = (n_steps + slot) % p.n_slots
        for k in range(p.n_after):
            pending[slot * p.n_after_all + p.begin_after + k] = PENDING(ring[at * p.ring_stride + k])
    return 0


@part
def clear(p, s):
    """What was due in step s has arrived."""
    slot = s % p.n_slots
    due = pointer(p.due, U1)
    if due[slot]:
        due[slot] = 0
        _zero(pointer(p.ring + slot * p.ring_stride * DUE_BYTES, DUE), p.n_after)


@part(apart=True)
def _zero(row, n):
    for k in range(n):
        row[k] = DUE(0)


@part
def keep(address, t):
    """A group of steps from t on was taken: what was due in all but the last of them has arrived."""
    p = record(address, PROJECTION)
    for s in range(t, t + GROUP - 1):
        clear(p, s)
    return 0


@part(apart=True)
def _add(row, values, n):
    for k in range(n):
        row[k] += values[k]


@part(apart=True)
def _set(row, values, n):
    for k in range(n):
        row[k] = values[k]


@part
def gather(address, s, first, n, now):
    """Add what is due in n steps from s on; the first of them is over, or was, if n is 1."""
    p = record(address, PROJECTION)
    after, due = record(p.after, POPULATION), pointer(p.due, U1)
    for k in range(n):
        slot = (s + k) % p.n_slots
        if s + k >= 0 and due[slot] and (p.from_input or first + k < p.n_delays):
            row, filled = row_to_add_to(p, after, first + k)
            values = pointer(p.ring + slot * p.ring_stride * DUE_BYTES, REAL)
            if filled:
                _add(row, values, p.n_after)
            else:
                _set(row, values, p.n_after)
        if first + k == 0 and s >= 0:
            clear(p, s)
    return 0


@part
def send_dense(address, t, n, now):
    """Put the weights of the senders that spike in n steps from t on under way, from everybody to everybody."""
    p = record(address, PROJECTION)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        spikes, count = sent(p, s, now)
        index = pointer(spikes, I4)
        for k in range(count):
            _send_row(p, I8(index[k]), s)
    if p.from_input:
        p.sent = max(p.sent, t + n)
    return 0


@part
def _send_row(p, i, s):
    weights = pointer(p.weights + (i * p.stride + p.begin_after) * BYTES, REAL)
    ring, due = pointer(p.ring, DUE), pointer(p.due, U1)
    for k in range(p.n_after):
        slot = (s + delay_of(p, i * p.n_after_all + p.begin_after + k)) % p.n_slots
        ring[slot * p.ring_stride + k] += weights[k]
        due[slot] = 1


@part
def delay_of(p, synapse):
    """A synapse's delay, in steps."""
    return I8(pointer(p.delays, U2)[synapse]) if p.wide_delays else I8(pointer(p.delays, U1)[synapse])


@part
def send_listed(address, t, n, now):
    """The same for synapses that are listed one by one."""
    p = record(address, PROJECTION)
    starts, who, where = pointer(p.starts, I8), pointer(p.who, I4), pointer(p.where, I4)
    weights, ring, due = pointer(p.weights, REAL), pointer(p.ring, DUE), pointer(p.due, U1)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        spikes, count = sent(p, s, now)
        index = pointer(spikes, I4)
        for k in range(count):
            i = I8(index[k])
            for at in range(starts[i], starts[i + 1]):
                slot = (s + delay_of(p, at)) % p.n_slots
                ring[slot * p.ring_stride + who[at]] += weights[where[at]]
                due[slot] = 1
    if p.from_input:
        p.sent = max(p.sent, t + n)
    return 0


@part
def to_rest(address, t):
    """Nothing is under way to the share."""
    p = record(address, PROJECTION)
    pending = pointer(p.pending, PENDING)
    for slot in range(p.n_slots):
        for k in range(p.n_after):
            pending[slot * p.n_after_all + p.begin_after + k] = PENDING(0)
    return 0
