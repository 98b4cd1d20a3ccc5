"""A run's folder: what lies where, who holds it, and checkpoints of which two are always whole.

::

    config.toml         the options that were used; they reproduce the run
    model.safetensors   the trained network, loadable alone
    summary.json        figures of the run
    metrics.jsonl       the learning curve, one JSON object a line
    checkpoints/        the last two states, to resume from
    figures/
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig
from engram.errors import ConfigError, ModelFileError, RunFolderError
from engram.files import to_json, write_atomically
from engram.model_file import decode, encode, read_bytes

CHECKPOINTS_KEPT = 2
_CHECKPOINT_NAME = re.compile(r"^(\d{12})\.safetensors$")


class RunFolder:
    """The files of one training run.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config_file = self.path / "config.toml"
        self.model_file = self.path / "model.safetensors"
        self.summary_file = self.path / "summary.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.figures = self.path / "figures"
        self._lock = None

    @property
    def holds_run(self) -> bool:
        """Whether a run was started here."""
        return self.config_file.exists() or self.model_file.exists() or self.metrics_file.exists()

    def acquire(self) -> None:
        """Hold the folder, made if need be, until :meth:`release` or the end of the process.

        Raises
        ------
        RunFolderError
            If another process holds it, or it cannot be written.
        """
        from filelock import FileLock, Timeout

        holder = self.path / ".holder.json"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / ".lock")
            self._lock.acquire(timeout=0)
            write_atomically(holder, to_json({"pid": os.getpid(), "host": os.uname().nodename}), durable=False)
        except Timeout:
            self._lock = None
            try:
                who = json.loads(holder.read_text())
                by = f"process {who['pid']} on {who['host']}"
            except (OSError, ValueError, KeyError, TypeError):
                by = "another process"
            raise RunFolderError(
                f"{self.path} is held by {by}; wait until it is done or choose another folder with --out."
            ) from None
        except (OSError, NotImplementedError) as error:
            self.release()
            if isinstance(error, RunFolderError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise RunFolderError(f"Cannot write to {self.path}: {reason}; choose another folder with --out.") from error

    def release(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            (self.path / ".holder.json").unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def clear(self) -> None:
        """Remove a run's own files, and nothing else."""
        for file in (self.config_file, self.model_file, self.summary_file, self.metrics_file):
            file.unlink(missing_ok=True)
        for folder in (self.checkpoints, self.figures):
            shutil.rmtree(folder, ignore_errors=True)

    def write_config(self, config: TrainingConfig) -> None:
        """Keep the options that were used."""
        write_atomically(self.config_file, config.to_toml().encode())

    def read_config(self) -> TrainingConfig:
        """The options of the run that was started here."""
        if not self.config_file.exists():
            raise RunFolderError(
                f"{self.path} holds no run to resume; start one with 'engram train --out {self.path}'."
            )
        if self.config_file.stat().st_size == 0:
            raise RunFolderError(f"{self.config_file} is empty; start again with 'engram train --overwrite'.")
        return TrainingConfig.from_toml(self.config_file)

    def write_summary(self, summary: dict) -> None:
        """Write the run's figures."""
        write_atomically(self.summary_file, to_json(summary))

    def read_summary(self) -> dict:
        """The run's figures, empty before there are any."""
        try:
            return json.loads(self.summary_file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunFolderError(f"Cannot read {self.summary_file}: {error}; train again with --overwrite.") from None

    def write_metrics(self, metrics: list[dict]) -> None:
        """Write the learning curve."""
        lines = "".join(json.dumps(record, sort_keys=True, allow_nan=False) + "\n" for record in metrics)
        write_atomically(self.metrics_file, lines.encode(), durable=False)

    def read_metrics(self) -> list[dict]:
        """The learning curve so far."""
        try:
            return [json.loads(line) for line in self.metrics_file.read_text().splitlines()]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise RunFolderError(f"Cannot read {self.metrics_file}: {error}; train again with --overwrite.") from None

    def write_checkpoint(self, examples: int, tensors: dict[str, np.ndarray], metadata: dict) -> Path:
        """Add a checkpoint and drop all but the last two."""
        self.checkpoints.mkdir(exist_ok=True)
        path = self.checkpoints / f"{examples:012d}.safetensors"
        write_atomically(path, encode(tensors, metadata))
        for old in self.checkpoint_files()[:-CHECKPOINTS_KEPT]:
            old.unlink(missing_ok=True)
        return path

    def checkpoint_files(self) -> list[Path]:
        """Checkpoints, oldest first."""
        if not self.checkpoints.is_dir():
            return []
        return sorted(path for path in self.checkpoints.iterdir() if _CHECKPOINT_NAME.match(path.name))

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


def _is_good(path: Path) -> bool:
    try:
        decode(read_bytes(path), str(path))
    except (ModelFileError, ConfigError):
        return False
    return True
