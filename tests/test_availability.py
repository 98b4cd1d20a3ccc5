"""Where nothing can be compiled, the reference kernel computes and says so once."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from engram import DiehlCook, SelfNormalizing, simulate
from engram.kernels import availability, machine
from engram.kernels.availability import KernelWarning, NoCompilerError
from engram.networks.tutorial import TutorialReader

NETWORK = DiehlCook(n_inputs=4, n_neurons=3, theta_start=0.0)
SPIKES = (np.tile(np.arange(4), 30), np.repeat(np.arange(0, 300, 10), 4))


def spikes(kernel: str) -> list:
    return simulate(NETWORK, SelfNormalizing(), spikes=SPIKES, n_steps=300, kernel=kernel).exc_spikes.tolist()


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.setattr(availability, "_TOLD", set())


def test_numba_disable_jit_means_the_reference_kernel_and_is_told_once(monkeypatch):
    expected = spikes("reference")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    with pytest.warns(KernelWarning, match="since NUMBA_DISABLE_JIT is set") as told:
        assert spikes("compiled") == expected
        assert spikes("compiled") == expected
    assert len(told) == 1


def test_a_system_without_a_compiler_uses_the_reference_kernel(monkeypatch):
    def fail(*_):
        raise NoCompilerError("the compiler cannot be loaded (no such library)")

    monkeypatch.setattr(machine, "missing", list)
    monkeypatch.setattr("engram.kernels.workers.load_compiler", fail)
    expected = spikes("reference")
    with pytest.warns(KernelWarning, match="since the compiler cannot be loaded"):
        assert spikes("compiled") == expected


def test_a_compiler_that_cannot_be_imported_is_told_as_such(monkeypatch):
    monkeypatch.setitem(sys.modules, "engram.kernels.compiler", None)
    monkeypatch.delattr("engram.kernels.compiler", raising=False)
    with pytest.raises(NoCompilerError, match="the compiler cannot be loaded"):
        availability.load_compiler()


def test_the_tutorials_network_reads_without_a_compiler(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    weights = np.full((4, 2), [1.0, 0.1], np.float32)
    reader = TutorialReader(weights, theta=[0, 0], labels=[3, 7])
    with pytest.warns(KernelWarning):
        answer = reader.read_all(np.full((1, 4), 200)).answers[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TutorialReader(weights, theta=[0, 0], labels=[3, 7], kernel="reference")
        assert answer == again.read_all(np.full((1, 4), 200)).answers[0]
