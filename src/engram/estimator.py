"""The networks as scikit-learn estimators, on the same training, simulator and readout as the command line."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from engram.callbacks import Callback, Callbacks, ProgressBar
from engram.config import TrainingConfig, label_images
from engram.datasets.scale import (
    SMALLEST_SIDE,
    ValueRange,
    check_value_range,
    describe_range,
    find_column_ranges,
    find_ground,
    find_value_range,
    n_columns,
    on_scale,
    plain_range,
    standardised,
    to_pixels,
    wrapped_around,
)
from engram.datasets.shapes import as_rows, square_side
from engram.encoders import auto_input_gain
from engram.errors import ConfigError, DataError, DataWarning, EngramError, ModelFileError
from engram.evaluation import check_label_images, count_images, images_to_label_from, label_spikes, labels_of
from engram.health import Finding, HealthWarning
from engram.kernels.progress import shown_if
from engram.model import Model
from engram.model_file import Parts, model_from, read_model_file, save_model
from engram.named import NamedParameters
from engram.nested import PARTS, part_params, with_part_params
from engram.networks import DiehlCook, Network, Protocol
from engram.networks.catalogue import DESCRIBED_IN_CODE
from engram.plasticity.base import LearningRule, check_rule
from engram.plasticity.records import recorded_name
from engram.plasticity.registry import RULES, build_rule, make_rule
from engram.presets import PRESETS, preset_of
from engram.readout import SCHEMES, Readout, RunningAccuracy, check_weights, fit_readout
from engram.simulator import Simulator
from engram.sources import SOURCES, Source, make_source
from engram.sources.base import check_source
from engram.sources.records import recorded_name as recorded_source
from engram.sources.registry import build_source
from engram.training import Learned, Training, TrainingSet, copied
from engram.validation import check_choice, check_count

_LOG = logging.getLogger("engram")
_LARGEST_LABEL = 2**62
_TOLD = ("callbacks", "verbose")
_PLAIN = tuple(map(np.dtype, ("uint8", "float32", "float64")))
_MOST_INK = 3.0  # times the ink of the first batch; single images of MNIST reach 2.7 times the mean


class _Network(NamedParameters, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What both estimators share: parameters of their parts, images of any scale, learning, counting, files."""

    _live: _Live | None = None

    n_neurons: int
    rule: LearningRule | str
    source: Source | str | None
    preset: str | None
    epochs: int | None
    dt: float
    value_range: str | tuple[float, float]
    image_shape: tuple[int, int] | None
    input_gain: float | str
    order: str
    integrator: str
    dtype: str
    network: dict | str | DiehlCook | Network | None
    layers: str | None
    protocol: dict | Protocol | None
    random_state: Any
    threads: int | None
    warm_start: bool
    callbacks: Callback | Callable | Iterable[Callback | Callable] | None
    verbose: int

    n_features_in_: int
    feature_names_in_: np.ndarray
    image_shape_: tuple[int, int] | None
    value_range_: ValueRange
    health_: list[dict]

    @property
    def model_(self) -> Model:
        """The network as it was learned."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no model_ yet; call fit first.")
        return self._model

    @model_.setter
    def model_(self, model: Model) -> None:
        vars(self)["model_"] = model

    @property
    def history_(self) -> list[dict]:
        """The learning curve, in a list of one's own."""
        if "history_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no history_ yet; call fit first.")
        return list(self._history)

    @history_.setter
    def history_(self, history: Iterable[dict]) -> None:
        vars(self)["history_"] = list(history)

    @property
    def _history(self) -> list[dict]:
        """The list itself, which grows from call to call: a copy for each takes long in a long stream."""
        return vars(self)["history_"]

    @property
    def _model(self) -> Model:
        """The network, which may be without labels as yet; of calls of few images it is copied when it is asked for."""
        model = vars(self)["model_"]
        if model is None:
            live = self._going_on
            model = live.model()
            if live.before is None:  # else another thread is learning from more
                live.weights = model.weights
                vars(self)["model_"] = model
        return model

    @property
    def _going_on(self) -> _Live:
        """The training that the model is part of, as long as it is not copied."""
        if self._live is None:
            raise AttributeError("no training goes on, and nothing was learned")
        return self._live

    @property
    def _is_copied(self) -> bool:
        """Whether the model is apart from the training that goes on from it."""
        return vars(self)["model_"] is not None

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in vars(self)

    def __getstate__(self):
        state = {name: value for name, value in super().__getstate__().items() if name not in ("_live", "_counted")}
        if "history_" in state:
            state["history_"] = self.history_
        return {**state, "model_": self._model} if self.__sklearn_is_fitted__() else state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; those of the learning rule as ``rule__NAME``, of source, network and protocol likewise.

        Parameters
        ----------
        deep : bool
            Whether to include those of the parts: ``rule__eta``, ``source__order``, ``network__theta_plus``,
            ``network__excitatory__tau_m``, ``protocol__min_spikes``.
        """
        params = super().get_params(deep=deep)
        if deep:
            for found in (self._rule_params, self._source_params, self._part_params):
                with contextlib.suppress(EngramError):  # what cannot be used is told when fitting
                    params |= found()
        return params

    def set_params(self, **params) -> Self:
        """Set parameters; ``rule__NAME`` puts a rule with that constant changed in place of the present one, and
        ``source__NAME`` such a source.

        Raises
        ------
        ConfigError
            If rule, source, network or protocol has no such constant, or the value cannot be used.
        """
        changes = {part: {} for part in PARTS}
        for name in [name for name in params if name.partition("__")[0] in PARTS and "__" in name]:
            part, _, inner = name.partition("__")
            changes[part][inner] = params.pop(name)
        constants = {name[6:]: params.pop(name) for name in list(params) if name.startswith("rule__")}
        of_source = {name[8:]: params.pop(name) for name in list(params) if name.startswith("source__")}
        super().set_params(**params)
        if constants:
            rule = self._make_rule()
            self.rule = build_rule(type(rule), {**_constants(rule), **constants})
        if of_source:
            source = self._make_source()
            self.source = build_source(type(source), {**_constants(source), **of_source})
        for part, changed in changes.items():
            if changed:
                setattr(self, part, with_part_params(part, getattr(self, part), changed))
        return self

    def transform(self, X) -> np.ndarray:
        """Count the spikes that images draw with learning off.

        An image's counts depend on nothing but the image, the weights, the thresholds and the seed.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)

        Returns
        -------
        ndarray of shape (n_images, n_neurons)
            Spikes of each excitatory neuron.
        """
        return self._counts(X)

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to a model file, which the command line reads as well.

        Of the parameters, callbacks and verbosity are not kept.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        RunFolderError
            If the file cannot be written.
        """
        check_is_fitted(self)
        model = replace(self.model_, config={**self.model_.config, "estimator": self._record()})
        save_model(model, path, extra=self._extra_tensors())

    def watch(self):
        """A widget of this network for a notebook: live whenever it fits from here on, and as it stands now if it is
        fitted.

        Returns
        -------
        engram.widgets.LearningView

        Raises
        ------
        ConfigError
            If the extra ``engram[studio]`` is not installed.
        """
        from engram.widgets import LearningView

        model = getattr(self, "model_", None)
        view = LearningView() if model is None else LearningView.of_model(model)
        self.callbacks = [*_as_list(self.callbacks), view]
        return view

    @classmethod
    def load(cls, path: str | Path, *, rule=None, parts: Parts | None = None, source=None) -> Self:
        """Read a fitted estimator from a model file or a run folder, whether an estimator or the command line wrote it.

        Parameters
        ----------
        path : str or Path
        rule : type or str, optional
            The class, or ``file.py:Class``, of the user's rule that made the model; only needed to go on learning.
        parts : str, or iterable of type or str, optional
            For a network with parts of the user's own, their classes, or the file that described it; see
            :func:`engram.load_model`.
        source : type or str, optional
            The class, or ``file.py:Class``, of the user's source of spikes that the model learned by; needed to read.

        Raises
        ------
        ModelFileError
            If there is no model, or it is damaged, of another version, or lacks what the estimator needs.
        """
        tensors, metadata, name = read_model_file(path)
        return cls.from_model(
            model_from(tensors, metadata, name, rule=rule, parts=parts, source=source), tensors, name=name
        )

    @classmethod
    def from_model(cls, model: Model, tensors: dict[str, np.ndarray] | None = None, *, name: str = "the model") -> Self:
        """A fitted estimator from a trained network, see :meth:`engram.Model.to_estimator`.

        Parameters
        ----------
        model : Model
        tensors : dict of str to ndarray, optional
            What its file holds besides.
        name : str, optional
            What errors call it.

        Raises
        ------
        ModelFileError
            If it lacks what the estimator needs, such as labels.
        """
        try:
            return cls._loaded(model, tensors or {})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(f"{name} does not hold a {cls.__name__}: {error}") from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self._model.network.n_neurons

    def _record(self) -> dict[str, Any]:
        """What a model file keeps besides the model."""
        return {
            "progress": self._progress,
            "feature_names": [*getattr(self, "feature_names_in_", ())] or None,
        }

    def _extra_tensors(self) -> dict[str, np.ndarray]:
        return {}

    @classmethod
    def _loaded(cls, model: Model, tensors: dict[str, np.ndarray]) -> Self:
        """A fitted estimator from a model; what the file says of it is checked."""
        options = dict(model.config)
        record: dict[str, Any] = {"value_range": model.value_range, "progress": 1.0, **options.pop("estimator", {})}
        config = TrainingConfig.from_dict(options)
        known = {
            "n_neurons": model.network.n_neurons,
            "rule": model.rule,
            "source": None if config.source == PRESETS[config.preset].source else _parameter_of(model),
            "preset": None if config.preset == preset_of(config.network) else config.preset,
            "epochs": config.epochs,
            "dt": model.network.dt,
            "scheme": _unless(model.scheme, record.get("scheme", model.scheme)),
            "value_range": tuple(record["value_range"]),
            "image_shape": model.image_shape,
            "input_gain": config.input_gain,
            "label_examples": config.label_examples,
            "balanced": model.readout is not None and model.readout.balanced,
            "order": config.order,
            "integrator": model.network.integrator,
            "dtype": model.network.dtype,
            "network": model.network if config.network_name == DESCRIBED_IN_CODE else config.network or None,
            "layers": None if config.layers == PRESETS[config.preset].layers else config.layers,
            "protocol": config.protocol or None,
            "random_state": model.seed,
        }
        wanted = inspect.signature(cls).parameters
        estimator = cls(**{name: value for name, value in known.items() if name in wanted})
        estimator.model_ = model
        estimator.n_features_in_ = n_columns(model.value_range, model.network.n_inputs)
        estimator.image_shape_ = model.image_shape
        estimator.value_range_, estimator._framing = estimator._asked_range(model.network.n_inputs), model.framing
        estimator.history_, estimator.health_ = [], []
        estimator._progress = float(record["progress"])
        if not 0 <= estimator._progress <= 1:
            raise ValueError(f"its progress is {record['progress']!r}")
        names = record.get("feature_names")
        if names is not None:
            if len(names) != estimator.n_features_in_ or not all(isinstance(name, str) for name in names):
                raise ValueError("its feature names do not fit")
            estimator.feature_names_in_ = np.array(names, object)
        return estimator

    def _images(self, X, *, reset: bool):
        """Images as they are in rows, and their shape where it is known."""
        shape = None
        if getattr(X, "ndim", 0) > 4:
            raise DataError(f"X must hold one image a row, of up to three dimensions, got an array of shape {X.shape}.")
        if getattr(X, "ndim", None) in (3, 4) or (isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) in (2, 3)):
            X, shape = as_rows(X, name="X")
        if reset or not self._is_plain(X):
            X = validate_data(self, X, reset=reset)
        if not reset and shape is not None and self.image_shape_ is not None and shape != self.image_shape_:
            raise DataError(
                f"Images must have {self.image_shape_[0]}×{self.image_shape_[1]} pixels as in fit, got"
                f" {shape[0]}×{shape[1]}; turn or scale them."
            )
        return X, shape

    def _is_plain(self, X) -> bool:
        """Whether scikit-learn would return these further images as they are, which it takes long to find."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in _PLAIN
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    def _take_shape(self, X: np.ndarray, shape) -> None:
        """Learn the images' shape and scale from the first ones met."""
        n_features = X.shape[1]
        side = square_side(n_features)
        if self.image_shape is not None:
            shape = tuple(self.image_shape)
            if len(shape) != 2 or math.prod(shape) != n_features:
                raise DataError(f"image_shape must be (height, width) of {n_features:,} pixels, got {shape}.")
        elif shape is None and side:
            shape = (side, side)
        self.image_shape_ = None if shape is None else (int(shape[0]), int(shape[1]))
        self.value_range_ = self._value_range(X, self.image_shape_)
        ground = find_ground(X, self.image_shape_, self.value_range_)
        self._framing = "ink" if ground == "dark" else "photo"

    def _value_range(self, X: np.ndarray, image_shape: tuple[int, int] | None) -> ValueRange:
        """The values that become black and white; warns of such as are no pixels any more."""
        if not (isinstance(self.value_range, str) and self.value_range == "auto"):
            return self._asked_range(2 * X.shape[1])
        if wrapped_around(X):
            _warn("X is int8 with negative values: pixels above 127 have wrapped around; give X.view('uint8').")
        if image_shape is not None and standardised(X):
            _warn(
                "X is standardised: each pixel has mean 0 and variance 1, which makes faint pixels as strong as ink;"
                " leave StandardScaler out, the scale of images is found without it."
            )
        if image_shape is None and X.shape[1] < SMALLEST_SIDE**2:
            return find_column_ranges(X)
        black, white = find_value_range(X)
        light = find_ground(X, image_shape, (black, white)) == "light"
        return (white, black) if light else (black, white)

    def _asked_range(self, n_features: int) -> ValueRange:
        """The parameter, where it is a range."""
        try:
            return check_value_range(self.value_range, n_features)
        except DataError:
            raise ConfigError(
                f"value_range must be 'auto' or a pair (black, white) of different numbers, got {self.value_range!r}."
            ) from None

    def _warn_of_scale(self, X: np.ndarray) -> None:
        """Warn of images on another scale than those that were learned from."""
        trouble = on_scale(X, self.value_range_)
        if trouble == "bright" and self.value_range != "auto":
            return  # who gives a range wants what lies outside clipped
        if trouble:
            _warn(
                f"X goes from {float(X.min()):g} to {float(X.max()):g}, too {trouble} for the scale"
                f" {describe_range(self.value_range_)} of the images learned from first; bring X to that scale, or give"
                " value_range when fitting."
            )
        elif self._learned_framing != "photo" and find_ground(X, self.image_shape_, self.value_range_) == "light":
            black_and_white = sum(plain_range(self.value_range_) or ())
            _warn(
                "X is a negative of the images learned from first, whose ground has the other brightness; give"
                f" {black_and_white:g} - X."
            )

    @property
    def _learned_framing(self) -> str:
        return self._model.framing if self._is_copied else self._going_on.training.dataset.framing

    def _warn_of_ink(self, pixels: np.ndarray) -> None:
        """Warn of images with much more ink than those by which the input gain was set."""
        if self.input_gain != "auto":
            return
        learned_with = self._model.input_gain if self._is_copied else self._going_on.training.simulator.input_gain
        if learned_with > _MOST_INK * auto_input_gain(pixels):
            _warn(
                "X is much brighter than the images learned from first, by which the input gain was set; give a first"
                " batch that is like the others, or input_gain as a number."
            )

    def _pixels(self, X: np.ndarray) -> np.ndarray:
        """Images on the scale 0-255; what lies outside the value range is clipped."""
        return to_pixels(X, self.value_range_)

    def _rule_params(self) -> dict[str, Any]:
        rule = self._make_rule()
        return {f"rule__{name}": value for name, value in _constants(rule).items()}

    def _source_params(self) -> dict[str, Any]:
        return {f"source__{name}": value for name, value in _constants(self._make_source()).items()}

    def _part_params(self) -> dict[str, Any]:
        options = {name: _plain(getattr(self, name)) for name in ("preset", "dt", "integrator", "dtype")}
        options |= {"network": _network_option(self.network), "protocol": self.protocol or {}}
        return part_params(TrainingConfig(neurons=_plain(self.n_neurons), **options))

    def _make_rule(self) -> LearningRule:
        """The learning rule that the parameter stands for."""
        rule = self.rule
        if isinstance(rule, type) and issubclass(rule, LearningRule):
            rule = build_rule(rule)
        if isinstance(rule, str):
            check_count("n_neurons", self.n_neurons)
            return make_rule(rule, PRESETS[self._preset()].rule_options(rule, self.n_neurons))
        if not isinstance(rule, LearningRule):
            raise ConfigError(
                f"rule must be a learning rule or its name, one of {', '.join(RULES)}, got {rule!r}; a model of a rule"
                " of your own is loaded with rule=, to go on learning."
            )
        if type(rule) not in RULES.values():
            check_rule(rule)
        return rule

    def _preset(self) -> str:
        """The preset's name: by default that of the network."""
        preset = self.preset or preset_of(self.network)
        check_choice("preset", preset, tuple(PRESETS))
        return preset

    def _make_source(self) -> Source:
        """The source of spikes that the parameter stands for."""
        source = PRESETS[self._preset()].source if self.source is None else self.source
        source = make_source(source) if isinstance(source, str) else source
        check_source(source)
        if source.takes_events:
            raise ConfigError(
                f"An estimator takes images, and the source {source.name} shows recordings; train on those with"
                " engram.Training or 'engram train'."
            )
        return source

    def _config(self, rule: LearningRule, source: Source, start: Model | None, **fixed) -> TrainingConfig:
        """The options as the command line has them."""
        check_count("n_neurons", self.n_neurons)
        if start is None:
            seed = self.random_state
            if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
                seed = check_random_state(seed).randint(2**31 - 1)
        else:
            seed = start.seed
        defaults = {f.name: f.default for f in fields(rule)} | PRESETS[self._preset()].rule_options(
            recorded_name(type(rule)), self.n_neurons
        )
        constants = {f.name: getattr(rule, f.name) for f in fields(rule) if f.init}
        options = {
            "dataset": "arrays",
            "rule": recorded_name(type(rule)),
            "preset": self._preset(),
            "constants": {name: _plain(value) for name, value in constants.items() if value != defaults[name]},
            "source": recorded_source(type(source)),
            "source_constants": {name: _plain(value) for name, value in _constants(source).items()},
            "neurons": self.n_neurons,
            "epochs": self.epochs,
            "order": self.order,
            "seed": seed,
            "dt": self.dt,
            "integrator": self.integrator,
            "dtype": self.dtype,
            "input_gain": self.input_gain,
            "label_examples": getattr(self, "label_examples", None),
            "network": _network_option(self.network),
            "layers": self.layers,
            "protocol": self.protocol or {},
        }
        return TrainingConfig(**{name: _plain(value) for name, value in (options | fixed).items()})

    def _learn(self, X, codes, classes, *, goes_on: bool, online: bool, label=None, names=None) -> list[Finding]:
        """Train on images that are validated; `label` is called in the end, with the training and the callbacks.

        Returns what was found wrong, which is warned of here only where all can be as it was before.
        """
        pixels = self._pixels(X)
        if goes_on:
            self._warn_of_scale(X)
            if online:
                self._warn_of_ink(pixels)
        data = TrainingSet(
            pixels,
            codes,
            tuple(classes),
            self.image_shape_,
            value_range=self.value_range_,
            framing=self._framing,
            class_names=names or {},
        )
        given = self._given()
        live = self._live_for(given) if online and goes_on else None
        in_place = live is not None and not self._is_copied
        is_shared = self.callbacks is not None or (live is not None and live.is_shared)
        if in_place:
            live.before = live.training.remember(undisturbed=not is_shared)
        elif self.__sklearn_is_fitted__():
            self.model_, self._live = self._model, None  # what was learned is copied from what is let go
        try:
            training = self._show(data, live, goes_on=goes_on, online=online, label=label)
        except BaseException:
            if in_place:
                self.model_, self._live = live.model(), None
            raise
        if online:
            self._live, vars(self)["model_"] = _Live(training, given, is_shared), None
        return training.health.findings

    def _live_for(self, given: dict[str, Any]) -> _Live | None:
        """The training that learned what is known so far, if it can go on with these parameters."""
        live = self._live
        if live is None or not live.was_given(given):
            return None
        return live if not self._is_copied or live.is_of(self._model) else None

    def _show(self, data: TrainingSet, live: _Live | None, *, goes_on: bool, online: bool, label) -> Training:
        """Learn from images in a training that is live, or a new one."""
        rate_at = None if not online else self._progress if goes_on else 0.0
        running = getattr(self, "_running", None) if online and goes_on and data.train_labels is not None else None
        running = running and running.copy()  # a call that is cut short leaves what was
        if live is None:
            start = self._model if goes_on else None
            training = self._new_training(data, start, online=online, learning_rate_at=rate_at)
        elif live.before is not None:
            (training := live.training).go_on(data)
        else:
            (training := live.training).begin_again(data, self._model)
        training.learning_rate_at = rate_at
        if running is not None:
            training.running = running
        if label is not None and not online:
            check_label_images(training)
        if not online and self.epochs is None:
            n_images = len(data.train_images)
            passes = training.config.total_examples(n_images) // n_images
            _LOG.info("fit makes %d passes over %s images; epochs=... for more or fewer", passes, f"{n_images:,}")
        callbacks = Callbacks(self.callbacks)
        if self.verbose:
            callbacks.callbacks.append(ProgressBar())
        try:
            with shown_if(bool(self.verbose)):
                training.prepare()
            callbacks.on_start(training)
            for progress in training.blocks():
                callbacks.on_progress(progress, training)
            readout = None if label is None else label(training, callbacks)
            if readout is not None:
                self._note_answers(training, readout)
        finally:
            callbacks.on_end(training)
        if online:
            _warn_of_health(training.health.findings, stacklevel=5)  # before anything is kept: it may be an error
        self._progress = rate_at if online else min(1.0, training.examples / training.total)
        self._running = training.running
        if online and goes_on:
            self._history.extend(training.metrics[-1:])
        elif online:
            self.history_ = training.metrics[-1:]
        else:
            self.model_, self.history_ = replace(training.model(), readout=readout), training.metrics
        self.health_ = [finding.to_dict() for finding in training.health.findings]
        return training

    def _new_training(self, data: TrainingSet, start: Model | None, *, online: bool, learning_rate_at) -> Training:
        rule, source = self._make_rule(), self._make_source()
        config = self._config(rule, source, start, **({"order": "file", "epochs": 1} if online else {}))
        return Training(
            config,
            data,
            rule=rule,
            source=source,
            network=self.network if isinstance(self.network, Network) else None,
            start=start,
            learning_rate_at=learning_rate_at,
            threads=self.threads,
        )

    def _given(self) -> dict[str, Any]:
        """The parameters that training depends on, as they are now."""
        params = {name: getattr(self, name) for name in _parameter_names(type(self))}
        return {name: copy.deepcopy(v) if isinstance(v, dict) else v for name, v in params.items()}

    def _note_answers(self, training: Training, readout: Readout) -> None:
        """Tell the health what came of learning, as far as it shows without test images."""
        training.health.note_labels(training.examples, readout.unassigned_neurons, len(readout.assigned))
        running, labels = training.running, training.dataset.train_labels
        if running is not None and labels is not None and len(running.hits) == RunningAccuracy.WINDOW:
            training.health.note_accuracy(training.examples, running.value, labels)

    def _counts(self, X) -> np.ndarray:
        check_is_fitted(self)
        X, _ = self._images(X, reset=False)
        self._warn_of_scale(X)
        counts, _ = count_images(self._reading_simulator(), self._pixels(X), threads=self.threads)
        return counts

    def _reading_simulator(self) -> Simulator:
        live = self._live
        if live is None or live.before is not None or (self._is_copied and not live.is_of(self._model)):
            return self._model.simulator()
        if self._is_copied:
            live.training.simulator.take(self._model.weights, self._model.theta)
        return live.training.simulator

    def _start_of_fit(self) -> Model | None:
        return self.model_ if self.warm_start and self.__sklearn_is_fitted__() else None


@functools.cache
def _parameter_names(estimator: type[_Network]) -> tuple[str, ...]:
    """What training depends on, of the parameters of an estimator."""
    return tuple(name for name in inspect.signature(estimator).parameters if name not in _TOLD)


def _network_option(network) -> dict | str | DiehlCook:
    """What a configuration has for the parameter `network`."""
    if isinstance(network, Network):
        return DESCRIBED_IN_CODE
    if network is None or isinstance(network, (str, Mapping, DiehlCook)):
        return network or {}
    raise ConfigError(f"network must be a table, a name, a DiehlCook or a Network, got {network!r:.100}.")


class STDPClassifier(ClassifierMixin, _Network):
    """Classifier that learns features without labels, by spike-timing-dependent plasticity, and then what they mean.

    A network of spiking neurons [1]_ learns from the images alone. Afterwards its neurons are labelled: training images
    are shown with learning off, and a readout of their spike counts is fitted to `y`.

    Parameters
    ----------
    n_neurons : int
        Excitatory neurons.
    rule : LearningRule or str
        A rule, a rule's name, or ``file.py:Class`` for one's own. Its constants are parameters of the estimator as
        ``rule__eta`` and so on; so are ``network__theta_plus`` and ``protocol__min_spikes``.
    source : Source or str, optional
        What makes spikes of images: a source, a source's name, or ``file.py:Class`` for one's own; see
        :mod:`engram.sources`. Its constants are parameters of the estimator as ``source__order`` and so on, and its
        gain is `input_gain`.
    preset : {"paper", "sharp", "events", "conv", "conv-prototypes"}, optional
        The constants of network and protocol, and of a rule given by its name, and the source where none is given; see
        :mod:`engram.presets`. By default that of the network.
    epochs : int, optional
        Passes over the images; by default as many whole passes as show about 10,000 images, at most ten. How many it
        comes to is told to the log ``engram``, and by `verbose`.
    dt : float
        Time step, ms.
    scheme : {"proportion", "mean", "logistic"}, optional
        How spike counts are read, see :class:`engram.readout.Readout`; by default what suits the preset.
    value_range : "auto" or pair of float
        The values of `X` that stand for black and white; what lies outside is clipped. "auto" finds the scale of the
        images given first, see :func:`engram.datasets.scale.find_value_range`, and turns it round where they have dark
        ink on light ground. Rows of fewer than 49 values are no images: each column has a range of its own, and two
        inputs, one for large and one for small values.
    image_shape : tuple of int, optional
        Height and width; by default that of 3-D input, or a square where the number of features is one.
    input_gain : float or "auto"
        Factor on pixel values; "auto" gives the training images MNIST's mean ink where inputs spike at rates, and is 1
        for other sources.
    label_examples : int, optional
        Training images from which the neurons' labels come, at most; by default as many as the neurons need, see
        :func:`engram.config.label_images`.
    balanced : bool
        Whether rare classes count as much as frequent ones when spikes are read, see :class:`engram.readout.Readout`.
    order : {"shuffled", "file"}
        Whether each pass shuffles the images anew, from the seed.
    integrator, dtype : str
        See :class:`engram.networks.DiehlCook`.
    network : dict, DiehlCook, str or Network, optional
        Further fields of :class:`engram.networks.DiehlCook`, or one that has them all; or another network: its name or
        ``file.py:function``, with options of its own as ``{"kind": NAME, ...}``, or the description itself.
    layers : {"together", "in_turn"}, optional
        Whether the layers of a network learn at once, or one after another, each for so many epochs; by default what
        suits the network.
    protocol : dict or Protocol, optional
        Further fields of :class:`engram.networks.Protocol`, or one that has them all.
    random_state : int, RandomState instance or None
        The seed from which everything random is drawn. None draws a new one for each fit.
    threads : int, optional
        As many as there are processors by default. Results do not depend on it.
    warm_start : bool
        Whether `fit` goes on from the network that the last one left, with its scale and seed.
    callbacks : Callback, callable or list of these, optional
        See :mod:`engram.callbacks`.
    verbose : int
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    model_ : Model
        Network, weights, thresholds and readout, see :class:`engram.Model`.
    value_range_ : pair of float, or of one tuple of float each
    image_shape_ : tuple of int or None
    history_ : list of dict
        The learning curve; `partial_fit` adds one point per call.
    health_ : list of dict
        What was wrong with the network while it learned, see :mod:`engram.health`; also warned of.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only where `X` had names.

    See Also
    --------
    STDPFeatures : The same network without labels.

    Notes
    -----
    The prediction of an image depends on the image, the model and the seed alone, not on what else is in the batch.
    An image for which no neuron fires is given the first class.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015).

    Examples
    --------
    >>> from engram import STDPClassifier
    >>> from engram.datasets import load
    >>> digits = load("digits")
    >>> classifier = STDPClassifier(n_neurons=50, epochs=1)
    >>> classifier.fit(digits.train_images, digits.train_labels).score(digits.test_images, digits.test_labels) > 0.6
    True
    """

    scheme: str | None
    label_examples: int | None
    balanced: bool

    classes_: np.ndarray
    _gathered: _Gathered
    _labels_balanced: bool
    _counted: tuple[_Gathered, Readout] | None = None

    def __init__(
        self,
        n_neurons: int = 400,
        *,
        rule: LearningRule | str = "self_normalizing",
        source: Source | str | None = None,
        preset: str | None = None,
        epochs: int | None = None,
        dt: float = 0.5,
        scheme: str | None = None,
        value_range: str | tuple[float, float] = "auto",
        image_shape: tuple[int, int] | None = None,
        input_gain: float | str = "auto",
        label_examples: int | None = None,
        balanced: bool = False,
        order: str = "shuffled",
        integrator: str = "exponential_euler",
        dtype: str = "float32",
        network: dict | str | DiehlCook | Network | None = None,
        layers: str | None = None,
        protocol: dict | Protocol | None = None,
        random_state=0,
        threads: int | None = None,
        warm_start: bool = False,
        callbacks: Callback | Callable | Iterable[Callback | Callable] | None = None,
        verbose: int = 0,
    ):
        self.n_neurons = n_neurons
        self.rule = rule
        self.source = source
        self.preset = preset
        self.epochs = epochs
        self.dt = dt
        self.scheme = scheme
        self.value_range = value_range
        self.image_shape = image_shape
        self.input_gain = input_gain
        self.label_examples = label_examples
        self.balanced = balanced
        self.order = order
        self.integrator = integrator
        self.dtype = dtype
        self.network = network
        self.layers = layers
        self.protocol = protocol
        self.random_state = random_state
        self.threads = threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None) -> Self:
        """Learn from images, then label the neurons.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)
        y : array-like of shape (n_images,)
            Classes, of any type.
        sample_weight : array-like of shape (n_images,), optional
            How much each image counts for the neurons' labels. The network learns from all of them alike: it knows no
            classes.

        Raises
        ------
        DataError
            If there are fewer than two classes.
        ConfigError
            If a parameter cannot be used.
        """
        self._scheme()
        start = self._start_of_fit()
        X, shape, y = self._images_and_classes(X, y, reset=True)
        weights = None if sample_weight is None else check_weights(sample_weight, len(y))
        classes = np.unique(y)
        if len(classes) < 2:
            raise DataError(f"A classifier needs images of two classes or more, got one class, {classes[0]}.")
        codes = _codes(classes)
        if start is None:
            self._take_shape(X, shape)

        gathered = _Gathered()

        def label(training: Training, callbacks: Callback) -> Readout:
            nonlocal gathered
            simulator = training.simulator
            n_images = training.config.total_label_examples(len(X), simulator.network.n_neurons)
            counts, labels = label_spikes(
                simulator, training.dataset, n_images, threads=self.threads, on_progress=callbacks.on_count
            )
            gathered = _Gathered(_Evidence.of(counts, labels))
            callbacks.on_wait("learning what the neurons' spikes mean")
            chosen = images_to_label_from(simulator.seed, len(X), n_images)
            of_chosen = None if weights is None else weights[chosen]
            return fit_readout(counts, labels, codes, sample_weight=of_chosen, balanced=self.balanced)

        found = self._learn(
            X,
            codes[np.searchsorted(classes, y)],
            codes,
            goes_on=start is not None,
            online=False,
            label=label,
            names=_names(classes, codes),
        )
        self._gathered, self.classes_ = gathered, classes
        _warn_of_health(found)
        return self

    def partial_fit(self, X, y, classes=None) -> Self:
        """Go on learning from further images, each shown once, in the order given.

        Learning rates stay where they are: at their beginning in a new network, since the end is not known, and where
        `fit` let them fall to after it. So do the steps of the thresholds, which are large at the beginning with the
        preset ``"sharp"``: begin with `fit`, or choose ``"paper"``. The neurons' labels come from the latest images of
        each class, at most `label_examples` in all, as they were read right after they were learned from.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)
        y : array-like of shape (n_images,)
        classes : array-like of shape (n_classes,), optional
            Every class that will ever come. Needed in the first call of a new network.

        Raises
        ------
        DataError
            If `y` holds a class that is not among `classes`.

        Notes
        -----
        In a model that the command line trained, the first call replaces the labels: its file does not tell what they
        were made of.
        """
        self._scheme()
        fitted = self.__sklearn_is_fitted__()
        if not fitted and classes is None:
            raise DataError("classes must be given on the first call to partial_fit.")
        X, shape, y = self._images_and_classes(X, y, reset=not fitted)
        if not fitted:
            classes = np.unique(column_or_1d(classes))
            if len(classes) < 2:
                raise DataError(f"A classifier needs two classes or more, got {classes.tolist()!r}.")
            self._take_shape(X, shape)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise DataError(
                f"classes must stay those of the first call, {self.classes_.tolist()!r}, got {list(classes)!r}."
            )
        else:
            classes = self.classes_
        places = _places(y, classes)
        codes = _codes(classes)
        wanted = max(1, (self.label_examples or label_images(self.n_neurons)) // len(codes))
        gathered, balanced = self._gathered if fitted else _Gathered(), self.balanced

        def label(training: Training, callbacks: Callback) -> None:
            nonlocal gathered
            data = training.dataset
            counts, _ = count_images(
                training.simulator, data.train_images, "labelling", self.threads, callbacks.on_count
            )
            gathered = gathered.followed_by(counts, labels_of(data), wanted)

        self._learn(
            X,
            codes[places],
            codes,
            goes_on=fitted,
            online=True,
            label=label,
            names=_names(classes, codes),
        )
        self._gathered, self._labels_balanced, self.classes_ = gathered, balanced, classes
        return self

    @property
    def model_(self) -> Model:
        """The network as it was learned, with its neurons' labels, which are made when they are first asked for."""
        model = super().model_
        if model.readout is None and self._evidence is not None:
            readout = self._evidence.readout(_codes(self.classes_), balanced=self._labels_balanced)
            model = self.model_ = replace(model, readout=readout)
        return model

    @model_.setter
    def model_(self, model: Model) -> None:
        vars(self)["model_"] = model

    @property
    def _evidence(self) -> _Evidence | None:
        return self._gathered.evidence()

    def predict(self, X) -> np.ndarray:
        """The class of each image.

        An image that draws no spike of a neuron with a class has no answer. A class must be returned all the same: it
        is the first by the schemes that count spikes, whose scores are all zero then, and the most frequent one by
        ``"logistic"``. :meth:`score` counts such an image as wrong; :meth:`answered` tells which they are.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)

        Returns
        -------
        ndarray of shape (n_images,)
        """
        check_is_fitted(self)
        return self._classes_of(self._counts(X))

    def answered(self, X) -> np.ndarray:
        """Whether each image draws a spike of a neuron that has a class.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)

        Returns
        -------
        ndarray of shape (n_images,), bool
        """
        check_is_fitted(self)
        return self._read_by().answered(self._counts(X))

    def score(self, X, y, sample_weight=None) -> float:
        """The share of images that are answered, and rightly.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)
        y : array-like of shape (n_images,)
        sample_weight : array-like of shape (n_images,), optional

        Returns
        -------
        float
        """
        check_is_fitted(self)
        counts = self._counts(X)
        right = (self._classes_of(counts) == column_or_1d(y)) & self._read_by().answered(counts)
        return float(np.average(right, weights=sample_weight))

    def predict_proba(self, X) -> np.ndarray:
        """Each class's share of the votes, or its probability by the logistic regression.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)

        Returns
        -------
        ndarray of shape (n_images, n_classes)
            Rows sum to 1; all classes are equal where no neuron fired.
        """
        votes = self._votes(X)
        if self._scheme() == "logistic":
            votes = np.exp(votes - votes.max(axis=1, keepdims=True))
        total = votes.sum(axis=1, keepdims=True)
        return np.divide(votes, total, out=np.full_like(votes, 1 / votes.shape[1]), where=total > 0)

    def decision_function(self, X) -> np.ndarray:
        """Each class's score: its share of the votes, or what the logistic regression takes the exponential of.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)

        Returns
        -------
        ndarray of shape (n_images, n_classes), or (n_images,) for two classes
            The highest is the answer; of two classes, the second's score less the first's.
        """
        votes = self._votes(X)
        return votes[:, 1] - votes[:, 0] if votes.shape[1] == 2 else votes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # of blobs in two dimensions: a picture of two pixels has no shape
        return tags

    def _classes_of(self, counts: np.ndarray) -> np.ndarray:
        return self.classes_[np.argmax(self._read_by().scores(counts, self._scheme()), axis=1)]

    def _read_by(self) -> Readout:
        """What spikes mean, as far as the scheme needs it: the regression is learned for its own scheme alone."""
        model, gathered = vars(self)["model_"], vars(self).get("_gathered", _Gathered())
        evidence = gathered.evidence()
        if self._scheme() == "logistic" or evidence is None or (model is not None and model.readout is not None):
            return self.model_.fitted_readout
        counted = self._counted
        if counted is None or counted[0] is not gathered:
            codes = _codes(self.classes_)
            readout = evidence.readout(codes, balanced=self._labels_balanced, regression=False)
            counted = self._counted = gathered, readout
        return counted[1]

    def _scheme(self) -> str:
        """The way to read spike counts: by default what suits the preset."""
        scheme = self.scheme or PRESETS[self._preset()].scheme
        check_choice("scheme", scheme, SCHEMES)
        return scheme

    def _votes(self, X) -> np.ndarray:
        """Scores by the scheme; those that count spikes as shares, all zero where no neuron fired."""
        check_is_fitted(self)
        scheme = self._scheme()
        scores = self._read_by().scores(self._counts(X), scheme)
        if scheme == "logistic":
            return scores
        total = scores.sum(axis=1, keepdims=True)
        return scores / np.where(total > 0, total, 1.0)

    def _images_and_classes(self, X, y, *, reset: bool):
        X, shape = self._images(X, reset=reset)
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; use STDPFeatures to learn"
                " without labels."
            )
        if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in "iu":  # else it is returned as it is
            y = column_or_1d(y, warn=True)
        if reset:  # later ones are looked for among the first
            check_classification_targets(y)
        if len(y) != len(X):
            raise DataError(f"y must hold one class per image, got {len(y):,} for {len(X):,} images.")
        return X, shape, y

    def _record(self) -> dict[str, Any]:
        kind = {"b": "bool", "i": "int", "u": "int", "f": "float"}.get(self.classes_.dtype.kind, "str")
        return {**super()._record(), "scheme": self._scheme(), "classes": self.classes_.tolist(), "classes_are": kind}

    def _extra_tensors(self) -> dict[str, np.ndarray]:
        return {} if self._evidence is None else self._evidence.to_tensors()

    @classmethod
    def _loaded(cls, model: Model, tensors: dict[str, np.ndarray]) -> Self:
        if model.readout is None:
            raise ValueError("its neurons have no labels; load it with STDPFeatures.")
        estimator = super()._loaded(model, tensors)
        estimator._scheme()
        record = model.config.get("estimator", {})
        classes = record.get("classes", model.readout.classes.tolist())
        kinds = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}
        kind = record.get("classes_are", "int")
        if len(classes) != len(model.readout.classes) or not all(type(c) in kinds[kind] for c in classes):
            raise ValueError("its classes do not fit its labels.")
        estimator.classes_ = np.array(classes, None if kind == "str" else {"int": np.int64}.get(kind, kind))
        held = "evidence.labels" in tensors
        estimator._gathered = _Gathered(_Evidence.from_tensors(tensors, model) if held else None)
        return estimator


class STDPFeatures(_Network):
    """Transformer that learns features of images without labels, by spike-timing-dependent plasticity.

    The features of an image are the spikes that it draws from each neuron, for any estimator to go on with.

    Parameters
    ----------
    n_neurons : int
        Excitatory neurons, each a feature.
    rule, source, preset, epochs, dt, value_range, image_shape, input_gain, order, integrator, dtype, network, layers, \
protocol, random_state, threads, warm_start, callbacks, verbose
        See :class:`STDPClassifier`.

    Attributes
    ----------
    model_ : Model
        Network, weights and thresholds.
    value_range_, image_shape_, history_, health_, n_features_in_, feature_names_in_
        See :class:`STDPClassifier`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> import numpy as np
    >>> from engram import STDPFeatures
    >>> from engram.datasets import load
    >>> digits = load("digits")
    >>> reader = make_pipeline(
    ...     STDPFeatures(n_neurons=50, epochs=1), FunctionTransformer(np.sqrt), LogisticRegression(max_iter=500)
    ... )
    >>> reader.fit(digits.train_images, digits.train_labels).score(digits.test_images, digits.test_labels) > 0.7
    True
    """

    def __init__(
        self,
        n_neurons: int = 400,
        *,
        rule: LearningRule | str = "self_normalizing",
        source: Source | str | None = None,
        preset: str | None = None,
        epochs: int | None = None,
        dt: float = 0.5,
        value_range: str | tuple[float, float] = "auto",
        image_shape: tuple[int, int] | None = None,
        input_gain: float | str = "auto",
        order: str = "shuffled",
        integrator: str = "exponential_euler",
        dtype: str = "float32",
        network: dict | str | DiehlCook | Network | None = None,
        layers: str | None = None,
        protocol: dict | Protocol | None = None,
        random_state=0,
        threads: int | None = None,
        warm_start: bool = False,
        callbacks: Callback | Callable | Iterable[Callback | Callable] | None = None,
        verbose: int = 0,
    ):
        self.n_neurons = n_neurons
        self.rule = rule
        self.source = source
        self.preset = preset
        self.epochs = epochs
        self.dt = dt
        self.value_range = value_range
        self.image_shape = image_shape
        self.input_gain = input_gain
        self.order = order
        self.integrator = integrator
        self.dtype = dtype
        self.network = network
        self.layers = layers
        self.protocol = protocol
        self.random_state = random_state
        self.threads = threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose

    def fit(self, X, y=None) -> Self:
        """Learn from images.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)
        y : Ignored
        """
        start = self._start_of_fit()
        X, shape = self._images(X, reset=True)
        if start is None:
            self._take_shape(X, shape)
        _warn_of_health(self._learn(X, None, (), goes_on=start is not None, online=False))
        return self

    def partial_fit(self, X, y=None) -> Self:
        """Go on learning from further images, each shown once, in the order given; learning rates stay where they are.

        Parameters
        ----------
        X : array-like of shape (n_images, n_features) or (n_images, height, width)
        y : Ignored
        """
        fitted = self.__sklearn_is_fitted__()
        X, shape = self._images(X, reset=not fitted)
        if not fitted:
            self._take_shape(X, shape)
        self._learn(X, None, (), goes_on=fitted, online=True)
        return self


@dataclass(eq=False)
class _Live:
    """The training that learned a model, to go on with: what a call of few images costs most is building another.

    Attributes
    ----------
    training : Training
    given : dict
        The estimator's parameters.
    is_shared : bool
        Whether callbacks were ever given the training: they may have kept it, and change weights at any time.
    weights : ndarray or dict of str to ndarray, or None
        The model's, by which it is known once it was copied; the training's are equal, and its own.
    before : Learned or None
        What was learned before the call that learns at present.
    """

    training: Training
    given: dict[str, Any]
    is_shared: bool
    weights: np.ndarray | dict[str, np.ndarray] | None = None
    before: Learned | None = None

    def model(self) -> Model:
        """What is learned, or was before the present call, as a model of its own."""
        model = self.training.model()
        return replace(model, **copied(self.training.learned())) if self.before is None else self.before.put_into(model)

    def is_of(self, model: Model) -> bool:
        """Whether it learned this model."""
        return model.weights is self.weights

    def was_given(self, params: dict[str, Any]) -> bool:
        """Whether it learned with these parameters: plain ones that are equal, and objects that are the same."""
        return all(_is_same(self.given[name], value) for name, value in params.items())


def _is_same(one, other) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, (str, int, float, dict)) and one == other)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What the neurons' labels were made of: the few spikes that each labelled image drew.

    Attributes
    ----------
    counts : csr_matrix of shape (n_images, n_neurons)
    labels : ndarray of shape (n_images,), int64
    """

    counts: sparse.csr_matrix
    labels: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, labels: np.ndarray) -> _Evidence:
        """Counts as they come from the simulator."""
        return cls(sparse.csr_matrix(counts), np.asarray(labels, np.int64))

    def followed_by(self, later: _Evidence) -> _Evidence:
        """This, and then what came later."""
        counts = sparse.vstack((self.counts, later.counts), format="csr")
        return _Evidence(counts, np.concatenate((self.labels, later.labels)))

    def latest(self, n_images: int) -> _Evidence:
        """The last images of each class."""
        kept = [np.flatnonzero(self.labels == label)[-n_images:] for label in np.unique(self.labels)]
        kept = np.sort(np.concatenate(kept))
        return _Evidence(self.counts[kept], self.labels[kept])

    def readout(self, codes: np.ndarray, *, balanced: bool, regression: bool = True) -> Readout:
        """What the spikes mean."""
        return fit_readout(self.counts.toarray(), self.labels, codes, balanced=balanced, regression=regression)

    def to_tensors(self) -> dict[str, np.ndarray]:
        """As a model file holds it."""
        parts = {name: getattr(self.counts, name) for name in ("data", "indices", "indptr")}
        parts = {name: values.astype(np.int64 if name == "indptr" else np.int32) for name, values in parts.items()}
        return {f"evidence.{name}": values for name, values in {**parts, "labels": self.labels}.items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], model: Model) -> _Evidence:
        """What :meth:`to_tensors` wrote, checked."""
        data, indices, indptr, labels = (
            tensors[f"evidence.{name}"] for name in ("data", "indices", "indptr", "labels")
        )
        if any(part.ndim != 1 or part.dtype.kind != "i" for part in (data, indices, indptr, labels)):
            raise ValueError("what its labels were made of is damaged")
        if not np.isin(labels, model.fitted_readout.classes).all() or np.any(data < 0):
            raise ValueError("what its labels were made of is damaged")
        counts = sparse.csr_matrix((data, indices, indptr), shape=(len(labels), model.network.n_neurons))
        counts.check_format(full_check=True)
        return cls(counts, labels.astype(np.int64))


class _Gathered:
    """What the labels will be made of: counts of further calls are put to it when it is asked for.

    Parameters
    ----------
    before : _Evidence, optional
    """

    _MOST = 1000  # images that are kept as they came, until those that are no longer among the latest are let go

    def __init__(self, before: _Evidence | None = None):
        # Always replaced together: threads may ask at once.
        self._parts: tuple[_Evidence | None, tuple[tuple[np.ndarray, np.ndarray], ...], int, int] = before, (), 0, 0

    def followed_by(self, counts: np.ndarray, labels: np.ndarray, wanted: int) -> _Gathered:
        """This, and then further counts; the latest of each class are wanted, so many."""
        before, later, n_later, wanted_before = self._parts
        if later and (wanted != wanted_before or n_later >= self._MOST):
            before, later, n_later = self.evidence(), (), 0
        gathered = _Gathered()
        gathered._parts = before, (*later, (counts, labels)), n_later + len(labels), wanted
        return gathered

    def evidence(self) -> _Evidence | None:
        """All of it, the latest of each class; None if there is nothing."""
        before, later, _, wanted = self._parts
        if later:
            counts, labels = (np.concatenate(parts) for parts in zip(*later, strict=True))
            evidence = _Evidence.of(counts, labels)
            before = (evidence if before is None else before.followed_by(evidence)).latest(wanted)
            self._parts = before, (), 0, wanted
        return before


def _constants(part: LearningRule | Source) -> dict[str, Any]:
    """The constants of a rule or source by name; a source's gain is none."""
    without = "gain" if isinstance(part, Source) else None
    return {f.name: getattr(part, f.name) for f in fields(part) if f.init and f.name != without}


def _unless(usual, value):
    """A parameter, or None where it is what it would be by default."""
    return None if value == usual else value


def _parameter_of(model: Model) -> Source | str:
    """A model's source as a parameter: its name where that says all."""
    source, name = model.source, model.source_record["source"]
    if source is None or (SOURCES.get(name) is type(source) and source == type(source)(gain=source.gain)):
        return name
    return replace(source, gain=1.0)


def _places(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Where each of some classes stands among all of them, which are sorted; raise DataError where one is not there."""
    if {y.dtype.kind, classes.dtype.kind} <= {"i", "u"}:  # quickly: images may come one by one
        places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        if (classes[places] == y).all():
            return places
    strangers = np.setdiff1d(y, classes)
    if len(strangers):
        raise DataError(f"y holds {strangers.tolist()!r}, which are not among the classes {classes.tolist()!r}.")
    return np.searchsorted(classes, y)


def _codes(classes: np.ndarray) -> np.ndarray:
    """Whole numbers for classes: the classes themselves where they are such, so that model files tell them."""
    if classes.dtype.kind in "iu" and np.abs(classes.astype(np.float64)).max() < _LARGEST_LABEL:
        return classes.astype(np.int64)
    return np.arange(len(classes))


def _names(classes: np.ndarray, codes: np.ndarray) -> dict[int, str]:
    """What the classes are called, where their numbers do not say it."""
    if np.array_equal(classes, codes):
        return {}
    return {int(code): str(name) for code, name in zip(codes, classes.tolist(), strict=True)}


def _warn(message: str) -> None:
    warnings.warn(message, DataWarning, stacklevel=5)


def _warn_of_health(findings: list[Finding], stacklevel: int = 3) -> None:
    for finding in findings:
        warnings.warn(f"{finding}.", HealthWarning, stacklevel=stacklevel)


def _as_list(callbacks) -> list:
    return Callbacks(callbacks).callbacks


def _plain(value):
    """A NumPy number as Python's own, which JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Real) and not isinstance(value, (bool, int)) and not math.isfinite(value):
        return str(float(value))
    return value
