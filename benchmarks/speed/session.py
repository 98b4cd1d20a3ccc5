"""Measurements in processes of their own, one after the other, each sized to take about as long as it may."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from speed.child import CPU, SPAWNED
from speed.environments import interpreter, missing
from speed.machine import OF_PROCESSOR, available_mib

_HERE = Path(__file__).parent
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_WARM_UP = 3  # images that a peer sees before its time is taken
_FEWEST = 3  # images that make a measurement
_FIRST_IMAGES = 20  # of a simulator that was not measured before
_OVERHEAD_S = 300.0  # that a measurement may take besides its images: imports, compilation, building a network


@dataclass(frozen=True)
class Simulator:
    """One way of running the network."""

    name: str
    script: str
    environment: str
    note: str
    rules: tuple[str, ...] = ("self_normalizing", "exponential", "triplet")


ENGRAM = Simulator("engram", "run_engram.py", "engram", "single precision, steps of 0.5 ms")
PEERS = (
    Simulator(
        "Brian 2 standalone", "run_brian2_standalone.py", "brian2",
        "one C++ program and one run() for all images; its loop alone is timed",
    ),
    Simulator("Brian 2 runtime", "run_brian2.py", "brian2", "Cython; one run() for all images, once prepared"),
    Simulator(
        "BindsNET", "run_bindsnet.py", "bindsnet",
        "its own DiehlAndCook2015 from random weights: current-based, PostPre rule, 250 steps of 1 ms and no blank",
        ("PostPre",),
    ),
)  # fmt: skip


class AbsentError(Exception):
    """A measurement that could not be made; its text says why."""


@dataclass
class Session:
    """Runs measurements and remembers them.

    Parameters
    ----------
    scratch : Path
        Folder for what passes between processes.
    budget_s : float
        About how long the timed images of one measurement may take.
    limit_s : float
        How long the fewest images that make a measurement may be expected to take.
    cpu : str, optional
        The processor that all compilers make code for, as they name it (``x86-64-v3``); by default this one.
    """

    scratch: Path
    budget_s: float
    limit_s: float
    cpu: str = ""
    _known: dict[tuple, list[tuple[int, float, float]]] = field(default_factory=dict)

    def run(self, script: str, environment: str, task: dict, *, threads: int = 1, seconds: float = 1800.0) -> dict:
        """Run a script on a task in a process of its own, on as many cores as it has threads."""
        if reason := missing(environment):
            raise AbsentError(reason)
        cores = sorted(os.sched_getaffinity(0))[:threads]
        if len(cores) < threads:
            raise AbsentError(f"needs {threads} cores")
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            task_file, result_file = Path(folder) / "task.json", Path(folder) / "result.json"
            task_file.write_text(json.dumps(task | {"threads": threads}))
            surroundings = os.environ | dict.fromkeys(_ONE_THREAD, str(threads)) | {SPAWNED: repr(time.time())}
            if self.cpu:
                surroundings |= {"NUMBA_CPU_NAME": self.cpu, "NUMBA_CPU_FEATURES": "", CPU: self.cpu}
                surroundings["ATEN_CPU_CAPABILITY"] = OF_PROCESSOR.get(self.cpu, "default")
            process = subprocess.Popen(
                [interpreter(environment), _HERE / script, task_file, result_file],
                env=surroundings | task.get("surroundings", {}),
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                errors = process.communicate(timeout=seconds)[1]
            except BaseException as problem:
                os.killpg(process.pid, signal.SIGKILL)  # with what it started
                process.wait()
                if isinstance(problem, subprocess.TimeoutExpired):
                    raise AbsentError(f"stopped after {seconds:.0f} s") from None
                raise
            if not result_file.exists():
                last = (errors.strip().splitlines() or ["no message"])[-1]
                raise AbsentError(f"ended with status {process.returncode}: {last}")
            return json.loads(result_file.read_text())

    def measure_peer(self, peer: Simulator, task: dict) -> dict:
        """Time a peer on as many images as the budget allows.

        Raises
        ------
        AbsentError
            If it cannot be run, or is expected to be too slow or too large by what it took at smaller sizes.
        """
        known = self._known.setdefault((peer.name, task["preset"], task["rule"], task["phase"]), [])
        n = task["n_neurons"]
        n_images = _FIRST_IMAGES
        if known:
            ms, mib = _extrapolate(known, n)
            if ms * (_FEWEST + _WARM_UP) > 1000 * self.limit_s:
                raise AbsentError(f"too slow: {ms / 1000:,.1f} s an image expected from smaller sizes")
            if mib > 0.8 * available_mib():
                raise AbsentError(f"too large: {mib / 1024:,.0f} GiB expected from smaller sizes")
            n_images = int(1000 * self.budget_s / ms)
        n_images = min(max(n_images, _FEWEST), task["most_images"] - _WARM_UP)
        result = self.run(
            peer.script,
            peer.environment,
            task | {"n_images": n_images, "warm_up": _WARM_UP},
            seconds=_OVERHEAD_S + 3 * max(self.budget_s, self.limit_s),
        )
        times = sorted(result["ms_per_image"])
        known.append((n, times[len(times) // 2], result["peak_mib"] or 1.0))
        return result | {"n_images": n_images}


def _extrapolate(known: list[tuple[int, float, float]], n: int) -> tuple[float, float]:
    """Time and memory expected: in proportion to neurons, or faster if they grew faster between the last two sizes."""
    growth = (1.0, 1.0)
    n_last, *last = known[-1]
    if len(known) > 1:
        n_before, *before = known[-2]
        growth = [max(1.0, math.log(b / a, n_last / n_before)) for a, b in zip(before, last, strict=True)]
    return tuple(value * (n / n_last) ** power for value, power in zip(last, growth, strict=True))
