"""The results as tables: on the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RULE_NAMES = {"self_normalizing": "self-normalizing"}
TRAIN, TEST = ("train", 0.5), ("test", 0.5)
PHASES = {"train": "training", "test": "learning off"}


@dataclass(frozen=True)
class Table:
    """A heading, the columns' names, the rows; the first `n_text` columns are words."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]]
    n_text: int


def line(record: dict) -> str:
    """A measurement in a line, for those who wait."""
    what = ", ".join((record.get("simulator", "engram"), *subject(record)))
    if "absent" in record:
        return f"{what}: {record['absent']}"
    if "two_ms" in record:
        return f"{what}: one thread {number(record['one_ms'])}, two {number(record['two_ms'])} ms an image"
    return f"{what}: {number(record['ms'])} ms an image"


def number(value: float | None) -> str:
    """Three significant digits, with separators of thousands."""
    if value is None:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def tables(results: dict) -> list[Table]:
    """Everything that was measured."""
    return [comparison(results), startup(results), engram_alone(results), threads(results), floor(results)]


def comparison(results: dict) -> Table:
    """Simulators beside each other, by preset, size and rule."""
    by_key = {key(record): record for record in results["measurements"]}
    rows = []
    trained = [k for k in by_key if k[4:] == TRAIN]
    for name, preset, n, rule, *_ in sorted(trained, key=lambda k: (k[1], k[2])):
        own_rule = rule if ("engram", preset, n, rule, *TRAIN) in by_key else "self_normalizing"
        train, test = by_key[name, preset, n, rule, *TRAIN], by_key.get((name, preset, n, rule, *TEST))
        rows.append(
            (
                preset,
                f"{n:,}",
                name,
                RULE_NAMES.get(rule, rule),
                *times(train, by_key.get(("engram", preset, n, own_rule, *TRAIN))),
                *(times(test, by_key.get(("engram", preset, n, own_rule, *TEST))) if test else ("", "")),
                number(train.get("exc_spikes")),
                number(train.get("peak_mib")),
            )
        )
    columns = (
        "preset", "neurons", "simulator", "rule", "ms per training image", "× engram", "ms per test image", "× engram",
        "excitatory spikes", "peak MiB",
    )  # fmt: skip
    return Table("Time per image, one core", columns, rows, 4)


def key(record: dict) -> tuple:
    """What tells measurements apart."""
    names = ("simulator", "preset", "n_neurons", "rule", "phase", "dt")
    return tuple(record[name] for name in names)


def times(record: dict, engram: dict | None) -> tuple[str, str]:
    """Milliseconds and their ratio to engram's, or why there are none."""
    if "absent" in record:
        return record["absent"], ""
    ratio = record["ms"] / engram["ms"] if engram and "ms" in engram else None
    return number(record["ms"]), number(ratio) if record["simulator"] != "engram" else "1"


def startup(results: dict) -> Table:
    """How long until something is learned."""
    rows = [
        (record["simulator"], record["absent"], "", "")
        if "absent" in record
        else (record["simulator"], *(number(record[name]) for name in ("imported_s", "empty_s", "full_s")))
        for record in results["startups"]
    ]
    columns = ("simulator", "imported, s", "first image, nothing compiled, s", "first image, compiled before, s")
    return Table("From starting Python to the first image learned, 400 neurons", columns, rows, 1)


def engram_alone(results: dict) -> Table:
    """Engram's other measurements: sizes and steps."""
    rows = []
    for record in results["measurements"]:
        if record["simulator"] == "engram":
            low_high = " – ".join(map(number, record["ms_range"])) if "ms" in record else ""
            values = (number(record.get("ms")), low_high, number(record.get("peak_mib")))
            values = (record["absent"], "", "") if "absent" in record else values
            rows.append((*subject(record), str(record["dt"]), *values))
    columns = ("preset", "neurons", "phase", "rule", "step, ms", "ms per image", "lowest – highest", "peak MiB")
    return Table("engram", columns, rows, 4)


def threads(results: dict) -> Table:
    """Two threads beside one."""
    rows = []
    for record in results["threads"]:
        one, two = record.get("one_ms"), record.get("two_ms")
        values = (record["absent"], "", "") if "absent" in record else (number(one), number(two), number(one / two))
        rows.append((*subject(record), f"{record['n_images']:,}", *values))
    columns = (
        "preset",
        "neurons",
        "phase",
        "rule",
        "images",
        "one thread, ms per image",
        "two threads",
        "times as fast",
    )
    return Table("engram on two threads", columns, rows, 4)


def subject(record: dict) -> tuple[str, str, str, str]:
    """What was presented to: preset, size, phase and rule."""
    n, rule = f"{record['n_neurons']:,}", RULE_NAMES.get(record["rule"], record["rule"])
    return record["preset"], n, PHASES[record["phase"]], rule


def floor(results: dict) -> Table:
    """Engram's time beside the least that an image can take."""
    measured = {key(record): record for record in results["measurements"] if "ms" in record}
    rows = []
    for record in results["floors"]:
        engram = measured.get(key(record | {"simulator": "engram"}))
        if engram is None:
            continue
        largest = sorted(record["parts_ms"].items(), key=lambda part: -part[1])[:3]
        rows.append(
            (
                *subject(record),
                str(record["dt"]),
                number(engram["ms"]),
                number(record["ms"]),
                number(engram["ms"] / record["ms"]),
                *(number(record["events"][name]) for name in ("input_spikes", "exc_spikes")),
                ", ".join(f"{name} {number(ms)}" for name, ms in largest),
            )
        )
    columns = (
        "preset", "neurons", "phase", "rule", "step, ms", "measured, ms", "floor, ms", "measured ÷ floor",
        "input spikes", "excitatory spikes", "largest parts of the floor, ms",
    )  # fmt: skip
    return Table("The floor", columns, rows, 4)


def footnotes(results: dict) -> list[str]:
    """What the tables do not say."""
    machine = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    lines = [
        f"{machine['processor']} (family/model {machine['family_model']}, {machine['vectors']}, code for"
        f" {machine['code_for']}), {machine['cores']}"
        f" cores, {caches}, {machine['memory_gib']} GiB; {machine['system']}, Python {machine['python']};"
        f" {machine['date']}.",
        *(f"{name} {version(results, name)}: {note}." for name, note in results["notes"].items()),
    ]
    if results["growth_exponent"] is not None:
        exponent = results["growth_exponent"]
        lines.append(f"engram's time of a training image grows as neurons to the power {exponent:.2f} from 400 on.")
    return lines


def version(results: dict, name: str) -> str:
    """The version of a simulator that was measured."""
    found = [record["version"] for record in results["measurements"] if record["simulator"] == name and "ms" in record]
    return found[0] if found else "(absent)"


def markdown(results: dict) -> str:
    """All tables and notes as Markdown."""
    parts = []
    for table in tables(results):
        rule = [":--" if i < table.n_text else "--:" for i in range(len(table.columns))]
        rows = ["| " + " | ".join(cells) + " |" for cells in (table.columns, rule, *table.rows)]
        parts.append(f"**{table.title}**\n\n" + "\n".join(rows))
    notes = "\n".join(f"- {note}" for note in footnotes(results))
    return "\n\n".join([*parts, notes])


def show(results: dict) -> None:
    """All tables and notes on the terminal."""
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console()
    for table in tables(results):
        shown = RichTable(title=table.title, title_justify="left", header_style="bold", box=None, padding=(0, 2, 0, 0))
        for i, column in enumerate(table.columns):
            shown.add_column(column, justify="left" if i < table.n_text else "right")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown, "")
    for note in footnotes(results):
        console.print(note)
