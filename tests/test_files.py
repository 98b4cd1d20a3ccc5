"""Files are read within bounds and written whole or not at all."""

import contextlib
import errno
import io
import os
import stat
from pathlib import Path

import pytest

from engram.errors import RunFolderError
from engram.files import PART, exists, make_folder, read_at_most, read_regular, write_atomically, write_new


def test_file_has_the_mode_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "f", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_files_of_other_threads_keep_their_modes(tmp_path, monkeypatch):
    """The process's umask is never touched: no file written meanwhile gets another mode."""
    changed = []
    monkeypatch.setattr(os, "umask", lambda mask: changed.append(mask) or 0o077)
    for durable in (False, True):
        write_atomically(tmp_path / "f", b"x", durable=durable)
    make_folder(tmp_path / "folder")
    assert changed == []


def test_failed_write_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(RunFolderError, match="No space left on device; free some space"):
        write_atomically(tmp_path / "f", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("f", b"before")]


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:3]))
    write_atomically(tmp_path / "f", b"0123456789")
    assert (tmp_path / "f").read_bytes() == b"0123456789"


@pytest.mark.parametrize("name", ["stat", "lstat"])
def test_folder_that_is_made_while_it_is_looked_at_is_taken_for_no_file(tmp_path, monkeypatch, name):
    """Runs that begin at once make the folder for all runs, each of them as the others look whether it is there."""
    wanted, real = tmp_path / "runs", getattr(os, name)

    def look_and_let_others_make_it(path, *args, **options):
        try:
            return real(path, *args, **options)
        finally:
            if str(path) == str(wanted):
                with contextlib.suppress(FileExistsError):
                    wanted.mkdir()

    monkeypatch.setattr(os, name, look_and_let_others_make_it)
    make_folder(wanted)
    assert wanted.is_dir()


@pytest.mark.parametrize(("write", "name"), [(write_atomically, "replace"), (write_new, "link")])
def test_part_that_another_process_clears_away_is_written_again(tmp_path, monkeypatch, write, name):
    """Whoever begins in a folder clears away what a killed process left half written, and may meet one that lives."""
    real, cleared = getattr(os, name), []

    def put(part, path):
        if not cleared:
            cleared.append(part)
            Path(part).unlink()
        real(part, path)

    monkeypatch.setattr(os, name, put)
    write(tmp_path / "f", b"whole")
    assert cleared[0].endswith(PART)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("f", b"whole")]


def no_link(*_):
    raise PermissionError(errno.EPERM, "no links on this file system")


@pytest.mark.parametrize("links", [True, False])
def test_new_file_is_written_where_nothing_lies(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    assert write_new(tmp_path / "f", b"mine")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("f", b"mine")]


@pytest.mark.parametrize("links", [True, False])
def test_new_file_replaces_none(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    (tmp_path / "f").write_bytes(b"another's")
    assert not write_new(tmp_path / "f", b"mine")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("f", b"another's")]
    with pytest.raises(RunFolderError, match=r"its folder .*gone was moved or removed meanwhile"):
        write_new(tmp_path / "gone" / "f", b"x")


def test_folder_that_went_is_the_cause_that_is_told(tmp_path):
    with pytest.raises(RunFolderError, match=r"its folder .*gone was moved or removed meanwhile"):
        write_atomically(tmp_path / "gone" / "f", b"x")


def test_file_in_place_of_a_folder_is_the_cause_that_is_told(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(RunFolderError, match=r"/f is a file, not a folder; move it away"):
        write_atomically(tmp_path / "f" / "g", b"x")
    with pytest.raises(RunFolderError, match=r"/f is a file, not a folder; move it away"):
        make_folder(tmp_path / "f")


def test_longest_possible_name_is_written_and_a_longer_one_told(tmp_path):
    write_atomically(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"
    with pytest.raises(RunFolderError, match="File name too long; choose a shorter name"):
        write_atomically(tmp_path / ("n" * 256), b"x")
    assert not exists(tmp_path / ("n" * 256))


def test_larger_files_than_expected_are_not_read_whole(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert read_regular(tmp_path / "f", 100) == b"x" * 100
    with pytest.raises(ValueError, match="larger than 99 bytes"):
        read_regular(tmp_path / "f", 99)


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "link to a device"])
def test_what_is_no_regular_file_is_not_read(tmp_path, kind):
    path = tmp_path / "f"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        path = "/dev/zero"
    with pytest.raises(OSError, match=r"regular file|Is a directory"):
        read_regular(path, 100)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_what_cannot_be_seen_is_not_taken_for_gone(tmp_path, monkeypatch, number):
    def refused(path, **_):
        raise OSError(number, os.strerror(number), str(path))

    assert not exists(tmp_path / "model.safetensors")
    monkeypatch.setattr(os, "lstat", refused)
    with pytest.raises(RunFolderError, match=f"Cannot look at .*model.safetensors: {os.strerror(number)}"):
        exists(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["nothing", "file/within", "n" * 300, "a\0b"])
def test_what_cannot_be_there_is_not(tmp_path, name):
    (tmp_path / "file").touch()
    assert not exists(tmp_path / name)


class Asked(io.BytesIO):
    """A file that remembers the most that was asked of it at once, for which Python takes memory first."""

    most = 0

    def read(self, n=-1):
        self.most = max(self.most, n)
        return super().read(n)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (5 << 20) + 3])
@pytest.mark.parametrize("most", [1, 1 << 20, 1 << 50])
def test_reading_takes_memory_for_what_is_there(size, most):
    content = os.urandom(size)
    file = Asked(content)
    assert read_at_most(file, most) == content[:most]
    assert file.most <= max(1 << 20, size)


def test_link_to_a_regular_file_is_read(tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "f")
    assert read_regular(tmp_path / "link", 10) == b"x"
