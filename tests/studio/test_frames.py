"""Frames: what is packed comes out again."""

import json

import numpy as np
import pytest

from engram.studio.frames import decode, encode, plain


def test_frame_gives_back_header_and_arrays():
    arrays = {
        "odd": np.arange(7, dtype=np.uint8),
        "table": np.arange(6, dtype=np.int32).reshape(2, 3),
        "view": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "none": np.zeros((0, 4), np.float32),
    }
    header, found = decode(encode({"examples": np.int64(7), "name": "é"}, arrays))
    assert header == {"examples": 7, "name": "é"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_arrays_begin_at_multiples_of_four_bytes():
    content = encode({"a": "x"}, {"three": np.ones(3, np.uint8), "one": np.ones(1, np.float32)})
    assert len(content) % 4 == 0
    assert content[-4:] == np.float32(1).tobytes()


def test_what_is_not_finite_becomes_none():
    found = plain({"a": [float("nan"), np.float32("inf"), 1.5], "b": np.array([1, 2]), 3: (np.bool_(True),)})
    assert json.loads(json.dumps(found, allow_nan=False)) == {"a": [None, None, 1.5], "b": [1, 2], "3": [True]}


def test_types_that_a_page_cannot_read_are_refused():
    with pytest.raises(TypeError, match="float64"):
        encode({}, {"a": np.zeros(1)})
