"""The reference kernel: NumPy, one line per line of the model. It is the specification; :mod:`cpu` must equal it."""

from __future__ import annotations

import functools

import numpy as np

from engram.kernels.protocol import Kernels, make_count, make_train
from engram.neurons import membrane_euler, membrane_exponential_euler
from engram.plasticity.base import (
    Equations,
    LearningRule,
    arguments_of,
    changes_silent_synapses,
    check_rule,
    known_names,
)
from engram.precision import reference_equation
from engram.synapses import CLOSING_INTERVAL, clip_weight, drive_conductance, open_conductance, trace_now


def kernels_for(rule: LearningRule | None, dtype: str, integrator: str) -> Kernels:
    """The kernels of a rule, or, without one, those in which nothing learns; nothing is compiled."""
    if rule is not None:
        check_rule(rule)
    run = functools.partial(run_network, rule)
    return Kernels(
        run=run,
        train=make_train(run, normalizes=rule is not None and rule.normalization != "none"),
        train_together=None,
        count=make_count(run),
    )


def run_network(
    rule, state, memory, parameters, theta_plus, c, rule_c, index, offset, n_steps, learn, counts, n_counted, stop,
    recorder, share, work,
):  # fmt: skip
    """Advance `state` and `memory` in place by `n_steps`; see :func:`engram.kernels.cpu.make_run`."""
    w, exc, inh = state.weights, state.exc, state.inh
    membrane = membrane_euler if c.euler else membrane_exponential_euler
    learner = Learner(rule, state, memory, parameters, c, rule_c) if learn else None
    theta_decay, theta_plus = (c.theta_decay, theta_plus) if learn else (1.0, 0.0)
    theta_scale = 1.0
    real = w.dtype.type
    exc_spikes, inh_spikes, overshot = [], [], False

    end, n_driven = n_steps, len(offset) - 1
    for t in range(n_steps):
        if t == end:
            break
        # 1. integrate all neuron state with the values at t; v is held while refractory
        theta_scale *= theta_decay
        theta = state.theta.astype(w.dtype) * real(theta_scale)
        overshot |= c.euler and bool(np.any(c.exc.dt_over_tau * (c.exc.flow.g_leak + exc.g_exc + exc.g_inh) > 1))
        for layer, p in ((exc, c.exc), (inh, c.inh)):
            v_next = membrane(layer.v, layer.g_exc, layer.g_inh, p, c.exp2)
            layer.v[:] = np.where(layer.hold <= t, v_next, layer.v)
            layer.g_exc[:] *= p.flow.exc_decay
            layer.g_inh[:] *= p.flow.inh_decay

        # 2. thresholds
        fired = np.flatnonzero((exc.hold <= t) & (exc.v > theta + c.exc.v_thresh))
        fired_inh = np.flatnonzero((inh.hold <= t) & (inh.v > c.inh.v_thresh))
        spiking_inputs = index[offset[t] : offset[t + 1]] if t < n_driven else index[:0]

        # 3. synapses: presynaptic events, postsynaptic events, excitatory to inhibitory, inhibitory to excitatory
        drive = np.zeros_like(exc.v)
        for i in spiking_inputs:
            if learn:
                learner.presynaptic_spike(i, t)
            if state.input_delays.size:
                due = (t + state.input_delays[i].astype(np.int64)) % len(state.input_pending)
                state.input_pending[due, np.arange(len(due))] += w[i]
            else:
                drive += w[i]
        if state.input_delays.size:
            drive[:] = state.input_pending[t % len(state.input_pending)]
            state.input_pending[t % len(state.input_pending)] = 0
        exc.g_exc[:] = drive_conductance(exc.g_exc, drive)
        if learn:
            for j in fired:
                learner.postsynaptic_spike(j, t)
        inh.g_exc[fired] += c.w_exc_inh
        n_slots = len(state.pending)
        for j in fired_inh:
            others = np.flatnonzero(np.arange(len(exc.v)) != j)
            state.pending[(t + state.delays[j, others].astype(np.int64)) % n_slots, others] += 1
        exc.g_inh[:] += c.w_inh_exc * state.pending[t % n_slots].astype(w.dtype)
        state.pending[t % n_slots] = 0

        # 4. resets
        exc.v[fired], exc.hold[fired] = c.exc.v_reset, t + c.exc.t_ref
        inh.v[fired_inh], inh.hold[fired_inh] = c.inh.v_reset, t + c.inh.t_ref
        state.theta[fired] += theta_plus / theta_scale
        if (t + 1) % CLOSING_INTERVAL == 0:
            for layer, p in ((exc, c.exc), (inh, c.inh)):
                layer.g_exc[:] = open_conductance(layer.g_exc, p.tiny)
                layer.g_inh[:] = open_conductance(layer.g_inh, p.tiny)

        if t < n_counted:
            counts[fired] += 1
            if counts.sum() >= stop:  # leave out the rest of what is shown; the blank follows
                end = t + 1 + n_steps - n_counted
                n_driven = n_counted = t + 1
        exc_spikes += [(j, t) for j in fired]
        inh_spikes += [(j, t) for j in fired_inh]
        seen = recorder.neurons
        if len(seen):
            recorder.values[:, t] = (
                exc.v[seen],
                exc.g_exc[seen],
                exc.g_inh[seen],
                state.theta[seen] * theta_scale,
            )

    state.theta[:] *= theta_scale
    for layer in (exc, inh):
        layer.hold[:] = np.maximum(layer.hold - end, 0)
    state.pending[:] = np.roll(state.pending, -end, axis=0)
    state.input_pending[:] = np.roll(state.input_pending, -end, axis=0)
    if learn:
        learner.settle(end)
    if recorder.spikes:
        for table, spikes in ((recorder.exc_spikes, exc_spikes), (recorder.inh_spikes, inh_spikes)):
            table[: len(spikes)] = np.array(spikes, np.int32).reshape(-1, 2)
    return overshot, len(exc_spikes), len(inh_spikes)


class Learner:
    """Applies a rule's equations as they are written, synapse by synapse, in the precision of the weights."""

    def __init__(self, rule: LearningRule, state, memory, parameters, c, rule_c):
        dtype = state.weights.dtype
        self.equations = Equations(*(f and reference_equation(f, dtype) for f in rule.equations()))
        self.names = known_names(rule)
        self.everywhere = changes_silent_synapses(rule)
        self.asked = [name in arguments_of(self.equations.on_pre or _nothing) for name in self.names["post"]]
        self.added = {trace.name: trace.add for trace in rule.traces()}
        self.w, self.memory, self.c, self.rule_c = state.weights, memory, c, rule_c
        self.parameters = dict(zip(self.names["parameter"], parameters, strict=True))
        if self.equations.on_pre is not None:
            memory.changed[self.everywhere | np.any(memory.x_post[self.asked] != 0, axis=0)] = True

    def presynaptic_spike(self, i: int, t: int) -> None:
        """Input i spikes: its traces, then its synapses."""
        x_pre = self._pre_traces(t)
        for k, name in enumerate(self.names["pre"]):
            x_pre[k, i] = self._after_spike(name, x_pre[k, i])
            self.memory.x_pre[k, i] = x_pre[k, i]
        self.memory.pre_step[i] = t
        if self.equations.on_pre is not None:
            for j in range(self.w.shape[1]):
                x_post = self._post_traces(j, t)
                if self.everywhere or np.any(x_post[self.asked] != 0):  # else the rule leaves the synapse as it is
                    self._change_synapse(self.equations.on_pre, i, j, t, x_pre[:, i], x_post)

    def postsynaptic_spike(self, j: int, t: int) -> None:
        """Neuron j spikes: its column, then its traces."""
        x_pre, x_post = self._pre_traces(t), self._post_traces(j, t)
        self.memory.changed[j] = True
        self._column(self.equations.before_post, j, x_pre, x_post)
        if self.equations.on_post is not None:
            for i in range(self.w.shape[0]):
                self._change_synapse(self.equations.on_post, i, j, t, x_pre[:, i], x_post)
        self._column(self.equations.after_post, j, x_pre, x_post)
        for k, name in enumerate(self.names["post"]):
            self.memory.x_post[k, j] = self._after_spike(name, x_post[k])
        self.memory.post_step[j] = t

    def settle(self, n_steps: int) -> None:
        """Bring all traces to the end of the run, from which the next one counts."""
        memory = self.memory
        memory.x_pre[:] = self._pre_traces(n_steps)
        memory.x_post[:] = self._decayed(memory.x_post, self.rule_c.post_rate, memory.post_step, n_steps)
        memory.pre_step[:] = memory.post_step[:] = 0
        if self.names["synapse"]:
            rate = self.rule_c.synapse_rate[:, np.newaxis]
            memory.synapse[:] = self._decayed(memory.synapse, rate, memory.synapse_step, n_steps)
            memory.synapse_step[:] = 0

    def _change_synapse(self, equation, i, j, t, x_pre, x_post):
        memory, traces = self.memory, self.names["synapse"]
        known = {"w": self.w[i, j], **self.parameters, **self._state(j)}
        known |= zip(self.names["pre"], x_pre, strict=True)
        known |= zip(self.names["post"], x_post, strict=True)
        if traces:
            age = memory.synapse_step[i, j]
            now = self._decayed(memory.synapse[:, i, j], self.rule_c.synapse_rate, age, t, axis=None)
            known |= zip(traces, now, strict=True)
        result = equation(*(known[name] for name in arguments_of(equation)))
        if traces:
            result, *memory.synapse[:, i, j] = result
            memory.synapse_step[i, j] = t
        self.w[i, j] = clip_weight(self.w.dtype.type(result), self.rule_c.w_min, self.rule_c.w_max)

    def _column(self, equation, j, x_pre, x_post):
        if equation is None:
            return
        known = {"w": self.w[:, j], **self.parameters, **self._state(j)}
        known |= zip(self.names["pre"], x_pre, strict=True)
        known |= zip(self.names["post"], x_post, strict=True)
        result = equation(*(known[name] for name in arguments_of(equation)))
        if self.names["state"]:
            self.memory.neuron[:, j] = result

    def _state(self, j):
        return dict(zip(self.names["state"], self.memory.neuron[:, j], strict=True))

    def _pre_traces(self, t):
        return self._decayed(self.memory.x_pre, self.rule_c.pre_rate, self.memory.pre_step, t)

    def _post_traces(self, j, t):
        return self._decayed(self.memory.x_post[:, j], self.rule_c.post_rate, self.memory.post_step[j], t, axis=None)

    def _decayed(self, x, rate, since, t, axis=1):
        real = self.w.dtype.type
        age = np.asarray(t - since).astype(real)
        rate = rate if axis is None else np.expand_dims(rate, axis)
        return trace_now(x, rate, age, self.rule_c.trace_floor, self.c.exp2)

    def _after_spike(self, name, x):
        return self.w.dtype.type(1.0 if self.added[name] is None else x + self.w.dtype.type(self.added[name]))


def _nothing():
    """The equation of a rule without one."""
