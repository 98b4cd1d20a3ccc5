"""Runs end as they should, however often they are stopped on the way."""

import errno
import os
import shutil
import signal
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from engram import load_model, model_file, run_figures
from engram.callbacks import Callback
from engram.config import TrainingConfig
from engram.errors import ConfigError, DataError, Interrupted, ModelFileError, RunFolderError
from engram.plasticity import make_rule
from engram.plasticity.records import rule_record
from engram.run_figures import _kept_sum
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run
from engram.training import Training, TrainingSet
from tiny import CONFIG, QUIET, finished, resumed, tiny_dataset, tiny_run, tiny_training

COMPARED = ("model.safetensors", "metrics.jsonl", "config.toml")

HEBB = """
    from dataclasses import dataclass
    from engram import LearningRule, Trace

    @dataclass(frozen=True, kw_only=True)
    class Hebb(LearningRule):
        eta: float = {eta}

        def traces(self):
            return (Trace("x_pre", of="pre", tau=20.0),)

        def on_post(w, x_pre, eta):
            return w + eta * x_pre
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never disturbed."""
    return tiny_run(tmp_path_factory.mktemp("whole") / "run")


def content(folder):
    """Every file of a run, but for the lock."""
    return {file: file.read_bytes() for file in sorted(folder.path.rglob("*")) if file.is_file()}


def same_bytes(folder, other):
    for name in COMPARED:
        assert (folder.path / name).read_bytes() == (other.path / name).read_bytes(), name


def stopped_run(path, examples, config=CONFIG, *, start=None, **options):
    """A run that an error ended after some images."""
    folder = RunFolder(path)
    start_run(folder, config, overwrite=False, start=start)

    def stop(progress, _):
        if progress.examples == examples:
            raise DataError("stop here")

    with pytest.raises(DataError, match="stop here"):
        finished(folder, tiny_training(config, start=start, **options), callbacks=[stop])
    return folder


@pytest.mark.parametrize("examples", [25, 50, 75])
def test_run_that_a_callback_s_error_ended_has_lost_nothing(whole, tmp_path, examples):
    folder = stopped_run(tmp_path / "run", examples)
    assert folder.checkpoint_files()[-1].name == f"{examples:012d}.safetensors"
    same_bytes(resumed(folder.path), whole)


def test_run_that_was_killed_before_its_first_checkpoint_begins(whole, tmp_path):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    folder.release()
    same_bytes(resumed(folder.path), whole)


def test_checkpoint_of_an_earlier_build_is_told_and_kept(tmp_path):
    folder = stopped_run(tmp_path / "run", 50)
    tensors, metadata = folder.read_checkpoint()
    del metadata["checkpoint"]  # which earlier builds did not have
    folder.write_checkpoint(50, tensors, metadata)
    before = content(folder)
    with pytest.raises(ModelFileError, match="of an earlier build of engram; resume with the build that wrote it"):
        resumed(folder.path)
    assert content(folder) == before


def test_learning_curve_is_that_of_the_checkpoint_wherever_a_kill_came(whole, tmp_path):
    """Between the last checkpoint's rename and that of the curve a kill leaves a curve without its last points."""
    folder = stopped_run(tmp_path / "run", 75)
    folder.write_metrics(folder.read_metrics()[:1])
    same_bytes(resumed(folder.path), whole)


def test_finished_run_says_so_and_is_left_alone(whole):
    assert whole.is_finished
    assert whole.read_summary()["finished"] is True


@pytest.mark.parametrize("stage", ["label_neurons", "measure_accuracy"])
def test_labelled_model_is_never_replaced_by_an_unlabelled_one(whole, tmp_path, monkeypatch, stage):
    """Whatever ends the process while a run that was labelled is finished again, its model can still predict."""
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    finished(folder, tiny_training())
    folder.write_summary({"examples": 75})  # killed before the summary was whole

    def die(*_, **__):
        raise MemoryError

    monkeypatch.setattr(f"engram.runs.{stage}", die)
    with pytest.raises(MemoryError):
        resumed(folder.path)
    assert load_model(folder.path).readout is not None
    monkeypatch.undo()
    same_bytes(resumed(folder.path), whole)


def test_model_that_the_system_refuses_for_now_is_not_taken_for_damaged(whole, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    finished(folder, tiny_training())
    folder.write_summary({"examples": 75})  # killed before the summary was whole
    before, opened = folder.model_file.read_bytes(), model_file.open_regular

    def stale(path):
        if path == folder.model_file:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return opened(path)

    monkeypatch.setattr(model_file, "open_regular", stale)
    with pytest.raises(ModelFileError, match=r"Cannot read .*model.safetensors: Stale file handle"):
        resumed(folder.path)
    assert folder.model_file.read_bytes() == before
    monkeypatch.undo()
    same_bytes(resumed(folder.path), whole)


def test_what_was_labelled_and_tested_is_not_done_again(tmp_path, monkeypatch):
    folder = tiny_run(tmp_path / "run")
    summary = folder.read_summary()
    folder.write_summary({name: value for name, value in summary.items() if name != "finished"})
    monkeypatch.setattr("engram.runs.label_neurons", None)
    assert resumed(folder.path).read_summary() == summary


def test_model_of_another_state_is_replaced(tmp_path, whole):
    folder = stopped_run(tmp_path / "run", 50)
    folder.write_model(load_model(folder.path))  # as an early stop would have left it
    same_bytes(resumed(folder.path), whole)


def test_early_stop_is_remembered(tmp_path, monkeypatch):
    def stop(progress, training):
        if progress.examples == 50:
            training.stop("enough")

    whole = tiny_run(tmp_path / "whole", callbacks=[stop])
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    monkeypatch.setattr("engram.runs.label_neurons", None)
    with pytest.raises(TypeError):
        finished(folder, tiny_training(), callbacks=[stop])
    monkeypatch.undo()
    same_bytes(resumed(folder.path), whole)
    assert folder.read_summary()["stopped"] == "enough"


# Signals


@pytest.mark.parametrize("examples", [25, 75])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_while_learning_stops_with_the_state_saved(whole, tmp_path, name, examples):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)

    def send(progress, _):
        if progress.examples == examples:
            os.kill(os.getpid(), getattr(signal, name))

    with pytest.raises(Interrupted):
        finished(folder, tiny_training(), RunOptions(figures=False), callbacks=[send])
    assert [file.name for file in folder.checkpoint_files()] == [f"{examples:012d}.safetensors"]
    same_bytes(resumed(folder.path), whole)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("stage", ["labelling", "testing", "figures"])
def test_signal_while_labelling_testing_or_drawing_stops_and_costs_nothing(whole, tmp_path, monkeypatch, name, stage):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)

    class Send(Callback):
        def on_count(self, what, done, total):
            if what == stage:
                os.kill(os.getpid(), getattr(signal, name))

    def draw(*_):
        os.kill(os.getpid(), getattr(signal, name))

    monkeypatch.setattr("engram.run_figures.draw_run", draw)
    with pytest.raises(Interrupted):
        finished(folder, tiny_training(), RunOptions(), callbacks=[Send()])
    assert not folder.is_finished
    same_bytes(resumed(folder.path), whole)
    assert folder.is_finished


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_while_code_is_compiled_stops_at_once_and_the_run_can_begin(whole, tmp_path, monkeypatch, name):
    def compiling(training):
        os.kill(os.getpid(), getattr(signal, name))
        raise AssertionError("the signal was not heard")

    monkeypatch.setattr(Training, "prepare", compiling)
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    with pytest.raises(Interrupted):
        finished(folder, tiny_training())
    monkeypatch.undo()
    same_bytes(resumed(folder.path), whole)


def test_several_signals_of_a_closing_terminal_count_as_one(whole, tmp_path):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)

    def send(progress, _):
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted):
        finished(folder, tiny_training(), callbacks=[send])
    same_bytes(resumed(folder.path), whole)


def test_signals_that_are_ignored_stay_ignored(tmp_path):
    """As ``nohup`` starts a process."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        folder = tiny_run(tmp_path / "run", callbacks=[lambda *_: os.kill(os.getpid(), signal.SIGHUP)])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert folder.is_finished


def test_handlers_are_what_they_were_after_a_run(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    tiny_run(tmp_path / "run")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


# Rules of one's own


@pytest.fixture
def hebb(tmp_path):
    file = tmp_path / "rules" / "my_rule.py"
    file.parent.mkdir()
    file.write_text(textwrap.dedent(HEBB.format(eta=0.01)))
    return file


def hebb_run(path, hebb, examples=50):
    name = f"{hebb}:Hebb"
    config = replace(CONFIG, rule=name, constants={"w_max": 5.0})
    return stopped_run(path, examples, config, rule=make_rule(name, config.constants))


def test_resuming_never_runs_the_file_that_the_folder_names(tmp_path, hebb):
    folder = hebb_run(tmp_path / "run", hebb)
    hebb.write_text("raise SystemExit('the file was run')")
    with pytest.raises(ConfigError, match="a file that would be run; if you trust that file, name it again"):
        resume_run(folder, dataset=tiny_dataset())
    assert not folder.is_held


def test_rule_that_is_named_again_goes_on(tmp_path, hebb):
    folder = resumed(hebb_run(tmp_path / "run", hebb).path, rule=f"{hebb}:Hebb")
    assert folder.is_finished
    assert load_model(folder.path).rule_record == {
        "rule": "my_rule.py:Hebb",
        "constants": {"w_min": 0.0, "w_max": 5.0, "normalization": "none", "eta_decay": 1.0, "eta": 0.01},
    }


def test_rule_file_may_have_moved_but_not_changed(tmp_path, hebb):
    folder = hebb_run(tmp_path / "run", hebb)
    moved = hebb.rename(tmp_path / "elsewhere.py")
    with pytest.raises(ConfigError, match="is of another configuration"):  # its name is part of what a model keeps
        resumed(folder.path, rule=f"{moved}:Hebb")
    moved = moved.rename(tmp_path / "my_rule.py")
    assert resumed(folder.path, rule=f"{moved}:Hebb").is_finished


def test_rule_file_that_changed_meanwhile_is_refused_with_both_digests(tmp_path, hebb):
    folder = hebb_run(tmp_path / "run", hebb)
    before = content(folder)
    text = hebb.read_text()
    hebb.write_text(text.replace("w + eta * x_pre", "w - eta * x_pre"))
    with pytest.raises(ConfigError, match=r"its SHA-256 was [0-9a-f]{64}, now [0-9a-f]{64}; put the file back"):
        resumed(folder.path, rule=f"{hebb}:Hebb")
    assert content(folder) == before
    hebb.write_text(text)
    assert resumed(folder.path, rule=f"{hebb}:Hebb").is_finished


def test_neighbour_of_a_rule_file_that_changed_is_refused_too(tmp_path, hebb):
    neighbour = hebb.with_name("my_neighbour.py")
    neighbour.write_text("GAIN = 1.0\n")
    hebb.write_text("import my_neighbour\n" + hebb.read_text())
    folder = hebb_run(tmp_path / "run", hebb)
    sys.modules.pop("my_neighbour")
    neighbour.write_text("GAIN = 2.0\n")
    hebb.write_text(hebb.read_text())
    for name in [name for name in sys.modules if name.startswith("_engram_own_")]:
        del sys.modules[name]  # as in a new process
    with pytest.raises(ConfigError, match="its SHA-256 was"):
        resumed(folder.path, rule=f"{hebb}:Hebb")
    sys.modules.pop("my_neighbour")


def test_another_rule_than_the_run_s_is_refused(tmp_path, hebb):
    folder = hebb_run(tmp_path / "run", hebb)
    with pytest.raises(ConfigError, match=r"learns by the rule .*my_rule\.py:Hebb, not triplet"):
        resume_run(folder, rule="triplet")
    built_in = stopped_run(tmp_path / "other", 25)
    with pytest.raises(ConfigError, match="learns by the rule self_normalizing, not triplet"):
        resume_run(built_in, rule="triplet")


# Going on from a finished run


def test_finished_run_goes_on_in_another(tmp_path, whole):
    start = load_model(whole.path)
    config = TrainingConfig.from_model(start, examples=50, constants={"eta": 0.05}, start=str(whole.path))
    folder = RunFolder(tmp_path / "more")
    before = content(whole)
    start_run(folder, config, overwrite=False, start=start)
    finished(folder, tiny_training(config, start=start))
    model = load_model(folder.path)
    assert (model.examples, folder.read_summary()["examples"]) == (125, 50)
    assert model.presentations == start.presentations + 50
    assert model.rule.eta == 0.05
    assert not np.array_equal(model.weights, start.weights)
    assert content(whole) == before


@pytest.mark.parametrize("examples", [None, 25])
def test_run_that_went_on_from_another_resumes_like_any(tmp_path, whole, examples):
    start = load_model(whole.path)
    config = TrainingConfig.from_model(start, start=str(whole.path))
    folder, other = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    start_run(folder, config, overwrite=False, start=start)
    finished(folder, tiny_training(config, start=start))
    if examples is None:
        start_run(other, config, overwrite=False, start=start)
        other.release()
    else:
        stopped_run(other.path, examples, config, start=start)
    same_bytes(resumed(other.path), folder)


def test_model_of_another_size_cannot_go_on(whole):
    start = load_model(whole.path)
    with pytest.raises(ConfigError, match="only in a network of the same size, 9 inputs and 4 neurons"):
        Training(replace(CONFIG, neurons=5), tiny_dataset(), kernel="reference", start=start)


def test_run_folder_is_not_taken_twice(tmp_path):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    try:
        with pytest.raises(RunFolderError, match=f"is held by process {os.getpid()} on"):
            resume_run(RunFolder(folder.path), dataset=tiny_dataset())
    finally:
        folder.release()


def test_training_can_go_on_after_a_full_disk(tmp_path, whole, monkeypatch):
    folder, training = RunFolder(tmp_path / "run"), tiny_training()
    start_run(folder, CONFIG, overwrite=False)
    full = [False]
    real = os.write

    def write(descriptor, content):
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", write)

    def fill(progress, _):
        full[0] = progress.examples == 50

    with pytest.raises(RunFolderError, match="No space left on device; free some space"):
        run_training(folder, training, QUIET, [fill])
    full[0] = False
    finished(folder, training)
    same_bytes(folder, whole)


def test_clock_of_the_past_changes_nothing(tmp_path, whole, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 86_400.0)  # 1970, before what zip archives can name
    same_bytes(tiny_run(tmp_path / "run"), whole)


@pytest.mark.parametrize(
    ("rule", "constants", "kept"),
    [
        ("triplet", {"normalization": "l1"}, 78.4),
        ("triplet", {"normalization": "l2"}, None),
        ("self_normalizing", {"norm": "l1", "a_tar": 0.2}, 156.8),
        ("self_normalizing", {"norm": "l2"}, None),
        ("pair", {}, None),
    ],
)
def test_a_sum_is_marked_as_the_target_only_where_the_rule_keeps_one(rule, constants, kept):
    rule = make_rule(rule, constants)
    model = replace(load_model("mnist-100"), rule=rule, rule_record=rule_record(rule))
    assert _kept_sum(model) == (kept if kept is None else pytest.approx(kept))


@pytest.mark.parametrize(("normalization", "kept"), [("l1", 78.4), ("none", None)])
def test_a_rule_whose_file_is_not_named_keeps_the_sum_that_its_record_tells(normalization, kept):
    record = {"rule": "mine.py:Mine", "constants": {"eta": 0.1, "normalization": normalization}}
    model = replace(load_model("mnist-100"), rule=None, rule_record=record)
    assert _kept_sum(model) == (kept if kept is None else pytest.approx(kept))


def training_of_a_set():
    data = tiny_dataset()
    images = TrainingSet(data.train_images, data.train_labels, (0, 1), data.image_shape)
    return Training(CONFIG, images, kernel="reference")


def test_without_test_images_an_evaluation_is_refused_before_anything_is_learned(tmp_path):
    start_run(folder := RunFolder(tmp_path / "run"), CONFIG, overwrite=False)
    training = training_of_a_set()
    with pytest.raises(ConfigError, match=r"no images to test on in a TrainingSet; .* RunOptions\(evaluate=False\)"):
        finished(folder, training)
    assert training.examples == 0


def test_a_run_of_a_training_set_alone_ends_and_draws_what_it_has(tmp_path):
    start_run(folder := RunFolder(tmp_path / "run"), CONFIG, overwrite=False)
    finished(folder, training_of_a_set(), RunOptions(evaluate=False))
    assert folder.is_finished
    assert (folder.figures / "receptive_fields.png").exists()


@pytest.mark.parametrize("is_held", [True, False])
def test_figures_of_a_run_are_drawn_whether_or_not_another_process_takes_it(whole, tmp_path, monkeypatch, is_held):
    folder = RunFolder(shutil.copytree(whole.path, tmp_path / "run"))
    taken = RunFolder(folder.path)
    if is_held:
        taken.acquire()
        monkeypatch.setattr(RunFolder, "is_held", False)  # as it was a moment ago
    held = []
    monkeypatch.setattr(run_figures, "draw_run", lambda folder, *_: held.append(folder._lock is not None))
    run_figures.draw_again(folder)
    assert held == [not is_held]
    taken.release()
    RunFolder(folder.path).acquire()
