"""The equations of a NIR graph of one recurrent layer, stepped in NumPy by forward Euler, as most of its readers do."""

from __future__ import annotations

import numpy as np


def count_spikes(graph, spikes: np.ndarray, n_images: int, n_steps: int, *, dt: float) -> np.ndarray:
    """Spikes of each neuron for images shown one by one from rest; shape (n_images, n_neurons), int64.

    Parameters
    ----------
    graph : nir.NIRGraph
        With the nodes of :func:`engram.exchange.nir_graph.graph_of`.
    spikes : ndarray of shape (n_spikes, 3), int
        Rows of (image, input, step).
    n_images, n_steps : int
    dt : float
        Time step, ms.
    """
    nodes = graph.nodes
    neurons, weights, lateral = nodes["neurons"], nodes["weights"].weight.T, nodes["inhibition"].weight.T
    syn, mem = 1e-3 * dt / neurons.tau_syn, 1e-3 * dt / neurons.tau_mem
    current = np.zeros((n_images, len(neurons.r)))
    v = np.zeros_like(current) + neurons.v_leak
    fired, counts = np.zeros(current.shape, bool), np.zeros(current.shape, np.int64)
    by_step = spikes[np.argsort(spikes[:, 2], kind="stable")]
    bounds = np.searchsorted(by_step[:, 2], np.arange(n_steps + 1))
    for t in range(n_steps):
        now = by_step[bounds[t] : bounds[t + 1]]
        arriving = np.zeros((n_images, len(weights)), np.float32)
        arriving[now[:, 0], now[:, 1]] = 1.0
        incoming = arriving @ weights + (fired.astype(np.float32) @ lateral if fired.any() else 0.0)
        current += syn * (neurons.w_in * incoming - current)
        v += mem * (neurons.v_leak - v + neurons.r * current)
        fired = v > neurons.v_threshold
        v = np.where(fired, neurons.v_reset, v)
        counts += fired
    return counts
