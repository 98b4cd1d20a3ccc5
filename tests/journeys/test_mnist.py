"""What engram promises on MNIST, word for word; needs the dataset (``ENGRAM_DATA``)."""

import json

import pytest

from engram.datasets import available

HERE = next(record.location for record in available() if record.name == "mnist") is not None


@pytest.mark.skipif(not HERE, reason="MNIST is not on this machine; set ENGRAM_DATA or run 'engram data fetch mnist'")
def test_one_third_of_a_pass_reads_what_it_should(engram, tmp_path):
    run = tmp_path / "a"
    code, _, err = engram(
        "train", "--dataset", "mnist", "--neurons", 400, "--examples", 20000, "--seed", 0, "--out", run, "--quiet"
    )
    assert code == 0, err
    result = json.loads(engram("evaluate", run, "--json")[1])
    assert (result["n_label"], result["n_test"]) == (10000, 10000)
    assert result["accuracy"]["mean"] >= 0.87
    assert result["accuracy"]["proportion"] >= 0.88
    summary = json.loads((run / "summary.json").read_text())
    assert summary["l1_norm"]["mean"] == pytest.approx(78.4, rel=0.02)
    assert summary["silent_images"] == 0
