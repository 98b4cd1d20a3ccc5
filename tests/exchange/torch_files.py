"""Writes files as ``torch.save`` does, without PyTorch."""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Global:
    """A class or function by its name."""

    module: str
    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """An object as the call that makes it, and the state that it is then given."""

    function: Global
    arguments: tuple = ()
    state: object = None
    opcode: bytes = pickle.REDUCE


def made(module: str, name: str, state: dict) -> Call:
    """An object of a class, with its state."""
    return Call(Global(module, name), (), state, pickle.NEWOBJ)


class _Pickler(pickle._Pickler):
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def __init__(self, file, storages):
        super().__init__(file, protocol=2)
        self.storages = storages

    def save_global_name(self, name: Global):
        self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(name)

    def save_call(self, call: Call):
        self.save(call.function)
        self.save(call.arguments)
        self.write(call.opcode)
        self.memoize(call)
        if call.state is not None:
            self.save(call.state)
            self.write(pickle.BUILD)

    def save_array(self, array: np.ndarray):
        kind = {"f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage"}[array.dtype.str[1:]]
        self.save(Global("torch._utils", "_rebuild_tensor_v2"))
        self.write(pickle.MARK)
        self.save(("storage", Global("torch", kind), str(len(self.storages)), "cpu", array.size))
        self.write(pickle.BINPERSID)
        self.storages.append(array)
        strides = tuple(s // array.itemsize for s in array.strides)
        for argument in (0, array.shape, strides, False, Call(Global("collections", "OrderedDict"))):
            self.save(argument)
        self.write(pickle.TUPLE + pickle.REDUCE)

    dispatch[Global] = save_global_name
    dispatch[Call] = save_call
    dispatch[np.ndarray] = save_array


def save(path, content, *, compression=zipfile.ZIP_STORED, pickled: bytes | None = None) -> None:
    """A file like those of ``torch.save``."""
    storages, buffer = [], io.BytesIO()
    _Pickler(buffer, storages).dump(content)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", buffer.getvalue() if pickled is None else pickled)
        archive.writestr("archive/byteorder", "little")
        for k, array in enumerate(storages):
            archive.writestr(f"archive/data/{k}", array.tobytes())
