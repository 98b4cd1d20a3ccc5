"""Draw the pictures of README and of the documentation's front page, small enough to be kept in the repository.

Run as ``make pictures``, or ``python docs/pictures/draw.py``; it takes about a minute.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from engram import TrainingConfig, figures, load_model
from engram.growth import frames_of
from engram.reading import read_digit, reading_figure
from engram.training import Training

HERE = Path(__file__).parent
COLOURS = 160


def main() -> None:
    """Draw all of them."""
    draw_fields()
    draw_reading()
    draw_growth()


def draw_fields() -> None:
    """What the neurons of a network that comes with engram want to see."""
    model = load_model("mnist-400")
    classes = [str(label) for label in model.readout.classes]
    keep(figures.receptive_fields(model.weights, (28, 28), model.readout.assigned, classes=classes), "fields", 720)


def draw_reading() -> None:
    """How it reads a digit that was drawn with the mouse."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digit.png"
        picture = Image.new("L", (200, 280), 255)
        strokes = [(45, 75), (80, 40), (130, 45), (145, 85), (110, 130), (70, 190), (45, 235), (95, 228), (160, 232)]
        ImageDraw.Draw(picture).line(strokes, fill=20, width=20, joint="curve")
        picture.save(path)
        model = load_model("mnist-400")
        keep(reading_figure(model, read_digit(model, path)), "reading", 1160)


def draw_growth() -> None:
    """How fields grow while a small network learns."""
    config = TrainingConfig(neurons=49, examples=6_000)
    training = Training(config, config.load_data())
    frames = frames_of(training, training.total, most=18)
    content = figures.growing_fields(frames, (28, 28), width=203, ms=200.0)
    (HERE / "growing_fields.gif").write_bytes(content)


def keep(figure, name: str, width: int) -> None:
    """Save a figure at a width in pixels with few colours."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=2 * width / figure.get_figwidth())
    picture = Image.open(content).convert("RGB")
    picture = picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
