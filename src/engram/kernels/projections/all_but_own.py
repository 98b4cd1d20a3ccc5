"""Synapses of one weight from everybody to everybody but the neuron of the same number: spikes are counted.

Where many spikes fall due together, a number of 16 bits for each neuron and step takes less room than a sum, and its
product with the weight is rounded once.
"""

from __future__ import annotations

from engram.kernels.parts import I4, I8, REAL, U1, U2, part, pointer, record, whole
from engram.kernels.projections.ring import clear_until, delay_of, is_due
from engram.kernels.projections.spikes import factor_of, hand_over, row_to_add_to, sent
from engram.kernels.records import POPULATION, PROJECTION

_SLOTS_IN_WHOLE_VECTORS = 16
"""Up to so many slots, a pass over all of them in vectors is faster than a store per synapse."""


@part
def send(address, t, n, now):
    """Put the spikes of n steps from t on under way to every neuron of the share but the sender's own."""
    p = record(address, PROJECTION)
    clear_until(p, t if now else t - 1)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        spikes, count = sent(p, s, now)
        index = pointer(spikes, I4)
        for k in range(count):
            _send_one(p, I8(index[k]), s)
    if p.from_input:
        p.sent = max(p.sent, t + n)
    return 0


@part
def _send_one(p, i, t):
    row = i * p.n_after_all + p.begin_after
    ring, due = pointer(p.ring, U2), pointer(p.due, U1)
    if p.wide_delays:
        _count_each(ring, pointer(p.delays + 2 * row, U2), t, p.mask, p.ring_stride, p.n_after)
    elif p.n_delays > _SLOTS_IN_WHOLE_VECTORS:
        _count_each(ring, pointer(p.delays + row, U1), t, p.mask, p.ring_stride, p.n_after)
    else:
        for d in range(p.n_delays):
            at = ((t + d) & p.mask) * p.ring_stride * 2
            _count(pointer(p.ring + at, U2), pointer(p.delays + row, U1), U1(d), p.n_after)
    own = i - p.begin_after
    if 0 <= own < p.n_after:
        ring[((t + delay_of(p, row + own)) & p.mask) * p.ring_stride + own] -= U2(1)
    for d in range(p.n_delays):
        due[(t + d) & p.mask] = 1
    p.due_until = max(p.due_until, t + p.n_delays)


@part(apart=True)
def _count_each(ring, delays, t, mask, stride, n):
    for k in range(n):
        ring[((t + I8(delays[k])) & mask) * stride + k] += U2(1)


@part(apart=True)
def _count(row, delays, delay, n):
    for k in range(n):
        row[k] += U2(delays[k] == delay)


@part
def gather_counts(address, s, first, n, now):
    """Hand over the numbers of spikes that are due in n steps from s on, to a loop that takes them times the weight."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    clear_until(p, s)
    if s > p.due_until:
        return 0
    for k in range(n):
        if is_due(p, s + k, first + k):
            hand_over(p, after, first + k, p.ring + ((s + k) & p.mask) * p.ring_stride * 2)
    return 0


@part
def gather(address, s, first, n, now):
    """Add the weight times what is due in n steps from s on, where others arrive on the channel too."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    clear_until(p, s)
    if s > p.due_until:
        return 0
    for k in range(n):
        if is_due(p, s + k, first + k):
            row, filled = row_to_add_to(p, after, first + k)
            counts = pointer(p.ring + ((s + k) & p.mask) * p.ring_stride * 2, U2)
            weight = REAL(p.weight) * factor_of(p, after)
            if filled:
                _add_product(row, counts, weight, after.n_lanes)
            else:
                _set_product(row, counts, weight, after.n_lanes)
    return 0


@part(apart=True)
def _add_product(row, counts, weight, n):
    for k in range(whole(n)):
        row[k] += weight * REAL(counts[k])


@part(apart=True)
def _set_product(row, counts, weight, n):
    for k in range(whole(n)):
        row[k] = weight * REAL(counts[k])
