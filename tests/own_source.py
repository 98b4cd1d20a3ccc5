"""A source of spikes as a user would write one, as the text of a file."""

from textwrap import dedent

BLINK = dedent(
    """
    from dataclasses import dataclass
    from engram.sources import Source

    @dataclass(frozen=True, kw_only=True)
    class Blink(Source):
        step: int = 2

        def encode(self, sample, n_steps, dt, intensity, random):
            bright = (sample > 100).nonzero()[0]
            return bright, random.integers(0, self.step, len(bright))
    """
)
