"""Scaling of each neuron's incoming weights to a common norm, for rules that ask for it."""

from __future__ import annotations

import math

L1_PER_INPUT = 0.1
"""Target of the sum of a neuron's weights per input: 78.4 for 784 inputs (78 in [DC15])."""

L2_PER_ROOT_INPUT = 0.2
"""Target of the Euclidean norm per square root of inputs: 5.6 for 784, that of a receptive field of 100 pixels
whose sum is 56. A larger one would need weights above 1, where most rules clip them, for patterns of few pixels."""

KINDS = {"none": 0, "l1": 1, "l2": 2}
"""The choices of :attr:`LearningRule.normalization` as the kernels number them."""


def target_norm(kind: str, n_inputs: int) -> float:
    """The norm to which a column of `n_inputs` weights is scaled."""
    return {"none": 1.0, "l1": L1_PER_INPUT * n_inputs, "l2": L2_PER_ROOT_INPUT * math.sqrt(n_inputs)}[kind]


def scale_to_norm(w, first, step, n, kind, target):
    """Scale a neuron's weights in place to the target norm; if all are zero, they stay as they are.

    Parameters
    ----------
    w : ndarray or pointer
        Weights, in one dimension.
    first, step, n : int
        Where the neuron's first weight lies, how far apart they are, and how many.
    kind : int
        See :data:`KINDS`.
    target : float
        In the precision of the weights.
    """
    norm = target - target
    for i in range(first, first + n * step, step):
        norm += abs(w[i]) if kind == 1 else w[i] * w[i]
    if kind == 2:
        norm = math.sqrt(norm)
    if norm > 0:
        factor = target / norm
        for i in range(first, first + n * step, step):
            w[i] *= factor
