"""What engram promises on MNIST, word for word; needs the dataset (``ENGRAM_DATA``)."""

import json

import numpy as np
import pytest

from engram import load_model
from engram.datasets import available

HERE = next(record.location for record in available() if record.name == "mnist") is not None


@pytest.mark.skipif(not HERE, reason="MNIST is not on this machine; set ENGRAM_DATA or run 'engram data fetch mnist'")
def test_one_third_of_a_pass_reads_what_it_should(engram, tmp_path):
    run = tmp_path / "a"
    code, _, err = engram(
        "train", "--dataset", "mnist", "--neurons", 400, "--examples", 20000, "--seed", 0, "--out", run, "--quiet",
        "--no-figures",
    )  # fmt: skip
    assert code == 0, err
    summary = json.loads((run / "summary.json").read_text())
    print({n: summary[n] for n in ("accuracy", "theta", "l1_norm", "presentations", "ms_per_example")})
    assert (summary["evaluation"]["n_label"], summary["evaluation"]["n_test"]) == (16000, 10000)
    assert summary["accuracy"]["mean"] >= 0.9
    assert summary["accuracy"]["proportion"] >= 0.905
    assert summary["evaluation"]["unassigned_neurons"] <= 8
    model = load_model(run)
    norms = np.linalg.norm(model.weights, axis=0)
    assert norms == pytest.approx(model.rule.a_tar * np.sqrt(8 * 784), rel=0.05)
    assert summary["silent_images"] == 0
