"""Where the runs of a comparison or a sweep are worked on: here, in processes of this machine, or on a cluster."""

from engram.pools.base import Handle, Pool, work_through
from engram.pools.dask import DaskPool
from engram.pools.here import Here
from engram.pools.processes import Processes
from engram.pools.slurm import SlurmPool

__all__ = ["DaskPool", "Handle", "Here", "Pool", "Processes", "SlurmPool", "work_through"]
