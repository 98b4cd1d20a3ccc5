"""Machine code that comes with a wheel: what it covers, and when it is used; test_golden.py has what it computes."""

from __future__ import annotations

import hashlib
import itertools
import platform

import pytest

from engram.config import TrainingConfig
from engram.kernels import build, code_store, machine, stock
from engram.kernels.state import new_state
from engram.networks.catalogue import NETWORKS
from engram.networks.network import INTEGRATORS, PRECISIONS
from engram.plasticity.registry import RULES
from engram.presets import PRESETS


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


@pytest.fixture
def surroundings(monkeypatch):
    """Sets variables of the environment that are read once a process."""

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))
        for once in (machine.target, code_store._shipped):
            once.cache_clear()

    yield put
    monkeypatch.undo()
    put()


def test_who_names_a_processor_has_code_of_its_own_made_for_it(tmp_path, surroundings):
    code_store.ship(build.POISSON, b"for everybody", tmp_path)
    surroundings(ENGRAM_SHIPPED_CODE=tmp_path, ENGRAM_CACHE=tmp_path / "cache", NUMBA_CPU_NAME="x86-64-v3")
    assert machine.target() == ("x86-64-v3", "")
    assert code_store.find(build.POISSON, machine.target()) is None
    code_store.keep(build.POISSON, machine.target(), b"for this one")
    assert code_store.find(build.POISSON, machine.target()) == b"for this one"
    surroundings(NUMBA_CPU_FEATURES="+avx2")
    assert machine.target() == ("x86-64-v3", "+avx2")
    assert code_store.find(build.POISSON, machine.target()) is None


def test_damaged_shipped_code_is_not_used(tmp_path, monkeypatch):
    path = code_store.ship(build.POISSON, b"machine code", tmp_path)
    content = path.read_bytes()
    assert content[:32] == hashlib.sha256(b"machine code").digest()
    path.write_bytes(content[:-1] + b"?")
    assert code_store._read(path) is None
