"""What ``summary.json`` and ``metrics.jsonl`` must look like to be believed."""

from __future__ import annotations

import json
import math
from typing import Any

from engram.evaluation import Evaluation

_LARGEST = 2**62


def check_summary(content: bytes) -> dict[str, Any]:
    """A run's summary from its file's content.

    Raises
    ------
    ValueError
        If it is no JSON, or something known has another form than engram writes.
    """
    summary = json.loads(content)
    if not isinstance(summary, dict):
        raise ValueError("it must hold one object")
    for name, fits in _SUMMARY.items():
        if name in summary and not fits(summary[name]):
            raise ValueError(f"its {name!r} is {_brief(summary[name])}")
    return summary


def evaluation_in(summary: dict[str, Any]) -> Evaluation | None:
    """The evaluation that a summary holds, if there is one.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it has another form than engram writes.
    """
    values = summary.get("evaluation")
    if values is None:
        return None
    classes = values["classes"]
    if not (isinstance(classes, list) and classes and all(map(_is_whole, classes))):
        raise ValueError(f"its classes are {_brief(classes)}")
    for scheme, matrix in values["confusion"].items():
        if not _is_confusion(matrix, len(classes)):
            raise ValueError(f"its confusion matrix of {scheme!r} does not fit {len(classes)} classes")
    if not (_are_shares(values["accuracy"]) and set(values["accuracy"]) == set(values["confusion"])):
        raise ValueError(f"its accuracy is {_brief(values['accuracy'])}")
    if not all(map(_are_shares, values["per_class"].values())):
        raise ValueError(f"its accuracy per class is {_brief(values['per_class'])}")
    counts = ("n_label", "n_test", "silent_images", "unassigned_neurons")
    if not all(_is_count(values[name]) for name in counts) or not _is_count(values.get("unanswered_images", 0)):
        raise ValueError("it counts in something else than whole numbers")
    if not _is_number(values["seconds"]) or values["seconds"] < 0:
        raise ValueError(f"its seconds are {_brief(values['seconds'])}")
    return Evaluation.from_dict(values)


def check_metrics(content: bytes) -> list[dict[str, Any]]:
    """A learning curve from its file's content.

    Raises
    ------
    ValueError
        If a line is no JSON, or no point of a curve.
    """
    records = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} is no JSON: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number} is no object")
        for name, fits in _POINT.items():
            if name not in record or not fits(record[name]):
                raise ValueError(f"line {number} has {name!r} of {_brief(record.get(name))}")
        if not isinstance(record.get("layer", ""), str):
            raise ValueError(f"line {number} has 'layer' of {_brief(record['layer'])}")
        if records and record["examples"] <= records[-1]["examples"]:
            raise ValueError(f"line {number} goes back to {record['examples']:,} images")
        records.append(record)
    return records


def check_changes(content: bytes) -> list[dict[str, Any]]:
    """The constants that were changed on the way, from their file's content.

    Raises
    ------
    ValueError
        If a line is no JSON, or tells no change.
    """
    changes = [json.loads(line) for line in content.splitlines()]
    for number, change in enumerate(changes, start=1):
        if not (isinstance(change, dict) and _is_count(change.get("examples")) and isinstance(change.get("name"), str)):
            raise ValueError(f"line {number} is {_brief(change)}")
    return changes


def _is_number(value) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST and math.isfinite(value)


def _is_whole(value) -> bool:
    return type(value) is int and abs(value) < _LARGEST


def _is_count(value) -> bool:
    return _is_whole(value) and value >= 0


def _is_share(value) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_shares(values) -> bool:
    return isinstance(values, dict) and bool(values) and all(map(_is_share, values.values()))


def _is_mean_and_sd(value) -> bool:
    return isinstance(value, dict) and all(_is_number(value.get(part)) for part in ("mean", "sd"))


def _is_mean_and_sd_or_none(value) -> bool:
    return isinstance(value, dict) and all(
        value.get(part, 0.5) is None or _is_number(value.get(part)) for part in ("mean", "sd")
    )


def _is_finding(value) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(part), str) for part in ("kind", "what", "advice"))
        and all(_is_count(value.get(part)) for part in ("first", "last"))
    )


def _is_confusion(matrix, n_classes: int) -> bool:
    """One row of counts for each class, of one for each class and perhaps one for no answer."""
    if not (isinstance(matrix, list) and len(matrix) == n_classes and all(isinstance(row, list) for row in matrix)):
        return False
    widths = {len(row) for row in matrix}
    return widths in ({n_classes}, {n_classes + 1}) and all(_is_count(value) for row in matrix for value in row)


def _or_none(fits):
    return lambda value: value is None or fits(value)


_POINT = {
    "examples": _is_count,
    "presentations": _is_count,
    "accuracy": _or_none(_is_share),
    "l1_norm": _is_mean_and_sd,
    "theta": _is_mean_and_sd,
    "spikes_per_image": _is_number,
    "silent_images": _is_count,
}

_SUMMARY = {
    "accuracy": _are_shares,
    "dataset": lambda value: isinstance(value, str),
    "euler_overshot": lambda value: isinstance(value, bool),
    "evaluation": lambda value: isinstance(value, dict),
    "examples": _is_count,
    "examples_per_second": _is_number,
    "finished": lambda value: isinstance(value, bool),
    "health": lambda value: isinstance(value, list) and all(map(_is_finding, value)),
    "input_gain": _is_number,
    "l1_norm": _is_mean_and_sd_or_none,
    "ms_per_example": _is_number,
    "presentations": _is_count,
    "processor_seconds": _is_number,
    "seconds": _is_number,
    "silent_images": _is_count,
    "stopped": _or_none(lambda value: isinstance(value, str)),
    "theta": _is_mean_and_sd_or_none,
    "version": lambda value: isinstance(value, str),
}


def _brief(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}…"
