"""What is told of compiling while it goes on: to a watcher, to a notebook's page, and always to the log ``engram``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Watcher = Callable[[int, int, str], None]
"""Told how many routines are compiled, of how many, and what comes next: before the first and after each. The last
time nothing is to come and both numbers are the same, even where compiling was cut short."""

_LOG = logging.getLogger("engram")
_watcher: Watcher | None = None
_here: ContextVar[tuple[Watcher | None, bool] | None] = ContextVar("here", default=None)
"""Of a thread that says so: whom it tells, and whether nobody; several threads may fit estimators at once."""


def watch_compiling(watcher: Watcher | None) -> None:
    """Whom to tell what is compiled, once for this machine; None tells only notebooks and the log."""
    global _watcher
    _watcher = watcher


@contextmanager
def shown_if(verbose: bool) -> Generator[None]:
    """Show what this thread compiles meanwhile, or tell only the log, as an estimator is asked to."""
    watcher, _ = _told_here()
    if verbose:
        from engram.compiling_bar import CompilingBar

        watcher = CompilingBar()
    with _telling(watcher, is_silent=not verbose):
        yield


@contextmanager
def watched_too(watcher: Watcher) -> Generator[None]:
    """Tell a further watcher what this thread compiles meanwhile, besides the one that is told."""
    before, is_silent = _told_here()

    def tell_both(done: int, total: int, label: str) -> None:
        watcher(done, total, label)
        if before is not None:
            before(done, total, label)

    with _telling(tell_both, is_silent=is_silent):
        yield


def _told_here() -> tuple[Watcher | None, bool]:
    return _here.get() or (_watcher, False)


@contextmanager
def _telling(watcher: Watcher | None, *, is_silent: bool) -> Generator[None]:
    before = _here.set((watcher, is_silent))
    try:
        yield
    finally:
        _here.reset(before)


@contextmanager
def told(watcher: Watcher | None = None) -> Generator[Watcher]:
    """A function to be called as a watcher is, for one round of compiling."""
    if watcher is None:
        watcher, is_silent = _told_here()
        watcher = None if is_silent else watcher or _notebook()
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
                watcher(last[0], last[0], "")  # cut short: nothing stays open


def _notebook() -> Watcher | None:
    """What shows a bar on a notebook's page, if there is one."""
    from engram.callbacks import in_notebook

    if not in_notebook():
        return None
    from engram.compiling_bar import CompilingBar

    return CompilingBar()
