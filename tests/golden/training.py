"""Short trainings whose every bit is known: ``python tests/golden/training.py`` prints their digests as JSON.

``digests.json`` beside this file holds what they must be, on every processor with fused multiply-add, and from version
to version. Whoever changes a bit on purpose writes it anew and says so in the changelog:

    PYTHONPATH=tests python tests/golden/training.py > tests/golden/digests.json
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np

from engram import DiehlCook, SelfNormalizing, Simulator, Triplet
from engram.networks import Protocol
from engram.plasticity import Exponential

N_INPUTS, N_NEURONS, N_IMAGES = 36, 6, 5

CASES = {
    "self_normalizing, float32, exponential Euler": (SelfNormalizing(), {}),
    "triplet, float32, exponential Euler": (Triplet(), {}),
    "exponential, float32, exponential Euler": (Exponential(), {}),
    "self_normalizing, float64, forward Euler": (SelfNormalizing(), {"dtype": "float64", "integrator": "euler"}),
    "triplet, float64, exponential Euler": (Triplet(), {"dtype": "float64"}),
}

IN_SINGLE = [name for name in CASES if "float32" in name]
"""Those that share most of their machine code."""


def simulator_of(name: str, kernel: str = "compiled") -> Simulator:
    """What is to learn."""
    rule, options = CASES[name]
    return Simulator(
        DiehlCook(n_inputs=N_INPUTS, n_neurons=N_NEURONS, **options),
        rule,
        seed=7,
        input_gain=8.0,
        protocol=Protocol(shown=60.0, blank=10.0, min_spikes=1, start_intensity=4.0),
        kernel=kernel,
    )


def digest(name: str, kernel: str = "compiled") -> str:
    """The SHA-256 of all that a short training leaves: counts, readings, weights, thresholds, the rule's memory."""
    simulator = simulator_of(name, kernel)
    images = np.random.RandomState(7).randint(0, 256, (N_IMAGES, N_INPUTS))  # its stream is frozen
    counts, attempts = simulator.train(images, np.arange(N_IMAGES) / N_IMAGES)
    read, _ = simulator.count_spikes(images[:3])
    if not (counts.sum() > 20 and read.sum() > 5):
        raise AssertionError("nothing was learned, so nothing would be shown")
    arrays = {
        "counts": counts, "attempts": attempts, "read": read, "weights": simulator.state.weights,
        "theta": simulator.state.theta, **simulator.memory.tensors(),
    }  # fmt: skip
    text = hashlib.sha256()
    for key in sorted(arrays):
        text.update(f"{key} {arrays[key].shape} {arrays[key].dtype.str}\n".encode())
        text.update(np.ascontiguousarray(arrays[key]).tobytes())
    return text.hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: digest(name) for name in sys.argv[1:] or CASES}, indent=1))
