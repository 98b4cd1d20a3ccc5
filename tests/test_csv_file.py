"""Tables as people have them: with a header or not, labels first, last, or none; damage told by its line."""

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram import datasets
from engram.datasets.csv_file import read_csv
from engram.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 49))
LABELS = np.arange(12) % 3

needs_data = pytest.mark.skipif(
    not os.environ.get("ENGRAM_DATA"), reason="ENGRAM_DATA is not set to a folder that holds csv/"
)


def text(rows, header=None, end="\n"):
    lines = [] if header is None else [",".join(header)]
    return "\n".join(lines + [",".join(map(str, row)) for row in rows]) + end


def labelled(names=None, labels=LABELS, values=IMAGES, last=False, end="\n"):
    rows = [[*row, label] if last else [label, *row] for row, label in zip(values, labels, strict=True)]
    return text(rows, names, end)


PIXELS = [f"pixel{k}" for k in range(49)]
GRID = [f"{r}x{c}" for r in range(1, 8) for c in range(1, 8)]

FORMS = {
    "kaggle": labelled(["label", *PIXELS]),
    "grid": labelled(["label", *GRID], end=""),
    "capitals": labelled(["Label", *PIXELS]),
    "class last": labelled([*PIXELS, "class"], last=True),
    "no header": labelled(),
    "windows": labelled(["label", *PIXELS]).replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + labelled(["label", *PIXELS]),
    "semicolons": labelled(["label", *PIXELS]).replace(",", ";"),
    "spaces": labelled(["label", *PIXELS]).replace(",", ", "),
    "row numbers": text(
        [[k, *row, y] for k, (row, y) in enumerate(zip(IMAGES, LABELS, strict=True))], ["", *PIXELS, "y"]
    ),
    "bars": labelled(["label", *PIXELS]).replace(",", "|"),
    "a stranger among pixels": text(
        [[y, 7 * k, *row] for k, (row, y) in enumerate(zip(IMAGES, LABELS, strict=True))],
        ["label", "row_number", *PIXELS],
    ),
    "blank lines": labelled(["label", *PIXELS]).replace("\n", "\n\n"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_pictures_and_labels_are_found_in_every_form(tmp_path, form, packed):
    path = tmp_path / ("mine.csv.gz" if packed else "mine.csv")
    content = FORMS[form].encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    dataset = datasets.load(path)
    assert (dataset.name, dataset.image_shape) == ("mine", (7, 7))
    rows = {
        (label, *row) for row, label in zip(dataset.train_images.tolist(), dataset.train_labels.tolist(), strict=True)
    }
    assert rows <= {(label, *row) for row, label in zip(IMAGES.tolist(), LABELS.tolist(), strict=True)}
    assert len(rows) == 10
    assert dataset.train_images.dtype == np.uint8


def test_names_of_classes_in_the_only_column_of_text_are_labels(tmp_path):
    names = np.array(["setosa", "virginica", "versicolor"])[LABELS]
    values = np.random.default_rng(0).random((12, 4)).round(2)
    for name, content in (
        ("header", labelled(["a", "b", "c", "d", "kind"], names, values, last=True)),
        ("none", labelled(None, names, values, last=True)),
        ("quoted", labelled(None, [f'"{name}"' for name in names], values)),
    ):
        (tmp_path / f"{name}.csv").write_text(content)
        dataset = datasets.load(tmp_path / f"{name}.csv")
        assert dataset.class_names == {0: "setosa", 1: "versicolor", 2: "virginica"}
        assert dataset.image_shape is None
        assert dataset.n_inputs == 8


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["x", "y", "z", "label"], ["1", "0"]),
        (["x", "y", "z", "kind"], ["dog", "cat"]),
        (["x1", "x2", "filename", "y"], ["1", "0"]),
        (["digit", "y", "z", "class"], ["日本", "naïve"]),
    ],
)
def test_a_column_that_may_be_a_place_does_not_hide_the_labels(tmp_path, names, labels):
    rows = [[k, 2 * k, f"{k}.png" if "filename" in names else 24 - k, labels[k % 2]] for k in range(12)]
    (tmp_path / "a.csv").write_text(text(rows, names))
    if "filename" in names:
        with pytest.raises(DataError, match=r"holds '0.png' in line 2, column 'filename', where a number is"):
            read_csv(tmp_path / "a.csv")
    else:
        assert set(map(str, read_csv(tmp_path / "a.csv").labels)) == set(labels)


def test_numbers_may_have_a_decimal_comma_between_semicolons(tmp_path):
    (tmp_path / "a.csv").write_text("a;b;kind\n" + "0,5;2;dog\n-1,25;3;cat\n" * 3)
    table = read_csv(tmp_path / "a.csv")
    assert table.values[:2].tolist() == [[0.5, 2], [-1.25, 3]]
    assert table.labels[:2].tolist() == ["dog", "cat"]
    (tmp_path / "b.csv").write_text("0,5;2,0;1\n-1,25;3,5;0\n")
    assert read_csv(tmp_path / "b.csv", 2).values.tolist() == [[0.5, 2], [-1.25, 3.5]]


@pytest.mark.parametrize("content", ["label pixel0\n1 2\n0 3\n", "label\n0\n1\n"])
def test_a_table_of_one_column_is_told(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=r"a\.csv has no columns of values besides the labels; separate them by commas"):
        datasets.load(tmp_path / "a.csv")


def test_the_test_part_is_the_file_beside_that_is_called_so(tmp_path):
    (tmp_path / "my_train.csv").write_text(labelled(["label", *PIXELS]))
    (tmp_path / "my_test.csv").write_text(labelled(["label", *PIXELS], LABELS[:5], IMAGES[:5]))
    dataset = datasets.load(tmp_path / "my_train.csv")
    assert (len(dataset.train_images), len(dataset.test_images)) == (12, 5)
    assert "the test part comes from my_test.csv" in dataset.description
    (tmp_path / "my_test.csv").write_text(text(IMAGES, PIXELS))
    assert len(datasets.load(tmp_path / "my_train.csv").train_images) == 10


def test_a_column_of_labels_can_be_named_numbered_or_denied(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(labelled(["answer", *PIXELS]))
    for asked in ("answer", "0", 0, -50):
        assert set(read_csv(path, asked).labels.tolist()) == {0, 1, 2}
    assert read_csv(path, "none").labels is None
    with pytest.raises(DataError, match=r"has no column 'question'; give one of answer, pixel0"):
        read_csv(path, "question")


def test_pictures_without_labels_are_no_data_set_but_can_be_read(tmp_path):
    (tmp_path / "a.csv").write_text(text(IMAGES, PIXELS, end=""))
    with pytest.raises(DataError, match=r"has no column of labels, .*; name it with label_column"):
        datasets.load(tmp_path / "a.csv")
    np.testing.assert_array_equal(read_csv(tmp_path / "a.csv").values, IMAGES)


def test_which_column_holds_labels_is_asked_for_where_nothing_tells(tmp_path):
    (tmp_path / "a.csv").write_text(text(np.arange(30).reshape(6, 5) + 7))
    with pytest.raises(DataError, match="does not tell which of its 5 columns holds the labels; give label_column"):
        datasets.load(tmp_path / "a.csv")
    assert datasets.load(tmp_path / "a.csv", label_column=4, n_test=0).n_inputs == 8


def test_labels_in_the_last_column_taken_for_a_pixel_are_told_where_to_be_named(tmp_path):
    rows = [[0] * 49 + [k % 2] for k in range(12)]
    (tmp_path / "a.csv").write_text(text(rows))
    with pytest.raises(DataError, match=r"labels from the column 0, which holds one class only, 0; name"):
        datasets.load(tmp_path / "a.csv")
    assert datasets.load(tmp_path / "a.csv", label_column=-1).classes == (0, 1)


def test_an_empty_value_in_the_first_row_does_not_hide_the_labels(tmp_path):
    rows = [["1.5", "", "dog"], ["1.7", "2.0", "cat"]]
    (tmp_path / "a.csv").write_text(text(rows, ["a", "b", "kind"]))
    with pytest.raises(DataError, match="lacks the value of line 2, column 'b'"):
        read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lines: lines.__setitem__(5, lines[5] + ",7"), r"is no table \(Expected 50 fields in line 6, saw 51\)"),
        (lambda lines: lines.__setitem__(5, lines[5].rsplit(",", 1)[0]), "lacks the value of line 6, column 'pixel48'"),
        (
            lambda lines: lines.__setitem__(5, lines[5].rsplit(",", 1)[0] + ",dog"),
            "holds 'dog' in line 6, column 'pix",
        ),
        (lambda lines: lines.__setitem__(5, "," + lines[5].split(",", 1)[1]), "lacks the label of line 6"),
        (lambda lines: lines.__delitem__(slice(1, None)), "holds a header and nothing else"),
        (lambda lines: lines.clear(), "is empty"),
    ],
)
def test_damage_is_told_by_file_and_line(tmp_path, spoil, message):
    lines = labelled(["label", *PIXELS]).splitlines()
    spoil(lines)
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=f"{tmp_path}/a.csv {message}"):
        datasets.load(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a,b\n1,2\n", b"\x00" * 100, b"PK\x03\x04", b"\x1f\x8b\x08junk"])
def test_what_is_no_text_is_told(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a.csv"):
        datasets.load(tmp_path / "a.csv")


def test_values_beyond_a_byte_widen_the_table_from_there_on(tmp_path, monkeypatch):
    monkeypatch.setattr("engram.datasets.csv_file._CELLS_AT_ONCE", 150)  # three rows a piece
    values = IMAGES.astype(float)
    values[7, 3] = 0.25
    values[9, 0] = 1000
    (tmp_path / "a.csv").write_text(labelled(["label", *PIXELS], values=values))
    table = read_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.values, values)
    assert table.labels.tolist() == LABELS.tolist()


def test_many_rows_take_little_more_memory_than_their_values(tmp_path):
    row = ",".join(map(str, range(64)))
    (tmp_path / "a.csv").write_text("label," + ",".join(f"p{k}" for k in range(64)) + "\n" + f"1,{row}\n" * 120_000)
    told = []
    read_csv(tmp_path / "a.csv", progress=lambda *step: told.append(step))  # imports pandas
    tracemalloc.start()
    table = read_csv(tmp_path / "a.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.values.nbytes == 64 * 120_000
    assert peak < table.values.nbytes + 80 * 2**20
    assert told[-1][1] == told[-1][2] == (tmp_path / "a.csv").stat().st_size


def test_a_gzip_bomb_is_refused(tmp_path):
    line = b"1," + b",".join([b"0"] * 49) + b"\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(line * 800_000))
    with pytest.raises(DataError, match=r"unpacks to more than 67,108,864 bytes, the limit for its size"):
        datasets.load(tmp_path / "a.csv.gz")


def test_a_line_without_end_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1," * 2**23)
    with pytest.raises(DataError, match="lines of more than 16,777,216 bytes"):
        datasets.load(tmp_path / "a.csv")


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=120), st.text('0123456789,.;-+eE "\n\tabnif', max_size=120).map(str.encode)))
def test_any_bytes_are_a_table_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes", numbered=True) / "a.csv"
    path.write_bytes(content)
    try:
        table = read_csv(path, n_inputs=None)
    except DataError as error:
        assert str(path) in str(error)
        return
    assert table.values.ndim == 2
    assert table.values.dtype in (np.uint8, np.float32)
    assert table.labels is None or len(table.labels) == len(table.values)


@needs_data
def test_real_files_hold_mnist_s_images():
    folder, official = Path(os.environ["ENGRAM_DATA"]) / "csv", datasets.load("mnist")
    for name, images, labels, n in (
        ("noheader_mnist_train_100", official.train_images, official.train_labels, 100),
        ("mnist_in_csv_test_small", official.test_images, official.test_labels, 99),
    ):
        table = read_csv(folder / f"{name}.csv")
        np.testing.assert_array_equal(table.values, images[:n])
        assert table.labels.tolist() == labels[:n].tolist()
    assert read_csv(folder / "kaggle_digit_recognizer_test_small.csv").labels is None
    assert len(datasets.load(folder / "kaggle_digit_recognizer_train_small.csv").classes) == 10
