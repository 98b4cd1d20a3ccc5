"""Learning alone, compiled: given input spikes, and postsynaptic spikes forced at even intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engram.kernels.columns import get_column, set_column
from engram.kernels.compile import entry_point
from engram.kernels.rule_code import rule_functions, rule_identity
from engram.plasticity.base import LearningRule
from engram.synapses import trace_now


def forced_learning(rule: LearningRule, dtype: str) -> Callable:
    """The function that applies a rule at given spikes, and notes each neuron's sum of weights."""
    functions = rule_functions(rule, dtype)
    mark_input, on_pre, on_post, has_on_pre = functions[:4]
    asked = np.array(functions.asked, np.int64)
    real = np.dtype(dtype).type

    def forced(weights, memory, c, exp2, index, offset, interval, sums):
        """Change `weights` and `memory` in place: all neurons fire in the last of every `interval` steps.

        Inputs of step t are ``index[offset[t]:offset[t + 1]]``; row s of `sums` is filled after spike s.
        """
        n_inputs, n = weights.shape
        x_pre = np.empty(memory.x_pre.shape, real)
        x_post = np.empty(len(asked), real)
        column = np.empty(n_inputs, weights.dtype)
        for step in range(sums.shape[0] * interval):
            t = np.int32(step)
            for s in range(offset[step], offset[step + 1]):
                mark_input(index[s], t, memory, c)
                if has_on_pre:
                    for j in range(n):
                        age = real(t - memory.post_step[j])
                        for k in range(len(asked)):
                            x = memory.x_post[asked[k], j]
                            x_post[k] = trace_now(x, c.post_rate[asked[k]], age, c.trace_floor, exp2)
                        on_pre(weights, index[s], j, t, x_post, memory, c.parameters, c)
            if (step + 1) % interval:
                continue
            for k in range(x_pre.shape[0]):
                for i in range(n_inputs):
                    age = real(t - memory.pre_step[i])
                    x_pre[k, i] = trace_now(memory.x_pre[k, i], c.pre_rate[k], age, c.trace_floor, exp2)
            for j in range(n):
                get_column(weights, j, column)
                on_post(column, j, t, x_pre, memory, c.parameters, c)
                set_column(weights, j, column)
                sums[step // interval, j] = column.sum()

    return entry_point(forced, f"{dtype} {rule_identity(rule)}")
