"""What ails a network: while it learns runaway spiking, silence, saturated weights, NaN, images shown again and again;
afterwards neurons without a label, and answers that are hardly better than guesses."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np

from engram.kernels.state import NetworkState
from engram.networks import Network, Protocol
from engram.neurons.base import refractory_period
from engram.wording import plural

SILENT_IMAGES = 25
"""This many images in a row without an answer are silence."""

RUNAWAY_SHARE = 0.05
"""More than this share of the spikes that refractory neurons can fire at all is runaway spiking."""

RUNAWAY_SPIKES = 200.0
"""Fewer spikes an image than this are never runaway, however few the neurons."""

SATURATED_SHARE = 0.5
"""More than this share of the weights at their upper bound, ..."""

EMPTY_SHARE = 0.99
"""... or more than this at their lower one, is saturation."""

MANY_REPEATS = 5.0
"""Images that are shown more often than this, on average over a block, before they count."""

UNLABELLED_SHARE = 0.1
"""More than this share of the neurons without a label is told."""

HARDLY_BETTER = 0.1
"""An accuracy that comes no further than this from always answering the most frequent class to perfect is told, ..."""

FEWEST_JUDGED = 50
"""... if it is of so many images."""

SERIOUS = ("runaway", "silence", "saturation", "nan")
"""Kinds with which it makes no sense to go on, so that a strict run stops."""

ADVICE = {
    "runaway": (
        "lower input_gain or the learning rate, use integrator exponential_euler or a smaller dt, or strengthen"
        " the inhibition (network.w_inh_exc)"
    ),
    "silence": (
        "check that the images are not blank and pixels are on the scale 0-255, raise input_gain or"
        " protocol.max_intensity, lower the thresholds (network.excitatory.v_thresh) or their steps"
        " (network.theta_plus), or, where inputs spike once (source latency), begin with --preset paper"
    ),
    "saturation": (
        "lower the learning rate, use a rule whose changes shrink towards the bounds (power_law, self_normalizing), or"
        " normalise the weights (normalization=l1)"
    ),
    "repeats": (
        "use more neurons (neurons), {fewer}or show the images brighter from the start (protocol.start_intensity)"
    ),
    "unlabelled": (
        "learn from more images (epochs), label from more (label_examples), use fewer neurons, or raise the steps of"
        " the thresholds (network.theta_plus) so that every neuron takes part"
    ),
    "accuracy": (
        "look at what the network is shown ('engram data check') and at its fields ('engram figures'), learn from more"
        " images (epochs), or try another rule or preset ('engram compare')"
    ),
    "nan": "lower the learning rate, or give the rule finite bounds w_min and w_max",
}
"""What usually helps, by kind."""

_FEWER = "ask for fewer spikes (protocol.min_spikes; --preset sharp asks for one), "

_ELSEWHERE = {
    "network.excitatory.v_thresh": "v_thresh of its neurons",
    "network.w_inh_exc": "the weights of its projections",
    "network.theta_plus": "plus of AdaptiveThreshold",
}
"""What other networks than Diehl and Cook's have in place of its options."""


_OF_TABLES = {"an image": "a row", "image": "row", "pixels": "values", "brighter": "more strongly"}
"""What is said of tables in place of the words for pictures."""


class HealthWarning(UserWarning):
    """A network that learned something, but not as it should have."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a network.

    Attributes
    ----------
    kind : {"runaway", "silence", "saturation", "nan", "repeats", "unlabelled", "accuracy"}
    first, last : int
        How many images had been learned from when it was first, and last, seen.
    what : str
        What was measured, in one sentence, when it was first seen.
    advice : str
        What usually helps.
    """

    kind: str
    first: int
    last: int
    what: str
    advice: str

    def __str__(self):
        """As told to a user."""
        return f"{self.what}; {self.advice}"

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Finding:
        """The finding that :meth:`to_dict` wrote."""
        return cls(**{field.name: _typed(values[field.name], str(field.type)) for field in fields(cls)})


class Health:
    """Watches a network from block to block; what it finds depends on nothing but the run itself.

    Parameters
    ----------
    network : Network
    protocol : Protocol
    usual : bool, optional
        Whether it is Diehl and Cook's, whose options are then named where they help.
    pictures : bool, optional
        Whether it is shown pictures or recordings, and not rows of a table.

    Attributes
    ----------
    active : tuple of str
        Kinds of what was wrong in the last block.
    """

    def __init__(self, network: Network, protocol: Protocol, *, usual: bool = True, pictures: bool = True):
        self._network, self._shown, self._usual = network, protocol.shown, usual
        self._min_spikes, self._words = protocol.min_spikes, {} if pictures else _OF_TABLES
        self._plastic = network.plastic
        self._found: dict[str, Finding] = {}
        self._silent = 0
        self.active: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        """Everything found so far, in the order in which it was first seen."""
        return list(self._found.values())

    @property
    def serious(self) -> list[Finding]:
        """Those of :attr:`findings` with which it makes no sense to go on."""
        return [finding for finding in self.findings if finding.kind in SERIOUS]

    def update(
        self, examples: int, spikes: np.ndarray, state: NetworkState, presentations: int = 0, layer: str = ""
    ) -> list[Finding]:
        """Look at a block; return what was not known before.

        Parameters
        ----------
        examples : int
            Images learned from so far.
        spikes : ndarray of shape (n_images,)
            Spikes of each of the block's images.
        state : NetworkState
        presentations : int
            How often the block's images were shown, all together.
        layer : str, optional
            The population that spiked; by default the one that is read out.
        """
        self.active = ()
        new = [
            self._note("runaway", examples, self._too_many(spikes, layer)),
            self._note("silence", examples, self._too_few(spikes)),
            self._note("saturation", examples, self._stuck(state)),
            self._note("repeats", examples, self._too_often(presentations / len(spikes))),
        ]
        return [finding for finding in new if finding is not None]

    def note_nan(self, examples: int) -> None:
        """Remember that weights stopped being numbers in the block after `examples` images."""
        self.active = ()
        self._note("nan", examples, "weights are not finite numbers any more")

    def note_labels(self, examples: int, unlabelled: int, n_neurons: int) -> None:
        """Remember that many neurons got no label."""
        what = f"{unlabelled:,} of {n_neurons:,} neurons never fired for a labelled image, and have no label"
        self._note("unlabelled", examples, what if unlabelled > UNLABELLED_SHARE * n_neurons else None)

    def note_accuracy(self, examples: int, accuracy: float, labels: np.ndarray) -> None:
        """Remember that the answers are hardly better than guesses; `labels` are the classes of the images judged."""
        if len(labels) < FEWEST_JUDGED:
            return
        guessed = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
        what = (
            f"accuracy {100 * accuracy:.1f} %, hardly better than always answering the most frequent class"
            f" ({100 * guessed:.1f} %)"
        )
        self._note("accuracy", examples, what if accuracy <= guessed + HARDLY_BETTER * (1 - guessed) else None)

    def to_dict(self) -> dict:
        """The state that a resumed run goes on from."""
        return {"silent": self._silent, "found": [finding.to_dict() for finding in self._found.values()]}

    def restore(self, values: dict) -> None:
        """Go on from :meth:`to_dict`."""
        self._silent = _typed(values["silent"], "int")
        self._found = {values["kind"]: Finding.from_dict(values) for values in values["found"]}

    def _note(self, kind: str, examples: int, what: str | None) -> Finding | None:
        """Remember something found; return it if it is new."""
        if what is None:
            return None
        self.active += (kind,)
        known = self._found.get(kind)
        first, what = (known.first, known.what) if known else (examples, what)
        self._found[kind] = Finding(kind, first, examples, self._worded(what), self._worded(self._advice(kind)))
        return None if known else self._found[kind]

    def _advice(self, kind: str) -> str:
        advice = ADVICE[kind].format(fewer=_FEWER if self._min_spikes > 1 else "")
        for ours, theirs in ({} if self._usual else _ELSEWHERE).items():
            advice = advice.replace(ours, theirs)
        return advice

    def _worded(self, text: str) -> str:
        for of_pictures, ours in self._words.items():
            text = text.replace(of_pictures, ours)
        return text

    def _runaway(self, layer: str) -> float:
        """The spikes an image above which a population has run away."""
        network = self._network
        if not network.learns(layer):  # neurons that only pool spike as often as what they pool
            return math.inf
        rest = refractory_period(network.populations[layer].neuron)
        most = network.size_of(layer) * self._shown / max(rest, network.dt)
        return max(RUNAWAY_SPIKES, RUNAWAY_SHARE * most)

    def _too_many(self, spikes: np.ndarray, layer: str) -> str | None:
        mean = float(np.add.reduce(spikes) / len(spikes))
        if mean <= RUNAWAY_SPIKES or mean <= (most := self._runaway(layer or self._network.readout)):
            return None
        return f"runaway spiking{f' of {layer}' if layer else ''}: {mean:,.0f} spikes an image, more than {most:,.0f}"

    def _too_few(self, spikes: np.ndarray) -> str | None:
        if self._min_spikes == 0:
            return None
        longest = self._silent
        for is_heard in (spikes >= self._min_spikes).tolist():
            self._silent = 0 if is_heard else self._silent + 1
            longest = max(longest, self._silent)
        if longest < SILENT_IMAGES:
            return None
        return (
            f"silence: {longest} images in a row drew fewer than {plural(self._min_spikes, 'spike')} at any intensity"
        )

    def _too_often(self, shown: float) -> str | None:
        if shown <= MANY_REPEATS:
            return None
        return f"images had to be shown {shown:.0f} times until they drew {plural(self._min_spikes, 'spike')}"

    def _stuck(self, state: NetworkState) -> str | None:
        for p in self._plastic:
            synapses, where = state.projections[p.name], f" of {p.name}" if len(self._plastic) > 1 else ""
            (w_min, w_max), (at_lower, at_upper) = synapses.bounds, synapses.at_bounds
            for there, bound, name, limit in (
                (at_upper, w_max, "upper", SATURATED_SHARE),
                (at_lower, w_min, "lower", EMPTY_SHARE),
            ):
                share = there / max(1, synapses.weights.size)
                if share > limit:
                    return f"saturated weights{where}: {100 * share:.0f} % of them are at their {name} bound {bound:g}"
        return None


def _typed(value, kind: str):
    """A value from a file, of the type that it must have."""
    if type(value) is not {"int": int, "str": str}[kind]:
        raise TypeError(f"expected {kind}, got {value!r}")
    return value
