"""What every learning rule has to keep: ours, and one that is written here as a user would write it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from engram import DiehlCook, Simulator, simulate
from engram.plasticity import RULES, LearningRule, Pair, SelfNormalizing, Trace, Triplet
from scenes import poisson_train

N_INPUTS, N_NEURONS, N_STEPS = 40, 9, 300
GAIN = 0.5


def half(x):
    """A helper of the user's, in plain Python."""
    return 0.5 * x


@dataclass(frozen=True, kw_only=True)
class Homemade(LearningRule):
    """Everything that a rule may use: traces of all three kinds, state, both events and both hooks."""

    eta: float = 0.01
    tau: float = 15.0

    def traces(self):
        return (
            Trace("x", of="pre", tau=self.tau, add=0.7),
            Trace("y", of="post", tau=self.tau),
            Trace("tag", of="synapse", tau=40.0),
            Trace("calm", of="synapse", tau=100.0),
        )

    def initial_state(self, n_inputs):
        return {"rate": 0.0, "largest": 1.0 / n_inputs}

    def on_pre(w, tag, calm, y, eta, rate):
        return w - eta * y * w * (1.0 + rate), tag + 0.25, calm

    def on_post(w, x, tag, calm, eta, largest):
        if tag > 0.1:
            return w + eta * half(x) * (largest - w), GAIN * tag, calm + 0.1
        return w - 0.1 * eta * w, tag, calm

    def before_post(w, rate, largest):
        top = w[0]
        for value in w:
            top = max(top, value)
        return 0.9 * rate + 0.1, top + 0.05

    def after_post(w, x, rate, largest, w_max, n_inputs):
        recent = 0
        for value in x:
            recent += value > 0.3
        for i in range(w.shape[0]):
            w[i] = min(w[i] * 0.999 + 0.0005 * recent / n_inputs, w_max)
        return rate, largest


ALL_RULES = [
    *(rule() for rule in RULES.values()),
    SelfNormalizing(variant="smin", count="current"),
    Homemade(),
]

every_rule = pytest.mark.parametrize(
    "rule",
    ALL_RULES,
    ids=lambda rule: "-".join([rule.name, *([rule.variant] if hasattr(rule, "variant") else [])]),
)
both_precisions = pytest.mark.parametrize("dtype", ["float64", "float32"])
both_integrators = pytest.mark.parametrize("integrator", ["exponential_euler", "euler"])


def small_network(**options):
    """With inhibition so weak that every neuron fires."""
    return DiehlCook(n_inputs=N_INPUTS, n_neurons=N_NEURONS, w_inh_exc=2.0, **options)


def scene(dtype="float64", integrator="exponential_euler"):
    """A small network that fires a lot, and everything it is run with."""
    random = np.random.default_rng(11)
    network = small_network(dtype=dtype, integrator=integrator)
    return network, {
        "spikes": poisson_train(N_INPUTS, N_STEPS, 0.06, seed=12),
        "n_steps": N_STEPS,
        "weights": random.uniform(0.3, 0.9, (N_INPUTS, N_NEURONS)),
        "theta": random.uniform(19.0, 21.0, N_NEURONS),
        "delays": random.integers(0, 11, (N_NEURONS, N_NEURONS)).astype(np.uint8),
    }


@functools.cache
def run(rule, dtype="float64", integrator="exponential_euler", kernel="compiled"):
    network, given = scene(dtype, integrator)
    return simulate(network, rule, kernel=kernel, **given)


def assert_same_run(a, b):
    np.testing.assert_array_equal(a.exc_spikes, b.exc_spikes)
    np.testing.assert_array_equal(a.inh_spikes, b.inh_spikes)
    np.testing.assert_array_equal(a.weights, b.weights)
    np.testing.assert_array_equal(a.theta, b.theta)
    for name, value in a.rule_state.items():
        np.testing.assert_array_equal(value, b.rule_state[name], err_msg=name)


@every_rule
def test_scene_makes_every_neuron_fire_and_learn(rule):
    result = run(rule)
    assert len(np.unique(result.exc_spikes[:, 0])) == N_NEURONS
    assert len(result.inh_spikes) > 10
    assert np.all(np.any(result.weights != scene()[1]["weights"], axis=0))


@every_rule
@both_precisions
@both_integrators
def test_compiled_kernel_equals_reference_to_the_last_bit(rule, dtype, integrator):
    assert_same_run(run(rule, dtype, integrator), run(rule, dtype, integrator, kernel="reference"))


@every_rule
def test_single_precision_stays_close_to_double(rule):
    # Once rounding moves a spike the runs part; a hundred steps are too short for that.
    network, given = scene()
    given |= {"n_steps": 100, "spikes": poisson_train(N_INPUTS, 100, 0.06, seed=12)}
    double = simulate(network, rule, **given)
    single = simulate(small_network(dtype="float32"), rule, **given)
    assert single.weights.dtype == np.float32
    np.testing.assert_array_equal(single.exc_spikes, double.exc_spikes)
    assert len(double.exc_spikes) > 0
    np.testing.assert_allclose(single.weights, double.weights, rtol=1e-4, atol=1e-5)


@every_rule
@both_precisions
def test_weights_stay_finite_and_within_bounds(rule, dtype):
    weights = run(rule, dtype).weights
    assert np.all(np.isfinite(weights))
    assert rule.w_min <= weights.min()
    assert weights.max() <= np.dtype(dtype).type(rule.w_max)


@pytest.mark.parametrize(
    "rule",
    [
        RULES["triplet"](eta_pre=0.5, eta_post=0.5),
        RULES["power_law"](eta=5.0, mu=0.5),
        RULES["exponential"](eta=5.0),
        RULES["symmetric"](eta_pre=0.5, eta_post=5.0, mu=0.5),
        Pair(a_pre=0.9, a_post=0.9),
        Pair(w_min=0.2, w_max=0.7),
        Homemade(eta=0.9, w_min=0.1),
    ],
    ids=lambda rule: rule.name,
)
def test_bounds_hold_at_any_learning_rate(rule):
    network, given = scene()
    given["weights"] = np.clip(given["weights"], rule.w_min, rule.w_max)
    result = simulate(network, rule, **given)
    assert len(result.exc_spikes) > 0
    assert rule.w_min <= result.weights.min()
    assert result.weights.max() <= rule.w_max


@every_rule
def test_permuting_neurons_permutes_the_result(rule):
    network, given = scene()
    order = np.random.default_rng(3).permutation(N_NEURONS)
    shuffled = simulate(
        network,
        rule,
        **given
        | {
            "weights": given["weights"][:, order],
            "theta": given["theta"][order],
            "delays": given["delays"][np.ix_(order, order)],
        },
    )
    plain = run(rule)
    np.testing.assert_array_equal(shuffled.weights, plain.weights[:, order])
    np.testing.assert_array_equal(shuffled.theta, plain.theta[order])
    places = {(order[neuron], step) for neuron, step in shuffled.exc_spikes}
    assert places == set(map(tuple, plain.exc_spikes))


@every_rule
def test_permuting_inputs_permutes_the_result(rule):
    network, given = scene()
    order = np.random.default_rng(4).permutation(N_INPUTS)
    index, step = given["spikes"]
    given |= {"weights": given["weights"][order], "spikes": (np.argsort(order)[index], step)}
    shuffled, plain = simulate(network, rule, **given), run(rule)
    # The drive is summed in another order, which costs a last bit.
    np.testing.assert_array_equal(shuffled.exc_spikes, plain.exc_spikes)
    np.testing.assert_allclose(shuffled.weights, plain.weights[order], rtol=1e-11)


@every_rule
@both_precisions
def test_nothing_changes_with_learning_off(rule, dtype):
    network, given = scene(dtype)
    result = simulate(network, rule, **given, learn=False)
    assert len(result.exc_spikes) > 0
    np.testing.assert_array_equal(result.weights, given["weights"].astype(dtype))
    np.testing.assert_array_equal(result.theta, given["theta"])
    for name, value in rule.initial_state(N_INPUTS).items():
        np.testing.assert_array_equal(result.rule_state[name], np.full(N_NEURONS, value, dtype))


@every_rule
@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_two_runs_in_a_row_equal_one(rule, kernel):
    network, given = scene()
    index, step = given["spikes"]
    offset = np.searchsorted(step, np.arange(N_STEPS + 1)).astype(np.int64)
    start = {name: given[name] for name in ("weights", "theta", "delays")}
    simulator = Simulator(network, rule, kernel=kernel, **start)
    cut, spikes = 103, []  # amid refractory periods and inhibition on its way
    for first, last in ((0, cut), (cut, N_STEPS)):
        part = offset[first : last + 1]
        driven = index[part[0] : part[-1]].astype(np.int32), part - part[0]
        found, _ = simulator.run({"input": driven}, last - first, learn=True, record=True)
        spikes.append([found[name] + np.array([0, first]) for name in ("exc", "inh")])
    whole = run(rule)
    np.testing.assert_array_equal(np.concatenate([exc for exc, _ in spikes]), whole.exc_spikes)
    np.testing.assert_array_equal(np.concatenate([inh for _, inh in spikes]), whole.inh_spikes)
    # A trace that is brought to the boundary and on from there is rounded twice.
    np.testing.assert_allclose(simulator.state.weights, whole.weights, rtol=1e-11)
    np.testing.assert_allclose(simulator.state.theta, whole.theta, rtol=1e-13)


@both_precisions
def test_kernels_agree_on_delayed_inputs_with_frozen_weights(dtype):
    network, given = scene(dtype)
    given["input_delays"] = np.random.default_rng(5).integers(0, 21, (N_INPUTS, N_NEURONS))
    compiled = simulate(network, Triplet(), **given, learn=False)
    assert len(compiled.exc_spikes) > 0
    assert_same_run(compiled, simulate(network, Triplet(), **given, learn=False, kernel="reference"))


def test_kernels_agree_on_delayed_inputs_where_conductances_get_large():
    network, given = scene("float32")
    network = replace(network, w_inh_exc=3_000.0)
    given["input_delays"] = np.random.default_rng(5).integers(0, 21, (N_INPUTS, N_NEURONS))
    compiled = simulate(network, Triplet(), **given, learn=False, record=[0])
    assert compiled.recording["g_inh"].max() > 200.0
    assert_same_run(compiled, simulate(network, Triplet(), **given, learn=False, record=[0], kernel="reference"))


@pytest.mark.parametrize("rule", [SelfNormalizing(), Triplet()], ids=lambda rule: rule.name)
def test_input_spikes_beyond_the_end_of_a_run_never_happened(rule):
    network, given = scene("float32")
    memories = []
    for kernel in ("compiled", "reference"):
        simulator = Simulator(network, rule, kernel=kernel, weights=given["weights"])
        driven = np.array([3, 5, 3], np.int32), np.array([0, 1, 2, 3, 3])
        simulator.run({"input": driven}, 2, learn=True)
        memories.append(simulator.memory)
    for name, ours in memories[0].tensors().items():
        np.testing.assert_array_equal(ours, memories[1].tensors()[name], err_msg=name)
    assert np.any(memories[0].x_pre[:, 5] > 0)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_delayed_input_arrives_after_its_delay(kernel):
    network = DiehlCook(n_inputs=1, n_neurons=2, dtype="float64")
    result = simulate(
        network,
        Triplet(),
        spikes=([0, 0], [2, 4]),
        n_steps=12,
        weights=[[0.25, 0.5]],
        input_delays=[[0, 3]],
        learn=False,
        kernel=kernel,
        record=[0, 1],
    )
    decay = np.exp(-0.5)
    expected = np.zeros((12, 2))
    for neuron, (weight, delay) in enumerate(((0.25, 0), (0.5, 3))):
        for spike in (2, 4):
            steps = np.arange(spike + delay, 12)
            expected[steps, neuron] += weight * decay ** (steps - spike - delay)
    np.testing.assert_allclose(result.recording["g_exc"], expected, rtol=1e-14)


@every_rule
def test_kernels_agree_on_one_neuron_with_one_input(rule):
    network = DiehlCook(n_inputs=1, n_neurons=1, dtype="float64")
    given = {
        "spikes": (np.zeros(400, int), np.arange(400)),
        "n_steps": 500,
        "weights": [[0.9]],
        "delays": [[0]],
    }
    given["theta"] = [-10.0]
    compiled = simulate(network, rule, **given)
    assert len(compiled.exc_spikes) > 0
    assert_same_run(compiled, simulate(network, rule, **given, kernel="reference"))


@pytest.mark.parametrize("rule", [Triplet(), RULES["symmetric"](), Pair()], ids=lambda rule: rule.name)
def test_kernels_agree_on_weights_that_start_beyond_their_bounds(rule):
    # Normalisation may lift a weight above w_max; only what a rule changes is clipped.
    network, given = scene()
    given["weights"][::5] = 1.2
    assert_same_run(simulate(network, rule, **given), simulate(network, rule, **given, kernel="reference"))


def test_homemade_rule_uses_everything_it_declares():
    state = run(Homemade()).rule_state
    assert list(state) == ["x", "y", "tag", "calm", "rate", "largest"]
    for name, value in state.items():
        assert np.any(value > 0), name


def test_smax_sum_moves_by_eta_towards_its_target_at_every_spike_of_a_network():
    rule = SelfNormalizing(count="current", eta=0.03)
    network, given = scene()
    index, step = given["spikes"]
    simulator = Simulator(network, rule, **{name: given[name] for name in ("weights", "theta", "delays")})
    n_spikes = 0
    for t in range(N_STEPS):
        now = index[step == t].astype(np.int32)
        before = simulator.state.weights.sum(axis=0)
        _, counts = simulator.run({"input": (now, np.array([0, len(now)]))}, 1, learn=True)
        expected = np.where(counts > 0, 0.97 * before + 0.03 * 0.1 * N_INPUTS, before)
        np.testing.assert_allclose(simulator.state.weights.sum(axis=0), expected, rtol=1e-13)
        n_spikes += counts.sum()
    assert n_spikes > 30
