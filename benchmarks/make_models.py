"""Make the trained models that come with engram, and measure them.

Trains on MNIST's training images, labels the neurons from training images, rounds the result to the file's half
precision, reads it back and measures that on all test images. Writes the model files and ``models.toml`` beside them.

    python benchmarks/make_models.py
    python benchmarks/make_models.py --neurons 100 --epochs 2
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace

import tomli_w

from engram._version import __version__
from engram.config import TrainingConfig
from engram.datasets import load
from engram.evaluation import evaluate, label_neurons
from engram.model_file import load_model, save_model
from engram.models import FOLDER
from engram.training import Training


def make_model(neurons: int, epochs: int, seed: int, mnist) -> dict:
    """Train, write and measure one model; return its entry in the list."""
    config = TrainingConfig(dataset="mnist", neurons=neurons, epochs=epochs, seed=seed)
    file = FOLDER / f"mnist-{neurons}.safetensors"
    training = Training(config, mnist)
    for progress in training.blocks():
        if progress.examples % 10_000 == 0:
            seconds, share = round(training.seconds), f"{100 * progress.accuracy:.1f} %"
            print(f"{neurons} neurons: {progress.examples:,} images, {seconds} s, running accuracy {share}", flush=True)
    save_model(training.model(), file, compact=True)
    rounded = load_model(file)
    readout = label_neurons(rounded.simulator(), mnist, config.label_examples)
    save_model(replace(rounded, readout=readout), file, compact=True)
    model, result = evaluate(load_model(file), mnist)
    shares = ", ".join(f"{100 * value:.2f} % ({scheme})" for scheme, value in result.accuracy.items())
    print(f"{file.name}: {shares}, {file.stat().st_size:,} bytes")
    return {
        "neurons": neurons,
        "dataset": "mnist",
        "examples": model.examples,
        "rule": model.rule_record["rule"],
        "accuracy": {scheme: round(value, 4) for scheme, value in result.accuracy.items()},
        "command": f"python benchmarks/make_models.py --neurons {neurons} --epochs {epochs} --seed {seed}",
        "version": __version__,
    }


def main() -> None:
    """Make the models and the list of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, nargs="+", default=[400, 100])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    listing = FOLDER / "models.toml"
    entries = tomllib.loads(listing.read_text()) if listing.exists() else {}
    mnist = load("mnist")
    for neurons in options.neurons:
        entries[f"mnist-{neurons}"] = make_model(neurons, options.epochs, options.seed, mnist)
        listing.write_text(tomli_w.dumps(dict(sorted(entries.items()))))


if __name__ == "__main__":
    main()
