"""The one house style: colours, fonts and sizes of every figure."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps

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
    "axes.titley": 1.0,  # no figure has anything above its panels, which takes a fifth of the time to find out
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "font.size": 9.0,
    "grid.color": SHADE,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "engram",  # ids of an SVG's parts: the same figure gives the same bytes
    "text.color": INK,
    "text.parse_math": False,  # names of classes and files are texts, also with a dollar in them
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.major.size": 3.0,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.major.size": 3.0,
}


FURTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "WenQuanYi Micro Hei", "Noto Sans Arabic", "Noto Sans Devanagari", "Arial Unicode MS",
)  # fmt: skip
"""Fonts with scripts that matplotlib's own lacks, used where installed: names of classes are in any language."""

_in_style: ContextVar[bool] = ContextVar("in_style", default=False)
"""Whether the house style holds already, further out."""
_drawing = threading.RLock()
"""Held while it does: settings of matplotlib's are those of all threads."""


@contextmanager
def house_style():
    """Put matplotlib into the house style, whatever the user's own settings, and back afterwards."""
    import matplotlib

    if _in_style.get():
        yield
        return
    with _drawing, matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(  # ty: ignore[no-matching-overload]  # its names are texts, not literals
            RC | {"font.family": ["sans-serif", *_further_fonts()]}
        )
        entered = _in_style.set(True)
        try:
            yield
        finally:
            _in_style.reset(entered)


@cache
def _further_fonts():
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in FURTHER_FONTS if name in installed]


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


def log_axis(axis) -> None:
    """Make an axis logarithmic, its ticks plain numbers: powers of ten would be TeX, which is not parsed."""
    from matplotlib.ticker import LogFormatter

    class PlainNumbers(LogFormatter):
        def __call__(self, x, pos=None):
            return f"{x:,g}" if super().__call__(x, pos) else ""

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(PlainNumbers())
    axis.set_minor_formatter(PlainNumbers(labelOnlyBase=False))


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
