"""The building blocks of spiking networks, each usable alone: parameters, ``step``, ``run`` and ``reset``.

In the order in which a network uses them: an encoder turns values into spikes, a synapse spikes into a current, a
neuron a current into spikes, and plasticity changes synapses by the timing of spikes. Time is in ms, rates in Hz;
spikes are booleans; potentials and currents have no unit, with a threshold of 1.

>>> from engram.blocks import LIF, ExponentialSynapse, PoissonEncoder
>>> spikes = PoissonEncoder(max_rate=200).run(255, duration=500).spikes
>>> current = ExponentialSynapse(tau=50).run(spikes).v / 100
>>> len(LIF().run(current).spike_time) > 10
True
"""

from engram.blocks.encoders import FirstSpikeEncoder, PoissonEncoder, RegularEncoder
from engram.blocks.neurons import ALIF, LIF
from engram.blocks.recordings import FICurve, NeuronRun, PlasticityRun, SpikeTrains, STDPWindow, SynapseRun
from engram.blocks.stdp import PairSTDP
from engram.blocks.synapses import ExponentialSynapse

__all__ = [
    "ALIF",
    "LIF",
    "ExponentialSynapse",
    "FICurve",
    "FirstSpikeEncoder",
    "NeuronRun",
    "PairSTDP",
    "PlasticityRun",
    "PoissonEncoder",
    "RegularEncoder",
    "STDPWindow",
    "SpikeTrains",
    "SynapseRun",
]
