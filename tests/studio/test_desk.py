"""What is open: only what lies in the folder, watched while another process learns."""

import threading

import numpy as np
import pytest

from engram.errors import ConfigError, EngramError
from engram.run_folder import RunFolder
from engram.runs import RunOptions, run_training, save_checkpoint, start_run
from engram.studio import watching
from engram.studio.choices import choices
from engram.studio.desk import Desk
from studio.conftest import OPTIONS, quick_run, quick_training, wait_for
from tiny import CONFIG


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "runs/../../secret", "link/secret", "a\0b", "~/secret"])
def test_paths_do_not_leave_the_folder(client, folder, path):
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "config.toml").write_text(CONFIG.to_toml())
    (folder / "link").symlink_to(folder.parent)
    for deed in ({"do": "open", "path": path}, {"do": "new", "options": {"dataset": path}}):
        response = client.post("/api/do", json=deed)
        assert response.status_code == 400
        assert "error" in response.json()
    assert client.post(f"/api/read?of={path.replace(chr(0), '%00')}", content=b"x").status_code == 400
    assert client.desk.subject is None


REFUSED = [
    {"rule": "tiny.py:Evil"},
    {"start": "mnist-100"},
    {"neurons": 10**9},
    {"neurons": "9"},
    {"nothing": 1},
    {"examples": -1},
    {"dataset": 5},
    {"network": {"kind": "net.py:wide"}},
    {"network": {"kind": "conv", "maps": 10**6}},
    {"network": {"kind": "two-layers", "hidden": 10**6}},
    [],
]


@pytest.mark.parametrize("options", REFUSED)
def test_options_that_a_page_must_not_give_are_refused(client, options):
    response = client.do("new", options={"dataset": "tiny.npz", **options} if isinstance(options, dict) else options)
    assert response.status_code == 400
    assert client.desk.subject is None


def test_finished_run_is_looked_into(client, folder):
    quick_run(folder / "runs" / "a", CONFIG.replace(dataset=str(folder / "tiny.npz")))
    state = client.do("open", path="runs/a").json()
    assert (state["kind"], state["phase"], state["examples"]) == ("model", "finished", 75)
    assert set(state["test_accuracy"]) == {"mean", "proportion", "logistic"}
    assert client.do("start").status_code == 400
    assert "runs/a" in client.get("/api/about").json()["runs"]


def test_interrupted_run_is_gone_on_with(client, folder):
    run = RunFolder(folder / "runs" / "a")
    config = CONFIG.replace(dataset=str(folder / "tiny.npz"))
    start_run(run, config, overwrite=False)
    client.desk.new({**OPTIONS})
    training = client.desk.subject.training
    training.learn_block()
    training.config = config
    save_checkpoint(run, training)
    run.release()
    state = client.do("open", path="runs/a").json()
    assert (state["kind"], state["phase"], state["examples"], state["total"]) == ("training", "paused", 25, 75)
    client.do("start")
    assert wait_for(client, "finished")["examples"] == 75


def test_run_of_another_process_is_watched_until_its_end(client, folder, monkeypatch):
    held = RunFolder(folder / "runs" / "a")
    start_run(held, CONFIG, overwrite=False)
    training = quick_training()
    monkeypatch.setattr("engram.studio.watching.FIRST_SECONDS", 0.0)
    monkeypatch.setattr("engram.run_folder.WATCHED_SECONDS", 3600.0)
    with pytest.raises(EngramError, match="nothing to show yet"):
        client.desk.open("runs/a")
    training.learn_block()
    save_checkpoint(held, training)
    state = client.do("open", path="runs/a").json()
    assert (state["kind"], state["phase"], state["examples"], state["total"]) == ("watched", "watched", 25, 75)
    assert held.is_watched
    training.learn_block()
    save_checkpoint(held, training)
    watched = client.desk.subject
    assert watched.refresh()
    assert not watched.refresh()
    assert client.get("/api/state").json()["examples"] == 50
    np.testing.assert_array_equal(watched.moment().model.weights, training.simulator.state.weights)
    np.testing.assert_array_equal(watched.moment().assigned, training.running.assigned)
    assert watched.thetas()[0] == [25, 50]
    held.release()  # interrupted
    assert watched.refresh()
    assert not watched.refresh()
    assert client.get("/api/state").json()["phase"] == "left"
    held.acquire()  # and resumed
    assert watched.refresh()
    assert client.get("/api/state").json()["phase"] == "watched"
    run_training(held, training, RunOptions(figures=False))
    held.release()
    while watched.refresh():
        pass
    assert client.get("/api/state").json()["phase"] == "finished"
    assert watched.evaluation.n_test == 6


def test_run_that_another_process_takes_while_it_is_opened_is_watched(client, folder, monkeypatch):
    held = RunFolder(folder / "runs" / "a")
    start_run(held, CONFIG.replace(dataset="tiny.npz"), overwrite=False)
    training = quick_training()
    training.learn_block()
    save_checkpoint(held, training)
    monkeypatch.setattr(RunFolder, "is_held", False)  # as it was a moment ago
    assert client.do("open", path="runs/a").json()["kind"] == "watched"
    held.release()


def test_run_that_ends_while_it_is_opened_is_looked_into(client, folder, monkeypatch):
    held = RunFolder(folder / "runs" / "a")
    start_run(held, CONFIG, overwrite=False)

    def look_and_let_it_end(_):
        run_training(held, quick_training(), RunOptions(figures=False))
        held.release()
        return True

    monkeypatch.setattr(RunFolder, "is_held", property(look_and_let_it_end))
    assert client.do("open", path="runs/a").json()["kind"] == "model"


def test_checkpoint_that_is_written_while_another_is_read_is_seen_next(client, folder, monkeypatch):
    held, training, read = RunFolder(folder / "runs" / "a"), quick_training(), watching.read_last_checkpoint
    start_run(held, CONFIG, overwrite=False)
    training.learn_block()
    save_checkpoint(held, training)
    before = training.running.assigned.copy()

    def read_and_let_it_learn(path):
        found = read(path)
        if training.examples == 25:
            training.learn_block()
            save_checkpoint(held, training)
        return found

    monkeypatch.setattr(watching, "read_last_checkpoint", read_and_let_it_learn)
    client.do("open", path="runs/a")
    watched = client.desk.subject
    assert watched.moment().examples == 25
    np.testing.assert_array_equal(watched.moment().assigned, before)
    assert watched.refresh()
    np.testing.assert_array_equal(watched.moment().assigned, training.running.assigned)
    assert watched.thetas()[0] == [25, 50]
    held.release()


def test_checkpoint_that_two_pages_look_for_at_once_is_seen_once(client, folder, monkeypatch):
    held, training, read = RunFolder(folder / "runs" / "a"), quick_training(), watching.read_last_checkpoint
    start_run(held, CONFIG, overwrite=False)
    training.learn_block()
    save_checkpoint(held, training)
    client.do("open", path="runs/a")
    watched, news = client.desk.subject, []
    other = threading.Thread(target=lambda: news.append(watched.refresh()))

    def read_and_be_met(path):
        other.start()
        other.join(0.1)
        return read(path)

    training.learn_block()
    save_checkpoint(held, training)
    monkeypatch.setattr(watching, "read_last_checkpoint", read_and_be_met)
    news.append(watched.refresh())
    other.join()
    assert sorted(news) == [False, True]
    assert watched.thetas()[0] == [25, 50]
    held.release()


def test_images_that_two_pages_want_at_once_are_loaded_once(folder):
    desk, loads, found = Desk(folder), [], []
    other = threading.Thread(target=lambda: found.append(desk._kept("digits", lambda: loads.append("again"))))

    def load():
        loads.append("once")
        other.start()
        return "images"

    found.append(desk._kept("digits", load))
    other.join()
    assert (loads, found) == (["once"], ["images", "images"])


def test_run_saves_its_state_often_only_while_it_is_watched(tmp_path, monkeypatch):
    import os
    import time

    monkeypatch.setattr("engram.runs._WATCHED_EVERY", 0.0)
    monkeypatch.setattr("engram.runs._WATCHED_COST", 0.0)
    monkeypatch.setattr("engram.run_folder.WATCHED_SECONDS", 3600.0)
    written = []
    monkeypatch.setattr("engram.runs.save_checkpoint", lambda folder, training: written.append(training.examples))
    for name, is_watched in (("plain", False), ("watched", True)):
        folder = RunFolder(tmp_path / name)
        start_run(folder, CONFIG, overwrite=False)
        if is_watched:
            folder.watch()
        run_training(folder, quick_training(), RunOptions(figures=False, evaluate=False))
        folder.release()
    assert written == [75, 25, 50, 75]
    old = time.time() - 3601.0
    os.utime(tmp_path / "watched" / ".watched", (old, old))
    assert not folder.is_watched


def test_one_network_learns_at_a_time(client):
    client.do("new", options={**OPTIONS, "examples": 100_000})
    client.do("speed", speed=5)
    client.do("start")
    response = client.do("new", options=OPTIONS)
    assert response.status_code == 400
    assert "pause or finish it first" in response.json()["error"]
    client.do("pause")
    wait_for(client, "paused")
    assert client.do("new", options=OPTIONS).status_code == 200


def test_page_learns_what_it_can_choose_from(folder):
    found = choices(Desk(folder))
    assert {"digits", "mnist"} <= {one["name"] for one in found["datasets"]}
    assert {rule["name"] for rule in found["rules"]} >= {"self_normalizing", "triplet"}
    assert {m["name"]: m["network"] for m in found["models"]} == {
        "fashion-400": "diehl-cook",
        "mnist-100": "diehl-cook",
        "mnist-100-paper": "diehl-cook",
        "mnist-1600": "diehl-cook",
        "mnist-400": "diehl-cook",
        "mnist-conv": "conv",
    }
    assert found["allow_code"] is False


def test_readers_and_drawings_are_few(folder):
    desk = Desk(folder)
    for k in range(40):
        desk.remember(str(k), (k,))
    assert list(desk.drawings) == [str(k) for k in range(24, 40)]
    with pytest.raises(ConfigError, match="Nothing is open"):
        desk.moment()


def test_images_that_are_held_out_are_those_of_the_run(client):
    """Data that are kept for the next network are not taken for others that hold out other images."""
    for held_out, n_test in ((None, 6), (8, 8), (5, 5), (None, 6)):
        options = OPTIONS if held_out is None else {**OPTIONS, "validation_examples": held_out}
        assert client.do("new", options=options).status_code == 200
        assert len(client.desk.dataset().test_images) == n_test


def test_page_is_offered_the_presets_and_rules_that_a_network_has(folder):
    networks = {one.pop("name"): one for one in choices(Desk(folder))["networks"]}
    assert networks["diehl-cook"]["presets"] == ["sharp", "paper", "events"]
    assert networks["conv"] == {"presets": ["conv"], "rules": ["self_normalizing"], "sizes": {"maps": 64}}
    assert networks["two-layers"]["presets"] == ["paper"]
    assert set(networks["two-layers"]["sizes"]) == {"neurons", "hidden"}


def test_network_of_several_layers_learns_and_shows_each(client):
    network = {"kind": "two-layers", "hidden": 5}
    quick = {"shown": 3.0, "blank": 0.5, "start_intensity": 64.0, "max_intensity": 64.0, "min_spikes": 0}
    options = {"dataset": "tiny.npz", "neurons": 3, "examples": 50, "preset": "paper", "protocol": quick}
    state = client.do("new", options={**options, "network": network}).json()
    assert (state["layers"], state["network"], state["neurons"]) == (["first", "second"], {}, 3)
    client.do("start")
    assert wait_for(client, "finished")["network_name"] == "two-layers"
    moment = client.desk.moment()
    first, second = moment.sheet("first"), moment.sheet("second", by_label=True)
    assert (first.fields.shape, first.kind, set(first.labels)) == ((9, 5), "weights", {-1})
    assert (second.fields.shape, second.kind) == ((9, 3), "through")
    np.testing.assert_allclose(second.norms, 1.0, rtol=1e-5)
    model = moment.model
    found = client.get("/api/neuron/4?layer=first").json()
    assert found["norm"] == pytest.approx(float(model.weights["image_first"][:, 4].sum()), rel=1e-6)
    assert not found["is_read"]
    assert client.get("/api/neuron/4?layer=second").status_code == 400
    examples, thetas = client.desk.subject.thetas()
    assert examples == [0, 25, 50]
    np.testing.assert_allclose(thetas[-1], model.theta["second"], rtol=1e-6)


def test_filters_are_what_is_shown_of_a_convolution(client):
    assert client.do("open", path="mnist-conv").json()["layers"] == ["maps"]
    model = client.desk.moment().model
    filters = model.weights["image_maps"].reshape(64, 49)
    sheet = client.desk.moment().sheet()
    assert (sheet.kind, sheet.shape, sheet.signed) == ("filters", (7, 7), True)
    scaled = np.clip(filters.T / sheet.limit, -1, 1)
    np.testing.assert_allclose(sheet.fields / 127.5 - 1, scaled, atol=1 / 127)
    found = client.get("/api/pixel/3").json()
    np.testing.assert_allclose(found["weights"], filters[:, 3], rtol=1e-6)
    assert found["shape"] == [7, 7]
