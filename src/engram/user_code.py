"""What a user's own file holds, named as ``path.py:Class``: a learning rule, a source of spikes, a network.

Naming such a file runs it, so only a caller who was told its name by the user may: never what reads a run folder, a
model, or a configuration.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import linecache
import sys
import threading
import traceback
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import Generic, NamedTuple, TypeVar

from engram.errors import ConfigError, EngramError, RuleError
from engram.files import read_regular

MAX_BYTES = 1 << 20
"""No file of a user's own code is larger (1 MiB)."""

_PREFIX, _DIGEST = "_engram_own_", "__engram_digest__"
_RUNNING = threading.RLock()
"""Held while a file is run: no other thread takes what it has made so far for all of it."""


_Base = TypeVar("_Base")


class OwnPart(NamedTuple, Generic[_Base]):
    """What users may write themselves.

    Attributes
    ----------
    base : type
        What their classes are derived from.
    noun, plural : str
        What one and several of them are called, such as "learning rule".
    word : str
        The same in one word.
    public : str
        Where `base` is imported from.
    error : type of EngramError
        What is raised where a file or class cannot be used.
    """

    base: type[_Base]
    noun: str
    plural: str
    word: str
    public: str
    error: type[EngramError]


def is_own(name: str) -> bool:
    """Whether a name is that of a class in a user's file, ``path.py:Class``, or of such a file alone."""
    return ":" in name or name.endswith(".py")


def own_names(*named: str | None) -> list[str]:
    """Those of several names that are of the user's own files."""
    return [name for name in named if name and is_own(name)]


def kind_of(name: str) -> str:
    """The name of a class, without where its file lies."""
    return str(name).rpartition(":")[2]


def load_from_file(name: str, what: str, error: type[EngramError] = RuleError):
    """Whatever ``path.py:name`` names; the file is run.

    Parameters
    ----------
    name : str
    what : str
        What it should be, for messages.
    error : type of EngramError
        What is raised if there is no such file or name, or the file does not run.
    """
    part = OwnPart(object, what, f"{what}s", what, "", error)
    path, own_name, module = _named(name, part, "name")
    if not hasattr(module, own_name):
        raise error(f"{path} has no {what} {own_name!r}; check the name.")
    return getattr(module, own_name)


def load_class(name: str, part: OwnPart[_Base]) -> type[_Base]:
    """The class that ``path.py:Class`` names; the file is run.

    A file that has not changed is run once; its classes stay the same.

    Raises
    ------
    EngramError
        Of the part's own kind, if there is no such file or class, the file does not run, or the class is something
        else.
    """
    path, class_name, module = _named(name, part, "Class")
    found = getattr(module, class_name, None)
    if found is None:
        raise part.error(f"{path} has no class {class_name!r}; {_classes_in(module, part)}.")
    if not (inspect.isclass(found) and issubclass(found, part.base)):
        raise part.error(
            f"{class_name} in {path} is not a {part.noun}; derive it from {part.public} ({_classes_in(module, part)})."
        )
    return found


def classes_from(name: str, what: str, error: type[EngramError] = RuleError) -> list[type]:
    """Every class that the file of ``path.py:name`` knows; the file is run, see :func:`load_from_file`."""
    part = OwnPart(object, what, f"{what}s", what, "", error)
    _, _, module = _named(name, part, "name")
    return [value for value in vars(module).values() if inspect.isclass(value)]


def _named(name: str, part: OwnPart, what: str) -> tuple[Path, str, ModuleType]:
    """The file, the name within it, and the file as a module."""
    path_text, _, own_name = name.rpartition(":")
    if not path_text or not own_name:
        raise part.error(f"A {part.word} of your own is named path.py:{what}, got {name!r}.")
    path = Path(path_text).expanduser()
    return path, own_name, _run_file(path, part)


def digest_of(kind: type) -> str | None:
    """What a class from a user's file was when the file was run.

    Returns
    -------
    str or None
        SHA-256 over the file and the files of its own folder that it imports; None for any other class.
    """
    return getattr(sys.modules.get(kind.__module__), _DIGEST, None) if is_from_file(kind) else None


def is_from_file(kind: type) -> bool:
    """Whether a class was loaded by :func:`load_class`."""
    return kind.__module__.startswith(_PREFIX)


def recorded_name(kind: type) -> str:
    """``file.py:Class`` of a class, without where the file lies."""
    path = getattr(sys.modules.get(kind.__module__), "__file__", None)
    file = Path(path).name if path else kind.__module__
    return f"{file}:{kind.__qualname__}"


def _classes_in(module: ModuleType, part: OwnPart) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, part.base) and value.__module__ == module.__name__
    ]
    return f"its {part.plural} are {', '.join(names)}" if names else f"it has no {part.plural}"


def _run_file(path: Path, part: OwnPart) -> ModuleType:
    """The file as a module under a private name that tells its place and content.

    It is compiled from its text here: Python's own import would keep bytecode, and could serve that of an
    older text.
    """
    source = _text_of(path, part)
    name = _module_name(path, source)
    with _RUNNING:
        if name not in sys.modules:
            module = ModuleType(name)
            sys.modules[name] = module  # dataclasses look their module up there
            try:
                _execute(module, path, source, part)
            except BaseException:
                sys.modules.pop(name, None)
                raise
            return module
    return import_module(name)  # which waits for a thread that has begun to, as pickles do


def _module_name(path: Path, source: bytes) -> str:
    """A name that tells the place of a file, by which a pickle finds it again, and a digest of place and content."""
    place = str(path.resolve()).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(place + b"\0" + source).hexdigest()[:16]
    return f"{_PREFIX}{digest}_{place.hex()}"


def _execute(module: ModuleType, path: Path, source: bytes, part: OwnPart) -> None:
    """Run a file's text as a module."""
    try:
        code = compile(source, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise part.error(f"{path}{f':{line}' if line else ''}: {getattr(error, 'msg', error)}.") from error
    module.__file__ = str(path)
    lines = io.StringIO(decode_source(source)).readlines()
    linecache.cache[str(path)] = (len(source), None, lines, str(path))  # the text of this code, should the file change
    folder = str(path.resolve().parent)
    sys.path.append(folder)  # so that the file may import its neighbours
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        raise part.error(f"{_line_of(error, path)}: {_cause(error, part)}.") from error
    finally:
        sys.path.remove(folder)
    setattr(module, _DIGEST, _digest_with_neighbours(module, source, Path(folder)))


_PICKLED = OwnPart(object, "part of what was pickled", "parts of what was pickled", "part", "", ConfigError)


class _OwnFiles(MetaPathFinder, Loader):
    """Finds the file of a class of a user's own where a pickle names it: in a process that has not run it yet.

    Whoever reads a pickle runs what it says in any case; this runs no other text than that which was pickled.
    """

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        """How to load a module, if its name is that of a user's own file."""
        if not name.startswith(_PREFIX):
            return None
        file = Path(bytes.fromhex(name.rpartition("_")[2]).decode("utf-8", "surrogateescape"))
        source = _text_of(file, _PICKLED)
        if _module_name(file, source) != name:
            raise ConfigError(
                f"{file} is not the file that it was when its classes were pickled; put it back as it was, or make what"
                " was pickled anew."
            )
        return ModuleSpec(name, self, loader_state=(file, source))

    def exec_module(self, module: ModuleType) -> None:
        """Run the file."""
        assert module.__spec__ is not None
        _execute(module, *module.__spec__.loader_state, _PICKLED)


sys.meta_path.append(_OwnFiles())


def _text_of(path: Path, part: OwnPart) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise part.error(f"There is no file {path}; give the path of the file that holds the {part.word}.") from None
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
        raise part.error(f"{why}; give the file that holds the {part.word}.") from error
    except ValueError as error:
        raise part.error(f"{path} is {error} and no file of a {part.word}; check the path.") from None


def _digest_with_neighbours(module: ModuleType, source: bytes, folder: Path) -> str:
    """A digest of a file and of its neighbours, as far as they are Python that it reaches."""
    digest = hashlib.sha256(hashlib.sha256(source).digest())
    for file in sorted(_neighbours(module, folder)):
        content = hashlib.sha256(file.read_bytes()).digest()
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + content)
    return digest.hexdigest()


def _neighbours(module: ModuleType, folder: Path) -> set[Path]:
    """The Python files of a folder that a module uses, directly or by one another."""
    found, ahead = {}, [module]
    while ahead:
        for value in list(vars(ahead.pop()).values()):
            used = value if isinstance(value, ModuleType) else sys.modules.get(str(getattr(value, "__module__", "")))
            file = Path(getattr(used, "__file__", None) or "").resolve()
            if not isinstance(used, ModuleType) or used is module:
                continue
            if file.suffix == ".py" and file.is_relative_to(folder) and file not in found:
                found[file] = used
                ahead.append(used)
    return set(found)


def where_raised(function, error: BaseException) -> str:
    """The file and line in which a user's function raised an error, and what it is, in one line."""
    path = Path(inspect.getsourcefile(function) or "")
    return f"{_line_of(error, path)}: {type(error).__name__}: {error}".rstrip(".")


def _line_of(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _cause(error: BaseException, part: OwnPart) -> str:
    if "frozen dataclass" in str(error):
        return f"a {part.noun} is a frozen dataclass; write @dataclass(frozen=True, kw_only=True)"
    return f"{type(error).__name__}: {error}".rstrip(".")
