"""Threads whose processor time is counted: it is the same however busy a machine is, where wall time is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any


class CountedThreads(ThreadPoolExecutor):
    """Threads that know for how long they had a processor, whatever else their process does meanwhile."""

    def __init__(self, n_threads: int):
        super().__init__(n_threads)
        self._spent: list[float] = []

    @property
    def processor_seconds(self) -> float:
        """Of everything that is done so far."""
        return sum(self._spent)

    def submit(self, function: Callable[..., Any], /, *args, **named) -> Future:
        """Call a function in a thread, as :meth:`concurrent.futures.Executor.submit` does."""
        return super().submit(self._counted, function, *args, **named)

    def _counted(self, function: Callable[..., Any], /, *args, **named):
        begin = time.thread_time()
        try:
            return function(*args, **named)
        finally:
            self._spent.append(time.thread_time() - begin)


_LOOKS_UP_AFTER = 0.2
"""Seconds after which Ctrl-C is heard at the latest."""


def result_of(future: Future) -> Any:
    """What a future returns or raises; Ctrl-C is heard meanwhile.

    A signal that comes in the moment before a thread falls asleep does not wake it; so it looks up now and then.
    """
    while not wait((future,), _LOOKS_UP_AFTER).done:
        pass
    return future.result()


def results_of(executor: Executor, function: Callable[..., Any], items: Iterable) -> Iterator[Any]:
    """What a function returns for each of some items, in their order; Ctrl-C is heard meanwhile."""
    result_of(executor.submit(int))  # a thread that runs is waited for at the end, whenever Ctrl-C comes
    futures = [executor.submit(function, item) for item in items]
    return (result_of(future) for future in futures)
