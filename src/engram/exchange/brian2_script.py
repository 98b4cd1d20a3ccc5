"""``--to brian2``: a script that reruns the network in Brian 2, spike for spike."""

from __future__ import annotations

import numpy as np

from engram.exchange.arrays import NETWORK, PRESENTATIONS, network_arrays, presentation_arrays
from engram.exchange.formats import LEARNING_LOST, Format
from engram.exchange.text import from_template

SCRIPT = "brian2_network.py"

_CLAMP = """
    # Negative weights may not take a conductance below 0.
    clamp = exc.run_regularly("g_exc = clip(g_exc, 0, inf)", when="synapses", order=1)
"""


def _files(frozen, presentations, form):
    steps = {
        f"{kind}_refractory_steps": round(neuron.t_ref / frozen.network.dt)
        for kind, neuron in (("exc", frozen.network.excitatory), ("inh", frozen.network.inhibitory))
    }
    signed = bool(np.any(frozen.weights < 0))
    clamp = {"clamp": _CLAMP if signed else "", "clamped": ", clamp" if signed else ""}
    return {
        SCRIPT: from_template(f"{SCRIPT}.in", frozen, form, **steps, **clamp),
        NETWORK: network_arrays(frozen, form),
        PRESENTATIONS: presentation_arrays(presentations, form),
    }


def _measured(frozen, presentations, form):
    """Whether any spike beside the script depends on rounding, and so could be another elsewhere."""
    if frozen.network.integrator != "exponential_euler":
        return (), ()
    certificates = [
        frozen.simulate(presentations.input_spikes(k), presentations.n_steps, certify=True).certificate
        for k in range(presentations.n_images)
    ]
    uncertain = sum(not c.certified for c in certificates)
    if uncertain:
        return (), (f"Rounding may decide spikes of {uncertain} of the {len(certificates)} images beside it.",)
    closest = min(certificates, key=lambda c: c.distance / c.bound)
    told = (
        "No spike beside it depends on rounding: the closest potential lies"
        f" {closest.distance:.1g} mV from its threshold, and rounding moves it by {closest.bound:.1g} mV at most."
    )
    return (told,), ()


FORMAT = Format(
    name="brian2",
    title="Brian 2",
    exact=(
        "Every spike is the one that engram fires in double precision, at the same step: equations, integrator, order"
        " within a step, weights, thresholds and delays are the same.",
    ),
    lost=(
        LEARNING_LOST,
        "Drawing input spikes from images: they are given.",
        "Single precision: where a model computes in it, a potential within rounding of its threshold can decide"
        " otherwise.",
    ),
    files=_files,
    measured=_measured,
    run="python brian2_network.py, where brian2 is installed (pip install brian2).",
    needs=("brian2",),
)
