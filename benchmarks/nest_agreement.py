"""How far NEST agrees with engram on a network exported to it, and what differences that would show.

    python benchmarks/nest_agreement.py [--images 200] [--model mnist-100-paper] [--dt 0.1]

Exports a shipped model, shows it images of MNIST's test part in NEST (``pip install nest-simulator``), and compares
counts, first and later spikes, the latency of inhibition, and winners. Then it changes one thing at a time in NEST's
script, a delay by one step, a weight by 5 %, and tells which figures leave the agreement. The table goes to
``docs/measured/nest.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from engram import load_model
from engram.exchange import export_model
from engram.exchange.agreement import compare, differing

RESULT = Path(__file__).parents[1] / "docs/measured/nest.json"

MUTATIONS = {
    "none": {},
    "without equal integrals": lambda m: {"EXC_FACTOR": 1.0, "W_EXC_INH": m.W_EXC_INH / m.INH_EXC_FACTOR,
                                          "W_INH_EXC": m.W_INH_EXC / m.INH_FACTOR},
    "input delays + 1 step": lambda m: {"INPUT_DELAY": 2 * m.DT},
    "exc → inh delay + 1 step": lambda m: {"EXC_INH_DELAY": 2 * m.DT},
    "inh → exc delays + 1 step": lambda m: {"INH_EXC_SHORTER": 0},
    "input weights + 5 %": lambda m: {"EXC_FACTOR": 1.05 * m.EXC_FACTOR},
    "exc → inh weight + 5 %": lambda m: {"W_EXC_INH": 1.05 * m.W_EXC_INH},
    "exc → inh weight − 5 %": lambda m: {"W_EXC_INH": 0.95 * m.W_EXC_INH},
    "inh → exc weights + 5 %": lambda m: {"W_INH_EXC": 1.05 * m.W_INH_EXC},
}  # fmt: skip


def main() -> None:
    """Export, run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--model", default="mnist-100-paper")
    parser.add_argument("--dt", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    model = load_model(options.model)
    with tempfile.TemporaryDirectory() as folder:
        export_model(model, "nest", folder, n_images=options.images, dt=options.dt)
        given = np.load(Path(folder) / "presentations.npz")
        seen = {}
        record = {"model": options.model, "images": options.images, "dt": options.dt, "runs": {}}
        for name, mutate in MUTATIONS.items():
            exc, inh = run_in_nest(Path(folder), given, mutate)
            agreement = compare(
                (given["exc_spikes"], given["inh_spikes"]), (exc, inh), options.images, model.network.n_neurons
            )
            record["runs"][name] = agreement.to_dict()
            seen[name] = agreement
            record["nest"] = sys.modules["nest"].__version__
            record["runs"][name]["seen_by"] = differing(seen["none"], agreement)
            print(f"{name}: seen by {', '.join(record['runs'][name]['seen_by']) or 'nothing'}", flush=True)
    options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def run_in_nest(folder: Path, given, mutate) -> list[np.ndarray]:
    """The exported script's answers, with some of its constants changed."""
    spec = importlib.util.spec_from_file_location("nest_network", folder / "nest_network.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, value in (mutate(script) if mutate else {}).items():
        setattr(script, name, value)
    return script.show(given["input_spikes"], int(given["n_steps"]))


if __name__ == "__main__":
    main()
