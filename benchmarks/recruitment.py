"""Which neurons are recruited, in a model of the competition that leaves the membranes out.

A search over how a network recruits its neurons needs many runs, of networks so large that the simulator takes minutes.
Here the neuron wins whose weights have counted most input spikes for its threshold, it fires as often as its drive
would let it within an image, and each spike moves its weights by the rule and raises its threshold. The constants are
those of the preset "sharp". Validation is on training images held out; test images take no part.

    python benchmarks/recruitment.py results/recruitment.jsonl < candidates.jsonl

A candidate is ``{"neurons": 500, "examples": 5000, "eta": 0.2, "w_start": 0.55, "theta_plus": 2.0}``, each part
optional.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engram.datasets import load
from engram.files import write_atomically

BASE, SHOWN, COUNTED, NORM = 23.0, 250.0, 75.0, 5.6
"""Threshold above rest (mV), time of an image and of its first race (ms), and the Euclidean norm that weights keep."""

DRIVE = 0.065
"""What a unit of conductance for 1 ms adds to the membrane, mV: 65 mV over 1,000 ms."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is tried; names are those of the network's and the rule's constants."""

    neurons: int = 500
    examples: int = 5000
    rule: str = "self_normalizing"
    eta: float = 0.1
    eta_decay: float = 0.2
    x_tar: float = 0.2
    w_start: float = 0.3413
    theta_plus: float = 5.0
    theta_plus_decay: float = 0.01
    images_per_neuron: float = 5.0
    seed: int = 0


class Competition:
    """Neurons that compete for images one after another."""

    def __init__(self, candidate: Candidate):
        self.c, self.random = candidate, np.random.default_rng(candidate.seed)
        n = candidate.neurons
        uniform = self.random.random((n, 784), dtype=np.float32)
        self.weights = ((uniform + 0.01) * candidate.w_start).astype(np.float32)
        if candidate.rule == "exponential":
            self.weights *= (NORM / np.linalg.norm(self.weights, axis=1))[:, np.newaxis]
        self.theta, self.s_max, self.wins = np.zeros(n), np.full(n, 8 * 0.0707), np.zeros(n, int)

    def learn(self, image: np.ndarray, progress: float) -> None:
        """An image: one neuron wins, and learns from each of its spikes."""
        c = self.c
        inked = np.flatnonzero(image)
        rate = image[inked].astype(np.float32) / 8 * 4.0 / 1000
        counts = np.zeros(784, np.float32)
        counts[inked] = self.random.poisson(rate * COUNTED)
        self.theta *= np.exp(-1.0 / (c.images_per_neuron * c.neurons))
        j = int(np.argmax(self.weights @ counts / (BASE + self.theta)))
        drive = DRIVE * float(self.weights[j, inked] @ rate)
        for _ in range(int(np.clip(round(SHOWN * drive / (BASE + self.theta[j])), 1, 8))):
            self._spike(j, inked, rate, c.eta * c.eta_decay**progress)
            self.theta[j] += c.theta_plus * c.theta_plus_decay**progress
        self.wins[j] += 1

    def _spike(self, j: int, inked: np.ndarray, rate: np.ndarray, eta: float) -> None:
        w = self.weights[j]
        active = np.zeros(784, bool)
        active[inked] = self.random.random(len(inked)) < 1 - np.exp(-rate * 20 * np.log(1 / self.c.x_tar))
        if self.c.rule == "exponential":
            x_pre = np.zeros(784, np.float32)
            since = np.minimum(self.random.exponential(1 / np.maximum(rate, 1e-9)), 1e3)
            x_pre[inked] = np.exp(-since / 20)
            w += eta * (x_pre * np.exp(-w) - self.c.x_tar * np.exp(w - 1))
            np.clip(w, 0, 1, out=w)
            w *= NORM / np.linalg.norm(w)
            return
        w += eta * (np.where(active, self.s_max[j], 0).astype(np.float32) - w)
        known, largest = float(w[active].sum()), 3 * NORM / np.sqrt(max(int(active.sum()), 1))
        self.s_max[j] = largest if known * largest <= NORM**2 else NORM**2 / known

    def winners(self, images: np.ndarray, *, by_angle: bool) -> np.ndarray:
        """Who wins without noise: at the smallest angle, or by weights and thresholds as they are."""
        scale = np.linalg.norm(self.weights, axis=1) if by_angle else BASE + self.theta
        scaled = (self.weights / scale[:, np.newaxis].astype(np.float32)).T
        blocks = (images[k : k + 2000].astype(np.float32) @ scaled for k in range(0, len(images), 2000))
        return np.concatenate([block.argmax(axis=1) for block in blocks])


def try_candidate(candidate: Candidate, images: np.ndarray, labels: np.ndarray) -> dict:
    """Learn, label and validate."""
    order = np.random.default_rng(20261122).permutation(len(images))
    held, train = np.sort(order[:10_000]), np.sort(order[10_000:])
    competition = Competition(candidate)
    chosen = train[competition.random.permutation(len(train))[: candidate.examples]]
    for k, i in enumerate(chosen):
        competition.learn(images[i], k / candidate.examples)
    labelling, validating = train[np.random.default_rng(1).permutation(len(train))[:10_000]], held[:4000]
    result = {"used": int((competition.wins > 0).sum())}
    for name, by_angle in (("angle", True), ("thresholds", False)):
        votes = np.zeros((candidate.neurons, 10))
        np.add.at(votes, (competition.winners(images[labelling], by_angle=by_angle), labels[labelling]), 1)
        known = np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), -1)
        right = known[competition.winners(images[validating], by_angle=by_angle)] == labels[validating]
        result[name] = {"accuracy": round(float(right.mean()), 4), "unassigned": int((known < 0).sum())}
    norms = np.linalg.norm(competition.weights, axis=1)
    return result | {"norm": [round(float(norms.mean()), 2), round(float(norms.std()), 2)]}


def main() -> None:
    """Read candidates, write results; those that are there already are skipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    file = parser.parse_args().results
    lines = file.read_text().splitlines() if file.exists() else []
    done = [json.loads(line)["candidate"] for line in lines]
    mnist = load("mnist")
    for line in sys.stdin:
        candidate = Candidate(**json.loads(line))
        if asdict(candidate) in done:
            continue
        result = try_candidate(candidate, mnist.train_images, mnist.train_labels)
        lines.append(json.dumps({"candidate": asdict(candidate), "result": result}))
        write_atomically(file, "".join(f"{line}\n" for line in lines).encode())
        print(lines[-1], file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
