"""What learning adds to a spiking convolution: the network conv beside the same network without learned filters.

    python benchmarks/convolution.py --dataset mnist --seeds 5 --out docs/measured/convolution_mnist.json
    python benchmarks/convolution.py --prototypes 1600 --epochs 4 --out docs/measured/prototypes_mnist.json

For each seed the network learns its filters from a few unlabelled images, then reads label images and test images, from
whose spike counts two readouts answer: logistic regression, and labels assigned to neurons ("proportion"). The controls
differ in their filters alone: *untrained* ones, as they are drawn, and *k-means* of as many patches as the network saw,
without their mean and of norm 1. Their thresholds settle over the same images, without learning. *Pixels* is the same
logistic regression on the images themselves. With `--prototypes` the network is conv-prototypes, whose last layer then
learns from `--images` above filters of each kind, in `--epochs` passes, fixed beforehand; constants were chosen on the
last 10,000 training images (`--validate` reads those), test images are read once at the end. Times are of the
processor, ms an image; memory is the most that the process has held so far.

Each network's result is a file of its own under runs/, in the folder of `--out`'s name, and what is there is not
computed again: stop and start it as you like, and start it twice to use two processors. A network that another process
has begun is passed over.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from engram import Simulator, TrainingConfig
from engram.datasets import load
from engram.files import write_atomically
from engram.processors import default_threads
from engram.readout import fit_readout

FILTERS = ("learned", "untrained", "k-means")
_NO_SETTINGS = ("out", "seeds", "filters")
_GEOMETRY = ("size", "padding", "pool", "pool_stride")
_LATER = (
    ("prototypes", 0), ("images", 60_000), ("dt", 0.5), ("epochs", 1),
    ("size", 7), ("padding", 1), ("pool", 8), ("pool_stride", 4),
)  # fmt: skip
"""What files made before had, without saying so."""
_STILL = 1e-30  # a learning rate at which no weight changes in single precision


def main() -> None:
    """Measure what is not there yet, and print the table."""
    args = _arguments()
    images, labels, test_images, test_labels = _split(args)
    results = json.loads(args.out.read_text()) if args.out.exists() else {}
    settings = {n: str(v) for n, v in vars(args).items() if n not in _NO_SETTINGS and (n, v) not in _LATER}
    folder = Path("runs") / args.out.stem
    if not (folder / "settings.json").exists():
        _keep(folder / "settings.json", settings)
    begun = json.loads((folder / "settings.json").read_text())
    if begun != settings or results.setdefault("settings", settings) != settings:
        raise SystemExit(f"{args.out} and {folder} hold results of other settings, {begun}; give another --out.")
    labelled = np.random.default_rng(0).permutation(len(images))[: args.label]
    given = images[labelled], labels[labelled], test_images, test_labels
    cells = {"pixels": lambda: _read_out(*given, schemes=("logistic",))} | {
        f"{filters} {seed}": functools.partial(_measure, args, filters, seed, images, given)
        for seed in range(args.seeds) for filters in args.filters
    }  # fmt: skip
    for name, measure in cells.items():
        if name not in results:
            _fill(folder / f"{name}.json", measure)
    files = {name: folder / f"{name}.json" for name in cells}
    results |= {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    _keep(args.out, results)
    for row in _table(results):
        print(row)
    if missing := [name for name in cells if name not in results]:
        print("Still to come from another process:", ", ".join(missing))


def _fill(file: Path, measure) -> None:
    """Measure one network, unless that was done or another process is at it."""
    with contextlib.suppress(Timeout), FileLock(file.with_suffix(".lock"), timeout=0):
        if not file.exists():
            _keep(file, measure())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--maps", type=int, default=64)
    parser.add_argument("--size", type=int, default=7, help="side of a filter")
    parser.add_argument("--padding", type=int, default=1)
    parser.add_argument("--pool", type=int, default=8, help="side of a window")
    parser.add_argument("--pool-stride", type=int, default=4)
    parser.add_argument("--learn", type=int, default=1000, help="images from which filters are learned")
    parser.add_argument("--prototypes", type=int, default=0, help="neurons above the convolution; none by default")
    parser.add_argument("--images", type=int, default=60_000, help="from which prototypes learn")
    parser.add_argument("--epochs", type=int, default=1, help="passes over them")
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
    described = {"kind": "conv-prototypes" if args.prototypes else "conv", "maps": args.maps}
    described |= {name: getattr(args, name) for name in _GEOMETRY}
    constants = {"a_tar": 1 / args.size**2}  # filters of norm 1
    config = TrainingConfig(
        network=described, constants=constants, neurons=args.prototypes or 400, dt=args.dt, seed=seed
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
        learning["prototypes"] = _learn(simulator, "prototypes", shown, args.epochs)
    label_images, label_labels, test_images, test_labels = given
    counts, reading = [], {}
    for name, shown in (("label", label_images), ("test", test_images)):
        begin = time.process_time()
        blocks = (shown[k : k + 1000] for k in range(0, len(shown), 1000))  # counts in 32 bits would take memory
        counts.append(np.vstack([_counted(simulator, block) for block in blocks]))
        reading[name] = 1000 * (time.process_time() - begin) / len(shown)
    accuracy = _read_out(counts[0], label_labels, counts[1], test_labels)
    return {
        **accuracy, "learning_ms": learning, "label_ms": reading["label"], "reading_ms": reading["test"],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def _counted(simulator: Simulator, images) -> np.ndarray:
    counts = simulator.count_spikes(images, threads=default_threads())[0]
    return counts.astype(np.uint8 if counts.max() < 256 else np.uint16)


def _learn(simulator: Simulator, layer: str, images, epochs: int = 1) -> list[float]:
    """Let a layer learn; return the processor time that an image took in each pass, ms."""
    simulator.prepare(layer=layer)
    found = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(images)) if epoch else np.arange(len(images))
        begin = time.process_time()
        done = (epoch + np.arange(len(images)) / len(images)) / epochs
        for k in range(0, len(images), 1000):  # counts of all images at once would take memory
            simulator.train(images[order[k : k + 1000]], done[k : k + 1000], layer=layer)
        found.append(1000 * (time.process_time() - begin) / len(images))
    return found


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
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())


def _table(results: dict):
    """Mean and standard deviation over the seeds that are there."""
    if "pixels" in results:
        yield f"pixels      logistic {100 * results['pixels']['logistic']:.2f}"
    for filters in FILTERS:
        found = [r for name, r in results.items() if name.rpartition(" ")[0] == filters]
        if found:
            values = {scheme: [100 * r[scheme] for r in found] for scheme in ("logistic", "proportion")}
            told = [f"{scheme} {np.mean(v):.2f} ± {np.std(v, ddof=len(v) > 1):.2f}" for scheme, v in values.items()]
            yield f"{filters:11} {'  '.join(told)}  ({len(found)} seeds)"


if __name__ == "__main__":
    main()
