"""Tables on a terminal are no wider than it, and hold every cell whole."""

import pytest

from engram.cli.tables import fitted
from engram.comparison import table_cells

ACCURACY = {scheme: {"mean": 0.9412, "sd": 0.0031} for scheme in ("mean", "proportion", "logistic")}
RECORD = {
    "rule": "self_normalizing", "neurons": 400, "dataset": "digits", "seeds": 3, "accuracy": ACCURACY,
    "ms_per_example": 0.43, "processor_ms_per_example": 0.41, "spikes_per_image": 24.2, "l1_norm": 124.5,
    "l1_norm_sd": 5.1, "unassigned_neurons": 1.3, "examples": 10376,
}  # fmt: skip
FURTHER = {"theta_plus": 0.05, "source": "latency", "protocol.shown": 350.0, "network.excitatory.tau_m": 100.0}


def lines_of(options, width, n=2):
    head, rows, n_keys = table_cells([RECORD | {"options": options}] * n)
    return head, rows, fitted(head, rows, n_keys, width)


@pytest.mark.parametrize("options", [{}, FURTHER], ids=["few", "many"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_comparison_fits_a_terminal_and_nothing_of_it_is_cut(options, width):
    head, rows, lines = lines_of(options, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for cell in rows[0]:
        assert text.count(cell) >= 2
    for name in head:
        assert all(word in text for word in name.split())


def test_the_columns_that_tell_rows_apart_are_repeated_below():
    _, _, lines = lines_of({}, 80)
    assert [line.split()[:2] for line in lines if line.startswith("self")] == [["self_normalizing", "400"]] * 4
    assert lines.count("") == 1


def test_a_wide_terminal_has_all_in_one_table_with_numbers_below_each_other():
    assert fitted(["rule", "mean", "neurons without label"], [["a", "9.1", "3"], ["bcd", "10.2", "12"]], 1, 80) == [
        "            neurons",
        "            without",
        "rule  mean    label",
        "a      9.1        3",
        "bcd   10.2       12",
    ]


def test_rows_that_many_options_tell_apart_are_numbered():
    lines = fitted(["rule", "where", "mean"], [["a", "x" * 30, "9"], ["b", "y" * 30, "8"]], 2, 36)
    assert lines == [
        "#1  rule a, where", f"    {'x' * 30}", "#2  rule b, where", f"    {'y' * 30}", "",
        "    mean", "#1     9", "#2     8",
    ]  # fmt: skip
