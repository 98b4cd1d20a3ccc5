"""Reading a digit by either network with a trained model's weights, every spike recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engram.blocks.equations import MS_PER_S
from engram.errors import ConfigError
from engram.images import PreparedImage
from engram.model import Model
from engram.model_input import sample_in
from engram.networks import DiehlCook
from engram.networks.catalogue import DIEHL_COOK
from engram.networks.tutorial import PRESETS, TutorialNetwork, TutorialReader, relative_theta
from engram.neurons import ConductanceLIF
from engram.readout import UNASSIGNED
from engram.receptive_fields import fields_of
from engram.simulator import PresentedImage
from engram.validation import check_choice

OWN = "own"
"""The network that learned, with all its layers, in place of the tutorial's."""
"""What can read."""

RATE_OF_WHITE = "input rate of white"
_SMOOTHED_MS = 5.0


@dataclass(frozen=True, eq=False)
class DigitReading:
    """How a network read a picture.

    Attributes
    ----------
    path : Path
    network : {"tutorial", "diehl-cook"}
    answer : int or None
    name : str
        What the class is called.
    why_none : str
        Why there is no answer; empty if there is one.
    counts : ndarray of shape (n_neurons,), int64
        Spikes of each excitatory neuron while the image was shown.
    shown : float
        How long it was shown, the last time, ms.
    repeats : int
        How often it had been shown before without a result.
    exc_spikes, input_spikes : ndarray of shape (n_spikes, 2), int32
        Every spike of the last presentation as (neuron or input, step), the blank after it included.
    rate : ndarray of shape (n_steps,)
        Input rate, Hz.
    rate_title : str
        Whose it is: that of white, or where spikes do not come at rates that of all inputs on average.
    dt : float
        Length of a step, ms.
    picture : PreparedImage
        The picture as the network met it, and what was done to it.
    assigned : ndarray of shape (n_neurons,), int64
        Position of each neuron's class in `classes`, -1 for neurons without one.
    spike_maps : dict of str to ndarray of shape (n_maps, height, width), int64
        How often each neuron spiked while the image was shown, of the populations that lie in maps, from the image up.
    classes : tuple of int
    class_names : tuple of str
        What they are called.
    preset : str
        Of the tutorial's constants; empty where another network read.
    """

    path: Path
    network: str
    answer: int | None
    name: str
    why_none: str
    counts: np.ndarray
    shown: float
    repeats: int
    exc_spikes: np.ndarray
    input_spikes: np.ndarray
    rate: np.ndarray
    rate_title: str
    dt: float
    picture: PreparedImage
    assigned: np.ndarray
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    spike_maps: dict[str, np.ndarray] = field(default_factory=dict)
    preset: str = ""

    @property
    def winners(self) -> list[tuple[int, int | None, int]]:
        """The five neurons that fired most: neuron, its label or None, spikes."""
        order = np.argsort(-self.counts, kind="stable")[:5]
        return [(int(n), self._label_of(n), int(self.counts[n])) for n in order if self.counts[n] > 0]

    def _label_of(self, neuron: int) -> int | None:
        position = self.assigned[neuron]
        return None if position == UNASSIGNED else self.classes[position]

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {
            "image": str(self.path),
            "network": self.network,
            "answer": self.answer,
            "name": self.name,
            "why_none": self.why_none,
            "shown_ms": self.shown,
            "repeats": self.repeats,
            "input_spikes": len(self.input_spikes),
            "winners": [{"neuron": n, "label": label, "spikes": spikes} for n, label, spikes in self.winners],
            "prepared": list(self.picture.steps),
        }


def tutorial_reader(
    model: Model, network: TutorialNetwork | None = None, *, seed: int = 0, kernel: str = "compiled"
) -> TutorialReader:
    """The tutorial's network with a trained model's weights, thresholds and labels.

    The model's input gain plays no part: the rising rate finds the loudness by itself.

    Parameters
    ----------
    model : Model
    network : TutorialNetwork, optional
        Its constants; :data:`engram.networks.MORE_EVIDENCE` by default.
    seed : int
    kernel : {"compiled", "reference"}

    Raises
    ------
    ConfigError
        If the model's neurons have no labels.

    Examples
    --------
    >>> from engram import load_model
    >>> from engram.reading import tutorial_reader
    >>> tutorial_reader(load_model("mnist-100")).weights.shape
    (784, 100)
    """
    readout = model.fitted_readout
    if not isinstance(model.network, DiehlCook):
        raise ConfigError(
            "The tutorial's network takes the weights of one layer that sees the image; read with --network own."
        )
    neuron = model.network.excitatory
    if not isinstance(neuron, ConductanceLIF):
        raise ConfigError(
            f"The tutorial's network takes thresholds of ConductanceLIF, got {type(neuron).__name__}; read with"
            " --network own."
        )
    theta = relative_theta(model.theta, neuron)
    labelled = readout.assigned != UNASSIGNED
    return TutorialReader(
        model.weights, theta, readout.labels, labelled=labelled, network=network, seed=seed, kernel=kernel
    )


def read_digit(
    model: Model,
    path: str | Path,
    *,
    network: str | None = None,
    preset: str = "more_evidence",
    kernel: str = "reference",
) -> DigitReading:
    """Prepare a picture or recording as the model's training images were, read it, and record every spike.

    Parameters
    ----------
    model : Model
    path : str or Path
    network : {"tutorial", "own"} or str, optional
        Which network reads: the tutorial's, into which the weights are put, or the one that learned, which may be
        called by its name too, such as ``"diehl-cook"``. By default the tutorial's where the weights fit into it.
    preset : {"text", "more_evidence"}
        Constants of the tutorial's network.
    kernel : {"reference", "compiled"}
        Which kernel computes; both read the same. For a single picture the reference is quick enough, and nothing has
        to be compiled first.

    Raises
    ------
    ConfigError
        If the model has no labels or was not trained on images of known shape.
    DataError
        If the file is no such thing, or blank.
    """
    network = reader_of(model, network)
    check_choice("preset", preset, tuple(PRESETS))
    if model.image_shape is None:
        raise ConfigError("The model was not trained on pictures and cannot read any; use 'engram predict'.")
    readout = model.fitted_readout
    picture = sample_in(model, Path(path))
    by_tutorial = network == "tutorial"
    found = _by_tutorial(model, picture.pixels, preset, kernel) if by_tutorial else _by_own(model, picture, kernel)
    return DigitReading(
        path=Path(path),
        network=network,
        name=model.class_name(found["answer"]),
        picture=picture,
        assigned=readout.assigned,
        classes=tuple(readout.classes.tolist()),
        class_names=tuple(model.class_name(label) for label in readout.classes),
        preset=preset if by_tutorial else "",
        **found,
    )


def draw_reading(model: Model, reading: DigitReading, folder: str | Path, formats=("png",)) -> list[Path]:
    """Draw a reading into a folder; return the files, which replace none of another network or preset: of
    a network of maps also how they spiked, layer by layer."""
    from engram import figures

    drawn_of = model.digest("reading", str(reading.path.resolve()), reading.network, reading.preset)
    path = Path(folder) / f"read-{reading.path.stem}"
    files = figures.save(reading_figure(model, reading), path, formats, drawn_of=drawn_of)
    if reading.spike_maps:
        layers = path.with_name(f"{path.name}-layers")
        files += figures.save(layers_figure(model, reading), layers, formats, drawn_of=drawn_of)
    return files


def layers_figure(model: Model, reading: DigitReading):
    """The spikes of a reading where the neurons lie, see :func:`engram.figures.spike_maps`."""
    from engram import figures

    return figures.spike_maps(
        reading.picture.pixels, model.image_shape, reading.spike_maps, title=f"{reading.path.name}: {_said(reading)}"
    )


def _said(reading: DigitReading) -> str:
    return "no answer" if reading.answer is None else f"read as {reading.name}"


def reading_figure(model: Model, reading: DigitReading):
    """A reading as a figure, see :func:`engram.figures.reading`."""
    from engram import figures

    return figures.reading(
        reading.picture.pixels,
        model.image_shape,
        fields_of(model),
        reading.counts,
        reading.exc_spikes,
        reading.input_spikes,
        reading.rate,
        dt=reading.dt,
        shown_ms=reading.shown,
        labels=reading.assigned,
        classes=reading.class_names,
        rate_title=reading.rate_title,
        layer="excitatory" if isinstance(model.network, DiehlCook) else model.network.readout,
        title=f"{reading.path.name}: {_said(reading)} by the {reading.network} network after {reading.shown:,.0f} ms",
    )


def _by_tutorial(model: Model, pixels: np.ndarray, preset: str, kernel: str) -> dict:
    reader = tutorial_reader(model, PRESETS[preset], seed=model.seed, kernel=kernel)
    reading = reader.read(pixels, record=True)
    raster = reading.recorded
    return {
        "answer": reading.answer,
        "why_none": reading.why_none,
        "counts": reading.counts,
        "shown": reading.shown,
        "repeats": reading.repeats,
        "exc_spikes": raster.exc_spikes,
        "input_spikes": raster.input_spikes,
        "rate": raster.rate,
        "rate_title": RATE_OF_WHITE,
        "dt": raster.dt,
    }


def reader_of(model: Model, network: str | None) -> str:
    """The name of the network that reads.

    Raises
    ------
    ConfigError
        If the model cannot be read by that one.
    """
    own = model.config.get("network", {}).get("kind", DIEHL_COOK)
    usual = isinstance(model.network, DiehlCook) and isinstance(model.network.excitatory, ConductanceLIF)
    choices = ("tutorial", OWN, own) if usual else (OWN, own)
    network = network or choices[0]
    check_choice("network", network, choices)
    return own if network == OWN else network


def _by_own(model: Model, picture: PreparedImage, kernel: str) -> dict:
    """The presentation whose spikes :meth:`Simulator.count_spikes` counts, recorded."""
    simulator = model.simulator(kernel=kernel)
    shown = simulator.presentation_of(picture.shown_by(simulator.source))
    heard = bool(model.fitted_readout.answered(shown.counts[np.newaxis])[0])
    answer = int(model.fitted_readout.predict(shown.counts[np.newaxis], model.scheme)[0]) if heard else None
    dt = float(model.network.dt)
    rate, title = simulator.source.rate_of_white(shown.n_shown, dt, shown.intensity), RATE_OF_WHITE
    if rate is None:
        rate, title = _mean_rate(shown, model.network.n_inputs, dt), "mean rate of all inputs"
    return {
        "spike_maps": _spike_maps(model, shown),
        "answer": answer,
        "why_none": "" if heard else "No neuron that has a class fired.",
        "counts": shown.counts,
        "shown": model.protocol.shown,
        "repeats": shown.repeats,
        "exc_spikes": shown.spikes["exc" if isinstance(model.network, DiehlCook) else model.network.readout],
        "input_spikes": shown.input_spikes,
        "rate": np.append(rate, np.zeros(shown.n_blank)),
        "rate_title": title,
        "dt": dt,
    }


def _spike_maps(model: Model, shown: PresentedImage) -> dict[str, np.ndarray]:
    """The counts of the populations that lie in maps."""
    if isinstance(model.network, DiehlCook):
        return {}
    found = {}
    for name, population in model.network.populations.items():
        if len(population.shape) == 3:
            spikes = shown.spikes[name]
            heard = spikes[spikes[:, 1] < shown.n_shown, 0]
            found[name] = np.bincount(heard, minlength=population.n).reshape(population.shape)
    return found


def _mean_rate(shown: PresentedImage, n_inputs: int, dt: float) -> np.ndarray:
    """How often an input spikes on average, Hz, about each step that was shown."""
    spikes = np.bincount(shown.input_spikes[:, 1], minlength=shown.n_shown)[: shown.n_shown]
    width = max(1, round(_SMOOTHED_MS / dt))
    near = np.convolve(spikes, np.ones(width), "same") / np.convolve(np.ones(len(spikes)), np.ones(width), "same")
    return near / n_inputs * MS_PER_S / dt
