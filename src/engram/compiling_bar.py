"""What a person sees while machine code is made: a bar on a notebook's page or in a terminal, elsewhere two lines."""

from __future__ import annotations

import time

from engram.wording import plural

_WHAT = "compiling for this machine, once"
_LONGEST = 26


class CompilingBar:
    """Tells how far compiling is; a watcher as :mod:`engram.kernels.progress` calls it.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw; standard error by default.
    """

    def __init__(self, console=None):
        self._console = console
        self._shown = None

    def __call__(self, done: int, total: int, label: str) -> None:
        """Show so many of so many, and what comes next; the first call opens the bar and the last closes it."""
        if self._shown is None:
            self._shown = self._kind()(self._console, total)
        self._shown.update(done, label if len(label) <= _LONGEST else label[: _LONGEST - 3] + "...")
        if done == total:
            self._shown.close()
            self._shown = None

    def _kind(self) -> type:
        from engram.callbacks import in_notebook

        if self._console is None and in_notebook():
            return _OnPage
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        return _InTerminal if self._console.is_terminal else _InLines


class _InTerminal:
    """A bar of at most 80 columns. It has no thread of its own: a process with threads cannot fork workers."""

    def __init__(self, console, total: int):
        from rich.progress import BarColumn, Progress, TextColumn

        self._begin = time.monotonic()
        columns = (
            TextColumn(f"{_WHAT}: {{task.completed}} of {{task.total}}"),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._bar = Progress(*columns, console=console, auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task("", total=total, note="")

    def update(self, done: int, label: str) -> None:
        self._bar.update(self._task, completed=done, note=label, refresh=True)

    def close(self) -> None:
        self._bar.update(self._task, note=f"{time.monotonic() - self._begin:.0f} s", refresh=True)
        self._bar.stop()


class _InLines:
    """A line at the start and one at the end."""

    def __init__(self, console, total: int):
        self._console, self._begin = console, time.monotonic()
        console.print(f"{_WHAT}: {plural(total, 'routine')}")

    def update(self, done: int, label: str) -> None:
        """Lines do not move."""

    def close(self) -> None:
        self._console.print(f"compiled in {time.monotonic() - self._begin:.0f} s")


class _OnPage:
    """A bar on a notebook's page, which leaves nothing behind."""

    def __init__(self, console, total: int):
        from engram.callbacks import NotebookBar

        self._bar = NotebookBar()
        self._task = self._bar.add_task(_WHAT, total=total)

    def update(self, done: int, label: str) -> None:
        self._bar.update(self._task, completed=done, note=label)

    def close(self) -> None:
        self._bar.clear()
