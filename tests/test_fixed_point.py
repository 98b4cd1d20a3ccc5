"""Numbers of few bits: which ones there are, how values come to stand on them, and what cannot be."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram import DiehlCook, Simulator
from engram.errors import ConfigError
from engram.plasticity import (
    Exponential,
    LearningRule,
    Pair,
    SelfNormalizing,
    Triplet,
    make_rule,
    rule_from_record,
    rule_record,
)
from engram.plasticity.fixed_point import (
    WEIGHT_BY,
    Grid,
    by_chance,
    chances,
    grid_of,
    nearest,
    state_grids,
    weight_grid,
)
from engram.plasticity.self_normalizing import reciprocal_by_shift, reciprocal_by_table

KEY = np.array([3, 4], np.uint64)
QUARTERS = Grid(4.0, 0.25, -1.0, 0.75)


@pytest.mark.parametrize(
    ("bits", "largest", "signed", "expected"),
    [
        (4, 1.0, False, Grid(16.0, 1 / 16, 0.0, 15 / 16)),
        (4, 1.0, True, Grid(8.0, 1 / 8, -1.0, 7 / 8)),
        (3, 1.6, False, Grid(4.0, 1 / 4, 0.0, 7 / 4)),
        (8, 0.3, False, Grid(512.0, 1 / 512, 0.0, 255 / 512)),
        (1, 1.0, False, Grid(2.0, 1 / 2, 0.0, 1 / 2)),
    ],
)
def test_grids_as_worked_out_by_hand(bits, largest, signed, expected):
    assert grid_of(bits, largest, signed=signed) == expected


@pytest.mark.parametrize(
    ("rule", "low", "high", "n_numbers"),
    [
        (Triplet(weight_bits=6), 0.0, 63 / 64, 64),
        (Triplet(weight_bits=6, w_min=0.1, w_max=0.7), 7 / 64, 44 / 64, 38),
        (Pair(weight_bits=3, w_min=-0.5, w_max=0.5), -0.5, 0.375, 8),
        (SelfNormalizing(weight_bits=4), 0.0, 15 / 16, 16),
        (SelfNormalizing(weight_bits=4, a_tar=0.2), 0.0, 15 / 8, 16),
        (SelfNormalizing(weight_bits=4, w_max=0.5), 0.0, 7.5 / 16, 16),
        (SelfNormalizing(weight_bits=4, variant="smin"), -1.0, 7 / 8, 16),
        (SelfNormalizing(weight_bits=4, variant="smin", norm="l2", a_tar=1 / 112), -1.0, 7 / 8, 16),
    ],
)
def test_weights_have_as_many_values_as_their_bits_and_bounds_allow(rule, low, high, n_numbers):
    grid = weight_grid(rule, 784)
    assert (grid.low, grid.high) == (low, high)
    assert 1 + (grid.whole(high) - grid.whole(low)) == n_numbers


def test_traces_and_state_have_grids_of_their_own():
    grids = state_grids(Pair(state_bits=8, a_pre=0.01, a_post=0.02), 784)
    assert grids["x_pre"] == Grid(2048.0, 1 / 2048, 0.0, 255 / 2048)
    assert (grids["x_post"].low, grids["x_post"].high) == (-0.25, 0.25 - 1 / 512)
    assert state_grids(Triplet(state_bits=8), 784)["x_pre"] == Grid(256.0, 1 / 256, 0.0, 255 / 256)
    assert state_grids(SelfNormalizing(state_bits=8), 784)["s_max"].low == -4.0
    assert state_grids(Triplet(weight_bits=8), 784) == {}


@given(st.lists(st.integers(-4, 3)), st.sampled_from([np.float32, np.float64]))
def test_both_roundings_keep_numbers_of_the_grid(numbers, real):
    values, grid = np.array(numbers, real) / 4, QUARTERS.in_precision(real)
    assert np.array_equal(nearest(values, grid), values)
    for luck in (0.0, 0.5, 1.0 - 2.0**-32):
        assert np.array_equal(by_chance(values, luck, grid), values)


@given(st.floats(-2.0, 2.0), st.floats(0.0, 1.0, exclude_max=True))
def test_rounding_goes_to_a_neighbour_and_saturates(value, luck):
    for rounded in (nearest(value, QUARTERS), by_chance(value, luck, QUARTERS)):
        assert abs(rounded - min(max(value, -1.0), 0.75)) <= 0.25
        assert rounded * 4 == int(rounded * 4)


def test_ties_go_to_the_even_neighbour_and_nan_is_kept_to_be_found():
    assert [float(nearest(x, QUARTERS)) for x in (0.125, 0.375, -0.125)] == [0.0, 0.5, 0.0]
    assert math.isnan(nearest(math.nan, QUARTERS))
    assert math.isnan(by_chance(math.nan, 0.5, QUARTERS))


N_DRAWS = 200_000


@pytest.mark.parametrize("part", [0.03, 0.25, 0.5, 0.9])
def test_stochastic_rounding_is_unbiased(part):
    """The mean of many roundings is the value, within four standard errors: a bias of half a percent of a step would
    show."""
    value = 0.25 * (1 + part)
    rounded = by_chance(
        np.full(N_DRAWS, value), chances(KEY, 5, 7, WEIGHT_BY["on_post"], 11, np.arange(N_DRAWS)), QUARTERS
    )
    assert set(np.unique(rounded)) == {0.25, 0.5}
    four_errors = 4 * 0.25 * math.sqrt(part * (1 - part) / N_DRAWS)
    assert four_errors < 0.005 * 0.25
    assert abs(rounded.mean() - value) < four_errors


def test_steps_too_small_for_the_nearest_add_up_by_chance():
    """200 changes of a tenth of a step: 20 steps on average by chance, with a standard error of 0.1 over 2,000
    synapses, and none at all by the nearest."""
    fine, places = Grid(1.0, 1.0, 0.0, 1000.0), np.arange(2000)
    chanced, near = np.zeros(2000), np.zeros(2000)
    for event in range(200):
        chanced = by_chance(chanced + 0.1, chances(KEY, event, 3, WEIGHT_BY["on_pre"], 2, places), fine)
        near = nearest(near + 0.1, fine)
    assert np.all(near == 0.0)
    assert abs(chanced.mean() - 20.0) < 4 * math.sqrt(200 * 0.1 * 0.9 / 2000)
    assert chanced.std() == pytest.approx(math.sqrt(200 * 0.1 * 0.9), rel=0.07)


@pytest.mark.parametrize(
    "other", [{"run": 6}, {"t": 8}, {"what": WEIGHT_BY["on_pre"]}, {"who": 12}, {"key": np.array([3, 5], np.uint64)}]
)
def test_draws_of_different_events_are_unrelated(other):
    event = {"key": KEY, "run": 5, "t": 7, "what": WEIGHT_BY["on_post"], "who": 11, "places": np.arange(20_000)}
    ours, theirs = chances(**event), chances(**event | other)
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / math.sqrt(20_000)
    assert abs(np.corrcoef(ours[1:], ours[:-1])[0, 1]) < 4 / math.sqrt(20_000)
    assert np.histogram(ours, 10, (0, 1))[0] == pytest.approx(2000, abs=4 * math.sqrt(2000))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Triplet(weight_bits=0), r"weight_bits must be a whole number from 1 to 24, or inf.*, got 0\."),
        (lambda: Triplet(weight_bits=70), r"weight_bits must be .*, got 70\."),
        (lambda: Triplet(state_bits=-3), "state_bits must be"),
        (lambda: Triplet(weight_bits=6.5), "weight_bits must be"),
        (lambda: Triplet(weight_bits=math.nan), "weight_bits must be"),
        (lambda: Triplet(weight_bits="six"), "weight_bits must be"),
        (lambda: make_rule("triplet", {"weight_bits": "70"}), r"got 70\."),
        (lambda: make_rule("triplet", {"weight_bits": "six"}), "weight_bits of Triplet must be a number, got 'six'"),
        (lambda: Triplet(rounding="up"), "rounding must be"),
        (lambda: Simulator(DiehlCook(n_neurons=2), Triplet(weight_bits=1, w_min=0.6)), "leaves no two weights"),
        (lambda: Simulator(DiehlCook(n_neurons=2), Unbounded(weight_bits=6)), "give w_min and w_max, got 0.0 and inf"),
        (lambda: SelfNormalizing(norm="l2", division="shift"), "division='shift' is for the bounds of norm='l1'"),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


class Unbounded(LearningRule):
    def __init__(self, weight_bits):
        super().__init__(w_max=math.inf, weight_bits=weight_bits)

    def on_post(w):
        return w + 0.1


def test_bits_are_whole_numbers_whatever_they_were_given_as():
    for bits in (6, 6.0, np.int64(6), np.float32(6)):
        assert repr(Triplet(weight_bits=bits).weight_bits) == "6"
    assert make_rule("triplet", {"weight_bits": "6", "rounding": "stochastic"}).weight_bits == 6
    assert make_rule("triplet", {"weight_bits": "inf"}) == Triplet()


def test_records_keep_bits_where_there_are_any_and_old_ones_still_load():
    rule = Exponential(weight_bits=6, rounding="stochastic")
    record = json.loads(json.dumps(rule_record(rule)))
    assert record["constants"]["weight_bits"] == 6
    assert rule_from_record(record) == rule
    floating = rule_record(Exponential())
    assert not {"weight_bits", "state_bits", "rounding"} & set(floating["constants"])
    assert rule_from_record(floating) == Exponential()


def test_equations_do_not_see_the_bits():
    assert Triplet(weight_bits=6).parameters() == Triplet().parameters()


def test_weights_stand_on_the_grid_before_anything_is_learned():
    rule = Triplet(weight_bits=3)
    weights = Simulator(DiehlCook(n_inputs=9, n_neurons=4), rule, kernel="reference").state.weights
    assert set(np.unique(weights)) <= set(np.arange(8) / 8)
    given = Simulator(DiehlCook(n_inputs=1, n_neurons=3), rule, kernel="reference", weights=[[0.1, 0.49, 2.0]])
    assert given.state.weights.tolist() == [[0.125, 0.5, 0.875]]


@pytest.mark.parametrize("variant", ["smax", "smin"])
@pytest.mark.parametrize(("division", "worst"), [("table", 0.031), ("shift", 0.41)])
def test_bounds_without_a_division_are_close_for_every_count(variant, division, worst):
    exact, other = (SelfNormalizing(variant=variant, division=d).equations().after_post for d in ("exact", division))
    changed = 1 if variant == "smin" else 0
    for l_0 in range(1, 784, 5):
        x_pre = np.where(np.arange(784) < l_0, 1.0, 0.0)
        bounds = [f(x_pre, s_max=1.0, s_min=0.0, x_tar=0.2, a_tar=0.1, n_inputs=784.0) for f in (exact, other)]
        assert bounds[1][changed] == pytest.approx(bounds[0][changed], rel=worst)
        assert bounds[1][1 - changed] == bounds[0][1 - changed]


@pytest.mark.parametrize("reciprocal", [reciprocal_by_shift, reciprocal_by_table])
def test_reciprocals_are_right_on_average_over_an_octave(reciprocal):
    assert np.mean([reciprocal(count) * count for count in range(64, 128)]) == pytest.approx(1.0, abs=0.015)


def test_a_shift_is_a_power_of_two():
    assert [1 / reciprocal_by_shift(count) for count in (1, 2, 3, 5, 6, 89, 90)] == [1, 2, 4, 4, 8, 64, 128]
