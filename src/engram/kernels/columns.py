"""The weights of neurons that have fired, side by side.

A spike changes all weights of a neuron, each of which lies in a row of its own. A neuron that has fired will soon fire
again: its weights are kept together until the end of the run, besides in their rows.
"""

from __future__ import annotations

import functools

from engram.kernels.compile import compiled

_loop = functools.partial(compiled, allocates=False)


@_loop
def fetch(columns, rows, j, k):
    """Where the weights of neuron j, the k-th of its share, lie side by side; they are brought there if they do not."""
    place = columns.place[k]
    if place < 0:
        if columns.n[0] == columns.weights.shape[0]:
            forget(columns)
        place = columns.n[0]
        columns.n[0] += 1
        columns.place[k] = place
        columns.neuron[place] = k
        get_column(rows, j, columns.weights[place])
    return place


@_loop
def forget(columns):
    """Keep no columns any longer."""
    for place in range(columns.n[0]):
        columns.place[columns.neuron[place]] = -1
    columns.n[0] = 0


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
