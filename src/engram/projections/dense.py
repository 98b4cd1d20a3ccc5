"""Projections whose synapses follow from the neurons' numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from engram.errors import ConfigError
from engram.projections.base import Projection


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense(Projection):
    """A synapse from everybody to everybody; weights have shape (n_before, n_after).

    Parameters
    ----------
    before, after, weights, channel, delay, rule, name
        See :class:`Projection`.

    Examples
    --------
    >>> from engram.projections import Dense, Uniform
    >>> Dense(before="image", after="exc", weights=Uniform(0.0, 0.3)).name
    'image_exc'
    """

    layout: ClassVar[str] = "dense"

    def weight_shape(self, before_shape, after_shape) -> tuple[int, int]:
        """(n_before, n_after)."""
        return math.prod(before_shape), math.prod(after_shape)

    def delay_shape(self, before_shape, after_shape) -> tuple[int, int]:
        """(n_before, n_after)."""
        return self.weight_shape(before_shape, after_shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class OneToOne(Projection):
    """A synapse between neurons of the same number; weights have shape (n,). Its synapses do not learn.

    Parameters
    ----------
    before, after, weights, channel, delay, name
        See :class:`Projection`; one delay for all.
    """

    layout: ClassVar[str] = "one_to_one"

    def __post_init__(self):
        super().__post_init__()
        if self.rule is not None or not self.has_one_delay:
            raise ConfigError(
                f"{self.name} connects one to one, with one delay and without a rule; use Sparse for others."
            )

    def check(self, before_shape, after_shape) -> None:
        """Both populations must be of the same size."""
        _check_same_size(self, before_shape, after_shape)

    def weight_shape(self, before_shape, after_shape) -> tuple[int]:
        """(n,)."""
        return (math.prod(after_shape),)


@dataclass(frozen=True, kw_only=True, eq=False)
class AllButOwn(Projection):
    """A synapse of the same weight from everybody to everybody but the neuron of the same number.

    Parameters
    ----------
    before, after, weights, channel, delay, name, reading
        See :class:`Projection`; `weights` is one number. It does not learn.
    """

    layout: ClassVar[str] = "all_but_own"

    def __post_init__(self):
        super().__post_init__()
        if self.rule is not None or not isinstance(self.weights, (int, float)):
            raise ConfigError(f"{self.name} has one weight for all and no rule; use Dense for others.")

    def check(self, before_shape, after_shape) -> None:
        """Both populations must be of the same size."""
        _check_same_size(self, before_shape, after_shape)

    def weight_shape(self, before_shape, after_shape) -> tuple[int]:
        """(1,)."""
        return (1,)

    def delay_shape(self, before_shape, after_shape) -> tuple[int, int]:
        """(n, n)."""
        return math.prod(before_shape), math.prod(after_shape)


def _check_same_size(p: Projection, before_shape: tuple[int, ...], after_shape: tuple[int, ...]) -> None:
    if math.prod(before_shape) != math.prod(after_shape):
        raise ConfigError(
            f"{p.name} connects one to one, but {p.before} has {math.prod(before_shape)} neurons and"
            f" {p.after} has {math.prod(after_shape)}; make them as many."
        )
