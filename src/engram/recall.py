"""Spikes of layers that no longer learn, computed once for each image and recalled wherever it is shown again.

While one layer of a stack learns, those below it answer an image in the same way each time, if the source makes the
same spikes of it each time, the network meets every image at rest, and nothing reaches them from the layer that learns.
What they answered then serves as the input of the rest: the same spikes in the same steps, hence the same weights.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engram.networks.network import Network
from engram.sources.base import Source, in_order

if TYPE_CHECKING:
    from engram.simulator import Simulator

MOST_BYTES = 1 << 30
"""Memory for spikes that are kept. What does not fit is computed each time, which changes no result."""

_IMAGES_AT_ONCE = 64
_BYTES_PER_IMAGE = 500
"""What keeping anything takes besides its spikes."""


def can_recall(simulator: Simulator) -> bool:
    """Whether an image draws the same spikes whenever it is shown to layers that do not learn."""
    sources = list(simulator.sources.values())
    same = len(sources) == 1 and not sources[0].is_random and (sources[0].takes_pixels or sources[0].takes_events)
    return same and simulator.protocol.at_rest and not simulator.schedule["n_blank"]


class Below:
    """The part of a network that lies below a layer that learns, and its answers so far.

    Parameters
    ----------
    whole : Simulator
        Of the network, see :func:`can_recall`.
    network : Network
        The part, see :meth:`engram.networks.Network.parted`.
    heard : iterable of str
        Whose spikes are wanted; what is no population of the part is left out.

    Attributes
    ----------
    n_bytes : int
        Memory that the answers take, no more than :data:`MOST_BYTES`.
    n_computed : int
        How many answers were computed and not recalled.
    """

    def __init__(self, whole: Simulator, network: Network, heard: Iterable[str]):
        self._whole_of, self._network = weakref.ref(whole), network  # which goes with all answers when it is let go
        self._lock, self._turns = threading.Lock(), [threading.Lock() for _ in range(_IMAGES_AT_ONCE)]
        self._sizes = {name: network.size_of(name) for name in heard if name in network.populations}
        self._forget(self._knowledge())

    @property
    def _whole(self) -> Simulator:
        whole = self._whole_of()
        assert whole is not None, "Below is a part of it"
        return whole

    def _forget(self, knowledge: bytes) -> None:
        self._known = knowledge
        self._simulators: dict[float, Simulator] = {}
        self._answers: dict[tuple, dict] = {}
        self.n_bytes = self.n_computed = 0

    def knows(self, samples, intensity: float) -> bool:
        """Whether the answers to all of these are kept."""
        return bool(self._answers) and all((_digest(sample), intensity) in self._answers for sample in samples)

    def sources(self) -> dict[str, Recalled]:
        """What the rest hears, by population; after anything was learned below, nothing of before is recalled."""
        knowledge = self._knowledge()
        with self._lock:  # threads that find at once that something was learned use nothing before all is forgotten
            if knowledge != self._known:
                self._forget(knowledge)
        return {name: Recalled(below=self, population=name) for name in self._sizes}

    def answer(self, sample, intensity: float, n_steps: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By population, each spike's neuron in order of step, and the offset of each step."""
        key = _digest(sample), intensity
        with self._turns[hash(key) % len(self._turns)]:  # threads that share a layer's neurons ask for the same at once
            found = self._answers.get(key)
            if found is None:
                spikes = self._simulator(intensity).presentation_of(sample).spikes
                found = {name: _packed(spikes[name], n, n_steps) for name, n in self._sizes.items()}
                self._keep(key, found)
        return found

    def _keep(self, key, answer: dict) -> None:
        n_bytes = _BYTES_PER_IMAGE + sum(part.nbytes for pair in answer.values() for part in pair)
        with self._lock:
            self.n_computed += 1
            if self.n_bytes + n_bytes <= MOST_BYTES:
                self._answers[key] = answer
                self.n_bytes += n_bytes

    def _simulator(self, intensity: float) -> Simulator:
        """The part as a network of its own that shows an image once, so loud."""
        with self._lock:
            if intensity not in self._simulators:
                whole, state = self._whole, self._whole.state.part(self._network)
                loud = {"start_intensity": intensity, "max_intensity": intensity, "min_spikes": 0}
                self._simulators[intensity] = type(whole)(
                    self._network,
                    seed=whole.seed,
                    protocol=replace(whole.protocol, **loud),
                    source=whole.sources,
                    kernel=whole.kernel,
                    weights={name: p.weights for name, p in state.projections.items()},
                    theta={name: p.theta for name, p in state.populations.items()},
                    delays={name: p.delays for name, p in state.projections.items() if p.delays.size},
                )
            return self._simulators[intensity]

    def _knowledge(self) -> bytes:
        """A digest of the weights and thresholds by which the part answers."""
        digest, state = hashlib.blake2b(), self._whole.state.part(self._network)
        for projection in state.projections.values():
            digest.update(np.ascontiguousarray(projection.weights).data)
        for population in state.populations.values():
            digest.update(population.theta.data)
        return digest.digest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Recalled(Source):
    """The answers of one population of what lies below, as the source of an input of the rest."""

    below: Below
    population: str

    def spikes(self, sample, n_steps: int, dt: float, intensity: float, key, counter, attempt):
        """See :meth:`Source.spikes`."""
        index, offset = self.below.answer(sample, intensity, n_steps)[self.population]
        return index.astype(np.int32), offset.astype(np.int64)


def _packed(spikes: np.ndarray, n: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of n neurons as (index, offset) in little memory."""
    index, offset = in_order((spikes[:, 0], spikes[:, 1]), n_steps)
    return index.astype(np.min_scalar_type(n)), offset.astype(np.uint32)


def _digest(sample) -> bytes:
    """What tells images, or recordings, apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in sample if isinstance(sample, tuple) else (sample,):
        part = np.ascontiguousarray(part)
        digest.update(f"{part.dtype.str} {part.shape} ".encode() + part.tobytes())
    return digest.digest()
