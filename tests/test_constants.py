"""The table of constants beside the code that it is about."""

import sys
from pathlib import Path

import pytest

import engram

sys.path.insert(0, str(Path(__file__).parents[1] / "docs/_extensions"))
import constants

SOURCE = Path(engram.__file__).parent


def test_every_default_is_in_the_table_with_the_value_that_the_code_has():
    assert constants.mistakes() == []
    assert sum(len(lines) for _, lines in constants.PARTS.values()) > 100


@pytest.mark.parametrize("part", constants.PARTS)
def test_the_line_that_a_table_names_begins_the_code_that_it_names(part):
    for constant in constants.PARTS[part][1]:
        file, number = constant.place
        lines = (SOURCE / file).read_text(encoding="utf-8").splitlines()[number - 1 :]
        named = next(line for line in lines if not line.lstrip().startswith("@"))
        assert named.split()[:2][0] in ("def", "class"), constant
        assert constant.code.__name__ in named


def test_another_value_would_be_noticed(monkeypatch):
    part, lines = constants.PARTS["pair"]
    wrong = [constants.Constant("a_pre", 0.2, "", "", lines[0].code), *lines[1:]]
    monkeypatch.setitem(constants.PARTS, "pair", (part, wrong))
    assert constants.mistakes() == ["pair: a_pre is 0.1, the table has 0.2"]
