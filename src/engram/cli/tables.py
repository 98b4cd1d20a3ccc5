"""A table of results on a terminal: as wide as that is and no wider, with nothing cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from engram.cli.console import out

_GAP = "  "

Row = Sequence[str]


def print_table(head: Row, rows: Sequence[Row], n_keys: int, markdown: str) -> None:
    """Print a table: on a terminal so that it fits, elsewhere as Markdown.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
    n_keys : int
        How many of the first columns tell the rows apart.
    markdown : str
        The same table for files and other programs.
    """
    text = "".join(f"{line}\n" for line in fitted(head, rows, n_keys, out.width)) if out.is_terminal else markdown
    out.print(text, markup=False, end="")


def fitted(head: Row, rows: Sequence[Row], n_keys: int, width: int) -> list[str]:
    """The lines of a table that is no wider than so many columns: what does not fit beside follows below.

    Columns that tell rows apart are repeated; where they leave no room for others, rows are numbered instead.
    """
    widths = _widths(head, rows)
    if _total(widths[:n_keys]) + max(widths[n_keys:], default=0) > width:
        lines = [_named(f"#{k}", head[:n_keys], row, width) for k, row in enumerate(rows, start=1)]
        numbered = [[f"#{k}", *row[n_keys:]] for k, row in enumerate(rows, start=1)]
        return [*"\n".join(lines).split("\n"), "", *fitted(["", *head[n_keys:]], numbered, 1, width)]
    lines: list[str] = []
    for columns in _blocks(widths, n_keys, width):
        lines += [""] if lines else []
        lines += _block(head, rows, columns, widths, n_keys)
    return lines


def _widths(head: Row, rows: Sequence[Row]) -> list[int]:
    """How wide each column is: names are broken between words."""
    words = [max(map(len, name.split()), default=0) for name in head]
    return [max([word, *(len(row[k]) for row in rows)]) for k, word in enumerate(words)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * len(widths)


def _blocks(widths: list[int], n_keys: int, width: int) -> list[list[int]]:
    """Which columns stand beside each other: those that tell rows apart, and as many others as fit."""
    keys = list(range(n_keys))
    blocks = [keys[:]]
    for column in range(n_keys, len(widths)):
        used = _total([widths[k] for k in blocks[-1]])
        if used + widths[column] > width and len(blocks[-1]) > n_keys:
            blocks.append(keys[:])
        blocks[-1].append(column)
    return blocks


def _block(head: Row, rows: Sequence[Row], columns: list[int], widths: list[int], n_keys: int) -> list[str]:
    names = [textwrap.wrap(head[k], widths[k], break_long_words=False) if head[k] else [] for k in columns]
    height = max(map(len, names))
    above = [[""] * (height - len(name)) + name for name in names]
    grid = [*zip(*above, strict=True), *([row[k] for k in columns] for row in rows)]
    return [_line(cells, [widths[k] for k in columns], n_keys) for cells in grid]


def _line(cells: Row, widths: list[int], n_keys: int) -> str:
    """Names begin, numbers end below each other."""
    placed = [
        cell.ljust(width) if k < n_keys else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return _GAP.join(placed).rstrip()


def _named(number: str, names: Row, row: Row, width: int) -> str:
    """What a number stands for, in as many lines as it needs."""
    told = f"{number}  " + ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=False))
    return "\n".join(textwrap.wrap(told, width, subsequent_indent=" " * (len(number) + 2), break_on_hyphens=False))
