"""Counter-based random numbers: every draw is a pure function of (seed, stream, counter).

Nothing here has state, so a resumed run, another batch order or another number of threads meets the same
numbers. The functions are plain arithmetic on 64-bit words; the compiled kernels use these very functions.
"""

from __future__ import annotations

import functools
import hashlib
from enum import IntEnum

import numpy as np

_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_ROUNDS = 10
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)


class Stream(IntEnum):
    """What a draw is for; two streams of one seed are independent."""

    WEIGHTS = 1
    DELAYS = 2
    INPUT_DELAYS = 3
    ORDER = 4
    TRAINING = 5
    PREDICTION = 6
    LABELS = 7
    ROUNDING = 8


def philox4x32(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.

    Parameters
    ----------
    c0, c1, c2, c3, k0, k1 : numpy.uint64
        Counter and key words, each below 2**32.

    Returns
    -------
    tuple of 4 numpy.uint64
        Uniform words, each below 2**32.

    References
    ----------
    .. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random numbers: as easy as 1, 2, 3,
       SC11 (2011).
    """
    for _ in range(_ROUNDS):
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
        k0 = (k0 + _WEYL_0) & _MASK
        k1 = (k1 + _WEYL_1) & _MASK
    return c0, c1, c2, c3


def philox_round(c0, c1, c2, c3, k0, k1):
    """One of the ten rounds of :func:`philox4x32`."""
    product_0 = _MULTIPLIER_0 * c0
    product_1 = _MULTIPLIER_1 * c2
    return (product_1 >> _SHIFT) ^ c1 ^ k0, product_1 & _MASK, (product_0 >> _SHIFT) ^ c3 ^ k1, product_0 & _MASK


def philox_in_place(words, first, last, k0, k1):
    """:func:`philox4x32` of some counters, in a loop that compiles to vector instructions.

    Parameters
    ----------
    words : ndarray of shape (4, n), uint32
        The counters; those in columns `first` to `last` are overwritten by their random words.
    first, last : int
    k0, k1 : uint64
        The key.
    """
    w0, w1, w2, w3 = words[0][first:last], words[1][first:last], words[2][first:last], words[3][first:last]
    for b in range(w0.shape[0]):
        c0, c1, c2, c3 = philox4x32(np.uint64(w0[b]), np.uint64(w1[b]), np.uint64(w2[b]), np.uint64(w3[b]), k0, k1)
        w0[b], w1[b], w2[b], w3[b] = np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)


@functools.lru_cache(maxsize=256)
def stream_key(seed: int, stream: Stream, number: int = 0) -> np.ndarray:
    """The Philox key of one stream of a seed; of several of a kind, by their number.

    Returns
    -------
    ndarray of shape (2,), uint64
        Two 32-bit words, which are not to be changed.
    """
    digest = hashlib.blake2b(
        int(seed).to_bytes(16, "little", signed=True), digest_size=8, key=bytes([stream, *([number] if number else [])])
    )
    key = np.frombuffer(digest.digest(), dtype="<u4").astype(np.uint64)
    key.flags.writeable = False
    return key


def content_counter(image: np.ndarray) -> np.uint64:
    """The counter of an image: a 64-bit hash of its pixels, so that equal images meet equal draws.

    Parameters
    ----------
    image : ndarray of shape (n_inputs,), float32
    """
    digest = hashlib.blake2b(np.ascontiguousarray(image, dtype="<f4").tobytes(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)[0]


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A NumPy generator for draws made once (weights, delays, the order of a pass)."""
    key = stream_key(seed, stream)
    return np.random.Generator(np.random.Philox(key=int(key[0] | (key[1] << _SHIFT)), counter=[0, 0, 0, index]))
