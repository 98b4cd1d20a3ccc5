"""Synapses between neurons of the same number."""

from __future__ import annotations

from engram.kernels.parts import I4, I8, PLACEHOLDER, REAL, part, pointer, record
from engram.kernels.projections.spikes import arrivals, over, row_to_add_to
from engram.kernels.records import POPULATION, PROJECTION
from engram.kernels.sleeping import wake

_arrive_one = PLACEHOLDER
"""Placeholder: the receiving neuron's own, see :mod:`engram.kernels.neuron_code`."""


@part
def send_awake(address, t, n, now):
    """Wake the partners of the neurons whose spikes arrive in step t, and add what arrives."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    spikes, count = arrivals(p, t, now)
    index, weights = pointer(spikes, I4), pointer(p.weights, REAL)
    for k in range(count):
        i = I8(index[k])
        _arrive_one(after, wake(after, i), p.channel, weights[i])
    return 0


@part
def gather(address, s, first, n, now):
    """Add what arrives in n steps from s on."""
    p = record(address, PROJECTION)
    after = record(p.after, POPULATION)
    for k in range(n):
        spikes, count = arrivals(p, s + k, now)
        if count > 0:
            row, filled = row_to_add_to(p, after, first + k)
            if not filled:
                for j in range(after.n_lanes):
                    row[j] = REAL(0.0)
            index, weights = pointer(spikes, I4), pointer(p.weights, REAL)
            for c in range(count):
                j = I8(index[c]) - p.begin_after
                if 0 <= j < p.n_after:
                    row[j] += weights[index[c]]
        if first + k == 0:
            over(p, s)
    return 0
