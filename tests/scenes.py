"""What tests share: Poisson trains, images that look like digits without being anyone's data, every rule there is."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import fields

import numpy as np

from engram import Network, Population, Simulator
from engram.errors import ConfigError
from engram.plasticity import RULES, LearningRule, make_rule
from engram.plasticity.base import choices_of
from engram.presets import PRESETS
from engram.projections import Dense
from engram.rule_probes import Relay
from engram.sources.base import in_order


def poisson_train(n_inputs: int, n_steps: int, probability: float, seed: int):
    """Independent spikes as (input, step), in order of step."""
    random = np.random.default_rng(seed)
    step, index = np.nonzero(random.random((n_steps, n_inputs)) < probability)
    return index, step


def stroke_images(n_images: int, seed: int, side: int = 28) -> np.ndarray:
    """Images of one thick, soft, curved stroke each; shape (n_images, side²), 0-255, with the ink of a digit."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    along = np.linspace(0.0, 1.0, 40)
    images = []
    for _ in range(n_images):
        corners = random.uniform(0.2 * side, 0.8 * side, (3, 2))
        bend = np.outer((1 - along) ** 2, corners[0]) + np.outer(2 * along * (1 - along), corners[1])
        path = bend + np.outer(along**2, corners[2])
        distance = np.min([(row - r) ** 2 + (column - c) ** 2 for r, c in path], axis=0)
        images.append(255.0 * np.exp(-distance / (0.003 * side**2)).ravel())
    return np.array(images) * (0.13 * 255.0 * side**2 / np.sum(images, axis=1, keepdims=True))


def shown(images: np.ndarray, dt: float, seed: int, *, on: float = 350.0, off: float = 150.0):
    """Poisson spikes of images shown one after another, as (input, step), and how many steps that takes."""
    index, step, n_steps = [], [], 0
    random = np.random.default_rng(seed)
    for image in images:
        probability = image / 8.0 * 2.0 * dt / 1000.0
        t, i = np.nonzero(random.random((round(on / dt), len(image))) < probability)
        index.append(i)
        step.append(t + n_steps)
        n_steps += round((on + off) / dt)
    return (np.concatenate(index), np.concatenate(step)), n_steps


def forced_run(rule, dtype="float64", n_inputs=12, n_neurons=3, interval=20, n_spikes=6):
    """The same spikes through the compiled equations and through the reference's; weights and memory of each."""
    n_steps = interval * n_spikes
    network = Network(
        inputs={"input": n_inputs, "pacemaker": 1},
        populations={"neurons": Population(n_neurons, Relay())},
        projections=[
            Dense(before="input", after="neurons", channel="unheard", rule=rule),
            Dense(before="pacemaker", after="neurons", channel="drive"),
        ],
        dtype=dtype,
    )
    weights = np.random.default_rng(0).uniform(0.2, 0.8, (n_inputs, n_neurons))
    driven = np.arange(1, n_spikes + 1) * interval - 2
    spikes = {
        "input": in_order(poisson_train(n_inputs, n_steps, 0.05, seed=1), n_steps),
        "pacemaker": in_order((np.zeros_like(driven), driven), n_steps),
    }
    results = []
    for kernel in ("compiled", "reference"):
        simulator = Simulator(network, kernel=kernel, weights={"input_neurons": weights})
        fired, _ = simulator.run(spikes, n_steps, learn=True, record=True)
        assert len(fired["neurons"]) == n_spikes * n_neurons
        results.append((simulator.state.weights, list(simulator.memory.tensors().values())))
    return results


def every_rule() -> list[LearningRule]:
    """Every built-in rule with every combination of its choices, and with the constants of every preset.

    Two choices take no part in what spikes do to floating-point weights, and are combined with no other: when weights
    are scaled, and how they are rounded to a grid that there is not.
    """
    rules = []
    for kind in RULES.values():
        choices = dict(choices_of(kind))
        apart = {name: choices.pop(name) for name in ("normalization", "rounding")}
        combined = [dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())]
        for chosen in (*combined, *({name: value} for name, values in apart.items() for value in values)):
            with contextlib.suppress(ConfigError):  # variants that exclude one another
                rules.append(kind(**chosen))
    presets = (make_rule(name, preset.rule_options(name, 400)) for preset in PRESETS.values() for name in RULES)
    return list(dict.fromkeys([*rules, *presets]))


def rule_title(rule: LearningRule) -> str:
    """A rule's name, its choices, and the first constant that is not the default."""
    chosen = [str(getattr(rule, name)) for name in choices_of(type(rule))]
    changed = [
        f"{field.name}={getattr(rule, field.name)}"
        for field in fields(rule)
        if field.name not in choices_of(type(rule)) and getattr(rule, field.name) != field.default
    ]
    return "-".join([rule.name, *chosen, *changed[:1]])
