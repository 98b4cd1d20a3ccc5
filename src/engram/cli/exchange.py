"""``engram export`` and ``engram import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json, progress_bar
from engram.cli.opening import open_model


def export(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model file, or a shipped model's name.")],
    to: Annotated[str, typer.Option(help="brian2, nest, pynn, nir, numpy, json or c.")],
    folder: Annotated[Optional[Path], typer.Option("--out", metavar="FOLDER", help="Where the files go.", show_default="MODEL-FORMAT")] = None,
    images: Annotated[int, typer.Option(help="Images to put beside it as input spikes, with engram's answers.")] = 10,
    dt: Annotated[Optional[float], typer.Option(metavar="MS", help="Time step.", show_default="the model's")] = None,
    weight_bits: Annotated[Optional[int], typer.Option(help="Bits of a weight, for --to c.", show_default="8")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier export.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Write a trained network for other simulators and for hardware; says what is exact and what is lost."""
    from engram.exchange import export_model, format_named

    format_named(to)
    trained = open_model(model, quiet=quiet or json)
    folder = folder or Path(f"{model.name.removesuffix('.safetensors')}-{to}")
    with progress_bar(quiet=quiet or json) as bar:
        task = bar.add_task("showing images", total=images)
        written = export_model(
            trained, to, folder, n_images=images, dt=dt, weight_bits=weight_bits, overwrite=overwrite,
            on_progress=lambda done: bar.update(task, completed=done),
        )  # fmt: skip
    if json:
        print_json(written.to_dict())
    elif not quiet:
        _tell(written)


def _tell(written) -> None:
    form = written.format
    out.print(f"[bold]{plain(written.folder)}[/]  for {plain(form.title)}")
    for path in written.files:
        out.print(f"  {plain(path.name):<22} {path.stat().st_size:>12,} bytes")
    out.print(f"exact  {plain(' '.join(form.exact))}")
    out.print(f"lost   {plain(' '.join(form.lost))}")
    out.print(f"run    {plain(form.run)}")
