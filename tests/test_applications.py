"""The tasks of lesson 10: pairs made from pictures and folders, judging, cheap answers, and what suits pix2pix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from skimage.registration import phase_cross_correlation

import pix2pix_edu as p2p
from pix2pix_edu import applications as apps
from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.insight import misaligned, mismatched, move
from pix2pix_edu.pairs import Pairs, Split
from pix2pix_edu.pairs.photos import HOLE_SHARES, cut_holes
from pix2pix_edu.translation import EXAMPLES

RNG = np.random.default_rng(0)


def noise(count=4, size=32, channels=3):
    return RNG.integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def shapes(count, size=32, seed=0):
    """Rectangles on a plain ground: outlines that can be found again."""
    rng = np.random.default_rng(seed)
    pictures = np.full((count, size, size, 3), 20, np.uint8)
    for picture in pictures:
        for _ in range(3):
            top, left = rng.integers(6, size - 14, 2)
            picture[top : top + rng.integers(4, 9), left : left + rng.integers(4, 9)] = rng.integers(80, 256, 3)
    return pictures


# --- Sources from targets ---------------------------------------------------------------------------------------------


def test_grey_pairs_are_the_lightness_and_colours_of_scikit_image():
    pictures = noise(3)
    lab = rgb2lab(pictures)
    sources, colours = apps.grey_pairs(pictures, "lab")
    np.testing.assert_allclose(sources[..., 0] / 2.55, lab[..., 0], atol=0.2)
    np.testing.assert_allclose((colours - 128.0) / 1.15, lab[..., 1:], atol=0.5)
    same, whole = apps.grey_pairs(pictures, "rgb")
    np.testing.assert_array_equal(same, sources)
    assert whole is pictures
    with pytest.raises(UsageError, match="space='hsv'.*lab"):
        apps.grey_pairs(pictures, "hsv")


def test_holes_are_cut_as_the_photos_have_them_and_follow_the_seed():
    pictures = noise(5)
    sources, targets = apps.hole_pairs(pictures, seed=3)
    hole = sources[..., 3] == 255
    assert targets is pictures and set(np.unique(sources[..., 3])) == {0, 255}
    assert (sources[..., :3][hole] == 128).all()
    np.testing.assert_array_equal(sources[..., :3][~hole], pictures[~hole])
    assert ((hole.mean(axis=(1, 2)) > HOLE_SHARES[0]) & (hole.mean(axis=(1, 2)) < HOLE_SHARES[1])).all()
    np.testing.assert_array_equal(apps.hole_pairs(pictures[:2], seed=3)[0], sources[:2])  # whatever else is there
    assert (apps.hole_pairs(pictures, seed=4)[0] != sources).any()
    assert len(apps.hole_pairs(pictures[:0])[0]) == 0
    for wrong in ({"kind": "dots"}, {"seed": -1}):
        with pytest.raises(UsageError):
            apps.hole_pairs(pictures, **wrong)


def test_remade_pairs_keep_their_splits_names_and_labels():
    labels = np.zeros((4, 32, 32), np.uint8)
    parts = [Split(noise(), noise(), list(names), labels) for names in ("abcd", "efgh", "ijkl")]
    pairs = Pairs("mine", *parts)
    made = apps.remake(pairs, apps.hole_pairs, "with a hole")
    for old, name in zip(parts, ("train", "val", "test"), strict=True):
        new = getattr(made, name)
        assert new.names == old.names and new.labels is labels
        np.testing.assert_array_equal(new.targets, old.targets)
    assert (made.train.sources[..., 3] != made.val.sources[..., 3]).any()  # no hole serves two splits
    assert made.about.source == "with a hole" and made.variants is None


# --- Folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for number in range(5):
        picture = np.kron(np.random.default_rng(number).integers(0, 256, (5, 6, 3)), np.ones((8, 8, 1)))
        Image.fromarray(picture.astype("uint8")).save(path / f"{number}.png")
    return path


@pytest.mark.parametrize(
    ("task", "channels"), [("colour-lab", (1, 2)), ("colour-rgb", (1, 3)), ("inpaint", (4, 3)), ("edges", (1, 3))]
)
def test_a_folder_of_photos_becomes_the_pairs_of_each_task(folder, task, channels):
    pairs = apps.from_folder(folder, task, image_size=32, crops=2)
    assert (pairs.train.sources.shape[-1], pairs.train.targets.shape[-1]) == channels
    assert [len(part) for part in (pairs.train, pairs.val, pairs.test)] == [6, 2, 2]


def test_a_folder_of_pairs_is_read_as_pairs(folder, tmp_path):
    for side in "AB":
        (tmp_path / side).mkdir()
        for path in folder.iterdir():
            Image.open(path).save(tmp_path / side / path.name)
    pairs = apps.from_folder(tmp_path, "pairs", image_size=32, resize="fit")
    np.testing.assert_array_equal(pairs.train.sources, pairs.train.targets)


def test_what_cannot_work_is_said_in_a_sentence(folder, tmp_path):
    with pytest.raises(UsageError, match="'inpainting' cannot be made from a folder. Did you mean 'inpaint'"):
        apps.from_folder(folder, "inpainting")
    with pytest.raises(UsageError, match="no option 'cropps'"):
        apps.from_folder(folder, "inpaint", cropps=3)
    with pytest.raises(DataError, match="0 photos"):
        apps.from_folder(tmp_path, "inpaint")
    with pytest.raises(DataError, match="smaller than 64"):
        apps.from_folder(folder, "inpaint", image_size=64)


# --- Answers without a network ----------------------------------------------------------------------------------------


def test_the_mean_picture_is_one_answer_for_everything():
    train = Split(noise(6), noise(6))
    answer = apps.mean_picture(train, noise(3))
    assert answer.shape == (3, 32, 32, 3)
    np.testing.assert_array_equal(answer[0], np.rint(train.targets.astype(float).mean(axis=0)))
    np.testing.assert_array_equal(answer[0], answer[2])


def test_same_grey_has_this_lightness_and_no_colour():
    sources = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    lab = rgb2lab(apps.same_grey(None, sources))
    np.testing.assert_allclose(lab[..., 0], sources[..., 0] / 2.55, atol=0.3)
    assert np.abs(lab[..., 1:]).max() < 1  # what eight bits of red, green and blue can hold


def test_colour_by_lightness_is_a_table_of_means():
    """Two colours of one lightness: the table gives the colour half way between them in Lab; unseen stays grey."""
    lab = np.array([[50.0, 40.0, 0.0], [50.0, -20.0, 20.0]])
    colours = np.rint(lab2rgb(lab) * 255).astype(np.uint8)
    target = np.repeat(colours, 32, axis=0).reshape(1, 8, 8, 3)
    train = Split(apps.grey_pairs(target)[0], target)
    known = int(train.sources[0, 0, 0, 0])
    asked = np.full((1, 8, 8, 1), known, np.uint8)
    answer = rgb2lab(apps.colour_by_lightness(train, asked))[0, 0, 0]
    lightnesses = np.unique(train.sources)
    expected = lab[:, 1:].mean(axis=0) if len(lightnesses) == 1 else lab[0, 1:]
    np.testing.assert_allclose(answer[1:], expected, atol=1.5)
    unseen = apps.colour_by_lightness(train, np.full((1, 8, 8, 1), 3, np.uint8))
    assert np.ptp(unseen, axis=-1).max() <= 1


def test_biharmonic_continues_a_ramp_and_leaves_the_rest_alone():
    ramp = np.repeat(np.linspace(0, 252, 32).round().astype(np.uint8)[None, :, None], 3, axis=-1)
    picture = np.repeat(ramp, 32, axis=0)[None]
    hole = np.zeros((1, 32, 32, 1), np.uint8)
    hole[:, 12:18, 12:18] = 255
    filled = apps.biharmonic(None, cut_holes(picture, hole))
    np.testing.assert_allclose(filled.astype(int), picture, atol=2)
    np.testing.assert_array_equal(filled[hole[..., 0] == 0], picture[hole[..., 0] == 0])


# --- Judging ----------------------------------------------------------------------------------------------------------


def test_errors_are_those_of_the_judged_pixels():
    real, fake = noise(3), noise(3)
    where = RNG.random((3, 32, 32)) < 0.2
    by_hand = [abs(int(a) - int(b)) for a, b in zip(real[where].ravel(), fake[where].ravel(), strict=True)]
    assert apps.l1_where(real, fake, where) == pytest.approx(np.mean(by_hand) / 127.5)
    everywhere = np.ones_like(where)
    theirs = np.mean([peak_signal_noise_ratio(a, b) for a, b in zip(real, fake, strict=True)])
    assert apps.psnr_where(real, fake, everywhere) == pytest.approx(theirs)
    inside = np.mean([peak_signal_noise_ratio(a[w], b[w]) for a, b, w in zip(real, fake, where, strict=True)])
    assert apps.psnr_where(real, fake, where) == pytest.approx(inside)
    where[0] = False  # a picture without a judged pixel does not count
    rest = np.mean([peak_signal_noise_ratio(a[w], b[w]) for a, b, w in zip(real[1:], fake[1:], where[1:], strict=True)])
    assert apps.psnr_where(real, fake, where) == pytest.approx(rest)
    with pytest.raises(UsageError, match="nothing to judge"):
        apps.l1_where(real, fake, np.zeros_like(where))


def test_only_the_hole_of_an_inpainting_is_judged_and_replaced():
    task, pictures = apps.find_task("inpaint"), noise(4)
    split = Split(*apps.hole_pairs(pictures))
    hole = split.sources[..., 3] > 127
    painted = np.where(hole[..., None], pictures, 255 - pictures)  # wrong everywhere but in the hole
    assert apps.measure(task, split, split, painted)["pix2pix"]["l1"] == 0
    painted = np.where(hole[..., None], 0, pictures).astype(np.uint8)  # right everywhere but in the hole
    rows = apps.measure(task, split, split, painted)
    assert rows["pix2pix"]["l1"] == pytest.approx(pictures[hole].mean() / 127.5)
    assert list(rows) == ["grey hole", "mean picture", "biharmonic", "pix2pix"]


def test_a_training_picture_gives_several_pairs_each_with_another_hole():
    pictures = noise(3)
    once, often = (
        apps.remake(Pairs("noise", *[Split(pictures, pictures, list("abc"))] * 3), apps.hole_pairs, "", repeat)
        for repeat in (1, 4)
    )
    assert (len(often.train), len(often.val), len(often.test)) == (12, 3, 3)
    np.testing.assert_array_equal(often.train.targets, np.tile(pictures, (4, 1, 1, 1)))
    np.testing.assert_array_equal(often.train[:3].sources, once.train.sources)
    assert often.train.names == list("abc") * 4
    holes = often.train.sources[..., 3].reshape(4, 3, -1)
    assert len({hole.tobytes() for hole in holes[:, 0]}) == 4


def test_a_run_that_fills_holes_hands_on_what_is_known_and_so_does_every_copy_of_it(tmp_path):
    pairs = apps.remake(
        Pairs("shapes", *(Split(*[shapes(8, seed=seed)] * 2) for seed in range(3))), apps.hole_pairs, ""
    )
    settings = {"preset": "tiny", "filters": 2, "epochs": 1, "ema": 0.5, "dropout": 0.0, "fills_holes": True}
    run = p2p.train(pairs, run_dir=tmp_path / "run", show_progress=False, **settings)
    source = pairs.test.sources
    known = ~apps.in_the_hole(source)
    drawn = p2p.translate(run, source)
    np.testing.assert_array_equal(drawn[known], source[..., :3][known])
    assert (drawn[~known] != source[..., :3][~known]).any()
    np.testing.assert_array_equal(p2p.translate(p2p.load_model(tmp_path / "run"), source), drawn)
    stored = p2p.translate(p2p.load_model(p2p.save_generator(run.model, tmp_path / "filler.p2p")), source)
    np.testing.assert_array_equal(stored[known], source[..., :3][known])
    assert np.abs(stored.astype(int) - drawn).max() <= 2  # the weights went through half precision


def test_colour_is_measured_in_the_picture_that_people_see():
    task, pictures = apps.find_task("colour-lab"), shapes(4)
    split = Split(*apps.lab_pairs(pictures))
    rows = apps.measure(task, split, split, split.targets)
    assert rows["pix2pix"]["l1"] < 0.01 and rows["pix2pix"]["lightness"] < 0.2  # what bytes round away
    assert rows["grey"]["l1"] > rows["by lightness"]["l1"] > rows["pix2pix"]["l1"]
    rgb = apps.find_task("colour-rgb")
    brighter = np.clip(pictures.astype(int) + 40, 0, 255).astype(np.uint8)
    split = Split(*apps.rgb_pairs(pictures))
    expected = np.abs(rgb2lab(brighter)[..., 0] - rgb2lab(pictures)[..., 0]).mean()
    assert apps.measure(rgb, split, split, brighter)["pix2pix"]["lightness"] == pytest.approx(expected, abs=0.3)


def test_the_records_fit_together():
    for name, task in apps.TASKS.items():
        assert task.name == name and task.model in EXAMPLES and task.baselines and task.title[0].islower()
        assert task.make is None or task.make in apps.SOURCES
    assert {task.model for task in apps.TASKS.values()} == set(EXAMPLES)
    with pytest.raises(UsageError, match="no task 'inpant'.*inpaint"):
        apps.find_task("inpant")


def test_few_pairs_are_the_first_of_all_pairs():
    task = replace(apps.find_task("facades"), options={"theme": "simple", "train": 4, "val": 1, "test": 3})
    few = replace(task, quick={"train": 2, "test": 2})
    whole, quick = task.pairs(32), few.pairs(32, quick=True)
    np.testing.assert_array_equal(quick.train.targets, whole.train.targets[:2])
    np.testing.assert_array_equal(quick.test.sources, whole.test.sources[:2])
    holes = replace(few, make=apps.hole_pairs)
    np.testing.assert_array_equal(holes.pairs(32, quick=True).test.sources, holes.pairs(32).test.sources[:2])


# --- What suits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [(0, 0), (3, -2), (-5, 1), (0, 4)])
def test_a_shift_is_found_as_scikit_image_finds_it(step):
    for picture in shapes(3, seed=1):
        moved = move(picture, *step, fill=20)
        assert apps.shift_between(picture, moved) == step
        assert apps.shift_between(picture, (255 - moved)[..., :1]) == step  # other colours, other channels
        theirs = phase_cross_correlation(apps.outlines(picture), apps.outlines(moved))[0]
        np.testing.assert_array_equal(-theirs, step)


def test_a_linear_filter_is_found_and_noise_is_not():
    sources = noise(6)
    blurred = np.mean([np.roll(sources, (down, right), (1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)], axis=0)
    split = Split(sources, blurred.round().astype(np.uint8))
    assert apps.foretold_by_filter(split, split) > 0.99
    assert apps.foretold_by_filter(split, Split(sources, noise(6))) < 0.05


def test_neighbours_say_whether_similar_sources_have_similar_targets():
    rng = np.random.default_rng(0)
    kinds, colours = shapes(4, seed=2), rng.integers(0, 256, (4, 1, 1, 3))
    which = rng.integers(0, 4, 60)
    targets = np.broadcast_to(colours[which], (60, 32, 32, 3)).astype(np.uint8)
    split = Split(kinds[which], targets)
    assert apps.neighbours_apart(split[:40], split[40:]) == 0
    assert 0.7 < apps.neighbours_apart(split[:40], mismatched(split[40:])) < 1.4


def test_good_pairs_get_no_remarks_and_bad_ones_the_right_ones():
    pictures = shapes(160, seed=3)
    targets = (255 - pictures[:, ::1]) // 2 + RNG.integers(0, 60, (160, 1, 1, 3), dtype=np.uint8)
    split = Split(pictures, targets)
    good = Pairs("good", split[:120], split[120:140], split[140:])
    assert apps.suitability(good).remarks == []
    few = replace(good, train=split[:9])
    assert [remark.split()[0] for remark in apps.suitability(few).remarks] == ["9"]
    moved = replace(good, test=misaligned(good.test, 6, own=False))
    assert any(remark.startswith("Targets lie 8 px off") for remark in apps.suitability(moved).remarks)
    unrelated = Split(pictures, noise(160))
    odd = Pairs("odd", unrelated[:120], unrelated[120:140], unrelated[140:])
    assert any("hardly foretells" in remark for remark in apps.suitability(odd).remarks)
    plain = Split(pictures, 255 - pictures)
    easy = Pairs("easy", plain[:120], plain[120:140], plain[140:])
    assert apps.suitability(easy).remarks == [
        "A filter of 5 x 5 pixels does nearly all of it: you may not need a network."
    ]


def test_the_names_work_as_the_lesson_uses_them():
    assert p2p.load_example_model.__doc__ and all(f'"{name}"' in p2p.load_example_model.__doc__ for name in EXAMPLES)
