"""Measure engram, train the networks that every simulator starts from, and count what an image needs."""

from __future__ import annotations

import importlib.metadata
import time

import numpy as np
from child import measured, seconds_since_start, timed

import engram
from engram import DiehlCook, Simulator, TrainingConfig, simulate
from engram.encoders import RATE_PER_PIXEL


def configured(task: dict) -> TrainingConfig:
    """The preset's constants for a task's rule and size; each image is presented once, however few spikes it draws."""
    return TrainingConfig(
        rule=task["rule"],
        preset=task["preset"],
        neurons=task["n_neurons"],
        dt=task["dt"],
        protocol={"shown": task["shown"], "blank": task["blank"], "min_spikes": 0},
    )


def new_network(task: dict) -> DiehlCook:
    """The network of a task."""
    return configured(task).make_network(task["n_inputs"])


def new_simulator(task: dict, state=None) -> Simulator:
    """The simulator of a task."""
    given = {} if state is None else {"weights": state["weights"], "theta": state["theta"]}
    config = configured(task)
    return Simulator(new_network(task), config.make_rule(), seed=task["seed"], protocol=config.make_protocol(), **given)


def burn_in(task: dict) -> dict:
    """Train a fresh network for a while and store it; what learns and what only counts is compiled by then."""
    simulator = new_simulator(task)
    images = np.load(task["images"])
    simulator.train(images)
    simulator.count_spikes(images[:1])
    np.savez(task["state"], weights=simulator.state.weights, theta=simulator.state.theta)
    return {}


def measure_speed(task: dict) -> dict:
    """Time all images several times, each time from the same start."""
    state, images = np.load(task["state"]), np.load(task["images"])
    threads, learns = task["threads"], task["phase"] == "train"
    imported = seconds_since_start()

    def present(simulator, images):
        if not learns:
            return simulator.count_spikes(images, threads=threads)[0]
        return simulator.train(images, threads=threads)[0]

    present(new_simulator(task, state), images[:1])
    first = seconds_since_start()
    warm_up_s = timed(lambda: present(new_simulator(task, state), images))
    repetitions = task.get("repetitions") or int(np.clip(task["budget_s"] / warm_up_s, 5, 30))
    times, spikes = [], 0
    for _ in range(repetitions):
        simulator = new_simulator(task, state)
        start = time.perf_counter()
        counts = present(simulator, images)
        times.append(1000 * (time.perf_counter() - start) / len(images))
        spikes = int(counts.sum())
    return {
        "imported_s": imported,
        "first_image_s": first,
        "ms_per_image": times,
        "n_images": len(images),
        "exc_spikes": spikes / len(images),
        "version": engram.__version__,
        "numba": importlib.metadata.version("numba"),
    }


def count_events(task: dict) -> dict:
    """The events of an image: spikes of inputs, excitatory and inhibitory neurons, neurons that fire, draws.

    All images are one simulation, so the weights are not normalised in between, and it learns from images that are read
    too: over a few images that is little.
    """
    config, network, state = configured(task), new_network(task), np.load(task["state"])
    images = np.load(task["images"])[: task["n_images"]]
    n_shown, n_blank = round(task["shown"] / task["dt"]), round(task["blank"] / task["dt"])
    probability = images * RATE_PER_PIXEL * config.make_protocol().start_intensity * task["dt"] / 1000
    uniform = np.random.default_rng(task["seed"]).random((n_shown, *images.shape))
    step, image, index = np.nonzero(uniform < probability)
    result = simulate(
        network,
        config.make_rule(),
        spikes=(index, step + image * (n_shown + n_blank)),
        n_steps=len(images) * (n_shown + n_blank),
        weights=state["weights"],
        theta=state["theta"],
        seed=task["seed"],
    )
    neuron, at = np.transpose(result.exc_spikes)
    fired = np.unique(at // (n_shown + n_blank) * network.n_neurons + neuron)
    totals = {
        "input_spikes": len(index),
        "exc_spikes": len(result.exc_spikes),
        "inh_spikes": len(result.inh_spikes),
        "fired": len(fired),
        "draws": len(index) + np.count_nonzero(images),  # one past the end for each input that may spike
    }
    return {name: float(total / len(images)) for name, total in totals.items()} | {
        "n_shown": n_shown,
        "n_blank": n_blank,
    }


if __name__ == "__main__":
    measured(lambda task: {"burn_in": burn_in, "speed": measure_speed, "events": count_events}[task["work"]](task))
