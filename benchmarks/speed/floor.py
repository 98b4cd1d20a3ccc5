"""The least time that an image can take: what the model must compute and move, at what the machine can do.

A floor, so whatever can be done without is left out: in blank time membranes only leak, inhibitory neurons rest,
presynaptic changes touch nothing, and no loop or branch costs anything. The operations of the longer equations are
counted by evaluating engram's own functions on numbers that count.
"""

from __future__ import annotations

import dataclasses
from unittest import mock

import numpy as np

from engram import arithmetic, randomness
from engram.networks import DiehlCook
from engram.neurons import conductance_lif
from engram.neurons.base import asked_by, known_constants
from engram.plasticity.base import LearningRule

SINGLE = 4
"""Bytes of a number."""

STATE_ARRAYS = 5
"""Numbers that a neuron's step reads: v, g_exc, g_inh, theta and the time for which v is held."""

WORDS = 4
"""Random words from one evaluation of the generator; 64 bits wide, so that a register holds half as many as numbers."""

HELD, THRESHOLD, LEAK = 2, 2, 3
"""Products and sums are counted apart here and below, as the kernels do them; fused they would take about as long.
Operations of a neuron's step besides its equations: v is kept while it is refractory (test
and choice); theta is added and compared; and v_rest + (v - v_rest) times a constant where nothing is open."""

PER_WEIGHT = {"triplet": 2 + 2, "self_normalizing": 2 + 3, "exponential": 6 + 2}
"""Operations of a weight at a neuron's spike besides exponentials: product, sum and two bounds; or test and choice, and
the way there; or what is added, of four products and two differences, and two bounds."""

EXPONENTIALS = {"exponential": 2}
"""How many a weight takes at a neuron's spike, besides that of its input's trace."""


@dataclasses.dataclass
class Tally:
    """How many operations were done; divisions and fused products apart, each of which has a rate of its own."""

    operations: int = 0
    divisions: int = 0
    fused: int = 0


class Counting:
    """A number that counts what is done with it."""

    def __init__(self, value, tally: Tally):
        self.value, self.tally = value, tally

    def _apply(self, other, work, cost=1):
        self.tally.operations += cost
        return Counting(work(self.value, getattr(other, "value", other)), self.tally)

    def __add__(self, other):
        return self._apply(other, lambda a, b: a + b)

    def __sub__(self, other):
        return self._apply(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self._apply(other, lambda a, b: b - a)

    def __mul__(self, other):
        return self._apply(other, lambda a, b: a * b)

    def __truediv__(self, other):
        self.tally.divisions += 1
        return self._apply(other, lambda a, b: a / b, cost=0)

    def __lt__(self, other):
        return self._apply(other, lambda a, b: a < b, cost=2)

    def __gt__(self, other):
        return self._apply(other, lambda a, b: a > b, cost=2)

    def __rshift__(self, other):
        return self._apply(other, lambda a, b: a >> b)

    def __and__(self, other):
        return self._apply(other, lambda a, b: a & b)

    def __xor__(self, other):
        return self._apply(other, lambda a, b: a ^ b)

    def __abs__(self):
        return self._apply(None, lambda a, _: abs(a))

    def rint(self):
        """What :func:`numpy.rint` calls."""
        return self._apply(None, lambda a, _: np.rint(a))

    def __neg__(self):
        return Counting(-self.value, self.tally)  # part of what comes next

    def __bool__(self):
        return bool(self.value)

    __radd__, __rmul__ = __add__, __mul__


def counted(function, *numbers, rest=()) -> Tally:
    """The operations of a function of numbers; `rest` are arguments that do not count."""
    tally = Tally()

    def power_of_two(x, n):  # to whole numbers, shift, add
        tally.operations += 3
        return Counting(np.ldexp(x.value, int(n.value)), tally)

    def fused(a, b, c):
        tally.fused += 1
        a, b, c = (getattr(x, "value", x) for x in (a, b, c))
        return Counting(a * b + c, tally)

    with (
        mock.patch.object(arithmetic, "scale_by_power_of_two", power_of_two),
        mock.patch.object(arithmetic, "fma", fused),
        mock.patch.object(conductance_lif, "fma", fused),
    ):
        function(*(Counting(number, tally) for number in numbers), *rest)
    return tally


def counted_equations(network: DiehlCook) -> dict[str, Tally]:
    """Operations of one evaluation of each of the longer equations."""
    constants = known_constants(network.excitatory, network.dt, network.integrator, network.dtype)
    quick = network.excitatory.equations(network.integrator).quick
    membrane = counted(quick, -60.0, 0.1, 0.1, rest=tuple(constants[name] for name in asked_by(quick)[3:]))
    exponential = counted(arithmetic.exp2, -0.5, rest=(arithmetic.exp2_coefficients(network.dtype),))
    words = counted(randomness.philox4x32, *range(6))
    return {
        "update": dataclasses.replace(membrane, operations=membrane.operations + HELD + THRESHOLD),
        "leak": Tally(LEAK + HELD + THRESHOLD),
        "trace": dataclasses.replace(exponential, operations=exponential.operations + 1),
        # its logarithm is a polynomial too, and a quotient makes it a number of steps
        "draw": Tally(2 * (words.operations // WORDS + exponential.operations), 2),
    }


def rate_at(machine: dict, name: str, size_bytes: float) -> float:
    """A measured rate for a working set of that size, between the sizes measured."""
    return float(np.interp(np.log(size_bytes / 1024), np.log(machine["sizes_kib"]), machine[name]))


def floor_ms(network: DiehlCook, rule: LearningRule | None, events: dict, machine: dict) -> dict[str, float]:
    """Least milliseconds of an image, by what they go into.

    Parameters
    ----------
    network : DiehlCook
    rule : Triplet, Exponential or SelfNormalizing, optional
        Without one nothing learns.
    events : dict
        Spikes and draws of an image, and its steps.
    machine : dict
        Operations, divisions, fused products, bytes and cache lines a second.

    Returns
    -------
    dict of str to float
        Each part takes the longer of its arithmetic and its memory traffic.
    """
    n, n_inputs = network.n_neurons, network.n_inputs
    cost = counted_equations(network)
    weights_bytes, state_bytes = SINGLE * n * n_inputs, SINGLE * STATE_ARRAYS * n

    def compute(tally: Tally, times: float) -> float:
        parts = ("operations", "divisions", "fused")
        return times * sum(getattr(tally, part) / machine[f"{part}_per_s"] for part in parts)

    def move(n_bytes: float, working_set: float) -> float:
        return n_bytes / rate_at(machine, "bytes_per_s", working_set)

    shown, blank = n * events["n_shown"], n * events["n_blank"]
    driven, inhibited = events["input_spikes"] * n, events["inh_spikes"] * n
    changed = events["exc_spikes"] * n_inputs
    seconds = {
        "neurons": max(
            compute(cost["update"], shown) + compute(cost["leak"], blank),
            move((events["n_shown"] + events["n_blank"]) * state_bytes, state_bytes),
        ),
        "input rows": max(compute(Tally(1), driven), move(SINGLE * driven, weights_bytes)),
        "draws": compute(cost["draw"], events["draws"]),
        "inhibition": max(compute(Tally(2), inhibited), move(inhibited, n * n)),  # a delay of one byte; find slot, add
    }
    if rule is not None:
        # A row of weights lies together for its input, so each of a neuron's weights lies in a cache line of its own.
        seconds["plasticity"] = max(
            compute(Tally(PER_WEIGHT[rule.name]), changed)
            + compute(cost["trace"], changed * (1 + EXPONENTIALS.get(rule.name, 0))),
            changed / rate_at(machine, "lines_per_s", weights_bytes),
        )
    if rule is not None and rule.normalization != "none":
        # A sum and a product a weight, one more for a square, read twice and written once; of all neurons where their
        # inputs' spikes change weights too, else of those that fired.
        scaled = n_inputs * (n if rule.equations().on_pre else events["fired"])
        operations = 3 if rule.normalization == "l2" else 2
        seconds["normalisation"] = max(compute(Tally(operations), scaled), move(3 * SINGLE * scaled, weights_bytes))
    return {name: 1000 * value for name, value in seconds.items()}
