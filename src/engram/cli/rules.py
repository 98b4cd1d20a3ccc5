"""``engram rules``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json

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
    preset: Annotated[
        Optional[str],
        typer.Option(
            help="Begin with the constants of this preset: sharp, paper or events.", show_default="the rule's own"
        ),
    ] = None,
    neurons: Annotated[int, typer.Option(help="Size of the network, with which a preset's learning rates grow.")] = 400,
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
    from engram.presets import PRESETS
    from engram.rule_probes import earlier_post_for, norm_convergence, stdp_window
    from engram.validation import check_choice

    constants = {}
    if preset is not None:
        check_choice("preset", preset, tuple(PRESETS))
        constants = PRESETS[preset].rule_options(name, neurons)
    rule = make_rule(name, {**constants, **with_settings({}, set_ or []).get("constants", {})})
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
