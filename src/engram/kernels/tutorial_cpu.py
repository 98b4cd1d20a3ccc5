"""The tutorial's network compiled: the same steps as :mod:`engram.kernels.tutorial_reference`, for speed.

A neuron outside refractoriness decays by one constant; only those within it need an exponential of their own.
"""

from __future__ import annotations

import ctypes
import functools
from typing import NamedTuple

import numpy as np

from engram.blocks.draws import REPEAT_SHIFT, STREAM_BIT
from engram.blocks.equations import (
    active_time,
    crossing_time,
    decay_over,
    filtered,
    is_below,
    membrane_potential,
    spike_probability,
)
from engram.kernels import machine
from engram.kernels.machine import Routine, callable_routine
from engram.kernels.parts import F8, I4, I8, U8, part, pointer, record, resized, table, vector
from engram.randomness import philox4x32

_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_F4 = np.float32

_NEURON_FIELDS = ("tau_rc", "tau_ref", "v_th", "tau_inh", "exponent", "inh_exponent", "decay", "inh_decay")
_DOUBLES = ("dt", "growth", "most_growth", "input_gain", "inhibition", "spike_height", "input_decay", "exc_decay",
            "inh_decay", "inc_inh")  # fmt: skip
_VECTORS = ("v_exc", "v_inh", "ref_exc", "ref_inh", "drive", "psp_exc", "psp_inh", "inh", "no_inh", "total", "current",
            "spike_time")  # fmt: skip

READING: np.dtype = np.dtype(
    [
        *((name, "f8") for name in _DOUBLES),
        *((f"{kind}_{name}", "f8") for kind in ("excitatory", "inhibitory") for name in _NEURON_FIELDS),
        *((name, "i8") for name in (
            "n_shown", "max_repeats", "min_spikes", "n_blank", "records", "n_inputs", "n", "key_0", "key_1",
            "n_images", "rates", "weights", "theta", "counters", "counts", "leaders", "steps", "repeats",
            "room", "spiking", "fired", "fired_inh", "input_table", "input_bytes", "n_input", "exc_table",
            "exc_bytes", "n_exc", "inh_table", "inh_bytes", "n_inh",
        )),
    ],
    align=True,
)  # fmt: skip
"""What one reading, or several in a row, needs: constants, addresses of arrays, and the tables of recorded spikes."""


class Neuron(NamedTuple):
    """The constants of :func:`engram.blocks.crossing_time`."""

    dt: float
    tau_rc: float
    tau_ref: float
    v_th: float
    tau_inh: float
    exponent: float
    inh_exponent: float
    decay: float
    inh_decay: float


@functools.cache
def kernels():
    """The compiled ``read``, of one image, and ``read_all``, of many; see the reference for what they take."""
    machine.prepare([ROUTINE])
    return _read, _read_all


def _read(rates, weights, theta, c, key, counter, n_blank, records):
    """Read one image."""
    counts = np.zeros((1, weights.shape[1]), np.int64)
    leader, steps, repeats = (np.zeros(1, np.int64) for _ in range(3))
    counters = np.array([counter], np.uint64)
    reading, kept = _reading(rates[np.newaxis], weights, theta, c, key, counters, counts, leader, steps, repeats)
    reading["n_blank"], reading["records"] = n_blank, bool(records)
    try:
        _call(reading)
        tables = [_copied(reading, name) for name in ("input", "exc", "inh")]
    finally:
        for name in ("input", "exc", "inh"):
            machine.free(int(reading[f"{name}_table"][0]))
    del kept
    return counts[0], int(leader[0]), int(steps[0]), int(repeats[0]), *tables


def _read_all(rates, weights, theta, c, key, counters, counts, leaders, steps, repeats):
    """Read every image; fill `counts`, `leaders`, `steps` and `repeats`."""
    reading, kept = _reading(rates, weights, theta, c, key, counters, counts, leaders, steps, repeats)
    _call(reading)
    del kept


def _call(reading) -> None:
    callable_routine(ROUTINE, 1)(reading.ctypes.data)


def _reading(rates, weights, theta, c, key, counters, counts, leaders, steps, repeats):
    """A record, and the arrays that it points to."""
    n_inputs, n = weights.shape
    kept = {
        "rates": np.ascontiguousarray(rates, np.float64), "weights": weights, "theta": theta, "counters": counters,
        "counts": counts, "leaders": leaders, "steps": steps, "repeats": repeats,
        "room": np.zeros((len(_VECTORS), n)), "spiking": np.zeros(n_inputs + 3, np.int32),
        "fired": np.zeros(n, np.int32), "fired_inh": np.zeros(n, np.int32),
    }  # fmt: skip
    reading = np.zeros(1, READING)
    for name, array in kept.items():
        reading[name] = array.ctypes.data
    for name in _DOUBLES:
        reading[name] = getattr(c, name)
    for kind, neuron in (("excitatory", c.excitatory), ("inhibitory", c.inhibitory)):
        for name in _NEURON_FIELDS:
            reading[f"{kind}_{name}"] = getattr(neuron, name)
    for name in ("n_shown", "max_repeats", "min_spikes"):
        reading[name] = getattr(c, name)
    reading["n_inputs"], reading["n"], reading["n_images"] = n_inputs, n, len(counters)
    reading["key_0"], reading["key_1"] = int(key[0]), int(key[1])
    return reading, kept


def _copied(reading, name: str) -> np.ndarray:
    """The recorded spikes of a kind."""
    n = int(reading[f"n_{name}"][0])
    content = ctypes.string_at(int(reading[f"{name}_table"][0]), 8 * n) if n else b""
    return np.frombuffer(content, np.int32).reshape(-1, 2).copy()


@part
def read_images(address):
    """Read every image of a record."""
    p = record(address, READING)
    for m in range(p.n_images):
        read_image(p, m)
    return 0


@part
def read_image(p, m):
    """Show an image until one neuron leads alone, again if none does, then blank input."""
    counts = pointer(p.counts + 8 * m * p.n, I8)
    leader, most, repeat, heard = I8(-1), I8(0), I8(-1), False
    while not heard:
        repeat += 1
        _start(p, counts)
        leader, most, shown_steps = _present(p, m, repeat, counts)
        pointer(p.steps, I8)[m] = shown_steps
        heard = leader >= 0 or most >= p.min_spikes or repeat == p.max_repeats
    pointer(p.leaders, I8)[m], pointer(p.repeats, I8)[m] = leader, repeat


@part
def _start(p, counts):
    """Put the network at rest."""
    p.n_input, p.n_exc, p.n_inh = 0, 0, 0
    room, theta = pointer(p.room, F8), pointer(p.theta, F8)
    for k in range(12 * p.n):
        room[k] = 0.0
    for j in range(p.n):
        room[7 * p.n + j] = theta[j]
        counts[j] = 0


@part
def _present(p, m, repeat, counts):
    """One presentation; return who leads, how many spikes the most active has, and how many steps it took."""
    n = p.n
    room = table(p.room, F8, 12, n)
    v_exc, v_inh, ref_exc, ref_inh, drive, psp_exc, psp_inh = (
        room[0], room[1], room[2], room[3], room[4], room[5], room[6],
    )  # fmt: skip
    inh, no_inh, total, current, spike_time = room[7], room[8], room[9], room[10], room[11]
    exc_neuron = Neuron(
        p.dt, p.excitatory_tau_rc, p.excitatory_tau_ref, p.excitatory_v_th, p.excitatory_tau_inh,
        p.excitatory_exponent, p.excitatory_inh_exponent, p.excitatory_decay, p.excitatory_inh_decay,
    )  # fmt: skip
    inh_neuron = Neuron(
        p.dt, p.inhibitory_tau_rc, p.inhibitory_tau_ref, p.inhibitory_v_th, p.inhibitory_tau_inh,
        p.inhibitory_exponent, p.inhibitory_inh_exponent, p.inhibitory_decay, p.inhibitory_inh_decay,
    )  # fmt: skip
    spiking = vector(p.spiking, I4, p.n_inputs + 3)
    fired, fired_inh = vector(p.fired, I4, n), vector(p.fired_inh, I4, n)
    weights = table(p.weights, _F4, p.n_inputs, n)
    growth, leader, most, last, steps, step = 1.0, I8(-1), I8(0), p.n_shown, I8(0), I8(0)
    while step < last:
        shown = step < p.n_shown and leader < 0
        n_spiking = I8(0)
        if shown:
            n_spiking = _spikes(p, m, repeat, step, growth, spiking)
            growth = min(growth * p.growth, p.most_growth)
        for j in range(n):
            total[j] = 0.0
        for s in range(n_spiking):
            row = weights[spiking[s]]
            for j in range(n):
                total[j] += row[j]
        summed = 0.0
        for j in range(n):
            summed += psp_inh[j]
        for j in range(n):
            drive[j] = filtered(drive[j], p.input_gain * total[j], p.input_decay)
            current[j] = drive[j] - max(p.inhibition * (summed - psp_inh[j]), 0.0)
            inh[j] = inh[j] * exc_neuron.inh_decay

        n_fired = _fire(v_exc, ref_exc, current, inh, exc_neuron, fired, spike_time)
        for j in range(n):
            psp_exc[j] = filtered(psp_exc[j], 0.0, p.exc_decay)
        for f in range(n_fired):
            j = fired[f]
            inh[j] += p.inc_inh * decay_over(p.dt - spike_time[f], exc_neuron.inh_exponent)
            psp_exc[j] += (1.0 - p.exc_decay) * p.spike_height
        n_fired_inh = _fire(v_inh, ref_inh, psp_exc, no_inh, inh_neuron, fired_inh, spike_time)
        for j in range(n):
            psp_inh[j] = filtered(psp_inh[j], 0.0, p.inh_decay)
        for f in range(n_fired_inh):
            psp_inh[fired_inh[f]] += (1.0 - p.inh_decay) * p.spike_height

        if p.records:
            p.input_table, p.input_bytes = _append(p.input_table, p.input_bytes, p.n_input, spiking, n_spiking, step)
            p.exc_table, p.exc_bytes = _append(p.exc_table, p.exc_bytes, p.n_exc, fired, n_fired, step)
            p.inh_table, p.inh_bytes = _append(p.inh_table, p.inh_bytes, p.n_inh, fired_inh, n_fired_inh, step)
            p.n_input += n_spiking
            p.n_exc += n_fired
            p.n_inh += n_fired_inh
        step += 1
        if shown:
            for f in range(n_fired):
                counts[fired[f]] += 1
                most = max(most, counts[fired[f]])
            steps = step
            if (n_fired > 0 and most >= p.min_spikes) or step == p.n_shown:
                leader = _sole_leader(counts, n, most)
            if leader >= 0 or step == p.n_shown:
                last = step + p.n_blank
    return leader, most, steps


@part
def _spikes(p, m, repeat, step, growth, spiking):
    """The inputs that spike in a step; return how many."""
    rates, counter = pointer(p.rates + 8 * m * p.n_inputs, F8), pointer(p.counters, U8)[m]
    low, high = counter & _MASK, counter >> _SHIFT
    time = U8(STREAM_BIT | (repeat << REPEAT_SHIFT) | step)
    n_spiking = I8(0)
    for block in range((p.n_inputs + 3) // 4):
        words = philox4x32(U8(block), time, low, high, U8(p.key_0), U8(p.key_1))
        i = 4 * block
        for word in words:
            if i < p.n_inputs and is_below(word, spike_probability(rates[i] * growth, p.dt)):
                spiking[n_spiking] = i
                n_spiking += 1
            i += 1
    return n_spiking


@part
def _fire(v, refractory, current, inh, c, fired, spike_time):
    """Advance neurons in place; fill `fired` with those that spiked and `spike_time`; return how many."""
    n_fired = I8(0)
    for j in range(v.shape[0]):
        refractory[j] -= c.dt
        v_next = membrane_potential(v[j], current[j], c.decay)
        v[j] = v_next if refractory[j] <= 0.0 else v[j]
        n_fired += (v[j] > c.v_th + inh[j]) | (refractory[j] > 0.0)
    if n_fired == 0:
        return n_fired
    n_fired = I8(0)
    for j in range(v.shape[0]):
        active = c.dt
        if refractory[j] > 0.0:
            active = active_time(refractory[j], c.dt)
            v[j] = membrane_potential(v[j], current[j], decay_over(active, c.exponent))
        if v[j] > c.v_th + inh[j]:
            spike_time[n_fired] = crossing_time(v[j], current[j], inh[j], active, c)
            refractory[j] = c.tau_ref + spike_time[n_fired]
            v[j] = 0.0
            fired[n_fired] = j
            n_fired += 1
    return n_fired


@part
def _sole_leader(counts, n, most):
    """The neuron with `most` spikes if it is one alone, else -1."""
    leader = I8(-1)
    for j in range(n):
        if most > 0 and counts[j] == most:
            if leader >= 0:
                return I8(-1)
            leader = I8(j)
    return leader


@part
def _append(spikes, n_bytes, n_spikes, neurons, n_new, step):
    """Add (neuron, step) rows to a table that grows as needed; return where it is and how long."""
    needed = 8 * (n_spikes + n_new)
    if needed > n_bytes:
        n_bytes = 2 * needed
        spikes = resized(spikes, n_bytes)
    rows = pointer(spikes, I4)
    for s in range(n_new):
        rows[2 * (n_spikes + s)] = neurons[s]
        rows[2 * (n_spikes + s) + 1] = step
    return spikes, n_bytes


ROUTINE = Routine(read_images, label="the tutorial's network")
