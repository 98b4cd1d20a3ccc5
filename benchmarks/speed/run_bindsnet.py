"""Measure BindsNET's ``DiehlAndCook2015``: its own equations and rule, 250 steps of 1 ms an image.

Only the modules that the network is made of are imported: BindsNET's own ``__init__`` wants its data sets, video games
and plots as well, with everything that they depend on.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
from child import measured, seconds_since_start, timed

STEPS = 250
INTENSITY = 128.0 / 255.0  # Hz per unit of pixel value, as in BindsNET's own example of this network


def import_parts():
    """The network and the encoder, without the package's ``__init__``."""
    package = types.ModuleType("bindsnet")
    package.__path__ = [str(Path(importlib.util.find_spec("bindsnet").origin).parent)]
    sys.modules["bindsnet"] = package
    importlib.import_module("bindsnet.network")  # first: its modules and those of learning import each other
    from bindsnet.encoding import PoissonEncoder
    from bindsnet.models import DiehlAndCook2015
    from bindsnet.network.monitors import Monitor

    return DiehlAndCook2015, PoissonEncoder, Monitor


def measure(task: dict) -> dict:
    """Time image by image, after some that warm it up."""
    torch.set_num_threads(task.get("threads", 1))
    torch.manual_seed(task["seed"])
    network_class, encoder_class, monitor_class = import_parts()
    imported = seconds_since_start()
    images = torch.from_numpy(np.load(task["images"])).float()
    network = network_class(n_inpt=images.shape[1], n_neurons=task["n_neurons"], inpt_shape=(images.shape[1],))
    network.train(task["phase"] == "train")
    monitor = monitor_class(network.layers["Ae"], ["s"], time=STEPS)
    network.add_monitor(monitor, "counts")
    encode = encoder_class(time=STEPS, dt=1.0)
    spikes = []

    def present(image):
        network.run({"X": encode(image * INTENSITY)}, time=STEPS)
        spikes.append(int(monitor.get("s").sum()))
        network.reset_state_variables()

    present(images[0])
    first = seconds_since_start()
    warm_up = task["warm_up"]
    for image in images[1:warm_up]:
        present(image)
    return {
        "imported_s": imported,
        "first_image_s": first,
        "ms_per_image": [
            1000 * timed(lambda image=image: present(image)) for image in images[warm_up : warm_up + task["n_images"]]
        ],
        "exc_spikes": float(np.mean(spikes)),
        "version": importlib.metadata.version("bindsnet"),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    measured(measure)
