"""Logistic regression on sparse features, by SciPy's minimizer.

scikit-learn's ``LogisticRegression`` finds the same to rounding, and takes a second of processor time to be imported,
which every command that labels neurons would spend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_TOLERANCE = 1e-3
_MOST_ITERATIONS = 300


def logistic_regression(
    features: csr_array, numbers: np.ndarray, n_classes: int, weights: np.ndarray | None = None, *, c: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Fit class probabilities :math:`p_k \propto \exp(w_k \cdot x + b_k)` with a penalty on the coefficients [1]_.

    What is minimized is :math:`-\sum_i s_i \log p_{y_i}(x_i) + \frac{1}{2 c} \sum_k |w_k|^2`.

    Parameters
    ----------
    features : csr_array of shape (n_samples, n_features), float64
    numbers : ndarray of shape (n_samples,), int
        Each sample's class, counted from 0.
    n_classes : int
        Of two, the coefficients of the first are zero.
    weights : ndarray of shape (n_samples,), float64, optional
        How much each sample counts, :math:`s_i`; 1 by default.
    c : float
        The smaller, the more coefficients cost.

    Returns
    -------
    coefficients : ndarray of shape (n_classes, n_features)
    intercepts : ndarray of shape (n_classes,)

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2nd ed. (2009), section 4.4.
    """
    from scipy.optimize import minimize

    n_samples, n_features = features.shape
    weights = np.ones(n_samples) if weights is None else weights
    total = float(weights.sum())
    targets = (numbers[:, np.newaxis] == np.arange(n_classes)).astype(np.float64)
    free = slice(1, None) if n_classes == 2 else slice(None)
    table = np.zeros((n_classes, n_features + 1))
    by_feature = features.T

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        table[free] = values.reshape(-1, n_features + 1)
        scores = features @ table[:, :-1].T + table[:, -1]
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        sums = shares.sum(axis=1, keepdims=True)
        of_class = np.take_along_axis(scores, numbers[:, np.newaxis], axis=1)
        found = float((weights * (np.log(sums) - of_class)[:, 0]).sum()) / total
        errors = (shares / sums - targets) * (weights / total)[:, np.newaxis]
        gradient = np.column_stack(((by_feature @ errors).T + table[:, :-1] / (c * total), errors.sum(axis=0)))
        return found + float((table[:, :-1] ** 2).sum()) / (2 * c * total), gradient[free].ravel()

    options = {"maxiter": _MOST_ITERATIONS, "maxls": 50, "gtol": _TOLERANCE, "ftol": 64 * np.finfo(np.float64).eps}
    best = minimize(cost, table[free].ravel(), jac=True, method="L-BFGS-B", options=options).x
    table[free] = best.reshape(-1, n_features + 1)
    return table[:, :-1].copy(), table[:, -1].copy()
