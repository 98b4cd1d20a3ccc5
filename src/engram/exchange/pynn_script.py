"""``--to pynn``: a script that reruns the network in any simulator of PyNN's."""

from __future__ import annotations

from engram.exchange.arrays import NETWORK, PRESENTATIONS, network_arrays, presentation_arrays
from engram.exchange.formats import Format
from engram.exchange.nest_script import EXACT, LOST, check_positive_weights, network_numbers
from engram.exchange.text import from_template

SCRIPT = "pynn_network.py"

_REST = 12.0
"""Membrane time constants between two images: what is left of a potential after them is below 1e-5."""


def _files(frozen, presentations, form):
    check_positive_weights(frozen, form.title)
    network = frozen.network
    slowest = max(network.excitatory.tau_m, network.inhibitory.tau_m)
    further = {
        "rest_steps": round(_REST * slowest / network.dt),
        "max_delay_steps": int(frozen.delays.max(initial=0)) + 2,
    }
    return {
        SCRIPT: from_template(f"{SCRIPT}.in", frozen, form, **network_numbers(frozen), **further),
        NETWORK: network_arrays(frozen, form),
        PRESENTATIONS: presentation_arrays(presentations, form),
    }


FORMAT = Format(
    name="pynn",
    title="PyNN",
    exact=EXACT,
    lost=(
        *LOST,
        "What a simulator of PyNN's does in its own way, such as the order of events within a step.",
        "In Brian 2 through PyNN, which integrates by forward Euler: what follows an inhibitory spike, which overshoots"
        " there; first spikes are within a step. --to brian2 is exact.",
    ),
    files=_files,
    run="python pynn_network.py, where PyNN and a simulator are installed (pip install pynn nest-simulator).",
    needs=("PyNN", "nest-simulator"),
)
