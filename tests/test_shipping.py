"""Machine code that comes with a wheel: what it covers, and that it gives the bits of code compiled here."""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import subprocess
import sys

import pytest

from engram.config import TrainingConfig
from engram.kernels import build, code_store, ship, stock
from engram.kernels.state import new_state
from engram.networks.catalogue import NETWORKS
from engram.networks.network import INTEGRATORS, PRECISIONS
from engram.plasticity.registry import RULES
from engram.presets import PRESETS

TRAINED = """
import hashlib, sys
import numpy as np
from engram import DiehlCook, SelfNormalizing, Simulator
simulator = Simulator(DiehlCook(n_inputs=64, n_neurons=20), SelfNormalizing(), input_gain=4.0)
images = np.random.default_rng(0).integers(0, 256, (10, 64))
counts, _ = simulator.train(images)
reads, _ = simulator.count_spikes(images)
arrays = (counts, reads, simulator.state.weights, simulator.state.theta)
print(int(counts.sum()), hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest())
"""


@pytest.fixture(scope="module")
def routines():
    return stock.stock_routines()


@pytest.fixture(scope="module")
def stocked(routines):
    return {routine.digest for routine in routines}


def _needed(network) -> set[str]:
    described = (network, network.frozen())
    return {r.digest for one in described for r in build.routines_of(one, new_state(one, 0))}


def test_every_preset_rule_precision_and_integrator_finds_its_routines_among_those_that_come_with_engram(stocked):
    for preset, rule, dtype, integrator in itertools.product(PRESETS, RULES, PRECISIONS, INTEGRATORS):
        config = TrainingConfig(rule=rule, preset=preset, neurons=5, dtype=dtype, integrator=integrator)
        network = config.make_network(9).describe(config.make_rule())
        assert _needed(network) <= stocked, (preset, rule, dtype, integrator)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_catalogue_find_their_routines_among_those_that_come_with_engram(name, stocked):
    for dtype in PRECISIONS:
        config = TrainingConfig(network={"kind": name}, neurons=5, dtype=dtype)
        assert _needed(config.make_network((12, 12))) <= stocked


def test_routines_that_come_with_engram_are_told_apart_by_what_they_are(routines):
    assert len({routine.digest for routine in routines}) == len(routines)


def _result(**surroundings: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", TRAINED], env=os.environ | surroundings, capture_output=True, text=True, check=True
    )
    return process.stdout


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="shipped code is for x86-64")
def test_shipped_code_gives_the_bits_of_code_compiled_for_this_machine(tmp_path):
    config = TrainingConfig(neurons=5)
    network = config.make_network(9).describe(config.make_rule())
    chosen = [
        routine
        for routine in build.routines_of(network, new_state(network, 0))
        if routine.function.__name__ in ("step", "receive", "gather", "_on_post", "post")
    ]
    assert len(chosen) >= 5
    assert ship.ship(tmp_path, chosen) == sum(file.stat().st_size for file in tmp_path.iterdir())
    own, shipped = _result(ENGRAM_SHIPPED_CODE="0"), _result(ENGRAM_SHIPPED_CODE=str(tmp_path))
    assert own == shipped
    assert int(own.split()[0]) > 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="shipped code is for x86-64")
def test_shipped_code_is_found_before_kept_code_unless_it_is_declined(tmp_path, monkeypatch):
    routine = build.POISSON
    code_store.ship(routine, b"machine code", tmp_path)
    for name, found in ((str(tmp_path), b"machine code"), ("0", None)):
        monkeypatch.setenv("ENGRAM_SHIPPED_CODE", name)
        monkeypatch.setenv("ENGRAM_CACHE", str(tmp_path / "cache"))
        code_store._shipped.cache_clear()
        assert code_store.find(routine, ("none", "")) == found
    code_store._shipped.cache_clear()


def test_damaged_shipped_code_is_not_used(tmp_path, monkeypatch):
    path = code_store.ship(build.POISSON, b"machine code", tmp_path)
    content = path.read_bytes()
    assert content[:32] == hashlib.sha256(b"machine code").digest()
    path.write_bytes(content[:-1] + b"?")
    assert code_store._read(path) is None
