"""Which rule learns which filters of a spiking convolution, from how few images.

    python benchmarks/filter_rules.py --out docs/measured/filter_rules.json

The network conv with few maps learns by each rule from some numbers of unlabelled images, every time from the same
start; then it reads training images that it did not learn from, half of which fit a logistic regression and the labels
of neurons, and the other half are read by them. Test images take no part. Rules other than the preset's have their
constants of the preset sharp, with the traces of the preset conv. Results are kept after each, and what is there
already is not computed again; the filters that the most images left are kept for the picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from engram import Simulator, TrainingConfig
from engram.datasets import load
from engram.files import write_atomically
from engram.processors import default_threads
from engram.readout import fit_readout

_TRACE = {"normalization": "l2", "tau_pre": 1000.0}
RULES = {
    "signed": ("self_normalizing", {}),
    "positive": ("self_normalizing", {"variant": "smax", "a_tar": 0.05}),
    "exponential": ("exponential", {**_TRACE, "eta": 0.02, "x_tar": 0.4}),
    "power law": ("power_law", {**_TRACE, "eta": 0.02, "x_tar": 0.3}),
    "pair": ("pair", {**_TRACE, "a_pre": 0.005, "a_post": 0.0}),
}
"""By the name in the table, the rule and its constants; signed is self-normalizing as in the preset conv."""

IMAGES = (0, 50, 200, 1000)


def main() -> None:
    """Measure what is not there yet, and print the table."""
    args = _arguments()
    data = load(args.dataset)
    results = json.loads(args.out.read_text()) if args.out.exists() else {"dataset": args.dataset, "maps": args.maps}
    for rule in RULES:
        for n_images in IMAGES:
            name = f"{rule} {n_images}"
            if name not in results:
                results[name] = _measure(args, rule, n_images, data)
                write_atomically(args.out, (json.dumps(results) + "\n").encode())
        told = [f"{n}: {100 * results[f'{rule} {n}']['logistic']:.1f}" for n in IMAGES]
        print(f"{rule:12} {'  '.join(told)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--maps", type=int, default=16)
    parser.add_argument("--read", type=int, default=2000, help="images that are read, half of them to label by")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _measure(args, rule: str, n_images: int, data) -> dict:
    """Accuracy by two readouts, and the filters."""
    name, constants = RULES[rule]
    config = TrainingConfig(
        network={"kind": "conv", "maps": args.maps}, rule=name, constants=constants, seed=0, dt=1.0
    )  # fmt: skip
    simulator = Simulator(
        config.make_network((28, 28)), source=config.make_source(1.0), protocol=config.make_protocol()
    )
    if n_images:
        simulator.train(data.train_images[:n_images], np.arange(n_images) / n_images)
    shown, labels = data.train_images[-args.read :], data.train_labels[-args.read :]
    counts, half = simulator.count_spikes(shown, threads=default_threads())[0], args.read // 2
    readout = fit_readout(counts[:half], labels[:half])
    filters = simulator.state.image_maps.weights.reshape(args.maps, -1)
    return {
        **{s: float(np.mean(readout.predict(counts[half:], s) == labels[half:])) for s in ("logistic", "proportion")},
        **({"filters": np.round(filters.astype(np.float64), 3).tolist()} if n_images == max(IMAGES) else {}),
    }


if __name__ == "__main__":
    main()
