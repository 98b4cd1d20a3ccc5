"""Workers of a Dask cluster."""

from __future__ import annotations

from pathlib import Path

from engram.errors import ConfigError
from engram.pieces import Piece, work
from engram.pools.base import Pool

DASK_SECONDS = 10
"""A scheduler that does not answer within so many seconds is given up."""


class DaskPool(Pool):
    """The workers of a Dask cluster, wherever they run; they must see the folder of the runs and the images.

    Parameters
    ----------
    cluster : str or distributed.Cluster
        The scheduler's address, such as ``tcp://10.0.0.1:8786``, the path of a scheduler file, or a cluster.

    Raises
    ------
    ConfigError
        If Dask is not installed, or no scheduler answers there.
    """

    def __init__(self, cluster):
        try:
            from distributed import Client
        except ImportError:
            raise ConfigError("A Dask cluster needs Dask; install it with: pip install 'engram[cluster]'") from None
        file = isinstance(cluster, str) and "://" not in cluster and cluster.endswith(".json")
        if file and not Path(cluster).is_file():  # Dask would wait for ever
            raise ConfigError(
                f"There is no scheduler file {cluster}; start 'dask scheduler --scheduler-file {cluster}'."
            )
        try:
            self.client = Client(**{"scheduler_file" if file else "address": cluster}, timeout=DASK_SECONDS)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"No Dask scheduler answers at {cluster} within {DASK_SECONDS} s: {error}; check its address."
            ) from None

    @property
    def size(self) -> int:
        """How many pieces the workers take on at once, by their numbers of threads; at least one is waiting."""
        return max(1, sum(self.client.ncores().values()))

    def submit(self, piece: Piece):
        """Let the scheduler choose a worker; if it dies, another takes the piece over."""
        return self.client.submit(work, piece, pure=False, retries=0)

    def is_loss(self, error: BaseException) -> bool:
        """Whether so many workers died that the scheduler gave the piece back."""
        from distributed.scheduler import KilledWorker

        return isinstance(error, KilledWorker)

    def close(self) -> None:
        """Leave the cluster as it is."""
        self.client.close()
