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


def normalize(rows, changed, begin, end, kind, target):
    """Scale columns of weights in place to the target norm; a silent column stays as it is.

    Parameters
    ----------
    rows : ndarray of shape (n_inputs, n_columns)
    changed : ndarray of shape (n_neurons,), bool
        Which columns to scale; set to False for those that were.
    begin, end : int
        The columns to look at.
    kind : int
        See :data:`KINDS`.
    target : float
        In the precision of the weights.
    """
    for j in range(begin, end):
        if not changed[j]:
            continue
        changed[j] = False
        norm = target - target
        for i in range(rows.shape[0]):
            norm += abs(rows[i, j]) if kind == 1 else rows[i, j] * rows[i, j]
        if kind == 2:
            norm = math.sqrt(norm)
        if norm > 0:
            factor = target / norm
            for i in range(rows.shape[0]):
                rows[i, j] *= factor
