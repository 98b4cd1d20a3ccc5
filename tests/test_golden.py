"""The bits of a short training are those in the repository: here, with code for another processor, and interpreted."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from golden.training import CASES, IN_SINGLE, digest

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


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86-64-v3 is a name of x86-64 processors")
def test_code_for_x86_64_v3_gives_the_golden_bits():
    surroundings = {"NUMBA_CPU_NAME": "x86-64-v3", "ENGRAM_SHIPPED_CODE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, HERE / "golden/training.py", *IN_SINGLE],
        env=os.environ | surroundings, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(told.stdout) == {name: GOLDEN[name] for name in IN_SINGLE}
