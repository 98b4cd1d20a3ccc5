"""Projections: who sends to whom, how strongly, how late, and by which rule that changes."""

from engram.projections.base import Listing, Projection, Uniform
from engram.projections.convolution import Convolution, Local, Pooling
from engram.projections.dense import AllButOwn, Dense, OneToOne
from engram.projections.sparse import Sparse, random_synapses, synapses_by_distance

__all__ = [
    "AllButOwn",
    "Convolution",
    "Dense",
    "Listing",
    "Local",
    "OneToOne",
    "Pooling",
    "Projection",
    "Sparse",
    "Uniform",
    "random_synapses",
    "synapses_by_distance",
]
