"""Design a house front: where its windows, doors and cornices are, as boxes in a unit square.

A layout is a list of elements from back to front, like cut-out paper. The label map paints each element in the number
of its class; `facades_render` paints the same elements as a picture. Nothing here knows about pixels or colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar

import numpy as np


class Part(IntEnum):
    """The twelve classes of the CMP facade database, in its order; the number is the value in a label map."""

    BACKGROUND = 0
    FACADE = 1
    WINDOW = 2
    DOOR = 3
    CORNICE = 4
    SILL = 5
    BALCONY = 6
    BLIND = 7
    DECO = 8
    MOLDING = 9
    PILLAR = 10
    SHOP = 11


class Outline(Enum):
    """The shape that fills an element's box."""

    BOX = "box"
    ARCH = "arch"
    TRIANGLE = "triangle"
    STEPS = "steps"
    CURVE = "curve"


GABLES = (Outline.TRIANGLE, Outline.STEPS, Outline.CURVE)
STEPS_IN_GABLE = 4


@dataclass(frozen=True)
class Box:
    """A rectangle in the unit square; (0, 0) is the upper left corner of the picture, (1, 1) the lower right."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Half-way between left and right."""
        return (self.left + self.right) / 2

    def inner(self, left: float, top: float, right: float, bottom: float) -> Box:
        """A part of this box, in fractions of its width and height.

        >>> Box(0.0, 0.0, 0.5, 0.5).inner(0.5, 0.0, 1.0, 0.5)
        Box(left=0.25, top=0.0, right=0.5, bottom=0.25)
        """
        return Box(
            self.left + left * self.width,
            self.top + top * self.height,
            self.left + right * self.width,
            self.top + bottom * self.height,
        )

    def grown(self, sides: float = 0.0, top: float = 0.0, bottom: float = 0.0) -> Box:
        """This box with more (or, if negative, less) on its sides.

        >>> Box(0.25, 0.25, 0.5, 0.5).grown(sides=0.25)
        Box(left=0.0, top=0.25, right=0.75, bottom=0.5)
        """
        return Box(self.left - sides, self.top - top, self.right + sides, self.bottom + bottom)


@dataclass(frozen=True)
class Element:
    """Something on the house front; subclasses say what."""

    box: Box
    outline: Outline = Outline.BOX
    part: ClassVar[Part]


@dataclass(frozen=True)
class Wall(Element):
    """The wall itself, or its gable."""

    part: ClassVar[Part] = Part.FACADE


@dataclass(frozen=True)
class Window(Element):
    """A window of `panes` panes side by side."""

    panes: int = 2
    part: ClassVar[Part] = Part.WINDOW


@dataclass(frozen=True)
class Door(Element):
    """A front door."""

    part: ClassVar[Part] = Part.DOOR


@dataclass(frozen=True)
class Cornice(Element):
    """A ledge across the whole front: heavy under the roof, with a row of teeth, or a thin band between floors."""

    teeth: bool = False
    part: ClassVar[Part] = Part.CORNICE


@dataclass(frozen=True)
class Sill(Element):
    """The ledge below a window."""

    part: ClassVar[Part] = Part.SILL


@dataclass(frozen=True)
class Balcony(Element):
    """A slab with an iron railing, in front of a window."""

    part: ClassVar[Part] = Part.BALCONY


@dataclass(frozen=True)
class Shutter(Element):
    """A wooden shutter, open beside its window or closed over it."""

    part: ClassVar[Part] = Part.BLIND


@dataclass(frozen=True)
class RollerBlind(Element):
    """A blind, let down over the upper part of a window."""

    part: ClassVar[Part] = Part.BLIND


@dataclass(frozen=True)
class Ornament(Element):
    """A relief."""

    part: ClassVar[Part] = Part.DECO


@dataclass(frozen=True)
class Molding(Element):
    """The stone frame around a window or a door."""

    part: ClassVar[Part] = Part.MOLDING


@dataclass(frozen=True)
class Pillar(Element):
    """A flat column from the ground to the roof."""

    part: ClassVar[Part] = Part.PILLAR


@dataclass(frozen=True)
class Shop(Element):
    """A shop front with an awning and `panes` panes."""

    panes: int = 2
    part: ClassVar[Part] = Part.SHOP


@dataclass(frozen=True)
class Layout:
    """A house front: elements from back to front, and the height at which the pavement begins."""

    elements: tuple[Element, ...]
    ground: float


@dataclass(frozen=True)
class Style:
    """What the architect decides once for the whole house."""

    storeys: int
    bays: int
    gable: Outline | None
    opening: Outline
    panes: int
    pillars: str
    balconies: str
    balcony_bay: int
    balcony_storey: int
    ground_floor: str
    bands: bool
    moldings: bool
    sills: bool
    shutters: bool
    ornaments: bool
    wide_middle: bool


def facade_layout(seed: int) -> Layout:
    """Design house number `seed`: the same number is the same house, on every machine.

    >>> facade_layout(7) == facade_layout(7), facade_layout(7) == facade_layout(8)
    (True, False)
    """
    rng = np.random.default_rng([seed, 1])
    style = _choose_style(rng)
    ground = rng.uniform(0.93, 0.97)
    roof = rng.uniform(0.06, 0.12) + (0.14 if style.gable else 0.0)
    front = Box(rng.uniform(0.02, 0.10), roof, 1 - rng.uniform(0.02, 0.10), ground)
    ground_floor_height = rng.uniform(0.19, 0.27) if style.storeys > 2 else rng.uniform(0.26, 0.34)
    upper = Box(front.left, front.top + 0.04, front.right, ground - ground_floor_height)
    lower = Box(front.left, upper.bottom, front.right, ground)

    elements = [
        *_gable(front, style, rng),
        Wall(front),
        *_gable_window(front, style, rng),
        Cornice(
            Box(front.left - 0.015, roof - 0.005, front.right + 0.015, roof + rng.uniform(0.03, 0.042)), teeth=True
        ),
        *_pillars(front, style),
        *_upper_storeys(upper, style, rng),
        *_ground_floor(lower, style, rng),
    ]
    return Layout(tuple(elements), ground)


def _choose_style(rng: np.random.Generator) -> Style:
    storeys, bays = int(rng.integers(2, 6)), int(rng.integers(2, 7))
    return Style(
        storeys=storeys,
        bays=bays,
        gable=GABLES[rng.integers(len(GABLES))] if rng.random() < 0.5 else None,
        opening=Outline.ARCH if rng.random() < 0.35 else Outline.BOX,
        panes=int(rng.integers(2, 5)) if bays < 4 else 2,
        pillars=str(rng.choice(["none", "none", "edges", "all" if bays < 6 else "edges"])),
        balconies=str(rng.choice(["none", "none", "one bay", "one storey", "some"])),
        balcony_bay=int(rng.integers(bays)),
        balcony_storey=int(rng.integers(storeys - 1)),
        ground_floor=str(rng.choice(["shops", "windows", "both"])),
        bands=rng.random() < 0.5,
        moldings=rng.random() < 0.55,
        sills=rng.random() < 0.7,
        shutters=rng.random() < 0.4 and bays < 6,
        ornaments=rng.random() < 0.35,
        wide_middle=rng.random() < 0.25 and bays % 2 == 1,
    )


def _gable(front: Box, style: Style, rng: np.random.Generator) -> list[Element]:
    """The part of the wall above the cornice."""
    if style.gable is None:
        return []
    return [Wall(Box(front.left, front.top - 0.16 + rng.uniform(0, 0.04), front.right, front.top + 0.01), style.gable)]


def _gable_window(front: Box, style: Style, rng: np.random.Generator) -> list[Element]:
    """A small arched window or a relief in the gable."""
    if style.gable is None or rng.random() < 0.2:
        return []
    box = Box(front.middle - 0.045, front.top - 0.09, front.middle + 0.045, front.top - 0.005)
    return [Ornament(box, Outline.ARCH) if rng.random() < 0.4 else Window(box, Outline.ARCH)]


def _pillars(front: Box, style: Style) -> list[Element]:
    """Pillars at both edges, or between all bays."""
    top, bottom = front.top + 0.035, front.bottom
    if style.pillars == "edges":
        lefts, width = [front.left, front.right - 0.035], 0.035
    elif style.pillars == "all":
        width = 0.028
        middles = np.linspace(front.left, front.right, style.bays + 1)
        lefts = [min(max(middle - width / 2, front.left), front.right - width) for middle in middles]
    else:
        return []
    return [Pillar(Box(float(left), top, float(left) + width, bottom)) for left in lefts]


def _upper_storeys(upper: Box, style: Style, rng: np.random.Generator) -> list[Element]:
    """All floors above the ground floor: a grid of windows with what belongs to each."""
    rows = style.storeys - 1
    storey_height, bay_width = upper.height / rows, upper.width / style.bays
    width = bay_width * rng.uniform(0.38, 0.55) * (0.82 if style.shutters else 1.0)
    height = storey_height * rng.uniform(0.5, 0.66)
    elements: list[Element] = []
    for row in range(rows):
        ceiling = upper.top + row * storey_height
        if style.bands and row > 0:
            elements.append(Cornice(Box(upper.left, ceiling - 0.012, upper.right, ceiling + 0.008)))
        for bay in range(style.bays):
            middle = upper.left + (bay + 0.5) * bay_width
            wide = 1.35 if style.wide_middle and bay == style.bays // 2 else 1.0
            top = ceiling + storey_height * 0.17
            opening = Box(middle - wide * width / 2, top, middle + wide * width / 2, top + height)
            cell = Box(middle - bay_width / 2, ceiling, middle + bay_width / 2, ceiling + storey_height)
            elements.extend(_window(opening, cell, row, bay, style, rng))
    return elements


def _window(opening: Box, cell: Box, row: int, bay: int, style: Style, rng: np.random.Generator) -> list[Element]:
    """One window of an upper floor, with its frame, shutters, balcony or sill, and relief.

    Args:
        opening: the window.
        cell: all the wall that belongs to it.
        row: storey, counted from the top.
        bay: column, counted from the left.
        style: the house's style.
        rng: decides what differs from window to window.
    """
    elements: list[Element] = []
    if style.moldings:
        elements.append(Molding(opening.grown(sides=0.014, top=0.018, bottom=0.008), style.opening))
    elements.append(Window(opening, style.opening, style.panes))
    if style.shutters:
        elements.extend(_shutters(opening, cell, rng))
    elif rng.random() < 0.10:
        elements.append(RollerBlind(opening.inner(0, 0, 1, rng.uniform(0.25, 0.75)), style.opening))

    has_balcony = {
        "one bay": bay == style.balcony_bay,
        "one storey": row == style.balcony_storey,
        "some": rng.random() < 0.3,
    }.get(style.balconies, False)
    if has_balcony:
        elements.append(Balcony(opening.inner(0, 0.64, 1, 1).grown(sides=0.025, bottom=0.014)))
    elif style.sills:
        elements.append(_sill(opening))
    relief = Box(
        opening.middle - opening.width * 0.32,
        opening.bottom + 0.026,
        opening.middle + opening.width * 0.32,
        min(opening.bottom + 0.06, cell.bottom - 0.02),
    )
    if style.ornaments and style.opening is Outline.BOX and relief.height > 0.015 and not has_balcony:
        elements.append(Ornament(relief))
    return elements


def _shutters(opening: Box, cell: Box, rng: np.random.Generator) -> list[Element]:
    """A pair of open shutters; now and then one that is closed, or none."""
    mood = rng.random()
    if mood < 0.12:
        return []
    if mood < 0.19:
        return [Shutter(opening)]
    width = min(opening.width * 0.46, (cell.width - opening.width) / 2 - 0.006)
    return [
        Shutter(Box(opening.left - width - 0.003, opening.top, opening.left - 0.003, opening.bottom)),
        Shutter(Box(opening.right + 0.003, opening.top, opening.right + width + 0.003, opening.bottom)),
    ]


def _sill(opening: Box) -> Sill:
    return Sill(Box(opening.left - 0.014, opening.bottom, opening.right + 0.014, opening.bottom + 0.018))


def _ground_floor(lower: Box, style: Style, rng: np.random.Generator) -> list[Element]:
    """A cornice, one door, and shops or windows beside it."""
    bay_width = lower.width / style.bays
    door_bay = int(rng.integers(style.bays))
    width = bay_width * rng.uniform(0.42, 0.56)
    elements: list[Element] = [Cornice(Box(lower.left, lower.top - 0.012, lower.right, lower.top + 0.016))]
    bay = 0
    while bay < style.bays:
        left = lower.left + bay * bay_width
        if bay == door_bay:
            elements.extend(_door(left + bay_width / 2, bay_width, lower, style, rng))
        elif style.ground_floor == "shops" or (style.ground_floor == "both" and rng.random() < 0.4):
            bays = _shop_bays(bay, door_bay, style.bays)
            right = left + bays * bay_width
            elements.append(
                Shop(Box(left + 0.014, lower.top + lower.height * 0.16, right - 0.014, lower.bottom), panes=2 * bays)
            )
            bay += bays - 1
        else:
            middle = left + bay_width / 2
            opening = Box(
                middle - width / 2, lower.top + lower.height * 0.24, middle + width / 2, lower.top + lower.height * 0.70
            )
            if style.moldings:
                elements.append(Molding(opening.grown(sides=0.014, top=0.018, bottom=0.008), style.opening))
            elements.append(Window(opening, style.opening, style.panes))
            if style.sills:
                elements.append(_sill(opening))
        bay += 1
    return elements


def _shop_bays(bay: int, door_bay: int, bays: int) -> int:
    """How many bays a shop that starts at `bay` may take: up to three, and never the door's."""
    end = door_bay if bay < door_bay else bays
    return min(3, end - bay)


def _door(middle: float, bay_width: float, lower: Box, style: Style, rng: np.random.Generator) -> list[Element]:
    """The front door, perhaps in a stone frame and below a relief."""
    width, height = min(bay_width * 0.62, 0.13), min(lower.height * 0.76, 0.2)
    opening = Box(middle - width / 2, lower.bottom - height, middle + width / 2, lower.bottom)
    elements: list[Element] = []
    if style.moldings or rng.random() < 0.5:
        elements.append(Molding(opening.grown(sides=0.016, top=0.022), style.opening))
    elements.append(Door(opening, style.opening))
    relief = Box(middle - width * 0.55, opening.top - 0.055, middle + width * 0.55, opening.top - 0.028)
    if rng.random() < 0.3 and relief.top > lower.top + 0.016:
        elements.append(Ornament(relief))
    return elements


# --- From boxes to pixels ---------------------------------------------------------------------------------------------


def to_slices(box: Box, size: int) -> tuple[slice, slice]:
    """Rows and columns of the pixels that a box covers, at least one each, cut off at the picture's edge.

    >>> to_slices(Box(0.25, 0.5, 0.5, 2.0), 8)
    (slice(4, 8, None), slice(2, 4, None))
    """

    def span(first: float, last: float) -> slice:
        start = round(first * size)
        stop = max(round(last * size), start + 1)
        return slice(min(max(start, 0), size), min(max(stop, 0), size))

    return span(box.top, box.bottom), span(box.left, box.right)


def outline_mask(outline: Outline, box: Box, rows: slice, columns: slice, size: int) -> np.ndarray:
    """Which of the pixels `rows` x `columns` lie inside the outline that fills `box`: booleans (rows, columns).

    >>> outline_mask(Outline.TRIANGLE, Box(0, 0, 1, 1), slice(0, 2), slice(0, 4), 4).astype(int).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0]]
    """
    # v runs from 0 at the box's top to 1 at its bottom, u from -1 at its left to 1 at its right.
    v = ((np.arange(rows.start, rows.stop) + 0.5) / size - box.top)[:, None] / box.height
    u = ((np.arange(columns.start, columns.stop) + 0.5) / size - box.middle)[None, :] / (box.width / 2)
    v = np.clip(v, 0.0, 1.0)
    if outline is Outline.ARCH:
        rise = min(0.5 * box.width / box.height, 0.45)  # half a circle, unless the opening is too wide for one
        return (v >= rise) | (u**2 + ((v - rise) / rise) ** 2 <= 1)
    if outline is Outline.TRIANGLE:
        return np.abs(u) <= v
    if outline is Outline.STEPS:
        return np.abs(u) <= np.ceil(v * STEPS_IN_GABLE) / STEPS_IN_GABLE
    if outline is Outline.CURVE:
        return np.abs(u) <= np.sqrt(v)
    return np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)


def paint_labels(layout: Layout, size: int) -> np.ndarray:
    """The class of every pixel: uint8, shape (size, size), values of `Part`.

    >>> paint_labels(facade_layout(7), 64).shape
    (64, 64)
    """
    labels = np.full((size, size), Part.BACKGROUND, np.uint8)
    for element in layout.elements:
        rows, columns = to_slices(element.box, size)
        mask = outline_mask(element.outline, element.box, rows, columns, size)
        if min(mask.shape, default=0) < 3:
            mask = np.ones_like(mask)  # too few pixels to show an outline
        labels[rows, columns][mask] = element.part
    return labels
