"""Workers that are processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from engram.pieces import Piece, work
from engram.pools.base import Pool
from engram.validation import check_count


class Processes(Pool):
    """So many processes, each of which takes one piece at a time.

    Parameters
    ----------
    n : int

    Notes
    -----
    Each process is a pool of its own: in a common one, the death of a worker would end the work of all.
    """

    def __init__(self, n: int):
        check_count("workers", n)
        self.n = n
        self._slots: list[ProcessPoolExecutor | None] = [None] * n
        self._busy: list[Future | None] = [None] * n

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.n

    def submit(self, piece: Piece) -> Future:
        """Let a free process work on a piece."""
        slot = next(k for k, future in enumerate(self._busy) if future is None or future.done())
        try:
            future = self._executor(slot).submit(work, piece)
        except BrokenProcessPool:  # it died with the piece before, or between two
            self._let_go(slot)
            future = self._executor(slot).submit(work, piece)
        self._busy[slot] = future
        return future

    def is_loss(self, error: BaseException) -> bool:
        """Whether the process was killed."""
        return isinstance(error, BrokenProcessPool)

    def close(self) -> None:
        """End the processes, after what they are working on."""
        for executor in self._slots:
            if executor is not None:
                executor.shutdown(wait=True, cancel_futures=True)

    def _executor(self, slot: int) -> ProcessPoolExecutor:
        executor = self._slots[slot]
        if executor is None:
            fresh = multiprocessing.get_context("spawn")  # a copy of this process would inherit its threads' locks
            executor = self._slots[slot] = ProcessPoolExecutor(1, mp_context=fresh, initializer=leave_ctrl_c_alone)
        return executor

    def _let_go(self, slot: int) -> None:
        executor, self._slots[slot] = self._slots[slot], None
        if executor is not None:
            executor.shutdown(wait=False)


def leave_ctrl_c_alone() -> None:
    """A terminal sends Ctrl-C to every process; this one is asked to stop by the one that gave it work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
