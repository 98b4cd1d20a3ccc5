"""A population of which one neuron, or one at each place, fires in a step: the one furthest above its threshold.

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
    """One step of all neurons, of which one of each group fires at most; return how many did."""
    step_of_all(address, t)
    p = record(address, POPULATION)
    if p.n_fired > 1:
        _leave_one(p)
    return p.n_fired


@part
def _leave_one(p):
    """Of each group that fired, the furthest above its threshold; of equals the first."""
    fired, best = pointer(p.fired, I4), pointer(p.best, I4)
    for f in range(p.n_fired):
        j = I8(fired[f])
        rival = I8(best[j % p.n_contests])
        if rival < 0 or _excess(p, j - p.first) > _excess(p, rival - p.first):
            best[j % p.n_contests] = I4(j)
    n = I8(0)
    for f in range(p.n_fired):
        j = I8(fired[f])
        if I8(best[j % p.n_contests]) == j:
            fired[n] = I4(j)
            n += 1
    for f in range(n):
        best[I8(fired[f]) % p.n_contests] = I4(-1)
    p.n_fired = p.n_fired_all = n
