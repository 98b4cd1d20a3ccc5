"""Uniform numbers for encoders: a pure function of seed, counter and step."""

from __future__ import annotations

import numpy as np

from engram.randomness import philox4x32

STREAM_BIT = 1 << 31
"""Set in the second counter word, so that these draws share none with :func:`engram.encoders.poisson_spikes`."""

REPEAT_SHIFT = 20
"""Each repeat of an image has 2**20 steps of its own."""


def uniform_words(n_inputs: int, step: int, repeat: int, counter, key) -> np.ndarray:
    """One uniform 32-bit word per input for a time step.

    Parameters
    ----------
    n_inputs, step, repeat : int
    counter : uint64
        What distinguishes this stream: the image's content in the tutorial's network.
    key : ndarray of shape (2,), uint64
        See :func:`engram.randomness.stream_key`.

    Returns
    -------
    ndarray of shape (n_inputs,), uint64
    """
    blocks = np.arange((n_inputs + 3) // 4, dtype=np.uint64)
    time = np.uint64(STREAM_BIT | (repeat << REPEAT_SHIFT) | step)
    low, high = np.uint64(counter) & np.uint64(0xFFFFFFFF), np.uint64(counter) >> np.uint64(32)
    return np.stack(philox4x32(blocks, time, low, high, key[0], key[1]), axis=1).ravel()[:n_inputs]
