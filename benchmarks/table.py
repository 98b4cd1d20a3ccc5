"""Measure the table of accuracies: every rule and size of a plan, and k-means beside them.

    python benchmarks/table.py --out runs/table --workers 2

Each cell is a run folder under ``--out``; what is there already is not done again, so that the table may be made over
days, and on a cluster (``--scheduler ADDRESS``). ``--collect`` runs nothing and writes what is done so far to
``docs/measured``.

k-means is of images of unit length, and its centroids are labelled by the majority of the training images nearest to
them, as neurons are: what a competition by angle comes to where nothing is noisy.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from engram import figures
from engram.cli.pools import hired, shown, threads_for
from engram.comparison import compare, pieces_of, recorded
from engram.datasets import load
from engram.files import to_json, write_atomically
from engram.plans import grid, read_plan
from engram.pools import Here
from engram.processors import default_threads

HERE = Path(__file__).parent
MEASURED = HERE.parent / "docs/measured"
KMEANS_SIZES = (100, 400, 1600)


def unit_length(images) -> np.ndarray:
    """Images as vectors of length 1, float32."""
    images = np.asarray(images, np.float32)
    return images / np.maximum(np.linalg.norm(images, axis=1, keepdims=True), 1e-9)


def measure_kmeans(dataset: str, n: int, seed: int = 0) -> dict:
    """Accuracy of k-means with so many centroids."""
    from sklearn.cluster import MiniBatchKMeans

    data, begin = load(dataset), time.perf_counter()
    train, test = unit_length(data.train_images), unit_length(data.test_images)
    found = MiniBatchKMeans(n, batch_size=4096, n_init=1, max_iter=30, random_state=seed).fit(train)
    centroids = unit_length(found.cluster_centers_)
    votes = np.zeros((n, max(data.classes) + 1), np.int64)
    np.add.at(votes, (nearest(train, centroids), data.train_labels), 1)
    answers = votes.argmax(axis=1)[nearest(test, centroids)]
    return {
        "dataset": dataset,
        "centroids": n,
        "accuracy": float(np.mean(answers == data.test_labels)),
        "seconds": time.perf_counter() - begin,
        "seed": seed,
    }


def nearest(images: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The centroid at the smallest angle to each image."""
    blocks = (images[k : k + 2000] @ centroids.T for k in range(0, len(images), 2000))
    return np.concatenate([block.argmax(axis=1) for block in blocks])


def all_kmeans(folder: Path, datasets: list[str], *, measure: bool) -> list[dict]:
    """k-means of each data set and size; what was measured before is kept."""
    file = folder / "kmeans.json"
    known = json.loads(file.read_text()) if file.exists() else []
    for dataset in datasets:
        for n in KMEANS_SIZES if measure else ():
            if not any((record["dataset"], record["centroids"]) == (dataset, n) for record in known):
                known.append(measure_kmeans(dataset, n))
                write_atomically(file, to_json(known))
    return known


def is_drawn(record: dict) -> bool:
    """Whether the learning curve is drawn: the default rule in each size, and what the largest size is held against."""
    chosen = record["rule"] == "self_normalizing" or record["neurons"] == 6400
    of_preset = record["options"].get("count") is None
    return chosen and of_preset and record["dataset"] == "mnist" and record["options"].get("epochs", 1) == 1


def machine() -> str:
    """The processor's name and how many there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")
    return f"{name}, {default_threads()} of them"


def main() -> None:
    """Measure what is not known yet, and write down what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=HERE / "table.toml")
    parser.add_argument("--out", type=Path, default=Path("runs/table"))
    parser.add_argument("--workers", type=int)
    parser.add_argument("--scheduler")
    parser.add_argument("--no-kmeans", action="store_true")
    parser.add_argument("--collect", action="store_true", help="run nothing; write down what is done")
    options = parser.parse_args()
    configs = [config for block in read_plan(options.plan) for config in grid(block)]
    if not options.collect:
        pool = hired(options.out, options.workers, options.scheduler, False, None)
        threads = threads_for(None, options.workers, options.scheduler, False)
        with pool or Here() as chosen, shown(pool, len(configs), quiet=False) as view:
            compare(options.out, configs, threads=threads, pool=chosen, watcher=view)
    records = recorded(pieces_of(options.out, configs))
    datasets = sorted({config.dataset for config in configs})
    kmeans = all_kmeans(options.out, datasets, measure=not (options.collect or options.no_kmeans))
    write_atomically(MEASURED / "table.json", to_json({"records": records, "kmeans": kmeans, "machine": machine()}))
    curves = {
        f"{record['rule']}, {record['neurons']:,}": tuple(record["curve"].values())
        for record in records
        if is_drawn(record)
    }
    if curves:
        figures.save(figures.learning_curves(curves), MEASURED / "curves", formats=("svg",))


if __name__ == "__main__":
    main()
