"""What is told of compiling while it goes on: to a watcher, to a notebook's page, and always to the log ``engram``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watcher = Callable[[int, int, str], None]
"""Told how many routines are compiled, of how many, and what comes next: before the first, after each; the last time
with nothing to come."""

_LOG = logging.getLogger("engram")
_watcher: Watcher | None = None
_is_silent = False


def watch_compiling(watcher: Watcher | None) -> None:
    """Whom to tell what is compiled, once for this machine; None tells only notebooks and the log."""
    global _watcher
    _watcher = watcher


@contextmanager
def only_logged() -> Iterator[None]:
    """Tell only the log, as an estimator does that is not verbose."""
    global _is_silent
    before, _is_silent = _is_silent, True
    try:
        yield
    finally:
        _is_silent = before


@contextmanager
def told(watcher: Watcher | None = None) -> Iterator[Watcher]:
    """A function to be called as a watcher is, for one round of compiling."""
    watcher = watcher or (None if _is_silent else _watcher or _notebook())
    begin, last = time.monotonic(), [0, 0]

    def tell(done: int, total: int, label: str) -> None:
        if not last[1]:
            _LOG.info("compiling for this machine, once: %d routines", total)
        _LOG.debug("compiled %d of %d, next %s", done, total, label or "nothing")
        last[:] = done, total
        if watcher is not None:
            watcher(done, total, label)

    try:
        yield tell
    finally:
        if last[1]:
            _LOG.info("compiled %d of %d routines in %.1f s", *last, time.monotonic() - begin)
            if last[0] < last[1] and watcher is not None:
                watcher(last[1], last[1], "")  # cut short: nothing stays open


def _notebook() -> Watcher | None:
    """What shows a bar on a notebook's page, if there is one."""
    from engram.callbacks import in_notebook

    if not in_notebook():
        return None
    from engram.callbacks import NotebookBar

    bar = NotebookBar()

    def show(done: int, total: int, label: str) -> None:
        if done == 0:
            bar.__enter__()
            bar.add_task("compiling for this machine, once", total=total, note=label)
        bar.update(0, completed=done, note=label)
        if done == total:
            bar.clear()

    return show
