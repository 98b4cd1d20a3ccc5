"""Constants changed while a network learns."""

import numpy as np
import pytest

from engram.errors import ConfigError
from engram.retuning import retune
from engram.run_folder import RunFolder
from engram.runs import resume_run, save_checkpoint, start_run
from tiny import CONFIG, tiny_dataset, tiny_training


def learned(training, n_blocks=3):
    for _ in range(n_blocks):
        training.learn_block()
    return training


def test_training_retuned_to_its_own_constants_goes_on_as_if_nothing_had_been():
    plain, retuned = learned(tiny_training()), learned(tiny_training(), 1)
    assert retune(retuned, {"constants": {"eta": 0.1}}) == []
    learned(retuned, 2)
    np.testing.assert_array_equal(retuned.simulator.state.weights, plain.simulator.state.weights)
    assert retuned.metrics == plain.metrics
    assert retuned.running.value == plain.running.value


def test_training_retuned_at_its_beginning_equals_one_with_those_constants():
    changes = {"constants": {"eta": 0.3}, "network": {"w_inh_exc": 0.0}, "protocol": {"shown": 4.0}}
    retuned = tiny_training()
    found = retune(retuned, changes)
    asked = CONFIG.replace(
        constants={"eta": 0.3},
        network={**CONFIG.network, "w_inh_exc": 0.0},
        protocol={**CONFIG.protocol, "shown": 4.0},
    )
    learned(retuned), learned(direct := tiny_training(asked))
    np.testing.assert_array_equal(retuned.simulator.state.weights, direct.simulator.state.weights)
    assert {(c["name"], c["from"], c["to"]) for c in found} == {
        ("constants.eta", 0.1, 0.3),
        ("network.w_inh_exc", 17.0, 0.0),
        ("protocol.shown", 3.0, 4.0),
    }


def test_retuned_run_is_resumed_from_its_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    start_run(folder, CONFIG, overwrite=False)
    training = learned(tiny_training(), 1)
    folder.write_changes(retune(training, {"constants": {"eta": 0.3}}))
    folder.write_config(training.config)
    save_checkpoint(folder, training)
    folder.release()
    resumed = resume_run(folder, dataset=tiny_dataset(), kernel="reference")
    folder.release()
    learned(training, 1), learned(resumed, 1)
    np.testing.assert_array_equal(resumed.simulator.state.weights, training.simulator.state.weights)
    assert folder.read_changes() == [{"examples": 25, "name": "constants.eta", "from": 0.1, "to": 0.3}]


@pytest.mark.parametrize("changes", [{"neurons": 5}, {"constants": {"eta": -1}}, {"constants": {"zeta": 1}}])
def test_refused_change_leaves_training_as_it_was(changes):
    training = learned(tiny_training(), 1)
    before, config = training.simulator.state.weights.copy(), training.config
    with pytest.raises(ConfigError):
        retune(training, changes)
    np.testing.assert_array_equal(training.simulator.state.weights, before)
    assert training.config is config


def test_blocks_of_one_image_learn_the_same_weights_as_whole_blocks():
    single, whole = tiny_training(), learned(tiny_training(), 1)
    single.at_most = 1
    for example in range(25):
        single.learn_block()
        assert single.examples == example + 1
        assert single.last_counts.shape == (1, 4)
    np.testing.assert_array_equal(single.simulator.state.weights, whole.simulator.state.weights)
    np.testing.assert_array_equal(single.last_shown, whole.last_shown[-1:])
    np.testing.assert_array_equal(single.last_counts, whole.last_counts[-1:])
