"""How images are presented, written once around either kernel's `run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.encoders import poisson_spikes
from engram.kernels.state import Layer, NetworkState, Recorder
from engram.plasticity.normalization import normalize

NEVER = np.int32(2**31 - 1)
"""A number of steps or spikes that is not reached."""


class Kernels(NamedTuple):
    """What the simulator calls: a kernel for one rule and precision."""

    run: Callable
    train: Callable
    count: Callable


def make_train(run: Callable, *, normalizes: bool) -> Callable:
    """The training protocol over several images, around `run`, for a rule that wants normalised weights or does not."""

    def train(state, memory, parameters, c, rule_c, pixels, gain, key, presentation, schedule, counts, attempts):
        """Present images in order and learn from every presentation, repeats included.

        Image m is shown with the rule's parameters in row m. An image that draws fewer than `schedule.min_spikes` is
        shown again with more intensity, within bounds. `counts` and `attempts` are filled; `presentation` is how many
        came before.
        """
        recorder = Recorder(False, np.zeros(0, np.int64), np.zeros((4, 0, 0)))
        probability = np.empty(pixels.shape[1])
        overshot = False
        for m in range(pixels.shape[0]):
            intensity = schedule.start_intensity
            heard = False
            while not heard:
                if normalizes:
                    normalize(state.weights, rule_c.norm_kind, rule_c.norm_target)
                scale(pixels[m], gain * intensity * schedule.probability_per_pixel, probability)
                index, offset = poisson_spikes(probability, schedule.n_shown, key, presentation, 0)
                presentation += np.uint64(1)
                attempts[m] += 1
                fill(counts[m], 0)
                overshot |= run(
                    state, memory, parameters[m], c, rule_c, index, offset, schedule.n_shown + schedule.n_blank, True,
                    counts[m], schedule.n_shown, schedule.stop_spikes, recorder,
                )[2]  # fmt: skip
                intensity += 1.0
                heard = total(counts[m]) >= schedule.min_spikes or intensity > schedule.max_intensity
        return overshot

    return train


def make_count(run: Callable) -> Callable:
    """Counting the spikes that images draw with learning off, around `run`."""

    def count(state, memory, c, rule_c, pixels, gain, key, counters, schedule, v_exc, v_inh, counts, attempts):
        """Present each image to the network at rest, again with more intensity while it draws too few spikes."""
        recorder = Recorder(False, np.zeros(0, np.int64), np.zeros((4, 0, 0)))
        probability = np.empty(pixels.shape[1])
        real, steps = state.exc.v, state.exc.hold
        exc = Layer(np.empty_like(real), np.empty_like(real), np.empty_like(real), np.empty_like(steps))
        inh = Layer(np.empty_like(real), np.empty_like(real), np.empty_like(real), np.empty_like(steps))
        own = NetworkState(
            state.weights, state.theta.copy(), exc, inh, state.delays, state.pending.copy(), state.input_delays,
            state.input_pending.copy(),
        )  # fmt: skip
        overshot = False
        for m in range(pixels.shape[0]):
            intensity = schedule.start_intensity
            heard = False
            while not heard:
                rest(exc, v_exc)
                rest(inh, v_inh)
                for slot in own.pending:
                    fill(slot, 0)
                for slot in own.input_pending:
                    fill(slot, 0)
                scale(pixels[m], gain * intensity * schedule.probability_per_pixel, probability)
                index, offset = poisson_spikes(probability, schedule.n_shown, key, counters[m], attempts[m])
                attempts[m] += 1
                fill(counts[m], 0)
                overshot |= run(
                    own, memory, rule_c.parameters, c, rule_c, index, offset, schedule.n_shown, False, counts[m],
                    schedule.n_shown, NEVER, recorder,
                )[2]  # fmt: skip
                intensity += 1.0
                heard = total(counts[m]) >= schedule.min_spikes or intensity > schedule.max_intensity
        return overshot

    return count


def rest(layer, v):
    """Put a population at potential `v` with closed synapses."""
    fill(layer.v, v)
    fill(layer.g_exc, 0)
    fill(layer.g_inh, 0)
    fill(layer.hold, 0)


# Loops where NumPy has a word for it: the compiler spends seconds on each array expression.


def fill(array, value):
    """Set every element."""
    for k in range(array.shape[0]):
        array[k] = value


def scale(array, factor, out):
    """``out[:] = array * factor``"""
    for k in range(array.shape[0]):
        out[k] = array[k] * factor


def total(array):
    """The sum of whole numbers."""
    result = 0
    for k in range(array.shape[0]):
        result += array[k]
    return result
