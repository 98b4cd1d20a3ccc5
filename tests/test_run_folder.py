"""A run's folder: who holds it, what is written where, and the true cause when it cannot be."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from engram import model_file, run_folder
from engram.errors import HeldError, ModelFileError, RunFolderError
from engram.files import read_regular
from engram.model_file import load_model
from engram.run_folder import RunFolder
from engram.runs import run_training, start_run
from tiny import CONFIG, QUIET, tiny_dataset, tiny_run, tiny_training


def test_a_folder_of_runs_names_some_of_them(tmp_path):
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text("neurons = 5\n")
    for read, error in ((load_model, ModelFileError), (lambda path: RunFolder(path).read_options(), RunFolderError)):
        with pytest.raises(error, match=rf"give one of its runs: {re.escape(str(tmp_path / 'a'))}, .*c, …\."):
            read(tmp_path)


def test_link_in_place_of_the_lock_is_refused_and_its_target_kept(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(RunFolderError, match=r"\.lock is no regular file; remove it"):
        RunFolder(tmp_path / "run").acquire()
    assert (tmp_path / "precious").read_text() == "mine"


def test_link_to_a_device_in_place_of_the_model_takes_no_memory(tmp_path):
    folder = RunFolder(tmp_path)
    folder.model_file.symlink_to("/dev/zero")
    from engram import load_model

    with pytest.raises(ModelFileError, match="it is no regular file"):
        load_model(folder.path)


def test_link_to_a_device_in_place_of_a_checkpoint_takes_no_memory(tmp_path):
    folder = tiny_run(tmp_path / "run")
    newest = folder.checkpoint_files()[-1]
    newest.unlink()
    newest.symlink_to("/dev/zero")
    with pytest.raises(ModelFileError, match=r"it is no regular file.*The previous checkpoint is good"):
        folder.read_checkpoint()


@pytest.mark.parametrize("name", ["summary.json", "metrics.jsonl"])
def test_pipes_in_place_of_records_do_not_wait(tmp_path, name):
    os.mkfifo(tmp_path / name)
    folder = RunFolder(tmp_path)
    with pytest.raises(RunFolderError, match="it is no regular file"):
        folder.read_summary() if name == "summary.json" else folder.read_metrics()


def test_large_sparse_file_is_refused_by_its_first_bytes(tmp_path):
    import tracemalloc

    from engram import load_model

    with (tmp_path / "m").open("wb") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="is not a model file"):
        load_model(tmp_path / "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_leftovers_of_a_killed_process_are_swept_away(tmp_path):
    folder = tiny_run(tmp_path / "run")
    left = [folder.path / ".model.safetensors.0123.part", folder.checkpoints / ".x.part"]
    for file in left:
        file.write_bytes(b"half")
    (folder.path / "mine.part").write_text("mine")
    folder.sweep()
    assert not any(file.exists() for file in left)
    assert (folder.path / "mine.part").exists()


def test_folder_that_is_moved_while_it_is_used_is_told_and_nothing_written_elsewhere(tmp_path):
    folder, training = RunFolder(tmp_path / "run"), tiny_training()
    start_run(folder, CONFIG, overwrite=False)

    def move(progress, _):
        if progress.examples == 50:
            (tmp_path / "run").rename(tmp_path / "elsewhere")
            (tmp_path / "run").mkdir()

    with pytest.raises(RunFolderError, match=r"run was moved, removed or replaced while it was used"):
        run_training(folder, training, QUIET, [move])
    folder.release()
    assert list((tmp_path / "run").iterdir()) == []
    assert [file.name for file in RunFolder(tmp_path / "elsewhere").checkpoint_files()] == ["000000000025.safetensors"]


def test_folder_that_is_deleted_while_it_is_used_is_told(tmp_path):
    folder, training = RunFolder(tmp_path / "run"), tiny_training()
    start_run(folder, CONFIG, overwrite=False)
    with pytest.raises(RunFolderError, match=r"was moved, removed or replaced"):
        run_training(folder, training, QUIET, [lambda *_: shutil.rmtree(tmp_path / "run")])
    folder.release()


@pytest.mark.parametrize("name", ["checkpoints", "figures"])
def test_file_in_place_of_a_folder_is_told(tmp_path, name):
    folder, training = RunFolder(tmp_path / "run"), tiny_training()
    start_run(folder, CONFIG, overwrite=False)
    (folder.path / name).write_text("not a folder")
    from engram.runs import RunOptions

    with pytest.raises(RunFolderError, match=rf"{name} is a file, not a folder; move it away"):
        run_training(folder, training, RunOptions(checkpoint_examples=25, evaluate=False))
    folder.release()


def test_full_disk_while_the_folder_for_checkpoints_is_made_is_told(tmp_path, monkeypatch):
    folder, training = RunFolder(tmp_path / "run"), tiny_training()
    start_run(folder, CONFIG, overwrite=False)
    real = os.mkdir

    def mkdir(path, *args, **options):
        if str(path).endswith("checkpoints"):
            raise OSError(28, "No space left on device")
        real(path, *args, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(RunFolderError, match="No space left on device; free some space"):
        run_training(folder, training, QUIET)
    folder.release()


@pytest.mark.parametrize("length", [256, 5000])
def test_names_that_are_too_long_are_told(tmp_path, length):
    folder = RunFolder(tmp_path / ("n" * length))
    with pytest.raises(RunFolderError, match="File name too long"):
        start_run(folder, CONFIG, overwrite=False)
    from engram import load_model

    with pytest.raises(ModelFileError, match="File name too long"):
        load_model(folder.path)


def test_who_only_looks_whether_a_folder_is_held_keeps_nobody_from_it(tmp_path, monkeypatch):
    looking, folder, waited = FileLock(tmp_path / ".lock"), RunFolder(tmp_path), []
    looking.acquire()
    monkeypatch.setattr(run_folder, "_GLANCE", 60.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: (waited.append(seconds), looking.release()))
    folder.acquire()
    assert len(waited) == 1
    assert folder.is_held
    folder.release()


@pytest.mark.parametrize("before", [True, False])
def test_folder_that_one_run_gives_up_is_held_by_one_alone_of_those_that_want_it(tmp_path, monkeypatch, before):
    """The next one takes it as soon as what marked it as held is gone, or when it is let go."""
    first, second, unlock = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run"), RunFolder._unlock

    def unlock_and_let_the_other_begin(folder):
        if folder is first and before:
            second.acquire()
        unlock(folder)
        if folder is first and not before:
            second.acquire()

    def fail(folder, config):
        raise RunFolderError("the disk is full")

    monkeypatch.setattr(RunFolder, "_unlock", unlock_and_let_the_other_begin)
    monkeypatch.setattr(RunFolder, "write_config", fail)
    with pytest.raises(RunFolderError, match="the disk is full"):
        start_run(first, CONFIG, overwrite=False)
    with pytest.raises(HeldError, match=f"is held by process {os.getpid()}"):
        RunFolder(tmp_path / "run").acquire()
    second.release()


def test_folder_that_is_removed_while_another_waits_for_it_is_made_again(tmp_path, monkeypatch):
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    first.acquire()
    with monkeypatch.context() as patched:
        patched.setattr(run_folder, "_GLANCE", 60.0)
        patched.setattr(time, "sleep", lambda seconds: first.abandon())
        second.acquire()
    with pytest.raises(HeldError, match=f"is held by process {os.getpid()}"):
        RunFolder(tmp_path / "run").acquire()
    second.abandon()
    assert not (tmp_path / "run").exists()


def test_run_that_begins_while_another_looks_is_not_taken_for_other_files(tmp_path, monkeypatch):
    held, iterdir = RunFolder(tmp_path / "run"), type(tmp_path).iterdir

    def begin_and_list(path):
        if path == held.path and not held.config_file.exists():
            held.acquire()
            held.write_config(CONFIG)
        return iterdir(path)

    monkeypatch.setattr(type(tmp_path), "iterdir", begin_and_list)
    with pytest.raises(HeldError):
        start_run(RunFolder(tmp_path / "run"), CONFIG, overwrite=False)
    held.release()


def test_holder_says_where_it_runs_without_the_system_s_uname(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "uname")
    folder = RunFolder(tmp_path / "run")
    folder.acquire()
    who = json.loads(read_regular(folder.path / ".holder.json", 1000))
    folder.release()
    assert who["pid"] == os.getpid()
    assert isinstance(who["host"], str)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"pid": [1], "host": 5}', b'{"pid": 1}', b"\xff", b"9" * 9999])
def test_note_of_the_holder_that_is_damaged_costs_only_its_name(tmp_path, content):
    folder = RunFolder(tmp_path / "run")
    folder.acquire()
    try:
        (folder.path / ".holder.json").write_bytes(content)
        with pytest.raises(RunFolderError, match="is held by another process; wait until it is done"):
            RunFolder(tmp_path / "run").acquire()
    finally:
        folder.release()


def test_folder_where_nothing_can_be_written_is_told_whoever_held_it_once(tmp_path):
    """As a user who is not root: a stale note of a holder is not taken for the cause."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").write_text("")
    (folder / ".holder.json").write_text('{"pid": 1, "host": "long-gone"}')
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent.stat().st_uid == os.getuid() and parent != tmp_path.anchor:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    code = (
        "import os, sys, filelock\nfrom engram.run_folder import RunFolder\nfrom engram.errors import RunFolderError\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
        "try: RunFolder(sys.argv[1]).acquire()\nexcept RunFolderError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert "run: Permission denied; choose another folder with --out." in result.stdout


def test_clearing_that_was_cut_short_can_be_gone_on_with(tmp_path):
    """A kill between two removals leaves a folder that is still known as a run's."""
    folder = tiny_run(tmp_path / "run")
    for file in (folder.config_file, folder.model_file, folder.summary_file, folder.metrics_file):
        file.unlink()
    start_run(folder, CONFIG, overwrite=True)
    folder.release()
    assert folder.checkpoint_files() == []
    assert folder.config_file.exists()


def test_interrupted_run_is_read_as_its_last_checkpoint_has_it(tmp_path):
    folder = tiny_run(tmp_path / "run")
    folder.model_file.unlink()
    model, metrics, done, total = folder.read_unfinished()
    assert (model.examples, done, total, len(metrics)) == (75, 75, 75, 3)
    folder.checkpoint_files()[-1].write_bytes(b"damaged")
    assert folder.read_unfinished()[2] == 50
    assert model.simulator("reference").count_spikes(tiny_dataset().test_images)[0].shape == (6, 4)


def test_checkpoints_that_are_replaced_while_they_are_read_are_looked_for_again(tmp_path, monkeypatch):
    folder, read = tiny_run(tmp_path / "run"), model_file.read_bytes
    folder.model_file.unlink()

    def read_later(path):
        for file in folder.checkpoint_files():
            if int(file.stem) < 1000:
                file.rename(file.with_stem(f"{int(file.stem) + 1000:012d}"))
        return read(path)

    monkeypatch.setattr(model_file, "read_bytes", read_later)
    assert load_model(folder.path).examples == 75


def test_run_without_checkpoint_says_how_to_finish_it(tmp_path):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    folder.release()
    with pytest.raises(ModelFileError, match="no checkpoint yet; finish it with 'engram train --resume"):
        folder.read_unfinished()
