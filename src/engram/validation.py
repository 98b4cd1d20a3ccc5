"""What each parameter may be, in one place, each with the one sentence that a user reads.

A number means the same whatever its type: ``5``, ``5.0``, ``np.int64(5)`` and an array without dimensions are the
same five, and become a Python ``int`` where things are counted, else a ``float``. Bounds are those within which a
value still works in single precision, can be saved, and is read again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from numbers import Integral, Real

from engram.errors import ConfigError, StepWarning

SMALLEST, LARGEST = 1e-30, 1e30
"""Between these a number other than zero keeps its meaning in single precision."""

_STEP_ERROR = 1e-6
"""Share of a time step by which a time may miss a multiple of it: numbers such as 0.1 are not exact."""

MAX_MS = 60_000.0
"""Longest time for which an image or the blank after it is shown, or a neuron rests, ms."""

MAX_STEPS = 1 << 22
"""Most time steps for which one image may be shown, louder presentations included: some minutes at 400 neurons."""


@dataclass(frozen=True)
class Parameter:
    """What one parameter may be.

    Attributes
    ----------
    low, high : float
        Bounds, which are allowed themselves.
    unit : str
    whole : bool
        Whether it counts something.
    above : bool
        Whether `low` itself is not allowed.
    choices : tuple of str
        What a text may be.
    switch : bool
        Whether it is true or false.
    """

    low: float = -LARGEST
    high: float = LARGEST
    unit: str = ""
    whole: bool = False
    above: bool = False
    choices: tuple[str, ...] = ()
    switch: bool = False


def _time(low: float = 1e-9, high: float = 1e18) -> Parameter:
    return Parameter(low, high, "ms")


def _count(low: int = 1, high: float = 10**12) -> Parameter:
    return Parameter(low, high, whole=True)


_VOLTAGE = Parameter(-1e6, 1e6, "mV")
_STRENGTH = Parameter(0.0, 1e9)

PARAMETERS: dict[str, Parameter] = {
    # sizes and lengths
    "n_inputs": _count(high=2**31 - 1),
    "n_neurons": _count(high=65_535),  # inhibitory spikes that arrive at a neuron in one step are counted in 16 bits
    "neurons": _count(high=65_535),
    "epochs": _count(),
    "examples": _count(),
    "label_examples": _count(),
    "test_examples": _count(),
    "validation_examples": _count(),
    "seed": _count(0, 2**64 - 1),
    # the network
    "dt": _time(1e-6, MAX_MS),
    "integrator": Parameter(choices=("exponential_euler", "euler")),
    "dtype": Parameter(choices=("float32", "float64")),
    "theta_start": _VOLTAGE,
    "theta_plus": Parameter(0.0, 1e6, "mV"),
    "theta_plus_decay": Parameter(0.0, 1.0, above=True),
    "tau_theta": _time(),
    "w_exc_inh": _STRENGTH,
    "w_inh_exc": _STRENGTH,
    "w_start": _STRENGTH,
    "max_delay": _time(0.0, MAX_MS),
    "max_input_delay": _time(0.0, MAX_MS),
    # its neurons
    "tau_m": _time(),
    "tau_exc": _time(),
    "tau_inh": _time(),
    "v_rest": _VOLTAGE,
    "v_reset": _VOLTAGE,
    "v_thresh": _VOLTAGE,
    "v_start": _VOLTAGE,
    "e_inh": _VOLTAGE,
    "t_ref": _time(0.0, MAX_MS),
    # how images are shown
    "shown": Parameter(0.0, MAX_MS, "ms", above=True),
    "blank": _time(0.0, MAX_MS),
    "start_intensity": Parameter(0.0, 1e6, above=True),
    "max_intensity": Parameter(0.0, 1e6),
    "min_spikes": _count(0, 2**31 - 1),
    "stop_spikes": _count(0, 2**31 - 1),
    "at_rest": Parameter(switch=True),
    "clear_traces": Parameter(switch=True),
    "input_gain": Parameter(1e-12, 1e12),
    "order": Parameter(choices=("shuffled", "file")),
    "layers": Parameter(choices=("together", "in_turn")),
}
"""Every parameter of networks, neurons, protocols and runs by its name, which means the same everywhere."""

_SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def settled(name: str, value, *, shown_as: str = ""):
    """A parameter's value, checked and of the type that it has everywhere.

    Parameters
    ----------
    name : str
        One of :data:`PARAMETERS`; any other name is a number within what single precision holds, a text, or a truth
        value, and comes back as such.
    value : object
        As a user gave it.
    shown_as : str, optional
        What an error calls it, by default `name`.

    Raises
    ------
    ConfigError
        If the parameter cannot have this value.

    Examples
    --------
    >>> import numpy as np
    >>> settled("min_spikes", np.float32(5)), settled("tau_m", 100)
    (5, 100.0)
    """
    wanted, shown_as = PARAMETERS.get(name), shown_as or name
    if wanted is None:
        return value if isinstance(value, (str, bool)) else _within(Parameter(), shown_as, value)
    if wanted.switch:
        return _truth(shown_as, value)
    if wanted.choices:
        check_choice(shown_as, value, wanted.choices)
        return str(value)
    return _within(wanted, shown_as, value)


def settled_fields(options: Mapping, *, within: str = "") -> dict:
    """Options by name, each as :func:`settled` has it; tables in tables stay tables."""
    result = {}
    for name, value in options.items():
        full = f"{within}.{name}" if within else name
        result[name] = (
            settled_fields(value, within=full) if isinstance(value, Mapping) else settled(name, value, shown_as=full)
        )
    return result


def settle(part) -> None:
    """Check the fields of a frozen dataclass that :data:`PARAMETERS` knows, and give each the type that it has.

    Called first thing in ``__post_init__``.
    """
    for field in fields(part):
        if field.name in PARAMETERS:
            object.__setattr__(part, field.name, settled(field.name, getattr(part, field.name)))


def settle_floats(part, *, but: tuple[str, ...] = ()) -> None:
    """Give the fields of a frozen dataclass that are declared as ``float`` that type, whatever number they hold."""
    for field in fields(part):
        if field.name in but:
            continue
        if field.type in ("float", float) and (number := plain_number(getattr(part, field.name))) is not None:
            object.__setattr__(part, field.name, float(number))


def plain_number(value) -> int | float | None:
    """A number of any type as Python's ``int`` or ``float``; None for what is no number."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return int(value) if isinstance(value, Integral) else float(value) + 0.0  # there is but one zero


def check_finite(name: str, value, unit: str = "") -> None:
    """Raise ConfigError unless `value` is a finite number."""
    finite(name, value, unit)


def finite(name: str, value, unit: str = "") -> int | float:
    """A finite number as Python's own; ConfigError for anything else."""
    number = plain_number(value)
    if number is None or not _is_finite(number):
        raise ConfigError(f"{name} must be a finite number, got {_shown(value, unit)}.")
    return number


def check_positive(name: str, value, unit: str = "", *, or_zero: bool = False) -> None:
    """Raise ConfigError unless `value` is a finite number above zero (or zero, if allowed).

    A time in ms must also be one that can be divided by and into.
    """
    check_finite(name, value, unit)
    if value < 0 or (value == 0 and not or_zero):
        wanted = "zero or positive" if or_zero else "positive"
        raise ConfigError(f"{name} must be {wanted}, got {_shown(value, unit)}.")
    if unit == "ms" and value != 0 and not SMALLEST <= value <= LARGEST:
        raise ConfigError(f"{name} must be between {SMALLEST:g} and {LARGEST:g} ms, got {_shown(value, unit)}.")


def check_count(name: str, value, *, at_least: int = 1) -> None:
    """Raise ConfigError unless `value` is a whole number of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise ConfigError(f"{name} must be a whole number of at least {at_least}, got {_brief(value)}.")


def check_choice(name: str, value, choices) -> None:
    """Raise ConfigError unless `value` is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(str, choices))
        raise ConfigError(f"{name} must be one of {listed}, got {_brief(value)}{did_you_mean(value, choices)}.")


def check_known(owner: str, name: str, known: Iterable[str], what: str = "option") -> None:
    """Raise ConfigError where `owner`, such as "The network", has no option of that name."""
    known = list(known)
    if name not in known:
        raise ConfigError(
            f"{owner} has no {what} {name!r}{did_you_mean(name, known)}; it has {', '.join(known) or 'none'}."
        )


def did_you_mean(name, known: Iterable[str]) -> str:
    """What a name that is not known was probably meant to be, to be put after it in a sentence; often nothing.

    Examples
    --------
    >>> did_you_mean("tau_n", ["tau_m", "v_rest"]), did_you_mean("xyz", ["tau_m"])
    (' (did you mean tau_m?)', '')
    """
    if not isinstance(name, str):
        return ""
    spelled = {_spelled(one): one for one in reversed(list(map(str, known)))}
    near = get_close_matches(_spelled(name), spelled, n=1)
    return f" (did you mean {spelled[near[0]]}?)" if near else ""


def _spelled(name: str) -> str:
    """A name without what people mix up in it."""
    return name.lower().replace("-", "_").replace(" ", "_")


def check_presentation(network, protocol) -> None:
    """Raise ConfigError where showing one image would take longer than anybody waits.

    Parameters
    ----------
    network : DiehlCook or Network
    protocol : Protocol
    """
    attempts = protocol.max_intensity - protocol.start_intensity + 1
    steps = (protocol.shown + protocol.blank) / network.dt * max(attempts, 1)
    if steps > MAX_STEPS:
        raise ConfigError(
            f"One image may be shown for {MAX_STEPS:,} time steps at most, repeats included, got {steps:,.0f}: lower"
            f" shown ({protocol.shown:g} ms) or max_intensity ({protocol.max_intensity:g}), or raise dt"
            f" ({network.dt:g} ms)."
        )
    for neuron in network.neurons:
        t_ref = getattr(neuron, "t_ref", 0.0)
        if t_ref / network.dt > MAX_STEPS:
            raise ConfigError(
                f"t_ref must be {MAX_STEPS:,} time steps at most, got {t_ref:g} ms in steps of {network.dt:g} ms."
            )
    check_gates(network, protocol)


def check_gates(network, protocol) -> None:
    """Raise ConfigError where neurons only listen as long as an image is shown: whoever reads begins at rest."""
    dt = network.dt
    for neuron in network.neurons:
        if neuron.listens >= (round(protocol.shown / dt) - 0.5) * dt:
            raise ConfigError(
                f"Neurons with gate={neuron.listens:g} ms would answer no image that is shown for"
                f" {protocol.shown:g} ms: show images longer (protocol.shown) or let gates open sooner (network.gate)."
            )


def warn_of_rounded_times(network, *, stacklevel: int = 3) -> None:
    """Warn with :class:`StepWarning` of each refractory period, gate and delay that a network's steps do not divide.

    Other simulators do otherwise: of 5 ms in steps of 0.3 ms, which are 17 steps here, Brian 2 makes 16.
    """
    dt = network.dt
    times = {("t_ref", float(getattr(neuron, "t_ref", 0.0))) for neuron in network.neurons}
    times |= {("gate", float(neuron.listens)) for neuron in network.neurons}
    together = [p for p in getattr(network, "projections", ()) if p.has_one_delay]
    times |= {(f"the delay of {p.name}", float(p.delay)) for p in together}
    for name, time in sorted(times):
        steps = round(time / dt)
        if abs(time / dt - steps) > _STEP_ERROR:
            text = f"{name} is {time:g} ms, no multiple of dt, {dt:g} ms: it lasts {steps} steps, {steps * dt:g} ms"
            warnings.warn(f"{text}; choose a dt that divides it.", StepWarning, stacklevel=stacklevel)


def _within(wanted: Parameter, name: str, value) -> int | float:
    number = plain_number(value)
    if wanted.whole:
        if number is None or not _is_finite(number) or number != int(number) or number < wanted.low:
            raise ConfigError(f"{name} must be a whole number of at least {wanted.low:g}, got {_brief(value)}.")
        number = int(number)
    else:
        number = float(finite(name, value, wanted.unit))
        if number < wanted.low or (wanted.above and number == wanted.low) or (0 < abs(number) < SMALLEST):
            raise ConfigError(f"{name} must be {_least(wanted, number)}, got {_shown(number, wanted.unit)}.")
    if number > wanted.high:
        most = f"{wanted.high:,.0f}" if wanted.high < 1e15 else f"{wanted.high:g}"
        raise ConfigError(f"{name} must be at most {most} {wanted.unit}".rstrip() + f", got {_brief(value)}.")
    return number


def _least(wanted: Parameter, number: float) -> str:
    """What a number too small should have been."""
    if wanted.high == 1:
        return "above 0 and at most 1"
    if wanted.low == 0 and not wanted.above and number < 0:
        return "zero or positive"
    if wanted.low >= 0 and number <= 0:
        return "positive"
    return f"at least {max(wanted.low, SMALLEST):g} {wanted.unit}".rstrip()


def _truth(name: str, value) -> bool:
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    text = str(value).lower() if isinstance(value, (str, bool, int)) else ""
    if text not in _SWITCHES:
        raise ConfigError(f"{name} must be true or false, got {_brief(value)}.")
    return _SWITCHES[text]


def _is_finite(number) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _shown(value, unit: str) -> str:
    return f"{_brief(value)} {unit}".rstrip()


def _brief(value) -> str:
    """A value as it was given, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}…"
