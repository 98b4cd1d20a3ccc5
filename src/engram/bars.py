"""How far long work is: bars in a terminal or on a notebook's page, and lines where nobody watches.

All kinds have the same methods: ``add_task``, ``update``, ``wait`` and, at the end, ``close``. A line of a terminal
shows every number whole on 80 columns; a task that is done is written once, and not drawn again.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

STEP = 0.05
"""Where nobody watches, a line tells each so large share of a task, ..."""

SHORTEST, LONGEST = 2.0, 300.0
"""... but none sooner after the last than this, and one at the latest after that, s."""


class Bars:
    """Base of all kinds; on its own it shows nothing."""

    def __init__(self):
        self._tasks: list[dict] = []

    def add_task(self, description: str, total: int | None, completed: int = 0, note: str = "") -> int:
        """Begin a task, of unknown length if `total` is None; return its number."""
        task = {"description": description, "total": total, "completed": completed, "start": completed, "note": note}
        self._tasks.append(task)
        self._begun(len(self._tasks) - 1, task)
        return len(self._tasks) - 1

    def update(self, number: int, **known) -> None:
        """Change what is known of a task: ``completed``, ``total``, ``note``."""
        before = dict(self._tasks[number])
        self._tasks[number].update(known)
        self._moved(number, self._tasks[number], before)

    def drop(self, number: int) -> None:
        """A task is no more to be shown, done or not."""

    def wait(self, what: str) -> None:
        """Say what is done now, where it cannot be told how far it is; the next task or step ends it."""

    def close(self) -> None:
        """Nothing more is to come."""

    def _begun(self, number: int, task: dict) -> None:
        """A task began."""

    def _moved(self, number: int, task: dict, before: dict) -> None:
        """Something of a task is known anew."""


class TerminalBars(Bars):
    """A bar for each task that goes on, drawn anew in place.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console):
        from engram.terminal import LiveBars

        super().__init__()
        self._live = LiveBars(console=console)
        self._live.start()
        self._shown: dict[int, TaskID] = {}
        self._waiting: TaskID | None = None

    def drop(self, number: int) -> None:
        """Take a bar away."""
        if number in self._shown:
            self._live.remove_task(self._shown.pop(number))

    def wait(self, what: str) -> None:
        """A bar that only moves."""
        self._end_wait()
        self._waiting = self._live.add_task(what, total=None, note="")

    def close(self) -> None:
        """Leave the bars as they stand."""
        self._end_wait()
        self._live.stop()

    def _begun(self, number: int, task: dict) -> None:
        self._end_wait()
        self._shown[number] = self._live.add_task(
            task["description"], total=task["total"], completed=task["completed"], note=task["note"]
        )

    def _moved(self, number: int, task: dict, before: dict) -> None:
        self._end_wait()
        if number not in self._shown:
            return
        self._live.update(self._shown[number], completed=task["completed"], total=task["total"], note=task["note"])
        if _is_done(task):
            self._live.write_once(self._shown.pop(number))

    def _end_wait(self) -> None:
        if self._waiting is not None:
            self._live.remove_task(self._waiting)
            self._waiting = None


class LineBars(Bars):
    """A line now and then, for output that is kept: a pipe, ``nohup``, the log of a cluster.

    Parameters
    ----------
    write : callable
        Called with each line.
    clock : callable, optional
        Seconds.
    """

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._write, self._clock = write, clock
        self._last: dict[int, tuple[float, int]] = {}

    def wait(self, what: str) -> None:
        """A line that says so."""
        self._write(f"{what} …")

    def _begun(self, number: int, task: dict) -> None:
        task["since"] = self._clock()
        self._last[number] = task["since"], task["completed"]

    def _moved(self, number: int, task: dict, before: dict) -> None:
        if task["completed"] == before["completed"] or not task["total"]:
            return
        now, (then, completed) = self._clock(), self._last[number]
        far = task["completed"] - completed >= STEP * task["total"] and now - then >= SHORTEST
        if far or now - then >= LONGEST or _is_done(task):
            self._last[number] = now, task["completed"]
            self._write(_line(task, now - task["since"]))


class NotebookBar(Bars):
    """Bars on a notebook's page, as HTML: rich itself would need ipywidgets."""

    def __init__(self):
        super().__init__()
        self._waiting, self._display = "", None

    def wait(self, what: str) -> None:
        """A line below the bars."""
        self._waiting = what
        self._show()

    def close(self) -> None:
        """Leave the bars as they stand."""
        self._waiting = ""
        self._show()

    def clear(self) -> None:
        """Leave nothing on the page."""
        self._tasks = []
        self._show()

    def _moved(self, number: int, task: dict, before: dict) -> None:
        self._waiting = ""
        if task["note"] != before["note"] or _percent(task) > _percent(before):
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        if self._display is None:
            self._display = display(HTML(""), display_id=True)
        waiting = f"<div>{html.escape(self._waiting)} …</div>" if self._waiting else ""
        self._display.update(HTML("".join(map(_task_html, self._tasks)) + waiting))


def bars_on(console=None, *, quiet: bool = False) -> Bars:
    """The kind of bars that a console can show, standard error by default; none where quiet."""
    if quiet:
        return Bars()
    if console is None:
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    return TerminalBars(console) if console.is_terminal else LineBars(console.print)


@contextmanager
def shown_bars(console=None, *, quiet: bool = False) -> Generator[Bars]:
    """Bars that are closed in the end, see :func:`bars_on`."""
    bars = bars_on(console, quiet=quiet)
    try:
        yield bars
    finally:
        bars.close()


def in_notebook() -> bool:
    """Whether output goes to the page of a notebook."""
    try:
        shell = get_ipython()  # ty: ignore[unresolved-reference]  # where IPython runs, it is among the builtins
        return type(shell).__name__ == "ZMQInteractiveShell"
    except NameError:
        return False


def span(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> span(5), span(83), span(7384)
    ('5 s', '1 min 23 s', '2 h 3 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min {seconds % 60} s" if hours == 0 else f"{hours} h {minutes % 60} min"


def _line(task: dict, seconds: float) -> str:
    """Where a task stands, in one line."""
    done, total = task["completed"], task["total"]
    where = f"{task['description']}: {done:,} of {total:,}"
    note = f"; {task['note']}" if task["note"] else ""
    if _is_done(task):
        return f"{where} in {span(seconds)}{note}"
    left = seconds * (total - done) / max(done - task["start"], 1)
    return f"{where} ({_percent(task)} %), about {span(left)} left{note}"


def _is_done(task: dict) -> bool:
    return task["total"] is not None and task["completed"] >= task["total"]


def _percent(task: dict) -> int:
    return task["completed"] * 100 // max(task["total"] or 0, 1)


def _task_html(task: dict) -> str:
    note = html.escape(task["note"]).replace("[bold red]", "<b style='color:#c00'>").replace("[/]", "</b>")
    total = task["total"]
    most, of = (f" value='{task['completed']}' max='{total}'", f" / {total:,}") if total else ("", "")
    return (
        f"<div><span style='display:inline-block;width:6em'>{html.escape(task['description'])}</span>"
        f"<progress{most} style='width:16em'></progress>"
        f" {task['completed']:,}{of} &nbsp; {note}</div>"
    )
