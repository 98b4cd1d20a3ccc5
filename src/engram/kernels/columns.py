"""The weights of neurons that have fired, side by side.

A spike changes all weights of a neuron, each of which lies in a row of its own. A neuron that has fired will soon fire
again: its weights are kept together until the end of the run. Until then, only the rows of inputs that spike in this
run are kept up to date; nobody reads the others.
"""

from __future__ import annotations

import functools

from engram.kernels.compile import compiled

_loop = functools.partial(compiled, allocates=False)


@_loop
def start_columns(columns, index):
    """Find the inputs that spike in a run."""
    spikes = columns.spikes
    for i in range(spikes.shape[0]):
        spikes[i] = False
    for s in range(index.shape[0]):
        spikes[index[s]] = True
    n_spiking = n_silent = 0
    for i in range(spikes.shape[0]):
        columns.spiking[n_spiking] = columns.silent[n_silent] = i
        n_spiking += spikes[i]
        n_silent += not spikes[i]
    columns.n_inputs[0], columns.n_inputs[1] = n_spiking, n_silent


@_loop
def fetch(columns, rows, j, k):
    """Where the weights of neuron j, the k-th of its share, lie side by side; they are brought there if they do not."""
    place = columns.place[k]
    if place < 0:
        if columns.n[0] == columns.weights.shape[0]:
            put_back(columns, rows, j - k)
        place = columns.n[0]
        columns.n[0] += 1
        columns.place[k] = place
        columns.neuron[place] = k
        get_column(rows, j, columns.weights[place])
    return place


@_loop
def update_rows(columns, rows, j, place):
    """Bring the rows of the inputs that spike in this run up to date with a neuron's weights."""
    set_some(rows, j, columns.weights[place], columns.spiking, columns.n_inputs[0])


@_loop
def put_back(columns, rows, begin):
    """Bring all other rows up to date too, and keep no columns any longer."""
    for place in range(columns.n[0]):
        k = columns.neuron[place]
        set_some(rows, begin + k, columns.weights[place], columns.silent, columns.n_inputs[1])
        columns.place[k] = -1
    columns.n[0] = 0


@_loop
def set_some(rows, j, column, inputs, n):
    """A neuron's weights from some inputs, back in their rows."""
    for k in range(n):
        i = inputs[k]
        rows[i, j] = column[i]


@_loop
def get_column(rows, j, column):
    """A neuron's weights, side by side."""
    for i in range(column.shape[0]):
        column[i] = rows[i, j]


@_loop
def set_column(rows, j, column):
    """A neuron's weights, back in their rows."""
    for i in range(column.shape[0]):
        rows[i, j] = column[i]
