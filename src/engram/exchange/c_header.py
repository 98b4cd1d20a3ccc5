"""``--to c``: a header with fixed-point arrays and the step of the network, and a small program around it."""

from __future__ import annotations

import textwrap

import numpy as np

from engram.exchange.fixed_point import (
    MOST_CONDUCTANCE,
    PLACE_SHIFT,
    POINT,
    RELAXATION_BITS,
    RELAXATION_RANGE,
    SCALE_BITS,
    STEP_BITS,
    FixedNeuron,
    FixedPointNetwork,
)
from engram.exchange.formats import LEARNING_LOST, Format
from engram.exchange.text import from_template

HEADER, PROGRAM, SPIKES, EXPECTED = "engram_network.h", "engram_main.c", "presentations.txt", "expected_counts.txt"


def _files(frozen, presentations, form):
    fixed = FixedPointNetwork.of(frozen, form.weight_bits)
    n_images = presentations.n_images
    counts = fixed.count_spikes(presentations.inputs, n_images, presentations.n_steps)
    return {
        HEADER: from_template(f"{HEADER}.in", frozen, form, **_numbers(fixed)),
        PROGRAM: from_template(f"{PROGRAM}.in", frozen, form),
        SPIKES: _lines([(n_images, presentations.n_steps)], presentations.inputs),
        EXPECTED: _lines([(k, j, counts[k, j]) for k, j in zip(*np.nonzero(counts), strict=True)]),
    }


def _measured(frozen, presentations, form):
    """What rounding does to the images that lie beside it."""
    n_images = presentations.n_images
    fixed = FixedPointNetwork.of(frozen, form.weight_bits)
    counts = fixed.count_spikes(presentations.inputs, n_images, presentations.n_steps)
    lost = (
        ()
        if frozen.network.w_inh_exc <= MOST_CONDUCTANCE
        else (
            f"Conductances saturate at {MOST_CONDUCTANCE}, which a single inhibitory spike exceeds: it adds"
            f" {frozen.network.w_inh_exc:g}.",
        )
    )
    same = int(np.sum(np.all(counts == presentations.counts(counts.shape[1]), axis=1)))
    return (), (
        *lost,
        f"Of the {n_images} images beside it, {same} draw the very spike counts of double precision.",
    )


def _numbers(fixed: FixedPointNetwork) -> dict:
    n_inputs, n = fixed.weights.shape
    n_slots = int(fixed.delays.max(initial=0)) + 1
    weight_type = ("int" if fixed.signed else "uint") + ("8_t" if fixed.weight_bits <= 8 else "16_t")
    delay_type = "uint8_t" if n_slots <= 256 else "uint16_t"
    per_weight, per_delay = (1 if "8" in kind else 2 for kind in (weight_type, delay_type))
    table = 4 * len(fixed.exc.relaxation)
    return {
        "point": POINT,
        "step_bits": STEP_BITS,
        "scale_bits": SCALE_BITS,
        "most_conductance": MOST_CONDUCTANCE,
        "n_slots": n_slots,
        "weight_bits": fixed.weight_bits,
        "weight_scale": fixed.weight_scale,
        "weight_type": weight_type,
        "delay_type": delay_type,
        "weights": _matrix(fixed.weights),
        "delays": _matrix(fixed.delays),
        "thresholds": _row(fixed.thresholds),
        "labels": _row(fixed.labels),
        "exc_relaxation": _row(fixed.exc.relaxation),
        "inh_relaxation": _row(fixed.inh.relaxation),
        "exc_numbers": _neuron(fixed.exc),
        "inh_numbers": _neuron(fixed.inh),
        "inh_threshold": fixed.inh_threshold,
        "w_exc_inh_fixed": fixed.w_exc_inh,
        "w_inh_exc_fixed": fixed.w_inh_exc,
        "table_size": len(fixed.exc.relaxation),
        "table_parts": 1 << RELAXATION_BITS,
        "table_range": RELAXATION_RANGE,
        "table_shift": PLACE_SHIFT,
        "constant_bytes": f"{n_inputs * n * per_weight + n * n * per_delay + 8 * n + 2 * table:,}",
        "state_bytes": f"{2 * 17 * n + 2 * n_slots * n + 4:,}",
    }


def _neuron(neuron: FixedNeuron) -> str:
    names = ("v_rest", "v_reset", "e_inh", "exc_decay", "inh_decay", "step_over_tau", "refractory_steps")
    return ", ".join(str(getattr(neuron, name)) for name in names)


def _row(values) -> str:
    return textwrap.fill(", ".join(map(str, np.asarray(values).tolist())), 116, break_on_hyphens=False)


def _matrix(values) -> str:
    return ",\n".join("{" + ",".join(map(str, row)) + "}" for row in np.asarray(values).tolist())


def _lines(*parts) -> bytes:
    return "".join(f"{' '.join(map(str, row))}\n" for part in parts for row in np.asarray(part).tolist()).encode()


FORMAT = Format(
    name="c",
    title="C",
    exact=(
        "The program's spikes are those of engram's own fixed-point reference, to the last one, whatever the compiler:"
        " all is done in whole numbers.",
        "Order within a step, delays and refractory periods.",
    ),
    lost=(
        LEARNING_LOST,
        "Drawing input spikes from images: they are given.",
        "Weights are rounded to the bits asked for, unless they were learned in them; potentials and conductances to"
        " 2**-16. A membrane relaxes by a table of 513 entries.",
    ),
    files=_files,
    measured=_measured,
    run=(
        "cc -O2 -o engram_network engram_main.c && ./engram_network < presentations.txt; apart from its lines 'answer'"
        " it prints expected_counts.txt."
    ),
    weight_bits=8,
)
