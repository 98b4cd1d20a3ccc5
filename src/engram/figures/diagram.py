"""What a network is made of, drawn from its description: populations as boxes, projections as arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.errors import ConfigError
from engram.figures.style import BLUE, GREEN, INK, MUTED, SHADE, SMALL, VERMILLION, in_house_style, new_figure
from engram.networks import DiehlCook, Network
from engram.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS, _DOWN = 3.6, 2.0  # inches from box to box
_WIDTH, _HEIGHT = 1.5, 0.84  # of a box
_BEND = 0.28  # of an arrow that is not alone between its boxes
_LETTERS = 34  # that find room between two boxes


class _Box(NamedTuple):
    """Where a population stands, in inches."""

    x: float
    y: float


@in_house_style
def network_diagram(network: DiehlCook | Network, title: str | None = None) -> Figure:
    r"""Draw a network from its description: inputs on the left, and from there each population as far as spikes go.

    An arrow's colour says what it does: blue excites, orange learns, green inhibits, and ends in a bar.

    Parameters
    ----------
    network : DiehlCook or Network
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ConfigError
        If it is no network.

    Examples
    --------
    >>> from engram import DiehlCook, Triplet
    >>> figure = network_diagram(DiehlCook(n_neurons=100).describe(Triplet()))
    >>> sorted(text.get_text() for text in figure.axes[0].texts if "100" in text.get_text())
    ['100 neurons\nConductanceLIF', '100 neurons\nConductanceLIF\nadaptive threshold']
    """
    if isinstance(network, DiehlCook):
        network = network.describe(None)
    if not isinstance(network, Network):
        raise ConfigError(f"network must be a DiehlCook or a Network, got {network!r:.100}.")
    boxes = _boxes(network)
    width = max(box.x for box in boxes.values()) + _WIDTH
    top, bottom = max(box.y for box in boxes.values()), min(box.y for box in boxes.values())
    left, right, low, high = -_WIDTH / 2 - 0.2, width - _WIDTH / 2 + 0.2, bottom - 1.0, top + 0.85
    figure = new_figure(max(right - left, 4.0), high - low)
    axes = figure.add_subplot()
    axes.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    axes.set_axis_off()
    for name, box in boxes.items():
        _draw_box(axes, network, name, box)
    for projection in network.projections:
        _draw_projection(axes, network, projection, boxes)
    axes.set_title(title or "")
    return figure


def _boxes(network: Network) -> dict[str, _Box]:
    """Places of inputs and populations, by how many projections lead there from an input."""
    depth = dict.fromkeys(network.inputs, 0)
    reached = list(depth)
    for name in reached:  # grows while it is gone through
        for p in network.projections:
            if p.before == name and p.after not in depth:
                depth[p.after] = depth[name] + 1
                reached.append(p.after)
    last = max(depth.values()) + 1
    columns: dict[int, list[str]] = {}
    for name in (*network.inputs, *network.populations):
        columns.setdefault(depth.get(name, last), []).append(name)
    return {
        name: _Box(_ACROSS * column, _DOWN * ((len(names) - 1) / 2 - row))
        for column, names in columns.items()
        for row, name in enumerate(names)
    }


def _draw_box(axes, network: Network, name: str, box: _Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    is_read = name == network.readout
    axes.add_patch(
        FancyBboxPatch(
            (box.x - _WIDTH / 2, box.y - _HEIGHT / 2), _WIDTH, _HEIGHT, boxstyle="round,pad=0.02,rounding_size=0.12",
            facecolor=SHADE if name in network.inputs else "white", edgecolor=INK, linewidth=1.6 if is_read else 0.9,
        )
    )  # fmt: skip
    axes.text(box.x, box.y + 0.24, name, ha="center", va="center", weight="bold", size=9.5)
    axes.text(box.x, box.y - 0.13, _what(network, name), ha="center", va="center", size=6.5, color=MUTED)
    if is_read:
        axes.text(box.x, box.y + _HEIGHT / 2 + 0.08, "read out", ha="center", va="bottom", size=6.5, color=MUTED)


def _what(network: Network, name: str) -> str:
    """What stands in a box."""
    if name in network.inputs:
        shape = network.inputs[name].shape
        return plural(network.inputs[name].n, "input") + ("\n" + "×".join(map(str, shape)) if len(shape) > 1 else "")
    population = network.populations[name]
    kind = type(population.neuron).__name__
    threshold = "\nadaptive threshold" if population.threshold else ""
    return f"{plural(population.n, 'neuron')}\n{kind}{threshold}"


def _draw_projection(axes, network: Network, p, boxes: dict[str, _Box]) -> None:
    from matplotlib.patches import FancyArrowPatch

    inhibits = _inhibits(network, p)
    colour = VERMILLION if p.rule is not None else GREEN if inhibits else BLUE
    start, end, bend = _ends(network, p, boxes)
    head = "-|>,head_length=0.4,head_width=0.2"
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", color=colour, linewidth=1.8 if p.rule is not None else 1.1,
            arrowstyle="|-|,widthA=0,widthB=0.45" if inhibits else head, mutation_scale=12, shrinkA=2, shrinkB=2,
        )
    )  # fmt: skip
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    # A quadratic arc bends by half of `rad` of its length, to the right of its direction.
    x, y = x + bend * (end[1] - start[1]) / 2, y - bend * (end[0] - start[0]) / 2
    above = y >= (start[1] + end[1]) / 2
    kind = _spelled(type(p).__name__)
    if p.rule is not None:
        learns = f"learns by {p.rule.name or type(p.rule).__name__}"
        kind += f"{', ' if len(kind + learns) < _LETTERS else chr(10)}{learns}"
    text = f"{p.name}\n{kind}"
    axes.text(
        x,
        y + (0.07 if above else -0.07),
        text,
        ha="center",
        va="bottom" if above else "top",
        size=SMALL - 1.5,
        color=colour,
    )


def _inhibits(network: Network, p) -> bool:
    """Whether spikes hold the receivers back: on a channel of inhibition, or by fixed weights that are negative."""
    channel = list(network.populations[p.after].neuron.channels)[network.channel_of(p)]
    if channel.startswith("inh"):
        return True
    return p.rule is None and not callable(p.weights) and bool((np.asarray(p.weights) < 0).all())


def _ends(network: Network, p, boxes: dict[str, _Box]) -> tuple[tuple, tuple, float]:
    """From where to where an arrow goes, and how much it bends."""
    before, after = boxes[p.before], boxes[p.after]
    if p.before == p.after:
        y = before.y - _HEIGHT / 2
        return (before.x + 0.45, y), (before.x - 0.45, y), -0.9
    between = [q for q in network.projections if {q.before, q.after} == {p.before, p.after}]
    place = between.index(p)
    bend = 0.0 if len(between) == 1 else -_BEND * (1 + place // 2 * 0.9)
    if before.x == after.x:
        down = before.y > after.y
        half = -_HEIGHT / 2 if down else _HEIGHT / 2
        return (before.x, before.y + half), (after.x, after.y - half), bend or 0.0
    half = _WIDTH / 2 if after.x > before.x else -_WIDTH / 2
    up = 0.0 if not bend else 0.12 if after.x > before.x else -0.12
    return (before.x + half, before.y + up), (after.x - half, after.y + up), bend


def _spelled(kind: str) -> str:
    """A class's name as words."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
