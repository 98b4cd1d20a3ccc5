"""How numbers and sizes are said, the same on the command line and in figures."""


def plural(number: int, noun: str) -> str:
    """Write a number with thousands separators and its noun: ``1 neuron``, ``6,400 neurons``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def in_sizes(text: str, *shapes: tuple[int, ...]) -> str:
    """Put sizes in a text, always height × width, as shapes of arrays are; it is said where it makes a difference."""
    text = text.format(*(f"{height}×{width}" for height, width in shapes))
    return text if all(height == width for height, width in shapes) else f"{text} (height × width)"


def example_noun(image_shape: tuple[int, int] | None, recorded: bool = False) -> str:
    """What one of the examples is called that a network learns from: those without an image shape are of a table."""
    return "recording" if recorded else "image" if image_shape else "row"
