"""The equations of a step against their closed forms: membrane, conductance, trace, and the power of two in them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram import DiehlCook, simulate
from engram.arithmetic import exp2, exp2_coefficients, fma, log2, not_negative, relaxation, relaxation_coefficients
from engram.errors import ConfigError, NeuronError
from engram.kernels.compiler import compiled
from engram.networks import Network, Population
from engram.neurons import ALIF, EXCITATORY, INHIBITORY, ConductanceLIF, Neuron
from engram.neurons.base import asked_by, firing_threshold, known_constants
from engram.plasticity import Pair
from engram.projections import Dense
from engram.synapses import clip_weight, drive_conductance, open_conductance, trace_now


@compiled
def compiled_exp2(y, c):
    return exp2(y, c)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2.5e-7), (np.float64, 3e-16)])
@pytest.mark.parametrize("kernel", [exp2, compiled_exp2], ids=["plain", "compiled"])
def test_exp2_is_accurate_to_two_roundings(dtype, bound, kernel):
    y = np.concatenate((-np.linspace(0.0, 125.9, 20011), -np.logspace(-12, 0, 3001))).astype(dtype)
    c = exp2_coefficients(dtype)
    values = exp2(y, c) if kernel is exp2 else np.array([compiled_exp2(x, c) for x in y], dtype)
    assert values.dtype == dtype
    exact = np.exp2(y.astype(np.longdouble))
    assert float(np.max(np.abs(values / exact - 1))) < bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp2_is_exact_where_it_can_be_and_stays_normal(dtype):
    c = exp2_coefficients(dtype)
    whole = -np.arange(127).astype(dtype)
    np.testing.assert_array_equal(exp2(whole, c), 2.0**whole)
    for y in (-126.5, -1e4, -np.inf):
        assert exp2(dtype(y), c) == compiled_exp2(dtype(y), c) == 2.0**-126


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_exp2_has_the_bits_of_the_plain_one(dtype):
    y, c = -np.linspace(0.0, 130.0, 5003).astype(dtype), exp2_coefficients(dtype)
    np.testing.assert_array_equal(np.array([compiled_exp2(x, c) for x in y]), exp2(y, c))


@compiled
def compiled_fma(a, b, c, results):
    for k in range(results.shape[0]):
        results[k] = fma(a[k], b[k], c[k])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_rounds_once_like_the_processor(dtype):
    rng, n = np.random.default_rng(0), 100_000
    a, b, c = (rng.standard_normal((3, n)) * 2.0 ** rng.integers(-70, 71, (3, n))).astype(dtype)
    with np.errstate(over="ignore"):
        c[::3] = -(a * b)[::3]  # what is left is what rounding took
    a[1::3], b[1::3] = rng.integers(-4096, 4096, (2, n))[:, 1::3]  # short products, which end in ties
    results = np.empty(n, dtype)
    compiled_fma(a, b, c, results)
    np.testing.assert_array_equal(fma(a, b, c), results)
    few = [fma(a[k : k + 8], b[k : k + 8], c[k : k + 8]) for k in range(0, n, 8)]  # of which none may be a tie
    np.testing.assert_array_equal(np.concatenate(few), results)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.mean(results != a * b + c) > 0.1


def nearest(exact, dtype):
    """The number of a precision that is nearest to a fraction, of two the even one."""
    double = float(exact)
    around = [np.nextafter(dtype(double), dtype(side)) for side in (-np.inf, np.inf)] + [dtype(double)]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(f"u{x.itemsize}")) % 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_fma_is_the_number_nearest_to_the_exact_sum(dtype, data):
    width = 8 * dtype().itemsize
    factors = st.floats(2.0**-20, 2.0**20, width=width) | st.integers(1, 99).map(float) | st.just(0.0)
    a, b = (dtype(data.draw(factors)) for _ in "ab")
    cancelling = dtype(-(a * b)) * dtype(1 + data.draw(st.sampled_from([0, 1, 2, 3, -1, 0.5])) * np.finfo(dtype).eps)
    c = data.draw(st.sampled_from([cancelling, dtype(cancelling * 2.0**width)]) | factors.map(dtype))
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    assert fma(a, b, c) == nearest(exact, dtype)
    assert fma(np.full(3, a), b, np.full(3, c)).tolist() == [float(nearest(exact, dtype))] * 3


def test_fma_takes_numbers_and_what_is_not_finite():
    assert fma(np.float32(1.5), 2.0, 0.25) == np.float32(3.25)
    assert isinstance(fma(np.float32(1.5), 2.0, 0.25), np.float32)
    assert fma(math.inf, 2.0, 1.0) == math.inf
    assert math.isnan(fma(math.nan, 2.0, 1.0))
    assert fma(0.0, -3.0, 0.5) == 0.5
    assert fma(2.0, 3.0, -math.inf) == -math.inf


def settled(neuron: ConductanceLIF, g_exc: float, g_inh: float):
    """Where the potential goes with constant conductances, and how fast, ms."""
    g = 1 + g_exc + g_inh
    return (neuron.v_rest + g_inh * neuron.e_inh) / g, neuron.tau_m / g


def stepped(neuron, v, g_exc, g_inh, dt=0.5, integrator="exponential_euler", dtype="float64", by="step"):
    """The potential after a step with these conductances, by one of a neuron's equations."""
    equation = getattr(neuron.equations(integrator), by)
    constants = known_constants(neuron, dt, integrator, dtype).items()
    real = np.dtype(dtype).type
    known = {name: value if isinstance(value, tuple) else real(value) for name, value in constants}
    known |= {"v": real(v), "g_exc": real(g_exc), "g_inh": real(g_inh)}
    return equation(*(known[name] for name in asked_by(equation)))[0]


@given(
    g_exc=st.floats(0, 100),
    g_inh=st.floats(0, 1000),
    v=st.floats(-110, 0),
    dt=st.sampled_from([0.1, 0.5, 1.0]),
)
@pytest.mark.parametrize("neuron", [EXCITATORY, INHIBITORY], ids=["excitatory", "inhibitory"])
def test_exponential_step_is_the_exact_solution(neuron, g_exc, g_inh, v, dt):
    v_inf, tau = settled(neuron, g_exc, g_inh)
    assert stepped(neuron, v, g_exc, g_inh, dt) == pytest.approx(
        v_inf + (v - v_inf) * math.exp(-dt / tau), rel=1e-12, abs=1e-11
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_exponential_steps_follow_the_exact_solution(dtype):
    v_inf, tau = settled(EXCITATORY, 0.8, 2.0)
    v = -105.0
    for step in range(1, 401):
        v = stepped(EXCITATORY, v, 0.8, 2.0, dtype=dtype)
        exact = v_inf + (-105.0 - v_inf) * math.exp(-0.5 * step / tau)
        assert v == pytest.approx(exact, rel=2e-6 if dtype == "float32" else 1e-13)


def test_euler_step_is_first_order_in_dt():
    v_inf, tau = settled(EXCITATORY, 0.8, 2.0)
    errors = []
    for dt in (0.5, 0.25, 0.125):
        v = -105.0
        for _ in range(round(20 / dt)):
            v = stepped(EXCITATORY, v, 0.8, 2.0, dt, "euler")
        errors.append(abs(v - (v_inf + (-105.0 - v_inf) * math.exp(-20 / tau))))
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2.0, rtol=0.02)


@pytest.mark.parametrize(("g_inh", "overshoots"), [(198.9, False), (199.1, True)])
def test_euler_overshoots_beyond_the_bound_of_the_documentation(g_inh, overshoots):
    v_inf, _ = settled(EXCITATORY, 0.0, g_inh)
    assert (stepped(EXCITATORY, -65.0, 0.0, g_inh, integrator="euler") < v_inf) == overshoots


def test_membrane_of_the_network_relaxes_to_rest_by_its_time_constant():
    network = DiehlCook(n_inputs=1, n_neurons=2, dtype="float64")
    recorded = simulate(network, Pair(), spikes=([], []), n_steps=600, learn=False, record=[0]).recording["v"][:, 0]
    t = 0.5 * np.arange(1, 601)
    np.testing.assert_allclose(recorded, -65.0 - 40.0 * np.exp(-t / 100.0), rtol=1e-12)


def test_refractory_neuron_holds_still_and_fires_again_after_t_ref():
    network = DiehlCook(n_inputs=1, n_neurons=2, dtype="float64", w_inh_exc=0.0, theta_plus=0.0)
    result = simulate(
        network,
        Pair(w_max=100.0),
        spikes=(np.zeros(200, int), np.arange(200)),
        n_steps=200,
        weights=[[90.0, 0.0]],
        theta=[20.0, 20.0],
        learn=False,
        record=[0],
    )
    steps = result.exc_spikes[:, 1]
    assert len(steps) > 5
    assert np.all(np.diff(steps) == 10)  # 5 ms at 0.5 ms a step, with a drive that fires it at once
    held = result.recording["v"][steps[0] : steps[0] + 10, 0]
    np.testing.assert_array_equal(held, -65.0)


def test_conductances_close_and_never_fall_below_zero():
    assert open_conductance(np.float32(1e-9), np.float32(7e-9)) == 0.0
    assert open_conductance(np.float32(1e-8), np.float32(7e-9)) == np.float32(1e-8)
    assert drive_conductance(0.5, -0.75) == 0.0
    assert drive_conductance(0.5, 0.25) == 0.75


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_number_that_is_not_negative_has_the_bits_of_the_plain_one(dtype):
    numbers = np.array([-np.inf, -1.0, -1e-40, -0.0, 0.0, 1e-40, 2.0, np.inf, np.nan], dtype)
    by_machine = compiled(not_negative)
    found = np.array([by_machine(x) for x in numbers], dtype)
    assert not_negative(numbers).dtype == dtype
    assert found.tobytes() == not_negative(numbers).tobytes()
    np.testing.assert_array_equal(found, [0, 0, 0, 0, 0, dtype(1e-40), 2, np.inf, np.nan])


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-7), (np.float64, 6e-16)])
@pytest.mark.parametrize("h", [1e-4, 0.005, 0.1, 1.0])
def test_relaxation_is_the_exponentials(dtype, bound, h):
    c = relaxation_coefficients(dtype, h)
    g = np.linspace(1e-3, 1.0 / h, 20011).astype(dtype)
    exact = -np.expm1(-np.longdouble(h) * g) / g
    assert np.max(np.abs(relaxation(g, c) / exact - 1)) < bound
    of_one = [relaxation(x, c) for x in g[::97]]
    np.testing.assert_array_equal(relaxation(g, c)[::97], of_one)


def test_small_and_large_conductances_meet():
    g_small = EXCITATORY.tau_m / 0.5
    below, above = (stepped(EXCITATORY, -60.0, 0.0, g_small - 1.0 + off) for off in (-1e-9, 1e-9))
    assert below == pytest.approx(above, abs=1e-8)
    assert stepped(EXCITATORY, -60.0, 0.0, g_small - 1.0 - 1e-9, by="quick") == below


def test_log2_is_accurate_to_two_roundings():
    for x in (*np.logspace(-9.6, 0.0, 3001), 1.0 - 2.0**-32, 2.0**-32):
        assert log2(x) == pytest.approx(math.log2(x), rel=6e-16, abs=0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trace_decays_by_its_time_constant_and_ends(dtype):
    rate = dtype(-0.5 / 20.0 * math.log2(math.e))
    c, floor = exp2_coefficients(dtype), np.finfo(dtype).eps
    age = np.arange(0, 3000, 7).astype(dtype)
    values = trace_now(dtype(0.8), rate, age, floor, c)
    exact = 0.8 * np.exp(-0.5 * age.astype(float) / 20.0)
    kept = exact > 2 * floor
    np.testing.assert_allclose(values[kept], exact[kept], rtol=2e-6 if dtype is np.float32 else 1e-13)
    assert values[-1] == 0.0
    np.testing.assert_array_equal(trace_now(dtype(-0.8), rate, age, floor, c), -values)


def test_clipping_keeps_nan_to_be_found():
    assert [clip_weight(w, 0.0, 1.0) for w in (-0.5, 0.5, 1.5)] == [0.0, 0.5, 1.0]
    assert math.isnan(clip_weight(math.nan, 0.0, 1.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau_m": 0.0}, r"tau_m must be positive, got 0\.0 ms"),
        ({"t_ref": -1.0}, r"t_ref must be zero or positive, got -1\.0 ms"),
        ({"v_rest": math.nan}, "v_rest must be a finite number, got nan mV"),
    ],
)
def test_impossible_neurons_are_told(change, message):
    constants = {"tau_m": 10.0, "v_rest": -60.0, "v_reset": -60.0, "v_thresh": -40.0, "v_start": -60.0}
    with pytest.raises(ConfigError, match=message):
        ConductanceLIF(**constants | {"e_inh": -85.0, "t_ref": 2.0} | change)


@dataclass(frozen=True, kw_only=True)
class _Leaky(Neuron):
    tau: float = 20.0

    channels: ClassVar = {"current": "i"}

    def variables(self):
        return {"v": 0.0, "i": 0.0}

    def constants(self, dt, integrator, dtype):
        return {"v_thresh": 2.0 / self.tau}

    def step(v, i, dt, tau):
        return v + dt * (i - v) / tau, 0.0

    def on_spike(v):
        return 0.0


@dataclass(frozen=True, kw_only=True)
class _Marked(_Leaky):
    """The same with functions that checkers of types know to have no `self`."""

    @staticmethod
    def step(v, i, dt, tau):
        return v + dt * (i - v) / tau, 0.0

    @staticmethod
    def on_spike(v):
        return 0.0


@dataclass(frozen=True, kw_only=True)
class _NoFunction(_Leaky):
    on_spike: ClassVar = functools.partial(max, 0.0)


def alone(neuron: Neuron) -> Network:
    drive = Dense(before="drive", after="cells", weights=3.0)
    return Network(inputs={"drive": 1}, populations={"cells": Population(1, neuron)}, projections=[drive])


def test_equations_may_be_marked_as_static():
    spikes = {"drive": np.ones((200, 1), bool)}
    found = [
        simulate(alone(neuron), spikes=spikes, n_steps=200, record={"cells": ["v"]}, kernel="reference")
        for neuron in (_Leaky(), _Marked())
    ]
    assert len(found[0].spikes["cells"]) > 5
    np.testing.assert_array_equal(*(one.spikes["cells"] for one in found))
    np.testing.assert_array_equal(*(one.recording["cells.v"] for one in found))


def test_what_is_no_function_is_refused_in_one_sentence():
    with pytest.raises(NeuronError, match=r"on_spike of _NoFunction cannot be used: .* is no plain function, "):
        alone(_NoFunction())


def test_threshold_may_be_a_parameter_or_derived_or_none():
    how = (0.5, "exponential_euler", "float32")
    assert firing_threshold(EXCITATORY, *how) == EXCITATORY.v_thresh
    assert firing_threshold(_Leaky(tau=4.0), *how) == 0.5
    assert firing_threshold(ALIF(), *how) is None  # which says itself when it fires
