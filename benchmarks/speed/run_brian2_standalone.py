"""Measure Brian 2's C++ standalone mode: all images are one run of one compiled program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import brian2
import numpy as np
from child import for_processor, measured, peak_memory_mib, seconds_since_start


def measure(task: dict) -> dict:
    """Time the program's own loop over images, after some that warm it up."""
    images, state = np.load(task["images"]), np.load(task["state"])
    warm_up, n = task["warm_up"], task["n_images"]
    imported = seconds_since_start()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(task.get("cache") or scratch)
        brian2.set_device("cpp_standalone", build_on_run=False, directory=None)
        brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j1"]
        brian2.seed(task["seed"])
        brian2.prefs.codegen.cpp.extra_compile_args_gcc = for_processor(brian2.prefs.codegen.cpp.extra_compile_args_gcc)
        brian2.prefs.core.default_float_dtype = np.dtype(task["dtype"]).type
        from brian2_network import build

        learn = task["phase"] == "train"
        normalize = learn and task["constants"]["norm"]["kind"] != "none"
        parts = build(task, images[: warm_up + n], state, learn=learn, normalize_inside=normalize)
        image = (task["shown"] + task["blank"]) * brian2.ms
        if warm_up:
            parts.network.run(warm_up * image, namespace={})
        parts.network.run(n * image, namespace={})
        brian2.device.build(directory=str(folder), compile=True, run=False, debug=False)
        built = seconds_since_start()
        program = subprocess.Popen(["./main"], cwd=folder, stdout=sys.stderr)
        peak = 0.0
        while program.poll() is None:
            peak = max(peak, peak_memory_mib(program.pid) or 0.0)
            time.sleep(0.02)
        if program.returncode:
            raise RuntimeError(f"the compiled program ended with status {program.returncode}")
        results = folder / "results"
        loop_seconds = float((results / "last_run_info.txt").read_text().split()[0])
        (counts,) = results.glob("_array_counts_count_*")
        spikes = int(np.fromfile(counts, np.int32).sum())
        return {
            "imported_s": imported,
            "built_s": built,
            "first_image_s": seconds_since_start(),
            "ms_per_image": [1000 * loop_seconds / n],
            "exc_spikes": spikes / (warm_up + n),
            "peak_mib": peak,
            "version": brian2.__version__,
        }


if __name__ == "__main__":
    measured(measure)
