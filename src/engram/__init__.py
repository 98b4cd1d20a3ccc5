"""engram: unsupervised learning in spiking neural networks by local plasticity."""

import importlib

from engram._version import __version__

_HOMES = {
    "Callback": "engram.callbacks",
    "DiehlCook": "engram.networks",
    "LearningRule": "engram.plasticity",
    "Model": "engram.model",
    "Network": "engram.networks",
    "Population": "engram.networks",
    "Protocol": "engram.networks",
    "SelfNormalizing": "engram.plasticity",
    "STDPClassifier": "engram.estimator",
    "STDPFeatures": "engram.estimator",
    "Simulation": "engram.simulation",
    "Simulator": "engram.simulator",
    "Trace": "engram.plasticity",
    "Training": "engram.training",
    "TrainingConfig": "engram.config",
    "Triplet": "engram.plasticity",
    "load_model": "engram.model_file",
    "save_model": "engram.model_file",
    "simulate": "engram.simulation",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    """Import a public name when it is first used, so that ``import engram`` answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'engram' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
