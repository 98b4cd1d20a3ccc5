"""Certified spikes: the bound is one, what lies outside it is certified, and what lies within it is not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engram import DiehlCook, Network, Population, SelfNormalizing, save_model, simulate
from engram.arithmetic import exp2, exp2_coefficients, relaxation, relaxation_coefficients
from engram.certificate import RECORDED, RELAXATION_ERROR, _arriving, _one_by_one, _Population
from engram.certified_images import certify_images
from engram.cli import main
from engram.errors import ConfigError
from engram.neurons import EXCITATORY
from exchange.small import small_images, small_model
from scenes import poisson_train

N_STEPS, N_INPUTS, N = 250, 60, 6
NETWORK = DiehlCook(n_inputs=N_INPUTS, n_neurons=N, dtype="float64")
SPIKES = poisson_train(N_INPUTS, N_STEPS, 0.04, seed=1)


def run(network=NETWORK, theta=18.0, **options):
    given = {"weights": 3 * NETWORK.new_weights(1), "theta": np.zeros(N) + theta, "delays": NETWORK.new_delays(2)}
    return simulate(network, spikes=SPIKES, n_steps=N_STEPS, learn=False, kernel="reference", **given, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_spikes_with_and_without_a_certificate(dtype):
    network = replace(NETWORK, dtype=dtype)
    plain, certified = run(network), run(network, certify=True)
    np.testing.assert_array_equal(plain.exc_spikes, certified.exc_spikes)
    assert len(plain.exc_spikes) > 10
    assert plain.certificate is None
    assert certified.certificate.n_decisions > 0.8 * N_STEPS * 2 * N


def test_spikes_far_from_their_thresholds_are_certified():
    certificate = run(certify=True).certificate
    assert certificate.certified
    assert certificate.n_uncertain == 0
    assert certificate.distance > 1e3 * certificate.bound
    assert str(certificate).startswith("No spike depends on rounding")


def test_a_potential_that_meets_its_threshold_is_not_certified_and_rounding_decides_it():
    recorded = run(record=range(N))
    j, step = 2, 5
    fired = recorded.exc_spikes[recorded.exc_spikes[:, 0] == j, 1]
    step = int(fired[0]) - 1
    v = recorded.recording["v"][step, j]
    theta = np.full(N, 18.0)
    theta[j] = v - EXCITATORY.v_thresh
    met = run(theta=theta, certify=True).certificate
    assert not met.certified
    assert met.n_uncertain >= 1
    assert (met.population, met.neuron, met.step) == ("exc", j, step)
    assert met.distance <= met.bound
    assert "may depend on rounding" in str(met)
    below, above = (run(theta=theta + np.eye(N)[j] * e).exc_spikes for e in (-met.bound, met.bound))
    assert not np.array_equal(below, above)


def test_the_bound_holds_between_single_and_double_precision():
    single = replace(NETWORK, dtype="float32")
    weights = (3 * NETWORK.new_weights(1)).astype(np.float32)
    record = {name: list(RECORDED) for name in ("exc", "inh")}
    given = {"weights": weights, "theta": np.full(N, 18.0), "delays": NETWORK.new_delays(2), "record": record}
    runs = [
        simulate(network, spikes=SPIKES, n_steps=N_STEPS, learn=False, kernel="reference", **given)
        for network in (single, NETWORK)
    ]
    np.testing.assert_array_equal(runs[0].exc_spikes, runs[1].exc_spikes)
    offset = np.searchsorted(SPIKES[1], np.arange(N_STEPS + 1))
    arriving = {"exc": _arriving(weights, (SPIKES[0], offset), N_STEPS),
                "inh": _one_by_one(runs[0].exc_spikes, single, N_STEPS)}  # fmt: skip
    for name, neuron in (("exc", single.excitatory), ("inh", single.inhibitory)):
        states = {
            v: np.vstack((np.full((1, N), neuron.variables()[v]), runs[0].recording[f"{name}.{v}"])) for v in RECORDED
        }
        population = _Population(single, name, np.zeros(N), np.zeros(N), arriving[name], runs[0].spikes[name])
        exact = runs[1].recording[f"{name}.v"]
        worst = 0.0
        for t, free, _, bound in population.decisions(states):
            quiet = np.isin(free, runs[0].spikes[name][runs[0].spikes[name][:, 1] == t, 0], invert=True)
            worst = max(worst, np.max(np.abs(states["v"][t + 1] - exact[t])[free][quiet] / bound[quiet], initial=0.0))
        assert 1e-3 < worst < 1.0


@pytest.mark.parametrize(("dtype", "wide"), [("float32", np.float64), ("float64", np.longdouble)])
@pytest.mark.parametrize("h", [0.005, 0.05, 0.001])
def test_the_relaxation_is_as_exact_as_the_bound_says(dtype, wide, h):
    real = np.dtype(dtype).type
    g = np.geomspace(1, 5000, 4001).astype(dtype)
    small = g <= real(1 / h)
    found = relaxation(g, relaxation_coefficients(dtype, h))
    rate = real(-h * np.log2(np.e))
    found = np.where(small, found, (real(1) - exp2(rate * g, exp2_coefficients(dtype))) / g)
    exact = -np.expm1(-wide(h) * g.astype(wide)) / g.astype(wide)
    assert np.max(np.abs(found.astype(wide) / exact - 1)) < RELAXATION_ERROR[dtype] / 2


def test_images_are_certified_one_by_one_in_a_precision_of_choice():
    model, images = small_model(), small_images()[:2]
    for dtype, least in (("float64", 1e5), ("float32", 1e-4)):
        certificates = certify_images(model, images, dtype=dtype)
        assert len(certificates) == 2
        assert min(c.distance / c.bound for c in certificates) > least
        assert all(c.certified == (c.n_uncertain == 0) for c in certificates)
    assert certify_images(model, images[:1])[0].bound > 1e-7  # the model's own precision is single


def test_the_command_tells_how_many_images_are_certified(tmp_path, capsys):
    save_model(small_model(), tmp_path / "strokes.safetensors")
    with pytest.raises(SystemExit) as end:
        main(["certify", str(tmp_path / "strokes.safetensors"), "--images", "2", "--dtype", "float64", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert not end.value.code
    assert (told["images"], told["certified"]) == (2, 2)
    assert told["closest"]["distance"] > told["closest"]["bound"]


def test_what_has_no_bound_is_refused():
    with pytest.raises(ConfigError, match="does not learn"):
        simulate(NETWORK, SelfNormalizing(), spikes=([], []), n_steps=4, certify=True)
    with pytest.raises(ConfigError, match="exponential_euler"):
        run(replace(NETWORK, integrator="euler"), certify=True)
    with pytest.raises(ConfigError, match="leave out record"):
        run(certify=True, record=[0])
    network = Network(inputs={}, populations={"cells": Population(2, EXCITATORY)})
    with pytest.raises(ConfigError, match="needs a DiehlCook network"):
        simulate(network, spikes={}, n_steps=4, learn=False, certify=True)
