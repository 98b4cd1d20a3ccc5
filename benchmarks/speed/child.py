"""What every measured process does: read its task, keep to its cores, measure, write what it found.

A measured process runs in the environment of its own simulator, so nothing here imports engram.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

SPAWNED = "BENCHMARK_SPAWNED"
"""Environment variable with the time at which the process was started."""

CPU = "BENCHMARK_CPU"
"""Environment variable with the processor that a peer's compiler makes code for, if it is not this one."""


def measured(measure: Callable[[dict], dict]) -> None:
    """Run a measurement on the task in the file ``argv[1]`` and write its result to ``argv[2]``."""
    task = json.loads(Path(sys.argv[1]).read_text())
    result = measure(task)
    result.setdefault("peak_mib", peak_memory_mib(os.getpid()))
    Path(sys.argv[2]).write_text(json.dumps(result))


def seconds_since_start() -> float:
    """How long ago the process was started, imports included."""
    return time.time() - float(os.environ[SPAWNED])


def for_processor(flags: list[str]) -> list[str]:
    """A C compiler's flags, with the processor that code is asked for."""
    return [f"-march={os.environ[CPU]}" if CPU in os.environ and f.startswith("-march=") else f for f in flags]


def peak_memory_mib(process: int) -> float | None:
    """The largest resident memory that a running process has had; None once it has ended.

    From the process's own address space: ``ru_maxrss`` would start at its parent's size.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    kib = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kib[0] / 1024 if kib else None


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
