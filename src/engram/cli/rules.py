"""``engram rules`` and ``engram compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import err, out, plain, print_json

app = typer.Typer(help="List learning rules and look at them.", invoke_without_command=True)


@app.callback()
def list_rules(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the learning rules with their equation, constants and source."""
    if context.invoked_subcommand is not None:
        return
    from engram.plasticity import RULES

    rules = [rule() for rule in RULES.values()]
    if json:
        print_json([_facts(rule) for rule in rules])
        return
    for rule in rules:
        _print_rule(rule)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A rule's name, or my_rule.py:MyRule.")],
    set_: Annotated[
        Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A constant of the rule; repeatable.")
    ] = None,
    weights: Annotated[str, typer.Option(help="Weights before the pair of spikes.")] = "0.1,0.3,0.5,0.9",
    out_: Annotated[Path, typer.Option("--out", help="Folder for the figure.")] = Path("figures"),
    json: Annotated[bool, typer.Option("--json", help="Print the window's numbers as JSON.")] = False,
) -> None:
    """Draw a rule's STDP window and, for self_normalizing, the norm's convergence from several starts."""
    import numpy as np

    from engram import figures
    from engram.cli.train import with_settings
    from engram.errors import ConfigError
    from engram.plasticity import SelfNormalizing, make_rule
    from engram.rule_probes import earlier_post_for, norm_convergence, stdp_window

    rule = make_rule(name, with_settings({}, set_ or []).get("constants", {}))
    try:
        before = [float(text) for text in weights.split(",")]
    except ValueError:
        raise ConfigError(f"--weights must be numbers with commas between, got {weights!r}.") from None
    delays = np.linspace(-80, 80, 161)
    earlier = earlier_post_for(rule)
    changes = stdp_window(rule, delays, before, earlier_post=earlier)
    sums = target = None
    if isinstance(rule, SelfNormalizing):
        target = rule.a_tar * 784
        random = np.random.default_rng(0).random(784)
        starts = np.column_stack((np.zeros(784), np.full(784, 0.2), 10 * target * random / random.sum()))
        sums = norm_convergence(rule, starts)
    title = rule.name if earlier is None else f"{rule.name}, the neuron having fired {earlier:g} ms before the pair"
    figure = figures.stdp_window(delays, before, changes, title=title, sums=sums, target=target)
    paths = figures.save(figure, out_ / f"rule-{rule.name}")
    if json:
        window = {"delays_ms": delays.tolist(), "weights": before, "changes": changes.tolist()}
        print_json({**_facts(rule), "window": window, "figures": [str(path) for path in paths]})
        return
    _print_rule(rule)
    out.print(f"figure {plain(paths[0])}")


def compare(
    rules: Annotated[str, typer.Option(help="Rules with commas between; names or my_rule.py:MyRule.")] = "self_normalizing,triplet",
    neurons: Annotated[str, typer.Option(help="Numbers of neurons with commas between.")] = "400",
    source: Annotated[str, typer.Option(help="What makes spikes of what is shown, see 'engram train --help'.")] = "poisson",
    set_: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="network.NAME, protocol.NAME, source.NAME or data.NAME, for all runs; repeatable.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds: a list such as 0,1,2.")] = "0,1,2",
    preset: Annotated[str, typer.Option(help="Constants of network, protocol and rules: sharp, at which every rule reads best, paper, or events.")] = "sharp",
    dataset: Annotated[str, typer.Option(help="Images to train and test on.")] = "digits",
    epochs: Annotated[Optional[int], typer.Option(help="Passes over the training images.")] = None,
    examples: Annotated[Optional[int], typer.Option(help="Training images, instead of whole passes.")] = None,
    label_examples: Annotated[int, typer.Option(help="Training images that label the neurons.")] = 10_000,
    test_examples: Annotated[Optional[int], typer.Option(help="Test images.", show_default="all")] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the runs and the table; continues what it holds.")] = Path("runs/comparison"),
    threads: Annotated[Optional[int], typer.Option(help="For labelling and testing.", show_default="all processors")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.")] = False,
) -> None:  # fmt: skip
    """Train and test several rules alike: accuracy by scheme, time, norm and silent neurons in one table."""
    from engram.cli.train import Display, with_settings
    from engram.comparison import compare as compare_rules
    from engram.comparison import comparison_runs, markdown_table
    from engram.config import TrainingConfig
    from engram.errors import Interrupted

    options = {
        "dataset": dataset, "preset": preset, "source": source, "epochs": epochs, "examples": examples,
        "label_examples": label_examples, "test_examples": test_examples,
    }  # fmt: skip
    base = TrainingConfig(**with_settings(options, set_ or []))
    configs = comparison_runs(base, _words(rules), _numbers("neurons", neurons), _numbers("seeds", seeds))

    def on_run(number: int, total: int, config) -> list[Display]:
        if not (quiet or json):
            err.print(f"run {number} of {total}: {plain(config.rule)}, {config.neurons:,} neurons, seed {config.seed}")
        return [Display(quiet=quiet or json)]

    try:
        records = compare_rules(out_, configs, threads=threads, on_run=on_run)
    except Interrupted:
        raise Interrupted("Stopped; everything is saved. The same command continues.") from None
    if json:
        print_json(records)
        return
    out.print(markdown_table(records), markup=False, end="")
    if not quiet:
        out.print(f"written to {plain(out_)}/comparison.md, .csv, .json, .png and .svg")


def _facts(rule) -> dict:
    from engram.plasticity.records import rule_record

    return {**rule_record(rule), "name": rule.name, "equation": rule.equation, "source": rule.source}


def _print_rule(rule) -> None:
    record = _facts(rule)
    out.print(f"[bold]{plain(rule.name)}[/]")
    if rule.equation:
        out.print(f"  {plain(rule.equation)}")
    out.print("  " + ", ".join(f"{name}={value}" for name, value in record["constants"].items()), markup=False)
    if rule.source:
        out.print(f"  {plain(rule.source)}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(name: str, text: str) -> list[int]:
    from engram.errors import ConfigError

    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise ConfigError(f"--{name} must be whole numbers with commas between, got {text!r}.") from None
