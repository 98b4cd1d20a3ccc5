"""The digest of what was learned: equal for the same bits, and for nothing else."""

from dataclasses import replace

import numpy as np

from engram.digests import learned_digest
from engram.evaluation import label_neurons
from tiny import CONFIG, tiny_dataset, tiny_training


def test_the_digest_is_of_what_was_learned_and_not_of_how():
    first, second = tiny_training(), tiny_training()
    assert learned_digest(first.model()) == learned_digest(replace(second.model(), version="other", config={}))
    second.learn_block()
    assert learned_digest(first.model()) != learned_digest(second.model())


def test_one_bit_of_weights_thresholds_state_or_readout_changes_the_digest():
    training = tiny_training()
    readout = label_neurons(training.simulator, tiny_dataset(), 26, threads=1)
    model = replace(training.model(), readout=readout)
    weights, theta = model.weights.copy(), model.theta.copy()
    weights[0, 0] = np.nextafter(weights[0, 0], np.float32(9))
    theta[-1] = np.nextafter(theta[-1], 99)
    state = {**model.rule_state, "s_max": model.rule_state["s_max"] + 1}
    profile = np.nextafter(readout.profile, 9)
    others = [
        model,
        replace(model, weights=weights),
        replace(model, theta=theta),
        replace(model, rule_state=state),
        replace(model, readout=replace(readout, profile=profile)),
        replace(model, readout=None),
    ]
    assert len({learned_digest(other) for other in others}) == len(others)


def test_the_digest_of_a_network_of_layers_is_of_every_layer():
    model = tiny_training(CONFIG.replace(network={"kind": "two-layers", "hidden": 3})).model()
    others = [model]
    for name in ("image_first", "first_second"):
        changed = model.weights[name].copy()
        changed[0, 0] = np.nextafter(changed[0, 0], np.float32(99))
        others.append(replace(model, weights={**model.weights, name: changed}))
    for name in model.theta:
        others.append(replace(model, theta={**model.theta, name: np.nextafter(model.theta[name], 99)}))
    assert len({learned_digest(other) for other in others}) == len(others) == 5
