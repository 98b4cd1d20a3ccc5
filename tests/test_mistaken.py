"""What engram makes itself is not taken for data, and what is no data set is told what it is."""

import numpy as np
import pytest
from PIL import Image

from engram import datasets, figures
from engram.errors import DataError


def write_classes(folder, names=("a", "b")):
    for k, name in enumerate(names):
        for n in range(4):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8), 20 * k + n, np.uint8)).save(folder / name / f"{n}.png")
    return folder


def draw(folder):
    for name in ("confusion", "raster"):
        figures.save(figures.learning_curves({"a": ([1, 2], [0.5, 0.6])}), folder / name, ("png",))


@pytest.fixture(scope="module")
def beside_figures(tmp_path_factory):
    """Two classes, and what engram drew and trained beside them."""
    folder = write_classes(tmp_path_factory.mktemp("mine"))
    draw(folder / "figures")
    (folder / "runs/mine-1/checkpoints").mkdir(parents=True)
    (folder / "runs/mine-1/config.toml").write_text("")
    return folder


def test_figures_of_engram_beside_classes_are_no_class(beside_figures):
    dataset = datasets.load(beside_figures)
    assert dataset.class_names == {0: "a", 1: "b"} and "runs" not in dataset.description
    assert len(dataset.train_images) + len(dataset.test_images) == 8


def test_a_class_that_is_called_figures_is_one(tmp_path):
    dataset = datasets.load(write_classes(tmp_path, ("figures", "runs")), n_test=0)
    assert set(dataset.class_names.values()) == {"figures", "runs"}


def test_folders_of_figures_alone_are_no_data(tmp_path, beside_figures):
    (tmp_path / "figures").symlink_to(beside_figures / "figures")
    (tmp_path / "readings").symlink_to(beside_figures / "figures")
    with pytest.raises(DataError, match="neither a file nor a folder of a known kind"):
        datasets.load(tmp_path)
    with pytest.raises(DataError, match="holds figures that engram drew, and no data"):
        datasets.load(beside_figures / "figures")


@pytest.mark.parametrize("exists", [True, False])
def test_a_picture_is_told_how_it_is_read(tmp_path, monkeypatch, exists):
    monkeypatch.chdir(tmp_path)
    if exists:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save("digit.png")
    with pytest.raises(DataError, match=r"^'digit.png' is the name of a picture, and no data set; read it with"):
        datasets.load("digit.png")
    with pytest.raises(DataError, match=r"'engram read digit\.png' or 'engram predict MODEL digit\.png'"):
        datasets.load("digit.png")


def test_a_model_and_a_run_are_told_how_learning_goes_on_from_them(tmp_path):
    with pytest.raises(DataError, match=r"^'mnist-100' is a trained model, and no data set; go on .* --from mnist-100"):
        datasets.load("mnist-100")
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(DataError, match=r"is the folder of a run, and no data set; .* --from"):
        datasets.load(tmp_path)
