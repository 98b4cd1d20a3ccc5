"""A sweep: which constants read best, on training images held out for that; test images take no part.

A trial is one choice of constants, trained with every seed. Each of its runs is a run folder, so an interrupted sweep
goes on where it was, and one that is planned anew keeps what it shares with the old plan.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.comparison import as_markdown, name_of_time, percent, processor_ms, time_of
from engram.config import TrainingConfig
from engram.errors import ConfigError, HealthError, RuleError
from engram.files import check_may_be_folder, exists, read_regular, to_json, write_atomically
from engram.named import NamedParameters
from engram.pieces import Piece
from engram.plans import differing, flat_options, full_name, short_name
from engram.pools import Here, Pool, work_through
from engram.pools.base import Watcher
from engram.readout import HEADLINE, SCHEMES
from engram.run_folder import RunFolder
from engram.search import SEARCHES, Sampler, grid_trials
from engram.validation import check_choice, check_count

VALIDATION_SHARE = 6
"""One in so many training images is held out, unless a number is given: 10,000 of MNIST's 60,000."""

_TRIALS = "trials.json"
_MAX_BYTES = 1 << 26


@dataclass(frozen=True, kw_only=True)
class SweepOptions(NamedParameters):
    """How a sweep searches.

    Parameters
    ----------
    search : {"grid", "random", "tpe"}
        Every combination of lists; or draws from lists and ranges, at random or near what was best, by Optuna.
    trials : int, optional
        How many are drawn, 30 by default; a grid, which tries every combination, has none.
    seeds : tuple of int
        Each trial is trained with all of them; its accuracy is the mean.
    scheme : {"mean", "proportion", "logistic"}
        Whose accuracy counts, see :class:`engram.readout.Readout`.
    threads : int, optional
        Of each run; as many as there are processors by default.
    """

    search: str = "grid"
    trials: int | None = None
    seeds: tuple[int, ...] = (0,)
    scheme: str = HEADLINE
    threads: int | None = None

    def __post_init__(self):
        check_choice("search", self.search, SEARCHES)
        check_choice("scheme", self.scheme, SCHEMES)
        if self.trials is not None:
            check_count("trials", self.trials)
            if self.search == "grid":
                raise ConfigError(
                    "A grid tries every combination, so that trials are for a search of random or tpe; name one, or"
                    " leave them out."
                )
        if not self.seeds:
            raise ConfigError("A sweep needs at least one seed.")

    @property
    def n_drawn(self) -> int:
        """How many trials a search draws."""
        return 30 if self.trials is None else self.trials


class Trial:
    """One choice of constants and its runs.

    Parameters
    ----------
    config : TrainingConfig
        With any seed.
    pieces : list of Piece
        One for each seed.
    values : dict
        What was drawn, by the names of the options; empty in a grid.
    """

    def __init__(self, config: TrainingConfig, pieces: list[Piece], values: Mapping | None = None):
        self.config, self.pieces, self.values = config, pieces, dict(values or {})
        self.failure = ""

    @property
    def is_over(self) -> bool:
        """Whether all its runs are done, or one failed."""
        return bool(self.failure) or all(piece.is_done for piece in self.pieces)

    def accuracies(self, scheme: str) -> list[float]:
        """Of the runs that are done."""
        return [s["accuracy"][scheme] for s in (piece.run.read_summary() for piece in self.pieces) if "accuracy" in s]

    def accuracy(self, scheme: str) -> float | None:
        """The mean over its runs; None if one failed."""
        return None if self.failure or not self.is_over else float(np.mean(self.accuracies(scheme)))


def sweep(
    folder: str | Path,
    blocks: Sequence[Mapping],
    options: SweepOptions | None = None,
    *,
    pool: Pool | None = None,
    watcher: Watcher | None = None,
) -> list[dict]:
    """Try constants on held-out training images; write the table, the figure and the best configuration.

    Parameters
    ----------
    folder : str or Path
        Holds one run folder for each trial and seed, and ``sweep.md``, ``.csv``, ``.json``, ``.png`` and ``.svg``,
        and ``best.toml``, which ``engram train --config`` takes.
    blocks : sequence of mapping
        Options of :class:`engram.TrainingConfig`, in which a list or a range stands for several values, see
        :mod:`engram.plans`.
    options : SweepOptions, optional
    pool : Pool, optional
        Who works on the runs; this process, one after another, by default. Each run's result is the same.
    watcher : Watcher, optional

    Returns
    -------
    list of dict
        One record for each trial, best first.

    Raises
    ------
    Interrupted
        After Ctrl-C, once the state is saved.
    ConfigError
        If an option cannot be used, or the folder holds something else.

    Examples
    --------
    >>> from engram.sweep import sweep
    >>> block = {"dataset": "digits", "neurons": 50, "constants": {"eta": [0.01, 0.02, 0.05]}}
    >>> records = sweep("runs/eta", [block])  # doctest: +SKIP
    """
    folder, options = Path(folder).absolute(), options or SweepOptions()
    if RunFolder(folder).holds_run:
        raise ConfigError(f"{folder} is the folder of a single run; choose another for the sweep with --out.")
    check_may_be_folder(folder, "--out")
    if options.search == "grid":
        _ = list(grid_trials(blocks))  # what cannot be is told before images are read
    blocks = [_held_out(block) for block in blocks]
    kind = _Grid if options.search == "grid" else _Search
    trials = kind(folder, blocks, options)
    work_through(folder, pool or Here(), trials.next_piece, trials.on_done, watcher)
    if watcher is not None:
        watcher.on_write()
    records = trials.write()
    draw_sweep(folder, records, options.scheme)
    return records


class _Trials:
    """The trials of a sweep, and the pieces that are still to be handed out."""

    def __init__(self, folder: Path, options: SweepOptions):
        self.folder, self.options, self.batch = folder, options, secrets.token_hex(8)
        self.trials: list[Trial] = []
        self._queue: list[Piece] = []

    def add(self, config: TrainingConfig, values: Mapping | None = None) -> Trial:
        """A further trial; what is done of it already is not done again."""
        pieces = []
        for seed in self.options.seeds:
            own = config.replace(seed=seed)
            piece = Piece(str(self.folder / full_name(own)), own.to_dict(), self.options.threads, batch=self.batch)
            piece.check()
            pieces.append(piece)
        trial = Trial(config, pieces, values)
        self.trials.append(trial)
        queued = set(self._queue)
        self._queue += [piece for piece in pieces if not piece.is_done and piece not in queued]
        return trial

    def next_piece(self) -> Piece | None:
        """The next run to be done; None if there is none now."""
        while self._queue:
            piece = self._queue.pop(0)
            if not any(piece in trial.pieces and trial.failure for trial in self.trials):
                return piece
        return None

    def on_done(self, piece: Piece, error: BaseException | None) -> None:
        """Take note of a run; constants that a rule cannot work with are a result as well."""
        if error is not None:
            if not isinstance(error, (RuleError, HealthError)):
                raise error
            for trial in self.trials:
                if piece in trial.pieces:
                    trial.failure = str(error)
        self.write()

    def write(self) -> list[dict]:
        """Write what is known so far; return its records."""
        scheme = self.options.scheme
        over = [trial for trial in self.trials if trial.is_over]
        over.sort(key=lambda trial: -1.0 if (accuracy := trial.accuracy(scheme)) is None else accuracy, reverse=True)
        names = differing([trial.config for trial in self.trials]) or ["neurons"]
        records = [_record(trial, names) for trial in over]
        if records:
            write_tables(self.folder, records)
        if over and not over[0].failure:
            best = over[0].config.replace(validation_examples=None, seed=self.options.seeds[0])
            write_atomically(self.folder / "best.toml", best.to_toml().encode())
        return records


class _Grid(_Trials):
    """All combinations."""

    def __init__(self, folder: Path, blocks: Sequence[Mapping], options: SweepOptions):
        super().__init__(folder, options)
        for config in {full_name(config): config for config in grid_trials(blocks)}.values():
            self.add(config)


class _Search(_Trials):
    """As many trials as were asked for, each drawn when a worker is free."""

    def __init__(self, folder: Path, blocks: Sequence[Mapping], options: SweepOptions):
        super().__init__(folder, options)
        if len(blocks) != 1:
            raise ConfigError(f"A search draws from one block of options, got {len(blocks)}; leave [[runs]] out.")
        self.sampler = Sampler(blocks[0], options.search, options.seeds[0])
        self._told: set[int] = set()
        for values in self._drawn_before():
            if len(self.trials) < options.n_drawn:
                self.add(self.sampler.config(values), values)
        self._tell()

    def next_piece(self) -> Piece | None:
        """The next run, of a new trial if need be."""
        while (piece := super().next_piece()) is None and len(self.trials) < self.options.n_drawn:
            self._tell()
            values = self.sampler.draw(len(self.trials))
            self.add(self.sampler.config(values), values)
            self._keep_drawn()
        return piece

    def on_done(self, piece: Piece, error: BaseException | None) -> None:
        """Take note of a run, also for the draws that follow."""
        super().on_done(piece, error)
        self._tell()

    def _tell(self) -> None:
        for number, trial in enumerate(self.trials):
            if trial.is_over and number not in self._told:
                self._told.add(number)
                self.sampler.tell(trial.values, trial.accuracy(self.options.scheme))

    def _keep_drawn(self) -> None:
        drawn = {"varied": sorted(self.sampler.varied), "trials": [trial.values for trial in self.trials]}
        write_atomically(self.folder / _TRIALS, to_json(drawn))

    def _drawn_before(self) -> list[dict]:
        """The draws of the same search, interrupted."""
        file = self.folder / _TRIALS
        if not exists(file):
            return []
        try:
            kept = json.loads(read_regular(file, _MAX_BYTES))
            same = kept["varied"] == sorted(self.sampler.varied)
            trials = [dict(values) for values in kept["trials"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(f"{file} is damaged: {error}; remove it, or choose another folder with --out.") from None
        if not same:
            raise ConfigError(f"{self.folder} holds a search of other options; choose another folder with --out.")
        return trials


def _held_out(block: Mapping) -> dict:
    """A block whose runs read training images that were held out."""
    if block.get("validation_examples") is not None:
        return dict(block)
    config = TrainingConfig.from_dict({name: block[name] for name in ("dataset", "data") if name in block})
    n_train = len(config.load_data().train_images)
    return {**block, "validation_examples": max(1, n_train // VALIDATION_SHARE)}


def _record(trial: Trial, names: Sequence[str]) -> dict:
    options = flat_options(trial.config)
    summaries = [s for s in (piece.run.read_summary() for piece in trial.pieces) if "accuracy" in s]
    record = {
        "options": {short_name(name): options.get(name) for name in names},
        "seeds": len(trial.pieces),
        "failure": trial.failure,
    }
    if trial.failure:
        return record
    spread = {scheme: [s["accuracy"][scheme] for s in summaries] for scheme in SCHEMES}
    return record | {
        "accuracy": {
            scheme: {"mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)) if len(v) > 1 else 0.0}
            for scheme, v in spread.items()
        },
        "ms_per_example": float(np.mean([s["ms_per_example"] for s in summaries])),
        "processor_ms_per_example": processor_ms(summaries),
        "unassigned_neurons": float(np.mean([s["evaluation"]["unassigned_neurons"] for s in summaries])),
        "n_validation": summaries[0]["evaluation"]["n_test"],
        "digests": {
            str(piece.options["seed"]): s.get("digest", "") for piece, s in zip(trial.pieces, summaries, strict=True)
        },
    }


def write_tables(folder: Path, records: list[dict]) -> None:
    """Write a sweep's table as Markdown, CSV and JSON."""
    write_atomically(folder / "sweep.json", to_json(records))
    write_atomically(folder / "sweep.md", sweep_table(records).encode())
    write_atomically(folder / "sweep.csv", _csv(records).encode())


def draw_sweep(folder: Path, records: list[dict], scheme: str) -> None:
    """Draw a sweep's figure."""
    from engram import figures

    done = [record for record in records if not record["failure"]]
    if done:
        tried = {name: [record["options"][name] for record in done] for name in done[0]["options"]}
        accuracy = [record["accuracy"][scheme]["mean"] for record in done]
        figures.save(figures.sweep(tried, accuracy, scheme=scheme), folder / "sweep")


def sweep_table(records: list[dict]) -> str:
    """The sweep as a Markdown table, best first; accuracies on held-out training images in percent."""
    head, rows, _ = sweep_cells(records)
    return as_markdown(head, rows)


def sweep_cells(records: list[dict]) -> tuple[list[str], list[list[str]], int]:
    """As :func:`engram.comparison.table_cells`."""
    names = list(records[0]["options"])
    head = [*names, "seeds", *SCHEMES, name_of_time(records), "neurons without label"]
    rows = []
    for record in records:
        options = [_text(record["options"][name]) for name in names]
        if record["failure"]:
            rows.append([*options, str(record["seeds"]), "failed", *[""] * (len(SCHEMES) + 1)])
            continue
        rows.append(
            [*options, str(record["seeds"]), *[percent(record, scheme) for scheme in SCHEMES],
             time_of(record, records), f"{record['unassigned_neurons']:.1f}"]
        )  # fmt: skip
    return head, rows, len(names)


def _csv(records: list[dict]) -> str:
    text = io.StringIO()
    names = list(records[0]["options"])
    measured = [f"{scheme}_{part}" for scheme in SCHEMES for part in ("mean", "sd")]
    times = ["ms_per_example", "processor_ms_per_example"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "seeds", *measured, *times, "unassigned_neurons", "failure"])
    for record in records:
        accuracy = record.get("accuracy", {})
        numbers = [accuracy[scheme][part] if accuracy else "" for scheme in SCHEMES for part in ("mean", "sd")]
        writer.writerow(
            [*record["options"].values(), record["seeds"], *numbers, *[record.get(time, "") for time in times],
             record.get("unassigned_neurons", ""), record["failure"]]
        )  # fmt: skip
    return text.getvalue()


def _text(value) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
