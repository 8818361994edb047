"""The task browser, moved without a browser: what it shows is what the shipped way of each task gives."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.applications import TASKS, hole_pairs, lab_pairs, rgb_pairs
from pix2pix_edu.errors import DataError
from pix2pix_edu.pairs.photos import fill_holes, lab_to_rgb
from pix2pix_edu.widgets import TaskBrowser
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, at_size
from pix2pix_edu.widgets.task_browser import SIZE, read_upload, uploaded

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
MAKERS = {"colour-lab": lab_pairs, "colour-rgb": rgb_pairs, "inpaint": hole_pairs}
NOW = datetime.now(UTC)
CHANNELS = {"colour-lab": (1, 2), "colour-rgb": (1, 3), "inpaint": (4, 3)}


def split_of(task):
    make = MAKERS.get(task.name)
    return p2p.Split(*make(PICTURES), ["a", "b", "c"]) if make else p2p.Split(PICTURES, PICTURES[::-1], ["a", "b", "c"])


@pytest.fixture(scope="module")
def models():
    made = {}
    for name in ("colour-lab", "colour-rgb", "inpaint", "night"):
        channels = CHANNELS.get(name, (3, 3))
        made[name] = p2p.generator_model(32, 2, *channels, seed=1)
        made[name].set_weights([5 * weight for weight in made[name].get_weights()])
    return made


@pytest.fixture
def browser(models):
    return TaskBrowser(["colour-lab", "colour-rgb", "inpaint", "night"], lambda task: models[task.name], split_of)


def shown(browser, position):
    left = position * (SIZE + GAP)
    return browser.picture[LABEL_HEIGHT:, left : left + SIZE]


def png(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def upload(picture, name="mine.png"):
    return ({"name": name, "type": "image/png", "size": 1, "content": memoryview(png(picture)), "last_modified": NOW},)


@pytest.mark.parametrize("task", ["colour-lab", "colour-rgb", "inpaint", "night"])
def test_each_task_shows_its_pictures_as_people_see_them(browser, models, task):
    browser.set(task=task, index=2)
    pair = split_of(TASKS[task])[2:3]
    drawn = p2p.translate(models[task], pair.sources)
    seen = {"colour-lab": lab_to_rgb, "inpaint": fill_holes}.get(task, lambda source, picture: picture)
    np.testing.assert_array_equal(shown(browser, 0), at_size(pair.sources[0], SIZE))
    np.testing.assert_array_equal(shown(browser, 1), at_size(seen(pair.sources, drawn)[0], SIZE))
    np.testing.assert_array_equal(shown(browser, 2), at_size(seen(pair.sources, pair.targets)[0], SIZE))
    assert browser.text.startswith("Pair 2, c: ") and TASKS[task].judged in browser.text
    distance = np.abs(seen(pair.sources, drawn).astype(float) - seen(pair.sources, pair.targets))
    where = pair.sources[..., 3] > 127 if task == "inpaint" else np.ones((1, 32, 32), bool)
    assert browser.loss == pytest.approx(distance[where].mean() / 127.5)


def test_a_picture_of_ones_own_is_coloured_and_filled(browser):
    own = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    browser.set(task="colour-rgb")
    browser.controls["upload"].value = upload(own)
    square = read_upload("mine.png", png(own), 32)
    np.testing.assert_array_equal(shown(browser, 2), at_size(square, SIZE))
    assert browser.text.startswith("Your picture mine.png") and browser.controls["index"].disabled
    browser.set(task="inpaint", hole=3)
    source = hole_pairs(square[None], 3)[0]
    np.testing.assert_array_equal(shown(browser, 0), at_size(source[0], SIZE))
    before = browser.png
    browser.set(hole=4)
    assert browser.png != before
    browser.set(task="night")  # whose source cannot be made from a picture
    assert browser.text.startswith("Pair") and browser.controls["upload"].disabled


def test_what_can_be_moved_follows_the_task(browser):
    assert browser.controls["hole"].disabled and not browser.controls["index"].disabled
    assert browser.controls["index"].max == 2
    browser.set(task="inpaint")
    assert browser.controls["hole"].disabled  # the test pairs have their holes


def test_a_file_that_is_no_picture_is_named(browser, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    file = upload(PICTURES[0], "notes.txt")[0] | {"content": memoryview(b"words")}
    browser.controls["upload"].value = (file,)
    assert isinstance(browser.error, DataError) and "notes.txt cannot be read as a picture" in str(browser.error)
    browser.controls["upload"].value = upload(PICTURES[0][:20], "small.png")
    assert "small.png is 32 x 20, smaller than 32 px" in str(browser.error)
    browser.controls["upload"].value = upload(PICTURES[0])
    assert browser.error is None and "mine.png" in browser.text


def test_uploads_of_both_versions_of_ipywidgets_are_read():
    content = png(PICTURES[0])
    new = ({"name": "a.png", "content": memoryview(content)},)
    old = {"a.png": {"metadata": {"name": "a.png", "size": len(content)}, "content": content}}
    assert uploaded(new) == uploaded(old) == ("a.png", content)


def test_a_photo_taken_lying_down_is_set_upright():
    picture = Image.fromarray(PICTURES[0])
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", exif=exif)
    np.testing.assert_array_equal(read_upload("turned.png", buffer.getvalue(), 32), PICTURES[0][::-1, ::-1])
