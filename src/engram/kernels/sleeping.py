"""Populations whose neurons sleep: only those that something reached lately are advanced, packed side by side.

A neuron at rest stays at rest until a spike arrives. So a population that hears little, such as one whose neurons each
have a single partner, is followed from each arrival until nothing moves any longer: packed, the awake neurons run in
whole vectors, and most of the time there are none. The arrays of a packed population are indexed by place, not by
neuron; places beyond the last one are computed too, and stay refractory for ever.

What arrives is added at once, by :func:`wake` and a sum, since its neurons have been advanced already. Every thread
follows such a population as a whole.
"""

from __future__ import annotations

from engram.kernels.memory import NEVER
from engram.kernels.parts import BYTES, I4, I8, PLACEHOLDER, REAL, part, pointer, record, whole_few
from engram.kernels.records import POPULATION

_awake_step = _awake_step_ahead = _fires_one = _reset_one = _settled = PLACEHOLDER
"""Placeholders: the neuron's own, see :mod:`engram.kernels.neuron_code`."""


@part
def begin(address, learn):
    """Find the neurons that are not at rest."""
    p = record(address, POPULATION)
    place, hold, until = pointer(p.place, I4), pointer(p.hold, I4), pointer(p.until, I4)
    values, n_all = pointer(p.values, REAL), p.n_all
    p.n_awake, p.n_fired, p.n_fired_all = 0, 0, 0
    p.scale, p.large, p.learning = 1.0, 0, learn and p.learns
    for j in range(n_all):
        place[j] = -1
    at_rest = _settled(p, pointer(p.rest, REAL), 1, 0, False)  # then so is whoever has those very numbers
    for j in range(n_all):
        if hold[j] > 0 or not ((at_rest and _rests(p, j)) or _settled(p, values, n_all, j, False)):
            wake(p, j)
    for a in range(p.n_awake, p.stride):
        until[a] = NEVER
        _copy_rest(p, a)
    return 0


@part
def _rests(p, j):
    """Whether a neuron's numbers are those at rest."""
    values, rest = pointer(p.values, REAL), pointer(p.rest, REAL)
    same = True
    for k in range(p.n_variables):
        same &= values[k * p.n_all + j] == rest[k]
    return same


@part
def _copy_rest(p, a):
    here, rest = pointer(p.here, REAL), pointer(p.rest, REAL)
    for k in range(p.n_variables):
        here[k * p.stride + a] = rest[k]


@part
def wake(p, j):
    """Take a neuron among the awake ones, if it is not; return its place."""
    place, awake = pointer(p.place, I4), pointer(p.awake, I4)
    a = I8(place[j])
    if a < 0:
        a = p.n_awake
        p.n_awake += 1
        place[j], awake[a] = a, j
        here, values = pointer(p.here, REAL), pointer(p.values, REAL)
        for k in range(p.n_variables):
            here[k * p.stride + a] = values[k * p.n_all + j]
        pointer(p.until, I4)[a] = pointer(p.hold, I4)[j]
    return a


@part
def group(address, t):
    """A group of steps, put aside; whether they have to be taken one by one, since a neuron fires."""
    p = record(address, POPULATION)
    if p.n_awake == 0:
        return 0
    return I8(_awake_step_ahead(p, p.n_awake, t))


@part
def keep(address, t):
    """Go where :func:`group` led."""
    p = record(address, POPULATION)
    p.n_fired = p.n_fired_all = 0
    for k in range(p.n_variables):
        _copy(pointer(p.here + k * p.stride * BYTES, REAL), pointer(p.ahead + k * p.stride * BYTES, REAL), p.n_awake)
    return 0


@part(apart=True)
def _copy(to, of, n):
    for a in range(whole_few(n)):
        to[a] = of[a]


@part
def step(address, t):
    """One step of the awake neurons; return how many fired."""
    p = record(address, POPULATION)
    p.n_fired = p.n_fired_all = 0
    if p.n_awake == 0:
        return 0
    _awake_step(p, p.n_awake, t)
    awake, until, fired = pointer(p.awake, I4), pointer(p.until, I4), pointer(p.fired, I4)
    for a in range(p.n_awake):
        if until[a] <= t and _fires_one(p, a):
            fired[p.n_fired] = awake[a]
            p.n_fired += 1
    p.n_fired_all = p.n_fired
    return p.n_fired


@part
def reset(address, t):
    """What their spikes do to the neurons that fired."""
    p = record(address, POPULATION)
    fired, place, until = pointer(p.fired, I4), pointer(p.place, I4), pointer(p.until, I4)
    for f in range(p.n_fired):
        a = I8(place[fired[f]])
        _reset_one(p, a)
        until[a] = t + p.t_ref
    return 0


@part
def look(address, t):
    """Their thresholds stay."""
    return 0


@part
def receive(address, t):
    """What arrives was added when it was sent."""
    return 0


@part
def tidy(address, t):
    """Lay down the neurons in which nothing moves any longer."""
    p = record(address, POPULATION)
    here, until = pointer(p.here, REAL), pointer(p.until, I4)
    for a in range(p.n_awake - 1, -1, -1):
        if _settled(p, here, p.stride, a, True) and until[a] <= t:
            _lay_down(p, a)
    return 0


@part
def _lay_down(p, a):
    """Put the neuron at a place to rest; the last one takes its place."""
    here, until, awake = pointer(p.here, REAL), pointer(p.until, I4), pointer(p.awake, I4)
    place = pointer(p.place, I4)
    _write_back(p, a, 0)
    place[awake[a]] = -1
    p.n_awake -= 1
    last = p.n_awake
    if a < last:
        awake[a] = awake[last]
        place[awake[a]] = a
        until[a] = until[last]
        for k in range(p.n_variables):
            here[k * p.stride + a] = here[k * p.stride + last]
    until[last] = NEVER
    _copy_rest(p, last)


@part
def _write_back(p, a, hold):
    here, values, j = pointer(p.here, REAL), pointer(p.values, REAL), I8(pointer(p.awake, I4)[a])
    for k in range(p.n_variables):
        values[k * p.n_all + j] = here[k * p.stride + a]
    pointer(p.hold, I4)[j] = hold


@part
def show(address, n_steps):
    """Write the awake neurons' state where it lies between runs."""
    p = record(address, POPULATION)
    until = pointer(p.until, I4)
    for a in range(p.n_awake):
        _write_back(p, a, max(I8(until[a]) - n_steps, 0))
    return 0
