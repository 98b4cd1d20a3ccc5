"""Offer each page that is executed as a notebook, as it was executed, with the results that the page shows."""

from __future__ import annotations

import functools
import json
import re
import shutil
from pathlib import Path

_SHOWN_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?!:tags: \[remove-input\])", re.MULTILINE)
FOLDER = "_notebooks"


def setup(app):
    """See Sphinx."""
    print_once()
    app.connect("source-read", find)
    app.connect("html-page-context", offer)
    app.connect("build-finished", copy)
    app.connect("builder-inited", lambda app: setattr(app.env, "notebooks", getattr(app.env, "notebooks", set())))
    return {"parallel_read_safe": False}


def print_once():
    """Join what a cell prints as it is executed: joined for the page alone, it stands in the notebook twice."""
    from myst_nb.core.execute import direct

    direct.single_nb_execution = functools.partial(direct.single_nb_execution, coalesce_streams=True)


def find(app, page, source):
    """Remember which pages show code that is run."""
    app.env.notebooks.discard(page)
    if has_code(source[0]):
        app.env.notebooks.add(page)


def has_code(text: str) -> bool:
    """Whether a page is executed, and shows what is."""
    return "file_format: mystnb" in text.split("\n# ")[0] and _SHOWN_CELL.search(text) is not None


def offer(app, page, template, context, doctree):
    """Tell the page's template the address."""
    if page in app.env.notebooks:
        context["notebook"] = f"{FOLDER}/{page}.ipynb"
        context["needs_sources"] = "ENGRAM_DOCS" in (Path(app.srcdir) / f"{page}.md").read_text(encoding="utf-8")


def copy(app, error):
    """Put the notebooks where they are offered."""
    if error is not None or app.builder.format != "html":
        return

    from sphinx.errors import ExtensionError  # the tests, which ask for functions alone, have no Sphinx

    for page in app.env.notebooks:
        executed = Path(app.env.mystnb_config.output_folder) / f"{page}.ipynb"
        if not executed.is_file():
            raise ExtensionError(f"{page} was executed, but {executed} is not there.")
        if prints_in_pieces(json.loads(executed.read_text(encoding="utf-8"))):
            raise ExtensionError(f"{executed} has what a cell prints in pieces, some of which stand there twice.")
        target = Path(app.outdir) / FOLDER / f"{page}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(executed, target)


def prints_in_pieces(notebook: dict) -> bool:
    """Whether a cell has several outputs of one stream."""
    told = [[out.get("name") for out in cell.get("outputs", []) if "name" in out] for cell in notebook["cells"]]
    return any(len(names) > len(set(names)) for names in told)
