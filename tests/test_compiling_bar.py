"""What is told of compiling: in a terminal, without one, on a notebook's page, and to the log."""

from __future__ import annotations

import io
import logging
import re
from contextvars import copy_context

import pytest
from rich.console import Console

from engram import bars, callbacks
from engram.compiling_bar import CompilingBar
from engram.kernels import progress

NEWS = [(0, 2, "the engine"), (1, 2, "the rule of_somebody_with_a_long_name"), (2, 2, "")]


def shown(*, terminal: bool) -> str:
    file = io.StringIO()
    bar = CompilingBar(Console(file=file, force_terminal=terminal, width=80, soft_wrap=True))
    for news in NEWS:
        bar(*news)
    return file.getvalue()


def test_a_terminal_shows_how_far_it_is_and_what_comes_next_in_80_columns():
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(terminal=True))
    lines = re.split(r"[\r\n]+", text)
    assert any("compiling for this machine, once: 0 of 2" in line and "the engine" in line for line in lines)
    assert any("2 of 2" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_without_a_terminal_there_is_a_line_at_the_start_and_one_at_the_end():
    first, last = shown(terminal=False).splitlines()
    assert first == "compiling for this machine, once: 2 routines"
    assert re.fullmatch(r"compiled in \d+ s", last)


def test_the_log_is_told_whoever_watches(caplog):
    with caplog.at_level(logging.INFO, logger="engram"), progress.told() as tell:
        for news in NEWS:
            tell(*news)
    assert caplog.messages[0] == "compiling for this machine, once: 2 routines"
    assert re.fullmatch(r"compiled 2 of 2 routines in \d+\.\d s", caplog.messages[1])


def test_a_watcher_is_told_of_the_end_even_if_compiling_fails():
    told = []
    with pytest.raises(ValueError, match="broken"), progress.told(lambda *news: told.append(news)) as tell:
        tell(1, 2, "the engine")
        raise ValueError("broken")
    assert told == [(1, 2, "the engine"), (1, 1, "")]


def test_a_bar_that_is_cut_short_shows_how_far_it_came():
    file = io.StringIO()
    bar = CompilingBar(Console(file=file, force_terminal=True, width=80))
    bar(1, 3, "the engine")
    bar(1, 1, "")
    assert "1 of 3" in file.getvalue()
    assert "3 of 3" not in file.getvalue()


def test_only_verbose_estimators_show_what_is_compiled(monkeypatch):
    told = []
    monkeypatch.setattr(progress, "_watcher", lambda *news: told.append(news))
    monkeypatch.setattr("engram.compiling_bar.CompilingBar", lambda: lambda *news: told.append(("bar", *news)))
    for verbose in (False, True):
        with progress.shown_if(verbose), progress.told() as tell:
            tell(1, 1, "")
    assert told == [("bar", 1, 1, "")]


def test_estimators_that_are_fitted_at_once_leave_nothing_silent(monkeypatch):
    told = []
    monkeypatch.setattr(progress, "_watcher", lambda *news: told.append(news))
    threads = [(copy_context(), progress.shown_if(False)) for _ in range(2)]
    for thread, shown in threads:
        thread.run(shown.__enter__)
    for thread, shown in threads:
        thread.run(shown.__exit__, None, None, None)
        with progress.told() as tell:
            tell(1, 1, "")
    assert told == [(1, 1, "")] * 2


def test_a_notebook_shows_a_bar_and_keeps_nothing_of_it(monkeypatch):
    pages = []

    class Page(bars.NotebookBar):
        def _show(self):
            pages.append("".join(map(bars._task_html, self._tasks)))

    monkeypatch.setattr(callbacks, "in_notebook", lambda: True)
    monkeypatch.setattr(callbacks, "NotebookBar", Page)
    with progress.told() as tell:
        for news in NEWS:
            tell(*news)
    assert "compiling for this machine, once" in pages[0]
    assert pages[-1] == ""


def test_a_further_watcher_is_told_meanwhile_and_the_first_as_ever():
    first, further = [], []
    progress.watch_compiling(lambda *news: first.append(news))
    try:
        with progress.watched_too(lambda *news: further.append(news)), progress.told() as tell:
            tell(*NEWS[0])
            tell(*NEWS[2])
        with progress.told() as tell:
            tell(*NEWS[0])
            tell(*NEWS[2])
    finally:
        progress.watch_compiling(None)
    assert further == [NEWS[0], NEWS[2]]
    assert first == 2 * further
