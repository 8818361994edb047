"""Photos turned into pairs: colourise, inpaint, edges to photo. The target is the photo, the source is made from it.

No pairs need to be collected for these tasks: any folder of photos will do. Without one, seven everyday photos are
taken that come with scikit-image and scikit-learn; they show how it works, and are far too few to learn colours from.

From each photo several squares are cut. Squares of one photo share their light, their colours and often their things,
so all of them, and those of copies of the photo, stay on one side of the split.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.pairs.core import About, Pairs, Split, split_families
from pix2pix_edu.pairs.pictures import Unreadable, is_picture, read_picture
from pix2pix_edu.paths import in_home
from pix2pix_edu.progress import progress

# package -> its photos of things that a camera sees. scikit-image has more colour pictures (a retina, tissue under a
# microscope, galaxies, the motorcycle a second time from the right): each is a world of its own, or no new photo.
SHIPPED = {
    "skimage": [
        "data/astronaut.png",
        "data/chelsea.png",
        "data/coffee.png",
        "data/motorcycle_left.png",
        "data/rocket.jpg",
    ],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
}
PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}

VARIANTS = {"colourise": ("rgb", "lab"), "inpaint": ("mixed", "blocks", "strokes"), "edges": ("canny", "sobel")}
FEWEST_PHOTOS = 3  # one for each split
FEW_PHOTOS = 50  # fewer are learnt by heart
ABOUT_PAIRS = 400  # how many squares are cut in all, unless the caller says how many from each photo
SMALLEST_CUT = 0.4  # of the photo's shorter side
LISTED = 5  # files that an error names

THUMBNAIL = 16  # pixels; photos are compared at this size
COPY = 8.0  # root mean square between two thumbnails, from 0 to 255, below which one photo is a copy of the other
GREY_BELOW = 3.0  # mean distance between the largest and the smallest channel, from 0 to 255

LIGHTNESS_SCALE = 255 / 100  # L* runs from 0 to 100
COLOUR_SCALE = 1.15  # a* and b* run from -108 to 99 within sRGB: this fills a byte
COLOUR_ZERO = 128

HOLE_GREY = 128
HOLE_SHARES = (0.05, 0.25)  # of the picture
SOBEL_WHITE = 0.03  # lines fainter than this are taken for noise in a picture that has no others


@dataclass(frozen=True)
class _Cuts:
    """The squares of one photo: uint8 (crops, size, size, 3), and a thumbnail to know its copies by."""

    squares: np.ndarray
    thumbnail: np.ndarray
    fingerprint: bytes
    notes: tuple[str, ...]


def load_photos(
    image_size: int,
    seed: int,
    task: str = "colourise",
    variant: str | None = None,
    folder: str | os.PathLike | None = None,
    crops: int | None = None,
    limit: int | None = None,
) -> Pairs:
    """Cut squares from photos, and make the source of each as the task wants it.

    | task | variant | source | target |
    |---|---|---|---|
    | colourise | rgb (default) | lightness, 1 channel | RGB |
    | colourise | lab | lightness, 1 channel | the two colour channels of Lab, see `lab_to_rgb` |
    | inpaint | mixed (default), blocks, strokes | RGB with grey holes, and the holes as 4th channel | RGB |
    | edges | canny (default), sobel | dark lines on white, 1 channel | RGB |

    For inpaint train with `fills_holes=True`: the network then learns the holes, and nothing that it was given.

    Args:
        image_size: pixels; a power of two from 32 to 512.
        seed: chooses the split, the squares, and the holes.
        task: "colourise", "inpaint" or "edges".
        variant: see the table.
        folder: your photos; sub-folders are searched, and nothing is changed. Default: seven photos that come with
            scikit-image and scikit-learn.
        crops: squares from each photo: the first is the largest in the middle, the others lie anywhere and are at
            least 0.4 of the photo's shorter side. Default: as many as make about 400 in all.
        limit: at most this many photos, chosen at random.

    Returns:
        Pairs. A tenth of the photos (at least one) validates, and as many are the test.

    Raises:
        UsageError: a task, a variant or a number that does not work.
        DataError: photos that are missing, unreadable, too small, too few, or without colour where it is to be learnt.
    """
    variant = _check(task, variant, crops, limit)
    root, files = _shipped_photos() if folder is None else _photos_in(Path(folder), limit, seed)
    crops = max(1, round(ABOUT_PAIRS / len(files))) if crops is None else crops
    cuts = _cut_all(root, files, image_size, seed, crops, colours=task == "colourise")
    sides = split_families(_families(cuts), seed)
    missing = [side for side in ("train", "val", "test") if side not in sides]
    if missing:
        raise DataError(
            f"{root} has too few different photos: none is left for {' and '.join(missing)} (copies of a photo stay on "
            "one side). Add photos."
        )
    names = [path.stem if folder is None else path.relative_to(root).with_suffix("").as_posix() for path in files]

    def part(side: str) -> Split:
        rows = np.flatnonzero(sides == side)
        squares = np.concatenate([cuts[row].squares for row in rows])
        sources, targets = _MAKERS[task](squares, variant, [(seed, int(row)) for row in rows for _ in range(crops)])
        return Split(sources, targets, [_name(names[row], cut, crops) for row in rows for cut in range(crops)])

    about = _about(task, variant, root, shipped=folder is None)
    report = _remarks(cuts, crops)
    return Pairs("photos", part("train"), part("val"), part("test"), about=about, report=report)


def _check(task: str, variant: str | None, crops: int | None, limit: int | None) -> str:
    if task not in VARIANTS:
        raise UsageError(f"task={task!r} does not exist. {nearest(str(task), list(VARIANTS))}")
    variant = VARIANTS[task][0] if variant is None else variant
    if variant not in VARIANTS[task]:
        raise UsageError(
            f"variant={variant!r} does not exist for {task}. {nearest(str(variant), list(VARIANTS[task]))}"
        )
    if crops is not None and (isinstance(crops, bool) or not isinstance(crops, int) or crops < 1):
        raise UsageError(f"crops={crops!r} does not work: cut at least one square from each photo.")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < FEWEST_PHOTOS):
        raise UsageError(f"limit={limit!r} does not work: keep at least {FEWEST_PHOTOS} photos.")
    return variant


def _name(photo: str, cut: int, crops: int) -> str:
    return photo if crops == 1 else f"{photo} {cut:02d}"


def _about(task: str, variant: str, root: Path, shipped: bool) -> About:
    sources = {"colourise": "lightness", "inpaint": "photo with holes", "edges": "lines of a photo"}
    credit = (
        "astronaut: NASA; chelsea: S. van der Walt; coffee: R. Michetti; motorcycle: D. Scharstein and others "
        "(Middlebury); rocket: SpaceX; china: danielbuechele (CC BY 2.0); flower: vultilion (CC BY 2.0)"
    )
    return About(
        title="Photos that come with scikit-image and scikit-learn" if shipped else f"Photos in {root.name}",
        source=sources[task],
        target="colours in Lab" if variant == "lab" else "photo",
        licence="free; china and flower are CC BY 2.0" if shipped else "",
        credit=credit if shipped else "",
        url="https://scikit-image.org/docs/stable/api/skimage.data.html" if shipped else str(root),
    )


# --- Finding and cutting ----------------------------------------------------------------------------------------------


def _shipped_photos() -> tuple[Path, list[Path]]:
    """The photos that come with two packages of the course; nothing is downloaded."""
    files = []
    for module, names in SHIPPED.items():
        spec = importlib.util.find_spec(module)
        home = Path(spec.origin).parent if spec and spec.origin else Path(module)
        files += [home / name for name in names]
    if absent := [path.name for path in files if not path.is_file()]:
        raise DataError(
            f"This version of {' or '.join(PACKAGES.values())} lacks photos that it used to have: {', '.join(absent)}. "
            "Give a folder of your own: load_pairs('photos', folder=...)."
        )
    return Path(os.path.commonpath(files)), files


def _photos_in(folder: Path, limit: int | None, seed: int) -> tuple[Path, list[Path]]:
    """All pictures below a folder, in order."""
    root = in_home(folder).absolute()
    if not root.is_dir():
        around = sorted(child.name for child in root.parent.iterdir() if child.is_dir()) if root.parent.is_dir() else []
        hint = nearest(root.name, around[:20]) if around else "Check the path."
        raise DataError(f"There is no folder {root}. {hint}")
    files = sorted(path for path in root.rglob("*") if path.is_file() and is_picture(path))
    if len(files) < FEWEST_PHOTOS:
        raise DataError(
            f"{root} has {len(files)} {'photo' if len(files) == 1 else 'photos'}, but at least {FEWEST_PHOTOS} are "
            "needed: to learn from, to choose the best checkpoint by, and to test. Some hundreds make a good start. "
            "Photos end with .png, .jpg, .webp, .bmp, .tif or .gif."
        )
    if limit is not None and len(files) > limit:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(files))[:limit])
        files = [files[index] for index in chosen]
    return root, files


def _cut_all(root: Path, files: list[Path], image_size: int, seed: int, crops: int, colours: bool) -> list[_Cuts]:
    """Read every photo once, and collect every problem before complaining."""
    cuts, problems = [], []
    for row, path in enumerate(progress(files, description="Cutting photos")):
        try:
            picture, notes = read_picture(path)
            cuts.append(_cut(picture, np.random.default_rng((seed, row)), image_size, crops, colours, tuple(notes)))
        except Unreadable as problem:
            problems.append(f"{path.relative_to(root)} ({problem})")
    if problems:
        more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise DataError(
            f"{len(problems)} of {len(files)} photos in {root} cannot be used: {', '.join(problems[:LISTED])}{more}. "
            "Repair these files, or remove them, and try again."
        )
    return cuts


def _cut(
    photo: Image.Image, rng: np.random.Generator, image_size: int, crops: int, colours: bool, notes: tuple[str, ...]
) -> _Cuts:
    """The squares of one photo: the largest in the middle, then others at random."""
    shorter = min(photo.size)
    if shorter < image_size:
        raise Unreadable(f"is {photo.width} x {photo.height}: smaller than {image_size} px")
    thumbnail = np.asarray(photo.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))
    if colours and np.ptp(np.asarray(photo.reduce(max(1, shorter // 64))), axis=-1).mean() < GREY_BELOW:
        raise Unreadable("is grey: there are no colours to learn")
    squares = np.empty((crops, image_size, image_size, 3), np.uint8)
    for row in range(crops):
        side = (
            shorter if row == 0 else int(rng.integers(min(shorter, max(image_size, _round_up(shorter))), shorter + 1))
        )
        room = np.array(photo.size) - side
        left, top = (room // 2 if row == 0 else rng.integers(0, room + 1)).tolist()
        box = (left, top, left + side, top + side)
        squares[row] = np.asarray(photo.resize((image_size, image_size), Image.Resampling.LANCZOS, box=box))
    return _Cuts(squares, thumbnail, hashlib.blake2b(photo.tobytes(), digest_size=16).digest(), notes)


def _round_up(shorter: int) -> int:
    return int(np.ceil(SMALLEST_CUT * shorter))


def _families(cuts: list[_Cuts]) -> np.ndarray:
    """Number the photos so that copies of a photo, also at another size or quality, have the same number."""
    from scipy.sparse.csgraph import connected_components

    small = np.stack([cut.thumbnail for cut in cuts]).reshape(len(cuts), -1).astype(np.float64)
    lengths = (small**2).sum(axis=1)
    distances = lengths[:, None] + lengths[None, :] - 2 * small @ small.T
    alike = distances < COPY**2 * small.shape[1]
    prints = np.array([cut.fingerprint for cut in cuts])
    alike |= prints[:, None] == prints[None, :]
    return connected_components(alike, directed=False)[1]


def _remarks(cuts: list[_Cuts], crops: int) -> list[str]:
    """What is worth knowing about the photos."""
    counts: dict[str, int] = {}
    for note in (note for cut in cuts for note in set(cut.notes)):
        counts[note] = counts.get(note, 0) + 1
    remarks = [f"{count} of {len(cuts)} photos {note}." for note, count in counts.items()]
    copies = len(cuts) - len(set(_families(cuts)))
    if copies:
        remarks.append(f"{copies} photos are copies of others, and stay on their side of the split.")
    if crops > 1:
        remarks.append(f"{crops} squares were cut from each of {len(cuts)} photos.")
    if len(cuts) < FEW_PHOTOS:
        remarks.append(f"{len(cuts)} photos are few: expect a network that learns them by heart.")
    return remarks


# --- Colour: Lab in bytes ---------------------------------------------------------------------------------------------


def rgb_to_lab(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take pictures apart into lightness and colour (CIE L*a*b*, D65), each in bytes.

    Args:
        pictures: uint8, shape (..., 3), RGB.

    Returns:
        Lightness, uint8 (..., 1): 0 is black, 255 white. Colour, uint8 (..., 2): green to red and blue to yellow, both
        128 where there is none.

    Raises:
        UsageError: not uint8 with three channels.

    >>> lightness, colour = rgb_to_lab(np.array([[255, 255, 255], [255, 0, 0]], np.uint8))
    >>> lightness.tolist(), colour.tolist()
    ([[255], [136]], [[128, 128], [220, 205]])
    """
    from skimage.color import rgb2lab

    _check_bytes("rgb_to_lab", pictures, 3)
    lab = rgb2lab(pictures)
    lightness = np.rint(lab[..., :1] * LIGHTNESS_SCALE)
    colour = np.rint(lab[..., 1:] * COLOUR_SCALE) + COLOUR_ZERO
    return lightness.clip(0, 255).astype(np.uint8), colour.clip(0, 255).astype(np.uint8)


def lab_to_rgb(lightness: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Put lightness and colour together again: what a network paints in Lab, as a picture.

    Bytes are coarse: going there and back changes a value by 0.6 of 255 on average over all colours, and by at most 24
    (a bright turquoise); in the photos that come with the course by 0.3, and by at most 8. Colours that no screen can
    show become the nearest that it can.

    Args:
        lightness: uint8, shape (..., 1), as from `rgb_to_lab`.
        colour: uint8, shape (..., 2), likewise.

    Returns:
        uint8, shape (..., 3), RGB.

    Raises:
        UsageError: other types or shapes.

    >>> lab_to_rgb(*rgb_to_lab(np.array([[[200, 30, 60]]], np.uint8))).tolist()
    [[[200, 29, 60]]]
    """
    from skimage.color import lab2rgb

    _check_bytes("lab_to_rgb: lightness", lightness, 1)
    _check_bytes("lab_to_rgb: colour", colour, 2)
    if lightness.shape[:-1] != colour.shape[:-1]:
        raise UsageError(f"Lightness {lightness.shape} and colour {colour.shape} are not of the same pictures.")
    lab = np.concatenate(
        [lightness / LIGHTNESS_SCALE, (colour.astype(np.float64) - COLOUR_ZERO) / COLOUR_SCALE], axis=-1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of colours that no screen can show: they are clipped
        return np.rint(lab2rgb(lab) * 255).clip(0, 255).astype(np.uint8)


def in_rgb(split: Split) -> Split:
    """Pairs in Lab as people see them, for `show_pairs`: the lightness, and the picture that it makes with its colours.

    >>> grey = Split(np.full((1, 8, 8, 1), 255, np.uint8), np.full((1, 8, 8, 2), 128, np.uint8))
    >>> in_rgb(grey).targets[0, 0, 0].tolist()
    [255, 255, 255]
    """
    return Split(split.sources, lab_to_rgb(split.sources, split.targets), split.names, split.labels)


def _check_bytes(who: str, pictures: np.ndarray, channels: int) -> None:
    if not isinstance(pictures, np.ndarray) or pictures.dtype != np.uint8 or pictures.shape[-1:] != (channels,):
        found = f"{pictures.dtype} {pictures.shape}" if isinstance(pictures, np.ndarray) else type(pictures).__name__
        raise UsageError(f"{who} takes uint8 with {channels} channel(s) on the last axis, not {found}.")


# --- Holes ------------------------------------------------------------------------------------------------------------


def random_hole(image_size: int, rng: np.random.Generator, kind: str = "mixed") -> np.ndarray:
    """A hole to be filled: a few blocks, or a few strokes as of a brush; 5 to 25 % of the picture.

    Args:
        image_size: height and width in pixels.
        rng: where the randomness comes from.
        kind: "blocks", "strokes", or "mixed", which tosses a coin.

    Returns:
        uint8, shape (image_size, image_size, 1): 255 in the hole, 0 elsewhere.

    >>> hole = random_hole(64, np.random.default_rng(0))
    >>> hole.shape, bool(0.05 < hole.mean() / 255 < 0.25)
    ((64, 64, 1), True)
    """
    if kind == "mixed":
        kind = "blocks" if rng.random() < 0.5 else "strokes"
    while True:
        page = Image.new("L", (image_size, image_size), 0)
        draw = _blocks if kind == "blocks" else _strokes
        draw(ImageDraw.Draw(page), image_size, rng)
        hole = np.asarray(page)[..., None]
        if HOLE_SHARES[0] < hole.mean() / 255 < HOLE_SHARES[1]:
            return hole


def _blocks(page: ImageDraw.ImageDraw, image_size: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 5)):
        width, height = rng.uniform(0.12, 0.3, 2) * image_size
        left, top = rng.uniform(0, 1, 2) * (image_size - np.array([width, height]))
        page.rectangle((left, top, left + width, top + height), fill=255)


def _strokes(page: ImageDraw.ImageDraw, image_size: int, rng: np.random.Generator) -> None:
    """Brush strokes that wander: each bend turns a little from the one before."""
    for _ in range(rng.integers(2, 5)):
        width = rng.uniform(0.05, 0.1) * image_size
        place, angle = rng.uniform(0.1, 0.9, 2) * image_size, rng.uniform(0, 2 * np.pi)
        points = [tuple(place)]
        for _ in range(rng.integers(3, 7)):
            angle += rng.normal(0, 0.7)
            place = place + rng.uniform(0.1, 0.2) * image_size * np.array([np.cos(angle), np.sin(angle)])
            points.append(tuple(place))
        page.line(points, fill=255, width=max(1, round(width)), joint="curve")
        for x, y in points:
            page.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)


def cut_holes(pictures: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Pictures with holes in them, as the network of the inpaint task sees them.

    Args:
        pictures: uint8, shape (..., H, W, 3).
        holes: uint8, shape (..., H, W, 1), 255 in the hole.

    Returns:
        uint8, shape (..., H, W, 4): the picture, grey in the hole; and the hole.

    >>> cut_holes(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 1), 255, np.uint8))[0, 0].tolist()
    [128, 128, 128, 255]
    """
    _check_bytes("cut_holes: pictures", pictures, 3)
    _check_bytes("cut_holes: holes", holes, 1)
    return np.concatenate([np.where(holes > 127, np.uint8(HOLE_GREY), pictures), holes], axis=-1)


def fill_holes(sources: np.ndarray, translated: np.ndarray) -> np.ndarray:
    """Take what a network has painted inside the holes, and the photo everywhere else: only the hole is judged.

    Args:
        sources: uint8, shape (..., H, W, 4), as from `cut_holes`.
        translated: uint8, shape (..., H, W, 3).

    Returns:
        uint8, shape (..., H, W, 3).

    Raises:
        UsageError: other types or shapes.

    >>> source = cut_holes(np.zeros((1, 2, 3), np.uint8), np.array([[[255], [0]]], np.uint8))
    >>> fill_holes(source, np.full((1, 2, 3), 9, np.uint8)).tolist()
    [[[9, 9, 9], [0, 0, 0]]]
    """
    _check_bytes("fill_holes: sources", sources, 4)
    _check_bytes("fill_holes: translated", translated, 3)
    if sources.shape[:-1] != translated.shape[:-1]:
        raise UsageError(f"Sources {sources.shape} and translated {translated.shape} are not of the same pictures.")
    return np.where(sources[..., 3:] > 127, translated, sources[..., :3])


# --- The three tasks: squares in, sources and targets out -------------------------------------------------------------

Numbers = list[tuple[int, int]]  # for each square: the seed, and the number of its photo


def _colourise(squares: np.ndarray, variant: str, numbers: Numbers) -> tuple[np.ndarray, np.ndarray]:
    lightness, colour = rgb_to_lab(squares)
    return lightness, colour if variant == "lab" else squares


def _inpaint(squares: np.ndarray, variant: str, numbers: Numbers) -> tuple[np.ndarray, np.ndarray]:
    size = squares.shape[1]
    holes = [random_hole(size, np.random.default_rng((*number, row)), variant) for row, number in enumerate(numbers)]
    return cut_holes(squares, np.stack(holes)), squares


def _edges(squares: np.ndarray, variant: str, numbers: Numbers) -> tuple[np.ndarray, np.ndarray]:
    draw = canny_lines if variant == "canny" else sobel_lines
    return np.stack([draw(square) for square in progress(squares, description="Drawing lines")]), squares


_MAKERS: dict[str, Callable[[np.ndarray, str, Numbers], tuple[np.ndarray, np.ndarray]]] = {
    "colourise": _colourise,
    "inpaint": _inpaint,
    "edges": _edges,
}


def canny_lines(picture: np.ndarray) -> np.ndarray:
    """The outlines of a picture, one pixel wide: where its brightness changes most (Canny).

    Args:
        picture: uint8, shape (H, W, 3).

    Returns:
        uint8, shape (H, W, 1): 0 on a line, 255 elsewhere.

    >>> square = np.zeros((32, 32, 3), np.uint8); square[8:24, 8:24] = 255
    >>> int((canny_lines(square) == 0).sum())
    72
    """
    from skimage.color import rgb2gray
    from skimage.feature import canny

    sigma = max(1.0, picture.shape[0] / 128)  # the same things outlined at every size
    lines = canny(rgb2gray(picture), sigma=sigma, low_threshold=0.05, high_threshold=0.15)
    return np.where(lines, np.uint8(0), np.uint8(255))[..., None]


def sobel_lines(picture: np.ndarray) -> np.ndarray:
    """How much the brightness changes at each pixel, as pencil on paper: dark where it changes most (Sobel).

    Args:
        picture: uint8, shape (H, W, 3).

    Returns:
        uint8, shape (H, W, 1): 255 where nothing changes.

    >>> square = np.zeros((32, 32, 3), np.uint8); square[8:24, 8:24] = 255
    >>> lines = sobel_lines(square)
    >>> int(lines[0, 0, 0]), int(lines.min())
    (255, 0)
    """
    from skimage.color import rgb2gray
    from skimage.filters import sobel

    change = sobel(rgb2gray(picture))
    darkest = max(float(np.quantile(change, 0.98)), SOBEL_WHITE)
    return np.rint(255 * (1 - np.minimum(change / darkest, 1.0))).astype(np.uint8)[..., None]
