"""A frame: what one message to a page holds, a header in JSON and arrays behind it.

::

    4 bytes      length of the header, little-endian
    header       JSON; its "arrays" say name, dtype and shape of what follows, padded with blanks to a multiple of 4
    arrays       one after the other, each padded to a multiple of 4 bytes
"""

from __future__ import annotations

import json
import math
import struct

import numpy as np

DTYPES = {"uint8": np.uint8, "int32": np.int32, "float32": np.float32}


def encode(header: dict, arrays: dict[str, np.ndarray] | None = None) -> bytes:
    """The bytes of a frame."""
    arrays = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    listed = [{"name": n, "dtype": str(a.dtype), "shape": list(a.shape)} for n, a in arrays.items()]
    if unknown := {str(a.dtype) for a in arrays.values()} - set(DTYPES):
        raise TypeError(f"a page reads {', '.join(DTYPES)}, not {', '.join(unknown)}")
    text = json.dumps(plain({**header, "arrays": listed}), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    parts = [struct.pack("<I", len(text)), text]
    for array in arrays.values():
        content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        parts.append(content + bytes(-len(content) % 4))
    return b"".join(parts)


def decode(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """A frame's header and arrays."""
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    arrays, at = {}, 4 + length
    for one in header.pop("arrays"):
        dtype, size = np.dtype(DTYPES[one["dtype"]]), math.prod(one["shape"])
        arrays[one["name"]] = np.frombuffer(content, dtype, size, at).reshape(one["shape"])
        at += size * dtype.itemsize
        at += -at % 4
    return header, arrays


def plain(value):
    """A value as JSON can hold it: NumPy's numbers as Python's, lists for arrays, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
