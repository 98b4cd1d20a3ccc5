"""Input spikes for tests: Poisson trains, and images that look like digits without being anyone's data."""

from __future__ import annotations

import numpy as np


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
