"""The tutorial's network: frozen weights, an input that grows louder, and an answer once one neuron leads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engram.blocks.equations import MS_PER_S, firing_rate, neuron_constants, spike_height
from engram.datasets.base import check_images
from engram.errors import ConfigError, DataError
from engram.kernels import tutorial_reference
from engram.kernels.availability import compiled_or_reference
from engram.kernels.tutorial_reference import ReadingConstants
from engram.named import NamedParameters
from engram.neurons import EXCITATORY, ConductanceLIF
from engram.randomness import Stream, content_counter, stream_key
from engram.threads import results_of
from engram.validation import check_choice, check_count, check_finite, check_positive, settle_floats

_IMAGES_PER_TASK = 16
_MOST_STEPS = 2**20  # steps of one presentation that have random numbers of their own


@dataclass(frozen=True, kw_only=True)
class TutorialNetwork(NamedParameters):
    r"""Adaptive neurons that read an image with frozen weights, and as many inhibitory ones that silence the rest [1]_.

    Input spikes :math:`s_i` reach excitatory ALIF neuron j as
    :math:`I_j = g \sum_i w_{ij}\, psp_i - \max(0, k (\sum_{l \ne j} psp^{inh}_l) / n)`; each drives, through a slow
    synapse, an inhibitory LIF neuron of its own. The input rate grows by a constant factor until one neuron leads
    alone with enough spikes; its label is the answer.

    Parameters
    ----------
    dt : float
        Time step, ms.
    shown, blank : float
        Longest presentation and the blank input after an answer, ms. Blank time matters to recordings only: every
        image meets the network at rest.
    max_repeats : int
        How often an image is shown again while no neuron leads and none has `min_spikes`.
    min_spikes : int
        Spikes with which a neuron that leads alone ends the presentation.
    min_rate, max_rate : float
        Input rates of black and white at the start, Hz.
    growth : float
        Factor on the input rate per ms. Chances of a spike stop at 1.
    input_gain : float
        Factor on the input current: how much one input spike counts.
    inhibition : float
        Factor on the mean of the inhibitory PSPs.
    theta_gain : float
        Factor on the trained thresholds.
    tau_input, tau_exc, tau_inh : float
        Decay of the input, excitatory and inhibitory PSP, ms.
    tau_rc, tau_ref, v_th : float
        See :class:`engram.blocks.LIF`.
    tau_theta, inc_theta : float
        Decay, ms, and step per spike of the threshold; see :class:`engram.blocks.ALIF`.

    References
    ----------
    .. [1] *Research Replication: Unsupervised Learning of Digit Recognition Using STDP*, tutorial, part 2.

    Examples
    --------
    >>> from engram.networks.tutorial import TutorialNetwork
    >>> TutorialNetwork(growth=1.02).growth
    1.02
    """

    dt: float = 1.0
    shown: float = 550.0
    blank: float = 150.0
    max_repeats: int = 3
    min_spikes: int = 10
    min_rate: float = 0.01
    max_rate: float = 0.2
    growth: float = 1.1
    input_gain: float = 1.0
    inhibition: float = 1.0
    theta_gain: float = 1.0
    tau_input: float = 100.0
    tau_exc: float = 200.0
    tau_inh: float = 500.0
    tau_rc: float = 20.0
    tau_ref: float = 2.0
    v_th: float = 1.0
    tau_theta: float = 1100.0
    inc_theta: float = 0.0

    def __post_init__(self):
        for name in ("dt", "shown", "tau_input", "tau_exc", "tau_inh", "tau_rc", "tau_theta"):
            check_positive(name, getattr(self, name), "ms")
        for name in ("blank", "tau_ref"):
            check_positive(name, getattr(self, name), "ms", or_zero=True)
        for name in ("min_rate", "max_rate"):
            check_positive(name, getattr(self, name), "Hz", or_zero=True)
        for name in ("input_gain", "v_th"):
            check_positive(name, getattr(self, name))
        for name in ("inhibition", "theta_gain", "inc_theta"):
            check_positive(name, getattr(self, name), or_zero=True)
        check_count("max_repeats", self.max_repeats, at_least=0)
        check_count("min_spikes", self.min_spikes)
        check_finite("growth", self.growth)
        if self.growth < 1:
            raise ConfigError(f"growth must be at least 1 per ms, got {self.growth!r}.")
        if self.max_rate < self.min_rate:
            raise ConfigError(
                f"max_rate must be at least min_rate, got min_rate={self.min_rate!r} and max_rate={self.max_rate!r} Hz."
            )
        if not 1 <= round(self.shown / self.dt) < _MOST_STEPS:
            raise ConfigError(f"shown must be 1 to {_MOST_STEPS - 1:,} time steps, got {self.shown!r} ms.")
        if self.max_repeats * _MOST_STEPS >= 2**31:
            raise ConfigError(f"max_repeats must be below {2**31 // _MOST_STEPS:,}, got {self.max_repeats!r}.")
        settle_floats(self)

    def rates(self, images) -> np.ndarray:
        """Input rates at the start, Hz, in the shape of the images; pixel values 0-255."""
        return firing_rate(np.asarray(images, np.float64), 0.0, 255.0, self.min_rate, self.max_rate)

    def constants(self, n_neurons: int) -> ReadingConstants:
        """What a kernel needs, per time step."""
        height = spike_height(self.dt)
        slowest = self.min_rate or self.max_rate
        neuron = {"tau_rc": self.tau_rc, "tau_ref": self.tau_ref, "v_th": self.v_th, "dt": self.dt}
        return ReadingConstants(
            dt=float(self.dt),
            n_shown=round(self.shown / self.dt),
            max_repeats=int(self.max_repeats),
            min_spikes=int(self.min_spikes),
            growth=float(self.growth) ** float(self.dt),
            most_growth=max(1.0, 256.0 * height / slowest) if slowest > 0 else 1.0,
            input_gain=self.input_gain * height,
            inhibition=self.inhibition / n_neurons,
            spike_height=height,
            input_decay=math.exp(-self.dt / self.tau_input),
            exc_decay=math.exp(-self.dt / self.tau_exc),
            inh_decay=math.exp(-self.dt / self.tau_inh),
            inc_inh=float(self.inc_theta),
            excitatory=neuron_constants(**neuron, tau_inh=self.tau_theta),
            inhibitory=neuron_constants(**neuron),
        )


TEXT = TutorialNetwork()
"""The tutorial's own constants: one input spike adds up to 10 to a current whose threshold is near 1."""

MORE_EVIDENCE = TutorialNetwork(min_rate=0.1, max_rate=2.0, growth=1.05, input_gain=0.005, min_spikes=20)
"""Constants of ours: an input spike counts 200 times less and the ramp is slower, so many more are heard first."""

PRESETS = {"text": TEXT, "more_evidence": MORE_EVIDENCE}
"""Constants of the network by the name that users type."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Every spike of a reading.

    Attributes
    ----------
    input_spikes, exc_spikes, inh_spikes : ndarray of shape (n_spikes, 2), int32
        (input or neuron, step), in order of step.
    rate : ndarray of shape (n_steps,)
        Input rate of white, Hz, in each step; 0 in the blank at the end.
    dt : float
        Length of a step, ms.
    """

    input_spikes: np.ndarray
    exc_spikes: np.ndarray
    inh_spikes: np.ndarray
    rate: np.ndarray
    dt: float


@dataclass(frozen=True, eq=False)
class Reading:
    """How the network read one image.

    Attributes
    ----------
    answer : int or None
        The leader's label; None if no neuron led alone, or the one that did has no label.
    leader : int or None
        The neuron that led alone.
    counts : ndarray of shape (n_neurons,), int64
        Spikes of each excitatory neuron while the image was shown.
    shown : float
        How long the image was shown, the last time, ms.
    repeats : int
        How often it had been shown before without a leader.
    rate : float
        Input rate of white when the answer came, Hz.
    why_none : str
        Why there is no answer; empty if there is one.
    raster : Raster or None
        Every spike of the last presentation, if asked for.
    """

    answer: int | None
    leader: int | None
    counts: np.ndarray
    shown: float
    repeats: int
    rate: float
    why_none: str = ""
    raster: Raster | None = None

    @property
    def recorded(self) -> Raster:
        """Every spike of the last presentation.

        Raises
        ------
        ConfigError
            If nobody asked for them.
        """
        if self.raster is None:
            raise ConfigError("The spikes of this reading were not kept; read with record=True.")
        return self.raster


@dataclass(frozen=True, eq=False)
class Readings:
    """How the network read several images, row by row.

    Attributes
    ----------
    answers : ndarray of shape (n_images,), int64
        Labels; -1 where there is no answer, which a class may be called too.
    answered : ndarray of shape (n_images,), bool
        Whether there is one.
    leaders : ndarray of shape (n_images,), int64
        Neurons that led alone; -1 for none.
    counts : ndarray of shape (n_images, n_neurons), int64
    shown : ndarray of shape (n_images,)
        ms.
    repeats : ndarray of shape (n_images,), int64
    """

    answers: np.ndarray
    answered: np.ndarray
    leaders: np.ndarray
    counts: np.ndarray
    shown: np.ndarray
    repeats: np.ndarray

    def accuracy(self, labels) -> float:
        """Fraction of the images answered with their label; no answer counts as wrong."""
        labels = np.asarray(labels)
        if labels.shape != self.answers.shape:
            raise DataError(f"labels must have shape {self.answers.shape}, got {labels.shape}.")
        return float(np.mean((self.answers == labels) & self.answered)) if len(labels) else math.nan


class TutorialReader:
    """The tutorial's network with trained parameters, reading images.

    A reading depends on the seed and the image's content alone, not on what was read before or beside it.

    Parameters
    ----------
    weights : array-like of shape (n_inputs, n_neurons)
    theta : array-like of shape (n_neurons,)
        What each threshold has above `v_th`, in units of `v_th`; see :func:`relative_theta`.
    labels : array-like of shape (n_neurons,), int
        Each neuron's class; negative for none, unless `labelled` tells.
    labelled : array-like of shape (n_neurons,), bool, optional
        Which neurons have a class, for classes that may be negative.
    network : TutorialNetwork, optional
        Its constants; :data:`MORE_EVIDENCE` if not given.
    seed : int
    kernel : {"compiled", "reference"}
        Which kernel computes; both give the same answers.

    Raises
    ------
    DataError
        If an array has the wrong shape or holds what is no number.

    Examples
    --------
    >>> import numpy as np
    >>> from engram.networks.tutorial import TutorialReader
    >>> weights = np.array([[4.0, 0.0], [0.0, 4.0]])
    >>> reader = TutorialReader(weights, theta=[0, 0], labels=[3, 7], kernel="reference")
    >>> reader.read([0, 255]).answer
    7
    """

    def __init__(
        self,
        weights,
        theta,
        labels,
        *,
        labelled=None,
        network: TutorialNetwork | None = None,
        seed: int = 0,
        kernel: str = "compiled",
    ):
        check_choice("kernel", kernel, ("compiled", "reference"))
        check_count("seed", seed, at_least=-(2**63))
        self.network, self.seed, self.kernel = network or MORE_EVIDENCE, seed, kernel
        if not isinstance(self.network, TutorialNetwork):
            raise ConfigError(f"network must be a TutorialNetwork, such as engram.networks.TEXT, got {network!r}.")
        self.weights = _finite("weights", weights, 2, np.float32)
        self.theta = _finite("theta", theta, 1, np.float64)
        self.labels = _finite("labels", labels, 1, np.int64)
        self.labelled = self.labels >= 0 if labelled is None else np.asarray(labelled, bool)
        n = self.weights.shape[1]
        for name in ("theta", "labels", "labelled"):
            if len(getattr(self, name)) != n:
                raise DataError(f"{name} must hold one value for each of {n} neurons, got {len(getattr(self, name))}.")
        self._key = stream_key(seed, Stream.PREDICTION)
        self._start = self.network.theta_gain * self.network.v_th * self.theta
        self._constants = self.network.constants(n)

    def read(self, image, *, record: bool = False) -> Reading:
        """Read one image.

        Parameters
        ----------
        image : array-like of shape (n_inputs,) or (height, width)
            Pixel values 0-255.
        record : bool
            Whether to keep every spike, of the blank after the answer too.

        Returns
        -------
        Reading
        """
        pixels = self._pixels(np.asarray(image).reshape(1, -1))
        net, c = self.network, self._constants
        read = self._kernels()[0]
        n_blank = round(net.blank / net.dt) if record else 0
        rates, counter = net.rates(pixels[0]), content_counter(pixels[0])
        counts, leader, steps, repeats, *spikes = read(
            rates, self.weights, self._start, c, self._key, counter, n_blank, record
        )
        answer, why_none = self._answer(leader, counts)
        ramp = self._ramp(steps)
        return Reading(
            answer=answer,
            leader=None if leader < 0 else int(leader),
            counts=counts,
            shown=float(steps * net.dt),
            repeats=int(repeats),
            rate=float(ramp[-1]),
            why_none=why_none,
            raster=Raster(*spikes, np.append(ramp, np.zeros(n_blank)), float(net.dt)) if record else None,
        )

    def read_all(
        self, images, *, threads: int | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Readings:
        """Read images.

        Parameters
        ----------
        images : array-like of shape (n_images, n_inputs)
            Pixel values 0-255.
        threads : int, optional
            Images are shared out to this many threads, all cores if not given; the result is the same for any number.
        on_progress : callable, optional
            Called with the number of images done.

        Returns
        -------
        Readings
        """
        threads = os.cpu_count() or 1 if threads is None else threads
        check_count("threads", threads)
        pixels = self._pixels(images)
        n_images, n = len(pixels), self.weights.shape[1]
        counts = np.zeros((n_images, n), np.int64)
        leaders, steps, repeats = (np.zeros(n_images, np.int64) for _ in range(3))
        read_all = self._kernels()[1]

        def read(start: int) -> int:
            part = slice(start, start + _IMAGES_PER_TASK)
            counters = np.array([content_counter(image) for image in pixels[part]], np.uint64)
            read_all(
                self.network.rates(pixels[part]), self.weights, self._start, self._constants, self._key, counters,
                counts[part], leaders[part], steps[part], repeats[part],
            )  # fmt: skip
            return len(counters)

        done = 0
        pool = ThreadPoolExecutor(threads)
        try:
            for n_done in results_of(pool, read, range(0, n_images, _IMAGES_PER_TASK)):
                done += n_done
                if on_progress is not None:
                    on_progress(done)
        finally:
            pool.shutdown(cancel_futures=True)
        answered = (leaders >= 0) & self.labelled[leaders]
        answers = np.where(answered, self.labels[leaders], -1)
        return Readings(answers, answered, leaders, counts, steps * float(self.network.dt), repeats)

    def potentials(self, image) -> tuple[np.ndarray, np.ndarray]:
        """The potentials behind ``read(image, record=True)``, step by step, by the reference kernel.

        Parameters
        ----------
        image : array-like of shape (n_inputs,) or (height, width)
            Pixel values 0-255.

        Returns
        -------
        v, threshold : ndarray of shape (n_steps, n_neurons)
            Of the excitatory neurons at the end of each step of the last presentation and the blank, in units of
            `v_th`; a neuron that fires is at 0.
        """
        pixels = self._pixels(np.asarray(image).reshape(1, -1))[0]
        steps: list[tuple[np.ndarray, np.ndarray]] = []

        def keep(step, v, threshold):
            del steps[step:]  # what was shown before without a result
            steps.append((v.copy(), threshold))

        n_blank = round(self.network.blank / self.network.dt)
        tutorial_reference.read(
            self.network.rates(pixels), self.weights, self._start, self._constants, self._key,
            content_counter(pixels), n_blank, False, keep,
        )  # fmt: skip
        return np.array([v for v, _ in steps]), np.array([threshold for _, threshold in steps])

    def _kernels(self):
        def reference():
            return tutorial_reference.read, tutorial_reference.read_all

        def compiled():
            from engram.kernels import tutorial_cpu

            return tutorial_cpu.kernels()

        return reference() if self.kernel == "reference" else compiled_or_reference(compiled, reference)

    def _pixels(self, images) -> np.ndarray:
        pixels = check_images(images, len(self.weights)).astype(np.float32)
        if pixels.size and pixels.max() > 255:
            raise DataError(f"images must hold pixel values 0-255, got {pixels.max():g}; scale them to that range.")
        return pixels

    def _answer(self, leader: int, counts) -> tuple[int | None, str]:
        """The leader's label, or why there is none."""
        if leader >= 0 and self.labelled[leader]:
            return int(self.labels[leader]), ""
        if leader >= 0:
            return None, f"Neuron {leader} led alone but has no label."
        if counts.max() == 0:
            return None, "No neuron fired."
        return (
            None,
            f"{np.sum(counts == counts.max())} neurons lead together, with {counts.max()} spikes each.",
        )

    def _ramp(self, n_steps: int) -> np.ndarray:
        """Input rate of white in each step, Hz, at most one spike a step."""
        net, c = self.network, self._constants
        with np.errstate(over="ignore"):
            growth = np.minimum(c.growth ** np.arange(n_steps), c.most_growth)
        return np.minimum(net.max_rate * growth, MS_PER_S / net.dt)


def relative_theta(theta, neuron: ConductanceLIF = EXCITATORY) -> np.ndarray:
    r"""Thresholds of the main network as the tutorial's network takes them.

    Held at a conductance :math:`g`, a conductance neuron comes to rest at its threshold :math:`v^*` if
    :math:`g^* = (v^* - v_{rest}) / (0 - v^*)`. :math:`g^*` is the drive that a neuron needs, in the unit of its
    weights; a neuron driven by a current needs :math:`v_{th} + inh`. So the ratio of :math:`g^*` to the smallest one
    becomes the ratio of the thresholds.

    Parameters
    ----------
    theta : array-like of shape (n_neurons,)
        Adaptive thresholds of :class:`engram.networks.DiehlCook`, mV.
    neuron : ConductanceLIF
        Its excitatory neuron.

    Returns
    -------
    ndarray of shape (n_neurons,)
        :math:`g^* / \min g^* - 1`; 0 for the neuron that needs least.

    Raises
    ------
    DataError
        If a threshold lies outside the resting and the reversal potential, where no conductance reaches it.

    Examples
    --------
    >>> from engram.networks.tutorial import relative_theta
    >>> relative_theta([32.0, 52.0]).round(3).tolist()  # 25 / 40 and 45 / 20
    [0.0, 2.6]
    """
    threshold = _finite("theta", theta, 1, np.float64) + neuron.v_thresh
    if np.any((threshold <= neuron.v_rest) | (threshold >= 0)):
        raise DataError(
            f"theta must put thresholds between {neuron.v_rest:g} and 0 mV, got {threshold.min():g} to"
            f" {threshold.max():g} mV; give theta in mV."
        )
    needed = (threshold - neuron.v_rest) / -threshold
    return needed / needed.min() - 1.0


def _finite(name: str, values, n_dimensions: int, dtype) -> np.ndarray:
    """An array of finite numbers of a type and number of dimensions, not empty."""
    try:
        array = np.asarray(values)
        numbers = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be a rectangular array of numbers; mend the others.") from None
    if array.ndim != n_dimensions or array.size == 0:
        raise DataError(f"{name} must have {n_dimensions} dimension(s) and not be empty, got shape {array.shape}.")
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"{name} holds values that are not finite; mend them first.")
    if np.issubdtype(dtype, np.integer) and np.any(numbers != np.rint(numbers)):
        raise DataError(f"{name} must be whole numbers.")
    return np.ascontiguousarray(array, dtype)
