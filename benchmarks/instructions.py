"""Guard the number of instructions that training and prediction take: time is noisy, instructions are not.

    python benchmarks/instructions.py            # compare with the numbers kept; status 1 if one grew by over 3 %
    python benchmarks/instructions.py --accept   # keep the new numbers
    python benchmarks/instructions.py --only triplet count

Networks of 100 and 400 neurons train on a fixed set of made-up images, by three rules and with both presets, and count
spikes on them, under Valgrind's ``callgrind``, which counts every instruction of the process. For each case, one
process does it over few images and one over more; the difference is what the additional images took, without imports,
loading of compiled kernels and building of the network. Takes ten minutes, two for the first three cases. Kernels are
compiled beforehand, outside Valgrind, for a fixed processor with AVX2: Valgrind knows no AVX-512, and code for another
processor would have another count. The count depends on the version of Numba's compiler too, which is kept beside it.
Needs ``valgrind`` (in Debian: ``apt-get install valgrind``).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = Path(__file__).parent / "results" / "instructions.json"
RULES = ("self_normalizing", "exponential", "triplet")
CASES = {
    "self_normalizing": ("paper", "self_normalizing", 100, "train"),
    "triplet": ("paper", "triplet", 100, "train"),
    "count": ("paper", "self_normalizing", 100, "count_spikes"),
    "count, 400": ("paper", "self_normalizing", 400, "count_spikes"),
}
CASES["exponential"] = ("paper", "exponential", 100, "train")
CASES |= {f"{rule}, 400": ("paper", rule, 400, "train") for rule in RULES}
CASES |= {f"{rule}, sharp{at}": ("sharp", rule, n, "train") for at, n in (("", 100), (", 400", 400)) for rule in RULES}
"""By name: the preset, the rule, how many neurons, and what the simulator does."""

FEW, MORE = 4, {100: 84, 400: 24}
SIDE = 28
ALLOWED_GROWTH = 1.03
FIXED = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


def work(amounts: dict[str, int]) -> None:
    """Train on, or count the spikes of, so many images in some cases; the process that is counted."""
    from dataclasses import replace

    from engram import Simulator
    from engram.config import TrainingConfig

    for case, n_images in amounts.items():
        preset, rule, n_neurons, act = CASES[case]
        config = TrainingConfig(preset=preset, rule=rule, neurons=n_neurons)
        protocol = replace(config.make_protocol(), min_spikes=0)
        simulator = Simulator(config.make_network(SIDE * SIDE), config.make_rule(), seed=0, protocol=protocol)
        getattr(simulator, act)(made_up_images()[:n_images])


def made_up_images():
    """Rings that lie here and there."""
    import numpy as np

    n, (rows, columns) = max(MORE.values()), np.mgrid[:SIDE, :SIDE]
    centres = SIDE * (0.3 + 0.4 * np.random.default_rng(0).random((n, 2, 1, 1)))
    distance = np.hypot(rows - centres[:, 0], columns - centres[:, 1])
    return (255 * (np.abs(distance - SIDE / 5) < 2)).reshape(n, -1).astype(np.float32)


def count(amounts: dict[str, int], cache: str) -> int:
    """Instructions of a process that does the work."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *child(amounts)]
        done = subprocess.run(command, env=surroundings(cache), capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"The counted process failed: {done.stderr[-2000:]}")
    return int(found.group(1))


def child(amounts: dict[str, int]) -> list[str]:
    """The command that does the work."""
    return [sys.executable, __file__, "--work", json.dumps(amounts)]


def surroundings(cache: str) -> dict[str, str]:
    """The environment of a counted process."""
    return os.environ | FIXED | {"ENGRAM_CACHE": cache}


def measure(cases: list[str]) -> dict[str, int]:
    """Instructions of an image, by case."""
    counts = {}
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run(child(dict.fromkeys(cases, FEW)), env=surroundings(cache), check=True)  # compiles
        for case in cases:
            more = MORE[CASES[case][2]]
            counts[case] = round((count({case: more}, cache) - count({case: FEW}, cache)) / (more - FEW))
            print(f"{case}: {counts[case]:,} instructions an image", flush=True)
    return counts


def main() -> int:
    """Count, and compare or keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="keep the new numbers")
    parser.add_argument(
        "--only", nargs="+", choices=CASES, default=list(CASES), help="some of the cases", metavar="CASE"
    )
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed; in Debian: apt-get install valgrind")
    if not (KEPT.exists() or options.accept):
        sys.exit("no numbers are kept yet; run with --accept first")
    kept = json.loads(KEPT.read_text())["instructions_per_image"] if KEPT.exists() else {}
    counts = measure(options.only)
    if options.accept:
        versions = {name: importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")}
        KEPT.write_text(json.dumps({"instructions_per_image": kept | counts, "versions": versions}, indent=1) + "\n")
        return 0
    unknown = [case for case in counts if case not in kept]
    grown = {
        case: counts[case] / kept[case]
        for case in counts
        if counts[case] > ALLOWED_GROWTH * kept.get(case, counts[case])
    }
    for case, factor in grown.items():
        print(f"{case} takes {100 * (factor - 1):.1f} % more instructions than the {kept[case]:,} kept")
    for case in unknown:
        print(f"no number is kept for {case} yet; run with --only '{case}' --accept")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
