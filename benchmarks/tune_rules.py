"""Search for the constants of a learning rule on a validation split of MNIST's training images.

5,000 training images, drawn once, validate; the others train and label; test images take no part. (The last training
images of the file would not do: they are easier than the rest.) Each candidate is one line of JSON in the output file;
those that are there already are skipped, so a search can be stopped and continued.

    python benchmarks/tune_rules.py candidates.jsonl results.jsonl --examples 20000 --neurons 400

A candidate is ``{"rule": ..., "preset": ..., "constants": {...}, "network": {...}, "protocol": {...}}``, each part
optional. ``results/tuning.jsonl`` is the record of the search that led to the preset "sharp".
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig
from engram.datasets import Dataset, load
from engram.evaluation import label_neurons, measure_accuracy
from engram.training import Training

N_VALIDATION = 5_000
SPLIT_SEED = 20261122


def validation_split() -> Dataset:
    """MNIST's training images, some of them in place of the test images."""
    mnist = load("mnist")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(mnist.train_images))
    validating, training = np.sort(order[:N_VALIDATION]), np.sort(order[N_VALIDATION:])
    return Dataset(
        "mnist-validation",
        mnist.train_images[training],
        mnist.train_labels[training],
        mnist.train_images[validating],
        mnist.train_labels[validating],
        mnist.image_shape,
    )


def try_candidate(candidate: dict, data: Dataset, options: argparse.Namespace) -> dict:
    """Train, label and validate one candidate."""
    config = TrainingConfig.from_dict(
        {
            "dataset": "mnist",
            "neurons": options.neurons,
            "examples": options.examples,
            "seed": options.seed,
            **candidate,
        }
    )
    training = Training(config, data)
    *_, progress = training.blocks()
    readout = label_neurons(training.simulator, data, options.labels, threads=1)
    n_test = options.validate
    result = measure_accuracy(
        training.simulator, readout, data.test_images[:n_test], data.test_labels[:n_test], threads=1
    )
    return {
        **result.accuracy,
        "ms": round(1000 * training.seconds / training.examples, 3),
        "presentations": training.simulator.presentations / training.examples,
        "l1": round(progress.l1_norm_mean, 2),
        "l1_sd": round(progress.l1_norm_sd, 2),
        "theta": round(float(training.simulator.state.theta.mean()), 2),
        "spikes": round(progress.spikes_per_image, 1),
        "unassigned": result.unassigned_neurons,
        "silent": result.silent_images,
    }


def main() -> None:
    """Read candidates, write results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--validate", type=int, default=N_VALIDATION)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = {name: getattr(options, name) for name in ("neurons", "examples", "labels", "validate", "seed")}
    done = []
    if options.results.exists():
        lines = options.results.read_text().splitlines()
        done = [(record["candidate"], record["settings"]) for record in map(json.loads, lines)]
    data = validation_split()
    for line in options.candidates.read_text().splitlines():
        candidate = json.loads(line)
        if (candidate, settings) in done:
            continue
        result = try_candidate(candidate, data, options)
        record = {"candidate": candidate, "settings": settings, "result": result}
        with options.results.open("a") as file:
            file.write(json.dumps(record) + "\n")
        sys.stderr.write(f"{result['mean']:.4f} {result['proportion']:.4f} {line}\n")


if __name__ == "__main__":
    main()
