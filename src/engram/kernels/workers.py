"""Routines compiled by several processes, since each is compiled by itself; on one processor, one after another.

Workers are forked where that is safe, while a process has no further threads: what a routine is made of, functions of a
user's that no other process could import among it, is theirs as it is. A process with threads, such as a notebook's or
a studio's, starts workers anew and sends them engram's own routines. All take the next routine from one pipe; the
parent takes part, and does whatever a worker left undone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING

from engram.kernels.availability import load_compiler
from engram.kernels.parcel import can_be_sent, packed, unpacked
from engram.processors import default_threads

if TYPE_CHECKING:
    from engram.kernels.machine import Routine

FEW = 6
"""So many routines are compiled sooner by one process."""

FEW_TO_SEND = 12
"""The same where a worker is started anew, which takes as long as some routines do."""

_MOST_WORKERS = 4
_NUMBER = 2
"""Bytes of a routine's number in the pipe; reading so few is one act."""


def compiled(routines: Sequence[Routine], target: tuple[str, str], n_processes: int | None = None) -> Generator:
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
    left = dict(enumerate(routines))
    team = _team(routines, target, n_processes)
    if team is not None:
        with team:
            while (number := team.next()) is not None:
                yield left.pop(number), compiler.object_code(routines[number], target)
                for number, code in team.arrived():
                    yield left.pop(number), code
            while team.open and not left.keys().isdisjoint(team.offered):
                for number, code in team.arrived(wait=True):
                    yield left.pop(number), code
    for routine in left.values():  # nobody else could, or a worker failed: whatever is wrong is told here
        yield routine, compiler.object_code(routine, target)


def _team(routines: Sequence[Routine], target: tuple[str, str], n_processes: int | None) -> _Team | None:
    """Those who help, if anybody can and that is sooner."""
    if n_processes is None:
        n_processes = min(default_threads(), _MOST_WORKERS) if len(routines) > FEW else 1
    if n_processes == 1:
        return None
    if _may_fork():
        return _Forked(routines, target, n_processes - 1, range(len(routines)))
    if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False):
        return None
    offered = [k for k, routine in enumerate(routines) if can_be_sent(routine)]
    return _Started(routines, target, n_processes - 1, offered) if len(offered) > FEW_TO_SEND else None


def _may_fork() -> bool:
    return hasattr(os, "fork") and sys.platform != "darwin" and threading.active_count() == 1


class _Team:
    """Workers, the pipe from which all take their work, and one of each that brings the results.

    Parameters
    ----------
    routines : sequence of Routine
    target : tuple of str
    n_workers : int
    offered : sequence of int
        Which routines there are to be taken.
    """

    def __init__(self, routines: Sequence[Routine], target: tuple[str, str], n_workers: int, offered: Sequence[int]):
        self.routines, self.target, self.n_workers, self.offered = routines, target, n_workers, offered
        self.open: list[Connection] = []
        self.workers: list[int] = []

    def __enter__(self) -> _Team:
        self.jobs, give = os.pipe()
        os.write(give, b"".join(k.to_bytes(_NUMBER, "big") for k in self.offered))
        os.close(give)
        for _ in range(self.n_workers):
            receive, send = Pipe(duplex=False)
            self.open.append(receive)
            self.workers.append(self._hire(send))
            send.close()
        return self

    def __exit__(self, *_) -> None:
        os.close(self.jobs)
        for connection in self.open:
            connection.close()
        for worker in self.workers:
            self._end(worker)

    def _hire(self, send: Connection) -> int:
        """A worker that sends by a connection; its number as a process."""
        raise NotImplementedError

    def _end(self, worker: int) -> None:
        """End a worker, for whom nobody waits any more."""
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)

    def next(self) -> int | None:
        """The number of a routine that nobody compiles yet."""
        return _next(self.jobs)

    def arrived(self, *, wait: bool = False) -> Iterator[tuple[int, bytes]]:
        """What workers have compiled; at least something of it, if there is time to wait."""
        ready = wait_for(self.open, None if wait else 0)
        for connection in [connection for connection in self.open if connection in ready]:
            try:
                content = connection.recv_bytes()
            except (EOFError, OSError):
                self.open.remove(connection)
                connection.close()
            else:
                yield int.from_bytes(content[:_NUMBER], "big"), content[_NUMBER:]


class _Forked(_Team):
    """Workers that have everything as it is here."""

    def _hire(self, send: Connection) -> int:
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's threads, which wait, count as threads
            worker = os.fork()
        if worker == 0:
            try:
                for connection in self.open:
                    connection.close()
                _work(self.jobs, send, parent, self.routines, self.target)
            finally:
                os._exit(0)
        return worker


class _Started(_Team):
    """Workers that are sent what they compile; in a session of their own, so that Ctrl-C is the parent's alone."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._started: list[subprocess.Popen] = []

    def _hire(self, send: Connection) -> int:
        numbers = f"{self.jobs}, {send.fileno()}, {os.getpid()}"
        program = f"import sys; sys.path[:] = {sys.path!r}; from engram.kernels.workers import serve; serve({numbers})"
        with tempfile.TemporaryFile() as content:
            content.write(packed((self.target, {number: self.routines[number] for number in self.offered})))
            content.seek(0)
            started = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=content,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(self.jobs, send.fileno()),
                start_new_session=True,
            )
        self._started.append(started)
        return started.pid

    def _end(self, worker: int) -> None:
        started = next(one for one in self._started if one.pid == worker)
        started.kill()
        started.wait()


def serve(jobs: int, send: int, parent: int) -> None:
    """Be a worker that was started anew, and reads for which processor it compiles what."""
    target, routines = unpacked(sys.stdin.buffer.read())
    _work(jobs, Connection(send, readable=False), parent, routines, target)


def _next(jobs: int) -> int | None:
    number = os.read(jobs, _NUMBER)
    return int.from_bytes(number, "big") if number else None


def _work(jobs: int, send: Connection, parent: int, routines, target: tuple[str, str]) -> None:
    """Compile until nothing is left, or nobody waits for it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    compiler = load_compiler()
    while os.getppid() == parent and (number := _next(jobs)) is not None:
        code = compiler.object_code(routines[number], target)
        send.send_bytes(number.to_bytes(_NUMBER, "big") + code)
