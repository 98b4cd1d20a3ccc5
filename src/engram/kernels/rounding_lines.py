"""The lines by which the routines of a rule in fixed point round, see :mod:`engram.kernels.rule_code`.

In front of a rule's traces of synapses, where both of its routines find them, lie eight words for the draws and then
the grids: of the weights, of traces, of state. In floating point there are no lines, and nothing lies there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engram.kernels.parts import U8
from engram.plasticity.base import LearningRule
from engram.plasticity.fixed_point import (
    STATE_BY,
    TRACE_BY,
    WEIGHT_BY,
    by_chance,
    chance,
    is_drawn,
    is_fixed,
    nearest,
)

DRAW_WORDS = 8
"""In front of the grids: the key's two words, the run, its step, and the neuron that fired; the rest is free."""

ROUNDING_WORDS = {"_nearest": nearest, "_by_chance": by_chance, "_chance": chance, "_U8": U8}
"""What the lines call by name."""


class RoundingLines:
    """The lines by which a rule rounds; none at all in floating point."""

    def __init__(self, rule: LearningRule, names: dict):
        self.fixed, self.drawn = is_fixed(rule), is_drawn(rule)
        self.weights, self.state = np.isfinite(rule.weight_bits), np.isfinite(rule.state_bits)
        self.names = names
        self.order = [name for kind in ("pre", "post", "synapse", "state") for name in names[kind]]

    def at(self, who: str, place: str) -> RoundingLinesAt:
        """Where they stand: whose spike it is, and which synapse."""
        return RoundingLinesAt(self, who, place)

    def preface(self) -> list[str]:
        """Find the draws and grids."""
        if not self.fixed:
            return []
        n = 4 * (1 + len(self.order))
        known = ["w", *self.order] if self.state else ["w"]
        return [
            f"    _grids = _pointer(_synapse - {n} * _BYTES, _REAL)",
            f"    _draws = _pointer(_synapse - {n} * _BYTES - {8 * DRAW_WORDS}, _U8)",
            *(
                f"    _grid_{name} = ({', '.join(f'_grids[{4 * k + part}]' for part in range(4))})"
                for k, name in enumerate(known)
            ),
        ]


@dataclass(frozen=True)
class RoundingLinesAt:
    """The lines by which a rule rounds at one place in its text."""

    of: RoundingLines
    who: str
    place: str

    def settled(self, names, indent: str) -> list[str]:
        """Traces and state as the equations see them."""
        return [f"{indent}{name} = _nearest({name}, _grid_{name})" for name in names] if self.of.state else []

    def settled_columns(self) -> list[str]:
        """The presynaptic traces of a whole column likewise."""
        if not self.of.state or not self.of.names["pre"]:
            return []
        lines = ["    for _i in _range(_n):"]
        for k, name in enumerate(self.of.names["pre"]):
            lines.append(f"        _x_pre[{k} * _n + _i] = _nearest(_x_pre[{k} * _n + _i], _grid_{name})")
        return lines

    def weight(self, value: str, equation: str) -> str:
        """A changed weight as it is kept."""
        if not self.of.weights:
            return f"_clip({value}, _w_min, _w_max)"
        return self._rounded(value, "w", WEIGHT_BY[equation], self.place)

    def trace(self, name: str, equation: str, k: int) -> str:
        """The k-th trace of a synapse as it is kept."""
        return self._rounded(f"_REAL({name})", name, TRACE_BY[equation] + k, self.place) if self.of.state else name

    def states(self, equation: str) -> list[str]:
        """What a hook returned, as it is kept."""
        names = self.of.names["state"] if self.of.state else ()
        first = STATE_BY[equation]
        return [f"    {name} = {self._rounded(name, name, first + k, '_U8(0)')}" for k, name in enumerate(names)]

    def column(self, equation: str) -> list[str]:
        """The weights of a whole column, after a hook that may have written them."""
        if not self.of.weights:
            return []
        rounded = self._rounded("_w[_i]", "w", WEIGHT_BY[equation], self.place)
        return ["    for _i in _range(_n):", f"        _w[_i] = {rounded}"]

    def _rounded(self, value: str, name: str, what: int, place: str) -> str:
        if not self.of.drawn:
            return f"_nearest({value}, _grid_{name})"
        draw = f"_chance(_draws[0], _draws[1], _draws[2], _draws[3], _U8({what}), {self.who}, {place})"
        return f"_by_chance({value}, {draw}, _grid_{name})"
