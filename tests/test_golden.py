"""The bits of a short training are those in the repository: here, with code for another processor, and interpreted."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from engram.kernels import build, ship
from engram.kernels.state import new_state
from golden.training import CASES, IN_SINGLE, digest, simulator_of

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden/digests.json").read_text())


def test_there_is_a_digest_for_each_case():
    assert set(GOLDEN) == set(CASES)
    assert len(set(GOLDEN.values())) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_code_for_this_processor_gives_the_golden_bits(name):
    assert digest(name) == GOLDEN[name]


def test_the_reference_kernel_gives_the_golden_bits():
    assert digest(IN_SINGLE[0], kernel="reference") == GOLDEN[IN_SINGLE[0]]


def routines_of(name):
    described = simulator_of(name).described
    return [r for one in (described, described.frozen()) for r in build.routines_of(one, new_state(one, 0))]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86-64-v3 is a name of x86-64 processors")
def test_code_for_x86_64_v3_that_is_shipped_gives_the_golden_bits_and_nothing_is_compiled(tmp_path):
    routines = {routine.digest: routine for name in IN_SINGLE for routine in routines_of(name)}
    shipped, compiled = tmp_path / "shipped", tmp_path / "cache"
    assert ship.ship(shipped, list(routines.values())) == sum(file.stat().st_size for file in shipped.iterdir())
    surroundings = {"ENGRAM_SHIPPED_CODE": str(shipped), "ENGRAM_CACHE": str(compiled)}
    told = subprocess.run(
        [sys.executable, HERE / "golden/training.py", *IN_SINGLE],
        env=os.environ | surroundings | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(told.stdout) == {name: GOLDEN[name] for name in IN_SINGLE}
    assert not list(compiled.rglob("*.code"))
