"""What is wrong with a command line, in our words: the library that reads it has others in each of its versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import typer

from engram.validation import did_you_mean

UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""What the library raises where a command line cannot be read."""


def shown_help(error: Any) -> bool:
    """Whether nothing is wrong, as nothing was asked for: then the help is shown."""
    if type(error).__name__ != "NoArgsIsHelpError":
        return False
    error.show()
    return True


def usage_sentence(error, arguments: Sequence[str]) -> str:
    """What to say of a command line that cannot be read.

    Parameters
    ----------
    error : UsageError
    arguments : sequence of str
        What was given after ``engram``.
    """
    context = error.ctx
    command = "engram" if context is None else context.command_path
    for tell in (_no_option, _no_command, _missing, _wrong_value, _value_or_none, _too_much):
        if sentence := tell(error, context, command, arguments):
            return sentence
    return f"{error.format_message().rstrip('.')}; see '{command} --help'."


def _no_option(error, context, command: str, arguments) -> str:
    if type(error).__name__ != "NoSuchOption":
        return ""
    known = [name for p in context.command.get_params(context) for name in p.opts]
    near = did_you_mean(error.option_name, known)
    return f"{command} has no option {error.option_name}{near}; see '{command} --help'."


def _no_command(error, context, command: str, arguments) -> str:
    commands = getattr(getattr(context, "command", None), "commands", None)
    if type(error) is not UsageError or commands is None:
        return ""
    named = [argument for argument in arguments if not argument.startswith("-")]
    depth = len(command.split()) - 1
    if len(named) <= depth:
        return f"{command} needs a command: {', '.join(commands)}; see '{command} --help'."
    near = did_you_mean(named[depth], commands)
    return f"{command} has no command {named[depth]!r}{near}; it has {', '.join(commands)}."


def _missing(error, context, command: str, arguments) -> str:
    if type(error).__name__ != "MissingParameter" or error.param is None:
        return ""
    is_option = error.param.param_type_name == "option"
    name = error.param.opts[0] if is_option else error.param.metavar or error.param.name
    return f"{command} needs {name}; see '{command} --help'."


_WANTED = (("integer", "a whole number"), ("number", "a number"), ("float", "a number"), ("path", "a path"))


def _wrong_value(error, context, command: str, arguments) -> str:
    if type(error) is not typer.BadParameter or error.param is None:
        return ""
    option = error.param.opts[0]
    given = _given(error.param, arguments)
    got = "" if given is None else f", got {given!r}"
    low, high = _bounds(error.param)
    within = "" if low is None or high is None else f" from {low:,} to {high:,}"
    wanted = next((wanted for word, wanted in _WANTED if word in error.message), "a whole number" if within else None)
    return f"{option} must be {wanted}{within}{got}." if wanted else f"{option}: {error.message}"


def _bounds(parameter) -> tuple:
    """Between which numbers an option's value lies, where it has both bounds."""
    has = parameter if hasattr(parameter, "min") else parameter.type
    return getattr(has, "min", None), getattr(has, "max", None)


def _given(parameter, arguments: Sequence[str]) -> str | None:
    """The text that was given as an option's value."""
    texts = [after for name, after in zip(arguments, [*arguments[1:], ""], strict=True) if name in parameter.opts]
    for argument in arguments:
        name, equals, text = argument.partition("=")
        texts += [text] if equals and name in parameter.opts else []
    return texts[-1] if texts else None


def _value_or_none(error, context, command: str, arguments) -> str:
    if type(error).__name__ != "BadOptionUsage":
        return ""
    takes = "takes no value" if "not take" in error.message else "needs a value"
    return f"{error.option_name} {takes}."


def _too_much(error, context, command: str, arguments) -> str:
    found = re.search(r"unexpected extra argument.*\(([^()]*)\)\W*$", error.message)
    if not found:
        return ""
    return f"{command} has no use for {found[1]!r}; an option's name begins with --, see '{command} --help'."
