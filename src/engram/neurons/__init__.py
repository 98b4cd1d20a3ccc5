"""Neurons: their parameters, and one time step of their equations."""

from engram.neurons.adex import AdEx
from engram.neurons.base import Neuron
from engram.neurons.conductance_lif import EXCITATORY, INHIBITORY, ConductanceLIF
from engram.neurons.gated_if import GatedIF
from engram.neurons.integrate_and_fire import IF
from engram.neurons.lif import ALIF, LIF

__all__ = ["ALIF", "EXCITATORY", "IF", "INHIBITORY", "LIF", "AdEx", "ConductanceLIF", "GatedIF", "Neuron"]
