"""What a network's neurons want to see: the weights that lead from the image to them, through every layer below."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from engram.errors import ConfigError
from engram.model import Model
from engram.networks import DiehlCook, Network
from engram.projections.base import Projection
from engram.projections.convolution import Convolution, Local

LARGEST = 1 << 26
"""Of more weights than this between image and layer, no fields are made (256 MB)."""


def fields_of(model: Model, layer: str = "") -> np.ndarray:
    """The receptive fields of a layer.

    Of a layer that sees the image these are its weights. Of one above, the field of each of its neurons is the sum of
    the fields below, each as much as its weight; fields through several layers have L1 norm 1.

    Parameters
    ----------
    model : Model
    layer : str, optional
        A population that learns; by default the one that is read out.

    Returns
    -------
    ndarray of shape (n_inputs, n_neurons)

    Raises
    ------
    ConfigError
        If nothing leads from the image to it, or they would be too many to hold.
    """
    network = model.network
    if isinstance(network, DiehlCook):
        return model.weights
    found: dict[str, sparse.csr_array] = {}
    layer = layer or network.readout
    below = set(network.stage(layer).populations) if layer in network.layers else {*network.layers, layer}
    for name in [name for name in network.populations if name in below] + [layer]:
        if name not in found and (fields := _through(network, model.weights, name, found)) is not None:
            found[name] = fields
    if layer not in found:
        raise ConfigError(f"Nothing leads from the image to {layer}; choose one of {', '.join(found) or 'no layer'}.")
    if found[layer].shape[0] * found[layer].shape[1] > LARGEST:
        raise ConfigError(f"{layer} has {found[layer].shape[1]:,} neurons, too many to draw the fields of.")
    return found[layer].toarray()


def filters_of(model: Model, layer: str) -> np.ndarray | None:
    """The filters of a convolution that sees the image.

    Returns
    -------
    ndarray of shape (size * size, n_maps), or None
        None where the layer is no such convolution.
    """
    if isinstance(model.network, DiehlCook):
        return None
    for p in model.network.plastic:
        shared = isinstance(p, Convolution) and not isinstance(p, Local)
        if p.after == layer and shared and model.weights[p.name].size % p.size**2 == 0:
            n_maps = model.network.shape_of(layer)[0]
            if model.weights[p.name].size == n_maps * p.size**2:
                return model.weights[p.name].reshape(n_maps, -1).T
    return None


def _through(network: Network, weights, name: str, found: dict) -> sparse.csr_array | None:
    """The fields of one population, by those of the populations below it."""
    total = None
    for p in network.projections:
        if p.after != name or (p.before not in network.inputs and p.before not in found):
            continue
        if p.before == p.after or p.channel == "inh":  # neurons of a layer among themselves, or inhibition
            continue
        part = _matrix(network, p, weights[p.name])
        if p.before in found:
            part = _normalized(found[p.before] @ part)
        total = part if total is None else total + part
    return total


def _matrix(network: Network, p: Projection, weights: np.ndarray) -> sparse.csr_array:
    """A projection's weights as a matrix of shape (n_before, n_after)."""
    shapes = network.shape_of(p.before), network.shape_of(p.after)
    shape = network.size_of(p.before), network.size_of(p.after)
    if p.layout == "dense":
        return sparse.csr_array(np.asarray(weights))
    if p.layout == "one_to_one":
        return sparse.csr_array(sparse.diags_array(weights))
    if p.layout == "all_but_own":
        return sparse.csr_array(float(weights[0]) * (1.0 - np.eye(shape[0])))
    listing = p.listing(*shapes)
    after = np.repeat(np.arange(shape[1]), np.diff(listing.column_starts))
    return sparse.csr_array((weights[listing.column_where], (listing.column_before, after)), shape=shape)


def _normalized(fields: sparse.csr_array) -> sparse.csr_array:
    norms = np.asarray(abs(fields).sum(axis=0)).ravel()
    return sparse.csr_array(fields @ sparse.diags_array(1.0 / np.where(norms > 0, norms, 1.0)))
