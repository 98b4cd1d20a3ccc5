"""Sets of constants by name: how a network competes, is shown images, and learns by each rule.

``"paper"`` is the network and protocol of Diehl and Cook (2015) as published. ``"sharp"``, the default, changes what
holds that network back, for a few points more accuracy with every rule; its constants were found on held-out training
images, never on test images; of ``"events"`` the first trials were not, see its page.

- *Neurons compete by angle.* The membrane's time constant is 1,000 ms instead of 100, so that a neuron adds up most of
  an image instead of the last few milliseconds, and the first to reach its threshold is the one whose weights match
  best. That is fair between patterns of little and of much ink if all weights have the same Euclidean norm: L2 where a
  rule wants its weights normalised.
- *One neuron wins.* Inhibition is so strong and immediate that about one neuron learns from an image, instead of ten
  which then become alike. It fires few times; so the learning rates are higher.
- *Thresholds first recruit, then judge.* Their steps are large to begin with, so that every neuron is used, and fall to
  a five-hundredth by the end: neurons that are used equally often do not read best, and thresholds that differ by 2 %
  cost a point of accuracy.
- *Neurons that have learned nothing win against strangers.* `self_normalizing` needs no pass that scales weights, so a
  neuron may start with more weight than it will keep, 1.6 times. Until it has learned, it answers whatever resembles no
  neuron's pattern well; then the rule takes the surplus away. All neurons are recruited within the first images, and
  thresholds hardly have to push: their steps are smaller. Without the surplus a third of the neurons are never used
  where there are ten images for each.
- *Norms stay the same where a spike moves much.* In networks of more than 2,000 neurons a spike takes weights a fifth
  of the way to their bounds, or further. The bounds of the spike before, with which a chip has to do, are then those of
  too different a pattern: norms settle some 4 % short, and not alike, and neurons of a shorter norm win no more. There
  `self_normalizing` sets its bounds by the spike that learns (``count="current"``).
- *Every image meets a network at rest*, without a head start for the winner of the one before.

``"events"`` is for recordings of event cameras that are shown as their own spikes, each for a third of a second. It
was made from a ``"sharp"`` of 400 neurons without surplus weight. An input spikes a few times in all, not at a rate, so
that a neuron is driven less: its threshold is nearer to its rest, and its membrane forgets sooner, since what a camera
sees moves on.

``"conv"`` is for the network of that name, which has it unless another is given: an image is shown for 20 ms in which
each pixel spikes once, the brighter the earlier, and the next follows at once, with nothing left of the one before.
The rule keeps signed filters of the same norm; its constants suit filters of 7 × 7 pixels. ``"conv-prototypes"`` is the
same for the network of that name, whose filters learn first, from a thousand images, and its prototypes then from all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engram.networks.catalogue import DIEHL_COOK
from engram.plasticity.base import is_learning_rate
from engram.readout import HEADLINE

IMAGES_PER_NEURON = 5
"""Of the presets sharp and events: the time constant of the thresholds, in images shown, per neuron."""

REFERENCE_NEURONS = 400
"""The size of network for which a preset's learning rates are written down; see :attr:`Preset.eta_power`."""

LARGE = 2_000
"""From more neurons on a preset's constants of large networks hold, see :attr:`Preset.large_rules`."""

MAX_ETA = 0.5
"""No learning rate grows beyond it with the number of neurons: half of what a neuron knows, at each of its spikes."""


@dataclass(frozen=True)
class Preset:
    """Constants that differ from the defaults of the parts.

    Attributes
    ----------
    network, protocol : dict
        Fields of :class:`engram.networks.DiehlCook` and :class:`engram.networks.Protocol`.
    rules : dict of str to dict
        Constants by the rule's name.
    large_rules : dict of str to dict
        Constants that differ further in networks of more than :data:`LARGE` neurons, by the rule's name.
    rule_networks : dict of str to dict
        Fields of the network that differ further, by the rule's name.
    tau_theta_per_neuron : float
        Decay of the adaptive threshold, ms per neuron; 0 for the network's own default.
    source : str
        What makes spikes of images, by name.
    scheme : str
        The way to read a class from spike counts that suits it, see :class:`engram.readout.Readout`.
    layers : str
        Whether the layers of a network learn together or in turn.
    layer_examples : dict of str to int
        In turn, from how many images at most a layer learns, by its name.
    eta_power : float
        Learning rates grow with this power of the number of neurons, from those in `rules` for
        :data:`REFERENCE_NEURONS` up to :data:`MAX_ETA`: of as many images, each neuron of a larger network sees fewer.
    """

    network: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    rules: dict = field(default_factory=dict)
    large_rules: dict = field(default_factory=dict)
    rule_networks: dict = field(default_factory=dict)
    tau_theta_per_neuron: float = 0.0
    source: str = "poisson"
    scheme: str = HEADLINE
    layers: str = "together"
    layer_examples: dict = field(default_factory=dict)
    eta_power: float = 0.0

    def network_options(self, n_neurons: int, rule: str = "") -> dict:
        """The fields of the network, given its size and the rule by which it learns."""
        options = {**self.network, **self.rule_networks.get(rule, {})}
        if self.tau_theta_per_neuron:
            options["tau_theta"] = self.tau_theta_per_neuron * n_neurons
        return options

    def rule_options(self, rule: str, n_neurons: int) -> dict:
        """The constants of a rule by its name, given the size of the network."""
        factor = (n_neurons / REFERENCE_NEURONS) ** self.eta_power
        options = {**self.rules.get(rule, {}), **(self.large_rules.get(rule, {}) if n_neurons > LARGE else {})}
        return {
            name: min(value * factor, max(value, MAX_ETA)) if is_learning_rate(name) else value
            for name, value in options.items()
        }


_BLANK = 50.0

_ONE_WINS = {"theta_start": 0.0, "theta_plus": 5.0, "w_inh_exc": 3000.0, "max_delay": 0.0}
_AT_REST = {"blank": _BLANK, "start_intensity": 4.0, "min_spikes": 1, "at_rest": True}

_BY_ANGLE = {
    "power_law": {"normalization": "l2", "eta": 0.1, "x_tar": 0.3, "eta_decay": 0.2},
    "exponential": {"normalization": "l2", "eta": 0.15, "x_tar": 0.4, "eta_decay": 0.2},
    "symmetric": {"normalization": "l2", "eta_post": 0.1, "eta_pre": 0.001, "x_tar": 0.3, "eta_decay": 0.2},
    "pair": {"normalization": "l2", "a_pre": 0.01, "a_post": 0.0011},
}

PRESETS = {
    "paper": Preset(),
    "sharp": Preset(
        network={**_ONE_WINS, "excitatory": {"tau_m": 1000.0, "v_thresh": -42.0}, "theta_plus_decay": 0.002},
        protocol={**_AT_REST, "shown": 250.0},
        rules={
            "self_normalizing": {"norm": "l2", "a_tar": 0.0707, "eta": 0.1, "x_tar": 0.2, "eta_decay": 0.2},
            "triplet": {"normalization": "l2", "eta_post": 0.1, "tau_post2": 1e6, "eta_decay": 0.2},
            **_BY_ANGLE,
        },
        large_rules={"self_normalizing": {"count": "current"}},
        rule_networks={"self_normalizing": {"w_start": 0.55, "theta_plus": 2.0}},
        tau_theta_per_neuron=IMAGES_PER_NEURON * (250.0 + _BLANK),
        eta_power=0.4,
    ),
    "events": Preset(
        network={**_ONE_WINS, "excitatory": {"tau_m": 300.0, "v_thresh": -52.0}, "theta_plus_decay": 0.01},
        protocol={**_AT_REST, "shown": 310.0},
        rules={
            "self_normalizing": {"norm": "l2", "eta": 0.1, "x_tar": 0.4, "eta_decay": 0.2},
            "triplet": {"normalization": "l2", "eta_post": 0.3, "tau_post2": 1000.0, "eta_decay": 0.2},
            **_BY_ANGLE,
        },
        tau_theta_per_neuron=IMAGES_PER_NEURON * (310.0 + _BLANK),
    ),
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

PRESETS["conv-prototypes"] = replace(
    PRESETS["conv"],
    protocol={**PRESETS["conv"].protocol, "min_spikes": 1, "max_intensity": 6.0},
    scheme=HEADLINE,
    layers="in_turn",
    layer_examples={"maps": 1000},
)

OF_NETWORK = {DIEHL_COOK: "sharp", "conv": "conv", "conv-prototypes": "conv-prototypes"}
"""The presets of networks that have one of their own, by the network's name."""


def preset_of(network) -> str:
    """The preset of a run that names none; the network by its name, as a table of options, or as an object.

    Networks that have none of their own bring their constants, which are made for rules and a protocol as published.
    """
    name = network.get("kind", DIEHL_COOK) if isinstance(network, Mapping) else network or DIEHL_COOK
    if type(name).__name__ == "DiehlCook":
        name = DIEHL_COOK
    return OF_NETWORK.get(name, "paper") if isinstance(name, str) else "paper"


def scheme_of(options: Mapping) -> str:
    """The way to read spike counts that suits a run's options."""
    return PRESETS.get(options.get("preset"), PRESETS["paper"]).scheme
