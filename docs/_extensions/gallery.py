"""Collect every figure of the documentation on one page, each leading to the place that makes it."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util.logging import getLogger

logger = getLogger(__name__)


class Placeholder(nodes.General, nodes.Element):
    """Where the pictures come, once all pages are known."""


class Gallery(Directive):
    """``{gallery}`` with pages as its lines: their figures, in this order."""

    has_content = True

    def run(self):
        """See docutils."""
        return [Placeholder(pages=[line.strip() for line in self.content if line.strip()])]


def setup(app):
    """See Sphinx."""
    app.add_directive("gallery", Gallery)
    app.add_node(Placeholder)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True}


def fill(app, doctree, page):
    """Put the pictures in; a page without any is a mistake, of which is warned."""
    for place in list(doctree.findall(Placeholder)):
        shown = []
        for name in place["pages"]:
            pictures = list(pictures_of(app.env.get_doctree(name)))
            if not pictures:
                logger.warning("the gallery names %s, which shows no figure", name, location=page)
            shown += [card(app, page, name, *picture) for picture in pictures]
        place.replace_self(nodes.container("", *shown, classes=["gallery"]))


def pictures_of(doctree):
    """Each picture of a page, with the section that it stands in."""
    for image in doctree.findall(nodes.image):
        section = image
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        if section is not None and "logo" not in image.get("classes", []):
            yield image, section


def card(app, page, name, image, section):
    """A picture as a link to its place, with the place's title."""
    title = section.next_node(nodes.title).astext()
    address = app.builder.get_relative_uri(page, name) + f"#{section['ids'][0]}"
    picture = nodes.image(uri=image["uri"], candidates=dict(image["candidates"]), alt=title)
    link = nodes.reference("", "", picture, nodes.inline("", title), internal=True, refuri=address)
    return nodes.container("", nodes.paragraph("", "", link), classes=["gallery-card"])
