"""Workers that are jobs of a Slurm cluster."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from engram.errors import ConfigError, RunFolderError
from engram.files import make_folder
from engram.pieces import Piece, work
from engram.pools.base import Pool
from engram.validation import check_count


class SlurmPool(Pool):
    """One job of a Slurm cluster for each piece; the nodes must see the folder of the runs and the images.

    Parameters
    ----------
    folder : str or Path
        For the jobs' logs, in a new folder within: submitit runs what lies beside them, so nothing may be there before.
    n : int
        Jobs at once.
    options : dict, optional
        Parameters of :class:`submitit.AutoExecutor`, such as ``timeout_min``, ``cpus_per_task``, ``mem_gb`` or
        ``slurm_partition``.
    cluster : str, optional
        "local" starts the jobs as processes of this machine.

    Raises
    ------
    ConfigError
        If submitit is not installed, there is no Slurm here, or an option is unknown.
    """

    def __init__(self, folder: str | Path, n: int = 50, options: dict | None = None, *, cluster: str = "slurm"):
        check_count("workers", n)
        try:
            import submitit
        except ImportError:
            raise ConfigError("Slurm jobs need submitit; install it with: pip install 'engram[cluster]'") from None
        self.n = n
        try:
            self.executor = submitit.AutoExecutor(folder=_new_folder(Path(folder)), cluster=cluster)
            self.executor.update_parameters(**{"name": "engram", "timeout_min": 24 * 60, **(options or {})})
        except (RuntimeError, NameError, TypeError, ValueError) as error:
            raise ConfigError(f"Slurm jobs cannot be made: {str(error).rstrip('.?')}.") from None

    @property
    def size(self) -> int:
        """How many jobs there are at once."""
        return self.n

    def submit(self, piece: Piece):
        """Queue a job."""
        return self.executor.submit(Job(), piece)

    def is_loss(self, error: BaseException) -> bool:
        """Whether the job ended without a word."""
        from submitit.core.utils import UncompletedJobError

        return isinstance(error, UncompletedJobError)


def _new_folder(within: Path) -> str:
    """An empty folder that only the user may read and write."""
    make_folder(within)
    try:
        return tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-"), dir=within)
    except OSError as error:
        why = f"Cannot make a folder for jobs in {within}: {error.strerror or error}"
        raise RunFolderError(f"{why}; choose another folder with --out.") from error


class Job:
    """What a job does; Slurm's time limit and preemption queue it again, to go on from the piece's checkpoint."""

    def __call__(self, piece: Piece) -> str:
        """Work on the piece."""
        return work(piece)

    def checkpoint(self, piece: Piece):
        """What is queued in place of a job that is cut short."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, piece)
