"""Sources of spikes: from what is shown to the spikes of an input."""

from engram.sources.base import Source
from engram.sources.events import StoredEvents
from engram.sources.latency import Latency
from engram.sources.learned import Learned
from engram.sources.poisson import Poisson
from engram.sources.rates import Ramp, Regular
from engram.sources.registry import SOURCES, make_source

__all__ = ["SOURCES", "Latency", "Learned", "Poisson", "Ramp", "Regular", "Source", "StoredEvents", "make_source"]
