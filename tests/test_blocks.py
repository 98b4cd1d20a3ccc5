"""The building blocks against closed forms, numbers worked out by hand, and statistical bounds that can fail."""

import dataclasses
import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engram.blocks
from engram.blocks import (
    ALIF,
    LIF,
    ExponentialSynapse,
    FirstSpikeEncoder,
    PairSTDP,
    PoissonEncoder,
    RegularEncoder,
)
from engram.errors import ConfigError, DataError
from engram.plasticity.pair import Pair

CURRENTS = np.array([1.05, 1.1, 1.3, 1.7, 2.5, 4.0, 7.0, 10.0])


def closed_form(current, tau_rc=20.0, tau_ref=2.0, v_th=1.0):
    return 1000.0 / (tau_ref + tau_rc * np.log(current / (current - v_th)))


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(engram.blocks.__path__)])
def test_examples_in_the_documentation_run(module):
    result = doctest.testmod(importlib.import_module(f"engram.blocks.{module}"))
    assert result.failed == 0


# --- encoders ---------------------------------------------------------------------------------


def test_poisson_rates_lie_within_four_standard_errors_of_the_linear_rate():
    encoder = PoissonEncoder(min_value=-1, max_value=1, min_rate=20, max_rate=100, seed=3)
    n_steps = 20_000
    counts = encoder.run([-1, 0, 1], duration=n_steps).counts
    p = np.array([0.02, 0.06, 0.1])
    assert np.all(np.abs(counts - n_steps * p) < 4 * np.sqrt(n_steps * p * (1 - p)))


def test_poisson_spikes_of_inputs_and_steps_are_independent():
    spikes = PoissonEncoder(max_rate=200, seed=5).run(np.full(40, 255), duration=5_000).spikes.astype(float)
    correlation = np.corrcoef(spikes.T)[np.triu_indices(40, 1)]
    assert np.abs(correlation).max() < 5 / math.sqrt(5_000)
    lagged = np.corrcoef(spikes[1:].ravel(), spikes[:-1].ravel())[0, 1]
    assert abs(lagged) < 4 / math.sqrt(200_000)
    variance = spikes.sum(axis=1).var()
    assert variance == pytest.approx(40 * 0.2 * 0.8, rel=0.1)


def test_a_run_in_two_parts_equals_one_run_and_reset_starts_anew():
    values = np.linspace(0, 255, 7)
    whole = PoissonEncoder(max_rate=300, seed=2).run(values, duration=50).spikes
    encoder = PoissonEncoder(max_rate=300, seed=2)
    parts = np.concatenate([encoder.run(values, duration=20).spikes, encoder.run(values, duration=30).spikes])
    assert np.array_equal(whole, parts)
    encoder.reset()
    assert np.array_equal(encoder.run(values, duration=50).spikes, whole)


def test_seed_and_counter_give_other_spikes():
    def spikes(**keys):
        return PoissonEncoder(max_rate=300, **keys).run(255, duration=200).spikes

    assert not np.array_equal(spikes(seed=0), spikes(seed=1))
    assert not np.array_equal(spikes(seed=0), spikes(seed=0, counter=1))
    assert np.array_equal(spikes(seed=4, counter=9), spikes(seed=4, counter=9))


def test_a_louder_input_spikes_in_every_step_and_no_more():
    assert PoissonEncoder(max_rate=10).step([255] * 100, rate_factor=1e6).all()
    assert RegularEncoder(max_rate=10).step([255] * 3, rate_factor=1e6).all()


@pytest.mark.parametrize("dt", [0.1, 1.0, 2.0])
@pytest.mark.parametrize("rate", [0.5, 7.0, 100.0, 333.0])
def test_regular_spikes_are_evenly_spaced_to_within_a_step(dt, rate):
    trains = RegularEncoder(max_rate=rate, dt=dt).run(255, duration=4_000)
    assert trains.counts == round(4 * rate)
    intervals = np.diff(trains.time[trains.spikes])
    assert np.all(np.abs(intervals - 1000 / rate) < dt)


def test_first_spikes_come_in_the_order_of_the_values():
    encoder = FirstSpikeEncoder(max_value=10, window=20, dt=0.5)
    trains = encoder.run([0, 2, 5, 10], duration=25)
    assert trains.counts.tolist() == [0, 1, 1, 1]
    assert trains.spikes.argmax(axis=0)[1:].tolist() == [32, 20, 0]  # 16, 10 and 0 ms in steps of 0.5
    assert encoder.latency([2, 5, 10]).tolist() == [16.0, 10.0, 0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoissonEncoder(dt=0), "dt must be positive, got 0 ms"),
        (lambda: PoissonEncoder(min_value=3, max_value=3), "max_value must exceed min_value"),
        (lambda: PoissonEncoder(min_rate=5, max_rate=1), "max_rate must be at least min_rate"),
        (lambda: PoissonEncoder(min_rate=-1), "min_rate must be zero or positive, got -1 Hz"),
        (lambda: PoissonEncoder(max_rate=600, dt=2), "at most one spike a step, 500 Hz, got 600 Hz"),
        (lambda: PoissonEncoder(counter=2**64), "counter must be below"),
        (lambda: RegularEncoder(start_phase=1), "start_phase must be at least 0 and below 1"),
        (lambda: FirstSpikeEncoder(window=-1), "window must be positive, got -1 ms"),
        (lambda: ExponentialSynapse(tau=0), "tau must be positive, got 0 ms"),
        (lambda: LIF(tau_rc=-5.0), "tau_rc must be positive, got -5.0 ms"),
        (lambda: LIF(v_th=float("nan")), "v_th must be a finite number"),
        (lambda: ALIF(inc_inh=-1), "inc_inh must be zero or positive, got -1"),
        (lambda: PairSTDP(w_start=2), "w_start must lie between w_min 0.0 and w_max 1.0"),
        (lambda: PairSTDP(w_start=[1, 2]), "w_start must be a number or have shape"),
        (lambda: LIF().run(1.0), "current is the same at all times, so the run needs a duration"),
        (lambda: LIF().run(1.0, duration=1e12), "duration must be at most"),
        (lambda: LIF().fi_curve([[1.0]]), "currents must have one dimension"),
    ],
)
def test_unusable_parameters_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PoissonEncoder().step([0, 256]),
            "values must lie between min_value 0.0 and max_value 255.0, got 0 to 256",
        ),
        (lambda: LIF().step([1.0, np.nan]), "current must hold finite numbers"),
        (lambda: LIF().step("a"), "current must hold finite numbers"),
        (lambda: PairSTDP().step(0.5, 1), "pre must be spikes"),
        (lambda: PairSTDP().run([True], [True, False]), "pre and post must have one row per time step"),
    ],
)
def test_unusable_input_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


@pytest.mark.parametrize("block", [LIF(), ALIF(), ExponentialSynapse(), RegularEncoder()])
def test_an_input_of_another_shape_is_refused_until_reset(block):
    block.step([1.0, 2.0])
    with pytest.raises(DataError, match=r"shape \(2,\) of the inputs before, got \(3,\); reset\(\)"):
        block.step([1.0, 2.0, 3.0])
    block.reset()
    assert block.step([1.0, 2.0, 3.0]).shape == (3,)


def test_one_current_drives_neurons_that_differ_in_their_thresholds():
    differing = {"inh_start": np.array([0.0, 0.8])}
    alone = ALIF(**differing).run(np.full(300, 2.0))
    each = ALIF(**differing).run(np.full((300, 2), 2.0))
    np.testing.assert_array_equal(alone.spikes, each.spikes)


def test_spike_trains_go_into_the_next_block_as_they_are():
    trains = PoissonEncoder(max_rate=100, seed=1).run([0, 128, 255], duration=200)
    given, taken = ExponentialSynapse(tau=5).run(trains.spikes), ExponentialSynapse(tau=5).run(trains)
    np.testing.assert_array_equal(taken.v, given.v)
    after = PoissonEncoder(max_rate=50, seed=2).run([255], duration=200)
    np.testing.assert_array_equal(PairSTDP().run(trains, after).w, PairSTDP().run(trains.spikes, after.spikes).w)


def test_parameters_do_not_change_behind_the_checks():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LIF().tau_rc = 10


# --- synapse ----------------------------------------------------------------------------------


def test_a_spike_lifts_the_potential_by_one_minus_a_over_dt_and_decays():
    v = ExponentialSynapse(tau=10, dt=2).spike_response(duration=8).v
    a = 0.8187307530779818  # exp(-0.2), by hand
    assert v == pytest.approx([(1 - a) * 500, a * (1 - a) * 500, a**2 * (1 - a) * 500, a**3 * (1 - a) * 500])


def test_the_step_response_is_one_minus_the_exponential():
    run = ExponentialSynapse(tau=20, dt=0.5).step_response(duration=60)
    assert run.v == pytest.approx(1 - np.exp(-run.time / 20))


def test_the_potential_of_a_regular_train_averages_its_rate():
    spikes = RegularEncoder(max_rate=50).run(255, duration=2_000).spikes
    assert ExponentialSynapse(tau=30).run(spikes).v[1_000:].mean() == pytest.approx(50, rel=1e-3)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_the_synapse_is_linear(a, b):
    n = min(len(a), len(b))
    a, b = np.array(a[:n]), np.array(b[:n])
    v = [ExponentialSynapse(tau=7).run(signal).v for signal in (a, b, 2 * a + b)]
    assert v[2] == pytest.approx(2 * v[0] + v[1], abs=1e-9)


# --- neurons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("neuron", [LIF(), ALIF(inc_inh=0.0)])
@pytest.mark.parametrize("dt", [0.1, 1.0, 2.0])
def test_firing_rates_match_the_closed_form(neuron, dt):
    rate = dataclasses.replace(neuron, dt=dt).fi_curve(CURRENTS).rate
    assert rate == pytest.approx(closed_form(CURRENTS), rel=1e-9)


def test_counted_spikes_match_the_closed_form_within_half_a_percent():
    counts = LIF().run(CURRENTS, duration=20_000).counts  # at 1.05: 318 spikes, one more or less is 0.31 %
    assert counts / 20 == pytest.approx(closed_form(CURRENTS), rel=5e-3)


@pytest.mark.parametrize(("tau_rc", "tau_ref", "v_th"), [(5.0, 3.0, 0.5), (50.0, 4.0, 2.0)])
def test_other_constants_match_the_closed_form_too(tau_rc, tau_ref, v_th):
    currents = CURRENTS * v_th
    rate = LIF(tau_rc=tau_rc, tau_ref=tau_ref, v_th=v_th).fi_curve(currents).rate
    assert rate == pytest.approx(closed_form(currents, tau_rc, tau_ref, v_th), rel=1e-9)


@pytest.mark.parametrize(("tau_inh", "inc_inh"), [(100.0, 0.1), (50.0, 1.0), (20.0, 0.5)])
def test_adapted_rates_meet_their_fixed_point_at_any_step(tau_inh, inc_inh):
    for dt in (0.5, 2.0):
        rate = ALIF(tau_inh=tau_inh, inc_inh=inc_inh, dt=dt).fi_curve(CURRENTS).rate
        interval = 1000 / rate
        membrane = CURRENTS * (1 - np.exp(-(interval - 2.0) / 20.0))
        threshold = 1.0 + inc_inh / (np.exp(interval / tau_inh) - 1)
        assert membrane == pytest.approx(threshold, rel=1e-6)
        assert rate == pytest.approx(ALIF(tau_inh=tau_inh, inc_inh=inc_inh).rate(CURRENTS), rel=1e-9)


def test_without_adaptation_alif_is_lif_spike_by_spike():
    current = np.random.default_rng(0).uniform(0, 6, (300, 5))
    lif, alif = LIF().run(current), ALIF(inc_inh=0.0).run(current)
    assert np.array_equal(lif.spikes, alif.spikes)
    assert np.array_equal(lif.spike_time, alif.spike_time)
    assert np.array_equal(lif.v, alif.v)


def test_each_spike_raises_the_threshold_which_then_decays():
    neuron = ALIF(tau_inh=50, inc_inh=0.5, dt=1.0)
    run = neuron.run(3.0, duration=30)
    first = int(run.spikes.argmax())
    crossing = run.spike_time[0]
    expected = 1 + 0.5 * np.exp(-(run.time[first + 1] - crossing) / 50)
    assert run.threshold[first + 1] == pytest.approx(expected)
    assert run.threshold[first] == 1.0


def test_the_first_spike_time_is_exact_inside_the_step():
    for dt in (0.1, 1.0, 5.0):
        run = LIF(dt=dt).run(2.0, duration=40)
        assert run.spike_time[0] == pytest.approx(20 * math.log(2))  # 13.863 ms, by hand
        assert run.spike_time[1] == pytest.approx(2 * 20 * math.log(2) + 2) if dt <= 2 else True


def test_the_potential_is_held_at_zero_while_refractory():
    run = LIF(tau_ref=5.0).run(50.0, duration=20)
    crossing = run.spike_time[0]
    held = (run.time > crossing) & (run.time < crossing + 5)
    assert held.sum() >= 4
    assert np.all(run.v[held] == 0)


def test_a_threshold_that_falls_onto_the_membrane_fires_within_its_step():
    neuron = ALIF(tau_inh=2.0, inc_inh=0.0, inh_start=5.0, dt=1.0)
    run = neuron.run(np.r_[np.full(3, 30.0), np.full(6, 1.2)])
    assert np.isfinite(run.spike_time).all()
    assert len(run.spike_time) >= 1
    steps = np.flatnonzero(run.spikes)
    assert np.all((run.spike_time >= steps * 1.0) & (run.spike_time <= (steps + 1) * 1.0))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-50, 500), min_size=1, max_size=60),
    st.sampled_from([0.1, 1.0, 2.0]),
    st.floats(0, 3),
    st.floats(0.5, 500),
)
def test_spikes_are_never_closer_than_the_refractory_period(current, dt, inc_inh, tau_inh):
    run = ALIF(inc_inh=inc_inh, tau_inh=tau_inh, dt=dt).run(current)
    assert np.all(np.diff(run.spike_time) >= 2.0 - 1e-9)
    assert np.isfinite(run.v).all()
    steps = np.flatnonzero(run.spikes)
    assert np.all((run.spike_time >= steps * dt - 1e-9) & (run.spike_time <= (steps + 1) * dt + 1e-9))


def test_below_threshold_nothing_fires():
    assert LIF().rate([0.0, 0.5, 1.0]).tolist() == [0.0, 0.0, 0.0]
    assert ALIF().rate([-3.0, 1.0]).tolist() == [0.0, 0.0]
    assert LIF().run([0.5, 1.0], duration=1_000).counts.tolist() == [0, 0]


def test_neurons_do_not_know_of_each_other():
    together = ALIF().run([1.5, 3.0, 9.0], duration=200)
    for j, current in enumerate([1.5, 3.0, 9.0]):
        alone = ALIF().run(current, duration=200)
        assert np.array_equal(alone.spike_time, together.spike_time[together.neuron == j])


def test_measurements_leave_the_state_alone():
    neuron = ALIF()
    neuron.run(3.0, duration=30)
    before = neuron.v.copy(), neuron.inh.copy()
    neuron.fi_curve([1.5, 2.0])
    neuron.step_response()
    assert np.array_equal(before[0], neuron.v)
    assert np.array_equal(before[1], neuron.inh)


# --- plasticity -------------------------------------------------------------------------------


def test_the_window_is_two_exponentials():
    window = PairSTDP().window([-60, -30, -1, 0, 1, 30, 60])
    e = math.exp(-1)
    by_hand = [-0.11 * e**2, -0.11 * e, -0.11 * e ** (1 / 30), 0.1, 0.1 * e ** (1 / 30), 0.1 * e, 0.1 * e**2]
    assert window.change == pytest.approx(by_hand)
    assert window.delay.tolist() == [-60, -30, -1, 0, 1, 30, 60]


def test_a_triplet_of_spikes_adds_up_as_worked_out_by_hand():
    pre = np.array([1, 0, 1, 0, 0], bool)
    post = np.array([0, 1, 0, 0, 1], bool)
    run = PairSTDP(dt=10, tau_pre=30, tau_post=20).run(pre, post)
    d = math.exp(-10 / 30)
    w1 = 0.5 + 0.1 * d  # pre at 0, post at 10
    w2 = w1 - 0.11 * math.exp(-10 / 20)  # pre at 20, 10 ms after the post
    w4 = w2 + 0.1 * d**4 + 0.1 * d**2  # post at 40: both inputs' traces
    assert run.w[:, 0, 0] == pytest.approx([0.5, w1, w2, w2, w4])
    assert run.x_post[-1, 0] == pytest.approx(-0.11 - 0.11 * math.exp(-30 / 20))


def test_weights_change_by_the_range_and_stay_in_it():
    wide = PairSTDP(w_min=-1, w_max=3, w_start=1).window([10]).change[0]
    assert wide == pytest.approx(4 * 0.1 * math.exp(-10 / 30))
    spikes = np.random.default_rng(1).random((400, 2, 5)) < 0.3
    w = PairSTDP(w_start=np.full((5, 5), 0.9)).run(spikes[:, 0], spikes[:, 1]).w
    assert w.min() >= 0
    assert w.max() <= 1


def test_pair_stdp_has_the_constants_of_the_learning_rule():
    rule, block = Pair(), PairSTDP()
    for name in ("a_pre", "a_post", "tau_pre", "tau_post", "w_min", "w_max"):
        assert getattr(rule, name) == getattr(block, name)
    traces = {trace.name: trace for trace in rule.traces()}
    assert (traces["x_pre"].add, traces["x_post"].add) == (block.a_pre, -block.a_post)


def test_only_synapses_of_spiking_partners_change():
    synapse = PairSTDP(w_start=np.full((3, 2), 0.5))
    synapse.step([True, False, False], [False, False])
    w = synapse.step([False, False, False], [False, True])
    assert w[0, 1] > 0.5
    assert np.all(np.delete(w.ravel(), 1) == 0.5)


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        lambda: PoissonEncoder().run([100, 200], duration=50),
        lambda: ExponentialSynapse().step_response(),
        lambda: ALIF().step_response(),
        lambda: LIF().fi_curve([0.5, 2.0]),
        lambda: PairSTDP().window(),
        lambda: PairSTDP().run([True, False], [False, True]),
    ],
)
def test_each_result_draws_a_labelled_figure(result):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    ax = result().plot()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert ax.lines
    assert result().plot(ax) is ax
    plt.close("all")


def test_importing_the_blocks_does_not_import_matplotlib():
    import subprocess
    import sys

    code = "import sys, engram.blocks; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("encoder", [PoissonEncoder(), RegularEncoder(), FirstSpikeEncoder()])
def test_one_image_is_not_taken_for_an_input_over_time(encoder):
    with pytest.raises(ConfigError, match=r"values in a single row need a duration in ms"):
        encoder.run([0, 64])
    assert encoder.run([[0], [64]]).spikes.shape == (2, 1)
    assert encoder.run([0, 64], duration=5.0).spikes.shape[1] == 2
