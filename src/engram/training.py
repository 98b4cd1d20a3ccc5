"""The training protocol: which image comes when, what is measured on the way, and how a run goes on after a stop.

Everything advances in blocks of a fixed number of images, whose borders do not depend on where a run was stopped; so
an interrupted and resumed run computes the same bits as an uninterrupted one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engram import randomness
from engram._version import __version__
from engram.config import TrainingConfig
from engram.datasets.base import Dataset
from engram.encoders import auto_input_gain
from engram.errors import ConfigError, ModelFileError
from engram.model import Model
from engram.plasticity.records import rule_record
from engram.randomness import Stream
from engram.readout import RunningAccuracy
from engram.simulator import Simulator, named_rule_state

BLOCK = 25
"""Images between two looks at the clock, the keyboard and the learning curve."""

_CURVE_POINTS = 200
_STATE_TENSORS = ("v", "g_exc", "g_inh", "hold")


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes
    ----------
    examples, total : int
        Images presented, and to be presented in all.
    presentations : int
        Presentations, repeats included.
    accuracy : float
        Of the neurons' answers to the last images before learning from them.
    l1_norm_mean, l1_norm_sd : float
        Over the neurons' incoming weights.
    spikes_per_image : float
        Excitatory spikes of the images since the last report.
    """

    examples: int
    total: int
    presentations: int
    accuracy: float
    l1_norm_mean: float
    l1_norm_sd: float
    spikes_per_image: float


class Training:
    """One training run in memory.

    Parameters
    ----------
    config : TrainingConfig
    dataset : Dataset
    kernel : {"compiled", "reference"}

    Attributes
    ----------
    simulator : Simulator
    examples : int
        Images learned from so far.
    total : int
        Images to learn from in all.
    metrics : list of dict
        The learning curve so far.
    seconds : float
        Time spent presenting images, compilation excluded.
    silent_images : int
        Images that drew too few spikes at any intensity.
    """

    def __init__(self, config: TrainingConfig, dataset: Dataset, *, kernel: str = "compiled"):
        self.config, self.dataset = config, dataset
        gain = config.input_gain
        self.simulator = Simulator(
            config.make_network(dataset.n_inputs),
            config.make_rule(),
            seed=config.seed,
            protocol=config.make_protocol(),
            input_gain=auto_input_gain(dataset.train_images) if gain == "auto" else float(gain),
            kernel=kernel,
        )
        self.total = config.total_examples(len(dataset.train_images))
        self.examples = 0
        self.silent_images = 0
        self.seconds = 0.0
        self.metrics: list[dict] = []
        self.running = RunningAccuracy(np.unique(dataset.train_labels), config.neurons)
        self._spikes = 0
        self._since = 0
        self._order = (-1, np.zeros(0, np.int64))
        self._compiled = False

    @functools.cached_property
    def _dataset_hash(self) -> str:
        return self.dataset.content_hash()

    @property
    def done(self) -> bool:
        """Whether all images were presented."""
        return self.examples >= self.total

    def prepare(self) -> None:
        """Compile the kernel, or read it from the cache, so that it does not count as training time."""
        if not self._compiled:
            self.small_simulator().train(np.zeros((1, 1), np.float32))
            self._compiled = True

    def small_simulator(self) -> Simulator:
        """One input and one neuron with this run's rule and precision, for which the same kernels are compiled."""
        config = self.config.replace(neurons=1, protocol={"shown": self.config.dt, "blank": 0.0})
        return Simulator(
            config.make_network(1),
            config.make_rule(),
            protocol=config.make_protocol(),
            kernel=self.simulator.kernel,
        )

    def blocks(self) -> Iterator[Progress]:
        """Learn block by block; stopping between two loses nothing."""
        self.prepare()
        while not self.done:
            yield self.learn_block()

    def learn_block(self) -> Progress:
        """Present the next few images and learn from them."""
        begin = time.perf_counter()
        stop = min(self.examples + BLOCK - self.examples % BLOCK, self.total)
        chosen = np.array([self._image_at(e) for e in range(self.examples, stop)])
        progress = np.arange(self.examples, stop) / self.total
        counts, _ = self.simulator.train(self.dataset.train_images[chosen], progress)
        spikes = counts.sum(axis=1)
        self.silent_images += int(np.sum(spikes < self.simulator.protocol.min_spikes))
        self.running.update(counts, self.dataset.train_labels[chosen])
        self.examples = stop
        self._spikes += int(spikes.sum())
        self._since += len(chosen)
        report = self._report()
        if self.examples % self._curve_step() == 0 or self.done:
            self._record(report)
        self.seconds += time.perf_counter() - begin
        return report

    def model(self) -> Model:
        """The network as it stands, not yet labelled."""
        simulator = self.simulator
        return Model(
            network=simulator.network,
            rule=simulator.rule,
            rule_record=rule_record(simulator.rule),
            protocol=simulator.protocol,
            seed=simulator.seed,
            input_gain=simulator.input_gain,
            weights=simulator.state.weights,
            theta=simulator.state.theta,
            rule_state=named_rule_state(simulator.rule, simulator.memory),
            image_shape=self.dataset.image_shape,
            ink_fill=ink_fill(self.dataset),
            dataset=self.dataset.name,
            examples=self.examples,
            presentations=simulator.presentations,
            config=self.config.to_dict(),
            version=__version__,
        )

    def snapshot(self) -> tuple[dict[str, np.ndarray], dict]:
        """Everything that a resumed run needs, as tensors and metadata."""
        state, memory = self.simulator.state, self.simulator.memory
        tensors = {"weights": state.weights, "theta": state.theta, "pending": state.pending}
        for population, layer in (("exc", state.exc), ("inh", state.inh)):
            tensors |= {f"{population}.{name}": getattr(layer, name) for name in _STATE_TENSORS}
        tensors |= {f"memory.{name}": values for name, values in memory._asdict().items()}
        running = self.running
        tensors |= {
            "running.responses": running.responses,
            "running.seen": running.seen,
            "running.hits": running.hits,
        }
        metadata = {
            "version": __version__,
            "config": self.config.to_dict(),
            "rule": rule_record(self.simulator.rule),
            "dataset": self._dataset_hash,
            "examples": self.examples,
            "presentations": self.simulator.presentations,
            "silent_images": self.silent_images,
            "seconds": self.seconds,
            "overshot": self.simulator.overshot,
            "metrics": self.metrics,
            "since": [self._spikes, self._since],
        }
        return tensors, metadata

    def restore(self, tensors: dict[str, np.ndarray], metadata: dict, name: str = "the checkpoint") -> None:
        """Go on from a snapshot.

        Raises
        ------
        ModelFileError
            If it is of another version of engram.
        ConfigError
            If it is of another configuration or dataset.
        """
        if metadata.get("version") != __version__:
            raise ModelFileError(
                f"{name} is of engram {metadata.get('version')}, this is {__version__}; resume with the version that"
                " wrote it."
            )
        if metadata["config"] != self.config.to_dict() or metadata["rule"] != rule_record(self.simulator.rule):
            raise ConfigError(f"{name} is of another configuration; resume with the options of that run.")
        if metadata["dataset"] != self._dataset_hash:
            raise ConfigError(
                f"{name} was made with another content of the dataset {self.dataset.name}; resume with the same images."
            )
        state, memory = self.simulator.state, self.simulator.memory
        targets = {"weights": state.weights, "theta": state.theta, "pending": state.pending}
        for population, layer in (("exc", state.exc), ("inh", state.inh)):
            targets |= {f"{population}.{name}": getattr(layer, name) for name in _STATE_TENSORS}
        targets |= {f"memory.{key}": values for key, values in memory._asdict().items()}
        for key, target in targets.items():
            if key not in tensors or tensors[key].shape != target.shape or tensors[key].dtype != target.dtype:
                raise ModelFileError(f"{name} lacks a fitting {key!r}; start again with --overwrite.")
            target[...] = tensors[key]
        self.running.responses = tensors["running.responses"]
        self.running.seen = tensors["running.seen"]
        self.running.hits = tensors["running.hits"]
        self.examples = metadata["examples"]
        self.simulator.presentations = metadata["presentations"]
        self.simulator.overshot = metadata["overshot"]
        self.silent_images = metadata["silent_images"]
        self.seconds = metadata["seconds"]
        self.metrics = list(metadata["metrics"])
        self._spikes, self._since = metadata["since"]

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

    def _report(self) -> Progress:
        norm = np.abs(self.simulator.state.weights).sum(axis=0, dtype=np.float64)
        return Progress(
            examples=self.examples,
            total=self.total,
            presentations=self.simulator.presentations,
            accuracy=self.running.value,
            l1_norm_mean=float(norm.mean()),
            l1_norm_sd=float(norm.std()),
            spikes_per_image=self._spikes / self._since,
        )

    def _record(self, report: Progress) -> None:
        """Add a point to the learning curve."""
        theta = self.simulator.state.theta
        self.metrics.append(
            {
                "examples": report.examples,
                "presentations": report.presentations,
                "accuracy": report.accuracy,
                "l1_norm": {"mean": report.l1_norm_mean, "sd": report.l1_norm_sd},
                "theta": {"mean": float(theta.mean()), "sd": float(theta.std())},
                "spikes_per_image": report.spikes_per_image,
                "silent_images": self.silent_images,
            }
        )
        self._spikes = self._since = 0


def ink_fill(dataset: Dataset) -> float:
    """The share of the frame's longer side that an image's ink spans, on average over training images."""
    if dataset.image_shape is None:
        return 1.0
    height, width = dataset.image_shape
    ink = dataset.train_images[:1000].reshape(-1, height, width) > 0.2 * float(dataset.train_images[:1000].max())
    spans = [np.ptp(np.flatnonzero(ink.any(axis=axis)[k])) + 1 if ink[k].any() else 0
             for k in range(len(ink)) for axis in (1, 2)]  # fmt: skip
    longest = np.array(spans).reshape(-1, 2).max(axis=1)
    return float(min(1.0, longest[longest > 0].mean() / max(height, width))) if longest.any() else 1.0
