"""A spiking convolution: filters that compete for patches, and pooling that forgets where exactly they were found."""

from __future__ import annotations

from dataclasses import replace

from engram.errors import ConfigError
from engram.networks.network import AdaptiveThreshold, Network, Population
from engram.neurons import IF
from engram.plasticity.base import LearningRule
from engram.projections import Convolution, Pooling, Uniform
from engram.validation import check_count

_BARRED = -200.0
"""What a position's first spike takes from all neurons there, while they learn: they stay silent for this image."""
_RIVALRY = -0.8
"""The same while they read: who spikes holds the others back, but does not silence them."""


def conv(
    shape, rule: LearningRule, dt: float, integrator: str, dtype: str, *,
    maps: int = 64, size: int = 7, padding: int = 1, pool: int = 8, pool_stride: int = 4,
) -> Network:  # fmt: skip
    """Filters that all positions share and that compete at each position, and pooling over windows of positions.

    Made for the preset ``"conv"``: inputs spike once, the brighter the earlier; membranes integrate without a leak; the
    first neuron of a position to reach its threshold learns the patch and silences the others there. All positions of
    a map share a filter and a threshold, which its spikes raise, so that the maps divide the patches among themselves.
    Of maps that reach their thresholds at a position in the same step the one furthest above its own fires: inhibition
    comes after the spikes of a step, and maps that learned the same patch together would never be parted.
    While it reads, thresholds are lower and the competition is weaker: several maps answer at a position, as often as
    the patch fits them. A neuron of the layer above counts the steps in which its map found anything in its window.

    Parameters
    ----------
    shape : tuple of int
        Of the images: (height, width).
    rule : LearningRule
    dt : float
        ms.
    integrator, dtype : str
    maps : int
        How many filters.
    size, padding : int
        Side of a filter, and places beyond the border that it may reach.
    pool, pool_stride : int
        Side of a window, in positions, and from one window to the next.

    Returns
    -------
    Network
        With the input ``image`` and the populations ``maps`` and ``pooled``.

    Raises
    ------
    ConfigError
        If filters or windows do not fit the image.
    """
    if len(shape) != 2:
        raise ConfigError(f"The network conv needs images of a height and a width, got {tuple(shape)}.")
    for name, value in {"maps": maps, "size": size, "pool": pool, "pool_stride": pool_stride}.items():
        check_count(name, value)
    uniform = 2.0 / size
    filters = Convolution(
        before="image", after="maps", size=size, padding=padding, weights=Uniform(-uniform, uniform), rule=rule
    )
    rivals = Convolution(
        before="maps", after="maps", size=1, channel="pulse", weights=_BARRED, reading=_RIVALRY / _BARRED, name="rivals"
    )
    windows = Pooling(before="maps", after="pooled", size=pool, stride=pool_stride, channel="pulse", name="windows")
    positions = filters.output_shape(shape, maps)
    for n in positions[1:]:
        if n < pool or (n - pool) % pool_stride:
            raise ConfigError(
                f"Windows of pool={pool} with pool_stride={pool_stride} do not fit {n} positions, which filters of"
                f" size={size} with padding={padding} have on images of {shape[0]} × {shape[1]}: positions less pool"
                " must be a multiple of pool_stride; change one of the four."
            )
    return Network(
        inputs={"image": shape},
        populations={
            "maps": Population(positions, IF(v_thresh=0.5), _threshold(maps), one_wins="place"),
            "pooled": Population(windows.output_shape(positions, maps), IF(v_thresh=0.5)),
        },
        projections=[filters, rivals, windows],
        dt=dt,
        integrator=integrator,
        dtype=dtype,
        readout="pooled",
    )


def read_by(network: Network, threshold: float, rivalry: float) -> Network:
    """A network with maps like those of :func:`conv`, but for how they read.

    Parameters
    ----------
    network : Network
    threshold : float
        The share of their thresholds at which they answer.
    rivalry : float
        What a spike takes from all neurons at its place.
    """
    maps = network.populations["maps"]
    assert maps.threshold is not None, "conv gives them one"
    answering = replace(maps, threshold=replace(maps.threshold, reading=threshold))
    return network.replace(
        populations={**network.populations, "maps": answering},
        projections=[replace(p, reading=rivalry / -_BARRED) if p.name == "rivals" else p for p in network.projections],
    )


def _threshold(maps: int) -> AdaptiveThreshold:
    """Of the maps: it settles within some 25 images where a map spikes as often as the others."""
    return AdaptiveThreshold(start=5.0, plus=0.0016 * maps, tau=500.0, shared=True, reading=0.25)
