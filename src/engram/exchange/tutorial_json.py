"""``--to json``: the tutorial's three files, ``xeae.json``, ``theta.json`` and ``neuron_labels.json``."""

from __future__ import annotations

from engram.exchange.formats import LEARNING_LOST, Format
from engram.tutorial_files import TutorialParameters, tutorial_texts


def _files(frozen, presentations, form):
    parameters = TutorialParameters(frozen.weights, frozen.theta, frozen.labels)
    return {name: text.encode() for name, text in tutorial_texts(parameters).items()}


FORMAT = Format(
    name="json",
    title="the tutorial's reader",
    exact=("Weights, thresholds and labels are the model's, every digit of them.",),
    lost=(
        LEARNING_LOST,
        "Delays, constants and time step: the tutorial's network is another one, driven by currents, which reads the"
        " same weights.",
    ),
    files=_files,
    run="engram.tutorial_files.read_tutorial_parameters(folder), or any program that reads JSON.",
)
