"""Reading a digit by either network with a trained model's weights, every spike recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engram.encoders import RATE_PER_PIXEL
from engram.errors import ConfigError
from engram.images import PreparedImage, read_image
from engram.model import Model
from engram.networks import DiehlCook
from engram.networks.catalogue import DIEHL_COOK
from engram.networks.tutorial import PRESETS, TutorialNetwork, TutorialReader, relative_theta
from engram.receptive_fields import fields_of
from engram.validation import check_choice

OWN = "own"
"""The network that learned, with all its layers, in place of the tutorial's."""
"""What can read."""

_SCHEME = "proportion"

# Pictures are read by the reference kernels: for one image they are quick, and nothing has to be compiled first.


@dataclass(frozen=True, eq=False)
class DigitReading:
    """How a network read a picture.

    Attributes
    ----------
    path : Path
    network : {"tutorial", "diehl-cook"}
    answer : int or None
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
        Input rate of white, Hz.
    dt : float
        Length of a step, ms.
    picture : PreparedImage
        The picture as the network met it, and what was done to it.
    labels : ndarray of shape (n_neurons,), int64
    """

    path: Path
    network: str
    answer: int | None
    why_none: str
    counts: np.ndarray
    shown: float
    repeats: int
    exc_spikes: np.ndarray
    input_spikes: np.ndarray
    rate: np.ndarray
    dt: float
    picture: PreparedImage
    labels: np.ndarray

    @property
    def winners(self) -> list[tuple[int, int, int]]:
        """The five neurons that fired most: neuron, its label, spikes."""
        order = np.argsort(-self.counts, kind="stable")[:5]
        return [(int(n), int(self.labels[n]), int(self.counts[n])) for n in order if self.counts[n] > 0]

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return {
            "image": str(self.path),
            "network": self.network,
            "answer": self.answer,
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
    labels = _labels(model)
    if not isinstance(model.network, DiehlCook):
        raise ConfigError(
            "The tutorial's network takes the weights of one layer that sees the image; read with --network own."
        )
    theta = relative_theta(model.theta, model.network.excitatory)
    return TutorialReader(model.weights, theta, labels, network=network, seed=seed, kernel=kernel)


def read_digit(
    model: Model, path: str | Path, *, network: str | None = None, preset: str = "more_evidence"
) -> DigitReading:
    """Prepare a picture as the model's training images were, read it, and record every spike.

    Parameters
    ----------
    model : Model
    path : str or Path
    network : {"tutorial", "own"} or str, optional
        Which network reads: the tutorial's, into which the weights are put, or the one that learned, which may be
        called by its name too, such as ``"diehl-cook"``. By default the tutorial's where the weights fit into it.
    preset : {"text", "more_evidence"}
        Constants of the tutorial's network.

    Raises
    ------
    ConfigError
        If the model has no labels or was not trained on images of known shape.
    DataError
        If the file is no picture, or blank.
    """
    network = _reader_of(model, network)
    check_choice("preset", preset, tuple(PRESETS))
    if model.image_shape is None or model.event_layout is not None:
        raise ConfigError("The model was not trained on pictures and cannot read any; use 'engram predict'.")
    labels = _labels(model)
    picture = read_image(
        path, model.image_shape, fill=model.ink_fill, value_range=model.value_range, framing=model.framing
    )
    by_tutorial = network == "tutorial"
    found = _by_tutorial(model, picture.pixels, preset) if by_tutorial else _by_own(model, picture.pixels)
    return DigitReading(path=Path(path), network=network, picture=picture, labels=labels, **found)


def draw_reading(model: Model, reading: DigitReading, folder: str | Path, formats=("png",)) -> list[Path]:
    """Draw a reading into a folder; return the files, which replace none of another network."""
    from engram import figures

    drawn_of = model.digest("reading", str(reading.path.resolve()), reading.network)
    path = Path(folder) / f"read-{reading.path.stem}"
    return figures.save(reading_figure(model, reading), path, formats, drawn_of=drawn_of)


def reading_figure(model: Model, reading: DigitReading):
    """A reading as a figure, see :func:`engram.figures.reading`."""
    from engram import figures

    answer = "no answer" if reading.answer is None else f"read as {reading.answer}"
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
        labels=reading.labels,
        title=f"{reading.path.name}: {answer} by the {reading.network} network after {reading.shown:,.0f} ms",
    )


def _labels(model: Model) -> np.ndarray:
    if model.readout is None:
        raise ConfigError("The model's neurons have no labels; train without --no-evaluate.")
    return model.readout.labels


def _by_tutorial(model: Model, pixels: np.ndarray, preset: str) -> dict:
    reader = tutorial_reader(model, PRESETS[preset], seed=model.seed, kernel="reference")
    reading = reader.read(pixels, record=True)
    return {
        "answer": reading.answer,
        "why_none": reading.why_none,
        "counts": reading.counts,
        "shown": reading.shown,
        "repeats": reading.repeats,
        "exc_spikes": reading.raster.exc_spikes,
        "input_spikes": reading.raster.input_spikes,
        "rate": reading.raster.rate,
        "dt": reading.raster.dt,
    }


def _reader_of(model: Model, network: str | None) -> str:
    """The name of the network that reads."""
    own = model.config.get("network", {}).get("kind", DIEHL_COOK)
    usual = isinstance(model.network, DiehlCook)
    choices = ("tutorial", OWN, own) if usual else (OWN, own)
    network = network or choices[0]
    check_choice("network", network, choices)
    return own if network == OWN else network


def _by_own(model: Model, pixels: np.ndarray) -> dict:
    """The presentation whose spikes :meth:`Simulator.count_spikes` counts, recorded."""
    shown = model.simulator(kernel="reference").presentation_of(pixels.astype(np.float32))
    heard = bool(model.readout.answered(shown.counts[np.newaxis])[0])
    answer = int(model.readout.predict(shown.counts[np.newaxis], _SCHEME)[0]) if heard else None
    rate = 255.0 * model.input_gain * shown.intensity * RATE_PER_PIXEL
    return {
        "answer": answer,
        "why_none": "" if heard else "No neuron that has a class fired.",
        "counts": shown.counts,
        "shown": model.protocol.shown,
        "repeats": shown.repeats,
        "exc_spikes": shown.spikes["exc" if isinstance(model.network, DiehlCook) else model.network.readout],
        "input_spikes": shown.input_spikes,
        "rate": np.repeat([rate, 0.0], [shown.n_shown, shown.n_blank]),
        "dt": float(model.network.dt),
    }
