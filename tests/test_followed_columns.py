"""What is kept of columns while rules change weights equals what is computed anew from all of them."""

import numpy as np
import pytest

from engram import DiehlCook, Simulator
from engram.kernels import followed_columns
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
    simulator.state.follow_columns(simulator.described)
    return simulator.state.projections["input_exc"]


def diehl_cook(rule, kernel: str = "compiled", n_neurons: int = 40) -> Simulator:
    network = DiehlCook(n_inputs=36, n_neurons=n_neurons, theta_plus=2.0)
    return Simulator(network, rule, protocol=PROTOCOL, input_gain=6.0, kernel=kernel, seed=3)


def same_as_anew(projection) -> None:
    columns = projection.followed
    found, at_bounds, is_finite = projection.norms, projection.at_bounds, projection.is_finite
    projection.followed = None
    np.testing.assert_array_equal(found, projection.norms)
    assert at_bounds == projection.at_bounds
    assert is_finite == projection.is_finite
    projection.followed = columns


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
@pytest.mark.parametrize("case", CASES)
def test_sums_and_copy_of_columns_equal_those_of_all_weights(case, kernel):
    name, constants = CASES[case]
    rule = make_rule(name, constants)
    simulator = diehl_cook(rule, kernel)
    projection, few = followed(simulator), 0
    copy, first = projection.weights.copy(), projection.weights.copy()
    projection.followed.copy_to(copy)
    for k in range(len(IMAGES) if kernel == "compiled" else 4):
        simulator.train(IMAGES[k : k + 1])
        same_as_anew(projection)
        few += 0 < np.count_nonzero(copy != projection.weights) < copy.size / 2
        projection.followed.copy_to(copy)
        np.testing.assert_array_equal(copy, projection.weights)
        simulator.come_to_rest()
    assert not np.array_equal(copy, first)
    assert few or rule.normalization != "none"


@pytest.mark.parametrize("rule", [make_rule("self_normalizing", {}), make_rule("pair", {"a_pre": 0.5})])
def test_sums_of_shared_weights_equal_those_computed_anew(rule):
    filters = {"maps": 6, "pool": 3, "pool_stride": 3}
    network = conv((10, 10), rule, 1.0, "exponential_euler", "float32", **filters)
    simulator = Simulator(network, protocol=PROTOCOL)
    simulator.state.follow_columns(simulator.described)
    (projection,) = (simulator.state.projections[p.name] for p in simulator.described.plastic)
    images, first = np.random.default_rng(0).integers(0, 256, (4, 100)).astype(np.float32), projection.weights.copy()
    for k in range(4):
        simulator.train(images[k : k + 1])
        same_as_anew(projection)
    assert not np.array_equal(projection.weights, first)
    assert (sum(projection.at_bounds) > 0) == np.isfinite(rule.w_max)


def test_sums_and_counts_are_of_the_weights_as_they_are_when_asked_for():
    simulator = diehl_cook(make_rule("power_law", {}))
    projection = followed(simulator)
    for k, value in enumerate((0.0, 1.0, np.nan, 0.5)):
        before = projection.at_bounds
        projection.weights[:, k] = value
        projection.learned.touch([k])
        assert projection.is_finite == (not np.isnan(value))
        assert np.isnan(projection.norms[k]) or projection.norms[k] == 36 * value
        assert np.subtract(projection.at_bounds, before).tolist() == [36 * (value == 0.0), 36 * (value == 1.0)]
        same_as_anew(projection)
        projection.weights[:, k] = 0.5
        projection.learned.touch([k])


@pytest.mark.parametrize("what", ["some", "all"])
def test_look_that_is_cut_short_is_begun_again(monkeypatch, what):
    simulator = diehl_cook(make_rule("power_law", {}))
    projection = followed(simulator)
    columns = {"some": [3, 7], "all": slice(None)}[what]
    copy = np.zeros_like(projection.weights)
    projection.followed.copy_to(copy)
    same_as_anew(projection)
    projection.weights[:, columns] = 0.25
    projection.learned.touch(columns)
    with pytest.raises(KeyboardInterrupt):
        projection.followed.copy_to(CutShort(copy))
    projection.followed.copy_to(copy)
    np.testing.assert_array_equal(copy, projection.weights)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(followed_columns, "count_at_bounds", cut_short)
        projection.at_bounds  # noqa: B018
    same_as_anew(projection)


def cut_short(*_):
    raise KeyboardInterrupt


class CutShort:
    """A copy into which nothing comes."""

    def __init__(self, copy):
        self.copy = copy

    __setitem__ = cut_short


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
    assert projection.followed is None
    np.testing.assert_array_equal(projection.norms, np.full(40, 9.0))
