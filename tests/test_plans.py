"""Plans: lists stand for each of their values, ranges for all numbers between."""

import pytest

from engram.config import TrainingConfig
from engram.errors import ConfigError
from engram.plans import (
    Range,
    changed,
    differing,
    filled,
    flat_options,
    full_name,
    grid,
    read_plan,
    run_name,
    short_name,
    varied_options,
    vary,
)


def test_every_value_of_a_list_meets_every_value_of_the_others():
    configs = grid({"rule": ["triplet", "pair"], "neurons": 20, "network": {"theta_plus": [1.0, 2.0, 3.0]}})
    assert [(c.rule, c.network["theta_plus"], c.neurons) for c in configs] == [
        (rule, step, 20) for rule in ("triplet", "pair") for step in (1.0, 2.0, 3.0)
    ]


def test_blocks_of_a_plan_have_what_stands_before_them_and_their_own(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(
        'dataset = "digits"\nepochs = 2\nnetwork = {theta_plus = 1.0}\n'
        "[[runs]]\nneurons = [10, 20]\n[[runs]]\nepochs = 1\nnetwork = {tau_theta = 5.0}\n"
    )
    first, second = read_plan(file)
    assert first == {"dataset": "digits", "epochs": 2, "network": {"theta_plus": 1.0}, "neurons": [10, 20]}
    assert second == {"dataset": "digits", "epochs": 1, "network": {"theta_plus": 1.0, "tau_theta": 5.0}}
    assert [config.neurons for config in grid(first)] == [10, 20]


def test_networks_and_sources_are_varied_by_name_and_by_their_constants(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('network = "two-layers"\n[source]\nkind = "latency"\norder = ["rank", "value"]\n')
    (block,) = read_plan(file)
    configs = grid(vary(block, "network.hidden", [5, 6]))
    assert [(c.network, c.source, c.source_constants["order"], c.preset) for c in configs] == [
        ({"kind": "two-layers", "hidden": n}, "latency", order, "paper") for n in (5, 6) for order in ("rank", "value")
    ]
    assert [short_name(name) for name in differing(configs)] == ["network.hidden", "source.order"]
    both = grid(vary(vary({}, "network", ["diehl-cook", "two-layers"]), "source", ["poisson", "ramp"]))
    assert [(c.network_name, c.source) for c in both] == [
        (network, source) for network in ("diehl-cook", "two-layers") for source in ("poisson", "ramp")
    ]


def test_what_the_command_line_names_wins_and_keeps_constants_of_the_same_kind_alone():
    block = {"source": {"kind": "latency", "order": "rank"}, "network": {"kind": "two-layers", "hidden": 5}}
    assert grid(changed(block, {"source": "latency"}))[0].source_constants == {"order": "rank"}
    other = grid(changed(block, {"source": "ramp", "network": "diehl-cook", "neurons": 7}))[0]
    assert (other.source, other.source_constants, other.network, other.neurons) == ("ramp", {}, {}, 7)


def test_file_of_a_plan_is_taken_where_the_user_names_it_again(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('network = "mine.py:made"\nrule = ["pair", "mine.py:Rule"]')
    with pytest.raises(ConfigError, match=r"name it again with --network mine\.py:made, or leave it out of the plan"):
        read_plan(file, ["mine.py:Rule", None])
    assert read_plan(file, ["mine.py:Rule", "mine.py:made"])[0]["rule"] == ["pair", "mine.py:Rule"]


@pytest.mark.parametrize("text", [
    'rule = ["pair", "mine.py:Rule"]', 'network = "mine.py:made"', 'network = {kind = ["mine.py:made"]}',
    'source = "mine.py:Source"', '[source]\nkind = ["mine.py:Source", "poisson"]',
])  # fmt: skip
def test_files_that_would_be_run_are_not_taken_from_a_plan(tmp_path, text):
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="a file that would be run"):
        read_plan(file)


def test_a_plan_without_blocks_is_one_block(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("neurons = [10, 20]\n")
    assert read_plan(file) == [{"neurons": [10, 20]}]


def test_a_table_with_low_and_high_is_a_range_and_any_other_a_table():
    block = {"constants": {"eta": {"low": 0.01, "high": 0.1, "log": True}}, "network": {"excitatory": {"tau_m": 9.0}}}
    assert dict(varied_options(block)) == {"constants.eta": Range(0.01, 0.1, log=True)}
    assert filled(block, {"constants.eta": 0.05}).constants == {"eta": 0.05}
    assert Range(1, 3).whole
    assert not Range(1, 3.0).whole


def test_a_bare_name_is_an_option_or_else_a_constant_of_the_rule():
    block = vary(vary(vary({}, "neurons", [1, 2]), "eta", [0.1]), "network.excitatory.tau_m", [5.0])
    assert block == {
        "neurons": [1, 2],
        "constants": {"eta": [0.1]},
        "network": {"excitatory": {"tau_m": [5.0]}},
    }


def test_pairs_among_the_options_of_data_are_values():
    assert grid({"dataset": "x", "data": {"image_shape": [28, 28]}})[0].data == {"image_shape": [28, 28]}


def test_what_tells_configurations_apart_is_named_and_seeds_are_not():
    configs = [TrainingConfig(seed=1, constants={"eta": 0.1}), TrainingConfig(seed=2, network={"theta_plus": 1.0})]
    assert differing(configs) == ["constants.eta", "network.theta_plus"]
    assert flat_options(configs[0])["constants.eta"] == 0.1


def test_a_run_s_folder_depends_on_its_options_and_nothing_else():
    one, other = TrainingConfig(neurons=10), TrainingConfig(neurons=10, epochs=2)
    assert run_name(one) == run_name(other) == "self_normalizing-10-seed0"
    assert full_name(one) == full_name(TrainingConfig(neurons=10))
    assert full_name(one) != full_name(other)
    assert full_name(one).startswith("self_normalizing-10-seed0-")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"neurons": []}, "neurons must have at least one value"),
        ({"constants": {"eta": {"low": 0.1, "high": 0.2}}}, "constants.eta is a range, which has no grid"),
        ({"constants": {"eta": {"low": 0.2, "high": 0.1}}}, "A range must be from a number to a larger one"),
        ({"constants": {"eta": {"low": 0.0, "high": 0.1, "log": True}}}, "A logarithmic range must begin above 0"),
        ({"wings": [1, 2]}, "has no option 'wings'"),
        ({"constants": {"wings": [1, 2]}}, "has no constant 'wings'"),
    ],
)
def test_plans_that_cannot_be_are_told(block, message):
    with pytest.raises(ConfigError, match=message):
        grid(block)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs = 3\n", "runs must be tables"),
        ("[[runs]]\nrule = ['a.py:A', 'pair']\n", "names the rule a.py:A, a file that would be run"),
    ],
)
def test_plan_files_that_cannot_be_used_are_told(tmp_path, text, message):
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_plan(file)
