"""Figures on disk, whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engram.figures.style import DPI, house_style
from engram.files import exists, make_folder, open_regular, write_atomically, write_new
from engram.validation import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What matplotlib would otherwise stamp into a file: the date, and its own version.
_METADATA = {
    "png": {"Software": "engram"},
    "svg": {"Date": None, "Creator": "engram"},
    "pdf": {"CreationDate": None, "Creator": "engram", "Producer": None},
}


_PNG_LEVEL = 2
"""How hard zlib tries: a quarter of the time that its own choice takes, and smaller files where pixels are noisy."""

# Where a file says what it was drawn of: uncompressed, and near its beginning.
_SOURCE = {"png": "Source", "svg": "Source", "pdf": "Subject"}
_HEAD_BYTES = 1 << 14


def save(
    figure: Figure,
    path_without_suffix: str | Path,
    formats: Iterable[str] = ("png", "svg"),
    *,
    drawn_of: str = "",
) -> list[Path]:
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
    drawn_of : str, optional
        What the figure shows, as a digest that the files keep: a file drawn of something else is not replaced, and
        the name gets a number.

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
    wanted = Path(path_without_suffix)
    contents = [_render(figure, name, drawn_of) for name in formats]
    make_folder(wanted.parent)
    while True:
        path = _free(wanted, formats, drawn_of) if drawn_of else wanted
        files = [path.with_name(f"{path.name}.{name}") for name in formats]
        if all([_is_written(file, content, drawn_of) for file, content in zip(files, contents, strict=True)]):
            return files


def _is_written(file: Path, content: bytes, drawn_of: str) -> bool:
    """Write a figure that can be drawn again after a power cut, unless somebody drew another by that name meanwhile."""
    if drawn_of and not _is_drawn_of(file, drawn_of):
        return write_new(file, content)
    write_atomically(file, content, durable=False)
    return True


def _free(path: Path, formats: tuple[str, ...], drawn_of: str) -> Path:
    """The path, with a number where files of that name were drawn of something else."""
    for number in itertools.count(2):
        files = [path.with_name(f"{path.name}.{name}") for name in formats]
        if all(not exists(file) or _is_drawn_of(file, drawn_of) for file in files):
            return path
        path = path.with_name(f"{path.name if number == 2 else path.name.rpartition('-')[0]}-{number}")
    raise AssertionError


def _is_drawn_of(file: Path, drawn_of: str) -> bool:
    try:
        with open_regular(file) as content:
            return drawn_of.encode() in content.read(_HEAD_BYTES)
    except OSError:
        return False


def _render(figure: Figure, format_name: str, drawn_of: str = "") -> bytes:
    content = BytesIO()
    metadata = dict(_METADATA[format_name])
    if drawn_of:
        metadata[_SOURCE[format_name]] = drawn_of
    options: dict[str, Any] = {"pil_kwargs": {"compress_level": _PNG_LEVEL}} if format_name == "png" else {}
    with house_style(), nullcontext() if format_name == "png" else _images_as_they_are(figure):
        figure.savefig(content, format=format_name, dpi=DPI, metadata=metadata, **options)
    return content.getvalue()


@contextmanager
def _images_as_they_are(figure: Figure) -> Generator[None]:
    """Let vector formats hold each image's own pixels, which stay sharp at any size, instead of many more."""
    from matplotlib.image import AxesImage

    images = figure.findobj(AxesImage)
    before = [image.get_interpolation() for image in images]
    for image in images:
        image.set_interpolation("none")
    try:
        yield
    finally:
        for image, interpolation in zip(images, before, strict=True):
            image.set_interpolation(interpolation)
