"""Weights and state in fixed point while a rule learns: grids of numbers, and how a change lands on them.

A number of `bits` bits stands on a grid whose step is a power of two: whole multiples of the step, from 0 on where
nothing is negative, else of both signs. Steps that are powers of two are exact in floating point, so the numbers are
those that an integer holds, and both kernels and precisions agree on them.

What a rule writes, weights, traces of synapses and state of neurons, is rounded as the rule's `rounding` says. Traces
of spikes only decay; hardware looks their value up by the time since the spike, and the equations see the nearest.

Stochastic rounding goes up with the chance of the part that is cut off, so that changes smaller than a step happen
sometimes instead of never. Each draw is a pure function of the seed, the presentation, the step, the event and the
synapse (:mod:`engram.randomness`): threads, interruptions and kernels meet the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engram.arithmetic import select
from engram.errors import ConfigError
from engram.plasticity.base import LearningRule, known_names
from engram.randomness import philox4x32

ROOM_OF_STATE = 4.0
"""State of neurons may grow to this many times what it starts from."""

ROOM_OF_SUMS = 8.0
"""Traces to which spikes add saturate at so many spikes' worth."""

WEIGHT_BY = {"on_pre": 0, "on_post": 1, "before_post": 2, "after_post": 3}
"""What a draw is for, by the equation that changed a weight."""

NORM = 4
"""The same where it was the normalisation."""

STATE_BY = {"before_post": 8, "after_post": 8 + 64}
TRACE_BY = {"on_pre": 8 + 2 * 64, "on_post": 8 + 3 * 64}
"""The first of as many numbers as a rule may have state variables, and traces of synapses, by the equation that wrote
them."""

_STEP_BITS = np.uint64(22)
"""Bits of a step's number: :data:`engram.validation.MAX_STEPS`."""

_CHANCE = 2.0**-32


class Grid(NamedTuple):
    """The numbers that some bits hold, as the kernels take them.

    Attributes
    ----------
    per_step : float
        One over the step.
    step : float
        Distance of two neighbours, a power of two.
    low, high : float
        The least and the largest.
    """

    per_step: float
    step: float
    low: float
    high: float

    def in_precision(self, real: type) -> Grid:
        """The same in the precision of a simulation; exact."""
        return Grid(*map(real, self))

    def nearest(self, values) -> np.ndarray:
        """The nearest numbers of the grid, to values of any shape."""
        return nearest(np.asarray(values), self)

    def whole(self, values) -> np.ndarray:
        """The whole numbers that stand for numbers of the grid."""
        return np.rint(np.asarray(values, np.float64) * self.per_step).astype(np.int64)


def nearest(x, grid):
    """The nearest number of a grid; of two equally near, the one whose last bit is zero."""
    per_step, step, low, high = grid
    return _within(np.rint(x * per_step) * step, low, high)


def by_chance(x, chance, grid):
    """The number of a grid above or below, the nearer the likelier; `chance` is uniform from 0 to 1."""
    per_step, step, low, high = grid
    scaled = x * per_step
    below = np.floor(scaled)
    return _within(select(scaled - below > chance, below * step + step, below * step), low, high)


def _within(x, low, high):
    """A number within bounds; NaN stays NaN, to be found."""
    return select(x < low, low, select(x > high, high, x))


def chance(key_0, key_1, run, t, what, who, place):
    """The uniform number from 0 to 1 that decides one rounding.

    Parameters
    ----------
    key_0, key_1 : uint64
        Of the seed and the projection.
    run : uint64
        Which presentation.
    t : uint64
        Which of its steps.
    what : uint64
        Which change, as :data:`WEIGHT_BY` and the others have it.
    who, place : uint64
        The neuron that fired, and the place of the synapse among its own.

    Returns
    -------
    float
        A multiple of 2**-32.
    """
    word, _, _, _ = philox4x32(place, who, t | (what << _STEP_BITS), run, key_0, key_1)
    return np.float64(np.int64(word)) * _CHANCE


def chances(key, run: int, t: int, what: int, who: int, places) -> np.ndarray:
    """:func:`chance` at many places; float64 of their shape."""
    words = (np.uint64(x) for x in (run, t, what, who))
    with np.errstate(over="ignore"):
        runs, steps, whats, whos, where = np.broadcast_arrays(*words, np.asarray(places).astype(np.uint64))
        word, _, _, _ = philox4x32(where, whos, steps | (whats << _STEP_BITS), runs, key[0], key[1])
    return word.astype(np.float64) * _CHANCE


def is_fixed(rule: LearningRule | None) -> bool:
    """Whether any number of a rule stands on a grid."""
    return rule is not None and (math.isfinite(rule.weight_bits) or math.isfinite(rule.state_bits))


def is_drawn(rule: LearningRule | None) -> bool:
    """Whether a rule rounds by chance."""
    return rule is not None and is_fixed(rule) and rule.rounding == "stochastic"


def weight_grid(rule: LearningRule | None, n_inputs: int) -> Grid | None:
    """Where the weights of a rule may stand; None for floating point.

    Raises
    ------
    ConfigError
        If the rule does not say how large its weights may get.
    """
    if rule is None or not math.isfinite(rule.weight_bits):
        return None
    low, high = rule.weight_range(n_inputs)
    low, high = max(low, rule.w_min), min(high, rule.w_max)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(
            f"weight_bits needs to know how large weights of {type(rule).__name__} may get, and they are unbounded:"
            f" give w_min and w_max, got {rule.w_min!r} and {rule.w_max!r}."
        )
    grid = grid_of(int(rule.weight_bits), max(abs(low), abs(high)), signed=low < 0)
    lowest, highest = grid.low, grid.high
    if math.isfinite(rule.w_min):
        lowest = max(lowest, math.ceil(rule.w_min * grid.per_step) * grid.step)
    if math.isfinite(rule.w_max):
        highest = min(highest, math.floor(rule.w_max * grid.per_step) * grid.step)
    if not lowest < highest:
        raise ConfigError(
            f"weight_bits={int(rule.weight_bits)} leaves no two weights from {low:g} to {high:g}: the step would be"
            f" {grid.step:g}; use more bits."
        )
    return grid._replace(low=lowest, high=highest)


def grid_of(bits: int, largest: float, *, signed: bool) -> Grid:
    """The finest grid of so many bits that reaches to within a step of `largest`; `signed` takes one bit."""
    exponent = math.ceil(math.log2(largest))
    steps = 1 << (bits - signed)
    step = math.ldexp(1.0, exponent) / steps
    return Grid(1.0 / step, step, -steps * step if signed else 0.0, (steps - 1) * step)


def state_grids(rule: LearningRule, n_inputs: int) -> dict[str, Grid]:
    """Where traces and state variables of a rule may stand, by name; none for floating point.

    A trace that spikes set to 1 has the range 0 to 1. One that they add to has room for :data:`ROOM_OF_SUMS` spikes.
    Traces of synapses and state of neurons have a sign and the range of the weights, 1, or :data:`ROOM_OF_STATE` times
    what they start from, whichever is largest.
    """
    if not math.isfinite(rule.state_bits):
        return {}
    bits = int(rule.state_bits)
    bounds = [abs(x) for x in (*rule.weight_range(n_inputs), rule.w_min, rule.w_max) if math.isfinite(x)]
    widest = max([1.0, *bounds])
    grids = {}
    for trace in rule.traces():
        if trace.of == "synapse":
            grids[trace.name] = grid_of(bits, widest, signed=True)
        elif trace.add:
            grids[trace.name] = grid_of(bits, ROOM_OF_SUMS * abs(trace.add), signed=trace.add < 0)
        else:
            grids[trace.name] = grid_of(bits, 1.0, signed=False)
    for name, start in rule.initial_state(n_inputs).items():
        grids[name] = grid_of(bits, max(widest, ROOM_OF_STATE * abs(start)), signed=True)
    return grids


def packed_grids(rule: LearningRule, n_inputs: int, dtype) -> np.ndarray:
    """All grids of a rule as its routines read them: of the weights, then of traces and state in order of kind.

    Returns
    -------
    ndarray of shape (1 + n_names, 4)
        Zeros where numbers are in floating point.
    """
    names, grids = known_names(rule), state_grids(rule, n_inputs)
    of_names = [grids.get(name) for kind in ("pre", "post", "synapse", "state") for name in names[kind]]
    return np.array([grid or (0.0,) * 4 for grid in (weight_grid(rule, n_inputs), *of_names)], dtype)


def on_the_grid(rule: LearningRule | None, weights: np.ndarray, n_inputs: int) -> np.ndarray:
    """Weights as a rule holds them before it has learned: the nearest of its grid; in floating point, as they are."""
    grid = weight_grid(rule, n_inputs)
    return weights if grid is None else grid.nearest(weights).astype(weights.dtype)


def bounds_of(rule: LearningRule, n_inputs: int) -> tuple[float, float]:
    """Between which weights stay: the rule's bounds, or the grid's where it is narrower."""
    grid = weight_grid(rule, n_inputs)
    return (rule.w_min, rule.w_max) if grid is None else (grid.low, grid.high)


def described(rule: LearningRule | Mapping | None) -> str:
    """In what a rule holds its numbers, in a few words: ``"6-bit weights, rounding stochastic"``; empty in floating
    point. A rule's constants by name, as in its record, will do."""
    constants = rule if isinstance(rule, Mapping) else {} if rule is None else vars(rule)
    named = (("weights", "weight_bits"), ("state", "state_bits"))
    parts = [f"{int(bits)}-bit {what}" for what, name in named
             if math.isfinite(bits := float(constants.get(name, math.inf)))]  # fmt: skip
    if not parts:
        return ""
    return f"{', '.join(parts)}, rounding {constants.get('rounding', 'nearest')}"
