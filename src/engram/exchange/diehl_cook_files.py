"""The files of Diehl & Cook's own program and of its ports to Brian 2: ``XeAe.npy`` and ``theta_A.npy`` in a folder.

Weights are a list of (input, neuron, weight), or a matrix in some ports; thresholds are in volts, in some ports in mV.
Programs that save as they go put the number of images behind the names: ``XeAe10000.npy``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engram.datasets.npy import read_npy
from engram.errors import DataError, ModelFileError

WEIGHTS, THETA = "XeAe", "theta_A"

_MOST_SYNAPSES = 1 << 28

_VOLTS = 1.0
"""Thresholds of neurons that fire are some 20 mV and more: numbers below 1 are volts."""


def has_diehl_cook_files(folder: Path) -> bool:
    """Whether a folder holds weights of that name."""
    return folder.is_dir() and any(folder.glob(f"{WEIGHTS}*.npy"))


def read_diehl_cook_files(folder: str | Path, *, ending: str | None = None, n_inputs: int | None = None):
    """Weights and thresholds.

    Parameters
    ----------
    folder : str or Path
    ending : str, optional
        What stands behind the names, such as ``"10000"``; without it nothing, or the highest number there is.
    n_inputs : int, optional
        How many inputs there are, where the last ones may have no synapse; by default as many as the list names.

    Returns
    -------
    weights : ndarray of shape (n_inputs, n_neurons), float64
    theta : ndarray of shape (n_neurons,), float64
        mV.
    ending : str
        What stood behind the names.

    Raises
    ------
    ModelFileError
        If a file is missing or is something else.
    """
    folder = Path(folder)
    ending = _last_ending(folder) if ending is None else ending
    theta = _array(folder / f"{THETA}{ending}.npy").astype(np.float64).ravel()
    if not theta.size or not np.isfinite(theta).all():
        raise ModelFileError(f"{THETA}{ending}.npy must hold a finite threshold for each neuron; save it again.")
    if np.max(np.abs(theta)) < _VOLTS:
        theta *= 1000.0
    stored = _array(folder / f"{WEIGHTS}{ending}.npy")
    if stored.ndim == 2 and stored.shape[1] == len(theta) != 3:
        weights = stored.astype(np.float64)
    else:
        weights = _from_list(stored, f"{WEIGHTS}{ending}.npy", len(theta), n_inputs)
    if not np.isfinite(weights).all():
        raise ModelFileError(f"{WEIGHTS}{ending}.npy holds weights that are not finite; take another copy of it.")
    return weights, theta, ending


def _last_ending(folder: Path) -> str:
    """Nothing, or the highest number behind the name of the weights."""
    endings = [path.stem.removeprefix(WEIGHTS) for path in folder.glob(f"{WEIGHTS}*.npy")]
    numbers = [e for e in endings if e == "" or (e.isascii() and e.isdigit())]
    if not numbers:
        raise ModelFileError(f"{folder} holds no {WEIGHTS}.npy; give the folder 'weights' of Diehl & Cook's program.")
    return "" if "" in numbers else max(numbers, key=int)


def _array(path: Path) -> np.ndarray:
    try:
        array = read_npy(path)
    except DataError as error:
        raise ModelFileError(str(error)) from None
    if array.dtype.kind not in "fiu":
        raise ModelFileError(f"{path.name} must hold numbers, got values of type {array.dtype}; save a plain array.")
    return array


def _from_list(stored, name: str, n_neurons: int, n_inputs: int | None) -> np.ndarray:
    """A matrix from rows of (input, neuron, weight); synapses that are not listed have weight 0."""
    if stored.ndim != 2 or stored.shape[1] != 3 or not len(stored):
        raise ModelFileError(
            f"{name} must hold rows of (input, neuron, weight), or a column for each of the {n_neurons} neurons, got"
            f" the shape {stored.shape}; give files of the same network."
        )
    place = stored[:, :2]
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(place).all() and np.all(place == np.rint(place)) and place.min() >= 0
    n = n_inputs if n_inputs is not None else int(place[:, 0].max()) + 1 if whole else 0
    if not whole or place[:, 1].max() >= n_neurons or place[:, 0].max() >= n or n * n_neurons > _MOST_SYNAPSES:
        raise ModelFileError(f"{name} names inputs or neurons that there are not; give files of the same network.")
    weights = np.zeros((n, n_neurons))
    i, j = place.astype(np.int64).T
    weights[i, j] = stored[:, 2]
    return weights
