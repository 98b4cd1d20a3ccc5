"""Networks as descriptions: inputs, populations, projections between them, and the step of time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import TYPE_CHECKING, Literal

from engram.errors import ConfigError
from engram.named import NamedParameters
from engram.neurons.base import Neuron, check_neuron
from engram.projections.base import MOST_STEPS, Projection
from engram.validation import check_choice, check_count, check_finite, check_positive, did_you_mean, settle_floats

_HELD = 1e30
"""A time constant, ms, with which nothing decays in any time that is simulated."""

MOST_NEURONS = 1 << 24
"""Of one population: each takes some hundred bytes."""

MOST_SYNAPSES = 1 << 32
"""Of one projection that lists nothing: each takes four bytes or eight."""

_NAME = re.compile(r"[\w-]+")

INTEGRATORS = ("exponential_euler", "euler")
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Input(NamedParameters):
    """Spikes from outside.

    Parameters
    ----------
    shape : int or tuple of int
        How many inputs, or their arrangement, such as (28, 28).
    """

    shape: tuple[int, ...]

    if TYPE_CHECKING:  # what may be given, where it is more than what becomes of it

        def __init__(self, shape: int | tuple[int, ...]) -> None: ...

    def __post_init__(self):
        object.__setattr__(self, "shape", _shape("an input", self.shape))

    @property
    def n(self) -> int:
        """How many inputs."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class AdaptiveThreshold(NamedParameters):
    """What a neuron's threshold has above its own: it rises at each spike while the network learns, and decays.

    A neuron fires above ``v_thresh + theta``. The published excitatory neuron has a `v_thresh` of -72 mV, below its
    rest of -65 mV, since a `start` of 20 mV belongs to it: with less than 7 mV it fires without any input. For
    :class:`~engram.neurons.AdEx` it matters little, since a potential past ``v_t`` runs away in any case; its
    adaptation does that work.

    Parameters
    ----------
    start, plus : float
        At time 0, and its step per spike, mV.
    plus_decay : float
        By the end of training the step has fallen, geometrically, to this fraction; 1 keeps it constant.
    tau : float
        Its decay, ms.
    shared : bool
        Whether the neurons of a map, which lie along the first axis of the population's shape, have one threshold, that
        each of their spikes raises: neurons that share a filter are equally hard to excite at every position.
    reading : float
        What it is multiplied by while the neurons do not learn: below 1, what kept them apart lets several answer.
    """

    start: float = 20.0
    plus: float = 0.05
    plus_decay: float = 1.0
    tau: float = 1e7
    shared: bool = False
    reading: float = 1.0

    def __post_init__(self):
        check_finite("start of the threshold", self.start, "mV")
        check_positive("plus of the threshold", self.plus, "mV", or_zero=True)
        check_positive("tau of the threshold", self.tau, "ms")
        check_finite("plus_decay of the threshold", self.plus_decay)
        check_positive("reading of the threshold", self.reading, or_zero=True)
        if not 0 < self.plus_decay <= 1:
            raise ConfigError(f"plus_decay of the threshold must be above 0 and at most 1, got {self.plus_decay!r}.")
        settle_floats(self)


@dataclass(frozen=True)
class Population(NamedParameters):
    """Neurons of one kind.

    Parameters
    ----------
    shape : int or tuple of int
        How many, or their arrangement, such as (maps, height, width). Neurons are numbered row by row, as
        ``numpy.ravel`` does.
    neuron : Neuron
    threshold : AdaptiveThreshold, optional
        For neurons whose threshold is ``v_thresh``. Without one, that is all there is.
    one_wins : bool or "place"
        Whether of those that reach their thresholds in the same step only the one furthest above its own fires, of
        equals the first; the others keep their potential. However strong inhibition is, it comes after the spikes of
        a step, and neurons that are alike fire in the same one. ``"place"``: one of all maps at each place, of a
        population whose shape begins with the number of maps.
    """

    shape: tuple[int, ...]
    neuron: Neuron
    threshold: AdaptiveThreshold | None = None
    one_wins: bool | Literal["place"] = False

    if TYPE_CHECKING:

        def __init__(
            self,
            shape: int | tuple[int, ...],
            neuron: Neuron,
            threshold: AdaptiveThreshold | None = None,
            one_wins: bool | Literal["place"] = False,
        ) -> None: ...

    def __post_init__(self):
        object.__setattr__(self, "shape", _shape("a population", self.shape))
        if self.n > MOST_NEURONS:
            raise ConfigError(f"A population has {MOST_NEURONS:,} neurons at most, got {self.n:,}.")
        if not isinstance(self.neuron, Neuron):
            raise ConfigError(f"A population needs a neuron, such as ConductanceLIF(...), got {self.neuron!r}.")
        check_neuron(self.neuron)
        if self.threshold is not None and hasattr(type(self.neuron), "fires"):
            raise ConfigError(f"{type(self.neuron).__name__} has a threshold of its own; give no AdaptiveThreshold.")
        if not isinstance(self.one_wins, bool) and self.one_wins != "place":
            raise ConfigError(f'one_wins must be true, false or "place", got {self.one_wins!r}.')
        if self.one_wins == "place" and len(self.shape) < 2:
            raise ConfigError(
                'one_wins="place" is for maps of neurons, with a shape such as (maps, height, width), got'
                f" {self.shape}; one_wins=True is for one of all."
            )
        if self.one_wins and hasattr(type(self.neuron), "fires"):
            raise ConfigError(
                f"{type(self.neuron).__name__} says itself when it fires, so that no neuron is furthest above its"
                " threshold; leave one_wins out."
            )

    @property
    def n(self) -> int:
        """How many neurons."""
        return math.prod(self.shape)

    @property
    def n_contests(self) -> int:
        """Among how many groups of neurons, each by itself, one wins; 0 where all may fire. Neuron j is of group
        ``j % n_contests``."""
        if self.one_wins == "place":
            return math.prod(self.shape[1:])
        return int(self.one_wins)

    @property
    def adapts(self) -> bool:
        """Whether its threshold changes while anything learns."""
        return self.threshold is not None and (self.threshold.plus, self.threshold.tau) != (0.0, _HELD)

    @property
    def n_sharing_threshold(self) -> int:
        """How many neurons, one after another, have one adaptive threshold: 1, or all of a map."""
        return math.prod(self.shape[1:]) if self.threshold is not None and self.threshold.shared else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Network(NamedParameters):
    """Populations of neurons, and the projections between them.

    In each time step every neuron is advanced, then held against its threshold; then spikes do what they do: they are
    noted by the rules and delivered, first those that arrive, in the order of `projections`; then the neurons that
    fired learn, and are reset. A spike that arrives in a step moves a membrane in the next. So spikes may go round in
    circles without any delay.

    Parameters
    ----------
    inputs : dict of str to Input or int or tuple of int
        Where spikes come from, by name; empty if all come from within.
    populations : dict of str to Population
    projections : sequence of Projection
    dt : float
        Time step, ms.
    integrator : {"exponential_euler", "euler"}
        How membranes and conductances are advanced, where a neuron has a choice.
    dtype : {"float32", "float64"}
        Precision of everything but adaptive thresholds, which are always double.
    readout : str
        The population whose spikes are counted as the answer, and decide whether an image is shown again
        (:class:`Protocol`); the last one by default.

    Examples
    --------
    >>> from engram.networks import Network, Population
    >>> from engram.neurons import EXCITATORY
    >>> from engram.projections import Dense, Uniform
    >>> network = Network(
    ...     inputs={"image": (28, 28)},
    ...     populations={"exc": Population(20, EXCITATORY)},
    ...     projections=[Dense(before="image", after="exc", weights=Uniform(0.0, 0.3))],
    ... )
    >>> network.populations["exc"].n
    20
    """

    inputs: Mapping[str, Input]
    populations: Mapping[str, Population]
    projections: Sequence[Projection] = ()
    dt: float = 0.5
    integrator: str = "exponential_euler"
    dtype: str = "float32"
    readout: str = ""
    named: dict[str, Projection] = field(init=False, repr=False)

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            inputs: Mapping[str, Input | int | tuple[int, ...]],
            populations: Mapping[str, Population],
            projections: Sequence[Projection] = (),
            dt: float = 0.5,
            integrator: str = "exponential_euler",
            dtype: str = "float32",
            readout: str = "",
        ) -> None: ...

    def __post_init__(self):
        check_positive("dt", self.dt, "ms")
        check_choice("integrator", self.integrator, INTEGRATORS)
        check_choice("dtype", self.dtype, PRECISIONS)
        for what in ("inputs", "populations"):
            if not isinstance(getattr(self, what), Mapping):
                raise ConfigError(f"{what} must be a dict by name, got {getattr(self, what)!r:.100}.")
        given: Mapping[str, Input | int | tuple[int, ...]] = self.inputs
        inputs = {name: i if isinstance(i, Input) else Input(i) for name, i in given.items()}
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "projections", tuple(self.projections))
        object.__setattr__(self, "named", {p.name: p for p in self.projections})
        if not self.populations:
            raise ConfigError("A network needs a population of neurons.")
        object.__setattr__(self, "readout", self.readout or list(self.populations)[-1])
        if self.readout not in self.populations:
            raise ConfigError(
                f"readout names no population: {self.readout!r}; there are {', '.join(self.populations)}."
            )
        if both := set(inputs) & set(self.populations):
            raise ConfigError(f"{both.pop()!r} is an input and a population; rename one.")
        if len(self.named) < len(self.projections):
            names = [p.name for p in self.projections]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"Two projections are called {twice}; give one a name of its own.")
        if both := (set(inputs) | set(self.populations)) & set(self.named):
            raise ConfigError(f"{both.pop()!r} is a projection and something else; rename one.")
        for name in (*inputs, *self.populations, *self.named):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(f"{name!r} is no name; take letters, digits, hyphens and underscores.")
        for name, population in self.populations.items():
            self._check_population(name, population)
        for projection in self.projections:
            self._check_projection(projection)

    def _check_population(self, name: str, population: Population) -> None:
        if not isinstance(population, Population):
            raise ConfigError(f"{name} must be a population, such as Population(100, EXCITATORY), got {population!r}.")
        shortest = population.neuron.shortest_time_constant
        if self.dt > shortest:
            raise ConfigError(
                f"dt must not exceed the shortest time constant of {name} ({shortest!r} ms), got {self.dt!r} ms; choose"
                " a smaller step."
            )

    def _check_projection(self, p: Projection) -> None:
        if p.before not in self.inputs and p.before not in self.populations:
            known = ", ".join([*self.inputs, *self.populations])
            raise ConfigError(f"{p.name} comes from {p.before!r}, which is not there; there are {known}.")
        if p.after not in self.populations:
            raise ConfigError(
                f"{p.name} goes to {p.after!r}, which is no population; there are {', '.join(self.populations)}."
            )
        channels = self.populations[p.after].neuron.channels
        if not channels:
            kind = type(self.populations[p.after].neuron).__name__
            raise ConfigError(
                f"{p.name} cannot arrive, since {kind} has no channel; name one, and the variable it adds to."
            )
        if p.channel and p.channel not in channels:
            kind = type(self.populations[p.after].neuron).__name__
            raise ConfigError(f"{p.name} arrives on {p.channel!r}, but {kind} has {', '.join(channels)}.")
        if p.one_delay is not None and not 0 <= p.one_delay / self.dt <= MOST_STEPS:
            raise ConfigError(
                f"delay of {p.name} must be from 0 to {MOST_STEPS:,} time steps, got {p.delay!r} ms in steps of"
                f" {self.dt:g} ms."
            )
        p.check(self.shape_of(p.before), self.shape_of(p.after))
        n_synapses = self.size_of(p.before) * self.size_of(p.after)
        stored = p.layout == "dense" or (p.layout == "all_but_own" and not p.has_one_delay)
        if stored and n_synapses > MOST_SYNAPSES:
            raise ConfigError(
                f"{p.name} has {n_synapses:,} synapses, more than the {MOST_SYNAPSES:,} that fit into memory; take"
                " fewer neurons, or Sparse synapses."
            )

    @property
    def n_inputs(self) -> int:
        """How many inputs the first of them has, to which images are shown; 0 without any."""
        return next((i.n for i in self.inputs.values()), 0)

    @property
    def neurons(self) -> list[Neuron]:
        """The neuron of each population."""
        return [p.neuron for p in self.populations.values()]

    @property
    def n_neurons(self) -> int:
        """How many neurons are read out."""
        return self.size_of(self.readout)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of an input or population."""
        return self.inputs[name].shape if name in self.inputs else self.populations[name].shape

    def size_of(self, name: str) -> int:
        """How many neurons an input or population has."""
        return math.prod(self.shape_of(name))

    def channel_of(self, projection: Projection) -> int:
        """The number of the channel on which a projection arrives."""
        channels = list(self.populations[projection.after].neuron.channels)
        return channels.index(projection.channel) if projection.channel else 0

    @property
    def plastic(self) -> list[Projection]:
        """The projections that learn."""
        return [p for p in self.projections if p.rule is not None]

    def learns(self, population: str) -> bool:
        """Whether a projection that learns reaches a population."""
        return any(p.after == population for p in self.plastic)

    @property
    def layers(self) -> list[str]:
        """The populations that learn, in the order of the projections by which they do."""
        return list(dict.fromkeys(p.after for p in self.plastic))

    def stage(self, layer: str) -> Network:
        """The network in which one layer learns alone: what its neurons depend on, all else of which stays as it is.

        Parameters
        ----------
        layer : str
            One of :attr:`layers`; it is what is read out.

        Returns
        -------
        Network
            Without the populations from which nothing reaches the layer, so that each layer of a stack costs no more
            than what lies below it.
        """
        check_choice("layer", layer, tuple(self.layers))
        needed = {layer}
        while more := {p.before for p in self.projections if p.after in needed} - needed:
            needed |= more
        projections = [p if p.after == layer else replace(p, rule=None) for p in self.projections if p.after in needed]
        populations = {
            name: p if name == layer or name not in self.layers or p.threshold is None
            else replace(p, threshold=replace(p.threshold, plus=0.0, tau=_HELD))
            for name, p in self.populations.items() if name in needed
        }  # fmt: skip
        inputs = {name: i for name, i in self.inputs.items() if name in needed}
        return self.replace(inputs=inputs, populations=populations, projections=projections, readout=layer)

    def parted(self) -> tuple[Network, Network] | None:
        """The part that answers a sample alike however much the rest has learned, and the rest, which hears it.

        Returns
        -------
        tuple of Network, or None
            The populations of the first that the second hears are inputs of the second. None if there are none.
        """
        moving = {p.after for p in self.plastic} | {name for name, p in self.populations.items() if p.adapts}
        while more := {p.after for p in self.projections if p.before in moving} - moving:
            moving |= more
        still = {name: p for name, p in self.populations.items() if name not in moving}
        heard = {p.before for p in self.projections if p.after in moving}
        if not heard & set(still):
            return None
        inputs = {name: i for name, i in self.inputs.items() if name in heard}
        inputs |= {name: Input(p.shape) for name, p in still.items() if name in heard}
        below = [p for p in self.projections if p.after in still]
        above = [p for p in self.projections if p.after in moving]
        learning = {name: p for name, p in self.populations.items() if name in moving}
        return (
            self.replace(populations=still, projections=below, readout=""),
            self.replace(inputs=inputs, populations=learning, projections=above),
        )

    def replace(self, **changes) -> Network:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def frozen(self, *names: str) -> Network:
        """A copy in which the projections of these names, or all, do not learn, and no threshold rises."""
        chosen = names or tuple(self.named)
        for name in chosen:
            if name not in self.named:
                near = did_you_mean(name, self.named)
                raise ConfigError(f"There is no projection {name!r}{near}; there are {', '.join(self.named)}.")
        projections = [replace(p, rule=None) if p.name in chosen else p for p in self.projections]
        reached = {p.after for p in self.projections if p.name in chosen and p.rule is not None}
        populations = {
            name: replace(p, threshold=replace(p.threshold, plus=0.0)) if p.threshold and name in reached else p
            for name, p in self.populations.items()
        }
        return self.replace(projections=projections, populations=populations)


def _shape(what: str, shape) -> tuple[int, ...]:
    """A shape as a tuple of positive whole numbers."""
    shape = (shape,) if isinstance(shape, (Number, str)) else tuple(shape)
    for n in shape:
        check_count(f"the size of {what}", n)
    return tuple(int(n) for n in shape)
