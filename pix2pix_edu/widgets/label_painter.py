"""Lesson 10: lay out a house front in rectangles of the CMP palette, and a model builds it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import traitlets
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.errors import UsageError, check_known, nearest
from pix2pix_edu.pairs.facades import CLASSES, PALETTE, colour_labels
from pix2pix_edu.pairs.facades_layout import (
    Balcony,
    Box,
    Cornice,
    Door,
    Element,
    Layout,
    Molding,
    Ornament,
    Part,
    Pillar,
    Shop,
    Shutter,
    Sill,
    Wall,
    Window,
    facade_layout,
    paint_labels,
    to_slices,
)
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.easel import EASEL_CODE, Canvas, Easel, Mark, input_of
from pix2pix_edu.widgets.pictures import INK, SHOWN_SIZE, to_png

HOUSES = (2_000_016, 2_000_027, 2_000_033, 2_000_040, 2_000_055, 2_000_059)  # of the test split, with seed 0
BARE_WALL = "bare wall"
LEGEND_SIZE = 14  # of the words, as above the pictures beside it
GROUND = 0.95  # where the pavement begins on most house fronts

EXPLAIN = (
    "The rectangles say what is where, and nothing else: no colour, no bricks, no glass. All that the model adds, and "
    "where it has to choose it takes what was most usual in its training. Try what no training house had: a door in "
    "the sky, a window across the whole front, two rectangles that overlap. It builds that as well, from the same "
    "parts, because it judges each place by its surroundings and knows no rule that a house must be one. But the "
    "further your layout is from those that it has seen, the worse the parts become."
)


@dataclass(frozen=True)
class Sky(Element):
    """Nothing built: what was there is torn down."""

    part: ClassVar[Part] = Part.BACKGROUND


# What each class means, and the element that stands for it.
PARTS: dict[Part, tuple[type[Element], str]] = {
    Part.BACKGROUND: (Sky, "sky above the house, pavement below"),
    Part.FACADE: (Wall, "the wall"),
    Part.WINDOW: (Window, "glass in a frame"),
    Part.DOOR: (Door, "the front door"),
    Part.CORNICE: (Cornice, "a ledge across the front"),
    Part.SILL: (Sill, "the ledge below a window"),
    Part.BALCONY: (Balcony, "a slab with a railing"),
    Part.BLIND: (Shutter, "a shutter or a roller blind"),
    Part.DECO: (Ornament, "a relief"),
    Part.MOLDING: (Molding, "the stone frame around a window or a door"),
    Part.PILLAR: (Pillar, "a flat column"),
    Part.SHOP: (Shop, "a shop front with an awning"),
}

PAINTER_CODE = r"""
function makeArt({ model, stops, add, repaint }) {
  const units = model.get("image_size"), parts = model.get("parts"), starts = model.get("starts");
  let part = "window", anchor = null, selected = null;

  const legend = parts.map(({ name, colour, hint }) => {
    const swatch = make("span", { class: "p2p-swatch", style: `background:${colour}` });
    const made = button("", () => { part = name; press(); }, { class: "p2p-part", title: hint, "data-part": name });
    made.append(swatch, name);
    return made;
  });
  const press = () => legend.forEach(made => made.setAttribute("aria-pressed", String(made.dataset.part === part)));
  press();
  const colourOf = name => parts.find(one => one.name === name).colour;
  const where = make("span", { class: "p2p-where", "aria-live": "polite" });

  // The same list as LabelPainter.items in Python, with holes where something was deleted.
  const items = () => {
    let list = [];
    for (const mark of model.get("marks")) {
      if (mark.tool === "clear") list = [];
      else if (mark.tool === "load") list = [...(starts.find(start => start.name === mark.name)?.items ?? [])];
      else if (mark.tool === "delete") list[mark.index] = null;
      else list.push({ part: mark.part, box: mark.box });
    }
    return list;
  };
  const cellOf = place => place.map(value => Math.min(Math.max(Math.floor(value), 0), units - 1));
  const at = place => {
    const [x, y] = cellOf(place);
    return items().findLastIndex(item => item && x >= item.box[0] && x < item.box[0] + item.box[2] &&
      y >= item.box[1] && y < item.box[1] + item.box[3]);
  };
  const select = place => { const index = at(place); selected = index < 0 || index === selected ? null : index; };
  const remove = () => {
    if (selected === null) return;
    const index = selected; selected = null; add({ tool: "delete", index });
  };
  const removeButton = button("Delete", remove,
    { class: "p2p-delete", title: "Delete the rectangle that was clicked (Delete key)" });
  const rectangle = ([x, y, width, height], attributes) =>
    make("rect", { x, y, width, height, "shape-rendering": "crispEdges", "vector-effect": "non-scaling-stroke",
      ...attributes });
  const outlined = (box, dashes = "none") => ["#000", "#fff"].map((stroke, top) =>
    rectangle(box, { fill: "none", stroke, "stroke-width": top ? 1.5 : 3.5,
      "stroke-dasharray": top ? dashes : "none" }));

  return {
    units, cell: 1, tools: legend, toolsLabel: "What to paint", buttons: [removeButton],
    below: [pngImage(model, "source_png", "the label map", stops)],
    label: "Label map.",
    help: "Drag a rectangle of the chosen class; click on a rectangle to select it. Or with the keyboard: go to the " +
      "label map with Tab; arrow keys move a cross (with Shift faster), Space begins and ends a rectangle, Enter " +
      "selects the one under the cross, Delete deletes it, Ctrl+Z takes back.",
    caption: ["your labels", where],
    panels: [],
    thumbnail: start => make("img", { src: `data:image/png;base64,${start.png}`, alt: "" }),
    crossAt: place => cellOf(place).map(value => value + 0.5),
    begin: place => { anchor = cellOf(place); return { tool: "box", part, box: [...anchor, 0, 0] }; },
    extend: (mark, place) => {
      const cell = cellOf(place);
      const box = [Math.min(anchor[0], cell[0]), Math.min(anchor[1], cell[1]),
        Math.abs(cell[0] - anchor[0]) + 1, Math.abs(cell[1] - anchor[1]) + 1];
      if (String(box) === String(mark.box) || (!mark.box[2] && box[2] * box[3] === 1)) return false;
      mark.box = box; where.textContent = `: ${mark.part}, ${box[2]} x ${box[3]} pixels`;
      return true;
    },
    end: mark => {                                           // without a move it was a click
      if (!mark.box[2]) { select(anchor); return null; }
      selected = null; return mark;
    },
    hover: place => {
      const item = place && items()[at(place)];
      where.textContent = item ? `: ${item.part}` : "";
    },
    key: (key, cross) => {
      if (key === "delete" || key === "backspace") remove();
      else if (key === "enter" && cross) { select(cross); repaint(); }
      else return false;
      return true;
    },
    enable: () => removeButton.setAttribute("aria-disabled", String(selected === null)),
    paintGround: () => { if (selected !== null && !items()[selected]) selected = null; },
    paintTop: (group, growing, pending) => {
      const boxes = [...pending, growing].filter(mark => mark?.tool === "box" && mark.box[2]);
      const shown = boxes.map(mark => rectangle(mark.box, { fill: colourOf(mark.part) }));
      if (growing?.box[2]) shown.push(...outlined(growing.box));
      if (selected !== null && items()[selected]) shown.push(...outlined(items()[selected].box, "4 3"));
      group.replaceChildren(...shown);
    },
  };
}
"""
PAINTER_CSS = """
.p2p-easel .p2p-part { display: inline-flex; align-items: center; gap: 5px; padding: 3px 7px; min-height: 28px; }
.p2p-easel .p2p-swatch { width: 14px; height: 14px; border: 1px solid #fff; outline: 1px solid #767676; }
"""


class LabelCanvas(Canvas):
    """The browser's half of a `LabelPainter`: rectangles on the grid of the label map's pixels.

    Attributes:
        image_size: pixels of the label map.
        parts: the classes, each with its name, colour and meaning.
    """

    _esm = EASEL_CODE + PAINTER_CODE
    _css = Canvas._css + PAINTER_CSS
    image_size = traitlets.Int(64).tag(sync=True)
    parts = traitlets.List(trait=traitlets.Dict()).tag(sync=True)


class LabelPainter(Easel):
    """Drag windows, doors and balconies onto a house front, and see the house that a model makes of them.

    The label map has the exact colours of the training data, one class for each pixel.

    Args:
        model: anything that `translate` takes and that was trained on label maps of `load_pairs("facades")`; default:
            the one that ships.
        image_size: pixels of the label map; default: the size that the model was made for.
        start: what to begin with: one of `starts`, or "" for an empty site.
        marks: begin with what another painter of the same size holds, its `marks`, instead of `start`.

    >>> import pix2pix_edu as p2p
    >>> painter = LabelPainter(p2p.generator_model(32, 2))
    >>> painter.add("window", 10, 8, 4, 6)
    >>> painter.items[-1], painter.source[8, 10].tolist()
    (('window', 10, 8, 4, 6), [0, 85, 255])
    """

    name = "labels"

    def __init__(
        self, model: Any = None, *, image_size: int | None = None, start: str = BARE_WALL, marks: Iterable[Mark] = ()
    ) -> None:
        if model is None:
            from pix2pix_edu.translation import load_example_model  # loads Keras

            model = load_example_model("facades")
        size, channels = input_of(model)
        if channels != 3:
            raise UsageError(f"A label map in colours has 3 channels, but this model takes {channels}.")
        self._size = size if image_size is None else image_size
        if not isinstance(self._size, int) or self._size < 16:
            raise UsageError(f"image_size={image_size!r} does not work: a house needs a whole number of 16 or more.")
        canvas = LabelCanvas(
            image_size=self._size,
            parts=[{"name": part.name.lower(), "colour": _hex(part), "hint": PARTS[part][1]} for part in Part],
            starts=[_start(name, self._size) for name in (BARE_WALL, *(f"house {house}" for house in HOUSES))],
        )
        canvas.marks = list(marks) or ([{"tool": "load", "name": _known(start, canvas)}] if start else [])
        super().__init__(
            canvas,
            model,
            title="Lay out a house front, and the model builds it",
            predict="What will a window look like where there was bare wall? And what will the model make of a door "
            "that hangs in the air?",
            explain=EXPLAIN,
        )

    # What a notebook or a test uses; the buttons do the same

    def add(self, part: str, x: int, y: int, width: int, height: int) -> None:
        """Paint a rectangle over what is there.

        Args:
            part: the class, such as "window"; one of `pix2pix_edu.pairs.facades.CLASSES`.
            x: its left edge, in pixels of the label map, from the left.
            y: its upper edge, from the top.
            width: in the same pixels, at least 1.
            height: in the same pixels, at least 1.

        Raises:
            UsageError: no such class, or a rectangle that is not on the label map. The drawing stays as it was.
        """
        check_known("class", part, CLASSES)
        box = [x, y, width, height]
        if not all(isinstance(value, (int, np.integer)) for value in box):
            raise UsageError(f"A rectangle lies on whole pixels, but this one is {box}.")
        if not (0 <= x < x + width <= self._size and 0 <= y < y + height <= self._size):
            raise UsageError(
                f"The rectangle x={x}, y={y}, width={width}, height={height} does not lie on the label map, which has "
                f"{self._size} x {self._size} pixels."
            )
        self._add({"tool": "box", "part": part, "box": [int(value) for value in box]})

    def delete(self, index: int = -1) -> None:
        """Take one rectangle away, and what lies below it shows again.

        Args:
            index: its place in `items`; by default the last one, which lies on top.

        Raises:
            UsageError: there is no such rectangle.
        """
        places = [place for place, element in enumerate(self._elements(self.canvas.marks)) if element is not None]
        if not -len(places) <= index < len(places):
            raise UsageError(f"There is no rectangle {index}: `items` holds {len(places)}.")
        self._add({"tool": "delete", "index": places[index]})

    @property
    def items(self) -> list[tuple[str, int, int, int, int]]:
        """What is on the label map, from back to front: (class, x, y, width, height), in pixels."""
        return [
            (element.part.name.lower(), *_pixels(element.box, self._size))
            for element in self._elements(self.canvas.marks)
            if element is not None
        ]

    @property
    def labels(self) -> np.ndarray:
        """The class of every pixel: uint8, shape (image_size, image_size), indices of `CLASSES`."""
        return self._label_map(self.canvas.marks)

    # What the base asks for

    def paint(self, marks: Sequence[Mark]) -> np.ndarray:
        """The label map in the colours of the training data."""
        return colour_labels(self._label_map(marks))

    def panels(self) -> dict[str, np.ndarray]:
        """Label map, picture, and the names of the colours."""
        return {"your labels": self.source, "the model's picture": self.translation, "classes": _legend_picture()}

    @property
    def text(self) -> str:
        """What is on the label map, in words."""
        counts = Counter(part for part, *_ in self.items)
        words = ", ".join(f"{counts[name]} x {name}" for name in CLASSES if counts[name])
        return f"On the label map: {words}." if words else "The label map is empty."

    # How it works

    def _label_map(self, marks: Sequence[Mark]) -> np.ndarray:
        elements = tuple(element for element in self._elements(marks) if element is not None)
        return paint_labels(Layout(elements, GROUND), self._size)

    def _elements(self, marks: Sequence[Mark]) -> list[Element | None]:
        """Everything since the last clear or load, from back to front; None stands where something was deleted."""
        elements: list[Element | None] = []
        for mark in marks:
            if mark["tool"] == "clear":
                elements = []
            elif mark["tool"] == "load":
                elements = list(_start_elements(mark["name"]))
            elif mark["tool"] == "delete":
                elements[mark["index"]] = None
            elif mark["box"][2]:  # a rectangle without width is a click that has not moved yet
                x, y, width, height = (value / self._size for value in mark["box"])
                kind, _ = PARTS[Part[mark["part"].upper()]]
                elements.append(kind(Box(x, y, x + width, y + height)))
        return elements


# --- What one can start from ------------------------------------------------------------------------------------------


@cache
def _start_elements(name: str) -> tuple[Element, ...]:
    """The elements of a house of the test split, or of a wall without anything on it."""
    if name == BARE_WALL:
        return (Wall(Box(0.06, 0.12, 0.94, GROUND)), Cornice(Box(0.045, 0.115, 0.955, 0.155)))
    return facade_layout(int(name.removeprefix("house "))).elements


def _start(name: str, size: int) -> dict[str, Any]:
    """What the browser needs to know of a start: a small picture, and where everything is."""
    elements = _start_elements(name)
    picture = to_png(colour_labels(paint_labels(Layout(elements, GROUND), size)))
    items = [{"part": e.part.name.lower(), "box": list(_pixels(e.box, size))} for e in elements]
    return {"name": name, "png": base64.b64encode(picture).decode(), "items": items}


def _known(start: str, canvas: LabelCanvas) -> str:
    names = [one["name"] for one in canvas.starts]
    if start not in names:
        raise UsageError(f"There is nothing called {start!r} to start from. {nearest(start, names)}")
    return start


def _pixels(box: Box, size: int) -> tuple[int, int, int, int]:
    """x, y, width and height of the pixels that a box covers."""
    rows, columns = to_slices(box, size)
    return columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start


def _hex(part: Part) -> str:
    return "#" + "".join(f"{value:02X}" for value in PALETTE[part])


def _legend_picture() -> np.ndarray:
    """The names of the classes beside their colours, in two columns, each as wide as its longest name."""
    names = [part.name.lower() for part in Part]
    half, swatch, gap = -(-len(names) // 2), 16, 7
    letters = ImageFont.load_default(LEGEND_SIZE)
    widths = [
        swatch + gap + round(max(letters.getlength(name) for name in column)) for column in (names[:half], names[half:])
    ]
    sheet = Image.new("RGB", (max(SHOWN_SIZE + 20, 8 + widths[0] + 18 + widths[1] + 8), SHOWN_SIZE), "white")
    pen = ImageDraw.Draw(sheet)
    for number, part in enumerate(Part):
        x, y = 8 + (widths[0] + 18) * (number // half), 8 + 31 * (number % half)
        pen.rectangle((x, y, x + swatch, y + swatch), fill=_hex(part), outline=style.GREY)
        pen.text((x + swatch + gap, y + swatch / 2), names[number], fill=INK, font=letters, anchor="lm")
    return np.asarray(sheet)
