"""A population of which one neuron fires in a step: the one furthest above its threshold.

A thread knows its own share of the neurons only, so such a population is not shared out.
"""

from __future__ import annotations

from engram.kernels.parts import I4, I8, PLACEHOLDER, part, pointer, record
from engram.kernels.populations import step as step_of_all
from engram.kernels.records import POPULATION

_group = _step = _hold_group = _fired = _reset_one = _receive = _tidy = _excess = PLACEHOLDER
"""Placeholders: the neuron's own, see :mod:`engram.kernels.neuron_code`."""


@part
def step(address, t):
    """One step of all neurons, of which one fires at most; return how many did."""
    step_of_all(address, t)
    p = record(address, POPULATION)
    if p.n_fired > 1:
        _leave_one(p)
    return p.n_fired


@part
def _leave_one(p):
    """Of those that fired, the furthest above its threshold; of equals the first."""
    fired = pointer(p.fired, I4)
    best = I8(fired[0])
    highest = _excess(p, best - p.first)
    for f in range(1, p.n_fired):
        j = I8(fired[f])
        excess = _excess(p, j - p.first)
        if excess > highest:
            best, highest = j, excess
    fired[0] = I4(best)
    p.n_fired = p.n_fired_all = 1
