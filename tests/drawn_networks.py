"""Random small networks: of every neuron and projection, with delays, loops, thresholds and rules, in any mixture."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
from hypothesis import strategies as st

from engram.networks import AdaptiveThreshold, Input, Network, Population
from engram.neurons import ALIF, EXCITATORY, INHIBITORY, LIF, AdEx, Neuron
from engram.plasticity import LearningRule, Pair, SelfNormalizing, Trace, Triplet
from engram.projections import AllButOwn, Convolution, Dense, Local, OneToOne, Sparse, Uniform

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
    "own": (Izhikevich(), {"exc": 12.0, "inh": -8.0}),
}
"""Neurons, and by channel a weight that moves them."""

INPUTS = (7, (4, 5))
POPULATIONS = (5, 7, 33, (2, 3, 4), (2, 2, 3))
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
    return next(scales for kind, scales in KINDS.values() if type(kind) is type(neuron))[channel]


def rules(w_max: float):
    """Rules for weights of some size."""
    return st.sampled_from(
        [
            Pair(w_max=w_max),
            Triplet(w_max=w_max, eta_post=0.05 * w_max, eta_pre=0.02 * w_max),
            SelfNormalizing(eta=0.05),
            SelfNormalizing(eta=0.05, variant="smin", count="current"),
            Tagged(w_max=w_max),
            Tagged(w_max=w_max, normalization="l2"),
        ]
    )


@st.composite
def projections(draw, before: str, after: str, shapes: dict, made: dict, number: int):
    """A projection of any kind that fits between two parts."""
    shape_before, shape_after = shapes[before], shapes[after]
    n_before, n_after = math.prod(shape_before), math.prod(shape_after)
    neuron = made[after].neuron
    channel = draw(st.sampled_from(list(neuron.channels)))
    scale = scale_of(neuron, channel)
    given = {"before": before, "after": after, "channel": channel, "name": f"p{number}"}
    weights, delay = Uniform(*sorted((0.2 * scale, scale))), draw(st.sampled_from(DELAYS))
    kinds = [Dense, Sparse, *([OneToOne, AllButOwn] if n_before == n_after else [])]
    if shape_after in ((2, 3, 4), (2, 2, 3)) and shape_before[-2:] == (shape_after[-2] + 1, shape_after[-1] + 1):
        kinds += [Convolution, Local] * 2
    kind = draw(st.sampled_from(kinds))
    if kind is OneToOne:
        return kind(**given, weights=weights, delay=0.0 if isinstance(delay, Uniform) else delay)
    if kind is AllButOwn:
        return kind(**given, weights=scale, delay=delay)
    further = {}
    if kind in (Convolution, Local):
        further["size"] = 2
    if kind is Sparse:
        seed = draw(st.integers(0, 9))
        further["synapses"] = np.random.default_rng(seed).random((n_before, n_after)) < draw(st.sampled_from([0.1, 0.5]))
    rule = None
    if not isinstance(delay, Uniform) and scale > 0:
        rule = draw(st.none() | rules(scale))
    return kind(**given, weights=weights, delay=delay, rule=rule, **further)


@st.composite
def networks(draw) -> Network:
    """A network in single precision; the last projection comes first in no sense."""
    inputs = {name: Input(draw(st.sampled_from(INPUTS))) for name in ("east", "west")[: draw(st.integers(1, 2))]}
    made = {name: draw(populations()) for name in ("a", "b", "c")[: draw(st.integers(1, 3))]}
    shapes = {name: part.shape for name, part in (inputs | made).items()}
    pairs = [(draw(st.sampled_from(sorted(inputs))), name) for name in sorted(made)]
    further = st.tuples(st.sampled_from(sorted(shapes)), st.sampled_from(sorted(made)))
    pairs = draw(st.permutations(pairs + draw(st.lists(further, max_size=4))))
    found = [draw(projections(*pair, shapes, made, k)) for k, pair in enumerate(pairs)]
    readout = draw(st.sampled_from(sorted(made)))
    integrator = draw(st.sampled_from(["exponential_euler", "exponential_euler", "euler"]))
    return Network(
        inputs=inputs, populations=made, projections=found, dt=DT, readout=readout, integrator=integrator, dtype="float32"
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
