"""The weights of neurons that have fired, side by side.

A spike changes all weights of a neuron, each of which lies in a row of its own. A neuron that has fired will soon fire
again: its weights are kept together until the end of the run. Until then, only the rows of inputs that spike in this
run are kept up to date; nobody reads the others.
"""

from __future__ import annotations

from engram.kernels.parts import BYTES, I4, I8, REAL, U1, part, pointer, record
from engram.kernels.records import INPUT


@part
def start_columns(p, rule):
    """Find the inputs that spike in a run; of a population, anybody may."""
    spikes, spiking, silent = pointer(rule.spikes, U1), pointer(rule.spiking, I4), pointer(rule.silent, I4)
    rule.n_columns = 0
    for i in range(p.n_before):
        spikes[i] = not p.from_input
    if p.from_input:
        source = record(p.before, INPUT)
        index = pointer(source.index, I4)
        for s in range(pointer(source.offset, I8)[source.n_driven]):
            spikes[index[s]] = 1
    n_spiking, n_silent = 0, 0
    for i in range(p.n_before):
        spiking[n_spiking] = i
        silent[n_silent] = i
        n_spiking += spikes[i] != 0
        n_silent += spikes[i] == 0
    rule.n_spiking, rule.n_silent = n_spiking, n_silent


@part
def fetch(p, rule, j):
    """The place where the weights of neuron j lie side by side; they are brought there if they do not."""
    places, k = pointer(rule.column_place, I4), j - p.begin_after
    place = I8(places[k])
    if place < 0:
        if rule.n_columns == rule.n_places:
            put_back(p, rule)
        place = rule.n_columns
        rule.n_columns += 1
        places[k] = place
        pointer(rule.column_neuron, I4)[place] = k
        get_column(p, j, column_at(rule, place))
    return place


@part
def column_at(rule, place):
    """The weights that lie side by side at a place."""
    return pointer(rule.columns + place * rule.n_longest * BYTES, REAL)


@part
def update_rows(p, rule, j, place):
    """Bring the rows of the inputs that spike in this run up to date with a neuron's weights."""
    _set_some(p, j, column_at(rule, place), pointer(rule.spiking, I4), rule.n_spiking)


@part
def put_back(p, rule):
    """Bring all other rows up to date too, and keep no columns any longer."""
    neurons, places = pointer(rule.column_neuron, I4), pointer(rule.column_place, I4)
    for place in range(rule.n_columns):
        k = I8(neurons[place])
        _set_some(p, p.begin_after + k, column_at(rule, place), pointer(rule.silent, I4), rule.n_silent)
        places[k] = -1
    rule.n_columns = 0


@part
def _set_some(p, j, column, inputs, n):
    """A neuron's weights from some inputs, back in their rows."""
    weights, stride = pointer(p.weights, REAL), p.stride
    for k in range(n):
        i = I8(inputs[k])
        weights[i * stride + j] = column[i]


@part
def get_column(p, j, column):
    """A neuron's weights, side by side."""
    weights, stride = pointer(p.weights, REAL), p.stride
    for i in range(p.n_before):
        column[i] = weights[i * stride + j]


@part
def set_column(p, j, column):
    """A neuron's weights, back in their rows."""
    weights, stride = pointer(p.weights, REAL), p.stride
    for i in range(p.n_before):
        weights[i * stride + j] = column[i]
