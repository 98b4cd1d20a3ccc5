"""How numbers are said."""

import re
from pathlib import Path

import engram
from engram.wording import plural


def test_one_is_singular():
    assert [plural(n, "neuron") for n in (0, 1, 2, 6400)] == ["0 neurons", "1 neuron", "2 neurons", "6,400 neurons"]


def test_no_command_writes_a_count_before_a_noun_that_is_always_plural():
    nouns = "neurons|images|spikes|routines|inputs|presentations"
    for file in (Path(engram.__file__).parent / "cli").glob("*.py"):
        counted = re.findall(rf"\{{(?!total|sum|len)[^{{}}]+\}} (?:{nouns})\b", file.read_text(encoding="utf-8"))
        assert counted == [], file.name
