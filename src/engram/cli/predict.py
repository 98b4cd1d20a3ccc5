"""``engram predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import fail, out, plain, print_json, waiting
from engram.cli.opening import labelled, open_model
from engram.wording import plural


def predict(
    files: Annotated[list[Path], typer.Argument(metavar="MODEL IMAGE", help="A run folder, a model file or a name of 'engram models' (left out with --model); then pictures or arrays of any size, event recordings, or CSV files, folders of them, or patterns such as '*.png'.", show_default=False)],
    model: Annotated[Optional[Path], typer.Option("--model", metavar="RUN|MODEL", help="The model, instead of as the first argument.")] = None,
    scheme: Annotated[Optional[str], typer.Option(help="How spikes are read: mean, proportion or logistic.", show_default="what suits the model")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Its learning rule, where it is a file of your own apart from the network's: my_rule.py:MyRule.")] = None,
    source: Annotated[Optional[str], typer.Option(help="The model's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    network: Annotated[Optional[str], typer.Option(help="The file that described the network, where parts of it are your own: my_network.py:describe.")] = None,
    figures: Annotated[Optional[Path], typer.Option(help="Draw each answer into this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the labels.")] = False,
) -> None:  # fmt: skip
    """Read images: the label, each class's score, and the neurons that answered."""
    from engram.errors import ConfigError
    from engram.files import check_may_be_folder
    from engram.prediction import Unread, draw_answer, files_of, read_each
    from engram.readout import SCHEMES, UNITS
    from engram.validation import check_choice

    if scheme is not None:
        check_choice("scheme", scheme, SCHEMES)
    images = files if model is not None else files[1:]
    model = model or files[0]
    if not images:
        raise ConfigError(
            f"Give the images to read after the model, such as 'engram predict mnist-400 {files[0]}'; {files[0]} was"
            " taken for the model."
        )
    if figures is not None:
        check_may_be_folder(figures, "--figures")
    trained = labelled(
        open_model(model, source=source, network=network, rule=rule, quiet=quiet or json), model, quiet=quiet or json
    )
    with waiting("reading", quiet=quiet or json):
        answers = read_each(trained, files_of(images), scheme)
    if json:
        print_json([answer.to_dict() for answer in answers])
    for answer in answers:
        if isinstance(answer, Unread):
            fail(answer.error)
            continue
        if not json and quiet:
            out.print(plain(answer.name))
        elif not json:
            _print_answer(answer, trained.class_name, UNITS[scheme or trained.scheme])
        if figures is not None:
            paths = draw_answer(trained, answer, figures)
            if not json and not quiet:
                out.print(f"  figure {plain(paths[0])}")
    if any(isinstance(answer, Unread) for answer in answers):
        raise typer.Exit(1)


def _print_answer(answer, name_of, unit: str) -> None:
    out.print(f"[bold]{plain(answer.what)}: {plain(answer.name) if answer.label is not None else 'no answer'}[/]")
    if answer.steps:
        out.print(f"  prepared: {plain('; '.join(answer.steps))}")
    best = sorted(answer.scores.items(), key=lambda item: -item[1])
    out.print(
        "  scores:   " + "  ".join(f"{plain(name_of(label))}: {score:.3g}" for label, score in best) + f"  ({unit})"
    )
    winners = "  ".join(
        f"#{neuron} ({name_of(label)}): {plural(spikes, 'spike')}" for neuron, label, spikes in answer.winners
    )
    out.print(f"  neurons:  {plain(winners or 'none fired')}")
