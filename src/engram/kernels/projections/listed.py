"""Synapses listed one by one: sparse ones, and those of a convolution, which share their weights.

The list of a sender names, for each of its synapses, the neuron that it reaches and which weight it has.
"""

from __future__ import annotations

from engram.kernels.parts import I4, I8, REAL, part, pointer, record
from engram.kernels.projections.spikes import arrivals, factor_of, over, row_to_add_to
from engram.kernels.records import POPULATION, PROJECTION


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
            _add(p, row, pointer(spikes, I4), count, factor_of(p, after))
        if first + k == 0:
            over(p, s)
    return 0


@part
def _add(p, row, index, count, factor):
    starts, who, where = pointer(p.starts, I8), pointer(p.who, I4), pointer(p.where, I4)
    weights = pointer(p.weights, REAL)
    for c in range(count):
        i = I8(index[c])
        for at in range(starts[i], starts[i + 1]):
            row[who[at]] += weights[where[at]] * factor
