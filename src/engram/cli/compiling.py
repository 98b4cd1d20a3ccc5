"""What a person sees while machine code is made: a bar in a terminal, a line at the start and the end elsewhere."""

from __future__ import annotations

import time

from engram.cli.console import err, plain

_WHAT = "compiling for this machine, once"
_LABEL = 26


class CompilingBar:
    """A watcher of compiling, see :mod:`engram.kernels.progress`."""

    def __init__(self):
        self._bar = None
        self._begin = 0.0

    def __call__(self, done: int, total: int, label: str) -> None:
        """Show how far it is; the first call opens the bar and the last closes it."""
        if self._bar is None and not self._begin:
            self._open(total)
        if self._bar is not None:
            note = label if len(label) <= _LABEL else label[: _LABEL - 3] + "..."
            self._bar.update(0, completed=done, note=plain(note), refresh=True)
        if done == total:
            self._close(total)

    def _open(self, total: int) -> None:
        self._begin = time.monotonic()
        if not err.is_terminal:
            err.print(f"{_WHAT}: {total} routines")
            return
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn(f"{_WHAT}: {{task.completed}} of {{task.total}}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[note]}"),
        )
        # no thread of its own: a process with threads cannot fork workers
        self._bar = Progress(*columns, console=err, auto_refresh=False)
        self._bar.start()
        self._bar.add_task("", total=total, note="")

    def _close(self, total: int) -> None:
        if self._bar is not None:
            self._bar.update(0, note=f"{time.monotonic() - self._begin:.0f} s", refresh=True)
            self._bar.stop()
        else:
            err.print(f"compiled in {time.monotonic() - self._begin:.0f} s")
        self._bar, self._begin = None, 0.0
