"""A run's folder: what lies where, who holds it, and checkpoints of which two are always whole.

::

    config.toml         the options that were used; they reproduce the run
    changes.jsonl       constants that were changed while it learned, if any were: image, name, from, to
    start.safetensors   the model that a run went on from, if it did
    model.safetensors   the trained network, loadable alone
    summary.json        figures of the run
    metrics.jsonl       the learning curve, one JSON object a line
    checkpoints/        the last two states, to resume from
    figures/

Nothing in it is ever run, and all of it is taken for what a stranger may have written.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import stat
import time
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig, read_options
from engram.errors import ConfigError, HeldError, ModelFileError, RunFolderError
from engram.evaluation import Evaluation
from engram.files import PART, exists, make_folder, mode_of, read_regular, runs_in, to_json, write_atomically
from engram.model import Model
from engram.model_file import (
    CHECKPOINTS,
    MODEL_NAME,
    Parts,
    checkpoint_files,
    decode,
    encode,
    model_bytes,
    model_from,
    read_bytes,
    read_last_checkpoint,
)
from engram.run_records import check_changes, check_metrics, check_summary, evaluation_in

CHECKPOINTS_KEPT = 2
MAX_BYTES = 1 << 26
"""No summary and no learning curve is larger (64 MiB)."""
_GLANCE = 0.2
"""So long another process may hold a folder that only looks whether it is held, s."""
_REMOVALS = 100
"""So often a folder is made again that others remove who began nothing in it."""

WATCHED_SECONDS = 5.0
"""So long after somebody said that they watch a run, it saves its state often enough to be watched."""

_HOLDER, _LOCK, _WATCHED = ".holder.json", ".lock", ".watched"


class RunFolder:
    """The files of one training run.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config_file = self.path / "config.toml"
        self.start_file = self.path / "start.safetensors"
        self.model_file = self.path / MODEL_NAME
        self.summary_file = self.path / "summary.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.changes_file = self.path / "changes.jsonl"
        self.checkpoints = self.path / CHECKPOINTS
        self.figures = self.path / "figures"
        self._lock = self._identity = None

    @property
    def holds_run(self) -> bool:
        """Whether a run was started here, or one was not cleared away whole."""
        return any(exists(self.path / name) for name in self.own_names)

    @property
    def own_names(self) -> list[str]:
        """What a run has in its folder, any of which tells that there is one."""
        own = (self.config_file, self.start_file, self.model_file, self.metrics_file, self.checkpoints)
        return [path.name for path in own]

    @property
    def is_finished(self) -> bool:
        """Whether the run that was started here has done all that was asked of it."""
        return bool(self.read_summary().get("finished"))

    # holding it

    @property
    def is_held(self) -> bool:
        """Whether another process holds the folder now."""
        from filelock import FileLock, Timeout

        lock = self.path / _LOCK
        if not stat.S_ISREG(mode_of(lock) or 0):
            return False
        try:
            with FileLock(lock, timeout=0):
                return False
        except Timeout:
            return os.access(self.path, os.W_OK)
        except (OSError, NotImplementedError):
            return False

    def acquire(self) -> None:
        """Hold the folder, made if need be, until :meth:`release` or the end of the process.

        Raises
        ------
        HeldError
            If another process holds it.
        RunFolderError
            If it cannot be written.
        """
        from filelock import Timeout

        try:
            self._take_lock()
            self._identity = _identity(self.path)
        except Timeout:
            self._lock = None
            raise HeldError(
                f"{self.path} is held by {self._holder()}; wait until it is done or choose another folder with --out."
            ) from None
        except (OSError, NotImplementedError) as error:
            self.release()
            if isinstance(error, RunFolderError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise RunFolderError(f"Cannot write to {self.path}: {reason}; choose another folder with --out.") from error
        try:
            holder = {"pid": os.getpid(), "host": platform.node()}
            write_atomically(self.path / _HOLDER, to_json(holder), durable=False)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let the folder go."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._identity:
                (self.path / _HOLDER).unlink(missing_ok=True)
        self._unlock()

    def abandon(self) -> None:
        """Let a folder go in which nothing was begun, and remove it if it is empty.

        What marks it as held goes while it is: whoever waits for it then sees that, and marks it anew.
        """
        lock = self.path / _LOCK
        with contextlib.suppress(OSError):
            if self._lock is not None and _identity(self.path) == self._identity:
                (self.path / _HOLDER).unlink(missing_ok=True)
                lock.unlink()
        self._unlock()  # who holds it from now on has said so there
        if os.name == "nt":  # which removes no file that is open, so none that another process holds
            _unlink_if_possible(lock)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at the run that goes on here, see :meth:`watch`."""
        try:
            return abs(time.time() - (self.path / _WATCHED).lstat().st_mtime) < WATCHED_SECONDS
        except OSError:
            return False

    def watch(self) -> None:
        """Let whoever learns here know that somebody looks; to be said again while they do."""
        with contextlib.suppress(OSError):
            if stat.S_ISREG(mode_of(self.path / _WATCHED) or stat.S_IFREG):
                (self.path / _WATCHED).touch()

    def clear(self) -> None:
        """Remove a run's own files, and nothing else."""
        try:
            for folder in (self.checkpoints, self.figures):
                _remove(folder)
            own = (self.summary_file, self.metrics_file, self.changes_file, self.start_file, self.model_file)
            for file in (*own, self.config_file, self.path / _WATCHED):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"Cannot replace the run in {self.path}: {error.strerror or error} ({error.filename}); choose another"
                " folder with --out."
            ) from error

    def sweep(self) -> None:
        """Remove what a process that was killed left half written."""
        for folder in (self.path, self.checkpoints, self.figures):
            with contextlib.suppress(OSError):
                for left in folder.iterdir():
                    if left.name.startswith(".") and left.name.endswith(PART):
                        _unlink_if_possible(left)

    # its files

    def write_config(self, config: TrainingConfig) -> None:
        """Keep the options that were used."""
        self._write(self.config_file, config.to_toml().encode())

    def read_options(self) -> dict:
        """The options of the run that was started here, by name, not yet checked."""
        if not exists(self.config_file):
            inside = runs_in(self.path)
            advice = f"give one of its runs: {', '.join(inside)}" if inside else None
            advice = advice or f"start one with 'engram train --out {self.path}'"
            raise RunFolderError(f"{self.path} holds no run to resume; {advice}.")
        options = read_options(self.config_file)
        if not options:
            raise RunFolderError(f"{self.config_file} is empty; start again with 'engram train --overwrite'.")
        return options

    def read_config(self) -> TrainingConfig:
        """The configuration of the run that was started here; a rule of one's own is in it by name alone."""
        return TrainingConfig.from_dict(self.read_options())

    def write_start(self, model: Model) -> None:
        """Keep the model that the run goes on from."""
        self._write(self.start_file, model_bytes(model))

    def write_model(self, model: Model) -> None:
        """Write the trained network."""
        self._write(self.model_file, model_bytes(model))

    def write_summary(self, summary: dict) -> None:
        """Write the run's figures."""
        self._write(self.summary_file, to_json(summary))

    def read_summary(self) -> dict:
        """The run's figures, empty before there are any.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        content = self._read(self.summary_file)
        return {} if content is None else self._checked(self.summary_file, check_summary, content)

    def read_evaluation(self) -> Evaluation | None:
        """How well the network read test images; None before that is known."""
        summary = self.read_summary()
        return self._checked(self.summary_file, evaluation_in, summary)

    def write_metrics(self, metrics: list[dict]) -> None:
        """Write the learning curve."""
        self._write(self.metrics_file, _json_lines(metrics))

    def read_metrics(self) -> list[dict]:
        """The learning curve so far.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        content = self._read(self.metrics_file)
        return [] if content is None else self._checked(self.metrics_file, check_metrics, content)

    def write_changes(self, changes: list[dict]) -> None:
        """Write which constants were changed while the run went on."""
        self._write(self.changes_file, _json_lines(changes))

    def read_changes(self) -> list[dict]:
        """The constants that were changed while the run went on, by image, name, value before and after.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        content = self._read(self.changes_file)
        return [] if content is None else self._checked(self.changes_file, check_changes, content)

    def write_checkpoint(self, examples: int, tensors: dict[str, np.ndarray], metadata: dict) -> Path:
        """Add a checkpoint and drop all but the last two."""
        self._check_place()
        make_folder(self.checkpoints)
        path = self.checkpoints / f"{examples:012d}.safetensors"
        self._write(path, encode(tensors, metadata))
        for old in self.checkpoint_files()[:-CHECKPOINTS_KEPT]:
            _unlink_if_possible(old)
        return path

    def checkpoint_files(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return checkpoint_files(self.path)

    def read_checkpoint(self, path: str | Path | None = None) -> tuple[dict[str, np.ndarray], dict]:
        """The newest checkpoint, or a chosen one.

        Raises
        ------
        ModelFileError
            If it is damaged; the message names the one before it, if that is good.
        RunFolderError
            If there is none.
        """
        files = self.checkpoint_files()
        if path is None and not files:
            raise RunFolderError(f"{self.path} holds no checkpoint to resume from; start again with --overwrite.")
        chosen = Path(path) if path is not None else files[-1]
        try:
            return decode(read_bytes(chosen), str(chosen))
        except ModelFileError as error:
            good = next((file for file in reversed(files) if file != chosen and _is_good(file)), None)
            offer = (
                f" The previous checkpoint is good: resume from it with --checkpoint {good}."
                if good
                else " No other checkpoint is good; start again with --overwrite."
            )
            raise ModelFileError(f"{error}{offer}") from None

    def read_unfinished(
        self, *, source: str | None = None, parts: Parts | None = None
    ) -> tuple[Model, list[dict], int, int]:
        """The network as the last good checkpoint has it, its learning curve, and how many images of how many are done.

        Raises
        ------
        ModelFileError
            If there is no good checkpoint.
        """
        return unfinished_in(*read_last_checkpoint(self.path), source=source, parts=parts)

    # within

    def _unlock(self) -> None:
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.release()
        self._lock = self._identity = None

    def _take_lock(self) -> None:
        """Make the folder, if need be, and lock it."""
        from filelock import FileLock

        lock = self.path / _LOCK
        for left in reversed(range(_REMOVALS)):
            make_folder(self.path)
            try:
                self._check_writable()
                if not stat.S_ISREG(mode_of(lock) or stat.S_IFREG):
                    raise RunFolderError(
                        f"{lock} is no regular file; remove it, it may have been put there to do harm."
                    )
                self._lock = FileLock(lock, thread_local=False)  # one thread may begin what another ends
                self._lock.acquire(timeout=_GLANCE, poll_interval=_GLANCE / 10)
                return
            except FileNotFoundError:  # see :meth:`abandon`
                if not left:
                    raise

    def _write(self, path: Path, content: bytes) -> None:
        self._check_place()
        write_atomically(path, content)

    def _check_place(self) -> None:
        """Raise RunFolderError where the folder that is held lies under another name by now, or nowhere."""
        if self._identity is not None and _identity(self.path) != self._identity:
            raise RunFolderError(
                f"{self.path} was moved, removed or replaced while it was used; what was saved before lies where it"
                " was moved to: put it back, or go on there with --resume."
            )

    def _check_writable(self) -> None:
        """Raise the reason why no file can be made here, which a lock would not tell."""
        if not os.access(self.path, os.W_OK | os.X_OK):
            read_only = hasattr(os, "statvfs") and os.statvfs(self.path).f_flag & os.ST_RDONLY
            number = errno.EROFS if read_only else errno.EACCES
            raise OSError(number, os.strerror(number), str(self.path))

    def _holder(self) -> str:
        """Who holds the folder, as far as it says so."""
        try:
            who = json.loads(read_regular(self.path / _HOLDER, 1 << 12))
            return f"process {int(who['pid'])} on {str(who['host'])[:80]}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process"

    def _read(self, path: Path) -> bytes | None:
        try:
            return read_regular(path, MAX_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._damaged(path, getattr(error, "strerror", None) or error) from None

    def _checked(self, path: Path, check, content):
        try:
            return check(content)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise self._damaged(path, error) from None

    def _damaged(self, path: Path, reason) -> RunFolderError:
        help_ = "remove it and go on with --resume, which writes it again" if exists(self.config_file) else "remove it"
        return RunFolderError(f"Cannot read {path}: {str(reason)[:200]}; {help_}.")


def unfinished_in(
    tensors: dict[str, np.ndarray],
    metadata: dict,
    name: str,
    *,
    source: str | None = None,
    parts: Parts | None = None,
) -> tuple[Model, list[dict], int, int]:
    """What :meth:`RunFolder.read_unfinished` returns, of a checkpoint that was read."""
    try:
        kept = metadata["checkpoint"]
        metrics = check_metrics("\n".join(map(json.dumps, kept["metrics"])).encode())
        model = model_from(tensors, metadata, name, source=source, parts=parts)
        return model, metrics, int(kept["examples"]), int(kept["total"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{name} is no checkpoint: {error}.") from None


def _json_lines(records: list[dict]) -> bytes:
    return "".join(json.dumps(record, sort_keys=True, allow_nan=False) + "\n" for record in records).encode()


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from another that has its name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link, the link alone."""
    mode = mode_of(folder)
    if mode is not None and not stat.S_ISDIR(mode):
        folder.unlink()
    elif mode is not None:
        shutil.rmtree(folder)


def _unlink_if_possible(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _is_good(path: Path) -> bool:
    try:
        decode(read_bytes(path), str(path))
    except (ModelFileError, ConfigError):
        return False
    return True
