"""How numbers and sizes are said."""

import re
from pathlib import Path

import engram
from engram.wording import example_noun, in_sizes, plural


def test_one_is_singular():
    assert [plural(n, "neuron") for n in (0, 1, 2, 6400)] == ["0 neurons", "1 neuron", "2 neurons", "6,400 neurons"]


def test_sizes_are_height_by_width_and_say_so_where_it_makes_a_difference():
    assert in_sizes("scaled {} to {}", (90, 120), (28, 28)) == "scaled 90×120 to 28×28 (height × width)"
    assert in_sizes("{} pixels", (28, 28)) == "28×28 pixels"


def test_no_command_writes_a_count_before_a_noun_that_is_always_plural():
    nouns = "neurons|images|spikes|routines|inputs|presentations"
    for file in (Path(engram.__file__).parent / "cli").glob("*.py"):
        counted = re.findall(rf"\{{(?!total|sum|len)[^{{}}]+\}} (?:{nouns})\b", file.read_text(encoding="utf-8"))
        assert counted == [], file.name


def test_what_is_no_picture_is_called_by_what_it_is():
    assert example_noun((28, 28)) == "image"
    assert example_noun((34, 68), recorded=True) == "recording"
    assert example_noun(None) == "row"
