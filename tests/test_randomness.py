"""Counter-based draws against published vectors, and the statistics of the spikes made from them."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from engram.encoders import poisson_spikes
from engram.kernels.build import POISSON
from engram.kernels.compiler import compiled
from engram.kernels.machine import callable_routine, free
from engram.kernels.records import INPUT
from engram.randomness import Stream, content_counter, generator, philox4x32, stream_key

FULL = 0xFFFFFFFF

RANDOM123 = [
    # counter, key, result: the known answers for philox4x32-10 that come with the Random123 library
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((FULL, FULL, FULL, FULL), (FULL, FULL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


compiled_philox = compiled(philox4x32)


def compiled_poisson(probability, n_steps, key, counter, attempt):
    """The engine's own routine, as it makes the spikes of one sample."""
    samples = np.asarray(probability, np.float32)
    source = np.zeros(1, INPUT)
    given = {"n": len(samples), "samples": samples.ctypes.data, "gain": 1.0, "intensity": 1.0, "per_value": 1.0}
    for name, value in (given | {"key_0": int(key[0]), "key_1": int(key[1])}).items():
        source[name] = value
    signed = int(np.uint64(counter).view(np.int64))
    callable_routine(POISSON, 5)(source.ctypes.data, 0, n_steps, signed, attempt)
    offset = np.frombuffer(ctypes.string_at(int(source["offset"][0]), 8 * (n_steps + 1)), np.int64)
    index = np.frombuffer(ctypes.string_at(int(source["index"][0]), 4 * int(offset[-1])), np.int32)
    for room in ("room", "index_room", "offset_room"):
        free(int(source[room][0]))
    return index, offset


@pytest.mark.parametrize("philox", [philox4x32, compiled_philox], ids=["plain", "compiled"])
@pytest.mark.parametrize(("counter", "key", "words"), RANDOM123, ids=["zeros", "ones", "pi"])
def test_philox_gives_the_published_words(philox, counter, key, words):
    assert tuple(int(w) for w in philox(*map(np.uint64, counter), *map(np.uint64, key))) == words


def test_compiled_spikes_equal_plain_ones():
    probability = np.random.default_rng(0).uniform(-0.05, 0.4, 30).astype(np.float32).astype(float)
    probability[:3] = 0.0, 1.0, 2.0
    key = stream_key(7, Stream.TRAINING)
    for counter in (0, 1, 2**40 + 5, 2**64 - 1):
        for attempt in (0, 3):
            plain = poisson_spikes(probability, 100, key, np.uint64(counter), attempt)
            fast = compiled_poisson(probability, 100, key, np.uint64(counter), attempt)
            np.testing.assert_array_equal(fast[0], plain[0])
            np.testing.assert_array_equal(fast[1], plain[1])


def raster(probability, n_steps, counter=0, attempt=0, seed=1):
    key = stream_key(seed, Stream.TRAINING)
    index, offset = compiled_poisson(np.asarray(probability, float), n_steps, key, np.uint64(counter), attempt)
    spikes = np.zeros((n_steps, len(probability)), bool)
    for t in range(n_steps):
        now = index[offset[t] : offset[t + 1]]
        assert np.all(np.diff(now) > 0)  # in order of input, none twice
        spikes[t, now] = True
    assert offset[-1] == len(index) == spikes.sum()
    return spikes


@pytest.mark.parametrize("p", [0.002, 0.03, 0.5, 0.97])
def test_number_of_spikes_has_the_mean_and_variance_of_bernoulli_draws(p):
    n_inputs, n_steps = 2000, 400
    counts = raster(np.full(n_inputs, p), n_steps).sum(axis=0)
    variance = n_steps * p * (1 - p)
    # five standard errors either side: a wrong rate or a gap off by one lies far outside
    assert abs(counts.mean() - n_steps * p) < 5 * np.sqrt(variance / n_inputs)
    spread = np.sqrt((2 + 1 / variance) / n_inputs)
    assert abs(counts.var() / variance - 1) < 5 * spread


def test_every_step_is_as_likely_as_the_next():
    n_inputs, n_steps, p = 20000, 50, 0.05
    per_step = raster(np.full(n_inputs, p), n_steps).sum(axis=1)
    z = (per_step - n_inputs * p) / np.sqrt(n_inputs * p * (1 - p))
    assert np.max(np.abs(z)) < 4.5
    assert 0.4 < np.mean(z**2) < 1.9


def test_neighbouring_steps_inputs_and_presentations_are_independent():
    p, n_inputs, n_steps = 0.2, 500, 500
    first, second = (raster(np.full(n_inputs, p), n_steps, counter=c) for c in (0, 1))
    again = raster(np.full(n_inputs, p), n_steps, attempt=1)
    other_seed = raster(np.full(n_inputs, p), n_steps, seed=2)
    pairs = {
        "steps": (first[1:], first[:-1]),
        "inputs": (first[:, 1:], first[:, :-1]),
        "presentations": (first, second),
        "attempts": (first, again),
        "seeds": (first, other_seed),
    }
    for name, (a, b) in pairs.items():
        correlation = np.mean((a - p) * (b - p)) / (p * (1 - p))
        assert abs(correlation) < 5 / np.sqrt(a.size), name


def test_certain_and_impossible_inputs():
    spikes = raster([0.0, 1.0, 1.5, -0.5, np.nan], 20)
    np.testing.assert_array_equal(spikes, np.tile([False, True, True, False, False], (20, 1)))


def test_no_steps_no_spikes():
    index, offset = poisson_spikes(np.ones(3), 0, stream_key(0, Stream.TRAINING), np.uint64(0), 0)
    assert (len(index), offset.tolist()) == (0, [0])


def test_an_inputs_spikes_do_not_depend_on_the_others():
    probability = np.random.default_rng(0).uniform(0.0, 0.2, 40)
    alone = np.where(np.arange(40) == 17, probability, 0.0)
    np.testing.assert_array_equal(raster(alone, 300)[:, 17], raster(probability, 300)[:, 17])


def test_longer_presentation_begins_like_the_shorter():
    probability = np.full(20, 0.1)
    np.testing.assert_array_equal(raster(probability, 300)[:100], raster(probability, 100))


def test_streams_and_seeds_have_keys_of_their_own():
    keys = {tuple(stream_key(seed, stream)) for seed in (-1, 0, 1, 2**40) for stream in Stream}
    assert len(keys) == 4 * len(Stream)


def test_equal_images_have_equal_counters():
    image = np.arange(5, dtype=np.float32)
    assert content_counter(image) == content_counter(image.astype(float))
    assert content_counter(image) != content_counter(image[::-1])


def test_generators_repeat_and_differ_by_index():
    first, again, other = (generator(3, Stream.ORDER, index).random(4) for index in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)
