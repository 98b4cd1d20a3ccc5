"""Compare engram with Brian 2 and BindsNET on the same images, the same number of neurons and the same machine.

    python benchmarks/simulators.py --install     # once: the peers' environments, in benchmarks/.peers
    python benchmarks/simulators.py               # measure everything, in turn; about forty minutes
    python benchmarks/simulators.py --sizes 400   # measure a size again, beside what is stored of the others
    python benchmarks/simulators.py --threads     # measure two threads beside one again, and nothing else
    python benchmarks/simulators.py --cpu x86-64-v3    # all of them with code for processors without AVX-512
    python benchmarks/simulators.py --markdown    # the stored results as tables for the documentation

Every measurement is a process of its own on one core. All simulators of the network start from the same weights and
thresholds, which engram trained beforehand, and present the same MNIST images for as long as the preset says, once,
however few spikes they draw; with learning off without blank, from rest. Constants are those of engram's presets, and
both are measured. engram is timed before and after its peers, since a machine may get faster or slower meanwhile; what
is told is the median. Beside the simulators stands the floor: what the model must compute and move for an image, at the
rates at which this machine does it, by code for the same processor. MNIST must be at hand (``engram data fetch
mnist``). Writes ``simulators.json`` and the figure ``simulators.svg`` and ``.png``, or, for another processor,
``simulators-x86-64-v3.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
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

from engram import TrainingConfig
from engram.datasets import load
from engram.encoders import RATE_PER_PIXEL
from engram.networks import DiehlCook
from engram.plasticity.normalization import target_norm

RESULTS = Path(__file__).parent / "results"
SIZES = (100, 400, 1_600, 6_400)
LARGEST = 12_800  # engram alone, for its growth
GROWS_FROM = 400
MANY = 1_600  # from here on neurons are shared out among threads
PRESETS = ("paper", "sharp")
RULES = ("self_normalizing", "exponential", "triplet")
N_BURN_IN, N_IMAGES, N_EVENTS = 1_000, 128, 40
N_SHARED = 1_024  # images for threads, which begin a call some milliseconds apart


TOLD = ("preset", "n_neurons", "rule", "phase", "dt")
"""What a record has of its task."""


def constants_of(config: TrainingConfig, n_inputs: int) -> dict:
    """All that a peer has to know of the network, the rule and the protocol."""
    network, rule, protocol = config.make_network(n_inputs), config.make_rule(), config.make_protocol()
    return {
        "network": dataclasses.asdict(network),
        "rule": dataclasses.asdict(rule),
        "norm": {
            "kind": rule.normalization, "target": target_norm(rule.normalization, n_inputs), "n_inputs": n_inputs
        },
        "hz_per_value": RATE_PER_PIXEL * protocol.start_intensity,
        "at_rest": protocol.at_rest,
    }  # fmt: skip


class Comparison:
    """The measurements, in order, and what they are made with."""

    def __init__(
        self, session: Session, sizes: tuple[int, ...], presets: tuple[str, ...], peers: tuple[Simulator, ...]
    ):
        self.session, self.sizes, self.presets, self.peers = session, sizes, presets, peers
        mnist = load("mnist").train_images
        order = np.random.default_rng(0).permutation(len(mnist))
        self.n_inputs = mnist.shape[1]
        begin, self.files = 0, {}
        for name, n in (("burn_in", N_BURN_IN), ("images", N_IMAGES), ("shared", N_SHARED)):
            self.files[name] = session.scratch / f"{name}.npy"
            np.save(self.files[name], mnist[order[begin : begin + n]].astype(np.float32))
            begin += n

    def measurements(self) -> Iterator[dict]:
        """Every simulator at every size by every preset, in turn."""
        for n, preset in itertools.product(self.sizes, self.presets):
            for rule in RULES:
                self.burn_in(preset, n, rule)
                yield from self.in_turn(self.task(preset, n, rule, "train"))
            yield from self.in_turn(self.task(preset, n, RULES[0], "test"))
        yield from self.networks_of_peers()
        for preset in self.presets:
            yield from self.engram_alone(preset)

    def networks_of_peers(self) -> Iterator[dict]:
        """Simulators that bring a network of their own."""
        own = [(peer, rule) for peer in self.peers for rule in peer.rules if rule not in RULES]
        for n, (peer, rule), phase in itertools.product(self.sizes, own, ("train", "test")):
            yield self.peer(peer, self.task("paper", n, RULES[0], phase) | {"rule": rule})

    def in_turn(self, task: dict) -> Iterator[dict]:
        """Engram before and after its peers, since a machine may get faster or slower meanwhile."""
        task |= {"budget_s": self.session.budget_s / 2}
        before = self.session.run(ENGRAM.script, ENGRAM.environment, task)
        yield from (self.peer(peer, task) for peer in self.peers if task["rule"] in peer.rules)
        after = self.session.run(ENGRAM.script, ENGRAM.environment, task)
        yield self.record(
            ENGRAM, task, lambda: after | {"ms_per_image": before["ms_per_image"] + after["ms_per_image"]}
        )

    def engram_alone(self, preset: str) -> Iterator[dict]:
        """A finer step and, where all sizes are asked for, a larger network."""
        rule = RULES[0]
        self.burn_in(preset, 400, rule, dt=0.1)
        yield self.engram(self.task(preset, 400, rule, "train", dt=0.1))
        if self.sizes == SIZES:
            self.burn_in(preset, LARGEST, rule)
            yield self.engram(self.task(preset, LARGEST, rule, "train"))

    def threads(self) -> Iterator[dict]:
        """Two threads between two turns of one, on more images than the simulators get."""
        many = [(n, "train") for n in self.sizes if n >= MANY]
        for preset, (n, phase) in itertools.product(self.presets, [(400, "test"), *many]):
            self.burn_in(preset, n, RULES[0])
            task = self.task(preset, n, RULES[0], phase)
            task |= {"images": str(self.files["shared"]), "budget_s": self.session.budget_s}
            record = {name: task[name] for name in TOLD} | {"n_images": N_SHARED}
            try:
                one, two, again = (
                    self.session.run(ENGRAM.script, ENGRAM.environment, task, threads=k)["ms_per_image"]
                    for k in (1, 2, 1)
                )
                record |= {"one_ms": statistics.median(one + again), "two_ms": statistics.median(two)}
            except AbsentError as problem:
                record["absent"] = str(problem)
            yield record

    def startups(self) -> Iterator[dict]:
        """From starting Python to the first learned image, with empty caches and then with full ones."""
        preset = self.presets[-1]
        self.burn_in(preset, 400, RULES[0])
        for simulator in (ENGRAM, *self.peers):
            task = self.task(preset, 400, RULES[0], "train")
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
        """The least time of a training image, and of one that is read, by preset, at each size and at a finer step."""
        for preset in self.presets:
            for n, rule in itertools.product(self.sizes, RULES):
                yield self.floor(self.task(preset, n, rule, "train"), machine)
            for n in self.sizes:
                yield self.floor(self.task(preset, n, RULES[0], "test"), machine)
            yield self.floor(self.task(preset, 400, RULES[0], "train", dt=0.1), machine)

    def floor(self, task: dict, machine: dict) -> dict:
        """The least time of an image."""
        events = self.session.run(ENGRAM.script, ENGRAM.environment, task | {"work": "events", "n_images": N_EVENTS})
        config = TrainingConfig(preset=task["preset"], rule=task["rule"], neurons=task["n_neurons"], dt=task["dt"])
        rule = config.make_rule() if task["phase"] == "train" else None
        parts = floor_ms(config.make_network(self.n_inputs), rule, events, machine)
        told = {name: task[name] for name in TOLD}
        return told | {"events": events, "ms": sum(parts.values()), "parts_ms": parts}

    def task(self, preset: str, n: int, rule: str, phase: str, dt: float = 0.5) -> dict:
        """What a measured process is told."""
        config = TrainingConfig(preset=preset, rule=rule, neurons=n, dt=dt)
        protocol = config.make_protocol()
        return {
            "work": "speed",
            "preset": preset,
            "n_neurons": n,
            "n_inputs": self.n_inputs,
            "rule": rule,
            "phase": phase,
            "dt": dt,
            "dtype": "float64",
            "shown": protocol.shown,
            "blank": protocol.blank if phase == "train" else 0.0,
            "constants": constants_of(config, self.n_inputs),
            "seed": 0,
            "images": str(self.files["images"]),
            "most_images": N_IMAGES,
            "state": str(self.session.scratch / f"state-{preset}-{n}-{rule}-{dt}.npz"),
        }

    def burn_in(self, preset: str, n: int, rule: str, dt: float = 0.5) -> None:
        """Train the network that all simulators start from; also what fills engram's cache of kernels."""
        task = self.task(preset, n, rule, "train", dt) | {"work": "burn_in", "images": str(self.files["burn_in"])}
        if not Path(task["state"]).exists():
            self.session.run(ENGRAM.script, ENGRAM.environment, task)

    def engram(self, task: dict) -> dict:
        """Time engram on all images, again and again from the same start."""
        task |= {"budget_s": self.session.budget_s}
        return self.record(ENGRAM, task, lambda: self.session.run(ENGRAM.script, ENGRAM.environment, task))

    def peer(self, peer: Simulator, task: dict) -> dict:
        """Time a peer on as many of the images as it has time for."""
        return self.record(peer, task, lambda: self.session.measure_peer(peer, task))

    def record(self, simulator: Simulator, task: dict, measure) -> dict:
        """A measurement as it is stored, or the reason why there is none."""
        record = {"simulator": simulator.name} | {name: task[name] for name in TOLD}
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
        if (record["simulator"], record["rule"], record["phase"], record["dt"]) == (ENGRAM.name, RULES[0], "train", 0.5)
        and record["n_neurons"] >= GROWS_FROM
    ]
    return float(np.polyfit(*np.log(points).T, 1)[0]) if len(points) > 1 else None


def measure(options: argparse.Namespace) -> dict:
    """Measure everything, or two threads alone; progress goes to the standard error."""
    peers = tuple(peer for peer in PEERS if not options.only or peer.name in options.only)
    with tempfile.TemporaryDirectory() as scratch:
        counted_equations(DiehlCook())  # before an hour is spent: the one part that knows engram's functions
        session = Session(Path(scratch), options.budget, options.limit, options.cpu)
        comparison = Comparison(session, tuple(options.sizes), tuple(options.presets), peers)
        if options.threads:
            return {"threads": _told(comparison.threads())}
        measurements = _told(comparison.measurements())
        rates = session.run("run_machine.py", ENGRAM.environment, {})
        return {
            "machine": describe(options.cpu) | {"rates": rates},
            "notes": {simulator.name: simulator.note for simulator in (ENGRAM, *peers)},
            "measurements": measurements,
            "threads": _told(comparison.threads()),
            "startups": list(comparison.startups()),
            "floors": list(comparison.floors(rates)),
            "growth_exponent": growth(measurements),
        }


def _told(records: Iterator[dict]) -> list[dict]:
    kept = []
    for record in records:
        kept.append(record)
        sys.stderr.write(report.line(record) + "\n")
    return kept


def beside(results: dict, stored: dict) -> dict:
    """New results, and the stored ones of what was not measured again."""
    keys = {
        "measurements": ("simulator", *TOLD),
        "threads": TOLD,
        "floors": TOLD,
        "startups": ("simulator",),
    }
    merged = {**stored, **results, "notes": stored["notes"] | results.get("notes", {})}
    for part, names in keys.items():
        records = stored[part] + results.get(part, [])
        by_key = {tuple(record[name] for name in names): record for record in records}
        merged[part] = sorted(by_key.values(), key=lambda record: record.get("n_neurons", 0))
    return merged | {"growth_exponent": growth(merged["measurements"])}


def main() -> None:
    """Install, measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="make the peers' environments anew, and stop")
    parser.add_argument("--markdown", action="store_true", help="print the stored results as Markdown, and stop")
    parser.add_argument("--figure", action="store_true", help="draw the stored results again, and stop")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of neurons")
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=PRESETS, help="sets of constants")
    parser.add_argument("--threads", action="store_true", help="measure two threads beside one, and nothing else")
    parser.add_argument("--cpu", default="", help="processor that all compilers make code for, such as x86-64-v3")
    parser.add_argument("--only", nargs="+", metavar="PEER", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of a measurement's timed images")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that its fewest images may take")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    name = f"simulators-{options.cpu}" if options.cpu else "simulators"
    stored = options.out / f"{name}.json"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that what is being measured ends too
    if options.install:
        environments.install()
        return
    if not (options.markdown or options.figure):
        results = measure(options)
        whole = not (options.only or options.threads) and (tuple(options.sizes), tuple(options.presets)) == (
            SIZES,
            PRESETS,
        )
        if not whole and stored.exists():
            results = beside(results, json.loads(stored.read_text()))
        options.out.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(results, indent=1) + "\n")
        report.show(results)
    results = json.loads(stored.read_text())
    if options.markdown:
        print(report.markdown(results))
        return
    draw(results, options.out / name)


if __name__ == "__main__":
    main()
