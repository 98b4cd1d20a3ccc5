"""How well the NIR graph of an exported network reads, in Norse and by NIR's equations in NumPy.

    python benchmarks/nir_accuracy.py export FOLDER [--model mnist-100] [--images 1000]
    python benchmarks/nir_accuracy.py norse FOLDER      # where norse, torch and nir are installed
    python benchmarks/nir_accuracy.py report FOLDER [FOLDER ...]

The first writes the graph and the input spikes of MNIST's first test images; the second shows them to the graph in
Norse and keeps the counts; the third reads both and writes ``docs/measured/nir.json``. Three commands, so that Norse
and its PyTorch can live in an environment of their own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parents[1] / "docs/measured/nir.json"


def export(folder: Path, model: str = "mnist-100", images: str = "1000") -> None:
    """Write the graph and spikes."""
    from engram import load_model
    from engram.exchange import export_model

    export_model(load_model(model), "nir", folder, n_images=int(images), overwrite=True)
    (folder / "model.txt").write_text(model)


def norse(folder: Path) -> None:
    """Show the spikes to the graph in Norse."""
    import nir
    import norse.torch
    import torch

    torch.set_num_threads(1)
    graph, given = nir.read(folder / "network.nir"), np.load(folder / "presentations.npz")
    dt = float(graph.metadata["dt_ms"]) * 1e-3
    network = norse.torch.from_nir(graph, ignore_warnings=True, dt=dt)
    spikes, n_steps, n_images = given["input_spikes"], int(given["n_steps"]), len(given["classes"])
    counts, state = 0, None
    with torch.no_grad():
        for t in range(n_steps):
            now = spikes[spikes[:, 2] == t]
            arriving = torch.zeros(n_images, graph.nodes["weights"].weight.shape[1])
            arriving[now[:, 0], now[:, 1]] = 1.0
            fired, state = network(arriving, state)
            counts = counts + fired
    np.save(folder / "norse_counts.npy", counts.numpy().astype(np.int64))
    print(f"{float(counts.sum()) / n_images:.1f} spikes an image")


def report(*folders: Path) -> None:
    """Accuracy of each reader beside engram's."""
    import nir

    from engram import load_model
    from engram.exchange.nir_reader import count_spikes

    rows = []
    for folder in folders:
        model = load_model((folder / "model.txt").read_text())
        given, graph = np.load(folder / "presentations.npz"), nir.read(folder / "network.nir")
        classes, n_images = given["classes"], len(given["classes"])
        ours = np.zeros((n_images, model.network.n_neurons), np.int64)
        np.add.at(ours, (given["exc_spikes"][:, 0], given["exc_spikes"][:, 1]), 1)
        spikes = (given["input_spikes"], n_images, int(given["n_steps"]))
        readers = {
            "engram": ours,
            "NIR's equations in NumPy": count_spikes(graph, *spikes, dt=model.network.dt),
            "Norse": np.load(folder / "norse_counts.npy"),
        }
        for reader, counts in readers.items():
            figures = _accuracy(model, counts, ours, classes) | {"spikes": float(counts.sum() / n_images)}
            rows.append({"model": (folder / "model.txt").read_text(), "reader": reader, "images": n_images} | figures)
            print(rows[-1])
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")


def _accuracy(model, counts, ours, classes) -> dict:
    answers = model.readout.predict(counts)
    return {
        "accuracy": float(np.mean(answers == classes)),
        "same_answer": float(np.mean(answers == model.readout.predict(ours))),
    }


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("export", "norse", "report"):
        print(__doc__)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    command, first, *rest = sys.argv[1:]
    if command == "export":
        export(Path(first), **dict(zip((name.removeprefix("--") for name in rest[::2]), rest[1::2], strict=True)))
    else:
        {"norse": norse, "report": report}[command](*map(Path, (first, *rest)))
