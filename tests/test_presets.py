"""The sets of constants by name, and how options given beside them win."""

import dataclasses

import pytest

from engram import STDPClassifier, TrainingConfig
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
    constants = dataclasses.asdict(config.make_rule())
    assert {name: constants[name] for name in PRESETS[preset].rules.get(rule, {})} == PRESETS[preset].rules.get(
        rule, {}
    )


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
    assert (rule.eta, rule.x_tar, rule.norm) == (0.03, 0.4, "l2")
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_thresholds_of_the_sharp_preset_decay_over_images_in_proportion_to_the_neurons():
    small, large = (TrainingConfig(preset="sharp", neurons=n).make_network(784).tau_theta for n in (100, 400))
    assert large == 4 * small == 1500.0 * 400


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


def test_the_classifier_takes_a_preset():
    digits = load("digits")
    classifier = STDPClassifier(50, preset="sharp", rule="exponential", epochs=4)
    classifier.fit(digits.train_images, digits.train_labels)
    assert classifier.model_.network.excitatory.tau_m == 1000.0
    assert classifier.model_.rule.normalization == "l2"
    assert classifier.score(digits.test_images, digits.test_labels) > 0.7
    assert TrainingConfig.from_dict(classifier.model_.config).make_rule() == classifier.model_.rule
