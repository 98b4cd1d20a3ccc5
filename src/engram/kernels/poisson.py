"""Poisson spikes of a sample's values, drawn in compiled code by the functions of :mod:`engram.encoders`."""

from __future__ import annotations

import numpy as np

from engram.encoders import draw_blocks, draw_gaps, plan_blocks, walk
from engram.kernels.parts import F8, I4, I8, U8, part, pointer, record, resized, table, vector
from engram.kernels.records import INPUT
from engram.randomness import philox_in_place

U4 = np.uint32

for _function in (draw_blocks, draw_gaps, plan_blocks, walk, philox_in_place):
    part(_function, apart=True)  # their arrays lie apart in the room below


@part
def encode(address, m, n_steps, counter, attempt):
    """The spikes of sample m over some steps: a value makes a spike in a step with a chance in proportion to it."""
    source = record(address, INPUT)
    n = source.n
    fixed = 8 * (2 + 3 * n + 1)
    _make_room(source, fixed)
    key, probability = vector(source.room, U8, 2), vector(source.room + 16, F8, n)
    key[0], key[1] = source.key_0, source.key_1
    values, factor = pointer(source.samples + 4 * m * n, np.float32), source.gain * source.intensity * source.per_value
    for i in range(n):
        probability[i] = values[i] * factor
    planned = vector(source.room + 16 + 8 * n, I8, n), vector(source.room + 16 + 16 * n, I8, n + 1)
    n_driven, n_blocks = plan_blocks(probability, n_steps, planned[0], planned[1])
    at, each = _aligned(fixed), _aligned(4 * (n_blocks + 1) * 8)
    _make_room(source, at + 4 * each)
    key, probability = vector(source.room, U8, 2), vector(source.room + 16, F8, n)
    which = vector(source.room + 16 + 8 * n, I8, n_driven)
    first_block = vector(source.room + 16 + 16 * n, I8, n_driven + 1)
    words = table(source.room + at, U4, 4, n_blocks + 1)
    steps_per_bit = vector(source.room + at + each, F8, 4 * n_blocks + 4)
    draw = vector(source.room + at + 2 * each, F8, 4 * n_blocks + 4)
    gap = vector(source.room + at + 3 * each, U4, 4 * n_blocks + 4)
    counter = U8(counter)
    draw_blocks(probability, n_steps, key, counter, attempt, which, first_block, words, steps_per_bit, draw, gap)
    _put_in_place(source, n_steps, which, first_block, words, steps_per_bit, attempt, counter, key, draw, gap)
    return 0


@part
def _put_in_place(source, n_steps, which, first_block, words, steps_per_bit, attempt, counter, key, draw, gap):
    """Twice along the gaps: how many spikes each step has, then which."""
    needed = 8 * 2 * (n_steps + 1)
    if needed > source.offset_bytes:
        source.offset_room, source.offset_bytes = resized(source.offset_room, needed), needed
    offset, place = vector(source.offset_room, I8, n_steps + 1), vector(source.offset_room + needed // 2, I8, n_steps)
    for t in range(n_steps + 1):
        offset[t] = 0
    index, counts = vector(source.index_room, I4, 0), offset[1:]
    walk(which, first_block, words, steps_per_bit, n_steps, attempt, counter, key, draw, gap, counts, index, True)
    for t in range(n_steps):
        place[t] = offset[t]
        offset[t + 1] += offset[t]
    needed = 4 * (offset[n_steps] + 1)
    if needed > source.index_bytes:
        source.index_room, source.index_bytes = resized(source.index_room, 2 * needed), 2 * needed
    index = vector(source.index_room, I4, offset[n_steps])
    walk(which, first_block, words, steps_per_bit, n_steps, attempt, counter, key, draw, gap, place, index, False)
    source.index, source.offset, source.n_driven = source.index_room, source.offset_room, n_steps


@part
def _make_room(source, n_bytes):
    if n_bytes > source.room_bytes:
        source.room, source.room_bytes = resized(source.room, n_bytes), n_bytes


@part
def _aligned(n_bytes):
    """The next whole cache line."""
    return (n_bytes + 63) // 64 * 64
