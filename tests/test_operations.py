"""Operations are counted as they are done: against counts by hand, of our rules and of one as a user writes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engram.errors import ConfigError
from engram.plasticity import (
    RULES,
    Exponential,
    LearningRule,
    Pair,
    PowerLaw,
    SelfNormalizing,
    Symmetric,
    Trace,
    Triplet,
)
from engram.plasticity.operations import Operations, operations_of

N = 100


def cost(rule, n_active=20):
    return operations_of(rule, n_inputs=N, n_active=n_active)


def test_smax_by_hand():
    """A synapse: one comparison, a difference, a product with eta, a sum. The bounds: n comparisons and additions to
    count the active inputs, one product and one division. Words: the weights, the traces twice, the two bounds."""
    found = cost(SelfNormalizing())
    assert found.postsynaptic == Operations(
        multiplications=N + 1, divisions=1, additions=3 * N, comparisons=2 * N, words_read=3 * N + 2,
        words_written=N + 2,
    )  # fmt: skip
    assert found.presynaptic == found.normalization == Operations()
    assert (found.words_per_input, found.words_per_neuron, found.words_per_synapse) == (1, 2, 0)


def test_smin_by_hand():
    """As SMAX, and for the lower bound a second product, s_max L_0, and two differences."""
    found, smax = (cost(SelfNormalizing(variant=v, bound=1.5)).postsynaptic for v in ("smin", "smax"))
    assert found.multiplications == smax.multiplications + 1
    assert found.additions == smax.additions + 2
    assert (found.divisions, found.words_read, found.words_written) == (1, smax.words_read, smax.words_written)


@pytest.mark.parametrize("variant", ["smax", "smin"])
@pytest.mark.parametrize("division", ["table", "shift"])
def test_table_and_shift_divide_nothing(variant, division):
    found = cost(SelfNormalizing(variant=variant, division=division)).postsynaptic
    exact = cost(SelfNormalizing(variant=variant)).postsynaptic
    assert (exact.divisions, found.divisions) == (1, 0)
    assert found.multiplications == exact.multiplications + (division == "table")
    assert 0 < found.shifts < 16


def test_twenty_of_a_hundred_active_inputs_take_these_shifts():
    """20 is halved four times to 1.25, and its scale with it; the target times 1/16 is one more."""
    assert cost(SelfNormalizing(division="shift")).postsynaptic.shifts == 2 * 4 + 1


def test_a_power_of_two_as_learning_rate_is_a_shift():
    found = cost(SelfNormalizing(eta=1 / 64)).postsynaptic
    assert (found.multiplications, found.shifts) == (1, N)


def test_a_constant_that_is_one_multiplies_nothing():
    found = {beta: cost(Exponential(beta=beta)).postsynaptic for beta in (1.0, 2.0, 3.0)}
    assert [found[beta].shifts for beta in (1.0, 2.0, 3.0)] == [0, 2 * N, 0]
    assert found[3.0].multiplications == found[1.0].multiplications + 2 * N


def test_triplet_by_hand():
    """A neuron's spike: two products and a sum at each synapse, three traces. An input's: one product and a difference
    at each synapse of a neuron that fired of late."""
    found = cost(Triplet())
    assert found.postsynaptic == Operations(
        multiplications=2 * N, additions=N, words_read=2 * N + 1, words_written=N + 2
    )
    assert found.presynaptic == Operations(multiplications=1, additions=1, words_read=2, words_written=1)
    assert (found.words_per_input, found.words_per_neuron, found.words_per_synapse) == (1, 2, 0)


def test_normalisation_by_hand():
    """The sum, which begins with a difference that is zero, one division, and a product for each weight; the weights
    are read twice and written once."""
    l1, l2 = (cost(Triplet(normalization=kind)).normalization for kind in ("l1", "l2"))
    assert l1 == Operations(
        multiplications=N, divisions=1, additions=N + 1, comparisons=1, words_read=2 * N, words_written=N
    )
    assert (l2.multiplications, l2.functions, l2.divisions) == (2 * N, 1, 1)
    assert cost(Triplet(normalization="none")).normalization == Operations()


def test_functions_are_counted_as_such():
    assert cost(Exponential(beta=3.0)).postsynaptic.functions == 2 * N
    assert cost(PowerLaw(mu=0.5)).postsynaptic.functions == N
    assert cost(Symmetric(mu=0.5)).presynaptic.functions == 1


def test_pair_adds_traces_and_multiplies_nothing():
    found = cost(Pair())
    assert (found.postsynaptic.multiplications, found.postsynaptic.divisions, found.presynaptic.additions) == (0, 0, 2)


@dataclass(frozen=True, kw_only=True)
class Whole(LearningRule):
    """Works on whole columns as NumPy does, and has a trace at each synapse."""

    def traces(self):
        return (Trace("tag", of="synapse", tau=20.0),)

    def initial_state(self, n_inputs):
        return {"mean": 0.0}

    def on_post(w, tag):
        return max(w, 0.3) * 0.7, tag + 0.1

    def after_post(w, mean):
        w *= 0.9
        return 0.5 * mean + 0.3 * np.sum(w)


def test_a_users_columns_and_traces_of_synapses_are_counted():
    """on_post: a product, a sum and a comparison, two words each way. after_post: a column of products, read and
    written; its sum; a shift, a product and a sum; the state, once each way."""
    assert cost(Whole()).postsynaptic == Operations(
        multiplications=2 * N + 1, additions=2 * N + 1, comparisons=N, shifts=1, words_read=2 * N + N + N + 1,
        words_written=2 * N + N + 1,
    )  # fmt: skip
    assert cost(Whole()).words_per_synapse == 1


@pytest.mark.parametrize("rule", [rule() for rule in RULES.values()], ids=lambda rule: rule.name)
def test_costs_of_a_spike_grow_with_the_inputs_alone(rule):
    one, two = (operations_of(rule, n_inputs=n, n_active=20).postsynaptic for n in (50, 100))
    assert two.words_read - one.words_read == (one.words_read // 50) * 50
    assert 0 < one.additions < two.additions


def test_impossible_sizes_are_told():
    with pytest.raises(ConfigError, match="n_inputs"):
        operations_of(Triplet(), n_inputs=0)
