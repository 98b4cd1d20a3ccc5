"""How numbers are said with their nouns, the same on the command line and in figures."""


def plural(number: int, noun: str) -> str:
    """Write a number with thousands separators and its noun: ``1 neuron``, ``6,400 neurons``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
