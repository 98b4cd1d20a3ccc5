"""A network made ready for the engine: its routines at hand, its records filled, its arrays kept alive.

One :class:`CompiledNetwork` serves one state for any number of runs. Several threads may share it out: each has records
of its own, which point to its share of the neurons. What every thread follows as a whole (sleeping populations, the
presynaptic traces) each but the first has a copy of.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FunctionType

import numpy as np

from engram.arithmetic import exp2_coefficients
from engram.kernels import engine, learning, machine, poisson, rounding
from engram.kernels.machine import Routine, callable_routine
from engram.kernels.memory import GROUP, LANES, LINE_WORDS, NEVER, aligned_zeros, padded_lanes, whole_lanes
from engram.kernels.neuron_code import PopulationWriter, packed_constants
from engram.kernels.projections import all_but_own, convolution, dense, listed, one_to_one, ring, spikes
from engram.kernels.records import INPUT, LEARNING, NETWORK, POPULATION, PRESENTATION, PROJECTION, TEAM
from engram.kernels.rounding_lines import DRAW_WORDS
from engram.kernels.rule_code import checked_rule, rule_code
from engram.kernels.state import NetworkState, uniform_delay
from engram.networks.network import Network, Population
from engram.neurons.base import refractory_period
from engram.plasticity.base import LearningRule
from engram.plasticity.fixed_point import is_drawn, is_fixed, packed_grids
from engram.plasticity.normalization import KINDS, target_norm
from engram.projections.base import Projection
from engram.projections.convolution import Convolution

_COLUMNS = 64
"""So many neurons can have their weights side by side at once."""

RUN = Routine(engine.run, label="the engine")
PRESENT = Routine(
    engine.present_all,
    tuple((name, getattr(engine, name))
          for name in ("interrupted", "set_progress", "go_to_rest", "clear_traces", "normalize", "encode",
                       "show")),
    label="the engine",
)  # fmt: skip
POISSON = Routine(poisson.encode, label="Poisson spikes")


def sleeps(network: Network, name: str) -> bool:
    """Whether the neurons of a population are followed only while something moves in them: all that reaches a variable
    comes from one partner each."""
    population = network.populations[name]
    reach = [p for p in network.projections if p.after == name]
    reached = [population.neuron.channels[_channel_name(network, p)] for p in reach]
    return (
        population.neuron.quiet
        and population.threshold is None
        and not population.one_wins
        and bool(reach)
        and len(set(reached)) == len(reached)
        and all(p.layout == "one_to_one" and p.before in network.populations and not p.delay for p in reach)
    )


def can_share(network: Network) -> bool:
    """Whether several threads can share the neurons out: no synapses that are listed or have delays of their own but
    those from all to all but one, a threshold for each neuron, and nowhere one winner among all or at a place."""
    if any(p.n_sharing_threshold > 1 or p.one_wins for p in network.populations.values()):
        return False
    for p in network.projections:
        if p.layout == "all_but_own":
            continue
        if p.layout == "listed" or p.one_delay != 0:
            return False
        if p.layout == "one_to_one" and not sleeps(network, p.after):
            return False
    return True


def counted_channel(network: Network, name: str) -> str:
    """The channel of a population on which only the spikes of all but one arrive, which can be counted; or none."""
    neuron = network.populations[name].neuron
    for k, channel in enumerate(neuron.channels):
        reach = [p for p in network.projections if p.after == name and network.channel_of(p) == k]
        counts = [p.layout == "all_but_own" and p.reading == 1.0 for p in reach] == [True]
        if neuron.quiet and k > 0 and counts:
            return channel
    return ""


@functools.lru_cache(maxsize=256)
def _population_routines(
    kind: type, equations_of, integrator: str, dtype: str, sleeping: bool, counted: str,
    reached: tuple[str, ...] | None, one_wins: bool,
) -> dict[str, Routine]:  # fmt: skip
    writer = PopulationWriter(equations_of.neuron, integrator, dtype, counted, reached, one_wins)
    return writer.sleeping() if sleeping else writer.dense()


class _EquationsOf:
    """A neuron, told apart by its equations and names alone and not by its numbers."""

    def __init__(self, neuron, integrator: str):
        self.neuron = neuron
        e = neuron.equations(integrator)
        self._key = (e[:3], tuple(sorted(e.arrive.items())), e[4:], tuple(neuron.variables()), neuron.held)

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return self._key == other._key


def population_routines(network: Network, name: str) -> dict[str, Routine]:
    """The routines of a population."""
    neuron, one_wins = network.populations[name].neuron, bool(network.populations[name].one_wins)
    equations = _EquationsOf(neuron, network.integrator)
    asleep, counted = sleeps(network, name), counted_channel(network, name)
    reached = tuple(sorted({_channel_name(network, p) for p in network.projections if p.after == name and asleep}))
    return _population_routines(
        type(neuron), equations, network.integrator, network.dtype, asleep, counted, reached if asleep else None,
        one_wins,
    )  # fmt: skip


def _check_own_neuron(network: Network, name: str) -> None:
    """Tell in terms of a user's own neuron what the compiler has against it."""
    neuron = network.populations[name].neuron
    if not type(neuron).__module__.startswith("engram.") and machine.missing(
        population_routines(network, name).values()
    ):
        from engram.kernels.equations import check_neuron_compiles

        check_neuron_compiles(neuron, network.integrator, network.dtype)


def _scope(dtype: str, **further) -> tuple[tuple[str, object], ...]:
    real = np.dtype(dtype).type
    return tuple({"REAL": real, "BYTES": real().itemsize, **further}.items())


def projection_routines(network: Network, p: Projection, state) -> dict[str, Routine]:
    """The routines of a projection, by field of its record."""
    delayed = {"send": spikes.send, "keep": spikes.keep, "end": spikes.end, "to_rest": spikes.to_rest}
    ring_acts = {"begin": ring.begin, "keep": ring.keep, "end": ring.end, "to_rest": ring.to_rest}
    real = np.dtype(network.dtype).type
    in_ring = {"DUE": real, "DUE_BYTES": real().itemsize, "PENDING": real}
    if p.layout == "all_but_own":
        is_counted = counted_channel(network, p.after) == _channel_name(network, p)
        gather = all_but_own.gather_counts if is_counted else all_but_own.gather
        acts = {**ring_acts, "send": all_but_own.send, "gather": gather}
        return _routines(acts, _scope(network.dtype, DUE=np.uint16, DUE_BYTES=2, PENDING=np.int32))
    if len(state.pending):
        send = ring.send_dense if p.layout == "dense" else ring.send_listed
        return _routines({**ring_acts, "send": send, "gather": ring.gather}, _scope(network.dtype, **in_ring))
    if p.layout == "one_to_one" and sleeps(network, p.after):
        return {"send": population_routines(network, p.after)["send"]}
    gather = {"dense": dense.gather, "one_to_one": one_to_one.gather, "listed": listed.gather}[p.layout]
    if type(p) is Convolution:  # not a user's own, which may list other synapses
        gather = convolution.gather
    return _routines({"gather": gather, **(delayed if len(state.events) else {})}, _scope(network.dtype))


def _channel_name(network: Network, p: Projection) -> str:
    return list(network.populations[p.after].neuron.channels)[network.channel_of(p)]


def is_lazy(network: Network, p: Projection) -> bool:
    """Whether spikes before need only be noted when a neuron fires: they change nothing, and are known by then."""
    return p.learning_rule.equations().on_pre is None and p.before in network.inputs and not p.delay


def learning_routines(network: Network, p: Projection) -> dict[str, Routine]:
    """The routines of a projection that learns, its rule's own aside."""
    listed = "_listed" if p.layout == "listed" else ""
    acts = {name: getattr(learning, f"{name}{listed}") for name in ("begin", "post", "expose", "end", "normalize")}
    acts["clear"] = learning.clear
    if not is_lazy(network, p):
        acts |= {"pre": getattr(learning, f"pre{listed}"), "restless": learning.restless}
    scope = _scope(network.dtype, EXP2=exp2_coefficients(network.dtype))
    return _routines(acts, scope) | _rounding_routines(p.learning_rule, acts, listed, scope)


def _rounding_routines(rule: LearningRule, acts: dict, listed: str, scope) -> dict[str, Routine]:
    """Those of the routines of a projection that learns which differ in fixed point."""
    differ = [
        *(["begin", "pre", "post"] if is_drawn(rule) else []),
        *(["normalize"] if np.isfinite(rule.weight_bits) else []),
    ]
    found = {act: getattr(rounding, f"{act}{listed}") for act in differ if act in acts}
    return _routines(found, (*scope, ("DRAWN", is_drawn(rule)))) if found else {}


def _routines(acts: dict[str, FunctionType], scope) -> dict[str, Routine]:
    return _routines_of_synapses(tuple(acts.items()), scope)


@functools.lru_cache(maxsize=256)
def _routines_of_synapses(acts: tuple[tuple[str, FunctionType], ...], scope) -> dict[str, Routine]:
    return {act: Routine(function, scope, label="synapses") for act, function in acts}


def routines_of(network: Network, state: NetworkState) -> list[Routine]:
    """Every routine that a network needs to run and learn."""
    found = [RUN, PRESENT, POISSON]
    for name in network.populations:
        found += population_routines(network, name).values()
    for p in network.projections:
        found += projection_routines(network, p, state.projections[p.name]).values()
        if p.rule is not None:
            found += [*learning_routines(network, p).values(), *rule_code(p.rule, network.dtype).routines]
    return list(dict.fromkeys(found))


@dataclass
class Share:
    """One thread's records, and what keeps their arrays alive.

    Attributes
    ----------
    thread, n_threads : int
    network, populations, projections, learnings, inputs : ndarray of records
    kept : list
        Whatever the records point to.
    copies : list of (ndarray, ndarray)
        What this thread follows for itself, and what it is a copy of.
    draws : dict of str to ndarray of shape (8,), uint64
        By projection, what rounding by chance draws by, see :mod:`engram.kernels.rounding`.
    shown : list
        Whatever the record of the last presentation points to.
    """

    thread: int
    n_threads: int
    network: np.ndarray
    populations: np.ndarray
    projections: np.ndarray
    learnings: np.ndarray
    inputs: np.ndarray
    kept: list = field(default_factory=list)
    copies: list = field(default_factory=list)
    draws: dict = field(default_factory=dict)
    shown: list = field(default_factory=list)

    def own(self, array: np.ndarray) -> np.ndarray:
        """An array as this thread changes it: the first one itself, any other a copy."""
        if self.thread == 0:
            return array
        self.copies.append((array.copy(), array))
        return self.copies[-1][0]

    def renew_copies(self) -> None:
        """Take over what changed since: another number of threads, or a checkpoint, may have gone on."""
        for copy, array in self.copies:
            copy[...] = array

    def keep(self, array: np.ndarray) -> int:
        """Keep an array alive; return where it begins."""
        self.kept.append(array)
        return array.ctypes.data


class CompiledNetwork:
    """A network and its state as the engine sees them.

    Parameters
    ----------
    network : Network
    state : NetworkState
        It is changed in place.
    n_threads : int
        How many threads share out the neurons of large populations.
    """

    def __init__(self, network: Network, state: NetworkState, n_threads: int = 1):
        self.network, self.state = network, state
        self.n_threads = n_threads if can_share(network) else 1
        self._in_groups = all(p.neuron.in_groups for p in network.populations.values())
        self.codes = {p.name: checked_rule(p.learning_rule, network.dtype) for p in network.plastic}
        for name in network.populations:
            _check_own_neuron(network, name)
        machine.prepare(routines_of(network, state))
        self._run, self._present = callable_routine(RUN, 5), callable_routine(PRESENT, 2)
        self.stop = np.zeros(1, np.int64)
        self._callbacks: list = []
        team = self._team()
        self.shares = [self._share(thread, team) for thread in range(self.n_threads)]
        self._own = [(s.inputs, s.populations) for s in self.shares]
        self._parameters = [(s.learnings["parameters"].copy(), s.populations["plus"].copy()) for s in self.shares]
        weakref.finalize(self, _free_rooms, self._own)

    # What is asked of it.

    def run(
        self,
        spikes_of: dict,
        n_steps: int,
        *,
        learn: bool,
        counts: np.ndarray,
        record: bool = False,
        observer=None,
        every: int = 0,
    ) -> dict[str, np.ndarray]:
        """Advance the network on given input spikes, on one thread.

        Parameters
        ----------
        spikes_of : dict of str to pair of ndarray
            By input, ``index`` (int32) and ``offset`` (int64); spikes of step t are ``index[offset[t]:offset[t + 1]]``.
        n_steps : int
        learn : bool
        counts : ndarray of shape (n,), int32
            Spikes of the read-out population are added to it.
        record : bool
            Whether to return all spikes.
        observer : callable, optional
            Called with the number of steps done, every `every` steps, when the state stands as between runs.

        Returns
        -------
        dict of str to ndarray of shape (n_spikes, 2), int32
            By population, (neuron, step) of each spike; empty without `record`.
        """
        share = self.shares[0]
        for k, name in enumerate(self.network.inputs):
            index, offset = spikes_of[name]
            source = share.inputs[k]
            source["index"], source["offset"], source["n_driven"] = (
                index.ctypes.data,
                offset.ctypes.data,
                len(offset) - 1,
            )
        net, errors = share.network[0], []
        net["learn"], net["every"] = learn, every
        net["in_groups"] = self._in_groups and not every
        share.projections["is_clear"] = 0
        net["records"], share.populations["n_recorded"] = record, 0
        callback = _observer(observer, self.stop, errors)
        net["observer"] = ctypes.cast(callback, ctypes.c_void_p).value or 0
        team, net["team"] = int(net["team"]), 0
        self._run(share.network.ctypes.data, n_steps, n_steps, 2**62, counts.ctypes.data)
        net["team"], net["every"], net["in_groups"], net["records"] = team, 0, self._in_groups, 0
        if errors:
            raise errors[0]
        return {
            name: _table(p) if record else np.zeros((0, 2), np.int32)
            for name, p in zip(self.network.populations, share.populations, strict=True)
        }

    def scale_of(self, name: str) -> float:
        """By how much the thresholds of a population have decayed in the run that goes on."""
        return float(self.shares[0].populations[list(self.network.populations).index(name)]["scale"])

    def present(self, shown: Shown, pool: ThreadPoolExecutor | None = None, *, record: bool = False) -> int:
        """Show samples; return how many were shown, fewer than asked for if :attr:`stop` was set."""
        self.shares[0].network["records"] = record
        for share in self.shares:
            share.renew_copies()
            share.projections["is_clear"] = 0
            cut_short = shown.schedule["stop_spikes"] < NEVER and self._sends_inputs_late
            share.network["in_groups"] = self._in_groups and not cut_short
        records = [self._presentation(share, shown) for share in self.shares]
        self.errors: list[BaseException] = []
        calls = [
            (share.network.ctypes.data, record.ctypes.data) for share, record in zip(self.shares, records, strict=True)
        ]
        if pool is None:
            (call,) = calls  # several wait for each other, and need a thread each
            self._present(*call)
        else:
            futures = [pool.submit(self._present, *call) for call in calls]
            for future in futures:
                future.result()
        for share, (parameters, plus) in zip(self.shares, self._parameters, strict=True):
            share.learnings["parameters"], share.populations["plus"] = parameters, plus
        if self.errors:
            raise self.errors[0]
        return int(records[0][0]["sample"])

    @property
    def _sends_inputs_late(self) -> bool:
        """Whether inputs' spikes are under way for some time. Before a group they are sent ahead, which cannot be
        undone if a presentation is stopped in it."""
        late = [p for p in self.network.projections if p.before in self.network.inputs]
        return any(p.layout == "all_but_own" or p.one_delay != 0 for p in late)

    def last_presentation(self):
        """The spikes of each input, as (index, offset), and of each population, of the last recorded presentation."""
        share, inputs = self.shares[0], {}
        for name, source in zip(self.network.inputs, share.inputs, strict=False):
            offset = _copied(source["offset"], int(source["n_driven"]) + 1, np.int64)
            inputs[name] = _copied(source["index"], int(offset[-1]), np.int32), offset
        populations = zip(self.network.populations, share.populations, strict=True)
        return inputs, {name: _table(p) for name, p in populations}

    @property
    def overshot(self) -> bool:
        """Whether an integrator left its range, and forget it."""
        found = any(bool(share.populations["overshot"].any()) for share in self.shares)
        for share in self.shares:
            share.populations["overshot"] = 0
        return found

    # How its records are filled.

    def _team(self):
        """What the threads see of each other."""
        n, most = self.n_threads, sum(p.n for p in self.network.populations.values())
        n_words = -(-max(1, len(self.network.populations)) // LINE_WORDS) * LINE_WORDS
        return {
            "clock": aligned_zeros((n, LINE_WORDS), np.int64),
            "said": aligned_zeros((2, n, n_words), np.int64),
            "n_words": n_words,
            "fired": aligned_zeros((2, n, whole_lanes(most)), np.int32),
            "n_most": whole_lanes(most),
        }

    def _share(self, thread: int, team: dict) -> Share:
        network = self.network
        share = Share(
            thread, self.n_threads, np.zeros(1, NETWORK), np.zeros(len(network.populations), POPULATION),
            np.zeros(max(1, len(network.projections)), PROJECTION),
            np.zeros(max(1, len(network.projections)), LEARNING),
            np.zeros(max(1, len(network.inputs)), INPUT),
        )  # fmt: skip
        for k, name in enumerate(network.populations):
            self._fill_population(share, share.populations[k], name)
        for k, source in enumerate(network.inputs.values()):
            share.inputs[k]["n"] = source.n
        for k, p in enumerate(network.projections):
            self._fill_projection(share, k, p)
        net = share.network[0]
        net["n_inputs"], net["inputs"] = len(network.inputs), share.inputs.ctypes.data
        net["n_populations"], net["populations"] = len(network.populations), share.populations.ctypes.data
        net["n_projections"], net["projections"] = len(network.projections), share.projections.ctypes.data
        net["counted"] = self._address(share, network.readout)
        net["in_groups"], net["run"] = 1, machine.address(RUN)
        net["phases"] = self._phases(share)
        net["stop"] = share.keep(self.stop)
        if self.n_threads > 1:
            record = np.zeros(1, TEAM)[0:1]
            record["thread"], record["n_threads"] = thread, self.n_threads
            for name, value in team.items():
                record[name] = share.keep(value) if isinstance(value, np.ndarray) else value
            net["team"] = share.keep(record)
        return share

    def _phases(self, share: Share) -> int:
        """Who takes part in the phases of a step."""
        acts: list[list[int]] = [[] for _ in range(engine.N_PHASES)]

        def take_part(phase: int, record, routine) -> None:
            if routine:
                acts[phase] += [int(routine), record.ctypes.data]

        for p in (share.populations[k : k + 1] for k in range(len(self.network.populations))):
            asleep = p["sleeps"][0]
            take_part(engine.GROUP_ASLEEP if asleep else engine.GROUP_AWAKE, p, p["group"][0])
            take_part(engine.AWAKE, p, not asleep)
            take_part(engine.KEEP, p, p["keep"][0])
            take_part(engine.STEP, p, p["step"][0])
            take_part(engine.RECEIVE, p, not asleep and p["receive"][0])
        for k in range(len(self.network.projections)):
            p, rule = share.projections[k : k + 1], share.learnings[k]
            take_part(engine.SEND_AHEAD, p, p["from_input"][0] and p["send"][0])
            take_part(engine.RESTLESS, p, p["learns"][0] and rule["restless"])
            take_part(engine.GATHER, p, p["gather"][0])
            take_part(engine.KEEP, p, p["keep"][0])
            take_part(engine.PRE, p, p["learns"][0] and rule["pre"])
            take_part(engine.SEND, p, p["send"][0])
            take_part(engine.SEND_QUIET, p, (p["from_input"][0] or p["delay"][0]) and p["send"][0])
        pairs = [np.array(phase, np.int64) for phase in acts]
        return share.keep(np.array([[share.keep(phase), len(phase) // 2] for phase in pairs], np.int64))

    def _address(self, share: Share, name: str) -> int:
        """The record of an input or population."""
        if name in self.network.inputs:
            return share.inputs.ctypes.data + list(self.network.inputs).index(name) * INPUT.itemsize
        return share.populations.ctypes.data + list(self.network.populations).index(name) * POPULATION.itemsize

    def _borders(self, share: Share, name: str) -> tuple[int, int]:
        """The first neuron of a share, and how many; of a sleeping population, all."""
        n = self.network.populations[name].n
        if share.n_threads == 1 or sleeps(self.network, name):
            return 0, n
        groups = -(-n // LANES)
        first, last = (min(LANES * (groups * k // share.n_threads), n) for k in (share.thread, share.thread + 1))
        return first, last - first

    def _fill_population(self, share: Share, record, name: str) -> None:
        network, population, state = self.network, self.network.populations[name], self.state.populations[name]
        neuron, dtype = population.neuron, network.dtype
        asleep = sleeps(network, name)
        first, n = self._borders(share, name)
        stride, n_variables, n_channels = padded_lanes(n, dtype), len(state.names), len(neuron.channels)
        held = [state.names.index(v) for v in neuron.held if refractory_period(neuron) > 0 or asleep]
        values, hold = (share.own(x) if asleep else x for x in (state.values, state.hold))
        rest = [neuron.resting()[v] for v in state.names]
        constants = packed_constants(neuron, network.dt, network.integrator, dtype)
        rows = aligned_zeros((1 + n_channels * GROUP, stride), dtype)
        fired = np.zeros(n, np.int32)
        given = {
            "n": n, "first": first, "n_all": population.n, "n_lanes": whole_lanes(n), "stride": stride,
            "n_variables": n_variables, "n_channels": n_channels, "values": values, "hold": hold,
            "theta": state.theta, "rest": np.array(rest, dtype), "here": aligned_zeros((n_variables, stride), dtype),
            "there": aligned_zeros((n_variables, stride), dtype), "low": aligned_zeros((stride,), dtype),
            "theta_now": aligned_zeros((stride,), dtype), "until": np.zeros(stride, np.int32),
            "held": np.zeros(n, np.int32), "values_held": np.zeros((max(1, len(held)), n), dtype),
            "n_held_variables": len(held), "held_variables": np.array(held, np.int64),
            "t_ref": round(refractory_period(neuron) / network.dt), "constants": constants,
            "v_thresh": float(getattr(neuron, "v_thresh", 0.0)), "rows": rows,
            "counted_weight": _counted_weight(network, name),
            "arriving": np.full((n_channels + 3) * GROUP, rows.ctypes.data, np.int64),
            "arrives": np.zeros(n_channels, np.int64), "open": np.zeros(n_channels, np.int64), "fired": fired,
            "fired_all": fired if n == population.n else np.zeros(population.n, np.int32), "sleeps": asleep,
            "awake": np.zeros(n, np.int32), "place": np.zeros(n, np.int32),
            "ahead": aligned_zeros((n_variables, stride), dtype),
            "n_contests": population.n_contests, "best": np.full(population.n_contests, -1, np.int32),
            **_threshold(population, network.dt), "learns": network.learns(name),
        }  # fmt: skip
        _fill(share, record, given)
        self._fill_routines(record, population_routines(network, name))

    def _fill_routines(self, record, routines: dict[str, Routine]) -> None:
        for act, routine in routines.items():
            if act in record.dtype.names:
                record[act] = machine.address(routine)

    def _fill_projection(self, share: Share, k: int, p: Projection) -> None:
        network, state, record = self.network, self.state.projections[p.name], share.projections[k]
        n_before, n_after = network.size_of(p.before), network.size_of(p.after)
        first, n = self._borders(share, p.after)
        delay = uniform_delay(network, p) if p.has_one_delay and not len(state.pending) else 0
        n_delays = 1 + (int(state.delays.max(initial=0)) if state.delays.size else delay)
        counted = p.layout == "all_but_own"
        kind = np.uint16 if counted else network.dtype
        n_slots = max(len(state.pending), len(state.events), 1)
        ring_stride, n_ring = padded_lanes(n, kind), 1 << (n_slots - 1).bit_length()
        channel = network.channel_of(p)
        on_channel = [q for q in network.projections if (q.after, network.channel_of(q)) == (p.after, channel)]
        given = {
            "from_input": p.before in network.inputs, "before": self._address(share, p.before),
            "after": self._address(share, p.after), "channel": channel, "n_before": n_before,
            "begin_after": first, "n_after": n, "n_after_all": n_after, "delay": delay, "n_slots": n_slots,
            "n_delays": n_delays, "events": state.events, "n_events": state.n_events, "weights": state.stored,
            "stride": state.stored.shape[1] if p.layout == "dense" else 0,
            "weight": p.one_weight or 0.0 if counted else 0.0, "reading": float(p.reading),
            "leaves_rows": p.layout == "dense" and channel == 0 and on_channel[-1] is p, "alone": on_channel == [p],
            "delays": state.delays, "wide_delays": state.delays.dtype == np.uint16,
            "ring": aligned_zeros((n_ring, ring_stride), kind) if len(state.pending) else np.zeros(0),
            "ring_stride": ring_stride, "due": np.zeros(n_ring, np.uint8), "mask": n_ring - 1, "pending": state.pending,
            "n_columns": n_after,
        }  # fmt: skip
        if state.listing is not None:
            given |= state.listing._asdict() | {"n_columns": state.listing.n_columns}
        if type(p) is Convolution:
            given["geometry"] = np.array(p.geometry(network.shape_of(p.before), network.shape_of(p.after)), np.int64)
            given["reach"] = np.zeros((n_before, 4), np.int32)
        _fill(share, record, given)
        self._fill_routines(record, projection_routines(network, p, state))
        if p.rule is not None:
            record["learns"] = 1
            record["learning"] = share.learnings.ctypes.data + k * LEARNING.itemsize
            self._fill_learning(share, share.learnings[k], p, n)
            self._fill_routines(share.learnings[k], learning_routines(network, p))

    def _fill_learning(self, share: Share, record, p: Projection, n: int) -> None:
        network, state, code = self.network, self.state.projections[p.name], self.codes[p.name]
        memory, dtype, rule = state.learned, network.dtype, p.learning_rule
        n_before = network.size_of(p.before)
        longest = n_before if state.listing is None else max(1, state.listing.longest)
        x_pre, pre_step = share.own(memory.x_pre), share.own(memory.pre_step)
        n_places = min(n, _COLUMNS) if state.listing is None else 1
        n_asked, lazy = len(code.asked), is_lazy(network, p)
        stride = whole_lanes(n)
        widest = max(longest, stride)
        given = {
            "pre_everywhere": code.pre_everywhere, "n_pre": len(memory.x_pre), "n_post": len(memory.x_post),
            "n_synapse": len(memory.synapse), "n_state": len(memory.neuron), "x_pre": x_pre, "pre_step": pre_step,
            "x_post": memory.x_post, "post_step": memory.post_step, "state": memory.neuron, "synapse": memory.synapse,
            "synapse_step": memory.synapse_step, "n_synapses": memory.synapse.shape[1], "changed": memory.changed,
            "touched": memory.touched, "parameters": rule_parameters(rule, longest, dtype),
            **trace_constants(rule, network.dt, dtype),
            "w_min": rule.w_min, "w_max": rule.w_max, "norm_kind": KINDS[rule.normalization],
            "norm_target": target_norm(rule.normalization, longest),
            "norm_targets": _norm_targets(rule, state.listing), "n_asked": n_asked,
            "asked": np.array(code.asked, np.int64), "lazy": lazy, "moving": np.zeros(n, np.int32),
            "moving_place": np.zeros(n, np.int32), "stride_moving": stride,
            "moving_x": aligned_zeros((n_asked, stride), dtype), "moving_since": np.zeros(stride, np.int32),
            "moving_now": aligned_zeros((n_asked, stride), dtype), "n_places": n_places,
            "column_neuron": np.zeros(n_places, np.int32), "column_place": np.full(n, -1, np.int32),
            "columns": aligned_zeros((n_places, longest), dtype), "n_longest": longest,
            "spikes": np.zeros(n_before, np.uint8), "spiking": np.zeros(n_before + 1, np.int32),
            "silent": np.zeros(n_before + 1, np.int32), "x_now": np.zeros((len(memory.x_pre), longest), dtype),
            "x_all": np.zeros((len(memory.x_pre), n_before), dtype), "one": np.zeros((2, learning.ROOM), dtype),
            "chosen": np.zeros((2, n), np.int32), "chosen_x": np.zeros((n_asked, stride), dtype),
            "on_pre": 0 if code.on_pre is None else machine.address(code.on_pre),
            "on_post": machine.address(code.on_post),
        }  # fmt: skip
        _fill(share, record, given)
        self._fill_rounding(share, record, p, longest, (len(memory.synapse), widest))

    def _fill_rounding(self, share: Share, record, p: Projection, longest: int, shape: tuple[int, int]) -> None:
        """Room for the traces of synapses, and in front of it what a rule in fixed point rounds by."""
        dtype, rule = np.dtype(self.network.dtype), p.learning_rule
        grids = packed_grids(rule, longest, dtype) if is_fixed(rule) else np.zeros((0, 4), dtype)
        n_bytes = 8 * DRAW_WORDS
        room = aligned_zeros((n_bytes + grids.nbytes + shape[0] * shape[1] * dtype.itemsize,), np.uint8)
        room[n_bytes : n_bytes + grids.nbytes] = grids.reshape(-1).view(np.uint8)
        record["draws"] = share.keep(room)
        record["grid"] = record["draws"] + n_bytes
        record["synapse_now"] = record["grid"] + grids.nbytes
        share.draws[p.name] = room[:n_bytes].view(np.uint64)

    # Presentations.

    def use_draws(self, run: int, keys: dict[str, np.ndarray]) -> None:
        """Let rules that round by chance draw as after so many runs.

        Parameters
        ----------
        run : int
        keys : dict of str to ndarray of shape (2,), uint64
            By projection.
        """
        for share in self.shares:
            for name, draws in share.draws.items():
                draws[:2], draws[rounding.RUN] = keys[name], run

    def use_sources(self, sources: dict, seed_keys: dict, samples: dict) -> None:
        """Let inputs get their spikes from sources.

        Parameters
        ----------
        sources : dict of str to Source
            By input.
        seed_keys : dict of str to ndarray of shape (2,), uint64
            Keys of their random draws.
        samples : dict of str to sequence
            By input, what is shown: for Poisson sources an array of shape (n_samples, n), float32.
        """
        self._callbacks, self._samples = [], samples
        for share in self.shares:
            for k, name in enumerate(self.network.inputs):
                source, record = sources[name], share.inputs[k]
                record["key_0"], record["key_1"] = (int(x) for x in seed_keys[name])
                if source.is_compiled:
                    record["encode"] = machine.address(POISSON)
                    record["samples"] = samples[name].ctypes.data
                    record["gain"], record["per_value"] = source.gain, source.chance_per_value(self.network.dt)
                else:
                    callback = self._encoder(record, source, samples[name], seed_keys[name])
                    self._callbacks.append(callback)
                    record["encode"] = ctypes.cast(callback, ctypes.c_void_p).value

    def _encoder(self, record, source, samples, key):
        """A source of Python's as the engine calls it."""
        shown, n_inputs = {}, int(record["n"])

        def encode(address, m, n_steps, counter, attempt):
            try:
                index, offset = source.spikes_for(
                    n_inputs,
                    samples[m],
                    n_steps,
                    self.network.dt,
                    float(record["intensity"]),
                    key,
                    np.uint64(counter % 2**64),
                    attempt,
                )
            except BaseException as error:
                self.errors.append(error)
                self.stop[0] = 1
                index, offset = np.zeros(0, np.int32), np.zeros(n_steps + 1, np.int64)
            shown["index"], shown["offset"] = index, offset
            record["index"], record["offset"], record["n_driven"] = (
                index.ctypes.data,
                offset.ctypes.data,
                len(offset) - 1,
            )
            return 0

        return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 5)(encode)

    def _presentation(self, share: Share, shown: Shown) -> np.ndarray:
        attempts = shown.attempts if share.thread == 0 else np.zeros_like(shown.attempts)
        given = {
            **shown.schedule, "n_samples": shown.n_samples, "learns": shown.learns, "presentation": shown.presentation,
            "counters": shown.counters, "counts": shown.counts, "n_counted": shown.counts.shape[1],
            "attempts": attempts, "parameters": np.zeros(0, np.int64), "plus": shown.plus,
        }  # fmt: skip
        if shown.learns:
            given["parameters"] = np.array(
                [
                    shown.parameters[p.name].ctypes.data
                    + np.arange(shown.n_samples) * shown.parameters[p.name].strides[0]
                    if p.rule is not None
                    else np.zeros(shown.n_samples, np.int64)
                    for p in self.network.projections
                ],
                np.int64,
            )
        share.shown = [a for a in given.values() if isinstance(a, np.ndarray)]
        numbers = {name: v.ctypes.data if isinstance(v, np.ndarray) else v for name, v in given.items()}
        row = tuple(numbers.pop(name, 0) for name in PRESENTATION.names or ())
        if numbers:
            raise KeyError(f"records of presentations have no {', '.join(numbers)}")
        return np.array([row], PRESENTATION)


@dataclass
class Shown:
    """What a presentation shows, and where its results go.

    Attributes
    ----------
    n_samples : int
    schedule : dict
        Fields of the record of presentations: how long, how loud, until when.
    learns : bool
    presentation : int
        How many presentations came before.
    counters : ndarray of shape (n_samples,), int64
        The samples' contents, where nothing learns.
    counts : ndarray of shape (n_samples, n), int32
    attempts : ndarray of shape (n_samples,), int32
    parameters : dict of str to ndarray of shape (n_samples, n_parameters)
        By projection.
    plus : ndarray of shape (n_populations, n_samples)
        Steps of the thresholds.
    """

    n_samples: int
    schedule: dict
    learns: bool
    presentation: int
    counters: np.ndarray
    counts: np.ndarray
    attempts: np.ndarray
    parameters: dict
    plus: np.ndarray


def _fill(share: Share, record, given: dict) -> None:
    """Put numbers into a record, and where arrays begin."""
    for name, value in given.items():
        record[name] = share.keep(value) if isinstance(value, np.ndarray) else value


def _counted_weight(network: Network, name: str) -> float:
    counted = counted_channel(network, name)
    sender = [p for p in network.projections if p.after == name and counted and _channel_name(network, p) == counted]
    return sender[0].one_weight or 0.0 if sender else 0.0


def _threshold(population: Population, dt: float) -> dict:
    threshold = population.threshold
    if threshold is None:
        return {"has_theta": 0, "reading": 1.0, "n_sharing": 1, "decay": 1.0, "plus": 0.0}
    return {
        "has_theta": 1, "reading": float(threshold.reading), "n_sharing": population.n_sharing_threshold,
        "decay": float(np.exp(-dt / threshold.tau)), "plus": float(threshold.plus),
    }  # fmt: skip


def rule_parameters(rule: LearningRule, n_inputs: int, dtype) -> np.ndarray:
    """A rule's numbers, in the order in which its routines read them."""
    return np.array([*rule.parameters().values(), n_inputs], dtype)


def trace_constants(rule: LearningRule, dt: float, dtype) -> dict:
    """What the traces of a rule decay by, and what spikes add to them."""
    dtype = np.dtype(dtype)
    given = {"floor": float(np.finfo(dtype).eps)}
    for kind in ("pre", "post", "synapse"):
        traces = [trace for trace in rule.traces() if trace.of == kind]
        given[f"{kind}_rate"] = np.array([-dt / trace.tau * np.log2(np.e) for trace in traces], dtype)
        if kind != "synapse":
            given[f"{kind}_add"] = np.array([np.nan if t.add is None else t.add for t in traces], dtype)
    return given


def _norm_targets(rule: LearningRule, listing) -> np.ndarray:
    if listing is None:
        return np.zeros(0)
    return np.array([target_norm(rule.normalization, int(n)) for n in np.diff(listing.weight_starts)])


def _table(population) -> np.ndarray:
    """The recorded spikes of a population."""
    return _copied(population["table"], 2 * int(population["n_recorded"]), np.int32).reshape(-1, 2)


def _copied(address, n: int, dtype) -> np.ndarray:
    """Some numbers from where they lie."""
    if n == 0:
        return np.zeros(0, dtype)
    return np.frombuffer(ctypes.string_at(int(address), n * np.dtype(dtype).itemsize), dtype).copy()


def _observer(observer, stop, errors: list):
    """An observer as the engine calls it; what it raises ends nothing until the run is over."""

    def observe(step):
        try:
            if not errors:
                observer(step)
        except BaseException as error:
            errors.append(error)
        return 0

    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(observe)


def _free_rooms(records: Iterable) -> None:
    """Free the memory that compiled code asked for."""
    for inputs, populations in records:
        for source in inputs:
            for room in ("room", "index_room", "offset_room"):
                machine.free(int(source[room]))
        for population in populations:
            machine.free(int(population["table"]))
