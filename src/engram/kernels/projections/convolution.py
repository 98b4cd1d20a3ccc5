"""Synapses of a convolution: who is reached, and through which weight, follows from the sender's place.

Nothing is looked up, so that a spike moves no more memory than the neurons it reaches and the filters. Each neuron gets
the same sums in the same order as from a list.
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
                _clear(row, after.n_lanes)
            index, factor = pointer(spikes, I4), factor_of(p, after)
            for c in range(count):
                _add(p, row, I8(index[c]), factor)
        if first + k == 0:
            over(p, s)
    return 0


@part(apart=True)
def _clear(row, n):
    for j in range(n):
        row[j] = REAL(0.0)


@part
def _add(p, row, i, factor):
    """Add the filters' weights to the neurons whose patches hold sender i; see `geometry` of a Convolution."""
    g = pointer(p.geometry, I8)
    size, stride, padding = g[0], g[1], g[2]
    maps_before, height_before, width_before, maps, height, width = g[3], g[4], g[5], g[6], g[7], g[8]
    place = i % (height_before * width_before)
    channel = i // (height_before * width_before)
    y, x = place // width_before + padding, place % width_before + padding
    top, left = max(I8(0), (y - size + stride) // stride), max(I8(0), (x - size + stride) // stride)
    bottom, right = min(height - 1, y // stride), min(width - 1, x // stride)
    weights = pointer(p.weights, REAL)
    for m in range(maps):
        begin = (m * maps_before + channel) * size * size
        for r in range(top, bottom + 1):
            at, of = (m * height + r) * width, begin + (y - r * stride) * size + x
            for c in range(left, right + 1):
                row[at + c] += weights[of - c * stride] * factor
