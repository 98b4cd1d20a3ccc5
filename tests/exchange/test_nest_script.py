"""The exported scripts, run as they lie there, in NEST: agreement, and that a step or 5 % more would be seen."""

import importlib.util
import os

import numpy as np
import pytest

from engram.exchange import export_model
from engram.exchange.agreement import compare, differing, mean_of, share_of
from exchange.small import N_NEURONS, small_images, small_model

os.environ["PYNEST_QUIET"] = "1"
pytest.importorskip("nest", reason="nest-simulator is not installed; it is in the extra 'nest'")

N_IMAGES = 10


def module_at(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nest")
    export_model(small_model(), "nest", folder, images=small_images()[:N_IMAGES], dt=0.1)
    return folder


def run(folder, **changed):
    """What NEST answers, with some constants of the script changed, held against engram's answers."""
    script, given = module_at(folder / "nest_network.py"), np.load(folder / "presentations.npz")
    for name, change in changed.items():
        setattr(script, name, change(getattr(script, name)))
    theirs = script.show(given["input_spikes"], int(given["n_steps"]))
    return compare((given["exc_spikes"], given["inh_spikes"]), theirs, N_IMAGES, N_NEURONS)


@pytest.fixture(scope="module")
def agreement(exported):
    return run(exported)


def test_nest_agrees_on_counts_first_spikes_and_winners(agreement):
    assert agreement.counts.low <= 0 <= agreement.counts.high
    assert abs(agreement.relative_counts) < 0.05
    assert agreement.neuron_counts > 0.98
    assert agreement.first_within_a_step.mean > 0.8
    assert agreement.winners.mean == 1.0
    assert agreement.inhibition.mean == pytest.approx(1.0, abs=0.05)  # the step that the script announces


@pytest.mark.parametrize(
    ("name", "change", "seen"),
    [
        ("INPUT_DELAY", lambda ms: ms + 0.1, "first_spikes"),
        ("EXC_INH_DELAY", lambda ms: ms + 0.1, "inhibition"),
        ("EXC_FACTOR", lambda factor: 1.05 * factor, "first_within_a_step"),
    ],
)
def test_a_delay_of_a_step_or_a_weight_of_5_percent_more_is_seen(name, change, seen, exported, agreement):
    assert seen in differing(agreement, run(exported, **{name: change}))


def test_pynn_runs_the_network_as_nest_does(tmp_path):
    pytest.importorskip("pyNN", reason="PyNN is not installed; it is in the extra 'nest'")
    export_model(small_model(), "pynn", tmp_path, images=small_images()[:2], dt=0.2)
    script, given = module_at(tmp_path / "pynn_network.py"), np.load(tmp_path / "presentations.npz")
    theirs = script.show(given["input_spikes"], int(given["n_steps"]))
    agreement = compare((given["exc_spikes"], given["inh_spikes"]), theirs, 2, N_NEURONS)
    assert agreement.winners.mean == 1.0
    assert abs(agreement.relative_counts) < 0.1
    assert agreement.first_within_a_step.mean >= 0.5


def test_pynn_in_brian2_fires_its_first_spike_when_engram_does(tmp_path, monkeypatch):
    brian2 = pytest.importorskip("brian2", reason="Brian 2 is not installed")
    pytest.importorskip("pyNN.brian2", reason="PyNN is not installed; it is in the extra 'nest'")
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    brian2.defaultclock.dt = 0.5 * brian2.ms  # as another simulation may have left it
    monkeypatch.setenv("PYNN_SIMULATOR", "brian2")
    export_model(small_model(), "pynn", tmp_path, images=small_images()[:1], dt=0.2)
    script, given = module_at(tmp_path / "pynn_network.py"), np.load(tmp_path / "presentations.npz")
    script.REST = 0
    first = given["exc_spikes"][0]
    theirs = script.show(given["input_spikes"], int(first[2]) + 3)[0]
    assert theirs[:1].tolist() == [first.tolist()]


def test_intervals_are_students_and_wilsons():
    estimate = mean_of([1.0, 2.0, 3.0, 4.0])
    assert (estimate.mean, estimate.n) == (2.5, 4)
    assert estimate.high - estimate.mean == pytest.approx(3.18245 * np.std([1, 2, 3, 4], ddof=1) / 2, rel=1e-5)
    assert estimate.effect == pytest.approx(2.5 / np.std([1, 2, 3, 4], ddof=1))
    share = share_of([True] * 9 + [False])
    assert (share.low, share.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
