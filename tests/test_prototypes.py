"""Prototypes above a convolution: one winner a step, layers of different length, and what holds for every network."""

from dataclasses import replace

import numpy as np
import pytest

from engram import Network, Population, Simulator, load_model, simulate
from engram.config import TrainingConfig
from engram.errors import ConfigError, StepWarning
from engram.networks import AdaptiveThreshold, Protocol, prototypes
from engram.networks.record import network_from_record, network_record
from engram.neurons import IF, GatedIF
from engram.plasticity import SelfNormalizing
from engram.projections import AllButOwn, Dense
from engram.receptive_fields import fields_of
from engram.run_folder import RunFolder
from engram.runs import start_run
from engram.sources import Latency
from engram.validation import warn_of_rounded_times
from test_conv import images
from tiny import resumed, tiny_run, tiny_training

KERNELS = ["compiled", "reference"]


def small(**options) -> TrainingConfig:
    own = {"kind": "conv-prototypes", "maps": 3, "size": 3, "pool": 4, "pool_stride": 2}
    return TrainingConfig(network=own, neurons=6, constants={"a_tar": 1 / 9}, **options)


def replace_kind(config: TrainingConfig, kind: str) -> TrainingConfig:
    """The same options for another network, with the preset that it has."""
    return TrainingConfig(network=config.network | {"kind": kind}, constants=config.constants)


def simulator_of(config: TrainingConfig, kernel: str = "compiled") -> Simulator:
    how = {"source": config.make_source(), "protocol": config.make_protocol()}
    return Simulator(config.make_network((8, 8)), kernel=kernel, **how)


def trained(kernel: str) -> Simulator:
    simulator = simulator_of(small(), kernel)
    for layer in simulator.described.layers:
        simulator.train(images(), np.linspace(0, 1, 6), layer=layer)
    return simulator


def test_compiled_prototypes_equal_the_reference_to_the_bit():
    ours, reference = trained("compiled"), trained("reference")
    for name, tensor in reference.state.tensors().items():
        np.testing.assert_array_equal(ours.state.tensors()[name], tensor, err_msg=name)
    expected = reference.count_spikes(images())[0]
    assert expected.sum() > 6
    np.testing.assert_array_equal(ours.count_spikes(images())[0], expected)


def test_one_prototype_learns_an_image():
    simulator = simulator_of(small())
    simulator.train(images(), layer="maps")
    counts, _ = simulator.train(images(), layer="prototypes")
    assert counts.sum(axis=1).tolist() == [1] * 6


def test_a_pooled_neuron_and_a_prototype_spike_once_an_image():
    shown = trained("compiled").presentation_of(images()[0])
    for name in ("pooled", "prototypes"):
        counts = np.bincount(shown.spikes[name][:, 0])
        assert counts.max() == 1
        assert counts.sum() > 1


def test_a_place_names_fewer_filters_than_in_the_convolution_alone():
    taught = trained("compiled")
    state, below = taught.state, replace_kind(small(), "conv")
    alone = Simulator(
        below.make_network((8, 8)), source=below.make_source(), protocol=below.make_protocol(),
        weights={"image_maps": state.projections["image_maps"].weights},
        theta={"maps": state.populations["maps"].theta},
    )  # fmt: skip

    def answers_at_a_place(simulator):
        shown = [simulator.presentation_of(image).spikes["maps"][:, 0] for image in images()]
        n_places = np.prod(simulator.network.shape_of("maps")[1:])
        return np.mean([np.unique(neurons).size / np.unique(neurons % n_places).size for neurons in shown])

    assert 1.0 <= answers_at_a_place(taught) < answers_at_a_place(alone)


# A gate.


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_arrives_before_the_gate_opens_reaches_the_membrane_together(kernel):
    network = Network(
        inputs={"in": 2},
        populations={"a": Population(1, GatedIF(v_thresh=100.0, gate=3.0))},
        projections=[Dense(before="in", after="a", weights=np.array([[2.0], [-0.5]]))],
    )
    spikes = ([0, 1, 0, 0, 1], [0, 2, 3, 7, 8])  # a step is half a millisecond, and a spike moves v in the next one
    v = simulate(network, spikes=spikes, n_steps=10, record={"a": {"v": [0]}}, kernel=kernel).recording["a.v"]
    assert v[:, 0].tolist() == [0.0] * 6 + [3.5, 3.5, 5.5, 5.0]


@pytest.mark.parametrize("gate", [0.0, 10.0])
def test_neurons_with_a_gate_are_won_by_most_evidence_not_by_the_first(gate):
    random = np.random.default_rng(0)
    weights, order = random.uniform(0.5, 1.0, (16, 30)), np.arange(16)
    network = Network(
        inputs={"in": 16},
        populations={"a": Population(30, GatedIF(v_thresh=1.5, gate=gate, t_ref=100.0), one_wins=True)},
        projections=[Dense(before="in", after="a", weights=weights)],
        dtype="float64",
    )
    first = simulate(network, spikes=(order, order), n_steps=21).spikes["a"][0]
    heard = 16 if gate else 2  # without a gate two inputs are enough for the first to reach its threshold
    assert first.tolist() == [np.argmax(weights[:heard].sum(axis=0)), gate / 0.5 if gate else 2]
    assert np.argmax(weights.sum(axis=0)) != np.argmax(weights[:2].sum(axis=0))


def test_gates_that_cannot_be_or_never_open_are_refused():
    with pytest.raises(ConfigError, match="gate must be zero or positive, got -1"):
        GatedIF(gate=-1.0)
    short = small(protocol={"shown": 18.0})
    with pytest.raises(ConfigError, match="Neurons with gate=18 ms would answer no image that is shown for 18 ms"):
        simulator_of(short)
    sooner = short.replace(network=short.network | {"gate": 17.0})
    assert simulator_of(sooner).count_spikes(images())[0].any()


@pytest.mark.parametrize(("gate", "shown", "opens"), [(18.3, 18.74, False), (18.2, 18.3, True), (9.7, 10.0, True)])
@pytest.mark.parametrize("at_rest", [True, False])
def test_a_gate_is_refused_if_it_opens_after_the_last_step_of_an_image(gate, shown, opens, at_rest):
    network = Network(
        inputs={"in": 1},
        populations={"a": Population(1, GatedIF(v_thresh=0.5, gate=gate))},
        projections=[Dense(before="in", after="a", weights=np.ones((1, 1)))],
    )
    how = {"protocol": Protocol(shown=shown, blank=0.0, min_spikes=0, at_rest=at_rest), "source": Latency()}
    if not opens:
        with pytest.raises(ConfigError, match=r"gate=18\.3 ms would answer no image that is shown for 18\.74 ms"):
            Simulator(network, **how)
        return
    assert Simulator(network, kernel="reference", **how).count_spikes(np.array([[255]]))[0].tolist() == [[1]]


def test_a_gate_that_steps_do_not_divide_is_told():
    network = Network(inputs={"in": 1}, populations={"a": Population(1, GatedIF(gate=9.7))})
    with pytest.warns(StepWarning, match=r"gate is 9\.7 ms, no multiple of dt, 0\.5 ms: it lasts 19 steps, 9\.5 ms"):
        warn_of_rounded_times(network)


def test_a_long_wait_is_counted_in_steps():
    neuron = GatedIF(gate=1000.0)
    clock, steps = np.float32(9_998.0), []
    for _ in range(3):
        v, _, clock = GatedIF.step(np.float32(0.0), np.float32(1.0), clock, np.float32(0.1), np.float32(neuron.gate))
        steps.append(float(v))
    assert steps == [0.0, 0.0, 1.0]


def test_a_model_goes_on_only_with_its_own_neurons():
    model = tiny_training(tiny()).model()
    last = model.network.populations["prototypes"]
    other = {**model.network.populations, "prototypes": replace(last, neuron=IF(v_thresh=1.0))}
    with pytest.raises(ConfigError, match="its prototypes are IF, not GatedIF; give its own network"):
        tiny_training(tiny(), start=replace(model, network=model.network.replace(populations=other)))


# One winner.


def rivals(v_thresh, one_wins=True) -> Network:
    """Neurons that an input drives by 2, 3, 3 and 1 a spike."""
    return Network(
        inputs={"in": 1},
        populations={"a": Population(4, IF(v_thresh=v_thresh), one_wins=one_wins)},
        projections=[Dense(before="in", after="a", channel="pulse", weights=np.array([[2.0, 3.0, 3.0, 1.0]]))],
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_of_neurons_above_threshold_the_furthest_fires_and_of_equals_the_first(kernel):
    spikes = ([0, 0, 0], [0, 1, 2])
    result = simulate(rivals(1.5), spikes=spikes, n_steps=6, kernel=kernel)
    # Potentials 2 3 3 1, then 4 3 6 2, then 6 6 3 3; then nothing arrives, and the others fire one after another.
    assert result.spikes["a"].tolist() == [[1, 1], [2, 2], [0, 3], [1, 4], [2, 5]]
    everybody = simulate(rivals(1.5, one_wins=False), spikes=([0], [0]), n_steps=2, kernel=kernel)
    assert everybody.spikes["a"].tolist() == [[0, 1], [1, 1], [2, 1]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_of_maps_above_threshold_the_furthest_fires_at_each_place(kernel):
    """Potentials of three maps of two places: 2 3, 3 3 and 1 4; then nothing arrives, and the others fire in turn."""
    drives = np.array([[2.0, 3.0, 3.0, 3.0, 1.0, 4.0]])
    network = Network(
        inputs={"in": 1},
        populations={"maps": Population((3, 2), IF(v_thresh=1.5), one_wins="place")},
        projections=[Dense(before="in", after="maps", channel="pulse", weights=drives)],
    )
    result = simulate(network, spikes=([0], [0]), n_steps=5, kernel=kernel)
    assert result.spikes["maps"].tolist() == [[2, 1], [5, 1], [0, 2], [1, 2], [3, 3]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_how_far_a_neuron_is_above_its_threshold_counts_its_adaptive_threshold(kernel):
    network = rivals(1.0)
    population = Population(4, IF(v_thresh=1.0), AdaptiveThreshold(start=0.0, plus=0.0), one_wins=True)
    simulator = Simulator(
        network.replace(populations={"a": population}), theta={"a": [0.0, 1.5, 1.1, 0.0]}, kernel=kernel
    )
    spikes = {"in": (np.array([0], np.int32), np.array([0, 1], np.int64))}
    assert simulator.run(spikes, 2, learn=False, record=True)[0]["a"].tolist() == [[0, 1]]


def test_a_winner_needs_a_threshold_that_can_be_told():
    class Own(IF):
        def fires(v):
            return v > 1.0

    with pytest.raises(ConfigError, match="Own says itself when it fires"):
        Population(3, Own(), one_wins=True)
    with pytest.raises(ConfigError, match='one_wins must be true, false or "place", got 1'):
        Population(3, IF(), one_wins=1)
    with pytest.raises(ConfigError, match=r'one_wins="place" is for maps of neurons, .*, got \(3,\); one_wins=True is'):
        Population(3, IF(), one_wins="place")


def test_a_file_keeps_that_one_wins():
    simulator = Simulator(rivals(1.5))
    record, arrays = network_record(simulator.described, simulator.state)
    weights = {name: p.weights for name, p in simulator.state.projections.items()}
    assert network_from_record(record, arrays, weights).populations["a"].one_wins is True
    population = replace(simulator.described.populations["a"], shape=(2, 2), one_wins="place")
    record, _ = network_record(simulator.described.replace(populations={"a": population}), simulator.state)
    assert network_from_record(record, arrays, weights).populations["a"].one_wins == "place"
    record, _ = network_record(rivals(1.5, one_wins=False), simulator.state)
    assert "one_wins" not in record["populations"]["a"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_all_but_own_can_be_weaker_in_reading(kernel):
    network = Network(
        inputs={"in": 1},
        populations={"a": Population(2, IF(v_thresh=1.0))},
        projections=[
            Dense(before="in", after="a", weights=np.array([[4.0, 3.0]]), rule=SelfNormalizing(eta=1e-9)),
            AllButOwn(before="a", after="a", channel="pulse", weights=-100.0, reading=0.0),
        ],
    )
    protocol = Protocol(shown=4.0, blank=0.0, min_spikes=0, at_rest=True)
    simulator = Simulator(network, source=Latency(), protocol=protocol, kernel=kernel)
    white = np.array([[255]])
    reading, learning = simulator.count_spikes(white)[0][0], simulator.train(white)[0][0]
    assert reading.min() > 2
    assert learning.max() == 1


# Layers in turn, of which one learns from fewer images.


def test_filters_learn_first_and_from_fewer_images():
    config = TrainingConfig(network="conv-prototypes", examples=5000)
    assert (config.preset, config.layers) == ("conv-prototypes", "in_turn")
    assert [config.examples_of_layer(layer, 60_000) for layer in ("maps", "prototypes")] == [1000, 5000]
    assert config.replace(layer_examples={"maps": 3e3}).examples_of_layer("maps", 60_000) == 3000
    assert config.replace(examples=10).examples_of_layer("maps", 60_000) == 10
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert TrainingConfig(network="two-layers").layers == "together"


def tiny(**options) -> TrainingConfig:
    own = {"kind": "conv-prototypes", "maps": 2, "size": 2, "padding": 0, "pool": 2, "pool_stride": 1}
    turns = {"examples": 50, "layer_examples": {"maps": 30}}
    return TrainingConfig(dataset="tiny", neurons=4, network=own, constants={"a_tar": 0.25}, **{**turns, **options})


def test_each_layer_has_as_many_images_as_it_was_given():
    training = tiny_training(tiny())
    assert training.total == 80
    seen = [(p.layer, p.examples) for p in training.blocks()]
    assert seen == [("maps", 25), ("maps", 30), ("prototypes", 50), ("prototypes", 75), ("prototypes", 80)]


def test_images_for_a_layer_that_is_not_there_are_refused():
    with pytest.raises(ConfigError, match="The network has no layer 'map'"):
        tiny_training(tiny(layer_examples={"map": 5}))


@pytest.mark.parametrize("blocks", [2, 3], ids=["between the layers", "among recalled images"])
def test_a_run_that_was_stopped_equals_one_that_was_not(tmp_path, blocks):
    whole, folder = tiny_run(tmp_path / "whole", tiny()), RunFolder(tmp_path / "run")
    training = tiny_training(tiny())
    start_run(folder, tiny(), overwrite=False)
    for _ in range(blocks):
        training.learn_block()
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.release()
    resumed(folder.path)
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    weights = load_model(folder.path).weights
    first = tiny_training(tiny()).simulator.state
    for name in ("image_maps", "pooled_prototypes"):
        assert not np.array_equal(weights[name], first.projections[name].weights), name


def test_a_run_of_a_network_that_engram_describes_otherwise_now_is_refused(tmp_path, monkeypatch):
    folder, training = RunFolder(tmp_path / "run"), tiny_training(tiny())
    start_run(folder, tiny(), overwrite=False)
    training.learn_block()
    folder.write_checkpoint(training.examples, *training.snapshot())
    folder.release()
    monkeypatch.setattr(prototypes, "_THRESHOLD", 2 * prototypes._THRESHOLD)
    with pytest.raises(ConfigError, match=r"conv-prototypes describes another network .*; resume with the engram that"):
        resumed(folder.path)


def test_fields_of_prototypes_lead_through_the_pooled_layer():
    model = tiny_training(tiny()).model()
    fields = fields_of(model)
    assert fields.shape == (model.network.n_inputs, 4)
    np.testing.assert_allclose(np.abs(fields).sum(axis=0), 1.0, rtol=1e-5)
