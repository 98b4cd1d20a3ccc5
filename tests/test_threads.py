"""Processor time of training is that of the threads that learned, and is kept over interruptions."""

import itertools
import time

import pytest

from engram.comparison import markdown_table, name_of_time, processor_ms, time_of
from engram.runs import summarize
from engram.threads import CountedThreads
from tiny import tiny_training


@pytest.fixture
def ticking(monkeypatch):
    """Processor time that goes on by a second at each look."""
    monkeypatch.setattr(time, "thread_time", itertools.count(1.0).__next__)


def test_threads_count_the_processor_time_of_all_that_they_do(ticking):
    with CountedThreads(1) as threads:
        assert threads.submit(max, 3, 4).result() == 4
        with pytest.raises(ZeroDivisionError):
            threads.submit(divmod, 1, 0).result()
    assert threads.processor_seconds == 2.0


def test_training_counts_its_own_thread_and_that_in_which_the_network_learns(ticking):
    training = tiny_training()
    training.learn_block()
    assert training.simulator.processor_seconds == 2.0  # each of its two tasks is a tick
    assert training.processor_seconds == 5.0 + 2.0  # this thread's own looks have those four between them


def test_processor_time_goes_on_where_a_run_is_resumed(ticking):
    training, further = tiny_training(), tiny_training()
    training.learn_block()
    further.restore(*training.snapshot())
    assert summarize(further)["processor_seconds"] == training.processor_seconds
    further.learn_block()
    assert summarize(further)["processor_seconds"] == 2 * training.processor_seconds


def test_a_run_whose_checkpoint_does_not_know_its_processor_time_tells_none():
    training, further = tiny_training(), tiny_training()
    training.learn_block()
    tensors, metadata = training.snapshot()
    del metadata["checkpoint"]["processor_seconds"]
    further.restore(tensors, metadata)
    further.learn_block()
    assert "processor_seconds" not in summarize(further) and summarize(further)["seconds"] > 0


def test_the_time_an_image_is_the_processor_s_of_the_runs_that_know_it():
    known = {"processor_seconds": 3.0, "examples": 1000}
    assert processor_ms([known, {"processor_seconds": 1.0, "examples": 1000}]) == 2.0
    assert processor_ms([known, {"examples": 1000}]) == processor_ms([known])
    assert processor_ms([{"examples": 1000}]) is None


def test_tables_say_which_time_an_image_takes():
    old, new = {"ms_per_example": 5.0}, {"ms_per_example": 5.0, "processor_ms_per_example": 2.0}
    assert (name_of_time([old]), time_of(old, [old])) == ("wall ms/image", "5.00")
    assert name_of_time([old, new]) == "processor ms/image"
    assert [time_of(record, [old, new]) for record in (old, new)] == ["5.00 (wall)", "2.00"]
    assert "wall ms/image" in markdown_table([])
