"""What the command line prints: nothing that a file says moves the cursor, is taken for markup, or cannot be shown."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engram import load_model
from engram.cli import main
from engram.cli.console import _StandardError, _Terminal, accuracies, out, plain, printable
from engram.model_file import save_model
from engram.readout import HEADLINE

ESCAPES = "\x1b[31m\x1b]0;title\x07\u202e\x9b2J\r\b"


def printed(text):
    file = io.StringIO()
    _Terminal(file=file, highlight=False, soft_wrap=True, emoji=False).print(text)
    return file.getvalue()


@pytest.mark.parametrize(
    "text", ["[/]", "[a]b", "[bold]x[/bold]", "[", "]", "\\[x]", "a\\", ":smile:", "[red", "[[x]]"]
)
def test_what_looks_like_markup_is_printed_as_it_is(text):
    assert printed(f"[bold]{plain(text)}[/] end") == f"{text} end\n"


def test_escapes_are_spelled_out():
    shown = printed(plain(ESCAPES))
    assert not set(shown) & set(ESCAPES) - set("[31m]0;title2J")
    assert shown == "\\x1b[31m\\x1b]0;title\\x07\\u202e\\x9b2J\\r\\x08\n"


def test_lines_of_a_file_s_text_cannot_pose_as_ours():
    assert printed(plain("digits\nError: none")) == "digits\\nError: none\n"


def test_escapes_that_nobody_thought_of_are_caught_by_the_console():
    assert printed("a\x1b[2Jb") == "a\\x1b[2Jb\n"


def test_cells_of_tables_are_spelled_out_too():
    from rich.table import Table

    table = Table("name")
    table.add_row("\x1b[2J")
    assert "\\x1b[2J" in printed(table)


def test_text_of_every_script_stays_as_it_is():
    text = "Größe θ 数字 ± × − é\n\ttab"
    assert printable(text) == text


def test_terminal_that_is_gone_ends_nothing(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text=""):
            raise OSError(5, "Input/output error")

        flush = write

    monkeypatch.setattr(sys, "stderr", Gone())
    stream = _StandardError()
    assert stream.write("progress") == 8
    stream.flush()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [["rules"], ["models", "--json"], ["--version"], ["--help"]])
def test_output_that_cannot_be_written_is_told(monkeypatch, capsys, arguments):
    with open("/dev/full", "w") as full, contextlib.suppress(OSError):  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as end:
            main(arguments)
        monkeypatch.undo()
    assert end.value.code == 1
    told = "Error: The output cannot be written: No space left on device; write it elsewhere.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("arguments", [["rules"], ["models", "--json"]])
def test_reader_who_has_left_is_told_nothing(monkeypatch, capsys, arguments):
    monkeypatch.setattr(out, "quiet", False)  # Rich would print nothing more, to whomever
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        with pytest.raises(SystemExit) as end:
            main(arguments)
        monkeypatch.setattr(sys, "stdout", sys.__stdout__)  # closing the other raises nothing: what was left is gone
    assert end.value.code == 1
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def hostile_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / f"[a]{ESCAPES[:5]}.safetensors"
    model = load_model("mnist-100")
    record = {"rule": "[/]\x1b[2J.py:[x]", "constants": {"[/]": "\x1b[31m"}}
    save_model(replace(model, dataset="[/]\x1b]0;x\x07", version="[bold", rule_record=record), path)
    return path


def command(*arguments, **environment):
    python = [sys.executable, "-m", "engram", *map(str, arguments)]
    return subprocess.run(python, capture_output=True, env={**os.environ, **environment}, check=False)


def test_hostile_fields_of_a_model_are_shown_harmlessly(hostile_model):
    result = command("info", hostile_model)
    assert result.returncode == 0, result.stderr
    assert b"\x1b" not in result.stdout + result.stderr
    assert b"\x07" not in result.stdout
    assert b"[/]\\x1b]0;x\\x07" in result.stdout
    assert b"[/]\\x1b[2J.py:[x] ([/]=\\x1b[31m)" in result.stdout


def test_hostile_names_in_errors_are_shown_harmlessly(tmp_path):
    result = command("info", tmp_path / "[/]\x1b[2J[a]b")
    assert result.returncode == 1
    assert b"\x1b" not in result.stderr
    assert b"[/]\\x1b[2J[a]b" in result.stderr


IN_TURN = """
import sys
from engram.cli import main

for command in sys.argv[1:]:
    try:
        main(command.split())
    except SystemExit as stop:
        if stop.code:
            sys.exit(f"{command} ended with {stop.code}")
    print(end="\\f")
"""
"""Some commands in one process, a form feed after what each prints."""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_terminals_of_any_encoding_are_written_to(encoding):
    commands = ["rules", "rules --json", "info mnist-100", "models"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = subprocess.run([sys.executable, "-c", IN_TURN, *commands], capture_output=True, env=environment)
    assert result.returncode == 0, result.stderr
    *printed, rest = result.stdout.decode(encoding).split("\f")
    assert [len(text) > 100 for text in printed] == [True] * len(commands)
    assert not rest


def test_what_an_encoding_lacks_is_spelled():
    result = command("rules", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert b"w += (w_max - w_min) y on an input spike" in result.stdout


def test_backend_of_a_notebook_is_none_of_the_command_line_s_business(tmp_path):
    result = command("rules", "show", "pair", "--out", tmp_path, "--json",
                     MPLBACKEND="module://matplotlib_inline.backend_inline")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert all(Path(path).exists() for path in json.loads(result.stdout)["figures"])


def test_system_s_errors_name_the_file(tmp_path):
    result = command("rules", "show", "pair", "--out", "n" * 300)
    assert result.returncode == 1
    assert b"File name too long" in result.stderr
    assert b"error of engram itself" not in result.stderr


def test_container_without_home_or_user_has_a_cache_of_its_own(tmp_path):
    """As in a container: no HOME, and a user id that no name belongs to."""
    from engram.folders import user_cache_folder

    code = (
        "import os, sys, tempfile\nimport platformdirs, platformdirs.unix\nimport engram.folders as folders\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
        "os.environ.pop('HOME', None); [os.environ.pop(n) for n in list(os.environ) if n.startswith('XDG')]\n"
        "one = folders.user_cache_folder(); folders.user_cache_folder.cache_clear()\n"
        "print(one, one == folders.user_cache_folder(), oct(one.stat().st_mode & 0o777))"
    )
    tmp_path.chmod(0o777)
    for parent in list(tmp_path.parents)[:3]:
        if parent.owner() == tmp_path.owner():
            parent.chmod(parent.stat().st_mode | 0o011)
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.stdout.split()[1:] == ["True", "0o700"], result.stderr
    assert user_cache_folder() == user_cache_folder()


def test_the_accuracy_that_counts_is_told_first_and_the_others_beside_it():
    found = {"logistic": 0.97, "mean": 0.95, "proportion": 0.96}
    assert accuracies(found, HEADLINE) == "96.00 % (proportion)[/]; otherwise 95.00 % (mean), 97.00 % (logistic)"
    assert accuracies({"mean": 0.5}, HEADLINE) == "50.00 % (mean)[/]"


def in_terminal(text, width=30):
    file = io.StringIO()
    terminal = _Terminal(
        file=file,
        force_terminal=True,
        width=width,
        height=25,
        highlight=False,
        soft_wrap=True,
        emoji=False,
        color_system=None,
    )
    terminal.print(text)
    return file.getvalue().splitlines()


def test_lines_in_a_terminal_end_between_words():
    assert in_terminal("  test accuracy [bold]97.60 %[/], input gain 0.379") == [
        "  test accuracy 97.60 %, input",
        "  gain 0.379",
    ]


@pytest.mark.parametrize("whole", ["runs/" + 40 * "a" + "/figures", "  engram train --resume " + 30 * "a"])
def test_a_path_and_a_command_on_a_line_of_its_own_stay_whole_in_a_terminal(whole):
    assert in_terminal(whole) == [whole]
