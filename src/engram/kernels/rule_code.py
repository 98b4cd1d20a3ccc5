"""Turns a rule's equations, which ask for what they need by name, into functions that the compiled kernel can call.

For each rule three short functions are written as text, which hand every name its place in the arrays, and
compiled together with the rule's own functions. An equation of a user's rule is first compiled by itself, so
that what the compiler has against it can be told in terms of that equation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.kernels.compile import compiled
from engram.kernels.digest import equation_digest
from engram.kernels.equations import check_compiles
from engram.kernels.precision import compiled_equation
from engram.plasticity.base import (
    EQUATIONS,
    LearningRule,
    arguments_of,
    changes_silent_synapses,
    check_rule,
    known_names,
)
from engram.plasticity.registry import RULES
from engram.synapses import clip_weight, trace_now


class RuleFunctions(NamedTuple):
    """A rule as the compiled kernel calls it."""

    mark_input: Callable  # (i, t, memory, c): the input's traces after its spike
    on_pre: Callable  # (w, i, j, t, x_post, memory, parameters, c): one synapse at an input's spike
    on_post: Callable  # (column, j, t, x_pre, memory, parameters, c): a neuron's weights, side by side, at its spike
    has_on_pre: bool
    pre_everywhere: bool
    has_synapse: bool  # whether it has traces of its own at each synapse
    asked: tuple[int, ...]  # the postsynaptic traces that on_pre asks for, in the order it is given them


def rule_functions(rule: LearningRule, dtype) -> RuleFunctions:
    """Compile a rule for a precision.

    Raises
    ------
    RuleError
        If an equation asks for something that does not exist, fails, returns the wrong thing or does not
        compile.
    """
    check_rule(rule)
    if RULES.get(rule.name) is not type(rule):
        check_compiles(rule, dtype, rule_identity(rule))
    identity = f"{dtype} {rule_identity(rule)}"
    scope = {
        "_real": np.dtype(dtype).type,
        "_range": range,
        "_trace_now": trace_now,
        "_clip_weight": clip_weight,
        "_coefficients": exp2_coefficients(dtype),
    }
    for name, function in zip(EQUATIONS, rule.equations(), strict=True):
        if function is not None:
            scope[f"_equation_{name}"] = compiled_equation(function, dtype, f"{name} {identity}")
    functions = {}
    for name, source in _Writer(rule).sources().items():
        exec(compile(source, f"<{type(rule).__name__}.{name}>", "exec"), scope)
        each_step = name != "on_post"  # where handing over its arguments would take longer than the function
        functions[name] = compiled(scope[f"_{name}"], identity=identity, allocates=not each_step, expand=each_step)
    return RuleFunctions(
        **functions,
        has_on_pre=rule.equations().on_pre is not None,
        pre_everywhere=changes_silent_synapses(rule),
        has_synapse=bool(known_names(rule)["synapse"]),
        asked=tuple(known_names(rule)["post"].index(name) for name in _asked_post(rule)),
    )


def _asked_post(rule: LearningRule) -> tuple[str, ...]:
    """The postsynaptic traces that on_pre asks for."""
    on_pre = rule.equations().on_pre
    return () if on_pre is None else tuple(n for n in known_names(rule)["post"] if n in arguments_of(on_pre))


class _Writer:
    """Writes the text of the three functions; their own names start with an underscore, the rule's do not."""

    def __init__(self, rule: LearningRule):
        self.rule = rule
        self.names = known_names(rule)
        self.equations = rule.equations()

    def sources(self) -> dict[str, str]:
        return {"mark_input": self._mark_input(), "on_pre": self._on_pre(), "on_post": self._on_post()}

    def _mark_input(self) -> str:
        lines = ["def _mark_input(_i, _t, _memory, _c):"]
        for k, name in enumerate(self.names["pre"]):
            if self._trace(name).add is None:
                lines.append(f"    _memory.x_pre[{k}, _i] = _real(1.0)")
            else:
                now = _decayed(f"_memory.x_pre[{k}, _i]", f"_c.pre_rate[{k}]", "_memory.pre_step[_i]")
                lines.append(f"    _memory.x_pre[{k}, _i] = {now} + _c.pre_add[{k}]")
        lines.append("    _memory.pre_step[_i] = _t")
        return "\n".join(lines)

    def _on_pre(self) -> str:
        lines = ["def _on_pre(_w, _i, _j, _t, _x_post, _memory, _parameters, _c):"]
        if self.equations.on_pre is None:
            return "\n".join([*lines, "    pass"])
        lines += self._parameters("on_pre") + self._state()
        lines += [f"    {name} = _memory.x_pre[{k}, _i]" for k, name in enumerate(self.names["pre"])]
        lines += [f"    {name} = _x_post[{k}]" for k, name in enumerate(_asked_post(self.rule))]
        lines += self._change_synapse("on_pre", "_w[_i, _j]", "    ")
        return "\n".join(lines)

    def _on_post(self) -> str:
        lines = ["def _on_post(_column, _j, _t, _x_pre, _memory, _parameters, _c):"]
        lines += self._parameters("on_post", "before_post", "after_post") + self._state()
        for k, name in enumerate(self.names["post"]):
            now = _decayed(f"_memory.x_post[{k}, _j]", f"_c.post_rate[{k}]", "_memory.post_step[_j]")
            lines.append(f"    {name} = {now}")
        lines += self._column("before_post")
        if self.equations.on_post is not None:
            lines.append("    for _i in _range(_column.shape[0]):")
            lines += [f"        {name} = _x_pre[{k}, _i]" for k, name in enumerate(self.names["pre"])]
            lines += self._change_synapse("on_post", "_column[_i]", "        ")
        lines += self._column("after_post")
        lines += [f"    _memory.neuron[{k}, _j] = {name}" for k, name in enumerate(self.names["state"])]
        for k, name in enumerate(self.names["post"]):
            added = "_real(1.0)" if self._trace(name).add is None else f"{name} + _c.post_add[{k}]"
            lines.append(f"    _memory.x_post[{k}, _j] = {added}")
        lines.append("    _memory.post_step[_j] = _t")
        return "\n".join(lines)

    def _trace(self, name: str):
        return next(trace for trace in self.rule.traces() if trace.name == name)

    def _parameters(self, *equations: str) -> list[str]:
        """Loads into local names, so that the compiler keeps them in registers."""
        asked = {a for e in equations for a in self._asked(e)}
        return [f"    {name} = _parameters[{k}]" for k, name in enumerate(self.names["parameter"]) if name in asked]

    def _asked(self, equation: str) -> tuple[str, ...]:
        function = getattr(self.equations, equation)
        return () if function is None else arguments_of(function)

    def _state(self) -> list[str]:
        return [f"    {name} = _memory.neuron[{k}, _j]" for k, name in enumerate(self.names["state"])]

    def _change_synapse(self, equation: str, weight: str, indent: str) -> list[str]:
        """One synapse's weight, and its traces if it has any."""
        traces = self.names["synapse"]
        lines = []
        for k, name in enumerate(traces):
            since = "_memory.synapse_step[_i, _j]"
            now = _decayed(f"_memory.synapse[{k}, _i, _j]", f"_c.synapse_rate[{k}]", since)
            lines.append(f"{indent}{name} = {now}")
        arguments = ", ".join(weight if name == "w" else name for name in self._asked(equation))
        result = ", ".join(["_changed", *traces])
        lines.append(f"{indent}{result} = _equation_{equation}({arguments})")
        lines.append(f"{indent}{weight} = _clip_weight(_real(_changed), _c.w_min, _c.w_max)")
        lines += [f"{indent}_memory.synapse[{k}, _i, _j] = {name}" for k, name in enumerate(traces)]
        if traces:
            lines.append(f"{indent}_memory.synapse_step[_i, _j] = _t")
        return lines

    def _column(self, equation: str) -> list[str]:
        """A hook over the neuron's whole column; what it returns is the neuron's state."""
        function = getattr(self.equations, equation)
        if function is None:
            return []
        pre = {name: f"_x_pre[{k}]" for k, name in enumerate(self.names["pre"])}
        arguments = ", ".join("_column" if name == "w" else pre.get(name, name) for name in arguments_of(function))
        call = f"_equation_{equation}({arguments})"
        states = self.names["state"]
        if not states:
            return [f"    {call}"]
        if len(states) == 1:
            return [f"    {states[0]} = _real({call})"]
        parts = [f"    {name} = _real(_new_{name})" for name in states]
        return [f"    {', '.join(f'_new_{name}' for name in states)} = {call}", *parts]


def _decayed(value: str, rate: str, since: str) -> str:
    """The text of a trace's value at step ``_t``."""
    return f"_trace_now({value}, {rate}, _real(_t - {since}), _c.trace_floor, _coefficients)"


def rule_identity(rule: LearningRule) -> str:
    """What of a rule shapes its compiled code: equations, whatever they call, traces and state, but not its numbers."""
    traces = [(trace.name, trace.of, trace.add is None) for trace in rule.traces()]
    equations = [equation_digest(function) for function in rule.equations()]
    shape = f"{traces} {known_names(rule)} {changes_silent_synapses(rule)} {equations}"
    kind = type(rule)
    return f"{kind.__module__}.{kind.__qualname__} {hashlib.sha256(shape.encode()).hexdigest()}"


@compiled
def _no_mark_input(i, t, memory, c):
    pass


@compiled
def _no_on_pre(w, i, j, t, x_post, memory, parameters, c):
    pass


@compiled
def _no_on_post(column, j, t, x_pre, memory, parameters, c):
    pass


NO_RULE = RuleFunctions(
    _no_mark_input, _no_on_pre, _no_on_post, has_on_pre=False, pre_everywhere=False, has_synapse=False, asked=()
)
"""For kernels in which nothing learns."""
