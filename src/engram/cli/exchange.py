"""``engram export`` and ``engram import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json, progress_bar
from engram.cli.opening import open_diehl_cook
from engram.wording import plural


def export(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model file, or a shipped model's name.")],
    to: Annotated[str, typer.Option(help="brian2, nest, pynn, nir, numpy, json or c.")],
    folder: Annotated[Optional[Path], typer.Option("--out", metavar="FOLDER", help="Where the files go.", show_default="MODEL-FORMAT")] = None,
    images: Annotated[int, typer.Option(help="Images to put beside it as input spikes, with engram's answers.")] = 10,
    dt: Annotated[Optional[float], typer.Option(metavar="MS", help="Time step.", show_default="the model's")] = None,
    weight_bits: Annotated[Optional[int], typer.Option(help="Bits of a weight, for --to c.", show_default="those it was learned in, else 8")] = None,
    source: Annotated[Optional[str], typer.Option(help="The model's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier export.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Write a trained network for other simulators and for hardware; says what is exact and what is lost."""
    from engram.exchange import export_model, format_named
    from engram.files import check_may_be_folder

    format_named(to)
    folder = folder or Path(f"{model.name.removesuffix('.safetensors')}-{to}")
    check_may_be_folder(folder, "--out")
    trained = open_diehl_cook(model, source=source, quiet=quiet or json)
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


def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder with XeAe.npy and theta_A.npy, or with xeae.json; or a .pt file of BindsNET.")],
    out_file: Annotated[Path, typer.Option("--out", metavar="MODEL", help="The model file to write.")] = Path("imported.safetensors"),
    source: Annotated[Optional[str], typer.Option("--from", help="diehl-cook, bindsnet or json.", show_default="found from the files")] = None,
    dataset: Annotated[str, typer.Option(help="What it was trained on; its images give the neurons their labels.")] = "mnist",
    dt: Annotated[float, typer.Option(metavar="MS", help="Time step.")] = 0.5,
    input_gain: Annotated[float, typer.Option(help="Factor on pixel values, 1 for MNIST; 'engram info' tells that of a model of engram's.")] = 1.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was read as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Read a network that another program trained; says what is exact and what is lost. Nothing in it is executed."""
    from engram.errors import RunFolderError
    from engram.exchange import import_model
    from engram.exchange.imports import source_of
    from engram.files import check_may_be_folder
    from engram.model_file import save_model

    if out_file.is_file() and not overwrite:
        raise RunFolderError(f"{out_file} is there already; choose another --out or pass --overwrite.")
    if out_file.is_dir():
        raise RunFolderError(
            f"{out_file} is a folder, not a file; give the file to write, --out {out_file / 'imported.safetensors'}."
        )
    check_may_be_folder(out_file.parent, "--out")
    kind = source_of(path, source)
    model = import_model(path, kind.name, dataset=dataset, dt=dt, input_gain=input_gain)
    save_model(model, out_file)
    if json:
        print_json({"model": str(out_file), "from": kind.name, "n_inputs": model.network.n_inputs,
                    "n_neurons": model.network.n_neurons, "exact": list(kind.exact), "lost": list(kind.lost)})  # fmt: skip
    elif not quiet:
        n_inputs, n = model.network.n_inputs, model.network.n_neurons
        out.print(
            f"[bold]{plain(out_file)}[/]  {plural(n_inputs, 'input')}, {plural(n, 'neuron')}, from {plain(kind.title)}"
        )
        out.print(f"exact  {plain(' '.join(kind.exact))}")
        out.print(f"lost   {plain(' '.join(kind.lost))}")
        out.print(f"next   engram evaluate {plain(out_file)} --label-examples 10000")
