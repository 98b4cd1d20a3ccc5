"""Where the layers of maps spiked when a picture was read, and by which filters."""

from __future__ import annotations

import base64

import numpy as np

from engram.model import Model
from engram.reading import DigitReading
from engram.receptive_fields import filters_of
from engram.studio.sheets import in_bytes

MAPS = 12
"""So many maps of a layer are shown, those that spiked most."""


def layers_in(model: Model, reading: DigitReading) -> list[dict]:
    """Of each layer of maps, from the image up, those that spiked most; empty of a network without such layers."""
    return [_layer(name, counts, filters_of(model, name)) for name, counts in reading.spike_maps.items()]


def _layer(name: str, counts: np.ndarray, filters: np.ndarray | None) -> dict:
    totals = counts.sum(axis=(1, 2))
    first = np.argsort(-totals, kind="stable")[:MAPS]
    maps = [_map(m, counts, float(counts.max())) for m in first if totals[m] > 0]
    found = {"name": name, "shape": counts.shape, "spikes": int(totals.sum()), "maps": maps}
    if filters is None:
        return found
    signed, limit = bool((filters < 0).any()), float(np.abs(filters).max()) or 1.0
    for one in maps:
        one["filter"] = _text(in_bytes(filters[:, one["map"]], limit, signed=signed))
    return {**found, "side": round(len(filters) ** 0.5), "signed": signed}


def _map(m: int, counts: np.ndarray, most: float) -> dict:
    """How often one map spiked, and where."""
    where = in_bytes(counts[m].astype(np.float32), most, signed=False)
    return {"map": m, "spikes": int(counts[m].sum()), "where": _text(where)}


def _text(pixels: np.ndarray) -> str:
    return base64.b64encode(pixels.tobytes()).decode()
