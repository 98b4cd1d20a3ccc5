"""Bars that a terminal draws anew in place; importing this imports rich, so it is imported only to draw."""

from __future__ import annotations

from rich.cells import cell_len
from rich.progress import Progress, Task, TaskID
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_WIDEST = 40


class LiveBars(Progress):
    """One line for each task, and below it what is noted of it; the bar takes the room that words and numbers leave.

    Parameters
    ----------
    console : rich.console.Console
    """

    def get_renderables(self):
        """The lines of all tasks."""
        for task in self.tasks:
            yield from self._lines_of(task)

    def write_once(self, number: TaskID) -> None:
        """Write a task that is done above those that go on, and draw it no more."""
        task = next(task for task in self.tasks if task.id == number)
        lines = list(self._lines_of(task))
        self.remove_task(number)
        for line in lines:
            self.console.print(line)

    def _lines_of(self, task: Task):
        yield self._row(task)
        if task.fields["note"]:
            note = Text.from_markup(f"  {task.fields['note']}")
            note.no_wrap, note.overflow = False, "fold"  # else a line is as long as it is
            yield note

    def _row(self, task: Task) -> Table:
        texts = Text.from_markup(task.description).plain, _count(task), _time(task)
        row = Table.grid(padding=(0, 1, 0, 0))
        room = self.console.width - sum(cell_len(text) + 1 for text in texts) - 1
        bar = ProgressBar(
            task.total, task.completed, width=min(_WIDEST, max(room, 1)), pulse=not task.started or task.total is None
        )
        for text in texts:
            row.add_column(no_wrap=True, min_width=cell_len(text))
            if text is texts[0]:
                row.add_column()
        row.add_row(Text(texts[0]), bar, *map(Text, texts[1:]))
        return row


def _count(task: Task) -> str:
    """How much is done, of how much."""
    if task.total is None:
        return f"{task.completed:,.0f}" if task.completed else ""
    return f"{task.completed:,.0f}/{task.total:,.0f}"


def _time(task: Task) -> str:
    """How much time is left; once done, how much it took."""
    if task.finished:
        return f"in {_clock(task.finished_time)}"
    if task.total is None:
        return _clock(task.elapsed)
    left = task.time_remaining
    return "-:-- left" if left is None else f"{_clock(left)} left"


def _clock(seconds: float | None) -> str:
    """Hours, minutes and seconds as on a clock."""
    minutes, seconds = divmod(round(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
