"""Make the trained models that come with engram, and measure them.

Each is a run folder under ``--out``, so that making one may be stopped and continued. Its network is rounded to the
file's half precision, labelled anew from training images, and measured on all test images, as it was and as it is read
back: what the rounding cost is written down. Writes the model files and ``models.toml`` beside them.

    python benchmarks/make_models.py
    python benchmarks/make_models.py mnist-1600
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

import tomli_w

from engram._version import __version__
from engram.cli.train import Display
from engram.config import TrainingConfig
from engram.evaluation import evaluate, label_neurons
from engram.files import write_atomically
from engram.model_file import load_model, save_model
from engram.models import FOLDER
from engram.pieces import Piece, data_loader, finish

CONV_IMAGES = 1_000
"""From so many a convolution learns its filters."""

MODELS = {
    "mnist-100": TrainingConfig(dataset="mnist", neurons=100, epochs=1),
    "mnist-100-paper": TrainingConfig(dataset="mnist", neurons=100, epochs=1, preset="paper"),
    "mnist-400": TrainingConfig(dataset="mnist", neurons=400, epochs=1),
    "mnist-1600": TrainingConfig(dataset="mnist", neurons=1600, epochs=1),
    "fashion-400": TrainingConfig(dataset="fashion-mnist", neurons=400, epochs=1),
    "mnist-conv": TrainingConfig(dataset="mnist", network="conv", examples=CONV_IMAGES, label_examples=20_000),
}
"""What each is trained with: the default rule and, where none is named, preset of its network; seed 0."""

LISTING = FOLDER / "models.toml"


def make_model(name: str, folder: Path) -> dict:
    """Train, write and measure one model; return its entry in the list."""
    config, load, file = MODELS[name], data_loader(), FOLDER / f"{name}.safetensors"
    piece = Piece(str((folder / name).absolute()), config.to_dict())
    piece.check()
    if not piece.is_done:
        finish(piece, load, [Display(quiet=False)])
    data, trained, summary = load(config), load_model(piece.folder), piece.run.read_summary()
    save_model(replace(trained, readout=None), file, compact=True)
    rounded = load_model(file)
    n_label = config.total_label_examples(len(data.train_images), rounded.network.n_neurons)
    save_model(replace(rounded, readout=label_neurons(rounded.simulator(), data, n_label)), file, compact=True)
    model, result = evaluate(load_model(file), data)
    shares = ", ".join(f"{100 * value:.2f} % ({scheme})" for scheme, value in result.accuracy.items())
    print(f"{file.name}: {shares}, {file.stat().st_size:,} bytes")
    return {
        "neurons": model.network.n_neurons,
        "network": config.network_name,
        "dataset": config.dataset,
        "examples": model.examples,
        "rule": model.rule_record["rule"],
        "accuracy": {scheme: round(value, 4) for scheme, value in result.accuracy.items()},
        "before_rounding": {scheme: round(value, 4) for scheme, value in summary["accuracy"].items()},
        "command": f"python benchmarks/make_models.py {name}",
        "version": __version__,
    }


def main() -> None:
    """Make the models and the list of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    options = parser.parse_args()
    for name in options.names or MODELS:
        if name not in MODELS:
            parser.error(f"there is no model {name!r}; choose of {', '.join(MODELS)}")
        entries = tomllib.loads(LISTING.read_text()) if LISTING.exists() else {}
        entries[name] = make_model(name, options.out)
        write_atomically(LISTING, tomli_w.dumps(dict(sorted(entries.items()))).encode())


if __name__ == "__main__":
    main()
