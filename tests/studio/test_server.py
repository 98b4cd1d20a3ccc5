"""The process: its address, its end, and what the command says where the extra is missing."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request

import pytest

from engram.cli.main import app
from engram.errors import ConfigError
from engram.run_folder import RunFolder
from engram.studio import server
from engram.studio.desk import Desk
from engram.studio.server import Studio
from studio.conftest import OPTIONS, wait_for


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of the user's own."""
    monkeypatch.setattr(server, "user_cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def ask(studio, path, body=None):
    headers = {"X-Engram-Token": studio.token}
    request = urllib.request.Request(f"http://127.0.0.1:{studio.port}{path}", body, headers)
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def test_studio_answers_on_this_machine_alone_and_saves_when_it_is_closed(folder):
    studio = Studio(Desk(folder)).start()
    assert studio._socket.getsockname()[0] == "127.0.0.1"
    ask(studio, "/api/do", json.dumps({"do": "new", "options": {**OPTIONS, "examples": 100_000}}).encode())
    ask(studio, "/api/do", b'{"do": "speed", "speed": 100}')  # it does not come to its end meanwhile
    ask(studio, "/api/do", b'{"do": "start"}')
    while ask(studio, "/api/state")["examples"] == 0 and studio.desk.subject.training.examples == 0:
        time.sleep(0.02)
    studio.close()
    assert not studio.is_alive
    _, _, done, _ = RunFolder(folder / "runs" / "tiny.npz-1").read_unfinished()
    assert done == studio.desk.subject.training.examples > 0


def test_port_that_is_taken_is_told(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="--port"):
            Studio(Desk(folder), other.getsockname()[1])


def test_address_is_used_again_for_a_day_and_only_this_user_can_read_it(folder, cache):
    first = server._studio(Desk(folder), None)
    server._remember(first)
    first._socket.close()
    kept = cache / "studio.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = server._studio(Desk(folder), None)
    assert again.address == first.address
    taken = server._studio(Desk(folder), None)  # while that one is open
    assert taken.port != again.port
    assert taken.token != again.token
    again._socket.close(), taken._socket.close()
    content = json.loads(kept.read_bytes())
    old = {**content, "time": content["time"] - 13 * 3600}
    for spoilt in (old, {**content, "port": 80}, {**content, "token": "x"}, 5):
        kept.write_text(json.dumps(spoilt))
        assert server._remembered() is None
    kept.write_text(json.dumps(content))
    kept.chmod(0o644)
    assert server._remembered() is None


def test_address_that_is_kept_is_whole_while_another_studio_keeps_its_own(folder, cache, monkeypatch):
    first, second, replace = Studio(Desk(folder)), Studio(Desk(folder)), os.replace
    server._remember(first)
    seen = []
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append(server._remembered()), replace(*names)))
    server._remember(second)
    first._socket.close(), second._socket.close()
    assert [*seen, server._remembered()] == [(first.port, first.token), (second.port, second.token)]
    assert list(cache.iterdir()) == [cache / "studio.json"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_terminal_that_is_closed_ends_the_command_cleanly(folder, tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "engram", "studio", "mnist-100", "--no-browser"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        address = lines[1].strip()
        assert address.startswith("http://127.0.0.1:") and address.endswith("#/inside")
        with urllib.request.urlopen(address.partition("#")[0]) as page:
            assert b"engram studio" in page.read()
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "websockets"])
def test_command_says_what_to_install(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=rf"needs {missing}.*pip install 'engram\[studio\]'"):
        app(["studio"], standalone_mode=False)


def test_unused_names_are_imported_for_nothing():
    """The command line answers at once: nothing of the server is imported before it is needed."""
    code = "import sys, engram.cli.main; print([m for m in ('starlette', 'uvicorn', 'anywidget') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_state_is_found_again_after_the_studio_was_started_anew(client, folder):
    client.do("new", options=OPTIONS)
    client.do("step")
    wait_for(client, "paused")
    client.desk.close()
    other = Desk(folder)
    other.open("runs/tiny.npz-1")
    assert other.state()["examples"] == 1
    assert other.state()["phase"] == "paused"
    other.close()
