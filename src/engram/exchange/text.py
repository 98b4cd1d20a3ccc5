"""Files that are text: scripts from templates, and what stands beside every export."""

from __future__ import annotations

import textwrap
from importlib.resources import files
from string import Template

from engram._version import __version__
from engram.exchange.frozen import FrozenNetwork

WIDTH = 116


def from_template(name: str, frozen: FrozenNetwork, form, **further) -> bytes:
    """A template with a network's numbers, and what is exact and lost, in their places."""
    constants = {key: value if isinstance(value, str) else repr(value) for key, value in frozen.constants().items()}
    indent = " *   " if name.endswith((".h.in", ".c.in")) else "  "
    about = {"title": title_of(frozen), "version": __version__}
    about |= {"exact": paragraph(form.exact, indent), "lost": paragraph(form.lost, indent)}
    text = files("engram.exchange").joinpath("templates", name).read_text("utf-8")
    return Template(text).substitute(constants | about | {key: str(value) for key, value in further.items()}).encode()


def title_of(frozen: FrozenNetwork) -> str:
    """A network in one line."""
    n, n_inputs = frozen.network.n_neurons, frozen.network.n_inputs
    trained = f", trained on {_tame(frozen.model.dataset)}" if frozen.model.dataset else ""
    return f"A Diehl & Cook network of {n} neurons and {n_inputs} inputs{trained}."


def readme(frozen: FrozenNetwork, form, names: list[str]) -> bytes:
    """What stands in ``README.txt``."""
    parts = [
        f"{title_of(frozen)} Exported by engram {__version__} for {form.title}.",
        f"Files: {', '.join(names)}.",
        f"To run it: {form.run}",
        f"Exact: {' '.join(form.exact)}",
        f"Lost: {' '.join(form.lost)}",
    ]
    return ("\n\n".join(textwrap.fill(part, WIDTH) for part in parts) + "\n").encode()


def paragraph(sentences: tuple[str, ...], indent: str) -> str:
    """Sentences after a heading, wrapped."""
    return textwrap.fill(" ".join(sentences), WIDTH - 9, subsequent_indent=indent)


def _tame(name: str) -> str:
    """A name from a file, without what could end a comment or a docstring."""
    return "".join(c for c in name if c.isalnum() or c in " -_.")[:80]
