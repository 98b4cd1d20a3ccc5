"""Routines shared out to processes: each once, whatever becomes of a worker, and none is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from engram import SelfNormalizing
from engram.kernels import parcel, stock
from engram.kernels.machine import Equation
from engram.kernels.rule_code import rule_code

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="workers are forked")

HEAD = """
import os, signal, sys, threading, time
from types import SimpleNamespace
from engram.kernels import workers
main, (heard, say), (called, call), at_first = os.getpid(), os.pipe(), os.pipe(), True
def meet(n):  # all n workers and the parent begin a routine each, before any of them goes on
    global at_first
    if at_first and os.getpid() == main:
        for _ in range(n):
            os.read(heard, 1)
        os.write(call, b"x" * n)
    elif at_first:
        os.write(say, b"x")
        os.read(called, 1)
    at_first = False
def object_code(routine, target):
    {body}
    return str(os.getpid()).encode()
workers.load_compiler = lambda: SimpleNamespace(object_code=object_code)
routines = [f"routine {{k}}" for k in range(12)]
"""


def told_by(body: str, then: str) -> str:
    """What a process of its own prints: one with no further threads, so that it may fork."""
    script = HEAD.format(body=body) + then
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    ).stdout


def test_every_routine_is_compiled_once_by_one_of_two_processes():
    then = """
found = list(workers.compiled(routines, ("", ""), 2))
print(sorted(r for r, _ in found) == sorted(routines), len({pid for _, pid in found}))
"""
    assert told_by("meet(1)", then) == "True 2\n"


def test_what_a_killed_worker_left_is_compiled_by_the_parent():
    then = """
found = list(workers.compiled(routines, ("", ""), 3))
print(sorted(r for r, _ in found) == sorted(routines), {pid for _, pid in found} == {str(main).encode()})
"""
    assert told_by("meet(2), os.getpid() == main or os.kill(os.getpid(), signal.SIGKILL)", then) == "True True\n"


def test_an_error_of_a_worker_is_told_by_the_parent():
    then = """
bad = ""
try:
    list(workers.compiled(routines, ("", ""), 2))
except ValueError as error:
    print(error)
"""
    body = """
    global bad
    if os.getpid() != main:
        os.write(say, routine.ljust(16).encode())
        raise ValueError
    bad = bad or os.read(heard, 16).decode().strip()  # what the worker could not compile, nor can the parent
    if routine == bad:
        raise ValueError("cannot compile it")"""
    assert told_by(body, then) == "cannot compile it\n"


def test_no_worker_outlives_an_interrupted_parent():
    then = """
work = workers.compiled(routines, ("", ""), 3)
workers_of = workers._Team.__enter__
def entered(team):
    global team_
    team_ = team
    return workers_of(team)
workers._Team.__enter__ = entered
try:
    for _ in work:
        raise KeyboardInterrupt
except KeyboardInterrupt:
    work.close()
for pid in team_.workers:
    try:
        os.kill(pid, 0)
        print("alive")
    except ProcessLookupError:
        print("gone")
"""
    assert told_by("meet(2), os.getpid() == main or time.sleep(30)", then) == "gone\ngone\n"


def test_a_process_with_threads_compiles_by_itself_what_it_cannot_send():
    then = """
threading.Thread(target=threading.Event().wait, daemon=True).start()
print({pid for _, pid in workers.compiled(routines, ("", ""), 2)} == {str(main).encode()})
"""
    assert told_by("pass", then) == "True\n"


def test_a_process_with_threads_starts_others_and_sends_them_what_they_compile():
    then = """
from engram.kernels import machine, stock
threading.Thread(target=threading.Event().wait, daemon=True).start()
small = sorted(stock.stock_routines(), key=lambda routine: len(routine.function.__code__.co_code))[:14]
entered = workers._Team.__enter__
def enter(team):
    global connections
    connections = team.open
    return entered(team)
workers._Team.__enter__ = enter
found = list(workers.compiled(small, machine.target(), 2))
print(sorted(r.symbol for r, _ in found) == sorted(r.symbol for r in small))
print({r.symbol.encode() in code for r, code in found if code != str(main).encode()})
"""
    assert told_by("connections and workers.wait_for(connections)", then) == "True\n{True}\n"


def test_routines_are_the_same_in_another_process(tmp_path):
    routines = stock.stock_routines([SelfNormalizing()], ["float32"], ["exponential_euler"])
    content = tmp_path / "content"
    content.write_bytes(parcel.packed(routines))
    script = "import sys; from engram.kernels import parcel, machine; from pathlib import Path;"
    script += "[print(machine.routine_digest(r)) for r in parcel.unpacked(Path(sys.argv[1]).read_bytes())]"
    told = subprocess.run([sys.executable, "-c", script, content], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [routine.digest for routine in routines]


def test_a_routine_with_anything_of_a_users_is_not_sent():
    def of_a_user(w):
        return w

    rule = rule_code(SelfNormalizing(), "float32").on_post
    own = replace(rule, scope=(*rule.scope, ("EQUATION", Equation(of_a_user, "float32"))))
    assert parcel.can_be_sent(rule)
    assert not parcel.can_be_sent(own)
