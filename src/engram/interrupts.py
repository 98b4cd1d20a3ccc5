"""Signals that ask a run to stop: Ctrl-C, a closed terminal, a cluster's or system's shutdown."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def deferred_interrupt() -> Generator[Callable[[], bool]]:
    """Let a signal wait for a good moment: yields a function that tells whether one came.

    A second Ctrl-C acts at once. Of the others any number counts as one: a terminal that closes may send several.
    """
    asked = threading.Event()

    def note(signum, frame):
        if signum == signal.SIGINT and asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    with _handled_by(note):
        yield asked.is_set


@contextmanager
def immediate_interrupt() -> Generator[None]:
    """Let every signal act as Ctrl-C does: it raises KeyboardInterrupt, once."""
    asked = threading.Event()

    def stop(signum, frame):
        if signum == signal.SIGINT or not asked.is_set():
            asked.set()
            raise KeyboardInterrupt

    with _handled_by(stop):
        yield


@contextmanager
def _handled_by(handler: Callable) -> Generator[None]:
    """Signals go to a handler; those that the process was started to ignore (``nohup``) stay ignored."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former if former is not None else signal.SIG_DFL)
