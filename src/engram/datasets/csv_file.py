"""CSV files: a picture or a row of a table on each line, with a label or without, plain or gzipped."""

import csv
import io
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engram.datasets.arrays import from_arrays
from engram.datasets.base import Dataset
from engram.datasets.files import MAX_BYTES, Content, most_unpacked, open_regular
from engram.datasets.options import DEFAULTS, Options, Progress
from engram.datasets.registry import PathSource
from engram.datasets.shapes import square_side
from engram.errors import DataError

LABEL_NAMES = ("label", "labels", "class", "target", "species", "category", "digit", "y")
"""Headers of the column with the labels, whatever their case; of several the first of these, whatever their order."""

NO_LABELS = "none"
"""What `Options.label_column` says where there is no column of labels."""

_NUMBER_NAMES = ("", "id", "index", "unnamed: 0")  # of columns that only count the rows
_PIXEL = re.compile(r"(pixel|px|p|x|v)?[_ ]?\d+([x_, ]\d+)?", re.IGNORECASE)
_MAX_LINE_BYTES = 16 * 2**20
_MAX_COLUMNS = 2**20
_CELLS_AT_ONCE = 2**21
_SEPARATORS = ",;\t|"
_BETWEEN_DIGITS = re.compile(r"(?<=\d),(?=\d)")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


@dataclass(frozen=True, eq=False)
class Table:
    """What a CSV file holds.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns), uint8 or float32
    labels : ndarray of shape (n_rows,), or None
        As they are in the file, numbers or text.
    pixels : bool
        Whether the columns are pixels rather than quantities of their own.
    steps : tuple of str
        What was found out.
    """

    values: np.ndarray
    labels: np.ndarray | None
    pixels: bool
    steps: tuple[str, ...]


def load_csv(path: str | Path, options: Options = DEFAULTS, progress: Progress | None = None) -> Dataset:
    """Load a CSV file with a label on each line; see :func:`read_csv`.

    A file whose name has ``train`` in it takes the test part from the one beside it with ``test`` in that place, if
    that has labels; else a share of each class is held out.

    Parameters
    ----------
    path : str or Path
    options : Options, optional
    progress : callable, optional

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataError
        If there are no labels, or the file cannot be used.
    """
    path = Path(path)
    table = read_csv(path, options.label_column, progress=progress)
    if table.labels is None:
        raise DataError(
            f"{path} has no column of labels, which a data set needs; name it with label_column, or read the rows with"
            " 'engram predict'."
        )
    steps = list(table.steps)
    if len(np.unique(table.labels)) < 2:
        raise DataError(
            f"{path} has {steps[0]}, which holds one class only, {table.labels[0]}; name the right one by label_column"
            " (--set data.label_column=NAME, or -1 for the last)."
        )
    test = _test_part(path, options.label_column, table, progress)
    if test is not None:
        steps.append(f"the test part comes from {test[0]}")
    return from_arrays(
        table.values,
        table.labels,
        *(() if test is None else test[1:]),
        name=path.name.removesuffix(".gz").rsplit(".", 1)[0],
        image_shape=options.image_shape,
        value_range=options.value_range,
        table=not table.pixels and options.image_shape is None,
        description="; ".join(steps),
    )


def _test_part(path, label_column, train: Table, progress):
    """Name, values and labels of the file beside that is called the test part of this one, None where there is none."""
    name = path.name.replace("train", "test").replace("Train", "Test").replace("TRAIN", "TEST")
    other = path.with_name(name)
    if name == path.name or not other.is_file():
        return None
    table = read_csv(other, label_column, progress=progress)
    if table.labels is None or table.values.shape[1] != train.values.shape[1]:
        return None
    return name, table.values, table.labels


def read_csv(
    path: str | Path,
    label_column: str | int | None = None,
    *,
    n_inputs: int | None = None,
    progress: Progress | None = None,
) -> Table:
    """Read a CSV file in pieces, so that little more than its values lies in memory.

    A first line without numbers, or that only counts, is a header. Labels are in the column that the header calls so
    (``label``, ``class``, ``target``, ``species`` … or ``y``, unless ``x`` makes that a place), else in the only column
    of text, else, without a header, in the first one if the others make a square picture. Columns that number the rows
    are left out, and those among pixels that are called otherwise, if the pixels make a square without them. Fields are
    separated by commas, semicolons, tabs or bars; where it is not by commas, numbers may have a decimal comma.

    Parameters
    ----------
    path : str or Path
    label_column : str or int, optional
        Name or number, from 0, of the column with the labels; "none" where there is none.
    n_inputs : int, optional
        How many columns besides the labels there must be; a file with just so many has no labels.
    progress : callable, optional
        Called with bytes read and bytes in all.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file cannot be read, a line is of another length than the first, or a value is missing or no number: the
        message says in which line.
    """
    path = Path(path)
    try:
        return _read(path, _Layout.of(path, label_column, n_inputs), progress)
    except zlib.error as error:
        raise DataError(f"{path} is a damaged gzip file ({error}); get a fresh copy of it.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}); save it again as such.") from None
    except csv.Error as error:
        raise DataError(f"{path} is no table ({error}); give every line the same columns.") from None


@dataclass(frozen=True)
class _Layout:
    """What the first two lines tell of the columns."""

    n_columns: int
    has_header: bool
    label: int | None
    left_out: tuple[int, ...]
    pixels: bool
    separator: str
    decimal: str
    steps: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, path, label_column, n_inputs):
        """Look at the first lines."""
        lines = _first_lines(path)
        separator = max(_SEPARATORS, key=_BETWEEN_DIGITS.sub("", lines[0]).count if ";" in lines[0] else lines[0].count)
        first, second = (next(csv.reader([line], delimiter=separator), []) for line in (lines * 2)[:2])
        decimal = "," if separator != "," and any(map(_DECIMAL_COMMA.fullmatch, second)) else "."
        second = [cell.replace(decimal, ".") for cell in second]
        if len(first) != len(second):
            raise DataError(
                f"{path} is no table (Expected {len(first):,} fields in line 2, saw {len(second):,}); give every line"
                " the same columns."
            )
        if not first or len(first) > _MAX_COLUMNS:
            raise DataError(f"{path} has {len(first):,} columns in its first line; give one picture or row a line.")
        counting = [cell.strip() for cell in first] == [str(k) for k in range(len(first))]
        has_header = counting or not any(_is_number(cell.replace(decimal, ".")) for cell in first)
        names = [cell.strip().lower() for cell in first] if has_header else []
        values = second if has_header else [cell.replace(decimal, ".") for cell in first]
        numbering = tuple(k for k, name in enumerate(names) if name in _NUMBER_NAMES)
        label = _label_column(path, label_column, names, values, numbering, n_inputs)
        others = [k for k in range(len(first)) if k != label and k not in numbering]
        strangers = _among_pixels(names, others)
        others = [k for k in others if k not in strangers]
        if not others:
            raise DataError(
                f"{path} has no columns of values besides the labels; separate them by commas, semicolons or tabs."
            )
        if names:
            pixels = sum(_is_pixel(names[k]) for k in others) > len(others) / 2
        else:
            pixels = square_side(len(others)) is not None
        if n_inputs is not None and len(others) != n_inputs:
            raise DataError(f"{path} has {len(others):,} columns of values, the model reads {n_inputs:,} inputs.")
        steps = [] if label is None else [f"labels from the column {_called(names, label)}"]
        steps += [f"the column {_called(names, k)} only numbers the rows and is left out" for k in numbering]
        steps += [f"the column {_called(names, k)} among pixels is left out" for k in strangers]
        left_out = (*numbering, *strangers)
        return cls(len(first), has_header, label, left_out, pixels, separator, decimal, tuple(steps), tuple(names))


def _is_pixel(name):
    return _PIXEL.fullmatch(name) is not None


def _among_pixels(names, others):
    """Columns that are called otherwise than the pixels around them, which make a square without these."""
    strangers = [k for k in others if names and not _is_pixel(names[k])]
    n_pixels = len(others) - len(strangers)
    if n_pixels <= len(others) / 2 or square_side(len(others)) or not square_side(n_pixels):
        return []
    return strangers


def _label_column(path, asked, names, values, numbering, n_inputs):
    """The number of the column with the labels, or None."""
    n_columns = len(values)
    if asked == NO_LABELS:
        return None
    if asked is not None:
        return _asked_column(path, asked, names, n_columns)
    text = [k for k, value in enumerate(values) if value.strip() and not _is_number(value) and k not in numbering]
    called = next((name for name in LABEL_NAMES if name in names), None)
    if called is not None and not (called == "y" and "x" in names and len(text) == 1):  # x and y: a place
        return names.index(called)
    if len(text) == 1:
        return text[0]
    n_others = n_columns - len(numbering)
    if n_inputs is not None:
        return None if n_others == n_inputs else 0 if not names and not _only_last_whole(values) else n_columns - 1
    if names:
        return None
    if square_side(n_columns - 1):
        return 0
    if square_side(n_columns):
        return None
    raise DataError(
        f"{path} does not tell which of its {n_columns:,} columns holds the labels; give label_column, its name or"
        " number from 0, or 'none'."
    )


def _asked_column(path, asked, names, n_columns):
    if isinstance(asked, str) and asked.strip().lower() in names:
        return names.index(asked.strip().lower())
    try:
        number = int(asked)
    except ValueError:
        number = n_columns
    if not -n_columns <= number < n_columns:
        raise DataError(
            f"{path} has no column {asked!r}; give one of {', '.join(names[:20]) or f'0 to {n_columns - 1}'}."
        )
    return number % n_columns


def _only_last_whole(values):
    """Whether the last value of a line could be a label and the first could not."""
    return not float(values[0]).is_integer() and float(values[-1]).is_integer()


def _called(names, k):
    return f"'{names[k]}'" if names and names[k] else f"{k}"


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_lines(path):
    """The first two lines, of bounded length."""
    with _opened(path) as file:
        text = io.BufferedReader(file, 2**16)
        lines = [text.readline(_MAX_LINE_BYTES) for _ in range(2)]
    if any(len(line) >= _MAX_LINE_BYTES for line in lines):
        raise DataError(f"{path} has lines of more than {_MAX_LINE_BYTES:,} bytes; it is no such table.")
    try:
        found = [line.decode("utf-8-sig").rstrip("\r\n") for line in lines if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}); save it again as such.") from None
    if not found:
        raise DataError(f"{path} is empty; give a table with one picture or row a line.")
    return found


class _opened(io.RawIOBase):  # noqa: N801
    """A CSV file's unpacked content as a file, bounded, telling how much is read."""

    def __init__(self, path: Path, told=None):
        self._path = path
        self._file, self._size = open_regular(path)
        self._content = Content(self._file, self._size)
        self._limit = most_unpacked(self._size) if self._content.gzipped else MAX_BYTES
        self._found, self._told = 0, told

    def readable(self):
        """Yes."""
        return True

    def readinto(self, target):
        """Some bytes of the content; none at its end."""
        piece = self._content.read(min(len(target), 2**20))
        target[: len(piece)] = piece
        self._found += len(piece)
        if self._found > self._limit:
            raise DataError(
                f"{self._path} unpacks to more than {self._limit:,} bytes, the limit for its size; unpack it yourself"
                " first if that is what you expect."
            )
        if self._content.cut_short:
            raise DataError(f"{self._path} is cut short within its gzip stream; get a fresh copy of it.")
        if self._told is not None:
            self._told(self._file.tell(), self._size)
        return len(piece)

    def close(self):
        """Close the file, too."""
        self._file.close()
        super().close()


def _count_lines(path) -> int:
    with _opened(path) as file:
        n_lines, last = 0, b"\n"
        while piece := file.read(2**20):
            n_lines += piece.count(b"\n")
            last = piece[-1:]
    return n_lines + (last != b"\n")


def _read(path, layout, progress):
    """The file in pieces, into an array that is as large as the number of lines says."""
    kept = [k for k in range(layout.n_columns) if k != layout.label and k not in layout.left_out]
    n_lines = _count_lines(path)
    if n_lines <= layout.has_header:
        raise DataError(f"{path} holds a header and nothing else; give a table with one picture or row a line.")
    if n_lines * len(kept) > MAX_BYTES:
        raise DataError(f"{path} holds {n_lines * len(kept):,} values, the limit is {MAX_BYTES:,}; split the file.")
    values, labels, n_rows = np.empty((n_lines, len(kept)), np.uint8), [], 0
    for piece in _pieces(path, layout, progress):
        part = _numbers(piece, kept, layout, path, n_rows + 1 + layout.has_header)
        if part.dtype != values.dtype and values.dtype == np.uint8:
            values = _widened(values, n_rows, path)
        values[n_rows : n_rows + len(part)] = part
        n_rows += len(part)
        if layout.label is not None:
            labels.append(_labels(piece[layout.label], path, n_rows - len(part) + 1 + layout.has_header))
    if n_rows == 0:
        raise DataError(f"{path} holds a header and nothing else; give a table with one picture or row a line.")
    return Table(values[:n_rows], _joined(labels) if labels else None, layout.pixels, layout.steps)


def _pieces(path, layout: _Layout, progress):
    """Data frames of a bounded number of rows, their columns numbered."""
    import pandas as pd

    told = None if progress is None else (lambda done, total: progress(f"reading {path.name}", done, total))
    file: BinaryIO = io.BufferedReader(_opened(path, told), 2**20)
    try:
        reader = pd.read_csv(
            file,
            header=None,
            skiprows=1 if layout.has_header else 0,
            sep=layout.separator,
            decimal=layout.decimal,
            names=range(layout.n_columns),
            index_col=False,
            chunksize=max(1, _CELLS_AT_ONCE // layout.n_columns),
            encoding="utf-8-sig",
            skipinitialspace=True,
            on_bad_lines="error",
            low_memory=False,
        )
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # of values beyond the last column
                piece = next(reader, None)
            if piece is None:
                return
            yield piece
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path} is no table ({reason}); give every line the same columns.") from None
    finally:
        file.close()


def _numbers(piece, kept, layout, path, line):
    """The values of a piece as uint8 where they fit, else float32."""
    part = piece[kept]
    for column in [k for k in kept if part[k].dtype.kind not in "buif"]:
        texts = part[column].astype(str).tolist()
        row = next((k for k, text in enumerate(texts) if not _is_number(text)), None)
        if row is not None:
            place = f"line {line + row:,}, column {_called(layout.names, column)}"
            raise DataError(
                f"{path} holds {texts[row]!r:.80} in {place}, where a number is needed; remove that column, or name"
                " that of the labels by label_column (--set data.label_column=NAME)."
            )
        part = part.astype({column: np.float64})  # whole numbers too long for 64 bits
    part = part.to_numpy()
    if part.dtype.kind == "f" and np.isnan(part).any():
        row, column = np.argwhere(np.isnan(part))[0]
        place = f"line {line + row:,}, column {_called(layout.names, kept[column])}"
        raise DataError(f"{path} lacks the value of {place}; fill or remove it.")
    if part.dtype.kind in "bui" and part.min() >= 0 and part.max() <= 255:
        return part.astype(np.uint8)
    with np.errstate(over="ignore"):
        return part.astype(np.float32)


def _widened(values, n_rows, path):
    if values.size * 4 > MAX_BYTES:
        raise DataError(f"{path} needs {values.size * 4:,} bytes, the limit is {MAX_BYTES:,}; split the file.")
    wide = np.empty(values.shape, np.float32)
    wide[:n_rows] = values[:n_rows]
    return wide


def _labels(column, path, line):
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise DataError(f"{path} lacks the label of line {line + missing[0]:,}; fill or remove it.")
    return column.to_numpy() if column.dtype.kind in "buif" else column.astype(str).to_numpy(dtype=object)


def _joined(parts):
    """One array of labels; where some pieces hold text, all are text."""
    if any(part.dtype.kind == "O" for part in parts):
        parts = [part if part.dtype.kind == "O" else part.astype(str).astype(object) for part in parts]
    return np.concatenate(parts)


def is_csv(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


SOURCE = PathSource(
    description="a .csv file, also gzipped, with a picture or row and its label on each line",
    recognises=lambda path: path.is_file() and is_csv(path),
    load=load_csv,
    options=("label_column", "image_shape", "value_range"),
)
