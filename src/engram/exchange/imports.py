"""Other people's trained networks as models: what is read from where, what is exact and what is lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram._version import __version__
from engram.errors import ConfigError, ModelFileError
from engram.exchange.bindsnet_file import read_bindsnet_file
from engram.exchange.diehl_cook_files import has_diehl_cook_files, read_diehl_cook_files
from engram.model import Model
from engram.networks import DiehlCook, Protocol
from engram.plasticity import Triplet
from engram.plasticity.records import rule_record
from engram.readout import Readout
from engram.tutorial_files import WEIGHTS, read_tutorial_parameters
from engram.validation import check_positive


@dataclass(frozen=True)
class Source:
    """One kind of files that a network is read from.

    Attributes
    ----------
    name, title : str
    exact, lost : tuple of str
        Sentences, shown on the screen.
    read : callable
        Weights, thresholds in mV, and labels or None, from a path.
    fits : callable
        Whether a path is of this kind.
    """

    name: str
    title: str
    exact: tuple[str, ...]
    lost: tuple[str, ...]
    read: Callable
    fits: Callable[[Path], bool]


def _read_diehl_cook(path):
    weights, theta, _ = read_diehl_cook_files(path)
    return weights, theta, None


def _read_bindsnet(path):
    weights, theta = read_bindsnet_file(path)
    return weights, theta + DiehlCook().theta_start, None


_WANTED = "give a folder with XeAe.npy or xeae.json, or a .pt file of BindsNET"
_NO_LABELS = "Labels of neurons: they are found from training images when the model is first evaluated."
_NO_GAIN = "The factor on pixel values: it is 1, as for MNIST, unless --input-gain says another."

SOURCES = {
    source.name: source
    for source in (
        Source(
            "diehl-cook",
            "Diehl & Cook's program, or a port of it to Brian 2",
            ("Weights and thresholds; the network, its constants and its rule (triplet) are the same.",),
            (_NO_LABELS, _NO_GAIN, "Delays of inhibition: they are drawn anew.", "Traces, where it was learning."),
            _read_diehl_cook,
            has_diehl_cook_files,
        ),
        Source(
            "bindsnet",
            "BindsNET",
            ("Weights, and how much each threshold has risen.",),
            (
                _NO_LABELS,
                _NO_GAIN,
                "The neurons: BindsNET's are driven by currents, these by conductances, with engram's constants.",
                "The rule: its PostPre is none of engram's; triplet stands in its place for going on to learn.",
            ),
            _read_bindsnet,
            lambda path: path.suffix in (".pt", ".pth") and path.is_file(),
        ),
        Source(
            "json",
            "the tutorial's three files",
            ("Weights, thresholds and labels.",),
            ("Delays, constants and the rule: they are engram's.", _NO_GAIN),
            read_tutorial_parameters,
            lambda path: (path / WEIGHTS).is_file(),
        ),
    )
}
"""By name, what :func:`import_model` reads."""


def source_of(path: str | Path, name: str | None = None) -> Source:
    """The kind of files that a path holds.

    Raises
    ------
    ConfigError
        If there is no kind of that name.
    ModelFileError
        If it is none of them.
    """
    path = Path(path)
    if name is not None:
        if name not in SOURCES:
            raise ConfigError(f"There is no source {name!r} to import from; choose one of {', '.join(SOURCES)}.")
        return SOURCES[name]
    if not path.exists():
        raise ModelFileError(f"There is no {path}; {_WANTED}.")
    found = next((source for source in SOURCES.values() if source.fits(path)), None)
    if found is None:
        raise ModelFileError(f"{path} is nothing that can be imported; {_WANTED}.")
    return found


def import_model(
    path: str | Path,
    source: str | None = None,
    *,
    dataset: str = "mnist",
    dt: float = 0.5,
    input_gain: float = 1.0,
) -> Model:
    """Read another program's trained network as a model.

    Parameters
    ----------
    path : str or Path
    source : {"diehl-cook", "bindsnet", "json"}, optional
        What it is; by default found from its files.
    dataset : str
        What it was trained on: its images give the neurons their labels.
    dt : float
        Time step of the model, ms.
    input_gain : float
        Factor on pixel values when the model reads; 1 is that of Diehl & Cook's program on MNIST.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        If it is no such thing.
    ConfigError
        If the time step or the factor is not positive.
    """
    check_positive("input_gain", input_gain)
    kind = source_of(path, source)
    weights, theta, labels = kind.read(path)
    network = DiehlCook(n_inputs=weights.shape[0], n_neurons=weights.shape[1], dt=dt)
    side, rule = math.isqrt(network.n_inputs), Triplet()
    return Model(
        network=network,
        rule=rule,
        rule_record=rule_record(rule),
        protocol=Protocol(),
        seed=0,
        input_gain=float(input_gain),
        weights=np.ascontiguousarray(weights, network.dtype),
        theta=np.asarray(theta, np.float64),
        rule_state={},
        readout=None if labels is None else _readout(labels),
        image_shape=(side, side) if side**2 == network.n_inputs else None,
        dataset=dataset,
        version=__version__,
    )


def _readout(labels: np.ndarray) -> Readout | None:
    """A readout in which each neuron speaks for its class; None if there are fewer than two classes."""
    classes = np.unique(labels[labels >= 0])
    if len(classes) < 2:
        return None
    member = (labels == classes[:, np.newaxis]).astype(np.float64)
    assigned = np.where(member.any(axis=0), np.argmax(member, axis=0), -1)
    return Readout(classes.astype(np.int64), member, assigned, member.copy(), np.zeros(len(classes)), 0)
