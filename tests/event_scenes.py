"""Recordings for tests: written by the formats' rules, byte by byte, rather than taken from anywhere."""

import struct
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np

_INFO = """<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">
<node name="0" path="/mainloop/Recorder/outInfo/0/">
<attr key="compression" type="string">NONE</attr><attr key="originalModuleName" type="string">capture</attr>
<attr key="originalOutputName" type="string">events</attr><attr key="typeDescription" type="string">events</attr>
<attr key="typeIdentifier" type="string">EVTS</attr>
<node name="info" path="/mainloop/Recorder/outInfo/0/info/"><attr key="sizeX" type="int">{width}</attr>
<attr key="sizeY" type="int">{height}</attr><attr key="source" type="string">none</attr></node></node></node></dv>"""


def bar_events(label: int, seed: int, side: int = 8, n: int = 120):
    """Times in µs, columns, rows and polarities of a bar that flickers: upright for label 0, lying for label 1."""
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, 300_000, n))
    along, across = random.integers(0, side, n), random.integers(side // 2 - 1, side // 2 + 1, n)
    x, y = (across, along) if label == 0 else (along, across)
    return t, x, y, random.integers(0, 2, n)


def write_bin(path: Path, t, x, y, polarity) -> Path:
    """N-MNIST's five bytes an event: x, y, and 24 bits of polarity (the first) and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bin_bytes(t, x, y, polarity))
    return path


def bin_bytes(t, x, y, polarity) -> bytes:
    """The content of such a file."""
    last = (np.asarray(polarity).astype(np.int64) << 23) + np.asarray(t)
    parts = (np.asarray(x), np.asarray(y), last >> 16, (last >> 8) & 255, last & 255)
    return np.column_stack(parts).astype(np.uint8).tobytes()


def write_zips(folder: Path, n: int = 12) -> Path:
    """N-MNIST's layout: Train.zip and Test.zip, each with a folder of recordings a class."""
    folder.mkdir()
    for part in ("Train", "Test"):
        with zipfile.ZipFile(folder / f"{part}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for k in range(n):
                archive.writestr(f"{part}/{k % 2}/{k + 1:05}.bin", bin_bytes(*bar_events(k % 2, k)))
    return folder


def write_aedat4(path: Path, t, x, y, polarity, *, width: int = 8, height: int = 8, begin: int = 10**15) -> Path:
    """A file of one stream of events in two packets, uncompressed; times start at `begin`, as a camera's clock does."""
    content = b"#!AER-DAT4.0\r\n" + _header(_INFO.format(width=width, height=height))
    for part in (slice(None, len(t) // 2), slice(len(t) // 2, None)):
        packet = _packet(np.asarray(t)[part] + begin, x[part], y[part], polarity[part])
        content += struct.pack("<ii", 0, len(packet)) + packet
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _header(info: str) -> bytes:
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString(info)
    builder.StartObject(3)
    builder.PrependInt32Slot(0, 0, -1)
    builder.PrependInt64Slot(1, -1, 0)
    builder.PrependUOffsetTRelativeSlot(2, text, 0)
    builder.FinishSizePrefixed(builder.EndObject(), b"IOHE")
    return bytes(builder.Output())


def _packet(t, x, y, polarity) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.StartVector(16, len(t), 8)
    for each in reversed(list(zip(t, x, y, polarity, strict=True))):
        builder.Prep(8, 16)
        builder.Pad(3)
        builder.PrependBool(bool(each[3]))
        builder.PrependInt16(int(each[2]))
        builder.PrependInt16(int(each[1]))
        builder.PrependInt64(int(each[0]))
    events = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, events, 0)
    builder.FinishSizePrefixed(builder.EndObject(), b"EVTS")
    return bytes(builder.Output())
