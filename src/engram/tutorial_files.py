"""The tutorial's trained parameters: ``xeae.json``, ``theta.json`` and ``neuron_labels.json`` in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engram.datasets.files import write_atomically
from engram.errors import DataError, ModelFileError
from engram.files import read_regular

WEIGHTS, THETA, LABELS = "xeae.json", "theta.json", "neuron_labels.json"

MAX_BYTES = 256 * 2**20
"""No file larger than this is read (256 MiB)."""

_LARGEST_LABEL = 2**31


class TutorialParameters(NamedTuple):
    """What the tutorial's network was trained to.

    Attributes
    ----------
    weights : ndarray of shape (n_inputs, n_neurons), float32
    theta : ndarray of shape (n_neurons,), float64
        What each threshold has above `v_th`.
    labels : ndarray of shape (n_neurons,), int64
        Each neuron's class; -1 for none.
    """

    weights: np.ndarray
    theta: np.ndarray
    labels: np.ndarray


def read_tutorial_parameters(
    folder: str | Path, *, n_inputs: int | None = None, n_neurons: int | None = None
) -> TutorialParameters:
    """Read the three files of a folder.

    Parameters
    ----------
    folder : str or Path
    n_inputs, n_neurons : int, optional
        The size that the weights must have; any if not given.

    Returns
    -------
    TutorialParameters

    Raises
    ------
    ModelFileError
        If a file is missing, no JSON, too large, or does not hold numbers of the shape that the others have.
    """
    folder = Path(folder)
    weights = _numbers(folder / WEIGHTS, 2)
    for axis, (what, wanted) in enumerate((("rows, one per input", n_inputs), ("columns, one per neuron", n_neurons))):
        if wanted is not None and weights.shape[axis] != wanted:
            raise ModelFileError(
                f"{WEIGHTS} must have {wanted:,} {what}, got {weights.shape[axis]:,}; give the weights of that network."
            )
    columns = {}
    for name in (THETA, LABELS):
        columns[name] = _numbers(folder / name, 1)
        if len(columns[name]) != weights.shape[1]:
            raise ModelFileError(
                f"{name} must hold {weights.shape[1]:,} values, one per neuron of {WEIGHTS}, got"
                f" {len(columns[name]):,}; give files of the same network."
            )
    labels = columns[LABELS]
    if np.any((labels != np.rint(labels)) | (np.abs(labels) > _LARGEST_LABEL)):
        raise ModelFileError(f"{LABELS} must hold whole numbers, one class per neuron; -1 stands for none.")
    return TutorialParameters(weights.astype(np.float32), columns[THETA], labels.astype(np.int64))


def write_tutorial_parameters(
    folder: str | Path, parameters: TutorialParameters, *, decimals: int | None = None
) -> None:
    """Write the three files into a folder, which is made if need be; see :func:`tutorial_texts`."""
    for name, text in tutorial_texts(parameters, decimals=decimals).items():
        write_atomically(Path(folder) / name, text.encode())


def tutorial_texts(parameters: TutorialParameters, *, decimals: int | None = None) -> dict[str, str]:
    """The three files by name.

    Parameters
    ----------
    parameters : TutorialParameters
    decimals : int, optional
        Round weights and thresholds to this many decimals, for smaller files; exact if not given.

    Raises
    ------
    DataError
        If the parameters do not fit each other or hold what is no number.
    """
    weights = np.asarray(parameters.weights, np.float32)
    theta, labels = np.asarray(parameters.theta, np.float64), np.asarray(parameters.labels)
    n = weights.shape[1] if weights.ndim == 2 else -1
    if theta.shape != (n,) or labels.shape != (n,) or not weights.size:
        raise DataError(
            "weights, theta and labels must have the shapes (n_inputs, n_neurons), (n_neurons,) and (n_neurons,), got"
            f" {weights.shape}, {theta.shape} and {labels.shape}."
        )
    if not (np.isfinite(weights).all() and np.isfinite(theta).all()):
        raise DataError("weights and theta must be finite to be written as JSON; mend them first.")
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels must be whole numbers, got values of type {labels.dtype}.")
    shown = str if decimals is None else (lambda value: f"{value:.{decimals}f}".rstrip("0").rstrip(".") or "0")
    rows = ",\n".join(f"[{','.join(map(shown, row))}]" for row in weights)
    return {
        WEIGHTS: f"[{rows}]\n",
        THETA: f"[{','.join(repr(float(shown(value))) for value in theta.tolist())}]\n",
        LABELS: json.dumps(labels.tolist()) + "\n",
    }


def _numbers(path: Path, n_dimensions: int) -> np.ndarray:
    """The array of finite numbers in a JSON file."""
    try:
        raw = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror or error}); check its place.") from None
    except ValueError as error:
        raise ModelFileError(f"{path.name} is {error}; give a smaller network.") from None
    if raw.count(b"{") or raw.count(b'"'):  # objects and texts would take many times their size in memory
        raise ModelFileError(f"{path.name} must hold nothing but lists of numbers; write it again.")
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path.name} is not JSON ({error}); write it again.") from None
    shape = "a list of rows, one per input, of one number per neuron" if n_dimensions == 2 else "a list of numbers"
    rows = values if n_dimensions == 2 else [values]
    if not isinstance(values, list) or not all(isinstance(row, list) and row for row in rows) or not rows:
        raise ModelFileError(f"{path.name} must hold {shape}; write it again.")
    if any(len(row) != len(rows[0]) for row in rows):
        raise ModelFileError(f"{path.name} holds rows of different lengths; write it again.")
    if not all(type(value) in (int, float) for row in rows for value in row):
        raise ModelFileError(f"{path.name} must hold {shape}; write it again.")
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        array = np.array([np.inf])
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float32)).all():
            raise ModelFileError(f"{path.name} holds values that are not finite; write it again.")
    return array
