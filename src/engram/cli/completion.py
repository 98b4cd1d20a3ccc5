"""What a shell offers when Tab is pressed on a value: names that engram knows, and paths where those are meant too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace


def rules(incomplete: str) -> list[str]:
    """Learning rules, and files of one's own."""
    from engram.plasticity.registry import RULES

    return _of(RULES, incomplete) + _paths(incomplete, ".py")


def several_rules(incomplete: str) -> list[str]:
    """Learning rules with commas between: the last one is completed."""
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in rules(last)]


def presets(incomplete: str) -> list[str]:
    """Sets of constants."""
    from engram.presets import PRESETS

    return _of(PRESETS, incomplete)


def networks(incomplete: str) -> list[str]:
    """Networks, and files of one's own."""
    from engram.networks.catalogue import DIEHL_COOK, NETWORKS

    return _of((DIEHL_COOK, *NETWORKS), incomplete) + _paths(incomplete, ".py")


def datasets(incomplete: str) -> list[str]:
    """Data sets, and paths."""
    from engram.datasets import named_sources

    return _of(named_sources(), incomplete) + _paths(incomplete)


def models(incomplete: str) -> list[str]:
    """Models that come with engram, and paths."""
    from engram.models import shipped_models

    return _of((model.name for model in shipped_models()), incomplete) + _paths(incomplete)


def schemes(incomplete: str) -> list[str]:
    """Ways to read spikes."""
    from engram.readout import SCHEMES

    return _of(SCHEMES, incomplete)


def one_of(*choices: str):
    """A function that offers these."""
    return lambda incomplete: _of(choices, incomplete)


def offered_by(name: str) -> Callable[[str], list[str]] | None:
    """What offers values of a parameter, which means the same in every command."""
    return _OFFERED.get(name)


def attach(group) -> None:
    """Let every command of a group, and of the groups in it, offer values of the parameters that are known here."""
    for command in group.commands.values():
        if hasattr(command, "commands"):
            attach(command)
        for parameter in command.params:
            key = parameter.name if command.name != "read" or parameter.name != "network" else "reader"
            key = "reader_preset" if (command.name, key) == ("read", "preset") else key
            if (offer := offered_by(key)) is not None:
                parameter.shell_complete = _completer(offer)


def _completer(offer: Callable[[str], list[str]]):
    def complete(context, incomplete: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(value=value, type="plain", help=None) for value in offer(incomplete)]

    return complete


def _of(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _paths(incomplete: str, suffix: str = "") -> list[str]:
    """Folders, and files of that ending; hidden ones only where their dot was typed."""
    folder, start = Path(incomplete), ""
    if not incomplete.endswith("/") and incomplete:
        folder, start = folder.parent, folder.name
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    typed = incomplete[: len(incomplete) - len(start)]
    found = [entry for entry in entries if entry.name.startswith(start) and (start or entry.name[0] != ".")]
    return [
        f"{typed}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in found
        if entry.is_dir() or entry.name.endswith(suffix)
    ]


_OFFERED = {
    "dataset": datasets,
    "source": datasets,
    "rule": rules,
    "rules": several_rules,
    "preset": presets,
    "network": networks,
    "layers": one_of("together", "in-turn"),
    "order": one_of("shuffled", "file"),
    "integrator": one_of("exponential_euler", "euler"),
    "rounding": one_of("nearest", "stochastic"),
    "dtype": one_of("float32", "float64"),
    "from_": models,
    "model": models,
    "files": models,
    "scheme": schemes,
    "reader": one_of("tutorial", "own"),
    "reader_preset": one_of("text", "more-evidence"),
}
