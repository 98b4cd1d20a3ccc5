"""Recordings of event cameras: every format read right, turned into spikes and frames, damage told by its path."""

import os
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram import datasets
from engram.datasets import from_recordings
from engram.datasets.event_files import as_events, read_events
from engram.datasets.recordings import Events, Layout, Recordings
from engram.errors import ConfigError, DataError, DataWarning
from event_scenes import bar_events, write_aedat4, write_bin, write_zips

needs_data = pytest.mark.skipif(
    not os.environ.get("ENGRAM_DATA"), reason="ENGRAM_DATA is not set to a folder that holds nmnist-small/"
)


def recording(*events, **layout):
    """One recording of (t, x, y, polarity)."""
    return Recordings.of(Layout(**({"sensor_shape": (2, 3)} | layout)), [Events(*np.array(events).T)])


def pairs(n=12, side=8):
    """Bars of two classes, as arrays of four columns."""
    return [(np.column_stack(bar_events(k % 2, k, side)), k % 2) for k in range(n)]


def write_folder(folder, n=12, parts=("",)):
    for part in parts:
        for k in range(n):
            write_bin(folder / part / str(k % 2) / f"{k:05}.bin", *bar_events(k % 2, k))
    return folder


# --- inputs, steps and frames -------------------------------------------------------------------


def test_off_events_lie_left_and_on_events_right_of_a_frame():
    counts = recording((0, 2, 0, 0), (1, 2, 0, 1), (2, 0, 1, 1), (3, 0, 1, 1)).counts(0)
    assert counts.reshape(2, 6).tolist() == [[0, 0, 1, 0, 0, 1], [0, 0, 0, 2, 0, 0]]
    merged = recording((0, 2, 0, 0), (1, 2, 0, 1), (2, 0, 1, 1), channels="merged").counts(0)
    assert merged.reshape(2, 3).tolist() == [[0, 0, 2], [1, 0, 0]]


def test_events_fall_into_the_step_of_their_time_and_count_once_a_step():
    recordings = recording((0, 0, 0, 0), (499, 1, 0, 0), (499, 1, 0, 0), (500, 0, 0, 0), (1900, 2, 1, 1))
    index, offset = recordings.spikes(0, n_steps=3, dt=0.5)
    assert (index.dtype, offset.dtype) == (np.int32, np.int64)
    assert (index.tolist(), offset.tolist()) == ([0, 1, 0], [0, 2, 3, 3])
    index, offset = recordings.spikes(0, n_steps=4, dt=0.5)
    assert (index.tolist(), offset.tolist()) == ([0, 1, 0, 11], [0, 2, 3, 3, 4])


def test_an_event_on_the_border_of_two_steps_belongs_to_the_later_one():
    for dt in (0.1, 0.3, 0.5, 0.7):
        n_steps = 1000
        times = np.ceil(np.arange(n_steps) * dt * 1000 - 1e-6)
        events = Events(times, *np.zeros((3, n_steps), int))
        _, offset = Recordings.of(Layout((1, 1)), [events]).spikes(0, n_steps, dt)
        assert np.diff(offset).tolist() == [1] * n_steps, dt


def test_the_window_begins_at_zero_and_speed_shortens_it():
    events = ((9_999, 0, 0, 0), (10_000, 1, 0, 0), (19_999, 2, 0, 0), (20_000, 0, 1, 0))
    index, offset = recording(*events, window=(10.0, 20.0)).spikes(0, n_steps=10, dt=1.0)
    assert (index.tolist(), np.diff(offset).nonzero()[0].tolist()) == ([1, 2], [0, 9])
    index, offset = recording(*events, window=(10.0, 20.0), speed=2.0).spikes(0, n_steps=10, dt=1.0)
    assert (index.tolist(), np.diff(offset).nonzero()[0].tolist()) == ([1, 2], [0, 4])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from([0.1, 0.25, 0.5, 1.0]), st.integers(1, 700))
def test_spikes_are_the_set_of_step_and_input(seed, n_events, dt, n_steps):
    random = np.random.default_rng(seed)
    t = random.integers(0, 400, n_events) * 250  # in quarters of ms, which every dt divides exactly or not at all
    x, y, p = random.integers(0, 3, n_events), random.integers(0, 2, n_events), random.integers(0, 2, n_events)
    recordings = Recordings.of(Layout((2, 3)), [Events(t, x, y, p)])
    index, offset = recordings.spikes(0, n_steps, dt)
    step = np.repeat(np.arange(n_steps), np.diff(offset))
    expected = {(int(a // (dt * 1000) + 1e-9), int(c * 6 + b + 3 * d)) for a, b, c, d in zip(t, x, y, p, strict=True)}
    if dt != 0.1:
        assert set(zip(step.tolist(), index.tolist(), strict=True)) == {pair for pair in expected if pair[0] < n_steps}
    assert len(index) == offset[-1]
    assert np.all(np.diff(step * 12 + index) > 0)


def test_recordings_are_chosen_like_rows_of_an_array():
    recordings = Recordings.of(Layout((8, 8)), [as_events(events) for events, _ in pairs(5)])
    assert len(recordings) == 5
    for chosen in (slice(1, 3), [1, 2], np.array([False, True, True, False, False])):
        some = recordings[chosen]
        assert len(some) == 2
        np.testing.assert_array_equal(some.counts(1), recordings.counts(2))
    assert len(recordings[:0]) == 0
    assert [len(each.time) for each in recordings] == [120] * 5


def test_frames_are_counts_of_events_with_few_clipped():
    recordings = Recordings.of(Layout((8, 8)), [as_events(events) for events, _ in pairs(5)])
    white = recordings.white()
    frames = recordings.frames(white)
    assert (frames.dtype, frames.shape) == (np.uint8, (5, 128))
    np.testing.assert_array_equal(frames[2], np.rint(np.minimum(recordings.counts(2) * 255 / white, 255)))
    assert 0 < np.mean(frames[frames > 0] == 255) < 0.05


def test_events_are_brought_in_order_of_time():
    events = Events([30, 10, 20], [0, 1, 2], [0, 0, 0], [1, 0, 1])
    assert (events.t.tolist(), events.x.tolist(), events.polarity.tolist()) == ([10, 20, 30], [1, 2, 0], [0, 1, 1])


# --- anything that yields recordings ------------------------------------------------------------


def forms(t, x, y, p):
    fields = [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")]
    structured = np.array(list(zip(t, x, y, p, strict=True)), dtype=fields)
    return {
        "columns": np.column_stack((t, x, y, p)),
        "rows": np.stack((t, x, y, p)),
        "fields": structured,
        "mapping": {"timestamp": t, "x": x, "y": y, "polarity": np.where(p > 0, 1, -1)},
        "tuple": (t, x, y, p),
    }


@pytest.mark.parametrize("form", ["columns", "rows", "fields", "mapping", "tuple"])
def test_a_recording_may_come_in_many_forms(form):
    parts = bar_events(1, 3)
    events = as_events(forms(*parts)[form])
    np.testing.assert_array_equal(events.t, parts[0])
    np.testing.assert_array_equal(events.y, parts[2])
    np.testing.assert_array_equal(events.polarity > 0, parts[3] > 0)


class Tonic:
    """What a data set of tonic looks like: pairs by number, and the sensor's width, height and polarities."""

    sensor_size = (10, 8, 2)

    def __len__(self):
        return 12

    def __getitem__(self, number):
        if number >= len(self):
            raise IndexError
        return forms(*bar_events(number % 2, number))["fields"], number % 2


def test_a_data_set_of_tonic_is_taken_and_tells_its_sensor():
    dataset = from_recordings(Tonic(), name="bars")
    assert repr(dataset) == "Dataset('bars': 10 training and 2 test recordings of 8×10 (height × width), 2 classes)"
    assert dataset.image_shape == (8, 20)
    assert "tonic" not in sys.modules


def test_a_set_of_recordings_keeps_events_and_frames_together():
    dataset = from_recordings(pairs(), pairs(4), name="bars", window=(0, 200), speed=2)
    assert len(dataset.train_recordings) == len(dataset.train_images) == 12
    assert len(dataset.test_recordings) == 4
    assert dataset.value_range[0] == 0
    np.testing.assert_array_equal(dataset.train_images, dataset.train_recordings.frames(dataset.value_range[1]))
    assert dataset.description == (
        "Events of a sensor of 8×8 pixels, off and on side by side; 0 to 200 ms of each recording is shown, at speed 2."
    )
    smaller = dataset.first(5, 2)
    assert (len(smaller.train_recordings), len(smaller.test_recordings)) == (5, 2)
    np.testing.assert_array_equal(smaller.train_recordings.counts(4), dataset.train_recordings.counts(4))


def test_the_content_hash_depends_on_times_window_and_speed():
    dataset = from_recordings(pairs(), test_fraction=0)
    later = [(events + np.array([1, 0, 0, 0]), label) for events, label in pairs()]
    others = [
        from_recordings(later, test_fraction=0),
        from_recordings(pairs(), test_fraction=0, speed=2),
        from_recordings(pairs(), test_fraction=0, window=(0, 300)),
    ]
    assert dataset.content_hash() == from_recordings(pairs(), test_fraction=0).content_hash()
    assert len({dataset.content_hash(), *(other.content_hash() for other in others)}) == 4


def test_labels_of_recordings_may_be_names():
    named = [(events, ("upright", "lying")[label]) for events, label in pairs()]
    assert from_recordings(named).class_names == {0: "lying", 1: "upright"}


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([], "holds no recordings"),
        ([3], "training recording 0 must be a pair of events and label, got int"),
        ([(np.zeros((3, 2)), 0)], r"training recording 0: events must be an array .*got shape \(3, 2\)"),
        ([(np.array([[-1, 0, 0, 0]]), 0)], "zero or positive; got -1"),
        ([({"t": [0], "x": [0]}, 0)], "events need t, x, y and p, got t, x; name them so"),
        ([(([0, 1], [0], [0, 0], [0, 1]), 0)], "events must be an array|one number of t, x, y and polarity each"),
        ([(np.zeros((0, 4)), 0), (np.zeros((0, 4)), 1)], "hold no events"),
        ([([[0, -3, 0, 1]], 0)], "recording 0: x of events must be whole numbers of pixels, .*; got -3 to -3"),
        ([([[0, 0, 0.5, 1]], 0)], "recording 0: y of events must be whole numbers of pixels, .*; got 0.5 to 0.5"),
        ([([[0, 0, np.nan, 1]], 0)], "recording 0: y of events must be whole numbers of pixels"),
        (
            [([[3, 4, 290_000, 1]], 0)] * 2,
            "reach to column 4 and row 290,000, farther than on any sensor; give them",
        ),
    ],
)
def test_unusable_recordings_are_told(recordings, message):
    with pytest.raises(DataError, match=message):
        from_recordings(recordings)


def test_frames_beyond_the_bound_are_refused_before_memory_is_taken():
    with pytest.raises(DataError, match=r"frames of 12 recordings with 8,589,934,592 inputs need more than .* bytes"):
        from_recordings(pairs(), sensor_shape=(2**16, 2**16))


@pytest.mark.parametrize("unit", [1e-6, 1e-3])
def test_times_in_another_unit_are_warned_of(unit):
    recordings = [(events * np.array([unit, 1, 1, 1]), label) for events, label in pairs()]
    with pytest.warns(DataWarning, match=r"longest recording of bars lasts .* µs; times are µs: multiply seconds by"):
        from_recordings(recordings, name="bars")


def test_times_of_a_clock_that_began_long_before_count_from_the_first_event():
    first = np.array([1_700_000_000_000_000, 0, 0, 0])
    late = from_recordings([(events + first, label) for events, label in pairs()], test_fraction=0)
    expected = [events[:, 0] - events[0, 0] for events, _ in pairs()]
    assert late.train_recordings.time.tolist() == np.concatenate(expected).tolist()
    assert "times count from the first event" in late.description
    assert "first event" not in from_recordings(pairs()).description


def test_events_beyond_the_sensor_are_told():
    with pytest.raises(DataError, match=r"reach from .* to .*7, the sensor has 4×4 pixels; give the right"):
        from_recordings(pairs(), sensor_shape=(4, 4))


# --- files --------------------------------------------------------------------------------------


def test_five_bytes_an_event_are_read_as_they_were_written(tmp_path):
    t, x, y, p = bar_events(0, 1)
    events = read_events(write_bin(tmp_path / "a.bin", t, x, y, p))
    for found, written in zip((events.t, events.x, events.y, events.polarity), (t, x, y, p), strict=True):
        np.testing.assert_array_equal(found, written)


def test_a_known_event_of_n_mnist_is_decoded_by_hand(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes([0x0A, 0x1C, 0x81, 0x02, 0x03]))
    events = read_events(tmp_path / "a.bin")
    assert (events.x[0], events.y[0], events.polarity[0], events.t[0]) == (10, 28, 1, 0x010203)


def test_the_mark_of_a_clock_that_went_round_adds_8192_microseconds(tmp_path):
    write_bin(tmp_path / "a.bin", [8000, 8100, 10, 20], [1, 0, 2, 3], [1, 240, 2, 3], [0, 0, 1, 0])
    events = read_events(tmp_path / "a.bin")
    assert events.t.tolist() == [8000, 8202, 8212]
    assert events.x.tolist() == [1, 2, 3]


def test_aedat4_is_read_and_counts_from_its_first_event(tmp_path):
    t, x, y, p = bar_events(1, 2)
    events = read_events(write_aedat4(tmp_path / "a.aedat4", t, x, y, p))
    np.testing.assert_array_equal(events.t, t - t[0])
    np.testing.assert_array_equal(events.x, x)
    np.testing.assert_array_equal(events.polarity > 0, p > 0)


def test_aedat4_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    path = write_aedat4(tmp_path / "a.aedat4", *bar_events(1, 2))
    monkeypatch.setitem(sys.modules, "aedat", None)
    with pytest.raises(DataError, match=r"needs the package aedat; install it with 'pip install engram\[events\]'"):
        read_events(path)


@pytest.mark.parametrize("cut", [5, 40, 600, -3])
def test_a_damaged_aedat4_file_is_told_by_its_path(tmp_path, cut):
    path = write_aedat4(tmp_path / "a.aedat4", *bar_events(1, 2))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"a.aedat4 (is damaged|holds no events)"):
        read_events(path)


@pytest.mark.parametrize("form", ["columns", "fields"])
@pytest.mark.parametrize("kind", ["npy", "npz", "npz of one"])
def test_arrays_of_events_are_read(tmp_path, kind, form):
    t, x, y, p = bar_events(1, 2)
    path = tmp_path / f"a.{kind[:3]}"
    if kind == "npz":
        np.savez(path, t=t, x=x, y=y, p=p)
    else:
        save = np.save if kind == "npy" else np.savez
        save(path, forms(t, x, y, p)[form])
    np.testing.assert_array_equal(read_events(path).t, t)
    np.testing.assert_array_equal(read_events(path).y, y)


@pytest.mark.parametrize("parts", [("",), ("Train", "Test")])
def test_a_folder_of_recordings_is_loaded(tmp_path, parts):
    told = []
    dataset = datasets.load(write_folder(tmp_path / "bars", parts=parts), progress=lambda *step: told.append(step))
    numbers = (10, 2) if parts == ("",) else (12, 12)
    assert (len(dataset.train_recordings), len(dataset.test_recordings)) == numbers
    assert dataset.train_recordings.layout == Layout((34, 34))
    assert dataset.name == "bars"
    assert told[-1] == ("reading bars", 12, 12)


def test_kinds_of_files_may_be_mixed_in_a_folder(tmp_path):
    for k in range(4):
        t, x, y, p = bar_events(k % 2, k)
        folder = tmp_path / "bars" / "ab"[k % 2]
        write_aedat4(folder / f"{k}.aedat4", t, x, y, p)
        np.save(folder / f"{k}.npy", np.column_stack((t - t[0], x, y, p)))
    dataset = datasets.load(tmp_path / "bars", sensor_shape=(8, 8))
    assert dataset.class_names == {0: "a", 1: "b"}
    counts = {dataset.train_recordings.counts(k).tobytes() for k in range(len(dataset.train_recordings))}
    assert len(counts) == 4


def test_zip_files_of_recordings_are_loaded_as_the_folder_is(tmp_path):
    folder, zips = write_folder(tmp_path / "a", parts=("Train", "Test")), write_zips(tmp_path / "b")
    assert datasets.load(folder).content_hash() == datasets.load(zips).content_hash()
    assert len(datasets.load(zips / "Train.zip").train_recordings) == 10


def test_options_of_recordings_reach_them(tmp_path):
    dataset = datasets.load(
        write_zips(tmp_path / "b"), window=(0, 100), speed=0.5, channels="merged", sensor_shape=(8, 9)
    )
    assert dataset.train_recordings.layout == Layout((8, 9), "merged", (0.0, 100.0), 0.5)
    assert dataset.n_inputs == 72


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (5, 5)}, "window must be .begin, end. in ms with 0 ≤ begin < end"),
        ({"window": "early"}, "window must be two numbers, such as 0,300; got 'early'"),
        ({"image_shape": 24}, "image_shape must be two numbers, such as 28,28; got 24"),
        ({"value_range": 1}, "value_range must be two numbers, such as 0,1; got 1"),
        ({"speed": 0}, "speed must be a positive number, got 0"),
        ({"channels": "three"}, "channels must be one of both, merged, got 'three'"),
        ({"sensor_shape": (0, 3)}, "sensor_shape must be height and width in whole pixels"),
        ({"label_column": "x"}, "the option label_column is not for a folder of event recordings"),
    ],
)
def test_impossible_options_are_told(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        datasets.load(write_zips(tmp_path / "b"), **options)


def test_a_broken_file_among_good_ones_is_named_by_its_path(tmp_path):
    folder = write_folder(tmp_path / "bars")
    (folder / "1" / "00003.bin").write_bytes(b"1234567")
    with pytest.raises(DataError, match=r"bars/1/00003.bin holds 7 bytes, no whole number of events of 5 bytes"):
        datasets.load(folder)
    zips = write_zips(tmp_path / "zips")
    with zipfile.ZipFile(zips / "Train.zip", "a") as archive:
        archive.writestr("Train/1/99999.bin", b"1234567")
    with pytest.raises(DataError, match=r"Train/1/99999.bin in .*Train.zip holds 7 bytes"):
        datasets.load(zips)


def test_a_bomb_among_recordings_is_refused_before_it_is_unpacked(tmp_path):
    zips = write_zips(tmp_path / "zips")
    with zipfile.ZipFile(zips / "Train.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Train/1/99999.bin", bytes(5 * 2**24))
    with pytest.raises(DataError, match=r"99999.bin in .* would unpack from .* to 83,886,080 bytes, the limit is"):
        datasets.load(zips)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_recording_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes", numbered=True) / "a.bin"
    path.write_bytes(content)
    try:
        events = read_events(path)
    except DataError as error:
        assert str(path) in str(error)
        return
    assert len(events.t) <= len(content) // 5


@needs_data
def test_n_mnist_s_recordings_are_complete_and_right():
    dataset = datasets.load("nmnist-small")
    assert (len(dataset.train_recordings), len(dataset.test_recordings)) == (1000, 100)
    assert np.bincount(dataset.train_labels).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert np.bincount(dataset.test_labels).tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]
    lengths = np.diff(dataset.train_recordings.offset)
    assert lengths.min() >= 1069
    assert lengths.max() <= 7152
    last = dataset.train_recordings.time[dataset.train_recordings.offset[1:] - 1]
    assert last.min() > 296_000
    assert last.max() < 337_000
    assert dataset.image_shape == (34, 68)
