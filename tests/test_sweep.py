"""Sweeps: constants are chosen on held-out training images, and what is done is not done again."""

import json

import pytest

from engram.comparison import compare, percent
from engram.config import TrainingConfig
from engram.errors import ConfigError, Interrupted, RuleError
from engram.pieces import Piece
from engram.plans import grid
from engram.pools import Here, Pool
from engram.sweep import SweepOptions, sweep

TINY = {
    "dataset": "digits",
    "preset": "sharp",
    "neurons": 6,
    "examples": 25,
    "label_examples": 40,
    "validation_examples": 30,
}


class Pretended(Pool):
    """Writes a run's summary, whose accuracy is what a function of the configuration says, or raises its error."""

    size = 1

    def __init__(self, accuracy, stop_after=10**6):
        self.accuracy, self.left, self.configs = accuracy, stop_after, []

    def submit(self, piece: Piece):
        if self.left == 0:
            raise Interrupted("enough")
        self.left -= 1
        self.configs.append(piece.config)
        value = self.accuracy(piece.config)
        if not isinstance(value, Exception):
            piece.run.path.mkdir(exist_ok=True)
            piece.run.write_config(piece.config)
            piece.run.write_summary(
                {
                    "accuracy": dict.fromkeys(("mean", "proportion", "logistic"), value),
                    "ms_per_example": 1.0,
                    "evaluation": {"unassigned_neurons": 0, "n_test": 30},
                    "digest": "d",
                }
            )
        return _Over(value)


class _Over:
    def __init__(self, value):
        self.value = value

    def done(self):
        return True

    def result(self):
        if isinstance(self.value, Exception):
            raise self.value


def close_to(best):
    return lambda config: 1.0 - abs(config.constants["eta"] - best)


def options_of(records):
    return [tuple(record["options"].values()) for record in records]


def test_a_sweep_really_trains_and_tests_on_held_out_training_images(tmp_path):
    records = sweep(tmp_path, [{**TINY, "constants": {"eta": [0.05, 0.2]}}], pool=Here())
    assert {record["options"]["eta"] for record in records} == {0.05, 0.2}
    assert {record["n_validation"] for record in records} == {30}
    assert records[0]["accuracy"]["proportion"]["mean"] >= records[1]["accuracy"]["proportion"]["mean"]
    assert {f"sweep.{end}" for end in ("md", "csv", "json", "png", "svg")} <= {p.name for p in tmp_path.iterdir()}
    best = TrainingConfig.from_toml(tmp_path / "best.toml")
    assert best.constants == {"eta": records[0]["options"]["eta"]}
    assert best.validation_examples is None


def test_trials_are_ranked_by_the_mean_over_seeds(tmp_path):
    pool = Pretended(lambda config: {0: 0.5, 1: 0.7}[config.seed] if config.constants["eta"] == 0.1 else 0.58)
    records = sweep(tmp_path, [{**TINY, "constants": {"eta": [0.1, 0.2]}}], SweepOptions(seeds=(0, 1)), pool=pool)
    assert options_of(records) == [(0.1,), (0.2,)]
    assert records[0]["accuracy"]["mean"] == pytest.approx({"mean": 0.6, "sd": 0.02**0.5})
    assert [config.seed for config in pool.configs] == [0, 1, 0, 1]


def test_a_sweep_that_is_planned_anew_does_only_what_is_new(tmp_path):
    sweep(tmp_path, [{**TINY, "constants": {"eta": [0.1, 0.2]}}], pool=Pretended(close_to(0.2)))
    pool = Pretended(close_to(0.2))
    records = sweep(tmp_path, [{**TINY, "constants": {"eta": [0.2, 0.1, 0.3]}}], pool=pool)
    assert [config.constants["eta"] for config in pool.configs] == [0.3]
    assert options_of(records)[0] == (0.2,)


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path):
    pytest.importorskip("optuna")
    block = {**TINY, "constants": {"eta": {"low": 0.01, "high": 0.9, "log": True}}}
    options = SweepOptions(search="tpe", trials=6)
    whole = sweep(tmp_path / "whole", [block], options, pool=Pretended(close_to(0.3)))
    for _ in range(3):
        with pytest.raises(Interrupted):
            sweep(tmp_path / "cut", [block], options, pool=Pretended(close_to(0.3), stop_after=1))
    rest = Pretended(close_to(0.3))
    assert sweep(tmp_path / "cut", [block], options, pool=rest) == whole
    assert len(rest.configs) == 3
    assert len({record["options"]["eta"] for record in whole}) == 6


def test_constants_that_a_rule_cannot_work_with_are_a_result(tmp_path):
    pool = Pretended(lambda config: RuleError("too fast") if config.constants["eta"] > 0.5 else 0.4)
    records = sweep(tmp_path, [{**TINY, "constants": {"eta": [0.9, 0.1]}}], pool=pool)
    assert options_of(records) == [(0.1,), (0.9,)]
    assert records[1]["failure"] == "too fast"
    assert "| 0.9 | 1 | failed |" in (tmp_path / "sweep.md").read_text()


@pytest.mark.parametrize(
    ("block", "options", "message"),
    [
        ({"constants": {"eta": [0.1]}}, {"search": "tpe", "trials": 0}, "trials must be"),
        ({"constants": {"eta": [0.1]}}, {"trials": 5}, "A grid tries every combination"),
        ({"constants": {"eta": [0.1]}}, {"search": "guess"}, "search must be one of grid, random, tpe"),
        ({}, {"search": "random"}, "A search needs something to vary"),
        ({"constants": {"eta": [0.1]}}, {"seeds": ()}, "at least one seed"),
    ],
)
def test_impossible_sweeps_are_told(tmp_path, block, options, message):
    pytest.importorskip("optuna")
    with pytest.raises(ConfigError, match=message):
        sweep(tmp_path, [{**TINY, **block}], SweepOptions(**options), pool=Pretended(lambda config: 0.5))


def test_a_damaged_record_of_draws_is_told(tmp_path):
    pytest.importorskip("optuna")
    (tmp_path / "trials.json").write_text(json.dumps({"varied": ["constants.x_tar"], "trials": []}))
    block = {**TINY, "constants": {"eta": {"low": 0.1, "high": 0.2}}}
    with pytest.raises(ConfigError, match="holds a search of other options"):
        sweep(tmp_path, [block], SweepOptions(search="tpe"), pool=Pretended(lambda config: 0.5))
    (tmp_path / "trials.json").write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        sweep(tmp_path, [block], SweepOptions(search="tpe"), pool=Pretended(lambda config: 0.5))


def test_a_comparison_of_a_plan_names_what_its_runs_differ_in(tmp_path):
    configs = grid({**TINY, "validation_examples": None, "test_examples": 20, "network": {"theta_plus": [2.0, 5.0]}})
    first, second = compare(tmp_path, configs, pool=Here())
    assert [first["options"], second["options"]] == [{"network.theta_plus": 2.0}, {"network.theta_plus": 5.0}]
    assert first["digests"]["0"] != second["digests"]["0"]
    assert first["curve"]["examples"] == [25]
    assert "| network.theta_plus |" in (tmp_path / "comparison.md").read_text()


def test_one_seed_tells_no_standard_deviation():
    record = {"seeds": 3, "accuracy": {"mean": {"mean": 0.5, "sd": 0.012}}}
    assert percent(record, "mean") == "50.00 ± 1.20"
    assert percent(record | {"seeds": 1}, "mean") == "50.00"
