"""What each parameter may be, and that a number means the same whatever its type."""

import json
import warnings
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from engram import DiehlCook, Protocol, SelfNormalizing, STDPClassifier, TrainingConfig
from engram.errors import ConfigError, StepWarning
from engram.networks import AdaptiveThreshold, Network, Population, TutorialNetwork
from engram.neurons import ALIF, LIF, AdEx, ConductanceLIF
from engram.plasticity import Pair
from engram.projections import Dense
from engram.sources import Latency, Ramp
from engram.validation import (
    PARAMETERS,
    check_finite,
    check_positive,
    plain_number,
    settle,
    settled,
    warn_of_rounded_times,
)
from tiny import CONFIG, so_small, tiny_training

FIVES = (5, 5.0, np.int64(5), np.uint8(5), np.float32(5), np.float64(5), np.array(5), np.array(5.0), Fraction(5))


@pytest.mark.parametrize("five", FIVES, ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', '')}")
def test_five_is_five_of_whatever_type(five):
    assert (settled("min_spikes", five), type(settled("min_spikes", five))) == (5, int)
    assert (settled("tau_m", five), type(settled("tau_m", five))) == (5.0, float)


@pytest.mark.parametrize("value", [True, np.True_, "5", None, 5j, [5], np.array([5]), np.array([[5]]), {}, object()])
def test_what_is_no_number_is_none(value):
    assert plain_number(value) is None
    with pytest.raises(ConfigError, match="tau_m must be a finite number"):
        settled("tau_m", value)
    with pytest.raises(ConfigError, match="min_spikes must be a whole number of at least 0"):
        settled("min_spikes", value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("theta_plus_decay", "l2", "theta_plus_decay must be a finite number, got 'l2'"),
        ("theta_plus_decay", 0.0, "theta_plus_decay must be above 0 and at most 1, got 0.0"),
        ("theta_plus_decay", 1.5, "theta_plus_decay must be at most 1, got 1.5"),
        ("t_ref", 2e9, "t_ref must be at most 60,000 ms, got 2000000000.0"),
        ("tau_theta", 1e-320, "tau_theta must be at least 1e-09 ms, got 1e-320 ms"),
        ("tau_theta", float("inf"), "tau_theta must be a finite number, got inf ms"),
        ("tau_m", -1, "tau_m must be positive, got -1.0 ms"),
        ("dt", 0, "dt must be positive, got 0.0 ms"),
        ("w_inh_exc", -1, "w_inh_exc must be zero or positive, got -1.0"),
        ("v_rest", 1e30, "v_rest must be at most 1,000,000 mV, got 1e"),
        ("neurons", 2.5, "neurons must be a whole number of at least 1, got 2.5"),
        ("neurons", 10**400, "neurons must be a whole number of at least 1, got 1000"),
        ("neurons", 65_536, "neurons must be at most 65,535, got 65536"),
        ("seed", 2**64, r"seed must be at most 1.84467e\+19, got 18446744073709551616"),
        ("dtype", "float16", "dtype must be one of float32, float64, got 'float16'"),
        ("dtype", ["float32"], "dtype must be one of float32, float64"),
        ("at_rest", "perhaps", "at_rest must be true or false, got 'perhaps'"),
        ("x_tar", 1e300, r"x_tar must be at most 1e\+30, got 1e\+300"),
    ],
)
def test_what_a_parameter_cannot_be_is_told(name, value, message):
    with pytest.raises(ConfigError, match=message):
        settled(name, value)


def test_bounds_themselves_are_allowed():
    for name, wanted in PARAMETERS.items():
        if wanted.choices or wanted.switch:
            continue
        assert settled(name, wanted.high) == wanted.high
        if not wanted.above:
            assert settled(name, wanted.low) == wanted.low


@pytest.mark.parametrize("word", [True, "true", "yes", 1, np.True_, "True"])
def test_truth_may_be_said_in_several_ways(word):
    assert settled("at_rest", word) is True


def test_false_typed_as_a_setting_is_false():
    assert TrainingConfig(protocol={"at_rest": "false"}).make_protocol().at_rest is False


def test_times_that_cannot_be_divided_by_are_told():
    for value in (1e-320, 1e31):
        with pytest.raises(ConfigError, match=r"tau must be between 1e-30 and 1e\+30 ms, got"):
            check_positive("tau", value, "ms")
    check_positive("rate", 1e-320)
    with pytest.raises(ConfigError, match="x must be a finite number, got inf"):
        check_finite("x", float("inf"))


def test_settle_gives_a_dataclass_its_types():
    @dataclass(frozen=True)
    class Part:
        tau_m: float = 1.0
        min_spikes: int = 1

        def __post_init__(self):
            settle(self)

    part = Part(tau_m=np.float32(2), min_spikes=np.float64(3))
    assert (type(part.tau_m), type(part.min_spikes)) == (float, int)


# Configurations: the same value in another type is the same configuration, to the byte


@pytest.mark.parametrize("five", FIVES, ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', '')}")
def test_configuration_is_the_same_whatever_the_types(five):
    def config(value):
        return TrainingConfig(
            neurons=value,
            epochs=value,
            constants={"eta": value},
            network={"w_inh_exc": value, "excitatory": {"tau_m": value}},
            protocol={"min_spikes": value, "shown": value},
        )

    given, plain = config(five), config(5)
    assert given == plain
    assert given.to_toml() == plain.to_toml()
    assert json.dumps(given.to_dict()) == json.dumps(plain.to_dict())
    assert repr(given.make_network(9)) == repr(plain.make_network(9))
    assert repr(given.make_rule()) == repr(plain.make_rule())


def test_infinite_bounds_of_a_rule_can_be_kept(tmp_path):
    config = TrainingConfig(rule="triplet", constants={"w_max": float("inf")})
    (tmp_path / "c.toml").write_text(config.to_toml())
    assert TrainingConfig.from_toml(tmp_path / "c.toml") == config
    assert config.make_rule().w_max == float("inf")
    json.dumps(config.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"shown": 60_000, "max_intensity": 10_000}, "One image may be shown for 4,194,304 time steps at most"),
        ({"max_intensity": 1e6}, "One image may be shown"),
        ({"max_intensity": 1e300}, r"protocol\.max_intensity must be at most 1,000,000"),
    ],
)
def test_presentations_that_take_hours_are_told(protocol, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(protocol=protocol)


def test_longest_presentations_that_anybody_uses_are_allowed():
    assert TrainingConfig(protocol={"shown": 60_000.0}).make_protocol().shown == 60_000.0
    assert TrainingConfig(dt=0.01, protocol={"max_intensity": 64.0}).dt == 0.01


# Estimators and rules in code: the same model file, to the byte


def model_file_of(path, rule, **options):
    images = np.arange(90).reshape(10, 9) % 17
    classifier = STDPClassifier(
        4,
        rule=rule,
        preset="paper",
        epochs=1,
        network=options,
        protocol={"shown": 5.0, "blank": 0.0, "max_intensity": 2.0},
    )
    with so_small():
        classifier.fit(images, np.arange(10) % 2).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", [int, np.int64, np.float64, np.uint16, np.array])
def test_estimator_saves_the_same_bytes_whatever_the_types(tmp_path, kind):
    plain = model_file_of(tmp_path / "a", SelfNormalizing(eta=1.0), w_inh_exc=17.0)
    assert model_file_of(tmp_path / "b", SelfNormalizing(eta=kind(1)), w_inh_exc=kind(17)) == plain


@pytest.mark.parametrize("kind", [int, np.float32, np.int64, np.array])
def test_every_part_keeps_python_s_numbers_whatever_it_was_given(kind):
    given = [
        (SelfNormalizing, "eta"), (Pair, "a_pre"), (AdEx, "tau_w"), (LIF, "tau_rc"), (ALIF, "inc_inh"),
        (ConductanceLIF, "tau_m"), (Latency, "white"), (Ramp, "growth"), (AdaptiveThreshold, "plus"),
        (TutorialNetwork, "tau_input"), (DiehlCook, "w_inh_exc"), (Protocol, "shown"),
    ]  # fmt: skip
    for part, name in given:
        made = part(**{name: kind(2)})
        assert (type(getattr(made, name)), getattr(made, name)) == (float, 2.0), part
        assert hash(made) == hash(part(**{name: 2.0}))


def test_rule_learns_with_a_number_of_single_precision():
    eta = np.float32(0.01)
    rule = tiny_training(rule=SelfNormalizing(eta=eta)).simulator.rule
    assert (type(rule.eta), rule.eta) == (float, float(eta))
    assert rule.parameters()["eta"] == float(eta)


@pytest.mark.parametrize(
    "dt, text",
    [
        (0.3, r"t_ref is 5 ms, no multiple of dt, 0\.3 ms: it lasts 17 steps, 5\.1 ms"),
        (0.4, r"it lasts 12 steps, 4\.8 ms"),
    ],
)
def test_refractory_periods_that_steps_do_not_divide_are_told_and_rounded(dt, text):
    with pytest.warns(StepWarning, match=text):
        training = tiny_training(CONFIG.replace(dt=dt))
    assert round(training.simulator.network.excitatory.t_ref / dt) * dt == pytest.approx(5.0, abs=dt / 2)


def test_delays_that_steps_do_not_divide_are_told():
    neurons = {name: Population(1, LIF()) for name in "ab"}
    late = Dense(before="in", after="a", delay=1.25), Dense(before="a", after="b", delay=2.0)
    with pytest.warns(StepWarning, match=r"the delay of in_a is 1\.25 ms, no multiple of dt, 0\.5 ms") as told:
        warn_of_rounded_times(Network(inputs={"in": 1}, populations=neurons, projections=late, dt=0.5))
    assert len(told) == 1


@pytest.mark.parametrize("dt", [0.1, 0.2, 0.25, 0.5, 1.0])
def test_times_that_steps_divide_are_not_told(dt):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny_training(CONFIG.replace(dt=dt))
