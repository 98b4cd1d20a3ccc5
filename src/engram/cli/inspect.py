"""``engram figures`` and ``engram info``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from engram.cli.console import accuracies, out, plain, print_json, told_counts
from engram.cli.opening import open_model
from engram.wording import in_sizes, plural


def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    source: Annotated[Optional[str], typer.Option(help="The run's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    animate: Annotated[bool, typer.Option("--animate", help="Also draw how the fields grew, as a GIF: the run is computed once more, for as long as it took.")] = False,
    rule: Annotated[Optional[str], typer.Option(help="The run's learning rule, where it is a file of your own: my_rule.py:MyRule; for --animate, or a network of several layers.")] = None,
    network: Annotated[Optional[str], typer.Option(help="The file that described the network, where it is your own: my_network.py:describe.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Draw a run's figures anew: receptive fields, learning curve, norm and theta, raster, confusion matrix."""
    from engram.errors import Interrupted, RunFolderError
    from engram.growth import animate as grow
    from engram.interrupts import immediate_interrupt
    from engram.run_figures import draw_again
    from engram.run_folder import RunFolder
    from engram.user_code import own_names

    folder = RunFolder(run)
    if not folder.holds_run:
        raise RunFolderError(f"{run} is not the folder of a run; give one that 'engram train' made.")
    open_model(run, source=source, network=network, rule=rule, quiet=quiet or json)
    try:
        with immediate_interrupt(), told_counts(quiet=quiet or json) as told:
            paths = draw_again(folder, told, source=source, parts=own_names(network, rule))
            if animate:
                paths.append(grow(folder, rule=rule, source=source, network=network, on_progress=told))
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
    network: Annotated[
        Optional[str],
        typer.Option(help="The file that described the network, where parts of it are your own."),
    ] = None,
    rule: Annotated[
        Optional[str],
        typer.Option(help="Its learning rule, where it is a file of your own apart from the network's."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what a model is: its network, rule and constants, what it has seen, its labels."""
    from engram.model_file import model_content
    from engram.models import shipped_model
    from engram.plasticity.fixed_point import described
    from engram.readout import origin_of_labels
    from engram.run_folder import RunFolder
    from engram.training import norm_and_theta

    trained = open_model(model, network=network, rule=rule, quiet=json)
    tensors, metadata = model_content(trained)
    layers = {layer.projection: norm_and_theta(layer.norms, layer.theta) for layer in trained.layers}
    facts: dict[str, Any] = {
        **metadata,
        "version": trained.version,
        **layers[
            next((x for x in trained.layers if x.population == trained.network.readout), trained.layers[-1]).projection
        ],
        **({"layers": layers} if len(layers) > 1 else {}),
        "tensors": {name: list(values.shape) for name, values in tensors.items()},
    }
    if trained.readout is not None:
        counts = trained.readout.neurons_by_class
        facts["neurons_by_label"] = {str(label): count for label, count in counts.items()}
        facts["unassigned_neurons"] = trained.readout.unassigned_neurons
    summary: dict[str, Any] = {}
    if model.is_dir():
        facts["summary"] = summary = RunFolder(model).read_summary()
    elif known := shipped_model(model):
        facts["accuracy"] = summary["accuracy"] = known.accuracy
    if json:
        print_json(facts)
        return
    network = trained.network
    out.print(f"[bold]{plain(model)}[/]  written by engram {plain(trained.version)}")
    out.print(f"network    {_parts_of(network)}, dt {network.dt} ms, {network.integrator}, {network.dtype}")
    for where, record in _rules_of(trained):
        constants = ", ".join(f"{name}={value}" for name, value in record["constants"].items())
        out.print(f"rule       {plain(where)}{plain(record['rule'])} ({plain(constants)})")
        if held := described(record["constants"]):
            out.print(f"numbers    {plain(where)}{held}")
    out.print(f"spikes     {plain(_told_source(trained))}")
    in_turn = ", layers in turn," if trained.config.get("layers") == "in_turn" else ""
    out.print(f"trained on {plural(trained.examples, trained.noun)} of {plain(trained.dataset)}{in_turn} in {plural(trained.presentations, 'presentation')},"
              f" seed {trained.seed}, input gain {trained.input_gain:.3f}")  # fmt: skip
    with_threshold = {layer.projection for layer in trained.layers if trained.has_threshold(layer.population)}
    for projection, layer in layers.items():
        norm, theta = layer["l1_norm"], layer["theta"]
        threshold = f", theta {theta['mean']:.2f} ± {theta['sd']:.2f} mV" if projection in with_threshold else ""
        out.print(f"weights    L1 norm {norm['mean']:.2f} ± {norm['sd']:.2f} per neuron{threshold}"
                  f"{f' ({plain(projection)})' if len(layers) > 1 else ''}")  # fmt: skip
    if trained.readout is None:
        out.print("labels     none yet")
    else:
        shares = "  ".join(f"{trained.class_name(label)}: {count}" for label, count in counts.items())
        out.print(f"labels     neurons by class, {origin_of_labels(trained.readout.n_label, trained.noun)}: {plain(shares)}"
                  f"  unassigned: {trained.readout.unassigned_neurons}")  # fmt: skip
    if accuracy := summary.get("accuracy"):
        n_test = summary.get("evaluation", {}).get("n_test")
        tested = f"all test {trained.noun}s" if n_test is None else plural(n_test, f"test {trained.noun}")
        out.print(f"accuracy   [bold]{accuracies(accuracy, trained.scheme)}, on {tested}")


def _rules_of(model) -> list[tuple[str, dict]]:
    """Each rule's record, and where it is, if there are several."""
    from engram.networks import DiehlCook
    from engram.plasticity.records import rule_record

    if isinstance(model.network, DiehlCook):
        return [("", model.rule_record)]
    plastic = model.network.plastic
    return [(f"{p.name}: " if len(plastic) > 1 else "", rule_record(p.rule)) for p in plastic]


def _parts_of(network) -> str:
    """How many inputs and neurons, by population where there are several that learn."""
    from engram.networks import DiehlCook

    if isinstance(network, DiehlCook):
        return f"{plural(network.n_inputs, 'input')}, {plural(network.n_neurons, 'neuron')}"
    parts = [f"{plain(name)} {p.n:,} {type(p.neuron).__name__}" for name, p in network.populations.items()]
    ways = [f"{plain(p.name)} {type(p).__name__}" for p in network.projections]
    return (
        f"{plural(network.n_inputs, 'input')}, populations {', '.join(parts)}, projections {', '.join(ways)}, read out by"
        f" {plain(network.readout)}"
    )


def _told_source(model) -> str:
    """The source of a model's input spikes, with its constants and what it shows."""
    constants = ", ".join(f"{name}={value}" for name, value in model.source_record["constants"].items())
    layout = model.event_layout
    told = model.source_record["source"] + (f" ({constants})" if constants else "")
    if layout is None:
        return told
    window = "all" if layout.window is None else f"{layout.window[0]:g} to {layout.window[1]:g} ms"
    sensor = in_sizes("{} pixels", layout.sensor_shape)
    return f"{told}, of recordings by {sensor}, {window} of each"
