"""No workers: one piece after another in this process, whose own progress bar shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engram.callbacks import Callback
from engram.errors import Interrupted
from engram.pieces import Piece, data_loader, finish
from engram.pools.base import Pool


class Here(Pool):
    """Works on each piece as it is submitted.

    Parameters
    ----------
    on_run : callable, optional
        Called with each piece before it begins; returns the run's callbacks.
    """

    size = 1

    def __init__(self, on_run: Callable[[Piece], Iterable[Callback]] | None = None):
        self.on_run = on_run
        self.load = data_loader()

    def submit(self, piece: Piece) -> _Ended:
        """Finish a piece."""
        try:
            finish(piece, self.load, self.on_run(piece) if self.on_run else ())
        except Interrupted:
            raise
        except Exception as error:
            return _Ended(error)
        return _Ended()


class _Ended:
    """A piece that is over."""

    def __init__(self, error: Exception | None = None):
        self.error = error

    def done(self) -> bool:
        return True

    def result(self) -> None:
        if self.error is not None:
            raise self.error
