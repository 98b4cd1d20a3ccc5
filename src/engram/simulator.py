"""One network and its state: run it on given spikes, train it, or count the spikes that images draw."""

from __future__ import annotations

import collections
import contextlib
import functools
import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engram.errors import ConfigError, DataError, RuleError
from engram.kernels.availability import compiled_or_reference
from engram.kernels.memory import NEVER
from engram.kernels.state import NetworkState, held_weights, new_state
from engram.named import NamedParameters
from engram.networks import DiehlCook, Network, Protocol
from engram.plasticity.base import LearningRule, check_rule, is_learning_rate, known_names
from engram.processors import default_threads
from engram.randomness import Stream, content_counter, stream_key
from engram.recall import Below, can_recall
from engram.sources import Poisson, Source
from engram.threads import CountedThreads, result_of, results_of
from engram.validation import check_choice, check_count, check_gates

KERNELS = ("compiled", "reference")
NEURONS_PER_THREAD = 800
"""Learning neurons from which a further thread pays."""

_FIRST_RUN = 1 << 31
"""Runs outside of presentations draw as if they came after so many."""

_IMAGES_PER_TASK = 32


def load_network(kernel: str, network: Network, state: NetworkState, n_threads: int = 1):
    """A network as a kernel runs it; the compiler is imported only if machine code is missing."""

    def compiled():
        from engram.kernels.build import CompiledNetwork

        return CompiledNetwork(network, state, n_threads)

    def reference():
        from engram.kernels.reference import ReferenceNetwork

        return ReferenceNetwork(network, state)

    return reference() if kernel == "reference" else compiled_or_reference(compiled, reference)


@dataclass(frozen=True, eq=False)
class PresentedImage:
    """Every spike of a presentation.

    Attributes
    ----------
    counts : ndarray of shape (n_neurons,), int64
        Spikes of each neuron that is read out, while the image was shown.
    repeats : int
        How often it had been shown before, and drawn too few spikes.
    intensity : float
        How loud it was.
    n_shown, n_blank : int
        Steps with input, and without.
    input_spikes : ndarray of shape (n_spikes, 2), int32
        Of the first input: input and step, in order of step.
    spikes : dict of str to ndarray of shape (n_spikes, 2), int32
        By population: neuron and step, in order of step.
    """

    counts: np.ndarray
    repeats: int
    intensity: float
    n_shown: int
    n_blank: int
    input_spikes: np.ndarray
    spikes: dict[str, np.ndarray]


class Simulator(NamedParameters):
    """A network with its weights, thresholds and membranes, and rules that change them.

    Parameters
    ----------
    network : DiehlCook or Network
    rule : LearningRule or None
        By which the input of a :class:`DiehlCook` learns; None for a network that does not learn. The projections of a
        :class:`Network` name their own rules.
    seed : int
        Everything random is drawn from it.
    protocol : Protocol, optional
        How images are shown.
    input_gain : float
        Factor on pixel values, for Poisson spikes.
    source : Source or dict of str to Source, optional
        What makes spikes of what is shown, by input or for all of them; Poisson spikes by default.
    kernel : {"compiled", "reference"}
        Which kernel computes; both give the same bits.
    weights : array-like of shape (n_inputs, n_neurons), or dict of str to array-like, optional
        Initial weights, of the input or by projection; drawn from the seed if not given.
    theta : array-like of shape (n_neurons,), or dict of str to array-like, optional
        Initial adaptive thresholds, mV, of the excitatory neurons or by population.
    delays : ndarray of shape (n_neurons, n_neurons), or dict of str to ndarray, optional
        Steps from an inhibitory neuron's spike to its arrival at an excitatory one, or by projection; drawn from the
        seed if not given.
    input_delays : ndarray of shape (n_inputs, n_neurons), optional
        Steps from an input's spike to its arrival; a network with such delays does not learn.

    Attributes
    ----------
    state : NetworkState
        ``state.weights`` and ``state.theta`` are what was learned.
    presentations : int
        How many presentations were learned from.
    interrupted : bool
        Whether the last call of :meth:`train` was cut short by Ctrl-C, between two images.

    Raises
    ------
    DataError
        If an array has the wrong shape or is not of finite numbers.
    """

    def __init__(
        self,
        network: DiehlCook | Network,
        rule: LearningRule | None = None,
        *,
        seed: int = 0,
        protocol: Protocol | None = None,
        input_gain: float = 1.0,
        source: Source | dict[str, Source] | None = None,
        kernel: str = "compiled",
        weights=None,
        theta=None,
        delays=None,
        input_delays=None,
    ):
        check_choice("kernel", kernel, KERNELS)
        if not isinstance(network, (DiehlCook, Network)):
            raise ConfigError(f"network must be a DiehlCook or a Network, got {network!r:.100}.")
        self.network, self.rule, self.seed, self.kernel = network, rule, seed, kernel
        self.protocol = protocol or Protocol()
        source = Poisson(gain=input_gain) if source is None else source
        if isinstance(network, DiehlCook):
            self.described, given = _diehl_cook(network, rule, seed, weights, theta, delays, input_delays)
        else:
            if rule is not None:
                raise ConfigError("The projections of a Network name their own rules; give Dense(..., rule=...).")
            self.described, given = network, {"weights": weights, "theta": theta, "delays": delays}
        for p in self.described.plastic:
            check_rule(p.learning_rule)
        self.state = new_state(self.described, seed, **given)
        self.sources = source if isinstance(source, dict) else dict.fromkeys(self.described.inputs, source)
        self.input_gain = float(self.source.gain) if self.sources else 1.0
        if protocol is not None:
            check_gates(self.described, protocol)
        self.schedule = schedule_steps(self.protocol, self.described.dt)
        if self.sources and not any(source.grows_louder for source in self.sources.values()):
            self.schedule["max_intensity"] = self.schedule["start_intensity"]  # once more would be the same once more
        self.presentations = self._runs = 0
        self.overshot = self.interrupted = False
        self.processor_seconds = 0.0
        self._learning: dict[tuple[int, str], object] = {}
        self._frozen: dict = collections.defaultdict(queue.SimpleQueue)
        self._stages: dict[str, Network] = {}
        self._below: dict[str, Below] = {}

    def begin_again(self, weights, theta) -> None:
        """Be as a new simulator that is given weights and thresholds, as the constructor takes them."""
        self.take(weights, theta)
        self.state.begin_again(self.described)
        self.presentations = self._runs = 0
        self.overshot = self.interrupted = False
        self.processor_seconds = 0.0

    def come_to_rest(self) -> None:
        """Be as a new simulator that is given what this one learned, and what its rules remember."""
        self.state.come_to_rest(self.described)
        self._runs = 0
        self.overshot = self.interrupted = False
        self.processor_seconds = 0.0

    def take(self, weights, theta) -> None:
        """Go on by other weights and thresholds, of the same shapes."""
        self.state.unfollow_columns()
        if isinstance(self.network, DiehlCook):
            weights, theta = {"input_exc": weights}, {"exc": theta}
        for name, values in weights.items():
            state = self.state.projections[name]
            values = np.asarray(values, state.weights.dtype)
            state.weights[...] = held_weights(self.described.named[name].rule, values, state.listing)
        for name, values in theta.items():
            self.state.populations[name].theta[...] = values

    @property
    def memory(self):
        """What the rule of the first plastic projection remembers; None if nothing learns."""
        return self.state.projections[self.described.plastic[0].name].memory if self.described.plastic else None

    @property
    def source(self) -> Source:
        """What makes spikes of what is shown on the first input."""
        return next(iter(self.sources.values()))

    def run(self, spikes_of, n_steps: int, *, learn: bool, record: bool = False, observer=None, every: int = 0):
        """Advance the network on given input spikes.

        Parameters
        ----------
        spikes_of : dict of str to pair of ndarray
            By input, ``index`` of shape (n_spikes,), int32, the inputs that spike, in order of step, and ``offset`` of
            shape (n_driven_steps + 1,), int64: spikes of step t are ``index[offset[t]:offset[t + 1]]``; later steps
            are blank.
        n_steps : int
        learn : bool
        record : bool
            Whether to return all spikes.
        observer : callable, optional
            Called with the number of steps done every `every` steps, when :attr:`state` stands as between runs.

        Returns
        -------
        spikes : dict of str to ndarray of shape (n_spikes, 2), int32
            By population: neuron and step, in order of step; empty without `record`.
        counts : ndarray of shape (n_neurons,), int32
            Spikes of the population that is read out.
        """
        if learn and isinstance(self.network, DiehlCook):
            self._check_learning()
        counts = np.zeros(self.described.size_of(self.described.readout), np.int32)
        network = self.loaded(1)
        if learn:
            network.use_draws(_FIRST_RUN + self._runs, self._rounding_keys)
            self._runs += 1
        spikes = network.run(
            spikes_of, n_steps, learn=learn, counts=counts, record=record, observer=observer, every=every
        )
        self.overshot |= bool(network.overshot)
        return spikes, counts

    def train(self, images, progress=None, *, threads: int = 1, layer: str = ""):
        """Learn from images, in order.

        Parameters
        ----------
        images : ndarray of shape (n_images, n_inputs), or dict of str to array-like
            Pixel values 0-255, or what the sources of each input take.
        progress : ndarray of shape (n_images,), optional
            How much of training is done at each image, 0 to 1: learning rates and the steps of the thresholds fall
            with it.
        threads : int
            At most so many threads share out the neurons, no more than there are processors, and each with at least
            :data:`NEURONS_PER_THREAD`: fewer are faster by themselves. The result is the same for any number.
        layer : str, optional
            The population that learns, one of ``described.layers``, while what it depends on stays as it is and the
            rest is left out, see :meth:`engram.networks.Network.stage`. By default all learn together. What layers
            below answer is computed once for each image where it is the same each time, see :mod:`engram.recall`.

        Returns
        -------
        counts : ndarray of shape (n_images, n_neurons), int32
            Spikes of each image's last presentation, while it was shown, of the population that is read out, or of the
            layer that learns.
        attempts : ndarray of shape (n_images,), int32
            Presentations of each image.

        Raises
        ------
        RuleError
            If the rule made a weight that is not a number.

        Notes
        -----
        Ctrl-C ends between two images; then :attr:`interrupted` is true, and the results are of fewer images.
        """
        check_count("threads", threads)
        self._check_learning()
        samples, n = self._samples(images)
        progress = np.zeros(n) if progress is None else np.asarray(progress, np.float64)
        if progress.shape != (n,) or not np.isfinite(progress).all():
            raise ConfigError(
                f"progress must be a finite number for each of the {n} images, got an array of shape {progress.shape}."
            )
        network = self.loaded(self.training_threads(threads, layer), layer)
        shown = self._shown(network.network, n, progress=progress)
        self._use_sources(network, Stream.TRAINING, samples, layer)
        network.use_draws(self.presentations, self._rounding_keys)
        done = self._present(network, shown)
        self.interrupted = done < n
        self.overshot |= bool(network.overshot)
        self.presentations += int(shown.attempts[:done].sum())
        for p in self.described.plastic:
            if not self.state.projections[p.name].is_finite:
                raise RuleError(
                    f"The rule {type(p.rule).__name__} made weights that are not finite; lower its learning rate or"
                    " bound its weights."
                )
        return shown.counts[:done], shown.attempts[:done]

    def training_threads(self, threads: int, layer: str = "") -> int:
        """How many of so many threads training uses, of all layers or one."""
        if self.kernel == "reference" or threads == 1:
            return 1
        network = self._stage(layer) if layer else self.described
        largest = max(p.n for p in network.populations.values())
        return max(1, min(threads, default_threads(), largest // NEURONS_PER_THREAD))

    def prepare(self, threads: int = 1, layer: str = "") -> None:
        """Have everything at hand that training needs: machine code is compiled, or read from where it was kept."""
        self.loaded(self.training_threads(threads, layer), layer)

    def count_spikes(self, images, *, threads: int = 1, on_progress=None):
        """The spikes that images draw with learning off.

        Each image meets the network at rest with draws of its own, so its counts depend on nothing but the image, the
        weights, the thresholds and the seed.

        Parameters
        ----------
        images : ndarray of shape (n_images, n_inputs), or dict of str to array-like
            Pixel values 0-255, or what the sources of each input take.
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
        if not isinstance(images, dict) and (not self.sources or not self.source.takes_events):
            images = np.asarray(images)
        n = len(next(iter(images.values()))) if isinstance(images, dict) else len(images)
        n_neurons = self.described.size_of(self.described.readout)
        dtype = np.uint16 if self.schedule["n_shown"] <= np.iinfo(np.uint16).max else np.int32
        counts, attempts = np.zeros((n, n_neurons), dtype), np.zeros(n, np.int32)
        workers = []

        def count(start: int) -> int:
            part = slice(start, min(start + _IMAGES_PER_TASK, n))
            chosen = {k: v[part] for k, v in images.items()} if isinstance(images, dict) else images[part]
            samples, n_part = self._samples(chosen)
            layer = self._recalled_for(samples)
            network = self._frozen_network(layer)
            workers.append(network)
            shown = self._shown(network.network, n_part, samples=samples)
            self._use_sources(network, Stream.PREDICTION, samples, layer)
            done = network.present(shown)
            self._frozen[layer].put(network)
            counts[part], attempts[part] = shown.counts, shown.attempts
            return done

        done = 0
        pool = ThreadPoolExecutor(threads) if n > 1 else None  # one image is done at once, and starts no thread
        try:
            starts = range(0, n, _IMAGES_PER_TASK)
            for n_done in results_of(pool, count, starts) if pool else map(count, starts):
                done += n_done
                if on_progress is not None:
                    on_progress(done)
        except BaseException:
            for network in workers:
                network.stop[0] = 1
            raise
        finally:
            if pool:
                pool.shutdown(cancel_futures=True)
            for network in workers:
                network.stop[0] = 0
        return counts, attempts

    def presentation_of(self, image) -> PresentedImage:
        """Every spike that an image draws with learning off: the presentation that :meth:`count_spikes` counts, and the
        blank after it.

        Parameters
        ----------
        image : ndarray of shape (n_inputs,)
            Pixel values 0-255, or what the source takes.

        Returns
        -------
        PresentedImage
        """
        samples, _ = self._samples(np.asarray(image)[np.newaxis] if isinstance(image, np.ndarray) else [image])
        shown = self._shown(self._frozen_description, 1, samples=samples, with_blank=True)
        network = self._frozen_network()
        network.use_sources(self.sources, self._keys(Stream.PREDICTION), samples)
        network.present(shown, record=True)
        inputs, spikes = network.last_presentation()
        self._frozen[""].put(network)
        index, offset = next(iter(inputs.values()))
        steps = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
        n_shown, n_blank, repeats = shown.schedule["n_shown"], shown.schedule["n_blank"], int(shown.attempts[0]) - 1
        return PresentedImage(
            counts=shown.counts[0].astype(np.int64),
            repeats=repeats,
            intensity=shown.schedule["start_intensity"] + repeats,
            n_shown=n_shown,
            n_blank=n_blank,
            input_spikes=np.column_stack((index, steps)).astype(np.int32),
            spikes=spikes,
        )

    def loaded(self, n_threads: int, layer: str = ""):
        """The network as its kernel runs it, for so many threads; whole, or the stage of one layer."""
        if (n_threads, layer) not in self._learning:
            described = self._stage(layer) if layer else self.described
            state = self.state.part(described) if layer else self.state
            self._learning[n_threads, layer] = load_network(self.kernel, described, state, n_threads)
        return self._learning[n_threads, layer]

    def _stage(self, layer: str) -> Network:
        """The network in which a layer learns: what the layers below it answer is recalled where that may be."""
        if layer not in self._stages:
            stage = self.described.stage(layer)
            parts = stage.parted() if can_recall(self) else None
            if parts:
                self._below[layer] = Below(self, parts[0], parts[1].inputs)
            self._stages[layer] = parts[1] if parts else stage
        return self._stages[layer]

    def _recalled_for(self, samples: dict) -> str:
        """The layer that is read out, if it has heard all of these samples already."""
        below = self._below.get(self.described.readout)
        known = below and below.knows(next(iter(samples.values())), self.schedule["start_intensity"])
        return self.described.readout if known else ""

    def _use_sources(self, network, stream: Stream, samples: dict, layer: str = "") -> None:
        """Let a network get what it hears: spikes of samples, or of the layers below that these draw."""
        sources, keys = self.sources, self._keys(stream)
        if below := self._below.get(layer):
            inputs = network.network.inputs
            sources = {**sources, **below.sources()}
            keys, samples = (dict.fromkeys(inputs, next(iter(of.values()))) for of in (keys, samples))
        network.use_sources(sources, keys, samples)

    def _frozen_network(self, layer: str = ""):
        """One that does not learn, with the present thresholds, for one thread at a time; whole, or above a layer's
        input."""
        try:
            network = self._frozen[layer].get_nowait()
        except queue.Empty:
            described = self._stage(layer).frozen() if layer else self._frozen_description
            network = load_network(self.kernel, described, self.state.part(described).own_dynamics())
        for name, population in network.state.populations.items():
            population.theta[:] = self.state.populations[name].theta
        return network

    @functools.cached_property
    def _frozen_description(self) -> Network:
        return self.described.frozen()

    def _present(self, network, shown) -> int:
        """Let a network show samples; Ctrl-C ends between two of them."""
        if shown.n_samples <= 1 and network.n_threads == 1:
            return network.present(shown)
        done, helpers = [], CountedThreads(network.n_threads) if network.n_threads > 1 else None
        with CountedThreads(1) as runner, helpers or contextlib.nullcontext():
            result_of(runner.submit(int))  # nothing is shown before the thread runs and can be waited for
            try:
                result_of(runner.submit(lambda: done.append(network.present(shown, helpers))))
            except KeyboardInterrupt:
                network.stop[0] = 1
                runner.shutdown()
                if not done or not done[0]:
                    raise
            finally:
                network.stop[0] = 0
        self.processor_seconds += runner.processor_seconds + (helpers.processor_seconds if helpers else 0.0)
        return done[0]

    def _keys(self, stream: Stream) -> dict:
        """The key of each input's random draws; of the first, that of the stream."""
        names = list(self.described.inputs)
        return {name: stream_key(self.seed, stream, k) for k, name in enumerate(names)}

    @functools.cached_property
    def _rounding_keys(self) -> dict:
        """The key of each projection's draws for rounding."""
        return {p.name: stream_key(self.seed, Stream.ROUNDING, k) for k, p in enumerate(self.described.projections)}

    def _shown(
        self,
        described: Network,
        n: int,
        *,
        progress: np.ndarray | None = None,
        samples: dict | None = None,
        with_blank: bool = False,
    ):
        """What is to be shown: with learning on at some progress, or with learning off."""
        from engram.kernels.build import Shown

        counters, parameters, plus = np.zeros(n, np.int64), {}, np.zeros((len(described.populations), n))
        if progress is not None:
            parameters = {p.name: self._parameters_over(p, progress) for p in described.plastic}
            for k, population in enumerate(described.populations.values()):
                if population.threshold is not None:
                    plus[k] = population.threshold.plus * population.threshold.plus_decay**progress
        else:
            columns = (samples or {}).values()
            counters = np.array([_counter_of([s[m] for s in columns]) for m in range(n)], np.uint64).view(np.int64)
        schedule = dict(self.schedule)
        if progress is None:
            schedule |= {"at_rest": 1, "stop_spikes": int(NEVER)}
            if not with_blank:
                schedule["n_blank"] = 0
        return Shown(
            n_samples=n,
            schedule=schedule,
            learns=progress is not None,
            presentation=self.presentations,
            counters=counters,
            counts=np.zeros((n, described.size_of(described.readout)), np.int32),
            attempts=np.zeros(n, np.int32),
            parameters=parameters,
            plus=plus,
        )

    def _parameters_over(self, projection, progress) -> np.ndarray:
        """A rule's parameters at each point of training; shape (len(progress), n_parameters)."""
        rule, listing = projection.rule, self.state.projections[projection.name].listing
        longest = self.described.size_of(projection.before) if listing is None else max(1, listing.longest)
        named = {**rule.parameters(), "n_inputs": longest}
        values, falls = np.array([*named.values()], np.float64), np.array([is_learning_rate(name) for name in named])
        factors = rule.eta_decay ** np.asarray(progress, np.float64)[:, np.newaxis]
        return np.ascontiguousarray(values * np.where(falls, factors, 1.0), self.described.dtype)

    def _samples(self, images):
        """What is shown on each input, and how many samples that is."""
        names = list(self.described.inputs)
        if not isinstance(images, dict):
            if len(names) != 1:
                raise DataError(f"This network has the inputs {', '.join(names)}; give a dict with samples for each.")
            images = {names[0]: images}
        if set(images) != set(names):
            raise DataError(f"This network has the inputs {', '.join(names)}, got samples for {', '.join(images)}.")
        samples = {
            name: _pixels(images[name], self.described.inputs[name].n)
            if self.sources[name].takes_pixels
            else list(images[name])
            for name in names
        }
        sizes = {len(s) for s in samples.values()}
        if len(sizes) > 1:
            raise DataError(f"All inputs need as many samples, got {', '.join(map(str, sorted(sizes)))}.")
        return samples, sizes.pop()

    @property
    def can_learn(self) -> bool:
        """Whether there are weights or thresholds that change."""
        return bool(self.described.plastic) or any(p.threshold for p in self.described.populations.values())

    def _check_learning(self) -> None:
        if isinstance(self.network, DiehlCook) and self.rule is None:
            raise ConfigError("This network has no learning rule; give one to let it learn.")
        if isinstance(self.network, DiehlCook) and not self.described.plastic:
            raise ConfigError("A network with input delays does not learn; set max_input_delay to 0 for training.")
        if not self.can_learn:
            raise ConfigError("Nothing in this network learns; give a projection a rule.")


def _diehl_cook(network: DiehlCook, rule, seed: int, weights, theta, delays, input_delays):
    """The description of a Diehl & Cook network, and the arrays of its state that are given or drawn."""
    late = input_delays is not None or network.max_input_delay > 0
    given = {
        "weights": {"input_exc": network.new_weights(seed) if weights is None else weights},
        "theta": {} if theta is None else {"exc": theta},
        "delays": {"inh_exc": network.new_delays(seed) if delays is None else delays},
    }
    if late:
        given["delays"]["input_exc"] = network.new_input_delays(seed) if input_delays is None else input_delays
    return network.describe(None if late else rule, input_delays=late), given


def schedule_steps(protocol: Protocol, dt: float) -> dict:
    """A protocol in steps of `dt` ms, by the fields of the kernels' presentations."""
    return {
        "n_shown": round(protocol.shown / dt),
        "n_blank": round(protocol.blank / dt),
        "start_intensity": float(protocol.start_intensity),
        "max_intensity": float(protocol.max_intensity),
        "min_spikes": int(protocol.min_spikes),
        "stop_spikes": int(protocol.stop_spikes or NEVER),
        "at_rest": int(protocol.at_rest),
        "clear_traces": int(protocol.clear_traces),
    }


def _pixels(images, n_inputs: int) -> np.ndarray:
    pixels = np.ascontiguousarray(images, np.float32)
    if pixels.ndim != 2 or pixels.shape[1] != n_inputs:
        raise DataError(
            f"Images must have {n_inputs} pixels for this network, got an array of shape"
            f" {np.shape(images)}; bring them to that size."
        )
    if pixels.size and not (pixels.min() >= 0 and pixels.max() < np.inf):  # nor if one is NaN
        raise DataError("Images must have finite pixels of at least 0; look for NaN and negative values in them.")
    return pixels


def _counter_of(samples) -> np.uint64:
    """The counter of what is shown: a hash of its content."""
    if len(samples) == 1 and isinstance(samples[0], np.ndarray):
        return content_counter(samples[0])
    parts = [
        np.ravel(np.asarray(part, np.float32))
        for sample in samples
        for part in (sample if isinstance(sample, tuple) else (sample,))
    ]
    return content_counter(np.concatenate(parts) if parts else np.zeros(0, np.float32))


def named_rule_state(rule: LearningRule, memory) -> dict[str, np.ndarray]:
    """A rule's memory by the names that its equations use."""
    names = known_names(rule)
    shape = (memory.x_pre.shape[1], memory.x_post.shape[1])
    square = memory.synapse.shape[1] == shape[0] * shape[1]
    synapse = [x.reshape(shape) if square else x for x in memory.synapse]
    return {
        **dict(zip(names["pre"], memory.x_pre, strict=True)),
        **dict(zip(names["post"], memory.x_post, strict=True)),
        **dict(zip(names["synapse"], synapse, strict=True)),
        **dict(zip(names["state"], memory.neuron, strict=True)),
    }
