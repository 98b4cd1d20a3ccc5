"""Machine code by routine: what names it, where it is kept, and that nothing damaged or foreign is ever run."""

from __future__ import annotations

import dis
import hashlib
import os
import subprocess
import sys
import threading
import time

import pytest

from engram import DiehlCook, SelfNormalizing, Triplet
from engram.kernels import build, code_store, engine, machine, stock, workers
from engram.kernels.code_store import CacheWarning
from engram.kernels.machine import Routine, callable_routine
from engram.kernels.parts import I8, part
from engram.kernels.state import new_state

FACTOR = 3


@part
def inner(x):
    return x * FACTOR


@part
def outer(x, y):
    return inner(x) + I8(y)


for _function in (inner, outer):
    _function.__module__ = "engram.tests"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "_ADDRESSES", {})
    return tmp_path / "cache" / "kernels"


def kept(folder):
    return sorted(folder.glob("*.code"))


def test_a_routine_is_compiled_once_and_then_found(cache, monkeypatch):
    routine = Routine(outer)
    assert callable_routine(routine, 2)(5, 7) == 22
    assert len(kept(cache)) == 1
    monkeypatch.setattr(machine, "_ADDRESSES", {})
    monkeypatch.setattr(machine, "_compile", None)
    assert machine.missing([routine]) == []
    machine.address(routine)


def test_an_edit_anywhere_that_a_routine_reaches_gives_it_another_digest(monkeypatch):
    before = Routine(outer).digest
    monkeypatch.setitem(globals(), "FACTOR", 4)
    edited = Routine(outer).digest
    replaced = Routine(outer, (("inner", test_a_routine_is_compiled_once_and_then_found),)).digest
    assert len({before, edited, replaced}) == 3


def test_every_function_of_ours_that_the_engine_calls_is_in_its_digest():
    network = DiehlCook(n_inputs=2, n_neurons=3).describe(Triplet())
    for routine in build.routines_of(network, new_state(network, 0)):
        pieces = list(machine._reached(routine.function, dict(routine.scope), set()))
        named = {i.argval for i in dis.get_instructions(routine.function) if i.opname == "LOAD_GLOBAL"}
        for name in named & set(routine.function.__globals__):
            assert name in pieces, (routine.label, name)


def test_no_bytecode_of_ours_goes_into_a_digest():
    for routine in stock.stock_routines():
        pieces = list(machine._reached(routine.function, dict(routine.scope), set()))
        assert not [piece for piece in pieces if piece.startswith("Python")], routine.label


def test_functions_of_users_are_known_by_their_bytecode():
    pieces = list(machine._reached(outer, {}, set()))
    assert f"Python {sys.version_info[:2]}" in pieces


def test_a_file_that_was_edited_since_its_import_is_known_by_bytecode(monkeypatch):
    monkeypatch.setattr(machine, "_digest_of_file", machine._digest_of_file.__wrapped__)
    assert machine._text_of(engine.run) is not None
    monkeypatch.setattr(machine, "_IMPORTED", 0.0)
    assert machine._text_of(engine.run) is None


@pytest.mark.parametrize("damage", ["cut short", "a byte changed", "empty", "too long"])
def test_damaged_code_is_compiled_again(cache, damage):
    routine = Routine(outer)
    machine.address(routine)
    (file,) = kept(cache)
    whole = file.read_bytes()
    spoilt = {
        "cut short": whole[:-9],
        "a byte changed": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        "empty": b"",
        "too long": whole + b"x",
    }[damage]
    file.write_bytes(spoilt)
    assert code_store.find(routine, machine.target()) is None
    machine._ADDRESSES.clear()
    assert machine.missing([routine]) == [routine]


def test_code_is_kept_with_its_digest(cache):
    machine.address(Routine(outer))
    (file,) = kept(cache)
    content = file.read_bytes()
    assert content[:32] == hashlib.sha256(content[32:]).digest()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are those of POSIX")
def test_a_folder_that_others_may_write_to_is_not_used(cache, monkeypatch):
    monkeypatch.setattr(code_store, "_TOLD", set())
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.warns(CacheWarning, match="others may write to"):
        assert code_store.find(Routine(outer), machine.target()) is None
    machine.address(Routine(outer))
    assert kept(cache) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="links are those of POSIX")
def test_a_special_file_is_no_code(cache):
    routine = Routine(outer)
    machine.address(routine)
    (file,) = kept(cache)
    file.unlink()
    file.symlink_to("/dev/zero")
    assert code_store.find(routine, machine.target()) is None


WARM = """
import sys
from engram import DiehlCook, SelfNormalizing, simulate
simulate(DiehlCook(n_inputs=2, n_neurons=3), SelfNormalizing(), spikes=([0], [1]), n_steps=8)
print("numba" in sys.modules)
"""


def test_a_process_that_finds_its_code_never_imports_the_compiler(tmp_path, monkeypatch):
    network = DiehlCook(n_inputs=2, n_neurons=3).describe(SelfNormalizing())
    *most, last = build.routines_of(network, new_state(network, 0))
    machine.prepare(most)
    codes = [code_store.find(routine, machine.target()) for routine in most]
    monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path))
    for routine, code in zip(most, codes, strict=True):
        code_store.keep(routine, machine.target(), code)
    assert code_store.find(last, machine.target()) is None
    surroundings = os.environ | {"ENGRAM_CACHE": str(tmp_path)}
    told = [
        subprocess.run(
            [sys.executable, "-c", WARM], env=surroundings, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert [text.strip() for text in told] == ["True", "False"]


def test_watchers_are_told_what_is_compiled(cache):
    told = []
    machine.prepare([Routine(outer, label="something")], lambda *news: told.append(news))
    assert told == [(0, 1, "something"), (1, 1, "")]
    machine.prepare([Routine(outer, label="something")], lambda *news: told.append(news))
    assert len(told) == 2


def test_what_another_process_compiles_meanwhile_is_waited_for(cache, monkeypatch):
    routine, told = Routine(outer, label="something"), []
    machine.prepare([routine])
    code = code_store.find(routine, machine.target())
    kept(cache)[0].unlink()
    machine._ADDRESSES.clear()
    monkeypatch.setattr(workers, "compiled", lambda left, _: ((each, None) for each in left))  # which nothing can load
    with code_store.alone(routine):
        waiting = threading.Thread(target=machine.prepare, args=([routine], lambda *news: told.append(news)))
        waiting.start()
        while not told:
            time.sleep(0.001)
        code_store.keep(routine, machine.target(), code)
    waiting.join()
    assert told == [(0, 1, "something"), (1, 1, "")]


def test_nobody_waits_for_ever_for_another_process(cache, monkeypatch):
    monkeypatch.setattr(code_store, "_PATIENCE_SECONDS", 0.0)
    routine = Routine(outer)
    with code_store.alone(routine):
        machine.prepare([routine])
    assert len(kept(cache)) == 1


@pytest.mark.filterwarnings("error::engram.kernels.code_store.CacheWarning")
def test_machines_that_share_a_folder_do_not_write_over_each_other_s_code(tmp_path, monkeypatch):
    """Processes of two machines may have the same number."""
    file, write = tmp_path / "a.code", type(tmp_path).write_bytes
    monkeypatch.setattr(os, "getpid", lambda: 7)

    def write_as_the_other_does(path, content):
        write(path, content)
        with monkeypatch.context() as patched:
            patched.setattr(type(tmp_path), "write_bytes", write)
            code_store._write(file, b"code")

    monkeypatch.setattr(type(tmp_path), "write_bytes", write_as_the_other_does)
    code_store._write(file, b"code")
    assert code_store._read(file) == b"code"
    assert list(tmp_path.iterdir()) == [file]


def test_code_that_another_process_clears_away_meanwhile_is_no_error(tmp_path, monkeypatch):
    names = [f"{k}{code_store._SUFFIX}" for k in range(4)]
    for k, name in enumerate(names):
        (tmp_path / name).write_bytes(b"code")
        os.utime(tmp_path / name, (100 - k, 100 - k))

    def gone(path):  # between the listing and the look at its time
        (tmp_path / names[0]).unlink(missing_ok=True)
        return time_of(path)

    time_of = code_store._time_of
    monkeypatch.setattr(code_store, "_time_of", gone)
    monkeypatch.setattr(code_store, "_FILES_KEPT", 2)
    code_store._forget_oldest(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == names[1:3]
