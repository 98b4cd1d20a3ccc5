"""What runs and measurements return: arrays, and a figure of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes over time.

    Attributes
    ----------
    time : ndarray of shape (n_steps,)
        The end of each step, ms.
    spikes : ndarray of shape (n_steps, ...), bool
        Whether each neuron or input spiked in a step.
    """

    time: np.ndarray
    spikes: np.ndarray

    def __array__(self, dtype=None, copy=None):
        """The spikes, so that trains go into the next block as they are."""
        return np.array(self.spikes, dtype, copy=copy)

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each neuron or input."""
        return self.spikes.sum(axis=0)

    @property
    def rates(self) -> np.ndarray:
        """Spikes per second of each neuron or input, Hz."""
        return 1000.0 * self.counts / self.time[-1]

    def plot(self, ax=None):
        """Draw the raster: a dot for each spike, one row per neuron or input.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        step, row = np.nonzero(self.spikes.reshape(len(self.time), -1))
        ax.plot(self.time[step], row, "|", color="black", markersize=4)
        ax.set(xlabel="time (ms)", ylabel="neuron or input", xlim=(0.0, self.time[-1]))
        ax.set_ylim(-0.5, self.spikes[0].size - 0.5)
        ax.yaxis.get_major_locator().set_params(integer=True)
        return ax


@dataclass(frozen=True, eq=False)
class SynapseRun:
    """A synapse's response to an input.

    Attributes
    ----------
    time : ndarray of shape (n_steps,)
        The end of each step, ms.
    signal : ndarray of shape (n_steps, ...)
        The input; spikes as pulses of area one, Hz.
    v : ndarray of shape (n_steps, ...)
        The postsynaptic potential, in the unit of the signal.
    """

    time: np.ndarray
    signal: np.ndarray
    v: np.ndarray

    def plot(self, ax=None):
        """Draw the response over time.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        ax.plot(self.time, self.v.reshape(len(self.time), -1))
        ax.set(xlabel="time (ms)", ylabel="PSP", xlim=(0.0, self.time[-1]))
        return ax


@dataclass(frozen=True, eq=False)
class NeuronRun(SpikeTrains):
    """A neuron's response to a current.

    Attributes
    ----------
    time, spikes
        See :class:`SpikeTrains`.
    current, v, threshold : ndarray of shape (n_steps, ...)
        Input, membrane potential at the end of each step (0 after a spike) and the threshold it was compared with.
    neuron : ndarray of shape (n_spikes,), int64
        Which neuron, as an index into the flattened input, fired each spike.
    spike_time : ndarray of shape (n_spikes,)
        When, to a fraction of a step, ms; in order.
    """

    current: np.ndarray
    v: np.ndarray
    threshold: np.ndarray
    neuron: np.ndarray
    spike_time: np.ndarray

    def intervals(self, neuron: int = 0) -> np.ndarray:
        """Times between a neuron's spikes, ms."""
        return np.diff(self.spike_time[self.neuron == neuron])

    def plot(self, ax=None):
        """Draw potentials and thresholds, with a mark above each spike.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        n_steps = len(self.time)
        ax.plot(self.time, self.v.reshape(n_steps, -1))
        ax.plot(self.time, self.threshold.reshape(n_steps, -1), "--", color="grey", linewidth=1)
        if len(self.spike_time):
            ax.plot(
                self.spike_time,
                np.full(len(self.spike_time), 1.05 * self.threshold.max()),
                "|",
                color="black",
            )
        ax.set(xlabel="time (ms)", ylabel="membrane potential", xlim=(0.0, self.time[-1]))
        return ax


@dataclass(frozen=True, eq=False)
class FICurve:
    """Firing rate over input current.

    Attributes
    ----------
    current : ndarray of shape (n_currents,)
    rate : ndarray of shape (n_currents,)
        Measured in a simulation, once adaptation has settled, Hz.
    predicted : ndarray of shape (n_currents,)
        From the neuron's own formula, Hz.
    """

    current: np.ndarray
    rate: np.ndarray
    predicted: np.ndarray

    def plot(self, ax=None):
        """Draw the prediction as a line, the measurement as dots.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        ax.plot(self.current, self.predicted, label="predicted")
        ax.plot(self.current, self.rate, "o", markersize=4, label="measured")
        ax.set(xlabel="current", ylabel="firing rate (Hz)")
        ax.legend()
        return ax


@dataclass(frozen=True, eq=False)
class STDPWindow:
    """A weight's change over the delay between one presynaptic and one postsynaptic spike.

    Attributes
    ----------
    delay : ndarray of shape (n_delays,)
        Postsynaptic minus presynaptic spike time, ms.
    change : ndarray of shape (n_delays,)
        Change of the weight.
    """

    delay: np.ndarray
    change: np.ndarray

    def plot(self, ax=None):
        """Draw the change over the delay.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        ax.axhline(0.0, color="grey", linewidth=1)
        for side in (self.delay < 0, self.delay >= 0):
            ax.plot(self.delay[side], self.change[side], color="C0")
        ax.set(xlabel="post − pre (ms)", ylabel="change of weight")
        return ax


@dataclass(frozen=True, eq=False)
class PlasticityRun:
    """Weights and traces over time.

    Attributes
    ----------
    time : ndarray of shape (n_steps,)
        The end of each step, ms.
    w : ndarray of shape (n_steps, n_inputs, n_neurons)
    x_pre : ndarray of shape (n_steps, n_inputs)
    x_post : ndarray of shape (n_steps, n_neurons)
    """

    time: np.ndarray
    w: np.ndarray
    x_pre: np.ndarray
    x_post: np.ndarray

    def plot(self, ax=None):
        """Draw each weight over time.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = _axes(ax)
        ax.plot(self.time, self.w.reshape(len(self.time), -1))
        ax.set(xlabel="time (ms)", ylabel="weight", xlim=(0.0, self.time[-1]))
        return ax


def _axes(ax):
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    from engram.figures.style import house_style

    with house_style():
        return plt.subplots(figsize=(6.4, 3.2), layout="constrained")[1]
