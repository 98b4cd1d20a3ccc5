"""Learning rules from a user's own file, named as ``path.py:Class``.

Naming such a file runs it, so only a caller who was told its name by the user may: never what reads a run folder, a
model, or a configuration.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import linecache
import sys
import traceback
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType

from engram.errors import RuleError
from engram.files import read_regular
from engram.plasticity.base import LearningRule

MAX_BYTES = 1 << 20
"""No file of a rule is larger (1 MiB)."""

_PREFIX, _DIGEST = "_engram_rule_", "__engram_digest__"


def is_file_rule(name: str) -> bool:
    """Whether a rule's name is one of a user's file, ``path.py:Class``."""
    return ":" in name


def load_rule_class(name: str) -> type[LearningRule]:
    """The class that ``path.py:Class`` names; the file is run.

    A file that has not changed is run once; its classes stay the same.

    Raises
    ------
    RuleError
        If there is no such file or class, the file does not run, or the class is no learning rule.
    """
    path, class_name, module = _named(name, "rule", "Class")
    rule = getattr(module, class_name, None)
    if rule is None:
        raise RuleError(f"{path} has no class {class_name!r}; {_rules_in(module)}.")
    if not (inspect.isclass(rule) and issubclass(rule, LearningRule)):
        raise RuleError(
            f"{class_name} in {path} is not a learning rule; derive it from engram.LearningRule ({_rules_in(module)})."
        )
    return rule


def load_from_file(name: str, what: str):
    """Whatever ``path.py:name`` names; the file is run.

    Parameters
    ----------
    name : str
    what : str
        What it should be, for messages.

    Raises
    ------
    RuleError
        If there is no such file or name, or the file does not run.
    """
    path, own_name, module = _named(name, what, "name")
    if not hasattr(module, own_name):
        raise RuleError(f"{path} has no {what} {own_name!r}; check the name.")
    return getattr(module, own_name)


def _named(name: str, what: str, kind: str) -> tuple[Path, str, ModuleType]:
    """The file, the name within it, and the file as a module."""
    path_text, _, own_name = name.rpartition(":")
    if not path_text or not own_name:
        raise RuleError(f"A {what} of your own is named path.py:{kind}, got {name!r}.")
    path = Path(path_text).expanduser()
    return path, own_name, _run_file(path)


def rule_digest(rule: type) -> str | None:
    """What a rule, or another class, from a user's file was when it was run.

    Returns
    -------
    str or None
        SHA-256 over the file and the files of its own folder that it imports; None for any other rule.
    """
    return getattr(sys.modules.get(rule.__module__), _DIGEST, None) if rule.__module__.startswith(_PREFIX) else None


def _rules_in(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, LearningRule) and value.__module__ == module.__name__
    ]
    return f"its learning rules are {', '.join(names)}" if names else "it has no learning rules"


def _run_file(path: Path) -> ModuleType:
    """The file as a module under a private name that tells its place and content.

    It is compiled from its text here: Python's own import would keep bytecode, and could serve that of an
    older text.
    """
    try:
        source = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise RuleError(f"There is no file {path}; give the path of the file that holds the rule.") from None
    except OSError as error:
        raise RuleError(f"{path} cannot be read: {error.strerror}; give the file that holds the rule.") from error
    except ValueError as error:
        raise RuleError(f"{path} is {error} and no file of a rule; check the path.") from None
    digest = hashlib.sha256(str(path.resolve()).encode() + b"\0" + source).hexdigest()[:16]
    name = f"{_PREFIX}{digest}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        code = compile(source, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise RuleError(f"{path}{f':{line}' if line else ''}: {getattr(error, 'msg', error)}.") from error
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their module up there
    lines = io.StringIO(decode_source(source)).readlines()
    linecache.cache[str(path)] = (len(source), None, lines, str(path))  # the text of this code, should the file change
    folder = str(path.resolve().parent)
    sys.path.append(folder)  # so that the file may import its neighbours
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise RuleError(f"{_line_of(error, path)}: {_cause(error)}.") from error
    finally:
        sys.path.remove(folder)
    setattr(module, _DIGEST, _digest_of(module, source, Path(folder)))
    return module


def _digest_of(module: ModuleType, source: bytes, folder: Path) -> str:
    """A digest of a rule's file and of its neighbours, as far as they are Python that it reaches."""
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
            if used is not module and file.suffix == ".py" and file.is_relative_to(folder) and file not in found:
                found[file] = used
                ahead.append(used)
    return set(found)


def _line_of(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _cause(error: BaseException) -> str:
    if "frozen dataclass" in str(error):
        return "a learning rule is a frozen dataclass; write @dataclass(frozen=True, kw_only=True)"
    return f"{type(error).__name__}: {error}".rstrip(".")
