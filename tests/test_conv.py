"""The network conv and what it is made of: neurons without a leak, pooling, thresholds of maps, weaker competition in
reading."""

from __future__ import annotations

import numpy as np
import pytest

from engram import (
    Network,
    Population,
    Protocol,
    SelfNormalizing,
    Simulator,
    STDPClassifier,
    TrainingConfig,
    load_model,
    simulate,
)
from engram.datasets import load
from engram.errors import ConfigError, DataError
from engram.figures import spike_maps
from engram.health import Health
from engram.kernels.state import new_state
from engram.networks import AdaptiveThreshold
from engram.neurons import IF
from engram.plasticity import Triplet
from engram.projections import Convolution, Dense, Pooling
from engram.run_folder import RunFolder
from engram.runs import start_run
from engram.sources import Latency
from tiny import resumed, tiny_run, tiny_training

NEVER = 1e9


def small_conv(**options) -> TrainingConfig:
    own = {"maps": 3, "size": 3, "pool": 4, "pool_stride": 2, **options}
    return TrainingConfig(network={"kind": "conv", **own}, constants={"a_tar": 1 / 9})


def images(n: int = 6) -> np.ndarray:
    """Bars of any direction and brightness on 8 × 8 pixels."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:8, :8] - 3.5
    angle, shift = random.uniform(0, np.pi, n)[:, None, None], random.uniform(-2, 2, n)[:, None, None]
    bars = np.maximum(0.0, 2.0 - np.abs(x * np.cos(angle) + y * np.sin(angle) + shift))
    return (120 * bars).astype(np.uint8).reshape(n, -1)


def simulator_of(config: TrainingConfig, kernel: str = "compiled") -> Simulator:
    return Simulator(
        config.make_network((8, 8)), source=config.make_source(), protocol=config.make_protocol(), kernel=kernel
    )


def test_compiled_conv_equals_the_reference_to_the_bit():
    ours, reference = (simulator_of(small_conv(), kernel) for kernel in ("compiled", "reference"))
    for simulator in (ours, reference):
        simulator.train(images(), np.linspace(0, 1, 6))
    for name, tensor in reference.state.tensors().items():
        np.testing.assert_array_equal(ours.state.tensors()[name], tensor, err_msg=name)
    expected = reference.count_spikes(images())[0]
    assert expected.sum() > 50
    np.testing.assert_array_equal(ours.count_spikes(images())[0], expected)


def test_potential_is_the_product_of_weights_and_intensities():
    weights, intensity, n_steps = np.array([1.0, -0.5, 0.25]), np.array([1.0, 0.6, 0.2]), 51
    network = Network(
        inputs={"in": 3},
        populations={"a": Population(1, IF(v_thresh=NEVER))},
        projections=[Dense(before="in", after="a", weights=weights[:, np.newaxis])],
        dt=1.0,
        dtype="float64",
    )
    spikes = Latency().encode(255 * intensity, n_steps, 1.0, 2.0, None)
    result = simulate(network, spikes=spikes, n_steps=n_steps, record={"a": ["v"]})
    assert result.recording["a.v"].ravel()[-1] == pytest.approx((n_steps - 1) * weights @ intensity)


def test_pulses_are_added_once():
    network = Network(
        inputs={"in": 1},
        populations={"a": Population(1, IF(v_thresh=2.5))},
        projections=[Dense(before="in", after="a", channel="pulse", weights=1.0)],
    )
    result = simulate(network, spikes=([0] * 7, range(7)), n_steps=9)
    assert result.spikes["a"].tolist() == [[0, 3], [0, 6]]


def pooled(size: int, stride: int, after) -> Network:
    return Network(
        inputs={"in": (2, 4, 4)},
        populations={"a": Population(after, IF(v_thresh=NEVER))},
        projections=[Pooling(before="in", after="a", size=size, stride=stride)],
        dtype="float64",
    )


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (4, 4)])
def test_pooling_sums_windows_of_each_map(size, stride):
    image = np.random.default_rng(0).random((2, 4, 4)) < 0.5
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    network = pooled(size, stride, windows.shape[:3])
    result = simulate(
        network, spikes=(np.flatnonzero(image), np.zeros(image.sum(), int)), n_steps=1, record={"a": ["i"]}
    )
    np.testing.assert_array_equal(result.recording["a.i"].reshape(windows.shape[:3]), windows.sum(axis=(3, 4)))


def test_pooling_keeps_the_number_of_maps_and_does_not_learn():
    with pytest.raises(ConfigError, match="in_a pools each map by itself, but in has 2 maps and a has 3"):
        pooled(2, 2, (3, 2, 2))
    with pytest.raises(ConfigError, match="in_a pools and does not learn"):
        Pooling(before="in", after="a", size=2, rule=Triplet())


def test_neurons_of_a_map_share_their_threshold():
    network = Network(
        inputs={"in": 2},
        populations={"a": Population((2, 1, 3), IF(), AdaptiveThreshold(start=1.0, plus=0.5, tau=1e9, shared=True))},
        projections=[Dense(before="in", after="a", weights=np.repeat([[9.0], [0.0]], 6, axis=1) * [1, 0, 0, 0, 0, 0])],
    )
    simulator = Simulator(network)
    spikes = {"in": (np.array([0], np.int32), np.array([0, 1], np.int64))}
    simulator.run(spikes, 3, learn=True)
    theta = simulator.state.a.theta
    assert theta.tolist() == pytest.approx([2.0] * 3 + [1.0] * 3)  # a spike in each of two steps


def competing(reading: float) -> Network:
    """Input 0 drives neuron 0, whose spike holds neuron 1 back."""
    return Network(
        inputs={"in": (1, 1)},
        populations={"a": Population((2, 1, 1), IF(v_thresh=1.0), AdaptiveThreshold(start=4.0, plus=0.0, reading=0.5))},
        projections=[
            Convolution(before="in", after="a", size=1, weights=[4.0, 3.0], rule=SelfNormalizing(eta=1e-9)),
            Convolution(before="a", after="a", size=1, channel="pulse", weights=-100.0, reading=reading, name="rivals"),
        ],
    )


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_thresholds_and_competition_are_weaker_in_reading(kernel):
    protocol = Protocol(shown=4.0, blank=0.0, min_spikes=0, at_rest=True)
    white = np.full((1, 1), 255)
    found = {}
    for reading in (1.0, 0.0):
        simulator = Simulator(competing(reading), source=Latency(), protocol=protocol, kernel=kernel)
        found[reading] = simulator.count_spikes(white)[0].tolist()[0], simulator.train(white)[0].tolist()[0]
    # From the second step on 2 and 1.5 a step, above 3 in reading, 5 in learning.
    assert found[0.0] == ([3, 2], [1, 0])
    assert found[1.0] == ([1, 0], [1, 0])


def test_only_fixed_weights_that_are_listed_or_all_alike_can_differ_in_reading():
    with pytest.raises(ConfigError, match=r"in_a learns and reads by the same weights; leave reading=0\.5 out"):
        Convolution(before="in", after="a", size=1, rule=Triplet(), reading=0.5)
    with pytest.raises(ConfigError, match="in_a cannot have other weights while reading; use AllButOwn, or a Sparse"):
        Dense(before="in", after="a", reading=0.5)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_cleared_traces_teach_nothing_of_the_image_before(kernel):
    rule = SelfNormalizing(eta=1.0, x_tar=0.1, tau_pre=1e6, count="current")
    network = Network(
        inputs={"in": 2},
        populations={"a": Population(1, IF(v_thresh=3.0))},
        projections=[Dense(before="in", after="a", weights=3.0, rule=rule)],
    )
    for clear, expected in ((False, [0.1, 0.1]), (True, [0.0, 0.2])):
        protocol = Protocol(shown=4.0, blank=0.0, min_spikes=0, at_rest=True, clear_traces=clear)
        simulator = Simulator(network, source=Latency(), protocol=protocol, kernel=kernel)
        simulator.train(np.array([[255, 0]]))
        simulator.state.weights[:] = 3.0
        simulator.train(np.array([[0, 255]]))
        assert simulator.state.weights.ravel() == pytest.approx(expected)


# The network by name.


def test_the_network_brings_its_preset_and_source():
    config = TrainingConfig(network="conv")
    assert (config.preset, config.source) == ("conv", "latency")
    assert config.make_rule().variant == "smin"
    assert config.make_protocol().clear_traces
    assert TrainingConfig.from_dict(config.to_dict()) == config
    given = TrainingConfig(network="conv", preset="sharp", source="ramp")
    assert (given.preset, given.source) == ("sharp", "ramp")
    assert (TrainingConfig().preset, TrainingConfig().source) == ("sharp", "poisson")


def test_the_shape_of_conv_follows_from_the_image():
    network = TrainingConfig(network="conv").make_network((28, 28))
    assert {name: p.shape for name, p in network.populations.items()} == {"maps": (64, 24, 24), "pooled": (64, 5, 5)}
    assert network.readout == "pooled"
    assert network.layers == ["maps"]


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"size": 40}, (28, 28), "image_maps has filters of 40 on a height of 28"),
        ({"size": 0}, (28, 28), "size must be a whole number of at least 1"),
        ({"pool_stride": 3}, (28, 28), "Windows of pool=8 with pool_stride=3 do not fit 24 positions"),
        ({"size": 5}, (28, 28), "do not fit 26 positions, which filters of size=5 with padding=1 have"),
        ({"pool": 30}, (28, 28), "Windows of pool=30 with pool_stride=4 do not fit 24 positions"),
        ({"pool_stride": 0}, (28, 28), "pool_stride must be a whole number of at least 1"),
        ({"maps": 0}, (28, 28), "maps must be a whole number of at least 1"),
        ({"maps": 4000}, (28, 28), "synapses, more than the .* that fit into memory"),
        ({}, 784, "The network conv needs images of a height and a width"),
    ],
)
def test_what_does_not_fit_is_told_where_the_network_is_described(options, shape, message):
    config = TrainingConfig(network={"kind": "conv", **options})
    with pytest.raises(ConfigError, match=message):
        config.make_network(shape)


def test_the_classifier_learns_with_a_convolution_and_reads_by_regression(tmp_path):
    digits = load("digits")
    given, labels = digits.train_images[:200], digits.train_labels[:200]
    classifier = STDPClassifier(network={"kind": "conv", "maps": 8}, epochs=1).fit(given.reshape(-1, 28, 28), labels)
    assert classifier.model_.scheme == "logistic"
    answers = classifier.predict(digits.test_images[:100].reshape(-1, 28, 28))
    assert np.mean(answers == digits.test_labels[:100]) > 0.8
    classifier.save(tmp_path / "conv.safetensors")
    again = STDPClassifier.load(tmp_path / "conv.safetensors")
    np.testing.assert_array_equal(again.predict(digits.test_images[:100].reshape(-1, 28, 28)), answers)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    own = {"kind": "conv", "maps": 2, "size": 2, "padding": 0, "pool": 2, "pool_stride": 1}
    config = TrainingConfig(dataset="tiny", examples=75, network=own, constants={"a_tar": 0.25})
    whole, folder = tiny_run(tmp_path / "whole", config), RunFolder(tmp_path / "run")
    training = tiny_training(config)
    start_run(folder, config, overwrite=False)
    training.learn_block()
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.release()
    resumed(folder.path)
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    first = tiny_training(config).simulator.state.image_maps.weights
    assert not np.array_equal(load_model(folder.path).weights["image_maps"], first)


def test_pooled_spikes_are_no_runaway_spiking():
    network = simulator_of(small_conv()).described
    health = Health(network, TrainingConfig(network="conv").make_protocol())
    assert health.update(25, np.full(25, 40 * network.n_neurons), new_state(network, 0)) == []


# Pictures.


def test_a_layers_spikes_are_drawn_map_by_map():
    counts = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    figure = spike_maps(np.eye(5), (5, 5), {"maps": counts, "pooled": counts[:, :1, :1]}, title="read as 7")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == ["image", "maps: 153 spikes in 2 maps of 3 × 3", "pooled: 9 spikes in 2 maps of 1 × 1"]
    drawn = figure.axes[1].images[0].get_array()
    assert drawn[1:4, 1:4].tolist() == counts[0].tolist()
    assert drawn[1:4, 5:8].tolist() == counts[1].tolist()


@pytest.mark.parametrize("counts", [{}, {"maps": np.zeros((3, 3), int)}, {"maps": np.zeros((1, 3, 3))}])
def test_what_is_no_map_of_counts_is_not_drawn(counts):
    with pytest.raises(DataError, match="counts of"):
        spike_maps(np.eye(5), (5, 5), counts)
