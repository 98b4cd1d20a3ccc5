"""Folders of pictures: any size and colour becomes one size and grey; a broken file is named."""

import gc
import os
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engram import datasets
from engram.datasets import picture_folder
from engram.errors import ConfigError, DataError
from engram.images import read_image

needs_data = pytest.mark.skipif(
    not os.environ.get("ENGRAM_DATA"), reason="ENGRAM_DATA is not set to a folder that holds png-folders/"
)


def noise(seed, size=(8, 8)):
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def write(folder, *, classes=("a", "b"), n=6, ending=".png", size=(8, 8), mode="L", part=""):
    for k in range(n):
        for label, name in enumerate(classes):
            path = folder / part / name / f"{k:04}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise(10 * k + label, size)).convert(mode).save(path)
    return folder


def test_pictures_of_one_small_size_keep_every_pixel(tmp_path):
    dataset = datasets.load(write(tmp_path / "mine"), n_test=0)
    assert (dataset.name, dataset.image_shape, dataset.class_names) == ("mine", (8, 8), {0: "a", 1: "b"})
    pictures = {noise(10 * k + label).tobytes() for k in range(6) for label in (0, 1)}
    assert {row.tobytes() for row in dataset.train_images} <= pictures
    assert dataset.train_images.dtype == np.uint8


def test_folders_called_by_numbers_are_those_classes(tmp_path):
    dataset = datasets.load(write(tmp_path / "mine", classes=("3", "12")))
    assert (dataset.classes, dataset.class_names) == ((3, 12), {})


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "val"), ("TRAIN", "Testing")])
def test_train_and_test_above_the_classes_are_the_parts(tmp_path, train, test):
    write(tmp_path / "mine", part=train)
    write(tmp_path / "mine", part=test, n=2, classes=("b",))
    dataset = datasets.load(tmp_path / "mine")
    assert (len(dataset.train_images), len(dataset.test_images)) == (12, 2)
    assert dataset.test_labels.tolist() == [1, 1]


def test_a_class_that_only_the_test_part_has_is_told(tmp_path):
    write(tmp_path / "mine", part="train")
    write(tmp_path / "mine", part="test", classes=("a", "c"))
    with pytest.raises(DataError, match=r"has the class 'c', which .*train lacks"):
        datasets.load(tmp_path / "mine")


def test_the_first_pictures_are_of_all_classes(tmp_path):
    dataset = datasets.load(write(tmp_path / "mine", part="train", classes=("a", "b", "c"), n=3))
    assert len(np.unique(dataset.first(3).train_labels)) >= 2


def test_several_sizes_are_brought_to_28_by_28_and_told(tmp_path):
    write(tmp_path / "mine", size=(40, 30), classes=("a",))
    write(tmp_path / "mine", size=(50, 60), classes=("b",), ending=".jpg")
    dataset = datasets.load(tmp_path / "mine")
    assert dataset.image_shape == (28, 28)
    assert dataset.framing == "photo"
    assert "12 pictures of 28×28 pixels; all brought to one size as a whole" in dataset.description


@pytest.mark.parametrize(
    ("size", "shape"), [((64, 64), (64, 64)), ((64, 65), (28, 28)), ((480, 640), (24, 32)), ((100, 400), (14, 56))]
)
def test_pictures_of_one_large_size_keep_their_aspect_in_about_784_pixels(tmp_path, size, shape):
    assert datasets.load(write(tmp_path / "mine", size=size, n=2)).image_shape == shape


def test_a_size_can_be_asked_for(tmp_path):
    dataset = datasets.load(write(tmp_path / "mine"), image_shape=(4, 6))
    assert dataset.image_shape == (4, 6)
    with pytest.raises(ConfigError, match="image_shape must be height and width in whole pixels"):
        datasets.load(tmp_path / "mine", image_shape=(0, 4))


def test_a_whole_picture_keeps_its_middle_and_pads_with_its_border(tmp_path):
    for label, name in enumerate("ab"):
        for k in range(6):
            picture = Image.new("L", (60, 30), 250)
            ImageDraw.Draw(picture).rectangle([25 + label, 10, 34, 19], fill=5)
            path = tmp_path / "mine" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    dataset = datasets.load(tmp_path / "mine", image_shape=(28, 28))
    image = dataset.train_images[0].reshape(28, 28)
    assert (dataset.framing, dataset.value_range) == ("whole", (255, 0))
    assert set(image[0]) == set(image[-1]) == {5}
    assert image[14, 14] > 200


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "LA", "CMYK", "I;16"])
def test_every_colour_mode_is_read(tmp_path, mode):
    folder = tmp_path / "mine"
    for k in range(6):
        for name in "ab":
            path = folder / name / (f"{k}.tif" if mode == "CMYK" else f"{k}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = noise(k) // 128 * 255
            picture = Image.fromarray(grey)
            if mode == "I;16":
                picture = Image.fromarray(grey.astype(np.uint16) * 257)
            picture = picture if mode == "I;16" else picture.convert(mode)
            picture.save(path)
    dataset = datasets.load(folder, n_test=0)
    read = {(row > 127).tobytes() for row in dataset.train_images}
    assert read <= {(noise(k) > 127).tobytes() for k in range(6)}


def test_a_broken_picture_among_good_ones_is_named_by_its_path(tmp_path):
    folder = write(tmp_path / "mine", n=100)
    for content, message in (
        (b"no picture", r"mine/b/0041.png cannot be read as a picture"),
        ((folder / "b/0040.png").read_bytes()[:-40], r"mine/b/0041.png cannot be read as a picture"),
        (b"", r"mine/b/0041.png cannot be read as a picture"),
    ):
        (folder / "b" / "0041.png").write_bytes(content)
        with pytest.raises(DataError, match=message):
            datasets.load(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_among_pictures_is_refused_at_once(tmp_path):
    folder = write(tmp_path / "mine")
    os.mkfifo(folder / "a" / "0001b.png")
    with pytest.raises(DataError, match=r"a/0001b.png cannot be read .it is no regular file"):
        datasets.load(folder)


def test_other_files_and_hidden_ones_are_left_aside(tmp_path):
    folder = write(tmp_path / "mine")
    for name in ("a/notes.txt", "a/._0001.png", "a/Thumbs.db", ".DS_Store"):
        (folder / name).write_bytes(b"other")
    (folder / "__MACOSX").mkdir()
    assert len(datasets.load(folder, n_test=0).train_images) == 10


@pytest.mark.parametrize(
    ("at", "classes", "message"),
    [
        ("", ("a",), "mine holds pictures of one class only, 'a'; give a subfolder for each of at least two classes"),
        ("train", ("a",), "mine holds pictures of one class only, 'a'"),
        ("", ("",), "mine holds pictures that lie in no folder of a class; put those of each class into a subfolder"),
        ("x/y", ("a", "b"), "mine holds no classes of pictures itself; did you mean .*/mine/x/y[?]"),
        ("test", ("a", "b"), "mine holds no classes of pictures itself; did you mean .*/mine/test[?]"),
        ("train/train", ("a", "b"), "mine holds no classes of pictures itself; did you mean .*/mine/train[?]"),
        ("", (), "is neither a file nor a folder of a known kind"),
    ],
)
def test_a_folder_that_is_nearly_a_data_set_is_told_what_it_lacks(tmp_path, at, classes, message):
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match=message):
        datasets.load(write(tmp_path / "mine", classes=classes, part=at))


def test_pictures_beside_the_folders_of_classes_are_left_aside_and_told(tmp_path):
    folder = write(tmp_path / "mine")
    (folder / "loose.png").write_bytes(next((folder / "a").glob("*.png")).read_bytes())
    dataset = datasets.load(folder, n_test=0)
    assert len(dataset.train_images) == 10
    assert "1 picture in no folder of a class left aside" in dataset.description


def test_a_folder_without_pictures_among_the_classes_is_told(tmp_path):
    folder = write(tmp_path / "mine")
    (folder / "empty").mkdir()
    dataset = datasets.load(folder, n_test=0)
    assert "the folder 'empty' holds no pictures" in dataset.description


def test_a_second_test_part_is_left_aside_and_told(tmp_path):
    for part in ("train", "val", "test"):
        write(tmp_path / "mine", part=part, n=3 if part == "val" else 4)
    dataset = datasets.load(tmp_path / "mine")
    assert (len(dataset.train_images), len(dataset.test_images)) == (8, 8)
    assert "the folder 'val' beside the test part is left aside" in dataset.description


@pytest.mark.parametrize("values", [lambda noise: noise // 16, lambda noise: noise.astype(np.uint16) * 16])
def test_pictures_of_few_or_many_bits_are_read_back_as_they_were_learned(tmp_path, values):
    for k in range(12):
        file = tmp_path / "mine" / "ab"[k % 2] / f"{k:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image = noise(k)
        image[[0, -1]] = image[:, [0, -1]] = 0
        Image.fromarray(values(image)).save(file)
    dataset = datasets.load(tmp_path / "mine")
    learned = np.rint(np.concatenate((dataset.train_images, dataset.test_images))).astype(int)
    assert len(np.unique(learned)) == 16 if values(image).dtype == np.uint8 else len(np.unique(learned)) > 150
    assert learned.max() == 255
    for file in sorted((tmp_path / "mine").rglob("*.png")):
        read = read_image(file, (8, 8), value_range=dataset.value_range, framing=dataset.framing).pixels
        assert np.abs(learned - read).max(axis=1).min() <= 1


def test_folders_that_were_looked_at_are_closed(tmp_path):
    folder = write(tmp_path / "mine", n=100)
    gc.collect()  # what other tests have left
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        datasets.load(folder)
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_only_one_picture_is_decoded_at_a_time_and_progress_is_told(tmp_path):
    folder = write(tmp_path / "mine", size=(300, 400), n=40)
    told = []
    datasets.load(folder, progress=lambda *step: told.append(step))
    assert told[-1] == ("reading mine", 80, 80)
    tracemalloc.start()
    datasets.load(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 300 * 400 * 4


def test_more_than_the_bound_is_refused_before_memory_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_folder, "MAX_BYTES", 700)
    with pytest.raises(DataError, match="pictures of 8×8 pixels need more than 700 bytes; give a smaller image_shape"):
        datasets.load(write(tmp_path / "mine"))


@needs_data
def test_real_pictures_are_fashion_mnist_s_images():
    dataset, official = datasets.load("png-folders/fashion"), datasets.load("fashion-mnist")
    assert (len(dataset.train_images), len(dataset.test_images)) == (300, 100)
    known = {row.tobytes() for row in official.train_images[:4000]}
    assert np.mean([row.tobytes() in known for row in dataset.train_images]) > 0.99
    assert np.bincount(dataset.train_labels).tolist() == [30] * 10
