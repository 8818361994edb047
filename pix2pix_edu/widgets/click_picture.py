"""A picture that one can point at, with the mouse or the arrow keys, and the base of the widgets that have one."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
import traitlets

from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.picture_view import IMAGE_CODE, PictureView
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT

CLICK_CODE = r"""
function render({ model, el }) {
  const stops = [], image = imageOf(model, stops);
  image.className = "p2p-clickable";
  image.tabIndex = 0;
  image.dataset.lmSuppressShortcuts = "true";     // or JupyterLab would take the arrow keys
  image.style.cursor = "crosshair";
  image.setAttribute("role", "application");      // an image has no keys; a screen reader would keep them for itself
  const help = document.createElement("div");
  help.className = "p2p-help"; help.textContent = model.get("help");
  el.append(image, help);
  const name = () => image.setAttribute("aria-label", `${model.get("help")} ${model.get("alt")}`);
  model.on("change:alt", name); stops.push(() => model.off("change:alt", name));
  name();

  const send = (name, values) => { model.set(name, values); model.save_changes(); };
  image.addEventListener("click", event => {
    const box = image.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    send("click", [...place, (model.get("click")[2] || 0) + 1]);
    image.focus({ preventScroll: true });
  });
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  image.addEventListener("keydown", event => {
    if (!moves[event.key]) return;
    const [rows, columns] = model.get("moved"), [down, across] = moves[event.key];
    send("moved", [rows + down, columns + across]);  // sums: of quick changes only the last one may be sent
    event.preventDefault(); event.stopPropagation();
  });
  return () => { for (const stop of stops) stop(); };
}
export default { render };
"""


class ClickPicture(PictureView):
    """A picture that tells where it was clicked, and which arrow keys were pressed on it.

    Attributes:
        help: how to use it, by mouse and by keyboard; stands below the picture.
        click: [x, y, number]: the place as fractions of width and height; the number makes every click a new one.
        moved: [rows, columns]: the steps of all arrow keys so far, down and to the right counting as positive.

    >>> ClickPicture(help="Click on the map.").click
    []
    """

    _esm = IMAGE_CODE + CLICK_CODE
    help = traitlets.Unicode().tag(sync=True)
    click = traitlets.List(trait=traitlets.Float()).tag(sync=True)
    moved = traitlets.List(trait=traitlets.Int(), default_value=[0, 0]).tag(sync=True)


class ClickExplorer(Explorer):
    """An `Explorer` with a place in its picture: a click or an arrow key moves the controls `row` and `column`.

    A subclass has these two among its controls, says in `help` how the picture is used, and implements `on_click`.

    >>> class Dot(ClickExplorer):
    ...     def draw(self, row, column):
    ...         return np.zeros((8, 8, 3), np.uint8)
    ...     def on_click(self, across, down):
    ...         self.set(row=int(down * 8), column=int(across * 8))
    >>> dot = Dot({name: ipywidgets.IntSlider(0, 0, 7) for name in ("row", "column")}, title="A dot")
    >>> dot._image.click = [0.5, 0.25, 1.0]
    >>> dot.values
    {'row': 2, 'column': 4}
    """

    help = "Click on the picture, or go to it with Tab and use the arrow keys."

    def on_click(self, across: float, down: float) -> None:
        """What a click does; the place comes as fractions of the picture's width and height."""
        raise NotImplementedError

    def _arrange(self) -> ipywidgets.Widget:
        """As usual, but with a picture that can be clicked."""
        self._image = ClickPicture(help=self.help)
        self._image.add_class("p2p-picture")
        self._image.observe(lambda change: self.on_click(*change["new"][:2]), names="click")
        self._image.observe(self._on_move, names="moved")
        return super()._arrange()

    def _choose_under(self, across: float, down: float, rows: int, columns: int) -> None:
        """Choose the place under a click, where `pictures.row` shows square panels, each of them with all places."""
        height, width = self.picture.shape[:2]
        side = height - LABEL_HEIGHT
        x, y = across * width % (side + GAP), down * height - LABEL_HEIGHT
        if 0 <= y < side and x < side:
            self.set(row=int(y * rows / side), column=int(x * columns / side))

    def _place_last(self) -> ipywidgets.Widget:
        """All controls below each other, and at the end the two of the place in one line."""
        place = [self.controls[name] for name in ("row", "column")]
        others = [control for control in self.controls.values() if control not in place]
        return ipywidgets.VBox([*others, ipywidgets.HBox(place, layout=ipywidgets.Layout(flex_flow="row wrap"))])

    def _on_move(self, change: Any) -> None:
        with self._lock:
            steps = np.subtract(change["new"], change["old"])
            places = {name: self.values[name] + int(step) for name, step in zip(("row", "column"), steps, strict=True)}
            self.set(**{name: min(max(place, 0), self.controls[name].max) for name, place in places.items()})
