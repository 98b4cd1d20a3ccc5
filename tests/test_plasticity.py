"""The rules one by one against numbers worked out by hand; normalisation, records, and a user's own rule."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram import DiehlCook, Protocol, Simulator
from engram.errors import ConfigError, RuleError
from engram.plasticity import (
    RULES,
    Exponential,
    Pair,
    PowerLaw,
    SelfNormalizing,
    Symmetric,
    Triplet,
    load_rule,
    make_rule,
    rule_from_record,
    rule_record,
)
from engram.plasticity.base import LearningRule, changes_silent_synapses, check_rule
from engram.plasticity.normalization import KINDS, scale_to_norm, target_norm
from engram.plasticity.self_normalizing import smax_bounds_l2, towards_bounds
from engram.rule_probes import earlier_post_for, norm_convergence, stdp_window

# Traces at half, once and twice their time constant.
E_HALF, E_1, E_2 = math.exp(-0.5), math.exp(-1.0), math.exp(-2.0)

HAND_WORKED = [
    # rule, w, delay from input spike to postsynaptic spike in ms, change
    (PowerLaw(eta=0.1, x_tar=0.2, mu=2.0), 0.5, 20.0, 0.1 * (E_1 - 0.2) * 0.25),
    (PowerLaw(eta=0.1, x_tar=0.2, mu=1.0), 0.4, 0.0, 0.1 * 0.8 * 0.6),
    (PowerLaw(eta=0.1, x_tar=0.2, mu=1.0), 0.4, -10.0, -0.1 * 0.2 * 0.6),
    (PowerLaw(eta=9.0, x_tar=0.2, mu=0.0), 0.4, 0.0, 0.6),  # up to w_max
    (Exponential(eta=0.1, x_tar=0.2, beta=1.0), 0.5, 20.0, 0.1 * (E_1 - 0.2) * E_HALF),
    (Exponential(eta=0.1, x_tar=0.2, beta=2.0), 1.0, 0.0, 0.1 * (E_2 - 0.2)),
    (Exponential(eta=0.1, x_tar=0.2, beta=0.0), 0.5, -5.0, -0.02),
    (Symmetric(eta_pre=0.1, eta_post=0.2, x_tar=0.2, mu=1.0), 0.5, 20.0, 0.2 * (E_1 - 0.2) * 0.5),
    # the neuron first: 0.5 - 0.2 · 0.2 · 0.5 = 0.48, then depressed by 0.1 · e^-1 of itself
    (Symmetric(eta_pre=0.1, eta_post=0.2, x_tar=0.2, mu=1.0), 0.5, -20.0, 0.48 * (1 - 0.1 * E_1) - 0.5),
    (Pair(), 0.5, 30.0, 0.1 * E_1),
    (Pair(), 0.5, -30.0, -0.11 * E_1),
    (Pair(w_min=1.0, w_max=3.0), 2.0, 60.0, 2.0 * 0.1 * E_2),
    (Pair(), 0.05, 0.0, 0.1),
    (Pair(), 0.05, -0.001, -0.05),  # down to w_min
    (Triplet(), 0.5, 5.0, 0.0),  # the neuron had not fired before
    (Triplet(eta_pre=0.01), 0.5, -20.0, -0.01 * E_1),
    (SelfNormalizing(eta=0.1), 0.3, 20.0, 0.1 * (0.8 - 0.3)),  # e^-1 > x_tar; s_max = 0.1 · 8 / 1
    (SelfNormalizing(eta=0.1), 0.3, 40.0, -0.1 * 0.3),  # e^-2 < x_tar
    (SelfNormalizing(eta=0.1, variant="smin", bound=2.0), 0.3, 0.0, 0.1 * 1.7),
    (SelfNormalizing(eta=0.1, variant="smin", bound=2.0), 0.3, -1.0, -0.1 * (0.3 + 1.2 / 7)),  # (0.8 - 2) / 7
]


@pytest.mark.parametrize(("rule", "w", "delay", "change"), HAND_WORKED)
def test_one_pair_of_spikes_changes_a_weight_as_worked_out_by_hand(rule, w, delay, change):
    assert stdp_window(rule, [delay], [w, w])[0, 0] == pytest.approx(change, rel=1e-12, abs=1e-15)


def test_triplet_potentiates_by_the_spike_before_the_last():
    rule = Triplet(eta_pre=0.001, eta_post=0.01)
    # fired at 0; input at 10, which is depressed by e^(-10/20); fired at 30: x_pre = e^(-20/20), x_post2 = e^(-30/40)
    expected = -0.001 * E_HALF + 0.01 * E_1 * math.exp(-0.75)
    window = stdp_window(rule, [20.0], [0.5, 0.6], earlier_post=10.0)
    np.testing.assert_allclose(window, expected, rtol=1e-12)


def test_only_the_triplet_rule_needs_an_earlier_spike():
    assert {name for name in RULES if earlier_post_for(RULES[name]()) is not None} == {"triplet"}


def test_window_has_a_row_for_each_weight_and_a_column_for_each_delay():
    assert stdp_window(Pair(), [-1.0, 0.0, 1.0], [0.2, 0.4]).shape == (2, 3)
    assert stdp_window(Pair(), [], [0.2, 0.4]).shape == (2, 0)


STARTS = ("all weights 0", "all equal", "ten times the norm")


def three_starts(n: int = 784) -> np.ndarray:
    random = np.random.default_rng(0).random(n)
    return np.column_stack((np.zeros(n), np.full(n, 0.1), random * (n / random.sum())))


@pytest.fixture(scope="module")
def previous_count():
    with np.errstate(all="raise"):
        return norm_convergence(SelfNormalizing(eta=0.01), three_starts())


@pytest.mark.parametrize("start", range(3), ids=STARTS)
def test_smax_norm_settles_within_3_percent_of_its_target(previous_count, start):
    assert np.all(np.isfinite(previous_count))
    assert previous_count[700, start] == pytest.approx(78.4, rel=0.03)


def test_smax_closes_in_by_one_minus_eta_a_spike():
    sums = norm_convergence(SelfNormalizing(eta=0.01, count="current"), three_starts())
    expected = 78.4 + (sums[0] - 78.4) * 0.99 ** np.arange(701)[:, np.newaxis]
    np.testing.assert_allclose(sums, expected, rtol=1e-12)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0])
def test_smin_sum_of_weights_of_both_signs_settles_within_3_percent(bound):
    start = np.random.default_rng(1).normal(0.0, 1.0, (784, 2))
    sums = norm_convergence(SelfNormalizing(variant="smin", eta=0.01, bound=bound), start)
    np.testing.assert_allclose(sums[-1], 78.4, rtol=0.03)


def test_euclidean_norm_of_positive_weights_settles_near_its_target_where_learning_is_slow():
    rule = SelfNormalizing(norm="l2", eta=0.02, a_tar=0.0707)
    norms = norm_convergence(rule, three_starts(), n_spikes=250)
    assert norms[0, 1] == pytest.approx(0.1 * 28)
    np.testing.assert_allclose(norms[-1], rule.target(784), rtol=0.03)
    assert rule.target(784) == pytest.approx(0.0707 * (8 * 784) ** 0.5)


@pytest.mark.parametrize("n_active", [1, 3, 7])
def test_smin_of_one_euclidean_norm_ends_at_a_pattern_without_mean(n_active):
    rule, n = SelfNormalizing(variant="smin", norm="l2", count="current", a_tar=0.25), 8
    x_pre = np.where(np.arange(n) < n_active, 1.0, 0.0)
    s_max, s_min = rule.equations().before_post(x_pre, 0.0, 0.0, rule.x_tar, rule.a_tar, n)
    fixed_point = np.where(x_pre > 0, s_max, s_min)
    assert fixed_point.sum() == pytest.approx(0.0)
    assert np.linalg.norm(fixed_point) == pytest.approx(0.25 * n) == pytest.approx(rule.target(n))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_is_alike_everywhere_has_no_place_in_signed_filters(level):
    rule = SelfNormalizing(variant="smin", norm="l2", count="current")
    assert rule.equations().before_post(np.full(8, level), 3.0, -1.0, rule.x_tar, rule.a_tar, 8) == (0.0, 0.0)


@pytest.mark.parametrize("variant", ["smax", "smin"])
@pytest.mark.parametrize("count", ["previous", "current"])
@pytest.mark.parametrize("rate", [0.001, 2000.0], ids=["silent", "all active"])
def test_bounds_survive_counts_that_would_divide_by_zero(variant, count, rate):
    rule = SelfNormalizing(variant=variant, count=count)
    with np.errstate(all="raise"):
        assert np.all(np.isfinite(norm_convergence(rule, np.full((20, 2), 0.1), n_spikes=50, rate=rate)))


def normalize_all(weights, kind, target):
    n_inputs, n_neurons = weights.shape
    for j in range(n_neurons):
        scale_to_norm(weights.reshape(-1), j, n_neurons, n_inputs, KINDS[kind], target)


def test_silent_columns_stay_as_they_are():
    weights = np.array([[0.0, 1.0], [0.0, 3.0]])
    for kind in ("l1", "l2"):
        changed = weights.copy()
        with np.errstate(all="raise"):
            normalize_all(changed, kind, target_norm(kind, 784))
        np.testing.assert_array_equal(changed[:, 0], 0.0)
        assert changed[1, 1] == pytest.approx(3 * changed[0, 1])


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_only_changed_columns_are_normalised(kernel):
    network, protocol = DiehlCook(n_inputs=20, n_neurons=3), Protocol(shown=5.0, blank=0.0, min_spikes=0)
    rule, weights = PowerLaw(normalization="l1"), np.full((20, 3), 0.5)
    trained = Simulator(network, rule, protocol=protocol, kernel=kernel, weights=weights)
    trained.memory.changed[1] = False
    trained.train(np.zeros((1, 20)))
    np.testing.assert_allclose(trained.state.weights.sum(axis=0), [2.0, 10.0, 2.0], rtol=1e-6)
    assert not trained.memory.changed.any()


@given(
    n_inputs=st.integers(1, 30),
    n_neurons=st.integers(1, 5),
    seed=st.integers(0, 100),
    kind=st.sampled_from(["l1", "l2"]),
)
def test_normalised_columns_have_the_target_norm(n_inputs, n_neurons, seed, kind):
    weights = np.random.default_rng(seed).uniform(-0.5, 1.0, (n_inputs, n_neurons))
    target = target_norm(kind, n_inputs)
    before = np.sign(weights)
    normalize_all(weights, kind, target)
    order = {"l1": 1, "l2": 2}[kind]
    np.testing.assert_allclose(np.linalg.norm(weights, order, axis=0), target, rtol=1e-12)
    np.testing.assert_array_equal(np.sign(weights), before)


def test_targets_of_the_norms():
    assert target_norm("l1", 784) == pytest.approx(78.4)
    assert target_norm("l2", 784) == pytest.approx(5.6)


def test_single_precision_weights_stay_single_when_normalised():
    weights = np.full((3, 2), 0.5, np.float32)
    normalize_all(weights, "l1", np.float32(0.3))
    np.testing.assert_allclose(weights, np.float32(0.1), rtol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_rule_is_made_from_its_name_shows_itself_and_survives_json(name):
    rule = make_rule(name, {"tau_pre": "12.5"})
    assert rule.tau_pre == 12.5
    assert rule.name == name
    assert eval(repr(rule).replace("inf", "math.inf"), {**globals()}) == rule
    assert rule_from_record(json.loads(json.dumps(rule_record(rule), allow_nan=False))) == rule


def test_infinite_bounds_are_text_in_a_record():
    assert rule_record(SelfNormalizing())["constants"]["w_min"] == "-inf"


@pytest.mark.parametrize(
    ("name", "normalization"),
    [
        ("pair", "none"),
        ("self_normalizing", "none"),
        *((n, "l1") for n in ("triplet", "power_law", "exponential", "symmetric")),
    ],
)
def test_rule_says_which_normalisation_it_wants(name, normalization):
    assert make_rule(name).normalization == normalization


def test_learning_rates_fall_geometrically():
    rule = Symmetric(eta_pre=0.1, eta_post=0.2, eta_decay=0.01)
    half_way = rule.at_progress(0.5)
    assert (half_way.eta_pre, half_way.eta_post) == pytest.approx((0.01, 0.02))
    assert half_way.x_tar == rule.x_tar


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerLaw(eta=-1.0), "eta must be positive, got -1.0"),
        (lambda: PowerLaw(w_max=math.inf), "w_max must be a finite number"),
        (lambda: Exponential(tau_pre=0.0), "tau_pre must be positive, got 0.0 ms"),
        (lambda: Symmetric(w_min=-0.1), "w_min must be zero or positive"),
        (lambda: Pair(w_min=2.0), "w_max must exceed w_min"),
        (lambda: Triplet(normalization="l3"), "normalization must be one of none, l1, l2"),
        (lambda: make_rule("triplet", {"eta": 1}), "Triplet has no constant 'eta'.*; it has w_min"),
        (
            lambda: make_rule("triplet", {"eta_pre": "fast"}),
            "eta_pre of Triplet must be a number, got 'fast'",
        ),
    ],
)
def test_impossible_constants_are_told(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_unknown_rule_is_told_with_the_known_ones():
    with pytest.raises(RuleError, match=r"no learning rule 'tripet' \(did you mean triplet\?\); choose one of self"):
        make_rule("tripet")


def test_presynaptic_changes_are_sparse_where_they_can_be():
    assert not any(changes_silent_synapses(rule()) for rule in RULES.values())


# A user's own rule.

RULE = """from dataclasses import dataclass
import math
import numpy as np
from engram import LearningRule, Trace

STEP = 0.25


@dataclass(frozen=True, kw_only=True)
class Mine(LearningRule):
    eta: float = 0.1
    steep: bool = False

    def traces(self):
        return (Trace("x_pre", of="pre", tau=20.0), Trace("x_post", of="post", tau=20.0))

"""
FIRST_LINE = len(RULE.splitlines()) + 1
ON_POST = "    def on_post(w, x_pre, eta):\n        return w + STEP * eta * x_pre\n"


@pytest.fixture
def rule_file(tmp_path):
    def write(body=ON_POST, head=RULE):
        path = tmp_path / "my_rule.py"
        path.write_text(head + body)
        return f"{path}:Mine"

    return write


def test_users_rule_is_made_from_its_file(rule_file):
    rule = make_rule(rule_file(), {"eta": "0.2", "steep": "true"})
    assert (rule.name, rule.eta, rule.steep) == ("Mine", 0.2, True)
    assert stdp_window(rule, [20.0], [0.5, 0.6])[0, 0] == pytest.approx(0.25 * 0.2 * E_1)


def test_file_is_run_again_only_after_a_change(rule_file):
    first = load_rule(rule_file())
    assert type(load_rule(rule_file())) is type(first)
    assert type(load_rule(rule_file(ON_POST.replace("STEP", "2.0")))) is not type(first)


def test_users_file_may_import_its_neighbours(rule_file, tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("def half(x):\n    return 0.5 * x\n")
    head = "from neighbour_of_mine import half\n" + RULE
    rule = load_rule(rule_file("    def on_post(w):\n        return half(w)\n", head))
    assert stdp_window(rule, [0.0], [0.5, 0.8])[0].tolist() == [-0.25]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    def on_post(w, eta) return w\n", r"my_rule\.py:{0}: expected ':'\."),
        ("    x = 1 / 0\n", r"my_rule\.py:{0}: ZeroDivisionError: division by zero\."),
        (
            "    def on_post(w, x): return w\n",
            r"my_rule\.py:{0}: on_post asks for 'x', which Mine does not have",
        ),
        (
            "    def on_post(self, w): return w\n",
            r"my_rule\.py:{0}: on_post of Mine asks for self; leave it out",
        ),
        (
            "    def on_post(w): w + 1\n",
            r"my_rule\.py:{0}: on_post of Mine must return the number w, but returns nothing",
        ),
        (
            "    def on_post(w, eta): return w, eta\n",
            r"{0}: on_post of Mine must return the number w, but returns 2 values",
        ),
        (
            "    def on_post(w):\n        y = 1\n        return w + foo\n",
            r"my_rule\.py:{2}: on_post of Mine uses the name 'foo', which is not defined",
        ),
        (
            "    def initial_state(self, n): return {{'a': 0.0, 'b': 1.0}}\n    def after_post(w, a): return a, a, a\n",
            r"my_rule\.py:{1}: after_post of Mine must return the numbers a, b, but returns 3 of them",
        ),
        (
            "    def initial_state(self, n): return {{'eta': 0.0}}\n    def on_post(w): return w\n",
            "Mine uses the name 'eta' for two things",
        ),
        (
            "    def initial_state(self, n): return {{'_a': 0.0}}\n    def on_post(w): return w\n",
            "named '_a'; choose a Python name",
        ),
        (
            "    def traces(self): return 1.0\n    def on_post(w): return w\n",
            r"my_rule\.py:{0}: traces of Mine must return a tuple of Trace, of a single one with a comma",
        ),
        (
            "    def initial_state(self, n): return 0.0\n    def on_post(w): return w\n",
            r"my_rule\.py:{0}: initial_state of Mine must return names with their first values",
        ),
        ("", "Mine has no equation; define on_post or on_pre"),
    ],
)
def test_mistake_in_a_users_rule_is_told_with_its_line(rule_file, body, message):
    with pytest.raises(RuleError, match=message.format(*range(FIRST_LINE, FIRST_LINE + 3))):
        load_rule(rule_file(body.format()))


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("", r"Mine declares eta but is not a dataclass; put @dataclass\(frozen=True, kw_only=True\) above"),
        (
            "@dataclass",
            r"my_rule\.py:9: a learning rule is a frozen dataclass; write @dataclass\(frozen=True",
        ),
    ],
)
def test_missing_decorator_is_told(rule_file, decorator, message):
    with pytest.raises(RuleError, match=message):
        load_rule(rule_file(head=RULE.replace("@dataclass(frozen=True, kw_only=True)", decorator)))


def test_a_users_file_that_exits_is_told(rule_file):
    with pytest.raises(RuleError, match=r"my_rule\.py:\d+: SystemExit: 3"):
        load_rule(rule_file(head="raise SystemExit(3)\n" + RULE))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py:Mine", r"There is no file nowhere\.py"),
        ("{file}:", r"named path\.py:Class, got"),
        ("{file}:Yours", r"my_rule\.py has no class 'Yours'; its learning rules are Mine"),
        (
            "{file}:dataclass",
            r"dataclass in .*my_rule\.py is not a learning rule; derive it from engram\.LearningRule",
        ),
    ],
)
def test_wrong_name_of_a_users_rule_is_told(rule_file, name, message):
    file = rule_file().rpartition(":")[0]
    with pytest.raises(RuleError, match=message):
        make_rule(name.format(file=file))


def test_record_of_a_users_rule_names_the_file_but_runs_nothing(rule_file, tmp_path, monkeypatch):
    name = rule_file()
    rule = load_rule(name, {"eta": 0.3})
    record = json.loads(json.dumps(rule_record(rule)))
    assert record["rule"] == "my_rule.py:Mine"
    (tmp_path / "my_rule.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuleError, match=r"made with the rule my_rule\.py:Mine; give that file and class"):
        rule_from_record(record)
    assert rule_from_record(record, type(rule)) == rule
    rule_file()
    assert rule_from_record(record, name) == rule


def test_record_does_not_take_another_rule(rule_file):
    record = rule_record(load_rule(rule_file()))
    with pytest.raises(RuleError, match=r"made with the rule my_rule\.py:Mine, not with triplet"):
        rule_from_record(record, Triplet)


@pytest.mark.parametrize("record", [{}, {"rule": "triplet"}, {"rule": 3, "constants": {}}])
def test_damaged_record_is_told(record):
    with pytest.raises(RuleError, match="record of the learning rule is damaged"):
        rule_from_record(record)


def test_record_of_a_rule_from_another_version_is_told():
    with pytest.raises(RuleError, match="'voltage', which this version of engram does not have"):
        rule_from_record({"rule": "voltage", "constants": {}})


@pytest.mark.parametrize("name", RULES)
def test_every_constant_is_documented(name):
    rule = RULES[name]
    own = {field.name for field in fields(rule)} - {field.name for field in fields(LearningRule)}
    assert all(constant in rule.__doc__ for constant in own)


def l2_spike(rule, w, active):
    """A spike of a neuron whose active inputs these are, with the count of this spike."""
    x_pre = np.where(active, 1.0, 0.0)
    s_max, s_min = smax_bounds_l2(w, x_pre, 0.5, 0.0, rule.x_tar, rule.a_tar, len(w))
    return np.array([towards_bounds(a, x, s_max, s_min, rule.eta, rule.x_tar) for a, x in zip(w, x_pre, strict=True)])


def test_the_squared_euclidean_norm_closes_in_on_its_target_by_twice_the_learning_rate_a_spike():
    random = np.random.default_rng(0)
    rule = SelfNormalizing(norm="l2", count="current", eta=1e-6)
    w, active = random.uniform(0.5, 1.5, 200), random.random(200) < 0.3
    target = 8 * rule.a_tar**2 * 200
    change = (l2_spike(rule, w, active) ** 2).sum() - (w**2).sum()
    assert change == pytest.approx(2 * rule.eta * (target - (w**2).sum()), rel=1e-4)


@pytest.mark.parametrize("start", [0.01, 0.2, 2.0])
def test_neurons_that_learn_patterns_of_any_number_of_inputs_have_the_same_euclidean_norm(start):
    random = np.random.default_rng(1)
    rule = SelfNormalizing(norm="l2", count="current", eta=0.1)
    for share in (0.05, 0.125, 0.5):
        core, w = random.random(300) < share, np.full(300, start)
        for _ in range(120):
            w = l2_spike(rule, w, core ^ (random.random(300) < 0.03))
        assert np.linalg.norm(w) == pytest.approx(rule.a_tar * np.sqrt(8 * 300), rel=0.03)
        assert w.min() >= 0


def test_bounds_of_the_spike_before_leave_the_euclidean_norm_short_where_a_spike_moves_much():
    """The reason why presets take those of the spike that learns for large networks."""
    random = np.random.default_rng(2)
    rule, n = SelfNormalizing(norm="l2", eta=0.3), 300
    target, core = rule.a_tar * np.sqrt(8 * n), random.random(n) < 0.2
    norms = {"previous": [], "current": []}
    w, s_max = dict.fromkeys(norms, np.full(n, target / np.sqrt(n))), 8 * rule.a_tar
    for _ in range(300):
        active = core ^ (random.random(n) < 0.1)
        late = np.where(active, w["previous"] + rule.eta * (s_max - w["previous"]), (1 - rule.eta) * w["previous"])
        s_max = smax_bounds_l2(late, np.where(active, 1.0, 0.0), s_max, 0.0, rule.x_tar, rule.a_tar, n)[0]
        w = {"previous": late, "current": l2_spike(rule, w["current"], active)}
        for count, weights in w.items():
            norms[count].append(np.linalg.norm(weights))
    short = {count: 1 - np.mean(values[50:]) / target for count, values in norms.items()}
    assert short["previous"] > 0.02 and -0.06 < short["current"] < 0.0


def test_a_single_strange_pattern_overwrites_no_neuron_whose_euclidean_norm_is_held():
    rule = SelfNormalizing(norm="l2", count="current", eta=0.1)
    n = 200
    w = np.where(np.arange(n) < 25, 8 * rule.a_tar, 0.0)
    after = l2_spike(rule, w, np.arange(n) >= 175)
    alone = rule.a_tar * np.sqrt(8 * n / 25)
    assert after[:25] == pytest.approx(0.9 * w[:25])
    assert after[175:] == pytest.approx(0.1 * 3 * alone)


@pytest.mark.parametrize("function", [max, functools.partial(Pair.on_post, 0.0)], ids=["built in", "partial"])
def test_what_is_no_function_is_no_equation(function):
    @dataclass(frozen=True, kw_only=True)
    class Own(LearningRule):
        on_post: ClassVar = function

    with pytest.raises(RuleError, match=r"on_post of Own cannot be used: .* is no plain function, .*; write it"):
        check_rule(Own())


@pytest.mark.parametrize("rule", [SelfNormalizing(eta=0.02), SelfNormalizing(variant="smin", norm="l2"), Pair()])
def test_a_norm_settles_to_the_same_bits_where_nothing_is_compiled(rule):
    weights = np.random.default_rng(0).random((12, 2))
    compiled, reference = (
        norm_convergence(rule, weights, n_spikes=30, rate=20.0, kernel=kernel) for kernel in ("compiled", "reference")
    )
    np.testing.assert_array_equal(reference, compiled)
