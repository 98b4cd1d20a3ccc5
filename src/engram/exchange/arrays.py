"""``--to numpy``: one ``.npz`` of plain arrays with names and units, which the scripts of other formats read too."""

from __future__ import annotations

import io
import json

import numpy as np

from engram._version import __version__
from engram.exchange.formats import LEARNING_LOST, Format
from engram.exchange.frozen import FrozenNetwork
from engram.exchange.presentations import Presentations

NETWORK, PRESENTATIONS = "network.npz", "presentations.npz"

UNITS = {
    "weights": ("1", "input i (row) to excitatory neuron j (column): what a spike adds to g_exc, relative to the leak"),
    "theta": ("mV", "what the threshold of each excitatory neuron has above exc_v_thresh"),
    "delays": ("steps", "from inhibitory neuron j (row) to excitatory neuron k (column); the diagonal is no synapse"),
    "labels": ("1", "class of each excitatory neuron, -1 for none"),
}
"""By array, its unit and meaning."""

SPIKES = {
    "n_steps": ("steps", "how long each image is shown"),
    "input_spikes": ("1", "rows of (image, input, step)"),
    "exc_spikes": ("1", "what engram's excitatory neurons answer in double precision: (image, neuron, step)"),
    "inh_spikes": ("1", "what its inhibitory neurons answer"),
    "classes": ("1", "class of each image, -1 where unknown"),
}
"""The same of presentations."""


def network_arrays(frozen: FrozenNetwork, form: Format) -> bytes:
    """The content of ``network.npz``; its ``about`` is a JSON text of units, constants, and what is exact and lost."""
    values = {name: getattr(frozen, name) for name in UNITS}
    return packed(values, about(UNITS, form) | {"constants": frozen.constants()})


def presentation_arrays(presentations: Presentations, form: Format) -> bytes:
    """The content of ``presentations.npz``."""
    return packed(presentations.arrays(), about(SPIKES, form))


def about(units: dict, form: Format) -> dict:
    """What a file says of itself."""
    return {
        "engram": __version__,
        "exact": form.exact,
        "lost": form.lost,
        "units": {name: unit for name, (unit, _) in units.items()},
        "meaning": {name: meaning for name, (_, meaning) in units.items()},
    }


def packed(arrays: dict[str, np.ndarray], text: dict) -> bytes:
    """An ``.npz`` of arrays and a JSON text, the same bytes for the same content."""
    buffer = io.BytesIO()
    told = np.array(json.dumps(text, indent=1))
    np.savez_compressed(buffer, about=told, **arrays)  # ty: ignore[invalid-argument-type]  # none is allow_pickle
    return buffer.getvalue()


def _files(frozen, presentations, form):
    return {
        NETWORK: network_arrays(frozen, form),
        PRESENTATIONS: presentation_arrays(presentations, form),
    }


FORMAT = Format(
    name="numpy",
    title="NumPy",
    exact=("Weights, thresholds, delays and labels are the model's, in double precision, with their units.",),
    lost=(LEARNING_LOST, "The logistic readout; labels of neurons are there."),
    files=_files,
    run="numpy.load('network.npz'); its 'about' holds units and constants as JSON.",
)
