"""A learner's own pictures: every kind of file is either used and noted, or named in one error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.pairs import folder as folder_module
from pix2pix_edu.pairs import load_pairs

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def picture(colour: tuple[int, ...] | int = RED, size: tuple[int, int] = (40, 40), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (left.width + right.width, left.height))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def numbered(index: int) -> Image.Image:
    """A picture unlike the others, with the number in its red channel."""
    return picture((index, 100, 0))


def write_side_by_side(folder: Path, numbers: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in numbers:
        beside(numbered(index), picture(BLUE)).save(folder / f"{index:03d}.png")
    return folder


def write_two_folders(root: Path, count: int = 10) -> Path:
    for name in "AB":
        (root / name).mkdir(parents=True)
    for index in range(count):
        numbered(index).save(root / "A" / f"{index:03d}.png")
        picture(BLUE).save(root / "B" / f"{index:03d}.png")
    return root


def numbers_in(split) -> list[int]:
    return [int(source[16, 16, 0]) for source in split.sources]


# --- Finding pairs


def test_side_by_side_files_are_halved_and_split(tmp_path):
    pairs = load_pairs(write_side_by_side(tmp_path / "mine", range(40)), image_size=32)
    assert (len(pairs.train), len(pairs.val), len(pairs.test)) == (32, 4, 4)
    everything = numbers_in(pairs.train) + numbers_in(pairs.val) + numbers_in(pairs.test)
    assert sorted(everything) == list(range(40))
    for split in (pairs.train, pairs.val, pairs.test):
        assert split.sources.shape[1:] == (32, 32, 3)
        assert [int(name) for name in split.names] == numbers_in(split)
        assert (split.targets[:, :, :] == BLUE).all()


def test_the_split_depends_on_the_seed_alone(tmp_path):
    root = write_side_by_side(tmp_path / "mine", range(40))
    assert load_pairs(root, 32, seed=1).test.names == load_pairs(root, 64, seed=1).test.names
    assert load_pairs(root, 32, seed=1).test.names != load_pairs(root, 32, seed=2).test.names


def test_split_folders_are_kept_as_they_are(tmp_path):
    root = tmp_path / "mine"
    for name, numbers in (("train", range(0, 6)), ("val", range(6, 8)), ("test", range(8, 11))):
        write_side_by_side(root / name, numbers)
    pairs = load_pairs(str(root), image_size=32)
    assert [numbers_in(split) for split in (pairs.train, pairs.val, pairs.test)] == [
        list(range(6)),
        [6, 7],
        [8, 9, 10],
    ]


@pytest.mark.parametrize("held_out", ["val", "test", "validation"])
def test_one_held_out_folder_is_divided_and_training_stays_whole(tmp_path, held_out):
    root = tmp_path / "mine"
    write_side_by_side(root / "train", range(10))
    write_side_by_side(root / held_out, range(10, 18))
    pairs = load_pairs(root, image_size=32)
    assert numbers_in(pairs.train) == list(range(10))
    assert (len(pairs.val), len(pairs.test)) == (2, 6)
    assert sorted(numbers_in(pairs.val) + numbers_in(pairs.test)) == list(range(10, 18))


def test_a_training_folder_alone_is_split(tmp_path):
    write_side_by_side(tmp_path / "mine" / "train", range(10))
    pairs = load_pairs(tmp_path / "mine", image_size=32)
    assert (len(pairs.train), len(pairs.val), len(pairs.test)) == (8, 1, 1)


def test_two_folders_are_matched_by_name(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    (root / "A" / "003.png").rename(root / "A" / "003.PNG")
    picture(BLUE).save(root / "B" / "003.jpg", quality=100)
    (root / "B" / "003.png").unlink()
    pairs = load_pairs("folder", image_size=32, path=root)
    assert len(pairs.train) + len(pairs.val) + len(pairs.test) == 10
    for split in (pairs.train, pairs.val, pairs.test):
        assert [int(name) for name in split.names] == numbers_in(split)


@pytest.mark.parametrize("pattern", ["{split}/{side}", "{side}/{split}", "{split}{side}"])
def test_every_usual_way_to_lay_out_two_folders(tmp_path, pattern):
    for split, numbers in (("train", range(5)), ("val", range(5, 7)), ("test", range(7, 9))):
        for side in "AB":
            place = tmp_path / pattern.format(split=split, side=side)
            place.mkdir(parents=True)
            for index in numbers:
                (numbered(index) if side == "A" else picture(BLUE)).save(place / f"{index}.png")
    pairs = load_pairs(tmp_path, image_size=32)
    assert [numbers_in(split) for split in (pairs.train, pairs.val, pairs.test)] == [[0, 1, 2, 3, 4], [5, 6], [7, 8]]
    assert (pairs.train.targets == BLUE).all()


def test_direction_turns_a_and_b_round(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    pairs = load_pairs(root, image_size=32, direction="BtoA")
    assert (pairs.train.sources == BLUE).all()
    assert pairs.direction == "BtoA" and pairs.about.source == "picture B"


def test_a_single_folder_around_everything_is_looked_through(tmp_path):
    write_side_by_side(tmp_path / "outer" / "inner", range(5))
    assert len(load_pairs(tmp_path / "outer", image_size=32).train) == 3


def test_limit_keeps_so_many_of_each_split(tmp_path):
    root = tmp_path / "mine"
    write_side_by_side(root / "train", range(20))
    write_side_by_side(root / "val", range(20, 30))
    write_side_by_side(root / "test", range(30, 33))
    pairs = load_pairs(root, image_size=32, limit=5)
    assert (len(pairs.train), len(pairs.val), len(pairs.test)) == (5, 5, 3)
    assert pairs.train.names == load_pairs(root, image_size=32, limit=5).train.names
    assert len(load_pairs(root, image_size=32, limit=np.int64(5)).train) == 5
    for wrong in (1, True, 5.0):
        with pytest.raises(UsageError, match=f"limit={wrong} "):
            load_pairs(root, image_size=32, limit=wrong)


def test_more_than_memory_holds_must_be_asked_for(tmp_path, monkeypatch):
    root = write_side_by_side(tmp_path / "mine", range(10))
    monkeypatch.setattr(folder_module, "MEMORY_LIMIT", 5 * 6 * 32 * 32)
    with pytest.raises(UsageError, match=r"10 pairs.*limit=5"):
        load_pairs(root, image_size=32)
    assert len(load_pairs(root, image_size=32, limit=10).train) == 8


# --- Copies


def test_copies_stay_on_one_side(tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    for index in range(60):
        beside(numbered(index % 30), picture(BLUE)).save(root / f"{index:03d}.png")
    for seed in range(5):
        pairs = load_pairs(root, image_size=32, seed=seed)
        sides = [set(numbers_in(split)) for split in (pairs.train, pairs.val, pairs.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_nothing_but_copies_is_an_error(tmp_path):
    (tmp_path / "mine").mkdir()
    for index in range(10):
        beside(picture(RED), picture(BLUE)).save(tmp_path / "mine" / f"{index}.png")
    with pytest.raises(DataError, match="too few different pairs"):
        load_pairs(tmp_path / "mine", image_size=32)


def test_copies_across_given_folders_are_reported(tmp_path):
    for name, numbers in (("train", range(0, 6)), ("val", range(5, 8)), ("test", range(8, 11))):
        write_side_by_side(tmp_path / name, numbers)
    assert any("1 pictures lie in more than one" in line for line in load_pairs(tmp_path, image_size=32).report)


# --- Files of all kinds: used, and noted


def load_with(tmp_path: Path, special: Image.Image, name: str = "special.png", **options):
    """Ten plain pairs and a special one as A; returns its picture as loaded, and the report."""
    root = write_two_folders(tmp_path / "mine")
    save_options = options.pop("save", {})
    special.save(root / "A" / name, **save_options)
    picture(BLUE, special.size).save(root / "B" / "special.png")
    pairs = load_pairs(root, image_size=32, **options)
    for split in (pairs.train, pairs.val, pairs.test):
        if "special" in split.names:
            return split.sources[split.names.index("special")], pairs.report
    raise AssertionError("the special pair is missing")


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.full((40, 40), 257 * 200, np.uint16)
    source, report = load_with(tmp_path, Image.fromarray(values))
    assert (source == 200).all()
    assert any("1 of 11 pairs have 16 bits" in line for line in report)


def test_grey_gets_three_equal_channels(tmp_path):
    source, report = load_with(tmp_path, picture(77, mode="L"))
    assert (source == 77).all()
    assert any("are grey" in line for line in report)


def test_black_and_white_is_grey_too(tmp_path):
    source, report = load_with(tmp_path, picture(1, mode="1"))
    assert (source == 255).all()
    assert any("are grey" in line for line in report)


def test_transparency_is_laid_on_white(tmp_path):
    source, report = load_with(tmp_path, picture((255, 0, 0, 0), mode="RGBA"))
    assert (source == 255).all()
    assert any("laid on white" in line for line in report)


def test_an_opaque_alpha_channel_is_nothing_to_speak_of(tmp_path):
    source, report = load_with(tmp_path, picture((255, 0, 0, 255), mode="RGBA"))
    assert (source == RED).all()
    assert not any("laid on white" in line for line in report)


def test_palettes_are_translated(tmp_path):
    source, report = load_with(tmp_path, picture(RED).quantize(4))
    assert (source == RED).all()
    assert any("palette" in line for line in report)


def test_print_colours_are_translated(tmp_path):
    source, report = load_with(tmp_path, picture((0, 255, 255, 0), mode="CMYK"), "special.tif")
    assert np.abs(source.astype(int) - RED).max() < 3
    assert any("CMYK" in line for line in report)


def test_pictures_that_lie_on_their_side_are_turned(tmp_path):
    upright = beside(picture(RED, (20, 40)), picture((0, 255, 0), (20, 40)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    lying = upright.rotate(90, expand=True)
    source, report = load_with(tmp_path, lying, save={"exif": exif})
    assert (source[16, 4] == RED).all() and (source[16, 28] == (0, 255, 0)).all()
    assert any("turned upright" in line for line in report)


def test_of_animations_the_first_frame_is_used(tmp_path):
    frames = {"save_all": True, "append_images": [picture(BLUE)], "duration": 100}
    source, report = load_with(tmp_path, picture(RED), "special.gif", save=frames)
    assert np.abs(source.astype(int) - RED).max() < 3
    assert any("several frames" in line for line in report)


def striped() -> Image.Image:
    """60 x 40: red in the outer quarters left and right, green between."""
    stripes = picture((0, 255, 0), (60, 40))
    for left in (0, 50):
        stripes.paste(RED, (left, 0, left + 10, 40))
    return stripes


@pytest.mark.parametrize(
    ("resize", "corner", "middle_left", "note"),
    [
        ("crop", (0, 255, 0), (0, 255, 0), "cut to the middle"),
        ("fit", WHITE, RED, "white square"),
        ("stretch", RED, RED, "stretched"),
    ],
)
def test_three_ways_to_make_a_square(tmp_path, resize, corner, middle_left, note):
    source, report = load_with(tmp_path, striped(), resize=resize)
    assert np.abs(source[0, 1].astype(int) - corner).max() < 60
    assert np.abs(source[16, 1].astype(int) - middle_left).max() < 60
    assert any(f"1 of 11 pairs are not square: {note}" in line or note in line for line in report)


def test_crop_is_the_default_and_others_are_refused(tmp_path):
    source, _ = load_with(tmp_path, striped())
    assert (source[0, 1] == (0, 255, 0)).all()
    with pytest.raises(UsageError, match="resize='squash'"):
        load_pairs(tmp_path / "mine", image_size=32, resize="squash")


def test_a_pair_of_two_sizes_but_one_shape_is_scaled(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    picture(BLUE, (80, 80)).save(root / "B" / "004.png")
    assert any("different sizes" in line for line in load_pairs(root, image_size=32).report)


def test_small_and_few_pictures_are_reported(tmp_path):
    report = load_pairs(write_two_folders(tmp_path / "mine"), image_size=64).report
    assert any("smaller than 64 px: enlarged" in line for line in report)
    assert any("10 pairs are few" in line for line in report)


def test_files_that_are_no_pictures_are_left_out_and_reported(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    (root / "A" / "notes.txt").write_text("hello")
    (root / "A" / "phone.heic").write_bytes(b"not for us")
    (root / "A" / "._000.png").write_bytes(b"left by a Mac")
    report = load_pairs(root, image_size=32).report
    assert any(".txt (1)" in line and ".heic (1)" in line and "._000" not in line for line in report)


def test_plain_pictures_need_no_report(tmp_path):
    assert load_pairs(write_side_by_side(tmp_path / "mine", range(60)), image_size=32).report == []


# --- Files that cannot be used: one error that names them


def spoil(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "text":
        path.write_text("I am not a picture")
    elif how == "float":
        Image.fromarray(np.ones((40, 40), np.float32)).save(path, format="TIFF")


@pytest.mark.parametrize(
    ("how", "reason"),
    [("empty", "the file is empty"), ("cut off", "cannot be read"), ("text", "not a picture"), ("float", "floating")],
)
@pytest.mark.parametrize("side", ["A", "B"])
def test_unreadable_files_are_named_with_the_reason(tmp_path, how, reason, side):
    root = write_two_folders(tmp_path / "mine")
    spoil(root / side / "003.png", how)
    with pytest.raises(DataError, match=rf"1 of 10 pairs .*003\.png.*{reason}.*Repair") as caught:
        load_pairs(root, image_size=32)
    assert "\n" not in str(caught.value)


def test_a_cut_off_jpeg_is_found_too(tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    rng = np.random.default_rng(0)
    for index in range(5):
        Image.fromarray(rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)).save(root / f"{index}.jpg")
    spoil(root / "2.jpg", "cut off")
    with pytest.raises(DataError, match=r"2\.jpg.*truncated"):
        load_pairs(root, image_size=32)


def test_many_bad_files_are_counted_and_the_first_are_named(tmp_path):
    root = write_side_by_side(tmp_path / "mine", range(20))
    for index in range(12):
        spoil(root / f"{index:03d}.png", "empty")
    with pytest.raises(DataError, match=r"12 of 20 pairs.*000\.png.*004\.png.* and 7 more") as caught:
        load_pairs(root, image_size=32)
    assert "005.png" not in str(caught.value)


def test_whole_numbers_out_of_range_are_refused(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    Image.fromarray(np.full((40, 40), 100_000, np.int32)).save(root / "A" / "003.png", format="TIFF")
    with pytest.raises(DataError, match="outside 0 to 65535"):
        load_pairs(root, image_size=32)


def test_unmatched_names_are_listed(tmp_path):
    root = write_two_folders(tmp_path / "mine", 20)
    for index in range(8):
        (root / "B" / f"{index:03d}.png").unlink()
    picture().save(root / "B" / "extra.png")
    with pytest.raises(DataError, match=r"8 only in .*A: 000, 001, 002, 003, 004 and 3 more; and 1 only in .*B: extra"):
        load_pairs(root, image_size=32)


def test_one_name_with_two_endings_is_unclear(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    picture().save(root / "A" / "003.jpg")
    with pytest.raises(DataError, match=r"two endings.*003"):
        load_pairs(root, image_size=32)


def test_pairs_of_different_shapes_are_refused(tmp_path):
    root = write_two_folders(tmp_path / "mine")
    picture(BLUE, (60, 40)).save(root / "B" / "005.png")
    with pytest.raises(DataError, match=r"005\.png \(A is 40 x 40 and B 60 x 40: they cannot lie"):
        load_pairs(root, image_size=32)


def test_single_pictures_are_not_mistaken_for_pairs(tmp_path):
    for index in range(5):
        numbered(index).save(tmp_path / f"{index}.png")
    with pytest.raises(DataError, match=r"5 of 5.*40 x 40: too narrow for two pictures side by side"):
        load_pairs(tmp_path, image_size=32)


def test_an_odd_width_cannot_be_halved(tmp_path):
    root = write_side_by_side(tmp_path / "mine", range(5))
    picture(RED, (81, 40)).save(root / "001.png")
    with pytest.raises(DataError, match=r"001\.png \(is 81 wide, an odd number"):
        load_pairs(root, image_size=32)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_pairs(tmp_path, count):
    root = write_side_by_side(tmp_path / "mine", range(count))
    with pytest.raises(DataError, match=f"has {count} pairs?, but at least 3"):
        load_pairs(root, image_size=32)


def test_an_empty_folder_is_told_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"no pairs in .*side by side, or two folders A and B"):
        load_pairs(tmp_path, image_size=32)
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    with pytest.raises(DataError, match="no pairs in"):
        load_pairs(tmp_path, image_size=32)


def test_pictures_to_test_but_none_to_learn_from(tmp_path):
    write_side_by_side(tmp_path / "test", range(5))
    with pytest.raises(DataError, match="none to learn from: add a folder train"):
        load_pairs(tmp_path, image_size=32)


def test_a_held_out_folder_of_one_is_too_few(tmp_path):
    write_side_by_side(tmp_path / "train", range(5))
    write_side_by_side(tmp_path / "val", range(5, 6))
    with pytest.raises(DataError, match="too few different pairs: none is left for test"):
        load_pairs(tmp_path, image_size=32)


def test_a_missing_folder_is_named_with_its_nearest_neighbour(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError, match=r"no folder .*/holyday\. Did you mean 'holiday'"):
        load_pairs(tmp_path / "holyday", image_size=32)
    with pytest.raises(DataError, match=r"no folder .*/nowhere/at/all"):
        load_pairs(str(tmp_path / "nowhere" / "at" / "all"), image_size=32)


def test_a_file_is_not_a_folder(tmp_path):
    picture().save(tmp_path / "one.png")
    with pytest.raises(DataError, match=r"one\.png is a file"):
        load_pairs(tmp_path / "one.png", image_size=32)
