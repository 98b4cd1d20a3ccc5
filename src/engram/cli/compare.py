"""``engram compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import err, out, plain, print_json
from engram.cli.pools import SchedulerOption, SlurmOption, SlurmSetOption, ThreadsOption, WorkersOption
from engram.cli.tables import print_table


def compare(
    plan: Annotated[Optional[Path], typer.Argument(metavar="PLAN", help="TOML file of runs, in which a list stands for each of its values; of the options below it takes --network, --layers, --source and --set.")] = None,
    rules: Annotated[str, typer.Option(help="Rules with commas between; names or my_rule.py:MyRule.")] = "self_normalizing,triplet",
    neurons: Annotated[str, typer.Option(help="Numbers of neurons with commas between.")] = "400",
    network: Annotated[Optional[str], typer.Option(help="diehl-cook, two-layers, conv, conv-prototypes, or my_network.py:describe.", show_default="diehl-cook")] = None,
    layers: Annotated[Optional[str], typer.Option(help="Whether the layers of a network learn together or in-turn.", show_default="what suits the network")] = None,
    source: Annotated[Optional[str], typer.Option(help="What makes spikes of what is shown, see 'engram train --help'.", show_default="poisson")] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="network.NAME, protocol.NAME, source.NAME or data.NAME, for all runs; repeatable.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds: a list such as 0,1,2.")] = "0,1,2",
    preset: Annotated[Optional[str], typer.Option(help="Constants of network, protocol and rules: sharp, at which every rule reads best, paper, or events.", show_default="sharp; paper with another --network")] = None,
    dataset: Annotated[str, typer.Option(help="Images to train and test on.")] = "digits",
    epochs: Annotated[Optional[int], typer.Option(help="Passes over the training images.")] = None,
    examples: Annotated[Optional[int], typer.Option(help="Training images, instead of whole passes.")] = None,
    label_examples: Annotated[Optional[int], typer.Option(help="Training images that label the neurons.", show_default="as many as they need")] = None,
    test_examples: Annotated[Optional[int], typer.Option(help="Test images.", show_default="all")] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the runs and the table; continues what it holds.")] = Path("runs/comparison"),
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = False,
    slurm_set: SlurmSetOption = None,
    threads: ThreadsOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.")] = False,
) -> None:  # fmt: skip
    """Train and test several rules alike: accuracy by scheme, time, norm and silent neurons in one table."""
    from engram.cli.pools import hired, shown, threads_for
    from engram.cli.train import layers_option
    from engram.comparison import compare as compare_runs
    from engram.comparison import comparison_runs, markdown_table, table_cells
    from engram.config import TrainingConfig
    from engram.errors import Interrupted
    from engram.plans import grid, read_plan
    from engram.pools import Here

    named = {"source": source, "network": network, "layers": layers_option(layers)}
    named = {name: value for name, value in named.items() if value is not None}
    if plan is not None:
        blocks = [with_options(block, named, set_ or []) for block in read_plan(plan, [*words(rules), network, source])]
        configs = [config for block in blocks for config in grid(block)]
    else:
        options = {
            "dataset": dataset, "preset": preset, "epochs": epochs, "examples": examples,
            "label_examples": label_examples, "test_examples": test_examples,
        }  # fmt: skip
        base = TrainingConfig(**with_options(options, named, set_ or []))
        configs = comparison_runs(base, words(rules), numbers("neurons", neurons), numbers("seeds", seeds))
    silent = quiet or json
    pool = hired(out_, workers, scheduler, slurm, slurm_set, quiet=silent)
    try:
        with pool or Here(displayed(len(configs), silent)) as chosen, shown(pool, len(configs), quiet=silent) as view:
            n_threads = threads_for(threads, workers, scheduler, slurm)
            records = compare_runs(out_, configs, threads=n_threads, pool=chosen, watcher=view)
    except Interrupted:
        raise Interrupted("Stopped; everything is saved. The same command continues.") from None
    if json:
        print_json(records)
        return
    print_table(*table_cells(records), markdown_table(records))
    if not quiet:
        out.print(f"written to {plain(out_)}/comparison.md, .csv, .json, .png, .svg and curves.png, .svg")


def displayed(total: int | None, silent: bool):
    """What makes the progress bar of each run that is done in this process."""
    from engram.cli.train import Display

    begun = 0

    def on_run(piece) -> list[Display]:
        nonlocal begun
        begun += 1
        if not silent:
            of = "" if total is None else f" of {total}"
            err.print(f"run {begun}{of}: {plain(Path(piece.folder).name)}")
        return [Display(quiet=silent)]

    return on_run


def with_options(block: dict, given: dict, settings: list[str]) -> dict:
    """A plan's block with options of the command line, and ``--set``."""
    from engram.cli.train import with_settings
    from engram.plans import changed

    return changed(changed(block, given), with_settings({}, settings))


def words(text: str) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(name: str, text: str) -> list[int]:
    """Whole numbers with commas between."""
    from engram.errors import ConfigError

    try:
        return [int(word) for word in words(text)]
    except ValueError:
        raise ConfigError(f"--{name} must be whole numbers with commas between, got {text!r}.") from None
