"""Runs of several workers, on the terminal of a person who watches."""

import io
import re
from dataclasses import dataclass
from types import SimpleNamespace

from rich.console import Console

from engram.cli import console, pools
from engram.pieces import Standing


@dataclass(frozen=True)
class _Piece:
    folder: str
    run: SimpleNamespace

    def __hash__(self):
        return hash(self.folder)


def test_runs_of_workers_are_bars_and_each_that_is_done_is_a_line(monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80, soft_wrap=True, color_system=None)
    for module in (console, pools):
        monkeypatch.setattr(module, "err", terminal)
    run = SimpleNamespace(
        read_summary=lambda: {"accuracy": {"proportion": 0.5}}, read_options=lambda: {"preset": "sharp"}
    )
    good, bad = _Piece("runs/good", run), _Piece("runs/bad", run)
    monkeypatch.setattr(Standing, "of", lambda piece: Standing("training", 25, 50, 0.25, "host:1"))
    with pools.shown(pool=object(), n=2, quiet=False) as view:
        for piece in (good, bad):
            view.on_begin(piece)
        view.on_wait([good, bad])
        view.on_done(good, None)
        view.on_done(bad, ValueError("too hot"))
        view.on_write()
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", terminal.file.getvalue())
    lines = [line.strip() for line in re.split(r"[\r\n]+", told)]
    assert "good: 50.00 % (proportion)" in lines
    assert "bad: failed: too hot" in lines
    assert any(re.match(r"runs .* 2/2 ", line) for line in lines)
    assert any(line.startswith("writing the table") for line in lines)
