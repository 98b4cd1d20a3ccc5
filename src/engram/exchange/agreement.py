"""How far two simulators agree on the same input spikes, with confidence intervals and effect sizes.

One simulator's last digits move a spike by a step now and then, and from there on an image's later spikes may part.
So agreement is a statement about distributions: each mean is taken over images, which are independent of each other,
and comes with its 95 % confidence interval. Only the share of first spikes is taken over neurons.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over images.

    Attributes
    ----------
    mean : float
    low, high : float
        Its 95 % confidence interval.
    effect : float or None
        The mean in units of the standard deviation over images (Cohen's d of paired differences); None for shares, and
        where all images are the same.
    n : int
        How many images it is a mean of.
    """

    mean: float
    low: float
    high: float
    effect: float | None
    n: int


@dataclass(frozen=True)
class Agreement:
    """How another simulator's spikes differ from engram's.

    Attributes
    ----------
    counts : Estimate
        Excitatory spikes an image, the other's less engram's.
    relative_counts : float
        The same as a fraction of engram's.
    neuron_counts : float
        Correlation of spike counts over (image, neuron).
    first_spikes : Estimate
        First spike of each neuron that fired in both, in steps, the other's less engram's.
    first_within_a_step : Estimate
        Share of those that lie at most a step apart.
    later_spikes : Estimate
        The same difference of each neuron's later spikes.
    inhibition : Estimate
        From each excitatory spike to its inhibitory one, in steps, the other's less engram's.
    winners : Estimate
        Share of images whose neuron of most spikes is the same; of several in one of the two, any of them.
    same_spikes : Estimate
        Share of images all of whose excitatory spikes are the same, at the same step.
    """

    counts: Estimate
    relative_counts: float
    neuron_counts: float
    first_spikes: Estimate
    first_within_a_step: Estimate
    later_spikes: Estimate
    inhibition: Estimate
    winners: Estimate
    same_spikes: Estimate

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return asdict(self)


def compare(ours, theirs, n_images: int, n_neurons: int) -> Agreement:
    """Compare the answers of two simulators.

    Parameters
    ----------
    ours, theirs : pair of ndarray of shape (n_spikes, 3), int
        Excitatory and inhibitory spikes, as (image, neuron, step).
    n_images, n_neurons : int

    Returns
    -------
    Agreement
    """
    a, b = (_counts(exc, n_images, n_neurons) for exc, _ in (ours, theirs))
    trains = [_trains(exc) for exc, _ in (ours, theirs)]
    shared = sorted(set(trains[0]) & set(trains[1]))
    first = [(image, trains[1][image, j][0] - trains[0][image, j][0]) for image, j in shared]
    later = [
        (image, difference)
        for image, j in shared
        for difference in _paired(trains[1][image, j][1:], trains[0][image, j][1:])
    ]
    images = range(n_images)
    difference = (b - a).sum(axis=1)
    sets = [[_rows(exc, k) for k in images] for exc, _ in (ours, theirs)]
    latencies = [dict(_latencies(*pair)) for pair in (ours, theirs)]
    both = sorted(set(latencies[0]) & set(latencies[1]))
    return Agreement(
        counts=mean_of(difference),
        relative_counts=float(difference.sum() / max(a.sum(), 1)),
        neuron_counts=float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        first_spikes=mean_of(_by_image(first)),
        first_within_a_step=share_of([abs(d) <= 1 for _, d in first]),
        later_spikes=mean_of(_by_image(later)),
        inhibition=mean_of([latencies[1][k] - latencies[0][k] for k in both]),
        winners=share_of([bool(_winners(a[k]) & _winners(b[k])) for k in images]),
        same_spikes=share_of([sets[0][k] == sets[1][k] for k in images]),
    )


def differing(first: Agreement, second: Agreement) -> list[str]:
    """The figures whose confidence intervals do not meet: what tells one run from the other."""
    pairs = ((name, getattr(first, name), getattr(second, name)) for name in vars(first))
    return [n for n, a, b in pairs if isinstance(a, Estimate) and (a.high < b.low or b.high < a.low)]


def mean_of(values) -> Estimate:
    """The mean of independent values, its interval by Student's t."""
    from scipy.stats import t

    values = np.asarray(values, np.float64)
    n = len(values)
    if n < 2:
        mean = float(values.mean()) if n else math.nan
        return Estimate(mean, -math.inf, math.inf, None, n)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    half = float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, mean / sd if sd else None, n)


def share_of(hits) -> Estimate:
    """A share, its interval by Wilson's score."""
    n = len(hits)
    if not n:
        return Estimate(math.nan, 0.0, 1.0, None, 0)
    z, p = 1.959964, sum(map(bool, hits)) / n
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, (centre - half) / scale, (centre + half) / scale, None, n)


def _counts(spikes, n_images, n_neurons):
    counts = np.zeros((n_images, n_neurons), np.int64)
    np.add.at(counts, (spikes[:, 0], spikes[:, 1]), 1)
    return counts


def _trains(spikes):
    """Steps of each neuron's spikes by (image, neuron), in order."""
    trains = {}
    for image, neuron, step in spikes[np.argsort(spikes[:, 2], kind="stable")].tolist():
        trains.setdefault((image, neuron), []).append(step)
    return trains


def _paired(first, second):
    return [a - b for a, b in zip(first, second, strict=False)]


def _rows(spikes, image):
    return {tuple(row) for row in spikes[spikes[:, 0] == image].tolist()}


def _winners(counts):
    return set(np.flatnonzero((counts == counts.max()) & (counts > 0)).tolist())


def _by_image(pairs):
    """Means of values by image."""
    grouped = {}
    for image, value in pairs:
        grouped.setdefault(image, []).append(value)
    return [float(np.mean(values)) for _, values in sorted(grouped.items())]


def _latencies(exc, inh):
    """By image, the mean time from an excitatory spike to the next one of its inhibitory neuron."""
    answered = _trains(inh)
    pairs = []
    for key, steps in _trains(exc).items():
        times = np.array(answered.get(key, []))
        for step in steps:
            after = times[times >= step]
            if after.size:
                pairs.append((key[0], int(after[0]) - step))
    grouped = {}
    for image, value in pairs:
        grouped.setdefault(image, []).append(value)
    return ((image, float(np.mean(values))) for image, values in grouped.items())
