"""What a model file remembers of its source of spikes, and the source made from that again."""

from __future__ import annotations

from collections.abc import Mapping

from engram import user_code
from engram.errors import ConfigError, SourceError
from engram.parts import constants_of
from engram.sources.base import Source
from engram.sources.registry import SOURCES, build_source, source_class

POISSON = {"source": "poisson", "constants": {}}
"""The record of every model that has none: engram made no others before."""


def source_record(source: Source) -> dict:
    """A source as JSON can hold it.

    Returns
    -------
    dict
        ``source``: the name, or ``file.py:Class`` of a user's source; ``constants``: every field by name, but for the
        gain, which models keep as ``input_gain``.

    Raises
    ------
    ConfigError
        If a constant is something else than a number or a text.
    """
    constants = constants_of(source, without=("gain",))
    for name, value in constants.items():
        if not isinstance(value, (int, float, str)):
            raise ConfigError(
                f"The source {source.name} cannot be kept in a file: its {name} is {value!r:.60}; give numbers or text."
            )
    return {"source": recorded_name(type(source)), "constants": constants}


def source_from_record(record: Mapping, gain: float, source: type[Source] | str | None = None) -> Source | None:
    """The source of a record.

    Nothing that a record names is ever run: a user's source has to be given by the caller.

    Parameters
    ----------
    record : mapping
        As :func:`source_record` makes it.
    gain : float
    source : type or str, optional
        The user's class, or ``path.py:Class`` for it, whose file is then run. Only for models made with a user's
        source.

    Returns
    -------
    Source or None
        None where a user's source was not given.

    Raises
    ------
    SourceError
        If the record is damaged, or another source was given.
    ConfigError
        If a constant is unknown or cannot be used.
    """
    name, constants = record.get("source"), record.get("constants")
    if not isinstance(name, str) or not isinstance(constants, Mapping):
        raise SourceError("The record of the source of spikes is damaged: it lacks a name or its constants.")
    kind = _class_for(name, source)
    return None if kind is None else build_source(kind, constants, gain=gain)


def recorded_name(kind: type[Source]) -> str:
    """The name of a source's class in a record; of a user's file only its last part, not where it lies."""
    return kind.name if SOURCES.get(kind.name) is kind else user_code.recorded_name(kind)


def _class_for(name: str, source: type[Source] | str | None) -> type[Source] | None:
    if source is None:
        return None if user_code.is_own(name) else source_class(name)
    kind = source_class(source) if isinstance(source, str) else source
    if user_code.kind_of(recorded_name(kind)) != user_code.kind_of(name):
        raise SourceError(f"This model was made with the source {name}, not with {recorded_name(kind)}; give that one.")
    return kind
