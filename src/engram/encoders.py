"""From pixels to input spikes."""

from __future__ import annotations

import math

import numpy as np

from engram.arithmetic import log2
from engram.randomness import philox4x32

RATE_PER_PIXEL = 1.0 / 8.0
"""Hz of Poisson rate per unit of pixel value (0-255) and of intensity [DC15]."""

MEAN_INK = 0.13
"""MNIST's mean brightness as a fraction of white: the input strength that the network's constants suit."""

_TWO_TO_MINUS_32 = 2.0**-32
_LN_TWO = math.log(2.0)
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def auto_input_gain(images: np.ndarray) -> float:
    """The factor that gives training images MNIST's mean ink.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255.

    Returns
    -------
    float
        ``0.13 · 255 / mean pixel value``; 1 for images without any ink.
    """
    mean = float(np.mean(images, dtype=np.float64))
    return MEAN_INK * 255.0 / mean if mean > 0 else 1.0


def poisson_spikes(probability, n_steps, key, counter, attempt):
    """Independent Bernoulli spikes per input and step, drawn as geometric gaps between spikes.

    Parameters
    ----------
    probability : ndarray of shape (n_inputs,), float64
        Chance of a spike in one step; 1 or more fires in every step.
    n_steps : int
        Length of the presentation.
    key : ndarray of shape (2,), uint64
        The stream's key, see :func:`engram.randomness.stream_key`.
    counter : uint64
        What distinguishes this presentation: its number in training, the image's content in prediction.
    attempt : int
        How often this presentation was tried before.

    Returns
    -------
    index : ndarray of shape (n_spikes,), int32
        The inputs that spike, in order of step, then of input.
    offset : ndarray of shape (n_steps + 1,), int64
        Spikes of step t are ``index[offset[t]:offset[t + 1]]``.
    """
    low = np.uint64(counter) & _MASK
    high = np.uint64(counter) >> _SHIFT
    n_inputs = probability.shape[0]

    # enough blocks of four draws for most inputs, drawn in loops that compile to vector instructions
    first_block = np.empty(n_inputs + 1, np.int64)
    n_blocks = 0
    for i in range(n_inputs):
        first_block[i] = n_blocks
        p = probability[i]
        if p > 0.0:
            expected = min(p, 1.0) * n_steps
            n_blocks += int(0.25 * (expected + math.sqrt(expected))) + 1
    first_block[n_inputs] = n_blocks
    inputs = np.empty(n_blocks + 1, np.int64)
    blocks = np.empty(n_blocks + 1, np.int64)
    steps_per_bit = np.empty(4 * n_blocks + 4)
    gap = np.empty(4 * n_blocks + 4)
    for i in range(n_inputs):
        if first_block[i + 1] > first_block[i]:
            p = probability[i]
            each = _LN_TWO / math.log1p(-p) if p < 1.0 else 0.0
            for b in range(first_block[i], first_block[i + 1]):
                inputs[b] = i
                blocks[b] = b - first_block[i]
                for k in range(4 * b, 4 * b + 4):
                    steps_per_bit[k] = each
    draw_gaps(inputs, blocks, steps_per_bit, 0, n_blocks, n_steps, attempt, low, high, key, gap)

    capacity = max(4 * n_blocks, 16)
    drawn_index = np.empty(capacity, np.int32)
    drawn_step = np.empty(capacity, np.int32)
    offset = np.zeros(n_steps + 1, np.int64)
    count = 0
    for i in range(n_inputs):
        first, last = first_block[i], first_block[i + 1]
        if first == last:
            continue
        step = -1
        b = first
        while step < n_steps:
            block = b
            if b >= last:
                block = n_blocks
                inputs[block], blocks[block] = i, b - first
                for k in range(4 * block, 4 * block + 4):
                    steps_per_bit[k] = steps_per_bit[4 * first]
                draw_gaps(inputs, blocks, steps_per_bit, block, block + 1, n_steps, attempt, low, high, key, gap)
            if count + 4 > capacity:
                capacity *= 2
                drawn_index = grown(drawn_index, capacity)
                drawn_step = grown(drawn_step, capacity)
            for k in range(4 * block, 4 * block + 4):
                step += 1 + int(gap[k])
                if step >= n_steps:
                    break
                drawn_index[count] = i
                drawn_step[count] = step
                offset[step + 1] += 1
                count += 1
            b += 1
    for t in range(n_steps):
        offset[t + 1] += offset[t]
    index = np.empty(count, np.int32)
    place = np.empty(n_steps, np.int64)
    for t in range(n_steps):
        place[t] = offset[t]
    for s in range(count):
        t = drawn_step[s]
        index[place[t]] = drawn_index[s]
        place[t] += 1
    return index, offset


def draw_gaps(inputs, blocks, steps_per_bit, first, last, longest, attempt, low, high, key, gap):
    """Draw some blocks of four gaps: how many steps pass without a spike, at most `longest`.

    `steps_per_bit` is ln 2 / ln(1 − p) per draw: so many steps pass, p the chance of a spike in each, for every
    halving of a uniform number.
    """
    again = np.uint64(attempt) << np.uint64(24)
    longest = float(longest)
    k0, k1 = key[0], key[1]
    for b in range(first, last):
        words = philox4x32(np.uint64(inputs[b]), np.uint64(blocks[b]) | again, low, high, k0, k1)
        gap[4 * b], gap[4 * b + 1] = float(words[0]) + 1.0, float(words[1]) + 1.0
        gap[4 * b + 2], gap[4 * b + 3] = float(words[2]) + 1.0, float(words[3]) + 1.0
    gap, steps_per_bit = gap[4 * first : 4 * last], steps_per_bit[4 * first : 4 * last]
    for k in range(gap.shape[0]):
        steps = log2(gap[k] * _TWO_TO_MINUS_32) * steps_per_bit[k]
        gap[k] = steps if steps < longest else longest


def grown(array, capacity):
    """A longer copy of an array of numbers; the new places are not set."""
    longer = np.empty(capacity, array.dtype)
    for k in range(array.shape[0]):
        longer[k] = array[k]
    return longer
