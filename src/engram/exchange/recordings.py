"""A simulation's spikes and recordings as Neo's objects, for Elephant and its like, and as tables of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.errors import ConfigError

if TYPE_CHECKING:
    from engram.simulation import Simulation


def neo_block(simulation: Simulation):
    """Spikes and recordings with their units; see :meth:`engram.Simulation.to_neo`."""
    neo = _neo()
    setting = simulation.setting
    block, segment = neo.Block(name="engram"), neo.Segment(name="simulation")
    for population, spikes in simulation.spikes.items():
        order = np.argsort(spikes[:, 0], kind="stable")
        bounds = np.searchsorted(spikes[order, 0], np.arange(setting.sizes[population] + 1))
        for neuron in range(setting.sizes[population]):
            steps = spikes[order[bounds[neuron] : bounds[neuron + 1]], 1]
            train = neo.SpikeTrain(
                steps * setting.dt, units="ms", t_start=0.0, t_stop=setting.n_steps * setting.dt,
                sampling_rate=_kilohertz(1.0 / setting.dt), name=f"{population}[{neuron}]", population=population,
                neuron=neuron,
            )  # fmt: skip
            segment.spiketrains.append(train)
    for name, values in simulation.recording.items():
        if len(values) and values[0].size:
            segment.analogsignals.append(_signal(neo, simulation, name, values))
    block.segments.append(segment)
    return block


def _signal(neo, simulation: Simulation, name: str, values):
    steps, setting = simulation.recorded_steps, simulation.setting
    every = float(steps[1] - steps[0] if len(steps) > 1 else steps[0]) * setting.dt
    neurons = setting.recorded.get(name)
    channels = {} if neurons is None else {"array_annotations": {"neuron": np.asarray(neurons)}}
    return neo.AnalogSignal(
        np.asarray(values).reshape(len(values), -1), units=setting.units.get(name, "dimensionless"),
        t_start=_milliseconds(steps[0] * setting.dt), sampling_period=_milliseconds(every), name=name,
        shape_of_record=list(values[0].shape), **channels,
    )  # fmt: skip


def spike_frame(simulation: Simulation):
    """One row per spike; see :meth:`engram.Simulation.to_dataframe`."""
    import pandas as pd

    parts = []
    for population, spikes in simulation.spikes.items():
        columns = {"population": population, "neuron": spikes[:, 0], "step": spikes[:, 1]}
        parts.append(pd.DataFrame({**columns, "time_ms": spikes[:, 1] * simulation.setting.dt}))
    frame = pd.concat(parts, ignore_index=True)
    frame["population"] = frame["population"].astype("category")
    return frame.sort_values(["step", "population", "neuron"], ignore_index=True)


def recording_frame(simulation: Simulation, name: str):
    """One row per record, one column per neuron; see :meth:`engram.Simulation.to_dataframe`."""
    import pandas as pd

    if name not in simulation.recording:
        there = ", ".join(simulation.recording) or "nothing"
        raise ConfigError(f"Nothing was recorded by the name {name!r}; recorded was {there}.")
    values = np.asarray(simulation.recording[name])
    times = pd.Index(simulation.recorded_steps * simulation.setting.dt, name="time_ms")
    neurons = simulation.setting.recorded.get(name)
    columns = range(values[0].size) if neurons is None else neurons
    return pd.DataFrame(values.reshape(len(values), -1), index=times, columns=pd.Index(columns, name="neuron"))


def _neo():
    try:
        import neo
    except ImportError:
        raise ConfigError("to_neo needs the package neo; install it with 'pip install neo'.") from None
    return neo


def _milliseconds(value: float):
    import quantities

    return float(value) * quantities.ms


def _kilohertz(value: float):
    import quantities

    return float(value) * quantities.kHz
