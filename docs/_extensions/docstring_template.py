"""Compile numpydoc's template once: by itself numpydoc does so for each docstring, which costs seconds."""

from __future__ import annotations

from jinja2.sandbox import SandboxedEnvironment
from numpydoc import docscrape_sphinx


def setup(app):
    """See Sphinx."""
    docscrape_sphinx.SandboxedEnvironment = Kept()
    return {"parallel_read_safe": True}


class Kept:
    """Makes the environment of templates at first, and hands it out again; all are asked for the same templates."""

    _environment = None

    def __call__(self, loader):
        """The environment; ``loader`` counts at first."""
        if self._environment is None:
            self._environment = SandboxedEnvironment(loader=loader)
        return self._environment
