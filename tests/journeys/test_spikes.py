"""Sources of spikes on the command line: by name, from a file of the user's own, and of recordings."""

import json

import numpy as np

from engram import load_model
from event_scenes import bar_events, write_bin, write_zips
from own_source import BLINK

SMALL = (
    "--neurons", 8, "--examples", 50, "--label-examples", 30, "--test-examples", 20, "--quiet",
    "--set", "protocol.shown=100", "--set", "protocol.min_spikes=0",
)  # fmt: skip


def test_source_is_named_and_its_constants_are_set(engram, tmp_path):
    code, _, err = engram(
        "train", "--source", "latency", "--set", "source.order=rank", "--set", "source.bins=5",
        "--set", "network.excitatory.tau_m=90", *SMALL, "--out", tmp_path / "run",
    )  # fmt: skip
    assert code == 0, err
    assert "spikes     latency (bins=5, order=rank, white=255.0)" in engram("info", tmp_path / "run")[1]
    model = load_model(tmp_path / "run")
    assert (model.source.order, model.network.excitatory.tau_m) == ("rank", 90.0)
    assert (tmp_path / "run/figures/input.png").exists()
    code, out, _ = engram("evaluate", tmp_path / "run", "--test-examples", 20, "--json")
    said = json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]
    assert (code, json.loads(out)["accuracy"]) == (0, said)
    code, _, err = engram("train", "--source", "thunder", "--out", tmp_path / "other")
    assert (code, (tmp_path / "other").exists()) == (2, False)
    assert "no source of spikes 'thunder'; choose one of poisson, latency, ramp, regular, events" in err


def test_own_source_is_named_again_wherever_it_is_run(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blink.py").write_text(BLINK)
    own = ("--source", "blink.py:Blink")
    code, _, err = engram("train", *own, "--set", "source.step=9", *SMALL, "--out", "run", "--no-figures")
    assert code == 0, err
    for command in (("evaluate", "run"), ("figures", "run")):
        code, _, err = engram(*command)
        assert code == 2
        assert "a file that would be run; if you trust that file, name it: --source path/to/blink.py:Blink" in err
    assert "spikes     blink.py:Blink (step=9)" in engram("info", "run")[1]
    code, out, _ = engram("evaluate", "run", *own, "--test-examples", 20, "--json")
    said = json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]
    assert (code, json.loads(out)["accuracy"]) == (0, said)
    assert engram("figures", "run", *own)[0] == 0
    assert "engram train --from run --source path/to/blink.py:Blink" in engram("train", "--resume", "run")[1]
    assert engram("certify", "run", *own, "--images", 1)[0] == 0
    assert engram("export", "run", *own, "--to", "numpy", "--images", 1)[0] == 0
    np.save("seven.npy", np.eye(28))
    assert engram("predict", "run", "seven.npy", *own)[0] == 0
    assert engram("read", "seven.npy", "--model", "run", "--network", "diehl-cook", *own)[0] == 0
    code, _, err = engram("train", "--from", "run", *SMALL, "--out", "more")
    assert code == 2
    assert "run has the source blink.py:Blink; name its file again, --source path/to/blink.py:Blink" in err
    assert engram("train", "--from", "run", *own, *SMALL, "--out", "more", "--no-figures", "--no-evaluate")[0] == 0
    assert load_model("more", source="blink.py:Blink").source.step == 9


def test_recordings_are_shown_as_their_own_spikes(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_zips(tmp_path / "bars", 40)
    code, _, err = engram(
        "train", "--dataset", "bars", "--source", "events", "--preset", "events", "--neurons", 8, "--epochs", 4,
        "--set", "data.sensor_shape=8,8", "--set", "data.window=0,250", "--set", "source.scale=0.2", "--set",
        "network.excitatory.v_thresh=-62", "--set", "network.theta_plus=0.5", "--set", "protocol.shown=60",
        "--out", "run", "--no-figures",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]["proportion"] >= 0.9
    assert "events (scale=0.2), of recordings by 8×8 pixels, 0 to 250 ms of each" in engram("info", "run")[1]
    files = [write_bin(tmp_path / f"{k}.bin", *bar_events(k, 99)) for k in (0, 1)]
    code, out, _ = engram("predict", "run", *files, "--quiet", "--figures", "drawn")
    assert (code, out.split()) == (0, ["0", "1"])
    code, out, _ = engram("read", *files, "--model", "run", "--network", "diehl-cook", "--quiet")
    assert (code, out.split()) == (0, ["0", "1"])
    code, out, _ = engram("evaluate", "run", "--dataset", "bars/Test.zip", "--all-images", "--json")
    assert (code, json.loads(out)["n_test"]) == (0, 40)
    code, _, err = engram("train", "--source", "events", *SMALL, "--out", "digits")
    assert code == 2
    assert "The source events shows recordings of events, and digits has none" in err
