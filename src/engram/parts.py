"""Parts that are frozen dataclasses, rules and sources, made from constants by name and told by them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import ClassVar, Protocol, TypeVar

from engram.errors import ConfigError
from engram.validation import check_known, plain_number


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field]]


Part = TypeVar("Part", bound=_Dataclass)


def build_part(kind: type[Part], constants: Mapping | None = None, *, whole: bool = False, **fixed) -> Part:
    """An instance of a class, with its constants checked by name and type.

    Parameters
    ----------
    kind : type
    constants : mapping of str to float or str, optional
        Values by the name of the field; numbers may be given as text.
    whole : bool
        Whether a constant whose default is a whole number must be one; else all numbers are ``float``.
    **fixed
        Fields that are no constants.

    Raises
    ------
    ConfigError
        If it has no such constant, one is missing, or a value cannot be used.
    """
    known = {field.name: field for field in fields(kind) if field.init and field.name not in fixed}
    values = {}
    for name, value in (constants or {}).items():
        check_known(kind.__name__, name, known, "constant")
        values[name] = _like(known[name].default, value, f"{name} of {kind.__name__}", whole)
    missing = [name for name, field in known.items() if name not in values and _is_required(field)]
    if missing:
        raise ConfigError(f"{kind.__name__} needs a value for {missing[0]}.")
    return kind(**values, **fixed)


def constants_of(part, *, without: tuple[str, ...] = ()) -> dict:
    """Every constant of a part by name, as JSON can hold it: infinity, which JSON's numbers lack, as ``"inf"``."""
    names = [field.name for field in fields(part) if field.init and field.name not in without]
    return {name: _to_json(getattr(part, name)) for name in names}


def _is_required(field) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _like(default, value, name: str, whole: bool):
    """A value, perhaps typed by a user, in the type of the default it replaces."""
    if isinstance(default, str):
        return str(value)
    if isinstance(default, bool):
        choices = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if str(value).lower() not in choices:
            raise ConfigError(f"{name} must be true or false, got {value!r}.")
        return choices[str(value).lower()]
    number = plain_number(value)
    if number is None and isinstance(value, str):
        number = _parsed(value)
    if number is None:
        raise ConfigError(f"{name} must be a number, got {value!r}.")
    if whole and isinstance(default, int):
        return _whole(number, name)
    return _as_float(number)


def _parsed(text: str) -> float | None:
    """A number from its text; None where it is none."""
    try:
        return float(text) + 0.0  # there is but one zero
    except ValueError:
        return None


def _whole(number: int | float, name: str) -> int:
    if not math.isfinite(number) or number != int(number):
        raise ConfigError(f"{name} must be a whole number, got {number!r}.")
    return int(number)


def _as_float(number: int | float) -> float:
    """A number as ``float``; whole ones beyond every float are infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _to_json(value):
    number = plain_number(value)
    if number is None:
        return value
    if isinstance(number, int):
        return number
    return float(number) if math.isfinite(number) else str(float(number))
