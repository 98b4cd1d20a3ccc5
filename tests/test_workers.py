"""Routines shared out to processes: each once, whatever becomes of a worker, and none is left behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="workers are forked")

HEAD = """
import os, signal, sys, time
from types import SimpleNamespace
from engram.kernels import workers
main = os.getpid()
def object_code(routine, target):
    {body}
    return str(os.getpid()).encode()
workers.load_compiler = lambda: SimpleNamespace(object_code=object_code)
routines = [f"routine {{k}}" for k in range(12)]
"""


def told_by(body: str, then: str) -> str:
    """What a process of its own prints: one with no further threads, so that it may fork."""
    script = HEAD.format(body=body) + then
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


def test_every_routine_is_compiled_once_by_one_of_two_processes():
    then = """
found = list(workers.compiled(routines, ("", ""), 2))
print(sorted(r for r, _ in found) == sorted(routines), len({pid for _, pid in found}))
"""
    assert told_by("time.sleep(0.05)", then) == "True 2\n"


def test_what_a_killed_worker_left_is_compiled_by_the_parent():
    then = """
found = list(workers.compiled(routines, ("", ""), 3))
print(sorted(r for r, _ in found) == sorted(routines), {pid for _, pid in found} == {str(main).encode()})
"""
    assert (
        told_by("os.getpid() == main or os.kill(os.getpid(), signal.SIGKILL); time.sleep(0.02)", then) == "True True\n"
    )


def test_an_error_of_a_worker_is_told_by_the_parent():
    then = """
try:
    list(workers.compiled(routines, ("", ""), 2))
except ValueError as error:
    print(error)
"""
    body = "time.sleep(0.02)\n    if routine == routines[5]: raise ValueError(f'cannot compile {routine}')"
    assert told_by(body, then) == "cannot compile routine 5\n"


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
    assert told_by("time.sleep(0.02 if os.getpid() == main else 30)", then) == "gone\ngone\n"


def test_a_process_with_threads_compiles_by_itself():
    then = """
import threading
threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
print({pid for _, pid in workers.compiled(routines, ("", ""), 2)} == {str(main).encode()})
"""
    assert told_by("pass", then) == "True\n"
