"""Runs that are interrupted, killed or shared lose nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from engram.run_folder import RunFolder
from forked import Forked, finished

RUN = (
    "--neurons", "30", "--examples", "600", "--label-examples", "150", "--test-examples", "40",
    "--no-figures", "--quiet", "--checkpoint-seconds", "0.02",
)  # fmt: skip
QUIETLY = ("--no-figures", "--quiet")
COMPARED = ("model.safetensors", "metrics.jsonl")


CALLS = 150_000
"""Of functions, about so many while a run learns."""

CTRL_C = """
import os, signal, sys
from engram.cli import main
from engram.training import Training

def learn_block(training):
    progress = learn(training)
    if progress.examples == 250:
        os.kill(os.getpid(), signal.SIGINT)
    return progress

learn, Training.learn_block = Training.learn_block, learn_block
main(["train", *sys.argv[1:]])
"""
"""A command that a person ends at that image, however fast it is."""


def finish(*arguments):
    return finished("train", *arguments)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    code, _, err = finish(*RUN, "--out", folder)
    assert code == 0, err
    return folder


def assert_same_run(folder, other):
    for name in COMPARED:
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def test_killed_runs_end_like_uninterrupted_ones(uninterrupted, tmp_path):
    """Kills at random moments, some while a checkpoint is written, over as many runs as they take."""
    moments = random.Random(0)
    kills = runs = 0
    while kills < 10:
        folder = tmp_path / f"run-{runs}"
        process = Forked("train", *RUN, "--out", folder, killed_after=moments.randrange(1, CALLS))
        _, err = process.communicate(timeout=300)
        while process.returncode == -signal.SIGKILL:
            kills += 1
            how = ("--resume", folder, *QUIETLY, "--checkpoint-seconds", "0.02")
            process = Forked("train", *how, killed_after=moments.randrange(1, CALLS))
            _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert_same_run(folder, uninterrupted)
        shutil.rmtree(folder)
        runs += 1
    assert runs > 1


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    arguments = [*[a for a in RUN if a != "--quiet"], "--out", str(folder)]
    ended = subprocess.run([sys.executable, "-c", CTRL_C, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert "Stopped after 250 of 600 images; everything is saved" in ended.stderr
    assert f"engram train --resume {folder}" in ended.stderr
    assert finish("--resume", folder, *QUIETLY)[0] == 0
    assert_same_run(folder, uninterrupted)


def test_resuming_a_finished_run_changes_nothing(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(uninterrupted, folder)
    assert finish("--resume", folder, *QUIETLY)[0] == 0
    assert_same_run(folder, uninterrupted)


def copy_unfinished(run, folder):
    """A run as a kill at its very end leaves it."""
    shutil.copytree(run, folder)
    (folder / "summary.json").unlink()


def test_only_the_last_two_checkpoints_are_kept(uninterrupted):
    assert len(RunFolder(uninterrupted).checkpoint_files()) == 2


def test_damaged_checkpoint_is_refused_and_the_one_before_offered(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    copy_unfinished(uninterrupted, folder)
    older, newest = RunFolder(folder).checkpoint_files()
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    code, _, err = finish("--resume", folder, *QUIETLY)
    assert code == 1
    assert "is damaged: its content does not match its digest" in err
    assert f"resume from it with --checkpoint {older}" in err
    assert finish("--resume", folder, "--checkpoint", older, *QUIETLY)[0] == 0
    assert_same_run(folder, uninterrupted)


def test_truncated_checkpoint_is_refused(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    copy_unfinished(uninterrupted, folder)
    newest = RunFolder(folder).checkpoint_files()[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    code, _, err = finish("--resume", folder, "--quiet")
    assert code == 1
    assert "The previous checkpoint is good" in err


def test_checkpoint_of_another_configuration_is_refused(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    copy_unfinished(uninterrupted, folder)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("seed = 0", "seed = 1"))
    code, _, err = finish("--resume", folder, "--quiet")
    assert code == 2
    assert "is of another configuration; resume with the options of that run" in err


def test_second_process_is_told_who_holds_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.acquire()
    try:
        code, _, err = finish(*RUN, "--out", folder.path)
    finally:
        folder.release()
    assert code == 1
    assert f"is held by process {os.getpid()} on" in err


def test_lock_of_a_dead_process_does_not_block(tmp_path):
    holder = (
        "import os, sys; from engram.run_folder import RunFolder\n"
        "RunFolder(sys.argv[1]).acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", holder, str(tmp_path / "run")], check=False)
    assert (tmp_path / "run" / ".lock").exists()
    folder = RunFolder(tmp_path / "run")
    folder.acquire()
    folder.release()
