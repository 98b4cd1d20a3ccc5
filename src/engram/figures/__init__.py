"""Figures of a network and of what it did: plain arrays in, one matplotlib figure out.

Nothing here touches pyplot or needs a display, and matplotlib is imported when the first figure is drawn.
"""

from engram.figures.contact import contact_sheet
from engram.figures.curves import learning_curve, learning_curves, weights_and_theta
from engram.figures.diagram import network_diagram
from engram.figures.fields import receptive_fields
from engram.figures.files import save
from engram.figures.growth import growing_fields
from engram.figures.maps import spike_maps
from engram.figures.reading import reading
from engram.figures.results import confusion, prediction
from engram.figures.rules import rule_comparison, stdp_window, sweep
from engram.figures.slices import input_slices
from engram.figures.spikes import Membrane, network_raster, raster

__all__ = [
    "Membrane",
    "confusion",
    "contact_sheet",
    "growing_fields",
    "input_slices",
    "learning_curve",
    "learning_curves",
    "network_diagram",
    "network_raster",
    "prediction",
    "raster",
    "reading",
    "receptive_fields",
    "rule_comparison",
    "save",
    "spike_maps",
    "stdp_window",
    "sweep",
    "weights_and_theta",
]
