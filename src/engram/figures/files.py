"""Figures on disk, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from engram.figures.style import DPI, house_style
from engram.files import make_folder, write_atomically
from engram.validation import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What matplotlib would otherwise stamp into a file: the date, and its own version.
_METADATA = {
    "png": {"Software": "engram"},
    "svg": {"Date": None, "Creator": "engram"},
    "pdf": {"CreationDate": None, "Creator": "engram", "Producer": None},
}


def save(figure: Figure, path_without_suffix: str | Path, formats: Iterable[str] = ("png", "svg")) -> list[Path]:
    """Write a figure to one file per format; the same figure gives the same bytes.

    Each file appears complete or not at all, and replaces an older one.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path_without_suffix : str or Path
        Where to write; each format appends its suffix. The folder is made if need be.
    formats : iterable of {"png", "svg", "pdf"}, optional
        What to write.

    Returns
    -------
    list of Path
        The files, in the order of `formats`.

    Raises
    ------
    ConfigError
        If a format is unknown.
    RunFolderError
        If a file cannot be written.

    Examples
    --------
    >>> save(learning_curve(examples, accuracy), "runs/a/figures/learning_curve")  # doctest: +SKIP
    [PosixPath('runs/a/figures/learning_curve.png'), PosixPath('runs/a/figures/learning_curve.svg')]
    """
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    for name in formats:
        check_choice("format", name, tuple(_METADATA))
    path = Path(path_without_suffix)
    drawn = {path.with_name(f"{path.name}.{name}"): _render(figure, name) for name in formats}
    make_folder(path.parent)
    for target, content in drawn.items():
        write_atomically(target, content, durable=False)  # can be drawn again after a power cut
    return list(drawn)


def _render(figure: Figure, format_name: str) -> bytes:
    content = BytesIO()
    with house_style():
        figure.savefig(content, format=format_name, dpi=DPI, metadata=_METADATA[format_name])
    return content.getvalue()
