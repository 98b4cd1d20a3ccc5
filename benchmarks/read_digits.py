"""Measure how well the tutorial's network reads MNIST with a shipped model, and what makes the difference.

First the text's constants and ours on the first test images, over several seeds; then, on randomly drawn training
images, each of the constants changed alone from one set towards the other. Writes one JSON file for the documentation.

    python benchmarks/read_digits.py
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engram import load_model
from engram.datasets import load
from engram.networks.tutorial import MORE_EVIDENCE, PRESETS, TEXT
from engram.reading import tutorial_reader

OURS = {name: getattr(MORE_EVIDENCE, name) for name in ("input_gain", "min_rate", "max_rate", "growth", "min_spikes")}
THEIRS = {name: getattr(TEXT, name) for name in OURS}
RAMP = ("min_rate", "max_rate", "growth")


def variants() -> dict:
    """The networks of the ablation by what was changed."""

    def some(values, *names):
        return {name: values[name] for name in names}

    return {
        "the text's constants": TEXT,
        "the text's, with our input gain": replace(TEXT, **some(OURS, "input_gain")),
        "the text's, with our ramp": replace(TEXT, **some(OURS, *RAMP)),
        "the text's, with our 20 spikes": replace(TEXT, **some(OURS, "min_spikes")),
        "the text's, thresholds rising by 0.3 a spike": replace(TEXT, inc_theta=0.3),
        "our constants": MORE_EVIDENCE,
        "ours, with the text's input gain": replace(MORE_EVIDENCE, **some(THEIRS, "input_gain")),
        "ours, with the text's ramp": replace(MORE_EVIDENCE, **some(THEIRS, *RAMP)),
        "ours, with the text's 10 spikes": replace(MORE_EVIDENCE, **some(THEIRS, "min_spikes")),
        "ours, without trained thresholds": replace(MORE_EVIDENCE, theta_gain=0.0),
        "ours, without inhibition": replace(MORE_EVIDENCE, inhibition=0.0),
    }


def measure(model, network, seed: int, images, labels) -> dict:
    """Accuracy, share of images without an answer, and time shown, of one reader."""
    readings = tutorial_reader(model, network, seed=seed).read_all(images)
    return {
        "accuracy": round(readings.accuracy(labels), 4),
        "unanswered": round(float(np.mean(readings.answers < 0)), 4),
        "shown_ms": round(float(readings.shown.mean()), 1),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist-400")
    parser.add_argument("--test-images", type=int, default=1_000)
    parser.add_argument("--training-images", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("docs/measured/read_digits.json"))
    options = parser.parse_args()
    mnist, model = load("mnist"), load_model(options.model)
    images, labels = mnist.test_images[: options.test_images], mnist.test_labels[: options.test_images]
    chosen = np.random.default_rng(0).permutation(len(mnist.train_images))[: options.training_images]
    result = {
        "model": options.model,
        "test_images": options.test_images,
        "training_images": options.training_images,
        "seeds": options.seeds,
        "presets": {},
        "ablation": {},
    }
    for name, network in PRESETS.items():
        result["presets"][name] = [measure(model, network, seed, images, labels) for seed in options.seeds]
        print(name, result["presets"][name], flush=True)
    for name, network in variants().items():
        result["ablation"][name] = measure(model, network, 0, mnist.train_images[chosen], mnist.train_labels[chosen])
        print(name, result["ablation"][name], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
