"""What a shell offers when Tab is pressed."""

import os
import subprocess
import sys

import pytest

from engram.cli import completion


def completed(*words: str) -> set[str]:
    """What bash is told for a command line, the last word of which is not finished."""
    environment = {
        **os.environ,
        "_ENGRAM_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("engram", *words)),
        "COMP_CWORD": str(len(words)),
    }
    code = "from engram.cli import main; main([])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    return set(result.stdout.split())


def test_bash_is_told_the_values_of_an_option():
    assert completed("train", "--rule", "p") >= {"pair", "power_law"}


@pytest.mark.parametrize(
    ("offer", "incomplete", "expected"),
    [
        (completion.rules, "tri", ["triplet"]),
        (completion.several_rules, "pair,tri", ["pair,triplet"]),
        (completion.presets, "", ["paper", "sharp"]),
        (completion.networks, "two", ["two-layers"]),
        (completion.datasets, "fashion", ["fashion-mnist"]),
        (completion.models, "mnist-4", ["mnist-400"]),
        (completion.schemes, "m", ["mean"]),
        (completion.offered_by("dtype"), "float3", ["float32"]),
    ],
)
def test_names_that_engram_knows_are_offered(tmp_path, monkeypatch, offer, incomplete, expected):
    monkeypatch.chdir(tmp_path)
    assert [value for value in offer(incomplete) if value in expected] == expected


def test_paths_are_offered_where_they_are_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "tri-1").mkdir(parents=True)
    (tmp_path / "triangle.py").write_text("")
    (tmp_path / "triangle.txt").write_text("")
    assert completion.rules("tri") == ["triplet", "triangle.py"]
    assert completion.models("runs/t") == ["runs/tri-1/"]
    assert completion.models("nowhere/t") == []


def test_every_command_offers_the_values_of_its_parameters():
    import typer

    from engram.cli.main import app

    group = typer.main.get_command(app)
    completion.attach(group)
    reader = {p.name: p for p in group.commands["read"].params}
    assert [item.value for item in reader["network"].shell_complete(None, "t")] == ["tutorial"]
    assert [item.value for item in reader["preset"].shell_complete(None, "")] == ["text", "more-evidence"]
    trainer = {p.name: p for p in group.commands["train"].params}
    assert "mnist-400" in [item.value for item in trainer["from_"].shell_complete(None, "mnist-")]
