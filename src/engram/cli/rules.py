"""``engram rules``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json, waiting
from engram.wording import plural

_INPUTS, _SPIKES = 100, 300
"""Of the neuron whose norm is drawn: enough to see it settle."""

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
    name: Annotated[str, typer.Argument(metavar="RULE", help="A rule's name, or my_rule.py:MyRule.")],
    set_: Annotated[
        Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A constant of the rule; repeatable.")
    ] = None,
    preset: Annotated[
        Optional[str],
        typer.Option(
            help="Begin with the constants of this preset: sharp, paper or events.", show_default="that of train"
        ),
    ] = None,
    neurons: Annotated[int, typer.Option(help="Size of the network, by which a preset chooses some constants.")] = 400,
    weights: Annotated[str, typer.Option(help="Weights before the pair of spikes.")] = "0.1,0.3,0.5,0.9",
    out_: Annotated[Path, typer.Option("--out", help="Folder for the figure.")] = Path("figures"),
    json: Annotated[bool, typer.Option("--json", help="Print the window's numbers as JSON.")] = False,
) -> None:
    """Say a rule's constants, and draw its STDP window and, for self_normalizing, how the norm converges."""
    from engram.files import check_may_be_folder
    from engram.validation import check_count

    check_may_be_folder(out_, "--out")
    check_count("neurons", neurons)
    preset = preset or preset_of_train()
    rule = rule_as_trained(name, preset, neurons, set_ or [])
    before = _numbers(weights)
    if not json:  # at once: the figure takes some seconds
        _print_rule(rule, f"preset {preset}, {plural(neurons, 'neuron')}")
    window, paths = _draw(rule, before, out_)
    if json:
        figures = [str(path) for path in paths]
        print_json({**_facts(rule), "preset": preset, "window": window, "figures": figures})
        return
    out.print(f"figure {plain(paths[0])}")


def preset_of_train() -> str:
    """The preset of a run that names none."""
    from engram.networks.catalogue import DIEHL_COOK
    from engram.presets import preset_of

    return preset_of(DIEHL_COOK)


def rule_as_trained(name: str, preset: str, neurons: int, settings: list[str]):
    """The rule as ``engram train`` would have it."""
    from engram.cli.train import with_settings
    from engram.plasticity import make_rule
    from engram.presets import PRESETS
    from engram.validation import check_choice

    check_choice("preset", preset, tuple(PRESETS))
    given = with_settings({}, settings).get("constants", {})
    return make_rule(name, {**PRESETS[preset].rule_options(name, neurons), **given})


def _numbers(text: str) -> list[float]:
    from engram.errors import ConfigError

    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"--weights must be numbers with commas between, got {text!r}.") from None


def _draw(rule, weights: list[float], folder: Path) -> tuple[dict, list[Path]]:
    """The numbers of a rule's window, and the files of the figure."""
    import numpy as np

    from engram import figures
    from engram.rule_probes import earlier_post_for, stdp_window

    with waiting("drawing"):
        delays = np.linspace(-80, 80, 161)
        earlier = earlier_post_for(rule)
        changes = stdp_window(rule, delays, weights, earlier_post=earlier)
        sums, target = _convergence(rule)
        title = rule.name if earlier is None else f"{rule.name}, the neuron having fired {earlier:g} ms before the pair"
        kept = {"sums": sums, "target": target, "norm": getattr(rule, "norm", "l1")}
        figure = figures.stdp_window(delays, weights, changes, title=title, **kept)
        paths = figures.save(figure, folder / f"rule-{rule.name}")
    return {"delays_ms": delays.tolist(), "weights": weights, "changes": changes.tolist()}, paths


def _convergence(rule):
    """How the norm of the weights of self-normalizing STDP comes to its target from several starts, and the target."""
    import numpy as np

    from engram.plasticity import SelfNormalizing
    from engram.rule_probes import norm_convergence

    if not isinstance(rule, SelfNormalizing):
        return None, None
    n = _INPUTS
    random = np.random.default_rng(0).random(n)
    starts = np.column_stack((np.zeros(n), np.full(n, 0.2), n * random / random.sum()))
    of_one_pattern = rule.variant == "smin" and rule.norm == "l2"  # not of the random ones that are shown here
    sums = norm_convergence(rule, starts, n_spikes=_SPIKES, kernel="reference")  # nothing is compiled for a figure
    return sums, None if of_one_pattern else rule.target(n)


def _facts(rule) -> dict:
    from engram.plasticity.records import rule_record

    return {**rule_record(rule), "name": rule.name, "equation": rule.equation, "source": rule.source}


def _print_rule(rule, whose: str = "") -> None:
    record = _facts(rule)
    out.print(f"[bold]{plain(rule.name)}[/]")
    if rule.equation:
        out.print(f"  {plain(rule.equation)}")
    constants = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in record["constants"].items()
    )
    out.print(f"  {constants}" + (f"  ({whose})" if whose else ""), markup=False)
    if rule.source:
        out.print(f"  {plain(rule.source)}")
