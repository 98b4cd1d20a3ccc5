"""Compare engram with Brian 2 and BindsNET on the same images, the same number of neurons and the same machine.

    python benchmarks/simulators.py --install     # once: the peers' environments, in benchmarks/.peers
    python benchmarks/simulators.py               # measure everything, in turn; about forty minutes
    python benchmarks/simulators.py --sizes 400   # measure a size again, beside what is stored of the others
    python benchmarks/simulators.py --markdown    # the stored results as tables for the documentation

Every measurement is a process of its own on one core. All simulators of the network start from the same weights and
thresholds, which engram trained beforehand, and present the same MNIST images for 350 ms and 150 ms of blank each,
once, however few spikes they draw; with learning off for 350 ms from rest. engram is timed before and after its peers,
since a machine may get faster or slower meanwhile; what is told is the median. Beside the simulators stands the floor:
what the model must compute and move for an image, at the rates at which this machine does it. MNIST must be at hand
(``engram data fetch mnist``). Writes ``simulators.json`` and the figure ``simulators.svg`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from speed import environments, report
from speed.figure import draw
from speed.floor import counted_equations, floor_ms
from speed.machine import describe
from speed.session import ENGRAM, PEERS, AbsentError, Session, Simulator

from engram.datasets import load
from engram.networks import DiehlCook

RESULTS = Path(__file__).parent / "results"
SIZES = (100, 400, 1_600, 6_400)
LARGEST = 12_800  # engram alone, for its growth
GROWS_FROM = 400
RULES = ("self_normalizing", "triplet")
N_BURN_IN, N_IMAGES, N_EVENTS = 1_000, 128, 40
SHOWN, BLANK = 350, 150


class Comparison:
    """The measurements, in order, and what they are made with."""

    def __init__(self, session: Session, sizes: tuple[int, ...], peers: tuple[Simulator, ...]):
        self.session, self.sizes, self.peers = session, sizes, peers
        mnist = load("mnist").train_images
        chosen = mnist[np.random.default_rng(0).permutation(len(mnist))[: N_BURN_IN + N_IMAGES]]
        self.n_inputs = mnist.shape[1]
        self.files = {name: session.scratch / f"{name}.npy" for name in ("burn_in", "images")}
        np.save(self.files["burn_in"], chosen[:N_BURN_IN].astype(np.float32))
        np.save(self.files["images"], chosen[N_BURN_IN:].astype(np.float32))

    def measurements(self) -> Iterator[dict]:
        """Every simulator at every size, in turn."""
        for n in self.sizes:
            for rule in RULES:
                self.burn_in(n, rule)
                yield from self.in_turn(self.task(n, rule, "train"))
            yield from self.in_turn(self.task(n, RULES[0], "test"))
            for peer in self.peers:
                if RULES[0] not in peer.rules:  # it brings its own network
                    yield from (self.peer(peer, self.task(n, peer.rules[0], phase)) for phase in ("train", "test"))
        yield from self.engram_alone()

    def in_turn(self, task: dict) -> Iterator[dict]:
        """Engram before and after its peers, since a machine may get faster or slower meanwhile."""
        task |= {"budget_s": self.session.budget_s / 2}
        before = self.session.run(ENGRAM.script, ENGRAM.environment, task)
        yield from (self.peer(peer, task) for peer in self.peers if task["rule"] in peer.rules)
        after = self.session.run(ENGRAM.script, ENGRAM.environment, task)
        yield self.record(
            ENGRAM, task, lambda: after | {"ms_per_image": before["ms_per_image"] + after["ms_per_image"]}, 1
        )

    def engram_alone(self) -> Iterator[dict]:
        """A larger network, more threads, a finer step."""
        rule = RULES[0]
        self.burn_in(LARGEST, rule)
        yield self.engram(self.task(LARGEST, rule, "train"))
        yield self.engram(self.task(400, rule, "test"), threads=2)
        for n in (1_600, 6_400):
            self.burn_in(n, rule)
            yield self.engram(self.task(n, rule, "train"), threads=2)
        self.burn_in(400, rule, dt=0.1)
        yield self.engram(self.task(400, rule, "train", dt=0.1))

    def startups(self) -> Iterator[dict]:
        """From starting Python to the first learned image, with empty caches and then with full ones."""
        self.burn_in(400, RULES[0])
        for simulator in (ENGRAM, *self.peers):
            task = self.task(400, RULES[0], "train")
            task |= {"n_images": 1, "warm_up": 0, "repetitions": 1}
            with tempfile.TemporaryDirectory(dir=self.session.scratch) as cache:
                task |= {"cache": cache, "surroundings": {"ENGRAM_CACHE": cache}}
                record = {"simulator": simulator.name}
                try:
                    for state in ("empty", "full"):
                        result = self.session.run(simulator.script, simulator.environment, task)
                        record |= {f"{state}_s": result["first_image_s"], "imported_s": result["imported_s"]}
                except AbsentError as problem:
                    record["absent"] = str(problem)
            yield record

    def floors(self, machine: dict) -> Iterator[dict]:
        """The least time of a training image at each size."""
        for n in self.sizes:
            for rule in RULES:
                task = self.task(n, rule, "train") | {"work": "events", "n_images": N_EVENTS}
                events = self.session.run(ENGRAM.script, ENGRAM.environment, task)
                parts = floor_ms(DiehlCook(n_inputs=self.n_inputs, n_neurons=n), rule, events, machine)
                yield {"rule": rule, "n_neurons": n, "events": events, "ms": sum(parts.values()), "parts_ms": parts}

    def task(self, n: int, rule: str, phase: str, dt: float = 0.5) -> dict:
        """What a measured process is told."""
        return {
            "work": "speed",
            "n_neurons": n,
            "n_inputs": self.n_inputs,
            "rule": rule,
            "phase": phase,
            "dt": dt,
            "dtype": "float64",
            "shown": SHOWN,
            "blank": BLANK if phase == "train" else 0,
            "seed": 0,
            "images": str(self.files["images"]),
            "most_images": N_IMAGES,
            "state": str(self.session.scratch / f"state-{n}-{rule}-{dt}.npz"),
        }

    def burn_in(self, n: int, rule: str, dt: float = 0.5) -> None:
        """Train the network that all simulators start from; also what fills engram's cache of kernels."""
        task = self.task(n, rule, "train", dt) | {"work": "burn_in", "images": str(self.files["burn_in"])}
        if not Path(task["state"]).exists():
            self.session.run(ENGRAM.script, ENGRAM.environment, task)

    def engram(self, task: dict, threads: int = 1) -> dict:
        """Time engram on all images, again and again from the same start."""
        task |= {"budget_s": self.session.budget_s}

        def measure():
            return self.session.run(ENGRAM.script, ENGRAM.environment, task, threads=threads)

        return self.record(ENGRAM, task, measure, threads)

    def peer(self, peer: Simulator, task: dict) -> dict:
        """Time a peer on as many of the images as it has time for."""
        return self.record(peer, task, lambda: self.session.measure_peer(peer, task), 1)

    def record(self, simulator: Simulator, task: dict, measure, threads: int) -> dict:
        """A measurement as it is stored, or the reason why there is none."""
        kept = ("n_neurons", "rule", "phase", "dt")
        record = {"simulator": simulator.name, "threads": threads} | {name: task[name] for name in kept}
        try:
            result = measure()
        except AbsentError as problem:
            return record | {"absent": str(problem)}
        times = result.pop("ms_per_image")
        return record | result | {"ms": statistics.median(times), "ms_range": [min(times), max(times)]}


def growth(measurements: list[dict]) -> float | None:
    """The exponent with which engram's time of a training image grows with neurons."""
    points = [
        (record["n_neurons"], record["ms"])
        for record in measurements
        if (record["simulator"], record["rule"], record["phase"], record["threads"], record["dt"])
        == (ENGRAM.name, RULES[0], "train", 1, 0.5)
        and record["n_neurons"] >= GROWS_FROM
    ]
    return float(np.polyfit(*np.log(points).T, 1)[0]) if len(points) > 1 else None


def measure(options: argparse.Namespace) -> dict:
    """Measure everything; progress goes to the standard error."""
    peers = tuple(peer for peer in PEERS if not options.only or peer.name in options.only)
    with tempfile.TemporaryDirectory() as scratch:
        counted_equations(DiehlCook())  # before an hour is spent: the one part that knows engram's functions
        session = Session(Path(scratch), options.budget, options.limit)
        comparison = Comparison(session, tuple(options.sizes), peers)
        measurements = []
        for record in comparison.measurements():
            measurements.append(record)
            sys.stderr.write(report.line(record) + "\n")
        rates = session.run("run_machine.py", ENGRAM.environment, {})
        return {
            "machine": describe() | {"rates": rates},
            "notes": {simulator.name: simulator.note for simulator in (ENGRAM, *peers)},
            "measurements": measurements,
            "startups": list(comparison.startups()),
            "floors": list(comparison.floors(rates)),
            "growth_exponent": growth(measurements),
        }


def beside(results: dict, stored: dict) -> dict:
    """New results, and the stored ones of what was not measured again."""
    keys = {
        "measurements": ("simulator", "n_neurons", "rule", "phase", "threads", "dt"),
        "floors": ("rule", "n_neurons"),
        "startups": ("simulator",),
    }
    merged = results | {"notes": stored["notes"] | results["notes"]}
    for part, names in keys.items():
        by_key = {tuple(record[name] for name in names): record for record in stored[part] + results[part]}
        merged[part] = sorted(by_key.values(), key=lambda record: record.get("n_neurons", 0))
    return merged | {"growth_exponent": growth(merged["measurements"])}


def main() -> None:
    """Install, measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="make the peers' environments anew, and stop")
    parser.add_argument("--markdown", action="store_true", help="print the stored results as Markdown, and stop")
    parser.add_argument("--figure", action="store_true", help="draw the stored results again, and stop")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of neurons")
    parser.add_argument("--only", nargs="+", metavar="PEER", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of a measurement's timed images")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that its fewest images may take")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    stored = options.out / "simulators.json"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that what is being measured ends too
    if options.install:
        environments.install()
        return
    if not (options.markdown or options.figure):
        results = measure(options)
        if stored.exists() and (options.only or tuple(options.sizes) != SIZES):
            results = beside(results, json.loads(stored.read_text()))
        options.out.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(results, indent=1) + "\n")
        report.show(results)
    results = json.loads(stored.read_text())
    if options.markdown:
        print(report.markdown(results))
        return
    draw(results, options.out)


if __name__ == "__main__":
    main()
