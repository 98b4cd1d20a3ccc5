"""Networks as descriptions: their parts, what is refused and in which words, and what runs of them keep."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from signal import SIGINT, raise_signal
from signal import signal as on_signal
from typing import ClassVar

import numpy as np
import pytest
from scipy import signal, sparse

from drawn_networks import Alternating, Izhikevich
from engram import DiehlCook, Network, Population, Protocol, Simulator, simulate
from engram.errors import ConfigError, DataError, NeuronError
from engram.networks import AdaptiveThreshold, Input
from engram.neurons import ALIF, EXCITATORY, INHIBITORY, LIF, AdEx, Neuron
from engram.neurons.base import check_neuron
from engram.plasticity import Pair, SelfNormalizing, Triplet
from engram.projections import (
    AllButOwn,
    Convolution,
    Dense,
    Local,
    OneToOne,
    Projection,
    Sparse,
    Uniform,
    random_synapses,
    synapses_by_distance,
)
from engram.projections.base import listed
from engram.rule_probes import Relay
from engram.sources import Latency, Poisson, Ramp, Regular, Source, StoredEvents
from engram.sources.base import in_order

RELAY = Relay(v_thresh=0.5)


def relays(*projections, n_inputs=4, n=4, populations=("a", "b"), **options) -> Network:
    """Neurons that fire in the step after they are driven."""
    made = {name: Population(n, RELAY) for name in populations}
    return Network(inputs={"in": n_inputs}, populations=made, projections=projections, dtype="float64", **options)


def fired(network, spikes, n_steps=20, kernel="compiled", **options):
    """The spikes of every population, as sets of (neuron, step)."""
    result = simulate(network, spikes=spikes, n_steps=n_steps, kernel=kernel, **options)
    return {name: set(map(tuple, found.tolist())) for name, found in result.spikes.items()}


def in_both(network, spikes, n_steps=20, **options):
    """The same, of the compiled kernel and the reference alike."""
    ours, theirs = (fired(network, spikes, n_steps, kernel, **options) for kernel in ("compiled", "reference"))
    assert ours == theirs
    return ours


# Descriptions.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"populations": {}}, "A network needs a population"),
        ({"readout": "c"}, "readout names no population: 'c'; there are a"),
        ({"inputs": {"a": 3}}, "'a' is an input and a population"),
        ({"projections": [Dense(before="x", after="a")]}, "x_a comes from 'x', which is not there; there are in, a"),
        ({"projections": [Dense(before="in", after="in")]}, "in_in goes to 'in', which is no population"),
        ({"projections": [Dense(before="in", after="a")] * 2}, "Two projections are called in_a"),
        (
            {"projections": [Dense(before="in", after="a", channel="inh")]},
            "in_a arrives on 'inh', but Relay has drive, unheard",
        ),
        ({"populations": {"a": RELAY}}, "a must be a population, such as Population"),
        ({"dt": 0.0}, "dt must be positive"),
        ({"dtype": "float16"}, "dtype must be one of float32, float64"),
        ({"populations": {"a": Population(2, INHIBITORY)}, "dt": 3.0}, "dt must not exceed the shortest time constant"),
        ({"projections": [OneToOne(before="in", after="a")]}, "in has 3 neurons and a has 2; make them as many"),
        ({"projections": [AllButOwn(before="in", after="a")]}, "in has 3 neurons and a has 2"),
        (
            {"projections": [Sparse(before="in", after="a", synapses=([3], [0]))]},
            "from 3 to 3, which has 3; count from 0",
        ),
        ({"projections": [Sparse(before="in", after="a", synapses=([1, 1], [0, 0]))]}, "names a synapse twice"),
        ({"projections": [Convolution(before="in", after="a", size=2)]}, r"needs shapes \(height, width\)"),
    ],
)
def test_impossible_networks_are_told(change, message):
    with pytest.raises(ConfigError, match=message):
        Network(**{"inputs": {"in": 3}, "populations": {"a": Population(2, RELAY)}} | change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Population(3, "lif"), "A population needs a neuron"),
        (lambda: DiehlCook(excitatory="lif"), r"excitatory must be a neuron, such as ConductanceLIF\(...\), got 'lif'"),
        (lambda: DiehlCook(inhibitory=3), "inhibitory must be a neuron"),
        (
            lambda: DiehlCook(excitatory=ALIF()),
            "excitatory must have a channel inh and the threshold v_thresh, .* got ALIF",
        ),
        (lambda: Dense(before="a", after="b", rule=Pair), "rule of a_b must be a rule, such as Triplet"),
        (lambda: Population(0, RELAY), "the size of a population must be"),
        (
            lambda: Population("many", RELAY),
            "the size of a population must be a whole number .* got 'many'",
        ),
        (lambda: Population(2.5, RELAY), "the size of a population must be a whole number of at least 1, got 2.5"),
        (lambda: Population(3, LIF(), AdaptiveThreshold(tau=0.0)), "tau of the threshold must be positive"),
        (lambda: Population(3, RELAY, AdaptiveThreshold()), "Relay has a threshold of its own"),
        (lambda: Dense(before="a", after="b", delay=-1.0), "delay of a_b must be zero or positive"),
        (lambda: Dense(before="a", after="b", delay=Uniform(0, 1), rule=Pair()), "give all of them the same delay"),
        (lambda: OneToOne(before="a", after="b", rule=Pair()), "use Sparse for others"),
        (lambda: AllButOwn(before="a", after="b", weights=Uniform(0, 1)), "use Dense for others"),
        (lambda: Sparse(before="a", after="b", synapses=([0], [0, 1])), "two lists of equal length"),
        (lambda: Sparse(before="a", after="b", synapses=([0.5], [1.0])), "whole numbers of neurons"),
        (lambda: Sparse(before="a", after="b", synapses=np.zeros(3)), "two lists or a matrix"),
        (lambda: Uniform(1.0, 0.0), "high must be at least low"),
        (lambda: random_synapses(2, 2, 1.5, 0), "probability must be from 0 to 1"),
        (lambda: synapses_by_distance([0, 1], [[0, 1]], 1.0), r"places must have shape \(n, n_dimensions\)"),
    ],
)
def test_impossible_parts_are_told(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights": {"in_a": np.zeros((3, 3))}}, r"weights of in_a must have shape \(4, 4\), got \(3, 3\)"),
        ({"weights": {"x": 1}}, "There is no projection 'x'; there are in_a"),
        ({"theta": {"x": 1}}, "There is no population 'x'"),
        ({"delays": {"in_a": np.full((4, 4), 0.5)}}, "must be whole steps"),
    ],
)
def test_arrays_that_do_not_fit_are_told(given, message):
    with pytest.raises(DataError, match=message):
        Simulator(relays(Dense(before="in", after="a", delay=Uniform(0, 1))), **given)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"theta": [1.0]}, r"theta of exc must have shape \(4,\), got \(1,\)"),
        ({"theta": [np.nan] * 4}, "theta of exc holds values that are not finite"),
        ({"weights": np.ones((3, 4))}, r"weights of input_exc must have shape \(9, 4\), got \(3, 4\)"),
        ({"weights": np.full((9, 4), np.inf)}, "weights of input_exc holds values that are not finite"),
        ({"delays": np.ones((2, 2))}, r"delays of inh_exc must have shape \(4, 4\)"),
        ({"delays": -np.ones((4, 4))}, "delays of inh_exc must be whole steps from 0 to 65,534"),
        ({"delays": np.full((4, 4), 70_000)}, "delays of inh_exc must be whole steps from 0 to 65,534"),
        ({"input_delays": np.ones((9, 3))}, r"delays of input_exc must have shape \(9, 4\)"),
    ],
)
def test_no_array_reaches_a_kernel_that_would_read_beyond_it(kernel, given, message):
    with pytest.raises(DataError, match=message):
        Simulator(DiehlCook(n_inputs=9, n_neurons=4), SelfNormalizing(), kernel=kernel, **given)


def test_arrays_of_a_description_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match=r"weights of in_a must have shape \(4, 4\), got \(2, 2\)"):
        Simulator(relays(Dense(before="in", after="a", weights=np.zeros((2, 2)))))
    with pytest.raises(ConfigError, match="weights of in_a must be finite numbers"):
        Simulator(relays(Dense(before="in", after="a", weights=np.full((4, 4), np.nan))))
    with pytest.raises(ConfigError, match="delay of in_a must be from 0 to 65,534 time steps"):
        Simulator(relays(Dense(before="in", after="a", delay=Uniform(0, 1e6))))


def test_matrices_of_weights_and_delays_go_with_a_matrix_of_synapses_and_come_back_as_one():
    weights = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 4.0], [5.0, 6.0, 0.0]])
    projection = Sparse(before="in", after="a", synapses=weights > 0, weights=weights, delay=(weights / 2).tolist())
    state = Simulator(relays(projection, n_inputs=3, n=3), kernel="reference").state
    drawn_up = np.zeros((3, 3))
    drawn_up[projection.synapses] = state.in_a.weights
    np.testing.assert_array_equal(drawn_up, weights)
    np.testing.assert_array_equal(projection.delay, projection.weights / 2)


def test_delays_may_be_a_list():
    listed_delays = Dense(before="in", after="a", delay=[[0.5, 1.0], [1.5, 2.0]])
    steps = listed_delays.delay_steps(np.random.default_rng(0), (2,), (2,), 0.5)
    np.testing.assert_array_equal(np.sort(steps.ravel()), [1, 2, 3, 4])


def test_frozen_network_has_no_rules_and_rising_thresholds_only_elsewhere():
    network = Network(
        inputs={"in": 3},
        populations={
            "a": Population(2, EXCITATORY, AdaptiveThreshold()),
            "b": Population(2, EXCITATORY, AdaptiveThreshold()),
        },
        projections=[Dense(before="in", after="a", rule=Triplet()), Dense(before="a", after="b", rule=Pair())],
    )
    first = network.frozen("in_a")
    assert [p.name for p in first.plastic] == ["a_b"]
    assert [p.threshold.plus for p in first.populations.values()] == [0.0, 0.05]
    assert not network.frozen().plastic
    with pytest.raises(ConfigError, match="There is no projection 'x'; there are in_a, a_b"):
        network.frozen("x")


# Synapses.


def test_one_spike_reaches_whom_each_projection_names():
    spike = ([1], [3])
    matrix = np.array([[0, 0, 0, 0], [0.9, 0, 0.2, 0.7], [1, 1, 1, 1], [1, 1, 1, 1]])
    for projection, expected in (
        (Dense(before="in", after="a"), {0, 1, 2, 3}),
        (OneToOne(before="in", after="a"), {1}),
        (AllButOwn(before="in", after="a"), {0, 2, 3}),
        (Sparse(before="in", after="a", synapses=([1, 1], [3, 0])), {0, 3}),
        (Sparse(before="in", after="a", synapses=matrix), {0, 3}),
        (Sparse(before="in", after="a", synapses=matrix != 0), {0, 2, 3}),
        (Sparse(before="in", after="a", synapses=sparse.csr_array(matrix)), {0, 3}),
        (Dense(before="in", after="a", weights=matrix), {0, 3}),
        (Dense(before="in", after="a", weights=lambda random, shape: matrix), {0, 3}),
    ):
        found = in_both(relays(projection, populations=["a"]), spike)["a"]
        assert found == {(j, 4) for j in expected}, projection


def test_projections_of_one_delay_and_of_many_arrive_when_they_should():
    spikes = ([0, 1, 2], [2, 5, 6])
    for delay in (0.0, 0.5, 4.0):
        steps = round(delay / 0.5)
        found = in_both(relays(OneToOne(before="in", after="a", delay=delay), populations=["a"]), spikes)["a"]
        assert found == {(i, t + steps + 1) for i, t in zip(*spikes, strict=True) if t + steps + 1 < 20}
    delays = np.array([[0.0, 0.5, 1.0, 3.0]] * 4)
    network = relays(Dense(before="in", after="a", delay=delays), populations=["a"])
    assert in_both(network, ([0], [2]))["a"] == {(0, 3), (1, 4), (2, 5), (3, 9)}
    network = relays(
        Sparse(before="in", after="a", synapses=([0, 0, 2], [3, 1, 0]), delay=[3.0, 0.5, 1.0]), populations=["a"]
    )
    assert in_both(network, ([0, 2], [2, 2]))["a"] == {(3, 9), (1, 4), (0, 5)}


def test_spike_under_way_at_the_end_of_a_run_arrives_in_the_next():
    for projection in (
        Dense(before="in", after="a", delay=30.0),
        Dense(before="in", after="a", delay=Uniform(30.0, 30.0)),
        AllButOwn(before="in", after="a", delay=30.0),
        Sparse(before="in", after="a", synapses=np.eye(4), delay=np.full(4, 30.0)),
    ):
        for kernel in ("compiled", "reference"):
            simulator = Simulator(relays(projection, populations=["a"]), kernel=kernel)
            first, _ = simulator.run({"in": in_order(([0, 1], [3, 9]), 10)}, 10, learn=False, record=True)
            assert len(first["a"]) == 0
            later, _ = simulator.run({"in": in_order(([], []), 70)}, 70, learn=False, record=True)
            assert set(later["a"][:, 1]) == {3 + 60 + 1 - 10, 9 + 60 + 1 - 10}, projection


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_two_runs_in_a_row_equal_one(kernel):
    network = Network(
        inputs={"in": 10},
        populations={"a": Population(6, AdEx(t_ref=2.0)), "b": Population(6, INHIBITORY)},
        projections=[
            Dense(before="in", after="a", weights=Uniform(0.2, 0.9), rule=Pair(), delay=1.5),
            OneToOne(before="a", after="b", weights=8.0),
            AllButOwn(before="b", after="a", channel="inh", weights=0.5, delay=Uniform(0.0, 60.0)),
            Sparse(before="a", after="a", synapses=np.eye(6, k=1), weights=0.3, rule=Triplet(), delay=1.0),
        ],
        dtype="float64",
    )
    spikes = np.random.default_rng(0).random((200, 10)) < 0.1
    whole, parts = (Simulator(network, seed=2, kernel=kernel) for _ in range(2))
    expected, _ = whole.run({"in": in_order(spikes, 200)}, 200, learn=True, record=True)
    found = []
    for begin, end in ((0, 3), (3, 90), (90, 91), (91, 200)):
        given = {"in": in_order(spikes[begin:end], end - begin)}
        part, _ = parts.run(given, end - begin, learn=True, record=True)
        found.append({name: fires + np.array([0, begin]) for name, fires in part.items()})
    for name, fires in expected.items():
        assert len(fires) > 10
        np.testing.assert_array_equal(np.concatenate([part[name] for part in found]), fires)
    for name, tensor in whole.state.tensors().items():
        # Traces are settled, and products of decays rounded, at the end of each run; slots of nothing may keep numbers.
        if not name.endswith(".events"):
            np.testing.assert_allclose(parts.state.tensors()[name], tensor, rtol=1e-12, atol=1e-13, err_msg=name)


def test_several_inputs_and_projections_add_up_on_a_channel():
    half = {"weights": 0.3}
    network = Network(
        inputs={"east": 2, "west": 2},
        populations={"a": Population(2, RELAY)},
        projections=[
            OneToOne(before="east", after="a", **half),
            OneToOne(before="west", after="a", **half),
            OneToOne(before="east", after="a", **half, name="again", delay=1.0),
        ],
        dtype="float64",
    )
    spikes = {"east": ([0, 1, 1], [2, 2, 4]), "west": ([0], [2])}
    assert in_both(network, spikes)["a"] == {(0, 3), (1, 5)}
    assert in_both(network, {"east": ([1, 1], [2, 4])})["a"] == {(1, 5)}
    with pytest.raises(DataError, match="This network has the inputs east, west; give spikes as a dict by input"):
        simulate(network, spikes=([0], [0]), n_steps=3)
    with pytest.raises(DataError, match="There is no input 'north'; there are east, west"):
        simulate(network, spikes={"north": ([0], [0])}, n_steps=3)


def test_population_drives_itself_round_in_a_circle():
    ring = Sparse(before="a", after="a", synapses=([0, 1, 2, 3], [1, 2, 3, 0]))
    network = relays(ring, Dense(before="in", after="a", weights=np.eye(4)), populations=["a"])
    assert in_both(network, ([0], [0]), 10)["a"] == {((t - 1) % 4, t) for t in range(1, 10)}
    slower = network.replace(projections=[Dense(before="in", after="a", weights=np.eye(4)), ring.__class__(
        before="a", after="a", synapses=ring.synapses, delay=1.0)])  # fmt: skip
    assert in_both(slower, ([0], [0]), 10)["a"] == {(0, 1), (1, 4), (2, 7)}


def test_a_channel_is_driven_in_the_order_of_the_neurons_channels():
    # Two channels of one variable: their sums are added one after another, whichever projection comes first.
    a, b = (
        Dense(before="in", after="a", channel=c, weights=Uniform(*w)) for c, w in (("exc", (0, 9)), ("inh", (-6, 0)))
    )
    for first, second in ((a, b), (b, a)):
        projections = [first, Dense(**{**vars(second), "name": "second"})]
        network = Network(inputs={"in": 9}, populations={"a": Population(5, Izhikevich())}, projections=projections)
        spikes = np.random.default_rng(1).random((90, 9)) < 0.2
        ours, theirs = (
            simulate(network, spikes=spikes, n_steps=90, kernel=k, record={"a": ["i"]})
            for k in ("compiled", "reference")
        )
        np.testing.assert_array_equal(ours.recording["a.i"], theirs.recording["a.i"])


def test_partners_that_hear_two_neurons_add_up_what_arrives_before_it_is_rounded():
    weights = Uniform(0.1, 9.0)
    network = Network(
        inputs={"in": 9},
        populations={"a": Population(7, AdEx()), "b": Population(7, INHIBITORY)},
        projections=[
            Dense(before="in", after="a", weights=Uniform(0.5, 2.0)),
            OneToOne(before="a", after="b", weights=weights),
            OneToOne(before="a", after="b", weights=weights, name="again"),
        ],
    )
    spikes = np.random.default_rng(1).random((90, 9)) < 0.2
    ours, theirs = (
        simulate(network, spikes=spikes, n_steps=90, kernel=k, record={"b": ["g_exc"]})
        for k in ("compiled", "reference")
    )
    assert np.max(theirs.recording["b.g_exc"]) > 1
    np.testing.assert_array_equal(ours.recording["b.g_exc"], theirs.recording["b.g_exc"])


def test_refractory_neurons_adapt_by_the_potential_that_they_hold():
    network = Network(
        inputs={"in": 9},
        populations={"a": Population(5, AdEx(t_ref=4.0))},
        projections=[Dense(before="in", after="a", weights=2.0)],
        dtype="float64",
    )
    spikes = in_order(([0, 1, 2], [0, 1, 2]), 40)
    states = []
    for kernel in ("compiled", "reference"):
        simulator = Simulator(network, kernel=kernel)
        _, counts = simulator.run({"in": spikes}, 40, learn=False)
        assert counts.sum() > 0
        states.append(simulator.state.a.w)
    np.testing.assert_array_equal(*states)


@pytest.mark.parametrize("delay", [Uniform(0.0, 3.0), 1.0])
def test_training_stopped_within_a_group_of_steps_forgets_what_input_it_had_under_way(delay):
    network = Network(
        inputs={"in": 9},
        populations={"a": Population(5, AdEx())},
        projections=[
            Dense(before="in", after="a", weights=0.8, delay=delay),
            Dense(before="in", after="a", weights=0.1, rule=Pair(), name="learned"),
        ],
    )
    images, protocol = np.full((4, 9), 200.0), Protocol(shown=30.0, blank=10.0, min_spikes=1, stop_spikes=3)
    trained = [Simulator(network, kernel=k, protocol=protocol) for k in ("compiled", "reference")]
    counts = [simulator.train(images)[0] for simulator in trained]
    assert np.all(counts[0].sum(axis=1) >= 3)
    np.testing.assert_array_equal(*counts)
    for name, tensor in trained[0].state.tensors().items():
        np.testing.assert_array_equal(tensor, trained[1].state.tensors()[name], err_msg=name)


def test_threads_share_a_network_of_two_layers_whoever_went_on_with_it_before(monkeypatch):
    monkeypatch.setattr("engram.simulator.NEURONS_PER_THREAD", 32)
    monkeypatch.setattr("engram.simulator.default_threads", lambda: 2)
    n, theta = 70, AdaptiveThreshold(start=10.0)
    network = Network(
        inputs={"in": 20},
        populations={
            "a": Population(n, EXCITATORY, theta),
            "b": Population(n, INHIBITORY),
            "c": Population(n, EXCITATORY, theta),
        },
        projections=[
            Dense(before="in", after="a", weights=Uniform(0.0, 3.0), rule=SelfNormalizing()),
            OneToOne(before="a", after="b", weights=10.4),
            AllButOwn(before="b", after="a", channel="inh", weights=0.3, delay=Uniform(0.0, 5.0)),
            Dense(before="a", after="c", weights=Uniform(0.0, 0.2), rule=Pair(w_max=0.4)),
            Dense(before="c", after="a", weights=0.005, rule=Triplet(w_max=0.01)),
        ],
    )
    images = np.random.default_rng(0).integers(0, 256, (6, 20))
    protocol = Protocol(shown=60.0, blank=20.0, min_spikes=1, max_intensity=3.0)
    states = []
    for threads in ((1, 1, 1), (2, 2, 2), (2, 1, 2)):
        simulator = Simulator(network, seed=1, protocol=protocol)
        for k, n_threads in enumerate(threads):
            counts, _ = simulator.train(images[2 * k : 2 * k + 2], threads=n_threads)
            assert counts.sum() > 20
            simulator.run({"in": in_order(np.eye(20, dtype=bool), 20)}, 20, learn=True)
        assert simulator.loaded(2).n_threads == 2
        states.append(simulator.state.tensors())
    for name, tensor in states[0].items():
        for other in states[1:]:
            np.testing.assert_array_equal(other[name], tensor, err_msg=name)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_run_after_training_learns_by_the_parameters_of_the_description(kernel):
    network = Network(
        inputs={"in": 9},
        populations={"a": Population(5, EXCITATORY, AdaptiveThreshold(start=4.0, plus=0.2, plus_decay=0.1))},
        projections=[Dense(before="in", after="a", weights=3.0, rule=Pair(w_max=4.0))],
    )
    trained, fresh = (Simulator(network, kernel=kernel, protocol=Protocol(shown=40.0, blank=5.0)) for _ in range(2))
    trained.train(np.full((2, 9), 255.0), progress=[0.9, 1.0])
    for name, tensor in fresh.state.tensors().items():
        tensor[...] = trained.state.tensors()[name]
    spikes = in_order(np.random.default_rng(2).random((300, 9)) < 0.3, 300)
    counts = [simulator.run({"in": spikes}, 300, learn=True)[1] for simulator in (trained, fresh)]
    assert counts[0].sum() > 20
    for name, tensor in fresh.state.tensors().items():
        np.testing.assert_array_equal(trained.state.tensors()[name], tensor, err_msg=name)


# Weights by place.


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(3, 1, 0), (3, 1, 1), (3, 1, 2), (3, 2, 0), (3, 2, 1), (1, 1, 0), (1, 1, 1), (1, 2, 0)],
)
def test_convolution_sees_what_scipy_correlates(size, stride, padding):
    random = np.random.default_rng(4)
    filters, image = random.random((3, 2, size, size)), random.random((2, 7, 5)) < 0.5
    c = Convolution(before="in", after="a", size=size, stride=stride, padding=padding, weights=filters.ravel())
    shape = c.output_shape(image.shape, 3)
    network = Network(
        inputs={"in": image.shape}, populations={"a": Population(shape, AdEx())}, projections=[c], dtype="float64"
    )
    result = simulate(
        network, spikes=(np.flatnonzero(image), np.zeros(image.sum(), int)), n_steps=1, record={"a": ["g_exc"]}
    )
    padded = np.pad(image.astype(float), ((0, 0), (padding, padding), (padding, padding)))
    seen = [sum(signal.correlate2d(m, f, "valid") for m, f in zip(padded, kernel, strict=True)) for kernel in filters]
    expected = np.array(seen)[:, ::stride, ::stride]
    np.testing.assert_allclose(result.recording["a.g_exc"].reshape(shape), expected, rtol=1e-12)


def test_a_convolution_that_no_memory_holds_is_told_where_it_is_described():
    big = Convolution(before="in", after="a", size=101)
    with pytest.raises(ConfigError, match="in_a has 102,010,000 synapses, more than the 67,108,864 that fit"):
        big.check((200, 200), (1, 100, 100))


@pytest.mark.parametrize("kind", [Dense, OneToOne])
def test_a_delay_that_no_memory_holds_is_told_where_it_is_described(kind):
    late = kind(before="in", after="a", delay=1e9)
    with pytest.raises(ConfigError, match=r"delay of in_a must be from 0 to 65,534 time steps, got 1000000000\.0 ms"):
        Network(inputs={"in": 3}, populations={"a": Population(3, RELAY)}, projections=[late])


def test_strides_leave_nothing_out():
    c = Convolution(before="in", after="a", size=3, stride=2)
    assert c.output_shape((7, 9), 5) == (5, 3, 4)
    with pytest.raises(ConfigError, match="in_a leaves out the last 1 of a height of 8"):
        c.output_shape((8, 9), 5)
    with pytest.raises(ConfigError, match="filters of 3 on a height of 2"):
        c.output_shape((2, 9), 5)
    with pytest.raises(ConfigError, match=r"in_a makes a of shape \(2, 3, 3\) from \(7, 7\), not \(2, 3, 4\)"):
        Network(inputs={"in": (7, 7)}, populations={"a": Population((2, 3, 4), RELAY)}, projections=[c])


def test_local_fields_see_what_filters_see_with_weights_of_their_own():
    shared, own = (kind(before="in", after="a", size=2, padding=1) for kind in (Convolution, Local))
    shapes = (3, 4), (2, 4, 5)
    a, b = shared.listing(*shapes), own.listing(*shapes)
    np.testing.assert_array_equal(a.column_before, b.column_before)
    np.testing.assert_array_equal(a.column_starts, b.column_starts)
    assert shared.weight_shape(*shapes) == (2 * 4,)
    assert own.weight_shape(*shapes) == (len(b.who),)
    assert len(np.unique(b.where)) == len(b.where)
    # Corners see one pixel, borders two: what lies beyond has no synapses.
    assert set(np.diff(b.column_starts)) == {1, 2, 4}


def test_synapses_are_the_likelier_the_nearer():
    places = np.array([[0.0], [1.0], [2.0], [5.0]])
    before, after = synapses_by_distance(places, places, 1.0, radius=1.0)
    assert set(zip(before.tolist(), after.tolist(), strict=True)) == {
        (0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (1, 0), (1, 2), (2, 1),
    }  # fmt: skip
    line = np.linspace(0.0, 1.0, 60)[:, np.newaxis]
    before, after = synapses_by_distance(line, line, lambda d: np.exp(-d / 0.1), seed=1)
    lengths = np.abs(line[before] - line[after])
    assert np.mean(lengths < 0.2) > 0.6
    assert len(random_synapses(50, 50, 0.2, 0)[0]) == pytest.approx(500, rel=0.15)
    assert not np.any(np.equal(*random_synapses(50, 50, 0.5, 0, to_itself=False)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Listed(Projection):
    """A user's own projection: the synapses that it is told, each with a weight that may be shared."""

    pairs: tuple
    numbers: tuple

    def listing(self, before_shape, after_shape):
        n_before, n_after = math.prod(before_shape), math.prod(after_shape)
        starts = [0, max(self.numbers) + 1] + [max(self.numbers) + 1] * (n_after - 1)
        return listed(*self.pairs, self.numbers, n_before, n_after, np.zeros(n_after), starts)


def test_projection_of_a_users_own_lists_its_synapses():
    found = Listed(before="in", after="a", pairs=([0, 1, 1], [2, 0, 3]), numbers=(0, 1, 0), weights=[0.9, 0.1])
    assert in_both(relays(found, populations=["a"]), ([0, 1], [0, 5]))["a"] == {(2, 1), (3, 6)}


@pytest.mark.parametrize(
    ("pairs", "numbers", "message"),
    [
        (([0, 4], [0, 0]), (0, 1), "in_a lists synapses that are not there"),
        (([0, 1], [0, 4]), (0, 1), "in_a lists synapses that are not there"),
        (([0, 1], [0, 0]), (0, -1), "in_a lists synapses that are not there"),
        (([0, 0], [1, 1]), (0, 1), "in_a lists a synapse twice"),
        (([0, 0], [1, 2]), (0, 0), "in_a lists a weight of a sender twice"),
    ],
)
def test_listings_that_would_reach_beyond_are_told(pairs, numbers, message):
    with pytest.raises(ConfigError, match=message):
        Simulator(relays(Listed(before="in", after="a", pairs=pairs, numbers=numbers), populations=["a"]))


# Sources.


def two_inputs() -> Network:
    return Network(
        inputs={"east": 8, "west": (2, 4)},
        populations={"a": Population(6, AdEx())},
        projections=[
            Dense(before="east", after="a", weights=Uniform(0.2, 0.8), rule=SelfNormalizing()),
            Dense(before="west", after="a", weights=Uniform(0.2, 0.8), rule=Pair(normalization="l1"), delay=1.0),
        ],
    )


def recordings(n: int, n_inputs: int = 8) -> list:
    random = np.random.default_rng(3)
    return [(random.integers(0, n_inputs, 60), random.uniform(0.0, 60.0, 60)) for _ in range(n)]


@pytest.mark.parametrize(
    "source",
    [Poisson(), Latency(), Latency(order="rank"), Regular(), Ramp(start=0.5), StoredEvents(), Alternating()],
    ids=lambda source: f"{type(source).__name__}{getattr(source, 'order', '')}",
)
def test_training_and_counting_meet_the_same_spikes_whole_or_interrupted(source):
    images = np.random.default_rng(5).integers(0, 256, (6, 8))
    shown = {"east": recordings(6) if isinstance(source, StoredEvents) else images, "west": images}
    sources = {"east": source, "west": Poisson(gain=0.3)}
    options = {
        "seed": 3,
        "source": sources,
        "protocol": Protocol(shown=50.0, blank=10.0, min_spikes=1, max_intensity=6.0),
    }
    whole = Simulator(two_inputs(), **options)
    counts, attempts = whole.train(shown)
    assert counts.sum() > 10
    parts = Simulator(two_inputs(), **options)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        found, tried = parts.train({name: samples[part] for name, samples in shown.items()})
        np.testing.assert_array_equal(found, counts[part])
        np.testing.assert_array_equal(tried, attempts[part])
    resumed = Simulator(two_inputs(), **options)
    resumed.train({name: samples[:3] for name, samples in shown.items()})
    again = Simulator(two_inputs(), **options)
    for name, tensor in again.state.tensors().items():
        tensor[...] = resumed.state.tensors()[name]
    again.presentations = resumed.presentations
    again.train({name: samples[3:] for name, samples in shown.items()})
    for name, tensor in whole.state.tensors().items():
        np.testing.assert_array_equal(parts.state.tensors()[name], tensor, err_msg=name)
        np.testing.assert_array_equal(again.state.tensors()[name], tensor, err_msg=name)
    read, _ = whole.count_spikes(shown)
    backwards, _ = whole.count_spikes({name: samples[::-1] for name, samples in shown.items()}, threads=2)
    np.testing.assert_array_equal(read, backwards[::-1])
    reference = Simulator(two_inputs(), **options, kernel="reference")
    np.testing.assert_array_equal(reference.train(shown)[0], counts)
    for name, tensor in whole.state.tensors().items():
        np.testing.assert_array_equal(reference.state.tensors()[name], tensor, err_msg=name)
    np.testing.assert_array_equal(reference.count_spikes(shown)[0], read)


def test_samples_are_wanted_for_every_input():
    simulator = Simulator(two_inputs(), kernel="reference")
    images = np.zeros((2, 8))
    with pytest.raises(DataError, match="This network has the inputs east, west; give a dict with samples for each"):
        simulator.train(images)
    with pytest.raises(DataError, match="has the inputs east, west, got samples for east"):
        simulator.train({"east": images})
    with pytest.raises(DataError, match="All inputs need as many samples, got 1, 2"):
        simulator.train({"east": images, "west": images[:1]})
    frozen = Simulator(two_inputs().frozen(), kernel="reference")
    with pytest.raises(ConfigError, match="Nothing in this network learns; give a projection a rule"):
        frozen.train({"east": images, "west": images})


@dataclass(frozen=True, kw_only=True)
class Broken(Alternating):
    def encode(self, sample, n_steps, dt, intensity, random):
        if sample[0] > 200:
            raise KeyError("no such pixel")
        return [99], [0]


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_what_a_source_raises_reaches_the_user_and_ends_nothing_else(kernel):
    network = relays(Dense(before="in", after="a", rule=Pair()), populations=["a"])
    simulator = Simulator(network, source=Broken(), kernel=kernel)
    with pytest.raises(KeyError, match="no such pixel"):
        simulator.train(np.full((3, 4), 255.0))
    with pytest.raises(DataError, match="Broken makes spikes of input 99, but there are 4"):
        simulator.train(np.zeros((3, 4)))


@dataclass(frozen=True, kw_only=True)
class Interrupting(Source):
    """One spike for each image; at the fifth, Ctrl-C is pressed, and heard before that image is shown.

    The signal wakes nobody: as one that comes while the thread that hears it is about to fall asleep.
    """

    def encode(self, sample, n_steps, dt, intensity, random):
        if sample[0] == 5:
            raise_signal(SIGINT)
            until(lambda: self.stop[0])
        return [int(sample[0]) % 4], [1]


def until(true, seconds=300.0):
    """Wait for another thread."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.001)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_ctrl_c_is_heard_between_two_images_and_all_that_was_shown_is_kept(kernel, monkeypatch):
    images = np.arange(20)[:, np.newaxis].repeat(4, axis=1)
    network = relays(Dense(before="in", after="a", rule=Pair()), populations=["a"])
    protocol = Protocol(shown=2.0, blank=0.0, min_spikes=0)
    simulator = Simulator(network, source=Interrupting(), kernel=kernel, protocol=protocol)
    monkeypatch.setattr(Interrupting, "stop", simulator.loaded(1).stop, raising=False)
    counts, _ = simulator.train(images)
    assert simulator.interrupted
    assert len(counts) == simulator.presentations == 6
    again = Simulator(network, source=Interrupting(), kernel=kernel, protocol=protocol)
    images[5] = 9  # whose spike is the same
    np.testing.assert_array_equal(again.train(images[:6])[0], counts)
    np.testing.assert_array_equal(again.state.weights, simulator.state.weights)
    assert not again.interrupted


def test_ctrl_c_is_heard_while_images_are_counted(monkeypatch):
    network = relays(Dense(before="in", after="a"), populations=["a"])
    simulator = Simulator(network, source=Interrupting(), protocol=Protocol(shown=2.0, blank=0.0, min_spikes=0))
    heard, heard_meanwhile = [0], []

    def hear(*_):
        heard[0] = 1
        raise KeyboardInterrupt

    def encode(source, *given, encode=Interrupting.encode):
        spikes = encode(source, *given)
        heard_meanwhile.append(heard[0])
        return spikes

    monkeypatch.setattr(Interrupting, "stop", heard, raising=False)
    monkeypatch.setattr(Interrupting, "encode", encode)
    before = on_signal(SIGINT, hear)
    try:
        with pytest.raises(KeyboardInterrupt):
            simulator.count_spikes(np.arange(20)[:, np.newaxis].repeat(4, axis=1))
    finally:
        on_signal(SIGINT, before)
    assert heard_meanwhile[5] == 1


# Neurons of a user's own.


@dataclass(frozen=True, kw_only=True)
class Branching(Neuron):
    """A neuron whose equations go different ways, for which its potential is computed one by one."""

    tau: float = 10.0
    v_thresh: float = 1.0
    channels: ClassVar = {"exc": "i"}

    def variables(self):
        return {"v": 0.0, "i": 0.0, "n": 0.0}

    def step(v, i, n, dt, tau):
        if v > 0.5:
            leak = 2.0 * v
        elif v < 0:
            leak = 0.0
        else:
            leak = v
        return v + dt / tau * (i - leak), 0.8 * i, n

    def fires(v, n, v_thresh):
        return v > v_thresh + 0.1 * n if n < 3 else v > v_thresh

    def on_spike(v, n):
        return 0.0, n + 1.0


@dataclass(frozen=True, kw_only=True)
class Clock(Neuron):
    """A neuron that hears nothing and fires every fifth step."""

    v_thresh: float = 4.5
    channels: ClassVar = {}

    def variables(self):
        return {"v": 0.0}

    def step(v):
        return v + 1.0

    def on_spike(v):
        return 0.0 * v


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equations_of_a_neuron_may_go_different_ways(dtype):
    network = Network(
        inputs={"in": 9},
        populations={"a": Population(7, Branching())},
        projections=[Dense(before="in", after="a", weights=Uniform(-1.0, 2.0))],
        dtype=dtype,
    )
    spikes = np.random.default_rng(1).random((300, 9)) < 0.2
    ours, theirs = (
        simulate(network, spikes=spikes, n_steps=300, kernel=k, record={"a": ["v"]}) for k in ("compiled", "reference")
    )
    assert len(ours.spikes["a"]) > 20
    np.testing.assert_array_equal(ours.spikes["a"], theirs.spikes["a"])
    np.testing.assert_array_equal(ours.recording["a.v"], theirs.recording["a.v"])


def test_neurons_without_channels_drive_others():
    network = Network(
        inputs={},
        populations={"clock": Population(3, Clock()), "a": Population(3, RELAY)},
        projections=[OneToOne(before="clock", after="a", weights=[1.0, 1.0, 0.2])],
    )
    assert in_both(network, {}, 20)["a"] == {(j, t) for j in (0, 1) for t in (5, 10, 15)}
    with pytest.raises(ConfigError, match="a_clock cannot arrive, since Clock has no channel"):
        network.replace(projections=[OneToOne(before="a", after="clock")])


def _neuron(**members):
    """A neuron class with some members changed or left out."""
    given = {
        "__annotations__": {"v_thresh": "float"},
        "v_thresh": 1.0,
        "channels": {"exc": "i"},
        "variables": lambda self: {"v": 0.0, "i": 0.0},
        "step": lambda v, i: (v + i, 0.0),
        "on_spike": lambda v: 0.0,
    } | members
    kind = type("Mine", (Neuron,), {name: value for name, value in given.items() if value is not None})
    return dataclass(frozen=True, kw_only=True)(kind)()


HERE = r"test_networks\.py:\d+: "


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"variables": None}, "Mine does not say which variables it has"),
        ({"variables": lambda self: {}}, "variables of Mine must be names with finite numbers, got {}"),
        ({"variables": lambda self: {"v": math.nan, "i": 0.0}}, "variables of Mine must be names with finite numbers"),
        ({"variables": lambda self: {"v": 0.0, "i": 0.0, "theta": 0.0}}, "variable 'theta', a name that is taken"),
        (
            {"variables": lambda self: {"v": 0.0, "i": 0.0, "v_thresh": 0.0}},
            "variable 'v_thresh', a name that is taken",
        ),
        ({"variables": lambda self: {"v": 0.0, "i": 0.0, "_x": 0.0}}, "named '_x'; choose a Python name"),
        ({"resting": lambda self: {"v": 0.0}}, "resting of Mine must name v, i"),
        ({"channels": {"exc": "g"}}, r"The channel 'exc' of Mine adds to 'g', which is none of its variables \(v, i\)"),
        (
            {"held": ("u",), "t_ref": 2.0, "__annotations__": {"v_thresh": "float", "t_ref": "float"}},
            "Mine holds 'u' while it is refractory",
        ),
        ({"step": None}, "Mine does not say what happens at a time step; define step"),
        ({"on_spike": None}, "Mine does not say what happens at a spike; define on_spike"),
        ({"v_thresh": None, "__annotations__": {}}, "Mine has no variable v or no parameter v_thresh; define fires"),
        ({"step": lambda v, j: v}, HERE + "step asks for 'j', which Mine does not have; it may ask for v, i, v_thresh"),
        ({"step": lambda self, v: v}, HERE + "step of Mine asks for self; leave it out"),
        ({"step": lambda v, i: v}, HERE + "step of Mine must return v, i, in this order, but returns 1 of them"),
        (
            {"on_spike": lambda v: (0.0, 1.0)},
            HERE + "on_spike of Mine must return one number, v, but returns 2 of them",
        ),
        ({"on_spike": lambda v: None}, HERE + "on_spike of Mine must return one number, v, but returns something else"),
        ({"on_spike": lambda v_thresh: 0.0}, HERE + "on_spike of Mine asks for no state variable"),
        ({"fires": lambda v: (v, v)}, HERE + "fires of Mine must return one number, whether it does, but returns 2"),
        ({"step": lambda v, i: (np.random.rand() * v, i)}, HERE + r".*np\.random\.rand"),
        ({"step": lambda v, i: (v + i[0], i)}, HERE + "step of Mine raises"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_neurons_that_cannot_work_are_told_with_their_line(members, message):
    with pytest.raises(NeuronError, match=message):
        Population(3, _neuron(**members))


def test_neurons_that_the_compiler_refuses_are_told_with_their_line():
    network = Network(inputs={}, populations={"a": Population(2, _neuron(step=may_return_nothing))})
    with pytest.raises(NeuronError, match=HERE + "step of Mine "):
        Simulator(network).run({}, 3, learn=False)


def may_return_nothing(v, i):
    if v < 1e9:
        return v + i, 0.0


def test_neuron_that_is_no_dataclass_is_told():
    class Mine(Izhikevich):
        slow: float = 2.0

    with pytest.raises(NeuronError, match="Mine declares slow but is not a dataclass"):
        Population(3, Mine())


@pytest.mark.parametrize("neuron", [EXCITATORY, INHIBITORY, LIF(), AdEx(), Izhikevich(), RELAY, Branching(), Clock()])
@pytest.mark.parametrize("integrator", ["exponential_euler", "euler"])
def test_neurons_that_work_pass(neuron, integrator):
    check_neuron(neuron, integrator)
    assert Population(2, neuron).n == 2
    assert Input((2, 3)).n == 6
