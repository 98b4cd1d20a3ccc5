"""Labels come from training images alone, and nothing depends on order or threads."""

import numpy as np
import pytest

from engram import Training, TrainingConfig
from engram.datasets import Dataset, load
from engram.errors import ConfigError, DataError
from engram.evaluation import Evaluation, check_label_images, evaluate, label_neurons, label_spikes
from engram.evaluation import measure_accuracy as measure
from engram.readout import SCHEMES, fit_readout
from engram.training import TrainingSet


@pytest.fixture(scope="module")
def digits():
    return load("digits", n_train=200, n_test=80)


@pytest.fixture(scope="module")
def training(digits):
    training = Training(TrainingConfig(neurons=25, epochs=1), digits)
    for _ in training.blocks():
        pass
    return training


@pytest.fixture(scope="module")
def simulator(training):
    return training.simulator


@pytest.fixture(scope="module")
def readout(simulator, digits):
    return label_neurons(simulator, digits, 150)


def with_test_part(digits, images, labels):
    return Dataset("other", digits.train_images, digits.train_labels, images, labels, digits.image_shape)


def assert_same_readout(one, other):
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


def test_labels_never_come_from_test_images(simulator, digits, readout):
    """Whatever the test part holds, or if there is none, the labels are the same."""
    none = np.zeros((0, 784), np.uint8), np.zeros(0, int)
    wrong = digits.test_images, (digits.test_labels + 1) % 10
    blank = np.zeros_like(digits.test_images), digits.test_labels
    for part in (none, wrong, blank):
        assert_same_readout(label_neurons(simulator, with_test_part(digits, *part), 150), readout)


def test_labelling_looks_at_training_images_only(simulator, digits, monkeypatch):
    seen = []
    count = simulator.count_spikes
    monkeypatch.setattr(simulator, "count_spikes", lambda images, **kw: seen.append(images) or count(images, **kw))
    label_neurons(simulator, digits, 150)
    known = {image.tobytes() for image in digits.train_images}
    assert len(seen) == 1
    assert all(image.tobytes() in known for image in seen[0])


def test_labelling_takes_as_many_images_as_asked_for(simulator, digits, readout):
    counts, labels = label_spikes(simulator, digits, 30)
    assert counts.shape == (30, 25)
    assert len(labels) == 30
    assert label_neurons(simulator, digits, 10**6).n_label == 200
    assert readout.n_label == 150


def test_thread_count_does_not_matter(simulator, digits, readout):
    for threads in (1, 2, 5):
        assert_same_readout(label_neurons(simulator, digits, 150, threads=threads), readout)
    results = [
        measure(simulator, readout, digits.test_images, digits.test_labels, threads=threads) for threads in (1, 3)
    ]
    assert results[0].accuracy == results[1].accuracy


def test_order_of_the_test_images_does_not_matter(simulator, digits, readout):
    order = np.random.default_rng(0).permutation(80)
    one = measure(simulator, readout, digits.test_images, digits.test_labels)
    other = measure(simulator, readout, digits.test_images[order], digits.test_labels[order])
    assert one.accuracy == other.accuracy
    for scheme in SCHEMES:
        np.testing.assert_array_equal(one.confusion[scheme], other.confusion[scheme])


def test_testing_changes_nothing(simulator, digits, readout):
    before = [array.copy() for array in (simulator.state.weights, simulator.state.theta, simulator.state.exc.v)]
    measure(simulator, readout, digits.test_images, digits.test_labels)
    after = (simulator.state.weights, simulator.state.theta, simulator.state.exc.v)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_confusion_accuracy_and_classes_agree(simulator, digits, readout):
    result = measure(simulator, readout, digits.test_images, digits.test_labels)
    shown = np.bincount(digits.test_labels, minlength=10)
    for scheme in SCHEMES:
        matrix = result.confusion[scheme]
        np.testing.assert_array_equal(matrix.sum(axis=1), shown)
        assert result.accuracy[scheme] == pytest.approx(np.trace(matrix) / 80)
        for label, value in result.per_class[scheme].items():
            assert value == pytest.approx(matrix[int(label), int(label)] / shown[int(label)])
    assert (result.n_label, result.n_test) == (150, 80)
    assert result.seconds > 0


def test_classes_met_only_in_testing_are_counted_as_errors(simulator, digits, readout):
    result = measure(simulator, readout, digits.test_images[:5], np.full(5, 77))
    assert result.classes.tolist() == [*range(10), 77]
    assert set(result.accuracy.values()) == {0.0}
    assert list(result.per_class["mean"]) == ["77"]


def test_silent_images_and_unassigned_neurons_are_counted(simulator, digits, readout):
    images = np.concatenate((digits.test_images[:3], np.zeros((2, 784), np.uint8)))
    result = measure(simulator, readout, images, digits.test_labels[:5])
    assert result.silent_images == 2
    assert result.unassigned_neurons == readout.unassigned_neurons


def test_images_without_an_answer_are_wrong_whatever_their_class(simulator, digits, readout):
    """Silence once counted as class 0."""
    labels = np.array([0, 0, 3, 9])
    images = np.concatenate((digits.test_images[:1], np.zeros((3, 784), np.uint8)))
    labels[0] = digits.test_labels[0]
    result = measure(simulator, readout, images, labels)
    assert result.unanswered_images == 3
    for scheme in SCHEMES:
        assert result.confusion[scheme][:, -1].tolist() == np.bincount([0, 3, 9], minlength=10).tolist()
        assert result.confusion[scheme][:, :-1].sum() == 1
        assert result.accuracy[scheme] in (0.0, 0.25)
    assert (
        result.accuracy["mean"]
        == float(readout.predict(simulator.count_spikes(images[:1])[0], "mean")[0] == labels[0]) / 4
    )


def test_neurons_without_a_class_do_not_answer():
    readout = fit_readout([[3, 0, 0], [0, 2, 0], [2, 0, 0], [0, 1, 0]], [0, 1, 0, 1])
    assert readout.answered([[1, 0, 0], [0, 0, 7], [0, 0, 0], [0, 1, 1]]).tolist() == [True, False, False, True]


def test_an_evaluation_survives_json(simulator, digits, readout):
    import json

    result = measure(simulator, readout, digits.test_images, digits.test_labels)
    again = Evaluation.from_dict(json.loads(json.dumps(result.to_dict())))
    assert again.to_dict() == result.to_dict()


def test_no_test_images_are_told(simulator, readout):
    with pytest.raises(DataError, match="There are no test images"):
        measure(simulator, readout, np.zeros((0, 784)), np.zeros(0, int))


def test_a_model_is_labelled_once_and_again_when_asked(training, digits):
    model = training.model()
    labelled, first = evaluate(model, digits, test_examples=20)
    assert model.readout is None
    assert first.n_label == 200
    assert first.n_test == 20
    kept, second = evaluate(labelled, digits, test_examples=20)
    assert kept.readout is labelled.readout
    assert second.accuracy == first.accuracy
    assert evaluate(labelled, digits, label_examples=40, test_examples=20)[1].n_label == 40


def test_progress_is_told(simulator, digits):
    told = []
    label_neurons(simulator, digits, 100, threads=1, on_progress=lambda *said: told.append(said))
    assert told == [("labelling", 32, 100), ("labelling", 64, 100), ("labelling", 96, 100), ("labelling", 100, 100)]


def test_images_of_another_size_are_told(training):
    small = Dataset("small", np.eye(4), np.arange(4) % 2, np.eye(4), np.arange(4) % 2)
    with pytest.raises(ConfigError, match="The model reads images of 784 inputs, those of small have 4"):
        evaluate(training.model(), small)


def test_too_few_classes_to_label_by_are_told_with_the_usual_number_of_images(digits):
    images = digits.train_images[:30]
    training = Training(TrainingConfig(neurons=4, epochs=1), TrainingSet(images, np.zeros(30, int), (0, 1), (28, 28)))
    with pytest.raises(ConfigError, match=r"the 30 chosen of 30 training images are of 1; raise label_examples \(30\)"):
        check_label_images(training)


def test_images_without_labels_label_no_neuron(digits):
    training = Training(TrainingConfig(neurons=4, epochs=1), TrainingSet(digits.train_images[:30], None, (), (28, 28)))
    with pytest.raises(DataError, match="have no labels"):
        check_label_images(training)
