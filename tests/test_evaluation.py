"""PSNR and SSIM against scikit-image, which we did not write."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import compare, evaluate, psnr, ssim, where_it_landed

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (3, 40, 48, 3)).astype("uint8")
FAKE = np.clip(REAL + RNG.normal(0, 30, REAL.shape), 0, 255).astype("uint8")


def test_psnr_equals_scikit_image():
    expected = [peak_signal_noise_ratio(real, fake, data_range=255) for real, fake in zip(REAL, FAKE, strict=True)]
    np.testing.assert_allclose(psnr(REAL, FAKE), expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_equals_scikit_image(channels):
    real, fake = REAL[..., :channels], FAKE[..., :channels]
    expected = [
        structural_similarity(
            a, b, data_range=255, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(real, fake, strict=True)
    ]
    np.testing.assert_allclose(ssim(real, fake), expected, atol=1e-6)


def test_equal_pictures():
    assert np.isinf(psnr(REAL, REAL)).all()
    np.testing.assert_allclose(ssim(REAL, REAL), 1.0)


def test_one_picture_gives_one_number():
    assert psnr(REAL[0], FAKE[0]).shape == (1,)
    assert float(ssim(REAL[0], FAKE[0])[0]) == pytest.approx(float(ssim(REAL, FAKE)[0]))


def test_floats_and_uint8_agree():
    real, fake = REAL / 127.5 - 1, FAKE / 127.5 - 1
    np.testing.assert_allclose(psnr(real, fake), psnr(REAL, FAKE), rtol=1e-6)
    np.testing.assert_allclose(ssim(real, fake), ssim(REAL, FAKE), rtol=1e-6)


def test_both_prefer_the_average_of_two_right_answers_to_either_of_them():
    """The blind spot that the course is about: a stripe may be left or right, and the blur of both scores best."""
    left, right = np.zeros((2, 32, 32, 1), "uint8")
    left[:, 8:12], right[:, 20:24] = 255, 255
    blur = ((left.astype(int) + right) // 2).astype("uint8")
    assert psnr(right, blur) > psnr(right, left)
    assert ssim(right, blur) > ssim(right, left)


def test_compare_reports_the_l1_of_training():
    result = compare(REAL, FAKE)
    assert result["l1"] == pytest.approx(np.abs(REAL / 127.5 - FAKE / 127.5).mean())
    assert set(result) == {"psnr", "ssim", "l1"}


def test_evaluate_is_compare_on_the_models_translations():
    generator = p2p.generator_model(32, 2, seed=1)
    split = p2p.Split(REAL[:, :32, :32], FAKE[:, :32, :32])
    assert evaluate(generator, split) == compare(split.targets, p2p.translate(generator, split.sources))
    assert evaluate(generator, split, limit=1) == compare(
        split.targets[:1], p2p.translate(generator, split.sources[:1])
    )


@pytest.mark.parametrize(
    "real, fake, message",
    [
        (REAL, FAKE[:2], "cannot be compared"),
        (REAL[0, 0], FAKE[0, 0], "cannot be compared"),
        (REAL, FAKE / 127.5 - 1, "Give both as uint8"),
        (REAL.astype("int32"), FAKE.astype("int32"), "int32"),
        (REAL / 1.0, FAKE / 1.0, r"outside \[-1, 1\]"),
        (np.full((1, 16, 16, 1), np.nan), np.zeros((1, 16, 16, 1)), "NaN"),
    ],
)
def test_pictures_that_cannot_be_compared_are_explained(real, fake, message):
    with pytest.raises(UsageError, match=message):
        psnr(real, fake)


def test_pictures_smaller_than_the_window_are_explained():
    with pytest.raises(UsageError, match="11 x 11"):
        ssim(REAL[:, :10], FAKE[:, :10])


def test_an_empty_split_is_explained():
    empty = p2p.Split(REAL[:0, :32, :32], FAKE[:0, :32, :32])
    with pytest.raises(UsageError, match="no pairs"):
        evaluate(p2p.generator_model(32, 2), empty)


# --- Where a picture landed among several right answers ---------------------------------------------------------------

TONES = np.array([[252, 234, 43], [250, 220, 188], [222, 187, 144], [193, 154, 101], [165, 121, 57], [106, 70, 47]])


def flat(*colours):
    """One picture for each colour, 4 x 5 pixels; the first column is white in all of them."""
    pictures = np.broadcast_to(np.array(colours, "uint8")[:, None, None], (len(colours), 4, 5, 3)).copy()
    pictures[:, :, 0] = 255
    return pictures


ANSWERS = flat(*TONES)


@pytest.mark.parametrize("number", range(6))
def test_a_right_answer_is_nearest_to_itself(number):
    landed = where_it_landed(ANSWERS[number], ANSWERS)
    assert landed["nearest"] == 0 and landed["which"] == number
    by_hand = np.sqrt(np.mean((TONES[number] - TONES.mean(axis=0)) ** 2))
    assert landed["mean"] == pytest.approx(by_hand)


def test_the_mean_is_at_the_mean_and_as_far_from_an_answer_as_the_baseline_says():
    landed = where_it_landed(flat(TONES.mean(axis=0).round())[0], ANSWERS)
    assert landed["mean"] < 0.5
    assert landed["nearest"] == pytest.approx(landed["mean_to_nearest"], abs=0.5) and landed["which"] == 3


def test_every_value_between_the_middle_two_is_a_median():
    for place in (0, 0.3, 1):
        low, high = np.sort(TONES, axis=0)[2:4]
        assert where_it_landed(flat(low + place * (high - low))[0], ANSWERS)["median"] < 0.5
    above = where_it_landed(flat(high + np.array([10, 20, 30]))[0], ANSWERS)
    assert above["median"] == pytest.approx(np.sqrt(np.mean(np.square([10, 20, 30]))))
    halfway = where_it_landed(flat((low + high) / 2)[0], ANSWERS)
    assert halfway["nearest"] == pytest.approx(halfway["median_to_nearest"], abs=0.5)


def test_the_least_l1_and_the_least_l2_are_where_the_distances_are_zero():
    """By brute force over all values of one channel of one pixel."""
    answers = ANSWERS[:, 1:2, 1:2]
    values = np.arange(256)
    l1 = np.abs(values[:, None] - TONES[:, 0]).sum(axis=1)
    for value in np.flatnonzero(l1 == l1.min()):
        assert where_it_landed(np.array([[[value, 160, 80]]], "uint8"), answers)["median"] == 0
    l2 = ((values[:, None] - TONES[:, 0]) ** 2).sum(axis=1)
    best = int(l2.argmin())
    distances = [where_it_landed(np.array([[[value, 164, 97]]], "uint8"), answers)["mean"] for value in values]
    assert int(np.argmin(distances)) == best == 198


def test_only_the_pixels_count_at_which_the_answers_differ():
    drawn = ANSWERS[2].copy()
    drawn[:, 0] = 0  # wrong, but not ambiguous
    landed = where_it_landed(drawn, ANSWERS)
    assert landed["nearest"] == 0 and landed["pixels"] == 16


def test_a_patchwork_of_right_answers_is_none_of_them():
    drawn = ANSWERS[0].copy()
    drawn[2:] = ANSWERS[5, 2:]
    landed = where_it_landed(drawn, ANSWERS)
    assert landed["nearest"] > landed["apart"] > 20


def test_answers_next_to_each_other_are_as_far_apart_as_counted_by_hand():
    apart = [min(np.sqrt(np.mean((a - b) ** 2)) for b in TONES if (b != a).any()) for a in TONES.astype(float)]
    assert where_it_landed(ANSWERS[0], ANSWERS)["apart"] == pytest.approx(np.mean(apart))


@pytest.mark.parametrize(
    ("picture", "answers", "message"),
    [
        (ANSWERS[0] / 255, ANSWERS, "must be uint8"),
        (ANSWERS[0, :2], ANSWERS, "of the same size"),
        (ANSWERS[0], ANSWERS[0], "of the same size"),
        (ANSWERS[0], ANSWERS[:1], "two or more answers"),
        (ANSWERS[0], ANSWERS[[3, 3, 3]], "differ nowhere by more than 60"),
    ],
)
def test_what_cannot_be_placed_is_explained(picture, answers, message):
    with pytest.raises(UsageError, match=message):
        where_it_landed(picture, answers)
