"""Sets of constants by name: how a network competes, is shown images, and learns by each rule.

``"paper"``, the default, is the network and protocol of Diehl and Cook (2015) as published. ``"sharp"`` changes what
holds that network back, for a few points more accuracy with every rule; its constants were found on held-out training
images, never on test images.

- *Neurons compete by angle.* The membrane's time constant is 1,000 ms instead of 100, so that a neuron adds up most of
  an image instead of the last few milliseconds, and the first to reach its threshold is the one whose weights match
  best. That is fair between patterns of little and of much ink if all weights have the same Euclidean norm: L2 where a
  rule wants its weights normalised.
- *One neuron wins.* Inhibition is so strong and immediate that about one neuron learns from an image, instead of ten
  which then become alike. It fires few times; so the learning rates are higher.
- *Thresholds first recruit, then judge.* Their steps are large to begin with, so that every neuron is used, and fall to
  a hundredth by the end, since equal use is not what reading needs.
- *Every image meets a network at rest*, without a head start for the winner of the one before.

``"events"`` is ``"sharp"`` for recordings of event cameras that are shown as their own spikes, each for a third of a
second. An input spikes a few times in all, not at a rate, so that a neuron is driven less: its threshold is nearer to
its rest, and its membrane forgets sooner, since what a camera sees moves on.

``"conv"`` is for the network of that name, which has it unless another is given: an image is shown for 20 ms in which
each pixel spikes once, the brighter the earlier, and the next follows at once, with nothing left of the one before.
The rule keeps signed filters of the same norm; its constants suit filters of 7 × 7 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engram.readout import HEADLINE

IMAGES_PER_NEURON = 5
"""Of the sharp preset: the time constant of the thresholds, in images shown, per neuron."""


@dataclass(frozen=True)
class Preset:
    """Constants that differ from the defaults of the parts.

    Attributes
    ----------
    network, protocol : dict
        Fields of :class:`engram.networks.DiehlCook` and :class:`engram.networks.Protocol`.
    rules : dict of str to dict
        Constants by the rule's name.
    tau_theta_per_neuron : float
        Decay of the adaptive threshold, ms per neuron; 0 for the network's own default.
    source : str
        What makes spikes of images, by name.
    scheme : str
        The way to read a class from spike counts that suits it, see :class:`engram.readout.Readout`.
    """

    network: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    rules: dict = field(default_factory=dict)
    tau_theta_per_neuron: float = 0.0
    source: str = "poisson"
    scheme: str = HEADLINE

    def network_options(self, n_neurons: int) -> dict:
        """The fields of the network, given its size."""
        options = dict(self.network)
        if self.tau_theta_per_neuron:
            options["tau_theta"] = self.tau_theta_per_neuron * n_neurons
        return options


_BLANK = 50.0


def _sharp(excitatory: dict, shown: float) -> Preset:
    return Preset(
        network={
            "excitatory": excitatory,
            "theta_start": 0.0,
            "theta_plus": 5.0,
            "theta_plus_decay": 0.01,
            "w_inh_exc": 3000.0,
            "max_delay": 0.0,
        },
        protocol={
            "shown": shown,
            "blank": _BLANK,
            "start_intensity": 4.0,
            "min_spikes": 1,
            "at_rest": True,
        },
        rules={
            "self_normalizing": {"norm": "l2", "eta": 0.1, "x_tar": 0.4, "eta_decay": 0.2},
            "triplet": {"normalization": "l2", "eta_post": 0.3, "tau_post2": 1000.0, "eta_decay": 0.2},
            "power_law": {"normalization": "l2", "eta": 0.1, "x_tar": 0.3, "eta_decay": 0.2},
            "exponential": {"normalization": "l2", "eta": 0.15, "x_tar": 0.4, "eta_decay": 0.2},
            "symmetric": {"normalization": "l2", "eta_post": 0.1, "eta_pre": 0.001, "x_tar": 0.3, "eta_decay": 0.2},
            "pair": {"normalization": "l2", "a_pre": 0.01, "a_post": 0.0011},
        },
        tau_theta_per_neuron=IMAGES_PER_NEURON * (shown + _BLANK),
    )


PRESETS = {
    "paper": Preset(),
    "sharp": _sharp({"tau_m": 1000.0, "v_thresh": -42.0}, shown=250.0),
    "events": _sharp({"tau_m": 300.0, "v_thresh": -52.0}, shown=310.0),
    "conv": Preset(
        protocol={"shown": 20.0, "blank": 0.0, "min_spikes": 0, "at_rest": True, "clear_traces": True},
        rules={
            "self_normalizing": {
                "variant": "smin", "norm": "l2", "count": "current", "eta": 0.02, "a_tar": 1 / 49, "x_tar": 0.01,
                "tau_pre": 1000.0,
            },
        },
        source="latency",
        scheme="logistic",
    ),
}  # fmt: skip

OF_NETWORK = {"conv": "conv"}
"""The presets of networks that have one of their own, by the network's name."""


def preset_of(network) -> str:
    """The preset that a network has unless another is given; the network by its name, or as a table of options."""
    name = network.get("kind") if isinstance(network, Mapping) else network
    return OF_NETWORK.get(name, "paper") if isinstance(name, str) else "paper"


def scheme_of(options: Mapping) -> str:
    """The way to read spike counts that suits a run's options."""
    return PRESETS.get(options.get("preset"), PRESETS["paper"]).scheme
