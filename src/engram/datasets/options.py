"""What can be said about data beyond where they are."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from engram.datasets.scale import ValueRange, check_value_range
from engram.errors import ConfigError, DataError
from engram.named import NamedParameters
from engram.validation import did_you_mean

Progress = Callable[[str, int, int | None], None]
"""Called with what is read, how much of it is done, and how much there is where that is known."""

CHANNELS = ("both", "merged")


@dataclass(frozen=True, kw_only=True)
class Options(NamedParameters):
    """How to read a data set, where that is not to be found out. Each kind of data knows some of them.

    Parameters
    ----------
    image_shape : tuple of int, optional
        Height and width: of flat images, or what pictures are brought to.
    value_range : ValueRange, optional
        The values that stand for black and white, see :mod:`engram.datasets.scale`.
    label_column : str or int, optional
        Name or number of the column with the labels; "none" where there is none.
    window : tuple of float, optional
        Begin and end, in ms, of what is used of each recording of events.
    speed : float, optional
        How many ms of a recording pass in one of the presentation; 1 by default, as it was recorded.
    channels : {"both", "merged"}, optional
        Whether events of either polarity have inputs of their own.
    sensor_shape : tuple of int, optional
        Height and width of the sensor.

    Raises
    ------
    ConfigError
        If a value cannot be used.
    """

    image_shape: tuple[int, int] | None = None
    value_range: ValueRange | None = None
    label_column: str | int | None = None
    window: tuple[float, float] | None = None
    speed: float | None = None
    channels: str | None = None
    sensor_shape: tuple[int, int] | None = None

    def __post_init__(self):
        """Bring values from files and command lines to their form, and check them."""
        for name in ("image_shape", "sensor_shape"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _shape(name, getattr(self, name)))
        if self.value_range is not None:
            try:
                value_range = check_value_range(_pair(self.value_range, "value_range", "0,1"))
            except DataError as error:
                raise ConfigError(str(error)) from None
            object.__setattr__(self, "value_range", value_range)
        if self.window is not None:
            window = _pair(self.window, "window", "0,300")
            if not 0 <= window[0] < window[1] < float("inf"):
                raise ConfigError(f"window must be (begin, end) in ms with 0 ≤ begin < end, got {self.window!r}.")
            object.__setattr__(self, "window", window)
        if self.speed is not None and not (_is_number(self.speed) and 0 < self.speed < float("inf")):
            raise ConfigError(f"speed must be a positive number, got {self.speed!r}.")
        if self.channels is not None and self.channels not in CHANNELS:
            raise ConfigError(f"channels must be one of {', '.join(CHANNELS)}, got {self.channels!r}.")
        if not isinstance(self.label_column, (str, int, type(None))) or isinstance(self.label_column, bool):
            raise ConfigError(f"label_column must be a name or a number, got {self.label_column!r}.")

    @classmethod
    def from_dict(cls, values: dict) -> "Options":
        """The options with these names; unknown ones are told.

        Raises
        ------
        ConfigError
            If there is no such option, or its value cannot be used.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                near = did_you_mean(name, known)
                raise ConfigError(f"Data have no option {name!r}{near}; they have {', '.join(known)}.")
        return cls(**values)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of those that are set."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    def to_dict(self) -> dict:
        """Those that are set, as JSON and TOML can hold them."""
        values = {name: getattr(self, name) for name in self.given}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _pair(value, name, example) -> tuple[float, float]:
    """Two numbers, also written as ``0,300`` or ``28x28``."""
    parts = value.replace("×", ",").replace("x", ",").split(",") if isinstance(value, str) else value
    try:
        first, second = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be two numbers, such as {example}; got {value!r}.") from None
    return first, second


def _shape(name, value) -> tuple[int, int]:
    height, width = _pair(value, name, "28,28")
    if height != int(height) or width != int(width) or not (0 < height <= 65_536 and 0 < width <= 65_536):
        raise ConfigError(f"{name} must be height and width in whole pixels, such as 28,28; got {value!r}.")
    return int(height), int(width)


DEFAULTS = Options()
