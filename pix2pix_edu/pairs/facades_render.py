"""Paint a house front: from a layout to a picture, by day or by night, with randomness that a network cannot know.

The label map says where the windows are, not what colour the wall is: that is drawn at random, so one layout has many
right pictures (`look=0, 1, 2, ...`). What an L1 loss makes of that is the subject of lesson 06.

Each element has its painting function. All of them paint with few tools, the methods of `Scene`, in unit coordinates;
the canvas is at least twice as fine as the picture that is asked for, so that slanted lines come out smooth. No random
number depends on the canvas: the same house at 64 and at 256 pixels is the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from pix2pix_edu.pairs.facades_layout import (
    Balcony,
    Box,
    Cornice,
    Door,
    Element,
    Layout,
    Molding,
    Ornament,
    Outline,
    Pillar,
    RollerBlind,
    Shop,
    Shutter,
    Sill,
    Wall,
    Window,
    outline_mask,
    to_slices,
)

Colour = tuple[float, float, float]

SMALLEST_CANVAS = 256  # pixels; small pictures are painted at this size and shrunk
GRAIN_CELLS = 256  # resolution of the fine texture, whatever the canvas
LINE = 1 / 128  # width of a thin line, such as a window bar, as a share of the picture
SHADOW = 1 / 72  # how far a ledge throws its shadow
BRICK_HEIGHT, BRICK_WIDTH = 1 / 46, 1 / 19


@dataclass(frozen=True)
class Paint:
    """A wall: its colour, and how often it shows bricks."""

    colour: Colour
    brick: float = 0.0


@dataclass(frozen=True)
class Theme:
    """The colours to choose from; few make pictures that are easy to learn, many show what averaging does."""

    walls: tuple[Paint, ...]
    trims: tuple[Colour, ...]
    skies: tuple[tuple[Colour, Colour], ...]
    woods: tuple[Colour, ...]
    doors: tuple[Colour, ...]


BRICK_RED, CREAM = Paint((166, 78, 60), brick=1.0), Paint((230, 212, 172))
WHITE_STONE = (242, 238, 228)

FULL = Theme(
    walls=(
        BRICK_RED,
        CREAM,
        Paint((218, 168, 86), brick=0.2),  # ochre
        Paint((164, 164, 160), brick=0.2),  # grey
        Paint((164, 198, 176)),  # mint
        Paint((218, 156, 150)),  # rose
        Paint((146, 172, 202)),  # blue
        Paint((234, 230, 222)),  # white
        Paint((194, 112, 76), brick=0.8),  # terracotta
        Paint((112, 90, 82), brick=0.9),  # dark brown
    ),
    trims=(WHITE_STONE, (220, 200, 164), (126, 118, 110), (200, 190, 180)),
    skies=(
        ((92, 148, 216), (200, 224, 242)),  # a fine day
        ((164, 176, 188), (216, 220, 224)),  # overcast
        ((112, 132, 192), (252, 200, 154)),  # evening
        ((58, 118, 202), (150, 198, 238)),  # deep blue
    ),
    woods=((54, 100, 72), (62, 92, 132), (116, 70, 46), (122, 122, 124), (154, 50, 46), (88, 130, 142)),
    doors=((100, 50, 30), (40, 74, 56), (134, 36, 36), (36, 48, 76), (62, 62, 66)),
)
SIMPLE = Theme(
    walls=(BRICK_RED, CREAM),
    trims=(WHITE_STONE,),
    skies=(FULL.skies[0],),
    woods=((54, 100, 72),),
    doors=((40, 74, 56),),
)
THEMES = {"full": FULL, "simple": SIMPLE}

CLOUD, PAVEMENT, IRON, BRASS = (250, 250, 250), (138, 134, 130), (48, 46, 50), (218, 184, 92)
GLASS_DARK, GLASS_SKY, CURTAIN = (36, 44, 58), (158, 188, 214), (236, 230, 216)
AWNING_WHITE = (244, 240, 232)
LAMP_COLOURS = ((255, 206, 118), (255, 226, 160), (255, 186, 96), (240, 238, 214))
NIGHT_LIGHT = (0.25, 0.29, 0.46)  # what moonlight leaves of red, green and blue
NIGHT_SKY = ((14, 18, 46), (56, 50, 88))


@dataclass(frozen=True)
class Colours:
    """What the painter chose for one look of one house."""

    wall: np.ndarray
    brick: bool
    trim: np.ndarray
    wood: np.ndarray
    door: np.ndarray
    sky: tuple[np.ndarray, np.ndarray]
    pavement: np.ndarray
    iron: np.ndarray
    lit: float  # share of the windows that are lit at night


@dataclass
class Scene:
    """A canvas with tools that work in unit coordinates.

    Args:
        size: pixels of the canvas.
        colours: the look of this house.
        rng: randomness of the look.
        night_rng: randomness of the night (which windows are lit), apart from the look's, so that day and night agree.
        grain: fine texture that every surface has a little of, (size, size, 1), about standard normal.
    """

    size: int
    colours: Colours
    rng: np.random.Generator
    night_rng: np.random.Generator
    grain: np.ndarray
    picture: np.ndarray = field(init=False)
    light: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty canvas."""
        self.picture = np.zeros((self.size, self.size, 3), np.float32)
        self.light = np.zeros((self.size, self.size, 3), np.float32)  # what shines by itself at night

    def mask(self, box: Box, clip: Element | None) -> tuple[slice, slice, np.ndarray]:
        """The pixels of `box`, and which of them lie inside the element `clip`: (rows, columns, (rows, columns, 1))."""
        rows, columns = to_slices(box, self.size)
        outline, frame = (clip.outline, clip.box) if clip else (Outline.BOX, box)
        return rows, columns, outline_mask(outline, frame, rows, columns, self.size)[..., None]

    def fill(
        self,
        box: Box,
        colour: np.ndarray | Colour,
        clip: Element | None = None,
        grain: float = 5.0,
        light: np.ndarray | Colour = (0, 0, 0),
    ) -> None:
        """Paint a box in one colour (or one per pixel), inside the outline of `clip`; what was lit there is covered."""
        rows, columns, mask = self.mask(box, clip)
        paint = np.asarray(colour, np.float32) + grain * self.grain[rows, columns]
        self.picture[rows, columns] = np.where(mask, paint, self.picture[rows, columns])
        self.light[rows, columns] = np.where(mask, np.asarray(light, np.float32), self.light[rows, columns])

    def shade(self, box: Box, factor: np.ndarray | float, clip: Element | None = None) -> None:
        """Make a box darker (factor below 1) or lighter; a factor per row, column or pixel works as well."""
        rows, columns, mask = self.mask(box, clip)
        self.picture[rows, columns] *= np.where(mask, factor, 1.0)

    def drop_shadow(self, box: Box, depth: float = SHADOW, strength: float = 0.4) -> None:
        """The soft shadow below a ledge; the light comes from the upper left."""
        below = Box(box.left + depth / 2, box.bottom, box.right + depth / 2, box.bottom + depth)
        _, down = self.across(below)
        self.shade(below, 1 - strength * (1 - down))

    def across(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel of a box how far right and how far down it lies, 0 to 1: (1, columns, 1) and (rows, 1, 1)."""
        rows, columns = to_slices(box, self.size)
        right = ((np.arange(columns.start, columns.stop) + 0.5) / self.size - box.left) / box.width
        down = ((np.arange(rows.start, rows.stop) + 0.5) / self.size - box.top) / box.height
        return right[None, :, None].astype(np.float32), down[:, None, None].astype(np.float32)

    def vary(self, colour: np.ndarray | Colour, spread: float) -> np.ndarray:
        """A colour near this one."""
        return np.asarray(colour, np.float32) + self.rng.normal(0, spread, 3).astype(np.float32)

    def pick(self, choices: tuple) -> np.ndarray:
        """One of these colours."""
        return np.asarray(choices[self.rng.integers(len(choices))], np.float32)


def paint_facade(layout: Layout, seed: int, image_size: int, look: int, night: bool, theme: Theme) -> np.ndarray:
    """Paint one look of a house front.

    Args:
        layout: where things are.
        seed: the number of the house.
        image_size: height and width in pixels.
        look: which of its many pictures.
        night: whether to paint the same look at night.
        theme: the colours to choose from.

    Returns:
        uint8, shape (image_size, image_size, 3).
    """
    canvas = image_size * max(2, SMALLEST_CANVAS // image_size)
    scene = _empty_scene(seed, canvas, look, theme)
    _paint_surroundings(scene, layout.ground)
    for element in layout.elements:
        PAINTERS[type(element)](scene, element)
    scene.picture *= 1 + 0.05 * smooth_noise(scene.rng, canvas, 3)
    picture = _at_night(scene, layout) if night else scene.picture
    step = canvas // image_size
    picture = picture.reshape(image_size, step, image_size, step, 3).mean(axis=(1, 3))
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def smooth_noise(rng: np.random.Generator, size: int, across: int, down: int | None = None) -> np.ndarray:
    """Random hills and valleys, `across` x `down` of them: float32, shape (size, size, 1), about standard normal."""
    noise = Image.fromarray(rng.normal(0, 1, (down or across, across)).astype(np.float32))
    return np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))[..., None]


def _empty_scene(seed: int, canvas: int, look: int, theme: Theme) -> Scene:
    """A canvas for which all colours are chosen."""
    rng = np.random.default_rng([seed, 2, look])
    night_rng = np.random.default_rng([seed, 3, look])

    def near(colour: np.ndarray | Colour, spread: float) -> np.ndarray:
        return np.asarray(colour, np.float32) + rng.normal(0, spread, 3).astype(np.float32)

    wall = theme.walls[rng.integers(len(theme.walls))]
    top, bottom = theme.skies[rng.integers(len(theme.skies))]
    colours = Colours(
        wall=near(wall.colour, 7),
        brick=bool(rng.random() < wall.brick),
        trim=near(theme.trims[rng.integers(len(theme.trims))], 5),
        wood=near(theme.woods[rng.integers(len(theme.woods))], 7),
        door=near(theme.doors[rng.integers(len(theme.doors))], 7),
        sky=(near(top, 5), near(bottom, 5)),
        pavement=near(PAVEMENT, 6),
        iron=near(IRON, 5),
        lit=float(rng.uniform(0.3, 0.75)),
    )
    grain = smooth_noise(rng, canvas, GRAIN_CELLS)
    return Scene(canvas, colours, rng, night_rng, grain)


# --- Surroundings and wall --------------------------------------------------------------------------------------------


def _paint_surroundings(scene: Scene, ground: float) -> None:
    """Sky with clouds, and the pavement."""
    everything = Box(0, 0, 1, 1)
    _, down = scene.across(everything)
    top, bottom = scene.colours.sky
    scene.fill(everything, top * (1 - down) + bottom * down, grain=0)
    size = scene.size
    clouds = smooth_noise(scene.rng, size, 4, 9) + 0.5 * smooth_noise(scene.rng, size, 9, 20) - 0.3
    cover = 0.75 * np.clip(clouds, 0, 1)
    scene.picture += cover * (np.asarray(CLOUD, np.float32) - scene.picture)

    pavement = Box(0, ground, 1, 1)
    scene.fill(pavement, scene.colours.pavement, grain=9)
    scene.shade(Box(0, ground, 1, ground + LINE), 0.75)  # where the house meets the ground
    for slab in np.arange(scene.rng.uniform(0.02, 0.1), 1, 0.11):
        scene.shade(Box(float(slab), ground, float(slab) + LINE / 2, 1), 0.85)


def _paint_wall(scene: Scene, wall: Element) -> None:
    """Bricks or plaster, a little darker towards the ground."""
    rows, columns, _ = scene.mask(wall.box, wall)
    texture = _bricks(scene, wall.box) if scene.colours.brick else _plaster(scene)[rows, columns]
    depth = np.linspace(0, 1, scene.size, dtype=np.float32)[rows, None, None]
    tinted = scene.colours.wall + texture * np.array([1, 0.92, 0.85], np.float32)
    scene.fill(wall.box, tinted * (1.06 - 0.16 * depth), clip=wall, grain=5)


def _bricks(scene: Scene, box: Box) -> np.ndarray:
    """Courses of bricks, each a little different, with light mortar between them: (rows, columns, 1)."""
    rows, columns = to_slices(box, scene.size)
    y = (np.arange(rows.start, rows.stop) + 0.5) / scene.size
    x = (np.arange(columns.start, columns.stop) + 0.5) / scene.size
    course = np.floor(y / BRICK_HEIGHT).astype(int)
    along = x[None, :] / BRICK_WIDTH + 0.5 * (course % 2)[:, None]  # every second course is shifted by half a brick
    brick = np.floor(along).astype(int)
    tints = np.random.default_rng(scene.rng.integers(2**32)).normal(
        0, 15, (int(1 / BRICK_HEIGHT) + 2, int(1 / BRICK_WIDTH) + 3)
    )
    mortar = ((y / BRICK_HEIGHT) % 1 < 0.16)[:, None] | (along % 1 < 0.09)
    return np.where(mortar, 30.0, tints[course[:, None], brick] - 4)[..., None].astype(np.float32)


def _plaster(scene: Scene) -> np.ndarray:
    """Uneven plaster with a few stains: (size, size, 1)."""
    return 5 * smooth_noise(scene.rng, scene.size, 48) + 6 * smooth_noise(scene.rng, scene.size, 6)


# --- Stone ------------------------------------------------------------------------------------------------------------


def _paint_ledge(scene: Scene, ledge: Element) -> None:
    """A cornice or a sill: bright above, a shadow below, under the roof a row of teeth."""
    scene.fill(ledge.box, scene.colours.trim)
    scene.shade(ledge.box.inner(0, 0, 1, 0.3), 1.06)
    scene.shade(ledge.box.inner(0, 0.75, 1, 1), 0.86)
    if isinstance(ledge, Cornice) and ledge.teeth:
        pitch = LINE * 2.5
        for left in np.arange(ledge.box.left + pitch / 2, ledge.box.right - pitch / 2, pitch):
            scene.shade(
                Box(
                    float(left),
                    ledge.box.top + 0.5 * ledge.box.height,
                    float(left) + pitch / 2,
                    ledge.box.bottom - 0.1 * ledge.box.height,
                ),
                0.72,
            )
    scene.drop_shadow(ledge.box, depth=min(SHADOW, ledge.box.height))


def _paint_molding(scene: Scene, molding: Element) -> None:
    """A plain stone frame; the window covers its middle."""
    scene.fill(molding.box, scene.colours.trim * 0.97, clip=molding)
    scene.shade(molding.box.inner(0.94, 0, 1, 1), 0.88, clip=molding)


def _paint_pillar(scene: Scene, pillar: Element) -> None:
    """A round column, lit from the left, with a base and a head."""
    right, _ = scene.across(pillar.box)
    scene.fill(pillar.box, scene.colours.trim * 0.95)
    scene.shade(pillar.box, 1.08 - 0.34 * right**2)
    for end in (pillar.box.inner(0, 0, 1, 0.025), pillar.box.inner(0, 0.96, 1, 1)):
        scene.fill(end, scene.colours.trim)
        scene.drop_shadow(end, depth=LINE)
    scene.shade(Box(pillar.box.right, pillar.box.top, pillar.box.right + LINE, pillar.box.bottom), 0.82)


def _paint_ornament(scene: Scene, ornament: Element) -> None:
    """A relief of leaves, or what looks like it from the street."""
    right, down = scene.across(ornament.box)
    leaves = max(2, round(ornament.box.width / 0.022))
    relief = 1 + 0.2 * np.sin(2 * np.pi * leaves * right) * np.cos(2 * np.pi * down)
    scene.fill(ornament.box, scene.colours.trim * 0.9, clip=ornament)
    scene.shade(ornament.box, relief, clip=ornament)
    scene.shade(ornament.box.inner(0, 0.88, 1, 1), 0.78, clip=ornament)


# --- Openings ---------------------------------------------------------------------------------------------------------


def _glass(scene: Scene, box: Box) -> np.ndarray:
    """What a pane reflects: sky above, the dark room below, and now and then a streak of light; one colour a pixel."""
    right, down = scene.across(box)
    sky = scene.vary(GLASS_SKY, 8) * scene.rng.uniform(0.6, 1.0)
    dark = scene.vary(GLASS_DARK, 5)
    reflecting = scene.rng.random() < 0.6
    streak_at, streak_width, streak = scene.rng.uniform([-0.5, 0.08, 18], [1.2, 0.2, 60])
    glass = sky * (1 - down) + dark * down if reflecting else dark * (1 - 0.4 * down) + 0.35 * sky * down
    return glass + streak * (np.abs(right + 0.7 * down - streak_at) < streak_width)


def _lamp(scene: Scene, box: Box, chance: float) -> np.ndarray:
    """The light behind a pane at night: a warm colour that is strongest in the middle, or none."""
    _, down = scene.across(box)
    lit, choice, strength = scene.night_rng.random(3)
    colour = np.asarray(LAMP_COLOURS[int(choice * len(LAMP_COLOURS))], np.float32)
    return (lit < chance) * colour * (0.75 + 0.25 * strength) * (1 - 0.3 * np.abs(down - 0.4))


def _paint_window(scene: Scene, window: Element) -> None:
    """Glass, perhaps with curtains, behind a frame with bars, set back in the wall."""
    assert isinstance(window, Window)
    box = window.box
    lamp = _lamp(scene, box, scene.colours.lit)
    scene.fill(box, _glass(scene, box), clip=window, grain=2, light=lamp)
    has_curtain, curtain_width, curtain_tone = scene.rng.random(3)
    if has_curtain < 0.35:
        width = 0.18 + 0.17 * curtain_width
        for curtain in (box.inner(0, 0, width, 1), box.inner(1 - width, 0, 1, 1)):
            right, _ = scene.across(curtain)
            folds = 0.9 + 0.1 * np.cos(6 * np.pi * right)
            rows, columns = to_slices(curtain, scene.size)
            behind = scene.light[rows, columns] * 0.8  # light shines through cloth
            cloth = np.asarray(CURTAIN, np.float32) * (0.75 + 0.25 * curtain_tone) * folds
            scene.fill(curtain, cloth, clip=window, grain=2, light=behind)
    frame = scene.colours.trim if scene.rng.random() < 0.9 else scene.colours.door
    _paint_bars(scene, window, frame, panes=window.panes, transom=0.36)
    scene.shade(box.inner(0, 0, 1, 0.1), 0.55, clip=window)  # the wall above throws its shadow on the glass
    scene.shade(Box(box.left, box.top, box.left + LINE, box.bottom), 0.8, clip=window)


def _paint_bars(scene: Scene, opening: Element, colour: np.ndarray, panes: int, transom: float) -> None:
    """A frame all round, bars between the panes, and one across at `transom` of the height."""
    box = opening.box
    across = box.top + transom * box.height
    bars = [
        Box(box.left, box.top, box.left + LINE, box.bottom),
        Box(box.right - LINE, box.top, box.right, box.bottom),
        Box(box.left, box.top, box.right, box.top + LINE),
        Box(box.left, box.bottom - LINE, box.right, box.bottom),
        Box(box.left, across - LINE / 2, box.right, across + LINE / 2),
    ]
    for bar in range(1, panes):
        middle = box.left + box.width * bar / panes
        bars.append(Box(middle - LINE / 2, box.top, middle + LINE / 2, box.bottom))
    for bar_box in bars:
        scene.fill(bar_box, colour, clip=opening, grain=2)


def _paint_slats(scene: Scene, blind: Element, colour: np.ndarray, pitch: float) -> None:
    """Horizontal slats, each with its own shadow."""
    _, down = scene.across(blind.box)
    slats = max(2, round(blind.box.height / pitch))
    scene.fill(blind.box, colour, clip=blind, grain=3)
    scene.shade(blind.box, np.where((down * slats) % 1 < 0.6, 1.04, 0.74), clip=blind)


def _paint_shutter(scene: Scene, shutter: Element) -> None:
    """A wooden shutter: slats in a frame."""
    _paint_slats(scene, shutter, scene.colours.wood, pitch=LINE * 2)
    _paint_bars(scene, shutter, scene.colours.wood * 0.9, panes=1, transom=0.5)
    scene.shade(Box(shutter.box.right, shutter.box.top, shutter.box.right + LINE, shutter.box.bottom), 0.8)


def _paint_roller_blind(scene: Scene, blind: Element) -> None:
    """A blind half-way down; its lower edge throws a shadow on the glass."""
    _paint_slats(scene, blind, scene.colours.wood * 0.5 + 0.5 * np.asarray(CURTAIN, np.float32), pitch=LINE * 1.6)
    scene.drop_shadow(blind.box, depth=LINE)


def _paint_door(scene: Scene, door: Element) -> None:
    """Two leaves with panels, a light above, a brass knob, and a step."""
    box = door.box
    scene.fill(box, scene.colours.door, clip=door, grain=4)
    fanlight = box.inner(0.12, 0.1, 0.88, 0.28)
    scene.fill(fanlight, _glass(scene, fanlight), clip=door, grain=2, light=_lamp(scene, fanlight, 0.7))
    for left, right in ((0.14, 0.44), (0.56, 0.86)):
        for top, bottom in ((0.36, 0.6), (0.66, 0.92)):
            panel = box.inner(left, top, right, bottom)
            scene.shade(panel, 0.84, clip=door)
            scene.shade(panel.inner(0.12, 0.9, 1, 1), 1.3, clip=door)
    scene.shade(Box(box.middle - LINE / 4, box.top + 0.3 * box.height, box.middle + LINE / 4, box.bottom), 0.5)
    knob = box.inner(0.6, 0.61, 0.6, 0.61)
    scene.fill(Box(knob.left, knob.top, knob.left + LINE, knob.top + LINE), BRASS, grain=0)
    scene.shade(Box(box.left, box.top, box.right, box.top + LINE), 0.6, clip=door)
    scene.shade(Box(box.left, box.top, box.left + LINE, box.bottom), 0.7, clip=door)
    step = Box(box.left, box.bottom - LINE, box.right, box.bottom)
    scene.fill(step, scene.colours.trim * 0.85)


def _paint_balcony(scene: Scene, balcony: Element) -> None:
    """A stone slab and an iron railing through which the window can be seen."""
    box = balcony.box
    slab = Box(box.left, max(box.top, box.bottom - 0.016), box.right, box.bottom)
    bars = max(4, round(box.width / (LINE * 2.2)))
    for bar in range(bars + 1):
        left = box.left + (box.width - LINE * 0.7) * bar / bars
        scene.fill(Box(left, box.top, left + LINE * 0.7, slab.top), scene.colours.iron, grain=2)
    for rail in (box.top, box.top + 0.3 * (slab.top - box.top)):
        scene.fill(Box(box.left, rail, box.right, rail + LINE), scene.colours.iron, grain=2)
    scene.fill(slab, scene.colours.trim * 0.9)
    scene.drop_shadow(slab, depth=2 * SHADOW, strength=0.45)


def _paint_shop(scene: Scene, shop: Element) -> None:
    """A shop window full of colourful goods below an awning."""
    assert isinstance(shop, Shop)
    box = shop.box
    frame = scene.vary(scene.colours.door, 6)
    lamp = _lamp(scene, box, 0.85)
    scene.fill(box, _glass(scene, box), grain=2, light=lamp)
    _paint_goods(scene, box.inner(0.02, 0.5, 0.98, 0.86))
    _paint_bars(scene, shop, frame, panes=shop.panes, transom=0.36)
    scene.fill(box.inner(0, 0.86, 1, 1), frame, grain=4)
    scene.shade(box.inner(0, 0.86, 1, 0.89), 1.25)
    _paint_awning(scene, box)


def _paint_goods(scene: Scene, box: Box) -> None:
    """Two shelves of goods in all colours; at night the lamp shines on them."""
    columns = max(3, round(box.width / 0.022))
    goods = np.random.default_rng(scene.rng.integers(2**32))
    for shelf in range(2):
        for column in range(columns):
            colour, height = goods.uniform(40, 230, 3), goods.uniform(0.45, 0.95)
            item = box.inner(column / columns, (shelf + 1 - height) / 2, (column + 0.85) / columns, (shelf + 1) / 2)
            rows, pixels = to_slices(item, scene.size)
            scene.fill(item, colour, grain=3, light=scene.light[rows, pixels] * (0.35 + colour / 400))


def _paint_awning(scene: Scene, shop: Box) -> None:
    """Striped or plain cloth that slopes towards the street, with a scalloped edge."""
    cloth, striped = scene.vary(scene.pick(FULL.woods + FULL.doors), 10), scene.rng.random() < 0.65
    awning = shop.inner(0, 0, 1, 0.27)
    right, down = scene.across(awning)
    stripes = max(4, 2 * round(shop.width / 0.05))
    white = (np.floor(right * stripes) % 2 == 1) & striped
    colours = np.where(white, np.asarray(AWNING_WHITE, np.float32), cloth)
    scallop = 1 - 0.22 * np.abs(np.sin(np.pi * (right * stripes + 0.5)))  # where the cloth ends, for each column
    rows, columns = to_slices(awning, scene.size)
    hangs = down < scallop
    paint = colours * (1.04 - 0.22 * down) + 3 * scene.grain[rows, columns]
    scene.picture[rows, columns] = np.where(hangs, paint, scene.picture[rows, columns] * 0.6)
    scene.light[rows, columns] = np.where(hangs, 0, scene.light[rows, columns])
    scene.drop_shadow(awning, depth=1.5 * SHADOW, strength=0.5)


PAINTERS: dict[type[Element], Callable[[Scene, Element], None]] = {
    Wall: _paint_wall,
    Window: _paint_window,
    Door: _paint_door,
    Cornice: _paint_ledge,
    Sill: _paint_ledge,
    Balcony: _paint_balcony,
    Shutter: _paint_shutter,
    RollerBlind: _paint_roller_blind,
    Ornament: _paint_ornament,
    Molding: _paint_molding,
    Pillar: _paint_pillar,
    Shop: _paint_shop,
}


# --- Night ------------------------------------------------------------------------------------------------------------


def _at_night(scene: Scene, layout: Layout) -> np.ndarray:
    """The finished day picture in moonlight, stars above it, and the windows' light on their surroundings."""
    size = scene.size
    picture = scene.picture * np.asarray(NIGHT_LIGHT, np.float32)
    sky = np.ones((size, size, 1), bool)
    sky[round(layout.ground * size) :] = False
    for element in layout.elements:
        if isinstance(element, Wall | Cornice):
            rows, columns, mask = scene.mask(element.box, element)
            sky[rows, columns] &= ~mask
    picture = np.where(sky, _starry_sky(scene), picture)
    on = scene.light.sum(axis=-1, keepdims=True) > 0
    return np.where(on, scene.light, picture + 0.5 * _glow(scene.light))


def _starry_sky(scene: Scene) -> np.ndarray:
    """A dark gradient with stars: (size, size, 3)."""
    _, down = scene.across(Box(0, 0, 1, 1))
    top, bottom = (np.asarray(colour, np.float32) for colour in NIGHT_SKY)
    sky = np.broadcast_to(top * (1 - down) + bottom * down, (scene.size, scene.size, 3)).copy()
    for x, y, brightness in scene.night_rng.random((60, 3)):
        rows, columns = to_slices(Box(x, y, x + LINE / 2, y + LINE / 2), scene.size)
        sky[rows, columns] = 110 + 145 * brightness
    return sky


def _glow(light: np.ndarray) -> np.ndarray:
    """The windows' light, spread over their surroundings: shrink it a lot, and enlarge it smoothly again."""
    picture = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))
    small = picture.resize((20, 20), Image.Resampling.BOX)
    return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC), np.float32)
