"""What every building block has in common: fixed parameters, a state, and time in steps of `dt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from engram.errors import ConfigError, DataError
from engram.named import NamedParameters
from engram.validation import check_positive

_MOST_STEPS = 100_000_000
_Value = TypeVar("_Value")


class State(Generic[_Value]):
    """A variable of a block's state, which :meth:`Block._set` gives a value; it is no parameter."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, block: object, owner: type | None = None) -> _Value:
        # A value lies in the block itself and is found there first, so whoever comes here has none.
        raise AttributeError(f"{self.name} belongs to the state of a block, and has no value before reset().")


@dataclass(frozen=True, kw_only=True, eq=False)
class Block(NamedParameters):
    """A part with parameters that do not change and a state that does.

    The state takes the shape of the first input after a reset, so one object serves one neuron or an array of them.

    Parameters
    ----------
    dt : float
        Time step, ms.
    """

    dt: float = 1.0

    def __post_init__(self):
        check_positive("dt", self.dt, "ms")
        self.reset()

    def reset(self) -> None:
        """Return to the state at time 0."""
        raise NotImplementedError

    def _set(self, **state) -> None:
        # Frozen for the caller, whose changed parameters would go unchecked; the state is ours to change.
        for name, value in state.items():
            object.__setattr__(self, name, value)


def as_input(name: str, values, shape: tuple[int, ...] = ()) -> np.ndarray:
    """An input of one step as finite floats, if it fits the shape that the state already has."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "buif":
            raise ValueError
        array = array.astype(np.float64)
        if not np.all(np.isfinite(array)):
            raise ValueError
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold finite numbers; mend or remove the others.") from None
    try:
        np.broadcast_shapes(array.shape, shape)
    except ValueError:
        raise DataError(
            f"{name} must have the shape {shape} of the inputs before, got {array.shape}; reset() to start anew."
        ) from None
    return array


def as_spikes(name: str, values) -> np.ndarray:
    """Spikes of one step: booleans, or whole numbers that are 0 or 1."""
    array = np.asarray(values)
    if array.dtype.kind != "b":
        if array.dtype.kind not in "ui" or not np.all((array == 0) | (array == 1)):
            raise DataError(f"{name} must be spikes, True or False, got values of type {array.dtype}.")
        array = array.astype(bool)
    return array


def over_time(name: str, values, duration: float | None, dt: float):
    """An input per step: the rows of an array, or the same one for a duration.

    Returns
    -------
    ndarray of shape (n_steps, ...)
    """
    array = np.asarray(values)
    if duration is None:
        if array.ndim == 0:
            raise ConfigError(f"{name} is the same at all times, so the run needs a duration in ms.")
        return array
    return np.broadcast_to(array, (step_count(duration, dt), *array.shape))


def step_count(duration: float, dt: float) -> int:
    """Time steps in a duration, at least one."""
    check_positive("duration", duration, "ms")
    n_steps = max(1, round(duration / dt))
    if n_steps > _MOST_STEPS:
        raise ConfigError(f"duration must be at most {_MOST_STEPS:,} time steps, got {duration!r} ms.")
    return n_steps


def step_ends(n_steps: int, dt: float) -> np.ndarray:
    """The end of each step, ms."""
    return dt * np.arange(1, n_steps + 1)
