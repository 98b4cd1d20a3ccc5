"""What a learning rule costs in hardware: every operation of its equations, counted while they run.

Nothing here is known about any rule. Its equations are rewritten as both kernels have them
(:mod:`engram.equations.rewriting`), each operation takes note of itself, columns of memory take note of what is read
and written, and a spike is let happen. So a user's rule is counted as ours are.

What is counted: operations on numbers with a fraction, additions of truths to a count, and words of memory. A product
with a power of two is a shift. Not counted: whole numbers among themselves, signs, and the decay of traces, which
hardware looks up and every rule that has traces shares. A number that stays the same during a spike (a constant, a
trace or the state of the neuron that fired) is read from memory once.
"""

from __future__ import annotations

import builtins
import functools
import math
from dataclasses import dataclass, fields

import numpy as np

from engram.equations.rewriting import rewrite
from engram.plasticity.base import LearningRule, arguments_of, known_names
from engram.plasticity.normalization import KINDS, scale_to_norm, target_norm
from engram.precision import assembled, bound, numpy_operation
from engram.validation import check_count

_REAL = np.float64


@dataclass(frozen=True)
class Operations:
    """How often something is done.

    Attributes
    ----------
    multiplications, divisions, additions, comparisons : int
        Subtractions are additions; the smaller or larger of two is a comparison.
    shifts : int
        Products with, and quotients by, a power of two.
    functions : int
        Roots, powers, exponentials and the like.
    words_read, words_written : int
        Of memory: weights, traces, state.
    """

    multiplications: int = 0
    divisions: int = 0
    additions: int = 0
    comparisons: int = 0
    shifts: int = 0
    functions: int = 0
    words_read: int = 0
    words_written: int = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Cost:
    """What a rule does and keeps.

    Attributes
    ----------
    postsynaptic : Operations
        At a spike of a neuron, for all of its inputs together.
    presynaptic : Operations
        At a spike of an input, for one neuron with a trace left; nothing where that changes no weight.
    normalization : Operations
        When a neuron's weights are scaled to a norm, once before each image; nothing without.
    words_per_input, words_per_neuron, words_per_synapse : int
        What is kept besides the weights: traces and state.
    """

    postsynaptic: Operations
    presynaptic: Operations
    normalization: Operations
    words_per_input: int
    words_per_neuron: int
    words_per_synapse: int


def operations_of(rule: LearningRule, *, n_inputs: int = 784, n_active: int = 98) -> Cost:
    """Count what a rule does at a spike.

    Parameters
    ----------
    rule : LearningRule
    n_inputs : int
        Inputs of a neuron.
    n_active : int
        How many of them have spiked of late: traces near 1, where the others' are near 0.

    Returns
    -------
    Cost

    Examples
    --------
    >>> from engram.plasticity import SelfNormalizing, Triplet
    >>> operations_of(SelfNormalizing(division="shift"), n_inputs=100, n_active=10).postsynaptic.divisions
    0
    >>> operations_of(Triplet(), n_inputs=100, n_active=10).normalization.divisions
    1
    """
    check_count("n_inputs", n_inputs)
    check_count("n_active", n_active, at_least=0)
    names = known_names(rule, n_inputs)
    return Cost(
        postsynaptic=_Spike(rule, n_inputs, n_active).postsynaptic(),
        presynaptic=_Spike(rule, n_inputs, n_active).presynaptic(),
        normalization=_normalization(rule, n_inputs),
        words_per_input=len(names["pre"]),
        words_per_neuron=len(names["post"]) + len(names["state"]),
        words_per_synapse=len(names["synapse"]),
    )


class _Tally:
    """Counts as things are done."""

    def __init__(self):
        self.counts = dict.fromkeys((field.name for field in fields(Operations)), 0)

    def note(self, what: str, n: int = 1) -> None:
        self.counts[what] += n

    def operations(self) -> Operations:
        return Operations(**self.counts)

    def equation(self, function):
        """An equation that counts what it does."""
        return _counting(getattr(function, "py_func", function), self, {})


class _Memory(np.ndarray):
    """A column of words that notes which are read and written."""

    tally: _Tally

    def __array_finalize__(self, source):
        if isinstance(source, _Memory):
            self.tally = source.tally

    def __getitem__(self, key):
        value = np.asarray(self)[key]
        self.tally.note("words_read", np.size(value))
        return value

    def __setitem__(self, key, value):
        self.tally.note("words_written", np.size(np.asarray(self)[key]))
        np.asarray(self)[key] = value

    def __iter__(self):
        return (self[i] for i in range(len(self)))


def _memory(values, tally: _Tally) -> _Memory:
    column = np.array(values, _REAL).view(_Memory)
    column.tally = tally
    return column


def _counting(function, tally: _Tally, done: dict):
    """An equation over operations that note themselves, and its helpers likewise."""
    if function not in done:
        rewritten, scope = rewrite(function), {"__builtins__": builtins}
        done[function] = assembled(function, rewritten, scope, np.dtype(_REAL))
        operation = functools.partial(_counted, tally=tally)
        scope |= bound(rewritten, np.dtype(_REAL), operation, lambda helper: _counting(helper, tally, done))
    return done[function]


def _counted(name: str, tally: _Tally):
    """An operation that notes itself, once for each element of a column."""
    operate = numpy_operation(name, np.dtype(_REAL))

    def operation(*operands):
        is_written = name == "into" and isinstance(operands[0], _Memory)
        for operand in operands[is_written:]:
            if isinstance(operand, _Memory) and name != "zero_of":  # which looks at its kind alone
                tally.note("words_read", operand.size)
        plain = [np.asarray(x) if isinstance(x, _Memory) else x for x in operands]
        n = max((np.size(x) for x in plain), default=1)
        for what, times in _kinds(name, plain):
            tally.note(what, n * times)
        if is_written:
            tally.note("words_written", np.size(plain[0]))
        result = operate(*plain)
        return operands[0] if is_written else result

    return operation


_KINDS = {
    **dict.fromkeys(("add", "subtract"), "additions"),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"), "comparisons"),
    **dict.fromkeys(("min", "max", "minimum", "maximum", "fmin", "fmax"), "comparisons"),
    **dict.fromkeys(("multiply", "square"), "multiplications"),
    **dict.fromkeys(("divide", "floor_divide", "remainder", "reciprocal"), "divisions"),
}
_SEVERAL = {
    "fma": (("multiplications", 1), ("additions", 1)),
    "cube": (("multiplications", 2),),
    "fourth_power": (("multiplications", 2),),
    "clip": (("comparisons", 2),),
}
_FREE = {
    "negative", "absolute", "sign", "where", "logical_not", "logical_and", "logical_or", "isnan", "isfinite", "isinf",
    "copysign", "real", "truth", "whole", "whole_floor", "whole_ceil", "whole_round", "floor", "ceil", "trunc", "rint",
    "zeros", "zero_of", "into",
}  # fmt: skip


def _kinds(name: str, operands: list) -> tuple[tuple[str, int], ...]:
    """What an operation is, and how often."""
    if name in _FREE:
        return ()
    if name in ("add", "subtract") and any(_is(x, "b") for x in operands):  # a count goes up
        return (("additions", 1),)
    if not any(_is(x, "f") for x in operands):
        return ()
    if (name == "multiply" and any(map(_is_power_of_two, operands))) or (
        name == "divide" and _is_power_of_two(operands[1])
    ):
        return () if _is_product_with_one(operands) else (("shifts", 1),)
    return _SEVERAL.get(name, ((_KINDS.get(name, "functions"), 1),))


def _is(x, kind: str) -> bool:
    return np.asarray(x).dtype.kind == kind


def _is_power_of_two(x) -> bool:
    return np.ndim(x) == 0 and _is(x, "f") and x != 0 and math.isfinite(x) and math.frexp(abs(x))[0] == 0.5


def _is_product_with_one(operands: list) -> bool:
    """Whether nothing is done: a constant happens to be 1 or -1, or a whole number is made one with a fraction."""
    others = [x for x in operands if not (np.ndim(x) == 0 and abs(x) == 1)]
    return len(others) < len(operands) and not (others and _is_power_of_two(others[0]))


class _Spike:
    """One neuron with its inputs, and what its equations are given."""

    def __init__(self, rule: LearningRule, n_inputs: int, n_active: int):
        self.rule, self.n, self.tally = rule, n_inputs, _Tally()
        self.names, self.functions = known_names(rule, n_inputs), rule.equations()
        random = np.random.default_rng(0)
        low, high = (x if math.isfinite(x) else d for x, d in zip((rule.w_min, rule.w_max), (0.0, 1.0), strict=True))
        trace = np.where(np.arange(n_inputs) < n_active, random.uniform(0.81, 0.99, n_inputs), 0.003)
        self.columns = {
            "w": random.uniform(low, high, n_inputs),
            **dict.fromkeys((*self.names["pre"], *self.names["synapse"]), trace),
        }
        self.known = {
            **dict.fromkeys(self.names["post"], _REAL(0.7)),
            **{name: _REAL(value) for name, value in rule.initial_state(n_inputs).items()},
            **{name: _REAL(value) for name, value in rule.parameters().items()},
            "n_inputs": _REAL(n_inputs),
        }

    def postsynaptic(self) -> Operations:
        """A spike of the neuron."""
        asked = self._asked("on_post", "before_post", "after_post")
        self._read_once(name for kind in ("post", "state") for name in self.names[kind] if name in asked)
        self._hook("before_post")
        if self.functions.on_post is not None:
            self._synapses("on_post", range(self.n), self.names["pre"])
        self._hook("after_post")
        if asked and (self.functions.before_post or self.functions.after_post):
            self.tally.note("words_written", len(self.names["state"]))
        self.tally.note("words_written", len(self.names["post"]))
        return self.tally.operations()

    def presynaptic(self) -> Operations:
        """A spike of the first input, at its one synapse."""
        if self.functions.on_pre is not None:
            asked = self._asked("on_pre")
            self._read_once(n for kind in ("post", "state", "pre") for n in self.names[kind] if n in asked)
            self._synapses("on_pre", [0], ())
        return self.tally.operations()

    def _asked(self, *equations: str) -> set[str]:
        return {a for e in equations if (f := getattr(self.functions, e)) is not None for a in arguments_of(f)}

    def _read_once(self, names) -> None:
        self.tally.note("words_read", len(list(names)))

    def _synapses(self, equation: str, which, of_inputs) -> None:
        """The equation of a synapse, for some of them: it is given its words, and gives some back."""
        function, n_written = getattr(self.functions, equation), 1 + len(self.names["synapse"])
        asked, run = arguments_of(function), self.tally.equation(function)
        own = {name for name in ("w", *of_inputs, *self.names["synapse"]) if name in asked}
        for i in which:
            known = self.known | {name: values[i] for name, values in self.columns.items()}
            run(*(known[name] for name in asked))
            self.tally.note("words_read", len(own))
            self.tally.note("words_written", n_written)

    def _hook(self, equation: str) -> None:
        function = getattr(self.functions, equation)
        if function is not None:
            columns = {name: _memory(values, self.tally) for name, values in self.columns.items()}
            run = self.tally.equation(function)
            run(*((self.known | columns)[name] for name in arguments_of(function)))


def _normalization(rule: LearningRule, n_inputs: int) -> Operations:
    tally, kind = _Tally(), KINDS[rule.normalization]
    if kind:
        weights = _memory(np.random.default_rng(0).uniform(0.1, 0.9, n_inputs), tally)
        target = _REAL(target_norm(rule.normalization, n_inputs))
        tally.equation(scale_to_norm)(weights, 0, 1, n_inputs, kind, target)
    return tally.operations()
