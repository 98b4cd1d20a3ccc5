"""Networks as descriptions: their parts, what is refused and in which words, and what runs of them keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from scipy import signal, sparse

from drawn_networks import Alternating, Izhikevich
from engram import Network, Population, Protocol, Simulator, simulate
from engram.errors import ConfigError, DataError, NeuronError
from engram.networks import AdaptiveThreshold, Input
from engram.neurons import EXCITATORY, INHIBITORY, LIF, AdEx, Neuron
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
from engram.sources import Latency, Poisson, Ramp, Regular, StoredEvents
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
    network = relays(Sparse(before="in", after="a", synapses=([0, 0, 2], [3, 1, 0]), delay=[3.0, 0.5, 1.0]), populations=["a"])
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


def test_threads_share_a_network_of_two_layers_whoever_went_on_with_it_before(monkeypatch):
    monkeypatch.setattr("engram.simulator.NEURONS_PER_THREAD", 32)
    monkeypatch.setattr("engram.simulator.default_threads", lambda: 2)
    n, theta = 70, AdaptiveThreshold(start=10.0)
    network = Network(
        inputs={"in": 20},
        populations={"a": Population(n, EXCITATORY, theta), "b": Population(n, INHIBITORY), "c": Population(n, EXCITATORY, theta)},
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
    ours, theirs = (simulate(network, spikes=spikes, n_steps=300, kernel=k, record={"a": ["v"]}) for k in ("compiled", "reference"))
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
