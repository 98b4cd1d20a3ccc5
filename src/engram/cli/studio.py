"""``engram studio``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import err, out, plain


def studio(
    path: Annotated[Optional[Path], typer.Argument(metavar="RUN|MODEL", help="A run to watch or go on with, or a model to draw to.", show_default=False)] = None,
    port: Annotated[Optional[int], typer.Option(min=1, max=65535, help="Port of this machine.", show_default="a free one")] = None,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="Let the page run the text of a learning rule: Python, with all that you may do.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address and open no browser.")] = False,
) -> None:  # fmt: skip
    """Watch a network learn, draw to it and look inside, on a page of this machine alone."""
    from engram.errors import ConfigError

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"The studio needs {error.name}, which is not installed; install it with: pip install 'engram[studio]'"
            " (in a clone: pip install '.[studio]')."
        ) from None
    from engram.studio.desk import Desk
    from engram.studio.server import serve

    desk = Desk(_folder_of(path), allow_code=allow_code)
    view = _open(desk, path)
    serve(desk, port=port, on_start=lambda studio: _tell(studio.address + view, no_browser=no_browser))
    saved = getattr(desk.subject, "path", None)
    err.print("The studio is closed." + (f" {plain(saved)} is as it was left." if saved is not None else ""))


def _folder_of(path: Path | None) -> Path:
    """What the page can reach: the folder that one is in, or the one that holds what is opened elsewhere."""
    here = Path.cwd()
    if path is None or not path.exists() or path.resolve().is_relative_to(here):
        return here
    return path.resolve().parent


def _open(desk, path: Path | None) -> str:
    """Open what was asked for; return the view that shows it first, as the address says it."""
    from engram.studio.watching import Still

    if path is None:
        desk.new({"dataset": "digits"})
        return "#/learn"
    desk.open(str(path) if not path.exists() else str(path.resolve()))
    return "#/inside" if isinstance(desk.subject, Still) else "#/learn"


def _tell(address: str, *, no_browser: bool) -> None:
    """Say where the page is, and open it."""
    import webbrowser

    out.print(f"The studio is open at\n  {plain(address)}")
    err.print("Ctrl-C closes it; what has been learned is saved.")
    if not no_browser and _has_screen():
        webbrowser.open(address)


def _has_screen() -> bool:
    """Whether a browser would have a window: one in this terminal would hide the address."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
