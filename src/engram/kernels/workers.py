"""Routines compiled by several processes, since each is compiled by itself; on one processor, one after another.

Workers are forked: what a routine is made of, functions of a user's that no other process could import among it, is
theirs as it is. A process forks only where that is safe, while it has no further threads. All take the next routine
from one pipe; the parent takes part, and does whatever a worker left undone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING

from engram.kernels.availability import load_compiler
from engram.processors import default_threads

if TYPE_CHECKING:
    from engram.kernels.machine import Routine

FEW = 6
"""So many routines are compiled sooner by one process."""

_MOST_WORKERS = 4
_NUMBER = 2
"""Bytes of a routine's number in the pipe; reading so few is one act."""


def compiled(routines: Sequence[Routine], target: tuple[str, str], n_processes: int | None = None) -> Iterator:
    """Compile routines, in any order.

    Parameters
    ----------
    routines : sequence of Routine
    target : tuple of str
        Processor and features.
    n_processes : int, optional
        As many as there are processors by default, at most 4; one where a process cannot safely fork.

    Yields
    ------
    routine : Routine
    code : bytes
    """
    compiler = load_compiler()
    if n_processes is None:
        n_processes = min(default_threads(), _MOST_WORKERS) if len(routines) > FEW else 1
    if n_processes == 1 or not _may_fork():
        for routine in routines:
            yield routine, compiler.object_code(routine, target)
        return
    left = dict(enumerate(routines))
    with _Team(routines, target, n_processes - 1) as team:
        while (number := team.next()) is not None:
            yield left.pop(number), compiler.object_code(routines[number], target)
            for number, code in team.arrived():
                yield left.pop(number), code
        for number, code in team.arrived(wait=True):
            yield left.pop(number), code
    for routine in left.values():  # a worker failed: whatever is wrong is told here
        yield routine, compiler.object_code(routine, target)


def _may_fork() -> bool:
    return hasattr(os, "fork") and sys.platform != "darwin" and threading.active_count() == 1


class _Team:
    """Forked workers, the pipe from which all take their work, and one of each that brings the results."""

    def __init__(self, routines: Sequence[Routine], target: tuple[str, str], n_workers: int):
        self.routines, self.target, self.n_workers = routines, target, n_workers
        self.open: list[Connection] = []
        self.workers: list[int] = []

    def __enter__(self) -> _Team:
        self.jobs, give = os.pipe()
        os.write(give, b"".join(k.to_bytes(_NUMBER, "big") for k in range(len(self.routines))))
        os.close(give)
        self.parent = os.getpid()
        for _ in range(self.n_workers):
            receive, send = Pipe(duplex=False)
            self.open.append(receive)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's threads, which wait, count as threads
                worker = os.fork()
            if worker == 0:
                self._work(send)
            send.close()
            self.workers.append(worker)
        return self

    def __exit__(self, kind, *_) -> None:
        os.close(self.jobs)
        for connection in self.open:
            connection.close()
        for worker in self.workers:
            if kind is not None:
                os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)

    def next(self) -> int | None:
        """The number of a routine that nobody compiles yet."""
        number = os.read(self.jobs, _NUMBER)
        return int.from_bytes(number, "big") if number else None

    def arrived(self, *, wait: bool = False) -> Iterator[tuple[int, bytes]]:
        """What workers have compiled; all that they will, if there is time to wait."""
        while self.open and (ready := wait_for(self.open, None if wait else 0)):
            for connection in ready:
                try:
                    content = connection.recv_bytes()
                except (EOFError, OSError):
                    self.open.remove(connection)
                    connection.close()
                else:
                    yield int.from_bytes(content[:_NUMBER], "big"), content[_NUMBER:]

    def _work(self, send: Connection) -> None:
        """Be a worker until nothing is left, or nobody waits for it any more; never returns."""
        compiler = load_compiler()
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            for connection in self.open:
                connection.close()
            while os.getppid() == self.parent and (number := self.next()) is not None:
                code = compiler.object_code(self.routines[number], self.target)
                send.send_bytes(number.to_bytes(_NUMBER, "big") + code)
        finally:
            os._exit(0)
