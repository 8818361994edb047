"""Photo pairs: squares of one photo on one side, colours that survive bytes, holes that are judged alone."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

import pix2pix_edu as p2p
from pix2pix_edu.cli import main
from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.figures import show_pairs
from pix2pix_edu.pairs import Pairs, load_pairs
from pix2pix_edu.pairs.photos import (
    SHIPPED,
    VARIANTS,
    canny_lines,
    cut_holes,
    fill_holes,
    in_rgb,
    lab_to_rgb,
    random_hole,
    rgb_to_lab,
    sobel_lines,
)

PARTS = ("train", "val", "test")
EVERY = [(task, variant) for task, variants in VARIANTS.items() for variant in variants]


def draw_photo(path: Path, number: int, size: tuple[int, int] = (90, 60), mode: str = "RGB") -> Path:
    """A made-up photo: colours that run across it, and a disc; no two numbers alike."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[: size[1], : size[0]] / 60
    corners = rng.uniform(0, 255, (3, 3))
    picture = corners[0] + x[..., None] * (corners[1] - corners[0]) / 2 + y[..., None] * (corners[2] - corners[0]) / 2
    cx, cy = rng.uniform(0.3, 0.7, 2)
    picture[(x - cx) ** 2 + (y - cy) ** 2 < 0.05] = rng.uniform(0, 255, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(10):
        draw_photo(tmp_path / "photos" / ("by_me" if number % 2 else "") / f"p{number}.png", number)
    return tmp_path / "photos"


def photos_of(pairs: Pairs) -> dict[str, set[str]]:
    return {part: {name.rsplit(" ", 1)[0] for name in getattr(pairs, part).names} for part in PARTS}


# --- The same for all tasks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "variant"), EVERY)
def test_every_task_makes_sources_from_the_same_squares(task, variant):
    pairs = load_pairs("photos", image_size=32, task=task, variant=variant, crops=3)
    channels = {"colourise": (1, 2 if variant == "lab" else 3), "inpaint": (4, 3), "edges": (1, 3)}[task]
    for part in PARTS:
        split = getattr(pairs, part)
        assert split.sources.dtype == split.targets.dtype == np.uint8
        assert split.sources.shape == (len(split), 32, 32, channels[0])
        assert split.targets.shape == (len(split), 32, 32, channels[1])
    plain = load_pairs("photos", image_size=32, crops=3)
    targets = in_rgb(pairs.train).targets if variant == "lab" else pairs.train.targets
    assert np.abs(targets.astype(int) - plain.train.targets).mean() < 1  # Lab in bytes is coarse
    assert pairs.train.names == plain.train.names
    default = load_pairs("photos", image_size=32, task=task, crops=3)
    if variant == VARIANTS[task][0]:
        np.testing.assert_array_equal(default.test.sources, pairs.test.sources)


def test_the_shipped_photos_are_seven_and_nothing_is_downloaded(monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("the network was asked"))
    pairs = load_pairs("photos", image_size=64)
    names = photos_of(pairs)
    assert set.union(*names.values()) == {Path(name).stem for files in SHIPPED.values() for name in files}
    assert {part: len(found) for part, found in names.items()} == {"train": 5, "val": 1, "test": 1}
    assert 350 < sum(len(getattr(pairs, part)) for part in PARTS) < 450
    assert "7 photos are few" in " ".join(pairs.report)
    assert "CC BY 2.0" in pairs.about.licence and "danielbuechele" in pairs.about.credit


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("own", [False, True])
def test_no_photo_is_on_two_sides(folder, seed, own):
    options = {"folder": folder} if own else {}
    pairs = load_pairs("photos", image_size=32, seed=seed, crops=4, **options)
    train, val, test = (photos_of(pairs)[part] for part in PARTS)
    assert not train & val and not train & test and not val & test
    assert len(train) + len(val) + len(test) == (10 if own else 7)
    assert len(pairs.train) == 4 * len(train)


def test_squares_come_from_the_photo_that_they_are_named_after(folder):
    """So that the test above cannot be right about names and wrong about pictures."""
    pairs = load_pairs("photos", image_size=32, crops=2, folder=folder)
    for part in PARTS:
        split = getattr(pairs, part)
        for name, target in zip(split.names, split.targets, strict=True):
            photo, cut = name.rsplit(" ", 1)
            if cut == "00":  # the largest square in the middle
                with Image.open(folder / f"{photo}.png") as whole:
                    middle = whole.crop((15, 0, 75, 60)).resize((32, 32), Image.Resampling.LANCZOS)
                assert np.abs(target.astype(int) - np.asarray(middle)).max() <= 8


def test_copies_of_a_photo_stay_on_its_side(folder):
    """A copy, a smaller copy and one with a camera's compression, under other names."""
    for number in range(10):
        photo = next(folder.rglob(f"p{number}.png"))
        shutil.copy(photo, folder / f"copy{number}.png")
        with Image.open(photo) as picture:
            picture.save(folder / f"saved{number}.jpg", quality=70)
            picture.resize((60, 40)).save(folder / f"small{number}.png")
    for seed in range(3):
        pairs = load_pairs("photos", image_size=32, seed=seed, crops=1, folder=folder)
        for number in range(10):
            homes = {part for part in PARTS for name in getattr(pairs, part).names if name.endswith(str(number))}
            assert len(homes) == 1, number
        assert sum(len(getattr(pairs, part)) for part in PARTS) == 40
        assert "30 photos are copies of others" in " ".join(pairs.report)


def test_the_seed_decides_split_squares_and_holes(folder):
    def load(seed: int) -> Pairs:
        return load_pairs("photos", image_size=32, seed=seed, task="inpaint", crops=3, folder=folder)

    np.testing.assert_array_equal(load(0).train.sources, load(0).train.sources)
    assert load(0).test.names != load(1).test.names or load(0).val.names != load(1).val.names
    assert load(0).train.sources[1].tobytes() not in {picture.tobytes() for picture in load(1).train.sources}


def test_squares_differ_and_lie_inside_the_photo(folder):
    targets = load_pairs("photos", image_size=32, crops=6, folder=folder).train.targets
    assert len({square.tobytes() for square in targets}) == len(targets)
    assert load_pairs("photos", image_size=32, folder=folder, crops=1).train.names[0].startswith(("p", "by_me/p"))


def test_the_number_of_squares_and_of_photos_can_be_chosen(folder):
    assert len(load_pairs("photos", image_size=32, folder=folder).train) == 8 * 40  # 400 in all
    assert len(load_pairs("photos", image_size=32, folder=folder, limit=5, crops=2).train) == 3 * 2


def test_the_reverse_direction_swaps():
    pairs, back = (load_pairs("photos", 32, direction=which, task="edges", crops=1) for which in ("AtoB", "BtoA"))
    np.testing.assert_array_equal(back.test.sources, pairs.test.targets)
    np.testing.assert_array_equal(back.test.targets, pairs.test.sources)
    assert (back.about.source, back.about.target) == ("photo", "lines of a photo")


# --- Colourise --------------------------------------------------------------------------------------------------------


def test_lab_survives_the_way_there_and_back():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    back = lab_to_rgb(*rgb_to_lab(colours))
    difference = np.abs(back.astype(int) - colours)
    assert difference.max() <= 24 and difference.mean() < 0.6
    photos = load_pairs("photos", image_size=64).train.targets
    difference = np.abs(lab_to_rgb(*rgb_to_lab(photos)).astype(int) - photos)
    assert difference.max() <= 8 and difference.mean() < 0.35


def test_lab_is_the_one_of_scikit_image():
    from skimage.color import rgb2lab

    picture = load_pairs("photos", image_size=32, crops=1).train.targets
    lightness, colour = rgb_to_lab(picture)
    wanted = rgb2lab(picture)
    np.testing.assert_allclose(lightness[..., 0] / 2.55, wanted[..., 0], atol=0.5 / 2.55 + 1e-9)
    np.testing.assert_allclose((colour - 128.0) / 1.15, wanted[..., 1:], atol=0.5 / 1.15 + 1e-9)


def test_greys_have_no_colour_and_colours_no_lightness():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    lightness, colour = rgb_to_lab(greys)
    assert (colour == 128).all() and (np.diff(lightness[:, 0].astype(int)) >= 0).all()
    assert (lightness[0], lightness[-1]) == (0, 255)
    assert np.abs(lab_to_rgb(lightness, colour).astype(int) - greys).max() <= 1
    mid = lab_to_rgb(np.full((2, 1), 128, np.uint8), np.array([[200, 128], [60, 128]], np.uint8))
    assert mid[0, 0] > mid[0, 1] and mid[1, 1] > mid[1, 0]  # red one way, green the other


def test_colours_that_no_screen_can_show_are_clipped_in_silence(recwarn):
    corners = np.stack(np.meshgrid([0, 128, 255], [0, 255], [0, 255]), axis=-1).reshape(-1, 3).astype(np.uint8)
    assert lab_to_rgb(corners[:, :1], corners[:, 1:]).dtype == np.uint8
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: rgb_to_lab(np.zeros((4, 4, 3))),
        lambda: rgb_to_lab(np.zeros((4, 4, 1), np.uint8)),
        lambda: lab_to_rgb(np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8)),
        lambda: lab_to_rgb(np.zeros((4, 4, 1), np.uint8), np.zeros((4, 5, 2), np.uint8)),
        lambda: fill_holes(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)),
        lambda: fill_holes(np.zeros((4, 4, 4), np.uint8), np.zeros((5, 4, 3), np.uint8)),
        lambda: cut_holes(np.zeros((4, 4, 3), np.uint8), [[0]]),
    ],
)
def test_other_shapes_and_types_are_refused(call):
    with pytest.raises(UsageError, match=r"uint8 with \d channel|not of the same pictures"):
        call()


# --- Inpaint ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", VARIANTS["inpaint"])
@pytest.mark.parametrize("size", [32, 64, 256])
def test_holes_are_of_a_fair_size_and_never_twice_the_same(kind, size):
    holes = [random_hole(size, np.random.default_rng(seed), kind) for seed in range(30)]
    shares = [hole.mean() / 255 for hole in holes]
    assert min(shares) > 0.05 and max(shares) < 0.25 and np.ptp(shares) > 0.1
    assert all(set(np.unique(hole)) == {0, 255} and hole.shape == (size, size, 1) for hole in holes)
    assert len({hole.tobytes() for hole in holes}) == 30
    np.testing.assert_array_equal(holes[3], random_hole(size, np.random.default_rng(3), kind))


def test_blocks_have_straight_sides_and_strokes_do_not():
    def rows_that_start_alike(kind: str) -> float:
        """Of neighbouring rows with a hole: the share that begins in the same column."""
        alike = []
        for seed in range(20):
            hole = random_hole(64, np.random.default_rng(seed), kind)[..., 0] > 0
            starts = [int(row.argmax()) for row in hole if row.any()]
            alike += [one == other for one, other in itertools.pairwise(starts)]
        return float(np.mean(alike))

    assert rows_that_start_alike("blocks") > 0.9 > 0.6 > rows_that_start_alike("strokes")


def test_holes_are_grey_and_everything_else_is_the_photo():
    split = load_pairs("photos", image_size=64, task="inpaint", crops=4).train
    hole = split.sources[..., 3] == 255
    assert (split.sources[hole][:, :3] == 128).all()
    np.testing.assert_array_equal(split.sources[~hole][:, :3], split.targets[~hole])
    assert set(np.unique(split.sources[..., 3])) == {0, 255}
    assert len({picture[..., 3].tobytes() for picture in split.sources}) == len(split)


def test_only_the_hole_is_filled():
    split = load_pairs("photos", image_size=32, task="inpaint", crops=2).test
    painted = np.full_like(split.targets, 7)
    filled = fill_holes(split.sources, painted)
    hole = split.sources[..., 3] == 255
    assert (filled[hole] == 7).all()
    np.testing.assert_array_equal(filled[~hole], split.targets[~hole])
    np.testing.assert_array_equal(fill_holes(split.sources, split.targets), split.targets)
    np.testing.assert_array_equal(fill_holes(split.sources[0], painted[0]), filled[0])


# --- Edges ------------------------------------------------------------------------------------------------------------


def test_lines_lie_where_things_end():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 16:48] = (200, 40, 40)
    canny, sobel = canny_lines(picture)[..., 0], sobel_lines(picture)[..., 0]
    near = np.zeros((64, 64), bool)
    near[14:50, 14:50] = True
    near[19:45, 19:45] = False
    for lines in (canny, sobel):
        assert lines[near].min() == 0 and (lines[~near] == 255).all()
    assert set(np.unique(canny)) == {0, 255}
    nothing = np.full((64, 64, 3), 90, np.uint8)
    assert (canny_lines(nothing) == 255).all() and (sobel_lines(nothing) == 255).all()


@pytest.mark.parametrize("variant", VARIANTS["edges"])
def test_lines_of_photos_are_lines(variant):
    split = load_pairs("photos", image_size=64, task="edges", variant=variant, crops=10).train
    dark = (split.sources < 128).mean()
    assert 0.03 < dark < 0.3
    moved = np.roll(split.sources, 20, axis=1)
    truth, other = (
        np.mean([structural_similarity(a[..., 0], b[..., 0]) for a, b in zip(lines, split.sources, strict=True)])
        for lines in (np.stack([(canny_lines if variant == "canny" else sobel_lines)(t) for t in split.targets]), moved)
    )
    assert truth == 1.0 > other + 0.3


# --- Training, translating, showing -----------------------------------------------------------------------------------


TRAINED = [("colourise", "rgb"), ("colourise", "lab"), ("inpaint", "mixed"), ("edges", "canny")]


@pytest.mark.parametrize(("task", "variant"), TRAINED)
def test_every_task_can_be_trained(tmp_path, task, variant):
    pairs = load_pairs("photos", image_size=32, task=task, variant=variant, crops=2)
    run = p2p.train(pairs, preset="tiny", epochs=1, filters=2, run_dir=tmp_path / "run")
    channels = pairs.train.sources.shape[-1], pairs.train.targets.shape[-1]
    assert (run.config["source_channels"], run.config["target_channels"]) == channels
    assert all(np.isfinite(value) for value in run.history["g_loss"])
    loaded = p2p.load_model(tmp_path / "run")
    made = p2p.translate(loaded, pairs.test.sources)
    assert made.shape == pairs.test.targets.shape and made.dtype == np.uint8
    assert p2p.translate(loaded, np.zeros((40, 50, channels[0]), np.uint8)).shape == (40, 50, channels[1])
    assert np.isfinite(p2p.evaluate(loaded, pairs.test)["psnr"])
    assert (tmp_path / "run" / "sheets" / "epoch-0001.png").is_file()
    if variant == "lab":
        assert lab_to_rgb(pairs.test.sources, made).shape == (*made.shape[:3], 3)
    if task == "inpaint":
        assert fill_holes(pairs.test.sources, made).shape == made.shape


@pytest.mark.parametrize(("task", "variant"), EVERY)
def test_every_task_can_be_shown(task, variant):
    pairs = load_pairs("photos", image_size=32, task=task, variant=variant, crops=1)
    split = in_rgb(pairs.train) if variant == "lab" else pairs.train
    assert len(show_pairs(split, n=3).axes) == 6


def test_the_command_line_knows_them(capsys, folder, tmp_path):
    sheet = tmp_path / "sheet.png"
    options = ["--option", "task=inpaint", "--option", f"folder={folder}", "--option", "crops=1"]
    assert main(["data", "photos", "--image-size", "32", *options, "--out", str(sheet)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "8 to train, 1 to validate, 1 to test" in out and "4 channels to RGB" in out and sheet.is_file()
    assert "task=colourise, variant=none, folder=none, crops=none, limit=none" in out


# --- Folders that cannot be used --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "colorise"}, "task='colorise' does not exist. Did you mean 'colourise'?"),
        ({"variant": "blocks"}, "variant='blocks' does not exist for colourise. Known: rgb, lab"),
        ({"task": "edges", "variant": "cany"}, "Did you mean 'canny'?"),
        ({"crops": 0}, "crops=0 does not work"),
        ({"crops": "many"}, "crops='many' does not work"),
        ({"limit": 2}, "limit=2 does not work: keep at least 3 photos"),
    ],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(UsageError) as caught:
        load_pairs("photos", image_size=32, **options)
    assert words in str(caught.value)


def refused(folder: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load_pairs("photos", image_size=32, folder=folder, **options)
    return str(caught.value)


def test_too_few_photos_are_refused(tmp_path):
    for number in range(2):
        draw_photo(tmp_path / "few" / f"{number}.png", number)
    assert "has 2 photos, but at least 3 are needed" in refused(tmp_path / "few")
    shutil.copy(tmp_path / "few" / "0.png", tmp_path / "few" / "2.png")
    assert "too few different photos: none is left for" in refused(tmp_path / "few")
    (tmp_path / "none").mkdir()
    assert "has 0 photos" in refused(tmp_path / "none")


def test_a_folder_that_is_not_there_is_named_with_the_nearest(folder):
    assert "Did you mean 'photos'?" in refused(folder.parent / "potos")


def test_files_that_cannot_be_used_are_all_listed(folder):
    (folder / "broken.jpg").write_bytes(b"not a picture")
    (folder / "empty.png").touch()
    draw_photo(folder / "tiny.png", 50, size=(40, 20))
    draw_photo(folder / "grey.png", 51, mode="L")
    message = refused(folder)
    assert "4 of 14 photos in" in message
    for words in (
        "broken.jpg (cannot be read (not a picture))",
        "empty.png (the file is empty)",
        "tiny.png (is 40 x 20: smaller than 32 px)",
        "grey.png (is grey: there are no colours to learn)",
    ):
        assert words in message


def test_grey_photos_are_fine_where_no_colours_are_to_be_learnt(folder):
    draw_photo(folder / "grey.png", 51, mode="L")
    pairs = load_pairs("photos", image_size=32, folder=folder, task="inpaint", crops=1)
    assert "1 of 11 photos are grey: given three equal channels." in pairs.report


def test_a_missing_shipped_photo_is_said(monkeypatch):
    from pix2pix_edu.pairs import photos

    monkeypatch.setattr(photos, "SHIPPED", {"skimage": ["data/no_such_photo.png"]})
    with pytest.raises(DataError, match=r"lacks photos that it used to have: no_such_photo.png"):
        load_pairs("photos", image_size=32)
