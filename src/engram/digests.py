"""A digest of what a network learned, by which runs on different machines are compared."""

from __future__ import annotations

import hashlib

import numpy as np

from engram.model import Model


def learned_digest(model: Model) -> str:
    """SHA-256 over the weights, the thresholds, the rule's state and the readout of a model.

    Two runs have the same digest if, and practically only if, they learned the same to the last bit; where and when
    they ran does not enter.

    Parameters
    ----------
    model : Model

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    arrays = {**_named("weights", model.weights), **_named("theta", model.theta), **model.rule_state}
    if model.readout is not None:
        names = ("classes", "profile", "assigned", "coefficients", "intercepts")
        arrays |= {f"readout.{name}": getattr(model.readout, name) for name in names}
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}".encode() + little_endian.tobytes())
    return digest.hexdigest()


def _named(name: str, arrays) -> dict[str, np.ndarray]:
    """Arrays by what they are, and of which layer where there are several."""
    return {f"{name}.{layer}": a for layer, a in arrays.items()} if isinstance(arrays, dict) else {name: arrays}
