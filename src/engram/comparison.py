"""Several rules, sizes and seeds, trained and tested alike: one table, one figure, and the learning curves.

Each combination is a run folder of its own, so an interrupted comparison continues where it was, on whatever workers.
"""

from __future__ import annotations

import csv
import io
import itertools
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from engram.config import TrainingConfig
from engram.errors import ConfigError
from engram.files import check_may_be_folder, to_json, write_atomically
from engram.pieces import Piece
from engram.plans import differing, flat_options, full_name, run_name, short_name, without_seed
from engram.pools import Here, Pool, work_through
from engram.pools.base import Watcher
from engram.readout import SCHEMES
from engram.run_folder import RunFolder

_CURVE_POINTS = 60


def comparison_runs(
    base: TrainingConfig, rules: Sequence[str], neurons: Sequence[int], seeds: Sequence[int]
) -> list[TrainingConfig]:
    """The configurations of a comparison: every rule at every size with every seed.

    Raises
    ------
    ConfigError
        If a rule cannot be made, or there is none.
    """
    if not (rules and neurons and seeds):
        raise ConfigError("A comparison needs at least one rule, one number of neurons and one seed.")
    once = (dict.fromkeys(neurons), dict.fromkeys(rules), dict.fromkeys(seeds))
    configs = [base.replace(rule=rule, neurons=n, seed=seed) for n, rule, seed in itertools.product(*once)]
    for config in configs:
        config.make_rule()
    base.make_source()
    return configs


def pieces_of(
    folder: str | Path, configs: Iterable[TrainingConfig], *, threads: int | None = None, figures: bool = False
) -> list[Piece]:
    """The runs of these configurations in a folder, each once.

    Runs that differ in rule, size and seed alone are called after these, others after all their options.

    Raises
    ------
    ConfigError
        If the folder holds a run with other options.
    """
    folder = Path(folder).absolute()
    if RunFolder(folder).holds_run:
        raise ConfigError(f"{folder} is the folder of a single run; choose another for the comparison with --out.")
    check_may_be_folder(folder, "--out")
    unique = list({full_name(config): config for config in configs}.values())
    plain = len({run_name(config) for config in unique}) == len(unique) and set(differing(unique)) <= {
        "rule",
        "neurons",
    }
    name, batch = run_name if plain else full_name, secrets.token_hex(8)
    pieces = [
        Piece(str(folder / name(config)), config.to_dict(), threads, figures=figures, batch=batch) for config in unique
    ]
    for piece in pieces:
        piece.check()
    return pieces


def compare(
    folder: str | Path,
    configs: Sequence[TrainingConfig],
    *,
    threads: int | None = None,
    pool: Pool | None = None,
    watcher: Watcher | None = None,
) -> list[dict]:
    """Train and test every configuration that is not done yet; write the table and the figures.

    Parameters
    ----------
    folder : str or Path
        Holds one run folder for each configuration, and the results as ``comparison.md``, ``.csv`` and ``.json``.
    configs : sequence of TrainingConfig
    threads : int, optional
        Of each run; as many as there are processors by default.
    pool : Pool, optional
        Who works on the runs; this process, one after another, by default. The result is the same.
    watcher : Watcher, optional

    Returns
    -------
    list of dict
        One record for each rule and size, see :func:`summarize_runs`.

    Raises
    ------
    Interrupted
        After Ctrl-C, once the state is saved.
    ConfigError
        If the folder holds runs with other options.
    """
    folder = Path(folder)
    pieces = pieces_of(folder, configs, threads=threads, figures=pool is None)
    failures: list[BaseException] = []

    def on_done(piece: Piece, error: BaseException | None) -> None:
        if error is not None:
            failures.append(error)
        else:
            write_tables(folder, recorded(pieces))

    finish_all(folder, pieces, pool or Here(), on_done, watcher)
    if failures:
        raise failures[0]
    if watcher is not None:
        watcher.on_write()
    records = recorded(pieces)
    write_comparison(folder, records)
    return records


def finish_all(folder: Path, pieces: Sequence[Piece], pool: Pool, on_done, watcher: Watcher | None) -> None:
    """Let a pool work on the pieces that are not done yet: all with one seed before the next, small ones first."""
    seeds = list(dict.fromkeys(piece.options["seed"] for piece in pieces))
    order = sorted(pieces, key=lambda piece: (seeds.index(piece.options["seed"]), piece.options["neurons"]))
    todo = iter([piece for piece in order if not piece.is_done])
    work_through(folder, pool, lambda: next(todo, None), on_done, watcher)


def recorded(pieces: Sequence[Piece]) -> list[dict]:
    """One record for each rule and size of which a run is done, see :func:`summarize_runs`."""
    done = [piece for piece in pieces if piece.is_done]
    runs = [(piece.config, piece.run.read_summary(), piece.run.read_metrics()) for piece in done]
    return summarize_runs(runs, differing([piece.config for piece in pieces]))


def summarize_runs(runs: Sequence[tuple[TrainingConfig, dict, list[dict]]], names: Sequence[str] = ()) -> list[dict]:
    """Mean and standard deviation over seeds, one record for all runs that differ in nothing else.

    Parameters
    ----------
    runs : sequence of tuple
        A run's configuration, summary and learning curve.
    names : sequence of str
        The options that tell the records apart.

    Returns
    -------
    list of dict
        The standard deviation is that of a sample; it is 0 for a single seed.
    """
    groups: dict[str, list[tuple[TrainingConfig, dict, list[dict]]]] = {}
    for run in runs:
        groups.setdefault(without_seed(run[0]), []).append(run)
    return [_record(group, names) for group in groups.values()]


def _record(group: Sequence[tuple[TrainingConfig, dict, list[dict]]], names: Sequence[str]) -> dict:
    config, summaries, curves = group[0][0], [run[1] for run in group], [run[2] for run in group]
    options, first = flat_options(config), summaries[0]
    accuracy = {
        scheme: dict(zip(("mean", "sd"), _mean_sd([s["accuracy"][scheme] for s in summaries]), strict=True))
        for scheme in SCHEMES
    }
    return {
        "rule": config.rule,
        "neurons": config.neurons,
        "dataset": config.dataset,
        "options": {short_name(name): options.get(name) for name in names},
        "seeds": len(group),
        "accuracy": accuracy,
        "ms_per_example": float(np.mean([s["ms_per_example"] for s in summaries])),
        "processor_ms_per_example": processor_ms(summaries),
        "seconds": float(np.mean([s["seconds"] for s in summaries])),
        "spikes_per_image": float(np.mean([curve[-1]["spikes_per_image"] for curve in curves])),
        "l1_norm": float(np.mean([s["l1_norm"]["mean"] for s in summaries])),
        "l1_norm_sd": float(np.mean([s["l1_norm"]["sd"] for s in summaries])),
        "unassigned_neurons": float(np.mean([s["evaluation"]["unassigned_neurons"] for s in summaries])),
        "examples": first["examples"],
        "n_label": first["evaluation"]["n_label"],
        "n_test": first["evaluation"]["n_test"],
        "digests": {str(c.seed): s.get("digest", "") for c, s, _ in group},
        "curve": _mean_curve(curves),
    }


def _mean_curve(curves: Sequence[list[dict]]) -> dict:
    """Accuracy on the images just met against images seen, over the seeds."""
    curves = [[point for point in curve if point["accuracy"] is not None] for curve in curves]
    shared = sorted(set.intersection(*[{point["examples"] for point in curve} for curve in curves]))
    shared = shared[:: max(1, len(shared) // _CURVE_POINTS)]
    by_run = [{point["examples"]: point["accuracy"] for point in curve} for curve in curves]
    return {"examples": shared, "accuracy": [float(np.mean([run[n] for run in by_run])) for n in shared]}


def write_tables(folder: Path, records: list[dict]) -> None:
    """Write a comparison's table as Markdown, CSV and JSON."""
    write_atomically(folder / "comparison.json", to_json(records))
    write_atomically(folder / "comparison.md", markdown_table(records).encode())
    write_atomically(folder / "comparison.csv", csv_table(records).encode())


def write_comparison(folder: Path, records: list[dict]) -> None:
    """Write a comparison's tables, its figure, and its learning curves."""
    from engram import figures

    write_tables(folder, records)
    names = [record_name(record) for record in records]
    accuracy = {
        scheme: tuple([record["accuracy"][scheme][part] for record in records] for part in ("mean", "sd"))
        for scheme in SCHEMES
    }
    figures.save(figures.rule_comparison(names, accuracy), folder / "comparison")
    curves = {name: tuple(record["curve"].values()) for name, record in zip(names, records, strict=True)}
    figures.save(figures.learning_curves(curves), folder / "curves")


def record_name(record: dict) -> str:
    """What a record is called in figures: its rule and size, and whatever else tells it from others."""
    further = [
        f"{name} {_shown(value)}" for name, value in record["options"].items() if name not in ("rule", "neurons")
    ]
    return ", ".join([record["rule"], f"{record['neurons']:,}", *further])


def markdown_table(records: list[dict]) -> str:
    """The comparison as a Markdown table; accuracies in percent, mean ± standard deviation over seeds."""
    head, rows, _ = table_cells(records)
    return as_markdown(head, rows)


def as_markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def table_cells(records: list[dict]) -> tuple[list[str], list[list[str]], int]:
    """The names of a table's columns, its rows, and how many of the first columns tell rows apart."""
    further = [name for name in records[0]["options"] if name not in ("rule", "neurons")] if records else []
    head = ["rule", "neurons", *further, "seeds", *SCHEMES, "images", name_of_time(records), "spikes/image", "L1 norm",
            "neurons without label"]  # fmt: skip
    rows = []
    for record in records:
        accuracies = [percent(record, scheme) for scheme in SCHEMES]
        norm = f"{record['l1_norm']:.1f} ± {record['l1_norm_sd']:.1f}"
        rows.append(
            [record["rule"], f"{record['neurons']:,}", *[_shown(record["options"][name]) for name in further],
             str(record["seeds"]), *accuracies, f"{record['examples']:,}", time_of(record, records),
             f"{record['spikes_per_image']:.1f}", norm, f"{record['unassigned_neurons']:.1f}"]
        )  # fmt: skip
    return head, rows, 2 + len(further)


def csv_table(records: list[dict]) -> str:
    """The comparison as CSV; accuracies as fractions."""
    text = io.StringIO()
    flat = []
    for record in records:
        row = {n: v for n, v in record.items() if n not in ("accuracy", "curve", "options", "digests")}
        row |= {name: value for name, value in record["options"].items() if name not in row}
        for scheme in SCHEMES:
            for part, value in record["accuracy"][scheme].items():
                row[f"{scheme}_{part}"] = value
        flat.append(row)
    writer = csv.DictWriter(text, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def processor_ms(summaries: Sequence[dict]) -> float | None:
    """Processor time of training, ms an image, the mean over those runs that know it; None if none does."""
    known = [1000 * s["processor_seconds"] / s["examples"] for s in summaries if s.get("processor_seconds")]
    return float(np.mean(known)) if known else None


def name_of_time(records: Sequence[dict]) -> str:
    """What the time of training in a table is: the processor's, which is the same on a busy machine, where known."""
    return "processor ms/image" if any(map(_processor_ms, records)) else "wall ms/image"


def time_of(record: dict, records: Sequence[dict]) -> str:
    """The time of training in a row of a table; marked where it is another than in the rows beside it."""
    known = _processor_ms(record)
    if known is not None:
        return f"{known:.2f}"
    return f"{record['ms_per_example']:.2f}" + (" (wall)" if any(map(_processor_ms, records)) else "")


def _processor_ms(record: dict) -> float | None:
    return record.get("processor_ms_per_example")


def percent(record: dict, scheme: str) -> str:
    """A mean in percent and, where there are several seeds to tell it, its standard deviation."""
    accuracy = record["accuracy"][scheme]
    spread = f" ± {100 * accuracy['sd']:.2f}" if record["seeds"] > 1 else ""
    return f"{100 * accuracy['mean']:.2f}{spread}"


def _shown(value) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _mean_sd(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
