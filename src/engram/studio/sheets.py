"""The fields of a layer in bytes, as a page draws them: the figures' neurons, order and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engram.figures.fields import drawn_neurons

MOST_FIELDS = 400
"""So many fields are drawn at once, as in the figures; of more neurons an even sample."""

_ROWS = 64
"""Pixels that are made into bytes together: what is at hand of so many stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is drawn of a layer.

    Attributes
    ----------
    shape : tuple of int
        Height and width of a field.
    limit : float
        Where the scale ends: nine of ten fields lie within it.
    signed : bool
        Whether it begins at minus the limit, not at 0.
    fields : ndarray of shape (n_pixels, n_drawn), uint8
    neurons, labels, counts : ndarray of shape (n_drawn,), int32
        Which they are, the position of each one's class, -1 for none, and the spikes that the last image drew.
    theta, norms : ndarray of shape (n_drawn,), float32
    kind : str
        See :class:`engram.studio.moments.Layer`.
    """

    shape: tuple[int, int]
    limit: float
    signed: bool
    fields: np.ndarray
    neurons: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    theta: np.ndarray
    norms: np.ndarray
    kind: str = "weights"

    @property
    def scale(self) -> dict:
        """What a page has to know of the bytes."""
        return {"limit": self.limit, "signed": self.signed, "shape": list(self.shape), "kind": self.kind}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """By name, as frames have them."""
        names = ("fields", "neurons", "labels", "counts", "theta", "norms")
        return {name: getattr(self, name) for name in names}


def sheet_of(
    weights: np.ndarray,
    shape: tuple[int, int],
    assigned: np.ndarray,
    theta: np.ndarray,
    counts: np.ndarray,
    *,
    kind: str = "weights",
    by_label: bool = False,
    most: int = MOST_FIELDS,
) -> Sheet:
    """Draw a layer's fields.

    Parameters
    ----------
    weights : ndarray of shape (n_pixels, n_neurons)
    shape : tuple of int
        Height and width of a field.
    assigned, theta : ndarray of shape (n_neurons,)
        Position of each neuron's class, -1 for none, and its threshold above rest, mV.
    counts : ndarray of shape (n_neurons,), or empty
        The spikes of the last image.
    kind : str
    by_label : bool
        Whether neurons of a label stand together, instead of in the network's order.
    most : int
    """
    drawn = drawn_neurons(weights, assigned if by_label else None, most)
    chosen = weights if len(drawn) == weights.shape[1] and not by_label else weights[:, drawn]
    high, low = chosen.max(axis=0), chosen.min(axis=0)
    signed = bool(low.min() < 0)
    limit = float(np.quantile(np.maximum(high, -low), 0.9, method="higher")) or 1.0
    return Sheet(
        shape=shape,
        limit=limit,
        signed=signed,
        fields=in_bytes(chosen, limit, signed=signed),
        neurons=drawn.astype(np.int32),
        labels=assigned[drawn].astype(np.int32),
        counts=counts[drawn].astype(np.int32) if len(counts) else np.zeros(len(drawn), np.int32),
        theta=theta[drawn].astype(np.float32),
        norms=(np.abs(chosen) if signed else chosen).sum(axis=0, dtype=np.float32),
        kind=kind,
    )


def in_bytes(values: np.ndarray, limit: float, *, signed: bool) -> np.ndarray:
    """Values from 0, or minus the limit, to the limit as 0 to 255."""
    low, span = (-limit, 2 * limit) if signed else (0.0, limit)
    scale = np.float32(255.0 / (span or 1.0))
    found = np.empty(values.shape, np.uint8)
    for at in range(0, len(values), _ROWS):
        scaled = np.multiply(values[at : at + _ROWS], scale, dtype=np.float32)
        scaled += np.float32(0.5 - low * scale)  # whole numbers are cut off below
        np.clip(scaled, 0, 255, out=scaled)
        found[at : at + _ROWS] = scaled
    return found
