"""Every constant: its value as written down here, its equation, where it comes from, and the code that uses it.

Values are written a second time on purpose: where the code has another one, no page is built, and a test fails.
"""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import engram
from engram import DiehlCook, Protocol
from engram.networks import AdaptiveThreshold, TutorialNetwork
from engram.neurons import ALIF, EXCITATORY, IF, INHIBITORY, LIF, AdEx, GatedIF, adex, conductance_lif, lif
from engram.plasticity import (
    exponential,
    fixed_point,
    normalization,
    pair,
    power_law,
    self_normalizing,
    symmetric,
    triplet,
)
from engram.plasticity.registry import RULES
from engram.presentation import present
from engram.sources import Latency, Poisson, Ramp, Regular, StoredEvents
from engram.synapses import drive_conductance
from engram.validation import PARAMETERS

TEXT, CODE, SPIKES = "[DC15] text", "[DC15] published code", "[FIM26]"
OURS, ADEX, TUTORIAL = "engram's own", "[BG05]", "[T]"
PACKAGE = Path(engram.__file__).parent
ABOUT_SIZE = {"n_inputs", "n_neurons", "integrator", "dtype", "excitatory", "inhibitory"}
"""Fields of a network that are no constants."""


@dataclass(frozen=True)
class Constant:
    """One line of a table."""

    name: str
    value: object
    equation: str
    origin: str
    code: object

    @property
    def place(self) -> tuple[Path, int]:
        """The file and line of the code, the file within the package."""
        thing = inspect.unwrap(getattr(self.code, "py_func", self.code))
        return Path(inspect.getsourcefile(thing)).relative_to(PACKAGE), inspect.getsourcelines(thing)[1]

    @property
    def unit(self) -> str:
        """As its parameter has it."""
        found = PARAMETERS.get(self.name)
        return found.unit if found and found.unit else ""

    def row(self) -> str:
        """A line of a Markdown table."""
        value = f"{self.value:g}" if type(self.value) in (int, float) else str(self.value)
        file, line = self.place
        return f"| `{self.name}` | {value} {self.unit} | {self.equation} | {self.origin} | `{file}:{line}` |"


STEP, RESET, LARGE = conductance_lif.exponential_euler, conductance_lif.reset, conductance_lif.ConductanceLIF
_MEMBRANE = r"$\tau_m \dot v = (v_{rest} - v) + g_{exc}(0 - v) + g_{inh}(e_{inh} - v)$"


def _conductance(tau_m, v_rest, v_reset, v_thresh, v_start, e_inh, t_ref) -> list[Constant]:
    return [
        Constant("tau_m", tau_m, _MEMBRANE, TEXT, LARGE.constants),
        Constant("v_rest", v_rest, "the same", TEXT, STEP),
        Constant("v_reset", v_reset, r"$v \leftarrow v_{reset}$ on a spike", TEXT, RESET),
        Constant(
            "v_thresh", v_thresh, r"a spike where $v > v_{thresh} + \theta$; of [DC15] less `theta_start`", TEXT, LARGE
        ),
        Constant("v_start", v_start, r"$v$ at time 0", CODE, LARGE.variables),
        Constant("e_inh", e_inh, "as `tau_m`", TEXT, STEP),
        Constant("t_ref", t_ref, "$v$ is held, and no spike fired, for so long", TEXT, LARGE),
        Constant("tau_exc", 1.0, r"$\tau_{exc} \dot g_{exc} = -g_{exc}$", TEXT, STEP),
        Constant("tau_inh", 2.0, r"$\tau_{inh} \dot g_{inh} = -g_{inh}$", TEXT, STEP),
    ]


_ADEX = r"$\tau_m \dot v = v_{rest} - v + \Delta_T e^{(v - v_t)/\Delta_T} + I - w$"
_SPIKED = "a spike where $v$ passes it"
_LIF = r"$\tau_{rc} \dot v = I - v$"
NEURONS = {
    "Excitatory": (EXCITATORY, _conductance(100.0, -65.0, -65.0, -72.0, -105.0, -100.0, 5.0)),
    "Inhibitory": (INHIBITORY, _conductance(10.0, -60.0, -45.0, -40.0, -100.0, -85.0, 2.0)),
    "AdEx": (
        AdEx(),
        [
            Constant("tau_m", 281.0 / 30.0, _ADEX, ADEX, AdEx.step),
            Constant("tau_w", 144.0, r"$\tau_w \dot w = a (v - v_{rest}) - w$", ADEX, AdEx.step),
            Constant("v_rest", -70.6, "as `tau_m`", ADEX, AdEx.step),
            Constant("v_reset", -70.6, r"$v \leftarrow v_{reset}$ on a spike", ADEX, AdEx.on_spike),
            Constant("v_t", -50.4, "as `tau_m`", ADEX, AdEx.step),
            Constant("v_thresh", -30.4, _SPIKED, OURS, adex.AdEx),
            Constant("delta_t", 2.0, "as `tau_m`", ADEX, AdEx.step),
            Constant("a", 4.0 / 30.0, "as `tau_w`, relative to the leak", ADEX, AdEx.step),
            Constant("b", 80.5 / 30.0, r"$w \leftarrow w + b$ on a spike, relative to the leak", ADEX, AdEx.on_spike),
            Constant("e_inh", -80.0, "$I = g_{exc} (0 - v) + g_{inh} (e_{inh} - v)$", OURS, AdEx.step),
            Constant("t_ref", 0.0, "as above", OURS, adex.AdEx),
            Constant("tau_exc", 5.0, r"$\tau_{exc} \dot g_{exc} = -g_{exc}$", OURS, AdEx.step),
            Constant("tau_inh", 10.0, r"$\tau_{inh} \dot g_{inh} = -g_{inh}$", OURS, AdEx.step),
        ],
    ),
    "LIF": (
        LIF(),
        [
            Constant("tau_rc", 20.0, _LIF, TUTORIAL, LIF.step),
            Constant("tau_ref", 2.0, "$v$ is held for so long, parts of a step included", TUTORIAL, LIF.on_spike),
            Constant("v_thresh", 1.0, _SPIKED, TUTORIAL, LIF.on_spike),
            Constant("tau_syn", 5.0, r"$\tau_{syn} \dot I = -I$", OURS, LIF.constants),
        ],
    ),
    "ALIF, besides": (
        ALIF(),
        [
            Constant(
                "tau_inh", 100.0, r"threshold $v_{thresh} + h$, $\tau_{inh} \dot h = -h$", TUTORIAL, lif.meeting_time
            ),
            Constant("inc_inh", 0.1, r"$h \leftarrow h + inc$ on a spike", TUTORIAL, ALIF.on_spike),
        ],
    ),
    "IF": (
        IF(),
        [
            Constant("v_thresh", 1.0, _SPIKED, OURS, IF),
            Constant("t_ref", 0.0, "as above", OURS, IF),
        ],
    ),
    "GatedIF": (
        GatedIF(),
        [
            Constant("v_thresh", 1.0, _SPIKED, OURS, GatedIF),
            Constant("gate", 10.0, "weights that arrive reach $v$ so long after rest", OURS, GatedIF.step),
            Constant("t_ref", 0.0, "as above", OURS, GatedIF),
        ],
    ),
}

NETWORKS = {
    "DiehlCook": (
        DiehlCook(),
        [
            Constant("dt", 0.5, "length of a step", CODE, DiehlCook),
            Constant("theta_start", 20.0, r"$\theta$ at time 0", CODE, DiehlCook.describe),
            Constant(
                "theta_plus", 0.05, r"$\theta \leftarrow \theta + \theta_{plus}$ on a spike", TEXT, DiehlCook.describe
            ),
            Constant(
                "theta_plus_decay", 1.0, r"$\theta_{plus}$ falls to this share of itself", OURS, DiehlCook.describe
            ),
            Constant("tau_theta", 1e7, r"$\tau_\theta \dot\theta = -\theta$", TEXT, DiehlCook.describe),
            Constant(
                "w_exc_inh", 10.4, r"$g_{exc} \leftarrow g_{exc} + w$ of the inhibitory neuron", CODE, drive_conductance
            ),
            Constant(
                "w_inh_exc", 17.0, r"$g_{inh} \leftarrow g_{inh} + w$ of every other neuron", CODE, drive_conductance
            ),
            Constant("max_delay", 5.0, "delays uniform in $[0, d]$", CODE, DiehlCook.describe),
            Constant("max_input_delay", 0.0, "the same, of the input, in testing", CODE, DiehlCook.describe),
            Constant("w_start", 0.3, r"$w$ uniform in $[0.01, 1.01)\, w_{start}$ at time 0", CODE, DiehlCook.describe),
        ],
    ),
    "Protocol": (
        Protocol(),
        [
            Constant("shown", 350.0, "an image is shown", TEXT, present),
            Constant("blank", 150.0, "then nothing is", TEXT, present),
            Constant("start_intensity", 2.0, r"a pixel $p$ spikes at $p / 8 \cdot$ intensity Hz", TEXT, present),
            Constant("max_intensity", 32.0, "the loudest", OURS, present),
            Constant("min_spikes", 5, "fewer: shown again, louder by 1", TEXT, present),
            Constant("stop_spikes", 0, "so many: not shown any longer", OURS, present),
            Constant("at_rest", False, "every image meets a network at rest", OURS, present),
            Constant("clear_traces", False, "traces are zero before every presentation", OURS, present),
        ],
    ),
    "AdaptiveThreshold": (
        AdaptiveThreshold(),
        [
            Constant("start", 20.0, r"$\theta$ at time 0", CODE, AdaptiveThreshold),
            Constant("plus", 0.05, r"$\theta \leftarrow \theta + plus$ on a spike", TEXT, AdaptiveThreshold),
            Constant("plus_decay", 1.0, "$plus$ falls to this share of itself", OURS, AdaptiveThreshold),
            Constant("tau", 1e7, r"$\tau \dot\theta = -\theta$", TEXT, AdaptiveThreshold),
            Constant("shared", False, "the neurons of a map have one", OURS, AdaptiveThreshold),
            Constant("reading", 1.0, r"$\theta$ counts so much while reading", OURS, AdaptiveThreshold),
        ],
    ),
    "TutorialNetwork": (
        TutorialNetwork(),
        [
            Constant(name, value, what, origin, TutorialNetwork)
            for name, value, what, origin in (
                ("dt", 1.0, "length of a step", TUTORIAL),
                ("shown", 550.0, "an image is shown, at most", TUTORIAL),
                ("blank", 150.0, "then nothing is", TUTORIAL),
                ("max_repeats", 3, "shown again so often, at most", OURS),
                ("min_spikes", 10, "of the leader, that end it", TUTORIAL),
                ("min_rate", 0.01, "of black at the start", TUTORIAL),
                ("max_rate", 0.2, "of white at the start", TUTORIAL),
                ("growth", 1.1, "of rates per ms", TUTORIAL),
                ("input_gain", 1.0, "factor on the input's current", OURS),
                ("inhibition", 1.0, "factor on inhibition", OURS),
                ("theta_gain", 1.0, "factor on trained thresholds", OURS),
                ("tau_input", 100.0, "decay of the input's PSP", TUTORIAL),
                ("tau_exc", 200.0, "of the excitatory PSP", TUTORIAL),
                ("tau_inh", 500.0, "of the inhibitory PSP", TUTORIAL),
                ("tau_rc", 20.0, _LIF, TUTORIAL),
                ("tau_ref", 2.0, "refractory time", TUTORIAL),
                ("v_th", 1.0, _SPIKED, TUTORIAL),
                ("tau_theta", 1100.0, "decay of the threshold", TUTORIAL),
                ("inc_theta", 0.0, "its step on a spike", OURS),
            )
        ],
    ),
}


_INF = float("inf")


def _rule(kind, decay: float, w_min: float, w_max: float, norm: str, *own: Constant) -> tuple:
    """A rule's own constants, and those that every rule has."""
    shared = [
        Constant(
            "w_min", w_min, "weights are clipped to", OURS if kind is self_normalizing.SelfNormalizing else CODE, kind
        ),
        Constant("w_max", w_max, "the same", OURS if kind is self_normalizing.SelfNormalizing else CODE, kind),
        Constant("normalization", norm, "of a neuron's weights before each image", CODE, normalization.scale_to_norm),
        Constant("eta_decay", decay, "learning rates end at this share of themselves", OURS, kind),
        Constant("weight_bits", _INF, "of a weight, in fixed point", OURS, fixed_point.weight_grid),
        Constant("state_bits", _INF, "of traces and state, in fixed point", OURS, fixed_point.state_grids),
        Constant("rounding", "nearest", "of a change between two numbers of fixed point", OURS, fixed_point.nearest),
    ]
    return kind(), [*own, *shared]


_TRACE = r"$\tau \dot x = -x$, set to 1 by a spike"
_POWER = r"$w \leftarrow w + \eta (x_{pre} - x_{tar})(w_{max} - w)^\mu$"
SELF, TOWARDS = self_normalizing.SelfNormalizing, self_normalizing.towards_bounds
LEARNING = {
    "self_normalizing": _rule(
        SELF, 0.1, -_INF, _INF, "none",
        Constant("eta", 0.02, r"$w \leftarrow w + \eta (s_{max} - w)$, or $w - \eta (w - s_{min})$", OURS, TOWARDS),
        Constant("x_tar", 0.2, r"an input is active where $x_{pre} \geq x_{tar}$", OURS, TOWARDS),
        Constant("a_tar", 0.1, r"$L_0 s_{max} + (n - L_0) s_{min} = a_{tar} n$", SPIKES, self_normalizing.smax_bounds),
        Constant("bound", 1.0, "$s_{max}$ of the variant `smin`", OURS, self_normalizing.smin_bounds),
        Constant("variant", "smax", "which bound is constant", SPIKES, SELF.equations),
        Constant("count", "previous", "which spike's $L_0$ sets the bounds", SPIKES, SELF.equations),
        Constant("norm", "l1", "which norm is kept", SPIKES, SELF.equations),
        Constant("division", "exact", "how bounds are divided", OURS, SELF.equations),
        Constant("tau_pre", 20.0, _TRACE, OURS, SELF.traces),
    ),
    "triplet": _rule(
        triplet.Triplet, 1.0, 0.0, 1.0, "l1",
        Constant("eta_pre", 1e-4, r"$w \leftarrow w - \eta_{pre} x_{post1}$ on an input spike", CODE, triplet.Triplet.on_pre),
        Constant("eta_post", 1e-2, r"$w \leftarrow w + \eta_{post} x_{pre} x_{post2}$ on a spike", CODE, triplet.Triplet.on_post),
        Constant("tau_pre", 20.0, _TRACE, CODE, triplet.Triplet.traces),
        Constant("tau_post1", 20.0, _TRACE, CODE, triplet.Triplet.traces),
        Constant("tau_post2", 40.0, _TRACE, CODE, triplet.Triplet.traces),
    ),
    "power_law": _rule(
        power_law.PowerLaw, 1.0, 0.0, 1.0, "l1",
        Constant("eta", 0.01, _POWER, OURS, power_law.PowerLaw.on_post),
        Constant("x_tar", 0.2, "the same", OURS, power_law.PowerLaw.on_post),
        Constant("mu", 1.0, "the same", OURS, power_law.PowerLaw.on_post),
        Constant("tau_pre", 20.0, _TRACE, OURS, power_law.PowerLaw.traces),
    ),
    "exponential": _rule(
        exponential.Exponential, 1.0, 0.0, 1.0, "l1",
        Constant(
            "eta", 0.01, r"$w \leftarrow w + \eta (x_{pre} e^{-\beta w} - x_{tar} e^{-\beta (w_{max} - w)})$", OURS,
            exponential.Exponential.on_post,
        ),
        Constant("x_tar", 0.2, "the same", OURS, exponential.Exponential.on_post),
        Constant("beta", 1.0, "the same", OURS, exponential.Exponential.on_post),
        Constant("tau_pre", 20.0, _TRACE, OURS, exponential.Exponential.traces),
    ),
    "symmetric": _rule(
        symmetric.Symmetric, 1.0, 0.0, 1.0, "l1",
        Constant("eta_pre", 1e-4, r"$w \leftarrow w - \eta_{pre} x_{post} w^\mu$ on an input spike", OURS, symmetric.Symmetric.on_pre),
        Constant("eta_post", 1e-2, _POWER.replace(r"\eta", r"\eta_{post}"), OURS, symmetric.Symmetric.on_post),
        Constant("x_tar", 0.2, "the same", OURS, symmetric.Symmetric.on_post),
        Constant("mu", 1.0, "the same", OURS, symmetric.Symmetric.on_post),
        Constant("tau_pre", 20.0, _TRACE, OURS, symmetric.Symmetric.traces),
        Constant("tau_post", 20.0, _TRACE, OURS, symmetric.Symmetric.traces),
    ),
    "pair": _rule(
        pair.Pair, 1.0, 0.0, 1.0, "none",
        Constant("a_pre", 0.1, r"$x \leftarrow x + a_{pre}$ by an input spike; $w \leftarrow w + (w_{max} - w_{min}) x$", TUTORIAL, pair.Pair.on_post),
        Constant("a_post", 0.11, r"$y \leftarrow y - a_{post}$ by a spike; $w \leftarrow w + (w_{max} - w_{min}) y$", TUTORIAL, pair.Pair.on_pre),
        Constant("tau_pre", 30.0, r"$\tau \dot x = -x$", TUTORIAL, pair.Pair.traces),
        Constant("tau_post", 30.0, r"$\tau \dot y = -y$", TUTORIAL, pair.Pair.traces),
    ),
}  # fmt: skip

SOURCES = {
    "poisson": (Poisson(), [Constant("gain", 1.0, "factor on values", OURS, Poisson.chance_per_value)]),
    "regular": (Regular(), [Constant("gain", 1.0, "factor on values", OURS, Regular.encode)]),
    "ramp": (
        Ramp(),
        [
            Constant("gain", 1.0, "factor on values", OURS, Ramp.encode),
            Constant("start", 0.01, "the rate begins with this share", OURS, Ramp.encode),
            Constant("growth", 1.02, "factor on the rate per ms", OURS, Ramp.encode),
        ],
    ),
    "latency": (
        Latency(),
        [
            Constant("gain", 1.0, "factor on values", OURS, Latency.encode),
            Constant("white", 255.0, "this value spikes at once", OURS, Latency.encode),
            Constant("order", "value", "spikes come by value, or by rank", OURS, Latency.encode),
            Constant("bins", 15, "spikes come in so many volleys", OURS, Latency.encode),
        ],
    ),
    "events": (
        StoredEvents(),
        [
            Constant("gain", 1.0, "has no effect", OURS, StoredEvents.encode),
            Constant("scale", 1.0, "factor on the events' times", OURS, StoredEvents.encode),
        ],
    ),
}
PARTS = {**NEURONS, **NETWORKS, **LEARNING, **SOURCES}


def mistakes() -> list[str]:
    """Where the tables and the code differ: constants that one of them lacks, and other values."""
    found = [] if set(LEARNING) == set(RULES) else [f"rules: {set(LEARNING) ^ set(RULES)}"]
    for title, (part, constants) in PARTS.items():
        known = {constant.name: constant.value for constant in constants}
        own = {f.name: getattr(part, f.name) for f in fields(part) if f.init and f.default is not MISSING}
        if title == "ALIF, besides":
            own = {name: value for name, value in own.items() if name in ("tau_inh", "inc_inh")}
        own = {name: value for name, value in own.items() if name not in ABOUT_SIZE}
        found += [f"{title}: {name} is {own.get(name)}, the table has {known.get(name)}"
                  for name in {*own, *known} if own.get(name, ...) != known.get(name, ...)]  # fmt: skip
    return found


def table(parts: dict) -> str:
    """The Markdown of some parts' tables."""
    head = "| constant | default | what it does | origin | code |\n|---|---|---|---|---|\n"
    return "\n\n".join(
        f"### {title}\n\n{head}" + "\n".join(constant.row() for constant in constants)
        for title, (_, constants) in parts.items()
    )
