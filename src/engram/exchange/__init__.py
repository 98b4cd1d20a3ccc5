"""A trained network to other simulators and to hardware, and from other people's files.

One room per format, each with what is exact in it and what is lost: :data:`FORMATS` names them, :func:`export_model`
writes one. Networks are handed over frozen, as :class:`~engram.exchange.frozen.FrozenNetwork`.
"""

from engram.exchange.export import Export, export_model
from engram.exchange.formats import FORMATS, Format, format_named
from engram.exchange.frozen import FrozenNetwork, freeze
from engram.exchange.imports import SOURCES, import_model
from engram.exchange.presentations import Presentations, example_images, present

__all__ = [
    "FORMATS",
    "SOURCES",
    "Export",
    "Format",
    "FrozenNetwork",
    "Presentations",
    "example_images",
    "export_model",
    "format_named",
    "freeze",
    "import_model",
    "present",
]
