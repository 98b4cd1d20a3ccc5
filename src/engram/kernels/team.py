"""Several threads that advance one network together, step by step, each its own share of the neurons.

A neuron's arithmetic is the same whoever does it, and every thread learns of all spikes of a step before the next
one, so the bits do not depend on how many there are.
"""

from __future__ import annotations

import functools
import os

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engram.kernels.compile import compiled
from engram.kernels.state import LINE_WORDS

_PATIENCE = 20_000
"""Looks at another thread's clock before the processor is left to others."""


@functools.partial(compiled, allocates=False)
def tell(share, mine, n_mine, all_of_them):
    """Tell the other threads some numbers and collect everybody's, in order of threads; return how many."""
    team = share.team
    time = team.clock[share.thread, 0] + 1
    half = time & 1
    for k in range(n_mine):
        team.fired[half, share.thread, k] = mine[k]
    team.n_fired[half, share.thread, 0] = n_mine
    _publish(team.clock, share.thread * LINE_WORDS, time)
    n = 0
    for thread in range(share.n_threads):
        looks = 0
        while _observe(team.clock, thread * LINE_WORDS) < time:
            looks += 1
            if looks > _PATIENCE:
                _give_way()
        for k in range(team.n_fired[half, thread, 0]):
            all_of_them[n] = team.fired[half, thread, k]
            n += 1
    return n


@intrinsic
def _publish(typing_context, array, place, value):
    """Store an int64 after everything stored before it."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], pointer, "release", 8)

    return types.void(array, types.intp, types.int64), generate


@intrinsic
def _observe(typing_context, array, place):
    """Load an int64 before everything loaded after it."""

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(_pointer(context, builder, signature, arguments), "acquire", 8)

    return types.int64(array, types.intp), generate


def _pointer(context, builder, signature, arguments):
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


@intrinsic
def _leave_processor(typing_context):
    """Let other threads run."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])

    return types.void(), generate


@numba.extending.register_jitable
def _keep_looking():
    """Where the system has no such call."""


_give_way = _leave_processor if os.name == "posix" else _keep_looking
