"""A short round of benchmarks/fuzz.py: whatever a reader is fed, only engram's own errors come out."""

import importlib.util
import json
import random
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from engram import TrainingConfig
from engram.errors import ConfigError, DataError, ModelFileError
from engram.model_file import decode, encode

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
INPUTS = 250


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules["fuzz_script"] = module  # dataclasses look their module up there
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def readers(script, tmp_path_factory):
    return script.readers(tmp_path_factory.mktemp("fuzz"))


NAMES = (
    "idx", "idx.gz", "npy", "npz", "zip-json", "toml", "toml-run", "model", "model-run", "layers-run", "checkpoint",
    "estimator", "summary", "metrics", "torch", "diehl-cook",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_only_engram_s_errors_come_out(script, readers, name):
    outcome = script.fuzz(readers[name], inputs=INPUTS, seed=1)
    assert not outcome.failures, outcome.failures[0].report
    assert outcome.inputs == INPUTS
    assert outcome.refused > outcome.accepted


def test_every_reader_is_tried(readers):
    assert set(readers) == set(NAMES)


@pytest.mark.parametrize("name", ["neurons", "epochs", "examples", "label_examples", "test_examples"])
def test_a_configuration_that_claims_more_than_there_can_be_is_refused(tmp_path, name):
    (tmp_path / "c.toml").write_text(f"{name} = {10**15}")
    with pytest.raises(ConfigError, match=f"{name} must be at most"):
        TrainingConfig.from_toml(tmp_path / "c.toml")


def test_a_checkpoint_that_claims_a_trillion_weights_takes_no_memory(script):
    training = script._small_training()
    content = encode(*training.snapshot())
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["weights"]["shape"] = [10**6, 10**6]
    claim = json.dumps(header).encode()
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        training.restore(*decode(len(claim).to_bytes(8, "little") + claim + content[8 + size :], "c"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_the_fuzzer_finds_what_is_wrong(script):
    def careless(content):
        if content[0] == 255:
            raise KeyError("oops")
        raise DataError("refused")

    outcome = script.fuzz(script.Reader(lambda dice: dice.randbytes(2), careless), 3000)
    assert 0 < len(outcome.failures) < 60
    assert "oops" in outcome.failures[0].report
    assert outcome.inputs == outcome.refused + len(outcome.failures)


def test_a_failure_is_found_again_by_its_number(script):
    def careless(content):
        if content[0] == 255:
            raise KeyError("oops")

    reader = script.Reader(lambda dice: dice.randbytes(2), careless)
    found = script.fuzz(reader, 3000, seed=4).failures[-1]
    again = script.fuzz(reader, 1, seed=4, first=found.number)
    assert [(f.number, f.content) for f in again.failures] == [(found.number, found.content)]


def test_mutations_are_repeatable_and_damage(script):
    content = bytes(range(200))
    some = [script.mutated(content, random.Random(k)) for k in range(200)]
    assert some == [script.mutated(content, random.Random(k)) for k in range(200)]
    assert np.mean([other != content for other in some]) > 0.95
