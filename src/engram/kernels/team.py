"""Several threads that advance one network together, step by step, each its own share of the neurons.

A neuron's arithmetic is the same whoever does it, every number has one writer, and every thread learns of all spikes of
a step before the next one, so the bits do not depend on how many threads there are. What threads say to each other has
two places, for even and for odd times: a thread may speak again while another still reads what it said before.
"""

from __future__ import annotations

from engram.kernels.memory import LINE_WORDS
from engram.kernels.parts import I4, I8, give_way, observe, part, pointer, publish, record
from engram.kernels.records import POPULATION, TEAM

_PATIENCE = 20_000
"""Looks at another thread's clock before the processor is left to others."""


@part
def _begin_to_say(team):
    """The time at which this thread speaks next."""
    return pointer(team.clock, I8)[team.thread * LINE_WORDS] + 1


@part
def _wait_for_all(team, time):
    """Speak, and wait until every thread has."""
    publish(team.clock + 8 * team.thread * LINE_WORDS, time)
    for thread in range(team.n_threads):
        looks = 0
        while observe(team.clock + 8 * thread * LINE_WORDS) < time:
            looks += 1
            if looks > _PATIENCE:
                give_way()


@part
def _words(team, time, thread):
    """The numbers that a thread says at a time."""
    return pointer(team.said + 8 * ((time & 1) * team.n_threads + thread) * team.n_words, I8)


@part
def any_of(address, mine):
    """Whether a number is not zero for some thread."""
    if address == 0:
        return mine != 0
    team = record(address, TEAM)
    time = _begin_to_say(team)
    _words(team, time, team.thread)[0] = mine
    _wait_for_all(team, time)
    found = False
    for thread in range(team.n_threads):
        found |= _words(team, time, thread)[0] != 0
    return found


@part
def exchange_spikes(address, populations, n, size):
    """Let every thread know which neurons fired in all shares, in order of shares; return how many did."""
    team = record(address, TEAM)
    time = _begin_to_say(team)
    words, half = _words(team, time, team.thread), (time & 1) * team.n_threads
    place = 4 * (half + team.thread) * team.n_most + team.fired
    for k in range(n):
        p = record(populations + k * size, POPULATION)
        if p.n < p.n_all:
            words[k] = p.n_fired
            place = _append(place, p.fired, p.n_fired)
    _wait_for_all(team, time)
    for k in range(n):
        p = record(populations + k * size, POPULATION)
        p.n_fired_all = p.n_fired if p.n == p.n_all else 0
    for thread in range(team.n_threads):
        words = _words(team, time, thread)
        place = 4 * (half + thread) * team.n_most + team.fired
        for k in range(n):
            p = record(populations + k * size, POPULATION)
            if p.n < p.n_all:
                _append(p.fired_all + 4 * p.n_fired_all, place, words[k])
                p.n_fired_all += words[k]
                place += 4 * words[k]
    fired = I8(0)
    for k in range(n):
        fired += record(populations + k * size, POPULATION).n_fired_all
    return fired


@part
def _append(place, numbers, n):
    """Write some neurons' numbers to a place; return the one after them."""
    to, of = pointer(place, I4), pointer(numbers, I4)
    for k in range(n):
        to[k] = of[k]
    return place + 4 * n
