"""What changed while the network learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engram.errors import DataError
from engram.figures.checks import check_length, check_numbers, check_whole
from engram.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    SMALL,
    VERMILLION,
    count_axis,
    in_house_style,
    log_axis,
    new_figure,
    note,
)
from engram.validation import check_count, check_finite, plain_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARK_COLOURS = (VERMILLION, GREEN, INK)
_LINE_COLOURS = (BLUE, VERMILLION, GREEN, INK, MUTED)
_LINE_STYLES = ("-", "--", ":", "-.")
_LABEL_HEIGHT = 0.06  # of the panel's height


@in_house_style
def learning_curve(
    examples,
    accuracy,
    *,
    test_accuracy: Mapping[str, float] | None = None,
    window: int | None = None,
    turns: Mapping[str, int] | None = None,
) -> Figure:
    """Draw the running accuracy over training, and where testing ended.

    Parameters
    ----------
    examples : array_like of shape (n_points,), int
        Training examples seen so far, not decreasing.
    accuracy : array_like of shape (n_points,), float
        Running accuracy, 0 to 1; NaN where there was none yet.
    test_accuracy : mapping of str to float, optional
        Accuracy on the test set, 0 to 1, by readout scheme; each a labelled mark at the end.
    window : int, optional
        Over how many of the latest examples `accuracy` runs; named in the title. Points before so many are left out,
        since they run over fewer: where they end the line would have a kink that is none of the network's. A shorter
        run has nothing else, and they are dotted.
    turns : mapping of str to int, optional
        Where layers learned one after another: after how many examples each began. Only the last of them answers, so
        the window begins with it.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; without any point it says so.

    Raises
    ------
    DataError
        If the arrays do not fit together or hold something other than accuracies.
    ConfigError
        If `window` is not a positive whole number.

    Examples
    --------
    >>> figure = learning_curve([100, 200, 300], [0.3, 0.6, 0.8], test_accuracy={"mean": 0.85})
    >>> figure.axes[0].lines[0].get_ydata()
    array([30., 60., 80.])
    """
    examples = _check_examples(examples)
    percent = 100.0 * check_numbers("accuracy", accuracy, 1, nan=True)
    check_length("accuracy", percent, len(examples), "points")
    marks = {name: _check_accuracy(name, value) for name, value in (test_accuracy or {}).items()}
    if (percent < 0).any() or (percent > 100).any():
        raise DataError("accuracy must lie between 0 and 1; divide percentages by 100.")
    if window is not None:
        check_count("window", window)

    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    full = examples >= (window or 0) + max((turns or {}).values(), default=0)
    if full.any():
        percent = np.where(full, percent, np.nan)
    _draw_line(axes, examples, percent, BLUE, "-" if full.any() else ":")
    if not np.isfinite(percent).any():
        note(axes, "no running accuracy was recorded")
    lowest = min([*percent[np.isfinite(percent)], *marks.values()], default=0.0)
    axes.set_ylim(min(10 * np.floor(lowest / 10), 80.0), 100.0)
    _draw_marks(axes, [(value, f"{name} {value:.1f} %") for name, value in marks.items()], lines=False)
    count_axis(axes.yaxis)
    _examples_axis(axes, examples)
    _draw_turns(axes, turns)
    over = "" if window is None else f" over the latest {window:,} examples"
    over = " over all examples so far" if len(examples) and not full.any() else over
    axes.set(ylabel="accuracy (%)", title=f"Running accuracy{over}")
    if marks:
        axes.text(1.04, 1.04, "on test images", transform=axes.transAxes, size=SMALL, color=MUTED)
    return figure


@in_house_style
def learning_curves(curves: Mapping[str, tuple]) -> Figure:
    """Draw several running accuracies over training, the images seen on a logarithmic axis.

    Parameters
    ----------
    curves : mapping of str to (examples, accuracy)
        By name: training examples seen so far, and the accuracy on the images just met, 0 to 1.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; names stand beside the ends of the lines.

    Raises
    ------
    DataError
        If there is no curve, or one is none.

    Examples
    --------
    >>> figure = learning_curves({"a": ([100, 1000], [0.5, 0.8]), "b": ([100, 1000], [0.4, 0.9])})
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not curves:
        raise DataError("There is no learning curve to draw; train at least one network.")
    figure = new_figure(7.2, max(3.6, 0.2 * len(curves) + 1.2))
    axes = figure.add_subplot()
    ends, longest = [], 1.0
    for k, (name, (examples, accuracy)) in enumerate(curves.items()):
        examples, percent = _check_examples(examples), 100.0 * check_numbers("accuracy", accuracy, 1)
        check_length("accuracy", percent, len(examples), f"points of {name}")
        if len(examples) == 0:
            continue
        colour, line = _LINE_COLOURS[k % len(_LINE_COLOURS)], _LINE_STYLES[k // len(_LINE_COLOURS) % len(_LINE_STYLES)]
        axes.plot(examples, percent, color=colour, linestyle=line, linewidth=1.2)
        ends.append((float(percent[-1]), f"{name}  {percent[-1]:.1f} %", colour))
        longest = max(longest, float(examples[-1]))
    log_axis(axes.xaxis)
    axes.set_xlim(right=longest)
    low, high = axes.get_ylim()
    ends.sort(key=lambda end: end[0])
    heights = spread([end[0] for end in ends], max(_LABEL_HEIGHT, 1 / max(len(ends), 12)) * (high - low), low, high)
    at_edge = axes.get_yaxis_transform()
    for (_, text, colour), height in zip(ends, heights, strict=True):
        axes.text(1.02, height, text, transform=at_edge, color=colour, size=SMALL, va="center")
    axes.grid(axis="y")
    axes.set(xlabel="training images seen", ylabel="accuracy (%)", title="Accuracy on images just met")
    return figure


@in_house_style
def weights_and_theta(
    examples,
    norm_mean,
    norm_sd,
    theta_mean=None,
    theta_sd=None,
    target: float | None = None,
    *,
    turns=None,
    layer: str = "",
) -> Figure:
    """Draw the neurons' weight norm and adaptive threshold over training, mean ± one standard deviation.

    Parameters
    ----------
    examples : array_like of shape (n_points,), int
        Training examples seen so far, not decreasing.
    norm_mean, norm_sd : array_like of shape (n_points,), float
        L1 norm of a neuron's incoming weights: mean and standard deviation over the neurons.
    theta_mean, theta_sd : array_like of shape (n_points,), float, optional
        Adaptive part of the threshold over the neurons, in mV; left out of neurons that have none.
    target : float, optional
        The norm that the learning rule or the normalisation aims at, drawn as a line.
    turns : mapping of str to int, optional
        Where layers learned one after another: after how many examples each began.
    layer : str, optional
        Whose neurons these are, where there are several.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; without any point it says so.

    Raises
    ------
    DataError
        If the arrays do not fit together, are not finite, or a standard deviation is negative.
    ConfigError
        If `target` is not a finite number.

    Examples
    --------
    >>> figure = weights_and_theta([0, 500], [120.0, 79.0], [9.0, 0.6], [20.0, 31.0], [0.0, 1.5], target=78.4)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['L1 norm of weights', 'adaptive threshold θ (mV)']
    """
    examples = _check_examples(examples)
    bands = {"norm_mean": norm_mean, "norm_sd": norm_sd}
    if theta_mean is not None:
        bands |= {"theta_mean": theta_mean, "theta_sd": theta_sd}
    for name, values in bands.items():
        bands[name] = check_numbers(name, values, 1)
        check_length(name, bands[name], len(examples), "points")
        if name.endswith("_sd") and (bands[name] < 0).any():
            raise DataError(f"{name} must not be negative.")
    if target is not None:
        check_finite("target", target)

    rows = len(bands) // 2
    figure = new_figure(6.4, 2.3 * rows)
    top, *below = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    _draw_band(top, examples, bands["norm_mean"], bands["norm_sd"], BLUE)
    for bottom in below:
        _draw_band(bottom, examples, bands["theta_mean"], bands["theta_sd"], GREEN)
        bottom.set(ylabel="adaptive threshold θ (mV)")
    if target is not None and len(examples):
        top.autoscale_view()
        low, high = top.get_ylim()
        room = 0.05 * (high - low)
        top.set_ylim(min(low, target - room), max(high, target + room))
        _draw_marks(top, [(target, f"target {target:,.4g}")])
    top.set(ylabel="L1 norm of weights", title=f"Over the neurons{layer and f' of {layer}'}, mean ± standard deviation")
    figure.align_ylabels()
    _examples_axis([top, *below][-1], examples)
    _draw_turns(top, turns)
    for bottom in below:
        _draw_turns(bottom, turns, named=False)
    return figure


def spread(values: Sequence[float] | np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Return ascending `values` moved as little as possible to lie `gap` apart and within bounds."""
    from scipy.optimize import isotonic_regression

    if len(values) == 0:
        return np.zeros(0)
    steps = gap * np.arange(len(values))
    # Apart by `gap` means ascending once the steps are taken off.
    placed = isotonic_regression(np.asarray(values, dtype=float) - steps).x
    return np.clip(placed, low, max(high - steps[-1], low)) + steps


def _check_examples(examples) -> np.ndarray:
    examples = check_whole("examples", examples, 1)
    if (np.diff(examples) < 0).any():
        raise DataError("examples must not decrease; sort the points by training examples.")
    return examples


def _check_accuracy(name: str, value) -> float:
    number = plain_number(value)
    if number is None or not 0 <= number <= 1:
        raise DataError(f"The test accuracy '{name}' must lie between 0 and 1, got {value!r}.")
    return 100.0 * number


def _draw_line(axes, x, y, colour, style="-") -> None:
    marker = "o" if np.isfinite(y).sum() == 1 else ""  # a single point has no line
    axes.plot(x, y, color=colour, linestyle=style, marker=marker, markersize=4, clip_on=not marker, zorder=3)
    axes.grid(axis="y")


def _draw_band(axes, x, mean, sd, colour) -> None:
    _draw_line(axes, x, mean, colour)
    if len(x):
        axes.fill_between(x, mean - sd, mean + sd, color=colour, alpha=0.25, linewidth=0)
        if len(x) == 1:
            axes.errorbar(x, mean, sd, color=colour, capsize=3)
    else:
        note(axes, "nothing was recorded")
        axes.set_yticks([])


def _draw_marks(axes, marks: list[tuple[float, str]], *, lines: bool = True) -> None:
    """Draw horizontal lines, or marks at the right edge, labelled beside the panel without overlaps."""
    low, high = axes.get_ylim()
    marks = sorted(marks)
    heights = spread([value for value, _ in marks], _LABEL_HEIGHT * (high - low), low, high)
    at_edge = axes.get_yaxis_transform()
    for k, ((value, text), height) in enumerate(zip(marks, heights, strict=True)):
        colour = _MARK_COLOURS[k % len(_MARK_COLOURS)]
        if lines:
            axes.axhline(value, color=colour, linewidth=1.0, linestyle=(0, (4, 2)))
        else:
            axes.plot(
                1.0, value, "D", color=colour, markersize=5, transform=at_edge, clip_on=False, zorder=4, label=text
            )
        axes.annotate(
            text,
            xy=(1.0, value),
            xycoords=at_edge,
            xytext=(1.04, height),
            textcoords=at_edge,
            color=colour,
            size=SMALL,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0.0, 0.5),
                "color": colour,
                "linewidth": 0.8,
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def _draw_turns(axes, turns: Mapping[str, int] | None, *, named: bool = True) -> None:
    """A line where another layer begins to learn, and the layer's name beside it."""
    for name, begin in (turns or {}).items():
        if begin > 0:
            axes.axvline(begin, color=MUTED, linewidth=1.0, linestyle=":")
        if named:
            axes.annotate(
                f" {name} learns", (begin, 0.02), xycoords=axes.get_xaxis_transform(), color=MUTED, size=SMALL
            )


def _examples_axis(axes, examples) -> None:
    axes.set_xlabel("training examples")
    count_axis(axes.xaxis)
    if len(examples) and examples[-1] > 0:
        axes.set_xlim(0, examples[-1])
    if len(examples) == 0:
        axes.set_xticks([])
