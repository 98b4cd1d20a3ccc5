"""Rounding in the reference kernel: how what a rule writes, and what its equations see, comes to stand on its grids."""

from __future__ import annotations

import numpy as np

from engram.plasticity.base import LearningRule
from engram.plasticity.fixed_point import (
    NORM,
    STATE_BY,
    TRACE_BY,
    WEIGHT_BY,
    by_chance,
    chances,
    is_drawn,
    nearest,
    state_grids,
    weight_grid,
)
from engram.synapses import clip_weight


class ReferenceRounding:
    """The grids of a rule and its draws; in floating point, everything stays as it is.

    Parameters
    ----------
    rule : LearningRule
    longest : int
        Inputs of a neuron.
    real : type
        The precision of the simulation.
    """

    def __init__(self, rule: LearningRule, longest: int, real: type):
        self.rule, self.real, self.run, self.key = rule, real, 0, np.zeros(2, np.uint64)
        grid, self.drawn = weight_grid(rule, longest), is_drawn(rule)
        self.grid = None if grid is None else grid.in_precision(real)
        self.grids = {n: g.in_precision(real) for n, g in state_grids(rule, longest).items()}

    def settled(self, known: dict) -> dict:
        """What the equations ask for, traces and state on their grids."""
        return {n: nearest(x, self.grids[n]) if n in self.grids else x for n, x in known.items()}

    def draw(self, t, who, places, equation):
        """The draws of a spike's synapses, by place."""
        self.event, self.places = (t, who, equation), np.asarray(places)
        if self.drawn and self.grid is not None:
            self.luck = chances(self.key, self.run, t, WEIGHT_BY[equation], who, self.places)

    def weight(self, value, place):
        """A changed weight as it is kept."""
        if self.grid is None:
            return clip_weight(value, self.real(self.rule.w_min), self.real(self.rule.w_max))
        return self._rounded(value, self.luck[place] if self.drawn else 0.0, self.grid)

    def traces(self, names, values, place):
        """Traces of a synapse as they are kept."""
        if not self.grids:
            return values
        t, who, equation = self.event
        return [
            self._drawn(self.real(x), t, TRACE_BY[equation] + k, who, self.places[place], self.grids[name])
            for k, (name, x) in enumerate(zip(names, values, strict=True))
        ]

    def states(self, names, result, t, who, equation):
        """A neuron's state as it is kept."""
        if not self.grids:
            return result
        values = (result,) if len(names) == 1 else result
        return [
            self._drawn(self.real(x), t, STATE_BY[equation] + k, who, 0, self.grids[name])
            for k, (name, x) in enumerate(zip(names, values, strict=True))
        ]

    def after_hook(self, column, t, who, equation):
        """The weights of a column after a hook that may have written them."""
        if self.grid is None:
            return column
        return self._drawn(column, t, WEIGHT_BY[equation], who, np.arange(len(column)), self.grid)

    def column(self, weights, c):
        """The weights of column c after they were scaled to a norm."""
        if self.grid is None:
            return weights
        return self._drawn(weights, 0, NORM, c, np.arange(len(weights)), self.grid)

    def _drawn(self, values, t, what, who, places, grid):
        luck = chances(self.key, self.run, t, what, who, places)[()] if self.drawn else 0.0
        return self._rounded(values, luck, grid)

    def _rounded(self, values, luck, grid):
        return by_chance(values, luck, grid) if self.drawn else nearest(values, grid)
