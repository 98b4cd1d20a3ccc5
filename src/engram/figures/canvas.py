"""The figure class; importing this module imports matplotlib, so import it only to draw."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engram.figures.style import DPI, house_style


class HouseFigure(Figure):
    """A figure that keeps the house style when it is drawn, and shows itself in a notebook.

    Matplotlib makes some parts, late ticks for one, only on drawing, from the settings of that moment.
    """

    _settled = False

    def __init__(self, **options):
        super().__init__(dpi=DPI, **options)
        FigureCanvasAgg(self)  # the layout and the pixels then measure each text once, together

    def settle(self) -> None:
        """Lay the figure out once and for all, so that each format and each saving draw the same.

        The layout measures texts, which differ a little from one format's resolution to another's.
        """
        engine = self.get_layout_engine()
        with house_style():
            engine.execute(self)
            if any(axes.get_aspect() != "auto" for axes in self.axes):
                engine.execute(self)  # knows the sizes that panels of fixed aspect took before
        self.set_layout_engine("none")
        self._settled = True

    def get_layout_engine(self):
        """None once it is settled: for any other, saving draws twice, the first time for the layout alone."""
        return None if self._settled else super().get_layout_engine()

    def draw(self, renderer):
        """Draw in the house style."""
        with house_style():
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        self.savefig(picture, format="png", dpi=DPI)
        return picture.getvalue()
