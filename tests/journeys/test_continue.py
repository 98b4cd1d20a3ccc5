"""Interrupted runs are read as they are, finished ones go on in another run, and none of it runs what a file names."""

import json
import shutil

import numpy as np
import pytest

from engram import load_model
from engram.run_folder import RunFolder
from journeys.conftest import SMALL

TRAP = "raise SystemExit('the file was run')\n"


@pytest.fixture
def interrupted(trained_run, tmp_path):
    """The small run as a kill after its last checkpoint but one would have left it."""
    folder = tmp_path / "interrupted"
    shutil.copytree(trained_run, folder)
    for name in ("model.safetensors", "summary.json"):
        (folder / name).unlink()
    return folder


def content(folder):
    """Every file of a run but its lock, whose time may change."""
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != ".lock"}


HOW_TO_FINISH = "interrupted is not finished (150 of 150 images); finish it with\n  engram train --resume"


def test_info_reads_an_interrupted_run_and_says_how_to_finish_it(engram, interrupted):
    code, out, err = engram("info", interrupted)
    assert code == 0
    assert "150 images of digits" in out
    assert HOW_TO_FINISH in err


def test_evaluate_reads_an_interrupted_run(engram, interrupted, trained_run):
    arguments = ("--label-examples", 200, "--test-examples", 60)
    code, out, err = engram("evaluate", interrupted, *arguments)
    assert code == 0
    assert HOW_TO_FINISH in err
    assert out.splitlines()[0] == engram("evaluate", trained_run, *arguments)[1].splitlines()[0]


def test_figures_of_an_interrupted_run_are_drawn(engram, interrupted):
    shutil.rmtree(interrupted / "figures")
    code, out, err = engram("figures", interrupted)
    assert code == 0
    assert HOW_TO_FINISH in err
    assert (interrupted / "figures" / "learning_curve.png").exists()
    assert "confusion" not in out  # nothing was tested yet


def test_predict_labels_the_neurons_of_an_interrupted_run_first(engram, interrupted, trained_run, tmp_path):
    from engram.datasets import load

    np.save(tmp_path / "one.npy", load("digits").test_images[0].reshape(28, 28))
    code, out, err = engram("predict", interrupted, tmp_path / "one.npy", "--scheme", "mean")
    assert code == 0
    assert "has no labels yet; labelling its neurons from 200 training images first" in err
    assert HOW_TO_FINISH in err
    assert out == engram("predict", trained_run, tmp_path / "one.npy", "--scheme", "mean")[1]


def test_what_is_advised_works(engram, interrupted, trained_run):
    _, _, err = engram("info", interrupted)
    command = err.partition("finish it with\n  engram ")[2].split()
    assert engram(*command, "--no-figures", "--quiet")[0] == 0
    assert (interrupted / "model.safetensors").read_bytes() == (trained_run / "model.safetensors").read_bytes()
    assert engram("info", interrupted)[2] == ""


def test_run_that_is_still_going_is_not_advised_to_be_resumed(engram, interrupted):
    other = RunFolder(interrupted)
    other.acquire()
    try:
        _, _, err = engram("info", interrupted)
    finally:
        other.release()
    assert "it is still running" in err
    assert "--resume" not in err


def test_finished_run_says_so_and_changes_nothing(engram, trained_run):
    before = content(trained_run)
    code, out, err = engram("train", "--resume", trained_run)
    assert (code, err) == (0, "")
    assert "is finished: 150 examples learned from; nothing was changed." in out
    assert f"engram train --from {trained_run}" in out
    assert content(trained_run) == before


def test_finished_run_goes_on_from_the_command_line(engram, trained_run, tmp_path):
    before = content(trained_run)
    code, _, err = engram(
        "train", "--from", trained_run, "--examples", 50, "--set", "eta=0.05", "--out", tmp_path / "more",
        "--quiet", "--no-figures",
    )  # fmt: skip
    assert (code, err) == (0, "")
    model, start = load_model(tmp_path / "more"), load_model(trained_run)
    assert model.examples == 200
    assert model.config["constants"]["eta"] == 0.05
    assert model.input_gain == start.input_gain
    assert not np.array_equal(model.weights, start.weights)
    assert content(trained_run) == before
    kept = tmp_path / "more" / "config.toml"
    engram("train", "--config", kept, "--out", tmp_path / "again", "--quiet", "--no-figures")
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "more" / name).read_bytes(), name


def test_shipped_model_goes_on_with_other_images(engram, tmp_path):
    code, _, err = engram("train", "--from", "mnist-100", "--dataset", "digits", "--examples", 25, "--no-evaluate",
                          "--out", tmp_path / "r", "--quiet", "--no-figures")  # fmt: skip
    assert (code, err) == (0, "")
    assert load_model(tmp_path / "r").examples == load_model("mnist-100").examples + 25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "mnist-100", "--config", "c.toml"), "Give --config FILE or --from RUN|MODEL, not both"),
        (("--from", "mnist-100", "--dataset", "digits", "--neurons", 5), "only in a network of the same size"),
        (("--from", "nowhere"), "Cannot read nowhere"),
        (("--resume", "r", "--seed", 5), "A resumed run keeps its own options"),
        (("--resume", "nowhere"), "holds no run to resume"),
    ],
)
def test_what_cannot_go_on_is_told(engram, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = engram("train", *options)
    assert code in (1, 2)
    assert message in err
    assert out == ""


# What a folder or a file names is never run


def test_configuration_from_elsewhere_runs_nothing(engram, tmp_path):
    (tmp_path / "trap.py").write_text(TRAP)
    (tmp_path / "c.toml").write_text(f"rule = '{tmp_path / 'trap.py'}:Rule'\n")
    code, _, err = engram("train", "--config", tmp_path / "c.toml", "--out", tmp_path / "r")
    assert code == 2
    assert "a file that would be run; if you trust that file, name it again with --rule" in err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("command", ["train --resume", "evaluate", "info", "figures", "train --from"])
def test_run_folder_from_elsewhere_runs_nothing(engram, trained_run, tmp_path, command):
    """Whatever its options, its model and its checkpoints name."""
    from dataclasses import replace

    from engram.model_file import save_model

    folder, rule = tmp_path / "r", f"{tmp_path / 'trap.py'}:Rule"
    (tmp_path / "trap.py").write_text(TRAP)
    shutil.copytree(trained_run, folder)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('rule = "self_normalizing"', f"rule = '{rule}'"))
    assert rule in config.read_text()
    model = load_model(folder)
    record = {"rule": rule, "constants": {}}
    save_model(replace(model, rule=None, rule_record=record, config={**model.config, "rule": rule}),
               folder / "model.safetensors")  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({k: v for k, v in summary.items() if k != "finished"}))
    code, _, err = engram(*command.split(), folder)
    assert "the file was run" not in err
    assert code in (0, 1, 2)
    if command.startswith("train"):
        assert code == 2
        assert "--rule" in err


def test_rule_of_one_s_own_is_named_again_to_resume(engram, tmp_path):
    import textwrap

    file = tmp_path / "my_rule.py"
    file.write_text(
        textwrap.dedent("""
        from dataclasses import dataclass
        from engram import LearningRule

        @dataclass(frozen=True, kw_only=True)
        class Still(LearningRule):
            def on_post(w):
                return w
        """)
    )
    arguments = ("--rule", f"{file}:Still")
    engram("train", *arguments, *SMALL, "--out", tmp_path / "r", "--quiet", "--no-evaluate", "--no-figures")
    (tmp_path / "r" / "summary.json").unlink()
    _, _, err = engram("info", tmp_path / "r")
    assert "--rule path/to/my_rule.py:Still" in err
    assert engram("train", "--resume", tmp_path / "r", "--quiet", "--no-figures")[0] == 2
    assert engram("train", "--resume", tmp_path / "r", *arguments, "--quiet", "--no-figures")[0] == 0


@pytest.mark.parametrize("stage", ["engram.runs.label_neurons", "engram.runs.measure_accuracy"])
def test_ctrl_c_after_training_says_what_is_saved_and_how_to_go_on(engram, tmp_path, trained_run, monkeypatch, stage):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, press)
    code, _, err = engram("train", *SMALL, "--out", tmp_path / "r", "--no-figures")
    assert code == 130
    assert "Stopped after training, before all was labelled, tested and drawn; everything learned is saved." in err
    assert f"engram train --resume {tmp_path / 'r'}" in err
    monkeypatch.undo()
    assert engram("train", "--resume", tmp_path / "r", "--quiet", "--no-figures")[0] == 0
    assert (tmp_path / "r/model.safetensors").read_bytes() == (trained_run / "model.safetensors").read_bytes()


def test_ctrl_c_while_figures_are_drawn_says_how_to_go_on(engram, trained_run, monkeypatch):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("engram.run_figures.draw_run", press)
    code, _, err = engram("figures", trained_run)
    assert code == 130
    assert f"the figures drawn so far are whole. Go on with\n  engram figures {trained_run}" in err
