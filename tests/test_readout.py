"""From spike counts to classes, against numbers worked out by hand."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from engram.errors import ConfigError, DataError
from engram.readout import SCHEMES, UNASSIGNED, Readout, RunningAccuracy, _features, fit_readout

COUNTS = np.array([[6, 0, 1, 0], [2, 0, 1, 0], [0, 4, 2, 0], [0, 0, 2, 0], [0, 9, 1, 0]])
LABELS = np.array([3, 3, 5, 5, 8])
"""Two images of class 3, two of class 5, one of class 8; four neurons, the last of which never fires."""


@pytest.fixture
def readout():
    return fit_readout(COUNTS, LABELS)


def test_profile_is_each_class_s_mean_count(readout):
    assert readout.classes.tolist() == [3, 5, 8]
    assert readout.profile.tolist() == [[4, 0, 1, 0], [0, 2, 2, 0], [0, 9, 1, 0]]
    assert readout.n_label == 5


def test_a_neuron_belongs_to_the_class_that_it_answers_most(readout):
    assert readout.labels.tolist() == [3, 8, 5, UNASSIGNED]
    assert readout.assigned.tolist() == [0, 2, 1, UNASSIGNED]
    assert readout.unassigned_neurons == 1


def test_a_class_with_more_images_has_no_more_neurons_for_that():
    counts = np.array([[1], [1], [1], [1], [2]])
    assert fit_readout(counts, [0, 0, 0, 0, 1]).labels.tolist() == [1]


def test_ties_of_a_neuron_go_to_the_lowest_class():
    readout = fit_readout([[2, 0], [2, 1], [0, 1]], [7, 2, 4])
    assert readout.labels.tolist() == [2, 2]


def test_mean_scheme_takes_the_class_whose_neurons_fire_most_on_average():
    readout = fit_readout([[4, 0, 0], [0, 2, 2], [0, 2, 2]], [0, 1, 1])
    assert readout.scores([[3, 4, 1]], "mean").tolist() == [[3, 2.5]]
    assert readout.predict([[3, 4, 1], [3, 4, 3]], "mean").tolist() == [0, 1]


def test_proportion_scheme_weighs_spikes_by_each_neuron_s_profile(readout):
    # columns of the profile as shares: neuron 0 all of class 3, neuron 1 2/11 and 9/11, neuron 2 1/4, 1/2 and 1/4
    scores = readout.scores([[1, 11, 4, 5]], "proportion")
    np.testing.assert_allclose(scores, [[1 + 1, 2 + 2, 9 + 1]])
    assert readout.predict([[1, 11, 4, 5], [0, 0, 4, 0]], "proportion").tolist() == [8, 5]


def test_logistic_scheme_is_linear_in_the_roots_of_the_counts(readout):
    counts = np.array([[4, 9, 1, 0]])
    expected = readout.coefficients @ [2, 3, 1, 0] + readout.intercepts
    np.testing.assert_allclose(readout.scores(counts, "logistic")[0], expected)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_logistic_regression_is_scikit_learn_s(n_classes, weighted, balanced):
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    labels = np.minimum(random.integers(0, 2 * n_classes, 200), n_classes - 1)  # most are of the last
    counts = random.poisson(1 + 4 * np.eye(n_classes)[labels])
    weights = random.random(200) if weighted else None
    features = np.sqrt(counts)
    model = LogisticRegression(C=0.1, tol=1e-3, max_iter=300, class_weight="balanced" if balanced else None)
    model.fit(features / features.std(), labels, sample_weight=weights)
    found = fit_readout(counts, labels, sample_weight=weights, balanced=balanced).scores(counts, "logistic")
    found = found[:, 1] - found[:, 0] if n_classes == 2 else found
    np.testing.assert_allclose(found, model.decision_function(features / features.std()), atol=1e-9)


def test_a_readout_is_fitted_without_importing_scikit_learn():
    code = (
        "import sys; from engram.readout import fit_readout; found = fit_readout([[1, 0], [0, 2]], [3, 5]);"
        "assert found.predict([[0, 4]], 'logistic') == [5]; assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_features_of_the_regression_are_held_once():
    counts = np.random.default_rng(0).poisson(1.0, (4096, 400)).astype(np.uint8)
    _features(counts[:1])  # what is imported is not counted
    tracemalloc.start()
    try:
        features, scale = _features(counts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    roots = np.sqrt(counts.astype(np.float64))
    np.testing.assert_allclose(features.toarray(), roots / roots.std(), rtol=1e-12)
    assert scale == pytest.approx(roots.std())
    assert peak < 32 * features.nnz  # a number and its column take 12 bytes, and what they are made from the rest


def test_logistic_regression_of_two_classes_answers_either():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 100)
    counts = random.poisson(1 + 8 * np.eye(2)[labels])
    readout = fit_readout(counts, labels + 5)
    assert readout.coefficients.shape == (2, 2)
    assert (readout.coefficients[0] == 0).all()
    assert readout.intercepts[0] == 0
    assert np.mean(readout.predict(counts, "logistic") == labels + 5) > 0.9


@pytest.mark.parametrize("scheme", ["mean", "proportion"])
def test_ties_and_silent_images_are_answered_with_the_lowest_class(readout, scheme):
    assert readout.scores([[0, 0, 0, 0]], scheme).tolist() == [[0, 0, 0]]
    assert readout.predict([[0, 0, 0, 0], [0, 0, 0, 9]], scheme).tolist() == [3, 3]
    two = fit_readout([[2, 0], [0, 2]], [6, 4])
    assert two.predict([[5, 5]], scheme).tolist() == [4]


def test_silent_images_of_the_logistic_scheme_are_answered_by_the_intercepts(readout):
    answer = readout.predict([[0, 0, 0, 0]], "logistic")[0]
    assert answer == readout.classes[np.argmax(readout.intercepts)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_labels_may_come_from_images_none_of_which_drew_a_spike(scheme):
    readout = fit_readout(np.zeros((4, 3)), [1, 1, 2, 2])
    assert readout.unassigned_neurons == 3
    assert np.isfinite(readout.scores(np.ones((2, 3)), scheme)).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_classes_without_images_are_known_but_never_answered(scheme):
    readout = fit_readout(COUNTS, LABELS, classes=[1, 3, 5, 8, 9])
    assert readout.classes.tolist() == [1, 3, 5, 8, 9]
    random = np.random.default_rng(0).poisson(3, (200, 4)) + 1
    assert set(readout.predict(random, scheme)) <= {3, 5, 8}
    np.testing.assert_allclose(
        readout.scores(random, scheme)[:, 1:4], fit_readout(COUNTS, LABELS).scores(random, scheme)
    )


def test_a_single_class_among_several_is_always_answered():
    readout = fit_readout([[1, 0], [2, 0]], [5, 5], classes=[4, 5, 6])
    assert readout.predict([[3, 0]], "logistic").tolist() == [5]
    assert readout.predict([[3, 0]], "mean").tolist() == [5]


def test_one_class_is_told():
    with pytest.raises(DataError, match="need images of two classes or more, got 1; use more label images"):
        fit_readout([[1, 2], [2, 1]], [4, 4])


def test_unknown_scheme_is_told(readout):
    with pytest.raises(ConfigError, match="scheme must be one of mean, proportion, logistic, got 'loudest'"):
        readout.predict(COUNTS, "loudest")


def test_order_of_the_label_images_does_not_matter(readout):
    order = np.random.default_rng(0).permutation(5)
    other = fit_readout(COUNTS[order], LABELS[order])
    np.testing.assert_array_equal(other.profile, readout.profile)
    np.testing.assert_array_equal(other.assigned, readout.assigned)


def test_permuted_neurons_permute_the_readout_and_leave_the_answers(readout):
    order = np.array([2, 0, 3, 1])
    other = fit_readout(COUNTS[:, order], LABELS)
    np.testing.assert_array_equal(other.labels, readout.labels[order])
    for scheme in SCHEMES:
        np.testing.assert_array_equal(other.predict(COUNTS[:, order], scheme), readout.predict(COUNTS, scheme))


def test_counts_of_any_integer_type_are_read_alike(readout):
    for dtype in (np.uint16, np.int32, np.float64):
        other = fit_readout(COUNTS.astype(dtype), LABELS)
        np.testing.assert_array_equal(other.coefficients, readout.coefficients)
        np.testing.assert_array_equal(other.scores(COUNTS.astype(dtype)), readout.scores(COUNTS))


def test_a_readout_rebuilds_from_its_fields(readout):
    again = Readout(**vars(readout))
    np.testing.assert_array_equal(again.predict(COUNTS), readout.predict(COUNTS))


# While learning


def test_running_accuracy_judges_an_image_before_it_learns_from_it():
    running = RunningAccuracy([0, 1], n_neurons=2)
    running.update(np.array([[0, 5]]), np.array([1]))
    assert running.value == 0.0  # nothing was known: no answer
    running.update(np.array([[0, 5]]), np.array([1]))
    assert running.value == 0.5
    running.update(np.array([[4, 0], [4, 0]]), np.array([0, 0]))
    assert running.value == 0.25  # nothing known of neuron 0 either, though the lowest class would have been right


def test_running_accuracy_is_of_the_last_images():
    running = RunningAccuracy([0, 1], n_neurons=2)
    running.update(np.array([[0, 5], [0, 5]]), np.array([1, 1]))
    for _ in range(RunningAccuracy.WINDOW):
        running.update(np.array([[0, 5]]), np.array([1]))
    assert len(running.hits) == RunningAccuracy.WINDOW
    assert running.value == 1.0


def test_running_accuracy_before_any_image_is_zero():
    assert RunningAccuracy([0, 1], 3).value == 0.0
