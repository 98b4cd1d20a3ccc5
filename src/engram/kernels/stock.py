"""The routines of what comes with engram: the networks that have a name, by every built-in rule, and the tutorial's.

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
from engram.networks.catalogue import NETWORKS, Wanted, describe_network
from engram.networks.network import INTEGRATORS, PRECISIONS
from engram.plasticity.base import LearningRule, choices_of
from engram.plasticity.registry import RULES

_SMALL = {"two-layers": {"hidden": 3}, "conv": {"maps": 2}, "conv-prototypes": {"maps": 2}}
"""Options that make networks of the catalogue small."""

_NO_VARIANTS = ("normalization", "rounding")
"""Choices of a rule that its routines do not depend on, as long as nothing is rounded."""


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
        named = _named_networks(rules, dtype, integrator)
        for described in (*map(network.describe, rules), *_without_rule(network), *named):
            found += build.routines_of(described, new_state(described, 0))
    return list({routine.digest: routine for routine in found}.values())


def builtin_rules() -> Iterator[LearningRule]:
    """Every built-in rule with every choice of its variants, in floating point."""
    for kind in RULES.values():
        choices = {name: choices for name, choices in choices_of(kind).items() if name not in _NO_VARIANTS}
        rule = kind()
        for chosen in itertools.product(*choices.values()):
            with contextlib.suppress(ConfigError):  # of two choices that exclude each other
                yield replace(rule, **dict(zip(choices, chosen, strict=True)))


def _named_networks(rules: list[LearningRule], dtype: str, integrator: str) -> Iterator[Network]:
    """The catalogue's networks as they learn and as they are read, small."""
    for name, rule in itertools.product(NETWORKS, rules):
        wanted = Wanted(shape=(12, 12), neurons=3, rule=rule, dt=0.5, integrator=integrator, dtype=dtype)
        network = describe_network(name, _SMALL.get(name, {}), wanted)
        yield from (network, network.frozen())


def _without_rule(network: DiehlCook) -> tuple[Network, ...]:
    """The network as it is read from, and with delays between the input and the neurons."""
    return network.describe(), network.describe(input_delays=True)
