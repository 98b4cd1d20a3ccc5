"""The studio's views as widgets of a notebook: JupyterLab, VS Code, Colab, marimo, by anywidget.

Needs the extra ``engram[studio]``. Nothing is served and no port is opened: pictures go the way of the notebook's own
output. A notebook that is exported keeps a static picture.
"""

from __future__ import annotations

import base64
import functools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engram.callbacks import Callback
from engram.errors import ConfigError
from engram.studio.frames import encode
from engram.studio.moments import Moment, moment_of
from engram.studio.sorting import Sorting

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ConfigError(
        f"Widgets need {error.name}, which is not installed; install it with: pip install 'engram[studio]'"
    ) from None

if TYPE_CHECKING:
    import numpy as np

    from engram.studio.sheets import Sheet
    from engram.training import Progress, Training

STATIC = Path(__file__).parent / "studio" / "static"

FRAME_SECONDS = 0.1
"""Between two pictures of a network that learns, at least."""

_MODULES = ("vendor/uPlot.esm.js", "colours.js", "dom.js", "frames.js", "fields.js", "curves.js", "widget.js")
_STYLES = ("vendor/uPlot.min.css", "widget.css")


@functools.cache
def module() -> str:
    """The studio's modules as one, since a widget's module cannot import those beside it."""
    return "\n".join(_without_imports((STATIC / name).read_text(encoding="utf-8")) for name in _MODULES)


@functools.cache
def styles() -> str:
    """The widget's style sheet."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in _STYLES)


class LearningView(anywidget.AnyWidget, Callback):
    """A network's fields and curves, live while a cell trains it.

    Parameters
    ----------
    training : Training, optional
        Shown at once. Without it, that of the estimator or run whose callback this is.
    order : {"index", "label"}
        How the fields are sorted.

    Examples
    --------
    In a notebook, a training of one's own::

        view = LearningView(training)
        display(view)
        for progress in view.follow():
            pass

    or an estimator's, which is shown as soon as it fits::

        STDPClassifier(callbacks=[LearningView()]).fit(images, labels)
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    order = traitlets.Enum(("index", "label"), "index").tag(sync=True)
    frame = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, training: Training | None = None, *, order: str = "index"):
        super().__init__(_esm=module(), _css=styles(), order=order)
        self._training, self._moment, self._metrics, self._sent = None, None, [], 0.0
        self._display_id = f"engram-{id(self):x}"
        self._is_shown, self._sorting = False, Sorting()
        if training is not None:
            self._take(training)

    @classmethod
    def of_model(cls, model, *, order: str = "label") -> LearningView:
        """The fields of a network that does not learn."""
        view = cls(order=order)
        view._show(Moment(model, model.examples), [])
        return view

    def follow(self) -> Iterator[Progress]:
        """Train to the end, block by block, and show it."""
        if self._training is None:
            raise ConfigError("There is no training to follow; make LearningView(training).")
        training = self._training
        self.on_start(training)
        try:
            for progress in training.blocks():
                self.on_progress(progress, training)
                yield progress
        finally:
            self.on_end(training)

    def on_start(self, training: Training) -> None:
        """Show it, unless a cell has done so already."""
        self._take(training)
        if not self._is_shown:
            self._display_in_notebook()

    def on_progress(self, progress: Progress, training: Training) -> None:
        """Show where it stands, not too often."""
        if time.monotonic() - self._sent >= FRAME_SECONDS or training.done:
            self._take(training, in_passing=not training.done)

    def on_end(self, training: Training) -> None:
        """Show the last state, and leave its picture for exports."""
        self._take(training)
        if self._is_shown:
            from IPython.display import update_display

            data, metadata = self._bundle()
            update_display(data, metadata=metadata, display_id=self._display_id, raw=True)

    def picture(self) -> bytes:
        """The fields as they are now, as PNG, by :func:`engram.figures.receptive_fields`."""
        from engram import figures

        moment = self._moment
        if moment is None:
            raise ConfigError("There is no network to draw yet; fit the estimator, or make LearningView(training).")
        layer = moment.layer()
        if layer.is_read and moment.is_labelled:
            how = {"labels": layer.assigned, "classes": moment.classes, "order": self.order}
        else:
            how = {}
        return figures.receptive_fields(layer.fields, layer.shape, **how)._repr_png_()

    def _take(self, training: Training, *, in_passing: bool = False) -> None:
        self._training = training
        self._show(moment_of(training), training.metrics, training.total, in_passing=in_passing)

    def _show(self, moment: Moment, metrics: list[dict], total: int = 0, *, in_passing: bool = False) -> None:
        self._moment, self._metrics, self._sent = moment, metrics, time.monotonic()
        sheet, places = self._sheet(moment, in_passing)
        header = {
            "fields": sheet.scale,
            "classes": moment.classes,
            "examples": moment.examples,
            "total": total,
            "points": [_brief(point) for point in metrics],
        }
        self.frame = encode(header, sheet.arrays if places is None else {**sheet.arrays, "places": places})

    def _sheet(self, moment: Moment, in_passing: bool) -> tuple[Sheet, np.ndarray | None]:
        """The fields, and in which order to draw them where it is another than theirs; in passing sorted seldom."""
        training = self._training
        if training is None or self.order == "index":
            return moment.sheet(by_label=self.order == "label"), None
        if not in_passing or self._sorting.is_due(training):
            self._sorting.begin(moment, training)
            self._sorting.finish(moment)
        sheet = moment.sheet()
        return sheet, self._sorting.places(training, len(sheet.neurons))

    @traitlets.observe("order")
    def _sort(self, change) -> None:
        moment: Moment | None = getattr(self, "_moment", None)
        if moment is not None:
            self._show(moment, self._metrics)

    def _ipython_display_(self) -> None:
        self._display_in_notebook()

    def _display_in_notebook(self) -> None:
        from engram.callbacks import in_notebook

        if not in_notebook():
            return
        from IPython.display import display

        data, metadata = self._bundle()
        display(data, metadata=metadata, display_id=self._display_id, raw=True)
        self._is_shown = True

    def _bundle(self) -> tuple[dict, dict]:
        """What a notebook keeps: the widget, and a picture for where there is none."""
        found = self._repr_mimebundle_()
        data, metadata = found if isinstance(found, tuple) else (found or {}, {})
        if self._moment is not None:
            data = {**data, "image/png": base64.b64encode(self.picture()).decode()}
        return data, metadata

    def __deepcopy__(self, memo) -> LearningView:
        """Copies of an estimator are shown by the same view."""
        return self

    def __reduce__(self):
        """In another process there is no page: what comes there is a view of its own, shown nowhere."""
        return LearningView, ()


def _brief(point: dict) -> list:
    """A point of the learning curve as the widget draws it."""
    return [point["examples"], point["accuracy"], point["l1_norm"]["mean"], point["theta"]["mean"]]


_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.MULTILINE)
_EXPORTED = re.compile(r"^export \{[^}]*\};\n", re.MULTILINE)


def _without_imports(text: str) -> str:
    """A module's text for where everything that it imports stands above it; the default export stays."""
    return _EXPORTED.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))
