"""Figures of learning rules: what one pair of spikes does, where a norm settles, and how rules compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_length, check_numbers
from engram.figures.style import BLUE, GREEN, MUTED, SMALL, VERMILLION, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEME_COLOURS = {"mean": VERMILLION, "proportion": GREEN, "logistic": BLUE}


@in_house_style
def stdp_window(delays, weights, changes, *, title: str = "", sums=None, target: float | None = None) -> Figure:
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
        The sum of a neuron's weights over its spikes, from several starts; drawn in a second panel.
    target : float, optional
        Where the sum is to settle.

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
        _draw_convergence(figure.add_subplot(1, 2, 2), check_numbers("sums", sums, 2), target)
    return figure


def _draw_convergence(axes, sums: np.ndarray, target: float | None) -> None:
    for start in sums.T:
        axes.plot(start, color=GREEN)
    if target is not None:
        axes.axhline(target, color=VERMILLION, linestyle="--", linewidth=1.0)
        beside = axes.get_yaxis_transform()
        axes.text(1.01, target, f"target {target:g}", color=VERMILLION, va="center", size=SMALL, transform=beside)
    axes.set(xlabel="neuron's spikes", ylabel="sum of a neuron's weights", title="From several starts")
    if sums.min() >= 0:  # a start at zero joins the logarithmic axis with its first spike
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(sums[sums > 0].min(initial=sums.max()), sums.max() / 1e3))
        axes.yaxis.set_major_formatter("{x:g}")


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
