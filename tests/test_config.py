"""Configurations as files and from models; what they name is never run."""

import os
from dataclasses import replace

import numpy as np
import pytest

from engram import DiehlCook, Protocol, TrainingConfig, Triplet, load_model
from engram.config import read_options
from engram.errors import ConfigError, DataError
from engram.neurons import EXCITATORY, ConductanceLIF

TRAP = "raise SystemExit('the file was run')"


@pytest.fixture
def trap(tmp_path):
    (tmp_path / "trap.py").write_text(TRAP)
    return f"{tmp_path / 'trap.py'}:Rule"


def test_configuration_that_names_a_file_of_code_is_refused_and_the_file_not_run(tmp_path, trap):
    (tmp_path / "c.toml").write_text(f"rule = '{trap}'")
    with pytest.raises(ConfigError, match=r"names the rule .*trap\.py:Rule, a file that would be run; if you trust"):
        TrainingConfig.from_toml(tmp_path / "c.toml")
    assert read_options(tmp_path / "c.toml") == {"rule": trap}


def test_rule_that_the_caller_names_takes_the_place_of_the_file_s(tmp_path, trap):
    (tmp_path / "c.toml").write_text(f"rule = '{trap}'\nseed = 3")
    config = TrainingConfig.from_toml(tmp_path / "c.toml", rule="triplet")
    assert (config.rule, config.seed) == ("triplet", 3)


def test_byte_order_mark_is_no_part_of_a_configuration(tmp_path):
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfneurons = 7\n")
    assert TrainingConfig.from_toml(tmp_path / "c.toml").neurons == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset = ['a']", r"dataset must be text, got \['a'\]"),
        ("rule = 5", "rule must be text, got 5"),
        ("start = true", "start must be text, got True"),
        ("preset = 5", "preset must be one of"),
        ("order = ['file']", "order must be one of shuffled, file"),
        ("network = 5", "network must be a table, got 5"),
        ("network.tau_theta = inf", r"network\.tau_theta must be a finite number"),
        ("network.theta_plus_decay = 'l2'", r"network\.theta_plus_decay must be a finite number"),
        ("network.excitatory.t_ref = 2e9", r"network\.excitatory\.t_ref must be at most 60,000 ms"),
        ("network.excitatory = 5", r"network\.excitatory must be a table of tau_m"),
        ("network.tau_theta.x = 5", r"network\.tau_theta must not be a table"),
        ("protocol.min_spikes = 1.5", r"protocol\.min_spikes must be a whole number"),
        ("input_gain = 'loud'", "input_gain must be a finite number, got 'loud'"),
        ("input_gain = 0", "input_gain must be positive, got 0.0"),
        ("epochs = false", "epochs must be a whole number"),
        ("neurons = 1e400", "neurons must be a whole number"),
    ],
)
def test_values_that_cannot_be_are_told_where_they_stand(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.from_toml(tmp_path / "c.toml")


def test_only_regular_files_are_configurations(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(ConfigError, match="it is no regular file"):
            TrainingConfig.from_toml(tmp_path / name)


# Going on from a model


def test_model_goes_on_with_its_own_options_but_for_those_given():
    model = load_model("mnist-100")
    own = TrainingConfig.from_dict(model.config)
    config = TrainingConfig.from_model(model, epochs=2, constants={"eta": 0.5}, network={"w_inh_exc": 10})
    assert (config.neurons, config.rule, config.dataset) == (own.neurons, own.rule, own.dataset)
    assert config.constants == {**own.constants, "eta": 0.5}
    assert config.network == {**own.network, "w_inh_exc": 10.0}
    assert (config.epochs, config.examples) == (2, None)


def test_another_rule_does_not_take_over_the_constants_of_the_former():
    model = load_model("mnist-100")
    model.config["constants"] = {"eta": 0.5}
    assert TrainingConfig.from_model(model, rule="triplet").constants == {}
    assert TrainingConfig.from_model(model).constants == {"eta": 0.5}


@pytest.mark.parametrize(("images", "passes"), [(60_000, 1), (1_497, 7), (1_000, 10), (400, 10), (26, 10)])
def test_default_amount_of_training_grows_with_the_data(images, passes):
    assert TrainingConfig().total_examples(images) == passes * images


def test_objects_stand_where_tables_and_names_do():
    network, protocol, rule = (
        DiehlCook(n_neurons=50, dt=0.25, w_inh_exc=20.0),
        Protocol(min_spikes=1),
        Triplet(eta_post=0.1),
    )
    config = TrainingConfig(network=network, protocol=protocol, rule=rule, preset="sharp")
    assert (config.neurons, config.dt, config.rule) == (50, 0.25, "triplet")
    assert config.make_network((28, 28)) == network
    assert config.make_protocol() == protocol
    assert config.make_rule() == rule
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_object_and_option_that_disagree_are_told():
    with pytest.raises(ConfigError, match="neurons is 30, and that of the network is 50; give it once"):
        TrainingConfig(neurons=30, network=DiehlCook(n_neurons=50))
    with pytest.raises(ConfigError, match="has its constants already"):
        TrainingConfig(rule=Triplet(), constants={"eta_post": 0.1})


def test_neuron_of_one_changed_constant_is_the_excitatory_one_but_for_it():
    assert ConductanceLIF(tau_m=50) == replace(EXCITATORY, tau_m=50)


@pytest.mark.parametrize(("neurons", "given", "n_train", "expected"), [
    (100, None, 60_000, 10_000), (400, None, 60_000, 16_000), (6400, None, 60_000, 60_000), (100, None, 500, 500),
    (6400, 30, 60_000, 30),
])  # fmt: skip
def test_label_images_grow_with_the_neurons_unless_a_number_is_given(neurons, given, n_train, expected):
    assert TrainingConfig(label_examples=given).total_label_examples(n_train, neurons) == expected


def test_images_that_are_held_out_stand_in_place_of_the_test_images():
    whole, held = (TrainingConfig(validation_examples=n).load_data() for n in (None, 97))
    assert (len(held.train_images), len(held.test_images)) == (1200, 97)
    rows = {image.tobytes() for image in whole.train_images}
    assert all(image.tobytes() in rows for image in held.test_images)
    assert held.content_hash() == TrainingConfig(validation_examples=97).load_data().content_hash()
    assert abs(np.bincount(held.test_labels) / 97 - np.bincount(whole.train_labels) / 1297).max() < 0.02
    with pytest.raises(DataError, match="1,297 were to be held out"):
        TrainingConfig(validation_examples=1297).load_data()
