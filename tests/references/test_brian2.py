"""The network against the same network in Brian 2: every spike, the weights and the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from engram import DiehlCook, simulate
from engram.plasticity import Exponential, Pair, PowerLaw, SelfNormalizing, Symmetric, Triplet
from references.brian2_network import simulate_brian2
from scenes import shown, stroke_images

N_NEURONS = 50

SCHEMES = [(dt, integrator) for dt in (0.5, 0.1) for integrator in ("exponential_euler", "euler")]

CASES = [
    *((rule, *scheme) for rule in (SelfNormalizing(), Triplet()) for scheme in SCHEMES),
    (SelfNormalizing(count="current"), 0.5, "exponential_euler"),
    (SelfNormalizing(count="current"), 0.1, "euler"),
    (SelfNormalizing(variant="smin"), 0.5, "exponential_euler"),
    (SelfNormalizing(variant="smin", count="current"), 0.5, "euler"),
    (PowerLaw(mu=0.7), 0.5, "exponential_euler"),
    (Exponential(beta=1.5), 0.5, "exponential_euler"),
    (Symmetric(mu=0.7, eta_pre=1e-3), 0.5, "exponential_euler"),
    (Pair(), 0.5, "exponential_euler"),
]

BRIAN_NAMES = {
    "self_normalizing": ("eta", "x_tar", "tau_pre", "a_tar", "variant", "count"),
    "triplet": ("eta_pre", "eta_post", "tau_pre", "tau_post1", "tau_post2", "w_max"),
    "power_law": ("eta", "x_tar", "mu", "tau_pre", "w_max"),
    "exponential": ("eta", "x_tar", "beta", "tau_pre", "w_max"),
    "symmetric": ("eta_pre", "eta_post", "x_tar", "mu", "tau_pre", "tau_post", "w_max"),
    "pair": ("tau_pre", "tau_post", "a_pre", "a_post"),
}


def in_brian(rule) -> dict:
    constants = {name: getattr(rule, name) for name in BRIAN_NAMES[rule.name]}
    if rule.name == "pair":
        constants |= {"g_min": rule.w_min, "g_max": rule.w_max}
    if rule.name == "self_normalizing":
        constants["s_max"] = rule.bound
    return {"name": rule.name, **constants}


@pytest.mark.parametrize(("rule", "dt", "integrator"), CASES, ids=lambda value: getattr(value, "name", str(value)))
def test_images_draw_the_spikes_weights_and_thresholds_of_brian2(rule, dt, integrator):
    spikes, n_steps = shown(stroke_images(4 if dt == 0.5 else 2, seed=5), dt, seed=6)
    network = DiehlCook(n_neurons=N_NEURONS, dt=dt, integrator=integrator, dtype="float64")
    weights, delays, theta = network.new_weights(1), network.new_delays(2), np.full(N_NEURONS, 20.0)
    ours = simulate(network, rule, spikes=spikes, n_steps=n_steps, weights=weights, theta=theta, delays=delays)
    theirs = simulate_brian2(
        spike_index=spikes[0],
        spike_step=spikes[1],
        n_steps=n_steps,
        weights=weights,
        theta=theta,
        delays=delays,
        rule=in_brian(rule),
        dt=dt,
        integrator=integrator,
    )
    assert len(theirs.exc_neuron) > 20
    assert len(theirs.inh_neuron) > 20
    np.testing.assert_array_equal(ours.exc_spikes, np.column_stack((theirs.exc_neuron, theirs.exc_step)))
    np.testing.assert_array_equal(ours.inh_spikes, np.column_stack((theirs.inh_neuron, theirs.inh_step)))
    assert np.max(np.abs(theirs.weights - weights)) > 1e-4
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-9)
    if rule.name == "self_normalizing":
        np.testing.assert_allclose(ours.rule_state["s_max"], theirs.s_max, rtol=1e-9)
        np.testing.assert_allclose(ours.rule_state["s_min"], theirs.s_min, rtol=1e-9, atol=1e-12)


def test_frozen_network_draws_the_spikes_of_brian2():
    spikes, n_steps = shown(stroke_images(4, seed=7), 0.5, seed=8)
    network = DiehlCook(n_neurons=N_NEURONS, dtype="float64")
    weights, delays, theta = network.new_weights(3), network.new_delays(4), np.full(N_NEURONS, 20.0)
    given = {"n_steps": n_steps, "weights": weights, "theta": theta, "delays": delays, "learn": False}
    ours = simulate(network, Triplet(), spikes=spikes, **given)
    theirs = simulate_brian2(spike_index=spikes[0], spike_step=spikes[1], rule={"name": "triplet"}, **given)
    np.testing.assert_array_equal(ours.exc_spikes, np.column_stack((theirs.exc_neuron, theirs.exc_step)))
    np.testing.assert_array_equal(ours.inh_spikes, np.column_stack((theirs.inh_neuron, theirs.inh_step)))
    np.testing.assert_array_equal(ours.weights, weights)
    np.testing.assert_array_equal(ours.theta, theta)
