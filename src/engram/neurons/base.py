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

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple

from engram.validation import check_finite, check_positive


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
        `step` to the same bits in less time, where `strained` does not hold.
    strained : callable or None
        Where it does.
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
    strained: Callable | None = None
    tidy: Callable | None = None
    overshoots: Callable | None = None


@dataclass(frozen=True, kw_only=True)
class Neuron:
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
        kind = type(self)
        return NeuronEquations(kind.step, kind.on_spike, getattr(kind, "fires", None))

    @property
    def shortest_time_constant(self) -> float:
        """The fastest of its time constants, ms; a time step may not exceed it."""
        taus = [getattr(self, field.name) for field in fields(self) if field.name.startswith("tau")]
        return min(taus, default=float("inf"))

    def parameters(self) -> dict[str, float]:
        """Every numeric field by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: float(value) for name, value in values if isinstance(value, (int, float))}


def asked_by(function: Callable) -> tuple[str, ...]:
    """The names that an equation asks for."""
    return tuple(inspect.signature(function).parameters)


def refractory_period(neuron: Neuron) -> float:
    """How long a neuron is refractory after a spike, ms."""
    return float(getattr(neuron, "t_ref", 0.0))


def known_constants(neuron: Neuron, dt: float, integrator: str, dtype: str) -> dict[str, float | tuple]:
    """Everything but state variables that a neuron's equations may ask for, by name."""
    return {**neuron.parameters(), "dt": dt, **neuron.constants(dt, integrator, dtype)}
