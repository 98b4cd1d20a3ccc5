"""What the commands share: where they write, and how errors and progress look."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
"""For results."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""For progress and errors, so that results can be piped."""


def print_json(value) -> None:
    """A result for machines."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def fail(error: BaseException, *, as_json: bool = False) -> int:
    """Tell an error in one sentence and return the exit code."""
    from engram.errors import ConfigError, EngramError, Interrupted, RuleError

    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        message, code = str(error) or "Interrupted.", 130
    elif isinstance(error, (ConfigError, RuleError)):
        message, code = str(error), 2
    elif isinstance(error, EngramError):
        message, code = str(error), 1
    elif isinstance(error, MemoryError):
        message, code = "There is not enough memory; use fewer neurons or images.", 1
    elif isinstance(error, BrokenPipeError):
        return 1
    else:
        message = f"{type(error).__name__}: {error} (an error of engram itself; --debug shows where)"
        code = 1
    if as_json:
        print_json({"error": {"kind": type(error).__name__, "message": message, "exit_code": code}})
    else:
        err.print(f"[bold red]Error:[/] {_escaped(message)}" if code != 130 else _escaped(message))
    return code


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress_bar(*columns, quiet: bool = False):
    """A progress display on standard error; nothing where quiet, or where no person is looking."""
    from engram.callbacks import terminal_bar

    with terminal_bar(*columns, console=err, quiet=quiet or not err.is_terminal) as progress:
        yield progress
