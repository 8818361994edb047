"""The base of all widgets: controls, a picture, a caption, and the questions that make one look.

An `Explorer` draws its picture anew at each change of a control; what takes longer is a `pix2pix_edu.widgets.job.Job`.
Widgets run on ipywidgets 7 (Colab) and 8, hold their state in Python, and work without a browser:

    browser = PairBrowser(pairs)
    browser.set(split="val", index=3)       # what moving the controls does
    browser.values, browser.picture         # what the learner sees, as numbers

Two environment variables matter to people who build or test notebooks:

* `PIX2PIX_EDU_BAKE=1`: show a picture instead of the live widget, so that a notebook on GitHub shows something.
* `PIX2PIX_EDU_STRICT_WIDGETS=1`: an error in a widget is raised as well as shown, so that a run of the notebook fails.
  Under pytest (so under nbval too), and while baking, this is the default; 0 turns it off.
"""

from __future__ import annotations

import html
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.errors import Pix2PixEduError, UsageError, nearest
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.alt import bundle, register
from pix2pix_edu.widgets.names import Names
from pix2pix_edu.widgets.picture_view import PictureView
from pix2pix_edu.widgets.pictures import from_png, to_png

BAKE_VARIABLE = "PIX2PIX_EDU_BAKE"
STRICT_VARIABLE = "PIX2PIX_EDU_STRICT_WIDGETS"
WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
register()  # from now on the figures and pictures of this notebook have descriptions

# Widgets 7 and 8 differ in their defaults; what matters is said here. Labels wrap, and pictures keep their proportions.
# What has the keyboard's focus has a ring, and a pressed button has a bar below its words, for eyes that see no greys.
CSS = """<style>
.p2p-widget { max-width: 100%; }
.p2p-widget .p2p-picture { align-self: flex-start; max-width: 100%; height: auto; overflow: visible; }
.p2p-widget .widget-html-content { line-height: 1.4; white-space: normal; }
.p2p-widget .widget-radio-box label { white-space: normal; height: auto; line-height: 1.4; width: auto; margin: 2px 0; }
.p2p-widget .widget-radio-box input { flex: none; margin-right: 6px; }
.p2p-widget .widget-toggle-buttons { display: flex; align-items: baseline; }
.p2p-widget .widget-toggle-buttons > .widget-label { flex: none; width: 80px; margin-right: 8px; text-align: right; }
.p2p-widget summary { cursor: pointer; }
.p2p-widget .p2p-help { font-size: 12px; line-height: 1.4; margin: 4px 0; }
.p2p-widget .widget-toggle-button.mod-active { box-shadow: inset 0 -3px currentColor; }
.p2p-widget :is(a, button, input, summary, [tabindex], [contenteditable="true"]):focus-visible {
  outline: 3px solid FOCUS !important; outline-offset: 2px; }
.p2p-widget .p2p-clickable:focus-visible { outline-offset: -3px; }
</style>""".replace("FOCUS", style.FOCUS)


def is_baking() -> bool:
    """Whether a notebook is being built: pictures are wanted, not live widgets."""
    return os.environ.get(BAKE_VARIABLE, "") not in ("", "0")


def is_strict() -> bool:
    """Whether an error in a widget must fail the run, as `PIX2PIX_EDU_STRICT_WIDGETS` says; else, if pytest runs."""
    chosen = os.environ.get(STRICT_VARIABLE, "")
    return chosen != "0" if chosen else "PYTEST_CURRENT_TEST" in os.environ or is_baking()


def show_view(view: ipywidgets.Widget, *, text: str, png: bytes | None = None, markup: str = "") -> None:
    """Show a live widget; while a notebook is built (`PIX2PIX_EDU_BAKE`), show what replaces it.

    Args:
        view: the widget.
        text: what it shows, in words: for places that can show nothing else, and for people who cannot see it.
        png: the picture that replaces it.
        markup: HTML that replaces it, where there is no picture.
    """
    from IPython.display import display

    data: dict[str, Any] = {"text/plain": text}
    metadata: dict[str, Any] = {}
    if not is_baking():
        data[WIDGET_TYPE] = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    elif png is not None:
        data, metadata = bundle(png, text)
    elif markup:
        data["text/html"] = markup
    display(data, raw=True, metadata=metadata)


class Explorer:
    """A widget that answers "what if": controls, a picture that follows them, and a caption.

    A subclass says which controls there are and implements `draw`; `caption` and `adjust` are optional. Choose controls
    that the keyboard can reach in JupyterLab: sliders, `ToggleButtons`, `RadioButtons`, `Checkbox`, `Button`. Not
    `Dropdown`: JupyterLab takes arrow keys and letters for its own commands.

    Args:
        controls: name -> ipywidgets control with a `.value`. `draw` and `caption` get the values under these names.
        title: one line above.
        predict: what to predict before touching anything.
        explain: what to understand afterwards; folded away until the learner opens it.
        width: of the displayed picture in pixels; it shrinks with the window. None shows it pixel for pixel.

    Attributes:
        controls: as given.
        view: everything, as one ipywidgets box with the CSS class `p2p-widget`.
        text: the caption as it is displayed.
        error: what the last drawing raised, or None.

    >>> class Grey(Explorer):
    ...     def draw(self, level):
    ...         return np.full((8, 8, 3), level, np.uint8)
    ...     def caption(self, level):
    ...         return f"level {level}"
    >>> grey = Grey({"level": ipywidgets.IntSlider(7, 0, 255)}, title="Grey")
    >>> grey.set(level=9)
    >>> int(grey.picture.max()), grey.text
    (9, 'level 9')
    """

    def __init__(
        self,
        controls: Mapping[str, ipywidgets.Widget],
        *,
        title: str,
        predict: str = "",
        explain: str = "",
        width: int | None = None,
    ) -> None:
        self.controls = dict(controls)
        self.title, self.predict, self.explain = title, predict, explain
        self.text = ""
        self.error: Exception | None = None
        self._held = False
        self._lock = threading.RLock()  # JupyterLab 4.4 and later move controls in a second thread, while cells run
        self._image = PictureView(width=width)
        self._image.add_class("p2p-picture")
        self._caption = ipywidgets.HTML()
        self._caption.add_class("p2p-caption")  # `Names` has screen readers say it when it changes
        self._message = ipywidgets.HTML()
        self.view = self._arrange()
        self.view.add_class("p2p-widget")
        self.view.add_class(f"p2p-{type(self).__name__.lower()}")
        for control in self.controls.values():
            control.observe(self._on_change, names="value")
        self.redraw()

    # What a subclass writes

    def draw(self, *_: Any, **values: Any) -> Any:
        """The picture for these values of the controls; anything that `to_png` takes."""
        raise NotImplementedError

    def caption(self, *_: Any, **values: Any) -> str:
        """What the picture shows, in words; it also stands in for the picture where that cannot be seen."""
        return ""

    def adjust(self, *_: Any, **values: Any) -> None:
        """Bring controls in line with each other before drawing, such as the range of a slider; by default nothing."""

    # What a learner, a notebook or a test uses

    @property
    def values(self) -> dict[str, Any]:
        """The values of all controls by name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Move several controls at once, and draw once.

        Raises:
            UsageError: there is no such control.
        """
        for name in values:
            if name not in self.controls:
                raise UsageError(f"{self.title} has no control {name!r}. {nearest(name, list(self.controls))}")
        with self._lock:
            with self._quietly():
                for name in self.controls:  # in this order: a split comes before the index into it
                    if name in values:
                        self.controls[name].value = values[name]
                        self.adjust(**self.values)
            self.redraw()

    @property
    def png(self) -> bytes:
        """The picture as it is displayed, PNG bytes."""
        return bytes(self._image.value)

    @property
    def picture(self) -> np.ndarray:
        """The picture as it is displayed: uint8, shape (H, W, 3)."""
        return from_png(self.png)

    @property
    def alt(self) -> str:
        """What the widget shows, in words: its title and its caption."""
        stop = "" if self.title.endswith(("?", "!", ".")) else "."
        return f"{self.title}{stop} {self.text}".strip()

    def redraw(self) -> None:
        """Draw for the present values; an error is shown in the widget, and in strict mode raised as well."""
        guarded(self, self._draw_all)

    def _draw_all(self) -> None:
        with self._quietly():
            self.adjust(**self.values)
        png = to_png(self.draw(**self.values))
        self.text = self.caption(**self.values)
        with self._image.hold_sync():
            self._image.value, self._image.alt = png, self.alt
        self._caption.value = html.escape(self.text)

    def _ipython_display_(self) -> None:
        show_view(self.view, text=self.alt, png=self.png)

    # How it is put together

    def _arrange(self) -> ipywidgets.Widget:
        """The parts from top to bottom; a subclass may lay out the controls in `_arrange_controls`."""
        header = CSS + f"<b>{html.escape(self.title)}</b>"
        if self.predict:
            header += f"<div><i>Predict:</i> {html.escape(self.predict)}</div>"
        parts = [ipywidgets.HTML(header), self._arrange_controls(), self._message, self._image, self._caption]
        if self.explain:
            folded = f"<details><summary>Explain</summary>{html.escape(self.explain)}</details>"
            parts.append(ipywidgets.HTML(folded))
        return ipywidgets.VBox([*parts, Names()])

    def _arrange_controls(self) -> ipywidgets.Widget:
        return ipywidgets.VBox(list(self.controls.values()))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Move controls from code without drawing for each of them."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def _on_change(self, change: Any) -> None:
        with self._lock:
            if not self._held:
                self.redraw()


def guarded(widget: Any, work: Callable[[], Any]) -> None:
    """Do a widget's work, one call at a time; an error is shown in it, and in strict mode raised as well."""
    with widget._lock:
        try:
            work()
        except Exception as error:
            widget.error, widget._message.value = error, error_markup(error)
            if is_strict():
                raise
        else:
            widget.error, widget._message.value = None, ""


def error_markup(error: BaseException) -> str:
    """An error as HTML for the inside of a widget, where a traceback would not be seen.

    >>> "no such pair" in error_markup(KeyError("no such pair"))
    True
    """
    name = "" if isinstance(error, Pix2PixEduError) else f"{type(error).__name__}: "
    border = f"border-left: 5px solid {style.VERMILLION}; padding: 2px 12px"
    return f'<div role="alert" style="{border}"><b>Error.</b> {html.escape(name + str(error))}</div>'
