"""One network and its state: run it on given spikes, train it, or count the spikes that images draw."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError, DataError, RuleError
from engram.kernels import state as kernel_state
from engram.kernels.protocol import NEVER
from engram.networks import DiehlCook, Protocol
from engram.plasticity.base import LearningRule, is_learning_rate
from engram.randomness import Stream, content_counter, stream_key
from engram.validation import check_choice, check_count, check_positive

KERNELS = ("compiled", "reference")
NEURONS_PER_THREAD = 800
"""Learning neurons from which a further thread pays."""

_IMAGES_PER_TASK = 32


def default_threads() -> int:
    """As many threads as this process may use processors."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_kernels(kernel: str, rule: LearningRule | None, dtype: str, integrator: str):
    """The functions of a kernel for a rule, or for none; Numba is imported only for the compiled one."""
    if kernel == "reference":
        from engram.kernels import reference

        return reference.kernels_for(rule, dtype, integrator)
    from engram.kernels import cpu

    return cpu.kernels_for(rule, dtype, integrator)


class Simulator:
    """A network with its weights, thresholds and membranes, and a rule that changes them.

    Parameters
    ----------
    network : DiehlCook
    rule : LearningRule or None
        None for a network that does not learn.
    seed : int
        Everything random is drawn from it.
    protocol : Protocol, optional
        How images are shown.
    input_gain : float
        Factor on pixel values.
    kernel : {"compiled", "reference"}
        Which kernel computes; both give the same bits.
    weights : array-like of shape (n_inputs, n_neurons), optional
        Initial weights; drawn from the seed if not given.
    theta : array-like of shape (n_neurons,), optional
        Initial adaptive thresholds, mV.
    delays : ndarray of shape (n_neurons, n_neurons), optional
        Steps from an inhibitory neuron's spike to its arrival at an excitatory one; drawn from the seed if not given.
    input_delays : ndarray of shape (n_inputs, n_neurons), optional
        Steps from an input's spike to its arrival; a network with such delays does not learn.

    Attributes
    ----------
    state : NetworkState
        ``state.weights`` and ``state.theta`` are what was learned.
    memory : RuleState
        The rule's traces and state variables.
    presentations : int
        How many presentations were learned from.
    """

    def __init__(
        self,
        network: DiehlCook,
        rule: LearningRule | None,
        *,
        seed: int = 0,
        protocol: Protocol | None = None,
        input_gain: float = 1.0,
        kernel: str = "compiled",
        weights=None,
        theta=None,
        delays=None,
        input_delays=None,
    ):
        self.network, self.rule, self.seed = network, rule, seed
        self.protocol = protocol or Protocol()
        check_positive("input_gain", input_gain, or_zero=True)
        self.input_gain = float(input_gain)
        check_choice("kernel", kernel, KERNELS)
        self.kernel = kernel
        self.state = network.new_state(seed, weights=weights, theta=theta, delays=delays, input_delays=input_delays)
        self.constants = kernel_state.network_constants(network)
        if rule is None:
            self.memory = kernel_state.no_rule_state(network.dtype)
            self.rule_constants = kernel_state.no_rule_constants(network.dtype)
        else:
            self.memory = kernel_state.new_rule_state(rule, network)
            self.rule_constants = kernel_state.rule_constants(rule, network)
        self.schedule = kernel_state.schedule_steps(self.protocol, network.dt)
        self.presentations = 0
        self.overshot = False
        self._rooms = {}

    def run(self, index, offset, n_steps: int, *, learn: bool, recorder=None):
        """Advance the network on given input spikes.

        Parameters
        ----------
        index : ndarray of shape (n_spikes,), int32
            Inputs that spike, in order of step.
        offset : ndarray of shape (n_driven_steps + 1,), int64
            Spikes of step t are ``index[offset[t]:offset[t + 1]]``; later steps are blank.
        n_steps : int
        learn : bool
        recorder : Recorder, optional

        Returns
        -------
        exc_spikes, inh_spikes : ndarray of shape (n_spikes, 2), int32
            Neuron and step, in order of step; empty without a recorder that wants spikes.
        counts : ndarray of shape (n_neurons,), int32
            Excitatory spikes.
        """
        if learn:
            self._check_learning()
        counts = np.zeros(self.network.n_neurons, np.int32)
        kernels = self._kernels if learn else self._frozen_kernels
        share = kernel_state.shares(self.network.n_neurons, 1)[0]
        recorder = recorder or kernel_state.no_recorder()
        overshot, n_exc_spikes, n_inh_spikes = kernels.run(
            self.state,
            self.memory,
            self.rule_constants.parameters,
            self.constants.theta_plus,
            self.constants,
            self.rule_constants,
            index,
            offset,
            n_steps,
            learn,
            counts,
            n_steps,
            NEVER,
            recorder,
            share,
            kernel_state.new_work(self.state, self.memory, share),
        )
        self.overshot |= bool(overshot)
        if not recorder.spikes:
            n_exc_spikes = n_inh_spikes = 0
        return recorder.exc_spikes[:n_exc_spikes], recorder.inh_spikes[:n_inh_spikes], counts

    def train(self, images, progress=None, *, threads: int = 1):
        """Learn from images, in order.

        Parameters
        ----------
        images : ndarray of shape (n_images, n_inputs)
            Pixel values 0-255.
        progress : ndarray of shape (n_images,), optional
            How much of training is done at each image, 0 to 1: learning rates and the steps of the thresholds fall
            with it.
        threads : int
            At most so many threads share out the neurons, no more than there are processors, and each with at least
            :data:`NEURONS_PER_THREAD`: fewer are faster by themselves. The result is the same for any number.

        Returns
        -------
        counts : ndarray of shape (n_images, n_neurons), int32
            Excitatory spikes of each image's last presentation, while it was shown.
        attempts : ndarray of shape (n_images,), int32
            Presentations of each image.

        Raises
        ------
        RuleError
            If the rule made a weight that is not a number.
        """
        check_count("threads", threads)
        n_threads = self.training_threads(threads)
        return self._train(images, progress, n_threads, together=n_threads > 1)

    def training_threads(self, threads: int) -> int:
        """How many of so many threads training uses."""
        if self.kernel == "reference":
            return 1
        return max(1, min(threads, default_threads(), self.network.n_neurons // NEURONS_PER_THREAD))

    def compile_training(self, *, together: bool) -> None:
        """Compile the training kernel, for one thread or for several together, or read it from the cache."""
        self._train(np.zeros((1, self.network.n_inputs), np.float32), None, 1, together=together)

    def _train(self, images, progress, n_threads: int, *, together: bool):
        self._check_learning()
        pixels = self._pixels(images)
        progress = np.zeros(len(pixels)) if progress is None else np.asarray(progress, np.float64)
        if progress.shape != (len(pixels),) or not np.isfinite(progress).all():
            raise ConfigError(
                f"progress must be a finite number for each of the {len(pixels)} images, got an array of shape"
                f" {progress.shape}."
            )
        parameters = self._parameters_over(progress)
        theta_plus = self.network.theta_plus * self.network.theta_plus_decay**progress
        counts = np.zeros((len(pixels), self.network.n_neurons), np.int32)
        attempts = np.zeros(len(pixels), np.int32)
        train_images = self._kernels.train_together if together else self._kernels.train

        def train(share, room) -> bool:
            state, memory = kernel_state.of_share(self.state, self.memory, share)
            return train_images(
                state,
                memory,
                parameters,
                theta_plus,
                self.constants,
                self.rule_constants,
                pixels,
                self.input_gain,
                stream_key(self.seed, Stream.TRAINING),
                np.uint64(self.presentations),
                self.schedule,
                counts,
                attempts,
                kernel_state.no_recorder(),
                share,
                room,
            )

        shares = kernel_state.shares(self.network.n_neurons, n_threads)
        rooms = self._rooms_for(shares)
        if n_threads == 1:
            overshot = [train(shares[0], rooms[0])]
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                overshot = list(pool.map(train, shares, rooms))
        self.overshot |= any(overshot)
        self.presentations += int(attempts.sum())
        if not np.isfinite(self.state.rows).all():
            raise RuleError(
                f"The rule {type(self.rule).__name__} made weights that are not finite; lower its learning rate or"
                " bound its weights."
            )
        return counts, attempts

    def count_spikes(self, images, *, threads: int = 1, on_progress=None):
        """The excitatory spikes that images draw with learning off.

        Each image meets the network at rest with draws of its own, so its counts depend on nothing but the image, the
        weights, the thresholds and the seed.

        Parameters
        ----------
        images : ndarray of shape (n_images, n_inputs)
            Pixel values 0-255.
        threads : int
            Images are shared out to this many threads; the result is the same for any number.
        on_progress : callable, optional
            Called with the number of images done.

        Returns
        -------
        counts : ndarray of shape (n_images, n_neurons), uint16
        attempts : ndarray of shape (n_images,), int32
            Presentations of each image; more than one if it drew too few spikes.
        """
        check_count("threads", threads)
        images = np.asarray(images)
        dtype = np.uint16 if self.schedule.n_shown <= np.iinfo(np.uint16).max else np.int32
        counts = np.zeros((len(images), self.network.n_neurons), dtype)
        attempts = np.zeros(len(images), np.int32)
        key = stream_key(self.seed, Stream.PREDICTION)
        nothing = kernel_state.no_rule_state(self.network.dtype)
        no_constants = kernel_state.no_rule_constants(self.network.dtype)
        count_images = self._frozen_kernels.count
        whole = kernel_state.shares(self.network.n_neurons, 1)[0]

        def count(start: int) -> int:
            part = slice(start, start + _IMAGES_PER_TASK)
            pixels = self._pixels(images[part])
            counters = np.array([content_counter(image) for image in pixels], np.uint64)
            own_counts = np.zeros((len(pixels), self.network.n_neurons), np.int32)
            count_images(
                kernel_state.own_dynamics(self.state),
                nothing,
                self.constants,
                no_constants,
                pixels,
                self.input_gain,
                key,
                counters,
                self.schedule,
                own_counts,
                attempts[part],
                kernel_state.no_recorder(),
                whole,
                kernel_state.new_work(self.state, nothing, whole),
            )
            counts[part] = own_counts
            return len(pixels)

        starts = range(0, len(images), _IMAGES_PER_TASK)
        done = 0
        pool = ThreadPoolExecutor(threads)
        try:
            for n_done in pool.map(count, starts):
                done += n_done
                if on_progress is not None:
                    on_progress(done)
        finally:
            pool.shutdown(cancel_futures=True)
        return counts, attempts

    @functools.cached_property
    def _kernels(self):
        return load_kernels(self.kernel, self.rule, self.network.dtype, self.network.integrator)

    @functools.cached_property
    def _frozen_kernels(self):
        return load_kernels(self.kernel, None, self.network.dtype, self.network.integrator)

    def _rooms_for(self, shares):
        """Each share's room to work in, which is kept for the next call."""
        if len(shares) not in self._rooms:
            self._rooms[len(shares)] = [kernel_state.new_work(self.state, self.memory, share) for share in shares]
        return self._rooms[len(shares)]

    def _parameters_over(self, progress) -> np.ndarray:
        """The rule's parameters at each point of training; shape (len(progress), n_parameters)."""
        values, falls = self._parameters
        factors = self.rule.eta_decay ** np.asarray(progress, np.float64)[:, np.newaxis]
        return np.ascontiguousarray(values * np.where(falls, factors, 1.0), self.network.dtype)

    @functools.cached_property
    def _parameters(self):
        """The rule's parameters, and which of them fall with training."""
        named = {**self.rule.parameters(), "n_inputs": self.network.n_inputs}
        return np.array([*named.values()], np.float64), np.array([is_learning_rate(name) for name in named])

    def _pixels(self, images) -> np.ndarray:
        pixels = np.ascontiguousarray(images, np.float32)
        if pixels.ndim != 2 or pixels.shape[1] != self.network.n_inputs:
            raise DataError(
                f"Images must have {self.network.n_inputs} pixels for this network, got an array of shape"
                f" {np.shape(images)}; bring them to that size."
            )
        if not np.isfinite(pixels).all() or np.any(pixels < 0):
            raise DataError("Images must have finite pixels of at least 0; look for NaN and negative values in them.")
        return pixels

    def _check_learning(self) -> None:
        if self.rule is None:
            raise ConfigError("This network has no learning rule; give one to let it learn.")
        if self.state.input_delays.size:
            raise ConfigError("A network with input delays does not learn; set max_input_delay to 0 for training.")


@dataclass(frozen=True)
class Simulation:
    """What :func:`simulate` returns.

    Attributes
    ----------
    exc_spikes, inh_spikes : ndarray of shape (n_spikes, 2), int32
        Every spike as (neuron, step), in order of step, then of neuron.
    weights : ndarray of shape (n_inputs, n_neurons)
    theta : ndarray of shape (n_neurons,), float64
        Final adaptive thresholds, mV.
    rule_state : dict of str to ndarray
        The rule's state variables, shape (n_neurons,), and traces, at the end.
    recording : dict of str to ndarray
        ``v``, ``g_exc``, ``g_inh`` and ``theta`` of the recorded neurons at the end of each step, shape
        (n_steps, n_recorded).
    overshot : bool
        Whether forward Euler passed the bound beyond which it overshoots.
    """

    exc_spikes: np.ndarray
    inh_spikes: np.ndarray
    weights: np.ndarray
    theta: np.ndarray
    rule_state: dict[str, np.ndarray]
    recording: dict[str, np.ndarray]
    overshot: bool


def simulate(
    network: DiehlCook,
    rule: LearningRule,
    *,
    spikes,
    n_steps: int,
    weights=None,
    theta=None,
    delays=None,
    input_delays=None,
    learn: bool = True,
    seed: int = 0,
    kernel: str = "compiled",
    record=(),
) -> Simulation:
    """Run a network on given input spikes and return every spike it fired.

    Parameters
    ----------
    network : DiehlCook
        Its `dtype` sets the precision, its `dt` what a step is.
    rule : LearningRule
    spikes : pair of array-like of shape (n_spikes,), int
        Which input spikes, and in which step; in any order, an input at most once per step.
    n_steps : int
        How long to run.
    weights : array-like of shape (n_inputs, n_neurons), optional
        Initial weights; drawn from the seed if not given, as are the next three.
    theta : array-like of shape (n_neurons,), optional
        Initial adaptive thresholds, mV.
    delays : array-like of shape (n_neurons, n_neurons), int, optional
        Steps from a spike of inhibitory neuron j (row) to its arrival at excitatory neuron k (column).
    input_delays : array-like of shape (n_inputs, n_neurons), int, optional
        Steps from an input's spike to its arrival; only without learning.
    learn : bool
        Whether weights and thresholds change.
    seed : int
    kernel : {"compiled", "reference"}
    record : sequence of int
        Excitatory neurons whose variables to record.

    Returns
    -------
    Simulation

    Raises
    ------
    DataError
        If an array has the wrong shape, or a spike lies outside the inputs or steps.

    Examples
    --------
    >>> from engram import DiehlCook, Triplet, simulate
    >>> network = DiehlCook(n_inputs=2, n_neurons=3)
    >>> simulate(network, Triplet(), spikes=([0, 1], [3, 5]), n_steps=10).exc_spikes.shape
    (0, 2)
    """
    check_count("n_steps", n_steps, at_least=0)
    n_inputs, n = network.n_inputs, network.n_neurons
    index, offset = _sorted_spikes(spikes, n_inputs, n_steps)
    weights = _shaped("weights", weights, (n_inputs, n))
    theta = _shaped("theta", theta, (n,))
    delays = _steps("delays", _shaped("delays", delays, (n, n)))
    input_delays = _steps("input_delays", _shaped("input_delays", input_delays, (n_inputs, n)))
    simulator = Simulator(
        network,
        rule,
        seed=seed,
        kernel=kernel,
        weights=weights,
        theta=theta,
        delays=delays,
        input_delays=input_delays,
    )
    recorded = np.asarray(record, np.int64)
    if recorded.size and not (recorded.min() >= 0 and recorded.max() < n):
        raise DataError(f"record names neurons outside 0 to {n - 1}: {record!r}; choose among the excitatory neurons.")
    recorder = kernel_state.new_recorder(network, n_steps, recorded)
    exc_spikes, inh_spikes, _ = simulator.run(index, offset, n_steps, learn=learn, recorder=recorder)
    return Simulation(
        exc_spikes=exc_spikes,
        inh_spikes=inh_spikes,
        weights=simulator.state.weights,
        theta=simulator.state.theta,
        rule_state=named_rule_state(rule, simulator.memory),
        recording=dict(zip(("v", "g_exc", "g_inh", "theta"), recorder.values, strict=True)),
        overshot=simulator.overshot,
    )


def named_rule_state(rule: LearningRule, memory) -> dict[str, np.ndarray]:
    """A rule's memory by the names that its equations use."""
    from engram.plasticity.base import known_names

    names = known_names(rule)
    return {
        **dict(zip(names["pre"], memory.x_pre, strict=True)),
        **dict(zip(names["post"], memory.x_post, strict=True)),
        **dict(zip(names["synapse"], memory.synapse, strict=True)),
        **dict(zip(names["state"], memory.neuron, strict=True)),
    }


def _sorted_spikes(spikes, n_inputs: int, n_steps: int):
    """Spikes as (index, offset), in order of step, then of input."""
    index, step = (np.asarray(part) for part in spikes)
    if index.shape != step.shape or index.ndim != 1:
        raise DataError(f"spikes must be two lists of equal length, got shapes {index.shape} and {step.shape}.")
    if index.size == 0:
        return np.zeros(0, np.int32), np.zeros(n_steps + 1, np.int64)
    if not (np.issubdtype(index.dtype, np.integer) and np.issubdtype(step.dtype, np.integer)):
        raise DataError("spikes must be whole numbers (input, step); divide times by dt first.")
    if index.min() < 0 or index.max() >= n_inputs:
        raise DataError(f"spikes name inputs outside 0 to {n_inputs - 1}; check the network's n_inputs.")
    if step.min() < 0 or step.max() >= n_steps:
        raise DataError(f"spikes name steps outside 0 to {n_steps - 1}; check n_steps.")
    order = np.lexsort((index, step))
    index, step = index[order], step[order]
    if np.any((np.diff(index) == 0) & (np.diff(step) == 0)):
        raise DataError("spikes name an input twice in one step; an input spikes at most once per step.")
    offset = np.searchsorted(step, np.arange(n_steps + 1)).astype(np.int64)
    return index.astype(np.int32), offset


def _shaped(name: str, array, shape):
    """An optional array argument, checked."""
    if array is None:
        return None
    array = np.asarray(array)
    if array.shape != shape:
        raise DataError(f"{name} must have shape {shape}, got {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise DataError(f"{name} holds values that are not finite; mend them first.")
    return array


def _steps(name: str, delays):
    """Delays as an unsigned type that is wide enough."""
    if delays is None:
        return None
    if delays.min() < 0 or delays.max() > np.iinfo(np.uint16).max - 1 or np.any(delays != np.rint(delays)):
        raise DataError(f"{name} must be whole steps from 0 to 65,534.")
    return delays.astype(np.uint8 if delays.max() < 256 else np.uint16)
