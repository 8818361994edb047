"""Every measure against an implementation that we did not write, or against numbers worked out by hand."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import accuracy_score, jaccard_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

import pix2pix_edu as p2p
from pix2pix_edu.errors import DownloadError, UsageError
from pix2pix_edu.evaluation import (
    FcnScore,
    choose_features,
    compare,
    confusion_matrix,
    diversity,
    evaluate,
    fcn_score,
    lab_histogram_intersection,
    lab_histograms,
    label_classes,
    label_score,
    ms_ssim,
    ms_ssim_weights,
    painted,
    perceptual,
    perceptual_distance,
    psnr,
    real_score,
    split_score,
    spread,
    ssim,
    vgg16_weights,
    where_it_landed,
)
from pix2pix_edu.pairs.facades import CLASSES, PALETTE, colour_labels, facade_labels, render_facade
from pix2pix_edu.segmenter import segment

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


# --- MS-SSIM ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 48), (64, 64), (75, 91), (128, 128), (176, 180), (256, 256)])
def test_ms_ssim_equals_tensorflows(size):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    smooth = gaussian_filter(rng.normal(0, 1, (2, *size, 3)), (0, 3, 3, 0))
    real = np.clip(127 + 400 * smooth, 0, 255).astype("uint8")
    fake = np.clip(real + rng.normal(0, 25, real.shape), 0, 255).astype("uint8")
    weights = ms_ssim_weights(*size)
    expected = tf.image.ssim_multiscale(
        real.astype("float32"), fake.astype("float32"), max_val=255, power_factors=tuple(weights)
    )
    assert 0.1 < expected.numpy().min() < expected.numpy().max() < 0.99
    np.testing.assert_allclose(ms_ssim(real, fake), expected, atol=1e-4)


def test_ms_ssim_of_one_scale_is_ssim():
    real, fake = REAL[:, :20, :20], FAKE[:, :20, :20]
    np.testing.assert_allclose(ms_ssim(real, fake), ssim(real, fake))


@pytest.mark.parametrize(
    ("size", "scales"), [(11, 1), (21, 1), (22, 2), (32, 2), (64, 3), (128, 4), (175, 4), (176, 5)]
)
def test_ms_ssim_has_as_many_scales_as_fit(size, scales):
    weights = ms_ssim_weights(size, 1000)
    assert len(weights) == scales and weights.sum() == pytest.approx(1)
    assert (weights[1:] / weights[:-1]).round(3).tolist() == [6.375, 1.051, 0.787, 0.564][: scales - 1]


def test_ms_ssim_of_a_negative_is_zero_not_a_complex_number():
    noise = RNG.integers(0, 256, (1, 64, 64, 1)).astype("uint8")
    assert ms_ssim(noise, 255 - noise)[0] == 0


def test_ms_ssim_forgives_fine_noise_that_ssim_does_not():
    real = np.clip(127 + 900 * gaussian_filter(RNG.normal(0, 1, (1, 128, 128, 1)), (0, 4, 4, 0)), 0, 255)
    noisy = np.clip(real + RNG.normal(0, 40, real.shape), 0, 255).astype("uint8")
    assert ms_ssim(real.astype("uint8"), noisy)[0] > ssim(real.astype("uint8"), noisy)[0] + 0.1


# --- Lab histograms ---------------------------------------------------------------------------------------------------


def test_histograms_equal_numpys_on_scikit_images_lab():
    pixels = rgb2lab(REAL).reshape(-1, 3)
    found = lab_histograms(REAL, bins=21)
    for channel, (name, limits) in enumerate({"L": (0, 100), "a": (-110, 110), "b": (-110, 110)}.items()):
        expected = np.histogram(pixels[:, channel], bins=21, range=limits)[0] / len(pixels)
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].sum() == pytest.approx(1)


def test_all_greys_are_one_colour():
    """They must not fall on both sides of a border for a rounding error."""
    greys = np.repeat(np.arange(256, dtype="uint8")[None, :, None, None], 3, axis=-1)
    for name in "ab":
        assert lab_histograms(greys)[name].max() == 1


def test_every_colour_of_rgb_is_counted():
    steps = np.arange(0, 256, 15)
    everything = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 18, 3).astype("uint8")
    assert all(histogram.sum() == pytest.approx(1) for histogram in lab_histograms(everything).values())


def test_intersection_by_hand():
    """Real: half black, half white. Generated: a quarter white, the rest mid-grey."""
    real, fake = np.zeros((1, 4, 4, 3), "uint8"), np.full((1, 4, 4, 3), 128, "uint8")
    real[:, :2], fake[:, :1] = 255, 255
    found = lab_histogram_intersection(real, fake)
    assert found["L"] == pytest.approx(0.25)
    assert found["a"] == found["b"] == pytest.approx(1)


def test_places_do_not_count_and_neither_does_the_number_of_pictures():
    shuffled = RNG.permutation(REAL.reshape(-1, 3)).reshape(REAL.shape)
    expected = pytest.approx({"L": 1, "a": 1, "b": 1})
    assert lab_histogram_intersection(REAL, shuffled) == expected
    assert lab_histogram_intersection(REAL, np.concatenate([REAL, REAL])) == expected


def test_a_white_background_drowns_the_colours_and_a_mask_brings_them_back():
    red, blue = np.full((2, 1, 20, 20, 3), 255, "uint8")
    red[:, :4, :5], blue[:, :4, :5] = (200, 30, 30), (30, 30, 200)  # a twentieth of the picture
    assert lab_histogram_intersection(red, blue)["b"] > 0.9
    assert lab_histogram_intersection(red, blue, mask=painted(red))["b"] == 0
    assert lab_histogram_intersection(red, blue, mask=painted(red)[0])["b"] == 0  # one mask for all pictures
    assert painted(red).sum() == 20


def test_histograms_of_floats_are_those_of_uint8():
    bytes_, floats = lab_histograms(REAL), lab_histograms(REAL / 127.5 - 1)
    for name in bytes_:
        np.testing.assert_allclose(floats[name], bytes_[name], atol=1e-3)


@pytest.mark.parametrize(
    ("pictures", "options", "message"),
    [
        (REAL[..., :1], {}, "need RGB"),
        (REAL[0, 0], {}, "need RGB"),
        (REAL, {"bins": 0}, "bins=0"),
        (REAL, {"bins": 2.5}, "bins=2.5"),
        (REAL, {"mask": np.zeros(REAL.shape[:3], bool)}, "False everywhere"),
        (REAL, {"mask": np.ones(REAL.shape[:3])}, "must be bool"),
        (REAL, {"mask": np.ones((2, 2), bool)}, "must be bool of the shape"),
        (REAL[:0], {}, "no pictures"),
        (REAL / 1.0, {}, r"outside \[-1, 1\]"),
        (np.full(REAL.shape, np.nan), {}, "NaN"),
    ],
)
def test_histograms_that_cannot_be_made_are_explained(pictures, options, message):
    with pytest.raises(UsageError, match=message):
        lab_histograms(pictures, **options)


# --- Perceptual distance ----------------------------------------------------------------------------------------------

HOUSES = np.stack([render_facade(house, 64) for house in range(8)])
LABELS = np.stack([facade_labels(house, 64) for house in range(8)])


@pytest.fixture(autouse=True)
def no_vgg16_here(tmp_path, monkeypatch):
    """What is on this machine must not decide what these tests test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    perceptual._vgg16.cache_clear()
    yield
    perceptual._vgg16.cache_clear()


def blurred(pictures, sigma):
    return gaussian_filter(pictures.astype(float), (0, sigma, sigma, 0)).round().astype("uint8")


@pytest.mark.parametrize("what", ["houses", "drawings"])
def test_it_ranks_as_people_do_where_psnr_does_not(what):
    """Same, then shifted by two pixels, then blurred, then another one; PSNR takes the blurred for the better one."""
    pictures = HOUSES if what == "houses" else p2p.load_pairs("emoji", image_size=64).test.targets[::10][:12]
    shifted, blurry = np.roll(pictures, 2, axis=2), blurred(pictures, 1.5)
    others = np.roll(pictures, 1, axis=0)
    same, shift, blur, other = (
        perceptual_distance(pictures, fake).values.mean() for fake in (pictures, shifted, blurry, others)
    )
    assert same == 0 and 0.1 < shift < 0.8 * blur and blur < 0.8 * other and other < 2
    assert psnr(pictures, blurry).mean() > psnr(pictures, shifted).mean()


def test_the_distance_is_as_computed_by_hand():
    from pix2pix_edu.segmenter import feature_model

    layers = feature_model(perceptual.COURSE_LAYERS)
    seen = [[np.asarray(a, float) for a in layers(pictures / 127.5 - 1)] for pictures in (HOUSES[:1], HOUSES[1:2])]
    by_layer = []
    for one, other in zip(*seen, strict=True):
        cosine = (one * other).sum(-1) / np.maximum(
            np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1), 1e-12
        )
        by_layer.append(np.mean(2 - 2 * cosine))
    found = perceptual_distance(HOUSES[0], HOUSES[1])
    assert found.features == "course"
    assert found.values == pytest.approx([np.mean(by_layer)], abs=1e-3)


def test_batches_floats_grey_and_odd_sizes(monkeypatch):
    real, fake = HOUSES[:3], HOUSES[3:6]
    together = perceptual_distance(real, fake).values
    monkeypatch.setattr(perceptual, "BATCH", 2)
    np.testing.assert_allclose(perceptual_distance(real, fake).values, together, rtol=1e-4)
    np.testing.assert_allclose(perceptual_distance(real / 127.5 - 1, fake / 127.5 - 1).values, together, rtol=1e-4)
    grey = [np.repeat(pictures[..., :1], 3, axis=-1) for pictures in (real, fake)]
    np.testing.assert_allclose(
        perceptual_distance(real[..., :1], fake[..., :1]).values, perceptual_distance(*grey).values
    )
    assert perceptual_distance(real[:, :37, :51], fake[:, :37, :51]).values.shape == (3,)
    assert perceptual_distance(real[:0], fake[:0]).values.shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((HOUSES[:, :16], HOUSES[:, :16]), "at least 32 x 32"),
        ((HOUSES[..., :2], HOUSES[..., :2]), "RGB or grey"),
        ((HOUSES, HOUSES[:2]), "cannot be compared"),
        ((HOUSES, HOUSES, "vgg61"), "Did you mean 'vgg16'"),
        ((HOUSES, HOUSES, "vgg16"), "fetch=True"),
    ],
)
def test_distances_that_cannot_be_taken_are_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        perceptual_distance(*arguments)


def test_nothing_is_downloaded_unless_asked_for(monkeypatch):
    from pix2pix_edu.backend import keras

    calls = []

    def refuse(**options):
        calls.append(options["weights"])
        raise OSError("no route to host")

    monkeypatch.setattr(keras.applications, "VGG16", refuse)
    assert perceptual_distance(HOUSES, HOUSES).features == "course" and calls == []
    with pytest.raises(DownloadError, match=r'no route to host.*features="course"'):
        perceptual_distance(HOUSES, HOUSES, fetch=True)
    assert calls == ["imagenet"]


def test_vgg16_is_used_where_its_weights_are(tmp_path):
    """Its true architecture with weights of our own, since the real ones are 59 MB somewhere else."""
    from pix2pix_edu.backend import keras

    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
    vgg16_weights().parent.mkdir()
    save_as_keras_applications_do(network, vgg16_weights())
    assert vgg16_weights().is_relative_to(tmp_path) and choose_features() == "vgg16"

    found = perceptual_distance(HOUSES[:2], HOUSES[2:4])
    assert found.features == "vgg16"
    seen = []
    for pictures in (HOUSES[:2], HOUSES[2:4]):
        centred = pictures[..., ::-1].astype("float32") - np.array([103.939, 116.779, 123.68], "float32")
        layers = keras.Model(network.inputs[0], [network.get_layer(name).output for name in perceptual.VGG_LAYERS])
        seen.append([np.asarray(answer, float) for answer in layers(centred)])
    cosines = [
        (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)) for a, b in zip(*seen, strict=True)
    ]
    expected = np.mean([(2 - 2 * cosine).mean(axis=(1, 2)) for cosine in cosines], axis=0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert (perceptual_distance(HOUSES[:2], HOUSES[:2]).values == 0).all()

    vgg16_weights().write_bytes(b"cut off")
    perceptual._vgg16.cache_clear()
    perceptual._vgg16_layers.cache_clear()
    with pytest.raises(DownloadError, match="must be deleted first"):
        perceptual_distance(HOUSES[:2], HOUSES[2:4])


def save_as_keras_applications_do(network, path):
    """In the format of the file that Keras downloads, which is older than the one that it writes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{number}" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.get_weights(), strict=True):
                file[f"{layer.name}/{name}"] = weight


# --- FCN-score --------------------------------------------------------------------------------------------------------


def test_the_three_numbers_equal_scikit_learns():
    true, read = RNG.integers(0, 5, (2, 3, 8, 8))
    names = tuple("abcde")
    score = FcnScore(confusion_matrix(true, read, classes=5), names)
    true, read = true.ravel(), read.ravel()
    np.testing.assert_array_equal(score.confusion, sklearn_confusion_matrix(true, read, labels=range(5)))
    assert score.pixel_accuracy == pytest.approx(accuracy_score(true, read))
    assert score.class_accuracy == pytest.approx(recall_score(true, read, average="macro"))
    assert score.class_iou == pytest.approx(jaccard_score(true, read, average="macro"))
    recall, iou = recall_score(true, read, average=None), jaccard_score(true, read, average=None)
    for number, row in enumerate(score):
        assert (row.name, row.share) == (names[number], pytest.approx((true == number).mean()))
        assert (row.accuracy, row.iou) == (pytest.approx(recall[number]), pytest.approx(iou[number]))


def test_one_pooled_matrix_is_not_the_mean_over_pictures():
    """Class 1 fills one picture and one pixel of the other; averaged by pictures, that pixel would count as much."""
    true, read = np.zeros((2, 2, 8, 8), int)
    true[0], true[1, 0, 0], read[0] = 1, 1, 1
    score = FcnScore(confusion_matrix(true, read, classes=2), ("wall", "door"))
    assert score.rows[1].accuracy == pytest.approx(64 / 65)


def test_classes_that_do_not_occur_are_left_out():
    score = FcnScore(np.array([[6, 2, 0], [0, 0, 0], [0, 0, 0]]), ("wall", "door", "shop"))
    assert score.class_accuracy == 0.75  # the wall alone
    assert score.class_iou == (0.75 + 0.0) / 2  # the door was seen where there is none; the shop is left out
    assert np.isnan(score.rows[2].iou) and np.isnan(score.rows[1].accuracy)


def test_the_score_prints_as_a_table():
    lines = repr(FcnScore(np.array([[3, 1], [0, 4]]), ("wall", "door"))).splitlines()
    assert lines[0].split() == ["class", "share", "accuracy", "IoU"]
    assert lines[1].split() == ["wall", "0.500", "0.750", "0.750"]
    assert lines[3].split() == ["mean", "0.875", "0.775"]
    assert lines[4].split() == ["all", "pixels", "0.875"]


def test_the_score_is_the_confusion_of_labels_and_what_was_read():
    score = fcn_score(LABELS, HOUSES)
    expected = sklearn_confusion_matrix(LABELS.ravel(), segment(HOUSES).ravel(), labels=range(12))
    np.testing.assert_array_equal(score.confusion, expected)
    assert score.names == CLASSES


@pytest.mark.parametrize("form", ["int64", "uint8", "colours", "one picture"])
def test_labels_come_as_numbers_or_as_colours(form):
    expected = fcn_score(LABELS, HOUSES)
    if form == "one picture":
        single = fcn_score(LABELS[0], HOUSES[0]).confusion
        np.testing.assert_array_equal(single, fcn_score(colour_labels(LABELS[0]), HOUSES[0]).confusion)
        assert single.sum() == 64 * 64
    else:
        labels = colour_labels(LABELS) if form == "colours" else LABELS.astype(form)
        np.testing.assert_array_equal(fcn_score(labels, HOUSES).confusion, expected.confusion)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((1, 64, 64, 3), 7, "uint8"), r"4,096 of 4,096 .* \(7, 7, 7\)"),
        (np.full((1, 64, 64), 12), "from 0 to 11"),
        (np.full((1, 64, 64), -1), "from 0 to 11"),
        (LABELS / 1.0, "float64"),
        (LABELS[0, 0], "class numbers"),
        (np.zeros((64, 64, 4), "uint8")[None], "class numbers"),
    ],
)
def test_labels_that_are_none_are_explained(labels, message):
    with pytest.raises(UsageError, match=message):
        label_classes(labels)


@pytest.mark.parametrize(
    ("labels", "pictures", "message"),
    [
        (LABELS, HOUSES[:3], "need as many"),
        (LABELS, HOUSES / 127.5 - 1, "float64"),
        (LABELS[:0], HOUSES[:0], "nothing to score"),
        (LABELS[:, :32, :32], HOUSES[:, :32, :32], "64 x 64 or 128 x 128"),
    ],
)
def test_what_cannot_be_scored_is_explained(labels, pictures, message):
    with pytest.raises(UsageError, match=message):
        fcn_score(labels, pictures)


def test_generated_label_maps_are_scored_by_their_nearest_colour():
    colours = colour_labels(LABELS)
    assert label_score(LABELS, colours).class_iou == 1
    near = np.clip(colours + RNG.integers(-30, 31, colours.shape), 0, 255).astype("uint8")
    assert label_score(LABELS, near).pixel_accuracy == 1  # the colours of the palette are at least 85 apart
    swapped = LABELS.copy()
    swapped[LABELS == 2], swapped[LABELS == 3] = 3, 2
    score = label_score(LABELS, colour_labels(swapped))
    assert score.confusion[2, 3] == (LABELS == 2).sum() and score.rows[2].accuracy == 0
    by_hand = np.linalg.norm(near[..., None, :].astype(float) - PALETTE, axis=-1).argmin(-1)
    np.testing.assert_array_equal(
        label_score(LABELS, near).confusion, sklearn_confusion_matrix(LABELS.ravel(), by_hand.ravel(), labels=range(12))
    )


@pytest.fixture(scope="module")
def facades():
    return p2p.load_pairs("facades", image_size=64, train=1, val=1, test=8)


def test_the_real_score_finds_the_pictures_on_either_side(facades):
    wanted = fcn_score(facades.test.labels, facades.test.targets).confusion
    bare = p2p.Split(facades.test.sources, facades.test.targets)  # label maps in colours, and no numbers
    for split in (facades.test, facades.swap().test, bare, bare.swap()):
        np.testing.assert_array_equal(real_score(split).confusion, wanted)
    with pytest.raises(UsageError, match="no label maps"):
        real_score(p2p.Split(HOUSES, HOUSES))


def test_the_judge_of_a_split_is_one_that_can_read_it(facades):
    test, away = facades.test, facades.test.targets[::-1]
    np.testing.assert_array_equal(split_score(test, away).confusion, fcn_score(test.labels, away).confusion)
    turned = test.swap()
    drawn = turned.targets[::-1]
    np.testing.assert_array_equal(split_score(turned, drawn).confusion, label_score(test.labels, drawn).confusion)
    assert split_score(p2p.Split(HOUSES, HOUSES), HOUSES) is None  # nobody knows what is where
    small = p2p.load_pairs("facades", image_size=32, train=1, val=1, test=2).test
    assert split_score(small, small.targets) is None  # nobody reads 32 px


@pytest.mark.parametrize(("kind", "direction"), [("night", "AtoB"), ("edges", "BtoA"), ("blueprint", "BtoA")])
def test_nobody_judges_what_he_cannot_read(kind, direction):
    options = {"train": 1, "val": 1, "test": 8, "kind": kind, "direction": direction}
    split = p2p.load_pairs("facades", image_size=64, **options).test
    assert split.labels is not None and split_score(split, split.targets) is None
    readable = p2p.load_pairs("facades", image_size=64, **options | {"direction": "AtoB", "kind": "edges"}).test
    assert split_score(readable, readable.targets).pixel_accuracy > 0.8


# --- Diversity --------------------------------------------------------------------------------------------------------


def test_spread_equals_numpys_and_the_mean_over_all_pairs():
    answers = RNG.integers(0, 256, (4, 3, 8, 9, 3)).astype("uint8")
    found = spread(answers)
    np.testing.assert_allclose(found.deviation, answers.std(axis=0).mean(axis=(1, 2, 3)))
    pairs = [np.abs(answers[i].astype(int) - answers[j]) for i in range(4) for j in range(4) if i < j]
    np.testing.assert_allclose(found.pairwise_l1, np.mean(pairs, axis=0).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(spread(answers / 127.5 - 1).deviation, found.deviation)


def test_with_a_mask_only_its_pixels_count_for_each_source_by_itself():
    answers = RNG.integers(0, 256, (3, 2, 8, 9, 3)).astype("uint8")
    mask = RNG.random((2, 8, 9)) < 0.3
    found = spread(answers, mask)
    for number in range(2):
        inside = answers[:, number][:, mask[number]].astype(float)
        assert found.deviation[number] == pytest.approx(inside.std(axis=0).mean())
        apart = [np.abs(inside[one] - inside[other]).mean() for one, other in ((0, 1), (0, 2), (1, 2))]
        assert found.pairwise_l1[number] == pytest.approx(np.mean(apart))
    np.testing.assert_allclose(spread(answers, np.ones((8, 9), bool)).deviation, spread(answers).deviation)


@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        (np.zeros((2, 8, 9), bool), "False everywhere"),
        (np.stack([np.ones((8, 9), bool), np.zeros((8, 9), bool)]), "at least one source"),
        (np.ones((2, 8, 9)), "must be bool"),
        (np.ones((3, 8, 9), bool), r"shape \(2, 8, 9\)"),
    ],
)
def test_a_mask_that_chooses_nothing_or_does_not_fit_is_explained(mask, complaint):
    with pytest.raises(UsageError, match=complaint):
        spread(np.zeros((2, 2, 8, 9, 3), np.uint8), mask)


def test_half_black_and_half_white_is_the_most_that_answers_can_differ():
    answers = np.stack([np.full((1, 4, 4, 3), value, "uint8") for value in (0, 255, 0, 255)])
    assert spread(answers).deviation.tolist() == [127.5]


def lively(image_size=32, **options):
    """An untrained generator with weights so large that dropout shows in the picture."""
    generator = p2p.generator_model(image_size, 4, seed=1, **options)
    generator.set_weights([w * 8 if w.ndim == 4 else w for w in generator.get_weights()])
    return generator


@pytest.mark.parametrize("statistics", ["moving", "batch"])  # batch: as a model that was trained at batch size 1
def test_diversity_is_the_spread_of_translations_with_dropout(statistics):
    model = p2p.Pix2Pix(lively(), p2p.discriminator_model(32, 2), statistics=statistics)
    before = [weight.copy() for weight in model.generator.get_weights()]
    found = diversity(model, HOUSES[:2, :32, :32], samples=3, seed=5)
    answers = [p2p.translate(model, HOUSES[:2, :32, :32], dropout=True, seed=5 + k) for k in range(3)]
    np.testing.assert_array_equal(found.deviation, spread(np.stack(answers)).deviation)
    assert found.deviation.min() > 0.1 and found.pairwise_l1.shape == (2,)
    again = diversity(model, HOUSES[:2, :32, :32], samples=3, seed=5)
    np.testing.assert_array_equal(again.deviation, found.deviation)
    assert all((a == b).all() for a, b in zip(before, model.generator.get_weights(), strict=True))


def test_without_dropout_there_is_no_diversity():
    for statistics in ("moving", "batch"):
        found = diversity(lively(dropout=0.0), HOUSES[:2, :32, :32], samples=2, statistics=statistics)
        assert found.deviation.tolist() == found.pairwise_l1.tolist() == [0, 0]


def test_one_source_gives_one_number():
    assert diversity(lively(), HOUSES[0, :32, :32], samples=2).deviation.shape == (1,)


@pytest.mark.parametrize("samples", [1, 0, 2.5, True])
def test_one_answer_cannot_differ(samples):
    with pytest.raises(UsageError, match="two answers"):
        diversity(lively(), HOUSES[:1, :32, :32], samples=samples)


@pytest.mark.parametrize("answers", [HOUSES, HOUSES[None]])
def test_answers_that_cannot_be_compared_are_explained(answers):
    with pytest.raises(UsageError, match="two or more answers"):
        spread(answers)


# --- All of them ------------------------------------------------------------------------------------------------------


def test_evaluate_takes_every_measure_of_the_models_translations():
    generator = p2p.generator_model(32, 2, seed=1)
    split = p2p.Split(REAL[:, :32, :32], FAKE[:, :32, :32])
    real, fake = split.targets, p2p.translate(generator, split.sources)
    measured = evaluate(generator, split)
    assert measured == pytest.approx(
        compare(real, fake)
        | {
            "ms_ssim": ms_ssim(real, fake).mean(),
            "perceptual": perceptual_distance(real, fake).values.mean(),
            **{f"lab_{name}": value for name, value in lab_histogram_intersection(real, fake, painted(real)).items()},
        }
    )
    first = evaluate(generator, split, limit=1)
    assert first["l1"] == pytest.approx(compare(real[:1], fake[:1])["l1"])


def test_evaluate_scores_house_fronts(facades):
    generator = p2p.generator_model(64, 2, seed=1)
    measured = evaluate(generator, facades.test)
    score = fcn_score(facades.test.labels, p2p.translate(generator, facades.test.sources))
    assert measured["fcn_class_iou"] == pytest.approx(score.class_iou)
    assert measured["fcn_pixel_accuracy"] == pytest.approx(score.pixel_accuracy)
    assert measured["fcn_class_accuracy"] == pytest.approx(score.class_accuracy)
    turned = evaluate(generator, facades.swap().test)
    drawn = p2p.translate(generator, facades.test.targets)
    assert turned["fcn_class_iou"] == pytest.approx(label_score(facades.test.labels, drawn).class_iou)


def test_evaluate_leaves_out_what_a_split_does_not_allow():
    grey = p2p.Split(REAL[:, :32, :32], FAKE[:, :32, :32, :1])
    measured = evaluate(p2p.generator_model(32, 2, target_channels=1), grey)
    assert set(measured) == {"psnr", "ssim", "l1", "ms_ssim", "perceptual"}


def test_evaluate_counts_all_colours_where_the_targets_are_blank():
    blank = p2p.Split(REAL[:, :32, :32], np.full_like(REAL[:, :32, :32], 255))
    assert evaluate(p2p.generator_model(32, 2), blank)["lab_L"] < 1


def test_an_empty_split_is_explained():
    empty = p2p.Split(REAL[:0, :32, :32], FAKE[:0, :32, :32])
    with pytest.raises(UsageError, match="no pairs"):
        evaluate(p2p.generator_model(32, 2), empty)


def test_the_measures_that_need_no_network_load_none():
    code = (
        "import sys, numpy as np; from pix2pix_edu.evaluation import *; a = np.zeros((2, 32, 32, 3), np.uint8); "
        "compare(a, a); ms_ssim(a, a); lab_histogram_intersection(a, a); spread(a[None].repeat(2, axis=0)); "
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
