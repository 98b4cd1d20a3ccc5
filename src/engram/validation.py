"""Checks of parameters, each with the one sentence that a user reads."""

from __future__ import annotations

import math
from numbers import Integral, Real

from engram.errors import ConfigError


def check_finite(name: str, value, unit: str = "") -> None:
    """Raise ConfigError unless `value` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, got {_shown(value, unit)}.")


def check_positive(name: str, value, unit: str = "", *, or_zero: bool = False) -> None:
    """Raise ConfigError unless `value` is a finite number above zero (or zero, if allowed)."""
    check_finite(name, value, unit)
    if value < 0 or (value == 0 and not or_zero):
        wanted = "zero or positive" if or_zero else "positive"
        raise ConfigError(f"{name} must be {wanted}, got {_shown(value, unit)}.")


def check_count(name: str, value, *, at_least: int = 1) -> None:
    """Raise ConfigError unless `value` is a whole number of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise ConfigError(f"{name} must be a whole number of at least {at_least}, got {value!r}.")


def check_choice(name: str, value, choices) -> None:
    """Raise ConfigError unless `value` is one of the choices."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(str, choices))}, got {value!r}.")


def _shown(value, unit: str) -> str:
    return f"{value!r} {unit}".rstrip()
