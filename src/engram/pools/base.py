"""The contract of a pool of workers, and how pieces of work pass through one."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engram.errors import Interrupted, RunFolderError
from engram.files import make_folder
from engram.pieces import STOP, Piece

MAX_LOSSES = 3
"""A piece whose worker died so often is given up."""

_POLL_SECONDS = 0.1
_STOP_SECONDS = 60.0


class Handle(Protocol):
    """A piece that a pool has taken on."""

    def done(self) -> bool:
        """Whether nothing more will happen to it."""

    def result(self):
        """Who did it; raises what it raised."""


class Pool(ABC):
    """Workers that take pieces on."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many pieces it can work on at once."""

    @abstractmethod
    def submit(self, piece: Piece) -> Handle:
        """Take a piece on."""

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that the worker died, rather than that the piece failed."""
        return False

    def close(self) -> None:  # noqa: B027
        """Let the workers go."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Watcher:
    """Told of what becomes of the pieces; its methods do nothing."""

    def on_begin(self, piece: Piece) -> None:
        """A worker was asked to begin a piece, or to go on with it."""

    def on_wait(self, running: list[Piece]) -> None:
        """Some time has passed."""

    def on_loss(self, piece: Piece) -> None:
        """A worker died; another goes on from the piece's last checkpoint."""

    def on_done(self, piece: Piece, error: BaseException | None) -> None:
        """A piece is done, or failed."""

    def on_write(self) -> None:
        """All are done; the table and the figures are made."""


def work_through(
    folder: str | Path,
    pool: Pool,
    next_piece: Callable[[], Piece | None],
    on_done: Callable[[Piece, BaseException | None], None],
    watcher: Watcher | None = None,
) -> None:
    """Hand out pieces until there are no more and all are done.

    Parameters
    ----------
    folder : str or Path
        The folder in which those of the pieces lie.
    pool : Pool
    next_piece : callable
        Returns a piece, or None where there is none now; asked again after each that is done.
    on_done : callable
        Called with each piece and, if it failed, with what it raised.
    watcher : Watcher, optional

    Raises
    ------
    Interrupted
        After Ctrl-C, once all pieces are saved.
    RunFolderError
        If a piece was given up because its workers died again and again.
    """
    folder, watcher = Path(folder), watcher or Watcher()
    make_folder(folder)
    (folder / STOP).unlink(missing_ok=True)
    running: dict[Handle, Piece] = {}
    losses: dict[Piece, int] = {}

    def begin(piece: Piece) -> None:
        running[pool.submit(piece)] = piece
        watcher.on_begin(piece)

    try:
        while True:
            while len(running) < pool.size and (piece := next_piece()) is not None:
                begin(piece)
            if not running:
                return
            _wait_for_any(running, watcher)
            for handle in [handle for handle in running if handle.done()]:
                piece, error = running.pop(handle), _error_of(handle)
                if isinstance(error, (Interrupted, KeyboardInterrupt)):
                    raise Interrupted(f"{Path(piece.folder).name} was stopped; its state is saved.") from None
                if error is not None and pool.is_loss(error):
                    losses[piece] = losses.get(piece, 0) + 1
                    if losses[piece] == MAX_LOSSES:
                        error = _given_up(piece, error)
                    else:
                        watcher.on_loss(piece)
                        begin(piece)
                        continue
                watcher.on_done(piece, error)
                on_done(piece, error)
    except KeyboardInterrupt:
        _stop(folder, running)
        raise Interrupted("Stopped; everything is saved.") from None
    except BaseException:
        _stop(folder, running)
        raise


def _wait_for_any(running: dict[Handle, Piece], watcher: Watcher) -> None:
    while not any(handle.done() for handle in running):
        watcher.on_wait(list(running.values()))
        time.sleep(_POLL_SECONDS)


def _error_of(handle: Handle) -> BaseException | None:
    try:
        handle.result()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


def _given_up(piece: Piece, error: BaseException) -> RunFolderError:
    return RunFolderError(
        f"The workers of {piece.folder} died {MAX_LOSSES} times ({str(error)[:200] or type(error).__name__}); give them"
        " more memory, or finish the run by itself with 'engram train --resume'."
    )


def _stop(folder: Path, running: dict[Handle, Piece]) -> None:
    """Let all pieces that are under way save their state."""
    with contextlib.suppress(OSError):
        (folder / STOP).touch()
    end = time.monotonic() + _STOP_SECONDS
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C does not wait; the last checkpoints stand
        while time.monotonic() < end and not all(handle.done() for handle in running):
            time.sleep(_POLL_SECONDS)
