"""``engram sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.compare import displayed, numbers, with_options, words
from engram.cli.console import out, plain, print_json
from engram.cli.pools import SchedulerOption, SlurmOption, SlurmSetOption, ThreadsOption, WorkersOption
from engram.cli.tables import print_table

_Runs = "What every run has"
_Search = "What is tried"


def sweep(
    plan: Annotated[Optional[Path], typer.Argument(metavar="PLAN", help="TOML file of runs, in which a list stands for each of its values and {low, high, log} for all numbers between.")] = None,
    vary_: Annotated[Optional[list[str]], typer.Option("--vary", metavar="NAME=VALUES", help="An option or constant and what it may be: A,B,C, or LOW:HIGH, or LOW:HIGH:log in a search; repeatable.", rich_help_panel=_Search)] = None,
    search: Annotated[str, typer.Option(help="grid: every combination; random or tpe: draws by Optuna.", rich_help_panel=_Search)] = "grid",
    trials: Annotated[Optional[int], typer.Option(help="How many a search of random or tpe draws.", rich_help_panel=_Search, show_default="30")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds with which each trial is trained: a list such as 0,1,2.", rich_help_panel=_Search)] = "0",
    scheme: Annotated[str, typer.Option(help="Whose accuracy counts: mean, proportion or logistic.", rich_help_panel=_Search)] = "proportion",
    dataset: Annotated[Optional[str], typer.Option(help="Images to train on.", rich_help_panel=_Runs, show_default="digits")] = None,
    rule: Annotated[Optional[str], typer.Option(help="Learning rule: a name, or my_rule.py:MyRule.", rich_help_panel=_Runs, show_default="self_normalizing")] = None,
    source: Annotated[Optional[str], typer.Option(help="What makes spikes of what is shown, see 'engram train --help'.", rich_help_panel=_Runs, show_default="poisson")] = None,
    preset: Annotated[Optional[str], typer.Option(help="Constants of network, protocol and rule: sharp, paper or events.", rich_help_panel=_Runs, show_default="sharp; paper with another --network")] = None,
    network: Annotated[Optional[str], typer.Option(help="diehl-cook, two-layers, conv, conv-prototypes, or my_network.py:describe.", rich_help_panel=_Runs, show_default="diehl-cook")] = None,
    layers: Annotated[Optional[str], typer.Option(help="Whether the layers of a network learn together or in-turn.", rich_help_panel=_Runs, show_default="what suits the network")] = None,
    neurons: Annotated[Optional[int], typer.Option(help="Excitatory neurons.", rich_help_panel=_Runs, show_default="400")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Passes over the training images.", rich_help_panel=_Runs)] = None,
    examples: Annotated[Optional[int], typer.Option(help="Training images, instead of whole passes.", rich_help_panel=_Runs)] = None,
    validation_examples: Annotated[Optional[int], typer.Option(help="Training images that are held out to test on.", rich_help_panel=_Runs, show_default="a sixth of them")] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A constant of the rule, or network.NAME, protocol.NAME, source.NAME or data.NAME; repeatable.", rich_help_panel=_Runs)] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the runs and the table; continues what it holds.")] = Path("runs/sweep"),
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = False,
    slurm_set: SlurmSetOption = None,
    threads: ThreadsOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.")] = False,
) -> None:  # fmt: skip
    """Find constants: train with many, and compare them on training images held out for that.

    Test images take no part; train with the best of them in the end: engram train --config OUT/best.toml
    """
    from engram.cli.pools import hired, shown, threads_for
    from engram.cli.train import layers_option
    from engram.config import own_options, read_options
    from engram.errors import Interrupted
    from engram.pools import Here
    from engram.sweep import SweepOptions, sweep_cells, sweep_table
    from engram.sweep import sweep as sweep_over

    given = {
        "dataset": dataset, "rule": rule, "preset": preset, "neurons": neurons, "epochs": epochs, "examples": examples,
        "validation_examples": validation_examples, "source": source, "network": network,
        "layers": layers_option(layers),
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    blocks = _blocks(plan, given, set_ or [], vary_ or [])
    silent = quiet or json
    options = SweepOptions(
        search=search, trials=trials, seeds=tuple(numbers("seeds", seeds)), scheme=scheme,
        threads=threads_for(threads, workers, scheduler, slurm),
    )  # fmt: skip
    n_runs = options.n_drawn * len(options.seeds) if search != "grid" else None
    pool = hired(out_, workers, scheduler, slurm, slurm_set, quiet=silent)
    try:
        with pool or Here(displayed(n_runs, silent)) as chosen, shown(pool, n_runs, quiet=silent) as view:
            records = sweep_over(out_, blocks, options, pool=chosen, watcher=view)
    except Interrupted:
        raise Interrupted("Stopped; everything is saved. The same command continues.") from None
    if json:
        print_json(records)
        return
    print_table(*sweep_cells(records), sweep_table(records))
    if not quiet:
        own = own_options(read_options(out_ / "best.toml"))
        out.print(f"written to {plain(out_)}/sweep.md, .csv, .json, .png and .svg; train with the best of them:")
        out.print(f"  engram train --config {plain(out_)}/best.toml{plain(own)}")


def _blocks(plan: Path | None, given: dict, settings: list[str], varied: list[str]) -> list[dict]:
    """A plan's blocks, or one, with what the command line says."""
    from engram.errors import ConfigError
    from engram.plans import read_plan, vary

    if plan is None and not varied:
        raise ConfigError("A sweep needs something to vary; give --vary NAME=A,B,C or a plan file.")
    blocks = read_plan(plan, [given.get(what) for what in ("rule", "network", "source")]) if plan is not None else [{}]
    blocks = [with_options(block, given, settings) for block in blocks]
    for text in varied:
        name, equals, values = text.partition("=")
        if not (equals and name and values):
            raise ConfigError(f"--vary wants NAME=VALUES, got {text!r}.")
        blocks = [vary(block, name, _varied(name, values)) for block in blocks]
    return blocks


def _varied(name: str, text: str):
    """The values that an option may have: a list or a range."""
    from engram.cli.train import layers_option, option_value
    from engram.errors import ConfigError
    from engram.plans import Range

    if name == "layers":
        return [layers_option(word) for word in words(text)]
    low, colon, rest = text.partition(":")
    if not colon or name in ("rule", "network", "network.kind", "source", "source.kind"):
        return [option_value(word) for word in words(text)]
    high, colon, kind = rest.partition(":")
    if kind not in ("", "log"):
        raise ConfigError(f"--vary {name} wants LOW:HIGH or LOW:HIGH:log, got {text!r}.")
    ends = [end for end in map(option_value, (low, high)) if not isinstance(end, str)]
    if len(ends) < 2:
        raise ConfigError(f"--vary {name} wants numbers as LOW and HIGH, got {text!r}.")
    return Range(*ends, log=kind == "log")
