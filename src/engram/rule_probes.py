"""A learning rule under given spikes, without a network: its STDP window, and where a column's norm settles.

Both go through the kernels' own learning, so they show what training does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.encoders import poisson_spikes
from engram.kernels.reference import Learner
from engram.kernels.state import new_state
from engram.networks import DiehlCook, Network, Population
from engram.neurons import Neuron
from engram.plasticity.base import LearningRule, check_rule
from engram.projections import Dense
from engram.randomness import Stream, stream_key
from engram.simulation import simulate
from engram.validation import check_count, check_positive

WINDOW_INPUTS = 8
"""Inputs of the neuron whose one synapse a window watches: the self-normalizing rule's first bounds take one of
eight inputs to be active, so they stay as they are."""

WINDOW_STEP = 0.001
"""Resolution of delays, ms."""

EARLIER_POST = 10.0
"""How long before a pair the neuron fired for rules that need it, ms; see :func:`earlier_post_for`."""


def stdp_window(rule: LearningRule, delays, weights, *, earlier_post: float | None = None) -> np.ndarray:
    """The change of a weight by one pair of spikes.

    Parameters
    ----------
    rule : LearningRule
    delays : array-like of shape (n_delays,)
        From the presynaptic to the postsynaptic spike, ms; negative if the neuron fires first. At 0 both fall
        into one time step, in which the presynaptic spike acts first.
    weights : array-like of shape (n_weights,)
        The weight before the pair.
    earlier_post : float, optional
        The neuron also fired that many ms before the first spike of the pair, and has its weight from after
        that. Without such a spike the triplet rule never potentiates.

    Returns
    -------
    ndarray of shape (n_weights, n_delays)
        Weight after the pair less weight before.

    Notes
    -----
    The synapse is one of 8 of its neuron. The others have the same weight and stay silent. All traces start
    from zero, and the rule's state from its first values.

    Examples
    --------
    >>> from engram.plasticity import Pair
    >>> stdp_window(Pair(), [-30.0, 0.0, 30.0], [0.5]).round(4)
    array([[-0.0405,  0.1   ,  0.0368]])
    """
    delays, weights = np.asarray(delays, np.float64), np.asarray(weights, np.float64)
    if earlier_post is not None:
        check_positive("earlier_post", earlier_post, "ms", or_zero=True)
    columns = np.tile(weights, (WINDOW_INPUTS, 1))
    return np.array([_after_pair(rule, d, columns, earlier_post) - weights for d in delays]).reshape(-1, len(weights)).T


def earlier_post_for(rule: LearningRule) -> float | None:
    """The `earlier_post` with which a rule's window shows its potentiation: None if a lone pair does."""
    lone_pair = stdp_window(rule, [5.0], [_within(rule, 0.4), _within(rule, 0.6)])
    return None if np.any(lone_pair != 0) else EARLIER_POST


def norm_convergence(
    rule: LearningRule,
    weights,
    *,
    n_spikes: int = 700,
    rate: float = 4.0,
    interval: float = 50.0,
    dt: float = 0.5,
    seed: int = 0,
    kernel: str = "compiled",
) -> np.ndarray:
    """The norm of a neuron's weights over forced postsynaptic spikes and Poisson input.

    Parameters
    ----------
    rule : LearningRule
    weights : array-like of shape (n_inputs, n_starts)
        Columns of weights to start from; all meet the same input.
    n_spikes : int
        Postsynaptic spikes.
    rate : float
        Rate of each input, Hz.
    interval : float
        Between postsynaptic spikes, ms. By default the inputs of two spikes are independent for a trace of 20
        ms.
    dt : float
        Time step, ms.
    seed : int
        Of the input.
    kernel : {"compiled", "reference"}
        Both come to the same bits. The reference compiles nothing, and is the sooner for some hundred inputs and
        spikes.

    Returns
    -------
    ndarray of shape (n_spikes + 1, n_starts)
        The norm at the start and after each spike: the Euclidean one where the rule keeps that, else the sum.
    """
    check_count("n_spikes", n_spikes)
    check_positive("rate", rate, "Hz")
    check_positive("interval", interval, "ms")
    weights = np.array(weights, np.float64, order="C")
    n_inputs, n_starts = weights.shape
    steps_apart = max(round(interval / dt), 2)
    n_steps = n_spikes * steps_apart
    key = stream_key(seed, Stream.TRAINING)
    index, offset = poisson_spikes(np.full(n_inputs, rate * dt / 1000.0), n_steps, key, np.uint64(0), 0)
    if kernel == "reference":
        return _norms_by_the_reference(rule, weights, index, offset, steps_apart, dt)
    network = Network(
        inputs={"input": n_inputs, "pacemaker": 1},
        populations={"neurons": Population(n_starts, Relay())},
        projections=[
            Dense(before="input", after="neurons", channel="unheard", rule=rule, name="learned"),
            Dense(before="pacemaker", after="neurons", channel="drive", name="pace"),
        ],
        dt=dt,
        dtype="float64",
    )
    driven = np.arange(1, n_spikes + 1) * steps_apart - 2  # a relay fires in the step after it is driven
    result = simulate(
        network,
        spikes={
            "input": (index, np.repeat(np.arange(n_steps), np.diff(offset))),
            "pacemaker": (np.zeros_like(driven), driven),
        },
        n_steps=n_steps,
        weights={"learned": weights},
        record={"learned": ["weights"]},
        every=steps_apart,
    )
    return np.vstack([_norm(rule, weights[np.newaxis]), _norm(rule, result.recording["learned.weights"])])


def _norms_by_the_reference(rule: LearningRule, weights, index, offset, steps_apart: int, dt: float) -> np.ndarray:
    """The norms after each postsynaptic spike, by the reference kernel's learning without its network."""
    steps = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    learner = _learner(rule, weights, dt)
    learner.begin()
    found = [learner.state.weights.copy()]
    for t in range(steps_apart - 1, len(offset) - 1, steps_apart):
        heard = slice(offset[t + 1 - steps_apart], offset[t + 1])
        _hear(learner, index[heard], steps[heard])
        _fire(learner, t)
        found.append(learner.state.weights.copy())
    return _norm(rule, np.array(found))


def _hear(learner: Learner, inputs: np.ndarray, steps: np.ndarray) -> None:
    """Presynaptic spikes in order of step; many at once where the rule takes no more than note of them."""
    if learner.on_pre is not None:
        for t in np.unique(steps):
            learner.presynaptic_spikes(inputs[steps == t], t)
        return
    order = np.argsort(inputs, kind="stable")
    inputs, steps = inputs[order], steps[order]
    nth = np.arange(len(inputs)) - np.searchsorted(inputs, inputs)  # of its input's spikes
    for n in range(nth.max(initial=-1) + 1):
        learner.note_inputs(inputs[nth == n], steps[nth == n])


def _norm(rule: LearningRule, weights: np.ndarray) -> np.ndarray:
    """Of columns of weights, shape (n_times, n_inputs, n_neurons): what the rule keeps."""
    if getattr(rule, "norm", "l1") == "l2":
        return np.linalg.norm(weights, axis=1)
    return weights.sum(axis=1)


@dataclass(frozen=True, kw_only=True)
class Relay(Neuron):
    """A neuron that fires in the step after a spike arrived on its channel ``drive``, and at nothing else."""

    v_thresh: float = 0.5

    channels: ClassVar[dict[str, str]] = {"drive": "v", "unheard": "x"}

    def variables(self) -> dict[str, float]:
        """What drives it, how that was a step ago, and what it does not hear."""
        return {"v": 0.0, "x": 0.0, "driven": 0.0}

    def step(v, x, driven):
        """What arrived in the step before is over."""
        return 0.0, 0.0, v

    def fires(driven, v_thresh):
        """Whether it was driven."""
        return driven > v_thresh

    def on_spike(driven):
        """Nothing is left of it."""
        return 0.0


def _after_pair(rule: LearningRule, delay: float, columns: np.ndarray, earlier_post: float | None) -> np.ndarray:
    """The first row of weights after a pair of spikes."""
    learner = _learner(rule, columns)
    w, first = learner.state.weights, 0
    if earlier_post is not None:
        _fire(learner, 0)
        w[:] = columns
        first = round(earlier_post / WINDOW_STEP)
    apart = round(delay / WINDOW_STEP)
    if apart < 0:
        _fire(learner, first)
    learner.presynaptic_spikes([0], first + max(-apart, 0))
    if apart >= 0:
        _fire(learner, first + apart)
    return w[0]


def _fire(learner: Learner, t: int) -> None:
    for j in range(learner.state.weights.shape[1]):
        learner.postsynaptic_spike(j, t)


def _learner(rule: LearningRule, weights: np.ndarray, dt: float = WINDOW_STEP) -> Learner:
    """The reference kernel's learning on a copy of some columns of weights."""
    check_rule(rule)
    n_inputs, n_neurons = weights.shape
    network = DiehlCook(n_inputs=n_inputs, n_neurons=n_neurons, dt=dt, dtype="float64").describe(rule)
    state = new_state(network, 0, weights={"input_exc": weights})
    return Learner(rule, state.projections["input_exc"], dt, "float64")


def _within(rule: LearningRule, w: float) -> float:
    return min(max(w, rule.w_min), rule.w_max)
