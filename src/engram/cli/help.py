"""What ``--help`` says of a value: one word for what is meant, in any version of the library that reads the options."""

from __future__ import annotations

_LISTS = ("neurons", "rules", "seeds", "weights")
"""Options that take several values in one text, where they are texts."""

_WORDS = {"int": "N", "integer": "N", "float": "NUMBER", "str": "NAME", "text": "NAME", "Path": "PATH", "path": "PATH"}


def name_values(group) -> None:
    """Let the help of a group, and of every command in it, name the values of options; flags take none."""
    _name_values_of(group)
    for command in group.commands.values():
        (name_values if hasattr(command, "commands") else _name_values_of)(command)


def _name_values_of(command) -> None:
    for parameter in command.params:
        _name_value(parameter)
    make = command.get_help_option

    def get_help_option(context):
        option = make(context)
        if option is not None:
            _name_value(option)
        return option

    command.get_help_option = get_help_option


def _name_value(parameter) -> None:
    if parameter.param_type_name == "argument" or parameter.is_flag:
        parameter.display_type_rich = _nothing  # an argument's name says it already
    elif parameter.metavar is None:
        word = _WORDS.get(_kind(parameter), "VALUE")
        parameter.metavar = "LIST" if word == "NAME" and parameter.name in _LISTS else word


def _nothing(*_, **__) -> None:
    return None


def _kind(parameter) -> str:
    """What Python makes of a value; what is repeatable is so in each."""
    described = getattr(parameter, "type_descriptor", None)
    if described is None:
        return parameter.type.name.removesuffix(" range")
    annotation = described.annotation
    (annotation,) = getattr(annotation, "__args__", (annotation,))
    return annotation.__name__
