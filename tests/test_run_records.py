"""Summaries and learning curves of the wrong form are told, whatever their form is."""

import json

import pytest

from engram.errors import RunFolderError
from engram.run_folder import RunFolder
from tiny import tiny_run

WRONG = (None, True, -1, 0.5, 10**30, 1e300, "x", [], {}, [1], {"x": 1}, ["x"], {"mean": "x"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("records") / "run")


def folder_with(whole, tmp_path, summary=None, metrics=None):
    folder = RunFolder(tmp_path)
    folder.config_file.write_bytes(whole.config_file.read_bytes())
    folder.summary_file.write_bytes(whole.summary_file.read_bytes() if summary is None else summary)
    folder.metrics_file.write_bytes(whole.metrics_file.read_bytes() if metrics is None else metrics)
    return folder


def test_what_engram_writes_is_read(whole):
    assert whole.read_summary()["finished"] is True
    assert [record["examples"] for record in whole.read_metrics()] == [25, 50, 75]
    assert whole.read_evaluation().n_test == 6


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"5", b"null", b"{", b"\xff", b"[" * 100_000, b'{"seconds": NaN}', b'{"examples": "x"}']
)
def test_summary_that_is_none_is_told(whole, tmp_path, content):
    folder = folder_with(whole, tmp_path, summary=content)
    with pytest.raises(RunFolderError, match=r"Cannot read .*summary\.json: .*remove it and go on with --resume"):
        folder.read_summary()


@pytest.mark.parametrize("content", [b"5", b"[]", b"{}", b"{", b"x\n", b'{"examples": 25}', b"\xff\xfe"])
def test_learning_curve_that_is_none_is_told(whole, tmp_path, content):
    folder = folder_with(whole, tmp_path, metrics=content)
    with pytest.raises(RunFolderError, match=r"Cannot read .*metrics\.jsonl: line 1"):
        folder.read_metrics()


def test_every_wrong_value_of_a_point_is_told_or_a_possible_one(whole, tmp_path):
    (first, *_) = whole.read_metrics()
    refused = 0
    for name in first:
        for value in WRONG:
            folder = folder_with(whole, tmp_path, metrics=json.dumps({**first, name: value}).encode())
            try:
                (record,) = folder.read_metrics()
            except RunFolderError:
                refused += 1
            else:
                assert isinstance(record[name], (int, float, type(None)))
    assert refused > 0.7 * len(WRONG) * len(first)


def test_every_wrong_value_of_an_evaluation_is_told(whole, tmp_path):
    summary = whole.read_summary()
    for name in summary["evaluation"]:
        for value in (None, True, -1, "x", {"x": "y"}, ["x"], [[1]], {"mean": [[0.5]]}):
            spoiled = {**summary, "evaluation": {**summary["evaluation"], name: value}}
            folder = folder_with(whole, tmp_path, summary=json.dumps(spoiled).encode())
            with pytest.raises(RunFolderError, match="Cannot read"):
                folder.read_evaluation()


def test_curve_that_goes_back_is_told(whole, tmp_path):
    lines = whole.metrics_file.read_bytes().splitlines(keepends=True)
    folder = folder_with(whole, tmp_path, metrics=lines[1] + lines[0])
    with pytest.raises(RunFolderError, match="line 2 goes back to 25 images"):
        folder.read_metrics()
