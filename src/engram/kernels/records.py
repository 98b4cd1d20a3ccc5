"""The records by which compiled code knows a network: fixed fields of 64 bits, most of them addresses and counts.

One record stands for a population, a projection, an input or a whole network as one thread sees it. They hold no
memory of their own: :mod:`engram.kernels.build` keeps the arrays to which they point alive. Fields marked (w) are
written while the network runs.
"""

from __future__ import annotations

import numpy as np


def _record(**fields: str) -> np.dtype:
    return np.dtype([(name, kind) for name, kind in fields.items()], align=True)


_whole, _double = "i8", "f8"

POPULATION = _record(
    # what is advanced: a share of the neurons, from `first` on
    n=_whole,
    first=_whole,
    n_all=_whole,
    n_lanes=_whole,  # neurons are computed in whole groups of lanes; the rest stays idle
    stride=_whole,  # numbers from one row to the next
    n_variables=_whole,
    n_channels=_whole,
    # between runs: arrays over all neurons of the population
    values=_whole,  # (n_variables, n_all) real (w)
    hold=_whole,  # (n_all,) int32: steps until a neuron is integrated again (w)
    theta=_whole,  # (n_all,) double, mV (w)
    rest=_whole,  # (n_variables,) real: at rest, and in idle lanes
    # in a run
    here=_whole,  # (n_variables, stride) real: before a step; `there` after it. The two change places (w)
    there=_whole,
    low=_whole,  # (stride,) real: below a neuron's threshold until the next look at it (w)
    theta_now=_whole,  # (stride,) real: theta less its decay in this run; infinite in a lane without a neuron (w)
    until=_whole,  # (n,) int32: the step from which a neuron is integrated again (w)
    held=_whole,  # (n,) int32: neurons that may be refractory (w)
    n_held=_whole,
    values_held=_whole,  # (n_held_variables, n) real: theirs, by place in `held` (w)
    n_held_variables=_whole,
    held_variables=_whole,  # (n_held_variables,) int64: which variables a refractory neuron keeps
    t_ref=_whole,  # steps
    counted_weight=_double,  # of the spikes that are counted on a channel, see engram.kernels.neuron_code
    constants=_whole,  # (n_constants,) real
    v_thresh=_double,
    # the adaptive threshold; at step t it is theta_now · scale
    has_theta=_whole,
    learns=_whole,  # whether a projection that learns reaches it
    reading=_double,  # what its thresholds are multiplied by in a run in which it does not learn
    learning=_whole,  # whether it learns in this run (w)
    factor=_double,  # 1 then, else `reading` (w)
    n_sharing=_whole,  # so many neurons, one after another, have one threshold
    scale=_double,
    decay=_double,  # per step, while learning
    plus=_double,  # per spike, while learning
    until_look=_double,  # factor on the scale until the next look
    later=_double,  # the scale at the next look, less a rounding (w)
    decay_now=_double,  # the two in force in this run
    plus_now=_double,
    # what arrives, by step of a group
    rows=_whole,  # (1 + n_channels · GROUP, stride) real: the first is zero, then a row a channel and step (w)
    arriving=_whole,  # (n_channels · GROUP + 3 · GROUP,) int64: addresses of rows, then of further rows of weights (w)
    arrives=_whole,  # (n_channels,) int64: whether anything does on a channel (w)
    lively=_whole,  # whether any further row of weights is in use
    open=_whole,  # (n_channels,) int64: whether a channel's variable may differ from zero (w)
    large=_whole,  # whether the quick equations do not hold
    overshot=_whole,  # whether forward Euler passed its bound
    # one winner of each group, see engram.kernels.winner
    n_contests=_whole,
    best=_whole,  # (n_contests,) int32: the group's winner so far, -1 between steps (w)
    # spikes of the present step
    n_fired=_whole,
    fired=_whole,  # (n,) int32: own neurons, numbered over the whole population (w)
    n_fired_all=_whole,
    fired_all=_whole,  # (n_all,) int32: of all threads (w)
    # neurons that are asleep until something reaches them; see engram.kernels.sleeping
    sleeps=_whole,
    n_awake=_whole,
    awake=_whole,  # (n_all,) int32 (w)
    place=_whole,  # (n_all,) int32: where a neuron stands among the awake, -1 for one asleep (w)
    ahead=_whole,  # (n_variables, stride) real (w)
    # routines
    group=_whole,
    step=_whole,
    reset=_whole,
    tidy=_whole,
    receive=_whole,
    begin=_whole,
    look=_whole,
    keep=_whole,
    end=_whole,
    to_rest=_whole,
    show=_whole,
    # recorded spikes, pairs of (neuron, step) int32
    table=_whole,  # (w)
    table_bytes=_whole,  # (w)
    n_recorded=_whole,  # (w)
)

INPUT = _record(
    n=_whole,
    index=_whole,  # int32: inputs that spike, by step (w)
    offset=_whole,  # (n_driven + 1,) int64: spikes of step t are index[offset[t]:offset[t + 1]] (w)
    n_driven=_whole,  # steps with input in this run (w)
    encode=_whole,  # routine that makes a sample's spikes
    samples=_whole,  # (n_samples, n) single: values, for sources that are compiled
    number=_whole,  # for sources that are not: which of them
    intensity=_double,  # (w)
    gain=_double,
    per_value=_double,  # chance of a spike in one step per unit of value, intensity and gain
    key_0=_whole,
    key_1=_whole,
    room=_whole,  # memory to work in (w)
    room_bytes=_whole,
    index_room=_whole,
    index_bytes=_whole,
    offset_room=_whole,
    offset_bytes=_whole,
)

PROJECTION = _record(
    from_input=_whole,
    before=_whole,  # the record of the input or population that sends
    after=_whole,  # of the population that receives
    channel=_whole,
    n_before=_whole,
    begin_after=_whole,  # the first neuron of the receiving share, and how many
    n_after=_whole,
    n_after_all=_whole,
    delay=_whole,  # steps, if all synapses have the same
    # spikes under way, if there is a delay
    sent=_whole,  # input spikes of earlier steps are under way (w)
    n_slots=_whole,
    n_delays=_whole,  # the longest delay and one
    events=_whole,  # (n_slots, n_before) int32 (w)
    n_events=_whole,  # (n_slots,) int64 (w)
    # weights
    weights=_whole,  # real (w)
    stride=_whole,  # numbers from one row to the next
    weight=_double,  # if all synapses have the same
    reading=_double,  # what listed weights are multiplied by in a run in which the neurons after do not learn
    alone=_whole,  # whether nothing else arrives on its channel: a row need not be copied to be added to
    leaves_rows=_whole,  # whether a few rows may be left to be added in the course of a step
    # synapses one by one: those of neuron i before are who[starts[i]:starts[i + 1]], with weights[where[...]]
    starts=_whole,  # (n_before + 1,) int64
    who=_whole,  # int32
    where=_whole,  # int32
    column_starts=_whole,  # (n_after_all + 1,) int64: the same by neuron after
    column_before=_whole,  # int32
    column_where=_whole,  # int32
    column_of=_whole,  # (n_after_all,) int32: whose weights a neuron's are, its own or a shared filter's; 0 for its own
    n_columns=_whole,
    weight_starts=_whole,  # (n_columns + 1,) int64: where a column's weights lie
    geometry=_whole,  # (9,) int64, of a convolution: see engram.projections.Convolution.geometry
    reach=_whole,  # (n_before, 4) int32: whom each sender of a step reaches, see kernels.projections.convolution (w)
    # a delay for each synapse
    delays=_whole,  # uint16 or uint8, by synapse
    wide_delays=_whole,
    ring=_whole,  # (mask + 1, stride) real or uint16: what is due, by step (w)
    ring_stride=_whole,
    due=_whole,  # (mask + 1,) uint8: whether anything may be due (w)
    mask=_whole,  # slots of the ring less one, a power of two
    over=_whole,  # what was due in earlier steps has arrived, and its slots are empty (w)
    due_until=_whole,  # nothing is due in later steps (w)
    pending=_whole,  # (n_slots, n_after_all): the same between runs, by steps from now (w)
    is_clear=_whole,  # all of that is known to be zero (w)
    # learning
    learns=_whole,
    learning=_whole,  # its record
    # routines; 0 where there is none
    begin=_whole,
    send=_whole,
    gather=_whole,
    keep=_whole,
    end=_whole,
    to_rest=_whole,
)

LEARNING = _record(
    # routines
    begin=_whole,
    restless=_whole,
    pre=_whole,
    post=_whole,
    expose=_whole,
    end=_whole,
    normalize=_whole,
    clear=_whole,
    on_pre=_whole,  # the rule's own; 0 where it has none
    on_post=_whole,
    pre_everywhere=_whole,
    n_pre=_whole,  # traces
    n_post=_whole,
    n_synapse=_whole,
    n_state=_whole,
    x_pre=_whole,  # (n_pre, n_before) real: at the last spike (w)
    pre_step=_whole,  # (n_before,) int32: its step (w)
    x_post=_whole,  # (n_post, n_after_all) real (w)
    post_step=_whole,  # (n_after_all,) int32 (w)
    state=_whole,  # (n_state, n_columns) real (w)
    synapse=_whole,  # (n_synapse, n_synapses) real (w)
    synapse_step=_whole,  # (n_synapses,) int32 (w)
    n_synapses=_whole,
    changed=_whole,  # (n_columns,) uint8: whose weights may have changed since they were normalised (w)
    touched=_whole,  # (n_columns,) uint8: whose weights may have changed since somebody looked: a bit for each (w)
    parameters=_whole,  # (n_parameters,) real
    pre_rate=_whole,  # (n_pre,) real: exponent of two a step
    post_rate=_whole,
    synapse_rate=_whole,
    pre_add=_whole,  # (n_pre,) real: what a spike adds; NaN where it sets the trace to 1
    post_add=_whole,
    floor=_double,  # a smaller trace is zero
    w_min=_double,
    w_max=_double,
    norm_kind=_whole,
    norm_target=_double,
    norm_targets=_whole,  # (n_columns,) double: the same by column, for listed synapses
    n_asked=_whole,
    asked=_whole,  # (n_asked,) int64: the postsynaptic traces that on_pre asks for
    lazy=_whole,  # whether spikes before need only be noted when a neuron fires
    marked=_whole,  # those of earlier steps are (w)
    # neurons with a postsynaptic trace left, which presynaptic spikes can change
    n_moving=_whole,
    moving=_whole,  # int32 (w)
    moving_place=_whole,  # (n_after,) int32 (w)
    stride_moving=_whole,  # numbers from one row to the next, in whole groups of lanes
    moving_x=_whole,  # (n_asked, stride_moving) real: infinite at places beyond the last (w)
    moving_since=_whole,  # (stride_moving,) int32 (w)
    moving_now=_whole,  # (n_asked, stride_moving) real (w)
    # weights of some neurons side by side, see engram.kernels.columns
    n_places=_whole,
    n_columns=_whole,
    column_neuron=_whole,  # (n_places,) int32 (w)
    column_place=_whole,  # (n_after,) int32 (w)
    columns=_whole,  # (n_places, n_longest) real (w)
    n_longest=_whole,  # the most weights of a column
    spikes=_whole,  # (n_before,) uint8 (w)
    spiking=_whole,  # int32 (w)
    silent=_whole,  # int32 (w)
    n_spiking=_whole,
    n_silent=_whole,
    # room to work in
    x_now=_whole,  # (n_pre, n_longest) real (w)
    x_all=_whole,  # (n_pre, n_before) real (w)
    one=_whole,  # (2, ROOM) real: traces and state of one neuron (w)
    chosen=_whole,  # (2, n_after) int32 (w)
    chosen_x=_whole,  # (n_asked, stride_moving) real (w)
    synapse_now=_whole,  # (n_synapse, n_longest) or (n_synapse, stride_moving) real (w)
    # in fixed point, in front of synapse_now, where the rule's routines find them
    draws=_whole,  # (8,) uint64: the key's two words, the run, its step, the neuron that fired (w)
    grid=_whole,  # (4,) real: of the weights
)

TEAM = _record(
    thread=_whole,
    n_threads=_whole,
    clock=_whole,  # (n_threads, 8) int64: how often each has spoken (w)
    said=_whole,  # (2, n_threads, n_words) int64: at even and at odd times (w)
    n_words=_whole,
    fired=_whole,  # (2, n_threads, n_most) int32 (w)
    n_most=_whole,
)

NETWORK = _record(
    n_inputs=_whole,
    inputs=_whole,
    n_populations=_whole,
    populations=_whole,
    n_projections=_whole,
    projections=_whole,
    run=_whole,  # routine
    counted=_whole,  # the record of the population whose spikes answer
    team=_whole,  # 0 for a thread alone
    learn=_whole,
    records=_whole,  # whether spikes are noted
    phases=_whole,  # (engine.N_PHASES, 2) int64: where the pairs of (routine, record) of each begin, and how many
    ready=_whole,  # the step whose arrivals are already in place 0 of those of a group (w)
    in_groups=_whole,
    every=_whole,  # steps between two calls of the observer; 0 for none
    observer=_whole,
    stop=_whole,  # address of a number that another thread sets: end after this presentation
)

PRESENTATION = _record(
    n_samples=_whole,
    sample=_whole,  # the one to show next (w)
    n_shown=_whole,
    n_blank=_whole,
    start_intensity=_double,
    max_intensity=_double,
    min_spikes=_whole,
    stop_spikes=_whole,
    at_rest=_whole,
    clear_traces=_whole,
    learns=_whole,
    presentation=_whole,  # how many came before (w)
    counters=_whole,  # (n_samples,) int64, when nothing learns: the samples' contents
    counts=_whole,  # (n_samples, n_counted) int32 (w)
    n_counted=_whole,
    attempts=_whole,  # (n_samples,) int32 (w)
    parameters=_whole,  # (n_projections, n_samples) int64: addresses of the rules' parameters at each sample
    plus=_whole,  # (n_populations, n_samples) double: steps of the thresholds
)
