"""From pixels to input spikes."""

from __future__ import annotations

import math

import numpy as np

from engram.randomness import philox4x32

RATE_PER_PIXEL = 1.0 / 8.0
"""Hz of Poisson rate per unit of pixel value (0-255) and of intensity [DC15]."""

MEAN_INK = 0.13
"""MNIST's mean brightness as a fraction of white: the input strength that the network's constants suit."""

_TWO_TO_MINUS_32 = 2.0**-32
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
    capacity = 1024
    drawn_index = np.empty(capacity, np.int32)
    drawn_step = np.empty(capacity, np.int32)
    offset = np.zeros(n_steps + 1, np.int64)
    count = 0
    for i in range(probability.shape[0]):
        p = probability[i]
        if not p > 0.0:
            continue
        log_silence = math.log1p(-p) if p < 1.0 else -math.inf
        step = -1
        block = 0
        while step < n_steps:
            words = philox4x32(
                np.uint64(i),
                np.uint64(block) | (np.uint64(attempt) << np.uint64(24)),
                low,
                high,
                key[0],
                key[1],
            )
            block += 1
            for word in words:
                gap = math.log((float(word) + 1.0) * _TWO_TO_MINUS_32) / log_silence
                if not gap < n_steps - 1 - step:
                    step = n_steps
                    break
                step += 1 + int(gap)
                if count == capacity:
                    capacity *= 2
                    drawn_index = grown(drawn_index, capacity)
                    drawn_step = grown(drawn_step, capacity)
                drawn_index[count] = i
                drawn_step[count] = step
                offset[step + 1] += 1
                count += 1
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


def grown(array, capacity):
    """A longer copy of an array of numbers; the new places are not set."""
    longer = np.empty(capacity, array.dtype)
    for k in range(array.shape[0]):
        longer[k] = array[k]
    return longer
