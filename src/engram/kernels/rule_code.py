"""Turns a rule's equations, which ask for what they need by name, into two routines that are called by address.

::

    on_pre(w, w_stride, spikes, n_spikes, where, who, n, x_pre, n_pre, x_post, synapse, stride, state, n_states,
           parameters, w_min, w_max)
        once for the presynaptic spikes of a step, those of neurons ``i = spikes[s]`` with the traces
        ``x_pre[k · n_pre + i]``: synapse m has the weight ``w[i · w_stride + where[m]]``, the postsynaptic traces
        ``x_post[k · stride + m]``, its own ones ``synapse[k · stride + m]``, and neuron ``who[m]``'s state
    on_post(w, n, x_pre, x_post, synapse, state, parameters, w_min, w_max)
        once for each neuron that fired: its n weights side by side, and everything else likewise

All arrays are handed over as addresses. The text of each is written here, and compiled together with the rule's own
functions; so a rule is compiled by itself, in a moment. An equation of a user's rule is first compiled alone, so that
what the compiler has against it can be told in terms of that equation.

A rule in fixed point has further lines in its text, which round (:mod:`engram.plasticity.fixed_point`); the text of any
other has none of them. What they need lies in front of ``synapse``: the draws, then the grids.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from engram.kernels import machine, parts
from engram.kernels.availability import load_compiler
from engram.kernels.machine import Equation, Routine
from engram.kernels.rounding_lines import ROUNDING_WORDS, RoundingLines, RoundingLinesAt
from engram.plasticity.base import (
    EQUATIONS,
    LearningRule,
    arguments_of,
    changes_silent_synapses,
    check_rule,
    known_names,
)
from engram.plasticity.registry import RULES
from engram.synapses import clip_weight


@dataclass(frozen=True)
class RuleCode:
    """A rule as the engine calls it.

    Attributes
    ----------
    on_pre, on_post : Routine or None
    pre_everywhere : bool
        Whether ``on_pre`` changes synapses of neurons without a trace left.
    asked : tuple of int
        The postsynaptic traces that ``on_pre`` asks for, in the order in which it is given them.
    """

    on_pre: Routine | None
    on_post: Routine
    pre_everywhere: bool
    asked: tuple[int, ...]

    @property
    def routines(self) -> list[Routine]:
        """Those that have to be compiled."""
        return [routine for routine in (self.on_pre, self.on_post) if routine is not None]


def rule_code(rule: LearningRule, dtype: str) -> RuleCode:
    """The routines of a rule in a precision; nothing is compiled yet.

    Those of our own rules are made once; what a user's rule reaches may have been changed since.
    """
    writer, routine = _Writer(rule), _own_routine if RULES.get(rule.name) is type(rule) else _routine
    equations = tuple(zip(EQUATIONS, rule.equations(), strict=True))
    asked = tuple(known_names(rule)["post"].index(name) for name in _asked_post(rule))
    has_on_pre = rule.equations().on_pre is not None
    on_pre = routine(rule.name, "_on_pre", writer.row(), equations, str(np.dtype(dtype))) if has_on_pre else None
    on_post = routine(rule.name, "_on_post", writer.column(), equations, str(np.dtype(dtype)))
    return RuleCode(on_pre, on_post, changes_silent_synapses(rule), asked)


def checked_rule(rule: LearningRule, dtype: str) -> RuleCode:
    """The routines of a rule whose equations compile; those of a rule of ours, or that were compiled before, do.

    Raises
    ------
    RuleError
        If an equation asks for something that does not exist, fails, returns the wrong thing or does not compile.
    """
    check_rule(rule)
    code = rule_code(rule, dtype)
    if RULES.get(rule.name) is not type(rule) and machine.missing(code.routines):
        load_compiler()
        from engram.kernels.equations import check_compiles

        check_compiles(rule, dtype)
    return code


def ready_rule(rule: LearningRule, dtype: str) -> RuleCode:
    """The routines of a rule, compiled if they were not at hand; raises as :func:`checked_rule` does."""
    code = checked_rule(rule, dtype)
    machine.prepare(code.routines)
    return code


def _routine(rule: str, name: str, text: str, equations: tuple, dtype: str) -> Routine:
    real = np.dtype(dtype).type
    scope: dict[str, object] = {
        f"_equation_{equation}": Equation(f, dtype) for equation, f in equations if f is not None
    }
    scope |= {**parts.words_of_text(real), "_clip": clip_weight}
    if "_grid" in text:
        scope |= ROUNDING_WORDS
    space: dict[str, Any] = dict(scope)
    exec(compile(text, f"<{rule}.{name[1:]}>", "exec"), space)
    function = space[name]
    function.__module__, function.written = __name__, text
    return Routine(parts.part(function), tuple(scope.items()), bounds=True, label=f"the rule {rule}")


_own_routine = functools.lru_cache(maxsize=256)(_routine)


def _asked_post(rule: LearningRule) -> tuple[str, ...]:
    """The postsynaptic traces that on_pre asks for."""
    on_pre = rule.equations().on_pre
    return () if on_pre is None else tuple(n for n in known_names(rule)["post"] if n in arguments_of(on_pre))


class _Writer:
    """Writes the text of the two routines; their own names start with an underscore, the rule's do not."""

    def __init__(self, rule: LearningRule):
        self.rule = rule
        self.names = known_names(rule)
        self.equations = rule.equations()
        self.rounds = RoundingLines(rule, self.names)

    def row(self) -> str:
        """The presynaptic spikes of a step."""
        rounds = self.rounds.at("_U8(_i)", "_U8(_at)")
        changed = self._change("on_pre", "_row[_at]", "_synapse[{k} * _stride + _m]", " " * 12, rounds)
        return "\n".join(
            [
                "def _on_pre(_w, _w_stride, _spikes, _n_spikes, _where, _who, _n, _x_pre, _n_pre, _x_post, _synapse,"
                " _stride, _state, _n_states, _parameters, _low, _high):",
                *self.rounds.preface(),
                *self._pointers("_x_pre", "_x_post", "_synapse", "_state", "_parameters"),
                "    _where, _who, _spikes = _pointer(_where, _I4), _pointer(_who, _I4), _pointer(_spikes, _I4)",
                "    _w_min, _w_max = _REAL(_low), _REAL(_high)",
                *self._parameters("on_pre"),
                "    for _s in _range(_n_spikes):",
                "        _i = _I8(_spikes[_s])",
                "        _row = _pointer(_w + _i * _w_stride * _BYTES, _REAL)",
                *(f"        {name} = _x_pre[{k} * _n_pre + _i]" for k, name in enumerate(self.names["pre"])),
                *rounds.settled(self.names["pre"], " " * 8),
                "        for _m in _range(_n):",
                "            _at = _where[_m]",
                *(f"            {name} = _x_post[{k} * _stride + _m]" for k, name in enumerate(_asked_post(self.rule))),
                *(
                    f"            {name} = _state[{k} * _n_states + _I8(_who[_m])]"
                    for k, name in enumerate(self.names["state"])
                ),
                *rounds.settled((*_asked_post(self.rule), *self.names["state"]), " " * 12),
                *changed,
                "    return 0",
            ]
        )

    def column(self) -> str:
        """A neuron's spike."""
        rounds = self.rounds.at("_draws[4]", "_U8(_i)")
        lines = [
            "def _on_post(_w, _n, _x_pre, _x_post, _synapse, _state, _parameters, _low, _high):",
            *self._columns(),
            *self.rounds.preface(),
            *self._pointers("_w", "_x_pre", "_x_post", "_synapse", "_state", "_parameters"),
            "    _w_min, _w_max = _REAL(_low), _REAL(_high)",
            *self._parameters("on_post", "before_post", "after_post"),
            "    n_inputs = _REAL(_n)",
            *(f"    {name} = _state[{k}]" for k, name in enumerate(self.names["state"])),
            *(f"    {name} = _x_post[{k}]" for k, name in enumerate(self.names["post"])),
            *rounds.settled((*self.names["state"], *self.names["post"]), " " * 4),
            *rounds.settled_columns(),
            *self._hook("before_post", rounds),
        ]
        if self.equations.on_post is not None:
            lines.append("    for _i in _range(_n):")
            lines += [f"        {name} = _x_pre[{k} * _n + _i]" for k, name in enumerate(self.names["pre"])]
            lines += self._change("on_post", "_w[_i]", "_synapse[{k} * _n + _i]", "        ", rounds)
        lines += self._hook("after_post", rounds)
        lines += [f"    _state[{k}] = {name}" for k, name in enumerate(self.names["state"])]
        return "\n".join([*lines, "    return 0"])

    def _pointers(self, *names: str) -> list[str]:
        return [f"    {name} = _pointer({name}, _REAL)" for name in names]

    def _columns(self) -> list[str]:
        """Arrays for the hooks, which work on whole columns."""
        if self.equations.before_post is None and self.equations.after_post is None:
            return []
        pre = [
            f"    _column_{name} = _vector(_x_pre + {k} * _n * _BYTES, _REAL, _n)"
            for k, name in enumerate(self.names["pre"])
        ]
        return ["    _column_w = _vector(_w, _REAL, _n)", *pre]

    def _parameters(self, *equations: str) -> list[str]:
        """Loads into local names, so that the compiler keeps them in registers."""
        asked = {a for e in equations for a in self._asked(e)}
        return [f"    {name} = _parameters[{k}]" for k, name in enumerate(self.names["parameter"]) if name in asked]

    def _asked(self, equation: str) -> tuple[str, ...]:
        function = getattr(self.equations, equation)
        return () if function is None else arguments_of(function)

    def _change(self, equation: str, weight: str, own: str, indent: str, rounds: RoundingLinesAt) -> list[str]:
        """One synapse's weight, and its traces if it has any."""
        traces = self.names["synapse"]
        arguments = ", ".join(weight if name == "w" else name for name in self._asked(equation))
        return [
            *(f"{indent}{name} = {own.format(k=k)}" for k, name in enumerate(traces)),
            *rounds.settled(traces, indent),
            f"{indent}{', '.join(['_changed', *traces])} = _equation_{equation}({arguments})",
            f"{indent}{weight} = {rounds.weight('_REAL(_changed)', equation)}",
            *(f"{indent}{own.format(k=k)} = {rounds.trace(name, equation, k)}" for k, name in enumerate(traces)),
        ]

    def _hook(self, equation: str, rounds: RoundingLinesAt) -> list[str]:
        """A hook over the neuron's whole column; what it returns is the neuron's state."""
        if getattr(self.equations, equation) is None:
            return []
        column = rounds.column(equation) if "w" in self._asked(equation) else []
        return [*self._call_of_hook(equation), *rounds.states(equation), *column]

    def _call_of_hook(self, equation: str) -> list[str]:
        function = getattr(self.equations, equation)
        columns = {"w", *self.names["pre"]}
        arguments = ", ".join(f"_column_{n}" if n in columns else n for n in arguments_of(function))
        call = f"_equation_{equation}({arguments})"
        states = self.names["state"]
        if not states:
            return [f"    {call}"]
        if len(states) == 1:
            return [f"    {states[0]} = _REAL({call})"]
        parts_ = [f"    {name} = _REAL(_new_{name})" for name in states]
        return [f"    {', '.join(f'_new_{name}' for name in states)} = {call}", *parts_]
