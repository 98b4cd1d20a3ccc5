"""The exported script, run as it lies there, in Brian 2."""

import runpy
import sys
from dataclasses import replace

import numpy as np
import pytest

from engram.exchange import export_model
from exchange.small import small_images, small_model


def signed():
    return replace(small_model(integrator="euler"), weights=small_model().weights * 1.2 - np.float32(0.02))


MODELS = {
    "as trained": small_model,
    "fine": lambda: small_model(dt=0.1),
    "signed, euler": signed,
    "times that no step divides": lambda: small_model(dt=0.3),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_script_fires_every_spike_that_engram_fires(name, tmp_path, monkeypatch, capsys):
    export_model(MODELS[name](), "brian2", tmp_path, images=small_images()[3:5])
    script = tmp_path / "brian2_network.py"
    monkeypatch.setattr(sys, "argv", [str(script)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 0
    assert "Every spike is engram's." in capsys.readouterr().out
    given, found = np.load(tmp_path / "presentations.npz"), np.load(tmp_path / "brian2_spikes.npz")
    assert len(given["exc_spikes"]) > 15
    assert len(given["inh_spikes"]) > 15
    for population in ("exc_spikes", "inh_spikes"):
        np.testing.assert_array_equal(found[population], given[population])


def test_the_script_sees_another_weight(tmp_path, monkeypatch, capsys):
    export_model(small_model(), "brian2", tmp_path, images=small_images()[3:4])
    stored = dict(np.load(tmp_path / "network.npz"))
    np.savez(tmp_path / "network.npz", **stored | {"weights": stored["weights"] * 1.02})
    monkeypatch.setattr(sys, "argv", ["brian2_network.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(tmp_path / "brian2_network.py"), run_name="__main__")
    assert end.value.code == 1
    assert "The spikes are not engram's." in capsys.readouterr().out
