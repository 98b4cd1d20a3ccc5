"""Measure the variants of self-normalizing STDP beside each other: positive weights, and signed ones by upper bound.

One pass over MNIST with 400 neurons and the preset "sharp". Writes a JSON file for the documentation.

    python benchmarks/self_normalizing.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from engram.config import TrainingConfig
from engram.datasets import load
from engram.evaluation import label_neurons, measure_accuracy
from engram.training import Training

VARIANTS = {
    'smax, norm="l1"': {"norm": "l1"},
    'smax, norm="l2"': {"norm": "l2"},
    "smin, bound 0.5": {"norm": "l1", "variant": "smin", "bound": 0.5},
    "smin, bound 1": {"norm": "l1", "variant": "smin", "bound": 1.0},
    "smin, bound 2": {"norm": "l1", "variant": "smin", "bound": 2.0},
}


def main() -> None:
    """Train and test each variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/measured/self_normalizing.json")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = load("mnist")
    runs = []
    for name, constants in VARIANTS.items():
        config = TrainingConfig(dataset="mnist", preset="sharp", constants=constants, epochs=1, seed=options.seed)
        training = Training(config, data)
        for _ in training.blocks():
            pass
        readout = label_neurons(training.simulator, data, config.label_examples)
        result = measure_accuracy(training.simulator, readout, data.test_images, data.test_labels)
        weight_sum = float(training.simulator.state.weights.sum(axis=0, dtype=float).mean())
        runs.append({"name": name, "constants": constants, "accuracy": result.accuracy, "weight_sum": weight_sum})
        print(name, result.accuracy)
    options.out.write_text(json.dumps({"seed": options.seed, "runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
