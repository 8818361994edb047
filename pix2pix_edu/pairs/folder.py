"""Your own pairs: files that show both pictures side by side, or two folders whose names match.

Understood are, with `train`, `val` and `test` sub-folders or without:

    photos/1.jpg, photos/2.jpg ...                  both pictures in one file, A on the left and B on the right
    photos/A/1.jpg and photos/B/1.jpg ...           two folders, matched by the file's name without its ending
    photos/trainA/1.jpg and photos/trainB/1.jpg ...

Everything is read and checked when it is loaded, because a broken file should be found now and not in epoch 17.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.pairs.core import About, Pairs, Split, split_families
from pix2pix_edu.pairs.pictures import Unreadable, check_resize, is_picture, read_picture, to_square
from pix2pix_edu.paths import in_home
from pix2pix_edu.progress import progress

SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
FEWEST_PAIRS = 3  # one for each split
FEW_PAIRS = 50  # fewer are learnt by heart
SHARE_FOR_VALIDATION = 4  # of pictures held out in one folder only, every fourth validates and the rest test
SIDE_BY_SIDE_FROM = 1.2  # width by height below which a file cannot be two pictures side by side
MEMORY_LIMIT = 8 * 2**30  # bytes; more must be asked for, with limit=
BATCH = 64  # pairs that the threads read at a time
LISTED = 5  # files that an error names

SCALED = "show the two pictures of a pair at different sizes: both scaled"
ENLARGED = "are smaller than {size} px: enlarged"
NOT_SQUARE = {
    "crop": "are not square: cut to the middle (resize='fit' keeps everything)",
    "fit": "are not square: laid on a white square",
    "stretch": "are not square: stretched",
}


@dataclass(frozen=True)
class PairFiles:
    """Where one pair is: in one file side by side, or in two files."""

    name: str
    a: Path
    b: Path | None = None


def load_folder(
    image_size: int,
    seed: int,
    path: str | os.PathLike,
    resize: str = "crop",
    limit: int | None = None,
) -> Pairs:
    """Read and check the pairs in a folder.

    Without sub-folders, 10 % of the pairs go to validation and 10 % to the test; exact copies stay on one side. Where
    only one folder is held out (`val` or `test`), a quarter of it validates and the rest is the test.

    Args:
        image_size: pixels; a power of two from 32 to 512.
        seed: chooses the split, and which pairs `limit` keeps.
        path: the folder; its pictures stay as they are.
        resize: how pictures that are not square become square: "crop" keeps the middle, "fit" keeps everything on a
            white square, "stretch" distorts.
        limit: at most this many pairs in each split. All pairs are held in memory: N pairs take 6 * N * image_size²
            bytes, which is 4 GB for 10,000 pairs at 256 px.

    Returns:
        Pairs; `report` says what had to be done to the files.

    Raises:
        DataError: a folder that is missing or has no pairs, names that do not match, files that cannot be read, pairs
            that differ in shape, too few pairs.
    """
    check_resize(resize)
    if limit is not None and (not isinstance(limit, Integral) or limit < FEWEST_PAIRS):
        raise UsageError(f"limit={limit!r} does not work: keep at least {FEWEST_PAIRS} pairs.")
    path = in_home(path)
    try:
        root = _existing_folder(path)
        found = {split: _choose(files, limit, seed) for split, files in find_pairs(root).items()}
        _check_counts(root, found, image_size, limit)
        files = [pair for split in found for pair in found[split]]
        given = np.array([split for split in found for _ in found[split]])
        pictures, fingerprints, report = _read_all(root, files, image_size, resize)
        sides = _sides(root, given, fingerprints, seed)
        report += _remarks(files, given, fingerprints)
    except OSError as error:  # files that cannot be read have been collected; this is about folders
        raise DataError(
            f"{error.filename or path} cannot be read ({error.strerror or error}). Check its permissions and its name, "
            "or copy the pictures to a folder of your own."
        ) from error

    def part(side: str) -> Split:
        rows = np.flatnonzero(sides == side)
        return Split(pictures[0, rows], pictures[1, rows], [files[row].name for row in rows])

    about = About(title=f"Pictures in {root.name}", source="picture A", target="picture B", url=str(root))
    return Pairs("folder", part("train"), part("val"), part("test"), about=about, report=report)


# --- Finding ----------------------------------------------------------------------------------------------------------


def find_pairs(root: Path, around: frozenset[Path] = frozenset()) -> dict[str, list[PairFiles]]:
    """All pairs below a folder, by split; the key is "all" where the folder has no splits.

    Args:
        root: the folder.
        around: folders that were looked through on the way; a link that leads back to one of them is not followed.

    Raises:
        DataError: no pairs, or names that do not match.
    """
    splits = {}
    for split, names in SPLIT_FOLDERS.items():
        for name in names:
            pairs = (
                _pairs_in(_child(root, name))
                or _two_folders(_child(_child(root, "A"), name), _child(_child(root, "B"), name))
                or _two_folders(_child(root, f"{name}A"), _child(root, f"{name}B"))
            )
            if pairs:
                splits[split] = pairs
                break
    if splits:
        return splits
    if pairs := _pairs_in(root):
        return {"all": pairs}
    around |= {root.resolve(), *root.resolve().parents}
    inside = [
        child
        for child in root.iterdir()
        if child.is_dir() and not child.name.startswith(".") and child.resolve() not in around
    ]
    if len(inside) == 1:
        return find_pairs(inside[0], around)  # archives often hold one folder with everything in it
    raise DataError(
        f"There are no pairs in {root}. It should hold pictures that show A and B side by side, or two folders A and B "
        "with pictures of the same names; train, val and test sub-folders may lie around or inside them. Pictures end "
        "with .png, .jpg, .webp, .bmp, .tif or .gif."
    )


def _pairs_in(folder: Path | None) -> list[PairFiles]:
    """The pairs right inside a folder: from its sub-folders A and B, or else side by side."""
    if folder is None:
        return []
    return _two_folders(_child(folder, "A"), _child(folder, "B")) or _side_by_side(folder)


def _child(folder: Path | None, name: str) -> Path | None:
    """The sub-folder of that name, in capitals or not; None if there is none."""
    if folder is None:
        return None
    return next(
        (child for child in sorted(folder.iterdir()) if child.name.lower() == name.lower() and child.is_dir()), None
    )


def _side_by_side(folder: Path) -> list[PairFiles]:
    return [PairFiles(path.stem, path) for path in sorted(folder.iterdir()) if is_picture(path)]


def _two_folders(a: Path | None, b: Path | None) -> list[PairFiles]:
    """Match the pictures of two folders by name without ending; none if one of the folders is missing."""
    if a is None or b is None:
        return []
    in_a, in_b = _by_stem(a), _by_stem(b)
    only_a, only_b = sorted(in_a.keys() - in_b.keys()), sorted(in_b.keys() - in_a.keys())
    if only_a or only_b:
        parts = [
            f"{len(names)} only in {folder}: {_listed(names)}" for names, folder in ((only_a, a), (only_b, b)) if names
        ]
        raise DataError(
            f"The pictures of {a.name} and {b.name} do not match. Both pictures of a pair need the same name (endings "
            f"may differ), but there are {'; and '.join(parts)}. Rename or remove them."
        )
    return [PairFiles(stem, in_a[stem], in_b[stem]) for stem in sorted(in_a)]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without ending.

    Two spellings of one name, an é as one character or as e and an accent, count as one: macOS writes the latter.
    """
    paths = [path for path in sorted(folder.iterdir()) if is_picture(path)]
    twice = [stem for stem, count in Counter(_stem(path) for path in paths).items() if count > 1]
    if twice:
        raise DataError(
            f"In {folder} some names occur with two endings, so it is not clear which file to take: {_listed(twice)}. "
            "Keep one of each."
        )
    return {_stem(path): path for path in paths}


def _stem(path: Path) -> str:
    return unicodedata.normalize("NFC", path.stem)


def _existing_folder(path: Path) -> Path:
    """The folder, or an error that names what was perhaps meant."""
    path = path.absolute()
    if path.is_dir():
        return path.resolve()
    if path.exists():
        raise DataError(f"{path} is a file, but pairs are read from a folder (or from a .tar.gz or .zip archive).")
    around = path.parent.iterdir() if path.parent.is_dir() else []
    siblings = sorted(child.name for child in around if child.is_dir() and not child.name.startswith("."))
    hint = f" {nearest(path.name, siblings[:20])}" if siblings else " Check the path."
    raise DataError(f"There is no folder {path}.{hint}")


def _choose(files: list[PairFiles], limit: int | None, seed: int) -> list[PairFiles]:
    """At most `limit` of the pairs, chosen at random, in their old order."""
    if limit is None or len(files) <= limit:
        return files
    chosen = np.sort(np.random.default_rng(seed).permutation(len(files))[:limit])
    return [files[index] for index in chosen]


def _check_counts(root: Path, found: dict[str, list[PairFiles]], image_size: int, limit: int | None) -> None:
    """Stop early where there is too little to learn from, or too much to hold."""
    total = sum(map(len, found.values()))
    if total < FEWEST_PAIRS:
        raise DataError(
            f"{root} has {total} {'pair' if total == 1 else 'pairs'}, but at least {FEWEST_PAIRS} are needed: to learn "
            "from, to choose the best checkpoint by, and to test. Some hundreds make a good start."
        )
    if "train" not in found and "all" not in found:
        raise DataError(f"{root} has {' and '.join(found)} pictures but none to learn from: add a folder train.")
    pair_bytes = 2 * 3 * image_size**2
    if limit is None and total * pair_bytes > MEMORY_LIMIT:
        fits = MEMORY_LIMIT // pair_bytes
        raise UsageError(
            f"{root} has {total:,} pairs, which take {total * pair_bytes / 2**30:.0f} GB of memory at {image_size} px. "
            f"Pass limit={fits // 1000 * 1000 or fits} (or what your memory holds) to read only so many, or a smaller "
            "image_size."
        )


# --- Reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReadPair:
    """One pair as it was read: two squares, what had to be done, and a fingerprint of A that its copies share."""

    a: np.ndarray
    b: np.ndarray
    notes: list[str]
    fingerprint: str


def _read_all(
    root: Path, files: list[PairFiles], image_size: int, resize: str
) -> tuple[np.ndarray, list[str], list[str]]:
    """Read all pairs with a few threads, and collect every problem before complaining.

    Returns:
        uint8, shape (2, N, image_size, image_size, 3): all A, then all B; their fingerprints; and the report.
    """
    pictures = np.empty((2, len(files), image_size, image_size, 3), np.uint8)
    fingerprints: list[str] = []
    notes: Counter[str] = Counter()
    problems: list[str] = []

    def read(pair: PairFiles) -> ReadPair | Unreadable:
        try:
            return _read_pair(pair, image_size, resize)
        except Unreadable as problem:
            return problem

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        for first in progress(range(0, len(files), BATCH), description="Reading pictures"):
            batch = files[first : first + BATCH]
            for row, (pair, result) in enumerate(zip(batch, threads.map(read, batch), strict=True), start=first):
                if isinstance(result, Unreadable):
                    problems.append(f"{pair.a.relative_to(root)} ({result})")
                    continue
                pictures[0, row], pictures[1, row] = result.a, result.b
                fingerprints.append(result.fingerprint)
                notes.update(set(result.notes))
    if problems:
        raise DataError(
            f"{len(problems)} of {len(files)} pairs in {root} cannot be used: {_listed(problems)}. Repair these files, "
            "or remove them, and try again."
        )
    return pictures, fingerprints, [f"{count} of {len(files)} pairs {note}." for note, count in notes.most_common()]


def _read_pair(pair: PairFiles, image_size: int, resize: str) -> ReadPair:
    """Read both pictures of a pair and make them squares."""
    first, notes = read_picture(pair.a)
    if pair.b is None:
        first, second = _halves(first)
    else:
        try:
            second, more = read_picture(pair.b)
        except Unreadable as problem:
            raise Unreadable(f"its partner {pair.b.name} in {pair.b.parent.name} {problem}") from problem
        notes = notes + more + _compare(first.size, second.size)
    if first.width != first.height:
        notes.append(NOT_SQUARE[resize])
    if min(*first.size, *second.size) < image_size:
        notes.append(ENLARGED.format(size=image_size))
    fingerprint = hashlib.blake2b(first.tobytes(), digest_size=16).hexdigest()
    return ReadPair(to_square(first, image_size, resize), to_square(second, image_size, resize), notes, fingerprint)


def _halves(both: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The left and the right half of a picture that shows both."""
    width, height = both.size
    if width < SIDE_BY_SIDE_FROM * height:
        raise Unreadable(f"is {width} x {height}: too narrow for two pictures side by side")
    if width % 2:
        raise Unreadable(f"is {width} wide, an odd number: it cannot be halved")
    return both.crop((0, 0, width // 2, height)), both.crop((width // 2, 0, width, height))


def _compare(a: tuple[int, int], b: tuple[int, int]) -> list[str]:
    """Accept two sizes of the same shape; pictures of different shapes would not lie over each other."""
    if a == b:
        return []
    # The same shape up to one pixel of rounding.
    if abs(a[0] * b[1] - b[0] * a[1]) > max(*a, *b):
        raise Unreadable(f"A is {a[0]} x {a[1]} and B {b[0]} x {b[1]}: they cannot lie over each other")
    return [SCALED]


def _sides(root: Path, given: np.ndarray, fingerprints: list[str], seed: int) -> np.ndarray:
    """The split of each pair: as the folders say, and at random where they do not."""
    held_out = [split for split in ("val", "test") if split in given]
    if not held_out:
        first_seen: dict[str, int] = {}
        families = [first_seen.setdefault(fingerprint, len(first_seen)) for fingerprint in fingerprints]
        sides = split_families(np.array(families), seed)
    elif len(held_out) == 1:
        sides = given.copy()
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(given == held_out[0]))
        validating = max(1, len(rows) // SHARE_FOR_VALIDATION)
        sides[rows[:validating]], sides[rows[validating:]] = "val", "test"
    else:
        sides = given
    empty = [split for split in SPLIT_FOLDERS if split not in sides]
    if empty:
        raise DataError(
            f"{root} has too few different pairs: none is left for {' and '.join(empty)} (copies of a picture stay on "
            "one side). Add pairs."
        )
    return sides


def _remarks(files: list[PairFiles], given: np.ndarray, fingerprints: list[str]) -> list[str]:
    """What is worth knowing about the whole folder."""
    remarks = []
    if len(files) < FEW_PAIRS:
        remarks.append(f"{len(files)} pairs are few: expect a network that learns them by heart.")
    home: dict[str, str] = {}  # the split in which a picture was seen first
    leaking = sum(home.setdefault(copy, split) != split for copy, split in zip(fingerprints, given, strict=True))
    if leaking:
        remarks.append(f"{leaking} pictures lie in more than one of the split folders: they make the test too easy.")
    folders = {path.parent for pair in files for path in (pair.a, pair.b) if path}
    others = Counter(
        path.suffix or path.name
        for folder in folders
        for path in folder.iterdir()
        if path.is_file() and not is_picture(path) and not path.name.startswith(".")
    )
    if others:
        endings = ", ".join(f"{ending} ({count})" for ending, count in others.most_common())
        remarks.append(f"Files that are no pictures, or of a kind that cannot be read, were left out: {endings}.")
    return remarks


def _listed(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
