"""Steps taken in groups: networks of every temper, compiled and by the reference kernel, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest

from engram import DiehlCook, Protocol, SelfNormalizing, Simulator, Triplet
from engram.datasets import load
from engram.errors import ConfigError
from engram.kernels.compiler import compiled
from engram.neurons import EXCITATORY, INHIBITORY

DIGITS = load("digits").train_images


def drawn_network(seed: int, **options) -> DiehlCook:
    """A network with refractory periods, delays, thresholds and inhibition of any size."""
    rng = np.random.default_rng(seed)
    dt = float(rng.choice([0.1, 0.5, 1.0]))
    return DiehlCook(
        n_neurons=int(rng.choice([1, 5, 33, 70])),
        dt=dt,
        theta_start=float(rng.choice([8.0, 16.0, 20.0])),
        theta_plus=float(rng.choice([0.05, 2.0])),
        tau_theta=float(rng.choice([1e7, 1e3])),
        w_exc_inh=float(rng.choice([10.4, 60.0])),
        w_inh_exc=float(rng.choice([2.0, 17.0, 3000.0])),
        max_delay=float(rng.choice([0.0, 1.0, 5.0])),
        w_start=float(rng.choice([0.3, 1.0])),
        excitatory=replace(EXCITATORY, t_ref=dt * float(rng.choice([0, 1, 3, 10]))),
        inhibitory=replace(INHIBITORY, t_ref=dt * float(rng.choice([0, 2, 5]))),
        **options,
    )


def everything(simulator: Simulator) -> list[np.ndarray]:
    return list(simulator.state.tensors().values())


@pytest.mark.parametrize("seed", range(24))
def test_training_takes_no_other_way_than_the_reference(seed):
    network = drawn_network(seed, dtype="float64" if seed == 5 else "float32")
    shown, blank = (30.0, 10.0) if network.dt < 0.5 else (97.0, 33.0)
    protocol = Protocol(shown=shown, blank=blank, min_spikes=1, stop_spikes=(0, 9)[seed % 2])
    rule = Triplet() if seed % 3 == 1 else SelfNormalizing()
    results = []
    for kernel in ("compiled", "reference"):
        trained = Simulator(network, rule, seed=seed, protocol=protocol, input_gain=0.4, kernel=kernel)
        counts, attempts = trained.train(DIGITS[seed : seed + 3])
        results.append([counts, attempts, *everything(trained)])
    for ours, reference in zip(*results, strict=True):
        assert np.array_equal(ours, reference)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("max_input_delay", [0.0, 4.0])
def test_counting_takes_no_other_way_than_the_reference(seed, max_input_delay):
    network = drawn_network(seed, max_input_delay=max_input_delay)
    counts = []
    for kernel in ("compiled", "reference"):
        frozen = Simulator(network, None, seed=seed, protocol=Protocol(shown=40.0), input_gain=0.4, kernel=kernel)
        counts.append(frozen.count_spikes(DIGITS[seed : seed + 2])[0])
    assert np.array_equal(*counts)


def test_more_neurons_than_inhibition_is_counted_for_are_told():
    with pytest.raises(ConfigError, match="n_neurons must be at most 65,535"):
        DiehlCook(n_neurons=65_536)


def test_the_networks_drawn_do_fire():
    """Else the comparisons above would be of silence."""
    spikes = []
    for seed in range(24):
        network = drawn_network(seed)
        trained = Simulator(network, SelfNormalizing(), seed=seed, protocol=Protocol(shown=97.0), input_gain=0.4)
        spikes.append(trained.train(DIGITS[seed : seed + 3])[0].sum())
    assert np.median(spikes) > 10
    assert max(spikes) > 300


def test_loops_are_told_that_their_arrays_do_not_overlap():
    def add(x, y):
        for k in range(x.shape[0]):
            x[k] += y[k]

    promises = []
    for apart in (False, True):
        function = compiled(add, noalias=apart)
        function(np.zeros(4), np.ones(4))
        text = function.inspect_llvm(function.signatures[0])
        promises.append(max(line.count("noalias") for line in text.splitlines() if line.startswith("define")))
    assert promises[0] < promises[1]
