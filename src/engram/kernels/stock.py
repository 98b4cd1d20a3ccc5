"""The routines of what comes with engram: the Diehl & Cook network by every built-in rule, and the tutorial's network.

A wheel may carry their machine code, and ``engram warmup`` makes it for the machine it runs on. Constants are no part
of a routine, so presets, sizes and time steps have the same ones.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from engram.errors import ConfigError
from engram.kernels import build, tutorial_cpu
from engram.kernels.machine import Routine
from engram.kernels.state import new_state
from engram.networks import DiehlCook, Network
from engram.networks.network import INTEGRATORS, PRECISIONS
from engram.plasticity.base import LearningRule, choices_of
from engram.plasticity.registry import RULES


def stock_routines(
    rules: Iterable[LearningRule] | None = None,
    dtypes: Iterable[str] = PRECISIONS,
    integrators: Iterable[str] = INTEGRATORS,
) -> list[Routine]:
    """Every routine of networks that learn by some rules, and of reading.

    Parameters
    ----------
    rules : iterable of LearningRule, optional
        Every built-in rule in every variant by default.
    dtypes, integrators : iterable of str
    """
    rules = list(builtin_rules() if rules is None else rules)
    found = [tutorial_cpu.ROUTINE]
    for dtype, integrator in itertools.product(dtypes, integrators):
        network = DiehlCook(n_inputs=4, n_neurons=3, dtype=dtype, integrator=integrator)
        for described in (*map(network.describe, rules), *_without_rule(network)):
            found += build.routines_of(described, new_state(described, 0))
    return list({routine.digest: routine for routine in found}.values())


def builtin_rules() -> Iterator[LearningRule]:
    """Every built-in rule with every choice of its variants."""
    for kind in RULES.values():
        choices = {name: choices for name, choices in choices_of(kind).items() if name != "normalization"}
        rule = kind()
        for chosen in itertools.product(*choices.values()):
            with contextlib.suppress(ConfigError):  # of two choices that exclude each other
                yield replace(rule, **dict(zip(choices, chosen, strict=True)))


def _without_rule(network: DiehlCook) -> tuple[Network, ...]:
    """The network as it is read from, and with delays between the input and the neurons."""
    return network.describe(), network.describe(input_delays=True)
