"""What a simulation hands to other tools: Neo's objects, tables, and what its numbers mean."""

import numpy as np
import pytest

from engram import DiehlCook, Network, Population, simulate
from engram.errors import ConfigError
from engram.neurons import AdEx
from engram.projections import Dense
from scenes import poisson_train

N_STEPS, DT = 300, 0.5


@pytest.fixture(scope="module")
def simulation():
    network = DiehlCook(n_inputs=20, n_neurons=4, theta_start=8.0)
    spikes = poisson_train(20, N_STEPS, 0.1, seed=0)
    given = {"weights": np.full((20, 4), 0.9), "learn": False, "kernel": "reference"}
    return simulate(network, spikes=spikes, n_steps=N_STEPS, record=[0, 3], every=2, **given)


def test_neo_holds_every_spike_of_every_neuron_in_ms(simulation):
    pytest.importorskip("neo", reason="neo is not installed; it is in the extra 'exchange'")
    trains = simulation.to_neo().segments[0].spiketrains
    assert [(t.annotations["population"], t.annotations["neuron"]) for t in trains] == [
        (population, j) for population in ("exc", "inh") for j in range(4)
    ]
    found = {
        (t.annotations["population"], t.annotations["neuron"], float(time))
        for t in trains
        for time in t.rescale("ms").magnitude
    }
    spikes = {(p, int(j), float(step * DT)) for p, rows in simulation.spikes.items() for j, step in rows}
    assert found == spikes
    assert len(spikes) > 10
    assert all(float(t.t_stop.rescale("ms")) == N_STEPS * DT for t in trains)


def test_neo_holds_recordings_with_units_and_times(simulation):
    pytest.importorskip("neo", reason="neo is not installed; it is in the extra 'exchange'")
    signals = {s.name: s for s in simulation.to_neo().segments[0].analogsignals}
    assert set(signals) == {"v", "g_exc", "g_inh", "theta"}
    assert str(signals["v"].units.dimensionality) == "mV"
    assert str(signals["g_exc"].units.dimensionality) == "dimensionless"
    assert list(signals["v"].array_annotations["neuron"]) == [0, 3]
    np.testing.assert_array_equal(signals["v"].magnitude, simulation.recording["v"])
    np.testing.assert_allclose(signals["v"].times.rescale("ms").magnitude, simulation.recorded_steps * DT)


def test_a_table_has_a_row_for_each_spike_in_order_of_time(simulation):
    frame = simulation.to_dataframe()
    assert list(frame.columns) == ["population", "neuron", "step", "time_ms"]
    assert frame["step"].is_monotonic_increasing
    for population, rows in simulation.spikes.items():
        part = frame[frame["population"] == population]
        np.testing.assert_array_equal(part[["neuron", "step"]].to_numpy(), rows)
    np.testing.assert_array_equal(frame["time_ms"], frame["step"] * DT)


def test_a_table_of_a_recording_has_its_neurons_and_times(simulation):
    frame = simulation.to_dataframe("v")
    assert list(frame.columns) == [0, 3]
    assert frame.index.name == "time_ms"
    np.testing.assert_array_equal(frame.to_numpy(), simulation.recording["v"])
    with pytest.raises(ConfigError, match="Nothing was recorded by the name 'w'; recorded was v, g_exc"):
        simulation.to_dataframe("w")


def test_a_run_without_spikes_gives_empty_trains_and_tables():
    silent = simulate(DiehlCook(n_inputs=2, n_neurons=3), spikes=([], []), n_steps=4, learn=False, kernel="reference")
    assert len(silent.to_dataframe()) == 0
    pytest.importorskip("neo", reason="neo is not installed; it is in the extra 'exchange'")
    assert [len(train) for train in silent.to_neo().segments[0].spiketrains] == [0] * 6


def test_inhibitory_neurons_of_the_published_network_are_recorded_by_name():
    network = DiehlCook(n_inputs=2, n_neurons=3)
    recorded = simulate(
        network, spikes=([], []), n_steps=4, learn=False, kernel="reference", record={"inh": ["v"], "exc": {"v": [1]}}
    )
    assert recorded.recording["inh.v"].shape == (4, 3)
    assert recorded.recording["exc.v"].shape == (4, 1)
    assert recorded.setting.units == {"inh.v": "mV", "exc.v": "mV"}


def test_weights_and_adaptation_have_their_units():
    network = Network(
        inputs={"input": 2},
        populations={"cells": Population(3, AdEx())},
        projections=[Dense(before="input", after="cells")],
    )
    record = {"cells": ["w", "g_exc"], "input_cells": ["weights"]}
    recorded = simulate(network, spikes=([], []), n_steps=4, kernel="reference", record=record)
    assert recorded.setting.units == {
        "cells.w": "mV",
        "cells.g_exc": "dimensionless",
        "input_cells.weights": "dimensionless",
    }
    assert recorded.to_dataframe("input_cells.weights").shape == (4, 6)
