"""The estimators: scikit-learn's own checks, and what its users do with them."""

import copy
import functools
import inspect
import json
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from engram import (
    DiehlCook,
    Protocol,
    SelfNormalizing,
    STDPClassifier,
    STDPFeatures,
    Training,
    TrainingConfig,
    Triplet,
    estimator,
    load_model,
)
from engram import readout as readouts
from engram.callbacks import Callback, EarlyStopping, Metrics, ProgressBar, Snapshot
from engram.datasets import load
from engram.errors import ConfigError, DataError, DataWarning, ModelFileError
from engram.evaluation import label_neurons
from engram.health import HealthWarning
from engram.kernels.followed_columns import COPY, FollowedColumns
from engram.networks import diehl_cook
from engram.readout import fit_readout
from engram.simulator import Simulator
from tiny import ONCE, so_small

QUICK = {"max_intensity": 4.0}
"""The checks' images are noise of few pixels: shown again and again they only cost time."""

_NO_CLASSES = "weights count for the labels; the network, which knows no classes, learns from every image alike"
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": _NO_CLASSES,
    "check_sample_weight_equivalence_on_sparse_data": _NO_CLASSES,
}
"""No others: both estimators pass every other check."""


@parametrize_with_checks(
    [STDPClassifier(10, epochs=1, protocol=QUICK), STDPFeatures(8, epochs=1, protocol=QUICK)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
@pytest.mark.filterwarnings("ignore::engram.health.HealthWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # scikit-learn's own data
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    return load("digits", n_train=300, n_test=100)


@pytest.fixture(scope="module")
def classifier(digits):
    return STDPClassifier(30, epochs=2).fit(digits.train_images, digits.train_labels)


def test_fit_is_what_the_command_line_computes(digits, classifier):
    training = Training(TrainingConfig(neurons=30, epochs=2), digits)
    for _ in training.blocks():
        pass
    model = classifier.model_
    np.testing.assert_array_equal(model.weights, training.simulator.state.weights)
    np.testing.assert_array_equal(model.theta, training.simulator.state.theta)
    readout = label_neurons(training.simulator, digits, 10_000)
    np.testing.assert_array_equal(model.readout.coefficients, readout.coefficients)
    assert [r["accuracy"] for r in classifier.history_] == [r["accuracy"] for r in training.metrics]


def test_digits_are_learned(digits, classifier):
    assert classifier.score(digits.test_images, digits.test_labels) > 0.7


@pytest.mark.parametrize("scheme", ["mean", "proportion", "logistic"])
def test_probabilities_scores_and_answers_agree(digits, classifier, scheme):
    reader = clone(classifier).set_params(scheme=scheme)
    reader.__dict__.update({name: value for name, value in vars(classifier).items() if name.endswith("_")})
    probability = reader.predict_proba(digits.test_images)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    answers = reader.predict(digits.test_images)
    np.testing.assert_array_equal(answers, reader.classes_[np.argmax(probability, axis=1)])
    np.testing.assert_array_equal(
        answers, reader.classes_[np.argmax(reader.decision_function(digits.test_images), axis=1)]
    )
    np.testing.assert_array_equal(
        answers, classifier.model_.readout.predict(reader.transform(digits.test_images), scheme)
    )


def test_prediction_depends_on_image_model_and_seed_alone(digits, classifier):
    together = classifier.transform(digits.test_images)
    backwards = classifier.transform(digits.test_images[::-1])[::-1]
    alone = classifier.transform(digits.test_images[7:8])
    other_threads = clone(classifier).set_params(threads=1)
    other_threads.__dict__.update({name: value for name, value in vars(classifier).items() if name.endswith("_")})
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_array_equal(together[7:8], alone)
    np.testing.assert_array_equal(together, other_threads.transform(digits.test_images))


def test_images_of_any_scale_and_shape_are_the_same_images(digits):
    images = digits.train_images[:60]
    expected = STDPFeatures(8, epochs=1).fit(images).transform(images)
    whole = images.reshape(-1, 28, 28)
    features = STDPFeatures(8, epochs=1).fit(whole)
    np.testing.assert_array_equal(features.transform(whole), expected)
    assert features.image_shape_ == (28, 28)
    np.testing.assert_array_equal(features.transform(list(whole)), expected)
    for scaled, value_range in ((images / 255.0, (0, 1)), (images / 255.0 - 0.5, (-0.5, 0.5)), (images * 10.0, "auto")):
        features = STDPFeatures(8, epochs=1, value_range=value_range).fit(scaled)
        pixels = features._pixels(np.asarray(scaled))
        np.testing.assert_allclose(pixels, images, atol=1e-4)
        assert np.mean(features.transform(scaled) == expected) > 0.8


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[0, 17]], np.uint8), (0, 255)),
        (np.array([[0, 16]], np.uint8), (0, 16)),
        (np.array([[False, True]]), (0, 1)),
        (np.array([[0, 3000]], np.uint16), (0, 4095)),
        (np.array([[0.0, 16.0]]), (0, 16)),
        (np.array([[3.0, 16.0]]), (0, 16)),
        (np.array([[0.0, 1.01]]), (0, 1.01)),
        (np.array([[0.0, 0.9]]), (0, 1)),
        (np.array([[0.0, 200.0]]), (0, 255)),
        (np.array([[0.0, 60.0]]), (0, 255)),
        (np.array([[0.0, 60.5]]), (0, 60.5)),
        (np.array([[-2.0, 1.0]]), (-2, 1)),
        (np.array([[-0.05, 1.0]]), (0, 1)),
        (np.zeros((2, 2)), (0, 1)),
    ],
)
def test_the_value_range_is_found_out(images, expected):
    assert STDPFeatures()._value_range(np.tile(images, 32), (8, 8)) == expected


def test_rows_of_a_table_have_a_range_for_each_column_and_its_reverse():
    table = np.array([[1.0, 200.0, 5.0], [3.0, 100.0, 5.0]])
    assert STDPFeatures()._value_range(table, None) == ((1, 100, 5, 3, 200, 5), (3, 200, 6, 1, 100, 6))


def test_dark_ink_on_light_ground_is_turned_round(digits):
    images = digits.train_images[:200] / 255.0
    bright = STDPClassifier(16, epochs=1).fit(images, digits.train_labels[:200])
    dark = STDPClassifier(16, epochs=1).fit(1 - images, digits.train_labels[:200])
    assert (bright.value_range_, dark.value_range_) == ((0, 1), (1, 0))
    np.testing.assert_allclose(dark._pixels(1 - images), bright._pixels(images), atol=1e-4)
    np.testing.assert_allclose(dark.model_.weights, bright.model_.weights, atol=0.1)


def test_colour_and_one_channel_are_grey(digits):
    images = digits.train_images[:40].reshape(-1, 28, 28)
    expected = STDPFeatures(4, epochs=1).fit(images).transform(images)
    for whole in (images[..., None], images[:, None], np.repeat(images[..., None], 3, axis=3)):
        features = STDPFeatures(4, epochs=1).fit(whole)
        assert features.image_shape_ == (28, 28)
        np.testing.assert_array_equal(features.transform(whole), expected)


@pytest.mark.parametrize(("scale", "word"), [(1 / 255, "dark"), (100.0, "bright")])
def test_another_scale_than_that_of_fit_is_warned_of(classifier, digits, scale, word):
    with pytest.warns(DataWarning, match=f"too {word} for the scale 0–255 of the images learned from first"):
        classifier.predict(digits.test_images[:20] * scale)


def test_values_from_0_are_too_bright_where_black_was_below(digits):
    images = digits.train_images[:40] / 255.0
    features = STDPFeatures(2, epochs=1).fit(2 * images - 1)
    with pytest.warns(DataWarning, match="X goes from 0 to 1, too bright for the scale −1 to 1"):
        features.transform(images)


@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_a_negative_of_what_was_learned_is_warned_of(digits, scale):
    images = digits.train_images[:40] / 255.0
    light, dark = (images, 1 - images)[:: int(scale)]
    features = STDPFeatures(2, epochs=1).fit(light)
    for reader in (features.transform, features.model_.to_estimator().transform):
        with pytest.warns(DataWarning, match="X is a negative of the images learned from first.* give 1 - X"):
            reader(dark)
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataWarning)
            reader(light)


def test_light_ground_that_was_asked_for_is_no_negative(digits):
    light = 1 - digits.train_images[:40] / 255.0
    features = STDPFeatures(2, epochs=1, value_range=(0, 1)).fit(light)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        features.transform(light)


def test_images_of_the_same_scale_are_not_warned_of(classifier, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        classifier.predict(digits.test_images[:5])
        classifier.predict(digits.test_images[:5].astype(np.float64))
        classifier.predict(np.zeros((1, 784)))


def test_an_image_without_an_answer_is_wrong_whatever_is_predicted(classifier, digits):
    """Silence once counted as the first class."""
    blank, seen = np.zeros((2, 784)), digits.test_images[:2]
    guessed = classifier.predict(blank)
    assert classifier.answered(np.concatenate((blank, seen))).tolist() == [False, False, True, True]
    assert classifier.score(blank, guessed) == 0.0
    both, answers = np.concatenate((blank, seen)), np.concatenate((guessed, classifier.predict(seen)))
    assert classifier.score(both, answers) == 0.5
    assert classifier.score(both, answers, sample_weight=[1, 0, 0, 3]) == 0.75


def test_wrapped_and_standardised_images_are_warned_of(digits):
    images = digits.train_images[:60]
    with pytest.warns(DataWarning, match=r"pixels above 127 have wrapped around; give X.view\('uint8'\)"):
        STDPFeatures(2, epochs=1).fit(images.astype(np.int8))
    with pytest.warns(DataWarning, match="standardised: .* leave StandardScaler out"):
        make_pipeline(StandardScaler(), STDPFeatures(2, epochs=1)).fit(images)


@pytest.mark.parametrize(
    ("first", "message"),
    [(0.3, "too bright for the scale 0–0.3"), (1.0, "much brighter than the images learned from first")],
)
def test_a_first_batch_darker_than_the_next_is_warned_of(digits, first, message):
    images = digits.train_images[:60] / 255.0
    begin = images[:30] * first
    if first == 1.0:
        begin = begin * (np.arange(784) % 8 == 0)
    features = STDPFeatures(2).partial_fit(begin)
    with pytest.warns(DataWarning, match=message):
        features.partial_fit(images[30:])


def test_values_outside_the_range_are_clipped():
    features = STDPFeatures(2, epochs=1, value_range=(0, 1), protocol=ONCE).fit(np.full((2, 4), 0.5))
    assert features._pixels(np.array([[-1.0, 0.0, 0.5, 7.0]])).tolist() == [[0, 0, 127.5, 255]]


def test_images_of_another_shape_are_refused(digits):
    features = STDPFeatures(2, epochs=1, image_shape=(14, 56)).fit(digits.train_images[:2])
    assert features.model_.image_shape == (14, 56)
    with pytest.raises(DataError, match="Images must have 14×56 pixels as in fit, got 28×28"):
        features.transform(digits.train_images[:2].reshape(2, 28, 28))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_neurons": 0}, "n_neurons must be a whole number of at least 1, got 0."),
        ({"rule": "hebb"}, "There is no learning rule 'hebb'"),
        ({"rule": 3}, "rule must be a learning rule or its name"),
        ({"scheme": "loudest"}, "scheme must be one of mean, proportion, logistic, got 'loudest'."),
        (
            {"value_range": (1, 1)},
            r"a pair \(black, white\) of different numbers, got \(1, 1\).",
        ),
        ({"value_range": "wide"}, "value_range must be 'auto' or a pair"),
        ({"image_shape": (3, 3)}, r"image_shape must be \(height, width\) of 784 pixels, got \(3, 3\)."),
        ({"dt": -1.0}, "dt must be positive"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0."),
        ({"network": {"volume": 3}}, "The network has no option 'volume'"),
        ({"callbacks": 3}, "callbacks must be a Callback, a function, or a list of these, got 3"),
        ({"callbacks": [3]}, "callbacks must be engram.Callback objects or functions, got 3."),
    ],
)
def test_bad_parameter_is_told_in_fit(digits, parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        STDPClassifier(**parameters).fit(digits.train_images[:20], digits.train_labels[:20])


def test_constants_of_the_rule_are_parameters():
    classifier = STDPClassifier(preset="paper")
    assert classifier.get_params()["rule__eta"] == SelfNormalizing().eta
    assert "rule__eta" not in classifier.get_params(deep=False)
    assert classifier.set_params(rule__eta=0.01).rule == SelfNormalizing(eta=0.01)
    changed = classifier.set_params(rule__x_tar=0.3)
    assert changed is classifier
    assert changed.rule == SelfNormalizing(eta=0.01, x_tar=0.3)
    assert classifier.set_params(rule="triplet", rule__eta_post=0.02).rule == Triplet(eta_post=0.02)
    with pytest.raises(ConfigError, match=r"Triplet has no constant 'eta'.*; it has"):
        classifier.set_params(rule__eta=0.1)
    assert clone(classifier).rule == classifier.rule
    assert STDPClassifier(rule=None).get_params()["rule"] is None


def test_grid_search_over_a_rule_s_constant(digits):
    search = GridSearchCV(STDPClassifier(10, epochs=1), {"rule__eta": [0.002, 0.02]}, cv=2)
    search.fit(digits.train_images[:100], digits.train_labels[:100])
    assert search.best_estimator_.rule.eta == search.best_params_["rule__eta"]
    assert len(search.cv_results_["mean_test_score"]) == 2


def test_pipeline_and_cross_validation(digits):
    pipeline = make_pipeline(
        STDPFeatures(20, epochs=1), FunctionTransformer(np.sqrt), StandardScaler(), LogisticRegression(max_iter=300)
    )
    scores = cross_val_score(pipeline, digits.train_images, digits.train_labels, cv=2)
    assert scores.min() > 0.4
    assert cross_val_score(STDPClassifier(10, epochs=1), digits.train_images, digits.train_labels, cv=2).min() > 0.2


def test_pandas_output_and_feature_names(digits):
    features = STDPFeatures(5, epochs=1, protocol=ONCE).set_output(transform="pandas")
    table = features.fit_transform(digits.train_images[:10])
    names = [f"stdpfeatures{k}" for k in range(5)]
    assert table.columns.tolist() == names == features.get_feature_names_out().tolist()
    classifier = STDPClassifier(5, epochs=1, protocol=ONCE).set_output(transform="pandas")
    named = table.add_prefix("pixel ")
    with so_small():
        classifier.fit(named, digits.train_labels[:10])
    assert classifier.feature_names_in_.tolist() == named.columns.tolist()
    assert classifier.predict(named).shape == (10,)


def test_classes_of_any_type(digits):
    names = np.array(["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    words = STDPClassifier(10, epochs=1).fit(digits.train_images, names[digits.train_labels])
    assert set(words.predict(digits.test_images)) <= set(names)
    numbers = STDPClassifier(10, epochs=1).fit(digits.train_images, digits.train_labels)
    np.testing.assert_array_equal(words.transform(digits.test_images), numbers.transform(digits.test_images))


def test_notebooks_are_shown_a_diagram(classifier):
    assert "STDPClassifier" in classifier._repr_html_()


# Going on


def test_partial_fit_learns_online_without_lowering_the_rates(digits):
    classifier = STDPClassifier(20, scheme="logistic", preset="paper")
    for start in range(0, 300, 75):
        part = slice(start, start + 75)
        classifier.partial_fit(digits.train_images[part], digits.train_labels[part], classes=range(10))
    assert classifier.model_.examples == 300
    assert classifier._progress == 0.0
    assert len(classifier.history_) == 4
    assert 0.1 < classifier.history_[-1]["accuracy"] < 1
    assert classifier.score(digits.test_images, digits.test_labels) > 0.5


def test_partial_fit_after_fit_keeps_the_rates_at_which_fit_ended(digits, classifier):
    continued = pickle.loads(pickle.dumps(classifier))
    continued.partial_fit(digits.train_images[:25], digits.train_labels[:25])
    assert continued._progress == 1.0
    moved = np.abs(continued.model_.weights - classifier.model_.weights).sum()
    anew = pickle.loads(pickle.dumps(classifier))
    anew._progress = 0.0
    anew.partial_fit(digits.train_images[:25], digits.train_labels[:25])
    assert 0 < moved < 0.5 * np.abs(anew.model_.weights - classifier.model_.weights).sum()
    assert continued.score(digits.test_images, digits.test_labels) > 0.7


def test_classes_that_have_not_come_yet_are_never_answered(digits):
    few = digits.train_labels < 2
    classifier = STDPClassifier(10, scheme="logistic")
    classifier.partial_fit(digits.train_images[few], digits.train_labels[few], classes=range(10))
    assert set(classifier.predict(digits.test_images)) <= {0, 1}
    assert classifier.predict_proba(digits.test_images).shape == (100, 10)
    classifier.partial_fit(digits.train_images[~few], digits.train_labels[~few])
    assert len(set(classifier.predict(digits.test_images))) > 2
    only_one = digits.train_labels == 3
    classifier = STDPClassifier(10).partial_fit(digits.train_images[only_one], digits.train_labels[only_one], range(10))
    assert set(classifier.predict(digits.test_images)) <= {0, 3}


def test_partial_fit_forgets_the_oldest_images_of_each_class(digits):
    classifier = STDPClassifier(10, label_examples=50)
    for start in (0, 100, 200):
        part = slice(start, start + 100)
        classifier.partial_fit(digits.train_images[part], digits.train_labels[part], classes=range(10))
    assert np.bincount(classifier._evidence.labels).max() == 5
    assert classifier.model_.readout.n_label <= 50


def test_partial_fit_wants_to_know_the_classes(digits, classifier):
    images, labels = digits.train_images[:10], digits.train_labels[:10]
    with pytest.raises(DataError, match="classes must be given on the first call to partial_fit"):
        STDPClassifier().partial_fit(images, labels)
    with pytest.raises(DataError, match=r"y holds .* which are not among the classes"):
        STDPClassifier().partial_fit(images, labels, classes=[0, 1])
    with pytest.raises(DataError, match="classes must stay those of the first call"):
        clone_of(classifier).partial_fit(images, labels, classes=[0, 1])


def clone_of(estimator):
    return pickle.loads(pickle.dumps(estimator))


def test_partial_fit_of_parts_that_were_pickled_in_between_is_the_same(digits):
    one, other = STDPFeatures(8), STDPFeatures(8)
    for start in (0, 50, 100):
        one.partial_fit(digits.train_images[start : start + 50])
        other = clone_of(other).partial_fit(digits.train_images[start : start + 50])
    np.testing.assert_array_equal(one.model_.weights, other.model_.weights)


def one_by_one(digits, *, looked_at: bool) -> tuple[STDPClassifier, list]:
    """A network that learned from some images and then from single ones, and its models if they were asked for."""
    classifier, models = STDPClassifier(8), []
    classifier.partial_fit(digits.train_images[:20], digits.train_labels[:20], classes=range(10))
    for k in range(20, 24):
        classifier.partial_fit(digits.train_images[k : k + 1], digits.train_labels[k : k + 1])
        if looked_at:
            models.append((classifier.model_, classifier.model_.weights.copy()))
    return classifier, models


def test_looking_at_the_model_between_calls_changes_nothing(digits):
    one, _ = one_by_one(digits, looked_at=False)
    other, models = one_by_one(digits, looked_at=True)
    assert [model.examples for model, _ in models] == [21, 22, 23, 24]
    for model, weights in models:  # each stays what it was when it was asked for
        np.testing.assert_array_equal(model.weights, weights)
    assert one.history_ == other.history_
    np.testing.assert_array_equal(one.model_.weights, other.model_.weights)
    np.testing.assert_array_equal(one.model_.theta, other.model_.theta)
    assert (one.model_.examples, one.model_.presentations) == (other.model_.examples, other.model_.presentations)
    np.testing.assert_array_equal(one.model_.readout.profile, other.model_.readout.profile)


def test_a_call_of_one_image_that_fails_leaves_what_was_learned_before(digits, monkeypatch):
    def fail(*args, **options):
        raise MemoryError

    classifier, _ = one_by_one(digits, looked_at=False)
    before, (X, y) = one_by_one(digits, looked_at=False)[0], (digits.train_images[24:25], digits.train_labels[24:25])
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr("engram.estimator.count_images", fail)
        classifier.partial_fit(X, y)
    np.testing.assert_array_equal(classifier.model_.weights, before.model_.weights)
    np.testing.assert_array_equal(classifier.model_.theta, before.model_.theta)
    assert classifier.model_.presentations == before.model_.presentations
    after = clone_of(before).partial_fit(X, y)
    np.testing.assert_array_equal(classifier.partial_fit(X, y).model_.weights, after.model_.weights)


@pytest.mark.parametrize("y", [[7], np.array([7.0]), np.array([7], np.uint8), np.array([[7]])])
def test_the_class_of_one_image_may_come_in_any_form(digits, y):
    classifier, _ = one_by_one(digits, looked_at=False)
    usual = clone_of(classifier).partial_fit(digits.train_images[24:25], np.array([7]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of a column
        classifier.partial_fit(digits.train_images[24:25].tolist(), y)
    assert classifier.classes_.tolist() == usual.classes_.tolist()
    np.testing.assert_array_equal(classifier.model_.readout.profile, usual.model_.readout.profile)


def test_warm_start_goes_on_from_what_was_learned(digits):
    images, labels = digits.train_images, digits.train_labels
    classifier = STDPClassifier(10, epochs=1, warm_start=True).fit(images, labels)
    first = classifier.model_
    classifier.fit(images, labels)
    assert classifier.model_.presentations > first.presentations
    assert classifier.model_.examples == 600
    classifier.set_params(n_neurons=11)
    with pytest.raises(ConfigError, match="Learning goes on only in a network of the same size, 784 inputs and 10"):
        classifier.fit(images, labels)
    assert classifier.set_params(warm_start=False).fit(images, labels).model_.examples == 300


def test_random_state_none_draws_a_seed():
    images = np.arange(40.0).reshape(10, 4)
    seeds = {STDPFeatures(2, epochs=1, random_state=None, protocol=ONCE).fit(images).model_.seed for _ in range(3)}
    assert len(seeds) == 3
    state = np.random.RandomState(5)
    assert STDPFeatures(2, epochs=1, random_state=state, protocol=ONCE).fit(images).model_.seed < 2**31


# Callbacks


class Spy(Callback):
    def __init__(self):
        self.called = []

    def on_start(self, training):
        self.called.append("start")

    def on_progress(self, progress, training):
        self.called.append(progress.examples)

    def on_count(self, what, done, total):
        self.called.append(what)

    def on_end(self, training):
        self.called.append("end")


def test_callbacks_follow_a_fit(digits):
    spy, every = Spy(), []
    STDPClassifier(4, epochs=1, callbacks=[spy, lambda progress, _: every.append(progress.examples)]).fit(
        digits.train_images[:60], digits.train_labels[:60]
    )
    assert spy.called[:4] == ["start", 25, 50, 60]
    assert spy.called[-2:] == ["labelling", "end"]
    assert every == [25, 50, 60]


def test_metrics_are_kept_every_so_often(digits):
    metrics = Metrics(every=50, measure=lambda training: {"largest": float(training.simulator.state.weights.max())})
    STDPFeatures(4, epochs=1, callbacks=metrics).fit(digits.train_images[:120])
    assert [record["examples"] for record in metrics.records] == [50, 100, 120]
    assert metrics.records[0]["accuracy"] is None
    assert 0 < metrics.records[0]["largest"] < 2


def test_early_stopping_ends_a_fit(digits):
    stop = EarlyStopping(every=25, patience=2, min_rise=1.0)
    with so_small():
        classifier = STDPClassifier(4, epochs=5, callbacks=stop).fit(digits.train_images, digits.train_labels)
    assert classifier.model_.examples == 75
    assert classifier._progress == pytest.approx(75 / 1500)
    with pytest.raises(ConfigError, match="EarlyStopping watches the accuracy, which needs labels"):
        STDPFeatures(4, epochs=1, callbacks=EarlyStopping(every=25)).fit(digits.train_images)


def test_snapshots_are_models(digits, tmp_path):
    snapshot = Snapshot(tmp_path / "kept" / "{examples}.safetensors", every=50)
    features = STDPFeatures(4, epochs=1, callbacks=snapshot).fit(digits.train_images[:100])
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["100.safetensors", "50.safetensors"]
    last = load_model(tmp_path / "kept" / "100.safetensors")
    np.testing.assert_array_equal(last.weights, features.model_.weights)


def test_verbose_shows_a_bar_on_standard_error(digits, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    STDPClassifier(4, epochs=1, verbose=1).fit(digits.train_images[:50], digits.train_labels[:50])
    out, err = capfd.readouterr()
    assert out == ""
    assert "training" in err
    assert "training: 50 of 50" in err
    STDPClassifier(4, epochs=1).fit(digits.train_images[:50], digits.train_labels[:50])
    assert capfd.readouterr() == ("", "")


def test_notebooks_show_a_bar_of_html(digits, monkeypatch):
    from types import ModuleType, SimpleNamespace

    from engram import callbacks

    shown = []
    display = ModuleType("IPython.display")
    display.HTML = str
    display.display = lambda first, display_id: SimpleNamespace(update=shown.append)
    monkeypatch.setitem(__import__("sys").modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(__import__("sys").modules, "IPython.display", display)
    monkeypatch.setattr(callbacks, "in_notebook", lambda: True)
    STDPClassifier(4, epochs=1, callbacks=ProgressBar()).fit(digits.train_images[:50], digits.train_labels[:50])
    assert "<progress value='50' max='50'" in shown[-1]
    assert "labelling" in shown[-1]
    assert "accuracy" in shown[-1]


def test_illness_is_warned_of_and_kept():
    with pytest.warns(HealthWarning, match="silence: 25 (images|rows) in a row drew fewer than 5 spikes"):
        features = STDPFeatures(4, preset="paper", epochs=1, protocol=QUICK).fit(np.zeros((30, 9)))
    assert [finding["kind"] for finding in features.health_] == ["silence"]


def test_warning_that_is_an_error_loses_no_fit(digits):
    """What took long to learn can be looked at, and gone on with."""
    classifier = STDPClassifier(4, preset="paper", epochs=1, protocol=QUICK)
    images, labels = np.zeros((30, 9)), np.arange(30) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", HealthWarning)
        with pytest.raises(HealthWarning, match="silence"):
            classifier.fit(images, labels)
    with pytest.warns(HealthWarning):
        expected = clone(classifier).fit(images, labels)
    same_estimator(classifier, expected)
    assert classifier.health_[0]["kind"] == "silence"
    np.testing.assert_array_equal(classifier.predict(images), expected.predict(images))


def test_warnings_name_the_line_that_called(digits, classifier):
    features = STDPFeatures(4, preset="paper", epochs=1, protocol=QUICK)
    with pytest.warns(HealthWarning) as of_fit:
        features.fit(np.zeros((30, 9)))
    with pytest.warns(HealthWarning) as of_stream:
        features.partial_fit(np.zeros((30, 9)))
    with pytest.warns(DataWarning) as of_scale:
        classifier.predict(1000.0 * digits.test_images[:2])
    assert {warning.filename for caught in (of_fit, of_stream, of_scale) for warning in caught} == {__file__}


# Files


@pytest.mark.parametrize("kind", ["words", "numbers", "truth"])
def test_saved_and_loaded_estimator_is_the_same(digits, tmp_path, kind):
    names = np.array([f"<{k}>" for k in range(10)])
    labels = {"words": names[digits.train_labels], "numbers": digits.train_labels, "truth": digits.train_labels > 4}
    classifier = STDPClassifier(12, epochs=1, rule=Triplet(eta_post=0.02), scheme="logistic", value_range=(0, 200))
    classifier.fit(digits.train_images, labels[kind])
    classifier.save(tmp_path / "model.safetensors")
    loaded = STDPClassifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        loaded.predict_proba(digits.test_images), classifier.predict_proba(digits.test_images)
    )
    answers = classifier.predict(digits.test_images)
    np.testing.assert_array_equal(loaded.predict(digits.test_images), answers)
    model = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.predict(digits.test_images), answers)
    assert np.any(model.predict(digits.test_images, scheme="proportion") != answers)
    found = {"image_shape": (28, 28), "protocol": None}
    assert loaded.get_params() == {**classifier.get_params(), **found}
    more = digits.train_images[:50], labels[kind][:50]
    loaded.partial_fit(*more)
    classifier.partial_fit(*more)
    np.testing.assert_array_equal(loaded.model_.weights, classifier.model_.weights)
    np.testing.assert_array_equal(loaded.model_.readout.profile, classifier.model_.readout.profile)


def test_feature_names_are_saved(tmp_path):
    import pandas as pd

    table = pd.DataFrame(np.arange(40.0).reshape(10, 4), columns=list("abcd"))
    STDPFeatures(2, epochs=1, protocol=ONCE).fit(table).save(tmp_path / "m")
    loaded = STDPFeatures.load(tmp_path / "m")
    assert loaded.feature_names_in_.tolist() == list("abcd")
    loaded.transform(table)


def test_models_of_the_command_line_are_loaded(digits, tmp_path):
    from engram.cli import main

    options = ("--neurons", "12", "--examples", "100", "--test-examples", "50", "--no-figures", "--quiet")
    with pytest.raises(SystemExit):
        main(["train", *options, "--out", str(tmp_path / "run")])
    loaded = STDPClassifier.load(tmp_path / "run")
    accuracy = json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]["proportion"]
    whole = load("digits", n_test=50)
    assert loaded.score(whole.test_images, whole.test_labels) == pytest.approx(accuracy)
    assert STDPFeatures.load(tmp_path / "run").transform(whole.test_images).shape == (50, 12)
    loaded.partial_fit(digits.train_images[:50], digits.train_labels[:50])


def test_what_does_not_hold_a_classifier_is_told(tmp_path):
    STDPFeatures(2, epochs=1, protocol=ONCE).fit(np.arange(40.0).reshape(10, 4)).save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="does not hold a STDPClassifier: its neurons have no labels"):
        STDPClassifier.load(tmp_path / "m")


def test_model_of_a_user_s_rule_is_read_without_it_and_goes_on_with_it(tmp_path, monkeypatch):
    from engram.plasticity.user_rules import load_rule_class

    uncompiled = functools.partial(Training, kernel="reference")  # nothing here is worth compiling a rule
    monkeypatch.setattr("engram.estimator.Training", uncompiled)

    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\nfrom engram import LearningRule, Trace\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Mine(LearningRule):\n    eta: float = 0.01\n"
        "    def traces(self):\n        return (Trace('x', of='pre', tau=20.0),)\n"
        "    def on_post(w, x, eta):\n        return w + eta * (x - 0.3)\n"
    )
    mine = load_rule_class(f"{file}:Mine")
    images, labels = np.random.default_rng(0).random((10, 9)), np.arange(10) % 2
    classifier = STDPClassifier(5, epochs=1, rule=mine(), protocol={**QUICK, "shown": 20, "blank": 5})
    with so_small():
        classifier.fit(images, labels)
    classifier.save(tmp_path / "m")
    monkeypatch.setattr("engram.user_code._run_file", lambda *_: pytest.fail("ran a user's file"))
    loaded = STDPClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(images), classifier.predict(images))
    with pytest.raises(ConfigError, match="a model of a rule of your own is loaded with rule="):
        loaded.partial_fit(images, labels)
    STDPClassifier.load(tmp_path / "m", rule=mine).partial_fit(images, labels)


def test_both_classes_document_the_same_parameters():
    for kind in (STDPClassifier, STDPFeatures):
        documented = kind.__doc__[kind.__doc__.index("Parameters") : kind.__doc__.index("Attributes")]
        assert all(name in documented for name in inspect.signature(kind).parameters)
    shared = set(inspect.signature(STDPClassifier).parameters) - {"scheme", "label_examples", "balanced"}
    assert set(inspect.signature(STDPFeatures).parameters) == shared


def test_a_healthy_fit_warns_of_nothing(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        STDPClassifier(10, epochs=1).fit(digits.train_images, digits.train_labels)


# Parameters of parts


def test_constants_of_network_and_protocol_are_parameters():
    classifier = STDPClassifier(6, preset="paper", network={"theta_plus": 0.1}, protocol={"min_spikes": 2})
    params = classifier.get_params()
    assert (params["network__theta_plus"], params["protocol__min_spikes"]) == (0.1, 2)
    assert (params["network__w_inh_exc"], params["network__excitatory__tau_m"]) == (17.0, 100.0)
    classifier.set_params(network__theta_plus=0.2, network__excitatory__tau_m=50, protocol__shown=100)
    assert classifier.network == {"theta_plus": 0.2, "excitatory": {"tau_m": 50}}
    assert classifier.protocol == {"min_spikes": 2, "shown": 100}
    assert clone(classifier).get_params()["network__excitatory__tau_m"] == 50.0


def test_parameters_left_alone_are_what_the_preset_has():
    params = STDPClassifier(6, preset="sharp").get_params()
    assert (params["network__w_inh_exc"], params["protocol__min_spikes"]) == (3000.0, 1)


@pytest.mark.parametrize(
    ("name", "told"),
    [("network__theta_pluss", "did you mean theta_plus?"), ("protocol__min_spike", "did you mean min_spikes?")],
)
def test_unknown_parameter_of_a_part_is_told(name, told):
    with pytest.raises(ConfigError, match="has no option") as error:
        STDPClassifier().set_params(**{name: 1})
    assert told in str(error.value)


def test_grid_goes_over_constants_of_the_parts(digits):
    grid = GridSearchCV(
        STDPFeatures(4, epochs=1), {"network__theta_plus": [0.05, 1.0], "protocol__min_spikes": [1]},
        scoring=lambda estimator, X, y=None: float(estimator.model_.network.theta_plus), cv=2,
    )  # fmt: skip
    grid.fit(digits.train_images[:40])
    assert grid.best_params_ == {"network__theta_plus": 1.0, "protocol__min_spikes": 1}
    assert grid.best_estimator_.model_.protocol.min_spikes == 1


def test_objects_stand_where_tables_do(digits):
    network, protocol = DiehlCook(n_neurons=5, w_inh_exc=20.0), Protocol(min_spikes=1)
    usual = {"preset": "paper", "epochs": 1}
    classifier = STDPFeatures(network=network, protocol=protocol, **usual).fit(digits.train_images[:25])
    assert classifier.model_.network == network
    assert classifier.model_.protocol == protocol
    other = STDPFeatures(5, network={"w_inh_exc": 20.0}, protocol={"min_spikes": 1}, **usual)
    np.testing.assert_array_equal(other.fit(digits.train_images[:25]).model_.weights, classifier.model_.weights)


# Weights of images and classes


def counts_of_two_classes():
    """110 images of class 0 and 4 of class 1; nineteen neurons know class 0, one class 1, which now and then errs."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [110, 4])
    counts = np.zeros((114, 20), int)
    counts[np.arange(110), random.integers(0, 19, 110)] = 20
    counts[:110, 19] = random.random(110) < 0.5
    counts[:110, 19] *= 2
    counts[110:, 19] = 20
    return counts, labels


def test_balanced_readout_reads_rare_and_frequent_classes_alike():
    counts, labels = counts_of_two_classes()
    plain, balanced = fit_readout(counts, labels), fit_readout(counts, labels, balanced=True)
    assert balanced_accuracy_score(labels, plain.predict(counts, "mean")) < 0.8
    for scheme in ("mean", "proportion", "logistic"):
        assert balanced_accuracy_score(labels, balanced.predict(counts, scheme)) == 1.0


def test_weight_of_an_image_is_as_many_of_it():
    counts, labels = counts_of_two_classes()
    weights = np.where(labels == 1, 3, 1)
    weighted = fit_readout(counts, labels, sample_weight=weights)
    repeated = fit_readout(np.repeat(counts, weights, axis=0), np.repeat(labels, weights))
    np.testing.assert_allclose(weighted.profile, repeated.profile)
    unweighted = fit_readout(counts, labels, sample_weight=np.ones(114))
    np.testing.assert_allclose(unweighted.profile, fit_readout(counts, labels).profile)


@pytest.mark.parametrize("weights", [[1, 2], [-1] * 114, [np.nan] * 114, [0] * 114, ["a"] * 114])
def test_weights_that_are_none_are_told(weights):
    with pytest.raises(DataError, match="sample_weight must hold"):
        fit_readout(*counts_of_two_classes(), sample_weight=weights)


def test_estimator_weighs_and_keeps_what_it_was_asked_for(digits, tmp_path):
    X, y = digits.train_images[:60], digits.train_labels[:60] % 2
    with so_small():
        classifier = STDPClassifier(6, epochs=1, balanced=True).fit(X, y, sample_weight=np.where(y == 1, 2, 1))
    assert classifier.model_.readout.balanced
    classifier.save(tmp_path / "model.safetensors")
    loaded = STDPClassifier.load(tmp_path / "model.safetensors")
    assert loaded.balanced is True
    assert loaded.model_.readout.balanced


# From a model


def test_model_predicts_and_becomes_an_estimator(digits):
    model = load_model("mnist-100")
    images = digits.test_images[:5]
    estimator = model.to_estimator()
    assert type(estimator) is STDPClassifier
    np.testing.assert_array_equal(model.predict(images), estimator.predict(images))
    np.testing.assert_array_equal(model.predict(images.reshape(-1, 28, 28)), estimator.predict(images))
    assert model.predict(images[0], scheme="mean") == estimator.set_params(scheme="mean").predict(images)[0]
    unlabelled = replace(model, readout=None)
    assert type(unlabelled.to_estimator()) is STDPFeatures
    with pytest.raises(ConfigError, match="neurons have no labels"):
        unlabelled.predict(images)


# One image at a time


SHORT = {
    "input_gain": 1.0,
    "protocol": {"shown": 60.0, "blank": 10.0, "start_intensity": 8.0, "max_intensity": 8.0, "min_spikes": 0},
}
ONLINE = {
    "sharp": {"preset": "sharp", **SHORT},
    "paper": {"preset": "paper", **SHORT},
    "triplet": {"preset": "sharp", "rule": "triplet", **SHORT},
    "delays": {"dtype": "float64", "network": {"max_delay": 2.0}, **SHORT},
}


def shown_one_by_one(classifier, data, n_images, *, between=lambda classifier: classifier):
    for k in range(n_images):
        classifier.partial_fit(data.train_images[k : k + 1], data.train_labels[k : k + 1], classes=range(10))
        classifier = between(classifier)
    return classifier


def same_estimator(one, other):
    for name in ("weights", "theta"):
        np.testing.assert_array_equal(getattr(one.model_, name), getattr(other.model_, name))
    assert one.model_.rule_state.keys() == other.model_.rule_state.keys()
    for name, values in one.model_.rule_state.items():
        np.testing.assert_array_equal(values, other.model_.rule_state[name])
    for name in ("profile", "assigned", "coefficients", "intercepts", "n_label"):
        np.testing.assert_array_equal(getattr(one.model_.readout, name), getattr(other.model_.readout, name))
    assert (one.model_.presentations, one.model_.examples) == (other.model_.presentations, other.model_.examples)
    assert (one.history_, one.health_) == (other.history_, other.health_)


@pytest.mark.parametrize("name", ONLINE)
def test_going_on_is_the_same_as_a_network_that_is_built_anew_from_the_model(digits, name):
    """An estimator that comes out of a pickle has nothing but its model to go on from."""
    kept = shown_one_by_one(STDPClassifier(6, **ONLINE[name]), digits, 12)
    built = shown_one_by_one(STDPClassifier(6, **ONLINE[name]), digits, 12, between=clone_of)
    assert kept._live is not None
    assert built._live is None
    assert kept.transform(digits.test_images[:9]).sum() > 9
    same_estimator(kept, built)
    np.testing.assert_array_equal(kept.transform(digits.test_images[:9]), built.transform(digits.test_images[:9]))


def test_one_image_at_a_time_learns_what_a_batch_learns(digits):
    one = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 20)
    batch = STDPClassifier(6, **ONLINE["sharp"])
    batch.partial_fit(digits.train_images[:20], digits.train_labels[:20], range(10))
    assert batch.transform(digits.train_images[:20]).sum() > 20
    np.testing.assert_array_equal(one.model_.weights, batch.model_.weights)
    np.testing.assert_array_equal(one.model_.theta, batch.model_.theta)


def test_networks_are_built_and_labels_made_no_oftener_than_asked_for(digits, monkeypatch):
    made = {"labels": 0, "simulators": 0, "delays": 0}

    def counted(what, original):
        def call(*args, **options):
            made[what] += 1
            return original(*args, **options)

        return call

    monkeypatch.setattr(estimator, "fit_readout", counted("labels", estimator.fit_readout))
    monkeypatch.setattr(Simulator, "__init__", counted("simulators", Simulator.__init__))
    monkeypatch.setattr(diehl_cook, "_random_delays", counted("delays", diehl_cook._random_delays))
    classifier = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 10)
    assert made == {"labels": 0, "simulators": 1, "delays": 1}
    classifier.predict(digits.test_images[:3])
    classifier.score(digits.test_images[:3], digits.test_labels[:3])
    assert made == {"labels": 1, "simulators": 1, "delays": 1}
    shown_one_by_one(classifier, digits, 5)
    assert made == {"labels": 1, "simulators": 1, "delays": 1}
    classifier.set_params(rule__eta=0.5)
    shown_one_by_one(classifier, digits, 2)
    assert made == {"labels": 1, "simulators": 2, "delays": 2}
    assert classifier.model_.rule.eta == 0.5


def test_model_that_was_taken_stays_as_it_was_while_learning_goes_on(digits):
    classifier = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 3)
    taken, weights = classifier.model_, classifier.model_.weights.copy()
    shown_one_by_one(classifier, digits, 3)
    np.testing.assert_array_equal(taken.weights, weights)
    assert not np.array_equal(classifier.model_.weights, weights)


def two_alike(digits, name="sharp"):
    """Two estimators that learned from the same images, one by one; neither is apart from its training."""
    alike = [shown_one_by_one(STDPClassifier(80, **ONLINE[name]), digits, 6) for _ in range(2)]
    assert not any(classifier._is_copied for classifier in alike)
    return alike


def the_next(digits):
    return digits.train_images[6:7], digits.train_labels[6:7]


def goes_on_alike(one, other, digits):
    same_estimator(one, other)
    assert one._progress == other._progress
    np.testing.assert_array_equal(one._running.responses, other._running.responses)
    np.testing.assert_array_equal(one._evidence.counts.toarray(), other._evidence.counts.toarray())
    same_estimator(shown_one_by_one(one, digits, 2), shown_one_by_one(other, digits, 2))


def test_call_that_is_cut_short_changes_nothing(digits):
    changed = []

    def stop(progress, training):
        changed.append(training.simulator.state.weights.copy())
        raise KeyboardInterrupt

    disturbed, plain = two_alike(digits)
    with pytest.raises(KeyboardInterrupt):
        disturbed.set_params(callbacks=stop).partial_fit(*the_next(digits))
    assert not np.array_equal(changed[0], disturbed.model_.weights)
    goes_on_alike(disturbed.set_params(callbacks=None), plain, digits)
    assert disturbed._live is not None


def test_model_that_was_copied_before_a_call_that_is_cut_short_is_the_same_afterwards(digits):
    def stop(*_):
        raise KeyboardInterrupt

    disturbed = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 3).set_params(callbacks=stop)
    before = disturbed.model_
    with pytest.raises(KeyboardInterrupt):
        disturbed.partial_fit(digits.train_images[:5], digits.train_labels[:5])
    assert disturbed.model_ is before


@pytest.mark.parametrize(("name", "error"), [("sharp", KeyboardInterrupt), ("triplet", DataError)])
def test_call_that_fails_after_it_learned_leaves_what_was(digits, monkeypatch, name, error):
    """Where nobody looks on, only what an image may have changed is kept to go back to."""
    changed = []

    def fail(simulator, *_):
        changed.append(simulator.state.weights.copy())
        raise error

    classifier, expected = two_alike(digits, name)
    touched = np.count_nonzero(classifier._live.training.simulator.memory.touched & COPY)
    assert (0 < touched <= 10) == (name == "sharp")  # else all columns are copied: they are normalised after each image
    with monkeypatch.context() as patch, pytest.raises(error):
        patch.setattr(estimator, "count_images", fail)
        classifier.partial_fit(*the_next(digits))
    assert not np.array_equal(changed[0], classifier.model_.weights)
    goes_on_alike(classifier, expected, digits)


def test_call_that_fails_at_its_end_leaves_what_was(digits):
    class Failing(Callback):
        def on_end(self, training):
            raise DataError("no")

    classifier, expected = two_alike(digits)
    with pytest.raises(DataError, match="no"):
        classifier.set_params(callbacks=Failing()).partial_fit(*the_next(digits))
    goes_on_alike(classifier.set_params(callbacks=None), expected, digits)


def test_warning_that_is_an_error_leaves_what_was(digits, monkeypatch):
    classifier, expected = two_alike(digits)
    with monkeypatch.context() as patch, warnings.catch_warnings():
        patch.setattr("engram.health.MANY_REPEATS", 0.0)
        warnings.simplefilter("error", HealthWarning)
        with pytest.raises(HealthWarning, match="images had to be shown"):
            classifier.partial_fit(*the_next(digits))
    goes_on_alike(classifier, expected, digits)


def test_copy_to_go_back_to_that_is_cut_short_is_made_again(digits, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    class CutShort(FollowedColumns):
        def copy_to(self, weights):
            super().copy_to(OneOf(weights))

    class OneOf:
        """Where only one column comes before Ctrl-C."""

        def __init__(self, weights):
            self.weights = weights

        def __setitem__(self, where, values):
            self.weights[:, where[1][:1]] = values[:, :1]
            raise KeyboardInterrupt

    classifier, expected = two_alike(digits)
    followed = classifier._live.training.simulator.state.projections["input_exc"].followed
    followed.__class__ = CutShort
    with pytest.raises(KeyboardInterrupt):
        classifier.partial_fit(*the_next(digits))
    followed.__class__ = FollowedColumns
    assert not classifier._is_copied
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(estimator, "count_images", fail)
        classifier.partial_fit(*the_next(digits))
    goes_on_alike(classifier, expected, digits)


@pytest.mark.parametrize("again", ["at once", "from a copy"])
def test_weights_that_a_callback_changes_are_seen(digits, monkeypatch, again):
    """Also later on, by a training that it kept."""
    kept = []

    def fail(*_):
        raise KeyboardInterrupt

    def show(*numbers):
        for k in numbers:
            classifier.partial_fit(digits.train_images[k : k + 1], digits.train_labels[k : k + 1])

    classifier = shown_one_by_one(STDPClassifier(80, **ONLINE["sharp"]), digits, 3)
    classifier.set_params(callbacks=lambda progress, training: kept.append(training))
    show(3)
    kept[0].simulator.state.weights[:, 2] = 0.0
    classifier.set_params(callbacks=None)
    show(4, 5)
    if again == "from a copy":
        assert classifier.model_.weights[:, 2].sum() < 1
        show(*range(4, 12))
    kept[0].simulator.state.weights[:, 3] = 0.0
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(estimator, "count_images", fail)
        show(6)
    assert np.abs(classifier.model_.weights[:, 2:4]).sum(axis=0).max() < 1
    show(6)
    norms = np.abs(classifier.model_.weights).sum(axis=0, dtype=np.float64)
    assert norms[2:4].max() < norms.mean() / 2
    assert classifier.history_[-1]["l1_norm"]["mean"] == norms.mean()


def test_history_that_was_taken_stays_as_it_was(digits):
    classifier = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 3)
    taken, twin = classifier.history_, copy.copy(classifier)
    taken.append("a user's own")
    assert len(shown_one_by_one(classifier, digits, 2).history_) == 5
    assert (len(taken), len(twin.history_)) == (4, 3)
    assert len(shown_one_by_one(twin, digits, 1).history_) == 4
    assert len(classifier.history_) == 5


def test_history_of_fit_is_not_that_of_its_training(digits):
    trainings = []
    classifier = STDPClassifier(6, epochs=1, callbacks=lambda _, training: trainings.append(training), **SHORT)
    assert not hasattr(classifier, "history_")
    classifier.fit(digits.train_images[:50], digits.train_labels[:50]).set_params(callbacks=None)
    metrics = list(trainings[0].metrics)
    shown_one_by_one(classifier, digits, 2)
    assert (trainings[0].metrics, classifier.history_[:-2]) == (metrics, metrics)


def test_history_of_a_pickle_of_an_estimator_that_had_it_as_an_attribute_is_read(digits):
    classifier = shown_one_by_one(STDPClassifier(6, **ONLINE["sharp"]), digits, 2)
    assert vars(classifier)["history_"] == classifier.__getstate__()["history_"] == classifier.history_
    assert clone_of(classifier).history_ == classifier.history_


def test_labels_of_many_calls_come_from_the_latest_images_of_each_class(digits, monkeypatch):
    monkeypatch.setattr(estimator._Gathered, "_MOST", 4)
    often = shown_one_by_one(STDPClassifier(6, label_examples=20, **ONLINE["sharp"]), digits, 30)
    monkeypatch.setattr(estimator._Gathered, "_MOST", 1000)
    late = shown_one_by_one(STDPClassifier(6, label_examples=20, **ONLINE["sharp"]), digits, 30)
    np.testing.assert_array_equal(often._evidence.counts.toarray(), late._evidence.counts.toarray())
    np.testing.assert_array_equal(often._evidence.labels, late._evidence.labels)
    assert np.bincount(late._evidence.labels).max() == 2


def test_estimator_whose_first_call_failed_is_not_fitted(digits):
    def stop(progress, _):
        raise KeyboardInterrupt

    classifier = STDPClassifier(6, callbacks=stop, **ONLINE["sharp"])
    with pytest.raises(KeyboardInterrupt):
        classifier.partial_fit(digits.train_images[:5], digits.train_labels[:5], classes=range(10))
    with pytest.raises(NotFittedError):
        classifier.predict(digits.test_images[:2])


def test_weights_of_images_go_with_those_that_label(digits, monkeypatch):
    """Also where fewer images label the neurons than are learned from, by the usual number of them."""
    monkeypatch.setattr("engram.config.LABEL_IMAGES", 20)
    monkeypatch.setattr("engram.config.LABEL_IMAGES_PER_NEURON", 1)
    images, labels = digits.train_images[:40], digits.train_labels[:40]
    usual, weighted, none = (
        STDPClassifier(4, epochs=1, preset="paper").fit(images, labels, sample_weight=weights).model_.readout
        for weights in (None, np.ones(40), np.where(labels == labels[0], 1.0, 1e-9))
    )
    assert usual.n_label == weighted.n_label == 20
    np.testing.assert_array_equal(weighted.profile, usual.profile)
    assert not np.array_equal(none.assigned, usual.assigned) or not np.array_equal(none.profile, usual.profile)


@pytest.mark.parametrize(("scheme", "fits"), [("mean", 0), ("proportion", 0), ("logistic", 3)])
def test_after_partial_fit_only_what_the_scheme_needs_is_learned(digits, monkeypatch, scheme, fits):
    learned, logistic = [], readouts._logistic
    monkeypatch.setattr(readouts, "_logistic", lambda *given: learned.append(given) or logistic(*given))
    one, whole = (STDPClassifier(10, scheme=scheme) for _ in range(2))
    for start in (0, 20, 40):
        part = slice(start, start + 20)
        for classifier in (one, whole):
            classifier.partial_fit(digits.train_images[part], digits.train_labels[part], classes=range(10))
        assert whole.model_.readout is not None  # the whole one
        answers, score = one.predict(digits.test_images), one.score(digits.test_images, digits.test_labels)
        np.testing.assert_array_equal(answers, whole.predict(digits.test_images))
        np.testing.assert_array_equal(one.predict_proba(digits.test_images), whole.predict_proba(digits.test_images))
        assert score == whole.score(digits.test_images, digits.test_labels)
    assert len(learned) - 3 == fits
    np.testing.assert_array_equal(one.model_.fitted_readout.coefficients, whole.model_.fitted_readout.coefficients)
    assert one.model_.fitted_readout.coefficients.any()
