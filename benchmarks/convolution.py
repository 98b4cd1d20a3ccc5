"""What learning adds to a spiking convolution: the network conv beside the same network without learned filters.

    python benchmarks/convolution.py --dataset mnist --seeds 5 --out docs/measured/convolution_mnist.json
    python benchmarks/convolution.py --prototypes 1600 --dt 1 --seeds 5 --out docs/measured/prototypes_mnist.json

For each seed the network learns its filters from a few unlabelled images, then reads label images and test images, from
whose spike counts two readouts answer: logistic regression, and labels assigned to neurons ("proportion"). The controls
differ in their filters alone: *untrained* ones, as they are drawn, and *k-means* of as many patches as the network saw,
without their mean and of norm 1. Their thresholds settle over the same images, without learning. *Pixels* is the same
logistic regression on the images themselves. With `--prototypes` the network is conv-prototypes, whose last layer then
learns from `--images` above filters of each kind. One pass over the images, fixed beforehand; constants were chosen on
the last 10,000 training images (`--validate` reads those), test images are read once at the end. Results are kept after
each network, and what is there already is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from engram import Simulator, TrainingConfig
from engram.datasets import load
from engram.files import write_atomically
from engram.processors import default_threads
from engram.readout import fit_readout

FILTERS = ("learned", "untrained", "k-means")
_NO_SETTINGS = ("out", "seeds", "filters")
_LATER = (("prototypes", 0), ("images", 60_000), ("dt", 0.5))  # what files made before had, without saying so
_STILL = 1e-30  # a learning rate at which no weight changes in single precision


def main() -> None:
    """Measure what is not there yet, and print the table."""
    args = _arguments()
    images, labels, test_images, test_labels = _split(args)
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    settings = {n: str(v) for n, v in vars(args).items() if n not in _NO_SETTINGS and (n, v) not in _LATER}
    if results.setdefault("settings", settings) != settings:
        raise SystemExit(f"{args.out} holds results of other settings, {results['settings']}; give another --out.")
    labelled = np.random.default_rng(0).permutation(len(images))[: args.label]
    given = images[labelled], labels[labelled], test_images, test_labels
    if "pixels" not in results:
        results["pixels"] = _read_out(*given, schemes=("logistic",))
        _keep(args.out, results)
    for seed in range(args.seeds):
        for filters in args.filters:
            if f"{filters} {seed}" not in results:
                results[f"{filters} {seed}"] = _measure(args, filters, seed, images, given)
                _keep(args.out, results)
    for row in _table(results):
        print(row)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--maps", type=int, default=64)
    parser.add_argument("--learn", type=int, default=1000, help="images from which filters are learned")
    parser.add_argument("--prototypes", type=int, default=0, help="neurons above the convolution; none by default")
    parser.add_argument("--images", type=int, default=60_000, help="from which prototypes learn")
    parser.add_argument("--dt", type=float, default=0.5, help="time step, ms")
    parser.add_argument("--label", type=int, default=60_000, help="images from which the readouts learn")
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--filters", nargs="+", default=FILTERS, choices=FILTERS)
    parser.add_argument("--validate", action="store_true", help="read the last training images, not test images")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _split(args):
    data = load(args.dataset)
    images, labels, test_images, test_labels = (
        data.train_images, data.train_labels, data.test_images, data.test_labels
    )  # fmt: skip
    if args.validate:
        images, test_images = images[:-10_000], images[-10_000:]
        labels, test_labels = labels[:-10_000], labels[-10_000:]
    return images, labels, test_images[: args.test], test_labels[: args.test]


def _measure(args, filters: str, seed: int, images, given) -> dict:
    """A network with filters of one kind, and how it reads."""
    kind = "conv-prototypes" if args.prototypes else "conv"
    config = TrainingConfig(
        network={"kind": kind, "maps": args.maps}, neurons=args.prototypes or 400, dt=args.dt, seed=seed
    )
    seen = images[np.random.default_rng(seed).permutation(len(images))[: args.learn]]
    rule = config.make_rule()
    network = config.make_network((28, 28), rule if filters == "learned" else replace(rule, eta=_STILL))
    weights = {"image_maps": _k_means(network, seen, seed)} if filters == "k-means" else None
    how = {"source": config.make_source(1.0), "protocol": config.make_protocol()}
    simulator = Simulator(network, seed=seed, weights=weights, **how)
    learning = {"maps": _learn(simulator, "maps", seen)}
    if args.prototypes:
        shown = images[np.random.default_rng(seed + 1).permutation(len(images))[: args.images]]
        learning["prototypes"] = _learn(simulator, "prototypes", shown)
    label_images, label_labels, test_images, test_labels = given
    begin = time.process_time()
    counts = [simulator.count_spikes(x, threads=default_threads())[0] for x in (label_images, test_images)]
    reading = (time.process_time() - begin) / (len(label_images) + len(test_images))
    accuracy = _read_out(counts[0], label_labels, counts[1], test_labels)
    return {**accuracy, "learning_seconds": learning, "reading_ms": 1000 * reading}


def _learn(simulator: Simulator, layer: str, images) -> float:
    """Let a layer learn; return the processor time that it took, s."""
    simulator.prepare(layer=layer)
    begin = time.process_time()
    simulator.train(images, np.arange(len(images)) / len(images), layer=layer)
    return time.process_time() - begin


def _k_means(network, images, seed: int) -> np.ndarray:
    """Filters as k-means finds them in as many patches as the images have positions, up to 50,000."""
    from sklearn.cluster import MiniBatchKMeans

    filters = network.named["image_maps"]
    pad = filters.padding
    pictures = np.pad(images.reshape(-1, 28, 28), ((0, 0), (pad, pad), (pad, pad))) / 255.0
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (filters.size, filters.size), axis=(1, 2))
    patches = windows.reshape(-1, filters.size**2)
    contrast = patches.std(axis=1)
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(contrast > 0.1))[:50_000]
    n_maps = network.shape_of("maps")[0]
    found = MiniBatchKMeans(n_maps, random_state=seed, n_init=3).fit(_centred(patches[chosen])).cluster_centers_
    return _centred(found).astype(np.float32).ravel()


def _centred(patches: np.ndarray) -> np.ndarray:
    """Without their mean, of norm 1."""
    patches = patches - patches.mean(axis=1, keepdims=True)
    return patches / np.linalg.norm(patches, axis=1, keepdims=True)


def _read_out(label_counts, labels, counts, test_labels, schemes=("logistic", "proportion")) -> dict:
    readout = fit_readout(label_counts, labels)
    return {scheme: float(np.mean(readout.predict(counts, scheme) == test_labels)) for scheme in schemes}


def _keep(path: Path, results: dict) -> None:
    write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())


def _table(results: dict):
    """Mean and standard deviation over the seeds that are there."""
    yield f"pixels      logistic {100 * results['pixels']['logistic']:.2f}"
    for filters in FILTERS:
        found = [r for name, r in results.items() if name.rpartition(" ")[0] == filters]
        if found:
            values = {scheme: [100 * r[scheme] for r in found] for scheme in ("logistic", "proportion")}
            told = [f"{scheme} {np.mean(v):.2f} ± {np.std(v, ddof=len(v) > 1):.2f}" for scheme, v in values.items()]
            yield f"{filters:11} {'  '.join(told)}  ({len(found)} seeds)"


if __name__ == "__main__":
    main()
