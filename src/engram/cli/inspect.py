"""``engram figures`` and ``engram info``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engram.cli.console import out, plain, print_json
from engram.cli.opening import open_model


def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Draw a run's figures anew: receptive fields, learning curve, norm and theta, raster, confusion matrix."""
    from engram.errors import Interrupted, RunFolderError
    from engram.interrupts import immediate_interrupt
    from engram.run_figures import draw_again
    from engram.run_folder import RunFolder

    folder = RunFolder(run)
    if not folder.holds_run:
        raise RunFolderError(f"{run} is not the folder of a run; give one that 'engram train' made.")
    open_model(run, quiet=quiet or json)
    try:
        with immediate_interrupt():
            paths = draw_again(folder)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped; the figures drawn so far are whole. Go on with\n  engram figures {run}") from None
    if json:
        print_json([str(path) for path in paths])
    elif not quiet:
        for path in paths:
            out.print(plain(path))


def info(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model file, or a shipped model's name.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what a model is: its network, rule and constants, what it has seen, its labels."""
    import numpy as np

    from engram.model_file import model_content
    from engram.run_folder import RunFolder

    trained = open_model(model, quiet=json)
    tensors, metadata = model_content(trained)
    norm = np.abs(trained.weights).sum(axis=0, dtype=np.float64)
    facts = {
        **metadata,
        "version": trained.version,
        "l1_norm": {"mean": float(norm.mean()), "sd": float(norm.std())},
        "theta": {"mean": float(trained.theta.mean()), "sd": float(trained.theta.std())},
        "tensors": {name: list(values.shape) for name, values in tensors.items()},
    }
    if trained.readout is not None:
        counts = trained.readout.neurons_by_class
        facts["neurons_by_label"] = {str(label): count for label, count in counts.items()}
        facts["unassigned_neurons"] = trained.readout.unassigned_neurons
    if model.is_dir():
        facts["summary"] = RunFolder(model).read_summary()
    if json:
        print_json(facts)
        return
    network = metadata["network"]
    out.print(f"[bold]{plain(model)}[/]  written by engram {plain(trained.version)}")
    out.print(f"network    {network['n_inputs']} inputs, {network['n_neurons']} neurons, dt {network['dt']} ms, "
              f"{network['integrator']}, {network['dtype']}")  # fmt: skip
    constants = ", ".join(f"{name}={value}" for name, value in trained.rule_record["constants"].items())
    out.print(f"rule       {plain(trained.rule_record['rule'])} ({plain(constants)})")
    out.print(f"trained on {trained.examples:,} images of {plain(trained.dataset)} in {trained.presentations:,} presentations,"
              f" seed {trained.seed}, input gain {trained.input_gain:.3f}")  # fmt: skip
    out.print(f"weights    L1 norm {norm.mean():.2f} ± {norm.std():.2f} per neuron, theta {trained.theta.mean():.2f} ±"
              f" {trained.theta.std():.2f} mV")  # fmt: skip
    if trained.readout is None:
        out.print("labels     none yet")
    else:
        shares = "  ".join(f"{trained.class_name(label)}: {count}" for label, count in counts.items())
        out.print(f"labels     neurons by class, from {trained.readout.n_label:,} images: {plain(shares)}"
                  f"  unassigned: {trained.readout.unassigned_neurons}")  # fmt: skip
    accuracy = facts.get("summary", {}).get("accuracy")
    if accuracy:
        out.print(
            "accuracy   " + ", ".join(f"{100 * value:.2f} % ({plain(scheme)})" for scheme, value in accuracy.items())
        )
