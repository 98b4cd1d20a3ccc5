"""A network on spikes of one's own, every spike and any variable recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Generic

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.certificate import RECORDED, Certificate, check_certifiable
from engram.certificate import certify as make_certificate
from engram.errors import ConfigError, DataError
from engram.networks import DiehlCook, Network
from engram.plasticity.base import LearningRule, known_names
from engram.simulator import Simulator, named_rule_state
from engram.sources.base import in_order
from engram.synapses import trace_now
from engram.typing import Arrays
from engram.validation import check_count, did_you_mean


@dataclass(frozen=True)
class Setting:
    """What the numbers of a simulation mean.

    Attributes
    ----------
    dt : float
        Time step, ms.
    n_steps : int
    sizes : dict of str to int
        Neurons of each population.
    units : dict of str to str
        Of what was recorded, by its name: ``"mV"`` or ``"dimensionless"``.
    recorded : dict of str to ndarray
        The numbers of the neurons that were recorded, by the recording's name.
    """

    dt: float
    n_steps: int
    sizes: dict[str, int]
    units: dict[str, str]
    recorded: dict[str, np.ndarray]


@dataclass(frozen=True)
class Simulation(Generic[Arrays]):
    """What :func:`simulate` returns.

    Attributes
    ----------
    spikes : dict of str to ndarray of shape (n_spikes, 2), int32
        By population, every spike as (neuron, step), in order of step, then of neuron.
    weights : ndarray of shape (n_inputs, n_neurons), or dict of str to ndarray
        At the end; of a :class:`DiehlCook` those of its input, else by projection.
    theta : ndarray of shape (n_neurons,), float64, or dict of str to ndarray
        Adaptive thresholds at the end, mV; of a :class:`DiehlCook` those of its excitatory neurons, else by population.
    rule_state : dict of str to ndarray, or dict of str to dict
        The rule's state variables and traces at the end, by name; of a :class:`Network` by projection, then by name.
    recording : dict of str to ndarray
        What was recorded, by name, the first axis being time.
    recorded_steps : ndarray of shape (n_records,), int64
        After how many steps each record was taken.
    overshot : bool
        Whether forward Euler passed the bound beyond which it overshoots.
    setting : Setting
        Time step, sizes and units.
    certificate : Certificate or None
        Whether any spike depends on rounding, if :func:`simulate` was asked to find out.
    """

    spikes: dict[str, np.ndarray]
    weights: Arrays
    theta: Arrays
    rule_state: dict
    recording: dict[str, np.ndarray]
    recorded_steps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    overshot: bool = False
    setting: Setting = field(kw_only=True)
    certificate: Certificate | None = None

    @property
    def exc_spikes(self) -> np.ndarray:
        """Spikes of the excitatory neurons of a :class:`DiehlCook`."""
        return self.spikes["exc"]

    @property
    def inh_spikes(self) -> np.ndarray:
        """Spikes of its inhibitory neurons."""
        return self.spikes["inh"]

    def to_neo(self):
        """All of it as Neo's objects, with units.

        A spike of step k lies at ``k · dt``, and a record taken after k steps, too, as in Brian 2.

        Returns
        -------
        neo.Block
            With one segment: a ``SpikeTrain`` for each neuron, annotated with its ``population`` and ``neuron``, and
            an ``AnalogSignal`` for whatever was recorded, a channel for each neuron.

        Raises
        ------
        ConfigError
            If the package neo is not installed.
        """
        from engram.exchange.recordings import neo_block

        return neo_block(self)

    def to_dataframe(self, recording: str | None = None):
        """Spikes, or something recorded, as a table.

        Parameters
        ----------
        recording : str, optional
            A name in :attr:`recording`.

        Returns
        -------
        pandas.DataFrame
            One row per spike, with the columns ``population``, ``neuron``, ``step`` and ``time_ms``; of a recording
            one row per record, with its time in ms as index, and one column per neuron.

        Raises
        ------
        ConfigError
            If nothing was recorded by that name.
        """
        from engram.exchange.recordings import recording_frame, spike_frame

        return spike_frame(self) if recording is None else recording_frame(self, recording)


def simulate(
    network: DiehlCook | Network,
    rule: LearningRule | None = None,
    *,
    spikes,
    n_steps: int,
    weights=None,
    theta=None,
    delays=None,
    input_delays=None,
    learn: bool = True,
    seed: int = 0,
    kernel: str = "compiled",
    record=(),
    every: int = 1,
    certify: bool = False,
    at_rest: bool = False,
) -> Simulation:
    """Run a network on given input spikes and return every spike it fired.

    Parameters
    ----------
    network : DiehlCook or Network
        Its `dtype` sets the precision, its `dt` what a step is.
    rule : LearningRule, optional
        Of a :class:`DiehlCook`; the projections of a :class:`Network` have their own.
    spikes : pair of array-like of shape (n_spikes,), int, or ndarray of shape (n_steps, n_inputs), bool, or dict
        Which inputs spike, and in which step, in any order, an input at most once in a step; or whether each input
        spikes in each step. For several inputs, or by name, a dict of such.
    n_steps : int
        How long to run.
    weights : array-like of shape (n_inputs, n_neurons), or dict of str to array-like, optional
        Initial weights, of a :class:`Network` by projection; drawn from the seed if not given, as are the next three.
    theta : array-like of shape (n_neurons,), or dict of str to array-like, optional
        Initial adaptive thresholds, mV; of a :class:`Network` by population.
    delays : array-like of shape (n_neurons, n_neurons), int, or dict of str to array-like, optional
        Steps from a spike of inhibitory neuron j (row) to its arrival at excitatory neuron k (column); of a
        :class:`Network` by projection.
    input_delays : array-like of shape (n_inputs, n_neurons), int, optional
        Steps from an input's spike to its arrival; only without learning.
    learn : bool
        Whether weights and thresholds change, where a network has any that can.
    seed : int
    kernel : {"compiled", "reference"}
    record : sequence of int, slice, True or dict
        Of a :class:`DiehlCook`: excitatory neurons, all where True, whose ``v``, ``g_exc``, ``g_inh`` and ``theta`` to
        record. Else, by population, names of variables (or ``theta``), or a dict of variable to neurons; by
        projection, ``weights``, or traces and state variables of its rule. Recorded as
        ``recording["population.variable"]``.
    every : int
        Steps between two records.
    certify : bool
        Whether to say if any spike depends on rounding, see :attr:`Simulation.certificate`. Of a frozen
        :class:`DiehlCook`; takes some thirty times as long, and six numbers of memory for each neuron and step.
    at_rest : bool
        Whether every neuron begins at rest, as before an image that is read, instead of as at time 0.

    Returns
    -------
    Simulation

    Raises
    ------
    DataError
        If an array has the wrong shape, or a spike lies outside the inputs or steps.
    ConfigError
        If something is to be recorded that is not there.

    Examples
    --------
    >>> from engram import DiehlCook, Triplet, simulate
    >>> network = DiehlCook(n_inputs=2, n_neurons=3)
    >>> simulate(network, Triplet(), spikes=([0, 1], [3, 5]), n_steps=10).exc_spikes.shape
    (0, 2)
    """
    check_count("n_steps", n_steps, at_least=0)
    check_count("every", every)
    if certify:
        check_certifiable(network, learn=learn, record=record)
        record = {name: list(RECORDED) for name in ("exc", "inh")}
    if isinstance(rule, str):
        raise ConfigError(
            f"rule must be a learning rule such as Triplet(), got {rule!r}; make one by make_rule({rule!r})."
        )
    simulator = Simulator(
        network,
        rule,
        seed=seed,
        kernel=kernel,
        weights=weights,
        theta=theta,
        delays=delays,
        input_delays=input_delays if isinstance(network, DiehlCook) else None,
    )
    if isinstance(network, Network):
        learn = learn and simulator.can_learn
    if at_rest:
        _put_to_rest(simulator)
    given = _spikes_by_input(simulator.described, spikes, n_steps)
    short = isinstance(network, DiehlCook) and not isinstance(record, dict)
    recorder = _Recorder(simulator, _wanted(simulator, record), n_steps, every, short=short)
    found, _ = simulator.run(
        given, n_steps, learn=learn, record=True, observer=recorder if recorder.wanted else None,
        every=every if recorder.wanted else 0,
    )  # fmt: skip
    if certify and isinstance(network, DiehlCook):
        return _certified(_result(simulator, found, recorder, n_steps), simulator, network, given)
    return _result(simulator, found, recorder, n_steps)


def _certified(simulation: Simulation, simulator: Simulator, network: DiehlCook, given: dict) -> Simulation:
    """A simulation with its certificate, made from the recorded states, which are then forgotten."""
    described = simulator.described.populations
    states = {
        name: {
            variable: np.vstack(
                (np.full((1, p.n), p.neuron.variables()[variable]), simulation.recording[f"{name}.{variable}"])
            )
            for variable in RECORDED
        }
        for name, p in described.items()
    }
    certificate = make_certificate(
        network, simulation.weights, simulation.theta, given["input"], simulation.spikes, states
    )
    empty = {name: np.zeros((0, 0)) for name in ("v", "g_exc", "g_inh", "theta")}
    setting = replace(simulation.setting, recorded={}, units={})
    return replace(simulation, certificate=certificate, recording=empty, setting=setting)


def _put_to_rest(simulator: Simulator) -> None:
    """Set the state variables of every neuron to where they rest."""
    for name, population in simulator.described.populations.items():
        for variable, value in population.neuron.resting().items():
            getattr(simulator.state.populations[name], variable)[...] = value


def _result(simulator: Simulator, found: dict, recorder: _Recorder, n_steps: int) -> Simulation:
    state, described = simulator.state, simulator.described
    common: dict[str, Any] = {
        "spikes": found,
        "recorded_steps": np.array(recorder.steps, np.int64),
        "overshot": simulator.overshot,
        "setting": _setting(simulator, recorder, n_steps),
    }
    if isinstance(simulator.network, DiehlCook):
        recording = _recording(simulator, recorder)
        rule_state = named_rule_state(described.plastic[0].learning_rule, simulator.memory) if described.plastic else {}
        return Simulation(
            weights=state.weights, theta=state.theta, rule_state=rule_state, recording=recording, **common
        )
    return Simulation(
        weights={name: p.weights for name, p in state.projections.items()},
        theta={name: p.theta for name, p in state.populations.items()},
        rule_state={
            p.name: named_rule_state(p.learning_rule, state.projections[p.name].memory) for p in described.plastic
        },
        recording=recorder.values,
        **common,
    )


def _recording(simulator: Simulator, recorder: _Recorder) -> dict[str, np.ndarray]:
    """What was recorded; of the excitatory neurons of a :class:`DiehlCook` that are only numbered by variable."""
    if not recorder.short:
        return recorder.values
    names = ("v", "g_exc", "g_inh", "theta")
    return {n: recorder.values.get(f"exc.{n}", np.zeros((recorder.n_records, 0))) for n in names}


def _setting(simulator: Simulator, recorder: _Recorder, n_steps: int) -> Setting:
    populations = simulator.described.populations
    recorded, units = {}, {}
    for name, (part, variable, neurons) in recorder.wanted.items():
        told = variable if recorder.short else name
        in_mv = variable in _POTENTIALS and hasattr(getattr(populations.get(part), "neuron", None), "v_rest")
        units[told] = "mV" if in_mv else "dimensionless"
        if neurons is not None:
            recorded[told] = neurons
    sizes = {name: p.n for name, p in populations.items()}
    return Setting(simulator.described.dt, n_steps, sizes, units, recorded)


_POTENTIALS = ("v", "theta", "w")
"""Variables in mV of neurons whose rest is one: potential, threshold, and the adaptation of AdEx."""


def _spikes_by_input(network: Network, spikes, n_steps: int) -> dict:
    """Spikes of each input as (index, offset); an input that is not named stays silent."""
    names = list(network.inputs)
    if not isinstance(spikes, dict):
        if len(names) != 1:
            raise DataError(f"This network has the inputs {', '.join(names)}; give spikes as a dict by input.")
        spikes = {names[0]: spikes}
    for name in spikes:
        if name not in network.inputs:
            near = did_you_mean(name, names)
            raise DataError(f"There is no input {name!r}{near}; there are {', '.join(names)}.")
    silent = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    return {name: in_order(spikes.get(name, silent), n_steps, "spikes", network.inputs[name].n) for name in names}


def _wanted(simulator: Simulator, record) -> dict[str, tuple[str, str, np.ndarray | None]]:
    """What to record by its name in the recording: the part, the variable, and which of its neurons."""
    if isinstance(simulator.network, DiehlCook) and not isinstance(record, dict):
        neurons = _neurons("exc", simulator.network.n_neurons, record)
        names = ("v", "g_exc", "g_inh", "theta") if neurons.size else ()
        return {f"exc.{name}": ("exc", name, neurons) for name in names}
    if not isinstance(record, dict):
        if isinstance(record, (list, tuple)) and not record:
            return {}
        raise ConfigError(
            'record must be a dict such as {"exc": ["v"]} that names populations and projections, got'
            f" {record!r:.100}."
        )
    wanted = {}
    for part, variables in record.items():
        variables = [variables] if isinstance(variables, str) else variables
        if not isinstance(variables, (dict, list, tuple, set)):
            raise ConfigError(
                f"record of {part} must name variables, such as {{{part!r}: ['v']}}, or variables with neurons, such as"
                f" {{{part!r}: {{'v': [0, 5]}}}}; got {variables!r:.100}."
            )
        chosen = variables if isinstance(variables, dict) else dict.fromkeys(variables)
        for variable, neurons in chosen.items():
            wanted[f"{part}.{variable}"] = (part, variable, _checked(simulator, part, variable, neurons))
    return wanted


def _checked(simulator: Simulator, part: str, variable: str, neurons) -> np.ndarray | None:
    described, state = simulator.described, simulator.state
    if part in described.populations:
        known = (*state.populations[part].names, "theta")
    elif part in described.named:
        rule = described.named[part].rule
        known = ("weights", *(() if rule is None else [n for kind in _KINDS for n in known_names(rule)[kind]]))
    else:
        parts = [*described.populations, *described.named]
        raise ConfigError(f"record names {part!r}{did_you_mean(part, parts)}; there are {', '.join(parts)}.")
    if variable not in known:
        near = did_you_mean(variable, known)
        raise ConfigError(f"{part} has no {variable!r} to record{near}; it has {', '.join(known)}.")
    if part in described.populations:
        n = described.populations[part].n
        return np.arange(n) if neurons is None else _neurons(part, n, neurons)
    return None


_KINDS = ("pre", "post", "synapse", "state")


def _neurons(part: str, n: int, record) -> np.ndarray:
    """Numbers of neurons, checked; True and slices are meant as they are for an array of all."""
    if record is True or isinstance(record, slice):
        return np.arange(n)[slice(None) if record is True else record]
    numbers = np.asarray(record if not isinstance(record, (int, np.integer)) else [record])
    if isinstance(record, bool) or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)) or numbers.ndim != 1:
        raise DataError(f"record must be numbers of neurons of {part}, such as [0, 5], got {record!r}.")
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < n):
        raise DataError(f"record names neurons outside 0 to {n - 1}: {record!r}; choose among the neurons of {part}.")
    return numbers.astype(np.int64)


class _Recorder:
    """Takes down what is wanted whenever the network stands still."""

    def __init__(self, simulator: Simulator, wanted: dict, n_steps: int, every: int, *, short: bool):
        self.simulator, self.wanted, self.short = simulator, wanted, short
        self.n_records, self.steps = n_steps // every, []
        self.values: dict[str, np.ndarray] = {}

    def __call__(self, step: int) -> None:
        for name, (part, variable, neurons) in self.wanted.items():
            value = self._value(part, variable, neurons, step)
            if name not in self.values:
                self.values[name] = np.empty((self.n_records, *value.shape), value.dtype)
            self.values[name][len(self.steps)] = value
        self.steps.append(step)

    def _value(self, part: str, variable: str, neurons, step: int) -> np.ndarray:
        state = self.simulator.state
        if part in state.populations:
            if variable == "theta":
                return state.populations[part].theta[neurons] * self.simulator.loaded(1).scale_of(part)
            return getattr(state.populations[part], variable)[neurons]
        projection = state.projections[part]
        if variable == "weights":
            return projection.weights
        rule = self.simulator.described.named[part].learning_rule
        return _rule_variable(rule, projection.memory, variable, step, self.simulator.described)


def _rule_variable(rule: LearningRule, memory, variable: str, step: int, network: Network) -> np.ndarray:
    """A trace or state variable of a rule after so many steps."""
    names = known_names(rule)
    if variable in names["state"]:
        return memory.neuron[names["state"].index(variable)]
    kind = next(kind for kind in ("pre", "post", "synapse") if variable in names[kind])
    x, since = {
        "pre": (memory.x_pre, memory.pre_step),
        "post": (memory.x_post, memory.post_step),
        "synapse": (memory.synapse, memory.synapse_step),
    }[kind]
    real = np.dtype(network.dtype).type
    trace = next(trace for trace in rule.traces() if trace.name == variable)
    rate = real(-network.dt / trace.tau * np.log2(np.e))
    age = np.asarray(step - since).astype(real)
    floor = real(np.finfo(real).eps)
    return trace_now(x[names[kind].index(variable)], rate, age, floor, exp2_coefficients(network.dtype))
