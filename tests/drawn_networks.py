"""Random small networks: of every neuron and projection, with delays, loops, thresholds and rules, in any mixture."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
from hypothesis import strategies as st

from engram import Protocol
from engram.networks import AdaptiveThreshold, Input, Network, Population
from engram.neurons import ALIF, EXCITATORY, IF, INHIBITORY, LIF, AdEx, GatedIF, Neuron
from engram.plasticity import LearningRule, Pair, SelfNormalizing, Trace, Triplet
from engram.projections import AllButOwn, Convolution, Dense, Local, OneToOne, Projection, Sparse, Uniform
from engram.sources import Latency, Poisson, Ramp, Regular, Source, StoredEvents

DT = 0.5


@dataclass(frozen=True, kw_only=True)
class Izhikevich(Neuron):
    """A user's own neuron: Izhikevich's, by forward Euler."""

    a: float = 0.02
    b: float = 0.2
    v_reset: float = -65.0
    d: float = 8.0
    v_thresh: float = 30.0
    channels: ClassVar = {"exc": "i", "inh": "i"}

    def variables(self):
        return {"v": -65.0, "u": -13.0, "i": 0.0}

    def step(v, u, i, a, b, dt):
        return v + dt * (0.04 * v * v + 5.0 * v + 140.0 - u + i), u + dt * a * (b * v - u), 0.5 * i

    def on_spike(v, u, v_reset, d):
        return v_reset, u + d


@dataclass(frozen=True, kw_only=True)
class Tagged(LearningRule):
    """A rule with traces of all three kinds, a state, both events and a hook over the column."""

    eta: float = 0.01

    def traces(self):
        return (
            Trace("x", of="pre", tau=15.0, add=0.7),
            Trace("y", of="post", tau=20.0),
            Trace("tag", of="synapse", tau=40.0),
        )

    def initial_state(self, n_inputs):
        return {"recent": 0.5 / n_inputs}

    def on_pre(w, tag, y, eta, recent):
        return w - eta * y * w * (1.0 + recent), tag + 0.25

    def on_post(w, x, tag, eta, w_max):
        return w + eta * x * (w_max - w) * (1.0 + tag), 0.5 * tag

    def after_post(w, x, recent):
        active = 0.0
        for value in x:
            active += value > 0.3
        return 0.9 * recent + 0.1 * active


KINDS = {
    "conductance": (replace(EXCITATORY, v_start=-62.0), {"exc": 1.2, "inh": 0.8}),
    "interneuron": (replace(INHIBITORY, v_start=-58.0), {"exc": 3.0, "inh": 1.0}),
    "adex": (AdEx(), {"exc": 1.5, "inh": 1.0}),
    "alif": (ALIF(inc_inh=0.3), {"current": 0.02}),
    "lif": (LIF(), {"current": 0.02}),
    "if": (IF(), {"current": 0.2, "pulse": 0.4}),
    "gated if": (GatedIF(gate=6.0), {"pulse": 0.4}),
    "own": (Izhikevich(), {"exc": 12.0, "inh": -8.0}),
}
"""Neurons, and by channel a weight that moves them."""

INPUTS = (7, (4, 5))
POPULATIONS = (7, 7, 33, (2, 3, 4), (2, 2, 3))
DELAYS = (0.0, 0.0, DT, 3 * DT, 7 * DT, Uniform(0.0, 4.0), Uniform(0.0, 100.0))


@st.composite
def populations(draw) -> Population:
    """A population of any kind of neuron."""
    neuron, _ = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    if "t_ref" in [field.name for field in fields(neuron)]:
        neuron = replace(neuron, t_ref=DT * draw(st.sampled_from([0, 1, 6])))
    threshold = None
    if neuron.v_thresh == EXCITATORY.v_thresh:
        start, tau = draw(st.sampled_from([10.0, 16.0, 20.0])), draw(st.sampled_from([1e7, 60.0]))
        threshold = AdaptiveThreshold(start=start, plus=draw(st.sampled_from([0.05, 1.5])), tau=tau)
    return Population(draw(st.sampled_from(POPULATIONS)), neuron, threshold)


def scale_of(neuron: Neuron, channel: str) -> float:
    """A weight that moves a neuron."""
    kinds = [scales for kind, scales in KINDS.values() if type(kind) is type(neuron)]
    return kinds[-1 if getattr(neuron, "tau_m", 0.0) == INHIBITORY.tau_m else 0][channel]


def rules(w_max: float):
    """Rules for weights of some size."""
    return st.sampled_from(
        [
            Pair(w_max=w_max),
            Triplet(w_max=w_max, eta_post=0.05 * w_max, eta_pre=0.02 * w_max),
            SelfNormalizing(eta=0.05),
            SelfNormalizing(eta=0.05, variant="smin", count="current"),
            Triplet(w_max=w_max, eta_post=0.05 * w_max, weight_bits=6, state_bits=8, rounding="stochastic"),
            Tagged(w_max=w_max),
            Tagged(w_max=w_max, normalization="l2"),
        ]
    )


def kinds_between(before: tuple[int, ...], after: tuple[int, ...]) -> list[type]:
    """The projections that fit between parts of given shapes, those that seldom fit more often."""
    kinds = [Dense, Sparse]
    if math.prod(before) == math.prod(after):
        kinds += [OneToOne, AllButOwn]
    if after in ((2, 3, 4), (2, 2, 3)) and before[-2:] == (after[-2] + 1, after[-1] + 1):
        kinds += [Convolution, Convolution, Local, Local]
    return kinds


@st.composite
def projections(draw, before: str, after: str, parts: dict, kind: type | None = None, **chosen) -> Projection:
    """A projection of any kind that fits between two parts."""
    shapes, neuron = (parts[before].shape, parts[after].shape), parts[after].neuron
    kind = kind or draw(st.sampled_from(kinds_between(*shapes)))
    channel = draw(st.sampled_from(list(neuron.channels)))
    given = {"before": before, "after": after, "channel": channel, "delay": draw(st.sampled_from(DELAYS))} | chosen
    scale = scale_of(neuron, given["channel"])
    if kind is OneToOne and callable(given["delay"]):
        given["delay"] = 0.0
    if kind is Sparse:
        chance = np.random.default_rng(draw(st.integers(0, 9))).random(tuple(map(math.prod, shapes)))
        given["synapses"] = chance < draw(st.sampled_from([0.1, 0.5]))
    if kind in (Convolution, Local):
        given["size"] = 2
    if kind not in (OneToOne, AllButOwn) and not callable(given["delay"]) and scale > 0:
        given["rule"] = draw(st.none() | rules(scale))
    weights = scale if kind is AllButOwn else Uniform(*sorted((0.2 * scale, scale)))
    return kind(**{"weights": weights} | given)


@st.composite
def mixtures(draw):
    """Parts of any kind; each hears an input or a part before it."""
    inputs = {name: Input(draw(st.sampled_from(INPUTS))) for name in ("east", "west")[: draw(st.integers(1, 2))]}
    made = {name: draw(populations()) for name in ("a", "b", "c")[: draw(st.integers(1, 3))]}
    parts = inputs | made
    earlier = {"a": sorted(inputs), "b": ["a", *inputs], "c": ["a", "b", *inputs]}
    return inputs, made, [draw(projections(draw(st.sampled_from(earlier[name])), name, parts)) for name in made]


@st.composite
def competitions(draw):
    """Neurons of any kind, each of which has an inhibitory one that is heard by the others."""
    n = draw(st.sampled_from([7, 33]))
    inputs = {"east": Input(7)}
    made = {"a": replace(draw(populations()), shape=n), "b": Population(n, KINDS["interneuron"][0])}
    parts, inhibits = inputs | made, list(made["a"].neuron.channels)[-1]
    drives = draw(st.lists(st.sampled_from(["a", "a", "b"]), max_size=1))
    found = [draw(projections("east", "a", parts, channel=next(iter(made["a"].neuron.channels))))]
    found += [draw(projections(name, "b", parts, OneToOne, delay=0.0)) for name in ["a", *drives]]
    return inputs, made, [*found, draw(projections("b", "a", parts, AllButOwn, channel=inhibits))]


@st.composite
def maps(draw):
    """Maps of neurons that look at patches of an input, and maybe maps that look at those."""
    inputs = {"east": Input((4, 5))}
    made = {"a": replace(draw(populations()), shape=(2, 3, 4)), "b": replace(draw(populations()), shape=(2, 2, 3))}
    kinds = st.sampled_from([Convolution, Convolution, Local])
    return inputs, made, [draw(projections(x, y, inputs | made, draw(kinds))) for x, y in (("east", "a"), ("a", "b"))]


@st.composite
def networks(draw) -> Network:
    """A network in single precision."""
    inputs, made, found = draw(mixtures() | competitions() | maps())
    parts = inputs | made
    pairs = st.tuples(st.sampled_from(sorted(parts)), st.sampled_from(sorted(made)))
    further = draw(st.lists(pairs, max_size=3 if len(made) > 1 else 1))
    found = draw(st.permutations(found + [draw(projections(*pair, parts)) for pair in further]))
    return Network(
        inputs=inputs,
        populations=made,
        projections=[replace(p, name=f"p{k}") for k, p in enumerate(found)],
        dt=DT,
        readout=draw(st.sampled_from(sorted(made))),
        integrator=draw(st.sampled_from(["exponential_euler", "exponential_euler", "euler"])),
        dtype="float32",
    )


def trains(network: Network, n_steps: int, seed: int, chance: float = 0.08) -> dict:
    """Random spikes of every input, with a pause in which nothing happens."""
    random = np.random.default_rng(seed)
    found = {}
    for name, source in network.inputs.items():
        spikes = random.random((n_steps, source.n)) < chance
        spikes[n_steps // 2 : 3 * n_steps // 4] = False
        found[name] = spikes
    return found


@dataclass(frozen=True, kw_only=True)
class Alternating(Source):
    """A user's own source: bright inputs spike in even steps, by a throw of a coin."""

    def encode(self, sample, n_steps, dt, intensity, random):
        even = np.arange(n_steps)[:, np.newaxis] % 2 == 0
        return even & (sample > 128) & (random.random((n_steps, len(sample))) < 0.1 * self.gain * intensity)


SOURCES = (Poisson(gain=0.4), Latency(), Latency(order="rank"), Regular(gain=0.4), Ramp(gain=0.5), Alternating())


@st.composite
def samples(draw, network: Network, n: int = 3):
    """Sources of all inputs, and what is shown on each."""
    random, sources, shown = np.random.default_rng(draw(st.integers(0, 9))), {}, {}
    for name, source in network.inputs.items():
        if draw(st.integers(0, 3)) == 0:
            sources[name] = StoredEvents()
            shown[name] = [(random.integers(0, source.n, 40), random.uniform(0.0, 25.0, 40)) for _ in range(n)]
        else:
            sources[name] = draw(st.sampled_from(SOURCES))
            shown[name] = random.integers(0, 256, (n, source.n)).astype(np.uint8)
    return sources, shown


protocols = st.builds(
    Protocol,
    shown=st.sampled_from([20.0, 13.5]),
    blank=st.sampled_from([6.0, 0.0]),
    min_spikes=st.sampled_from([0, 5]),
    stop_spikes=st.sampled_from([0, 20]),
    max_intensity=st.just(4.0),
    at_rest=st.booleans(),
)
