"""What is kept of columns while rules change weights equals what is computed anew from all of them."""

import numpy as np
import pytest

from engram import DiehlCook, Simulator
from engram.networks import Protocol
from engram.networks.conv import conv
from engram.plasticity.registry import RULES, make_rule

PROTOCOL = Protocol(shown=100.0, blank=5.0, start_intensity=8.0, max_intensity=8.0, min_spikes=0, stop_spikes=1)
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 36)).astype(np.float32)
CASES = {
    **{name: (name, {}) for name in RULES},
    "normalised": ("exponential", {"normalization": "l1"}),
    "few bits": ("self_normalizing", {"weight_bits": 6}),
    "few bits, normalised": ("exponential", {"weight_bits": 6, "normalization": "l1"}),
}


def followed(simulator: Simulator):
    simulator.state.follow_columns(simulator.described, True)
    return simulator.state.projections["input_exc"]


def diehl_cook(rule, kernel: str = "compiled", n_neurons: int = 40) -> Simulator:
    network = DiehlCook(n_inputs=36, n_neurons=n_neurons, theta_plus=2.0)
    return Simulator(network, rule, protocol=PROTOCOL, input_gain=6.0, kernel=kernel, seed=3)


def same_as_anew(projection) -> None:
    sums = projection.sums
    found, at_bounds, is_finite = projection.norms, projection.at_bounds, projection.is_finite
    projection.sums = None
    np.testing.assert_array_equal(found, projection.norms)
    assert at_bounds == projection.at_bounds
    assert is_finite == projection.is_finite
    projection.sums = sums


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
@pytest.mark.parametrize("case", CASES)
def test_sums_and_copy_of_columns_equal_those_of_all_weights(case, kernel):
    name, constants = CASES[case]
    rule = make_rule(name, constants)
    simulator = diehl_cook(rule, kernel)
    projection, few = followed(simulator), 0
    copy, first = projection.weights.copy(), projection.weights.copy()
    projection.sums.copy_to(copy)
    for k in range(len(IMAGES) if kernel == "compiled" else 4):
        simulator.train(IMAGES[k : k + 1])
        same_as_anew(projection)
        few += 0 < np.count_nonzero(copy != projection.weights) < copy.size / 2
        projection.sums.copy_to(copy)
        np.testing.assert_array_equal(copy, projection.weights)
        simulator.come_to_rest()
    assert not np.array_equal(copy, first)
    assert few or rule.normalization != "none"


def test_sums_of_shared_weights_equal_those_computed_anew():
    simulator = Simulator(
        conv(
            (10, 10),
            make_rule("self_normalizing", {}),
            1.0,
            "exponential_euler",
            "float32",
            maps=6,
            pool=3,
            pool_stride=3,
        ),
        protocol=PROTOCOL,
    )
    simulator.state.follow_columns(simulator.described, True)
    images = np.random.default_rng(0).integers(0, 256, (4, 100)).astype(np.float32)
    for k in range(4):
        simulator.train(images[k : k + 1])
        for p in simulator.described.plastic:
            same_as_anew(simulator.state.projections[p.name])


def test_no_weight_is_counted_at_a_bound_that_is_infinite():
    simulator = diehl_cook(make_rule("self_normalizing", {}))
    simulator.state.weights[:, :20], simulator.state.weights[:, 20:] = np.inf, -np.inf
    assert simulator.state.projections["input_exc"].at_bounds == (0, 0)
    assert followed(simulator).at_bounds == (0, 0)


def test_norms_that_were_handed_out_stay_as_they_were():
    simulator = diehl_cook(make_rule("power_law", {}))
    projection = followed(simulator)
    norms, before = projection.norms, projection.norms.copy()
    simulator.train(IMAGES)
    assert not np.array_equal(projection.norms, before)
    np.testing.assert_array_equal(norms, before)


def test_weights_that_are_given_are_followed_no_longer():
    simulator = diehl_cook(make_rule("power_law", {}))
    projection = followed(simulator)
    simulator.take(np.full_like(projection.weights, 0.25), np.zeros(40))
    assert projection.sums is None
    np.testing.assert_array_equal(projection.norms, np.full(40, 9.0))
