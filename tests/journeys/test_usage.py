"""A command line that cannot be is refused at once, in engram's words; ``--help`` fits and names values alike."""

import json
import re

import pytest
import typer

from engram.cli import main as command_line
from engram.cli.help import name_values
from engram.datasets import Dataset


def told(err: str) -> str:
    return " ".join(err.split())


@pytest.fixture
def nothing_is_read(monkeypatch):
    def read(*_, **__):
        raise AssertionError("images were read")

    monkeypatch.setattr(Dataset, "__post_init__", read)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--neurons", "twenty"), "--neurons must be a whole number, got 'twenty'."),
        (("train", "--seed=1.5"), "--seed must be a whole number, got '1.5'."),
        (("train", "--dt", "abc"), "--dt must be a number, got 'abc'."),
        (("import", "x", "--input-gain", "y"), "--input-gain must be a number, got 'y'."),
        (("studio", "--port", "99999999"), "--port must be a whole number from 1 to 65,535, got '99999999'."),
        (("train", "--neuron", "3"), "engram train has no option --neuron (did you mean --neurons?)"),
        (("train", "--neurons"), "--neurons needs a value."),
        (("train", "--quiet=3"), "--quiet takes no value."),
        (("train", "digits", "now"), "engram train has no use for 'digits now'; an option's name begins with --"),
        (("export", "mnist-100"), "engram export needs --to; see 'engram export --help'."),
        (("info",), "engram info needs RUN|MODEL; see 'engram info --help'."),
        (("trian",), "engram has no command 'trian' (did you mean train?); it has train, evaluate"),
        (("rules", "shw"), "engram rules has no command 'shw' (did you mean show?); it has show."),
    ],
)
def test_a_command_line_that_cannot_be_read_is_told_in_one_sentence(engram, arguments, sentence):
    code, out, err = engram(*arguments)
    assert (code, out) == (2, "") and told(err).startswith(f"Error: {sentence}")


def test_a_command_line_that_cannot_be_read_is_told_to_machines_as_well(engram):
    code, out, _ = engram("train", "--neurons", "twenty", "--json")
    assert json.loads(out)["error"]["message"] == "--neurons must be a whole number, got 'twenty'." and code == 2


def test_without_a_command_the_help_is_shown(engram, capsys):
    code, out, err = engram()
    assert code == 2 and "Usage: engram" in out + err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--neurons", 0), "neurons must be a whole number of at least 1, got 0."),
        (("train", "--dtype", "float16"), "dtype must be one of float32, float64, got 'float16'"),
        (("train", "--test-examples", -1), "test_examples must be a whole number of at least 1, got -1."),
        (("train", "--rule", "nonsense"), "There is no learning rule 'nonsense'"),
        (("train", "--set", "eta=-1"), "eta must be positive, got -1.0."),
        (("rules", "show", "triplet", "--neurons", 0), "neurons must be a whole number of at least 1, got 0."),
        (("compare", "--neurons", 0), "neurons must be a whole number of at least 1, got 0."),
        (("sweep", "--vary", "neurons=0,4"), "neurons must be a whole number of at least 1, got 0."),
        (
            ("train", "--layers", "inturn"),
            "--layers must be one of together, in-turn, got 'inturn' (did you mean in-turn?)",
        ),
        (("compare", "--layers", "in turn"), "--layers must be one of together, in-turn, got 'in turn'"),
        (("evaluate", "mnist-100", "--threads", 0), "threads must be a whole number of at least 1, got 0."),
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(engram, nothing_is_read, arguments, sentence):
    code, _, err = engram(*arguments)
    assert code == 2 and told(err).startswith(f"Error: {sentence}")


def test_a_folder_that_a_run_cannot_have_is_told_before_anything_is_read(engram, nothing_is_read, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("mine")
    code, _, err = engram("train", "--out", tmp_path / "notes")
    assert code == 1 and "holds other files and no run" in told(err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--out"), ("compare", "--out"), ("sweep", "--vary", "eta=0.1,0.2", "--out"),
        ("read", "x.png", "--out"), ("predict", "mnist-100", "x.png", "--figures"),
        ("export", "mnist-100", "--to", "numpy", "--out"), ("rules", "show", "triplet", "--out"),
        ("data", "check", "digits", "--out"),
    ],
)  # fmt: skip
def test_a_file_where_a_folder_is_wanted_is_told_at_once(engram, nothing_is_read, tmp_path, arguments):
    (tmp_path / "file").write_text("mine")
    code, _, err = engram(*arguments, tmp_path / "file")
    assert code == 1 and f"{tmp_path}/file is a file, not a folder; move it away" in told(err)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_made_in_a_file_is_told(engram, nothing_is_read, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, _, err = engram("train", "--out", tmp_path / "file/run")
    assert code == 1 and f"file is a file, not a folder, so {tmp_path}/file/run cannot be made in it" in told(err)


def test_a_folder_where_a_file_is_wanted_is_told(engram, tmp_path):
    code, _, err = engram("import", tmp_path, "--out", tmp_path)
    assert code == 1 and "is a folder, not a file; give the file to write" in told(err)


def every_command(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from every_command(command, (*path, name))


@pytest.fixture(scope="module")
def group():
    found = typer.main.get_command(command_line.__globals__["app"])
    name_values(found)
    return found


def test_the_help_of_every_command_fits_a_terminal_and_shows_no_types_of_python(group, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for path in [(), *every_command(group)]:
        assert group(args=[*path, "--help"], prog_name="engram", standalone_mode=False) in (0, None)
        out = capsys.readouterr().out
        assert " ".join(("Usage: engram", *path)) in out
        assert max(map(len, out.splitlines())) <= 80, path
        assert not re.search(r"<[a-zA-Z]|bool|int range|list\[", out), path


def test_the_help_that_users_see_is_that(engram):
    assert "--neurons" in engram("train", "--help")[1] and "<int>" not in engram("train", "--help")[1]


def test_values_are_named_by_what_they_are(group):
    shown = {p.opts[0]: p.metavar for p in group.commands["train"].params}
    assert [shown[name] for name in ("--neurons", "--checkpoint-seconds", "--rule", "--out", "--dt", "--quiet")] == [
        "N", "NUMBER", "NAME", "PATH", "MS", None,
    ]  # fmt: skip
    assert {p.opts[0]: p.metavar for p in group.commands["compare"].params}["--seeds"] == "LIST"


def test_shipped_models_tell_their_accuracy(engram):
    known = {"mean": 0.8113, "proportion": 0.8256, "logistic": 0.8612}
    assert json.loads(engram("info", "mnist-100-paper", "--json")[1])["accuracy"] == known
    _, out, _ = engram("info", "mnist-100-paper")
    accuracy = "82.56 % (proportion); otherwise 81.13 % (mean), 86.12 % (logistic), on all test images"
    assert f"accuracy   {accuracy}" in out


def test_the_list_of_models_fits_a_terminal(engram, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = engram("models")
    assert "…" not in out
    assert all(len(line) <= 80 for line in out.splitlines() if " %" in line)
    (line,) = [line for line in out.splitlines() if line.startswith("mnist-100-paper ")]
    assert " ".join(line.split()) == "mnist-100-paper 100 82.6 % 81.1 % 86.1 % 60,000 mnist 166"
