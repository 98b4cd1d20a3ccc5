"""Synapses of one weight from everybody to everybody but the neuron of the same number: spikes are counted.

Where many spikes fall due together, a number of 16 bits for each neuron and step takes less room than a sum, and its
product with the weight is rounded once.
"""

from __future__ import annotations

from engram.kernels.parts import I4, I8, REAL, U1, U2, part, pointer, record
from engram.kernels.projections.ring import _SLOTS_IN_WHOLE_VECTORS, clear, delay_of
from engram.kernels.projections.spikes import row_to_add_to, sent
from engram.kernels.records import POPULATION, PROJECTION


@part
def send(address, t, n, now):
    """Put the spikes of step t under way to every neuron of the share but the sender's own."""
    p = record(address, PROJECTION)
    spikes, count = sent(p, t, now)
    index = pointer(spikes, I4)
    for k in range(count):
        _send_one(p, I8(index[k]), t)
    return 0


@part
def _send_one(p, i, t):
    slot, row = t % p.n_slots, i * p.n_after_all + p.begin_after
    ring, due = pointer(p.ring, U2), pointer(p.due, U1)
    if p.n_delays > _SLOTS_IN_WHOLE_VECTORS or p.wide_delays:
        for k in range(p.n_after):
            at = (slot + delay_of(p, row + k)) % p.n_slots
            ring[at * p.ring_stride + k] += U2(1)
    else:
        for d in range(p.n_delays):
            at = (slot + d) % p.n_slots
            _count(pointer(p.ring + at * p.ring_stride * 2, U2), pointer(p.delays + row, U1), U1(d), p.n_after)
    own = i - p.begin_after
    if 0 <= own < p.n_after:
        at = (slot + delay_of(p, row + own)) % p.n_slots
        ring[at * p.ring_stride + own] -= U2(1)
    for s in range(p.n_slots):
        due[s] = 1


@part(apart=True)
def _count(row, delays, delay, n):
    for k in range(n):
        row[k] += U2(delays[k] == delay)


@part
def gather(address, s, first, n, now):
    """Add the weight times what is due in n steps from s on; the first of them is over, or was, if n is 1."""
    p = record(address, PROJECTION)
    after, due = record(p.after, POPULATION), pointer(p.due, U1)
    for k in range(n):
        slot = (s + k) % p.n_slots
        if s + k >= 0 and due[slot] and (p.from_input or first + k < p.n_delays):
            row, filled = row_to_add_to(p, after, first + k)
            counts = pointer(p.ring + slot * p.ring_stride * 2, U2)
            if filled:
                _add_product(row, counts, REAL(p.weight), p.n_after)
            else:
                _set_product(row, counts, REAL(p.weight), p.n_after)
        if first + k == 0 and s >= 0:
            clear(p, s)
    return 0


@part(apart=True)
def _add_product(row, counts, weight, n):
    for k in range(n):
        row[k] += weight * REAL(counts[k])


@part(apart=True)
def _set_product(row, counts, weight, n):
    for k in range(n):
        row[k] = weight * REAL(counts[k])
