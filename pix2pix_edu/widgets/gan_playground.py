"""Lesson 02: play a GAN on points in the plane, move by move or at full speed, with a distribution of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.gan import CHANCE, DISTRIBUTIONS, LOSSES, WINDOW, Gan2D, from_points
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.job import Job
from pix2pix_edu.widgets.pictures import INK

DRAWN = "drawn"
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2)
MOST_STEPS = 10_000  # of one game; then it rests
MEASURE_EVERY = 20  # steps
POINTS, ARROWS = 250, 60  # of either kind, and how many of the generated ones get an arrow
LONGEST_ARROW = 0.45  # in the units of the window
MAP = 40  # places of the map in each direction
SIZE = 380  # pixels of the plane
CHART = (300, 165)  # pixels of a chart, width and height
SHARP = 2  # everything is drawn so much larger and then reduced, which smooths its edges
LINE_COLOURS = {"d_loss": style.DISCRIMINATOR, "g_loss": style.GENERATOR, "divergence": style.BLACK}
# What the discriminator's loss is if its answer is the best one for two kinds that cannot be told apart.
CHANCE_LEVELS = {"minimax": 2 * CHANCE, "non-saturating": 2 * CHANCE, "lsgan": 0.5, "hinge": 2.0}
# A face, to begin with: circles and an arc, in the units of the window.
_EYE, _TURN = np.linspace(0, 2 * np.pi, 6, endpoint=False), np.linspace(0, 2 * np.pi, 40, endpoint=False)
_MOUTH = np.linspace(1.15 * np.pi, 1.85 * np.pi, 14)
FACE = [
    [round(float(x + radius * np.cos(angle)), 2), round(float(y + radius * np.sin(angle)), 2)]
    for x, y, radius, angles in (
        (0, 0, 1.5, _TURN),
        (-0.5, 0.4, 0.1, _EYE),
        (0.5, 0.4, 0.1, _EYE),
        (0, 0, 0.85, _MOUTH),
    )
    for angle in angles
]
EXPLAIN = (
    "Green ground: the discriminator says real; orange: made up; the dark line is where it cannot decide. Each arrow "
    "is the way in which one generated point would fool it better, and the generator knows nothing else about the real "
    "points. Step D only, and the ground adapts to both clouds. Step G only, and all points run to the same "
    "greenest places: that is how modes are lost. Slow the discriminator down (its rate to 0.0002) and see the "
    "generator run from mode to mode; give it more steps (k = 20), and it keeps up again. Losses hover around chance "
    "whether the points are good or not: the divergence tells."
)

PAD_CODE = r"""
function render({ model, el }) {
  const size = 220, limit = model.get("limit");
  el.classList.add("p2p-pointpad");
  const pad = document.createElement("canvas");
  pad.width = pad.height = 2 * size;
  pad.tabIndex = 0;
  pad.dataset.lmSuppressShortcuts = "true";       // or JupyterLab would take the arrow keys
  pad.setAttribute("role", "application");
  pad.setAttribute("aria-label", "Draw points: click or drag; arrow keys move a cross, Space sets a point.");
  pad.style.cssText = `width:${size}px;height:${size}px;border:1px solid #767676;background:#fff;` +
    "touch-action:none;cursor:crosshair";
  const clear = document.createElement("button");
  clear.textContent = "Clear"; clear.className = "p2p-clear";
  const side = document.createElement("div"); side.style.cssText = "margin-left:12px;max-width:240px;line-height:1.4";
  const note = document.createElement("p"); note.style.margin = "0 0 8px";
  note.textContent = "Draw what is real: click or drag. Or with the keyboard: arrow keys move the cross, Space sets " +
    "a point.";
  side.append(note, clear);
  const row = document.createElement("div"); row.style.cssText = "display:flex;align-items:flex-start";
  row.append(pad, side); el.append(row);

  const pen = pad.getContext("2d");
  let points = [], cross = [0, 0], last = null, sent = 0;
  const pixel = ([x, y]) => [(x + limit) / (2 * limit) * 2 * size, (limit - y) / (2 * limit) * 2 * size];
  const paint = () => {
    pen.clearRect(0, 0, 2 * size, 2 * size);
    pen.fillStyle = model.get("colour");
    for (const point of points) { pen.beginPath(); pen.arc(...pixel(point), 7, 0, 7); pen.fill(); }
    if (document.activeElement === pad) {
      const [x, y] = pixel(cross);
      pen.strokeStyle = "#000"; pen.lineWidth = 2; pen.beginPath();
      pen.moveTo(x - 12, y); pen.lineTo(x + 12, y); pen.moveTo(x, y - 12); pen.lineTo(x, y + 12); pen.stroke();
    }
  };
  const read = () => { points = model.get("points").map(point => [...point]); paint(); };
  const send = () => { sent = performance.now(); model.set("points", points); model.save_changes(); };
  const add = place => {
    points = [...points, place.map(v => Math.round(100 * Math.max(-limit, Math.min(limit, v))) / 100)]; paint();
  };
  const place = event => {
    const box = pad.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
    return [(2 * across - 1) * limit, (1 - 2 * down) * limit];
  };
  pad.addEventListener("pointerdown", event => {
    pad.focus(); pad.setPointerCapture(event.pointerId);
    last = cross = place(event); add(last); event.preventDefault();
  });
  pad.addEventListener("pointermove", event => {
    if (!last) return;
    const here = place(event);
    if (Math.hypot(here[0] - last[0], here[1] - last[1]) < 0.08) return;
    last = cross = here; add(here);
    if (performance.now() - sent > 150) send();
  });
  const end = () => { if (last) { last = null; send(); } };
  pad.addEventListener("pointerup", end); pad.addEventListener("pointercancel", end);
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  pad.addEventListener("keydown", event => {
    if (moves[event.key]) cross = cross.map((v, i) => Math.max(-limit, Math.min(limit, v + 0.1 * moves[event.key][i])));
    else if (event.key === " ") { add(cross); send(); } else return;
    event.preventDefault(); event.stopPropagation(); paint();
  });
  pad.addEventListener("focus", paint); pad.addEventListener("blur", paint);
  clear.addEventListener("click", () => { points = []; paint(); send(); });
  model.on("change:points", read);
  read();
  return () => model.off("change:points", read);
}
export default { render };
"""


class PointPad(anywidget.AnyWidget):
    """A square to draw points in, by mouse, pen, touch or keyboard.

    Attributes:
        points: a list of [x, y], each from -2 to 2; can be set as well.

    >>> PointPad(points=[[0.5, 1.0]]).points
    [[0.5, 1.0]]
    """

    _esm = PAD_CODE
    points = traitlets.List(trait=traitlets.List(trait=traitlets.Float())).tag(sync=True)
    limit = traitlets.Float(WINDOW).tag(sync=True)
    colour = traitlets.Unicode(style.REAL).tag(sync=True)


class GanPlayground(Explorer):
    """Play, pause, one step of both networks or of one alone; map, points, arrows, losses and divergence.

    Args:
        steps: how many steps to make before it is first shown.
        **values: first values of the controls.

    Its controls: `distribution` ("ring", "spiral", "grid", "blob", or "drawn", which shows a square to draw in),
    `loss`, `k`, `d_rate` and `g_rate` (the learning rates), `noise_dim`, `seed` and `arrows` (shown or not).
    Distribution, noise and seed begin a new game; the others, and points that are drawn, change the one that is played.

    Attributes:
        gan: the `Gan2D` that is being played.
        job: plays it.
        pad: the square to draw in.

    >>> playground = GanPlayground(steps=20, distribution="spiral")
    >>> playground.step_discriminator()
    >>> playground.gan.steps, playground.text.split(".")[0]
    (21, 'Step 21')
    """

    def __init__(self, steps: int = 0, **values: Any) -> None:
        self.pad = PointPad(points=FACE)
        self.job = _Player(self._moves, total=MOST_STEPS, on_update=self._show, on_reset=self._begin_anew)
        self.gan: Gan2D | None = None
        self._game: tuple[Any, ...] = ()  # the settings of the present game that cannot change while it is played
        super().__init__(
            _controls(),
            title="A GAN to play with",
            predict="Where will the generated points go next? And will they reach all of the real ones?",
            explain=EXPLAIN,
            width=None,
        )
        self.pad.observe(self._on_points, names="points")
        if values:
            self.set(**values)
        if steps:
            self.advance(steps)

    # What the buttons do, for notebooks and tests as well

    def advance(self, steps: int) -> None:
        """Make so many steps of both networks at once, and show the result."""
        with self._lock:
            for _ in range(steps):
                self._move()
            self._measure()
            self.redraw()

    def step_discriminator(self) -> None:
        """One step of the discriminator alone."""
        self._single(lambda gan: gan.step_discriminator())

    def step_generator(self) -> None:
        """One step of the generator alone."""
        self._single(lambda gan: gan.step_generator())

    def reset(self) -> None:
        """Begin the same game anew."""
        self.job.reset()

    # What the base asks for

    def adjust(self, *, distribution: str, loss: str, k: int, d_rate: float, g_rate: float, **others: Any) -> None:
        """Begin a new game, or change the rules of the present one, as the controls say."""
        game = (distribution, others["noise_dim"], others["seed"])
        self.pad.layout.display = "" if distribution == DRAWN else "none"
        if game != self._game:
            self._game = game
            self._begin()
            self.job.reset()
        assert self.gan is not None
        if loss != self.gan.loss:
            self.gan.loss = loss
            self._measure()
        self.gan.k = k
        self.gan.set_learning_rate(d_rate, g_rate)

    def draw(self, *, arrows: bool, **others: Any) -> Image.Image:
        """The plane on the left, the charts on the right, and what the marks mean below."""
        assert self.gan is not None
        return _sheet(self.gan, arrows)

    def caption(self, *, distribution: str, **others: Any) -> str:
        """How the game stands, in numbers."""
        assert self.gan is not None
        history = self.gan.history
        words = (
            f"Step {self.gan.steps:,}. Loss of D {history['d_loss'][-1]:.2f} (chance "
            f"{CHANCE_LEVELS[self.gan.loss]:.2f}), of G {history['g_loss'][-1]:.2f}. Divergence "
            f"{history['divergence'][-1]:.2f}, of at most {CHANCE:.2f}."
        )
        if self.gan.real.centres is not None and len(self.gan.real.centres) > 1:
            words += f" Modes covered: {history['modes'][-1]:.0f} of {len(self.gan.real.centres)}."
        if distribution == DRAWN and not self.pad.points:
            words += " The pad is empty; what you had drawn stays real until you draw something else."
        return words

    # How it works

    def _arrange_controls(self) -> ipywidgets.Widget:
        d_only = ipywidgets.Button(description="D only", tooltip="One step of the discriminator alone")
        g_only = ipywidgets.Button(description="G only", tooltip="One step of the generator alone")
        d_only.on_click(lambda _: self.step_discriminator())
        g_only.on_click(lambda _: self.step_generator())
        for button, name in ((d_only, "d"), (g_only, "g")):
            button.layout.width = "80px"
            button.add_class(f"p2p-{name}-only")
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        choices = [self.controls[name] for name in ("distribution", "loss")]
        sliders = [self.controls[name] for name in ("k", "noise_dim", "d_rate", "g_rate", "seed", "arrows")]
        return ipywidgets.VBox(
            [
                ipywidgets.HBox([self.job.view, d_only, g_only], layout=wrap),
                *choices,
                ipywidgets.HBox(sliders, layout=wrap),
                self.pad,
            ]
        )

    def _begin(self) -> None:
        """A new game with the present settings."""
        distribution, noise_dim, seed = self._game
        self.gan = Gan2D(
            self._drawn() if distribution == DRAWN else distribution,
            loss=self.controls["loss"].value,
            noise_dim=noise_dim,
            seed=seed,
        )
        self._measure()

    def _begin_anew(self) -> None:
        with self._lock:
            self._begin()
            self.redraw()

    def _drawn(self) -> Any:
        if self.pad.points:
            self._last_drawn = list(self.pad.points)
        return from_points(np.array(getattr(self, "_last_drawn", FACE)))

    def _on_points(self, change: Any) -> None:
        """Points were drawn: they are real from now on, and the game goes on."""
        with self._lock:
            if self.values["distribution"] == DRAWN and self.gan is not None:
                self.gan.set_real(self._drawn())
                self._measure()
                self.redraw()

    def _moves(self) -> Iterator[int]:
        """The work of the job: a step of both networks between two yields."""
        for _ in range(MOST_STEPS):
            with self._lock:
                self._move()
            yield self.gan.steps if self.gan is not None else 0

    def _show(self, _: Any) -> None:
        """Called by the job: what is shown belongs to the step that has just been made."""
        with self._lock:
            self._measure()
            self.redraw()

    def _move(self) -> None:
        assert self.gan is not None
        self.gan.step()
        if self.gan.steps % MEASURE_EVERY == 0:
            self._measure()

    def _single(self, move: Callable[[Gan2D], float]) -> None:
        with self._lock:
            assert self.gan is not None
            move(self.gan)
            self._measure()
            self.redraw()

    def _measure(self) -> None:
        """Measure, once at each step; a second time replaces the first."""
        assert self.gan is not None
        history = self.gan.history
        if history["step"] and history["step"][-1] == self.gan.steps:
            for column in history.values():
                column.pop()
        self.gan.measure()


class _Player(Job):
    """A job that is a game: its buttons say so, its length does not matter, and it can be begun anew at any time."""

    def __init__(self, steps: Callable[[], Iterator[Any]], *, on_reset: Callable[[], None], **options: Any) -> None:
        self._on_reset = on_reset
        super().__init__(steps, name="Game", **options)
        self._bar.layout.display = "none"
        self._run_button.layout.width = self._step_button.layout.width = "80px"

    @property
    def status(self) -> str:
        return self.state

    def _forget(self) -> None:
        super()._forget()
        self._on_reset()

    def _report(self) -> None:
        super()._report()
        self._run_button.description = "Pause" if self.state == "running" else "Play"
        self._step_button.description = "Step"
        self._reset_button.disabled = False


def _controls() -> dict[str, ipywidgets.Widget]:
    def buttons(options: Sequence[str], description: str) -> ipywidgets.ToggleButtons:
        return ipywidgets.ToggleButtons(options=list(options), description=description, style={"button_width": "auto"})

    def rate(value: float, description: str) -> ipywidgets.SelectionSlider:
        options = [(f"{number:g}", number) for number in RATES]
        return ipywidgets.SelectionSlider(options=options, value=value, description=description)

    return {
        "distribution": buttons([*DISTRIBUTIONS, DRAWN], "Real"),
        "loss": ipywidgets.ToggleButtons(
            options=list(LOSSES), value="non-saturating", description="Loss", style={"button_width": "auto"}
        ),
        "k": ipywidgets.IntSlider(1, 1, 20, description="k, D steps"),
        "noise_dim": ipywidgets.IntSlider(2, 1, 16, description="Noise dim."),
        "d_rate": rate(5e-3, "Rate of D"),
        "g_rate": rate(5e-3, "Rate of G"),
        "seed": ipywidgets.IntSlider(0, 0, 9, description="Seed"),
        "arrows": ipywidgets.Checkbox(True, description="Arrows"),
    }


# --- Painting: with Pillow, since a figure of matplotlib takes several times as long ---------------------------------


def plane(gan: Gan2D, size: int = SIZE, arrows: bool = True) -> np.ndarray:
    """The map of the discriminator, real and generated points, and where the generator wants them to go.

    Args:
        gan: the game to show.
        size: pixels of each side.
        arrows: whether to draw the generator's gradients; a longer arrow is a stronger wish, up to a limit.

    Returns:
        uint8, shape (size, size, 3). Green ground: "real"; orange: "made up"; the dark line lies between them. Green
        discs are real points, orange diamonds generated ones.

    >>> plane(Gan2D(), size=100).shape
    (100, 100, 3)
    """
    return np.asarray(_large_plane(gan, SHARP * size, arrows).reduce(SHARP))


def _large_plane(gan: Gan2D, size: int, arrows: bool) -> Image.Image:
    how_real = gan.discriminator_map(MAP)[::-1]  # pictures have their first row at the top
    picture = Image.fromarray(_ground(how_real)).resize((size, size), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(picture)
    share = min(1.0, max(0.6, size / (SHARP * SIZE)))  # in a small picture marks of full size would hide each other
    disc, diamond = 5 * share, 7 * share
    for start, end in _border(how_real, size):
        pen.line([start, end], fill=INK, width=SHARP)
    for x, y in _pixels(gan.real_samples(POINTS), size):
        pen.ellipse((x - disc, y - disc, x + disc, y + disc), fill=style.REAL, outline="white")
    for x, y in _pixels(gan.samples(POINTS), size):
        corners = [(x - diamond, y), (x, y - diamond), (x + diamond, y), (x, y + diamond)]
        pen.polygon(corners, fill=style.FAKE, outline=INK)
    if arrows:
        points, wishes = gan.generator_gradients(ARROWS)
        strength = np.linalg.norm(wishes, axis=1, keepdims=True)
        ends = points + LONGEST_ARROW * wishes / (1 + strength)
        for start, end in zip(_pixels(points, size), _pixels(ends, size), strict=True):
            _arrow(pen, start, end, share)
    pen.rectangle((0, 0, size - 1, size - 1), outline=style.GREY, width=SHARP)
    return picture


def _ground(how_real: np.ndarray) -> np.ndarray:
    """Probabilities as pale colours: orange at 0, white at one half, green at 1."""
    strength = 2 * how_real[..., None] - 1
    ends = np.where(strength < 0, style.rgb(style.FAKE), style.rgb(style.REAL))
    return np.round(255 - 0.5 * np.abs(strength) * (255 - ends)).astype(np.uint8)


def _border(how_real: np.ndarray, size: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Pieces of the line where the map is one half, by marching squares."""
    values = how_real - 0.5
    values = np.where(values == 0, 1e-12, values)
    scale = size / how_real.shape[0]
    corners = np.stack([values[:-1, :-1], values[:-1, 1:], values[1:, 1:], values[1:, :-1]])  # clockwise
    crossed = np.argwhere(np.abs(np.sign(corners).sum(axis=0)) < 4)
    places = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    pieces = []
    for row, column in crossed:
        around = corners[:, row, column]
        ends = []
        for first in range(4):
            a, b = around[first], around[(first + 1) % 4]
            if a * b < 0:
                x, y = places[first] + (places[(first + 1) % 4] - places[first]) * a / (a - b)
                ends.append(((column + x + 0.5) * scale, (row + y + 0.5) * scale))
        pieces += [(ends[number], ends[number + 1]) for number in range(0, len(ends), 2)]
    return pieces


def _pixels(points: np.ndarray, size: int) -> list[tuple[float, float]]:
    """Places of the window as pixels of a square picture."""
    x, y = np.clip(points, -2 * WINDOW, 2 * WINDOW).T
    return list(zip((x + WINDOW) / (2 * WINDOW) * size, (WINDOW - y) / (2 * WINDOW) * size, strict=True))


def _arrow(pen: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], share: float = 1.0) -> None:
    """An arrow, with a head that is `share` of the usual one."""
    along = np.subtract(end, start)
    length = float(np.hypot(*along))
    if length < 3:
        return
    along = along / length
    across = np.array([-along[1], along[0]])
    head = min(12.0 * share, 0.6 * length)
    neck = np.array(end) - head * along
    pen.line([start, tuple(neck)], fill=style.GENERATOR, width=round(3 * share))
    pen.polygon([end, tuple(neck + 0.45 * head * across), tuple(neck - 0.45 * head * across)], fill=style.GENERATOR)


def _sheet(gan: Gan2D, arrows: bool) -> Image.Image:
    """Everything that the playground shows, in its final size."""
    gap, legend = 14, 26
    width, height = SIZE + gap + CHART[0], SIZE + legend
    sheet = Image.new("RGB", (SHARP * width, SHARP * height), "white")
    sheet.paste(_large_plane(gan, SHARP * SIZE, arrows), (0, 0))
    left, history = SIZE + gap, gan.history
    level = CHANCE_LEVELS[gan.loss]
    _chart(sheet, (left, 0), history, {"d_loss": "loss of D", "g_loss": "loss of G"}, level, "chance, D")
    _chart(sheet, (left, SIZE // 2), history, {"divergence": "divergence"}, CHANCE, "largest", floor=0.0)
    pen, font = ImageDraw.Draw(sheet), _font(12)
    middle = SHARP * (SIZE + legend // 2 + 2)
    marks = [("disc", "real"), ("diamond", "generated"), ("arrow", "how G wants it to move")]
    marks += [("green", "D: real"), ("orange", "D: made up"), ("line", "D: one half")]
    x = SHARP * 8
    for mark, words in marks:
        if mark == "arrow" and not arrows:
            continue
        _legend_mark(pen, mark, x, middle)
        pen.text((x + 32, middle), words, fill=INK, font=font, anchor="lm")
        x += 32 + int(pen.textlength(words, font=font)) + 36
    return sheet.reduce(SHARP)


def _legend_mark(pen: ImageDraw.ImageDraw, mark: str, x: int, y: int) -> None:
    if mark == "disc":
        pen.ellipse((x + 7, y - 7, x + 21, y + 7), fill=style.REAL, outline="white")
    elif mark == "diamond":
        pen.polygon([(x + 4, y), (x + 14, y - 10), (x + 24, y), (x + 14, y + 10)], fill=style.FAKE, outline=INK)
    elif mark == "arrow":
        _arrow(pen, (x, y), (x + 26, y))
    elif mark == "line":
        pen.line([(x, y), (x + 26, y)], fill=INK, width=SHARP)
    else:
        colour = _ground(np.array([[1.0 if mark == "green" else 0.0]]))[0, 0]
        pen.rectangle((x + 2, y - 10, x + 26, y + 10), fill=tuple(int(part) for part in colour), outline=style.GREY)


def _chart(
    sheet: Image.Image,
    corner: tuple[int, int],
    history: dict[str, list[float]],
    lines: dict[str, str],
    level: float,
    level_name: str,
    floor: float | None = None,
) -> None:
    """One chart over the steps: lines with their names above, and a dotted level with its name below."""
    pen, font, small = ImageDraw.Draw(sheet), _font(12), _font(11)
    left, top = SHARP * (corner[0] + 34), SHARP * (corner[1] + 24)
    right, bottom = SHARP * (corner[0] + CHART[0] - 6), SHARP * (corner[1] + CHART[1])
    steps = np.array(history["step"])
    values = {name: np.array(history[name]) for name in lines}
    everything = np.concatenate([*values.values(), [level]])
    low, high = float(everything.min()), float(everything.max())
    low, high = (low if floor is None else floor), high + 0.06 * (high - low) + 1e-9

    def place(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
        across = left + (right - left) * x / max(1.0, steps[-1])
        up = bottom - (bottom - top) * (np.clip(y, low, high) - low) / (high - low)
        return list(zip(across, up, strict=True))

    pen.rectangle((left, top, right, bottom), outline=style.GREY)
    height = place(np.zeros(1), np.array([level]))[0][1]
    _dotted(pen, left, right, height)
    _dotted(pen, left, left + 44, bottom + 18)  # its name stands under the chart, where no line can run through it
    pen.text((left + 52, bottom + 6), level_name, fill=INK, font=small, anchor="la")
    heading = SHARP * corner[0] + SHARP * 34
    for name, words in lines.items():
        colour, path = LINE_COLOURS[name], place(steps, values[name])
        if len(path) > 1:
            pen.line(path, fill=colour, width=3, joint="curve")
        (end_x, end_y), letter = path[-1], words[-1] if len(lines) > 1 else ""  # colour never speaks alone
        pen.ellipse([end_x - 5, end_y - 5, end_x + 5, end_y + 5], fill=colour)
        pen.text((end_x - 8, end_y - 6), letter, fill=style.readable(colour), font=font, anchor="rb")
        text = f"{words} {values[name][-1]:.2f}"
        pen.line([(heading, top - 20), (heading + 24, top - 20)], fill=colour, width=6)
        pen.text((heading + 32, top - 20), text, fill=INK, font=font, anchor="lm")
        heading += 32 + int(pen.textlength(text, font=font)) + 40
    for number in (low, level):
        y = place(np.zeros(1), np.array([number]))[0][1]
        pen.text((left - 8, y), f"{number:.1f}", fill=INK, font=small, anchor="rm")
    pen.text((right, bottom + 6), f"step {steps[-1]:,.0f}", fill=INK, font=small, anchor="ra")


def _dotted(pen: ImageDraw.ImageDraw, left: int, right: int, height: float) -> None:
    for x in range(left, right, 12):
        pen.line([(x, height), (x + 5, height)], fill=INK, width=SHARP)


_FONTS: dict[int, Any] = {}


def _font(size: int) -> Any:
    if size not in _FONTS:
        _FONTS[size] = ImageFont.load_default(SHARP * size)
    return _FONTS[size]
