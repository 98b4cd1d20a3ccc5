"""``engram certify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json, progress_bar
from engram.cli.opening import open_diehl_cook


def certify(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model file, or a shipped model's name.")],
    images: Annotated[int, typer.Option(help="Images to show: the first that it was tested on, else digits.")] = 20,
    dtype: Annotated[Optional[str], typer.Option(help="float32 or float64.", show_default="the model's")] = None,
    source: Annotated[Optional[str], typer.Option(help="The model's source of spikes, where it is a file of your own: my_source.py:MySource.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the result.")] = False,
) -> None:  # fmt: skip
    """Say whether any spike that images draw depends on rounding."""
    from dataclasses import asdict

    from engram.certified_images import certify_images
    from engram.exchange import example_images
    from engram.validation import check_count

    check_count("images", images)
    trained = open_diehl_cook(model, source=source, quiet=quiet or json)
    shown, _ = example_images(trained, images)
    with progress_bar(quiet=quiet or json) as bar:
        task = bar.add_task("certifying", total=len(shown))
        certificates = certify_images(
            trained, shown, dtype=dtype, on_progress=lambda done: bar.update(task, completed=done)
        )
    closest = min(certificates, key=lambda c: c.distance / c.bound)
    n_certified = sum(c.certified for c in certificates)
    if json:
        print_json({"images": len(certificates), "certified": n_certified, "closest": asdict(closest)})
        return
    out.print(f"{n_certified} of {len(certificates)} images draw spikes that do not depend on rounding")
    out.print(f"closest  {plain(closest)}")
