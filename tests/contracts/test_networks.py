"""What every network has to keep, drawn at random: compiled code has the bits of the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawn_networks import networks, protocols, samples, trains
from engram import Simulator
from engram.sources.base import in_order

N_STEPS = 88
LIMITS = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def in_steps(network, spikes):
    return {name: in_order(x, len(x), name, network.inputs[name].n) for name, x in spikes.items()}


def assert_same_state(ours, reference, what=""):
    expected = reference.state.tensors()
    for name, tensor in ours.state.tensors().items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=f"{name} {what}")


@LIMITS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(network=networks(), seed=st.integers(0, 99))
def test_compiled_network_equals_reference_to_the_last_bit(dtype, network, seed):
    network = network.replace(dtype=dtype)
    ours, watched, reference = (Simulator(network, seed=seed, kernel=k) for k in ("compiled", "compiled", "reference"))
    for part in range(2):
        spikes = in_steps(network, trains(network, N_STEPS // 2, seed + part))
        given = {"n_steps": N_STEPS // 2, "learn": part == 0 and ours.can_learn}
        _, counts = ours.run(spikes, **given)
        fired, counts_watched = watched.run(spikes, **given, record=True, observer=lambda step: None, every=3)
        expected, counts_expected = reference.run(spikes, **given, record=True)
        for name, fires in expected.items():
            np.testing.assert_array_equal(fired[name], fires, err_msg=name)
        np.testing.assert_array_equal(counts, counts_expected)
        np.testing.assert_array_equal(counts_watched, counts_expected)
        assert_same_state(ours, reference, "without a look")
        assert_same_state(watched, reference, "looked at")


@LIMITS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_presentations_of_compiled_network_equal_those_of_the_reference(dtype, data):
    network = data.draw(networks()).replace(dtype=dtype)
    sources, shown = data.draw(samples(network))
    options = {"seed": data.draw(st.integers(0, 9)), "source": sources, "protocol": data.draw(protocols)}
    ours, reference = (Simulator(network, kernel=kernel, **options) for kernel in ("compiled", "reference"))
    if ours.can_learn:
        for part in (slice(0, 2), slice(2, 3)):
            given = {name: images[part] for name, images in shown.items()}
            progress = np.linspace(0.2, 0.7, len(given[next(iter(given))]))
            results = [simulator.train(given, progress) for simulator in (ours, reference)]
            for found, expected in zip(*results, strict=True):
                np.testing.assert_array_equal(found, expected)
            assert_same_state(ours, reference)
    for found, expected in zip(ours.count_spikes(shown), reference.count_spikes(shown), strict=True):
        np.testing.assert_array_equal(found, expected)
