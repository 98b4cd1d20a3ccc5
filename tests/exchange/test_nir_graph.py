"""The NIR graph: what its equations do, and that it reads as the network does."""

from dataclasses import replace

import numpy as np
import pytest

from engram.errors import ConfigError
from engram.exchange import export_model, freeze, present
from engram.exchange.nir_graph import graph_of
from engram.exchange.nir_reader import count_spikes
from exchange.small import N_NEURONS, small_images, small_model

nir = pytest.importorskip("nir", reason="nir is not installed; it is in the extra 'exchange'")


def test_the_stored_graph_is_read_back_and_says_what_is_lost(tmp_path):
    export = export_model(small_model(), "nir", tmp_path, images=small_images()[:2])
    graph = nir.read(tmp_path / "network.nir")
    for sentence in export.format.lost:
        assert sentence in graph.metadata["lost"]
    assert any("have the same neuron answer most" in sentence for sentence in export.format.lost)
    np.testing.assert_array_equal(
        graph.nodes["neurons"].tau_mem, graph_of(freeze(small_model())).nodes["neurons"].tau_mem
    )


def test_the_graph_answers_each_image_with_the_neuron_that_the_network_does():
    frozen = freeze(small_model())
    shown = present(frozen, small_images(), np.arange(N_NEURONS))
    counts = count_spikes(graph_of(frozen), shown.inputs, N_NEURONS, shown.n_steps, dt=0.5)
    assert np.mean(np.argmax(counts, axis=1) == np.argmax(shown.counts(N_NEURONS), axis=1)) >= 0.7
    assert counts.sum() == pytest.approx(shown.counts(N_NEURONS).sum(), rel=0.5)


def test_a_neuron_of_the_graph_holds_at_its_threshold_by_the_conductance_that_holds_the_networks():
    frozen = freeze(small_model())
    neuron, theta = graph_of(frozen).nodes["neurons"], frozen.thresholds
    g = (theta + 65.0) / -theta
    np.testing.assert_allclose(neuron.v_leak + neuron.r * g, neuron.v_threshold, rtol=1e-5)
    slope = neuron.r / neuron.tau_mem  # per second and unit of conductance
    span = theta - (theta + theta * g / (1 + g))
    np.testing.assert_allclose(slope * span, -theta / 0.1, rtol=1e-5)


def test_a_threshold_that_no_excitation_reaches_is_refused():
    model = small_model()
    with pytest.raises(ConfigError, match="thresholds between rest and 0 mV"):
        graph_of(freeze(replace(model, theta=model.theta + 100.0)))
