"""Guard the number of instructions that training and prediction take: time is noisy, instructions are not.

    python benchmarks/instructions.py            # compare with the numbers kept; status 1 if one grew by over 5 %
    python benchmarks/instructions.py --accept   # keep the new numbers

A small network (100 neurons) trains on a fixed set of made-up images with each rule, and counts spikes on them, under
Valgrind's ``callgrind``, which counts every instruction of the process. One process does all of that over few images,
then one for each case does it over more of that case; the difference is what the additional images took, without
imports, loading of compiled kernels and building of the network. Takes some minutes. Kernels are compiled beforehand,
outside Valgrind, for a fixed processor with AVX2: Valgrind knows no AVX-512, and code for another processor would have
another count. The count depends on the version of Numba's compiler too, which is kept beside it. Needs ``valgrind``
(in Debian: ``apt-get install valgrind``).
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
CASES = ("self_normalizing", "triplet", "count")
FEW, MORE = 4, 84
N_NEURONS, SIDE = 100, 28
ALLOWED_GROWTH = 1.05
FIXED = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


def work(amounts: dict[str, int]) -> None:
    """Train on, or count the spikes of, so many images in each case; the process that is counted."""
    import numpy as np

    from engram import DiehlCook, Protocol, Simulator
    from engram.plasticity import SelfNormalizing, Triplet

    rules = {"self_normalizing": SelfNormalizing, "triplet": Triplet, "count": SelfNormalizing}
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centres = SIDE * (0.3 + 0.4 * np.random.default_rng(0).random((MORE, 2, 1, 1)))
    distance = np.hypot(rows - centres[:, 0], columns - centres[:, 1])
    rings = (255 * (np.abs(distance - SIDE / 5) < 2)).reshape(MORE, -1).astype(np.float32)
    for case, n_images in amounts.items():
        network = DiehlCook(n_inputs=SIDE * SIDE, n_neurons=N_NEURONS)
        simulator = Simulator(network, rules[case](), seed=0, protocol=Protocol(min_spikes=0))
        (simulator.count_spikes if case == "count" else simulator.train)(rings[:n_images])


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


def measure() -> dict[str, int]:
    """Instructions of an image, by case."""
    few = dict.fromkeys(CASES, FEW)
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run(child(few), env=surroundings(cache), check=True)  # compiles
        least, counts = count(few, cache), {}
        for case in CASES:
            counts[case] = round((count(few | {case: MORE}, cache) - least) / (MORE - FEW))
            print(f"{case}: {counts[case]:,} instructions an image", flush=True)
        return counts


def main() -> int:
    """Count, and compare or keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="keep the new numbers")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed; in Debian: apt-get install valgrind")
    if not (KEPT.exists() or options.accept):
        sys.exit("no numbers are kept yet; run with --accept first")
    counts = measure()
    if options.accept:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        versions = {name: importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")}
        KEPT.write_text(json.dumps({"instructions_per_image": counts, "versions": versions}, indent=1) + "\n")
        return 0
    kept = json.loads(KEPT.read_text())["instructions_per_image"]
    grown = {case: counts[case] / kept[case] for case in CASES if counts[case] > ALLOWED_GROWTH * kept[case]}
    for case, factor in grown.items():
        print(f"{case} takes {100 * (factor - 1):.1f} % more instructions than the {kept[case]:,} kept")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
