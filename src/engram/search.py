"""How a sweep chooses what to try next: every combination, or where good ones were found before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engram.config import TrainingConfig
from engram.errors import ConfigError
from engram.plans import Range, filled, grid, varied_options

SEARCHES = ("grid", "random", "tpe")


def grid_trials(blocks: Sequence[Mapping]) -> Iterator[TrainingConfig]:
    """Every combination of every block, seeds apart."""
    return itertools.chain.from_iterable(grid({**block, "seed": 0}) for block in blocks)


class Sampler:
    """Draws trials with Optuna, from what is known of those before.

    Each draw is seeded by its number, so that a search that was interrupted goes on as if it had not been, as long as
    one trial is made at a time.

    Parameters
    ----------
    block : mapping
        Options with lists and ranges, see :mod:`engram.plans`.
    kind : {"random", "tpe"}
        ``"tpe"``: tree-structured Parzen estimators [1]_.
    seed : int

    References
    ----------
    .. [1] J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, Algorithms for hyper-parameter optimization, NIPS (2011).
    """

    def __init__(self, block: Mapping, kind: str = "tpe", seed: int = 0):
        try:
            import optuna
        except ImportError:
            raise ConfigError("A search needs Optuna; install it with: pip install 'engram[cluster]'") from None
        self.block = {**block, "seed": 0}
        self.varied = dict(varied_options(self.block))
        if not self.varied:
            raise ConfigError("A search needs something to vary; give --vary NAME=LOW:HIGH or --vary NAME=A,B,C.")
        self.seed, self._optuna = seed, optuna
        self._kind = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}[kind]
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions = {name: self._distribution(name, values) for name, values in self.varied.items()}
        self._study = optuna.create_study(direction="maximize")

    def draw(self, number: int) -> dict:
        """The values of the trial of that number."""
        options: dict[str, Any] = {"constant_liar": True} if self._kind is self._optuna.samplers.TPESampler else {}
        mixed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        self._study.sampler = self._kind(seed=mixed, **options)
        return dict(self._study.ask(self._distributions).params)

    def tell(self, values: Mapping, accuracy: float | None) -> None:
        """Learn what a trial came to; None if it failed."""
        states = self._optuna.trial.TrialState
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=dict(values),
                distributions=self._distributions,
                value=accuracy,
                state=states.FAIL if accuracy is None else states.COMPLETE,
            )
        )

    def config(self, values: Mapping) -> TrainingConfig:
        """The configuration of a trial."""
        return filled(self.block, values)

    def _distribution(self, name: str, values):
        kinds = self._optuna.distributions
        if isinstance(values, Range):
            kind = kinds.IntDistribution if values.whole else kinds.FloatDistribution
            return kind(values.low, values.high, log=values.log)
        if not values:
            raise ConfigError(f"{name} must have at least one value, got an empty list.")
        return kinds.CategoricalDistribution(values)
