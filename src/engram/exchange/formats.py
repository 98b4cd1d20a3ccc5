"""What a format is: the files that it makes of a network, what is exact in them, and what is lost."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from engram.errors import ConfigError
from engram.exchange.frozen import FrozenNetwork
from engram.exchange.presentations import Presentations
from engram.validation import did_you_mean

FORMATS = {
    "brian2": "engram.exchange.brian2_script",
    "nest": "engram.exchange.nest_script",
    "pynn": "engram.exchange.pynn_script",
    "nir": "engram.exchange.nir_graph",
    "numpy": "engram.exchange.arrays",
    "json": "engram.exchange.tutorial_json",
    "c": "engram.exchange.c_header",
}
"""The formats by name, and where each is at home."""

LEARNING_LOST = "Learning: weights and thresholds are frozen, and the learning rule is left out."
"""What every export loses."""


@dataclass(frozen=True)
class Format:
    """One way to hand a network over.

    Attributes
    ----------
    name, title : str
    exact, lost : tuple of str
        Sentences; written into the files and shown on the screen.
    files : callable
        The content of each file by its name, from a frozen network, presentations, and the format itself.
    run : str
        What runs it.
    measured : callable or None
        Further sentences on what is exact, and on what is lost, with this very network; from the same arguments.
    needs : tuple of str
        Packages that it takes to write or to run it.
    weight_bits : int or None
        The bits of a weight, where a format has a choice.
    """

    name: str
    title: str
    exact: tuple[str, ...]
    lost: tuple[str, ...]
    files: Callable[[FrozenNetwork, Presentations, Format], dict[str, bytes]]
    run: str
    measured: Callable[[FrozenNetwork, Presentations, Format], tuple[tuple, tuple]] | None = None
    needs: tuple[str, ...] = ()
    weight_bits: int | None = None


def format_named(name: str) -> Format:
    """The format of a name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in FORMATS:
        near = did_you_mean(name, FORMATS)
        raise ConfigError(f"There is no format {name!r} to export to{near}; choose one of {', '.join(FORMATS)}.")
    return importlib.import_module(FORMATS[name]).FORMAT
