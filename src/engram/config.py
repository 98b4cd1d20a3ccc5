"""A training run as data: every option of ``engram train``, in a TOML file or in code."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from engram.datasets.base import Dataset
from engram.datasets.options import Options, Progress
from engram.errors import ConfigError
from engram.networks import DiehlCook, Protocol
from engram.neurons import ConductanceLIF
from engram.plasticity.base import LearningRule
from engram.plasticity.registry import make_rule
from engram.presets import PRESETS
from engram.validation import check_choice, check_count, check_positive

ORDERS = ("shuffled", "file")
IMAGES_BY_DEFAULT = 10_000
"""Without a number of passes or images, a run makes as many whole passes as show about this many images."""

MAX_NEURONS = 1 << 17
"""More neurons than this need more memory for their delays alone than machines have."""

_MAX_IMAGES = 10**12
_MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides what a training run computes.

    Parameters
    ----------
    dataset : str
        A dataset's name, or the path of a folder or file; see :func:`engram.datasets.load`.
    rule : str
        A learning rule's name, or ``file.py:Class`` for one's own.
    data : dict
        Options of the dataset, see :class:`engram.datasets.Options`.
    preset : {"paper", "sharp"}
        The constants that everything below has where it is not given; see :mod:`engram.presets`.
    constants : dict
        Constants of the rule that differ from the preset's.
    neurons : int
        Excitatory neurons.
    epochs : int, optional
        Passes over the training images.
    examples : int, optional
        Training images to present, instead of whole passes.
    order : {"shuffled", "file"}
        Whether each pass shuffles the images anew, from the seed, or keeps the dataset's order.
    seed : int
        Everything random is drawn from it.
    dt : float
        Time step, ms.
    integrator, dtype : str
        See :class:`engram.networks.DiehlCook`.
    input_gain : float or "auto"
        Factor on pixel values; "auto" gives the training images MNIST's mean ink.
    label_examples : int
        Training images from which the neurons' labels come, at most.
    test_examples : int, optional
        Test images to evaluate on; all by default.
    network, protocol : dict
        Further fields of :class:`engram.networks.DiehlCook` and :class:`engram.networks.Protocol`; the neurons'
        parameters as tables in it, such as ``{"excitatory": {"tau_m": 1000.0}}``.

    Examples
    --------
    >>> from engram.config import TrainingConfig
    >>> TrainingConfig(neurons=100, constants={"eta": 0.01}).make_rule().eta
    0.01
    """

    dataset: str = "digits"
    rule: str = "self_normalizing"
    preset: str = "paper"
    constants: dict = field(default_factory=dict)
    neurons: int = 400
    epochs: int | None = None
    examples: int | None = None
    order: str = "shuffled"
    seed: int = 0
    dt: float = 0.5
    integrator: str = "exponential_euler"
    dtype: str = "float32"
    input_gain: float | str = "auto"
    label_examples: int = 10_000
    test_examples: int | None = None
    network: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)

    def __post_init__(self):
        check_count("neurons", self.neurons)
        if self.neurons > MAX_NEURONS:
            raise ConfigError(f"neurons must be at most {MAX_NEURONS:,}, got {self.neurons:,}: each inhibits each.")
        for name in ("epochs", "examples", "label_examples", "test_examples"):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value)
                if value > _MAX_IMAGES:
                    raise ConfigError(f"{name} must be at most {_MAX_IMAGES:,}, got {value:,}.")
        if self.epochs is not None and self.examples is not None:
            raise ConfigError(f"Give epochs or examples, not both (epochs={self.epochs}, examples={self.examples}).")
        check_choice("preset", self.preset, tuple(PRESETS))
        check_choice("order", self.order, ORDERS)
        check_count("seed", self.seed, at_least=0)
        if self.seed >= 2**64:
            raise ConfigError(f"seed must be below 2**64, got {self.seed}.")
        if self.input_gain != "auto":
            check_positive("input_gain", self.input_gain)
        for name in ("constants", "network", "protocol", "data"):
            if not isinstance(getattr(self, name), dict):
                raise ConfigError(f"{name} must be a table of names and values, got {getattr(self, name)!r}.")
        if self.make_network(1).max_input_delay > 0:
            raise ConfigError("Networks with input delays do not learn; use them with 'engram evaluate --input-delay'.")
        self.make_protocol()
        object.__setattr__(self, "data", Options.from_dict(self.data).to_dict())

    def load_data(self, progress: Progress | None = None) -> Dataset:
        """The dataset that the options describe."""
        from engram.datasets import load_with

        return load_with(self.dataset, self.data, progress)

    def make_network(self, n_inputs: int) -> DiehlCook:
        """The network that the options describe."""
        preset = PRESETS[self.preset].network_options(self.neurons)
        options = {"dt": self.dt, "integrator": self.integrator, "dtype": self.dtype, **_merged(preset, self.network)}
        return _build(DiehlCook, "network", options, n_inputs=n_inputs, n_neurons=self.neurons)

    def make_protocol(self) -> Protocol:
        """The presentation protocol that the options describe."""
        return _build(Protocol, "protocol", {**PRESETS[self.preset].protocol, **self.protocol})

    def make_rule(self) -> LearningRule:
        """The learning rule that the options describe."""
        return make_rule(self.rule, {**PRESETS[self.preset].rules.get(self.rule, {}), **self.constants})

    def total_examples(self, n_train: int) -> int:
        """How many images a run presents, given how many the training set holds."""
        if self.examples is not None:
            return self.examples
        return n_train * (self.epochs or max(1, round(IMAGES_BY_DEFAULT / n_train)))

    def to_dict(self) -> dict:
        """The options that are set, as JSON and TOML can hold them."""
        return {name: value for name, value in asdict(self).items() if value is not None and value != {}}

    @classmethod
    def from_dict(cls, options: dict) -> TrainingConfig:
        """The configuration with these options; unknown ones and wrong types are errors."""
        known = {field.name: field for field in fields(cls)}
        for name, value in options.items():
            if name not in known:
                raise ConfigError(f"There is no option {name!r}; the options are {', '.join(known)}.")
            _check_type(name, value, known[name].type)
        return cls(**options)

    @classmethod
    def from_toml(cls, path: str | Path) -> TrainingConfig:
        """The configuration in a TOML file."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_CONFIG_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}; check the path.") from None
        if len(content) > _MAX_CONFIG_BYTES:
            raise ConfigError(f"{path} is larger than 1 MiB and no configuration; check the path.")
        try:
            options = tomllib.loads(content.decode())
        except (ValueError, RecursionError) as error:  # tomllib passes on what int() says to very long numbers
            raise ConfigError(f"{path} is not valid TOML: {error}.") from None
        return cls.from_dict(options)

    def to_toml(self) -> str:
        """The configuration as the text of a TOML file, which reproduces the run."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def replace(self, **options) -> TrainingConfig:
        """A copy with some options changed."""
        return replace(self, **options)


def _merged(options: dict, changes: dict) -> dict:
    """Options with changes; tables are merged in turn."""
    merged = dict(options)
    for name, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both_tables else value
    return merged


def _build(kind, name: str, options: dict, **fixed):
    """A part with options from a file, unknown names told."""
    defaults = {field.name: field.default for field in fields(kind) if field.name not in fixed}
    options = dict(options)
    for option, value in options.items():
        if option not in defaults:
            raise ConfigError(f"The {name} has no option {option!r}; it has {', '.join(defaults)}.")
        if isinstance(defaults[option], ConductanceLIF):
            options[option] = _changed_neuron(defaults[option], f"{name}.{option}", value)
    return kind(**options, **fixed)


def _changed_neuron(neuron: ConductanceLIF, name: str, options) -> ConductanceLIF:
    """A neuron with options from a file."""
    known = [field.name for field in fields(neuron)]
    if not isinstance(options, dict) or not set(options) <= set(known):
        raise ConfigError(f"{name} must be a table of {', '.join(known)}; got {options!r}.")
    return replace(neuron, **options)


def _check_type(name: str, value, annotation: str) -> None:
    """Raise ConfigError where a file's value is not of the kind that the option wants."""
    kinds = {"int": int, "float": (int, float), "str": str, "dict": dict, "None": type(None)}
    wanted = [part.strip() for part in annotation.split("|")]
    allowed = tuple(kind for part in wanted for kind in _as_tuple(kinds[part]))
    if not isinstance(value, allowed) or isinstance(value, bool) or (value != value):
        readable = " or ".join({"int": "a whole number", "float": "a number", "str": "text", "dict": "a table"}[part]
                               for part in wanted if part != "None")  # fmt: skip
        raise ConfigError(f"{name} must be {readable}, got {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} must be finite, got {value!r}.")


def _as_tuple(kind) -> tuple:
    return kind if isinstance(kind, tuple) else (kind,)
