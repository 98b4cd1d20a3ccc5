"""The tutorial's network compiled: the same steps as :mod:`engram.kernels.tutorial_reference`, for speed.

A neuron outside refractoriness decays by one constant; only those within it need an exponential of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from engram.blocks import equations
from engram.blocks.draws import REPEAT_SHIFT, STREAM_BIT
from engram.kernels.compile import compile_when_called, compiled, entry_point
from engram.randomness import philox4x32

_active_time = compiled(equations.active_time)
_crossing_time = compiled(equations.crossing_time)
_filtered = compiled(equations.filtered)
_is_below = compiled(equations.is_below)
_membrane_potential = compiled(equations.membrane_potential)
_spike_probability = compiled(equations.spike_probability)

compile_when_called(equations.decay_over, allocates=False)

_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@functools.cache
def kernels() -> tuple[Callable, Callable]:
    """The compiled ``read``, of one image, and ``read_all``, of many; see the reference for what they take."""
    return entry_point(_read, "tutorial"), entry_point(_read_all, "tutorial")


def _read_all(rates, weights, theta, c, key, counters, counts, leaders, steps, repeats):
    """Read every image; fill `counts`, `leaders`, `steps` and `repeats`."""
    for m in range(rates.shape[0]):
        found, leader, n_steps, n_repeats, _, _, _ = _read_one(rates[m], weights, theta, c, key, counters[m], 0, False)
        counts[m] = found
        leaders[m] = leader
        steps[m] = n_steps
        repeats[m] = n_repeats


def _read(rates, weights, theta, c, key, counter, n_blank, record):
    n_inputs, n = weights.shape
    low = np.uint64(counter) & _MASK
    high = np.uint64(counter) >> _SHIFT
    v_exc, v_inh, ref_exc, ref_inh = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    drive, psp_exc, psp_inh = np.empty(n), np.empty(n), np.empty(n)
    inh, no_inh, total, current = np.empty(n), np.zeros(n), np.empty(n), np.empty(n)
    spike_time = np.empty(n)
    counts = np.empty(n, np.int64)
    spiking = np.empty(n_inputs + 3, np.int32)
    fired, fired_inh = np.empty(n, np.int32), np.empty(n, np.int32)
    input_spikes = np.empty((64, 2), np.int32)
    exc_spikes = np.empty((64, 2), np.int32)
    inh_spikes = np.empty((64, 2), np.int32)
    n_input_spikes = n_exc_spikes = n_inh_spikes = 0
    steps, leader, repeat = 0, -1, -1

    heard = False
    while not heard:
        repeat += 1
        for state in (v_exc, v_inh, ref_exc, ref_inh, drive, psp_exc, psp_inh):
            state[:] = 0.0
        inh[:] = theta
        counts[:] = 0
        n_input_spikes = n_exc_spikes = n_inh_spikes = 0
        growth, leader, most, last = 1.0, -1, 0, c.n_shown
        step = 0
        while step < last:
            # input
            shown = step < c.n_shown and leader < 0
            n_spiking = 0
            if shown:
                time = np.uint64(STREAM_BIT | (repeat << REPEAT_SHIFT) | step)
                for block in range((n_inputs + 3) // 4):
                    words = philox4x32(np.uint64(block), time, low, high, key[0], key[1])
                    i = 4 * block
                    for word in words:
                        if i < n_inputs and _is_below(word, _spike_probability(rates[i] * growth, c.dt)):
                            spiking[n_spiking] = i
                            n_spiking += 1
                        i += 1
                growth = min(growth * c.growth, c.most_growth)
            total[:] = 0.0
            for s in range(n_spiking):
                row = weights[spiking[s]]
                for j in range(n):
                    total[j] += row[j]
            summed = 0.0
            for j in range(n):
                summed += psp_inh[j]
            for j in range(n):
                drive[j] = _filtered(drive[j], c.input_gain * total[j], c.input_decay)
                current[j] = drive[j] - max(c.inhibition * (summed - psp_inh[j]), 0.0)
                inh[j] = inh[j] * c.excitatory.inh_decay

            # neurons
            n_fired = _fire(v_exc, ref_exc, current, inh, c.excitatory, fired, spike_time)
            for j in range(n):
                psp_exc[j] = _filtered(psp_exc[j], 0.0, c.exc_decay)
            for f in range(n_fired):
                j = fired[f]
                inh[j] += c.inc_inh * equations.decay_over(c.dt - spike_time[f], c.excitatory.inh_exponent)
                psp_exc[j] += (1.0 - c.exc_decay) * c.spike_height
            n_fired_inh = _fire(v_inh, ref_inh, psp_exc, no_inh, c.inhibitory, fired_inh, spike_time)
            for j in range(n):
                psp_inh[j] = _filtered(psp_inh[j], 0.0, c.inh_decay)
            for f in range(n_fired_inh):
                psp_inh[fired_inh[f]] += (1.0 - c.inh_decay) * c.spike_height

            if record:
                input_spikes = _append(input_spikes, n_input_spikes, spiking, n_spiking, step)
                exc_spikes = _append(exc_spikes, n_exc_spikes, fired, n_fired, step)
                inh_spikes = _append(inh_spikes, n_inh_spikes, fired_inh, n_fired_inh, step)
                n_input_spikes += n_spiking
                n_exc_spikes += n_fired
                n_inh_spikes += n_fired_inh
            step += 1
            if shown:
                for f in range(n_fired):
                    counts[fired[f]] += 1
                    most = max(most, counts[fired[f]])
                steps = step
                if (n_fired > 0 and most >= c.min_spikes) or step == c.n_shown:
                    leader = _sole_leader(counts, most)
                if leader >= 0 or step == c.n_shown:
                    last = step + n_blank
        heard = leader >= 0 or most >= c.min_spikes or repeat == c.max_repeats
    return (
        counts,
        leader,
        steps,
        repeat,
        input_spikes[:n_input_spikes],
        exc_spikes[:n_exc_spikes],
        inh_spikes[:n_inh_spikes],
    )


@compiled
def _fire(v, refractory, current, inh, c, fired, spike_time):
    """Advance neurons in place; fill `fired` with those that spiked and `spike_time`; return how many."""
    n_fired = 0
    for j in range(v.shape[0]):
        refractory[j] -= c.dt
        v_next = _membrane_potential(v[j], current[j], c.decay)
        v[j] = v_next if refractory[j] <= 0.0 else v[j]
        n_fired += (v[j] > c.v_th + inh[j]) | (refractory[j] > 0.0)
    if n_fired == 0:
        return 0
    n_fired = 0
    for j in range(v.shape[0]):
        active = c.dt
        if refractory[j] > 0.0:
            active = _active_time(refractory[j], c.dt)
            v[j] = _membrane_potential(v[j], current[j], equations.decay_over(active, c.exponent))
        if v[j] > c.v_th + inh[j]:
            spike_time[n_fired] = _crossing_time(v[j], current[j], inh[j], active, c)
            refractory[j] = c.tau_ref + spike_time[n_fired]
            v[j] = 0.0
            fired[n_fired] = j
            n_fired += 1
    return n_fired


@compiled
def _sole_leader(counts, most):
    """The neuron with `most` spikes if it is one alone, else -1."""
    leader = -1
    for j in range(counts.shape[0]):
        if most > 0 and counts[j] == most:
            if leader >= 0:
                return -1
            leader = j
    return leader


@compiled
def _append(spikes, n_spikes, neurons, n_new, step):
    """Add (neuron, step) rows to a table that grows as needed."""
    while n_spikes + n_new > spikes.shape[0]:
        larger = np.empty((2 * spikes.shape[0], 2), np.int32)
        larger[:n_spikes] = spikes[:n_spikes]
        spikes = larger
    for s in range(n_new):
        spikes[n_spikes + s, 0] = neurons[s]
        spikes[n_spikes + s, 1] = step
    return spikes


_read_one = compiled(_read)
