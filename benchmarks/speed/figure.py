"""The picture of the comparison: time per training image against neurons."""

from __future__ import annotations

from pathlib import Path

from engram.figures.files import save
from engram.figures.style import BLUE, GREEN, INK, MUTED, SMALL, VERMILLION, in_house_style, new_figure

# Okabe & Ito's palette, and a mark of its own for each, told apart without colour too.
LOOKS = {
    "engram": (BLUE, "o"),
    "Brian 2 standalone": (VERMILLION, "s"),
    "Brian 2 runtime": (GREEN, "D"),
    "BindsNET": ("#CC79A7", "^"),
}
SHOWN = "self_normalizing"
LABEL_HEIGHT = 0.055  # of the panel


def draw(results: dict, file: Path) -> list[Path]:
    """Write the figure as PNG and SVG."""
    return save(figure(results), file)


@in_house_style
def figure(results: dict):
    """Each simulator's time with the self-normalizing rule, or with its own, and the floor."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    lines = {name: points(results, name) for name in LOOKS}
    floor = sorted((r["n_neurons"], r["ms"]) for r in results["floors"] if drawn(r) and r["rule"] == SHOWN)
    shown = new_figure(6.4, 4.2)
    axes = shown.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    labels = []
    for name, line in lines.items():
        if line:
            colour, mark = LOOKS[name]
            axes.plot(*zip(*line, strict=True), marker=mark, markersize=4.5, color=colour)
            labels.append((name, colour, *line[-1]))
    if floor:
        axes.plot(*zip(*floor, strict=True), color=MUTED, linestyle=(0, (4, 2)), linewidth=1.0)
        labels.append(("floor of this machine", MUTED, *floor[-1]))
    neurons = sorted({n for line in lines.values() for n, _ in line})
    axes.set_xticks(neurons)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
    axes.grid(axis="y", linewidth=0.6)
    axes.set_xlabel("excitatory neurons")
    axes.set_title("Milliseconds per training image, one core")
    place_labels(axes, labels)
    return shown


def points(results: dict, name: str) -> list[tuple[int, float]]:
    """Neurons and milliseconds of a simulator."""
    return sorted(
        (record["n_neurons"], record["ms"])
        for record in results["measurements"]
        if record["simulator"] == name and "ms" in record and drawn(record)
    )


def drawn(record: dict) -> bool:
    """Whether the figure is of it: training by the rule that it shows, or by a peer's own."""
    told = (record["preset"], record["phase"], record["dt"])
    return told == ("paper", "train", 0.5) and record["rule"] in (SHOWN, "PostPre")


def place_labels(axes, labels) -> None:
    """Name each line where it ends; names that would touch are moved apart."""
    to_panel = axes.transScale + axes.transLimits
    placed = sorted((*to_panel.transform((n, ms)), name, colour) for name, colour, n, ms in labels)
    below = (None, 0.0)
    for x, height, name, colour in placed:
        if x == below[0]:
            height = max(height, below[1] + LABEL_HEIGHT)
        below = (x, height)
        axes.text(
            x + 0.02, height, name, transform=axes.transAxes, color=INK if colour == MUTED else colour, va="center",
            fontsize=SMALL + 0.5,
        )  # fmt: skip
