"""The spikes that reach a projection's synapses in a step, whoever sends them and however long they take."""

from __future__ import annotations

from engram.kernels.memory import GROUP
from engram.kernels.parts import BYTES, I4, I8, REAL, part, pointer, record
from engram.kernels.records import INPUT, POPULATION, PROJECTION

EVERY_STEP, NOW = 0, 1
"""Whether the step's own spikes are known: NOW at its end, when populations have fired; before that only inputs'
spikes and those under way are."""


@part
def arrivals(p, s, now):
    """Where the list of spikes that arrive in step s begins, and how many there are."""
    if p.delay > 0:
        slot = s % p.n_slots
        return p.events + 4 * slot * p.n_before, pointer(p.n_events, I8)[slot]
    return sent(p, s, now)


@part
def sent(p, s, now):
    """The same of the spikes that are sent in step s."""
    if p.from_input:
        source = record(p.before, INPUT)
        if s < 0 or s >= source.n_driven:
            return I8(0), I8(0)
        offset = pointer(source.offset, I8)
        return source.index + 4 * offset[s], offset[s + 1] - offset[s]
    if not now:
        return I8(0), I8(0)
    before = record(p.before, POPULATION)
    return before.fired_all, before.n_fired_all


@part
def put_under_way(p, s, now):
    """Put the spikes that are sent in step s in the slot of the step in which they arrive."""
    spikes, n = sent(p, s, now)
    slot = (s + p.delay) % p.n_slots
    events, of = pointer(p.events + 4 * slot * p.n_before, I4), pointer(spikes, I4)
    for k in range(n):
        events[k] = of[k]
    pointer(p.n_events, I8)[slot] = n


@part
def send(address, t, n, now):
    """Put the spikes of n steps from t on under way, where all synapses have the same delay.

    Inputs' spikes are known before their step; those of steps before ``sent`` are under way already.
    """
    p = record(address, PROJECTION)
    for s in range(max(t, p.sent) if p.from_input else t, t + n):
        put_under_way(p, s, now)
    if p.from_input:
        p.sent = max(p.sent, t + n)
    return 0


@part
def over(p, s):
    """The spikes that were to arrive in step s have arrived."""
    if p.delay > 0 and s >= 0:
        pointer(p.n_events, I8)[s % p.n_slots] = 0


@part
def keep(address, t):
    """A group of steps from t on was taken: what was to arrive in all but the last of them has."""
    p = record(address, PROJECTION)
    for s in range(t, t + GROUP - 1):
        over(p, s)
    return 0


@part
def hand_over(p, after, k, row):
    """Let the row at an address be what arrives on the projection's channel at place k of a group."""
    pointer(after.arriving, I8)[p.channel * GROUP + k] = row
    pointer(after.arrives, I8)[p.channel] = 1


@part
def end(address, n_steps):
    """Turn the ring of spikes under way so that the next step's slot comes first, by turning parts of it round."""
    p = record(address, PROJECTION)
    shift = n_steps % p.n_slots
    _turn_round(p, 0, shift)
    _turn_round(p, shift, p.n_slots)
    _turn_round(p, 0, p.n_slots)
    p.sent = 0
    return 0


@part
def _turn_round(p, first, last):
    events, n = pointer(p.events, I4), pointer(p.n_events, I8)
    for k in range((last - first) // 2):
        one, other = first + k, last - 1 - k
        n[one], n[other] = n[other], n[one]
        for i in range(p.n_before):
            a, b = one * p.n_before + i, other * p.n_before + i
            events[a], events[b] = events[b], events[a]


@part
def row_to_add_to(p, after, k):
    """The row in which what arrives on the projection's channel at place k of a group is added up, and whether
    something is in it already."""
    arriving = pointer(after.arriving, I8)
    at = p.channel * GROUP + k
    filled = arriving[at] != after.rows
    if not filled:
        arriving[at] = after.rows + (1 + at) * after.stride * BYTES
    pointer(after.arrives, I8)[p.channel] = 1
    return pointer(arriving[at], REAL), filled


@part
def factor_of(p, after):
    """What fixed weights are multiplied by in this run."""
    return REAL(1.0) if after.learning else REAL(p.reading)


@part
def to_rest(address, t):
    """Nothing is under way."""
    p = record(address, PROJECTION)
    n = pointer(p.n_events, I8)
    for slot in range(p.n_slots):
        n[slot] = 0
    return 0
