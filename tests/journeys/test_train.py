"""``engram train`` as a user meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engram import load_model
from engram.config import TrainingConfig
from journeys.conftest import SMALL


def weights_of(folder):
    return load_model(folder).weights


def test_run_folder_holds_everything(trained_run):
    names = {path.name for path in trained_run.iterdir() if not path.name.startswith(".")}
    assert names == {
        "checkpoints",
        "config.toml",
        "figures",
        "metrics.jsonl",
        "model.safetensors",
        "summary.json",
    }
    drawn = {path.name for path in (trained_run / "figures").iterdir()}
    figures = ("receptive_fields", "learning_curve", "weights_and_theta", "network", "raster", "input", "confusion")
    assert drawn == {f"{name}.{suffix}" for name in figures for suffix in ("png", "svg")}


def test_summary_has_the_run_s_figures(trained_run):
    summary = json.loads((trained_run / "summary.json").read_text())
    assert summary["examples"] == 150
    assert summary["presentations"] >= 150
    assert summary["seconds"] > 0
    assert summary["examples_per_second"] == pytest.approx(150 / summary["seconds"])
    assert set(summary["l1_norm"]) == {"mean", "sd"}
    assert set(summary["accuracy"]) == {"mean", "proportion", "logistic"}


def test_learning_curve_counts_up_to_the_last_image(trained_run):
    metrics = [json.loads(line) for line in (trained_run / "metrics.jsonl").read_text().splitlines()]
    assert [record["examples"] for record in metrics] == sorted(record["examples"] for record in metrics)
    assert metrics[-1]["examples"] == 150


def test_small_network_learns_digits(engram, tmp_path):
    code, out, _ = engram("train", "--neurons", 100, "--epochs", 3, "--out", tmp_path / "r", "--json", "--no-figures")
    assert code == 0
    assert json.loads(out)["accuracy"]["mean"] > 0.8


def test_same_seed_gives_the_same_bytes(engram, tmp_path, trained_run):
    engram("train", *SMALL, "--out", tmp_path / "again", "--quiet", "--no-figures", "--threads", 1)
    for name in ("model.safetensors", "metrics.jsonl", "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (trained_run / name).read_bytes()


def test_another_seed_gives_other_weights(engram, tmp_path, trained_run):
    engram("train", *SMALL, "--seed", 1, "--out", tmp_path / "other", "--quiet", "--no-evaluate", "--no-figures")
    assert not np.array_equal(weights_of(tmp_path / "other"), weights_of(trained_run))


def test_kept_configuration_reproduces_the_run(engram, tmp_path, trained_run):
    engram("train", "--config", trained_run / "config.toml", "--out", tmp_path / "r", "--quiet", "--no-figures")
    assert (tmp_path / "r/model.safetensors").read_bytes() == (trained_run / "model.safetensors").read_bytes()


def test_options_on_the_command_line_win_over_the_file(engram, tmp_path, trained_run):
    engram(
        "train", "--config", trained_run / "config.toml", "--epochs", 1, "--neurons", 3, "--set", "eta=0.05",
        "--set", "network.theta_plus=0.1", "--out", tmp_path / "r", "--quiet", "--no-evaluate", "--no-figures",
    )  # fmt: skip
    kept = TrainingConfig.from_toml(tmp_path / "r/config.toml")
    assert (kept.epochs, kept.examples, kept.neurons) == (1, None, 3)
    assert kept.constants == {"eta": 0.05}
    assert kept.network == {"theta_plus": 0.1}


def test_triplet_rule_normalizes_weights(engram, tmp_path):
    code, _, _ = engram(
        "train", "--preset", "paper", "--rule", "triplet", *SMALL, "--out", tmp_path / "r", "--quiet", "--no-figures"
    )
    assert code == 0
    norm = weights_of(tmp_path / "r").sum(axis=0)
    assert np.all(np.abs(norm - 78.4) < 4)


def test_folder_with_a_run_is_refused(engram, trained_run):
    before = (trained_run / "model.safetensors").read_bytes()
    code, _, err = engram("train", *SMALL, "--out", trained_run)
    assert code == 1
    assert "already holds a run; continue it with --resume, replace it with --overwrite" in err
    assert (trained_run / "model.safetensors").read_bytes() == before


def test_overwrite_replaces_a_run_and_nothing_else(engram, tmp_path, trained_run):
    folder = tmp_path / "r"
    shutil.copytree(trained_run, folder)
    (folder / "notes.txt").write_text("mine")
    code, _, _ = engram("train", *SMALL, "--seed", 5, "--out", folder, "--overwrite", "--quiet", "--no-figures")
    assert code == 0
    assert load_model(folder).seed == 5
    assert (folder / "notes.txt").read_text() == "mine"


def test_quiet_prints_nothing(engram, tmp_path):
    code, out, err = engram("train", *SMALL, "--out", tmp_path / "r", "--quiet", "--no-evaluate", "--no-figures")
    assert (code, out, err) == (0, "", "")


def test_default_folders_are_counted_up(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        engram("train", *SMALL, "--quiet", "--no-evaluate", "--no-figures")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["digits-1", "digits-2"]


BAD_OPTIONS = {
    ("--neurons", 0): "neurons must be a whole number of at least 1, got 0.",
    ("--dt", 0): "dt must be positive, got 0.0 ms.",
    ("--dt", -0.5): "dt must be positive, got -0.5 ms.",
    ("--dt", "nan"): "dt must be a finite number, got nan ms.",
    (
        "--dt",
        1.5,
    ): "dt must not exceed the shortest time constant (1.0 ms), got 1.5 ms; choose a smaller step.",
    ("--rule", "hebb"): "'hebb'",
    ("--integrator", "rk4"): "integrator must be one of exponential_euler, euler, got 'rk4'.",
    ("--set", "eta=-1"): "eta must be positive, got -1.0.",
    ("--set", "lambda=1"): "SelfNormalizing has no constant 'lambda'; it has",
    ("--set", "network.size=1"): "The network has no option 'size'; it has",
    ("--input-gain", "loud"): "input_gain must be a number or auto, got 'loud'.",
    ("--dataset", "nowhere"): "'nowhere' is neither a data set nor an existing path",
    ("--epochs", 1, "--examples", 5): "Give epochs or examples, not both",
    ("--examples", 0): "examples must be a whole number of at least 1, got 0.",
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.items(), ids=lambda v: str(v)[:40])
def test_bad_option_is_told_in_one_sentence_and_leaves_nothing(engram, tmp_path, options, message):
    code, out, err = engram("train", *options, "--out", tmp_path / "r")
    assert code in (1, 2)
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "r").exists()


def test_unknown_rule_says_which_exist(engram, tmp_path):
    _, _, err = engram("train", "--rule", "hebb", "--out", tmp_path / "r")
    assert "self_normalizing" in err
    assert "triplet" in err


def test_debug_shows_the_traceback(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "engram", "train", "--neurons", "0", "--debug", "--out", str(tmp_path / "r")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in result.stderr
    assert "ConfigError" in result.stderr


def test_bad_configuration_files_are_told(engram, tmp_path):
    file = tmp_path / "c.toml"
    for text, message in {
        "neurons = ": "is not valid TOML",
        "neurons = 'many'": "neurons must be a whole number of at least 1, got 'many'.",
        "neurones = 5": "A run has no option 'neurones' (did you mean neurons?); it has dataset",
        "dt = inf": "dt must be a finite number, got inf ms.",
        "constants = 5": "constants must be a table, got 5.",
    }.items():
        file.write_text(text)
        code, _, err = engram("train", "--config", file, "--out", tmp_path / "r")
        assert code == 2
        assert message in err
    code, _, err = engram("train", "--config", tmp_path / "absent.toml", "--out", tmp_path / "r")
    assert code == 2
    assert "No such file" in err


def test_unwritable_folder_is_told(engram, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, _, err = engram("train", *SMALL, "--out", tmp_path / "r")
    assert code == 1
    assert f"Cannot make the folder {tmp_path / 'r'}: Permission denied; choose another folder with --out." in err


def test_file_in_place_of_the_folder_is_told(engram, tmp_path):
    (tmp_path / "r").write_text("not a folder")
    code, _, err = engram("train", *SMALL, "--out", tmp_path / "r")
    assert code == 1
    assert "choose another folder with --out" in err


def test_full_disk_is_told_and_leaves_the_last_checkpoint(engram, tmp_path, monkeypatch):
    from engram import files

    folder, real_fsync = tmp_path / "r", os.fsync
    written = []

    def fsync(descriptor):
        written.append(descriptor)
        if len(written) > 6:
            raise OSError(28, "No space left on device")
        return real_fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    code, _, err = engram("train", *SMALL, "--out", folder, "--checkpoint-examples", 25)
    assert code == 1
    assert "No space left on device; free some space" in err
    assert list((folder / "checkpoints").iterdir())
    assert not list(folder.rglob("*.part"))
    monkeypatch.undo()
    code, _, _ = engram("train", "--resume", folder, "--quiet", "--no-figures")
    assert code == 0


def test_forward_euler_warns_when_it_overshoots(engram, tmp_path):
    code, _, err = engram(
        "train", "--preset", "paper", "--integrator", "euler", "--neurons", 60, "--examples", 5,
        "--set", "network.w_inh_exc=250", "--out", tmp_path / "r", "--no-evaluate", "--no-figures",
    )  # fmt: skip
    assert code == 0
    assert "forward Euler passed the bound beyond which it overshoots" in err
    assert json.loads((tmp_path / "r/summary.json").read_text())["euler_overshot"]


def test_arrays_of_one_s_own_are_trained_on(engram, tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 60)
    images = np.zeros((60, 10, 10), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] = random.integers(120, 255, (3, 10))
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    code, out, _ = engram(
        "train", "--dataset", tmp_path / "stripes.npz", "--neurons", 20, "--epochs", 6, "--out", tmp_path / "r",
        "--json", "--no-figures",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["accuracy"]["proportion"] == 1.0


BAD_IMAGES = {
    "nan": (lambda a: a.__setitem__((0, 0), np.nan), "finite"),
    "infinite": (lambda a: a.__setitem__((0, 0), np.inf), "finite"),
    "negative": (lambda a: a.__imul__(-1.0), "negative"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_pixels_are_told(engram, tmp_path, kind):
    spoil, message = BAD_IMAGES[kind]
    images = np.full((10, 49), 100.0)
    spoil(images)
    np.savez(tmp_path / "bad.npz", images=images, labels=np.arange(10) % 2)
    code, _, err = engram("train", "--dataset", tmp_path / "bad.npz", "--out", tmp_path / "r")
    assert code == 1
    assert message in err
    assert not (tmp_path / "r").exists()


def test_one_class_only_is_told(engram, tmp_path):
    np.savez(tmp_path / "one.npz", images=np.full((10, 16), 100.0), labels=np.zeros(10, int))
    code, _, err = engram("train", "--dataset", tmp_path / "one.npz", "--out", tmp_path / "r")
    assert code == 1
    assert "one class" in err


def test_help_answers_without_the_heavy_libraries():
    code = (
        "import sys; from engram.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('numpy', 'numba', 'sklearn', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("[]")


def test_folder_with_other_files_is_refused(engram, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    code, _, err = engram("train", *SMALL, "--out", tmp_path, "--overwrite")
    assert code == 1
    assert "holds other files and no run; choose an empty or new folder with --out" in err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_checkpoint_without_resume_is_told(engram, tmp_path):
    code, _, err = engram("train", "--checkpoint", "c.safetensors", "--out", tmp_path / "r")
    assert code == 2
    assert "--checkpoint is for resuming; give --resume RUN with it" in err


def test_endless_presentations_are_told(engram, tmp_path):
    code, _, err = engram("train", "--set", "protocol.shown=1e12", "--out", tmp_path / "r")
    assert code == 2
    assert "shown must be at most 60,000 ms" in err
    assert not (tmp_path / "r").exists()


def test_the_command_line_answers_before_anything_heavy_is_imported():
    heavy = "{'numpy', 'numba', 'llvmlite', 'matplotlib', 'sklearn'}"
    script = f"import sys, engram.cli; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


def test_too_few_label_images_are_told_before_training(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = engram("train", "--neurons", 4, "--examples", 25, "--label-examples", 1)
    assert code == 2
    assert "raise label_examples (1), or train without labels, --no-evaluate" in err
    assert not (tmp_path / "runs").exists()
    code, _, err = engram(
        "train", "--neurons", 4, "--examples", 25, "--label-examples", 4, "--test-examples", 5, "--no-figures"
    )
    assert code == 0
    assert "the 4 training images that label the neurons have none of class" in err


def test_runs_that_begin_at_once_get_a_folder_each(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from engram.runs import next_folder

    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: next_folder("digits"), range(64)))
    assert sorted(int(folder.name.rpartition("-")[2]) for folder in folders) == list(range(1, 65))
