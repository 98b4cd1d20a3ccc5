"""Figures of learning rules: what one pair of spikes does, where a norm settles, and how rules compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_length, check_numbers
from engram.figures.style import BLUE, GREEN, MUTED, SMALL, VERMILLION, count_axis, in_house_style, log_axis, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEME_COLOURS = {"mean": VERMILLION, "proportion": GREEN, "logistic": BLUE}


@in_house_style
def stdp_window(
    delays, weights, changes, *, title: str = "", sums=None, target: float | None = None, norm: str = "l1"
) -> Figure:
    """Draw the change of a weight against the time between two spikes, and optionally a norm's convergence.

    Parameters
    ----------
    delays : array_like of shape (n_delays,)
        From the input's spike to the neuron's, ms.
    weights : array_like of shape (n_weights,)
        The weight before the pair; one line each.
    changes : array_like of shape (n_weights, n_delays)
        What the pair does to it.
    title : str, optional
    sums : array_like of shape (n_spikes + 1, n_starts), optional
        The norm of a neuron's weights over its spikes, from several starts; drawn in a second panel.
    target : float, optional
        Where the norm is to settle.
    norm : {"l1", "l2"}, optional
        Which norm that is: the sum, or the Euclidean norm.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the arrays do not fit together.
    """
    delays = check_numbers("delays", delays, 1)
    weights = check_numbers("weights", weights, 1)
    changes = check_numbers("changes", changes, 2)
    check_length("changes", changes, len(weights), "weights")
    if changes.shape[1] != len(delays):
        raise DataError(f"changes must have a column for each of {len(delays)} delays, got {changes.shape[1]}.")
    figure = new_figure(6.4 if sums is None else 10.0, 3.6)
    axes = figure.add_subplot(1, 1 if sums is None else 2, 1)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    shades = np.linspace(0.35, 1.0, len(weights))
    for w, change, shade in zip(weights, changes, shades, strict=True):
        for side in (delays < 0, delays >= 0):  # a window may jump where the order of spikes turns
            axes.plot(delays[side], change[side], color=BLUE, alpha=shade, label=f"w = {w:g}" if side[-1] else None)
    axes.set(xlabel="neuron's spike after input's (ms)", ylabel="change of weight", title=title)
    axes.legend(frameon=False, fontsize=SMALL)
    if sums is not None:
        _draw_convergence(figure.add_subplot(1, 2, 2), check_numbers("sums", sums, 2), target, norm)
    return figure


def _draw_convergence(axes, sums: np.ndarray, target: float | None, norm: str) -> None:
    for start in sums.T:
        axes.plot(start, color=GREEN)
    if target is not None:
        axes.axhline(target, color=VERMILLION, linestyle="--", linewidth=1.0)
        beside = axes.get_yaxis_transform()
        axes.text(1.01, target, f"target {target:.3g}", color=VERMILLION, va="center", size=SMALL, transform=beside)
    kept = "Euclidean norm" if norm == "l2" else "sum"
    axes.set(xlabel="neuron's spikes", ylabel=f"{kept} of a neuron's weights", title="From several starts")
    if sums.min() >= 0:  # a start at zero joins the logarithmic axis with its first spike
        log_axis(axes.yaxis)
        axes.set_ylim(bottom=max(sums[sums > 0].min(initial=sums.max()), sums.max() / 1e3))


@in_house_style
def rule_comparison(names: Sequence[str], accuracy: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Draw each rule's test accuracy by readout scheme, mean and standard deviation over seeds.

    Parameters
    ----------
    names : sequence of str
        Rules, or rules with their number of neurons; one row each.
    accuracy : mapping of str to (means, sds)
        By scheme, 0 to 1; sequences as long as `names`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is nothing to draw or the sequences do not fit.
    """
    if not names:
        raise DataError("There is nothing to compare; train at least one rule.")
    figure = new_figure(6.4, 1.2 + 0.42 * len(names))
    axes = figure.add_subplot()
    rows = np.arange(len(names))[::-1]
    for k, (scheme, (means, sds)) in enumerate(accuracy.items()):
        means = 100 * check_numbers("means", means, 1)
        sds = 100 * check_numbers("sds", sds, 1)
        check_length("means", means, len(names), "rules")
        colour = SCHEME_COLOURS.get(scheme, BLUE)
        offset = 0.2 * ((len(accuracy) - 1) / 2 - k)
        axes.errorbar(means, rows + offset, xerr=sds, fmt="o", color=colour, markersize=4, capsize=2, label=scheme)
    axes.set_yticks(rows, names)
    axes.set(xlabel="test accuracy (%)", ylim=(-0.6, len(names) - 0.4))
    axes.grid(axis="x")
    axes.legend(frameon=False, fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, 1.0), ncols=len(accuracy))
    axes.set_ylim(-0.6, len(names) + 0.1)
    return figure


_PANELS_ACROSS = 3


@in_house_style
def sweep(tried: Mapping[str, Sequence], accuracy: Sequence[float], *, scheme: str = "") -> Figure:
    """Draw the accuracy of every trial of a sweep against each option.

    Where values were tried several times, a line joins the best at each.

    Parameters
    ----------
    tried : mapping of str to sequence
        By option, its value in each trial: numbers, or texts, each of which has a place of its own.
    accuracy : sequence of float
        Of each trial, 0 to 1.
    scheme : str, optional
        How answers were read, for the axis label.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each option.

    Raises
    ------
    DataError
        If there is nothing to draw or the sequences do not fit.

    Examples
    --------
    >>> figure = sweep({"eta": [0.01, 0.1], "rule": ["triplet", "pair"]}, [0.8, 0.9])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['eta', 'rule']
    """
    percent = 100 * check_numbers("accuracy", accuracy, 1)
    if not tried or len(percent) == 0:
        raise DataError("There is nothing to draw; vary at least one option and wait for the first trial.")
    n_across = min(len(tried), _PANELS_ACROSS)
    n_down = -(-len(tried) // n_across)
    figure = new_figure(1.2 + 2.7 * n_across, 0.6 + 2.6 * n_down)
    panels = figure.subplots(n_down, n_across, sharey=True, squeeze=False).ravel()
    for panel in panels[len(tried) :]:
        panel.remove()
    for panel, (name, values) in zip(panels, tried.items(), strict=False):
        if len(values) != len(percent):
            raise DataError(f"{name} must have a value for each of {len(percent)} trials, got {len(values)}.")
        _draw_trials(panel, name, values, percent)
    for panel in panels[: len(tried) : n_across]:
        panel.set_ylabel(f"accuracy (%{', ' + scheme if scheme else ''})")
    return figure


def _draw_trials(axes, name: str, values: Sequence, percent: np.ndarray) -> None:
    """One panel: trials as dots, the best at each value as a line."""
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    texts = [] if numeric else sorted({str(value) for value in values})
    places = np.array([value if numeric else texts.index(str(value)) for value in values], float)
    axes.plot(places, percent, "o", color=BLUE, markersize=3.5, alpha=0.6)
    unique = np.unique(places)
    if numeric and 1 < len(unique) <= max(2, len(places) // 2):  # values drawn at random hardly meet twice
        axes.plot(unique, [percent[places == place].max() for place in unique], color=VERMILLION, linewidth=1.0)
    if not numeric:
        axes.set_xticks(range(len(texts)), texts, rotation=30, ha="right")
        axes.set_xlim(-0.5, len(texts) - 0.5)
    elif all(isinstance(value, int) for value in values):
        count_axis(axes.xaxis)
    if numeric and len(unique) > 2 and unique[0] > 0 and unique[-1] / unique[0] >= 8:
        log_axis(axes.xaxis)
    axes.set_xlabel(name)
    axes.grid(axis="y")
