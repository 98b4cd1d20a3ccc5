"""Make the trained models that come with engram, and measure them.

Trains on MNIST's training images, labels the neurons from training images, rounds the result to the file's half
precision, reads it back and measures that on all test images. Writes the model files and ``models.toml`` beside them.

    python benchmarks/make_models.py
    python benchmarks/make_models.py --neurons 100 --epochs 2
    python benchmarks/make_models.py --network conv --label-examples 20000
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
from engram.processors import default_threads
from engram.training import Training

CONV_IMAGES = 1_000
"""From so many a convolution learns its filters."""


def make_model(name: str, config: TrainingConfig, mnist, options: str) -> dict:
    """Train, write and measure one model; return its entry in the list."""
    file = FOLDER / f"{name}.safetensors"
    training = Training(config, mnist)
    for progress in training.blocks():
        if progress.examples % 10_000 == 0:
            seconds, share = round(training.seconds), f"{100 * progress.accuracy:.1f} %"
            print(f"{name}: {progress.examples:,} images, {seconds} s, running accuracy {share}", flush=True)
    save_model(training.model(), file, compact=True)
    rounded = load_model(file)
    readout = label_neurons(rounded.simulator(), mnist, config.label_examples, threads=default_threads())
    save_model(replace(rounded, readout=readout), file, compact=True)
    model, result = evaluate(load_model(file), mnist, threads=default_threads())
    shares = ", ".join(f"{100 * value:.2f} % ({scheme})" for scheme, value in result.accuracy.items())
    print(f"{file.name}: {shares}, {file.stat().st_size:,} bytes")
    return {
        "neurons": model.network.n_neurons,
        "dataset": "mnist",
        "examples": model.examples,
        "rule": model.rule_record["rule"],
        "accuracy": {scheme: round(value, 4) for scheme, value in result.accuracy.items()},
        "command": f"python benchmarks/make_models.py {options}",
        "version": __version__,
    }


def main() -> None:
    """Make the models and the list of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, nargs="+", default=[400, 100])
    parser.add_argument("--network", choices=["diehl-cook", "conv"], default="diehl-cook")
    parser.add_argument("--label-examples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    listing = FOLDER / "models.toml"
    entries = tomllib.loads(listing.read_text()) if listing.exists() else {}
    mnist = load("mnist")
    for name, config, told in _wanted(options):
        entries[name] = make_model(name, config, mnist, told)
        listing.write_text(tomli_w.dumps(dict(sorted(entries.items()))))


def _wanted(options):
    """The name, the configuration and the options of each model that is to be made."""
    seed, labels = options.seed, options.label_examples
    if options.network == "conv":
        config = TrainingConfig(dataset="mnist", network="conv", examples=CONV_IMAGES, seed=seed, label_examples=labels)
        yield "mnist-conv", config, f"--network conv --label-examples {labels} --seed {seed}"
        return
    for neurons in options.neurons:
        config = TrainingConfig(
            dataset="mnist", neurons=neurons, epochs=options.epochs, seed=seed, label_examples=labels
        )
        yield f"mnist-{neurons}", config, f"--neurons {neurons} --epochs {options.epochs} --seed {seed}"


if __name__ == "__main__":
    main()
