"""How well a trained network reads in fixed point, by the bits of its weights.

    python benchmarks/fixed_point.py [--model mnist-100-paper] [--images 1000]

Runs the whole-number reference of ``engram export --to c`` on MNIST's first test images and writes
``docs/measured/fixed_point.json``: accuracy, how often the answer and the very spike counts are those of double
precision, and the bytes of the constants.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from engram import load_model
from engram.exchange import example_images, freeze, present
from engram.exchange.fixed_point import FixedPointNetwork

RESULT = Path(__file__).parents[1] / "docs/measured/fixed_point.json"
BITS = (2, 3, 4, 6, 8, 16)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist-100-paper")
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    model = load_model(options.model)
    frozen = freeze(model)
    images, classes = example_images(model, options.images)
    shown = present(frozen, images, classes)
    double = shown.counts(frozen.network.n_neurons)
    answers = model.readout.predict(double)
    record = {"model": options.model, "images": len(images), "double": float(np.mean(answers == classes)), "bits": []}
    for bits in BITS:
        counts = FixedPointNetwork.of(frozen, bits).count_spikes(shown.inputs, len(images), shown.n_steps)
        theirs = model.readout.predict(counts)
        record["bits"].append({
            "weight_bits": bits,
            "accuracy": float(np.mean(theirs == classes)),
            "same_answer": float(np.mean(theirs == answers)),
            "same_counts": float(np.mean(np.all(counts == double, axis=1))),
            "spikes": float(counts.sum() / len(images)),
        })  # fmt: skip
        print(record["bits"][-1], flush=True)
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
