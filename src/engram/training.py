"""The training protocol: which image comes when, what is measured on the way, and how a run goes on after a stop.

Everything advances in blocks of a fixed number of images, whose borders do not depend on where a run was stopped; so
an interrupted and resumed run computes the same bits as an uninterrupted one.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from engram import checkpoints, randomness
from engram._version import __version__
from engram.config import TrainingConfig
from engram.datasets.base import Dataset
from engram.datasets.recordings import Recordings
from engram.datasets.scale import PIXELS, ValueRange
from engram.encoders import auto_input_gain
from engram.errors import ConfigError, DataError, RuleError
from engram.health import Health
from engram.kernels.state import ProjectionState
from engram.model import Model
from engram.named import NamedParameters
from engram.networks import DiehlCook, Network
from engram.networks.catalogue import DESCRIBED_IN_CODE
from engram.networks.record import network_record
from engram.plasticity.base import LearningRule
from engram.plasticity.records import rule_record
from engram.plasticity.registry import settled_rule
from engram.processors import default_threads
from engram.randomness import Stream
from engram.readout import RunningAccuracy
from engram.samples import samples_of
from engram.simulator import Simulator, named_rule_state
from engram.sources import Source
from engram.sources.records import recorded_name, source_record
from engram.validation import check_known, check_presentation, warn_of_rounded_times
from engram.wording import example_noun

BLOCK = 25
"""Images between two looks at the clock, the keyboard and the learning curve."""

_CURVE_POINTS = 200


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes
    ----------
    examples, total : int
        Images presented, and to be presented in all.
    presentations : int
        Presentations, repeats included.
    accuracy : float or None
        Of the neurons' answers to the last images before learning from them; None without labels.
    l1_norm_mean, l1_norm_sd : float
        Over the neurons' incoming weights, in the layer that learns; where several do, in that which is read out.
    spikes_per_image : float
        Excitatory spikes of the images since the last point of the learning curve.
    health : tuple of str
        What is wrong with the network now, see :mod:`engram.health`.
    layer : str
        The population that learns, where layers learn in turn.
    """

    examples: int
    total: int
    presentations: int
    accuracy: float | None
    l1_norm_mean: float
    l1_norm_sd: float
    spikes_per_image: float
    health: tuple[str, ...] = ()
    layer: str = ""


@dataclass(frozen=True, eq=False)
class TrainingSet(NamedParameters):
    """Images to learn from where there is no :class:`engram.datasets.Dataset`: nothing to test on, perhaps no labels.

    Attributes
    ----------
    train_images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255.
    train_labels : ndarray of shape (n_images,), int64, or None
    classes : tuple of int
        Every class that may occur.
    image_shape : tuple of int or None
    name : str
    value_range, framing, class_names, train_recordings
        As in a :class:`engram.datasets.Dataset`.
    """

    train_images: np.ndarray
    train_labels: np.ndarray | None = None
    classes: tuple[int, ...] = ()
    image_shape: tuple[int, int] | None = None
    name: str = "arrays"
    value_range: ValueRange = PIXELS
    framing: str = "ink"
    class_names: dict[int, str] = field(default_factory=dict)
    train_recordings: Recordings | None = None

    def __post_init__(self):
        images, labels = self.train_images, self.train_labels
        if np.ndim(images) != 2:
            raise DataError(
                f"Training images must be rows of pixels, of shape (n_images, n_inputs), got {np.shape(images)}; use"
                " images.reshape(len(images), -1), and image_shape=(height, width)."
            )
        if labels is not None and np.shape(labels) != (len(images),):
            raise DataError(f"Give one label for each of {len(images):,} images, got {np.shape(labels)}.")

    @property
    def noun(self) -> str:
        """What one of its examples is called: an image, a recording, or a row of a table."""
        return example_noun(self.image_shape, self.train_recordings is not None)

    @property
    def n_inputs(self) -> int:
        """Pixels per image."""
        return self.train_images.shape[1]

    def content_hash(self) -> str:
        """SHA-256 over images and labels: tells a resumed run that its data are the same."""
        digest = hashlib.sha256()
        for array in (self.train_images, np.zeros(0) if self.train_labels is None else self.train_labels):
            digest.update(f"{array.dtype.str} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        if self.train_recordings is not None:
            self.train_recordings.add_to(digest)
        return digest.hexdigest()


class Training(NamedParameters):
    """One training run in memory.

    Parameters
    ----------
    config : TrainingConfig
    dataset : Dataset or TrainingSet
    kernel : {"compiled", "reference"}
    rule : LearningRule, optional
        Instead of the one that the configuration names.
    source : Source, optional
        Likewise; its gain is the configuration's.
    network : Network, optional
        Instead of the one that the configuration names. It has one input, of the images' size.
    start : Model, optional
        Go on from its weights, thresholds, rule state and, unless the configuration has another, input gain instead
        of starting anew.
    learning_rate_at : float, optional
        Keep the learning rates where they stand at this share of a training, 0 to 1, instead of letting them fall:
        for learning whose end is not known.
    threads : int, optional
        For large networks, see :meth:`engram.simulator.Simulator.train`; by default as many as there are processors.

    Attributes
    ----------
    simulator : Simulator
    examples : int
        Images learned from so far.
    total : int
        Images to learn from in all; where layers learn in turn, for all of them together.
    layers : tuple of str
        The populations that learn one after another; empty where all learn at once.
    metrics : list of dict
        The learning curve so far.
    seconds : float
        Time spent presenting images, compilation excluded.
    processor_seconds : float or None
        Processor time of it, of all threads that took part: the same however busy the machine is. None if the run
        goes on from a checkpoint that does not know it.
    silent_images : int
        Images that drew too few spikes at any intensity.
    running : RunningAccuracy or None
        None without labels.
    health : Health
    network_record : tuple of dict, or None
        A :class:`~engram.Network` as a file holds it, see :mod:`engram.networks.record`.
    stop_reason : str
        Why the run was asked to end before its time; empty if it was not.
    at_most : int
        Images that :meth:`learn_block` learns from before it returns; no more than :data:`BLOCK`, and fewer compute
        the same weights.
    last_shown : ndarray of shape (n_images,), int64
        Which training images the last block was of.
    last_counts : ndarray of shape (n_images, n_neurons), int32
        The spikes that they drew.
    """

    def __init__(
        self,
        config: TrainingConfig,
        dataset: Dataset | TrainingSet,
        *,
        kernel: str = "compiled",
        rule: LearningRule | None = None,
        source: Source | None = None,
        network: Network | None = None,
        start: Model | None = None,
        learning_rate_at: float | None = None,
        threads: int | None = None,
    ):
        _check_parts(config, dataset, rule, network)
        if network is not None:
            config = config.replace(network=DESCRIBED_IN_CODE)
        self.config, self.dataset = config, dataset
        rule = settled_rule(rule or config.make_rule())
        described = network or config.make_network(dataset.image_shape or dataset.n_inputs, rule)
        check_presentation(described, config.make_protocol())
        warn_of_rounded_times(described)
        if described.n_inputs != dataset.n_inputs:
            raise ConfigError(
                f"The network has {described.n_inputs:,} inputs, the images of {dataset.name} {dataset.n_inputs:,};"
                " give its input the images' shape."
            )
        if start is not None:
            _check_start(start, described)
        source = _with_gain(config.make_source() if source is None else source, config, dataset, start)
        self.samples, self.source_record = samples_of(dataset, source), source_record(source)
        self.simulator = Simulator(
            described,
            rule if isinstance(described, DiehlCook) else None,
            seed=config.seed,
            protocol=config.make_protocol(),
            source=source,
            kernel=kernel,
            weights=None if start is None else start.weights,
            theta=None if start is None else start.theta,
        )
        self.layers = tuple(self.simulator.described.layers) if config.layers == "in_turn" else ()
        usual = isinstance(described, DiehlCook)
        self.network_record = None if usual else network_record(described, self.simulator.state)
        self.learning_rate_at = learning_rate_at
        self.threads = threads or default_threads()
        self._room: tuple[dict, list[tuple[np.ndarray, np.ndarray, ProjectionState | None]]] | None = None
        self._begin(start)

    def begin_again(self, dataset: Dataset | TrainingSet, start: Model) -> None:
        """Be as a new training of other images with the same parts that goes on from a model, without building any.

        Parameters
        ----------
        dataset : Dataset or TrainingSet
            Images of the same shape.
        start : Model
            Of the same parts; usually what was learned here.
        """
        self.dataset = dataset
        self.samples = samples_of(dataset, self.simulator.source)
        vars(self).pop("dataset_hash", None)
        self.simulator.begin_again(start.weights, start.theta)
        self._begin(start)

    def remember(self, *, undisturbed: bool) -> Learned:
        """A copy of what is learned as it stands, in the room of the last one.

        Parameters
        ----------
        undisturbed : bool
            Whether nobody else is given this training, so that from here on weights are changed by their rules alone:
            then only columns that they change are copied, and looked at.
        """
        state = self.simulator.state
        if undisturbed:
            state.follow_columns(self.simulator.described)
        else:
            state.unfollow_columns()
        if self._room is None:
            learned, by_weights = self.learned(), {id(p.weights): p for p in state.projections.values()}
            room = copied(learned)
            pairs = zip(_arrays(room), _arrays(learned), strict=True)
            self._room = room, [(kept, values, by_weights.get(id(values))) for kept, values in pairs]
        room, copies = self._room
        for kept, values, projection in copies:
            if projection is not None and projection.followed is not None:
                projection.followed.copy_to(kept)
            else:
                kept[...] = values
        return Learned(room, self._examples_before + self.examples, self.simulator.presentations)

    def go_on(self, dataset: Dataset | TrainingSet) -> None:
        """Be as after :meth:`begin_again` with the model of this very training, which is not copied for it.

        Parameters
        ----------
        dataset : Dataset or TrainingSet
            Images of the same shape.
        """
        examples, fill = self._examples_before + self.examples, self._known_ink_fill()
        self.dataset = dataset
        self.samples = samples_of(dataset, self.simulator.source)
        vars(self).pop("dataset_hash", None)
        self.simulator.come_to_rest()
        self._begin(None)
        self._examples_before, self._ink_fill = examples, fill

    def _begin(self, start: Model | None) -> None:
        """Stand before the first image."""
        config, dataset, described = self.config, self.dataset, self.simulator.described
        self._examples_before, self._ink_fill = 0, None
        if start is not None:
            self._start_from(start)
        self._check_layers(config.layer_examples)
        n_train = len(dataset.train_images)
        lengths = [config.examples_of_layer(layer, n_train) for layer in self.layers]
        self._ends = list(itertools.accumulate(lengths or [config.total_examples(n_train)]))
        self.total = self._ends[-1]
        self.examples = 0
        self.silent_images = 0
        self.seconds = 0.0
        self.processor_seconds: float | None = 0.0
        self.metrics: list[dict] = []
        self.running: RunningAccuracy | None = None
        if dataset.train_labels is not None:
            self.running = RunningAccuracy(np.array(dataset.classes), self.simulator.network.n_neurons)
        self.health = Health(
            described,
            self.simulator.protocol,
            usual=isinstance(self.simulator.network, DiehlCook),
            pictures=dataset.image_shape is not None,
        )
        self.stop_reason = ""
        self.spikes_since = 0
        self.images_since = 0
        self.at_most = BLOCK
        self.last_shown, self.last_counts = np.zeros(0, np.int64), np.zeros((0, config.neurons), np.int32)
        self._order = (-1, np.zeros(0, np.int64))

    @functools.cached_property
    def dataset_hash(self) -> str:
        """Tells a resumed run that its data are the same."""
        return self.dataset.content_hash()

    @property
    def done(self) -> bool:
        """Whether all images were presented, or the run was asked to stop."""
        return self.examples >= self.total or bool(self.stop_reason)

    def stop(self, reason: str) -> None:
        """End the run after the present block."""
        self.stop_reason = reason

    def prepare(self) -> None:
        """Have the machine code of training at hand, so that compiling does not count as training time."""
        for layer in self.layers or ("",):
            self.simulator.prepare(self.threads, layer)

    @property
    def layer(self) -> str:
        """The population whose turn it is to learn; empty where all learn at once."""
        return self.layers[self._turn()] if self.layers else ""

    def _turn(self) -> int:
        """The number of the turn that the next image belongs to; after the last image, the last."""
        return min(bisect.bisect_right(self._ends, self.examples), len(self._ends) - 1)

    def _check_layers(self, named) -> None:
        """Raise ConfigError where images are given to a layer that is not there."""
        for layer in named:
            check_known("The network", layer, self.simulator.described.layers, "layer")

    def blocks(self) -> Iterator[Progress]:
        """Learn block by block; stopping between two loses nothing."""
        self.prepare()
        while not self.done:
            yield self.learn_block()

    def learn_block(self) -> Progress:
        """Present the next few images and learn from them; Ctrl-C ends between two, and nothing of them is lost."""
        begin, begin_processor, layer = time.perf_counter(), self._processor_time(), self.layer
        shown = self.simulator.presentations
        stop = self._end_of_block()
        chosen = np.array([self._image_at(e) for e in range(self.examples, stop)])
        counts = self._present(self.samples[chosen], self._progress(stop), layer)
        stop, chosen = self.examples + len(counts), chosen[: len(counts)]
        self.last_shown, self.last_counts = chosen, counts
        spikes = counts.sum(axis=1)
        self.silent_images += int(np.count_nonzero(spikes < self.simulator.protocol.min_spikes))
        labels = self.dataset.train_labels
        if self.running is not None and labels is not None and self._answers(layer):
            self.running.update(counts, labels[chosen])
        self.examples = stop
        self.spikes_since += int(spikes.sum())
        self.images_since += len(chosen)
        shown = self.simulator.presentations - shown
        self.health.update(self.examples, spikes, self.simulator.state, shown, layer)
        norms, theta = self.layer_state(layer)
        report = self._report(layer, norms)
        if self.examples % self._curve_step() == 0 or self.done:
            self._record(report, theta)
        self.seconds += time.perf_counter() - begin
        if self.processor_seconds is not None:
            self.processor_seconds += self._processor_time() - begin_processor
        if self.simulator.interrupted:
            raise KeyboardInterrupt  # all that was shown is accounted for
        return report

    def model(self) -> Model:
        """The network as it stands, not yet labelled."""
        simulator = self.simulator
        return Model(
            network=simulator.network,
            rule=self.rule,
            rule_record=rule_record(self.rule),
            protocol=simulator.protocol,
            seed=simulator.seed,
            input_gain=simulator.input_gain,
            source=simulator.source,
            source_record=self.source_record,
            **self.learned(),
            network_record=self.network_record,
            image_shape=self.dataset.image_shape,
            ink_fill=self._known_ink_fill(),
            value_range=self.dataset.value_range,
            framing=self.dataset.framing,
            class_names=dict(self.dataset.class_names),
            event_layout=None if self.dataset.train_recordings is None else self.dataset.train_recordings.layout,
            dataset=self.dataset.name,
            examples=self._examples_before + self.examples,
            presentations=simulator.presentations,
            config=self.config.to_dict(),
            version=__version__,
        )

    @property
    def rule(self) -> LearningRule:
        """The rule by which the network learns; of several, the first."""
        return self.simulator.described.plastic[0].learning_rule

    def snapshot(self) -> tuple[dict[str, np.ndarray], dict]:
        """Everything that a resumed run needs, see :mod:`engram.checkpoints`."""
        return checkpoints.snapshot(self)

    def restore(self, tensors: dict[str, np.ndarray], metadata: dict, name: str = "the checkpoint") -> None:
        """Go on from a snapshot.

        Raises
        ------
        ModelFileError
            If it is of another version of engram, or lacks something.
        ConfigError
            If it is of another configuration, rule or dataset.
        """
        checkpoints.restore(self, tensors, metadata, name)

    def _start_from(self, model: Model) -> None:
        """Take over what a model learned besides weights and thresholds."""
        self.simulator.presentations = model.presentations
        self._examples_before, self._ink_fill = model.examples, model.ink_fill
        for name, values in self.learned()["rule_state"].items():
            if name in model.rule_state and model.rule_state[name].shape == values.shape:
                values[...] = model.rule_state[name]

    def _known_ink_fill(self) -> float:
        """How much of the frame ink spans: in the images that were learned from first."""
        if self._ink_fill is None:
            self._ink_fill = ink_fill(self.dataset)
        return self._ink_fill

    def learned(self) -> dict:
        """Weights, thresholds and what rules remember, as a :class:`Model` has them."""
        state = self.simulator.state
        if isinstance(self.simulator.network, DiehlCook):
            rule_state = named_rule_state(self.rule, self.simulator.memory)
            return {"weights": state.weights, "theta": state.theta, "rule_state": rule_state}
        return {
            "weights": {name: p.weights for name, p in state.projections.items()},
            "theta": {name: p.theta for name, p in state.populations.items()},
            "rule_state": {
                f"{p.name}.{name}": values
                for p in self.simulator.described.plastic
                for name, values in named_rule_state(p.learning_rule, state.projections[p.name].memory).items()
            },
        }

    def _end_of_block(self) -> int:
        """The image before which the present block ends: a round number, or the end of a layer's turn."""
        left = BLOCK - self.examples % BLOCK, self._ends[self._turn()] - self.examples, max(1, self.at_most)
        return self.examples + min(left)

    def _processor_time(self) -> float:
        """Seconds that this thread, and those in which the network learned for it, had a processor."""
        return time.thread_time() + self.simulator.processor_seconds

    def _answers(self, layer: str) -> bool:
        """Whether what was counted is the answer of the population that is read out."""
        return layer in ("", self.simulator.described.readout)

    def _present(self, images, progress: np.ndarray, layer: str) -> np.ndarray:
        """Learn from images and return their counts."""
        try:
            return self.simulator.train(images, progress, threads=self.threads, layer=layer)[0]
        except RuleError:
            self.health.note_nan(self.examples)
            raise

    def _progress(self, stop: int) -> np.ndarray:
        """How much of training is done at each image up to `stop`, as far as learning rates go."""
        if self.learning_rate_at is not None:
            return np.full(stop - self.examples, self.learning_rate_at)
        turn = self._turn()
        first = self._ends[turn - 1] if turn else 0
        return (np.arange(self.examples, stop) - first) / (self._ends[turn] - first)

    def _image_at(self, example: int) -> int:
        """Which training image comes at a position of the run."""
        n_train = len(self.dataset.train_images)
        epoch, position = divmod(example, n_train)
        if self.config.order == "file":
            return position
        if self._order[0] != epoch:
            random = randomness.generator(self.config.seed, Stream.ORDER, epoch)
            self._order = (epoch, random.permutation(n_train))
        return self._order[1][position]

    def _curve_step(self) -> int:
        return max(1, self.total // (_CURVE_POINTS * BLOCK)) * BLOCK

    def _report(self, layer: str, norms: np.ndarray) -> Progress:
        mean, sd = _mean_and_sd(norms)
        return Progress(
            examples=self.examples,
            total=self.total,
            presentations=self.simulator.presentations,
            accuracy=self.running.value if self.running is not None and self._answers(layer) else None,
            l1_norm_mean=mean,
            l1_norm_sd=sd,
            spikes_per_image=self.spikes_since / self.images_since,
            health=self.health.active,
            layer=layer,
        )

    def layer_state(self, layer: str = "") -> tuple[np.ndarray, np.ndarray]:
        """The norms of a layer's weights, and its adaptive thresholds, mV.

        By default of the layer that is read out, if it learns, else of the last; where it learns by several
        projections, of the first.
        """
        described, state = self.simulator.described, self.simulator.state
        layers = described.layers
        layer = layer or (described.readout if described.readout in layers else layers[-1])
        projection = next(p for p in described.plastic if p.after == layer)
        return state.projections[projection.name].norms, state.populations[projection.after].theta

    def _record(self, report: Progress, theta: np.ndarray) -> None:
        """Add a point to the learning curve."""
        record = {
            "examples": report.examples,
            "presentations": report.presentations,
            "accuracy": report.accuracy,
            "l1_norm": _pair(report.l1_norm_mean, report.l1_norm_sd),
            "theta": _pair(*_mean_and_sd(theta)),
            "spikes_per_image": report.spikes_per_image,
            "silent_images": self.silent_images,
        }
        layers = self.simulator.described.layers
        if report.layer:
            record["layer"] = report.layer
        if len(layers) > 1:
            record["layers"] = {layer: norm_and_theta(*self.layer_state(layer)) for layer in layers}
        self.metrics.append(record)
        self.spikes_since = self.images_since = 0


@dataclass(frozen=True)
class Learned:
    """What a training had learned at a time.

    Attributes
    ----------
    parts : dict
        Weights, thresholds and what rules remember, as a :class:`Model` has them.
    examples, presentations : int
        How many there had been.
    """

    parts: dict
    examples: int
    presentations: int

    def put_into(self, model: Model) -> Model:
        """A model of the same training, as it was then."""
        return replace(model, **copied(self.parts), examples=self.examples, presentations=self.presentations)


def copied(parts: dict) -> dict:
    """Arrays by name, also in dictionaries within, each a copy of its own."""
    return {name: copied(part) if isinstance(part, dict) else part.copy() for name, part in parts.items()}


def _arrays(parts: dict) -> Iterator[np.ndarray]:
    """Those that :func:`copied` copies, in their order."""
    for part in parts.values():
        if isinstance(part, dict):
            yield from _arrays(part)
        else:
            yield part


def _with_gain(source: Source, config: TrainingConfig, dataset, start: Model | None) -> Source:
    """A source with the gain that a configuration gives it: a number, that of the model gone on from, or by the ink of
    the training images."""
    gain = config.input_gain
    if gain == "auto" and start is not None and recorded_name(type(source)) == start.source_record["source"]:
        gain = start.input_gain
    if gain == "auto":
        gain = auto_input_gain(dataset.train_images) if source.at_rates else 1.0
    return replace(source, gain=float(gain))


def norm_and_theta(norms: np.ndarray, theta: np.ndarray) -> dict[str, dict[str, float | None]]:
    """Mean and standard deviation of both, None for what is not finite: JSON has no such numbers."""
    return {"l1_norm": _pair(*_mean_and_sd(norms)), "theta": _pair(*_mean_and_sd(theta))}


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    """As NumPy's methods have them, whose calls take longer than their sums where images come one by one."""
    mean = np.add.reduce(values) / len(values)
    off = values - mean
    return float(mean), float(np.sqrt(np.add.reduce(off * off) / len(values)))


def _pair(mean: float, sd: float) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in (("mean", mean), ("sd", sd))}


def _check_parts(config, dataset, rule, network) -> None:
    """Raise ConfigError or DataError where a training is asked for with something else than it is made of."""
    if not isinstance(config, TrainingConfig):
        raise ConfigError(f"config must be a TrainingConfig, got {config!r:.100}; use TrainingConfig.from_dict(...).")
    if not isinstance(dataset, (Dataset, TrainingSet)):
        raise DataError(
            f"dataset must be a data set, got {type(dataset).__name__}; use engram.datasets.load(...), or for arrays"
            " engram.training.TrainingSet(images, labels)."
        )
    if rule is not None and not isinstance(rule, LearningRule):
        raise ConfigError(f"rule must be a learning rule such as Triplet(), got {rule!r:.100}.")
    if network is not None and not isinstance(network, (Network, DiehlCook)):
        raise ConfigError(f"network must be a Network, got {network!r:.100}.")


def _check_start(start: Model, network: DiehlCook | Network) -> None:
    """Raise ConfigError where a model cannot go on learning as such a network."""
    found = start.network
    if (found.n_inputs, found.n_neurons) != (network.n_inputs, network.n_neurons):
        raise ConfigError(
            f"Learning goes on only in a network of the same size, {found.n_inputs:,} inputs and"
            f" {found.n_neurons:,} neurons, got {network.n_inputs:,} and {network.n_neurons:,}; give images and neurons"
            " of the model's size, or start a new run."
        )
    if _parts(found) != _parts(network):
        raise ConfigError("Learning goes on only in a network of the same parts; give the one that the model has.")
    if isinstance(found, DiehlCook) or isinstance(network, DiehlCook):
        return
    for name, population in network.populations.items():
        now, before = (type(p.neuron).__name__ for p in (population, found.populations[name]))
        if now != before:
            raise ConfigError(
                f"Learning goes on only with the neurons that a model has: its {name} are {before}, not {now};"
                " give its own network."
            )


def _parts(network: DiehlCook | Network) -> tuple[list[str], list[str], list[tuple]] | None:
    if isinstance(network, DiehlCook):
        return None
    return list(network.named), network.layers, [(name, p.one_wins) for name, p in network.populations.items()]


def ink_fill(dataset: Dataset | TrainingSet) -> float:
    """The share of the frame's longer side that an image's ink spans, on average over training images."""
    if dataset.image_shape is None:
        return 1.0
    height, width = dataset.image_shape
    ink = dataset.train_images[:1000].reshape(-1, height, width) > 0.2 * float(dataset.train_images[:1000].max())
    inked = (np.any(ink, axis=1), np.any(ink, axis=2))  # the columns and the rows of each image
    spans = [np.ptp(np.flatnonzero(one[k])) + 1 if one[k].any() else 0 for k in range(len(ink)) for one in inked]
    longest = np.array(spans).reshape(-1, 2).max(axis=1)
    return float(min(1.0, longest[longest > 0].mean() / max(height, width))) if longest.any() else 1.0
