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


@part
def run(network, n_steps, n_counted, stop, counts):
    """Advance a network; return the spikes of its counted population in the first `n_counted` steps.

    They are added to `counts`, those of this thread's share. As soon as they are `stop`, the rest of those steps is
    left out and the blank ones follow.
    """
    net = record(network, NETWORK)
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
def _group_is_taken(net, t, end):
    """Take a group of steps from t on, if nothing happens in it that another neuron would hear of."""
    if not net.in_groups or t % GROUP != 0 or t + GROUP > end or not _calm(net, t):
        return False
    for k in range(net.n_populations):
        at = _population(net, k)
        p = record(at, POPULATION)
        if p.sleeps and call(p.group, (at, t)):
            return False
    _gather_group(net, t)
    stopped = I8(0)
    for k in range(net.n_populations):
        at = _population(net, k)
        p = record(at, POPULATION)
        if not p.sleeps and not stopped:
            stopped = call(p.group, (at, t))
    if any_of(net.team, stopped):
        return False
    _keep_group(net, t)
    return True


@part
def _calm(net, t):
    """Whether no rule has to know of a spike in the group at once; inputs' delayed spikes are put under way."""
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.from_input and p.send:
            call(p.send, (at, t, I8(GROUP), I8(EVERY_STEP)))
        if p.learns and net.learn and not call(record(p.learning, LEARNING).calm, (at, t)):
            return False
    return True


@part
def _gather_group(net, t):
    """Add up what arrives in the steps of a group, by their place in it: the step before it, then all but its last."""
    for k in range(net.n_populations):
        p = record(_population(net, k), POPULATION)
        if not p.sleeps:
            clear_arrivals(p, 1 if p.ready == t - 1 else 0)
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.gather:
            if record(p.after, POPULATION).ready == t - 1:
                call(p.gather, (at, t, I8(1), I8(GROUP - 1), I8(EVERY_STEP)))
            else:
                call(p.gather, (at, t - 1, I8(0), I8(GROUP), I8(EVERY_STEP)))
    for k in range(net.n_populations):
        record(_population(net, k), POPULATION).ready = t - 1


@part
def _keep_group(net, t):
    for k in range(net.n_populations):
        at = _population(net, k)
        p = record(at, POPULATION)
        p.n_fired = p.n_fired_all = 0
        call(p.keep, (at, t))
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.keep:
            call(p.keep, (at, t))


# Single steps.


@part
def _take_step(net, t):
    _gather(net, t - 1, EVERY_STEP)
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).step, (at, t))
    exchange_spikes(net.team, net.populations, net.n_populations, I8(_POPULATION))
    fired = I8(0)
    for k in range(net.n_populations):
        p = record(_population(net, k), POPULATION)
        fired += p.n_fired_all
        if p.records:
            _note_spikes(p, t)
    if net.learn:
        _pre(net, t)
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
    for k in range(net.n_populations):
        p = record(_population(net, k), POPULATION)
        if not p.sleeps and p.ready != s:
            clear_arrivals(p, 0)
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.gather and record(p.after, POPULATION).ready != s:
            call(p.gather, (at, s, I8(0), I8(1), I8(now)))
    for k in range(net.n_populations):
        record(_population(net, k), POPULATION).ready = s


@part
def _deliver_all(net, t):
    """Add what arrives in step t to the neurons at its end."""
    _gather(net, t, NOW)
    for k in range(net.n_populations):
        at = _population(net, k)
        call(record(at, POPULATION).receive, (at, t))


@part
def _pre(net, t):
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.learns:
            rule = record(p.learning, LEARNING)
            if not rule.lazy:
                call(rule.pre, (at, t))


@part
def _send(net, t, fired):
    for k in range(net.n_projections):
        at = _projection(net, k)
        p = record(at, PROJECTION)
        if p.send and (fired or p.from_input or p.delay > 0):
            call(p.send, (at, t, I8(1), I8(NOW)))


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
