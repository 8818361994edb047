"""The skip cutter, moved without a browser: what it shows is what the cut generator draws."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import ssim
from pix2pix_edu.translation import Translator
from pix2pix_edu.unet import cut_skips
from pix2pix_edu.widgets import SkipCutter
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT, SHOWN_SIZE, at_size

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"), ["a", "b", "c"])


@pytest.fixture(scope="module")
def model():
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])  # untrained, it would draw plain grey
    return Translator(generator)


@pytest.fixture
def cutter(model):
    return SkipCutter(model, SPLIT)


def shown(cutter, position):
    left = position * (SHOWN_SIZE + 12)
    return cutter.picture[LABEL_HEIGHT:, left : left + SHOWN_SIZE]


def test_it_begins_with_all_skips_whole(cutter, model):
    assert list(cutter.controls) == ["index", "skip_16", "skip_8", "skip_4", "skip_2"]
    assert cutter.cut == ()
    np.testing.assert_array_equal(shown(cutter, 1), at_size(p2p.translate(model, SPLIT.sources[0])))
    np.testing.assert_array_equal(shown(cutter, 1), shown(cutter, 2))


@pytest.mark.parametrize(("name", "level"), [("skip_16", 4), ("skip_8", 3), ("skip_4", 2), ("skip_2", 1)])
def test_each_box_cuts_its_own_skip(cutter, model, name, level):
    before = cutter.png
    cutter.controls[name].value = False
    assert cutter.png != before and cutter.cut == (level,)
    expected = p2p.translate(Translator(cut_skips(model.generator, [level])), SPLIT.sources[0])
    np.testing.assert_array_equal(shown(cutter, 2), at_size(expected))
    np.testing.assert_array_equal(shown(cutter, 3), at_size(SPLIT.targets[0]))
    cutter.controls[name].value = True
    assert cutter.png == before


def test_the_caption_tells_the_change_of_ssim(cutter, model):
    cutter.set(index=2, skip_16=False, skip_4=False)
    before = float(ssim(SPLIT.targets[2], p2p.translate(model, SPLIT.sources[2]))[0])
    cut = Translator(cut_skips(model.generator, [4, 2]))
    after = float(ssim(SPLIT.targets[2], p2p.translate(cut, SPLIT.sources[2]))[0])
    assert cutter.text == f"Pair 2, c. Cut: 16 x 16, 4 x 4. SSIM {before:.2f} becomes {after:.2f}."


def test_what_was_drawn_once_is_remembered(cutter):
    first = cutter.translation(1, (2,))
    assert cutter.translation(1, (2,)) is first


def test_the_statistics_of_the_model_are_kept(model):
    batch = Translator(model.generator, statistics="batch")
    cutter = SkipCutter(batch, SPLIT)
    np.testing.assert_array_equal(shown(cutter, 1), at_size(p2p.translate(batch, SPLIT.sources[0])))
    assert not np.array_equal(shown(cutter, 1), shown(SkipCutter(model, SPLIT), 1))


def test_a_generator_without_skips_is_explained():
    with pytest.raises(UsageError, match="no skips to cut"):
        SkipCutter(Translator(p2p.generator_model(32, 2, skips=False)), SPLIT)
