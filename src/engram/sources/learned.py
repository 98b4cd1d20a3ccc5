"""A network that has learned, as the source of spikes of the next."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from engram.errors import ConfigError
from engram.sources.base import Source

if TYPE_CHECKING:
    from engram.model import Model


@dataclass(frozen=True, kw_only=True)
class Learned(Source):
    """The spikes with which a trained network answers, learning off.

    A sample is shown to it as :meth:`engram.Simulator.count_spikes` shows it, louder until it is heard, by that
    network's own protocol. Layers of one :class:`~engram.Network` learn in turn more quickly
    (:meth:`engram.Simulator.train` with `layer`); this is for networks that were trained apart.

    Parameters
    ----------
    model : Model
        The network that has learned.
    population : str, optional
        Whose spikes they are; by default that which is read out.
    gain : float
        Has no effect.

    Raises
    ------
    ConfigError
        If the network has no such population, or steps of another length than the one that it is a source of.
    """

    model: Model
    population: str = ""

    takes_pixels: ClassVar[bool] = False
    is_random: ClassVar[bool] = False

    @property
    def grows_louder(self) -> bool:
        """See :attr:`Source.grows_louder`; how loud it is, is that network's own affair."""
        return False

    def __post_init__(self):
        super().__post_init__()
        described = self._simulator.described
        if self.population and self.population not in described.populations:
            raise ConfigError(
                f"The model has no population {self.population!r}; it has {', '.join(described.populations)}."
            )

    @functools.cached_property
    def _simulator(self):
        return self.model.simulator()

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random: np.random.Generator):
        """The spikes of the population in the steps in which the sample is shown."""
        described = self._simulator.described
        if described.dt != dt:
            raise ConfigError(f"The model has steps of {described.dt:g} ms, this network of {dt:g} ms; make them one.")
        spikes = self._simulator.presentation_of(np.asarray(sample)).spikes[self.population or described.readout]
        spikes = spikes[spikes[:, 1] < n_steps]
        return spikes[:, 0], spikes[:, 1]
