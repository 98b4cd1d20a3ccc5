"""A short round of benchmarks/faults.py: whatever befalls a run's files, nothing is lost and the end is the same."""

import importlib.util
import os
import sys
import warnings
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "faults.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("faults_script", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules["faults_script"] = module  # dataclasses look their module up there
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def laboratory(script, tmp_path_factory):
    undone = script.remember_what_is_computed(), script.leave_out_the_drawing()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield script.Laboratory(tmp_path_factory.mktemp("faults"))
    finally:  # else every later test of this process would draw nothing
        for undo in undone:
            undo()


@pytest.fixture(scope="module")
def operations(script, laboratory):
    return {stage: laboratory.operations(stage) for stage in script.STAGES}


def test_every_stage_is_watched(operations):
    for stage in ("train", "replace", "resume", "label", "figures"):
        assert {"open", "write", "fsync", "close", "replace", "lstat"} <= set(operations[stage]), stage
        assert len(operations[stage]) > 50
    assert "mkdir" in operations["train"]
    assert {"rmdir", "unlink", "scandir"} <= set(operations["replace"])
    assert "unlink" in operations["resume"]
    assert {"open", "fdopen", "read", "stat"} <= set(operations["read"])


@pytest.mark.parametrize("stage", ["train", "replace", "resume", "label", "figures", "read", "draw"])
def test_no_fault_loses_anything(script, laboratory, operations, stage):
    """Every operation of a stage with one of the faults that can befall it, another for each."""
    faults = list(script.every_fault(stage, operations[stage]))
    for fault in faults[:: 1 + len(faults) // 45]:
        wrong = laboratory.trial([fault])
        assert wrong is None, f"--replay {fault}\n{wrong}"


@pytest.mark.parametrize("seed", range(12))
def test_no_chain_of_faults_loses_anything(script, laboratory, operations, seed):
    chain = script.chain_of(seed, {stage: len(names) for stage, names in operations.items()})
    wrong = laboratory.trial(chain)
    assert wrong is None, f"--replay {' '.join(map(str, chain))}\n{wrong}"


def test_no_kill_at_a_random_moment_loses_anything(script, laboratory):
    runs, wrong = script.kill_at_random(laboratory, 15, seed=1)
    assert wrong == []
    assert 1 <= runs < 15


def test_seeds_name_the_same_chains_again(script, operations):
    lengths = {stage: len(names) for stage, names in operations.items()}
    chains = [script.chain_of(seed, lengths) for seed in range(50)]
    assert chains == [script.chain_of(seed, lengths) for seed in range(50)]
    assert len(set(map(str, chains))) > 45
    assert all(script.Fault.parse(str(fault)) == fault for chain in chains for fault in chain)


def test_the_injector_finds_what_is_wrong(script, laboratory, monkeypatch):
    """A run that writes its files in place, without renaming, is found out."""
    from engram import run_folder

    monkeypatch.setattr(run_folder, "write_atomically", write_in_place)
    writes = [number for number, name in enumerate(laboratory.operations("train"), start=1) if name == "write"]
    wrong = [laboratory.trial([script.Fault("train", number, "half-kill")]) for number in writes[:6]]
    assert any(report and "damaged" in report for report in wrong)


def write_in_place(path, content, *, durable=True):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, content)
    os.close(descriptor)
