"""``engram data``."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import err, out, plain, print_json, told_counts, told_warnings

app = typer.Typer(help="List, fetch and check datasets.", no_args_is_help=True)


@app.command("list")
def list_datasets(json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """List the datasets known by name, and where they are."""
    from dataclasses import asdict

    from engram.datasets import available
    from engram.datasets.places import trouble

    records = available()
    if trouble():
        err.print(f"[yellow]Warning:[/] {plain(trouble())}.")
    if json:
        print_json([{**asdict(record), "location": _text(record.location)} for record in records])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "training", "test", "what"):
        table.add_column(column, no_wrap=column != "what", overflow="fold")
    for record in (record for record in records if record.n_train is not None):
        where = _text(record.location) or f"not here; engram data fetch {record.name}"
        what = f"{record.description.rstrip('.')} ({where})"
        table.add_row(*map(plain, (record.name, _number(record.n_train), _number(record.n_test), what)))
    out.print(table)
    _print_found([record for record in records if record.n_train is None])


def _print_found(records) -> None:
    """The names of further data sets by kind, each whole on a line of its own, to be copied."""
    for kind, alike in groupby(sorted(records, key=attrgetter("description", "name")), key=attrgetter("description")):
        out.print(f"\nin $ENGRAM_DATA, {plain(kind)}:")
        for record in alike:
            out.print(f"  {plain(record.name)}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name: mnist, fashion-mnist or kmnist.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Download a dataset into the per-user cache, unless it is on this machine; every file is checked by its content."""
    from engram.datasets import fetch as fetch_dataset

    files = set()
    with told_counts(quiet=quiet) as tell:

        def show(file: str, received: int, total: int | None) -> None:
            files.add(file)
            tell(file, received, total)

        folder = fetch_dataset(name, show)
    if quiet:
        return
    if folder is None:
        out.print(f"{name} comes with engram; nothing to fetch.")
    else:
        already = "" if files else " already; nothing to fetch"
        out.print(f"{name} is in {plain(folder)}{already}")


@app.command()
def check(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A dataset's name or path.")],
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="An option of the data: image_shape, value_range, label_column, window, speed, channels, sensor_shape; repeatable.")] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the contact sheet is drawn.")] = Path("figures"),
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Draw no contact sheet.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:  # fmt: skip
    """Verify a dataset's files, say what they are read as, and draw some images of each class."""
    from dataclasses import asdict

    from engram.cli.train import with_settings
    from engram.datasets import CheckedItem, find_source, load_with, named_sources
    from engram.errors import DataError
    from engram.files import check_may_be_folder

    if not no_figures:
        check_may_be_folder(folder, "--out")
    options = with_settings({}, [f"data.{setting.removeprefix('data.')}" for setting in set_ or []]).get("data", {})
    named = named_sources().get(source)
    items = () if named is None else named.check()
    place = None if named is not None else find_source(source)[1]
    loaded = None
    try:
        if all(item.ok for item in items):
            loaded = told_load(lambda progress: load_with(source, options, progress), quiet=json)
            items = items or (CheckedItem(str(place), True, loaded.content_hash()),)
    except DataError as error:
        items = (CheckedItem(str(place or source), False, str(error)),)
    for item in () if json else items:
        console, mark = (out, "[green]ok[/]     ") if item.ok else (err, "[red]damaged[/]")
        console.print(f"{mark} {plain(item.item)}  {plain(item.message)}")
    facts = {} if loaded is None else _facts(loaded)
    if loaded is not None and loaded.image_shape is not None and not no_figures:
        facts["figure"] = str(_draw_sheet(loaded, folder))
    if json:
        print_json({"files": [asdict(item) for item in items], **facts})
    elif facts:
        _print_facts(facts)
    if loaded is None:
        raise typer.Exit(1)


def told_load(load: Callable, *, quiet: bool = False):
    """Call ``load(progress)`` with a bar for long loading; tell what was done with the data, and what is doubtful."""
    from engram.datasets import named_sources
    from engram.errors import DataWarning

    with told_warnings(DataWarning), told_counts(quiet=quiet) as tell:
        dataset = load(tell)
    if not quiet and dataset.description and dataset.name not in named_sources():
        err.print(f"{plain(dataset.title)}: {plain(dataset.description)}")
    return dataset


def _facts(dataset) -> dict:
    """What a dataset is read as."""
    import numpy as np

    def numbers(labels):
        return {dataset.class_name(label): int(np.sum(labels == label)) for label in dataset.classes}

    return {
        "name": dataset.name,
        "title": dataset.title,
        "n_train": len(dataset.train_images),
        "n_test": len(dataset.test_images),
        "n_inputs": dataset.n_inputs,
        "image_shape": dataset.image_shape,
        "value_range": dataset.value_range,
        "framing": dataset.framing,
        "mean_ink": float(np.mean(dataset.train_images, dtype=np.float64) / 255),
        "classes": {"training": numbers(dataset.train_labels), "test": numbers(dataset.test_labels)},
        "description": dataset.description,
    }


def _print_facts(facts: dict) -> None:
    from engram.datasets.scale import describe_range

    out.print(f"read as    {plain(facts['title'])}")
    out.print(
        f"scale      {describe_range(facts['value_range'])}, mean ink {100 * facts['mean_ink']:.1f} %", markup=False
    )
    for part, counts in facts["classes"].items():
        out.print(f"{part:<9}  " + "  ".join(f"{plain(name)}: {count:,}" for name, count in counts.items()))
    if "figure" in facts:
        out.print(f"figure     {plain(facts['figure'])}")


def _draw_sheet(dataset, folder: Path) -> Path:
    from engram import figures

    names = [dataset.class_name(label) for label in dataset.train_labels]
    figure = figures.contact_sheet(dataset.train_images, dataset.image_shape, names, dataset.title)
    return figures.save(figure, folder / f"data-{_file_name(dataset.name)}", ("png",))[0]


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:100] or "data"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _text(location) -> str | None:
    return None if location is None else str(location)
