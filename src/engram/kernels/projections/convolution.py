"""Synapses of a convolution: who is reached, and through which weight, follows from the sender's place.

No list is looked up, so that a spike moves no more memory than the neurons it reaches and the filters. The spikes of a
step are added map by map: the neurons of one map and its filters stay in the first cache. Each neuron gets the same
sums in the same order as from a list.
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
            _find_reach(p, pointer(spikes, I4), count)
            _add(p, row, count, factor_of(p, after))
        if first + k == 0:
            over(p, s)
    return 0


@part(apart=True)
def _clear(row, n):
    for j in range(n):
        row[j] = REAL(0.0)


@part
def _find_reach(p, senders, n):
    """Of each sender: its first neuron within a map, the weight between them within the map's filters, and how many
    rows and columns of neurons it reaches; see `geometry` of a Convolution."""
    g, reach = pointer(p.geometry, I8), pointer(p.reach, I4)
    size, stride, padding = g[0], g[1], g[2]
    height_before, width_before, height, width = g[4], g[5], g[7], g[8]
    for k in range(n):
        i = I8(senders[k])
        channel, place = i // (height_before * width_before), i % (height_before * width_before)
        y, x = place // width_before + padding, place % width_before + padding
        top, left = max(I8(0), (y - size + stride) // stride), max(I8(0), (x - size + stride) // stride)
        bottom, right = min(height - 1, y // stride), min(width - 1, x // stride)
        reach[4 * k] = top * width + left
        reach[4 * k + 1] = (channel * size + y - top * stride) * size + x - left * stride
        reach[4 * k + 2] = bottom + 1 - top
        reach[4 * k + 3] = right + 1 - left


@part
def _add(p, row, n, factor):
    """Add the weights of n senders to the neurons whose patches hold them."""
    g, reach, weights = pointer(p.geometry, I8), pointer(p.reach, I4), pointer(p.weights, REAL)
    size, stride, maps_before, maps, n_positions, width = g[0], g[1], g[3], g[6], g[7] * g[8], g[8]
    for m in range(maps):
        neuron, weight = m * n_positions, m * maps_before * size * size
        for k in range(n):
            at, of = neuron + reach[4 * k], weight + reach[4 * k + 1]
            if size == stride == 1:
                row[at] += weights[of] * factor
                continue
            for _ in range(reach[4 * k + 2]):
                if stride == 1:
                    _add_line(row, at, weights, of, reach[4 * k + 3], factor)
                else:
                    for c in range(reach[4 * k + 3]):
                        row[at + c] += weights[of - c * stride] * factor
                at, of = at + width, of - stride * size


@part(apart=True)
def _add_line(row, at, weights, of, n, factor):
    for c in range(n):
        row[at + c] += weights[of - c] * factor
