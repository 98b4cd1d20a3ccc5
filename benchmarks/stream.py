"""Measure what one image at a time costs beside a batch: learning by `partial_fit`, and `predict`.

MNIST, the default preset, one thread, processor time. Single images and batches take turns on networks that have
learned the same; what is told is the least of several rounds. Prints a table.

    python benchmarks/stream.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from engram import STDPClassifier
from engram.datasets import load

CASES = {
    "`partial_fit`": {},
    "`partial_fit` with a callback": {"callbacks": lambda progress, training: None},
    "`partial_fit`, `triplet`, whose weights are normalised": {"rule": "triplet"},
}
"""What is asked of the estimator beside its defaults."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--images", type=int, default=500, help="in a round")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    print("| | one image at a time, ms | of a batch, ms | times |")
    print("|---|---|---|---|")
    with threadpool_limits(1):
        for name, given in CASES.items():
            for told, single, batch in measured(name, given, options.neurons, options.images, options.rounds):
                print(f"| {told} | {1e3 * single:.2f} | {1e3 * batch:.2f} | {single / batch:.1f} |", flush=True)


def measured(name: str, given: dict, n_neurons: int, n: int, rounds: int) -> list[tuple[str, float, float]]:
    """Seconds for an image, singly and in a batch: of learning and, where nothing is asked for, of reading."""
    data = load("mnist")
    streams = [STDPClassifier(n_neurons, threads=1, **given) for _ in range(2)]
    for classifier in streams:
        classifier.partial_fit(data.train_images[: 2 * n], data.train_labels[: 2 * n], classes=range(10))
    single, batch = streams
    learning, reading = [], []
    for k in range(2, 2 + rounds):
        images, labels = data.train_images[k * n : (k + 1) * n], data.train_labels[k * n : (k + 1) * n]
        learning.append((singly(single.partial_fit, images, labels), seconds(batch.partial_fit, images, labels)))
        if not given:
            single.predict(images[:1])  # labels are made when they are first asked for
            reading.append((singly(single.predict, images), seconds(single.predict, images)))
    found = [(name, *least(learning, n))]
    return [*found, ("`predict`", *least(reading, n))] if reading else found


def seconds(call: Callable[..., object], *given: np.ndarray) -> float:
    """Processor time of a call, of all its threads."""
    begin = time.process_time()
    call(*given)
    return time.process_time() - begin


def singly(call: Callable[..., object], *given: np.ndarray) -> float:
    """The same of a call for each image."""

    def all_calls() -> None:
        for k in range(len(given[0])):
            call(*(array[k : k + 1] for array in given))

    return seconds(all_calls)


def least(taken: list[tuple[float, float]], n: int) -> tuple[float, float]:
    """The least for an image, of rounds of so many."""
    single, batch = (min(times) / n for times in zip(*taken, strict=True))
    return single, batch


if __name__ == "__main__":
    main()
