"""From pixels to input spikes."""

from __future__ import annotations

import math

import numpy as np

from engram.arithmetic import log2
from engram.randomness import philox_in_place

RATE_PER_PIXEL = 1.0 / 8.0
"""Hz of Poisson rate per unit of pixel value (0-255) and of intensity [DC15]."""

MNIST_INPUTS = 784

MEAN_INK = 0.13
"""MNIST's mean brightness as a fraction of white: the input strength that the network's constants suit."""

_TWO_TO_MINUS_32 = 2.0**-32
_LN_TWO = math.log(2.0)
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def auto_input_gain(images: np.ndarray) -> float:
    """The factor that drives a neuron by training images as MNIST's mean ink does by its 784 inputs.

    A neuron's weights sum up to a tenth of the number of inputs, so that with more inputs of the same ink it is driven
    the more: the gain falls in proportion. With fewer inputs it rises with the square root, since each then counts for
    more and spikes in every step at most. (Measured, 100 neurons: digits at 56×56, 65 % without and 88 % with this; at
    8×8, 87 and 89 %, in full proportion 86 %.)

    Parameters
    ----------
    images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255.

    Returns
    -------
    float
        ``0.13 · 255 / mean pixel value · 784 / n_inputs``, of the latter fraction the root where it is above 1; 1 for
        images without any ink.
    """
    mean = float(np.mean(images, dtype=np.float64))
    if mean <= 0:
        return 1.0
    share = MNIST_INPUTS / images.shape[1]
    return MEAN_INK * 255.0 / mean * (math.sqrt(share) if share > 1 else share)


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
    n_inputs = probability.shape[0]
    which, first_block = np.empty(n_inputs, np.int64), np.empty(n_inputs + 1, np.int64)
    n_driven, n_blocks = plan_blocks(probability, n_steps, which, first_block)
    which, first_block = which[:n_driven], first_block[: n_driven + 1]
    words = np.empty((4, n_blocks + 1), np.uint32)
    steps_per_bit, draw = np.empty(4 * n_blocks + 4), np.empty(4 * n_blocks + 4)
    gap = np.empty(4 * n_blocks + 4, np.uint32)
    draw_blocks(probability, n_steps, key, counter, attempt, which, first_block, words, steps_per_bit, draw, gap)

    # twice along the gaps: how many spikes each step has, then which
    offset = np.zeros(n_steps + 1, np.int64)
    given = (which, first_block, words, steps_per_bit, n_steps, attempt, counter, key, draw, gap)
    walk(*given, offset[1:], np.empty(0, np.int32), True)
    np.cumsum(offset, out=offset)
    index = np.empty(offset[n_steps], np.int32)
    walk(*given, offset[:-1].copy(), index, False)
    return index, offset


def plan_blocks(probability, n_steps, which, first_block):
    """Which inputs have a chance to spike, and how many blocks of four draws are enough for most of them.

    Their number and that of blocks are returned. ``which``, of shape (n_inputs,), names them; ``first_block``, of shape
    (n_inputs + 1,), says where the blocks of each begin.
    """
    n_driven, n_blocks = 0, 0
    for i in range(probability.shape[0]):
        p = probability[i]
        if p > 0.0:
            which[n_driven], first_block[n_driven] = i, n_blocks
            expected = min(p, 1.0) * n_steps
            n_blocks += int(0.25 * (expected + math.sqrt(expected))) + 1
            n_driven += 1
    first_block[n_driven] = n_blocks
    return n_driven, n_blocks


def draw_blocks(probability, n_steps, key, counter, attempt, which, first_block, words, steps_per_bit, draw, gap):
    """Draw the gaps of all inputs, in loops that compile to vector instructions."""
    n_driven = which.shape[0]
    for d in range(n_driven):
        p = probability[which[d]]
        each = _LN_TWO / math.log1p(-p) if p < 1.0 else 0.0
        for b in range(first_block[d], first_block[d + 1]):
            set_counter(words, np.uint64(b), which[d], b - first_block[d], attempt, counter)
            set_steps_per_bit(steps_per_bit, np.uint64(4 * b), each)
    draw_gaps(words, steps_per_bit, first_block[0], first_block[n_driven], n_steps, key, draw, gap)


def walk(which, first_block, words, steps_per_bit, n_steps, attempt, counter, key, draw, gap, place, index, counting):
    """Go along each input's gaps and, at every spike, count it for its step or put it in its place.

    Where the blocks drawn do not reach the end, one more is drawn at a time in the place behind them. Numbers without
    sign index faster, since they need no test for counting from the end.
    """
    n_driven = which.shape[0]
    spare = first_block[n_driven]
    one, end = np.uint64(1), np.uint64(n_steps)
    for d in range(n_driven):
        i, first, last = which[d], first_block[d], first_block[d + 1]
        step = np.uint64(0)
        b, k, n_drawn = last, np.uint64(4 * first), np.uint64(4 * last)
        while True:
            if k == n_drawn:
                set_counter(words, np.uint64(spare), i, b - first, attempt, counter)
                set_steps_per_bit(steps_per_bit, np.uint64(4 * spare), steps_per_bit[4 * first])
                draw_gaps(words, steps_per_bit, spare, spare + 1, n_steps, key, draw, gap)
                b, k, n_drawn = b + 1, np.uint64(4 * spare), np.uint64(4 * spare + 4)
            step += np.uint64(gap[k])
            if step >= end:
                break
            if not counting:
                index[np.uint64(place[step])] = i
            place[step] += 1
            step += one
            k += one


def draw_gaps(words, steps_per_bit, first, last, longest, key, draw, gap):
    """Draw some blocks of four gaps: how many steps pass without a spike, at most `longest`.

    `words` are the generator's counters, which it overwrites; `draw` is room to work in. The gaps are uint32, so
    `longest` is less than 2**32. `steps_per_bit` is
    ln 2 / ln(1 − p) per draw: so many steps pass, p the chance of a spike in each, for every halving of a uniform
    number.
    """
    longest = float(longest)
    philox_in_place(words, first, last, key[0], key[1])
    w0, w1, w2, w3 = words[0][first:last], words[1][first:last], words[2][first:last], words[3][first:last]
    draw, gap = draw[4 * first : 4 * last], gap[4 * first : 4 * last]
    steps_per_bit = steps_per_bit[4 * first : 4 * last]
    for b in range(w0.shape[0]):
        draw[4 * b], draw[4 * b + 1] = float(w0[b]) + 1.0, float(w1[b]) + 1.0
        draw[4 * b + 2], draw[4 * b + 3] = float(w2[b]) + 1.0, float(w3[b]) + 1.0
    for k in range(gap.shape[0]):
        steps = log2(draw[k] * _TWO_TO_MINUS_32) * steps_per_bit[k]
        gap[k] = np.uint32(steps if steps < longest else longest)


def set_counter(words, b, i, block, attempt, counter):
    """The generator's counter for a block of draws of input i; `b` has no sign."""
    words[0, b] = np.uint32(i)
    words[1, b] = np.uint32(block | (attempt << 24))
    words[2, b] = np.uint32(np.uint64(counter) & _MASK)
    words[3, b] = np.uint32(np.uint64(counter) >> _SHIFT)


def set_steps_per_bit(steps_per_bit, first, each):
    """The four of a block whose first has no sign."""
    for k in range(4):
        steps_per_bit[first + np.uint64(k)] = each
