"""``engram evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json, told_counts
from engram.cli.opening import open_model
from engram.wording import plural


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model file, or a shipped model's name.")],
    dataset: Annotated[Optional[str], typer.Option(help="Images to test on.", show_default="what it was trained on")] = None,
    label_examples: Annotated[Optional[int], typer.Option(help="Label the neurons anew from this many training images.", show_default="the model's own labels")] = None,
    test_examples: Annotated[Optional[int], typer.Option(help="Test images.", show_default="all")] = None,
    all_images: Annotated[bool, typer.Option("--all-images", help="Test on the dataset's training part, too; for images that the model was not trained on.")] = False,
    rule: Annotated[Optional[str], typer.Option(help="Its learning rule, where it is a file of your own apart from the network's: my_rule.py:MyRule.")] = None,
    source: Annotated[Optional[str], typer.Option(help="The model's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    network: Annotated[Optional[str], typer.Option(help="The file that described the network, where parts of it are your own: my_network.py:describe.")] = None,
    input_delay: Annotated[float, typer.Option(metavar="MS", help="Delay each input synapse's spikes by up to this much.")] = 0.0,
    threads: Annotated[Optional[int], typer.Option(help="Threads.", show_default="all processors")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the accuracies.")] = False,
) -> None:  # fmt: skip
    """Test a trained network; test images never take part in weights or labels."""
    from engram.cli.data import told_load
    from engram.evaluation import all_as_test
    from engram.evaluation import evaluate as evaluate_model
    from engram.model_input import load_for
    from engram.readout import MEANINGS, origin_of_labels
    from engram.validation import check_count

    for name, value in (
        ("label-examples", label_examples),
        ("test-examples", test_examples),
        ("threads", threads),
    ):
        if value is not None:
            check_count(name, value)
    trained = open_model(model, source=source, network=network, rule=rule, quiet=quiet or json)
    data = told_load(lambda progress: load_for(trained, dataset, progress), quiet=quiet or json)
    if all_images:
        data = all_as_test(trained, data)
    with told_counts(quiet=quiet or json) as tell:
        _, result = evaluate_model(
            trained,
            data,
            label_examples=label_examples,
            test_examples=test_examples,
            input_delay=input_delay,
            threads=threads,
            on_progress=tell,
        )
    if json:
        print_json(result.to_dict())
        return
    headline = trained.scheme
    for scheme in (headline, *(other for other in result.accuracy if other != headline)):
        bold = "[bold]" if scheme == headline else "[not bold]"
        meaning = "" if quiet else f"  {MEANINGS[scheme]}"
        out.print(f"{bold}{scheme:<11} {100 * result.accuracy[scheme]:6.2f} %[/]{meaning}")
    if not quiet:
        classes = "  ".join(
            f"{data.class_name(int(name))}: {100 * value:.1f} %" for name, value in result.per_class[headline].items()
        )
        out.print(f"by class ({headline})  {plain(classes)}")
        out.print(
            f"{plural(result.n_test, f'test {data.noun}')}, labels {origin_of_labels(result.n_label, data.noun)};"
            f" {plural(result.unanswered_images, data.noun)} without an answer, counted as wrong,"
            f" {result.silent_images} with too few spikes, {plural(result.unassigned_neurons, 'unassigned neuron')};"
            f" {result.seconds:.1f} s"
        )
