"""Networks that prove the engine: each against the same network in Brian 2, and against the reference to the last bit.

Two plastic layers; ``AdEx`` neurons in the network of Diehl and Cook; ALIF neurons that learn; neurons that listen
before they decide; lateral excitation that learns beside the input; an inhibitory matrix; a convolution with
competition at each position; one neuron whose weights become bimodal; recurrent inhibition that brings a network to a
rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest

from engram import Network, Population, Simulator, blocks, simulate
from engram.networks import AdaptiveThreshold, Protocol
from engram.neurons import ALIF, EXCITATORY, INHIBITORY, AdEx, ConductanceLIF, GatedIF
from engram.plasticity import LearningRule, Pair, PowerLaw, SelfNormalizing, Symmetric, Trace, Triplet
from engram.projections import AllButOwn, Convolution, Dense, OneToOne, Sparse, Uniform, random_synapses
from engram.sources import StoredEvents
from engram.sources.base import in_order
from references.brian2_networks import brian_of

READY = replace(EXCITATORY, v_start=-65.0)
QUICK = replace(INHIBITORY, v_start=-60.0)
THETA = AdaptiveThreshold(start=20.0, plus=0.05)


class Proof(NamedTuple):
    """A network, how its inputs spike, for how many steps, and which of its projections learn."""

    network: Network
    chance: float
    n_steps: int


def competition(exc: str, inh: str, weight: float = 2.0, channel: str = "inh") -> list:
    """Each excitatory neuron has an inhibitory one that the others hear."""
    return [
        OneToOne(before=exc, after=inh, weights=10.4),
        AllButOwn(before=inh, after=exc, channel=channel, weights=weight, delay=Uniform(0.0, 5.0)),
    ]


def two_plastic_layers() -> Proof:
    network = Network(
        inputs={"image": 40},
        populations={
            "exc1": Population(14, READY, THETA),
            "inh1": Population(14, QUICK),
            "exc2": Population(9, READY, THETA),
            "inh2": Population(9, QUICK),
        },
        projections=[
            Dense(before="image", after="exc1", weights=Uniform(0.2, 0.8), rule=SelfNormalizing(eta=0.05)),
            *competition("exc1", "inh1"),
            Dense(before="exc1", after="exc2", weights=Uniform(0.5, 1.5), rule=Triplet(w_max=2.0), delay=1.0),
            *competition("exc2", "inh2", 1.0),
        ],
    )
    return Proof(network, 0.06, 700)


def adex_instead() -> Proof:
    network = Network(
        inputs={"image": 40},
        populations={"exc": Population(12, AdEx(t_ref=2.0)), "inh": Population(12, QUICK)},
        projections=[
            Dense(before="image", after="exc", weights=Uniform(0.1, 0.5), rule=SelfNormalizing(eta=0.05)),
            *competition("exc", "inh", 0.5),
        ],
        dt=0.1,
        readout="exc",
    )
    return Proof(network, 0.012, 2500)


def alif_that_learns() -> Proof:
    network = Network(
        inputs={"image": 40},
        populations={"neurons": Population(12, ALIF(inc_inh=0.4))},
        projections=[
            Dense(
                before="image",
                after="neurons",
                weights=Uniform(0.0, 0.01),
                rule=Pair(w_max=0.02, a_pre=0.05, a_post=0.052),
            ),
            AllButOwn(before="neurons", after="neurons", weights=-0.005, delay=Uniform(0.5, 3.0)),
        ],
    )
    return Proof(network, 0.05, 800)


def behind_gates() -> Proof:
    network = Network(
        inputs={"image": 40},
        populations={"neurons": Population(12, GatedIF(v_thresh=9.0, gate=40.0))},
        projections=[
            Dense(before="image", after="neurons", weights=Uniform(0.1, 0.6), rule=SelfNormalizing(eta=0.05)),
            AllButOwn(before="neurons", after="neurons", weights=-0.3, delay=Uniform(0.5, 3.0)),
        ],
    )
    return Proof(network, 0.05, 500)


def lateral_excitation() -> Proof:
    lateral = Symmetric(eta_pre=0.01, eta_post=0.05, w_max=0.5)
    network = Network(
        inputs={"image": 40},
        populations={"exc": Population(12, READY, THETA), "inh": Population(12, QUICK)},
        projections=[
            Dense(before="image", after="exc", weights=Uniform(0.2, 0.8), rule=SelfNormalizing(eta=0.05)),
            Sparse(
                before="exc", after="exc", weights=Uniform(0.0, 0.3), delay=1.0, rule=lateral, name="lateral",
                synapses=~np.eye(12, dtype=bool),
            ),
            *competition("exc", "inh", 1.0),
        ],
        readout="exc",
    )  # fmt: skip
    return Proof(network, 0.06, 700)


def matrix_of_inhibition() -> Proof:
    random = np.random.default_rng(3)
    matrix = random.uniform(0.0, 3.0, (12, 12)) * (random.random((12, 12)) < 0.6)
    network = Network(
        inputs={"image": 40},
        populations={"exc": Population(12, READY, THETA), "inh": Population(12, QUICK)},
        projections=[
            Dense(before="image", after="exc", weights=Uniform(0.2, 0.8), rule=SelfNormalizing(eta=0.05)),
            OneToOne(before="exc", after="inh", weights=10.4),
            Sparse(
                before="inh", after="exc", channel="inh", synapses=matrix, name="some",
                delay=random.uniform(0.0, 4.0, np.count_nonzero(matrix)),
            ),
            Dense(
                before="inh", after="inh", channel="inh", weights=matrix / 3.0,
                delay=random.uniform(0.5, 200.0, (12, 12)),
            ),
        ],
        readout="exc",
    )  # fmt: skip
    return Proof(network, 0.06, 700)


def convolution() -> Proof:
    n_maps, n_positions = 3, 16
    at = np.arange(n_maps * n_positions) % n_positions
    same_place = (at[:, np.newaxis] == at) & ~np.eye(len(at), dtype=bool)
    network = Network(
        inputs={"image": (6, 6)},
        populations={"maps": Population((n_maps, 4, 4), READY, THETA)},
        projections=[
            Convolution(
                before="image",
                after="maps",
                size=3,
                weights=Uniform(0.4, 1.6),
                rule=PowerLaw(eta=0.02, mu=0.7, w_max=2.0),
            ),
            Sparse(before="maps", after="maps", channel="inh", synapses=same_place, weights=5.0, name="competition"),
        ],
    )
    return Proof(network, 0.08, 500)


SONG = ConductanceLIF(
    tau_m=20.0,
    v_rest=-70.0,
    v_reset=-60.0,
    v_thresh=-54.0,
    v_start=-70.0,
    e_inh=-70.0,
    t_ref=0.0,
    tau_exc=5.0,
    tau_inh=5.0,
)


def one_neuron(a_pre: float = 0.005) -> Proof:
    rule = Pair(w_max=0.015, a_pre=a_pre, a_post=1.05 * a_pre, tau_pre=20.0, tau_post=20.0)
    network = Network(
        inputs={"afferents": 1000},
        populations={"neuron": Population(1, SONG)},
        projections=[Dense(before="afferents", after="neuron", weights=Uniform(0.0, 0.015), rule=rule)],
    )
    return Proof(network, 0.0075, 2000)


@dataclass(frozen=True, kw_only=True)
class Inhibitory(LearningRule):
    """Inhibitory plasticity that brings a neuron to a rate of `rho` Hz (Vogels et al. 2011)."""

    eta: float = 0.1
    rho: float = 10.0
    tau: float = 20.0
    w_max: float = 100.0

    def traces(self):
        return Trace("x", of="pre", tau=self.tau, add=1.0), Trace("y", of="post", tau=self.tau, add=1.0)

    def on_pre(w, y, eta, rho, tau):
        return w + eta * (y - 2.0 * rho * tau / 1000.0)

    def on_post(w, x, eta):
        return w + eta * x


def recurrent(n_exc: int, n_inh: int, probability: float, excites: float, n_steps: int = 600) -> Proof:
    """Neurons that rest 10 mV above their threshold: the leak's -60 mV, and a current of 20 mV times the leak."""
    neuron = ConductanceLIF(
        tau_m=20.0, v_rest=-40.0, v_reset=-60.0, v_thresh=-50.0, v_start=-60.0, e_inh=-80.0, t_ref=5.0, tau_exc=5.0,
        tau_inh=10.0,
    )  # fmt: skip
    sizes = {"exc": n_exc, "inh": n_inh}
    projections = []
    for k, (before, after) in enumerate((x, y) for x in sizes for y in sizes):
        synapses = random_synapses(sizes[before], sizes[after], probability, k, to_itself=before != after)
        rule = Inhibitory() if (before, after) == ("inh", "exc") else None
        weights = excites if before == "exc" else 5.0 * excites if after == "inh" else Uniform(0.0, 0.1)
        projections.append(
            Sparse(before=before, after=after, channel=before, synapses=synapses, weights=weights, rule=rule)
        )
    network = Network(
        inputs={"kick": 20},
        populations={name: Population(n, neuron) for name, n in sizes.items()},
        projections=[*projections, Dense(before="kick", after="exc", weights=Uniform(0.0, 0.5))],
        readout="exc",
    )
    return Proof(network, 0.02, n_steps)


PROOFS: dict[str, Callable[[], Proof]] = {
    "two plastic layers": two_plastic_layers,
    "AdEx": adex_instead,
    "ALIF": alif_that_learns,
    "gates": behind_gates,
    "lateral excitation": lateral_excitation,
    "matrix of inhibition": matrix_of_inhibition,
    "convolution": convolution,
    "one neuron": one_neuron,
    "recurrent inhibition": lambda: recurrent(80, 20, 0.3, 0.1),
}
every_proof = pytest.mark.parametrize("proof", PROOFS.values(), ids=list(PROOFS))


def trains(proof: Proof) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {name: random.random((proof.n_steps, i.n)) < proof.chance for name, i in proof.network.inputs.items()}


def in_steps(spikes):
    return {name: in_order(x, len(x)) for name, x in spikes.items()}


def simulator(network: Network, dtype: str, kernel: str = "compiled", **options) -> Simulator:
    return Simulator(network.replace(dtype=dtype), seed=1, kernel=kernel, **options)


def weights_of(run: Simulator) -> dict[str, np.ndarray]:
    return {p.name: np.array(run.state.projections[p.name].weights) for p in run.described.plastic}


def assert_equals_brian(run: Simulator, ours, theirs, before) -> None:
    for name, spikes in ours.items():
        assert len(spikes) > 20, name
        np.testing.assert_array_equal(spikes, theirs.spikes(name), err_msg=name)
    for name, weights in weights_of(run).items():
        assert np.max(np.abs(weights - before[name])) > 1e-3 * np.max(weights)
        found = theirs.weights(name)
        listing = run.state.projections[name].listing
        if listing is not None and len(weights) == len(listing.column_where):
            weights = weights[listing.column_where]
        np.testing.assert_allclose(weights, found, rtol=1e-9, atol=1e-12, err_msg=name)


@every_proof
def test_network_draws_the_spikes_and_weights_of_brian2(proof):
    proof = proof()
    spikes, run = trains(proof), simulator(proof.network, "float64")
    before, theirs = weights_of(run), brian_of(run, spikes)
    ours, _ = run.run(in_steps(spikes), proof.n_steps, learn=True, record=True)
    theirs.run(proof.n_steps)
    assert_equals_brian(run, ours, theirs, before)


@every_proof
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_network_equals_reference_to_the_last_bit(proof, dtype):
    proof = proof()
    n_steps = min(proof.n_steps, 200)
    spikes = {name: in_order(x[:n_steps], n_steps) for name, x in trains(proof).items()}
    in_groups, watched, reference = (
        simulator(proof.network, dtype, kernel) for kernel in ("compiled", "compiled", "reference")
    )
    expected, _ = reference.run(spikes, n_steps, learn=True, record=True)
    in_groups.run(spikes, n_steps, learn=True)
    recorded, _ = watched.run(spikes, n_steps, learn=True, record=True, observer=lambda step: None, every=1)
    for name, spikes_expected in expected.items():
        np.testing.assert_array_equal(recorded[name], spikes_expected, err_msg=name)
    for name, tensor in reference.state.tensors().items():
        np.testing.assert_array_equal(in_groups.state.tensors()[name], tensor, err_msg=name)
        np.testing.assert_array_equal(watched.state.tensors()[name], tensor, err_msg=name)


def test_lateral_weights_and_those_of_the_input_keep_norms_of_their_own_as_in_brian2():
    network = lateral_excitation().network
    rules = {"image_exc": Triplet(eta_post=0.05), "lateral": replace(network.named["lateral"].rule, normalization="l1")}
    network = network.replace(projections=[replace(p, rule=rules.get(p.name)) for p in network.projections])
    protocol = Protocol(shown=100.0, blank=50.0, min_spikes=0)
    spikes = np.random.default_rng(8).random((3, 300, 40)) < 0.15
    spikes[:, 200:] = False
    samples = [(index, step * 0.5) for step, index in map(np.nonzero, spikes)]
    run = simulator(network, "float64", source=StoredEvents(), protocol=protocol)
    theirs = brian_of(run, {"image": np.concatenate(spikes)})
    counts, _ = run.train({"image": samples})
    for _ in spikes:
        theirs.scale("image_exc", 0.1 * 40)
        theirs.scale("lateral", 0.1 * 11)
        theirs.run(300)
    neuron, step = theirs.spikes("exc").T
    for sample, ours in enumerate(counts):
        shown = (300 * sample <= step) & (step < 300 * sample + 200)
        np.testing.assert_array_equal(ours, np.bincount(neuron[shown], minlength=12))
    assert counts.sum() > 100
    for name, weights in weights_of(run).items():
        assert np.ptp(weights.sum(axis=0) if name == "image_exc" else weights.reshape(12, 11).sum(axis=1)) > 1e-3
        found = theirs.weights(name)
        np.testing.assert_allclose(weights, found, rtol=1e-9, atol=1e-12, err_msg=name)


def test_alif_neurons_of_a_network_spike_as_those_of_the_tutorial():
    network, neuron = alif_that_learns().network, ALIF(inc_inh=0.4)
    proof = alif_that_learns()
    result = simulate(
        network.replace(dtype="float64"),
        spikes=trains(proof),
        n_steps=proof.n_steps,
        record={"neurons": ["current", "v", "inh"]},
    )
    block = blocks.ALIF(dt=0.5, tau_rc=neuron.tau_rc, tau_ref=neuron.tau_ref, tau_inh=neuron.tau_inh, inc_inh=0.4)
    fired, v, inh = [], [], []
    for current in result.recording["neurons.current"]:
        fired.append(block.step(current))
        v.append(block.v)
        inh.append(block.threshold - neuron.v_thresh)
    step, index = np.nonzero(fired)
    np.testing.assert_array_equal(result.spikes["neurons"], np.column_stack((index, step)))
    np.testing.assert_allclose(result.recording["neurons.v"], v, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.recording["neurons.inh"], inh, rtol=1e-9, atol=1e-12)


def test_weights_of_one_neuron_with_a_thousand_inputs_become_bimodal():
    # Song, Miller & Abbott (2000): from evenly spread weights, 2,000 s of uncorrelated input at 10 Hz.
    run = simulator(one_neuron().network, "float32", protocol=Protocol(shown=1000.0, blank=0.0, min_spikes=0))
    w_max = run.described.named["afferents_neuron"].rule.w_max
    before = np.histogram(run.state.weights / w_max, bins=5, range=(0, 1))[0]
    counts, _ = run.train(np.full((2000, 1000), 10.0 * 4.0, np.float32))
    after = np.histogram(run.state.weights / w_max, bins=5, range=(0, 1))[0]
    assert np.ptp(before) < 80
    assert after[0] > 400
    assert after[4] > 250
    assert after[1:4].sum() < 150
    # Potentiation wins at first, and the neuron fires fast; competition then lowers its rate and keeps it.
    assert counts[:20].mean() > 1.2 * counts[-200:].mean()
    assert counts[-200:].mean() == pytest.approx(counts[-400:-200].mean(), rel=0.05)


def test_inhibitory_plasticity_brings_a_recurrent_network_to_its_target_rate():
    # Vogels et al. (2011), a tenth of its neurons; so that each has enough inhibitory synapses, 10 % of all pairs.
    network = recurrent(800, 200, 0.1, 0.06).network
    run, target = simulator(network, "float32"), Inhibitory().rho
    rates = []
    for second in range(20):
        kick = np.random.default_rng(second).random((2000, 20)) < 0.02
        _, counts = run.run(in_steps({"kick": kick}), 2000, learn=True)
        rates.append(counts)
    assert np.mean(rates[0]) > 1.3 * target
    settled = np.array(rates[-10:]).mean(axis=0)
    assert settled.mean() == pytest.approx(target, rel=0.05)
    assert np.mean(np.abs(settled - target) < 2.0) > 0.9
