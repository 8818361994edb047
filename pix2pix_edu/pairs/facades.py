"""Label map to house front: pairs that are drawn, not photographed, so that everything about them is known.

The task is the paper's facades task, in the colours of the CMP facade database; the houses are made by a program. That
gives what no photographs can: as many pairs as you like, the true class of every pixel, and *several right answers* to
the same question, because a layout can be painted again in another look.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.pairs.cache import cached
from pix2pix_edu.pairs.core import About, Pairs, Split, check_seed
from pix2pix_edu.pairs.facades_layout import Part, facade_layout, paint_labels
from pix2pix_edu.pairs.facades_render import THEMES, paint_facade
from pix2pix_edu.progress import progress

FORMAT = 1  # raise it when the houses change, so that old caches are not used

CLASSES = tuple(part.name.lower() for part in Part)
PALETTE = np.array(
    [
        (0, 0, 170),  # background
        (0, 0, 255),  # facade
        (0, 85, 255),  # window
        (0, 170, 255),  # door
        (0, 255, 255),  # cornice
        (85, 255, 170),  # sill
        (170, 255, 85),  # balcony
        (255, 255, 0),  # blind
        (255, 170, 0),  # deco
        (255, 85, 0),  # molding
        (255, 0, 0),  # pillar
        (170, 0, 0),  # shop
    ],
    np.uint8,
)

# Houses are numbered. Each split has a million numbers of its own, and each seed has its own three millions.
HOUSES_PER_SPLIT = 1_000_000
SPLITS = ("train", "val", "test")

BLUEPRINT_PAPER, BLUEPRINT_GRID, BLUEPRINT_INK = (28, 66, 140), (46, 88, 162), (236, 242, 255)
BLUEPRINT_CELLS = 16

SOURCES = {
    "labels": "label map of a house front",
    "night": "house front by day",
    "edges": "outlines of a house front",
    "blueprint": "blueprint of a house front",
}


def load_facades(
    image_size: int,
    seed: int,
    theme: str = "full",
    kind: str = "labels",
    look: int = 0,
    train: int = 400,
    val: int = 50,
    test: int = 100,
) -> Pairs:
    """Paint (or read from the cache) label maps and house fronts; no house is in two splits.

    Args:
        image_size: pixels; a power of two from 32 to 512. 128 shows every detail.
        seed: chooses the houses.
        theme: "full" has many wall colours, "simple" brick or cream.
        kind: "labels" to picture, "edges" to picture, "blueprint" to picture, or "night": day to night.
        look: which of its many pictures each house gets.
        train: number of pairs to learn from; a larger number keeps the first ones. At 128 px, 400 pairs take 46 MB.
        val: number of pairs for validation.
        test: number of pairs for the test.
    """
    _check_choice("theme", theme, list(THEMES))
    _check_choice("kind", kind, list(SOURCES))
    check_seed(look)
    splits = {}
    for number, (name, count) in enumerate(zip(SPLITS, (train, val, test), strict=True)):
        if not 0 < count <= HOUSES_PER_SPLIT:
            raise UsageError(f"{name}={count} does not work: ask for 1 to {HOUSES_PER_SPLIT} houses.")
        first = (seed * len(SPLITS) + number) * HOUSES_PER_SPLIT
        splits[name] = _street(range(first, first + count), image_size, theme, kind, look)
    about = About(
        title="House fronts, drawn by a program",
        source=SOURCES[kind],
        target="house front by night" if kind == "night" else "house front",
        licence="MIT, like the course",
        credit="pix2pix_edu; classes and colours of the labels as in the CMP facade database.",
        citation="R. Tylecek, R. Sara: Spatial Pattern Templates for Recognition of Objects with Regular Structure",
        url="https://cmp.felk.cvut.cz/~tylecr1/facade/",
    )
    return Pairs("facades", splits["train"], splits["val"], splits["test"], about=about)


def _street(houses: range, image_size: int, theme: str, kind: str, look: int) -> Split:
    """All these houses as a split; painted once, then cached."""
    key = {
        "format": FORMAT,
        "houses": [houses.start, houses.stop],
        "image_size": image_size,
        "theme": theme,
        "kind": kind,
        "look": look,
    }

    def build() -> dict[str, np.ndarray]:
        labels = np.empty((len(houses), image_size, image_size), np.uint8)
        sources = np.empty((len(houses), image_size, image_size, 3), np.uint8)
        targets = np.empty_like(sources)
        for row, house in enumerate(progress(houses, description=f"Painting houses at {image_size} px")):
            labels[row] = facade_labels(house, image_size)
            sources[row] = _SOURCE_PAINTERS[kind](house, image_size, theme, look)
            targets[row] = render_facade(house, image_size, look, night=kind == "night", theme=theme)
        return {"sources": sources, "targets": targets, "labels": labels}

    arrays = cached(f"facades-{image_size}", key, build)
    names = [f"house {house}" for house in houses]
    return Split(arrays["sources"], arrays["targets"], names, arrays["labels"])


def render_facade(
    seed: int, image_size: int = 128, look: int = 0, night: bool = False, theme: str = "full"
) -> np.ndarray:
    """A picture of house number `seed`.

    Args:
        seed: the number of the house; `facade_labels(seed, ...)` is its label map.
        image_size: height and width in pixels, a power of two.
        look: which of its many pictures: other colours, another sky, other curtains.
        night: the same look at night, with lit windows.
        theme: "full" or "simple".

    Returns:
        uint8, shape (image_size, image_size, 3).

    >>> render_facade(7, 64).shape, bool((render_facade(7, 64, look=1) == render_facade(7, 64)).all())
    ((64, 64, 3), False)
    """
    _check_choice("theme", theme, list(THEMES))
    return paint_facade(facade_layout(check_seed(seed)), seed, image_size, check_seed(look), night, THEMES[theme])


def facade_labels(seed: int, image_size: int = 128) -> np.ndarray:
    """The true class of each pixel of house number `seed`: uint8, shape (image_size, image_size), indices of `CLASSES`.

    >>> CLASSES[facade_labels(7, 64)[0, 0]]
    'background'
    """
    return paint_labels(facade_layout(check_seed(seed)), image_size)


def colour_labels(labels: np.ndarray) -> np.ndarray:
    """Label maps in the colours of the CMP facade database.

    Args:
        labels: uint8, any shape, values 0 to 11.

    Returns:
        uint8, the same shape with three colour channels.

    >>> colour_labels(np.array([0, 11], np.uint8)).tolist()
    [[0, 0, 170], [170, 0, 0]]
    """
    return PALETTE[labels]


def facade_edges(seed: int, image_size: int = 128) -> np.ndarray:
    """How much ink each pixel of the outlines of house number `seed` gets: float32, (image_size, image_size), 0 to 1.

    >>> facade_edges(7, 64).shape
    (64, 64)
    """
    fine = facade_labels(seed, 2 * image_size)
    edges = np.zeros(fine.shape, np.float32)
    edges[:, 1:] = fine[:, 1:] != fine[:, :-1]
    edges[1:] = np.maximum(edges[1:], fine[1:] != fine[:-1])
    coverage = edges.reshape(image_size, 2, image_size, 2).mean(axis=(1, 3))
    return np.minimum(coverage * 1.4, 1.0).astype(np.float32)


def _paint_edges(seed: int, image_size: int) -> np.ndarray:
    """Black outlines on white: uint8, (image_size, image_size, 3)."""
    paper = 255 * (1 - facade_edges(seed, image_size))
    return np.repeat(paper[..., None].round().astype(np.uint8), 3, axis=-1)


def _paint_blueprint(seed: int, image_size: int) -> np.ndarray:
    """White outlines on blue squared paper: uint8, (image_size, image_size, 3)."""
    paper = np.empty((image_size, image_size, 3), np.float32)
    paper[:] = BLUEPRINT_PAPER
    cell = max(4, image_size // BLUEPRINT_CELLS)
    paper[cell // 2 :: cell] = BLUEPRINT_GRID
    paper[:, cell // 2 :: cell] = BLUEPRINT_GRID
    ink = facade_edges(seed, image_size)[..., None]
    return (paper * (1 - ink) + np.asarray(BLUEPRINT_INK, np.float32) * ink).round().astype(np.uint8)


# How the source of each kind is painted: (house, image_size, theme, look) -> picture.
_SOURCE_PAINTERS: dict[str, Callable[[int, int, str, int], np.ndarray]] = {
    "labels": lambda house, size, theme, look: colour_labels(facade_labels(house, size)),
    "night": lambda house, size, theme, look: render_facade(house, size, look, theme=theme),
    "edges": lambda house, size, theme, look: _paint_edges(house, size),
    "blueprint": lambda house, size, theme, look: _paint_blueprint(house, size),
}


def _check_choice(argument: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        raise UsageError(f"{argument}={value!r} does not exist. {nearest(str(value), choices)}")
