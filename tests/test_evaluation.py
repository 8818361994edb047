"""PSNR and SSIM against scikit-image, which we did not write."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import compare, evaluate, psnr, ssim

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
