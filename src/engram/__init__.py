"""engram: unsupervised learning in spiking neural networks by local plasticity."""

import importlib
from typing import TYPE_CHECKING, Any

from engram._version import __version__

if TYPE_CHECKING:  # what checkers of types and editors know of the names below
    from engram.callbacks import Callback as Callback
    from engram.config import TrainingConfig as TrainingConfig
    from engram.estimator import STDPClassifier as STDPClassifier
    from engram.estimator import STDPFeatures as STDPFeatures
    from engram.model import Model as Model
    from engram.model_file import load_model as load_model
    from engram.model_file import save_model as save_model
    from engram.networks import DiehlCook as DiehlCook
    from engram.networks import Network as Network
    from engram.networks import Population as Population
    from engram.networks import Protocol as Protocol
    from engram.plasticity import LearningRule as LearningRule
    from engram.plasticity import SelfNormalizing as SelfNormalizing
    from engram.plasticity import Trace as Trace
    from engram.plasticity import Triplet as Triplet
    from engram.simulation import Simulation as Simulation
    from engram.simulation import simulate as simulate
    from engram.simulator import Simulator as Simulator
    from engram.training import Training as Training

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


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import engram`` answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'engram' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
