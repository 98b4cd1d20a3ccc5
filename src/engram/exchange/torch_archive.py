"""PyTorch's zip files read without PyTorch, and without unpickling: nothing that they name is looked up or run.

Such a file says in a pickle how objects are made. Here the pickle's few instructions are carried out on plain records:
a class becomes its name, a call becomes what is called with what, an object its name and its state. Numbers come from
the file's own storages, within the bounds of its size.
"""

from __future__ import annotations

import os
import pickletools
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engram.errors import ModelFileError
from engram.files import open_regular

_DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?",
}  # fmt: skip

_MAX_PICKLE = 1 << 24
"""No network's structure takes more (16 MiB)."""

_LONGEST_ORDER = 16
"""Bytes in which an archive tells the order of bytes."""

_BUILDS_TENSOR = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor")
_BUILDS_PARAMETER = ("torch._utils _rebuild_parameter", "torch.nn.parameter Parameter")


@dataclass(frozen=True)
class Name:
    """The name of a class or function, never looked up."""

    text: str


@dataclass(eq=False)
class Record:
    """What a pickle says of an object: who makes it, from what, and its state."""

    maker: Any
    arguments: Any = ()
    state: Any = None
    items: dict = field(default_factory=dict)


@dataclass(frozen=True)
class _Storage:
    kind: str
    key: str


_MARK = object()


def read_torch_archive(path: str | Path):
    """The content of a file that ``torch.save`` wrote: dicts, lists, numbers, texts, arrays, and records of the rest.

    Raises
    ------
    ModelFileError
        If it is no such file, is damaged, or holds instructions that no network needs.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            return _read(file, path)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror or error}); check its place.") from None
    except zipfile.BadZipFile:
        raise ModelFileError(
            f"{path} is no file of PyTorch 1.6 or later; load it with the PyTorch that wrote it and save it again."
        ) from None
    except ModelFileError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, RuntimeError) as error:
        raise ModelFileError(f"{path} is damaged or no network: {type(error).__name__} {error}.") from None


def _read(file, path: Path):
    with zipfile.ZipFile(file) as archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        if "data.pkl" not in names:
            raise ModelFileError(f"{path} holds no data.pkl; give a file that torch.save wrote.")
        left = os.fstat(file.fileno()).st_size

        def content(name: str, most: int | None = None) -> bytes:
            nonlocal left
            info = archive.getinfo(names[name])
            left -= info.file_size
            if info.compress_type != zipfile.ZIP_STORED or left < 0 or (most is not None and info.file_size > most):
                raise ModelFileError(f"{path} holds {name} in a form that torch.save does not write; save it again.")
            return archive.read(info)

        if "byteorder" in names and content("byteorder", _LONGEST_ORDER) != b"little":
            raise ModelFileError(f"{path} was written with the bytes of its numbers the other way round.")
        return _Machine(lambda key: content(f"data/{key}")).run(content("data.pkl", _MAX_PICKLE))


class _Machine:
    """Carries out a pickle's instructions on plain records."""

    def __init__(self, content_of):
        self.content_of, self.stack, self.memo, self.storages = content_of, [], {}, {}

    def run(self, pickle: bytes):
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name == "STOP":
                return self.stack.pop()
            instruction = getattr(self, f"_on_{_KINDS.get(opcode.name, opcode.name).lower()}", None)
            if instruction is None:
                raise ModelFileError(f"it holds the instruction {opcode.name}, which no saved network needs.")
            instruction(argument)
        raise ValueError("it has no end")

    def _since_mark(self) -> list:
        k = len(self.stack) - 1
        while self.stack[k] is not _MARK:
            k -= 1
            if k < 0:
                raise ValueError("it closes what it did not open")
        items = self.stack[k + 1 :]
        del self.stack[k:]
        return items

    def _on_proto(self, version):
        if version not in (2, 3, 4, 5):
            raise ValueError(f"protocol {version}")

    def _on_literal(self, value):
        self.stack.append(value)

    def _on_none(self, _):
        self.stack.append(None)

    def _on_newtrue(self, _):
        self.stack.append(True)

    def _on_newfalse(self, _):
        self.stack.append(False)

    def _on_global(self, name):
        self.stack.append(Name(name))

    def _on_empty_dict(self, _):
        self.stack.append({})

    def _on_empty_list(self, _):
        self.stack.append([])

    def _on_empty_tuple(self, _):
        self.stack.append(())

    def _on_mark(self, _):
        self.stack.append(_MARK)

    def _on_tuple(self, _):
        self.stack.append(tuple(self._since_mark()))

    def _on_tuple1(self, _):
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _on_tuple2(self, _):
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _on_tuple3(self, _):
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _on_put(self, place):
        self.memo[place] = self.stack[-1]

    def _on_get(self, place):
        self.stack.append(self.memo[place])

    def _on_append(self, _):
        value = self.stack.pop()
        self._into(self.stack[-1], [value])

    def _on_appends(self, _):
        values = self._since_mark()
        self._into(self.stack[-1], values)

    @staticmethod
    def _into(target, values):
        if isinstance(target, list):
            target.extend(values)

    def _on_setitem(self, _):
        key, value = self.stack[-2:]
        del self.stack[-2:]
        self._set(self.stack[-1], [(key, value)])

    def _on_setitems(self, _):
        values = self._since_mark()
        self._set(self.stack[-1], zip(values[::2], values[1::2], strict=True))

    @staticmethod
    def _set(target, pairs):
        (target.items if isinstance(target, Record) else target).update(
            (key, value) for key, value in pairs if isinstance(key, (str, int, float, tuple))
        )

    def _on_binpersid(self, _):
        kind, storage, key, *_ = self.stack.pop()
        if kind != "storage" or not isinstance(storage, Name):
            raise ValueError("it names a store that is none")
        self.stack.append(_Storage(storage.text.rpartition(" ")[2], str(key)))

    def _on_newobj(self, _):
        arguments, maker = self.stack.pop(), self.stack.pop()
        self.stack.append(Record(maker, arguments))

    def _on_reduce(self, _):
        arguments, maker = self.stack.pop(), self.stack.pop()
        name = maker.text if isinstance(maker, Name) else ""
        if name == "collections OrderedDict" and not arguments:
            self.stack.append({})
        elif name in _BUILDS_TENSOR:
            self.stack.append(self._tensor(*arguments[:4]))
        elif name in _BUILDS_PARAMETER:
            self.stack.append(arguments[0])
        else:
            self.stack.append(Record(maker, arguments))

    def _on_build(self, _):
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state

    def _tensor(self, storage, offset, size, stride):
        dtype = np.dtype(_DTYPES[storage.kind])
        n = int(np.prod(size, dtype=object)) if size else 1
        contiguous = [int(np.prod(size[k + 1 :], dtype=object)) for k in range(len(size))]
        if any(s < 0 for s in size) or offset < 0 or (n and list(stride) != contiguous and max(size, default=1) > 1):
            raise ValueError("it holds a tensor that is cut or turned; save a contiguous one")
        if storage.key not in self.storages:
            self.storages[storage.key] = self.content_of(storage.key)
        values = np.frombuffer(self.storages[storage.key], dtype)
        if offset + n > len(values):
            raise ValueError("it holds a tensor that reaches beyond its storage")
        return values[offset : offset + n].reshape(size)


_KINDS = {
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES",
         "BINBYTES", "SHORT_BINSTRING", "BINSTRING"),
        "literal",
    ),
    "BINPUT": "put", "LONG_BINPUT": "put", "BINGET": "get", "LONG_BINGET": "get",
}  # fmt: skip
"""Instructions that differ only in how their argument is written."""
