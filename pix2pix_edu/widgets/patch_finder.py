"""Lesson 05: point at a logit of the discriminator, see the patch that it judges; and watch its map during training."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.click_picture import ClickExplorer
from pix2pix_edu.widgets.pictures import INK, LABEL_HEIGHT, PAPER, TEXT_SIZE

PANEL = 256  # pixels of each panel; a picture of 128 px is shown twice as large
GAP = 8
STRIDE = PANEL + GAP  # from one panel to the next
WIDTH = 3 * PANEL + 2 * GAP
FADED = 0.45  # how much of the paper shines through what lies outside the patch
LIMIT = 4.0  # logits from here on get the last colour of the scale: sigmoid(4) is 98 %
SIGN_FITS, NUMBER_FITS = 14, 30  # pixels of a tile
MARK, HALO = style.rgb(style.VERMILLION), (255, 255, 255)
PALE = (100, 100, 100)

EXPLAIN_FINDER = (
    "One step on the map is one jump in the picture: 1, 2, 4, 8 or 16 pixels, while the patch has the size of the "
    "field. So neighbouring patches overlap nearly everywhere, and all of them are judged by the same weights. With a "
    "field of 1 the discriminator sees single pixels with their label: it can object to a colour, and never to a line. "
    "With 16 it sees bricks and edges, with 70 half of the house each way, with 142 nearly all of it. At the "
    "border the patch reaches over the edge: there the discriminator sees zeros. And nobody tells it which pixels are "
    "wrong: all logits of a picture are asked for the same answer, real or generated. (Batch normalisation takes its "
    "means from all the pictures of a kind together, as it does in training.)"
)
EXPLAIN_HISTORY = (
    "At the start all logits are near 0: the discriminator cannot tell. It learns fast, and soon its maps of generated "
    "pictures are dark as a whole, and those of real ones bright. Look which tiles of the generated map stay brighter: "
    "there the patch already looks like a real one. Two maps that look alike mean that the discriminator has lost "
    "track; and where the generated map is the brighter one, it is being fooled. All this is about who is ahead. How "
    "good a picture is, only looking at it tells."
)


class PatchFinder(ClickExplorer):
    """Choose a picture and a discriminator, point at one of its logits, and see the patch that the logit judges.

    The upper row shows source and picture, the patch outlined in both, and the map of logits: bright tiles say "real",
    dark ones "generated". The lower row shows the patch enlarged, and the logit as a number.

    Click on the map to choose a logit, or on source or picture to choose the one that looks there; the arrow keys move
    on from there, and the sliders do the same.

    Args:
        gallery: discriminators with pictures to judge; default: `load_gallery("patchgan")`, which ships.

    Its controls: `index` (of the pair), `field` (the receptive field, and so the discriminator), `shown` ("real" or
    "generated"), `row` and `column` (of the logit). A new field keeps the place in the picture.

    Attributes:
        patch: the patch that is shown, a `pix2pix_edu.patchgan.Patch`, not clipped.
        logit: the chosen logit.

    >>> finder = PatchFinder()
    >>> finder.set(field=70, row=0, column=5)
    >>> finder.patch
    Patch(top=-23, left=17, bottom=47, right=87)
    """

    help = "Click on the picture, or go there with Tab and use the arrow keys."

    def __init__(self, gallery: Any = None) -> None:
        self.gallery = _gallery() if gallery is None else gallery
        self.split = self.gallery.split
        self._models = {field: self.gallery.discriminator(name) for field, name in _names(self.gallery).items()}
        self._pictures = {
            (field, shown): self.split.targets if shown == "real" else self.gallery.pictures(name)
            for field, name in _names(self.gallery).items()
            for shown in ("real", "generated")
        }
        self._maps = {key: self._judge(*key) for key in self._pictures}
        fields = list(self._models)
        self._field = 70 if 70 in fields else fields[-1]
        rows, columns = self._size(self._field)
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(self.split) - 1, description="Pair"),
                "field": _buttons([(_field_name(f, self.split), f) for f in fields], self._field, "Field"),
                "shown": _buttons([("real", "real"), ("generated", "generated")], "generated", "Picture"),
                "row": ipywidgets.IntSlider(value=rows // 2, min=0, max=rows - 1, description="Row"),
                "column": ipywidgets.IntSlider(value=columns // 2, min=0, max=columns - 1, description="Column"),
            },
            title="Point at a logit, see its patch",
            predict="One step to the right on the map: by how many pixels does the patch move? And which patches of "
            "the generated picture will look least real?",
            explain=EXPLAIN_FINDER,
        )

    # What the base asks for

    def adjust(self, *, field: int, row: int, column: int, **others: Any) -> None:
        """A new field has a map of another size: go to the logit that looks at the same place."""
        if field == self._field:
            return
        before, after = self._size(self._field), self._size(field)
        self._field = field
        for axis, (name, place) in enumerate((("row", row), ("column", column))):
            control = self.controls[name]
            control.max = after[axis] - 1
            control.value = int((place + 0.5) / before[axis] * after[axis])

    def draw(self, *, index: int, field: int, shown: str, row: int, column: int) -> np.ndarray:
        """Source, picture and map above; the patch of both, and the logit in numbers, below."""
        from pix2pix_edu.patchgan import patch_of  # loads Keras

        self.patch = patch_of(self._models[field], row, column)
        logits = self._maps[field, shown][index]
        self.logit = float(logits[row, column])
        pair = [self.split.sources[index], self._pictures[field, shown][index]]
        heads = ["source", f"{shown} picture", f"D's map: {logits.shape[0]} x {logits.shape[1]} logits"]
        upper = [*(spotlight(picture, self.patch) for picture in pair), tiles(logits, (row, column))]
        heads_below = ["source, in the patch", f"{shown}, in the patch", ""]
        lower = [*(cut_out(picture, self.patch) for picture in pair), self._numbers(logits, row, column)]
        return _sheet([(upper, heads), (lower, heads_below)])

    def caption(self, *, index: int, field: int, shown: str, row: int, column: int) -> str:
        """The logit and its patch in words."""
        side = self.patch.bottom - self.patch.top
        opinion = "real" if self.logit > 0 else "generated"
        return (
            f"Pair {index}, {shown} picture, receptive field {field}. The logit in row {row}, column {column} is "
            f"{self.logit:+.2f}: {opinion}, with a probability of {_sigmoid(abs(self.logit)):.0%}. It sees {side} x "
            f"{side} pixels: {_span(self.patch.top, self.patch.bottom, 'row')}, "
            f"{_span(self.patch.left, self.patch.right, 'column')}."
        )

    # How it works

    def _arrange_controls(self) -> ipywidgets.Widget:
        return self._place_last()

    def on_click(self, across: float, down: float) -> None:
        """Choose the logit that was clicked, or the one whose patch is centred nearest to where the picture was."""
        x, y = across * WIDTH, down * self.picture.shape[0] - LABEL_HEIGHT
        panel, x = int(x // STRIDE), x % STRIDE
        if not (0 <= y < PANEL and x < PANEL and panel < 3):
            return
        rows, columns = self._size(self.values["field"])
        if panel == 2:
            self.set(row=int(y / PANEL * rows), column=int(x / PANEL * columns))
        else:
            scale = self.split.sources.shape[1] / PANEL
            self.set(row=self._looking_at(y * scale, rows, "top"), column=self._looking_at(x * scale, columns, "left"))

    def _looking_at(self, pixel: float, count: int, edge: str) -> int:
        """The logit whose patch has its middle nearest to this row or column of the picture."""
        from pix2pix_edu.patchgan import patch_of

        model, field = self._models[self.values["field"]], self.values["field"]
        first, second = (getattr(patch_of(model, number, number), edge) for number in (0, 1))
        place = (pixel - field / 2 - first) / (second - first)
        return int(min(max(round(place), 0), count - 1))

    def _size(self, field: int) -> tuple[int, int]:
        return self._models[field].output_shape[1:3]

    def _judge(self, field: int, shown: str) -> np.ndarray:
        """The logits of all pictures, computed once: (N, rows, columns)."""
        return judge(self._models[field], self.split.sources, self._pictures[field, shown])

    def _numbers(self, logits: np.ndarray, row: int, column: int) -> np.ndarray:
        """The chosen logit as text, and the scale of colours."""
        sheet = Image.new("RGB", (PANEL, PANEL), "white")
        pen = ImageDraw.Draw(sheet)
        _text(pen, (PANEL // 2, 24), f"row {row}, column {column}", PALE, 15)
        _text(pen, (PANEL // 2, 62), f"{self.logit:+.2f}", INK, 38)
        _text(pen, (PANEL // 2, 102), f"P(real) = {_sigmoid(self.logit):.0%}", INK, 16)
        _text(pen, (PANEL // 2, 130), f"mean of the map {logits.mean():+.2f}", PALE, 14)
        _scale(sheet, (24, 178), PANEL - 48, self.logit)
        return np.asarray(sheet)


class PatchMapHistory(Explorer):
    """The discriminator's map over training: the generated picture at each recorded step, and what D said of it.

    Args:
        gallery: with a `history` for each discriminator; default: `load_gallery("patchgan")`, which ships.

    Its controls: `field` (the receptive field), `index` (of the pair) and `moment` (which of the recorded steps).

    >>> history = PatchMapHistory()
    >>> history.set(field=70, moment=0)
    >>> history.step
    0
    """

    def __init__(self, gallery: Any = None) -> None:
        self.gallery = _gallery() if gallery is None else gallery
        names = _names(self.gallery)
        self._histories = {field: self.gallery.history(name) for field, name in names.items()}
        fields = list(names)
        self._field = 70 if 70 in fields else fields[-1]
        history = self._histories[self._field]
        super().__init__(
            {
                "field": _buttons([(_field_name(f, self.gallery.split), f) for f in fields], self._field, "Field"),
                "index": ipywidgets.IntSlider(value=0, min=0, max=history["pictures"].shape[1] - 1, description="Pair"),
                "moment": ipywidgets.SelectionSlider(
                    options=_moments(history), value=len(history["steps"]) - 1, description="Step"
                ),
            },
            title="The discriminator's map over training",
            predict="Before the first step, what will the map of a real picture look like, and that of a generated "
            "one? And when will they differ most?",
            explain=EXPLAIN_HISTORY,
        )

    @property
    def step(self) -> int:
        """The training step that is shown."""
        return int(self._histories[self.values["field"]]["steps"][self.values["moment"]])

    def adjust(self, *, field: int, moment: int, **others: Any) -> None:
        """A new field brings its own recorded steps."""
        if field == self._field:
            return
        self._field = field
        options = _moments(self._histories[field])
        if list(self.controls["moment"].options) != options:
            self.controls["moment"].options = options
            self.controls["moment"].value = min(moment, len(options) - 1)

    def draw(self, *, field: int, index: int, moment: int) -> np.ndarray:
        """Generated above, real below, each with its map; on the right the mean logits over time, and the source."""
        history = self._histories[field]
        maps = [history[f"{kind}_logits"][moment, index].astype("float32") for kind in ("fake", "real")]
        generated = history["pictures"][moment, index]
        source, target = self.gallery.split[index]
        upper = [enlarged(generated), tiles(maps[0]), self._chart(history, index, moment)]
        lower = [enlarged(target), tiles(maps[1]), enlarged(source)]
        heads = [f"generated, step {self.step:,}", "D's map of it", "mean of each map over training"]
        return _sheet([(upper, heads), (lower, ["real", "D's map of it", "source"])])

    def caption(self, *, field: int, index: int, moment: int) -> str:
        """Both maps in numbers."""
        history = self._histories[field]
        words = [f"Step {self.step:,}, pair {index}, receptive field {field}."]
        for name, kind in (("generated", "fake"), ("real", "real")):
            logits = history[f"{kind}_logits"][moment, index].astype("float32")
            words.append(f"The {name} picture: {(logits > 0).mean():.0%} of the patches are called real, mean logit")
            words[-1] += f" {logits.mean():+.2f}."
        return " ".join(words)

    def _chart(self, history: dict[str, np.ndarray], index: int, moment: int) -> np.ndarray:
        """Mean logits of the real and the generated picture over the recorded steps, and the scale of colours."""
        sheet = Image.new("RGB", (PANEL, PANEL), "white")
        pen = ImageDraw.Draw(sheet)
        left, top, right, bottom = 40, 30, PANEL - 12, 150
        means = {kind: _means(history, kind, index) for kind in ("real", "fake")}
        reach = max(1.0, *(float(np.abs(values).max()) for values in means.values()))
        count = len(history["steps"])

        def place(number: int, value: float) -> tuple[float, float]:
            across = left + (right - left) * number / max(1, count - 1)
            return across, (top + bottom) / 2 - (bottom - top) / 2 * value / reach

        pen.rectangle((left, top, right, bottom), outline=style.GREY)
        pen.line([place(0, 0), place(count - 1, 0)], fill=style.GREY)
        pen.line([(place(moment, 0)[0], top), (place(moment, 0)[0], bottom)], fill=MARK, width=2)
        heading = left
        for kind, colour, name in (("real", style.REAL, "real"), ("fake", style.FAKE, "generated")):
            pen.line([place(number, value) for number, value in enumerate(means[kind])], fill=colour, width=3)
            x, y = place(moment, means[kind][moment])
            box = (x - 4, y - 4, x + 4, y + 4)
            (pen.ellipse if kind == "real" else pen.rectangle)(box, fill=colour, outline=INK)
            mark = (heading, 10, heading + 9, 19)
            (pen.ellipse if kind == "real" else pen.rectangle)(mark, fill=colour, outline=INK)
            _text(pen, (heading + 16, 15), f"{name} {means[kind][moment]:+.2f}", INK, 13, "lm")
            heading += 84
        for value in (reach, 0, -reach):
            _text(pen, (left - 6, place(0, value)[1]), f"{value:.1f}", PALE, 12, "rm")
        _text(pen, (left, bottom + 10), f"step {history['steps'][0]:,}", PALE, 12, "lm")
        _text(pen, (right, bottom + 10), f"{history['steps'][-1]:,}", PALE, 12, "rm")
        _scale(sheet, (24, 190), PANEL - 48)
        return np.asarray(sheet)


# --- The gallery, and what the discriminators say ---------------------------------------------------------------------


def _gallery() -> Any:
    from pix2pix_edu.gallery import load_gallery  # loads Keras

    return load_gallery("patchgan")


def _names(gallery: Any) -> dict[int, str]:
    """Receptive field -> name, for those rows that have a discriminator."""
    return {row["receptive_field"]: row["name"] for row in gallery.rows if row.get("receptive_field")}


def _field_name(field: int, split: Any) -> str:
    return f"{field} (full)" if field >= split.sources.shape[1] else str(field)


def _buttons(options: Sequence[tuple[str, Any]], value: Any, description: str) -> ipywidgets.ToggleButtons:
    return ipywidgets.ToggleButtons(
        options=list(options), value=value, description=description, style={"button_width": "auto"}
    )


def _moments(history: dict[str, np.ndarray]) -> list[tuple[str, int]]:
    return [(f"{step:,}", number) for number, step in enumerate(history["steps"])]


def _means(history: dict[str, np.ndarray], kind: str, index: int) -> list[float]:
    return [float(logits.astype("float32").mean()) for logits in history[f"{kind}_logits"][:, index]]


def judge(discriminator: Any, sources: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """What a discriminator says of a batch of pairs, as it does in training: float32 logits, (N, rows, columns).

    Batch normalisation takes its means from this very batch, so real and generated pictures belong in batches of their
    own, as in training. The model stays as it is.

    Args:
        discriminator: as `pix2pix_edu.patchgan.discriminator_model` builds it.
        sources: uint8, shape (N, H, W, C).
        pictures: uint8, shape (N, H, W, K).
    """
    from pix2pix_edu.translation import to_float

    # `stateless_call` hands back the new moving averages instead of storing them; we let them go.
    trainable = [variable.value for variable in discriminator.trainable_variables]
    other = [variable.value for variable in discriminator.non_trainable_variables]
    logits, _ = discriminator.stateless_call(trainable, other, [to_float(sources), to_float(pictures)], training=True)
    return np.asarray(logits)[..., 0]


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def _span(start: int, stop: int, name: str) -> str:
    return f"{name} {start}" if stop - start == 1 else f"{name}s {start} to {stop - 1}"


# --- Painting ---------------------------------------------------------------------------------------------------------


def enlarged(picture: np.ndarray) -> np.ndarray:
    """A picture in the size of a panel, pixels staying sharp: uint8 (PANEL, PANEL, 3)."""
    return np.asarray(Image.fromarray(picture).resize((PANEL, PANEL), Image.Resampling.NEAREST))


def spotlight(picture: np.ndarray, patch: Any) -> np.ndarray:
    """A picture in the size of a panel, faded outside the patch, which has a frame.

    Args:
        picture: uint8, shape (H, H, 3).
        patch: a `Patch`, which may reach over the border.
    """
    scale = PANEL / picture.shape[0]
    whole = enlarged(picture)
    faded = np.round(whole * (1 - FADED) + np.array(PAPER) * FADED).astype(np.uint8)
    top, left, bottom, right = (int(np.clip(edge * scale, 0, PANEL)) for edge in patch)
    faded[top:bottom, left:right] = whole[top:bottom, left:right]
    sheet = Image.fromarray(faded)
    frame(ImageDraw.Draw(sheet), *(edge * scale for edge in patch))
    return np.asarray(sheet)


def cut_out(picture: np.ndarray, patch: Any) -> np.ndarray:
    """The patch alone, enlarged to a panel; what lies beyond the picture is hatched.

    Args:
        picture: uint8, shape (H, W, 3).
        patch: a `Patch`, which may reach over the border.
    """
    top, left, bottom, right = patch
    # Each pixel of the panel asks which pixel of the picture it shows.
    rows = top + np.arange(PANEL) * (bottom - top) // PANEL
    columns = left + np.arange(PANEL) * (right - left) // PANEL
    height, width = picture.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    shown = picture[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    hatch = np.add.outer(np.arange(PANEL), np.arange(PANEL)) % 12 < 2
    zeros = np.where(hatch[..., None], np.array(PALE, np.uint8), np.array(PAPER, np.uint8))
    return np.where(inside[..., None], shown, zeros)


def tiles(logits: np.ndarray, chosen: tuple[int, int] | None = None) -> np.ndarray:
    """The map of logits as a panel: dark tiles for "generated", bright ones for "real".

    Where there is room each tile has its number, or at least its sign, so that colour does not speak alone.

    Args:
        logits: shape (rows, columns).
        chosen: row and column of the tile that gets a frame, if any.
    """
    rows, columns = logits.shape
    sheet = Image.fromarray(colours(logits)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(sheet)
    height, width = PANEL / rows, PANEL / columns
    if min(height, width) >= SIGN_FITS:
        for (row, column), logit in np.ndenumerate(logits):
            middle = ((column + 0.5) * width, (row + 0.5) * height)
            ink = (255, 255, 255) if logit < 0 else INK
            if min(height, width) >= NUMBER_FITS:
                _text(pen, middle, f"{logit:+.1f}", ink, 13)
            else:
                _sign(pen, middle, logit > 0, ink)
    if chosen is not None:
        row, column = chosen
        frame(pen, row * height, column * width, (row + 1) * height, (column + 1) * width)
    return np.asarray(sheet)


def colours(logits: np.ndarray) -> np.ndarray:
    """Logits as uint8 colours (..., 3), from dark blue at -LIMIT over grey at 0 to yellow at LIMIT.

    >>> colours(np.array([-9.0, 9.0])).tolist()
    [[0, 34, 78], [254, 232, 56]]
    """
    share = np.clip((np.asarray(logits, "float32") + LIMIT) / (2 * LIMIT), 0, 1)
    return cividis()[np.round(share * 255).astype(int)]


@functools.cache
def cividis() -> np.ndarray:
    """Its brightness grows steadily, so it can be read with any colour vision, and in grey."""
    from matplotlib import colormaps

    return np.round(colormaps["cividis"](np.arange(256))[:, :3] * 255).astype(np.uint8)


def _scale(sheet: Image.Image, corner: tuple[int, int], width: int, logit: float | None = None) -> None:
    """The scale of colours with its meaning, and a mark at a logit."""
    pen, (left, top) = ImageDraw.Draw(sheet), corner
    bar = colours(np.linspace(-LIMIT, LIMIT, width))[None].repeat(18, axis=0)
    sheet.paste(Image.fromarray(bar), corner)
    for value in (-LIMIT, 0.0, LIMIT):
        x = left + round((value + LIMIT) / (2 * LIMIT) * (width - 1))
        pen.line([(x, top + 18), (x, top + 23)], fill=INK)
        anchor = "lm" if value < 0 else "rm" if value > 0 else "mm"
        _text(pen, (x, top + 32), f"{value:+.0f}" if value else "0", INK, 13, anchor)
    _text(pen, (left, top + 50), "generated", INK, 13, "lm")
    _text(pen, (left + width, top + 50), "real", INK, 13, "rm")
    if logit is not None:
        x = left + round(float(np.clip((logit + LIMIT) / (2 * LIMIT), 0, 1)) * (width - 1))
        pen.polygon([(x, top - 2), (x - 7, top - 14), (x + 7, top - 14)], fill=MARK, outline=INK)


def frame(pen: ImageDraw.ImageDraw, top: float, left: float, bottom: float, right: float) -> None:
    """A frame around a rectangle, inside the panel: red with a white rim, to be seen on any ground."""
    box = [max(round(left) - 2, 0), max(round(top) - 2, 0), min(round(right) + 1, PANEL - 1)]
    box.append(min(round(bottom) + 1, PANEL - 1))
    pen.rectangle(box, outline=HALO, width=4)
    pen.rectangle([box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1], outline=MARK, width=2)


def _sign(pen: ImageDraw.ImageDraw, middle: tuple[float, float], is_real: bool, ink: tuple[int, int, int]) -> None:
    x, y = (round(value) for value in middle)
    pen.line([(x - 3, y), (x + 3, y)], fill=ink)
    if is_real:
        pen.line([(x, y - 3), (x, y + 3)], fill=ink)


def _sheet(lines: Sequence[tuple[Sequence[np.ndarray], Sequence[str]]]) -> np.ndarray:
    """Rows of three panels, each with its label above."""
    step = LABEL_HEIGHT + PANEL + GAP
    sheet = Image.new("RGB", (WIDTH, step * len(lines) - GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    for line, (panels, heads) in enumerate(lines):
        for number, (panel, head) in enumerate(zip(panels, heads, strict=True)):
            x, y = number * STRIDE, line * step
            sheet.paste(Image.fromarray(panel), (x, y + LABEL_HEIGHT))
            _text(pen, (x + PANEL // 2, y + LABEL_HEIGHT // 2), head, INK, TEXT_SIZE)
    return np.asarray(sheet)


def _text(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    colour: tuple[int, int, int],
    size: int,
    anchor: str = "mm",
) -> None:
    pen.text(place, words, fill=colour, font=_font(size), anchor=anchor)


@functools.cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
