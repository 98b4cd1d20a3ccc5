"""How fields grew: the run once more, to the same bits, as an animated picture."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engram.errors import ConfigError, DataError
from engram.figures import growing_fields
from engram.growth import animate
from tiny import tiny_dataset, tiny_run


def test_animation_ends_with_the_fields_of_the_run(tmp_path):
    folder = tiny_run(tmp_path / "run")
    before = sorted(path.name for path in folder.path.rglob("*"))
    told = []
    path = animate(folder, dataset=tiny_dataset(), kernel="reference", on_progress=lambda *what: told.append(what))
    assert told[-1] == ("learning once more", 75, 75)
    with Image.open(path) as picture:
        assert picture.n_frames == 4  # at the beginning, and after each 25 images
    after = sorted(path.name for path in folder.path.rglob("*"))
    assert set(after) - set(before) == {"figures", "growing_fields.gif"}


def test_run_that_would_learn_something_else_is_not_animated(tmp_path):
    folder = tiny_run(tmp_path / "run")
    other = tiny_dataset()
    other = replace(other, train_images=255 - other.train_images)
    with pytest.raises(ConfigError, match="learns something else now than it did then"):
        animate(folder, dataset=other, kernel="reference")
    assert not folder.figures.exists()


def test_white_is_no_weight_and_black_the_limit():
    empty, full = np.zeros((4, 1)), np.ones((4, 1))
    with Image.open(io.BytesIO(growing_fields([(0, empty), (25, full)], (2, 2)))) as picture:
        shades = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            shades.append(np.asarray(picture.convert("L"))[picture.width // 2, picture.width // 2 - 60])
    assert shades == [255, 0]


def test_animation_of_nothing_is_told():
    with pytest.raises(DataError, match="no frame to draw"):
        growing_fields([], (2, 2))
