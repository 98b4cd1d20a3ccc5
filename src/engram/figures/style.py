"""The one house style: colours, fonts and sizes of every figure."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps

# Okabe & Ito's palette, told apart with any colour vision.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
COLOURS = (BLUE, VERMILLION, GREEN)

INK = "#222222"
MUTED = "#6E6E6E"
FAINT = "#D4D4D4"
GAP = "#E4E4E4"
SHADE = "#EFEFEF"

AMOUNTS = "Greys"
"""Colour map of what starts at zero: white is none, so fields and pictures read like ink on paper."""

SIGNED = "RdBu_r"
"""Colour map of what has both signs: white is zero, red positive, blue negative."""

SHARES = "Blues"
"""Colour map of shares of a whole."""

DPI = 150
"""Dots per inch of a saved figure."""

MAX_INCHES = 16.0
"""Longest side that a figure may have."""

SMALL = 8.0  # points; notes beside a panel

RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.formatter.useoffset": False,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "font.size": 9.0,
    "grid.color": SHADE,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "engram",  # ids of an SVG's parts: the same figure gives the same bytes
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.major.size": 3.0,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.major.size": 3.0,
}


@contextmanager
def house_style():
    """Put matplotlib into the house style, whatever the user's own settings, and back afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def in_house_style(function):
    """Run a function that builds a figure in the house style, and settle the figure's layout once."""

    @wraps(function)
    def styled(*args, **kwargs):
        with house_style():
            figure = function(*args, **kwargs)
            figure.settle()
            return figure

    return styled


def new_figure(width: float, height: float):
    """Return an empty figure of so many inches, its longest side bounded."""
    from engram.figures.canvas import HouseFigure

    size = (min(width, MAX_INCHES), min(height, MAX_INCHES))
    return HouseFigure(figsize=size, layout="constrained")


def count_axis(axis) -> None:
    """Tick a count at whole numbers, with thousands separators."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axis.set_major_locator(MaxNLocator(nbins=6, steps=(1, 2, 5, 10), integer=True, min_n_ticks=1))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def colour_bar(axes, picture, label: str, axes_inches: float, *, gap_inches: float = 0.12, extend="neither"):
    """Put a colour bar beside a panel of about that width, exactly as tall as the panel."""
    beside = axes.inset_axes((1 + gap_inches / axes_inches, 0.0, 0.13 / axes_inches, 1.0))
    bar = axes.figure.colorbar(picture, cax=beside, label=label, extend=extend)
    bar.outline.set(linewidth=0.5, edgecolor=MUTED)
    return bar


def picture_frame(axes) -> None:
    """Leave a picture without ticks, in a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)


def note(axes, text: str) -> None:
    """Say in the middle of an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)
