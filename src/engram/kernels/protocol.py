"""How images are presented, written once around either kernel's `run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.encoders import poisson_spikes
from engram.plasticity.normalization import normalize

NEVER = np.int32(2**31 - 1)
"""A number of steps or spikes that is not reached."""


class Kernels(NamedTuple):
    """What the simulator calls: a kernel for one rule and precision."""

    run: Callable
    train: Callable
    train_together: Callable  # `train` for one of several threads
    count: Callable


def make_train(run: Callable, tell: Callable | None = None, *, normalizes: bool) -> Callable:
    """The training protocol over several images, around `run`, for a rule that wants normalised weights or does not.

    With `tell`, the threads tell each other by it how many spikes an image drew.
    """

    def train(
        state, memory, parameters, theta_plus, c, rule_c, pixels, gain, key, presentation, schedule, counts, attempts,
        recorder, share, work,
    ):  # fmt: skip
        """Present images in order to a share of the neurons and learn from every presentation, repeats included.

        Image m is shown with the rule's parameters in row m and threshold steps `theta_plus[m]`. An image that draws
        fewer than `schedule.min_spikes` is shown again with more intensity, within bounds. `counts` and `attempts` are
        filled, the latter by the first thread; `presentation` is how many came before.
        """
        begin, end = share.first, share.first + share.n
        probability, totals = work.probability, work.fired_all
        overshot = False
        for m in range(pixels.shape[0]):
            intensity = schedule.start_intensity
            heard = False
            while not heard:
                if schedule.at_rest:
                    go_to_rest(state, begin, end, c.exc.flow.v_rest, c.inh.flow.v_rest)
                if normalizes:
                    normalize(state.rows, memory.changed, begin, end, rule_c.norm_kind, rule_c.norm_target)
                scale(pixels[m], gain * intensity * schedule.probability_per_pixel, probability)
                index, offset = poisson_spikes(probability, schedule.n_shown, key, presentation, 0)
                presentation += np.uint64(1)
                if share.thread == 0:
                    attempts[m] += 1
                fill(counts[m], begin, end, 0)
                overshot |= run(
                    state, memory, parameters[m], theta_plus[m], c, rule_c, index, offset,
                    schedule.n_shown + schedule.n_blank, True, counts[m], schedule.n_shown, schedule.stop_spikes,
                    recorder, share, work,
                )[0]  # fmt: skip
                intensity += 1.0
                n_spikes = total(counts[m], begin, end)
                if tell is not None:
                    work.fired[0] = n_spikes
                    n_spikes = total(totals, 0, tell(share, work.fired, 1, totals))
                heard = n_spikes >= schedule.min_spikes or intensity > schedule.max_intensity
        return overshot

    return train


def make_count(run: Callable) -> Callable:
    """Counting the spikes that images draw with learning off, around `run`."""

    def count(state, memory, c, rule_c, pixels, gain, key, counters, schedule, counts, attempts, recorder, share, work):
        """Present each image to the network at rest, again with more intensity while it draws too few spikes."""
        probability, n = work.probability, share.n
        overshot = False
        for m in range(pixels.shape[0]):
            intensity = schedule.start_intensity
            heard = False
            while not heard:
                go_to_rest(state, 0, n, c.exc.flow.v_rest, c.inh.flow.v_rest)
                for slot in range(state.input_pending.shape[0]):
                    fill(state.input_pending[slot], 0, n, 0)
                scale(pixels[m], gain * intensity * schedule.probability_per_pixel, probability)
                index, offset = poisson_spikes(probability, schedule.n_shown, key, counters[m], attempts[m])
                attempts[m] += 1
                fill(counts[m], 0, n, 0)
                overshot |= run(
                    state, memory, rule_c.parameters, 0.0, c, rule_c, index, offset, schedule.n_shown, False, counts[m],
                    schedule.n_shown, NEVER, recorder, share, work,
                )[0]  # fmt: skip
                intensity += 1.0
                heard = total(counts[m], 0, n) >= schedule.min_spikes or intensity > schedule.max_intensity
        return overshot

    return count


def go_to_rest(state, begin, end, v_exc, v_inh):
    """Put a share of the excitatory neurons, and all inhibitory ones, at rest, with no inhibition on its way."""
    rest(state.exc, begin, end, v_exc)
    rest(state.inh, 0, state.inh.v.shape[0], v_inh)
    for slot in range(state.pending.shape[0]):
        fill(state.pending[slot], begin, end, 0)


def rest(layer, begin, end, v):
    """Put neurons at potential `v` with closed synapses."""
    fill(layer.v, begin, end, v)
    fill(layer.g_exc, begin, end, 0)
    fill(layer.g_inh, begin, end, 0)
    fill(layer.hold, begin, end, 0)


# Loops where NumPy has a word for it: the compiler spends seconds on each array expression.


def fill(array, begin, end, value):
    """Set some elements."""
    for k in range(begin, end):
        array[k] = value


def scale(array, factor, out):
    """``out[:] = array * factor``"""
    for k in range(array.shape[0]):
        out[k] = array[k] * factor


def total(array, begin, end):
    """The sum of some whole numbers."""
    result = 0
    for k in range(begin, end):
        result += array[k]
    return result
