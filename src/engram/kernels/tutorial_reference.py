"""The tutorial's network step by step in NumPy: the specification that :mod:`tutorial_cpu` must equal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engram.blocks.draws import uniform_words
from engram.blocks.equations import NeuronConstants, decay_over, filtered, is_below, spike_probability
from engram.blocks.neurons import fire


class ReadingConstants(NamedTuple):
    """The constants of one reading, per time step."""

    dt: float
    n_shown: int
    max_repeats: int
    min_spikes: int
    growth: float  # of the input rate, per step
    most_growth: float  # beyond which every input spikes in every step
    input_gain: float  # times a spike's height
    inhibition: float  # current per Hz of summed inhibitory PSP
    spike_height: float
    input_decay: float
    exc_decay: float  # of the excitatory PSP
    inh_decay: float  # of the inhibitory PSP
    inc_inh: float
    excitatory: NeuronConstants
    inhibitory: NeuronConstants


def read(rates, weights, theta, c, key, counter, n_blank, record, observe=None):
    """Show an image until one neuron leads alone, then blank input.

    Parameters
    ----------
    rates : ndarray of shape (n_inputs,), float64
        Input rates at the start, Hz.
    weights : ndarray of shape (n_inputs, n_neurons), float32
    theta : ndarray of shape (n_neurons,), float64
        What the excitatory neurons' thresholds have above `v_th` at the start.
    c : ReadingConstants
    key, counter : ndarray of shape (2,), uint64, and uint64
        The random stream and the image's place in it.
    n_blank : int
        Steps of blank input after the answer; spikes in them do not count.
    record : bool
        Whether to return every spike.
    observe : callable, optional
        Called after each step with its number, the excitatory neurons' potentials, and their thresholds.

    Returns
    -------
    counts : ndarray of shape (n_neurons,), int64
        Excitatory spikes of the last presentation.
    leader : int
        The neuron that leads alone, -1 for none.
    steps, repeats : int
        How long the last presentation was, and how many came before it.
    input_spikes, exc_spikes, inh_spikes : ndarray of shape (n_spikes, 2), int32
        (neuron, step) of every spike of the last presentation and the blank.
    """
    n = weights.shape[1]
    for repeat in range(c.max_repeats + 1):
        v_exc, v_inh, ref_exc, ref_inh = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        drive, psp_exc, psp_inh = np.zeros(n), np.zeros(n), np.zeros(n)
        inh = theta.copy()
        counts = np.zeros(n, np.int64)
        recorded = [], [], []
        growth, steps, leader, last = 1.0, 0, -1, c.n_shown
        step = 0
        while step < last:
            # input: Poisson spikes, weighted and filtered; the sum of PSPs is the PSP of the sum
            shown = step < c.n_shown and leader < 0
            spiking = np.zeros(0, np.int64)
            if shown:
                words = uniform_words(len(rates), step, repeat, counter, key)
                spiking = np.flatnonzero(is_below(words, spike_probability(rates * growth, c.dt)))
                growth = min(growth * c.growth, c.most_growth)
            total = np.zeros(n)
            for i in spiking:
                total += weights[i]
            drive = filtered(drive, c.input_gain * total, c.input_decay)
            summed = 0.0
            for j in range(n):
                summed += psp_inh[j]
            current = drive - np.maximum(c.inhibition * (summed - psp_inh), 0.0)

            # excitatory ALIF neurons, then one inhibitory LIF neuron for each
            inh = inh * c.excitatory.inh_decay
            v_exc, ref_exc, fired, spike_time = fire(v_exc, ref_exc, current, inh, c.excitatory)
            if observe is not None:
                observe(step, v_exc, c.excitatory.v_th + inh)
            inh[fired] += c.inc_inh * decay_over(c.dt - spike_time, c.excitatory.inh_exponent)
            psp_exc = filtered(psp_exc, fired * c.spike_height, c.exc_decay)
            v_inh, ref_inh, fired_inh, _ = fire(v_inh, ref_inh, psp_exc, 0.0, c.inhibitory)
            psp_inh = filtered(psp_inh, fired_inh * c.spike_height, c.inh_decay)

            if record:
                for table, neurons in zip(
                    recorded, (spiking, np.flatnonzero(fired), np.flatnonzero(fired_inh)), strict=True
                ):
                    table.extend((neuron, step) for neuron in neurons)
            step += 1
            if shown:
                counts += fired
                steps = step
                if counts.max() >= c.min_spikes or step == c.n_shown:
                    leader = sole_leader(counts)
                if leader >= 0 or step == c.n_shown:
                    last = step + n_blank
        if leader >= 0 or counts.max() >= c.min_spikes:
            break
    return counts, leader, steps, repeat, *(np.array(t, np.int32).reshape(-1, 2) for t in recorded)


def sole_leader(counts) -> int:
    """The neuron with most spikes if it is one alone, else -1."""
    leaders = np.flatnonzero(counts == counts.max())
    return int(leaders[0]) if len(leaders) == 1 and counts[leaders[0]] > 0 else -1


def read_all(rates, weights, theta, c, key, counters, counts, leaders, steps, repeats):
    """Read every image; fill `counts`, `leaders`, `steps` and `repeats`."""
    for m in range(len(rates)):
        counts[m], leaders[m], steps[m], repeats[m], *_ = read(rates[m], weights, theta, c, key, counters[m], 0, False)
