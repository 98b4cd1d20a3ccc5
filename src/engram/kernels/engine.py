"""The engine: it advances any network, and knows no population, projection or rule by name.

A step has the order of :mod:`engram.kernels.reference`. First every population takes its step with what arrived in the
step before (`_step_all`); a spike of this step moves no membrane before the next. Then what the spikes do: they are
exchanged between threads, noted by the rules before they are delivered (`_pre`), sent on their way (`_send`), where
somebody fired delivered at once (`_deliver`: a neuron's weights are about to change, or its state to be reset), and the
fired neurons learn (`_post`) and are reset (`_reset`).

Steps are taken in groups where nothing happens that another neuron would hear of; see
:mod:`engram.kernels.populations`. Whether a group is taken changes no bit.
"""

from __future__ import annotations

from engram.kernels.memory import GROUP
from engram.kernels.parts import F8, I4, I8, call, observe, part, pointer, record, resized
from engram.kernels.populations import clear_arrivals
from engram.kernels.projections.spikes import EVERY_STEP, NOW
from engram.kernels.records import INPUT, LEARNING, NETWORK, POPULATION, PRESENTATION, PROJECTION
from engram.kernels.team import any_of, exchange_spikes
from engram.presentation import present
from engram.synapses import CLOSING_INTERVAL

_POPULATION, _PROJECTION, _INPUT = POPULATION.itemsize, PROJECTION.itemsize, INPUT.itemsize

(
    SEND_AHEAD,
    RESTLESS,
    GROUP_ASLEEP,
    AWAKE,
    GATHER,
    GROUP_AWAKE,
    KEEP,
    STEP,
    PRE,
    SEND,
    SEND_QUIET,
    RECEIVE,
    N_PHASES,
) = range(13)
"""Phases of a step or a group of steps, for each of which a network lists who takes part. `AWAKE` lists populations
that do not sleep; `SEND_QUIET` projections that have something to send though nobody fired."""


@part
def run(network, n_steps, n_counted, stop, counts):
    """Advance a network; return the spikes of its counted population in the first `n_counted` steps.

    They are added to `counts`, those of this thread's share. As soon as they are `stop`, the rest of those steps is
    left out and the blank ones follow.
    """
    net = record(network, NETWORK)
    net.ready = -1
    _begin(net)
    n_spikes, step, end = I8(0), I8(0), n_steps
    while step < end:
        if step % CLOSING_INTERVAL == 0:
            _look(net, step)
        if _group_is_taken(net, step, end):
            step += GROUP
        else:
            _take_step(net, step)
            if step < n_counted:
                n_spikes += _count(net, counts)
                if n_spikes >= stop:
                    end = step + 1 + n_steps - n_counted
                    n_counted = step + 1
                    _end_input(net, step + 1)
            step += 1
        if step % CLOSING_INTERVAL == 0:
            _deliver_all(net, step - 1)
            _tidy(net, step - 1)
        if net.every:
            _observe(net, step)
    _deliver_all(net, end - 1)
    _end(net, end)
    return n_spikes


@part
def _population(net, k):
    return net.populations + k * _POPULATION


@part
def _projection(net, k):
    return net.projections + k * _PROJECTION


@part
def _begin(net):
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).begin, (at, net.learn))
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.learns and net.learn:
            call(record(p.learning, LEARNING).begin, (at, I8(0)))
        if p.begin:
            call(p.begin, (at, I8(0)))


@part
def _end(net, n_steps):
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).end, (at, n_steps))
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.end:
            call(p.end, (at, n_steps))
        if p.learns and net.learn:
            call(record(p.learning, LEARNING).end, (at, n_steps))


@part
def _look(net, t):
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).look, (at, t))


@part
def _tidy(net, t):
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).tidy, (at, t))


@part
def _end_input(net, n_driven):
    for k in range(net.n_inputs):
        source = record(net.inputs + k * _INPUT, INPUT)
        source.n_driven = min(source.n_driven, n_driven)


# Groups of steps.


@part
def _do(net, phase, t):
    """Let everything take part in a phase that has a part in it."""
    pairs, n = _who(net, phase)
    for k in range(n):
        call(pairs[2 * k], (pairs[2 * k + 1], t))


@part
def _any(net, phase, t):
    """Whether anything that takes part in a phase says so; after it, nothing is asked any more."""
    pairs, n = _who(net, phase)
    for k in range(n):
        if call(pairs[2 * k], (pairs[2 * k + 1], t)):
            return I8(1)
    return I8(0)


@part
def _who(net, phase):
    """The pairs of (routine, record) of a phase, and how many there are."""
    phases = pointer(net.phases, I8)
    return pointer(phases[2 * phase], I8), phases[2 * phase + 1]


@part
def _group_is_taken(net, t, end):
    """Take a group of steps from t on, if nothing happens in it that another neuron would hear of."""
    if not net.in_groups or t % GROUP != 0 or t + GROUP > end or not _calm(net, t):
        return False
    _gather_group(net, t)
    if any_of(net.team, _any(net, GROUP_AWAKE, t)):
        return False
    _do(net, KEEP, t)
    net.ready = -1
    return True


@part
def _calm(net, t):
    """Whether no rule has to know of a spike in the group at once, and nobody who is awake among sleepers fires in it;
    inputs' delayed spikes are put under way."""
    pairs, n = _who(net, SEND_AHEAD)
    for k in range(n):
        call(pairs[2 * k], (pairs[2 * k + 1], t, I8(GROUP), I8(EVERY_STEP)))
    return not (net.learn and _any(net, RESTLESS, t)) and not _any(net, GROUP_ASLEEP, t)


@part
def _gather_group(net, t):
    """Add up what arrives in the steps of a group, by their place in it: the step before it, then all but its last."""
    first = I8(net.ready == t - 1)
    _gather_from(net, t - 1 + first, first, GROUP - first, EVERY_STEP)
    net.ready = t - 1


@part
def _gather_from(net, s, first, n, now):
    """Add up what arrives in n steps from s on, at the places from `first` on of a group."""
    pairs, n_awake = _who(net, AWAKE)
    for k in range(n_awake):
        clear_arrivals(record(pairs[2 * k + 1], POPULATION), first)
    pairs, n_gather = _who(net, GATHER)
    for k in range(n_gather):
        call(pairs[2 * k], (pairs[2 * k + 1], s, I8(first), I8(n), I8(now)))


# Single steps.


@part
def _take_step(net, t):
    _gather(net, t - 1, EVERY_STEP)
    fired = I8(0)
    pairs, n = _who(net, STEP)
    for k in range(n):
        fired += call(pairs[2 * k], (pairs[2 * k + 1], t))
    net.ready = -1
    if net.team:
        fired = exchange_spikes(net.team, net.populations, net.n_populations, I8(_POPULATION))
    if fired and net.records:
        for k in range(net.n_populations):
            _note_spikes(record(_population(net, k), POPULATION), t)
    if net.learn:
        _do(net, PRE, t)
    _send(net, t, fired)
    if fired or net.every:
        _deliver_all(net, t)
    if fired:
        if net.learn:
            _post(net, t)
        _reset(net, t)


@part
def _gather(net, s, now):
    """Add up what arrives in step s, in place 0, where that has not been done."""
    if net.ready != s:
        _gather_from(net, s, 0, 1, now)
        net.ready = s


@part
def _deliver_all(net, t):
    """Add what arrives in step t to the neurons at its end."""
    _gather(net, t, NOW)
    _do(net, RECEIVE, t)
    net.ready = t


@part
def _send(net, t, fired):
    pairs, n = _who(net, SEND if fired else SEND_QUIET)
    for k in range(n):
        call(pairs[2 * k], (pairs[2 * k + 1], t, I8(1), I8(NOW)))


@part
def _post(net, t):
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.learns and record(p.after, POPULATION).n_fired > 0:
            call(record(p.learning, LEARNING).post, (at, t))


@part
def _reset(net, t):
    for k in range(net.n_populations):
        at = _population(net, k)
        p = record(at, POPULATION)
        if p.n_fired > 0:
            call(p.reset, (at, t))


@part
def _count(net, counts):
    """Count the spikes of this step; return how many there are in all shares."""
    p = record(net.counted, POPULATION)
    number, fired = pointer(counts, I4), pointer(p.fired, I4)
    for f in range(p.n_fired):
        number[fired[f]] += 1
    return p.n_fired_all


@part
def _note_spikes(p, t):
    """Add a population's spikes to its table of (neuron, step), in order of neuron."""
    needed = 8 * (p.n_recorded + p.n_fired_all)
    if needed > p.table_bytes:
        p.table_bytes = 2 * needed
        p.table = resized(p.table, p.table_bytes)
    table, fired = pointer(p.table, I4), pointer(p.fired_all, I4)
    first = p.n_recorded
    for f in range(p.n_fired_all):
        place = first + f
        while place > first and table[2 * (place - 1)] > fired[f]:
            table[2 * place] = table[2 * (place - 1)]
            place -= 1
        table[2 * place] = fired[f]
        table[2 * (first + f) + 1] = t
    p.n_recorded += p.n_fired_all


@part
def _observe(net, step):
    """Every so many steps, show the network as it stands: neurons' states as in between runs, weights in their rows."""
    if step % net.every == 0:
        for k in range(net.n_populations):
            at = _population(net, k)
            call(record(at, POPULATION).show, (at, step))
        for k in range(net.n_projections):
            at = _projection(net, k)
            p = record(at, PROJECTION)
            if p.learns and net.learn:
                call(record(p.learning, LEARNING).expose, (at, step))
        call(net.observer, (step,))


# Presentations: what engram.presentation calls by name, for a network of records.


@part
def present_all(network, presentation):
    """Show the samples of a presentation; see :func:`engram.presentation.present`."""
    present(network, record(presentation, PRESENTATION))
    return 0


@part
def interrupted(network):
    """Whether another thread asked to end."""
    return observe(record(network, NETWORK).stop) != 0


@part
def set_progress(network, p, m):
    """The rules' parameters and the steps of the thresholds at sample m."""
    net = record(network, NETWORK)
    net.learn = p.learns
    if p.learns:
        parameters, plus = pointer(p.parameters, I8), pointer(p.plus, F8)
        for k in range(net.n_projections):
            projection = record(_projection(net, k), PROJECTION)
            if projection.learns:
                record(projection.learning, LEARNING).parameters = parameters[k * p.n_samples + m]
        for k in range(net.n_populations):
            record(_population(net, k), POPULATION).plus = plus[k * p.n_samples + m]


@part
def go_to_rest(network):
    """Put every population at rest, with nothing under way."""
    net = record(network, NETWORK)
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).to_rest, (at, I8(0)))
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.to_rest:
            call(p.to_rest, (at, I8(0)))


@part
def clear_traces(network):
    """Let the rules forget when anybody spiked."""
    net = record(network, NETWORK)
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.learns:
            call(record(p.learning, LEARNING).clear, (at, I8(0)))


@part
def normalize(network):
    """Scale the weights of which a rule wants the norm kept."""
    net = record(network, NETWORK)
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.learns and record(p.learning, LEARNING).norm_kind:
            call(record(p.learning, LEARNING).normalize, (at, I8(0)))


@part
def encode(network, p, m, intensity):
    """Make the input spikes of sample m, drawn anew for every presentation, and note that it is shown."""
    net = record(network, NETWORK)
    attempts = pointer(p.attempts, I4)
    counter = p.presentation if p.learns else pointer(p.counters, I8)[m]
    attempt = I8(0) if p.learns else I8(attempts[m])
    for k in range(net.n_inputs):
        at = net.inputs + k * _INPUT
        source = record(at, INPUT)
        source.intensity = intensity
        call(source.encode, (at, m, p.n_shown, counter, attempt))
    p.presentation += 1
    attempts[m] += 1


@part
def show(network, p, m):
    """Run the network on the input spikes, then without; return how many spikes it answered with."""
    net, counts = record(network, NETWORK), p.counts + 4 * m * p.n_counted
    number, answers = pointer(counts, I4), record(net.counted, POPULATION)
    for j in range(answers.first, answers.first + answers.n):
        number[j] = 0
    for k in range(net.n_populations):
        record(_population(net, k), POPULATION).n_recorded = 0
    return call(net.run, (network, p.n_shown + p.n_blank, p.n_shown, p.stop_spikes, counts))
