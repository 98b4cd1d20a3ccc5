"""``engram models``."""

from __future__ import annotations

from typing import Annotated

import typer

from engram.cli.console import out, plain, print_json


def models(json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """List the trained models that come with engram; their names stand wherever RUN|MODEL is asked for."""
    from dataclasses import asdict

    from engram.models import shipped_models
    from engram.readout import HEADLINE

    listed = shipped_models()
    if json:
        print_json([{**asdict(model), "bytes": model.size, "file": str(model.path)} for model in listed])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    schemes = sorted(listed[0].accuracy, key=lambda scheme: scheme != HEADLINE)
    for column in ("name", "neurons", *schemes, "images", "of", "kB"):
        table.add_column(column, justify="left" if column in ("name", "of") else "right", no_wrap=True)
    for model in listed:
        table.add_row(
            plain(model.name),
            f"{model.neurons:,}",
            *(f"{100 * model.accuracy[scheme]:.1f} %" for scheme in schemes),
            f"{model.examples:,}",
            plain(model.dataset),
            f"{model.size / 1000:,.0f}",
        )
    out.print(table)
    rules = "; ".join(
        f"{rule}: {', '.join(model.name for model in listed if model.rule == rule)}"
        for rule in dict.fromkeys(model.rule for model in listed)
    )
    out.print("Accuracy on all test images, by readout scheme; learned from so many images of a data set.")
    out.print(f"Learned by {plain(rules)}.")
