"""The sources by name, and making one from a name and constants."""

from __future__ import annotations

from collections.abc import Mapping

from engram.errors import ConfigError, SourceError
from engram.parts import build_part
from engram.sources.base import Source
from engram.sources.events import StoredEvents
from engram.sources.latency import Latency
from engram.sources.poisson import Poisson
from engram.sources.rates import Ramp, Regular
from engram.user_code import OwnPart, is_own, load_class

SOURCES: dict[str, type[Source]] = {source.name: source for source in (Poisson, Latency, Ramp, Regular, StoredEvents)}
"""Every built-in source by the name that users type."""

OWN_SOURCE = OwnPart(Source, "source of spikes", "sources of spikes", "source", "engram.sources.Source", SourceError)


def make_source(name: str, constants: Mapping | None = None, *, gain: float = 1.0) -> Source:
    """The source of that name with some of its constants changed.

    Parameters
    ----------
    name : str
        One of :data:`SOURCES`, or ``path.py:Class`` for a source of the user's own, whose file is then run.
    constants : mapping of str to float or str, optional
        Values by the name of the source's field; numbers may be given as text.
    gain : float
        Factor on what is shown.

    Raises
    ------
    SourceError
        If there is no such source.
    ConfigError
        If it has no such constant, or the value cannot be used.
    """
    return build_source(source_class(name), constants, gain=gain)


def source_class(name: str) -> type[Source]:
    """The class of a source by its name; a user's file is run."""
    if is_own(name):
        return load_class(name, OWN_SOURCE)
    if name not in SOURCES:
        raise SourceError(
            f"There is no source of spikes {name!r}; choose one of {', '.join(SOURCES)}, or path.py:Class for your own."
        )
    return SOURCES[name]


def build_source(kind: type[Source], constants: Mapping | None = None, *, gain: float = 1.0) -> Source:
    """An instance of a source's class, with its constants checked by name and type."""
    if "gain" in (constants or {}):
        raise ConfigError(f"The gain of {kind.__name__} is the option input_gain; give that.")
    return build_part(kind, constants, whole=True, gain=gain)
