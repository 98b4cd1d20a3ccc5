r"""``--to nir``: the nearest graph of the Neuromorphic Intermediate Representation, which has no conductances.

NIR's leaky neuron is driven by a current :math:`I`. Of a neuron driven through a conductance :math:`g`,

.. math:: \tau_m \frac{dv}{dt} = (v_{rest} - v) + g (0 - v),

it is the tangent at the threshold: with :math:`g^* = (v_{rest} - \theta) / \theta`, the conductance that holds the
potential at the threshold :math:`\theta < 0`,

.. math:: \frac{\tau_m}{1 + g^*} \frac{dv}{dt} = (v_{leak} - v) - \frac{\theta}{1 + g^*} g, \qquad
    v_{leak} = \theta + \frac{\theta g^*}{1 + g^*}.

So a neuron fires for the same lasting input, and feels small changes of it alike. Potentials are then scaled so that
the leak is 0 and the threshold 1: readers differ in what else they understand. A spike's inhibition is the step that
it makes in a potential at the threshold; inhibitory neurons, which answer each excitatory spike with one of their own,
are left out, and inhibition goes from each excitatory neuron to the others at once.
"""

from __future__ import annotations

import io

import numpy as np

from engram.errors import ConfigError
from engram.exchange.arrays import NETWORK, PRESENTATIONS, network_arrays, presentation_arrays
from engram.exchange.formats import LEARNING_LOST, Format
from engram.exchange.frozen import FrozenNetwork
from engram.exchange.nest_script import check_positive_weights, held_factor
from engram.exchange.nir_reader import count_spikes

GRAPH = "network.nir"

_MS = 1e-3
"""NIR's time constants are in seconds."""


def _nir():
    try:
        import nir
    except ImportError:
        raise ConfigError("An export to NIR needs the package nir; install it with 'pip install nir'.") from None
    return nir


def graph_of(frozen: FrozenNetwork):
    """The network as a :class:`nir.NIRGraph`: input, weights, neurons, lateral inhibition, output.

    Raises
    ------
    ConfigError
        If it has negative weights, or a threshold that no excitation reaches, or the package nir is missing.
    """
    nir = _nir()
    check_positive_weights(frozen, FORMAT.title)
    neuron, dt, n = frozen.excitatory, frozen.network.dt, frozen.network.n_neurons
    theta = frozen.thresholds
    if np.any(theta >= 0) or np.any(theta <= neuron.v_rest):
        raise ConfigError(
            "NIR's tangent needs thresholds between rest and 0 mV, got"
            f" {theta.min():.1f} to {theta.max():.1f} mV; export it to another format."
        )
    g = (theta - neuron.v_rest) / -theta
    leak = theta + theta * g / (1 + g)
    span = theta - leak
    tau = neuron.tau_m / (1 + g)
    resistance = -theta / (1 + g) / span
    kick = -np.expm1(-frozen.network.w_inh_exc * _area(neuron.tau_inh, frozen) / neuron.tau_m)
    lateral = -kick * (theta - neuron.e_inh) / span * tau / resistance / dt
    nodes = {
        "input": nir.Input({"input": np.array([frozen.network.n_inputs])}),
        "weights": nir.Linear((frozen.weights.T * (_area(neuron.tau_exc, frozen) / dt)).astype(np.float32)),
        "neurons": nir.CubaLIF(
            tau_syn=_array(np.full(n, neuron.tau_exc) * _MS),
            tau_mem=_array(tau * _MS),
            r=_array(resistance),
            v_leak=_array(np.zeros(n)),
            v_threshold=_array(np.ones(n)),
            v_reset=_array((neuron.v_reset - leak) / span),
            w_in=_array(np.ones(n)),
        ),
        "inhibition": nir.Linear((lateral[:, np.newaxis] * ~np.eye(n, dtype=bool)).astype(np.float32)),
        "output": nir.Output({"output": np.array([n])}),
    }
    edges = [("input", "weights"), ("weights", "neurons"), ("neurons", "inhibition"), ("inhibition", "neurons"),
             ("neurons", "output")]  # fmt: skip
    return nir.NIRGraph(nodes, edges)


def _area(tau: float, frozen: FrozenNetwork) -> float:
    """The integral of a conductance that a spike of weight 1 opens in engram, ms."""
    return tau * held_factor(tau, frozen.network.dt, frozen.network.integrator)


def _array(values) -> np.ndarray:
    return np.asarray(values, np.float32)


def _measured(frozen, presentations, form):
    """How often the graph answers as the network does."""
    n_images = presentations.n_images
    spikes = (presentations.inputs, n_images, presentations.n_steps)
    counts = count_spikes(graph_of(frozen), *spikes, dt=frozen.network.dt)
    ours = presentations.counts(counts.shape[1])
    same = int(np.sum(np.argmax(counts, axis=1) == np.argmax(ours, axis=1)))
    told = (
        f"Of the {n_images} images beside it, {same} have the same neuron answer most; spikes an image:"
        f" {counts.sum() / n_images:.1f} instead of {ours.sum() / n_images:.1f}.",
    )
    return (), told


def _files(frozen, presentations, form):
    nir = _nir()
    graph, buffer = graph_of(frozen), io.BytesIO()
    graph.metadata |= {
        "exact": " ".join(form.exact),
        "lost": " ".join(form.lost),
        "dt_ms": str(frozen.network.dt),
        "labels": " ".join(map(str, frozen.labels.tolist())),
    }
    nir.write(buffer, graph)
    return {
        GRAPH: buffer.getvalue(),
        NETWORK: network_arrays(frozen, form),
        PRESENTATIONS: presentation_arrays(presentations, form),
    }


FORMAT = Format(
    name="nir",
    title="NIR",
    exact=("The lasting input at which each neuron fires, and the speed of its membrane there.",),
    lost=(
        LEARNING_LOST,
        "Conductances: NIR has none, so membranes are tangents at the threshold, and inhibition is a fixed step.",
        "Inhibitory neurons, delays and refractory periods.",
        "The graph holds for input spikes that are 1 for one step of this dt.",
    ),
    files=_files,
    measured=_measured,
    run="nir.read('network.nir'), and from there any of its readers, such as norse.torch.from_nir(graph, dt=...).",
    needs=("nir",),
)
