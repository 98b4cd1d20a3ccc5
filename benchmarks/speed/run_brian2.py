"""Measure Brian 2's runtime mode with Cython: all images are one run, Python normalises the weights in between."""

from __future__ import annotations

import time

import brian2
import numpy as np
from child import for_processor, measured, seconds_since_start


def measure(task: dict) -> dict:
    """Time image by image within one run, whose preparations do not count."""
    images, state = np.load(task["images"]), np.load(task["state"])
    warm_up, n = task["warm_up"], task["n_images"]
    imported = seconds_since_start()
    brian2.prefs.codegen.target = "cython"
    brian2.prefs.codegen.cpp.extra_compile_args_gcc = for_processor(brian2.prefs.codegen.cpp.extra_compile_args_gcc)
    brian2.prefs.core.default_float_dtype = np.dtype(task["dtype"]).type
    if task.get("cache"):
        brian2.prefs.codegen.runtime.cython.cache_dir = task["cache"]
    brian2.seed(task["seed"])
    from brian2_network import build

    learn = task["phase"] == "train"
    duration = (task["shown"] + task["blank"]) * brian2.ms
    parts = build(task, images[: warm_up + n], state, learn=learn)
    norm = task["constants"]["norm"]
    normalizes = learn and norm["kind"] != "none"
    starts = []

    def begin_image():
        starts.append(time.perf_counter())
        if normalizes:
            parts.normalize(norm)

    parts.network.add(brian2.NetworkOperation(begin_image, dt=duration, when="start"))
    parts.network.run((warm_up + n) * duration, namespace={})
    return {
        "imported_s": imported,
        "first_image_s": seconds_since_start(),
        "ms_per_image": (1000 * np.diff(starts[warm_up:])).tolist(),
        "exc_spikes": int(np.sum(parts.counts.count[:])) / (warm_up + n),
        "version": brian2.__version__,
    }


if __name__ == "__main__":
    measured(measure)
