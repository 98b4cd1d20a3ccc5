"""A network, images and runs so small that the reference kernel is quick with them."""

from __future__ import annotations

import numpy as np
import pytest

from engram import Training, TrainingConfig
from engram.datasets.base import Dataset
from engram.health import HealthWarning
from engram.run_folder import RunFolder
from engram.runs import RunOptions, resume_run, run_training, start_run

CONFIG = TrainingConfig(
    dataset="tiny",
    preset="paper",
    neurons=4,
    examples=75,
    network={"theta_start": 8.0, "theta_plus": 0.5, "w_start": 4.0, "excitatory": {"v_start": -65.0}},
    protocol={"shown": 3.0, "blank": 0.5, "start_intensity": 64.0, "max_intensity": 64.0, "min_spikes": 0},
    constants={"eta": 0.1},
)
QUIET = RunOptions(figures=False, checkpoint_examples=25)


ONCE = {"min_spikes": 0}
"""A protocol that shows each image once, heard or not."""


def so_small():
    """Where a network is so small that it is told that it is ill."""
    return pytest.warns(HealthWarning, match=r"never fired for a labelled (image|row)|had to be shown \d+ times")


def tiny_dataset() -> Dataset:
    """Two classes of images of 3×3 pixels, 26 to learn from and 6 to test on."""
    random = np.random.default_rng(0)
    labels = np.arange(32) % 2
    images = random.integers(0, 60, (32, 9)) + 190 * (np.arange(9) % 2 == labels[:, np.newaxis])
    images = images.astype(np.uint8)
    return Dataset(
        name="tiny",
        train_images=images[:26],
        train_labels=labels[:26],
        test_images=images[26:],
        test_labels=labels[26:],
        image_shape=(3, 3),
    )


def tiny_training(config: TrainingConfig = CONFIG, **options) -> Training:
    """A training in memory."""
    return Training(config, tiny_dataset(), kernel="reference", **options)


def tiny_run(path, config: TrainingConfig = CONFIG, options: RunOptions = QUIET, callbacks=()) -> RunFolder:
    """A run from beginning to end."""
    folder = RunFolder(path)
    start_run(folder, config, overwrite=False)
    return finished(folder, tiny_training(config), options, callbacks)


def resumed(path, options: RunOptions = QUIET, callbacks=(), **how) -> RunFolder:
    """A run that is gone on with to its end."""
    folder = RunFolder(path)
    return finished(folder, resume_run(folder, dataset=tiny_dataset(), kernel="reference", **how), options, callbacks)


def finished(folder: RunFolder, training: Training, options: RunOptions = QUIET, callbacks=()) -> RunFolder:
    """A run that is held, brought to its end."""
    try:
        run_training(folder, training, options, callbacks)
    finally:
        folder.release()
    return folder
