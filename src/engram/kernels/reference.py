"""The reference kernel: NumPy, one line per line of the model. It is the specification; the engine must equal it.

It interprets any network of populations and projections. In one step:

1. all neurons are advanced with the values at its beginning; what is held stays while a neuron is refractory;
2. thresholds;
3. synapses, in the order of the network's projections: what arrives is noted by the rules, which may change weights,
   and with its new weight is added to the channel; then the neurons that fired learn;
4. resets.
"""

from __future__ import annotations

import functools

import numpy as np

from engram import presentation
from engram.arithmetic import exp2_coefficients
from engram.kernels.build import Shown, rule_parameters, trace_constants
from engram.kernels.memory import EVERYBODY
from engram.kernels.reference_rounding import ReferenceRounding
from engram.kernels.state import NetworkState, uniform_delay
from engram.networks.network import Network
from engram.neurons.base import asked_by, known_constants, refractory_period
from engram.plasticity.base import LearningRule, arguments_of, changes_silent_synapses, known_names
from engram.plasticity.normalization import KINDS, scale_to_norm, target_norm
from engram.precision import for_each, in_the_reference
from engram.projections.base import Projection
from engram.synapses import CLOSING_INTERVAL, trace_now


class ReferenceNetwork:
    """A network and its state, advanced as the equations are written.

    Parameters
    ----------
    network : Network
    state : NetworkState
        It is changed in place.
    """

    n_threads = 1

    def __init__(self, network: Network, state: NetworkState):
        self.network, self.state = network, state
        self.populations = {name: _Population(network, name, state.populations[name]) for name in network.populations}
        self.projections = [_Projection(network, p, state, self.populations) for p in network.projections]
        self.overshot = False
        self.stop = np.zeros(1, np.int64)
        self._plus = None

    def scale_of(self, name: str) -> float:
        """By how much the thresholds of a population have decayed in the run that goes on."""
        return self.populations[name].scale

    def run(
        self, spikes_of, n_steps, *, learn, counts, record=False, observer=None, every=0, n_counted=None, stop=2**62
    ):
        """Advance the network; see :meth:`engram.kernels.build.CompiledNetwork.run`."""
        end, counting = n_steps, n_steps if n_counted is None else n_counted
        n_driven = {name: len(offset) - 1 for name, (_, offset) in spikes_of.items()}
        recorded = {name: [] for name in self.populations}
        n_spikes = 0
        for p in self.populations.values():
            p.begin(learn)
        for p in self.projections:
            p.begin(learn)
        t = 0
        while t < end:
            for p in self.populations.values():
                p.step(t)
            fired = {name: p.threshold(t) for name, p in self.populations.items()}
            for name, (index, offset) in spikes_of.items():
                fired[name] = index[offset[t] : offset[t + 1]] if t < n_driven[name] else index[:0]
            self._synapses(fired, t, learn)
            for name, p in self.populations.items():
                p.reset(fired[name], t)
                recorded[name] += [(j, t) for j in fired[name]]
                if (t + 1) % CLOSING_INTERVAL == 0:
                    p.tidy()
            if t < counting:
                answer = fired[self.network.readout]
                counts[answer] += 1
                n_spikes += len(answer)
                if n_spikes >= stop:  # leave out the rest of what is shown; the blank follows
                    end = t + 1 + n_steps - counting
                    counting = t + 1
                    n_driven = {name: min(n, t + 1) for name, n in n_driven.items()}
            t += 1
            if observer is not None and every and t % every == 0:
                for p in self.populations.values():
                    p.show(t)
                observer(t)
        for p in self.populations.values():
            p.end(end)
        for p in self.projections:
            p.end(end, learn)
        self.overshot |= any(p.overshot for p in self.populations.values())
        self.n_spikes = n_spikes
        return {name: np.array(s if record else [], np.int32).reshape(-1, 2) for name, s in recorded.items()}

    def _synapses(self, fired, t, learn):
        """Presynaptic events of all projections, what arrives on each channel, postsynaptic events."""
        for p in self.projections:
            p.send(fired[p.of.before], t)
            if learn and p.learner is not None:
                p.learner.presynaptic_spikes(p.arriving(t), t)
        arriving = {}
        for p in self.projections:
            contribution = p.deliver(t)
            if contribution is not None:
                key = (p.of.after, p.channel)
                arriving.setdefault(key, np.zeros(self.populations[p.of.after].n, self.network.dtype))
                contribution(arriving[key])
        for name, channel in sorted(arriving):
            self.populations[name].receive(channel, arriving[name, channel])
        if learn:
            for p in self.projections:
                if p.learner is not None:
                    for j in fired[p.of.after]:
                        p.learner.postsynaptic_spike(j, t)

    def use_draws(self, run, keys):
        """Let rules that round by chance draw as after so many runs; see :meth:`CompiledNetwork.use_draws`."""
        for p in self.projections:
            if p.learner is not None:
                p.learner.rounding.run, p.learner.rounding.key = run, keys[p.of.name]

    # Presentations, see engram.presentation.

    def use_sources(self, sources, seed_keys, samples):
        """Let inputs get their spikes from sources."""
        self._sources = {name: (sources[name], seed_keys[name], samples[name]) for name in self.network.inputs}

    def present(self, shown: Shown, pool=None, *, record: bool = False) -> int:
        """Show samples; return how many were shown."""
        self.shown, self._records = shown, record
        p = _Presentation(shown)
        try:
            presentation.present(self, p)
        finally:
            self._forget_progress()
        return p.sample

    def _forget_progress(self):
        """What runs outside of presentations learns by the parameters of the description."""
        for p in self.populations.values():
            p.plus = p.of.threshold.plus if p.of.threshold else 0.0
        for p in self.projections:
            if p.learner is not None:
                p.learner.set_parameters(rule_parameters(p.of.learning_rule, p.learner.longest, self.network.dtype))

    def last_presentation(self):
        """The spikes of each input, as (index, offset), and of each population, of the last recorded presentation."""
        return self._spikes, self.recorded

    def interrupted(self):
        """Whether to end."""
        return self.stop[0] != 0

    def set_progress(self, p, m):
        """The rules' parameters and the steps of the thresholds at sample m."""
        if p.learns:
            for projection in self.projections:
                if projection.learner is not None:
                    projection.learner.set_parameters(self.shown.parameters[projection.of.name][m])
            for k, population in enumerate(self.populations.values()):
                population.plus = self.shown.plus[k, m]

    def go_to_rest(self):
        """Put every population at rest, with nothing under way."""
        for p in self.populations.values():
            p.to_rest()
        for p in self.projections:
            p.state.pending[:] = 0
            p.state.n_events[:] = 0

    def clear_traces(self):
        """Let the rules forget when anybody spiked."""
        for p in self.projections:
            if p.learner is not None:
                memory = p.state.learned
                memory.x_pre[:] = memory.x_post[:] = memory.synapse[:] = 0

    def normalize(self):
        """Scale the weights of which a rule wants the norm kept."""
        for p in self.projections:
            if p.learner is not None:
                p.learner.normalize()

    def encode(self, p, m, intensity):
        """Make the input spikes of sample m."""
        counter = p.presentation if p.learns else self.shown.counters[m]
        attempt = 0 if p.learns else int(self.shown.attempts[m])
        self._spikes = {
            name: source.spikes_for(
                self.network.inputs[name].n,
                samples[m],
                p.n_shown,
                self.network.dt,
                intensity,
                key,
                np.uint64(int(counter) % 2**64),
                attempt,
            )
            for name, (source, key, samples) in self._sources.items()
        }
        p.presentation += 1
        self.shown.attempts[m] += 1

    def show(self, p, m):
        """Run the network on the input spikes, then without."""
        counts = self.shown.counts[m]
        counts[:] = 0
        self.recorded = self.run(
            self._spikes, p.n_shown + p.n_blank, learn=p.learns, counts=counts, n_counted=p.n_shown,
            stop=p.stop_spikes, record=self._records,
        )  # fmt: skip
        return self.n_spikes


class _Presentation:
    """The fields of a presentation's record."""

    def __init__(self, shown: Shown):
        self.n_samples, self.sample, self.learns = shown.n_samples, 0, shown.learns
        self.presentation = shown.presentation
        for name, value in shown.schedule.items():
            setattr(self, name, value)


class _Population:
    """One population: its neuron's equations on whole arrays."""

    def __init__(self, network: Network, name: str, state):
        self.of, self.state, self.n = network.populations[name], state, network.populations[name].n
        neuron, dtype = self.of.neuron, np.dtype(network.dtype)
        self.real, self.names = dtype.type, state.names
        self.equations = neuron.equations(network.integrator)
        self.channels = list(neuron.channels.items())
        self.constants = {
            name: value if isinstance(value, tuple) else self.real(value)
            for name, value in known_constants(neuron, network.dt, network.integrator, network.dtype).items()
        }
        self.t_ref = round(refractory_period(neuron) / network.dt)
        self.v_thresh = self.real(getattr(neuron, "v_thresh", 0.0))
        threshold = self.of.threshold
        self.decay = float(np.exp(-network.dt / threshold.tau)) if threshold else 1.0
        self.plus = threshold.plus if threshold else 0.0
        self.n_sharing, self.learns = self.of.n_sharing_threshold, network.learns(name)
        self.learning, self.reading = False, threshold.reading if threshold else 1.0
        self.overshot, self.scale, self.dtype = False, 1.0, network.dtype

    def _known(self, chosen=slice(None)):
        values = np.array(self.state.values[:, chosen])  # of its own: an equation may return what it was given
        return {**self.constants, **dict(zip(self.names, values, strict=True))}

    def _call(self, function, known, **further):
        known = known | further
        return for_each(function, self.dtype)(*(known[name] for name in asked_by(function)))

    def _assign(self, function, known, chosen=slice(None)):
        """The state variables that an equation asks for become what it returns."""
        asked = [name for name in asked_by(function) if name in self.names]
        result = self._call(function, known)
        for name, value in zip(asked, result if len(asked) > 1 else (result,), strict=True):
            self.state.values[self.names.index(name), chosen] = value

    def begin(self, learn):
        self.scale, self.learning = 1.0, learn and self.learns
        self.decay_now, self.plus_now = (self.decay, self.plus) if learn else (1.0, 0.0)

    def step(self, t):
        self.scale *= self.decay_now
        known = self._known()
        if self.equations.overshoots is not None:
            self.overshot |= bool(np.any(self._call(self.equations.overshoots, known)))
        held = [self.names.index(name) for name in self.of.neuron.held]
        before, free = self.state.values[held].copy(), self.state.hold <= t
        self._assign(self.equations.step, known)
        self.state.values[held] = np.where(free, self.state.values[held], before)

    def threshold(self, t):
        if self.equations.fires is not None:
            return np.flatnonzero((self.state.hold <= t) & self._call(self.equations.fires, self._known()))
        factor = 1.0 if self.learning else self.reading
        theta = (self.state.theta * factor).astype(self.real) * self.real(self.scale)
        threshold = theta + self.v_thresh
        fired = np.flatnonzero((self.state.hold <= t) & (self.state.v > threshold))
        return self._leave_one(fired, self.state.v - threshold) if self.of.one_wins else fired

    def _leave_one(self, fired, excess):
        """Of each group that fired, the furthest above its threshold; of equals the first."""
        groups = fired % self.of.n_contests
        order = np.lexsort((fired, -excess[fired], groups))
        return np.sort(fired[order[np.unique(groups[order], return_index=True)[1]]])

    def receive(self, channel, arriving):
        name, variable = self.channels[channel]
        function = self.equations.arrive.get(name)
        values = self.state.values[self.names.index(variable)]
        if function is None:
            values += arriving
            return
        known = [self.constants[further] for further in asked_by(function)[2:]]
        values[:] = for_each(function, self.dtype)(values, arriving, *known)

    def reset(self, fired, t):
        for j in fired:
            self._assign(self.equations.on_spike, self._known(j), j)
            self.state.hold[j] = t + self.t_ref
            first = j - j % self.n_sharing
            self.state.theta[first : first + self.n_sharing] += self.plus_now / self.scale

    def tidy(self):
        if self.equations.tidy is not None:
            self._assign(self.equations.tidy, self._known())

    def show(self, t):
        """Nothing: the state always stands as it is, but that refractoriness is counted from the run's beginning."""

    def end(self, n_steps):
        self.state.hold[:] = np.maximum(self.state.hold - n_steps, 0)
        if self.of.threshold is not None:
            self.state.theta[:] *= self.scale

    def to_rest(self):
        for values, rest in zip(self.state.values, self.of.neuron.resting().values(), strict=True):
            values[:] = rest
        self.state.hold[:] = 0


class _Projection:
    """One projection: what arrives when, synapse by synapse."""

    def __init__(self, network: Network, of: Projection, state: NetworkState, populations):
        self.of, self.state = of, state.projections[of.name]
        self.channel, self.after = network.channel_of(of), populations[of.after]
        self.n_after = network.size_of(of.after)
        self.has_ring = len(self.state.pending) > 0
        self.delay = 0 if self.has_ring else uniform_delay(network, of)
        self.real = np.dtype(network.dtype).type
        self.learner = None if of.rule is None else Learner(of.rule, self.state, network.dt, network.dtype)

    def begin(self, learn):
        self.now = np.zeros(0, np.int32)
        if learn and self.learner is not None:
            self.learner.begin()

    def send(self, spikes, t):
        """Put spikes under way."""
        self.now = np.asarray(spikes)
        if self.has_ring:
            for i in spikes:
                after, weight, delays = self._synapses_of(i)
                slot = (t + delays.astype(np.int64)) % len(self.state.pending)
                self.state.pending[slot, after] += 1 if self.of.layout == "all_but_own" else weight
        elif self.delay:
            slot = (t + self.delay) % len(self.state.n_events)
            self.state.n_events[slot] = len(spikes)
            self.state.events[slot, : len(spikes)] = spikes

    def arriving(self, t):
        """The spikes that arrive in step t, where all synapses have the same delay."""
        if not self.delay:
            return self.now
        slot = t % len(self.state.n_events)
        return self.state.events[slot, : self.state.n_events[slot]].copy()

    def deliver(self, t):
        """What adds the arrivals of step t to a row, or None if nothing arrives."""
        if self.has_ring:
            row = self.state.pending[t % len(self.state.pending)]
            if not row.any():
                return None
            due = row.astype(self.real) * (
                self.real(self.of.weights) * self._factor if self.of.layout == "all_but_own" else self.real(1)
            )
            row[:] = 0
            return lambda sums: np.add(sums, due, out=sums)
        spikes = self.arriving(t)
        if self.delay:
            self.state.n_events[t % len(self.state.n_events)] = 0
        return functools.partial(self._add, spikes) if len(spikes) else None

    @property
    def _factor(self):
        """What fixed weights are multiplied by now."""
        return self.real(1.0 if self.after.learning else self.of.reading)

    def _add(self, spikes, sums):
        for i in spikes:
            after, weight, _ = self._synapses_of(i)
            if self.of.layout == "listed":
                np.add.at(sums, after, weight * self._factor)
            else:
                sums[after] += weight

    def _synapses_of(self, i):
        """Whom neuron i sends to, with which weight, and after how many steps."""
        delays, layout = self.state.delays, self.of.layout
        listing = self.state.listing
        if listing is not None:
            part = slice(listing.starts[i], listing.starts[i + 1])
            return listing.who[part], self.state.weights[listing.where[part]], delays[part] if delays.size else delays
        if layout == "one_to_one":
            return np.array([i]), self.state.weights[[i]], delays
        everybody = np.arange(self.n_after)
        if layout == "all_but_own":
            others = np.flatnonzero(everybody != i)
            return others, None, delays[i, others]
        return everybody, self.state.weights[i], delays[i] if delays.size else delays

    def end(self, n_steps, learn):
        state = self.state
        if self.has_ring:
            state.pending[:] = np.roll(state.pending, -n_steps, axis=0)
        if len(state.n_events):
            state.n_events[:] = np.roll(state.n_events, -n_steps)
            state.events[:] = np.roll(state.events, -n_steps, axis=0)
        if learn and self.learner is not None:
            self.learner.settle(n_steps)


class Learner:
    """Applies a rule's equations as they are written, to all synapses of a neuron at once unless some share a weight.

    Parameters
    ----------
    rule : LearningRule
    state : ProjectionState
    dt : float
        Time step, ms.
    dtype : str
    """

    def __init__(self, rule: LearningRule, state, dt: float, dtype: str):
        self.rule, self.state, self.memory, self.dtype = rule, state, state.memory, dtype
        self.real = np.dtype(dtype).type
        kinds = (for_each, for_each, in_the_reference, in_the_reference)
        equations = zip(rule.equations(), kinds, strict=True)
        self.equations = [None if f is None else (f, called_as(f, dtype)) for f, called_as in equations]
        self.on_pre, self.on_post, self.before_post, self.after_post = self.equations
        self.names = known_names(rule)
        self.everywhere = changes_silent_synapses(rule)
        asked = () if self.on_pre is None else arguments_of(self.on_pre[0])
        self.asked = [name in asked for name in self.names["post"]]
        self.added = {trace.name: trace.add for trace in rule.traces()}
        constants = trace_constants(rule, dt, dtype)
        self.rates = {kind: constants[f"{kind}_rate"] for kind in ("pre", "post", "synapse")}
        self.floor, self.exp2 = self.real(constants["floor"]), exp2_coefficients(dtype)
        listing = state.listing
        self.longest = state.weights.shape[0] if listing is None else max(1, listing.longest)
        self.rounding = ReferenceRounding(rule, self.longest, self.real)
        self.set_parameters(rule_parameters(rule, self.longest, dtype))

    def set_parameters(self, values):
        """The rule's numbers from now on."""
        self.parameters = dict(zip(self.names["parameter"], values, strict=True))

    def begin(self):
        """Before a run: weights of neurons with a trace left may change."""
        self.rounding.run += 1
        if self.on_pre is not None:
            moving = self.everywhere | np.any(self.memory.x_post[self.asked] != 0, axis=0)
            self.memory.touch(self._columns_of(np.flatnonzero(moving)))

    def presynaptic_spikes(self, spikes, t):
        """Spikes before: the rule changes their synapses, of those neurons that have a trace left."""
        post = self._post_traces(slice(None), t) if len(spikes) and self.on_pre is not None else None
        for i in spikes:
            pre = self._after_pre(i, t)
            if post is not None:
                after, where = self._synapses_of(i)
                self.rounding.draw(t, i, where[-1], "on_pre")
                moving = np.flatnonzero(self.everywhere | np.any(post[self.asked][:, after] != 0, axis=0))
                after, where = after[moving], where[:, moving]
                self._change("on_pre", where, after, t, pre, post[:, after], self.parameters["n_inputs"], moving)

    def note_inputs(self, i, t):
        """Bring the traces of inputs, each named once, to after their spikes at steps of their own."""
        self._after_pre(i, t)

    def _after_pre(self, i, t):
        memory = self.memory
        for k, name in enumerate(self.names["pre"]):
            now = self._decayed(memory.x_pre[k, i], self.rates["pre"][k], memory.pre_step[i], t)
            memory.x_pre[k, i] = 1.0 if self.added[name] is None else now + self.real(self.added[name])
        memory.pre_step[i] = t
        return memory.x_pre[:, i].copy()

    def postsynaptic_spike(self, j, t):
        """A neuron fired: its column, then its traces."""
        memory = self.memory
        before, where = self._column_of(j)
        x_pre = self._decayed(
            memory.x_pre[:, before], self.rates["pre"][:, np.newaxis], memory.pre_step[before], t
        )  # fmt: skip
        x_post = self._post_traces(j, t)
        c, n_inputs = self._columns_of(j), self.real(len(before))
        memory.touch(c)
        self._hook("before_post", j, where, t, x_pre, x_post, n_inputs)
        if self.on_post is not None:
            places = np.arange(where.shape[1])
            self.rounding.draw(t, j, places, "on_post")
            self._change("on_post", where, j, t, x_pre, x_post, n_inputs, places)
        self._hook("after_post", j, where, t, x_pre, x_post, n_inputs)
        for k, name in enumerate(self.names["post"]):
            memory.x_post[k, j] = 1.0 if self.added[name] is None else x_post[k] + self.real(self.added[name])
        memory.post_step[j] = t

    def settle(self, n_steps):
        """Bring all traces to the end of the run, from which the next one counts."""
        memory = self.memory
        for x, step, kind in (
            (memory.x_pre, memory.pre_step, "pre"),
            (memory.x_post, memory.post_step, "post"),
            (memory.synapse, memory.synapse_step, "synapse"),
        ):
            if x.size:
                x[:] = self._decayed(x, self.rates[kind][:, np.newaxis], step, n_steps)
            step[:] = 0

    def normalize(self):
        """Scale the weights that may have changed to the rule's norm."""
        kind = KINDS[self.rule.normalization]
        if not kind:
            return
        listing, w = self.state.listing, self.state.weights
        for c in np.flatnonzero(self.memory.changed):
            self.memory.changed[c], self.memory.touched[c] = False, EVERYBODY
            if listing is None:
                column = np.ascontiguousarray(w[:, c])
                target = self.real(target_norm(self.rule.normalization, len(w)))
                scale_to_norm(column, 0, 1, len(column), kind, target)
                w[:, c] = self.rounding.column(column, c)
            else:
                first, last = listing.weight_starts[c : c + 2]
                target = self.real(target_norm(self.rule.normalization, int(last - first)))
                scale_to_norm(w, first, 1, last - first, kind, target)
                w[first:last] = self.rounding.column(w[first:last], c)

    # Dense synapses are numbered by before and after, listed ones by their weight: columns of an array of numbers.

    def _synapses_of(self, i):
        """The neurons that neuron i sends to, and the numbers of the synapses' weights."""
        listing = self.state.listing
        if listing is None:
            everybody = np.arange(self.state.weights.shape[1])
            return everybody, np.array([np.full_like(everybody, i), everybody])
        part = slice(listing.starts[i], listing.starts[i + 1])
        return listing.who[part], listing.where[np.newaxis, part]

    def _column_of(self, j):
        """The neurons that send to neuron j, and the numbers of the synapses' weights."""
        listing = self.state.listing
        if listing is None:
            everybody = np.arange(self.state.weights.shape[0])
            return everybody, np.array([everybody, np.full_like(everybody, j)])
        part = slice(listing.column_starts[j], listing.column_starts[j + 1])
        return listing.column_before[part], listing.column_where[np.newaxis, part]

    def _columns_of(self, j):
        return j if self.state.listing is None else self.state.listing.column_of[j]

    def _change(self, name, where, j, t, x_pre, x_post, n_inputs, places):
        """Synapses of a neuron: all at once, or one after another where they share weights."""
        if self.state.listing is None or len(np.unique(where)) == where.shape[1]:
            if where.shape[1]:
                self._change_these(name, tuple(where), j, t, x_pre, x_post, n_inputs, places)
            return
        for k, s in enumerate(zip(*where, strict=True)):
            before, after = (x[:, k] if x.ndim > 1 else x for x in (x_pre, x_post))
            self._change_these(name, s, j if np.ndim(j) == 0 else j[k], t, before, after, n_inputs, places[k])

    def _change_these(self, name, s, j, t, x_pre, x_post, n_inputs, places):
        """One synapse, or some with weights of their own."""
        memory, traces = self.memory, self.names["synapse"]
        known = {"w": self.state.weights[s], **self.parameters, "n_inputs": n_inputs, **self._state(j)}
        known |= zip(self.names["pre"], x_pre, strict=True)
        known |= zip(self.names["post"], x_post, strict=True)
        if traces:
            k = np.ravel_multi_index(s, self.state.weights.shape)
            rates = self.rates["synapse"] if np.ndim(k) == 0 else self.rates["synapse"][:, np.newaxis]
            known |= zip(traces, self._decayed(memory.synapse[:, k], rates, memory.synapse_step[k], t), strict=True)
        function, run = getattr(self, name)
        known = self.rounding.settled(known)
        result = run(*(known[name] for name in arguments_of(function)))
        if traces:
            result, *written = result
            for trace, values in zip(memory.synapse, self.rounding.traces(traces, written, places), strict=True):
                trace[k] = values
            memory.synapse_step[k] = t
        self.state.weights[s] = self.rounding.weight(np.asarray(result, self.real)[()], places)

    def _hook(self, name, j, where, t, x_pre, x_post, n_inputs):
        """A hook over a neuron's whole column; what it returns is the neuron's state."""
        if getattr(self, name) is None:
            return
        chosen = tuple(where)
        column = self.state.weights[chosen]
        known = {"w": column, **self.parameters, "n_inputs": n_inputs, **self._state(j)}
        known |= zip(self.names["pre"], x_pre, strict=True)
        known |= zip(self.names["post"], x_post, strict=True)
        function, run = getattr(self, name)
        known = self.rounding.settled(known)
        result = run(*(known[name] for name in arguments_of(function)))
        self.state.weights[chosen] = self.rounding.after_hook(column, t, j, name)
        if self.names["state"]:
            self.memory.neuron[:, self._columns_of(j)] = self.rounding.states(self.names["state"], result, t, j, name)

    def _state(self, j):
        return dict(zip(self.names["state"], self.memory.neuron[:, self._columns_of(j)], strict=True))

    def _post_traces(self, j, t):
        rate = self.rates["post"] if np.ndim(j) == 0 and not isinstance(j, slice) else self.rates["post"][:, np.newaxis]
        return self._decayed(self.memory.x_post[:, j], rate, self.memory.post_step[j], t)

    def _decayed(self, x, rate, since, t):
        age = np.asarray(t - since).astype(self.real)
        return trace_now(x, rate, age, self.floor, self.exp2)
