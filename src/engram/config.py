"""A training run as data: every option of ``engram train``, in a TOML file or in code."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from engram.datasets.base import Dataset
from engram.datasets.options import Options, Progress
from engram.errors import ConfigError
from engram.files import read_regular
from engram.named import NamedParameters
from engram.networks import DiehlCook, Network, Protocol
from engram.networks.catalogue import DESCRIBED_IN_CODE, DIEHL_COOK, Wanted, check_name, describe_network
from engram.neurons import ConductanceLIF
from engram.objects import without_objects
from engram.plasticity.base import LearningRule
from engram.plasticity.registry import make_rule
from engram.presets import PRESETS, preset_of
from engram.sources.base import Source
from engram.sources.registry import build_source, source_class
from engram.user_code import is_own, kind_of, own_names
from engram.validation import (
    PARAMETERS,
    check_choice,
    check_known,
    check_presentation,
    plain_number,
    settled,
    settled_fields,
)

if TYPE_CHECKING:
    from engram.model import Model

LABEL_IMAGES, LABEL_IMAGES_PER_NEURON = 10_000, 40
"""Labels come from so many training images for each neuron, at least from the first number, at most from all there are.
A neuron of a large network answers few images: with labels from 10,000, a quarter of 6,400 neurons have none."""

IMAGES_BY_DEFAULT = 10_000
"""Without a number of passes or images, a run makes as many whole passes as show about this many images, ..."""

PASSES_AT_MOST = 10
"""... but no more passes than this over few: they would make a run long, and its neurons know the images by heart."""

MOST_EXAMPLES = 1 << 62
"""More than any run shows."""

_FILLED_IN: Any = None
"""The default of an option that follows from others, which is filled in as soon as those are known."""

_Part = TypeVar("_Part", DiehlCook, Protocol)

_MAX_CONFIG_BYTES = 1 << 20
_MAY_BE_LEFT_OPEN = ("preset", "epochs", "examples", "label_examples", "test_examples", "validation_examples")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(NamedParameters):
    """Everything that decides what a training run computes.

    Parameters
    ----------
    dataset : str
        A dataset's name, or the path of a folder or file; see :func:`engram.datasets.load`.
    data : dict
        Options of the dataset, see :class:`engram.datasets.Options`.
    rule : str or LearningRule
        A learning rule's name, or ``file.py:Class`` for one's own; or a rule that comes with engram.
    preset : {"sharp", "paper", "events", "conv", "conv-prototypes"}, optional
        The constants that everything below has where it is not given; see :mod:`engram.presets`. By default that of
        the network: "sharp" for Diehl and Cook's, "paper" for those that have none of their own.
    constants : dict
        Constants of the rule that differ from the preset's.
    source : str or dict
        What makes spikes of what is shown: a source's name, see :mod:`engram.sources`, or ``file.py:Class`` for one's
        own. A table ``{"kind": "latency", "order": "rank"}`` gives constants as well. By default that of the preset.
    source_constants : dict
        Constants of the source.
    neurons : int
        Excitatory neurons.
    epochs : int, optional
        Passes over the training images; by default as many as show about 10,000 images, at most ten.
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
        Factor on pixel values; "auto" gives the training images MNIST's mean ink where inputs spike at rates, and is 1
        for other sources.
    label_examples : int, optional
        Training images from which the neurons' labels come, at most; by default as many as the neurons need, see
        :func:`label_images`.
    test_examples : int, optional
        Test images to evaluate on; all by default.
    validation_examples : int, optional
        So many training images, drawn once with the classes in proportion, are held out and tested on in place of the
        test images, to choose constants by.
    network : dict, str or DiehlCook
        Further fields of :class:`engram.networks.DiehlCook`; the neurons' parameters as tables in it, such as
        ``{"excitatory": {"tau_m": 1000.0}}``. Or another network, its name or ``file.py:function``
        (:mod:`engram.networks.catalogue`), as text or, with options of its own, as ``{"kind": NAME, ...}``. A
        :class:`~engram.DiehlCook` has all of them, its number of neurons and time step too.
    layers : {"together", "in_turn"}, optional
        Whether all layers of a network learn at once, or each as long as the run lasts, the first first, while the
        layers below it stay as they are. By default that of the preset, which is "together" but for networks that need
        turns.
    layer_examples : dict of str to int
        In turn, from how many images a layer learns at most, by its name, where the preset has another number.
    protocol : dict or Protocol
        Further fields of :class:`engram.networks.Protocol`, or all of them.
    start : str, optional
        The model that learning goes on from: a run folder, a model file, or a shipped model's name.

    Notes
    -----
    A number means the same whatever its type, ``5`` or ``5.0``, NumPy's or Python's; see :mod:`engram.validation`.

    Examples
    --------
    >>> from engram.config import TrainingConfig
    >>> TrainingConfig(neurons=100, constants={"eta": 0.01}).make_rule().eta
    0.01
    >>> from engram import DiehlCook, SelfNormalizing
    >>> TrainingConfig(rule=SelfNormalizing(eta=0.01), network=DiehlCook(n_neurons=100, w_inh_exc=20.0)).neurons
    100
    """

    dataset: str = "digits"
    rule: str = "self_normalizing"
    preset: str = _FILLED_IN
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
    label_examples: int | None = None
    test_examples: int | None = None
    validation_examples: int | None = None
    network: dict = field(default_factory=dict)
    layers: str = _FILLED_IN
    layer_examples: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    start: str | None = None
    source: str = _FILLED_IN
    source_constants: dict = field(default_factory=dict)

    if TYPE_CHECKING:  # what may be given, where it is more than what becomes of it

        def __init__(
            self,
            *,
            dataset: str | Path = "digits",
            rule: str | LearningRule = "self_normalizing",
            preset: str | None = None,
            constants: Mapping[str, object] = ...,
            neurons: int = 400,
            epochs: int | None = None,
            examples: int | None = None,
            order: str = "shuffled",
            seed: int = 0,
            dt: float = 0.5,
            integrator: str = "exponential_euler",
            dtype: str = "float32",
            input_gain: float | str = "auto",
            label_examples: int | None = None,
            test_examples: int | None = None,
            validation_examples: int | None = None,
            network: Mapping[str, object] | str | DiehlCook = ...,
            layers: str | None = None,
            layer_examples: Mapping[str, int] = ...,
            protocol: Mapping[str, object] | Protocol = ...,
            data: Mapping[str, object] = ...,
            start: str | Path | None = None,
            source: str | Mapping[str, object] | None = None,
            source_constants: Mapping[str, object] = ...,
        ) -> None: ...

    _followers = ()  # no option, but which of them nobody named, so that they are those of network and preset

    def __post_init__(self):
        followers = tuple(name for name in ("preset", "source", "layers") if getattr(self, name) in ("", None))
        object.__setattr__(self, "_followers", followers)
        if "preset" in followers:
            object.__setattr__(self, "preset", preset_of(self.network))
        check_choice("preset", self.preset, tuple(PRESETS))
        for name in set(followers) - {"preset"}:
            object.__setattr__(self, name, getattr(PRESETS[self.preset], name))
        if isinstance(self.source, Mapping):
            name, constants = _source_in(self.source)
            object.__setattr__(self, "source", name)
            object.__setattr__(self, "source_constants", {**constants, **self.source_constants})
        options = {f.name: getattr(self, f.name) for f in fields(self)}
        options = without_objects(options, {f.name: f.default for f in fields(self)})
        for name, value in _settled_options(options).items():
            object.__setattr__(self, name, value)
        if self.epochs is not None and self.examples is not None:
            raise ConfigError(f"Give epochs or examples, not both (epochs={self.epochs}, examples={self.examples}).")
        if self.network_name == DIEHL_COOK:
            network = self._diehl_cook(1)
            if network.max_input_delay > 0:
                raise ConfigError(
                    "Networks with input delays do not learn; use them with 'engram evaluate --input-delay'."
                )
            check_presentation(network, self.make_protocol())

    @property
    def network_name(self) -> str:
        """The network's name, or ``file.py:function``."""
        return self.network.get("kind", DIEHL_COOK)

    def own_files(self) -> list[str]:
        """The user's own files, with a name in each, that describe the network and its rule."""
        return own_names(self.network_name, self.rule)

    def load_data(self, progress: Progress | None = None) -> Dataset:
        """The dataset that the options describe."""
        from engram.datasets import load_with

        data = load_with(self.dataset, self.data, progress)
        return data if self.validation_examples is None else data.held_out(self.validation_examples)

    def make_network(self, shape: int | tuple[int, ...], rule: LearningRule | None = None) -> DiehlCook | Network:
        """The network that the options describe.

        Parameters
        ----------
        shape : int or tuple of int
            How many inputs there are, or the shape of the images.
        rule : LearningRule, optional
            Instead of the one that the options describe, for a network that asks for it.

        Raises
        ------
        ConfigError
            If there is no such network, or it was described in code.
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if self.network_name == DIEHL_COOK:
            return self._diehl_cook(math.prod(shape))
        if self.network_name == DESCRIBED_IN_CODE:
            raise ConfigError("This run's network was described in code; give it again, network=Network(...).")
        own = {name: value for name, value in self.network.items() if name != "kind"}
        wanted = Wanted(shape=shape, neurons=self.neurons, rule=rule or self.make_rule(), **self._steps())
        return describe_network(self.network_name, own, wanted)

    def _diehl_cook(self, n_inputs: int) -> DiehlCook:
        usual = PRESETS[self.preset].network_options(self.neurons, self.rule)
        options = self._steps() | merged(usual, self.network)
        return _build(DiehlCook, "network", options, n_inputs=n_inputs, n_neurons=self.neurons)

    def _steps(self) -> dict[str, Any]:
        """How every network steps through time."""
        return {"dt": self.dt, "integrator": self.integrator, "dtype": self.dtype}

    def make_protocol(self) -> Protocol:
        """The presentation protocol that the options describe."""
        return _build(Protocol, "protocol", {**PRESETS[self.preset].protocol, **self.protocol})

    def make_rule(self) -> LearningRule:
        """The learning rule that the options describe."""
        return make_rule(self.rule, {**PRESETS[self.preset].rule_options(self.rule, self.neurons), **self.constants})

    def make_source(self, gain: float | Literal["auto"] = "auto") -> Source:
        """The source of spikes that the options describe, with a gain: what the images give, or a number.

        Raises
        ------
        ConfigError
            If a gain is given to a source of recordings, which have no brightness.
        """
        kind = source_class(self.source)
        if kind.takes_events and self.input_gain != "auto":
            raise ConfigError(
                f"input_gain is a factor on pixel values, and the source {kind.name} shows recordings; leave it out, or"
                " give auto."
            )
        return build_source(kind, self.source_constants, gain=1.0 if gain == "auto" else gain)

    def total_examples(self, n_train: int) -> int:
        """How many images a run presents, given how many the training set holds."""
        if self.examples is not None:
            return self.examples
        return n_train * (self.epochs or min(PASSES_AT_MOST, max(1, round(IMAGES_BY_DEFAULT / n_train))))

    def examples_of_layer(self, layer: str, n_train: int) -> int:
        """From how many images a layer learns in its turn, given how many the training set holds."""
        most = {**PRESETS[self.preset].layer_examples, **self.layer_examples}
        return min(self.total_examples(n_train), most.get(layer, MOST_EXAMPLES))

    def total_label_examples(self, n_train: int, n_neurons: int) -> int:
        """How many training images label the neurons that are read out, given how many there are of both."""
        return min(self.label_examples or label_images(n_neurons), n_train)

    def to_dict(self) -> dict:
        """The options that are set, as JSON and TOML can hold them."""
        return {name: value for name, value in asdict(self).items() if value is not None and value != {}}

    def named_options(self) -> dict:
        """The options that are set, without a preset, source and order of layers that nobody named."""
        return {name: value for name, value in self.to_dict().items() if name not in self._followers}

    @classmethod
    def from_dict(cls, options: Mapping) -> TrainingConfig:
        """The configuration with these options; unknown ones and wrong types are errors."""
        known = [field.name for field in fields(cls)]
        for name in options:
            check_known("A run", name, known)
        return cls(**options)

    @classmethod
    def from_toml(
        cls, path: str | Path, *, rule: str | None = None, network: str | None = None, source: str | None = None
    ) -> TrainingConfig:
        """The configuration in a TOML file.

        Parameters
        ----------
        path : str or Path
        rule : str, optional
            The learning rule, in place of the file's.
        network : str, optional
            The network's name, in place of the file's.
        source : str, optional
            The source of spikes, in place of the file's.

        Raises
        ------
        ConfigError
            If the file cannot be used, or names a file of Python code as rule, network or source that is not given
            here: such a file would be run, so the caller has to name it.
        """
        options = read_options(path)
        if source is not None:
            options = with_source(options, source)
        if rule is not None:
            options["rule"] = rule
        if network is not None:
            options["network"] = renamed_network(options.get("network", {}), network)
        for what, given in (("rule", rule), ("network", network), ("source", source)):
            if given is None and (code := code_named(options, what)):
                raise ConfigError(
                    f"{path} names the {what} {code}, a file that would be run; if you trust that file, name it"
                    f" again with --{what} {code}."
                )
        return cls.from_dict(options)

    @classmethod
    def from_model(cls, model: Model, **options) -> TrainingConfig:
        """The configuration with which a model goes on learning: its own, but for the options given.

        Parameters
        ----------
        model : Model
        **options
            Changes; tables are merged. Without ``epochs`` or ``examples`` it learns as long again.

        Examples
        --------
        >>> from engram import load_model
        >>> from engram.config import TrainingConfig
        >>> config = TrainingConfig.from_model(load_model("mnist-100"), dataset="digits", epochs=1)
        >>> config.neurons, config.examples, config.epochs
        (100, None, 1)
        """
        own = {name: value for name, value in model.config.items() if name not in ("estimator", "start")}
        if "epochs" in options or "examples" in options:
            own = {name: value for name, value in own.items() if name not in ("epochs", "examples")}
        if options.get("dataset", own.get("dataset")) != own.get("dataset"):
            own.pop("data", None)
        if "rule" in options and kind_of(options["rule"]) != kind_of(own.get("rule", "")):
            own.pop("constants", None)
        if "source" in options:
            own = with_source(own, options["source"])
        own.setdefault("neurons", model.network.n_neurons)
        return cls.from_dict(merged(own, options))

    def to_toml(self) -> str:
        """The configuration as the text of a TOML file, which reproduces the run."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def replace(self, **options) -> TrainingConfig:
        """A copy with some options changed; what was never named and follows from others, follows them again."""
        return replace(self, **dict.fromkeys(self._followers) | options)


def label_images(n_neurons: int) -> int:
    """How many training images label so many neurons, unless a number is given.

    Examples
    --------
    >>> label_images(100), label_images(1600)
    (10000, 64000)
    """
    return max(LABEL_IMAGES, LABEL_IMAGES_PER_NEURON * n_neurons)


def read_options(path: str | Path) -> dict:
    """The options in a TOML file, by name, not yet checked; nothing that they name is opened or run.

    Raises
    ------
    ConfigError
        If there is no such file, or it is no TOML.
    """
    path = Path(path)
    try:
        content = read_regular(path, _MAX_CONFIG_BYTES)
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}; check the path.") from None
    except ValueError:
        raise ConfigError(f"{path} is larger than 1 MiB and no configuration; check the path.") from None
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # tomllib passes on what int() says to very long numbers
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def code_named(options: Mapping, what: str) -> str:
    """The file of Python code, with a name in it, that options give as rule, network or source; nothing where they do
    not."""
    named = options.get(what)
    if isinstance(named, Mapping):
        named = named.get("kind")
    return named if isinstance(named, str) and is_own(named) else ""


def own_options(options: Mapping, folder: str = "") -> str:
    """The options of the command line that name the user's own files among a run's; in a folder, if it is given."""
    named = ((what, code_named(options, what)) for what in ("rule", "network", "source"))
    return "".join(f" --{what} {folder + Path(code).name if folder else code}" for what, code in named if code)


def names_code(options: Mapping) -> bool:
    """Whether options name any file of Python code."""
    return any(code_named(options, what) for what in ("rule", "network", "source"))


def renamed_network(options: Mapping | str, name: str) -> dict:
    """A network's options with its name; they are dropped where they are of another network."""
    table = _network_table(options)
    return _network_table({**table, "kind": name} if kind_of(table.get("kind", DIEHL_COOK)) == kind_of(name) else name)


def _network_table(value) -> dict:
    """A network's options as a table, in which the name of the usual one is left out."""
    table = {"kind": value} if isinstance(value, str) else dict(value)
    if table.get("kind") == DIEHL_COOK:
        del table["kind"]
    return table


def with_source(options: Mapping, source: str | Mapping) -> dict:
    """Options with another source of spikes; constants stay only where it is of the same kind."""
    before, own = _source_in(options.get("source", "poisson"))
    name, constants = _source_in(source)
    if kind_of(before) == kind_of(name):
        constants = {**own, **options.get("source_constants", {}), **constants}
    return {**options, "source": name, "source_constants": constants}


def _source_in(source) -> tuple[str, dict]:
    """The name and the constants of a source, given by its name or as a table."""
    if not isinstance(source, Mapping):
        return source, {}
    constants = dict(source)
    return constants.pop("kind", "poisson"), constants


def merged(options: Mapping, changes: Mapping) -> dict:
    """Options with changes; tables are merged in turn."""
    result = dict(options)
    for name, value in changes.items():
        both_tables = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = merged(result[name], value) if both_tables else value
    return result


def _settled_options(options: dict) -> dict:
    """Every option of a configuration, checked and of the type that it has everywhere."""
    result: dict[str, Any] = {}
    for name, value in options.items():
        if name == "network" and isinstance(value, str):
            value = _network_table(value)
        if name in ("constants", "source_constants", "network", "protocol", "data", "layer_examples"):
            if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
                raise ConfigError(f"{name} must be a table, got {value!r}.")
            if name == "data":
                result[name] = Options.from_dict(value).to_dict()
                continue
            if name == "layer_examples":
                result[name] = {k: settled("examples", n, shown_as=f"{name}.{k}") for k, n in value.items()}
                continue
            constants = name in ("constants", "source_constants")
            result[name] = _settled_constants(value) if constants else settled_fields(value, within=name)
            if name == "network":
                result[name] = _network_table(result[name])
                check_name(result[name].get("kind", DIEHL_COOK))
        elif name in _MAY_BE_LEFT_OPEN and value is None:
            result[name] = None
        elif name == "preset":
            check_choice(name, value, tuple(PRESETS))
            result[name] = str(value)
        elif name == "input_gain" and isinstance(value, str) and value == "auto":
            result[name] = "auto"
        elif name in PARAMETERS:
            result[name] = settled(name, value)
        else:
            result[name] = _text(name, value)
    return result


def _settled_constants(constants: Mapping) -> dict:
    """Constants of a rule or source, which knows their bounds. Infinity is a text, since JSON's numbers lack it."""
    result = {}
    for name, value in constants.items():
        number = plain_number(value)
        infinite = number is not None and abs(number) == math.inf
        result[name] = str(number) if infinite else settled("", value, shown_as=name)
    return result


def _text(name: str, value) -> str | None:
    """An option that is a text, such as a name or a path."""
    if value is None and name == "start":
        return None
    if not isinstance(value, (str, Path)) or "\0" in str(value):
        raise ConfigError(f"{name} must be text, got {value!r}.")
    return str(value)


def _build(kind: type[_Part], name: str, options: dict, **fixed) -> _Part:
    """A part with options from a file, unknown names told."""
    defaults = {field.name: field.default for field in fields(kind) if field.name not in fixed}
    options = dict(options)
    for option, value in options.items():
        check_known(f"The {name}", option, defaults)
        default = defaults[option]
        if isinstance(default, ConductanceLIF):
            options[option] = _changed_neuron(default, f"{name}.{option}", value)
        elif isinstance(value, Mapping):
            raise ConfigError(f"{name}.{option} must not be a table, got {value!r}.")
    return kind(**options, **fixed)


def _changed_neuron(neuron: ConductanceLIF, name: str, options) -> ConductanceLIF:
    """A neuron with options from a file."""
    known = [field.name for field in fields(neuron)]
    if not isinstance(options, Mapping):
        raise ConfigError(f"{name} must be a table of {', '.join(known)}; got {options!r}.")
    for option in options:
        check_known(name, option, known)
    return replace(neuron, **options)
