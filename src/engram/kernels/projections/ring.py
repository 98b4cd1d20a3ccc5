"""Rings of what is due, by step of arrival: for synapses each of which has a delay of its own.

A ring lasts from run to run as `pending`, in which the next step's slot comes first.
"""

from __future__ import annotations

from engram.kernels.memory import GROUP, LANES
from engram.kernels.parts import BYTES, I4, I8, REAL, U1, U2, part, pointer, record, whole
from engram.kernels.projections.spikes import hand_over, row_to_add_to, sent
from engram.kernels.records import POPULATION, PROJECTION

DUE = REAL
"""Placeholder: what a slot holds, sums of weights (REAL) or numbers of spikes (U2)."""
DUE_BYTES = BYTES
PENDING = REAL
"""Placeholder: the same between runs."""


@part
def begin(address, t):
    """Take over what is under way at the beginning of a run."""
    p = record(address, PROJECTION)
    ring, pending, due = pointer(p.ring, DUE), pointer(p.pending, PENDING), pointer(p.due, U1)
    p.due_until, p.sent, p.over = -1, 0, 0
    for slot in range(p.mask + 1):
        due[slot] = 0
    for slot in range(0 if p.is_clear else p.n_slots):
        anything = False
        for k in range(p.n_after):
            value = pending[slot * p.n_after_all + p.begin_after + k]
            ring[slot * p.ring_stride + k] = DUE(value)
            anything |= value != PENDING(0)
        due[slot] = anything
        if anything:
            p.due_until = slot
    return 0


@part
def end(address, n_steps):
    """Put back what is under way at the end of a run, that of the next step first; mostly nothing is, nor was."""
    p = record(address, PROJECTION)
    clear_until(p, n_steps)
    was_clear, p.is_clear = p.is_clear, I8(p.due_until < n_steps)
    if was_clear and p.is_clear:
        return 0
    ring, pending, due = pointer(p.ring, DUE), pointer(p.pending, PENDING), pointer(p.due, U1)
    for slot in range(p.n_slots):
        at = (n_steps + slot) & p.mask
        for k in range(p.n_after):
            value = ring[at * p.ring_stride + k] if due[at] else DUE(0)
            pending[slot * p.n_after_all + p.begin_after + k] = PENDING(value)
    _zero(ring, (p.mask + 1) * p.ring_stride)
    return 0


@part
def clear_until(p, s):
    """What was due in steps before s has arrived: empty its slots, which later steps use again.

    A slot may be read until then: it is handed over as it is, see :func:`gather`.
    """
    due = pointer(p.due, U1)
    for step in range(p.over, min(s, p.due_until + 1)):
        slot = step & p.mask
        if due[slot]:
            due[slot] = 0
            n = (p.n_after + LANES - 1) // LANES * LANES
            _zero(pointer(p.ring + slot * p.ring_stride * DUE_BYTES, DUE), n)
    p.over = max(p.over, s)


@part(apart=True)
def _zero(row, n):
    for k in range(n):
        row[k] = DUE(0)


@part
def keep(address, t):
    """A group of steps from t on was taken: what was due before its last one has arrived."""
    clear_until(record(address, PROJECTION), t + GROUP - 1)
    return 0


@part
def is_due(p, s, k):
    """Whether anything may be due in step s, the k-th of those that are gathered: what is sent in the meantime, if
    anything is, comes later."""
    return pointer(p.due, U1)[s & p.mask] and s >= 0 and (p.from_input or k < p.n_delays)


@part(apart=True)
def _add(row, values, n):
    for k in range(whole(n)):
        row[k] += values[k]


@part(apart=True)
def _set(row, values, n):
    for k in range(whole(n)):
        row[k] = values[k]


@part
def gather(address, s, first, n, now):
    """Add what is due in n steps from s on, at the places from `first` on of a group."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    clear_until(p, s)
    if s > p.due_until:
        return 0
    for k in range(n):
        if is_due(p, s + k, first + k):
            due = p.ring + ((s + k) & p.mask) * p.ring_stride * DUE_BYTES
            if p.alone:
                hand_over(p, after, first + k, due)
            else:
                row, filled = row_to_add_to(p, after, first + k)
                if filled:
                    _add(row, pointer(due, REAL), after.n_lanes)
                else:
                    _set(row, pointer(due, REAL), after.n_lanes)
    return 0


@part
def send_dense(address, t, n, now):
    """Put the weights of the senders that spike in n steps from t on under way, from everybody to everybody."""
    p = record(address, PROJECTION)
    clear_until(p, t if now else t - 1)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        spikes, count = sent(p, s, now)
        index = pointer(spikes, I4)
        for k in range(count):
            _send_row(p, I8(index[k]), s)
    p.due_until = max(p.due_until, t + n + p.n_delays)
    if p.from_input:
        p.sent = max(p.sent, t + n)
    return 0


@part
def _send_row(p, i, s):
    weights = pointer(p.weights + (i * p.stride + p.begin_after) * BYTES, REAL)
    ring, due = pointer(p.ring, DUE), pointer(p.due, U1)
    for k in range(p.n_after):
        slot = (s + delay_of(p, i * p.n_after_all + p.begin_after + k)) & p.mask
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
    clear_until(p, t if now else t - 1)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        spikes, count = sent(p, s, now)
        index = pointer(spikes, I4)
        for k in range(count):
            i = I8(index[k])
            for at in range(starts[i], starts[i + 1]):
                slot = (s + delay_of(p, at)) & p.mask
                ring[slot * p.ring_stride + who[at]] += weights[where[at]]
                due[slot] = 1
    p.due_until = max(p.due_until, t + n + p.n_delays)
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
