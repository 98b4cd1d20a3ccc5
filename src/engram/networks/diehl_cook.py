"""The network of Diehl and Cook (2015) and how it is shown images."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engram import randomness
from engram.errors import ConfigError
from engram.named import NamedParameters
from engram.networks.network import AdaptiveThreshold, Input, Network, Population
from engram.neurons import EXCITATORY, INHIBITORY, Neuron
from engram.plasticity.base import LearningRule
from engram.projections import AllButOwn, Dense, OneToOne, Uniform
from engram.randomness import Stream
from engram.validation import settle

MAX_MS = 60_000.0
"""Longest time for which an image or the blank after it is shown, ms."""


@dataclass(frozen=True, kw_only=True)
class Protocol(NamedParameters):
    """How an image is shown.

    Parameters
    ----------
    shown, blank : float
        How long an image is shown and the blank input after it, ms.
    start_intensity, max_intensity : float
        A pixel of value p spikes at ``p / 8 · intensity`` Hz. An image that draws too few spikes is shown again with
        an intensity greater by 1, at most `max_intensity`; then it counts as silent.
    min_spikes : int
        Excitatory spikes that an image must draw.
    stop_spikes : int
        In training, an image that has drawn this many excitatory spikes is not shown any longer, so that no image
        teaches more than another; 0 shows each for its full time, as [DC15] does.
    at_rest : bool
        Whether training shows every image to a network at rest, as reading does. In [DC15] membranes and conductances
        go on from the image before, whose winner has a head start.
    clear_traces : bool
        Whether training also clears the rules' traces of spikes before every image, so that no image teaches with the
        spikes of the one before. Without a blank of several time constants they would still be there.
    """

    shown: float = 350.0
    blank: float = 150.0
    start_intensity: float = 2.0
    max_intensity: float = 32.0
    min_spikes: int = 5
    stop_spikes: int = 0
    at_rest: bool = False
    clear_traces: bool = False

    def __post_init__(self):
        settle(self)
        if 0 < self.stop_spikes < self.min_spikes:
            raise ConfigError(
                f"stop_spikes must be 0 or at least min_spikes ({self.min_spikes}), got {self.stop_spikes}."
            )
        if self.max_intensity < self.start_intensity:
            raise ConfigError(
                f"max_intensity must be at least start_intensity ({self.start_intensity!r}), got"
                f" {self.max_intensity!r}."
            )


@dataclass(frozen=True, kw_only=True)
class DiehlCook(NamedParameters):
    """Plastic inputs onto excitatory neurons, each of which has an inhibitory one that silences the rest.

    Every input reaches every excitatory neuron. Excitatory neuron j drives inhibitory neuron j, which inhibits every
    excitatory neuron but j, after a delay drawn once per synapse [1]_.

    Parameters
    ----------
    n_inputs, n_neurons : int
        Size of the network.
    dt : float
        Time step, ms.
    integrator : {"exponential_euler", "euler"}
        How membranes and conductances are advanced. Forward Euler overshoots once ``dt / tau_m (1 + g_exc + g_inh)``
        passes 1.
    dtype : {"float32", "float64"}
        Precision of everything but theta, which is always double.
    theta_start, theta_plus : float
        Adaptive threshold at time 0 and its step per spike, mV.
    theta_plus_decay : float
        By the end of training the step has fallen, geometrically, to this fraction; 1 keeps it constant, as in [DC15].
    tau_theta : float
        Its decay, ms.
    w_exc_inh, w_inh_exc : float
        What a spike adds to the conductance of its target.
    max_delay : float
        Inhibitory delays are uniform in [0, max_delay] ms.
    max_input_delay : float
        Delays of the input synapses, ms; 0 for none. Only for testing: such a network does not learn.
    w_start : float
        Initial weights are uniform in [0.01, 1.01) times this.
    excitatory, inhibitory : Neuron
        :class:`~engram.neurons.ConductanceLIF`, :class:`~engram.neurons.AdEx`, or one's own. The excitatory neuron
        needs a channel ``inh`` and the threshold ``v_thresh``.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015).

    Examples
    --------
    >>> from engram.networks import DiehlCook
    >>> DiehlCook(n_inputs=784, n_neurons=100).dt
    0.5
    """

    n_inputs: int = 784
    n_neurons: int = 400
    dt: float = 0.5
    integrator: str = "exponential_euler"
    dtype: str = "float32"
    theta_start: float = 20.0
    theta_plus: float = 0.05
    theta_plus_decay: float = 1.0
    tau_theta: float = 1e7
    w_exc_inh: float = 10.4
    w_inh_exc: float = 17.0
    max_delay: float = 5.0
    max_input_delay: float = 0.0
    w_start: float = 0.3
    excitatory: Neuron = field(default=EXCITATORY)
    inhibitory: Neuron = field(default=INHIBITORY)

    def __post_init__(self):
        settle(self)
        self._check_neurons()
        shortest = min(self.excitatory.shortest_time_constant, self.inhibitory.shortest_time_constant)
        if self.dt > shortest:
            raise ConfigError(
                f"dt must not exceed the shortest time constant ({shortest!r} ms), got {self.dt!r} ms; choose a"
                " smaller step."
            )
        for name in ("max_delay", "max_input_delay"):
            if getattr(self, name) / self.dt > np.iinfo(np.uint16).max - 1:
                raise ConfigError(f"{name} must be below 65,535 time steps, got {getattr(self, name)!r} ms.")

    def _check_neurons(self) -> None:
        for name in ("excitatory", "inhibitory"):
            if not isinstance(getattr(self, name), Neuron):
                raise ConfigError(f"{name} must be a neuron, such as ConductanceLIF(...), got {getattr(self, name)!r}.")
        if "inh" not in self.excitatory.channels or hasattr(type(self.excitatory), "fires"):
            raise ConfigError(
                "excitatory must have a channel inh and the threshold v_thresh, as ConductanceLIF and AdEx have, got"
                f" {type(self.excitatory).__name__}; describe another network with Network(...)."
            )

    @property
    def readout(self) -> str:
        """The population that is read out."""
        return "exc"

    @property
    def neurons(self) -> list[Neuron]:
        """The neuron of each population."""
        return [self.excitatory, self.inhibitory]

    def new_weights(self, seed: int) -> np.ndarray:
        """Initial weights, uniform in [0.01, 1.01) · w_start; shape (n_inputs, n_neurons)."""
        uniform = randomness.generator(seed, Stream.WEIGHTS).random((self.n_inputs, self.n_neurons))
        return ((uniform + 0.01) * self.w_start).astype(self.dtype)

    def new_delays(self, seed: int) -> np.ndarray:
        """Inhibitory delays in steps, shape (n_neurons, n_neurons)."""
        return _random_delays(seed, Stream.DELAYS, (self.n_neurons, self.n_neurons), self.max_delay, self.dt)

    def new_input_delays(self, seed: int) -> np.ndarray:
        """Delays of the input synapses in steps, shape (n_inputs, n_neurons), or (0, 0) for none."""
        if self.max_input_delay == 0:
            return np.zeros((0, 0), np.uint8)
        shape = (self.n_inputs, self.n_neurons)
        return _random_delays(seed, Stream.INPUT_DELAYS, shape, self.max_input_delay, self.dt)

    def describe(self, rule: LearningRule | None = None, *, input_delays: bool = False) -> Network:
        """The network as populations and projections, whose input learns by a rule, or by none.

        Parameters
        ----------
        rule : LearningRule, optional
        input_delays : bool
            Whether the input's synapses have delays of their own, even if `max_input_delay` is 0.

        Returns
        -------
        Network
            With the input ``input``, the populations ``exc`` and ``inh``, and the projections ``input_exc``,
            ``exc_inh`` and ``inh_exc``.
        """
        threshold = AdaptiveThreshold(
            start=self.theta_start, plus=self.theta_plus, plus_decay=self.theta_plus_decay, tau=self.tau_theta
        )
        late = input_delays or self.max_input_delay > 0
        weights, delay = Uniform(0.01 * self.w_start, 1.01 * self.w_start), Uniform(0.0, self.max_input_delay)
        return Network(
            inputs={"input": Input(self.n_inputs)},
            populations={
                "exc": Population(self.n_neurons, self.excitatory, threshold),
                "inh": Population(self.n_neurons, self.inhibitory),
            },
            projections=(
                Dense(before="input", after="exc", weights=weights, delay=delay if late else 0.0, rule=rule),
                OneToOne(before="exc", after="inh", weights=float(self.w_exc_inh)),
                AllButOwn(
                    before="inh", after="exc", channel="inh", weights=float(self.w_inh_exc),
                    delay=Uniform(0.0, self.max_delay),
                ),
            ),
            dt=self.dt,
            integrator=self.integrator,
            dtype=self.dtype,
            readout="exc",
        )  # fmt: skip


def _random_delays(seed: int, stream: Stream, shape, max_delay: float, dt: float) -> np.ndarray:
    """Uniform delays in [0, max_delay] ms, rounded to steps, in the smallest type that holds them."""
    delays = np.empty(shape, _steps_type(round(max_delay / dt)))
    random = randomness.generator(seed, stream)
    for row in delays:
        row[:] = np.rint(random.random(shape[1]) * (max_delay / dt))
    return delays


def _steps_type(largest: int) -> type:
    """The smallest type that holds delays of that many steps."""
    return np.uint8 if largest < 256 else np.uint16
