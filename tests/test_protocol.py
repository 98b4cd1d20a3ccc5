"""How images are presented: retries, normalisation, early stops, and what results may not depend on."""

from dataclasses import replace

import numpy as np
import pytest

from engram import DiehlCook, Protocol, SelfNormalizing, Simulator, Triplet
from engram.datasets import load
from engram.errors import ConfigError, DataError, EngramError
from engram.neurons import INHIBITORY

DIGITS = load("digits").train_images
NETWORK = DiehlCook(n_neurons=12)


def simulator(rule=None, kernel="compiled", network=NETWORK, **protocol):
    return Simulator(network, rule or SelfNormalizing(), protocol=Protocol(**protocol), input_gain=0.4, kernel=kernel)


@pytest.mark.parametrize("rule", [SelfNormalizing(), Triplet()], ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "protocol", [{"min_spikes": 12}, {"stop_spikes": 6}, {"at_rest": True}], ids=["retries", "stops", "at rest"]
)
def test_kernels_train_alike(rule, protocol):
    results = []
    for kernel in ("compiled", "reference"):
        network = replace(NETWORK, theta_plus_decay=0.1)
        trained = simulator(rule, kernel, network, shown=60.0, blank=20.0, **protocol)
        counts, attempts = trained.train(DIGITS[:3], np.array([0.0, 0.3, 0.6]))
        results.append((counts, attempts, *trained.state.tensors().values()))
    for ours, reference in zip(*results, strict=True):
        assert np.array_equal(ours, reference)


def test_what_a_presentation_has_no_field_for_is_an_error():
    trained = simulator(shown=20.0)
    trained.schedule["louder"] = 1
    with pytest.raises(KeyError, match="records of presentations have no louder"):
        trained.train(DIGITS[:1])


def test_kernels_count_alike():
    counts = [simulator(kernel=k, shown=60.0).count_spikes(DIGITS[:3])[0] for k in ("compiled", "reference")]
    assert np.array_equal(*counts)
    assert counts[0].any()


def test_training_in_parts_equals_training_at_once():
    whole, parts = simulator(), simulator()
    whole.train(DIGITS[:20])
    for part in np.split(DIGITS[:20], [1, 7, 15]):
        parts.train(part)
    assert np.array_equal(whole.state.weights, parts.state.weights)
    assert np.array_equal(whole.state.theta, parts.state.theta)
    assert whole.presentations == parts.presentations


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_counts_depend_on_image_model_and_seed_alone(threads):
    order = np.random.default_rng(0).permutation(70)
    straight, _ = simulator().count_spikes(DIGITS[:70])
    shuffled, _ = simulator().count_spikes(DIGITS[:70][order], threads=threads)
    assert np.array_equal(straight[order], shuffled)
    assert np.array_equal(simulator().count_spikes(DIGITS[33:34])[0], straight[33:34])


def test_counting_leaves_the_network_as_it_is():
    trained = simulator()
    trained.train(DIGITS[:5])
    before = [values.copy() for values in (trained.state.weights, trained.state.theta, trained.state.exc.v)]
    trained.count_spikes(DIGITS[:10])
    for old, new in zip(before, (trained.state.weights, trained.state.theta, trained.state.exc.v), strict=True):
        assert np.array_equal(old, new)


def test_network_at_rest_knows_nothing_of_the_image_before():
    """Without learning, an image draws the same spikes alone as after another, if its draws are the same."""
    network = replace(NETWORK, theta_plus=0.0)
    after, alone = (simulator(Triplet(eta_pre=0.0, eta_post=0.0), network=network, at_rest=True) for _ in range(2))
    after.train(DIGITS[:1])
    alone.presentations = after.presentations
    assert np.array_equal(after.train(DIGITS[1:2])[0], alone.train(DIGITS[1:2])[0])


def test_steps_of_thresholds_fall_with_progress():
    rises = []
    for progress in (0.0, 1.0):
        network = replace(NETWORK, theta_plus_decay=0.01, tau_theta=1e12)
        trained = simulator(network=network, min_spikes=0, blank=0.0)
        counts, _ = trained.train(DIGITS[:1], [progress])
        rises.append((trained.state.theta - network.theta_start).sum() / counts.sum())
    assert rises == pytest.approx([0.05, 0.0005], rel=1e-4)


def test_silent_image_is_shown_up_to_the_last_intensity():
    counts, attempts = simulator().train(np.zeros((1, 784)))
    assert counts.sum() == 0
    assert attempts[0] == 31  # intensities 2 to 32


def test_image_with_few_spikes_is_shown_again():
    faint = DIGITS[:4] * 0.02
    _, attempts = simulator().train(faint)
    assert np.all(attempts > 1)
    assert np.all(attempts < 31)


def test_early_stop_bounds_the_spikes_of_an_image():
    counts, _ = simulator(stop_spikes=8).train(DIGITS[:20])
    assert np.all(counts.sum(axis=1) >= 8)
    assert np.all(counts.sum(axis=1) <= 8 + NETWORK.n_neurons)
    full, _ = simulator().train(DIGITS[:20])
    assert full.sum() > 2 * counts.sum()


def test_theta_rises_with_each_spike_and_decays_otherwise():
    trained = simulator(network=DiehlCook(n_neurons=12, tau_theta=1e5))
    counts, attempts = trained.train(DIGITS[:1])
    assert attempts[0] == 1
    decay = np.exp(-500.0 / 1e5)
    assert np.all(trained.state.theta >= 20.0 * decay + 0.05 * counts[0] * decay - 1e-9)
    assert np.all(trained.state.theta <= 20.0 * decay + 0.05 * counts[0] + 1e-9)


def test_frozen_network_refuses_to_learn():
    with pytest.raises(ConfigError, match="has no learning rule"):
        Simulator(NETWORK, None).train(DIGITS[:1])


def test_images_of_another_size_are_told():
    with pytest.raises(
        DataError, match=r"Images must have 784 pixels for this network, got an array of shape \(2, 9\)"
    ):
        simulator().train(np.ones((2, 9)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shown": 0.0}, "shown must be positive, got 0.0 ms"),
        ({"max_intensity": 1.0}, "max_intensity must be at least start_intensity"),
        ({"stop_spikes": 3}, r"stop_spikes must be 0 or at least min_spikes \(5\), got 3"),
    ],
)
def test_impossible_protocols_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        Protocol(**options)


@pytest.mark.parametrize("rule", [SelfNormalizing(), Triplet()], ids=lambda rule: rule.name)
def test_threads_that_share_out_the_neurons_give_the_same_bits(rule, monkeypatch):
    monkeypatch.setattr("engram.simulator.NEURONS_PER_THREAD", 32)
    monkeypatch.setattr("engram.simulator.default_threads", lambda: 3)
    results = []
    for threads in (1, 2, 3):
        protocol = Protocol(shown=100.0, blank=30.0, stop_spikes=20)
        trained = Simulator(DiehlCook(n_neurons=107), rule, protocol=protocol, input_gain=0.4)
        counts, attempts = trained.train(DIGITS[:4], threads=threads)
        assert trained.training_threads(threads) == threads
        state, memory = trained.state, trained.memory
        dynamics = (state.exc.v, state.inh.v, state.inh_exc.pending, memory.x_pre, memory.x_post)
        results.append((counts, attempts, state.weights, state.theta, *dynamics))
    assert results[0][0].sum() > 20
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert np.array_equal(one, same)


@pytest.mark.parametrize("order", [("none", "l2"), ("l2", "none")], ids=" then ".join)
def test_rule_with_and_without_normalisation_do_not_mix(order):
    network, weights = DiehlCook(n_inputs=2, n_neurons=3), np.full((2, 3), 0.1)
    for normalization in order:
        rule, protocol = SelfNormalizing(normalization=normalization), Protocol(shown=5.0, blank=0.0, min_spikes=0)
        trained = Simulator(network, rule, protocol=protocol, weights=weights)
        trained.train(np.zeros((1, 2)))
        assert np.all(trained.state.weights == np.float32(0.1 if normalization == "none" else 0.2))


def test_inhibitory_neurons_that_fire_at_rest_are_followed():
    inhibitory = replace(INHIBITORY, v_rest=-39.0)
    network = DiehlCook(n_inputs=4, n_neurons=4, theta_start=0.0, w_start=5.0, inhibitory=inhibitory)
    protocol = Protocol(shown=100.0, blank=10.0, start_intensity=20.0, max_intensity=22.0)
    counts = [
        Simulator(network, None, kernel=kernel, protocol=protocol).count_spikes(np.full((2, 4), 255.0))[0]
        for kernel in ("compiled", "reference")
    ]
    assert counts[0].sum() > 60
    assert np.array_equal(*counts)


@pytest.mark.parametrize(
    ("images", "progress", "message"),
    [
        (DIGITS[:3], [0.0], "progress must be a finite number for each of the 3 images"),
        (DIGITS[:1], [np.nan], "progress must be a finite number"),
        (DIGITS[:1] * np.nan, None, "Images must have finite pixels of at least 0"),
        (DIGITS[:1] * -1.0, None, "Images must have finite pixels of at least 0"),
    ],
    ids=["too few", "not a number", "pixels not a number", "negative pixels"],
)
def test_impossible_images_and_progress_are_told(images, progress, message):
    with pytest.raises(EngramError, match=message):
        simulator().train(images, progress)


@pytest.mark.parametrize("gain", [np.nan, np.inf, -1.0])
def test_impossible_input_gain_is_told(gain):
    with pytest.raises(ConfigError, match="input_gain must be"):
        Simulator(NETWORK, SelfNormalizing(), input_gain=gain)
