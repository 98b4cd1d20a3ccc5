"""``engram warmup``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from engram.cli.console import out, plain, print_json


def warmup(
    rule: Annotated[Optional[list[str]], typer.Option(help="Only this learning rule, built in or my_rule.py:MyRule; repeatable.", show_default="all built-in rules, in every variant")] = None,
    dtype: Annotated[Optional[str], typer.Option(help="float32 or float64.", show_default="both")] = None,
    integrator: Annotated[Optional[str], typer.Option(help="exponential_euler or euler.", show_default="both")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was compiled as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Compile ahead, for clusters: whatever train, evaluate, predict and read need is kept, and no job waits for it.

    Presets, sizes, constants and time steps have the same machine code. Any number of processes may do it at once.
    """
    from engram.kernels import code_store, machine
    from engram.kernels.rule_code import checked_rule
    from engram.kernels.stock import stock_routines
    from engram.networks.network import INTEGRATORS, PRECISIONS
    from engram.plasticity.registry import RULES, load_rule, make_rule
    from engram.validation import check_choice

    dtypes, integrators = (
        PRECISIONS if dtype is None else (dtype,),
        INTEGRATORS if integrator is None else (integrator,),
    )
    check_choice("dtype", dtypes[0], PRECISIONS)
    check_choice("integrator", integrators[0], INTEGRATORS)
    rules = None if not rule else [make_rule(name) if name in RULES else load_rule(name) for name in rule]
    for own in rules or ():
        for precision in dtypes:
            checked_rule(own, precision)
    routines = stock_routines(rules, dtypes, integrators)
    absent = machine.missing(routines)
    machine.prepare(absent)
    if json:
        print_json({"routines": len(routines), "compiled": len(absent), "kept_in": str(code_store.cache_folder())})
    elif not quiet:
        out.print(
            f"{len(routines)} routines are at hand, {len(absent)} of them compiled now; what is compiled is kept in"
            f" {plain(code_store.cache_folder())}"
        )
