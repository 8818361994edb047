"""What `SketchPad` and `LabelPainter` share: something to draw on, and a model's picture of it that keeps up.

A drawing is a list of *marks*, plain dictionaries: a stroke, a rectangle, "load this", "clear", "delete that". Undo
takes the last mark away, whatever it was, and redo puts it back; so nothing that a learner does can lose a drawing.

The browser shows the marks at once, in its own resolution. The kernel prepares what the model sees and translates it.
The browser asks for one frame at a time: the next question leaves after the last answer, and then tells of everything
that happened in between. On a slow machine the picture follows in larger jumps, but never later and later.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.paths import atomic_file, free_run_folder
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import CSS, guarded, show_view
from pix2pix_edu.widgets.pictures import as_rgb, at_size, from_png, row, to_png

Mark = dict[str, Any]

EASEL_CSS = """
.p2p-easel { padding: 2px; color: var(--jp-ui-font-color1, inherit);
  font: 13px/1.4 var(--jp-ui-font-family, sans-serif); }
.p2p-easel button { font: inherit; color: inherit; background: transparent; border: 1px solid #767676;
  border-radius: 4px; padding: 5px 10px; min-height: 32px; cursor: pointer; }
.p2p-easel button[aria-pressed="true"] { background: CHOSEN; border-color: CHOSEN; color: #fff;
  box-shadow: inset 0 0 0 2px #fff; }
.p2p-easel button[aria-disabled="true"] { opacity: 0.4; cursor: default; }
.p2p-easel .p2p-row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 6px 0; }
.p2p-easel .p2p-group { display: flex; flex-wrap: wrap; gap: 6px; margin-right: 12px; }
.p2p-easel .p2p-panels { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start; margin: 8px 0; }
.p2p-easel figure { margin: 0; }
.p2p-easel figcaption { min-height: 1.5em; }
.p2p-easel .p2p-drawing { flex: 1 1 240px; max-width: 320px; }
.p2p-easel .p2p-paper { position: relative; width: 100%; aspect-ratio: 1; background: #fff;
  box-shadow: 0 0 0 1px #767676; cursor: crosshair; touch-action: none; user-select: none; overflow: hidden; }
.p2p-easel .p2p-paper svg, .p2p-easel .p2p-paper img { position: absolute; inset: 0; width: 100%; height: 100%; }
.p2p-easel img { image-rendering: pixelated; display: block; background: #fff; pointer-events: none; }
.p2p-easel .p2p-answer { flex: 2 1 170px; max-width: 320px; }
.p2p-easel .p2p-seen { flex: 0.4 1 96px; max-width: 128px; }
.p2p-easel figure > img { width: 100%; aspect-ratio: 1; box-shadow: 0 0 0 1px #767676; }
.p2p-easel .p2p-start { padding: 2px; min-height: 0; background: #fff; color: #000; line-height: 0; }
.p2p-easel .p2p-start svg, .p2p-easel .p2p-start img { width: 42px; height: 42px; }
.p2p-easel .p2p-start.p2p-empty { width: 48px; height: 48px; font-size: 11px; line-height: 1.2; }
.p2p-easel .p2p-time { min-height: 1.4em; min-width: 7em; }
""".replace("CHOSEN", style.BLUE)

# The browser's half. Each widget adds a function `makeArt`: its tools, how its marks are made, and how they look.
EASEL_CODE = r"""
const SVG_TAGS = new Set(["svg", "g", "rect", "path", "circle", "line"]);
const BUSY = "The kernel is busy. Your drawing is kept, and the picture follows.";

function make(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag)
                                    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(text, act, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", () => { if (made.getAttribute("aria-disabled") !== "true") act(); });
  return made;
}

/** An image that shows the PNG bytes of one trait of the model. */
function pngImage(model, trait, alt, stops) {
  const image = make("img", { alt });
  const show = () => {
    const bytes = model.get(trait), old = image.src;
    if (!bytes || !bytes.byteLength) return;
    image.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  model.on(`change:${trait}`, show);
  stops.push(() => { model.off(`change:${trait}`, show); if (image.src) URL.revokeObjectURL(image.src); });
  show();
  return image;
}

function render({ model, el }) {
  const stops = [];
  let growing = null, pointer = null, cross = null;          // the mark in hand, and what draws it
  let asked = 0, askedAt = 0, waiting = false, stale = false, late = 0, pending = [];

  const art = makeArt({ model, stops, add: mark => add(mark), repaint: () => paintTop() });
  const paper = make("div", { class: "p2p-paper", tabindex: 0, role: "application",
    "aria-label": `${art.label} ${art.help}` });
  const svg = make("svg", { viewBox: `0 0 ${art.units} ${art.units}`, "aria-hidden": "true" });
  const ground = make("g"), top = make("g"), crosshair = make("g");
  const help = make("div", { class: "p2p-help" }, art.help);
  const note = make("div", { class: "p2p-note", role: "status" }), time = make("span", { class: "p2p-time" });
  svg.append(ground, top, crosshair); paper.append(...art.below, svg);
  const paintTop = () => { art.paintTop(top, growing, pending.map(([, mark]) => mark)); enable(); };
  const repaint = () => { art.paintGround(ground); paintTop(); };

  // --- One frame at a time

  const nextFrame = () => Math.max(asked, model.get("frame"), model.get("answered")) + 1;
  const ask = () => {
    stale = true;
    if (waiting) return;
    stale = false; waiting = true; askedAt = performance.now(); asked = nextFrame();
    paper.dataset.state = "waiting";
    model.set("growing", structuredClone(growing ?? {}));    // a copy: what is only changed inside is never sent
    model.set("frame", asked); model.save_changes();
    clearTimeout(late); late = setTimeout(() => { note.textContent = BUSY; }, 2000);
  };
  const answer = () => {
    if (!waiting || model.get("answered") < asked) return;
    waiting = false; clearTimeout(late);
    if (note.textContent === BUSY) note.textContent = "";
    pending = pending.filter(([frame]) => frame > asked);
    time.textContent = `${Math.round(performance.now() - askedAt)} ms a frame`;
    paintTop();
    if (stale) ask(); else paper.dataset.state = "ready";
  };

  // --- What the buttons do; all of it can be undone

  const change = (marks, undone) => {
    model.set("marks", marks); model.set("undone", undone);
    if (!waiting) { ask(); } else { stale = true; model.save_changes(); }  // sent at once: it must not get lost
  };
  const add = mark => {
    growing = null;
    pending.push([waiting ? asked + 1 : nextFrame(), mark]);
    change([...model.get("marks"), mark], []);
  };
  const undo = () => {
    const marks = model.get("marks");
    if (marks.length) change(marks.slice(0, -1), [...model.get("undone"), marks.at(-1)]);
  };
  const redo = () => {
    const undone = model.get("undone");
    if (undone.length) change([...model.get("marks"), undone.at(-1)], undone.slice(0, -1));
  };
  const clear = () => add({ tool: "clear" });

  // --- Mouse, pen and touch

  const placeOf = event => {
    const box = paper.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * art.units, (event.clientY - box.top) / box.height * art.units];
  };
  const begin = place => { growing = art.begin(place); paintTop(); if (growing) ask(); };
  const extend = place => { if (growing && art.extend(growing, place)) { growing = { ...growing }; return true; } };
  const end = () => {
    const mark = growing && art.end(growing);
    growing = null;
    if (mark) { add(mark); } else { paintTop(); ask(); }
  };
  paper.addEventListener("pointerdown", event => {
    if (pointer !== null || event.button !== 0) return;      // a second finger draws nothing
    if (growing) end();
    pointer = event.pointerId; paper.setPointerCapture(pointer); paper.focus({ preventScroll: true });
    cross = null; paintCross(); begin(placeOf(event)); event.preventDefault();
  });
  paper.addEventListener("pointermove", event => {
    art.hover(placeOf(event));
    if (event.pointerId !== pointer || !growing) return;
    const steps = event.getCoalescedEvents?.() ?? [];        // all places since the last event, not only the newest
    let moved = false;
    for (const step of steps.length ? steps : [event]) moved = extend(placeOf(step)) || moved;
    if (moved) { paintTop(); ask(); }
  });
  for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, event => {
    if (event.pointerId === pointer) { pointer = null; end(); }
  });
  paper.addEventListener("pointerleave", () => art.hover(null));

  // --- Keyboard: arrow keys move a cross, Space puts the pen down and lifts it

  const paintCross = () => {
    crosshair.replaceChildren();
    if (!cross) return;
    const [x, y] = art.crossAt(cross), arm = art.units / 24;
    for (const [stroke, width] of [["#fff", 3], ["CROSS", 1.5]]) {
      for (const [dx, dy] of [[arm, 0], [0, arm]]) {
        crosshair.append(make("line", { x1: x - dx, y1: y - dy, x2: x + dx, y2: y + dy, stroke, "stroke-width": width,
          "vector-effect": "non-scaling-stroke" }));
      }
    }
  };
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  paper.addEventListener("keydown", event => {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) undo();
      else if (key === "y" || key === "z") redo();
      else return;
    } else if (event.altKey) { return;
    } else if (moves[event.key]) {
      cross = (cross ?? [art.units / 2, art.units / 2]).map((value, axis) =>
        Math.min(Math.max(value + (event.shiftKey ? 4 : 1) * moves[event.key][axis], 0), art.units - art.cell));
      art.hover(cross);
      if (extend(cross)) { paintTop(); ask(); }
    } else if (key === " ") {
      if (growing) end(); else { cross ??= [art.units / 2, art.units / 2]; begin(cross); }
    } else if (key === "escape" && growing) { growing = null; paintTop(); ask();
    } else if (!art.key(key, cross)) { return; }
    event.preventDefault(); event.stopPropagation(); paintCross();
  });
  paper.addEventListener("blur", () => { cross = null; paintCross(); if (growing && pointer === null) end(); });

  // --- The page

  const buttons = {
    undo: button("Undo", undo, { class: "p2p-undo", title: "Take back the last step (Ctrl+Z)" }),
    redo: button("Redo", redo, { class: "p2p-redo", title: "Do it again (Ctrl+Y)" }),
    clear: button("Clear", clear, { class: "p2p-clear", title: "Begin with an empty sheet" }),
    save: button("Save picture", () => { model.set("saves", model.get("saves") + 1); model.save_changes(); },
      { class: "p2p-save", title: "Keep drawing and picture as a PNG file" }),
  };
  const enable = () => {
    buttons.undo.setAttribute("aria-disabled", String(!model.get("marks").length));
    buttons.redo.setAttribute("aria-disabled", String(!model.get("undone").length));
    art.enable();
  };
  const load = start => button(art.thumbnail(start), () => add({ tool: "load", name: start.name }),
    { class: "p2p-start", title: start.name, "aria-label": `Start from: ${start.name}` });
  const group = (label, ...content) =>
    make("div", { class: "p2p-group", role: "group", "aria-label": label }, ...content);
  const figure = (name, caption, ...content) =>
    make("figure", { class: name }, make("figcaption", {}, ...[caption].flat()), ...content);
  el.classList.add("p2p-easel");
  el.dataset.lmSuppressShortcuts = "true";                   // or JupyterLab would take the keys for its own commands
  el.append(
    make("div", { class: "p2p-row" },
      group(art.toolsLabel, ...art.tools),
      group("Steps", buttons.undo, buttons.redo, ...art.buttons, buttons.clear),
      group("File", buttons.save)),
    make("div", { class: "p2p-panels" },
      figure("p2p-drawing", art.caption, paper),
      figure("p2p-answer", "the model's picture", pngImage(model, "translation_png", "the model's picture", stops)),
      ...art.panels.map(([name, caption, content]) => figure(name, caption, content))),
    make("div", { class: "p2p-row", role: "group", "aria-label": "Start from" }, "Start from:",
      button("empty", clear, { class: "p2p-start p2p-empty", "aria-label": "Start from an empty sheet" }),
      ...model.get("starts").map(load)),
    make("div", { class: "p2p-row" }, time, note), help);

  // --- The kernel's side

  const tell = () => { note.textContent = model.get("note"); };
  for (const [event, act] of [["change:marks", repaint], ["change:undone", repaint], ["change:answered", answer],
                              ["change:note", tell]]) {
    model.on(event, act); stops.push(() => model.off(event, act));
  }
  repaint(); tell();
  return () => { clearTimeout(late); for (const stop of stops) stop(); };
}
export default { render };
""".replace("CROSS", style.VERMILLION)


class Canvas(anywidget.AnyWidget):
    """The browser's half of an easel; `SketchPad` and `LabelPainter` each add the code for their marks.

    Attributes:
        marks: the drawing, mark by mark.
        undone: what redo brings back, the next one last.
        growing: the mark that is being made; empty between two marks.
        frame: the number of the picture that the browser asked for last.
        answered: the number of the picture that it got last.
        source_png, translation_png: PNG bytes of what the model sees, and of its picture.
        starts: what one can start from, each with a name.
        saves: counts the clicks on "Save picture".
        note: a line below the drawing.
    """

    _esm = EASEL_CODE + "function makeArt() { throw new Error('this easel has no tools'); }"
    _css = EASEL_CSS
    marks = traitlets.List(trait=traitlets.Dict()).tag(sync=True, echo_update=False)
    undone = traitlets.List(trait=traitlets.Dict()).tag(sync=True, echo_update=False)
    growing = traitlets.Dict().tag(sync=True, echo_update=False)
    frame = traitlets.Int(0).tag(sync=True, echo_update=False)
    answered = traitlets.Int(0).tag(sync=True)
    source_png = traitlets.CBytes(b"").tag(sync=True)
    translation_png = traitlets.CBytes(b"").tag(sync=True)
    starts = traitlets.List(trait=traitlets.Dict()).tag(sync=True)
    saves = traitlets.Int(0).tag(sync=True, echo_update=False)
    note = traitlets.Unicode("").tag(sync=True)


class Easel:
    """Something to draw on, and a model's picture of it; a subclass says what a drawing is.

    Args:
        canvas: the browser's half.
        model: anything that `translate` takes.
        title: one line above.
        predict: what to predict before drawing.
        explain: what to understand afterwards; folded away until the learner opens it.

    Attributes:
        canvas: as given.
        model: as given.
        view: everything, as one ipywidgets box with the CSS class `p2p-widget`.
        source: what the model saw last, uint8 (H, W, C).
        translation: its picture of it, uint8 (H, W, C).
        error: what went wrong last, or None. The drawing is kept, whatever happens.
    """

    name = "drawing"  # of the files that `save` writes

    def __init__(self, canvas: Canvas, model: Any, *, title: str, predict: str, explain: str) -> None:
        self.canvas, self.model, self.title = canvas, model, title
        self.error: Exception | None = None
        self._lock = threading.RLock()  # JupyterLab 4.4 and later answer the browser in a second thread
        self._message = ipywidgets.HTML()
        header = CSS + f"<b>{html.escape(title)}</b><div><i>Predict:</i> {html.escape(predict)}</div>"
        folded = f"<details><summary>Explain</summary>{html.escape(explain)}</details>"
        self.view = ipywidgets.VBox([ipywidgets.HTML(header), canvas, self._message, ipywidgets.HTML(folded)])
        self.view.add_class("p2p-widget")
        self.view.add_class(f"p2p-{type(self).__name__.lower()}")
        canvas.observe(self._on_frame, names="frame")
        canvas.observe(lambda _: guarded(self, self.save), names="saves")
        self.redraw()

    # What a subclass writes

    def paint(self, marks: Sequence[Mark]) -> np.ndarray:
        """What the model sees of these marks: uint8, shape (H, W, C)."""
        raise NotImplementedError

    def panels(self) -> dict[str, np.ndarray]:
        """The pictures that stand for the widget where it cannot run, each under its label."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """What is drawn, in words."""
        raise NotImplementedError

    # What the buttons do, for notebooks and tests as well

    @property
    def marks(self) -> list[Mark]:
        """The drawing, mark by mark: keep it, and give it to another pad of the same kind."""
        return list(self.canvas.marks)

    def undo(self) -> None:
        """Take the last mark back; nothing happens where there is none."""
        with self._lock:
            if self.canvas.marks:
                self._set(self.canvas.marks[:-1], [*self.canvas.undone, self.canvas.marks[-1]])

    def redo(self) -> None:
        """Bring back what was undone last; nothing happens where nothing was."""
        with self._lock:
            if self.canvas.undone:
                self._set([*self.canvas.marks, self.canvas.undone[-1]], self.canvas.undone[:-1])

    def clear(self) -> None:
        """Begin with an empty sheet; undo brings the drawing back."""
        self._add({"tool": "clear"})

    def load(self, name: str) -> None:
        """Begin with something that is there already; undo brings the drawing back.

        Args:
            name: one of `starts`.

        Raises:
            UsageError: there is no such start.
        """
        if name not in self.starts:
            raise UsageError(f"There is nothing called {name!r} to start from. {nearest(name, self.starts)}")
        self._add({"tool": "load", "name": name})

    @property
    def starts(self) -> list[str]:
        """The names of what can be loaded."""
        return [start["name"] for start in self.canvas.starts]

    def save(self, path: Path | str | None = None) -> Path:
        """Write the pictures that one sees, side by side, as a PNG file.

        Args:
            path: where to; default: the next free `runs/sketch-001/sketch.png` (or `labels`, for the label painter).

        Returns:
            The file.

        Raises:
            StorageError: it cannot be written.
        """
        with self._lock:
            path = free_run_folder(self.name) / f"{self.name}.png" if path is None else Path(path)
            with atomic_file(path) as file:
                file.write(self.png)
            self.canvas.note = f"Saved as {path}."
            return path

    @property
    def png(self) -> bytes:
        """What stands for the widget where it cannot run, PNG bytes."""
        panels = self.panels()
        return to_png(row([at_size(as_rgb(picture)) for picture in panels.values()], list(panels)))

    @property
    def picture(self) -> np.ndarray:
        """The same as pixels: uint8, shape (H, W, 3)."""
        return from_png(self.png)

    def redraw(self) -> None:
        """Paint and translate the drawing as it is now; an error is shown, and in strict mode raised as well."""
        guarded(self, self._translate)

    def _ipython_display_(self) -> None:
        show_view(self.view, text=f"{self.title}. {self.text}", png=self.png)

    # How it works

    def _add(self, mark: Mark) -> None:
        with self._lock:
            self._set([*self.canvas.marks, mark], [])

    def _set(self, marks: list[Mark], undone: list[Mark]) -> None:
        with self.canvas.hold_sync():
            self.canvas.marks, self.canvas.undone, self.canvas.note = marks, undone, ""
        self.redraw()

    def _on_frame(self, change: Any) -> None:
        guarded(self, self._translate)

    def _translate(self) -> None:
        canvas = self.canvas
        frame, growing = canvas.frame, canvas.growing
        try:
            self.source = self.paint([*canvas.marks, growing] if growing else canvas.marks)
            self.translation = picture_of(self.model, self.source)
            with canvas.hold_sync():
                canvas.source_png, canvas.translation_png = to_png(self.source), to_png(self.translation)
        finally:
            canvas.answered = frame  # also after an error: the browser must not wait for ever


def picture_of(model: Any, source: np.ndarray) -> np.ndarray:
    """What `translate` gives, pixel for pixel, but in a small part of the time where the picture fits the model.

    Keras compiles the whole network into one call the first time (about a second); layer by layer, most of the time of
    a small picture goes into Python.

    Args:
        model: anything that `translate` takes.
        source: uint8, shape (H, W, C).
    """
    from pix2pix_edu.translation import to_float, to_uint8, translate  # loads Keras

    generator = _generator_of(model)
    statistics = getattr(getattr(model, "model", model), "statistics", "moving")
    if statistics != "moving" or source.shape != getattr(generator, "input_shape", ())[1:]:
        return translate(model, source)
    return to_uint8(generator.predict_on_batch(to_float(source[None])))[0]


def input_of(model: Any) -> tuple[int, int]:
    """Height in pixels and channels of the pictures that a model was made for.

    Args:
        model: anything that `translate` takes.

    Raises:
        UsageError: it is no such thing.
    """
    shape = getattr(_generator_of(model), "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise UsageError(
            f"This needs a generator of pictures of a fixed size, not {type(model).__name__}: give a Pix2Pix, a Run, a "
            "generator, or `load_model(path)`."
        )
    return int(shape[1]), int(shape[3])


def _generator_of(model: Any) -> Any:
    inner = getattr(model, "model", model)  # of a Run
    return getattr(inner, "generator", inner)  # of a Pix2Pix or a Translator
