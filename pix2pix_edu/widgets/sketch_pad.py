"""Lessons 00 and 10: draw, and see the picture coloured while the stroke grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import traitlets

from pix2pix_edu.pairs.emoji import draw
from pix2pix_edu.sketch import (
    DOT_WIDTH,
    ERASER_WIDTH,
    LINE_WIDTH,
    MARGIN,
    STARTS,
    UNITS,
    Stroke,
    sketch_svg,
    start_svg,
    strokes_to_source,
)
from pix2pix_edu.widgets.easel import EASEL_CODE, Canvas, Easel, Mark, input_of
from pix2pix_edu.widgets.pictures import SHOWN_SIZE

EXPLAIN = (
    "Nothing tells the model what you draw. It looks for shapes like those in its training drawings: a closed "
    "line is filled, often in one colour; a circle with two dots is a face, and faces were yellow. An open line leaks: "
    "the network cannot tell inside from outside. And it never says that it does not know: where your shape is like "
    "nothing it has seen, it still paints, and means nothing by it. Your lines stay where they are, because the "
    "network's skip connections carry them past everything else."
)

PAD_CODE = r"""
function makeArt({ model, stops }) {
  const widths = model.get("widths");
  const tools = [["brush", "Brush", "A line as wide as those of the training drawings"],
                 ["dot", "Thick brush", "Twice as wide: for eyes and dots"],
                 ["eraser", "Eraser", "Rubs out"]];
  let tool = "brush";
  const round = value => Math.round(value * 100) / 100;
  const text = (x, y) => `${round(x)} ${round(y)}`;
  const buttons = tools.map(([name, label, hint]) =>
    button(label, () => { tool = name; press(); }, { class: `p2p-${name}`, title: hint }));
  const press = () => buttons.forEach((made, index) =>
    made.setAttribute("aria-pressed", String(tools[index][0] === tool)));
  press();

  // The same path as Stroke.path in pix2pix_edu/sketch.py: what you see is what the model gets.
  const pathOf = ({ points, smooth }) => {
    const [first, ...rest] = points, last = rest.pop();
    let path = `M${text(...first)}`;
    rest.forEach(([x, y], index) => {
      const [nextX, nextY] = points[index + 2];
      path += smooth ? ` Q${text(x, y)} ${text((x + nextX) / 2, (y + nextY) / 2)}` : ` L${text(x, y)}`;
    });
    return last ? `${path} L${text(...last)}` : path;
  };
  const strokeOf = mark => {
    const colour = mark.tool === "eraser" ? "#fff" : "#000";
    if (mark.points.length < 2) {
      const [cx, cy] = mark.points[0];
      return make("circle", { cx, cy, r: mark.width / 2, fill: colour });
    }
    return make("path", { d: pathOf(mark), fill: "none", stroke: colour, "stroke-width": mark.width,
      "stroke-linecap": "round", "stroke-linejoin": "round" });
  };
  const parse = svg => document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
  const linesOf = name => {
    const start = model.get("starts").find(start => start.name === name);
    return start ? [...parse(start.svg).children] : [];
  };
  const margin = model.get("margin"), inner = model.get("units") - 2 * margin;
  const frame = make("rect", { x: margin, y: margin, width: inner, height: inner, fill: "none", stroke: "#A0A0A0",
    "stroke-dasharray": "2 3", "vector-effect": "non-scaling-stroke" });

  return {
    units: model.get("units"), cell: 0, tools: buttons, toolsLabel: "Tools", buttons: [], below: [],
    label: "Drawing area.",
    help: "Draw with mouse, pen or finger. Or with the keyboard: go to the drawing with Tab; arrow keys move a cross " +
      "(with Shift faster), Space puts the pen down and lifts it, Escape drops the stroke, Ctrl+Z takes it back.",
    caption: "your drawing",
    panels: [["p2p-seen", `what the model sees: ${model.get("image_size")} px`,
      pngImage(model, "source_png", "your drawing as the model sees it", stops)]],
    thumbnail: start => { const svg = parse(start.svg); svg.setAttribute("aria-hidden", "true"); return svg; },
    crossAt: place => place,
    begin: ([x, y]) => ({ tool: tool === "eraser" ? "eraser" : "brush", width: widths[tool], smooth: true,
      points: [[round(x), round(y)]] }),
    extend: (mark, [x, y]) => {
      const [lastX, lastY] = mark.points.at(-1);
      if (Math.hypot(x - lastX, y - lastY) < 0.4) return false;  // a third of a pixel
      mark.points.push([round(x), round(y)]);
      return true;
    },
    end: mark => mark,
    hover: () => {}, key: () => false, enable: () => {},
    paintGround: group => {
      const marks = model.get("marks");
      const from = marks.findLastIndex(mark => mark.tool === "load" || mark.tool === "clear");
      const lines = marks[from]?.tool === "load" ? linesOf(marks[from].name) : [];
      group.replaceChildren(frame, ...lines, ...marks.slice(from + 1).map(strokeOf));
    },
    paintTop: (group, growing) => group.replaceChildren(...(growing ? [strokeOf(growing)] : [])),
  };
}
"""


class SketchCanvas(Canvas):
    """The browser's half of a `SketchPad`: strokes, crisp at the screen's resolution.

    Attributes:
        image_size: pixels of what the model sees.
        units: width of the sheet in the units of all coordinates.
        margin: in the same units, shown as a dotted frame.
        widths: of the three tools, in the same units.
    """

    _esm = EASEL_CODE + PAD_CODE
    image_size = traitlets.Int(64).tag(sync=True)
    units = traitlets.Float(UNITS).tag(sync=True)
    margin = traitlets.Float(MARGIN).tag(sync=True)
    widths = traitlets.Dict({"brush": LINE_WIDTH, "dot": DOT_WIDTH, "eraser": ERASER_WIDTH}).tag(sync=True)


class SketchPad(Easel):
    """Draw with mouse, pen or finger, and see a model's picture of it grow with every stroke.

    What the model sees is prepared exactly as its training drawings were, see `pix2pix_edu.sketch`.

    Args:
        model: anything that `translate` takes and that was trained on line drawings; default: the one that ships.
        start: begin with the lines of an OpenMoji: a name in `pix2pix_edu.sketch.STARTS`, or "" for white paper.
        marks: begin with the drawing of another pad, its `marks`; not together with `start`.

    >>> import pix2pix_edu as p2p
    >>> pad = SketchPad(p2p.generator_model(32, 2))
    >>> pad.draw([(16, 36), (56, 36)])
    >>> pad.source.shape, pad.translation.shape, pad.text
    ((32, 32, 3), (32, 32, 3), '1 stroke.')
    """

    name = "sketch"

    def __init__(self, model: Any = None, *, start: str = "", marks: Iterable[Mark] = ()) -> None:
        if model is None:
            from pix2pix_edu.translation import load_example_model  # loads Keras

            model = load_example_model("emoji")
        self._size, self._channels = input_of(model)
        self._known: list[Mark] = []  # marks whose strokes are ready
        self._strokes: list[Stroke] = []
        first = [{"tool": "load", "name": start}] if start else list(marks)
        canvas = SketchCanvas(
            image_size=self._size, starts=[{"name": name, "svg": start_svg(name)} for name in STARTS], marks=first
        )
        super().__init__(
            canvas,
            model,
            title="Draw, and the model colours it",
            predict="Before you close a shape: which colour will it get, and will the colour stay inside the line?",
            explain=EXPLAIN,
        )

    # What a notebook or a test uses; the buttons do the same

    def draw(self, points: Sequence[Sequence[float]], width: float = LINE_WIDTH, smooth: bool = False) -> None:
        """Draw one black line from point to point.

        Args:
            points: places (x, y) from 0 to 72, (0, 0) at the upper left; one alone is a dot.
            width: in the same units.
            smooth: round the corners.

        Raises:
            UsageError: what `pix2pix_edu.sketch.Stroke` raises. The drawing stays as it was.
        """
        self._stroke("brush", points, width, smooth)

    def erase(self, points: Sequence[Sequence[float]], width: float = ERASER_WIDTH, smooth: bool = False) -> None:
        """Rub out along a line; arguments and errors as for `draw`."""
        self._stroke("eraser", points, width, smooth)

    # What the base asks for

    def paint(self, marks: Sequence[Mark]) -> np.ndarray:
        """What the model sees of these marks."""
        start, strokes = self._visible(marks)
        return strokes_to_source(strokes, self._size, self._channels, start)

    def panels(self) -> dict[str, np.ndarray]:
        """The drawing as it is on the screen, what the model sees of it, and the model's picture."""
        start, strokes = self._visible(self.canvas.marks)
        return {
            "your drawing": draw(sketch_svg(strokes, start), SHOWN_SIZE),
            f"what the model sees: {self._size} px": self.source,
            "the model's picture": self.translation,
        }

    @property
    def text(self) -> str:
        """What is drawn, in words."""
        start, strokes = self._visible(self.canvas.marks)
        count = f"{len(strokes)} stroke{'' if len(strokes) == 1 else 's'}" if strokes else ""
        if start:
            return f"The lines of {start}{f' and {count}' if count else ''}."
        return f"{count or 'White paper'}."

    # How it works

    def _stroke(self, tool: str, points: Sequence[Sequence[float]], width: float, smooth: bool) -> None:
        stroke = Stroke(points, width, tool == "eraser", smooth)
        places = [[float(x), float(y)] for x, y in stroke.points]
        self._add({"tool": tool, "points": places, "width": float(width), "smooth": smooth})

    def _visible(self, marks: Sequence[Mark]) -> tuple[str, list[Stroke]]:
        """What the drawing starts from, and the strokes since then."""
        after = len(marks)
        while after > 0 and marks[after - 1]["tool"] not in ("load", "clear"):
            after -= 1
        start = marks[after - 1].get("name", "") if after else ""
        return start, self._as_strokes(list(marks[after:]))

    def _as_strokes(self, marks: list[Mark]) -> list[Stroke]:
        """The marks as strokes; while one grows, those before it are not checked again."""
        same = 0
        while same < min(len(marks), len(self._known)) and marks[same] == self._known[same]:
            same += 1
        self._strokes[same:] = [
            Stroke(mark["points"], mark["width"], mark["tool"] == "eraser", mark["smooth"]) for mark in marks[same:]
        ]
        self._known = marks
        return list(self._strokes)
