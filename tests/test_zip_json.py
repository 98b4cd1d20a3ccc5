"""Zip files of JSON images: read, written, and everything that can be wrong with them."""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engram import datasets
from engram.datasets import zip_json
from engram.datasets.zip_json import iterate_zip, load_zip, write_zip
from engram.errors import DataError

ROW = [0, 255, 3, 4]


def make(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, (str, bytes)) else json.dumps(content))
    return path


def members(**changes):
    good = {
        "index.json": {"files": ["a.json", "b.json"], "N": 5},
        "a.json": {"images": [ROW] * 3, "labels": [0, 1, 0]},
        "b.json": {"images": [ROW] * 2, "labels": [1, 1]},
    }
    good.update({name.replace("_", "."): content for name, content in changes.items()})
    return {name: content for name, content in good.items() if content is not None}


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 40), st.integers(0, 2**31))
def test_what_is_written_is_read_back_exactly(tmp_path, n_images, side, per_file, seed):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n_images, side * side), np.uint8)
    labels = random.integers(-3, 10, n_images)
    write_zip(tmp_path / "x.zip", images, labels, images_per_file=per_file)
    parts = list(iterate_zip(tmp_path / "x.zip"))
    assert len(parts) == -(-n_images // per_file)
    assert np.array_equal(np.concatenate([part[0] for part in parts]), images)
    assert np.array_equal(np.concatenate([part[1] for part in parts]), labels)
    assert parts[0][0].dtype == np.uint8


def test_a_zip_file_loads_wherever_a_data_set_is_named(tmp_path):
    digits = datasets.load("digits")
    images = np.rint(digits.test_images).astype(np.uint8)
    write_zip(tmp_path / "mine.zip", images, digits.test_labels, images_per_file=100)
    dataset = datasets.load(tmp_path / "mine.zip")
    assert dataset.name == "mine"
    assert dataset.image_shape == (28, 28)
    assert len(dataset.train_images) + len(dataset.test_images) == len(images)
    assert all(item.ok for item in datasets.check(tmp_path / "mine.zip"))


def test_files_may_lie_in_folders_and_the_extension_in_capitals(tmp_path):
    content = members(index_json={"files": ["part/a.json"], "N": 3})
    content["part/a.json"] = content["a.json"]
    make(tmp_path / "x.ZIP", content)
    assert len(datasets.load(tmp_path / "x.ZIP").train_labels) >= 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index_json": None}, "x.zip has no index.json"),
        ({"b_json": None}, "x.zip lacks 'b.json', which its index.json names"),
        ({"index_json": {"files": ["a.json", "b.json"], "N": 6}}, "holds 5 images, its index says N = 6"),
        ({"index_json": {"files": ["a.json", "b.json"], "N": 4}}, "holds 5 images|more than the images"),
        ({"index_json": {"files": ["a.json", "b.json"], "N": 0}}, "and 1 to 10,000,000 images, got 2 files and N = 0"),
        ({"index_json": {"files": ["a.json"], "N": 10**12}}, "N = 1,000,000,000,000"),
        ({"index_json": {"files": ["a.json"], "N": "3"}}, "index.json in x.zip must hold"),
        ({"index_json": {"files": ["a.json"], "N": True}}, "index.json in x.zip must hold"),
        ({"index_json": {"files": "a.json", "N": 3}}, "index.json in x.zip must hold"),
        ({"index_json": {"files": [], "N": 3}}, "must name at least one file"),
        ({"index_json": [1, 2]}, "index.json in x.zip must hold"),
        ({"index_json": "{"}, "index.json in x.zip is not JSON"),
        ({"index_json": {"files": ["a.json", "a.json"], "N": 6}}, "names 'a.json' twice"),
        ({"index_json": {"files": ["../a.json"], "N": 3}}, "names '../a.json', which is no plain name"),
        ({"index_json": {"files": ["/etc/passwd"], "N": 3}}, "which is no plain name"),
        ({"index_json": {"files": ["C:a.json"], "N": 3}}, "which is no plain name"),
        ({"index_json": {"files": ["x\\..\\a.json"], "N": 3}}, "which is no plain name"),
        ({"a_json": "not JSON"}, "a.json in x.zip is not JSON"),
        ({"a_json": b"\xff\xfe\xfd"}, "a.json in x.zip is not JSON"),
        ({"a_json": ""}, "a.json in x.zip is not JSON"),
        ({"a_json": [1]}, "a.json in x.zip must hold"),
        ({"a_json": {"images": [ROW] * 3}}, "a.json in x.zip must hold"),
        ({"a_json": {"images": [ROW] * 3, "labels": [0, 1]}}, "holds 3 images but 2 labels"),
        (
            {"a_json": {"images": [ROW] * 2 + [ROW[:3]], "labels": [0, 1, 0]}},
            r"image 2 \(a.json in x.zip\) must have 4 pixels, got 3",
        ),
        (
            {"b_json": {"images": [ROW, ROW * 4], "labels": [1, 1]}},
            r"image 4 \(b.json in x.zip\) must have 4 pixels, got 16",
        ),
        (
            {"a_json": {"images": [ROW[:3]] * 3, "labels": [0, 1, 0]}},
            "image 0 .* must have a square number, such as 784, pixels, got 3",
        ),
        ({"a_json": {"images": [[]] * 3, "labels": [0, 1, 0]}}, "pixels, got 0"),
        ({"a_json": {"images": [7] * 3, "labels": [0, 1, 0]}}, "image 0 .* must be a list of pixels"),
        ({"a_json": {"images": [[0, 1, 2, 256]] * 3, "labels": [0, 1, 0]}}, "pixel values 0-255, got 0 to 256"),
        ({"a_json": {"images": [[0, 1, 2, -1]] * 3, "labels": [0, 1, 0]}}, "pixel values 0-255, got -1 to 2"),
        ({"a_json": {"images": [[0, 1, 2, 0.5]] * 3, "labels": [0, 1, 0]}}, "must be whole numbers"),
        ({"a_json": {"images": [["a", 1, 2, 3]] * 3, "labels": [0, 1, 0]}}, "must be whole numbers"),
        ({"a_json": {"images": [[None, 1, 2, 3]] * 3, "labels": [0, 1, 0]}}, "must be whole numbers"),
        ({"a_json": {"images": [[10**400, 1, 2, 3]] * 3, "labels": [0, 1, 0]}}, "must be whole numbers"),
        ({"a_json": {"images": [ROW] * 3, "labels": [0, 1, 0.5]}}, "labels of a.json in x.zip must be whole numbers"),
        ({"a_json": {"images": [ROW] * 3, "labels": [0, 1, [2]]}}, "more than the images|must be whole numbers"),
        ({"a_json": "[" * 100_000}, "more than the images and labels"),
        ({"a_json": '{"a":' * 100_000}, "more than the images and labels"),
        ({"a_json": "[" + '"a",' * 10_000 + "1]"}, "more than the images and labels"),
    ],
)
def test_unusable_zip_files_are_refused_in_one_sentence(tmp_path, changes, message):
    make(tmp_path / "x.zip", members(**changes))
    with pytest.raises(DataError, match=message) as caught:
        load_zip(tmp_path / "x.zip")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "index",
    [
        '{"files": [' + "{}," * 500_000 + '{}], "N": 3}',
        '{"files": [' + "[]," * 500_000 + '[]], "N": 3}',
        '{"files": [' + '"",' * 500_000 + '""], "N": 3}',
    ],
)
def test_an_index_of_more_than_names_takes_no_memory(tmp_path, index):
    make(tmp_path / "x.zip", members(index_json=index))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"index.json in x.zip holds more than the names of files and their number"):
        load_zip(tmp_path / "x.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(index)


def test_a_name_repeated_in_a_long_index_is_found_at_once(tmp_path):
    names = [f"{k}.json" for k in range(60_000)]
    make(tmp_path / "x.zip", members(index_json={"files": [*names, names[0]], "N": 3}))
    with pytest.raises(DataError, match=r"names '0.json' twice; name each file once"):
        load_zip(tmp_path / "x.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\0" * 40, b"not a zip file at all"])
def test_what_is_no_zip_file_is_told(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"x.zip is damaged or not a zip file"):
        datasets.load(tmp_path / "x.zip")


def test_a_missing_zip_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"x.zip cannot be read .No such file or directory.; check its place"):
        load_zip(tmp_path / "x.zip")


def test_damage_within_the_file_is_told(tmp_path):
    path = make(tmp_path / "x.zip", members(), zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"255", b"254", 1))
    with pytest.raises(DataError, match=r"damaged .*CRC"):
        load_zip(path)


def test_compression_that_can_hide_bombs_is_refused(tmp_path):
    with pytest.raises(DataError, match="compressed by another method than deflate"):
        load_zip(make(tmp_path / "x.zip", members(), zipfile.ZIP_LZMA))


def test_a_zip_bomb_takes_no_memory(tmp_path):
    content = members(a_json=b" " * (zip_json.MAX_FILE_BYTES + 1))
    path = make(tmp_path / "x.zip", content)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="claims 134,217,729 bytes, the limit is 134,217,728; spread"):
            load_zip(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_one_file_at_a_time_lies_in_memory(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2_000, 784), np.uint8)
    write_zip(tmp_path / "x.zip", images, np.arange(2_000) % 10, images_per_file=100)
    tracemalloc.start()
    try:
        n = sum(len(part) for part, _ in iterate_zip(tmp_path / "x.zip"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n == 2_000
    assert peak < 6e6  # all 2,000 as JSON lists take 13 MB for the pointers alone


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.full((2, 4), 0.5), [0, 1], "images must be whole numbers 0-255"),
        (np.zeros((0, 4)), [], "and at least one"),
        (np.zeros((2, 4), np.uint8), [0], "one label per image"),
    ],
)
def test_unusable_images_are_not_written(tmp_path, images, labels, message):
    with pytest.raises(DataError, match=message):
        write_zip(tmp_path / "x.zip", images, labels)
    assert not list(tmp_path.iterdir())
