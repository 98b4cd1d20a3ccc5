"""A trained network as it is handed to other tools: frozen, in plain arrays and numbers with units."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from engram.errors import ConfigError
from engram.model import Model
from engram.networks import DiehlCook
from engram.neurons import ConductanceLIF
from engram.neurons.base import Neuron
from engram.simulation import Simulation, simulate
from engram.validation import check_positive

ONLY_DIEHL_COOK = (
    "Only the network of Diehl and Cook can be exported or certified, not one that was described as populations and"
    " projections; take its numbers from load_model(path).weights and .theta."
)
"""What is said of other networks."""


@dataclass(frozen=True, eq=False)
class FrozenNetwork:
    """A network that no longer learns, in double precision, at rest before each image.

    Attributes
    ----------
    network : DiehlCook
        In double precision; its neurons start at rest.
    weights : ndarray of shape (n_inputs, n_neurons), float64
        Input weights, relative to the leak.
    theta : ndarray of shape (n_neurons,), float64
        What each excitatory threshold has above ``v_thresh``, mV.
    delays : ndarray of shape (n_neurons, n_neurons), int64
        Steps from inhibitory neuron j (row) to excitatory neuron k (column); the diagonal stands for no synapse.
    labels : ndarray of shape (n_neurons,), int64
        Each neuron's class, -1 for none.
    model : Model
        Where it comes from, at this time step.
    """

    network: DiehlCook
    weights: np.ndarray
    theta: np.ndarray
    delays: np.ndarray
    labels: np.ndarray
    model: Model

    @property
    def excitatory(self) -> ConductanceLIF:
        """The neuron whose spikes are read."""
        return _lif(self.network.excitatory)

    @property
    def inhibitory(self) -> ConductanceLIF:
        """The neuron that silences the others."""
        return _lif(self.network.inhibitory)

    @property
    def thresholds(self) -> np.ndarray:
        """The potential above which each excitatory neuron fires, mV; shape (n_neurons,)."""
        return self.theta + self.excitatory.v_thresh

    def constants(self) -> dict[str, float | int | str]:
        """Every number of the network by name; those of its neurons as ``exc_tau_m`` and so on."""
        network = self.network
        names = ("n_inputs", "n_neurons", "dt", "integrator", "w_exc_inh", "w_inh_exc")
        neurons = (("exc", network.excitatory), ("inh", network.inhibitory))
        own = {f"{kind}_{name}": value for kind, neuron in neurons for name, value in asdict(neuron).items()}
        return {name: getattr(network, name) for name in names} | own

    def simulate(self, spikes, n_steps: int, **options) -> Simulation:
        """Run it in engram, from rest, on input spikes as for :func:`engram.simulate`."""
        return simulate(
            self.network, spikes=spikes, n_steps=n_steps, weights=self.weights, theta=self.theta, delays=self.delays,
            learn=False, **options,
        )  # fmt: skip


def _lif(neuron: Neuron) -> ConductanceLIF:
    """A neuron that other tools have; a subclass may have other equations."""
    if not isinstance(neuron, ConductanceLIF) or type(neuron) is not ConductanceLIF:
        raise ConfigError(f"Only networks of ConductanceLIF can be exported, got {neuron!r}.")
    return neuron


def freeze(model: Model, *, dt: float | None = None) -> FrozenNetwork:
    """The network of a model as it reads: frozen, in double precision.

    Parameters
    ----------
    model : Model
    dt : float, optional
        Another time step, ms. Delays are those of the model, rounded to it.

    Returns
    -------
    FrozenNetwork

    Raises
    ------
    ConfigError
        If it is another network than Diehl and Cook's, or has neurons or delays that other tools do not have.
    """
    network = model.network
    if not isinstance(network, DiehlCook):
        raise ConfigError(ONLY_DIEHL_COOK)
    if dt is not None:
        check_positive("dt", dt, "ms")
    excitatory, inhibitory = _lif(network.excitatory), _lif(network.inhibitory)
    if network.max_input_delay:
        raise ConfigError("A network with delays on its inputs cannot be exported; set max_input_delay to 0.")
    network = replace(
        network,
        dtype="float64",
        dt=network.dt if dt is None else float(dt),
        excitatory=_at_rest(excitatory),
        inhibitory=_at_rest(inhibitory),
    )
    model = replace(model, network=replace(model.network, dt=network.dt))
    labels = np.full(network.n_neurons, -1) if model.readout is None else model.readout.labels
    return FrozenNetwork(
        network=network,
        weights=np.asarray(model.weights, np.float64),
        theta=np.asarray(model.theta, np.float64),
        delays=network.new_delays(model.seed).astype(np.int64),
        labels=np.asarray(labels, np.int64),
        model=model,
    )


def _at_rest(neuron: ConductanceLIF) -> ConductanceLIF:
    return replace(neuron, v_start=neuron.v_rest)
