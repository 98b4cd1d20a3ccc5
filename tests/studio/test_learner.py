"""A training that a person steers."""

import time
from dataclasses import replace

import numpy as np
import pytest

from engram import load_model
from engram.errors import ConfigError
from engram.run_folder import RunFolder
from engram.runs import resume_run
from engram.studio.desk import Desk
from engram.studio.learner import Learner
from engram.studio.moments import Glimpse, Moment, moment_of
from studio.conftest import OPTIONS, quick_run, quick_training, wait_for
from tiny import CONFIG, QUIET, finished, tiny_dataset


@pytest.fixture
def learner(tmp_path):
    learner = Learner(quick_training(), tmp_path / "runs", options=QUIET)
    yield learner
    learner.close()


def until_learned(learner, examples):
    """Wait until it has learned from so many images."""
    until(learner, "learning")
    while learner.training.examples < examples:
        assert learner.phase == "learning", learner.message
        time.sleep(0.001)


def until(learner, *phases):
    """Wait until it is in one of these phases."""
    end = time.monotonic() + 300
    while learner.phase not in phases and time.monotonic() < end:
        time.sleep(0.002)
    assert learner.phase in phases, learner.message


def test_nothing_is_on_disk_before_it_starts(learner, tmp_path):
    assert learner.phase == "ready"
    assert learner.moment().examples == 0
    learner.close()
    assert not (tmp_path / "runs").exists()


def test_network_that_was_put_away_does_not_begin(learner, tmp_path):
    learner.close()
    with pytest.raises(ConfigError, match="was put away"):
        learner.start()
    assert not (tmp_path / "runs").exists()


def test_run_that_is_steered_learns_what_one_that_is_not_learns(learner, tmp_path):
    learner.set_speed(1000.0)
    learner.step()
    until(learner, "paused")
    learner.step(3)
    until(learner, "paused")
    learner.set_speed(None)
    learner.start()
    until(learner, "finished")
    plain = quick_run(tmp_path / "plain")
    ours, theirs = load_model(learner.path), load_model(plain.path)
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    np.testing.assert_array_equal(ours.theta, theirs.theta)
    np.testing.assert_array_equal(ours.readout.labels, theirs.readout.labels)
    assert learner.folder.is_finished
    assert learner.folder.read_evaluation().accuracy == plain.read_evaluation().accuracy


def test_one_image_is_one_image(learner):
    learner.step()
    until(learner, "paused")
    moment = learner.moment()
    assert learner.training.examples == moment.examples == 1
    np.testing.assert_array_equal(moment.counts, learner.training.last_counts[-1])
    np.testing.assert_array_equal(moment.image, learner.training.dataset.train_images[learner.training.last_shown[-1]])


def test_paused_run_that_is_closed_is_resumed_on_the_command_line(learner, tmp_path):
    learner.step()
    until(learner, "paused")
    learner.close()
    until(learner, "stopped")
    assert not learner.folder.is_held
    folder = RunFolder(learner.path)
    done = finished(folder, resume_run(folder, dataset=tiny_dataset()))
    plain = quick_run(tmp_path / "plain")
    np.testing.assert_array_equal(load_model(done.path).weights, load_model(plain.path).weights)


def test_closing_while_it_learns_saves_what_was_learned(tmp_path):
    learner = Learner(quick_training(CONFIG.replace(examples=100_000)), tmp_path)
    learner.set_speed(100.0)  # it does not come to its end meanwhile
    learner.start()
    until_learned(learner, 25)
    learner.close()
    assert learner.phase == "stopped"
    _, _, done, total = RunFolder(learner.path).read_unfinished()
    assert (done, total) == (learner.training.examples, 100_000)


def test_run_that_is_finished_early_is_labelled_and_tested(learner):
    learner.step()
    until(learner, "paused")
    learner.finish()
    until(learner, "finished")
    assert learner.folder.read_summary()["stopped"] == "ended in the studio"
    assert learner.folder.read_evaluation().n_test == 6
    assert learner.moment().model.readout.n_label == 26


def test_constants_change_between_images_and_the_folder_says_when(learner):
    learner.step()
    until(learner, "paused")
    learner.set_constants({"constants": {"eta": 0.5}})
    assert learner.training.simulator.rule.eta == 0.5
    assert learner.folder.read_changes() == [{"examples": 1, "name": "constants.eta", "from": 0.1, "to": 0.5}]
    assert learner.folder.read_config().constants["eta"] == 0.5
    with pytest.raises(ConfigError, match="eta must be positive"):
        learner.set_constants({"constants": {"eta": -1.0}})
    learner.start()
    until(learner, "finished")


def test_thresholds_are_kept_at_each_point_of_the_curve(learner):
    learner.start()
    until(learner, "finished")
    examples, thetas = learner.thetas()
    assert examples == [0, 25, 50, 75]
    assert thetas.shape == (4, 4)
    np.testing.assert_allclose(thetas[-1], learner.training.simulator.state.theta, rtol=1e-6)


def test_what_fails_is_said_and_costs_nothing(learner, monkeypatch):
    learner.step()
    until(learner, "paused")
    monkeypatch.setattr(learner.training, "learn_block", lambda: 1 / 0)
    learner.start()
    until(learner, "failed")
    assert "ZeroDivisionError" in learner.message
    assert not learner.folder.is_held
    with pytest.raises(ConfigError, match="has ended"):
        learner.start()


def test_nothing_is_kept_for_pages_while_nobody_looks(tmp_path, monkeypatch):
    learner, kept = Learner(quick_training(), tmp_path, wanted=lambda: "", options=QUIET), []
    keep = learner._keep
    monkeypatch.setattr(learner, "_keep", lambda: (kept.append(learner.training.done), keep()))
    learner.set_speed(None)
    learner.start()
    until(learner, "finished")
    assert kept == [True]  # at the end
    learner.close()


@pytest.mark.parametrize("wanted", ["glimpse", "moment"])
def test_what_pages_are_shown_is_the_network_as_it_stands(tmp_path, wanted):
    learner = Learner(quick_training(), tmp_path, wanted=lambda: wanted, options=QUIET)
    learner.training.learn_block()
    learner._show_now_and_then()
    seen, whole = learner.glimpse(), moment_of(learner.training)
    assert isinstance(seen, Glimpse if wanted == "glimpse" else Moment)
    assert (seen.examples, seen.label, seen.is_labelled) == (25, whole.label, True)
    np.testing.assert_array_equal(seen.image, whole.image)
    for name, values in whole.sheet().arrays.items():
        np.testing.assert_array_equal(seen.sheet().arrays[name], values, name)
    learner.close()


def test_what_is_asked_of_a_network_that_stays_busy_is_refused_and_never_done(learner, monkeypatch):
    monkeypatch.setattr("engram.studio.learner.PATIENCE", 0.01)
    learner._waiting, done = False, []  # as while it compiles
    with pytest.raises(ConfigError, match="still busy"):
        learner.between(lambda: done.append(1))
    learner._answer()
    assert done == []
    learner._waiting = True
    learner.between(lambda: done.append(2))
    assert done == [2]


def test_speed_must_be_one(learner):
    for speed in (0.0, -1.0, 1e9, float("nan")):
        with pytest.raises(ConfigError, match="speed"):
            learner.set_speed(speed)


def test_page_steers_it_by_its_commands(client):
    assert client.do("start").status_code == 400
    assert client.do("new", options=OPTIONS).json()["phase"] == "ready"
    for speed in (True, "5", [5]):
        assert "number of images a second" in client.do("speed", speed=speed).json()["error"]
    client.do("step")
    assert wait_for(client, "paused")["examples"] == 1
    assert client.do("speed", speed=500).json()["speed"] == 500
    assert client.do("set", changes={"network": {"w_inh_exc": 1.0}}).json()["network"]["w_inh_exc"] == 1.0
    client.do("finish")
    state = wait_for(client, "finished")
    assert state["path"] == "runs/tiny.npz-1"
    assert state["changes"] == [{"examples": 1, "name": "network.w_inh_exc", "from": 17.0, "to": 1.0}]


def test_last_image_is_told_by_the_name_of_its_class(folder):
    desk = Desk(folder, options=QUIET)
    desk.new(OPTIONS)
    training = desk.subject.training
    training.dataset = replace(training.dataset, class_names={0: "left", 1: "right"})
    assert desk.state()["label"] is None
    training.learn_block()
    desk.subject.between(desk.subject._keep)
    label = training.dataset.train_labels[training.last_shown[-1]]
    assert desk.state()["label"] == ["left", "right"][label]
    desk.close()
