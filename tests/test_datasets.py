"""Data sets: checks, formats, limits on what damaged or hostile files can do, and the download."""

import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engram import datasets
from engram.datasets import (
    Dataset,
    check_images,
    check_labels,
    digits,
    download,
    from_arrays,
    official,
    read_idx,
    registry,
    write_idx,
)
from engram.datasets.csv_file import read_csv
from engram.datasets.idx import idx_bytes, parse_idx
from engram.datasets.mnist import MNIST
from engram.datasets.npy import read_npy, read_npz
from engram.datasets.official import IdxFile
from engram.datasets.zip_json import load_zip
from engram.errors import DataError, DataWarning

needs_mnist = pytest.mark.skipif(
    not os.environ.get("ENGRAM_DATA"), reason="ENGRAM_DATA is not set to a folder that holds mnist/"
)


def small_set(**changes):
    parts = {
        "name": "small",
        "train_images": np.arange(24, dtype=np.uint8).reshape(4, 6),
        "train_labels": np.array([0, 1, 0, 1]),
        "test_images": np.arange(12, dtype=np.uint8).reshape(2, 6),
        "test_labels": np.array([0, 1]),
        "image_shape": (2, 3),
    }
    return Dataset(**(parts | changes))


def some_images(n=12, height=4, width=5):
    return np.random.default_rng(1).integers(0, 256, (n, height, width), dtype=np.uint8)


# --- the contract -----------------------------------------------------------------------------


def test_a_data_set_keeps_images_of_the_right_type_without_a_copy():
    images = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert small_set(train_images=images).train_images is images


def test_classes_are_the_sorted_labels_of_both_parts_as_plain_ints():
    classes = small_set(train_labels=[7, -2, 7, 3], test_labels=[9, 7]).classes
    assert classes == (-2, 3, 7, 9)
    assert all(type(label) is int for label in classes)


def test_repr_tells_sizes_and_not_pixels():
    assert repr(small_set()) == "Dataset('small': 4 training and 2 test images of 2×3 (height × width), 2 classes)"


def test_a_data_set_without_test_images_is_allowed():
    assert len(small_set(test_images=np.empty((0, 6)), test_labels=[]).test_images) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_images": np.full((4, 6), np.nan)},
            "train_images must be finite, got NaN or an infinite value in image 0",
        ),
        ({"train_images": np.full((4, 6), np.inf)}, "must be finite"),
        ({"train_images": np.full((4, 6), 1e300)}, "must be finite"),
        ({"train_images": np.full((4, 6), -3)}, r"must not be negative, got -3 \(first in image 0\)"),
        (
            {"train_images": np.zeros((4, 2, 3))},
            r"must have two dimensions .* got shape \(4, 2, 3\); flatten",
        ),
        ({"train_images": [[1, 2], [3]]}, "rows of different lengths; give every image the same size"),
        ({"train_images": np.full((4, 6), "a")}, "train_images must hold numbers, got values of type <U1"),
        ({"train_images": np.zeros((0, 6)), "train_labels": []}, "training set of 'small' holds no images"),
        ({"train_images": np.zeros((4, 0))}, "must have at least 1 pixels per image, got 0"),
        ({"test_images": np.zeros((2, 5))}, "test_images must have 6 pixels per image, got 5"),
        ({"train_labels": [0, 1]}, "train_labels must hold one label per image, got 2 labels for 4 images"),
        ({"test_labels": [0, 1, 1]}, "test_labels must hold one label per image, got 3 labels for 2 images"),
        ({"train_labels": [0, 1, 0.5, 1]}, "train_labels must be whole numbers, got 0.5"),
        ({"train_labels": [0, 1, np.nan, 1]}, "train_labels must be whole numbers, got nan"),
        ({"train_labels": list("abab")}, "train_labels must be whole numbers, got .*'a'"),
        (
            {"train_labels": [[0], [1, 2], [0], [1]]},
            "train_labels must have one dimension, got rows of",
        ),
        ({"train_labels": np.eye(4)}, r"train_labels must have one dimension, got shape \(4, 4\)"),
        ({"train_labels": [5, 5, 5, 5]}, "training labels of 'small' hold only one class, 5"),
        ({"image_shape": (2, 4)}, r"height × width = 6 pixels, got \(2, 4\)"),
    ],
)
def test_unusable_parts_are_refused_in_one_sentence(changes, message):
    with pytest.raises(DataError, match=message) as caught:
        small_set(**changes)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_data_errors_are_value_errors():
    with pytest.raises(ValueError, match="one class"):
        small_set(train_labels=[1, 1, 1, 1])


def test_content_hash_depends_on_pixels_labels_and_shape_but_not_on_the_name():
    reference = small_set().content_hash()
    assert small_set(name="other", description="elsewhere").content_hash() == reference
    images = np.arange(24, dtype=np.uint8).reshape(4, 6)
    images[3, 5] += 1
    variants = (
        small_set(train_images=images),
        small_set(train_labels=[0, 1, 1, 0]),
        small_set(test_labels=[1, 1]),
        small_set(image_shape=(3, 2)),
        small_set(train_images=np.arange(24, dtype=np.float32).reshape(4, 6)),
    )
    assert len({reference, *(variant.content_hash() for variant in variants)}) == 6


def test_content_hash_does_not_depend_on_memory_layout():
    images = np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    assert small_set(train_images=images).content_hash() == small_set().content_hash()


def test_first_keeps_the_first_images_and_tells_so():
    cut = small_set().first(n_train=2, n_test=0)
    assert (len(cut.train_images), len(cut.test_images)) == (2, 0)
    assert cut.description == "Cut to the first 2 training images and the first 0 test images."


def test_more_images_than_there_are_cannot_be_asked_for():
    with pytest.raises(
        DataError, match="'small' has 4 training images, 5 were asked for; ask for a number from 0 to 4"
    ):
        small_set().first(n_train=5)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.uint64])
def test_whole_numbers_up_to_255_become_uint8(dtype):
    images = check_images(np.ones((2, 3), dtype))
    assert images.dtype == np.uint8
    assert (images == 1).all()


@pytest.mark.parametrize("images", [np.full((2, 3), 256), np.ones((2, 3), np.float64), np.ones((2, 3), np.float16)])
def test_other_numbers_become_float32(images):
    assert check_images(images).dtype == np.float32


def test_read_only_images_are_accepted():
    images = np.zeros((2, 3), np.uint8)
    images.setflags(write=False)
    assert check_images(images, 3) is images


def test_whole_floats_are_labels():
    assert check_labels([1.0, 2.0]).dtype == np.int64


# --- splits -----------------------------------------------------------------------------------


@given(
    labels=hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4)),
    share=st.floats(0, 0.99),
)
def test_a_split_is_a_partition_that_leaves_every_class_in_training(labels, share):
    n_test = round(share * len(labels))
    train, test = datasets.stratified_split(labels, n_test)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert set(labels[train]) == set(labels)
    assert len(test) <= n_test


@given(counts=st.lists(st.integers(2, 40), min_size=2, max_size=5))
def test_a_split_holds_each_class_by_its_share(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    _, test = datasets.stratified_split(labels, len(labels) // 2)
    held_out = np.bincount(labels[test], minlength=len(counts))
    assert (np.abs(held_out - np.array(counts) * (len(labels) // 2) / len(labels)) <= 1).all()


def test_a_split_is_the_same_in_every_version():
    _, test = datasets.stratified_split(np.arange(30) % 3, 6)
    assert test.tolist() == SPLIT


SPLIT = [6, 8, 10, 11, 16, 24]


# --- IDX --------------------------------------------------------------------------------------

idx_arrays = st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, max_side=4))
)
files_for_each_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@files_for_each_example
@given(array=idx_arrays, ending=st.sampled_from(["", ".gz"]))
def test_an_array_survives_the_idx_format(tmp_path, array, ending):
    path = tmp_path / f"array{ending}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_cut_at_any_byte_is_a_data_error(packed):
    content = idx_bytes(some_images(3, 2, 2))
    content = gzip.compress(content) if packed else content
    for end in range(len(content)):
        with pytest.raises(DataError):
            parse_idx(io.BytesIO(content[:end]), end, name="cut")


@given(position=st.integers(0, 200), value=st.integers(0, 255), packed=st.booleans())
def test_an_idx_file_with_a_changed_byte_is_read_or_a_data_error(position, value, packed):
    content = idx_bytes(some_images(3, 4, 4))
    content = bytearray(gzip.compress(content) if packed else content)
    content[position % len(content)] = value
    try:
        array = parse_idx(io.BytesIO(content), len(content), name="changed")
    except DataError:
        return
    assert array.size


@given(content=st.binary(max_size=200))
def test_any_bytes_are_an_idx_file_or_a_data_error(content):
    with pytest.raises(DataError, match="noise"):
        parse_idx(io.BytesIO(content), len(content), name="noise", sha256="0" * 64)


@pytest.mark.parametrize("packed", [False, True])
def test_missing_images_are_counted(tmp_path, packed):
    content = idx_bytes(np.zeros((60_000, 2, 2), np.uint8))[: -2 * 4]
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError) as caught:
        read_idx(path, advice="download it again with 'engram data fetch mnist'")
    assert str(caught.value) == (
        "train-images-idx3-ubyte holds 59,998 images, its header says 60,000; "
        "download it again with 'engram data fetch mnist'."
    )


@pytest.mark.parametrize("packed", [False, True])
def test_trailing_bytes_are_refused(tmp_path, packed):
    content = idx_bytes(np.zeros(5, np.uint8)) + b"x"
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(
        DataError, match="labels holds more than the 5 labels that its header announces; get a fresh copy"
    ):
        read_idx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not an IDX file \(it is empty\)"),
        (b"<html>not found</html>", r"not an IDX file \(it begins with 3c 68 74 6d\)"),
        (bytes([0, 0, 7, 1, 0, 0, 0, 1, 0]), "not an IDX file"),
        (bytes([0, 0, 8, 0]), "not an IDX file"),
        (bytes([0, 0, 8, 200]), "not an IDX file"),
        (bytes([0, 0, 8, 3, 0, 0]), "ends within its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 0]), "announces an empty array of 0"),
        (b"\x1f\x8bnonsense", "is a damaged gzip file"),
    ],
)
def test_what_is_not_an_idx_file_is_told(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_a_missing_idx_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="absent cannot be read"):
        read_idx(tmp_path / "absent")


def test_an_idx_file_of_another_dimension_is_refused(tmp_path):
    write_idx(tmp_path / "labels", np.zeros(5, np.uint8))
    with pytest.raises(
        DataError,
        match="holds an array of 1 dimensions, images need 3; check that the file has its right name",
    ):
        read_idx(tmp_path / "labels", shape=(None, 28, 28))


@pytest.mark.parametrize("packed", [False, True])
def test_an_impossible_header_takes_no_memory(packed):
    header = bytes([0, 0, 8, 3]) + np.array([1_000_000, 28, 28], ">u4").tobytes()
    content = header + bytes(100)
    content = gzip.compress(content) if packed else content
    tracemalloc.start()
    with pytest.raises(DataError, match="its header says 1,000,000"):
        parse_idx(io.BytesIO(content), len(content), name="claim")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_header_beyond_the_limit_is_refused():
    header = bytes([0, 0, 8, 3]) + np.array([2**32 - 1] * 3, ">u4").tobytes()
    with pytest.raises(DataError, match="the limit is 8,589,934,592"):
        parse_idx(io.BytesIO(header), len(header), name="claim")


def test_a_small_gzip_file_is_not_unpacked_to_a_thousand_times_its_size():
    content = gzip.compress(idx_bytes(np.zeros((2**17, 28, 28), np.uint8)))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"bomb would unpack from .* to 102,760,448 bytes, the limit is 67,108,864"):
        parse_idx(io.BytesIO(content), len(content), name="bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_packed_array_takes_no_more_memory_than_itself():
    images = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    content = gzip.compress(idx_bytes(images), 1)
    tracemalloc.start()
    found = parse_idx(io.BytesIO(content), len(content), name="images")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, images)
    assert peak < images.nbytes + 2**23


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv", "a.zip", "train-images-idx3-ubyte"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_are_no_data(tmp_path, name, kind):
    path = tmp_path / name
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(DataError):
        datasets.load(path)
    reader = {".npz": read_npz, ".npy": read_npy, ".csv": read_csv, ".zip": load_zip}.get(path.suffix, read_idx)
    with pytest.raises(DataError, match=r"cannot be read .it is no regular file."):
        reader(path)


def test_a_link_to_a_regular_file_is_data(tmp_path):
    np.savez(tmp_path / "a.npz", images=some_images(), labels=np.arange(12) % 2)
    (tmp_path / "b.npz").symlink_to(tmp_path / "a.npz")
    assert len(datasets.load(tmp_path / "b.npz").train_images) == 10


def test_a_gzip_bomb_is_followed_no_further_than_its_header_says():
    content = gzip.compress(idx_bytes(np.zeros(10, np.uint8)) + bytes(2**26))
    tracemalloc.start()
    with pytest.raises(DataError, match="holds more than the 10 labels"):
        parse_idx(io.BytesIO(content), len(content), name="bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_several_gzip_members_and_padding_are_one_content():
    content = idx_bytes(np.arange(9, dtype=np.uint8))
    packed = gzip.compress(content[:7]) + bytes(3) + gzip.compress(content[7:]) + bytes(512)
    np.testing.assert_array_equal(parse_idx(io.BytesIO(packed), len(packed), name="members"), np.arange(9))


def test_a_gzipped_file_is_known_by_its_content_not_its_name(tmp_path):
    (tmp_path / "labels").write_bytes(gzip.compress(idx_bytes(np.arange(5, dtype=np.uint8))))
    (tmp_path / "plain.gz").write_bytes(idx_bytes(np.arange(5, dtype=np.uint8)))
    assert read_idx(tmp_path / "labels").tolist() == read_idx(tmp_path / "plain.gz").tolist() == [0, 1, 2, 3, 4]


def test_writing_the_same_array_gives_the_same_bytes(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(5, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "b.gz"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, np.int64), "got int64; convert"),
        (np.zeros((0, 3), np.uint8), r"got shape \(0, 3\); reshape"),
    ],
)
def test_what_idx_cannot_hold_is_told(tmp_path, array, message):
    with pytest.raises(DataError, match=message):
        write_idx(tmp_path / "file", array)


# --- folders of IDX files ---------------------------------------------------------------------


def write_folder(folder, prefix="", test="t10k", joint="-", ending=""):
    folder.mkdir(exist_ok=True)
    for part, n in (("train", 6), (test, 4)):
        write_idx(folder / f"{prefix}{part}-images{joint}idx3-ubyte{ending}", some_images(n))
        write_idx(folder / f"{prefix}{part}-labels{joint}idx1-ubyte{ending}", np.arange(n, dtype=np.uint8) % 3)
    return folder


@pytest.mark.parametrize(
    "form",
    [{}, {"ending": ".gz"}, {"joint": "."}, {"prefix": "emnist-letters-", "test": "test", "ending": ".gz"}],
)
def test_a_folder_of_idx_files_is_loaded_whatever_its_names_look_like(tmp_path, form):
    dataset = datasets.load(write_folder(tmp_path / "mine", **form))
    assert dataset.name == form.get("prefix", "mine").rstrip("-")
    lying = form.get("prefix", "").startswith("emnist")
    assert dataset.image_shape == ((5, 4) if lying else (4, 5))
    images = some_images(6).swapaxes(1, 2) if lying else some_images(6)
    np.testing.assert_array_equal(dataset.train_images, images.reshape(6, 20))
    assert dataset.test_labels.tolist() == [0, 1, 2, 0]


def test_qmnist_s_names_and_labels_of_eight_columns_are_read(tmp_path):
    for part, n in (("train", 6), ("test", 4)):
        write_idx(tmp_path / f"qmnist-{part}-images-idx3-ubyte.gz", some_images(n))
        labels = np.column_stack((np.arange(n) % 3, *[np.full(n, 100 + k) for k in range(7)])).astype(np.int32)
        write_idx(tmp_path / f"qmnist-{part}-labels-idx2-int.gz", labels)
    dataset = datasets.load(tmp_path)
    assert dataset.name == "qmnist"
    assert dataset.train_labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_torchvision_root_is_read_and_several_sets_in_it_are_told(tmp_path):
    (tmp_path / "MNIST").mkdir()
    write_folder(tmp_path / "MNIST" / "raw")
    for path in (tmp_path, tmp_path / "MNIST", tmp_path / "MNIST" / "raw"):
        assert datasets.load(path).name == "MNIST"
    (tmp_path / "FashionMNIST").mkdir()
    write_folder(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(DataError, match=r"holds 2 sets of IDX files, in 'FashionMNIST/raw', 'MNIST/raw'; add one"):
        datasets.load(tmp_path)


def test_idx_images_of_any_type_are_brought_to_one_scale(tmp_path):
    images = some_images()
    labels = np.arange(12, dtype=np.uint8) % 2
    for name, scaled in (
        ("bytes", images),
        ("floats", (images / 255).astype(np.float32)),
        ("ints", images.astype(">i4")),
    ):
        for part in ("train", "t10k"):
            write_idx(tmp_path / name / f"{part}-images-idx3-ubyte", scaled)
            write_idx(tmp_path / name / f"{part}-labels-idx1-ubyte", labels)
        dataset = datasets.load(tmp_path / name)
        np.testing.assert_allclose(dataset.train_images, images.reshape(12, 20), atol=1e-4)
    assert datasets.load(tmp_path / "floats").value_range == (0, 1)


def test_one_of_several_sets_in_a_folder_is_chosen_by_its_prefix(tmp_path):
    write_folder(tmp_path, prefix="emnist-letters-")
    write_folder(tmp_path, prefix="emnist-digits-")
    with pytest.raises(DataError, match=r"holds 2 sets of IDX files \('emnist-digits', 'emnist-letters'\)"):
        datasets.load(tmp_path)
    assert datasets.load(tmp_path / "emnist-digits").name == "emnist-digits"


def test_the_missing_one_of_four_files_is_named(tmp_path):
    (write_folder(tmp_path / "mine") / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="mine lacks t10k-labels-idx1-ubyte, gzipped or not"):
        datasets.load(tmp_path / "mine")


def test_a_data_set_written_as_idx_files_is_the_same_when_read(tmp_path):
    dataset = small_set()
    datasets.write_idx_folder(dataset, tmp_path / "out")
    assert datasets.load(tmp_path / "out").content_hash() == dataset.content_hash()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": None}, "has no image_shape"),
        ({"train_labels": [0, 1, 300, 1]}, "labels from 0 to 255"),
    ],
)
def test_what_idx_folders_cannot_hold_is_told(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        datasets.write_idx_folder(small_set(**changes), tmp_path)


# --- arrays, .npz, .npy -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 56), (12, 7, 8), (12, 7, 8, 1), (12, 1, 7, 8)])
def test_images_may_be_flat_rectangular_or_with_one_channel(shape):
    images = some_images(12, 7, 8)
    dataset = from_arrays(images.reshape(shape), np.arange(12) % 2, test_fraction=0)
    np.testing.assert_array_equal(dataset.train_images, images.reshape(12, 56))
    assert dataset.image_shape == (None if len(shape) == 2 else (7, 8))


@pytest.mark.parametrize("axis", [1, 3])
def test_colours_are_turned_grey(axis):
    colours = np.stack([some_images()] * 3, axis=axis)
    dataset = from_arrays(colours, np.arange(12) % 2, test_fraction=0)
    np.testing.assert_array_equal(dataset.train_images, some_images().reshape(12, 20))
    assert "colours are turned grey" in dataset.description.lower()


def test_flat_images_of_a_square_number_of_pixels_are_taken_as_squares():
    dataset = from_arrays(some_images(12, 7, 7).reshape(12, 49), np.arange(12) % 2)
    assert dataset.image_shape == (7, 7)
    assert dataset.description == (
        "Rows of 49 pixels are taken as 7×7; 2 of 12 images, stratified, are held out for testing."
    )


def test_rows_of_few_values_are_a_table_whose_columns_have_scales_of_their_own():
    rows = np.column_stack((np.arange(12) / 10 + 4, np.arange(12) * 100, np.full(12, 3.0), np.arange(12) % 2))
    dataset = from_arrays(rows, np.arange(12) % 2, rows[:3] * 2, [0, 1, 0])
    assert dataset.image_shape is None
    assert dataset.value_range == ((4, 0, 3, 0, 5.1, 1100, 3, 1), (5.1, 1100, 4, 1, 4, 0, 4, 0))
    np.testing.assert_allclose(dataset.train_images[-1], [255, 255, 0, 255, 0, 0, 0, 0])
    assert dataset.test_images.max() == 255
    assert repr(dataset) == "Dataset('arrays': 12 training and 3 test rows of 4 columns, 2 classes)"


def test_a_sixth_of_each_class_is_held_out():
    dataset = from_arrays(some_images(36), np.arange(36) % 3)
    assert np.bincount(dataset.test_labels).tolist() == [2, 2, 2]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_images_on_the_scale_to_1_are_scaled_to_255(dtype):
    images = np.eye(12, 20).astype(dtype).reshape(12, 4, 5)
    dataset = from_arrays(images, np.arange(12) % 2, images[:2], [0, 1])
    assert dataset.train_images.max() == dataset.test_images.max() == 255
    assert dataset.description == "Pixels are scaled from 0–1 to 0–255."


@pytest.mark.parametrize(
    ("largest", "dtype", "white", "told"),
    [
        (16, np.int64, 16, "Pixels are scaled from 0–16 to 0–255"),
        (16, np.float64, 16, "Pixels are scaled from 0–16 to 0–255, the largest value taken as white"),
        (1.01, np.float32, 1.01, "Pixels are scaled from 0–1.01 to 0–255, the largest value taken as white"),
        (0.9, np.float64, 1, "Pixels are scaled from 0–1 to 0–255"),
        (200, np.uint8, 255, ""),
        (200.5, np.float64, 255, ""),
        (1000, np.uint16, 1023, "Pixels are scaled from 0–1023 to 0–255"),
        (60_000, np.uint16, 65_535, "Pixels are scaled from 0–65535 to 0–255"),
    ],
)
def test_any_scale_is_brought_to_0_255_and_told(largest, dtype, white, told):
    images = (np.linspace(0, largest, 240).reshape(12, 4, 5)).astype(dtype)
    dataset = from_arrays(images, np.arange(12) % 2, images, np.arange(12) % 2)
    assert dataset.value_range == (0, pytest.approx(white))
    np.testing.assert_allclose(dataset.train_images, images.reshape(12, 20) * (255 / white), atol=1e-3)
    assert dataset.description.startswith(told)


def test_negative_values_count_from_the_smallest_but_not_a_resampling_s_overshoot():
    images = np.linspace(-1, 1, 240).reshape(12, 4, 5)
    assert from_arrays(images, np.arange(12) % 2).value_range == pytest.approx((-1, 1), abs=0.02)
    images = np.linspace(-0.05, 1, 240).reshape(12, 4, 5)
    dataset = from_arrays(images, np.arange(12) % 2, test_fraction=0)
    assert dataset.value_range == (0, 1)
    assert dataset.train_images.min() == 0


def test_a_scale_that_is_given_is_kept_and_told():
    images = np.linspace(0, 0.3, 240).reshape(12, 4, 5)
    dataset = from_arrays(images, np.arange(12) % 2, value_range=(0, 1), test_fraction=0)
    assert dataset.train_images.max() == pytest.approx(0.3 * 255)
    assert dataset.description.endswith("values are taken as 0–1, as asked for.")
    for wrong in ((1, 1), "wide", (0, np.nan), ((0, 0), (1, 1))):
        with pytest.raises(DataError, match=r"value_range must be \(black, white\), two different finite numbers"):
            from_arrays(images, np.arange(12) % 2, value_range=wrong)


def test_dark_ink_on_light_ground_is_inverted_and_told():
    images = np.zeros((12, 8, 8))
    images[:, 3:5, 3:5] = 1
    bright, dark = (from_arrays(values, np.arange(12) % 2, test_fraction=0) for values in (images, 1 - images))
    np.testing.assert_array_equal(dark.train_images, bright.train_images)
    assert (bright.value_range, dark.value_range) == ((0, 1), (1, 0))
    assert dark.description.endswith("dark ink on light ground is inverted.")
    assert (bright.framing, dark.framing) == ("ink", "ink")
    photographs = np.random.default_rng(0).random((12, 8, 8))
    assert from_arrays(photographs, np.arange(12) % 2).framing == "photo"


def test_wrapped_pixels_are_refused():
    images = (some_images() * 1).astype(np.int8)
    with pytest.raises(DataError, match=r"int8 with negative values: .*wrapped around, .*images.view\('uint8'\)"):
        from_arrays(images, np.arange(12) % 2)
    assert from_arrays(images, np.arange(12) % 2, value_range=(-128, 127)).train_images.max() > 200


def test_standardised_images_are_warned_of():
    images = np.random.default_rng(0).random((40, 8, 8)).reshape(40, 64)
    images = (images - images.mean(axis=0)) / images.std(axis=0)
    with pytest.warns(DataWarning, match="standardised: every pixel has mean 0 and variance 1"):
        from_arrays(images, np.arange(40) % 2)


def test_the_training_images_alone_decide_on_the_scale():
    images = np.full((4, 4, 5), 200.0)
    with pytest.warns(DataWarning, match="the test images of arrays are too dark for the scale .* 0–255"):
        dataset = from_arrays(images, [0, 1, 0, 1], images / 400, [0, 1, 0, 1])
    assert dataset.test_images.max() == 0.5


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["cat", "ape", "cat", "ape"], [1, 0, 1, 0], {0: "ape", 1: "cat"}),
        (np.array([b"b", b"a", b"b", b"a"]), [1, 0, 1, 0], {0: "a", 1: "b"}),
        (["7", "-3", "7", "-3"], [7, -3, 7, -3], {}),
        (np.eye(3)[[2, 0, 2, 0]], [2, 0, 2, 0], {}),
        (np.array([[4], [2], [4], [2]]), [4, 2, 4, 2], {}),
        (np.array([["x"], ["y"], ["x"], ["y"]], dtype=object), [0, 1, 0, 1], {0: "x", 1: "y"}),
        ([True, False, True, False], [1, 0, 1, 0], {}),
    ],
)
def test_labels_may_be_names_numbers_or_one_hot(labels, codes, names):
    dataset = from_arrays(some_images(4), labels, some_images(2), labels[:2])
    assert dataset.train_labels.tolist() == codes
    assert dataset.test_labels.tolist() == codes[:2]
    assert dataset.class_names == names
    assert dataset.class_name(codes[0]) == names.get(codes[0], str(codes[0]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0, 1], [1, 1], [1, 0], [1, 0]], "one label per image or one-hot rows"),
        (["a", "", "b", "a"], "hold an empty name"),
        (["a", 1, None, "b"], "must be whole numbers"),
        ([0, 1, 0, 1.5], "must be whole numbers"),
    ],
)
def test_labels_that_are_neither_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        from_arrays(some_images(4), np.array(labels, dtype=object) if None in labels else labels)


def test_titles_tell_sets_of_one_name_apart():
    labels = np.arange(12) % 2
    titles = [from_arrays(some_images(12, side, side), labels, name="set").title for side in (8, 16)]
    assert titles == ["set, 8×8, 10 + 2 images", "set, 16×16, 10 + 2 images"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 5, 5, 7)), [0, 1, 0, 1]), r"got \(4, 5, 5, 7\); turn colours into grey"),
        ((np.zeros(4), [0, 1, 0, 1]), r"got \(4,\)"),
        ((np.zeros((4, 9)), [0, 1]), "got 2 labels for 4 images"),
        ((np.zeros((4, 9)), [0, 1, 0, 1], np.zeros((4, 9))), "test_labels are missing; give both or neither"),
        (([[[1]], [[1, 2]]], [0, 1]), "images of different sizes"),
        ((np.full((4, 3, 3), -1.0), [0, 1, 0, 1]), "must not be negative"),
        ((np.full((4, 9), np.nan), [0, 1, 0, 1]), "must be finite"),
        ((np.empty((0, 9)), []), "holds no images"),
    ],
)
def test_unusable_arrays_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        from_arrays(*arguments)


@pytest.mark.parametrize(
    "keys",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "y_train", "X_test", "y_test"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_with_both_parts_is_loaded(tmp_path, keys, save):
    arrays = (some_images(6), np.arange(6) % 3, some_images(4), np.arange(4) % 3)
    save(tmp_path / "mine.npz", **dict(zip(keys, arrays, strict=True)), note=np.zeros(3))
    dataset = datasets.load(tmp_path / "mine.npz")
    assert dataset.name == "mine"
    np.testing.assert_array_equal(dataset.test_images, some_images(4).reshape(4, 20))


def test_an_npz_file_with_one_part_is_split(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.asfortranarray(some_images()), labels=np.arange(12.0) % 2)
    dataset = datasets.load(str(tmp_path / "mine.npz"))
    expected = from_arrays(some_images(), np.arange(12) % 2)
    assert dataset.content_hash() == expected.content_hash()
    assert dataset.description == "2 of 12 images, stratified, are held out for testing."


def test_unknown_keys_of_an_npz_file_are_listed_with_the_right_ones(tmp_path):
    np.savez(tmp_path / "mine.npz", pictures=np.zeros(3), kinds=np.zeros(3))
    with pytest.raises(DataError, match=r"holds the keys pictures, kinds; name them .* images, labels; data, target"):
        datasets.load(tmp_path / "mine.npz")


@pytest.mark.parametrize("keys", [("data", "target"), ("X", "y"), ("Images", "Labels")])
def test_other_names_of_images_and_labels_are_known(tmp_path, keys):
    np.savez(tmp_path / "mine.npz", **dict(zip(keys, (some_images(), np.array(["a", "b"] * 6)), strict=True)))
    assert datasets.load(tmp_path / "mine.npz").class_names == {0: "a", 1: "b"}


@pytest.mark.parametrize("joint", ["-", "_"])
def test_an_npy_file_takes_its_labels_from_beside_it(tmp_path, joint):
    np.save(tmp_path / "mine.npy", some_images())
    np.save(tmp_path / f"mine{joint}labels.npy", np.arange(12) % 2)
    assert datasets.load(tmp_path / "mine.npy").name == "mine"


def test_an_npy_file_without_labels_tells_what_is_expected(tmp_path):
    np.save(tmp_path / "mine.npy", some_images())
    with pytest.raises(DataError, match=r"has no labels beside it; save .* as mine-labels.npy or mine_labels.npy"):
        datasets.load(tmp_path / "mine.npy")


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects, which are never loaded"):
        read_npy(tmp_path / "evil.npy")
    np.savez(tmp_path / "evil.npz", images=np.array([{}], dtype=object), labels=np.zeros(1))
    with pytest.raises(DataError, match=r"'images' in evil.npz holds Python objects"):
        datasets.load(tmp_path / "evil.npz")


def test_values_with_fields_are_refused(tmp_path):
    np.save(tmp_path / "fields.npy", np.zeros(3, [("a", "i4")]))
    with pytest.raises(DataError, match="save a plain array of numbers"):
        read_npy(tmp_path / "fields.npy")


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def claim(shape):
    """The .npy header of a large array with nothing behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2**30,), "holds 3 bytes of values"),
        ((2**40, 2**40), "the limit is 8,589,934,592"),
        ((-4,), "no valid .npy header"),
        ((1,) * 65, "has 65 dimensions, the limit is 32|no valid .npy header"),
        ((1,) * 33, "has 33 dimensions, the limit is 32"),
    ],
)
def test_an_npy_header_that_claims_too_much_takes_no_memory(tmp_path, shape, message):
    (tmp_path / "claim.npy").write_bytes(claim(shape) + b"abc")
    with zipfile.ZipFile(tmp_path / "claim.npz", "w") as archive:
        archive.writestr("images.npy", claim(shape) + b"abc")
    tracemalloc.start()
    for read, name in ((read_npy, "claim.npy"), (read_npz, "claim.npz")):
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_a_zip_entry_that_claims_more_than_deflate_can_hold_is_refused(tmp_path):
    path = tmp_path / "claim.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy_bytes(np.zeros(50, np.uint8)))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the central directory, which is what readers go by
    content[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match="claims 2,147,483,648 bytes, more than its"):
        read_npz(path)


def test_a_zip_entry_larger_than_its_file_justifies_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((2**17, 784), np.uint8), labels=np.zeros(2**17, int))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"'images' in bomb.npz would unpack from .* the limit is 67,108,864"):
        datasets.load(tmp_path / "bomb.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_arrays_without_dimensions_are_no_data(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.array(3.0), labels=np.array(1))
    with pytest.raises(DataError, match=r"images must have the shape .*got \(\)"):
        datasets.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=some_images(), labels=np.array(1))
    with pytest.raises(DataError, match="labels must have one dimension, got shape"):
        datasets.load(tmp_path / "b.npz")


def test_other_compressions_than_deflate_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", npy_bytes(np.zeros(50, np.uint8)))
    with pytest.raises(DataError, match="compressed by another method than deflate"):
        read_npz(tmp_path / "mine.npz")


@pytest.mark.parametrize("name", ["cut.npy", "cut.npz"])
def test_an_npy_or_npz_file_cut_at_any_byte_is_a_data_error(tmp_path, name):
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, images=some_images(3, 2, 2))
    else:
        np.save(path, some_images(3, 2, 2))
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            read_npz(path) if name.endswith("npz") else read_npy(path)


@files_for_each_example
@given(data=st.data(), name=st.sampled_from(["changed.npy", "changed.npz"]))
def test_an_npy_or_npz_file_with_a_changed_byte_is_read_or_a_data_error(tmp_path, data, name):
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, images=some_images(3, 2, 2))
    else:
        np.save(path, some_images(3, 2, 2))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        arrays = read_npz(path) if name.endswith("npz") else {"images": read_npy(path)}
    except DataError:
        return
    assert all(array.nbytes <= 200 for array in arrays.values())


# --- digits -----------------------------------------------------------------------------------


def test_digits_are_the_known_images_in_the_known_split():
    dataset = datasets.load("digits")
    assert (len(dataset.train_images), len(dataset.test_images)) == (1297, 500)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.classes == tuple(range(10))
    assert dataset.content_hash() == DIGITS_CONTENT


DIGITS_CONTENT = "5415301f7074f1a453c161bc7a2cf2ea4163082c9907e5d3fab76a3590dbd6b1"


def test_no_digit_is_in_both_parts():
    dataset = datasets.load("digits")
    train = {image.tobytes() for image in dataset.train_images}
    assert not any(image.tobytes() in train for image in dataset.test_images)


def test_enlarged_digits_keep_corners_and_flat_areas():
    small = np.random.default_rng(0).integers(0, 17, (5, 8, 8)).astype(np.uint8)
    large = digits.enlarge(small).reshape(5, 28, 28)
    np.testing.assert_array_equal(large[:, ::27, ::27], np.rint(small[:, ::7, ::7] * (255 / 16)))
    assert (digits.enlarge(np.full((1, 8, 8), 16, np.uint8)) == 255).all()
    assert (digits.enlarge(np.zeros((1, 8, 8), np.uint8)) == 0).all()


def test_enlarging_reproduces_a_straight_slope():
    slope = np.broadcast_to(np.arange(8, dtype=np.uint8) * 2, (1, 8, 8))
    inner = digits.enlarge(slope).reshape(28, 28)[14, 4:24]
    np.testing.assert_array_equal(inner, np.rint(np.arange(4, 24) * 7 / 27 * 2 * 255 / 16))


def test_digits_without_the_data_file_come_from_scikit_learn_and_are_the_same(monkeypatch):
    expected = datasets.load("digits").content_hash()
    monkeypatch.setattr(digits, "_file", lambda: None)
    assert datasets.load("digits").content_hash() == expected


def test_other_digits_than_the_known_ones_are_refused(monkeypatch):
    monkeypatch.setattr(digits, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"are not the known 1,797 images .* reinstall scikit-learn"):
        datasets.load("digits")
    assert [item.ok for item in datasets.check("digits")] == [False]


# --- MNIST: files -----------------------------------------------------------------------------


def tiny_mnist():
    """Arrays and a file list in the form of MNIST's, of a few small images."""
    arrays = (
        some_images(6),
        np.arange(6, dtype=np.uint8) % 3,
        some_images(4),
        np.arange(4, dtype=np.uint8) % 3,
    )
    files = tuple(
        IdxFile(file.name, array.shape, hashlib.sha256(idx_bytes(array)).hexdigest())
        for file, array in zip(MNIST.files, arrays, strict=True)
    )
    return arrays, files


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """No data folder, and a cache folder that belongs to this test."""
    monkeypatch.delenv("ENGRAM_DATA", raising=False)
    monkeypatch.setattr(official, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "mnist"


def test_the_data_folder_goes_before_the_cache(own_cache, tmp_path, monkeypatch):
    assert MNIST.places == (own_cache,)
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path / "data"))
    assert MNIST.places[0] == tmp_path / "data" / "mnist"
    assert MNIST.places[-1] == own_cache


def test_missing_mnist_tells_how_to_get_it(own_cache):
    with pytest.raises(DataError, match="run 'engram data fetch mnist', or place its four files, gzipped or not, in"):
        datasets.load("mnist")
    with pytest.raises(DataError, match="MNIST is not on this machine"):
        datasets.check("mnist")


def test_incomplete_mnist_tells_what_lacks(own_cache):
    arrays, _ = tiny_mnist()
    write_idx(own_cache / "train-images-idx3-ubyte", arrays[0])
    with pytest.raises(DataError, match=r"incomplete .*mnist lacks train-labels-idx1-ubyte and t10k-images-idx3-ubyte"):
        datasets.load("mnist")


def test_mnist_that_is_fetched_while_it_is_looked_for_is_told_for_what_lacked(own_cache, monkeypatch):
    *most, last = zip(MNIST.files, tiny_mnist()[0], strict=True)
    for file, array in most:
        write_idx(own_cache / file.name, array)
    look = official._path

    def look_and_let_it_come(folder, file):
        found = look(folder, file)
        if file is last[0] and found is None:
            write_idx(own_cache / file.name, last[1])
        return found

    monkeypatch.setattr(official, "_path", look_and_let_it_come)
    with pytest.raises(DataError, match=r"mnist lacks t10k-labels-idx1-ubyte\)"):
        datasets.load("mnist")


def test_a_complete_cache_serves_where_the_data_folder_is_incomplete(own_cache, tmp_path, monkeypatch):
    arrays, files = tiny_mnist()
    for file, array in zip(files, arrays, strict=True):
        write_idx(own_cache / f"{file.name}.gz", array)
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path / "data"))
    write_idx(tmp_path / "data" / "mnist" / files[0].name, arrays[0])
    assert replace(MNIST, files=files).load().image_shape == (4, 5)


def test_a_changed_pixel_of_mnist_is_found_on_load(own_cache):
    arrays, files = tiny_mnist()
    arrays[2][1, 2, 3] ^= 1
    for file, array in zip(files, arrays, strict=True):
        write_idx(own_cache / file.name, array)
    with pytest.raises(
        DataError,
        match=r"t10k-images-idx3-ubyte is not the official file .*; download it again with 'engram data",
    ):
        replace(MNIST, files=files).load()


def test_advice_on_a_damaged_file_in_the_data_folder_would_help(own_cache, tmp_path, monkeypatch):
    arrays, files = tiny_mnist()
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path))
    for file, array in zip(files, arrays, strict=True):
        write_idx(tmp_path / "mnist" / file.name, array)
    (tmp_path / "mnist" / files[1].name).write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"replace .*train-labels-idx1-ubyte, or remove it and run 'engram data fetch mnist'"
    ):
        replace(MNIST, files=files).load()


@needs_mnist
def test_mnist_is_complete_and_official():
    dataset = datasets.load("mnist")
    assert dataset.train_images.shape == (60_000, 784)
    assert dataset.test_images.shape == (10_000, 784)
    assert np.bincount(dataset.train_labels)[:2].tolist() == [5923, 6742]
    assert dataset.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.train_images.dtype == np.uint8


@needs_mnist
def test_checking_mnist_tells_four_sound_files():
    items = datasets.check("mnist")
    assert [item.ok for item in items] == [True] * 4
    assert items[0].message.startswith("ba891046")


# --- MNIST: download --------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """A web server on this machine; gives its address and a dictionary from path to content."""
    pages = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = pages.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http_server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_port}", pages
    http_server.shutdown()
    http_server.server_close()
    thread.join()


def serve(pages, folder, arrays):
    for file, array in zip(MNIST.files, arrays, strict=True):
        pages[f"/{folder}/{file.name}.gz"] = gzip.compress(idx_bytes(array))


def test_a_fetched_set_is_the_official_one_and_can_be_loaded(own_cache, server):
    address, pages = server
    arrays, files = tiny_mnist()
    serve(pages, "good", arrays)
    told = []
    folder = replace(MNIST, files=files, mirrors=[f"{address}/good/"]).fetch(lambda *step: told.append(step))
    assert folder == own_cache
    np.testing.assert_array_equal(replace(MNIST, files=files).load().train_images, arrays[0].reshape(6, 20))
    size = len(pages["/good/train-images-idx3-ubyte.gz"])
    assert told[0] == ("train-images-idx3-ubyte", size, size)


def test_a_mirror_with_a_missing_or_damaged_file_is_passed_over(own_cache, server):
    address, pages = server
    arrays, files = tiny_mnist()
    serve(pages, "changed", [array ^ 1 for array in arrays])
    serve(pages, "cut", arrays)
    pages.update({path: page[:-9] for path, page in pages.items() if path.startswith("/cut")})
    pages.update({f"/page/{file.name}.gz": b"<html>sign in</html>" for file in files})
    serve(pages, "good", arrays)
    mirrors = [f"{address}/{folder}" for folder in ("none", "changed", "cut", "page", "good")]
    replace(MNIST, files=files, mirrors=mirrors).fetch()
    assert sorted(path.name for path in own_cache.iterdir()) == sorted(file.name for file in files)
    assert replace(MNIST, files=files).load().image_shape == (4, 5)


def test_when_all_mirrors_fail_the_reasons_and_the_way_by_hand_are_told(own_cache, server):
    address, pages = server
    arrays, files = tiny_mnist()
    serve(pages, "changed", [array ^ 1 for array in arrays])
    # Port 9 answers to nobody on a machine of today.
    mirrors = [f"{address}/none", f"{address}/changed", "http://127.0.0.1:9"]
    with pytest.raises(DataError) as caught:
        replace(MNIST, files=files, mirrors=mirrors).fetch()
    message = str(caught.value)
    assert message.startswith("train-images-idx3-ubyte could not be downloaded (")
    assert "/none/train-images-idx3-ubyte.gz: status 404; " in message
    assert "is not the official file" in message
    assert "ConnectionError" in message
    assert message.endswith(f"elsewhere and place them, gzipped or not, in {own_cache}.")
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_sound_files_are_not_fetched_again(own_cache, server):
    address, pages = server
    arrays, files = tiny_mnist()
    serve(pages, "good", arrays)
    replace(MNIST, files=files, mirrors=[f"{address}/good"]).fetch()
    (own_cache / files[3].name).write_bytes(b"damaged")
    told = []
    replace(MNIST, files=files, mirrors=[f"{address}/good"]).fetch(lambda name, *_: told.append(name))
    assert set(told) == {files[3].name}
    assert replace(MNIST, files=files).load().name == "mnist"


def test_an_endless_download_is_stopped(own_cache, server, monkeypatch):
    address, pages = server
    _, files = tiny_mnist()
    monkeypatch.setattr(download, "MAX_DOWNLOAD", 100)
    pages[f"/long/{files[0].name}.gz"] = bytes(10_000)
    with pytest.raises(DataError, match="more than 100 bytes were sent"):
        replace(MNIST, files=files, mirrors=[f"{address}/long"]).fetch()


def test_an_interrupted_write_leaves_nothing_behind(own_cache, server, monkeypatch):
    address, pages = server
    arrays, files = tiny_mnist()
    serve(pages, "good", arrays)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(DataError, match=r"cannot be written .No space left on device.; make room"):
        replace(MNIST, files=files, mirrors=[f"{address}/good"]).fetch()
    assert list(own_cache.iterdir()) == []


# --- by name ----------------------------------------------------------------------------------


def test_available_lists_names_descriptions_and_places(own_cache):
    records = {record.name: record for record in datasets.available()}
    assert list(records) == ["digits", "fashion-mnist", "kmnist", "mnist"]
    assert records["digits"].location == "scikit-learn"
    assert (records["digits"].n_train, records["digits"].n_test) == (1297, 500)
    assert records["mnist"].location is None


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(
        DataError,
        match=r"'mnits' is neither a data set nor an existing path \(did you mean mnist\?\); give 'digits', 'fashion",
    ):
        datasets.load("mnits")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "/" * 300, "~nobody/x", "[bold]x[/]"])
def test_impossible_names_are_told(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"is neither a data set nor an existing path|neither a file nor a folder| holds "
    ):
        datasets.load(name)


def test_a_path_of_no_known_kind_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(DataError, match="is neither a file nor a folder of a known kind; give 'digits'"):
            datasets.load(path)


def test_load_cuts_to_the_numbers_asked_for():
    dataset = datasets.load("digits", n_train=20, n_test=10)
    assert (len(dataset.train_images), len(dataset.test_images)) == (20, 10)


def test_checking_a_path_tells_its_content_hash_or_what_is_wrong(tmp_path):
    np.savez(tmp_path / "mine.npz", images=some_images(), labels=np.arange(12) % 2)
    (item,) = datasets.check(tmp_path / "mine.npz")
    assert item.ok
    assert item.message == datasets.load(tmp_path / "mine.npz").content_hash()
    (tmp_path / "mine.npz").write_bytes(b"PK")
    (item,) = datasets.check(tmp_path / "mine.npz")
    assert not item.ok
    assert "damaged or not an .npz file" in item.message


def test_fetching_needs_a_known_name_and_digits_need_no_fetching():
    assert datasets.fetch("digits") is None
    with pytest.raises(DataError, match="no data set 'emnist' to fetch; choose from digits, fashion-mnist"):
        datasets.fetch("emnist")


def test_importing_and_loading_digits_imports_nothing_heavy():
    code = (
        "import sys; from engram import datasets; datasets.available(); datasets.load('digits'); "
        "heavy = {'sklearn', 'scipy', 'pooch', 'requests', 'PIL', 'pandas', 'aedat'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.stderr == ""
    assert finished.returncode == 0


def test_a_new_format_is_one_more_file(tmp_path, monkeypatch):
    (tmp_path / "text_lines.py").write_text(
        "from engram.datasets import from_arrays\n"
        "from engram.datasets.registry import PathSource\n"
        "def load(path, options, progress):\n"
        "    rows = [list(map(int, line.split())) for line in path.read_text().splitlines()]\n"
        "    return from_arrays([row[1:] for row in rows], [row[0] for row in rows], name='lines')\n"
        "SOURCE = PathSource(description='a text', recognises=lambda p: p.suffix == '.txt', load=load)\n"
    )
    (tmp_path / "mine.txt").write_text("0 10 20\n1 30 40\n")
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    registry._sources.cache_clear()
    try:
        assert datasets.load(tmp_path / "mine.txt").train_images.tolist() == [[0, 0, 255, 255], [255, 255, 0, 0]]
    finally:
        registry._sources.cache_clear()
        sys.modules.pop("engram.datasets.text_lines", None)


def test_labels_that_can_hardly_be_classes_are_warned_of():
    images = np.random.default_rng(0).random((12, 8, 8))
    with pytest.warns(DataWarning, match="labels of mine are 11 different ones for 12 samples, as quantities"):
        from_arrays(images, [0, *range(11)], name="mine")


def test_classes_of_the_test_part_alone_are_warned_of():
    images, labels = np.random.default_rng(0).random((12, 8, 8)), np.arange(12) % 2
    with pytest.warns(DataWarning, match="classes that training lacks, so that it is never right on them: 3, 4;"):
        from_arrays(images, labels, images, labels + 3)
    with pytest.warns(DataWarning, match="training lacks, so that it is never right on them: bird;"):
        from_arrays(images, ["dog", "cat"] * 6, images, ["dog", "bird"] * 6)


def test_images_without_a_picture_are_warned_of():
    with pytest.warns(DataWarning, match="every pixel of the images of black is 0, so that there is nothing to learn"):
        from_arrays(np.zeros((12, 8, 8)), np.arange(12) % 2, name="black")


def test_labels_of_different_lengths_are_refused_in_one_sentence():
    with pytest.raises(DataError, match="labels must have one dimension, got rows of different lengths; give one"):
        datasets.from_arrays(np.zeros((4, 3, 3)), [[0], [1, 2], [0], [1]])
