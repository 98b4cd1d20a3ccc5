"""Several rules, sizes and seeds, trained and tested alike: one table and one figure.

Each combination is a run folder of its own, so an interrupted comparison continues where it was.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from engram.callbacks import Callback
from engram.config import TrainingConfig, code_named
from engram.errors import ConfigError
from engram.files import to_json, write_atomically
from engram.readout import SCHEMES
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run
from engram.training import Training

OnRun = Callable[[int, int, TrainingConfig], Iterable[Callback]]
"""Called before each run with its number, how many there are, and its options; returns the run's callbacks."""


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


def compare(
    folder: str | Path,
    configs: Sequence[TrainingConfig],
    *,
    threads: int | None = None,
    on_run: OnRun | None = None,
) -> list[dict]:
    """Train and test every configuration that is not done yet; write the table and the figure.

    Parameters
    ----------
    folder : str or Path
        Holds one run folder for each configuration, and the results as ``comparison.md``, ``.csv`` and ``.json``.
    configs : sequence of TrainingConfig
    threads : int, optional
        As many as there are processors by default.
    on_run : callable, optional

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
    if RunFolder(folder).holds_run:
        raise ConfigError(f"{folder} is the folder of a single run; choose another for the comparison with --out.")
    data = configs[0].load_data()
    summaries = []
    for number, config in enumerate(configs, start=1):
        run = RunFolder(folder / run_name(config))
        if run.holds_run and run.read_config() != config:
            raise ConfigError(f"{run.path} holds a run with other options; choose another folder with --out.")
        if "accuracy" not in run.read_summary():
            _train(run, config, data, threads, on_run(number, len(configs), config) if on_run else ())
        summaries.append((config, run.read_summary()))
        records = summarize_runs(summaries)
        write_comparison(folder, records)
    return records


def _train(run: RunFolder, config: TrainingConfig, data, threads, callbacks: Iterable[Callback]) -> None:
    if run.holds_run:
        own = {part: code_named({part: getattr(config, part)}, part) or None for part in ("rule", "source")}
        training = resume_run(run, dataset=data, **own, threads=threads)
    else:
        training = Training(config, data, threads=threads)
        start_run(run, config, overwrite=True)
    try:
        run_training(run, training, RunOptions(threads=threads), callbacks)
    finally:
        run.release()


def run_name(config: TrainingConfig) -> str:
    """The folder of one configuration within a comparison."""
    rule = Path(config.rule.partition(":")[0]).stem if ":" in config.rule else config.rule
    kind = f"-{config.rule.partition(':')[2]}" if ":" in config.rule else ""
    return f"{rule}{kind}-{config.neurons}-seed{config.seed}"


def summarize_runs(runs: Sequence[tuple[TrainingConfig, dict]]) -> list[dict]:
    """Mean and standard deviation over seeds, one record for each rule and size.

    The standard deviation is that of a sample; it is 0 for a single seed.
    """
    groups: dict[tuple[int, str], list[dict]] = {}
    for config, summary in runs:
        groups.setdefault((config.neurons, config.rule), []).append(summary)
    records = []
    for (neurons, rule), group in groups.items():
        accuracy = {
            scheme: dict(zip(("mean", "sd"), _mean_sd([s["accuracy"][scheme] for s in group]), strict=True))
            for scheme in SCHEMES
        }
        records.append(
            {
                "rule": rule,
                "neurons": neurons,
                "seeds": len(group),
                "accuracy": accuracy,
                "ms_per_example": float(np.mean([s["ms_per_example"] for s in group])),
                "l1_norm": float(np.mean([s["l1_norm"]["mean"] for s in group])),
                "l1_norm_sd": float(np.mean([s["l1_norm"]["sd"] for s in group])),
                "unassigned_neurons": float(np.mean([s["evaluation"]["unassigned_neurons"] for s in group])),
                "examples": group[0]["examples"],
                "n_label": group[0]["evaluation"]["n_label"],
            }
        )
    return records


def write_comparison(folder: Path, records: list[dict]) -> None:
    """Write a comparison's table as Markdown, CSV and JSON, and its figure."""
    from engram import figures

    write_atomically(folder / "comparison.json", to_json(records))
    write_atomically(folder / "comparison.md", markdown_table(records).encode())
    write_atomically(folder / "comparison.csv", csv_table(records).encode())
    names = [f"{record['rule']}, {record['neurons']:,}" for record in records]
    accuracy = {
        scheme: tuple([record["accuracy"][scheme][part] for record in records] for part in ("mean", "sd"))
        for scheme in SCHEMES
    }
    figures.save(figures.rule_comparison(names, accuracy), folder / "comparison")


def markdown_table(records: list[dict]) -> str:
    """The comparison as a Markdown table; accuracies in percent, mean ± standard deviation over seeds."""
    head = ["rule", "neurons", "seeds", *SCHEMES, "ms/image", "L1 norm", "neurons without label"]
    rows = [head, ["---"] * len(head)]
    for record in records:
        accuracies = [_percent(record["accuracy"][scheme]) for scheme in SCHEMES]
        norm = f"{record['l1_norm']:.1f} ± {record['l1_norm_sd']:.1f}"
        rows.append(
            [record["rule"], f"{record['neurons']:,}", str(record["seeds"]), *accuracies,
             f"{record['ms_per_example']:.2f}", norm, f"{record['unassigned_neurons']:.1f}"]
        )  # fmt: skip
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def csv_table(records: list[dict]) -> str:
    """The comparison as CSV; accuracies as fractions."""
    text = io.StringIO()
    flat = []
    for record in records:
        row = {name: value for name, value in record.items() if name != "accuracy"}
        for scheme in SCHEMES:
            for part, value in record["accuracy"][scheme].items():
                row[f"{scheme}_{part}"] = value
        flat.append(row)
    writer = csv.DictWriter(text, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _percent(accuracy: dict) -> str:
    return f"{100 * accuracy['mean']:.2f} ± {100 * accuracy['sd']:.2f}"


def _mean_sd(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
