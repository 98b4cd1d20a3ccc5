"""From spike counts to classes: labels for neurons, and three ways to let the neurons vote."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.validation import check_choice
from engram.wording import plural

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SCHEMES = ("mean", "proportion", "logistic")
"""The ways to read a class from spike counts, see :class:`Readout`."""

HEADLINE = "proportion"
"""The scheme whose accuracy is told first: it needs no more than the neurons' labels, trains no classifier of its own,
and a neuron that answers two classes does not have to be taken for one."""

MEANINGS = {
    "proportion": "every spike votes as its neuron's answers to labelled images were spread over the classes",
    "mean": "the class whose neurons fire most",
    "logistic": "a regression on the counts, which learns from the labels itself",
}
"""What each scheme does, in a few words."""

UNITS = {
    "proportion": "votes, one a spike, shared between classes",
    "mean": "spikes a neuron of the class",
    "logistic": "log odds, up to a constant",
}
"""What a score counts, by scheme."""

UNASSIGNED = -1


def origin_of_labels(n_label: int, noun: str = "image") -> str:
    """What neurons' labels are from, in words, by :attr:`Readout.n_label`."""
    return f"from {plural(n_label, f'training {noun}')}" if n_label else "that were imported with it"


_ROWS = 1024
"""Images whose scores are computed together, to bound memory."""

_NEVER = -1e6
"""The intercept of a class without images: lower than any other score, yet a number that JSON can hold."""


@dataclass(frozen=True)
class Readout:
    """What a network's spikes mean, learned from the spike counts of labelled training images.

    ``"mean"``
        The class whose neurons have the highest mean count; a neuron belongs to the class that it answered most
        [1]_.
    ``"proportion"``
        Counts weighted by how each neuron's answers were spread over the classes.
    ``"logistic"``
        Logistic regression on the square roots of the counts.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,), int64
    profile : ndarray of shape (n_classes, n_neurons), float64
        Mean count of each neuron over each class's images.
    assigned : ndarray of shape (n_neurons,), int64
        Position in `classes` of each neuron's class, -1 for neurons that never fired.
    coefficients : ndarray of shape (n_classes, n_neurons), float64
    intercepts : ndarray of shape (n_classes,), float64
        The logistic regression.
    n_label : int
        How many images the labels come from; 0 where they came with an imported network.
    balanced : bool
        Whether rare classes count as much as frequent ones: ``"mean"`` then divides the mean count of a class's neurons
        by what images of that class draw from them, so that the few neurons of a rare class do not shout down the
        others, and ``"logistic"`` weighs classes alike. ``"proportion"`` does so in any case.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015).
    """

    classes: np.ndarray
    profile: np.ndarray
    assigned: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    n_label: int
    balanced: bool = False

    @property
    def labels(self) -> np.ndarray:
        """Each neuron's class label, -1 for unassigned ones; shape (n_neurons,).

        A class may be called -1 too; `assigned` tells which neurons have one.
        """
        return np.where(self.assigned == UNASSIGNED, UNASSIGNED, self.classes[self.assigned])

    @property
    def neurons_by_class(self) -> dict[int, int]:
        """How many neurons each class has, of those that have any; a class may be -1, other than in `labels`."""
        numbers, counts = np.unique(self.assigned[self.assigned != UNASSIGNED], return_counts=True)
        return {int(self.classes[k]): int(count) for k, count in zip(numbers, counts, strict=True)}

    @property
    def unassigned_neurons(self) -> int:
        """How many neurons never fired for a labelled image."""
        return int(np.sum(self.assigned == UNASSIGNED))

    def scores(self, counts, scheme: str = "proportion") -> np.ndarray:
        """Each class's score for each image, shape (n_images, n_classes); the highest is the answer."""
        check_choice("scheme", scheme, SCHEMES)
        counts = np.asarray(counts)
        if len(counts) > _ROWS:
            parts = [self.scores(counts[k : k + _ROWS], scheme) for k in range(0, len(counts), _ROWS)]
            return np.concatenate(parts)
        counts = counts.astype(np.float64)
        if scheme == "logistic":
            return _weighted_sums(np.sqrt(counts), self.coefficients) + self.intercepts
        return _weighted_sums(counts, self._members() if scheme == "mean" else self._shares())

    def answered(self, counts) -> np.ndarray:
        """Whether each image drew a spike from a neuron that has a class, shape (n_images,), bool.

        Without one there is nothing to read: no scheme's score speaks for a class, and an answer would be a guess.
        """
        return np.any(np.asarray(counts)[:, self.assigned != UNASSIGNED] > 0, axis=1)

    def predict(self, counts, scheme: str = "proportion") -> np.ndarray:
        """The class of the highest score for each image, shape (n_images,); ties go to the lowest class.

        That holds for images without an answer too, see :meth:`answered`: nothing tells their class.
        """
        return self.classes[np.argmax(self.scores(counts, scheme), axis=1)]

    def _members(self) -> np.ndarray:
        """Row k averages over the neurons of class k; shape (n_classes, n_neurons)."""
        member = self.assigned == np.arange(len(self.classes))[:, np.newaxis]
        if self.balanced:
            total = (self.profile * member).sum(axis=1, keepdims=True)
            return member / np.where(total > 0, total, 1.0)
        return member / np.maximum(member.sum(axis=1, keepdims=True), 1)

    def _shares(self) -> np.ndarray:
        """How each neuron's answers are spread over the classes; columns sum to 1 or, if silent, 0."""
        total = self.profile.sum(axis=0)
        return self.profile / np.where(total > 0, total, 1)


def _weighted_sums(counts, weights) -> np.ndarray:
    """``counts @ weights.T``, with sums whose rounding does not depend on how many images are read together."""
    return np.stack([(counts * row).sum(axis=1) for row in weights], axis=1)


def fit_readout(
    counts, labels, classes=None, *, sample_weight=None, balanced: bool = False, regression: bool = True
) -> Readout:
    """Learn what spikes mean.

    Parameters
    ----------
    counts : array-like of shape (n_images, n_neurons)
        Spike counts of training images, shown with learning off.
    labels : array-like of shape (n_images,), int
    classes : array-like of shape (n_classes,), int, optional
        Classes that there are, among them some without images, which are never answered; by default those of `labels`.
    sample_weight : array-like of shape (n_images,), float, optional
        How much each image counts; all alike by default.
    balanced : bool
        Whether rare classes count as much as frequent ones, see :class:`Readout`.
    regression : bool
        Whether ``"logistic"`` is learned, which takes nearly all of the time; without it, its scores are all zero.

    Raises
    ------
    DataError
        If the images are of fewer than two classes, and no others are named.
    """
    counts, labels = np.asarray(counts), np.asarray(labels, np.int64)
    classes = np.unique(labels if classes is None else classes)
    if len(classes) < 2:
        raise DataError(
            f"Labels for the neurons need images of two classes or more, got {len(classes)}; use more label images."
        )
    weights = None if sample_weight is None else check_weights(sample_weight, len(labels))
    profile = np.zeros((len(classes), counts.shape[1]))
    for row, label in zip(profile, classes, strict=True):
        of_class = labels == label
        if weights is None and of_class.any():
            row[:] = counts[of_class].mean(axis=0)
        elif weights is not None and weights[of_class].sum() > 0:
            row[:] = np.average(counts[of_class], axis=0, weights=weights[of_class])
    assigned = np.where(profile.max(axis=0) > 0, np.argmax(profile, axis=0), UNASSIGNED)
    if regression:
        coefficients, intercepts = _logistic(counts, labels, classes, weights, balanced)
    else:
        coefficients, intercepts = np.zeros_like(profile), np.zeros(len(classes))
    return Readout(classes, profile, assigned, coefficients, intercepts, len(labels), bool(balanced))


def check_weights(sample_weight, n_images: int) -> np.ndarray:
    """Weights of images as an array of shape (n_images,).

    Raises
    ------
    DataError
        If there is not one finite weight of at least zero for each image, or all are zero.
    """
    try:
        weights = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"sample_weight must hold numbers, got {sample_weight!r:.100}.") from None
    if weights.ndim == 0:
        weights = np.full(n_images, float(weights))
    if weights.shape != (n_images,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise DataError(
            f"sample_weight must hold one finite weight of at least zero for each of {n_images:,} images, not all zero;"
            f" got an array of shape {weights.shape}."
        )
    return weights


def _logistic(counts, labels, classes, weights=None, balanced: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """One row of coefficients and one intercept for each class.

    Few neurons answer an image, so the features are kept sparse: a tenth of the time and memory, and sums that do not
    depend on the number of threads.
    """
    from engram.regression import logistic_regression

    coefficients, intercepts = np.zeros((len(classes), counts.shape[1])), np.full(len(classes), _NEVER)
    present = np.unique(labels)
    rows = np.searchsorted(classes, present)
    intercepts[rows] = 0.0
    if len(present) > 1:
        features, scale = _features(counts)
        numbers = np.searchsorted(present, labels)
        weights = _balanced(numbers, weights) if balanced else weights
        found, intercepts[rows] = logistic_regression(features, numbers, len(present), weights, c=0.1)
        coefficients[rows] = found / scale
    return coefficients, intercepts


def _features(counts: np.ndarray) -> tuple[csr_array, float]:
    """Square roots of the counts over their standard deviation, and that; never held twice, since they may be large."""
    from scipy.sparse import csr_array, get_index_dtype

    n_values = np.count_nonzero(counts)
    kind = get_index_dtype(maxval=max(n_values, counts.shape[1]))
    starts = np.concatenate(([0], np.cumsum(np.count_nonzero(counts, axis=1)))).astype(kind)
    columns, values = np.empty(n_values, kind), np.empty(n_values)
    for k in range(0, len(counts), _ROWS):
        rows, here = counts[k : k + _ROWS], slice(starts[k], starts[min(k + _ROWS, len(counts))])
        columns[here] = np.nonzero(rows)[1]
        values[here] = np.sqrt(rows[rows != 0], dtype=np.float64)

    def table(values):
        return csr_array((values, columns, starts), shape=counts.shape)

    share = 1.0 / counts.size
    mean, mean_square = table(values * share).sum(), table(values**2 * share).sum()
    scale = float(np.sqrt(mean_square - mean**2)) or 1.0
    values *= 1.0 / scale
    return table(values), scale


def _balanced(numbers: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Weights of images by which each class weighs as much as any other, and all as much as before."""
    weights = np.ones(len(numbers)) if weights is None else weights
    of_class = np.bincount(numbers, weights)
    return weights * (weights.sum() / (len(of_class) * np.where(of_class > 0, of_class, 1.0)))[numbers]


class RunningAccuracy:
    """How well the neurons answer while they learn: each image is judged before its label is learned from.

    Labels of neurons come from the counts of the images before, older ones fading, so no image judges itself.

    Parameters
    ----------
    classes : array-like of shape (n_classes,), int
    n_neurons : int
    """

    WINDOW = 1000
    FADING = 0.9998

    def __init__(self, classes, n_neurons: int):
        self.classes = np.asarray(classes, np.int64)
        self.responses = np.zeros((len(self.classes), n_neurons))
        self.seen = np.zeros(len(self.classes))
        self.hits = np.zeros(0, np.bool_)

    def update(self, counts, labels) -> None:
        """Judge and then learn from images presented together."""
        assigned, n_classes = self.assigned, len(self.classes)
        n_members = np.bincount(assigned - UNASSIGNED, minlength=n_classes + 1)[1:]
        member = assigned == np.arange(n_classes)[:, np.newaxis]
        scores = counts @ (member * (1.0 / np.maximum(n_members, 1))[:, np.newaxis]).T
        answers = self.classes[np.argmax(scores, axis=1)]
        hits = (answers == labels) & (scores.max(axis=1) > 0)  # no answer is wrong
        self.hits = np.concatenate((self.hits, hits))[-self.WINDOW :]
        self.responses *= self.FADING ** len(labels)
        self.seen *= self.FADING ** len(labels)
        member = np.asarray(labels) == self.classes[:, np.newaxis]
        self.responses += member.astype(np.float64) @ counts
        self.seen += member.sum(axis=1)

    def copy(self) -> RunningAccuracy:
        """One that goes its own way from here."""
        other = copy(self)
        other.responses, other.seen = self.responses.copy(), self.seen.copy()  # `hits` is never changed in place
        return other

    @property
    def profile(self) -> np.ndarray:
        """Mean count of each neuron over the images of each class so far, older ones fading; (n_classes, n_neurons)."""
        return self.responses / np.maximum(self.seen, 1e-9)[:, np.newaxis]

    @property
    def assigned(self) -> np.ndarray:
        """Position in `classes` of each neuron's class so far, -1 for neurons that have not fired."""
        return np.where(self.responses.any(axis=0), np.argmax(self.profile, axis=0), UNASSIGNED)

    def readout(self) -> Readout:
        """What the spikes mean so far, for ``"mean"`` and ``"proportion"``; no regression is made on the way."""
        n_classes, n_neurons = self.responses.shape
        return Readout(
            self.classes, self.profile, self.assigned, np.zeros((n_classes, n_neurons)), np.zeros(n_classes), 0
        )

    @property
    def value(self) -> float:
        """Fraction of the last images that were answered rightly."""
        return float(self.hits.mean()) if len(self.hits) else 0.0
