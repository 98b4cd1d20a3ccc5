"""``engram data``."""

from __future__ import annotations

from typing import Annotated

import typer

from engram.cli.console import err, out, print_json, progress_bar

app = typer.Typer(help="List, fetch and check datasets.", no_args_is_help=True)


@app.command("list")
def list_datasets(json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """List the datasets known by name, and where they are."""
    from dataclasses import asdict

    from engram.datasets import available

    records = available()
    if json:
        print_json([{**asdict(record), "location": _text(record.location)} for record in records])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "training", "test", "where", "what"):
        table.add_column(column)
    for record in records:
        where = _text(record.location) or f"not here; engram data fetch {record.name}"
        table.add_row(record.name, f"{record.n_train:,}", f"{record.n_test:,}", where, record.description)
    out.print(table)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="The dataset's name.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Download a dataset into the per-user cache; every file is checked by its content."""
    from engram.datasets import fetch as fetch_dataset

    tasks: dict[str, int] = {}
    with progress_bar(quiet=quiet) as bar:

        def show(file: str, received: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=total)
            bar.update(tasks[file], completed=received, total=total)

        folder = fetch_dataset(name, show)
    if not quiet:
        out.print(f"{name} is in {folder}" if folder is not None else f"{name} comes with engram; nothing to fetch.")


@app.command()
def check(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A dataset's name or path.")],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Verify a dataset's files."""
    from dataclasses import asdict

    from engram.datasets import check as check_dataset

    items = check_dataset(source)
    if json:
        print_json([asdict(item) for item in items])
    else:
        for item in items:
            console, mark = (out, "[green]ok[/]     ") if item.ok else (err, "[red]damaged[/]")
            console.print(f"{mark} {item.item}  {item.message}")
    if not all(item.ok for item in items):
        raise typer.Exit(1)


def _text(location) -> str | None:
    return None if location is None else str(location)
