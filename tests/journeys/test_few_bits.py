"""Runs whose rule learns in fixed point: asked for on every way, kept in every file, gone on with to the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from engram import STDPClassifier, TrainingConfig, load_model
from engram.checkpoints import restore, snapshot
from engram.errors import ConfigError, DataError
from engram.model_file import load_model as read_model
from engram.plasticity.fixed_point import weight_grid
from engram.run_folder import RunFolder
from engram.runs import start_run
from tiny import CONFIG, QUIET, finished, resumed, tiny_run, tiny_training

HELD = {"weight_bits": 5, "state_bits": 8, "rounding": "stochastic"}


def config(**options) -> TrainingConfig:
    return CONFIG.replace(constants={**CONFIG.constants, **HELD}, **options)


def assert_on_grid(model):
    grid = weight_grid(model.rule, model.network.n_inputs)
    np.testing.assert_array_equal(model.weights, grid.nearest(model.weights))
    assert len(np.unique(model.weights)) > 2


@pytest.mark.parametrize("rule", ["self_normalizing", "triplet"])
def test_resumed_run_equals_uninterrupted_run(rule, tmp_path):
    constants = {**HELD, **({"eta": 0.1} if rule == "self_normalizing" else {"eta_post": 0.1})}
    asked = CONFIG.replace(rule=rule, constants=constants)
    whole = tiny_run(tmp_path / "whole", asked)
    folder = RunFolder(tmp_path / "parts")
    start_run(folder, asked, overwrite=False)

    def stop(progress, _):
        if progress.examples == 50:
            raise DataError("stop here")

    with pytest.raises(DataError, match="stop here"):
        finished(folder, tiny_training(asked), QUIET, [stop])
    resumed(folder.path)
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (whole.path / name).read_bytes() == (folder.path / name).read_bytes(), name
    model = read_model(folder.path)
    assert (model.rule.weight_bits, model.rule.state_bits, model.rule.rounding) == (5, 8, "stochastic")
    assert_on_grid(model)


def test_a_checkpoint_of_other_bits_is_refused():
    tensors, metadata = snapshot(tiny_training(config()))
    other = CONFIG.replace(constants={**CONFIG.constants, **HELD, "weight_bits": 6})
    with pytest.raises(ConfigError, match="of another configuration"):
        restore(tiny_training(other), tensors, metadata, "a checkpoint")
    restore(tiny_training(config()), tensors, metadata, "a checkpoint")


def test_a_checkpoint_from_before_a_constant_was_there_is_gone_on_with():
    tensors, metadata = snapshot(tiny_training())
    del metadata["rule"]["constants"]["division"]
    restore(tiny_training(), tensors, metadata, "a checkpoint")


def test_toml_and_python_and_estimator_ask_for_the_same(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(config().to_toml())
    assert TrainingConfig.from_toml(file).make_rule() == config().make_rule()
    estimator = STDPClassifier(rule="triplet").set_params(rule__weight_bits=6, rule__rounding="stochastic")
    assert estimator.get_params()["rule__weight_bits"] == 6
    assert estimator.rule.rounding == "stochastic"
    X = np.random.default_rng(0).integers(0, 256, (12, 16))
    fitted = STDPClassifier(rule=estimator.rule, n_neurons=4, epochs=1).fit(X, np.arange(12) % 2)
    assert set(np.unique(fitted.model_.weights)) <= set(np.arange(64) / 64)
    assert fitted.predict(X).shape == (12,)


def test_command_line_asks_for_it_and_tells_it(engram, tmp_path):
    run = tmp_path / "run"
    small = ("--neurons", 5, "--examples", 30, "--no-figures", "--label-examples", 20, "--test-examples", 10)
    code, _, err = engram(
        "train", *small, "--weight-bits", 6, "--state-bits", 10, "--rounding", "stochastic", "--out", run
    )
    assert code == 0, err
    assert "6-bit weights, 10-bit state, rounding stochastic" in err
    _, out, _ = engram("info", run)
    assert "6-bit weights, 10-bit state, rounding stochastic" in out
    assert "weight_bits=6" in out.replace("\n", "")
    assert_on_grid(load_model(run))
    np.save(tmp_path / "images.npy", np.pad(np.full((14, 4), 255, np.uint8), ((7, 7), (12, 12))))
    code, _, err = engram("predict", run, tmp_path / "images.npy", "--quiet")
    assert code == 0, err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--weight-bits", 0), "weight_bits must be a whole number from 1 to 24, or inf for floating point, got 0"),
        (("--weight-bits", 70), "got 70"),
        (("--state-bits", 99), "state_bits must be a whole number from 1 to 24"),
        (("--weight-bits", 6, "--rounding", "up"), "rounding must be one of nearest, stochastic, got 'up'"),
        (("--set", "weight_bits=six"), "weight_bits of SelfNormalizing must be a number, got 'six'"),
    ],
)
def test_what_cannot_be_is_told_on_the_command_line(engram, tmp_path, given, message):
    code, _, err = engram("train", *given, "--out", tmp_path / "run")
    assert code != 0
    assert message in " ".join(err.split())
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_takes_no_other_bits(engram, tmp_path):
    code, _, err = engram("train", "--resume", tmp_path, "--weight-bits", 6)
    assert code != 0
    assert "A resumed run keeps its own options" in " ".join(err.split())
