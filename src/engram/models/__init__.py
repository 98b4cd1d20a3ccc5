"""Trained networks that come with engram, to read digits without training or downloading anything.

Wherever a run folder or a model file is accepted, their names are as well.

>>> from engram import load_model
>>> load_model("mnist-100").weights.shape
(784, 100)
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the files lie: ``models.toml``, written by ``benchmarks/make_models.py``, and one model file for each name."""


@dataclass(frozen=True)
class ShippedModel:
    """A line of the list of shipped models.

    Attributes
    ----------
    name : str
        What stands for it wherever a model is named.
    neurons : int
    dataset : str
        What it was trained on.
    examples : int
        Images that it learned from.
    rule : str
    accuracy : dict of str to float
        By readout scheme, on all test images of the dataset.
    command : str
        What made it.
    version : str
        The engram that made it.
    network : str
        Its name.
    """

    name: str
    neurons: int
    dataset: str
    examples: int
    rule: str
    accuracy: dict[str, float]
    command: str
    version: str
    network: str = "diehl-cook"

    @property
    def path(self) -> Path:
        """The model's file."""
        return FOLDER / f"{self.name}.safetensors"

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return self.path.stat().st_size


def shipped_models() -> list[ShippedModel]:
    """The models that come with engram.

    Returns
    -------
    list of ShippedModel
        Sorted by name.
    """
    with (FOLDER / "models.toml").open("rb") as file:
        entries = tomllib.load(file)
    return [ShippedModel(name=name, **entry) for name, entry in sorted(entries.items())]


def shipped_model(name: str | Path) -> ShippedModel | None:
    """What is known of a shipped model, where a name means one."""
    return next((model for model in shipped_models() if find_model(name) == model.path), None)


def find_model(name: str | Path) -> Path:
    """The path that a user means: what lies there, or else the shipped model of that name."""
    path = Path(name)
    shipped = FOLDER / f"{path}.safetensors"
    run = any(os.path.lexists(path / part) for part in ("model.safetensors", "config.toml", "checkpoints"))
    there = os.path.isfile(path) or run  # noqa: PTH113 - Path's own raises where a name is too long
    return shipped if path.name == str(path) and not there and os.path.exists(shipped) else path  # noqa: PTH110
