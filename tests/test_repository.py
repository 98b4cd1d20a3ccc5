"""What stands beside the code is true of it, and the code keeps its form."""

import ast
import graphlib
import importlib.util
import re
import statistics
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram import __version__, load_model
from engram.models import shipped_models

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/engram"


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
    assert {model.version for model in shipped_models()} == {"0.1.0", __version__}
    assert load_model("mnist-100-paper").version == "0.1.0"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "REPRODUCING.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    ours = re.findall(r"`((?:src|docs|benchmarks|tests)/[\w./]+)`", text)
    called = re.findall(r"python (\S+\.py)", text)
    missing = [name for name in {*linked, *ours, *called} if not (ROOT / name).exists()]
    assert missing == []
    assert len(linked) + len(called) > 1


def test_reproducing_has_every_kept_measurement_and_the_command_of_each():
    text = (ROOT / "REPRODUCING.md").read_text()
    kept = [*(ROOT / "docs/measured").glob("*.json"), *(ROOT / "benchmarks/results").glob("*.json*")]
    assert [path.name for path in kept if path.name not in text] == []
    assert [path.name for path in (ROOT / "benchmarks").glob("*.py") if f"benchmarks/{path.name}" not in text] == []
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    assert all(len(row) == 5 and all(cell.strip() for cell in row) for row in rows)


def test_gallery_has_every_page_that_shows_a_figure():
    named = re.search(r"```\{gallery\}\n(.*?)```", (ROOT / "docs/gallery.md").read_text(), re.DOTALL)[1].split()
    draws = re.compile(r"figures\.\w+\(|plt\.|axes\.plot|draw\(")
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "{code-cell}" in path.read_text("utf-8")]
    drawing = {
        str(path.relative_to(ROOT / "docs").with_suffix("")) for path in pages if draws.search(path.read_text("utf-8"))
    }
    assert drawing - set(named) == set()


def test_every_executed_page_whose_code_is_shown_is_offered_as_a_notebook():
    sys.path.insert(0, str(ROOT / "docs/_extensions"))
    import notebooks

    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")}
    offered = {name for name, text in pages.items() if notebooks.has_code(text)}
    assert {"3_lif", "own_rule", "how_to", "getting_started"} <= offered
    assert not offered & {"constants", "index", "changelog", "forgetting"}


def test_what_the_kernels_of_pages_have_imported_ahead_exists():
    text = (ROOT / "docs/_extensions/warm_kernels.py").read_text()  # a name that is not there would be passed over
    named = re.findall(r'"(engram\.[\w.]+)"', text)
    assert len(named) > 10
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


def test_pictures_of_the_readme_are_small():
    pictures = list((ROOT / "docs/pictures").glob("*.*g*"))
    assert len([path for path in pictures if path.suffix in (".png", ".gif")]) == 3
    assert sum(path.stat().st_size for path in pictures) < 700_000


def test_types_are_told_to_checkers():
    assert (ROOT / "src/engram/py.typed").is_file()
    assert '"engram" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_functions_are_short():
    lengths = {}
    for path, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lengths[f"{path.name}:{node.lineno} {node.name}"] = _lines_of(node)
    assert {name: length for name, length in lengths.items() if length > 80} == {}
    assert statistics.median(lengths.values()) <= 7


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    """The package's modules as they are parsed, one at a time: together they are millions of objects."""
    for path in PACKAGE.rglob("*.py"):
        yield path, ast.parse(path.read_text("utf-8"))


def _lines_of(function) -> int:
    """The lines of a function, without its docstring."""
    told, first = ast.get_docstring(function) is not None, function.body[0]
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if told else 0)


def test_modules_import_each_other_in_no_circle():
    names = {
        path: ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for path in (ROOT / "src/engram").rglob("*.py")
    }
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    graph = {names[path]: _imported(tree, set(names.values())) - {names[path]} for path, tree in _trees()}
    assert "engram.plasticity.base" in graph["engram.plasticity.triplet"]
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def _imported(node: ast.AST, modules) -> set[str]:
    """The package's modules that one imports while it is itself imported."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.module in modules:
            inner = {f"{child.module}.{alias.name}" for alias in child.names}
            found |= inner & modules or {child.module}
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= _imported(child, modules)
    return found
