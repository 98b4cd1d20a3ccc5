"""What every learning rule has to keep in fixed point: the same bits in both kernels, numbers of its grids alone."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from contracts.test_rules import ALL_RULES, Homemade, assert_same_run, both_precisions
from engram import DiehlCook, Network, Population, Simulator, simulate
from engram.networks import Protocol
from engram.neurons import EXCITATORY
from engram.plasticity import SelfNormalizing, Triplet
from engram.plasticity.fixed_point import described, state_grids, weight_grid
from engram.projections import Convolution, Uniform
from scenes import poisson_train

N_INPUTS, N_NEURONS, N_STEPS = 12, 5, 90
BY_CHANCE = {"weight_bits": 5, "state_bits": 7, "rounding": "stochastic"}

every_rule = pytest.mark.parametrize(
    "rule",
    [*ALL_RULES, SelfNormalizing(division="table"), SelfNormalizing(variant="smin", division="shift")],
    ids=lambda rule: "-".join([rule.name, *(getattr(rule, k) for k in ("variant", "division") if hasattr(rule, k))]),
)


@functools.cache
def run(rule, dtype="float32", kernel="compiled", seed=0):
    """A few neurons that fire a lot."""
    random = np.random.default_rng(3)
    network = DiehlCook(n_inputs=N_INPUTS, n_neurons=N_NEURONS, w_inh_exc=1.0, dtype=dtype)
    return simulate(
        network,
        rule,
        kernel=kernel,
        seed=seed,
        spikes=poisson_train(N_INPUTS, N_STEPS, 0.15, seed=5),
        n_steps=N_STEPS,
        weights=random.uniform(0.4, 0.9, (N_INPUTS, N_NEURONS)),
        theta=random.uniform(17.0, 19.0, N_NEURONS),
        delays=random.integers(0, 4, (N_NEURONS, N_NEURONS)).astype(np.uint8),
    )


def assert_on_grid(values, grid):
    np.testing.assert_array_equal(values, grid.nearest(values))
    assert np.all(np.abs(grid.whole(values)) < 2**24)


@every_rule
@both_precisions
def test_kernels_round_by_chance_to_the_same_bits(rule, dtype):
    rule = replace(rule, **BY_CHANCE)
    found = run(rule, dtype)
    assert len(found.exc_spikes) >= N_NEURONS
    assert_same_run(found, run(rule, dtype, kernel="reference"))


@pytest.mark.parametrize("bits", [{"weight_bits": 6}, {"state_bits": 6}, {"weight_bits": 4, "state_bits": 24}])
@pytest.mark.parametrize("rule", [Triplet(), Homemade()], ids=lambda rule: rule.name)
def test_kernels_round_to_the_nearest_to_the_same_bits(rule, bits):
    rule = replace(rule, **bits)
    assert_same_run(run(rule), run(rule, kernel="reference"))


@every_rule
def test_weights_and_state_stand_on_their_grids(rule):
    rule = replace(rule, **BY_CHANCE)
    result = run(rule)
    grid = weight_grid(rule, N_INPUTS)
    assert_on_grid(result.weights, grid)
    assert grid.low <= result.weights.min() < result.weights.max() <= grid.high
    assert 1 < len(np.unique(result.weights)) <= 2**5
    for name in rule.initial_state(N_INPUTS):
        assert_on_grid(result.rule_state[name], state_grids(rule, N_INPUTS)[name])


@every_rule
def test_finer_grids_come_closer_to_floating_point(rule):
    exact = run(rule).weights
    off = [np.abs(run(replace(rule, weight_bits=bits)).weights - exact).mean() for bits in (3, 24)]
    assert off[1] < 0.01 < off[0]


def images(n=3):
    return np.random.default_rng(8).integers(0, 256, (n, N_INPUTS)).astype(np.uint8)


def trained(rule, *parts, kernel="compiled", n_neurons=N_NEURONS, threads=1, seed=0):
    """A simulator that has learned from parts of a few images, one after another."""
    simulator = Simulator(
        DiehlCook(n_inputs=N_INPUTS, n_neurons=n_neurons, w_start=4.0, theta_start=8.0),
        rule,
        seed=seed,
        protocol=Protocol(shown=40.0, blank=5.0, min_spikes=2, start_intensity=32.0, max_intensity=64.0),
        kernel=kernel,
    )
    for part in parts or (images(),):
        simulator.train(part, threads=threads)
    return simulator


def assert_same_state(a, b):
    for (name, ours), theirs in zip(a.state.tensors().items(), b.state.tensors().values(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


LEARNS_AT_BOTH = Triplet(eta_pre=0.01, eta_post=0.1, **BY_CHANCE)


def test_kernels_present_and_normalise_to_the_same_bits():
    ours = trained(LEARNS_AT_BOTH)
    assert_on_grid(ours.state.weights, weight_grid(LEARNS_AT_BOTH, N_INPUTS))
    assert_same_state(ours, trained(LEARNS_AT_BOTH, kernel="reference"))


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_training_in_parts_draws_what_training_at_once_draws(kernel):
    whole, parts = trained(LEARNS_AT_BOTH, kernel=kernel), trained(LEARNS_AT_BOTH, *images()[:, None], kernel=kernel)
    assert_same_state(whole, parts)


def test_beginning_again_is_being_new_and_weights_from_elsewhere_are_rounded():
    again, weights = trained(LEARNS_AT_BOTH), np.random.default_rng(4).uniform(0.0, 1.0, (N_INPUTS, N_NEURONS))
    new = Simulator(again.network, LEARNS_AT_BOTH, protocol=again.protocol, weights=weights, theta=[8.0] * N_NEURONS)
    again.begin_again(weights, [8.0] * N_NEURONS)
    assert_on_grid(again.state.weights, weight_grid(LEARNS_AT_BOTH, N_INPUTS))
    for simulator in (again, new):
        simulator.train(images())
    assert_same_state(again, new)


def test_threads_draw_alike(monkeypatch):
    monkeypatch.setattr("engram.simulator.NEURONS_PER_THREAD", 32)
    monkeypatch.setattr("engram.simulator.default_threads", lambda: 2)
    alone, shared = (trained(LEARNS_AT_BOTH, n_neurons=80, threads=n) for n in (1, 2))
    assert list(shared._learning) == [(2, "")]
    assert_same_state(alone, shared)


def test_seeds_draw_differently():
    found = [run(SelfNormalizing(**BY_CHANCE), seed=seed) for seed in (0, 1)]
    np.testing.assert_array_equal(found[0].exc_spikes[:N_NEURONS], found[1].exc_spikes[:N_NEURONS])
    assert not np.array_equal(found[0].weights, found[1].weights)


def shared_filters(rule) -> Network:
    return Network(
        inputs={"image": (4, 4)},
        populations={"maps": Population((2, 3, 3), replace(EXCITATORY, v_start=-65.0))},
        projections=[
            Convolution(before="image", after="maps", size=2, weights=Uniform(2.0, 4.0), rule=rule),
        ],
    )


@pytest.mark.parametrize("rule", [LEARNS_AT_BOTH, Homemade(eta=0.1, **BY_CHANCE)], ids=lambda rule: rule.name)
def test_kernels_agree_on_shared_weights(rule):
    rule = replace(rule, w_max=8.0)
    found = []
    for kernel in ("compiled", "reference"):
        simulator = Simulator(
            shared_filters(rule), protocol=Protocol(shown=20.0, blank=2.0, start_intensity=32.0, min_spikes=0),
            kernel=kernel,
        )  # fmt: skip
        before = simulator.state.weights.copy()
        simulator.train(np.random.default_rng(2).integers(0, 256, (2, 16)))
        assert not np.array_equal(before, simulator.state.weights)
        found.append(simulator)
    assert_same_state(*found)


def test_a_rule_tells_how_it_holds_its_numbers():
    assert described(Triplet()) == ""
    assert described(Triplet(weight_bits=6)) == "6-bit weights, rounding nearest"
    assert described(LEARNS_AT_BOTH) == "5-bit weights, 7-bit state, rounding stochastic"
