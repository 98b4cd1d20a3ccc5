"""Networks by name, and one's own from a file: functions that describe a network for the images at hand.

Such a function asks by name for what it needs of the run, and names its own options with their defaults::

    def wide(shape, neurons, rule, *, hidden=100):
        return Network(inputs={"image": shape}, ...)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engram.errors import ConfigError, EngramError
from engram.networks.conv import conv
from engram.networks.network import Network
from engram.networks.prototypes import conv_prototypes
from engram.networks.two_layers import two_layers
from engram.plasticity.base import LearningRule
from engram.user_code import is_own, load_from_file, where_raised
from engram.validation import check_choice, check_known, settled

DIEHL_COOK = "diehl-cook"
"""The name of the network that a run has by default, :class:`engram.networks.DiehlCook`."""

DESCRIBED_IN_CODE = "described-in-code"
"""The name of a network that was given as an object."""

NETWORKS: dict[str, Callable[..., Network]] = {
    "two-layers": two_layers, "conv": conv, "conv-prototypes": conv_prototypes,
}  # fmt: skip
"""Functions that describe networks, by name."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a run says of its network: what a function that describes one may ask for.

    Attributes
    ----------
    shape : tuple of int
        Of the images, or (n_inputs,) where they have none.
    neurons : int
    rule : LearningRule
        With the run's constants.
    dt : float
        ms.
    integrator, dtype : str
    """

    shape: tuple[int, ...]
    neurons: int
    rule: LearningRule
    dt: float
    integrator: str
    dtype: str


def find_network(name: str) -> Callable[..., Network]:
    """The function that describes a network.

    Parameters
    ----------
    name : str
        One of :data:`NETWORKS`, or ``file.py:function``, which is then run: the caller was told that name by the user.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if is_own(name):
        function = load_from_file(name, "network")
        if not inspect.isfunction(function):
            raise ConfigError(f"{name} is no function; name one that returns a Network.")
        return function
    check_name(name)
    return NETWORKS[name]


def check_name(name: str) -> None:
    """Raise ConfigError where there is no network of that name; files are not looked at."""
    if name != DESCRIBED_IN_CODE and not (isinstance(name, str) and is_own(name)):
        check_choice("network", name, (DIEHL_COOK, *NETWORKS))


def describe_network(name: str, options: Mapping, wanted: Wanted) -> Network:
    """The network that a function describes for a run.

    Parameters
    ----------
    name : str
        See :func:`find_network`.
    options : mapping
        Its own options that differ from their defaults.
    wanted : Wanted

    Raises
    ------
    ConfigError
        If it has no such option, lacks one, or returns something else.
    """
    function = find_network(name)
    parameters = inspect.signature(function).parameters
    asked = {n: value for n, value in vars(wanted).items() if n in parameters}
    own = _own_options(name, parameters, options)
    try:
        network = function(**asked, **own)
    except EngramError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{where_raised(function, error)}.") from error
    if not isinstance(network, Network):
        raise ConfigError(f"{name} must return a Network, got {network!r:.100}.")
    if not network.plastic:
        raise ConfigError(f"Nothing in the network {name} learns; give a projection a rule.")
    if len(network.inputs) != 1:
        raise ConfigError(f"The network {name} must have one input, got {', '.join(network.inputs) or 'none'}.")
    return network


def _own_options(name: str, parameters: Mapping[str, inspect.Parameter], options: Mapping) -> dict:
    """The options that a function has besides what it asks for, each of the type of its default."""
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError(f"The network {name} asks for {parameter}; let it ask by name for what it needs.")
    known = {n: p.default for n, p in parameters.items() if n not in Wanted.__dataclass_fields__}
    for option in options:
        check_known(f"The network {name}", option, known)
    for option, default in known.items():
        if option not in options and default is inspect.Parameter.empty:
            raise ConfigError(f"The network {name} needs a value for {option}; give --set network.{option}=VALUE.")
    return {option: _like(known[option], value, f"network.{option}") for option, value in options.items()}


def _like(default, value, name: str):
    """An option's value, in the type of its default where that is a whole number, which counts something."""
    value = settled("", value, shown_as=name)
    if type(default) is int and isinstance(value, float):
        if value != int(value):
            raise ConfigError(f"{name} must be a whole number, got {value!r}.")
        return int(value)
    return value
