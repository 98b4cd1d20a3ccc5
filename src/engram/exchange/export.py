"""A model written to a folder in another tool's form, with what is exact and what is lost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engram.errors import ConfigError, DataError, RunFolderError
from engram.exchange.formats import Format, format_named
from engram.exchange.frozen import freeze
from engram.exchange.presentations import example_images, present
from engram.exchange.text import readme
from engram.files import make_folder, write_atomically
from engram.model import Model
from engram.validation import check_count
from engram.wording import plural

README = "README.txt"


@dataclass(frozen=True)
class Export:
    """What :func:`export_model` wrote.

    Attributes
    ----------
    format : Format
    folder : Path
    files : tuple of Path
    """

    format: Format
    folder: Path
    files: tuple[Path, ...]

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        form = self.format
        return {
            "format": form.name,
            "folder": str(self.folder),
            "files": [str(path) for path in self.files],
            "exact": list(form.exact),
            "lost": list(form.lost),
            "run": form.run,
        }


def export_model(
    model: Model,
    to: str,
    folder: str | Path,
    *,
    images=None,
    n_images: int = 10,
    dt: float | None = None,
    weight_bits: int | None = None,
    overwrite: bool = False,
    on_progress=None,
) -> Export:
    """Write a trained network in another tool's form.

    Parameters
    ----------
    model : Model
    to : {"brian2", "nest", "pynn", "nir", "numpy", "json", "c"}
    folder : str or Path
        Where the files go.
    images : ndarray of shape (n_images, n_inputs), optional
        Pixel values 0-255 of what is put beside the network as input spikes, with engram's answers to them; by default
        the first test images of what the model was trained on, or of the digits that come with engram.
    n_images : int
        How many, where they are not given.
    dt : float, optional
        Another time step than the model's, ms.
    weight_bits : int, optional
        The bits of a weight, for the format ``c``; by default those that it was learned in, else 8.
    overwrite : bool
        Whether files of that name may be there before.
    on_progress : callable, optional
        Called with the number of images done.

    Returns
    -------
    Export

    Raises
    ------
    ConfigError
        If the format cannot hold such a network.
    DataError
        If the images are not of its size.
    RunFolderError
        If the folder cannot be written, or holds such files.
    """
    form = format_named(to)
    form = _with_bits(form, weight_bits) if weight_bits is not None else _with_learned_bits(form, model)
    check_count("n_images", n_images, at_least=0)
    frozen, folder = freeze(model, dt=dt), Path(folder)
    _check_free(folder, [README], overwrite)
    shown, classes = _images(model, images, n_images)
    presentations = present(frozen, shown, classes, on_progress=on_progress)
    if form.measured is not None and presentations.n_images:
        exact, lost = form.measured(frozen, presentations, form)
        form = replace(form, exact=(*form.exact, *exact), lost=(*form.lost, *lost))
    contents = form.files(frozen, presentations, form)
    contents[README] = readme(frozen, form, list(contents))
    make_folder(folder)
    _check_free(folder, contents, overwrite)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return Export(form, folder, tuple(folder / name for name in contents))


def _check_free(folder: Path, names: Iterable[str], overwrite: bool) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise RunFolderError(f"{folder} holds {there[0]} already; choose another folder or pass --overwrite.")


def _with_learned_bits(form: Format, model: Model) -> Format:
    """A format that holds weights as they were learned in fixed point, if they were and it has room for them."""
    bits = float("inf") if form.weight_bits is None or model.rule is None else model.rule.weight_bits
    if math.isinf(bits):
        return form
    learned = f"learned in {plural(int(bits), 'bit')}"
    if bits > MOST_BITS:
        rounded = f"Weights were {learned} and are rounded to {form.weight_bits}; {MOST_BITS} are the most."
        return replace(form, lost=(*form.lost, rounded))
    kept = f"Weights: they were {learned}, and the integers are those weights in steps of the rule's grid."
    return replace(form, weight_bits=int(bits), exact=(*form.exact, kept))


MOST_BITS = 16
"""Of a weight in a format that has a choice."""


def _with_bits(form: Format, weight_bits: int) -> Format:
    if form.weight_bits is None:
        raise ConfigError(f"The format {form.name!r} has no choice of weight_bits; leave it out.")
    check_count("weight_bits", weight_bits, at_least=2)
    if weight_bits > MOST_BITS:
        raise ConfigError(f"weight_bits must be 2 to {MOST_BITS}, got {weight_bits}.")
    return replace(form, weight_bits=int(weight_bits))


def _images(model: Model, images, n_images: int):
    if images is None:
        return example_images(model, n_images)
    images = np.asarray(images)
    if images.ndim != 2 or images.shape[1] != model.network.n_inputs:
        raise DataError(
            f"images must have the shape (n_images, {model.network.n_inputs}), got {images.shape}; flatten each one."
        )
    return images, np.full(len(images), -1)
