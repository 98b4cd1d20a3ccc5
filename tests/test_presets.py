"""The sets of constants by name, and how options given beside them win."""

import dataclasses

import numpy as np
import pytest

from engram import STDPClassifier, STDPFeatures, TrainingConfig
from engram.cli.rules import preset_of_train
from engram.comparison import comparison_runs
from engram.datasets import load
from engram.errors import ConfigError
from engram.networks import DiehlCook, Protocol
from engram.plasticity import make_rule
from engram.plasticity.registry import RULES
from engram.presets import PRESETS


def test_the_papers_preset_is_what_the_parts_are_by_themselves():
    config = TrainingConfig(neurons=30, preset="paper")
    assert config.make_network(784) == DiehlCook(n_neurons=30)
    assert config.make_protocol() == Protocol()
    assert config.make_rule() == make_rule("self_normalizing")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rule", RULES)
def test_every_preset_makes_every_rule(preset, rule):
    config = TrainingConfig(rule=rule, preset=preset)
    constants, options = dataclasses.asdict(config.make_rule()), PRESETS[preset].rule_options(rule, 400)
    assert {name: constants[name] for name in options} == options == PRESETS[preset].rules.get(rule, {})


def test_options_win_over_the_preset_one_by_one():
    config = TrainingConfig(
        preset="sharp",
        constants={"eta": 0.03},
        network={"excitatory": {"tau_m": 500.0}, "w_inh_exc": 99.0},
        protocol={"shown": 111.0},
    )
    network, protocol, rule = config.make_network(784), config.make_protocol(), config.make_rule()
    assert (network.excitatory.tau_m, network.excitatory.v_thresh, network.w_inh_exc) == (500.0, -42.0, 99.0)
    assert (protocol.shown, protocol.blank, protocol.at_rest) == (111.0, 50.0, True)
    assert (rule.eta, rule.x_tar, rule.norm) == (0.03, 0.2, "l2")
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_thresholds_of_the_sharp_preset_decay_over_images_in_proportion_to_the_neurons():
    small, large = (TrainingConfig(preset="sharp", neurons=n).make_network(784).tau_theta for n in (100, 400))
    assert large == 4 * small == 1500.0 * 400


def test_learning_rates_of_the_sharp_preset_grow_with_the_neurons_up_to_a_bound():
    rates = [TrainingConfig(preset="sharp", neurons=n).make_rule().eta for n in (50, 400, 1600, 12_800, 65_535)]
    assert rates == pytest.approx([0.1 * (n / 400) ** 0.4 for n in (50, 400, 1600, 12_800)] + [0.5])
    assert TrainingConfig(preset="sharp", neurons=12_800).make_rule().eta_decay == 0.2
    assert TrainingConfig(preset="sharp", neurons=12_800, constants={"eta": 0.1}).make_rule().eta == 0.1
    assert TrainingConfig(preset="paper", neurons=12_800).make_rule() == make_rule("self_normalizing")


def test_bounds_of_large_networks_are_those_of_the_spike_that_learns():
    counts = [TrainingConfig(preset="sharp", neurons=n).make_rule().count for n in (400, 2000, 2001, 12_800)]
    assert counts == ["previous", "previous", "current", "current"]
    assert TrainingConfig(preset="sharp", neurons=6400, constants={"count": "previous"}).make_rule().count == "previous"
    assert {TrainingConfig(preset=name, neurons=6400).make_rule().count for name in ("paper", "events")} == {"previous"}


@pytest.mark.parametrize("n_inputs", [64, 784])
def test_neurons_of_self_normalizing_start_with_more_weight_than_they_keep(n_inputs):
    config = TrainingConfig(preset="sharp", neurons=30)
    network, rule = config.make_network(n_inputs), config.make_rule()
    start = np.linalg.norm(network.new_weights(0), axis=0)
    assert start / (rule.a_tar * np.sqrt(8 * n_inputs)) == pytest.approx(1.6, abs=0.25)
    other = TrainingConfig(preset="sharp", rule="exponential").make_network(n_inputs)
    assert (other.w_start, other.theta_plus, network.theta_plus) == (0.3, 5.0, 2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "blunt"}, "preset must be one of"),
        ({"network": {"excitatory": {"tau": 3.0}}}, "network.excitatory has no option 'tau'"),
        ({"network": {"inhibitory": 5}}, "network.inhibitory must be a table"),
        ({"network": {"theta_plus_decay": 0.0}}, "theta_plus_decay must be above 0"),
        ({"constants": {"variant": "smin", "norm": "l3"}}, "norm must be one of"),
    ],
)
def test_impossible_options_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**options).make_rule()


def test_a_preset_that_is_not_named_is_that_of_the_network():
    config, named = TrainingConfig(neurons=9), TrainingConfig(neurons=9, preset="sharp")
    other = config.replace(network="two-layers")
    assert (config.preset, other.preset, other.replace(network={}).preset) == ("sharp", "paper", "sharp")
    assert named.replace(network="two-layers").preset == "sharp"
    assert TrainingConfig.from_dict(config.to_dict()).replace(network="two-layers").preset == "sharp"
    assert other.make_rule() == make_rule("self_normalizing")
    assert STDPClassifier(network="two-layers")._preset() == "paper"
    assert STDPClassifier(network={"theta_plus": 1.0})._preset() == "sharp"


def test_constants_of_events_are_those_that_its_accuracy_was_measured_with():
    network = TrainingConfig(preset="events", neurons=50).make_network(784)
    assert (network.theta_plus, network.theta_plus_decay, network.w_start) == (5.0, 0.01, DiehlCook().w_start)
    rule = TrainingConfig(preset="events", neurons=50).make_rule()
    assert (rule.eta, rule.x_tar, rule.a_tar) == (0.1, 0.4, make_rule("self_normalizing").a_tar)


def test_the_classifier_takes_a_preset():
    digits = load("digits")
    classifier = STDPClassifier(50, preset="sharp", rule="exponential", epochs=4)
    classifier.fit(digits.train_images, digits.train_labels)
    assert classifier.model_.network.excitatory.tau_m == 1000.0
    assert classifier.model_.rule.normalization == "l2"
    assert classifier.score(digits.test_images, digits.test_labels) > 0.7
    assert TrainingConfig.from_dict(classifier.model_.config).make_rule() == classifier.model_.rule


def test_train_estimators_comparisons_and_rules_have_one_default():
    images, labels = np.arange(40).reshape(10, 4), np.arange(10) % 2
    learned = STDPFeatures(2, epochs=1, protocol={"min_spikes": 0}).fit(images, labels).model_
    compared = comparison_runs(TrainingConfig(), ["pair"], [4], [0])[0]
    presets = (TrainingConfig().preset, learned.config["preset"], compared.preset, preset_of_train())
    assert presets == ("sharp",) * 4
