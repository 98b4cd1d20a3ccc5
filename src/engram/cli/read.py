"""``engram read``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import fail, out, plain, print_json, waiting
from engram.cli.opening import labelled, open_model
from engram.wording import plural


def read(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="PNG, JPEG or array files of any size, folders of them, or patterns such as '*.png'; for a model of such, recordings.")],
    network: Annotated[Optional[str], typer.Option(help="Which network reads: the tutorial's, or the one that learned, by its name, such as conv, or own; or the file that described that one, my_network.py:describe.", show_default="tutorial, where the weights fit")] = None,
    model: Annotated[Optional[Path], typer.Option(metavar="RUN|MODEL", help="Whose weights: a run folder, a model file, or a name of 'engram models'.", show_default="mnist-400, or mnist-conv for --network conv")] = None,
    preset: Annotated[Optional[str], typer.Option(help="Constants of the tutorial's network: more-evidence, with which it hears more before it answers and reads well, or text, those of its text, with which most digits are misread.", show_default="more-evidence")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Its learning rule, where it is a file of your own apart from the network's: my_rule.py:MyRule.")] = None,
    source: Annotated[Optional[str], typer.Option(help="The model's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the pictures are drawn.")] = Path("readings"),
    json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the answers.")] = False,
) -> None:  # fmt: skip
    """Read digits and draw how: the image, the neurons that knew it, and every spike on the way."""
    from engram.errors import ConfigError, DataError
    from engram.files import check_may_be_folder
    from engram.prediction import Unread, files_of
    from engram.reading import draw_reading, read_digit, reader_of
    from engram.validation import check_choice

    check_may_be_folder(folder, "--out")
    if preset is not None:
        check_choice("--preset", preset.replace("_", "-"), ("more-evidence", "text"))
    model = model or Path("mnist-conv" if network == "conv" else "mnist-400")
    own = network if network and ":" in network else None
    reader, constants = "own" if own else network, (preset or "more-evidence").replace("-", "_")
    trained = labelled(
        open_model(model, source=source, network=own, rule=rule, quiet=quiet or json), model, quiet=quiet or json
    )
    reads = reader_of(trained, reader)
    if preset is not None and reads != "tutorial":
        raise ConfigError(f"--preset {preset} is of the tutorial's network, which does not read here; leave it out.")
    told, unread = [], 0
    for image in files_of(images):
        try:
            with waiting(f"reading {plain(image.name)}", quiet=quiet or json):
                reading = read_digit(trained, image, network=reader, preset=constants)
                figure, *layers = draw_reading(trained, reading, folder)
        except DataError as error:  # of this picture alone
            told.append(Unread(image, error).to_dict())
            unread += 1
            if not json:
                fail(error)
            continue
        told.append({**reading.to_dict(), "figure": str(figure), **({"layers": str(layers[0])} if layers else {})})
        if json:
            continue
        answer = "no answer" if reading.answer is None else reading.name
        if quiet:
            out.print(plain(answer))
            continue
        out.print(f"[bold]{plain(image)}: {plain(answer)}[/]")
        if reading.why_none:
            out.print(f"  why:      {plain(reading.why_none)}")
        if reading.picture.steps:
            out.print(f"  prepared: {plain('; '.join(reading.picture.steps))}")
        again = f", {plural(reading.repeats, 'time')} before" if reading.repeats else ""
        out.print(f"  shown:    {reading.shown:,.0f} ms{again}, {len(reading.input_spikes):,} input spikes")
        name_of = trained.class_name
        winners = "  ".join(
            f"#{n} ({name_of(label)}): {plural(spikes, 'spike')}" for n, label, spikes in reading.winners
        )
        out.print(f"  neurons:  {plain(winners or 'none fired')}")
        out.print(f"  figure:   {plain(figure)}")
        for drawn in layers:
            out.print(f"  layers:   {plain(drawn)}")
    if json:
        print_json(told)
    if unread:
        raise typer.Exit(1)
