"""What learning in fixed point keeps and loses: accuracy and the norm of the weights by bits, and what a spike costs.

    python benchmarks/learning_in_fixed_point.py [--neurons 100] [--examples 3000] [--seeds 3]

Trains the published network on MNIST by each rule, in 4 to 16 bits rounded to the nearest and by chance, and in
floating point, and writes ``docs/measured/learning_in_fixed_point.json`` after each run; what is there already is not
done again, so it may be stopped. Then it counts what the rules do and draws ``learning_in_fixed_point.svg`` beside it;
``--draw`` does only that.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig
from engram.datasets import load
from engram.evaluation import label_neurons, measure_accuracy
from engram.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    SMALL,
    VERMILLION,
    in_house_style,
    new_figure,
)
from engram.files import write_atomically
from engram.plasticity import make_rule
from engram.plasticity.normalization import target_norm
from engram.plasticity.operations import operations_of
from engram.simulator import Simulator
from engram.training import Training

MEASURED = Path(__file__).parents[1] / "docs/measured"
RESULT, PICTURE = "learning_in_fixed_point.json", "learning_in_fixed_point.svg"

RULES = {
    "SMAX": ("self_normalizing", {}),
    "SMIN": ("self_normalizing", {"variant": "smin"}),
    "triplet, L1": ("triplet", {"normalization": "l1"}),
    "exponential, L1": ("exponential", {"normalization": "l1"}),
}
WITHOUT_DIVISION = {
    f"{name}, {division}": ("self_normalizing", {**RULES[name][1], "division": division})
    for name in ("SMAX", "SMIN")
    for division in ("table", "shift")
}
ALL = RULES | WITHOUT_DIVISION

BITS = (6, 4, 8, 16, 5, 12, 10)
FEWER = (6, 4, 8, 16)
ROUNDINGS = ("nearest", "stochastic")
STATE_BITS = (4, 6, 8, 12)
FLOAT = 20
"""Where floating point stands among the bits."""

N_LABEL, N_TEST = 1000, 1000
N_INPUTS, N_ACTIVE = 784, 98


def cases() -> dict[str, tuple[str, dict]]:
    """Every case by its name: the rule and its constants."""
    found = dict(ALL)
    for bits in BITS:
        for rounding in reversed(ROUNDINGS):
            for name, (rule, constants) in RULES.items():
                found[f"{name}, {bits} bits, {rounding}"] = rule, {**constants, **held(bits, rounding)}
            if rounding == "stochastic" and bits in FEWER:
                for name, (rule, constants) in WITHOUT_DIVISION.items():
                    found[f"{name}, {bits} bits, stochastic"] = rule, {**constants, **held(bits, "stochastic")}
    for bits in STATE_BITS:
        for name in ("SMAX", "triplet, L1"):
            rule, constants = RULES[name]
            both = {**constants, **held(8, "stochastic"), "state_bits": bits}
            found[f"{name}, 8 bits, {bits} of state, stochastic"] = rule, both
    return found


def tasks(n_seeds: int) -> list[tuple[str, int]]:
    """Every case and seed, the most telling first."""
    found = [(name, seed) for seed in range(n_seeds) for name in cases()]

    def late(task) -> int:
        name, seed = task
        rule, *held = name.split(", ")
        is_key = ", 6 bits" in name or "bits" not in name
        if seed == 0 and is_key:
            return 0
        if any(division in held for division in ("table", "shift")) or "of state" in name:
            return 4
        if seed == 0 and (any(f", {bits} bits" in name for bits in (4, 8)) or ", 16 bits, nearest" in name):
            return 1
        if is_key:
            return 2 if rule in ("SMAX", "triplet") else 3
        return 4

    return sorted(found, key=late)


def held(bits: int, rounding: str) -> dict:
    """The constants of a rule whose weights have so many bits."""
    return {"weight_bits": bits, "rounding": rounding}


def run(rule: str, constants: dict, data, seed: int, neurons: int, examples: int) -> dict:
    """Train, label and test one network."""
    config = TrainingConfig(
        dataset="mnist", preset="paper", rule=rule, constants=constants, neurons=neurons, examples=examples, seed=seed
    )
    training = Training(config, data, threads=1)
    for _ in training.blocks():
        pass
    weights = np.asarray(training.simulator.state.weights, np.float64)
    sums, target = weights.sum(axis=0), target_norm("l1", len(weights))
    readout = label_neurons(training.simulator, data, N_LABEL, threads=1)
    images, labels = data.test_images[:N_TEST], data.test_labels[:N_TEST]
    accuracy = measure_accuracy(training.simulator, readout, images, labels, threads=1).accuracy
    return {
        "accuracy": accuracy["proportion"],
        "drift": float(np.mean(sums / target - 1)),
        "spread": float(np.std(sums / target)),
        "n_values": len(np.unique(weights)),
        "largest": float(weights.max()),
    }


def measure(options) -> None:
    """Do what is not done yet, and keep each result."""
    data, file = load("mnist"), options.out / RESULT
    kept = json.loads(file.read_text()) if file.exists() else {}
    setting = {"neurons": options.neurons, "examples": options.examples, "n_label": N_LABEL, "n_test": N_TEST}
    if kept.get("setting") != setting:
        kept = {"setting": setting, "runs": {}}
    for name, seed in tasks(options.seeds):
        runs = kept["runs"].setdefault(name, {})
        if str(seed) not in runs:
            runs[str(seed)] = run(*cases()[name], data, seed, options.neurons, options.examples)
            print(f"{name}, seed {seed}: {runs[str(seed)]}", flush=True)
            write(file, kept)
    if "slowdown" not in kept:
        kept["slowdown"] = slowdown(data)
        write(file, kept)


def write(file: Path, kept: dict) -> None:
    """Keep what is measured."""
    write_atomically(file, (json.dumps(kept, indent=1) + "\n").encode())


def slowdown(data) -> dict[str, dict[str, float]]:
    """Processor time of training beside that in floating point, the ways of rounding taking turns."""
    images, ratios = data.train_images[:350].reshape(7, 50, -1), {}
    for rule in ("self_normalizing", "triplet"):
        ways = {"float": {}, **{rounding: held(6, rounding) for rounding in ROUNDINGS}}
        simulators, seconds = {}, dict.fromkeys(ways, 0.0)
        for way, constants in ways.items():
            config = TrainingConfig(preset="paper", rule=rule, constants=constants, neurons=100)
            simulators[way] = Simulator(config.make_network(N_INPUTS), config.make_rule(), input_gain=0.9)
        for k, part in enumerate(images):
            for way, simulator in simulators.items():
                before = time.process_time()
                simulator.train(part)
                seconds[way] += (time.process_time() - before) if k else 0.0
        ratios[rule] = {way: seconds[way] / seconds["float"] for way in ROUNDINGS}
    return ratios


def draw(folder: Path) -> None:
    """Accuracy and norm by bits, from what was measured."""
    figure = picture(json.loads((folder / RESULT).read_text())["runs"])
    figure.savefig(folder / PICTURE)


def points(runs: dict, name: str, rounding: str, what: str) -> tuple[list[int], list[float], list[list[float]]]:
    """Bits, the mean over seeds, and each seed's value, of one rule; floating point stands at `FLOAT`."""
    found = {bits: runs.get(f"{name}, {bits} bits, {rounding}") for bits in sorted(BITS)} | {FLOAT: runs.get(name)}
    each = {bits: [100 * seed[what] for seed in seeds.values()] for bits, seeds in found.items() if seeds}
    return list(each), [float(np.mean(values)) for values in each.values()], list(each.values())


@in_house_style
def picture(runs: dict):
    """Two panels over the same bits: what the network reads, and how far its weights' sums are from their target."""
    figure = new_figure(8.5, 3.6)
    left, right = figure.subplots(1, 2)
    for name, colour in zip(RULES, (BLUE, VERMILLION, GREEN, MUTED), strict=True):
        for axes, what in ((left, "accuracy"), (right, "drift")):
            for rounding, line in (("stochastic", "-"), ("nearest", ":")):
                bits, means, each = points(runs, name, rounding, what)
                label = name if rounding == "stochastic" and what == "accuracy" else None
                n = len(bits) - (FLOAT in bits)
                axes.plot(bits[:n], means[:n], line, color=colour, label=label, marker="o", markersize=3)
                axes.plot(bits[n:], means[n:], color=colour, marker="o", markersize=4)
                for place, values in zip(bits, each, strict=True):
                    axes.plot([place] * len(values), values, "_", color=colour, markersize=4, markeredgewidth=0.8)
    for axes in (left, right):
        axes.set_xticks([4, 6, 8, 10, 12, 16, FLOAT], ["4", "6", "8", "10", "12", "16", "float"])
        axes.set_xlabel("bits of a weight")
        axes.set_xlim(3.3, FLOAT + 0.7)
    right.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    right.set_yscale("symlog", linthresh=10)
    ticks = [-100, -10, -5, 0, 5, 10, 100, 1000]
    right.set_yticks(ticks, [f"{tick:+,d}" if tick else "0" for tick in ticks])
    right.minorticks_off()
    drifts = [100 * seed["drift"] for seeds in runs.values() for seed in seeds.values()]
    right.set_ylim(1.3 * min(-8.0, *drifts), 1.3 * max(10.0, *drifts))
    left.set_ylabel("test accuracy (%)")
    right.set_ylabel("sum of weights beside its target (%)")
    left.plot([], [], ":", color=INK, label="rounded to the nearest")
    left.plot([], [], "-", color=INK, label="rounded by chance")
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=SMALL)
    return figure


def count(folder: Path) -> None:
    """Put what the rules do into the file."""
    kept = json.loads((folder / RESULT).read_text())
    kept["operations"] = {"n_inputs": N_INPUTS, "n_active": N_ACTIVE, "rules": {}}
    for name, (rule, constants) in ALL.items():
        cost = operations_of(make_rule(rule, constants), n_inputs=N_INPUTS, n_active=N_ACTIVE)
        kept["operations"]["rules"][name] = asdict(cost)
    write(folder / RESULT, kept)


def main() -> None:
    """Measure what is not yet measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=100)
    parser.add_argument("--examples", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=MEASURED)
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    if not options.draw:
        measure(options)
    count(options.out)
    draw(options.out)


if __name__ == "__main__":
    main()
