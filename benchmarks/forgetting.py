"""Measure forgetting: a network learns the digits 0 to 4, then 5 to 9; what is left of the first five, and what helps.

MNIST, 400 neurons, the default preset, 5,000 images a stage. Neurons are labelled anew from training images of all
classes that were met. Writes a JSON file for the documentation after each way and seed, and measures what is not in it.

    python benchmarks/forgetting.py --seeds 0,1,2
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig
from engram.datasets import Dataset, load
from engram.evaluation import label_neurons, measure_accuracy
from engram.files import write_atomically
from engram.model import Model
from engram.training import Training

FIRST, SECOND = range(5), range(5, 10)
NEURONS, IMAGES, LABEL_IMAGES = 400, 5_000, 5_000

WAYS = {
    "the second five alone": {},
    "learning rate a tenth": {"slower": 0.1},
    "preset paper": {"preset": "paper"},
    "a tenth of the images from the first five": {"rehearsed": 0.1},
    "half of the images from the first five": {"rehearsed": 0.5},
}
"""What is done differently, mostly in the second stage."""

MIXED = "all ten mixed from the beginning"


def main() -> None:
    """Measure each way, and all classes mixed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/measured/forgetting.json")
    parser.add_argument("--seeds", default="0,1,2", help="with commas between")
    options = parser.parse_args()
    seeds, data = [int(seed) for seed in options.seeds.split(",")], load("mnist")
    facts = {"neurons": NEURONS, "images": IMAGES, "label_images": LABEL_IMAGES}
    runs = known_runs(options.out, facts)
    for seed, name in itertools.product(seeds, [*WAYS, MIXED]):
        if not any((run["name"], run["seed"]) == (name, seed) for run in runs):
            measured = all_mixed(data, seed) if name == MIXED else in_two_stages(data, seed, **WAYS[name])
            runs.append({"name": name, "seed": seed, **measured})
            write_atomically(options.out, (json.dumps(facts | {"runs": runs}, indent=2) + "\n").encode())


def known_runs(path: Path, facts: dict) -> list[dict]:
    """What was measured before, as long as it was measured alike."""
    known = json.loads(path.read_text()) if path.exists() else {"runs": []}
    return known["runs"] if {name: known.get(name) for name in facts} == facts else []


def all_mixed(data: Dataset, seed: int) -> dict:
    """Accuracies of a network that met all classes from the beginning."""
    return {"after": accuracies(trained(base(seed, "sharp", 2 * IMAGES), data), data, range(10))}


@functools.lru_cache(maxsize=2)
def first_stage(seed: int, preset: str) -> tuple[Model, dict]:
    """The network after the first five classes, and its accuracy on them."""
    data = load("mnist")
    model = trained(base(seed, preset, IMAGES), only(data, FIRST))
    return model, accuracies(model, data, FIRST)


def in_two_stages(
    data: Dataset, seed: int, *, preset: str = "sharp", slower: float = 1.0, rehearsed: float = 0.0
) -> dict:
    """Accuracies after the first five classes, and after the others."""
    before, learned = first_stage(seed, preset)
    config = TrainingConfig.from_model(before, examples=IMAGES, seed=seed + 1)
    eta = config.make_rule().eta
    config = config.replace(constants={**config.constants, "eta": slower * eta})
    after = trained(config, mixed(data, rehearsed, seed), before)
    found = {"before": learned, "after": accuracies(after, data, range(10))}
    print(preset, slower, rehearsed, found, flush=True)
    return found


def base(seed: int, preset: str, examples: int) -> TrainingConfig:
    """What all runs have in common."""
    return TrainingConfig(dataset="mnist", neurons=NEURONS, preset=preset, examples=examples, seed=seed)


def trained(config: TrainingConfig, data: Dataset, start: Model | None = None) -> Model:
    """The network after its images."""
    training = Training(config, data, start=start)
    for _ in training.blocks():
        pass
    return training.model()


def only(data: Dataset, classes) -> Dataset:
    """The images of some classes."""
    train, test = np.isin(data.train_labels, classes), np.isin(data.test_labels, classes)
    return replace(
        data,
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )


def mixed(data: Dataset, share: float, seed: int) -> Dataset:
    """Images of the second five classes, among which a share is of the first five."""
    random = np.random.default_rng(seed)
    n_old = round(share * IMAGES)
    old, new = (random.permutation(np.flatnonzero(np.isin(data.train_labels, part))) for part in (FIRST, SECOND))
    chosen = np.concatenate((old[:n_old], new[: IMAGES - n_old]))
    return replace(data, train_images=data.train_images[chosen], train_labels=data.train_labels[chosen])


def accuracies(model: Model, data: Dataset, classes) -> dict[str, float]:
    """On test images of the first five and of the others, with labels from training images of `classes`."""
    simulator, known = model.simulator(), only(data, classes)
    readout = label_neurons(simulator, known, LABEL_IMAGES)
    found = {}
    for name, part in (("first", FIRST), ("second", SECOND)):
        if set(part) <= set(classes):
            tested = only(data, part)
            result = measure_accuracy(simulator, readout, tested.test_images, tested.test_labels)
            found[name] = result.accuracy[model.scheme]
    return found


if __name__ == "__main__":
    main()
