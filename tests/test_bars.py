"""How far long work is, on 80 columns, in a log, and once it is done."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from engram.bars import Bars, LineBars, bars_on, span
from engram.callbacks import Callback, ProgressBar
from engram.runs import RunOptions
from tiny import CONFIG, tiny_run, tiny_training


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, soft_wrap=True, color_system=None)


def lines_on(console: Console) -> list[str]:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", console.file.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_80_columns_show_every_number_whole():
    console = terminal()
    bars = bars_on(console)
    task = bars.add_task("training", 180_000)
    bars.update(task, completed=123_456, note="1,234 images/s, accuracy 95.0 %, L1 norm 78.4 ± 0.6, runaway")
    bars.close()
    lines = lines_on(console)
    assert any(re.search(r"^training .*123,456/180,000 .*left$", line) for line in lines)
    assert "  1,234 images/s, accuracy 95.0 %, L1 norm 78.4 ± 0.6, runaway" in lines
    assert max(map(len, lines)) <= 80


def test_what_is_longer_than_the_terminal_goes_on_in_the_next_line():
    console = terminal(40)
    bars = bars_on(console)
    bars.update(bars.add_task("training", 10_000), completed=5_000, note="120 images/s, accuracy 95.0 %, L1 norm 78.4")
    bars.close()
    lines = lines_on(console)
    assert any("5,000/10,000" in line for line in lines)
    assert "78.4" in lines  # nothing is lost
    assert max(map(len, lines)) <= 40


def test_finished_bar_is_written_once_and_not_drawn_again():
    console = terminal()
    bars = bars_on(console)
    bars.update(bars.add_task("training", 100), completed=100, note="done well")
    written = console.file.getvalue().count("100/100")
    testing = bars.add_task("testing", 50)
    for done in range(50):
        bars.update(testing, completed=done)
    bars._live.refresh()
    bars.close()
    assert console.file.getvalue().count("100/100") == written
    assert lines_on(console).count("  done well") >= 1


def test_a_wait_is_named_until_something_else_is_told():
    console = terminal()
    bars = bars_on(console)
    bars.wait("drawing figures")
    bars._live.refresh()
    named = console.file.getvalue().count("drawing figures")
    assert named
    bars.update(bars.add_task("testing", 10), completed=1)
    bars.close()
    assert console.file.getvalue().count("drawing figures") == named


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told_every(seconds: float, n: int = 100) -> list[str]:
    clock, lines = Clock(), []
    bars = LineBars(lines.append, clock)
    task = bars.add_task("training", n)
    for done in range(1, n + 1):
        clock.now += seconds
        bars.update(task, completed=done, note="accuracy 95.0 %")
    return lines


def test_log_gets_a_line_every_five_per_cent_with_the_time_that_is_left():
    lines = told_every(1.0)
    assert len(lines) == 20
    assert lines[0] == "training: 5 of 100 (5 %), about 1 min 35 s left; accuracy 95.0 %"
    assert lines[-1] == "training: 100 of 100 in 1 min 40 s; accuracy 95.0 %"


def test_log_of_short_work_has_one_line_and_that_of_long_work_none_that_comes_late():
    assert told_every(0.001) == ["training: 100 of 100 in 0 s; accuracy 95.0 %"]
    assert len(told_every(400.0)) == 100


def test_time_left_of_a_resumed_task_is_that_of_its_present_speed():
    clock, lines = Clock(), []
    bars = LineBars(lines.append, clock)
    task = bars.add_task("training", 1_000, 900)
    clock.now = 50.0
    bars.update(task, completed=950)
    assert lines == ["training: 950 of 1,000 (95 %), about 50 s left"]


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min")])
def test_times_are_told_as_people_say_them(seconds, told):
    assert span(seconds) == told


def test_quiet_bars_are_none():
    bars = bars_on(terminal(), quiet=True)
    assert type(bars) is Bars
    bars.update(bars.add_task("training", 10), completed=10)
    bars.wait("drawing")
    bars.close()


def test_pipe_has_the_run_in_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("engram.bars.SHORTEST", float("inf"))
    monkeypatch.setattr("engram.bars.LONGEST", float("inf"))
    console = Console(file=io.StringIO(), force_terminal=False, width=80)
    tiny_run(tmp_path / "run", CONFIG, RunOptions(), [ProgressBar(console)])
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "taking the digest of the images …"
    told = [re.sub(r" in .*", "", line) for line in lines[1:]]
    assert told == [
        "training: 75 of 75",
        "labelling: 26 of 26",
        "learning what the neurons' spikes mean …",
        "testing: 6 of 6",
        "drawing: 7 of 7",
    ]


def test_every_wait_of_a_run_is_told_in_order(tmp_path):
    told = []

    class Watch(Callback):
        def on_wait(self, what):
            told.append(what)

        def on_count(self, what, done, total):
            if what not in told:
                told.append(what)

    tiny_run(tmp_path / "run", CONFIG, RunOptions(figures=False), [Watch()])
    assert told == ["taking the digest of the images", "labelling", "learning what the neurons' spikes mean", "testing"]
    assert tiny_training().examples == 0
