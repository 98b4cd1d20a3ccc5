"""Scaling of each neuron's incoming weights to a common norm, for rules that ask for it."""

from __future__ import annotations

import math

import numpy as np

L1_PER_INPUT = 0.1
"""Target of the sum of a neuron's weights per input: 78.4 for 784 inputs (78 in [DC15])."""

L2_PER_ROOT_INPUT = 0.28
"""Target of the Euclidean norm per square root of inputs: 7.84 for 784, that of a receptive field of 100 pixels
whose sum is 78.4."""

KINDS = {"none": 0, "l1": 1, "l2": 2}
"""The choices of :attr:`LearningRule.normalization` as the kernels number them."""


def target_norm(kind: str, n_inputs: int) -> float:
    """The norm to which a column of `n_inputs` weights is scaled."""
    return {"none": 1.0, "l1": L1_PER_INPUT * n_inputs, "l2": L2_PER_ROOT_INPUT * math.sqrt(n_inputs)}[kind]


def normalize(weights, kind, target):
    """Scale the columns of `weights` in place to the target norm; a silent column stays as it is.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs, n_neurons)
    kind : int
        See :data:`KINDS`.
    target : float
        In the precision of the weights.
    """
    n_inputs, n_neurons = weights.shape
    factor = np.zeros(n_neurons, weights.dtype)
    for i in range(n_inputs):
        for j in range(n_neurons):
            factor[j] += abs(weights[i, j]) if kind == 1 else weights[i, j] * weights[i, j]
    for j in range(n_neurons):
        norm = math.sqrt(factor[j]) if kind == 2 else factor[j]
        factor[j] = target / norm if norm > 0 else target / target
    for i in range(n_inputs):
        for j in range(n_neurons):
            weights[i, j] *= factor[j]
