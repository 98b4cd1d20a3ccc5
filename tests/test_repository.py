"""What stands beside the code is true of it."""

import re
import tomllib
from pathlib import Path

import pytest

from engram import __version__, load_model
from engram.models import shipped_models

ROOT = Path(__file__).parents[1]


def test_citation_names_this_version():
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_changelog_begins_with_the_version_that_is_made():
    first = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    released, made = first.removeprefix("## ").partition(" ")[::2]
    assert __version__ == (f"{released}.dev0" if made == "(unreleased)" else released)


def test_version_is_written_in_one_place_of_the_code():
    named = [path.name for path in (ROOT / "src").rglob("*.py") if f'"{__version__}"' in path.read_text("utf-8")]
    assert named == ["_version.py"]
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_models_of_the_version_before_are_read():
    assert {model.version for model in shipped_models()} == {"0.1.0"}
    assert load_model("mnist-100").version == "0.1.0"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "REPRODUCING.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    ours = re.findall(r"`((?:src|docs|benchmarks|tests)/[\w./]+)`", text)
    called = re.findall(r"python (\S+\.py)", text)
    missing = [name for name in {*linked, *ours, *called} if not (ROOT / name).exists()]
    assert missing == []
    assert len(linked) + len(called) > 1


def test_pictures_of_the_readme_are_small():
    pictures = list((ROOT / "docs/pictures").glob("*.*g*"))
    assert len([path for path in pictures if path.suffix in (".png", ".gif")]) == 3
    assert sum(path.stat().st_size for path in pictures) < 700_000


def test_types_are_told_to_checkers():
    assert (ROOT / "src/engram/py.typed").is_file()
    assert '"engram" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()
