"""The one contract of every learning rule, ours and a user's own.

A rule is a frozen dataclass: its parameters are the fields, its equations are plain functions of numbers. The
functions ask for what they need *by name*: the weight ``w``, a trace, a neuron's state, a parameter, or
``n_inputs``. The reference kernel calls them as they are; the compiled kernel compiles the same functions.

==============  ==========================================================  ====================================
function        when                                                        returns
==============  ==========================================================  ====================================
``on_pre``      an input spikes, for each of its synapses                   the synapse's new weight
``on_post``     a neuron spikes, for each of its synapses                   the synapse's new weight
``before_post`` a neuron spikes, before ``on_post``, with its whole column  the neuron's new state, or nothing
``after_post``  a neuron spikes, after ``on_post``, with its whole column   the neuron's new state, or nothing
==============  ==========================================================  ====================================

In the column functions ``w`` and the presynaptic traces are arrays of shape (n_inputs,); they may write
``w``, within whatever bounds they keep themselves, and cannot ask for per-synapse traces. A rule with several
state variables returns them in the order of ``initial_state``; one with per-synapse traces returns
``(w, trace, ...)`` from ``on_pre`` and ``on_post``.

Precision. An equation is computed in the precision of the simulation, the same bits in every kernel: as soon as a
float takes part, whole numbers, truths and floats of any other precision are converted to it. Whole numbers among
themselves stay whole, but for ``/`` and ``**``. Sums over a column go from the first synapse to the last.
:mod:`engram.precision` has the rules and lists the functions that may be used; anything else is refused with its line.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from keyword import iskeyword
from numbers import Real
from typing import ClassVar, Literal, NamedTuple, get_args, get_origin

import numpy as np

from engram.equations.text import line_raised, plain_function, where
from engram.errors import ConfigError, RuleError
from engram.named import NamedParameters
from engram.precision import reference_equation
from engram.validation import check_choice, check_finite, check_positive, plain_number, settle, settle_floats

EQUATIONS = ("on_pre", "on_post", "before_post", "after_post")

BITS, MOST_BITS = ("weight_bits", "state_bits"), 24
"""Fields that count bits; single precision holds no more of them."""


@dataclass(frozen=True)
class Trace(NamedParameters):
    """An exponentially decaying memory of spikes.

    Parameters
    ----------
    name : str
        The name by which the equations ask for it.
    of : {"pre", "post", "synapse"}
        Whose spikes it remembers: an input's, a neuron's, or what the equations put into it at each synapse.
    tau : float
        Decay, ms.
    add : float, optional
        What a spike adds; without it, a spike sets the trace to 1. Not used for synapses.
    """

    name: str
    of: str
    tau: float
    add: float | None = None

    def __post_init__(self):
        check_choice("of", self.of, ("pre", "post", "synapse"))
        check_positive(f"time constant of trace {self.name}", self.tau, "ms")


class Equations(NamedTuple):
    """A rule's functions; those it does without are None."""

    on_pre: Callable | None
    on_post: Callable | None
    before_post: Callable | None
    after_post: Callable | None


@dataclass(frozen=True, kw_only=True)
class LearningRule(NamedParameters):
    """Base of every learning rule.

    Parameters
    ----------
    w_min, w_max : float
        Bounds to which ``on_pre`` and ``on_post`` clip what they change; infinite for none.
    normalization : {"none", "l1", "l2"}
        How a neuron's incoming weights are scaled before each training image, see
        :mod:`engram.plasticity.normalization`.
    eta_decay : float
        By the end of training every parameter whose name starts with ``eta`` has fallen, geometrically, to
        this fraction of its value; 1 keeps it constant.
    weight_bits, state_bits : int
        Bits of a weight, and of a trace or state variable, in fixed point while the rule learns, 1 to 24; infinite, as
        by default, for floating point. See :mod:`engram.plasticity.fixed_point`.
    rounding : {"nearest", "stochastic"}
        How a change that falls between two numbers of so many bits is rounded.
    """

    w_min: float = 0.0
    w_max: float = 1.0
    normalization: Literal["none", "l1", "l2"] = "none"
    eta_decay: float = 1.0
    weight_bits: float = math.inf
    state_bits: float = math.inf
    rounding: Literal["nearest", "stochastic"] = "nearest"

    name: ClassVar[str] = ""
    """What users type; the name of the class unless it says otherwise."""
    equation: ClassVar[str] = ""
    source: ClassVar[str] = ""
    pre_everywhere: ClassVar[bool | None] = None
    """Whether ``on_pre`` changes synapses of neurons whose postsynaptic traces are all zero; if not, they are spared.
    None leaves it to :func:`changes_silent_synapses`."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.name = cls.__dict__.get("name", cls.__name__)
        for equation in EQUATIONS:
            function = cls.__dict__.get(equation)
            if inspect.isfunction(function):
                setattr(cls, equation, staticmethod(function))

    def __post_init__(self):
        settle(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in BITS:
                object.__setattr__(self, field.name, _bits(field.name, value))
            elif field.type in ("float", float) and field.name not in ("w_min", "w_max"):
                check_finite(field.name, value)
            if field.name.startswith("tau"):
                check_positive(field.name, value, "ms")
        for name, choices in choices_of(type(self)).items():
            check_choice(name, getattr(self, name), choices)
        if not self.w_min < self.w_max:
            raise ConfigError(f"w_max must exceed w_min, got w_min={self.w_min!r} and w_max={self.w_max!r}.")
        if not 0 < self.eta_decay <= 1:
            raise ConfigError(f"eta_decay must be above 0 and at most 1, got {self.eta_decay!r}.")
        settle_floats(self, but=BITS)

    def traces(self) -> tuple[Trace, ...]:
        """The traces that the equations may ask for."""
        return ()

    def initial_state(self, n_inputs: int) -> dict[str, float]:
        """Each neuron's state variables by name, with the value they start from."""
        return {}

    def equations(self) -> Equations:
        """The functions in force; a rule with variants chooses here."""
        return Equations(*(getattr(type(self), name, None) for name in EQUATIONS))

    def parameters(self) -> dict[str, float]:
        """Every numeric field by name: what the equations may ask for. Bits are none of their business."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name not in BITS)
        return {name: float(value) for name, value in values if isinstance(value, (int, float))}

    def weight_range(self, n_inputs: int) -> tuple[float, float]:
        """The least and the largest weight that fixed point has to hold; a rule without bounds may know better."""
        return self.w_min, self.w_max

    def at_progress(self, progress: float) -> LearningRule:
        """This rule as it stands when `progress` (0 to 1) of training is done: learning rates have fallen."""
        factor = self.eta_decay**progress
        rates = {name: value * factor for name, value in self.parameters().items() if is_learning_rate(name)}
        return replace(self, **rates)


def is_learning_rate(parameter: str) -> bool:
    """Whether a parameter is a learning rate: its name starts with ``eta``, but it is not the decay itself."""
    return parameter.startswith("eta") and parameter != "eta_decay"


def _bits(name: str, value) -> int | float:
    """How many bits, as a whole number, or infinity for floating point."""
    number = plain_number(value)
    if number == math.inf:
        return math.inf
    if number is None or number != number or number % 1 or not 1 <= number <= MOST_BITS:
        shown = repr(value) if number is None else f"{number:g}"
        raise ConfigError(
            f"{name} must be a whole number from 1 to {MOST_BITS}, or inf for floating point, got {shown}."
        )
    return int(number)


@functools.lru_cache(maxsize=256)
def choices_of(rule: type[LearningRule]) -> dict[str, tuple]:
    """What each field that is declared as a choice, ``variant: Literal["smax", "smin"]``, may be."""
    found = {}
    for kind in reversed(rule.__mro__):
        try:
            kinds = inspect.get_annotations(kind, eval_str=True)
        except (NameError, SyntaxError, TypeError, AttributeError):  # names that only a type checker knows
            continue
        found |= {name: get_args(hint) for name, hint in kinds.items() if get_origin(hint) is Literal}
    return found


@functools.lru_cache(maxsize=1024)
def arguments_of(function: Callable) -> tuple[str, ...]:
    """The names that an equation asks for."""
    return tuple(inspect.signature(function).parameters)


def known_names(rule: LearningRule, n_inputs: int = 8) -> dict[str, tuple[str, ...]]:
    """What an equation of this rule may ask for, by kind."""
    traces = rule.traces()
    return {
        "weight": ("w",),
        "pre": tuple(trace.name for trace in traces if trace.of == "pre"),
        "post": tuple(trace.name for trace in traces if trace.of == "post"),
        "synapse": tuple(trace.name for trace in traces if trace.of == "synapse"),
        "state": tuple(rule.initial_state(n_inputs)),
        "parameter": (*rule.parameters(), "n_inputs"),
    }


def check_rule(rule: LearningRule) -> None:
    """Raise RuleError where a rule's equations cannot work; the message names their file and line.

    They may ask only for what exists and use only what means the same in every kernel, and are tried out once, in the
    reference's arithmetic, on a small column of synapses.
    """
    _check_declared(rule)
    _check_names(rule)
    for equation, function in _functions(rule):
        _check_arguments(rule, equation, function)
        arguments = _trial_values(rule, in_column=is_column(equation))
        computed = reference_equation(function, np.float64)
        try:
            returned = computed(*(arguments[name] for name in arguments_of(function)))
        except (Exception, SystemExit) as error:
            raise RuleError(
                f"{line_raised(error, function)}: {equation} of {type(rule).__name__} raises"
                f" {type(error).__name__}: {error}."
            ) from error
        _check_returned(rule, equation, function, returned)


def expected_numbers(rule: LearningRule, equation: str) -> tuple[str, ...]:
    """The names of the numbers that an equation returns."""
    names = known_names(rule)
    return names["state"] if is_column(equation) else ("w", *names["synapse"])


def wrong_return(rule: LearningRule, equation: str, function: Callable, returned: str) -> RuleError:
    """The error about an equation that returns something else than it should."""
    expected = expected_numbers(rule, equation)
    return RuleError(
        f"{where(function)}: {equation} of {type(rule).__name__} must return"
        f" {'the number' if len(expected) == 1 else 'the numbers'} {', '.join(expected)}, but returns {returned}."
    )


def is_column(equation: str) -> bool:
    """Whether an equation works on a neuron's whole column of synapses."""
    return equation in ("before_post", "after_post")


def changes_silent_synapses(rule: LearningRule) -> bool:
    """Whether ``on_pre`` can change a synapse of a neuron whose postsynaptic traces are all zero.

    Unless the rule says so itself, it is found out by trying: an equation that returns the weights it was
    given, over many values of everything else, leaves such synapses alone.
    """
    function = rule.equations().on_pre
    if function is None or rule.pre_everywhere is not None:
        return bool(rule.pre_everywhere)
    names = known_names(rule)
    asked = arguments_of(function)
    if names["synapse"] or not set(asked) & set(names["post"]):
        return True
    random = np.random.default_rng(0)
    low, high = max(rule.w_min, -1.0), min(rule.w_max, max(rule.w_min, -1.0) + 2.0)
    for _ in range(64):
        values = _trial_values(rule, in_column=False)
        values["w"] = random.choice([low, high, random.uniform(low, high)])
        values |= {name: np.float64(0.0) for name in names["post"]}
        values |= {name: random.uniform(0.0, 1.5) for name in names["pre"]}
        values |= {name: values[name] * random.uniform(-2.0, 2.0) for name in names["state"]}
        with np.errstate(all="ignore"):
            if function(*(values[name] for name in asked)) != values["w"]:
                return True
    return False


def _functions(rule: LearningRule) -> Iterator[tuple[str, Callable]]:
    return ((e, f) for e, f in zip(EQUATIONS, rule.equations(), strict=True) if f is not None)


def _check_declared(rule: LearningRule) -> None:
    kind, traces, state = type(rule), rule.traces(), rule.initial_state(8)
    if not (isinstance(traces, (tuple, list)) and all(isinstance(trace, Trace) for trace in traces)):
        raise RuleError(
            f"{where(kind.traces)}: traces of {kind.__name__} must return a tuple of Trace, of a single one with a"
            f" comma, (Trace(…),); got {type(traces).__name__}."
        )
    if not isinstance(state, dict):
        raise RuleError(
            f"{where(kind.initial_state)}: initial_state of {kind.__name__} must return names with their first values,"
            f" such as {{'a': 0.0}}; got {type(state).__name__}."
        )


def _check_names(rule: LearningRule) -> None:
    kind = type(rule)
    fieldless = set(vars(kind).get("__annotations__", ())) - {field.name for field in fields(rule)} - {"name"}
    if fieldless and "__dataclass_fields__" not in vars(kind):
        raise RuleError(
            f"{kind.__name__} declares {sorted(fieldless)[0]} but is not a dataclass; put"
            " @dataclass(frozen=True, kw_only=True) above the class."
        )
    names = list(itertools.chain.from_iterable(known_names(rule).values()))
    for name in names:
        if names.count(name) > 1:
            raise RuleError(f"{kind.__name__} uses the name {name!r} for two things; rename one.")
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise RuleError(
                f"{kind.__name__} has a trace, state or constant named {name!r}; choose a Python name that does not"
                " start with an underscore."
            )
    if not any(rule.equations()):
        raise RuleError(f"{kind.__name__} has no equation; define on_post or on_pre.")


def _check_arguments(rule: LearningRule, equation: str, function: Callable) -> None:
    kinds = known_names(rule)
    if is_column(equation):
        kinds["synapse"] = ()
    try:
        plain_function(function)
    except RuleError as error:
        raise RuleError(f"{equation} of {type(rule).__name__} cannot be used: {error}") from None
    names = list(itertools.chain.from_iterable(kinds.values()))
    for argument in arguments_of(function):
        if argument == "self":
            raise RuleError(
                f"{where(function)}: {equation} of {type(rule).__name__} asks for self; leave it out and ask for what"
                f" it needs by name: {', '.join(names)}."
            )
        if argument not in names:
            raise RuleError(
                f"{where(function)}: {equation} asks for {argument!r}, which {type(rule).__name__} does not"
                f" have; it may ask for {', '.join(names)}."
            )


def _trial_values(rule: LearningRule, *, in_column: bool) -> dict:
    """A value for everything an equation may ask for, as on a neuron of four inputs."""
    names, n_inputs = known_names(rule), 4
    lowest = rule.w_min if math.isfinite(rule.w_min) else -1.0
    middle = lowest + 0.5 * (min(rule.w_max, lowest + 2.0) - lowest)
    one_or_column = (lambda x: np.full(n_inputs, x)) if in_column else np.float64
    values = {"w": one_or_column(middle)}
    values |= {name: one_or_column(0.5) for name in names["pre"]}
    values |= {name: np.float64(0.5) for name in (*names["post"], *names["synapse"])}
    values |= {name: np.float64(value) for name, value in rule.initial_state(n_inputs).items()}
    values |= {name: np.float64(value) for name, value in rule.parameters().items()}
    return values | {"n_inputs": np.float64(n_inputs)}


def _check_returned(rule: LearningRule, equation: str, function: Callable, returned) -> None:
    expected = expected_numbers(rule, equation)
    if not expected:
        return
    parts = [returned] if len(expected) == 1 else returned
    if not isinstance(parts, (tuple, list)):
        raise wrong_return(rule, equation, function, _shown(returned))
    if len(parts) != len(expected):
        raise wrong_return(rule, equation, function, f"{len(parts)} of them")
    for part in parts:
        if not isinstance(part, (Real, np.bool_)):
            raise wrong_return(rule, equation, function, _shown(returned))


def _shown(returned) -> str:
    if returned is None:
        return "nothing"
    if isinstance(returned, tuple):
        return f"{len(returned)} values"
    if isinstance(returned, Real):
        return "one number"
    return f"a {type(returned).__name__}"
