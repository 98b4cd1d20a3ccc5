"""What the commands share: where they write, and how errors and progress look."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import sys
import unicodedata
import warnings
from contextlib import contextmanager, suppress

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.text import Text


class _Terminal(Console):
    """A console on which no text, wherever it comes from, can move the cursor, change colours or hide."""

    def render_str(self, text: str, **options):
        return super().render_str(printable(text), **options)

    def print(self, *objects, **options) -> None:
        """In a terminal lines end between words, so that no number, name or path is cut."""
        if self.is_terminal:
            objects = tuple(self._in_lines(text) if isinstance(text, str) else text for text in objects)
        super().print(*objects, **options)

    def _in_lines(self, text: str) -> Text:
        lines = self.render_str(text).split("\n", allow_blank=True)
        return Text("\n").join(part for line in lines for part in self._broken(line))

    def _broken(self, line: Text) -> list[Text]:
        """A line in as many as the terminal needs; a command on a line of its own stays whole, to be copied."""
        said = line.plain.lstrip()
        if cell_len(line.plain) <= self.width or said.startswith("engram "):
            return [line]
        indent = " " * (len(line.plain) - len(said))
        words = line[len(indent) :] if indent else line
        parts = words.divide(_breaks(words.plain, self.width - len(indent)))
        for part in parts:
            part.rstrip()
        return [Text(indent) + part for part in parts]


class _StandardError:
    """Standard error as it is now; that nobody is there to read it any more ends nothing."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str):
        return getattr(sys.stderr, name)


out = _Terminal(highlight=False, soft_wrap=True, emoji=False)
"""For results."""

err = _Terminal(  # its file has what a console asks of one
    file=_StandardError(),  # ty: ignore[invalid-argument-type]
    highlight=False,
    soft_wrap=True,
    emoji=False,
)
"""For progress and errors, so that results can be piped."""


_NO_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def plain(value) -> str:
    """What a file, a path or a user says, to be put among our own words: one line, without markup."""
    return escape(printable(str(value)).replace("\n", "\\n").replace("\t", "\\t"))


def printable(text: str) -> str:
    """A text with everything that a terminal would obey, or not show, spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _is_control(c) else ascii(c)[1:-1] for c in text)


def flush_results() -> None:
    """Have all results written, so that a full disk, or a reader that has left, is told in time."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):  # what is left cannot be written at the end either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def print_json(value) -> None:
    """A result for machines."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def spell_what_the_terminal_lacks() -> None:
    """Let a terminal whose encoding lacks a character show it in others, instead of failing."""
    codecs.register_error("engram.spelled", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="engram.spelled")


def fail(error: BaseException, *, as_json: bool = False) -> int:
    """Tell an error in one sentence and return the exit code."""
    message, code = _told(error)
    if as_json and not _is_of_output(error):
        print_json({"error": {"kind": type(error).__name__, "message": message, "exit_code": code}})
    elif message:
        err.print(f"[bold red]Error:[/] {escape(message)}" if code != 130 else escape(message))
    return code


def _is_of_output(error: BaseException) -> bool:
    """Whether nothing can be written to standard output; of files, errors know the names."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _NO_OUTPUT


def _told(error: BaseException) -> tuple[str, int]:
    """An error's sentence and exit code."""
    from engram.errors import ConfigError, EngramError, Interrupted, RuleError, SourceError

    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        return str(error) or "Interrupted; what was finished before stands.", 130
    if isinstance(error, (ConfigError, RuleError, SourceError)):
        return str(error), 2
    if isinstance(error, EngramError):
        return str(error), 1
    if isinstance(error, MemoryError):
        return "There is not enough memory; use fewer neurons or images.", 1
    if isinstance(error, BrokenPipeError):
        return "", 1
    if isinstance(error, OSError) and _is_of_output(error):
        return f"The output cannot be written: {error.strerror}; write it elsewhere.", 1
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"Cannot use {error.filename}: {error.strerror}; check its place, its name and its permissions.", 1
    return f"{type(error).__name__}: {error} (an error of engram itself; --debug shows where)", 1


@contextmanager
def progress_bar(*, quiet: bool = False):
    """Bars on standard error, or lines where no person is looking; nothing where quiet."""
    from engram.bars import shown_bars

    with shown_bars(err, quiet=quiet) as bars:
        yield bars


@contextmanager
def told_counts(*, quiet: bool = False):
    """A function to be called with what is done, how much of it, and of how much: each kind gets a bar."""
    tasks: dict[str, int] = {}
    with progress_bar(quiet=quiet) as bars:

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(plain(what), total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


@contextmanager
def told_warnings(kind: type[Warning]):
    """Print what is warned of in the end, as everything is printed here; warnings of other kinds stay Python's."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", kind)
        yield
    for warning in found:
        if issubclass(warning.category, kind):
            err.print(f"[yellow]Warning:[/] {plain(warning.message)}")
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@contextmanager
def waiting(what: str, *, quiet: bool = False):
    """Say what a wait is for, while a person is looking."""
    with progress_bar(quiet=quiet or not err.is_terminal) as bars:
        bars.wait(what)
        yield


_SPELLED = {
    "−": "-", "–": "-", "—": "-", "×": "x", "±": "+-", "·": "*", "…": "...", "≥": ">=", "≤": "<=", "→": "->",
    "α": "alpha", "β": "beta", "Δ": "d", "δ": "delta", "η": "eta", "θ": "theta", "μ": "mu", "τ": "tau", "√": "sqrt",
    "²": "^2", "█": "#", "━": "-", "╸": "-", "╺": "-",
}  # fmt: skip


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks, as :func:`codecs.register_error` wants it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SPELLED.get(c, "?") for c in error.object[error.start : error.end]), error.end


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def accuracies(accuracy: dict, headline: str) -> str:
    """The accuracy that counts, in bold that was opened before, and the others beside it."""
    parts = {scheme: f"{100 * accuracy[scheme]:.2f} % ({plain(scheme)})" for scheme in _in_order(accuracy)}
    first = parts.pop(headline, None) or parts.pop(next(iter(parts)))
    return f"{first}[/]" + (f"; otherwise {', '.join(parts.values())}" if parts else "")


def _in_order(accuracy: dict) -> list[str]:
    """Schemes as they are told everywhere, whatever the order in a file."""
    from engram.readout import SCHEMES

    return sorted(accuracy, key=lambda scheme: SCHEMES.index(scheme) if scheme in SCHEMES else len(SCHEMES))


def _breaks(text: str, width: int) -> list[int]:
    """Where a text is broken between words, so that its lines, blanks at their ends apart, fit into a width."""
    found, start = [], 0
    for word in re.finditer(r"\S+", text):
        if word.start() > start and cell_len(text[start : word.end()]) > width:
            start = word.start()
            found.append(start)
    return found
