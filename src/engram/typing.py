"""Type variables that several rooms share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

Arrays = TypeVar("Arrays", bound=np.ndarray | dict[str, np.ndarray])
"""Weights or thresholds: one array of a :class:`~engram.DiehlCook`, several by name of a :class:`~engram.Network`."""

Function = TypeVar("Function", bound=Callable)
"""What a decorator takes and gives back."""
