"""What a network is shown of a data set: its images or, by a source of stored events, its recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.datasets.recordings import Samples
from engram.errors import ConfigError
from engram.sources import Source

if TYPE_CHECKING:
    from engram.datasets.base import Dataset
    from engram.training import TrainingSet


def samples_of(dataset: Dataset | TrainingSet, source: Source, part: str = "train") -> np.ndarray | Samples:
    """What a source makes spikes of, of each image of a part; to be chosen from by number, slice or numbers.

    Parameters
    ----------
    dataset : Dataset or TrainingSet
    source : Source
    part : {"train", "test"}

    Raises
    ------
    ConfigError
        If the source takes recordings, and the data set has none.
    """
    if not source.takes_events:
        return getattr(dataset, f"{part}_images")
    recordings = getattr(dataset, f"{part}_recordings")
    if recordings is None:
        raise ConfigError(
            f"The source {source.name} shows recordings of events, and {dataset.name} has none; give a dataset of"
            " recordings, or another source."
        )
    return recordings.samples
