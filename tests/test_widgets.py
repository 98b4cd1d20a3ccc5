"""Widgets of a notebook, without one: what they would show."""

import copy
import pickle
import re

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="widgets are an extra: pip install 'engram[studio]'")

from sklearn.base import clone

from engram import STDPClassifier, load_model, widgets
from engram.errors import ConfigError
from engram.studio import sorting
from engram.studio.frames import decode
from engram.studio.moments import Moment, moment_of
from engram.widgets import LearningView
from tiny import so_small, tiny_dataset, tiny_training


def test_view_shows_a_training_as_it_goes(monkeypatch):
    monkeypatch.setattr(widgets, "FRAME_SECONDS", 0.0)
    training, seen = tiny_training(), []
    view = LearningView(training)
    for _ in view.follow():
        header, arrays = decode(view.frame)
        limit = header["fields"]["limit"]
        weights = training.simulator.state.weights
        np.testing.assert_allclose(arrays["fields"] / 255 * limit, np.clip(weights, 0, limit), atol=limit / 254)
        seen.append(header["examples"])
    assert seen == [25, 50, 75]
    assert [point[0] for point in decode(view.frame)[0]["points"]] == [25, 50, 75]
    assert view.picture()[:4] == b"\x89PNG"


def test_pictures_are_not_sent_more_often_than_can_be_seen(monkeypatch):
    monkeypatch.setattr(widgets, "FRAME_SECONDS", 1e9)
    training = tiny_training()
    view = LearningView(training)
    before = view.frame
    training.learn_block()
    view.on_progress(None, training)
    assert view.frame == before
    training.learn_block(), training.learn_block()
    view.on_progress(None, training)  # the last is always shown
    assert decode(view.frame)[0]["examples"] == 75


def test_classifier_is_watched_while_it_fits():
    data = tiny_dataset()
    classifier = STDPClassifier(n_neurons=4, epochs=1, random_state=0, value_range=(0, 255))
    view = classifier.watch()
    assert view.frame == b""
    with pytest.raises(ConfigError, match="no network to draw yet"):
        view.picture()
    with so_small():
        classifier.fit(data.train_images, data.train_labels)
    header, arrays = decode(view.frame)
    assert header["examples"] == 26
    assert arrays["fields"].shape == (9, 4)
    again = classifier.watch()
    assert decode(again.frame)[0]["classes"] == ["0", "1"]


def test_estimators_with_a_view_are_cloned_and_sent_to_other_processes():
    classifier = STDPClassifier()
    view = classifier.watch()
    assert clone(classifier).callbacks[0] is view
    assert copy.deepcopy(view) is view
    assert isinstance(pickle.loads(pickle.dumps(view)), LearningView)


def test_order_sorts_anew():
    training = tiny_training()
    for _ in training.blocks():
        pass
    view = LearningView(training)
    view.order = "label"
    assert np.all(np.diff(drawn(view)["labels"]) >= 0)


def drawn(view):
    """What a notebook shows, in the order of the places."""
    arrays = decode(view.frame)[1]
    places = arrays.pop("places", slice(None))
    return {name: values[..., places] for name, values in arrays.items()}


def test_neurons_that_learn_are_sorted_now_and_then_and_at_the_end(monkeypatch):
    monkeypatch.setattr(widgets, "FRAME_SECONDS", 0.0)
    monkeypatch.setattr(sorting, "SORT_SECONDS", 1e9)
    sort, sorted_at = Moment.places, []
    monkeypatch.setattr(Moment, "places", lambda moment: sorted_at.append(moment.examples) or sort(moment))
    training = tiny_training()
    view = LearningView(training, order="label")
    steps = view.follow()
    for examples in (25, 50):
        next(steps)
        assert decode(view.frame)[0]["examples"] == examples
    assert set(sorted_at) == {0}
    steps.close()  # as an interrupted cell does
    assert set(sorted_at) == {0, 50}
    for name, values in moment_of(training).sheet(by_label=True).arrays.items():
        np.testing.assert_allclose(drawn(view)[name], values, rtol=1e-6, err_msg=name)


def test_modules_are_one_that_imports_nothing():
    text = widgets.module()
    assert re.findall(r"^(?:import|export)\b.*", text, re.MULTILINE) == ["export default { render };"]
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert ".engram" in widgets.styles()


def test_follow_needs_a_training():
    with pytest.raises(ConfigError, match=r"LearningView\(training\)"):
        next(LearningView().follow())


def test_view_of_a_convolution_shows_its_filters():
    view = LearningView.of_model(load_model("mnist-conv"))
    header, arrays = decode(view.frame)
    assert (header["fields"]["kind"], arrays["fields"].shape) == ("filters", (49, 64))
    assert view.picture()[:4] == b"\x89PNG"
