"""``engram`` in processes of its own that begin in a moment: forked from one that has imported it already.

A process that is begun as a user begins one imports for a second or two. Where it matters that a process is killed, or
that another one goes on, but not how it began, a test begins it here. The process they are forked from does nothing but
import, so that no thread of a library is lost.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

_IMPORTED = (
    "engram.cli", "engram.cli.train", "engram.evaluation", "engram.kernels.build", "engram.runs", "engram.training",
    "rich.progress", "scipy.optimize", "scipy.sparse",
)  # fmt: skip
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(list(_IMPORTED))


class Forked:
    """A command in a process of its own, with what of :class:`subprocess.Popen` the tests ask for.

    Parameters
    ----------
    *arguments
        Of ``engram``.
    killed_after : int, optional
        It is killed as it calls so many functions, or returns from them, since it began to learn: about the same
        place however busy the machine is.
    """

    def __init__(self, *arguments, killed_after: int = 0):
        self._folder = tempfile.TemporaryDirectory(prefix="forked-")
        self._files = [str(Path(self._folder.name) / name) for name in ("out", "err")]
        what = ([str(a) for a in arguments], killed_after, *self._files)
        self._process = _PROCESSES.Process(target=_engram, args=what)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """What it ended with, or the negative number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; return what it printed."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"it goes on after {timeout} s"
        return tuple(Path(file).read_text() if Path(file).exists() else "" for file in self._files)


def finished(*arguments, timeout: float = 300) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code and what it printed."""
    process = Forked(*arguments)
    out, err = process.communicate(timeout)
    return process.returncode, out, err


def _engram(arguments: list[str], killed_after: int, *files: str) -> None:
    gc.freeze()  # what was imported ahead stays, and is not looked through for garbage each time
    for number, file in enumerate(files, start=1):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))

    from engram.cli import main

    if killed_after:
        _die_after(killed_after)
    main(arguments)


def _die_after(n_calls: int) -> None:
    from engram.training import Training

    def count(*_):
        nonlocal n_calls
        n_calls -= 1
        if n_calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def learn_block(training):
        sys.setprofile(count)
        return learn(training)

    learn, Training.learn_block = Training.learn_block, learn_block
