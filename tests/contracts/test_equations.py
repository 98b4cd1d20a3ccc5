"""Every rule that there is, its choices and its presets: the same bits compiled and by the reference."""

from __future__ import annotations

import numpy as np
import pytest

from engram.kernels.compiler import compiled
from engram.plasticity import RULES
from engram.plasticity.base import choices_of
from engram.plasticity.normalization import KINDS, scale_to_norm, target_norm
from engram.presets import PRESETS
from scenes import every_rule, forced_run, rule_title

both_precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])


@both_precisions
@pytest.mark.parametrize("rule", every_rule(), ids=rule_title)
def test_compiled_rule_equals_the_reference_to_the_last_bit(rule, dtype):
    (weights, memory), (expected, expected_memory) = forced_run(rule, dtype, n_inputs=30)
    np.testing.assert_array_equal(weights, expected)
    for ours, theirs in zip(memory, expected_memory, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_enumeration_has_every_rule_choice_and_preset():
    rules = every_rule()
    assert {type(rule) for rule in rules} == set(RULES.values())
    for kind in RULES.values():
        for name, choices in choices_of(kind).items():
            assert {getattr(rule, name) for rule in rules if type(rule) is kind} == set(choices)
    for preset in PRESETS.values():
        for name, constants in preset.rules.items():
            assert RULES[name](**constants) in rules


@both_precisions
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_normalisation_equals_the_plain_one_to_the_last_bit(kind, dtype):
    weights = np.random.default_rng(0).uniform(-0.2, 1.0, (784, 12)).astype(dtype)
    target = np.dtype(dtype).type(target_norm(kind, 784))
    columns = [weights.copy(), weights.copy()]
    for rows, call in zip(columns, (compiled(scale_to_norm), scale_to_norm), strict=True):
        for j in range(rows.shape[1]):
            call(rows.reshape(-1), j, rows.shape[1], len(rows), KINDS[kind], target)
    np.testing.assert_array_equal(*columns)
    assert not np.array_equal(columns[0], weights)
