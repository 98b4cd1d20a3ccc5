"""How much faster two Dask workers finish a sweep than one, and what the death of one costs.

    python benchmarks/workers.py --out runs/workers

Three sweeps of the same plan: by one worker, by two, and by two of which one is killed in the middle. Each worker is a
process with one thread. All three must come to the same digests. The ratio of times means something on a machine of two
processors or more that does nothing else; processor time is told beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import time
from pathlib import Path

from engram.pieces import Standing
from engram.pools import DaskPool
from engram.pools.base import Watcher
from engram.sweep import SweepOptions, sweep

BLOCK = {
    "dataset": "digits",
    "neurons": 400,
    "examples": 12_000,
    "label_examples": 1000,
    "constants": {"eta": [0.05, 0.1, 0.15, 0.2]},
}
SEEDS = (0, 1)


class Killer(Watcher):
    """Kills the worker of a run that is half done, once."""

    def __init__(self):
        self.killed: dict = {}

    def on_wait(self, running) -> None:
        """Look for a run that is half done."""
        for piece in running if not self.killed else ():
            standing, checkpoints = Standing.of(piece), piece.run.checkpoint_files()
            if standing and standing.stage == "training" and standing.done > standing.total / 2 and checkpoints:
                self.killed = {"at": standing.done, "checkpoint": int(checkpoints[-1].stem), "of": standing.total}
                os.kill(int(standing.worker.rpartition(":")[2]), signal.SIGKILL)


def timed_sweep(folder: Path, n_workers: int, watcher: Watcher | None = None) -> dict:
    """A sweep by so many workers: seconds, and the digests of what each run learned."""
    from distributed import LocalCluster

    shutil.rmtree(folder, ignore_errors=True)
    local = LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
    with local as cluster, DaskPool(cluster) as pool:
        begin = time.perf_counter()
        records = sweep(folder, [BLOCK], SweepOptions(seeds=SEEDS, threads=1), pool=pool, watcher=watcher)
        seconds = time.perf_counter() - begin
    digests = {f"{record['options']} {seed}": d for record in records for seed, d in record["digests"].items()}
    return {"workers": n_workers, "seconds": round(seconds, 2), "digests": digests}


def main() -> None:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/workers"))
    options = parser.parse_args()
    timed_sweep(options.out / "warm", 1)  # machine code is compiled and kept
    killer = Killer()
    one = timed_sweep(options.out / "one", 1)
    two = timed_sweep(options.out / "two", 2)
    killed = timed_sweep(options.out / "killed", 2, killer)
    if not one["digests"] == two["digests"] == killed["digests"]:
        raise SystemExit("The digests differ.")
    result = {
        "runs": len(one["digests"]),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "one_worker_seconds": one["seconds"],
        "two_workers_seconds": two["seconds"],
        "ratio": round(one["seconds"] / two["seconds"], 2),
        "one_of_two_killed_seconds": killed["seconds"],
        "killed": killer.killed,
        "same_digests": True,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
