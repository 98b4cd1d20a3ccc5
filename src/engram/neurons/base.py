"""The one contract of every neuron, ours and a user's own.

A neuron is a frozen dataclass: its parameters are the fields, its equations plain functions of numbers. The functions
ask for what they need *by name*: a state variable, a parameter, a constant that :meth:`Neuron.constants` derives, or
``dt``. The reference kernel calls them with arrays over a population; the compiled kernel makes its loops from them.

============  ======================================================  ==============================================
function      when                                                    returns
============  ======================================================  ==============================================
``step``      every time step                                         the state variables it asks for, a step later
``fires``     after it; without one, ``v > v_thresh`` fires           whether the neuron spikes
``on_spike``  it spikes                                               the state variables it asks for, after the spike
============  ======================================================  ==============================================

What a function returns for the state variables that it asks for stands in the order in which it asks for them.
Spikes arrive on *channels*, each of which adds to one state variable. A step is taken with the values at its
beginning; what arrives in it is added at its end and moves the membrane in the next one.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from keyword import iskeyword
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np

from engram.equations.text import line_raised, plain_function, where
from engram.errors import NeuronError, RuleError
from engram.named import NamedParameters
from engram.precision import in_the_reference
from engram.validation import check_finite, check_positive, settle_floats

RESERVED = ("theta", "hold", "names", "values", "tensors", "dt")
"""Names that a network's state has for something else."""


class NeuronEquations(NamedTuple):
    """A neuron's functions; those that it does without are None.

    Attributes
    ----------
    step, fires, on_spike : callable
        See :mod:`engram.neurons.base`.
    arrive : dict of str to callable
        By channel, the new value of its variable from the present one and what arrives, in this order; a channel that
        is not named adds it up.
    quick : callable or None
        `step` to the same bits in less time, as long as `strain` is at most `bearable`.
    strain : callable or None
        A number of the state before the step.
    bearable : str
        The name of the constant that bounds it.
    tidy : callable or None
        Every 32nd step, what is too small to matter becomes zero.
    overshoots : callable or None
        Whether the integrator leaves its range in this step, of which the user is warned.
    """

    step: Callable
    on_spike: Callable
    fires: Callable | None = None
    arrive: dict[str, Callable] = {}  # noqa: RUF012
    quick: Callable | None = None
    strain: Callable | None = None
    bearable: str = ""
    tidy: Callable | None = None
    overshoots: Callable | None = None


@dataclass(frozen=True, kw_only=True)
class Neuron(NamedParameters):
    """Base of every neuron.

    A subclass gives its parameters as fields, :meth:`variables`, and the functions ``step`` and ``on_spike``, and
    ``fires`` where its threshold is not the parameter ``v_thresh``. See :mod:`engram.neurons.base`.
    """

    channels: ClassVar[dict[str, str]] = {}
    """Where spikes arrive: the name of a channel, and the variable to which it adds."""
    held: ClassVar[tuple[str, ...]] = ("v",)
    """What stays as it is while the neuron is refractory: for the time `t_ref`, ms, after its spike, if it has such a
    parameter; it fires no spike then."""
    quiet: ClassVar[bool] = False
    """Whether loops of their own are worth compiling for the times when nothing arrives on a channel, or on none. They
    need channels whose variables, once zero, stay zero until something arrives, and steps in which what is held moves
    nothing else."""
    in_groups: ClassVar[bool] = True
    """Whether it is worth trying to take several steps at once, which are taken again singly if anybody fires in them;
    not for neurons that fire in most steps of a presentation."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ("step", "fires", "on_spike"):
            function = cls.__dict__.get(name)
            if inspect.isfunction(function):
                setattr(cls, name, staticmethod(function))

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in ("float", float):
                check_finite(field.name, value)
            if field.name.startswith("tau"):
                check_positive(field.name, value, "ms")
        settle_floats(self)

    def variables(self) -> dict[str, float]:
        """The state variables by name, with their value at time 0."""
        raise NotImplementedError(f"{type(self).__name__} does not say which variables it has")

    def resting(self) -> dict[str, float]:
        """Their values at rest; those at time 0 unless the neuron says otherwise."""
        return self.variables()

    def constants(self, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
        """What the equations may ask for besides parameters, for steps of `dt` ms in a precision."""
        return {}

    def equations(self, integrator: str) -> NeuronEquations:
        """The functions in force."""
        kind: Any = type(self)  # each has functions of its own, which ask for what they need
        return NeuronEquations(kind.step, kind.on_spike, getattr(kind, "fires", None))

    @property
    def shortest_time_constant(self) -> float:
        """The fastest of its time constants, ms; a time step may not exceed it."""
        taus = [getattr(self, field.name) for field in fields(self) if field.name.startswith("tau")]
        return min(taus, default=float("inf"))

    @property
    def listens(self) -> float:
        """How long after rest it fires no spike whatever arrives, ms."""
        return 0.0

    def parameters(self) -> dict[str, float]:
        """Every numeric field by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: float(value) for name, value in values if isinstance(value, (int, float))}


@functools.lru_cache(maxsize=1024)
def asked_by(function: Callable) -> tuple[str, ...]:
    """The names that an equation asks for."""
    return tuple(inspect.signature(function).parameters)


def refractory_period(neuron: Neuron) -> float:
    """How long a neuron is refractory after a spike, ms."""
    return float(getattr(neuron, "t_ref", 0.0))


def known_constants(neuron: Neuron, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
    """Everything but state variables that a neuron's equations may ask for, by name."""
    return {**neuron.parameters(), "dt": dt, **neuron.constants(dt, integrator, dtype)}


def firing_threshold(neuron: Neuron, dt: float, integrator: str, dtype: str) -> float | None:
    """The potential above which a neuron fires, mV, adaptive thresholds aside; None where it says so itself."""
    threshold = known_constants(neuron, dt, integrator, dtype).get("v_thresh")
    return None if isinstance(threshold, tuple) or hasattr(type(neuron), "fires") else threshold


def check_neuron(neuron: Neuron, integrator: str = "exponential_euler") -> None:
    """Raise NeuronError where a neuron's equations cannot work; the message names their file and line.

    They may ask only for what exists and use only what means the same in every kernel, and are tried out once, in the
    reference's arithmetic.
    """
    try:
        _check_once(neuron, integrator)
    except TypeError:  # a neuron of a user's that has no hash
        _check_once.__wrapped__(neuron, integrator)


@functools.lru_cache(maxsize=256)
def _check_once(neuron: Neuron, integrator: str) -> None:
    _check_declared(neuron)
    constants = _trial_constants(neuron, integrator)
    _check_names(neuron, constants)
    functions = dict(functions_of(neuron, integrator))
    for required in ("step", "on_spike"):
        if required not in functions:
            raise NeuronError(f"{_name(neuron)} does not say what happens at {_MOMENTS[required]}; define {required}.")
    if "fires" not in functions and not {"v", "v_thresh"} <= {*neuron.variables(), *constants}:
        raise NeuronError(f"{_name(neuron)} has no variable v or no parameter v_thresh; define fires.")
    for equation, function in functions.items():
        _check_arguments(neuron, equation, function, constants)
        _check_returned(neuron, equation, function, _tried(neuron, equation, function, constants))


_MOMENTS = {"step": "a time step", "on_spike": "a spike"}


def expected_numbers(neuron: Neuron, equation: str, function: Callable) -> tuple[str, ...]:
    """What an equation returns: the names of state variables, or of one number."""
    variables = neuron.variables()
    if equation in ("step", "on_spike", "quick", "tidy"):
        return tuple(name for name in asked_by(function) if name in variables)
    return ("whether it does",) if not equation.startswith("arrive") else (asked_by(function)[0],)


def wrong_return(neuron: Neuron, equation: str, function: Callable, returned: str) -> NeuronError:
    """The error about an equation that returns something else than it should."""
    expected = expected_numbers(neuron, equation, function)
    wanted = f"{', '.join(expected)}, in this order" if len(expected) > 1 else f"one number, {expected[0]}"
    return NeuronError(
        f"{where(function)}: {equation} of {_name(neuron)} must return {wanted}, but returns {returned}."
    )


def functions_of(neuron: Neuron, integrator: str) -> Iterator[tuple[str, Callable]]:
    """A neuron's functions by name, those for channels as ``arrive_channel``."""
    kind = type(neuron)
    if kind.equations is Neuron.equations:
        named = {name: getattr(kind, name, None) for name in ("step", "on_spike", "fires")}
    else:
        named = neuron.equations(integrator)._asdict()
        named |= {f"arrive_{channel}": function for channel, function in named.pop("arrive").items()}
    return ((name, function) for name, function in named.items() if callable(function))


def _name(neuron: Neuron) -> str:
    return type(neuron).__name__


def _trial_constants(neuron: Neuron, integrator: str) -> dict:
    return known_constants(neuron, min(0.1, neuron.shortest_time_constant), integrator, "float64")


def _check_declared(neuron: Neuron) -> None:
    """Variables, channels and what is held must fit each other."""
    kind = type(neuron)
    declared = {n for n, hint in vars(kind).get("__annotations__", {}).items() if "ClassVar" not in str(hint)}
    if declared - {field.name for field in fields(neuron)} and "__dataclass_fields__" not in vars(kind):
        raise NeuronError(
            f"{kind.__name__} declares {min(declared)} but is not a dataclass; put"
            " @dataclass(frozen=True, kw_only=True) above the class."
        )
    if kind.variables is Neuron.variables:
        raise NeuronError(f"{kind.__name__} does not say which variables it has; define variables.")
    variables = neuron.variables()
    if not variables or not all(isinstance(x, Real) and math.isfinite(x) for x in variables.values()):
        raise NeuronError(f"variables of {kind.__name__} must be names with finite numbers, got {variables!r}.")
    if list(neuron.resting()) != list(variables):
        raise NeuronError(f"resting of {kind.__name__} must name {', '.join(variables)}, in this order.")
    for channel, variable in kind.channels.items():
        if variable not in variables:
            raise NeuronError(
                f"The channel {channel!r} of {kind.__name__} adds to {variable!r}, which is none of its variables"
                f" ({', '.join(variables)})."
            )
    for variable in kind.held:
        if variable not in variables and refractory_period(neuron) > 0:
            raise NeuronError(
                f"{kind.__name__} holds {variable!r} while it is refractory, which is none of its variables"
                f" ({', '.join(variables)}); say what is held."
            )


def _check_names(neuron: Neuron, constants: dict) -> None:
    variables = neuron.variables()
    for name in variables:
        if name in constants or name in RESERVED:
            raise NeuronError(f"{_name(neuron)} has a variable {name!r}, a name that is taken; rename it.")
    for name in (*variables, *constants):
        if not str(name).isidentifier() or iskeyword(name) or name.startswith("_"):
            raise NeuronError(
                f"{_name(neuron)} has a variable or constant named {name!r}; choose a Python name that does not start"
                " with an underscore."
            )


def _check_arguments(neuron: Neuron, equation: str, function: Callable, constants: dict) -> None:
    known = (*neuron.variables(), *constants)
    try:
        plain_function(function)
    except RuleError as error:
        raise NeuronError(f"{equation} of {_name(neuron)} cannot be used: {error}") from None
    asked = asked_by(function)
    further = asked[2:] if equation.startswith("arrive") else asked
    for argument in further:
        if argument == "self":
            raise NeuronError(
                f"{where(function)}: {equation} of {_name(neuron)} asks for self; leave it out and ask for what it"
                f" needs by name: {', '.join(known)}."
            )
        if argument not in known:
            raise NeuronError(
                f"{where(function)}: {equation} asks for {argument!r}, which {_name(neuron)} does not have; it may ask"
                f" for {', '.join(known)}."
            )


def _tried(neuron: Neuron, equation: str, function: Callable, constants: dict):
    """What an equation returns at the neuron's values at time 0."""
    known = {name: value if isinstance(value, tuple) else np.float64(value) for name, value in constants.items()}
    known |= {name: np.float64(value) for name, value in neuron.variables().items()}
    arguments = [known.get(name, np.float64(0.5)) for name in asked_by(function)]
    try:
        return in_the_reference(function, np.float64)(*arguments)
    except RuleError as error:
        raise NeuronError(str(error)) from error
    except (ArithmeticError, ValueError):
        return _UNKNOWN  # of numbers that need not occur: a neuron that spikes is not at rest
    except (Exception, SystemExit) as error:
        raise NeuronError(
            f"{line_raised(error, function)}: {equation} of {_name(neuron)} raises {type(error).__name__}: {error}."
        ) from error


_UNKNOWN = object()


def _check_returned(neuron: Neuron, equation: str, function: Callable, returned) -> None:
    expected = expected_numbers(neuron, equation, function)
    if not expected:
        raise NeuronError(
            f"{where(function)}: {equation} of {_name(neuron)} asks for no state variable, so that it changes none; ask"
            f" for those that it changes: {', '.join(neuron.variables())}."
        )
    if returned is _UNKNOWN:
        return
    parts = returned if isinstance(returned, tuple) else (returned,)
    if len(parts) != len(expected):
        raise wrong_return(neuron, equation, function, f"{len(parts)} of them")
    if not all(isinstance(part, (Real, np.bool_)) for part in parts):
        raise wrong_return(neuron, equation, function, "something else than numbers")
