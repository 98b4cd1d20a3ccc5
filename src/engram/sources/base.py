"""The one contract of every source of spikes, ours and a user's own.

A source is a frozen dataclass with one function, :meth:`Source.encode`, which makes a sample's spikes. What it draws at
random it takes from the generator that it is given: a presentation meets the same draws whatever came before, so that
a resumed run, any order and any number of threads give the same spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engram.equations.text import line_raised
from engram.errors import DataError, EngramError, SourceError
from engram.named import NamedParameters
from engram.user_code import is_from_file
from engram.validation import check_positive, settle_floats


@dataclass(frozen=True, kw_only=True)
class Source(NamedParameters):
    """Base of every source of spikes.

    Parameters
    ----------
    gain : float
        Factor on what is shown.
    """

    gain: float = 1.0

    name: ClassVar[str] = ""
    """What users type; the name of the class unless it says otherwise."""
    is_compiled: ClassVar[bool] = False
    """Whether the compiled kernel has a routine of its own for it."""
    takes_pixels: ClassVar[bool] = True
    """Whether a sample is one pixel value for each input, 0-255; if not, it is whatever the source takes."""
    takes_events: ClassVar[bool] = False
    """Whether a sample is a recording: the inputs of its events, and their times in ms."""
    at_rates: ClassVar[bool] = False
    """Whether inputs spike at rates in proportion to pixel values, so that images of any brightness are brought to
    MNIST's by the gain; that of other sources is 1 unless it is given."""

    is_random: ClassVar[bool] = True
    """Whether it may make other spikes of a sample another time; if not, layers that no longer learn are computed once
    for each image. A class with an `encode` of its own says it anew."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.name = cls.__dict__.get("name", cls.__name__)
        if "encode" in cls.__dict__ or "spikes" in cls.__dict__:
            cls.is_random = cls.__dict__.get("is_random", True)

    def __post_init__(self):
        check_positive("input_gain", self.gain, or_zero=True)
        settle_floats(self)

    def encode(self, sample, n_steps: int, dt: float, intensity: float, random: np.random.Generator):
        """The spikes that a sample draws.

        Parameters
        ----------
        sample : ndarray of shape (n_inputs,), float32
            What is shown: pixel values 0-255, or whatever this source takes.
        n_steps : int
        dt : float
            Length of a step, ms.
        intensity : float
            How loud: a sample that draws too few spikes is shown again with 1 more.
        random : numpy.random.Generator
            For this presentation alone.

        Returns
        -------
        ndarray of shape (n_steps, n_inputs), bool, or pair of ndarray of int
            Whether each input spikes in each step; or which inputs spike, and in which step each of them does, in any
            order, an input at most once in a step.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it makes spikes")

    @property
    def grows_louder(self) -> bool:
        """Whether a sample that drew too few spikes is another when it is shown again with more intensity."""
        return True

    def rate_of_white(self, n_steps: int, dt: float, intensity: float) -> np.ndarray | None:
        """The rate, Hz, at which the brightest pixel spikes in each step; None where there is no such rate.

        Parameters
        ----------
        n_steps, dt, intensity
            See :meth:`encode`.
        """
        return None

    def spikes(self, sample, n_steps: int, dt: float, intensity: float, key, counter, attempt):
        """The spikes of one presentation in order of step, then of input.

        Parameters
        ----------
        sample, n_steps, dt, intensity
            See :meth:`encode`.
        key : ndarray of shape (2,), uint64
            Of the random stream.
        counter : uint64
            What distinguishes this presentation.
        attempt : int
            How often it was tried before.

        Returns
        -------
        index : ndarray of shape (n_spikes,), int32
        offset : ndarray of shape (n_steps + 1,), int64
            Spikes of step t are ``index[offset[t]:offset[t + 1]]``.
        """
        whole = int(key[0]) | int(key[1]) << 32
        random = np.random.Generator(np.random.Philox(key=whole, counter=[0, 0, int(attempt), int(counter)]))
        try:
            return in_order(self.encode(sample, n_steps, dt, intensity, random), n_steps, type(self).__name__)
        except (Exception, SystemExit) as error:
            if isinstance(error, EngramError) or not is_from_file(type(self)):
                raise
            line, why = line_raised(error, type(self).encode), f"{type(error).__name__}: {error}".rstrip(".")
            raise SourceError(f"{line}: encode of {type(self).__name__} fails: {why}.") from error

    def spikes_for(self, n_inputs: int, sample, n_steps: int, *draw):
        """:meth:`spikes` for an input of a given size.

        Raises
        ------
        DataError
            If they name others.
        """
        index, offset = self.spikes(sample, n_steps, *draw)
        if index.size and index.max() >= n_inputs:
            raise DataError(
                f"{type(self).__name__} makes spikes of input {index.max()}, but there are {n_inputs}; count from 0."
            )
        return index, offset

    def n_inputs_of(self, sample) -> int:
        """How many inputs a sample is for."""
        return len(sample)


def check_source(source) -> None:
    """Raise SourceError unless something is a source of spikes, an instance and not a class."""
    if not isinstance(source, Source):
        raise SourceError(
            f"A source must be one of engram.sources, such as Latency(), or one's own; got {source!r:.100}."
        )


def in_order(spikes, n_steps: int, name: str = "spikes", n_inputs: int | None = None):
    """Spikes as (index, offset), in order of step, then of input.

    Raises
    ------
    DataError
        If they are no spikes: of another shape, not whole numbers, outside the steps or inputs, twice in a step.
    """
    if isinstance(spikes, np.ndarray) and spikes.dtype == np.bool_ and spikes.ndim == 2:
        if len(spikes) != n_steps:
            raise DataError(f"{name} must be for {n_steps} steps, got an array of shape {spikes.shape}.")
        if n_inputs is not None and spikes.shape[1] != n_inputs:
            raise DataError(f"{name} must be of {n_inputs} inputs, got an array of shape {spikes.shape}.")
        step, index = np.nonzero(spikes)
    else:
        try:
            index, step = (np.asarray(part) for part in spikes)
        except (TypeError, ValueError):
            raise DataError(
                f"{name} must be two lists (inputs, steps) or an array of booleans of shape (n_steps, n_inputs), got"
                f" {type(spikes).__name__}."
            ) from None
    if index.shape != step.shape or index.ndim != 1:
        raise DataError(f"{name} must be two lists of equal length, got shapes {index.shape} and {step.shape}.")
    if index.size == 0:
        return np.zeros(0, np.int32), np.zeros(n_steps + 1, np.int64)
    if not (np.issubdtype(index.dtype, np.integer) and np.issubdtype(step.dtype, np.integer)):
        raise DataError(f"{name} must be whole numbers (input, step); divide times by dt first.")
    if index.min() < 0 or (n_inputs is not None and index.max() >= n_inputs):
        raise DataError(f"{name} name inputs outside 0 to {(n_inputs or 0) - 1}; check the network's n_inputs.")
    if step.min() < 0 or step.max() >= n_steps:
        raise DataError(f"{name} name steps outside 0 to {n_steps - 1}; check n_steps.")
    order = np.lexsort((index, step))
    index, step = index[order], step[order]
    if np.any((np.diff(index) == 0) & (np.diff(step) == 0)):
        raise DataError(f"{name} name an input twice in one step; an input spikes at most once per step.")
    offset = np.searchsorted(step, np.arange(n_steps + 1)).astype(np.int64)
    return index.astype(np.int32), offset
