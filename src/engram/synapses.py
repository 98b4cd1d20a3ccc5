"""Synapses: conductances and traces."""

from __future__ import annotations

from engram.arithmetic import exp2, not_negative, select
from engram.precision import exact

CLOSING_INTERVAL = 32
"""Every so many steps, conductances too small to matter are closed."""


def open_conductance(g, tiny):
    """A conductance, or zero if it is below `tiny`, too small to change a bit beside the leak."""
    return select(g > tiny, g, g - g)


@exact
def drive_conductance(g, drive):
    """A conductance after a step's input; weights of negative sign cannot take it below zero."""
    return not_negative(g + drive)


def trace_now(x, rate, age, floor, coefficients):
    """A trace `age` steps after it was `x`; zero once it is smaller than `floor`.

    `rate` is the exponent of two per step, -dt / tau · log2(e).
    """
    value = x * exp2(rate * age, coefficients)
    return select(abs(value) > floor, value, value - value)


def clip_weight(w, w_min, w_max):
    """A weight within its bounds; NaN stays NaN, to be found."""
    return select(w < w_min, w_min, select(w > w_max, w_max, w))
