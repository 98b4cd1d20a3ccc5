"""Projections by place: filters that all positions share, and fields that each position has for itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError
from engram.projections.base import Listing, Projection, listed
from engram.validation import check_count

MOST_SYNAPSES = 1 << 26
"""Each takes some 70 bytes while a network is made ready, and 24 afterwards."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution(Projection):
    """A filter for each map, which all positions of the map share.

    The sender has shape (height, width) or (maps, height, width), the receiver (maps, height, width), with
    ``height = (height_before + 2 · padding − size) / stride + 1`` and likewise the width. A neuron sees the patch at
    its position; its column of weights is its map's filter, of shape (maps_before, size, size).

    Parameters
    ----------
    size : int
        Side of a filter.
    stride : int
        From one position to the next.
    padding : int
        Places beyond the border that filters may reach; nothing is there.
    before, after, weights, channel, delay, rule, name
        See :class:`Projection`; weights have shape (n_maps · maps_before · size · size,), filter by filter.
    """

    size: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_count("size", self.size)
        check_count("stride", self.stride)
        check_count("padding", self.padding, at_least=0)

    def output_shape(self, before_shape: tuple[int, ...], n_maps: int) -> tuple[int, int, int]:
        """The shape that a receiver of so many maps must have.

        Raises
        ------
        ConfigError
            If the filter is larger than what it sees, or the stride leaves pixels out.
        """
        _, height, width = _as_maps(self.name, before_shape)
        return n_maps, self._positions(height, "height"), self._positions(width, "width")

    def check(self, before_shape, after_shape) -> None:
        """The receiver must have as many positions as the filters have."""
        _as_maps(self.name, after_shape)
        wanted = self.output_shape(before_shape, _as_maps(self.name, after_shape)[0])
        if tuple(after_shape) != wanted:
            raise ConfigError(
                f"{self.name} makes {self.after} of shape {wanted} from {tuple(before_shape)}, not"
                f" {tuple(after_shape)}."
            )
        n_synapses = math.prod(after_shape) * _as_maps(self.name, before_shape)[0] * self.size**2
        if n_synapses > MOST_SYNAPSES:
            raise ConfigError(
                f"{self.name} has {n_synapses:,} synapses, more than the {MOST_SYNAPSES:,} that fit into memory; take"
                " fewer maps, smaller filters or a larger stride."
            )

    def weight_shape(self, before_shape, after_shape) -> tuple[int]:
        """(n_maps · maps_before · size · size,)."""
        return (after_shape[0] * _as_maps(self.name, before_shape)[0] * self.size**2,)

    def geometry(self, before_shape, after_shape) -> tuple[int, ...]:
        """Side, stride and padding; maps, height and width of the sender and of the receiver."""
        return self.size, self.stride, self.padding, *_as_maps(self.name, before_shape), *after_shape

    def listing(self, before_shape, after_shape) -> Listing:
        """Every neuron of a map has the weights of its filter."""
        before, after, offset = self._patches(before_shape, after_shape)
        n_positions = after_shape[1] * after_shape[2]
        length = _as_maps(self.name, before_shape)[0] * self.size**2
        maps = after // n_positions
        column_of = np.repeat(np.arange(after_shape[0]), n_positions)
        starts = length * np.arange(after_shape[0] + 1)
        n_before = int(np.prod(before_shape))
        return listed(before, after, maps * length + offset, n_before, len(column_of), column_of, starts)

    def _positions(self, n: int, side: str) -> int:
        room = n + 2 * self.padding - self.size
        if room < 0:
            raise ConfigError(
                f"{self.name} has filters of {self.size} on a {side} of {n} with {self.padding} beyond each border;"
                " make them smaller."
            )
        if room % self.stride:
            raise ConfigError(
                f"{self.name} leaves out the last {room % self.stride} of a {side} of {n}: with filters of {self.size}"
                f" and stride {self.stride}; change one of them or the padding ({self.padding})."
            )
        return room // self.stride + 1

    def _patches(self, before_shape, after_shape):
        """For every synapse its sender, its receiver, and its place in the filter."""
        maps, height, width = _as_maps(self.name, before_shape)
        n_maps, rows, columns = after_shape
        m, y, x, c, dy, dx = (
            part.ravel()
            for part in np.meshgrid(
                *(np.arange(n) for n in (n_maps, rows, columns, maps, self.size, self.size)), indexing="ij"
            )
        )
        row, column = y * self.stride + dy - self.padding, x * self.stride + dx - self.padding
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        before = (c * height + row) * width + column
        after = (m * rows + y) * columns + x
        offset = (c * self.size + dy) * self.size + dx
        return before[inside], after[inside], offset[inside]


@dataclass(frozen=True, kw_only=True, eq=False)
class Local(Convolution):
    """As :class:`Convolution`, but every position has weights of its own: a locally connected layer.

    Parameters
    ----------
    size, stride, padding, before, after, weights, channel, delay, rule, name
        See :class:`Convolution`; there is one weight for each synapse, neuron by neuron.
    """

    def weight_shape(self, before_shape, after_shape) -> tuple[int]:
        """(n_synapses,)."""
        return (len(self._patches(before_shape, after_shape)[0]),)

    def listing(self, before_shape, after_shape) -> Listing:
        """Each neuron's weights lie one after another."""
        before, after, _ = self._patches(before_shape, after_shape)
        n_before, n_after = int(np.prod(before_shape)), int(np.prod(after_shape))
        order = np.lexsort((before, after))
        before, after = before[order], after[order]
        starts = np.searchsorted(after, np.arange(n_after + 1))
        return listed(before, after, np.arange(len(after)), n_before, n_after, np.arange(n_after), starts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooling(Convolution):
    """From each map to the one of the same number, whose neurons hear all of a window: what a map found, less where.

    Parameters
    ----------
    size : int
        Side of a window.
    stride : int
        From one window to the next; `size` for windows side by side.
    padding, before, after, weights, channel, delay, name
        See :class:`Convolution`; weights have shape (size · size,), one for each place in a window. They do not learn.
    """

    def __post_init__(self):
        super().__post_init__()
        if self.rule is not None:
            raise ConfigError(f"{self.name} pools and does not learn; use a Convolution for filters that do.")

    def check(self, before_shape, after_shape) -> None:
        """Both must have as many maps, and the receiver as many positions as there are windows."""
        super().check(before_shape, after_shape)
        n_before, n_after = _as_maps(self.name, before_shape)[0], after_shape[0]
        if n_before != n_after:
            raise ConfigError(
                f"{self.name} pools each map by itself, but {self.before} has {n_before} maps and {self.after} has"
                f" {n_after}; make them as many."
            )

    def weight_shape(self, before_shape, after_shape) -> tuple[int]:
        """(size · size,)."""
        return (self.size**2,)

    def listing(self, before_shape, after_shape) -> Listing:
        """All windows share their weights."""
        n_maps, height, width = _as_maps(self.name, before_shape)
        one_before, one_after, offset = self._patches((height, width), (1, *after_shape[1:]))
        n_positions = after_shape[1] * after_shape[2]
        each = np.arange(n_maps)[:, np.newaxis]
        before, after = (each * height * width + one_before).ravel(), (each * n_positions + one_after).ravel()
        n_after = n_maps * n_positions
        where, column_of = np.tile(offset, n_maps), np.zeros(n_after, np.int32)
        return listed(before, after, where, n_maps * height * width, n_after, column_of, [0, self.size**2])


def _as_maps(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A shape as (maps, height, width)."""
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) != 3:
        raise ConfigError(
            f"{name} needs shapes (height, width) or (maps, height, width), got {tuple(shape)}; give the input and the"
            " population their shape."
        )
    return tuple(shape)
