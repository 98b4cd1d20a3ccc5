"""BindsNET's saved networks: ``network.save(...)`` of a ``DiehlAndCook2015``, or its ``state_dict``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engram.errors import ModelFileError
from engram.exchange.torch_archive import Record, read_torch_archive

_INPUT, _NEURONS = "X", "Ae"
"""What that network calls its input and its excitatory layer."""


def read_bindsnet_file(path: str | Path):
    """Weights and thresholds.

    Returns
    -------
    weights : ndarray of shape (n_inputs, n_neurons), float64
    theta : ndarray of shape (n_neurons,), float64
        What the adaptive threshold has above BindsNET's constant one, mV.

    Raises
    ------
    ModelFileError
        If it is no such network.
    """
    content = read_torch_archive(path)
    weights, theta = (_weights(content), _theta(content))
    if not isinstance(weights, np.ndarray) or not isinstance(theta, np.ndarray):
        missing = "weights from X to Ae" if not isinstance(weights, np.ndarray) else "thresholds of Ae"
        raise ModelFileError(
            f"{path} holds no {missing}: give a DiehlAndCook2015 that network.save wrote; the state_dict of BindsNET"
            " 0.3 has no weights."
        )
    weights, theta = weights.astype(np.float64), theta.astype(np.float64).ravel()
    weights = weights.reshape(-1, weights.shape[-1]) if weights.ndim else weights
    if weights.ndim != 2 or weights.shape[1] != len(theta) or not (np.isfinite(weights).all() and weights.size):
        raise ModelFileError(f"{path} holds weights of shape {weights.shape} for {len(theta)} neurons; save it again.")
    return weights, theta


def _modules(content) -> dict:
    state = content.state if isinstance(content, Record) else None
    modules = state.get("_modules") if isinstance(state, dict) else None
    return modules if isinstance(modules, dict) else {}


def _part(record, *names):
    """A value within a record's state, by the names on the way; None where there is none."""
    for name in names:
        state = record.state if isinstance(record, Record) else record
        if isinstance(state, dict):
            record = state.get(name)
        elif isinstance(state, list) and isinstance(name, int) and len(state) > name:
            record = state[name]
        else:
            return None
    return record


def _weights(content):
    """Of a connection as BindsNET had it up to 0.3.2, or of its first feature since."""
    if isinstance(content, dict):
        return content.get(f"{_INPUT}_to_{_NEURONS}.w")
    connection = _modules(content).get(f"{_INPUT}_to_{_NEURONS}")
    places = (("_parameters", "w"), ("pipeline", 0, "value"), ("pipeline", 0, "_parameters", "value"))
    return next((w for w in (_part(connection, *place) for place in places) if w is not None), None)


def _theta(content):
    if isinstance(content, dict):
        return content.get(f"{_NEURONS}.theta")
    return _part(_modules(content).get(_NEURONS), "_buffers", "theta")
