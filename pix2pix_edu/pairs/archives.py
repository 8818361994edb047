"""The data sets of the paper, as its authors published them: archives of JPEGs that show both pictures side by side.

Nothing is fetched before you ask for it. The authors' server gives no check sums, so ours cannot be compared with
theirs: the SHA-256 of what arrived is written into `pairs.report`, and one that you trust can be passed and is checked.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pix2pix_edu.errors import DataError, DownloadError, UsageError
from pix2pix_edu.pairs.core import About, Pairs
from pix2pix_edu.pairs.download import download, is_archive, read_marker, unpack
from pix2pix_edu.pairs.folder import load_folder
from pix2pix_edu.paths import cache_dir, in_home

HOST = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
PAPER = (
    "P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros: Image-to-Image Translation with Conditional Adversarial Networks, "
    "CVPR 2017"
)


@dataclass(frozen=True)
class Archive:
    """One published archive.

    Args:
        file: its name on the server, without ".tar.gz".
        megabytes: about how large it is.
        counts: how many pairs its folders hold, as published.
        left: what the left half of each file shows: A.
        right: what the right half shows: B.
        direction: the one that the paper trained.
        credit: whose pictures these are, and the terms.
    """

    file: str
    megabytes: int
    counts: dict[str, int]
    left: str
    right: str
    direction: str
    credit: str

    @property
    def url(self) -> str:
        """Where it is published."""
        return f"{HOST}/{self.file}.tar.gz"


ARCHIVES = {
    "facades-cmp": Archive(
        "facades",
        29,
        {"train": 400, "val": 100, "test": 106},
        "photo of a house front",
        "label map",
        "BtoA",
        "CMP facade database, R. Tylecek and R. Sara, 2013",
    ),
    "maps": Archive(
        "maps",
        239,
        {"train": 1096, "val": 1098},
        "aerial photo",
        "map",
        "AtoB",
        "Google Maps, around New York City; for research only",
    ),
    "cityscapes": Archive(
        "cityscapes",
        99,
        {"train": 2975, "val": 500},
        "photo of a street",
        "label map",
        "BtoA",
        "Cityscapes, M. Cordts and others, CVPR 2016; not for commercial use",
    ),
    "edges2shoes": Archive(
        "edges2shoes",
        2000,
        {"train": 49825, "val": 200},
        "edges",
        "photo of a shoe",
        "AtoB",
        "UT Zappos50K, A. Yu and K. Grauman, CVPR 2014; for research only",
    ),
    "edges2handbags": Archive(
        "edges2handbags",
        8000,
        {"train": 138567, "val": 200},
        "edges",
        "photo of a handbag",
        "AtoB",
        "Amazon handbags, collected by J.-Y. Zhu and others, ECCV 2016; for research only",
    ),
    "night2day": Archive(
        "night2day",
        1900,
        {"train": 17823, "val": 10, "test": 2287},
        "photo by night",
        "photo by day",
        "BtoA",
        "Transient Attributes, P.-Y. Laffont and others, SIGGRAPH 2014",
    ),
}


def load_archive(
    image_size: int,
    seed: int,
    name: str,
    archive: str | os.PathLike | None = None,
    folder: str | os.PathLike | None = None,
    sha256: str | None = None,
    resize: str = "crop",
    limit: int | None = None,
) -> Pairs:
    """Load a data set of the paper: from the cache, an archive or folder of yours, or the authors' server.

    `pairs.train` is the published training set. Where only one more folder is published, a seeded quarter of it becomes
    `pairs.val` and the rest `pairs.test`.

    Args:
        image_size: pixels; a power of two from 32 to 512.
        seed: chooses what is validation and what `limit` keeps.
        name: one of `ARCHIVES`.
        archive: a .tar.gz that you already have, instead of the download.
        folder: an unpacked archive, instead of the download.
        sha256: the check sum that the archive must have. The authors publish none.
        resize: see `load_folder`.
        limit: at most so many pairs in each split. Pairs are held in memory: 50,000 of them take 1.2 GB at 64 px and
            20 GB at 256 px.

    Raises:
        DownloadError: the archive cannot be fetched, is damaged or unsafe, or has another check sum.
        DataError: its pictures cannot be used.
    """
    published = ARCHIVES[name]
    if archive is not None and folder is not None:
        raise UsageError("Pass archive= or folder=, not both: only one of them can be read.")
    root = in_home(folder) if folder is not None else _unpacked(name, published, archive, sha256)
    pairs = load_folder(image_size, seed, root, resize, limit)
    about = About(
        title=f"{name}, as published with the paper",
        source=published.left,
        target=published.right,
        licence="set by the owners of the pictures",
        credit=published.credit,
        citation=PAPER,
        url=published.url,
    )
    report = [*pairs.report, *_provenance(root, published, pairs, limit)]
    return replace(pairs, name=name, about=about, report=report).towards(published.direction)


def load_path(
    image_size: int, seed: int, path: str | os.PathLike, resize: str = "crop", limit: int | None = None
) -> Pairs:
    """Load pairs of your own from a folder, or from an archive of one (.tar.gz, .zip and the like).

    Args:
        image_size: pixels; a power of two from 32 to 512.
        seed: chooses the split.
        path: the folder or archive.
        resize: see `load_folder`.
        limit: see `load_folder`.
    """
    path = in_home(path)
    if not (is_archive(path) and os.path.isfile(path)):  # unlike Path's own it is silent on names too long
        return load_folder(image_size, seed, path, resize, limit)
    pairs = load_folder(image_size, seed, unpack(path, _own_folder(path)), resize, limit)
    return replace(pairs, about=replace(pairs.about, title=f"Pictures in {path.name}", url=str(path)))


def _unpacked(name: str, published: Archive, archive: str | os.PathLike | None, sha256: str | None) -> Path:
    """The folder that an archive was unpacked to, now or earlier."""
    if archive is not None:
        path = in_home(archive)
        if not os.path.isfile(path):
            raise DataError(f"There is no archive {path}. Check the path, or leave archive= out to download {name}.")
        return unpack(path, _own_folder(path), sha256)

    folder = cache_dir("archives", name)
    known = read_marker(folder)
    if known and sha256 in (None, known["sha256"]):
        return folder
    path = cache_dir("archives", f"{name}.tar.gz")
    try:
        download(published.url, path)
    except DownloadError as error:
        raise DownloadError(
            f"{error} Without a network, fetch that file ({published.megabytes} MB) on another machine and pass it: "
            f"load_pairs({name!r}, archive='{published.file}.tar.gz'), or pass an unpacked folder with folder=. The "
            "data sets emoji and facades need no network."
        ) from error
    unpack(path, folder, sha256)
    path.unlink(missing_ok=True)  # it has served its purpose, and may be large
    return folder


def _own_folder(archive: Path) -> Path:
    """Where in the cache an archive of the user's is unpacked; another one as soon as the archive changes."""
    facts = archive.stat()
    identity = f"{archive.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    stem = archive.name.split(".")[0]
    return cache_dir("archives", f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}")


def _provenance(root: Path, published: Archive, pairs: Pairs, limit: int | None) -> list[str]:
    """What the archive was, and whether it has as many pairs as were published."""
    remarks = []
    marker = read_marker(root)
    if marker:
        remarks.append(f"The SHA-256 of {marker['archive']} is {marker['sha256']}.")
    total, expected = sum(map(len, (pairs.train, pairs.val, pairs.test))), sum(published.counts.values())
    if limit is None and total != expected:
        remarks.append(f"There are {total:,} pairs; the authors published {expected:,}.")
    return remarks
